"""A subset of vi: normal, insert and visual mode on top of the editor's own commands.

`key_presets.VI` lists what is supported, and F1 shows it. Caret, undo, clipboard and search are the editor's: `p` also pastes what
other programs copied, and an insertion is one undo step.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final, Literal, NamedTuple, Protocol

from crdt import TextBuffer
from jpterm_like.tui.clipboard import Clipboard
from jpterm_like.tui.keymap import Keymap
from jpterm_like.tui.ports import EditorSession
from jpterm_like.tui.text.brackets import matching_bracket
from jpterm_like.tui.text.cells import clean
from jpterm_like.tui.text.cursors import Cursor
from jpterm_like.tui.text.layout import TextLayout

_PAIRS: Final = {"(": "()", ")": "()", "b": "()", "[": "[]", "]": "[]", "{": "{}", "}": "{}", "B": "{}"}
_QUOTES: Final = "\"'`"

_MAY_FAIL: Final = "fFtT;,%jk"
"""Moves that may find no target; an operator then does nothing, and "c" starts no insertion."""

COUNT_MAX: Final = 10_000
"""The largest count before a command."""

REACH: Final = 10_000
"""How many code points around the caret are searched for words and brackets."""


EX: Final = {
    "w": "save",
    "wa": "save_all",
    "q": "close_or_quit",
    "q!": "close_at_once",
    "e!": "revert",
    "qa": "quit",
    "wq": "save_and_close",
    "x": "save_and_close",
    "cq": "quit_in_vain",
    "bn": "next_file",
    "bp": "previous_file",
    "sp": "split",
    "vs": "split_beside",
    "only": "split",
    "u": "undo",
    "red": "redo",
    "h": "help",
    "help": "help",
}
"""vi's names of commands."""


class Span(NamedTuple):
    """The range that a move or a text object covers."""

    start: int
    end: int
    lines: bool = False
    """Whether it is whole lines."""
    inclusive: bool = False
    """Whether an operator includes the character at the end, if that is ahead of the caret."""


class EditTarget(Protocol):
    """The part of `Editing` that vi uses."""

    session: EditorSession
    text_layout: TextLayout
    cursor: Cursor
    clipboard: Clipboard
    keymap: Keymap

    def run(self, command: str) -> None: ...
    def go(self, caret: int, select: bool = False, goal: int | None = None) -> None: ...
    def say(self, sentence: str, serious: bool = False) -> None: ...
    def to_clipboard(self, text: str) -> None: ...
    def replace(self, start: int, end: int, text: str) -> None: ...
    def may_write(self) -> bool: ...
    def ask(self, title: str, note: str, then: Callable[[str], None]) -> None: ...


class SearchTarget(Protocol):
    """The part of the search that vi uses."""

    def find_word(self, word: str) -> None: ...
    def go_to_line(self, text: str) -> bool: ...


