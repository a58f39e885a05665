"""Whatever comes in: one plain sentence, a sensible exit code, never a traceback, nothing lost, and no raw escapes."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from websockets.asyncio.client import connect as connect_raw
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_raw
from websockets.exceptions import ConnectionClosed

import jpterm_like
from crdt import TextBuffer, Version
from jpterm_like.config import Paths
from jpterm_like.errors import JptermError
from jpterm_like.sync import wire
from tests.e2e.hub import kill_hub, no_traceback
from tests.e2e.terminal import PROGRAM, Serve, Terminal, run, terminals, until

WORLD, USAGE = 1, 2
"""Exit codes: the world does not let us; the command is not understood."""


@pytest.fixture(autouse=True)
def no_hub_left(home: Path) -> Iterator[None]:
    """No hub outlives its test, and none had to tell a traceback."""
    yield
    kill_hub()
    no_traceback(Paths.of_user().state / "hub.log")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with bad files in it."""
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "binary.dat").write_bytes(b"\x7fELF\0\0\1")
    (folder / "good.txt").write_text("good\n")
    (folder / "loop").symlink_to("loop")
    (folder / "sub").mkdir()
    os.mkfifo(folder / "pipe")
    monkeypatch.chdir(folder)
    return folder


def check_sentence(said: str) -> None:
    """One line for people: no traceback, no name of a class, nothing that acts in a terminal."""
    assert re.fullmatch(r"jpterm-like( \w+)?: [^\n]*[.?]\n", said), said
    assert said[:-1].isprintable(), repr(said)
    assert not re.search(r"Traceback|Error\b|Errno|_\w+ value|None|<class", said), said


def check_refusal(*arguments: str, code: int, says: str) -> None:
    """The command ends with the code and with one sentence that holds the words."""
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (code, ""), done
    check_sentence(done.stderr)
    assert says in done.stderr


# ---------------------------------------------------------------------- one command, one sentence


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ("", WORLD, "needs a terminal"),
        ("--bogus", USAGE, "--bogus"),
        ("good.txt --view=other.txt", USAGE, "--view"),
        ("replace good.txt", USAGE, "say what to replace"),
        ("replace good.txt a b c", USAGE, "c is one text too many"),
        ("insert good.txt x", USAGE, "--line"),
        ("insert good.txt x --line 0", USAGE, "the first line is 1"),
        ("+12", WORLD, "needs a terminal"),
        ("good.txt --name", USAGE, "--name"),
        ("cat", USAGE, "FILE|URL"),
        ("cat good.txt good.txt", USAGE, "good.txt"),
        ("ls", USAGE, "URL"),
        ("serve", USAGE, "give a folder"),
        ("serve . --save-after soon", USAGE, "a number of seconds above 0"),
        ("serve . --save-after 0", USAGE, "a number of seconds above 0"),
        ("serve . --save-after nan", USAGE, "a number of seconds above 0"),
        ("hub --idle never", USAGE, "a number of seconds above 0"),
        ("serve missing", WORLD, "missing cannot be shared: it is not there"),
        ("serve good.txt", WORLD, "good.txt is not a folder"),
        ("serve . --listen 8765", WORLD, "write HOST:PORT"),
        ("serve . --listen 127.0.0.1:65536", WORLD, "write HOST:PORT"),
        ("serve . --listen 127.0.0.1:http", WORLD, "write HOST:PORT"),
        ("serve . --listen 0.0.0.0:0", WORLD, "--behind-proxy"),
        ("serve . --listen example.com:80 --behind-proxy", WORLD, "there is no token yet"),
        ("serve . --unix missing/socket", WORLD, "missing/socket"),
        ("cat .", WORLD, "is a folder"),
        ("cat binary.dat", WORLD, "is a binary file"),
        ("cat pipe", WORLD, "no ordinary file"),
        ("cat loop", WORLD, "circle"),
        ("cat missing.txt", WORLD, "no file"),
        ("cat missing/folder.txt", WORLD, "no file"),
        ("cat good.txt/under", WORLD, "not a folder"),
        ("cat ws://127.0.0.1:99999/x", WORLD, "is not an address"),
        ("cat ws://[::1/x", WORLD, "is not an address"),
        ("cat ws:///x", WORLD, "is not an address"),
        ("cat http://127.0.0.1:1/x", WORLD, "does not answer"),
        ("cat ws+unix://nowhere", WORLD, "is not an address"),
        ("ls good.txt", WORLD, "is not the address of a server"),
        ("ls ws://127.0.0.1:1", WORLD, "Nobody listens"),
        ("cat ws://127.0.0.1:1/x", WORLD, "Nobody listens"),
        ("cat ws+unix:///nowhere/socket:/x", WORLD, "Nobody listens"),
        ("good.txt", WORLD, "needs a terminal"),
    ],
)
def test_f23_a_command_that_cannot_be_done_is_one_sentence(
    folder: Path, arguments: str, code: int, says: str
) -> None:
    """A wrong option, name or address: one plain sentence, 1 for the world, 2 for a command not understood."""
    check_refusal(*arguments.split(), code=code, says=says)


