"""Bring the texts of a folder and the packs of its collection together: write what packs lack into new ones, take in what came.

The command `sync` asks for it, before and after it exchanges packs with a place (`places.exchange`). It holds the collection's lock
meanwhile, so here is the only process that uses the mirror. What packs say about documents is kept in a cache (`packs.documents`);
without it, all packs are read again, which changes nothing.

Here is the order in which documents are looked at. Which file a document has is decided in `collection_files`, what its text and packs lack of
each other in `collection_texts`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Final, TypeVar

from crdt import ForeignOp
from jpterm_like import clock
from jpterm_like.access.discovery import STORE_FOLDER
from jpterm_like.collection import Collection, collection_folder, load
from jpterm_like.errors import JptermError, escape_for_terminal
from jpterm_like.files.carriers import carrier_of
from jpterm_like.files.read import FileProblem, NotText, read_plain
from jpterm_like.files.write import move_plain
from jpterm_like.packs import records
from jpterm_like.packs.records import Birth
from jpterm_like.server.carry_outcome import Outcome
from jpterm_like.server.collection_files import CollectionFiles
from jpterm_like.server.collection_packs import CollectionPacks
from jpterm_like.server.collection_stores import CollectionStores
from jpterm_like.server.collection_texts import CollectionTexts
from jpterm_like.server.connections import OpenDocument
from jpterm_like.server.document_names import DocumentNames
from jpterm_like.server.group_commit import GroupCommit
from jpterm_like.server.joined_documents import JoinedDocuments
from jpterm_like.server.new_documents import NewDocuments
from jpterm_like.server.open_documents import OpenDocuments
from jpterm_like.server.shared_folder import SharedFiles, SharedFolder
from jpterm_like.storage.base import Storage

AT_ONCE: Final = 4
"""New documents that are looked at side by side. A few threads are left to people who save meanwhile."""
PROGRESS_S: Final = 0.2
"""Interval between two reports of progress."""
PUT_AWAY: Final = "merged"
"""The folder in `STORE_FOLDER` for copies that carriers made of files."""
NO_NAME: Final = (-1, "")
"""A name that was applied to no file: the document gets its name as soon as that is free."""

_T = TypeVar("_T")


class Carrying:
    """Carries the texts of collections, one at a time.

    Args:
        state: this user's state folder, where the collections' notes and mirrors are.
    """

    def __init__(
        self,
        state: Path,
        documents: OpenDocuments,
        names: DocumentNames,
        files: SharedFiles,
        storage: Storage,
        commits: GroupCommit,
    ) -> None:
        self._state = state
        self._documents = documents
        self._names = names
        self._files = files
        self._storage = storage
        self._commits = commits
        self._turn = asyncio.Lock()

    async def carry(self, collection: bytes, folder: Path, report: Callable[[int, int], None]) -> Outcome:
        """Bring a folder's texts and the packs of its collection together.

        Args:
            report: called now and then with the number of documents that were looked at, and of all.

        Raises:
            JptermError: it cannot be done; the next call goes on from here.
        """
        async with self._turn:
            place = collection_folder(self._state, collection, folder)
            known = await asyncio.to_thread(load, place)
            if known is None or known.folder != folder or known.collection != collection:
                raise JptermError(
                    f"The server of {escape_for_terminal(folder)} has another state folder, and knows nothing of this sync."
                )
            root = self._files.root
            if root is not None and not folder.is_relative_to(root.path):
                raise JptermError(
                    f"{escape_for_terminal(folder)} is not in the folder that this server shares."
                )
            shared = await asyncio.to_thread(SharedFolder, folder)
            outcome = Outcome()
            packs = CollectionPacks(place, known, outcome.tell)
            await asyncio.to_thread(packs.begin)
            stores = CollectionStores(self._storage, collection)
            files = CollectionFiles(
                collection, packs, stores, self._documents, self._names, self._files, shared, outcome
            )
            joined = JoinedDocuments(packs)
            carrier = await asyncio.to_thread(carrier_of, folder)
            texts = CollectionTexts(known.lane, packs, stores, joined, files, self._commits, outcome, carrier)
            return await _Run(self, known, shared, packs, stores, files, joined, texts, outcome, report).run()


class _Run:
    """One run. Documents are looked at one after the other, so little is in memory."""

    def __init__(
        self,
        owner: Carrying,
        collection: Collection,
        shared: SharedFolder,
        packs: CollectionPacks,
        stores: CollectionStores,
        files: CollectionFiles,
        joined: JoinedDocuments,
        texts: CollectionTexts,
        outcome: Outcome,
        report: Callable[[int, int], None],
    ) -> None:
        self._documents = owner._documents
        self._names = owner._names
        self._commits = owner._commits
        self._collection = collection
        self._shared = shared
        self._packs = packs
        self._known = packs.known
        self._stores = stores
        self._files = files
        self._joined = joined
        self._texts = texts
        self._outcome = outcome
        self._report = report
        self._new = NewDocuments(
            collection,
            packs,
            stores,
            files,
            texts,
            joined,
            self._names,
            shared,
            owner._files,
            self._documents.by_name.__contains__,
            self._count_one,
        )
        self._done = self._of = 0
        self._reported_at = 0.0

    async def run(self) -> Outcome:
        outcome, packs, files, known = self._outcome, self._packs, self._files, self._packs.known
        names = await asyncio.to_thread(self._shared.names_in_any_charset)
        if self._collection.former is not None:
            await asyncio.to_thread(files.follow_folder, self._collection.former)
        unchanged = await asyncio.to_thread(files.look_from_outside)
        not_at_rest = [name for name in files.here if name not in unchanged]
        await files.follow_renames(not_at_rest)
        # Files first: so a document that comes and has been here all the time is recognised.
        at_rest = {name for name in unchanged if files.here.get(name) not in packs.coming}
        copies = files.conflict_copies(names)
        changed, new = set(files.here) - at_rest, set(names) - set(files.here) - copies.keys()
        coming = packs.coming.keys() - set(files.here.values())
        self._of = len(changed) + len(new) + len(coming)
        is_idle = not (
            not_at_rest
            or changed
            or new
            or packs.coming
            or copies
            or self._joined.groups
            or self._collection.join
            or self._collection.former
        )
        for name in sorted(changed):
            self._count_one()
            await self._look_at(name)
        await self._several_at_once(await self._new.begin_from_files(sorted(new)), self._look_at)
        await self._several_at_once(await self._new.begin_from_packs(sorted(coming)), self._add)
        for copy, original in copies.items():
            await self._put_away(copy, original)
        await self._join()
        await self._end_renames()
        self._texts.tell_unusable()
        outcome.tell_missing()
        outcome.tell_notebooks()
        await packs.write()
        outcome.early = sum(
            notes.is_on_its_way(clock.wall()) and document not in files.refused
            for document, notes in known.notes.items()
        )
        await asyncio.to_thread(packs.save, is_idle=is_idle)
        return outcome

    async def _several_at_once(self, todo: Iterable[_T], look: Callable[[_T], Awaitable[None]]) -> None:
        """Look at new documents, AT_ONCE at a time: nearly all of the time the disk is waited for, which flushes many as fast as one."""
        rest = iter(todo)

        async def look_at_some() -> None:
            for each in rest:
                self._count_one()
                await look(each)

        lookers = [asyncio.ensure_future(look_at_some()) for _ in range(AT_ONCE)]
        try:
            await asyncio.gather(*lookers)
        finally:
            for looker in lookers:
                looker.cancel()
            await asyncio.gather(*lookers, return_exceptions=True)

    def _count_one(self) -> None:
        """Report, now and then, how many documents were looked at. Raises JptermError if the server ends."""
        if self._documents.is_draining:
            raise JptermError("The server is shutting down.")
        now = asyncio.get_running_loop().time()
        if now - self._reported_at > PROGRESS_S:
            self._reported_at = now
            self._report(self._done, self._of)
        self._done += 1

    async def _look_at(self, name: str, *, is_new: bool = False) -> None:
        """Carry a document that has a file here, or had one; or that came just now, and is to have one."""
        try:
            path = await asyncio.to_thread(self._shared.path_of, name)
        except FileProblem as problem:  # it is no text any more, or a link that leads away
            if name in self._files.here:
                self._files.fail(self._files.here[name], str(problem))
            return
        pad_name = self._names.name_of(path)
        document = self._files.here.get(name)
        try:
            if (adopted := await self._files.adopt(name, path, pad_name, document)) is not None:
                document, is_new = adopted, True
            if document is not None and not await self._names.exists(pad_name, path):
                if not is_new and await self._names.renamed_to(pad_name) is None:
                    await self._bring_back(name, document)
                return
            if document is not None and pad_name not in self._documents.by_name:
                await self._texts.take_in_early(pad_name, path, document)
            opened = await self._documents.open(pad_name, path)
        except NotText as problem:
            if document is not None:  # else it looked like text in some charset, and is none
                self._files.fail(document, str(problem))
            return
        except JptermError as problem:
            self._files.fail(document, str(problem))
            return
        identity = opened.document.identity
        if (
            document is not None
            and self._known.of(document).identity_here not in (b"", identity)
            and await self._files.let_go(name, document)
        ):
            if former := self._known.of(document).name_here:
                await self._look_at(former)
            document = self._files.here.get(name)
        is_carried = False
        try:
            if opened.document.is_read_only:
                self._files.fail(document, opened.document.warnings[0])
            else:
                is_carried = await self._carry(opened, name, document, is_new=is_new)
        finally:
            if not opened.members:
                await self._documents.close_if_unused(opened)
        if (document := self._files.here.get(name)) is not None:
            # What is not carried is told again by the next run, or comes with it: another program may have written just now.
            is_carried &= opened.document.pad.buffer.version <= self._known.of(document).carried.version
            stamp = await asyncio.to_thread(self._stores.stamp, pad_name, path) if is_carried else ()
            self._known.of(document).stamp = stamp

    async def _put_away(self, copy: str, original: str) -> None:
        """Move a copy that a carrier made of a file away once the history has all of it; until then, tell of it."""
        root = self._shared.root
        path, away = root.path / original, root.path / STORE_FOLDER / PUT_AWAY / copy
        with contextlib.suppress(JptermError):
            opened = await self._documents.open(self._names.name_of(path), path)
            try:
                carried, buffer = opened.document.carried, opened.document.pad.buffer
                found = await asyncio.to_thread(read_plain, root.path / copy, inside=root)
                if carried and found and carried.version_of(found.raw, found.text, buffer) is not None:
                    await asyncio.to_thread(move_plain, root.path / copy, away, inside=root)
                    self._outcome.notices.append(
                        f"{copy} had nothing that is not in the history of {original}, and is in {STORE_FOLDER}/{PUT_AWAY} now."
                    )
                    return
            finally:
                if not opened.members:
                    await self._documents.close_if_unused(opened)
        self._outcome.tell(
            f"{copy} is a copy that another program made when {original} was written on two machines at once, and has words that are not in its "
            "history. They may still come; if not, take over what you need of it, and delete it."
        )

    async def _bring_back(self, name: str, document: bytes) -> None:
        """Begin a document again of which neither a file nor a store is left here."""
        if self._known.of(document).deleted is None:
            self._files.forget(name)
            await asyncio.to_thread(self._packs.read_all, document)
            await self._add(document)

    async def _carry(self, opened: OpenDocument, name: str, document: bytes | None, *, is_new: bool) -> bool:
        """Take in what came of an open document, and gather what packs lack of it; return whether that could be done."""
        lineage, known = opened.document.pad.buffer.lineage, self._known
        if opened.document.is_notebook:
            self._outcome.notebooks.append(name)
            return False
        if document is None:
            document = await asyncio.to_thread(self._files.find_document, opened.document.name, lineage, name)
            if (other := known.of(document).name_here) not in ("", name):
                self._outcome.tell(
                    f"{name} has the history of {other}, as a copy of it has, and is not synced."
                )
                return False
        notes = known.of(document)
        if notes.birth is not None and notes.birth.lineage != lineage:
            self._outcome.tell(
                f"The history of {name} began anew here, so it is not synced any more. Under another name it is synced as a new file."
            )
            return False
        is_known = bool(notes.name_here)
        notes.name_here, self._files.here[name] = name, document
        notes.identity_here = opened.document.identity
        if not is_known:
            await asyncio.to_thread(self._files.note_rename_of, opened.document.name, name, document)
        if notes.birth is not None and notes.birth.name != name:
            await asyncio.to_thread(self._stores.note_id, opened.document.saver.store, document)
        await self._texts.take_in(opened, document, is_new=is_new)
        await self._texts.delete_or_rename(opened, document)
        version = opened.document.pad.buffer.version  # people go on writing meanwhile
        await self._commits.commit(opened)
        if not version <= opened.document.pad.stored:
            self._outcome.tell(f"{name} is not synced yet, because the disk does not take its history.")
            return False
        if not notes.is_born:
            birth = notes.birth or Birth(lineage, name)
            self._packs.gather(document, birth)
            known.note_birth(document, birth, self._collection.lane)
            self._texts.gather_form(opened.document, document)
        pad = opened.document.pad
        held = await self._texts.held_back(opened.document, notes)
        await self._texts.gather_operations(pad.buffer, pad.stored, document, held)
        await self._texts.gather_notes(opened.document, document, notes)
        if self._packs.is_much_gathered:
            await self._packs.write()
        return not self._texts.waits_for_a_save(opened, name)

    async def _end_renames(self) -> None:
        """Try once more to give documents their names where others had them, which may have been renamed since."""
        for document, was in sorted(self._files.renamed.items()):
            notes = self._known.of(document)
            if notes.name_here != notes.wanted_name:
                notes.name_applied = (0, "")
                await self._look_at(notes.name_here)
            self._outcome.notices.append(f"{was} is called {notes.name_here} now.")

    async def _join(self) -> None:
        """Bring documents together that somebody made one text of."""
        if self._collection.join:
            self._begin_join(self._collection.join)
        if self._joined.groups:
            await self._packs.write()  # what was gathered of them is read there
        for first, *others in self._joined.groups:
            notes = self._known.of(first)
            lacking = [other for other in others if not self._joined.is_embedded(other)]
            if not notes.name_here or first in self._files.refused:
                continue
            if lacking:
                self._texts.joining[first] = lacking
                await self._look_at(notes.name_here)
            for other in others:
                if self._known.of(other).deleted_here is None and (name := self._known.of(other).name_here):
                    await self._look_at(name)
            if notes.name_here != notes.wanted_name:
                notes.name_applied = NO_NAME
                await self._look_at(notes.name_here)

    def _begin_join(self, name: str) -> None:
        """Join a text with the others that have its name everywhere, as the person here asked for."""
        document = self._files.here.get(name)
        wanted = "" if document is None else self._known.of(document).wanted_name
        found = [
            each
            for here, each in sorted(self._files.here.items())
            if self._known.of(each).wanted_name == wanted and not self._files.is_deleted(here, each)
        ]
        if document is None or len(found) < 2:
            self._outcome.tell(
                f"There is no {name} here that is synced."
                if document is None
                else f"There is no other text called {wanted} here."
            )
            return
        self._joined.join(found)
        self._texts.joined_now.update(found)

    async def _add(self, document: bytes) -> None:
        """Begin a document that came, with a file of its own."""
        if document not in self._packs.coming:
            return  # a file that was here has turned out to be it
        if document in records.NO_DOCUMENTS:
            self._packs.coming.pop(document)
            return
        notes = self._known.of(document)
        if self._joined.first_of(document) is not None:
            for message in self._packs.messages(document):  # it is read again for the first one
                with contextlib.suppress(ForeignOp):
                    notes.carried.add_message(message.data)
            return
        # Without a birth, its beginning is still on its way.
        name = "" if notes.birth is None else await self._files.begin(document, notes.birth)
        notes.is_incomplete = not name
        if name:
            if document not in self._joined.first_ones:
                self._files.tell_other_name(document)
            await self._look_at(name, is_new=True)
