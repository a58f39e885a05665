"""Write a pad into a store, and restore it. The only module that makes the records of a pad.

The store's log holds the operations as they arrived, and notes that must survive a restart: which sites wrote here, which
version the server has on its disk, which one the plain file holds. A saver is one more cursor into the pad's log.

A store may hold records of other releases and of other machines. Kinds that are not listed here come from newer releases, and
their number says how to treat them:

    below 128       keep the bytes, in their order, in every snapshot
    128 to 191      a writer must understand them: the document is read-only here, and its store is not touched
    192 to 255      a reader must understand them: the document is not opened

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
from typing import TYPE_CHECKING, Final, NamedTuple

from crdt import ForeignOp, TextBuffer, Version
from jpterm_like.storage.base import Loaded, Record, StorageError, Store
from jpterm_like.sync.ancestry import Ancestor, Identity, add_ancestor, remember_save
from jpterm_like.sync.pad import Pad, Unread

# Most texts have no records beside them, and the first screen is painted without that module.
if TYPE_CHECKING:
    from crdt.records import Records
    from jpterm_like.sync.records_pad import RecordsPad

LINEAGE: Final = 1
"""16 bytes: the document to which the following records belong, up to the next of these. Each opening begins with one; those of
release 0.1.0 did so only if there was no snapshot. (The kinds of records are a file format: a number is never reused.)"""
LINEAGE_BYTES: Final = 16
"""Length of a lineage."""
CHANGES: Final = 2
"""Operations in crdt's encoding."""
REPLICA: Final = 3
"""A whole replica; begins a snapshot."""
STORED: Final = 4
"""The version on the server's disk. Only in a client's journal."""
SAVED: Final = 5
"""The version whose text the plain file holds."""
SITE: Final = 6
"""8 bytes: a site that wrote here. It only tells which operations are mine, and is never used for new ones."""
STEPS: Final = 7
"""A note of `crdt` on my steps of undo. Those of one log belong together, in their order."""
BROUGHT: Final = 8
"""A note of `sync.file_duplicates` on text that came from the plain file. Only in a server's store."""
GENESIS: Final = 9
"""The text that a document began with, in UTF-8, whole. The LINEAGE that follows is its digest."""
AWAITED: Final = 10
"""Versions, each after its length, whose history is still to come and may contain text that came from the plain file. The
last of these records counts. Only in a server's store."""
HELD: Final = 36
"""Versions, each after its length, whose texts the plain file held, according to the clients that bring such history. Like
AWAITED."""
OTHER: Final = 12
"""A record that is kept with its history: 16 bytes of lineage, the kind, and the payload. It counts where the document has that
lineage. This keeps records of another document that was copied into this store, and operations whose past is missing."""
UNREAD: Final = 13
"""A format number, 1 byte, and operations in that format, as a peer of a newer release sent them. This release passes them on; one that
knows the format integrates them. CHANGES have format 0. A release whose own stores have another format must use a kind of
its own that readers must understand."""
RECORDS: Final = 14
"""Changes of the records beside the text, in crdt's encoding of records: all of one write, so that they are there together or not at all.
Only in a server's store."""
RECORDS_REPLICA: Final = 15
"""All records beside the text. It takes the place of all earlier ones; each opening of the document that writes some begins with it."""
CELLS: Final = 128
"""1 byte, the form (`notebook.cells.FORM`): the text is the cells of a notebook, and the plain file is made of it as such. Earlier
releases leave such a document alone: they would write the text over the notebook. Only in a server's store."""
CELLS_FORM: Final = 1
"""The newest form that this release knows."""
WRITERS_KIND: Final = 128
"""The first kind that a writer must understand."""
READERS_KIND: Final = 192
"""The first kind that a reader must understand."""
IDENTITY: Final = 20
"""The identities of the document and its server (`ancestry.Identity`). The last of these records counts. Only in a client's journal."""
ANCESTORS: Final = 21
"""Notes on other histories that were merged in (`ancestry.Ancestor`), each after its length, before the operations that
they are about. All of these records count."""
EARLIER: Final = 22
"""The version that the plain file held at an earlier save. Only in a client's journal."""
SENT: Final = 23
"""A version that servers may have got and not stored. All of these records count. Only in a client's journal."""
DUE: Final = 24
"""The version that the plain file gets without being asked for: what it held, and what a sync brought. A server that dies before it
writes the file leaves that to the next opening. The last of these records counts. Only in a server's store."""
STORED_SITES: Final = 1000
"""Up to this many sites the stored version is noted at each write: some kilobytes."""
BROUGHT_MAX: Final = 4
"""How many notes of the kind BROUGHT are kept, the newest: history that a store lost usually comes back soon."""

