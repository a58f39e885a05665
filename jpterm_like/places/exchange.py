"""One exchange between the mirror of this device and a place: fetch what is more there, send what is more here.

It carries out what `packs.decisions` decides, in this order: list, fetch, join, send, read back, remove. It can end anywhere, by an error or by
the end of the process; the next one goes on from what the listing then says. Nothing here loads a text.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from jpterm_like.packs import marker as markers
from jpterm_like.packs.decisions import Standing, standing, to_fetch, to_remove, to_send
from jpterm_like.packs.names import Listing, MarkerName, PackName, is_whole, missing
from jpterm_like.packs.pack import MalformedPack, NewerPack, Pack, open_pack
from jpterm_like.places.base import (
    Damaged,
    Gone,
    Place,
    PlaceError,
    list_all_files,
    write,
)
from jpterm_like.places.mirror import Mirror

if TYPE_CHECKING:  # two places are brought together without the records that it knows
    from jpterm_like.places.part import NewRecords, Part

READ_BACK_MAX: Final = 16
"""Packs that one exchange reads back of those that were sent before."""


@dataclass
class Memory:
    """What a device knows of a place from earlier exchanges. `was_ready` should be kept; the rest may be lost at any time."""

    was_ready: bool = False
    seen: set[PackName] = field(default_factory=set)
    """Packs that were there."""
    lacking: set[PackName] = field(default_factory=set)
    """Packs that the last listing lacked. One that was there before is sent when two listings in a row lack it: some
    carriers list what was there a while ago."""
    sent: set[PackName] = field(default_factory=set)
    """Packs that were sent and not read back."""
    set_aside: set[PackName] = field(default_factory=set)
    """Packs that break the format, or make a false claim. They are not fetched again."""


@dataclass
class Report:
    """What an exchange did, and what is still to come."""

    standing: Standing
    fetched: list[PackName] = field(default_factory=list)
    """Packs that came: their records are to be taken in. They are in the mirror already."""
    sent: list[PackName] = field(default_factory=list)
    joined: list[PackName] = field(default_factory=list)
    removed: list[PackName] = field(default_factory=list)
    waiting: list[PackName] = field(default_factory=list)
    """Packs that the place lacks still."""
    coming: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    """Numbers that are missing here below others of their lane: on their way, or lost with the device that wrote them."""
    unread: list[PackName] = field(default_factory=list)
    """Packs that are listed and could not be fetched: torn, damaged, or gone again."""
    damaged: list[PackName] = field(default_factory=list)
    """Packs there with the right length and wrong bytes. A device that holds them writes them again when it verifies the place."""
    set_aside: list[PackName] = field(default_factory=list)
    lane_taken: bool = False
    """Somebody else writes in this device's lane, as a copy of its folder does: begin another one."""
    problem: PlaceError | None = None
    """Why it ended early. What was not done is done by the next one."""

    @property
    def is_complete(self) -> bool:
        """Whether both sides have the same now, as far as the listing tells."""
        rest = self.waiting or self.unread or self.problem
        return self.standing is Standing.READY and not rest


def exchange(
    mirror: Mirror,
    place: Place,
    lane: str,
    memory: Memory,
    *,
    begin: bool = False,
    verify: bool = False,
    part: Part | None = None,
) -> Report:
    """Exchange once. Errors of the place are in the report; those of the mirror's own disk are raised.

    Args:
        mirror: of this device.
        place: the other side.
        lane: this device's, in which it alone writes.
        memory: of this place.
        begin: whether a person said that an empty folder is to become a place of this collection.
        verify: read every pack that is held here and there, and write again what is damaged.
        part: the documents that this device has, if it has only some; None: all.

    Raises:
        PlaceError: the mirror's own disk refused.
    """
    run = _Exchange(mirror, _Watched(place), lane, memory, part)
    try:
        run.begin(may_begin=begin, verify=verify)
        if run.report.standing is Standing.READY:
            run.fetch()
            mirror.compare()
            run.find_stranger()
            run.join()
            run.send()
            run.read_back(everything=verify)
            run.remove()
    except _AtPlace as problem:
        run.report.problem = problem.error
    return run.report


