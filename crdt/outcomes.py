"""Finds which characters would be shown without given operations, for many cases at once.

    Ann   replaces "color" by "colour"     Bob   replaces it by "colors"
    touched: what both did; without Bob's operations: "colour" is shown, "color" and "colors" are not

An *outcome* is the answer for one case: these characters are shown, those are not. It depends on one version alone, so it
can be made true later, whatever was done since; no other character is shown or hidden by that. Finding outcomes reads all
raises; making one costs what it changes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from crdt.raises import Raise, Raises, Span, insertions
from crdt.revert import Difference, Operations, merged_ranges
from crdt.runs import RunList
from crdt.site import Site
from crdt.version import Version
from crdt.visibility import marked


class Stretch(NamedTuple):
    """Neighbouring characters of one site."""

    site: int
    start: int
    end: int
    """Numbers of the characters among those that the site wrote; the end is not included."""
    is_shown: bool


Outcome = tuple[Stretch, ...]


class Case(NamedTuple):
    """A question: of the characters that `touched` inserted, deleted or restored, which would be shown had nobody done
    `without`?"""

    touched: Operations
    without: Operations


def find_outcomes(sites: list[Site], version: Version, cases: Sequence[Case]) -> list[Outcome]:
    """Return the outcome of each case at a version. O(raises), plus what the cases touch."""
    by_id = {site.id: site for site in sites}
    touched = [list(_touched(sites, by_id, case.touched)) for case in cases]
    raises = Raises(sites, Version(), version, marked(it for ranges in touched for it in ranges))
    return [_outcome(version, raises, ranges, _Without(case.without)) for ranges, case in zip(touched, cases)]


def differences(runs: RunList, by_id: dict[int, Site], outcome: Outcome) -> list[Difference]:
    """Return the characters that are not as an outcome says. O(log runs), plus the runs concerned."""
    found: list[Difference] = []
    for site_id, start, end, is_shown in outcome:
        site = by_id.get(site_id)
        if site is None:
            continue
        end = min(end, site.count)
        while start < end:
            run = runs.run_of(site, start)
            stop = min(end, run.seq + run.length)
            if bool(run.level & 1) != is_shown:
                found.append((site, start, stop, is_shown))
            start = stop
    return found


class _Without:
    """Operations that do not count."""

    __slots__ = ("_ranges",)

    def __init__(self, operations: Operations) -> None:
        self._ranges: Final = {site: merged_ranges(ranges, 1 << 63) for site, ranges in operations.items()}

    def cover(self, span: Span) -> bool | None:
        """Return whether they cover all of some operations, or none; None if a part. O(log ranges)."""
        site, start, end = span
        ranges = self._ranges.get(site)
        if not ranges:
            return False
        at = bisect_right(ranges, (end - 1, 1 << 63)) - 1
        if at < 0 or ranges[at][1] <= start:
            return False
        return True if ranges[at][0] <= start and end <= ranges[at][1] else None


def _outcome(
    version: Version, raises: Raises, ranges: Sequence[tuple[Site, int, int]], without: _Without
) -> Outcome:
    found: list[Stretch] = []
    for site, low, high in ranges:
        known = site.seq_at(min(version.get(site.id), site.clock))
        for begin, end, active in raises.pieces(site, low, min(high, known)):
            for start, stop, is_shown in _shown(site, begin, end, active, without):
                last = found[-1] if found else None
                if last is not None and last[:1] + last[2:] == (site.id, start, is_shown):
                    found[-1] = last._replace(end=stop)
                else:
                    found.append(Stretch(site.id, start, stop, is_shown))
    return tuple(found)


def _shown(
    site: Site, begin: int, end: int, active: Sequence[Raise], without: _Without
) -> Iterator[tuple[int, int, bool]]:
    """Yield the stretches of characters with the same raises, each with whether they are shown without some operations."""
    inserted = insertions(site, begin, end)
    spans = [*inserted, *(it.cut(begin, end) for it in active)]
    if any(without.cover(span) is None for span in spans):
        for seq in range(begin, end):  # rare: operations that are taken in part
            yield seq, seq + 1, _is_shown(site, seq, active, without)
    else:
        start = begin
        for span in inserted:
            stop = start + span[2] - span[1]
            yield start, stop, _is_shown(site, start, active, without)
            start = stop


def _is_shown(site: Site, seq: int, active: Sequence[Raise], without: _Without) -> bool:
    clock = site.clock_of(seq)
    if without.cover((site.id, clock, clock + 1)):
        return False
    level = 1
    for it in active:
        if it.level > level and not without.cover(it.cut(seq, seq + 1)):
            level = it.level
    return level & 1 == 1


def _touched(
    sites: list[Site], by_id: dict[int, Site], operations: Operations
) -> Iterator[tuple[Site, int, int]]:
    """Yield the characters that some operations inserted, deleted or restored."""
    found: dict[int, list[tuple[int, int]]] = {}
    for site_id, ranges in operations.items():
        site = by_id.get(site_id)
        if site is None:
            continue
        for start, end in merged_ranges(ranges, site.clock):
            found.setdefault(site.index, []).append((site.seq_at(start), site.seq_at(end)))
            for at in range(max(0, bisect_right(site.raise_clock, start) - 1), len(site.raise_clock)):
                clock = site.raise_clock[at]
                if clock >= end:
                    break
                first, stop = max(clock, start), min(clock + site.raise_length(at), end)
                if first < stop:
                    target, seq, step, _ = site.raised(at, first)
                    low = seq if step > 0 else seq - (stop - first) + 1
                    found.setdefault(target, []).append((low, low + stop - first))
    for index in sorted(found):
        for low, high in merged_ranges(found[index], sites[index].count):
            yield sites[index], low, high
