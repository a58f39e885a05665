"""Operators: delete, copy, indent, change case, join, put in. Each works on a range and moves the caret as Vim does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from crdt.patch import Splice
from jpterm_like.tui.commands.bulk_edit import LineEdit
from jpterm_like.tui.commands.lines import (
    CASE_BY_WORDS_ROWS,
    JOINED_MAX,
    case_edits,
    indent_of,
    one_indent,
)
from jpterm_like.tui.commands.vi.failure import Failed
from jpterm_like.tui.commands.vi.motions import END_OF_LINE, Motion
from jpterm_like.tui.commands.vi.registers import Register, Registers
from jpterm_like.tui.commands.vi.text import Place, Text
from jpterm_like.tui.text.cursors import TrackedOffset
from jpterm_like.tui.text.minimal_edits import PIECE

PUT_MAX: Final = 10_000_000
"""The most code points that a count before `p` may put in."""


class Range(NamedTuple):
    """What an operator works on: from a place to another one, which is not included."""

    start: Place
    end: Place
    kind: Literal["char", "line", "block"] = "char"
    low: int = 0
    """Of a block, the first cell."""
    high: int = 0
    """Of a block, the last cell; END_OF_LINE: each line to its end."""
    big: bool = False
    """Whether what is deleted goes to register 1, however short it is."""

    @property
    def rows(self) -> range:
        return range(self.start.row, self.end.row + 1)


def resolve(text: Text, motion: Motion, operator: str) -> Range:
    """The range of a motion from the caret, with Vim's exceptions (`:help exclusive`, `:help d-special`)."""
    start, end = motion.start or text.caret, motion.to
    if end < start:
        start, end = end, start
    if motion.lines:
        return Range(Place(start.row, start.column), end, "line", big=True)
    kind: Literal["char", "line"] = "char"
    inclusive = motion.inclusive
    if not inclusive and end.column == 0 and end.row > start.row:
        row = end.row - 1
        length = len(text.line(row))
        if not text.line(start.row)[: start.column].strip(" \t"):
            kind, end = "line", Place(row, length)
        else:
            end = Place(row, length)
            inclusive = False
    if inclusive:
        end = text.right(end) if end.column < len(text.line(end.row)) else end
    if (
        kind == "char"
        and operator == "d"
        and end.row > start.row
        and not text.line(end.row)[end.column :].strip(" \t")
        and not text.line(start.row)[: start.column].strip(" \t")
    ):
        kind = "line"
    return Range(start, end, kind, big=motion.big_delete)


def register_of(text: Text, span: Range) -> Register:
    """The text of a range, as a register keeps it."""
    if span.kind == "line":
        end = Place(span.end.row, len(text.line(span.end.row)))
        return Register(tuple(text.slice(Place(span.start.row, 0), end).split("\n")), "line")
    if span.kind == "block":
        pieces = tuple(text.line(row)[slice(*columns(text, span, row))] for row in span.rows)
        return Register(pieces, "block", 0 if span.high >= END_OF_LINE else span.high - span.low + 1)
    return Register(tuple(text.slice(span.start, span.end).split("\n")))


def columns(text: Text, span: Range, row: int) -> tuple[int, int]:
    """The columns of a row that a range covers."""
    length = len(text.line(row))
    if span.kind == "line":
        return 0, length
    if span.kind == "char":
        return (
            span.start.column if row == span.start.row else 0,
            span.end.column if row == span.end.row else length,
        )
    cells = text.editor.text_layout.cells(row)
    low = cells.column(span.low)
    if span.high >= END_OF_LINE:
        return low, length
    high = cells.column(span.high)
    return low, length if high >= length else max(low, cells.after(high))


def yank(text: Text, registers: Registers, span: Range, register: str) -> None:
    registers.yank(register, register_of(text, span))


def delete(text: Text, registers: Registers, span: Range, register: str, visual: bool = False) -> Place:
    """Delete a range, and return where the caret goes."""
    if span.kind == "char" and span.start == span.end:
        return span.start
    registers.delete(register, register_of(text, span), span.big or span.kind == "line")
    if span.kind == "line":
        text.delete_rows(span.start.row, span.end.row)
        row = min(span.start.row, text.rows - 1)
        return Place(row, text.indent(row))
    if span.kind == "block":
        for row in reversed(span.rows):
            low, high = columns(text, span, row)
            text.replace(Place(row, low), Place(row, high), "")
        return text.on_character(Place(span.start.row, text.column_of(span.start.row, span.low)))
    text.replace(span.start, span.end, "")
    return text.on_character(span.start)


def change(text: Text, registers: Registers, span: Range, register: str) -> Place:
    """Delete a range for an insertion, and return where that begins."""
    if span.kind != "line":
        if span.start != span.end:
            registers.delete(register, register_of(text, span), span.big)
            text.replace(span.start, span.end, "")
        return span.start
    registers.delete(register, register_of(text, span), True)
    row, last = span.start.row, span.end.row
    line = text.line(row)
    keep = len(indent_of(line)) if text.editor.auto_indent else 0
    text.replace(Place(row, keep), Place(last, len(text.line(last))), "")
    return Place(row, keep)


