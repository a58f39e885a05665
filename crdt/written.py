"""Finds a text in everything that was ever written: as it is now, or as it was at some time.

Each character has a *life*, from the second when it was typed to the one when it was deleted; for ever if it is shown.
A text was there at some time if its characters lived at one time, and those that stand between them now did not:

    now     the colour of rope        "u" was typed at 14:02
    sought  the color of              found: until 14:02

Times are accurate to ten seconds, so what was typed and corrected within ten seconds may be found as well.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final, NamedTuple

from crdt.anchor import Anchor
from crdt.binary import NUMBER_MAX
from crdt.raises import Raise, Raises
from crdt.run import Run
from crdt.runs import RunList
from crdt.site import Site
from crdt.version import Version
from crdt.visibility import marked

FOR_EVER: Final = NUMBER_MAX + 1

STEPS_MAX: Final = 4096
"""Most states looked at from one beginning; a passage may have been rewritten there again and again."""


class Writing(NamedTuple):
    """A text that was there once, or still is."""

    first: Anchor
    last: Anchor
    """The left side of its first character, and the right side of its last one."""
    since: int
    """Wall-clock second when it was complete."""
    until: int | None
    """Wall-clock second when it was changed or deleted; None if it is there now."""


def find_ever(sites: list[Site], runs: RunList, text: str, limit: int) -> list[Writing]:
    """Return where a text was ever there, in document order, each place once. O(document)."""
    if not text:
        return []
    begins, ends = _lives(sites)
    listed: list[tuple[int, Run]] = []
    pieces: list[str] = []
    born: list[int] = []
    gone: list[int] = []
    for run in runs:
        low, high = run.seq, run.seq + run.length
        listed.append((len(born), run))
        pieces.append(run.site.slice(low, high))
        born.extend(begins[run.site.index][low:high])
        gone.extend([FOR_EVER] * run.length if run.level & 1 else ends[run.site.index][low:high])
    written = "".join(pieces)
    found: list[Writing] = []
    at = written.find(text[0])
    while at >= 0 and len(found) < limit:
        match = _match(written, text, at, born, gone)
        after = at + 1
        if match is not None:
            last, since, until = match
            after = last + 1
            first, end = _anchor(listed, at, True), _anchor(listed, last, False)
            found.append(Writing(first, end, since, None if until == FOR_EVER else until))
        at = written.find(text[0], after)
    return found


def _match(written: str, text: str, at: int, born: list[int], gone: list[int]) -> tuple[int, int, int] | None:
    """Return the last character of a text that was there from `at` on, and the start and end of that time; None if it
    never was. Of several times the latest."""
    end, length = len(written), len(text)
    # Where to go on: at which character, how many are found, and the time in which those were there.
    waiting = [(at + 1, 1, born[at], gone[at])]
    best: tuple[int, int, int] | None = None
    steps = 0
    while waiting and steps < STEPS_MAX:
        place, matched, since, until = waiting.pop()
        while since < until and steps < STEPS_MAX:
            steps += 1
            if matched == length:
                if best is None or until > best[2]:
                    best = place - 1, since, until
                break
            if place == end:
                break
            begin, stop = born[place], gone[place]
            place += 1
            if begin >= until or stop <= since:
                continue
            if written[place - 1] == text[matched]:
                if begin > since:
                    waiting.append((place, matched, since, begin))
                if stop < until:
                    waiting.append((place, matched, stop, until))
                matched += 1
                since, until = max(since, begin), min(until, stop)
            elif begin > since:
                if stop < until:
                    waiting.append((place, matched, stop, until))
                until = begin  # it was not there yet
            else:
                since = stop  # it was there no more
    return best


def _lives(sites: list[Site]) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    """Return, by site index, the second when each character was typed, and the one when it was deleted last."""
    begins: dict[int, list[int]] = {}
    ends: dict[int, list[int]] = {}
    for site in sites:
        times: list[int] = []
        time = site.started
        for at, clock in enumerate(site.mark_clock):
            times.extend([time] * (site.seq_at(clock) - len(times)))
            time = site.mark_time[at]
        times.extend([time] * (site.count - len(times)))
        begins[site.index] = times
        ends[site.index] = [FOR_EVER] * site.count
    everything = Version({site.id: site.clock for site in sites})
    raises = Raises(sites, Version(), everything, marked((site, 0, site.count) for site in sites))
    for site in sites:
        times = ends[site.index]
        # The highest level counts, and of equal ones the first.
        for it in sorted(raises.all_of(site), key=_last_deletion):
            if not it.level & 1:
                times[it.low : it.high] = [it.seconds] * (it.high - it.low)
    return begins, ends


def _last_deletion(it: Raise) -> tuple[int, int]:
    return it.level, -it.seconds


def _anchor(listed: list[tuple[int, Run]], at: int, before: bool) -> Anchor:
    start, run = listed[bisect_right(listed, at, key=_start) - 1]
    return Anchor(run.site.id, run.site.clock_of(run.seq + at - start), before)


def _start(it: tuple[int, Run]) -> int:
    return it[0]
