"""The text at a version and the patch between two versions, computed from the levels in the logs."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from crdt.change_tracker import PatchBuilder
from crdt.patch import Patch
from crdt.runs import RunList
from crdt.site import Site
from crdt.version import Version

_SHOWN: Final = b"\1"
_HIDDEN: Final = b"\0"
NOTHING_LEFT_OUT: Final[dict[int, Sequence[tuple[int, int]]]] = {}


def text_at(sites: list[Site], runs: RunList, version: Version) -> str:
    """Return the text at a version. O(document)."""
    visible = visible_at(sites, version)
    parts: list[str] = []
    for run in runs:
        known = visible.get(run.site.index)
        if known is not None:
            for low, high in stretches(known, run.seq, run.seq + run.length):
                parts.append(run.site.slice(low, high))
    return "".join(parts)


def diff(sites: list[Site], runs: RunList, old: Version, new: Version) -> Patch:
    """Return the patch from the text at one version to the text at another. O(document)."""
    visible_before, visible_after = visible_at(sites, old), visible_at(sites, new)
    changes = PatchBuilder()
    for run in runs:
        site = run.site
        before, after = visible_before.get(site.index, b""), visible_after.get(site.index, b"")
        for seq in range(run.seq, run.seq + run.length):
            was = seq < len(before) and before[seq]
            is_now = seq < len(after) and after[seq]
            if was:
                if is_now:
                    changes.keep(1)
                else:
                    changes.delete(1)
            elif is_now:
                changes.insert(site.slice(seq, seq + 1))
    return changes.patch()


def visible_at(
    sites: list[Site], version: Version, without: Mapping[int, Sequence[tuple[int, int]]] = NOTHING_LEFT_OUT
) -> dict[int, bytearray]:
    """Return, for each site, one byte per character at that version: 1 if visible, 0 if not. O(raises log raises),
    plus copying the raised characters.

    `without` maps site indexes to ordered ranges of clocks that are ignored.
    """
    visible: dict[int, bytearray] = {}
    raises: list[tuple[int, int, int, int]] = []
    for site in sites:
        end = min(version.get(site.id), site.clock)
        if not end:
            continue
        visible[site.index] = bytearray(_SHOWN) * site.seq_at(end)
        for at in range(bisect_left(site.raise_clock, end)):
            clock = site.raise_clock[at]
            count = min(site.raise_length(at), end - clock)
            target, seq, step, level = site.raised(at, clock)
            for begin, stop in _rest(clock, clock + count, without.get(site.index, ())):
                first = seq + step * (begin - clock)
                low = first if step > 0 else first - (stop - begin) + 1
                raises.append((level, target, low, low + stop - begin))
    # The highest level wins, so it comes last.
    raises.sort()
    for level, target, low, high in raises:
        known = visible.get(target)
        if known is not None:
            high = min(high, len(known))
            if low < high:
                known[low:high] = (_SHOWN if level & 1 else _HIDDEN) * (high - low)
    for site in sites:
        for begin, stop in without.get(site.index, ()):
            known = visible.get(site.index)
            if known is not None:
                low, high = site.seq_at(begin), min(site.seq_at(stop), len(known))
                known[low:high] = _HIDDEN * (high - low)
    return visible


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
