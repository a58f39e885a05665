"""A document on the server: its pad, its store, and the plain file beside them.

The store has the truth; the plain file is a copy for everyone else. Changes that other programs made to the plain file
are merged by three-way merge with the bytes that were last read or written here (the *base*), and appear as edits by the
participant "disk", one step of undo for each change.

Programs do not announce when they begin and end writing. So a state of the file is used once the file has not changed for a
while; longer if it looks like half a file (`_read_at_rest`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from crdt import ForeignOp, Splice, Version
from jpterm_like import clock
from jpterm_like.errors import (
    NOT_SAVED,
    NOTHING_WRITTEN,
    READ_ONLY,
    SAVING_WRITES,
    THERE_AGAIN,
    WRITABLE,
    WRITTEN_AGAIN,
    WRITTEN_AS_USUAL,
    WRITTEN_LESS,
    JptermError,
)
from jpterm_like.files.access_control import Access, PathPermissions, user_name
from jpterm_like.files.charsets import TITLES, UNKNOWN, Known
from jpterm_like.files.encoding import (
    END_TITLES,
    Form,
    NotInCharset,
    encode_as,
    encode_plain,
    form_of,
    text_in,
)
from jpterm_like.files.read import (
    NOTEBOOK_SUFFIX,
    ChangedOnDisk,
    FileProblem,
    Glance,
    NotText,
    PlainFile,
    glance,
    read_path_permissions,
    read_plain,
)
from jpterm_like.files.root import Root
from jpterm_like.files.write import ReplacedFile, delete_plain, move_plain, write_plain
from jpterm_like.files.write_protection import nearest_existing, why_protected
from jpterm_like.saver import BROUGHT_MAX, ReadOnlySaver, Saver, restore
from jpterm_like.server.absence import ABSENT, is_another, note
from jpterm_like.server.carried_file import CARRIED, CarriedFile
from jpterm_like.server.cell_ids import CELL_IDS, GONE_CELLS, encode_ids
from jpterm_like.server.charset_note import CHARSET, encode_charsets
from jpterm_like.server.pending_write import PENDING_WRITE, PendingWrite
from jpterm_like.storage.base import NewerRelease, StorageError, Store
from jpterm_like.storage.memory import MemoryStorage
from jpterm_like.sync.file_duplicates import FileImport, file_import_of, remove_duplicates
from jpterm_like.sync.live_blanks import spare_blanks, without_live_blanks
from jpterm_like.sync.pad import Pad
from jpterm_like.sync.rebase import Rebase
from jpterm_like.sync.sliced_text import SlicedText
from jpterm_like.sync.unsaved_work import DISK, Discard, decode_discards, encode_discards
from jpterm_like.textdiff.diff import effort
from jpterm_like.textdiff.merge import Merge, merge

SLICE_S: Final = 0.01
"""After putting the text together for this long, other tasks get a turn."""
WRITE_BYTES: Final = 64 * 1024
"""About how much of a history is encoded in one turn of the event loop."""
SAVE_TRIES: Final = 5
"""How often a save starts again because the file has changed, before it fails."""
REST_S: Final = 0.25
"""A file that did not change for this long counts as completely written."""
LONG_REST_S: Final = 2.0
"""The same for one that looks unfinished. Programs that rewrite a file empty it first, or move it away."""
REST_STEP_S: Final = 0.05
"""Interval between two looks at a file that has to come to rest."""
UNREST_S: Final = 5.0
"""A file that never comes to rest, a log for example, is used as it is after this long."""
RACE_S: Final = 5.0
"""Longest time that another program may take from reading a file to writing it: formatters of large files need seconds. Its
text lacks what was saved here meanwhile, which must not count as deleted by it."""
RACY_S: Final = 0.05
"""Clocks of file systems tick every few milliseconds: two states within one tick have the same time stamp."""
REPLACED_S: Final = 600.0
"""How long a replaced file is checked for late writes where the system does not say whether somebody has it open."""
REPLACED_FILES_MAX: Final = 16
"""Most replaced files that are checked, the newest ones."""
CONTEST_S: Final = 10.0
"""A change by another program this soon after our write counts as a reaction to it, as by a formatter on save."""
CONTESTS_TOLD: Final = 3
"""After this many reactions in a row everyone is told."""
CONTESTS_MAX: Final = 4
"""Autosave waits twice as long after each reaction in a row, up to this many."""
NOTICE_S: Final = 5.0
"""Shortest time between two notices that the file was changed on disk."""
LATE_MAX: Final = 16
"""Most versions that are awaited from people who have history that is missing here."""
LONG_NOTE_BYTES: Final = 64 * 1024
"""The note on a write of this size is removed once the new base is noted, for it holds the whole text. A shorter one stays until the next
write replaces it: to remove it takes as many flushes as to write it."""
IDENTITY: Final = "identity"
"""The blob with a document's identity."""
IDENTITY_BYTES: Final = 16
"""Length of an identity."""
DELETED: Final = "deleted"
"""The blob with the version that the text had when somebody deleted its file here, for those with whom it is synced. Empty once there is
a file again."""
SYNCED_AS: Final = "synced"
"""The blob of a document that is synced, and had another name when it began: the collection, 16 bytes, and the document's id there."""
DISCARDS: Final = "discards"
"""The blob with the notes on discarded unsaved work."""
ACCESS: Final = "access"
"""The blob with the files whose permissions decide what other local users may do; see `files.access_control.Access`."""
UNUSABLE: Final = "unusable"
"""The blob with the digest of the records that cannot be decoded (`saver.RestoredPad.unusable`), once all of the plain file was merged
because of them. Without it each opening would merge the file again, and bring back lines that were deleted since."""
FORM_BYTES: Final = 1 << 20
"""How much of a file is read to tell its line ends."""
_END_BYTES: Final = 16
"""How much of the end of two states is compared to recognise half a file."""


if TYPE_CHECKING:
    from crdt.records import Records
    from jpterm_like.notebook.ipynb import Result
    from jpterm_like.server.gone_cells import GoneCells
    from jpterm_like.server.mender import Mender
    from jpterm_like.server.notebook_records import NotebookRecords

BOTH_SIDES: Final = (
    "had conflicts of git's: the cells of both sides are here, and saving writes them without its markers"
)
"""Follows the name of a notebook."""
log = logging.getLogger("jpterm_like.server.document")


