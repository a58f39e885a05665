"""Values of records in bytes: what JSON knows, and bytes.

A value is one byte that says what it is, and what belongs to that:

    0 None    1 False    2 True
    3 number             a whole number from 0 on
    4 number             a negative one: -1 is 0, -2 is 1, …
    5 eight bytes        a float, big-endian
    6 length, UTF-8      text
    7 length, bytes      bytes
    8 count, values      a list
    9 count, entries     a dictionary: for each entry length and UTF-8 of the key, then the value; keys ascend by their UTF-8

Each value has exactly one form, so equal values have equal bytes: numbers are as short as can be, keys in order, and all
NaNs are one. A whole number and a float are different values.
"""

from __future__ import annotations

import struct
from typing import Final

from crdt.binary import NUMBER_MAX, Reader, decode_text, encode_text, write_bytes, write_number
from crdt.errors import ForeignOp

Value = None | bool | int | float | str | bytes | list["Value"] | dict[str, "Value"]

DEPTH_MAX: Final = 16
"""Most lists and dictionaries in each other. Reading is recursive, and Python's stack is not deep."""

NONE: Final = 0
FALSE: Final = 1
TRUE: Final = 2
WHOLE: Final = 3
NEGATIVE: Final = 4
FLOAT: Final = 5
TEXT: Final = 6
BYTES: Final = 7
LIST: Final = 8
DICTIONARY: Final = 9

FLOAT_BYTES: Final = 8
NAN: Final = b"\x7f\xf8\0\0\0\0\0\0"


def encode_value(value: Value) -> bytes:
    """Return the bytes of a value. O(its size).

    Raises:
        TypeError: something that a value cannot have in it.
        ValueError: a number beyond 2^53, or more than DEPTH_MAX lists and dictionaries in each other.
    """
    out = bytearray()
    _write(out, value, 0)
    return bytes(out)


def _write(out: bytearray, value: Value, depth: int) -> None:
    if value is None:
        out.append(NONE)
    elif isinstance(value, bool):
        out.append(TRUE if value else FALSE)
    elif isinstance(value, int):
        if not -NUMBER_MAX - 1 <= value <= NUMBER_MAX:
            raise ValueError("a number of more than 53 bits")
        out.append(WHOLE if value >= 0 else NEGATIVE)
        write_number(out, value if value >= 0 else -1 - value)
    elif isinstance(value, float):
        out.append(FLOAT)
        out += struct.pack(">d", value) if value == value else NAN
    elif isinstance(value, str):
        out.append(TEXT)
        write_bytes(out, encode_text(value))
    elif isinstance(value, bytes):
        out.append(BYTES)
        write_bytes(out, value)
    elif isinstance(value, (list, dict)):
        if depth == DEPTH_MAX:
            raise ValueError(f"more than {DEPTH_MAX} lists and dictionaries in each other")
        if isinstance(value, list):
            out.append(LIST)
            write_number(out, len(value))
            for each in value:
                _write(out, each, depth + 1)
        else:
            out.append(DICTIONARY)
            write_number(out, len(value))
            for key in sorted(value, key=encode_text):
                write_bytes(out, encode_text(key))
                _write(out, value[key], depth + 1)
    else:
        raise TypeError(f"a value cannot be a {type(value).__name__}")


def decode_value(data: bytes) -> Value:
    """Return the value that `encode_value` wrote.

    Raises:
        ForeignOp: not written by `encode_value`. Time and memory stay within a small multiple of the length of `data`.
    """
    reader = Reader(data)
    value = _read(reader, 0)
    if not reader.at_end():
        raise ForeignOp("bytes after a value")
    return value


def _read(reader: Reader, depth: int) -> Value:
    kind = reader.exactly(1)[0]
    if kind == NONE:
        return None
    if kind == FALSE:
        return False
    if kind == TRUE:
        return True
    if kind == WHOLE:
        return reader.number()
    if kind == NEGATIVE:
        return -1 - reader.number()
    if kind == FLOAT:
        data = reader.exactly(FLOAT_BYTES)
        number: float = struct.unpack(">d", data)[0]
        if number != number and data != NAN:
            raise ForeignOp("a NaN of another form")
        return number
    if kind == TEXT:
        return decode_text(reader.sized())
    if kind == BYTES:
        return reader.sized()
    if kind > DICTIONARY:
        raise ForeignOp(f"a value of kind {kind}")
    if depth == DEPTH_MAX:
        raise ForeignOp(f"more than {DEPTH_MAX} lists and dictionaries in each other")
    # Each of them takes a byte at least.
    count = reader.number(reader.end - reader.position)
    if kind == LIST:
        return [_read(reader, depth + 1) for _ in range(count)]
    found: dict[str, Value] = {}
    last: bytes | None = None
    for _ in range(count):
        key = reader.sized()
        if last is not None and key <= last:
            raise ForeignOp("a dictionary whose keys are not in order")
        last = key
        found[decode_text(key)] = _read(reader, depth + 1)
    return found
