"""The text as vi sees it: rows and columns, a caret on a character, and edits that belong to one undo step.

A newline at the end of the text ends its last line, as in vi; the empty row that the editor shows behind it is no line here.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack
from typing import Final, NamedTuple

from crdt.patch import Splice
from jpterm_like.tui.commands.bulk_edit import BulkEdit, LineEdit
from jpterm_like.tui.commands.editing import Editing
from jpterm_like.tui.commands.lines import indent_of
from jpterm_like.tui.text.cursors import TrackedOffset
from jpterm_like.tui.text.minimal_edits import trim

SLICE_S: Final = 0.008
"""How long many lines are edited at a time. A command pauses when its turn has taken 20 ms."""


class Place(NamedTuple):
    """A row and a column in code points, both from 0."""

    row: int
    column: int


class Text:
    """The lines, the caret and the edits of one text."""

    def __init__(self, editor: Editing) -> None:
        self.editor = editor
        self._step: ExitStack | None = None
        self.changed = False
        """Whether the command under way has changed the text."""
        self.last_change: TrackedOffset | None = None

    # Reading

    @property
    def rows(self) -> int:
        """How many lines there are, at least one."""
        lines = self.editor.text_layout.lines
        count = len(lines)
        return count - 1 if count > 1 and lines.length(count - 1) == 0 else count

    def line(self, row: int) -> str:
        return self.editor.text_layout.line(row)

    def start(self, row: int) -> int:
        """The offset of a row; behind the last one, the end of the text."""
        lines = self.editor.text_layout.lines
        return lines.start(row) if row < len(lines) else lines.size

    def offset(self, place: Place) -> int:
        return self.start(place.row) + place.column

    def place(self, offset: int) -> Place:
        return Place(
            *self.editor.text_layout.lines.place(max(0, min(offset, self.editor.text_layout.lines.size)))
        )

    @property
    def caret(self) -> Place:
        return self.place(self.editor.cursor.caret)

    def at(self, place: Place) -> str:
        """The character at a place; "" behind the last one of a line."""
        return self.line(place.row)[place.column : place.column + 1]

    def indent(self, row: int) -> int:
        """The column of the first character that is no blank; in a line of blanks, of the last one."""
        line = self.line(row)
        return min(len(indent_of(line)), max(0, len(line) - 1))

    def slice(self, start: Place, end: Place) -> str:
        return self.editor.session.buffer.slice(self.offset(start), self.offset(end))

    def slice_rows(self, first: int, last: int) -> str:
        """Whole rows, `last` included, without the newline behind it."""
        return self.editor.session.buffer.slice(self.start(first), self.start(last) + len(self.line(last)))

    def right(self, place: Place) -> Place:
        """The next cluster of the line, or its end."""
        column = self.editor.text_layout.cells(place.row).after(place.column)
        return Place(place.row, max(column, min(place.column + 1, len(self.line(place.row)))))

    def left(self, place: Place) -> Place:
        """The cluster before in the line."""
        if not place.column:
            return place
        return Place(place.row, self.editor.text_layout.cells(place.row).before(place.column))

    def on_character(self, place: Place) -> Place:
        """The place, or if it is behind the last character of its line, that one."""
        row = max(0, min(place.row, self.rows - 1))
        length = len(self.line(row))
        if place.column < length:
            return self.snap(Place(row, place.column))
        return self.left(Place(row, length))

    def snap(self, place: Place) -> Place:
        return self.place(self.editor.text_layout.snap(self.offset(place)))

    def cell(self, place: Place) -> int:
        """The cell in which the character at a place begins."""
        return self.editor.text_layout.cells(place.row).x(place.column)

    def column_of(self, row: int, cell: int) -> int:
        """The column of the character at a cell, or the end of the line."""
        return self.editor.text_layout.cells(row).column(cell)

    # Places that follow what others edit

    def track(self, place: Place) -> TrackedOffset:
        """The place as an offset that stays before its character."""
        return TrackedOffset(self.editor.session.buffer, self.offset(place), before=True)

    def place_of(self, tracked: TrackedOffset) -> Place:
        """Where a tracked offset is now."""
        tracked.follow()
        return self.place(tracked.offset)

    # Changing

    def go(self, place: Place, goal: int | None = None) -> None:
        if self._step is None:
            self.editor.go(self.offset(place), goal=goal)
        else:  # `Editing.go` would end the undo step
            self.editor.cursor.put(self.offset(place), None, goal)
            self.editor.finish()

    def begin_step(self) -> None:
        """Let all edits up to `end_step` be one undo step."""
        if self._step is None:
            self._step = ExitStack()
            self._step.enter_context(self.editor.session.one_step())

    def end_step(self) -> None:
        step, self._step = self._step, None
        self.changed = False
        if step is not None:
            step.close()

    def edit(self, start: int, end: int, text: str) -> None:
        """Replace a range of offsets; the caret is left to the caller. Only what differs is replaced, so others keep their place."""
        old = self.editor.session.buffer.slice(start, end) if text else ""
        if old == text and (text or start == end):
            self.changed = True
            return
        splice = trim(start, old, text) if text else Splice(start, end, "")
        self.begin_step()
        self.changed = True
        editor = self.editor
        before, editor.is_changing = editor.is_changing, True
        try:
            editor.session.replace(*splice)
        finally:
            editor.is_changing = before
        self.last_change = TrackedOffset(editor.session.buffer, splice.start)
        editor.note_edit(splice.start)

    def edit_all(self, splices: list[Splice]) -> None:
        """Make several edits, in offsets of the present text and in order; the caret is left to the caller."""
        self.begin_step()
        self.changed = True
        editor = self.editor
        before, editor.is_changing = editor.is_changing, True
        try:
            editor.session.replace_all(splices[::-1])
        finally:
            editor.is_changing = before
        self.last_change = TrackedOffset(editor.session.buffer, splices[0].start)
        editor.note_edit(splices[0].start)

    def edit_rows(
        self, first: int, last: int, edits: Callable[[int], Iterable[LineEdit | None]]
    ) -> Generator[BulkEdit, None, None]:
        """Edit rows `first` to `last` (included), yielding after each slice of time; see `BulkEdit`."""
        editor = self.editor
        change = BulkEdit(editor.session, editor.text_layout, first, last, edits)
        try:
            while True:
                self.begin_step()
                before, editor.is_changing = editor.is_changing, True
                try:
                    more = change.step(SLICE_S)
                finally:
                    editor.is_changing = before
                yield change
                if not more:
                    break
        finally:
            change.end()
            if change.last_start is not None:
                change.last_start.follow()
                self.changed = True
                self.last_change = change.last_start
                editor.note_edit(change.last_start.offset)

    def replace(self, start: Place, end: Place, text: str) -> None:
        self.edit(self.offset(start), self.offset(end), text)

    def delete_rows(self, first: int, last: int) -> None:
        """Delete whole rows, `last` included; the only row becomes empty."""
        start, end = self.start(first), self.start(last) + len(self.line(last))
        if last + 1 < self.rows:
            end = self.start(last + 1)
        elif first:
            start -= 1
        self.edit(start, end, "")

    def put_rows(self, row: int, text: str) -> None:
        """Put whole lines, the last one without its newline, in front of a row; `row` may be the number of rows."""
        if row < self.rows:
            at = self.start(row)
            self.edit(at, at, text + "\n")
        else:
            at = self.start(self.rows - 1) + len(self.line(self.rows - 1))
            self.edit(at, at, "\n" + text)
