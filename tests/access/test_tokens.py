"""A server for a team: who comes in with which token, what they may do, and how soon that ends."""

from __future__ import annotations

import asyncio
import json
import os
import selectors
import socket
import stat
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from websockets.asyncio.client import connect as connect_raw
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_raw
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Request, Response

import jpterm_like
from crdt import TextBuffer, Version
from jpterm_like.access.local_users import UserRights
from jpterm_like.access.permissions import OWNER
from jpterm_like.access.tokens import Keyring, TokenBook, TokenRights, parse_duration
from jpterm_like.config import Paths
from jpterm_like.errors import JptermError
from jpterm_like.sync import wire
from jpterm_like.transports.connection_limiter import UNIDENTIFIED_MAX
from tests.access.team import Team, as_holder, id_of, origin, token
from tests.e2e.terminal import PATIENCE_S, PROGRAM, Serve, Terminal, run, terminals, until


def test_an_open_address_is_refused_without_tokens_and_without_tls(folder: Path) -> None:
    """Beyond this machine: neither unencrypted by oversight, nor without anybody who could come in."""
    for options, says in (
        (["--listen", "0.0.0.0:0"], "--behind-proxy"),
        (["--listen", "0.0.0.0:0", "--behind-proxy"], "no token yet"),
        (["--behind-proxy"], "no token yet"),
        (["--tls-cert", "x"], "belong together"),
        (["--tls-cert", "x", "--tls-key", "y"], "cannot be read"),
    ):
        done = run("serve", str(folder), *options)
        assert (done.returncode, done.stdout) == (1, ""), done
        assert says in done.stderr, options
    token("view", "--expires", "1s", "--folder", "/elsewhere")
    assert "no token yet" in run("serve", str(folder), "--listen", "0.0.0.0:0", "--behind-proxy").stderr


def test_only_run_and_own_run(tmp_path: Path) -> None:
    """A token to write gives no right to run, and one to run is one to write for everything else."""
    book = TokenBook(tmp_path / "tokens.json")
    for role, pad_role, may_run in (
        ("view", "view", False),
        ("edit", "edit", False),
        ("run", "edit", True),
        ("own", "own", True),
    ):
        made, _ = book.make(role)  # type: ignore[arg-type]
        rights = TokenRights(book, made, "/w")
        assert (rights.role("a.ipynb", tmp_path), rights.may_run()) == (pad_role, may_run)
        book.revoke(made.id)
        assert not rights.may_run()
    assert not OWNER.may_run() and not UserRights(1, 1).may_run()


def test_roles_from_the_command_line(team: Team) -> None:
    """view reads, edit writes, a pattern shows what it fits and nothing else; without a token nothing at all."""
    view, edit = token("view"), token("edit", "--pad", "docs/*")
    notes, plan = f"{team.url}/notes.md", f"{team.url}/docs/plan.md"
    nobody = run("cat", notes)
    assert (nobody.returncode, nobody.stdout) == (1, "")
    assert "asks for a token" in nobody.stderr
    wrong = as_holder(edit[:-1] + ("A" if edit[-1] != "A" else "B"), "cat", plan)
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "does not accept your token" in wrong.stderr

    assert as_holder(view, "cat", notes).stdout == "notes\n"
    refused = as_holder(view, "append", notes, "x")
    assert refused.returncode == 1
    assert "may read this file, not write it" in refused.stderr
    assert as_holder(view, "append", f"{team.url}/new.md", "x").returncode == 1

    assert as_holder(edit, "ls", team.url).stdout == "docs/plan.md\n"
    hidden, absent = (as_holder(edit, "cat", f"{team.url}/{name}.md") for name in ("notes", "nowhere"))
    assert hidden.returncode == absent.returncode == 1
    assert hidden.stderr.replace("notes", "nowhere") == absent.stderr, "what is not shared is not there"
    assert as_holder(edit, "append", plan, "more").returncode == 0
    assert as_holder(view, "cat", plan).stdout == "plan\nmore\n"


