"""The lines that begin with a colon: ranges, and the commands on them. Also the line that one types for them and for a search."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from typing import Any, Final

from jpterm_like.tui.commands.bulk_edit import LineEdit
from jpterm_like.tui.commands.vi import operators, shell
from jpterm_like.tui.commands.vi.failure import Failed, NotFound
from jpterm_like.tui.commands.vi.host import Vi
from jpterm_like.tui.commands.vi.key_notation import Key, write_key
from jpterm_like.tui.commands.vi.line_runs import TrackedLine, lines_between
from jpterm_like.tui.commands.vi.operators import Range
from jpterm_like.tui.commands.vi.patterns import Search, end_of
from jpterm_like.tui.commands.vi.registers import Register
from jpterm_like.tui.commands.vi.settings import set_options
from jpterm_like.tui.commands.vi.substitute import Substitution
from jpterm_like.tui.commands.vi.text import Place
from jpterm_like.tui.text.cells import clean

HISTORY_KEPT: Final = 100

LINE_MAX: Final = 10_000
"""The longest line of a command in code points."""

COMMANDS: Final = {
    "w": "save", "write": "save", "wa": "save_all", "wall": "save_all", "q": "close_or_quit", "quit": "close_or_quit",
    "q!": "close_at_once", "quit!": "close_at_once", "bd!": "close_at_once", "e!": "revert", "edit!": "revert", "qa": "quit",
    "qall": "quit", "wq": "save_and_close", "x": "save_and_close", "xit": "save_and_close", "cq": "quit_in_vain",
    "bn": "next_file", "bnext": "next_file", "bp": "previous_file", "bprevious": "previous_file", "n": "next_file",
    "tabn": "next_file", "tabp": "previous_file", "bd": "close_file", "sp": "split", "split": "split", "vs": "split_beside",
    "vsplit": "split_beside", "only": "split", "u": "undo", "undo": "undo", "red": "redo", "redo": "redo", "h": "help",
    "help": "help", "sus": "suspend", "suspend": "suspend", "st": "suspend", "ls": "open", "buffers": "open", "files": "open",
    "commands": "palette", "people": "people", "b": "open", "buffer": "open", "e": "open", "ene": "new_file", "enew": "new_file",
}  # fmt: skip
"""vi's names of the editor's commands."""

_NAME: Final = re.compile(r"([A-Za-z]+!?|[&<>=!~@#*])")


class Ex:
    """Reads and runs lines of vi such as "%s/a/b/g"."""

    def __init__(self, vi: Vi, open_file: Callable[[str], object]) -> None:
        self._vi = vi
        self._open_file = open_file
        self._history: dict[str, list[str]] = {":": [], "/": []}
        self.substitution: Substitution | None = None
        self.is_typed = False
        """Whether the person typed each key of the line that is run, or run again by `@:`; false in a macro."""
        self._keys_typed = False
        self._begin = ""

    # The line

    def ask(self, range_: str) -> None:
        """Let a line be typed that begins with a colon and a range."""
        self._begin = range_
        self._vi.feed([(":", ":")])

    def read_line(self, begin: str) -> Generator[None, Key, str | None]:
        """Let the person type a line, and return it with its first sign; None if they cancel."""
        vi = self._vi
        line, kept = begin, self._history["/" if begin[0] in "/?" else ":"]
        at = len(kept)
        vi.prompt = line
        is_typed = True
        try:
            while True:
                key = yield
                is_typed = is_typed and vi.is_typed
                vi.keys.append(key)
                name, sign = key
                if name in ("escape", "ctrl+c"):
                    return None
                if name in ("enter", "ctrl+m", "ctrl+j"):
                    if len(line) > 1 and (not kept or kept[-1] != line):
                        kept.append(line)
                        del kept[:-HISTORY_KEPT]
                    self._keys_typed = is_typed
                    return line
                if name in ("backspace", "ctrl+h"):
                    if len(line) == 1:
                        return None
                    line = line[:-1]
                elif name == "ctrl+u":
                    line = line[0]
                elif name == "ctrl+w":
                    line = line[0] + re.sub(r"(\w+|[^\w\s]+|)\s*$", "", line[1:], count=1)
                elif name == "ctrl+r":
                    key = yield
                    vi.keys.append(key)
                    found = (
                        vi.registers.get(key[1] or '"') if key[1] and vi.registers.is_name(key[1]) else None
                    )
                    word = vi.editor.text_layout.word_at(vi.editor.cursor.caret)
                    if key[0] == "ctrl+w":
                        line += vi.editor.session.buffer.slice(*word)
                    elif found is not None:
                        line += clean(found.text.removesuffix("\n").replace("\n", "\r"), LINE_MAX)
                elif name == "ctrl+v":
                    key = yield
                    vi.keys.append(key)
                    line = (line + write_key(key))[:LINE_MAX]
                elif name in ("up", "down"):
                    at = max(0, min(len(kept), at + (-1 if name == "up" else 1)))
                    line = kept[at] if at < len(kept) else begin
                elif sign and sign.isprintable() and not name.startswith(("ctrl+", "alt+")):
                    line = (line + sign)[:LINE_MAX]
                vi.prompt = line
        finally:
            vi.prompt = ""

    def command_line(self, begin: str) -> Generator[None, Key, Any]:
        begin, self._begin = f"{begin}{self._begin}", ""
        line = yield from self.read_line(begin)
        if line is not None and line[1:].strip():
            self._vi.registers.line, self.is_typed = line[1:], self._keys_typed
            yield from self.run(line[1:])
        return False

    def repeat(self) -> Generator[None, Key, Any]:
        """Run the last line again."""
        self.is_typed = self.is_typed and self._vi.is_typed
        yield from self.run(self._vi.registers.line)

    # Ranges

    def _address(self, line: str, here: int) -> Generator[None, Key, tuple[int | None, str]]:
        """The row of an address, and the rest of the line; None: there is no address."""
        text, row = self._vi.text, None
        line = line.lstrip()
        if found := re.match(r"\d+", line):
            row, line = int(found[0][:9]) - 1, line[found.end() :]
        elif line[:1] == ".":
            row, line = here, line[1:]
        elif line[:1] == "$":
            row, line = text.rows - 1, line[1:]
        elif line[:1] == "'" and len(line) > 1:
            place = self._vi.marks.get(line[1])
            if place is None:
                raise Failed(f"The mark {line[1]} is not set.")
            row, line = min(place.row, text.rows - 1), line[2:]
        elif line[:1] in ("/", "?"):
            sign, body = line[0], line[1:]
            end = end_of(body, sign)
            if body[:end]:
                self._vi.motions.use(body[:end])
            if self._vi.motions.pattern is None:
                raise Failed("There is no pattern from before.")
            start = Place(here, len(text.line(here)) if sign == "/" else 0)
            match = yield from self._vi.motions.find(start, sign == "/")
            if match is None:
                raise NotFound(f"Not found: {clean(body[:end], 40)}")
            row, line = match.row, body[end + 1 :]
        while found := re.match(r"\s*([+-])\s*(\d*)", line):
            row = (here if row is None else row) + (int(found[2][:9] or 1) * (1 if found[1] == "+" else -1))
            line = line[found.end() :]
        return row, line

    def _range(self, line: str) -> Generator[None, Key, tuple[list[int], str]]:
        """The rows of a range, none to two of them, and the rest of the line."""
        text, here = self._vi.text, self._vi.text.caret.row
        line = line.lstrip(" :")
        if line.startswith("%"):
            return [0, text.rows - 1], line[1:]
        rows: list[int] = []
        while True:
            row, line = yield from self._address(line, here)
            line = line.lstrip()
            if line[:1] in (",", ";"):
                rows.append(here if row is None else row)
                if line[0] == ";":
                    here = max(0, min(text.rows - 1, rows[-1]))
                line = line[1:]
                continue
            if row is not None or rows:
                rows.append(here if row is None else row)
            return rows[-2:], line

    # Commands

    def run(self, line: str) -> Generator[None, Key, Any]:
        """Run a line such as "wq", "12" or "%s/a/b/"; it may ask for keys."""
        vi, text = self._vi, self._vi.text
        whole = line.strip()
        rows, rest = yield from self._range(line)
        rest = rest.lstrip()
        outside = any(not 0 <= row < text.rows for row in rows)
        if outside and not (rest[:1] in ("r", "p") and rows[-1] == -1) and (rest or len(rows) > 1):
            raise Failed(f":{clean(whole, 40)}: there are {text.rows:,} lines.")
        if len(rows) == 2 and rows[0] > rows[1]:
            rows.reverse()
        if not rest:
            if rows:
                vi.marks.jump()
                row = max(0, min(text.rows - 1, rows[-1]))
                text.go(Place(row, text.indent(row)))
            return
        found = _NAME.match(rest)
        name = found[1] if found else rest
        after = rest[len(name) :]
        if (
            found
            and name[0] in "sgv"
            and name not in COMMANDS
            and not name.startswith(("set", "se", "sil", "sor"))
        ):
            name, after = _pattern_command(rest)
        if name in _RANGED or name.rstrip("!") in _RANGED:
            yield from self._ranged(name, rows, after)
            return
        argument = after.strip()
        if (
            name in ("e", "edit", "b", "buffer", "tabe", "sp", "split", "vs", "vsplit")
            and argument
            and not rows
        ):
            if name in ("sp", "split", "vs", "vsplit"):
                vi.editor.run(COMMANDS[name])
            self._open_file(argument)
        elif name in ("se", "set", "setlocal", "setl"):
            vi.editor.say(set_options(vi, argument))
        elif name in ("noh", "nohlsearch"):
            vi.motions.hide_matches()
        elif name in COMMANDS and not argument and not rows:
            vi.end_step()
            vi.editor.run(COMMANDS[name])
        else:
            known = vi.editor.keymap.key_label("help", "the help")
            raise Failed(f":{clean(whole, 40)} is not supported; {known} lists what is.")

    def _ranged(self, name: str, rows: list[int], after: str) -> Generator[None, Key, Any]:
        vi, text = self._vi, self._vi.text
        here = text.caret.row
        first, last = (rows[0], rows[-1]) if rows else (here, here)
        if name in ("s", "&", "su", "substitute"):
            yield from self._substitute(rows, after)
            return
        if name in ("g", "v", "global", "vglobal", "g!"):
            all_rows = (first, last) if rows else (0, text.rows - 1)
            yield from self._global(name in ("v", "vglobal", "g!"), *all_rows, after)
            return
        if name == "!":
            shell.run(vi, after.strip(), (first, last) if rows else None)
            return
        if name in ("r", "read"):
            argument = after.strip()
            shell.read(vi, argument, rows[-1] if rows else here)
            return
        if name in _NORMAL:
            if not after.strip():
                raise Failed(":normal needs keys: :%normal A;")
            vi.run_on_lines(after[1:], lines_between(text, first, last) if rows else None)
            return
        if name in ("m", "move", "t", "copy", "co"):
            yield from self._move(name[0] == "m", first, last, after)
            return
        if name in ("k", "ma", "mark"):
            vi.marks.set(after.strip(), Place(last, 0))
            return
        if name not in ("y", "yank"):
            vi.require_writing()
        register, count = _register_and_count(after)
        if count:
            first, last = last, min(text.rows - 1, last + count - 1)
        span = Range(Place(first, 0), Place(last, len(text.line(last))), "line", big=True)
        if name in ("d", "delete"):
            text.go(operators.delete(text, vi.registers, span, register))
        elif name in ("y", "yank"):
            operators.yank(text, vi.registers, span, register)
        elif name in (">", "<"):
            levels = (1 if name == ">" else -1) * (1 + len(after) - len(after.lstrip("<>")))
            for _ in operators.shift(text, span.rows, levels):
                yield from vi.pause()
            text.go(Place(last, text.indent(last)))
        elif name in ("j", "join"):
            count = max(2, last - first + 1)
            if first + count <= text.rows:
                text.go(operators.join(text, first, count, True))
                text.go(Place(first, text.indent(first)))
        elif name in ("pu", "put"):
            found = vi.registers.get(register)
            if found is not None:
                operators.put(text, found._replace(kind="line"), False, 1, False, Place(last, 0))
                row = last + len(found.lines)
                text.go(Place(row, text.indent(row)))

    def _move(self, moves: bool, first: int, last: int, after: str) -> Generator[None, Key, None]:
        vi, text = self._vi, self._vi.text
        vi.require_writing()
        to, rest = yield from self._address(after, text.caret.row)
        if after.strip() == "0":
            to = -1
        if to is None or rest.strip() or not -1 <= to < text.rows or (moves and first <= to < last):
            raise Failed("Lines are moved behind the line of a number: :m 5.")
        lines, count = text.slice_rows(first, last), last - first + 1
        text.put_rows(to + 1, lines)
        row = to + count
        if moves:
            shift = count if to < first else 0
            text.delete_rows(first + shift, last + shift)
            row -= count - shift
        text.go(Place(row, text.indent(row)))

    def _substitute(self, rows: list[int], after: str) -> Generator[None, Key, Any]:
        vi = self._vi
        vi.require_writing()
        here = vi.text.caret.row
        first, last = (rows[0], rows[-1]) if rows else (here, here)
        substitution, count = Substitution.parse(vi, after, self.substitution)
        self.substitution = substitution
        if count:
            first, last = last, min(vi.text.rows - 1, last + count - 1)
        yield from substitution.run(vi, first, last)

    def _global(self, inverse: bool, first: int, last: int, after: str) -> Generator[None, Key, Any]:
        """Run a command on each line that matches, or does not; the lines are found before the first is changed."""
        vi, text = self._vi, self._vi.text
        if not after or after[0].isalnum():
            raise Failed(":g needs a pattern: :g/word/d.")
        sign, body = after[0], after[1:]
        end = end_of(body, sign)
        if body[:end]:
            vi.motions.use(body[:end])
        pattern = vi.motions.pattern
        if pattern is not None and self.substitution is not None:
            self.substitution.pattern = pattern  # as in Vim, "&" then replaces what :g has looked for
        command = body[end + 1 :].strip() or "p"
        name = command.lstrip("0123456789.,$%+-'<> ")[:1]
        is_normal = re.match(r"norm(al)?!? ", command)
        if pattern is None or (name not in tuple("dsmtjy><&") and not is_normal):
            raise Failed(f":g with {clean(command, 20)} is not supported; d s m t j y > < & normal are.")
        vi.require_writing()
        search = Search(pattern)

        def is_wanted(line: str) -> bool:
            return (search.first(line) is None) == inverse

        if (many := self._in_rows(command, first, min(last, text.rows - 1), is_wanted)) is not None:
            if not (count := (yield from many)):
                raise NotFound(f"Not found: {clean(body[:end], 40)}")
            vi.editor.say(f"{count:,} lines.")
            return
        found: list[TrackedLine] = []
        row = first
        while row <= min(last, text.rows - 1):
            if vi.is_due:
                here = text.track(Place(row, 0))
                yield from vi.pause()
                shift = text.place_of(here).row - row
                row, last = row + shift, last + shift
            if is_wanted(text.line(row)):
                found.append(TrackedLine(text, row))
            row += 1
        if not found:
            raise NotFound(f"Not found: {clean(body[:end], 40)}")
        if is_normal:
            vi.run_on_lines(command[is_normal.end() :], found)
            return
        for tracked in found:
            if vi.is_due:
                yield from vi.pause()
            if (row_now := tracked.row()) is None:
                continue
            text.editor.cursor.put(text.start(row_now))
            if name == "s" and self.substitution is not None:
                self.substitution.quiet = True
            with suppress(NotFound):
                yield from self.run(command)
        vi.text.go(vi.text.on_character(vi.text.caret))
        vi.editor.say(f"{len(found):,} lines.")

    def _in_rows(
        self, command: str, first: int, last: int, is_wanted: Callable[[str], bool]
    ) -> Generator[None, Key, int] | None:
        """Run `s` or `d` on the lines that are wanted as one change of many lines, which gives their number; None for other
        commands, which are run on one line after the other."""
        name, after = _pattern_command(command)
        if command in ("d", "delete"):
            return self._delete_rows(first, last, is_wanted)
        if name not in ("s", "su", "substitute"):
            return None
        substitution, count = Substitution.parse(self._vi, after, self.substitution)
        if count or "c" in substitution.flags:
            return None
        self.substitution = substitution
        substitution.quiet = True
        return substitution.run_where(self._vi, first, last, is_wanted)

    def _delete_rows(
        self, first: int, last: int, is_wanted: Callable[[str], bool]
    ) -> Generator[None, Key, int]:
        vi, text, count = self._vi, self._vi.text, 0

        def edits(row: int) -> Iterator[LineEdit | None]:
            nonlocal count
            line = text.line(row)
            if is_wanted(line):
                count += 1
                vi.registers.delete("", Register((line,), "line"), True)
                yield 0, len(line) + 1, ""

        # The last line of a text is deleted with the newline before it.
        ends = last == text.rows - 1
        end = text.track(Place(last, 0))
        here = None
        if last - ends >= first:
            for change in text.edit_rows(first, last - ends, edits):
                here = change.last
                yield from vi.pause()
        row = text.place_of(end).row
        if ends and is_wanted(line := text.line(row)):
            count += 1
            span = Range(Place(row, 0), Place(row, len(line)), "line", big=True)
            text.go(operators.delete(text, vi.registers, span, ""))
        elif here is not None:
            row = min(text.place_of(here).row, text.rows - 1)
            text.go(Place(row, text.indent(row)))
        return count


def _pattern_command(rest: str) -> tuple[str, str]:
    """The name and the rest of `s`, `g` and `v`, behind which any sign may begin the pattern."""
    for name in ("substitute", "vglobal", "global", "su", "g!"):
        if rest.startswith(name) and not rest[len(name) : len(name) + 1].isalnum():
            return name, rest[len(name) :]
    found = _NAME.match(rest)
    word = found[1] if found else rest
    if len(word.rstrip("!")) > 1:
        return word, rest[len(word) :]
    return rest[0], rest[1:]


def _register_and_count(after: str) -> tuple[str, int]:
    found = re.fullmatch(r"\s*([A-Za-z\"_+*-]?)\s*(\d{0,9})\s*[<>]*\s*", after)
    if found is None:
        raise Failed(f"{clean(after.strip(), 40)} is no register and no count.")
    return found[1], int(found[2] or 0)


_NORMAL: Final = ("normal", "norm", "normal!", "norm!")
_RANGED: Final = {
    "s", "su", "substitute", "&", "g", "global", "v", "vglobal", "!", "r", "read", "normal", "norm", "m", "move", "t", "co",
    "copy", "k", "ma", "mark", "d", "delete", "y", "yank", ">", "<", "j", "join", "pu", "put",
}  # fmt: skip
