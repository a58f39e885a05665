"""A server or a hub that means harm: what it says never acts in the terminal (F21), and costs a sentence at most."""

from __future__ import annotations

import asyncio
import logging
import socket
import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve, unix_serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from crdt import TextBuffer, Version
from jpterm_like.access.local_users import FileClaims
from jpterm_like.config import Paths
from jpterm_like.server.daemon import _AsLine
from jpterm_like.sync import wire
from jpterm_like.transports.base import CannotConnect, Peer
from jpterm_like.transports.websocket import connect_socket, connect_unix
from tests.e2e.terminal import run

EVIL = "\x1b]52;c;QUJD\x07\x1b[2J\x9b31m\u202eeve\u2028"
SHOWN = "\\x1b]52;c;QUJD\\x07\\x1b[2J\\x9b31m\\u202eeve\\u2028"


async def harm(connection: ServerConnection) -> None:
    """Speak the protocol, with something that acts in a terminal wherever there is room for words."""
    buffer = TextBuffer(author=EVIL)
    buffer.replace(0, 0, f"{EVIL}\n", 1)
    theirs = 0
    try:
        while True:
            message = wire.decode(await connection.recv())  # type: ignore[arg-type]
            said: list[wire.Message] = []
            match message:
                case wire.Hello():
                    said = [wire.Welcome(1, ())]
                case wire.Open(channel, _, _, site):
                    theirs = site
                    version = buffer.version
                    said = [
                        wire.Opened(channel, "edit", buffer.lineage, version, b"", version, version),
                        wire.Changes(channel, 0, buffer.changes_since(Version())),
                        wire.Notice(channel, True, EVIL),
                        wire.Presence(channel, theirs ^ 1, EVIL, buffer.anchor(3), None, here=True),
                    ]
                case wire.List(request):
                    said = [wire.Done(request, (EVIL,))]
                case wire.Kick(_, request, _) | wire.Merged(_, request):
                    said = [wire.Done(request, (EVIL,))]
                case wire.Save(_, request):
                    said = [wire.Refuse(None, request, EVIL, EVIL)]
                case wire.Changes(channel, _, data):
                    buffer.integrate(data)
                    said = [wire.Stored(channel, buffer.version)]
                case wire.Ping():
                    said = [wire.Pong()]
            for answer in said:
                await connection.send(wire.encode(answer))
    except ConnectionClosed:
        pass


def where(connection: ServerConnection, request: Request) -> Response | None:
    """A hub is asked first whether another one has the file."""
    return connection.respond(HTTPStatus.OK, "") if request.path.startswith("/where") else None


@asynccontextmanager
async def hostile(door: str, file: Path) -> AsyncIterator[str]:
    """The address of a file behind a hostile server, or behind a hostile hub of this user."""
    if door == "server":
        async with serve(harm, "127.0.0.1", 0) as server:
            yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/f"
    else:
        async with unix_serve(harm, str(Paths.of_user().hub_socket), process_request=where):
            yield str(file)


@pytest.mark.parametrize("door", ["server", "hub"])
async def test_f21_what_a_hostile_server_or_hub_says_never_acts_in_the_terminal(
    door: str, tmp_path: Path
) -> None:
    """Names, authors, texts, sentences, codes: each command that prints them shows them as glyphs."""
    file = tmp_path / "f"
    file.write_text("text\n")
    async with hostile(door, file) as address:
        commands = [
            ("who", address), ("who", "--json", address), ("log", address), ("log", "--json", address), ("kick", address, EVIL),
            ("append", address, "x", "--save"), ("replace", address, EVIL + "!", "x"), ("doctor", address),
        ]  # fmt: skip
        if door == "server":
            commands.append(("ls", address.removesuffix("/f")))
        told = 0
        for done in await asyncio.gather(*(asyncio.to_thread(run, *command) for command in commands)):
            said = done.stdout + done.stderr
            acting = {c for c in said if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")}
            assert not acting, done
            assert "Traceback" not in said
            assert done.returncode in (0, 1)
            told += SHOWN in said
        assert told >= 5, "the words were not even printed: the test tests nothing"


@pytest.mark.parametrize(
    "target", ["ws://localhost/other", "ws://127.0.0.1:1/", "wss://elsewhere/", "http://x/", "/x"]
)
async def test_a_redirect_of_a_socket_is_followed_nowhere(target: str, tmp_path: Path) -> None:
    """Neither to another address nor with an error of ours: it is no answer of a server."""
    (tmp_path / "f").write_text("text\n")

    def redirect(connection: ServerConnection, request: Request) -> Response:
        response = connection.respond(HTTPStatus.FOUND, "")
        response.headers["Location"] = target
        return response

    async with unix_serve(harm, str(tmp_path / "s"), process_request=redirect):
        with pytest.raises(CannotConnect, match="is not a jpterm-like server"):
            await connect_unix(tmp_path / "s")
        line = socket.socket(socket.AF_UNIX)
        line.setblocking(False)
        await asyncio.get_running_loop().sock_connect(line, str(tmp_path / "s"))
        with pytest.raises(CannotConnect, match="is not a jpterm-like server"):
            await connect_socket(line, "box:f")


async def test_a_hub_is_asked_about_odd_names_and_says_no(tmp_path: Path) -> None:
    """By other users' hubs, that may ask anything: names that are none cost neither an error nor a word."""
    meeting = FileClaims(_Nothing())
    for name in (
        "/a%00b",
        "/a%00b/c",
        "/",
        "//",
        "/..",
        "/a/../../etc/passwd",
        "/%ff",
        f"/{'x' * 5000}",
        f"/{'x/' * 3000}",
        "/proc/self/maps",
    ):
        assert await meeting.answer(Peer("uid", 70_001, 70_001), f"/holds?{name}") == (200, "no"), name
    assert await meeting.answer(Peer("uid", 70_001, 70_001), "/where?/etc/passwd") is None
    assert await meeting.answer(Peer("uid", 70_001, 70_001), "/holds?relative") is None


class _Nothing:
    """A hub that has everything open, if it is believed that there is such a file."""

    def has(self, name: str) -> bool:
        return True

    def let_go(self, name: str) -> None:
        raise AssertionError


async def test_a_hub_that_points_somewhere_else_is_followed_nowhere(tmp_path: Path) -> None:
    """Where it says that a file is open, nobody of trust listens: a sentence, and no harm."""
    file = tmp_path / "f"
    file.write_text("text\n")
    for answer in ("/etc/passwd", f"{tmp_path}/nowhere", "relative", "\0", EVIL, "x" * 4000):

        def lie(connection: ServerConnection, request: Request, answer: str = answer) -> Response:
            return connection.respond(HTTPStatus.OK, answer)

        async with unix_serve(harm, str(Paths.of_user().hub_socket), process_request=lie):
            done = await asyncio.to_thread(run, "cat", str(file))
            assert (done.returncode, done.stdout) == (1, ""), answer
            assert done.stderr.count("\n") == 1
            assert done.stderr.strip().isprintable()
            assert "stopped by a bug" not in done.stderr, done.stderr
    assert file.read_text() == "text\n"


def test_a_name_in_the_log_of_a_hub_acts_in_no_terminal_and_looks_like_no_record() -> None:
    """Files are named by other users, too, and their owner reads the log with cat."""
    name = "/tmp/x\nERROR all is lost\x1b[2J.md"
    record = logging.LogRecord("jpterm_like", logging.WARNING, "", 0, "%s: %s", (name, "torn"), None)
    assert _AsLine().format(record) == "WARNING /tmp/x\\nERROR all is lost\\x1b[2J.md: torn"
