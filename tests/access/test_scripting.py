"""Scripts and agents are participants: one edit, one look, a stream of events, a program that edits."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import jpterm_like
from jpterm_like.cli.edit_requests import BadRequest, EditRequests
from jpterm_like.cli.manual_pages import page
from jpterm_like.client.open import connect_session
from jpterm_like.client.session import Session
from jpterm_like.storage.memory import MemoryStorage
from tests.e2e.terminal import PATIENCE_S, PROGRAM, Serve, Terminal, run, terminals, until


def done(*arguments: str, stdin: str | None = None) -> str:
    """What a command printed that did what it was asked."""
    ended = subprocess.run(
        [*PROGRAM, *arguments], capture_output=True, text=True, timeout=60, check=False, input=stdin
    )
    assert (ended.returncode, ended.stderr) == (0, ""), ended
    return ended.stdout


def failed(*arguments: str) -> str:
    """What a command said that could not do what it was asked."""
    ended = run(*arguments)
    assert (ended.returncode, ended.stdout) == (1, ""), ended
    assert re.fullmatch(r"jpterm-like: [^\n]+\n", ended.stderr)
    return ended.stderr


@pytest.fixture(params=["file", "server"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A text with three lines, through either door."""
    folder = tmp_path / "shared"
    folder.mkdir()
    file = folder / "notes.md"
    file.write_text("one\ntwo\none more\n")
    if request.param == "file":
        yield str(file)
        return
    serve = Serve(folder, "--save-after", "0.1")
    yield f"{serve.url}/notes.md"
    serve.stop()


def test_one_edit_from_a_script(address: str) -> None:
    """By line, offset, text and at the end; from an argument or standard input; and the text is there for all."""
    assert done("insert", address, "--line", "2", "between\n") == ""
    assert done("cat", address) == "one\nbetween\ntwo\none more\n"
    done("replace", address, "two", "2")
    done("replace", address, "--lines", "4-4", "four\n")
    done("insert", address, "--offset", "0", "# ")
    done("insert", address, "--after", "bet", "<>")
    done("insert", address, "--before", "ween", stdin="!")
    done("append", address, "end")
    done("append", address, stdin="")
    assert done("cat", address) == "# one\nbet<>!ween\n2\nfour\nend\n"
    done("replace", address, "--range", "0-2", "")
    done("replace", address, "e", "E", "--all")
    assert done("cat", address) == "onE\nbEt<>!wEEn\n2\nfour\nEnd\n"
    done("append", address, "--", "--dashes")
    assert done("cat", address).endswith("End\n--dashes\n")


def test_a_replacement_that_is_not_clear_fails_and_says_so(address: str) -> None:
    """Not there, or there twice: exit code 1, one sentence, and nothing is changed."""
    before = done("cat", address)
    assert "“three” does not occur" in failed("replace", address, "three", "3")
    assert "“one” occurs 2 times" in failed("replace", address, "one", "1")
    assert "does not occur" in failed("insert", address, "x", "--after", "nowhere")
    assert "There is no line 9" in failed("replace", address, "--lines", "9-9", "x")
    assert "beyond the end" in failed("insert", address, "x", "--offset", "999")
    assert "does not occur" in failed("replace", address, "\x1b[2J", "x")
    assert done("cat", address) == before


def test_an_edit_of_a_file_writes_it_unless_others_have_unsaved_work(tmp_path: Path) -> None:
    """The plain file follows; but a script does not save what somebody else has not saved."""
    file = tmp_path / "notes.md"
    file.write_text("one\n")
    done("append", str(file), "two")
    assert file.read_text() == "one\ntwo\n"
    done("pipe", str(file), stdin='{"do": "insert", "offset": 0, "text": "draft "}\n')
    done("append", str(file), "three")
    assert file.read_text() == "one\ntwo\n"
    done("append", str(file), "four", "--save")
    assert file.read_text() == "draft one\ntwo\nthree\nfour\n"
    done("append", str(tmp_path / "new.md"), "begun")
    assert (tmp_path / "new.md").read_text() == "begun\n"


