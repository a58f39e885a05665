"""Changing lines: indentation, comments, moving, copying, joining, sorting, capitals.

Lines that move do so by their neighbour going to the other side: what was moved stays the same text, with the carets
and selections that others have in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from jpterm_like.tui.commands.basic import Commands
from jpterm_like.tui.commands.bulk_edit import Edit
from jpterm_like.tui.syntax.languages import language_of
from jpterm_like.tui.text.cursors import TrackedOffset

# So many lines around the caret tell how this text is indented.
EVIDENCE_ROWS = 100

# What a selection has in common is found out from its first lines.
ROWS_COMPARED = 1_000

# More lines are not joined in one go; it would take more than half a second.
JOINED_MAX = 2_000

_PAIRS = {"(": ")", "[": "]", "{": "}"}


class Reshape(Commands):
    """What a person can do to lines."""

    indent: str
    """How one step is indented: "tabs", "spaces", or "auto", as the lines around and the file's name have it."""
    auto_indent: bool

    # What all of it is made of

    def _rows(self) -> tuple[int, int]:
        """The first and the last row that are selected, or twice the caret's."""
        start, end = self.cursor.selection
        first, last = self.sheet.lines.row(start), self.sheet.lines.row(end)
        if last > first and end == self.sheet.lines.start(last):
            last -= 1
        return first, last

    def _block(self) -> tuple[int, int]:
        """The offsets of those rows, without the last newline."""
        first, last = self._rows()
        return self.sheet.lines.start(first), self.sheet.lines.span(last)[1]

    def _change(self, edits: Sequence[tuple[int, int, str]], caret: int, mark: int | None = None) -> None:
        """Make some changes, each in offsets of the text as it then is, as one step of undo, and go to a place."""
        if not self._may_write():
            return
        self._busy = True
        try:
            with self.session.one_step():
                for start, end, text in edits:
                    self.session.replace(start, end, text)
        finally:
            self._busy = False
        snap = self.sheet.snap
        self.cursor.put(snap(caret), None if mark is None else snap(mark))
        self.note_edit(self.cursor.caret)
        self._done()

    def _sweep_rows(self, edits_of: Callable[[str], Iterable[Edit]]) -> None:
        """Change each selected row; what was selected from the start of a line on stays so."""
        if not self._may_write():
            return
        first, last = self._rows()
        lines = self.sheet.lines
        place = TrackedOffset(self.session.buffer, lines.start(first))
        whole = self.cursor.mark is not None and self.cursor.selection[0] == place.offset

        def done(changes: int) -> None:
            if whole and self.cursor.mark is not None:
                place.follow()
                start, end = self.cursor.selection
                start = min(start, lines.start(lines.row(place.offset)))
                backwards = self.cursor.caret < self.cursor.mark
                self.cursor.put(*((start, end) if backwards else (end, start)))
                self._done()

        self.sweep(first, last, lambda row: edits_of(self.sheet.line(row)), done)

    def _indent_of(self, line: str) -> str:
        return line[: len(line) - len(line.lstrip(" \t"))]

    def _one_indent(self) -> str:
        """What indents by one step here."""
        blanks = " " * self.sheet.tab_width
        if self.indent != "auto":
            return "\t" if self.indent == "tabs" else blanks
        row = self.sheet.lines.row(self.cursor.caret)
        for distance in range(EVIDENCE_ROWS):
            for near in {row - distance, row + distance}:
                if 0 <= near < len(self.sheet.lines) and (indent := self._indent_of(self.sheet.line(near))):
                    if indent[0] == "\t":
                        return "\t"
                    if len(indent) > 1 and near != row:
                        return blanks
        language = language_of(self.session.title)
        return " " * language.indent if language.indent else "\t"

    # Indentation

    def do_newline(self) -> None:
        start, end = self.cursor.selection
        row, column = self.sheet.lines.place(start)
        line = self.sheet.line(row)
        if not self.auto_indent or not line:
            self.type("\n")
            return
        indent = self._indent_of(line)[:column]
        before = line[:column].rstrip()
        if not before and column == len(line) and start == end:
            self._put(start - column, end, "\n" + indent)  # no blanks are left behind in an empty line
            return
        opens = before[-1:] in _PAIRS or (
            before[-1:] == ":" and language_of(self.session.title).colon_indents
        )
        step = self._one_indent() if opens else ""
        if opens and start == end and line[column : column + 1] == _PAIRS.get(before[-1:], "\n"):
            caret = start + 1 + len(indent) + len(step)
            self._change([(start, start, f"\n{indent}{step}\n{indent}")], caret)
        else:
            self.type("\n" + indent + step)

    def do_tab(self) -> None:
        """Indent the selected lines; with nothing selected go to the next stop."""
        if self.cursor.mark is not None:
            step = self._one_indent()
            self._sweep_rows(lambda line: [(0, 0, step)] if line.strip() else [])
            return
        step = self._one_indent()
        if step != "\t":
            row, column = self.sheet.lines.place(self.cursor.caret)
            step = step[self.sheet.cells(row).x(column) % len(step) :]
        self.type(step)

    def do_outdent(self) -> None:
        step = self._one_indent()
        width = len(step) if step != "\t" else self.sheet.tab_width

        def edits(line: str) -> list[Edit]:
            if line.startswith("\t"):
                return [(0, 1, "")]
            blanks = min(width, len(line) - len(line.lstrip(" ")))
            return [(0, blanks, "")] if blanks else []

        self._sweep_rows(edits)

    def do_delete_left(self) -> None:
        """In front of a line's text one step of indentation goes, elsewhere one character."""
        start, end = self.cursor.selection
        row, column = self.sheet.lines.place(start)
        blanks = self.sheet.line(row)[:column]
        if start == end and column > 1 and blanks == " " * column:
            step = self._one_indent()
            width = len(step) if step != "\t" else self.sheet.tab_width
            self._put(start - ((column - 1) % width + 1), start, "")
        else:
            super().do_delete_left()

    # Comments

    def do_toggle_comment(self) -> None:
        language = language_of(self.session.title)
        first, last = self._rows()
        line = self.sheet.line
        some = [
            text for row in range(first, min(last + 1, first + ROWS_COMPARED)) if (text := line(row)).strip()
        ]
        begin, end = language.comment, language.comment_end
        if some and all(text.lstrip().startswith(begin) for text in some):
            self._sweep_rows(lambda text: _uncommented(text, begin, end))
        else:
            depth = min((len(self._indent_of(text)) for text in some), default=0)
            self._sweep_rows(lambda text: _commented(text, begin, end, depth))

    # Lines as a whole

    def do_move_lines_up(self) -> None:
        first, last = self._rows()
        if first == 0:
            return
        lines = self.sheet.lines
        above, start = lines.start(first - 1), lines.start(first)
        text = self.sheet.line(first - 1)
        end = lines.span(last)[1]
        insert = (end, end, "\n" + text) if last + 1 == len(lines) else (end + 1, end + 1, text + "\n")
        mark = self.cursor.mark
        shift = start - above
        self._change(
            [insert, (above, start, "")], self.cursor.caret - shift, None if mark is None else mark - shift
        )

    def do_move_lines_down(self) -> None:
        first, last = self._rows()
        lines = self.sheet.lines
        if last + 1 == len(lines):
            return
        text = self.sheet.line(last + 1)
        start, end = lines.start(first), lines.span(last)[1]
        below = lines.span(last + 1)[1]
        mark = self.cursor.mark
        shift = len(text) + 1
        self._change(
            [(end, below, ""), (start, start, text + "\n")],
            self.cursor.caret + shift,
            None if mark is None else min(mark + shift, lines.size),
        )

    def do_duplicate(self) -> None:
        """Copy the selection behind itself, or the line below itself; go on in the copy."""
        start, end = self.cursor.selection
        caret, mark = self.cursor.caret, self.cursor.mark
        if mark is None:
            row = self.sheet.lines.row(caret)
            text = "\n" + self.sheet.line(row)
            at = self.sheet.lines.span(row)[1]
        else:
            text = self.session.buffer.slice(start, end)
            at = end
        shift = len(text)
        self._change([(at, at, text)], caret + shift, None if mark is None else mark + shift)

    def do_delete_lines(self) -> None:
        first, last = self._rows()
        lines = self.sheet.lines
        start, end = lines.start(first), lines.span(last)[1]
        column = self.cursor.selection[0] - start
        if last + 1 < len(lines):
            end += 1
        elif first:
            start -= 1
        # The caret keeps its column, in the line that comes to stand there.
        if last + 1 < len(lines):
            caret = start + min(column, lines.length(last + 1))
        elif first:
            caret = lines.start(first - 1) + min(column, lines.length(first - 1))
        else:
            caret = 0
        self._change([(start, end, "")], caret)

    def do_line_below(self) -> None:
        row = self.sheet.lines.row(self.cursor.caret)
        text = "\n" + (self._indent_of(self.sheet.line(row)) if self.auto_indent else "")
        at = self.sheet.lines.span(row)[1]
        self._change([(at, at, text)], at + len(text))

    def do_line_above(self) -> None:
        row = self.sheet.lines.row(self.cursor.caret)
        indent = self._indent_of(self.sheet.line(row)) if self.auto_indent else ""
        at = self.sheet.lines.start(row)
        self._change([(at, at, indent + "\n")], at + len(indent))

    def do_join_lines(self) -> None:
        """Make one line of the selected ones, or of this and the next."""
        first, last = self._rows()
        last = min(max(last, first + 1), len(self.sheet.lines) - 1)
        if last - first > JOINED_MAX:
            self.say(f"Only {JOINED_MAX:,} lines are joined at once.")
            return
        if last == first:
            return
        edits = []
        for row in range(last, first, -1):
            before, text = self.sheet.line(row - 1), self.sheet.line(row)
            start = self.sheet.lines.start(row)
            gap = " " if before.strip() and text.strip() and not before[-1:].isspace() else ""
            edits.append((start - 1, start + len(self._indent_of(text)), gap))
        # The caret goes to the last seam.
        start, end, gap = edits[0]
        shift = sum(len(text) - (high - low) for low, high, text in edits)
        self._change(edits, end + shift)

    def do_sort_lines(self) -> None:
        start, end = self._block()
        if "\n" not in (text := self.session.buffer.slice(start, end)):
            self.say("Select the lines that are to be sorted.")
            return
        ordered = "\n".join(sorted(text.split("\n"), key=lambda line: (line.casefold(), line)))
        if ordered == text:
            self.say("These lines are in order.")
        else:
            self._change([(start, end, ordered)], end, start)

    def do_upper(self) -> None:
        self._recase(upper=True)

    def do_lower(self) -> None:
        self._recase(upper=False)

    def _recase(self, upper: bool) -> None:
        """In the selection, or in the word at the caret."""
        start, end = self.cursor.selection
        selected = end > start
        if not selected:
            start, end = self.sheet.word_at(start)
        old = self.session.buffer.slice(start, end)
        text = old.upper() if upper else old.lower()
        if text != old:
            stop = start + len(text)
            caret = min(self.cursor.caret, stop)
            self._change([(start, end, text)], stop if selected else caret, start if selected else None)


def _commented(line: str, begin: str, end: str, depth: int) -> Iterable[Edit]:
    if line.strip():
        if end:
            yield len(line), len(line), f" {end}"
        yield depth, depth, f"{begin} "


def _uncommented(line: str, begin: str, end: str) -> Iterable[Edit]:
    at = len(line) - len(line.lstrip())
    if not line.startswith(begin, at):
        return
    stop = at + len(begin)
    stop += line.startswith(" ", stop)
    if end and line.rstrip().endswith(end):
        cut = line.rindex(end)
        cut -= cut > stop and line[cut - 1] == " "
        yield cut, len(line), ""
    yield at, stop, ""
