"""Runs with their texts and ids, to look under the hood."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from crdt.run import Run
from crdt.runs import RunList
from crdt.site import NO_SITE, Site


class RunView(NamedTuple):
    """A run: neighbouring characters of one site with one level. Where it starts and ends has no meaning: two replicas
    may cut the same text differently."""

    site: int
    clock: int
    """The clock of its first character; later ones may have operations between them."""
    level: int
    """Odd if visible, even if deleted."""
    parent: tuple[int, int] | None
    """Site and clock of the character that the first one was typed after; None for the start of the document. Each
    other character has the one before it as its parent, unless it is in a run of its own."""
    counter: int
    text: str


def view_runs(runs: RunList, sites: list[Site], start: int, end: int) -> Iterator[RunView]:
    """Yield the runs from one offset to another; see `TextBuffer.runs`. The heads must be loaded, and nothing may be edited
    meanwhile."""
    run: Run | None
    offset = start
    if start:
        run, inside = runs.find(start - 1)
        offset -= inside + 1
        if inside + 1 == run.length:
            offset += run.length
            run = runs.after(run)
    else:
        run = runs.first()
    while run is not None and (offset < end or not run.level & 1 or offset == start):
        parent_site, parent_seq, counter = run.origin()
        parent = None
        if parent_site != NO_SITE:
            site = sites[parent_site]
            parent = (site.id, site.clock_of(parent_seq))
        text = run.site.slice(run.seq, run.seq + run.length)
        yield RunView(run.site.id, run.site.clock_of(run.seq), run.level, parent, counter, text)
        offset += run.length if run.level & 1 else 0
        run = runs.after(run)
