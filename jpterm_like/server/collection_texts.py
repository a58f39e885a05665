"""The texts of a collection's documents as `carrying` sees them: take in what packs brought of one, and gather what packs lack of it.

Order, so that a crash at any moment loses nothing and doubles nothing:

- operations are stored before they are written into a pack;
- operations that came are stored before their pack counts as taken in;
- the plain file is written last, by the usual save, and only if it held all of the text before, or lacked only what is coming. The store
  has a note of that beside the operations (`saver.DUE`), so the next opening writes the file if we die before.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from functools import partial
from pathlib import Path
from typing import Final

from crdt import Contradiction, ForeignOp, TextBuffer, Version
from jpterm_like import clock
from jpterm_like.errors import JptermError
from jpterm_like.files.charsets import UTF_8
from jpterm_like.files.encoding import Form
from jpterm_like.packs import records
from jpterm_like.packs.documents import DocumentNotes, Extent, changes_of, printable_name
from jpterm_like.packs.records import Changes, Deleted, Saved
from jpterm_like.saver import RECORD_BYTES
from jpterm_like.server import carried_file
from jpterm_like.server.carried_file import CARRIED, CarriedFile
from jpterm_like.server.carry_outcome import Outcome
from jpterm_like.server.collection_files import CollectionFiles, digest_of
from jpterm_like.server.collection_packs import CollectionPacks, Message
from jpterm_like.server.collection_stores import CollectionStores
from jpterm_like.server.connections import OpenDocument
from jpterm_like.server.document import DELETED, Document
from jpterm_like.server.group_commit import GroupCommit
from jpterm_like.server.joined_documents import JoinedDocuments, remove_copies
from jpterm_like.sync.pad import Pad
from jpterm_like.sync.unsaved_work import DISK

SLICE_S: Final = 0.01
"""After integrating or encoding for this long, other tasks get a turn."""
NOTHING: Final = Version()
"""No operations."""
SAVED_SITES_MAX: Final = 500
"""What a plain file held is noted for texts that at most so many openings wrote in: a version takes nine bytes for each."""


class CollectionTexts:
    """See the module. `packs` must have begun.

    Args:
        lane: the lane that this machine writes.
        carrier: the program that carries the folder to other machines, if one does.
    """

    def __init__(
        self,
        lane: str,
        packs: CollectionPacks,
        stores: CollectionStores,
        joined: JoinedDocuments,
        files: CollectionFiles,
        commits: GroupCommit,
        outcome: Outcome,
        carrier: str | None,
    ) -> None:
        self._lane = lane
        self._carrier = carrier
        self._packs = packs
        self._known = packs.known
        self._stores = stores
        self._joined = joined
        self._files = files
        self._commits = commits
        self._outcome = outcome
        self._turns = _Turns()
        self._early: set[bytes] = set()
        """Documents whose operations are in their stores before they are counted here."""
        self.joining: dict[bytes, list[bytes]] = {}
        """The documents that are to be embedded in others now."""
        self.joined_now: set[bytes] = set()
        """Those that are joined in this run, as the person here asked for."""

    async def take_in(self, opened: OpenDocument, document: bytes, *, is_new: bool) -> None:
        """Integrate what came, and write the plain file if it held all of the text before."""
        notes, here = self._known.of(document), opened.document
        buffer, before = here.pad.buffer, here.pad.buffer.version
        came = Extent.of(here.pad.saved)
        if here.carried is not None and here.carried.lost is not None:
            for site, end in here.carried.lost.items():
                came.add(site, 0, end)
        await self._integrate(here.pad, document, came)
        for other in self.joining.pop(document, ()):
            await self._embed(here.pad, document, other, came)
        if not notes.carried.version <= buffer.version and not buffer.waiting:
            # The store lost something, or is of a backup.
            await asyncio.to_thread(self._packs.read_all, document)
            await self._integrate(here.pad, document, came)
        await self._settle(opened, notes)
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
                self._outcome.tell(str(problem))

    def carried_blob(self) -> dict[str, bytes]:
        """The note in a new document's store that another program carries its file."""
        return {} if self._carrier is None else {CARRIED: CarriedFile().encode()}

    async def take_in_early(self, pad_name: str, path: Path, document: bytes) -> None:
        """Take in what came of a closed document before its file is looked at, if that is carried and has changed."""
        if self._carrier is None or not await asyncio.to_thread(self._stores.has_changed, pad_name, path):
            return
        notes = self._known.of(document)
        saved = notes.saved
        messages = self._packs.messages(document, keep=True)
        ours = [message.data for message in messages if message.lane == self._lane]
        theirs = [message.data for message in messages if message.lane != self._lane]
        with contextlib.suppress(ForeignOp, JptermError):  # it is told when the text is looked at
            await asyncio.to_thread(
                self._stores.take_in, pad_name, ours, theirs, saved, notes.carried.version
            )
            self._early.add(document)

    async def _settle(self, opened: OpenDocument, notes: DocumentNotes) -> None:
        """Bring a file that another program carries to other machines together with what came of its history."""
        here = opened.document
        if here.is_notebook or (here.carried is None and self._carrier is None):
            return
        if self._carrier is None:
            here.carried = None
            await asyncio.to_thread(here.saver.store.write_blob, CARRIED, b"")
            return
        if here.carried is None:
            here.carried = CarriedFile()
        here.carried.know_all(notes.saved)
        if here.carried.settle(here.pad, notes.carried.version, clock.wall()):
            await self._commits.commit(opened)  # before the import is forgotten
        await asyncio.to_thread(here.keep_carried)

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
        if message.lane in notes.unusable:
            return
        try:
            is_new = buffer.lacks(message.data) or document in self._early
            if is_new:
                pad.integrate(message.data, self)
                self.note_came(document, message, buffer)
            notes.carried.add_message(message.data)
            if message.lane != self._lane:
                came.add_message(message.data)
                if is_new:  # stored with the operations: nothing else is written before the next turn
                    pad.due = came.version
        except Contradiction:
            notes.unusable[message.lane] = (
                "contradicts what is here, and is left out: a state folder was copied, or set back"
            )
        except ForeignOp as problem:
            notes.unusable[message.lane] = f"cannot be read, and is left out: {problem}"

    def tell_unusable(self) -> None:
        """Tell whose operations are left out, each time: without them not all is the same."""
        for notes in self._known.notes.values():
            for lane, why in notes.unusable.items():
                self._outcome.tell(
                    f"{notes.name_here}: what {self._known.author_of(lane) or 'somebody'} wrote {why}."
                )

    async def held_back(self, here: Document, notes: DocumentNotes) -> Version:
        """The operations that are not sent yet, since they are of a carried file whose history may follow. That is told."""
        held = Version() if here.carried is None else here.carried.untold(notes.carried.version)
        if not held:
            return held
        try:
            changed_at = (await asyncio.to_thread(os.stat, here.path)).st_mtime
        except OSError:
            return Version()
        if not 0 <= clock.wall() - changed_at < carried_file.HOLD_S:
            return Version()
        self._outcome.tell(
            f"{notes.name_here} has just been changed by another program, or {self._carrier} has brought it before its history: that is sent a minute "
            "later."
        )
        return held

    def note_came(self, document: bytes, message: Message, buffer: TextBuffer) -> None:
        """Note whose operations a message has brought."""
        if message.lane == self._lane:
            return
        for site, count in changes_of(message.data).items():
            self._outcome.got += count
            author = printable_name(buffer.author_of(site))
            if author in ("", DISK):  # a file that was there, or another program, at the writer of the pack
                author = self._known.author_of(message.lane)
            if author:
                self._outcome.people[author] += count
        self._outcome.got_documents.add(document)

    async def gather_operations(
        self, buffer: TextBuffer, stored: Version, document: bytes, held: Version = NOTHING
    ) -> None:
        """Gather the stored operations that packs lack, but not those that are held back: others that refer to them wait where they come."""
        notes = self._known.of(document)
        carried = notes.carried.version.merge(held)
        while not stored <= carried:
            message, carried = buffer.changes_up_to(carried, RECORD_BYTES)
            if not message:
                break
            self._packs.gather(document, Changes(message))
            notes.carried.add_message(message)
            self._outcome.written += sum(changes_of(message).values())
            self._outcome.written_documents.add(document)
            await self._turns.give()

    def gather_form(self, here: Document, document: bytes) -> None:
        """Gather the form of the file that a document began with, if it is not the usual one."""
        bom, ends, charset = here.form
        form = records.Form(charset, bom, ends[0] if ends else "\n")
        if form != records.Form(UTF_8, False, "\n"):
            self._known.of(document).note_form(form)
            self._packs.gather(document, form)

    def gather_saved(self, document: bytes, raw: bytes, saved: Version) -> None:
        """Gather what the file holds."""
        notes, digest = self._known.of(document), digest_of(raw)
        if len(saved) <= SAVED_SITES_MAX and digest not in notes.saved:
            notes.note_saved(bytes.fromhex(digest), saved)
            self._packs.gather(document, Saved(bytes.fromhex(digest), saved))

    async def gather_notes(self, here: Document, document: bytes, notes: DocumentNotes) -> None:
        """Gather what the file holds, and that it was deleted."""
        saved, raw = here.pad.saved, here.file_bytes
        if raw is not None and here.is_saved and saved <= notes.carried.version:
            self.gather_saved(document, raw, saved)
        if here.carried is not None:
            for state, version in here.carried.take_written(notes.carried.version).items():
                if notes.saved.get(state.hex()) != version and len(version) <= SAVED_SITES_MAX:
                    notes.note_saved(state, version)
                    self._packs.gather(document, Saved(state, version))
            await asyncio.to_thread(here.keep_carried)
        deleted = await asyncio.to_thread(here.saver.store.read_blob, DELETED) if raw is None else None
        if deleted:
            with contextlib.suppress(ForeignOp):
                version = Version.decode(deleted)
                if not notes.is_deleted(version):
                    notes.note_deleted(version)
                    notes.deleted_here = notes.deleted
                    self._packs.gather(document, Deleted(version))
        elif raw is None and notes.deleted is None and notes.had_file:
            self._outcome.missing.append(notes.name_here)

    async def delete_or_rename(self, opened: OpenDocument, document: bytes) -> None:
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
                    self._outcome.notices.append(
                        f"{name} was deleted by others; its text and history are kept here."
                    )
                if here.file_bytes is None:
                    notes.deleted_here = notes.deleted
                elif notes.deleted_here == notes.deleted and not notes.had_file:
                    self._outcome.notices.append(
                        f"{name} was deleted, and is here again with the same text: the others get it back when somebody writes in it."
                    )
            elif notes.deleted is not None and notes.deleted_here is not None and here.file_bytes is None:
                # Somebody wrote in it who did not know of that.
                await self._commits.with_store(opened, here.save)
                notes.deleted_here = None
                self._outcome.notices.append(
                    f"{name} was deleted, and somebody wrote in it: it is there again."
                )
            if notes.name_applied != notes.name and here.file_bytes is not None and here.is_saved:
                await self._files.rename(opened, document)
        except JptermError as problem:
            self._outcome.tell(str(problem))

    async def _embed(self, pad: Pad, first: bytes, document: bytes, came: Extent) -> None:
        """Bring the operations of a joined document into the first one, and note them in `came`."""
        try:
            for message in await asyncio.to_thread(lambda: list(self._joined.messages(document))):
                if pad.buffer.lacks(message.data):
                    pad.integrate(message.data, self)
                came.add_message(message.data)
                pad.due = came.version
                await self._turns.give()
        except ForeignOp as problem:  # or a contradiction, of somebody who means harm
            self._outcome.tell(
                f"{self._known.of(first).name_here}: a text cannot be joined with it: {problem}."
            )
            return
        if document in self.joined_now:
            remove_copies(pad, document)

    async def _give_up_file(self, here: Document, document: bytes, first: bytes) -> None:
        """Delete the file of a document once another one has its text."""
        notes, version = self._known.of(document), here.pad.buffer.version
        if here.file_bytes is not None and here.is_saved:
            if not (version <= notes.carried.version and self._joined.is_embedded(document)):
                return
            await here.delete_file("Somebody")
            self._outcome.notices.append(
                f"{notes.name_here} is one text with {self._known.of(first).name_here} now."
            )
        if here.file_bytes is None:
            notes.deleted_here = version

    def waits_for_a_save(self, opened: OpenDocument, name: str) -> bool:
        """Whether a file is not written because an editor left words that a person did not save. That is told, unless an editor has the
        text open: it says so itself."""
        here = opened.document
        if here.is_saved or not here.is_there:
            return False
        if not opened.members:
            self._outcome.tell(
                here.unreadable
                or f"{name} has words that an editor left unsaved: the others get them, and this file is not written until you open it and save (ctrl+s)."
            )
        return True


class _Turns:
    """Gives other tasks a turn after each SLICE_S of work."""

    def __init__(self) -> None:
        self._began_at = asyncio.get_running_loop().time()

    async def give(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._began_at > SLICE_S:
            await asyncio.sleep(0)
            self._began_at = asyncio.get_running_loop().time()
