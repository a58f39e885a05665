"""Soft wrap: the sections of a line, which are the columns where a line is broken into screen rows, and the indentation of the later rows.

Lines break after blanks; a word that fits in no row breaks where the row is full. The last cell of a row is reserved for the
blank that ends it, or for the caret at the end of the line, so that no row begins with a blank.
Later rows are aligned with the text of the first: after its indentation and list marker. In a long line, rows do not go on from one
of its pieces to the next, so that what is before a row need not be wrapped to show it.

    "the quick brown", 10 cells    "the quick " + "brown"
    "- the quick brown", 12        "- the quick " + "  brown"
    "see abcdefghijkl", 9          "see abcd" + "efghijkl"
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Final, Protocol

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
    """Return the sections of a line."""
    known = cells.wrapped
    if isinstance(known, PartSections | LongSections) and known.width == width:
        return known
    sections: Sections
    if isinstance(cells, LongLine):
        sections = LongSections(cells, width)
    elif cells.width < width:
        return WHOLE
    else:
        sections = PartSections(cells, width, _hang(cells, width))
    cells.wrapped = sections
    return sections


def _hang(cells: Cells, width: int) -> int:
    first, _ = cells.part(0)
    lead = _LEAD.match(first.text, 0, _LEAD_MAX)
    x = first.x(lead.end()) if lead is not None else 0
    return x if x <= width // _HANG_SHARE and width - x > WIDTH_MIN else 0


class Sections(Protocol):
    """The sections of a line. A section is known by the column where it begins, the first one by 0."""

    hanging_indent: int
    """The indentation of all sections except the first, in cells."""

    def __iter__(self) -> Iterator[int]:
        section: int | None = 0
        while section is not None:
            yield section
            section = self.after(section)

    def at(self, column: int) -> int:
        """Find the section that contains a column."""

    def after(self, section: int) -> int | None:
        """Return the next section; None after the last."""

    def before(self, section: int) -> int | None:
        """Return the section before another; None before the first."""

    @property
    def last(self) -> int: ...


class LongSections(Sections):
    """The sections of a long line: those of its pieces, each of which is wrapped on its own when it is asked for."""

    def __init__(self, cells: LongLine, width: int) -> None:
        self.width = width
        self.hanging_indent = _hang(cells, width)
        self._cells = cells

    def _of(self, column: int) -> tuple[PartSections, int]:
        part, base = self._cells.part(column)
        asked = self.width, self.hanging_indent, not base
        known = part.wrapped
        if not isinstance(known, PartSections) or asked != (
            known.width,
            known.hanging_indent,
            known.is_first,
        ):
            known = part.wrapped = PartSections(part, *asked)
        return known, base

    def at(self, column: int) -> int:
        sections, base = self._of(column)
        return base + sections.at(column - base)

    def after(self, section: int) -> int | None:
        sections, base = self._of(section)
        after = sections.after(section - base)
        if after is not None:
            return base + after
        _, end = self._cells.part_span(section)
        return end if end < self._cells.length else None

    def before(self, section: int) -> int | None:
        sections, base = self._of(section)
        before = sections.before(section - base)
        if before is not None or not base:
            return None if before is None else base + before
        return self.at(base - 1)

    @property
    def last(self) -> int:
        sections, base = self._of(self._cells.length)
        return base + sections.last


class PartSections(Sections):
    """The sections of a line, or of a piece of a long one, computed on demand.

    A line whose last blank fills the row has one more section, empty, for the caret behind that blank.
    """

    def __init__(self, cells: Cells, width: int, hanging_indent: int, is_first: bool = True) -> None:
        """`is_first`: the line begins here, so the first section is not indented."""
        self.width, self.hanging_indent, self.is_first = width, hanging_indent, is_first
        self._cells = cells
        self._later_room = max(width, WIDTH_MIN) - 1 - hanging_indent
        self._room = self._later_room + hanging_indent * is_first
        self._starts = [0]
        self._complete = False

    def at(self, column: int) -> int:
        while self._starts[-1] <= column and not self._complete:
            self._find_more()
        return self._starts[bisect_right(self._starts, column) - 1]

    def after(self, section: int) -> int | None:
        self.at(section)
        index = bisect_right(self._starts, section)
        if index == len(self._starts) and not self._complete:
            self._find_more()
        return self._starts[index] if index < len(self._starts) else None

    def before(self, section: int) -> int | None:
        self.at(section)
        index = bisect_left(self._starts, section)
        return self._starts[index - 1] if index else None

    @property
    def last(self) -> int:
        while not self._complete:
            self._find_more()
        return self._starts[-1]

    def _find_more(self) -> None:
        """Compute one or more further sections, or find that there are none."""
        cells, starts = self._cells, self._starts
        start = starts[-1]
        room = self._later_room if start else self._room
        x = cells.x(start)
        if cells.width - x <= room:
            self._complete = True
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
        cells, room = self._cells, self._later_room
        x = cells.x(word)
        if cells.width - x <= room:
            return True
        text, end = cells.text, cells.column(x + room) + 1
        return text.find(" ", word, end) >= 0 or text.find("\t", word, end) >= 0


BELOW: Final = 1 << 40
"""The first section that holds no text: no line has so many columns."""


class WithRowsBelow(Sections):
    """The sections of a line, and rows that hold no text below them: the sections from `BELOW` on."""

    def __init__(self, text: Sections, count: int) -> None:
        """`count`: at least one."""
        self._text = text
        self._end = BELOW + count
        self.hanging_indent = text.hanging_indent

    def at(self, column: int) -> int:
        return self._text.at(column)

    def after(self, section: int) -> int | None:
        if section < BELOW:
            after = self._text.after(section)
            return BELOW if after is None else after
        return section + 1 if section + 1 < self._end else None

    def before(self, section: int) -> int | None:
        if section < BELOW:
            return self._text.before(section)
        return section - 1 if section > BELOW else self._text.last

    @property
    def last(self) -> int:
        return self._end - 1


WHOLE: Final = PartSections(Cells("", 1), 1, 0)
"""The sections of a line that is not wrapped."""
