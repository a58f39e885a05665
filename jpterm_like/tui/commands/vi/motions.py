"""Motions: from the caret to another place, with what an operator does with the way there.

The word motions follow the rules of Vim (textobject.c): they step over characters, an empty line is a word.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from jpterm_like.tui.commands.vi.text import Place, Text

REACH_ROWS: Final = 2_000
"""How many rows around the caret are searched for brackets, paragraphs and sentences."""


class Motion(NamedTuple):
    """Where a motion ends, and the range that an operator takes."""

    to: Place
    lines: bool = False
    """Whether whole lines."""
    inclusive: bool = False
    """Whether the character at the end belongs to it."""
    goal: int | None = None
    """The cell that the next vertical motion aims at; None: the caret's."""
    jump: bool = False
    """Whether it is remembered in the jump list."""
    start: Place | None = None
    """Where the range begins, if not at the caret: a text object."""
    big_delete: bool = False
    """Whether what it deletes goes to register 1, however short."""


END_OF_LINE: Final = 1 << 30
"""The goal of "$": the end of each line."""


class Walker:
    """A place that steps through the text as vi's `inc_cursor` and `dec_cursor`."""

    def __init__(self, text: Text, place: Place, big: bool = False) -> None:
        self.text = text
        self.row, self.column = place
        self.big = big
        self.last = text.rows - 1
        self.line = text.line(self.row)

    @property
    def place(self) -> Place:
        return Place(self.row, self.column)

    def kind(self) -> int:
        """0: blank or the end of a line; else the class of the character."""
        if self.column >= len(self.line):
            return 0
        return kind_of(self.line[self.column], self.big)

    def is_empty(self) -> bool:
        return not self.line

    def forward(self) -> int:
        """0: within the line; 2: onto its end; 1: into the next line; -1: at the end of the text."""
        if self.column < len(self.line):
            self.column += 1
            return 0 if self.column < len(self.line) else 2
        if self.row < self.last:
            self.row, self.column = self.row + 1, 0
            self.line = self.text.line(self.row)
            return 1
        return -1

    def back(self) -> int:
        """0: within the line; 1: onto the end of the line above; -1: at the start of the text."""
        if self.column:
            self.column -= 1
            return 0
        if self.row:
            self.row -= 1
            self.line = self.text.line(self.row)
            self.column = len(self.line)
            return 1
        return -1

    def skip(self, kind: int, forward: bool) -> bool:
        """Skip characters of a kind; True if the text ended."""
        while self.kind() == kind:
            if (self.forward() if forward else self.back()) == -1:
                return True
        return False


def kind_of(sign: str, big: bool) -> int:
    if sign in " \t\xa0\u3000":
        return 0
    if big:
        return 1
    code = ord(sign)
    if code < 0x300:
        return 2 if sign.isalnum() or sign == "_" or code == 0xB5 else 1
    if 0x4E00 <= code <= 0x9FFF:
        return 0x4E00
    if 0x3040 <= code <= 0x309F:
        return 0x3040
    if 0x30A0 <= code <= 0x30FF:
        return 0x30A0
    if 0xAC00 <= code <= 0xD7A3:
        return 0xAC00
    if 0x2000 <= code <= 0x206F or 0x3000 <= code <= 0x303F:
        return 1
    return 3 if code >= 0x1F000 else 2


def word_forward(walker: Walker, count: int, for_operator: bool) -> bool:
    for left in reversed(range(count)):
        kind, on_last = walker.kind(), walker.row == walker.last
        step = walker.forward()
        if step == -1 or (step >= 1 and on_last):
            return False
        if step >= 1 and for_operator and not left:
            return True
        if kind:
            while walker.kind() == kind:
                step = walker.forward()
                if step == -1 or (step >= 1 and for_operator and not left):
                    return True
        while walker.kind() == 0:
            if walker.column == 0 and walker.is_empty():
                break
            step = walker.forward()
            if step == -1 or (step >= 1 and walker.row == walker.last and on_last):
                return True
    return True


def word_back(walker: Walker, count: int, stop: bool = False) -> bool:
    for _ in range(count):
        kind = walker.kind()
        if walker.back() == -1:
            return False
        if not stop or kind == walker.kind() or kind == 0:
            empty = False
            while walker.kind() == 0:
                if walker.column == 0 and walker.is_empty():
                    empty = True
                    break
                if walker.back() == -1:
                    return True
            if empty:
                stop = False
                continue
            if walker.skip(walker.kind(), forward=False):
                return True
        walker.forward()
        stop = False
    return True


