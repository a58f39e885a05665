"""Fixtures: one or two people at real editors, in terminals of memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.tui.parser_here import ParserHere
from tests.tui.story import Story


@pytest.fixture(autouse=True)
def no_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clipboard of the person who runs the tests is left alone."""
    monkeypatch.setattr("jpterm_like.tui.clipboard.find_tool", lambda: None)


@pytest.fixture(autouse=True)
def all_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal with 24-bit colours, whichever the tests run in."""
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture(autouse=True)
def no_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """What others do is shown in the next turn of the loop, so nobody waits for a clock."""
    monkeypatch.setattr("jpterm_like.tui.editor.FRAME_S", 0.0)


@pytest.fixture(autouse=True)
def parser_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts are parsed in this process, so that no test waits for another one to start; `test_parser_process` starts some."""
    monkeypatch.setattr("jpterm_like.tui.syntax.parser_process.ParserProcess", ParserHere)


@pytest.fixture(autouse=True)
def whole_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes in short steps goes in one, however busy the machine is; tests of the steps set a length of their own."""
    monkeypatch.setattr("jpterm_like.tui.commands.find.STEP_S", 60.0)
    monkeypatch.setattr("jpterm_like.tui.commands.editing.BULK_STEP_S", 60.0)


@pytest.fixture
async def tell() -> AsyncIterator[Callable[..., Awaitable[None]]]:
    """Tell a story: `await tell("he|llo", "presses X", "heX|llo")`; see `story.py`."""

    async def run(*steps: str, **options: object) -> None:
        async with Story(**options) as story:
            for step in steps:
                await story.go_on(step)

    yield run


two = tell
