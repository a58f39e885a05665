"""A file of another machine, through the user's own ssh: a real sshd on a loopback port, with keys of the test."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pwd
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import termios
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jpterm_like.access.addresses import BadAddress, LocalFileAddress, ServerAddress, parse_address
from jpterm_like.access.ssh import SshAddress
from tests.e2e.terminal import PROGRAM, Terminal, run, terminals, until

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin:" + os.environ.get("PATH", ""))


@pytest.mark.parametrize(
    ("written", "text", "path"),
    [
        ("host:notes.md", "ssh://host/~/notes.md", "notes.md"),
        ("ann@host:/srv/a b.md", "ssh://ann@host/srv/a%20b.md", "/srv/a b.md"),
        ("ssh://host/srv/notes.md", "ssh://host/srv/notes.md", "/srv/notes.md"),
        ("ssh://ann@host:2222/~/notes.md", "ssh://ann@host:2222/~/notes.md", "notes.md"),
    ],
)
def test_addresses(written: str, text: str, path: str) -> None:
    """Both forms; what is shown can be written again."""
    address = parse_address(written)
    assert isinstance(address, SshAddress)
    assert (address.text, address.path) == (text, path)
    assert parse_address(text).text == text


@pytest.mark.parametrize(
    "written",
    ["ssh://-oProxyCommand=x/f", "ssh://host", "ssh://host/", "ssh://ann:secret@host/f", "ssh://-l@host/f", "ssh://h:x/f",
     "ssh://a b/f"],
)  # fmt: skip
def test_what_is_no_address_never_reaches_ssh(written: str) -> None:
    """Least of all what ssh would take for an option."""
    with pytest.raises(BadAddress):
        parse_address(written)


def test_a_host_without_a_file_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`box:` began a new file of that name here. Nobody lists the files over there, so what to write is said."""
    monkeypatch.chdir(tmp_path)
    for written in ("box:", "ann@box:"):
        with pytest.raises(BadAddress, match=rf"{written} names no file: write {written}FILE"):
            parse_address(written)
    (tmp_path / "box:").touch()
    assert isinstance(parse_address("box:"), LocalFileAddress)
    assert isinstance(parse_address("./other:"), LocalFileAddress)


def test_what_is_a_file_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is there, a path, and what begins like an option."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a:b").touch()
    for name in ("a:b", "./host:file", "dir/x:y", "-o:x", "x: y"):
        assert isinstance(parse_address(name), LocalFileAddress), name
    assert isinstance(parse_address("ws://host:1/f"), ServerAddress)


