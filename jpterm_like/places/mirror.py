"""The mirror: the packs that this device holds of a collection, in a place of its own. All of them were verified.

It is written before any other place, so it is also the outbox: what it has and a place lacks is on its way. If one of its files is damaged, the
pack is held no longer, and comes back from a place.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable

from jpterm_like.packs.decisions import FAN, Removal, to_join, to_remove
from jpterm_like.packs.holdings import Holdings
from jpterm_like.packs.marker import MARKER_BYTES_MAX
from jpterm_like.packs.marker import decode as decode_marker
from jpterm_like.packs.names import MarkerName, PackName, is_whole
from jpterm_like.packs.pack import (
    FLAGS_END,
    MalformedPack,
    NewerPack,
    Pack,
    PackFull,
    PackRecord,
    encode,
    join,
    open_pack,
    read_flags,
    split_to_fit,
)
from jpterm_like.places.base import Damaged, Gone, Place, list_all_files, read_index_at


class Mirror:
    """See the module. The place must belong to this device alone, and one mirror may be open on it at a time."""

    def __init__(self, place: Place, *, fan: int = FAN) -> None:
        """Open the mirror at a place, which may be empty. Raises PlaceError."""
        self._place = place
        self._fan = fan
        self.held = Holdings()
        self.collection: bytes | None = None
        """None until the first exchange with a place says which one it is, or `begin` does."""
        self.marker = b""
        """The marker file of the collection."""
        self._too_much: set[tuple[PackName, ...]] = set()
        listing = list_all_files(place)
        for marker in listing.markers:
            data = place.read(str(marker))
            if decode_marker(data) is not None:
                self.collection, self.marker = marker.collection, data
        for name in listing.packs:
            self._hold(name)

    def begin(self, name: MarkerName, marker: bytes) -> None:
        """Be the mirror of the collection that has this marker, under this name. Raises PlaceError."""
        assert self.collection is None and len(marker) <= MARKER_BYTES_MAX
        self._place.write(str(name), marker)
        self.collection, self.marker = name.collection, marker

    def write(self, lane: str, records: Iterable[tuple[bytes, PackRecord]]) -> list[PackName]:
        """Write records of documents into new packs of my own lane; or of another one, of which only this mirror has a part (`part`).

        Raises:
            PlaceError: those that are written already are in the mirror, the others are not.
        """
        assert self.collection is not None
        written: list[PackName] = []
        for documents in split_to_fit(records):
            number = max((name.last for name in self.held.of_lane(lane)), default=0) + 1
            name, data = encode(self.collection, lane, number, number, documents)
            self._place.write(str(name), data)
            self.held.add(name)
            written.append(name)
        return written

    def join(self, lane: str) -> list[PackName]:
        """Join what can be joined of a lane, and return the new packs. Raises PlaceError."""
        joined: list[PackName] = []
        while blocks := to_join(self.held, lane, self._too_much, fan=self._fan):
            for block in blocks:
                parts = [pack for name in block if (pack := self.pack(name)) is not None]
                if len(parts) < len(block):
                    return joined  # one is damaged, and held no longer
                try:
                    name, data = join(parts)
                except PackFull:
                    self._too_much.add(block)
                    continue
                pack = open_pack(data)
                assert all(map(pack.contains, parts))
                self._place.write(str(name), data)
                self.held.add(name, pack.index.parts)
                joined.append(name)
        return joined

    def add(self, name: PackName, data: bytes) -> list[PackName]:
        """Take in a pack from elsewhere, whose bytes are those that its name speaks of.

        Returns the packs that turned out to claim that they contain it, and do not; they are held no longer.

        Raises:
            MalformedPack: it breaks the format, is another collection's, or claims to contain what it does not.
            PlaceError: the mirror's own disk refused.
        """
        pack: Pack | None = None
        with contextlib.suppress(NewerPack):
            pack = open_pack(data)
        parts: tuple[str, ...] = ()
        if pack is not None:
            pack.check()
            if pack.collection != self.collection or pack.name != name:
                raise MalformedPack("it is of another collection or lane than its name says")
            parts = pack.index.parts
        liars: list[PackName] = []
        for outer_name, inner_name in self.held.claims(name, parts):
            outer = pack if outer_name == name else self.pack(outer_name)
            inner = pack if inner_name == name else self.pack(inner_name)
            # A pack of a newer release is joined by such a one only, and the result has its flags.
            if outer is not None and inner is not None and outer.contains(inner):
                continue
            if outer_name == name and inner_name in self.held:
                raise MalformedPack(f"it says that it contains {inner_name}, and does not")
            if outer_name in self.held:
                self._place.remove(str(outer_name))
                self.held.drop(outer_name)
                liars.append(outer_name)
        self._place.write(str(name), data)
        self.held.add(name, parts, may_join=pack is not None and pack.may_join)
        return liars

    def compare(self) -> None:
        """Compare packs of the same numbers of which it is unknown whether one contains the other. Raises PlaceError."""
        while pairs := self.held.unknown_pairs():
            for outer_name, inner_name in pairs:
                if outer_name not in self.held or inner_name not in self.held:
                    continue
                outer, inner = self.pack(outer_name), self.pack(inner_name)
                if outer and inner and outer.contains(inner):
                    self.held.note_contained(outer_name, inner_name)
                    continue
                if outer and inner and inner_name.spans(outer_name) and inner.contains(outer):
                    self.held.note_contained(inner_name, outer_name)
                self.held.note_apart(outer_name, inner_name)

    def read(self, name: PackName) -> bytes | None:
        """Return the bytes of a held pack; None if they are damaged, and then it is held no longer. Raises PlaceError."""
        data = b""
        with contextlib.suppress(Gone, Damaged):
            data = self._place.read(str(name))
        if is_whole(name, data):
            return data
        self.held.drop(name)
        return None

    def pack(self, name: PackName) -> Pack | None:
        """Return a held pack; None if it is damaged or of a newer release. Raises PlaceError."""
        if (data := self.read(name)) is None:
            return None
        try:
            return open_pack(data)
        except NewerPack:
            return None

    def drop_contained(self, keep: Collection[PackName]) -> None:
        """Remove packs that others here contain, two generations later, except some. Raises PlaceError."""
        for removal in to_remove(self.held, set(self.held), self.held.lanes()):
            if removal.inner not in keep and self._is_contained(removal):
                self._place.remove(str(removal.inner))
                self.held.drop(removal.inner)

    def _is_contained(self, removal: Removal) -> bool:
        """Whether the inner pack is in the outer one, both held, read and compared now. Raises PlaceError."""
        if removal.inner not in self.held or removal.outer not in self.held:
            return False
        outer, inner = self.pack(removal.outer), self.pack(removal.inner)
        return outer is not None and inner is not None and outer.contains(inner)

    def _hold(self, name: PackName) -> None:
        """Hold a pack of the mirror's own folder. Its index alone is read; its bytes are verified whenever they are used."""
        try:
            may_join = read_flags(self._place.read(str(name), 0, FLAGS_END))
            index = read_index_at(self._place, str(name), name.size_bytes)
            self.held.add(name, index.parts, may_join=may_join)
        except (Gone, Damaged):
            return
        except (MalformedPack, NewerPack):
            # If it is whole, it is of a newer release: what it claims to contain was never compared, and does not count.
            if (data := self._place.read(str(name))) and is_whole(name, data):
                self.held.add(name, may_join=False)
