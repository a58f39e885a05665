"""Which rows others have changed since I last looked.

A row has been looked at when it is on the screen at one of my keys and, some seconds later, at another one: who is away
from the keyboard finds every mark on coming back. Rows move with the text; at most ROWS_MAX are remembered, so an
edit costs a bounded time.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from typing import Final

from crdt import Patch
from jpterm_like.tui.text.line_index import Lines, RowChange

ROWS_MAX: Final = 1_000

LOOK_S: Final = 4.0
"""So long a mark stays after the first key with which it is in sight."""


class Traces:
    """Marked rows."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        """In order."""
        self._seen: dict[int, float] = {}
        """When a row was first in sight at a key of mine."""

    def follow(self, lines: Lines, patch: Patch, changes: Sequence[RowChange], mine: bool) -> None:
        """The text has changed: `lines` as they are now, `changes` from the last to the first."""
        if self.rows:
            for change in changes:
                if change.removed != change.added:
                    self._shift(change)
        if not mine:
            shift = 0
            for start, end, text in reversed(patch.splices):
                first = lines.row(start + shift)
                last = lines.row(start + shift + len(text))
                # A new line leaves the one before it as it was, and the one behind it.
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
            # What stood in the first row from the change on has gone down with the end of the new text.
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
        """The marked rows among some, the last included."""
        return (
            self.rows[bisect_left(self.rows, first) : bisect_left(self.rows, last + 1)] if self.rows else []
        )

    def look(self, first: int, last: int, now: float) -> None:
        """I have pressed a key with these rows on the screen, the last included."""
        for row in self.between(first, last):
            if now - self._seen.setdefault(row, now) > LOOK_S:
                del self._seen[row]
                self.rows.remove(row)

    def after(self, row: int) -> int | None:
        """The next marked row, or the first one; None without any."""
        if not self.rows:
            return None
        index = bisect_left(self.rows, row + 1)
        return self.rows[index % len(self.rows)]
