"""The layout of a text: its rows in cells, word borders, neighbouring offsets.

It connects the replicated text, which counts code points, with the view, which counts cells. It reads single lines,
never the whole text, and caches recent ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from crdt import Patch, TextBuffer
from jpterm_like.tui.text.cells import LENGTH_MAX, Cells, lay_out
from jpterm_like.tui.text.line_index import CHUNK_ROWS, Lines, RowChange
from jpterm_like.tui.text.long_line import LongLine

Known = TypeVar("Known")

_LINES_KEPT: Final = 400
"""Lines cached: enough for a screen and the caret's surroundings."""
_LONG_LINES_KEPT: Final = 60

WORD_LENGTH_MAX: Final = 20_000
"""Code points of a word, or of blanks; longer ones are gone through in such steps. A line without blanks, as Chinese is written, would
take a third of a second at each key that looks for the end of its only word."""


class TextLayout:
    """The layout of a buffer's rows. Call `follow` after each change of the buffer."""

    def __init__(
        self,
        buffer: TextBuffer,
        tab_width: int = 4,
        chunk_rows: int = CHUNK_ROWS,
        lines: Lines | None = None,
    ) -> None:
        """Lay out a buffer; `lines` is its line index, if there is one already."""
        self.buffer = buffer
        buffer.track_moves()
        self.tab_width = tab_width
        self.lines = Lines(buffer.text, chunk_rows) if lines is None else lines
        self._texts: dict[int, str] = {}
        self._cells: dict[int, Cells] = {}
        """Layouts of short lines."""
        self._long_lines: dict[int, LongLine] = {}
        """Layouts of long lines."""

    def use_tab_width(self, tab_width: int) -> None:
        """Discard all layouts."""
        self.tab_width = tab_width
        self._cells.clear()
        self._long_lines.clear()

    def follow(self, patch: Patch) -> list[RowChange]:
        """Update after a change of the buffer; returns the changed rows, from last to first."""
        changes = []
        for start, end, text in patch.splices:
            change = self.lines.splice(start, end, text)
            if change.removed == change.added == 1:
                self._texts.pop(change.row, None)
                self._cells.pop(change.row, None)
            else:
                self._texts = _moved(self._texts, change)
                self._cells = _moved(self._cells, change)
            if self._long_lines:
                self._splice_long_lines(change, text)
            changes.append(change)
        return changes

    def _splice_long_lines(self, change: RowChange, text: str) -> None:
        """Reuse the untouched pieces of long lines, even when a line is split or joined with another long one."""
        first, last = change.row, change.row + change.removed - 1
        shift, last_column = change.added - change.removed, change.end_column
        old, self._long_lines = self._long_lines, {}
        for row, long_line in old.items():
            if not first <= row <= last:
                self._keep(row + shift if row > last else row, long_line)
        head, tail = old.get(first), old.get(last)
        if change.added == 1:
            if head is not None and first == last:
                self._keep(first, head.spliced(change.column, last_column, text))
            elif head is not None and tail is not None:
                left = head.spliced(change.column, head.length, text)
                self._keep(first, left.joined(tail.spliced(0, last_column, "")))
            return
        if head is not None:
            self._keep(first, head.spliced(change.column, head.length, text[: text.index("\n")]))
        if tail is not None:
            self._keep(last + shift, tail.spliced(0, last_column, text[text.rindex("\n") + 1 :]))

    def _keep(self, row: int, long_line: LongLine) -> None:
        if long_line.length > LENGTH_MAX:
            if len(self._long_lines) >= _LONG_LINES_KEPT:
                self._long_lines.clear()
            self._long_lines[row] = long_line

    def line(self, row: int) -> str:
        """Return the text of a row, without its newline."""
        text = self._texts.get(row)
        if text is None:
            if (long_line := self._long_lines.get(row)) is not None:
                return long_line.text
            if len(self._texts) >= _LINES_KEPT:
                self._texts.clear()
                self._cells.clear()
            text = self._texts[row] = self.buffer.slice(*self.lines.span(row))
        return text

    def cells(self, row: int) -> Cells:
        cells = self._cells.get(row) or self._long_lines.get(row)
        if cells is not None:
            return cells
        line = self.line(row)
        if len(line) <= LENGTH_MAX:
            cells = self._cells[row] = lay_out(line, self.tab_width)
            return cells
        del self._texts[row]  # the long line has it
        long_line = LongLine(line, self.tab_width)
        self._keep(row, long_line)
        return long_line

    # Offsets next to an offset

    def left(self, offset: int) -> int:
        """Return the previous cluster border; a newline is one step."""
        row, column = self.lines.place(offset)
        return offset - column + self.cells(row).before(column) if column else max(0, offset - 1)

    def right(self, offset: int) -> int:
        row, column = self.lines.place(offset)
        after = self.cells(row).after(column)
        return offset - column + after if after > column else min(self.lines.size, offset + 1)

    def snap(self, offset: int) -> int:
        """Return the last cluster border at or before an offset."""
        offset = min(offset, self.lines.size)
        row, column = self.lines.place(offset)
        return offset - column + self.cells(row).floor(column) if column else offset

    def snap_right(self, offset: int) -> int:
        """Return the first cluster border at or after an offset."""
        snapped = self.snap(offset)
        return snapped if snapped == offset else self.right(snapped)

    def word_left(self, offset: int) -> int:
        """Return the start of the previous word, or the end of the line above."""
        row, column = self.lines.place(offset)
        if column == 0:
            return max(0, offset - 1)
        line = self.line(row)
        place = _skip(line, column, -1, lambda kind: kind == 0)
        if place:
            kind = _kind(line[place - 1])
            place = _skip(line, place, -1, lambda other: other == kind)
        return offset - column + self.cells(row).floor(place)

    def word_right(self, offset: int) -> int:
        """Return the end of the next word, or the start of the line below."""
        row, column = self.lines.place(offset)
        line = self.line(row)
        if column >= len(line):
            return min(self.lines.size, offset + 1)
        place = _skip(line, column, 1, lambda kind: kind == 0)
        if place < len(line):
            kind = _kind(line[place])
            place = _skip(line, place, 1, lambda other: other == kind)
        return offset - column + self.cells(row).ceiling(place)

    def word_at(self, offset: int) -> tuple[int, int]:
        """Return start and end of the word, blanks or punctuation at an offset."""
        row, column = self.lines.place(offset)
        line = self.line(row)
        if not line:
            return offset, offset
        kind = _kind(line[min(column, len(line) - 1)])
        start = _skip(line, min(column, len(line) - 1), -1, lambda other: other == kind)
        end = _skip(line, min(column, len(line) - 1), 1, lambda other: other == kind)
        base = offset - column
        cells = self.cells(row)
        return base + cells.floor(start), base + cells.ceiling(end)

    def row_span(self, row: int) -> tuple[int, int]:
        """Return the offsets of a whole row, including its newline."""
        start, end = self.lines.span(row)
        return start, min(end + 1, self.lines.size)


def _moved(rows: dict[int, Known], change: RowChange) -> dict[int, Known]:
    """Return the cached layouts of rows that a change left alone, under their new numbers."""
    behind, shift = change.row + change.removed, change.added - change.removed
    return {
        (row + shift if row >= behind else row): known
        for row, known in rows.items()
        if row < change.row or row >= behind
    }


def _kind(character: str) -> int:
    """Classify a character: 0 blank, 1 part of a word, 2 other."""
    if character.isspace():
        return 0
    # Marks and joiners belong to the letter in front of them.
    return 1 if character.isalnum() or character == "_" or ord(character) >= 0x300 else 2


def _skip(line: str, place: int, step: int, while_kind: Callable[[int], bool]) -> int:
    """The first place from `place` on, or back, that ends a run of these kinds; at most WORD_LENGTH_MAX away."""
    if step > 0:
        limit = min(len(line), place + WORD_LENGTH_MAX)
        while place < limit and while_kind(_kind(line[place])):
            place += 1
    else:
        limit = max(0, place - WORD_LENGTH_MAX)
        while place > limit and while_kind(_kind(line[place - 1])):
            place -= 1
    return place
