"""Search a text for a pattern in bounded steps, so that no key waits however long the text is.

A match lies within one line, so after a change only the changed rows are searched again. At most COUNT_MAX matches
are counted, which bounds the time for moving their offsets with an edit; nobody reads a higher number.
"""

from __future__ import annotations

import re
import warnings
from bisect import bisect_left, bisect_right
from collections.abc import Generator, Iterator
from time import process_time
from typing import Any, Final, NamedTuple

from crdt import Patch
from jpterm_like.tui.text.cursors import TrackedOffset
from jpterm_like.tui.text.layout import TextLayout

COUNT_MAX: Final = 9_999

PATTERN_S: Final = 0.1
"""A pattern that backtracks is given up when it has taken so much more of the processor than good ones do, in all lines
together: many lines that each take a little less than a limit are as slow as one that takes for ever."""
LINE_S: Final = 20e-6
"""Normal time of a pattern: for a line, and for each of its code points."""
CODE_POINT_S: Final = 2e-6

CHUNK: Final = 20_000
"""Code points searched before keys are handled again: 0.2 ms for words, a few ms for patterns."""

_LEAD: Final = 1_000
"""Marks in a longer line are looked for from so far before the part that is in sight."""


class BadPattern(ValueError):
    """The text is no valid pattern; the message says why, in a few words."""


class Query(NamedTuple):
    """A search: its text and options."""

    text: str = ""
    case: bool = False
    """Match case."""
    words: bool = False
    """Match whole words only."""
    regex: bool = False

    def compile(self) -> Any:
        """Compile with `regex`, which can be stopped, or for plain text with `re`, which is loaded already.

        Raises:
            BadPattern: the text is no regular expression.
        """
        source = self.text if self.regex else re.escape(self.text)
        if self.words:
            source = rf"(?<!\w)(?:{source})(?!\w)"
        if not self.regex:
            return re.compile(source, 0 if self.case else re.IGNORECASE)
        return compile_regex(source, not self.case)


def compile_regex(source: str, ignore_case: bool) -> Any:
    """Compile a regular expression with `regex`, whose searches can be stopped.

    Raises:
        BadPattern: it is none.
    """
    import regex

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they would be written over the screen
        try:
            return regex.compile(source, regex.IGNORECASE if ignore_case else 0)
        except (regex.error, OverflowError, RecursionError) as error:
            raise BadPattern(str(error).partition(" at position")[0]) from None


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
        self.pattern = query.compile()
        self._text_layout = text_layout
        self._region = region
        self._chunk = chunk
        # A regular expression might match across a line end, plain text cannot.
        self._by_line = query.regex
        self.starts: list[int] = []
        """Offsets of the matches counted so far, in order."""
        for place in region or ():
            place.follow()
        self._lost_s = 0.0
        """Time beyond that of a normal pattern, in all lines together."""
        self.gave_up = False
        """Whether the pattern took too long somewhere; from then on nothing is looked for."""
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

    def in_line(self, text: str, start: int = 0) -> Iterator[re.Match[str]]:
        """Iterate over the matches in a line, from a column on; fewer if the pattern was given up."""
        if not self._by_line:
            yield from self.pattern.finditer(text, start)
        elif not self.gave_up:
            fair_s = LINE_S + CODE_POINT_S * max(0, len(text) - start)
            spent_s = 0.0
            try:
                found = self.pattern.finditer(text, start, timeout=PATTERN_S + fair_s - self._lost_s)
                while True:
                    began = process_time()
                    match = next(found, None)
                    spent_s += process_time() - began
                    if match is None:
                        break
                    yield match
            except TimeoutError:
                self.gave_up = True
            finally:
                self._lost_s += max(0.0, spent_s - fair_s)
                self.gave_up = self.gave_up or self._lost_s > PATTERN_S

    def _spans(self, text: str) -> list[tuple[int, int]]:
        """List start and end of each match in whole lines."""
        if not self._by_line:
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


def expand(match: re.Match[str], template: str, regex: bool) -> str:
    """Return the replacement of a match: as it is, or for a pattern with its groups (`\\1`, `\\g<name>`)."""
    return match.expand(template) if regex else template


def check_template(pattern: Any, template: str) -> None:
    """See whether a replacement for a pattern names only groups that there are.

    Raises:
        BadPattern: it does not.
    """
    names = {index: name for name, index in pattern.groupindex.items()}
    groups = [f"(?P<{names[index]}>)" if index in names else "()" for index in range(1, pattern.groups + 1)]
    try:
        re.sub("".join(groups), template, "")  # the same groups, and a text in which all of them are
    except (re.error, IndexError) as error:
        raise BadPattern(str(error).partition(" at position")[0]) from None
