"""The journal of one opening: each edit is written to it on this machine before anybody sees it.

Simultaneous openings of a pad have a journal each. Its failures are reported and never stop anybody from writing: the
text is in memory, and is sent to the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from crdt import Version
from jpterm_like import clock
from jpterm_like.client.last_visit import BYTES_MAX, VISIT, LastVisit, encode_visit, is_of_newer
from jpterm_like.errors import JptermError
from jpterm_like.saver import REDUCED, ReadOnlySaver, RestoredPad, Saver, rebuild_reduced, restore
from jpterm_like.storage.base import Storage, StorageError, Store, StoreBusy, StoreLost
from jpterm_like.stores import FILE, SLOTS_MAX, journal_name
from jpterm_like.sync.ancestry import Identity
from jpterm_like.sync.pad import Pad
from jpterm_like.sync.unsaved_work import Discard, decode_discards, encode_discards

log = logging.getLogger("jpterm_like.client.journal")

SYNC_DELAY_S: Final = 0.25
"""Delay before the journal is flushed to the disk. The operating system has it at once."""
RETRY_S: Final = 5.0
"""Delay before the next attempt to replace a lost journal."""


def _may_be_of_another_file(name: str, slot: int) -> bool:
    """Return whether release 0.1.0 would have given the journal of another file this name."""
    return slot > 1 and name.startswith(FILE) and os.path.lexists(name.removeprefix(FILE))


def free_slot(storage: Storage, key: str) -> Store:
    """Open the first journal of this key that no other opening holds."""
    for slot in range(1, SLOTS_MAX + 1):
        name = journal_name(key, slot)
        with contextlib.suppress(StoreBusy):
            if not _may_be_of_another_file(name, slot):
                return storage.open(name)
    raise JptermError(f"{key} is open {SLOTS_MAX} times already: close some.")


def unused_slot(storage: Storage, key: str) -> Store:
    """Open the first empty journal of this key."""
    for slot in range(1, SLOTS_MAX + 1):
        name = journal_name(key, slot)
        with contextlib.suppress(StoreBusy):
            if not storage.has(name) and not _may_be_of_another_file(name, slot):
                return storage.open(name)
    raise JptermError(f"{key} is open {SLOTS_MAX} times already: close some.")


def held_journals(storage: Storage, key: str, author: str) -> Iterator[tuple[Store, RestoredPad]]:
    """Yield the journals of this key that no opening holds, with their contents; the caller closes them.

    Raises:
        StorageError: one cannot be read; it is closed.
    """
    for slot in range(1, SLOTS_MAX + 1):
        name = journal_name(key, slot)
        if not storage.has(name) or _may_be_of_another_file(name, slot):
            continue
        try:
            store = storage.open(name)
        except StoreBusy:
            continue
        try:
            kept = _restored(store, key, author)
        except BaseException:
            store.close()
            raise
        yield store, kept


def _restored(store: Store, key: str, author: str) -> RestoredPad:
    """Read a journal, whose text may be in the hub's store only."""
    kept = restore(store, author=author)
    if kept.buffer is not None or kept.newer or kept.damage or not key.startswith(FILE):
        return kept
    left = store.read_blob(REDUCED)
    if left is None or store.newer:
        return kept
    from jpterm_like.client.hub_store import history  # loaded on demand: few journals are reduced

    return rebuild_reduced(left, history(Path(key.removeprefix(FILE))), author=author) or kept


def held_of(storage: Storage, key: str, author: str, server: bytes) -> tuple[Store, RestoredPad] | None:
    """Open the journal of this key that belongs to a server and was chosen last; None if no such journal is free.

    Raises:
        StorageError: it cannot be read.
    """
    found: tuple[Store, RestoredPad] | None = None
    try:
        for held in held_journals(storage, key, author):
            kept = held[1]
            is_it = (
                kept.buffer is not None
                and not kept.newer
                and kept.identity is not None
                and kept.identity.server == server != b""
            )
            if is_it and (found is None or chosen_ms(kept) > chosen_ms(found[1])):
                held, found = found or held, held
            if held is not found:
                held[0].close()
    except BaseException:
        if found is not None:
            found[0].close()
        raise
    return found


def chosen_ms(kept: RestoredPad) -> int:
    """When this journal was last chosen as the one to continue; milliseconds since 1970."""
    return 0 if kept.identity is None else kept.identity.chosen_ms


