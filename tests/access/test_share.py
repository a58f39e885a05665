"""An invitation is a line that works: it was tried, and here it is pasted. What cannot work is not printed (F23)."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_raw

from jpterm_like.access.addresses import ServerAddress, parse_address
from jpterm_like.cli import share
from jpterm_like.cli.share import Invitation, invite
from jpterm_like.client.events import Notice, RequestFailed
from jpterm_like.client.open import connect, connect_session
from jpterm_like.errors import JptermError
from jpterm_like.storage.memory import MemoryStorage
from jpterm_like.sync import wire
from tests.access.team import Team, token
from tests.access.test_ssh import Machine, machine
from tests.access.test_tokens import certificate
from tests.e2e.terminal import PROGRAM, Serve, Terminal, run, terminals, until

__all__ = ["machine"]  # a fixture


@pytest.fixture
def guest(tmp_path: Path) -> dict[str, str]:
    """The environment of another person, who has nothing yet but the program."""
    home = tmp_path / "guest"
    (home / "bin").mkdir(parents=True)
    command = home / "bin" / "jpterm-like"
    command.write_text(f'#!/bin/sh\nexec {shlex.join(PROGRAM)} "$@"\n')
    command.chmod(0o755)
    names = {"HOME": "", "XDG_STATE_HOME": "state", "XDG_CONFIG_HOME": "config", "XDG_RUNTIME_DIR": "run"}
    for name in names.values():
        (home / name).mkdir(mode=0o700, exist_ok=True)
    return {name: str(home / path) for name, path in names.items()} | {
        "PATH": f"{home}/bin:{os.environ['PATH']}"
    }


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


def shared(*arguments: str) -> tuple[str, str]:
    """The line of an invitation, and the words with it."""
    done = run("share", *arguments)
    assert done.returncode == 0, done
    assert done.stdout.count("\n") == 1
    return done.stdout.strip(), done.stderr


def not_shared(*arguments: str) -> str:
    """Why there is no invitation: one sentence, no line, and no token left behind."""
    before = run("token", "list").stdout
    done = run("share", *arguments)
    assert (done.returncode, done.stdout) == (1, ""), done
    assert done.stderr.count("\n") == 1, done.stderr
    assert run("token", "list").stdout == before
    return done.stderr


async def pasted(line: str, guest: dict[str, str], *shows: str) -> None:
    """Somebody pastes the line, and is in the file; no secret is among the arguments of what runs then."""
    with tempfile.NamedTemporaryFile("w") as script:  # not `sh -c`, whose argument it would be
        script.write(f"{line}\n")
        script.flush()
        await _pasted(script.name, guest, *shows)


async def _pasted(script: str, guest: dict[str, str], *shows: str) -> None:
    async with terminals() as terminal:
        one: Terminal = terminal(script, program=["sh"], env=guest)
        await one.shows("connected", *shows)
        listed = await asyncio.to_thread(
            subprocess.run, ["ps", "axww", "-o", "args"], capture_output=True, text=True, check=True
        )
        assert Path(script).read_text().strip("'\n").rpartition("/")[2] in listed.stdout, (
            "the editor is in the list"
        )
        for secret in re.findall(r"jpt_\w+", Path(script).read_text()):
            assert secret not in listed.stdout
        await one.press("ctrl+q")
        assert await one.ends() == 0


async def test_an_invitation_to_a_server_with_tokens(
    folder: Path, tmp_path: Path, owner: str, guest: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pasted by somebody else it opens the file, as what it was meant for, and no other; the secret is in no argument."""
    cert, key = certificate(tmp_path)
    odd = folder / "docs" / "a b [1]*.md"
    odd.write_text("odd name\n")
    (folder / "docs" / "a b 1x.md").write_text("another\n")
    serve = Serve(folder, "--tls-cert", str(cert), "--tls-key", str(key))
    try:
        assert "a certificate that this machine does not trust" in not_shared(str(odd))
        monkeypatch.setenv("SSL_CERT_FILE", str(cert))
        guest["SSL_CERT_FILE"] = str(cert)
        line, words = await asyncio.to_thread(shared, str(odd), "--role", "view", "--expires", "1h")
        assert "may read docs/a b [1]*.md" in words
        secret = line.split()[1]
        assert secret not in words
        assert line.startswith(f"echo {secret} | jpterm-like token add wss://localhost:")
        await pasted(line, guest, "odd name", "read only")
        listed = subprocess.run(
            [*PROGRAM, "ls", line.rpartition("jpterm-like ")[2]],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **guest},
        )
        assert listed.stdout == "docs/a b [1]*.md\n", listed.stderr
        assert run("token", "revoke", secret.split("_")[1]).returncode == 0
        line, words = await asyncio.to_thread(shared, str(folder / "notes.md"))
        await pasted(line, guest, "notes")
    finally:
        serve.stop()


