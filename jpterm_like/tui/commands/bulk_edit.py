"""The same change to many lines, as one step of undo, without a stall.

Lines are changed one by one from the first to the last, so that what others write in them meanwhile stays. Each step
takes a limited time; between two steps others may write, and the place of the next line moves along.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from time import perf_counter

from jpterm_like.tui.ports import EditorSession
from jpterm_like.tui.text.cursors import TrackedOffset
from jpterm_like.tui.text.layout import Sheet

LineEdit = tuple[int, int, str]
"""Start, end and new text, in columns of a line."""


class BulkEdit:
    """Some rows on their way to being changed."""

    def __init__(
        self,
        session: EditorSession,
        sheet: Sheet,
        first: int,
        last: int,
        edits: Callable[[int], Iterable[LineEdit]],
    ) -> None:
        """Change rows `first` to `last`, the last included; `edits` gives those of a row, from the last to the first."""
        self._session = session
        self._sheet = sheet
        self._edits = edits
        lines = sheet.lines
        self._next = TrackedOffset(session.buffer, lines.start(first))
        # In front of the line that is left alone, or None when there is none.
        self._end = (
            TrackedOffset(session.buffer, lines.start(last + 1), before=True)
            if last + 1 < len(lines)
            else None
        )
        self._undo = ExitStack()
        self._undo.enter_context(session.one_step())
        self.changes = 0
        """How many there were so far."""

    def step(self, time_s: float) -> bool:
        """Go on for so long; whether there is more to do."""
        lines = self._sheet.lines
        until = perf_counter() + time_s
        while perf_counter() < until:
            self._next.follow()
            start, behind = lines.span(lines.row(self._next.offset))
            for begin, end, text in self._edits(lines.row(start)):
                self._session.replace(start + begin, start + end, text)
                self.changes += 1
                behind += len(text) - (end - begin)  # which may be lines of its own: they are done
            if self._end is not None:
                self._end.follow()
            if behind >= (lines.size if self._end is None else self._end.offset - 1):
                return False
            self._next.put(behind + 1)
        return True

    def end(self) -> None:
        """That was the whole step of undo, done or stopped."""
        self._undo.close()
