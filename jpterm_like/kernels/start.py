"""Start keepers, list those that live, and make one request of a keeper.

Everything here blocks for some milliseconds; a server calls it in a thread. For a conversation with a keeper see `line`.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jpterm_like.config import CannotKeep, Paths
from jpterm_like.errors import escape_for_terminal, explain
from jpterm_like.kernels import kernel_process
from jpterm_like.kernels.description import (
    FORM,
    IDLE_S,
    Description,
    KernelError,
    describe,
    new_id,
    read_description,
    remove_folders,
)
from jpterm_like.kernels.entries import (
    ANSWER,
    FRAME,
    GREETING,
    REQUEST,
    Raw,
    encode,
    frames_in,
    json_object,
)
from jpterm_like.transports.connection_limiter import user_behind

START_S: Final = 20.0
"""How long a keeper may take to start."""
ANSWER_S: Final = 5.0
"""How long a keeper may take to answer: it does so within milliseconds, unless it was stopped or the disk is slow."""
FORGET_S: Final = 30 * 24 * 3600.0
"""How long the log of a kernel that has ended is kept if nobody has taken all of it."""
EXTRA: Final = "Notebooks are run with pyzmq, which is not installed: pip install 'jpterm-like[notebook]'."
"""What to do where the extra is missing."""
NOT_FOR_KERNELS: Final = ("JPY_PARENT_PID", "JPY_INTERRUPT_EVENT", "JPY_SESSION_NAME")
"""Variables that a Jupyter server sets for its own kernels: ipykernel ends with the process that the first one names."""


@dataclass(frozen=True)
class Keeper:
    """A keeper that was started."""

    id: str
    folder: Path
    """Its folder in the state folder; `line.connect` takes it."""


@dataclass(frozen=True)
class Status:
    """What a keeper says of itself and its kernel."""

    keeper: Keeper
    about: Mapping[str, str]
    """As it was started: `notebook`, `kernel`."""
    state: str
    """`starting`, `idle`, `busy`, `stopping`, `ended`; or `silent`: the keeper runs and does not answer."""
    pid: int | None
    """The kernel."""
    created: float
    """When the kernel was started; wall clock."""
    memory_bytes: int
    """Of the kernel."""
    number: int
    """Number of the last entry."""
    acknowledged: int
    log_bytes: int
    readers: int
    problem: str
    """Why the log cannot be written: "the disk is full"; else empty."""


def kernels_folder(state_folder: Path) -> Path:
    """Where keepers have their folders."""
    return state_folder / "kernels"


def start_keeper(
    argv: Sequence[str],
    env: Mapping[str, str],
    cwd: str | Path,
    state_folder: Path,
    *,
    runtime_folder: Path | None = None,
    about: Mapping[str, str] | None = None,
    idle_s: float = IDLE_S,
) -> Keeper:
    """Start a kernel with a keeper of its own. Returns when the kernel's process has begun; it may not listen yet.

    Args:
        argv: command of the kernel, with `{connection_file}`, as kernelspecs have it.
        env: environment of the kernel, whole.
        cwd: its working folder.
        state_folder: the log goes into a folder there.
        runtime_folder: where sockets belong; None: the user's.
        about: `notebook` and `kernel`, for people who list kernels.
        idle_s: the kernel is stopped when it was idle and nobody has read anything for so long.

    Raises:
        KernelError: it cannot be started.
    """
    if runtime_folder is None:
        with contextlib.suppress(CannotKeep):
            runtime_folder = Paths.of_user().runtime
    id = new_id()
    folder = kernels_folder(state_folder) / id
    about = about or {}
    description = describe(folder, argv, str(cwd), runtime_folder=runtime_folder, about=about, idle_s=idle_s)
    try:
        _run_keeper(folder, argv, {k: v for k, v in env.items() if k not in NOT_FOR_KERNELS}, str(cwd))
    except KernelError:
        remove_folders(folder, description)
        raise
    return Keeper(id, folder)


def ensure_keeper(folder: Path) -> None:
    """Start a keeper for a folder whose keeper died: it adopts the kernel if that lives, and serves the log anyway.

    Raises:
        KernelError: there is no such folder, or it cannot be started.
    """
    line = _open(read_description(folder))
    if line is None:
        _run_keeper(folder, (), os.environ, "/")
    else:
        line.close()


def _run_keeper(folder: Path, argv: Sequence[str], env: Mapping[str, str], cwd: str) -> None:
    # -P: a file `zmq.py` or `json.py` beside the notebook is not ours to import.
    command = [sys.executable, "-P", "-m", "jpterm_like.kernels.keeper", "--detach", str(folder), "--", *argv]
    try:
        done = subprocess.run(
            command,
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            timeout=START_S,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired as error:
        raise KernelError("The keeper of the kernel does not start.") from error
    except OSError as error:
        raise KernelError(
            f"The kernel cannot be started in {escape_for_terminal(cwd)}: {explain(error)}."
        ) from error
    if done.returncode:
        said = done.stderr.strip()
        if "No module named 'zmq'" in said:
            raise KernelError(EXTRA)
        raise KernelError(
            escape_for_terminal(said.rpartition("\n")[2]) or "The keeper of the kernel ended at once."
        )


def keepers(state_folder: Path) -> list[Status]:
    """The keepers of a state folder that live, oldest first. Logs of kernels that ended long ago are removed."""
    found = []
    with contextlib.suppress(OSError):
        for folder in kernels_folder(state_folder).iterdir():
            with contextlib.suppress(KernelError):
                description = read_description(folder)
                status = _status(folder, description)
                if status is not None:
                    found.append(status)
                else:
                    _forget_old(folder, description)
    return sorted(found, key=lambda status: status.created)


def _status(folder: Path, description: Description) -> Status | None:
    """The status of a keeper; None if it does not live."""
    keeper = Keeper(description.id, folder)
    try:
        greeting = request(folder, {"do": "status"})
    except KernelError:
        return None
    except TimeoutError:
        return Status(
            keeper,
            description.about,
            "silent",
            None,
            description.created,
            0,
            0,
            0,
            0,
            0,
            "its keeper does not answer",
        )
    pid = greeting.get("pid")
    return Status(
        keeper,
        description.about,
        str(greeting.get("state")),
        pid,
        description.created,
        kernel_process.memory_bytes(pid) if pid else 0,
        int(greeting.get("number", 0)),
        int(greeting.get("acknowledged", 0)),
        int(greeting.get("log_bytes", 0)),
        int(greeting.get("readers", 0)),
        str(greeting.get("problem", "")),
    )


def _forget_old(folder: Path, description: Description) -> None:
    """Remove the folder of a keeper that is gone, if nothing was written in it for FORGET_S and its kernel has ended."""
    with contextlib.suppress(OSError):
        newest = max(path.stat().st_mtime for path in folder.iterdir())
        if time.time() - newest > FORGET_S:
            remove_folders(folder, description)


def request(folder: Path, order: Mapping[str, Any]) -> dict[str, Any]:
    """Ask a keeper one thing, and return its answer.

    Raises:
        KernelError: no keeper lives there, or it refuses.
        TimeoutError: it does not answer.
    """
    line = _open(read_description(folder))
    if line is None:
        raise KernelError(f"The kernel {escape_for_terminal(folder.name)} has no keeper.")
    with line:
        line.settimeout(ANSWER_S)
        data = b""
        try:
            line.sendall(encode(Raw(REQUEST, 0, 1, time.time(), [json.dumps(order).encode()])))
            while True:
                for _, raw in frames_in(data):
                    if raw.kind == GREETING:
                        check_greeting(json_object(raw.parts[0]))
                    elif raw.kind == ANSWER:
                        answer = json_object(raw.parts[0])
                        if "refused" in answer:
                            raise KernelError(str(answer["refused"]))
                        return answer
                more = line.recv(1 << 16)
                if not more or len(data) > FRAME.size + (1 << 20):
                    raise KernelError(f"The keeper of {escape_for_terminal(folder.name)} has ended.")
                data += more
        except TimeoutError:
            raise
        except OSError as error:
            raise KernelError(f"The keeper of {escape_for_terminal(folder.name)} has ended.") from error


def check_greeting(greeting: Mapping[str, Any]) -> None:
    """Refuse a keeper of a newer release.

    Raises:
        KernelError: it is one.
    """
    if greeting.get("form") != FORM:
        raise KernelError("The kernel was started by another release of jpterm-like; restart it.")


def _open(description: Description) -> socket.socket | None:
    """A connection to a keeper; None if none listens there.

    Raises:
        KernelError: somebody else does.
    """
    line = socket.socket(socket.AF_UNIX)
    try:
        line.connect(str(description.socket))
        if user_behind(line)[0] != os.geteuid():
            line.close()
            raise KernelError("The keeper of the kernel belongs to another user.")
    except OSError:
        line.close()
        return None
    return line
