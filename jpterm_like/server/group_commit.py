"""Bring the histories of all documents to the disk together; only then is anything called stored.

The first commit after silence comes at once, the others at intervals that grow with the number of documents and, in a busy
process, ten times as fast: a flush costs about the same for one key as for a hundred.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from jpterm_like.errors import NOT_STORED, JptermError
from jpterm_like.files.read import problem_of
from jpterm_like.files.root import Root
from jpterm_like.server.connections import OpenDocument
from jpterm_like.server.document import write_in_slices
from jpterm_like.storage.base import FLUSH_PAUSE_S, Storage, StorageError, StoreLost, SyncFailed

COMMIT_RETRY_S: Final = 1.0
"""Delay before the next try after the disk refused."""

log = logging.getLogger("jpterm_like.server.server")


class GroupCommit:
    """Writes open documents into their stores and flushes the stores.

    Args:
        storage: where the stores are.
        root: the shared folder, if there is one; without it no lost store is made anew, for that would be in another folder.
        cpu_clock: the time that this process has computed so far, in seconds.
    """

    def __init__(self, storage: Storage, root: Root | None, cpu_clock: Callable[[], float]) -> None:
        self._storage = storage
        self._root = root
        self._cpu_clock = cpu_clock
        self._requested: dict[OpenDocument, None] = {}
        self._has_requests = asyncio.Event()
        self.on_lost: Callable[[OpenDocument], Awaitable[None]] | None = None
        """With other nodes: called with a document whose store was lost, while the lock is held. It is not made anew then, because another
        node may own it."""
        self.lock = asyncio.Lock()
        """Held during a commit. While somebody else holds it, no store is in use here."""

    @property
    def requested_count(self) -> int:
        """Number of documents that the next commit will bring to the disk."""
        return len(self._requested)

    def request(self, opened: OpenDocument) -> None:
        """Have the next commit bring a document to the disk."""
        self._requested[opened] = None
        if opened.unstored_since is None:
            opened.unstored_since = asyncio.get_running_loop().time()
        self._has_requests.set()

    async def run(self) -> None:
        """Commit what is requested, for ever."""
        loop = asyncio.get_running_loop()
        ended_at, computed_s = loop.time(), self._cpu_clock()
        while True:
            await self._has_requests.wait()
            async with self.lock:
                self._has_requests.clear()
                count = await self._commit_requested()
            since, ended_at = ended_at, loop.time()
            before_s, computed_s = computed_s, self._cpu_clock()
            load = (computed_s - before_s) / max(FLUSH_PAUSE_S, ended_at - since)
            await asyncio.sleep(self._storage.pause_after(count, load))

    async def _commit_requested(self) -> int:
        """Commit all requested documents and return their number."""
        documents = [opened for opened in self._requested if opened.is_open]
        self._requested.clear()
        try:
            await self.commit_locked(documents)
        except Exception:
            # A bug of ours, which `restart_on_failure` logs. The documents must not be forgotten because of it.
            for opened in documents:
                self.request(opened)
            raise
        return len(documents)

    async def commit(self, opened: OpenDocument) -> None:
        """Bring one document to the disk, as far as the disk lets us; does nothing once it is closed."""
        async with self.lock:
            if opened.is_open:
                await self.commit_locked([opened])

    async def commit_all(self, documents: Iterable[OpenDocument]) -> None:
        """The same for several at once."""
        async with self.lock:
            await self.commit_locked([opened for opened in documents if opened.is_open])

    async def commit_locked(self, documents: list[OpenDocument]) -> None:
        """The same for a caller that holds the lock."""
        for opened in documents:
            await self._write(opened)
        await self._sync([opened for opened in documents if opened.is_open])  # some may be lost by now

    async def with_store(self, opened: OpenDocument, save: Callable[[], Awaitable[None]]) -> None:
        """Save a document; if that finds its store lost, make the store anew and save again."""
        try:
            await save()
        except StoreLost:
            await self.commit(opened)
            await save()

    async def _write(self, opened: OpenDocument) -> None:
        """Hand new operations to the operating system. Not at each tick: before the flush nobody gains by it."""
        try:
            await write_in_slices(opened.document.saver)
        except StoreLost:
            await self._recreate_store(opened)
        except Exception as problem:
            if not isinstance(problem, StorageError):
                # A bug of ours concerns this document alone: the others of the commit are stored all the same.
                log.exception("%s cannot be written", opened.document.name)
                problem = JptermError("jpterm-like made a mistake.")
            self._report_not_stored(opened, problem)

    async def _sync(self, documents: list[OpenDocument]) -> None:
        """Flush the stores; afterwards these documents are stored up to what was written before."""
        written = {
            saver.store: (opened, saver.written, saver.records_written)
            for opened in documents
            for saver in (opened.document.saver,)
        }
        try:
            await self._storage.sync(list(written))
        except SyncFailed as problem:
            for store, reason in problem.failures:
                opened, _, _ = written.pop(store)
                if isinstance(reason, StoreLost):
                    await self._recreate_store(opened)
                else:
                    self._report_not_stored(opened, reason)
        for opened, version, of_records in written.values():
            opened.document.pad.mark_stored(version)
            opened.unstored_since = None
            if opened.document.records is not None:
                opened.document.records.pad.mark_stored(of_records)

    def _report_not_stored(self, opened: OpenDocument, problem: JptermError) -> None:
        """Notify everyone in the document, and try again after COMMIT_RETRY_S."""
        opened.document.notify(
            f"{NOT_STORED}{problem} Your text is kept in memory here and on your side.", True
        )
        asyncio.get_running_loop().call_later(COMMIT_RETRY_S, self.request, opened)

    async def _recreate_store(self, opened: OpenDocument) -> None:
        """Store an open document again, whole: the files of its store were removed or replaced.

        A store that is there now is merged in if it has the same history (a restored backup); otherwise it is moved aside.
        The caller holds the lock.
        """
        document = opened.document
        if self.on_lost is not None:
            await self.on_lost(opened)
            return
        if self._root is not None:
            try:
                await asyncio.to_thread(self._root.check)
            except OSError as problem:
                # The whole folder is gone. A store made at its path now would be another folder's, or hidden by a mount later.
                self._report_not_stored(opened, problem_of(self._root.path, problem, "cannot be reached"))
                return
        await asyncio.to_thread(document.saver.store.abandon)
        try:
            store = await asyncio.to_thread(self._storage.open, document.name)
            try:
                if not await document.merge_store(store):
                    await asyncio.to_thread(store.abandon)
                    await asyncio.to_thread(self._storage.set_aside, document.name)
                    store = await asyncio.to_thread(self._storage.open, document.name)
                await document.copy_to(store)
            except BaseException:
                await asyncio.to_thread(store.abandon)
                raise
        except StorageError as problem:
            sentence = (
                f"The store of {document.name} was removed or replaced, and cannot be made anew: {problem}"
            )
            self._report_not_stored(opened, StorageError(sentence))
            return
        if opened.compaction is not None:
            await asyncio.wait((opened.compaction,))  # it was about the files that are gone
            opened.compaction = None
        sentence = f"The store of {document.name} was removed or replaced; it was made anew, with all of its history."
        log.warning("%s", sentence)
        document.notify(sentence, True)
        self.request(opened)
