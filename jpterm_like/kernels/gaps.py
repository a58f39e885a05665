"""Find out which messages of a kernel never came, by the counter at the end of their ids. Pure.

ZMQ drops messages silently where a queue is full or a peer is away. ipykernel, and other kernels in Python, number all their messages,
of all channels together: `SESSION_PID_0`, `SESSION_PID_1`, … Kernels whose ids are random have no such counter, and their gaps cannot be seen.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

SETTLE_S: Final = 2.0
"""Messages of different channels overtake each other. One that iopub has passed, and that is missing for this long, never comes."""
COUNTERS_MAX: Final = 64
"""Counters that are followed: the kernel's, and those of processes that it forked."""
HOLES_MAX: Final = 1_000
"""Most holes of one counter. The oldest one is told at once if there are more."""

_COUNTED: Final = re.compile(r"(.{1,200}_\d{1,10})_(\d{1,18})")


class Gap(NamedTuple):
    """Consecutive messages that a kernel numbered and that never came."""

    source: str
    """What the ids have before the number."""
    first: int
    last: int

    @property
    def missing(self) -> int:
        """How many they are."""
        return self.last - self.first + 1


class _Hole(NamedTuple):
    """Consecutive numbers that have not come."""

    first: int
    last: int
    since: float
    """When a larger number came."""


class _Counter:
    def __init__(self, next_number: int, now: float) -> None:
        self.next = next_number
        """The number after the largest one that came."""
        self.holes: list[_Hole] = []
        """What is missing below, by number."""
        self.passed = -1
        """The largest number that came on iopub. Its messages keep their order, and floods are there: a reply on shell may overtake 60,000
        of them, so what is missing below it is not a gap while they come."""
        self.heard = now
        """When a number came."""

    def fill(self, first: int, last: int) -> None:
        """Take numbers out of the holes."""
        at = max(0, bisect_right(self.holes, first, key=lambda hole: hole.first) - 1)
        while at < len(self.holes) and self.holes[at].first <= last:
            hole = self.holes[at]
            rest = []
            if hole.first < first:
                rest.append(_Hole(hole.first, min(hole.last, first - 1), hole.since))
            if hole.last > last:
                rest.append(_Hole(max(hole.first, last + 1), hole.last, hole.since))
            self.holes[at : at + 1] = rest
            at += len(rest)


class Counters:
    """The counters of one kernel."""

    def __init__(self) -> None:
        self._counters: dict[str, _Counter] = {}

    def saw(self, message_id: str, now: float, *, on_iopub: bool) -> list[Gap]:
        """Take note of a message that came; returns a gap that cannot be kept in mind any longer."""
        match = _COUNTED.fullmatch(message_id)
        if match is None:
            return []
        source, number = match[1], int(match[2])
        counter = self._counters.get(source)
        if counter is None:
            if len(self._counters) >= COUNTERS_MAX:
                return []
            counter = self._counters[source] = _Counter(number, now)
        counter.heard = now
        if on_iopub:
            counter.passed = max(counter.passed, number)
        if number < counter.next:
            counter.fill(number, number)
            return []
        if number > counter.next:
            counter.holes.append(_Hole(counter.next, number - 1, now))
        counter.next = number + 1
        if len(counter.holes) > HOLES_MAX:
            oldest = counter.holes.pop(0)
            return [Gap(source, oldest.first, oldest.last)]
        return []

    def settled(self, now: float, after_s: float = SETTLE_S) -> list[Gap]:
        """Gaps that will not be filled any more; each is returned once. To be called when everything that has come was seen."""
        gaps = []
        for source, counter in self._counters.items():
            is_quiet = now - counter.heard >= after_s
            for hole in counter.holes.copy():
                if now - hole.since >= after_s and (is_quiet or counter.passed > hole.last):
                    counter.holes.remove(hole)
                    gaps.append(Gap(source, hole.first, hole.last))
        return gaps

    def next_at(self) -> float | None:
        """When `settled` may have something to say; None: not before another message comes."""
        due = [
            (hole.since if counter.passed > hole.last else counter.heard) + SETTLE_S
            for counter in self._counters.values()
            for hole in counter.holes
        ]
        return min(due, default=None)

    def forget_holes(self) -> None:
        """What is missing until now was never meant for us: the kernel spoke before anybody could listen."""
        for counter in self._counters.values():
            counter.holes.clear()

    def told(self, gap: Gap) -> None:
        """Take note of a gap that an earlier keeper has told."""
        counter = self._counters.get(gap.source)
        if counter is not None:
            counter.fill(gap.first, gap.last)

    def state(self) -> dict[str, list[int]]:
        """For the next keeper: the next number of each counter, and the first and last number of each hole below."""
        return {
            source: [counter.next, *(number for hole in counter.holes for number in hole[:2])]
            for source, counter in self._counters.items()
        }

    def restore(self, state: Mapping[str, Sequence[int]], now: float) -> None:
        """Go on from a `state`; what was missing then is missing since `now`."""
        for source, (number, *holes) in state.items():
            self._counters[source] = counter = _Counter(number, now)
            counter.holes = [_Hole(*pair, now) for pair in zip(holes[::2], holes[1::2], strict=True)]