class Document:
    """See the module. Made by `server.load_document.open_document`.

    Args:
        name: the pad's name, for messages.
        path: the plain file; it need not exist.
        inside: the shared folder that the path must not lead out of, or None.
        plain: the file's state as last read or written; None while there is no file.
        base: its bytes, or empty, and their charset.
        noted: the base as the store has it, or None.
        unreadable: why the file is not autosaved; see the attribute.
        brought: notes on text that came from the file at earlier openings.
    """

    def __init__(
        self,
        name: str,
        path: Path,
        inside: Root | None,
        pad: Pad,
        saver: Saver,
        plain: PlainFile | None,
        base: Known,
        noted: bytes | None,
        unreadable: str | None = None,
        brought: Sequence[FileImport] = (),
    ) -> None:
        self.name = name
        self.path = path
        self._inside = inside
        self.pad = pad
        self.saver = saver
        self.notify: Callable[[str, bool], None] = lambda sentence, serious: None
        """Shows a sentence to everyone in the pad; the flag says whether it is serious."""
        self.on_written: Callable[[], None] = lambda: None
        """Called after records were written to the store here, so that they are flushed."""
        self.identity = b""
        """Random bytes that identify this document whatever its name, made when it begins and kept in its store. Empty, and
        told to nobody, while they are not on the disk."""
        self.access = Access()
        """The files whose permissions decide what other local users may do here; empty in a served folder."""
        self.on_access: Callable[[], None] = lambda: None
        """Called when `access` has changed, before text of a newly read file is in the pad."""
        self._is_access_noted = True
        self.unreadable = unreadable
        """The warning while the plain file is gone or cannot be read as text, else None. It is not autosaved then: a person
        decides."""
        self.unwritable: str | None = None
        """The warning while the plain file cannot be autosaved, else None."""
        self.protected: str | None = None
        """The sentence while the plain file may not be written, else None."""
        self.contests = 0
        """How often in a row another program changed the file just after we wrote it."""
        self.is_read_only = False
        """Whether nobody may edit, whatever their rights."""
        self.is_missing = False
        """Whether there was a plain file that was found to be gone."""
        self.is_replaced = False
        """Whether the file of this name belongs to another document. This one must be renamed, and does not touch the file."""
        self.on_replaced: Callable[[], None] = lambda: None
        """Called when `is_replaced` becomes true."""
        self._is_absence_noted = False
        self.remarks: list[str] = []
        """Further sentences for everyone who joins."""
        self._plain = plain
        self._base = base
        self._noted = noted
        self._noted_charset = self._noted_ids = b""
        self.on_form: Callable[[], None] = lambda: None
        """Called when the form of the plain file has changed, or whether there is one."""
        self.carried: CarriedFile | None = None
        """What is known of the file's states, if another program carries the file to other machines."""
        self._spares_blanks = False
        """Whether the last change by another program took blanks before somebody's caret, which stay."""
        self._told_form = (self.form, self.is_there)
        self.made_folder = ""
        """The folder that the last save created for the file, from the nearest one that was there; else empty."""
        self._saved_when_gone = pad.saved
        self._gone = ""
        """The notice after somebody deleted the file through this server, until there is one again."""
        self._seen: Glance | None = None
        self._replaced_files: list[tuple[float, ReplacedFile]] = []
        """Files that a save replaced, and when; oldest first."""
        self._earlier_states: list[tuple[float, Known, Version]] = []
        """Earlier contents of the file: when we replaced them, the bytes, and the version that was saved."""
        self._wrote_at = float("-inf")
        self._contested = False
        self._told_at = float("-inf")
        self._brought = list(brought)
        self._filing = asyncio.Lock()
        self._reading_outputs = asyncio.Lock()
        self._closed = False
        pad.on_patch.append(lambda patch, origin: self.remove_late_duplicates())
        self.records: NotebookRecords | None = None
        """Of a notebook: what its cells gave."""
        self._mender: Mender | None = None
        self._gone_cells: GoneCells | None = None
        if base.cells is not None:
            self._begin_cells()

    def _begin_cells(self) -> None:
        # Few documents need these.
        from jpterm_like.server.gone_cells import GoneCells
        from jpterm_like.server.mender import Mender

        self._mender = Mender(self.pad, lambda: bool(self.saver.awaited))
        self._gone_cells = GoneCells(self.saver.store.read_blob(GONE_CELLS))

    def begin_records(self, kept: Records | None, *, writes_outputs: bool) -> None:
        """Begin the records beside the text of a notebook, with those that the store has."""
        from jpterm_like.server.notebook_records import NotebookRecords

        self.records = NotebookRecords(kept, writes_outputs=writes_outputs)
        self.saver.keep_records(self.records.pad, self.records.pad.records.version)

    @property
    def notebook_metadata(self) -> dict[str, Any]:
        """What a notebook's file says of itself, such as its kernel."""
        from jpterm_like.files.notebook_file import notebook_metadata

        return notebook_metadata(self._base)

    @property
    def has_conflicts(self) -> bool:
        """Whether the file is a notebook with git's conflict markers, so that it does not hold the text."""
        if not self.is_notebook:
            return False
        from jpterm_like.files.notebook_file import has_conflicts

        return has_conflicts(self._base.raw)

    async def read_outputs(self) -> None:
        """Have the records hold what the file has for the cells, where that is not what they have; once for each state of the file.

        Those who wait for it go on in the order in which they came: cells are run in the order in which they were asked for.
        """
        async with self._reading_outputs:
            records = self.records
            if records is not None and self._plain is not None and self._base.raw != records.read_raw:
                from jpterm_like.files.notebook_file import file_outputs

                base = self._base
                found = await asyncio.to_thread(file_outputs, base)
                if base is self._base:
                    records.take_file(found.results, found.widgets)
                    records.read_raw = base.raw

    @property
    def is_notebook(self) -> bool:
        """Whether the text is the cells of a notebook."""
        return self._mender is not None

    @property
    def is_saved(self) -> bool:
        """Whether the plain file holds the current text, and what its cells gave."""
        has_all = self.records is None or not self.records.has_unsaved
        return has_all and self.pad.saved == self.pad.buffer.version

    @property
    def is_due(self) -> bool:
        """Whether the plain file lacks only what a sync brought, which it gets without being asked for: an earlier server was killed
        before it wrote the file."""
        return self.is_there and not self.is_saved and self.pad.buffer.version <= self.pad.due

    @property
    def is_stored(self) -> bool:
        """Whether all of the text is flushed to the store, and the records beside it."""
        has_all = self.records is None or self.records.pad.is_stored
        return has_all and self.pad.buffer.version <= self.pad.stored

    @property
    def where_kept(self) -> str:
        """Where the text is kept when it cannot be saved, as a sentence."""
        if self.is_stored:
            return "The text is kept here."
        return "It is not stored either, and kept in memory only: stay here until it is."

    @property
    def warnings(self) -> list[str]:
        """Sentences for everyone who joins."""
        about_file = [sentence for sentence in (self.unreadable, self.unwritable) if sentence is not None]
        return about_file + self.remarks

    def load_protection(self) -> bool:
        """Look whether the plain file may be written; return whether that has changed. Blocks."""
        why, before = why_protected(self.path), self.protected
        what = "is read only" if os.path.lexists(self.path) else "cannot be created"
        self.protected = None if why is None else f"{self.name} {what} ({why}): {READ_ONLY}"
        return self.protected != before

    def notify_protection(self) -> None:
        """Tell everyone whether the plain file may be written now."""
        self.notify(self.protected or f"{self.name} {WRITABLE}", False)

    @property
    def form(self) -> Form:
        """Charset, byte order mark and line ends of the plain file, as it was last read or written."""
        return form_of(self._base.raw[:FORM_BYTES], self._base.charset)

    @property
    def is_there(self) -> bool:
        """Whether there is a plain file, as of the last look."""
        return self._plain is not None or (self.unreadable is not None and not self.is_missing)

    @property
    def file_bytes(self) -> bytes | None:
        """What the plain file held when it was last read or written; None if there is none."""
        return None if self._plain is None else self._base.raw

    def know_charset_note(self, note: bytes) -> None:
        """Know what the store's note on the charset says, so that it is written only when that changes."""
        self._noted_charset = note

    def load_identity(self) -> None:
        """Read the identity from the store, or give it a new one, as stores of release 0.1.0 need. Blocks."""
        store = self.saver.store
        identity = store.read_blob(IDENTITY)
        if identity is None or len(identity) != IDENTITY_BYTES:
            identity = secrets.token_bytes(IDENTITY_BYTES)
            try:
                store.write_blob(IDENTITY, identity)
            except StorageError:
                return  # an identity that is not on the disk would be another one after a restart
        self.identity = identity

    def load_absence(self, *, is_missing: bool) -> None:
        """Note whether the file is missing at this opening. Blocks."""
        self._is_absence_noted = bool(self.saver.store.read_blob(ABSENT))
        self.is_missing = is_missing
        self.note_absence()

    def load_discards(self) -> None:
        """Read the notes on discarded work from the store. Blocks."""
        self.pad.discards = tuple(decode_discards(self.saver.store.read_blob(DISCARDS) or b""))

    async def note_discard(self, discard: Discard) -> bool:
        """Keep a note on discarded work for people who join later, and return whether it is new.

        Raises:
            StorageError: the disk refused.
        """
        async with self._filing:
            is_new = self.pad.note_discard(discard)
            if is_new and not self._closed:
                notes = encode_discards(self.pad.discards)
                await asyncio.to_thread(self.saver.store.write_blob, DISCARDS, notes)
            return is_new

    # ------------------------------------------------------------------ writing it

    async def save(self) -> None:
        """Write the plain file; afterwards it holds at least the text that the pad had at the call.

        A state of the file that was not read is never overwritten: it is merged first.

        Raises:
            JptermError: the file could not be written, and is unchanged; the text is kept.
        """
        async with self._filing:
            if self._closed:
                raise JptermError(f"{self.name} was not saved: it is being closed.")
            await self._merge_replaced_files()
            for _ in range(SAVE_TRIES):
                if await self._save_once():
                    return
            raise JptermError(f"{self.name} was not saved: another program keeps changing the file.")

    async def reform(self, form: Form) -> None:
        """Write the plain file with another charset, byte order mark and line ends.

        Raises:
            JptermError: as `save`.
        """
        if self.is_notebook:
            raise JptermError(f"{self.name} is a notebook: those are UTF-8, and keep their line ends.")
        if form.charset not in TITLES or form.ends[0] not in END_TITLES:
            raise JptermError(f"{self.name} was not saved: {form} is not known here.")
        async with self._filing:
            if self._closed:
                raise JptermError(f"{self.name} was not saved: it is being closed.")
            await self._merge_replaced_files()
            for _ in range(SAVE_TRIES):
                if await self._save_once(form):
                    return
            raise JptermError(f"{self.name} was not saved: another program keeps changing the file.")

    async def read_again(self, charset: str, who: str) -> None:
        """Read the plain file in another charset; what differs becomes edits, as if another program had made them.

        Raises:
            JptermError: it cannot be read so; nothing has changed.
        """
        if charset not in TITLES:
            raise JptermError(f"The encoding {charset} is not known here.")
        if self.is_notebook:
            raise JptermError(f"{self.name} is a notebook, and those are UTF-8.")
        async with self._filing:
            if self._closed:
                raise JptermError(f"{self.name} is being closed.")
            wanted = Known(b"", charset, True, is_text=True)
            plain = await asyncio.to_thread(read_plain, self.path, inside=self._inside, known=wanted)
            if plain is None:
                raise JptermError(f"{self.name} has no file that could be read again.")
            if plain.charset != charset:
                raise JptermError(f"{self.name} is not text in {TITLES[charset]}.")
            changes = await self._edit_in([self._base], plain)
            if changes is not None and changes.conflicts:
                self._tell(changes)
            self._note_file_state(plain, None, asyncio.get_running_loop().time(), is_chosen=True)
            self.notify(f"{who} read {self.name} again as {TITLES[charset]}.", False)
            await self._note_base()

    async def compare(self) -> None:
        """Mark the text as saved if the plain file holds it. Never writes the file."""
        async with self._filing:
            if self._closed:
                return
            if await asyncio.to_thread(self.seems_changed):
                await self._catch_up()
            text = await self._whole_text()
            version = self.pad.buffer.version
            if self._plain is None:
                is_held = not text  # no file is as good as an empty one
            else:
                is_held = self.unreadable is None and self._plain.text == text
            if is_held and self.pad.saved != version:
                self.pad.mark_saved(version)

    async def autosave(self) -> None:
        """Write the plain file, unless it was removed or replaced by something that is not text.

        Nobody asked for this write, so it must not bring a file back: `git switch` refuses to return to a branch whose file
        exists already.

        Raises:
            JptermError: as `save`.
        """
        async with self._filing:
            if self._closed:
                return
            await self._merge_replaced_files()
            if self.is_saved:
                return
            for _ in range(SAVE_TRIES):
                if await asyncio.to_thread(self.seems_changed):
                    await self._catch_up()
                if self.unreadable is not None or await self._save_once():
                    return
            raise JptermError(f"{self.name} is not saved: another program keeps changing the file.")

    async def close(self) -> None:
        """Wait for a running save, then flush and close the store.

        Raises:
            StorageError: not everything is on the disk.
        """
        async with self._filing:
            self._closed = True
            if await asyncio.to_thread(self.has_writers_of_replaced_files):
                log.warning(
                    "%s: another program still writes to the file that was replaced; that is lost.",
                    self.name,
                )
            self._drop_replaced_files(len(self._replaced_files))
            await asyncio.to_thread(self.saver.store.close)
            self.pad.mark_stored(self.saver.written)

    async def copy_to(self, store: Store) -> None:
        """Write the whole history to this store, replacing what is there, and use this store from now on.

        The history appears in one step, whenever the process dies. The caller holds the lock of the group commit, and marks nothing
        as stored before this store is certain to be the one that counts.

        Raises:
            StorageError: the document keeps its former store; the contents of the new one are useless.
        """
        gathered = MemoryStorage().open(self.name)
        saver = self.saver.for_new_store(gathered)
        await write_in_slices(saver)
        records = [*gathered.load().records, *self.saver.rest_of_snapshot(), *store.carried]
        base, discards = self._base, self.pad.discards
        noted = base.raw if self._has_base else None

        def put() -> None:
            if self.identity:
                store.write_blob(IDENTITY, self.identity)
            if discards:
                store.write_blob(DISCARDS, encode_discards(discards))
            if self.is_missing:
                store.write_blob(ABSENT, note(base.raw))
            if charset := encode_charsets([base]):
                store.write_blob(CHARSET, charset)
            if ids := encode_ids([base]):
                store.write_blob(CELL_IDS, ids)
            if self._gone_cells is not None:
                store.write_blob(GONE_CELLS, self._gone_cells.encode())
            if self.access.sources:
                store.write_blob(ACCESS, self.access.encode())
            if self.carried is not None:
                store.write_blob(CARRIED, self.carried.encode())
            synced_as = None
            with contextlib.suppress(StorageError):  # a lost store is why there is a new one
                synced_as = self.saver.store.read_blob(SYNCED_AS)
            if synced_as:
                store.write_blob(SYNCED_AS, synced_as)
            store.snapshot(records, lambda read: list(read) == records)
            if noted is not None:
                store.write_blob("base", noted)

        await asyncio.to_thread(put)
        store.carried = [*self.saver.store.carried, *store.carried]
        saver.store = store
        self.saver, self._noted, self._noted_charset = saver, noted, encode_charsets([base])

    async def merge_store(self, store: Store) -> bool:
        """Merge the contents of a store into this document; return False if it has another history."""
        kept = await asyncio.to_thread(restore, store, author=DISK)
        buffer = kept.buffer
        if kept.newer:
            raise NewerRelease(self.name)  # it is left alone
        if buffer is not None:
            if buffer.lineage != self.pad.buffer.lineage:
                return False
            try:
                self.pad.integrate(buffer.changes_since(self.pad.buffer.version), None)
            except ForeignOp:
                return False
            for unread in kept.unread:
                self.pad.keep_unread(unread.format, unread.data, None)
        return True

    async def move(self, name: str, path: Path, store: Store) -> None:
        """Rename the document: copy the history to a new store, and move the plain file.

        The caller has saved it, and holds the lock of the group commit.

        Raises:
            JptermError: nothing has changed but the contents of the new store.
        """
        async with self._filing:
            if self._closed or self._plain is None:
                raise JptermError(f"{self.name} has no file that could be renamed.")
            if (path.suffix == NOTEBOOK_SUFFIX) != (self.path.suffix == NOTEBOOK_SUFFIX):
                raise JptermError(
                    f"{self.name} was not renamed: a notebook's name ends with {NOTEBOOK_SUFFIX}, and no other text's does."
                )
            move = partial(move_plain, self.path, path, inside=self._inside)
            await self._change_name(name, path, store, move)
            self.note_source(
                await asyncio.to_thread(read_path_permissions, path) if self._inside is None else None,
                is_ours=True,
            )

    async def become_former(
        self, name: str, path: Path, store: Store, note_new_name: Callable[[], None]
    ) -> None:
        """As `move`, for a document without a file whose name now belongs to another document.

        Args:
            note_new_name: notes the new name in the old store, which completes the renaming; blocks.

        Raises:
            JptermError: nothing has changed but the contents of the new store.
        """
        async with self._filing:
            if self._closed or not self.is_missing:
                raise JptermError(f"{self.name} has a file of its own.")
            was = self.path.name
            await self._change_name(name, path, store, note_new_name)
            self.is_replaced = False
            self._gone = self.unreadable = (
                f"{was} is another document now; the text that you have is called {path.name}. "
                f"It is in no file now; {SAVING_WRITES}"
            )

    async def _change_name(self, name: str, path: Path, store: Store, commit: Callable[[], None]) -> None:
        old, noted, noted_charset = self.saver, self._noted, self._noted_charset
        await self.copy_to(store)
        try:
            await asyncio.to_thread(commit)
        except BaseException:
            self.saver, self._noted, self._noted_charset = old, noted, noted_charset
            raise
        self.name, self.path = name, path
        self._seen = None

    async def delete_file(self, who: str) -> None:
        """Delete the plain file and tell everyone; the text is kept.

        Raises:
            JptermError: it cannot be done.
        """
        async with self._filing:
            if self._closed or self._plain is None:
                raise JptermError(f"{self.name} has no file that could be deleted.")
            # Noted first: if we died between the two, the next file of this name would count as a change of this document.
            self.is_missing = True
            await asyncio.to_thread(self.note_absence)
            try:
                await asyncio.to_thread(delete_plain, self.path, inside=self._inside)
            except BaseException:
                self.is_missing = False
                raise
            with contextlib.suppress(StorageError):  # then it is a missing file, which stays at the others
                version = self.pad.buffer.version.encode()
                await asyncio.to_thread(self.saver.store.write_blob, DELETED, version)
            self._gone = f"{who} deleted {self.path.name}; the text is kept here, and {SAVING_WRITES}"
            self._note_loss()

    async def _check_owner(self) -> None:
        """
        Raises:
            JptermError: the file belongs to somebody who may not read the text.
        """
        if self.access.stranger() is not None:
            await self._catch_up()  # if it was moved away, no file is overwritten
        if self._plain is not None and (stranger := self.access.stranger()) is not None:
            raise JptermError(
                f"{self.name} was not saved: it is a file of {user_name(stranger)} now, who may not read your text. "
                "Move that file away and save again."
            )

    async def _save_once(self, form: Form | None = None) -> bool:
        """Write the plain file, in this form or as it is; return False if it has changed meanwhile and was read."""
        await self._check_owner()
        if self.is_replaced:
            raise JptermError(f"{self.name} was not saved: another file is called so now.")
        pad = self.pad
        if self._mender is not None:
            self._mender.mend_all()
        text = await self._whole_text()
        version = pad.buffer.version
        try:
            former = None if self._gone_cells is None else self._gone_cells.texts
            results = self.records.unsaved() if self.records is not None else {}
            widgets, kernel = None, ""
            if self.records is not None and results:
                widgets, kernel = self.records.widget_states(), self.records.kernel_name
            coming = await asyncio.to_thread(
                encode_file, text, self._base, form, former, results, widgets, kernel
            )
        except NotInCharset as problem:
            raise JptermError(
                f"{self.name} was not saved: {problem}. Replace it there, or use the command “Save in another encoding”."
            ) from None
        raw = coming.raw
        formers: list[ReplacedFile] = []
        try:
            # The store gets the text first. If we died with the text in the file alone, no history would have it, and the
            # next save would remove it.
            if self.saver.write():
                self.on_written()
            # If we die between the write and the note of the new base, the next start must not take the file's state for
            # somebody else's work: so the write is noted first. Before that comes the current base, if the disk
            # refused it last time, because the write is made against it.
            await asyncio.to_thread(self.note_base)
            if self._gone_cells is not None:
                await asyncio.to_thread(self._gone_cells.follow, self._base, coming)
            await asyncio.to_thread(self._note_charsets, [self._base, coming])
            pending = PendingWrite.of(self._base.raw, pad.buffer, raw)
            await asyncio.to_thread(self.saver.store.write_blob, PENDING_WRITE, pending.encode())
            missing = await asyncio.to_thread(_missing_folder, self.path) if self._plain is None else ""
            plain = await asyncio.to_thread(
                write_plain,
                self.path,
                raw,
                self._plain,
                charset=coming.charset,
                parents=True,
                inside=self._inside,
                mode=self.access.mode,
                replaced=formers.append,
            )
        except ChangedOnDisk:
            await self._catch_up()
            return False
        self.note_source(plain.permissions, is_ours=True)
        self._note_write(raw, formers)
        if coming.cells is not None:
            plain = plain._replace(text=text, cells=coming.cells)
        self._plain, self._seen = plain, None
        self._base = coming
        self.is_missing = False
        self.made_folder = missing
        pad.mark_saved(version)
        if self.records is not None:
            self.records.note_saved(results)
        self._clear_warnings()
        self._tell_form()
        if self.carried is not None:
            self.carried.note_saved(raw, version)
        try:
            if self.saver.write():
                self.on_written()
            await asyncio.to_thread(self.keep_carried)
            await asyncio.to_thread(self.note_base)
            if len(raw) >= LONG_NOTE_BYTES:
                await asyncio.to_thread(self.saver.store.write_blob, PENDING_WRITE, b"")
        except StorageError:
            self.on_written()  # the file is written; until the new base is on the disk, the note of the write says so
        return True

    async def _whole_text(self) -> str:
        """Return the text as of the return; other tasks get turns while it is put together."""
        loop = asyncio.get_running_loop()
        with contextlib.closing(SlicedText(self.pad)) as reading:
            turn = loop.time()
            while reading.step():
                if loop.time() - turn > SLICE_S:
                    await asyncio.sleep(0)
                    turn = loop.time()
            return reading.text

    def note_base(self) -> None:
        """Write the base to the store, flushed. Blocks.

        Raises:
            StorageError: the store has the former base.
        """
        self.keep_access()
        self.note_absence()
        self._note_charsets([self._base])
        base = self._base.raw
        if self._noted != base and self._has_base:
            self.saver.store.write_blob("base", base)
            self._noted = base

    def note_base_of_others(self) -> None:
        """As `note_base`, for a base that others wrote: what was announced before does not say any more what the file may hold."""
        self.note_base()
        store = self.saver.store
        if store.read_blob(PENDING_WRITE):
            store.write_blob(PENDING_WRITE, b"")

    @property
    def _has_base(self) -> bool:
        """Whether there is a file, or was one that was read or written. The note of a base says so to the next opening."""
        return self._plain is not None or self.is_missing or self._noted is not None

    def _note_charsets(self, states: Sequence[Known]) -> None:
        """Write the charsets of these states of the file to the store, before the states. Blocks.

        Raises:
            StorageError: the store has the former note.
        """
        charsets, ids = encode_charsets(states), encode_ids(states)
        if self._noted_charset != charsets:
            self.saver.store.write_blob(CHARSET, charsets)
            self._noted_charset = charsets
        if self._noted_ids != ids:
            self.saver.store.write_blob(CELL_IDS, ids)
            self._noted_ids = ids
        gone = self._gone_cells
        if gone is not None and gone.noted != (note_of_gone := gone.encode()):
            self.saver.store.write_blob(GONE_CELLS, note_of_gone)
            gone.noted = note_of_gone

    def _tell_form(self) -> None:
        form = self.form, self.is_there
        if form != self._told_form:
            self._told_form = form
            self.on_form()

    def note_absence(self) -> None:
        """Note in the store whether the file is missing; see `server.absence`. Blocks; a failed write is repeated at the next call."""
        if self.is_missing != self._is_absence_noted:
            with contextlib.suppress(StorageError):
                self.saver.store.write_blob(ABSENT, note(self._base.raw) if self.is_missing else b"")
                self._is_absence_noted = self.is_missing

    def _note_write(self, raw: bytes, formers: list[ReplacedFile]) -> None:
        now = asyncio.get_running_loop().time()
        if raw != self._base.raw:
            self._earlier_states.append((now, self._base, self.pad.saved))
        self._replaced_files += [(now, former) for former in formers]
        self._drop_replaced_files(len(self._replaced_files) - REPLACED_FILES_MAX)
        if not self._contested and now - self._wrote_at > CONTEST_S:
            if self.contests >= CONTESTS_TOLD:
                self.notify(
                    f"No other program changes {self.name} now after each write; {WRITTEN_AS_USUAL}", False
                )
            self.contests = 0
        self._contested = False
        self._wrote_at = now

    # ------------------------------------------------------------------ reading it

    @property
    def watches_replaced_files(self) -> bool:
        """Whether there are replaced files that somebody may still write to."""
        return bool(self._replaced_files)

    def has_writers_of_replaced_files(self) -> bool:
        """Return whether another program certainly has a replaced file open, or wrote to it since it was read. Blocks."""
        # In this order: nobody opens it any more, so what is written after the first question is seen by the second.
        return any(former.is_held() or former.written() for _, former in self._replaced_files)

    def note_source(self, permissions: PathPermissions | None, *, is_ours: bool = False) -> None:
        """Add the file that was read, or written by us, to `access`."""
        if permissions is not None and self.access.note(permissions, is_ours=is_ours):
            self._is_access_noted = False
            self.on_access()

    def keep_access(self) -> None:
        """Write `access` to the store if it has changed. Blocks; a failed write is repeated with the next file."""
        if not self._is_access_noted:
            with contextlib.suppress(StorageError):
                self.saver.store.write_blob(ACCESS, self.access.encode())
                self._is_access_noted = True

    async def reread(self) -> None:
        """Read the plain file even if it seems unchanged: permissions of folders above it may have changed."""
        self._seen = None
        await self.read_changes()

    def seems_changed(self) -> bool:
        """Return whether the plain file looks different from when it was last read. Cheap; blocks on a slow disk."""
        return self._seen is None or glance(self.path, self._inside) != self._seen

    async def read_changes(self) -> None:
        """Merge changes of the plain file, once it is at rest, and tell everyone about them."""
        async with self._filing:
            if self._closed:
                return
            await self._merge_replaced_files()
            if await asyncio.to_thread(self.seems_changed):
                await self._catch_up()

    async def read_replaced_files(self) -> None:
        """Merge late writes to replaced files, and no changes of the present one."""
        async with self._filing:
            if not self._closed:
                await self._merge_replaced_files()

    async def _catch_up(self) -> None:
        seen, found = await _read_at_rest(
            lambda: glance(self.path, self._inside),
            lambda: read_plain(self.path, inside=self._inside, known=self._base),
            self._base.raw,
        )
        # A file that changed within the last clock tick may change again and look the same, so it is read again.
        is_racy = len(seen) > 1 and abs(clock.wall() - seen[2] / 1e9) < RACY_S
        self._seen = None if is_racy else seen
        if isinstance(found, FileProblem):
            self._stop_writing(nothing_written(found))
        elif found is None:
            self._note_loss()
            await asyncio.to_thread(self.note_absence)
        elif self.is_missing and await self._is_another(found):
            self.is_replaced = True
            self.on_replaced()
        else:
            self.note_source(found.permissions)
            await asyncio.to_thread(self.keep_access)
            now = asyncio.get_running_loop().time()
            if self._is_known_state(found) or self._note_file_state(
                found, await self._edit_in(self._bases(now), found), now
            ):
                await asyncio.to_thread(self.keep_carried)
                await self._note_base()
            else:
                await asyncio.to_thread(self.note_absence)

    async def _is_another(self, plain: PlainFile) -> bool:
        texts = text_in(self._base), await self._whole_text()
        return await asyncio.to_thread(is_another, texts, plain.text)

    async def _merge_replaced_files(self) -> None:
        """Merge late writes to replaced files, by programs that had opened them before."""
        now = asyncio.get_running_loop().time()
        for replaced_at, former in list(self._replaced_files):
            # Checked before reading: writes until the closing are merged below.
            may_write = now - replaced_at <= RACE_S
            if not may_write:
                is_held = await asyncio.to_thread(former.is_held)
                may_write = now - replaced_at <= REPLACED_S if is_held is None else is_held
            if former.written():
                _, found = await _read_at_rest(former.glance, former.read, former.plain.raw)
                if isinstance(found, PlainFile):
                    changes = await self._edit_in([former.plain.known], found)
                    former.plain = found
                    if changes is not None:
                        self._tell(changes)
            if not may_write:
                self._replaced_files.remove((replaced_at, former))
                former.close()

    def _drop_replaced_files(self, count: int) -> None:
        """Close the oldest replaced files."""
        for _ in range(count):
            _, former = self._replaced_files.pop(0)
            former.close()

    def _note_loss(self) -> None:
        """Note that the file is gone; the text stays (F13)."""
        if self._plain is None and self.unreadable is None:
            return  # there never was one
        if self._plain is not None:
            self._saved_when_gone = self.pad.saved
            self.pad.mark_saved(Version())
        self._plain = None
        self.is_missing = True
        self._stop_writing(self._gone or gone(self.name))
        self._tell_form()

    async def _edit_in(self, bases: list[Known], plain: PlainFile) -> Merge | None:
        """Apply what others changed in the file to the pad; None if nothing. The difference is computed in a thread."""
        if (plain.raw, plain.charset) == bases[0][:2]:
            return None
        if self.carried is not None:
            self.carried.begin_import(self.pad, plain.text, self.pad.saved)
            await asyncio.to_thread(self.keep_carried)
        text = await self._whole_text()
        with contextlib.closing(Rebase(self.pad)) as follower:
            changes = await asyncio.to_thread(_changes, bases, plain, text)
            splices = follower.now(changes.splices)
        splices, self._spares_blanks = spare_blanks(splices, self.pad.buffer, self._carets())
        self._make_edits(splices)
        if self.carried is not None:
            self.carried.end_import(self.pad)
        return changes

    def _carets(self) -> list[int]:
        """The offsets of people's carets."""
        carets = [person.caret for person in self.pad.people if person.caret is not None]
        offsets = map(self.pad.buffer.offset, carets)
        return [offset for offset in offsets if offset is not None]

    def _note_file_state(
        self, plain: PlainFile, changes: Merge | None, now: float, *, is_chosen: bool = False
    ) -> bool:
        """Note a state of the file whose changes are in the pad; return whether there were any.

        `now` is monotonic; `is_chosen` says that a person chose the charset.
        """
        if self._plain is None and plain.raw == self._base.raw:
            self.pad.mark_saved(self._saved_when_gone)
        self._plain, self._gone = plain, ""
        self.is_missing = self.is_replaced = False
        if self.unreadable is not None:
            self.unreadable = None
            self.notify(f"{self.name} {THERE_AGAIN}", False)
        is_chosen |= self._base.is_chosen and plain.charset == self._base.charset
        if self._gone_cells is not None:
            self._gone_cells.follow(self._base, plain.known)
        self._base = plain.known._replace(is_chosen=is_chosen)
        if self.records is not None and self.records.read_raw is not None:
            from jpterm_like.files.notebook_file import file_outputs

            found = file_outputs(self._base)
            self.records.take_file(found.results, found.widgets)
            self.records.read_raw = self._base.raw
        self._tell_form()
        pad, set_back = self.pad, False
        if self.has_conflicts:
            pad.mark_saved(Version())
            self.notify(f"{self.name} {BOTH_SIDES}", True)
        elif len(pad.buffer) == len(plain.text) and pad.buffer.text == plain.text:
            pad.mark_saved(pad.buffer.version)
        elif self._spares_blanks and without_live_blanks(pad.buffer, self._carets()) == plain.text:
            # Else autosave would write the blanks again, and the other program take them away again.
            pad.mark_saved(pad.buffer.version)
        else:
            former = next(
                (version for _, state, version in self._earlier_states if state.raw == plain.raw), None
            )
            set_back = former is not None
            if former is not None or pad.saved == pad.buffer.version:
                pad.mark_saved(former or Version())
            if changes is not None and now - self._wrote_at < CONTEST_S and not self._contested:
                self._count_contest()
        if changes is not None:
            self._tell(changes, now, set_back=set_back)
        return changes is not None

    def _bases(self, now: float) -> list[Known]:
        """The states that another program may have started from, likeliest first.

        Usually that is the last state. But it may have read the file before our last write, and written it after that.
        """
        self._earlier_states = [former for former in self._earlier_states if now - former[0] < RACE_S]
        return [self._base, *(state for _, state, _ in reversed(self._earlier_states))]

    # Text that the file has at an opening and the history lacks is usually another program's work. But if the store is an old
    # backup or lost a part, people who still have that history will bring it, and then the text is there twice.
    # See `sync.file_duplicates`.

    def merge_file(self, plain: PlainFile) -> bool:
        """Merge what others did to the file while the document was closed; return whether there was anything. Blocks."""
        if self._is_known_state(plain):
            self.keep_carried()
            return True
        changes = None
        if plain.raw != self._base.raw:
            changes = _changes([self._base], plain, self.pad.buffer.text)
            if self.carried is not None:
                self.carried.begin_import(self.pad, plain.text, self.pad.saved)
            self._make_edits(changes.splices)
            if self.carried is not None:
                self.carried.end_import(self.pad)
        changed = self._note_file_state(plain, changes, 0.0)
        self.keep_carried()
        if changed and (brought := file_import_of(self.pad.buffer)) is not None:
            self._brought = [*self._brought, brought][-BROUGHT_MAX:]
            self.saver.note_file_import(brought.encode())
        return changed

    def _is_known_state(self, plain: PlainFile) -> bool:
        """Whether a new state of a carried file is a version that the history has, and so no change by another program; note it then."""
        if self.carried is None or plain.raw == self._base.raw or self.is_notebook:
            return False
        version = self.carried.version_of(plain.raw, plain.text, self.pad.buffer)
        if version is None:
            return False
        before = self.pad.saved
        self._note_file_state(plain, None, 0.0)
        if self.pad.saved != self.pad.buffer.version:
            self.carried.note_lost(before)
            self.pad.mark_saved(version)
        return True

    def keep_carried(self) -> None:
        """Write what is known of a carried file to the store if it has changed. Blocks; a failed write is repeated with the next one."""
        if self.carried is not None and not self.carried.is_noted:
            with contextlib.suppress(StorageError):
                self.saver.store.write_blob(CARRIED, self.carried.encode())
                self.carried.is_noted = True

    def expect(self, version: Version, held: Version | None) -> bool:
        """Note that somebody with this version joins; return whether text that came from the file may be in the history that they
        bring.

        `held`, if known, is a version of theirs whose text the plain file held.
        """
        is_late = bool(self._brought) and not version <= self.pad.buffer.version
        if is_late and version not in self.saver.awaited:
            self.saver.awaited = (*self.saver.awaited, version)[-LATE_MAX:]
        if is_late and held is not None and held not in self.saver.held:
            self.saver.held = (*self.saver.held, held)[-LATE_MAX:]
        return is_late

    def remove_late_duplicates(self) -> None:
        """Remove text that came from the file and then again with somebody's history, once all of that history is here."""
        if not self.saver.awaited:
            return  # making a version for each key would be slow
        reached = self.pad.buffer.version
        if any(version <= reached for version in self.saver.awaited):
            self.saver.awaited = tuple(it for it in self.saver.awaited if not it <= reached)
            if remove_duplicates(self.pad, self._brought, self.saver.held, clock.wall()):
                self.notify(
                    f"What {self.name} had on disk beyond the server's history came with its history; it is there once.",
                    False,
                )
            if not self.saver.awaited:
                self.saver.held = ()

    def _make_edits(self, splices: Sequence[Splice]) -> None:
        now = clock.wall()
        with self.pad.buffer.one_step():
            for start, end, new in splices:
                self.pad.replace(start, end, new, now)

    async def _note_base(self) -> None:
        """Flush the merged edits, then write the new base.

        In the other order a crash between the two would leave a change that counts as known and is in no text.
        """
        store = self.saver.store
        try:
            if self.saver.write():
                self.on_written()
            await asyncio.to_thread(store.sync)
            await asyncio.to_thread(self.note_base_of_others)
        except StorageError:
            # The server says that nothing is stored. Without the new base the next start merges the same change again, and
            # `merge` applies once what both sides have.
            self.on_written()

    # ------------------------------------------------------------------ notices

    def report_unwritable(self, problem: JptermError) -> None:
        """Tell everyone, once, that the file cannot be autosaved."""
        if self.unwritable != str(problem):
            self.unwritable = str(problem)
            self.notify(f"{NOT_SAVED}{problem} {self.where_kept}", True)

    def _clear_warnings(self) -> None:
        self._gone = ""
        was_unwritable = self.unwritable is not None
        self.unreadable = self.unwritable = None
        if was_unwritable:
            self.notify(f"{self.name} {WRITTEN_AGAIN}", False)

    def _stop_writing(self, sentence: str) -> None:
        if self.unreadable != sentence:
            self.unreadable = sentence
            self.notify(sentence, True)

    def _count_contest(self) -> None:
        self._contested = True
        self.contests = min(self.contests + 1, CONTESTS_MAX)
        if self.contests == CONTESTS_TOLD:
            self.notify(
                f"Another program changes {self.name} each time it was written; {WRITTEN_LESS}",
                True,
            )

    def _tell(self, changes: Merge, now: float = float("inf"), *, set_back: bool = False) -> None:
        if changes.splices and changes.conflicts:
            line = self.pad.buffer.text.count("\n", 0, changes.conflicts[0][0]) + 1
            self.notify(
                f"{self.name} was changed on disk where it was changed here, too: both are kept, look at line {line:,}.",
                True,
            )
        elif (changes.splices or set_back) and now - self._told_at >= NOTICE_S:
            self._told_at = now
            self.notify(
                f"{self.name} was changed on disk by another program; the change is merged in."
                if changes.splices
                else f"{self.name} was set back on disk to what it held before it was last saved; the text here is kept.",
                False,
            )


