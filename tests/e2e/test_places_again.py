"""The caret is where it was, after a quit, a closed window and a kill."""

from __future__ import annotations

import asyncio
import shlex
from pathlib import Path

import pytest

from jpterm_like.config import Paths
from jpterm_like.files.ephemeral import is_in_memory
from tests.e2e.terminal import PROGRAM, Terminal, terminals, until


async def place_of(editor: Terminal, line: int) -> None:
    await editor.says(f"line {line}, column")


async def test_the_caret_is_where_it_was_after_each_way_to_end(tmp_path: Path) -> None:
    if is_in_memory(tmp_path):
        pytest.skip("nothing is kept of files in memory")
    file = tmp_path / "notes.md"
    file.write_text("".join(f"row {n}\n" for n in range(200)))
    kept = Paths.of_user().state_folder / "last-time.json"
    async with terminals() as terminal:
        editor = terminal(str(file), rows=20)
        await editor.shows("row 0")
        line = 61
        await editor.press(*["down"] * (line - 1))
        await place_of(editor, line)
        await editor.press("ctrl+q")
        assert await editor.ends() == 0

        editor = terminal(str(file), rows=20)
        await place_of(editor, line)
        await editor.press("down")
        await place_of(editor, line + 1)
        editor.hang_up()
        await asyncio.to_thread(editor.process.wait)

        file.write_text("above\nabove\n" + file.read_text())
        editor = terminal(str(file), rows=20)
        await place_of(editor, line + 3)
        await editor.press("down")
        await place_of(editor, line + 4)
        before = kept.read_bytes()
        await until(lambda: kept.read_bytes() != before, "the place written while the editor runs")
        editor.kill()

        editor = terminal(str(file), rows=20)
        await place_of(editor, line + 4)
        await editor.press("ctrl+q")
        assert await editor.ends() == 0

        editor = terminal("+7", str(file), rows=20)
        await place_of(editor, 7)
        await editor.press("ctrl+q")
        assert await editor.ends() == 0

        file.write_text(file.read_text())  # a message is written anew for each call
        as_git_does = shlex.join([*PROGRAM, str(file)]) + "; true"
        editor = terminal("-c", as_git_does, program=["sh"], rows=20)
        await editor.shows("row 0")
        await place_of(editor, 1)
