"""Commands of the system in vi: beside the editor, and only those that the person typed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from time import monotonic

import pytest

from jpterm_like.tui.commands import filter_lines
from tests.tui.desk import Desk
from tests.tui.vim.compare import Headless


async def done(editor: Headless) -> None:
    """Wait for the keys that wait, and then for the command."""
    while editor.vi.is_busy:
        await asyncio.sleep(0)
    await asyncio.gather(*filter_lines._running)


async def test_a_filter_runs_beside_the_keyboard_and_is_one_step() -> None:
    editor = Headless(desk := Desk("x\nb\na\nb\n"))
    began = monotonic()
    editor.type_keys("j:2,$!sleep 0.3; sort -u\r")
    assert monotonic() - began < 0.25
    editor.type_keys("ggiX\x1b")
    await done(editor)
    assert desk.buffer.text == "Xx\na\nb\n"
    editor.type_keys("u")
    assert desk.buffer.text == "Xx\nb\na\nb\n"


async def test_a_filter_that_comes_too_late_is_refused() -> None:
    editor = Headless(desk := Desk("b\na\n"))
    editor.type_keys("!Gsleep 0.2; sort\riX\x1b")
    await done(editor)
    assert desk.buffer.text == "Xb\na\n"
    assert "were changed while" in editor.said[-1]


@pytest.mark.parametrize("keys", ["!Gtr a-z A-Z\r", "VG!tr a-z A-Z\r", ":%!tr a-z A-Z\r"])
async def test_all_ways_to_filter(keys: str) -> None:
    editor = Headless(desk := Desk("b\na\n"))
    editor.type_keys(keys)
    await done(editor)
    assert desk.buffer.text == "B\nA\n"


async def test_output_is_put_below_its_line_though_that_has_moved() -> None:
    editor = Headless(desk := Desk("one\ntwo\n"))
    editor.type_keys(":1r !sleep 0.2; echo new\rggO\x1b")
    await done(editor)
    assert desk.buffer.text == "\none\nnew\ntwo\n"


async def test_a_command_that_only_shows_says_what_it_printed() -> None:
    editor = Headless(Desk("one\n"))
    editor.type_keys(":!echo hello\r")
    await done(editor)
    assert editor.said[-1] == "hello"
    editor.type_keys(":!exit 3\r")
    await done(editor)
    assert "failed with exit code 3" in editor.said[-1]


@pytest.mark.parametrize("way", [":!touch {}", ":r !touch {}", ":%!touch {}"])
async def test_a_macro_from_the_text_runs_no_command(tmp_path: Path, way: str) -> None:
    """A register may hold lines that others wrote; `@` of it must not run a shell."""
    file = tmp_path / "made"
    editor = Headless(Desk(way.format(file) + "\n"))
    for keys in ('"ayy', "@a", "/x\r", "@:", "@:"):
        editor.type_keys(keys)
        await done(editor)
    assert not file.exists()
    assert any("runs no commands" in said for said in editor.said)
    editor.type_keys(way.format(file) + "\r")
    await done(editor)
    assert file.exists()
    file.unlink()
    editor.type_keys("@:")
    await done(editor)
    assert file.exists()
