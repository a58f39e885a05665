"""The port of the storage layer: a `Storage` of many documents, a `Store` for each.

A store is a log of records with snapshots, plus a few small named blobs. It does not interpret the records: they come
back as they were appended, in order, until a snapshot replaces them.

A record that was appended but not synced may be lost in a power cut. Call `sync` before reporting anything as stored
(F30, F32).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from jpterm_like.errors import JptermError, escape_for_terminal

RECORD_BYTES_MAX: Final = 1 << 29
"""Longest record. The replica of the largest document (64 MiB of text with its history) is far smaller, so a longer
length in a file is damage, whatever its checksum says."""

BLOB_BYTES_MAX: Final = 1 << 29

NAME_BYTES_MAX: Final = 4096
"""Longest document name, which is a path or an address: Linux allows 4,096 bytes for a path."""

REPLACES: Final = 11
"""Kind of the first record of a snapshot, which names the parts that the snapshot replaces. The only kind that the
store uses itself."""

_BLOB_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}")


class Record(NamedTuple):
    """One entry of a log."""

    kind: int
    """0 to 255, chosen by the owner, except `REPLACES`."""

    payload: bytes


class Loaded(NamedTuple):
    """The records of a store, and the damage found while reading them."""

    records: list[Record]
    """Those of the newest readable snapshot, then those appended after it, in order. Older parts that the snapshot
    does not replace, because they were copied here from elsewhere, come first."""

    damage: list[str]
    """One plain sentence for each file that was set aside; empty when everything is intact."""


@dataclass
class Inspection:
    """The result of checking all that is stored of one document."""

    name: str
    """The document's name, or its folder's when no readable file contains it."""
    folder: Path | None
    """The folder of its files; None for a storage without files."""
    damage: list[str] = field(default_factory=list)
    """One plain sentence for each file that is damaged, or was and has been set aside."""
    newer: bool = False
    """Whether a newer release wrote some of it."""
    loaded: Loaded = field(default_factory=lambda: Loaded([], []))
    """The records that an opening would read now."""
    blobs: dict[str, bytes] = field(default_factory=dict)
    size_bytes: int = 0


class StorageError(JptermError):
    """The disk refused an operation, or returned other bytes than were written."""

    def __init__(self, sentence: str, path: Path | None = None) -> None:
        super().__init__(sentence)
        self.path = path
        """The file or folder in question, when there is one."""


MADE_BY_NEWER: Final = "was made by a newer release of jpterm-like; update it to edit."


class NewerRelease(StorageError):
    """The store was written by a newer release, so it is left exactly as it is."""

    def __init__(self, name: str, path: Path | None = None) -> None:
        super().__init__(f"{escape_for_terminal(name)} {MADE_BY_NEWER}", path)


class StoreBusy(StorageError):
    """The document is already open, in this process or another."""


class StoreElsewhere(StoreBusy):
    """Another node of those that share the storage has the document open."""

    def __init__(self, sentence: str, node: str, address: str) -> None:
        super().__init__(sentence)
        self.node = node
        """Its id."""
        self.address = address
        """HOST:PORT at which other nodes reach it; empty if they cannot."""


class StoreLost(StorageError):
    """The files or the lock of an open store were removed or replaced, or another node has taken the document, so nothing written there is
    kept."""


class SyncFailed(StorageError):
    """A group commit failed for some of its stores."""

    def __init__(self, failures: Sequence[tuple[Store, StorageError]]) -> None:
        super().__init__(str(failures[0][1]), failures[0][1].path)
        self.failures = list(failures)
        """The stores that were not flushed, each with its reason. All others of the call were."""


class NewStore(NamedTuple):
    """What `Storage.create` makes a store of."""

    name: str
    """The document's."""
    records: Sequence[Record]
    blobs: Mapping[str, bytes]


IsNewer = Callable[[Sequence[Record]], bool]


def nothing_is_newer(records: Sequence[Record]) -> bool:
    return False


