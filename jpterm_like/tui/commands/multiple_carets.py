"""Several carets of mine at once: each command of moving and changing is done at every one of them, as one step of undo.

A further caret is a `Cursor` like the first: it has anchors, so what others write moves all of them alike. Commands know
one caret; here they are done for one after the other, from the last in the text to the first.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from jpterm_like.tui.commands.basic import Commands, unify_newlines
from jpterm_like.tui.keymap import BY_ID
from jpterm_like.tui.text.cursors import Cursor

# More carets than this make each key slow, and nobody sees them.
CARETS_MAX = 1_000

# A text is looked through for the next match in pieces of so many code points.
PIECE = 1_000_000

# What is done once, whatever its group.
_ONCE = frozenset(
    (
        *(
            "undo",
            "redo",
            "copy",
            "cut",
            "paste",
            "select_all",
            "deselect",
            "sort_lines",
            "page_up",
            "page_down",
        ),
        *("select_page_up", "select_page_down", "add_next_match", "skip_match", "add_all_matches"),
        *("add_caret_above", "add_caret_below", "carets_at_lines"),
    )
)

# What goes to one place far away leaves one caret.
_GOING = frozenset(
    (
        *("page_up", "page_down", "select_all", "go_to_person", "next_change", "outline", "next_bookmark"),
        *("go_to_line", "last_edit", "matching_bracket", "find", "replace", "find_next", "find_previous"),
    )
)

# What concerns whole lines is done once for each line.
_BY_LINE = frozenset(
    (
        *("toggle_comment", "move_lines_up", "move_lines_down", "duplicate", "delete_lines", "line_below"),
        *("line_above", "join_lines", "outdent"),
    )
)


class Carets(Commands):
    """What a person can do with several carets."""

    _typing: ExitStack | None = None
    """One step of undo for what is typed at several carets without a break."""
    _all: list[Cursor]

    def at_carets(self, command: str, does: Callable[[], None]) -> None:
        """Do a command: at each caret if it is one that moves or changes, else once."""
        self.end_typing()
        if command in _GOING:
            self.drop_carets()
        if (
            not self.extras
            or command in _ONCE
            or BY_ID[command].group not in ("Editing", "Moving", "Selecting")
        ):
            does()
            return
        cursors = self._in_order()
        if command in _BY_LINE:
            rows: dict[int, Cursor] = {}
            for cursor in cursors:
                rows.setdefault(self.sheet.lines.row(cursor.caret), cursor)
            cursors = list(rows.values())
        if command == "move_lines_up":
            cursors.reverse()
        self._at_each(cursors, lambda cursor: does())

    def type(self, text: str) -> None:
        if not self.extras or self.serves_each:
            super().type(text)
            return
        if self._typing is None:
            self._typing = ExitStack()
            self._typing.enter_context(self.session.one_step())
        put = super().type
        self._at_each(self._in_order(), lambda cursor: put(text))
        if text.isspace():
            self.end_typing()

    def paste(self, text: str) -> None:
        """Put in a text at every caret; one with as many lines as there are carets is dealt out to them."""
        if not self.extras:
            super().paste(text)
            return
        cursors = self._in_order()
        text = unify_newlines(text)
        lines = text.removesuffix("\n").split("\n")
        dealt = lines if len(lines) == len(cursors) else [text] * len(cursors)
        texts = dict(zip(map(id, reversed(cursors)), dealt, strict=True))
        self.end_typing()
        self._at_each(cursors, lambda cursor: self._put(*cursor.selection, texts[id(cursor)]))

    def do_copy(self) -> None:
        if not self.extras:
            super().do_copy()
            return
        taken = [self.session.buffer.slice(*cursor.selection) for cursor in reversed(self._in_order())]
        self.to_clipboard("\n".join(taken))

    def do_cut(self) -> None:
        if not self.extras:
            super().do_cut()
        elif self._may_write():
            self.do_copy()
            self._at_each(self._in_order(), lambda cursor: self._put(*cursor.selection, ""))

    def end_typing(self) -> None:
        """What is typed next is another step of undo."""
        typing, self._typing = self._typing, None
        if typing is not None:
            typing.close()

    def drop_carets(self) -> bool:
        """Keep only the first caret; whether there were others."""
        self.end_typing()
        were = bool(self.extras)
        self.extras.clear()
        return were

    def follow_carets(self) -> None:
        """The text has changed."""
        for cursor in self._all or (self.cursor, *self.extras):
            cursor.follow()

    def _in_order(self) -> list[Cursor]:
        """All carets, from the last in the text to the first."""
        return sorted((self.cursor, *self.extras), key=lambda cursor: cursor.caret, reverse=True)

    def _at_each(self, cursors: list[Cursor], does: Callable[[Cursor], None]) -> None:
        first = self.cursor
        self._all = [first, *self.extras]
        self.serves_each = True
        try:
            with self.session.one_step():
                for cursor in cursors:
                    self.cursor = cursor
                    does(cursor)
        finally:
            self.serves_each = False
            self.cursor = first
            self._all = []
        self._merge()
        self._done()

    def _merge(self) -> None:
        """Carets that have come to one place, or whose selections overlap, are one."""
        kept: list[Cursor] = [self.cursor]
        for cursor in self.extras:
            start, end = cursor.selection
            for other in kept:
                low, high = other.selection
                if (start, end) == (low, high) or (start < high and low < end):
                    break
            else:
                kept.append(cursor)
        self.extras[:] = kept[1:]

    # Adding carets

    def _leave_one(self) -> bool:
        """Leave a caret where the first one is, which is about to go on; False if there are too many."""
        if len(self.extras) + 1 >= CARETS_MAX:
            self.say(f"There are {CARETS_MAX:,} carets, which is all there may be.")
            return False
        extra = Cursor(self.sheet)
        extra.put(self.cursor.caret, self.cursor.mark)
        self.extras.append(extra)
        return True

    def do_add_caret_above(self) -> None:
        self._add_vertically(-1)

    def do_add_caret_below(self) -> None:
        self._add_vertically(1)

    def _add_vertically(self, step: int) -> None:
        ends = [self.cursor, *self.extras]
        edge = min(ends, key=lambda c: c.caret) if step < 0 else max(ends, key=lambda c: c.caret)
        row = self.sheet.lines.row(edge.caret)
        if not 0 <= row + step < len(self.sheet.lines):
            return
        cells = self.sheet.cells(row)
        x = cells.x(edge.caret - self.sheet.lines.start(row)) if edge.goal is None else edge.goal
        if edge is self.cursor or self._swap(edge):
            if not self._leave_one():
                return
            start = self.sheet.lines.start(row + step)
            self.session.break_undo()
            self.cursor.put(start + self.sheet.cells(row + step).column(x), None, x)
            self._merge()
            self._done()

    def _swap(self, other: Cursor) -> bool:
        """Make another caret the first one."""
        here, there = (self.cursor.caret, self.cursor.mark), (other.caret, other.mark)
        other.put(*here)
        self.cursor.put(*there)
        return True

    def add_caret(self, offset: int) -> None:
        """One more caret, or one less where there is one."""
        for extra in self.extras:
            if extra.caret == offset:
                self.extras.remove(extra)
                self._done()
                return
        if offset != self.cursor.caret and self._leave_one():
            self.cursor.put(offset)
            self._done()

    def do_carets_at_lines(self) -> None:
        """A caret at the end of each selected line."""
        start, end = self.cursor.selection
        lines = self.sheet.lines
        first, last = lines.row(start), lines.row(end)
        last -= last > first and end == lines.start(last)
        if first == last:
            self.say("Select some lines first.")
            return
        self.drop_carets()
        for row in range(first, min(last, first + CARETS_MAX - 1)):
            extra = Cursor(self.sheet)
            extra.put(lines.span(row)[1])
            self.extras.append(extra)
        self.cursor.put(lines.span(last)[1])
        self._done()

    # Matches of what is selected

    def do_add_next_match(self) -> None:
        """Select the word at the caret; then, each time, also where the same text comes next."""
        if self.cursor.mark is None:
            start, end = self.sheet.word_at(self.cursor.caret)
            if self.session.buffer.slice(start, end).strip():
                self.cursor.put(end, start)
                self._done()
            return
        self._on_to_next(leave=True)

    def do_skip_match(self) -> None:
        """Leave out the match that was added last, and select the next one."""
        if self.cursor.mark is not None:
            self._on_to_next(leave=False)

    def _on_to_next(self, leave: bool) -> None:
        start, end = self.cursor.selection
        wanted = self.session.buffer.slice(start, end)
        taken = {cursor.selection for cursor in (self.cursor, *self.extras)}
        found = self._next_of(wanted, end, taken)
        if found is None:
            self.say("There is no further match.")
        elif not leave or self._leave_one():
            self.session.break_undo()
            self.cursor.put(found + len(wanted), found)
            self._done()

    def do_add_all_matches(self) -> None:
        """Select every place where the selected text, or the word at the caret, stands."""
        if self.cursor.mark is None:
            self.do_add_next_match()
        start, end = self.cursor.selection
        wanted = self.session.buffer.slice(start, end)
        if not wanted:
            return
        taken = {cursor.selection for cursor in (self.cursor, *self.extras)}
        here = end
        while len(self.extras) + 1 < CARETS_MAX and (found := self._next_of(wanted, here, taken)) is not None:
            extra = Cursor(self.sheet)
            extra.put(found + len(wanted), found)
            self.extras.append(extra)
            here = found + len(wanted)
            taken.add((found, here))
        self.say(f"{len(self.extras) + 1:,} carets.")
        self._done()

    def _next_of(self, wanted: str, offset: int, taken: set[tuple[int, int]]) -> int | None:
        """Where a text stands next, from an offset on and then from the start, that is not selected yet."""
        size = len(self.session.buffer)
        for low, high in ((offset, size), (0, min(size, offset + len(wanted) - 1))):
            place = low
            while place < high:
                piece = self.session.buffer.slice(place, min(high, place + PIECE + len(wanted)))
                at = piece.find(wanted)
                while at >= 0:
                    found = place + at
                    if (found, found + len(wanted)) not in taken:
                        return found
                    at = piece.find(wanted, at + 1)
                place += PIECE
        return None