class Machine:
    """Another machine: an sshd, and a home of its own with the program in it."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "remote"
        self.port = _free_port()
        self.folder = folder
        (self.home / ".local/bin").mkdir(parents=True)
        (self.home / "run").mkdir(mode=0o700)
        self.program = self.home / ".local/bin/jpterm-like"
        self.install(f'exec {shlex.join(PROGRAM)} "$@"')
        for name in ("host", "user"):
            _quietly("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name))
        shutil.copy(folder / "user.pub", folder / "authorized")
        environment = {
            "HOME": self.home,
            "XDG_RUNTIME_DIR": self.home / "run",
            "XDG_STATE_HOME": self.home / "state",
            "XDG_CONFIG_HOME": self.home / "config",
            "PYTHONPATH": os.environ.get("PYTHONPATH") or Path(__file__).parents[2],
        }
        values = " ".join(f"{name}={value}" for name, value in environment.items())
        (folder / "sshd_config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\n"
            f"PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
            f"PermitRootLogin yes\nSetEnv {values}\n"
        )
        host_key = (folder / "host.pub").read_text().split()
        (folder / "known").write_text(f"[127.0.0.1]:{self.port} {host_key[0]} {host_key[1]}\n")
        (folder / "ssh_config").write_text(
            f"Host box\n  HostName 127.0.0.1\n  Port {self.port}\n  User {pwd.getpwuid(os.getuid()).pw_name}\n"
            f"  IdentityFile {folder}/user\n  IdentitiesOnly yes\n  UserKnownHostsFile {folder}/known\n"
            f"  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking ask\n"
        )
        self.start()

    def install(self, script: str) -> None:
        self.program.write_text(f"#!/bin/sh\n{script}\n")
        self.program.chmod(0o755)

    def start(self) -> None:
        assert SSHD is not None
        with (self.folder / "sshd.log").open("ab") as log:
            self.process = subprocess.Popen(
                [SSHD, "-D", "-e", "-f", str(self.folder / "sshd_config")], stderr=log, start_new_session=True
            )

    def answers(self) -> bool:
        if self.process.poll() is not None:
            pytest.skip(f"sshd does not start here: {(self.folder / 'sshd.log').read_text()[-300:]}")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        """The machine's sshd and all of its connections are gone."""
        for child in _descendants(self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        self.stop()
        self.kill_hub()

    def kill_hub(self) -> None:
        for path in self.home.rglob("hub.sock"):
            with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
                probe.connect(str(path))
                credentials = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
                os.kill(int.from_bytes(credentials[:4], sys.byteorder), signal.SIGKILL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _quietly(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def _descendants(pid: int) -> list[int]:
    """Processes below one that carry ssh lines; hubs have gone a way of their own."""
    found: list[int] = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, _, rest = status.read_text().rpartition(")")
            if int(rest.split()[1]) == pid and "sshd" in name:
                child = int(status.parent.name)
                found += [child, *_descendants(child)]
    return found


@pytest.fixture
async def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Machine]:
    if SSHD is None or shutil.which("ssh") is None:
        pytest.skip("OpenSSH's sshd is not installed (Debian: openssh-server)")
    if not Path("/proc/self/stat").exists():
        pytest.skip("the test needs /proc to cut ssh's connections")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    machine = Machine(tmp_path)
    monkeypatch.setenv("JPTERM_LIKE_SSH", f"ssh -F {tmp_path}/ssh_config")
    try:
        await until(machine.answers, "sshd")
        yield machine
    finally:
        machine.end()


async def test_writing_in_a_file_of_another_machine(machine: Machine) -> None:
    """host:path for one, ssh:// for the other: one text, saved over there, a path below the home."""
    (machine.home / "a b~.md").write_text("far away\n")
    async with terminals() as terminal:
        ann: Terminal = terminal("box:a b~.md", "--name", "ann")
        await ann.shows("far away", "connected")
        bob: Terminal = terminal(f"ssh://box{machine.home}/a%20b~.md", "--name", "bob")
        await bob.shows("far away", "connected")
        await ann.says("with bob")
        await ann.type("not so ")
        await bob.shows("not so far away")
        await bob.press("ctrl+s")
        await bob.is_saved()
        assert (machine.home / "a b~.md").read_text() == "not so far away\n"
    assert (await asyncio.to_thread(run, "cat", "box:a b~.md")).stdout == "not so far away\n"
    assert (await asyncio.to_thread(run, "append", "box:a b~.md", "more")).returncode == 0
    assert (machine.home / "a b~.md").read_text() == "not so far away\nmore\n"


async def test_the_past_of_a_file_of_another_machine(machine: Machine) -> None:
    """Who wrote what and what it was, from a shell and in the editor, with its hub killed, and without the line."""
    file = machine.home / "f.md"
    file.write_text("as it was\nto delete\n")

    async def do(*arguments: str) -> str:
        done = await asyncio.to_thread(run, *arguments)
        assert not done.stderr, done.stderr
        return done.stdout

    await do("replace", "box:f.md", "to delete", "by bob", "--name", "bob")
    async with terminals() as terminal:
        ann: Terminal = terminal("box:f.md", "--name", "ann")
        await ann.shows("by bob", "connected")
        await ann.press("ctrl+end")
        await ann.type("by ann")
        await ann.press("ctrl+s")
        await until(lambda: "by ann" in file.read_text(), "the file over there to be saved")
        blamed = [line.split()[0] for line in (await do("blame", "box:f.md")).splitlines()]
        assert blamed[1:] == ["bob", "ann"]
        diff = await do("diff", "box:f.md", "--from", "2000-01-01")
        assert {"-to delete", "+by bob", "+by ann"} <= set(diff.splitlines())
        changed = await do("changes", "box:f.md", "--since", "2000-01-01", "--by", "bob")
        assert "by bob" in changed and "by ann" not in changed
        machine.stop()
        machine.kill_hub()
        await ann.says("offline")
        await ann.press("\x1b=")
        await ann.shows("bob", "by ann")
        await ann.press("\x1b=", "\x1b-", "home")
        await ann.shows("PAST", "at the start", "to delete")
        await ann.press("R")
        await until(lambda: "by bob" not in ann.text and "PAST" not in ann.text, "the text as it was")
        machine.start()
        await ann.says("connected", patience_s=60.0)
        await ann.press("ctrl+s")
        await until(lambda: file.read_text() == "as it was\nto delete\n", "it is saved as it was")


async def test_a_file_of_the_home_over_there_is_renamed(machine: Machine) -> None:
    """Its new name is beside it, wherever that home is; so is a new file."""
    (machine.home / "docs").mkdir()
    (machine.home / "docs" / "notes.md").write_text("far away\n")
    async with terminals() as terminal:
        ann: Terminal = terminal("box:docs/notes.md", "--name", "ann")
        await ann.shows("far away", "connected")
        await ann.press("\x10")
        await ann.shows("Commands")
        await ann.press("rename", "enter")
        await ann.shows("A name in ")
        await ann.press("\x01", "plan.md", "enter")
        await ann.says("plan.md", "connected")
        await ann.type("not so ")
        await ann.press("ctrl+s")
        await ann.is_saved()
    assert (machine.home / "docs" / "plan.md").read_text() == "not so far away\n"
    assert not (machine.home / "docs" / "notes.md").exists()


async def test_the_line_is_killed_in_mid_typing(machine: Machine) -> None:
    """Typing goes on, the status says so, it comes back by itself, and every character is there once."""
    (machine.home / "f").write_text("")
    async with terminals() as terminal:
        one: Terminal = terminal("box:f")
        await one.shows("connected")
        await one.type("before ")
        machine.stop()
        await one.type("during ")
        await one.says("offline")
        await one.shows("before during")
        machine.start()
        await one.says("connected", patience_s=60.0)
        await one.type("after")
        await one.press("ctrl+s")
        await one.is_saved()
        assert (machine.home / "f").read_text() == "before during after"
        machine.stop()
        await one.says("offline")
        await one.press("ctrl+q")
        await one.ends()
        again: Terminal = terminal("box:f")
        await again.shows("before during after", "offline")


async def test_a_line_that_holds_everything_back_holds_no_key_back(machine: Machine) -> None:
    """However slow the line: a key is on one's own screen without it; what was held back arrives later."""
    (machine.home / "f").write_text("")
    flows = asyncio.Event()
    flows.set()

    lines: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await flows.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection("127.0.0.1", machine.port)
        for one in (carry(reader, there[1]), carry(there[0], writer)):
            lines.add(asyncio.create_task(one))

    proxy = await asyncio.start_server(accept, "127.0.0.1", 0)
    config = machine.folder / "ssh_config"
    port = proxy.sockets[0].getsockname()[1]
    config.write_text(
        config.read_text().replace(
            f"Port {machine.port}", f"Port {port}\n  HostKeyAlias [127.0.0.1]:{machine.port}"
        )
    )
    try:
        async with terminals() as terminal:
            one: Terminal = terminal("box:f")
            await one.shows("connected")
            flows.clear()
            await one.type("held back")
            await one.shows("held back")
            assert (await asyncio.to_thread((machine.home / "f").read_text)) == ""
            flows.set()
            await one.press("ctrl+s")
            await one.is_saved()
            assert (machine.home / "f").read_text() == "held back"
    finally:
        proxy.close()
        for line in lines:
            line.cancel()
        await asyncio.gather(*lines, return_exceptions=True)
        await proxy.wait_closed()


def with_terminal() -> None:
    """In a child: have the terminal that one has as a person at it."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


async def test_a_question_of_ssh_comes_before_the_screen(machine: Machine) -> None:
    """A host that is not known yet: ssh asks in the terminal as it was, and then the screen starts."""
    (machine.home / "f").write_text("text over there\n")
    (machine.folder / "known").write_text("")
    async with terminals() as terminal:
        one: Terminal = terminal("box:f", preexec_fn=with_terminal)
        await one.shows("continue connecting")
        assert b"\x1b[?1049h" not in one.raw
        await one.press("yes", "enter")
        await one.shows("text over there", "connected")


async def test_the_connection_that_could_ask_is_the_one_that_is_used(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was made and left unused, and a second one was made in the background, which may not ask for a password."""
    (machine.home / "f").write_text("text over there\n")
    wrapper, calls = tmp_path / "ssh", tmp_path / "calls"
    wrapper.write_text(f'#!/bin/sh\necho "$*" >> {calls}\nexec ssh "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("JPTERM_LIKE_SSH", f"{wrapper} -F {tmp_path}/ssh_config")
    async with terminals() as terminal:
        one: Terminal = terminal("box:f")
        await one.shows("text over there", "connected")
    [call] = calls.read_text().splitlines()
    assert "BatchMode" not in call


async def test_what_is_missing_over_there_is_said_in_a_sentence(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not installed, too old, something else, no such host, a key that is refused, no file: what to do, and no more."""

    def said(address: str = "box:f") -> str:
        done = run("cat", address)
        assert (done.returncode, done.stdout) == (1, ""), done
        assert done.stderr.startswith("jpterm-like: ")
        assert done.stderr.count("\n") == 1, done.stderr
        return done.stderr

    assert "no file" in said()
    machine.install("echo 'usage: unrecognized arguments: bridge' >&2; exit 2")
    assert "is too old" in said()
    machine.install("printf 'jpterm-like bridge 9 /f\\n'; cat >/dev/null")
    assert "another version" in said()
    machine.install("head -c 200000 /dev/zero; cat >/dev/null")
    assert "no jpterm-like does" in said()
    machine.install("printf 'jpterm-like: evil \\033[2J sentence.\\n' >&2; exit 1")
    assert "evil \\x1b[2J sentence" in said()
    machine.program.unlink()
    missing = said()
    assert "is not installed on box" in missing and "python3 -m venv" in missing
    assert "pip install ." in missing, "what another made under this name in an index is not this program"
    (machine.folder / "authorized").write_text("")
    assert "Permission denied" in said()
    monkeypatch.setenv("JPTERM_LIKE_SSH", "/nowhere/ssh")
    assert "ssh cannot be started" in said()


async def test_what_a_login_prints_is_no_part_of_the_line(machine: Machine) -> None:
    """Greetings of shells over there come before the bridge speaks."""
    (machine.home / "f").write_text("text\n")
    machine.install(f'echo welcome; echo "jpterm-like bridge is not this"; exec {shlex.join(PROGRAM)} "$@"')
    assert (await asyncio.to_thread(run, "cat", "box:f")).stdout == "text\n"