def test_who_wrote_what(address: str) -> None:
    """`log` names the writers; the edit is under the name that was given."""
    done("append", address, "by ann", "--name", "ann")
    done("append", address, "by \u202ebob", "--name", "bob")
    log = done("log", address)
    assert re.search(r"  ann  line 4: by ann\n", log)
    assert "by \\u202ebob" in log
    entries = [json.loads(line) for line in done("log", address, "--json").splitlines()]
    assert [(e["name"], e["line"], e["text"]) for e in entries][-2:] == [
        ("ann", 4, "by ann\n"),
        ("bob", 5, "by \u202ebob\n"),
    ]


def test_nobody_is_there_and_no_server(tmp_path: Path) -> None:
    """Each command without its text, or without its server: one sentence."""
    for command in ("cat", "log", "who"):
        assert "no file" in failed(command, str(tmp_path / "missing.md"))
        assert "Nobody listens" in failed(command, "ws://127.0.0.1:1/x")
    assert "no file" in failed("replace", str(tmp_path / "missing.md"), "a", "b")
    assert "Nobody listens" in failed("append", "ws://127.0.0.1:1/x", "y")


class Pipe:
    """`jpterm-like pipe` or `watch` as a process: orders in, events out."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.events: list[dict[str, Any]] = []

    async def order(self, **order: object) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        return await self.event(lambda event: event["event"] in ("done", "failed"))

    async def event(self, fits: Any) -> dict[str, Any]:
        """The next event that fits; all are kept."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            while True:
                line = await self.process.stdout.readline()
                assert line, f"it ended after {self.events}"
                event: dict[str, Any] = json.loads(line)
                self.events.append(event)
                if fits(event):
                    return event


