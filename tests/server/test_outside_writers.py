"""Other programs write the plain files of open documents, on a real file system, while people type (F5).

People are real sessions on a real server, which listens on a unix socket in this process. Outside writers are real
programs, or do step by step what such programs do. Each write brings a token, each person types tokens; in the end
every one of them is in everybody's text and in the file exactly once. A round follows from its seed alone, but for
what the machine's own timing adds.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from jpterm_like.client.events import Notice, RequestFailed
from jpterm_like.client.open import connect, connect_session
from jpterm_like.client.session import Session
from jpterm_like.files.watch import Polling, Watcher, Watching
from jpterm_like.server import document
from jpterm_like.server.server import Server
from jpterm_like.server.shared_folder import SharedFolder
from jpterm_like.storage.folder import FolderStorage, FolderStore
from jpterm_like.textdiff.merge import Merge
from jpterm_like.transports.websocket import listen_unix
from tests.e2e.terminal import PROGRAM
from tests.e2e.test_bad_input import AS_USER
from tests.sync.network import simulate
from tests.sync.test_outages import Scene

PATIENCE_S = 40.0
"""How long to wait for what must come. Generous: a busy machine is no failure."""


class Desk:
    """A served folder and the people in its files."""

    def __init__(self, root: Path, state: Path, socket: Path) -> None:
        self.root = root
        self.socket = socket
        self.server: Server | None = None
        self.told: list[Notice] = []
        self._state = state
        self._people: contextlib.AsyncExitStack = contextlib.AsyncExitStack()

    @contextlib.asynccontextmanager
    async def serve(
        self, *, autosave_s: float | None = 0.1, watcher: Watcher | None = None
    ) -> AsyncIterator[Desk]:
        storage = FolderStorage(self.root / ".jpterm-like")
        server = Server(
            SharedFolder(self.root), storage, autosave_s=autosave_s, watcher=watcher or Watching()
        )
        server.start()
        listener = await listen_unix(server.converse, self.socket)
        self.server = server
        try:
            async with self._people:
                yield self
        finally:
            listener.stop_accepting()
            await server.drain()
            await listener.stop()
            self.server = None
            self._people = contextlib.AsyncExitStack()

    @contextlib.asynccontextmanager
    async def serve_as_user(self) -> AsyncIterator[Desk]:
        """In a process of its own, for which root's power over permissions does not count."""
        command = [*PROGRAM, "serve", str(self.root), "--unix", str(self.socket), "--save-after", "0.1"]
        process = await asyncio.to_thread(subprocess.Popen, command, stdout=subprocess.DEVNULL, **AS_USER)
        try:
            await until(lambda: self.socket.exists() or process.poll() is not None, "the server")
            if process.poll() == 77:
                pytest.skip("this root may not give up its power over permissions")
            async with self._people:
                yield self
        finally:
            process.terminate()
            process.wait(timeout=PATIENCE_S)

    async def join(self, name: str, file: str = "notes.md") -> Session:
        session = await self._people.enter_async_context(
            connect(
                f"ws+unix://{self.socket}:/{file}",
                name=name,
                state_dir=self._state / name,
                timeout_s=PATIENCE_S,
            )
        )
        session.listen(lambda event: self.told.append(event) if isinstance(event, Notice) else None)
        return session

    async def visit(self, name: str, file: str = "notes.md") -> Session:
        """As `join`, and hear what is told on the way in."""
        storage = FolderStorage(self._state / name)
        self._people.callback(storage.close)
        url = f"ws+unix://{self.socket}:/{file}"
        session = await self._people.enter_async_context(
            connect_session(url, name=name, storage=storage, create=True)
        )
        session.listen(lambda event: self.told.append(event) if isinstance(event, Notice) else None)
        await session.wait_until_joined(PATIENCE_S)
        return session

    async def leave(self) -> None:
        """Everybody goes."""
        await self._people.aclose()

    def file(self, name: str = "notes.md") -> Path:
        return self.root / name

    async def hears(self, words: str) -> Notice:
        """Wait until the people are told a sentence."""
        await until(
            lambda: any(words in notice.sentence for notice in self.told), f"{words!r}, told: {self.told}"
        )
        return next(notice for notice in self.told if words in notice.sentence)


