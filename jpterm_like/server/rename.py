"""A document gets another name so that a crash at any call leaves it under exactly one of the two.

The store of each name first gets a note of the move (MOVING). Then the history is written into the new store, the plain
file gets its new name, and the old store gets the note that leads on (MOVED). What a crash left is ended by the plain
file: if it has its new name, the move goes on to its end, else it is taken back. A document without a file goes by the note
that leads on. Doing that twice is doing it once.

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
from jpterm_like.server.document import ACCESS, DISCARDS, IDENTITY, UNUSABLE
from jpterm_like.server.pending_write import PENDING_WRITE
from jpterm_like.storage.base import Storage, StorageError, Store

MOVED: Final = "moved"
"""The blob of a store whose document has another name now: that name. Whoever has the document under the old one, and was
not here when it was renamed, is led on. What else is in such a store does not count."""
MOVING: Final = "moving"
"""The blob of both stores while a move is under way; empty when it has ended."""

OF_DOCUMENT: Final = (IDENTITY, DISCARDS, ACCESS, ABSENT, "base", PENDING_WRITE, UNUSABLE)
"""The blobs that a rename does not copy: the document writes those that it needs into its new store. Blobs of newer releases are
copied."""


class Move(NamedTuple):
    """A move that is under way."""

    old: str
    new: str
    device: int
    inode: int
    """Of the plain file; 0 where none goes along."""

    @classmethod
    def of(cls, old: str, new: str, path: Path, root: Root | None) -> Move:
        """The one that is to begin now, of the file at `path`."""
        device, inode, *_ = [*glance(path, root), 0]
        return cls(old, new, device, inode)

    @property
    def new_name_bytes(self) -> bytes:
        """The note that leads on to the new name."""
        return self.new.encode("utf-8", "surrogatepass")

    def encode(self) -> bytes:
        return json.dumps(self).encode()

    @classmethod
    def decode(cls, data: bytes | None) -> Move | None:
        """None: it is none, or ended."""
        with contextlib.suppress(ValueError, TypeError):
            old, new, device, inode = json.loads(data or b"")
            if isinstance(old, str) and isinstance(new, str):
                return cls(old, new, int(device), int(inode))
        return None


def begin(move: Move, old: Store, new: Store) -> None:
    """Note that a document is on its way from one store to the other.

    Raises:
        StorageError: the disk refused; `roll_back` undoes the half of it.
    """
    # Where the new store has the note, the old one has it, too: so who opens that document ends the move first, and
    # nobody begins with what a crash left under the new name.
    for store in (old, new):
        store.write_blob(MOVING, move.encode())
    for name, blob in old.blobs().items():
        if name not in (*OF_DOCUMENT, MOVED, MOVING):
            new.write_blob(name, blob)


def roll_back(storage: Storage, move: Move, old: Store) -> None:
    """Let a document have its old name only. The new store is closed.

    Raises:
        StorageError: the disk refused.
    """
    storage.delete(move.new)
    old.write_blob(MOVING, b"")


def note_new_name(move: Move, old: Store) -> None:
    """Let the old name lead on to the new one. With that a document without a file has moved.

    Raises:
        StorageError: the disk refused; all is as before.
    """
    old.write_blob(MOVED, move.new_name_bytes)


def finish(move: Move, old: Store, new: Store) -> None:
    """Let the old name lead on to the new one, and forget what is under the old one.

    No blob stays there: 0.1.0 uses such a store again as it is, and the next document of the name would be taken for this one.

    Raises:
        StorageError: the disk refused; `recover` goes on with it.
    """
    note_new_name(move, old)
    old.clear()
    for name, blob in old.blobs().items():
        if blob and name not in (MOVED, MOVING):
            old.write_blob(name, b"")
    new.write_blob(MOVING, b"")
    old.write_blob(MOVING, b"")  # last: as long as the new store has the note, the old name is not used anew


def recover(storage: Storage, move: Move, path: Path, to: Path, root: Root | None) -> None:
    """End a move that a crash has interrupted. Nobody has either document open.

    Raises:
        StoreBusy: another server has one of them open.
        StorageError: the disk refused.
        FileProblem: the same, of the plain file.
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
    """Whether the plain file has its new name."""
    here, there = glance(path, root), glance(to, root)
    if there[:2] == (move.device, move.inode):
        return True
    # Copied since, with the store: then the numbers are others.
    return here[:2] != (move.device, move.inode) and len(there) > 1 and len(here) == 1


def renamed_to(storage: Storage, name: str) -> str | None:
    """Which name the document of this one has now; None: it has not got another."""
    to = storage.read_blob(name, MOVED)
    with contextlib.suppress(UnicodeDecodeError):
        return to.decode("utf-8", "surrogatepass") if to else None
    return None


def interrupted(storage: Storage, name: str) -> Move | None:
    """The move that a crash has interrupted, of the document that was or is to be called so."""
    return Move.decode(storage.read_blob(name, MOVING))


def all_interrupted(storage: Storage) -> list[str]:
    """The documents that have a note of a move."""
    try:
        return storage.names(MOVING)
    except StorageError:
        return []
