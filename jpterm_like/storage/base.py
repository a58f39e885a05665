"""The port of the storage layer: a `Storage` of many documents, a `Store` for each.

A store is a log of records with snapshots, and a few small named blobs beside it. It knows neither what the records
mean nor which of them say the same: what was appended comes back, in order, until a snapshot takes its place.

What it does not promise: that a record appended but not synced survives a power cut. Whoever tells somebody "stored"
calls `sync` first (F30, F32).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from jpterm_like.errors import JptermError, escape_for_terminal

RECORD_BYTES_MAX: Final = 1 << 29
"""A whole replica of the largest document (64 MiB of text with its history) stays far below; a length above it in a
file is damage, whatever its checksum says."""

BLOB_BYTES_MAX: Final = 1 << 29

NAME_BYTES_MAX: Final = 4096
"""A path on Linux has at most 4,096 bytes, and a pad's name is a path or an address."""

REPLACES: Final = 11
"""The one kind of records that is the store's own: the parts that a snapshot takes the place of. It is its first record."""

_BLOB_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}")


class Record(NamedTuple):
    """One entry of a log."""

    kind: int
    """0 to 255; the owner's business, which does not use `REPLACES`."""

    payload: bytes


class Loaded(NamedTuple):
    """What a store gives back when it is opened."""

    records: list[Record]
    """The newest readable snapshot's records, then what was appended after it, in order. Parts with lower numbers that this
    snapshot does not cover, for they were copied here from elsewhere, come before it."""

    damage: list[str]
    """A plain sentence for each thing that was set aside; empty when all is whole."""


@dataclass
class Inspection:
    """All that is stored of one document, read and judged."""

    name: str
    """The document's; its folder's when no readable file says it."""
    folder: Path | None
    """Where its files are; None for a storage without files."""
    damage: list[str] = field(default_factory=list)
    """A plain sentence for each thing that is damaged, or was and is set aside."""
    newer: bool = False
    """Whether a newer release wrote some of it."""
    loaded: Loaded = field(default_factory=lambda: Loaded([], []))
    """The records that an opening would read now."""
    blobs: dict[str, bytes] = field(default_factory=dict)
    size_bytes: int = 0


class StorageError(JptermError):
    """The disk refused, or gave back something else than was written."""

    def __init__(self, sentence: str, path: Path | None = None) -> None:
        super().__init__(sentence)
        self.path = path
        """The file or folder in question, when there is one."""


MADE_BY_NEWER: Final = "was made by a newer release of jpterm-like; update it to edit."


class NewerRelease(StorageError):
    """A store that a newer release wrote: nothing in it is written, repaired, set aside or begun anew."""

    def __init__(self, name: str, path: Path | None = None) -> None:
        super().__init__(f"{escape_for_terminal(name)} {MADE_BY_NEWER}", path)


class StoreBusy(StorageError):
    """The document is held by another opening, of this process or another."""


class StoreLost(StorageError):
    """The files of an open store were removed or replaced, or its lock was: what is written there is in no store."""


class SyncFailed(StorageError):
    """A group commit that did not bring everything to the disk."""

    def __init__(self, failures: Sequence[tuple[Store, StorageError]]) -> None:
        super().__init__(str(failures[0][1]), failures[0][1].path)
        self.failures = list(failures)
        """The stores that are not on the disk, each with its reason. All others of the call are."""


IsNewer = Callable[[Sequence[Record]], bool]


def nothing_is_newer(records: Sequence[Record]) -> bool:
    return False


