"""The names of the files at a place, and a listing of them. Reads no file: the names say what is there, and what is torn.

    k7m2qx4vh3d5a-000001-000008-01f3c2-9d2e6c1b5a7f4e08.jpk      packs 1 to 8 of lane k7m2…, 127,938 bytes, BLAKE2b-64 of the file
    jpterm-like-aebagbafaydqqcikbmga2dqpca.v1                     the marker of a collection

A name is at most 60 bytes of `a-z`, digits, `-` and `.`, so that it stays below every carrier's limit with a suffix for a
conflict added, is the same in every case folding, and needs no escaping. Numbers have a fixed width: the order of
names is the order of packs.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

LANE_BYTES: Final = 8
COLLECTION_BYTES: Final = 16

NUMBER_MAX: Final = 0xFFFFFF
"""The last number of a lane: a pack each ten seconds for five years without a pause. Then its owner begins another lane."""

PACK_BYTES_MAX: Final = 8 << 20
"""Longest pack. What is longer is written as several: so a cut upload costs little, and no reader needs much memory."""

LISTING_MAX: Final = 1_000_000
"""More names than this in a folder are not looked at."""

_STEM: Final = r"([a-z2-7]{13})-([0-9a-f]{6})-([0-9a-f]{6})-([0-9a-f]{6})-([0-9a-f]{16})"
_NAME: Final = re.compile(_STEM + r"\.jpk", re.ASCII)
_COPY: Final = re.compile(_STEM + r"[^a-z0-9].*", re.ASCII | re.DOTALL)
_MARKER: Final = re.compile(r"jpterm-like-([a-z2-7]{26})\.v([0-9]{1,4})", re.ASCII)


class PackName(NamedTuple):
    """What the name of a pack says."""

    lane: str
    """13 letters: the writer's lane."""
    first: int
    """Number of the first pack that is in it, from 1 on."""
    last: int
    """Number of the last one; the same as `first` unless packs were joined."""
    size_bytes: int
    digest: str
    """16 hexadecimal digits: BLAKE2b-64 of the file. Two packs of one range are told apart by it."""

    def __str__(self) -> str:
        return f"{self.lane}-{self.first:06x}-{self.last:06x}-{self.size_bytes:06x}-{self.digest}.jpk"

    def spans(self, other: PackName) -> bool:
        """Whether the other one's numbers are all among these, in the same lane. It says nothing of the content."""
        return self.lane == other.lane and self.first <= other.first and other.last <= self.last


class MarkerName(NamedTuple):
    """What the name of a marker says."""

    collection: bytes
    version: int
    """Version of the layout of the place."""

    def __str__(self) -> str:
        return f"jpterm-like-{_base32(self.collection)}.v{self.version}"


class Listing(NamedTuple):
    """What the names and sizes at a place say."""

    packs: dict[PackName, str]
    """The packs that are there, each with its name as it is listed (a carrier may change its case)."""
    torn: dict[PackName, int]
    """Packs with another size than their name says, and that size: being written, or left by a cut upload. They count as not there."""
    copies: dict[PackName, str]
    """Packs that are there only under a name that a carrier made, as `… (conflicted copy).jpk`, with that name."""
    markers: dict[MarkerName, int]
    """The markers, each with its size."""
    others: list[str]
    """Names that are none of ours, sorted. They are left alone."""

    def listed_as(self, name: PackName) -> str:
        """The name of the file to read a pack from: as the place lists it, or a copy, or the pack's own where it is not listed."""
        return self.packs.get(name) or self.copies.get(name) or str(name)

    def of_lane(self, lane: str) -> Listing:
        """The same without the packs of other lanes."""
        return self._replace(
            packs={name: listed for name, listed in self.packs.items() if name.lane == lane},
            torn={name: size_bytes for name, size_bytes in self.torn.items() if name.lane == lane},
            copies={name: listed for name, listed in self.copies.items() if name.lane == lane},
        )


def name_of(data: bytes, lane: str, first: int, last: int) -> PackName:
    """Name the bytes of a pack."""
    return PackName(lane, first, last, len(data), digest_of(data))


