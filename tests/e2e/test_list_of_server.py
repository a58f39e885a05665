"""An address without a file, or of a folder, opens the list, as `jpterm-like DIR` does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.terminal import Serve, Terminal, terminals

ELSEWHERE = "elsewhere.md"


@pytest.mark.parametrize("ending", ["", "/", "/docs/"])
async def test_an_address_without_a_file_opens_the_list(tmp_path: Path, home: Path, ending: str) -> None:
    folder = tmp_path / "shared"
    (folder / "docs").mkdir(parents=True)
    (folder / "docs" / "plan.md").write_text("the plan\n")
    (folder / ELSEWHERE).write_text("others\n")
    serve = Serve(folder)
    try:
        async with terminals() as terminal:
            ann: Terminal = terminal(f"{serve.url}{ending}", "--name", "ann")
            await ann.shows("docs/plan.md", *([] if ending == "/docs/" else [ELSEWHERE]))
            assert (ELSEWHERE in ann.text) == (ending != "/docs/")
            await ann.press("plan", "enter")
            await ann.shows("the plan")
    finally:
        serve.kill()


async def test_an_address_that_is_pasted_behind_the_scheme_is_joined(tmp_path: Path, home: Path) -> None:
    """The field says `ws://`; people paste what they were given, whole."""
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "plan.md").write_text("the plan\n")
    serve = Serve(tmp_path / "shared")
    try:
        async with terminals() as terminal:
            ann: Terminal = terminal("--name", "ann")
            await ann.press("\x10")
            await ann.shows("Save")
            await ann.press("join a file", "enter")
            await ann.shows("Its address")
            await ann.press(f"{serve.url}/plan.md", "enter")
            await ann.shows("the plan")
    finally:
        serve.kill()
