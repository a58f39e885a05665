"""Batches of records that arrived before what their site wrote earlier."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Final

from crdt.record_messages import Batch

EARLY_BYTES_MAX: Final = 32 * 1024 * 1024
"""Beyond this, early batches are dropped. Versions do not count them, so the next exchange by version brings them again."""


class EarlyRecords:
    """Keeps them by site, the lowest clock first."""

    __slots__ = ("_batches", "_bytes", "_bytes_max", "_keys")

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max: Final = bytes_max
        self._bytes = 0
        self._batches: Final[dict[int, dict[tuple[int, int], Batch]]] = {}
        self._keys: Final[dict[int, list[tuple[int, int]]]] = {}
        """For each site, a heap of the start and end of its batches."""

    def __bool__(self) -> bool:
        return bool(self._batches)

    def keep(self, batch: Batch) -> None:
        key = (batch.start, batch.end)
        kept = self._batches.get(batch.site, {})
        if key in kept or self._bytes + batch.size_bytes > self._bytes_max:
            return
        self._bytes += batch.size_bytes
        kept[key] = batch
        self._batches[batch.site] = kept
        heappush(self._keys.setdefault(batch.site, []), key)

    def take(self, site: int, clock: int) -> Batch | None:
        """Return the next batch of a site that starts at a clock or before, and forget it; None if there is none.
        O(log n)."""
        keys = self._keys.get(site)
        if not keys or keys[0][0] > clock:
            return None
        kept = self._batches[site]
        batch = kept.pop(heappop(keys))
        self._bytes -= batch.size_bytes
        if not kept:
            del self._batches[site], self._keys[site]
        return batch