def test_f23_no_line_behind_a_proxy_that_is_not_there(team: Team, folder: Path) -> None:
    """The address that a proxy has only its owner knows; what is said must be one, and answer."""
    notes = str(folder / "notes.md")
    assert "--at wss://HOST" in not_shared(notes)
    assert "Nobody listens at wss://127.0.0.1:1" in not_shared(notes, "--at", "wss://127.0.0.1:1")
    assert "ws:// or wss://" in not_shared(notes, "--at", team.url.replace("ws:", "wss:"))
    for nonsense in (team.url, "a b", "$(x)", "ssh://h", "http://h"):
        not_shared(notes, "--at", nonsense)


def test_f23_no_line_to_a_server_that_is_gone_or_other(folder: Path, tmp_path: Path) -> None:
    """It was killed and left its note; its port is another program's by now; what runs there is of another version."""
    serve = Serve(folder)
    notes = str(folder / "notes.md")
    note = folder / ".jpterm-like" / "serving.json"
    line, _ = shared(notes)
    assert line == f"jpterm-like {serve.url}/notes.md"
    assert "no file missing.md" in not_shared(str(folder / "missing.md"))
    for options in (["--role", "view"], ["--expires", "1h"], ["--at", "wss://h"]):
        assert "asks for tokens" in not_shared(notes, *options)
    serve.kill()
    assert "Nobody listens" in not_shared(notes)
    token("own")
    note.write_text(json.dumps({"pid": 1, "addresses": ["wss://127.0.0.1:1"], "tokens": True}))
    assert "Nobody listens" in not_shared(notes)
    serve.start()
    assert serve.stop() == 0
    assert not note.exists()