class Store(Protocol):
    """The log, snapshots and blobs of one document, held exclusively until `close`.

    `append`, `cut` and `size_since_snapshot` are for the event loop: they never wait for the disk. `sync`, `covered`,
    `snapshot`, `load`, `read_blob`, `write_blob` and `close` may block, and may run in other threads at the same time.
    """

    damage: list[str]
    """All that was set aside since this opening, by `load` and `read_blob`."""

    newer: bool
    """Whether `load` or `read_blob` came upon what a newer release wrote. From then on everything that would write raises
    `NewerRelease`, and nothing was written before."""

    carried: list[Record]
    """For the owner: the records in it that go into every snapshot as they are. Empty until the owner has looked."""

    @property
    def name(self) -> str:
        """The document's name, as given to `Storage.open`."""
        ...

    @property
    def size_since_snapshot(self) -> int:
        """Bytes of log that a snapshot taken now would replace; grows from 0. Tells when to compact."""
        ...

    def load(self, is_newer: IsNewer = nothing_is_newer) -> Loaded:
        """Read everything that is there and repair what can be repaired.

        Args:
            is_newer: whether these are records that a newer release wrote, and this one may not touch. Asked before
                anything is repaired.

        Raises:
            StorageError: nothing at all can be read. A damaged part alone never raises; it is in `damage`.
        """
        ...

    def append(self, records: Sequence[Record]) -> None:
        """Hand the records to the operating system: they survive the end of this process, not a power cut.

        All or nothing: after an error none of them is in the log, and a later append works when there is room again.

        Raises:
            StorageError: the disk refused.
        """
        ...

    def sync(self) -> None:
        """Return when everything appended before the call is on the disk, by earlier openings too.

        After an error the records are written anew by the next call, elsewhere: a disk that once failed to flush a
        page may call the page clean afterwards.

        Raises:
            StoreLost: the files have no names any more, or others do: nothing that was appended counts as kept.
            StorageError: the disk refused.
        """
        ...

    def cut(self) -> int:
        """Say that a snapshot made of what is known at this moment replaces everything appended so far.

        Call it in the same step, without an `await` between, in which the snapshot's records are made, and hand the
        number to `snapshot`. So what is appended before the snapshot's thread starts is not taken for covered.
        """
        ...

    def records_before(self, cut: int) -> list[Record]:
        """What a snapshot with this cut will replace, read from the disk after it was flushed. Mends nothing.

        Raises:
            StorageError: the disk refused, or gives back something else than was written.
        """
        ...

    def snapshot(
        self, records: Sequence[Record], verify: Callable[[Sequence[Record]], bool], cut: int | None = None
    ) -> None:
        """Put the records in the place of everything appended before `cut` (or before the call, without one).

        They are written to a file of their own, flushed, read back and given to `verify`; only if that says yes, the
        file gets its name and counts. The generation before stays readable until the next snapshot. Appends
        go on meanwhile and come after it.

        Raises:
            StorageError: the disk refused, or `verify` said no. Everything is then as before.
        """
        ...

    def read_blob(self, name: str) -> bytes | None:
        """The bytes last written under the name; None if there are none or they are damaged (see `damage`)."""
        ...

    def write_blob(self, name: str, data: bytes) -> None:
        """Replace the bytes under the name, all or nothing, and return when they are on the disk.

        Raises:
            StorageError: the disk refused. The bytes from before are still there.
        """
        ...

    def blobs(self) -> dict[str, bytes]:
        """All blobs that can be read, by name; those of other releases, too."""
        ...

    def close(self) -> None:
        """Sync, and let go of the document. Closing twice is once.

        Raises:
            StorageError: the last sync failed. The document is let go of all the same.
        """
        ...

    def clear(self) -> None:
        """Remove all records; blobs stay. After an error or a crash some of them may still be there.

        Raises:
            StorageError: the disk refused.
        """
        ...

    def delete(self) -> None:
        """Remove the document and all that belongs to it, and let go of it. Nobody else can have held it in between.

        Raises:
            StorageError: the disk refused. The document is let go of all the same.
        """
        ...

    def abandon(self) -> None:
        """Let go of the document and write nothing more, for one that is lost. Every later call raises StoreLost."""
        ...


class Storage(Protocol):
    """Many documents, each under a name."""

    def open(self, name: str) -> Store:
        """Hold the document of that name, new or not.

        A document that gets neither a record nor a blob leaves nothing behind when it is closed.

        Raises:
            StoreBusy: it is held already.
            StorageError: the disk refused.
        """
        ...

    def names(self, with_blob: str | None = None) -> list[str]:
        """The names of all documents with content, sorted, or of those with such a blob. Damaged ones are among them (F31)."""
        ...

    def has(self, name: str) -> bool:
        """Whether there is a document of that name with content, readable or not. Costs the same however many there are."""
        ...

    def usage(self, name: str) -> tuple[int, float]:
        """How many bytes a document needs, and when it was changed last (wall clock, seconds).

        Raises:
            StorageError: there is none of that name, or it cannot be read.
        """
        ...

    def read_blob(self, name: str, blob: str) -> bytes | None:
        """As `Store.read_blob`, of a document that need not be held; None as well if it cannot be read."""
        ...

    def inspect(self, name: str) -> Inspection | None:
        """Read and judge all that is stored of a document, which may be open; None if there is nothing. Changes nothing."""
        ...

    def inspect_all(self) -> Iterator[Inspection]:
        """Inspect each document, damaged ones included.

        Raises:
            StorageError: they cannot be listed.
        """
        ...

    def set_aside(self, name: str) -> None:
        """Keep what is stored under a name where it is never read, and free the name.

        Raises:
            StoreBusy: it is held.
            StorageError: the disk refused.
        """
        ...

    def delete(self, name: str) -> None:
        """Remove a document and all that belongs to it. One that is not there is no error.

        Raises:
            StoreBusy: it is held.
            StorageError: the disk refused.
        """
        ...

    async def sync(self, stores: Sequence[Store]) -> None:
        """Return when everything appended to these stores is on the disk: one commit for all of a tick.

        Raises:
            SyncFailed: some are not; the rest is.
        """
        ...

    def close(self) -> None:
        """Give back what the storage itself holds. Its stores are closed one by one before."""
        ...


def check_records(records: Sequence[Record]) -> None:
    """Refuse what no store can keep. These are our own mistakes, not the disk's."""
    for kind, payload in records:
        if not 0 <= kind <= 255:
            raise ValueError(f"a record's kind is 0 to 255, not {kind}")
        if len(payload) > RECORD_BYTES_MAX:
            raise ValueError(f"a record of {len(payload)} bytes is above the limit of {RECORD_BYTES_MAX}")


def is_blob_name(name: str) -> bool:
    return _BLOB_NAME.fullmatch(name) is not None


def check_blob_name(name: str) -> None:
    """Blobs are named by our own code, with names that are file names everywhere."""
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