def word_end(walker: Walker, count: int, stop: bool = False, empty: bool = False) -> bool:
    for _ in range(count):
        kind = walker.kind()
        if walker.forward() == -1:
            return False
        found_empty = False
        if walker.kind() == kind and kind:
            if walker.skip(kind, forward=True):
                return False
        elif not stop or kind == 0:
            while walker.kind() == 0:
                if empty and walker.column == 0 and walker.is_empty():
                    found_empty = True
                    break
                if walker.forward() == -1:
                    return False
            if not found_empty and walker.skip(walker.kind(), forward=True):
                return False
        if not found_empty:
            walker.back()
        stop = False
    return True


def word_end_back(walker: Walker, count: int, eol: bool = False) -> bool:
    for _ in range(count):
        kind = walker.kind()
        step = walker.back()
        if step == -1:
            return False
        if eol and step == 1:
            return True
        if kind:
            while walker.kind() == kind:
                step = walker.back()
                if step == -1 or (eol and step == 1):
                    return True
        while walker.kind() == 0:
            if walker.column == 0 and walker.is_empty():
                break
            step = walker.back()
            if step == -1 or (eol and step == 1):
                return True
    return True


def word(text: Text, key: str, count: int, operator: str, visual: bool) -> Motion | None:
    """`w W b B e E ge gE`; None: it fails."""
    here = text.caret
    walker = Walker(text, here, key[-1].isupper())
    name = key.lower()
    if name in ("b", "ge"):
        moved = word_back(walker, count) if name == "b" else word_end_back(walker, count)
        if not moved and not visual:
            text.go(walker.place)  # as far as it can; the command fails
            return None
        return Motion(walker.place, inclusive=name == "ge")
    stop = False
    to_end = name == "e"
    if name == "w" and operator == "c" and text.at(here).strip():
        to_end, stop = True, True  # "cw" changes the word and leaves the blanks behind it
    if to_end:
        moved = word_end(walker, count, stop)
    else:
        moved = word_forward(walker, count, bool(operator))
    inclusive = to_end
    behind = walker.place > here and 0 < walker.column >= len(walker.line)
    if behind and not visual:
        walker.column -= 1
        inclusive = True
    if not moved and not operator and not visual:
        # Vim goes as far as it can, and beeps.
        return Motion(walker.place, inclusive=inclusive) if walker.place != here else None
    return Motion(walker.place, inclusive=inclusive)


def paragraph(text: Text, row: int, count: int, step: int) -> Motion | None:
    """`{` and `}`: to the next empty line, or the end of the text."""
    last = text.rows - 1
    for left in reversed(range(count)):
        did_skip = False
        first = True
        while True:
            if text.line(row):
                did_skip = True
            if not first and did_skip and not text.line(row):
                break
            row += step
            if not 0 <= row <= last:
                if left:
                    return None
                row -= step
                break
            first = False
    column = 0
    inclusive = False
    if row == last and (length := len(text.line(row))):
        column, inclusive = length - 1, True
    return Motion(Place(row, column), inclusive=inclusive, jump=True, big_delete=True)


def find_in_line(text: Text, kind: str, letter: str, count: int, again: bool = False) -> Motion | None:
    """`f F t T`; `again` for `;` and `,`: a "t" then passes the letter that it stands in front of."""
    row, column = text.caret
    line = text.line(row)
    forward = kind in "ft"
    at = column
    if again and kind in "tT" and count == 1:
        beside = column + 1 if forward else column - 1
        if 0 <= beside < len(line) and line[beside] == letter:
            at = beside
    for _ in range(count):
        at = line.find(letter, at + 1) if forward else line.rfind(letter, 0, max(0, at))
        if at < 0:
            return None
    if kind in "tT":
        at += -1 if forward else 1
    return Motion(Place(row, at), inclusive=forward)


OPENING: Final = {"(": ")", "[": "]", "{": "}"}
CLOSING: Final = {closing: opening for opening, closing in OPENING.items()}


def bracket(text: Text) -> Motion | None:
    """`%`: to the match of the next bracket in the line."""
    row, column = text.caret
    line = text.line(row)
    while column < len(line) and line[column] not in OPENING and line[column] not in CLOSING:
        column += 1
    if column >= len(line):
        return None
    sign = line[column]
    found = unmatched(text, Place(row, column), OPENING[sign] if sign in OPENING else CLOSING[sign])
    return None if found is None else Motion(found, inclusive=True, jump=True, big_delete=True)


def unmatched(text: Text, place: Place, sign: str) -> Place | None:
    """The bracket around a place that is opened (or closed) by `sign`."""
    forward = sign in CLOSING
    other = CLOSING[sign] if forward else OPENING[sign]
    row, column = place
    column += 1 if forward else -1
    depth = 0
    for _ in range(REACH_ROWS):
        line = text.line(row)
        while 0 <= column < len(line):
            if line[column] == other:
                depth += 1
            elif line[column] == sign:
                if not depth:
                    return Place(row, column)
                depth -= 1
            column += 1 if forward else -1
        row += 1 if forward else -1
        if not 0 <= row < text.rows:
            return None
        column = 0 if forward else len(text.line(row)) - 1
    return None
