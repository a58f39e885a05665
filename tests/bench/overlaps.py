"""Two edit a text of twelve words while apart: which words has nobody typed afterwards, and who is told?

    python -m tests.bench.overlaps

One to three edits each: another word in a word's place (now and then the same by both), a letter into a word, a word or a line
deleted. Ours then does what the editor does: takes the second copy of what both made out, and lists what both touched. The other
replicated texts merge, and have no list. Last: how long the list of 200 changes takes in a text of a million operations.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from crdt import TextBuffer, Version
from jpterm_like.history.same_changes import my_operations, same_changes
from tests.bench.peers import Loro, Ours, Peer, Pycrdt
from tests.bench.traces import Patch

MERGES: Final = 3000
CHANGES: Final = 200
OPERATIONS: Final = 1_000_000
WORD: Final = re.compile(r"\w+")


class Outcome(NamedTuple):
    """The result of one merge."""

    odd: int
    """Words that nobody typed."""
    silent: int
    """Those of them that nobody was told of."""
    doubled: int
    """Words that both put in the place of the same one, and that are there twice."""


def edits(text: str, tag: str, chance: random.Random) -> list[Patch]:
    """Return the edits of one of the two."""
    found: list[Patch] = []
    for _ in range(chance.randrange(1, 4)):
        words = list(WORD.finditer(text))
        if not words:
            break
        word, what = chance.choice(words), chance.random()
        if what < 0.35:
            start, end, put = word.start(), word.end(), chance.choice(["fix", f"{tag}{chance.randrange(99)}"])
        elif what < 0.6:
            start = end = chance.randrange(word.start(), word.end() + 1)
            put = tag.lower()
        elif what < 0.8:
            start, end, put = word.start(), min(len(text), word.end() + 1), ""
        else:
            start = text.rfind("\n", 0, word.start()) + 1
            end, put = text.find("\n", start) + 1 or len(text), ""
        found.append((start, end, put))
        text = text[:start] + put + text[end:]
    return found


def outcome(peer: Peer, seed: int) -> Outcome:
    """Merge what two did, and look at the words."""
    chance = random.Random(seed)
    words = [f"w{number:03}" for number in range(12)]
    base = " ".join(words[:6]) + "\n" + " ".join(words[6:]) + "\n"
    data = peer.encode(peer.new(base, 1))
    one, other = peer.decode(data, 2), peer.decode(data, 3)
    common = peer.version(one)
    for doc, tag in ((one, "A"), (other, "B")):
        peer.replay(doc, edits(base, tag, chance))
    versions, texts = (peer.version(one), peer.version(other)), (peer.text(one), peer.text(other))
    peer.taker(one)(peer.since(other, versions[0]))
    told = listed(one, common, *versions) if isinstance(peer, Ours) else []
    text = peer.text(one)
    typed = set(WORD.findall(base + texts[0] + " " + texts[1]))
    odd = [it for it in WORD.finditer(text) if it[0] not in typed]
    silent = [it for it in odd if not any(start <= it.end() and it.start() <= end for start, end in told)]
    return Outcome(len(odd), len(silent), len(re.findall("fixfix", text)))


def listed(mine: TextBuffer, common: Version, my_version: Version, theirs: Version) -> list[tuple[int, int]]:
    """Do what the editor does, and return the places that it tells of."""
    overlaps = mine.overlaps(common, my_version, theirs)
    same = same_changes(mine, common, overlaps)
    mine.revert(my_operations(same))
    return [(mine.offset(it.first) or 0, mine.offset(it.last) or 0) for it in overlaps if it not in same]


def list_seconds(operations: int) -> tuple[float, int]:
    """How long the processor takes to find what is to be reviewed, after 200 changes of each of two; and how many places both touched."""
    chance = random.Random(1)
    text = "".join(chance.choice("abcdefghij klmnop qrst\n") for _ in range(operations // 3))
    mine = TextBuffer.genesis(text, site=11)
    for _ in range(operations // 30):  # ten operations each
        at = chance.randrange(len(mine) - 10)
        mine.replace(at, at + 5, "typed")
    other = TextBuffer.decode(mine.encode(), site=12)
    common = mine.version
    for doc in (mine, other):
        for _ in range(CHANGES):
            at = chance.randrange(len(doc) - 10)
            doc.replace(at, at + chance.randrange(6), "words")
    my_version, theirs = mine.version, other.version
    mine.integrate(other.changes_since(my_version))
    begin = time.process_time()
    overlaps = mine.overlaps(common, my_version, theirs)
    found = mine.changes(my_version, mine.version)
    assert len(found) >= CHANGES * 0.9, len(found)
    return time.process_time() - begin, len(overlaps)


def main() -> None:
    import crdt

    makers: list[tuple[str, Callable[[], Any]]] = [
        ("ours", lambda: Ours("ours", crdt.compiled)),
        ("loro", Loro),
        ("pycrdt", Pycrdt),
    ]
    print("| | words that nobody typed | of them told to nobody | doubled corrections |\n|---|--:|--:|--:|")
    for name, make in makers:
        try:
            peer = make()
        except ImportError:
            print(f"| {name} (not installed) | | | |")
            continue
        found = [outcome(peer, seed) for seed in range(MERGES)]
        print(f"| {peer.versions()} | " + " | ".join(str(sum(it)) for it in zip(*found, strict=True)) + " |")
    seconds, places = list_seconds(OPERATIONS)
    how = "compiled" if crdt.compiled else "pure Python"
    print(
        f"\n{CHANGES} changes each, {OPERATIONS:,} operations ({how}): {seconds * 1000:.0f} ms, {places} places"
    )


if __name__ == "__main__":
    main()
