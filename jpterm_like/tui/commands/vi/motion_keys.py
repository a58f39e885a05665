"""The keys of motions: which motion a key is, also with an operator and in visual mode; and the keys that scroll."""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Any, Final, Literal

from jpterm_like.tui.commands.vi import motions, sentences
from jpterm_like.tui.commands.vi.failure import Failed, NotFound
from jpterm_like.tui.commands.vi.host import Vi
from jpterm_like.tui.commands.vi.motions import END_OF_LINE, Motion
from jpterm_like.tui.commands.vi.patterns import Pattern, Search, end_of
from jpterm_like.tui.commands.vi.text import Place
from jpterm_like.tui.commands.vi.text_objects import KEYS, text_object
from jpterm_like.tui.text.cursors import TrackedOffset
from jpterm_like.tui.text.query import BadPattern
from jpterm_like.tui.text.search import Matches

Reading = Generator[None, tuple[str, str], Motion | None]

_ALIASES: Final = {"left": "h", "right": "l", "up": "k", "down": "j", "home": "0", "end": "$", "space": " "}


class MotionKeys:
    """Reads a motion; remembers the last search and the last letter that was looked for."""

    def __init__(self, vi: Vi) -> None:
        self._vi = vi
        self._find = ("f", "")
        self.pattern: Pattern | None = None
        self.forward = True
        self.ignore_case = False
        self.smart_case = False
        self.wraps = True
        self.marks_matches = True
        """The option hlsearch."""
        self._hides_matches = False
        self._matches: tuple[Pattern, Matches] | None = None

    def read(
        self, sign: str, operator: str
    ) -> Generator[None, tuple[str, str], Motion | Literal[False] | None]:
        """The motion of a key; None: it fails; False: it is no motion."""
        vi, sign = self._vi, _ALIASES.get(sign, sign)
        text, count = vi.text, vi.times
        visual = vi.mode.startswith("visual")
        if sign in ("i", "a"):
            if not operator and not visual:
                return False
            key = yield from vi.next_key()
            if key not in KEYS:
                return None
            return text_object(text, sign == "a", key, count, vi.visual.selection if visual else None)
        if sign in "fFtT" and len(sign) == 1:
            letter = yield from vi.next_key()
            if len(letter) != 1:
                return None
            self._find = (sign, letter)
            return motions.find_in_line(text, sign, letter, count)
        if sign in (";", ","):
            kind, letter = self._find
            kind = kind if sign == ";" else kind.swapcase()
            return motions.find_in_line(text, kind, letter, count, again=True) if letter else None
        if sign in ("'", "`"):
            name = yield from vi.next_key()
            return self._mark(sign, name)
        if sign in ("[", "]"):
            key = yield from vi.next_key()
            if key == "c":
                return None if operator or visual else self._change(sign)
            if sign + key == "]s" and not operator:
                vi.editor.run("next_misspelling")
                return Motion(vi.text.caret)
            return self._bracket(sign + key)
        if sign in ("/", "?"):
            return (yield from self._ask_pattern(sign))
        if sign in ("n", "N"):
            if self.pattern is None:
                return None
            self._hides_matches = False
            return (yield from self._search(self.forward == (sign == "n"), count))
        if sign in ("*", "#", "g*", "g#"):
            return (yield from self._word_here(sign))
        if sign in ("w", "W", "b", "B", "e", "E", "ge", "gE"):
            return motions.word(text, sign, count, operator, visual)
        if sign in ("ctrl+d", "ctrl+u", "ctrl+f", "ctrl+b", "ctrl+e", "ctrl+y"):
            return None if operator else self._scroll(sign)
        if sign in ("ctrl+o", "ctrl+i", "tab") and not operator and not visual:
            there = vi.marks.walk(count if sign != "ctrl+o" else -count)
            return None if there is None else Motion(text.on_character(there))
        does = _MOTIONS.get(sign)
        if does is None:
            return False
        found: Motion | None = does(self, count, operator)
        return found

    # Within the line

    def _left(self, count: int, operator: str) -> Motion | None:
        place = self._vi.text.caret
        for _ in range(count):
            place = self._vi.text.left(place)
        if not operator and place == self._vi.text.caret:
            return None
        return Motion(place)

    def _right(self, count: int, operator: str) -> Motion | None:
        text = self._vi.text
        place = text.caret
        visual = self._vi.mode.startswith("visual")
        for _ in range(count):
            there = text.right(place)
            if not operator and not visual and there.column >= len(text.line(place.row)):
                break
            place = there
        if place == text.caret and not operator:
            return None
        return Motion(place)

    def _space(self, count: int, operator: str) -> Motion | None:
        text = self._vi.text
        place = text.caret
        for number in range(count):
            there = text.right(place)
            length = len(text.line(place.row))
            if there.column >= length and not (self._vi.mode.startswith("visual") and place.column < length):
                if operator and number == count - 1 and text.line(place.row):
                    return Motion(there)
                if place.row + 1 >= text.rows:
                    return Motion(place) if number else None
                there = Place(place.row + 1, 0)
            place = there
        return Motion(place)

    def _backspace(self, count: int, operator: str) -> Motion | None:
        text = self._vi.text
        place = text.caret
        for number in range(count):
            if place.column:
                place = text.left(place)
            elif place.row:
                row = place.row - 1
                length = len(text.line(row))
                place = Place(row, length if operator else max(0, length - 1))
            else:
                return Motion(place) if number else None
        return Motion(place)

    def _line_start(self, count: int, operator: str) -> Motion | None:
        return Motion(Place(self._vi.text.caret.row, 0))

    def _text_start(self, count: int, operator: str) -> Motion | None:
        row = self._vi.text.caret.row
        return Motion(Place(row, self._vi.text.indent(row)))

    def _line_end(self, count: int, operator: str) -> Motion | None:
        row = self._down_by(count - 1)
        if row is None:
            return None
        length = len(self._vi.text.line(row))
        visual = self._vi.mode.startswith("visual")
        place = Place(row, length if visual else max(0, length - 1))
        return Motion(place, inclusive=length > 0 or count > 1, goal=END_OF_LINE)

    def _last_sign(self, count: int, operator: str) -> Motion | None:
        row = self._down_by(count - 1)
        if row is None:
            return None
        line = self._vi.text.line(row)
        return Motion(Place(row, max(0, len(line.rstrip(" \t")) - 1)), inclusive=bool(line))

    def _column(self, count: int, operator: str) -> Motion | None:
        text, row = self._vi.text, self._vi.text.caret.row
        return Motion(text.on_character(Place(row, text.column_of(row, count - 1))), goal=count - 1)

    # Lines

    def _down_by(self, count: int) -> int | None:
        """The row so far down (negative: up); None at the end of the text."""
        text = self._vi.text
        row = text.caret.row
        if (count > 0 and row >= text.rows - 1) or (count < 0 and row == 0):
            return None
        return max(0, min(text.rows - 1, row + count))

    def goal(self) -> int:
        """The cell that vertical motions aim at."""
        text = self._vi.text
        goal = self._vi.editor.cursor.goal
        if goal is not None:
            return goal
        caret = text.caret
        if text.at(caret) == "\t" and not self._vi.mode.startswith("visual"):
            return text.cell(text.right(caret)) - 1
        return text.cell(caret)

    def _vertical(self, count: int) -> Motion | None:
        row = self._down_by(count)
        if row is None:
            return None
        goal = self.goal()
        text = self._vi.text
        column = text.column_of(row, goal)
        if not self._vi.mode.startswith("visual"):
            column = text.on_character(Place(row, column)).column
        elif goal < END_OF_LINE:
            column = min(column, max(0, len(text.line(row)) - 1))
        return Motion(Place(row, column), lines=True, goal=goal)

    def _down(self, count: int, operator: str) -> Motion | None:
        return self._vertical(count)

    def _up(self, count: int, operator: str) -> Motion | None:
        return self._vertical(-count)

    def _line_by(self, count: int) -> Motion | None:
        row = self._down_by(count)
        return None if row is None else Motion(Place(row, self._vi.text.indent(row)), lines=True)

    def _line_down(self, count: int, operator: str) -> Motion | None:
        return self._line_by(count)

    def _line_up(self, count: int, operator: str) -> Motion | None:
        return self._line_by(-count)

    def _this_line(self, count: int, operator: str) -> Motion | None:
        return self._line_by(count - 1)

    def _to_line(self, row: int) -> Motion:
        row = max(0, min(self._vi.text.rows - 1, row))
        return Motion(Place(row, self._vi.text.indent(row)), lines=True, jump=True)

    def _first_line(self, count: int, operator: str) -> Motion | None:
        return self._to_line((self._vi.count or 1) - 1)

    def _last_line(self, count: int, operator: str) -> Motion | None:
        return self._to_line((self._vi.count or self._vi.text.rows) - 1)

    def _on_screen(self, where: str, count: int) -> Motion:
        text, view = self._vi.text, self._vi.editor.view
        rows = [row for row, _ in view.rows() if row < text.rows] or [text.caret.row]
        first, last = rows[0], rows[-1]
        row = {
            "H": min(last, first + count - 1),
            "L": max(first, last - count + 1),
            "M": (first + last) // 2,
        }[where]
        return Motion(Place(row, text.indent(row)), lines=True, jump=True)

    # Words, paragraphs, brackets, marks

    def _paragraph(self, count: int, step: int) -> Motion | None:
        return motions.paragraph(self._vi.text, self._vi.text.caret.row, count, step)

    def _sentence(self, count: int, forward: bool) -> Motion | None:
        return sentences.motion(self._vi.text, count, forward, self._vi.mode.startswith("visual"))

    def _percent(self, count: int, operator: str) -> Motion | None:
        if self._vi.count:
            row = (min(100, self._vi.count) * self._vi.text.rows + 99) // 100 - 1
            return self._to_line(row)
        return motions.bracket(self._vi.text)

    def _change(self, sign: str) -> Motion:
        """To the next (`]c`) or previous change of the text, which is not saved or not committed."""
        self._vi.editor.run("next_hunk" if sign == "]" else "previous_hunk")
        return Motion(self._vi.text.caret, jump=True)

    def _bracket(self, keys: str) -> Motion | None:
        if keys not in ("[(", "[{", "])", "]}"):
            return None
        found = motions.unmatched(self._vi.text, self._vi.text.caret, keys[1])
        return None if found is None else Motion(found, inclusive=keys[0] == "]", jump=True, big_delete=True)

    def _mark(self, sign: str, name: str) -> Motion | None:
        vi = self._vi
        place = vi.marks.get(name)
        if place is None:
            raise Failed(f"The mark {name} is not set.")
        row = min(place.row, vi.text.rows - 1)
        jump = name not in "[]<>"
        if sign == "'":
            return Motion(Place(row, vi.text.indent(row)), lines=True, jump=jump)
        place = vi.text.on_character(Place(row, place.column))
        return Motion(place, jump=jump, big_delete=True)

    # Searching

    def _ask_pattern(self, sign: str) -> Reading:
        vi, count = self._vi, self._vi.times
        line = yield from vi.ex.read_line(sign)
        if line is None:
            return None
        source = line[1:]
        source = source[: end_of(source, sign)]
        if source:
            self.use(source)
        if self.pattern is None:
            return None
        self.forward = sign == "/"
        return (yield from self._search(self.forward, count))

    def use(self, source: str) -> None:
        """Search for this pattern from now on."""
        try:
            self.pattern = Pattern(source, self.ignore_case, self.smart_case)
        except BadPattern as problem:
            raise NotFound(f"Not found: {problem}.") from None
        self._hides_matches = False
        self._vi.registers.pattern = source

    @property
    def matches(self) -> Matches | None:
        """What the last search looked for, to be marked in the text; None if it is not to be."""
        if self.pattern is None or self._hides_matches or not self.marks_matches:
            return None
        if self._matches is None or self._matches[0] is not self.pattern:
            self._matches = self.pattern, Matches(self._vi.editor.text_layout, self.pattern.query)
        return self._matches[1]

    def hide_matches(self) -> None:
        """`:noh`: mark no matches until the next search."""
        self._hides_matches = True

    def forget(self) -> None:
        """Forget the matches, since another text is shown."""
        self._matches = None

    def _word_here(self, sign: str) -> Reading:
        text = self._vi.text
        row, column = text.caret
        line = text.line(row)
        while column < len(line) and not _is_word(line[column]):
            column += 1
        if column < len(line):
            while column and _is_word(line[column - 1]):
                column -= 1
            end = column
            while end < len(line) and _is_word(line[end]):
                end += 1
            word = line[column:end]
            source = word if sign[0] == "g" else rf"\<{word}\>"
        else:  # no word here or behind: the other characters here
            column = text.caret.column
            while column < len(line) and line[column] in " \t":
                column += 1
            if column >= len(line):
                return None
            while column and line[column - 1] not in " \t" and not _is_word(line[column - 1]):
                column -= 1
            end = column
            while end < len(line) and line[end] not in " \t" and not _is_word(line[end]):
                end += 1
            source = re.sub(r"([\\/.*$^~\[\]])", r"\\\1", line[column:end])
        self.use(source)
        self.forward = sign[-1] == "*"
        return (yield from self._search(self.forward, self._vi.times, Place(row, column)))

    def _search(self, forward: bool, count: int, start: Place | None = None) -> Reading:
        place = start or self._vi.text.caret
        for _ in range(count):
            found = yield from self.find(place, forward)
            if found is None:
                assert self.pattern is not None
                self._vi.editor.say(f"Not found: {self.pattern.source[:40]}")
                return None
            place = found
        return Motion(place, jump=True, big_delete=True)

    def find(self, place: Place, forward: bool) -> Generator[None, tuple[str, str], Place | None]:
        """The next match behind a place, or the last before it, searched in slices; the search wraps around."""
        assert self.pattern is not None
        vi, text, search = self._vi, self._vi.text, Search(self.pattern)
        row = place.row
        for step in range(text.rows + 1):
            if vi.is_due:
                here = TrackedOffset(vi.editor.session.buffer, text.start(row))
                yield from vi.pause()
                shift = text.place_of(here).row - row
                row, place = row + shift, Place(place.row + shift, place.column)
            if step:
                row = (row + (1 if forward else -1)) % text.rows
            if not self.wraps and step and (row <= place.row) == forward:
                return None
            line = text.line(row)
            starts = [it for it in search.starts(line) if it < len(line) or not it]
            if step == 0:
                starts = [it for it in starts if (it > place.column if forward else it < place.column)]
            if starts:
                return Place(row, starts[0 if forward else -1])
        return None

    # Scrolling

    def _scroll(self, key: str) -> Motion | None:
        vi, text, view = self._vi, self._vi.text, self._vi.editor.view
        height = max(1, view.height)
        if key in ("ctrl+e", "ctrl+y"):
            view.scroll(vi.times if key == "ctrl+e" else -vi.times)
            rows = [row for row, _ in view.rows() if row < text.rows]
            row = text.caret.row
            there = min(max(row, rows[0]), rows[-1]) if rows else row
            goal = self.goal()
            return Motion(text.on_character(Place(there, text.column_of(there, goal))), goal=goal)
        down = key in ("ctrl+d", "ctrl+f")
        if key in ("ctrl+d", "ctrl+u"):
            count = vi.count or max(1, height // 2)
        else:
            count = vi.times * max(1, height - 2)
        there_row = self._down_by(count if down else -count)
        if there_row is None:
            return None
        view.scroll(there_row - text.caret.row)
        return Motion(Place(there_row, text.indent(there_row)), lines=True)

    def scroll_to(self, sign: str) -> None:
        """`zt zz zb` and their kin scroll; `za zo zc zM zR` fold; `z= zg` correct a word, or add it to my dictionary."""
        vi, editor = self._vi, self._vi.editor
        if sign in _COMMANDS_OF_Z:
            editor.run(_COMMANDS_OF_Z[sign])
            return
        if sign not in ("t", "z", "b", "enter", ".", "-"):
            raise Failed(f"z{sign}: vi's command is not supported here; zt zz zb scroll, za zM zR fold.")
        if vi.count:
            vi.text.go(Place(min(vi.text.rows, vi.count) - 1, 0))
        row, section, _ = editor.view.locate(editor.cursor.caret)
        height = editor.view.height
        above = {"t": 0, "enter": 0, "z": (height - 1) // 2, ".": (height - 1) // 2}.get(sign, height - 1)
        editor.view.top = editor.view.raised(editor.view.step(row, section, -above))
        if sign in ("enter", ".", "-"):
            caret = vi.text.caret
            vi.text.go(Place(caret.row, vi.text.indent(caret.row)))
        editor.update()


def _is_word(sign: str) -> bool:
    return sign.isalnum() or sign == "_"


_COMMANDS_OF_Z: Final = {
    "a": "toggle_fold", "o": "toggle_fold", "c": "toggle_fold", "A": "toggle_fold", "M": "fold_all", "R": "unfold_all",
    "=": "correct_word", "g": "add_word",
}  # fmt: skip

_MOTIONS: Final[dict[str, Any]] = {
    "h": MotionKeys._left, "l": MotionKeys._right, " ": MotionKeys._space, "backspace": MotionKeys._backspace,
    "0": MotionKeys._line_start, "^": MotionKeys._text_start, "$": MotionKeys._line_end, "g_": MotionKeys._last_sign,
    "|": MotionKeys._column, "j": MotionKeys._down, "k": MotionKeys._up, "gj": MotionKeys._down, "gk": MotionKeys._up,
    "+": MotionKeys._line_down, "enter": MotionKeys._line_down, "-": MotionKeys._line_up, "_": MotionKeys._this_line,
    "gg": MotionKeys._first_line, "G": MotionKeys._last_line, "%": MotionKeys._percent,
    "{": lambda self, count, operator: self._paragraph(count, -1),
    "}": lambda self, count, operator: self._paragraph(count, 1),
    "(": lambda self, count, operator: self._sentence(count, False),
    ")": lambda self, count, operator: self._sentence(count, True),
    "H": lambda self, count, operator: self._on_screen("H", count),
    "M": lambda self, count, operator: self._on_screen("M", count),
    "L": lambda self, count, operator: self._on_screen("L", count),
}  # fmt: skip
