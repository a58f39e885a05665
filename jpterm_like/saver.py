"""Write a pad into a store, and restore it. The only module that makes the records of a pad.

The store's log holds the operations as they arrived, and beside them what must outlive a restart: which sites wrote
here, what the server said is on its disk, what the plain file holds. A saver is one more cursor into the pad's log.

A store may hold what other releases wrote, and what other machines did. Kinds of records that are not listed here are of
newer releases, and their number says what is to be done with them:

    below 128       carried along, as bytes and in their order, by every snapshot
    128 to 191      to be understood by who writes: the document can be read, and nothing in its store is touched
    192 to 255      to be understood by who reads: it is not opened

Kind 11 is the store's own (`storage.base.REPLACES`).
"""

from __future__ import annotations

import contextlib
import hashlib
import struct
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from threading import Thread
from typing import Final

from crdt import ForeignOp, TextBuffer, Version
from jpterm_like.storage.base import Loaded, Record, StorageError, Store
from jpterm_like.sync.ancestry import Ancestor, Identity, add_ancestor, remember_save
from jpterm_like.sync.pad import Pad, Unread

# The kinds of records are a file format: never reused.
LINEAGE: Final = 1
"""16 bytes: of which document all that follows is, up to the next of these. Each opening begins with it; those of 0.1.0 did so
only if there was no snapshot."""
LINEAGE_BYTES: Final = 16
CHANGES: Final = 2
"""Operations in crdt's encoding."""
REPLICA: Final = 3
"""A whole replica; begins a snapshot."""
STORED: Final = 4
"""A version: on the server's disk. Only in a client's journal."""
SAVED: Final = 5
"""A version: what the plain file holds."""
SITE: Final = 6
"""8 bytes: a site that wrote here. It is never used again, it only tells which operations are mine."""
STEPS: Final = 7
"""A note of crdt's on my steps of undo. Those of one log belong together, in their order."""
BROUGHT: Final = 8
"""A note of `brought`'s on what came from the plain file. Only in a server's store."""
GENESIS: Final = 9
"""The text that a document began with, in UTF-8: all of it, or it is not there. LINEAGE, which follows it, is its digest."""
AWAITED: Final = 10
"""Versions, each after its length: whose history is still to come, and may have what came from the plain file. The
last of these records counts. Only in a server's store."""
HELD: Final = 36
"""Versions, each after its length, whose texts the plain file held, as those told who bring such history. Like AWAITED."""
OTHER: Final = 12
"""A record that is carried along with its history: 16 bytes of lineage, the kind, and what it holds. It counts where the
document has that lineage. So are kept what another document left that was copied into this store, and operations whose past
is missing."""
UNREAD: Final = 13
"""The number of a format of operations, 1 byte, and operations in it, as a peer of a newer release sent them: to be taken in
by a release that knows that format, and passed on by this one. CHANGES are of format 0. A release that writes another format
into a store of its own does so under a kind of its own, which must be understood."""
WRITERS_KIND: Final = 128
"""From here on kinds must be understood to write, and above them to read."""
READERS_KIND: Final = 192
IDENTITY: Final = 20
"""Which document of which server this is (`ancestry.Identity`). The last of these records counts. Only in a client's journal."""
ANCESTORS: Final = 21
"""Notes on what of other histories was brought in (`ancestry.Ancestor`), each after its length, before the operations that
they tell of. All of these records count."""
EARLIER: Final = 22
"""A version: what the plain file held at an earlier save. Only in a client's journal."""
STORED_SITES: Final = 1000
"""Of so many sites what is stored is noted each time: some kilobytes."""
BROUGHT_MAX: Final = 4
"""So many of these notes are kept, the newest: who comes back with what a store lost does so soon."""

REDUCED: Final = "reduced"
"""The blob with what `Saver.reduce` has left of a journal; see `rebuild_reduced`. It counts while there are no records."""

_LENGTH: Final = struct.Struct("!I")
RECORD_BYTES: Final = 64 * 1024
"""Operations in one record, about: to put together more than this of a text that was edited all over takes long."""
BESIDE_BYTES_MIN: Final = 1 << 20
"""Of the text that a document began with: to write a shorter one is a matter of some milliseconds."""
COMPACT_BYTES: Final = 256 * 1024
"""A log of more than this, and than twice the snapshot, is replaced by a snapshot when the pad is closed or idle."""


