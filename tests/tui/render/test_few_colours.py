"""Terminals with sixteen colours, eight or none: everything can be told apart."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from rich.style import Style
from textual.pilot import Pilot

from jpterm_like.tui.app import EditorApp
from jpterm_like.tui.workspace import Opening
from tests.tui.desk import Desk, Plain
from tests.tui.terminal import terminal


@pytest.mark.parametrize(
    ("term", "has"),
    [("linux", True), ("screen", True), ("nobody-knows", True), ("vt100", False), ("xterm-mono", False)],
)
def test_the_name_of_the_terminal_tells_whether_it_has_colours(term: str, has: bool) -> None:
    code = "import sys; from jpterm_like.tui.render.terminal_colours import has_colours; print(has_colours(sys.argv[1]))"
    told = subprocess.run([sys.executable, "-c", code, term], capture_output=True, text=True, check=True)
    assert told.stdout == f"{has}\n"


def shown(app: EditorApp) -> list[tuple[str, Style]]:
    """The words on the screen with their styles."""
    with app._context():
        strips = app.screen._compositor.render_strips()
    return [
        (words, style or Style.null())
        for strip in strips
        for text, style, _ in strip
        if (words := re.sub("[\u2500-\u259f\\s]", "", text))
    ]


DIALOGS = (("ctrl+p",), ("f1",), ("ctrl+o",), ("f2",), ("ctrl+f", "t"), ("x", "ctrl+q"))


async def each_dialog(pilot: Pilot[int]) -> list[tuple[str, Style]]:
    seen = shown(pilot.app)  # type: ignore[arg-type]
    for keys in DIALOGS:
        await pilot.press(*keys)
        await pilot.pause()
        seen += shown(pilot.app)  # type: ignore[arg-type]
        await pilot.press("escape")
    return seen


async def test_an_unknown_theme_is_the_terminals_own_there_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLORTERM", "")
    monkeypatch.setenv("TERM", "screen")
    assert EditorApp([Opening(Desk(""))], Plain(theme="nonsense")).palette.theme.id == "terminal"


async def test_sixteen_colours_are_the_terminals_own_and_nothing_is_invisible(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another theme would become greys there: black on black, and a placeholder that nobody sees."""
    monkeypatch.setenv("COLORTERM", "")
    monkeypatch.setenv("TERM", "linux")
    app = EditorApp([Opening(Desk("# Title\n\ntext\n"))], Plain(theme="dusk"))
    async with app.run_test(size=(80, 24)) as pilot:
        assert app.palette.theme.id == "terminal"
        seen = await each_dialog(pilot)
        assert not app.follows_background
        app.use_theme("light")
        assert app.palette.theme.id == "terminal", "also when the settings change"
    pairs = {words: (style.color, style.bgcolor) for words, style in seen}
    assert all(ink is None or ink.triplet is None for ink, _ in pairs.values()), "only its own"
    for words, (ink, ground) in pairs.items():
        names = [colour.name if colour is not None else "default" for colour in (ink, ground)]
        assert names[0] != names[1] or names == ["default"] * 2, words
        assert names not in (["default", "black"], ["black", "default"], ["blue", "black"]), words
        assert names[0] != "bright_black", f"{words}: it is the background in some sets of colours"
    assert any("ypetosearch" in words for words in pairs)


@pytest.mark.parametrize("reason", ["NO_COLOR", "TERM"])
async def test_without_colours_the_chosen_row_is_reversed(
    monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    """A terminal that has none by its name is treated as with NO_COLOR."""
    if reason == "NO_COLOR":
        monkeypatch.setenv("NO_COLOR", "1")
    else:
        monkeypatch.setenv("COLORTERM", "")
        monkeypatch.setenv("TERM", "xterm-mono")
        monkeypatch.setattr("jpterm_like.tui.render.terminal_colours.has_colours", lambda term: False)
    async with terminal(Desk("# Title\n\ntext\n"), size=(80, 24)) as (_, pilot, screen):
        for keys, chosen in (
            (("ctrl+p",), "Save "),
            (("x", "ctrl+q"), "Save and quit"),
            (("ctrl+f", "t"), ""),
        ):
            await pilot.press(*keys)
            await pilot.pause()
            rows = screen.screen.buffer.values()
            reversed_words = ["".join(cell.data for cell in row.values() if cell.reverse) for row in rows]
            if chosen:
                assert any(words.startswith(chosen) for words in reversed_words), keys
            else:
                assert " " in reversed_words, "the caret in the field"
            await pilot.press("escape")
        assert not re.search(r"\x1b\[[0-9;]*\b(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])[;m]", screen.written)
