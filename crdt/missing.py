"""Sends a reader the operations it is missing, part by part and in causal order."""

from __future__ import annotations

from typing import Final

from crdt.errors import ForeignOp
from crdt.site import Site
from crdt.version import Version

Part = tuple[bytes, int, int]
"""A message, and the site and clock that it leads to."""


class MissingParts:
    """The operations missing from a version, written part by part. The document may grow meanwhile; operations newer
    than the start may be included or not."""

    __slots__ = ("_have", "_held", "_rest", "_sites", "_stuck", "_version", "_wanted", "sites")

    def __init__(self, sites: list[Site], version: Version) -> None:
        """`sites` are all sites of the document, and `version` is the reader's. O(sites)."""
        self._sites: Final = sites
        self._version: Final = version
        self._have: Final[list[int]] = []
        self._see_new_sites()
        self.sites: Final = [site for site in sites if self._have[site.index] < site.clock]
        """The sites of which the reader is missing operations."""
        self._rest: Final = sorted(self.sites, key=_id_of, reverse=True)
        self._wanted: Final[list[tuple[int, int]]] = []
        """A stack of (site index, clock): each entry must be sent before the one below it."""
        self._stuck = 0
        self._held: Part | None = None

    def _see_new_sites(self) -> None:
        version = self._version
        self._have.extend([min(version.get(site.id), site.clock) for site in self._sites[len(self._have) :]])

    def hold(self, part: Part) -> None:
        """Put a part back; the next call of `part` returns it."""
        self._held = part

    def part(self, part_bytes: int) -> Part | None:
        """Return the next message, of about `part_bytes`; None if nothing is missing any more.

        Raises:
            ForeignOp: the document was forged.
        """
        part, self._held = self._held, None
        if part is not None:
            return part
        if len(self._have) < len(self._sites):
            self._see_new_sites()
        have, sites, wanted = self._have, self._sites, self._wanted
        while True:
            if not wanted:
                if not self._rest:
                    return None
                site = self._rest.pop()
                wanted.append((site.index, site.clock))
                self._stuck = 0
            index, clock = wanted[-1]
            if have[index] >= clock:
                wanted.pop()
                continue
            known = have[index]
            message, have[index], need = sites[index].write(sites, have, part_bytes)
            # Otherwise it holds at most an announcement, which is repeated with the first operation.
            led_on = have[index] > known
            self._stuck = 0 if led_on else self._stuck + 1
            if self._stuck > len(sites):
                raise ForeignOp("a document whose operations wait for each other")
            if need is not None:
                wanted.append(need)
            if led_on:
                return message, sites[index].id, have[index]


def _id_of(site: Site) -> int:
    return site.id
