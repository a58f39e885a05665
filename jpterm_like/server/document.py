"""A document on the server: its pad, its store, and the plain file beside them.

The store is the truth; the plain file is what it is written to for everyone else. What others wrote into the plain
file meanwhile is three-way merged against the bytes that were last read or written here (the *base*), and appears as
edits by the participant "disk", one step of undo for each change.

Whoever writes a file tells nobody when it begins and when it is done. So a state is taken in when it has come to rest,
and one that looks like half a file must rest longer (`_read_at_rest`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from crdt import ForeignOp, Splice, Version
from jpterm_like import clock
from jpterm_like.errors import NOT_SAVED, SAVING_WRITES, JptermError
from jpterm_like.files.access_control import Access, Way, user_name
from jpterm_like.files.encoding import decode_plain, encode_plain
from jpterm_like.files.read import ChangedOnDisk, FileProblem, Glance, PlainFile, glance, read_plain, way_to
from jpterm_like.files.root import Root
from jpterm_like.files.write import Former, delete_plain, move_plain, write_plain
from jpterm_like.saver import BROUGHT_MAX, ReadOnlySaver, Saver, restore
from jpterm_like.server.absence import ABSENT, is_another, note
from jpterm_like.server.pending_write import PENDING_WRITE, PendingWrite
from jpterm_like.storage.base import NewerRelease, StorageError, Store
from jpterm_like.storage.memory import MemoryStorage
from jpterm_like.sync.file_duplicates import Brought, brought_by, take_out_doubled
from jpterm_like.sync.pad import Pad
from jpterm_like.sync.rebase import Follower
from jpterm_like.sync.sliced_text import Reading
from jpterm_like.sync.unsaved_work import DISK, Discard, decode_discards, encode_discards
from jpterm_like.textdiff.diff import effort
from jpterm_like.textdiff.merge import Merge, merge

SLICE_S: Final = 0.01
"""After so long of putting the text together others have their turn."""
WRITE_BYTES: Final = 64 * 1024
"""About so much of a history is put into bytes in one turn of the event loop."""
SAVE_TRIES: Final = 5
"""How often a save starts anew because the file changes under it, before it gives up."""
REST_S: Final = 0.25
"""A file that was not touched for this long is taken for written to its end."""
LONG_REST_S: Final = 2.0
"""The same for one that looks unfinished. Programs that write a file anew empty it first, or move it away."""
REST_STEP_S: Final = 0.05
UNREST_S: Final = 5.0
"""A file that never comes to rest, a log for example, is taken as it is after this long."""
RACE_S: Final = 5.0
"""How long another program may take from reading a file to writing it: formatters of large files need seconds. What
was written here meanwhile is missing in what it writes, and is not taken for deleted by it."""
RACY_S: Final = 0.05
"""Clocks of file systems tick every few milliseconds: two states of one tick look the same from outside."""
REPLACED_S: Final = 600.0
"""A file that was replaced is looked at for so long where the system does not tell whether somebody has it open."""
REPLACED_FILES_MAX: Final = 16
"""So many files that were replaced are looked at, the newest."""
CONTEST_S: Final = 10.0
"""Another program's change so soon after our write is taken for an answer to it."""
CONTESTS_TOLD: Final = 3
CONTESTS_MAX: Final = 4
"""Writing by itself waits twice as long after each such answer, and no longer than after this many."""
NOTICE_S: Final = 5.0
"""Changes on the disk are told this often at most."""
LATE_MAX: Final = 16
"""So many people are waited for who bring what our history lacks."""
IDENTITY: Final = "identity"
"""The blob with a document's identity."""
IDENTITY_BYTES: Final = 16
DISCARDS: Final = "discards"
"""The blob with the notes on unsaved work that was discarded."""
ACCESS: Final = "access"
"""The blob with the files that count for what other users of this machine may do; see `files.access_control.Access`."""
UNUSABLE: Final = "unusable"
"""The blob with the digest of the records that cannot be decoded (`saver.RestoredPad.unusable`), once all of the plain file was merged
because of them. Without it each opening would merge the file again, and bring back lines that were deleted since."""
_END_BYTES: Final = 16


log = logging.getLogger("jpterm_like.server.document")


