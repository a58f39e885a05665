"""Recognise files that are not meant to stay: in memory, or in a folder for temporary files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from jpterm_like.files.mounts import kinds_of

IN_MEMORY: Final = frozenset(("tmpfs", "ramfs"))
"""Types of file systems that keep files in memory only."""


def is_in_memory(file: Path) -> bool:
    """Whether a file is, or would be created, on a file system in memory. Known on Linux only. Blocks."""
    for folder in (file, *file.parents):
        try:
            device = os.stat(folder).st_dev
        except OSError:
            continue
        return not IN_MEMORY.isdisjoint(kinds_of(device))
    return False


def is_temporary(file: Path) -> bool:
    """Whether a file is in a folder for temporary files."""
    folders = {
        os.path.realpath(folder) for folder in (os.environ.get("TMPDIR") or "/tmp", "/tmp", "/var/tmp")
    }
    return any(str(parent) in folders for parent in file.parents)
