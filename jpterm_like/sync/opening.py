"""Openings of pads that are not answered yet, on either side of a link, and the versions that are compared when they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from crdt import Version
from jpterm_like.sync import wire
from jpterm_like.sync.ancestry import Ancestor
from jpterm_like.sync.pad import Pad

OVERLAP: Final = 32
"""Operations of a site that are sent although the peer has them. Two texts with so many equal operations before the place
where they diverge are rare, and the digest finds them a little later."""
OLD_VERSION_BYTES_MAX: Final = 512 * 1024
"""Longest version in an opening that a peer without the feature `versions` takes."""
TOO_LONG: Final = "This file was opened too often for your release of jpterm-like; update it to open it."


@dataclass(slots=True)
class Opening:
    """At the client: the opening, and what the server has said of the document before its answer."""

    request: wire.Open
    pad: Pad
    proofs: frozenset[int]
    """Sites of which the server has at least one if its history is ours; empty: nothing needs to be proved."""
    hears_first: bool
    """Whether ours is held until the server's has come."""
    document: bytes = b""
    ancestors: list[Ancestor] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class OpeningRequest:
    """At the server: the opening that a client asks for."""

    request: wire.Open
    newer: Version | None
    """From `Held`, if the client sent it before."""

    @property
    def site_count(self) -> int:
        """Number of sites in its versions, each of which takes memory."""
        return len(self.request.version) + len(self.newer or ())


def is_too_long(opened: wire.Opened) -> bool:
    """Whether a peer of release 0.1.0 ends the link at this answer: it would come back again and again."""
    sizes = [len(version.encode()) for version in (opened.version, opened.stored, opened.saved)]
    return max(sizes) > OLD_VERSION_BYTES_MAX or sum(sizes) > wire.FRAME_BYTES_MAX - 1024


def overlapping(theirs: Version, ours: Version) -> Version:
    """Where to start sending to a peer: OVERLAP operations before its end of each site that we have more of.

    So the peer sees whether these ids mean the same to both. If not, a site was used twice, by a clone of a
    machine or a copied store, and the operations after them would be woven into another text (F17).
    """
    return Version(
        {site: max(0, clock - OVERLAP) if ours.get(site) > clock else clock for site, clock in theirs.items()}
    )


def beyond(earlier: Version, later: Version) -> Version:
    """How many operations of each site are in the later version and not in the earlier one."""
    return Version({site: clock - earlier.get(site) for site, clock in later.items()})