class _AtPlace(Exception):
    """An error of the place, and not of the mirror."""

    def __init__(self, error: PlaceError) -> None:
        super().__init__(str(error))
        self.error = error


@contextmanager
def _at_place() -> Iterator[None]:
    """Tell the errors of a call to the place from those of the mirror."""
    try:
        yield
    except PlaceError as problem:
        raise _AtPlace(problem) from problem


class _Watched:
    """A place whose errors end an exchange, except those that are about one file."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def list(self) -> Listing:
        with _at_place():
            return list_all_files(self._place)

    def read(self, name: str) -> bytes | None:
        """None if the file is not there, or too long."""
        with _at_place(), suppress(Gone, Damaged):
            return self._place.read(name)
        return None

    def read_part(self, part: Part, listing: Listing, lane: str) -> NewRecords:
        with _at_place():
            return part.read(self._place, listing, lane)

    def write(self, name: PackName, data: bytes) -> None:
        with _at_place():
            write(self._place, name, data)

    def write_marker(self, name: MarkerName, data: bytes) -> None:
        with _at_place():
            self._place.write(str(name), data)

    def remove(self, name: str) -> None:
        with _at_place():
            self._place.remove(name)


class _Exchange:
    def __init__(self, mirror: Mirror, place: _Watched, lane: str, memory: Memory, part: Part | None) -> None:
        self._mirror = mirror
        self._part = part
        self._place = place
        self._lane = lane
        self._memory = memory
        self._listing = Listing({}, {}, {}, {}, [])
        self.report = Report(Standing.EMPTY)

    def begin(self, *, may_begin: bool, verify: bool) -> None:
        """List the place, and judge whether it is the right one."""
        mirror, memory = self._mirror, self._memory
        self._listing = listing = self._place.list()
        self.report.standing = standing(listing, mirror.collection, was_ready=memory.was_ready)
        if self.report.standing is Standing.EMPTY and may_begin and mirror.collection is not None:
            marker = markers.marker_name(mirror.collection)
            self._place.write_marker(marker, mirror.marker)
            # Packs are sent once the marker is there for sure: packs without one are no place.
            if markers.decode(self._place.read(str(marker)) or b"") is not None:
                self.report.standing, memory.was_ready = Standing.READY, True
        elif self.report.standing is Standing.READY:
            [(marker, size_bytes)] = listing.markers.items()
            if verify or not memory.was_ready or size_bytes != len(mirror.marker):
                self._read_marker(marker)

    def _read_marker(self, marker: MarkerName) -> None:
        """Read the marker, and write it again where it is torn."""
        mirror, memory = self._mirror, self._memory
        data = self._place.read(str(marker)) or b""
        found = markers.decode(data)
        if found is not None and found.format > markers.FORMAT:
            self.report.standing = Standing.NEWER
        elif found is not None:
            memory.was_ready = True
            if mirror.collection is None:
                mirror.begin(marker, data)
        elif mirror.collection is not None:
            self._place.write_marker(marker, mirror.marker)
        else:
            self.report.standing = Standing.EMPTY  # it is being written

    def fetch(self) -> None:
        """Fetch what is needed."""
        mirror, report = self._mirror, self.report
        if self._part is not None:
            self._fetch_part(self._part)
        broken: set[str] = set()  # lanes
        for name in to_fetch(mirror.held, self._listing, self._memory.set_aside):
            # More of such a lane waits for the next exchange, so nobody can make this one endless.
            if name.lane in broken or mirror.held.containers(name) or (data := self._read_pack(name)) is None:
                continue
            try:
                false = mirror.add(name, data)
                report.fetched.append(name)
            except MalformedPack:
                false = [name]
                broken.add(name.lane)
            self._memory.set_aside.update(false)
            report.set_aside += false
        report.coming = missing(mirror.held)
        unread = to_fetch(mirror.held, self._listing, self._memory.set_aside)
        torn = [
            name
            for name in self._listing.torn
            if name not in mirror.held
            and not any(each.spans(name) for each in mirror.held.of_lane(name.lane))
        ]
        report.unread = sorted({*unread, *torn})

    def _fetch_part(self, part: Part) -> None:
        """Fetch what is new about the documents of a part; from then on only the own lane counts."""
        for lane, found in sorted(self._place.read_part(part, self._listing, self._lane).items()):
            self.report.fetched += self._mirror.write(lane, found)
            self._mirror.join(lane)
        part.note()
        self._listing = self._listing.of_lane(self._lane)

    def _read_pack(self, name: PackName) -> bytes | None:
        """Read a pack; once more if it is not what its name says. None if it is not there."""
        for _ in range(2):
            data = self._place.read(self._listing.listed_as(name))
            if data is None:
                return None
            if is_whole(name, data):
                return data
        if name in self._listing.packs:
            self.report.damaged.append(name)
        return None

    def find_stranger(self) -> None:
        """Find out whether somebody else writes in this device's lane."""
        held = self._mirror.held
        self.report.lane_taken = any(
            name.lane == self._lane and name in held and not held.containers(name)
            for name in self.report.fetched
        )

    def join(self) -> None:
        """Join packs of the own lane."""
        self.report.joined = self._mirror.join(self._lane)

    def send(self) -> None:
        """Send what the place lacks."""
        mirror, memory, report = self._mirror, self._memory, self.report
        memory.seen.update(self._listing.packs)
        lacking = [
            name
            for name in to_send(mirror.held, self._listing)
            if self._part is None or name.lane == self._lane
        ]
        before, memory.lacking = memory.lacking, set(lacking)
        report.waiting = list(lacking)
        for name in lacking:
            if name in memory.seen and name not in before:
                continue
            if (data := mirror.read(name)) is not None:
                self._write(name, data)
                report.sent.append(name)
                report.waiting.remove(name)

    def _write(self, name: PackName, data: bytes) -> None:
        self._memory.sent.add(name)
        self._place.write(name, data)
        self._memory.seen.add(name)

    def read_back(self, *, everything: bool) -> None:
        """Read what was sent earlier, in an exchange in which nothing is to be sent; write again what is damaged."""
        memory, held = self._memory, self._mirror.held
        if everything:
            names = [name for name in held if name in self._listing.packs]
        elif self.report.sent:
            return
        else:
            names = sorted(name for name in memory.sent if name in self._listing.packs)[:READ_BACK_MAX]
        for name in names:
            if name not in held:
                memory.sent.discard(name)
                continue
            data = self._place.read(self._listing.listed_as(name))
            if data is not None and is_whole(name, data):
                memory.sent.discard(name)
            elif (mine := self._mirror.read(name)) is not None:
                self._write(name, mine)
                self.report.sent.append(name)

    def remove(self) -> None:
        """Remove from the place and from the mirror what other packs there contain, two generations later."""
        listing, mirror = self._listing, self._mirror
        outer_name: PackName | None = None
        outer: Pack | None = None
        for removal in to_remove(mirror.held, listing.packs, [self._lane]):
            if removal.outer != outer_name:
                outer_name, outer = removal.outer, self._pack_there(removal.outer)
            inner = mirror.pack(removal.inner) if removal.inner in mirror.held else None
            inner = inner or self._pack_there(removal.inner)
            if outer is not None and inner is not None and outer.contains(inner):
                self._place.remove(listing.packs[removal.inner])
                del listing.packs[removal.inner]
                self.report.removed.append(removal.inner)
        # What is still at the place is kept here, too: else the next process would fetch and compare it again.
        mirror.drop_contained(keep=listing.packs)

    def _pack_there(self, name: PackName) -> Pack | None:
        """Read a pack from the place; None if it is not there as its name says."""
        data = self._place.read(self._listing.listed_as(name))
        if data is None or not is_whole(name, data):
            return None
        try:
            pack = open_pack(data)
            pack.check()
        except (MalformedPack, NewerPack):
            return None
        return pack
