"""The identity of a server: 16 random bytes, made once and kept with its stores.

A client's text belongs to a server and not to an address, where another server may listen tomorrow. A folder that comes
back empty at the same path (its disk is not mounted, its store was removed) is still the same server; so the identity is
also kept in its user's state folder. It is no secret and proves nothing: it only tells honest servers apart.
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
        JptermError: the identity cannot be read or kept.
    """
    return _keep(state / NAME, secrets.token_bytes(IDENTITY_BYTES))


def known_hub_identity(state: Path) -> bytes:
    """The identity of this user's hub; b"" if it is not known yet."""
    with contextlib.suppress(OSError):
        return _decoded(private.read(state / NAME)) or b""
    return b""


def folder_identity(root: Path, store: Path, state: Path | None) -> bytes:
    """The identity of the server of a folder.

    Args:
        root: real path of the folder.
        store: folder of its stores.
        state: the state folder; None: keep the identity in the served folder alone.

    Raises:
        JptermError: the identity cannot be read or kept in the folder.
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
    """Write an identity into a file unless it has one; returns the identity in the file.

    Raises:
        JptermError: the file cannot be read or written.
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
            f"The identity of this server cannot be kept in {escape_for_terminal(path)}: {explain(problem)}."
        ) from problem
    return kept


def encode_identity(identity: bytes) -> bytes:
    """The content of an identity file."""
    return identity.hex().encode() + b"\n"


def _decoded(content: bytes | None) -> bytes | None:
    """The identity in an identity file; None: not one of ours. A newer release may have written more lines below."""
    line = (content or b"").partition(b"\n")[0]
    with contextlib.suppress(ValueError):
        identity = bytes.fromhex(line.decode("ascii", "replace"))
        return identity if len(identity) == IDENTITY_BYTES else None
    return None
