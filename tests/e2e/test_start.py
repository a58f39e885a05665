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

# What talks to a server, what colours code, what a key or a click does, what few files need: loaded when the text is on the screen.
LATER = {
    "crdt.deleted",
    "crdt.history",
    "crdt.hunks",
    "crdt.outcomes",
    "crdt.overlaps",
    "crdt.passage",
    "crdt.raises",
    "crdt.revert",
    "crdt.run_view",
    "crdt.visibility",
    "crdt.written",
    "jpterm_like.access.hub",
    "jpterm_like.access.local_users",
    "jpterm_like.access.ssh",
    "jpterm_like.access.tokens",
    "jpterm_like.cli.commands",
    "jpterm_like.cli.export_commands",
    "jpterm_like.cli.find_command",
    "jpterm_like.cli.history_commands",
    "jpterm_like.cli.hood_commands",
    "jpterm_like.cli.manual_pages",
    "jpterm_like.cli.script_commands",
    "jpterm_like.cli.server_commands",
    "jpterm_like.cli.store_commands",
    "jpterm_like.client.hub_store",
    "jpterm_like.collection",
    "jpterm_like.conversation",
    "jpterm_like.files.charset_guess",
    "jpterm_like.files.git_head",
    "jpterm_like.files.ignore_rules",
    "jpterm_like.files.safe_names",
    "jpterm_like.history.apart",
    "jpterm_like.history.decisions",
    "jpterm_like.history.deleted",
    "jpterm_like.history.operations",
    "jpterm_like.history.review",
    "jpterm_like.history.review_items",
    "jpterm_like.history.same_changes",
    "jpterm_like.index.search",
    "jpterm_like.packs.documents",
    "jpterm_like.storage.inspection",
    "jpterm_like.storage.memory",
    "jpterm_like.sync.link",
    "jpterm_like.sync.wire",
    "jpterm_like.textdiff.diff",
    "jpterm_like.textdiff.matching",
    "jpterm_like.textdiff.merge",
    "jpterm_like.transports.websocket",
    "jpterm_like.tui.browser",
    "jpterm_like.tui.commands.basic",
    "jpterm_like.tui.commands.blame",
    "jpterm_like.tui.commands.bulk_edit",
    "jpterm_like.tui.commands.filter_lines",
    "jpterm_like.tui.commands.folding",
    "jpterm_like.tui.commands.lines",
    "jpterm_like.tui.commands.links",
    "jpterm_like.tui.commands.lists",
    "jpterm_like.tui.commands.macro_commands",
    "jpterm_like.tui.commands.mouse",
    "jpterm_like.tui.commands.multiple_carets",
    "jpterm_like.tui.commands.navigation",
    "jpterm_like.tui.commands.pairs",
    "jpterm_like.tui.commands.prose",
    "jpterm_like.tui.commands.reorder",
    "jpterm_like.tui.commands.review_page",
    "jpterm_like.tui.inspector",
    "jpterm_like.tui.kept_view",
    "jpterm_like.tui.key_presets",
    "jpterm_like.tui.past.past_screen",
    "jpterm_like.tui.ports",
    "jpterm_like.tui.preview",
    "jpterm_like.tui.render.popup",
    "jpterm_like.tui.sync_watch",
    "jpterm_like.tui.syntax.highlighter",
    "jpterm_like.tui.syntax.parser_process",
    "jpterm_like.tui.syntax.remote_highlighter",
    "jpterm_like.tui.text.line_changes",
    "jpterm_like.tui.text.links",
    "jpterm_like.tui.text.merge_splices",
    "jpterm_like.tui.text.minimal_edits",
    "jpterm_like.tui.text.outline",
    "jpterm_like.tui.text.pairs",
    "jpterm_like.tui.text.paths",
    "jpterm_like.tui.text.prefix",
    "jpterm_like.tui.text.search",
    "jpterm_like.tui.text_commands",
    "jpterm_like.tui.widgets.bar",
    "jpterm_like.tui.widgets.before_and_now",
    "jpterm_like.tui.widgets.card",
    "jpterm_like.tui.widgets.dialogs",
    "jpterm_like.tui.widgets.options",
    "jpterm_like.tui.widgets.start_screen",
    "json",
    "msgpack",
    "regex",
    "shlex",
    "sqlite3",
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
