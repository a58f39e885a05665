"""Open the link at the caret, or under the mouse."""

from __future__ import annotations

from jpterm_like.tui.commands.editing import Editing


def target_at(editor: Editing, offset: int) -> str | None:
    """The target of the link at an offset; None if there is none."""
    from jpterm_like.tui.text.links import link_at  # loaded with the first link

    row, column = editor.text_layout.lines.place(offset)
    return link_at(editor.text_layout.line(row), column)


def do_open_link(editor: Editing) -> None:
    target = target_at(editor, editor.cursor.caret)
    if target is None:
        editor.say("There is no link and no file name at the caret.")
    else:
        editor.follow_link(target)
