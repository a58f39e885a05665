"""The documents that are open, each once: opening, renaming and closing them.

A document whose file was replaced by another document's gets a name of its own here; see `server.absence`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from jpterm_like.errors import JptermError
from jpterm_like.files.read import FileProblem, is_there
from jpterm_like.files.write import LEFTOVER_S, remove_leftovers
from jpterm_like.server import rename
from jpterm_like.server.absence import FORMER_MAX, former_name
from jpterm_like.server.broadcast import Broadcast
from jpterm_like.server.connections import Connection, OpenDocument
from jpterm_like.server.document import Document, write_in_slices
from jpterm_like.server.document_names import DocumentNames
from jpterm_like.server.group_commit import GroupCommit
from jpterm_like.server.load_document import open_document, restart_history
from jpterm_like.server.moderation import Moderation
from jpterm_like.server.shared_folder import SharedFiles
from jpterm_like.server.shared_texts import SharedTexts
from jpterm_like.server.stored_document import open_stored_document
from jpterm_like.server.tasks import Tasks
from jpterm_like.server.upkeep import SAVE_RETRY_S, Upkeep
from jpterm_like.storage.base import Storage, StorageError

CLOSED_BYTES: Final = 32 * 1024
"""About how much memory a closed document leaves to the garbage collector, besides its text, as read and as written last and now."""
SITE_BYTES: Final = 256
"""The same for each site that wrote in it, which is in several versions; the history itself is freed at once."""
CLOSE_RETRY_S: Final = 5.0
"""Delay before the next try to close an unused document that the disk did not take."""
LEFTOVER_TRIES: Final = 3
"""How often a folder is searched for files that killed saves have left, while some are too young to judge."""

log = logging.getLogger("jpterm_like.server.server")


class OpenDocuments:
    """Opens, renames and closes documents.

    Args:
        by_name: where the open documents are kept; nobody else changes it.
        names: finds names and holds their locks.
        files: what is shared.
        storage: where the stores are.
    """

    def __init__(
        self,
        by_name: dict[str, OpenDocument],
        names: DocumentNames,
        files: SharedFiles,
        storage: Storage,
        commits: GroupCommit,
        broadcast: Broadcast,
        upkeep: Upkeep,
        moderation: Moderation,
        tasks: Tasks,
    ) -> None:
        self.by_name = by_name
        self._names = names
        self._files = files
        self._storage = storage
        self._commits = commits
        self._broadcast = broadcast
        self._upkeep = upkeep
        self._moderation = moderation
        self._tasks = tasks
        self._has_stored_texts = isinstance(files, SharedTexts)
        """Whether the texts are in the storage and in no files."""
        self._cleaned: set[Path] = set()
        """Folders that were searched for files that killed saves have left."""
        self.is_draining = False
        """Whether the server is stopping: then only `close_all` closes documents."""
        self.failed_to_close: set[str] = set()
        """Names of documents that were closed while something of them was in no file, or not stored."""
        self.garbage_bytes = 0
        """About how much memory closed documents have left to the garbage collector; whoever runs it sets this back to 0."""

    # ------------------------------------------------------------------ opening

    async def open(self, name: str, path: Path) -> OpenDocument:
        """The open document of that name; it is loaded once however many ask at the same time (F33).

        Raises:
            StoreBusy: another server holds the store.
            JptermError: it cannot be opened.
        """
        async with self._names.lock_of(name):
            opened = self.by_name.get(name)
            if opened is None:
                loading = asyncio.ensure_future(self._load(name, path))
                try:
                    opened = await asyncio.shield(loading)
                except asyncio.CancelledError:
                    # The connection that asked has ended. The loading threads cannot be stopped, and nobody may open the
                    # document before they are done.
                    with contextlib.suppress(JptermError):
                        self._tasks.start(self.close_if_unused(await loading))
                    raise
            return opened

    async def _load(self, name: str, path: Path) -> OpenDocument:
        if await self._names.renamed_to(name) is not None:
            await self._names.release(name)
        store = await asyncio.to_thread(self._storage.open, name)
        try:
            load = open_stored_document if self._has_stored_texts else open_document
            document, damage = await asyncio.to_thread(load, name, path, self._files.root, store)
        except BaseException:
            await asyncio.to_thread(store.close)
            raise
        self._tasks.start(self._remove_leftovers(path.parent))
        for sentence in damage:
            log.warning("%s: %s", name, sentence)
        opened = self._register(document)
        if document.is_due:
            # Before anybody can write here: later it would save their words too.
            try:
                await self._commits.with_store(opened, document.autosave)
            except JptermError as problem:
                document.report_unwritable(problem)
        if not document.is_replaced:
            return opened
        try:
            await self._rename_to_former(opened)
        finally:
            self.close_soon_if_unused(opened)
        anew = await self._load(name, path)
        anew.document.remarks.append(
            f"This is another file than the {path.name} that was here before; the text of that one is kept as {document.path.name}."
        )
        return anew

    def _register(self, document: Document) -> OpenDocument:
        opened = self.by_name[document.name] = OpenDocument(document)
        self._names.note_identity(document)
        document.notify = _notifier(opened)
        document.on_form = lambda: _tell_form(opened)
        document.on_access = lambda: self._moderation.recheck(opened)
        document.on_replaced = lambda: self._rename_replaced_soon(opened)
        document.on_written = lambda: self._commits.request(opened)
        document.pad.on_news.append(lambda: self._broadcast.note(opened))
        document.pad.on_patch.append(lambda patch, origin: self._upkeep.note_change(opened))
        if document.records is not None:
            document.records.pad.on_news.append(lambda: self._broadcast.note(opened))
            document.records.on_result.append(lambda: self._upkeep.note_change(opened))
        if not document.is_saved:
            self._upkeep.note_change(opened)
        self._broadcast.note(opened)
        self._commits.request(opened)  # edits that came from the plain file while it was opened
        self._upkeep.watch_files()
        return opened

    async def _remove_leftovers(self, folder: Path) -> None:
        """Remove the files that killed saves have left in a folder, once: a running server removes its own."""
        if folder in self._cleaned:
            return
        self._cleaned.add(folder)
        for _ in range(LEFTOVER_TRIES):
            try:
                if not await asyncio.to_thread(remove_leftovers, folder, inside=self._files.root):
                    return
            except FileProblem:
                break
            await asyncio.sleep(LEFTOVER_S)
        self._cleaned.discard(folder)  # the next opening tries again

    # ------------------------------------------------------------------ renaming

    async def rename(self, connection: Connection, opened: OpenDocument, to: str) -> None:
        """Rename a document for a connection: the plain file, the store, and everyone in it move to the new name.

        Raises:
            JptermError: it keeps its name.
        """
        document, root = opened.document, self._files.root
        old = document.name
        self._moderation.check_may_name(connection, old, document.path)
        if root is not None:  # before looking at what is there
            self._moderation.check_may_name(connection, to, root.path / to)
        path = self._files.path_of(to)
        new = self._names.name_of(path)
        self._moderation.check_may_name(connection, new, path)
        if new == old:
            raise JptermError(f"{old} is called so already.")
        who = connection.link.peer_name or "Somebody"
        await self.rename_as(opened, new, path, who, besides=connection)
        log.info("renamed", extra={"who": connection.rights.who, "person": who, "pad": old, "to": new})

    async def rename_as(
        self, opened: OpenDocument, new: str, path: Path, who: str, *, besides: Connection | None = None
    ) -> None:
        """Rename a document and tell everybody in it, but `besides`, who did it.

        Raises:
            JptermError: it keeps its name.
        """
        document, old = opened.document, opened.document.name
        await self._names.recover(new)
        async with self._names.locks_of(old, new):
            if document.name != old or not opened.is_open:
                raise JptermError(f"{old} has another name by now.")
            if new in self.by_name or await self._names.is_taken(new, path, document.path):
                await self._rename_deleted(new, path)
            await self._commits.with_store(opened, document.save)
            await self._move(opened, new, path, has_file=not self._has_stored_texts)
        self._announce_name(opened)
        was, now = self._names.display_name(old), self._names.display_name(new)
        for other, number in opened.members:
            if other is not besides and number in other.link.channels:
                other.link.notify(number, f"{who} renamed {was} to {now}.", serious=False)
                other.wake()

    def _announce_name(self, opened: OpenDocument) -> None:
        """Have every connection go on under the name that the document has now, if its role there is the same."""
        for connection, number in list(opened.members):
            if self._moderation.role(connection, opened) != connection.roles[number]:
                self._moderation.end_for_new_rights(connection)
            elif number in connection.link.channels:  # a channel that waits for its turn gets the name later
                connection.link.notify_renamed(number, connection.mount.client_name(opened.document.name))
            connection.wake()

    async def rename_deleted(self, name: str, path: Path) -> Path:
        """Rename a document whose file was deleted, so that another can have its name; return the path that it has now.

        Raises:
            JptermError: the document has a file, or never had one.
        """
        async with self._names.lock_of(name):
            return await self._rename_deleted(name, path)

    async def _rename_deleted(self, name: str, path: Path) -> Path:
        """The same for a caller who holds the name's lock.

        Raises:
            JptermError: the document has a file, or never had one.
        """
        taken = JptermError(f"{name} is there already.")
        if await asyncio.to_thread(is_there, path, self._files.root):
            raise taken
        other = self.by_name.get(name) or await self._load(name, path)
        try:
            if not other.document.is_missing:
                raise taken
            await self._rename_to_former(other)
            return other.document.path
        finally:
            if not other.members:
                self.close_soon_if_unused(other)

    async def _rename_to_former(self, opened: OpenDocument) -> None:
        """Rename a document without a file to "notes (former).md": its name is another document's. Everyone in it goes
        along, and clients that were away find it by its identity. The caller holds the lock of its name.

        Raises:
            JptermError: it keeps its name.
        """
        document, was = opened.document, opened.document.name
        for number in range(1, FORMER_MAX + 1):
            path = self._files.path_of(former_name(was, number))
            name = self._names.name_of(path)
            lock = self._names.lock_of(name)
            if lock.locked():  # its holder may wait for the lock that we hold
                continue
            async with lock:
                if name in self.by_name or await self._names.is_taken(name, path, document.path):
                    continue
                await self._move(opened, name, path, has_file=False)
                log.warning("%s is another document now; the former one is %s.", was, name)
                self._announce_name(opened)
                if document.unreadable is not None:
                    document.notify(document.unreadable, True)
                return
        raise JptermError(f"There are {FORMER_MAX} former texts of {was}.")

    async def _rename_replaced(self, opened: OpenDocument) -> None:
        """Give an open document whose file was replaced by another one a former name; if that fails, try again later."""
        name = opened.document.name
        async with self._names.lock_of(name):
            if name != opened.document.name or not opened.is_open or not opened.document.is_replaced:
                return
            try:
                await self._rename_to_former(opened)
            except JptermError as problem:
                opened.document.notify(f"Another file is called {name} now. {problem}", True)
                asyncio.get_running_loop().call_later(SAVE_RETRY_S, self._rename_replaced_soon, opened)

    def _rename_replaced_soon(self, opened: OpenDocument) -> None:
        if not self.is_draining:
            self._tasks.start(self._rename_replaced(opened))

    async def _move(self, opened: OpenDocument, new: str, path: Path, *, has_file: bool) -> None:
        """Move a document while no other task uses its file, which is moved along. The caller holds the locks of both names."""
        opened.is_file_busy = True
        try:
            if opened.compaction is not None:
                await asyncio.wait((opened.compaction,))
            await self._move_store_and_file(opened, new, path, has_file=has_file)
        finally:
            opened.is_file_busy = False

    async def _move_store_and_file(
        self, opened: OpenDocument, new: str, path: Path, *, has_file: bool
    ) -> None:
        document, storage = opened.document, self._storage
        move = rename.Move(document.name, new, 0, 0)
        if has_file:
            move = await asyncio.to_thread(
                rename.Move.of, document.name, new, document.path, self._files.root
            )
        former = document.saver.store
        await self._names.release(new)  # it may lead on to a later name
        store = await asyncio.to_thread(storage.open, new)
        async with self._commits.lock:
            try:
                await asyncio.to_thread(rename.begin, move, former, store)
                if has_file:
                    await document.move(new, path, store)
                else:
                    await document.become_former(
                        new, path, store, partial(rename.note_new_name, move, former)
                    )
            except BaseException:
                with contextlib.suppress(StorageError):
                    await asyncio.to_thread(store.close)
                with contextlib.suppress(StorageError):  # else recovery undoes it at the next start
                    await asyncio.to_thread(rename.roll_back, storage, move, former)
                raise
            self.by_name[new] = self.by_name.pop(move.old)
            self._names.note_identity(document)
            await self._commits.commit_locked([opened])
        self._upkeep.watch_files()
        try:
            await asyncio.to_thread(rename.finish, move, former, store)
            await asyncio.to_thread(former.close)
        except StorageError as problem:
            log.error("%s", problem)  # recovery finishes it
            await asyncio.to_thread(former.abandon)

    # ------------------------------------------------------------------ closing

    def close_soon_if_unused(self, opened: OpenDocument) -> None:
        """Close a document in the background once nobody has it open and it is stored."""
        if not self.is_draining:
            self._tasks.start(self.close_if_unused(opened))

    async def close_if_unused(self, opened: OpenDocument) -> None:
        """As `close_soon_if_unused`, now.

        A document that cannot be written to the disk stays open: a script that made the change has no copy of it. So does a
        document whose replaced file another program still writes to: nobody else reads those writes.
        """
        name = ""
        while name != opened.document.name:  # it may be renamed while we wait
            name = opened.document.name
            async with self._names.lock_of(name):
                if name == opened.document.name and not opened.members and opened.is_open:
                    await self._take_late_writes(opened)
                    await self._commits.commit(opened)
                    is_written = await asyncio.to_thread(opened.document.has_writers_of_replaced_files)
                    if not opened.is_open:
                        pass  # another node has taken it meanwhile
                    elif opened.runner is not None and opened.runner.is_busy:
                        pass  # it says so when it is done
                    elif opened.document.is_stored and not is_written:
                        await self._close(opened)
                    else:
                        asyncio.get_running_loop().call_later(
                            CLOSE_RETRY_S, self.close_soon_if_unused, opened
                        )

    async def close_all(self) -> None:
        """Close every document, also those that are being opened or closed just now."""
        for name in self.by_name.keys() | self._names.locked:
            await self.close(name)

    async def close(self, name: str) -> None:
        """Close a document now, if it is open, whoever is in it."""
        async with self._names.lock_of(name):
            if name in self.by_name:
                await self._take_late_writes(self.by_name[name])
                await self._close(self.by_name[name])

    async def _take_late_writes(self, opened: OpenDocument) -> None:
        """Merge what other programs wrote to the file that the last save replaced; if that is all that the new file lacks, save it.

        A document that is opened for one save, as by a sync, is closed before the next look at its files.
        """
        document = opened.document
        was_saved = document.is_saved
        await document.read_replaced_files()
        if was_saved and not document.is_saved:
            try:
                await self._commits.with_store(opened, document.autosave)
            except JptermError as problem:
                log.warning("%s", problem)

    async def restart_history(self, opened: OpenDocument, name: str) -> None:
        """Close a document and let its history begin anew with its text of now.

        Raises:
            JptermError: it was not done.
        """
        async with self._names.lock_of(name):
            await self._commits.commit(opened)
            if not opened.is_open or opened.document.name != name or not opened.document.is_stored:
                raise JptermError(
                    f"The history of {name} was not begun anew: its text is not stored yet, or it has another name. Try again."
                )
            await self._close(opened)
            await asyncio.to_thread(restart_history, self._storage, name)

    async def drop_lost(self, opened: OpenDocument) -> bool:
        """Close a document whose store was lost, and leave its pad as it is; return whether it was open. The caller holds the lock of the
        group commit."""
        if not opened.is_open:
            return False
        del self.by_name[opened.document.name]
        opened.is_open = False
        self._upkeep.watch_files()
        await asyncio.to_thread(opened.document.saver.store.abandon)
        return not self.is_draining

    async def _close(self, opened: OpenDocument) -> None:
        """Bring a document to the disk and close it. The caller holds the lock of its name, so nobody opens it meanwhile."""
        document = opened.document
        if opened.runner is not None:
            await opened.runner.close()
        try:
            if self._upkeep.autosaves:
                await self._commits.with_store(opened, document.autosave)
            self.failed_to_close.discard(document.name)
        except JptermError as problem:
            log.warning("%s", problem)
            self.failed_to_close.add(document.name)
        try:
            await write_in_slices(document.saver)
            self._upkeep.compact_if_long(opened)
            if opened.compaction is not None:
                await asyncio.wait((opened.compaction,))
        except StorageError as problem:
            log.error("%s", problem)
        async with (
            self._commits.lock
        ):  # a commit that is under way uses the store, the next one leaves it out
            if not opened.is_open:
                return
            del self.by_name[document.name]
            opened.is_open = False
        buffer = document.pad.buffer
        self.garbage_bytes += CLOSED_BYTES + 4 * len(buffer) + SITE_BYTES * len(buffer.version)
        self._upkeep.watch_files()
        try:
            await document.close()
            if document.is_saved and document.is_stored and not self._files.keeps(document.path):
                await asyncio.to_thread(self._storage.delete, document.name)
        except StorageError as problem:
            log.error("%s", problem)
            self.failed_to_close.add(document.name)
        if not document.is_stored:
            log.error("%s was closed, and its last changes are not stored.", document.name)
            self.failed_to_close.add(document.name)
        if not self.is_draining:  # else its operations may still have to be sent
            buffer.release()


def _tell_form(opened: OpenDocument) -> None:
    document = opened.document
    for connection, number in opened.members:
        if number in connection.link.channels:
            connection.link.tell_form(number, **document.form._asdict(), is_there=document.is_there)
            connection.wake()


def _notifier(opened: OpenDocument) -> Callable[[str, bool], None]:
    def notify(sentence: str, serious: bool) -> None:
        for connection, number in opened.members:
            if number in connection.link.channels:  # a channel that waits for its turn gets the warnings then
                connection.link.notify(number, sentence, serious=serious)
                connection.wake()

    return notify
