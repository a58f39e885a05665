"""Pairs and completion in a real terminal."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.terminal import Terminal, terminals, until


async def test_a_call_is_written_with_the_list_and_its_bracket(tmp_path: Path) -> None:
    """The closing bracket is put and stepped over, the list comes by itself and by ctrl+space, and enter takes nothing."""
    file = tmp_path / "a.py"
    file.write_text("def countless(): ...\n")
    async with terminals() as terminal:
        ann: Terminal = terminal(str(file), columns=60, rows=15)
        await ann.says("connected")
        await ann.press("ctrl+end")
        await ann.type("cou")
        await ann.shows("countless tab")
        await ann.press("\t", "(", ")", "enter")
        await ann.type("coun")
        await ann.shows("countless tab")
        await ann.press("enter")
        await ann.type("co")
        await ann.press("\0")
        await ann.shows(">coun")
        await ann.press("\0")
        await ann.shows(">countless")
        await ann.press("enter", "ctrl+s")
        await until(
            lambda: file.read_text() == "def countless(): ...\ncountless()\ncoun\ncountless", "the call"
        )
        await ann.is_saved()
        await ann.press("ctrl+q")
        assert await ann.ends() == 0