class Vi:
    """The mode, and the keys of an incomplete command."""

    def __init__(self, editor: EditTarget, search: SearchTarget, open_file: Callable[[str], object]) -> None:
        """`open_file` gets a name relative to the open file."""
        self._editor = editor
        self._search = search
        self._open_file = open_file
        self.mode = "normal"
        self._typed: list[tuple[str, str]] = []
        self._last: list[tuple[str, str]] = []
        self._recording: list[tuple[str, str]] | None = None
        self._find = ("f", "")
        self._step: ExitStack | None = None
        self._anchor = 0
        self._replaying = False

    def clicked(self) -> None:
        """Cancel an incomplete command and visual mode, since the caret was moved by other means."""
        self._typed = []
        self.end_step()
        if self.mode != "insert":
            self.mode = "normal"

    # Lines that begin with a colon

    def _ask_ex(self) -> None:
        self._editor.ask(":", "w q wq x e NAME bn bp sp vs, or a line number", self.run_ex)

    def run_ex(self, line: str) -> None:
        """Run a line of vi such as "wq" or "12"."""
        name, _, rest = line.strip().partition(" ")
        command = EX.get(name)
        if command is not None and not rest:
            self._editor.run(command)
        elif name.isdecimal():
            self._search.go_to_line(name)
        elif name in ("e", "edit") and rest:
            self._open_file(rest.strip())
        else:
            known = self._editor.keymap.key_label("help", "the help")
            self._editor.say(f":{clean(line, 40)} is not supported; {known} lists what is.")

    # Around the caret

    @property
    def _caret(self) -> int:
        return self._editor.cursor.caret

    @property
    def _buffer(self) -> TextBuffer:
        return self._editor.session.buffer

    def _row(self, offset: int) -> int:
        return self._editor.text_layout.lines.row(offset)

    def _span(self, offset: int) -> tuple[int, int]:
        return self._editor.text_layout.lines.span(self._row(offset))

    def _at(self, offset: int) -> str:
        return self._buffer.slice(offset, min(offset + 1, len(self._buffer)))

    # Keys

    @property
    def is_amid_something(self) -> bool:
        """Whether escape would end something."""
        return self.mode != "normal" or bool(self._typed)

    def key(self, key: str, character: str) -> bool:
        """Handle a key; False if it is for the keymap or the text."""
        if key.startswith("alt+") and character.isprintable() and character and self.is_amid_something:
            # Escape and the next key pressed quickly: without the kitty protocol a terminal sends the same for alt and a key.
            self.key("escape", "")
            return self.key(character, character)
        if self.mode == "insert":
            if self._recording is not None and not self._replaying:
                self._recording.append((key, character))
            if key == "escape":
                self._leave_insert()
                return True
            return False
        if key == "escape":
            waiting, self._typed = bool(self._typed), []
            if self.mode != "normal":
                self._set("normal")
                self._editor.go(self._caret)
                self._settle()
                return True
            return waiting
        if not character or key.startswith(("ctrl+", "alt+")) or not character.isprintable():
            if key in ("ctrl+d", "ctrl+u"):
                for _ in range(10):
                    self._editor.run("down" if key == "ctrl+d" else "up")
                self._settle()
                return True
            if key == "enter" and self.mode == "normal":
                self._editor.run("down")
                self._settle()
                return True
            if key in ("backspace", "tab", "delete") and self.mode == "normal":
                return True  # in the editor these would change the text
            self._typed = []
            return False
        if self.mode == "normal" and self._editor.cursor.mark is not None:
            self._editor.go(
                self._editor.cursor.selection[0]
            )  # the selection of a found match is no target for commands
        self._typed.append((key, character))
        self._try()
        return True

    def _try(self) -> None:
        """Run the typed keys if they are a complete command."""
        text = "".join(character for _, character in self._typed)
        keys = list(self._typed)
        count_text, rest = _split_count(text)
        count = min(int(count_text or 1), COUNT_MAX)
        has_count = bool(count_text)
        if not rest:
            return
        done = (
            self._visual(rest, count, has_count)
            if self.mode != "normal"
            else self._normal(rest, count, has_count)
        )
        if done is None:
            return  # incomplete
        self._typed = []
        if done == "change" and not self._replaying:
            if self.mode == "insert":
                self._recording = keys
            else:
                self._last = keys
        if self.mode == "normal":
            self._settle()

    def _settle(self) -> None:
        """Move the caret from behind the last character of a line onto it, as normal mode requires."""
        start, end = self._span(self._caret)
        if self.mode == "normal" and self._caret == end > start and not self._editor.cursor.mark:
            goal = self._editor.cursor.goal
            self._editor.go(self._editor.text_layout.left(end), goal=goal)

    def _set(self, mode: str) -> None:
        self.mode = mode

    # Modes

    def _insert(self, offset: int | None = None) -> str:
        """Enter insert mode at an offset; the insertion is one undo step."""
        if offset is not None:
            self._editor.go(offset)
        if self._step is None:
            self._begin_step()
        self._set("insert")
        return "change"

    def _begin_step(self) -> None:
        self._step = ExitStack()
        self._step.enter_context(self._editor.session.one_step())

    def end_step(self) -> None:
        """End the undo step of the insertion."""
        step, self._step = self._step, None
        if step is not None:
            step.close()

    def _leave_insert(self) -> None:
        self.end_step()
        self._set("normal")
        if self._recording is not None and not self._replaying:
            self._last, self._recording = self._recording, None
        start, _ = self._span(self._caret)
        if self._caret > start:
            self._editor.go(self._editor.text_layout.left(self._caret))
        else:
            self._editor.go(self._caret)

    # Normal mode

    def _normal(self, text: str, count: int, has_count: bool) -> str | None:
        editor, caret = self._editor, self._caret
        if self._step is None:
            editor.session.break_undo()
        start, end = self._span(caret)
        first = text[0]
        if first in "dcy><" or text[:2] in ("gu", "gU"):
            return self._operator(text, count, has_count)
        if first == "g" and len(text) == 1:
            return None
        if (move := self._move(text, count, has_count)) is not False:
            if move is None:
                return None
            self._go(move, text)
            return "move"
        match text:
            case "i":
                return self._insert()
            case "a":
                return self._insert(min(end, editor.text_layout.right(caret)) if caret < end else caret)
            case "I":
                line = editor.text_layout.line(self._row(caret))
                return self._insert(start + len(line) - len(line.lstrip()))
            case "A":
                return self._insert(end)
            case "o" | "O":
                if not editor.may_write():
                    return "nothing"
                self._begin_step()
                editor.run("line_below" if text == "o" else "line_above")
                return self._insert()
            case "x":
                return self._delete(caret, self._right_by(caret, count, end))
            case "X":
                return self._delete(self._left_by(caret, count, start), caret)
            case "D":
                return self._delete(caret, end)
            case "C":
                return self._change(Span(caret, end))
            case "Y":
                return self._operator("yy", count, has_count)
            case "s":
                return self._change(Span(caret, self._right_by(caret, count, end)))
            case "S":
                return self._operator("cc", count, has_count)
            case "J":
                for _ in range(max(1, count - 1)):
                    editor.run("join_lines")
                editor.go(editor.text_layout.left(self._caret))
                return "change"
            case "~":
                stop = self._right_by(caret, count, end)
                editor.replace(caret, stop, self._buffer.slice(caret, stop).swapcase())
                return "change"
            case "p" | "P":
                return self._paste(before=text == "P", count=count)
            case "u":
                for _ in range(count):
                    editor.run("undo")
                return "move"
            case ".":
                return self._repeat(count if has_count else 1)
            case "v" | "V":
                self._anchor = caret
                self._set("visual" if text == "v" else "visual line")
                self._show_visual(caret)
                return "move"
            case "/":
                editor.run("find")
                return "move"
            case "n" | "N":
                for _ in range(count):
                    editor.run("find_next" if text == "n" else "find_previous")
                return "move"
            case "*":
                low, high = editor.text_layout.word_at(caret)
                self._search.find_word(self._buffer.slice(low, high))
                return "move"
            case ":":
                self._ask_ex()
                return "move"
            case "ZZ":
                self.run_ex("x")
                return "move"
            case "ZQ":
                self.run_ex("q!")
                return "move"
            case "Z" | "r":
                return None
        if first == "r" and len(text) == 2:
            stop = self._right_by(caret, count, end)
            if stop > caret and editor.may_write():
                editor.replace(caret, stop, text[1] * count)
                editor.go(caret)
            return "change"
        return "nothing"

    def _repeat(self, count: int) -> str:
        last = list(self._last)
        self._typed = []
        self._replaying = True
        try:
            for _ in range(count):
                for key, character in last:
                    if not self.key(key, character):
                        self._type(key, character)
        finally:
            self._replaying = False
        return "move"

    def _type(self, key: str, character: str) -> None:
        """Replay a key of an insertion."""
        simple = {"enter": "newline", "backspace": "delete_left", "delete": "delete_right", "tab": "tab"}
        if key in simple:
            self._editor.run(simple[key])
        elif character and character.isprintable():
            self._editor.replace(self._caret, self._caret, character)

    def _right_by(self, offset: int, count: int, end: int) -> int:
        for _ in range(count):
            if offset >= end:
                break
            offset = self._editor.text_layout.right(offset)
        return min(offset, end)

    def _left_by(self, offset: int, count: int, start: int) -> int:
        for _ in range(count):
            if offset <= start:
                break
            offset = self._editor.text_layout.left(offset)
        return offset

    # Moves

    def _go(self, span: Span, text: str) -> None:
        target = span.end if span.end != self._caret else span.start
        self._editor.go(target, goal=self._goal if text in ("j", "k") else None)

    _goal: int | None = None

    def _move(self, text: str, count: int, has_count: bool) -> Span | Literal[False] | None:
        """The range from the caret to the target of a move; None: incomplete; False: no move."""
        here = self._caret
        text_layout = self._editor.text_layout
        start, end = self._span(here)
        row = self._row(here)

        def span(there: int, lines: bool = False, inclusive: bool = False) -> Span:
            return Span(min(here, there), max(here, there), lines, inclusive and there >= here)

        match text:
            case "h":
                return span(self._left_by(here, count, start))
            case "l" | " ":
                return span(self._right_by(here, count, end))
            case "j" | "k":
                there = max(0, min(len(text_layout.lines) - 1, row + (count if text == "j" else -count)))
                x = text_layout.cells(row).x(here - start)
                goal = self._editor.cursor.goal
                self._goal = x if goal is None else goal
                return span(
                    text_layout.lines.start(there) + text_layout.cells(there).column(self._goal), lines=True
                )
            case "0":
                return span(start)
            case "^":
                line = text_layout.line(row)
                return span(start + len(line) - len(line.lstrip()))
            case "$":
                last = min(len(text_layout.lines) - 1, row + count - 1)
                return span(text_layout.lines.span(last)[1])
            case "w" | "W":
                return span(self._words(here, count, _next_word, text == "W"))
            case "b" | "B":
                return span(self._words(here, count, _word_before, text == "B"))
            case "e" | "E":
                return span(self._words(here, count, _word_end, text == "E"), inclusive=True)
            case "gg" | "G":
                last = len(text_layout.lines) - 1
                last -= (
                    last > 0 and text_layout.lines.length(last) == 0
                )  # vi does not count the empty line behind the last newline
                wanted = count - 1 if has_count else (0 if text == "gg" else last)
                there = max(0, min(len(text_layout.lines) - 1, wanted))
                line = text_layout.line(there)
                return span(text_layout.lines.start(there) + len(line) - len(line.lstrip()), lines=True)
            case "{" | "}":
                return span(self._paragraph(row, count, 1 if text == "}" else -1))
            case "%":
                ahead = re.search(r"[()\[\]{}]", text_layout.line(row)[here - start :])
                pair = None if ahead is None else matching_bracket(self._buffer, here + ahead.start())
                return span(here) if pair is None else span(pair[1], inclusive=True)
            case ";" | ",":
                kind, letter = self._find
                return (
                    self._seek(kind if text == ";" else kind.swapcase(), letter, count)
                    if letter
                    else span(here)
                )
            case "f" | "F" | "t" | "T":
                return None
        if text[0] in "fFtT" and len(text) == 2:
            self._find = (text[0], text[1])
            return self._seek(text[0], text[1], count)
        return False

    def _seek(self, kind: str, letter: str, count: int) -> Span:
        here = self._caret
        start, end = self._span(here)
        line = self._buffer.slice(start, end)
        column = at = here - start
        for _ in range(count):
            found = line.find(letter, at + 1) if kind in "ft" else line.rfind(letter, 0, max(0, at))
            if found < 0:
                return Span(here, here)
            at = found
        if kind in "tT":
            at += -1 if kind == "t" else 1
        if at >= column:
            return Span(here, start + at, inclusive=True)
        return Span(start + at, here)

    def _words(self, offset: int, count: int, step: Callable[[str, int, bool], int], big: bool) -> int:
        for _ in range(count):
            low = max(0, offset - REACH)
            text = self._buffer.slice(low, min(len(self._buffer), offset + REACH))
            offset = low + step(text, offset - low, big)
        return self._editor.text_layout.snap(offset)

    def _paragraph(self, row: int, count: int, step: int) -> int:
        text_layout = self._editor.text_layout
        last = len(text_layout.lines) - 1
        for _ in range(count):
            while 0 < row < last or (row == 0 and step > 0) or (row == last and step < 0):
                row += step
                if not 0 <= row <= last or (not text_layout.line(row).strip()):
                    break
            row = max(0, min(last, row))
        start, end = text_layout.lines.span(row)
        return end if row == last and step > 0 else start

    # Operators

    def _operator(self, text: str, count: int, has_count: bool) -> str | None:
        name = text[:2] if text[0] == "g" else text[0]
        rest = text[len(name) :]
        second, rest = _split_count(rest)
        if second:
            count, has_count = min(count * int(second), COUNT_MAX), True
        if not rest:
            return None
        row, lines = self._row(self._caret), self._editor.text_layout.lines
        if rest == name[-1]:
            span = self._whole_lines(row, min(len(lines) - 1, row + count - 1))
        elif rest[0] in "ia":
            if len(rest) == 1:
                return None
            found = self._object(rest)
            if found is None:
                return "nothing"
            span = found
        else:
            # "cw" changes the word and leaves the blanks behind it
            rest = (
                {"w": "e", "W": "E"}.get(rest, rest)
                if name == "c" and self._at(self._caret).strip()
                else rest
            )
            move = self._move(rest, count, has_count)
            if move is None or rest == "g":
                return None
            if isinstance(move, bool):
                return "nothing"
            span = move
            if span.start == span.end and not span.inclusive and rest[0] in _MAY_FAIL:
                return "nothing"
            if span.inclusive:
                span = Span(span.start, self._right_by(span.end, 1, self._span(span.end)[1]))
            if span.lines:
                span = self._whole_lines(self._row(span.start), self._row(span.end))
            elif rest in ("w", "W") and self._row(span.end) > self._row(span.start):
                span = Span(
                    span.start, self._span(span.start)[1]
                )  # the last word of a line, without its newline
        return self._operate(name, span)

    def _whole_lines(self, first: int, last: int) -> Span:
        lines = self._editor.text_layout.lines
        return Span(lines.start(first), lines.span(last)[1], lines=True)

    def _operate(self, name: str, span: Span) -> str:
        editor = self._editor
        match name:
            case "y":
                self._keep(span)
                editor.go(span.start if not span.lines else self._caret)
                return "move"
            case "d":
                return self._delete(span.start, span.end, span.lines)
            case "c":
                return self._change(span)
            case ">" | "<":
                row = self._row(span.start)
                if span.start == span.end:
                    span = self._whole_lines(row, row)
                if span.start < span.end:  # an empty line is not indented
                    editor.cursor.put(span.end, span.start)
                    editor.run("tab" if name == ">" else "outdent")
                line = editor.text_layout.line(row)
                editor.go(editor.text_layout.lines.start(row) + len(line) - len(line.lstrip()))
                return "change"
        text = self._buffer.slice(span.start, span.end)
        if editor.may_write():
            editor.replace(span.start, span.end, text.upper() if name == "gU" else text.lower())
            editor.go(span.start)
        return "change"

    def _keep(self, span: Span) -> None:
        text = self._buffer.slice(span.start, span.end)
        if text or span.lines:
            self._editor.to_clipboard(text + "\n" * span.lines)

    def _delete(self, start: int, end: int, lines: bool = False) -> str:
        editor = self._editor
        if not editor.may_write():
            return "nothing"
        if end > start or lines:
            self._keep(Span(start, end, lines))
        if lines and end < len(self._buffer):
            end += 1
        elif lines and start:
            start -= 1
        editor.replace(start, end, "")
        if lines:
            first, _ = self._span(self._caret)
            line = editor.text_layout.line(self._row(self._caret))
            editor.go(first + len(line) - len(line.lstrip()))
        return "change"

    def _change(self, span: Span) -> str:
        editor = self._editor
        if not editor.may_write():
            return "nothing"
        self._keep(span)
        start = span.start
        if span.lines:
            line = editor.text_layout.line(self._row(start))
            start += len(line) - len(line.lstrip())
        self._begin_step()
        if span.end > start:
            editor.replace(start, span.end, "")
        else:
            editor.go(start)
        return self._insert()

    def _paste(self, before: bool, count: int) -> str:
        editor = self._editor
        text = editor.clipboard.take().replace("\r\n", "\n").replace("\r", "\n")
        if not text or not editor.may_write():
            return "nothing"
        text *= count
        start, end = self._span(self._caret)
        editor.session.break_undo()
        if text.endswith("\n"):
            if before:
                editor.replace(start, start, text)
                editor.go(start)
            else:
                editor.replace(end, end, "\n" + text[:-1])
                editor.go(end + 1)
        else:
            at = self._caret if before else self._right_by(self._caret, 1, end)
            editor.replace(at, at, text)
            editor.go(editor.text_layout.left(at + len(text)))
        editor.session.break_undo()
        return "change"

    def _object(self, text: str) -> Span | None:
        """The word at the caret, or the text between the quotes or brackets around it."""
        inner, kind = text[0] == "i", text[1]
        caret, buffer = self._caret, self._buffer
        if kind in "wW":
            start, end = self._editor.text_layout.word_at(caret)
            if not inner:
                stop = self._span(caret)[1]
                while end < stop and self._at(end).isspace():
                    end += 1
            return Span(start, end)
        if kind in _QUOTES:
            low, high = self._span(caret)
            line = buffer.slice(low, high)
            places = [index for index, sign in enumerate(line) if sign == kind]
            for first, last in zip(places[::2], places[1::2], strict=False):
                if caret - low <= last:
                    return Span(low + first + inner, low + last + (not inner))
            return None
        if kind in _PAIRS:
            opening, closing = _PAIRS[kind][0], _PAIRS[kind][1]
            low = max(0, caret - REACH)
            before = buffer.slice(low, caret + 1)
            depth = 0
            for index in range(len(before) - 1, -1, -1):
                if before[index] == closing and low + index != caret:
                    depth += 1
                elif before[index] == opening:
                    if depth == 0:
                        pair = matching_bracket(buffer, low + index)
                        return None if pair is None else Span(low + index + inner, pair[1] + (not inner))
                    depth -= 1
        return None

    # Visual mode

    def _visual(self, text: str, count: int, has_count: bool) -> str | None:
        editor = self._editor
        if text == "g" or (text[0] in "iar" and len(text) == 1):
            return None
        if text == "o":
            self._anchor, there = self._caret, self._anchor
            self._show_visual(there)
            return "move"
        if text in ("v", "V"):
            wanted = "visual" if text == "v" else "visual line"
            self._set("normal" if self.mode == wanted else wanted)
            if self.mode == "normal":
                editor.go(self._caret)
            else:
                self._show_visual(self._caret)
            return "move"
        if text == ":":
            self._ask_ex()
            return "move"
        if text[0] in "ia" and len(text) == 2:
            if (found := self._object(text)) is not None:
                self._anchor = found.start
                self._show_visual(editor.text_layout.left(found.end))
            return "move"
        short = {"x": "d", "s": "c", "X": "d", "~": "~", "u": "gu", "U": "gU", "J": "J", "p": "p"}.get(
            text, text
        )
        if short in ("d", "c", "y", ">", "<", "gu", "gU", "~", "J", "p"):
            span = self._visual_span()
            self._set("normal")
            if short == "J":
                editor.run("join_lines")
            elif short == "p":
                put = editor.clipboard.take()
                if editor.may_write():
                    editor.replace(span.start, span.end, put.removesuffix("\n") if span.lines else put)
            elif short == "~":
                if editor.may_write():
                    editor.replace(span.start, span.end, self._buffer.slice(span.start, span.end).swapcase())
                    editor.go(span.start)
            else:
                editor.go(span.start)
                self._operate(short, span)
            return "change" if self.mode == "insert" else "move"
        move = self._move(text, count, has_count)
        if move is None:
            return None
        if not isinstance(move, bool):
            there = move.end if move.end != self._caret else move.start
            self._show_visual(there)
        return "move"

    def _visual_span(self) -> Span:
        low, high = sorted((self._anchor, self._caret))
        if self.mode == "visual line":
            return self._whole_lines(self._row(low), self._row(high))
        return Span(low, min(len(self._buffer), self._editor.text_layout.right(high)))

    def _show_visual(self, caret: int) -> None:
        """Select from where visual mode started; the character under the caret is included."""
        self._anchor = min(self._anchor, len(self._buffer))
        self._editor.cursor.put(caret, self._anchor)
        self._editor.go(caret, select=True)


