"""Which rows the cells of a notebook are in, as the text changes: an edit that adds or removes no row costs the rows it touches."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from jpterm_like.notebook.cells import parts_of
from jpterm_like.tui.text.layout import TextLayout
from jpterm_like.tui.text.line_index import RowChange


class CellRows:
    """The rows of markers, in order, and the id of each cell. Call `follow` after each change of the text."""

    def __init__(self, text_layout: TextLayout) -> None:
        self._layout = text_layout
        text = text_layout.buffer.text
        # One in the middle of a line has lost its line break, which the server's mender gives it back.
        parts = [
            part
            for part in parts_of(text)
            if part.marker_end > part.start and (not part.start or text[part.start - 1] == "\n")
        ]
        self.rows = [text_layout.lines.row(part.start) for part in parts]
        self.ids = [part.id for part in parts]

    def follow(self, changes: Iterable[RowChange]) -> None:
        """Update after an edit; `changes` from last to first, as `TextLayout.follow` returns them."""
        changes = list(changes)
        above = sum(change.added - change.removed for change in changes)
        for change in changes:
            # Its rows are those of the text before what is changed above them; in the text of now they are further down by that.
            above -= change.added - change.removed
            first, last = (
                bisect_left(self.rows, change.row),
                bisect_left(self.rows, change.row + change.removed),
            )
            found = [
                (row, name)
                for row in range(change.row, change.row + change.added)
                if (name := id_of_marker(self._layout.line(row + above))) is not None
            ]
            shift = change.added - change.removed
            if shift:
                self.rows[last:] = [row + shift for row in self.rows[last:]]
            if found or first < last:
                self.rows[first:last] = [row for row, _ in found]
                self.ids[first:last] = [name for _, name in found]

    def at(self, row: int) -> str:
        """The id of the cell that a row is in; "" if it has none."""
        index = bisect_right(self.rows, row) - 1
        return self.ids[index] if index >= 0 else ""

    def ending_at(self, row: int) -> str:
        """The id of the cell whose last row this is; "" if it is another row, or the cell has no id."""
        index = bisect_right(self.rows, row) - 1
        if index < 0:
            return ""
        after = self.rows[index + 1] if index + 1 < len(self.rows) else len(self._layout.lines)
        return self.ids[index] if row == after - 1 else ""

    def beginning_at(self, row: int) -> str:
        """The id of the cell whose marker is in this row; "" if there is none."""
        index = bisect_left(self.rows, row)
        return self.ids[index] if index < len(self.rows) and self.rows[index] == row else ""

    def last_row(self, row: int) -> int:
        """The last row of the cell that a row is in."""
        index = bisect_right(self.rows, row)
        return (self.rows[index] if index < len(self.rows) else len(self._layout.lines)) - 1

    def check(self) -> None:
        """Assert what must always hold: it is what another reading of the text finds."""
        fresh = CellRows(self._layout)
        assert (self.rows, self.ids) == (fresh.rows, fresh.ids)


def id_of_marker(line: str) -> str | None:
    """The id of the cell that a line begins, "" if it has none; None if it is no marker."""
    if not line.startswith("# %%"):
        return None
    part = parts_of(line)[0]
    return part.id if part.marker_end == len(line) else None
