"""Which characters are visible at a version, computed from the levels in the logs.

A version that includes another one needs only what was done in between, so `Visibilities` keeps the last few. And where
a text differs from another version in few places, most chunks of runs need no look: `differing_chunks`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

from crdt.messages import DELETED
from crdt.runs import RunList
from crdt.site import Site
from crdt.version import Version

Visible = dict[int, bytearray]
"""For each site, by index: one byte per character, 1 if visible, 0 if not."""

NOTHING_LEFT_OUT: Final[dict[int, Sequence[tuple[int, int]]]] = {}

_SHOWN: Final = b"\1"
_HIDDEN: Final = b"\0"

_BLOCK: Final = 2048
"""Two versions of a site's characters are compared in blocks of so many bytes; most are equal."""

_RUNS_PER_CHUNK_MAX: Final = 4
"""Above so many differing runs for each chunk of a document, looking at all of them takes less."""


class Visibility:
    """The visible characters at a version."""

    __slots__ = ("_again", "by_site", "is_complete", "version")

    def __init__(
        self,
        sites: list[Site],
        version: Version,
        without: Mapping[int, Sequence[tuple[int, int]]] = NOTHING_LEFT_OUT,
        before: Visibility | None = None,
    ) -> None:
        """O(raises log raises), plus copying the characters. With `before`, at a version that is part of this one, O(raises
        in between).

        `without` maps site indexes to ordered ranges of clocks that are ignored; then there is no `before`.
        """
        self.version: Final = version
        self.by_site: Final[Visible] = {}
        # Nearly all raises delete for the first time. Only the others need an order, in which the highest level wins.
        again = [] if before is None else before._again.copy()
        total = 0
        for site in sites:
            clock = min(version.get(site.id), site.clock)
            if clock:
                total += clock
                count = site.seq_at(clock)
                start = None if before is None else before.by_site.get(site.index)
                self.by_site[site.index] = (
                    bytearray(_SHOWN) * count if start is None else start + _SHOWN * (count - len(start))
                )
        is_complete = total == version.total and not without
        for site in sites:
            end = min(version.get(site.id), site.clock)
            begin = 0 if before is None else before.version.get(site.id)
            if begin >= end:
                continue
            left_out = without.get(site.index, ())
            first = max(0, bisect_right(site.raise_clock, begin) - 1) if begin else 0
            for at in range(first, bisect_left(site.raise_clock, end)):
                clock = site.raise_clock[at]
                count = min(site.raise_length(at), end - clock)
                if clock < begin:
                    count -= begin - clock
                    clock = begin
                    if count <= 0:
                        continue
                target, seq, step, level = site.raised(at, clock)
                known = self.by_site.get(target)
                if known is None:
                    is_complete = False
                    continue
                low = seq if step > 0 else seq - count + 1
                if low + count > len(known):
                    is_complete = False
                if left_out:
                    for start_clock, stop_clock in _rest(clock, clock + count, left_out):
                        seq_there = seq + step * (start_clock - clock)
                        length = stop_clock - start_clock
                        low = seq_there if step > 0 else seq_there - length + 1
                        again.append((level, target, low, low + length))
                elif level != DELETED:
                    again.append((level, target, low, low + count))
                elif count == 1:
                    if seq < len(known):
                        known[seq] = 0
                else:
                    high = min(low + count, len(known))
                    if low < high:
                        known[low:high] = bytes(high - low)
        again.sort()
        for level, target, low, high in again:
            known = self.by_site[target]
            high = min(high, len(known))
            if low < high:
                known[low:high] = (_SHOWN if level & 1 else _HIDDEN) * (high - low)
        for site in sites:
            for begin, stop in without.get(site.index, ()):
                known = self.by_site.get(site.index)
                if known is not None:
                    low, high = site.seq_at(begin), min(site.seq_at(stop), len(known))
                    known[low:high] = _HIDDEN * (high - low)
        self._again: Final[list[tuple[int, int, int, int]]] = again
        """The raises that do not delete for the first time, in order: level, target site, first seq, end."""
        self.is_complete: Final = is_complete
        """False if the version has operations that are unknown here, or whose characters it does not have."""