REDUCED: Final = "reduced"
"""The blob with the notes that `Saver.reduce` leaves of a journal; see `rebuild_reduced`. It counts while there are no records."""

_LENGTH: Final = struct.Struct("!I")
"""The length before each note in a list of notes."""
RECORD_BYTES: Final = 64 * 1024
"""About how many bytes of operations are in one record: encoding more of a text that was edited all over takes long."""
BESIDE_BYTES_MIN: Final = 1 << 20
"""A text that a document began with is written in a thread from this size on; a shorter one takes some milliseconds."""
COMPACT_BYTES: Final = 256 * 1024
"""A log longer than this, and longer than 8 bytes per character of the text, is replaced by a snapshot."""


TWO_HISTORIES: Final = (
    "Another document of the same name was copied into this one's store. It began with another text, so the two are not "
    "merged: it is kept there, and not shown."
)


@dataclass
class RestoredPad:
    """A pad and its notes, as read from a store."""

    buffer: TextBuffer | None
    """None if the store is empty or cannot be used."""
    stored: Version = field(default_factory=Version)
    saved: Version = field(default_factory=Version)
    damage: list[str] = field(default_factory=list)
    """A sentence for each part that could not be read."""
    brought: list[bytes] = field(default_factory=list)
    """See BROUGHT; the oldest first."""
    awaited: tuple[Version, ...] = ()
    """See AWAITED."""
    held: tuple[Version, ...] = ()
    """See HELD."""
    sites: set[int] = field(default_factory=set)
    """See SITE."""
    carried: list[Record] = field(default_factory=list)
    """Records that the next snapshot repeats as they are: those of unknown kinds, and OTHER."""
    remarks: list[str] = field(default_factory=list)
    """Sentences for the user that are not about damage."""
    newer: bool = False
    """Whether a newer release wrote some of it. Then it is read-only, as far as there is a `buffer`."""
    identity: Identity | None = None
    """See IDENTITY."""
    ancestors: tuple[Ancestor, ...] = ()
    """See ANCESTORS."""
    earlier: tuple[Version, ...] = ()
    """See EARLIER; the oldest first."""
    sent: Version = field(default_factory=Version)
    """See SENT."""
    due: Version = field(default_factory=Version)
    """See DUE."""
    unread: tuple[Unread, ...] = ()
    """See UNREAD."""
    records: Records | None = None
    """See RECORDS; None if there are none."""
    saved_apart: bool = False
    """Whether machines that did not know of each other have saved, and none since that knew of both. Then it is unknown which of
    them left the base and the plain file."""
    unusable: bytes = b""
    """A digest of the records that are whole and cannot be decoded; empty if there are none. They stay in the store, so each
    opening finds them again."""

    @property
    def is_cells(self) -> bool:
        """Whether the text is the cells of a notebook."""
        return any(record.kind == CELLS for record in self.carried)

    again: Callable[[], RestoredPad] | None = None
    """Restores all this once more, if the store itself does not have the text; see `rebuild_reduced`."""

    def pad(self) -> Pad:
        """Make the pad; there must be a buffer."""
        assert self.buffer is not None
        pad = Pad(self.buffer)
        pad.stored = self.stored
        pad.mark_saved(self.saved)
        pad.identity, pad.ancestors, pad.earlier = self.identity, self.ancestors, self.earlier
        pad.unread, pad.sent, pad.due = self.unread, self.sent, self.due
        return pad


def is_newer(records: Sequence[Record]) -> bool:
    """Return whether a newer release wrote some of these records, so that this one must not write to the store."""
    # The few candidates are listed first: a log has many records, and nearly all are neither.
    few = [record for record in records if record.kind >= WRITERS_KIND or record.kind == REPLICA]
    return any(_is_newer(record) for record in few)


