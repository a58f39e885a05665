"""The hub: the server of one user on one machine, behind a unix socket, for files named by their paths.

The first editor starts it, detached; it ends a while after its last client. A lock on a file in the state folder keeps
it single (`process_lock`).
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Final

from jpterm_like.access.process_lock import LockHeld, hold, holder_of
from jpterm_like.errors import escape_for_terminal, explain
from jpterm_like.files import private
from jpterm_like.files.ephemeral import is_in_memory
from jpterm_like.files.read import FileProblem
from jpterm_like.files.state_places import HUB_LOCK
from jpterm_like.transports.base import CannotConnect

START_S: Final = 10.0
"""Time that a hub may take to start listening."""
OTHER_S: Final = 3.0
"""Time that a hub which was faster may take to start listening."""
DEAD_S: Final = 60.0
"""Age from which on a socket without a process behind it was left by one that was killed; a younger one may not listen yet."""
IDLE_S: Final = 60.0
"""Time that the hub stays after its last client: people close an editor and open the next."""


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
        state, path = paths.state, paths.hub_socket
        log = paths.state / "hub.log"
    except CannotKeep as problem:
        raise CannotConnect(f"The hub cannot be started: {problem}") from problem
    if found := _running(state, path):
        return found
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
        deadline = deadline_other = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if found := _running(state, path):
                return found
            if process.poll() not in (None, 0):  # 0: another hub was faster, and will listen in a moment
                break
            if process.poll() is None:
                deadline_other = time.monotonic() + OTHER_S
            elif time.monotonic() > deadline_other:
                break
            time.sleep(0.02)  # nothing but the socket shows that the other process is ready
    finally:
        # The hub is independent, but its parent must collect its exit code, or it stays a zombie.
        threading.Thread(target=process.wait, name="hub's end", daemon=True).start()
    raise CannotConnect(_about_holder(state) or f"The hub did not start; its log is {log}.")


def _running(state: Path, socket: Path) -> Path | None:
    """Return the socket of the hub that runs for a state folder; None if none can be reached.

    It may not be the one that this process would choose, whose environment names another runtime folder.
    """
    noted = holder_of(state / HUB_LOCK).where
    for path in (Path(noted) if os.path.isabs(noted) else socket, socket):
        if _listens(path):
            return path
    return None


def _about_holder(state: Path) -> str:
    """Say whose hub has the state folder and cannot be reached from here; "" if none has."""
    try:
        os.close(hold(state / HUB_LOCK, None))
    except LockHeld:
        holder = holder_of(state / HUB_LOCK)
    except OSError:
        return ""
    else:
        return ""
    where = escape_for_terminal(holder.host) or "another machine"
    if holder.is_here:
        return f"Your files are open by {holder} ({where}), which cannot be reached from here: edit where it runs, or end it."
    return (
        f"Your files are open on {where}, which has the same home (process {escape_for_terminal(holder.pid)} there): edit them there, "
        f"or set XDG_STATE_HOME to a folder of this machine."
    )


def remove_dead_sockets(folder: Path) -> None:
    """Remove the sockets that hubs and servers which were killed have left in a runtime folder."""
    with contextlib.suppress(OSError, private.NotPrivate):
        private.check_folder(folder, others=0o077)
        for path in (*folder.glob("hub-*.sock"), *folder.glob("own-*.sock")):
            with contextlib.suppress(OSError):
                if path.lstat().st_mtime < time.time() - DEAD_S and _is_dead(path):
                    path.unlink()


def _is_dead(path: Path) -> bool:
    """Whether nobody listens at a socket, for certain."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return True
        except OSError:
            return False  # many connect just now, for example
    return False


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