def test_f23_an_empty_name_and_a_long_one_are_refused(folder: Path) -> None:
    """No name, and one that no file system takes."""
    check_refusal("cat", "", code=WORLD, says="Say which file")
    check_refusal("cat", "x" * 300, code=WORLD, says="the name is too long")
    check_refusal("cat", "x/" * 3000, code=WORLD, says="is the most")


def test_f21_names_in_sentences_never_act_in_the_terminal(folder: Path) -> None:
    """Escape sequences and bidi overrides in what was asked for come back visibly, whoever says the sentence."""
    evil = "a\x1b[2J\x07\u202eb"
    for arguments in (
        ["cat", evil],
        ["cat", f"/nowhere/{evil}"],
        ["ls", evil],
        [f"--{evil}"],
        ["serve", evil],
    ):
        done = run(*arguments)
        assert done.returncode in (WORLD, USAGE)
        check_sentence(done.stderr)
        assert "a\\x1b[2J\\x07\\u202eb" in done.stderr


def test_a_damaged_config_is_no_traceback(folder: Path) -> None:
    """Settings that are no TOML do not keep a command from working."""
    config = Paths.of_user().settings_file
    config.parent.mkdir(parents=True)
    config.write_bytes(b"theme = \xff[")
    done = run("cat", "good.txt")
    assert (done.returncode, done.stdout, done.stderr) == (0, "good\n", "")


# ---------------------------------------------------------------------- before the screen starts


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("binary.dat", "is a binary file"),
        ("../work/pipe", "no ordinary file"),
        ("gopher://127.0.0.1/x", "gopher:// is no place that"),
        ("ws://127.0.0.1:1/x", "Nobody listens"),
    ],
)
async def test_the_editor_refuses_before_the_screen_starts(folder: Path, name: str, says: str) -> None:
    """What cannot be edited is said in the terminal as it was, with exit code 1."""
    before = contents(folder)
    async with terminals() as terminal:
        one: Terminal = terminal(name)
        assert await one.ends() == WORLD
        await one.shows(says)
        assert b"\x1b[" not in one.raw
        check_sentence(one.raw.decode().replace("\r\n", "\n"))
    assert contents(folder) == before


async def test_the_editor_needs_a_terminal_that_can_show_it(folder: Path) -> None:
    """TERM=dumb or none: a sentence that says what to do instead."""
    async with terminals() as terminal:
        for value in ("dumb", ""):
            one: Terminal = terminal("good.txt", env={"TERM": value})
            assert await one.ends() == WORLD
            await one.shows("jpterm-like cat FILE")


async def test_a_missing_folder_is_made_when_the_file_is_saved(folder: Path) -> None:
    """The editor opens new/deep/file.txt, which is not there; saving makes the folders."""
    async with terminals() as terminal:
        one: Terminal = terminal("new/deep/file.txt")
        await one.shows("connected")
        await one.type("words")
        await one.press("ctrl+s")
        await until((folder / "new/deep/file.txt").exists, "the file")
        assert (folder / "new/deep/file.txt").read_text() == "words"


# ---------------------------------------------------------------------- no permission


