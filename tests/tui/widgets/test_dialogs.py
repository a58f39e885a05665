"""Dialogs: they do not jump, they are answered by letters, and they close by the keys of each preset."""

from __future__ import annotations

import pytest

from jpterm_like.tui.app import EditorApp
from jpterm_like.tui.widgets.dialogs import Dialog, Question
from jpterm_like.tui.workspace import Opening
from tests.tui.desk import Desk, Plain


def app_of(desk: Desk, **settings: object) -> EditorApp:
    return EditorApp([Opening(desk)], Plain(**settings))


async def test_the_line_that_one_types_in_stays_in_its_row() -> None:
    app = app_of(Desk("text"))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("ctrl+p")
        rows = set()
        for key in (*"split", *"qqq"):
            await pilot.pause()
            rows.add(app.screen.query_one("#dialog-search").region.y)
            assert app.screen.query_one("#dialog").region.y == 2
            await pilot.press(key)
        assert len(rows) == 1


@pytest.mark.parametrize(("key", "leaves"), [("ctrl+q", True), ("k", True), ("c", False), ("escape", False)])
async def test_the_question_before_quitting_is_answered_by_one_key(key: str, leaves: bool) -> None:
    desk = Desk("text")
    app = app_of(desk)
    async with app.run_test(size=(60, 15)) as pilot:
        await pilot.press("x", "ctrl+q")
        await pilot.pause()
        assert isinstance(app.screen, Question)
        await pilot.press(key)
        await app.workers.wait_for_complete()
        assert desk.closed == leaves and desk.buffer.text == "xtext"
    assert app.return_code == (1 if leaves else None)


@pytest.mark.parametrize("opened", ["palette", "help", "open_settings_question"])
async def test_emacs_leaves_a_dialog_with_ctrl_g(opened: str) -> None:
    app = app_of(Desk("text"), preset="emacs")
    async with app.run_test(size=(60, 15)) as pilot:
        await pilot.press(*{"palette": ["alt+x"], "help": ["f1"]}.get(opened, ["x", "ctrl+x", "ctrl+c"]))
        await pilot.pause()
        assert isinstance(app.screen, Dialog)
        await pilot.press("ctrl+g")
        assert not isinstance(app.screen, Dialog)


async def test_typing_narrows_the_help_down() -> None:
    app = app_of(Desk("text"))
    async with app.run_test(size=(60, 15)) as pilot:
        await pilot.press("f1", *"crlf")
        await pilot.pause()
        shown = str(app.screen.query_one("#help-text").render())
        assert "Line endings" in shown and "Undo" not in shown