def left_behind(
    storage: Storage, key: str, author: str, identity: Identity, lineage: bytes
) -> list[tuple[Store, RestoredPad]]:
    """Open the journals of ended openings that have the same history of the same document, and nothing but text.

    Raises:
        StorageError: one cannot be read; all are closed.
    """
    found: list[tuple[Store, RestoredPad]] = []
    try:
        for held in held_journals(storage, key, author):
            store, kept = held
            known = kept.identity or Identity()
            is_ours = known.server == identity.server and known.is_same_document(identity)
            is_plain = not (kept.newer or kept.damage or kept.carried or store.read_blob(DISCARDING))
            if kept.buffer is not None and kept.buffer.lineage == lineage and is_ours and is_plain:
                found.append(held)
            else:
                store.close()
    except BaseException:
        for store, _ in found:
            store.close()
        raise
    return found


DISCARDING: Final = "discarding"
"""Name of the blob that notes a discard until the others were told of it."""


def take_back_discards(saver: Saver, pad: Pad, stores: Iterable[Store]) -> bool:
    """Undo discards that an opening did not live to tell the others of; return whether there were any.

    Raises:
        StorageError: the result cannot be stored.
    """
    noted = [store for store in stores if store.read_blob(DISCARDING)]
    discards = [it for store in noted for it in decode_discards(store.read_blob(DISCARDING) or b"")]
    here = [it for it in discards if it.end <= pad.buffer.version.get(it.site)]
    taken_back = [bool(pad.revert(it.operations, clock.wall())) for it in here]
    if noted:
        saver.write(with_stored=True)
    for store in noted:
        store.write_blob(DISCARDING, b"")
    return any(taken_back)