def without_power() -> None:
    """In a child: let root be bound by permissions like everyone (Linux: no CAP_DAC_* from the next exec on)."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        if prctl(24, capability, 0, 0, 0) != 0:  # PR_CAPBSET_DROP
            os._exit(77)


needs_permissions = pytest.mark.skipif(
    os.geteuid() == 0 and sys.platform != "linux", reason="root may everything here: run the tests as a user"
)
AS_USER: dict[str, object] = {"preexec_fn": without_power} if os.geteuid() == 0 else {}


def run_as_user(*arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*PROGRAM, *arguments], capture_output=True, text=True, timeout=60, check=False, **AS_USER
    )  # type: ignore[call-overload]
    if done.returncode == 77:
        pytest.skip("this root may not give up its power over permissions")
    return done


@needs_permissions
def test_no_permission_is_said_in_a_sentence(folder: Path) -> None:
    """A file that may not be read, a folder that may not be entered, one that may not be written."""
    (folder / "good.txt").chmod(0)
    (folder / "closed").mkdir(mode=0)
    (folder / "readonly").mkdir()
    (folder / "readonly" / "x.txt").write_text("x")
    (folder / "readonly").chmod(0o500)
    try:
        for arguments in (
            ["cat", "good.txt"],
            ["cat", "closed/file.txt"],
            ["serve", "closed"],
            ["serve", "readonly", "--listen", "127.0.0.1:0"],
            ["serve", "sub", "--unix", "readonly/socket"],
        ):
            done = run_as_user(*arguments)
            assert (done.returncode, done.stdout) == (WORLD, ""), done
            check_sentence(done.stderr)
            assert "permission is denied" in done.stderr
    finally:
        (folder / "closed").chmod(0o700)
        (folder / "readonly").chmod(0o700)


@needs_permissions
def test_a_text_is_printed_though_its_state_folder_cannot_be_made(folder: Path, home: Path) -> None:
    """What is kept goes to a place that lasts until a restart; the editor says so (`test_places`), a script prints its text alone."""
    (home / "state").chmod(0o500)
    try:
        done = run_as_user("cat", "good.txt")
    finally:
        (home / "state").chmod(0o700)
    assert (done.returncode, done.stdout) == (0, "good\n")
    assert "Traceback" not in done.stderr


@needs_permissions
@pytest.mark.parametrize("locked", ["file", "folder"])
async def test_f30_a_file_that_may_not_be_written_is_said_and_the_text_kept(
    folder: Path, locked: str
) -> None:
    """Saving is refused in a sentence; the text is kept, and saved as soon as that is possible."""
    run_as_user("--version")
    place = folder / "locked"
    place.mkdir()
    file = place / "notes.md"
    if locked == "file":
        file.write_text("old\n")
        file.chmod(0o444)
    else:
        place.chmod(0o500)
    try:
        async with terminals() as terminal:
            one: Terminal = terminal(str(file), columns=250, **AS_USER)
            await one.shows("connected")
            await one.type("kept ")
            await one.press("ctrl+s")
            await one.shows("kept ", "permission is denied")
            one.kill()
            again: Terminal = terminal(str(file), columns=250, **AS_USER)
            await again.shows("kept", "connected", "unsaved")
            file.chmod(0o644) if locked == "file" else place.chmod(0o700)
            await again.press("ctrl+s")
            await until(lambda: file.exists() and file.read_text().startswith("kept "), "the file")
    finally:
        place.chmod(0o700)


# ---------------------------------------------------------------------- servers that are none of ours, or not ours alone


@contextlib.asynccontextmanager
async def listening(
    answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """Something on a port."""
    writers: list[asyncio.StreamWriter] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with contextlib.suppress(OSError):
            await answer(reader, writer)

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in writers:
            writer.close()
        await server.wait_closed()


async def refused(*arguments: str) -> str:
    """What a command says that ends with exit code 1, while servers run in this loop."""
    done = await asyncio.to_thread(run, *arguments)
    assert (done.returncode, done.stdout) == (WORLD, ""), done
    check_sentence(done.stderr)
    return done.stderr


async def test_f23_something_that_is_not_our_server(folder: Path) -> None:
    """Plain HTTP, rubbish, a door that is shut at once: said in a sentence that names the address."""

    async def http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        await writer.drain()

    async def rubbish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(random.Random(1).randbytes(3000))
        await writer.drain()
        writer.close()

    async def shut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    for answer in (http, rubbish, shut):
        async with listening(answer) as url:
            said = await asyncio.gather(refused("ls", url), refused("cat", f"{url}/notes.md"))
            for sentence in said:
                assert f"{url} answers, but it is not a jpterm-like server." in sentence


@contextlib.asynccontextmanager
async def answering(*answers: bytes) -> AsyncIterator[str]:
    """A WebSocket server that answers the greeting with these frames, and then is silent."""

    async def handle(connection: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            await connection.recv()
            for frame in answers:
                await connection.send(frame)
            await connection.wait_closed()

    async with serve_raw(handle, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


async def test_f23_a_server_of_another_version(folder: Path) -> None:
    """A server that speaks other protocols only: the sentence says to update."""
    newer = wire.encode(wire.Welcome(wire.PROTOCOL + 1, ()))
    sentence = "This server speaks protocol 7 to 9, you speak 1 to 1: your jpterm-like must be updated."
    for answer, says in ((newer, "protocol 2"), (wire.encode(wire.Bye("version", sentence, 0)), sentence)):
        async with answering(answer) as url:
            said = await asyncio.gather(refused("ls", url), refused("cat", f"{url}/notes.md"))
            for one in said:
                assert says in one


async def test_f23_an_editor_tells_that_the_server_is_of_another_version(folder: Path) -> None:
    """With a replica the editor opens, says so, and goes on; without one it ends with the sentence."""
    newer = wire.encode(wire.Welcome(wire.PROTOCOL + 1, ()))
    serve = Serve(folder)
    address = f"{serve.url}/good.txt"
    try:
        async with terminals() as terminal:
            async with jpterm_like.connect(address, name="ann") as session:
                await session.stored()
            assert serve.stop() == 0

            async def handle(connection: ServerConnection) -> None:
                with contextlib.suppress(ConnectionClosed):
                    await connection.recv()
                    await connection.send(newer)
                    await connection.wait_closed()

            port = int(serve.url.rpartition(":")[2])
            async with serve_raw(handle, "127.0.0.1", port):
                one: Terminal = terminal(address)
                await one.shows("good", "protocol 2")
                await one.press("\x1b")
                await until(lambda: "protocol 2" not in one.text, "the message closed")  # else esc s is alt+s
                await one.type("still typing ")
                await one.shows("still typing good")
                other: Terminal = terminal(f"{serve.url}/unknown.txt")
                assert await other.ends() == WORLD
                await other.shows("protocol 2")
    finally:
        serve.kill()


async def test_f21_what_a_server_says_never_acts_in_the_terminal(folder: Path) -> None:
    """A hostile server's words and names reach a terminal only as visible glyphs."""
    evil = "\x1b]52;c;QUJD\x07\x1b[2Jsorry\u202e."
    async with answering(wire.encode(wire.Bye("version", evil, 0))) as url:
        for said in await asyncio.gather(refused("ls", url), refused("cat", f"{url}/x")):
            assert "\\x1b]52;c;QUJD\\x07" in said
    names = [
        wire.encode(wire.Welcome(1, ())),
        wire.encode(wire.Done(1, ("a\x1b[2J.md", "b\u202e.md"))),
    ]
    async with answering(*names) as url:
        done = await asyncio.to_thread(run, "ls", url)
        assert (done.returncode, done.stdout) == (0, "a\\x1b[2J.md\nb\\u202e.md\n")


