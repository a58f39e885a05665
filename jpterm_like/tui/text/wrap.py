"""Soft wrap: the columns where a line is broken into screen rows, and the indentation of the later rows.

Lines break after blanks; a word that fits in no row breaks where the row is full. The last cell of a row is reserved for the
blank that ends it, or for the caret at the end of the line, so that no row begins with a blank.
Later rows are aligned with the text of the first: after its indentation and list marker.

    "the quick brown", 10 cells    "the quick " + "brown"
    "- the quick brown", 12        "- the quick " + "  brown"
    "see abcdefghijkl", 9          "see abcd" + "efghijkl"
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Final, overload

from jpterm_like.tui.text.cells import Cells
from jpterm_like.tui.text.long_line import LongLine

WIDTH_MIN: Final = 4
"""Narrowest width for wrapping; below it, rows would have one letter each."""

_HANG_SHARE: Final = 2
"""Largest share of the width used for indentation."""

_LEAD: Final = re.compile(r"[ \t]*(?:(?:[-*+•>]|\d{1,3}[.)])[ \t]+)*(?:\[[ xX]\][ \t]+)?")
"""Markers at the start of list items and quotations."""

_LEAD_MAX: Final = 200
"""Longest prefix that is searched for a marker."""


def wrap(cells: Cells, width: int) -> Sections:
    """Return the columns where the sections of a line begin; the first is always 0.

    A line whose last blank fills the row has one more section, empty, for the caret behind that blank.
    """
    if cells.width < width:
        return WHOLE
    known = cells.wrapped
    if not isinstance(known, Sections) or known.width != width:
        known = cells.wrapped = Sections(cells, width)
    return known


def hanging_indent(cells: Cells, width: int) -> int:
    """Return the indentation of all sections of a line except the first, in cells."""
    return wrap(cells, width).hanging_indent


class Sections(Sequence[int]):
    """The starts of the sections of a line, computed on demand: a line may have ten thousand of them.

    Asking for the length, or from the end, computes all. After a change, old starts are reused: those before the
    change, and those after it from the first section on that begins where an old one began.
    """

    def __init__(self, cells: Cells, width: int) -> None:
        self.width = width
        self.hanging_indent = _hang(cells, width)
        self._cells = cells
        self._room = max(width, WIDTH_MIN) - 1
        self._starts = [0]
        self._complete = cells.width < width
        self._old: list[int] = []
        """The known starts of sections before a change."""
        if not isinstance(cells, LongLine) or cells.former is None:
            return
        # It would keep the line as it was before, and before that.
        former, cells.former = cells.former, None
        old = former.wrapped
        if isinstance(old, Sections) and (old.width, old.hanging_indent) == (width, self.hanging_indent):
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
        """Whether a section of that number exists, counted from 0."""
        while index >= len(self._starts) and not self._complete:
            self._find_more()
        return index < len(self._starts)

    def at(self, column: int) -> int:
        """Find the number of the section that contains a column."""
        while self._starts[-1] <= column and not self._complete:
            self._find_more()
        return bisect_right(self._starts, column) - 1

    def _find_more(self) -> None:
        """Compute one or more further sections, or find that there are none."""
        cells, starts = self._cells, self._starts
        start = starts[-1]
        room = self._room - self.hanging_indent if start else self._room
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
            start = blank + 1 if blank >= start and self._fits(blank + 1) else max(limit, cells.after(start))
        starts.append(start)

    def _fits(self, word: int) -> bool:
        """Whether the word at a column fits in a row after the first."""
        cells, room = self._cells, self._room - self.hanging_indent
        x = cells.x(word)
        if cells.width - x <= room:
            return True
        text, end = cells.text, cells.column(x + room) + 1
        return text.find(" ", word, end) >= 0 or text.find("\t", word, end) >= 0


def _hang(cells: Cells, width: int) -> int:
    lead = _LEAD.match(cells.text, 0, _LEAD_MAX)
    x = cells.x(lead.end()) if lead is not None else 0
    return x if x <= width // _HANG_SHARE and width - x > WIDTH_MIN else 0


WHOLE: Final = Sections(Cells("", 1), 1)
"""The sections of a line that is not wrapped."""
