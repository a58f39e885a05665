"""All sites that have operations in a document, as this replica knows them."""

from __future__ import annotations

from typing import Final

from crdt.site import Heads, Site


class Sites:
    """The sites by index and by id; the first is this replica's own."""

    __slots__ = ("_heads", "all", "by_id", "own", "own_ids")

    def __init__(self, own: int, own_ids: frozenset[int], heads: Heads) -> None:
        self._heads: Final = heads
        self.own_ids: Final = own_ids
        """The sites of this replica: of this opening and earlier ones."""
        self.own: Final = Site(own, 0, True, heads)
        self.all: Final = [self.own]
        self.by_id: Final = {own: self.own}

    def site(self, number: int) -> Site:
        """Return the site of an id; create it if unknown."""
        site = self.by_id.get(number)
        if site is None:
            site = Site(number, len(self.all), number in self.own_ids, self._heads)
            self.add(site)
        return site

    def add(self, site: Site) -> None:
        """Add a site with the next index."""
        assert site.index == len(self.all)
        self.all.append(site)
        self.by_id[site.id] = site

    def clock(self, number: int) -> int:
        """Return the next clock of a site; 0 if it is unknown."""
        site = self.by_id.get(number)
        return site.clock if site is not None else 0
