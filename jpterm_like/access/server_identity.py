"""Which server this is: 16 random bytes, made once and kept with its stores.

A client's text belongs to a server and not to an address, where another one may listen tomorrow. A folder that comes back
empty at the same path (its disk is not mounted, its store was removed) is still the same server; so its user notes the
identity in the state folder, too. It is no secret and proves nothing: it keeps honest servers apart.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from pathlib import Path
from typing import Final

from jpterm_like.errors import JptermError, escape_for_terminal, explain
from jpterm_like.files import private
from jpterm_like.sync.ancestry import IDENTITY_BYTES

NAME: Final = "identity"


def hub_identity(state: Path) -> bytes:
    """The identity of this user's hub.

    Raises:
        JptermError: it cannot be read or kept.
    """
    return _keep(state / NAME, secrets.token_bytes(IDENTITY_BYTES))


def known_hub_identity(state: Path) -> bytes:
    """The same, b"" if it is not known (yet)."""
    with contextlib.suppress(OSError):
        return _decoded(private.read(state / NAME)) or b""
    return b""


def folder_identity(root: Path, store: Path, state: Path | None) -> bytes:
    """The identity of the server of a folder.

    Args:
        root: the folder's real path.
        store: where its stores are.
        state: the state folder, if there can be one; without it the folder alone has the identity.

    Raises:
        JptermError: it cannot be read or kept in the folder.
    """
    spare = state and state / "servers" / hashlib.blake2b(os.fsencode(root), digest_size=16).hexdigest()
    noted: bytes | None = None
    if spare is not None:
        with contextlib.suppress(OSError):
            noted = _decoded(private.read(spare))
    identity = _keep(store / NAME, noted or secrets.token_bytes(IDENTITY_BYTES))
    if spare is not None and noted != identity:
        with contextlib.suppress(OSError):
            private.change(spare, lambda old: encode_identity(identity))
    return identity


def _keep(path: Path, identity: bytes) -> bytes:
    """Have this identity in a file, unless there is one; the one that is there then.

    Raises:
        JptermError: it cannot be read or written.
    """
    kept = identity

    def new(old: bytes | None) -> bytes | None:
        nonlocal kept
        kept = _decoded(old) or identity
        return old if kept is not identity else encode_identity(kept)

    try:
        private.change(path, new)
    except OSError as problem:
        raise JptermError(
            f"It cannot be kept which server this is, in {escape_for_terminal(path)}: {explain(problem)}."
        ) from problem
    return kept


def encode_identity(identity: bytes) -> bytes:
    """The content of the file that it is kept in."""
    return identity.hex().encode() + b"\n"


def _decoded(content: bytes | None) -> bytes | None:
    """None: nothing that we wrote. A newer release may have written more, in lines below."""
    line = (content or b"").partition(b"\n")[0]
    with contextlib.suppress(ValueError):
        identity = bytes.fromhex(line.decode("ascii", "replace"))
        return identity if len(identity) == IDENTITY_BYTES else None
    return None
