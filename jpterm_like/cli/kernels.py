"""`jpterm-like kernels`: list the kernels that run for notebooks of this user, and stop one."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Final

from jpterm_like.config import Paths
from jpterm_like.errors import JptermError, escape_for_terminal
from jpterm_like.kernels.description import KernelError
from jpterm_like.kernels.start import Status, keepers, request

STOP_S: Final = 8.0
"""How long a kernel may take to end: its keeper kills it after five seconds."""
STEP_S: Final = 0.05
"""Pause between two looks whether it has ended."""


def show(*, as_json: bool) -> None:
    """Print the kernels, oldest first."""
    found = _running()
    if as_json:
        for status in found:
            sys.stdout.write(json.dumps(_as_json(status)) + "\n")
        return
    for status in found:
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(status.created))
        words = f"{status.state}: {status.problem}" if status.problem else status.state
        columns = (
            status.keeper.id,
            f"{words:<8}",
            f"{status.memory_bytes >> 20:>5} MB",
            since,
            escape_for_terminal(status.about.get("kernel", "?")),
            escape_for_terminal(status.about.get("notebook", "?")),
        )
        sys.stdout.write("  ".join(columns) + "\n")


def _running() -> list[Status]:
    return [status for status in keepers(Paths.of_user().state) if status.state != "ended"]


def _as_json(status: Status) -> dict[str, object]:
    return {
        "id": status.keeper.id,
        "notebook": status.about.get("notebook"),
        "kernel": status.about.get("kernel"),
        "state": status.state,
        "pid": status.pid,
        "since": status.created,
        "memory_bytes": status.memory_bytes,
        "log_bytes": status.log_bytes,
        "problem": status.problem,
    }


def stop(id: str) -> None:
    """Stop a kernel, and wait until it has ended.

    Raises:
        JptermError: there is none of this id, or it does not end.
    """
    found = [status for status in _running() if status.keeper.id.startswith(id)]
    if len(found) != 1:
        words = "More than one kernel begins" if found else "No kernel that runs begins"
        raise JptermError(f"{words} with {escape_for_terminal(id)}; 'jpterm-like kernels' lists them.")
    try:
        _stop(found[0].keeper.folder)
    except TimeoutError:
        raise JptermError(
            f"The keeper of {escape_for_terminal(found[0].keeper.id)} does not answer; it may be stopped."
        ) from None


def _stop(folder: Path) -> None:
    request(folder, {"do": "stop"})
    deadline = time.monotonic() + STOP_S
    while time.monotonic() < deadline:
        try:
            if request(folder, {"do": "status"})["state"] == "ended":
                return
        except KernelError:
            return  # its keeper has ended, too
        time.sleep(STEP_S)  # nothing but the keeper's word shows it
    raise JptermError("The kernel does not end.")
