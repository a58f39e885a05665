"""The packs that one device holds, and which of them contain which.

A joined pack names the packs that it was joined from, so a device that holds it need not fetch those. That is a claim. It was
compared with the content where both packs were there when the later one arrived; and nothing is removed on a claim alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from jpterm_like.packs.names import PackName


class Holdings:
    """Verified packs by name. What is known of a pack that was dropped is kept, so that an undone deletion is recognised."""

    def __init__(self) -> None:
        self._lanes: dict[str, dict[PackName, bool]] = {}  # and whether the pack may be joined
        self._containers: dict[tuple[str, str], set[PackName]] = {}  # by lane and digest of what is contained
        self._apart: set[tuple[PackName, PackName]] = set()  # compared: the second is not in the first

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
        """Hold a pack that was joined from those with these digests."""
        self._lanes.setdefault(name.lane, {})[name] = may_join
        for digest in parts:
            self._containers.setdefault((name.lane, digest), set()).add(name)

    def drop(self, name: PackName) -> None:
        """Hold a pack no longer. It stays known what it contained, and what contains it."""
        packs = self._lanes[name.lane]
        del packs[name]
        if not packs:
            del self._lanes[name.lane]

    def note_contained(self, outer: PackName, inner: PackName) -> None:
        """Note that the content of two packs was compared, and everything of `inner` is in `outer`."""
        self._containers.setdefault((inner.lane, inner.digest), set()).add(outer)

    def note_apart(self, outer: PackName, inner: PackName) -> None:
        """Note that the content of two packs was compared, and something of `inner` is not in `outer`."""
        self._apart.add((outer, inner))

    def containers(self, inner: PackName) -> list[PackName]:
        """The held packs that contain another pack, held or not, directly or through others; by their numbers."""
        found: set[PackName] = set()
        seen: set[PackName] = set()
        above = [inner]
        while above:
            name = above.pop()
            for outer in self._containers.get((name.lane, name.digest), ()):
                if outer in seen or outer == inner or not outer.spans(name):
                    continue
                seen.add(outer)
                above.append(outer)
                if outer in self:
                    found.add(outer)
        return sorted(found)

    def outermost(self, lane: str) -> list[PackName]:
        """The held packs of a lane that no other one contains, by their numbers. Together they are all of it."""
        return [name for name in self.of_lane(lane) if not self.containers(name)]

    def unknown_pairs(self, limit: int = 1000) -> list[tuple[PackName, PackName]]:
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
                open_packs.append(name)
        return pairs
