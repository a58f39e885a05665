"""The writing half of a document's store: appends records to a segment, and flushes on request.

An opening never appends to a segment of an earlier one, so only an unsealed segment can have a torn end; anything
else unreadable is damage. Records that could not be flushed are written again, to another segment.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import threading
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from jpterm_like.storage import log
from jpterm_like.storage.base import Record
from jpterm_like.storage.disk_layout import (
    Part,
    has_name_file,
    number_of,
    parts_in,
    salt_of,
    storage_error,
    unsealed_name,
)
from jpterm_like.storage.drive import Drive

SEGMENT_BYTES_MAX: Final = 1 << 26
"""Size at which a segment is sealed and a new one begun: small enough to copy and read at once, large enough that a
document has few."""

JOIN_BYTES_MAX: Final = 1 << 20
"""Appends below this size are joined into one write; above it, copying costs more than more calls."""

BLOCK_BYTES: Final = 4096
"""Space that the shortest file takes. Counted for each segment, so that many short sessions lead to a snapshot
too."""

_NOT_STORED: Final = "The changes to {name} cannot be stored"


@dataclass(eq=False)
class _Segment:
    """A segment that this opening appends to, or has not sealed yet."""

    path: Path
    number: int
    salt: bytes
    fd: int
    end: int = 0
    """Bytes appended without an error."""

    hash: hashlib.blake2b = field(default_factory=lambda: hashlib.blake2b(digest_size=8))
    """Hash of everything up to `end`, except `unhashed`."""

    unhashed: list[bytes] = field(default_factory=list)
    """Hashed when flushing, which waits for the disk anyway, and not when appending, which delays a key."""

    synced_end: int = 0
    unsynced: list[Record] = field(default_factory=list)
    """The records after `synced_end`, to be written again when flushing fails."""

    torn: bool = False
    """Whether a partial write could not be undone. Never sealed, so that a later opening truncates it."""


class Segments:
    """The segments of one document that one opening writes.

    `append` and `cut` never wait for the disk; `sync` does, in any thread.
    """

    def __init__(self, drive: Drive, name: str, encoded_name: bytes, folder: Path) -> None:
        self._drive = drive
        self._name = name
        self._encoded_name = encoded_name
        self._folder = folder
        # `lock` guards everything below, and is held during disk access only while loading. One thread at a time
        # flushes. Locked in this order: flush, lock.
        self.lock = threading.Lock()
        self.flush_lock = threading.Lock()
        self._current: _Segment | None = None
        self._full: list[_Segment] = []
        self.displaced: list[Record] = []
        """Records of a segment that could not be flushed, to be written to a new one."""
        self._to_truncate: dict[Path, int] = {}
        """Segments to be truncated to their flushed length (in bytes)."""
        self._new_names = False  # whether names in the folder are not flushed yet
        self._is_name_flushed = (
            False  # whether the document's name and the folder itself are, once for each opening
        )
        self.named = has_name_file(drive, folder, encoded_name)
        """Whether the file `name` exists: without it, nothing was ever written."""
        self.sizes: dict[tuple[int, bytes], int] = {}
        """Bytes of each segment that a snapshot would replace, by number and salt."""
        self.own: set[bytes] = set()
        """Salts of the parts that this opening wrote."""
        self._next_number = 1
        self.left_unsealed: set[Path] = set()
        """Unsealed segments of earlier openings, whose content may only be in the system's cache."""
        self.to_seal: dict[Path, tuple[Path, bytes]] = {}
        """Of these, the ones that were read: the path and content of the sealed copy to make."""
        for entry in drive.names(folder):
            self._next_number = max(self._next_number, number_of(entry) + 1)
        folded = max((part.number for part in parts_in(drive, folder) if part.is_snapshot), default=0)
        for part in parts_in(drive, folder):
            if not part.is_snapshot:
                if part.number > folded:  # an estimate, corrected by loading
                    self.sizes[part.number, part.salt] = drive.size(part.path)
                if part.hash is None:
                    self.left_unsealed.add(part.path)

    @property
    def size(self) -> int:
        """Bytes on the disk that a snapshot would replace."""
        return sum(max(BLOCK_BYTES, size) for size in list(self.sizes.values()))

    def forget_sizes(self, cut: int | None = None) -> None:
        """Stop counting the segments of earlier openings, or those with a number below `cut`. The caller holds
        `lock`."""
        for number, salt in list(self.sizes):
            if salt not in self.own if cut is None else number < cut:
                del self.sizes[number, salt]

    def forget(self, part: Part) -> None:
        """Forget a part that was removed."""
        self.left_unsealed.discard(part.path)
        self.to_seal.pop(part.path, None)
        with self.lock:
            self.sizes.pop((part.number, part.salt), None)

    def are_named(self) -> bool:
        """Whether the open segments were neither removed nor replaced."""
        with self.lock:
            written = self._full if self._current is None else [*self._full, self._current]
            return all(self._drive.is_named(segment.fd, segment.path) for segment in written)

    def are_all_present(self, places: Set[tuple[int, bytes]], before: Set[tuple[int, bytes]]) -> bool:
        """Whether all segments are among the files of the folder, given by number and salt.

        `before` are the keys of `sizes` before the folder was read: other threads add and remove segments meanwhile.
        """
        with self.lock:
            return before & self.sizes.keys() <= places

    # Appending

    def append(self, records: Sequence[Record]) -> None:
        """See `base.Store.append`."""
        with self.lock:
            if records:
                self._write(records)

    def _write(self, records: Sequence[Record]) -> None:
        """Write displaced records and these to the current segment, all or nothing."""
        pending = [*self.displaced, *records]
        self._truncate_displaced()
        if self._current is None:
            self._current = self._begin_segment()
        segment = self._current
        parts = log.frames(segment.salt, pending)
        if segment.end == 0:
            parts = [log.encode_header(segment.salt, self._encoded_name), *parts]
        size_bytes = sum(map(len, parts))
        if size_bytes < JOIN_BYTES_MAX:
            parts = [b"".join(parts)]
        try:
            for part in parts:
                self._drive.append(segment.fd, part)
        except OSError as error:
            self._undo_write(segment)
            raise storage_error(self._name, _NOT_STORED, error, segment.path) from error
        segment.end += size_bytes
        segment.unhashed += parts
        segment.unsynced += pending
        self.displaced.clear()
        self.sizes[segment.number, segment.salt] = segment.end
        if segment.end >= SEGMENT_BYTES_MAX:
            self._full.append(segment)
            self._current = None

    def _truncate_displaced(self) -> None:
        """Truncate the old segments of displaced records before writing these again, else they would be read
        twice."""
        for path, size_bytes in list(self._to_truncate.items()):
            try:
                fd = self._drive.reopen(path)
                try:
                    self._drive.cut(fd, size_bytes)
                finally:
                    self._drive.close(fd)
            except OSError as error:
                raise storage_error(self._name, _NOT_STORED, error, path) from error
            del self._to_truncate[path]

    def _begin_segment(self) -> _Segment:
        salt = secrets.token_bytes(log.SALT_BYTES)
        path = self._folder / unsealed_name(self._next_number, salt)
        try:
            self.write_name()
            fd = self._drive.begin(path)
        except OSError as error:
            raise storage_error(self._name, _NOT_STORED, error, path) from error
        self._new_names = True
        self.own.add(salt)
        self._next_number += 1
        return _Segment(path, self._next_number - 1, salt, fd)

    def write_name(self) -> None:
        """Write the document's name into the folder, once. `sync` flushes it."""
        if not self.named:
            fd = self._drive.begin(self._folder / "name")
            try:
                self._drive.append(fd, self._encoded_name)
            finally:
                self._drive.close(fd)
            self.named = self._new_names = True

    def _undo_write(self, segment: _Segment) -> None:
        """Undo a partial write, so that the segment can be appended to again."""
        try:
            self._drive.cut(segment.fd, segment.end)
            if segment.end:
                return
            self._drive.unlink(segment.path)
        except OSError:
            pass  # Torn, as after a crash; a later opening repairs it. Continue in a new segment.
        self._current = None
        if segment.end:
            segment.torn = True
            self._full.append(segment)
        else:
            self._drive.close(segment.fd)

    # Flushing

    def sync(self) -> None:
        """See `base.Store.sync`. The caller holds `flush_lock`."""
        with self.lock:
            if self.displaced:
                self._write([])
            segments = [*self._full, *([self._current] if self._current else [])]
            ends = [(segment, segment.end, len(segment.unsynced)) for segment in segments]
            new_names, self._new_names = self._new_names, False
        try:
            self._flush_left_unsealed()
            for segment, end, records in ends:
                if records:
                    self._flush_segment(segment, end, records)
            if new_names:
                self._flush_names()
        except OSError as error:
            with self.lock:
                self._new_names |= new_names
            words = "The changes to {name} are not yet safe on the disk"
            raise storage_error(self._name, words, error, self._folder) from error
        self._seal_full()

    def _flush_left_unsealed(self) -> None:
        for path in list(self.to_seal):
            self.seal_left(path)
        for path in sorted(self.left_unsealed):
            with contextlib.suppress(FileNotFoundError):
                self._flush_file(path)
            self.left_unsealed.discard(path)

    def seal_left(self, path: Path) -> None:
        """Replace a segment left by a crash by a sealed, flushed copy.

        A copy instead of a flush and a rename: after a failed flush before the crash, the system may consider the
        lost pages clean, and the next flush would succeed without them; see `_flush_segment`.

        Raises:
            OSError: nothing changed, and `sync` tries again.
        """
        sealed, data = self.to_seal[path]
        if data:
            self._drive.write_file(sealed, data)
            self._drive.flush_folder(self._folder)
            self._drive.flush_folder(self._folder.parent)  # the crash may have preceded the first flush
        else:
            self.sizes.pop((number_of(path.name), salt_of(path.name)), None)
        del self.to_seal[path]
        self.left_unsealed.discard(path)
        if path != sealed:
            with contextlib.suppress(OSError):
                self._drive.unlink(path)

    def _flush_names(self) -> None:
        """Flush the names in the folder, and once the document's name and the folder itself."""
        if self._is_name_flushed:
            self._drive.flush_folder(self._folder)
            return
        self._flush_file(self._folder / "name")
        self._drive.flush_folder(self._folder)
        self._drive.flush_folder(self._folder.parent)
        self._is_name_flushed = True

    def _flush_file(self, path: Path) -> None:
        fd = self._drive.reopen(path)
        try:
            self._drive.flush(fd)
        finally:
            self._drive.close(fd)

    def _flush_segment(self, segment: _Segment, end: int, records: int) -> None:
        try:
            self._drive.flush(segment.fd)
        except OSError:
            # After a failed flush the system may consider the lost pages clean, and the next flush succeeds without
            # them: Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020. So the records
            # are written again, to another segment, and this one is truncated to its last flushed length.
            with self.lock:
                self.displaced[:0] = segment.unsynced
                segment.unsynced = []
                self._to_truncate[segment.path] = segment.synced_end
                self.sizes[segment.number, segment.salt] = segment.synced_end
                self._release(segment)
            raise
        with self.lock:
            unhashed, segment.unhashed = segment.unhashed, []
        for data in unhashed:
            segment.hash.update(data)
        with self.lock:
            segment.synced_end = end
            del segment.unsynced[:records]

    def _release(self, segment: _Segment) -> None:
        """Close a segment that stays unsealed."""
        self._drive.close(segment.fd)
        if segment is self._current:
            self._current = None
        else:
            self._full.remove(segment)

    def _seal_full(self) -> None:
        """Rename each full and flushed segment to its final name."""
        with self.lock:
            done = [segment for segment in self._full if not segment.unsynced]
            for segment in done:
                self._release(segment)
        for segment in done:
            if segment.torn:
                continue
            # If the rename fails or is lost in a crash, the segment stays unsealed, which is harmless.
            with contextlib.suppress(OSError):
                sealed = f"{segment.path.stem}-{segment.hash.hexdigest()}.log"
                self._drive.rename(segment.path, segment.path.with_name(sealed))

    # Cutting and closing

    def abandon(self) -> None:
        """Close all segments without writing more. The caller holds `flush_lock`."""
        with self.lock:
            self._end_current()
            for segment in list(self._full):
                self._release(segment)
            self.displaced.clear()

    def cut(self) -> int:
        """End the current segment, so that later records get a higher number than the one returned."""
        with self.lock:
            self._end_current()
            self._next_number += 1
            return self._next_number - 1

    def _end_current(self) -> None:
        if self._current:
            self._full.append(self._current)
            self._current = None

    def close(self) -> None:
        """Flush everything and close all segments. The caller holds `flush_lock`."""
        with self.lock:
            self._end_current()
        try:
            if self._full or self.displaced:
                self.sync()
        finally:
            with self.lock:
                for segment in list(self._full):
                    self._release(segment)

    # Loading while writing

    def appended(self, path: Path, data: bytes) -> bytes:
        """Return the bytes of a segment of this opening that were appended without an error."""
        for segment in [*self._full, *([self._current] if self._current else [])]:
            if segment.path == path:
                data = data[: segment.end]
        return data[: self._to_truncate.get(path, len(data))]
