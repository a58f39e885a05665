"""The basic commands: moving, selecting, deleting, undo, the clipboard, scrolling.

Each is a function `do_<id>` of the table in `keymap`. Here is nothing of Textual and nothing of painting.
"""

from __future__ import annotations

from collections.abc import Callable

from jpterm_like.tui.commands.editing import BULK_STEP_S, Editing
from jpterm_like.tui.commands.long_undo import LongUndo
from jpterm_like.tui.text.cell_markers import is_notebook, kind_of_marker
from jpterm_like.tui.text.wrap import BELOW

# Moving and selecting: each move is a function that returns an offset


def _left(editor: Editing) -> int:
    return editor.text_layout.left(editor.cursor.caret)


def _right(editor: Editing) -> int:
    return editor.text_layout.right(editor.cursor.caret)


def _word_left(editor: Editing) -> int:
    return editor.text_layout.word_left(editor.cursor.caret)


def _word_right(editor: Editing) -> int:
    return editor.text_layout.word_right(editor.cursor.caret)


def _line_start(editor: Editing) -> int:
    """The start of the screen row; then of the line's text; then of the line."""
    caret = editor.cursor.caret
    row, section, _ = editor.view.locate(caret)
    start = editor.text_layout.lines.start(row)
    if section and caret != start + section:
        return start + section
    line = editor.text_layout.line(row)
    text_start = start + len(line) - len(line.lstrip())
    return start if caret == text_start else text_start


def _line_end(editor: Editing) -> int:
    """The end of the screen row, then of the line."""
    caret = editor.cursor.caret
    row, section, _ = editor.view.locate(caret)
    start, end = editor.text_layout.lines.span(row)
    after = editor.view.sections(row).after(section)
    if after is not None:
        section_end = start + editor.text_layout.cells(row).before(after)
        if caret < section_end:
            return section_end
    return end


def _text_start(editor: Editing) -> int:
    """The start of the text; in a notebook, of its first cell, below the rule: typing there would break the rule."""
    lines = editor.text_layout.lines
    has_rule = is_notebook(editor.session.title) and len(lines) > 1 and _is_rule(editor, 0)
    return lines.start(1) if has_rule else 0


def _text_end(editor: Editing) -> int:
    return editor.text_layout.lines.size


def _skip_folded(editor: Editing, offset: int, forward: bool) -> int:
    """The offset itself, or the next one outside of a closed fold."""
    lines, folds = editor.text_layout.lines, editor.view.folds
    fold = folds.at(lines.row(offset))
    if fold is None or not folds.is_hidden(lines.row(offset)):
        return offset
    if not forward:
        return lines.span(fold.head)[1]
    return lines.start(fold.last + 1) if fold.last + 1 < len(lines) else editor.cursor.caret


def do_left(editor: Editing) -> None:
    selection = editor.cursor.selection
    editor.go(
        _skip_folded(editor, _left(editor), forward=False)
        if editor.cursor.mark is None or editor.marking
        else selection[0]
    )


def do_right(editor: Editing) -> None:
    selection = editor.cursor.selection
    editor.go(
        _skip_folded(editor, _right(editor), forward=True)
        if editor.cursor.mark is None or editor.marking
        else selection[1]
    )


def do_word_left(editor: Editing) -> None:
    editor.go(_skip_folded(editor, _word_left(editor), forward=False))


def do_word_right(editor: Editing) -> None:
    editor.go(_skip_folded(editor, _word_right(editor), forward=True))


def do_line_start(editor: Editing) -> None:
    editor.go(_line_start(editor))


def do_line_end(editor: Editing) -> None:
    editor.go(_line_end(editor))


def do_text_start(editor: Editing) -> None:
    editor.go(_text_start(editor))


def do_text_end(editor: Editing) -> None:
    editor.go(_text_end(editor))


def do_select_left(editor: Editing) -> None:
    editor.go(_skip_folded(editor, _left(editor), forward=False), select=True)


def do_select_right(editor: Editing) -> None:
    editor.go(_skip_folded(editor, _right(editor), forward=True), select=True)


def do_select_word_left(editor: Editing) -> None:
    editor.go(_skip_folded(editor, _word_left(editor), forward=False), select=True)


def do_select_word_right(editor: Editing) -> None:
    editor.go(_skip_folded(editor, _word_right(editor), forward=True), select=True)


def do_select_line_start(editor: Editing) -> None:
    editor.go(_line_start(editor), select=True)


def do_select_line_end(editor: Editing) -> None:
    editor.go(_line_end(editor), select=True)


