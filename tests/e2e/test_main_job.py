"""The main job, with real programs: two people in one file, and a line that drops."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import jpterm_like
from tests.e2e.terminal import Serve, Terminal, run, terminals, until


def tokens(who: str, count: int) -> list[str]:
    """Words that nobody else types."""
    return [f"{who}{number}" for number in range(count)]


def each_once(text: str, *words: str) -> None:
    """Every word is there exactly once."""
    wrong = {word: n for word in words if (n := len(re.findall(rf"\b{word}\b", text))) != 1}
    assert not wrong, f"{wrong} in {text!r}"


async def test_two_terminals_on_one_file(tmp_path: Path) -> None:
    """`jpterm-like notes.md` twice: both type at once, both see both, and the file holds everything (1)."""
    file = tmp_path / "notes.md"
    file.write_text("# Notes\n\n\n")
    async with terminals() as terminal:
        ann: Terminal = terminal(str(file), "--name", "ann")
        await ann.shows("# Notes", "connected")
        bob: Terminal = terminal(str(file), "--name", "bob")
        await bob.shows("# Notes", "connected", "ann")
        await ann.shows("bob")
        await ann.press("down")
        await bob.press("ctrl+end")
        await asyncio.gather(ann.type("from ann 🙂"), bob.type("from bob 字"))
        for one in (ann, bob):
            await one.shows("from ann", "from bob")
        await ann.press("ctrl+s")
        for one in (ann, bob):
            await one.is_saved()
            await one.press("ctrl+q")
            assert await one.ends() == 0
    assert file.read_text() == "# Notes\nfrom ann 🙂\n\nfrom bob 字"


async def test_f29_the_server_dies_while_both_type_and_comes_back(tmp_path: Path) -> None:
    """kill -9 of the server: both go on; within 2 s of its return all is everywhere, and in the file (2)."""
    folder = tmp_path / "shared"
    folder.mkdir()
    serve = Serve(folder)
    address = f"{serve.url}/notes.md"
    try:
        async with terminals() as terminal:
            ann: Terminal = terminal(address, "--name", "ann")
            bob: Terminal = terminal(address, "--name", "bob")
            for one in (ann, bob):
                await one.shows("connected")
            words = {ann: tokens("ann", 40), bob: tokens("bob", 40)}

            async def write(one: Terminal) -> None:
                for word in words[one]:
                    await one.type(word + " ", gap_s=0.02)

            writing = asyncio.gather(*[write(one) for one in (ann, bob)])
            await asyncio.sleep(1.0)  # in the midst of their typing
            serve.kill()
            await writing
            for one in (ann, bob):
                await one.shows("offline", "unsent")
            serve.start()
            back = asyncio.get_running_loop().time()
            for one in (ann, bob):
                await one.shows("connected", "ann39", "bob39", patience_s=2.0)
            assert asyncio.get_running_loop().time() - back < 2.0
            text = run("cat", address).stdout
            each_once(text, *words[ann], *words[bob])
            await until(
                lambda: (folder / "notes.md").exists() and (folder / "notes.md").read_text() == text,
                "the file",
            )
            for one in (ann, bob):
                await one.is_saved()
                assert "unsent" not in one.text
    finally:
        serve.kill()


async def test_f02_an_editor_that_is_killed_offline_loses_nothing(tmp_path: Path) -> None:
    """kill -9 of an editor with unsent work: it is there at the next start, offline too, and arrives later (3)."""
    folder = tmp_path / "shared"
    folder.mkdir()
    (folder / "notes.md").write_text("begun\n")
    serve = Serve(folder)
    address = f"{serve.url}/notes.md"
    try:
        async with terminals() as terminal:
            ann: Terminal = terminal(address, "--name", "ann")
            await ann.shows("begun", "connected")
            serve.kill()
            await ann.type("unsent words ", gap_s=0.01)
            await ann.shows("offline", "unsent words")
            ann.kill()
            again: Terminal = terminal(address, "--name", "ann")
            await again.shows("unsent words begun", "offline", "unsent")
            serve.start()
            await again.shows("connected")
            assert run("cat", address).stdout == "unsent words begun\n"
    finally:
        serve.kill()


async def test_f07_a_file_that_was_not_edited_is_saved_byte_for_byte(tmp_path: Path) -> None:
    """CRLF and no newline at the end come back as they were; one edit changes one line's bytes (6)."""
    file = tmp_path / "dos.txt"
    file.write_bytes(b"one\r\ntwo\r\nthree")
    async with terminals() as terminal:
        ann: Terminal = terminal(str(file))
        await ann.shows("three", "connected")
        await ann.press("ctrl+s")
        await ann.is_saved()
        assert file.read_bytes() == b"one\r\ntwo\r\nthree"
        await ann.press("down", "end", "!", "ctrl+s")
        await until(lambda: file.read_bytes() == b"one\r\ntwo!\r\nthree", "the file")


