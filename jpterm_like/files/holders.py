"""Find out whether another program has a file open, and how it writes there. Known on Linux only.

All calls block; looking at all processes takes some 20 ms.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
from collections.abc import Iterator
from pathlib import Path


def is_held(fd: int) -> bool | None:
    """Whether any process, this one included, has another opening of this file; None: unknown.

    Tries to take a write lease, which the system grants only if nobody else has the file open (fcntl(2)), and releases it at once.
    """
    if not hasattr(fcntl, "F_SETLEASE"):
        return None
    try:
        # If somebody opens the file meanwhile, we are sent a signal: one that does nothing.
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except BlockingIOError:
        return True
    except OSError:
        return None  # another user's file, or a file system without leases
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def has_writer_at_own_offset(fd: int) -> bool:
    """Whether a program writes into this file at an offset of its own, without appending, as after `make > log`.

    Only root sees this of other users' processes. A program that reads the file as well does not count: it sees our changes.
    """
    return any(
        flags & os.O_ACCMODE == os.O_WRONLY and not flags & os.O_APPEND
        for flags in _openings_of(os.fstat(fd))
    )


def _openings_of(file: os.stat_result) -> Iterator[int]:
    """Flags of all visible openings of a file."""
    processes = Path("/proc")
    for process in os.listdir(processes) if processes.exists() else []:
        if not process.isdigit():
            continue
        with contextlib.suppress(OSError):
            for number in os.listdir(processes / process / "fd"):
                with contextlib.suppress(OSError, ValueError):
                    if os.path.samestat(os.stat(processes / process / "fd" / number), file):
                        info = (processes / process / "fdinfo" / number).read_text()
                        fields = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
                        yield int(fields.get("flags", "0"), 8)
