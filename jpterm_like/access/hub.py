"""The hub: the server of one user on one machine, behind a unix socket, for files named by their paths.

The first editor starts it, detached; it ends by itself a while after the last client. That there is only one is held
by a lock on a file beside the socket, which the system gives back when the hub dies, however it dies.
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
"""How long a hub may take until it listens."""
IDLE_S: Final = 60.0
"""How long it stays after the last client: people close an editor and open the next."""


class HubRuns(JptermError):
    """There is a hub already."""


class AnyFile:
    """The hub shares whatever its user may open, by absolute path."""

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
    """The socket of this user's hub, which is started when there is none. Blocks until it listens.

    Raises:
        CannotConnect: it does not start; the sentence says where its own words are.
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
            if process.poll() not in (None, 0):  # 0: another one was faster, and will listen in a moment
                break
            time.sleep(0.02)  # another process starts: there is nothing to wait on but its socket
    finally:
        # The hub goes its own way, but its parent must take its exit code, or it stays a zombie.
        threading.Thread(target=process.wait, name="hub's end", daemon=True).start()
    raise CannotConnect(f"The hub did not start; what it said is in {log}.")


def hold_hub_lock(path: Path) -> int:
    """Take the lock that only one hub can have; returns the open descriptor, which must stay open.

    Raises:
        HubRuns: another hub has it.
    """
    descriptor = private.open_file(path, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        os.close(descriptor)
        raise HubRuns("A hub runs already.") from problem
    return descriptor


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