async def test_the_client_of_the_readme(tmp_path: Path) -> None:
    """A script edits, waits for the server's disk, and leaves."""
    serve = Serve(tmp_path)
    try:
        async with jpterm_like.connect(f"{serve.url}/notes.md", name="ann") as session:
            session.replace(0, 0, "hello")
            assert session.unsent == 5
            await session.stored()
            assert (session.text, session.unsent, session.status.state) == ("hello", 0, "connected")
            serve.kill()
            serve.start()
        assert run("cat", f"{serve.url}/notes.md").stdout == "hello"
        assert serve.stop() == 0
        assert (tmp_path / "notes.md").read_text() == "hello"
    finally:
        serve.kill()


@contextlib.asynccontextmanager
async def at_work(folder: Path) -> AsyncIterator[tuple[Terminal, Path]]:
    """Ann in her editor, and the file in which she writes."""
    file = folder / "notes.md"
    file.write_text("text\n")
    async with terminals() as terminal:
        ann: Terminal = terminal(str(file), "--name", "ann")
        await ann.shows("text", "connected")
        yield ann, file


async def test_an_editor_ends_when_its_terminal_is_gone(tmp_path: Path) -> None:
    """The window is closed and no signal comes: the editor keeps the work and ends, instead of reading on for ever."""
    async with at_work(tmp_path) as (ann, file):
        await ann.type("kept ")
        await ann.shows("kept text")
        ann.hang_up()
        assert await ann.ends() == 129
        assert run("cat", str(file)).stdout == "kept text\n"


def threads(terminal: Terminal) -> int:
    return len(os.listdir(f"/proc/{terminal.process.pid}/task"))


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="asks Linux for the threads")
async def test_an_editor_that_is_told_to_go_on_unasked_reads_the_keyboard_once(tmp_path: Path) -> None:
    """Each SIGCONT began one more thread that read a part of the keys, and reads on for ever when the terminal is gone."""
    async with at_work(tmp_path) as (ann, file):
        await ann.type("a")
        before = threads(ann)
        for what in (
            signal.SIGCONT,
            signal.SIGSTOP,
            signal.SIGCONT,
            signal.SIGTSTP,
            signal.SIGCONT,
            signal.SIGCONT,
        ):
            ann.process.send_signal(what)
            await asyncio.sleep(0.3)  # for it to be acted on: two of one kind at once are one
        await until(lambda: threads(ann) <= before, "no more threads than before")
        await ann.press(*["right", "left"] * 20, "b")
        await ann.shows("abtext")
        ann.process.send_signal(signal.SIGCONT)
        ann.hang_up()
        assert await ann.ends() == 129
        assert run("cat", str(file)).stdout == "abtext\n"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks Linux for the state")
async def test_a_stopped_editor_whose_terminal_goes_ends(tmp_path: Path) -> None:
    """The kernel tells both: that the terminal is gone, and to go on."""
    async with at_work(tmp_path) as (ann, file):
        await ann.type("kept ")
        await ann.shows("kept text")
        ann.process.send_signal(signal.SIGTSTP)
        await until(lambda: Path(f"/proc/{ann.process.pid}/stat").read_text().split()[2] == "T", "its rest")
        ann.hang_up()
        ann.process.send_signal(signal.SIGCONT)
        assert await ann.ends() == 129
        assert run("cat", str(file)).stdout == "kept text\n"
