"""Behind a proxy everybody needs a token, by whichever door the proxy comes; and what a unix socket's place must be."""

from __future__ import annotations

import os
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.asyncio.client import connect as connect_raw
from websockets.asyncio.client import unix_connect
from websockets.exceptions import InvalidStatus

from jpterm_like.files import private
from jpterm_like.sync import wire
from tests.access.team import token
from tests.access.test_paths import opening
from tests.e2e.terminal import PATIENCE_S, PROGRAM, run


class Socket:
    """A server on a unix socket, and on whatever else is asked for."""

    def __init__(self, folder: Path, path: Path, *options: str) -> None:
        self.path = path
        self.process = subprocess.Popen(
            [*PROGRAM, "serve", str(folder), "--unix", str(path), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.addresses: list[str] = []
        count = 2 if "--listen" in options else 1
        while len(self.addresses) < count and (line := self.process.stdout.readline()):
            self.addresses.append(line.split()[-1])

    @property
    def origin(self) -> str:
        return f"ws+unix://{self.path}:/"

    def stop(self) -> str:
        self.process.terminate()
        return self.process.communicate(timeout=PATIENCE_S)[1]


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a short name: a socket's has 100 bytes or so."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        yield Path(name)


def test_a_socket_for_a_proxy_is_refused_without_a_token(folder: Path, place: Path) -> None:
    """Nobody could come in; and it is not opened to everybody instead."""
    done = run("serve", str(folder), "--unix", str(place / "s"), "--behind-proxy")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no token yet" in done.stderr
    assert not (place / "s").exists()


@pytest.mark.parametrize("more", [(), ("--listen", "127.0.0.1:0")])
async def test_behind_a_proxy_a_socket_asks_for_tokens(
    folder: Path, place: Path, more: tuple[str, ...]
) -> None:
    """Whoever the kernel says that the proxy is: the owner of the server, too."""
    view, edit = token("view"), token("edit")
    server = Socket(folder, place / "s", "--behind-proxy", *more)
    try:
        for headers in ({}, {"Authorization": "Bearer nonsense"}, {"X-Forwarded-For": "127.0.0.1"}):
            with pytest.raises(InvalidStatus, match="401"):
                async with unix_connect(str(server.path), uri="ws://x/", additional_headers=headers):
                    pass
            for address in server.addresses[:-1]:
                with pytest.raises(InvalidStatus, match="401"):
                    async with connect_raw(address, additional_headers=headers):
                        pass
        headers = {"Authorization": f"Bearer {edit}", "X-Forwarded-For": "198.51.100.1"}
        async with unix_connect(str(server.path), uri="ws://x/", additional_headers=headers) as line:
            await line.send(wire.encode(wire.Hello(1, 1, (), "ann")))
            await line.send(opening(0, "notes.md"))
            while not isinstance(message := wire.decode(await line.recv()), wire.Opened):  # type: ignore[arg-type]
                assert not isinstance(message, wire.Refuse)
        notes = f"{server.origin}notes.md"
        nobody = run("append", notes, "x")
        assert nobody.returncode == 1 and f"jpterm-like token add {server.origin}" in nobody.stderr
        for line_, code in ((view, 1), (edit, 0)):
            done = subprocess.run(
                [*PROGRAM, "append", notes, "x"],
                env={**os.environ, "JPTERM_LIKE_TOKEN": f"{server.origin}={line_}"},
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == code, done
        kept = subprocess.run(
            [*PROGRAM, "token", "add", notes], input=edit, capture_output=True, text=True, check=False
        )
        assert kept.returncode == 0, kept
        assert run("cat", notes).stdout == "notes\nx\n"
    finally:
        server.stop()


@pytest.mark.parametrize("header", ["Forwarded", "Via", "X-Forwarded-For", "x-real-ip"])
async def test_what_a_proxy_brings_needs_a_token_also_if_nobody_told_us_of_the_proxy(
    folder: Path, place: Path, header: str
) -> None:
    """It comes from elsewhere, whatever the header says; without such a header this machine comes in."""
    line = token("view")
    server = Socket(folder, place / "s", "--listen", "127.0.0.1:0")
    try:
        for headers, is_let_in in (
            ({}, True),
            ({header: "127.0.0.1"}, False),
            ({header: "127.0.0.1", "Authorization": f"Bearer {line}"}, True),
        ):
            for connecting in (
                connect_raw(server.addresses[0], additional_headers=headers),
                unix_connect(str(server.path), uri="ws://x/", additional_headers=headers),
            ):
                try:
                    async with connecting:
                        assert is_let_in
                except InvalidStatus as problem:
                    assert problem.response.status_code == 401 and not is_let_in
    finally:
        server.stop()


async def test_no_page_of_a_browser_comes_in_by_a_socket(folder: Path, place: Path) -> None:
    """Some proxies bring them there."""
    server = Socket(folder, place / "s")
    try:
        with pytest.raises(InvalidStatus, match="403"):
            async with unix_connect(
                str(server.path), uri="ws://x/", additional_headers={"Origin": "https://evil.example"}
            ):
                pass
    finally:
        server.stop()


def test_tls_is_not_silently_left_out(folder: Path, place: Path) -> None:
    """A certificate without an address that could have TLS is a mistake, and said."""
    done = run(
        "serve", str(folder), "--unix", str(place / "s"), "--tls-cert", __file__, "--tls-key", __file__
    )
    assert (done.returncode, done.stdout) == (1, "")
    owner = token("own")
    assert owner and "certificate" in done.stderr


def test_a_socket_is_closed_to_others_and_in_a_place_where_nobody_can_put_another(
    folder: Path, place: Path
) -> None:
    """In /tmp it stays its owner's; where all may write without that, it is refused."""
    server = Socket(folder, place / "s")
    assert stat.S_IMODE((place / "s").stat().st_mode) == 0o600
    server.stop()
    (place / "s").unlink()
    place.chmod(0o1777)
    server = Socket(folder, place / "s")
    assert server.addresses == [server.origin]
    server.stop()
    (place / "s").unlink()
    place.chmod(0o777)
    done = run("serve", str(folder), "--unix", str(place / "s"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "no safe place to listen" in done.stderr
    assert not (place / "s").exists()


def test_a_token_is_sent_to_no_socket_that_others_could_have_put_there(place: Path) -> None:
    """Once the server has gone, the name in /tmp is anybody's."""
    socket = place / "s"
    socket.write_text("")
    modes = {0o700: True, 0o755: True, 0o757: False, 0o777: False, 0o1777: True}
    for mode, is_safe in modes.items():
        place.chmod(mode)
        assert private.is_place_safe(socket) == is_safe, oct(mode)
    if os.geteuid() == 0:
        os.chown(socket, 4_000_001, -1)
        assert not private.is_place_safe(socket)
