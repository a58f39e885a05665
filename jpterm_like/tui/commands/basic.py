"""What the commands do: moving, selecting, changing, the clipboard.

One method `do_<id>` for each command of the table in `keymap` that concerns the text. The editor widget inherits them;
here is nothing of Textual and nothing of painting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from crdt import Patch
from jpterm_like.tui.clipboard import Clipboard
from jpterm_like.tui.commands.bulk_edit import BulkEdit, Edit
from jpterm_like.tui.ports import EditorSession
from jpterm_like.tui.text.cursors import Cursor
from jpterm_like.tui.text.layout import Sheet
from jpterm_like.tui.text.viewport import View

# How long a step of changing many lines takes before the keyboard is looked at again.
SWEEP_S = 0.03


class Commands:
    """What a person can do to a text."""

    session: EditorSession
    sheet: Sheet
    view: View
    cursor: Cursor
    clipboard: Clipboard
    _busy: bool
    """While a command changes the text: it paints when it is through."""

    lands_at_start = False
    """Whether undo and search go to the start of what they show, as in vi, and not behind it."""
    marking = False
    """Whether every move selects."""
    serves_each = False
    """While a command is done at one caret after the other: what is shown waits for the last one."""
    extras: list[Cursor]
    """See `commands.multiple_carets`."""

    sweeping: BulkEdit | None = None
    """Many lines on their way to being changed: until then nothing else is."""
    _swept: Callable[[int], None]

    # What the widget does

    def note_edit(self, offset: int) -> None:
        """Remember where I wrote."""
        raise NotImplementedError

    def say(self, sentence: str, serious: bool = False) -> None:
        """Tell the person something."""
        raise NotImplementedError

    def update(self, now: bool = True) -> None:
        """Show what has changed."""
        raise NotImplementedError

    def stop_following(self) -> bool:
        """I do something myself; whether somebody was followed."""
        raise NotImplementedError

    def to_clipboard(self, text: str) -> None:
        """Keep a text, and hand it to other programs."""
        raise NotImplementedError

    # What all commands are made of

    def type(self, text: str) -> None:
        """Put a text in place of the selection; typing goes on with the same step of undo."""
        self._put(*self.cursor.selection, text)

    def paste(self, text: str) -> None:
        """Put in a text from elsewhere, as one step of undo."""
        self.session.break_undo()
        with self.session.one_step():
            self._put(*self.cursor.selection, unify_newlines(text))
        self.session.break_undo()

    def _put(self, start: int, end: int, text: str) -> None:
        """Replace, with the caret behind what was put in."""
        if not text.isascii():
            # Half characters, which terminals cannot send but programs can: no file could keep them.
            text = text.encode("utf-8", "replace").decode("utf-8")
        if not self._may_write() or (start == end and not text):
            self._done()
            return
        self._busy = True
        try:
            self.session.replace(start, end, text)
        finally:
            self._busy = False
        offset = start + len(text)
        self.marking = False
        self.cursor.put(self.sheet.snap_right(offset) if text else self.sheet.snap(offset))
        self.note_edit(offset)
        self._done()

    def sweep(
        self, first: int, last: int, edits: Callable[[int], Iterable[Edit]], done: Callable[[int], None]
    ) -> None:
        """Change many lines as one step of undo (see `sweep`); `done` is told how many changes there were."""
        self.sweeping, self._swept = BulkEdit(self.session, self.sheet, first, last, edits), done
        if self.serves_each:
            while self.sweeping is not None:
                self._sweep_step()
        else:
            self._sweep_on()

    def _sweep_on(self) -> None:
        sweep = self.sweeping
        if sweep is not None and self._sweep_step():
            self.say(f"{sweep.changes:,} changes so far; esc stops.")
            asyncio.get_running_loop().call_soon(self._sweep_on)

    def _sweep_step(self) -> bool:
        """Change some more lines; whether there are others left."""
        sweep = self.sweeping
        assert sweep is not None
        more = False
        self._busy = True
        try:
            more = self._may_write() and sweep.step(SWEEP_S)
        finally:
            self._busy = False
            if not more:
                self.stop_sweep()
        return more

    def stop_sweep(self) -> None:
        """Leave it at what is changed; one undo takes it back."""
        sweep, self.sweeping = self.sweeping, None
        if sweep is not None:
            sweep.end()
            self.note_edit(self.cursor.caret)
            self._done()
            self._swept(sweep.changes)

    def _may_write(self) -> bool:
        if not self.session.ready:
            self.say("Still joining: writing begins when the text is here.")
            return False
        if self.session.role == "view":
            self.say("You may read this text, but not change it.")
            return False
        return True

    def _done(self, centred: bool = False) -> None:
        """After each command: the caret in sight, the others told, the screen painted."""
        if self.serves_each:
            return
        self.view.reveal(self.cursor.caret, centred)
        self._tell_caret()
        self.update()

    def _tell_caret(self) -> None:
        if self.session.ready:
            self.session.show_caret(self.cursor.caret, self.cursor.mark)

    def go(self, caret: int, select: bool = False, goal: int | None = None) -> None:
        """Move the caret, with the selection growing from where it was."""
        mark = None
        if select or self.marking:
            mark = self.cursor.caret if self.cursor.mark is None else self.cursor.mark
        self.session.break_undo()
        self.cursor.put(caret, mark, goal)
        self._done()

    # Moving and selecting: each move is a function from the caret to an offset

    def _left(self) -> int:
        return self.sheet.left(self.cursor.caret)

    def _right(self) -> int:
        return self.sheet.right(self.cursor.caret)

    def _word_left(self) -> int:
        return self.sheet.word_left(self.cursor.caret)

    def _word_right(self) -> int:
        return self.sheet.word_right(self.cursor.caret)

    def _line_start(self) -> int:
        """The start of the row on the screen; of the line's text; of the line."""
        caret = self.cursor.caret
        row, section, _ = self.view.locate(caret)
        start = self.sheet.lines.start(row)
        section_start = start + self.view.sections(row)[section]
        if section and caret != section_start:
            return section_start
        line = self.sheet.line(row)
        text_start = start + len(line) - len(line.lstrip())
        return start if caret == text_start else text_start

    def _line_end(self) -> int:
        """The end of the row on the screen, then of the line."""
        caret = self.cursor.caret
        row, section, _ = self.view.locate(caret)
        start, end = self.sheet.lines.span(row)
        sections = self.view.sections(row)
        if section + 1 < len(sections):
            section_end = start + self.sheet.cells(row).before(sections[section + 1])
            if caret < section_end:
                return section_end
        return end

    def _text_start(self) -> int:
        return 0

    def _text_end(self) -> int:
        return self.sheet.lines.size

    def _seen(self, offset: int, forward: bool) -> int:
        """The place itself, or the next one that is not folded away."""
        lines, folds = self.sheet.lines, self.view.folds
        fold = folds.at(lines.row(offset))
        if fold is None or not folds.is_hidden(lines.row(offset)):
            return offset
        if not forward:
            return lines.span(fold.head)[1]
        return lines.start(fold.last + 1) if fold.last + 1 < len(lines) else self.cursor.caret

    def do_left(self) -> None:
        selection = self.cursor.selection
        self.go(
            self._seen(self._left(), forward=False)
            if self.cursor.mark is None or self.marking
            else selection[0]
        )

    def do_right(self) -> None:
        selection = self.cursor.selection
        self.go(
            self._seen(self._right(), forward=True)
            if self.cursor.mark is None or self.marking
            else selection[1]
        )

    def do_word_left(self) -> None:
        self.go(self._seen(self._word_left(), forward=False))

    def do_word_right(self) -> None:
        self.go(self._seen(self._word_right(), forward=True))

    def do_line_start(self) -> None:
        self.go(self._line_start())

    def do_line_end(self) -> None:
        self.go(self._line_end())

    def do_text_start(self) -> None:
        self.go(self._text_start())

    def do_text_end(self) -> None:
        self.go(self._text_end())

    def do_select_left(self) -> None:
        self.go(self._seen(self._left(), forward=False), select=True)

    def do_select_right(self) -> None:
        self.go(self._seen(self._right(), forward=True), select=True)

    def do_select_word_left(self) -> None:
        self.go(self._seen(self._word_left(), forward=False), select=True)

    def do_select_word_right(self) -> None:
        self.go(self._seen(self._word_right(), forward=True), select=True)

    def do_select_line_start(self) -> None:
        self.go(self._line_start(), select=True)

    def do_select_line_end(self) -> None:
        self.go(self._line_end(), select=True)

    def do_select_text_start(self) -> None:
        self.go(self._text_start(), select=True)

    def do_select_text_end(self) -> None:
        self.go(self._text_end(), select=True)

    def do_up(self) -> None:
        self._vertical(-1)

    def do_down(self) -> None:
        self._vertical(1)

    def do_select_up(self) -> None:
        self._vertical(-1, select=True)

    def do_select_down(self) -> None:
        self._vertical(1, select=True)

    def do_page_up(self) -> None:
        self._page(-1)

    def do_page_down(self) -> None:
        self._page(1)

    def do_select_page_up(self) -> None:
        self._page(-1, select=True)

    def do_select_page_down(self) -> None:
        self._page(1, select=True)

    def _vertical(self, count: int, select: bool = False) -> None:
        row, section, x = self.view.locate(self.cursor.caret)
        goal = x if self.cursor.goal is None else self.cursor.goal
        there = self.view.step(row, section, count)
        if there == (row, section):  # nowhere to go: to the end of the text in that direction
            self.go(0 if count < 0 else self.sheet.lines.size, select, goal)
        else:
            self.go(self.view.offset_of(*there, goal), select, goal)

    def _page(self, direction: int, select: bool = False) -> None:
        count = direction * max(1, self.view.height - 1)
        self.view.scroll(count)
        self._vertical(count, select)

    def do_select_all(self) -> None:
        self.session.break_undo()
        self.cursor.put(self.sheet.lines.size, 0)
        self._tell_caret()
        self.update()

    def do_set_mark(self) -> None:
        self.marking = False
        if self.cursor.mark is not None:
            self.go(self.cursor.caret)
        else:
            self.marking = True
            self.say("Moves select from here on.")

    def do_deselect(self) -> None:
        self.marking = False
        if self.cursor.mark is None:
            self.update()
        else:
            self.go(self.cursor.caret)

    # Changing

    def do_delete_left(self) -> None:
        self._delete(self._left)

    def do_delete_right(self) -> None:
        self._delete(self._right)

    def do_delete_word_left(self) -> None:
        self._delete(self._word_left)

    def do_delete_word_right(self) -> None:
        self._delete(self._word_right)

    def _delete(self, reach: Callable[[], int]) -> None:
        """Delete the selection, or else from the caret to where a move would go."""
        start, end = self.cursor.selection
        if start == end:
            start, end = sorted((start, reach()))
        self._put(start, end, "")

    def do_undo(self) -> None:
        self._retrace(self.session.undo, "There is nothing of mine to undo.")

    def do_redo(self) -> None:
        self._retrace(self.session.redo, "There is nothing to redo.")

    def _retrace(self, step: Callable[[], Patch | None], nothing: str) -> None:
        if not self._may_write():
            return
        self._busy = True
        try:
            patch = step()
        finally:
            self._busy = False
        if patch is None or not patch.splices:
            self.say(nothing)
            return
        # The first change in the text: what comes before it has not moved.
        start, _, text = patch.splices[-1]
        if not self.extras:
            self.cursor.put(self.sheet.snap_right(start + len(text) * (not self.lands_at_start)))
        self.note_edit(self.cursor.caret)
        self._done(centred=True)

    # Clipboard

    def _taken(self) -> tuple[int, int]:
        """The selection, or the whole line of the caret."""
        start, end = self.cursor.selection
        return (start, end) if end > start else self.sheet.row_span(self.sheet.lines.row(start))

    def do_copy(self) -> None:
        start, end = self._taken()
        if end > start:
            self.to_clipboard(self.session.buffer.slice(start, end))
        if self.marking:
            self.do_set_mark()

    def do_cut(self) -> None:
        start, end = self._taken()
        if end > start and self._may_write():
            self.to_clipboard(self.session.buffer.slice(start, end))
            self.session.break_undo()
            self._put(start, end, "")
            self.session.break_undo()

    def do_delete_to_line_end(self) -> None:
        """At the end of the line its newline goes. What was cut can be pasted."""
        start = self.cursor.caret
        end = self.sheet.lines.span(self.sheet.lines.row(start))[1]
        end = end if end > start else min(end + 1, self.sheet.lines.size)
        if end > start and self._may_write():
            self.to_clipboard(self.session.buffer.slice(start, end))
            self._put(start, end, "")

    def do_cut_or_delete_word(self) -> None:
        if self.cursor.mark is None:
            self.do_delete_word_left()
        else:
            self.do_cut()

    def do_paste(self) -> None:
        if text := self.clipboard.take():
            self.paste(text)
        else:
            self.say(
                "Nothing was copied here yet; your terminal pastes with its own key (often ctrl+shift+v)."
            )

    # View

    def do_scroll_up(self) -> None:
        self._scroll(-1)

    def do_scroll_down(self) -> None:
        self._scroll(1)

    def _scroll(self, count: int) -> None:
        if self.view.scroll(count):
            self.update()


def unify_newlines(text: str) -> str:
    """Terminals paste line ends as CR, Windows as CRLF; in a text they are LF."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