class ReadOnlyDocument(Document):
    """A document whose store was written by a newer release. It is shown as far as this release can read it; neither the store
    nor the plain file is written."""

    def __init__(
        self, name: str, path: Path, inside: Root | None, pad: Pad, store: Store, plain: PlainFile | None
    ) -> None:
        super().__init__(name, path, inside, pad, ReadOnlySaver(pad, store), plain, UNKNOWN, None)
        self.is_read_only = True
        self.remarks = [str(NewerRelease(name))]

    @property
    def is_saved(self) -> bool:
        return True  # nothing can change

    def load_identity(self) -> None:
        self.identity = self.saver.store.read_blob(IDENTITY) or b""

    async def save(self) -> None:
        raise NewerRelease(self.name)

    async def autosave(self) -> None:
        pass

    async def compare(self) -> None:
        pass

    async def copy_to(self, store: Store) -> None:
        raise NewerRelease(self.name)

    async def move(self, name: str, path: Path, store: Store) -> None:
        raise NewerRelease(self.name)

    async def delete_file(self, who: str) -> None:
        raise NewerRelease(self.name)

    def seems_changed(self) -> bool:
        return False

    async def read_changes(self) -> None:
        pass

    async def read_replaced_files(self) -> None:
        pass

    def expect(self, version: Version, held: Version | None) -> bool:
        return False


