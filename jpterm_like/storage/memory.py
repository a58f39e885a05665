"""A storage in memory with simulated crashes and failures: for scratch documents, tests and the seeded simulator.

`crash` simulates a power cut or kill -9, `fail` a full or broken disk. There are no files, threads or damage; a
counter separates synced records from those only appended.
"""

from __future__ import annotations

import errno
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from jpterm_like.errors import explain
from jpterm_like.storage.base import (
    BLOB_BYTES_MAX,
    Inspection,
    IsNewer,
    Loaded,
    NewerRelease,
    NewStore,
    Record,
    StorageError,
    Store,
    StoreBusy,
    StoreLost,
    SyncFailed,
    check_blob_name,
    check_name,
    check_records,
    nothing_is_newer,
    pause_for_flushes,
)

Operation = Literal["append", "sync", "snapshot", "write_blob"]

FRAME_BYTES: Final = 13
"""Bytes that a folder storage needs for a record besides its payload, so that owners compact at similar times with
both."""


@dataclass
class _Document:
    """The content of the simulated disk for one document."""

    snapshot: list[Record] = field(default_factory=list)
    """The newest snapshot's records. They are on the disk."""

    log: list[tuple[int, Record]] = field(default_factory=list)
    """Records that no snapshot replaces, each with the number of its segment."""

    synced: int = 0
    """How many records of `log` are on the disk; the rest is in the system's cache."""

    segment: int = 1
    """The number that the next record gets; `cut` raises it."""

    has_snapshot: bool = False
    snapshot_cut: int = 0

    blobs: dict[str, bytes] = field(default_factory=dict)

    changed_at: float = field(default_factory=time.time)
    """Wall clock, seconds."""

    @property
    def records(self) -> list[Record]:
        """The records that an opening reads."""
        return [*self.snapshot, *(record for _, record in self.log)]

    @property
    def empty(self) -> bool:
        return not (self.has_snapshot or self.log or self.blobs)

    def touch(self) -> None:
        self.changed_at = time.time()


class MemoryStore:
    """See `base.Store`."""

    def __init__(self, storage: MemoryStorage, name: str, document: _Document) -> None:
        self._storage = storage
        self._name = name
        self._document = document
        self.damage: list[str] = []
        self.newer = False
        self.carried: list[Record] = []
        self._lost = False

    @property
    def name(self) -> str:
        return self._name

    @property
    def size_since_snapshot(self) -> int:
        return sum(FRAME_BYTES + len(record.payload) for _, record in self._document.log)

    def load(self, is_newer: IsNewer = nothing_is_newer) -> Loaded:
        self._check_held()
        records = self._document.records
        self.newer = is_newer(records)
        return Loaded(records, [])

    def append(self, records: Sequence[Record]) -> None:
        self._check_writable()
        check_records(records)
        self._storage.give_out("append", self._name)
        document = self._document
        document.log.extend((document.segment, Record(kind, bytes(payload))) for kind, payload in records)
        document.touch()

    def sync(self) -> None:
        self._check_held()
        self._storage.give_out("sync", self._name)
        self._document.synced = len(self._document.log)

    def cut(self) -> int:
        self._check_held()
        self._document.segment += 1
        return self._document.segment

    def records_before(self, cut: int) -> list[Record]:
        self.sync()
        document = self._document
        return [*document.snapshot, *(record for segment, record in document.log if segment < cut)]

    def snapshot(
        self, records: Sequence[Record], verify: Callable[[Sequence[Record]], bool], cut: int | None = None
    ) -> None:
        self._check_writable()
        check_records(records)
        cut = self.cut() if cut is None else cut
        if cut <= self._document.snapshot_cut:
            return
        self.sync()
        self._storage.give_out("snapshot", self._name)
        kept = [Record(kind, bytes(payload)) for kind, payload in records]
        if not verify(kept):
            raise StorageError(
                f"The snapshot of {self._name} does not give back its text, and was not taken."
            )
        document = self._document
        covered = sum(segment < cut for segment, _ in document.log)
        del document.log[:covered]
        document.synced = max(0, document.synced - covered)
        document.snapshot = kept
        document.snapshot_cut = cut
        document.has_snapshot = True
        document.touch()

    def read_blob(self, name: str) -> bytes | None:
        self._check_held()
        check_blob_name(name)
        return self._document.blobs.get(name)

    def write_blob(self, name: str, data: bytes) -> None:
        self._check_writable()
        check_blob_name(name)
        if len(data) > BLOB_BYTES_MAX:
            raise ValueError(f"a blob of {len(data)} bytes is above the limit of {BLOB_BYTES_MAX}")
        self._storage.give_out("write_blob", self._name)
        self._document.blobs[name] = bytes(data)
        self._document.touch()

    def blobs(self) -> dict[str, bytes]:
        self._check_held()
        return dict(self._document.blobs)

    def close(self) -> None:
        if self._lost:
            raise self._lost_error()
        if self._storage.holder(self._name) is not self:
            return
        try:
            self.sync()
        finally:
            self._storage.release(self._name)

    def clear(self) -> None:
        self._check_writable()
        self.sync()
        document = self._document
        document.log.clear()
        document.snapshot = []
        document.synced, document.has_snapshot = 0, False
        document.touch()

    def delete(self) -> None:
        self._check_held()
        self._storage.release(self._name)
        self._storage.delete(self._name)

    def abandon(self) -> None:
        if self._storage.holder(self._name) is self:
            self._lost = True
            self._storage.release(self._name)

    def _lost_error(self) -> StoreLost:
        return StoreLost(f"The store of {self._name} was removed or replaced.")

    def _check_writable(self) -> None:
        self._check_held()
        if self.newer:
            raise NewerRelease(self._name)

    def _check_held(self) -> None:
        if self._lost:
            raise self._lost_error()
        if self._storage.holder(self._name) is not self:
            raise ValueError(f"the store of {self._name!r} is closed, or its machine has crashed")