@pytest.fixture
def desk(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    root = tmp_path / "shared"
    root.mkdir()
    return Desk(root, tmp_path / "people", tmp_path_factory.mktemp("s") / "s")


async def until(true: Callable[[], object], what: str) -> None:
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while not true():
        assert asyncio.get_running_loop().time() < deadline, f"waited {PATIENCE_S:.0f} s in vain for: {what}"
        await asyncio.sleep(0.02)


async def run(*command: str, cwd: Path | None = None) -> int:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return await process.wait()


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=ann", "-c", "user.email=ann@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def once(text: str, *tokens: str) -> None:
    """Each token is there exactly once."""
    assert {token: text.count(token) for token in tokens} == dict.fromkeys(tokens, 1), text


# Outside writers: each adds a line with a token to the file, in the way of some kind of program.


async def appends(file: Path, token: str, chance: random.Random) -> None:
    await run("sh", "-c", 'echo "$1" >> "$2"', "sh", token, str(file))


async def edits_with_sed(file: Path, token: str, chance: random.Random) -> None:
    line = chance.randint(1, 3)
    await run("sed", "-i", f"{line}i {token}", str(file))


async def replaces(file: Path, token: str, chance: random.Random) -> None:
    """As most editors save: a new file, renamed over the old one."""
    temporary = file.with_name(f".{token}.tmp")
    temporary.write_text(with_line(file.read_text(), token, chance))
    await asyncio.sleep(chance.choice((0, 0.05)))
    temporary.rename(file)


async def truncates_and_writes(file: Path, token: str, chance: random.Random) -> None:
    """Empties the file, writes one half, and then the other."""
    text = with_line(file.read_text(), token, chance)
    half = chance.randint(0, len(text))
    with file.open("w") as stream:
        await asyncio.sleep(chance.choice((0, 0.3)))
        stream.write(text[:half])
        stream.flush()
        await asyncio.sleep(chance.choice((0, 0.1)))
        stream.write(text[half:])


async def moves_away_and_writes(file: Path, token: str, chance: random.Random) -> None:
    """As vim and emacs do with backups."""
    text = with_line(file.read_text(), token, chance)
    backup = file.with_name(f".{token}~")
    file.rename(backup)
    await asyncio.sleep(chance.choice((0, 0.3)))
    with contextlib.suppress(FileExistsError), file.open("x") as stream:
        stream.write(text)
        return
    with file.open("a") as stream:  # somebody saved meanwhile; this program is a polite one
        stream.write(f"{token}\n")


async def formats(file: Path, token: str, chance: random.Random) -> None:
    """Reads, thinks for a while, and writes everything in its own style."""
    text = file.read_text()
    await asyncio.sleep(chance.choice((0.05, 0.5)))
    lines = [" ".join(line.split()) for line in [*text.split("\n"), token]]
    temporary = file.with_name(f".{token}.tmp")
    temporary.write_text("\n".join(lines) + "\n")
    temporary.rename(file)


WRITERS: tuple[Callable[[Path, str, random.Random], Awaitable[None]], ...] = (
    appends,
    edits_with_sed,
    replaces,
    truncates_and_writes,
    moves_away_and_writes,
    formats,
)


def with_line(text: str, token: str, chance: random.Random) -> str:
    lines = text.split("\n")
    lines.insert(chance.randint(0, len(lines) - 1), token)
    return "\n".join(lines)


@pytest.mark.parametrize("how", ["appending", "at a place of its own", "by tee -a"])
async def test_a_program_that_holds_the_file_open_loses_nothing(
    desk: Desk, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It writes a line now and then, through many saves, when everybody has left, and when they are back."""
    monkeypatch.setattr(document, "RACE_S", 0.1)
    file = desk.file()
    file.write_text("" if how == "at a place of its own" else "begin\n")
    command = (
        ["tee", "-a", str(file)]
        if how == "by tee -a"
        else ["sh", "-c", 'while read line; do echo "$line"; done']
    )
    with file.open("w" if how == "at a place of its own" else "a") as stream:
        program = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL if how == "by tee -a" else stream,
            text=True,
        )
    assert program.stdin is not None

    def write(line: str) -> None:
        assert program.stdin is not None
        program.stdin.write(f"{line}\n")
        program.stdin.flush()

    def is_saved(token: str) -> Callable[[], bool]:
        return lambda: token in file.read_text()

    def is_seen(token: str) -> Callable[[], bool]:
        return lambda: token in ann.text

    tokens: list[str] = []
    try:
        async with desk.serve():
            ann = await desk.join("ann")
            for number in range(6):
                tokens += [f"<ann {number}>", f"<program {number}>"]
                ann.replace(0, 0, f"<ann {number}>\n")
                await until(is_saved(tokens[-2]), "the save")
                write(tokens[-1])
                await until(is_seen(tokens[-1]), "the program's line")
            await desk.leave()
            await asyncio.sleep(0.3)
            tokens.append("<program alone>")
            write(tokens[-1])
            bob = await desk.join("bob")
            await until(lambda: tokens[-1] in bob.text, "the line that came when nobody was there")
            tokens.append("<bob>")
            bob.replace(0, 0, "<bob>\n")
            await until(lambda: all(token in file.read_text() for token in tokens), "all of it in the file")
            program.stdin.close()
            await asyncio.to_thread(program.wait)
            once(bob.text, *tokens)
            once(file.read_text(), *tokens)
    finally:
        program.kill()
        program.wait()


async def live(desk: Desk, seed: int) -> None:
    """One round: two people type in a file while others write it."""
    chance = random.Random(seed)
    file = desk.file(f"{seed}.md")
    file.write_text("".join(f"line {number} of round {seed}\n" for number in range(5)))
    people = [await desk.join(name, file.name) for name in ("ann", "bob")]
    tokens: list[str] = []

    async def types(session: Session) -> None:
        for _ in range(6):
            token = f"{session.name}{len(tokens)}x{seed}x"
            tokens.append(token)
            places = [found.start() for found in re.finditer(r"\b|$", session.text)]
            at = chance.choice(places)
            session.replace(at, at, f" {token} ")
            await asyncio.sleep(chance.uniform(0, 0.3))

    async def writes() -> None:
        for _ in range(3):
            await asyncio.sleep(chance.uniform(0, 0.5))
            token = f"disk{len(tokens)}x{seed}x"
            tokens.append(token)
            await chance.choice(WRITERS)(file, token, chance)

    async with asyncio.TaskGroup() as tasks:
        for session in people:
            tasks.create_task(types(session))
        tasks.create_task(writes())

    def problems() -> list[str]:
        texts = {session.name: session.text for session in people}
        with contextlib.suppress(OSError):
            texts["the file"] = file.read_text()
        found = [
            f"{token} {text.count(token)} times at {at}"
            for at, text in texts.items()
            for token in tokens
            if text.count(token) != 1
        ]
        if len(set(texts.values())) > 1:
            found.append(f"different texts: {texts}")
        return found

    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while problems():
        assert asyncio.get_running_loop().time() < deadline, f"seed {seed}: {problems()}"
        await asyncio.sleep(0.05)


@pytest.mark.amount
@pytest.mark.parametrize("batch", range(5))
async def test_f05_every_token_of_both_sides_survives_once(
    batch: int, desk: Desk, request: pytest.FixtureRequest
) -> None:
    """The whole list of outside writers against live typing with unsaved work, in many rounds."""
    seed = request.config.getoption("--seed")
    seeds = range(request.config.getoption("--writers")) if seed is None else [seed]
    mine = seeds[batch::5]
    async with desk.serve():
        for begin in range(0, len(mine), 20):
            await asyncio.gather(*(live(desk, seed) for seed in mine[begin : begin + 20]))


# One by one


async def test_f05_what_others_write_is_seen_at_once_and_is_one_step_of_disk(desk: Desk) -> None:
    """Nobody saves: the change comes by itself, by the author "disk", told in a sentence, and is one step of undo."""
    desk.file().write_text("one\ntwo\nthree\n")
    async with desk.serve(autosave_s=None):
        ann, bob = await desk.join("ann"), await desk.join("bob")
        ann.replace(0, 0, "unsaved ")
        await run("sed", "-i", "s/one/ONE/;s/three/THREE/", str(desk.file()))
        await until(lambda: ann.text == bob.text == "unsaved ONE\ntwo\nTHREE\n", "the change")
        place = bob.text.index("ONE")
        ((start, end, site, _),) = bob.buffer.authorship(place, place + 3)
        assert (start, end, bob.buffer.author_of(site)) == (place, place + 3, "disk")
        assert "merged in" in (await desk.hears("changed on disk")).sentence
        assert desk.file().read_text() == "ONE\ntwo\nTHREE\n"
        assert ann.undo() is not None  # my own step, not the disk's
        await until(lambda: bob.text == "ONE\ntwo\nTHREE\n", "the undo")
        assert desk.server is not None
        pad = desk.server.documents.by_name["notes.md"].document.pad
        pad.undo(0.0)
        await until(lambda: ann.text == bob.text == "one\ntwo\nthree\n", "the disk's step taken back")


@pytest.mark.parametrize("half", ["", "# The title, new\n\nHalf of a sen"], ids=["nothing", "the first half"])
async def test_f05_half_a_file_is_not_taken_for_all_of_it(half: str, desk: Desk) -> None:
    """Emptied, then written in two parts with a pause between, while somebody saves: no word is gone for a moment."""
    old = "# The title\n\nA sentence.\n" + "more text\n" * 20
    new = "# The title, new\n\nHalf of a sentence.\n" + "more text\n" * 20
    desk.file().write_text(old)
    async with desk.serve():
        ann = await desk.join("ann")
        shortest = len(ann.text)

        def note(event: object) -> None:
            nonlocal shortest
            shortest = min(shortest, len(ann.text))

        ann.listen(note)
        ann.replace(len(old), len(old), "ann's\n")
        with desk.file().open("w") as stream:
            stream.write(half)
            stream.flush()
            await asyncio.sleep(3 * document.REST_S)
            stream.write(new[len(half) :])
        await until(lambda: desk.file().read_text() == ann.text == new + "ann's\n", "the merged text")
        assert shortest >= len(old) - len("sentence")


async def test_f05_a_formatter_after_each_save_ends_in_peace(desk: Desk) -> None:
    """It answers every write of ours with a write of its own, with something typed between: bounded, told, nothing lost."""
    desk.file().write_text("")
    async with desk.serve(autosave_s=0.05):
        ann = await desk.join("ann")
        assert desk.server is not None
        paper = desk.server.documents.by_name["notes.md"].document
        writes = 0

        async def formats_forever() -> None:
            nonlocal writes
            last = ""
            while True:
                await asyncio.sleep(0.02)
                text = desk.file().read_text()
                if text != last:
                    writes += 1
                    temporary = desk.file(".tmp")
                    last = "".join(f"{line.rstrip()}\n" for line in text.rstrip("\n").split("\n"))
                    temporary.write_text(last)
                    temporary.rename(desk.file())

        formatting = asyncio.create_task(formats_forever())
        tokens = [f"ann{number}x" for number in range(40)]
        for token in tokens:
            ann.replace(len(ann.text), len(ann.text), f"{token}  \n")
            await asyncio.sleep(0.1)
            if paper.contests == document.CONTESTS_MAX:
                break
        typed = [token for token in tokens if token in ann.text]
        await until(lambda: ann.saved and desk.file().read_text() == ann.text, "peace")
        once(ann.text, *typed)
        at_peace = writes
        await asyncio.sleep(1.0)
        assert writes <= at_peace + 1
        formatting.cancel()
        if paper.contests >= document.CONTESTS_TOLD:
            await desk.hears("written less often")


async def test_f05_a_program_that_writes_an_old_state_takes_nothing_away(desk: Desk) -> None:
    """It read the file, we saved, it writes what it read with a line of its own."""
    desk.file().write_text("one\n")
    async with desk.serve(autosave_s=None):
        ann = await desk.join("ann")
        read = desk.file().read_text()
        ann.replace(0, 0, "ann's\n")
        await ann.save()
        desk.file().write_text(read + "theirs\n")
        await until(lambda: ann.text == "ann's\none\ntheirs\n", "both")
        assert not ann.saved
        await ann.save()
        assert desk.file().read_text() == "ann's\none\ntheirs\n"


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("- [ ] buy milk\n", "- [ ] buy eggs\n"),
        ("- [ ] buy a lot of milk\n", "- [ ] buy a lot of eggs\n"),
        ("<a1>\n", "<log1>\n"),
    ],
    ids=["list", "list of long lines", "tokens"],
)
async def test_f05_a_line_like_ours_in_an_old_state_takes_ours_not_away(
    ours: str, theirs: str, desk: Desk
) -> None:
    """It read the file, we saved a line at the end, it writes what it read with a line at the end that is much like ours."""
    desk.file().write_text("- [ ] buy bread\n")
    async with desk.serve(autosave_s=None):
        ann = await desk.join("ann")
        read = desk.file().read_text()
        ann.replace(len(ann.text), len(ann.text), ours)
        await ann.save()
        desk.file().write_text(read + theirs)
        await until(lambda: theirs in ann.text, "theirs")
        once(ann.text, ours, theirs, "bread")


async def test_f05_a_line_like_one_that_we_had_just_deleted_is_a_line_of_its_own(desk: Desk) -> None:
    """We deleted a line and saved; two lines much like it, one of ours and one of another program, were woven into one."""
    desk.file().write_text("- [ ] buy a lot of milk\n")
    async with desk.serve(autosave_s=None):
        ann = await desk.join("ann")
        ann.replace(0, len(ann.text), "")
        await ann.save()
        ann.replace(0, 0, "- [ ] buy a lot of rice\n")
        await ann.stored()
        desk.file().write_text("- [ ] buy a lot of eggs\n")
        await until(lambda: "eggs" in ann.text, "theirs")
        assert ann.text == "- [ ] buy a lot of rice\n- [ ] buy a lot of eggs\n"


@pytest.mark.parametrize("was_gone", [False, True], ids=["old state", "old state of a file that was gone"])
async def test_f05_what_another_program_set_back_is_not_called_saved(was_gone: bool, desk: Desk) -> None:
    """`git switch -f` just after a save: the text is kept, and was called saved although no file held it."""
    desk.file().write_text("one\n")
    async with desk.serve(autosave_s=None):
        ann = await desk.join("ann")
        ann.replace(0, 0, "ann's\n")
        if was_gone:
            desk.file().unlink()
            await desk.hears("was deleted or moved away")
        await ann.save()
        assert ann.saved
        desk.file().write_text("one\n")
        await desk.hears("was set back on disk")
        await until(lambda: not ann.saved, "not saved")
        assert ann.text == "ann's\none\n"
        await ann.save()
        assert ann.saved and desk.file().read_text() == "ann's\none\n"
    desk.told.clear()
    async with desk.serve(autosave_s=0.1):
        ann = await desk.join("ann")
        ann.replace(0, 0, "more\n")
        await until(lambda: ann.saved, "saved")
        desk.file().write_text("ann's\none\n")
        await desk.hears("was set back on disk")
        await until(lambda: desk.file().read_text() == "more\nann's\none\n" and ann.saved, "written again")


async def test_f05_a_line_for_the_file_that_was_just_replaced_is_not_lost(desk: Desk) -> None:
    desk.file().write_text("one\n")
    async with desk.serve(autosave_s=None):
        ann = await desk.join("ann")
        with desk.file().open("a") as appending:
            ann.replace(0, 0, "ann's\n")
            await ann.save()
            appending.write("late\n")
        await until(lambda: ann.text == "ann's\none\nlate\n", "the late line")


@pytest.mark.parametrize("raw", [b"\xef\xbb\xbfone\r\ntwo\r\n", b"one\rtwo\r", b"one\r\ntwo\nthree"])
async def test_f07_line_ends_and_mark_stay_through_merges(raw: bytes, desk: Desk) -> None:
    """One edit and one line from outside change two lines' bytes."""
    desk.file().write_bytes(raw)
    desk.file().chmod(0o640)
    async with desk.serve():
        ann = await desk.join("ann")
        ann.replace(3, 3, "!")
        with desk.file().open("ab") as stream:
            stream.write(b"four")
        wanted = raw.replace(b"one", b"one!") + b"four"
        await until(lambda: desk.file().read_bytes() == wanted, "the bytes")
        assert desk.file().stat().st_mode & 0o777 == 0o640


async def test_f12_git_switches_there_and_back_while_two_people_type(desk: Desk) -> None:
    """Another branch's text comes and goes, what people typed stays, and git is never in the way of itself."""
    git(desk.root, "init", "-q", "-b", "main")
    desk.file(".gitignore").write_text(".jpterm-like\n")
    desk.file().write_text("common\nof main\nend\n")
    git(desk.root, "add", "-A")
    git(desk.root, "commit", "-qm", "main")
    git(desk.root, "switch", "-qc", "side")
    desk.file().write_text("common\nof side\nend\n")
    git(desk.root, "commit", "-qam", "side")
    git(desk.root, "switch", "-qc", "without", "main")
    git(desk.root, "rm", "-q", "notes.md")
    git(desk.root, "commit", "-qm", "without")
    git(desk.root, "switch", "-q", "main")
    async with desk.serve(autosave_s=None):
        ann, bob = await desk.join("ann"), await desk.join("bob")
        for number, (branch, line) in enumerate(
            [("side", "of side"), ("main", "of main"), ("without", ""), ("main", "of main")]
        ):
            ann.replace(0, 0, f"ann{number}x\n")
            bob.replace(len(bob.text), len(bob.text), f"bob{number}x\n")
            git(desk.root, "switch", "-q", branch)
            if line:
                await until(lambda line=line: line in ann.text and line in bob.text, f"the branch {branch}")  # type: ignore[misc]
            else:
                await desk.hears("deleted or moved away")
                assert not desk.file().exists()
        await until(lambda: ann.text == bob.text, "equal texts")
        once(
            ann.text,
            "of main",
            "common",
            "end",
            *[f"{who}{number}x" for who in ("ann", "bob") for number in range(4)],
        )
        assert "of side" not in ann.text
        await bob.save()
        assert desk.file().read_text() == bob.text


@pytest.mark.parametrize("autosave_s", [0.05, None], ids=["serve", "hub"])
@pytest.mark.parametrize("how", ["rename", "case-only rename", "rm", "rm -r of its folder"])
async def test_f13_a_file_that_goes_away_takes_no_text_with_it(
    how: str, autosave_s: float | None, desk: Desk
) -> None:
    """Everyone is told, newcomers too; it does not come back by itself; saving writes it again."""
    file = desk.file("folder/notes.md")
    file.parent.mkdir()
    file.write_text("text\n")
    async with desk.serve(autosave_s=autosave_s):
        ann = await desk.join("ann", "folder/notes.md")
        match how:
            case "rename":
                await run("mv", str(file), str(file.with_name("other.md")))
            case "case-only rename":
                await run("mv", str(file), str(file.with_name("Notes.md")))
            case "rm":
                await run("rm", str(file))
            case _:
                await run("rm", "-r", str(file.parent))
        assert (await desk.hears("deleted or moved away")).serious
        ann.replace(0, 0, "ann's ")
        bob = await desk.visit("bob", "folder/notes.md")
        assert bob.text == "ann's text\n"
        await until(
            lambda: len([n for n in desk.told if "deleted or moved away" in n.sentence]) == 2, "bob told"
        )
        assert not ann.saved
        assert not file.exists()
        await ann.stored()
        await ann.save()
        assert file.read_text() == "ann's text\n"
        await until(lambda: bob.saved, "the mark at the other one")


async def test_f12_a_folder_that_is_made_again_is_watched_again(desk: Desk) -> None:
    file = desk.file("folder/notes.md")
    file.parent.mkdir()
    file.write_text("text\n")
    async with desk.serve(autosave_s=None):
        ann = await desk.join("ann", "folder/notes.md")
        for number in range(3):
            await run("rm", "-r", str(file.parent))
            file.parent.mkdir()
            file.write_text(f"text {number}\n")
            await until(lambda number=number: ann.text == f"text {number}\n", "the new folder's text")  # type: ignore[misc]


@pytest.mark.parametrize("outside", ["a", "a\n", "", "b\na\n"])
async def test_f28_the_last_line_end_is_as_the_last_writer_left_it(outside: str, desk: Desk) -> None:
    desk.file().write_text("a\nb\n")
    async with desk.serve():
        ann, bob = await desk.join("ann"), await desk.join("bob")
        desk.file().write_text(outside)
        await until(lambda: ann.text == bob.text == outside, "the outside text")
        await until(lambda: ann.saved, "saved")
        assert desk.file().read_text() == outside


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (b"\x00\x01binary", "is a binary file"),
        (b"not \xff UTF-8", "not UTF-8"),
        ("large", "is larger than"),
        ("folder", "is a folder"),
    ],
)
async def test_f36_what_is_no_text_any_more_is_left_alone(what: bytes | str, words: str, desk: Desk) -> None:
    """Everyone stays and is told once; nothing is written there, not by ctrl+s either; text again, it is merged."""
    file = desk.file()
    file.write_text("text\n")
    async with desk.serve():
        ann = await desk.join("ann")
        aside = desk.file("aside")
        match what:
            case bytes():
                aside.write_bytes(what)
            case "large":
                with aside.open("wb") as stream:
                    stream.truncate(300 << 20)
            case _:
                file.unlink()
                aside.mkdir()
        aside.rename(file)
        await desk.hears(words)
        ann.replace(0, 0, "ann's ")
        await ann.stored()
        with pytest.raises(document.JptermError, match=words):
            await ann.save()
        if what == "folder":
            with pytest.raises(document.JptermError, match=words):
                await desk.join("bob")
        else:
            assert (await desk.visit("bob")).text == "ann's text\n"
        if isinstance(what, bytes):
            assert file.read_bytes() == what
        await run("rm", "-r", str(file))
        file.write_text("text\nof others\n")
        await until(lambda: file.read_text() == ann.text == "ann's text\nof others\n", "text again")
        times = len([notice for notice in desk.told if words in notice.sentence])
        assert times == (1 if what == "folder" else 2)  # ann once, bob once