def test_a_port_in_use_is_said(folder: Path) -> None:
    """Two servers on one port: the second says so and ends; the first goes on."""
    serve = Serve(folder)
    try:
        check_refusal(
            "serve", "sub", "--listen", serve.url.removeprefix("ws://"), code=WORLD, says="is in use"
        )
        assert run("ls", serve.url).returncode == 0
    finally:
        serve.kill()


def test_a_unix_socket_in_use_is_said(folder: Path) -> None:
    """The same for sockets; what a killed server left behind is no hindrance."""
    serve = Serve(folder, "--unix", "door")
    try:
        check_refusal("serve", "sub", "--unix", "door", code=WORLD, says="is in use")
        serve.kill()
        serve.start()
        assert run("cat", f"ws+unix://{folder}/door:/good.txt").stdout == "good\n"
        (folder / "file").write_text("not a socket")
        check_refusal("serve", "sub", "--unix", "file", code=WORLD, says="file")
        assert (folder / "file").read_text() == "not a socket"
    finally:
        serve.kill()


def test_a_folder_that_is_served_already_is_said(folder: Path) -> None:
    """A second server on another port started, and each took the note on where the folder is served for its own: then nobody found
    either, and nothing opened at the one that was open at the other. The sentence names address and process."""
    serve = Serve(folder)
    store = folder / ".jpterm-like"
    note = (store / "serving.json").read_bytes()
    try:
        where = f"{serve.url} (process {serve.process.pid} of this machine): use that one, or stop it first."
        says = f"{folder} is shared already, by your server at {where}"
        for listen in (serve.url.removeprefix("ws://"), "127.0.0.1:0"):
            check_refusal("serve", str(folder), "--listen", listen, code=WORLD, says=says)
        (folder.parent / "link").symlink_to(folder)
        check_refusal("serve", str(folder.parent / "link"), "--unix", "door", code=WORLD, says=says)
        check_refusal(
            "serve", "sub", "--listen", serve.url.removeprefix("ws://"), code=WORLD, says="is in use"
        )
        check_refusal("serve", str(folder), "--tls-cert", "x.pem", code=WORLD, says="belong together")
        assert (store / "serving.json").read_bytes() == note

        ignored = shutil.ignore_patterns("pipe", "loop")
        copied = shutil.copytree(folder, folder.parent / "copied", ignore=ignored)
        other = Serve(copied)
        assert run("cat", f"{other.url}/good.txt").stdout == "good\n"
        assert other.stop() == 0

        serve.kill()  # its lock file stays
        serve.start()
    finally:
        serve.kill()


