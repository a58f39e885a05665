"""Where the caret goes when a change is undone or redone: to where it was, if that line was changed, else to the first changed line.

The rule is Vim's (undo.c, u_undoredo). Undo is by author: what others wrote in between stays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from crdt import Patch
from jpterm_like.tui.commands.basic import change_by_step
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
        editor = self._text.editor
        self._text.end_step()
        return self._apply(
            editor.session.undo, "Nothing of yours to undo.", self._undo, self._redo, again=False
        )

    def redo(self) -> bool:
        editor = self._text.editor
        self._text.end_step()
        return self._apply(editor.session.redo, "Nothing to redo.", self._redo, self._undo, again=True)

    def _apply(
        self,
        step: Callable[[], Patch | None],
        nothing: str,
        taken: list[TrackedOffset],
        given: list[TrackedOffset],
        again: bool,
    ) -> bool:
        text, editor = self._text, self._text.editor
        place = Place(0, 0)
        if taken:
            place = text.place_of(taken[-1])
        patch = change_by_step(editor, step, nothing)
        if patch is None:
            return False
        start, _, _ = patch.splices[-1]
        row = text.place(start).row
        there_row = min(row, text.rows - 1)
        there = Place(there_row, text.indent(there_row))
        if taken:
            mark = taken.pop()
            if not again:
                place = text.place_of(mark)
            given.append(mark)
            if abs(place.row - row) <= 1:
                there = place
        editor.cursor.put(text.offset(text.on_character(there)))
        editor.finish(centred=True)
        return True
