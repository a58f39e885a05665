"""A *passage*: the characters from one to another in document order, shown or deleted, and what was done to them.

Unlike two offsets, two characters name the same passage at every version, whatever is shown of it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Final

from crdt.outcomes import Outcome, Stretch
from crdt.raises import Raises, Span, insertions, merged_spans
from crdt.run import Run
from crdt.runs import RunList
from crdt.site import Site
from crdt.version import Version
from crdt.visibility import marked

RunRange = tuple[Run, int, int]
"""A run, and those of its characters that are meant: the first seq, and the end."""

_WORD: Final = re.compile(r"\s*\S+\s*|\s+")


def runs_between(runs: RunList, first: tuple[Site, int], last: tuple[Site, int]) -> list[RunRange]:
    """Return the characters from one (site, seq) to another, both included, in document order; none if the second is
    before the first. O(log n), plus the runs between; O(runs) if it is before."""
    found: list[RunRange] = []
    begin, end = runs.run_of(*first), runs.run_of(*last)
    if begin is end and first[1] > last[1]:
        return []
    for run in runs.starting_at(begin):
        low = first[1] if run is begin else run.seq
        if run is end:
            found.append((run, low, last[1] + 1))
            return found
        found.append((run, low, run.seq + run.length))
    return []


def outcome_of(passage: list[RunRange]) -> Outcome:
    """Return which of these characters are shown."""
    return tuple(Stretch(run.site.id, low, high, run.level & 1 == 1) for run, low, high in passage)


def operations_on(sites: list[Site], passage: list[RunRange], since: Version) -> tuple[Span, ...]:
    """Return the operations after a version that inserted, deleted or restored any of these characters, in order. O(raises since)."""
    everything = Version({site.id: site.clock for site in sites})
    raises = Raises(sites, since, everything, marked((run.site, low, high) for run, low, high in passage))
    spans: list[Span] = []
    for run, low, high in passage:
        spans += insertions(run.site, low, high)
        spans += [it.cut(low, high) for it in raises.of(run.site, low, high)]
    begins = ((span, since.get(span[0])) for span in spans)
    return merged_spans((site, max(low, begin), high) for (site, low, high), begin in begins if high > begin)


def word_ends(site: Site, start: int, end: int) -> list[int]:
    """Return the clocks after each word that a site typed, and after each uninterrupted deletion or restoration, among
    its operations from `start` to `end`. O(those operations)."""
    found: list[int] = []
    clock = start
    while clock < end:
        seq = site.seq_of(clock)
        place = bisect_right(site.raise_clock, clock)
        if seq < 0:
            stop = min(end, site.raise_clock[place - 1] + site.raise_length(place - 1))
            if found and found[-1] == clock and site.seq_of(clock - 1) < 0:
                found.pop()
            found.append(stop)
        else:
            stop = min(end, site.raise_clock[place]) if place < len(site.raise_clock) else end
            found += [clock + it.end() for it in _WORD.finditer(site.slice(seq, seq + stop - clock))]
        clock = stop
    return found
