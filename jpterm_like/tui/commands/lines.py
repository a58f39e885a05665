"""Commands on lines: indentation, comments, moving, duplicating, joining, sorting, upper and lower case.

Lines are moved by moving their neighbour to the other side: the moved lines stay the same text, with the carets and selections
that others have in them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final

from crdt.patch import Splice
from jpterm_like.tui.commands.basic import delete_left
from jpterm_like.tui.commands.bulk_edit import LineEdit
from jpterm_like.tui.commands.editing import Editing
from jpterm_like.tui.commands.lists import continue_line, indent_item, outdent_item
from jpterm_like.tui.commands.pairs import delete_empty_pair
from jpterm_like.tui.syntax.languages import language_of
from jpterm_like.tui.text.brackets import PAIRS
from jpterm_like.tui.text.cell_markers import kind_of_marker
from jpterm_like.tui.text.cursors import TrackedOffset
from jpterm_like.tui.text.minimal_edits import PIECE, replace_differing, replace_pieces, trim

if TYPE_CHECKING:
    from jpterm_like.tui.commands.reorder import Order

INDENT_ROWS_READ: Final = 100
"""How many lines above and below the caret are read to find how the text is indented."""

COMMENT_ROWS_READ: Final = 1_000
"""How many lines of a selection are read to decide whether it is commented."""

CASE_AT_ONCE: Final = 1_000
"""Code points whose case is changed in one turn. Each word is an edit, of 50 microseconds."""

CASE_BY_WORDS_ROWS: Final = 1_000
"""Above that many rows a line is a single edit when its case changes; by words, 100,000 lines took half a minute."""

JOINED_MAX: Final = 2_000
"""The most lines that are joined at once; more would take over half a second."""


def _rows(editor: Editing) -> tuple[int, int]:
    """The first and the last selected row; both are the caret's without a selection."""
    start, end = editor.cursor.selection
    first, last = editor.text_layout.lines.row(start), editor.text_layout.lines.row(end)
    if last > first and end == editor.text_layout.lines.start(last):
        last -= 1
    return first, last


def _block(editor: Editing) -> tuple[int, int]:
    """The start and end of those rows, without the last newline."""
    first, last = _rows(editor)
    return editor.text_layout.lines.start(first), editor.text_layout.lines.span(last)[1]


def _change_rows(editor: Editing, edits_of: Callable[[str], Iterable[LineEdit]]) -> None:
    """Change each selected row. A selection that begins at the start of a line still does afterwards."""
    if not editor.may_write():
        return
    first, last = _rows(editor)
    lines = editor.text_layout.lines
    place = TrackedOffset(editor.session.buffer, lines.start(first))
    whole = editor.cursor.mark is not None and editor.cursor.selection[0] == place.offset

    def done(changes: int) -> None:
        if whole and editor.cursor.mark is not None:
            place.follow()
            start, end = editor.cursor.selection
            start = min(start, lines.start(lines.row(place.offset)))
            backwards = editor.cursor.caret < editor.cursor.mark
            editor.cursor.put(*((start, end) if backwards else (end, start)))
            editor.finish()

    editor.change_lines(first, last, lambda row: edits_of(editor.text_layout.line(row)), done)


def indent_of(line: str) -> str:
    """The blanks and tabs that a line begins with."""
    return line[: len(line) - len(line.lstrip(" \t"))]


def one_indent(editor: Editing) -> str:
    """The text that indents by one level here."""
    blanks = " " * editor.text_layout.tab_width
    if editor.indent != "auto":
        return "\t" if editor.indent == "tabs" else blanks
    row = editor.text_layout.lines.row(editor.cursor.caret)
    for distance in range(INDENT_ROWS_READ):
        for near in {row - distance, row + distance}:
            if 0 <= near < len(editor.text_layout.lines) and (
                indent := indent_of(editor.text_layout.line(near))
            ):
                if indent[0] == "\t":
                    return "\t"
                if len(indent) > 1 and near != row:
                    return blanks
    language = language_of(editor.session.title)
    return " " * language.indent if language.indent else "\t"