def do_select_text_start(editor: Editing) -> None:
    editor.go(0, select=True)


def do_select_text_end(editor: Editing) -> None:
    editor.go(_text_end(editor), select=True)


def do_up(editor: Editing) -> None:
    _vertical(editor, -1)


def do_down(editor: Editing) -> None:
    _vertical(editor, 1)


def do_select_up(editor: Editing) -> None:
    _vertical(editor, -1, select=True)


def do_select_down(editor: Editing) -> None:
    _vertical(editor, 1, select=True)


def do_page_up(editor: Editing) -> None:
    _page(editor, -1)


def do_page_down(editor: Editing) -> None:
    _page(editor, 1)


def do_select_page_up(editor: Editing) -> None:
    _page(editor, -1, select=True)


def do_select_page_down(editor: Editing) -> None:
    _page(editor, 1, select=True)


def _vertical(editor: Editing, count: int, select: bool = False) -> None:
    row, section, x = editor.view.locate(editor.cursor.caret)
    goal = x if editor.cursor.goal is None else editor.cursor.goal
    step = editor.view.step_in_text if abs(count) == 1 else editor.view.step
    there = step(row, section, count)
    if not select and is_notebook(editor.session.title) and _is_rule(editor, there[0]):
        there = step(*there, 1 if count > 0 else -1)  # over the rule between two cells
    lines, start = editor.text_layout.lines, 0 if select else _text_start(editor)
    # The first or last row: go to the start or end of the text.
    if there == (row, section) or (count < 0 and lines.start(there[0]) < start):
        editor.go(start if count < 0 else lines.size, select, goal)
    else:
        editor.go(editor.view.offset_of(*there, goal), select, goal)


def _page(editor: Editing, direction: int, select: bool = False) -> None:
    view = editor.view
    count = direction * max(1, view.height - 1)
    if view.rows_below is None:
        view.scroll(count)
        _vertical(editor, count, select)
        return
    x, y = view.locate(editor.cursor.caret)[2], _screen_row(editor)
    if not view.scroll(count):
        _vertical(editor, count, select)
        return
    rows = view.rows()
    near = sorted(
        (abs(at - y), at)
        for at, (row, section) in enumerate(rows)
        if section < BELOW and not _is_rule(editor, row)
    )
    goal = x if editor.cursor.goal is None else editor.cursor.goal
    if near:
        editor.go(view.offset_of(*rows[near[0][1]], goal), select, goal)
    else:  # all of the screen are outputs: the caret waits at the end of their cell
        caret = editor.cursor
        caret.put(view.offset_of(*rows[0], goal), caret.mark if select else None, goal)
        editor.share_caret()
        editor.update()


def _screen_row(editor: Editing) -> int:
    """The row of the screen that the caret is in; the middle one if it is not on the screen."""
    place = editor.view.screen_place(editor.cursor.caret)
    return editor.view.height // 2 if place is None else place[1]


def _is_rule(editor: Editing, row: int) -> bool:
    return kind_of_marker(editor.text_layout.line(row)) is not None


def do_select_all(editor: Editing) -> None:
    editor.session.break_undo()
    editor.cursor.put(editor.text_layout.lines.size, 0)
    editor.share_caret()
    editor.update()


def do_set_mark(editor: Editing) -> None:
    editor.marking = False
    if editor.cursor.mark is not None:
        editor.go(editor.cursor.caret)
    else:
        editor.marking = True
        editor.say("Moving the caret selects from here.")


def deselect(editor: Editing) -> None:
    """Drop the selection and the mark."""
    editor.marking = False
    if editor.cursor.mark is None:
        editor.update()
    else:
        editor.go(editor.cursor.caret)


# Deleting and undo


def delete_left(editor: Editing) -> None:
    """Delete the selection, or the character to the left."""
    _delete(editor, _left)


def do_delete_right(editor: Editing) -> None:
    _delete(editor, _right)


def do_delete_word_left(editor: Editing) -> None:
    _delete(editor, _word_left)


def do_delete_word_right(editor: Editing) -> None:
    _delete(editor, _word_right)


def _delete(editor: Editing, reach: Callable[[Editing], int]) -> None:
    """Delete the selection, or from the caret to the target of a move."""
    start, end = editor.cursor.selection
    if start == end:
        start, end = sorted((start, reach(editor)))
        if is_notebook(editor.session.title) and _join_cells(editor, start, end):
            return
    editor.replace(start, end, "")


