"""Looking back with real programs: after a restart and a kill, beside somebody who writes, and without the line."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.hub import kill_hub
from tests.e2e.terminal import Serve, run, terminals, until

LOOK_BACK = "\x1b-"


async def test_a_text_is_looked_at_and_restored_after_a_kill_and_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "f.md"
    file.write_text("as it was\n")
    async with terminals() as terminal:
        ann = terminal(str(file), "--name", "ann")
        await ann.is_saved()
        await ann.type("new ")
        await ann.shows("new as it was")
        await ann.says("unsaved")
        ann.kill()
        kill_hub()
        ann = terminal(str(file), "--name", "ann")
        await ann.shows("new as it was")
        await ann.press(LOOK_BACK)
        await ann.shows("PAST", "now ─ sitting 1 of 1 ─ by ann")
        await ann.press("home")
        await ann.shows("at the start", "1 as it was")
        await ann.press("R")
        await ann.shows("4 characters gone")
        await ann.press("ctrl+s")
        await until(lambda: file.read_text() == "as it was\n", "it is saved as it was")
        await ann.press("ctrl+z")
        await ann.shows("new as it was")


async def test_a_served_text_is_looked_at_while_another_writes_and_when_the_server_has_gone(
    tmp_path: Path,
) -> None:
    file = tmp_path / "f.md"
    file.write_text("as it was\n")
    server = Serve(tmp_path)
    try:
        async with terminals() as terminal:
            ann = terminal(f"{server.url}/f.md", "--name", "ann")
            await ann.is_saved()
            await ann.type("new ")
            await ann.shows("new as it was")
            await ann.press(LOOK_BACK, "home")
            await ann.shows("at the start")
            added = run("append", f"{server.url}/f.md", "bob was here\n", "--name", "bob")
            assert added.returncode == 0, added.stderr
            server.kill()
            await ann.shows("at the start", "○ offline")
            await ann.press("end")
            await ann.shows("new as it was", "bob was here", "now ─ ")
            await ann.press("home")
            await ann.shows("at the start")
            assert "bob was here" not in ann.text
            await ann.press("\x1b")
            await ann.shows("new as it was", "bob was here")
            await until(lambda: "PAST" not in ann.text, "the present")
    finally:
        if server.process.poll() is None:
            server.kill()
