"""The packs that one device holds, and which of them contain which.

A joined pack names the packs that it was joined from. That is a claim: it is compared with the content when the later of two packs comes, and a
pack with a false claim is not held. So claims among held packs are true, also for the next process, which does not compare again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from jpterm_like.packs.names import PackName

OVERLAP_MAX: Final = 16
"""Packs of one number that are compared with others. A copied folder makes a few; a stranger can make any number, and would have each compared with
each. What was not compared is kept and carried."""


class Holdings:
    """Verified packs by name. After a pack is dropped, its containers stay known, so that an undone deletion is recognised."""

    def __init__(self) -> None:
        self._lanes: dict[str, dict[PackName, bool]] = {}
        """The held packs of each lane, and whether each may be joined."""
        self._parts: dict[PackName, frozenset[str]] = {}
        """The digests of the packs that a held pack claims to contain."""
        self._by_digest: dict[tuple[str, str], set[PackName]] = {}
        """The held packs by lane and digest."""
        self._claimants: dict[tuple[str, str], set[PackName]] = {}
        """The held packs that claim to contain one of that lane and digest."""
        self._containers: dict[PackName, set[PackName]] = {}
        """Packs that contain another one: compared."""
        self._apart: set[tuple[PackName, PackName]] = set()
        """Pairs of packs, the second of which is not in the first: compared."""

    def __contains__(self, name: PackName) -> bool:
        return name in self._lanes.get(name.lane, ())

    def __iter__(self) -> Iterator[PackName]:
        for lane in sorted(self._lanes):
            yield from sorted(self._lanes[lane])

    def __len__(self) -> int:
        return sum(map(len, self._lanes.values()))

    def lanes(self) -> list[str]:
        return sorted(self._lanes)

    def of_lane(self, lane: str) -> list[PackName]:
        """The packs of a lane, by their numbers."""
        return sorted(self._lanes.get(lane, ()))

    def may_join(self, name: PackName) -> bool:
        """Whether this release may join a pack that is held with others; not one of a newer release."""
        return self._lanes[name.lane][name]

    def add(self, name: PackName, parts: Iterable[str] = (), *, may_join: bool = True) -> None:
        """Hold a pack that was joined from those with these digests. What it claims was compared before: see `claims`."""
        pairs = self.claims(name, parts)
        self._lanes.setdefault(name.lane, {})[name] = may_join
        self._parts[name] = frozenset(parts)
        self._by_digest.setdefault((name.lane, name.digest), set()).add(name)
        for digest in self._parts[name]:
            self._claimants.setdefault((name.lane, digest), set()).add(name)
        for outer, inner in pairs:
            self.note_contained(outer, inner)

    def claims(self, name: PackName, parts: Iterable[str] = ()) -> list[tuple[PackName, PackName]]:
        """Return the pairs (outer, inner) of this pack and a held one in which the outer claims to contain the inner."""
        pairs = [
            (name, each) for digest in set(parts) for each in self._by_digest.get((name.lane, digest), ())
        ]
        pairs += [(each, name) for each in self._claimants.get((name.lane, name.digest), ())]
        # A joined pack is wider than its parts; no writer of ours makes a claim among equals.
        return sorted(
            (outer, inner) for outer, inner in pairs if outer.spans(inner) and not inner.spans(outer)
        )

    def drop(self, name: PackName) -> None:
        """Hold a pack no longer."""
        packs = self._lanes[name.lane]
        del packs[name]
        self._by_digest[name.lane, name.digest].discard(name)
        for digest in self._parts.pop(name):
            self._claimants[name.lane, digest].discard(name)
        if not packs:
            del self._lanes[name.lane]

    def note_contained(self, outer: PackName, inner: PackName) -> None:
        """Note that the content of two packs was compared, and everything of `inner` is in `outer`.

        Of two packs of the same numbers with the same content, this is noted for one only: else both could be removed.
        """
        self._containers.setdefault(inner, set()).add(outer)

    def note_apart(self, outer: PackName, inner: PackName) -> None:
        """Note that the content of two packs was compared, and something of `inner` is not in `outer`."""
        self._apart.add((outer, inner))

    def containers(self, inner: PackName) -> list[PackName]:
        """The held packs that contain another pack, held or not, directly or through others; by their numbers."""
        found: set[PackName] = set()
        above = [inner]
        while above:
            new = self._containers.get(above.pop(), set()) - found
            found |= new
            above += new
        return sorted(name for name in found if name in self and name != inner)

    def outermost(self, lane: str) -> list[PackName]:
        """The held packs of a lane that no other one contains, by their numbers. Together they are all of it."""
        return [name for name in self.of_lane(lane) if not self.containers(name)]

    def unknown_pairs(self, limit: int = 100_000) -> list[tuple[PackName, PackName]]:
        """Pairs of held packs, the numbers of the first of which span those of the second, that were never compared.

        At most `limit` of them: a pack that contains another without saying so is rare.
        """
        pairs: list[tuple[PackName, PackName]] = []
        for lane in self.lanes():
            open_packs: list[PackName] = []  # those whose numbers reach as far as the pack at hand begins
            for name in sorted(self.outermost(lane), key=lambda each: (each.first, -each.last, each)):
                open_packs = [outer for outer in open_packs if outer.last >= name.first]
                for outer in open_packs:
                    if outer.spans(name) and (outer, name) not in self._apart:
                        pairs.append((outer, name))
                        if len(pairs) >= limit:
                            return pairs
                if len(open_packs) < OVERLAP_MAX:
                    open_packs.append(name)
        return pairs