TWO_HISTORIES: Final = (
    "Another document of the same name was copied into this one's store. It began with another text, so the two are not "
    "merged: it is kept there, and not shown."
)


@dataclass
class RestoredPad:
    """What a store gave back."""

    buffer: TextBuffer | None
    """None: there was nothing yet."""
    stored: Version = field(default_factory=Version)
    saved: Version = field(default_factory=Version)
    damage: list[str] = field(default_factory=list)
    """One plain sentence for each thing that could not be read."""
    brought: list[bytes] = field(default_factory=list)
    """See BROUGHT; the oldest first."""
    awaited: tuple[Version, ...] = ()
    """See AWAITED."""
    held: tuple[Version, ...] = ()
    """See HELD."""
    sites: set[int] = field(default_factory=set)
    """See SITE."""
    carried: list[Record] = field(default_factory=list)
    """What goes into the next snapshot as it is: records of unknown kinds, and see OTHER."""
    remarks: list[str] = field(default_factory=list)
    """Sentences to be told that are about no damage."""
    newer: bool = False
    """A newer release wrote some of it: it may be looked at, as far as there is a `buffer`, and not be changed."""
    identity: Identity | None = None
    """See IDENTITY."""
    ancestors: tuple[Ancestor, ...] = ()
    """See ANCESTORS."""
    earlier: tuple[Version, ...] = ()
    """See EARLIER; the oldest first."""
    unread: tuple[Unread, ...] = ()
    """See UNREAD."""
    saved_apart: bool = False
    """Machines that knew nothing of each other have saved, and none since that knew of both: which of them has left the
    notes beside the records, and the plain file, is not known."""
    unusable: bytes = b""
    """A digest of the records that are whole and cannot be decoded; empty if there are none. They stay in the store, so each
    opening finds them again."""
    again: Callable[[], RestoredPad] | None = None
    """Gives all this once more, where the store does not have the text; see `rebuild_reduced`."""

    def pad(self) -> Pad:
        """The pad that was kept; there must be one."""
        assert self.buffer is not None
        pad = Pad(self.buffer)
        pad.stored = self.stored
        pad.mark_saved(self.saved)
        pad.identity, pad.ancestors, pad.earlier = self.identity, self.ancestors, self.earlier
        pad.unread = self.unread
        return pad


def is_newer(records: Sequence[Record]) -> bool:
    """Whether a newer release wrote something among these that this one may not write to."""
    # A list of the few that it may be: nearly all are neither, and a log has many.
    few = [record for record in records if record.kind >= WRITERS_KIND or record.kind == REPLICA]
    return any(kind != REPLICA or TextBuffer.is_newer(payload) for kind, payload in few)


def restore(store: Store, *, author: str) -> RestoredPad:
    """Rebuild the document from a store, under a fresh site.

    What is damaged is left out and told in `damage`; the versions of both sides then say what a peer must send again.

    Raises:
        StorageError: nothing can be read.
    """
    kept = rebuild(store.load(is_newer), author=author)
    kept.newer |= store.newer
    store.carried = kept.carried
    return kept


def rebuild(loaded: Loaded, *, author: str) -> RestoredPad:
    """As `restore`, from what a store gave back."""
    rebuilding = _Rebuilding(loaded, author)
    if not rebuilding.kept.newer or all(_is_readable(record) for record in loaded.records):
        rebuilding.run()
    return rebuilding.kept


def rebuild_reduced(left: bytes, history: Sequence[Record], *, author: str) -> RestoredPad | None:
    """As `restore`, from what `Saver.reduce` has left of a journal and from another store of the same document.

    None: that store has not all that the journal had. Then nothing is lost, but what could be undone.

    Args:
        left: the blob.
        history: the records of the other store; what is said there of undo and of the plain file is not the journal's.
        author: see `restore`.
    """
    texts = [record for record in history if record.kind in _TEXT]
    try:
        notes = [Record(part[0], part[1:]) for part in _unpacked(left) if part]
        lineage = next(it.payload for it in notes if it.kind == LINEAGE)
        version = next(Version.decode(it.payload) for it in notes if it.kind == STORED)
        kept = rebuild(Loaded([*texts, *notes], []), author=author)
    except (ForeignOp, StopIteration):
        return None
    buffer = kept.buffer
    if kept.newer or kept.damage or kept.carried or buffer is None or buffer.lineage != lineage:
        return None
    if not version <= buffer.version:
        return None
    kept.again = partial(_rebuilt_reduced, left, history)
    return kept