def test_a_folder_that_another_machine_serves_is_said(folder: Path) -> None:
    """A home or a project may be on several machines: the lock holds for all of them, and says on which one to look."""
    (folder / ".jpterm-like").mkdir(0o700)
    lock = folder / ".jpterm-like/serving.lock"
    lock.write_text("nfs-client-7\n4711\n\n")
    lock.chmod(0o600)
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        says = f"{folder} is shared already, by process 4711 on nfs-client-7: use that one, or stop it first."
        check_refusal("serve", str(folder), "--listen", "127.0.0.1:0", code=WORLD, says=says)
    Serve(folder).kill()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_folder_that_cannot_be_written_is_refused_in_one_sentence(folder: Path) -> None:
    """Its store can neither be locked nor written."""
    assert Serve(folder).stop() == 0
    (folder / ".jpterm-like").chmod(0o500)
    try:
        check_refusal("serve", str(folder), "--listen", "127.0.0.1:0", code=WORLD, says="cannot be kept in")
    finally:
        (folder / ".jpterm-like").chmod(0o700)


async def test_a_document_that_another_server_holds_is_said(folder: Path) -> None:
    """A second server of a folder whose lock was removed: who opens a document that the other has is told; nothing is written by two."""
    first = Serve(folder)
    (folder / ".jpterm-like/serving.lock").unlink()
    second = Serve(folder)
    try:
        async with jpterm_like.connect(f"{first.url}/good.txt", name="ann") as session:
            with pytest.raises(JptermError, match="held by another server"):
                async with jpterm_like.connect(f"{second.url}/good.txt", name="bob"):
                    pass
            session.replace(0, 0, "still ")
            await session.stored()
    finally:
        first.kill()
        second.kill()


# ---------------------------------------------------------------------- malformed frames


def hello() -> bytes:
    return wire.encode(wire.Hello(wire.PROTOCOL_OLDEST, wire.PROTOCOL, (), "mallory"))


def opening(path: str, channel: int = 0, site: int = 7) -> bytes:
    return wire.encode(wire.Open(channel, path, False, site, None, Version(), b"", merging=False))


def changes() -> bytes:
    buffer = TextBuffer.genesis("good\n", author="mallory")
    before = buffer.version
    buffer.replace(0, 0, "from mallory ", 0.0)
    return wire.encode(wire.Changes(0, 0, buffer.changes_since(before)))


@contextlib.asynccontextmanager
async def attacked(folder: Path) -> AsyncIterator[tuple[str, jpterm_like.Session]]:
    """A server and someone at work there, who notices nothing of what is done to the server."""
    errors = folder.parent / "serve.errors"
    with errors.open("w") as stream:
        serve = Serve(folder, stderr=stream)
    try:
        async with jpterm_like.connect(f"{serve.url}/good.txt", name="ann") as session:
            lost: list[str] = []
            session.listen(lambda event: lost.append(session.status.state))
            yield serve.url, session
            session.replace(0, 0, "ann goes on ")
            await asyncio.wait_for(session.stored(), 20)
            assert set(lost) <= {"connected"}
            assert session.text == "ann goes on good\n"
        assert run("cat", f"{serve.url}/good.txt").stdout == "ann goes on good\n"
        assert serve.stop() == 0
        assert errors.read_text() == ""
    finally:
        serve.kill()


