"""Editing traces: what people really typed, key by key, and texts made up to be hard.

A patch is (start, end, text) in code points of the text as it is then, so what `TextBuffer.replace` takes.
"""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import NamedTuple

WHERE = (
    "no trace {name} in {folder}: take the folder of the public collection josephg/editing-traces "
    "(https://github.com/josephg/editing-traces; sequential_traces and concurrent_traces) and name it with --traces"
)

LETTERS = "etaoin shrdlu"

Patch = tuple[int, int, str]


class MissingTrace(Exception):
    pass


class Trace(NamedTuple):
    start: str
    patches: list[Patch]
    end: str


class Turn(NamedTuple):
    """What one author did at once, and which turns of others (by number) that author had seen."""

    author: int
    seen: list[int]
    patches: list[Patch]


class Concurrent(NamedTuple):
    authors: int
    turns: list[Turn]
    end: str


def find(folder: Path, name: str) -> Path:
    """A trace in the collection as it is, or in a folder of its files; of two the one with ASCII only."""
    for inside in (
        "ascii_only",
        "sequential_traces/ascii_only",
        "",
        "sequential_traces",
        "concurrent_traces",
    ):
        path = folder / inside / f"{name}.json.gz"
        if path.is_file():
            return path
    raise MissingTrace(WHERE.format(name=name, folder=folder))


def load(folder: Path, name: str) -> Trace:
    data = json.loads(gzip.decompress(find(folder, name).read_bytes()))
    patches = [(at, at + count, text) for turn in data["txns"] for at, count, text in turn["patches"]]
    return Trace(data["startContent"], patches, data["endContent"])


def load_concurrent(folder: Path, name: str) -> Concurrent:
    """The turns of a trace with several authors, each with the turns that its author takes in just before."""
    data = json.loads(gzip.decompress(find(folder, name).read_bytes()))
    authors = data["numAgents"]
    by_author: list[list[int]] = [[] for _ in range(authors)]
    # For each turn how many turns of each author it knows, itself included; and what each author has taken in.
    knows: list[list[int]] = []
    taken = [[0] * authors for _ in range(authors)]
    turns: list[Turn] = []
    for number, turn in enumerate(data["txns"]):
        author = turn["agent"]
        known = [
            max([knows[parent][other] for parent in turn["parents"]], default=0) for other in range(authors)
        ]
        assert known[author] == len(by_author[author]), (
            f"turn {number} does not know all of its author's turns"
        )
        seen: list[int] = []
        for other in range(authors):
            if other != author:
                assert known[other] >= taken[author][other], f"turn {number} has forgotten something"
                seen += by_author[other][taken[author][other] : known[other]]
                taken[author][other] = known[other]
        known[author] += 1
        by_author[author].append(number)
        knows.append(known)
        patches = [(at, at + count, text) for at, count, text in turn["patches"]]
        turns.append(Turn(author, sorted(seen), patches))
    return Concurrent(authors, turns, data["endContent"])


def applied(text: str, patches: list[Patch]) -> str:
    """The text after the patches. Slow and plain."""
    characters = list(text)
    for start, end, new in patches:
        characters[start:end] = new
    return "".join(characters)


def bursts(size: int, edits: int, seed: int) -> list[Patch]:
    """Single characters in bursts at random places of a text of `size`; one in ten is a deletion."""
    rng = random.Random(seed)
    patches: list[Patch] = []
    while len(patches) < edits:
        caret = rng.randrange(size + 1)
        for _ in range(min(rng.randrange(5, 40), edits - len(patches))):
            if rng.random() < 0.1 and caret:
                patches.append((caret - 1, caret, ""))
                caret -= 1
                size -= 1
            else:
                patches.append((caret, caret, rng.choice(LETTERS)))
                caret += 1
                size += 1
    return patches


def scattered(size: int, edits: int, seed: int, deletions: float) -> list[Patch]:
    """Single characters, each at another random place."""
    rng = random.Random(seed)
    patches: list[Patch] = []
    for _ in range(edits):
        if rng.random() < deletions and size:
            at = rng.randrange(size)
            patches.append((at, at + 1, ""))
            size -= 1
        else:
            at = rng.randrange(size + 1)
            patches.append((at, at, rng.choice(LETTERS)))
            size += 1
    return patches


def prepends(edits: int) -> list[Patch]:
    return [(0, 0, LETTERS[number % len(LETTERS)]) for number in range(edits)]


def shifted(patches: list[Patch], by: int) -> list[Patch]:
    """The same patches in a text that has `by` more characters before."""
    return [(start + by, end + by, text) for start, end, text in patches]
