"""Standard input that is no terminal: the keys come from the terminal all the same (B17)."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.hub import kill_hub
from tests.e2e.terminal import PROGRAM, terminals, until


@pytest.fixture(autouse=True)
def no_hub_left(home: Path) -> Iterator[None]:
    """No hub outlives its test."""
    yield
    kill_hub()


@pytest.mark.parametrize(
    "before", ["echo notes.md | xargs {}", "true | {} notes.md", "{} notes.md < /dev/null"]
)
async def test_files_are_edited_when_standard_input_is_no_terminal(tmp_path: Path, before: str) -> None:
    """As `git diff --name-only | xargs jpterm-like` starts it."""
    notes = tmp_path / "notes.md"
    notes.write_text("the first line\n")
    async with terminals() as started:
        one = started("-c", before.format(shlex.join(PROGRAM)), program=["sh"], cwd=tmp_path)
        await one.shows("the first line")
        await one.press("X", "ctrl+s")
        await until(lambda: notes.read_text() == "Xthe first line\n", "the file to be saved")
        await one.says(" saved")
        await one.press("ctrl+q")
        assert await one.ends() == 0


async def test_a_pipe_without_a_file_says_how_it_is_edited(tmp_path: Path) -> None:
    """One sentence with the command, and no editor."""
    async with terminals() as started:
        one = started("-c", f"echo words | {shlex.join(PROGRAM)}", program=["sh"], cwd=tmp_path)
        await one.shows("| jpterm-like -")
        assert await one.ends() == 1
