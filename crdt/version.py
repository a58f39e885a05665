"""`Version`: the state of a replica, as the next expected clock of each site.

A version derived from another shares its table of sites, and adds a short table (delta) of those that moved since. So a key
costs the same in a document with many sites: two versions that share a table are compared by their deltas.
Otherwise their totals usually show which one cannot be part of the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from crdt.binary import NUMBER_MAX, SITE_BYTES, Reader, write_number, write_site
from crdt.errors import ForeignOp

DELTA_MAX: Final = 64
TABLE_SHARE: Final = 64
"""A new table is made once this many sites are in the delta, and at least one for this many in it. Copying the short
table costs each version some microseconds; making a new table costs some milliseconds, once for so many sites."""

_NOTHING: Final[dict[int, int]] = {}


class Version:
    """An immutable mapping from site to its number of known operations, ordered by site.

    >>> ours, theirs = Version({1: 5, 2: 3}), Version({1: 7})
    >>> ours.missing(theirs)
    2
    >>> ours <= theirs, ours.merge(theirs)
    (False, Version({1: 7, 2: 3}))
    """

    __slots__ = ("_delta", "_hash", "_in_order", "_table", "_total")

    def __init__(self, clocks: Mapping[int, int] | None = None) -> None:
        self._table: dict[int, int] = {}
        """Sites with their clocks; shared between versions, never changed."""
        self._in_order = True
        """True if the table is sorted by site; one merged from another table and its delta is not."""
        self._delta: dict[int, int] = _NOTHING
        """Differences from the table; 0 for a site that only the table has. Never changed either."""
        self._total = 0
        self._hash = 0
        if clocks:
            self._table = {site: clock for site, clock in sorted(clocks.items()) if clock > 0}
            self._total = sum(self._table.values())

    @staticmethod
    def of_sorted(clocks: dict[int, int]) -> Version:
        """Create a version from sorted sites with clocks above 0, unchecked; it keeps `clocks`."""
        version = Version()
        version._table = clocks
        version._total = sum(clocks.values())
        return version

    def moved(self, clocks: Mapping[int, int]) -> Version:
        """Return this version with new clocks for some sites. O(those, plus the delta)."""
        table, delta = self._table, self._delta.copy()
        total, mixed = self._total, self._hash
        for site, clock in clocks.items():
            before = delta.get(site, table.get(site, 0))
            total += clock - before
            if mixed:
                mixed += (hash((site, clock)) if clock else 0) - (hash((site, before)) if before else 0)
            delta[site] = clock
        version = Version()
        if len(delta) > DELTA_MAX and TABLE_SHARE * len(delta) > len(table):
            version._table, version._in_order = {**table, **delta}, False
            if 0 in delta.values():
                version._table = {site: clock for site, clock in version._table.items() if clock}
        else:
            version._table = table
            version._delta = delta
            version._in_order = self._in_order
        version._total, version._hash = total, mixed
        return version

    def __getitem__(self, site: int) -> int:
        """Return the next clock of a site; 0 if it is unknown."""
        return self.get(site)

    def get(self, site: int, default: int = 0) -> int:
        if self._delta:
            clock = self._delta.get(site, -1)
            if clock >= 0:
                return clock or default
        return self._table.get(site, default)

    def items(self) -> Iterable[tuple[int, int]]:
        """Return sites with their next clocks, lowest site first."""
        clocks = self._clocks()
        if self._in_order and all(site in self._table for site in self._delta):
            return clocks.items()
        return sorted(clocks.items())

    def _clocks(self) -> dict[int, int]:
        """Return all sites, in any order. O(sites) if the delta is not empty."""
        if not self._delta:
            return self._table
        clocks = self._table | self._delta
        if 0 in self._delta.values():
            return {site: clock for site, clock in clocks.items() if clock}
        return clocks

    def __iter__(self) -> Iterator[int]:
        return iter([site for site, _ in self.items()])

    def __len__(self) -> int:
        return len(self._table) + sum(
            [bool(clock) - (site in self._table) for site, clock in self._delta.items()]
        )

    def __bool__(self) -> bool:
        return self._total > 0

    def __contains__(self, site: object) -> bool:
        return isinstance(site, int) and self.get(site) > 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Version) or self._total != other._total:
            return False
        if self._table is other._table:
            return self._delta == other._delta or not any(True for _ in self._differences(other))
        return self._clocks() == other._clocks()

    def __hash__(self) -> int:
        if not self._hash:
            # A sum, so that the hash of a derived version follows from this one.
            self._hash = sum(map(hash, self._clocks().items()))
        return hash(self._hash)

    def _differences(self, other: Version) -> Iterator[int]:
        """Yield the sites whose clocks differ. O(deltas) if both share a table, else O(sites)."""
        if self._table is not other._table:
            for site in {*self._clocks(), *other._clocks()}:
                if self.get(site) != other.get(site):
                    yield site
            return
        table, ours, theirs = self._table, self._delta, other._delta
        for site, clock in ours.items() - theirs.items():
            if clock != theirs.get(site, table.get(site, 0)):
                yield site
        for site in theirs.keys() - ours.keys():
            if theirs[site] != table.get(site, 0):
                yield site

    def __le__(self, other: Version) -> bool:
        """Return whether `other` has everything that this version has."""
        if self._total > other._total:
            return False
        table = self._table
        if table is other._table:
            ours, theirs = self._delta, other._delta
            for site, clock in ours.items() - theirs.items():
                if clock > theirs.get(site, table.get(site, 0)):
                    return False
            return all(theirs[site] >= table.get(site, 0) for site in theirs.keys() - ours.keys())
        if not other._delta:
            theirs = other._table
            return all(clock <= theirs.get(site, 0) for site, clock in self._clocks().items())
        return all(clock <= other.get(site) for site, clock in self._clocks().items())

    def __ge__(self, other: Version) -> bool:
        return other.__le__(self)

    def merge(self, other: Version) -> Version:
        """Return the version of a replica that has both; one of the two, if it includes the other."""
        if other.__le__(self):
            return self
        if self.__le__(other):
            return other
        shared = self._table is other._table
        sites: Iterable[int] = (*self._delta, *other._delta) if shared else other._clocks()
        return self.moved({site: other.get(site) for site in sites if other.get(site) > self.get(site)})

    def sharing(self, other: Version) -> Version:
        """Return an equal version that shares the table of a later one, if few operations are missing, so that comparing
        them is cheap. O(sites) if it does not share the table yet and can.
        """
        table = other._table
        few = max(DELTA_MAX, len(table) // TABLE_SHARE)
        if table is self._table or len(table) <= DELTA_MAX or not 0 <= other._total - self._total <= few:
            return self
        clocks = self._clocks()
        delta = {site: clock for site, clock in clocks.items() if table.get(site) != clock}
        delta.update([(site, 0) for site in table if site not in clocks])
        if len(delta) > 2 * few:
            return self
        version = Version()
        version._table, version._in_order, version._delta = table, other._in_order, delta
        version._total, version._hash = self._total, self._hash
        return version

    def meet(self, other: Version) -> Version:
        """Return the version of the operations in both; one of the two, if the other includes it."""
        if self.__le__(other):
            return self
        if other.__le__(self):
            return other
        return Version({site: min(clock, other.get(site)) for site, clock in self._clocks().items()})

    def missing(self, other: Version, sites: Iterable[int] | None = None) -> int:
        """Return the number of operations that `other` has and this one does not; with `sites`, of those sites only."""
        if sites is None:
            shared = self._table is other._table
            sites = (*self._delta, *other._delta) if shared else other._clocks()
        return sum(max(0, other.get(site) - self.get(site)) for site in set(sites))

    def beyond(self, other: Version) -> Version:
        """Return a version of only those sites whose clocks differ from `other`, with their full clocks."""
        return Version({site: self.get(site) for site in self._differences(other)})

    @property
    def total(self) -> int:
        """The total number of operations of all sites."""
        return self._total

    def encode_since(self, other: Version) -> bytes:
        """Return bytes from which a reader that has `other` restores this version: like `encode`, with only the sites
        that differ. O(deltas) if one was derived from the other just before.
        """
        if not other:
            return self.encode()
        sites = sorted(self._differences(other))
        out = bytearray()
        write_number(out, len(sites))
        for site in sites:
            write_site(out, site)
            write_number(out, self.get(site))
        return bytes(out)

    @staticmethod
    def decode_since(data: bytes, other: Version) -> Version:
        """Return the version that `encode_since` wrote, given the same `other`.

        Raises:
            ForeignOp: not written by `encode_since`.
        """
        clocks = _read_clocks(data, 0)
        return other.moved(clocks) if clocks else other

    def encode(self) -> bytes:
        """Return bytes that are equal for equal versions: a count, then eight bytes and a clock for each site."""
        out = bytearray()
        write_number(out, len(self))
        for site, clock in self.items():
            write_site(out, site)
            write_number(out, clock)
        return bytes(out)

    @staticmethod
    def decode(data: bytes) -> Version:
        """Return the version that `encode` wrote.

        Raises:
            ForeignOp: not an encoded version. The work is bounded by the length of `data`.
        """
        return Version.of_sorted(_read_clocks(data, 1))

    def __repr__(self) -> str:
        return f"Version({dict(self.items())})"


def _read_clocks(data: bytes, least: int) -> dict[int, int]:
    """Read sites in order, with clocks from `least` on."""
    reader = Reader(data)
    count = reader.number(len(data) // (SITE_BYTES + 1))
    clocks: dict[int, int] = {}
    last = -1
    for _ in range(count):
        site = reader.site()
        clock = reader.number(NUMBER_MAX)
        if site <= last or clock < least:
            raise ForeignOp("a version is not in canonical form")
        clocks[site] = clock
        last = site
    if not reader.at_end():
        raise ForeignOp("bytes after a version")
    return clocks
