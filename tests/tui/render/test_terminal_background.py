"""Light or dark as the terminal is: its answers are read however they are cut, and a person's own choice counts more."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from textual import events
from textual.message import Message

from jpterm_like.tui.render.key_parser import KeyParser
from jpterm_like.tui.render.terminal_background import TerminalBackground, guess
from tests.tui.desk import Desk
from tests.tui.terminal import terminal

LIGHT, DARK = TerminalBackground(True), TerminalBackground(False)


def read(*parts: str) -> tuple[list[bool], str]:
    """The backgrounds that were told, and what was typed."""
    parser = KeyParser()
    told: list[Message] = [message for part in parts for message in _fed(parser, part)]
    typed = "".join(it.character or "" for it in told if isinstance(it, events.Key))
    return [it.is_light for it in told if isinstance(it, TerminalBackground)], typed


def _fed(parser: KeyParser, part: str) -> Iterable[Message]:
    yield from parser.feed(part)
    yield from parser.tick()


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        ("\x1b]11;rgb:ffff/ffff/ffff\x1b\\", [True]),
        ("\x1b]11;rgb:1e1e/1e1e/2e2e\x07", [False]),
        ("\x1b]11;rgba:ff/f0/e0/ff\x07", [True]),
        ("\x1b]11;rgb:0/0/0\x07", [False]),
        ("\x1b[?997;1n", [False]),
        ("\x1b[?997;2n", [True]),
        ("\x1b]10;rgb:ffff/ffff/ffff\x07", []),
        ("\x1b]11;rgb:gg/gg/gg\x07", []),
        ("\x1b]11;rgb:" + "f" * 90 + "\x07", []),
        ("\x1b]52;c;aGFsbG8=\x07", []),
    ],
)
def test_answers_are_read_however_they_are_cut_and_never_typed(answer: str, wanted: list[bool]) -> None:
    for cut in range(len(answer)):
        if answer[cut - 1] != "\x1b" or cut == 0:
            assert read(f"a{answer[:cut]}", f"{answer[cut:]}b") == (wanted, "ab")
    assert read("x", answer + answer, "y") == (wanted * 2, "xy")


def test_some_terminals_say_it_in_the_environment() -> None:
    assert guess({"COLORFGBG": "0;15"}) and guess({"COLORFGBG": "0;default;15"})
    assert not guess({"COLORFGBG": "15;0"}) and not guess({})


async def test_the_theme_follows_the_terminal_and_a_choice_stays() -> None:
    async with terminal(Desk("text"), theme="auto") as (app, pilot, _):
        assert app.palette.theme.id == "dark" and app.follows_background
        for told, shown in ((LIGHT, "light"), (LIGHT, "light"), (DARK, "dark")):
            app.post_message(told)
            await pilot.pause()
            assert app.palette.theme.id == shown
    async with terminal(Desk("text"), theme="dusk") as (app, pilot, screen):
        assert not app.follows_background and "\x1b]11;" not in screen.written
        app.post_message(LIGHT)
        await pilot.pause()
        assert app.palette.theme.id == "dusk"
        app.use_theme("auto")
        assert app.palette.theme.id == "light", "as it has told"
        assert screen.written.count("\x1b]11;?\x1b\\\x1b[?2031h") == 1, "and it is asked again"


async def test_the_themes_offer_the_choice_by_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[str] = []
    monkeypatch.setattr("jpterm_like.tui.app.keep_setting", lambda paths, key, value: kept.append(value))
    async with terminal(Desk("text"), theme="dusk") as (app, pilot, _):
        await pilot.press("f2", "home", "enter")
        await pilot.pause()
        assert kept == ["auto"] and app.palette.theme.id == "dark"
