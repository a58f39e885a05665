"""What two places of one collection owe each other, decided from names: what to fetch, send, join and remove.

One side is the *mirror*: the packs that this device holds, all of them verified. The other is a listing of a place, which may be
old, incomplete, or full of what carriers leave behind. Nothing here reads a file, and no decision waits for another device:

- Fetch before sending. A pack is needed unless one that is held contains it.
- Absence is no news: what a listing lacks is deleted nowhere, and sent there.
- Remove only what a joined pack contains, a generation later. The caller reads both from the place first and compares them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import Enum
from itertools import pairwise
from typing import Final, NamedTuple

from jpterm_like.packs.holdings import Holdings
from jpterm_like.packs.marker import FORMAT
from jpterm_like.packs.names import PACK_BYTES_MAX, Listing, PackName

FAN: Final = 8
"""So many packs of a lane are joined to one, so many of those to one, and so on: each byte is written again some five times in its life,
and a lane has some thirty files after a month of writing."""


class Standing(Enum):
    """Whether a place is the one that it should be. Only at READY is anything read or written there."""

    READY = "ready"
    EMPTY = "empty"
    """Nothing of ours is there, and never was: it becomes a place when a person says so."""
    MARKER_GONE = "marker gone"
    """It was a place of this collection. An empty folder at an unmounted disk looks like this."""
    PACKS_WITHOUT_MARKER = "packs without marker"
    OTHER_COLLECTION = "other collection"
    SEVERAL_COLLECTIONS = "several collections"
    NEWER = "newer"
    """Its layout is of a newer release."""


def standing(listing: Listing, collection: bytes | None, *, was_ready: bool) -> Standing:
    """Judge a place by its listing.

    Args:
        listing: of the place.
        collection: the one that this device's mirror is of; None if it has none yet.
        was_ready: whether it was READY at an earlier time, under the same address.
    """
    if any(marker.version > FORMAT for marker in listing.markers):
        return Standing.NEWER
    collections = {marker.collection for marker in listing.markers}
    if len(collections) > 1:
        return Standing.SEVERAL_COLLECTIONS
    if collections:
        known = collection is None or collection in collections
        return Standing.READY if known else Standing.OTHER_COLLECTION
    if was_ready:
        return Standing.MARKER_GONE
    if listing.packs or listing.torn or listing.copies:
        return Standing.PACKS_WITHOUT_MARKER
    return Standing.EMPTY


def to_fetch(held: Holdings, listing: Listing, excluded: Collection[PackName] = ()) -> list[PackName]:
    """The packs to fetch, narrow ones first: when a joined pack comes, what it says that it contains is here to be compared.

    Of a joined pack's parts, only those of the last join of a lane are still at a place: so little is fetched twice.
    """
    return sorted(
        (
            name
            for name in {*listing.packs, *listing.copies}
            if name not in held and name not in excluded and not held.containers(name)
        ),
        key=lambda name: (name.last - name.first, name),
    )


def to_send(held: Holdings, listing: Listing) -> list[PackName]:
    """The held packs that the place lacks, without those that another held pack contains."""
    return [name for lane in held.lanes() for name in held.outermost(lane) if name not in listing.packs]


def to_join(
    held: Holdings, lane: str, excluded: Collection[tuple[PackName, ...]] = (), *, fan: int = FAN
) -> list[tuple[PackName, ...]]:
    """Return the packs of a lane to join, each tuple into one. Call again once the results are held.

    Tuples in `excluded` proved too much for one pack.
    Blocks are aligned: numbers 1 to 8, 9 to 16, then 1 to 64 and so on, so whoever joins a lane makes the same ones. A block is joined
    once all of it is there, if the result is not too long. Where numbers overlap, which only copied lanes do, nothing is joined.
    """
    packs = held.outermost(lane)
    if any(after.first <= before.last for before, after in pairwise(packs)):
        return []
    found: list[tuple[PackName, ...]] = []
    taken: set[PackName] = set()
    size = fan
    while packs and size * fan <= packs[-1].last:
        size *= fan
    while size >= fan:
        for block in _blocks(packs, size):
            if block not in excluded and all(map(held.may_join, block)) and taken.isdisjoint(block):
                found.append(block)
                taken.update(block)
        size //= fan
    return sorted(found)


def _blocks(packs: Iterable[PackName], size: int) -> list[tuple[PackName, ...]]:
    """The aligned blocks of `size` numbers that are there without a gap, in several packs, and not too long."""
    blocks: dict[int, list[PackName]] = {}
    for name in packs:
        number = (name.first - 1) // size
        if (name.last - 1) // size == number:
            blocks.setdefault(number, []).append(name)
    return [
        tuple(block)
        for block in blocks.values()
        if len(block) > 1
        and sum(name.last - name.first + 1 for name in block) == size
        and sum(name.size_bytes for name in block) <= PACK_BYTES_MAX
    ]


class Removal(NamedTuple):
    """A pack that may be removed, once both were read and the content compared."""

    inner: PackName
    outer: PackName
    """A pack in the same place that contains it."""


def to_remove(held: Holdings, there: Collection[PackName], lanes: Iterable[str]) -> list[Removal]:
    """The packs of these lanes that may be removed from a place, or from the mirror, where those of `there` are.

    Nothing that a joined pack contains is removed before another join of that lane is there, too: so there are always two generations.
    """
    wanted = set(lanes)
    joined: dict[str, list[PackName]] = {}
    for name in there:
        if name.lane in wanted and name.first < name.last and name in held:
            joined.setdefault(name.lane, []).append(name)
    found: list[Removal] = []
    for name in sorted(there):
        for outer in held.containers(name) if name.lane in joined else ():
            if outer in there and any(_follows(newer, outer) for newer in joined[name.lane]):
                found.append(Removal(name, outer))
                break
    return found


def _follows(newer: PackName, joined: PackName) -> bool:
    """Whether a pack was joined after another one of its lane."""
    return newer.last > joined.last or (newer != joined and newer.spans(joined) and not joined.spans(newer))
