"""Where the server of a folder listens: a note beside its store, for commands of the same user.

Nobody else can read the note, and one that somebody else could have written counts for nothing: tokens are sent to where
it points. It may be older than the truth, as a server that was killed leaves it behind.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from jpterm_like.access.addresses import ServerAddress, parse_server_address
from jpterm_like.errors import JptermError, escape_for_terminal, explain
from jpterm_like.files import private

STORE_FOLDER: Final = ".jpterm-like"
"""In the shared folder: so a copy or a backup of the folder has the history, too."""
NOTE: Final = "serving.json"


class Whereabouts(NamedTuple):
    """Of a server that shares a folder."""

    root: Path
    address: ServerAddress
    """As it listens: the host is a number."""
    tokens: bool
    """Whether one comes in by tokens only."""


def note(root: Path, addresses: Iterable[str], *, tokens: bool) -> bytes:
    """Say where the server of a folder listens; returns the note.

    Raises:
        JptermError: that cannot be written.
    """
    path = root / STORE_FOLDER / NOTE
    said = json.dumps({"pid": os.getpid(), "addresses": list(addresses), "tokens": tokens}).encode()
    try:
        private.change(path, lambda old: said)
    except OSError as problem:
        raise JptermError(f"{escape_for_terminal(path)} cannot be written: {explain(problem)}.") from problem
    return said


def forget(root: Path) -> None:
    """Take this process's note away."""
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        private.change(
            root / STORE_FOLDER / NOTE,
            lambda old: None if old is None or json.loads(old)["pid"] == os.getpid() else old,
        )


def find(file: Path) -> Whereabouts | None:
    """The server of this user that shares a file through the network, or None."""
    for root in file.parents:
        store = root / STORE_FOLDER
        try:
            private.check_folder(store)
            found = json.loads(private.read(store / NOTE) or b"")
            for written in found["addresses"]:
                address = parse_server_address(written)
                if isinstance(address, ServerAddress):
                    ipaddress.ip_address(address.host)
                    return Whereabouts(root, address, bool(found["tokens"]))
        except (OSError, ValueError, TypeError, KeyError, AttributeError, JptermError):
            continue
    return None