class Journal:
    """Writes a pad into a store that no other opening holds.

    Args:
        saver: writes the pad into its store.
        storage: the storage that the store belongs to.
        tell: called with a sentence about each failure, and whether that lasts until `settle`.
        settle: called when the journal is safe on the disk again.
        key: returns the key under which journals of the pad are found.
    """

    def __init__(
        self,
        pad: Pad,
        storage: Storage,
        saver: Saver,
        tell: Callable[[str, bool], None],
        settle: Callable[[], None],
        key: Callable[[], str],
    ) -> None:
        self._pad = pad
        self._storage = storage
        self._saver = saver
        self._tell = tell
        self._settle = settle
        self._key = key
        self._timer: asyncio.TimerHandle | None = None
        self._begun = False
        self._failed = False

    @property
    def store(self) -> Store:
        """The store that the pad is written to."""
        return self._saver.store

    def begin(self) -> None:
        """Write the initial content of the pad, in a thread if that takes long, and flush it. Needs the running loop."""
        self._begun = True
        self._saver.begin_in_thread()
        self._sync_soon()

    def write(self) -> None:
        """Write everything new to the operating system before returning; it is flushed to the disk a moment later."""
        try:
            written = self._saver.write(with_stored=True)
        except StoreLost:
            self._replace_lost_store()
            return
        except Exception as problem:
            if not self._failed:
                self._failed = True
                if not isinstance(problem, StorageError):
                    log.exception("the journal cannot be written")
                    problem = StorageError("jpterm-like made a mistake.")
                self._tell_not_kept(problem)
            return
        self._failed = False
        if written:
            self._sync_soon()

    def begin_discard(self, discard: Discard) -> None:
        """Note a discard before its operations are written; see `take_back_discards`. Blocks."""
        if not self.store.newer:
            with contextlib.suppress(
                StorageError
            ):  # then the operations are not written either, and that is told
                self.store.write_blob(DISCARDING, encode_discards([discard]))

    async def end_discard(self) -> None:
        """Remove the note of a discard: the others were told, or it was undone."""
        store = self.store
        if not store.newer:
            with contextlib.suppress(StorageError):
                await asyncio.to_thread(store.write_blob, DISCARDING, b"")

    async def sync(self) -> None:
        """Write and flush everything.

        Raises:
            StorageError: the disk refuses.
        """
        self._saver.write(with_stored=True)
        await asyncio.to_thread(self.store.sync)

    def note_visit(self, visit: LastVisit) -> None:
        """Note what the user has seen, and has still to review. Blocks; what cannot be noted is left out."""
        data = encode_visit(visit)
        if len(data) > BYTES_MAX and visit.apart is not None:
            # The review matters more than the decisions in it.
            data = encode_visit(visit._replace(apart=visit.apart._replace(settled=()), steps=()))
        with contextlib.suppress(StorageError):
            if not (
                self.store.newer or len(data) > BYTES_MAX or is_of_newer(self.store.read_blob(VISIT) or b"")
            ):
                self.store.write_blob(VISIT, data)

    def turn_to(self, pad: Pad) -> None:
        """Keep another pad, of another history, in the same store from now on; `replace` or `write` writes it."""
        self._saver.wait()
        store = self.store
        self._pad = pad
        self._saver = ReadOnlySaver(pad, store) if store.newer else Saver(pad, store, Version())

    def leave(self, pad: Pad, saver: Saver) -> None:
        """Keep another pad in the store of this saver from now on; the present store stays as it is. Blocks."""
        self._saver.wait()
        old = self.store
        self._pad, self._saver = pad, saver
        self._cancel_sync()
        try:
            old.close()
        except StorageError as problem:
            self._tell_not_kept(problem)

    def replace(self) -> None:
        """Replace everything in the store by the present pad. Blocks."""
        try:
            self._saver.compact()
        except StorageError as problem:
            self._tell_not_kept(problem)

    def _replace_lost_store(self) -> None:
        """Write the whole pad into a new journal, because the files of this one were removed or replaced. Blocks.

        Files that replaced them, from a backup for example, are left to the next start.
        """
        self._cancel_sync()
        self.store.abandon()
        try:
            store = unused_slot(self._storage, self._key())
            saver = Saver(self._pad, store, Version(), carried=self.store.carried)
            try:
                saver.compact()
            except StorageError:
                store.abandon()
                raise
        except StorageError as problem:
            if not self._failed:
                self._failed = True
                self._tell_not_kept(problem)
            if self._begun:
                self._timer = asyncio.get_running_loop().call_later(RETRY_S, self._sync)
            return
        self._saver, self._failed = saver, False
        self._tell(
            "The journal of your work on this machine was removed or replaced; a new one was made.", False
        )
        self._settle()

    def move(self, store: Store) -> None:
        """Continue in another store, and delete this one. Blocks on the disk.

        Raises:
            StorageError: nothing has changed.
        """
        self._saver.wait()
        old = self.store
        if old.newer:
            store.close()
            return
        saver = Saver(self._pad, store, Version(), carried=old.carried)
        try:
            saver.write(with_stored=True)
            for name, blob in old.blobs().items():
                store.write_blob(name, blob)
            store.sync()
        except StorageError:
            store.close()
            raise
        self._saver = saver
        self._cancel_sync()
        old.close()
        self._storage.delete(old.name)

    def abandon(self) -> None:
        """Stop flushing, as a crash would. The store stays held."""
        self._begun = False
        self._cancel_sync()

    async def fold_if_long(self) -> None:
        """Compact the journal if it is long (F19).

        Raises:
            StorageError: it is unchanged. The next opening repairs it and reports that.
        """
        if self._saver.wants_compaction():
            await asyncio.to_thread(self._saver.prepare_compaction())

    async def close(self, *, reduces: bool = False) -> None:
        """Flush the journal and release it; with `reduces` without the text, because the user's hub has it.

        Raises:
            StorageError: something was not written.
        """
        self._cancel_sync()
        self._begun = False
        try:
            await self._write_and_close(reduces=reduces)
        except StoreLost:
            self._replace_lost_store()
            await self._write_and_close(reduces=reduces)

    async def _write_and_close(self, *, reduces: bool) -> None:
        try:
            self._saver.write(with_stored=True, closing=True)
            with contextlib.suppress(StorageError):
                if reduces:
                    await asyncio.to_thread(self._saver.reduce)
                else:
                    await self.fold_if_long()
        finally:
            await asyncio.to_thread(self.store.close)

    def _sync_soon(self) -> None:
        if self._timer is None and self._begun:
            self._timer = asyncio.get_running_loop().call_later(SYNC_DELAY_S, self._sync)

    def _cancel_sync(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _sync(self) -> None:
        self._timer = None
        store = self.store
        task = asyncio.get_running_loop().run_in_executor(None, store.sync)

        def synced(done: asyncio.Future[None]) -> None:
            if done.cancelled():
                return
            if (problem := done.exception()) is None:
                if not self._failed:
                    self._settle()
                return
            if store is not self.store or not self._begun:
                return  # closing flushed it already
            if isinstance(problem, StoreLost):
                self._replace_lost_store()
                return
            if not isinstance(problem, StorageError):
                log.error("the journal cannot be flushed", exc_info=problem)
            self._tell(f"Your work is not safe on this machine's disk: {problem}", True)

        task.add_done_callback(synced)

    def _tell_not_kept(self, problem: StorageError) -> None:
        self._tell(f"Your work is not kept on this machine now: {problem}", True)
