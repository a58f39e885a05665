"""Open a file on another machine: the user's own `ssh` runs `jpterm-like bridge` there and carries the bytes.

    editor ── WebSocket ── socket pair ── ssh ···· sshd ── bridge ── the hub over there

ssh handles hosts, keys, agents, jumps and passwords. The first connection is made before the screen starts (`prepare`),
so that ssh can ask questions on the terminal; later ones are made in the background and ask nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import posixpath
import re
import shlex
import socket
import subprocess
import threading
from pathlib import Path
from typing import IO, Final, NamedTuple
from urllib.parse import quote, unquote

from jpterm_like.errors import JptermError, escape_for_terminal, explain
from jpterm_like.transports.base import CannotConnect, Transport

GREETING: Final = "jpterm-like bridge"
BRIDGE: Final = 1
"""Version of the greeting, which comes before the bytes."""
NOISE_BYTES_MAX: Final = 64 * 1024
"""Output that a login may print before the greeting."""
CONNECT_S: Final = 30.0
"""Deadline of a connection in the background. On the terminal, people take the time they need."""

OPTIONS: Final = (
    "-T", "-x", "-o", "ClearAllForwardings=yes", "-o", "PermitLocalCommand=no", "-o", "RemoteCommand=none",
    "-o", "ConnectTimeout=15",
)  # fmt: skip
"""Options of ssh. As in sftp and scp, nothing is forwarded that the user's settings forward for terminals."""

REMOTE: Final = (
    'exec sh -c \'PATH="$HOME/.local/opt/jpterm-like/bin:$HOME/.jpterm-like/bin:$HOME/.local/bin:$PATH"; '
    'exec jpterm-like bridge "$0"\' %s'
)
"""Command on the other machine. A login without a terminal often has a shorter PATH than one with it. The folders are those in which
the README installs, today's and that of 0.2.0."""


class _Connection(NamedTuple):
    """A running ssh with the bridge at the other end."""

    process: subprocess.Popen[bytes]
    socket: socket.socket
    path: str
    """Real path of the file on the other machine."""


class SshFailed(CannotConnect):
    """ssh cannot reach the other machine, or is refused there."""


