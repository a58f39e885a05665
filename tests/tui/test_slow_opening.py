"""Connecting that takes long says what is waited for and what to do; it never just says *opening*."""

from __future__ import annotations

import pytest

from jpterm_like.client.events import Status, StatusChanged
from jpterm_like.tui import slow_opening
from jpterm_like.tui.slow_opening import OPENING_S_MAX, SlowOpening
from tests.tui.desk import Desk
from tests.tui.terminal import settle, terminal


@pytest.mark.parametrize(
    ("address", "ready", "words"),
    [
        ("/home/ann/notes.md", True, ("server of your files on this machine", "doctor", "go on writing")),
        (
            "ws://tok@far.example:8000/a.md",
            True,
            ("far.example:8000 has not answered for 10", "go on writing"),
        ),
        ("wss://far.example/a.md", False, ("far.example has not answered", "shown when it answers")),
        ("ssh://ann@box/a.md", True, ("box has not answered over ssh", "kept on this machine")),
        ("ws+unix://%2Frun%2Fs.sock/a.md", True, ("has not answered",)),
    ],
)
def test_it_says_what_is_waited_for_and_what_to_do(address: str, ready: bool, words: tuple[str, ...]) -> None:
    desk = Desk("text")
    desk.address, desk.ready, desk.status = address, ready, Status("opening")
    waiting = SlowOpening()
    assert waiting.due(desk, 5.0) == "" and waiting.next_change(6.0) == OPENING_S_MAX - 1
    assert waiting.due(desk, 5.0 + OPENING_S_MAX - 0.1) == ""
    told = waiting.due(desk, 5.0 + OPENING_S_MAX)
    assert all(word in told for word in words), told
    assert "tok@" not in told, "a token is nobody's to read"
    assert waiting.due(desk, 30.0) == "" and waiting.next_change(30.0) is None, "once"
    desk.status = Status("connected")
    assert waiting.due(desk, 31.0) == "" and waiting.next_change(31.0) is None


async def test_the_sentence_is_on_the_screen_until_there_is_an_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It comes by itself, without a key."""
    monkeypatch.setattr(slow_opening, "OPENING_S_MAX", 0.05)
    desk = Desk("text")
    desk.status = Status("opening")
    async with terminal(desk, (80, 24)) as (app, pilot, screen):
        assert "opening" in screen.rows()[-1]
        while "has not answered" not in " ".join(screen.rows()):
            await pilot.pause(0.02)
        desk.status = Status("connected")
        desk.tell(StatusChanged())
        settle(app)
        assert "has not answered" not in " ".join(screen.rows())
