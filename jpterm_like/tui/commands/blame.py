"""Who wrote the lines on the screen, beside them, and who wrote the word at the caret, in the status bar.

Both come from the operations (`jpterm_like.history.blame`). Names and times are what the authors' machines said. While
this is off, nothing is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from jpterm_like.history.blame import main_author
from jpterm_like.tui.commands.editing import Editing
from jpterm_like.tui.text.cells import LENGTH_MAX, clean, cut, width_of

WIDTH_MIN: Final = 44
"""The narrowest editor in which there is room for it."""

WIDE_MIN: Final = 76
"""Width from which the age is shown, too; below it the name alone."""

NAME_CELLS: Final = 10
AGE_CELLS: Final = 9
"""As wide as the longest age, "11 months"."""

BELOW: Final = "╎"
"""Stands at lines that belong to the one above: none of the other signs beside a line."""

THE_FILE: Final = "(the file)"
"""The author of what was in the file before it was shared."""

STEPS: Final = (
    (60, 1, ""),
    (3600, 60, "min"),
    (86_400, 3600, "h"),
    (14 * 86_400, 86_400, "days"),
    (61 * 86_400, 7 * 86_400, "weeks"),
    (730 * 86_400, 30 * 86_400, "months"),
)
"""Ages below a number of seconds, the seconds of a unit, and its name."""


class Blame:
    """What is shown of the authors of one text."""

    def __init__(self, editor: Editing) -> None:
        self._editor = editor
        self._seen: tuple[object, int, int] = (None, 0, 0)
        """The rows, the width and the minute for which the column was made."""
        self._column: Sequence[str] = ()

    def cells(self, width: int) -> int:
        """Return the cells beside the lines in an editor of this width; 0: there is no room."""
        if width < WIDTH_MIN:
            return 0
        return NAME_CELLS + 1 + (AGE_CELLS + 1 if width >= WIDE_MIN else 0)

    def column(self, rows: list[tuple[int, int]], width: int, now: float) -> Sequence[str]:
        """Return what stands beside these rows of the screen; nothing without room. `now`: wall-clock seconds."""
        cells = self.cells(width)
        if not cells:
            return ()
        # The view makes a new list when anything in these rows has changed.
        seen, minute = self._seen, int(now // 60)
        if seen[0] is not rows or seen[1:] != (cells, minute):
            self._seen, self._column = (rows, cells, minute), self._labels(rows, cells, now)
        return self._column

    def _labels(self, rows: list[tuple[int, int]], cells: int, now: float) -> tuple[str, ...]:
        found: list[str] = []
        last: tuple[str, str] | None = None
        below = f"{BELOW:<{cells}}"
        author = ("", "")
        last_row = -1
        for row, section in rows:
            if row != last_row:
                author, last_row = self._author(row, section, now), row
            if author == last:
                found.append(below)
                continue
            last = author
            name, age = author
            name = cut(name, NAME_CELLS)
            label = name + " " * (NAME_CELLS - width_of(name) + 1)
            found.append(f"{label}{age:>{AGE_CELLS}} " if cells > NAME_CELLS + 1 else label)
        return tuple(found)

    def _author(self, row: int, section: int, now: float) -> tuple[str, str]:
        """The name of the main author of a line, and the age of their newest character in it; of a long one, from the
        first of its rows on the screen on."""
        lines, view = self._editor.text_layout.lines, self._editor.view
        start, end = lines.span(row)
        if end - start > LENGTH_MAX:
            start += view.section_span(row, section)[0] + view.left
            end = min(end, start + LENGTH_MAX)
        if start >= end:
            end = min(start + 1, lines.size)  # of an empty line the line break counts
        name, seconds = main_author(self._editor.session.buffer, start, end)
        return clean(name, NAME_CELLS) or THE_FILE if end > start else "", age(seconds, now)

    def at_caret(self, now: float) -> str:
        """Who wrote the word at the caret, and when."""
        editor = self._editor
        start = end = editor.cursor.caret
        lines = editor.text_layout.lines
        if lines.length(lines.row(start)) <= LENGTH_MAX:
            start, end = editor.text_layout.word_at(start)
        if start == end:
            end = min(start + 1, lines.size)
        if start == end:
            return ""
        name, seconds = main_author(editor.session.buffer, start, end)
        old = age(seconds, now)
        when = f", {old if old == 'now' else f'{old} ago'}" if old else ""
        return f"by {clean(name, 20)}{when}" if name else "from the file"


def age(seconds: int, now: float) -> str:
    """How long ago a wall-clock second was, in a word or two; "" if it is not known."""
    if not seconds:
        return ""
    past = max(0.0, now - seconds)
    for below, unit, name in STEPS:
        if past < below:
            count = int(past // unit)
            return f"{count} {name.removesuffix('s') if count == 1 else name}" if name else "now"
    return f"{int(past // (365 * 86_400))} years"
