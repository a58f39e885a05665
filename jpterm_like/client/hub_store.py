"""What this user's hub keeps of a file, read beside the hub.

A journal whose work is all there and in the file needs no text of its own when it is closed: `Saver.reduce` removes it, and
the next opening takes it from here.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from jpterm_like.access.server_identity import known_hub_identity
from jpterm_like.config import Paths
from jpterm_like.errors import JptermError
from jpterm_like.storage.base import Record
from jpterm_like.stores import pads_of


def is_of_my_hub(server: bytes) -> bool:
    """Whether a server is the hub that keeps its stores where `history` looks. Looks at the disk."""
    try:
        return known_hub_identity(Paths.of_user().state) == server != b""
    except JptermError:
        return False


def history(file: Path) -> list[Record]:
    """The records of the hub's store of a file; none if there is none, or it is damaged. Blocks."""
    try:
        with contextlib.closing(pads_of(Paths.of_user())) as pads:
            found = pads.inspect(str(file))
    except JptermError:
        return []
    return [] if found is None or found.damage or found.newer else found.loaded.records
