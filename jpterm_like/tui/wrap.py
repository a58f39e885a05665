"""Soft wrap: at which columns a line goes on in the next row of the screen.

Breaks behind blanks; a word longer than the screen is broken where it must. The last cell of a row is kept for
the blank that ends it or for the caret at the end of the line, so no row begins with a blank for want of room.

    "the quick brown", 10 cells    "the quick " + "brown"
"""

from __future__ import annotations

from jpterm_like.tui.cells import Cells

# Narrower than this, text would stand one letter a row.
WIDTH_MIN = 4


def wrap(cells: Cells, width: int) -> tuple[int, ...]:
    """The columns at which the sections of a line begin; the first is always 0.

    A line whose last blank fills the row has one more section, empty, for the caret behind that blank.
    """
    if cells.width < width:
        return (0,)
    if cells.wrapped is None or cells.wrapped[0] != width:
        cells.wrapped = (width, _sections(cells, max(width, WIDTH_MIN) - 1))
    return cells.wrapped[1]


def _sections(cells: Cells, room: int) -> tuple[int, ...]:
    text = cells.text
    sections = [0]
    start = 0
    while cells.width - cells.x(start) > room:
        x = cells.x(start)
        limit = cells.column(x + room)  # the cluster that would stand in the last cell
        behind = cells.after(limit)
        if text[limit] in " \t" and limit > start and cells.x(behind) - x <= room + 1:
            start = behind
        else:
            blank = max(text.rfind(" ", start, limit), text.rfind("\t", start, limit))
            start = blank + 1 if blank >= start else max(limit, cells.after(start))
        sections.append(start)
    return tuple(sections)