@pytest.mark.parametrize("closed", ["notes.md", "."], ids=["the file", "the folder"])
async def test_f36_chmod_000_keeps_everybody_here(closed: str, desk: Desk) -> None:
    """Told once, the text kept and typed on; with the permission back it is written. In a process bound by permissions."""
    desk.file().write_text("text\n")
    async with desk.serve_as_user():
        ann = await desk.join("ann")
        mode = desk.file(closed).stat().st_mode
        desk.file(closed).chmod(0)
        try:
            ann.replace(0, 0, "ann's ")
            await desk.hears("permission is denied")
            assert not ann.saved
        finally:
            desk.file(closed).chmod(mode)
        if closed == ".":  # the store is in there, too
            await ann.stored()
        await until(lambda: desk.file().read_text() == ann.text == "ann's text\n", "the saved text")


async def test_f30_a_file_that_cannot_be_written_is_told_once_and_written_later(desk: Desk) -> None:
    """The folder is gone and a file has its place: told while it lasts, the text kept, written when it can be."""
    file = desk.file("folder/notes.md")
    file.parent.mkdir()
    async with desk.serve():
        ann = await desk.join("ann", "folder/notes.md")
        file.parent.rmdir()
        file.parent.write_text("in the way")
        ann.replace(0, 0, "ann's\n")
        await desk.hears("not a folder")
        assert not ann.saved
        file.parent.unlink()
        with contextlib.suppress(document.JptermError):
            await ann.save()
        await until(lambda: ann.saved and file.read_text() == "ann's\n", "the saved text")


