"""The log of a pad: operations in the order in which they arrived here, and the cursors of its readers.

One log, many cursors. A peer, the disk, a synced folder: each is a cursor that takes what it lacks when it can
take it, so there is no outbox, no resend queue and no reconnect branch. The log keeps a bounded tail; a cursor
that fell off it (a slow reader), or was just created, reads by version: `changes_since` what its reader has.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Set
from typing import Final, NamedTuple

from crdt import TextBuffer, Version

KEPT_BYTES: Final = 1024 * 1024
"""Size of the tail, and of cached parts that were read by version. A reader on a slow connection stays within it, and it is small
compared with a document."""
SPARSE_BYTES: Final = 4 * 1024
"""Size of a part read by version, unless the part before was hardly more than its characters. It may be five hundred small edits
all over a large text; integrating many more at once would keep the other side from answering keys."""
PARTS_MAX: Final = 256
"""Number of cached parts."""
FEW: Final = 3
"""What so many peers brought within one tick is sent to each of them without its own part. Of a crowd all get the same frame, made
once, in which their own part is a small share."""


class LogEntry(NamedTuple):
    """One arrival."""

    data: bytes
    """Operations in crdt's encoding; messages joined are a message."""
    origin: object
    """The peer that they came from, compared by identity; None for operations made here."""


class MergedEntries(NamedTuple):
    """Entries up to the newest, as one message."""

    place: int
    """The number of the first."""
    end: int
    """The number after the last."""
    data: bytes
    origins: Set[object]
    """The peers that they came from, and None if some were made here."""


class Part(NamedTuple):
    """Operations read by version, cached for other readers that lack the same."""

    data: bytes
    reached: Version
    end: int | None
    """The log's end at that time, if the part was everything: once more has arrived it is too little. None if it was
    cut at the limit, and so stays valid."""


class Log:
    """The latest entries, numbered from 0 over the life of the pad."""

    def __init__(self) -> None:
        self._entries: deque[LogEntry] = deque()
        self._size_bytes = 0
        self.end = 0
        """The number of the next entry."""
        self._merged = MergedEntries(0, 0, b"", frozenset())
        self._parts: dict[tuple[Version, int], Part] = {}
        self._parts_bytes = 0

    @property
    def start(self) -> int:
        """The number of the oldest entry that is kept."""
        return self.end - len(self._entries)

    def append(self, data: bytes, origin: object) -> None:
        """Add operations that arrived; drops the oldest entries above KEPT_BYTES."""
        self._entries.append(LogEntry(data, origin))
        self._size_bytes += len(data)
        self.end += 1
        while self._size_bytes > KEPT_BYTES:
            self._size_bytes -= len(self._entries.popleft().data)

    def since(self, place: int) -> list[LogEntry]:
        """The entries from number `place` on, which must not have been dropped. O(entries returned)."""
        assert self.start <= place <= self.end, (self.start, place, self.end)
        return [self._entries[i] for i in range(place - self.end, 0)]

    def merged(self, place: int) -> MergedEntries:
        """The same as one message. Readers at the same place share the message and its bytes object, then in O(1)."""
        merged = self._merged
        if merged.place != place or merged.end != self.end:
            entries = self.since(place)
            data = entries[0].data if len(entries) == 1 else b"".join([entry.data for entry in entries])
            origins = frozenset([entry.origin for entry in entries])
            merged = self._merged = MergedEntries(place, self.end, data, origins)
        return merged

    def part(self, buffer: TextBuffer, version: Version, limit_bytes: int) -> tuple[bytes, Version]:
        """`buffer.changes_up_to`, cached: many readers that come at once lack the same."""
        part = self._parts.get((version, limit_bytes))
        if part is None or part.end not in (None, self.end):
            data, reached = buffer.changes_up_to(version, limit_bytes)
            if not data:
                return data, reached  # not cached: there will be more
            self._forget(version, limit_bytes)
            is_all = buffer.version <= reached
            part = self._parts[version, limit_bytes] = Part(data, reached, self.end if is_all else None)
            self._parts_bytes += len(data)
            while self._parts_bytes > KEPT_BYTES or len(self._parts) > PARTS_MAX:
                self._forget(*next(iter(self._parts)))
        return part.data, part.reached

    def _forget(self, version: Version, limit_bytes: int) -> None:
        part = self._parts.pop((version, limit_bytes), None)
        if part is not None:
            self._parts_bytes -= len(part.data)


class Cursor:
    """One reader of a document's changes.

    Args:
        buffer: the document; its `version` says what there is to take.
        log: its log.
        version: the reader has it already.
        origin: entries of this origin are left out; not if they are read by version, after an opening or a long pause.
        shares: it also takes them if more than FEW origins are in one take, so that all its like take the same.
        logged: returns the version that the log's end leads to, where the document may be ahead of its log.
    """

    def __init__(
        self,
        buffer: TextBuffer,
        log: Log,
        version: Version,
        origin: object = None,
        *,
        shares: bool = False,
        logged: Callable[[], Version] | None = None,
    ) -> None:
        self._buffer = buffer
        self._log = log
        self._logged = logged
        self.origin = origin
        self._shares = shares
        self.version = version
        """The reader's version once it has processed everything that was taken."""
        self._is_dense = False  # whether the last part read by version was hardly more than its characters
        self._place: int | None = None  # None: reads by version; else the number of the next log entry
        if buffer.version <= version:
            self._place = log.end

    @property
    def done(self) -> bool:
        """Whether there is nothing left to take just now."""
        return self._place == self._log.end

    def leaves_out(self, origins: Set[object]) -> bool:
        """Whether this reader takes less than others of entries with these origins."""
        return (
            self.origin is not None and self.origin in origins and not (self._shares and len(origins) > FEW)
        )

    def follow(self) -> None:
        """Skip to the end: the reader gets the same bytes as another reader that took them."""
        self._place = self._log.end
        self.version = self._version_of_log()

    def take(self, limit_bytes: int) -> bytes | None:
        """The next message of about `limit_bytes` at most, or None when the reader has everything."""
        if self._place is not None:
            if self._place == self._log.end:
                return None
            message = self._take_from_log(limit_bytes)
            if self._place is not None:
                return message
        return self._take_by_version(limit_bytes)

    def _take_from_log(self, limit_bytes: int) -> bytes | None:
        assert self._place is not None
        if self._place < self._log.start:
            self._place = None
            return None
        merged = self._log.merged(self._place)
        message = merged.data
        if self.leaves_out(merged.origins):
            entries = self._log.since(self._place) if len(merged.origins) > 1 else []
            message = b"".join([entry.data for entry in entries if entry.origin is not self.origin])
        if len(message) > limit_bytes:
            self._place = None
            return None
        self._place = self._log.end
        self.version = self._version_of_log()
        return message or None

    def _version_of_log(self) -> Version:
        return self._buffer.version if self._logged is None else self._logged()

    def _take_by_version(self, limit_bytes: int) -> bytes | None:
        limit_bytes = limit_bytes if self._is_dense else min(limit_bytes, SPARSE_BYTES)
        message, reached = self._log.part(self._buffer, self.version, limit_bytes)
        beside = len(message) - (reached.total - self.version.total)
        self._is_dense = 8 * beside < len(message)
        self.version = reached
        if self._buffer.version <= self.version:
            self._place = self._log.end
        return message or None