def _split_count(text: str) -> tuple[str, str]:
    """Split off the count before a command; a 0 without digits before it is a move."""
    end = 0
    while end < len(text) and text[end].isascii() and text[end].isdigit() and (end or text[0] != "0"):
        end += 1
    return text[:end][:6], text[end:]


def _kind(sign: str, big: bool) -> int:
    if sign.isspace():
        return 0
    return 1 if big or sign.isalnum() or sign == "_" else 2


def _next_word(text: str, at: int, big: bool) -> int:
    if at < len(text):
        kind = _kind(text[at], big)
        while kind and at < len(text) and _kind(text[at], big) == kind:
            at += 1
    while at < len(text) and text[at].isspace():
        if text[at] == "\n" and text[at + 1 : at + 2] == "\n":
            return at + 1  # an empty line is a word
        at += 1
    return at


def _word_before(text: str, at: int, big: bool) -> int:
    while at and text[at - 1].isspace():
        at -= 1
    if at:
        kind = _kind(text[at - 1], big)
        while at and _kind(text[at - 1], big) == kind:
            at -= 1
    return at


def _word_end(text: str, at: int, big: bool) -> int:
    at += 1
    while at < len(text) and text[at].isspace():
        at += 1
    if at < len(text):
        kind = _kind(text[at], big)
        while at + 1 < len(text) and _kind(text[at + 1], big) == kind:
            at += 1
    return min(at, max(0, len(text) - 1))
