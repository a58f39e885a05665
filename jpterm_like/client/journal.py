"""The journal of one opening: everything that is done in it, on this machine, before anybody sees it.

Each opening of a pad at one time has one of its own. What goes wrong with it is told, and never keeps anybody from
writing: the text is in memory, and goes to the server.
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
from jpterm_like.client.hub_store import history
from jpterm_like.errors import JptermError
from jpterm_like.saver import REDUCED, ReadOnlySaver, RestoredPad, Saver, rebuild_reduced, restore
from jpterm_like.storage.base import Storage, StorageError, Store, StoreBusy, StoreLost
from jpterm_like.stores import FILE, journal_name
from jpterm_like.sync.pad import Pad
from jpterm_like.sync.unsaved_work import Discard, decode_discards, encode_discards

log = logging.getLogger("jpterm_like.client.journal")

SYNC_DELAY_S: Final = 0.25
"""The journal is with the system at once, and on the disk after this long."""
RETRY_S: Final = 5.0
"""How long until the next try to begin a journal anew."""
SLOTS_MAX: Final = 64
"""Openings of one document by one user at a time."""


def _may_be_of_another_file(name: str, slot: int) -> bool:
    """Whether release 0.1.0 would have called the journal of another file so."""
    return slot > 1 and name.startswith(FILE) and os.path.lexists(name.removeprefix(FILE))


def free_slot(storage: Storage, key: str) -> Store:
    """The first journal of this address that no other opening holds."""
    for slot in range(1, SLOTS_MAX + 1):
        name = journal_name(key, slot)
        with contextlib.suppress(StoreBusy):
            if not _may_be_of_another_file(name, slot):
                return storage.open(name)
    raise JptermError(f"{key} is open {SLOTS_MAX} times already: close some.")


def unused_slot(storage: Storage, key: str) -> Store:
    """The first journal of this address with nothing in it."""
    for slot in range(1, SLOTS_MAX + 1):
        name = journal_name(key, slot)
        with contextlib.suppress(StoreBusy):
            if not storage.has(name) and not _may_be_of_another_file(name, slot):
                return storage.open(name)
    raise JptermError(f"{key} is open {SLOTS_MAX} times already: close some.")


def held_journals(storage: Storage, key: str, author: str) -> Iterator[tuple[Store, RestoredPad]]:
    """The journals of this address that no opening holds, and what is in them; whoever asks closes them.

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
    """What is in a journal; its text may be in the hub's store alone."""
    kept = restore(store, author=author)
    if kept.buffer is not None or kept.newer or kept.damage or not key.startswith(FILE):
        return kept
    left = store.read_blob(REDUCED)
    if left is None or store.newer:
        return kept
    return rebuild_reduced(left, history(Path(key.removeprefix(FILE))), author=author) or kept


def held_of(storage: Storage, key: str, author: str, server: bytes) -> tuple[Store, RestoredPad] | None:
    """The journal of this address that is of a server, if there is one that no opening holds; the one chosen last.

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
    """When it was decided that this journal is the one to go on with."""
    return 0 if kept.identity is None else kept.identity.chosen_ms


DISCARDING: Final = "discarding"
"""The blob that notes what is being discarded, until the others were told."""


def take_back_discards(saver: Saver, pad: Pad, stores: Iterable[Store]) -> bool:
    """Take back what was discarded just before the end of an opening, which others were not told of; whether there was any.

    Raises:
        StorageError: it cannot be kept.
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
    """Keeps a pad in a store that nobody else holds.

    Args:
        saver: writes the pad into its store.
        storage: where the store is from.
        tell: called with a sentence about what could not be kept.
        key: gives the address under which journals of the pad are found.
    """

    def __init__(
        self, pad: Pad, storage: Storage, saver: Saver, tell: Callable[[str], None], key: Callable[[], str]
    ) -> None:
        self._pad = pad
        self._storage = storage
        self._saver = saver
        self._tell = tell
        self._key = key
        self._timer: asyncio.TimerHandle | None = None
        self._begun = False
        self._failed = False

    @property
    def store(self) -> Store:
        """Where it is kept."""
        return self._saver.store

    def begin(self) -> None:
        """What the pad was made of is written, beside if that takes long, and brought to the disk; in the running loop."""
        self._begun = True
        self._saver.begin_in_thread()
        self._sync_soon()

    def write(self) -> None:
        """Hand everything new to the system, which has it when this returns; the disk has it a moment later."""
        try:
            written = self._saver.write(with_stored=True)
        except StoreLost:
            self._begin_anew()
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
        """Note that unsaved work is discarded, before the operations that do it are written; see `take_back_discards`. Blocks."""
        if not self.store.newer:
            with contextlib.suppress(
                StorageError
            ):  # then the operations are not written either, and that is told
                self.store.write_blob(DISCARDING, encode_discards([discard]))

    async def end_discard(self) -> None:
        """Forget the note: the others were told, or it was taken back."""
        store = self.store
        if not store.newer:
            with contextlib.suppress(StorageError):
                await asyncio.to_thread(store.write_blob, DISCARDING, b"")

    def turn_to(self, pad: Pad) -> None:
        """From now on another pad, of another history, is kept; `replace` or `write` puts it into the store."""
        self._saver.wait()
        store = self.store
        self._pad = pad
        self._saver = ReadOnlySaver(pad, store) if store.newer else Saver(pad, store, Version())

    def leave(self, pad: Pad, saver: Saver) -> None:
        """From now on another pad is kept, by this saver in a store of its own; what is kept so far stays as it is. Blocks."""
        self._saver.wait()
        old = self.store
        self._pad, self._saver = pad, saver
        self._cancel_sync()
        try:
            old.close()
        except StorageError as problem:
            self._tell_not_kept(problem)

    def replace(self) -> None:
        """Put the pad as it is into the place of everything in the store. Blocks."""
        try:
            self._saver.compact()
        except StorageError as problem:
            self._tell_not_kept(problem)

    def _begin_anew(self) -> None:
        """Keep the pad, whole, in another journal: the files of this one were removed or replaced. Blocks.

        What is in their place, from a backup say, is left to the next start.
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
        self._tell("The journal of your work on this machine was removed or replaced; it was made anew.")

    def move(self, store: Store) -> None:
        """Go on in another store, and delete this one. Blocks on the disk.

        Raises:
            StorageError: all is as before.
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
        """Bring nothing more to the disk. The store stays held."""
        self._begun = False
        self._cancel_sync()

    async def fold_if_long(self) -> None:
        """Keep the journal short (F19).

        Raises:
            StorageError: it is as before. The next opening mends it, and tells.
        """
        if self._saver.wants_compaction():
            await asyncio.to_thread(self._saver.prepare_compaction())

    async def close(self, *, reduces: bool = False) -> None:
        """Bring it to the disk and let go of it; with `reduces` without the text, which my hub has.

        Raises:
            StorageError: something was not written.
        """
        self._cancel_sync()
        self._begun = False
        try:
            await self._write_and_close(reduces=reduces)
        except StoreLost:
            self._begin_anew()
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
            if done.cancelled() or (problem := done.exception()) is None:
                return
            if store is not self.store or not self._begun:
                return  # it was closed meanwhile, and was brought to the disk by that
            if isinstance(problem, StoreLost):
                self._begin_anew()
                return
            if not isinstance(problem, StorageError):
                log.error("the journal cannot be brought to the disk", exc_info=problem)
            self._tell(f"Your work is not safe on this machine's disk: {problem}")

        task.add_done_callback(synced)

    def _tell_not_kept(self, problem: StorageError) -> None:
        self._tell(f"Your work is not kept on this machine now: {problem}")