async def write_in_slices(saver: Saver) -> None:
    """Write everything new to the store, with turns for other tasks in between.

    Raises:
        StorageError: not all of it was written.
    """
    while saver.write(limit_bytes=WRITE_BYTES):
        if not saver.behind:
            break
        await asyncio.sleep(0)


def nothing_written(problem: FileProblem) -> str:
    """The warning for a file that cannot be read as text."""
    is_other = isinstance(problem, NotText) and not problem.is_binary
    read = " “Read again in another encoding” reads it as it is now." if is_other else ""
    return f"{problem}{read} {NOTHING_WRITTEN}"


def gone(name: str) -> str:
    """The warning for a file that no longer exists."""
    return f"{name} was deleted or moved away on disk; the text is kept here, and {SAVING_WRITES}"


def looks_unfinished(found: PlainFile | FileProblem | None, known: bytes) -> bool:
    """Return whether another program may be rewriting this file just now: it is gone, not text, or lacks its end."""
    if not isinstance(found, PlainFile):
        return True
    return len(found.raw) < len(known) and found.raw[-_END_BYTES:] != known[-_END_BYTES:]


async def _read_at_rest(
    look: Callable[[], Glance], read: Callable[[], PlainFile | None], known: bytes
) -> tuple[Glance, PlainFile | FileProblem | None]:
    """Return how a file looks from outside, and its state, once it did not change for a while; at once if it holds `known`."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + UNREST_S
    while True:
        seen = await asyncio.to_thread(look)
        found: PlainFile | FileProblem | None
        try:
            found = await asyncio.to_thread(read)
        except FileProblem as problem:
            found = problem
        if isinstance(found, PlainFile) and found.raw == known:
            return seen, found
        rested_at = loop.time() + (LONG_REST_S if looks_unfinished(found, known) else REST_S)
        while is_same := await asyncio.to_thread(look) == seen:
            if loop.time() >= min(rested_at, deadline):
                break
            await asyncio.sleep(REST_STEP_S)
        if is_same or loop.time() >= deadline:
            return seen, found


def _missing_folder(path: Path) -> str:
    nearest = nearest_existing(path.parent)
    return "" if nearest == path.parent else str(path.parent.relative_to(nearest))


def encode_file(
    text: str,
    base: Known,
    form: Form | None,
    former: Mapping[str, str] | None = None,
    results: Mapping[str, Result] | None = None,
    widgets: Mapping[str, Any] | None = None,
    kernel: str = "",
) -> Known:
    """Return what the file is to hold: a text in a form, or in that of the base. Raises as `encode_plain`."""
    if base.cells is not None:
        from jpterm_like.files.notebook_file import encode_cells

        return encode_cells(text, base, former, results, widgets, kernel)
    if form is None:
        return base._replace(raw=encode_plain(text, base.raw, base.charset))
    raw = encode_as(text, form.charset, bom=form.bom, end=form.ends[0])
    is_chosen = base.is_chosen and base.charset == form.charset
    return base._replace(raw=raw, charset=form.charset, is_chosen=is_chosen)


def closest(bases: Sequence[Known], text: str) -> Known:
    """Return the state of the file from which another program most likely made this text: the one that differs least from it, and
    the first of equals."""
    if len(bases) == 1:
        return bases[0]
    return min(bases, key=lambda base: effort(text_in(base), text))


def _changes(bases: Sequence[Known], plain: PlainFile, ours: str) -> Merge:
    """Return what another program changed to make this of the file, for our text: starting from the base with the smallest difference."""
    base = closest(bases, plain.text)
    if plain.cells is not None:
        from jpterm_like.files.notebook_file import merge_notebooks

        return merge_notebooks(base, plain.known, ours)
    return merge(text_in(base), plain.text, ours)
