"""Who wrote each line of a text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import NamedTuple

from crdt import TextBuffer, Version


class BlamedLine(NamedTuple):
    """A line and its author."""

    number: int
    """From 1."""
    name: str
    """The author of most of its visible characters, of equal shares the latest; "" for text that was in the file from
    the start."""
    seconds: int
    """Wall-clock second of the author's newest character in the line; 0 if unknown."""
    text: str
    """Without the line break."""


def as_it_was(buffer: TextBuffer, version: Version) -> TextBuffer:
    """Return a copy of the replica whose text is that of a version, each character with its author. O(document)."""
    copy = TextBuffer.decode(buffer.encode())
    copy.restore(version)
    return copy


def blame(
    buffer: TextBuffer, first: int = 1, last: int | None = None, newest: bool = False
) -> list[BlamedLine]:
    """Return the lines `first` to `last` (both included, from 1; None: the last one) with their authors. O(document).

    With `newest`, a line belongs to the author of its newest character, as in git.
    """
    lines = buffer.text.split("\n")
    if lines[-1] == "":
        lines.pop()
    chosen = lines[first - 1 : last]
    start = sum(map(len, lines[: first - 1])) + len(lines[: first - 1])
    found: list[BlamedLine] = []
    stretches = _stretches(buffer, start, min(len(buffer), start + sum(map(len, chosen)) + len(chosen)))
    low, high, name, seconds = next(stretches, (start, start, "", 0))
    for number, text in enumerate(chosen, first):
        # The line break counts only in an empty line.
        end = start + (len(text) or 1)
        shares: dict[str, list[int]] = {}
        while low < end:
            share = shares.setdefault(name, [0, 0])
            share[0] += min(high, end) - max(low, start)
            share[1] = max(share[1], seconds)
            if high >= end:
                break
            low, high, name, seconds = next(stretches, (end, end, "", 0))
        author, newest_s = _main_author(shares, newest)
        found.append(BlamedLine(number, author, newest_s, text))
        start += len(text) + 1
        while high <= start and low < high:
            low, high, name, seconds = next(stretches, (start, start, "", 0))
    return found


def _stretches(buffer: TextBuffer, start: int, end: int) -> Iterator[tuple[int, int, str, int]]:
    for low, high, site, seconds in buffer.authorship(start, end):
        yield low, high, buffer.author_of(site), seconds


def _main_author(shares: dict[str, list[int]], newest: bool) -> tuple[str, int]:
    if not shares:
        return "", 0
    keys = {
        name: (newest_s, size) if newest else (size, newest_s) for name, (size, newest_s) in shares.items()
    }
    author = max(keys, key=lambda name: (keys[name], name))
    return author, shares[author][1]


def main_author(buffer: TextBuffer, start: int, end: int) -> tuple[str, int]:
    """Return who wrote most of the characters from `start` to `end`, and the wall-clock second of their newest one; see
    `BlamedLine`. O(log n), plus the runs there."""
    shares: dict[str, list[int]] = {}
    for low, high, name, seconds in _stretches(buffer, start, end):
        share = shares.setdefault(name, [0, 0])
        share[0] += high - low
        share[1] = max(share[1], seconds)
    return _main_author(shares, newest=False)


def porcelain(lines: Iterable[BlamedLine], file: str) -> Iterator[str]:
    """Yield the lines in the form of `git blame --porcelain`, without line breaks.

    A commit is an author at a second; its id says nothing else, and the same history gives the same ids everywhere.
    """
    listed = list(lines)
    told: set[str] = set()
    for at, line in enumerate(listed):
        commit = _commit_of(line)
        head = f"{commit} {line.number} {line.number}"
        if not at or _commit_of(listed[at - 1]) != commit:
            size = 1
            while at + size < len(listed) and _commit_of(listed[at + size]) == commit:
                size += 1
            head += f" {size}"
        yield head
        if commit not in told:
            told.add(commit)
            name = " ".join(line.name.split()) or "(the file)"
            for who in ("author", "committer"):
                yield f"{who} {name}"
                yield f"{who}-mail <>"
                yield f"{who}-time {line.seconds}"
                yield f"{who}-tz +0000"
            yield f"summary {name}"
            yield f"filename {file}"
        yield f"\t{line.text}"


def _commit_of(line: BlamedLine) -> str:
    name = f"{line.seconds} {line.name}".encode("utf-8", "surrogatepass")
    return blake2b(name, digest_size=20).hexdigest()
