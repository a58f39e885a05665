"""The stores of a collection's documents as `carrying` sees them: which document a store has, and how one is begun. All of it blocks, but
`create`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from crdt import TextBuffer, Version
from jpterm_like import clock
from jpterm_like.files.access_control import Access, PathPermissions
from jpterm_like.files.charsets import Known
from jpterm_like.packs.documents import Extent
from jpterm_like.packs.records import Birth
from jpterm_like.saver import Saver, restore
from jpterm_like.server import rename
from jpterm_like.server.carried_file import CARRIED, CarriedFile
from jpterm_like.server.charset_note import CHARSET, encode_charsets
from jpterm_like.server.document import ACCESS, IDENTITY, SYNCED_AS
from jpterm_like.storage.base import NewStore, Storage, StorageError, Store
from jpterm_like.sync.pad import Pad
from jpterm_like.sync.unsaved_work import DISK


class CollectionStores:
    """See the module.

    Args:
        collection: the collection's id.
    """

    def __init__(self, storage: Storage, collection: bytes) -> None:
        self._storage = storage
        self._collection = collection

    # ------------------------------------------------------------------ looking

    def stamp(self, pad_name: str, path: Path) -> tuple[float, ...]:
        """How a document's store and file look from outside; empty if that is not known."""
        try:
            size_bytes, changed_at = self._storage.usage(pad_name)
        except StorageError:
            return ()
        try:
            found = os.stat(path)
            return (size_bytes, changed_at, found.st_size, found.st_mtime, found.st_ino)
        except OSError:
            return (size_bytes, changed_at)  # see `DocumentNotes.had_file`

    def has(self, pad_name: str) -> bool:
        """Whether a name has a store with anything in it."""
        return self._storage.has(pad_name)

    def identity(self, pad_name: str) -> bytes | None:
        """The identity of the document that has a name; None if it has none yet."""
        return self._storage.read_blob(pad_name, IDENTITY)

    def lacks_store(self, pad_name: str, path: Path) -> bool:
        """Whether there is a file, and no history of it."""
        return os.path.lexists(path) and not self._storage.has(pad_name)

    def is_untouched(self, pad_name: str) -> bool:
        """Whether a file has no history but that of a text that was opened and not changed."""
        if not self._storage.has(pad_name):
            return True
        with contextlib.suppress(StorageError), contextlib.closing(self._storage.open(pad_name)) as store:
            kept = restore(store, author=DISK)
            if kept.buffer is None or kept.newer or kept.damage:
                return False
            begun = TextBuffer.genesis(kept.buffer.text)
            return begun.lineage == kept.buffer.lineage and begun.version == kept.buffer.version
        return False

    def is_free_for(self, pad_name: str, document: bytes, birth: Birth) -> bool:
        """Whether a document can have the store of a name: no other document has it, or only had it once."""
        return (
            not self._storage.has(pad_name)
            or rename.renamed_to(self._storage, pad_name) is not None
            or self._has(pad_name, document, birth)
        )

    def _has(self, pad_name: str, document: bytes, birth: Birth) -> bool:
        """Whether the store of a name has this document's history."""
        if self._storage.read_blob(pad_name, SYNCED_AS) == self._collection + document:
            return True
        with contextlib.suppress(StorageError), contextlib.closing(self._storage.open(pad_name)) as store:
            kept = restore(store, author=DISK)
            return kept.buffer is not None and not kept.newer and kept.buffer.lineage == birth.lineage
        return False

    def move(self, old: str, new: str) -> None:
        """Move the store of a document to the name that its file has since its folder was moved, unless that has a history of its own.

        Raises:
            StorageError: the disk refused; both names may have it then, and the next call goes on.
        """
        if not self._storage.has(old) or rename.renamed_to(self._storage, old) is not None:
            return
        if not self.is_untouched(new) and not self._is_empty(new):
            return
        with contextlib.closing(self._storage.open(old)) as source:
            loaded = source.load()
            if source.newer or loaded.damage:
                return
            self._storage.delete(new)
            with contextlib.closing(self._storage.open(new)) as store:
                for (
                    name,
                    blob,
                ) in source.blobs().items():  # before the records: a store without any counts as empty
                    store.write_blob(name, blob)
                store.snapshot(loaded.records, lambda read: list(read) == loaded.records)
        self._storage.delete(old)

    def _is_empty(self, pad_name: str) -> bool:
        """Whether a store has no history, as after a crash in `move`."""
        with contextlib.suppress(StorageError), contextlib.closing(self._storage.open(pad_name)) as store:
            return not store.load().records and not store.newer
        return False

    # ------------------------------------------------------------------ which document a store has, if its name does not tell

    def noted_id(self, pad_name: str) -> bytes | None:
        """The id of a document that came under another name."""
        noted = self._storage.read_blob(pad_name, SYNCED_AS) or b""
        collection, document = noted[:16], noted[16:]
        return document if collection == self._collection and len(document) == 16 else None

    def former_names(self, pad_name: str) -> list[str]:
        """The names that a document had before, oldest first."""
        return rename.former_names(self._storage, pad_name)

    def has_changed(self, pad_name: str, path: Path) -> bool:
        """Whether a carried file is not what was last read or written here."""
        if CarriedFile.decode(self._storage.read_blob(pad_name, CARRIED)) is None:
            return False
        try:
            raw = path.read_bytes()
        except OSError:
            return False
        return raw != self._storage.read_blob(pad_name, "base")

    def take_in(
        self,
        pad_name: str,
        ours: Iterable[bytes],
        theirs: Iterable[bytes],
        saved: Mapping[str, Version],
        told: Version,
    ) -> None:
        """Take operations and known states of the file into the store of a closed document, before its file is looked at.

        Args:
            ours: operations from packs of this machine.
            theirs: operations from packs of others, which the file gets.
            told: what packs have.

        Raises:
            StorageError: the disk refused.
            ForeignOp: an operation cannot be read, or contradicts others; nothing was written.
        """
        with contextlib.closing(self._storage.open(pad_name)) as store:
            kept = restore(store, author=DISK)
            carried = CarriedFile.decode(store.read_blob(CARRIED))
            if kept.buffer is None or kept.newer or store.newer or kept.damage or carried is None:
                return
            pad, buffer = kept.pad(), kept.buffer
            saver = Saver(pad, store, buffer.version, buffer.own_sites, kept.brought, kept.awaited, kept.held)
            came = Extent.of(pad.saved)
            for message in (*ours, *theirs):
                if buffer.lacks(message):
                    pad.integrate(message, None)
            for message in theirs:
                came.add_message(message)
            pad.due = came.version
            # Here, so that a site of its own reverts what need not be sent: what the file has now may be kept back for a while.
            carried.know_all(saved)
            carried.settle(pad, told, clock.wall())
            saver.write()
            store.sync()
            store.write_blob(CARRIED, carried.encode())

    def note_id(self, store: Store, document: bytes) -> None:
        """Note in a store which document it has, because its name does not tell."""
        noted = self._collection + document
        if store.read_blob(SYNCED_AS) != noted:
            store.write_blob(SYNCED_AS, noted)

    # ------------------------------------------------------------------ new stores

    async def create(self, new: Sequence[NewStore]) -> set[str]:
        """Make many stores at once; see `Storage.create`. This one does not block."""
        return await self._storage.create(new)

    def remove(self, pad_name: str) -> None:
        """Remove a store. Raises StorageError."""
        self._storage.delete(pad_name)

    def begin(
        self, document: bytes, birth: Birth, pad_name: str, name: str, permissions: PathPermissions | None
    ) -> None:
        """Make the store of a document that came, still without operations.

        Args:
            permissions: of the place that its file is to have, if they count.
        """
        if rename.renamed_to(self._storage, pad_name) is not None:
            self._storage.delete(pad_name)  # it is free again
        if self._storage.has(pad_name):
            return
        with contextlib.closing(self._storage.open(pad_name)) as store:
            if name != birth.name:
                store.write_blob(SYNCED_AS, self._collection + document)
            if permissions is not None:
                store.write_blob(ACCESS, Access([permissions]).encode())
            saver = Saver(Pad(TextBuffer(author=DISK, lineage=birth.lineage)), store, Version())
            saver.compact()

    def begin_from(self, buffer: TextBuffer, saved: Version, base: Known, pad_name: str) -> None:
        """Make the store of a file anew, with a history of which the file holds, or held, the version `saved`: `base`."""
        self._storage.delete(pad_name)
        with contextlib.closing(self._storage.open(pad_name)) as store:
            pad = Pad(buffer)
            pad.saved = saved
            Saver(pad, store, Version()).compact()
            store.write_blob("base", base.raw)
            if charset := encode_charsets([base]):
                store.write_blob(CHARSET, charset)
