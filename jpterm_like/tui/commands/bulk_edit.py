"""A change of many lines as one undo step, in slices of time.

Lines are changed one by one from first to last, so that concurrent edits by others in them are kept. The edits of a slice are
made at once, as one patch, for what follows a change costs much more than the change. Between two slices others may write; the
position of the next line moves along.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from time import perf_counter
from typing import Final, NamedTuple, Protocol

from crdt.patch import Splice
from jpterm_like.tui.ports import EditorSession
from jpterm_like.tui.text.cursors import TrackedOffset
from jpterm_like.tui.text.layout import TextLayout
from jpterm_like.tui.text.minimal_edits import trim

LineEdit = tuple[int, int, str]
"""Start, end and new text, in columns of a line."""

EDIT_S: Final = 0.000_1
"""How long an edit is thought to take until some were timed."""

EDITS_MIN: Final = 10
"""The edits that are made at once at least, however slow the last ones were."""


class LongChange(Protocol):
    """A change that is made in slices of time; keys wait until it has ended."""

    changes: int
    """How many edits were made so far."""

    @property
    def tells(self) -> str:
        """What is shown meanwhile."""

    def step(self, time_s: float) -> bool:
        """Go on for `time_s`, and return whether there is more to do."""

    def end(self) -> None:
        """End it where it is; it is one undo step."""


class Pace:
    """How many pieces of work fit into a time, from how long the last ones took."""

    def __init__(self, piece_s: float, count_min: int) -> None:
        self._piece_s = piece_s
        self._count_min: Final = count_min

    def count(self, time_s: float) -> int:
        return max(self._count_min, int(time_s / self._piece_s))

    def note(self, count: int, took_s: float) -> None:
        """Note that some pieces took so long: the next ones are fewer at once, and more by and by."""
        if count:
            took_s /= count
            self._piece_s = max(1e-7, min(4 * self._piece_s, max(took_s, (self._piece_s + took_s) / 2)))


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
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        """Change rows `first` to `last`, the last included; `edits` gives those of a row, from the last to the first, and None where
        it may pause: a single row may be the whole text. The only edit of a row may take the newline behind it."""
        self._session = session
        self._text_layout = text_layout
        self._edits = edits
        self._clock = clock
        lines = text_layout.lines
        self._next = TrackedOffset(session.buffer, lines.start(first))
        # The start of the line behind the range; None at the end of the text.
        self._end = (
            TrackedOffset(session.buffer, lines.start(last + 1), before=True)
            if last + 1 < len(lines)
            else None
        )
        self._paused: _Paused | None = None
        self._pace = Pace(EDIT_S, EDITS_MIN)
        self._undo = ExitStack()
        self._undo.enter_context(session.one_step())
        self.changes = 0
        self.last: TrackedOffset | None = None
        """Behind the last edit in the text."""
        self.last_start: TrackedOffset | None = None
        """Where that begins to differ from what was there."""

    @property
    def tells(self) -> str:
        return f"{self.changes:,} changes so far; esc stops."

    def step(self, time_s: float) -> bool:
        """Change lines for `time_s`, and return whether there are more. Half of the time is for reading them."""
        until = self._clock() + time_s / 2
        count = self._pace.count(time_s / 2)
        if self._paused is not None:
            return self._go_on(self._paused, until, count)
        self._next.follow()
        lines, buffer = self._text_layout.lines, self._session.buffer
        if self._end is not None:
            self._end.follow()
        end = lines.size if self._end is None else self._end.offset - 1
        row = lines.row(self._next.offset)
        found: list[list[Splice]] = []
        edited = shift = 0
        while True:
            start, behind = lines.span(row)
            edits = iter(self._edits(row))
            of_row: list[Splice] = []
            found.append(of_row)
            is_done = self._gather(edits, start, of_row, until, max(EDITS_MIN, count - edited))
            edited += len(of_row)
            if not is_done:
                line = buffer.slice(start, behind)
                # The edits that are left are before these ones, where the row is as it was.
                self._make(found)
                self._paused = _Paused(
                    edits,
                    line,
                    TrackedOffset(buffer, start + shift, before=True),
                    TrackedOffset(buffer, behind + shift + _growth(of_row), before=True),
                )
                return True
            shift += _growth(of_row)
            if behind >= end:
                self._make(found)
                return False
            row += 1
            if edited >= count or self._clock() > until:
                self._make(found)
                self._next.put(min(behind + 1 + shift, lines.size))
                return True

    def _go_on(self, paused: _Paused, until: float, count: int) -> bool:
        """Go on in a row. Others may have written in it meanwhile: what is not as it was is left."""
        self._paused = None
        paused.start.follow()
        paused.end.follow()
        start, buffer = paused.start.offset, self._session.buffer
        found: list[Splice] = []
        is_done = self._gather(paused.edits, start, found, until, count)
        size = len(buffer)
        found = [
            edit
            for edit in found
            if edit.end <= size
            and buffer.slice(edit.start, edit.end) == paused.line[edit.start - start : edit.end - start]
        ]
        self._make([found])
        paused.end.follow()
        if not is_done:
            self._paused = paused
            return True
        if self._end is not None:
            self._end.follow()
        size = self._text_layout.lines.size
        if paused.end.offset >= (size if self._end is None else self._end.offset - 1):
            return False
        self._next.put(paused.end.offset + 1)
        return True

    def _gather(
        self,
        edits: Iterator[LineEdit | None],
        start: int,
        found: list[Splice],
        until: float,
        count: int,
    ) -> bool:
        """Add the edits of the row that begins at `start`, and return whether these were all."""
        for edit in edits:
            if edit is not None:
                found.append(Splice(start + edit[0], start + edit[1], edit[2]))
                if len(found) < count:
                    continue
            if len(found) >= count or self._clock() > until:
                return False
        return True

    def _make(self, found: list[list[Splice]]) -> None:
        """Make the edits of some rows, from first to last, in one patch."""
        buffer = self._session.buffer
        splices = [splice for of_row in reversed(found) for splice in of_row]
        if not splices:
            return
        self.changes += len(splices)
        began = self._clock()
        smallest = [
            trim(splice.start, buffer.slice(splice.start, splice.end), splice.text)
            if splice.start < splice.end and splice.text
            else splice
            for splice in splices
        ]
        wanted = [splice for splice in smallest if splice.start < splice.end or splice.text]
        if wanted:
            self._session.replace_all(wanted)
        before = _growth(splices[1:])
        self.last = TrackedOffset(buffer, splices[0].end + before + _growth(splices[:1]))
        self.last_start = TrackedOffset(buffer, smallest[0].start + before)
        self._pace.note(len(splices), self._clock() - began)

    def end(self) -> None:
        """End the undo step."""
        self._undo.close()


def _growth(splices: Iterable[Splice]) -> int:
    return sum([len(text) - (end - start) for start, end, text in splices])
