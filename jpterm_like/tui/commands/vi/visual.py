"""Visual mode: by characters, lines or as a block, and what is done to what it marks."""

from __future__ import annotations

from collections.abc import Generator
from typing import Final, NamedTuple

from crdt.patch import Splice
from jpterm_like.tui.commands.vi import numbers, operators
from jpterm_like.tui.commands.vi.failure import Failed
from jpterm_like.tui.commands.vi.host import Vi
from jpterm_like.tui.commands.vi.key_notation import Key
from jpterm_like.tui.commands.vi.motions import END_OF_LINE
from jpterm_like.tui.commands.vi.normal import COMMANDS, SWALLOWS
from jpterm_like.tui.commands.vi.operators import Range
from jpterm_like.tui.commands.vi.text import Place
from jpterm_like.tui.text.cursors import TrackedOffset


class Region(NamedTuple):
    """The size of what was marked, for `.` and a count before `v`."""

    mode: str
    rows: int
    columns: int
    """Of the last row; in a block, cells. END_OF_LINE: to the end."""


class Block(NamedTuple):
    """Where an insertion into the first row of a block is repeated."""

    rows: range
    place: TrackedOffset
    cell: int
    pads: bool
    """Whether shorter lines are filled up with blanks, as `A` does; else they are left alone."""
    to_end: bool
    home: int | None
    """The column of the first row that the caret goes back to, as after I and A; None: it stays."""


_MODES: Final = {"v": "visual", "V": "visual line", "ctrl+v": "visual block"}
_SHORT: Final = {
    "x": "d", "delete": "d", "s": "c", "u": "gu", "U": "gU", "~": "g~", "g~": "g~", "gu": "gu", "gU": "gU",
    "S": "R", "backspace": "h",
}  # fmt: skip


