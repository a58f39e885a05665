"""Commands that add and remove carets.

A further caret is a `Cursor` like the first: it has anchors, so edits by others move all of them alike. Other commands know one
caret; `Editing.at_carets` runs them at one after the other, as the field `carets` of the command says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from jpterm_like.tui.commands.editing import Editing
from jpterm_like.tui.text.cursors import Cursor

CARETS_MAX: Final = 1_000
"""The most carets; more would make each key slow."""

PIECE: Final = 1_000_000
"""Code points read at a time in search of the next match."""


# Adding carets


def _leave_caret(editor: Editing) -> bool:
    """Add a caret where the first one is, which is about to move; False if there are too many."""
    if len(editor.extras) + 1 >= CARETS_MAX:
        editor.say(f"There are {CARETS_MAX:,} carets already, the most there can be.")
        return False
    extra = Cursor(editor.text_layout)
    extra.put(editor.cursor.caret, editor.cursor.mark)
    editor.extras.append(extra)
    return True


def do_add_caret_above(editor: Editing) -> None:
    _add_vertically(editor, -1)


def do_add_caret_below(editor: Editing) -> None:
    _add_vertically(editor, 1)


def _add_vertically(editor: Editing, step: int) -> None:
    ends = [editor.cursor, *editor.extras]
    edge = min(ends, key=lambda c: c.caret) if step < 0 else max(ends, key=lambda c: c.caret)
    row = editor.text_layout.lines.row(edge.caret)
    if not 0 <= row + step < len(editor.text_layout.lines):
        return
    cells = editor.text_layout.cells(row)
    x = cells.x(edge.caret - editor.text_layout.lines.start(row)) if edge.goal is None else edge.goal
    if edge is not editor.cursor:
        _swap(editor, edge)
    if not _leave_caret(editor):
        return
    start = editor.text_layout.lines.start(row + step)
    editor.session.break_undo()
    editor.cursor.put(start + editor.text_layout.cells(row + step).column(x), None, x)
    editor.merge_carets()
    editor.finish()


def _swap(editor: Editing, other: Cursor) -> None:
    """Make another caret the first one."""
    here, there = (editor.cursor.caret, editor.cursor.mark), (other.caret, other.mark)
    other.put(*here)
    editor.cursor.put(*there)


def toggle_caret(editor: Editing, offset: int) -> None:
    """Add a caret, or remove the one that is there."""
    for extra in editor.extras:
        if extra.caret == offset:
            editor.extras.remove(extra)
            editor.finish()
            return
    if offset != editor.cursor.caret and _leave_caret(editor):
        editor.cursor.put(offset)
        editor.finish()


def do_carets_at_lines(editor: Editing) -> None:
    """Put a caret at the end of each selected line."""
    start, end = editor.cursor.selection
    lines = editor.text_layout.lines
    first, last = lines.row(start), lines.row(end)
    last -= last > first and end == lines.start(last)
    if first == last:
        editor.say("Select some lines first.")
        return
    editor.drop_carets()
    for row in range(first, min(last, first + CARETS_MAX - 1)):
        extra = Cursor(editor.text_layout)
        extra.put(lines.span(row)[1])
        editor.extras.append(extra)
    editor.cursor.put(lines.span(last)[1])
    editor.finish()


# Matches of what is selected


def do_add_next_match(editor: Editing) -> None:
    """Select the word at the caret; called again, add its next occurrence to the selections."""
    if editor.cursor.mark is None:
        start, end = editor.text_layout.word_at(editor.cursor.caret)
        if editor.session.buffer.slice(start, end).strip():
            editor.cursor.put(end, start)
            editor.finish()
        return
    _select_next(editor, leave=True)


def do_skip_match(editor: Editing) -> None:
    """Deselect the match that was added last, and select the next one."""
    if editor.cursor.mark is not None:
        _select_next(editor, leave=False)


def _select_next(editor: Editing, leave: bool) -> None:
    start, end = editor.cursor.selection
    wanted = editor.session.buffer.slice(start, end)
    taken = {cursor.selection for cursor in (editor.cursor, *editor.extras)}
    found = _find_next(editor, wanted, end, taken)
    if found is None:
        editor.say("No more matches.")
    elif not leave or _leave_caret(editor):
        editor.session.break_undo()
        editor.cursor.put(found + len(wanted), found)
        editor.finish()


def do_add_all_matches(editor: Editing) -> None:
    """Select all occurrences of the selected text, or of the word at the caret."""
    if editor.cursor.mark is None:
        do_add_next_match(editor)
    start, end = editor.cursor.selection
    wanted = editor.session.buffer.slice(start, end)
    if not wanted:
        return
    taken = {cursor.selection for cursor in (editor.cursor, *editor.extras)}
    here = end
    for found in _occurrences(editor, wanted, end):
        if len(editor.extras) + 1 >= CARETS_MAX:
            break
        selection = (found, found + len(wanted))
        # An occurrence that overlaps the one before it is none; after the end of the text they begin anew.
        if here - len(wanted) < found < here:
            continue
        here = selection[1]
        if selection not in taken:
            extra = Cursor(editor.text_layout)
            extra.put(here, found)
            editor.extras.append(extra)
    editor.say(f"{len(editor.extras) + 1:,} carets.")
    editor.finish()


def _find_next(editor: Editing, wanted: str, offset: int, taken: set[tuple[int, int]]) -> int | None:
    """The next occurrence that is not selected yet, from an offset on and then from the start."""
    found = _occurrences(editor, wanted, offset)
    return next((start for start in found if (start, start + len(wanted)) not in taken), None)


def _occurrences(editor: Editing, wanted: str, offset: int) -> Iterator[int]:
    """Where a text occurs, from an offset on and then from the start."""
    size = len(editor.session.buffer)
    for low, high in ((offset, size), (0, min(size, offset + len(wanted) - 1))):
        for start in range(low, high, PIECE):
            piece = editor.session.buffer.slice(start, min(high, start + PIECE + len(wanted) - 1))
            at = piece.find(wanted)
            while at >= 0:
                yield start + at
                at = piece.find(wanted, at + 1)
