"""Copying and pasting: here, through the system's tool, through the terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from jpterm_like.tui.clipboard import Clipboard, Tool, find_tool
from tests.tui.desk import Desk
from tests.tui.terminal import terminal


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tool:
    """A tool that keeps the text in a file; it may be slow on a busy machine."""
    monkeypatch.setattr("jpterm_like.tui.clipboard.TOOL_S", 20.0)
    kept = tmp_path / "kept"
    kept.write_text("")
    return Tool(("sh", "-c", f"cat > {kept}"), ("cat", str(kept)))


@pytest.mark.parametrize(
    ("variable", "program"),
    [("TMUX", "tmux"), ("WAYLAND_DISPLAY", "wl-copy"), ("DISPLAY", "xclip"), ("DISPLAY", "xsel")],
)
def test_the_tool_is_the_one_of_where_we_run(
    variable: str, program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TMUX", "WAYLAND_DISPLAY", "DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    (tmp_path / program).write_text("")
    (tmp_path / program).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_tool() is None
    monkeypatch.setenv(variable, "x")
    found = find_tool()
    assert found is not None and found.put[0] == program


def test_what_others_copied_comes_first_and_ours_when_the_tool_fails(tool: Tool) -> None:
    clipboard = Clipboard()
    clipboard.tool = tool
    assert clipboard.take() == ""
    assert clipboard.put("mine\n🙂")
    assert clipboard.take() == "mine\n🙂"
    Path(tool.take[1]).write_text("theirs")
    assert clipboard.take() == "theirs"
    clipboard.tool = Tool(("false",), tool.take)
    assert clipboard.put("again")
    assert clipboard.take() == "again"
    clipboard.tool = Tool(("no such program",), ("no such program",))
    clipboard.put("here")
    assert clipboard.take() == "here"


async def test_a_text_from_another_program_is_pasted_as_one_step(tool: Tool) -> None:
    desk = Desk("ab")
    async with terminal(desk) as (app, pilot, screen):
        app.copied.tool = tool
        Path(tool.take[1]).write_bytes(b"x\r\ny")
        await pilot.press("right", "ctrl+v")
        assert desk.buffer.text == "ax\nyb"
        await pilot.press("ctrl+z")
        assert desk.buffer.text == "ab"
        screen.written = ""
        await pilot.press("ctrl+a", "ctrl+c")
        assert "\x1b]52" not in screen.written, "the tool has it"
        assert app.copied.take() == "ab"


async def test_ten_thousand_pasted_lines_are_one_step_and_not_indented() -> None:
    """As a terminal sends them, with carriage returns."""
    desk = Desk("    x")
    async with terminal(desk) as (app, pilot, _):
        await pilot.press("end")
        app.editor.paste("\r".join(f"  line {n}" for n in range(10_000)))
        assert desk.buffer.text == "    x" + "\n".join(f"  line {n}" for n in range(10_000))
        await pilot.press("ctrl+z")
        assert desk.buffer.text == "    x"


async def test_the_mouse_can_be_left_to_the_terminal() -> None:
    async with terminal(Desk("ab"), (100, 20)) as (app, pilot, _):
        await pilot.press("ctrl+p", *"mouse", "enter")
        await pilot.pause()
        assert "belongs to the terminal" in app.editor.messages.text
        await pilot.press("escape", "ctrl+p", *"mouse", "enter")
        await pilot.pause()
        assert "works in the editor" in app.editor.messages.text
