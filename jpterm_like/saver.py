"""Keep a pad in a store, and get it back. The only module that knows both.

The store's log holds the operations as they arrived, and beside them what must outlive a restart: which sites wrote
here, what the server said is on its disk, what the plain file holds. A saver is one more cursor into the pad's log.
"""

from __future__ import annotations

import contextlib
import struct
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from threading import Thread
from typing import Final

from crdt import ForeignOp, TextBuffer, Version

from .storage.base import Loaded, Record, StorageError, Store
from .sync.pad import Pad

# The kinds of records are a file format: never reused.
LINEAGE: Final = 1
"""16 bytes; begins a log that has no snapshot."""
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
BROUGHT_MAX: Final = 4
"""So many of these notes are kept, the newest: who comes back with what a store lost does so soon."""

_LENGTH: Final = struct.Struct("!I")
RECORD_BYTES: Final = 64 * 1024
"""Operations in one record, about: to put together more than this of a text that was edited all over takes long."""
BESIDE_BYTES_MIN: Final = 1 << 20
"""Of the text that a document began with: to write a shorter one is a matter of some milliseconds."""
COMPACT_BYTES: Final = 256 * 1024
"""A log of more than this, and than twice the snapshot, is replaced by a snapshot when the pad is closed or idle."""


@dataclass
class Kept:
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


def restore(store: Store, *, author: str) -> Kept:
    """Rebuild the document from a store, under a fresh site.

    What is damaged is left out and told in `damage`; the versions of both sides then say what a peer must send again.

    Raises:
        StorageError: nothing can be read.
    """
    return rebuild(store.load(), author=author)


def rebuild(loaded: Loaded, *, author: str) -> Kept:
    """As `restore`, from what a store gave back."""
    own_sites = [
        int.from_bytes(r.payload, "big") for r in loaded.records if r.kind == SITE and len(r.payload) == 8
    ]
    kept = Kept(None, damage=list(loaded.damage))
    steps = [r.payload for r in loaded.records if r.kind == STEPS]
    before = LINEAGE
    for kind, payload in loaded.records:
        try:
            if kind == REPLICA:
                # Asked for its version, it has all of it checked; else the first to ask would be refused, far from here.
                replica = TextBuffer.decode(payload, author=author, own_sites=own_sites)
                _ = replica.version
                kept.buffer = replica
            elif kind == GENESIS and kept.buffer is None:
                text = payload.decode("utf-8")
                kept.buffer = TextBuffer.genesis(text, author=author, own_sites=own_sites)
                kept.stored = kept.saved = (
                    kept.buffer.version
                )  # as when it was opened: the plain file held it
            elif kind == LINEAGE and len(payload) != LINEAGE_BYTES:
                kept.damage.append("The beginning of the stored history cannot be read.")
            elif (
                kind == LINEAGE
                and before == GENESIS
                and kept.buffer is not None
                and kept.buffer.lineage != payload
            ):
                kept.damage.append("The text that the stored history begins with cannot be used.")
                kept.buffer = TextBuffer(author=author, own_sites=own_sites, lineage=payload)
                kept.stored = kept.saved = Version()
            elif kind == LINEAGE and kept.buffer is None:
                kept.buffer = TextBuffer(author=author, own_sites=own_sites, lineage=payload)
            elif kind == CHANGES and kept.buffer is not None:
                kept.buffer.integrate(payload)
            elif kind == STORED:
                kept.stored = Version.decode(payload)
            elif kind == SAVED:
                kept.saved = Version.decode(payload)
            elif kind == BROUGHT:
                kept.brought = [*kept.brought, payload][-BROUGHT_MAX:]
            elif kind == AWAITED:
                kept.awaited = tuple(_decode_versions(payload))
            elif kind == HELD:
                kept.held = tuple(_decode_versions(payload))
        except (ForeignOp, UnicodeDecodeError) as problem:
            kept.damage.append(f"A part of the stored history cannot be used: {problem}.")
        before = kind
    if kept.buffer is not None:
        try:
            kept.buffer.restore_steps(steps)
        except ForeignOp as problem:
            kept.damage.append(f"What could be undone is not known any more: {problem}.")
    return kept


def _fold(store: Store, cut: int, version: Version) -> None:
    """Put a snapshot of what is on the disk, up to this version, in its place."""
    read = store.covered(cut)
    kept = rebuild(Loaded(read, []), author="")
    buffer = kept.buffer
    if buffer is None or buffer.version != version or kept.damage:
        raise StorageError("The stored history is not the one that was written; it is left as it is.")
    sites = {int.from_bytes(payload, "big") for kind, payload in read if kind == SITE}
    _replace_log(store, cut, buffer, sites, kept.stored, kept.saved, kept.brought, kept.awaited, kept.held)


def _replace_log(
    store: Store,
    cut: int,
    buffer: TextBuffer,
    sites: Collection[int],
    stored: Version,
    saved: Version,
    brought: Sequence[bytes],
    awaited: Sequence[Version],
    held: Sequence[Version],
) -> None:
    version, digest = buffer.version, buffer.digest()
    records = [Record(REPLICA, buffer.encode())]
    records += [Record(SITE, site.to_bytes(8, "big")) for site in sorted(sites)]
    records += [Record(STORED, stored.encode()), Record(SAVED, saved.encode())]
    records += [Record(BROUGHT, note) for note in brought]
    records += [_versions_record(AWAITED, awaited)] if awaited else []
    records += [_versions_record(HELD, held)] if held else []
    records.append(Record(STEPS, buffer.take_steps(whole=True)))

    def verify(read: Sequence[Record]) -> bool:
        if list(read) != records:
            return False
        copy = TextBuffer.decode(read[0].payload)
        return copy.version == version and copy.digest() == digest

    store.snapshot(records, verify, cut)