@asynccontextmanager
async def piped(*arguments: str) -> AsyncIterator[Pipe]:
    process = await asyncio.create_subprocess_exec(
        *PROGRAM, *arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        yield Pipe(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def carets(session: Session) -> list[tuple[str, int | None]]:
    """Who else is there, and where."""
    return [(p.name, session.buffer.offset(p.caret) if p.caret else None) for p in session.people]


async def test_a_program_takes_part(address: str) -> None:
    """Orders by offset, line, text and anchor; changes and people as they come; its edits under its name."""
    async with (
        piped("pipe", address, "--name", "bot") as bot,
        jpterm_like.connect(address, name="ann") as ann,
    ):
        first = await bot.event(lambda event: event["event"] == "text")
        assert first["text"] == "one\ntwo\none more\n"
        ann.show_caret(4, None)
        people = await bot.event(
            lambda event: event["event"] == "people" and event["people"] and "line" in event["people"][0]
        )
        assert people["people"] == [{"name": "ann", "offset": 4, "line": 2, "column": 1}]

        anchor = (await bot.order(do="anchor", offset=7))["anchor"]
        assert (await bot.order(id=7, do="insert", line=1, text="zero\n"))["id"] == 7
        await bot.order(do="insert", anchor=anchor, text="!")
        await bot.order(do="replace", old="more", text="most")
        await bot.order(do="delete", line=4)
        await bot.order(do="append", text="end")
        assert (await bot.order(do="text"))["text"] == "zero\none\ntwo!\nend\n"
        assert (await bot.order(do="replace", old="nowhere", text=""))["event"] == "failed"
        assert (await bot.order(do="stored"))["event"] == "done"
        await until(lambda: ann.text == "zero\none\ntwo!\nend\n", "ann's text")
        await until(lambda: carets(ann) == [("bot", len(ann.text))], "the program's caret")

        seen_number = bot.events[-1].get("number", (await bot.order(do="text"))["number"])
        ann.replace(0, 0, "far above\n")
        change = await bot.event(lambda event: event["event"] == "changed" and not event["mine"])
        assert (change["by"], change["splices"]) == (["ann"], [{"start": 0, "end": 0, "text": "far above\n"}])
        await bot.order(do="insert", offset=5, seen=seen_number, text="> ")
        assert (await bot.order(do="text"))["text"].startswith("far above\nzero\n> one\n")
        await bot.order(do="undo")
        assert (await bot.order(do="text"))["text"].startswith("far above\nzero\none\n")

        looked = await asyncio.to_thread(done, "who", address, "--json")
        assert sorted(json.loads(line)["name"] for line in looked.splitlines()) == ["ann", "bot"]
        assert len(ann.people) == 1, "asking who is there shows one to nobody"
        assert bot.process.stdin is not None
        bot.process.stdin.close()
        async with asyncio.timeout(PATIENCE_S):
            assert await bot.process.wait() == 0


async def test_watching(address: str) -> None:
    """`watch` prints what happens and takes no part in it; ctrl+c ends it."""
    async with (
        piped("watch", address) as watch,
        jpterm_like.connect(address, name="ann") as ann,
    ):
        assert (await watch.event(lambda event: event["event"] == "text"))["role"] == "view"
        ann.replace(0, 3, "1\x1b")
        change = await watch.event(lambda event: event["event"] == "changed")
        assert change["splices"] == [{"start": 0, "end": 3, "text": "1\x1b"}]
        watch.process.terminate()
        async with asyncio.timeout(PATIENCE_S):
            assert await watch.process.wait() == 0


async def test_nonsense_on_the_pipe_is_answered(address: str) -> None:
    """What is no JSON, no order, or an order that cannot be: `failed` with a sentence, and the program goes on."""
    async with piped("pipe", address, "--name", "bot") as bot:
        await bot.event(lambda event: event["event"] == "text")
        assert bot.process.stdin is not None
        bot.process.stdin.write(b"nonsense\n[1]\n{\n" + b"[" * 100_000 + b"\n\xff\xfe\n")
        for _ in range(5):
            answer = await bot.event(lambda event: event["event"] in ("done", "failed"))
            assert answer["event"] == "failed"
        for order in (
            {"do": "dance"},
            {"do": ["text"]},
            {"do": "insert", "text": "x"},
            {"do": "insert", "text": "x", "offset": -1},
            {"do": "insert", "text": "x", "offset": True},
            {"do": "insert", "text": "x", "offset": 0, "line": 1},
            {"do": "insert", "text": "x", "offset": 0, "seen": 99},
            {"do": "insert", "text": 7, "offset": 0},
            {"do": "insert", "text": "\ud800", "offset": 0},
            {"do": "insert", "text": "x", "anchor": "AAAA"},
            {"do": "insert", "text": "x", "anchor": 5},
            {"do": "replace", "text": "x", "start": 2, "end": 1},
            {"do": "replace", "text": "x", "line": 2, "last": 1},
            {"do": "text", "surprise": 1},
        ):
            answer = await bot.order(**order)
            assert answer["event"] == "failed", order
            assert answer["sentence"].endswith("."), answer
        assert (await bot.order(do="text"))["text"] == "one\ntwo\none more\n"


async def test_the_manuals_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example agent does what the manual says, with somebody in an editor."""
    [agent] = [
        block
        for block in re.findall(r"^```python\n(.*?)^```$", page("scripting"), re.M | re.S)
        if "Popen" in block
    ]
    assert len(agent.splitlines()) <= 30
    command = tmp_path / "bin" / "jpterm-like"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {shlex.join(PROGRAM)} "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}:{os.environ['PATH']}")
    file = tmp_path / "notes.md"
    file.write_text("a few words\n")
    async with terminals() as terminal:
        one: Terminal = terminal(str(file))
        await one.shows("connected")
        process = subprocess.Popen([sys.executable, "-W", "error", "-c", agent, str(file)])
        try:
            await one.says("with counter")
            await one.press("ctrl+end")
            await one.type("/words\n")
            await one.shows("3 words")
            await one.shows("counter")
        finally:
            process.terminate()
            process.wait()


@pytest.mark.parametrize(("text", "line", "found"), [("a\nb", 3, "a\nbX"), ("a\n", 2, "a\nX"), ("", 1, "X")])
async def test_the_line_behind_the_last_one(text: str, line: int, found: str, tmp_path: Path) -> None:
    """A text can be continued by the number of the line that would come next."""
    file = tmp_path / "f"
    file.write_text(text)
    async with connect_session(str(file), name="x", storage=MemoryStorage(), create=True) as session:
        requests = EditRequests(session)
        await requests.carry_out({"do": "insert", "line": line, "text": "X"})
        assert session.text == found
        with pytest.raises(BadRequest):
            await requests.carry_out({"do": "insert", "line": line + 5, "text": "X"})
