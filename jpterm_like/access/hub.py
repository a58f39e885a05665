"""The hub: the server of one user on one machine, behind a unix socket, for files named by their paths.

The first editor starts it, detached; it ends a while after its last client. A lock on a file beside the socket keeps
it single; the system releases the lock however the hub dies.
"""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Final

from jpterm_like.errors import JptermError, explain
from jpterm_like.files import private
from jpterm_like.files.ephemeral import is_in_memory
from jpterm_like.files.read import FileProblem
from jpterm_like.transports.base import CannotConnect

START_S: Final = 10.0
"""Time that a hub may take to start listening."""
IDLE_S: Final = 60.0
"""Time that the hub stays after its last client: people close an editor and open the next."""


class HubAlreadyRuns(JptermError):
    """Another hub of this user is running."""


class AnyFile:
    """The files of a hub: every file that its user may open, by absolute path."""

    root = None

    def path_of(self, name: str) -> Path:
        path = Path(name)
        if not path.is_absolute() or "\0" in name or ".." in path.parts:
            raise FileProblem("The hub knows files by their absolute paths only.")
        return Path(os.path.realpath(path))

    def names(self) -> list[str]:
        return []

    def keeps(self, path: Path) -> bool:
        return not is_in_memory(path)


def ensure_hub() -> Path:
    """Start this user's hub unless it runs, and return its socket. Blocks until it listens.

    Raises:
        CannotConnect: the hub does not start; the sentence names its log.
    """
    from jpterm_like.config import CannotKeep, Paths

    paths = Paths.of_user()
    try:
        path = paths.hub_socket
        log = paths.state / "hub.log"
    except CannotKeep as problem:
        raise CannotConnect(f"The hub cannot be started: {problem}") from problem
    if _listens(path):
        return path
    try:
        with open(private.open_file(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "jpterm_like", "hub"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd="/",
                start_new_session=True,
            )
    except OSError as problem:
        raise CannotConnect(f"The hub cannot be started: {explain(problem)}.") from problem
    try:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if _listens(path):
                return path
            if process.poll() not in (None, 0):  # 0: another hub was faster, and will listen in a moment
                break
            time.sleep(0.02)  # nothing but the socket shows that the other process is ready
    finally:
        # The hub is independent, but its parent must collect its exit code, or it stays a zombie.
        threading.Thread(target=process.wait, name="hub's end", daemon=True).start()
    raise CannotConnect(f"The hub did not start; its log is {log}.")


def hold_hub_lock(path: Path) -> int:
    """Acquire the lock that only one hub can hold; returns its descriptor, which must stay open.

    Raises:
        HubAlreadyRuns: another hub holds it.
    """
    descriptor = private.open_file(path, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        os.close(descriptor)
        raise HubAlreadyRuns("A hub runs already.") from problem
    return descriptor


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
