"""Where the server of a folder listens: a note beside its store, for commands of the same user.

Nobody else can read the note, and one that somebody else could have written counts for nothing: tokens are sent to where
it points. It may be older than the truth, as a server that was killed leaves it behind.
"""

from __future__ import annotations

import ipaddress
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from .doors import ServerDoor, server_of
from .errors import JptermError
from .tokens import write_private

STORE_FOLDER: Final = ".jpterm-like"
"""In the shared folder: so a copy or a backup of the folder has the history, too."""
NOTE: Final = "serving.json"


class Whereabouts(NamedTuple):
    """Of a server that shares a folder."""

    root: Path
    door: ServerDoor
    """As it listens: the host is a number."""
    tokens: bool
    """Whether one comes in by tokens only."""


def note(root: Path, addresses: Iterable[str], *, tokens: bool) -> None:
    """Say where the server of a folder listens.

    Raises:
        JptermError: that cannot be written.
    """
    write_private(
        root / STORE_FOLDER / NOTE, {"pid": os.getpid(), "addresses": list(addresses), "tokens": tokens}
    )


def forget(root: Path) -> None:
    """Take this process's note away."""
    path = root / STORE_FOLDER / NOTE
    try:
        if json.loads(path.read_bytes())["pid"] == os.getpid():
            path.unlink()
    except (OSError, ValueError, TypeError, KeyError):
        pass


def find(file: Path) -> Whereabouts | None:
    """The server of this user that shares a file through the network, or None."""
    for root in file.parents:
        store = root / STORE_FOLDER
        try:
            if not (_is_mine(store) and _is_mine(store / NOTE)):
                continue
            found = json.loads((store / NOTE).read_bytes())
            for address in found["addresses"]:
                door = server_of(address)
                if isinstance(door, ServerDoor):
                    ipaddress.ip_address(door.host)
                    return Whereabouts(root, door, bool(found["tokens"]))
        except (OSError, ValueError, TypeError, KeyError, AttributeError, JptermError):
            continue
    return None


def _is_mine(path: Path) -> bool:
    found = os.lstat(path)
    return found.st_uid == os.geteuid() and not found.st_mode & 0o022
