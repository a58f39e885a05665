"""Which document has which name: names that lead on after a rename, identities, renames that a crash interrupted.

Two names of one file, by a symbolic link, must not become two documents; so a document is called by the real path of its file.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import weakref
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Final

from jpterm_like.access.permissions import Rights
from jpterm_like.errors import JptermError
from jpterm_like.files.read import FileProblem, glance, is_there
from jpterm_like.server import rename
from jpterm_like.server.connections import OpenDocument
from jpterm_like.server.document import IDENTITY, Document
from jpterm_like.server.shared_folder import SharedFiles
from jpterm_like.storage.base import Storage, StorageError

RENAMES_MAX: Final = 32
"""How many renames of one document are followed."""

log = logging.getLogger("jpterm_like.server.server")


class DocumentNames:
    """Finds documents by name and by identity.

    Args:
        opened: the open documents by their names; it is read, never changed.
        files: what is shared.
        storage: where the stores are.
    """

    def __init__(self, opened: Mapping[str, OpenDocument], files: SharedFiles, storage: Storage) -> None:
        self._opened = opened
        self._files = files
        self._storage = storage
        self._locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()
        self._by_identity: dict[bytes, str] = {}
        """Names by identities: of all documents that were open, and of all others once somebody asked."""
        self._knows_all_identities = False
        self._learning = asyncio.Lock()

    # ------------------------------------------------------------------ locks

    def lock_of(self, name: str) -> asyncio.Lock:
        """The lock of a name: held while its document is opened, closed or renamed."""
        lock = self._locks.get(name)
        if lock is None:
            lock = self._locks[name] = asyncio.Lock()
        return lock

    @contextlib.asynccontextmanager
    async def locks_of(self, one: str, other: str) -> AsyncIterator[None]:
        """Hold the locks of two names."""
        first, second = sorted((one, other))
        async with self.lock_of(first), self.lock_of(second):
            yield

    @property
    def locked(self) -> set[str]:
        """Names whose locks exist: some task holds or awaits them, or has just released them."""
        return set(self._locks)

    # ------------------------------------------------------------------ names and files

    def name_of(self, path: Path) -> str:
        """The name of the document with this file."""
        root = self._files.root
        return str(path) if root is None else path.relative_to(root.path).as_posix()

    def display_name(self, name: str) -> str:
        """A name as sentences show it: in a hub without its folders."""
        return name if self._files.root is not None else Path(name).name

    async def exists(self, name: str, path: Path) -> bool:
        """Return whether there is a document of this name: open, with a plain file, or with a store alone."""
        if name in self._opened or await asyncio.to_thread(is_there, path, self._files.root):
            return True
        if not await asyncio.to_thread(self._storage.has, name):
            return False
        return await self.renamed_to(name) is None

    async def is_taken(self, name: str, path: Path, now: Path) -> bool:
        """Return whether a document of that name is there, other than the one whose file is `now`."""

        def look() -> bool:
            there = glance(path, self._files.root)
            if len(there) > 1:
                return there != glance(now, self._files.root)
            return self._storage.has(name) and rename.renamed_to(self._storage, name) is None

        return await asyncio.to_thread(look)

    async def follow(self, name: str, path: Path) -> tuple[str, Path]:
        """The name and file of now of the document that once had this name."""
        for _ in range(RENAMES_MAX):
            async with self.lock_of(name):
                if name in self._opened or await asyncio.to_thread(is_there, path, self._files.root):
                    break
                to = await self.renamed_to(name)
            if to is None:
                break
            path = self._files.path_of(to)
            name = self.name_of(path)
            await self.recover(name)
        return name, path

    async def renamed_to(self, name: str) -> str | None:
        """The name of now of a document that was renamed; None if it was not. The name is not that of an open document."""
        to = await asyncio.to_thread(rename.renamed_to, self._storage, name)
        if to is None:
            move = await asyncio.to_thread(rename.interrupted, self._storage, name)
            if move is not None and move.old == name and move.new in self._opened:
                return move.new  # the disk did not take the note
        return to

    async def release(self, name: str) -> None:
        """Remove the store of a name whose document was renamed, so that another document can have the name.

        Raises:
            StorageError: the disk refused.
        """
        to = await self.renamed_to(name)
        if to is not None and to in self._opened:
            # The disk may not have taken the end of that rename. Later, recovery would end it in the new owner's store.
            store = self._opened[to].document.saver.store
            if await asyncio.to_thread(store.read_blob, rename.MOVING):
                await asyncio.to_thread(store.write_blob, rename.MOVING, b"")
        await asyncio.to_thread(self._storage.delete, name)

    # ------------------------------------------------------------------ recovery

    async def recover(self, name: str) -> None:
        """Finish or undo the rename in which a crash left the document that has or was to get this name.

        Raises:
            JptermError: it cannot be done now.
        """
        if name in self._opened:
            return
        move = await asyncio.to_thread(rename.interrupted, self._storage, name)
        if move is None:
            return
        path, to = self._files.path_of(move.old), self._files.path_of(move.new)
        async with self.locks_of(move.old, move.new):
            is_open = {move.old, move.new} & self._opened.keys()
            again = await asyncio.to_thread(rename.interrupted, self._storage, name)
            if again == move and not is_open:
                await asyncio.to_thread(rename.recover, self._storage, move, path, to, self._files.root)

    async def recover_all(self) -> None:
        """The same for every interrupted rename; what cannot be done now is logged."""
        for name in await asyncio.to_thread(rename.all_interrupted, self._storage):
            try:
                await self.recover(name)
            except JptermError as problem:
                log.warning("%s", problem)

    # ------------------------------------------------------------------ identities

    def note_identity(self, document: Document) -> None:
        """Remember the name of a document that was opened or renamed."""
        self.note_new(document.identity, document.name)

    def note_new(self, identity: bytes, name: str) -> None:
        """The same for one that began without being opened."""
        self._by_identity[identity] = name

    async def with_identity(self, identity: bytes) -> str | None:
        """The name of the document with this identity; None if there is none."""
        if identity not in self._by_identity and not self._knows_all_identities:
            await self._learn_identities()
        return self._by_identity.get(identity)

    async def find_elsewhere(self, rights: Rights, opened: OpenDocument, identity: bytes) -> str | None:
        """The name of the document with this identity, if it is another one than `opened` and the visitor may see it.

        None, too, if there is no such document: it was lost here, and the visitor's text belongs to the one that took its place.
        """
        if identity in (b"", opened.document.identity):
            return None
        name = await self.with_identity(identity)
        if name is None or name == opened.document.name:
            return None
        try:
            role = rights.role(name, self._files.path_of(name))
        except FileProblem:
            return None
        return name if role is not None else None

    async def _learn_identities(self) -> None:
        """Read the identities of all stores, once. Documents that are opened or renamed later are noted then."""

        def look() -> dict[bytes, str]:
            found: dict[bytes, str] = {}
            for name in self._storage.names():
                with contextlib.suppress(StorageError):
                    identity = self._storage.read_blob(name, IDENTITY)
                    if identity and rename.renamed_to(self._storage, name) is None:
                        found[identity] = name
            return found

        async with self._learning:
            if self._knows_all_identities:
                return
            self._by_identity = {**await asyncio.to_thread(look), **self._by_identity}
            self._knows_all_identities = True
