"""Operations of several sites: those that a change consists of, as `TextBuffer.revert` takes them, and whether two sets share one."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from crdt import Hunk
from crdt.raises import Span, merged_spans


def operations_of(*hunks: Hunk) -> tuple[Span, ...]:
    """Return the operations that made some changes, in order, each once."""
    return merged_spans(it for hunk in hunks for part in hunk.parts for it in part.operations)


def by_site(spans: Iterable[Span]) -> dict[int, list[tuple[int, int]]]:
    """Return the ranges of clocks of each site."""
    found: dict[int, list[tuple[int, int]]] = {}
    for site, start, end in spans:
        found.setdefault(site, []).append((start, end))
    return found


class OperationSet:
    """Operations, to find out which others are among them."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._spans = merged_spans(spans)

    def shares(self, spans: Iterable[Span]) -> bool:
        """Return whether one of these is among them."""
        for site, start, end in spans:
            at = bisect_right(self._spans, (site, end - 1, 1 << 64)) - 1
            if at >= 0 and self._spans[at][0] == site and self._spans[at][2] > start:
                return True
        return False

    def has_all(self, spans: Iterable[Span]) -> bool:
        """Return whether all of these are among them."""
        for site, start, end in spans:
            at = bisect_right(self._spans, (site, start, 1 << 64)) - 1
            if at < 0 or self._spans[at][0] != site or self._spans[at][2] < end:
                return False
        return True
