"""A server behind a path of a proxy: real nginx, which takes the path away or passes it on."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from websockets.asyncio.client import connect as connect_raw

import jpterm_like
from jpterm_like.server.mount import Mount, find_mount
from jpterm_like.sync import wire
from jpterm_like.transports.websocket import connect_tcp, listen_tcp
from tests.access.team import Team, token
from tests.access.test_paths import opening
from tests.access.test_tokens import certificate
from tests.e2e.terminal import PATIENCE_S, PROGRAM, Serve, run, terminals

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")

CONFIG = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ }}
http {{
    access_log {folder}/access.log; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    server {{
        listen 127.0.0.1:{port}{tls};
        location /pads/ {{
            proxy_pass {target};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
        }}
    }}
}}
"""


@contextmanager
def nginx(folder: Path, target: str, certificate: tuple[Path, Path] | None = None) -> Iterator[int]:
    """Run nginx with `target` under /pads/; gives its port."""
    if NGINX is None:
        pytest.skip("nginx is not installed")
    folder.mkdir()
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    tls = ""
    if certificate is not None:
        tls = f" ssl; ssl_certificate {certificate[0]}; ssl_certificate_key {certificate[1]}"
    (folder / "nginx.conf").write_text(CONFIG.format(folder=folder, port=port, tls=tls, target=target))
    process = subprocess.Popen([NGINX, "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")])
    try:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                assert process.poll() is None and time.monotonic() < deadline, (
                    folder / "error.log"
                ).read_text()
                time.sleep(0.01)  # nginx says nothing when it begins to listen
        yield port
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(params=["taken away", "kept, and --prefix said", "taken away, and --prefix said"])
def address(request: pytest.FixtureRequest, folder: Path, tmp_path: Path) -> Iterator[str]:
    """Where a client finds a served folder through nginx."""
    serve = Serve(folder, *(["--prefix", "/pads"] if "prefix" in request.param else []))
    target = serve.url.replace("ws", "http") + ("/" if "taken" in request.param else "")
    with nginx(tmp_path / "nginx", target) as port:
        yield f"ws://127.0.0.1:{port}/pads"
    serve.stop()


async def test_a_server_is_found_under_a_path(address: str, folder: Path) -> None:
    """Read, write, list and look from a script; people meet, and a rename keeps them together."""
    assert run("cat", f"{address}/docs/plan.md").stdout == "plan\n"
    assert run("append", f"{address}/notes.md", "more").returncode == 0
    assert run("cat", f"{address}/notes.md").stdout == "notes\nmore\n"
    listed = run("ls", f"{address}/")
    assert listed.stdout.split() == ["pads/docs/plan.md", "pads/notes.md"], listed
    missing = run("cat", f"{address}/nothing.md")
    assert (missing.returncode, missing.stdout) == (1, "") and "nothing.md" in missing.stderr
    elsewhere = run("cat", address.replace("/pads", "/others") + "/notes.md")
    assert elsewhere.returncode == 1 and "look at the path" in elsewhere.stderr
    async with terminals() as terminal:
        ann, bob = (terminal(f"{address}/notes.md", "--name", name) for name in ("ann", "bob"))
        await ann.shows("bob", "more")
        await bob.shows("ann", "more")
        await ann.type("typed ")
        await bob.shows("typed notes")


async def test_names_with_blanks_percent_and_letters_of_all_kinds(address: str, folder: Path) -> None:
    """What nginx decodes and encodes anew is the same name."""
    for name in (
        "a b.md",
        "50%25 off.md",
        "50% off.md",
        "naïve 字.md",
        "a+b&c=d;e.md",
        "docs/ü ?.md",
        "x#y.md",
    ):
        (folder / name).write_text(name)
        done = run("cat", f"{address}/{quote(name)}")
        assert (done.stdout, done.stderr) == (name, "")


async def test_a_renamed_file_is_followed_under_the_path(address: str, folder: Path) -> None:
    """The new name reaches the client as it would write it, and a name that it gives reaches the server without the path."""
    from jpterm_like.access.addresses import parse_address
    from jpterm_like.client.open import connect_session
    from jpterm_like.storage.memory import MemoryStorage

    async with connect_session(
        parse_address(f"{address}/notes.md"), name="ann", storage=MemoryStorage(), create=False, visible=True
    ) as session:
        await session.wait_until_joined(PATIENCE_S)
        await session.rename("pads/docs/new.md")
        assert (session.path, (folder / "docs" / "new.md").read_text()) == ("pads/docs/new.md", "notes\n")


