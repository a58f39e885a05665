"""What a replica has: for each site the next clock that it expects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from .errors import ForeignOp
from .plain import NUMBER_MAX, SITE_BYTES, Reader, write_number, write_site


class Version:
    """An immutable mapping from site to the number of operations known of it, in the order of the sites.

    >>> ours, theirs = Version({1: 5, 2: 3}), Version({1: 7})
    >>> ours.missing(theirs)
    2
    >>> ours <= theirs, ours.merge(theirs)
    (False, Version({1: 7, 2: 3}))
    """

    __slots__ = ("_clocks", "_hash")

    def __init__(self, clocks: Mapping[int, int] | None = None) -> None:
        items = clocks.items() if clocks else ()
        self._clocks: dict[int, int] = {site: clock for site, clock in sorted(items) if clock > 0}
        self._hash = 0

    @staticmethod
    def of_sorted(clocks: dict[int, int]) -> Version:
        """Make a version of sites in order with clocks above 0, without looking; it keeps `clocks`."""
        version = Version()
        version._clocks = clocks
        return version

    def __getitem__(self, site: int) -> int:
        """Return the next clock of a site: 0 for one that is not known."""
        return self._clocks.get(site, 0)

    def get(self, site: int, default: int = 0) -> int:
        return self._clocks.get(site, default)

    def items(self) -> Iterable[tuple[int, int]]:
        """Sites with their next clocks, lowest site first."""
        return self._clocks.items()

    def __iter__(self) -> Iterator[int]:
        return iter(self._clocks)

    def __len__(self) -> int:
        return len(self._clocks)

    def __bool__(self) -> bool:
        return bool(self._clocks)

    def __contains__(self, site: object) -> bool:
        return site in self._clocks

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self._clocks == other._clocks

    def __hash__(self) -> int:
        if not self._hash:
            self._hash = hash(tuple(self._clocks.items()))
        return self._hash

    def __le__(self, other: Version) -> bool:
        """Whether `other` has everything that this one has."""
        theirs = other._clocks
        return all(clock <= theirs.get(site, 0) for site, clock in self._clocks.items())

    def __ge__(self, other: Version) -> bool:
        return other.__le__(self)

    def merge(self, other: Version) -> Version:
        """Return the version of a replica that has both."""
        clocks = dict(self._clocks)
        for site, clock in other._clocks.items():
            if clock > clocks.get(site, 0):
                clocks[site] = clock
        return Version(clocks)

    def meet(self, other: Version) -> Version:
        """Return the version of what both have."""
        theirs = other._clocks
        return Version({site: min(clock, theirs.get(site, 0)) for site, clock in self._clocks.items()})

    def missing(self, other: Version, sites: Iterable[int] | None = None) -> int:
        """Return how many operations `other` has and this one lacks; with `sites`, of those sites only."""
        ours, theirs = self._clocks, other._clocks
        chosen = theirs if sites is None else [site for site in set(sites) if site in theirs]
        return sum(max(0, theirs[site] - ours.get(site, 0)) for site in chosen)

    @property
    def total(self) -> int:
        """The number of operations, of all sites together."""
        return sum(self._clocks.values())

    def encode(self) -> bytes:
        """Return bytes that are equal for equal versions: a count, then eight bytes and a clock for each site."""
        out = bytearray()
        write_number(out, len(self._clocks))
        for site, clock in self._clocks.items():
            write_site(out, site)
            write_number(out, clock)
        return bytes(out)

    @staticmethod
    def decode(data: bytes) -> Version:
        """Return the version that `encode` wrote.

        Raises:
            ForeignOp: something else wrote it. The work is bounded by the length of `data`.
        """
        reader = Reader(data)
        count = reader.number(len(data) // (SITE_BYTES + 1))
        clocks: dict[int, int] = {}
        last = -1
        for _ in range(count):
            site = reader.site()
            clock = reader.number(NUMBER_MAX)
            if site <= last or not clock:
                raise ForeignOp("a version is not in canonical form")
            clocks[site] = clock
            last = site
        if not reader.at_end():
            raise ForeignOp("bytes after a version")
        return Version(clocks)

    def __repr__(self) -> str:
        return f"Version({self._clocks})"
