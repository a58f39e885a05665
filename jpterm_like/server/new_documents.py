"""Begin many documents of a collection at once: texts that came and have no file here yet, and files that were never synced.

An opening for each would wait for the disk some twenty times. Here all files of a batch are written under names that nobody sees, then all stores, which
say what these hold, and last the files get their names. A crash between the last two leaves stores without their files: nothing counts as taken in
then, so the next run writes them.

Only plain cases are done here: a text in UTF-8 with a name that is free, of which nobody has a part yet. All others are left to the run, which opens
each of them; so is one that somebody opens meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Generic, TypeVar

from crdt import ForeignOp, TextBuffer
from jpterm_like.collection import Collection
from jpterm_like.errors import JptermError
from jpterm_like.files.access_control import Access, is_in_my_hands
from jpterm_like.files.charsets import UTF_8
from jpterm_like.files.new_files import FOLDERS_MAX, NewFiles
from jpterm_like.files.read import NOTEBOOK_SUFFIX, PlainFile, read_plain
from jpterm_like.packs.records import NO_DOCUMENTS, Birth, document_id
from jpterm_like.saver import records_of_file, records_of_messages
from jpterm_like.server.collection_files import CollectionFiles
from jpterm_like.server.collection_packs import CollectionPacks, Message
from jpterm_like.server.collection_stores import CollectionStores
from jpterm_like.server.collection_texts import CollectionTexts
from jpterm_like.server.document import ACCESS, IDENTITY, IDENTITY_BYTES, LONG_NOTE_BYTES
from jpterm_like.server.document_names import DocumentNames
from jpterm_like.server.joined_documents import JoinedDocuments
from jpterm_like.server.shared_folder import SharedFiles, SharedFolder
from jpterm_like.storage.base import NewStore, Record, StorageError
from jpterm_like.sync.unsaved_work import DISK

BATCH: Final = 200
"""Documents that are begun at once: enough that the disk is waited for seldom, few enough that progress is seen."""
BATCH_BYTES: Final = 4 << 20
"""Texts of so many bytes end a batch."""

_T = TypeVar("_T")


@dataclass(eq=False)
class _Draft(Generic[_T]):
    """A document that is to begin."""

    of: _T
    """What it is made of: the name of a file, or the id of a document that came."""
    document: bytes
    name: str
    pad_name: str
    path: Path
    buffer: TextBuffer
    raw: bytes
    records: list[Record]
    blobs: dict[str, bytes]
    messages: Sequence[Message] = ()
    """The operations that came."""
    plain: PlainFile | None = None
    """The file, once it is there."""
    identity: bytes = field(default_factory=lambda: secrets.token_bytes(IDENTITY_BYTES))
    stamp: tuple[float, ...] = ()

    @property
    def store(self) -> NewStore:
        return NewStore(self.pad_name, self.records, {IDENTITY: self.identity, **self.blobs})


class NewDocuments:
    """See the module. `packs` must have begun.

    Args:
        served: what the server shares in all; `shared` is the collection's folder.
        is_open: whether the document of a name is open.
        count: called for each document that was begun.
    """

    def __init__(
        self,
        collection: Collection,
        packs: CollectionPacks,
        stores: CollectionStores,
        files: CollectionFiles,
        texts: CollectionTexts,
        joined: JoinedDocuments,
        names: DocumentNames,
        shared: SharedFolder,
        served: SharedFiles,
        is_open: Callable[[str], bool],
        count: Callable[[], None],
    ) -> None:
        self._collection = collection
        self._packs = packs
        self._known = packs.known
        self._stores = stores
        self._files = files
        self._texts = texts
        self._joined = joined
        self._names = names
        self._shared = shared
        self._served = served
        self._is_open = is_open
        self._count = count
        self._taken: set[str] = set()
        """The names of this run's new documents, in one case."""

    async def begin_from_files(self, names: Sequence[str]) -> list[str]:
        """Begin the documents of files that were never synced; return those that are to be looked at one by one."""
        todo, rest = iter(names), list[str]()
        while drafts := await asyncio.to_thread(self._take, todo, self._draft_of_file, rest):
            made = await self._create(drafts)
            rest += [draft.of for draft in drafts if draft not in made]
            await asyncio.to_thread(self._note_stamps, made)
            for draft in made:
                birth = Birth(draft.buffer.lineage, draft.name)
                self._packs.gather(draft.document, birth)
                self._known.note_birth(draft.document, birth, self._collection.lane)
                await self._note(draft)
            if self._packs.is_much_gathered:
                await self._packs.write()
        return rest

    async def begin_from_packs(self, documents: Sequence[bytes]) -> list[bytes]:
        """Begin documents that came; return those that are to be looked at one by one."""
        todo, rest = iter(documents), list[bytes]()
        while drafts := await asyncio.to_thread(self._take, todo, self._draft_of_coming, rest):
            files = NewFiles(self._served.root, Access().mode)
            try:
                await asyncio.to_thread(self._write_files, files, drafts)
                made = await self._create([draft for draft in drafts if draft.plain is not None])
                named = await asyncio.to_thread(self._give_names, files, made)
            finally:
                await asyncio.to_thread(files.close)
            for draft in drafts:
                if draft not in named:
                    rest.append(draft.of)
                    continue
                del self._packs.coming[draft.document]
                notes = self._known.of(draft.document)
                notes.name_applied = notes.name
                for message in draft.messages:
                    self._texts.note_came(draft.document, message, draft.buffer)
                    notes.carried.add_message(message.data)
                await self._note(draft)
        return rest

    async def _note(self, draft: _Draft[_T]) -> None:
        """Note a document that was begun, and gather what packs lack of it."""
        notes = self._known.of(draft.document)
        notes.name_here, notes.identity_here, notes.stamp = draft.name, draft.identity, draft.stamp
        notes.is_incomplete = False
        self._files.here[draft.name] = draft.document
        self._names.note_new(draft.identity, draft.pad_name)
        version = draft.buffer.version
        await self._texts.gather_operations(draft.buffer, version, draft.document)
        self._texts.gather_saved(draft.document, draft.raw, version)
        draft.buffer.release()
        self._count()

    # ------------------------------------------------------------------ what follows blocks

    def _take(
        self, todo: Iterator[_T], draft_of: Callable[[_T], _Draft[_T] | None], rest: list[_T]
    ) -> list[_Draft[_T]]:
        """Return the next batch, and put into `rest` what cannot be done here. Empty if nothing is left."""
        drafts: list[_Draft[_T]] = []
        size_bytes, folders = 0, set[Path]()
        for each in todo:
            draft: _Draft[_T] | None = None
            with contextlib.suppress(JptermError, ForeignOp):  # it is told when the document is looked at
                draft = draft_of(each)
            if draft is None:
                rest.append(each)
                continue
            self._taken.add(draft.name.casefold())
            drafts.append(draft)
            size_bytes, folders = size_bytes + len(draft.raw), folders | {draft.path.parent}
            if len(drafts) >= BATCH or size_bytes > BATCH_BYTES or len(folders) >= FOLDERS_MAX:
                break
        return drafts

    def _free_place(self, name: str) -> tuple[str, Path] | None:
        """The pad's name and the path for a document of which nothing is here but perhaps a file; None if there is more, or it is not
        plain."""
        path = self._shared.path_of(name)
        pad_name = self._names.name_of(path)
        is_plain = (
            path == self._shared.root.path / name
            and path.suffix != NOTEBOOK_SUFFIX
            and name.casefold() not in self._taken
            and not self._files.here.alike(name)
            and not self._is_open(pad_name)
            and not self._stores.has(pad_name)
            and self._served.keeps(path)
        )
        return (pad_name, path) if is_plain else None

    def _draft_of_file(self, name: str) -> _Draft[str] | None:
        place = self._free_place(name)
        if place is None or self._files.is_coming(name):
            return None
        plain = read_plain(place[1], inside=self._served.root)
        if plain is None or not _is_plain(plain.raw, plain.text) or plain.known.charset != UTF_8:
            return None
        buffer = TextBuffer.genesis(plain.text, author=DISK)
        document = document_id(self._collection.collection, Birth(buffer.lineage, name))
        if document in self._known.notes:
            return None
        records = records_of_file(buffer, plain.raw)
        blobs = {"base": plain.raw, **self._access_blob(plain), **self._texts.carried_blob()}
        return _Draft(name, document, name, *place, buffer, plain.raw, records, blobs, plain=plain)

    def _draft_of_coming(self, document: bytes) -> _Draft[bytes] | None:
        packs = self._packs.coming.get(document)
        if packs is None or document in NO_DOCUMENTS:
            return None
        notes, name = self._known.of(document), self._known.of(document).wanted_name
        is_plain = (
            notes.birth is not None
            and not notes.name_here
            and notes.birth.name == name  # else the store notes which document it is
            and notes.form is None
            and notes.deleted is None
            and not notes.deletions_ahead
            and not notes.joined
            and self._joined.first_of(document) is None
        )
        if not is_plain or (place := self._free_place(name)) is None or os.path.lexists(place[1]):
            return None
        assert notes.birth is not None
        buffer = TextBuffer(author=DISK, lineage=notes.birth.lineage)
        messages = self._packs.messages(document)
        self._packs.coming[document] = packs  # they are taken in once they are stored
        messages = [message for message in messages if _integrate(buffer, message)]
        text = buffer.text
        raw = text.encode("utf-8", "replace")
        if buffer.waiting or not _is_plain(raw, text):
            return None
        records = records_of_messages(buffer, [message.data for message in messages])
        blobs = self._texts.carried_blob()
        return _Draft(document, document, name, *place, buffer, raw, records, blobs, messages)

    def _access_blob(self, plain: PlainFile) -> dict[str, bytes]:
        """The note in a hub's store on who may read the file, where the first opening might not find out."""
        access, permissions = Access(), plain.permissions
        if self._served.root is not None or permissions is None or is_in_my_hands(permissions):
            return {}
        return {ACCESS: access.encode()} if access.note(permissions) else {}

    async def _create(self, drafts: Sequence[_Draft[_T]]) -> list[_Draft[_T]]:
        """Make the stores of these; return those that have one."""
        try:
            made = await self._stores.create([draft.store for draft in drafts])
        except StorageError:
            made = set()  # it is told when the next one is looked at
        return [draft for draft in drafts if draft.pad_name in made]

    def _write_files(self, files: NewFiles, drafts: Sequence[_Draft[_T]]) -> None:
        """Write the files of documents that came, still without their names; what their stores say of them needs no write of its own then."""
        written = files.write([(draft.path, draft.raw) for draft in drafts])
        for draft in drafts:
            plain = written[draft.path]
            if isinstance(plain, PlainFile):
                draft.plain = plain
                draft.blobs |= {"base": draft.raw, **self._access_blob(plain)}

    def _give_names(self, files: NewFiles, made: Sequence[_Draft[_T]]) -> list[_Draft[_T]]:
        """Give these their files; a store without one goes again. Returns those that have both."""
        failed = files.give_names([draft.path for draft in made])
        named = [draft for draft in made if draft.path not in failed]
        self._note_stamps(named)
        for draft in made:
            if draft.path in failed:
                with contextlib.suppress(StorageError):
                    self._stores.remove(draft.pad_name)
        return named

    def _note_stamps(self, drafts: Sequence[_Draft[_T]]) -> None:
        """Note how stores and files look, if a file is still the one that was read or written."""
        for draft in drafts:
            stamp = self._stores.stamp(draft.pad_name, draft.path)
            with contextlib.suppress(OSError):
                found, plain = os.stat(draft.path), draft.plain
                if plain is not None and (found.st_ino, found.st_mtime_ns, found.st_size) == plain.stamp[1:4]:
                    draft.stamp = stamp


def _is_plain(raw: bytes, text: str) -> bool:
    """Whether a file is not empty, short, and has the text's bytes: no mark, other line ends, or characters that no file can hold."""
    return 0 < len(raw) < LONG_NOTE_BYTES and b"\0" not in raw and raw == text.encode("utf-8", "replace")


def _integrate(buffer: TextBuffer, message: Message) -> bool:
    """Integrate operations; return whether there were new ones. Raises ForeignOp."""
    lacks = buffer.lacks(message.data)
    if lacks:
        buffer.integrate(message.data)
    return lacks
