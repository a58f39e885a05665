"""Columns of numbers, and deflated sections: the building blocks of an encoded document.

A column is a width in bytes, a count, then all lowest bytes, all second bytes, … This is done in C, and the high
bytes, mostly zero, deflate to almost nothing.
"""

from __future__ import annotations

import struct
import zlib
from array import array
from typing import Final

from crdt.binary import NUMBER_MAX, Reader, write_bytes, write_number
from crdt.errors import ForeignOp

INFLATED_MIN_MAX: Final = 2**20
INFLATED_TIMES_MAX: Final = 64
"""A document inflates to at most this many times its length, or to 1 MiB if that is more. Inflating stops there, so a
zip bomb (up to a thousand times) is caught. Sections that deflate better are stored uncompressed."""

DEFLATE_LEVEL: Final = 6

WINDOW_BITS: Final = 13
"""Window of 8 KiB: sections are a few kilobytes, so they get as small as with 32 KiB, in half the time."""

_WIDTHS: Final = {1: "B", 2: "H", 4: "I", 8: "Q"}

_BIG_ENDIAN: Final = array("H", [1]).tobytes() == b"\0\1"


def write_column(out: bytearray, values: list[int]) -> None:
    # Trying is faster than searching for the maximum, and almost always all values fit into a byte.
    try:
        data = bytes(values)
        width = 1
    except ValueError:
        most = max(values)
        width = 2 if most < 1 << 16 else 4 if most < 1 << 32 else 8
        data = struct.pack(f"<{len(values)}{_WIDTHS[width]}", *values)
    out.append(width)
    write_number(out, len(values))
    for plane in range(width):
        out += data[plane::width]


def read_column(reader: Reader) -> list[int]:
    width = reader.number(8)
    code = _WIDTHS.get(width)
    if code is None:
        raise ForeignOp("a column of an unknown width")
    count = reader.number()
    data = reader.exactly(count * width)
    if width == 1:
        return list(data)
    woven = bytearray(len(data))
    for plane in range(width):
        woven[plane::width] = data[plane * count : (plane + 1) * count]
    values = array(code)
    values.frombytes(bytes(woven))
    if _BIG_ENDIAN:
        values.byteswap()
    if width == 8 and values and max(values) > 2 * NUMBER_MAX + 1:
        raise ForeignOp("a number that is too large")
    return values.tolist()


def zigzag(number: int) -> int:
    """Map a signed number to an unsigned one: 0, -1, 1, -2, … become 0, 1, 2, 3, …"""
    return 2 * number if number >= 0 else -2 * number - 1


def unzigzag(number: int) -> int:
    return -(number + 1 >> 1) if number & 1 else number >> 1


def write_deflated(out: bytearray, data: bytes) -> None:
    """Append data as a deflated section."""
    deflater = zlib.compressobj(DEFLATE_LEVEL, zlib.DEFLATED, -WINDOW_BITS)
    found = deflater.compress(data) + deflater.flush()
    if len(data) > INFLATED_TIMES_MAX * len(found):
        deflater = zlib.compressobj(0, zlib.DEFLATED, -WINDOW_BITS)
        found = deflater.compress(data) + deflater.flush()
    write_bytes(out, found)


class Inflater:
    """Inflates the sections of one document, up to a limit that depends on its length."""

    __slots__ = ("_left",)

    def __init__(self, length: int) -> None:
        self._left = max(INFLATED_MIN_MAX, INFLATED_TIMES_MAX * length)

    def section(self, reader: Reader) -> bytes:
        """Read and inflate a section."""
        data = reader.sized()
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            found = inflater.decompress(data, self._left + 1)
        except zlib.error:
            raise ForeignOp("a damaged document") from None
        self._left -= len(found)
        if self._left < 0:
            raise ForeignOp("a document that inflates out of proportion")
        if not inflater.eof or inflater.unused_data:
            raise ForeignOp("a damaged document")
        return found
