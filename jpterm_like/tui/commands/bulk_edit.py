"""A change of many lines as one undo step, in slices of time.

Lines are changed one by one from first to last, so that concurrent edits by others in them are kept. Between two slices others may
write; the position of the next line moves along.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from time import perf_counter

from jpterm_like.tui.ports import EditorSession
from jpterm_like.tui.text.cursors import TrackedOffset
from jpterm_like.tui.text.layout import TextLayout
from jpterm_like.tui.text.minimal_edits import trim

LineEdit = tuple[int, int, str]
"""Start, end and new text, in columns of a line."""


class BulkEdit:
    """A range of rows that is being changed."""

    def __init__(
        self,
        session: EditorSession,
        text_layout: TextLayout,
        first: int,
        last: int,
        edits: Callable[[int], Iterable[LineEdit]],
    ) -> None:
        """Change rows `first` to `last`, the last included; `edits` gives those of a row, from the last to the first."""
        self._session = session
        self._text_layout = text_layout
        self._edits = edits
        lines = text_layout.lines
        self._next = TrackedOffset(session.buffer, lines.start(first))
        # The start of the line behind the range; None at the end of the text.
        self._end = (
            TrackedOffset(session.buffer, lines.start(last + 1), before=True)
            if last + 1 < len(lines)
            else None
        )
        self._undo = ExitStack()
        self._undo.enter_context(session.one_step())
        self.changes = 0
        """How many edits were made so far."""

    def step(self, time_s: float) -> bool:
        """Change lines for `time_s`, and return whether there are more."""
        lines = self._text_layout.lines
        until = perf_counter() + time_s
        while perf_counter() < until:
            self._next.follow()
            start, behind = lines.span(lines.row(self._next.offset))
            for begin, end, text in self._edits(lines.row(start)):
                old = self._session.buffer.slice(start + begin, start + end)
                self._session.replace(*trim(start + begin, old, text))
                self.changes += 1
                behind += len(text) - (end - begin)  # new lines within it are not changed again
            if self._end is not None:
                self._end.follow()
            if behind >= (lines.size if self._end is None else self._end.offset - 1):
                return False
            self._next.put(behind + 1)
        return True

    def end(self) -> None:
        """End the undo step."""
        self._undo.close()