def _rebuilt_reduced(left: bytes, history: Sequence[Record]) -> RestoredPad:
    kept = rebuild_reduced(left, history, author="")
    assert kept is not None  # as it was before
    return kept


_TEXT: Final = frozenset((LINEAGE, GENESIS, REPLICA, CHANGES))
"""The kinds of records that a text is made of."""


def _is_readable(record: Record) -> bool:
    kind, payload = record
    return kind < READERS_KIND and not (kind == REPLICA and TextBuffer.is_newer(payload))


class _Rebuilding:
    """Puts a document together from the records of a store, which several machines may have written.

    The newest replica, which is the last one, says which document it is, or the first record that names a lineage.
    """

    def __init__(self, loaded: Loaded, author: str) -> None:
        self._records = loaded.records
        self._author = author
        self.kept = RestoredPad(None, damage=list(loaded.damage), newer=is_newer(loaded.records))
        self.kept.sites = {
            int.from_bytes(r.payload, "big") for r in loaded.records if r.kind == SITE and len(r.payload) == 8
        }
        self._steps: list[bytes] = []
        self._notes: dict[int, bytes] = {}  # the last version of a kind since the last settling
        self._noted: dict[int, Version] = {}  # all that the notes of a kind have together
        self._late: list[bytes] = []  # operations that came before their past, as far as a buffer tells
        self._unusable: list[bytes] = []  # the payloads of records that cannot be decoded

    def run(self) -> None:
        kept, records = self.kept, self._records
        base = self._begin_with_replica()
        lineage = kept.buffer.lineage if kept.buffer is not None else self._first_lineage()
        history = lineage  # of the record at hand
        for at, record in enumerate(records):
            kind, payload = record
            if history == lineage:  # nearly all records are these
                if kind == CHANGES:
                    self._integrate(payload)
                    continue
                if kind == STEPS:
                    self._steps.append(payload)
                    continue
            if kind == OTHER and payload[:LINEAGE_BYTES] == lineage and len(payload) > LINEAGE_BYTES:
                self._take(Record(payload[LINEAGE_BYTES], payload[LINEAGE_BYTES + 1 :]), lineage)
                continue
            if kind in (LINEAGE, REPLICA, GENESIS):
                self._merge_notes()
                history = self._history_at(at) or history
            if at == base:
                self._steps.clear()  # those that come before are of other machines
            elif kind == OTHER:
                kept.carried.append(record)
            elif lineage is not None and history is not None and history != lineage:
                kept.carried.append(_with_history(history, record))
            else:
                self._take(record, history)
        self._merge_notes()
        if any(kind == OTHER and payload[:LINEAGE_BYTES] != lineage for kind, payload in kept.carried):
            kept.remarks.append(TWO_HISTORIES)
        if self._late:
            self._integrate_late()
        if kept.buffer is not None:
            try:
                kept.buffer.restore_steps(self._steps)
            except ForeignOp as problem:
                kept.damage.append(f"What could be undone is not known any more: {problem}.")
        if self._unusable:
            kept.unusable = hashlib.blake2b(_packed(self._unusable), digest_size=16).digest()

    def _begin_with_replica(self) -> int:
        """Begin with the newest replica that can be used; its place among the records, or -1."""
        kept = self.kept
        for at in range(len(self._records) - 1, -1, -1):
            kind, payload = self._records[at]
            if kind != REPLICA:
                continue
            try:
                # Asked for its version, it has all of it checked; else the first to ask would be refused, far from here.
                replica = TextBuffer.decode(payload, author=self._author, own_sites=kept.sites)
                _ = replica.version
            except ForeignOp as problem:
                self._cannot_use(problem, payload)
            else:
                kept.buffer = replica
                return at
        return -1

    def _first_lineage(self) -> bytes | None:
        for kind, payload in self._records:
            if kind == LINEAGE and len(payload) == LINEAGE_BYTES:
                return payload
        return None

    def _history_at(self, at: int) -> bytes | None:
        """The lineage that a record names: that of a text that a document began with is in the next one."""
        kind, payload = self._records[at]
        if kind == REPLICA:
            return TextBuffer.lineage_of(payload)
        if kind == GENESIS:
            kind, payload = self._records[at + 1] if at + 1 < len(self._records) else (GENESIS, b"")
        return payload if kind == LINEAGE and len(payload) == LINEAGE_BYTES else None

    def _take(self, record: Record, lineage: bytes | None) -> None:
        """Take in a record of this document's history."""
        kept = self.kept
        kind, payload = record
        try:
            if kind == CHANGES:
                self._integrate(payload)
            elif kind == REPLICA:
                if kept.buffer is not None and TextBuffer.lineage_of(payload) == kept.buffer.lineage:
                    self._integrate(TextBuffer.decode(payload).changes_since(kept.buffer.version))
            elif kind == GENESIS:
                self._take_genesis(payload.decode("utf-8"), lineage)
            elif kind == LINEAGE:
                self._take_lineage(payload)
            elif kind in (STORED, SAVED):
                self._notes[kind] = payload
            elif kind == STEPS:
                self._steps.append(payload)
            elif kind == BROUGHT:
                kept.brought = [*kept.brought, payload][-BROUGHT_MAX:]
            elif kind == AWAITED:
                kept.awaited = tuple(map(Version.decode, _unpacked(payload)))
            elif kind == HELD:
                kept.held = tuple(map(Version.decode, _unpacked(payload)))
            elif kind == IDENTITY:
                kept.identity = Identity.decode(payload)
            elif kind == ANCESTORS:
                reached = Version() if kept.buffer is None else kept.buffer.version
                for note in map(Ancestor.decode, _unpacked(payload)):
                    kept.ancestors = add_ancestor(kept.ancestors, note, reached)
            elif kind == EARLIER:
                kept.earlier = remember_save(kept.earlier, Version.decode(payload))
            elif kind == UNREAD and len(payload) > 1:
                self._keep_unread(record)
            elif kind != SITE:
                kept.carried.append(record)
        except (ForeignOp, UnicodeDecodeError) as problem:
            self._cannot_use(problem, payload)

    def _take_genesis(self, text: str, lineage: bytes | None) -> None:
        """Take in the text that the document began with, as the first thing of all or beside what is known."""
        kept = self.kept
        begun = TextBuffer.genesis(text, author=self._author, own_sites=kept.sites)
        if lineage is not None and begun.lineage != lineage:
            kept.damage.append("The text that the stored history begins with cannot be used.")
            self._unusable.append(text.encode())
        elif kept.buffer is None:
            kept.buffer = begun
            kept.stored = kept.saved = begun.version  # as when it was opened: the plain file held it
        else:
            self._integrate(begun.changes_since(kept.buffer.version))

    def _keep_unread(self, record: Record) -> None:
        kept = self.kept
        unread = Unread(record.payload[0], record.payload[1:])
        if kept.buffer is not None and unread not in kept.unread:
            kept.unread = (*kept.unread, unread)
            kept.carried.append(_with_history(kept.buffer.lineage, record))

    def _take_lineage(self, lineage: bytes) -> None:
        kept = self.kept
        if len(lineage) != LINEAGE_BYTES:
            kept.damage.append("The beginning of the stored history cannot be read.")
            self._unusable.append(lineage)
        elif kept.buffer is None:
            kept.buffer = TextBuffer(author=self._author, own_sites=kept.sites, lineage=lineage)

    def _integrate(self, message: bytes) -> None:
        buffer = self.kept.buffer
        if buffer is None:
            return
        try:
            buffer.integrate(message)
        except ForeignOp as problem:
            self._cannot_use(problem, message)
        if buffer.waiting:
            self._late.append(message)

    def _cannot_use(self, problem: Exception, payload: bytes) -> None:
        self.kept.damage.append(f"A part of the stored history cannot be used: {problem}.")
        self._unusable.append(payload)

    def _merge_notes(self) -> None:
        """Let the last versions of a stretch count.

        In the history of one machine each is later than the one before. Of those of two machines that know nothing of each
        other what both say counts: that more is stored, or in the file, than is so could lose text.
        """
        kept = self.kept
        try:
            kept.stored, _ = self._agreed(STORED, kept.stored)
            kept.saved, are_apart = self._agreed(SAVED, kept.saved)
            kept.saved_apart = are_apart if are_apart is not None else kept.saved_apart
        except ForeignOp as problem:
            self._cannot_use(problem, b"")

    def _agreed(self, kind: int, before: Version) -> tuple[Version, bool | None]:
        """What all notes of a kind up to the newest say, and whether they are of several machines; None: there is no new one.

        A note that has all that the others have was written by somebody who knew them; so was an empty one, for the file is
        gone then.
        """
        if kind not in self._notes:
            return before, None
        now = Version.decode(self._notes.pop(kind))
        noted = self._noted.get(kind, before)
        if not now or noted <= now:
            self._noted[kind] = now
            return now, False
        self._noted[kind] = noted.merge(now)
        return before.meet(now), True

    def _integrate_late(self) -> None:
        """Take in what came before its past; a buffer keeps so much of that at a time and no more."""
        buffer = self.kept.buffer
        assert buffer is not None
        before = None
        while before != buffer.version:
            before = buffer.version
            self._late = [message for message in self._late if _lacks(buffer, message)]
            for message in self._late:
                with contextlib.suppress(ForeignOp):
                    buffer.integrate(message)
        self.kept.carried += [
            _with_history(buffer.lineage, Record(CHANGES, message)) for message in self._late
        ]