def _join_cells(editor: Editing, start: int, end: int) -> bool:
    """Join two cells if what is to be deleted is a line end beside a marker; return whether it is."""
    lines, line = editor.text_layout.lines, editor.text_layout.line
    row = lines.row(start)
    if end != start + 1 or lines.row(end) == row:
        return False
    marker = next((each for each in (row, row + 1) if kind_of_marker(line(each)) is not None), None)
    if marker is None:
        return False
    if marker:  # the first cell has none before it
        body = lines.start(marker + 1) if marker + 1 < len(lines) else lines.size
        editor.replace(lines.start(marker) - 1, body, "\n")
    return True


def do_undo(editor: Editing) -> None:
    _step_back(editor, again=False, nothing="Nothing of yours to undo.")


def do_redo(editor: Editing) -> None:
    _step_back(editor, again=True, nothing="Nothing to redo.")


def step_back(editor: Editing, again: bool, nothing: str, done: Callable[[LongUndo], None]) -> bool:
    """Undo or redo my last step, a long one in slices; return whether there was one. If not, `nothing` is said.

    `done` is called at the end, if anything was changed.
    """
    if not editor.may_write():
        return False
    editor.finish_bulk_edit()
    change = LongUndo(editor.session, again)

    def ended(changes: int) -> None:
        if changes:
            done(change)
        if change.has_more:
            editor.say(f"Stopped after {changes:,} places; {'redo' if again else 'undo'} does the rest.")
        elif not changes:
            editor.say(nothing)

    editor.is_changing = True
    try:
        more = change.step(BULK_STEP_S)
    finally:
        editor.is_changing = False
    if more:
        editor.go_on_in_slices(change, ended)
    else:
        ended(change.changes)
    return more or change.changes > 0


def _step_back(editor: Editing, again: bool, nothing: str) -> None:
    def done(change: LongUndo) -> None:
        if not editor.extras:
            start, length = change.first
            editor.cursor.put(editor.text_layout.snap_right(start + length * (not editor.lands_at_start)))
        editor.note_edit(editor.cursor.caret)
        editor.finish(centred=True)

    step_back(editor, again, nothing, done)


# Clipboard


def _selection_or_line(editor: Editing) -> tuple[int, int]:
    """The selection, or the whole line at the caret."""
    start, end = editor.cursor.selection
    return (start, end) if end > start else editor.text_layout.row_span(editor.text_layout.lines.row(start))


def do_copy(editor: Editing) -> None:
    if editor.extras:
        pieces = [editor.session.buffer.slice(*cursor.selection) for cursor in reversed(editor.in_order())]
        editor.to_clipboard("\n".join(pieces))
        return
    start, end = _selection_or_line(editor)
    if end > start:
        editor.to_clipboard(editor.session.buffer.slice(start, end))
    if editor.marking:
        do_set_mark(editor)


def do_cut(editor: Editing) -> None:
    if editor.extras:
        if editor.may_write():
            do_copy(editor)
            editor.at_each(editor.in_order(), lambda cursor: editor.replace(*cursor.selection, ""))
        return
    start, end = _selection_or_line(editor)
    if end > start and editor.may_write():
        editor.to_clipboard(editor.session.buffer.slice(start, end))
        editor.session.break_undo()
        editor.replace(start, end, "")
        editor.session.break_undo()


def do_delete_to_line_end(editor: Editing) -> None:
    """Cut to the end of the line; at its end, cut the newline."""
    start = editor.cursor.caret
    end = editor.text_layout.lines.span(editor.text_layout.lines.row(start))[1]
    end = end if end > start else min(end + 1, editor.text_layout.lines.size)
    if end > start and editor.may_write():
        editor.to_clipboard(editor.session.buffer.slice(start, end))
        editor.replace(start, end, "")


def do_cut_or_delete_word(editor: Editing) -> None:
    """Cut the selections, or delete a word to the left of each caret."""
    if editor.cursor.mark is None:
        editor.run("delete_word_left")
    else:
        do_cut(editor)


def do_paste(editor: Editing) -> None:
    if text := editor.clipboard.take():
        editor.paste(text)
    else:
        editor.say("Nothing copied here yet; your terminal pastes with its own key (often ctrl+shift+v).")


# Scrolling


def do_scroll_up(editor: Editing) -> None:
    scroll(editor, -1)


def do_scroll_down(editor: Editing) -> None:
    scroll(editor, 1)


def scroll(editor: Editing, count: int) -> None:
    """Scroll by rows; the caret stays where it is."""
    if editor.view.scroll(count):
        editor.update()
