"""The theme is light on a light terminal: the program asks, and neither waits for the answer nor types it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jpterm_like.tui.render import themes
from tests.e2e.hub import kill_hub
from tests.e2e.terminal import Terminal, terminals, until

ASKED = b"\x1b]11;?\x1b\\\x1b[?2031h"
THEMES = themes.load(themes.folders())[0]


@pytest.fixture(autouse=True)
def no_hub_left(home: Path) -> Iterator[None]:
    """No hub outlives its test."""
    yield
    kill_hub()


async def test_the_theme_follows_the_terminal_while_the_editor_runs(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("the first line\n")
    async with terminals() as started:
        one: Terminal = started("notes.md", cwd=tmp_path)

        async def has_ground(theme: str) -> None:
            wanted = THEMES[theme].interface.background.removeprefix("#")
            await until(lambda: one.screen.buffer[20][60].bg == wanted, f"the ground of {theme}")

        await has_ground("dark")
        await one.says(" saved")
        assert one.raw.count(ASKED) == 1
        await one.press("\x1b]11;rgb:fafa/fafa/f0f0\x1b\\")
        await has_ground("light")
        await one.press("\x1b[?997;1n")
        await has_ground("dark")
        assert (tmp_path / "notes.md").read_text() == "the first line\n"
        await one.says(" saved")
        await one.press("ctrl+q")
        assert await one.ends() == 0
        assert one.raw.count(b"\x1b[?2031l") == 1
