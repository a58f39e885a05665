"""A balancer that brings the people of a pad together at one server: real HAProxy, and the header that a client sends."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from jpterm_like.transports.base import Transport
from jpterm_like.transports.websocket import Listener, connect_tcp, hash_pad, listen_tcp
from tests.e2e.terminal import PATIENCE_S

HAPROXY = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")

CONFIG = """
defaults
    mode http
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout tunnel 1h
frontend people
    bind 127.0.0.1:{port}
    default_backend pads
backend pads
    balance hdr(x-jpterm-pad)
    hash-type consistent
{servers}
"""


@contextmanager
def haproxy(folder: Path, addresses: list[str]) -> Iterator[int]:
    """Run HAProxy in front of servers; gives its port."""
    if HAPROXY is None:
        pytest.skip("haproxy is not installed")
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    servers = "\n".join(f"    server n{number} {address}" for number, address in enumerate(addresses))
    (folder / "haproxy.cfg").write_text(CONFIG.format(port=port, servers=servers))
    process = subprocess.Popen([HAPROXY, "-db", "-q", "-f", str(folder / "haproxy.cfg")])
    try:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.01)  # HAProxy says nothing when it begins to listen
        yield port
    finally:
        process.terminate()
        process.wait()


async def test_the_people_of_a_pad_meet_at_one_server(tmp_path: Path) -> None:
    """Everybody who asks for a pad comes to the same server, and the pads are spread over all of them."""
    found: dict[str, set[int]] = {}
    listeners: list[Listener] = []
    for number in range(3):

        async def handle(transport: Transport, number: int = number) -> None:
            found.setdefault(transport.peer.asked_path, set()).add(number)

        listeners.append(await listen_tcp(handle, "127.0.0.1", 0))
    pads = [f"docs/{number}.md" for number in range(20)]

    async def visit(pad: str) -> None:
        await (await connect_tcp(url, path=pad)).close()

    with haproxy(tmp_path, [each.address.removeprefix("ws://") for each in listeners]) as port:
        url = f"ws://127.0.0.1:{port}"
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*[visit(pad) for pad in pads * 3])
        assert len(found) == 20 and all(len(at) == 1 for at in found.values())
        assert set.union(*found.values()) == {0, 1, 2}
    for listener in listeners:
        await listener.stop()


@pytest.mark.parametrize(
    ("name", "hashed"),
    [("notes.md", "754b6dc3f8728b19"), ("a/ü.md", "9ea9dd0fcf889d81"), ("", "e3b0c44298fc1c14")],
)
def test_the_hash_of_a_name_stays_what_it_is(name: str, hashed: str) -> None:
    """Clients of two releases must be sent to the same server."""
    assert hash_pad(name) == hashed
