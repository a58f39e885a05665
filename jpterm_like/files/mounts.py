"""Which file systems are mounted. Known on Linux only; elsewhere there are none."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import NamedTuple


class Mount(NamedTuple):
    """One line of the system's table."""

    device: int
    """As in `os.stat_result.st_dev`."""
    kind: str
    """Such as ext4, tmpfs, fuse.sshfs."""
    options: str
    """Of the file system itself, and the name of what is mounted before them."""


def mounts() -> Iterator[Mount]:
    """All that this process sees. A line that cannot be read is left out."""
    # A line: "id parent major:minor root place options … - kind name options"; see proc_pid_mountinfo(5). Lines end
    # with "\n" alone: names of places may hold whatever else Python takes for the end of a line.
    with (
        contextlib.suppress(OSError),
        open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape", newline="\n") as lines,
    ):
        for line in lines:
            with contextlib.suppress(ValueError, IndexError):
                before, _, after = line.rstrip("\n").partition(" - ")
                major, _, minor = before.split(" ")[2].partition(":")
                kind, _, options = after.partition(" ")
                yield Mount(os.makedev(int(major), int(minor)), kind, options)
