"""Read every byte of a place, and say which packs are whole. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from jpterm_like.packs import marker as markers
from jpterm_like.packs.decisions import Standing, standing
from jpterm_like.packs.names import is_whole, missing
from jpterm_like.packs.pack import MalformedPack, NewerPack, open_pack
from jpterm_like.places.base import Damaged, Gone, Place, list_all_files


class Verdict(NamedTuple):
    """The result for one file."""

    name: str
    damage: str
    """What is wrong with it, in words; empty if it is whole."""
    size_bytes: int = 0


def verify_place(place: Place, expect: Callable[[int], None]) -> Iterator[Verdict]:
    """Read the marker and all packs of a place.

    Args:
        expect: is told how many bytes will be read.

    Raises:
        PlaceError: the place cannot be read (any more).
    """
    listing = list_all_files(place)
    there = standing(listing, None, was_ready=False)
    if there is not Standing.READY:
        yield Verdict("the marker", f"the place is not ready: {there.value}")
    expect(sum(name.size_bytes for name in (*listing.packs, *listing.copies)) + sum(listing.markers.values()))
    for marker in listing.markers:
        found = markers.decode(_read(place, str(marker)) or b"")
        yield Verdict(str(marker), "" if found else "it is torn", listing.markers[marker])
    collections = {marker.collection for marker in listing.markers}
    for name in sorted({*listing.packs, *listing.copies}):
        data = _read(place, listing.listed_as(name))
        damage = ""
        if data is None:
            damage = "it is listed, and cannot be read"
        elif not is_whole(name, data):
            damage = "its bytes are not those that were written"
        else:
            try:
                pack = open_pack(data)
                pack.check()
                if pack.name != name or pack.collection not in collections:
                    damage = "it is of another collection or lane than its place says"
            except MalformedPack as problem:
                damage = str(problem)
            except NewerPack:
                pass  # its bytes are right, and that is all that this release can say
        yield Verdict(str(name), damage, name.size_bytes)
    for name, size_bytes in sorted(listing.torn.items()):
        yield Verdict(
            str(name), f"it has {size_bytes:,} of its {name.size_bytes:,} bytes: torn, or on its way"
        )
    for lane, ranges in sorted(missing({*listing.packs, *listing.copies}).items()):
        for first, last in ranges:
            numbers = f"pack {first:,}" if first == last else f"packs {first:,} to {last:,}"
            yield Verdict(f"{lane}, {numbers}", "not here: on the way, or lost")


def _read(place: Place, name: str) -> bytes | None:
    try:
        return place.read(name)
    except (Gone, Damaged):
        return None