# Indentation


def do_newline(editor: Editing) -> None:
    if continue_line(editor):
        return
    start, end = editor.cursor.selection
    row, column = editor.text_layout.lines.place(start)
    line = editor.text_layout.line(row)
    if not editor.auto_indent or not line:
        editor.type("\n")
        return
    indent = indent_of(line)[:column]
    before = line[:column].rstrip()
    if not before and column == len(line) and start == end:
        editor.replace(start - column, end, "\n" + indent)  # leave no trailing blanks
        return
    opens = before[-1:] in PAIRS or (before[-1:] == ":" and language_of(editor.session.title).colon_indents)
    step = one_indent(editor) if opens else ""
    if opens and start == end and line[column : column + 1] == PAIRS.get(before[-1:], "\n"):
        caret = start + 1 + len(indent) + len(step)
        editor.replace_all([(start, start, f"\n{indent}{step}\n{indent}")], caret)
    else:
        editor.type("\n" + indent + step)


def do_tab(editor: Editing) -> None:
    """Indent the selected lines, or the list item; elsewhere, indent to the next tab stop."""
    if indent_item(editor):
        return
    if editor.cursor.mark is not None:
        step = one_indent(editor)
        _change_rows(editor, lambda line: [(0, 0, step)] if line.strip() else [])
        return
    step = one_indent(editor)
    if step != "\t":
        row, column = editor.text_layout.lines.place(editor.cursor.caret)
        part, base = editor.text_layout.cells(row).part(column)
        step = step[part.x(column - base) % len(step) :]
    editor.type(step)


def do_outdent(editor: Editing) -> None:
    if outdent_item(editor):
        return
    step = one_indent(editor)
    width = len(step) if step != "\t" else editor.text_layout.tab_width

    def edits(line: str) -> list[LineEdit]:
        if line.startswith("\t"):
            return [(0, 1, "")]
        blanks = min(width, len(line) - len(line.lstrip(" ")))
        return [(0, blanks, "")] if blanks else []

    _change_rows(editor, edits)


def do_delete_left(editor: Editing) -> None:
    """Delete one level of indentation at the start of a line's text, an empty pair, and one character elsewhere."""
    if delete_empty_pair(editor):
        return
    start, end = editor.cursor.selection
    row, column = editor.text_layout.lines.place(start)
    blanks = editor.text_layout.line(row)[:column]
    if start == end and column > 1 and blanks == " " * column:
        step = one_indent(editor)
        width = len(step) if step != "\t" else editor.text_layout.tab_width
        editor.replace(start - ((column - 1) % width + 1), start, "")
    else:
        delete_left(editor)


# Comments


def do_toggle_comment(editor: Editing) -> None:
    language = language_of(editor.session.title)
    first, last = _rows(editor)
    line = editor.text_layout.line
    some = [
        text for row in range(first, min(last + 1, first + COMMENT_ROWS_READ)) if (text := line(row)).strip()
    ]
    begin, end = language.comment, language.comment_end
    if some and all(text.lstrip().startswith(begin) for text in some):
        _change_rows(editor, lambda text: _uncommented(text, begin, end))
    else:
        depth = min((len(indent_of(text)) for text in some), default=0)
        _change_rows(editor, lambda text: _commented(text, begin, end, depth))


# Lines as a whole


def _is_on_marker(editor: Editing) -> bool:
    """Whether the caret is on the rule of a notebook's cell, and nothing is selected: what is moved is the cell."""
    if editor.outputs is None or editor.cursor.mark is not None:
        return False
    lines = editor.text_layout
    return kind_of_marker(lines.line(lines.lines.row(editor.cursor.caret))) is not None


def do_move_lines_up(editor: Editing) -> None:
    if _is_on_marker(editor):
        editor.run("move_cell_up")
        return
    first, last = _rows(editor)
    if first == 0:
        return
    lines = editor.text_layout.lines
    above, start = lines.start(first - 1), lines.start(first)
    text = editor.text_layout.line(first - 1)
    end = lines.span(last)[1]
    insert = (end, end, "\n" + text) if last + 1 == len(lines) else (end + 1, end + 1, text + "\n")
    mark = editor.cursor.mark
    shift = start - above
    editor.replace_all(
        [insert, (above, start, "")], editor.cursor.caret - shift, None if mark is None else mark - shift
    )