def _versions_record(kind: int, versions: Sequence[Version]) -> Record:
    encoded = [version.encode() for version in versions]
    return Record(kind, b"".join(_LENGTH.pack(len(it)) + it for it in encoded))


def _decode_versions(data: bytes) -> Iterator[Version]:
    at = 0
    while at < len(data):
        if len(data) < at + _LENGTH.size:
            raise ForeignOp("not a list of versions")
        (length,) = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size + length
        yield Version.decode(data[at - length : at])


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
    ) -> None:
        self._pad = pad
        self.store = store
        self.written = written
        """Handed to the operating system: survives the end of this process."""
        # What the store lacks comes after this: the text that the pad began with is a record of its own.
        self._base = pad.buffer.version if genesis else written
        self._genesis = genesis
        self._beginning: Thread | None = None
        self._cursor = pad.cursor(self._base)
        self._begun = bool(written.items())
        # Whether the store lacks steps of undo that were noted before; a new one has none of them.
        self._steps_lost = not self._begun
        self._sites = set(mine) - {pad.buffer.site}
        self._unnoted = sorted(set(pad.buffer.own_sites) - self._sites)
        self._stored = pad.stored
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

    @property
    def behind(self) -> bool:
        """Whether there is something to write."""
        return bool(self._genesis) or not self._cursor.done or self._pad.saved is not self._saved

    def begin(self) -> None:
        """Write the text that the pad was made of. Blocks on the processor and the system, for a long text; not on the disk.

        What cannot be written is tried again by `write`.
        """
        if self._genesis:
            with contextlib.suppress(StorageError):
                self.store.append(self._first_records())
                self._genesis, self._begun, self.written = b"", True, self._base

    def _first_records(self) -> list[Record]:
        records = [Record(LINEAGE, self._pad.buffer.lineage)]
        return [Record(GENESIS, self._genesis), *records] if self._genesis else records

    def begin_beside(self) -> None:
        """Do that in a thread, if it takes long; who wants to write before it is through waits for it."""
        if len(self._genesis) > BESIDE_BYTES_MIN:
            self._beginning = Thread(target=self.begin)
            self._beginning.start()

    def wait(self) -> None:
        """Return when nothing is being written beside."""
        if self._beginning is not None:
            self._beginning.join()
            self._beginning = None

    def write(self, *, with_stored: bool = False, limit_bytes: int | None = None) -> bool:
        """Hand everything new to the operating system, and say whether there was anything. Does not wait for the disk.

        With `limit_bytes` about so much of it; call again while this is `behind`.

        Raises:
            StorageError: nothing of it was written; the next call tries it all again.
        """
        self.wait()
        records: list[Record] = []
        buffer = self._pad.buffer
        new_sites = [site for site in self._unnoted if buffer.version.get(site)] if self._unnoted else []
        records += [Record(SITE, site.to_bytes(8, "big")) for site in new_sites]
        # before the operations that it tells of: alone it means nothing
        records += [Record(BROUGHT, note) for note in self._unnoted_brought]
        # Who is still to come is noted before what they bring, and not any more after what followed from it.
        awaited = self._awaited
        if more := [version for version in self.awaited if version not in awaited]:
            awaited = (*awaited, *more)
            records.append(_versions_record(AWAITED, awaited))
        held = self._held
        if more := [version for version in self.held if version not in held]:
            held = (*held, *more)
            records.append(_versions_record(HELD, held))
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
        if with_stored and self._pad.stored is not self._stored:
            records.append(Record(STORED, self._pad.stored.encode()))
        if saved is not self._saved:
            records.append(Record(SAVED, saved.encode()))
        if not records and not self._genesis:
            return False
        if not self._begun:
            records[:0] = self._first_records()
        try:
            self.store.append(records)
        except StorageError:
            self._cursor = self._pad.cursor(self.written if self._begun else self._base)
            self._steps_lost = True
            raise
        self._genesis, self._begun = b"", True
        self._steps_lost = False
        if new_sites:
            self._note_sites(new_sites)
        self._unnoted_brought = []
        self._awaited = awaited
        self._held = held
        self._saved = saved
        self._stored = self._pad.stored
        self.written = self._cursor.version
        return True

    def note_brought(self, note: bytes) -> None:
        """Keep a note on what came from the plain file, with the next that is written."""
        self._brought = [*self._brought, note][-BROUGHT_MAX:]
        self._unnoted_brought = [*self._unnoted_brought, note][-BROUGHT_MAX:]

    def wants_compaction(self) -> bool:
        """Whether the log has grown so long that a snapshot pays."""
        return self.store.size_since_snapshot > max(COMPACT_BYTES, 8 * len(self._pad.buffer))

    def folding(self) -> Callable[[], None]:
        """Have what is written so far replaced by a snapshot: call what is returned in a thread. Typing goes on meanwhile.

        The snapshot is made of what is on the disk, by itself: nothing is shared with the pad, so nothing waits for it.
        What is called raises StorageError if the disk refused, or the history there is not what was written; all is as
        before then.
        """
        self.wait()
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
        _replace_log(
            self.store,
            self.store.cut(),
            pad.buffer,
            sites,
            pad.stored,
            pad.saved,
            self._brought,
            self.awaited,
            self.held,
        )
        self._genesis, self._begun = b"", True
        self._steps_lost = False
        self._note_sites(sorted(sites))
        self._unnoted_brought = []
        self._awaited, self._held = self.awaited, self.held
        self._stored, self._saved = pad.stored, pad.saved
        self._cursor = pad.cursor(version)
        self.written = version

    def _note_sites(self, sites: Sequence[int]) -> None:
        self._sites.update(sites)
        self._unnoted = [site for site in self._unnoted if site not in self._sites]
