"""Soft wrap: at which columns a line goes on in the next row of the screen, and how far that row is indented.

Breaks behind blanks; a word longer than the screen is broken where it must. The last cell of a row is kept for
the blank that ends it or for the caret at the end of the line, so no row begins with a blank for want of room.
What follows stands below the text of the first row: behind its indentation and behind the sign of a list.

    "the quick brown", 10 cells    "the quick " + "brown"
    "- the quick brown", 12        "- the quick " + "  brown"
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Final, overload

from jpterm_like.tui.text.cells import Cells
from jpterm_like.tui.text.long_line import Ribbon

WIDTH_MIN: Final = 4
"""Narrower than this, text would stand one letter a row."""

_HANG_SHARE: Final = 2
"""A deeper indentation would leave too little of the row."""

_LEAD: Final = re.compile(r"[ \t]*(?:(?:[-*+•>]|\d{1,3}[.)])[ \t]+)*(?:\[[ xX]\][ \t]+)?")
"""How the lines of lists and quotations begin."""

_LEAD_MAX: Final = 200
"""No line is led by more than this."""


def wrap(cells: Cells, width: int) -> Sections:
    """The columns at which the sections of a line begin; the first is always 0.

    A line whose last blank fills the row has one more section, empty, for the caret behind that blank.
    """
    if cells.width < width:
        return WHOLE
    known = cells.wrapped
    if not isinstance(known, Sections) or known.width != width:
        known = cells.wrapped = Sections(cells, width)
    return known


def hang(cells: Cells, width: int) -> int:
    """The cells by which all sections of a line but the first are indented."""
    return wrap(cells, width).hang


class Sections(Sequence[int]):
    """Where the sections of a line begin, found as far as somebody asks: a line may have ten thousand of them.

    To ask for the length, or from the end, finds all. What the line had before a change is taken over: all in front
    of the change, and behind it from the first row on that begins where one began before.
    """

    def __init__(self, cells: Cells, width: int) -> None:
        self.width = width
        self.hang = _hang(cells, width)
        self._cells = cells
        self._room = max(width, WIDTH_MIN) - 1
        self._starts = [0]
        self._complete = cells.width < width
        self._old: list[int] = []
        """Where sections began before a change, as far as it was known."""
        if not isinstance(cells, Ribbon) or cells.former is None:
            return
        # It would keep the line as it was before, and before that.
        former, cells.former = cells.former, None
        old = former.wrapped
        if isinstance(old, Sections) and (old.width, old.hang) == (width, self.hang):
            # The row before the one that changed may take words of it now, the one before that has no room.
            self._starts = old._starts[: max(1, bisect_right(old._starts, former.start) - 1)]
            self._old, self._shift, self._old_complete = old._starts, former.shift, old._complete
            # Tabs behind a change are wider or narrower than before, up to the first of them.
            tab = cells.text.find("\t", former.behind)
            self._same = former.behind if tab < 0 else tab + 1

    def __len__(self) -> int:
        while not self._complete:
            self._find_more()
        return len(self._starts)

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> list[int]: ...
    def __getitem__(self, index: int | slice) -> int | list[int]:
        if isinstance(index, slice) or index < 0:
            len(self)
        else:
            self.has(index)
        return self._starts[index]

    def has(self, index: int) -> bool:
        """Whether there is a section of that number, counted from 0."""
        while index >= len(self._starts) and not self._complete:
            self._find_more()
        return index < len(self._starts)

    def at(self, column: int) -> int:
        """The number of the section in which a column is."""
        while self._starts[-1] <= column and not self._complete:
            self._find_more()
        return bisect_right(self._starts, column) - 1

    def _find_more(self) -> None:
        """Find the next section, or several, or that there are no more."""
        cells, starts = self._cells, self._starts
        start = starts[-1]
        room = self._room - self.hang if start else self._room
        x = cells.x(start)
        if cells.width - x <= room:
            self._complete = True
            return
        if self._old and start >= self._same:
            old, before = self._old, start - self._shift
            index = bisect_left(old, before)
            if index < len(old) and old[index] == before:
                starts += [column + self._shift for column in old[index + 1 :]]
                self._complete, self._old = self._old_complete, []
                return
        behind_even, each = cells.even(start)
        step = room // each
        if start and start + step < behind_even:
            starts += range(start + step, behind_even, step)
            return
        text = cells.text
        limit = cells.column(x + room)  # the cluster that would stand in the last cell
        behind = cells.after(limit)
        if text[limit] in " \t" and limit > start and cells.x(behind) - x <= room + 1:
            start = behind
        else:
            blank = max(text.rfind(" ", start, limit), text.rfind("\t", start, limit))
            while blank >= start and cells.floor(blank + 1) != blank + 1:  # it carries a mark
                blank = text.rfind(" ", start, blank)
            start = blank + 1 if blank >= start else max(limit, cells.after(start))
        starts.append(start)


def _hang(cells: Cells, width: int) -> int:
    lead = _LEAD.match(cells.text, 0, _LEAD_MAX)
    x = cells.x(lead.end()) if lead is not None else 0
    return x if x <= width // _HANG_SHARE and width - x > WIDTH_MIN else 0


WHOLE: Final = Sections(Cells("", 1), 1)
"""Of a line that is not wrapped."""