async def test_a_link_that_leads_elsewhere_now_leaves_the_open_text_alone(desk: Desk) -> None:
    """A document is the file and not the link: those inside stay, who comes by the link gets the other file."""
    desk.file("one.md").write_text("one\n")
    desk.file("two.md").write_text("two\n")
    desk.file().symlink_to("one.md")
    async with desk.serve():
        ann = await desk.join("ann")
        desk.file().unlink()
        desk.file().symlink_to("two.md")
        bob = await desk.join("bob")
        ann.replace(0, 0, "ann's ")
        await until(lambda: desk.file("one.md").read_text() == "ann's one\n", "saved to its file")
        assert bob.text == desk.file("two.md").read_text() == "two\n"


async def test_a_text_in_the_store_opens_although_its_file_is_none_any_more(desk: Desk) -> None:
    desk.file().write_text("text\n")
    async with desk.serve(autosave_s=None):
        ann = await desk.join("ann")
        ann.replace(0, 0, "ann's ")
        await ann.stored()
    desk.file().write_bytes(b"\0\1\2")
    async with desk.serve():
        bob = await desk.visit("bob")
        assert bob.text == "ann's text\n"
        await desk.hears("is a binary file")
        assert desk.file().read_bytes() == b"\0\1\2"


async def test_f13_a_file_deleted_while_nobody_was_here_does_not_come_back_by_itself(desk: Desk) -> None:
    desk.file().write_text("text\n")
    async with desk.serve():
        await desk.join("ann")
    desk.file().unlink()
    async with desk.serve():
        bob = await desk.visit("bob")
        assert bob.text == "text\n"
        await desk.hears("deleted or moved away")
    assert not desk.file().exists()


