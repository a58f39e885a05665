"""Bring the texts of a folder and the packs of its collection together: write what packs lack into new ones, take in what came.

The command `sync` asks for it, before and after it exchanges packs with a place (`places.exchange`). It holds the collection's lock
meanwhile, so here is the only process that uses the mirror. What packs say about documents is kept in a cache (`packs.documents`);
without it, all packs are read again, which changes nothing.

Order, so that a crash at any moment loses nothing and doubles nothing:

- operations are stored before they are written into a pack;
- operations that came are stored before their pack counts as taken in;
- the plain file is written last, by the usual save, and only if it held all of the text before, or lacked only what is coming.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import shlex
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from crdt import Contradiction, ForeignOp, TextBuffer, Version
from jpterm_like.collection import Collection, collection_folder, load
from jpterm_like.errors import JptermError, escape_for_terminal
from jpterm_like.files.carriers import original_of
from jpterm_like.files.charsets import UTF_8
from jpterm_like.files.encoding import Form
from jpterm_like.files.read import FileProblem, NotText, read_plain
from jpterm_like.packs import records
from jpterm_like.packs.documents import (
    DocumentNotes,
    Documents,
    Extent,
    alternative_names,
    changes_of,
    printable_name,
)
from jpterm_like.packs.records import Birth, Changes, Deleted, Saved, document_id
from jpterm_like.saver import RECORD_BYTES
from jpterm_like.server.collection_packs import CollectionPacks, Message
from jpterm_like.server.collection_stores import CollectionStores
from jpterm_like.server.connections import OpenDocument
from jpterm_like.server.document import DELETED, Document
from jpterm_like.server.document_names import DocumentNames
from jpterm_like.server.group_commit import GroupCommit
from jpterm_like.server.joined_documents import JoinedDocuments, remove_copies
from jpterm_like.server.names_here import NamesHere
from jpterm_like.server.open_documents import OpenDocuments
from jpterm_like.server.shared_folder import SharedFiles, SharedFolder
from jpterm_like.storage.base import Storage
from jpterm_like.sync.pad import Pad
from jpterm_like.sync.unsaved_work import DISK

SLICE_S: Final = 0.01
"""After integrating or encoding for this long, other tasks get a turn."""
AT_ONCE: Final = 4
"""New documents that are looked at side by side. A few threads are left to people who save meanwhile."""
PROGRESS_S: Final = 0.2
"""Interval between two reports of progress."""
NO_NAME: Final = (-1, "")
"""A name that was applied to no file: the document gets its name as soon as that is free."""
SAVED_SITES_MAX: Final = 500
"""What a plain file held is noted for texts that at most so many openings wrote in: a version takes nine bytes for each."""

_T = TypeVar("_T")

log = logging.getLogger("jpterm_like.server.carrying")


@dataclass
class Outcome:
    """What was carried; see `wire.Carried`."""

    written: int = 0
    written_documents: set[bytes] = field(default_factory=set)
    got: int = 0
    got_documents: set[bytes] = field(default_factory=set)
    people: Counter[str] = field(default_factory=Counter)
    early: int = 0
    notices: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


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
            run = _Carry(self, place, known, shared, report)
            await run.run()
            return run.outcome


class _Carry:
    """One run. Documents are looked at one after the other, so little is in memory."""

    def __init__(
        self,
        owner: Carrying,
        place: Path,
        collection: Collection,
        shared: SharedFolder,
        report: Callable[[int, int], None],
    ) -> None:
        self._documents = owner._documents
        self._files = owner._files
        self._names = owner._names
        self._stores = CollectionStores(owner._storage, collection.collection)
        self._commits = owner._commits
        self._collection = collection
        self._shared = shared
        self._report = report
        self.outcome = Outcome()
        self._packs = CollectionPacks(place, collection, self._tell)
        self._known = Documents()
        self._left_out: set[tuple[bytes, str]] = set()
        """Documents and lanes whose operations cannot be used in this run."""
        self._turns = _Turns()
        self._done = self._of = 0
        self._reported_at = 0.0
        self._here = NamesHere(())
        """The documents that have a file here, by its name."""
        self._refused: set[bytes] = set()
        """The documents that are whole, and can have no file here."""
        self._notebooks: list[str] = []
        """The files that are left out, since the outputs of a notebook are in no history."""
        self._missing: list[str] = []
        """The names of files that were removed here, and not as one removes a document."""
        self._joining: dict[bytes, list[bytes]] = {}
        """The documents that are to be embedded in others now."""
        self._joined_now: set[bytes] = set()
        """Those that are joined in this run, as the person here asked for."""
        self._coming_as: dict[str, list[bytes]] = {}
        """The documents that were coming when this run began, by the names that they should have."""
        self._choosing = asyncio.Lock()
        """Held from the choice of a name for a document that came until the name is noted as taken."""
        self._renamed: dict[bytes, str] = {}
        """The names that documents had before others gave them another one."""

    async def run(self) -> None:
        await asyncio.to_thread(self._packs.begin)
        self._known = self._packs.known
        self._joined = JoinedDocuments(self._packs)
        names = await asyncio.to_thread(self._shared.names_in_any_charset)
        self._here = NamesHere(
            (notes.name_here, document) for document, notes in self._known.notes.items() if notes.name_here
        )
        for document in sorted(self._packs.coming):
            self._coming_as.setdefault(self._known.of(document).wanted_name, []).append(document)
        if self._collection.former is not None and self._files.root is None:
            await asyncio.to_thread(self._follow_folder, self._collection.former)
        unchanged = await asyncio.to_thread(self._look_from_outside)
        await self._follow_renames([name for name in self._here if name not in unchanged])
        # Files first: so a document that comes and has been here all the time is recognised.
        at_rest = {name for name in unchanged if self._here.get(name) not in self._packs.coming}
        known, new = set(self._here) - at_rest, set(names) - set(self._here) - self._conflict_copies(names)
        coming = self._packs.coming.keys() - set(self._here.values())
        self._of = len(known) + len(new) + len(coming)
        for name in sorted(known):
            self._count_one()
            await self._look_at(name)
        await self._several_at_once(sorted(new), self._look_at)
        await self._several_at_once(sorted(coming), self._add)
        await self._join()
        await self._end_renames()
        self._tell_missing()
        self._tell_notebooks()
        await self._packs.write()
        self.outcome.early = sum(
            notes.is_incomplete and document not in self._refused
            for document, notes in self._known.notes.items()
        )
        await asyncio.to_thread(self._packs.save)

    def _tell_notebooks(self) -> None:
        """Tell which files are left out. That is no failure: all else is the same."""
        if (count := len(self._notebooks)) == 1:
            told = f"{self._notebooks[0]} is a notebook, and those are not synced"
        elif count:
            told = f"{count:,} notebooks, such as {min(self._notebooks)}, are not synced"
        else:
            return
        self.outcome.notices.append(f"{told}: their outputs are in no history.")

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

    def _conflict_copies(self, names: Iterable[str]) -> set[str]:
        """Return the new files that a carrier of plain files has made of others, where two wrote in one; and tell of them.

        It carries them to all machines, and each of them would make a document of the same copy, with the text once more.
        """
        known, copies = {*names, *self._here}, set[str]()
        for name in sorted(known - self._here.keys()):
            folder, slash, last = name.rpartition("/")
            original = original_of(last)
            if original is not None and f"{folder}{slash}{original}" in known:
                copies.add(name)
                self._tell(
                    f"{name} is a copy that another program made when {original} was written on two machines at once. It is not synced: take over "
                    "what you need of it, and delete it."
                )
        return copies

    def _look_from_outside(self) -> set[str]:
        """Return the names whose files and histories look as after the last run. Blocks.

        All at once: in a large folder nearly nothing has changed, and a thread for each file would cost more than the look.
        """
        unchanged: set[str] = set()
        for name, document in sorted(self._here.items()):
            path = self._shared.root.path / name
            stamp, pad_name = self._known.of(document).stamp, self._names.name_of(path)
            if (
                stamp
                and pad_name not in self._documents.by_name
                and stamp == self._stores.stamp(pad_name, path)
            ):
                unchanged.add(name)
        return unchanged

    def _follow_folder(self, former: Path) -> None:
        """Move the histories of all texts along with their folder: this server knows them by whole paths. Blocks."""
        for name in sorted(self._here):
            old, path = former / name, self._shared.root.path / name
            if {str(old), str(path)} & self._documents.by_name.keys() or os.path.lexists(old):
                continue
            try:
                self._stores.move(self._names.name_of(old), self._names.name_of(path))
            except JptermError as problem:
                self._tell(str(problem))

    async def _follow_renames(self, names: Iterable[str]) -> None:
        """Note which of these names lead to other documents now, and where their documents are."""
        moved: dict[bytes, Path] = {}
        for name in names:
            path, document = self._shared.root.path / name, self._here[name]
            # The error is told when the text is looked at; or this server does not share the new name.
            with contextlib.suppress(JptermError):
                there = await self._path_now(path, self._known.of(document).identity_here)
                if there != path:
                    moved[document] = there
        for document in moved:
            del self._here[self._known.of(document).name_here]
        for document, there in moved.items():
            await self._note_moved(document, there)

    async def _path_now(self, path: Path, identity: bytes) -> Path:
        """Where the document is that was at a path."""
        pad_name = self._names.name_of(path)
        if identity:
            opened = self._documents.by_name.get(pad_name)
            if opened is not None:
                found: bytes | None = opened.document.identity
            else:
                moved = await self._names.renamed_to(pad_name)
                found = b"" if moved else await asyncio.to_thread(self._stores.identity, pad_name)
            # A name may lead on to that of the last document which had it, so it is not followed.
            to = (
                await self._names.with_identity(identity) if found is not None and found != identity else None
            )
            return path if to is None else self._files.path_of(to)
        if await asyncio.to_thread(os.path.lexists, path):
            return path
        to = await self._names.renamed_to(pad_name)
        return path if to is None else (await self._names.follow(to, self._files.path_of(to)))[1]

    async def _note_moved(self, document: bytes, there: Path) -> None:
        """Note that a document is at another path now. Its former name is in `_here` no more, or another document's."""
        notes, root = self._known.of(document), self._shared.root.path
        if not there.is_relative_to(root):
            if notes.name_here in self._here or await asyncio.to_thread(
                os.path.lexists, root / notes.name_here
            ):
                notes.name_here, notes.stamp = "", ()
            else:
                self._here[notes.name_here] = document  # it left the folder; the others keep theirs
            return
        new = there.relative_to(root).as_posix()
        notes.name_here, notes.stamp = new, ()
        self._here[new] = document
        if await asyncio.to_thread(os.path.lexists, there):
            self._note_name(document, new)

    def _count_one(self) -> None:
        """Report, now and then, how many documents were looked at. Raises JptermError if the server ends."""
        if self._documents.is_draining:
            raise JptermError("The server is shutting down.")
        now = asyncio.get_running_loop().time()
        if now - self._reported_at > PROGRESS_S:
            self._reported_at = now
            self._report(self._done, self._of)
        self._done += 1

    # ------------------------------------------------------------------ texts

    def _tell(self, sentence: str) -> None:
        """Tell what could not be done."""
        if sentence not in self.outcome.problems:
            self.outcome.problems.append(sentence)

    def _fail(self, document: bytes | None, sentence: str) -> None:
        """Tell why a document cannot be used now. What came of it comes again in the next run."""
        self._tell(sentence)
        if document is not None and document in self._packs.coming:
            self._known.of(document).is_incomplete = True
            self._refused.add(document)

    async def _look_at(self, name: str, *, is_new: bool = False) -> None:
        """Carry a document that has a file here, or had one; or that came just now, and is to have one."""
        try:
            path = await asyncio.to_thread(self._shared.path_of, name)
        except FileProblem as problem:  # it is no text any more, or a link that leads away
            if name in self._here:
                self._fail(self._here[name], str(problem))
            return
        pad_name = self._names.name_of(path)
        document = self._here.get(name)
        try:
            if (adopted := await self._adopt(name, path, pad_name, document)) is not None:
                document, is_new = adopted, True
            if document is not None and not await self._names.exists(pad_name, path):
                if not is_new and await self._names.renamed_to(pad_name) is None:
                    await self._bring_back(name, document)
                return
            opened = await self._documents.open(pad_name, path)
        except NotText as problem:
            if document is not None:  # else it looked like text in some charset, and is none
                self._fail(document, str(problem))
            return
        except JptermError as problem:
            self._fail(document, str(problem))
            return
        identity = opened.document.identity
        if document is not None and self._known.of(document).identity_here not in (b"", identity):
            document = await self._let_go(name, document)
        is_carried = False
        try:
            if opened.document.is_read_only:
                self._fail(document, opened.document.warnings[0])
            else:
                is_carried = await self._carry(opened, name, document, is_new=is_new)
        finally:
            if not opened.members:
                await self._documents.close_if_unused(opened)
        if (document := self._here.get(name)) is not None:
            # What is not carried is told again by the next run, or comes with it: another program may have written just now.
            is_carried &= opened.document.pad.buffer.version <= self._known.of(document).carried.version
            stamp = await asyncio.to_thread(self._stores.stamp, pad_name, path) if is_carried else ()
            self._known.of(document).stamp = stamp

    async def _let_go(self, name: str, document: bytes) -> bytes | None:
        """Return the document that a file is, which has got a name just now that another one had; None if it is a new one."""
        path = self._shared.root.path / name
        there = await self._path_now(path, self._known.of(document).identity_here)
        if there == path:
            return document  # its history was removed, and begun anew
        del self._here[name]
        await self._note_moved(document, there)
        if former := self._known.of(document).name_here:
            await self._look_at(former)
        return self._here.get(name)

    async def _bring_back(self, name: str, document: bytes) -> None:
        """Begin a document again of which neither a file nor a store is left here."""
        notes = self._known.of(document)
        if notes.deleted is None:
            del self._here[name]
            notes.name_here, notes.stamp = "", ()
            await asyncio.to_thread(self._packs.read_all, document)
            await self._add(document)

    async def _adopt(self, name: str, path: Path, pad_name: str, document: bytes | None) -> bytes | None:
        """Give a file that has no history here that of the document of its name, if it holds a text of that; return the document.

        So a file that came by mail, or whose history was removed, is no second document.
        """
        if pad_name in self._documents.by_name:
            return None
        if document is not None:
            if not await asyncio.to_thread(self._stores.lacks_store, pad_name, path):
                return None
            await asyncio.to_thread(self._packs.read_all, document)
            found = [document]
        else:
            found = [
                each
                for each in self._coming_as.get(name, ())
                if each in self._packs.coming
                and not (notes := self._known.of(each)).name_here
                and notes.birth
            ]
        for each in found:
            if await asyncio.to_thread(self._adopt_now, each, path, pad_name):
                notes = self._known.of(each)
                notes.name_here, self._here[name] = name, each
                notes.identity_here, notes.name_applied = b"", notes.name
                return each
        if document is not None:
            raise JptermError(
                f"The history of {name} was removed here, and the file has changed since: move it away, and the next sync brings it back as the "
                "others have it."
            )
        return None

    def _adopt_now(self, document: bytes, path: Path, pad_name: str) -> bool:
        """See `_adopt`. Blocks."""
        notes = self._known.of(document)
        plain = read_plain(path, inside=self._shared.root)
        if plain is None or notes.birth is None or not self._stores.is_untouched(pad_name):
            return False
        buffer = TextBuffer(author=DISK, lineage=notes.birth.lineage)
        packs = list(self._packs.coming[document])
        for message in self._packs.messages(document):
            with contextlib.suppress(ForeignOp):
                buffer.integrate(message.data)
        self._packs.coming[document] = packs
        saved = notes.saved.get(_digest(plain.raw))
        if saved is None or not saved <= buffer.version:
            saved = buffer.version
        # What packs say of a file is no proof: words that only the file has must not be overwritten.
        if buffer.at(saved) != plain.text or buffer.waiting:
            return False
        self._stores.begin_from(buffer, saved, plain, pad_name)
        self.outcome.got_documents.add(document)
        return True

    async def _carry(self, opened: OpenDocument, name: str, document: bytes | None, *, is_new: bool) -> bool:
        """Take in what came of an open document, and gather what packs lack of it; return whether that could be done."""
        lineage, known = opened.document.pad.buffer.lineage, self._known
        if opened.document.is_notebook:
            self._notebooks.append(name)
            return False
        if document is None:
            document = await asyncio.to_thread(self._find_document, opened.document.name, lineage, name)
            if (other := known.of(document).name_here) not in ("", name):
                self._tell(f"{name} has the history of {other}, as a copy of it has, and is not synced.")
                return False
        notes = known.of(document)
        if notes.birth is not None and notes.birth.lineage != lineage:
            self._tell(
                f"The history of {name} began anew here, so it is not synced any more. Under another name it is synced as a new file."
            )
            return False
        is_known = bool(notes.name_here)
        notes.name_here, self._here[name] = name, document
        notes.identity_here = opened.document.identity
        if not is_known:
            await asyncio.to_thread(self._note_rename_of, opened.document.name, name, document)
        if notes.birth is not None and notes.birth.name != name:
            await asyncio.to_thread(self._stores.note_id, opened.document.saver.store, document)
        await self._take_in(opened, document, is_new=is_new)
        await self._delete_or_rename(opened, document)
        version = opened.document.pad.buffer.version  # people go on writing meanwhile
        await self._commits.commit(opened)
        if not version <= opened.document.pad.stored:
            self._tell(f"{name} is not synced yet, because the disk does not take its history.")
            return False
        if not notes.is_born:
            birth = notes.birth or Birth(lineage, name)
            self._packs.gather(document, birth)
            known.note_birth(document, birth, self._collection.lane)
            self._gather_form(opened.document, document)
        await self._gather_changes(opened, document, notes)
        await self._gather_notes(opened.document, document, notes)
        if self._packs.is_much_gathered:
            await self._packs.write()
        return not self._waits_for_a_save(opened, name)

    def _waits_for_a_save(self, opened: OpenDocument, name: str) -> bool:
        """Whether a file is not written because an editor left words that a person did not save. That is told, unless an editor has the
        text open: it says so itself."""
        here = opened.document
        if here.is_saved or not here.is_there:
            return False
        if not opened.members:
            self._tell(
                here.unreadable
                or f"{name} has words that an editor left unsaved: the others get them, and this file is not written until you open it and save (ctrl+s)."
            )
        return True

    def _find_document(self, pad_name: str, lineage: bytes, name: str) -> bytes:
        """The document that a store has, which no note speaks of: a new one, or one that was renamed since the notes were lost. Blocks."""
        if (noted := self._stores.noted_id(pad_name)) is not None:
            return noted
        for former in self._former_names(pad_name):
            document = document_id(self._collection.collection, Birth(lineage, former))
            notes = self._known.notes.get(document)
            if notes is not None and notes.birth is not None and not notes.name_here:
                return document
        return document_id(self._collection.collection, Birth(lineage, name))

    def _note_rename_of(self, pad_name: str, name: str, document: bytes) -> None:
        """Note a rename that came after the notes on a document were lost: all others know it by a name that it had here before. Blocks."""
        notes = self._known.of(document)
        if notes.wanted_name not in ("", name) and notes.wanted_name in self._former_names(pad_name):
            self._note_name(document, name)

    def _former_names(self, pad_name: str) -> list[str]:
        """The names in this folder that a document had before, the newest first. Blocks."""
        root = self._files.root
        paths = [
            Path(former) if root is None else root.path / former
            for former in self._stores.former_names(pad_name)
        ]
        here = self._shared.root.path
        return [path.relative_to(here).as_posix() for path in reversed(paths) if path.is_relative_to(here)]

    def _note_name(self, document: bytes, name: str) -> None:
        """Note that somebody here gave a document this name."""
        notes = self._known.of(document)
        for record in notes.rename(name):
            self._packs.gather(document, record)
        notes.name_applied = notes.name

    def _gather_form(self, here: Document, document: bytes) -> None:
        """Gather the form of the file that a document began with, if it is not the usual one."""
        bom, ends, charset = here.form
        form = records.Form(charset, bom, ends[0] if ends else "\n")
        if form != records.Form(UTF_8, False, "\n"):
            self._known.of(document).note_form(form)
            self._packs.gather(document, form)

    async def _gather_notes(self, here: Document, document: bytes, notes: DocumentNotes) -> None:
        """Gather what the file holds, and that it was deleted."""
        saved, raw = here.pad.saved, here.file_bytes
        if raw is not None and here.is_saved and len(saved) <= SAVED_SITES_MAX:
            digest = _digest(raw)
            if digest not in notes.saved:
                notes.note_saved(bytes.fromhex(digest), saved)
                self._packs.gather(document, Saved(bytes.fromhex(digest), saved))
        deleted = await asyncio.to_thread(here.saver.store.read_blob, DELETED) if raw is None else None
        if deleted:
            with contextlib.suppress(ForeignOp):
                version = Version.decode(deleted)
                if not notes.is_deleted(version):
                    notes.note_deleted(version)
                    notes.deleted_here = notes.deleted
                    self._packs.gather(document, Deleted(version))
        elif raw is None and notes.deleted is None and notes.had_file:
            self._missing.append(notes.name_here)

    async def _delete_or_rename(self, opened: OpenDocument, document: bytes) -> None:
        """Do to the file what others did to theirs: delete it, bring it back, or rename it."""
        notes, here = self._known.of(document), opened.document
        version = here.pad.buffer.version
        name = notes.name_here
        try:
            if (first := self._joined.first_of(document)) is not None:
                await self._give_up_file(here, document, first)
                return
            if notes.is_deleted(version):
                if notes.deleted_here != notes.deleted and here.file_bytes is not None and here.is_saved:
                    await here.delete_file("Somebody")
                    self.outcome.notices.append(
                        f"{name} was deleted by others; its text and history are kept here."
                    )
                if here.file_bytes is None:
                    notes.deleted_here = notes.deleted
                elif notes.deleted_here == notes.deleted and not notes.had_file:
                    self.outcome.notices.append(
                        f"{name} was deleted, and is here again with the same text: the others get it back when somebody writes in it."
                    )
            elif notes.deleted is not None and notes.deleted_here is not None and here.file_bytes is None:
                # Somebody wrote in it who did not know of that.
                await self._commits.with_store(opened, here.save)
                notes.deleted_here = None
                self.outcome.notices.append(
                    f"{name} was deleted, and somebody wrote in it: it is there again."
                )
            if notes.name_applied != notes.name and here.file_bytes is not None and here.is_saved:
                await self._rename(opened, document)
        except JptermError as problem:
            self._tell(str(problem))

    async def _rename(self, opened: OpenDocument, document: bytes) -> None:
        """Give a document the name that others gave it."""
        notes, was = self._known.of(document), self._known.of(document).name_here
        found = await asyncio.to_thread(self._place_for, document, notes, self._known.author_of(notes.lane))
        if found is not None and found[0] != was:
            name, path = found
            await asyncio.to_thread(self._stores.note_id, opened.document.saver.store, document)
            await self._make_room(name, path)
            await self._documents.rename_as(opened, self._names.name_of(path), path, "Somebody")
            del self._here[was]
            notes.name_here, self._here[name] = name, document
            self._renamed.setdefault(document, was)
        notes.name_applied = notes.name

    def _tell_missing(self) -> None:
        """Tell which files were removed here since the last run. A folder that was emptied looks so, too."""
        if self._missing:
            rest = len(self._missing) - 1
            others = f" and {rest:,} other{'' if rest == 1 else 's'}" if rest else ""
            self.outcome.notices.append(
                f"{self._missing[0]}{others} {'have' if rest else 'has'} no file here any more. The others keep theirs; open "
                f"{'one' if rest else 'it'} here and save, and there is a file again."
            )

    async def _make_room(self, name: str, path: Path) -> None:
        """Give a deleted document a former name, if it has the one that another is to get."""
        other = self._here.get(name)
        if other is not None:
            there = await self._documents.rename_deleted(self._names.name_of(path), path)
            del self._here[name]
            await self._note_moved(other, there)

    async def _end_renames(self) -> None:
        """Try once more to give documents their names where others had them, which may have been renamed since."""
        for document, was in sorted(self._renamed.items()):
            notes = self._known.of(document)
            if notes.name_here != notes.wanted_name:
                notes.name_applied = (0, "")
                await self._look_at(notes.name_here)
            self.outcome.notices.append(f"{was} is called {notes.name_here} now.")

    async def _gather_changes(self, opened: OpenDocument, document: bytes, notes: DocumentNotes) -> None:
        buffer = opened.document.pad.buffer
        stored = opened.document.pad.stored
        carried = notes.carried.version
        while not stored <= carried:
            message, carried = buffer.changes_up_to(carried, RECORD_BYTES)
            if not message:
                break
            self._packs.gather(document, Changes(message))
            notes.carried.add_message(message)
            self.outcome.written += sum(changes_of(message).values())
            self.outcome.written_documents.add(document)
            await self._turns.give()

    async def _take_in(self, opened: OpenDocument, document: bytes, *, is_new: bool) -> None:
        """Integrate what came, and write the plain file if it held all of the text before."""
        notes, here = self._known.of(document), opened.document
        buffer, before = here.pad.buffer, here.pad.buffer.version
        came = Extent.of(here.pad.saved)
        await self._integrate(here.pad, document, came)
        for other in self._joining.pop(document, ()):
            await self._embed(here.pad, document, other, came)
        if not notes.carried.version <= buffer.version and not buffer.waiting:
            # The store lost something, or is of a backup.
            await asyncio.to_thread(self._packs.read_all, document)
            await self._integrate(here.pad, document, came)
        notes.is_incomplete = buffer.waiting
        notes.count_deletions()
        if is_new and notes.is_deleted(buffer.version):
            return
        # A run that was killed may have stored what came and not saved it: that comes again, and then the file lacks nothing else.
        lacked_nothing = before <= came.version
        # Also the file of a deleted text: only a file that holds all of the text is deleted.
        if is_new or (lacked_nothing and not here.is_saved):
            await self._commits.commit(opened)  # before the file has it
            try:
                # A file that was deleted here stays so; one that was never here is made, also an empty one.
                await self._commits.with_store(
                    opened, partial(self._make_file, here, notes) if is_new else here.autosave
                )
            except JptermError as problem:
                here.report_unwritable(problem)
                self._tell(str(problem))

    async def _make_file(self, here: Document, notes: DocumentNotes) -> None:
        """Write the file of a document that came; where there was none, in the form that it began with, if that is possible."""
        if notes.form is not None and not here.is_there:
            charset, bom, end = notes.form
            with contextlib.suppress(JptermError):
                await here.reform(Form(bom, (end,), charset))
                return
        await here.save()

    async def _integrate(self, pad: Pad, document: bytes, came: Extent) -> None:
        """Integrate all operations of a document that came, and note in `came` which others have written."""
        for message in self._packs.messages(document):
            self._integrate_one(pad, document, message, came)
            await self._turns.give()

    def _integrate_one(self, pad: Pad, document: bytes, message: Message, came: Extent) -> None:
        """Integrate operations of a pack, and note that packs have them."""
        notes, buffer = self._known.of(document), pad.buffer
        if (document, message.lane) in self._left_out:
            return
        try:
            if buffer.lacks(message.data):
                pad.integrate(message.data, self)
                if message.lane != self._collection.lane:
                    for site, count in changes_of(message.data).items():
                        self.outcome.got += count
                        author = printable_name(buffer.author_of(site))
                        if author in (
                            "",
                            DISK,
                        ):  # a file that was there, or another program, at the writer of the pack
                            author = self._known.author_of(message.lane)
                        if author:
                            self.outcome.people[author] += count
                    self.outcome.got_documents.add(document)
            notes.carried.add_message(message.data)
            if message.lane != self._collection.lane:
                came.add_message(message.data)
        except Contradiction:
            self._left_out.add((document, message.lane))
            who = self._known.author_of(message.lane) or "somebody"
            self._tell(
                f"{notes.name_here}: what {who} wrote contradicts what is here, and is left out: a state folder was copied, or set back."
            )
        except ForeignOp as problem:
            self._left_out.add((document, message.lane))
            self._tell(f"{notes.name_here}: a change that came cannot be read, and is left out: {problem}.")

    # ------------------------------------------------------------------ documents that are one text

    async def _join(self) -> None:
        """Bring documents together that somebody made one text of."""
        if self._collection.join:
            self._begin_join(self._collection.join)
        if self._joined.groups:
            await self._packs.write()  # what was gathered of them is read there
        for first, *others in self._joined.groups:
            notes = self._known.of(first)
            lacking = [other for other in others if not self._joined.is_embedded(other)]
            if not notes.name_here or first in self._refused:
                continue
            if lacking:
                self._joining[first] = lacking
                await self._look_at(notes.name_here)
            for other in others:
                if self._known.of(other).deleted_here is None and (name := self._known.of(other).name_here):
                    await self._look_at(name)
            if notes.name_here != notes.wanted_name:
                notes.name_applied = NO_NAME
                await self._look_at(notes.name_here)

    def _begin_join(self, name: str) -> None:
        """Join a text with the others that have its name everywhere, as the person here asked for."""
        document = self._here.get(name)
        wanted = "" if document is None else self._known.of(document).wanted_name
        found = [
            each
            for here, each in sorted(self._here.items())
            if self._known.of(each).wanted_name == wanted and not self._is_deleted(here, each)
        ]
        if document is None or len(found) < 2:
            self._tell(
                f"There is no {name} here that is synced."
                if document is None
                else f"There is no other text called {wanted} here."
            )
            return
        self._joined.join(found)
        self._joined_now.update(found)

    async def _embed(self, pad: Pad, first: bytes, document: bytes, came: Extent) -> None:
        """Bring the operations of a joined document into the first one, and note them in `came`."""
        try:
            for message in await asyncio.to_thread(lambda: list(self._joined.messages(document))):
                if pad.buffer.lacks(message.data):
                    pad.integrate(message.data, self)
                came.add_message(message.data)
                await self._turns.give()
        except ForeignOp as problem:  # or a contradiction, of somebody who means harm
            self._tell(f"{self._known.of(first).name_here}: a text cannot be joined with it: {problem}.")
            return
        if document in self._joined_now:
            remove_copies(pad, document)

    async def _give_up_file(self, here: Document, document: bytes, first: bytes) -> None:
        """Delete the file of a document once another one has its text."""
        notes, version = self._known.of(document), here.pad.buffer.version
        if here.file_bytes is not None and here.is_saved:
            if not (version <= notes.carried.version and self._joined.is_embedded(document)):
                return
            await here.delete_file("Somebody")
            self.outcome.notices.append(
                f"{notes.name_here} is one text with {self._known.of(first).name_here} now."
            )
        if here.file_bytes is None:
            notes.deleted_here = version

    # ------------------------------------------------------------------ documents that are not here yet

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
        birth, lane = notes.birth, notes.lane
        if birth is None:
            notes.is_incomplete = True  # its beginning is still on its way
            return
        name = ""
        try:
            async with self._choosing:
                found = await asyncio.to_thread(self._place_for, document, notes, self._known.author_of(lane))
                if found is None:
                    notes.is_incomplete = True
                    return
                await self._make_room(*found)
                name, path = found
                self._here[name] = document
            await asyncio.to_thread(self._stores.begin, document, birth, self._names.name_of(path), name)
        except JptermError as problem:
            notes.is_incomplete = True
            self._tell(str(problem))
            if name:
                del self._here[name]
            return
        notes.name_here = name
        notes.identity_here = b""
        notes.is_incomplete = False
        notes.name_applied = notes.name
        if name != notes.wanted_name and document not in self._joined.first_ones:
            self.outcome.notices.append(
                f"There is another {notes.wanted_name} here, so the one that came is {name}. To make one text of both: "
                f"jpterm-like sync --join {shlex.quote(name)}"
            )
        await self._look_at(name, is_new=True)

    def _place_for(self, document: bytes, notes: DocumentNotes, who: str) -> tuple[str, Path] | None:
        """Find a name for the file of a document: its own, or one like "notes (Bob).md" if that is taken. Blocks."""
        birth, wanted = notes.birth, notes.wanted_name
        assert birth is not None
        for name in (wanted, *alternative_names(wanted, who)):
            try:
                path = self._shared.path_of(name)
            except FileProblem as problem:
                self._tell(f"A text that came is not written here: {problem}")
                self._refused.add(document)
                return None
            if name == notes.name_here:
                return name, path
            others = {
                each: other for each in self._here.alike(name) if (other := self._here[each]) != document
            }
            free = {each for each, other in others.items() if self._is_deleted(each, other)}
            if others.keys() - free or os.path.lexists(path):
                continue
            pad_name = self._names.name_of(path)
            if name in free or self._stores.is_free_for(pad_name, document, birth):
                return name, path
        return None

    def _is_deleted(self, name: str, document: bytes) -> bool:
        """Whether a document was deleted, so that another can have its name. Blocks."""
        if document in self._packs.coming:
            return False  # what came may bring it back
        return self._known.of(document).deleted_here is not None and not os.path.lexists(
            self._shared.root.path / name
        )


class _Turns:
    """Gives other tasks a turn after each SLICE_S of work."""

    def __init__(self) -> None:
        self._began_at = asyncio.get_running_loop().time()

    async def give(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._began_at > SLICE_S:
            await asyncio.sleep(0)
            self._began_at = asyncio.get_running_loop().time()


def _digest(raw: bytes) -> str:
    return hashlib.blake2b(raw, digest_size=records.DIGEST_BYTES).hexdigest()