async def test_f23_no_line_to_a_server_of_another_version(folder: Path) -> None:
    """A server that was started before the program was updated."""

    async def older(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send(
            wire.encode(wire.Bye("version", "This server speaks protocol 0: update it.", 0))
        )
        await connection.wait_closed()

    async with serve_raw(older, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        store = folder / ".jpterm-like"
        store.mkdir(mode=0o700)
        note = store / "serving.json"
        note.write_text(json.dumps({"addresses": [f"ws://127.0.0.1:{port}"], "tokens": False}))
        note.chmod(0o600)
        assert "speaks protocol 0" in await asyncio.to_thread(not_shared, str(folder / "notes.md"))


@pytest.mark.parametrize("open_to_others", ["note", "store"])
def test_a_note_that_somebody_else_could_have_written_counts_for_nothing(
    open_folder: Path, open_to_others: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token would be sent to where it points."""
    monkeypatch.setattr(share, "_own_names", lambda: iter(()))
    file = open_folder / "f"
    file.write_text("text\n")
    store = open_folder / ".jpterm-like"
    store.mkdir(mode=0o700)
    note = store / "serving.json"
    note.write_text(json.dumps({"addresses": ["wss://127.0.0.1:1"], "tokens": True}))
    note.chmod(0o600)
    with pytest.raises(JptermError, match="Nobody listens"):
        invite(str(file))
    (note if open_to_others == "note" else store).chmod(0o777)
    assert invite(str(file)).line == f"jpterm-like {file}"


async def test_what_the_permissions_of_a_file_let_others_do(
    open_folder: Path, guest: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a server and ssh it is the path; a role is what the permissions say, and who can do nothing is not invited."""
    monkeypatch.setattr(share, "_own_names", lambda: iter(()))
    file = open_folder / "a plan.md"

    async def asked(**options: object) -> Invitation:
        return await asyncio.to_thread(invite, str(file), **options)  # type: ignore[arg-type]

    async def refused(says: str, **options: object) -> None:
        with pytest.raises(JptermError, match=says):
            await asked(**options)

    await refused("no file")
    file.write_text("plan\n")
    file.chmod(0o644)
    line, words = await asked(role="view")
    assert "For everybody on this machine, to read." in words
    await pasted(line, {"PATH": guest["PATH"]}, "plan")
    await refused("may not write .* by its permissions", role="edit")
    file.chmod(0o666)
    assert "to read and write" in (await asked()).words
    await refused("may write, too", role="view")
    await refused("do not expire", lasts_s=60.0)
    await refused("No server of yours", at="wss://h")
    await refused("No sshd answers", at="127.0.0.1:1")
    file.chmod(0o640)
    assert "members of the group" in (await asked()).words
    file.chmod(0o600)
    await refused(r"Nobody but you gets to .*by the permissions of .*a plan\.md")
    file.chmod(0o644)
    open_folder.chmod(0o700)
    await refused(rf"by the permissions of {open_folder}:")


async def test_an_invitation_through_ssh(
    machine: Machine, open_folder: Path, guest: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tried all the way where a key of mine opens the door; else it is said; what is missing there is no invitation."""
    file = open_folder / "a plan.md"
    file.write_text("plan\n")
    file.chmod(0o644)
    config = machine.folder / "ssh_config"
    config.write_text(config.read_text().replace("Host box", "Host box 127.0.0.1"))
    at = f"127.0.0.1:{machine.port}"
    line, words = await asyncio.to_thread(shared, str(file), "--at", at)
    assert line == f"jpterm-like ssh://{at}{str(file).replace(' ', '%20')}"
    assert "not tried" not in words
    await pasted(line, guest, "plan")
    machine.program.unlink()
    assert "is not installed" in await asyncio.to_thread(not_shared, str(file), "--at", at)
    (machine.folder / "authorized").write_text("")
    again, words = await asyncio.to_thread(shared, str(file), "--at", f"ssh://{at}")
    assert again == line
    assert "was not tried" in words
    machine.stop()
    assert "No sshd answers" in await asyncio.to_thread(not_shared, str(file), "--at", at)


@pytest.mark.parametrize("how", ["served", "with tokens", "file"])
async def test_who_is_invited_from_now_on_gets_nothing_of_what_was_before(
    how: str, folder: Path, open_folder: Path, tmp_path: Path, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not what was deleted before they came; those who are in it stay in it and are told, and unsent work arrives once."""
    file = folder / "notes.md"
    serve: Serve | None = None
    if how == "with tokens":
        cert, key = certificate(tmp_path)
        monkeypatch.setenv("SSL_CERT_FILE", str(cert))
        serve = Serve(folder, "--tls-cert", str(cert), "--tls-key", str(key))
        origin = f"wss://localhost:{serve.url.rpartition(':')[2]}"
        address = f"{origin}/notes.md"
        monkeypatch.setenv("JPTERM_LIKE_TOKEN", f"{origin}={owner}")
    elif how == "served":
        serve = Serve(folder)
        address = f"{serve.url}/notes.md"
    else:
        file = open_folder / "notes.md"
        file.write_text("notes\n")
        file.chmod(0o644)
        address = str(file)
    try:
        async with connect(address, name="ann", state_dir=tmp_path / "ann") as ann:
            told: list[str] = []
            ann.listen(lambda event: told.append(event.sentence) if isinstance(event, Notice) else None)
            await ann.synced()
            ann.replace(0, 0, "hunter2 ")
            ann.replace(0, 8, "")
            async with connect(address, name="bob", state_dir=tmp_path / "bob") as bob:
                await bob.synced()
                await ann.stored()
            done = await asyncio.to_thread(run, "share", "--from-now", str(file), timeout_s=60)
            assert done.returncode == 0 and "Its history begins anew" in done.stderr, done
            async with connect_session(address, name="carl", storage=MemoryStorage(), create=False) as carl:
                await carl.wait_until_joined(20)
                assert carl.text == "notes\n"
                assert b"hunter2" not in carl.buffer.encode()
                await until(lambda: any("notes.md was restarted" in it for it in told), "ann is told")
                ann.replace(0, 0, "ann's ")
                await asyncio.wait_for(ann.stored(), 20)
                async with connect(address, name="bob", state_dir=tmp_path / "bob") as bob:
                    bob.replace(len(bob.text), len(bob.text), "bob's\n")
                    await asyncio.wait_for(bob.stored(), 20)
                    await until(
                        lambda: carl.text == "ann's notes\nbob's\n" == ann.text == bob.text, "one text"
                    )
                    for session in (ann, bob, carl):
                        assert b"hunter2" not in session.buffer.encode()
    finally:
        if serve is not None:
            serve.stop()


async def test_only_an_owner_begins_a_history_anew(team: Team, tmp_path: Path) -> None:
    """A guest who may edit is refused, and nothing happens."""
    written = f"{team.url}/notes.md"
    address = parse_address(written)
    assert isinstance(address, ServerAddress)
    address = address._replace(token=token("edit"))
    async with connect_session(address, name="eve", storage=MemoryStorage(), create=False) as eve:
        await eve.wait_until_joined(20)
        lineage = eve.buffer.lineage
        with pytest.raises(RequestFailed, match="Only an owner"):
            await eve.restart_history()
        assert eve.buffer.lineage == lineage
