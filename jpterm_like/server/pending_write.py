"""The note of a write of the plain file that is about to be made: it counts for that write only.

A server that dies between the write and the note of what the file holds finds it as it was to become. That is its own
work, if nothing else happened since: what was known of the file is still what the write was made against, and the store
has no edits of ours that came from the file later.
"""

from __future__ import annotations

import hashlib
import struct
from typing import Final, NamedTuple

from crdt import ForeignOp, TextBuffer, Version

PENDING_WRITE: Final = "coming"
"""The blob with the note. 0.1.0 had one called "next", which was the file's bytes alone: a file that came to hold them
again later, by `git checkout` say, was taken for our own write."""

_HEAD: Final = struct.Struct("!16sI")


class PendingWrite(NamedTuple):
    """A write that is about to be made."""

    base: bytes
    """The digest of what the file is known to hold."""
    ours: Version
    """Of the sites of this document's server: what came from the file until then."""
    raw: bytes
    """What the file is to hold."""

    @classmethod
    def of(cls, base: bytes, buffer: TextBuffer, raw: bytes) -> PendingWrite:
        return cls(_digest(base), _ours(buffer), raw)

    def encode(self) -> bytes:
        ours = self.ours.encode()
        return _HEAD.pack(self.base, len(ours)) + ours + self.raw

    @classmethod
    def decode(cls, data: bytes | None) -> PendingWrite | None:
        """None: it is none."""
        if data is None or len(data) < _HEAD.size:
            return None
        base, length = _HEAD.unpack_from(data)
        end = _HEAD.size + length
        try:
            return cls(base, Version.decode(data[_HEAD.size : end]), data[end:])
        except ForeignOp:
            return None

    def counts(self, base: bytes, buffer: TextBuffer) -> bool:
        """Whether the write may have been the last thing that happened, of all that is known now."""
        return self.base == _digest(base) and self.raw != base and _ours(buffer) <= self.ours


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


def _ours(buffer: TextBuffer) -> Version:
    version = buffer.version
    return Version({site: count for site in buffer.own_sites if (count := version.get(site))})
