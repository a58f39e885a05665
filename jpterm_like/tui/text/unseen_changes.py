"""The rows that others changed and I have not seen yet.

A row counts as seen when it is on the screen at one of my keys and, some seconds later, at another one: so no mark
vanishes while I am away from the keyboard. Rows move with the text; at most ROWS_MAX are stored, which bounds the
cost of an edit.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from typing import Final

from crdt import Patch
from jpterm_like.tui.text.line_index import Lines, RowChange

ROWS_MAX: Final = 1_000

LOOK_S: Final = 4.0
"""Time that a mark stays after the first key while it is visible."""


class UnseenChanges:
    """Marked rows."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        """In order."""
        self._seen: dict[int, float] = {}
        """Time of my first key while a row was visible."""

    def follow(self, lines: Lines, patch: Patch, changes: Sequence[RowChange], mine: bool) -> None:
        """Update after an edit: `lines` as they are now, `changes` from last to first."""
        if self.rows:
            for change in changes:
                if change.removed != change.added:
                    self._shift(change)
        if not mine:
            # Of many, the last are marked: more rows than ROWS_MAX are not kept.
            marked, before = patch.splices[:ROWS_MAX], patch.splices[ROWS_MAX:]
            shift = sum([len(text) - (end - start) for start, end, text in before])
            for start, end, text in reversed(marked):
                first = lines.row(start + shift)
                last = lines.row(start + shift + len(text))
                # A newly inserted line does not change the lines before and after it.
                first += start == end and text.startswith("\n")
                last -= start == end and text.endswith("\n") and last > first
                for row in range(first, min(last, first + ROWS_MAX) + 1):
                    self._mark(row)
                shift += len(text) - (end - start)

    def _shift(self, change: RowChange) -> None:
        behind, delta = change.row + change.removed, change.added - change.removed
        last = change.row + change.added - 1

        def there(row: int) -> int:
            if row >= behind:
                return row + delta
            # The rest of the first row has moved down with the end of the new text.
            return last if row > change.row or (row == change.row and change.column == 0) else row

        if self.rows[-1] >= change.row:
            self.rows = sorted({there(row) for row in self.rows})
            self._seen = {there(row): when for row, when in self._seen.items()}

    def _mark(self, row: int) -> None:
        self._seen.pop(row, None)
        index = bisect_left(self.rows, row)
        if index == len(self.rows) or self.rows[index] != row:
            insort(self.rows, row)
            if len(self.rows) > ROWS_MAX:
                self._seen.pop(self.rows.pop(0), None)

    def between(self, first: int, last: int) -> list[int]:
        """List the marked rows in a range, including the last."""
        return (
            self.rows[bisect_left(self.rows, first) : bisect_left(self.rows, last + 1)] if self.rows else []
        )

    def look(self, first: int, last: int, now: float) -> None:
        """Note a key of mine while these rows are visible, including the last."""
        for row in self.between(first, last):
            if now - self._seen.setdefault(row, now) > LOOK_S:
                del self._seen[row]
                self.rows.remove(row)

    def after(self, row: int) -> int | None:
        """Return the next marked row, else the first; None without any."""
        if not self.rows:
            return None
        index = bisect_left(self.rows, row + 1)
        return self.rows[index % len(self.rows)]
