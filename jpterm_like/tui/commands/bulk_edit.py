"""A change of many lines as one undo step, in slices of time.

Lines are changed one by one from first to last, so that concurrent edits by others in them are kept. Between two slices others may
write; the position of the next line moves along.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from time import perf_counter
from typing import NamedTuple

from jpterm_like.tui.ports import EditorSession
from jpterm_like.tui.text.cursors import TrackedOffset
from jpterm_like.tui.text.layout import TextLayout
from jpterm_like.tui.text.minimal_edits import trim

LineEdit = tuple[int, int, str]
"""Start, end and new text, in columns of a line."""


class _Paused(NamedTuple):
    """A row in which there is more to do."""

    edits: Iterator[LineEdit | None]
    line: str
    """The row before its first pause."""
    start: TrackedOffset
    end: TrackedOffset


class BulkEdit:
    """A range of rows that is being changed."""

    def __init__(
        self,
        session: EditorSession,
        text_layout: TextLayout,
        first: int,
        last: int,
        edits: Callable[[int], Iterable[LineEdit | None]],
    ) -> None:
        """Change rows `first` to `last`, the last included; `edits` gives those of a row, from the last to the first, and None where
        it may pause: a single row may be the whole text."""
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
        self._paused: _Paused | None = None
        self._undo = ExitStack()
        self._undo.enter_context(session.one_step())
        self.changes = 0
        """How many edits were made so far."""

    def step(self, time_s: float) -> bool:
        """Change lines for `time_s`, and return whether there are more."""
        lines, buffer = self._text_layout.lines, self._session.buffer
        until = perf_counter() + time_s
        while perf_counter() < until:
            paused, self._paused = self._paused, None
            if paused is None:
                self._next.follow()
                row = lines.row(self._next.offset)
                start, behind = lines.span(row)
                edits = iter(self._edits(row))
            else:
                paused.start.follow()
                paused.end.follow()
                start, behind, edits = paused.start.offset, paused.end.offset, paused.edits
            for edit in edits:
                if edit is not None:
                    begin, end, text = edit
                    old = buffer.slice(start + begin, start + end)
                    # Others may have written here during a pause.
                    if paused is None or old == paused.line[begin:end]:
                        self._session.replace(*trim(start + begin, old, text))
                        self.changes += 1
                        behind += len(text) - (end - begin)  # new lines within it are not changed again
                if perf_counter() > until:
                    # The edits that are left are before this one, where the row is as it was.
                    line = buffer.slice(start, behind) if paused is None else paused.line
                    self._paused = _Paused(
                        edits,
                        line,
                        TrackedOffset(buffer, start, before=True),
                        TrackedOffset(buffer, behind, before=True),
                    )
                    return True
            if self._end is not None:
                self._end.follow()
            if behind >= (lines.size if self._end is None else self._end.offset - 1):
                return False
            self._next.put(behind + 1)
        return True

    def end(self) -> None:
        """End the undo step."""
        self._undo.close()
