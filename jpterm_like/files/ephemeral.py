"""Files that are not meant to stay: those on a file system without a disk, and those in folders for temporary files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from jpterm_like.files.mounts import mounts

IN_MEMORY: Final = frozenset(("tmpfs", "ramfs"))
"""File systems whose files are on no disk."""


def is_in_memory(file: Path) -> bool:
    """Whether a file is, or would be made, on a file system without a disk. Known on Linux only; looks at the disk."""
    for folder in (file, *file.parents):
        try:
            device = os.stat(folder).st_dev
        except OSError:
            continue
        return any(mount.device == device and mount.kind in IN_MEMORY for mount in mounts())
    return False


def is_temporary(file: Path) -> bool:
    """Whether a file is in a folder for temporary files."""
    folders = {
        os.path.realpath(folder) for folder in (os.environ.get("TMPDIR") or "/tmp", "/tmp", "/var/tmp")
    }
    return any(str(parent) in folders for parent in file.parents)
