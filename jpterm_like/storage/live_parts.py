"""Which parts of a document count, when a snapshot is there that was made of some of them. Reads and changes nothing.

A snapshot begins with a record of the store's own (`base.REPLACES`) that names each part it takes the place of, by number, salt
and content. Parts that it does not name count beside it: so stores that were copied together from several machines are the
union of them, however far each had got with compacting. Names are inherited: a snapshot also names what the snapshots that it
was made of name, so that a part that is copied here once more, long after it was compacted, is not read again.

Snapshots of 0.1.0 name nothing and mean all lower numbers. That is right as long as one machine alone wrote the store, and
`LiveParts` believes it while nothing speaks against it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from jpterm_like.storage.base import REPLACES, Record
from jpterm_like.storage.disk_layout import Part, PartContent

REPLACED_NAMES_MAX: Final = 4096
"""Of the parts that a snapshot names, the newest by number: 80 KB at most. An older one that is copied here again is read
again, which costs time and changes nothing."""

_NAME: Final = struct.Struct("!Q4s8s")


class PartName(NamedTuple):
    """A part by what is in it."""

    number: int
    salt: bytes
    hash: str


def part_name(part: Part) -> PartName | None:
    """The name of a part whose file name tells its content; None while it is not sealed."""
    return None if part.hash is None else PartName(part.number, part.salt, part.hash)


def encode_replaced_names(names: Iterable[PartName]) -> Record:
    """The record that a snapshot begins with."""
    newest = sorted(names)[-REPLACED_NAMES_MAX:]
    packed = (_NAME.pack(each.number, each.salt, bytes.fromhex(each.hash)) for each in newest)
    return Record(REPLACES, b"".join(packed))


def replaced_names(read: PartContent) -> frozenset[PartName] | None:
    """What a snapshot names; None if it is of 0.1.0, which named nothing."""
    records = read.scan.records
    if not records or records[0].kind != REPLACES:
        return None
    payload = records[0].payload
    whole = payload[: len(payload) - len(payload) % _NAME.size]
    return frozenset(PartName(number, salt, data.hex()) for number, salt, data in _NAME.iter_unpack(whole))


def owner_records(read: PartContent) -> list[Record]:
    """The owner's records in a part."""
    records = read.scan.records
    return records[1:] if read.part.is_snapshot and records and records[0].kind == REPLACES else records


class LiveParts:
    """Tells of the parts of a document, from the newest snapshot down, which are to be read, and then which count.

    Args:
        parts: all that there are, in any order.
    """

    def __init__(self, parts: Iterable[Part]) -> None:
        self._parts = sorted(parts, key=part_key)
        self.base: Part | None = None
        """The newest snapshot that could be read."""
        self.names: set[PartName] = set()
        """Of all parts that a snapshot takes the place of, and so need not be read."""
        self._below: int | None = None
        """Of 0.1.0: the base takes the place of all lower numbers."""

    def snapshots(self) -> Iterator[Part]:
        """The snapshots to be read, newest first. Each is to be given to `take`, if it is whole, before the next is asked for."""
        for part in reversed(self._parts):
            if part.is_snapshot and not self.is_replaced(part):
                yield part

    def take(self, read: PartContent) -> None:
        """Let a whole snapshot count."""
        names = replaced_names(read)
        if names is not None:
            self.names |= names
        elif self.base is None and not self._has_several_writers(read.part):
            self._below = read.part.number
            lower = (part_name(part) for part in self._parts if part.number < self._below)
            self.names |= {name for name in lower if name is not None}
        if self.base is None:
            self.base = read.part

    def is_replaced(self, part: Part) -> bool:
        """Whether a snapshot is known to have taken the place of it, by its file name alone."""
        return part_name(part) in self.names or (self._below is not None and part.number < self._below)

    def is_oldest(self, part: Part) -> bool:
        """Whether there is nothing older: of a damaged snapshot the readable part counts then, for it is the best there is."""
        return part == self._parts[0]

    def segments(self) -> list[list[Part]]:
        """The segments to be read, after all snapshots were; copies of one, which have number and salt in common, together."""
        found: dict[tuple[int, bytes], list[Part]] = {}
        for part in self._parts:
            if not part.is_snapshot and not self.is_replaced(part):
                found.setdefault(part_key(part), []).append(part)
        return list(found.values())

    def _has_several_writers(self, base: Part) -> bool:
        """Whether the parts cannot all be of one machine.

        There each number is given once, and with a snapshot everything goes that the one before it covered; so there are
        two of them at most, and nothing below the older one.
        """
        salts: dict[int, set[bytes]] = {}
        for part in self._parts:
            salts.setdefault(part.number, set()).add(part.salt)
        if any(len(each) > 1 for each in salts.values()):
            return True
        older = [part.number for part in self._parts if part.is_snapshot and part.number < base.number]
        return len(older) > 1 or any(part.number < number for number in older for part in self._parts)


def part_key(part: Part) -> tuple[int, bytes]:
    """The order in which parts are read."""
    return part.number, part.salt


def drop_prefix_copies(copies: Sequence[PartContent]) -> list[PartContent]:
    """Of the copies of one segment those that have something that no other has.

    A segment that was copied while it was being written holds the beginning of what it holds now.
    """
    kept: list[PartContent] = []
    for read in sorted(copies, key=lambda read: len(read.scan.records), reverse=True):
        records = read.scan.records
        if not any(records == other.scan.records[: len(records)] for other in kept):
            kept.append(read)
    return kept
