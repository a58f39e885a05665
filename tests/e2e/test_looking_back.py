"""Looking back with real programs: after a restart and a kill, beside somebody who writes, and without the line."""

from __future__ import annotations

import asyncio
import random
import subprocess
from pathlib import Path

from tests.e2e.hub import kill_hub
from tests.e2e.terminal import PROGRAM, Serve, run, terminals, until

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


async def test_folding_changes_nothing_of_what_is_known_of_the_past(tmp_path: Path) -> None:
    """Who wrote what, what changed, and what was deleted; with the log of the server's store replaced by a snapshot."""
    (tmp_path / "f.md").write_text("as it was\nto delete\n")
    server = Serve(tmp_path)
    address = f"{server.url}/f.md"

    async def do(*arguments: str, words: str = "", code: int = 0) -> str:
        command = [*PROGRAM, *(address if it == "URL" else it for it in arguments)]
        done = await asyncio.to_thread(
            subprocess.run, command, input=words, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == code, done.stderr
        return done.stdout

    async def known() -> list[str]:
        diff = await do("diff", "URL", "--from", "2000-01-01", code=1)
        return [await do("blame", "URL", "--json"), await do("blame", "URL", "--porcelain"), diff]

    def is_folded() -> bool:
        return any((tmp_path / ".jpterm-like").rglob("*.snap"))

    try:
        await do("replace", "URL", "to delete\n", "by bob\n", "--name", "bob")
        await do("append", "URL", "by ann\n", "--name", "ann")
        before = await known()
        assert "bob" in before[0] and "-to delete" in before[2] and not is_folded()
        chance = random.Random(1)
        long = "".join(f"{chance.getrandbits(400):x}\n" for _ in range(3500))
        async with terminals() as terminal:
            ann = terminal(address, "--name", "ann")
            await ann.shows("by ann", "connected")
            await do("append", "URL", "--name", "cid", words=long)
            await do("replace", "URL", "--lines", "4-3503", "", "--name", "cid")
            await until(is_folded, "the server to fold the log")
            assert await known() == before
            server.kill()
            server.start()
            await ann.shows("by ann", "connected")
            assert await known() == before
            await ann.press(LOOK_BACK, "home")
            await ann.shows("at the start", "to delete")
            await ann.press("\x1b", "\x1b=")
            await ann.shows("bob", "by ann")
    finally:
        if server.process.poll() is None:
            server.kill()
