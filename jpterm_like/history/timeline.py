"""The past of a text as a line of places to stop at: after a sitting, after a word.

A *place* is a state of the text on its way from the start to now, in order of the times that the authors' machines
noted. Those may be wrong; whatever they are, each place holds whole operations, and the last one is the whole text.

    moments   ann 09:00 "the colour "  ann 09:00:10 "of rope"      bob 14:30 "s"
    sittings  ───────────────────────────────────────────▲         ─────────▲
    words     ────▲──────▲              ───▲────▲                  ─────────▲
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

from crdt import Moment, TextBuffer, Version
from jpterm_like.history.operations import by_site
from jpterm_like.history.sittings import grouped

PAUSE_S: Final = 60
"""Wall-clock seconds without an operation after which looking back stops. Much shorter than what divides commits: one
wants to see the paragraph before it was rewritten, not only yesterday's text."""

PASTED_MIN: Final = 300
"""Operations of one author within a moment, which is ten seconds, that nobody types: they are one step."""


class Place(NamedTuple):
    """A state of the text: everything in the moments before `moment`, and of that one what is before `clock`."""

    moment: int
    """The number of the last one; -1 at the start of a text that began empty."""
    clock: int


class Timeline:
    """The places of a text at which to stop. It knows the operations that the text had when it was made."""

    def __init__(self, buffer: TextBuffer) -> None:
        """O(marks log marks)."""
        self._buffer: Final = buffer
        self._moments: Final = buffer.moments()
        self._before: Final[list[int]] = [0]
        """The number of operations before each moment, and of all."""
        self._ends: Final[dict[int, tuple[list[int], list[int]]]] = {}
        """For each site, the numbers of its moments, and its highest clock after each of them."""
        for number, it in enumerate(self._moments):
            self._before.append(self._before[-1] + it.end - it.clock)
            numbers, ends = self._ends.setdefault(it.site, ([], []))
            numbers.append(number)
            ends.append(max(it.end, ends[-1]) if ends else it.end)
        untimed = bisect_right(self._moments, 0, key=_seconds)
        self._sittings: list[int] = [
            untimed + after - 1 for _, after in grouped(self._moments[untimed:], PAUSE_S)
        ]
        """The last moment of each."""
        self.start: Final = self._end(untimed - 1)
        """The place at which the text is that of the file from which it began; empty if there was none."""
        self.now: Final = self._end(len(self._moments) - 1)
        self.began: Final = self._moments[untimed].seconds if untimed < len(self._moments) else 0
        """Wall-clock second of the first operation after that."""
        self._stops: list[Place] = [self.start, *map(self._end, self._sittings)]
        self._axis: Final = self._make_axis(untimed)
        self._words: Final = lru_cache(maxsize=64)(self._words_of)
        self.bars: Final = lru_cache(maxsize=2)(self._bars)
        """How many operations each author did in each of so many columns, those first who did most; "" is the file."""

    def _end(self, index: int) -> Place:
        return Place(index, self._moments[index].end) if index >= 0 else Place(-1, 0)

    # About a place

    def version(self, place: Place) -> Version:
        """Return the version at a place. O(sites log moments)."""
        clocks: dict[int, int] = {}
        for site, (numbers, ends) in self._ends.items():
            at = bisect_left(numbers, place.moment) - 1
            if at >= 0:
                clocks[site] = ends[at]
        if place.moment >= 0:
            site = self._moments[place.moment].site
            clocks[site] = max(clocks.get(site, 0), place.clock)
        return Version(clocks)

    def seconds(self, place: Place) -> int:
        """Return the wall-clock second of the last operation; 0 if it has none."""
        return self._moments[place.moment].seconds if place.moment >= 0 else 0

    def author(self, place: Place) -> str:
        """Return the author of the last operation; "" for what was in the file."""
        return self._buffer.author_of(self._moments[place.moment].site) if place.moment >= 0 else ""

    def count(self, place: Place) -> int:
        """Return the number of operations up to a place."""
        if place.moment < 0:
            return 0
        return self._before[place.moment] + place.clock - self._moments[place.moment].clock

    def number(self, place: Place) -> int:
        """Return the number of the stop that a place is at, or that it is on the way to; 0 is the start."""
        return min(bisect_left(self._stops, place), self.last_number)

    @property
    def last_number(self) -> int:
        return len(self._stops) - 1

    def at(self, seconds: float) -> Place:
        """Return the place after everything until a wall-clock second, included."""
        return max(self.start, self._end(bisect_right(self._moments, seconds, key=_seconds) - 1))

    def operation(self, place: Place) -> tuple[int, int] | None:
        """Return the site and clock of the last operation, which name the place in a later timeline, too."""
        return (self._moments[place.moment].site, place.clock - 1) if place.moment >= 0 else None

    def place_of(self, operation: tuple[int, int] | None) -> Place:
        """Return the place after an operation; the start if it is unknown or None. O(moments)."""
        if operation is not None:
            for number, it in enumerate(self._moments):
                if it.site == operation[0] and it.clock <= operation[1] < it.end:
                    return max(self.start, Place(number, operation[1] + 1))
        return self.start

    # Where to stop

    def keep_to(self, operations: Iterable[tuple[int, int, int]]) -> None:
        """Stop from now on only where some of these operations were done: (site, first clock, end)."""
        ranges_by_site = by_site(operations)
        touched: list[int] = []
        for number, it in enumerate(self._moments):
            ranges = ranges_by_site.get(it.site, [])
            at = bisect_left(ranges, (it.end, 0)) - 1
            if at >= 0 and ranges[at][1] > it.clock and it.seconds:
                touched.append(number)
        moments = [self._moments[number] for number in touched]
        authors = [self._buffer.author_of(it.site) for it in moments]
        ends: list[int] = []
        for begin, after in grouped(moments, PAUSE_S):
            ends += [at for at in range(begin, after) if at + 1 == after or authors[at + 1] != authors[at]]
        stops: list[Place] = []
        for at in ends:
            # The rest of the sitting is shown with it, up to the next of these moments.
            end = self._sittings[bisect_left(self._sittings, touched[at])]
            stops.append(self._end(min(end, touched[at + 1] - 1 if at + 1 < len(touched) else end)))
        if stops:
            stops[-1] = self.now  # its last state lasts until now
        self._stops = [self.start, *stops]

    def next_stop(self, place: Place) -> Place:
        """Return the next stop; the last place after the last one."""
        at = bisect_right(self._stops, place)
        return self._stops[at] if at < len(self._stops) else self.now

    def previous_stop(self, place: Place) -> Place:
        """Return the stop before; the start before the first one."""
        at = bisect_left(self._stops, place) - 1
        return self._stops[max(0, at)]

    def next_word(self, place: Place) -> Place:
        """Return the place after the next word that was typed, or the next deletion."""
        if place.moment >= 0:
            words = self._words(place.moment)
            at = bisect_right(words, place.clock)
            if at < len(words):
                return Place(place.moment, words[at])
        if place.moment + 1 == len(self._moments):
            return place
        return Place(place.moment + 1, self._words(place.moment + 1)[0])

    def previous_word(self, place: Place) -> Place:
        """Return the place before the last word or deletion."""
        if place <= self.start:
            return self.start
        words = self._words(place.moment)
        at = bisect_left(words, place.clock) - 1
        return Place(place.moment, words[at]) if at >= 0 else max(self.start, self._end(place.moment - 1))

    def _words_of(self, index: int) -> list[int]:
        it = self._moments[index]
        if it.end - it.clock >= PASTED_MIN:
            return [it.end]
        return self._buffer.word_ends(it.site, it.clock, it.end)

    # The picture

    def _make_axis(self, untimed: int) -> list[float]:
        """Return where each moment is, from 0 to 1: like the time, but no pause is longer than an average sitting."""
        moments = self._moments[untimed:]
        gaps = [float(later.seconds - it.seconds) for it, later in pairwise(moments)]
        written = sum(it for it in gaps if it < PAUSE_S)
        longest = max(PAUSE_S, written / max(1, len(self._sittings)))
        axis = [0.0]
        for gap in gaps:
            axis.append(axis[-1] + min(gap, longest))
        end = axis[-1] or 1.0
        return [0.0] * untimed + [it / end for it in axis]

    def column(self, place: Place, width: int) -> int:
        """Return the column of a place in a picture of so many."""
        if place == self.now:
            return width - 1
        if place <= self.start:
            return 0
        return min(width - 1, int(self._axis[place.moment] * width))

    def place_in(self, column: int, width: int) -> Place:
        """Return the last place in a column."""
        if column >= width - 1:
            return self.now
        return max(self.start, self._end(bisect_left(self._axis, (column + 1) / width) - 1))

    def _bars(self, width: int) -> dict[str, list[int]]:
        counts: dict[str, list[int]] = {}
        for index, it in enumerate(self._moments):
            if it.seconds:
                bars = counts.setdefault(self._buffer.author_of(it.site), [0] * width)
                bars[min(width - 1, int(self._axis[index] * width))] += it.end - it.clock
        return dict(sorted(counts.items(), key=lambda it: (-sum(it[1]), it[0])))


def _seconds(moment: Moment) -> int:
    return moment.seconds
