"""The text at a version and the patch between two versions; what was done when."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from crdt.change_tracker import PatchBuilder
from crdt.patch import Patch
from crdt.runs import RunList
from crdt.site import Site
from crdt.version import Version
from crdt.visibility import Visible


def text_of(runs: RunList, visible: Visible, differing: set[int] | None = None) -> str:
    """Return the text of the visible characters of a version. O(document).

    `differing` are the chunks in which it is not the present text; None for any.
    """
    return "".join(text_parts(runs, visible, differing))


def text_parts(runs: RunList, visible: Visible, differing: set[int] | None = None) -> Iterator[str]:
    """Yield that text chunk by chunk; the runs must not change meanwhile."""
    empty = bytearray()
    known = empty
    last: Site | None = None
    for chunk in runs.chunks():
        parts: list[str] = []
        if differing is not None and chunk.number not in differing:
            for run in chunk.runs:
                if run.level & 1:
                    parts.append(run.site.slice(run.seq, run.seq + run.length))
            yield "".join(parts)
            continue
        for run in chunk.runs:
            if run.site is not last:
                last = run.site
                known = visible.get(last.index, empty)
            low, end = run.seq, min(run.seq + run.length, len(known))
            while low < end:
                low = known.find(1, low, end)
                if low < 0:
                    break
                high = known.find(0, low, end)
                if high < 0:
                    high = end
                parts.append(run.site.slice(low, high))
                low = high
        yield "".join(parts)


def diff(runs: RunList, visible_before: Visible, visible_after: Visible) -> Patch:
    """Return the patch from the text with some visible characters to the text with others. O(document)."""
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
