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
from jpterm_like.tui.text.query import LONG, BoundedPattern, Query

COUNT_MAX: Final = 9_999

CHUNK: Final = 20_000
"""Code points searched before keys are handled again: 0.2 ms for words."""

PATTERN_CHUNK: Final = 4_000
"""The same for a regular expression, which may read on for each place where it begins: `a.*?b` took 75 ms for five times as many."""

CLUSTER_MAX: Final = 100
"""Code points within which a match may begin in a cluster that is shown as its beginning."""

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
        chunk: int | None = None,
    ) -> None:
        self._pattern = BoundedPattern(query)
        self._text_layout = text_layout
        self._region = region
        self._chunk = chunk or (PATTERN_CHUNK if query.regex else CHUNK)
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

    def in_pieces(self, text: str) -> Iterator[re.Match[str] | None]:
        """Iterate over all matches in a line, with a None where a pause may be made."""
        return self._pattern.in_pieces(text)

    def _in_rows(self, first: int, last: int) -> list[tuple[int, int]]:
        """The matches in rows `first` to `last`, the last included, as offsets."""
        start, end = self._text_layout.lines.start(first), self._text_layout.lines.span(last)[1]
        spans = self._pattern.spans(self._text_layout.buffer.slice(start, end))
        return self._in_region([(start + a, start + b) for a, b in spans])

    def _in_stretch(self, row: int, first: int, last: int) -> list[tuple[int, int]]:
        """The matches that begin between two columns of a long row, as offsets."""
        start = self._text_layout.lines.start(row)
        found = self._pattern.in_stretch(self._text_layout.line(row), max(0, first), last)
        return self._in_region([(start + match.start(), start + match.end()) for match in found])

    def _in_region(self, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
        low, high = self.region
        return [(a, b) for a, b in spans if low <= a and b <= high]

    def _is_long(self, row: int) -> bool:
        start, end = self._text_layout.lines.span(row)
        return end - start > LONG

    def _ahead(self, offset: int) -> tuple[list[tuple[int, int]], int]:
        """The matches in the chunk that begins at an offset, or in its row, and where the next chunk begins."""
        lines = self._text_layout.lines
        first = lines.row(offset)
        start, end = lines.span(first)
        if self._is_long(first):
            last = offset - start + min(LONG, self._chunk)
            if last <= end - start:
                spans = self._in_stretch(first, offset - start, last)
                return spans, max(start + last, spans[-1][1] if spans else 0)
            return self._in_stretch(first, offset - start, end - start + 1), end + 1
        last = max(first, lines.row(min(lines.size, start + self._chunk)))
        if last > first and self._is_long(last):
            last -= 1
        return self._in_rows(first, last), lines.span(last)[1] + 1

    def _back(self, offset: int) -> tuple[list[tuple[int, int]], int]:
        """The matches in the chunk that ends at an offset, or in its row, and where the chunk before it ends."""
        lines = self._text_layout.lines
        last = lines.row(offset)
        start, end = lines.span(last)
        if self._is_long(last):
            first = max(0, offset - start - min(LONG, self._chunk))
            spans = self._in_stretch(last, first, offset - start + 1)
            return spans, start + first if first else start - 1
        first = min(last, lines.row(max(0, end - self._chunk)))
        if first < last and self._is_long(first):
            first += 1
        return self._in_rows(first, last), lines.start(first) - 1

    # In sight

    def in_view(self, row: int, first: int, last: int) -> list[tuple[int, int]]:
        """List the columns of matches visible between two columns of a row, with adjacent ones joined."""
        start = self._text_layout.lines.start(row)
        low, high = self.region
        if start + last < low or start + first > high:
            return []
        spans: list[tuple[int, int]] = []
        for match in self._pattern.in_stretch(self._text_layout.line(row), max(0, first - _LEAD), last):
            begin, end = match.span()
            if begin >= last:
                break
            if end <= first or begin == end or start + begin < low or start + end > high:
                continue
            if spans and spans[-1][1] == begin:
                begin = spans.pop()[0]
            spans.append((begin, end))
        return spans

    def near(self, offset: int) -> list[tuple[int, int]]:
        """List the offsets of the matches in the row of an offset; in a long row, of those around it."""
        row, column = self._text_layout.lines.place(offset)
        if self._is_long(row):
            return self._in_stretch(row, column - _LEAD, column + 1)
        return self._in_rows(row, row)

    def beginning_at(self, offset: int) -> re.Match[str] | None:
        """The match that begins at an offset, in columns of its row, or the one that is shown as beginning there."""
        row, column = self._text_layout.lines.place(offset)
        base, line = offset - column, self._text_layout.line(row)
        first = column - _LEAD if self._is_long(row) else 0
        found = self._pattern.in_stretch(line, max(0, first), column + CLUSTER_MAX)
        snap = self._text_layout.snap
        return next((match for match in found if snap(base + match.start()) == offset), None)

    # Counting

    @property
    def counting(self) -> bool:
        """Whether counting is not finished."""
        return not self.complete and not self.gave_up and len(self.starts) < COUNT_MAX

    def count(self) -> bool:
        """Count the matches of the next chunk; False when finished."""
        if self.counting:
            spans, following = self._ahead(self._counted_to)
            self.starts += [start for start, _ in spans]
            if following > min(self._text_layout.lines.size, self.region[1]):
                self.complete = True
            else:
                self._counted_to = following
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
            at = patch.map_offset(self._counted_to)
            # Within a long row the count goes on where it was.
            counted_to = self._counted_to = at if self._is_long(lines.row(at)) else lines.start(lines.row(at))
            del starts[bisect_left(starts, counted_to) :]
        if sum([end - start for start, end in touched]) > CHUNK:
            self._count_from(starts, touched[0][0])
            return
        row = 0
        for start, end in touched:
            first, last = max(row, lines.row(start)), lines.row(end)
            for row in range(first, last + 1):
                low, high = lines.span(row)
                if low >= counted_to:
                    continue
                if self._is_long(row):
                    # Only around the change: the rest of the row matches as it did.
                    low, high = max(low, start - _LEAD), min(high, end + _LEAD, counted_to - 1)
                    base = lines.start(row)
                    found = self._in_stretch(row, low - base - _LEAD, high - base + 1)
                    fresh = [begin for begin, _ in found if begin >= low]
                else:
                    fresh = [begin for begin, _ in self._in_rows(row, row)]
                starts[bisect_left(starts, low) : bisect_right(starts, high)] = fresh
            row = last + 1
        self.starts = starts

    def _count_from(self, starts: list[int], offset: int) -> None:
        """Go on with the matches before an offset that are known, and count the others again, step by step."""
        row = self._text_layout.lines.row(offset)
        low = max(offset - _LEAD, 0) if self._is_long(row) else self._text_layout.lines.start(row)
        if self.complete or low < self._counted_to:
            self.complete, self._counted_to = False, low
        self.starts = starts[: bisect_left(starts, low)]

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
            spans, there = (self._ahead if forward else self._back)(here.offset)
            if self.gave_up:
                return None
            if fresh:
                spans = [span for span in spans if (span[0] >= offset) == forward]
            if spans:
                return Match(*spans[0 if forward else -1], wrapped)
            at_end = there > min(lines.size, self.region[1]) if forward else there < self.region[0]
            if wrapped and (at_end or (there > limit.offset if forward else there < limit.offset)):
                return None
            if at_end:
                wrapped, there = True, self.region[not forward]
            here, fresh = TrackedOffset(buffer, there, before=True), False
            yield
            here.follow()
            limit.follow()
