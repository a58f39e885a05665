"""A storage in a folder. Each document has a subfolder of append-only segments, snapshots and blobs.

`disk_layout` names the files, `segments` writes them, `recovery` reads and repairs them. This module makes a `Store`
of them, and takes the snapshots.

A snapshot replaces the parts that it names (`live_parts`): those read when the store was opened, and those written
since. Replaced parts stay until the next snapshot has been verified, so nothing is lost if a snapshot becomes
unreadable later. Files copied into the folder meanwhile are neither read nor replaced before the next opening.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final

from jpterm_like.errors import escape_for_terminal, explain
from jpterm_like.storage import creation, log
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
    is_blob_name,
    nothing_is_newer,
    pause_for_flushes,
)
from jpterm_like.storage.creation import Created
from jpterm_like.storage.disk_layout import (
    FILE_BYTES_MAX,
    Part,
    PartContent,
    content_hash,
    decode_blob,
    document_name,
    encode_blob,
    folder_name,
    is_folder_name,
    is_newer_blob,
    parse_part,
    parts_in,
    read_part,
    sealed_name,
    storage_error,
)
from jpterm_like.storage.drive import Drive
from jpterm_like.storage.live_parts import (
    PartName,
    drop_prefix_copies,
    encode_replaced_names,
    owner_records,
    part_key,
    part_name,
    replaced_names,
)
from jpterm_like.storage.recovery import Recovery, set_file_aside
from jpterm_like.storage.segments import Segments
from jpterm_like.storage.states import states

FLUSH_THREADS: Final = 8
"""Threads that flush. The file system combines concurrent flushes into one commit of its journal; more threads gain
nothing."""

NAMES_SETTLE_S: Final = 2.0
"""Coarsest time stamp of a folder: two seconds on old file systems. Of two changes within that time, the second may
not show."""

_TRASH: Final = ".deleted-"

_SET_ASIDE: Final = ".set-aside-"
"""In the name of a folder that was set aside, which is never listed or removed."""


class FolderStore:
    """See `base.Store`. Made by `FolderStorage.open`."""

    def __init__(self, drive: Drive, name: str, encoded_name: bytes, folder: Path, lock_fd: int) -> None:
        self._drive = drive
        self._name = name
        self._encoded_name = encoded_name
        self._folder = folder
        self._lock_path = folder / "lock"
        self._lock_fd = lock_fd
        self.damage: list[str] = []
        self.newer = False
        self.carried: list[Record] = []
        # Locked in this order: snapshot, blob, then the locks of the segments.
        self._blob_lock = threading.Lock()
        self._snapshot_lock = threading.Lock()
        self._closed = False
        self._lost = False
        # The folder's time of change when it was last checked (wall clock, seconds); None: check again.
        self._looked_at: float | None = None
        self._segments = Segments(drive, name, encoded_name, folder)
        self._loaded = False
        self._base: Part | None = None  # the newest snapshot read or written by this opening
        self._counted: set[PartName] = set()  # the live parts of earlier openings
        self._names: set[PartName] = set()  # the parts already replaced by a snapshot

    @property
    def name(self) -> str:
        return self._name

    @property
    def size_since_snapshot(self) -> int:
        return self._segments.size

    # Records

    def append(self, records: Sequence[Record]) -> None:
        check_records(records)
        self._check_writable()
        try:
            self._segments.append(records)
        except StorageError:
            self._check_is_there()
            raise

    def sync(self) -> None:
        with self._segments.flush_lock:
            self._check_open()
            if self.newer:
                return
            try:
                self._segments.sync()
            except StorageError:
                self._check_is_there()
                raise
            # Checked after the flush: a process that took our lock earlier has not read these records, one that takes
            # it later has.
            self._check_is_there()

    def cut(self) -> int:
        self._check_open()
        return self._segments.cut()

    def load(self, is_newer: IsNewer = nothing_is_newer) -> Loaded:
        segments = self._segments
        with segments.flush_lock, segments.lock:
            self._check_open()
            found = len(self.damage)
            loading = Recovery(self._drive, self._folder, self._encoded_name, segments, self._found)
            try:
                records = loading.records(is_newer)
            except OSError as error:
                raise storage_error(
                    self._name, "The store of {name} cannot be read", error, self._folder
                ) from error
            self.newer |= loading.newer
            self._base, self._counted, self._names = loading.base, loading.counted, loading.names
            self._loaded = True
            return Loaded(records, self.damage[found:])

    # Snapshots

    def records_before(self, cut: int) -> list[Record]:
        if not self._loaded:
            self.load()
        with self._segments.flush_lock:
            self._check_writable()
            self._segments.sync()
            # All segments below the cut that can be sealed are sealed now, so they keep their names.
            parts = [part for part in parts_in(self._drive, self._folder) if self._counts(part, cut)]
        found: dict[tuple[int, bytes], list[PartContent]] = {}
        for part in parts:
            try:
                read = read_part(self._drive, part)
            except OSError as error:
                raise storage_error(
                    self._name, "A part of {name} cannot be read", error, part.path
                ) from error
            if read.scan.holes or (part.hash is not None and not read.whole):
                raise StorageError(
                    f"A part of {escape_for_terminal(self._name)} is damaged: {escape_for_terminal(part.path)}.",
                    part.path,
                )
            found.setdefault(part_key(part), []).append(read)
        copies = [read for _, reads in sorted(found.items()) for read in drop_prefix_copies(reads)]
        return [record for read in copies for record in owner_records(read)]

    def _counts(self, part: Part, cut: int) -> bool:
        """Whether a snapshot with this cut includes the records of a part."""
        if part.salt in self._segments.own and not part.is_snapshot:
            return part.number < cut and not self._is_folded(part)
        return part_name(part) in self._counted

    def _is_folded(self, part: Part) -> bool:
        """Whether a snapshot of this opening replaces a segment of this opening."""
        base = self._base
        return base is not None and base.salt in self._segments.own and part.number < base.number

    def _replaced_names(self, cut: int) -> set[PartName]:
        """Collect the names of all parts that a snapshot with this cut replaces."""
        names = self._names | self._counted
        for part in parts_in(self._drive, self._folder):
            if part.salt in self._segments.own and part.number < cut:
                if (name := part_name(part)) is None:  # it could not be sealed
                    data = self._segments.appended(part.path, read_part(self._drive, part).data)
                    name = PartName(part.number, part.salt, content_hash(data))
                names.add(name)
        return names

    def snapshot(
        self, records: Sequence[Record], verify: Callable[[Sequence[Record]], bool], cut: int | None = None
    ) -> None:
        """See `base.Store`.

        The steps, each with the state that a crash after it leaves: flush the replaced segments (nothing new); write,
        flush, read back and verify a `.tmp` file (which `load` removes); give it its name (both generations); remove
        the generation before the previous one (parts of it remain until the next snapshot). The name comes last
        because `load` prefers a named snapshot.
        """
        check_records(records)
        with self._snapshot_lock:
            if not self._loaded:
                self.load()
            number = self.cut() if cut is None else cut
            previous = self._base
            if previous is not None and number <= previous.number:
                return  # a snapshot that replaces more was taken first
            self._named_or_refused()
            self.sync()
            salt = secrets.token_bytes(log.SALT_BYTES)
            names = self._replaced_names(number)
            data = log.encode_header(salt, self._encoded_name)
            data += log.encode_frames(salt, [encode_replaced_names(names), *records])
            if len(data) > FILE_BYTES_MAX:
                raise StorageError(
                    f"The history of {escape_for_terminal(self._name)} is too large to be compacted into one file."
                )
            path = self._folder / sealed_name(number, salt, data, "snap")
            temporary = path.with_suffix(".snap.tmp")
            try:
                self._drive.write_file(temporary, data)
                self._read_back(temporary, data, salt, verify)
                self._drive.rename(temporary, path)
                self._drive.flush_folder(self._folder)
                self._count_only(path, names)
                self._remove_replaced_by(previous, names)
            except OSError as error:
                words = "The history of {name} could not be compacted"
                raise storage_error(self._name, words, error, path) from error
            finally:
                with contextlib.suppress(OSError):
                    self._drive.unlink(temporary)

    def _read_back(
        self, path: Path, data: bytes, salt: bytes, verify: Callable[[Sequence[Record]], bool]
    ) -> None:
        found = self._drive.read(path, FILE_BYTES_MAX, from_disk=True)
        if found != data or not verify(log.scan(found, salt).records[1:]):
            raise StorageError(
                f"The compacted history of {escape_for_terminal(self._name)} does not give back its text; the old one is kept.",
                path,
            )

    def _count_only(self, path: Path, names: set[PartName]) -> None:
        """Make a new snapshot the only live part besides the segments after it."""
        snapshot = parse_part(path)
        assert snapshot is not None and snapshot.hash is not None
        with self._segments.lock:
            self._segments.own.add(snapshot.salt)
            self._base, self._names = snapshot, names
            self._counted = {PartName(snapshot.number, snapshot.salt, snapshot.hash)}
            self._segments.forget_sizes(snapshot.number)

    def _remove_replaced_by(self, previous: Part | None, names: set[PartName]) -> None:
        """Remove the parts replaced by the previous snapshot, after checking once more that it is readable."""
        if previous is None or not (read := read_part(self._drive, previous)).whole:
            return
        covered = replaced_names(read)
        for part in parts_in(self._drive, self._folder):
            name = part_name(part)
            is_lower = part.number < previous.number
            if name is None:
                is_replaced = is_lower and part.salt in self._segments.own
            elif covered is None:  # of 0.1.0, which replaces all lower numbers: those of them that were read
                is_replaced = is_lower and name in names
            else:
                is_replaced = name in covered
            if is_replaced:
                with contextlib.suppress(FileNotFoundError):
                    self._segments.forget(part)  # before the file is removed, else a commit would miss it
                    self._drive.unlink(part.path)

    def clear(self) -> None:
        with self._snapshot_lock:
            cut = self.cut()
            self._check_writable()
            self.sync()
            self._base, self._counted, self._names = None, set(), set()
            try:
                for part in list(parts_in(self._drive, self._folder)):
                    if part.number < cut:
                        self._segments.forget(part)
                        self._drive.unlink(part.path)
                self._drive.flush_folder(self._folder)
            except OSError as error:
                words = "The history of {name} cannot be removed"
                raise storage_error(self._name, words, error, self._folder) from error

    # Blobs

    def read_blob(self, name: str) -> bytes | None:
        check_blob_name(name)
        self._check_open()
        path = self._folder / f"{name}.blob"
        try:
            data = self._drive.read(path, FILE_BYTES_MAX)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._found("A note on {name} cannot be read", f"({explain(error)})", path)
            return None
        content = decode_blob(data)
        if content is None and is_newer_blob(data):
            self.newer = True
        elif content is None:
            with contextlib.suppress(OSError):
                path = set_file_aside(self._drive, path)
            self._found("A note on {name} is damaged and was set aside", "", path)
        return content

    def write_blob(self, name: str, data: bytes) -> None:
        check_blob_name(name)
        if len(data) > BLOB_BYTES_MAX:
            raise ValueError(f"a blob of {len(data)} bytes is above the limit of {BLOB_BYTES_MAX}")
        path = self._folder / f"{name}.blob"
        with self._blob_lock:
            self._named_or_refused()
            self.sync()
            try:
                self._drive.write_file(path, encode_blob(data))
                self._drive.flush_folder(self._folder)
            except OSError as error:
                raise storage_error(self._name, "A note on {name} cannot be stored", error, path) from error

    def blobs(self) -> dict[str, bytes]:
        self._check_open()
        try:
            entries = self._drive.names(self._folder)
        except OSError as error:
            raise storage_error(
                self._name, "The store of {name} cannot be read", error, self._folder
            ) from error
        names = [entry.removesuffix(".blob") for entry in entries if entry.endswith(".blob")]
        found = {name: self.read_blob(name) for name in names if is_blob_name(name)}
        return {name: data for name, data in found.items() if data is not None}

    # Opening and closing

    def close(self) -> None:
        with self._snapshot_lock, self._blob_lock, self._segments.flush_lock:
            if self._lost:
                raise self._lost_error()
            if self._closed:
                return
            try:
                self._segments.close()
                if self._segments.named:
                    self._check_is_there()
            finally:
                self._closed = True
                if not self._segments.named and self._drive.is_named(self._lock_fd, self._lock_path):
                    # Nothing was ever written. Removed while locked; a process waiting for the lock checks again.
                    with contextlib.suppress(OSError):
                        self._drive.unlink(self._lock_path)
                        self._drive.remove_folder(self._folder)
                self._drive.close(self._lock_fd)

    def delete(self) -> None:
        with self._snapshot_lock, self._blob_lock, self._segments.flush_lock:
            self._check_open()
            self._closed = True
            self._segments.abandon()
            _remove(self._drive, self._folder, self._lock_fd, self._name)

    def abandon(self) -> None:
        with self._snapshot_lock, self._blob_lock, self._segments.flush_lock:
            if not self._closed:
                self._closed = self._lost = True
                self._segments.abandon()
                self._drive.close(self._lock_fd)

    def _check_is_there(self) -> None:
        """
        Raises:
            StoreLost: files or lock were removed or replaced, so another process may hold the document.
        """
        is_there = self._drive.is_named(self._lock_fd, self._lock_path) and self._segments.are_named()
        now = time.time()
        try:
            changed_at: float | None = self._drive.changed_at(self._folder)
        except OSError:
            changed_at = None
        if is_there and (changed_at is None or changed_at != self._looked_at):
            before, base = set(self._segments.sizes), self._base
            places: set[tuple[int, bytes]] = set()
            with contextlib.suppress(OSError):
                places = {part_key(part) for part in parts_in(self._drive, self._folder)}
            is_there = self._segments.are_all_present(places, before) and (
                base is None or part_key(base) in places
            )
            is_settled = changed_at is not None and changed_at + NAMES_SETTLE_S < now
            self._looked_at = changed_at if is_settled else None
        if not is_there:
            raise self._lost_error()

    def _lost_error(self) -> StoreLost:
        return StoreLost(
            f"The store of {escape_for_terminal(self._name)} was removed or replaced.", self._folder
        )

    def _check_open(self) -> None:
        if self._lost:
            raise self._lost_error()
        if self._closed:
            raise ValueError(f"the store of {self._name!r} is closed")

    def _check_writable(self) -> None:
        self._check_open()
        if self.newer:
            raise NewerRelease(self._name, self._folder)

    def _named_or_refused(self) -> None:
        self._check_writable()
        try:
            with self._segments.lock:
                self._segments.write_name()
        except OSError as error:
            raise storage_error(self._name, "{name} cannot be stored", error, self._folder) from error

    def _found(self, sentence: str, detail: str, path: Path) -> None:
        words = sentence.format(name=escape_for_terminal(self._name))
        self.damage.append(f"{words}{' ' if detail else ''}{detail}: {escape_for_terminal(path)}.")


class FolderStorage:
    """See `base.Storage`. Creates its folder and the parents when the first document is opened.

    Args:
        folder: contains the documents' folders.
        drive: the file system that it is on.
        threads: run the flushes; None: an own pool.
        beside: other files to create in the folder when missing: content by name.
    """

    def __init__(
        self,
        folder: Path,
        drive: Drive | None = None,
        threads: Executor | None = None,
        *,
        beside: Mapping[str, bytes] = MappingProxyType({}),
    ) -> None:
        self.folder = folder
        self._beside = beside
        self._drive = drive or Drive()
        self._threads = threads or ThreadPoolExecutor(FLUSH_THREADS, thread_name_prefix="flush")
        self._is_cleaned = False  # whether leftovers of creations were removed

    def open(self, name: str) -> FolderStore:
        encoded = check_name(name)
        folder, lock_fd = self._hold(name, encoded)
        try:
            return FolderStore(self._drive, name, encoded, folder, lock_fd)
        except OSError as error:
            self._drive.close(lock_fd)
            raise storage_error(name, "The store of {name} cannot be read", error, folder) from error

    def begin(self) -> None:
        try:
            self._make_folder()
        except OSError as error:
            raise StorageError(f"Nothing can be stored: {explain(error)}.", self.folder) from error

    def names(self, with_blob: str | None = None) -> list[str]:
        try:
            if with_blob is None:
                entries = self._drive.names(self.folder)
            else:
                entries = self._drive.folders_with(self.folder, f"{with_blob}.blob")
            entries = [entry for entry in entries if is_folder_name(entry)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StorageError(f"The stores cannot be listed: {explain(error)}.", self.folder) from error
        found = (document_name(self._drive, self.folder / entry) for entry in entries)
        return sorted(name for name in found if name is not None)

    def has(self, name: str) -> bool:
        try:
            entries = self._drive.names(self.folder / folder_name(name, check_name(name)))
        except OSError:
            return False
        return any(entry != "lock" for entry in entries)

    def usage(self, name: str) -> tuple[int, float]:
        folder = self.folder / folder_name(name, check_name(name))
        try:
            found = self._drive.sizes_and_times(folder)
        except OSError as error:
            raise storage_error(name, "The store of {name} cannot be read", error, folder) from error
        found.pop("lock", None)
        if not found:
            raise StorageError(f"There is no store of {escape_for_terminal(name)}.", folder)
        return sum(size for size, _ in found.values()), max(changed_at for _, changed_at in found.values())

    def read_blob(self, name: str, blob: str) -> bytes | None:
        check_blob_name(blob)
        path = self.folder / folder_name(name, check_name(name)) / f"{blob}.blob"
        try:
            return decode_blob(self._drive.read(path, FILE_BYTES_MAX))
        except OSError:
            return None

    def inspect(self, name: str) -> Inspection | None:
        # loaded on demand: few commands look at a store from outside
        from jpterm_like.storage import inspection

        return inspection.inspect_document(self.folder / folder_name(name, check_name(name)), self._drive)

    def inspect_all(self) -> Iterator[Inspection]:
        from jpterm_like.storage import inspection

        return inspection.inspect(self.folder, self._drive) if self._drive.exists(self.folder) else iter(())

    def states(self, before: Mapping[str, str]) -> dict[str, str]:
        """Return a state for each document, by the name of its folder: if it is not empty and the same as in `before`, which an
        earlier call returned, nothing of the document has changed. Costs a stat for each.

        Raises:
            StorageError: they cannot be listed.
        """
        try:
            return states(self._drive, self.folder, before, NAMES_SETTLE_S)
        except OSError as error:
            raise StorageError(f"The stores cannot be listed: {explain(error)}.", self.folder) from error

    def name_of(self, entry: str) -> str | None:
        """Return the name of the document in a folder that `states` has; None if it cannot be read."""
        return document_name(self._drive, self.folder / entry)

    def inspect_folder(self, entry: str) -> Inspection | None:
        """As `inspect`, by the name of a document's folder, as `states` has it."""
        from jpterm_like.storage import inspection

        return inspection.inspect_document(self.folder / entry, self._drive)

    def set_aside(self, name: str) -> None:
        folder, lock_fd = self._hold(name, check_name(name))
        try:
            self._drive.rename(folder, self.folder / f"{folder.name}{_SET_ASIDE}{secrets.token_hex(4)}")
            self._drive.flush_folder(self.folder)
        except OSError as error:
            raise storage_error(name, "The store of {name} cannot be set aside", error, folder) from error
        finally:
            self._drive.close(lock_fd)

    def delete(self, name: str) -> None:
        encoded = check_name(name)
        if self._drive.exists(self.folder / folder_name(name, encoded)):
            _remove(self._drive, *self._hold(name, encoded), name)

    async def create(self, new: Sequence[NewStore]) -> set[str]:
        in_thread = partial(asyncio.get_running_loop().run_in_executor, self._threads)
        drive, folder = self._drive, self.folder
        made: list[Created] = []

        def write() -> None:
            self._make_folder()
            if not self._is_cleaned:
                self._is_cleaned = True
                creation.remove_leftovers(drive, folder)
            made.extend(creation.write(drive, folder, new))

        try:
            await in_thread(write)
            shares = [made[start::FLUSH_THREADS] for start in range(min(FLUSH_THREADS, len(made)))]
            flushing = [in_thread(creation.flush, drive, share) for share in shares]
            await asyncio.gather(*flushing, return_exceptions=True)  # nobody uses them when they are removed
            for flushed in flushing:
                flushed.result()
            return await in_thread(creation.give_names, drive, folder, made)
        except OSError as error:
            await in_thread(creation.remove, drive, made)
            raise StorageError(f"New texts cannot be stored: {explain(error)}.", folder) from error

    async def sync(self, stores: Sequence[Store]) -> None:
        loop = asyncio.get_running_loop()
        # One share for each thread instead of one job for each store: passing a job on costs more than many flushes.
        shares = [stores[start::FLUSH_THREADS] for start in range(min(FLUSH_THREADS, len(stores)))]
        failed = await asyncio.gather(
            *(loop.run_in_executor(self._threads, _sync_each, share) for share in shares)
        )
        if failures := [failure for share in failed for failure in share]:
            raise SyncFailed(failures)

    def pause_after(self, count: int, load: float) -> float:
        return pause_for_flushes(count, load)

    def close(self) -> None:
        self._threads.shutdown()

    def _make_folder(self) -> None:
        """Create the folder of the stores if it is missing, even if it existed before."""
        self._drive.make_folders(self.folder)
        for name, data in self._beside.items():
            if not self._drive.exists(self.folder / name):
                self._drive.write_file(self.folder / name, data)

    def _hold(self, name: str, encoded: bytes) -> tuple[Path, int]:
        """Create a document's folder if needed, and lock it."""
        folder = self.folder / folder_name(name, encoded)
        try:
            while True:
                self._make_folder()
                self._drive.make_folder(folder)
                with contextlib.suppress(FileNotFoundError):
                    fd = self._drive.hold(folder / "lock")
                    if fd is not None:
                        return folder, fd
        except BlockingIOError as error:
            raise StoreBusy(
                f"{escape_for_terminal(name)} is already open; close it there first.", folder
            ) from error
        except OSError as error:
            raise storage_error(name, "The store of {name} cannot be opened", error, folder) from error


def _remove(drive: Drive, folder: Path, lock_fd: int, name: str) -> None:
    """Remove and unlock a document. Its folder is renamed first, so that a crash never leaves half a document."""
    try:
        drive.rename(folder, folder.parent / f"{_TRASH}{secrets.token_hex(8)}")
        drive.flush_folder(folder.parent)
        # Also remove what a crash left of earlier removals.
        for entry in drive.names(folder.parent):
            if entry.startswith(_TRASH):
                with contextlib.suppress(FileNotFoundError):  # another removal was faster
                    drive.remove_tree(folder.parent / entry)
    except OSError as error:
        raise storage_error(name, "The store of {name} cannot be removed", error, folder) from error
    finally:
        drive.close(lock_fd)


def _sync_each(stores: Sequence[Store]) -> list[tuple[Store, StorageError]]:
    """Sync stores one after the other, and return those that failed."""
    failures: list[tuple[Store, StorageError]] = []
    for store in stores:
        try:
            store.sync()
        except StorageError as error:
            failures.append((store, error))
    return failures
