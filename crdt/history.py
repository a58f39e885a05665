"""The text at a version and the patch between two versions, computed from the levels in the logs."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from crdt.change_tracker import PatchBuilder
from crdt.messages import DELETED
from crdt.patch import Patch
from crdt.runs import RunList
from crdt.site import Site
from crdt.version import Version

_SHOWN: Final = b"\1"
_HIDDEN: Final = b"\0"
NOTHING_LEFT_OUT: Final[dict[int, Sequence[tuple[int, int]]]] = {}


def text_at(sites: list[Site], runs: RunList, version: Version) -> str:
    """Return the text at a version. O(document)."""
    return text_of(runs, visible_at(sites, version))


def text_of(runs: RunList, visible: dict[int, bytearray]) -> str:
    """Return the text of the characters that `visible_at` gives. O(document)."""
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


def version_at(sites: list[Site], seconds: float) -> Version:
    """Return what was done until a wall-clock time: for each site, its operations before the first later mark.
    O(sites + marks)."""
    clocks: dict[int, int] = {}
    for site in sites:
        if not site.clock or site.started > seconds:
            continue
        clock = site.clock
        for at in range(len(site.mark_time)):
            if site.mark_time[at] > seconds:
                clock = site.mark_clock[at]
                break
        if clock:
            clocks[site.id] = clock
    return Version(clocks)


class Moment(NamedTuple):
    """Operations of one site between two of its time notes."""

    seconds: int
    """Wall-clock second, accurate to ten seconds; 0 if unknown."""
    site: int
    clock: int
    end: int
    """The clock after the last of these operations."""


def moments(sites: list[Site]) -> list[Moment]:
    """Return what was done when, in order of time. O(marks log marks)."""
    found: list[Moment] = []
    for site in sites:
        begin, time = 0, site.started
        for at in range(len(site.mark_clock) + 1):
            end = site.mark_clock[at] if at < len(site.mark_clock) else site.clock
            if end > begin:
                found.append(Moment(time, site.id, begin, end))
            if at < len(site.mark_clock):
                begin, time = end, site.mark_time[at]
    found.sort()
    return found


def activity(sites: list[Site], first: float, last: float, buckets: int) -> dict[str, list[int]]:
    """Return the operations of each author in equal stretches of time from `first` to `last`. O(sites + marks)."""
    found: dict[str, list[int]] = {}
    if last <= first or buckets < 1:
        return found
    authors = {site.id: site.author for site in sites}
    for it in moments(sites):
        if first <= it.seconds < last:
            author = authors[it.site]
            counts = found.get(author)
            if counts is None:
                counts = found[author] = [0] * buckets
            counts[min(buckets - 1, int((it.seconds - first) * buckets / (last - first)))] += (
                it.end - it.clock
            )
    return found


def visible_at(
    sites: list[Site], version: Version, without: Mapping[int, Sequence[tuple[int, int]]] = NOTHING_LEFT_OUT
) -> dict[int, bytearray]:
    """Return, for each site, one byte per character at that version: 1 if visible, 0 if not. O(raises log raises),
    plus copying the raised characters.

    `without` maps site indexes to ordered ranges of clocks that are ignored.
    """
    visible = {
        site.index: bytearray(_SHOWN) * site.seq_at(min(version.get(site.id), site.clock))
        for site in sites
        if version.get(site.id)
    }
    # Nearly all raises delete for the first time. Only the others need an order, in which the highest level wins.
    raises: list[tuple[int, int, int, int]] = []
    for site in sites:
        end = min(version.get(site.id), site.clock)
        left_out = without.get(site.index, ())
        for at in range(bisect_left(site.raise_clock, end)):
            clock = site.raise_clock[at]
            count = min(site.raise_length(at), end - clock)
            target, seq, step, level = site.raised(at, clock)
            known = visible.get(target)
            if known is None:
                continue
            if left_out:
                for begin, stop in _rest(clock, clock + count, left_out):
                    first = seq + step * (begin - clock)
                    low = first if step > 0 else first - (stop - begin) + 1
                    raises.append((level, target, low, low + stop - begin))
            elif level != DELETED:
                low = seq if step > 0 else seq - count + 1
                raises.append((level, target, low, low + count))
            elif count == 1:
                if seq < len(known):
                    known[seq] = 0
            else:
                low = seq if step > 0 else seq - count + 1
                high = min(low + count, len(known))
                if low < high:
                    known[low:high] = bytes(high - low)
    raises.sort()
    for level, target, low, high in raises:
        known = visible[target]
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