async def test_revoking_cuts_live_connections(
    team: Team, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a moment, and for good; the others stay."""
    line = token("edit")
    monkeypatch.setenv("JPTERM_LIKE_TOKEN", f"{team.url}={line}")
    async with jpterm_like.connect(f"{team.url}/notes.md", name="ann") as ann:
        monkeypatch.setenv("JPTERM_LIKE_TOKEN", f"{team.url}={token('edit')}")
        async with jpterm_like.connect(f"{team.url}/notes.md", name="bob") as bob:
            monkeypatch.setenv("JPTERM_LIKE_TOKEN", f"{team.url}={line}")
            ann.replace(0, 0, "before ")
            await ann.stored()
            assert (await asyncio.to_thread(run, "token", "revoke", id_of(line))).returncode == 0
            await until(lambda: ann.status.state == "offline" and "token" in ann.status.reason, "the cut")
            ann.replace(0, 0, "after ")
            bob.replace(0, 0, "bob ")
            await bob.stored()
            assert bob.text == "bob before notes\n"
            assert ann.text == "after before notes\n", "typing goes on"
    assert as_holder(line, "cat", f"{team.url}/notes.md").returncode == 1


async def test_a_token_expires_while_it_is_used(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server looks again and again, not only at the door; a used token does not live again."""
    line = token("edit", "--expires", "5s")
    team = Team(folder, tmp_path / "log")
    try:
        monkeypatch.setenv("JPTERM_LIKE_TOKEN", f"{team.url}={line}")
        async with jpterm_like.connect(f"{team.url}/notes.md", name="ann") as ann:
            await until(lambda: ann.status.state == "offline", "the end of the token")
        assert "does not accept" in (await asyncio.to_thread(run, "cat", f"{team.url}/notes.md")).stderr
    finally:
        team.stop()


async def hello(team: Serve, line: str) -> object:
    """A raw connection that speaks the protocol by hand."""
    return await connect_raw(team.url, additional_headers={"Authorization": f"Bearer {line}"}, proxy=None)


async def test_f20_a_reader_who_sends_everything(team: Team, folder: Path) -> None:
    """Edits, saves, merges, undo of others, as raw messages: all refused at the server, and nothing changes."""
    line = token("view")
    for message in (
        None,
        wire.Save(0, 1),
        wire.Merged(0, 1),
        wire.TakeBack(0, 1, False),
        wire.Kick(0, 1, "ann"),
        wire.Rename(0, 1, "stolen.md"),
        wire.Delete(0, 1),
    ):
        buffer = TextBuffer.genesis("notes\n")  # a site of its own: the connection before may not be gone yet
        start = buffer.version
        buffer.replace(0, 0, "evil ")
        message = message or wire.Changes(0, 0, buffer.changes_since(start))
        opening = wire.Open(0, "notes.md", True, buffer.site, None, Version(), b"", False)
        connection = await hello(team, line)
        async with connection:  # type: ignore[attr-defined]
            for said in (wire.Hello(1, 1, (), "reader"), opening):
                await connection.send(wire.encode(said))  # type: ignore[attr-defined]
            answers: list[object] = []
            try:
                async with asyncio.timeout(PATIENCE_S):
                    while not any(isinstance(a, wire.Opened) for a in answers):
                        answers.append(wire.decode(await connection.recv()))  # type: ignore[attr-defined]
                    await connection.send(wire.encode(message))  # type: ignore[attr-defined]
                    while not any(isinstance(a, wire.Refuse | wire.Bye) for a in answers):
                        answers.append(wire.decode(await connection.recv()))  # type: ignore[attr-defined]
            except ConnectionClosed:
                pass
            assert any(isinstance(a, wire.Opened) and a.role == "view" for a in answers)
            assert not any(isinstance(a, wire.Done) for a in answers)
    merging = wire.Open(0, "notes.md", True, 5, None, Version(), b"", True)
    connection = await hello(team, line)
    async with connection:  # type: ignore[attr-defined]
        for said in (wire.Hello(1, 1, (), "reader"), merging):
            await connection.send(wire.encode(said))  # type: ignore[attr-defined]
        done = await asyncio.to_thread(as_holder, token("edit"), "append", f"{team.url}/notes.md", "mine")
        assert done.returncode == 0, "a reader does not keep others from their turn"
    assert (await asyncio.to_thread(as_holder, line, "cat", f"{team.url}/notes.md")).stdout == "notes\nmine\n"


async def test_a_reader_in_the_editor(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for the token before the screen starts; the screen says read only; the token is kept for the next time."""
    line = token("view")
    async with terminals() as terminal:
        one: Terminal = terminal(f"{team.url}/notes.md")
        await one.shows("asks for a token", "Token for")
        await one.press(line, "enter")
        await one.shows("notes", "read only", "connected")
        assert line.encode() not in one.raw
        await one.type("x")
        await one.shows("You may read this text")
        await one.press("ctrl+q")
        assert await one.ends() == 0
        again: Terminal = terminal(f"{team.url}/notes.md")
        await again.shows("notes", "read only", "connected")
    kept = Paths.of_user().keyring_file
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert run("token", "forget", team.url).returncode == 0
    assert line not in kept.read_text()
    assert (
        subprocess.run([*PROGRAM, "token", "add", team.url], input=line, text=True, check=False).returncode
        == 0
    )
    assert run("cat", f"{team.url}/notes.md").stdout == "notes\n"


def test_secrets_are_in_no_log_and_in_no_list(team: Team, tmp_path: Path, owner: str) -> None:
    """Not in the log, not in the file of tokens, not in `token list`, not in the arguments of any process."""
    view = token("view", "--pad", "\x1b[2J*")
    wrong = "jpt_00000000_" + "x" * 43
    for line in (view, wrong, owner):
        as_holder(line, "cat", f"{team.url}/notes.md")
    said = (tmp_path / "log").read_text()
    entries = [json.loads(row) for row in said.splitlines()]
    assert {"not admitted", "opened"} <= {entry["event"] for entry in entries}
    book = Paths.of_user().tokens_file
    assert stat.S_IMODE(book.stat().st_mode) == 0o600
    listed = run("token", "list").stdout
    assert "\\x1b[2J" in listed
    assert "\x1b" not in listed
    processes = subprocess.run(
        ["ps", "axww", "-o", "args"], capture_output=True, text=True, check=True
    ).stdout
    for line in (view, wrong, owner):
        secret = line.split("_", 2)[2]
        for place in (said, book.read_text(), listed, processes):
            assert secret not in place


async def test_a_token_is_sent_to_the_server_that_it_is_for_and_to_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From the environment and from the file; not to another port, not after a redirect, not where all can read along."""
    asked: list[dict[str, str]] = []
    away: list[str] = []

    def note(connection: ServerConnection, request: Request) -> Response:
        asked.append(dict(request.headers.raw_items()))
        headers = Headers({"Location": away[0], "Content-Length": "0"} if away else {"Content-Length": "0"})
        return Response(302 if away else 401, "No", headers, b"")

    async def never(connection: ServerConnection) -> None:
        raise AssertionError("every request is answered")

    async with (
        serve_raw(never, "127.0.0.1", 0, process_request=note) as mine,
        serve_raw(never, "127.0.0.1", 0, process_request=note) as strange,
    ):
        ours, theirs = (f"ws://127.0.0.1:{next(iter(s.sockets)).getsockname()[1]}" for s in (mine, strange))
        secret = "jpt_00000000_" + "x" * 43

        async def sent(address: str) -> list[str | None]:
            """What was sent along by a command that did not come in, each time that anybody was asked."""
            asked.clear()
            done = await asyncio.to_thread(run, "cat", f"{address}/f")
            assert (done.returncode, done.stdout) == (1, "")
            assert secret not in done.stderr
            assert done.stderr.count("\n") == 1
            return [request.get("Authorization") for request in asked]

        monkeypatch.setenv("JPTERM_LIKE_TOKEN", f"{ours}={secret}")
        assert await sent(ours) == [f"Bearer {secret}"]
        assert await sent(theirs) == [None]
        away.append(f"{theirs}/f")
        assert await sent(ours) == [f"Bearer {secret}"], "one is asked, and nobody else"
        away.clear()
        for unclear in (secret, f"={secret}", f"{secret}=", f"notes.md={secret}", f"ws://={secret}"):
            monkeypatch.setenv("JPTERM_LIKE_TOKEN", unclear)
            assert await sent(ours) == [], unclear
        monkeypatch.delenv("JPTERM_LIKE_TOKEN")
        Keyring(Paths.of_user().keyring_file).keep(ours, secret)
        assert await sent(ours) == [f"Bearer {secret}"]
        assert await sent(theirs) == [None]
        monkeypatch.setenv("JPTERM_LIKE_TOKEN", f"ws://nowhere.invalid:80={secret}")
        done = await asyncio.to_thread(run, "cat", "ws://nowhere.invalid/f")
        assert "not sent over an unencrypted connection" in done.stderr


def test_only_as_much_as_its_folder(tmp_path: Path) -> None:
    """A token for one folder opens no other; one that was changed in the book is another one."""
    now = [1000.0]
    book = TokenBook(tmp_path / "tokens", clock=lambda: now[0])
    made, line = book.make("edit", pad="docs/*", folder="/a", lasts_s=10)
    assert book.has_token_for("/a")
    assert not book.has_token_for("/b")
    rights = TokenRights(book, made, "/a")
    assert rights.role("docs/x/y.md", Path()) == "edit"
    assert rights.role("Docs/x", Path()) is None, "capitals count"
    assert rights.role("docs", Path()) is None
    assert not TokenRights(book, made, "/b").is_valid()
    assert book.find(line) == made
    for bad in (
        "",
        "jpt_",
        line[:-1],
        line + "A",
        line.upper(),
        f"{line}\n",
        line.replace("_", "-"),
        "ü" * 500,
    ):
        assert book.find(bad) is None, bad
    now[0] += 10
    assert book.find(line) is None
    assert rights.role("docs/x", Path()) is None
    assert not book.has_token_for("/a")
    (tmp_path / "tokens").write_text("{")
    with pytest.raises(JptermError, match="damaged"):
        book.all()
    assert not rights.is_valid()


def test_tokens_of_a_newer_release_let_nobody_in_and_stay(tmp_path: Path) -> None:
    """What it noted of one may say that it opens less; and whoever is told that it is damage removes them all."""
    book = TokenBook(tmp_path / "tokens")
    _, line = book.make("edit")
    newer = (tmp_path / "tokens").read_text().replace('"role"', '"only_on": "monday", "role"')
    (tmp_path / "tokens").write_text(newer)
    for use in (book.all, lambda: book.find(line), lambda: book.make("view")):
        with pytest.raises(JptermError, match="newer release"):
            use()
    assert (tmp_path / "tokens").read_text() == newer


def test_lengths_of_time() -> None:
    assert [parse_duration(text) for text in ("1s", "30m", "2h", "7d", "1w")] == [
        1,
        1800,
        7200,
        604800,
        604800,
    ]
    for bad in ("", "7", "d", "0d", "-1d", "1.5h", "7 d", "7D"):
        with pytest.raises(ValueError):
            parse_duration(bad)


@pytest.mark.parametrize(
    "arguments",
    ["token", "token new", "token new --role boss", "token new x --role view", "token revoke", "token list x",
     "token list --role view", "token add", "token new --role view --expires soon"],
)  # fmt: skip
def test_what_is_not_understood(arguments: str) -> None:
    """One sentence, exit code 2."""
    done = run(*arguments.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as problem:
        return problem.code, problem.read().decode()


def test_health_and_metrics_are_on_an_address_of_their_own(folder: Path) -> None:
    """/healthz, /readyz and Prometheus' /metrics; nothing of them at the door for people, nothing of texts in them."""
    serve = subprocess.Popen(
        [*PROGRAM, "serve", str(folder), "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert serve.stdout is not None
        metrics = serve.stdout.readline().split()[-1]
        door = serve.stdout.readline().split()[-1]
        assert get(f"{metrics}/healthz") == (200, "alive\n")
        assert get(f"{metrics}/readyz") == (200, "ready\n")
        assert run("cat", f"{door}/notes.md").stdout == "notes\n"
        status, figures = get(f"{metrics}/metrics")
        assert status == 200
        assert "# TYPE jpterm_like_openings_total counter\njpterm_like_openings_total 1\n" in figures
        assert get(f"{metrics}/notes.md")[0] == 404
        assert get(f"{door.replace('ws:', 'http:')}/metrics")[0] >= 400
    finally:
        serve.terminate()
        assert serve.wait(timeout=PATIENCE_S) == 0
        serve.stdout.close()


def certificate(folder: Path) -> tuple[Path, Path]:
    cert, key = folder / "cert.pem", folder / "key.pem"
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert],
        capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("openssl makes no certificate here")
    return cert, key


def test_tls(folder: Path, tmp_path: Path, owner: str) -> None:
    """wss with a certificate that the client trusts; one that it does not trust is a sentence."""
    cert, key = certificate(tmp_path)
    serve = Serve(folder, "--tls-cert", str(cert), "--tls-key", str(key))
    try:
        assert serve.url.startswith("wss://")
        url = f"wss://localhost:{serve.url.rpartition(':')[2]}/notes.md"
        strange = as_holder(owner, "cat", url)
        assert strange.returncode == 1
        assert "a certificate that this machine does not trust" in strange.stderr
        assert "SSL_CERT_FILE" in strange.stderr
        trusted = subprocess.run(
            [*PROGRAM, "cat", url],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "JPTERM_LIKE_TOKEN": f"{origin(url)}={owner}", "SSL_CERT_FILE": str(cert)},
        )
        assert trusted.stdout == "notes\n", trusted.stderr
    finally:
        serve.stop()


async def test_foreign_origins_come_nowhere(team: Team, owner: str) -> None:
    """A page in a browser says its Origin: refused, with a good token too."""
    with pytest.raises(InvalidStatus) as refused:
        async with connect_raw(
            team.url,
            origin="https://evil.example",
            additional_headers={"Authorization": f"Bearer {owner}"},
            proxy=None,
        ):
            pass
    assert refused.value.response.status_code == 403


async def test_who_does_not_greet_is_cut_off(team: Team, owner: str) -> None:
    """Let in, and then without a word: not for longer than the deadline."""
    connection = await hello(team, owner)
    async with connection:  # type: ignore[attr-defined]
        async with asyncio.timeout(PATIENCE_S):
            # it may be asked before whether it is there
            while not isinstance(bye := wire.decode(await connection.recv()), wire.Bye):  # type: ignore[attr-defined]
                pass
        assert bye.code == "deadline"


def test_an_unauthenticated_flood_is_bounded(team: Team, owner: str) -> None:
    """Many connections that say nothing, endless header lines: cut by count, by bytes and by time; guests come in."""
    host, port = team.url.removeprefix("ws://").split(":")
    lines = [socket.create_connection((host, int(port)), timeout=PATIENCE_S) for _ in range(400)]
    try:
        with selectors.DefaultSelector() as selector:
            for number, line in enumerate(lines):
                selector.register(line, selectors.EVENT_READ, number)
            first = [key.data for key, _ in selector.select(PATIENCE_S)]
        assert max(first) < 400 - UNIDENTIFIED_MAX, (
            "those beyond the count cut off the oldest at once, long before the time of the others"
        )
        began = time.monotonic()
        endless = socket.create_connection((host, int(port)), timeout=PATIENCE_S)
        lines.append(endless)
        with pytest.raises(OSError):
            while time.monotonic() - began < PATIENCE_S:
                endless.sendall(b"GET / HTTP/1.1\r\n" + b"X-Filler: " + b"x" * 4000 + b"\r\n")
        for line in lines[:-1]:
            line.settimeout(PATIENCE_S)
            try:
                while line.recv(4096):
                    pass
            except ConnectionError:
                pass
    finally:
        for line in lines:
            line.close()
    assert as_holder(owner, "cat", f"{team.url}/notes.md").stdout == "notes\n"
