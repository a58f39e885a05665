"""What rows of the editor look like: matches, selections, name tags."""

from __future__ import annotations

from itertools import groupby

from rich.style import Style

from jpterm_like.tui.app import EditorApp
from jpterm_like.tui.render.themes import contrast
from tests.tui.desk import Desk
from tests.tui.terminal import terminal


def cells(app: EditorApp, y: int) -> list[tuple[str, Style]]:
    """The text of a row in cells, with their styles, without line numbers and scrollbar."""
    strip = app.editor.render_line(y)
    styled = [(sign, style or Style.null()) for text, style, _ in strip for sign in text]
    return styled[app.editor.text_x : -1]


def grounds(app: EditorApp, y: int) -> list[tuple[str, str]]:
    """The words of a row that have a ground of their own, with it."""
    found = [(sign, style.bgcolor.name if style.bgcolor else "") for sign, style in cells(app, y)]
    runs = [("".join(sign for sign, _ in run), ground) for ground, run in groupby(found, lambda one: one[1])]
    return [(words, ground) for words, ground in runs if ground != runs[-1][1]]


async def test_the_current_match_is_the_loudest_and_a_match_in_a_selection_is_seen() -> None:
    ann, bob = Desk("one two one two one\n"), Desk("one two one two one\n", "bob", 2)
    ann.join(bob)
    bob.show_caret(18, 8)
    async with terminal(ann, theme="dark", current_line=False) as (app, pilot, _):
        await pilot.press("ctrl+f", *"one")
        await pilot.pause()
        palette = app.palette
        match, current = palette.found.bgcolor, palette.current_match.bgcolor
        theirs = palette.people[app.editor.collaborators.others[0].colour]
        assert match is not None and current is not None and theirs.selection.bgcolor is not None
        assert grounds(app, 0) == [
            ("one", current.name),
            ("one", match.name),
            (" two ", theirs.selection.bgcolor.name),
            ("on", match.name),
            ("e", str(theirs.caret.bgcolor and theirs.caret.bgcolor.name)),
        ]
        ground = palette.theme.interface.background
        assert contrast(current.name, ground) > 3 > 2 > contrast(match.name, ground)
