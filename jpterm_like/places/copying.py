"""Bring two places together: what one has and the other lacks is copied, by names alone. No text is loaded.

Packs that both have are left alone. The others, and those that could contain them, come into a mirror that is thrown away
afterwards, so each is verified before it is written, and what a joined pack contains already is not copied back. Nothing is joined or removed: that is for
the owners of lanes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from jpterm_like.packs.decisions import Standing, standing
from jpterm_like.packs.names import LANE_BYTES, Listing, PackName, lane_name
from jpterm_like.places.base import Place, PlaceError, list_all_files
from jpterm_like.places.exchange import READ_BACK_MAX, Memory, Report, exchange
from jpterm_like.places.local import LocalPlace
from jpterm_like.places.mirror import Mirror

NOBODYS_LANE: Final = lane_name(bytes(LANE_BYTES))
"""A lane in which nobody writes: so nothing is joined, and nothing removed."""


@dataclass
class Side:
    """One of the two places, and what was copied to it."""

    place: Place
    listing: Listing = field(default_factory=lambda: Listing({}, {}, {}, {}, []))
    standing: Standing = Standing.EMPTY
    memory: Memory = field(default_factory=Memory)
    sent: list[PackName] = field(default_factory=list)
    """Packs that were written there."""
    report: Report | None = None
    """Of the last exchange; None: there was nothing to do."""

    @property
    def problem(self) -> PlaceError | None:
        return None if self.report is None else self.report.problem


@dataclass
class Plan:
    """What is to be copied, as far as names tell."""

    to_second: list[PackName]
    to_first: list[PackName]
    is_other: bool
    """Whether the two are places of different collections, and nothing may be copied."""


def look(first: Side, second: Side) -> Plan:
    """List both places, a request each, and say what is to be copied. Raises PlaceError."""
    for side in (first, second):
        side.listing = list_all_files(side.place)
        side.standing = standing(side.listing, None, was_ready=False)
    collections = {marker.collection for side in (first, second) for marker in side.listing.markers}
    return Plan(
        sorted(first.listing.packs.keys() - second.listing.packs.keys()),
        sorted(second.listing.packs.keys() - first.listing.packs.keys()),
        len(collections) > 1,
    )


def is_possible(first: Side, second: Side, plan: Plan) -> bool:
    """Whether these two can be brought together: both are places of one collection, or one is and the other is empty."""
    standings = {first.standing, second.standing}
    return not plan.is_other and Standing.READY in standings and standings <= {Standing.READY, Standing.EMPTY}


def copy(first: Side, second: Side, plan: Plan, folder: Path) -> None:
    """Copy both ways. Each side notes the packs that it got, and its last exchange.

    Args:
        first, second, plan: as `look` left them, and possible.
        folder: an empty folder of this machine, for what is on its way.

    Raises:
        PlaceError: the disk of the folder refused.
    """
    if (
        first.standing is second.standing
        and not (plan.to_first or plan.to_second)
        and not _torn(first, second)
    ):
        return
    mirror = Mirror(LocalPlace(folder))
    left_alone = _left_alone(first, second)
    for side in (first, second):
        side.memory.set_aside.update(left_alone)
    if first.standing is Standing.EMPTY:
        first, second = second, first
    # The first brings its marker. Then both are read, and what either lacks is written.
    for side in (first, second, first):
        _exchange(mirror, side)
        if side.problem is not None:
            return
    for side in (first, second):
        for _ in range(1 + len(side.memory.sent) // READ_BACK_MAX):
            if side.memory.sent:
                _exchange(mirror, side)


def is_same(first: Side, second: Side) -> bool:
    """Whether both places have the same now."""
    reports = [side.report for side in (first, second)]
    return all(report is None or report.is_complete for report in reports)


def _exchange(mirror: Mirror, side: Side) -> None:
    side.report = exchange(mirror, side.place, NOBODYS_LANE, side.memory, begin=True)
    side.sent += [name for name in side.report.sent if name not in side.sent]


def _torn(first: Side, second: Side) -> bool:
    """Whether a pack or the marker is torn at one of them, and can be healed from the other."""
    markers = {size_bytes for side in (first, second) for size_bytes in side.listing.markers.values()}
    return len(markers) > 1


def _left_alone(first: Side, second: Side) -> set[PackName]:
    """The packs that both have, and that tell nothing about the others."""
    differ = first.listing.packs.keys() ^ second.listing.packs.keys()
    both = first.listing.packs.keys() & second.listing.packs.keys()
    lanes: dict[str, list[PackName]] = {}
    for name in differ:
        lanes.setdefault(name.lane, []).append(name)
    return {name for name in both if not any(name.spans(each) for each in lanes.get(name.lane, ()))}
