"""Find the server that shares a folder: it leaves a note next to its store, for commands of the same user.

Nobody else can read the note. A note that another user could have written is ignored, because tokens are sent to the
address in it. The note may be stale: a server that was killed leaves it behind.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from jpterm_like.access.addresses import (
    Address,
    ServerAddress,
    UnixSocketAddress,
    parse_address,
    parse_server_address,
)
from jpterm_like.access.process_lock import holder_of
from jpterm_like.errors import JptermError, escape_for_terminal, explain
from jpterm_like.files import private

STORE_FOLDER: Final = ".jpterm-like"
"""Name of the store's folder in the shared folder, so that a copy or a backup of the folder has the history, too."""
NOTE: Final = "serving.json"
LOCK: Final = "serving.lock"
"""The file in the store that the one server of the folder holds."""
ANSWER_S: Final = 0.5
"""Time that a server of this machine may take to accept a connection."""


class RunningServer(NamedTuple):
    """A running server that shares a folder."""

    root: Path
    address: ServerAddress
    """Address that the server listens on; the host is an IP address."""
    tokens: bool
    """Whether every client needs a token."""


def write_note(root: Path, addresses: Iterable[str], *, tokens: bool, own: Path | None = None) -> bytes:
    """Write the note of where this process listens; returns its content.

    Args:
        own: the unix socket at which this user needs no token.

    Raises:
        JptermError: the note cannot be written.
    """
    import json  # loaded on demand: most files that are opened are in no shared folder

    path = root / STORE_FOLDER / NOTE
    facts = {"pid": os.getpid(), "addresses": list(addresses), "tokens": tokens}
    said = json.dumps(facts | ({} if own is None else {"own": str(own)})).encode()
    try:
        private.change(path, lambda old: said)
    except OSError as problem:
        raise JptermError(f"{escape_for_terminal(path)} cannot be written: {explain(problem)}.") from problem
    return said


def remove_note(root: Path) -> None:
    """Remove the note, if this process wrote it."""
    import json

    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        private.change(
            root / STORE_FOLDER / NOTE,
            lambda old: None if old is None or json.loads(old)["pid"] == os.getpid() else old,
        )


def find_server(file: Path) -> RunningServer | None:
    """This user's server that shares a file over TCP, or None."""
    for root in file.parents:
        store = root / STORE_FOLDER
        try:
            private.check_folder(store)
            import json

            found = json.loads(private.read(store / NOTE) or b"")
            for written in found["addresses"]:
                address = parse_server_address(written)
                if isinstance(address, ServerAddress):
                    ipaddress.ip_address(address.host)
                    return RunningServer(root, address, bool(found["tokens"]))
        except (OSError, ValueError, TypeError, KeyError, AttributeError, JptermError):
            continue
    return None


def find_server_of(root: Path) -> RunningServer | None:
    """This user's server that shares this very folder over TCP and answers, or None. Blocks."""
    root = Path(os.path.realpath(root))
    found = find_server(root / STORE_FOLDER)
    return found if found is not None and found.root == root and _answers(found.address) else None


def find_own_socket(root: Path) -> UnixSocketAddress | None:
    """Where this user's server that shares this very folder lets its user in without a token, or None. Blocks."""
    import json

    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        store = Path(os.path.realpath(root)) / STORE_FOLDER
        private.check_folder(store)
        address = UnixSocketAddress(Path(json.loads(private.read(store / NOTE) or b"")["own"]), "")
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(str(address.socket))
        return address
    return None


def about_server_of(root: Path) -> str:
    """Say by which server a folder is shared whose lock is held: where it listens, and which process it is. Blocks."""
    holder = holder_of(root / STORE_FOLDER / LOCK)
    found = find_server_of(root)
    if found is None:  # it listens at a unix socket, or on another machine, or not yet
        return f"by {holder}"
    return f"by your server at {found.address.origin} ({holder})"


def _answers(address: ServerAddress) -> bool:
    """Whether somebody listens there; a server that was killed leaves its note."""
    try:
        socket.create_connection((address.host, address.port), timeout=ANSWER_S).close()
    except OSError:
        return False
    return True


def resolve_address(written: str) -> tuple[Address, str]:
    """Parse an address; the path of a file that this user's server shares becomes its address there. Blocks.

    At a server that asks for tokens it stays a path: on this machine that server may have no name that its certificate is for.

    Returns:
        the address, and a sentence for the person if a server shares the file; "" if none does.

    Raises:
        BadAddress: it is no address.
    """
    asked = parse_address(written)
    file = asked.file
    server = None if file is None else find_server(file)
    if server is None or file is None:
        return asked, ""
    from jpterm_like.files.safe_names import repository_in, why_not_shared

    inside = file.relative_to(server.root)
    folders = [folder for folder in file.parents if folder.is_relative_to(server.root)]
    if why_not_shared(inside.as_posix()) or repository_in(folders) or not _answers(server.address):
        return asked, ""
    if server.tokens:
        return asked, (
            f"Your server at {server.address.origin} shares this file with tokens. Opened by its path, you do not meet the "
            f"others there. To join them, run the command that this prints: jpterm-like share {_for_shell(file)}"
        )
    there = server.address.with_path(inside.as_posix())
    return (
        there,
        f"This file is shared by your server at {there}: you are in it there. The server saves by itself.",
    )


def _for_shell(file: Path) -> str:
    import shlex

    return escape_for_terminal(shlex.quote(str(file)))