def shift(text: Text, rows: range, levels: int) -> Iterator[object]:
    """Indent lines by some levels, in slices; negative: less. Empty lines stay empty."""
    unit = one_indent(text.editor)
    tab = text.editor.text_layout.tab_width
    width = tab if unit == "\t" else len(unit)

    def edits(row: int) -> list[LineEdit]:
        line = text.line(row)
        if not line:
            return []
        text.changed = True  # also where the indentation is as it is to be
        blank = len(indent_of(line))
        cells = max(0, len(line[:blank].expandtabs(tab)) + levels * width)
        indent = "\t" * (cells // tab) + " " * (cells % tab) if unit == "\t" else " " * cells
        return [] if indent == line[:blank] else [(0, blank, indent)]

    return text.edit_rows(rows[0], rows[-1], edits)


def wrap(text: Text, rows: range) -> Place:
    """Hard-wrap the paragraphs in some rows, and return the start of the last one.

    Raises:
        Failed: there are too many, or none in this language.
    """
    from jpterm_like.tui.commands.prose import CannotWrap, wrapping

    end = TrackedOffset(text.editor.session.buffer, text.offset(Place(rows[-1], len(text.line(rows[-1])))))
    try:
        edits = wrapping(text.editor, rows[0], rows[-1])
    except CannotWrap as problem:
        raise Failed(str(problem)) from None
    for edit in reversed(edits):
        text.edit(*edit)
    row = text.place_of(end).row
    return Place(row, text.indent(row))


def change_case(text: Text, span: Range, how: str) -> Iterator[object]:
    """`gu`: lower, `gU`: upper, `g~`: the other, in slices. Character by character, so that others keep their places."""
    turn = {"gu": str.lower, "gU": str.upper, "g~": _swap}[how]
    end = text.track(span.end)

    by_line = len(span.rows) > CASE_BY_WORDS_ROWS

    def edits(row: int) -> Iterator[LineEdit | None]:
        line = text.line(row)
        if span.kind == "char":  # others may write between two slices
            last = text.place_of(end)
            low = span.start.column if row == span.start.row else 0
            column = last.column if row == last.row else len(line)
        else:
            low, column = columns(text, span, row)
        for behind in range(column, low, -PIECE):
            start = max(low, behind - PIECE)
            old = line[start:behind]
            new = "".join([turned if len(turned := turn(sign)) == 1 else sign for sign in old])
            for edit in case_edits(old, new, turn, by_line):
                yield None if edit is None else (start + edit[0], start + edit[1], edit[2])
            if start > low:
                yield None

    return text.edit_rows(span.start.row, span.end.row, edits)


def _swap(sign: str) -> str:
    return sign.lower() if sign.isupper() else sign.upper()


def join(text: Text, row: int, count: int, spaces: bool) -> Place:
    """Join `count` lines from a row on, and return the place where the last one was joined.

    Raises:
        Failed: they are too many.
    """
    if count - 1 > JOINED_MAX:
        raise Failed(f"At most {JOINED_MAX:,} lines can be joined at once.")
    line = text.line(row)
    length, last, column = len(line), line[-1:], 0  # of what is joined so far
    splices: list[Splice] = []
    for each in range(row + 1, row + count):
        following = text.line(each)
        blank = len(indent_of(following)) if spaces else 0
        rest = following[blank:]
        gap = " " if spaces and rest and rest[0] != ")" and last and last not in " \t" else ""
        start = text.start(each)
        splices.append(Splice(start - 1, start + blank, gap))
        column = length
        length += len(gap) + len(rest)
        last = rest[-1:] or last
    text.edit_all(splices)
    return text.on_character(Place(row, column))


def put(
    text: Text, found: Register, before: bool, count: int, behind: bool, at: Place | None = None
) -> tuple[Place, Place, Place] | None:
    """Put a register in at the caret, and return the new caret, start and end; None if that would be too much."""
    if count * (len(found.text) + 1) > PUT_MAX:
        return None
    caret = text.caret if at is None else at
    if found.kind == "line":
        row = caret.row if before else caret.row + 1
        lines = list(found.lines) * count
        text.put_rows(row, "\n".join(lines))
        last = row + len(lines) - 1
        there = Place(row, text.indent(row))
        if behind:
            there = Place(min(last + 1, text.rows - 1), 0) if last + 1 < text.rows else Place(last, 0)
        return there, Place(row, 0), Place(last, max(0, len(text.line(last)) - 1))
    if found.kind == "block":
        return _put_block(text, found, caret, before, count, behind)
    place = caret
    if not before and text.line(caret.row):
        place = text.right(caret)
    content = "\n".join(found.lines) * count
    offset = text.offset(place)
    text.edit(offset, offset, content)
    end = text.place(offset + len(content))
    final = text.place(offset + max(0, len(content) - 1))
    if behind:
        return end, place, final
    return (final if len(found.lines) == 1 and content else place), place, final


def _put_block(
    text: Text, found: Register, caret: Place, before: bool, count: int, behind: bool
) -> tuple[Place, Place, Place]:
    row = caret.row
    line = text.line(row)
    cell = text.cell(caret)
    if not before and line:
        cell = text.cell(text.right(caret))
    width = max(found.width, *map(len, found.lines))
    missing = row + len(found.lines) - text.rows
    if missing > 0:
        text.put_rows(text.rows, "\n" * (missing - 1))
    start = end = Place(row, 0)
    for number, piece in enumerate(found.lines):
        line = text.line(row + number)
        column = text.column_of(row + number, cell)
        at_end = column >= len(line)
        gap = max(0, cell - text.cell(Place(row + number, len(line)))) if at_end else 0
        body = piece.ljust(width) * count
        if at_end:
            body = piece.ljust(width) * (count - 1) + piece
        place = Place(row + number, column)
        text.replace(place, place, " " * gap + body)
        if not number:
            start = Place(row, column + gap)
        end = Place(row + number, max(0, column + gap + len(piece.ljust(width)) * count - 1))
    last = Place(end.row, min(end.column, max(0, len(text.line(end.row)) - 1)))
    return (Place(end.row, min(end.column + 1, len(text.line(end.row)))) if behind else start), start, last
