"""Find out which messages of a kernel never came, by the counter at the end of their ids. Pure.

ZMQ drops messages silently where a queue is full or a peer is away. ipykernel, and other kernels in Python, number all their messages,
of all channels together: `SESSION_PID_0`, `SESSION_PID_1`, … Kernels whose ids are random have no such counter, and their gaps cannot be seen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

SETTLE_S: Final = 2.0
"""Messages of different channels overtake each other. One that is missing for this long never comes."""
COUNTERS_MAX: Final = 64
"""Counters that are followed: the kernel's, and those of processes that it forked."""
HOLES_MAX: Final = 10_000
"""Missing numbers that are kept apart; more of them are told at once."""

_COUNTED: Final = re.compile(r"(.{1,200}_\d{1,10})_(\d{1,18})")


class Gap(NamedTuple):
    """Messages that a kernel numbered and that never came."""

    source: str
    """What the ids have before the number."""
    first: int
    last: int
    missing: int
    """How many of these numbers are missing."""


class _Counter:
    def __init__(self, next_number: int) -> None:
        self.next = next_number
        """The number after the largest one that came."""
        self.holes: dict[int, float] = {}
        """Missing numbers below, and when each was noticed; in that order."""


class Counters:
    """The counters of one kernel."""

    def __init__(self) -> None:
        self._counters: dict[str, _Counter] = {}

    def saw(self, message_id: str, now: float) -> list[Gap]:
        """Take note of a message that came; returns gaps that are too large to wait for."""
        match = _COUNTED.fullmatch(message_id)
        if match is None:
            return []
        source, number = match[1], int(match[2])
        counter = self._counters.get(source)
        if counter is None:
            if len(self._counters) < COUNTERS_MAX:
                self._counters[source] = _Counter(number + 1)
            return []
        if number < counter.next:
            counter.holes.pop(number, None)
            return []
        missing = range(counter.next, number)
        counter.next = number + 1
        if len(missing) + len(counter.holes) > HOLES_MAX:
            return [Gap(source, missing.start, missing.stop - 1, len(missing))]
        for each in missing:
            counter.holes[each] = now
        return []

    def settled(self, now: float, after_s: float = SETTLE_S) -> list[Gap]:
        """Gaps that were noticed long enough ago. Each is returned once."""
        gaps = []
        for source, counter in self._counters.items():
            old = []
            for number, since in counter.holes.items():
                if now - since < after_s:
                    break
                old.append(number)
            for number in old:
                del counter.holes[number]
            if old:
                gaps.append(Gap(source, min(old), max(old), len(old)))
        return gaps

    def next_at(self) -> float | None:
        """When `settled` has something to say; None: not before another message comes."""
        since = [next(iter(counter.holes.values())) for counter in self._counters.values() if counter.holes]
        return min(since) + SETTLE_S if since else None

    def forget_holes(self) -> None:
        """What is missing until now was never meant for us: the kernel spoke before anybody could listen."""
        for counter in self._counters.values():
            counter.holes.clear()

    def told(self, gap: Gap) -> None:
        """Take note of a gap that an earlier keeper has told."""
        counter = self._counters.get(gap.source)
        if counter is not None:
            for number in [number for number in counter.holes if gap.first <= number <= gap.last]:
                del counter.holes[number]

    def state(self) -> dict[str, list[int]]:
        """For the next keeper: the next number of each counter, and what is missing below."""
        return {source: [counter.next, *counter.holes] for source, counter in self._counters.items()}

    def restore(self, state: Mapping[str, Sequence[int]], now: float) -> None:
        """Go on from a `state`; what was missing then is missing since `now`."""
        for source, (number, *holes) in state.items():
            self._counters[source] = counter = _Counter(number)
            counter.holes = dict.fromkeys(holes, now)
