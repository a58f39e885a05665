"""Where the caret goes when a change is undone or redone: to where it was, if that line was changed, else to the first changed line.

The rule is Vim's (undo.c, u_undoredo). Undo is by author: what others wrote in between stays.
"""

from __future__ import annotations

from typing import Final

from jpterm_like.tui.commands.basic import step_back
from jpterm_like.tui.commands.long_undo import LongUndo
from jpterm_like.tui.commands.vi.text import Place, Text
from jpterm_like.tui.text.cursors import TrackedOffset

KEPT_MAX: Final = 1_000
"""How many places are remembered."""


class UndoCarets:
    """For each undo step of vi's commands, where the caret was before it."""

    def __init__(self, text: Text) -> None:
        self._text = text
        self._undo: list[TrackedOffset] = []
        self._redo: list[TrackedOffset] = []
        self._before: TrackedOffset | None = None

    def begin(self) -> None:
        """A command begins: what it changes is a step of its own."""
        self._text.editor.session.break_undo()
        self._before = self._text.track(self._text.caret)

    def start_at(self, place: Place) -> None:
        """Undo goes to this place: where the first change of the command begins. Later ones do not count."""
        if not self._text.changed:
            self._before = self._text.track(place)

    def note(self) -> None:
        """Remember where the caret was before the command, which has changed the text."""
        if self._text.changed and self._before is not None:
            self._undo.append(self._before)
            self._redo.clear()
            del self._undo[:-KEPT_MAX]

    def forget(self) -> None:
        """Forget all places, since another text is shown."""
        self._undo.clear()
        self._redo.clear()
        self._before = None

    def undo(self) -> bool:
        return self._apply("Nothing of yours to undo.", self._undo, self._redo, again=False)

    def redo(self) -> bool:
        return self._apply("Nothing to redo.", self._redo, self._undo, again=True)

    def _apply(
        self, nothing: str, taken: list[TrackedOffset], given: list[TrackedOffset], again: bool
    ) -> bool:
        text, editor = self._text, self._text.editor
        text.end_step()
        before = text.place_of(taken[-1]) if taken else Place(0, 0)

        def done(change: LongUndo) -> None:
            row = text.place(change.first[0]).row
            there_row = min(row, text.rows - 1)
            there = Place(there_row, text.indent(there_row))
            if taken:
                mark = taken[-1] if change.has_more else taken.pop()
                place = before if again else text.place_of(mark)
                given.append(mark)
                if abs(place.row - row) <= 1:
                    there = place
            editor.cursor.put(text.offset(text.on_character(there)))
            editor.finish(centred=True)

        return step_back(editor, again, nothing, done)