def _is_newer(record: Record) -> bool:
    kind, payload = record
    if kind == CELLS:
        return payload[:1] > bytes([CELLS_FORM])
    return kind != REPLICA or TextBuffer.is_newer(payload)


def mark_as_cells(store: Store) -> None:
    """Have the first snapshot of an empty store, and all after it, say that the text is the cells of a notebook."""
    store.carried = [Record(CELLS, bytes([CELLS_FORM]))]


def restore(store: Store, *, author: str) -> RestoredPad:
    """Restore a pad from a store, with a fresh site.

    Damaged parts are left out and listed in `damage`; comparing versions then shows what a peer must send again.

    Raises:
        StorageError: nothing at all can be read.
    """
    kept = rebuild(store.load(is_newer), author=author)
    kept.newer |= store.newer
    store.carried = kept.carried
    return kept


def rebuild(loaded: Loaded, *, author: str) -> RestoredPad:
    """As `restore`, from loaded records."""
    rebuilding = _Rebuilding(loaded, author)
    if not rebuilding.kept.newer or all(_is_readable(record) for record in loaded.records):
        rebuilding.run()
    return rebuilding.kept


def rebuild_reduced(left: bytes, history: Sequence[Record], *, author: str) -> RestoredPad | None:
    """As `restore`, from the notes that `Saver.reduce` left of a journal and another store of the same document.

    None if that store has not everything that the journal had. Then only the steps of undo are lost.

    Args:
        left: the blob REDUCED.
        history: the records of the other store; its notes on undo and on the plain file are not used.
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
    """Rebuilds a document from the records of a store, which several machines may have written.

    The lineage is that of the newest replica, which is the last one; without a replica, that of the first record that has one.
    """

    def __init__(self, loaded: Loaded, author: str) -> None:
        self._records = loaded.records
        self._author = author
        self.kept = RestoredPad(None, damage=list(loaded.damage), newer=is_newer(loaded.records))
        self.kept.sites = {
            int.from_bytes(r.payload, "big") for r in loaded.records if r.kind == SITE and len(r.payload) == 8
        }
        self._steps: list[bytes] = []
        self._notes: dict[int, bytes] = {}  # the last version of a kind since the last merging of notes
        self._noted: dict[int, Version] = {}  # the union of all notes of a kind
        self._late: list[bytes] = []  # messages whose past may be missing
        self._unusable: list[bytes] = []  # the payloads of records that cannot be decoded

    def run(self) -> None:
        kept, records = self.kept, self._records
        base = self._begin_with_replica()
        lineage = kept.buffer.lineage if kept.buffer is not None else self._first_lineage()
        history = lineage  # the lineage of the current record
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
                self._apply(Record(payload[LINEAGE_BYTES], payload[LINEAGE_BYTES + 1 :]), lineage)
                continue
            if kind in (LINEAGE, REPLICA, GENESIS):
                self._merge_notes()
                history = self._history_at(at) or history
            if at == base:
                self._steps.clear()  # earlier ones belong to other machines
            elif kind == OTHER:
                kept.carried.append(record)
            elif lineage is not None and history is not None and history != lineage:
                kept.carried.append(_with_history(history, record))
            else:
                self._apply(record, history)
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
        """Begin with the newest replica that can be decoded; return its index among the records, or -1."""
        kept = self.kept
        for at in range(len(self._records) - 1, -1, -1):
            kind, payload = self._records[at]
            if kind != REPLICA:
                continue
            try:
                # Reading the version checks all of the replica; otherwise an error would show up later, far from here.
                replica = TextBuffer.decode(payload, author=self._author, own_sites=kept.sites)
                _ = replica.version
            except ForeignOp as problem:
                self._report_unusable(problem, payload)
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
        """Return the lineage that a record names. For a GENESIS it is in the next record."""
        kind, payload = self._records[at]
        if kind == REPLICA:
            return TextBuffer.lineage_of(payload)
        if kind == GENESIS:
            kind, payload = self._records[at + 1] if at + 1 < len(self._records) else (GENESIS, b"")
        return payload if kind == LINEAGE and len(payload) == LINEAGE_BYTES else None

    def _apply(self, record: Record, lineage: bytes | None) -> None:
        """Apply a record of this document's history."""
        kept = self.kept
        kind, payload = record
        try:
            if kind == CHANGES:
                self._integrate(payload)
            elif kind == REPLICA:
                if kept.buffer is not None and TextBuffer.lineage_of(payload) == kept.buffer.lineage:
                    self._integrate(TextBuffer.decode(payload).changes_since(kept.buffer.version))
            elif kind == GENESIS:
                self._apply_genesis(payload.decode("utf-8"), lineage)
            elif kind == LINEAGE:
                self._apply_lineage(payload)
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
            elif kind == SENT:
                kept.sent = kept.sent.merge(Version.decode(payload))
            elif kind == DUE:
                kept.due = Version.decode(payload)
            elif kind == RECORDS_REPLICA:
                from crdt.records import Records

                if Records.is_newer(payload):  # what comes after it belongs to it
                    kept.records = None
                    kept.carried.append(record)
                else:
                    kept.records = Records.decode(payload)
            elif kind == RECORDS:
                if kept.records is not None:
                    kept.records.integrate(payload)
            elif kind == UNREAD and len(payload) > 1:
                self._keep_unread(record)
            elif kind != SITE:
                kept.carried.append(record)
        except (ForeignOp, UnicodeDecodeError) as problem:
            self._report_unusable(problem, payload)

    def _apply_genesis(self, text: str, lineage: bytes | None) -> None:
        """Apply the text that the document began with, as the whole buffer or in addition to it."""
        kept = self.kept
        begun = TextBuffer.genesis(text, author=self._author, own_sites=kept.sites)
        if lineage is not None and begun.lineage != lineage:
            kept.damage.append("The text that the stored history begins with cannot be used.")
            self._unusable.append(text.encode())
        elif kept.buffer is None:
            kept.buffer = begun
            kept.stored = kept.saved = begun.version  # the plain file held it at that opening
        else:
            self._integrate(begun.changes_since(kept.buffer.version))

    def _keep_unread(self, record: Record) -> None:
        kept = self.kept
        unread = Unread(record.payload[0], record.payload[1:])
        if kept.buffer is not None and unread not in kept.unread:
            kept.unread = (*kept.unread, unread)
            kept.carried.append(_with_history(kept.buffer.lineage, record))

    def _apply_lineage(self, lineage: bytes) -> None:
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
            self._report_unusable(problem, message)
        if buffer.waiting:
            self._late.append(message)

    def _report_unusable(self, problem: Exception, payload: bytes) -> None:
        self.kept.damage.append(f"A part of the stored history cannot be used: {problem}.")
        self._unusable.append(payload)

    def _merge_notes(self) -> None:
        """Apply the last versions that were noted as stored and saved.

        Notes of one machine grow. Of two machines that do not know of each other, only what both say counts: text could be
        lost if more counted as stored, or saved, than is.
        """
        kept = self.kept
        try:
            kept.stored, _ = self._agreed(STORED, kept.stored)
            kept.saved, are_apart = self._agreed(SAVED, kept.saved)
            kept.saved_apart = are_apart if are_apart is not None else kept.saved_apart
            if kept.due <= kept.saved:
                kept.due = Version()
        except ForeignOp as problem:
            self._report_unusable(problem, b"")

    def _agreed(self, kind: int, before: Version) -> tuple[Version, bool | None]:
        """Return what all notes of a kind agree on, and whether they come from several machines (None if there is no new note).

        A note that includes all others was written by a machine that knew them; so was an empty one, because the file is gone
        then.
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
        """Integrate messages that came before their past; a buffer keeps only a limited number of them at a time."""
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
    """Return whether a kept record is still needed: operations are not, once they are in the buffer."""
    kind, payload = record
    head = buffer.lineage + bytes([CHANGES])
    return kind != OTHER or not payload.startswith(head) or _lacks(buffer, payload[len(head) :])


def _lacks(buffer: TextBuffer, message: bytes) -> bool:
    try:
        return buffer.lacks(message)
    except ForeignOp:
        return False  # it is no message, and that was reported


def _compact_log(store: Store, cut: int, version: Version) -> None:
    """Replace the log up to a cut by a snapshot of what it holds, which must be of this version."""
    kept = rebuild(Loaded(store.records_before(cut), []), author="")
    buffer = kept.buffer
    if buffer is None or buffer.version != version or kept.damage:
        raise StorageError("The stored history is not the one that was written; it is left as it is.")
    _replace_log(store, cut, kept)


def _replace_log(store: Store, cut: int, kept: RestoredPad) -> None:
    """Replace the log before a cut by a snapshot of everything that `restore` returns."""
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
    records += _Notes.of(kept).records()
    records += [] if kept.records is None else [Record(RECORDS_REPLICA, kept.records.encode())]
    records += kept.carried

    def verify(read: Sequence[Record]) -> bool:
        if list(read) != records:
            return False
        copy = TextBuffer.decode(read[0].payload)
        return copy.version == version and copy.digest() == digest

    store.snapshot(records, verify, cut)


class _Notes(NamedTuple):
    """The notes about a pad besides its text and the versions that change with it."""

    identity: Identity | None = None
    ancestors: tuple[Ancestor, ...] = ()
    earlier: tuple[Version, ...] = ()
    sent: Version = Version()
    due: Version = Version()

    @staticmethod
    def of(pad: Pad | RestoredPad) -> _Notes:
        return _Notes(pad.identity, pad.ancestors, pad.earlier, pad.sent, pad.due)

    def beyond(self, written: _Notes) -> _Notes:
        """Return those of these notes that are not written yet."""
        return _Notes(
            None if self.identity is written.identity else self.identity,
            tuple(note for note in self.ancestors if not any(note is known for known in written.ancestors)),
            tuple(version for version in self.earlier if version not in written.earlier),
            Version() if self.sent is written.sent else self.sent,
            Version() if self.due is written.due else self.due,
        )

    def records(self) -> list[Record]:
        records = [] if self.identity is None else [Record(IDENTITY, self.identity.encode())]
        if self.ancestors:
            records.append(Record(ANCESTORS, _packed(note.encode() for note in self.ancestors)))
        if self.sent:
            records.append(Record(SENT, self.sent.encode()))
        if self.due:
            records.append(Record(DUE, self.due.encode()))
        return records + [Record(EARLIER, version.encode()) for version in self.earlier]


def records_of_file(buffer: TextBuffer, raw: bytes) -> list[Record]:
    """The records of a new store whose history begins with a plain file: what `Saver.begin` writes."""
    return [Record(GENESIS, raw), Record(LINEAGE, buffer.lineage)]


def records_of_messages(buffer: TextBuffer, messages: Iterable[bytes]) -> list[Record]:
    """The records of a new store with a history that came whole, and of which the plain file is to hold all."""
    changes = [Record(CHANGES, message) for message in messages]
    return [Record(LINEAGE, buffer.lineage), *changes, Record(SAVED, buffer.version.encode())]


def records_of_save(buffer: TextBuffer) -> list[Record]:
    """The records to add to a store whose plain file holds all of its history, whatever the last of its records belong to."""
    return [Record(LINEAGE, buffer.lineage), Record(SAVED, buffer.version.encode())]


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
        store: opened and closed by the caller.
        written: the version that the store has already; empty if the store is new.
        mine: the sites of earlier openings that the store has already.
        brought: the store's notes of the kind BROUGHT.
        awaited: the store's versions of the kind AWAITED.
        held: the store's versions of the kind HELD.
        genesis: for an empty store: the text that the pad was just made of, in UTF-8.
        carried: for an empty store: records of another store that are to be kept; see `Store.carried`.
        again: for an empty store: restores what the pad was just made of; see `RestoredPad.again`.
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
        """The version handed to the operating system; it survives the end of this process."""
        # The store lacks what comes after this version: the text that the pad began with is a record of its own.
        self._base = pad.buffer.version if genesis or again else written
        self._genesis = genesis
        self._again = again
        self._beginning: Thread | None = None
        self._cursor = pad.cursor(self._base)
        self._begun = bool(written.items())
        self._is_named = False  # whether the current segment names its lineage
        # Whether the store lacks earlier steps of undo; a new one does.
        self._steps_lost = not self._begun
        self._sites = set(mine) - {pad.buffer.site}
        self._unnoted = sorted(set(pad.buffer.own_sites) - self._sites)
        self._stored = pad.stored
        self._since_stored = 0
        """How many bytes were written since the stored version was noted."""
        self._saved = pad.saved
        self._brought = list(brought)
        self._unnoted_brought = self._brought if not self._begun else []
        self.awaited = awaited
        """Versions whose history is still to come. Add one before that history is integrated, remove it after duplicates are gone; the
        next write notes it."""
        self._awaited = awaited if self._begun else ()
        self.held = held
        """Versions whose text the plain file held, according to the clients that bring that history; the next write notes it."""
        self._held = held if self._begun else ()
        self._notes = _Notes.of(pad) if self._begun else _Notes()
        self._unread = len(pad.unread) if self._begun else 0
        self.records: RecordsPad | None = None
        self.records_written = Version()
        """As `written`, of the records beside the text."""
        self._records_begun = False

    def keep_records(self, records: RecordsPad, written: Version) -> None:
        """Write these records beside the text as well from now on; `written` is the version that the store has."""
        self.records, self.records_written, self._records_begun = records, written, False

    @property
    def _new_records(self) -> list[Record]:
        if self.records is None or self.records.records.version <= self.records_written:
            return []
        if self._records_begun:
            return [Record(RECORDS, self.records.records.changes_since(self.records_written))]
        return [Record(RECORDS_REPLICA, self.records.records.encode())]

    @property
    def behind(self) -> bool:
        """Whether there is anything to write."""
        pad = self._pad
        return (
            bool(self._genesis)
            or self._again is not None
            or not self._cursor.done
            or pad.saved is not self._saved
            or len(pad.unread) != self._unread
            or (self.records is not None and not self.records.records.version <= self.records_written)
        )

    def begin(self) -> None:
        """Write what the pad was made of. A long text takes a while; the disk is waited for only if another store had it.

        If it fails, `write` tries again.
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
        """As `begin`, in a thread if it takes long; other methods that write wait for it."""
        if self._again is not None or len(self._genesis) > BESIDE_BYTES_MIN:
            self._beginning = Thread(target=self.begin)
            self._beginning.start()

    def _begin_again(self) -> None:
        """Copy the contents of another store to this one in one step, because half of a text would count as the text.

        Raises:
            StorageError: nothing was written.
        """
        if self._again is not None:
            _replace_log(self.store, self.store.cut(), self._again())
            self._again, self._begun, self.written = None, True, self._base

    def wait(self) -> None:
        """Wait for the thread of `begin_in_thread`."""
        if self._beginning is not None:
            self._beginning.join()
            self._beginning = None

    def write(
        self, *, with_stored: bool = False, closing: bool = False, limit_bytes: int | None = None
    ) -> bool:
        """Hand everything new to the operating system, and return whether there was anything. Does not wait for the disk.

        Args:
            with_stored: note the stored version, too; if many sites wrote, not at each call unless `closing`.
            limit_bytes: write about this much; call again while this is `behind`.

        Raises:
            StorageError: nothing was written; the next call tries all of it again.
        """
        self.wait()
        self._begin_again()
        records: list[Record] = []
        buffer = self._pad.buffer
        new_sites = [site for site in self._unnoted if buffer.version.get(site)] if self._unnoted else []
        if new_sites:
            records += [Record(SITE, site.to_bytes(8, "big")) for site in new_sites]
        if self._unnoted_brought:  # before the operations that it is about: alone it means nothing
            records += [Record(BROUGHT, note) for note in self._unnoted_brought]
        # An awaited version is noted before the history that it awaits, and removed after the duplicates were removed.
        awaited = self._awaited
        if self.awaited and (more := [version for version in self.awaited if version not in awaited]):
            awaited = (*awaited, *more)
            records.append(_versions_record(AWAITED, awaited))
        held = self._held
        if self.held and (more := [version for version in self.held if version not in held]):
            held = (*held, *more)
            records.append(_versions_record(HELD, held))
        notes = _Notes.of(self._pad)
        if notes != self._notes:
            records += notes.beyond(self._notes).records()
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
        # The saved version is noted after its operations.
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
        beside = self._new_records
        if beside:
            records += beside
            reached = self.records.records.version if self.records is not None else Version()
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
        if beside:
            self.records_written, self._records_begun = reached, True
        if unread:
            self._unread += len(unread)
            self._carry([_with_history(buffer.lineage, record) for record in unread])
        self._steps_lost = False
        if new_sites:
            self._note_sites(new_sites)
        self._unnoted_brought = []
        self._awaited = awaited
        self._held = held
        self._notes = notes
        self._saved = saved
        self._stored = noted
        self.written = self._cursor.version
        return True

    def _stored_pays(self) -> bool:
        """Return whether to note the stored version: it is short, or small compared with what was written since. Without the note more
        than necessary is sent again after a crash."""
        sites = len(self._pad.stored)
        return sites <= STORED_SITES or self._since_stored > 8 * sites

    def note_file_import(self, note: bytes) -> None:
        """Write a note on text that came from the plain file with the next write."""
        self._brought = [*self._brought, note][-BROUGHT_MAX:]
        self._unnoted_brought = [*self._unnoted_brought, note][-BROUGHT_MAX:]

    def wants_compaction(self) -> bool:
        """Return whether the log is long enough to be replaced by a snapshot."""
        size = self.store.size_since_snapshot
        if size <= max(COMPACT_BYTES, 8 * len(self._pad.buffer)):
            return False
        return self.records is None or size > 2 * len(self.records.records.encode())

    def prepare_compaction(self) -> Callable[[], None]:
        """Return a function that replaces the log written so far by a snapshot; call it in a thread. Typing continues meanwhile.

        The snapshot is made from the log on disk and shares nothing with the pad. The function raises StorageError, and changes
        nothing, if the disk refuses or the log is not what was written.
        """
        self.wait()
        self._is_named = False
        return partial(_compact_log, self.store, self.store.cut(), self.written)

    def compact(self) -> None:
        """Replace everything in the store by a snapshot of this pad, read back and compared first. Blocks.

        Raises:
            StorageError: nothing was changed.
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
            sent=pad.sent,
            records=self.records.records if self.records is not None else None,
        )
        _replace_log(self.store, self.store.cut(), kept)
        if self.records is not None:
            self.records_written, self._records_begun = self.records.records.version, True
        self._genesis, self._again, self._begun = b"", None, True
        self._uncarried = []
        self._steps_lost = False
        self._note_sites(sorted(sites))
        self._unnoted_brought = []
        self._awaited, self._held = self.awaited, self.held
        self._notes = _Notes.of(pad)
        self._stored, self._saved = pad.stored, pad.saved
        self._cursor = pad.cursor(version)
        self.written = version

    def reduce(self) -> None:
        """Remove the text, which another store has, and keep what undo needs: ids alone. Blocks.

        If this store has records that may be in no other, nothing is removed.

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
        records += _Notes.of(pad).records()
        self.store.write_blob(REDUCED, _packed(bytes([kind]) + payload for kind, payload in records))
        self.store.clear()

    def for_new_store(self, store: Store) -> Saver:
        """Return a saver of the same pad, with the same notes, for an empty store."""
        saver = Saver(
            self._pad, store, Version(), brought=self._brought, awaited=self.awaited, held=self.held
        )
        if self.records is not None:
            saver.keep_records(self.records, Version())
        return saver

    def rest_of_snapshot(self) -> list[Record]:
        """Return the records of a snapshot that a saver made by `for_new_store` does not write."""
        return [Record(SAVED, self._pad.saved.encode()), *self._carried()]

    def _carry(self, records: Sequence[Record]) -> None:
        carried = self.store.carried
        carried += [record for record in records if record not in carried]

    def _carried(self) -> list[Record]:
        """Return the records that a snapshot repeats as they are."""
        return [record for record in self.store.carried if _still_carried(record, self._pad.buffer)]

    def _note_sites(self, sites: Sequence[int]) -> None:
        self._sites.update(sites)
        self._unnoted = [site for site in self._unnoted if site not in self._sites]


class ReadOnlySaver(Saver):
    """A saver for a store that a newer release wrote: it writes nothing."""

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
