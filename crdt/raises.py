"""The operations between two versions that concern given characters."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from crdt.site import Site
from crdt.version import Version
from crdt.visibility import Visible

Span = tuple[int, int, int]
"""Operations of one site: the site, the first clock, and the clock after the last."""


class Raise(NamedTuple):
    """Operations of one site that raised the levels of neighbouring characters, at one time."""

    low: int
    high: int
    """Seqs of the characters; the end is not included."""
    level: int
    seconds: int
    """Wall-clock second, accurate to ten seconds."""
    site: int
    clock: int
    """The clock at `low`."""
    step: int
    """1 if clocks go up with the seq, else -1."""

    def cut(self, low: int, high: int) -> Span:
        """Return the operations that concern the characters from `low` to `high`, some of which it raised."""
        low, high = max(low, self.low), min(high, self.high)
        first = self.clock + low - self.low if self.step > 0 else self.clock - (high - 1 - self.low)
        return self.site, first, first + high - low


class Raises:
    """The raises between two versions, in either direction, by raised character."""

    __slots__ = ("_by_target",)

    def __init__(self, sites: list[Site], old: Version, new: Version, targets: Visible) -> None:
        """Find those that concern characters marked in `targets`. O(raises between the versions)."""
        by_target: dict[int, list[Raise]] = {}
        for site in sites:
            begin, end = old.get(site.id), new.get(site.id)
            if begin > end:
                begin, end = end, begin
            end = min(end, site.clock)
            if begin >= end or not site.raise_clock:
                continue
            at = max(0, bisect_right(site.raise_clock, begin) - 1)
            while at < len(site.raise_clock) and site.raise_clock[at] < end:
                clock = max(begin, site.raise_clock[at])
                stop = min(end, site.raise_clock[at] + site.raise_length(at))
                while clock < stop:
                    mark = bisect_right(site.mark_clock, clock)
                    until = min(stop, site.mark_clock[mark]) if mark < len(site.mark_clock) else stop
                    target, seq, step, level = site.raised(at, clock)
                    marks = targets.get(target)
                    low = seq if step > 0 else seq - (until - clock) + 1
                    if marks is not None and marks.find(1, low, low + until - clock) >= 0:
                        first = clock if step > 0 else until - 1
                        by_target.setdefault(target, []).append(
                            Raise(low, low + until - clock, level, site.time_of(clock), site.id, first, step)
                        )
                    clock = until
                at += 1
        self._by_target: Final[dict[int, tuple[list[Raise], list[int]]]] = {}
        """For each site: the raises in order of `low`, and for each of them the highest `high` up to it."""
        for target, raises in by_target.items():
            raises.sort()
            reach: list[int] = []
            for it in raises:
                reach.append(max(it.high, reach[-1]) if reach else it.high)
            self._by_target[target] = raises, reach

    def all_of(self, site: Site) -> list[Raise]:
        """Return the raises of a site's characters, in order of `low`."""
        return self._by_target[site.index][0] if site.index in self._by_target else []

    def of(self, site: Site, low: int, high: int) -> list[Raise]:
        """Return the raises that concern any of these characters. O(log raises), plus those that it looks at."""
        if site.index not in self._by_target:
            return []
        raises, reach = self._by_target[site.index]
        found: list[Raise] = []
        at = bisect_left(raises, (high,)) - 1
        while at >= 0 and reach[at] > low:
            if raises[at].high > low:
                found.append(raises[at])
            at -= 1
        return found

    def pieces(self, site: Site, low: int, high: int) -> Iterator[tuple[int, int, list[Raise]]]:
        """Yield stretches of these characters, each raised by the same raises, with those."""
        raises = self.of(site, low, high)
        raises.reverse()
        borders = {low, high}
        for it in raises:
            borders.update((max(low, it.low), min(high, it.high)))
        active: list[Raise] = []
        at = 0
        start = low
        for end in sorted(borders)[1:]:
            active = [it for it in active if it.high > start]
            while at < len(raises) and raises[at].low <= start:
                active.append(raises[at])
                at += 1
            yield start, end, active
            start = end


def newest_time(site: Site, spans: list[Span]) -> int:
    """Return the latest wall-clock second of some operations of a site; a clock may have been set back."""
    times: list[int] = []
    for _, low, high in spans:
        times.append(site.time_of(low))
        times.extend(site.mark_time[bisect_left(site.mark_clock, low) : bisect_left(site.mark_clock, high)])
    return max(times)


def insertions(site: Site, low: int, high: int) -> list[Span]:
    """Return the operations that inserted the characters with seqs from `low` to `high`."""
    found: list[Span] = []
    while low < high:
        place = bisect_right(site.raise_seq, low)
        stop = min(high, site.raise_seq[place]) if place < len(site.raise_seq) else high
        clock = site.clock_of(low)
        found.append((site.id, clock, clock + stop - low))
        low = stop
    return found


def merged_spans(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return operations in order, each once."""
    found: list[Span] = []
    for site, low, high in sorted(spans):
        if found and found[-1][0] == site and low <= found[-1][2]:
            found[-1] = site, found[-1][1], max(high, found[-1][2])
        else:
            found.append((site, low, high))
    return tuple(found)
