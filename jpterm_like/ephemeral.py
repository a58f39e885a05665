"""Files that are not meant to stay: those on a file system without a disk, and those in folders for temporary files."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

IN_MEMORY: Final = frozenset(("tmpfs", "ramfs"))
"""File systems whose files are on no disk."""


def is_in_memory(file: Path) -> bool:
    """Whether a file is, or would be made, on a file system without a disk. Known on Linux only; looks at the disk."""
    for folder in (file, *file.parents):
        try:
            device = os.stat(folder).st_dev
        except OSError:
            continue
        return f"{os.major(device)}:{os.minor(device)}" in set(_devices_in_memory())
    return False


def _devices_in_memory() -> Iterator[str]:
    # A line: "id parent major:minor root place options … - kind device options"; see proc_pid_mountinfo(5).
    with (
        contextlib.suppress(OSError),
        open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as mounts,
    ):
        for line in mounts:
            before, _, after = line.partition(" - ")
            if after.partition(" ")[0] in IN_MEMORY:
                yield before.split(" ", 3)[2]


def is_temporary(file: Path) -> bool:
    """Whether a file is in a folder for temporary files."""
    folders = {
        os.path.realpath(folder) for folder in (os.environ.get("TMPDIR") or "/tmp", "/tmp", "/var/tmp")
    }
    return any(str(parent) in folders for parent in file.parents)
