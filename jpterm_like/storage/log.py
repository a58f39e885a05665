"""The format of segments and snapshots: framed records that stay readable around a damaged stretch.

    file    magic 8 | salt 4 | name length 2 | name | crc32 4 of all before     then frames to the end
    frame   salt 4 | length 4 | crc32 4 of salt, length, kind, payload | kind 1 | payload

Numbers are little-endian. The *salt* is random for each file and also part of its name. It begins each frame, so
`bytes.find` locates the next good frame after damage; and since the checksum covers it, frames pasted into a text
(about this very file, say) are not mistaken for real ones.

The checksum is zlib's crc32. crc32c detects slightly more errors in long records, but the standard library lacks it,
and the names of sealed files also contain a BLAKE2b hash of the content.

Pure: bytes in, bytes out. Which file to read, cut or set aside is decided in `folder`.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from jpterm_like.storage.base import NAME_BYTES_MAX, RECORD_BYTES_MAX, Record

MAGIC: Final = b"jplog1\r\n"
r"""The \r\n reveals converted line ends, as in PNG (PNG specification, section 12.12)."""

_DIGIT: Final = MAGIC.index(b"1")

SALT_BYTES: Final = 4

_HEADER_BYTES: Final = len(MAGIC) + SALT_BYTES + 2
HEADER_BYTES_MAX: Final = _HEADER_BYTES + NAME_BYTES_MAX + 4
_FRAME_BYTES: Final = SALT_BYTES + 4 + 4 + 1


class Scan(NamedTuple):
    """The readable content of a file."""

    name: bytes | None
    """The document's name from the header; None if the header is damaged."""

    records: list[Record]
    """All good records, in order, before, between and after the holes."""

    holes: list[tuple[int, int]]
    """Unreadable ranges (start, end) in bytes, in order. One that reaches the end may be a torn write."""


def encode_header(salt: bytes, name: bytes) -> bytes:
    assert len(salt) == SALT_BYTES and len(name) <= NAME_BYTES_MAX
    start = MAGIC + salt + len(name).to_bytes(2, "little") + name
    return start + zlib.crc32(start).to_bytes(4, "little")


def encode_frames(salt: bytes, records: Sequence[Record]) -> bytes:
    return b"".join(frames(salt, records))


def frames(salt: bytes, records: Sequence[Record]) -> list[bytes]:
    """Encode records as a list of byte strings, without copying the payloads."""
    return [part for record in records for part in _frame(salt, record)]


def _frame(salt: bytes, record: Record) -> Iterator[bytes]:
    length = len(record.payload).to_bytes(4, "little")
    kind = bytes([record.kind])
    crc = zlib.crc32(record.payload, zlib.crc32(salt + length + kind))
    yield from (salt, length, crc.to_bytes(4, "little"), kind, record.payload)


def scan(data: bytes, salt: bytes) -> Scan:
    """Read a whole file with the salt from its name, skipping damage."""
    view = memoryview(data)
    name, position = _header(view, salt)
    records: list[Record] = []
    holes: list[tuple[int, int]] = []
    if name is None and data:
        position = _next_frame(data, view, 0, salt)
        holes.append((0, position))
    while position < len(data):
        end = _frame_end(view, position, salt)
        if end:
            records.append(Record(data[position + _FRAME_BYTES - 1], data[position + _FRAME_BYTES : end]))
        else:
            end = _next_frame(data, view, position + 1, salt)
            holes.append((position, end))
        position = end
    return Scan(name, records, holes)


def scan_name(data: bytes, salt: bytes) -> bytes | None:
    """Read the document's name from the first bytes of a file; None if the header is damaged."""
    return _header(memoryview(data), salt)[0]


def is_newer(data: bytes) -> bool:
    """Whether the magic has a higher digit: a newer format, which still has this header."""
    digit = data[_DIGIT : _DIGIT + 1]
    return data[: len(MAGIC)] == MAGIC[:_DIGIT] + digit + MAGIC[_DIGIT + 1 :] and b"1" < digit <= b"9"


def is_newer_for_sure(data: bytes) -> bool:
    """Whether a newer format is confirmed by the header's checksum, which rules out a flipped bit in the magic."""
    end = _HEADER_BYTES + int.from_bytes(data[_HEADER_BYTES - 2 : _HEADER_BYTES], "little")
    return is_newer(data) and zlib.crc32(data[:end]).to_bytes(4, "little") == data[end : end + 4]


def _header(view: memoryview, salt: bytes) -> tuple[bytes | None, int]:
    """Return the document's name and the end of the header; (None, 0) if it is damaged or of another file."""
    if len(view) < _HEADER_BYTES or view[: len(MAGIC) + SALT_BYTES] != MAGIC + salt:
        return None, 0
    end = _HEADER_BYTES + int.from_bytes(view[_HEADER_BYTES - 2 : _HEADER_BYTES], "little")
    if end > _HEADER_BYTES + NAME_BYTES_MAX or end + 4 > len(view):
        return None, 0
    if zlib.crc32(view[:end]) != int.from_bytes(view[end : end + 4], "little"):
        return None, 0
    return bytes(view[_HEADER_BYTES:end]), end + 4


def _frame_end(view: memoryview, position: int, salt: bytes) -> int:
    """Find the end of the good frame at a position; 0 if there is none."""
    start = position + _FRAME_BYTES
    if start > len(view) or view[position : position + SALT_BYTES] != salt:
        return 0
    length = int.from_bytes(view[position + 4 : position + 8], "little")
    if length > RECORD_BYTES_MAX or start + length > len(view):
        return 0
    crc = zlib.crc32(view[start - 1 : start + length], zlib.crc32(view[position : position + 8]))
    return start + length if crc == int.from_bytes(view[position + 8 : position + 12], "little") else 0


def _next_frame(data: bytes, view: memoryview, position: int, salt: bytes) -> int:
    """Find the start of the next good frame; the end of the data if there is none."""
    while (position := data.find(salt, position)) >= 0:
        if _frame_end(view, position, salt):
            return position
        position += 1
    return len(data)