class MemoryStorage:
    """See `base.Storage`; `crash` and `fail` simulate what a folder cannot do on request."""

    def __init__(self) -> None:
        self._documents: dict[str, _Document] = {}
        self._held: dict[str, MemoryStore] = {}
        self._failures: dict[Operation, deque[int]] = {}
        self.aside: list[_Document] = []
        """Documents that were set aside."""

    def open(self, name: str) -> MemoryStore:
        check_name(name)
        if name in self._held:
            raise StoreBusy(f"{name} is already open; close it there first.")
        store = MemoryStore(self, name, self._documents.setdefault(name, _Document()))
        self._held[name] = store
        return store

    def begin(self) -> None:
        pass

    def names(self, with_blob: str | None = None) -> list[str]:
        return sorted(
            name
            for name, document in self._documents.items()
            if not document.empty and (with_blob is None or with_blob in document.blobs)
        )

    def read_blob(self, name: str, blob: str) -> bytes | None:
        check_blob_name(blob)
        return self._documents[name].blobs.get(blob) if name in self._documents else None

    def has(self, name: str) -> bool:
        return name in self._documents and not self._documents[name].empty

    def usage(self, name: str) -> tuple[int, float]:
        if not self.has(name):
            raise StorageError(f"There is no store of {name}.")
        document = self._documents[name]
        sizes = [FRAME_BYTES + len(record.payload) for record in document.records]
        return sum(sizes) + sum(map(len, document.blobs.values())), document.changed_at

    def inspect(self, name: str) -> Inspection | None:
        if not self.has(name):
            return None
        document = self._documents[name]
        size_bytes, _ = self.usage(name)
        return Inspection(
            name, None, loaded=Loaded(document.records, []), blobs=dict(document.blobs), size_bytes=size_bytes
        )

    def inspect_all(self) -> Iterator[Inspection]:
        return (found for name in self.names() if (found := self.inspect(name)) is not None)

    def set_aside(self, name: str) -> None:
        if name in self._held:
            raise StoreBusy(f"{name} is open; close it before it is set aside.")
        if name in self._documents:
            self.aside.append(self._documents.pop(name))

    def delete(self, name: str) -> None:
        if name in self._held:
            raise StoreBusy(f"{name} is open; close it before it is deleted.")
        self._documents.pop(name, None)

    async def create(self, new: Sequence[NewStore]) -> set[str]:
        made: set[str] = set()
        for name, records, blobs in new:
            check_name(name)
            check_records(records)
            if name in self._documents or name in self._held:
                continue
            self.give_out("sync", name)
            log = [(1, record) for record in records]
            self._documents[name] = _Document(log=log, synced=len(log), segment=2, blobs=dict(blobs))
            made.add(name)
        return made

    async def sync(self, stores: Sequence[Store]) -> None:
        failures: list[tuple[Store, StorageError]] = []
        for store in stores:
            try:
                store.sync()
            except StorageError as error:
                failures.append((store, error))
        if failures:
            raise SyncFailed(failures)

    def pause_after(self, count: int, load: float) -> float:
        return pause_for_flushes(count, load)

    def close(self) -> None:
        pass

    def crash(self, keep_unsynced: bool) -> None:
        """Abort all openings, as kill -9 (which keeps appended records) or a power cut (which does not).

        Records kept after kill -9 are still lost in a power cut before the next sync. Stores that were open raise
        `ValueError`; open them again.
        """
        for name in list(self._held):
            document = self._documents[name]
            if not keep_unsynced:
                del document.log[document.synced :]
            self.release(name)

    def fail(self, operation: Operation, code: int = errno.ENOSPC, times: int = 1) -> None:
        """Make the next `times` calls of an operation, on any document, fail with the system error `code`."""
        self._failures.setdefault(operation, deque()).extend([code] * times)

    def give_out(self, operation: Operation, name: str) -> None:
        """Raise the next failure planned for an operation, if any."""
        due = self._failures.get(operation)
        if due:
            code = due.popleft()
            reason = explain(OSError(code, os.strerror(code)))
            raise StorageError(f"The changes to {name} cannot be stored: {reason}.")

    def holder(self, name: str) -> MemoryStore | None:
        return self._held.get(name)

    def release(self, name: str) -> None:
        del self._held[name]
        if self._documents[name].empty:
            del self._documents[name]
