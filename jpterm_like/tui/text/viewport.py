"""Which part of a layout is on the screen: the top row, soft wrap, and cells turned into offsets.

A line is shown in one or more sections (see `wrap`), and rows that are no text may stand below it (`rows_below`). The top of the view is an anchor at the first visible character,
so edits by others never scroll it (F11). Only lines near the screen are laid out; the total number of screen rows is
never computed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Final

from crdt import Patch
from jpterm_like.tui.text.cells import Cells
from jpterm_like.tui.text.cursors import TrackedOffset
from jpterm_like.tui.text.folds import Folds
from jpterm_like.tui.text.layout import TextLayout
from jpterm_like.tui.text.line_index import RowChange
from jpterm_like.tui.text.wrap import BELOW, WHOLE, Sections, WithRowsBelow, wrap

SIDE_MARGIN: Final = 4
"""Cells kept visible left and right of the caret when lines are not wrapped."""


class View:
    """A window of `width` by `height` cells onto a layout."""

    def __init__(
        self, text_layout: TextLayout, width: int = 80, height: int = 24, wraps: bool = False, margin: int = 0
    ) -> None:
        self.text_layout = text_layout
        self.width = width
        self.height = height
        self.wraps = wraps
        self.margin = margin
        """Rows kept visible above and below the caret."""
        self.left = 0
        """First visible cell of each line; 0 when lines are wrapped."""
        self.folds = Folds()
        self.rows_below: Callable[[int], int] | None = None
        """How many rows that hold no text stand below the text of a row; None: nowhere any. Call `refold` when it changes."""
        self._below_top = 0
        """How many of those of the top's row are above its last one on the screen: 0 if the top is text."""
        self._top = TrackedOffset(text_layout.buffer, 0, before=True)
        self._rows: list[tuple[int, int]] | None = None

    # What is shown

    @property
    def top_offset(self) -> int:
        """Offset of the first visible character."""
        return self._top.offset

    @property
    def top(self) -> tuple[int, int]:
        """Row and section of the first line on the screen."""
        row, column = self.text_layout.lines.place(self._top.offset)
        head = self.folds.head(row)
        if head != row:
            return head, 0
        if self._below_top and self.rows_below is not None and (count := self.rows_below(row)):
            return row, BELOW + min(self._below_top, count) - 1
        return row, self._section(row, column)

    @top.setter
    def top(self, place: tuple[int, int]) -> None:
        row, section = place
        start, end = self.text_layout.lines.span(row)
        self._top.put(end if section >= BELOW else start + section)
        self._below_top = max(0, section - BELOW + 1)
        self._rows = None

    def rows(self) -> list[tuple[int, int]]:
        """List row and section of each line of the screen; fewer than `height` at the end of the text."""
        if self._rows is None:
            row, section = self.top
            rows: list[tuple[int, int]] = []
            count = len(self.text_layout.lines)
            folded = bool(self.folds.all)
            while len(rows) < self.height and row < count:
                sections = self._all_sections(row)
                after: int | None = section
                while len(rows) < self.height and after is not None:
                    rows.append((row, after))
                    after = None if sections is WHOLE else sections.after(after)
                row, section = self.folds.below(row) if folded else row + 1, 0
            self._rows = rows
        return self._rows

    def sections(self, row: int) -> Sections:
        """Return the sections of a row that hold its text."""
        return wrap(self.text_layout.cells(row), self.width) if self.wraps else WHOLE

    def _all_sections(self, row: int) -> Sections:
        """Return the sections of a row, those without text included."""
        sections = self.sections(row)
        if self.rows_below is None or self.folds.at(row) is not None or not (count := self.rows_below(row)):
            return sections
        return WithRowsBelow(sections, count)

    def section_span(self, row: int, section: int) -> tuple[int, int]:
        """Return the columns where a section begins and ends; twice the end of the line if it holds no text."""
        if section >= BELOW:
            length = self.text_layout.lines.length(row)
            return length, length
        sections = self.sections(row)
        after = None if sections is WHOLE else sections.after(section)
        return section, self.text_layout.lines.length(row) if after is None else after

    def part(self, row: int, section: int) -> tuple[Cells, int]:
        """Return the cells that a section is in, all of the line or a piece of a long one, and their first column."""
        cells = self.text_layout.cells(row)
        return cells.part(section) if self.wraps else (cells, 0)

    def x(self, row: int, section: int, column: int) -> int:
        """Return the cell of a column of a section, counted from where the text of the view begins."""
        cells, base = self.part(row, section)
        return cells.x(column - base) - self._origin(cells, base, row, section)

    def _origin(self, cells: Cells, base: int, row: int, section: int) -> int:
        """The cell of these cells at the left edge of a section; negative where it is indented."""
        return cells.x(section - base) - self.sections(row).hanging_indent if section else 0

    def resize(self, width: int, height: int) -> None:
        self.width, self.height = max(1, width), max(1, height)
        self._rows = None

    def refold(self) -> None:
        """Update after folding or unfolding."""
        self._rows = None

    def unfold(self, offset: int) -> None:
        """Unfold the row of an offset."""
        row = self.text_layout.lines.row(offset)
        if self.folds.is_hidden(row):
            self.folds.open(row)
            self.refold()

    def follow(self, patch: Patch, changes: Sequence[RowChange], mine: bool) -> None:
        """Update after an edit: the top stays at its character, or before my own text inserted there."""
        if mine:
            self._top.put(patch.map_offset(self._top.offset))
        else:
            self._top.follow()
        self.folds.follow(changes)
        if self._rows is not None and not self._is_apart(self._rows, changes):
            self._rows = None

    def _is_apart(self, rows: list[tuple[int, int]], changes: Sequence[RowChange]) -> bool:
        """Whether no visible row changed: all changes are below a full screen, or above it with the number of rows
        unchanged."""
        if self.folds.all or self.rows_below is not None or len(rows) < self.height:
            return False
        first, last = rows[0][0], rows[-1][0]
        return all(
            change.row > last or (change.row + change.removed <= first and change.added == change.removed)
            for change in changes
        )

    def set_wraps(self, wraps: bool) -> None:
        self.wraps = wraps
        self._rows = None

    # Places

    def locate(self, offset: int) -> tuple[int, int, int]:
        """Return row, section, and cell within the section, of an offset."""
        row, column = self.text_layout.lines.place(offset)
        section = self._section(row, column)
        return row, section, self.x(row, section, column)

    def screen_place(self, offset: int) -> tuple[int, int] | None:
        """Return the screen position x, y of an offset; None if it is not visible."""
        row, section, x = self.locate(offset)
        y = self.y(row, section)
        x -= self.left
        return (x, y) if y is not None and 0 <= x < self.width else None

    def y(self, row: int, section: int) -> int | None:
        rows = self.rows()
        if not rows or not rows[0] <= (row, section) <= rows[-1]:
            return None
        y = bisect_left(rows, (row, section))
        return y if rows[y] == (row, section) else None

    def offset_at(self, x: int, y: int, nearest: bool = True) -> int:
        """Return the offset at a cell of the screen, or the nearest one."""
        rows = self.rows()
        if y >= len(rows):
            return self.text_layout.lines.size
        return self.offset_of(*rows[max(0, y)], x + self.left, nearest)

    def offset_of(self, row: int, section: int, x: int, nearest: bool = False) -> int:
        """Return the offset at a cell of a section, or the last one of the section."""
        if section >= BELOW:
            return self.text_layout.lines.span(row)[1]
        cells, base = self.part(row, section)
        start, end = self.section_span(row, section)
        x = max(0, x) + self._origin(cells, base, row, section)
        column = base + (cells.nearest(x) if nearest else cells.column(x))
        if column >= end and self.sections(row).after(section) is not None:
            column = max(
                start, base + cells.before(end - base)
            )  # the end itself is the start of the next section
        return self.text_layout.lines.start(row) + max(start, min(column, end))

    def step(self, row: int, section: int, count: int) -> tuple[int, int]:
        """Return the row and section `count` screen rows further down (negative: up), stopping at the ends."""
        if self.rows_below is None:
            return self.step_in_text(row, section, count)
        return self._step(row, section, count, self._all_sections)

    def step_in_text(self, row: int, section: int, count: int) -> tuple[int, int]:
        """The same, but only rows with text count; the first one must be one."""
        if not self.wraps and not self.folds.all:
            return max(0, min(len(self.text_layout.lines) - 1, row + count)), 0
        return self._step(row, section, count, self.sections)

    def _step(
        self, row: int, section: int, count: int, sections_of: Callable[[int], Sections]
    ) -> tuple[int, int]:
        last = self.folds.head(len(self.text_layout.lines) - 1)
        head, folded = self.folds.head(row), bool(self.folds.all)
        row, section = head, section if head == row else 0
        for _ in range(count):
            after = sections_of(row).after(section)
            if after is None:
                if row >= last:
                    break
                row, after = self.folds.below(row) if folded else row + 1, 0
            section = after
        for _ in range(-count):
            before = sections_of(row).before(section)
            if before is None:
                if not row:
                    break
                row = self.folds.head(row - 1)
                before = sections_of(row).last
            section = before
        return row, section

    # Scrolling

    def scroll(self, count: int) -> bool:
        """Scroll by screen rows without moving the caret; False at the end."""
        before = self.top
        after = self.step(*before, count)
        if count > 0:
            after = max(before, self.raised(after))
        self.top = after
        return after != before

    def scroll_to(self, offset: int, left: int) -> None:
        """Scroll so that an offset is in the first line of the screen."""
        row, column = self.text_layout.lines.place(offset)
        self.top = (row, self._section(row, column))
        self.left = 0 if self.wraps else left

    def show_from(self, offset: int) -> None:
        """Begin the screen with the row of an offset, before the width of the screen is known."""
        self._top.put(offset)
        self._below_top = 0
        self._rows = None

    def lowest_top(self) -> tuple[int, int]:
        """Return the top at which the last line is at the bottom of the screen."""
        last = self.folds.head(len(self.text_layout.lines) - 1)
        return self.step(last, self._all_sections(last).last, 1 - self.height)

    def raised(self, top: tuple[int, int]) -> tuple[int, int]:
        """Limit a top so that the text fills the screen if it can."""
        row, section = top
        if not self.folds.all and len(self.text_layout.lines) - row > self.height:
            return top  # each line takes a row at least
        below = self.step(row, section, self.height - 1)
        if below == self.step(*below, 1):  # the end may be nearer than that
            return min(top, self.lowest_top())
        return top

    def reveal(self, offset: int, centred: bool = False) -> bool:
        """Scroll just enough to show an offset, or centre it if it is far; False if nothing moved."""
        self.unfold(offset)
        row, section, x = self.locate(offset)
        top, left = self.top, self.left
        margin = min(self.margin, (self.height - 1) // 2)
        y = self.y(row, section)
        if y is not None:
            if (
                2 * len(self.rows()) < self.height
            ):  # what stood below is gone: so empty a screen shows what is above
                self.top = top = self.raised(top)
                y = self.y(row, section) or 0
            if y < margin:
                self.top = self.step(*top, y - margin)
            elif y > self.height - 1 - margin:
                self.top = max(top, self.raised(self.step(*top, y - (self.height - 1 - margin))))
        else:
            if (row, section) < top:
                distant = self.step(row, section, self.height) < top
                self.top = self.step(row, section, -margin)
            else:
                rows = self.rows()
                distant = self.step(row, section, -self.height) > rows[-1] if rows else True
                self.top = self.raised(self.step(row, section, 1 + margin - self.height))
            if centred or distant:
                self.top = self.raised(self.step(row, section, -(self.height // 2)))
        if self.wraps:
            self.left = 0
        else:
            aside = min(SIDE_MARGIN, (self.width - 1) // 2)
            if x - self.left > self.width - 1 - aside:
                self.left = x - (self.width - 1 - aside)
            elif x - self.left < aside:
                self.left = max(0, x - aside)
        return self.top != top or self.left != left

    def _section(self, row: int, column: int) -> int:
        return self.sections(row).at(column)