class Visual:
    """The marked range: its anchor follows the text, its other end is the caret."""

    def __init__(self, vi: Vi) -> None:
        self._vi = vi
        self._anchor: TrackedOffset | None = None
        self._to_end = False
        self._former: tuple[str, TrackedOffset, TrackedOffset, bool] | None = None
        self._block: Block | None = None
        self._region: Region | None = None

    @property
    def anchor(self) -> Place:
        assert self._anchor is not None
        return self._vi.text.place_of(self._anchor)

    @property
    def selection(self) -> tuple[Place, Place]:
        return self.anchor, self._vi.text.caret

    @property
    def region(self) -> Region:
        first, last = sorted(self.selection)
        rows = last.row - first.row + 1
        if self._vi.mode == "visual block":
            span = self.span()
            columns = END_OF_LINE if self._to_end else span.high - span.low + 1
        elif self._to_end:
            columns = END_OF_LINE
        else:
            columns = last.column - (first.column if rows == 1 else 0) + 1
        return Region(self._vi.mode, rows, columns)

    def forget(self) -> None:
        """Forget all places, since another text is shown."""
        self._anchor = self._former = self._block = None

    def start(self, mode: str, count: int | None = None) -> None:
        vi = self._vi
        self._anchor = vi.text.track(vi.text.caret)
        goal = vi.editor.cursor.goal
        self._to_end = mode == "visual block" and goal == END_OF_LINE
        vi.set_mode(mode)
        if count and self._region is not None:
            self.take(self._region._replace(mode=mode))
            return
        if count:
            self.take(Region(mode, count if mode == "visual line" else 1, count))
            return
        self.show(vi.text.caret, goal if self._to_end else None)

    def take(self, region: Region) -> None:
        """Mark a range of this size from the caret on."""
        vi, text = self._vi, self._vi.text
        caret = text.caret
        vi.set_mode(region.mode)
        self._anchor = text.track(caret)
        row = min(text.rows - 1, caret.row + region.rows - 1)
        self._to_end = region.columns >= END_OF_LINE
        length = len(text.line(row))
        if region.mode == "visual block":
            column = (
                text.column_of(row, text.cell(caret) + region.columns - 1) if not self._to_end else length
            )
        elif region.rows == 1:
            column = caret.column + region.columns - 1
        else:
            column = region.columns - 1
        self.show(Place(row, max(0, min(column, length if self._to_end else length - 1))))

    def again(self) -> bool:
        """Mark what was marked last."""
        if self._former is None:
            return False
        mode, anchor, caret, to_end = self._former
        text = self._vi.text
        self._vi.set_mode(mode)
        self._anchor = text.track(text.place_of(anchor))
        self._to_end = to_end
        self.show(text.place_of(caret))
        return True

    def show(self, caret: Place, goal: int | None = None) -> None:
        """Move the caret, and show what is marked as the editor's selection; the character under the caret belongs to it."""
        vi = self._vi
        vi.editor.cursor.put(vi.text.offset(caret), vi.text.offset(self.anchor), goal)
        vi.editor.finish()

    def leave(self) -> None:
        """End visual mode, and remember what was marked."""
        vi = self._vi
        if self._anchor is None:
            vi.set_mode("normal")
            return
        first, last = sorted(self.selection)
        self._region = self.region
        self._former = (
            vi.mode,
            vi.text.track(self.anchor),
            vi.text.track(vi.text.caret),
            self._to_end,
        )
        vi.marks.set("<", first if vi.mode != "visual line" else Place(first.row, 0))
        end = last if vi.mode != "visual line" else Place(last.row, max(0, len(vi.text.line(last.row)) - 1))
        vi.marks.set(">", end)
        vi.set_mode("normal")
        vi.text.go(vi.text.caret)

    def span(self) -> Range:
        """What is marked."""
        text = self._vi.text
        first, last = sorted(self.selection)
        if self._vi.mode == "visual line":
            return Range(Place(first.row, 0), Place(last.row, len(text.line(last.row))), "line", big=True)
        if self._vi.mode == "visual block":
            cells = []
            for place in (first, last):
                low = text.cell(place)
                right = text.right(place)
                cells.append((low, max(low, text.cell(right) - 1)))
            low, high = min(it[0] for it in cells), max(it[1] for it in cells)
            start = Place(first.row, text.column_of(first.row, low))
            return Range(start, last, "block", low, END_OF_LINE if self._to_end else high, big=False)
        end = text.right(last) if last.column < len(text.line(last.row)) else last
        if last.column >= len(text.line(last.row)) and last.row + 1 < text.rows:
            end = Place(last.row + 1, 0)  # behind the last character: with the newline
        return Range(first, end)

    def ranges(self, first: int, last: int) -> list[tuple[int, int]]:
        """What is marked in some rows, as ranges of offsets: in a block, one for each row."""
        text, span = self._vi.text, self.span()
        if span.kind == "char":
            return [(text.offset(span.start), text.offset(span.end))]
        if span.kind == "line":
            return [(text.start(span.start.row), text.offset(span.end) + 1)]
        return [
            (text.start(row) + low, text.start(row) + high)
            for row in span.rows[max(0, first - span.start.row) : max(0, last + 1 - span.start.row)]
            for low, high in [operators.columns(text, span, row)]
        ]

    # Commands

    def command(self, sign: str) -> Generator[None, Key, str]:
        """Do a command of visual mode; what it returns: see `Vi._normal`."""
        vi = self._vi
        if sign == "g":
            sign += yield from vi.next_key()
        if sign in _MODES:
            if vi.mode == _MODES[sign]:
                self.leave()
            else:
                vi.set_mode(_MODES[sign])
                self.show(vi.text.caret)
            return ""
        if sign in ("o", "O"):
            anchor, caret = self.selection
            if sign == "O" and vi.mode == "visual block":
                line = vi.text.line
                self._anchor = vi.text.track(Place(anchor.row, min(caret.column, len(line(anchor.row)))))
                self.show(Place(caret.row, min(anchor.column, len(line(caret.row)))))
            else:
                self._anchor = vi.text.track(caret)
                self.show(anchor)
            return ""
        if sign == "gv":
            former = self._former
            mode, (anchor, caret), to_end = vi.mode, self.selection, self._to_end
            if former is not None and self.again():
                self._former = (mode, vi.text.track(anchor), vi.text.track(caret), to_end)
            return ""
        if sign == ":":
            self.leave()
            yield from vi.ex.command_line(":'<,'>")
            return ""
        if sign in ("ctrl+c", "ctrl+left_square_bracket"):
            self.leave()
            return ""
        if (
            (sign in ("I", "A") and vi.mode == "visual block")
            or sign == "r"
            or sign in _DOES
            or sign in _SHORT
        ):
            return (yield from self._change(sign))
        if sign in ("z", "m", "q", "@", "ctrl+z"):
            yield from COMMANDS[sign](vi)
            return ""
        motion = yield from vi.motions.read(sign, "")
        if motion is False:
            if sign in SWALLOWS:
                yield from vi.next_key()
            raise Failed(f"{sign}: not supported in visual mode.")
        if motion:
            self._to_end = motion.goal == END_OF_LINE and sign in ("$", "j", "k", "end", "up", "down")
            if motion.jump and motion.start is None:
                vi.marks.jump()
            if motion.start is not None:
                if motion.lines:
                    vi.set_mode("visual line")
                elif vi.mode == "visual line":
                    vi.set_mode("visual")
                self._anchor = vi.text.track(motion.start)
                if not motion.inclusive and not motion.lines:
                    motion = motion._replace(to=vi.text.left(motion.to) if motion.to.column else motion.to)
            self.show(motion.to, motion.goal)
        return ""

    def _change(self, sign: str) -> Generator[None, Key, str]:
        vi, text = self._vi, self._vi.text
        name = _SHORT.get(sign, sign)
        if name not in ("y", "Y", "h"):
            vi.require_writing()
        letter = ""
        if name == "r":
            letter = yield from vi.next_key()
        block = vi.mode == "visual block"
        if name == "X":  # as D, but in a block only what is marked
            name = "d" if block else "D"
        if name == "R" or (name in ("D", "C", "Y") and not block):
            vi.set_mode("visual line")
        elif name in ("D", "C"):
            self._to_end = True
        span, first = self.span(), min(self.selection)
        self.leave()
        register = vi.register
        vi.undo_carets.start_at(span.start)
        if name in ("p", "P"):
            self._put(span, name)
        elif name == "r":
            self._replace(span, letter)
        elif name in ("I", "A"):
            self._insert(span, name == "A")
        elif name in ("ctrl+a", "ctrl+x", "gctrl+a", "gctrl+x"):
            self._add(span, (1 if name.endswith("a") else -1) * (vi.count or 1), name[0] == "g")
        elif name in ("c", "C", "R") and span.kind == "block":
            operators.delete(text, vi.registers, span, register)
            self._insert(span, behind=False, after_change=True)
        else:
            operator = {"D": "d", "Y": "y", "R": "c", "C": "c"}.get(name, name)
            if operator in ("d", "c") and span.kind == "char":
                span = span._replace(big=False)
            yield from vi.operate(operator, span, register, vi.times)
            if operator in ("gu", "gU", "g~") and span.kind == "line":
                text.go(first if len(span.rows) > 1 else Place(first.row, 0))
        return "" if name in ("y", "Y") else "visual"

    def _put(self, span: Range, name: str) -> None:
        """Put a register in the place of what was marked; with P, what is deleted goes into none."""
        vi, text = self._vi, self._vi.text
        found = vi.registers.get(vi.register)
        if found is None:
            raise Failed("There is nothing in this register.")
        if (len(found.text) + 1) * vi.times > operators.PUT_MAX:
            raise Failed("That would be too much text.")
        is_all = span.kind == "line" and len(span.rows) == text.rows
        at = operators.delete(text, vi.registers, span, "_" if name == "P" else "")
        # Behind the caret, if that had to step back since the end of the line or text is gone.
        before = at.row >= span.start.row and (span.kind == "line" or at.column >= span.start.column)
        if span.kind == "line":
            found = found._replace(kind="line")
        elif found.kind == "line" and span.kind == "char":
            text.replace(span.start, span.start, "\n")
            at, before = Place(span.start.row, 0), False
        elif found.kind == "line" and name == "p":
            at, before = Place(span.end.row, 0), False
        elif span.kind == "block" and found.kind == "char" and len(found.lines) == 1:
            text.go(self._put_in_rows(span.rows, at if before else text.right(at), found.text * vi.times))
            return
        put = operators.put(text, found, before, vi.times, False, at)
        assert put is not None
        if is_all:  # of all lines an empty one was left
            text.delete_rows(text.rows - 1, text.rows - 1)
        text.go(put[0])

    def _put_in_rows(self, rows: range, place: Place, put: str) -> Place:
        """Put the same text into each row that reaches so far, and return the place of its last character in the first one."""
        text, cell = self._vi.text, self._vi.text.cell(place)
        for row in reversed(rows):
            end = Place(row, len(text.line(row)))
            if text.cell(end) >= cell:
                there = Place(row, text.column_of(row, cell))
                text.replace(there, there, put)
        return text.on_character(Place(place.row, place.column + max(0, len(put) - 1)))

    def _replace(self, span: Range, letter: str) -> None:
        text = self._vi.text
        if len(letter) != 1 or not letter.isprintable():
            return
        for row in span.rows:
            low, high = operators.columns(text, span, row)
            start, end = Place(row, low), Place(row, high)
            before, count, behind = 0, high - low, 0
            if (
                span.kind == "block" and count
            ):  # as many as there are cells: a tab or a wide character has several
                left, right = text.cell(start), text.cell(end)
                before, behind = max(0, span.low - left), max(0, right - span.high - 1)
                count = right - left - before - behind
            text.replace(start, end, " " * before + letter * count + " " * behind)
        text.go(text.on_character(Place(span.start.row, 0 if span.kind == "line" else span.start.column)))

    def _add(self, span: Range, amount: int, grows: bool) -> None:
        text, step = self._vi.text, amount
        for row in span.rows:
            low, high = operators.columns(text, span, row)
            if numbers.add_in(text, row, low, high, step) and grows:
                step += amount
        text.go(text.on_character(Place(span.start.row, 0 if span.kind == "line" else span.start.column)))

    def _insert(self, span: Range, behind: bool, after_change: bool = False) -> None:
        """Insert into the first row of a block; `finish_block` does the same in the others."""
        text, row = self._vi.text, span.start.row
        cell = span.low
        if behind and span.high < END_OF_LINE:
            cell = span.high + 1
        to_end = span.high >= END_OF_LINE and (behind or after_change)
        line = text.line(row)
        column = len(line) if to_end else text.column_of(row, cell)
        if behind and not to_end and (gap := cell - text.cell(Place(row, len(line)))) > 0:
            end = Place(row, len(line))
            text.replace(end, end, " " * gap)
            column = len(line) + gap
        place = Place(row, column)
        self._vi.insert(place)
        self._block = Block(
            range(row + 1, span.end.row + 1),
            TrackedOffset(self._vi.editor.session.buffer, text.offset(place)),
            cell,
            behind,
            to_end,
            None if after_change else text.column_of(row, span.low),
        )

    def finish_block(self, inserted: object) -> None:
        """Repeat what was inserted into the first row of a block in its other rows."""
        block, self._block = self._block, None
        if block is None:
            return
        text = self._vi.text
        start, end = text.place_of(block.place), text.caret
        if start.row != end.row or end <= start:
            return
        put = text.slice(start, end)
        splices: list[Splice] = []
        for row in block.rows:
            if row >= text.rows:
                break
            line = text.line(row)
            width = text.cell(Place(row, len(line)))
            column = len(line) if block.to_end else text.column_of(row, block.cell)
            gap = 0
            if not block.to_end and width <= block.cell:
                if not block.pads and (width < block.cell or not line):
                    continue
                gap = block.cell - width
            offset = text.start(row) + column
            splices.append(Splice(offset, offset, " " * max(0, gap) + put))
        if splices:
            text.edit_all(splices)
        if block.home is not None:
            text.go(Place(start.row, block.home + 1))


_DOES: Final = {
    "d", "c", "y", ">", "<", "J", "gJ", "p", "P", "Y", "C", "R", "D", "!", "gq", "gw", "X", "ctrl+a", "ctrl+x", "gctrl+a", "gctrl+x",
}  # fmt: skip