class Store(Protocol):
    """The log, snapshots and blobs of one document, locked until `close`.

    `append`, `cut` and `size_since_snapshot` never wait for the disk, so the event loop may call them. `sync`,
    `records_before`, `snapshot`, `load`, `read_blob`, `write_blob` and `close` may block, and may run in other threads at
    the same time.
    """

    damage: list[str]
    """One sentence for each file that `load` and `read_blob` have set aside since the store was opened."""

    newer: bool
    """Whether `load` or `read_blob` found data of a newer release. Every write then raises `NewerRelease`; none has
    happened before."""

    carried: list[Record]
    """Kept for the owner, who puts them into each snapshot; the store does nothing with them."""

    @property
    def name(self) -> str:
        """The document's name, as given to `Storage.open`."""
        ...

    @property
    def size_since_snapshot(self) -> int:
        """Bytes of log that a snapshot taken now would replace, to decide when to compact."""
        ...

    def load(self, is_newer: IsNewer = nothing_is_newer) -> Loaded:
        """Read all records, and repair what can be repaired.

        Args:
            is_newer: whether a newer release wrote these records, so that this one must not touch them. Called before
            any repair.

        Raises:
            StorageError: nothing at all can be read. A damaged part alone never raises; it is listed in `damage`.
        """
        ...

    def append(self, records: Sequence[Record]) -> None:
        """Write records to the operating system: they survive the end of this process, but not a power cut.

        All or nothing: after an error none of them is in the log, and a later append works once there is space.

        Raises:
            StorageError: the disk refused.
        """
        ...

    def sync(self) -> None:
        """Flush everything appended before the call to the disk, including records of earlier openings.

        After an error the next call writes the records again, to another file: the system may mark a page clean after
        failing to flush it.

        Raises:
            StoreLost: the files were removed or replaced, so nothing that was appended is kept.
            StorageError: the disk refused.
        """
        ...

    def cut(self) -> int:
        """Mark the point up to which a snapshot made now replaces the log.

        Call it in the step that makes the snapshot's records, with no `await` between, and pass the number to
        `snapshot`: records appended before the snapshot's thread starts then stay in the log.
        """
        ...

    def records_before(self, cut: int) -> list[Record]:
        """Flush, then read from the disk the records that a snapshot with this cut replaces. Repairs nothing.

        Raises:
            StorageError: the disk refused, or returned other bytes than were written.
        """
        ...

    def snapshot(
        self, records: Sequence[Record], verify: Callable[[Sequence[Record]], bool], cut: int | None = None
    ) -> None:
        """Replace everything appended before `cut` (by default: before the call) by these records.

        They are written to a file, flushed, read back and given to `verify`; only if that accepts them does the file
        get its final name. The previous generation stays readable until the next snapshot. Records may be appended
        meanwhile; they come after it.

        Raises:
            StorageError: the disk refused, or `verify` returned False. The store is then unchanged.
        """
        ...

    def read_blob(self, name: str) -> bytes | None:
        """Return the bytes last written under a name; None if there are none or they are damaged (see `damage`)."""
        ...

    def write_blob(self, name: str, data: bytes) -> None:
        """Replace the bytes under a name, all or nothing, and flush them to the disk.

        Raises:
            StorageError: the disk refused. The old bytes are still there.
        """
        ...

    def blobs(self) -> dict[str, bytes]:
        """Return all readable blobs by name, including those of other releases."""
        ...

    def close(self) -> None:
        """Sync, and unlock the document. Closing again does nothing.

        Raises:
            StorageError: the last sync failed. The document is unlocked all the same.
        """
        ...

    def clear(self) -> None:
        """Remove all records but no blobs. After an error or a crash some records may still be there.

        Raises:
            StorageError: the disk refused.
        """
        ...

    def delete(self) -> None:
        """Remove the document with everything that belongs to it, and unlock it. It stays locked until it is gone.

        Raises:
            StorageError: the disk refused. The document is unlocked all the same.
        """
        ...

    def abandon(self) -> None:
        """Unlock a lost document and write nothing more. Doing so again does nothing; every other call then raises
        StoreLost."""
        ...


