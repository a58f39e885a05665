"""Whether another program has a file open, and how it writes there. Linux tells; elsewhere it is not known.

All calls block, for some 20 ms where all processes are looked at.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
from collections.abc import Iterator
from pathlib import Path


def is_held(fd: int) -> bool | None:
    """Whether another opening of this file is there, of any process; None: that cannot be known.

    Asked by a lease for writing, which is given only to who is alone with a file (fcntl(2)), and given back at once.
    """
    if not hasattr(fcntl, "F_SETLEASE"):
        return None
    try:
        # Who opens the file meanwhile has us told by a signal; by one that does nothing.
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except BlockingIOError:
        return True
    except OSError:
        return None  # another user's file, or a file system that knows no leases
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def has_writer_at_a_place_of_its_own(fd: int) -> bool:
    """Whether somebody writes into this file without appending, as after `make > log`: from where it stopped last.

    Of processes of other users that is not seen, but by root. One that reads the file as well is not counted: it looks there.
    """
    return any(
        flags & os.O_ACCMODE == os.O_WRONLY and not flags & os.O_APPEND
        for flags in _openings_of(os.fstat(fd))
    )


def _openings_of(file: os.stat_result) -> Iterator[int]:
    """The flags of all openings of a file that can be seen."""
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
