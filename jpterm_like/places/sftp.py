"""A place in a folder of a machine that ssh reaches, by SFTP. The only module that knows paramiko, and of it the SFTP client alone.

The connection is made by a program that is given: the person's own `ssh` with the subsystem sftp. So settings, agent, jumps, hardware keys and
known hosts are those of every other `ssh`, and no password or key is ever seen here.
"""

from __future__ import annotations

import errno
import os
import posixpath
import select
import stat
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import IO, Any, Final, TypeVar

from paramiko.sftp import SFTPError
from paramiko.sftp_client import SFTPClient
from paramiko.sftp_file import SFTPFile
from paramiko.ssh_exception import SSHException

from jpterm_like.errors import escape_for_terminal, explain
from jpterm_like.places.base import (
    BYTES_PER_S_MIN,
    FILE_BYTES_MAX,
    SILENCE_S,
    Damaged,
    Gone,
    Moved,
    PlaceError,
    Refused,
    Unreachable,
    check_file_name,
    check_read,
    in_sentence,
    is_file_name,
    nobody_counts,
)

_Result = TypeVar("_Result")

PART_BYTES: Final = 32 << 10
"""Bytes of a file in one message of SFTP."""

ANSWER_BYTES_MAX: Final = 64 << 20
"""Most bytes that are read in one call: a listing of some hundred thousand files. Only somebody who means harm sends more."""


_NONSENSE: Final = (ValueError, struct.error)
"""What the library raises for messages that are none."""


class _FileRead(SFTPFile):  # type: ignore[misc]  # paramiko has no types
    """A file that is being read. The requests for all its parts are sent at once by the thread that reads: the library has another
    thread do it, which prints a traceback when the line breaks. They are some ten kilobytes, so that sending does not wait for reading."""

    def _start_prefetch(
        self, chunks: Sequence[tuple[int, int]], max_concurrent_requests: int | None = None
    ) -> None:
        self._prefetching, self._prefetch_done = True, False
        self._prefetch_thread(chunks, max_concurrent_requests)


