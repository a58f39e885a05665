"""Rename a document on disk, so that a crash at any call leaves it under exactly one of the two names.

First the stores of both names get a note of the rename (MOVING). Then the history is written into the new store, the plain file
is renamed, and the old store gets a note of the new name (MOVED). After a crash the plain file decides: if it has its new
name, recovery finishes the rename, else it rolls it back. For a document without a file the note MOVED decides. Recovery may be
repeated.

All calls block and belong in a thread.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Final, NamedTuple

from jpterm_like.files.read import glance
from jpterm_like.files.root import Root
from jpterm_like.files.write import end_move
from jpterm_like.server.absence import ABSENT
from jpterm_like.server.charset_note import CHARSET
from jpterm_like.server.document import ACCESS, DISCARDS, IDENTITY, UNUSABLE
from jpterm_like.server.pending_write import PENDING_WRITE
from jpterm_like.storage.base import Storage, StorageError, Store

MOVED: Final = "moved"
"""The blob of a store whose document was renamed: the new name. Clients that were away, and know the document by its old
name, find it by this. The rest of such a store does not count."""
MOVING: Final = "moving"
"""The blob of both stores during a rename; empty once it has ended."""
FORMER: Final = "former"
"""The blob with the names that the document had before, oldest first, with zero bytes between. Notes of others on a document, as
`sync` has them, may know it by one of these."""
FORMER_NAMES_MAX: Final = 32

OF_DOCUMENT: Final = (IDENTITY, DISCARDS, ACCESS, ABSENT, CHARSET, "base", PENDING_WRITE, UNUSABLE)
"""The blobs that a rename does not copy: the document writes those that it needs into its new store. Blobs of newer releases are
copied."""


class Move(NamedTuple):
    """A rename that has begun."""

    old: str
    new: str
    device: int
    inode: int
    """The inode of the plain file; 0 if there is no file."""

    @classmethod
    def of(cls, old: str, new: str, path: Path, root: Root | None) -> Move:
        """Make the note for a rename that begins now, with the plain file at `path`."""
        device, inode, *_ = [*glance(path, root), 0]
        return cls(old, new, device, inode)

    @property
    def new_name_bytes(self) -> bytes:
        """The new name, as MOVED holds it."""
        return self.new.encode("utf-8", "surrogatepass")

    def encode(self) -> bytes:
        return json.dumps(self).encode()

    @classmethod
    def decode(cls, data: bytes | None) -> Move | None:
        """Decode a note; None if there is none, or the rename has ended."""
        with contextlib.suppress(ValueError, TypeError):
            old, new, device, inode = json.loads(data or b"")
            if isinstance(old, str) and isinstance(new, str):
                return cls(old, new, int(device), int(inode))
        return None


def begin(move: Move, old: Store, new: Store) -> None:
    """Note in both stores that the rename has begun, and copy the blobs that this release does not know.

    Raises:
        StorageError: the disk refused; `roll_back` undoes the part that was done.
    """
    # The old store gets the note first: if the new one has it, an opening under the old name finds it, and recovers before
    # anybody uses what a crash left under the new name.
    for store in (old, new):
        store.write_blob(MOVING, move.encode())
    for name, blob in old.blobs().items():
        if name not in (*OF_DOCUMENT, MOVED, MOVING, FORMER):
            new.write_blob(name, blob)
    former = [*_split_names(old.read_blob(FORMER)), move.old][-FORMER_NAMES_MAX:]
    new.write_blob(FORMER, "\0".join(former).encode("utf-8", "surrogatepass"))


def roll_back(storage: Storage, move: Move, old: Store) -> None:
    """Undo a rename, so that the document has its old name only. The new store must be closed.

    Raises:
        StorageError: the disk refused.
    """
    storage.delete(move.new)
    old.write_blob(MOVING, b"")


def note_new_name(move: Move, old: Store) -> None:
    """Note the new name in the old store. With that a document without a file is renamed.

    Raises:
        StorageError: the disk refused; nothing was changed.
    """
    old.write_blob(MOVED, move.new_name_bytes)


def finish(move: Move, old: Store, new: Store) -> None:
    """Note the new name in the old store, and remove everything else from it.

    No other blob may stay: release 0.1.0 reuses such a store as it is, and would take the next document of the name for this one.

    Raises:
        StorageError: the disk refused; `recover` finishes it.
    """
    note_new_name(move, old)
    old.clear()
    for name, blob in old.blobs().items():
        if blob and name not in (MOVED, MOVING):
            old.write_blob(name, b"")
    new.write_blob(MOVING, b"")
    old.write_blob(MOVING, b"")  # last: while the new store has its note, the old name must not be reused


def recover(storage: Storage, move: Move, path: Path, to: Path, root: Root | None) -> None:
    """Finish or roll back a rename that a crash has interrupted. Neither document may be open.

    Raises:
        StoreBusy: another server has one of them open.
        StorageError: the disk refused.
        FileProblem: the plain file cannot be renamed.
    """
    with contextlib.closing(storage.open(move.old)) as old:
        there = Move.decode(storage.read_blob(move.new, MOVING)) == move
        has_moved = (
            _has_moved(move, path, to, root) if move.inode else old.read_blob(MOVED) == move.new_name_bytes
        )
        if there and has_moved:
            if move.inode:
                end_move(path, to, inside=root)
            with contextlib.closing(storage.open(move.new)) as new:
                finish(move, old, new)
        elif there:
            roll_back(storage, move, old)
        else:  # the crash came before the first note, or after the last
            old.write_blob(MOVING, b"")


def _has_moved(move: Move, path: Path, to: Path, root: Root | None) -> bool:
    """Return whether the plain file has its new name."""
    here, there = glance(path, root), glance(to, root)
    if there[:2] == (move.device, move.inode):
        return True
    # The folder may have been copied since: then device and inode are others.
    return here[:2] != (move.device, move.inode) and len(there) > 1 and len(here) == 1


def renamed_to(storage: Storage, name: str) -> str | None:
    """Return the new name of a document that was renamed; None if it was not."""
    to = storage.read_blob(name, MOVED)
    with contextlib.suppress(UnicodeDecodeError):
        return to.decode("utf-8", "surrogatepass") if to else None
    return None


def former_names(storage: Storage, name: str) -> list[str]:
    """Return the names that a document had before, oldest first."""
    return _split_names(storage.read_blob(name, FORMER))


def _split_names(blob: bytes | None) -> list[str]:
    with contextlib.suppress(UnicodeDecodeError):
        return blob.decode("utf-8", "surrogatepass").split("\0") if blob else []
    return []


def interrupted(storage: Storage, name: str) -> Move | None:
    """Return the interrupted rename that has this name as its old or its new one; None if there is none."""
    return Move.decode(storage.read_blob(name, MOVING))


def all_interrupted(storage: Storage) -> list[str]:
    """Return the names of all stores with a note of a rename."""
    try:
        return storage.names(MOVING)
    except StorageError:
        return []