def digest_of(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def is_whole(name: PackName, data: bytes) -> bool:
    """Whether these are the bytes that the name speaks of."""
    return len(data) == name.size_bytes and digest_of(data) == name.digest


def lane_name(lane: bytes) -> str:
    """Write 8 bytes as the name of a lane."""
    assert len(lane) == LANE_BYTES, len(lane)
    return _base32(lane)


def lane_bytes(lane: str) -> bytes:
    """Read the name of a lane; raises ValueError if it is none."""
    data = _from_base32(lane)
    if data is None or len(data) != LANE_BYTES:
        raise ValueError(f"not a lane: {lane!r}")
    return data


def parse(name: str) -> PackName | None:
    """Read the name of a pack, whatever its case; None if it is none."""
    return _named(_NAME.fullmatch(name.lower())) if len(name) <= 60 else None


def parse_marker(name: str) -> MarkerName | None:
    """Read the name of a marker, whatever its case; None if it is none."""
    found = _MARKER.fullmatch(name.lower()) if len(name) <= 60 else None
    collection = _from_base32(found[1]) if found else None
    if found is None or collection is None:
        return None
    return MarkerName(collection, int(found[2]))


def read_listing(files: Mapping[str, int]) -> Listing:
    """Read the names in a folder, with their sizes in bytes. Names beyond `LISTING_MAX` are not looked at."""
    listing = Listing({}, {}, {}, {}, [])
    copies: list[tuple[PackName, str]] = []
    for name in sorted(files, reverse=True)[-LISTING_MAX:]:  # lower case comes last, and wins
        size_bytes = files[name]
        if pack := parse(name):
            if size_bytes == pack.size_bytes:
                listing.packs[pack] = name
            else:
                listing.torn[pack] = size_bytes
        elif marker := parse_marker(name):
            listing.markers[marker] = size_bytes
        elif copied := _named(_COPY.fullmatch(name.lower()) if name.lower().endswith(".jpk") else None):
            if size_bytes == copied.size_bytes:
                copies.append((copied, name))
        else:
            listing.others.append(name)
    for pack in listing.packs:
        listing.torn.pop(pack, None)
    listing.copies.update((pack, name) for pack, name in copies if pack not in listing.packs)
    listing.others.reverse()
    return listing


def versions(packs: Iterable[PackName]) -> dict[str, int]:
    """The version of a place: the highest number of each lane below which no number is missing."""
    found: dict[str, int] = {}
    for pack in sorted(packs):
        have = found.setdefault(pack.lane, 0)
        if pack.first <= have + 1:
            found[pack.lane] = max(have, pack.last)
    return found


def missing(packs: Iterable[PackName]) -> dict[str, list[tuple[int, int]]]:
    """The numbers of each lane that are missing below its highest one, as ranges with both ends included.

    They are on their way, or were lost by the carrier: no error, for what is behind them is taken in all the same.
    """
    found: dict[str, list[tuple[int, int]]] = {}
    reached: dict[str, int] = {}
    for pack in sorted(packs):
        have = reached.get(pack.lane, 0)
        if pack.first > have + 1:
            found.setdefault(pack.lane, []).append((have + 1, pack.first - 1))
        reached[pack.lane] = max(have, pack.last)
    return found


def _named(found: re.Match[str] | None) -> PackName | None:
    if found is None:
        return None
    lane, first, last, size_bytes = found[1], int(found[2], 16), int(found[3], 16), int(found[4], 16)
    if not 1 <= first <= last or not 0 < size_bytes <= PACK_BYTES_MAX or _from_base32(lane) is None:
        return None
    return PackName(lane, first, last, size_bytes, found[5])


def _base32(data: bytes) -> str:
    return base64.b32encode(data).decode("ascii").rstrip("=").lower()


def _from_base32(text: str) -> bytes | None:
    """None unless these are the very letters that `_base32` writes, so that nothing has two names."""
    try:
        data = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    except ValueError:
        return None
    return data if _base32(data) == text else None
