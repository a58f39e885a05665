"""On a server that saves by itself there is no alarm while somebody types."""

from __future__ import annotations

import pytest

from crdt import Version
from jpterm_like.client.events import Status, StatusChanged
from jpterm_like.tui.saving import SAVING_S_MAX, Saving
from tests.tui.desk import Desk
from tests.tui.terminal import terminal


def unsaved_desk(address: str) -> Desk:
    desk = Desk("text")
    desk.address, desk.saved = address, False
    return desk


def test_the_alarm_comes_only_after_a_while_without_any_save() -> None:
    desk, saving = unsaved_desk("ws://host/notes.md"), Saving()
    assert saving.state(desk, 0.0) == "saving"
    assert saving.next_change(1.0) == SAVING_S_MAX - 1.0
    assert saving.state(desk, SAVING_S_MAX - 0.1) == "saving"
    assert saving.state(desk, SAVING_S_MAX) == "unsaved"
    assert saving.next_change(SAVING_S_MAX) is None
    desk.saved = True
    assert saving.state(desk, 20.0) == "saved"
    desk.saved = False
    assert saving.state(desk, 30.0) == "saving", "it begins anew"


def test_while_one_types_on_and_the_server_saves_part_after_part_there_is_no_alarm() -> None:
    desk, saving = unsaved_desk("wss://host/notes.md"), Saving()
    for second in range(60):
        desk.saved_version = Version({1: second})
        assert saving.state(desk, float(second)) == "saving"


@pytest.mark.parametrize("wrong", ["file", "offline"])
def test_what_nobody_saves_by_itself_is_unsaved_at_once(wrong: str) -> None:
    desk = unsaved_desk("/tmp/notes.md" if wrong == "file" else "ws://host/notes.md")
    if wrong == "offline":
        desk.status = Status("offline")
    assert Saving().state(desk, 0.0) == "unsaved"


async def test_the_status_bar_says_saving_and_then_unsaved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jpterm_like.tui.saving.SAVING_S_MAX", 0.2)
    desk = unsaved_desk("ws://host/notes.md")
    desk.saved = True
    async with terminal(desk, (100, 10)) as (app, pilot, _):

        def bar() -> str:
            return app.status_bar.render_line(0).text

        desk.saved = False
        desk.tell(StatusChanged())
        app.editor.update()
        seen = bar()
        assert "saving" in seen and "unsaved" not in seen
        while "unsaved" not in bar():  # by time alone
            await pilot.pause(0.05)
