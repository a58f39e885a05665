"""The note that a server makes before it writes the plain file; it counts for that write only.

A server that dies between the write and the note of the new base finds the file as it was to become. That is its own work if
nothing else has happened since: the base is still the one that the write was made against, and the history has no edits
that came from the file later.
"""

from __future__ import annotations

import hashlib
import struct
from typing import Final, NamedTuple

from crdt import ForeignOp, TextBuffer, Version

PENDING_WRITE: Final = "coming"
"""The blob with the note. Release 0.1.0 had one called "next" with the file's bytes alone, so a file that held them
again later, after `git checkout` for example, was taken for the server's own write."""

_HEAD: Final = struct.Struct("!16sI")


class PendingWrite(NamedTuple):
    """A write that has been announced."""

    base: bytes
    """The digest of the base that the write is made against."""
    ours: Version
    """The version of the server's own sites: all edits that came from the file until then."""
    raw: bytes
    """The bytes that the file is to hold."""

    @classmethod
    def of(cls, base: bytes, buffer: TextBuffer, raw: bytes) -> PendingWrite:
        return cls(_digest(base), _ours(buffer), raw)

    def encode(self) -> bytes:
        ours = self.ours.encode()
        return _HEAD.pack(self.base, len(ours)) + ours + self.raw

    @classmethod
    def decode(cls, data: bytes | None) -> PendingWrite | None:
        """Decode a note; None if `data` is none."""
        if data is None or len(data) < _HEAD.size:
            return None
        base, length = _HEAD.unpack_from(data)
        end = _HEAD.size + length
        try:
            return cls(base, Version.decode(data[_HEAD.size : end]), data[end:])
        except ForeignOp:
            return None

    def follows(self, base: bytes) -> bool:
        """Return whether this is the last base that was noted, so that the file may hold what the write made of it, or what others
        made of that."""
        return self.base == _digest(base) and self.raw != base

    def is_last(self, buffer: TextBuffer) -> bool:
        """Return whether, as far as is known, nothing came from the file after the write."""
        return _ours(buffer) <= self.ours


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


def _ours(buffer: TextBuffer) -> Version:
    version = buffer.version
    return Version({site: count for site in buffer.own_sites if (count := version.get(site))})
