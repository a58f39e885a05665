"""Finds records by name, over all sites: whose PUT of a key counts, and which sites have a list of a name."""

from __future__ import annotations

from bisect import insort
from typing import Final

from crdt.record_messages import PLAIN, RecordOp, Slot


class RecordIndex:
    """Kept up to date by the sites. What changes between `begin` and `finish` is reported."""

    __slots__ = ("_before", "_lists_changed", "lists", "puts")

    def __init__(self) -> None:
        self.puts: Final[dict[Slot, list[RecordOp]]] = {}
        """Each site's PUT of a key; the last one counts."""
        self.lists: Final[dict[Slot, set[int]]] = {}
        """The sites that have a list of a name."""
        self._before: Final[dict[str, RecordOp | None]] = {}
        """For each key touched, the PUT that counted before."""
        self._lists_changed: Final[set[tuple[int, str]]] = set()

    def begin(self) -> None:
        self._before.clear()
        self._lists_changed.clear()

    def finish(self) -> tuple[tuple[str, ...], tuple[tuple[int, str], ...]]:
        """Return the keys of which another PUT counts now, and the lists that changed, both in order."""
        keys = [key for key, before in self._before.items() if self.latest((PLAIN, key)) is not before]
        return tuple(sorted(keys)), tuple(sorted(self._lists_changed))

    def latest(self, slot: Slot) -> RecordOp | None:
        """Return the PUT that counts. O(1)."""
        puts = self.puts.get(slot)
        return puts[-1] if puts else None

    def add_put(self, slot: Slot, record: RecordOp) -> None:
        self._touch(slot)
        puts = self.puts.get(slot)
        if puts is None:
            self.puts[slot] = [record]
        else:
            insort(puts, record, key=order_of)

    def remove_put(self, slot: Slot, record: RecordOp) -> None:
        self._touch(slot)
        puts = self.puts[slot]
        if len(puts) == 1:
            del self.puts[slot]
        else:
            puts.remove(record)

    def list_changed(self, slot: Slot, site: int, has_items: bool) -> None:
        sites = self.lists.get(slot)
        if has_items:
            if sites is None:
                self.lists[slot] = {site}
            else:
                sites.add(site)
        elif sites is not None:
            sites.discard(site)
            if not sites:
                del self.lists[slot]
        if slot[0] == PLAIN:
            self._lists_changed.add((site, slot[1]))

    def _touch(self, slot: Slot) -> None:
        if slot[0] == PLAIN and slot[1] not in self._before:
            self._before[slot[1]] = self.latest(slot)


def order_of(record: RecordOp) -> tuple[int, int]:
    """The order of records of different sites: the Lamport number, then the site."""
    return record.number, record.site
