"""What the first screen of the editor may load; a time would say as much only on a quiet machine."""

from __future__ import annotations

import os
import pty
import socket
import subprocess
import sys
import termios
from pathlib import Path

from tests.e2e.terminal import terminals

ROOT = Path(__file__).parents[2]

# What talks to a server, what colours code, what few files need: loaded when the text is on the screen.
LATER = {
    "jpterm_like.conversation",
    "jpterm_like.history.review",
    "jpterm_like.history.review_items",
    "jpterm_like.access.local_users",
    "jpterm_like.textdiff.diff",
    "jpterm_like.sync.link",
    "jpterm_like.textdiff.matching",
    "jpterm_like.textdiff.merge",
    "jpterm_like.sync.wire",
    "jpterm_like.access.tokens",
    "jpterm_like.transports.websocket",
    "jpterm_like.files.charset_guess",
    "jpterm_like.files.git_head",
    "jpterm_like.tui.browser",
    "jpterm_like.tui.commands.blame",
    "jpterm_like.tui.commands.review_page",
    "jpterm_like.tui.inspector",
    "jpterm_like.tui.past.past_screen",
    "jpterm_like.tui.text.links",
    "jpterm_like.tui.widgets.before_and_now",
    "jpterm_like.tui.widgets.card",
    "jpterm_like.tui.widgets.dialogs",
    "jpterm_like.tui.preview",
    "jpterm_like.tui.syntax.highlighter",
    "msgpack",
    "regex",
    "tree_sitter",
    "watchfiles",
    "wcwidth",
    "websockets",
}

# Notes what is loaded when the text is handed to the terminal, and ends.
PROGRAM = """
import os, sys
from pathlib import Path
from textual.drivers.linux_driver import LinuxDriver
write = LinuxDriver.write
def noting(driver, data):
    write(driver, data)
    if "the last line of all" in data:
        Path(sys.argv[2]).write_text(" ".join(sys.modules))
        os._exit(0)
LinuxDriver.write = noting
from jpterm_like.cli.main import main
main(sys.argv[1:2])
"""


def test_the_first_screen_loads_nothing_that_can_follow_it(tmp_path: Path) -> None:
    notes, loaded = tmp_path / "notes.md", tmp_path / "loaded"
    notes.write_text("# Notes\n\nsome words\nthe last line of all\n")
    master, slave = pty.openpty()
    try:
        termios.tcsetwinsize(slave, (24, 80))
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(notes), str(loaded)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm-256color"},
            cwd=ROOT,
            start_new_session=True,
        )
        assert process.wait(timeout=60) == 0
    finally:
        os.close(slave)
        os.close(master)
    names = loaded.read_text().split()
    assert "jpterm_like.tui.editor" in names
    assert sorted(LATER & set(names)) == []


async def test_a_server_that_keeps_silent_is_named_while_it_is_waited_for() -> None:
    """Nothing can be shown before it answers, and nothing was said for ten seconds."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host = f"127.0.0.1:{silent.getsockname()[1]}"
        async with terminals() as terminal:
            ann = terminal(f"ws://{host}/notes.md")
            await ann.shows(f"Waiting for ws://{host}", "ctrl+c gives up")
            await ann.press("\x03")
            assert await ann.ends() != 0