async def test_tls_at_the_proxy_and_tokens_for_one_path(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`share --at wss://HOST/pads` prints a command that works, whose token goes to that path alone."""
    cert, key = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    token("own")
    team = Team(folder, tmp_path / "log")
    try:
        with nginx(tmp_path / "nginx", team.url.replace("ws", "http") + "/", (cert, key)) as port:
            made = run("share", str(folder / "notes.md"), "--at", f"wss://localhost:{port}/pads")
            assert made.returncode == 0, made
            place, opened = f"wss://localhost:{port}/pads/", f"wss://localhost:{port}/pads/notes.md"
            assert f"token add {place} && jpterm-like {opened}" in made.stdout
            refused = run("cat", opened)
            assert refused.returncode == 1 and "asks for a token" in refused.stderr
            secret = made.stdout.split()[1]
            kept = subprocess.run([*PROGRAM, "token", "add", place], input=secret, text=True, check=False)
            assert kept.returncode == 0
            assert run("cat", opened).stdout == "notes\n"
            given = {**os.environ, "JPTERM_LIKE_TOKEN": f"wss://localhost:{port}/others/={secret}"}
            assert run("token", "forget", place).returncode == 0
            done = subprocess.run([*PROGRAM, "cat", opened], env=given, capture_output=True, check=False)
            assert done.returncode == 1 and b"asks for a token" in done.stderr
    finally:
        team.stop()


async def test_release_0_1_0_asks_for_the_root(folder: Path) -> None:
    """A client that says no path still gets its names as it writes them, whatever --prefix says."""
    serve = Serve(folder, "--prefix", "pads/")
    try:
        async with connect_raw(serve.url) as line:
            await line.send(wire.encode(wire.Hello(1, 1, (), "ann")))
            await line.send(opening(0, "notes.md"))
            while not isinstance(message := wire.decode(await line.recv()), wire.Opened):  # type: ignore[arg-type]
                assert not isinstance(message, wire.Refuse)
        assert run("cat", f"{serve.url}/notes.md").stdout == "notes\n"
        assert run("cat", f"{serve.url}/pads/notes.md").stdout == "notes\n"
    finally:
        serve.stop()
    for odd in ("/../x", "/a?b"):
        done = run("serve", str(folder), "--listen", "127.0.0.1:0", "--prefix", odd)
        assert done.returncode == 1 and "write --prefix /pads" in done.stderr


@pytest.mark.parametrize(
    ("asked", "written", "prefix", "found"),
    [
        ("/n.md", "/n.md", "", ""),
        ("/n.md", "/pads/n.md", "", "pads/"),
        ("/", "/pads/", "", "pads/"),
        ("/pads/n.md", "/pads/n.md", "pads/", "pads/"),
        ("/n.md", "/n.md", "pads/", ""),
        ("/pads/n.md", "/team/pads/n.md", "pads/", "team/pads/"),
        ("/", None, "pads/", ""),
        ("/other.md", "/pads/n.md", "", ""),
        ("/md", "/n.md", "", ""),
    ],
)
def test_a_mount_is_what_was_taken_away(asked: str, written: str | None, prefix: str, found: str) -> None:
    """Only whole parts of a path are a prefix."""
    assert find_mount(asked, written, prefix) == Mount(found)


async def test_a_first_address_that_is_dead_costs_no_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a host with IPv6 that leads nowhere the next address is tried at once (RFC 8305)."""
    loop = asyncio.get_running_loop()

    async def handle(transport: object) -> None:
        await asyncio.sleep(0)

    listener = await listen_tcp(handle, "127.0.0.1", 0)
    port = int(listener.address.rpartition(":")[2])

    async def both(*arguments: object, **named: object) -> list[object]:
        dead = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2001:db8::1", port, 0, 0))
        return [dead, (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    original = loop.sock_connect

    async def never_at_the_dead_one(line: socket.socket, address: tuple[object, ...]) -> None:
        if line.family == socket.AF_INET6:
            await loop.create_future()
        await original(line, address)

    monkeypatch.setattr(loop, "getaddrinfo", both)
    monkeypatch.setattr(loop, "sock_connect", never_at_the_dead_one)
    async with asyncio.timeout(4):
        transport = await connect_tcp(f"ws://two.example:{port}")
    await transport.close()
    await listener.stop()


async def test_people_are_listed_by_the_names_that_the_client_uses(address: str, folder: Path) -> None:
    """Going along to their file opens it under the path, too."""
    notes, plan = f"{address}/notes.md", f"{address}/docs/plan.md"
    async with jpterm_like.connect(notes, name="ann") as ann, jpterm_like.connect(plan, name="bob") as bob:
        await bob.informed()
        async with asyncio.timeout(PATIENCE_S):
            while len(everyone := await ann.everyone()) < 2:
                await asyncio.sleep(0.01)
        assert {one.address for one in everyone} == {ann.address, bob.address}
