"""A storage in a folder: for each document a folder of append-only segments, snapshots and blobs.

    notes.md-<hash of the name>/
        name                                    the document's name
        lock                                    held while it is open; tells nothing else
        0000000001-<salt>-<content hash>.log    a sealed segment: never changes again
        0000000003-<salt>-<content hash>.snap   a snapshot: takes the place of all lower numbers
        0000000004-<salt>.log                   the segment that is being appended to
        base.blob                               a blob
        0000000002-<salt>.log.damaged           set aside; never read, never deleted

Numbers only grow. An opening never appends to a segment of an earlier one, so a torn tail can only be the end of an
unsealed segment, and whatever else cannot be read is damage. Names tell what a file is before it is read, and equal
names are equal bytes, so that any carrier can move sealed files about.

A snapshot covers all lower numbers. What it covers stays until the next snapshot has been verified, so a snapshot
that becomes unreadable later costs nothing. Two readable generations at most are on the disk.

What is done in which order, and which state each crash leaves, is told at `FolderStore.snapshot` and `FolderStore._set_aside`.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import itertools
import os
import re
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from jpterm_like import disk
from jpterm_like.errors import explain, shown
from jpterm_like.storage import log
from jpterm_like.storage.base import (
    BLOB_BYTES_MAX,
    Loaded,
    Record,
    StorageError,
    Store,
    StoreBusy,
    SyncFailed,
    check_blob_name,
    check_name,
    check_records,
)

# A full segment is sealed and a new one begun: small enough to be carried and re-read as one, and few for a document.
SEGMENT_BYTES_MAX = 1 << 26

# Files above it are not ours (a segment is SEGMENT_BYTES_MAX and one record at most), or not to be read as one.
FILE_BYTES_MAX = 1 << 31

# A file on the disk takes a block however short it is; counted so, many short sessions lead to a snapshot too.
BLOCK_BYTES = 4096

# Flushes of several files at once become one commit of the file system's own journal; more threads bring no more.
FLUSH_THREADS = 8

_FILE_NAME = re.compile(
    r"(?P<number>\d{10})-(?P<salt>[0-9a-f]{8})(-(?P<hash>[0-9a-f]{16}))?\.(?P<kind>log|snap)"
)
_NUMBER = re.compile(r"\d{10}(?=-)")
_FOLDER_NAME = re.compile(r".*-[0-9a-f]{32}")
_TRASH = ".deleted-"

_NOT_STORED = "The changes to {name} cannot be stored"

_BLOB_MAGIC = b"jpblob1\n"
_BLOB_HASH_BYTES = 16


class _File(NamedTuple):
    """A segment or snapshot, as its name tells."""

    path: Path
    number: int
    salt: bytes
    hash: str | None
    """Of the content; None while a segment is not sealed."""

    is_snapshot: bool


class _Read(NamedTuple):
    """A file and what could be read of it."""

    file: _File
    data: bytes
    scan: log.Scan

    @property
    def whole(self) -> bool:
        """Sealed, and exactly what was sealed."""
        return (
            not self.scan.holes and self.scan.name is not None and self.file.hash == _content_hash(self.data)
        )


@dataclass(eq=False)
class _Segment:
    """A segment that this opening appends to, or has and not yet sealed."""

    path: Path
    number: int
    salt: bytes
    fd: int
    end: int = 0
    """Length in bytes of what was appended without an error."""

    hash: hashlib.blake2b = field(default_factory=lambda: hashlib.blake2b(digest_size=8))
    """Of everything up to `end`."""

    synced_end: int = 0
    unsynced: list[Record] = field(default_factory=list)
    """The records after `synced_end`, kept to be written anew when flushing fails."""

    torn: bool = False
    """Something half-written could not be taken back; never sealed, so that `load` cuts it."""


class FolderStore:
    """See `base.Store`. Made by `FolderStorage.open`."""

    def __init__(self, name: str, encoded_name: bytes, folder: Path, lock_fd: int) -> None:
        self._name = name
        self._encoded_name = encoded_name
        self._folder = folder
        self._lock_fd = lock_fd
        self.damage: list[str] = []
        # `_state_lock` guards the attributes below and is never held while waiting for the disk, except by `load`.
        # Of each of the others, one thread at a time does that. They are taken in the order snapshot, blob, flush, state.
        self._state_lock = threading.Lock()
        self._flush_lock = threading.Lock()
        self._blob_lock = threading.Lock()
        self._snapshot_lock = threading.Lock()
        self._closed = False
        self._live: _Segment | None = None
        self._full: list[_Segment] = []
        # Records of a segment that could not be flushed, on their way to a new one.
        self._homeless: list[Record] = []
        # Such segments, which are still to be cut to what of them is on the disk (in bytes).
        self._overlong: dict[Path, int] = {}
        self._new_names = False  # names in the folder that are not flushed
        self._named = _reads(folder / "name", encoded_name)
        self._sizes: dict[int, int] = {}
        self._snapshot_number = 0
        self._next_number = 1
        # Unsealed segments of earlier openings: their content may be in the system's cache only.
        self._left_unsealed: set[Path] = set()
        for entry in os.scandir(folder):
            if number := _NUMBER.match(entry.name):
                self._next_number = max(self._next_number, int(number[0]) + 1)
            if file := _parse(Path(entry.path)):
                if file.is_snapshot:
                    self._snapshot_number = max(self._snapshot_number, file.number)
                else:
                    self._sizes[file.number] = entry.stat().st_size
                    if file.hash is None:
                        self._left_unsealed.add(file.path)
        # Numbers up to here are of earlier openings.
        self._first_number = self._next_number

    @property
    def name(self) -> str:
        return self._name

    @property
    def size_since_snapshot(self) -> int:
        return sum(
            max(BLOCK_BYTES, size) for number, size in self._sizes.items() if number > self._snapshot_number
        )

    # Appending and flushing

    def append(self, records: Sequence[Record]) -> None:
        check_records(records)
        with self._state_lock:
            self._check_open()
            if records:
                self._write(records)

    def _write(self, records: Sequence[Record]) -> None:
        """Write homeless records and these to the live segment, all or nothing."""
        pending = [*self._homeless, *records]
        self._cut_overlong()
        if self._live is None:
            self._live = self._begin_segment()
        segment = self._live
        data = log.encode_frames(segment.salt, pending)
        if segment.end == 0:
            data = log.encode_header(segment.salt, self._encoded_name) + data
        try:
            disk.write_all(segment.fd, data)
        except OSError as error:
            self._take_back(segment)
            raise self._refused(_NOT_STORED, error, segment.path) from error
        segment.end += len(data)
        segment.hash.update(data)
        segment.unsynced += pending
        self._homeless.clear()
        self._sizes[segment.number] = segment.end
        if segment.end >= SEGMENT_BYTES_MAX:
            self._full.append(segment)
            self._live = None

    def _cut_overlong(self) -> None:
        """Take homeless records from where they were, before they are written anew: else they come back twice."""
        for path, size_bytes in list(self._overlong.items()):
            try:
                os.truncate(path, size_bytes)
            except OSError as error:
                raise self._refused(_NOT_STORED, error, path) from error
            del self._overlong[path]

    def _begin_segment(self) -> _Segment:
        number = self._next_number
        salt = secrets.token_bytes(log.SALT_BYTES)
        path = self._folder / f"{number:010}-{salt.hex()}.log"
        try:
            self._write_name()
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        except OSError as error:
            raise self._refused(_NOT_STORED, error, path) from error
        self._new_names = True
        self._next_number = number + 1
        return _Segment(path, number, salt, fd)

    def _write_name(self) -> None:
        """Leave the document's name in the folder, once. `_sync` flushes it."""
        if not self._named:
            fd = os.open(self._folder / "name", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            try:
                disk.write_all(fd, self._encoded_name)
            finally:
                os.close(fd)
            self._named = self._new_names = True

    def _take_back(self, segment: _Segment) -> None:
        """Undo a write that ended half-way, so that the segment can be appended to again."""
        try:
            os.ftruncate(segment.fd, segment.end)
            if segment.end:
                return
            segment.path.unlink()
        except OSError:
            pass  # Torn, as after a crash: `load` will find that. We go on in a new segment.
        self._live = None
        if segment.end:
            segment.torn = True
            self._full.append(segment)
        else:
            os.close(segment.fd)

    def sync(self) -> None:
        with self._flush_lock:
            self._check_open()
            self._sync()

    def _sync(self) -> None:
        with self._state_lock:
            if self._homeless:
                self._write([])
            segments = [*self._full, *([self._live] if self._live else [])]
            ends = [(segment, segment.end, len(segment.unsynced)) for segment in segments]
            new_names, self._new_names = self._new_names, False
        try:
            self._flush_left_unsealed()
            for segment, end, records in ends:
                if records:
                    self._flush_segment(segment, end, records)
            if new_names:
                _flush_file(self._folder / "name")
                disk.flush_folder(self._folder)
                disk.flush_folder(self._folder.parent)
        except OSError as error:
            with self._state_lock:
                self._new_names |= new_names
            raise self._refused(
                "The changes to {name} are not yet safe on the disk", error, self._folder
            ) from error
        self._seal_full()

    def _flush_left_unsealed(self) -> None:
        for path in sorted(self._left_unsealed):
            with contextlib.suppress(FileNotFoundError):
                _flush_file(path)
            self._left_unsealed.discard(path)

    def _flush_segment(self, segment: _Segment, end: int, records: int) -> None:
        try:
            disk.flush(segment.fd)
        except OSError:
            # After a failed flush the system may take the lost pages for clean, and the next flush succeeds without
            # them: Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020. So the records
            # are written anew, to another segment, and this one ends where it was known to be good.
            with self._state_lock:
                self._homeless[:0] = segment.unsynced
                segment.unsynced = []
                self._overlong[segment.path] = segment.synced_end
                self._sizes[segment.number] = segment.synced_end
                self._forget(segment)
            raise
        with self._state_lock:
            segment.synced_end = end
            del segment.unsynced[:records]

    def _forget(self, segment: _Segment) -> None:
        """Let go of a segment that stays unsealed."""
        os.close(segment.fd)
        if segment is self._live:
            self._live = None
        else:
            self._full.remove(segment)

    def _seal_full(self) -> None:
        """Give its final name to each segment that gets no more records and is on the disk."""
        with self._state_lock:
            done = [segment for segment in self._full if not segment.unsynced]
            for segment in done:
                self._forget(segment)
        for segment in done:
            if segment.torn:
                continue
            # A rename that fails or does not survive a crash leaves an unsealed segment, which is as good.
            with contextlib.suppress(OSError):
                sealed = f"{segment.path.stem}-{segment.hash.hexdigest()}.log"
                os.rename(segment.path, segment.path.with_name(sealed))

    # Snapshots

    def cut(self) -> int:
        with self._state_lock:
            self._check_open()
            if self._live:
                self._full.append(self._live)
                self._live = None
            self._next_number += 1
            return self._next_number - 1

    def snapshot(
        self, records: Sequence[Record], verify: Callable[[Sequence[Record]], bool], cut: int | None = None
    ) -> None:
        """See `base.Store`.

        In order, with what a crash then leaves: the covered segments are flushed (nothing new); a `.tmp` file is
        written, flushed, read back and verified (a `.tmp` that `load` removes); it gets its name (both generations);
        the generation before the previous one is removed (some of it still there, until the next snapshot).
        It gets its name last because with it `load` would prefer it.
        """
        check_records(records)
        with self._snapshot_lock:
            number = self.cut() if cut is None else cut
            assert self._snapshot_number < number < self._next_number, (self._snapshot_number, number)
            with self._state_lock:
                self._named_or_refused()
            self.sync()
            salt = secrets.token_bytes(log.SALT_BYTES)
            data = log.encode_header(salt, self._encoded_name) + log.encode_frames(salt, records)
            if len(data) > FILE_BYTES_MAX:
                raise StorageError(
                    f"The history of {shown(self._name)} is too large to be compacted into one file."
                )
            temporary = self._folder / f"{number:010}-{salt.hex()}.snap.tmp"
            path = self._folder / f"{number:010}-{salt.hex()}-{_content_hash(data)}.snap"
            try:
                _write_file(temporary, data)
                self._read_back(temporary, data, salt, verify)
                os.rename(temporary, path)
                disk.flush_folder(self._folder)
                self._snapshot_number = number
                self._drop_below(number)
            except OSError as error:
                raise self._refused("The history of {name} could not be compacted", error, path) from error
            finally:
                with contextlib.suppress(OSError):
                    temporary.unlink()

    def _read_back(
        self, path: Path, data: bytes, salt: bytes, verify: Callable[[Sequence[Record]], bool]
    ) -> None:
        found = _read_file(path, from_disk=True)
        if found != data or not verify(log.scan(found, salt).records):
            raise StorageError(
                f"The compacted history of {shown(self._name)} does not give back its text; the old one is kept.",
                path,
            )

    def _drop_below(self, number: int) -> None:
        """Remove what the snapshot before this one covers, once more making sure that this one before can be read."""
        files = list(self._files())
        previous = max((file for file in files if file.is_snapshot and file.number < number), default=None)
        if previous is None or not _read(previous).whole:
            return
        for file in files:
            if file.number < previous.number:
                file.path.unlink(missing_ok=True)
                self._left_unsealed.discard(file.path)
                with self._state_lock:
                    self._sizes.pop(file.number, None)

    # Loading

    def load(self) -> Loaded:
        with self._flush_lock, self._state_lock:
            self._check_open()
            found = len(self.damage)
            try:
                self._remove_leftovers()
                records = list(self._load_records())
            except OSError as error:
                raise self._refused("The store of {name} cannot be read", error, self._folder) from error
            return Loaded(records, self.damage[found:])

    def _remove_leftovers(self) -> None:
        for entry in list(os.scandir(self._folder)):
            if entry.name.endswith(".tmp"):
                with contextlib.suppress(OSError):
                    os.unlink(entry.path)

    def _load_records(self) -> Iterator[Record]:
        files = sorted(self._files(), key=lambda file: (file.number, file.salt, file.path.name))
        segments = [file for file in files if not file.is_snapshot]
        self._snapshot_number = 0
        salvaged: list[Record] = []
        for file in reversed([file for file in files if file.is_snapshot]):
            read = self._read(file)
            if read and read.whole:
                yield from read.scan.records
                self._snapshot_number = file.number
                break
            if read:
                self._put_aside(file, "The newest compacted history of {name} is damaged and was set aside")
                # The generation before takes its place. Without one, its readable part is the best there is.
                salvaged = [] if segments and segments[0].number < file.number else read.scan.records
        else:
            yield from salvaged
        later = (file for file in segments if file.number > self._snapshot_number)
        for _, copies in itertools.groupby(later, key=lambda file: (file.number, file.salt)):
            yield from self._load_segment(list(copies))
        yield from self._homeless

    def _load_segment(self, copies: list[_File]) -> list[Record]:
        """The records of one segment, of which there are copies if a crash came while it was repaired."""
        if copies[0].number >= self._first_number:
            return self._own_records(copies[0])
        readable = [read for file in copies if (read := self._read(file))]
        if not readable:
            return []
        best = max(readable, key=lambda read: (read.whole, len(read.scan.records)))
        for read in readable:
            if read is not best:
                self._put_aside(read.file, "A damaged copy of a part of {name} was set aside")
        if not best.whole:
            self._mend(best)
        return best.scan.records

    def _own_records(self, file: _File) -> list[Record]:
        """A segment of this opening: up to what was appended without an error."""
        data = _read_file(file.path)
        for segment in [*self._full, *([self._live] if self._live else [])]:
            if segment.path == file.path:
                data = data[: segment.end]
        data = data[: self._overlong.get(file.path, len(data))]
        return log.scan(data, file.salt).records

    def _read(self, file: _File) -> _Read | None:
        try:
            return _read(file)
        except OSError as error:
            self._found("A part of {name} cannot be read", f"({explain(error)})", file.path)
            return None

    def _mend(self, read: _Read) -> None:
        """Seal, cut or set aside an earlier opening's segment, as it needs."""
        holes = read.scan.holes
        if read.file.hash is None and not holes:
            self._seal(read.file, read.data)
        elif read.file.hash is None and len(holes) == 1 and holes[0][1] == len(read.data):
            self._cut_tail(read.file, read.data, holes[0][0])
        else:
            self._set_aside(read)

    def _seal(self, file: _File, data: bytes) -> None:
        """Flush a segment that a crash left, and give it its final name."""
        with contextlib.suppress(OSError):
            if not data:
                file.path.unlink()
            else:
                _flush_file(file.path)
                os.rename(file.path, file.path.with_name(f"{file.path.stem}-{_content_hash(data)}.log"))
            self._left_unsealed.discard(file.path)

    def _cut_tail(self, file: _File, data: bytes, end: int) -> None:
        """End a segment at its last good record. What a crash left after it is kept aside.

        Zeros are what a file system leaves where it had noted a length and not yet the content; they tell nothing.
        """
        tail = data[end:]
        try:
            if tail.strip(b"\0"):
                aside = self._free_name(file.path.with_name(file.path.name + ".tail.damaged"))
                _write_file(aside, tail)
                self._found(
                    "The last change to {name} was not completely written before a crash",
                    f"({len(tail):,} bytes, kept)",
                    aside,
                )
            os.truncate(file.path, end)
        except OSError as error:
            self._found(
                "An incomplete end of {name} could not be moved aside", f"({explain(error)})", file.path
            )
        else:
            self._seal(file, data[:end])

    def _set_aside(self, read: _Read) -> None:
        """Write what is readable of a damaged segment to a new file, then put the damaged one out of the way.

        In this order, so that a crash between leaves both rather than none; they have number and salt in common,
        by which `_load_segment` takes one of them.
        """
        file = read.file
        lost = sum(end - start for start, end in read.scan.holes)
        sentence = (
            f"{lost:,} bytes of a part of {{name}} are damaged; the rest was read, and the part set aside"
        )
        try:
            if read.scan.records:
                data = log.encode_header(file.salt, self._encoded_name)
                data += log.encode_frames(file.salt, read.scan.records)
                path = file.path.with_name(f"{file.number:010}-{file.salt.hex()}-{_content_hash(data)}.log")
                if path == file.path:
                    # Only bytes that do not belong there: the repaired file has the name that this one has now.
                    _write_file(self._free_name(path.with_name(path.name + ".damaged")), read.data)
                _write_file(path, data)
                disk.flush_folder(self._folder)
                self._sizes[file.number] = len(data)
                if path == file.path:
                    self._found(sentence, "", path)
                    return
            else:
                self._sizes.pop(file.number, None)
        except OSError as error:
            self._found(
                "A part of {name} is damaged and could not be repaired", f"({explain(error)})", file.path
            )
        else:
            self._put_aside(file, sentence)

    def _put_aside(self, file: _File, sentence: str) -> None:
        aside = self._free_name(file.path.with_name(file.path.name + ".damaged"))
        try:
            os.rename(file.path, aside)
        except OSError as error:
            self._found(sentence, f"(and could not be renamed: {explain(error)})", file.path)
        else:
            self._left_unsealed.discard(file.path)
            self._found(sentence, "", aside)

    def _free_name(self, path: Path) -> Path:
        """The path, or with a number if that exists: what was set aside is never written over."""
        candidate, count = path, 1
        while candidate.exists():
            count += 1
            candidate = path.with_name(f"{path.name}.{count}")
        return candidate

    # Blobs

    def read_blob(self, name: str) -> bytes | None:
        check_blob_name(name)
        self._check_open()
        path = self._folder / f"{name}.blob"
        try:
            data = _read_file(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._found("A note on {name} cannot be read", f"({explain(error)})", path)
            return None
        start = len(_BLOB_MAGIC) + _BLOB_HASH_BYTES
        content = data[start:]
        if data[:start] == _blob_header(content):
            return content
        with contextlib.suppress(OSError):
            aside = self._free_name(path.with_name(path.name + ".damaged"))
            os.rename(path, aside)
            path = aside
        self._found("A note on {name} is damaged and was set aside", "", path)
        return None

    def write_blob(self, name: str, data: bytes) -> None:
        check_blob_name(name)
        if len(data) > BLOB_BYTES_MAX:
            raise ValueError(f"a blob of {len(data)} bytes is above the limit of {BLOB_BYTES_MAX}")
        self._check_open()
        path = self._folder / f"{name}.blob"
        with self._blob_lock:
            with self._state_lock:
                self._named_or_refused()
            self.sync()
            try:
                _write_file(path, _blob_header(data) + data)
                disk.flush_folder(self._folder)
            except OSError as error:
                raise self._refused("A note on {name} cannot be stored", error, path) from error

    # Opening and closing

    def close(self) -> None:
        with self._snapshot_lock, self._blob_lock, self._flush_lock:
            if self._closed:
                return
            with self._state_lock:
                if self._live:
                    self._full.append(self._live)
                    self._live = None
            try:
                if self._full or self._homeless:
                    self._sync()
            finally:
                with self._state_lock:
                    self._closed = True
                    for segment in list(self._full):
                        self._forget(segment)
                if not self._named:
                    # Nothing was ever written. Removed while the lock is held; who waits for it looks again.
                    with contextlib.suppress(OSError):
                        (self._folder / "lock").unlink()
                        self._folder.rmdir()
                os.close(self._lock_fd)

    def _check_open(self) -> None:
        if self._closed:
            raise ValueError(f"the store of {self._name!r} is closed")

    def _named_or_refused(self) -> None:
        self._check_open()
        try:
            self._write_name()
        except OSError as error:
            raise self._refused("{name} cannot be stored", error, self._folder) from error

    def _files(self) -> Iterator[_File]:
        for entry in list(os.scandir(self._folder)):
            if file := _parse(Path(entry.path)):
                yield file

    def _refused(self, sentence: str, error: OSError, path: Path) -> StorageError:
        return StorageError(f"{sentence.format(name=shown(self._name))}: {explain(error)}.", path)

    def _found(self, sentence: str, detail: str, path: Path) -> None:
        words = sentence.format(name=shown(self._name))
        self.damage.append(f"{words}{' ' if detail else ''}{detail}: {shown(path)}.")


class FolderStorage:
    """See `base.Storage`. The folder and its parents are made when the first document is opened."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._threads = ThreadPoolExecutor(FLUSH_THREADS, thread_name_prefix="flush")

    def open(self, name: str) -> FolderStore:
        encoded = check_name(name)
        folder, lock_fd = self._hold(name, encoded)
        try:
            return FolderStore(name, encoded, folder, lock_fd)
        except OSError as error:
            os.close(lock_fd)
            raise StorageError(
                f"The store of {shown(name)} cannot be read: {explain(error)}.", folder
            ) from error

    def names(self) -> list[str]:
        try:
            entries = [entry for entry in os.scandir(self.folder) if _FOLDER_NAME.fullmatch(entry.name)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StorageError(f"The stores cannot be listed: {explain(error)}.", self.folder) from error
        return sorted(name for entry in entries if (name := _document_name(Path(entry.path))) is not None)

    def delete(self, name: str) -> None:
        """See `base.Storage`. The folder is renamed first, so that a crash never leaves half a document."""
        encoded = check_name(name)
        if not (self.folder / _folder_name(name, encoded)).exists():
            return
        folder, lock_fd = self._hold(name, encoded)
        try:
            trash = self.folder / f"{_TRASH}{secrets.token_hex(8)}"
            os.rename(folder, trash)
            disk.flush_folder(self.folder)
            # With it goes what a crash left of earlier ones.
            for trash in self.folder.glob(f"{_TRASH}*"):
                shutil.rmtree(trash)
        except OSError as error:
            raise StorageError(
                f"The store of {shown(name)} cannot be removed: {explain(error)}.", folder
            ) from error
        finally:
            os.close(lock_fd)

    async def sync(self, stores: Sequence[Store]) -> None:
        loop = asyncio.get_running_loop()
        # A share for each thread, and not a job for each store: handing over a job costs more than many a flush.
        shares = [stores[start::FLUSH_THREADS] for start in range(min(FLUSH_THREADS, len(stores)))]
        failed = await asyncio.gather(
            *(loop.run_in_executor(self._threads, _sync_each, share) for share in shares)
        )
        if failures := [failure for share in failed for failure in share]:
            raise SyncFailed(failures)

    def close(self) -> None:
        self._threads.shutdown()

    def _hold(self, name: str, encoded: bytes) -> tuple[Path, int]:
        """Make the document's folder if needed and lock it."""
        folder = self.folder / _folder_name(name, encoded)
        try:
            while True:
                # makedirs gives its mode to the last folder only; that one keeps others out of all the rest.
                os.makedirs(self.folder, 0o700, exist_ok=True)
                with contextlib.suppress(FileExistsError):
                    folder.mkdir(0o700)
                with contextlib.suppress(FileNotFoundError):
                    fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
                    if _locked(fd, folder / "lock"):
                        return folder, fd
        except BlockingIOError as error:
            raise StoreBusy(f"{shown(name)} is already open; close it there first.", folder) from error
        except OSError as error:
            raise StorageError(
                f"The store of {shown(name)} cannot be opened: {explain(error)}.", folder
            ) from error


def _sync_each(stores: Sequence[Store]) -> list[tuple[Store, StorageError]]:
    """Sync one store after the other, and give back which of them failed."""
    failures: list[tuple[Store, StorageError]] = []
    for store in stores:
        try:
            store.sync()
        except StorageError as error:
            failures.append((store, error))
    return failures


def _locked(fd: int, path: Path) -> bool:
    """Take the lock. False if another opening has meanwhile removed the file, so that the lock means nothing."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(fd), os.stat(path)):
            return True
    except FileNotFoundError:
        pass
    except OSError:
        os.close(fd)
        raise
    os.close(fd)
    return False


def _folder_name(name: str, encoded: bytes) -> str:
    """A folder name for any document name: readable as far as possible, and told apart by the hash."""
    readable = re.sub(r"[^a-z0-9.]+", "-", name.lower())[-40:].strip("-.")
    return f"{readable}-{hashlib.blake2b(encoded, digest_size=16).hexdigest()}"


def _belongs(folder: Path, encoded: bytes) -> bool:
    """Whether a folder is that of the document with this name."""
    return folder.name.endswith(f"-{hashlib.blake2b(encoded, digest_size=16).hexdigest()}")


def _document_name(folder: Path) -> str | None:
    """The name of the document in a folder; None if it has none (yet).

    The folder's own name has the hash of it, so a damaged file `name` is noticed; each segment has a copy.
    """

    def decoded(encoded: bytes | None) -> str | None:
        if encoded is None or not _belongs(folder, encoded):
            return None
        return encoded.decode("utf-8", "surrogatepass")

    with contextlib.suppress(OSError):
        if (name := decoded(_read_file(folder / "name"))) is not None:
            return name
    with contextlib.suppress(OSError):
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            with contextlib.suppress(OSError):
                if file := _parse(Path(entry.path)):
                    with open(file.path, "rb") as stream:
                        start = stream.read(log.HEADER_BYTES_MAX)
                    if (name := decoded(log.scan_name(start, file.salt))) is not None:
                        return name
    return None


def _parse(path: Path) -> _File | None:
    parts = _FILE_NAME.fullmatch(path.name)
    if parts is None or (parts["kind"] == "snap" and not parts["hash"]):
        return None
    return _File(
        path, int(parts["number"]), bytes.fromhex(parts["salt"]), parts["hash"], parts["kind"] == "snap"
    )


def _content_hash(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def _read(file: _File) -> _Read:
    data = _read_file(file.path)
    return _Read(file, data, log.scan(data, file.salt))


def _blob_header(content: bytes) -> bytes:
    return _BLOB_MAGIC + hashlib.blake2b(content, digest_size=_BLOB_HASH_BYTES).digest()


def _read_file(path: Path, from_disk: bool = False) -> bytes:
    """The content of a file of ours; past the system's cache, where that can be asked for."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if from_disk:
            disk.forget_cached(fd)
        data = disk.read_all(fd, FILE_BYTES_MAX)
    finally:
        os.close(fd)
    if data is None:
        raise OSError(0, f"it has more than {FILE_BYTES_MAX:,} bytes")
    return data


def _flush_file(path: Path) -> None:
    fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    try:
        disk.flush(fd)
    finally:
        os.close(fd)


def _reads(path: Path, content: bytes) -> bool:
    """Whether the file is there and has this content."""
    try:
        return _read_file(path) == content
    except OSError:
        return False


def _write_file(path: Path, data: bytes) -> None:
    """Write a file with this content, or leave what was there. It is flushed, its name is not."""
    temporary = path if path.suffix == ".tmp" else path.with_name(path.name + ".tmp")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            disk.write_all(fd, data)
            disk.flush(fd)
        finally:
            os.close(fd)
        if temporary != path:
            os.rename(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