class Visibilities:
    """The visible characters at some of the versions that were asked about, far from each other if those are many."""

    __slots__ = ("_found", "_most")

    def __init__(self, most: int = 4) -> None:
        self._found: Final[list[Visibility]] = []
        """In order of their operations."""
        self._most: Final = most
        """Each takes a byte for each character that was ever written."""

    def at(self, sites: list[Site], version: Version) -> Visibility:
        """Return the visible characters at a version; nobody may change them. What takes time are the operations since the
        latest known version that is a part of it."""
        total = version.total
        place = bisect_right(self._found, total, key=_total)
        before: Visibility | None = None
        for at in range(place - 1, -1, -1):
            if self._found[at].version <= version:
                before = self._found[at]
                break
        if before is not None and before.version == version:
            return before
        found = Visibility(sites, version, before=before)
        if found.is_complete:
            self._found.insert(place, found)
            if len(self._found) > self._most:
                gaps = [
                    (it.version.total - earlier.version.total, at)
                    for at, (earlier, it) in enumerate(pairwise(self._found), 1)
                    if it is not found
                ]
                del self._found[min(gaps)[1]]
        return found


def _total(it: Visibility) -> int:
    return it.version.total


def _rest(start: int, end: int, without: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield the parts of `start` to `end` outside these ranges, which are ordered and do not touch. O(log ranges),
    plus the ranges in between."""
    for at in range(max(0, bisect_right(without, (start, start)) - 1), len(without)):
        begin, stop = without[at]
        if stop <= start:
            continue
        if begin >= end:
            break
        if begin > start:
            yield start, begin
        start = stop
    if start < end:
        yield start, end


def stretches(visible: bytearray, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the stretches of ones from `start` to `end`."""
    end = min(end, len(visible))
    while start < end:
        low = visible.find(1, start, end)
        if low < 0:
            return
        high = visible.find(0, low, end)
        if high < 0:
            high = end
        yield low, high
        start = high


def difference(one: bytearray, other: bytearray) -> bytearray:
    """Return 1 for each character that only one of two versions shows; empty if they are equal."""
    if one == other:
        return bytearray()
    length = max(len(one), len(other))
    found = bytearray(length)
    for low in range(0, length, _BLOCK):
        high = min(length, low + _BLOCK)
        left, right = one[low:high], other[low:high]
        if left != right:
            bits = int.from_bytes(left, "little") ^ int.from_bytes(right, "little")
            found[low:high] = bits.to_bytes(high - low, "little")
    return found


def marked(characters: Iterable[tuple[Site, int, int]]) -> Visible:
    """Return 1 for each of some characters: sites, first seqs and ends."""
    found: Visible = {}
    for site, low, high in characters:
        marks = found.get(site.index)
        if marks is None:
            marks = found[site.index] = bytearray(site.count)
        marks[low:high] = _SHOWN * (high - low)
    return found


def differing_chunks(
    sites: list[Site], runs: RunList, now: Visible, others: Sequence[Visible]
) -> set[int] | None:
    """Return the numbers of the chunks in which one of some versions shows other characters than the text, whose visible
    characters are `now`. None if those are many, or to find them would take longer than to look at all.

    O(characters) by comparing bytes, plus the differing runs.
    """
    if not runs.indexed:
        return None
    found: set[int] = set()
    left = _RUNS_PER_CHUNK_MAX * runs.chunk_count
    empty = bytearray()
    for site in sites:
        shown = now.get(site.index, empty)
        for other in others:
            differs = difference(shown, other.get(site.index, empty))
            for low, high in stretches(differs, 0, len(differs)):
                while low < high:
                    run = runs.run_of(site, low)
                    found.add(run.chunk)
                    low = run.seq + run.length
                    left -= 1
                    if left < 0:
                        return None
    return found
