"""Commands of a notebook that change its cells: new, split, join, move, delete, another type.

A cell is lines of the one text, so each of these is an edit that undo takes back. A cell is cut with the line break before it: words that
somebody types into it meanwhile then join the cell above, and no marker breaks.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final, NamedTuple

from jpterm_like.tui.commands.editing import Editing
from jpterm_like.tui.text.cell_markers import kind_at, kind_of_marker

if TYPE_CHECKING:
    from jpterm_like.tui.commands.outputs import Outputs

KINDS: Final = (("code", "Code"), ("markdown", "Markdown"), ("raw", "Raw: as it is"))
"""The types of cells that nbformat knows."""


def outputs_in(editor: Editing) -> Outputs | None:
    """The outputs of a notebook; for another text it is said that it is none."""
    if editor.outputs is None:
        editor.say("This text is no notebook.")
    return editor.outputs


class _Cell(NamedTuple):
    """The cell of the caret."""

    first: int
    """The row of its marker."""
    last: int
    is_first: bool
    is_last: bool


def _cell_here(editor: Editing) -> _Cell | None:
    outputs = outputs_in(editor)
    if outputs is None:
        return None
    lines, cells = editor.text_layout.lines, outputs.blocks.cells
    row = lines.row(editor.cursor.caret)
    first = next((begin for begin in reversed(cells.rows) if begin <= row), None)
    if first is None:
        editor.say("The caret is in no cell yet; the server makes one of these lines in a moment.")
        return None
    last = cells.last_row(row)
    return _Cell(first, last, first == 0, last + 1 == len(lines))


def do_new_cell(editor: Editing) -> None:
    """Begin a cell of code below that of the caret."""
    outputs = outputs_in(editor)
    if outputs is not None:
        lines = editor.text_layout.lines
        end = lines.span(outputs.blocks.cells.last_row(lines.row(editor.cursor.caret)))[1]
        editor.session.break_undo()
        editor.replace(end, end, f"\n# %% id={secrets.token_hex(4)}\n")


def do_split_cell(editor: Editing) -> None:
    """Let a cell of the same kind begin at the caret."""
    outputs = outputs_in(editor)
    if outputs is None:
        return
    lines, caret = editor.text_layout.lines, editor.cursor.caret
    row, column = lines.place(caret)
    line = editor.text_layout.line
    if kind_of_marker(line(row)) is not None:
        editor.say("The caret is on the rule of a cell: go into the cell to split it.")
        return
    marker = _marker(kind_at(line, row), secrets.token_hex(4))
    is_last = row == outputs.blocks.cells.last_row(row)
    before = "\n" if column else ""
    after = "" if column == lines.length(row) and column and not is_last else "\n"
    editor.session.break_undo()
    editor.replace(caret, caret, f"{before}{marker}{after}")


def do_join_cells(editor: Editing) -> None:
    """Make one cell of that of the caret and the next, with the type and the outputs of the first."""
    cell = _cell_here(editor)
    if cell is None:
        return
    if cell.is_last:
        editor.say("There is no cell below.")
        return
    lines, caret = editor.text_layout.lines, editor.cursor.caret
    end, marker_end = lines.span(cell.last)[1], lines.span(cell.last + 1)[1]
    if not lines.length(cell.last) and cell.last > cell.first and marker_end < lines.size:
        marker_end += 1  # its last line is empty, and the next cell goes on there
    editor.session.break_undo()
    editor.replace_all([(end, marker_end, "")], min(caret, end))


def do_delete_cell(editor: Editing) -> None:
    """Delete the cell of the caret, and go into the next one."""
    cell = _cell_here(editor)
    if cell is None:
        return
    lines = editor.text_layout.lines
    if not cell.is_first:
        start, end = lines.span(cell.first - 1)[1], lines.span(cell.last)[1]
    elif not cell.is_last:
        start, end = 0, lines.start(cell.last + 1)
    else:
        start, end = 0, lines.size
    editor.session.break_undo()
    editor.replace(start, end, "")
    if lines.size:
        editor.go(lines.start(min(cell.first + 1, len(lines) - 1)))


def do_move_cell_up(editor: Editing) -> None:
    cell = _cell_here(editor)
    if cell is None:
        return
    outputs = editor.outputs
    assert outputs is not None
    above = [row for row in outputs.blocks.cells.rows if row < cell.first]
    if not above:
        editor.say("This is the first cell.")
        return
    lines, caret = editor.text_layout.lines, editor.cursor.caret
    start, end, place = lines.start(cell.first), lines.span(cell.last)[1], lines.start(above[-1])
    text = editor.session.buffer.slice(start, end)
    editor.session.break_undo()
    editor.replace_all([(start - 1, end, ""), (place, place, f"{text}\n")], caret - start + place)


def do_move_cell_down(editor: Editing) -> None:
    cell = _cell_here(editor)
    if cell is None:
        return
    outputs = editor.outputs
    assert outputs is not None
    if cell.is_last:
        editor.say("This is the last cell.")
        return
    lines, caret = editor.text_layout.lines, editor.cursor.caret
    start, end = lines.start(cell.first), lines.span(cell.last)[1]
    place = lines.span(outputs.blocks.cells.last_row(cell.last + 1))[1]
    text = editor.session.buffer.slice(start, end)
    cut = (start, end + 1, "") if cell.is_first else (start - 1, end, "")
    editor.session.break_undo()
    editor.replace_all([(place, place, f"\n{text}"), cut], caret + place - end)


def do_cell_type(editor: Editing) -> None:
    """Choose what the cell of the caret is."""
    cell = _cell_here(editor)
    if cell is None:
        return
    outputs = editor.outputs
    assert outputs is not None
    now = kind_at(editor.text_layout.line, cell.first)
    name = outputs.blocks.cells.at(cell.first)

    def change(kind: str) -> None:
        rows = outputs.blocks.cells
        if not name or name not in rows.ids:
            editor.say("Somebody has deleted this cell.")
            return
        start, end = editor.text_layout.lines.span(rows.rows[rows.ids.index(name)])
        text, caret = _marker(kind, name), editor.cursor.caret
        shift = 0 if caret < end else len(text) - (end - start)
        editor.session.break_undo()
        editor.replace_all([(start, end, text)], caret + shift)

    editor.choose("Type of the cell", [(kind, title, "") for kind, title in KINDS], change, now)


def _marker(kind: str, name: str) -> str:
    from jpterm_like.notebook.cells import marker  # few texts have them

    return marker(kind, name)
