"""The files of a collection's documents as `carrying` sees them: which file a document has here, and which one it is to get.

A document keeps its file by the identity in its store, not by the name: names are given by people, here and elsewhere, and are used again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
from collections.abc import Iterable
from pathlib import Path

from crdt import ForeignOp, TextBuffer, Version
from jpterm_like.errors import JptermError
from jpterm_like.files.carriers import original_of
from jpterm_like.files.encoding import encode_plain
from jpterm_like.files.read import FileProblem, read_path_permissions, read_plain
from jpterm_like.packs.documents import DocumentNotes, alternative_names
from jpterm_like.packs.records import Birth, document_id
from jpterm_like.server import carried_file
from jpterm_like.server.absence import is_another
from jpterm_like.server.carry_outcome import Outcome
from jpterm_like.server.collection_packs import CollectionPacks
from jpterm_like.server.collection_stores import CollectionStores
from jpterm_like.server.connections import OpenDocument
from jpterm_like.server.document_names import DocumentNames
from jpterm_like.server.names_here import NamesHere
from jpterm_like.server.open_documents import OpenDocuments
from jpterm_like.server.shared_folder import SharedFiles, SharedFolder
from jpterm_like.sync.unsaved_work import DISK
from jpterm_like.textdiff.diff import effort


class CollectionFiles:
    """See the module. `packs` must have begun.

    Args:
        collection: the collection's id.
        shared: the collection's folder, `files` what the server shares in all.
    """

    def __init__(
        self,
        collection: bytes,
        packs: CollectionPacks,
        stores: CollectionStores,
        documents: OpenDocuments,
        names: DocumentNames,
        files: SharedFiles,
        shared: SharedFolder,
        outcome: Outcome,
    ) -> None:
        self._collection = collection
        self._packs = packs
        self._known = packs.known
        self._stores = stores
        self._documents = documents
        self._names = names
        self._files = files
        self._shared = shared
        self._outcome = outcome
        self.here = NamesHere(
            (notes.name_here, document) for document, notes in self._known.notes.items() if notes.name_here
        )
        """The documents that have a file here, by its name."""
        self.refused: set[bytes] = set()
        """The documents that are whole, and can have no file here."""
        self.renamed: dict[bytes, str] = {}
        """The names that documents had before others gave them another one."""
        self._coming_as: dict[str, list[bytes]] = {}
        """The documents that were coming when this run began, by the names that they should have."""
        self._choosing = asyncio.Lock()
        """Held from the choice of a name for a document that came until the name is noted as taken."""
        for document in sorted(packs.coming):
            self._coming_as.setdefault(self._known.of(document).wanted_name, []).append(document)

    def is_coming(self, name: str) -> bool:
        """Whether a document was coming that should have this name: a file of that name may be it."""
        return name in self._coming_as

    def conflict_copies(self, names: Iterable[str]) -> dict[str, str]:
        """Return the new files that a carrier of plain files has made of others, where two wrote in one, with the names of those.

        It carries them to all machines, and each of them would make a document of the same copy, with the text once more.
        """
        known, copies = {*names, *self.here}, dict[str, str]()
        for name in sorted(known - self.here.keys()):
            folder, slash, last = name.rpartition("/")
            original = original_of(last)
            if original is not None and (its_name := f"{folder}{slash}{original}") in known:
                copies[name] = its_name
        return copies

    def look_from_outside(self) -> set[str]:
        """Return the names whose files and histories look as after the last run. Blocks.

        All at once: in a large folder nearly nothing has changed, and a thread for each file would cost more than the look.
        """
        unchanged: set[str] = set()
        for name, document in sorted(self.here.items()):
            path = self._shared.root.path / name
            stamp, pad_name = self._known.of(document).stamp, self._names.name_of(path)
            if (
                stamp
                and pad_name not in self._documents.by_name
                and stamp == self._stores.stamp(pad_name, path)
            ):
                unchanged.add(name)
        return unchanged

    def follow_folder(self, former: Path) -> None:
        """Move the histories of all texts along with their folder, if this server knows them by whole paths. Blocks."""
        if self._files.root is not None:
            return
        for name in sorted(self.here):
            old, path = former / name, self._shared.root.path / name
            if {str(old), str(path)} & self._documents.by_name.keys() or os.path.lexists(old):
                continue
            try:
                self._stores.move(self._names.name_of(old), self._names.name_of(path))
            except JptermError as problem:
                self._outcome.tell(str(problem))

    async def follow_renames(self, names: Iterable[str]) -> None:
        """Note which of these names lead to other documents now, and where their documents are."""
        moved: dict[bytes, Path] = {}
        for name in names:
            path, document = self._shared.root.path / name, self.here[name]
            # The error is told when the text is looked at; or this server does not share the new name.
            with contextlib.suppress(JptermError):
                there = await self.path_now(path, self._known.of(document).identity_here)
                if there != path:
                    moved[document] = there
        for document in moved:
            del self.here[self._known.of(document).name_here]
        for document, there in moved.items():
            await self.note_moved(document, there)

    async def path_now(self, path: Path, identity: bytes) -> Path:
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

    async def note_moved(self, document: bytes, there: Path) -> None:
        """Note that a document is at another path now. Its former name is in `_here` no more, or another document's."""
        notes, root = self._known.of(document), self._shared.root.path
        if not there.is_relative_to(root):
            if notes.name_here in self.here or await asyncio.to_thread(
                os.path.lexists, root / notes.name_here
            ):
                notes.name_here, notes.stamp = "", ()
            else:
                self.here[notes.name_here] = document  # it left the folder; the others keep theirs
            return
        new = there.relative_to(root).as_posix()
        notes.name_here, notes.stamp = new, ()
        self.here[new] = document
        if await asyncio.to_thread(os.path.lexists, there):
            self._note_name(document, new)

    def fail(self, document: bytes | None, sentence: str) -> None:
        """Tell why a document cannot be used now. What came of it comes again in the next run."""
        self._outcome.tell(sentence)
        if document is not None and document in self._packs.coming:
            self._known.of(document).is_incomplete = True
            self.refused.add(document)

    async def let_go(self, name: str, document: bytes) -> bool:
        """Note where a document is whose name another one has got just now; return False if it has only begun anew, and keeps the name."""
        path = self._shared.root.path / name
        there = await self.path_now(path, self._known.of(document).identity_here)
        if there == path:
            return False
        del self.here[name]
        await self.note_moved(document, there)
        return True

    def forget(self, name: str) -> None:
        """Forget the file of a document of which nothing is left here."""
        notes = self._known.of(self.here[name])
        del self.here[name]
        notes.name_here, notes.stamp = "", ()

    async def adopt(self, name: str, path: Path, pad_name: str, document: bytes | None) -> bytes | None:
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
            if await asyncio.to_thread(self._adopt_now, each, path, pad_name, was_it=document is not None):
                notes = self._known.of(each)
                notes.name_here, self.here[name] = name, each
                notes.identity_here, notes.name_applied = b"", notes.name
                return each
        if document is not None:
            raise JptermError(
                f"The history of {name} was removed here, and the file has another text since: move it away, and the next sync brings it back as "
                "the others have it."
            )
        return None

    def _adopt_now(self, document: bytes, path: Path, pad_name: str, *, was_it: bool) -> bool:
        """See `adopt`. Blocks.

        Args:
            was_it: whether the file was this document's before its history was removed: then it may have changed since.
        """
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
        saved = notes.saved.get(digest_of(plain.raw))
        if saved is None or not saved <= buffer.version:
            saved = buffer.version
        if buffer.waiting:
            return False
        # What packs say of a file is no proof: words that only the file has must not be overwritten.
        base = plain.known
        if buffer.at(saved) != plain.text:
            if not was_it:
                return False
            saved = _nearest(buffer, notes, plain.text)
            text = buffer.at(saved)
            if is_another((text, buffer.text), plain.text):
                return False
            base = base._replace(raw=encode_plain(text, plain.raw, plain.charset))
        self._stores.begin_from(buffer, saved, base, pad_name)
        self._outcome.got_documents.add(document)
        return True

    def find_document(self, pad_name: str, lineage: bytes, name: str) -> bytes:
        """The document that a store has, which no note speaks of: a new one, or one that was renamed since the notes were lost. Blocks."""
        if (noted := self._stores.noted_id(pad_name)) is not None:
            return noted
        for former in self._former_names(pad_name):
            document = document_id(self._collection, Birth(lineage, former))
            notes = self._known.notes.get(document)
            if notes is not None and notes.birth is not None and not notes.name_here:
                return document
        return document_id(self._collection, Birth(lineage, name))

    def note_rename_of(self, pad_name: str, name: str, document: bytes) -> None:
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

    async def rename(self, opened: OpenDocument, document: bytes) -> None:
        """Give a document the name that others gave it."""
        notes, was = self._known.of(document), self._known.of(document).name_here
        found = await asyncio.to_thread(self.place_for, document, notes, self._known.author_of(notes.lane))
        if found is not None and found[0] != was:
            name, path = found
            await asyncio.to_thread(self._stores.note_id, opened.document.saver.store, document)
            await self.make_room(name, path)
            await self._documents.rename_as(opened, self._names.name_of(path), path, "Somebody")
            del self.here[was]
            notes.name_here, self.here[name] = name, document
            self.renamed.setdefault(document, was)
        notes.name_applied = notes.name

    async def make_room(self, name: str, path: Path) -> None:
        """Give a deleted document a former name, if it has the one that another is to get."""
        other = self.here.get(name)
        if other is not None:
            there = await self._documents.rename_deleted(self._names.name_of(path), path)
            del self.here[name]
            await self.note_moved(other, there)

    async def begin(self, document: bytes, birth: Birth) -> str:
        """Choose a file for a document that came, and make its store; return the name, or "" if that cannot be done."""
        notes, name = self._known.of(document), ""
        try:
            async with self._choosing:
                found = await asyncio.to_thread(
                    self.place_for, document, notes, self._known.author_of(notes.lane)
                )
                if found is None:
                    return ""
                await self.make_room(*found)
                name, path = found
                self.here[name] = document
            await asyncio.to_thread(self._begin_store, document, birth, path, name)
        except JptermError as problem:
            self._outcome.tell(str(problem))
            if name:
                del self.here[name]
            return ""
        notes.name_here, notes.identity_here, notes.name_applied = name, b"", notes.name
        return name

    def _begin_store(self, document: bytes, birth: Birth, path: Path, name: str) -> None:
        permissions = None
        if self._files.root is None:  # without a note, a hub makes the file for its user alone
            permissions = next(filter(None, map(read_path_permissions, (path, *path.parents))), None)
        self._stores.begin(document, birth, self._names.name_of(path), name, permissions)

    def tell_other_name(self, document: bytes) -> None:
        """Tell that a document that came has another name than everywhere else, because that one is taken."""
        notes = self._known.of(document)
        if notes.name_here != notes.wanted_name:
            self._outcome.notices.append(
                f"There is another {notes.wanted_name} here, so the one that came is {notes.name_here}. To make one text of both: "
                f"jpterm-like sync --join {shlex.quote(notes.name_here)}"
            )

    def place_for(self, document: bytes, notes: DocumentNotes, who: str) -> tuple[str, Path] | None:
        """Find a name for the file of a document: its own, or one like "notes (Bob).md" if that is taken. Blocks."""
        birth, wanted = notes.birth, notes.wanted_name
        assert birth is not None
        for name in (wanted, *alternative_names(wanted, who)):
            try:
                path = self._shared.path_of(name)
            except FileProblem as problem:
                self._outcome.tell(f"A text that came is not written here: {problem}")
                self.refused.add(document)
                return None
            if name == notes.name_here:
                return name, path
            others = {each: other for each in self.here.alike(name) if (other := self.here[each]) != document}
            free = {each for each, other in others.items() if self.is_deleted(each, other)}
            if others.keys() - free or os.path.lexists(path):
                continue
            pad_name = self._names.name_of(path)
            if name in free or self._stores.is_free_for(pad_name, document, birth):
                return name, path
        return None

    def is_deleted(self, name: str, document: bytes) -> bool:
        """Whether a document was deleted, so that another can have its name. Blocks."""
        if document in self._packs.coming:
            return False  # what came may bring it back
        return self._known.of(document).deleted_here is not None and not os.path.lexists(
            self._shared.root.path / name
        )


def _nearest(buffer: TextBuffer, notes: DocumentNotes, text: str) -> Version:
    """Which of the versions that plain files held is nearest to a text: another program most likely began with it."""
    versions = [buffer.version, *(version for version in notes.saved.values() if version <= buffer.version)]
    return min(versions, key=lambda version: effort(buffer.at(version), text))


def digest_of(raw: bytes) -> str:
    """Return the digest by which SAVED knows a plain file."""
    return carried_file.digest_of(raw).hex()
