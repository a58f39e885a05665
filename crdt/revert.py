"""Reverts operations: finds the characters whose visibility would differ without them.

*Operations* are ranges of clocks by site, of any author. They are ignored and all others count as before. So exactly
one person's work is removed: the text they typed goes, even if somebody deleted and restored it since; the text they
deleted is back, unless somebody else deleted it too; the text that others typed in between stays.

    Ann   types "one two", deletes "one"     Bob   types "three" after it, deletes "two", and "one" too
    without Bob's operations                 " two" (Ann deleted "one" as well)

Nothing here changes a text; `TextBuffer.revert` does that, as a new edit. *Like* `git revert`, by ids.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from crdt.runs import RunList
from crdt.site import Site
from crdt.version import Version
from crdt.visibility import Visibility, Visible, difference, stretches

Operations = Mapping[int, Sequence[tuple[int, int]]]
"""For each site, ranges of its clocks, the end not included."""

Difference = tuple[Site, int, int, bool]
"""Neighbouring characters whose visibility differs: site, first seq, end, and True if they are to be shown."""

SHOWN_AGAIN: Final = 3
"""Lowest level of a character that was deleted and restored."""


def find_differences(sites: list[Site], version: Version, operations: Operations) -> list[Difference]:
    """Return the characters that would differ without some operations. O(document)."""
    left_out = {
        site.index: merged_ranges(operations[site.id], site.clock) for site in sites if site.id in operations
    }
    if not any(left_out.values()):
        return []
    now = Visibility(sites, version)
    return differences_between(sites, now.by_site, Visibility(sites, version, left_out).by_site)


def keep_within(runs: RunList, differences: list[Difference], start: int, end: int) -> list[Difference]:
    """Return the differences between two offsets of the current text, with the deleted characters at both edges.
    O(runs + differences)."""
    ranges: dict[int, list[tuple[int, int]]] = {}
    offset = 0
    for run in runs:
        low, high = run.seq, run.seq + run.length
        if run.level & 1:
            begin, offset = offset, offset + run.length
            low, high = max(low, low + start - begin), min(high, high + end - offset)
        elif not start <= offset <= end:
            continue
        if low < high:
            ranges.setdefault(run.site.index, []).append((low, high))
        elif offset > end:
            break
    found: list[Difference] = []
    for inside in ranges.values():
        inside.sort()
    for site, low, high, shows in differences:
        inside = ranges.get(site.index, [])
        for at in range(max(0, bisect_right(inside, (low, low)) - 1), len(inside)):
            begin, stop = max(low, inside[at][0]), min(high, inside[at][1])
            if inside[at][0] >= high:
                break
            if begin < stop:
                found.append((site, begin, stop, shows))
    return found


def differences_between(sites: list[Site], now: Visible, wanted: Visible) -> list[Difference]:
    """Return the characters that are not as in `wanted`; those that one of both does not know are hidden there. O(characters)
    by comparing bytes."""
    found: list[Difference] = []
    empty = bytearray()
    for site in sites:
        after = wanted.get(site.index, empty)
        differs = difference(now.get(site.index, empty), after)
        for low, high in stretches(differs, 0, len(differs)):
            while low < high:
                shows = low < len(after) and after[low] == 1
                stop = after.find(0 if shows else 1, low, high)
                if stop < 0:
                    stop = min(high, len(after)) if shows else high
                found.append((site, low, stop, shows))
                low = stop
    return found


def work_of(sites: list[Site], chosen: Collection[int], since: Version) -> dict[int, list[tuple[int, int]]]:
    """Return the operations of some sites since a version, without characters that somebody else has restored: those
    belong to that person now.

    O(raises of the others, plus the characters these sites typed since).
    """
    ranges: dict[int, list[tuple[int, int]]] = {}
    theirs: list[tuple[int, int, int, int]] = []
    typed: dict[int, tuple[int, int]] = {}
    for site in sites:
        begin = since.get(site.id)
        if site.id in chosen and begin < site.clock:
            ranges[site.id] = [(begin, site.clock)]
            typed[site.index] = (site.seq_at(begin), site.count)
    for site in sites:
        if site.id in chosen:
            continue
        for at in range(len(site.raise_clock)):
            target, seq, step, level = site.raised(at, site.raise_clock[at])
            if target in typed:
                count = site.raise_length(at)
                low = seq if step > 0 else seq - count + 1
                theirs.append((level, target, low, low + count))
    if not theirs:
        return ranges
    kept: dict[int, bytearray] = {}
    for level, target, low, high in sorted(theirs):
        begin, end = typed[target]
        low, high = max(low, begin) - begin, min(high, end) - begin
        if low < high:
            marks = kept.setdefault(target, bytearray(end - begin))
            marks[low:high] = (b"\1" if level & 1 and level >= SHOWN_AGAIN else b"\0") * (high - low)
    for target, marks in kept.items():
        site, begin = sites[target], typed[target][0]
        for low, high in stretches(marks, 0, len(marks)):
            for seq in range(begin + low, begin + high):
                _cut(ranges[site.id], site.clock_of(seq))
    return ranges


def merged_ranges(ranges: Sequence[tuple[int, int]], end: int) -> list[tuple[int, int]]:
    """Return the ranges sorted and merged, up to the clock `end`."""
    found: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        low, high = max(0, low), min(high, end)
        if found and low <= found[-1][1]:
            low, high = found[-1][0], max(high, found[-1][1])
            found.pop()
        if low < high:
            found.append((low, high))
    return found


def _cut(ranges: list[tuple[int, int]], clock: int) -> None:
    """Remove one clock from ordered ranges; it is higher than those removed before."""
    if not ranges:
        return
    low, high = ranges[-1]
    if low <= clock < high:
        ranges[-1:] = [it for it in ((low, clock), (clock + 1, high)) if it[0] < it[1]]