def _with_history(lineage: bytes, record: Record) -> Record:
    return Record(OTHER, lineage + bytes([record.kind]) + record.payload)


def _still_carried(record: Record, buffer: TextBuffer) -> bool:
    """Whether a record that was carried so far is not in this buffer by now."""
    kind, payload = record
    head = buffer.lineage + bytes([CHANGES])
    return kind != OTHER or not payload.startswith(head) or _lacks(buffer, payload[len(head) :])


def _lacks(buffer: TextBuffer, message: bytes) -> bool:
    try:
        return buffer.lacks(message)
    except ForeignOp:
        return False  # it is no message, which was told


def _fold(store: Store, cut: int, version: Version) -> None:
    """Put a snapshot of what is on the disk, up to this version, in its place."""
    kept = rebuild(Loaded(store.records_before(cut), []), author="")
    buffer = kept.buffer
    if buffer is None or buffer.version != version or kept.damage:
        raise StorageError("The stored history is not the one that was written; it is left as it is.")
    _replace_log(store, cut, kept)


def _replace_log(store: Store, cut: int, kept: RestoredPad) -> None:
    """Put a snapshot of all that `restore` will give back in the place of what was written before the cut."""
    buffer = kept.buffer
    assert buffer is not None
    version, digest = buffer.version, buffer.digest()
    records = [Record(REPLICA, buffer.encode())]
    records += [Record(SITE, site.to_bytes(8, "big")) for site in sorted(kept.sites)]
    records += [Record(STORED, kept.stored.encode()), Record(SAVED, kept.saved.encode())]
    records += [Record(BROUGHT, note) for note in kept.brought]
    records += [_versions_record(AWAITED, kept.awaited)] if kept.awaited else []
    records += [_versions_record(HELD, kept.held)] if kept.held else []
    records.append(Record(STEPS, buffer.take_steps(whole=True)))
    records += _notes(kept.identity, kept.ancestors, kept.earlier)
    records += kept.carried

    def verify(read: Sequence[Record]) -> bool:
        if list(read) != records:
            return False
        copy = TextBuffer.decode(read[0].payload)
        return copy.version == version and copy.digest() == digest

    store.snapshot(records, verify, cut)