class SshAddress:
    """A file on another machine."""

    is_local = False
    file: None = None

    def __init__(self, target: str, port: int | None, written: str) -> None:
        self._target = target
        self._port = port
        self._written = written
        self._path = written
        self._ready: _Connection | None = None

    @property
    def text(self) -> str:
        port = "" if self._port is None else f":{self._port}"
        path = self._written if self._written.startswith("/") else f"/~/{self._written}"
        return f"ssh://{self._target}{port}{quote(path, safe='/~')}"

    @property
    def host(self) -> str:
        return self._target.rpartition("@")[2]

    @property
    def port(self) -> int | None:
        """Port of sshd; None: from ssh's settings."""
        return self._port

    @property
    def path(self) -> str:
        """Name of the pad; the other machine says it on connecting."""
        return self._path

    @property
    def title(self) -> str:
        return self._written.rpartition("/")[2] or self._written

    @property
    def folder(self) -> str:
        """The folder of the file, as it was written; names are relative to the home folder there."""
        folder = posixpath.dirname(self._written)
        return folder if folder.startswith(("/", "~")) else posixpath.join("~", folder).rstrip("/")

    @property
    def key(self) -> str:
        return self.text

    def with_path(self, path: str) -> SshAddress:
        return SshAddress(self._target, self._port, path)

    def sibling(self, written: str) -> SshAddress:
        """The address of a file, from a name or path relative to this one's folder."""
        return self.with_path(posixpath.join(posixpath.dirname(self._written), written.removeprefix("~/")))

    def real_path_of(self, other: SshAddress, here: str) -> str:
        """Real path of another file there, given this one's real path `here`: a path may begin in a home that we do not know."""
        if other._written.startswith("/") or self._written.startswith("/"):
            return other._written
        way = posixpath.relpath(other._written, posixpath.dirname(self._written) or ".")
        return posixpath.normpath(posixpath.join(posixpath.dirname(here), way))

    def prepare(self) -> None:
        """Connect now, while ssh can ask for a password or about a host key; `connect` uses this connection. Blocks.

        Raises:
            CannotConnect: with the reason.
        """
        self._ready = self._connect_ssh(asks=True)

    async def connect(self) -> Transport:
        """Connect to the hub on the other machine.

        Raises:
            CannotConnect: with the reason.
        """
        from jpterm_like.transports.websocket import connect_socket

        line, self._ready = self._ready, None
        if line is None or line.process.poll() is not None:
            line = await asyncio.to_thread(self._connect_ssh, asks=False)
        self._path = line.path
        try:
            transport = await connect_socket(line.socket, self.text)
        except BaseException:
            line.socket.close()
            _end_ssh(line.process)
            raise
        return _SshTransport(transport, line.process)

    def _connect_ssh(self, *, asks: bool) -> _Connection:
        command = [*shlex.split(os.environ.get("JPTERM_LIKE_SSH", "ssh")), *OPTIONS]
        if not asks:
            command += ["-o", "BatchMode=yes"]
        if self._port is not None:
            command += ["-p", str(self._port)]
        # %-escaped, so that no shell on the other machine interprets anything in it
        command += ["--", self._target, REMOTE % quote(self._written, safe="/").replace("~", "%7E")]
        ours, theirs = socket.socketpair()
        try:
            process = subprocess.Popen(
                command,
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.PIPE,
                start_new_session=not asks,  # ctrl+c must end the question, but not a later connection
            )
        except OSError as problem:
            ours.close()
            raise CannotConnect(f"ssh cannot be started: {explain(problem)}.") from problem
        finally:
            theirs.close()
        said = _ErrorOutput(process.stderr)
        if not asks:
            ours.settimeout(CONNECT_S)
        try:
            path = self._read_greeting(ours)
        except BaseException as problem:
            ours.close()
            _end_ssh(process)
            if isinstance(problem, _NoGreeting):
                raise self._explain_failure(process.wait(), said.text(), problem.strange) from None
            raise
        ours.setblocking(False)
        return _Connection(process, ours, path)

    def _read_greeting(self, line: socket.socket) -> str:
        """Read up to the bridge's greeting, past the output of the login; returns the file's real path there."""
        seen = b""
        while len(seen) < NOISE_BYTES_MAX:
            try:
                byte = line.recv(1)  # bytes after the greeting belong to the WebSocket
            except TimeoutError:
                raise _NoGreeting(strange=True) from None
            except OSError:
                byte = b""
            if not byte:
                raise _NoGreeting(strange=False)
            seen += byte
            if byte != b"\n":
                continue
            last = seen.splitlines()[-1].decode("utf-8", "replace").strip()
            if found := re.fullmatch(rf"{GREETING} (\d+) (\S+)", last):
                if int(found[1]) != BRIDGE:
                    raise CannotConnect(
                        f"{escape_for_terminal(self._target)} has another version of jpterm-like: update the older of the two."
                    )
                return unquote(found[2])
        raise _NoGreeting(strange=True)

    def _explain_failure(self, code: int, said: str, strange: bool) -> CannotConnect:
        host = escape_for_terminal(self._target)
        words = [escape_for_terminal(line.strip()) for line in said.splitlines() if line.strip()]
        ours = next((line for line in words if line.startswith("jpterm-like: ")), None)
        if code in (126, 127):
            return CannotConnect(
                f"jpterm-like is not installed on {host}; run there, in a copy of its repository: "
                "python3 -m venv ~/.local/opt/jpterm-like && ~/.local/opt/jpterm-like/bin/pip install ."
            )
        if code == 2 or (ours is not None and "bridge" in ours):
            return CannotConnect(
                f"jpterm-like on {host} is too old for this; install a newer one there, as you installed it here."
            )
        if ours is not None:
            return CannotConnect(f"{host}: {ours.removeprefix('jpterm-like: ')}")
        if strange:
            return CannotConnect(f"{host} answers, but no jpterm-like does.")
        last = words[-1].removeprefix("ssh: ") if words else f"it ended with code {code}"
        return SshFailed(f"No connection to {host}: {last.rstrip('.')}.")