class Storage(Protocol):
    """Many documents, each stored under a name."""

    def open(self, name: str) -> Store:
        """Open and lock the document of that name, new or not.

        A document closed without a record or blob leaves nothing behind.

        Raises:
            StoreBusy: it is already open.
            StorageError: the disk refused.
        """
        ...

    def begin(self) -> None:
        """Prepare the place where documents are stored now, instead of with the first one. Doing so again does nothing.

        Raises:
            StorageError: the disk refused.
        """
        ...

    def names(self, with_blob: str | None = None) -> list[str]:
        """List the names of all documents with content, or of those that have the named blob, sorted. Includes
        damaged ones (F31)."""
        ...

    def has(self, name: str) -> bool:
        """Whether a document of that name has content, readable or not. Takes the same time however many documents
        there are."""
        ...

    def usage(self, name: str) -> tuple[int, float]:
        """Return a document's size in bytes, and when it was last changed (wall clock, seconds).

        Raises:
            StorageError: there is none of that name, or it cannot be read.
        """
        ...

    def read_blob(self, name: str, blob: str) -> bytes | None:
        """Read a blob without opening its document; None as well if it cannot be read. See `Store.read_blob`."""
        ...

    def inspect(self, name: str) -> Inspection | None:
        """Check all that is stored of a document, which may be open; None if there is nothing. Changes nothing."""
        ...

    def inspect_all(self) -> Iterator[Inspection]:
        """Check every document, including damaged ones.

        Raises:
            StorageError: they cannot be listed.
        """
        ...

    def set_aside(self, name: str) -> None:
        """Move a document to where it is kept but never read, and free its name.

        Raises:
            StoreBusy: it is held.
            StorageError: the disk refused.
        """
        ...

    def delete(self, name: str) -> None:
        """Remove a document with everything that belongs to it, if it exists.

        Raises:
            StoreBusy: it is held.
            StorageError: the disk refused.
        """
        ...

    async def create(self, new: Sequence[NewStore]) -> set[str]:
        """Make the stores of many documents that have none, and return the names of those that were made: they are flushed.

        Each is there whole or not at all, also after a power cut. A document that has something already, or is being opened, is
        left alone. The disk is waited for once for all of them, so one costs a fraction of what an opening does.

        Raises:
            StorageError: the disk refused. Some may have been made.
        """
        ...

    async def sync(self, stores: Sequence[Store]) -> None:
        """Flush everything appended to these stores: one group commit for all of them.

        Raises:
            SyncFailed: some stores were not flushed; the others were.
        """
        ...

    def pause_after(self, count: int, load: float) -> float:
        """Return how many seconds to wait after a group commit of so many documents, in a process that takes the share `load` of a core."""
        ...

    def close(self) -> None:
        """Release the storage's own resources. Close its stores first."""
        ...


FLUSH_PAUSE_S: Final = 0.05
"""Interval between two group commits. Nobody sees whether "stored" comes 50 ms late."""
FLUSH_SHARE_S: Final = 0.0005
"""The interval is at least this long for each document of the last commit. A flush, and telling of it, costs some 150 µs of CPU."""
FLUSH_SHARE_BUSY_S: Final = 0.005
"""The same for a process that has no time to spare: flushes then take three percent of a core at most, and keys the rest."""
LOAD_QUIET: Final = 0.4
LOAD_BUSY: Final = 0.8
"""Share of a core that this process takes up to which it has time to spare, and from which on it has none."""


def pause_for_flushes(count: int, load: float) -> float:
    """The pause of a storage that flushes each document by itself; see `Storage.pause_after`."""
    lack = min(1.0, max(0.0, (load - LOAD_QUIET) / (LOAD_BUSY - LOAD_QUIET)))
    return max(FLUSH_PAUSE_S, count * (FLUSH_SHARE_S + lack * (FLUSH_SHARE_BUSY_S - FLUSH_SHARE_S)))


def check_records(records: Sequence[Record]) -> None:
    """Raise ValueError for records that no store can keep: a bug of the caller, not a failure of the disk."""
    for kind, payload in records:
        if not 0 <= kind <= 255:
            raise ValueError(f"a record's kind is 0 to 255, not {kind}")
        if len(payload) > RECORD_BYTES_MAX:
            raise ValueError(f"a record of {len(payload)} bytes is above the limit of {RECORD_BYTES_MAX}")


def is_blob_name(name: str) -> bool:
    return _BLOB_NAME.fullmatch(name) is not None


def check_blob_name(name: str) -> None:
    """Raise ValueError unless a blob's name is a file name on every system."""
    if not is_blob_name(name):
        raise ValueError(f"not a name for a blob: {name!r}")


def check_name(name: str) -> bytes:
    """Encode a document's name, lone surrogates included.

    Raises:
        StorageError: it is longer than `NAME_BYTES_MAX`.
    """
    encoded = name.encode("utf-8", "surrogatepass")
    if len(encoded) > NAME_BYTES_MAX:
        raise StorageError(f"The document's name has {len(encoded):,} bytes; {NAME_BYTES_MAX:,} is the most.")
    return encoded
