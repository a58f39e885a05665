"""Decide which parts of a document are live, given the snapshots that replace some of them. Reads and changes no
files.

A snapshot begins with a record (`base.REPLACES`) that names each part it replaces, by number, salt and content. All
other parts stay live: so stores copied together from several machines form their union, however far each was
compacted. A snapshot also repeats the names in the snapshots that it was made of, so that a part copied here again,
long after it was compacted, is ignored.

Snapshots of 0.1.0 name nothing and replace all lower numbers. That is right if only one machine wrote the store,
which `LiveParts` assumes until the parts show otherwise.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from jpterm_like.storage.base import REPLACES, Record
from jpterm_like.storage.disk_layout import Part, PartContent

REPLACED_NAMES_MAX: Final = 4096
"""Most names in a snapshot (80 KB), the newest by number. An older part that is copied here again is read again,
which costs time and changes nothing."""

_NAME: Final = struct.Struct("!Q4s8s")


class PartName(NamedTuple):
    """A part identified by its number, salt and content."""

    number: int
    salt: bytes
    hash: str


def part_name(part: Part) -> PartName | None:
    """Return the name of a sealed part; None for one that is not sealed."""
    return None if part.hash is None else PartName(part.number, part.salt, part.hash)


def encode_replaced_names(names: Iterable[PartName]) -> Record:
    """Encode the record that a snapshot begins with."""
    newest = sorted(names)[-REPLACED_NAMES_MAX:]
    packed = (_NAME.pack(each.number, each.salt, bytes.fromhex(each.hash)) for each in newest)
    return Record(REPLACES, b"".join(packed))


def replaced_names(read: PartContent) -> frozenset[PartName] | None:
    """Decode the names in a snapshot; None if it is of 0.1.0, which wrote none."""
    records = read.scan.records
    if not records or records[0].kind != REPLACES:
        return None
    payload = records[0].payload
    whole = payload[: len(payload) - len(payload) % _NAME.size]
    return frozenset(PartName(number, salt, data.hex()) for number, salt, data in _NAME.iter_unpack(whole))


def owner_records(read: PartContent) -> list[Record]:
    """Return the records of a part, without the one that names replaced parts."""
    records = read.scan.records
    return records[1:] if read.part.is_snapshot and records and records[0].kind == REPLACES else records


class LiveParts:
    """Finds the parts of a document to read, from the newest snapshot down, and tracks which of them are live.

    Args:
        parts: all parts of the document, in any order.
    """

    def __init__(self, parts: Iterable[Part]) -> None:
        self._parts = sorted(parts, key=part_key)
        self.base: Part | None = None
        """The newest readable snapshot."""
        self.names: set[PartName] = set()
        """Names of all parts replaced by a snapshot, which need not be read."""
        self._below: int | None = None
        """For a base of 0.1.0: it replaces all lower numbers than this."""

    def snapshots(self) -> Iterator[Part]:
        """Iterate over the snapshots to read, newest first. Give each intact one to `take` before asking for the
        next."""
        for part in reversed(self._parts):
            if part.is_snapshot and not self.is_replaced(part):
                yield part

    def take(self, read: PartContent) -> None:
        """Add an intact snapshot, whose replaced parts are no longer live."""
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
        """Whether a known snapshot replaces a part, judging by its file name alone."""
        return part_name(part) in self.names or (self._below is not None and part.number < self._below)

    def is_oldest(self, part: Part) -> bool:
        """Whether no part is older. The readable records of a damaged snapshot are then used, as nothing better
        exists."""
        return part == self._parts[0]

    def segments(self) -> list[list[Part]]:
        """List the segments to read once all snapshots were read; copies of one segment (same number and salt)
        together."""
        found: dict[tuple[int, bytes], list[Part]] = {}
        for part in self._parts:
            if not part.is_snapshot and not self.is_replaced(part):
                found.setdefault(part_key(part), []).append(part)
        return list(found.values())

    def _has_several_writers(self, base: Part) -> bool:
        """Whether more than one machine must have written the parts.

        One machine uses each number once, and each snapshot removes what the previous one replaced: so there are at
        most two snapshots, and nothing below the older one.
        """
        salts: dict[int, set[bytes]] = {}
        for part in self._parts:
            salts.setdefault(part.number, set()).add(part.salt)
        if any(len(each) > 1 for each in salts.values()):
            return True
        older = [part.number for part in self._parts if part.is_snapshot and part.number < base.number]
        return len(older) > 1 or any(part.number < number for number in older for part in self._parts)


def part_key(part: Part) -> tuple[int, bytes]:
    """Sort key: the order in which parts are read."""
    return part.number, part.salt


def drop_prefix_copies(copies: Sequence[PartContent]) -> list[PartContent]:
    """Drop the copies of a segment whose records are a prefix of another copy's.

    A segment that was copied while it was being written is a prefix of its final content.
    """
    kept: list[PartContent] = []
    for read in sorted(copies, key=lambda read: len(read.scan.records), reverse=True):
        records = read.scan.records
        if not any(records == other.scan.records[: len(records)] for other in kept):
            kept.append(read)
    return kept