class Document:
    """See the module. Made by `server.load_document.open_document`.

    Args:
        name: the pad's name, for messages.
        path: the plain file; need not exist.
        inside: the shared folder that it must not lead out of, or None.
        plain: the file's state as last read or written; None while there is no file.
        base: its bytes, or empty.
        noted: what the store's note on it says, or None.
        unreadable: why the file is not written by itself; see the attribute.
        brought: notes on what came from the file at earlier openings.
    """

    def __init__(
        self,
        name: str,
        path: Path,
        inside: Root | None,
        pad: Pad,
        saver: Saver,
        plain: PlainFile | None,
        base: bytes,
        noted: bytes | None,
        unreadable: str | None = None,
        brought: Sequence[Brought] = (),
    ) -> None:
        self.name = name
        self.path = path
        self._inside = inside
        self.pad = pad
        self.saver = saver
        self.notify: Callable[[str, bool], None] = lambda sentence, serious: None
        """Tells everyone in the pad a sentence, and whether it is serious."""
        self.on_written: Callable[[], None] = lambda: None
        """Called when something was handed to the store here, and is to be brought to the disk."""
        self.identity = b""
        """Tells this document from every other one, whatever their names: random bytes, made when it first begins, and
        kept in its store. Empty while the disk has not taken them: then nobody is told any."""
        self.access = Access()
        """Which files count for what other users of this machine may do here; empty where permissions say nothing."""
        self.on_access: Callable[[], None] = lambda: None
        """Called when that has changed, before anything of a file that was read is in the text."""
        self._is_access_noted = True
        self.unreadable = unreadable
        """What is to be told while the plain file is gone or cannot be read as text, else None. It is not written by
        itself then: a person decides."""
        self.unwritable: str | None = None
        """What is to be told while the plain file could not be written by itself, else None."""
        self.contests = 0
        """How often in a row another program changed the file just after it was written here."""
        self.is_read_only = False
        """Whether nobody may write here, whatever their rights."""
        self.is_missing = False
        """Whether there was a plain file, and it was found to be gone."""
        self.is_replaced = False
        """Whether the file of this name is another document's: this one must get another name, and leaves the file alone."""
        self.on_replaced: Callable[[], None] = lambda: None
        """Called when that was found out."""
        self._is_absence_noted = False
        self.remarks: list[str] = []
        """What else somebody who comes in must know."""
        self._plain = plain
        self._base = base
        self._noted = noted
        self._saved_when_gone = pad.saved
        self._gone = ""
        """What was told when somebody had us delete the file, until there is one again."""
        self._seen: Glance | None = None
        self._replaced_files: list[tuple[float, Former]] = []
        """Files in whose place we put another, and when; oldest first."""
        self._earlier_states: list[tuple[float, bytes, Version]] = []
        """What the file held before we wrote it: until when, the bytes, and the version that was saved."""
        self._wrote_at = float("-inf")
        self._contested = False
        self._told_at = float("-inf")
        self._brought = list(brought)
        self._filing = asyncio.Lock()
        self._closed = False
        pad.on_patch.append(lambda patch, origin: self.remove_late_duplicates())

    @property
    def is_saved(self) -> bool:
        """Whether the plain file holds the text as it is."""
        return self.pad.saved == self.pad.buffer.version

    @property
    def is_stored(self) -> bool:
        """Whether everything is in the store, on the disk."""
        return self.pad.buffer.version <= self.pad.stored

    @property
    def where_kept(self) -> str:
        """What becomes of the text when it cannot be saved, in a sentence."""
        if self.is_stored:
            return "The text is kept here."
        return "It is not stored either, and kept in memory only: stay here until it is."

    @property
    def warnings(self) -> list[str]:
        """What somebody who comes in must know."""
        about_file = [sentence for sentence in (self.unreadable, self.unwritable) if sentence is not None]
        return about_file + self.remarks

    def load_identity(self) -> None:
        """Take the identity from the store; one without gets a new one, as stores of release 0.1.0 do. Blocks."""
        store = self.saver.store
        identity = store.read_blob(IDENTITY)
        if identity is None or len(identity) != IDENTITY_BYTES:
            identity = secrets.token_bytes(IDENTITY_BYTES)
            try:
                store.write_blob(IDENTITY, identity)
            except StorageError:
                return  # one that is not on the disk would be another one after a restart
        self.identity = identity

    def load_absence(self, *, is_missing: bool) -> None:
        """Note whether the file is missing at this opening. Blocks."""
        self._is_absence_noted = bool(self.saver.store.read_blob(ABSENT))
        self.is_missing = is_missing
        self.note_absence()

    def load_discards(self) -> None:
        """Take the notes on discarded work from the store. Blocks."""
        self.pad.discards = tuple(decode_discards(self.saver.store.read_blob(DISCARDS) or b""))

    async def note_discard(self, discard: Discard) -> bool:
        """Keep a note on discarded work, for those who come later; whether it is new.

        Raises:
            StorageError: the disk does not take it.
        """
        async with self._filing:
            is_new = self.pad.note_discard(discard)
            if is_new and not self._closed:
                notes = encode_discards(self.pad.discards)
                await asyncio.to_thread(self.saver.store.write_blob, DISCARDS, notes)
            return is_new

    # ------------------------------------------------------------------ writing it

    async def save(self) -> None:
        """Write the plain file; afterwards it holds at least what the pad held at the call.

        Never writes over a state of the file that was not read: what others wrote is merged first.

        Raises:
            JptermError: it could not be written; the file is as before and the text is kept.
        """
        async with self._filing:
            if self._closed:
                raise JptermError(f"{self.name} was not saved: it is being closed.")
            await self._merge_replaced_files()
            for _ in range(SAVE_TRIES):
                if await self._save_once():
                    return
            raise JptermError(f"{self.name} was not saved: another program keeps changing the file.")

    async def compare(self) -> None:
        """Call the text saved if the plain file holds it as it is. Never writes there."""
        async with self._filing:
            if self._closed:
                return
            if await asyncio.to_thread(self.seems_changed):
                await self._catch_up()
            text = await self._whole_text()
            version = self.pad.buffer.version
            if self._plain is None:
                is_held = not text  # as good as a file without text
            else:
                is_held = self.unreadable is None and self._plain.text == text
            if is_held and self.pad.saved != version:
                self.pad.mark_saved(version)

    async def autosave(self) -> None:
        """Write the plain file, unless somebody took it away or made something else than a text of it.

        Nobody asked for this write. A file that comes back by itself would be in the way: `git switch` refuses to
        return to a branch whose file lies there already.

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
        """Let go of the store, with everything that was written to it on the disk; after the save that is under way.

        Raises:
            StorageError: it is not on the disk.
        """
        async with self._filing:
            self._closed = True
            if await asyncio.to_thread(self.has_writers_of_replaced_files):
                log.warning(
                    "%s: another program goes on writing into the file that was replaced; that is lost.",
                    self.name,
                )
            self._drop_replaced_files(len(self._replaced_files))
            await asyncio.to_thread(self.saver.store.close)
            self.pad.mark_stored(self.saver.written)

    async def copy_to(self, store: Store) -> None:
        """Have the history, whole, in this store from now on, in the place of what is there.

        The caller sees to it that nothing is committed meanwhile, and calls nothing stored before it is sure that this store counts.
        It is there in one step, for who dies amid.

        Raises:
            StorageError: the document is kept where it was; what the new store holds is of no use.
        """
        gathered = MemoryStorage().open(self.name)
        saver = self.saver.for_new_store(gathered)
        await write_in_slices(saver)
        records = [*gathered.load().records, *self.saver.rest_of_snapshot(), *store.carried]
        base, discards = self._base, self.pad.discards

        def put() -> None:
            if self.identity:
                store.write_blob(IDENTITY, self.identity)
            if discards:
                store.write_blob(DISCARDS, encode_discards(discards))
            if self.is_missing:
                store.write_blob(ABSENT, note(base))
            if self.access.ways:
                store.write_blob(ACCESS, self.access.encode())
            store.snapshot(records, lambda read: list(read) == records)
            store.write_blob("base", base)

        await asyncio.to_thread(put)
        store.carried = [*self.saver.store.carried, *store.carried]
        saver.store = store
        self.saver, self._noted = saver, base

    async def merge_store(self, store: Store) -> bool:
        """Make what a store holds a part of this document, as far as it is of its history; whether it is."""
        kept = await asyncio.to_thread(restore, store, author=DISK)
        buffer = kept.buffer
        if kept.newer:
            raise NewerRelease(self.name)  # it stays where it is
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
        """Have another name from now on, with the history in a new store and the plain file moved.

        The caller sees to it that nothing is committed meanwhile, and saves before.

        Raises:
            JptermError: all is as before, but for what the new store holds.
        """
        async with self._filing:
            if self._closed or self._plain is None:
                raise JptermError(f"{self.name} has no file that could be renamed.")
            move = partial(move_plain, self.path, path, inside=self._inside)
            await self._change_name(name, path, store, move)
            self.note_way(
                await asyncio.to_thread(way_to, path) if self._inside is None else None, is_ours=True
            )

    async def become_former(
        self, name: str, path: Path, store: Store, note_new_name: Callable[[], None]
    ) -> None:
        """As `move`, for a document without a file whose name is another one's from now on.

        Args:
            note_new_name: has the old store say so; blocks. With it the name has changed.

        Raises:
            JptermError: all is as before, but for what the new store holds.
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
        old, noted = self.saver, self._noted
        await self.copy_to(store)
        try:
            await asyncio.to_thread(commit)
        except BaseException:
            self.saver, self._noted = old, noted
            raise
        self.name, self.path = name, path
        self._seen = None

    async def delete_file(self, who: str) -> None:
        """Delete the plain file, and tell everyone; the text is kept.

        Raises:
            JptermError: it cannot be done.
        """
        async with self._filing:
            if self._closed or self._plain is None:
                raise JptermError(f"{self.name} has no file that could be deleted.")
            # Noted before: else, if we die between the two, the next file of this name would count as a change of this one.
            self.is_missing = True
            await asyncio.to_thread(self.note_absence)
            try:
                await asyncio.to_thread(delete_plain, self.path, inside=self._inside)
            except BaseException:
                self.is_missing = False
                raise
            self._gone = f"{who} deleted {self.path.name}; the text is kept here, and {SAVING_WRITES}"
            self._note_loss()

    async def _check_owner(self) -> None:
        """
        Raises:
            JptermError: the file is somebody's who may not read the text.
        """
        if self.access.stranger() is not None:
            await self._catch_up()  # it may have been moved away: then no file is written over
        if self._plain is not None and (stranger := self.access.stranger()) is not None:
            raise JptermError(
                f"{self.name} was not saved: it is a file of {user_name(stranger)} now, who may not read your text. "
                "Move that file away and save again."
            )

    async def _save_once(self) -> bool:
        await self._check_owner()
        if self.is_replaced:
            raise JptermError(f"{self.name} was not saved: another file is called so now.")
        pad = self.pad
        text = await self._whole_text()
        version = pad.buffer.version
        raw = await asyncio.to_thread(encode_plain, text, self._base)
        formers: list[Former] = []
        try:
            # What the file is to hold is in the store before. Else, if we die, the file would have a text that no
            # history knows, and the next save would take it out.
            if self.saver.write():
                self.on_written()
            # If we die between the rename and the note of the new base, the next start finds the file in a state
            # that it must not take for somebody else's work: so a note of the write comes first. And before that the
            # note of what the file holds now, if the disk refused it last time: the write is made against that.
            await asyncio.to_thread(self.note_base)
            pending = PendingWrite.of(self._base, pad.buffer, raw)
            await asyncio.to_thread(self.saver.store.write_blob, PENDING_WRITE, pending.encode())
            plain = await asyncio.to_thread(
                write_plain,
                self.path,
                raw,
                self._plain,
                parents=True,
                inside=self._inside,
                mode=self.access.mode,
                replaced=formers.append,
            )
        except ChangedOnDisk:
            await self._catch_up()
            return False
        self.note_way(plain.way, is_ours=True)
        self._note_write(raw, formers)
        self._plain, self._base, self._seen = plain, raw, None
        self.is_missing = False
        pad.mark_saved(version)
        self._clear_warnings()
        try:
            if self.saver.write():
                self.on_written()
            await asyncio.to_thread(self.note_base)
        except StorageError:
            self.on_written()  # the file is written; until the disk takes the note of that, the note before says so
        return True

    async def _whole_text(self) -> str:
        """The text as it is when this returns; others have their turn while it is put together."""
        loop = asyncio.get_running_loop()
        with contextlib.closing(Reading(self.pad)) as reading:
            turn = loop.time()
            while reading.step():
                if loop.time() - turn > SLICE_S:
                    await asyncio.sleep(0)
                    turn = loop.time()
            return reading.text

    def note_base(self) -> None:
        """Have the store note what the plain file holds, on the disk. Blocks.

        Raises:
            StorageError: the note is as before.
        """
        self.keep_access()
        self.note_absence()
        base = self._base
        if self._noted != base:
            self.saver.store.write_blob("base", base)
            self._noted = base

    def note_absence(self) -> None:
        """Have the store note whether the file is missing; see `server.absence`. Blocks; what the disk does not take is tried again."""
        if self.is_missing != self._is_absence_noted:
            with contextlib.suppress(StorageError):
                self.saver.store.write_blob(ABSENT, note(self._base) if self.is_missing else b"")
                self._is_absence_noted = self.is_missing

    def _note_write(self, raw: bytes, formers: list[Former]) -> None:
        now = asyncio.get_running_loop().time()
        if raw != self._base:
            self._earlier_states.append((now, self._base, self.pad.saved))
        self._replaced_files += [(now, former) for former in formers]
        self._drop_replaced_files(len(self._replaced_files) - REPLACED_FILES_MAX)
        if not self._contested and now - self._wrote_at > CONTEST_S:
            self.contests = 0
        self._contested = False
        self._wrote_at = now

    # ------------------------------------------------------------------ reading it

    @property
    def watches_replaced_files(self) -> bool:
        """Whether somebody may still write into a file that we replaced."""
        return bool(self._replaced_files)

    def has_writers_of_replaced_files(self) -> bool:
        """Whether another program surely has a file open still that we replaced. Blocks."""
        return any(former.is_held() for _, former in self._replaced_files)

    def note_way(self, way: Way | None, *, is_ours: bool = False) -> None:
        """Count the file that was read, or written by us, for what others may do; see `access`."""
        if way is not None and self.access.note(way, is_ours=is_ours):
            self._is_access_noted = False
            self.on_access()

    def keep_access(self) -> None:
        """Have the store know which files count. Blocks; what the disk does not take is tried again with the next file."""
        if not self._is_access_noted:
            with contextlib.suppress(StorageError):
                self.saver.store.write_blob(ACCESS, self.access.encode())
                self._is_access_noted = True

    async def reread(self) -> None:
        """Look at the plain file although it seems unchanged: permissions above it may have changed."""
        self._seen = None
        await self.read_changes()

    def seems_changed(self) -> bool:
        """Whether the plain file looks otherwise than when it was last read. Cheap; blocks on a slow disk."""
        return self._seen is None or glance(self.path, self._inside) != self._seen

    async def read_changes(self) -> None:
        """Take in what others did to the plain file, once it has come to rest. Tells everyone what they must know."""
        async with self._filing:
            if self._closed:
                return
            await self._merge_replaced_files()
            if await asyncio.to_thread(self.seems_changed):
                await self._catch_up()

    async def _catch_up(self) -> None:
        seen, found = await _read_at_rest(
            lambda: glance(self.path, self._inside),
            lambda: read_plain(self.path, inside=self._inside),
            self._base,
        )
        # One that was changed in this very moment may change again and look the same: better look again.
        is_racy = len(seen) > 1 and abs(clock.wall() - seen[2] / 1e9) < RACY_S
        self._seen = None if is_racy else seen
        if isinstance(found, FileProblem):
            self._stop_writing(f"{found} Nothing is written there meanwhile; the text is kept here.")
        elif found is None:
            self._note_loss()
            await asyncio.to_thread(self.note_absence)
        elif self.is_missing and await self._is_another(found):
            self.is_replaced = True
            self.on_replaced()
        else:
            self.note_way(found.way)
            await asyncio.to_thread(self.keep_access)
            now = asyncio.get_running_loop().time()
            changes = await self._edit_in(self._bases(now), found)
            if self._note_file_state(found, changes, now):
                await self._note_base()
            else:
                await asyncio.to_thread(self.note_absence)

    async def _is_another(self, plain: PlainFile) -> bool:
        texts = decode_plain(self._base), await self._whole_text()
        return await asyncio.to_thread(is_another, texts, plain.text)

    async def _merge_replaced_files(self) -> None:
        """Take in what somebody wrote into a file that we replaced: they had opened it before."""
        now = asyncio.get_running_loop().time()
        for replaced_at, former in list(self._replaced_files):
            # Looked at before: what they wrote until they closed it is taken in below.
            may_write = now - replaced_at <= RACE_S
            if not may_write:
                is_held = await asyncio.to_thread(former.is_held)
                may_write = now - replaced_at <= REPLACED_S if is_held is None else is_held
            if former.written():
                _, found = await _read_at_rest(former.glance, former.read, former.plain.raw)
                if isinstance(found, PlainFile):
                    changes = await self._edit_in([former.plain.raw], found)
                    former.plain = found
                    if changes is not None:
                        self._tell(changes)
            if not may_write:
                self._replaced_files.remove((replaced_at, former))
                former.close()

    def _drop_replaced_files(self, count: int) -> None:
        """Of the oldest."""
        for _ in range(count):
            _, former = self._replaced_files.pop(0)
            former.close()

    def _note_loss(self) -> None:
        """The file is gone; it takes no text with it (F13)."""
        if self._plain is None and self.unreadable is None:
            return  # there never was one
        if self._plain is not None:
            self._saved_when_gone = self.pad.saved
            self.pad.mark_saved(Version())
        self._plain = None
        self.is_missing = True
        self._stop_writing(self._gone or gone(self.name))

    async def _edit_in(self, bases: list[bytes], plain: PlainFile) -> Merge | None:
        """Make edits of what others changed, and say which; None: nothing. To find them takes long for a large file."""
        if plain.raw == bases[0]:
            return None
        text = await self._whole_text()
        with contextlib.closing(Follower(self.pad)) as follower:
            changes = await asyncio.to_thread(_changes, bases, plain.text, text)
            splices = follower.now(changes.splices)
        self._make_edits(splices)
        return changes

    def _note_file_state(self, plain: PlainFile, changes: Merge | None, now: float) -> bool:
        """Note a state of the file, of which these edits were made; whether others had written anything.

        `now` is monotonic.
        """
        if self._plain is None and plain.raw == self._base:
            self.pad.mark_saved(self._saved_when_gone)
        self._plain, self._gone = plain, ""
        self.is_missing = self.is_replaced = False
        if self.unreadable is not None:
            self.unreadable = None
            self.notify(f"{self.name} is there again on disk.", False)
        self._base = plain.raw
        pad, set_back = self.pad, False
        if len(pad.buffer) == len(plain.text) and pad.buffer.text == plain.text:
            pad.mark_saved(pad.buffer.version)
        else:
            former = next((version for _, raw, version in self._earlier_states if raw == plain.raw), None)
            set_back = former is not None
            if former is not None or pad.saved == pad.buffer.version:
                pad.mark_saved(former or Version())
            if changes is not None and now - self._wrote_at < CONTEST_S and not self._contested:
                self._count_contest()
        if changes is not None:
            self._tell(changes, now, set_back=set_back)
        return changes is not None

    def _bases(self, now: float) -> list[bytes]:
        """What another program may have had before it when it wrote the file, the likeliest first.

        That is the last state. But it may have read the file before our last write and written it after that.
        """
        self._earlier_states = [former for former in self._earlier_states if now - former[0] < RACE_S]
        return [self._base, *(raw for _, raw, _ in reversed(self._earlier_states))]

    # What the file has beyond our history at the opening is usually another program's work. But if our store is an old
    # one, or lost a part, it is work of people who still have the history of it, and bring that: then it comes twice.
    # See `brought`.

    def merge_file(self, plain: PlainFile) -> bool:
        """Take in what others did to the file while the document was not open; whether they wrote anything. Blocks."""
        changes = None
        if plain.raw != self._base:
            changes = _changes([self._base], plain.text, self.pad.buffer.text)
            self._make_edits(changes.splices)
        changed = self._note_file_state(plain, changes, 0.0)
        if changed and (brought := brought_by(self.pad.buffer)) is not None:
            self._brought = [*self._brought, brought][-BROUGHT_MAX:]
            self.saver.note_file_import(brought.encode())
        return changed

    def expect(self, version: Version, held: Version | None) -> bool:
        """Somebody has this of our history, and sends what we lack of it; whether what came from the file may be in that.

        `held`, if it is known, is a version of theirs whose text the plain file held.
        """
        is_late = bool(self._brought) and not version <= self.pad.buffer.version
        if is_late and version not in self.saver.awaited:
            self.saver.awaited = (*self.saver.awaited, version)[-LATE_MAX:]
        if is_late and held is not None and held not in self.saver.held:
            self.saver.held = (*self.saver.held, held)[-LATE_MAX:]
        return is_late

    def remove_late_duplicates(self) -> None:
        """Take out what came from the file and has come with somebody's history, once all of that is here."""
        if not self.saver.awaited:
            return  # a version is not made for each key
        reached = self.pad.buffer.version
        if any(version <= reached for version in self.saver.awaited):
            self.saver.awaited = tuple(it for it in self.saver.awaited if not it <= reached)
            if take_out_doubled(self.pad, self._brought, self.saver.held, clock.wall()):
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
        """Bring to the disk what was taken in, and after that what the file holds.

        The other way round a crash between the two would leave a change that counts as known and is in no text.
        """
        store = self.saver.store
        try:
            if self.saver.write():
                self.on_written()
            await asyncio.to_thread(store.sync)
            await asyncio.to_thread(self.note_base)
        except StorageError:
            # The server tells that nothing is stored now. Without the note a start merges the same change once more,
            # and `merge` makes what both sides did once.
            self.on_written()

    # ------------------------------------------------------------------ telling

    def report_unwritable(self, problem: JptermError) -> None:
        """Tell everyone, once, that the file cannot be written by itself."""
        if self.unwritable != str(problem):
            self.unwritable = str(problem)
            self.notify(f"{NOT_SAVED}{problem} {self.where_kept}", True)

    def _clear_warnings(self) -> None:
        self._gone = ""
        was_unwritable = self.unwritable is not None
        self.unreadable = self.unwritable = None
        if was_unwritable:
            self.notify(f"{self.name} is written again.", False)

    def _stop_writing(self, sentence: str) -> None:
        if self.unreadable != sentence:
            self.unreadable = sentence
            self.notify(sentence, True)

    def _count_contest(self) -> None:
        self._contested = True
        self.contests = min(self.contests + 1, CONTESTS_MAX)
        if self.contests == CONTESTS_TOLD:
            self.notify(
                f"Another program changes {self.name} each time it was written; it is written less often now.",
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
    """A document whose store a newer release wrote. It is shown as far as this one can read it; neither the store nor the
    plain file is touched."""

    def __init__(
        self, name: str, path: Path, inside: Root | None, pad: Pad, store: Store, plain: PlainFile | None
    ) -> None:
        super().__init__(name, path, inside, pad, ReadOnlySaver(pad, store), plain, b"", None)
        self.is_read_only = True
        self.remarks = [str(NewerRelease(name))]

    @property
    def is_saved(self) -> bool:
        return True  # there is nothing to be saved

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

    def expect(self, version: Version, held: Version | None) -> bool:
        return False


async def write_in_slices(saver: Saver) -> None:
    """Hand everything new to the store; others have their turn meanwhile.

    Raises:
        StorageError: not all of it was written.
    """
    while saver.write(limit_bytes=WRITE_BYTES):
        if not saver.behind:
            break
        await asyncio.sleep(0)


def gone(name: str) -> str:
    """What is told of a file that is not there any more."""
    return f"{name} was deleted or moved away on disk; the text is kept here, and {SAVING_WRITES}"


def looks_unfinished(found: PlainFile | FileProblem | None, known: bytes) -> bool:
    """Whether this may be a file that somebody is just writing anew: gone, no text, or without its end."""
    if not isinstance(found, PlainFile):
        return True
    return len(found.raw) < len(known) and found.raw[-_END_BYTES:] != known[-_END_BYTES:]


async def _read_at_rest(
    look: Callable[[], Glance], read: Callable[[], PlainFile | None], known: bytes
) -> tuple[Glance, PlainFile | FileProblem | None]:
    """A file's state, and how it looks from outside, once nobody has touched it for a while. `known` needs no rest."""
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


def _changes(bases: list[bytes], text: str, ours: str) -> Merge:
    """What another program changed to come to `text`, for our text: from the state from which it is the shortest way."""
    texts = [decode_plain(raw) for raw in bases]
    base = texts[0] if len(texts) == 1 else min(texts, key=lambda base: effort(base, text))
    return merge(base, text, ours)