def _notes(
    identity: Identity | None, ancestors: Sequence[Ancestor], earlier: Sequence[Version]
) -> list[Record]:
    """The records on what a document is and was."""
    records = [] if identity is None else [Record(IDENTITY, identity.encode())]
    if ancestors:
        records.append(Record(ANCESTORS, _packed(note.encode() for note in ancestors)))
    return records + [Record(EARLIER, version.encode()) for version in earlier]


def _versions_record(kind: int, versions: Sequence[Version]) -> Record:
    return Record(kind, _packed(version.encode() for version in versions))


def _packed(parts: Iterable[bytes]) -> bytes:
    return b"".join(_LENGTH.pack(len(part)) + part for part in parts)


def _unpacked(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        if len(data) < at + _LENGTH.size:
            raise ForeignOp("not a list of notes")
        (length,) = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size + length
        yield data[at - length : at]


class Saver:
    """Writes a pad's changes into its store.

    Args:
        pad: the pad.
        store: held open by the caller, who closes it.
        written: what the store has already; empty when it is new.
        mine: the sites of earlier openings, which the store knows already.
        brought: what the store has of such notes; see BROUGHT.
        awaited: the same of these; see AWAITED.
        held: the same of these; see HELD.
        genesis: the text that all of the pad was made of just now, in UTF-8, for a store that has nothing yet.
        carried: what such a store is to carry, from another one; see `Store.carried`.
        again: gives what the pad was made of just now, for a store that has nothing of it; see `RestoredPad.again`.
    """

    def __init__(
        self,
        pad: Pad,
        store: Store,
        written: Version,
        mine: Collection[int] = (),
        brought: Sequence[bytes] = (),
        awaited: tuple[Version, ...] = (),
        held: tuple[Version, ...] = (),
        genesis: bytes = b"",
        carried: Sequence[Record] = (),
        again: Callable[[], RestoredPad] | None = None,
    ) -> None:
        self._pad = pad
        self.store = store
        if carried:
            store.carried = list(carried)
        self._uncarried = list(carried)
        self.written = written
        """Handed to the operating system: survives the end of this process."""
        # What the store lacks comes after this: the text that the pad began with is a record of its own.
        self._base = pad.buffer.version if genesis or again else written
        self._genesis = genesis
        self._again = again
        self._beginning: Thread | None = None
        self._cursor = pad.cursor(self._base)
        self._begun = bool(written.items())
        self._is_named = False  # whether the segment that is being written says of which history it is
        # Whether the store lacks steps of undo that were noted before; a new one has none of them.
        self._steps_lost = not self._begun
        self._sites = set(mine) - {pad.buffer.site}
        self._unnoted = sorted(set(pad.buffer.own_sites) - self._sites)
        self._stored = pad.stored
        self._since_stored = 0
        """How many bytes were written since that was noted."""
        self._saved = pad.saved
        self._brought = list(brought)
        self._unnoted_brought = self._brought if not self._begun else []
        self.awaited = awaited
        """Whose history is still to come; set it before that is taken in, and after what follows from it. It is noted with
        the next that is written."""
        self._awaited = awaited if self._begun else ()
        self.held = held
        """What the plain file held, as those told whose history is still to come. It is noted with the next that is written."""
        self._held = held if self._begun else ()
        self._identity = pad.identity if self._begun else None
        self._ancestors = pad.ancestors if self._begun else ()
        self._earlier = pad.earlier if self._begun else ()
        self._unread = len(pad.unread) if self._begun else 0

    @property
    def behind(self) -> bool:
        """Whether there is something to write."""
        pad = self._pad
        return (
            bool(self._genesis)
            or self._again is not None
            or not self._cursor.done
            or pad.saved is not self._saved
            or len(pad.unread) != self._unread
        )

    def begin(self) -> None:
        """Write what the pad was made of. Blocks on the processor and the system, for a long text; on the disk only if it was
        another store that had it.

        What cannot be written is tried again by `write`.
        """
        with contextlib.suppress(StorageError):
            self._begin_again()
            if self._genesis:
                self.store.append(self._first_records())
                self._genesis, self._begun, self.written = b"", True, self._base
                self._is_named = True

    def _first_records(self) -> list[Record]:
        records = [Record(LINEAGE, self._pad.buffer.lineage)]
        return [Record(GENESIS, self._genesis), *records] if self._genesis else records

    def begin_in_thread(self) -> None:
        """Do that in a thread, if it takes long; who wants to write before it is through waits for it."""
        if self._again is not None or len(self._genesis) > BESIDE_BYTES_MIN:
            self._beginning = Thread(target=self.begin)
            self._beginning.start()

    def _begin_again(self) -> None:
        """Have all in the store that another one had, at once: half of a text would be called the text.

        Raises:
            StorageError: nothing is there.
        """
        if self._again is not None:
            _replace_log(self.store, self.store.cut(), self._again())
            self._again, self._begun, self.written = None, True, self._base

    def wait(self) -> None:
        """Return when nothing is being written beside."""
        if self._beginning is not None:
            self._beginning.join()
            self._beginning = None

    def write(
        self, *, with_stored: bool = False, closing: bool = False, limit_bytes: int | None = None
    ) -> bool:
        """Hand everything new to the operating system, and say whether there was anything. Does not wait for the disk.

        With `limit_bytes` about so much of it; call again while this is `behind`. With `with_stored` also what the server
        has on its disk: where many sites wrote not each time, unless it is `closing`.

        Raises:
            StorageError: nothing of it was written; the next call tries it all again.
        """
        self.wait()
        self._begin_again()
        records: list[Record] = []
        buffer = self._pad.buffer
        new_sites = [site for site in self._unnoted if buffer.version.get(site)] if self._unnoted else []
        if new_sites:
            records += [Record(SITE, site.to_bytes(8, "big")) for site in new_sites]
        if self._unnoted_brought:  # before the operations that it tells of: alone it means nothing
            records += [Record(BROUGHT, note) for note in self._unnoted_brought]
        # Who is still to come is noted before what they bring, and not any more after what followed from it.
        awaited = self._awaited
        if self.awaited and (more := [version for version in self.awaited if version not in awaited]):
            awaited = (*awaited, *more)
            records.append(_versions_record(AWAITED, awaited))
        held = self._held
        if self.held and (more := [version for version in self.held if version not in held]):
            held = (*held, *more)
            records.append(_versions_record(HELD, held))
        identity, ancestors, earlier = self._pad.identity, self._pad.ancestors, self._pad.earlier
        if identity is not self._identity or ancestors is not self._ancestors or earlier is not self._earlier:
            records += _notes(
                identity if identity is not self._identity else None,
                [note for note in ancestors if not any(note is known for known in self._ancestors)],
                [version for version in earlier if version not in self._earlier],
            )
        rest = sys.maxsize if limit_bytes is None else limit_bytes
        while rest > 0 and (data := self._cursor.take(RECORD_BYTES)) is not None:
            records.append(Record(CHANGES, data))
            rest -= len(data)
        if awaited != self.awaited and self._cursor.done:
            awaited = self.awaited
            records.append(_versions_record(AWAITED, awaited))
        if held != self.held and self._cursor.done:
            held = self.held
            records.append(_versions_record(HELD, held))
        # What is saved is noted after the operations that it tells of.
        saved = self._pad.saved if self._cursor.done else self._saved
        if records and (steps := buffer.take_steps(self._steps_lost)):
            records.append(Record(STEPS, steps))
        noted = self._stored
        self._since_stored += sum([len(record.payload) for record in records])
        if with_stored and self._pad.stored is not noted and (closing or self._stored_pays()):
            noted, self._since_stored = self._pad.stored, 0
            records.append(Record(STORED, noted.encode()))
        if saved is not self._saved:
            records.append(Record(SAVED, saved.encode()))
        unread: list[Record] = []
        if len(self._pad.unread) != self._unread:
            unread = [Record(UNREAD, bytes([it.format]) + it.data) for it in self._pad.unread[self._unread :]]
            records += unread
        if not records and not self._genesis:
            return False
        if not self._begun or not self._is_named:
            records[:0] = [*self._first_records(), *self._uncarried]
        try:
            self.store.append(records)
        except StorageError:
            self._cursor = self._pad.cursor(self.written if self._begun else self._base)
            self._steps_lost = True
            raise
        self._genesis, self._begun, self._is_named = b"", True, True
        self._uncarried = []
        if unread:
            self._unread += len(unread)
            self._carry([_with_history(buffer.lineage, record) for record in unread])
        self._steps_lost = False
        if new_sites:
            self._note_sites(new_sites)
        self._unnoted_brought = []
        self._awaited = awaited
        self._held = held
        self._identity, self._ancestors, self._earlier = identity, ancestors, earlier
        self._saved = saved
        self._stored = noted
        self.written = self._cursor.version
        return True

    def _stored_pays(self) -> bool:
        """Whether to note what is stored: it is short, or a part of what was written since. If we die before, more is sent
        again than would be needed."""
        sites = len(self._pad.stored)
        return sites <= STORED_SITES or self._since_stored > 8 * sites

    def note_file_import(self, note: bytes) -> None:
        """Keep a note on what came from the plain file, with the next that is written."""
        self._brought = [*self._brought, note][-BROUGHT_MAX:]
        self._unnoted_brought = [*self._unnoted_brought, note][-BROUGHT_MAX:]

    def wants_compaction(self) -> bool:
        """Whether the log has grown so long that a snapshot pays."""
        return self.store.size_since_snapshot > max(COMPACT_BYTES, 8 * len(self._pad.buffer))

    def prepare_compaction(self) -> Callable[[], None]:
        """Have what is written so far replaced by a snapshot: call what is returned in a thread. Typing goes on meanwhile.

        The snapshot is made of what is on the disk, by itself: nothing is shared with the pad, so nothing waits for it.
        What is called raises StorageError if the disk refused, or the history there is not what was written; all is as
        before then.
        """
        self.wait()
        self._is_named = False
        return partial(_fold, self.store, self.store.cut(), self.written)

    def compact(self) -> None:
        """Replace everything in the store by this pad, of whatever history; read back and compared first. Blocks.

        Raises:
            StorageError: everything is as before.
        """
        self.wait()
        pad = self._pad
        version = pad.buffer.version
        sites = self._sites | {site for site in self._unnoted if version.get(site)}
        self._steps_lost = True
        self._is_named = False
        kept = RestoredPad(
            pad.buffer,
            pad.stored,
            pad.saved,
            brought=self._brought,
            awaited=self.awaited,
            held=self.held,
            sites=sites,
            carried=self._carried(),
            identity=pad.identity,
            ancestors=pad.ancestors,
            earlier=pad.earlier,
        )
        _replace_log(self.store, self.store.cut(), kept)
        self._genesis, self._again, self._begun = b"", None, True
        self._uncarried = []
        self._steps_lost = False
        self._note_sites(sorted(sites))
        self._unnoted_brought = []
        self._awaited, self._held = self.awaited, self.held
        self._identity, self._ancestors, self._earlier = pad.identity, pad.ancestors, pad.earlier
        self._stored, self._saved = pad.stored, pad.saved
        self._cursor = pad.cursor(version)
        self.written = version

    def reduce(self) -> None:
        """Leave what undo needs, in ids alone, and remove the text: another store has all of it. Blocks.

        What in this store may be in no other stays, and the text with it.

        Raises:
            StorageError: the text may still be there.
        """
        self.wait()
        if self.store.carried or self._uncarried:
            return
        pad = self._pad
        version = pad.buffer.version
        records = [Record(LINEAGE, pad.buffer.lineage)]
        sites = self._sites | {site for site in self._unnoted if version.get(site)}
        records += [Record(SITE, site.to_bytes(8, "big")) for site in sorted(sites)]
        records += [Record(STORED, version.encode()), Record(SAVED, pad.saved.encode())]
        records.append(Record(STEPS, pad.buffer.take_steps(whole=True)))
        records += _notes(pad.identity, pad.ancestors, pad.earlier)
        self.store.write_blob(REDUCED, _packed(bytes([kind]) + payload for kind, payload in records))
        self.store.clear()

    def for_new_store(self, store: Store) -> Saver:
        """One of the same pad, with the same notes, for a store that has nothing yet."""
        return Saver(self._pad, store, Version(), brought=self._brought, awaited=self.awaited, held=self.held)

    def rest_of_snapshot(self) -> list[Record]:
        """What a snapshot has beside that which a saver `for_new_store` writes."""
        return [Record(SAVED, self._pad.saved.encode()), *self._carried()]

    def _carry(self, records: Sequence[Record]) -> None:
        carried = self.store.carried
        carried += [record for record in records if record not in carried]

    def _carried(self) -> list[Record]:
        """The records of the store that go into a snapshot as they are."""
        return [record for record in self.store.carried if _still_carried(record, self._pad.buffer)]

    def _note_sites(self, sites: Sequence[int]) -> None:
        self._sites.update(sites)
        self._unnoted = [site for site in self._unnoted if site not in self._sites]


class ReadOnlySaver(Saver):
    """For a store that a newer release wrote: nothing is written there."""

    def __init__(self, pad: Pad, store: Store) -> None:
        super().__init__(pad, store, pad.buffer.version)

    @property
    def behind(self) -> bool:
        return False

    def write(
        self, *, with_stored: bool = False, closing: bool = False, limit_bytes: int | None = None
    ) -> bool:
        return False

    def wants_compaction(self) -> bool:
        return False

    def prepare_compaction(self) -> Callable[[], None]:
        return lambda: None

    def compact(self) -> None:
        pass

    def reduce(self) -> None:
        pass
