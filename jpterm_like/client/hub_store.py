"""Read what this user's hub stores of a file, directly from its storage.

A journal needs no text of its own once the hub and the file have everything: `Saver.reduce` removes the text when the
journal is closed, and the next opening reads it from here.
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
    """Return whether a server is the hub whose storage `history` reads. Reads the disk."""
    try:
        return known_hub_identity(Paths.of_user().state) == server != b""
    except JptermError:
        return False


def history(file: Path) -> list[Record]:
    """Return the records in the hub's store of a file; none if there is no store, or it is damaged. Blocks."""
    try:
        with contextlib.closing(pads_of(Paths.of_user())) as pads:
            found = pads.inspect(str(file))
    except JptermError:
        return []
    return [] if found is None or found.damage or found.newer else found.loaded.records
