"""Look after open documents in the background: autosave, compaction, outside changes, expiry of presence."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from jpterm_like.errors import JptermError
from jpterm_like.files.watch import Watcher
from jpterm_like.server.broadcast import Broadcast
from jpterm_like.server.connections import OpenDocument
from jpterm_like.server.file_list import FileList
from jpterm_like.server.group_commit import GroupCommit
from jpterm_like.server.tasks import Tasks
from jpterm_like.storage.base import StorageError, StoreLost

SAVE_RETRY_S: Final = 5.0
"""Delay before the next try after a plain file could not be written."""
SAVE_AT_LATEST: Final = 10
"""Autosave at the latest after this many pauses, even if nobody stops typing."""
HOUSEKEEPING_S: Final = 5.0
"""Interval between two rounds of housekeeping; autosave is looked at more often."""
FOLLOW_S: Final = 0.05
"""Delay before the watcher is told of openings. It looks at all files then, which for each opening would be a square."""

log = logging.getLogger("jpterm_like.server.server")


class Upkeep:
    """Housekeeping of all open documents.

    Args:
        documents: those that are open, by their names; it is read, never changed.
        files: dropped by housekeeping when it is old.
        watcher: says when to look for outside changes; None: they are only noticed when a file is opened or saved.
        autosave_s: write the plain file this long after the last change; None: only when a client saves.
    """

    def __init__(
        self,
        documents: Mapping[str, OpenDocument],
        commits: GroupCommit,
        broadcast: Broadcast,
        files: FileList,
        tasks: Tasks,
        *,
        watcher: Watcher | None,
        autosave_s: float | None,
    ) -> None:
        self._documents = documents
        self._commits = commits
        self._broadcast = broadcast
        self._files = files
        self._tasks = tasks
        self._watcher = watcher
        self._autosave_s = autosave_s
        self._following: asyncio.TimerHandle | None = None

    @property
    def autosaves(self) -> bool:
        """Whether plain files are written without a request."""
        return self._autosave_s is not None

    def note_change(self, opened: OpenDocument) -> None:
        """Begin the pause after which a document is saved; the text has just changed."""
        now = asyncio.get_running_loop().time()
        if opened.changed_at is None:
            opened.unsaved_since = now
        opened.changed_at = now

    async def run_housekeeping(self) -> None:
        """Look after all documents, for ever."""
        loop = asyncio.get_running_loop()
        expired_at = loop.time()
        step = (
            HOUSEKEEPING_S
            if self._autosave_s is None
            else max(0.05, min(HOUSEKEEPING_S, self._autosave_s / 4))
        )
        while True:
            await asyncio.sleep(step)
            now = loop.time()
            for opened in list(self._documents.values()):
                if self._is_save_due(opened, now):
                    opened.is_file_busy = True
                    self._tasks.start(self._autosave(opened))
            if now - expired_at >= HOUSEKEEPING_S:
                expired_at = now
                self._files.expire(now)
                for opened in self._documents.values():
                    self._commits.request(opened)  # notices a removed store also where nobody writes
                    if opened.document.pad.presences.expire(now):
                        self._broadcast.note(opened)
                    if not opened.is_file_busy:
                        self.compact_if_long(opened)

    def _is_save_due(self, opened: OpenDocument, now: float) -> bool:
        if self._autosave_s is None or opened.changed_at is None or opened.is_file_busy:
            return False
        pause = self._autosave_s * (1 << opened.document.contests)
        return now - opened.changed_at >= pause or now - opened.unsaved_since >= SAVE_AT_LATEST * pause

    async def autosave_all(self) -> None:
        """Autosave every document now."""
        if self.autosaves:
            for opened in list(self._documents.values()):
                await self._autosave(opened)

    async def _autosave(self, opened: OpenDocument) -> None:
        opened.changed_at = None
        try:
            await self._commits.with_store(opened, opened.document.autosave)
        except JptermError as problem:
            opened.document.report_unwritable(problem)
            opened.changed_at = opened.unsaved_since = asyncio.get_running_loop().time() + SAVE_RETRY_S
        finally:
            opened.is_file_busy = False

    def compact_if_long(self, opened: OpenDocument) -> None:
        """Replace the log by a snapshot if it has grown long: a document may stay open for months (F19)."""
        saver = opened.document.saver
        if opened.compaction is None and saver.wants_compaction():
            with contextlib.suppress(StoreLost):  # the commit that was requested finds that, too
                opened.compaction = self._tasks.start(self._compact(opened, saver.prepare_compaction()))

    async def _compact(self, opened: OpenDocument, compact: Callable[[], None]) -> None:
        try:
            await asyncio.to_thread(compact)
        except StorageError as problem:
            # Not tried again in this opening: the next one reads everything, and repairs what it can.
            log.error("%s", problem)
        else:
            opened.compaction = None

    def watch_files(self) -> None:
        """Have the watcher follow the plain files of the documents that are open, in a moment: once for a crowd of openings."""
        if self._watcher is not None and self._following is None:
            self._following = asyncio.get_running_loop().call_later(FOLLOW_S, self._follow, self._watcher)

    def _follow(self, watcher: Watcher) -> None:
        self._following = None
        watcher.follow([opened.document.path for opened in self._documents.values()])

    async def run_watch(self) -> None:
        """Have each document read its plain file when that seems to have changed, for ever."""
        assert self._watcher is not None
        while True:
            await self._watcher.wait()
            documents = [opened for opened in self._documents.values() if not opened.is_file_busy]
            changed, turned = await asyncio.to_thread(_look_at, documents)
            for opened in turned:
                if opened.is_open:
                    opened.document.notify_protection()
            for opened in documents:
                document = opened.document
                if opened.is_file_busy or not (opened in changed or document.watches_replaced_files):
                    continue
                opened.is_file_busy = True
                if opened in changed:
                    self._tasks.start(self._read_changes(opened))
                else:
                    self._tasks.start(self._read_file(opened, document.read_replaced_files()))

    async def _read_changes(self, opened: OpenDocument) -> None:
        await self._read_file(opened, opened.document.read_changes())

    async def _read_file(self, opened: OpenDocument, reading: Awaitable[None]) -> None:
        """Have a document read what other programs wrote; what comes of it is saved by autosave."""
        try:
            await reading
        finally:
            opened.is_file_busy = False
        if opened.is_open and opened.changed_at is None and not opened.document.is_saved:
            self.note_change(opened)


def _look_at(documents: list[OpenDocument]) -> tuple[set[OpenDocument], list[OpenDocument]]:
    """Return the documents whose files seem changed, and those whose files may be written now or no longer. Blocks."""
    changed = {opened for opened in documents if opened.document.seems_changed()}
    return changed, [opened for opened in documents if opened.document.load_protection()]
