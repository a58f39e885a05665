"""The object that every command works on: a text, my carets in it, and the few steps that commands are made of.

A command is a function that is given this. Here is nothing of Textual and nothing of painting: the widget that shows the text
is an `Editing`, and adds how a sentence is shown, how the screen is painted and how a question is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator, Iterable, Sequence
from contextlib import ExitStack
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from crdt.patch import Splice
from jpterm_like.tui.clipboard import Clipboard
from jpterm_like.tui.keymap import Command, Keymap
from jpterm_like.tui.text.closing_marks import ClosingMarks
from jpterm_like.tui.text.cursors import Cursor, TrackedOffset, apart
from jpterm_like.tui.text.layout import TextLayout
from jpterm_like.tui.text.unseen_changes import UnseenChanges
from jpterm_like.tui.text.viewport import View

if TYPE_CHECKING:
    from jpterm_like.tui.commands.bulk_edit import LineEdit, LongChange
    from jpterm_like.tui.commands.macro import Macro
    from jpterm_like.tui.commands.outputs import Outputs
    from jpterm_like.tui.ports import EditorSession, EditorSettings

BULK_STEP_S: Final = 0.015
"""How long a long change runs before the keyboard is served again. A turn that also paints takes some 10 ms more."""

BULK_TOLD_S: Final = 0.1
"""How often it is said how far a long change is; painting that takes as long as some hundred edits."""

EDIT_ROWS_APART: Final = 10
"""Edits closer together than this many rows count as one place to go back to."""

EDITS_KEPT: Final = 20
"""How many such places are remembered."""


class FoundChoices(NamedTuple):
    """What was found to choose from."""

    title: str
    """Without choices, the sentence that says so."""
    choices: Sequence[tuple[str, str, str]]
    """Id, text, note."""
    chosen: str | None = None


class Editing:
    """A text, the carets in it, and how they change it."""

    session: EditorSession
    text_layout: TextLayout
    view: View
    cursor: Cursor
    """The caret that a command works at."""
    extras: list[Cursor]
    """The other carets, if there are several."""
    clipboard: Clipboard
    keymap: Keymap
    text_x: int = 0
    """The cell in which the text begins, behind the line numbers."""
    indent: str
    """How one level is indented: "tabs", "spaces", or "auto": like the lines around it, else as usual for the language."""
    auto_indent: bool
    settings: EditorSettings
    bookmarks: list[TrackedOffset]
    closing_marks: ClosingMarks
    unseen_changes: UnseenChanges
    macro: Macro
    """Shared by all open texts."""
    outputs: Outputs | None = None
    """What the cells of a notebook gave; None: the text is none."""
    speaks: bool
    """Whether the status bar and the others get my caret in this text; false while I am in another one."""

    is_changing = False
    """While a command changes the text: it paints when it is done."""
    lands_at_start = False
    """Whether undo and search put the caret at the start of what they show, as in vi, instead of behind it."""
    marking = False
    """Whether every move extends the selection."""
    serves_each = False
    """While a command is done at one caret after the other: painting waits for the last one."""
    bulk_edit: LongChange | None = None
    """A long change that is under way; until it ends, nothing else of mine changes the text."""
    _bulk_done: Callable[[int], None]
    _bulk_told_at = 0.0
    _typing: ExitStack | None = None
    """One undo step for what is typed at several carets without a break."""
    _edits: list[TrackedOffset]
    _edit_visited = 0

    # Provided by the widget

    def say(self, sentence: str, serious: bool = False) -> None:
        """Show a message."""
        raise NotImplementedError

    def update(self, now: bool = True) -> None:
        """Paint what has changed."""
        raise NotImplementedError

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Await something, and say why it failed if it does."""
        raise NotImplementedError

    def ask_line(self, title: str, note: str, then: Callable[[str], None], secret: bool) -> None:
        """Ask for a line, which may be empty; a secret one is not shown."""
        raise NotImplementedError

    def to_clipboard(self, text: str) -> None:
        """Copy a text, for other programs as well."""
        raise NotImplementedError

    def run(self, command: str) -> None:
        """Run a command of the table in `keymap`."""
        raise NotImplementedError

    def stop_following(self) -> bool:
        """Follow nobody from now on, since I do something myself; return whether somebody was followed."""
        raise NotImplementedError

    @property
    def shows_numbers(self) -> bool:
        """Whether each line has its number in front."""
        raise NotImplementedError

    @property
    def shows_whitespace(self) -> bool:
        """Whether blanks and tabs are shown as signs."""
        raise NotImplementedError

    def grammar_name(self) -> str:
        """The name of the grammar of the text's language, or ""."""
        raise NotImplementedError

    def is_prose_at(self, row: int, column: int) -> bool:
        """Whether a place is known to be inside a comment or a text of a program."""
        raise NotImplementedError

    def choose(
        self,
        title: str,
        choices: Iterable[tuple[str, str, str]],
        then: Callable[[str], None],
        chosen: str | None = None,
    ) -> None:
        """Let the person pick one of a list (id, text, note), and call `then` with its id; not at all if they cancel."""
        raise NotImplementedError

    def choose_when_found(
        self, title: str, find: Generator[None, None, FoundChoices], then: Callable[[str], None]
    ) -> None:
        """The same with choices that are found in slices of time. The list opens after the first slice, and takes keys until the last one."""
        raise NotImplementedError

    def follow_link(self, target: str) -> None:
        """Open an address, or a file that is named relative to this one."""
        raise NotImplementedError

    def ask_yes(self, title: str, body: str, yes: str, then: Callable[[], None]) -> None:
        """Ask a question, and call `then` if the person answers `yes`."""
        raise NotImplementedError

    def show_lines(
        self, title: str, before: Sequence[str], now: Sequence[str], then: Callable[[str], None]
    ) -> None:
        """Show lines as they were and as they are; `then` gets "revert", "next" or "previous", if the person wants that."""
        raise NotImplementedError

    def ask(self, title: str, note: str, then: Callable[[str], None]) -> None:
        """Let the person type a line, and call `then` with it; not at all if they cancel."""
        raise NotImplementedError

    # Changing the text

    def may_write(self) -> bool:
        """Whether the text may be changed now; says why if not."""
        if not self.session.ready:
            self.say("Still joining: writing begins when the text is here.")
            return False
        if self.session.role == "view":
            self.say("You may read this text, but not change it.")
            return False
        return True

    def replace(self, start: int, end: int, text: str) -> None:
        """Replace a range and put the caret behind the new text."""
        if not text.isascii():
            # Lone surrogates, which terminals cannot send but programs can: no file could keep them.
            text = text.encode("utf-8", "replace").decode("utf-8")
        if not self.may_write() or (start == end and not text):
            self.finish()
            return
        self.is_changing = True
        try:
            self.session.replace(start, end, text)
        finally:
            self.is_changing = False
        offset = start + len(text)
        self.marking = False
        self.cursor.put(self.text_layout.snap_right(offset) if text else self.text_layout.snap(offset))
        self.note_edit(offset)
        self.finish()

    def replace_all(self, edits: Sequence[tuple[int, int, str]], caret: int, mark: int | None = None) -> None:
        """Make several edits as one undo step, from the last to the first in the text; then move the caret."""
        if not self.may_write():
            return
        self.is_changing = True
        try:
            with self.session.one_step():
                self.session.replace_all([Splice(*edit) for edit in edits])
        finally:
            self.is_changing = False
        snap = self.text_layout.snap
        self.cursor.put(snap(caret), None if mark is None else snap(mark))
        self.note_edit(self.cursor.caret)
        self.finish()

    def type(self, text: str, put: Callable[[str], object] | None = None) -> None:
        """Replace the selections by a text; typing that continues is the same undo step.

        `put` types it at the caret of a command in another way than as it is.
        """
        put = put or self._put
        if not self.extras or self.serves_each:
            put(text)
            return
        if self._typing is None:
            self._typing = ExitStack()
            self._typing.enter_context(self.session.one_step())
        self.at_each(self.in_order(), lambda cursor: put(text))
        if text.isspace():
            self.end_typing()

    def _put(self, text: str) -> None:
        self.replace(*self.cursor.selection, text)

    def end_typing(self) -> None:
        """Let what is typed next at several carets be another undo step."""
        typing, self._typing = self._typing, None
        if typing is not None:
            typing.close()

    def paste(self, text: str) -> None:
        """Insert a text from elsewhere as one undo step; one with as many lines as there are carets is split among them."""
        text = unify_newlines(text)
        if not self.extras:
            self.session.break_undo()
            with self.session.one_step():
                self.replace(*self.cursor.selection, text)
            self.session.break_undo()
            return
        cursors = self.in_order()
        lines = text.removesuffix("\n").split("\n")
        pieces = lines if len(lines) == len(cursors) else [text] * len(cursors)
        texts = dict(zip(map(id, reversed(cursors)), pieces, strict=True))
        self.end_typing()
        self.at_each(cursors, lambda cursor: self.replace(*cursor.selection, texts[id(cursor)]))

    def note_edit(self, offset: int) -> None:
        """Remember where I last wrote."""
        self._edit_visited = 0
        row = self.text_layout.lines.row
        if self._edits:
            last = self._edits[-1]
            last.follow()
            if abs(row(last.offset) - row(offset)) < EDIT_ROWS_APART:
                last.put(offset)
                return
        self._edits.append(TrackedOffset(self.session.buffer, offset))
        del self._edits[:-EDITS_KEPT]

    def previous_edit(self) -> int | None:
        """Where I last wrote; called again, the place before that; None if I have not written here."""
        if not self._edits:
            return None
        self._edit_visited = self._edit_visited % len(self._edits) + 1
        edit = self._edits[-self._edit_visited]
        edit.follow()
        return edit.offset

    # Long changes

    def change_lines(
        self,
        first: int,
        last: int,
        edits: Callable[[int], Iterable[LineEdit | None]],
        done: Callable[[int], None],
    ) -> None:
        """Change rows `first` to `last` (included) as one undo step, in slices of time; `done` gets the number of changes."""
        from jpterm_like.tui.commands.bulk_edit import BulkEdit

        self.change_in_slices(BulkEdit(self.session, self.text_layout, first, last, edits), done)

    def change_in_slices(self, change: LongChange, done: Callable[[int], None]) -> None:
        """Make a long change, its first slice now; `done` gets the number of changes."""
        self._begin_long_change(change, done)
        self._continue_bulk_edit()

    def go_on_in_slices(self, change: LongChange, done: Callable[[int], None]) -> None:
        """Go on with a long change that had its first slice; `done` gets the number of changes."""
        self._begin_long_change(change, done)
        asyncio.get_running_loop().call_soon(self._continue_bulk_edit)

    def _begin_long_change(self, change: LongChange, done: Callable[[int], None]) -> None:
        self.bulk_edit, self._bulk_done = change, done
        self._bulk_told_at = monotonic()
        if self.serves_each:
            self.finish_bulk_edit()

    def _continue_bulk_edit(self) -> None:
        change = self.bulk_edit
        if change is not None and self._step_bulk_edit():
            if monotonic() > self._bulk_told_at + BULK_TOLD_S:
                self._bulk_told_at = monotonic()
                self.say(change.tells)
            asyncio.get_running_loop().call_soon(self._continue_bulk_edit)

    def _step_bulk_edit(self) -> bool:
        """Go on for BULK_STEP_S and return whether there is more to do."""
        change = self.bulk_edit
        assert change is not None
        more = False
        self.is_changing = True
        try:
            more = self.may_write() and change.step(BULK_STEP_S)
        finally:
            self.is_changing = False
            if not more:
                self.stop_bulk_edit()
        return more

    def finish_bulk_edit(self) -> None:
        """Do the rest of a long change at once."""
        while self.bulk_edit is not None:
            self._step_bulk_edit()

    def stop_bulk_edit(self) -> None:
        """End a long change and keep what it has changed so far; one undo reverts it."""
        change, self.bulk_edit = self.bulk_edit, None
        if change is not None:
            change.end()
            self.note_edit(self.cursor.caret)
            self.finish()
            self._bulk_done(change.changes)

    # The caret

    def go(self, caret: int, select: bool = False, goal: int | None = None) -> None:
        """Move the caret; `select` (or the mark) extends the selection to it."""
        mark = None
        if select or self.marking:
            mark = self.cursor.caret if self.cursor.mark is None else self.cursor.mark
        self.session.break_undo()
        self.cursor.put(caret, mark, goal)
        self.finish()

    def jump(self, caret: int) -> None:
        """Move the caret to a place that may be far away, and show it in the middle of the screen."""
        self.session.break_undo()
        self.cursor.put(caret)
        self.finish(centred=True)

    def finish(self, centred: bool = False) -> None:
        """End a command: scroll to the caret, share it with the others, paint."""
        if self.serves_each:
            return
        self.view.reveal(self.cursor.caret, centred)
        self.share_caret()
        self.update()

    def share_caret(self) -> None:
        """Show the others where my caret is."""
        if self.session.ready:
            self.session.show_caret(self.cursor.caret, self.cursor.mark)

    # Several carets

    def at_carets(self, command: Command, does: Callable[[], object]) -> None:
        """Do a command as often as its `carets` asks for."""
        self.end_typing()
        if command.carets == "drop":
            self.drop_carets()
        if not self.extras or command.carets in ("once", "drop"):
            does()
            return
        cursors = self.in_order()
        if command.carets != "each":
            rows: dict[int, Cursor] = {}
            for cursor in cursors:
                rows.setdefault(self.text_layout.lines.row(cursor.caret), cursor)
            cursors = list(rows.values())
        if command.carets == "line_downwards":
            cursors.reverse()
        self.at_each(cursors, lambda cursor: does())

    def at_each(self, cursors: Iterable[Cursor], does: Callable[[Cursor], object]) -> None:
        """Do something with each caret as the current one, as one undo step."""
        first = self.cursor
        self.serves_each = True
        try:
            with self.session.one_step():
                for cursor in cursors:
                    self.cursor = cursor
                    cursor.follow()
                    does(cursor)
        finally:
            self.serves_each = False
            self.cursor = first
            self.follow_carets()
        self.merge_carets()
        self.finish()

    def in_order(self) -> list[Cursor]:
        """All carets, from the last in the text to the first."""
        return sorted((self.cursor, *self.extras), key=lambda cursor: cursor.caret, reverse=True)

    def drop_carets(self) -> bool:
        """Keep only the first caret, and return whether there were others."""
        self.end_typing()
        had_others = bool(self.extras)
        self.extras.clear()
        return had_others

    def follow_carets(self) -> None:
        """Update all carets after a change of the text; while a command is done at each, only that one: the others when it is their turn."""
        self.cursor.follow()
        if not self.serves_each:
            for cursor in self.extras:
                cursor.follow()

    def merge_carets(self) -> None:
        """Make one caret of those in the same place or with overlapping selections."""
        self.extras[:] = apart((self.cursor, *self.extras))[1:]


def unify_newlines(text: str) -> str:
    """Turn line ends as terminals (CR) and Windows (CRLF) paste them into LF."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