async def cut_off(url: str, *frames: bytes | str) -> bool:
    """Send frames; whether the server then ended the connection."""
    async with connect_raw(
        url, ping_interval=None, max_size=None, compression=None, close_timeout=1
    ) as connection:
        try:
            for frame in frames:
                await connection.send(frame)
            while True:
                await asyncio.wait_for(connection.recv(), 2)
        except ConnectionClosed:
            return True
        except TimeoutError:
            return False


@pytest.mark.parametrize(
    "frames",
    [
        [b""],
        [b"\xc1"],
        ["text"],
        [b"\x90" * 10_000],
        [b"\xdd\xff\xff\xff\xff"],
        [b"\0" * (1024 * 1024 + 1)],
        [opening("good.txt")],
        [hello(), hello()],
        [hello(), opening("good.txt"), opening("good.txt")],
        [hello(), wire.encode(wire.Changes(3, 0, b"nothing"))],
        [hello(), opening("good.txt"), wire.encode(wire.Changes(0, 0, b"\xff" * 100))],
        [hello(), opening("good.txt"), wire.encode(wire.Presence(0, 8, "ann", None, None, here=True))],
        [hello(), wire.encode(wire.Close(5))],
        [hello(), wire.encode(wire.Stored(0, Version()))],
        [hello(), hello()[:-1]],
    ],
    ids=[
        "empty", "no msgpack", "text", "deep", "huge array", "huge frame", "no greeting", "greeting twice", "opened twice",
        "unknown channel", "no operations", "another's caret", "close of nothing", "a server's message", "truncated",
    ],
)  # fmt: skip
async def test_f18_a_malformed_frame_cuts_its_sender_off_and_nobody_else(
    folder: Path, frames: list[bytes | str]
) -> None:
    """The connection ends; the server lives, others work on, nothing is applied by half, and no traceback is told."""
    async with attacked(folder) as (url, _):
        assert await cut_off(url, *frames)


async def test_f18_frames_that_were_tampered_with_harm_nobody(folder: Path) -> None:
    """A thousand conversations with flipped, dropped, doubled and cut bytes: whatever comes of them, others work on."""
    chance = random.Random(18)
    original = [
        hello(),
        opening("good.txt"),
        changes(),
        wire.encode(wire.List(1)),
        wire.encode(wire.Save(0, 2)),
    ]

    def tampered(frame: bytes) -> bytes:
        data = bytearray(frame)
        for _ in range(chance.randint(1, 3)):
            place = chance.randrange(len(data) + 1)
            match chance.choice("fdic"):
                case "f" if place < len(data):
                    data[place] ^= 1 << chance.randrange(8)
                case "d":
                    del data[place : place + chance.randint(1, 4)]
                case "i":
                    data[place:place] = chance.randbytes(chance.randint(1, 4))
                case "c":
                    del data[place:]
        return bytes(data)

    async def attack(url: str, frames: list[bytes]) -> None:
        async with connect_raw(url, ping_interval=None, compression=None, close_timeout=1) as connection:
            with contextlib.suppress(ConnectionClosed):
                for frame in frames:
                    await connection.send(frame)

    # Mallory has a document of their own to spoil: what is well-formed there is a right of every guest.
    (folder / "evil.txt").write_text("good\n")
    original[1] = opening("evil.txt")
    async with attacked(folder) as (url, _):
        for _ in range(50):
            conversations = []
            for _ in range(20):
                frames = list(original)
                place = chance.randrange(len(frames))
                frames[place] = tampered(frames[place])
                conversations.append(attack(url, frames))
            await asyncio.gather(*conversations)


async def test_f35_a_guest_that_asks_and_never_reads_is_cut_off(folder: Path) -> None:
    """Endless requests without reading the answers: bounded, and others work on."""
    async with (
        attacked(folder) as (url, _),
        connect_raw(url, ping_interval=None, compression=None, close_timeout=1, max_queue=1) as connection,
    ):
        with contextlib.suppress(ConnectionClosed, TimeoutError):
            await connection.send(hello())
            async with asyncio.timeout(5):
                for number in range(200_000):
                    await connection.send(wire.encode(wire.List(number)))
                    if number % 1000 == 0:
                        await asyncio.sleep(0)  # she who works on is in this process, too