async def test_where_nothing_can_be_watched_files_are_looked_at(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system refuses (too many watches): within seconds the change is there all the same."""
    import watchfiles

    def refuses(*folders: object, **options: object) -> object:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(watchfiles, "watch", refuses)
    desk.file().write_text("one\n")
    async with desk.serve(autosave_s=None):
        ann = await desk.join("ann")
        await appends(desk.file(), "two", random.Random(1))
        await until(lambda: ann.text == "one\ntwo\n", "the change")


async def test_a_hundred_documents_are_one_watch(desk: Desk) -> None:
    """One descriptor of the system's for watching and one thread, however many documents in however many folders."""

    def watches() -> int:
        count = 0
        for link in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed since it was listed
                count += "inotify" in os.readlink(link)
        return count

    names = [f"{number % 20}/{number}.md" for number in range(100)]
    async with desk.serve():
        sessions = []
        for name in names:
            desk.file(name).parent.mkdir(exist_ok=True)
            desk.file(name).write_text("text\n")
        sessions = await asyncio.gather(*(desk.join("ann", name) for name in names))
        assert watches() <= 1
        assert len([thread for thread in threading.enumerate() if thread.name == "watch"]) == 1
        for name in names:
            desk.file(name).write_text("changed\n")
        await until(lambda: all(session.text == "changed\n" for session in sessions), "all changes")
        assert watches() <= 1
    # The library's own thread closes it, a moment after ours has ended.
    await until(lambda: watches() == 0, "the watch's end")
    assert not [thread for thread in threading.enumerate() if thread.name == "watch"]


def test_f05_a_change_that_was_taken_in_is_not_taken_in_again_after_a_kill(tmp_path: Path) -> None:
    """The server dies after a merge and before a save: what was merged, and changed since, is not merged once more."""

    async def story() -> None:
        scene = Scene(tmp_path, random.Random(1), autosave_s=None)
        scene.file.write_text("one\n")
        await scene.host.die(scene.network, power=False)
        scene.host.watcher = Polling()
        scene.host.start()
        ann = await scene.join("ann")
        assert ann.session is not None
        scene.file.write_text("one\nfrom outside\n")
        await asyncio.sleep(5)
        at = ann.session.text.index("outside")
        ann.session.replace(at, at + len("outside"), "far away")
        await ann.session.stored()
        await scene.restart(power=True)
        assert await scene.settle(ann) == "one\nfrom far away\n"

    simulate(1, lambda chance: story())


async def test_a_server_that_ends_waits_for_a_document_that_is_being_put_away(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ann left a moment before the server ended; its successor found notes.md "held by another server"."""
    close = FolderStore.close
    closing = threading.Event()

    def close_on_a_slow_disk(store: FolderStore) -> None:
        if store._folder.is_relative_to(desk.root):  # the server's, not ann's
            closing.set()
            time.sleep(1.0)
        close(store)

    monkeypatch.setattr(FolderStore, "close", close_on_a_slow_disk)
    async with desk.serve():
        await desk.join("ann")
        await desk.leave()
        await asyncio.to_thread(closing.wait, PATIENCE_S)
    async with desk.serve():
        await desk.visit("bob")


async def test_f10_a_large_change_on_the_disk_keeps_nobody_waiting(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To find out what changed in a file of 10 MB takes seconds: typing goes on meanwhile, and is there afterwards."""
    found, typed = document._changes, threading.Event()

    def slow(bases: list[bytes], text: str, ours: str) -> Merge:
        assert typed.wait(PATIENCE_S), "nobody could type"
        return found(bases, text, ours)

    desk.file().write_text("one\ntwo\nthree\n")
    async with desk.serve(autosave_s=None):
        ann, bob = await desk.join("ann"), await desk.join("bob")
        monkeypatch.setattr(document, "_changes", slow)
        ann.replace(0, 0, "ANN BEFORE\n")
        desk.file().write_text("one\ntwo more\nthree\n")
        await asyncio.sleep(1.5)
        ann.replace(0, 0, "ANN MEANWHILE\n")
        await until(lambda: bob.text.startswith("ANN MEANWHILE\n"), "what ann types")
        typed.set()
        await until(lambda: "two more" in bob.text, "the change")
        assert bob.text == "ANN MEANWHILE\nANN BEFORE\none\ntwo more\nthree\n"


@pytest.mark.parametrize("put", ["nothing", "another folder"])
async def test_a_served_folder_that_is_moved_away_stores_nothing_where_it_was(desk: Desk, put: str) -> None:
    """Its store went along. Nothing is made, read or called stored at its path; all goes on when it is back."""
    desk.file().write_text("plan\n")
    away = desk.root.with_name("away")
    async with desk.serve():
        ann = await desk.join("ann")
        ann.replace(0, 0, "one ")
        await ann.stored()
        await until(lambda: desk.file().read_text() == "one plan\n", "the file")
        desk.root.rename(away)
        if put == "another folder":
            desk.root.mkdir()
            desk.file().write_text("another\n")
        ann.replace(0, 0, "two ")
        stored = asyncio.create_task(ann.stored())
        await desk.hears("Not stored: ")
        assert not stored.done()
        with pytest.raises(RequestFailed):
            await ann.save()
        assert ann.text == "two one plan\n"
        assert (away / "notes.md").read_text() == "one plan\n"
        if put == "another folder":
            assert [path.name for path in desk.root.iterdir()] == ["notes.md"]
            assert desk.file().read_text() == "another\n"
            desk.file().unlink()
            desk.root.rmdir()
        assert not desk.root.exists()
        away.rename(desk.root)
        await stored
        await until(lambda: desk.file().read_text() == "two one plan\n", "the file")
        assert ann.text == "two one plan\n"


async def test_a_formatter_leaves_the_blank_before_a_caret_and_is_not_answered(desk: Desk) -> None:
    """It strips blanks whenever the file is saved, which a server does in each pause. The blank that was typed stays, the text is
    called saved as the formatter left it, and what is typed next goes on in its line."""
    file = desk.file()
    file.write_text("# t\n- one\n")
    async with desk.serve(autosave_s=0.1):
        ann, bob = await desk.join("ann"), await desk.join("bob")
        at = len(ann.text)
        for typed in ("- the ", "quick ", "brown"):
            ann.replace(at, at, typed)
            at += len(typed)
            ann.show_caret(at, None)
            await ann.stored()
            await until(lambda: ann.saved, "it is saved")
            assert typed in file.read_text()
            file.write_text(re.sub(r"[ \t]+$", "", file.read_text(), flags=re.M).rstrip("\n") + "\n")
            stripped = file.read_text()
            await until(lambda: bob.text.endswith("\n") and bob.saved, "the newline at the end")
            await asyncio.sleep(0.5)
            assert file.read_text() == stripped, "the server does not write the blank again"
        assert ann.text == bob.text == file.read_text() == "# t\n- one\n- the quick brown\n"