def do_move_lines_down(editor: Editing) -> None:
    if _is_on_marker(editor):
        editor.run("move_cell_down")
        return
    first, last = _rows(editor)
    lines = editor.text_layout.lines
    if last + 1 == len(lines):
        return
    text = editor.text_layout.line(last + 1)
    start, end = lines.start(first), lines.span(last)[1]
    below = lines.span(last + 1)[1]
    mark = editor.cursor.mark
    shift = len(text) + 1
    editor.replace_all(
        [(end, below, ""), (start, start, text + "\n")],
        editor.cursor.caret + shift,
        None if mark is None else min(mark + shift, lines.size),
    )


def do_duplicate(editor: Editing) -> None:
    """Copy the selection behind itself, or the line below itself, and move the caret into the copy."""
    start, end = editor.cursor.selection
    caret, mark = editor.cursor.caret, editor.cursor.mark
    if mark is None:
        row = editor.text_layout.lines.row(caret)
        text = "\n" + editor.text_layout.line(row)
        at = editor.text_layout.lines.span(row)[1]
    else:
        text = editor.session.buffer.slice(start, end)
        at = end
    shift = len(text)
    editor.replace_all([(at, at, text)], caret + shift, None if mark is None else mark + shift)


def do_delete_lines(editor: Editing) -> None:
    first, last = _rows(editor)
    lines = editor.text_layout.lines
    start, end = lines.start(first), lines.span(last)[1]
    column = editor.cursor.selection[0] - start
    if last + 1 < len(lines):
        end += 1
    elif first:
        start -= 1
    # The caret keeps its column, in the line that takes this place.
    if last + 1 < len(lines):
        caret = start + min(column, lines.length(last + 1))
    elif first:
        caret = lines.start(first - 1) + min(column, lines.length(first - 1))
    else:
        caret = 0
    editor.replace_all([(start, end, "")], caret)


def do_line_below(editor: Editing) -> None:
    row = editor.text_layout.lines.row(editor.cursor.caret)
    text = "\n" + (indent_of(editor.text_layout.line(row)) if editor.auto_indent else "")
    at = editor.text_layout.lines.span(row)[1]
    editor.replace_all([(at, at, text)], at + len(text))


def do_line_above(editor: Editing) -> None:
    row = editor.text_layout.lines.row(editor.cursor.caret)
    indent = indent_of(editor.text_layout.line(row)) if editor.auto_indent else ""
    at = editor.text_layout.lines.start(row)
    editor.replace_all([(at, at, indent + "\n")], at + len(indent))


def do_join_lines(editor: Editing) -> None:
    """Join the selected lines, or this one and the next."""
    first, last = _rows(editor)
    last = min(max(last, first + 1), len(editor.text_layout.lines) - 1)
    if last - first > JOINED_MAX:
        editor.say(f"At most {JOINED_MAX:,} lines can be joined at once.")
        return
    if last == first:
        return
    edits = []
    for row in range(last, first, -1):
        before, text = editor.text_layout.line(row - 1), editor.text_layout.line(row)
        start = editor.text_layout.lines.start(row)
        gap = " " if before.strip() and text.strip() and not before[-1:].isspace() else ""
        edits.append((start - 1, start + len(indent_of(text)), gap))
    # Move the caret to where the last two lines meet.
    start, end, gap = edits[0]
    shift = sum(len(text) - (high - low) for low, high, text in edits)
    editor.replace_all(edits, end + shift)


def do_sort_lines(editor: Editing) -> None:
    from jpterm_like.tui.commands.reorder import sort

    _reorder(editor, sort, "sort", "These lines are sorted already.")


def do_reverse_lines(editor: Editing) -> None:
    from jpterm_like.tui.commands.reorder import reverse

    _reorder(editor, reverse, "reverse", "These lines read the same in both directions.")