# ---------------------------------------------------------------------- ways out of the folder


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt", "%2e%2e/secret.txt", "sub/../../secret.txt", "/etc/passwd", "%2Fetc/passwd", "a%00b", "out/secret.txt",
        "out.txt", "sub", ".", "", "//", "x" * 300, "x" * 1100, "x/" * 1000, ".jpterm-like/evil.txt", ".JPTERM-LIKE/x", ".git/config",
        "a%1b%5b2J", "a%0Ab", "good.txt/", "good.txt/x", "%ff", "sub%5c..%5cx",
    ],
)  # fmt: skip
async def test_no_path_leads_out_of_the_shared_folder(folder: Path, path: str) -> None:
    """`..`, absolute, through links, NUL, control characters, too long, the store itself: refused in a sentence."""
    secret = folder.parent / "secret.txt"
    secret.write_text("secret")
    (folder / "out").symlink_to(folder.parent)
    (folder / "out.txt").symlink_to(secret)
    before = sorted(folder.parent.rglob("*"))
    serve = Serve(folder)
    try:
        with pytest.raises(JptermError) as refusal:
            async with jpterm_like.connect(f"{serve.url}/{path}", name="mallory"):
                pass
        check_sentence(f"jpterm-like: {refusal.value}\n")
        assert serve.stop() == 0
        after = {p for p in folder.parent.rglob("*") if ".jpterm-like" not in p.parts}
        assert after == set(before)
        assert secret.read_text() == "secret"
    finally:
        serve.kill()


# ---------------------------------------------------------------------- damage


def damage(file: Path, chance: random.Random) -> None:
    """Flip bytes, cut the end, or write over a part."""
    data = bytearray(file.read_bytes())
    if not data:
        return
    place = chance.randrange(len(data))
    match chance.randrange(3):
        case 0:
            for _ in range(4):
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        case 1:
            del data[place:]
        case _:
            data[place : place + 64] = chance.randbytes(64)
    file.write_bytes(data)


@pytest.mark.parametrize("seed", range(6))
async def test_f31_a_damaged_store_of_the_server_costs_nothing_that_someone_has(
    folder: Path, seed: int, home: Path
) -> None:
    """Bytes flipped in DIR/.jpterm-like: the server starts, and with an editor's replica or the plain file all is there."""
    chance = random.Random(seed)
    words = [f"<word{number}>\n" for number in range(20)]
    errors = folder.parent / "serve.errors"
    with errors.open("w") as stream:
        serve = Serve(folder, "--save-after", "0.1", stderr=stream)
    try:
        async with jpterm_like.connect(f"{serve.url}/good.txt", name="ann") as session:
            for word in words:
                session.replace(0, 0, word)
                await session.stored()
            await until(lambda: words[-1] in (folder / "good.txt").read_text(), "the file")
            serve.kill()
            for file in sorted((folder / ".jpterm-like").rglob("*")):
                if file.is_file() and file.name not in (".gitignore", "lock") and chance.random() < 0.7:
                    damage(file, chance)
            session.replace(0, 0, "<offline>\n")
            serve.start()
            await asyncio.wait_for(session.synced(), 20)
            await asyncio.wait_for(session.stored(), 20)
            text = session.text
            for word in [*words, "<offline>\n", "good\n"]:
                assert text.count(word) == 1, f"{word!r} in {text!r}"
        shutil.rmtree(Paths.of_user().replicas)
        assert run("cat", f"{serve.url}/good.txt").stdout == text
        assert serve.stop() == 0
        assert "Traceback" not in errors.read_text()
    finally:
        serve.kill()


@pytest.mark.parametrize("seed", range(6))
async def test_a_damaged_journal_is_said_and_the_server_s_text_comes_back(folder: Path, seed: int) -> None:
    """Bytes flipped in the client's journal: it opens with what can be read, says so, and lacks nothing that was stored."""
    chance = random.Random(seed)
    words = [f"<word{number}>\n" for number in range(20)]
    serve = Serve(folder)
    address = f"{serve.url}/good.txt"
    try:
        async with jpterm_like.connect(address, name="ann") as session:
            for word in words:
                session.replace(0, 0, word)
            await session.stored()
            text = session.text
        logs = sorted(Paths.of_user().replicas.rglob("*.log"))
        for file in logs:
            damage(file, chance)
        async with terminals() as terminal:
            one: Terminal = terminal(address)
            await one.shows("good", "damaged")
            await one.press("\x1b")
            await until(lambda: "damaged" not in one.text, "the message closed")
            await one.shows("connected")
            await one.press("ctrl+home")
            await one.shows("<word19>")
            assert (await asyncio.to_thread(run, "cat", address)).stdout == text
        assert list(Paths.of_user().replicas.rglob("*.damaged"))  # set aside, not thrown away
    finally:
        serve.kill()


