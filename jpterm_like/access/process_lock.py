"""A lock that one process holds for as long as it lives, on a file that says which process that is.

The system releases the lock however the process dies, so a file that is left over, or copied along with its folder, hinders nobody. Host
and process are in the file because its folder may be on several machines.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from pathlib import Path
from typing import NamedTuple

from jpterm_like.errors import JptermError, escape_for_terminal
from jpterm_like.files import private


class Holder(NamedTuple):
    """The process that holds a lock, or held it last, as it noted in the file; fields are empty if not known."""

    host: str
    pid: str
    where: str
    """A note of the process, such as the path of its socket."""

    @property
    def is_here(self) -> bool:
        """Whether it runs on this machine."""
        return self.host == socket.gethostname()

    def __str__(self) -> str:
        place = (
            "of this machine" if self.is_here else f"on {escape_for_terminal(self.host) or 'another machine'}"
        )
        return f"process {escape_for_terminal(self.pid)} {place}" if self.pid else f"a process {place}"


class LockHeld(JptermError):
    """Another process holds the lock."""


def hold(path: Path, where: str | None) -> int:
    """Acquire the lock, also against other machines if the disk is shared; return its descriptor, which must stay open.

    Args:
        where: noted in the file, with host and process; None: note nothing.

    Raises:
        LockHeld: another process holds it.
        OSError: the file cannot be written, or its file system has no locks.
    """
    descriptor = private.open_file(path, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        os.close(descriptor)
        if isinstance(problem, BlockingIOError):
            raise LockHeld(f"{escape_for_terminal(path)} is held by {holder_of(path)}.") from problem
        raise
    if where is not None:
        with contextlib.suppress(OSError):  # a full disk: only processes that look for the holder miss it
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, os.fsencode(f"{socket.gethostname()}\n{os.getpid()}\n{where}\n"), 0)
    return descriptor


def holder_of(path: Path) -> Holder:
    """Return who holds, or last held, the lock."""
    try:
        written = private.read(path) or b""
    except OSError:
        written = b""
    host, pid, where, *_ = [*os.fsdecode(written).split("\n"), "", "", ""]
    return Holder(host, pid, where)
