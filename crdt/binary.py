"""Reads and writes numbers, sites and texts as bytes. Foreign bytes are checked here, and every length is bounded.

Numbers are LEB128: seven bits a byte, lowest first, so that a small number takes one byte. Each number has exactly
one form, so equal values have equal bytes. Nothing here knows what the numbers mean.
"""

from __future__ import annotations

from typing import Final

from crdt.errors import ForeignOp

NUMBER_MAX: Final = 2**53 - 1
"""Limit for clocks, counters, levels and times. Above 2^53 the floats of other languages are no longer exact."""

SITE_BYTES: Final = 8
SITE_MAX: Final = 2**64 - 1

AUTHOR_BYTES_MAX: Final = 1024
"""Limit for an author's name in UTF-8: every replica stores it forever."""

TEXT_ENCODING: Final = "utf-8"
TEXT_ERRORS: Final = "surrogatepass"
"""UTF-8 error handler. Lone surrogates are legal code points in a Python string (files with invalid bytes produce
them), so messages carry them."""


def write_number(out: bytearray, value: int) -> None:
    """Append a number from 0 to NUMBER_MAX."""
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)


def write_site(out: bytearray, site: int) -> None:
    out += site.to_bytes(SITE_BYTES, "big")


def write_bytes(out: bytearray, data: bytes) -> None:
    write_number(out, len(data))
    out += data


def encode_text(text: str) -> bytes:
    return text.encode(TEXT_ENCODING, TEXT_ERRORS)


def decode_text(data: bytes) -> str:
    try:
        return data.decode(TEXT_ENCODING, TEXT_ERRORS)
    except UnicodeDecodeError:
        raise ForeignOp("a text is not UTF-8") from None


class Reader:
    """A position in foreign bytes. Each method raises ForeignOp if the expected value is missing."""

    __slots__ = ("data", "end", "position")

    def __init__(self, data: bytes, position: int = 0) -> None:
        self.data = data
        self.position = position
        self.end = len(data)

    def at_end(self) -> bool:
        return self.position >= self.end

    def number(self, limit: int = NUMBER_MAX) -> int:
        """Read a number of at most `limit`."""
        data = self.data
        position = self.position
        end = self.end
        if position < end:
            byte = data[position]
            if byte < 128:
                self.position = position + 1
                if byte > limit:
                    raise ForeignOp(f"number {byte} above {limit}")
                return byte
        value = 0
        shift = 0
        while True:
            if position >= end:
                raise ForeignOp("ends inside a number")
            byte = data[position]
            position += 1
            value |= (byte & 127) << shift
            if byte < 128:
                if not byte:
                    raise ForeignOp("a number that is longer than it needs to be")
                break
            shift += 7
            if shift > 56:
                raise ForeignOp("a number of more than nine bytes")
        if value > limit:
            raise ForeignOp(f"number {value} above {limit}")
        self.position = position
        return value

    def exactly(self, count: int) -> bytes:
        position = self.position
        if count > self.end - position:
            raise ForeignOp(f"ends {count - (self.end - position)} bytes early")
        self.position = position + count
        return self.data[position : position + count]

    def sized(self) -> bytes:
        """Read a length and that many bytes."""
        return self.exactly(self.number())

    def site(self) -> int:
        return int.from_bytes(self.exactly(SITE_BYTES), "big")