class _NoGreeting(Exception):
    """No greeting arrived; `strange`: other output did, or nothing in time."""

    def __init__(self, *, strange: bool) -> None:
        self.strange = strange


class _ErrorOutput:
    """The last output of ssh on standard error."""

    def __init__(self, stream: IO[bytes] | None) -> None:
        assert stream is not None
        self._last = b""
        self._reader = threading.Thread(target=self._read, args=(stream,), name="stderr of ssh", daemon=True)
        self._reader.start()

    def _read(self, stream: IO[bytes]) -> None:
        with contextlib.suppress(OSError), stream:
            while data := os.read(stream.fileno(), 4096):
                self._last = (self._last + data)[-4096:]

    def text(self) -> str:
        self._reader.join(timeout=2.0)
        return self._last.decode("utf-8", "replace")


class _SshTransport:
    """A transport over ssh; closing it ends its ssh."""

    def __init__(self, transport: Transport, process: subprocess.Popen[bytes]) -> None:
        self._transport = transport
        self._process = process
        self.peer = transport.peer
        self.receive = transport.receive
        self.offer = transport.offer
        self.has_room = transport.has_room
        self.send = transport.send
        self.wait_for_room = transport.wait_for_room

    async def close(self) -> None:
        await self._transport.close()
        await asyncio.to_thread(_end_ssh, self._process)


def _end_ssh(process: subprocess.Popen[bytes]) -> None:
    """Wait for ssh to end, kill it if it does not, and collect its exit code."""
    try:
        process.wait(timeout=0.5)
    except subprocess.TimeoutExpired:
        process.terminate()
        try:
            process.wait(timeout=2.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


# ---------------------------------------------------------------------- on the other machine


def bridge(written: str) -> int:
    """Copy bytes between standard input and output and the hub of this machine, until either ends.

    Raises:
        JptermError: no hub can be reached, or it is not trusted.
    """
    from jpterm_like.access.hub import ensure_hub
    from jpterm_like.access.local_users import find_hub_of, is_hub_trusted
    from jpterm_like.transports.connection_limiter import user_behind

    path = Path(unquote(written))
    with contextlib.suppress(RuntimeError):  # a file whose name begins with a tilde
        path = path.expanduser()
    if not path.is_absolute():
        path = Path.home() / path
    file = os.path.realpath(path)
    with socket.socket(socket.AF_UNIX) as line:
        try:
            line.connect(str(find_hub_of(ensure_hub(), Path(file))))
        except OSError as problem:
            raise JptermError(f"The hub cannot be reached: {explain(problem)}.") from problem
        if not is_hub_trusted(*user_behind(line), Path(file)):
            raise JptermError(
                "The hub that has this file belongs to a user who may not write it: not trusted."
            )
        os.write(1, f"{GREETING} {BRIDGE} {quote(file)}\n".encode())
        back = threading.Thread(target=_copy, args=(line.fileno(), 1), daemon=True)
        back.start()
        _copy(0, line.fileno())
        with contextlib.suppress(OSError):
            line.shutdown(socket.SHUT_WR)
        back.join()
    return 0


def _copy(source: int, target: int) -> None:
    with contextlib.suppress(OSError):
        while data := os.read(source, 1 << 16):
            view = memoryview(data)
            while view:
                view = view[os.write(target, view) :]
    if target == 1:
        os._exit(0)  # the hub is gone, and standard input may stay open for ever
