"""Search a text for a pattern in bounded steps, so that no key waits however long the text is.

A match lies within one line, so after a change only the changed rows are searched again. At most COUNT_MAX matches
are counted, which bounds the time for moving their offsets with an edit; nobody reads a higher number.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Generator, Iterator
from typing import Any, Final, NamedTuple

from crdt import Patch
from jpterm_like.tui.text.cursors import TrackedOffset
from jpterm_like.tui.text.layout import TextLayout
from jpterm_like.tui.text.query import BoundedPattern, Query

COUNT_MAX: Final = 9_999

CHUNK: Final = 20_000
"""Code points searched before keys are handled again: 0.2 ms for words, a few ms for patterns."""

_LEAD: Final = 1_000
"""Marks in a longer line are looked for from so far before the part that is in sight."""


class Match(NamedTuple):
    """Offsets of a match, and whether the search wrapped around to find it."""

    start: int
    end: int
    wrapped: bool = False


class Matches:
    """The matches of a query in a layout. Whoever changes the layout tells `follow`."""

    def __init__(
        self,
        text_layout: TextLayout,
        query: Query,
        region: tuple[TrackedOffset, TrackedOffset] | None = None,
        chunk: int = CHUNK,
    ) -> None:
        self._pattern = BoundedPattern(query)
        self._text_layout = text_layout
        self._region = region
        self._chunk = chunk
        self.starts: list[int] = []
        """Offsets of the matches counted so far, in order."""
        for place in region or ():
            place.follow()
        self.complete = False
        """Whether `starts` has every match."""
        lines = text_layout.lines
        self._counted_to = lines.start(lines.row(self.region[0]))

    # The part of the text that is looked through

    @property
    def region(self) -> tuple[int, int]:
        if self._region is None:
            return 0, self._text_layout.lines.size
        return self._region[0].offset, self._region[1].offset

    @property
    def gave_up(self) -> bool:
        """Whether the pattern took too long somewhere; from then on nothing is looked for."""
        return self._pattern.gave_up

    @property
    def pattern(self) -> Any:
        return self._pattern.compiled

    def in_line(self, text: str, start: int = 0) -> Iterator[re.Match[str]]:
        """Iterate over the matches in a line, from a column on; fewer if the pattern was given up."""
        return self._pattern.in_line(text, start)

    def _spans(self, text: str) -> list[tuple[int, int]]:
        """List start and end of each match in whole lines."""
        if not self._pattern.is_regex:
            return [match.span() for match in self.in_line(text)]
        spans = []
        base = 0
        for line in text.split("\n"):
            spans += [(base + match.start(), base + match.end()) for match in self.in_line(line)]
            base += len(line) + 1
        return spans

    def _in_rows(self, first: int, last: int) -> list[tuple[int, int]]:
        """The matches in rows `first` to `last`, the last included, as offsets."""
        start, end = self._text_layout.lines.start(first), self._text_layout.lines.span(last)[1]
        low, high = self.region
        spans = self._spans(self._text_layout.buffer.slice(start, end))
        return [(start + a, start + b) for a, b in spans if low <= start + a and start + b <= high]

    def _row_ahead(self, row: int) -> int:
        """Return the last row of the chunk that begins at a row."""
        lines = self._text_layout.lines
        return max(row, lines.row(min(lines.size, lines.start(row) + self._chunk)))

    def _row_back(self, row: int) -> int:
        lines = self._text_layout.lines
        return min(row, lines.row(max(0, lines.span(row)[1] - self._chunk)))

    # In sight

    def in_view(self, row: int, first: int, last: int) -> list[tuple[int, int]]:
        """List the columns of matches visible between two columns of a row, with adjacent ones joined."""
        start = self._text_layout.lines.start(row)
        low, high = self.region
        if start + last < low or start + first > high:
            return []
        spans: list[tuple[int, int]] = []
        for match in self.in_line(self._text_layout.line(row), max(0, first - _LEAD)):
            begin, end = match.span()
            if begin >= last:
                break
            if end <= first or begin == end or start + begin < low or start + end > high:
                continue
            if spans and spans[-1][1] == begin:
                begin = spans.pop()[0]
            spans.append((begin, end))
        return spans

    def in_row(self, row: int) -> list[tuple[int, int]]:
        """List the offsets of all matches in a row."""
        return self._in_rows(row, row)

    # Counting

    @property
    def counting(self) -> bool:
        """Whether counting is not finished."""
        return not self.complete and not self.gave_up and len(self.starts) < COUNT_MAX

    def count(self) -> bool:
        """Count the matches of the next chunk; False when finished."""
        if self.counting:
            lines = self._text_layout.lines
            first = lines.row(self._counted_to)
            last = self._row_ahead(first)
            self.starts += [start for start, _ in self._in_rows(first, last)]
            if last >= lines.row(self.region[1]):
                self.complete = True
            else:
                self._counted_to = lines.start(last + 1)
        return self.counting

    def rank(self, start: int) -> int | None:
        """Return the number of a match, from 1; None while it is not counted."""
        index = bisect_left(self.starts, start)
        return index + 1 if index < len(self.starts) and self.starts[index] == start else None

    def any_between(self, start: int, end: int) -> bool:
        """Whether a counted match begins in a range."""
        return bisect_left(self.starts, start) < bisect_left(self.starts, end)

    def follow(self, patch: Patch) -> None:
        """Update after a change that the layout already knows."""
        for place in self._region or ():
            place.follow()
        lines, old = self._text_layout.lines, self.starts
        starts: list[int] = []
        touched = []
        index = shift = 0
        for start, end, text in reversed(patch.splices):
            at = bisect_left(old, start, index)
            starts += [offset + shift for offset in old[index:at]]
            index = bisect_left(old, end, at)
            touched.append((start + shift, start + shift + len(text)))
            shift += len(text) - (end - start)
        starts += [offset + shift for offset in old[index:]]
        counted_to = lines.size + 1
        if not self.complete:
            counted_to = self._counted_to = lines.start(lines.row(patch.map_offset(self._counted_to)))
            del starts[bisect_left(starts, counted_to) :]
        row = 0
        for start, end in touched:
            first, last = max(row, lines.row(start)), lines.row(end)
            for row in range(first, last + 1):
                low, high = lines.span(row)
                if low < counted_to:
                    fresh = [begin for begin, _ in self.in_row(row)]
                    starts[bisect_left(starts, low) : bisect_right(starts, high)] = fresh
            row = last + 1
        self.starts = starts

    # Seeking

    def seek(self, offset: int, forward: bool = True) -> Generator[None, None, Match | None]:
        """Search for the first match at or after an offset, or backwards for the last one before it.

        Wraps around. Yields after each chunk; the text may change meanwhile.
        """
        lines, buffer = self._text_layout.lines, self._text_layout.buffer
        low, high = self.region
        wrapped = offset > high if forward else offset <= low
        limit = TrackedOffset(buffer, max(low, min(offset, high)), before=True)
        here = TrackedOffset(buffer, self.region[not forward], before=True) if wrapped else limit
        fresh = not wrapped
        while True:
            row = lines.row(here.offset)
            first, last = (row, self._row_ahead(row)) if forward else (self._row_back(row), row)
            spans = self._in_rows(first, last)
            if self.gave_up:
                return None
            if fresh:
                spans = [span for span in spans if (span[0] >= offset) == forward]
            if spans:
                return Match(*spans[0 if forward else -1], wrapped)
            edge, sign = (last, 1) if forward else (first, -1)
            at_end = edge * sign >= lines.row(self.region[forward]) * sign
            if wrapped and (at_end or edge * sign >= lines.row(limit.offset) * sign):
                return None
            if at_end:
                wrapped, there = True, self.region[not forward]
            else:
                there = lines.start(edge + 1) if forward else lines.span(edge - 1)[1]
            here, fresh = TrackedOffset(buffer, there, before=True), False
            yield
            here.follow()
            limit.follow()
