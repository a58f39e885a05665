"""Folding: hide rows below the one that introduces them, by indentation or, in Markdown, by headings."""

from __future__ import annotations

from collections.abc import Callable

from jpterm_like.tui.commands.editing import Editing
from jpterm_like.tui.text.folds import Fold, by_heading, by_indent, outermost, sections


def do_toggle_fold(editor: Editing) -> None:
    """Fold or unfold the block that the caret's row begins or is in."""
    row = editor.text_layout.lines.row(editor.cursor.caret)
    if editor.outputs is not None and editor.outputs.toggle(row):
        editor.update()
        return
    if editor.view.folds.open(row):
        _show_folds(editor)
        return
    fold = _find_fold(editor)(editor.text_layout.line, len(editor.text_layout.lines), row)
    if fold is None:
        editor.say("There is nothing to fold here.")
    else:
        _close(editor, [fold])


def do_fold_all(editor: Editing) -> None:
    line, rows = editor.text_layout.line, len(editor.text_layout.lines)
    is_markdown = editor.grammar_name() == "markdown"
    folds = sections(line, rows) if is_markdown else list(outermost(line, rows, by_indent))
    if folds:
        _close(editor, folds)
    else:
        editor.say("There is nothing to fold.")


def do_unfold_all(editor: Editing) -> None:
    editor.view.folds.all = []
    _show_folds(editor)


def _find_fold(editor: Editing) -> Callable[[Callable[[int], str], int, int], Fold | None]:
    """The function that finds folds in a text of this kind."""
    return by_heading if editor.grammar_name() == "markdown" else by_indent


def _close(editor: Editing, folds: list[Fold]) -> None:
    """Close folds, and move the caret out of them."""
    view, lines = editor.view, editor.text_layout.lines
    for fold in folds:
        view.folds.close(*fold)
    head = view.folds.head(lines.row(editor.cursor.caret))
    if head != lines.row(editor.cursor.caret):
        editor.cursor.put(editor.text_layout.snap(lines.span(head)[1]))
        editor.share_caret()
    _show_folds(editor)


def _show_folds(editor: Editing) -> None:
    editor.view.refold()
    editor.view.reveal(editor.cursor.caret)
    editor.update()
