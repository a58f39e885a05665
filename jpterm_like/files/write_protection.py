"""Tell before anything is written whether a file or folder may be. Blocks on the disk; writes and opens nothing."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from jpterm_like.errors import explain


def nearest_existing(path: Path) -> Path:
    """Return the path, or the nearest folder above it that exists."""
    while not os.path.lexists(path) and path != path.parent:
        path = path.parent
    return path


def may_use(path: Path, wanted: int) -> bool:
    """Whether the system permits `wanted` (os.W_OK and the like) to this process, by its effective user."""
    return os.access(path, wanted, effective_ids=os.access in os.supports_effective_ids)


def why_protected(path: Path) -> str | None:
    """Return why a file cannot be written, in lower-case words; None if it can, as far as the system tells.

    A file that does not exist is judged by the nearest folder that does. A file that may be written in a folder that may
    not is not protected: it is written in place.
    """
    try:
        place = nearest_existing(path)
        if may_use(place, os.W_OK if place == path else os.W_OK | os.X_OK):
            return None
        is_read_only = os.statvfs(place).f_flag & os.ST_RDONLY
    except (OSError, ValueError):
        return None  # opening it says what is wrong
    return explain(OSError(errno.EROFS if is_read_only else errno.EACCES, ""))