class SftpPlace:
    """A folder of another machine, which must exist. Connects at the first call, and again after an error of the connection.

    Args:
        command: speaks SFTP on its standard input and output, as `ssh -s HOST sftp` does.
        folder: its path there.
        address: how people call the place.
        asks: whether the program may ask on the terminal; ctrl+c then ends it, too.
        moved: is told the bytes of files as they come and go.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: str,
        address: str,
        *,
        asks: bool = False,
        moved: Moved = nobody_counts,
    ) -> None:
        self._command = list(command)
        self._asks = asks
        self._moved = moved
        self._folder = folder
        self.address = address
        self._line: _Line | None = None
        self._client: Any = None

    def list(self) -> dict[str, int]:
        def call(client: Any) -> dict[str, int]:
            return {
                each.filename: each.st_size
                for each in client.listdir_attr(self._folder)
                if is_file_name(each.filename)
                and stat.S_ISREG(each.st_mode or 0)
                and each.st_size is not None
            }

        return self._ask_folder(call)

    def read(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        check_file_name(name)
        path = posixpath.join(self._folder, name)

        def call(client: Any) -> bytes:
            with client.open(path, "rb") as file:
                file.__class__ = _FileRead
                found = file.stat()
                size_bytes = found.st_size or 0
                if not stat.S_ISREG(found.st_mode or 0) or (end is not None and end > size_bytes):
                    raise Damaged(f"{escape_for_terminal(name)} is shorter than it should be.")
                last = min(size_bytes, start + FILE_BYTES_MAX + 1) if end is None else end
                parts: list[bytes] = []
                wanted = [(at, min(PART_BYTES, last - at)) for at in range(start, last, PART_BYTES)]
                for part in file.readv(wanted):
                    parts.append(part)
                    self._moved(len(part))
                return b"".join(parts)

        return check_read(name, self._ask(call), start, end)

    def write(self, name: str, data: bytes) -> None:
        check_file_name(name)
        path, beside = (posixpath.join(self._folder, each) for each in (name, f".{name}.tmp"))

        def call(client: Any) -> None:
            with suppress(FileNotFoundError):
                client.remove(beside)
            with client.open(beside, "wbx") as file:
                file.set_pipelined(True)
                for at in range(0, len(data), PART_BYTES):
                    file.write(data[at : at + PART_BYTES])
                    self._moved(len(data[at : at + PART_BYTES]))
            if client.stat(beside).st_size != len(data):
                raise Unreachable(f"{in_sentence(self)} did not take all of a file.")
            try:
                client.posix_rename(beside, path)
            except FileNotFoundError:
                raise
            except OSError:  # a server without that extension never replaces
                with suppress(FileNotFoundError):
                    client.remove(path)
                client.rename(beside, path)

        self._ask_folder(call)

    def remove(self, name: str) -> None:
        check_file_name(name)
        with suppress(Gone):
            self._ask(lambda client: client.remove(posixpath.join(self._folder, name)))

    def close(self) -> None:
        """End the connection. The next call makes another one."""
        line, self._line, self._client = self._line, None, None
        if line is not None:
            line.close()

    def _ask_folder(self, call: Callable[[Any], _Result]) -> _Result:
        """Make a call that needs no file: if something is not there, it is the folder."""
        try:
            return self._ask(call)
        except Gone:
            raise Unreachable(f"{in_sentence(self)} is not there.") from None

    def _ask(self, call: Callable[[Any], _Result]) -> _Result:
        try:
            if self._client is None:
                self._line = self._connect()
                self._client = SFTPClient(self._line)  # type: ignore[arg-type, unused-ignore]  # what it uses of a channel
            assert self._line is not None
            self._line.begin_call()
            return call(self._client)
        except PlaceError:
            raise
        except (EOFError, SSHException, SFTPError, TimeoutError, ConnectionError, *_NONSENSE) as problem:
            said = self._line.said() if self._line is not None else ""
            self.close()
            reason = f": {escape_for_terminal(said)}" if said else ""
            raise Unreachable(f"{in_sentence(self)} does not answer{reason}.") from problem
        except OSError as problem:
            if problem.errno == errno.ENOENT:
                raise Gone(f"{in_sentence(self)} has no such file.") from problem
            error = Refused if problem.errno in (errno.EACCES, errno.EPERM) else Unreachable
            reason = (
                "permission is denied" if error is Refused else "it reports a failure; its disk may be full"
            )
            raise error(f"{in_sentence(self)} cannot be used: {reason}.") from problem

    def _connect(self) -> _Line:
        try:
            return _Line(self._command, asks=self._asks)
        except OSError as problem:
            raise Unreachable(
                f"{in_sentence(self)} is not reached: {escape_for_terminal(self._command[0])} cannot be started: {explain(problem)}."
            ) from problem


class _Line:
    """A program's standard input and output, with the methods of a paramiko channel that the SFTP client calls."""

    def __init__(self, command: Sequence[str], *, asks: bool) -> None:
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the line
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                cwd="/",
                start_new_session=not asks,
            )
        except OSError:
            self._errors.close()
            raise
        assert self._process.stdin is not None and self._process.stdout is not None
        self._to, self._from = self._process.stdin, self._process.stdout
        self.begin_call()

    def begin_call(self) -> None:
        """Count the bytes and the time of a call from now on."""
        self._sent_bytes = self._received_bytes = 0
        self._began_s = time.monotonic()

    def get_name(self) -> str:
        return "sftp"

    def send(self, data: bytes) -> int:
        if not select.select([], [self._to], [], SILENCE_S)[1]:
            raise TimeoutError
        count = os.write(self._to.fileno(), data[: select.PIPE_BUF])  # more would be waited for
        self._sent_bytes += count
        return count

    def recv(self, size_bytes: int) -> bytes:
        if not select.select([self._from], [], [], SILENCE_S)[0]:
            raise TimeoutError
        data = os.read(self._from.fileno(), size_bytes)
        self._received_bytes += len(data)
        moved_bytes = self._sent_bytes + self._received_bytes
        if time.monotonic() - self._began_s > SILENCE_S + moved_bytes / BYTES_PER_S_MIN:
            raise TimeoutError
        if self._received_bytes > ANSWER_BYTES_MAX:
            raise SFTPError("more than any answer has")
        return data

    def recv_ready(self) -> bool:
        return bool(select.select([self._from], [], [], 0)[0])

    def said(self) -> str:
        """The last line that the program wrote about an error, once it has ended."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        self._errors.seek(0)
        lines = self._errors.read(100_000).decode("utf-8", "replace").split("\n")
        return next((line.strip().rstrip(".") for line in reversed(lines) if line.strip()), "")[:200]

    def close(self) -> None:
        with suppress(BrokenPipeError):
            self._to.close()
        self._from.close()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()