# ---------------------------------------------------------------------- the end, asked for


async def test_sigterm_to_serve_brings_everything_to_the_disk(folder: Path) -> None:
    """SIGTERM: what was typed is stored and in the file, everyone is told, and the exit code is 0, without a word."""
    errors = folder.parent / "serve.errors"
    with errors.open("w") as stream:
        serve = Serve(folder, "--save-after", "1000", stderr=stream)
    address = f"{serve.url}/good.txt"
    try:
        async with (
            jpterm_like.connect(address, name="ann", timeout_s=1) as ann,
            jpterm_like.connect(address, name="bob") as bob,
        ):
            ann.replace(0, 0, "from ann ")
            await until(lambda: bob.text == "from ann good\n", "ann's words at bob")
            assert await asyncio.to_thread(serve.stop) == 0
            assert (folder / "good.txt").read_text() == "from ann good\n"
            for one in (ann, bob):
                await until(
                    lambda one=one: one.status.state == "offline" and one.status.reason,
                    "the server's good-bye",
                )
                assert one.unsent == 0
            serve.start()
            for one in (ann, bob):
                await until(lambda one=one: one.status.state == "connected", "the line")
                assert one.text == "from ann good\n"
        assert await asyncio.to_thread(serve.stop) == 0
        assert errors.read_text() == ""
    finally:
        serve.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_ends_with_0_when_nobody_is_there(folder: Path, number: signal.Signals) -> None:
    """ctrl+c and SIGTERM are ways to end it, not failures."""
    serve = Serve(folder)
    serve.process.send_signal(number)
    assert serve.process.wait(timeout=20) == 0
    serve.kill()


# ---------------------------------------------------------------------- escapes on the screen

EVIL = "\x1b]52;c;QUJD\x07 \x1b[2J \x1bP1$r\x1b\\ \x9b31m \x1b]0;title \u202ebidi \x07"


async def test_f21_text_and_names_never_reach_the_terminal_raw(folder: Path) -> None:
    """Escapes in text, in a file's name and in a guest's name are glyphs on the screen, and bytes in the file."""
    file = folder / "a\x1b[2J\x07\u202e.md"
    file.write_text(f"before\n{EVIL}\nafter\n")
    async with terminals() as terminal:
        one: Terminal = terminal(str(file), "--name", "ann\x1b]0;title\x07\x1b[2J")
        await one.shows("before", "after", "connected")
        async with jpterm_like.connect(str(file), name="bob\x1b]0;pwned\x07\u202e\x1b[2J") as bob:
            bob.show_caret(0, 3)
            await one.shows("bob")
            [ann] = bob.people
            assert ann.name.isprintable()
            bob.replace(7, 7, f"from bob {EVIL}")
            await one.shows("from bob")
        for evil in ("\x1b]52;", "\x1b[2J\x07", "\x1bP1$r", "\x9b", "\x1b]0;title", "\x1b]0;pwned", "\u202e"):
            assert evil.encode() not in one.raw, evil
        ours = re.sub(rb"\x1b\]2;[^\x00-\x1f\x7f]*\x07", b"", one.raw)  # the title of the terminal
        assert b"\x07" not in ours.replace(b"\x1b]22;default\x07", b"")  # Textual's shape of the pointer
        await one.press("ctrl+s")
        await one.is_saved()
        assert file.read_text() == f"before\nfrom bob {EVIL}{EVIL}\nafter\n"


async def test_f21_cat_to_a_terminal_shows_escapes_and_to_a_pipe_gives_bytes(folder: Path) -> None:
    """`cat` on a terminal prints glyphs, with tabs and emoji as they are; into a pipe the text as it is."""
    text = f"tab\there 👩‍💻 café\n{EVIL}\n"
    (folder / "evil.txt").write_text(text)
    done = await asyncio.to_thread(run, "cat", "evil.txt")
    assert (done.returncode, done.stdout) == (0, text)
    async with terminals() as terminal:
        one: Terminal = terminal("cat", "evil.txt")
        assert await one.ends() == 0
        await one.shows("tab", "\\x1b]52;c;QUJD\\x07")
        shown = one.raw.decode()
        assert "tab\there 👩‍💻 café" in shown
        assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202e]", shown)
