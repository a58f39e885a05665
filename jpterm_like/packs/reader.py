"""Numbers in packs: LEB128, seven bits a byte, lowest first, each in exactly one form, as in `crdt.binary`.

They are read here once more, so that packs are carried without loading the text that may be in them.
"""

from __future__ import annotations

from typing import Final

NUMBER_MAX: Final = 2**53 - 1


class Malformed(ValueError):
    """These bytes are not what they should be."""


def write_number(out: bytearray, value: int) -> None:
    """Append a number from 0 to NUMBER_MAX."""
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)


class Reader:
    """A position in foreign bytes. Each method raises Malformed if the expected value is missing."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def at_end(self) -> bool:
        return self._position >= len(self._data)

    def number(self, limit: int = NUMBER_MAX) -> int:
        """Read a number of at most `limit`."""
        value = shift = 0
        while True:
            [byte] = self.exactly(1)
            value |= (byte & 127) << shift
            if byte < 128:
                break
            shift += 7
            if shift > 56:
                raise Malformed("a number of more than nine bytes")
        if shift and not byte:
            raise Malformed("a number that is longer than it needs to be")
        if value > limit:
            raise Malformed(f"number {value} above {limit}")
        return value

    def exactly(self, count: int) -> bytes:
        start = self._position
        if count > len(self._data) - start:
            raise Malformed(f"ends {count - (len(self._data) - start)} bytes early")
        self._position = start + count
        return self._data[start : start + count]

    def sized(self) -> bytes:
        """Read a length and that many bytes."""
        return self.exactly(self.number())
