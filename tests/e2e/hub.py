"""The hub of a test's home: who it is, and an end for it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import sys
from pathlib import Path

from jpterm_like.config import Paths


def hub_pid(path: Path | None = None) -> int | None:
    """Who listens on a hub's socket; None: that of this test's home."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path or Paths.of_user().hub_socket))
        except OSError:
            return None
        if sys.platform == "darwin":
            return probe.getsockopt(0, 2)  # SOL_LOCAL, LOCAL_PEERPID
        return int(struct.unpack("3i", probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0])


def kill_hub(path: Path | None = None) -> None:
    """kill -9 the hub of a socket, if there is one."""
    if (pid := hub_pid(path)) is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def no_traceback(log: Path) -> None:
    """What the hub said holds no traceback."""
    assert not log.exists() or "Traceback" not in log.read_text(), log.read_text()