def do_unique_lines(editor: Editing) -> None:
    """Keep the first of equal lines."""
    from jpterm_like.tui.commands.reorder import drop_repeated

    _reorder(editor, drop_repeated, "compare", "No two of these lines are equal.")


def _reorder(editor: Editing, order: Order, verb: str, same: str) -> None:
    """Put the selected lines in another order, or drop some."""
    from jpterm_like.tui.commands.reorder import Reorder

    first, last = _rows(editor)
    if first == last:
        editor.say(f"Select the lines to {verb}.")
        return
    editor.change_in_slices(
        change := Reorder(editor, first, last, order), lambda _: editor.say(same) if change.is_same else None
    )


def do_upper(editor: Editing) -> None:
    _change_case(editor, upper=True)


def do_lower(editor: Editing) -> None:
    _change_case(editor, upper=False)


def _change_case(editor: Editing, upper: bool) -> None:
    """Change the case of the selection, or of the word at the caret."""
    turn = str.upper if upper else str.lower
    start, end = editor.cursor.selection
    selected = end > start
    if not selected:
        start, end = editor.text_layout.word_at(start)
    if end - start > CASE_AT_ONCE:
        inside = None if selected else editor.cursor.caret - start
        _change_case_in_slices(editor, turn, start, end, inside)
        return
    old = editor.session.buffer.slice(start, end)
    text = turn(old)
    if text == old:
        return
    stop = start + len(text)
    caret = min(editor.cursor.caret, stop)
    splices = [
        Splice(start + edit[0], start + edit[1], edit[2])
        for edit in case_edits(old, text, turn)
        if edit is not None
    ]
    editor.replace_all(splices, stop if selected else caret, start if selected else None)


def _change_case_in_slices(
    editor: Editing, turn: Callable[[str], str], start: int, end: int, inside: int | None
) -> None:
    """Change the case from `start` to `end` and select that, or put the caret `inside` it."""
    buffer, lines = editor.session.buffer, editor.text_layout.lines
    first, last = lines.row(start), lines.row(end)
    # Both ends at characters that stay.
    begin, stop = TrackedOffset(buffer, start), TrackedOffset(buffer, end, before=True)
    by_line = last - first > CASE_BY_WORDS_ROWS

    def edits(row: int) -> Iterator[LineEdit | None]:
        begin.follow()  # others may write between two slices
        stop.follow()
        row_start = lines.start(row)
        low, high = max(0, begin.offset - row_start), max(0, stop.offset - row_start)
        old = editor.text_layout.line(row)[low:high]
        for edit in case_edits(old, turn(old), turn, by_line):
            yield None if edit is None else (low + edit[0], low + edit[1], edit[2])

    def done(count: int) -> None:
        begin.follow()
        stop.follow()
        snap = editor.text_layout.snap
        if inside is None:
            editor.cursor.put(snap(stop.offset), snap(begin.offset))
        else:
            editor.cursor.put(snap(min(begin.offset + inside, stop.offset)))
        editor.finish()

    editor.change_lines(first, last, edits, done)


def case_edits(
    old: str, new: str, turn: Callable[[str], str], by_line: bool = False
) -> Iterator[LineEdit | None]:
    """What turns a text into its capitals or small letters, from the last edit to the first: an edit for each word, so that what others
    write in between stays where it is, or with `by_line` a single one. None: here may be a pause."""
    if by_line and len(old) <= PIECE:
        if old != new:
            yield trim(0, old, new)
    elif len(old) == len(new):
        yield from replace_differing(old, new)
    else:
        pieces = [(letter, turn(letter)) for letter in old]
        if "".join(turned for _, turned in pieces) == new:
            yield from replace_pieces(0, pieces)
        else:  # a letter depends on those around it, as the final sigma does
            yield trim(0, old, new)


def _commented(line: str, begin: str, end: str, depth: int) -> Iterable[LineEdit]:
    if line.strip():
        if end:
            yield len(line), len(line), f" {end}"
        yield depth, depth, f"{begin} "


def _uncommented(line: str, begin: str, end: str) -> Iterable[LineEdit]:
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
