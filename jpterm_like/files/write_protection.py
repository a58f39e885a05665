"""Tell before anything is typed whether a plain file may be written. Blocks on the disk; writes and opens nothing."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from jpterm_like.errors import explain


def why_protected(path: Path) -> str | None:
    """Return why a file cannot be written, in lower-case words; None if it can, as far as the system tells.

    A file that does not exist is judged by the nearest folder that does. A file that may be written in a folder that may
    not is not protected: it is written in place.
    """
    place = path
    try:
        while not os.path.lexists(place) and place != place.parent:
            place = place.parent
        wanted = os.W_OK if place == path else os.W_OK | os.X_OK
        if os.access(place, wanted, effective_ids=os.access in os.supports_effective_ids):
            return None
        is_read_only = os.statvfs(place).f_flag & os.ST_RDONLY
    except (OSError, ValueError):
        return None  # opening it says what is wrong
    return explain(OSError(errno.EROFS if is_read_only else errno.EACCES, ""))
