"""Lists what is deleted: each stretch of characters that are not shown, where they were, who typed and who deleted them.

Several people may have deleted a character at once, or again after somebody had restored it. What hides it now are the
deletions at its highest level; the first of those is named, and all of them are listed, because without only one of them
it would stay hidden.
"""

from __future__ import annotations

from typing import NamedTuple

from crdt.messages import LEVEL_MAX
from crdt.raises import Raise, Raises, Span
from crdt.run import Run
from crdt.runs import RunList
from crdt.site import Site
from crdt.version import Version
from crdt.visibility import marked


class Deletion(NamedTuple):
    """Neighbouring characters of one site that the same operations deleted."""

    offset: int
    """Where they would be in the present text."""
    text: str
    site: int
    """The site that typed them."""
    since: int
    """Wall-clock second in which the first of them was typed, accurate to ten seconds; 0 if unknown."""
    deleted_by: int
    """The site that deleted them first."""
    deleted_at: int
    """Wall-clock second, as `since`."""
    operations: tuple[Span, ...]
    """What `revert` takes to show them again."""


def find_deletions(sites: list[Site], runs: RunList, version: Version) -> list[Deletion]:
    """Return what is deleted, in document order, without forgotten text. O(document)."""
    hidden: list[tuple[int, Run]] = []
    offset = 0
    for run in runs:
        if run.level & 1:
            offset += run.length
        elif run.level != LEVEL_MAX:
            hidden.append((offset, run))
    found: list[Deletion] = []
    if not hidden:
        return found
    everywhere = marked((run.site, run.seq, run.seq + run.length) for _, run in hidden)
    raises = Raises(sites, Version(), version, everywhere)
    for offset, run in hidden:
        site = run.site
        for low, high, active in raises.pieces(site, run.seq, run.seq + run.length):
            hiding = [it for it in active if it.level == run.level]
            if hiding:
                first = min(hiding, key=_moment)
                spans = tuple([it.cut(low, high) for it in hiding])
                since = site.time_of(site.clock_of(low))
                text = site.slice(low, high)
                found.append(Deletion(offset, text, site.id, since, first.site, first.seconds, spans))
    return found


def _moment(it: Raise) -> tuple[int, int]:
    return it.seconds, it.site
