"""Places an insertion of another replica: the one hard page. Knows ids, no text.

The order is the one of Evan Wallace's *CRDT: Text Buffer* (madebyevan.com/algos/crdt-text-buffer, 2024), of the
causal-tree / RGA family. Each character hangs below its parent, the character it was typed after. The document is the
walk through that tree, parents before children. Among siblings, higher counters come first, and for equal counters
lower sites. (A site never gives two children of one parent the same counter. Should a faulty one do it, the later
goes first, so that all replicas still agree.)

We keep no tree, only the walk itself as a list of runs. The position is found by walking over the siblings that come
first, each with everything below it:

    X below P, counter 5         … P  a(9) b(0,below a)  c(7)  d(5, higher site)  q …
                                      └── skip ──────┘   skip  └ X goes before d

A run belongs to an already skipped sibling if its parent is in a skipped run. At the first run that hangs elsewhere,
P's part of the walk ends.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import Final

from crdt.run import Run
from crdt.runs import RunList
from crdt.site import NO_SITE, Site


def goes_before(counter: int, site: Site, other_counter: int, other: Site) -> bool:
    """Return whether a child of `site` with this counter, arriving later, goes before another child of the same
    parent."""
    return counter > other_counter or (counter == other_counter and site.id <= other.id)


Child = tuple[int, int, int, int]
"""Counter (negated), site, seq (negated), site index: sorted, these are in document order."""


class Order:
    """Finds positions, and remembers the children of parents that took a long walk."""

    __slots__ = ("_runs", "_sites", "_walk_max", "crowded")

    def __init__(self, runs: RunList, sites: list[Site], walk_max: int) -> None:
        self._walk_max: Final = walk_max
        self._runs: Final = runs
        self._sites: Final = sites
        self.crowded: Final[dict[tuple[int, int], list[Child]]] = {}
        """The sorted children of each parent that took a long walk."""

    def place(self, parent: Run | None, counter: int, site: Site) -> Run | None:
        """Return the run after which a new child of the last character of `parent` goes; None for the start.

        `parent` None is the start of the document; the child is the site's next character. O(skipped runs) up to
        `walk_max`, then O(log children).
        """
        if parent is None:
            parent_site, parent_seq = NO_SITE, 0
        else:
            parent_site, parent_seq = parent.site.index, parent.seq + parent.length - 1
        children = self.crowded.get((parent_site, parent_seq)) if self.crowded else None
        if children is not None:
            return self._between(children, counter, site)
        runs = self._runs
        before = parent
        run = runs.first() if parent is None else runs.after(parent)
        skipped: set[Run] | None = None
        while run is not None:
            hangs_site, hangs_seq, hangs_counter = run.origin()
            if hangs_site == parent_site and (hangs_seq == parent_seq or parent is None):
                if goes_before(counter, site, hangs_counter, run.site):
                    break
            elif parent is not None and (
                skipped is None
                or hangs_site == NO_SITE
                or runs.run_of(self._sites[hangs_site], hangs_seq) not in skipped
            ):
                break
            if skipped is None:
                skipped = {run}
            else:
                skipped.add(run)
            before = run
            run = runs.after(run)
        if skipped is not None and len(skipped) > self._walk_max:
            self._remember(parent, parent_site, parent_seq, counter, site)
        return before

    def note(self, parent_site: int, parent_seq: int, counter: int, site: Site, count: int) -> None:
        """Record children that were placed without `place`: the site's next `count` characters, with ascending
        counters."""
        children = self.crowded.get((parent_site, parent_seq))
        if children is not None:
            for more in range(count):
                insort(children, (-counter - more, site.id, -site.count - more, site.index))

    def _between(self, children: list[Child], counter: int, site: Site) -> Run | None:
        """Find the position by the next sibling; after the last sibling, behind everything below it."""
        child = (-counter, site.id, -site.count, site.index)
        at = bisect_left(children, child)
        children.insert(at, child)
        if at + 1 < len(children):
            _, _, seq, index = children[at + 1]
            return self._runs.preceding(self._starting(index, -seq))
        _, _, seq, index = children[at - 1]
        last = self._starting(index, -seq)
        below = {last}
        run = self._runs.after(last)
        while run is not None:
            hangs_site, hangs_seq, _ = run.origin()
            if hangs_site == NO_SITE or self._runs.run_of(self._sites[hangs_site], hangs_seq) not in below:
                break
            below.add(run)
            last = run
            run = self._runs.after(run)
        return last

    def _starting(self, index: int, seq: int) -> Run:
        run = self._runs.run_of(self._sites[index], seq)
        return run if run.seq == seq else self._runs.split(run, seq - run.seq)

    def _remember(
        self, parent: Run | None, parent_site: int, parent_seq: int, counter: int, site: Site
    ) -> None:
        """List all children of a parent, including the new one."""
        runs = self._runs
        children: list[Child] = [(-counter, site.id, -site.count, site.index)]
        run = runs.first() if parent is None else runs.after(parent)
        below: set[Run] = set()
        while run is not None:
            hangs_site, hangs_seq, hangs_counter = run.origin()
            if hangs_site == parent_site and (hangs_seq == parent_seq or parent is None):
                children.append((-hangs_counter, run.site.id, -run.seq, run.site.index))
            elif parent is not None and (
                hangs_site == NO_SITE or runs.run_of(self._sites[hangs_site], hangs_seq) not in below
            ):
                break
            below.add(run)
            run = runs.after(run)
        children.sort()
        self.crowded[parent_site, parent_seq] = children

    def check(self) -> None:
        """Assert that every character follows its parent, siblings are in order, and each subtree is contiguous.

        O(runs), in memory too: a stored text of any length is checked by this. Within a run, each character directly
        follows its parent (`RunList.check` asserts that only the start of a run can be a head), so the path is kept as
        stretches of such chains.
        """
        path: list[tuple[int, int, int]] = []
        last_child: dict[tuple[int, int], tuple[int, int, int]] = {}
        for run in self._runs:
            parent_site, parent_seq, counter = run.origin()
            while path and not (path[-1][0] == parent_site and path[-1][1] <= parent_seq < path[-1][2]):
                path.pop()
            assert path or parent_site == NO_SITE, (run, parent_site, parent_seq)
            parent = (parent_site, parent_seq if parent_site != NO_SITE else 0)
            key = (-counter, run.site.id, -run.seq)
            if path and parent_seq + 1 < path[-1][2]:
                # The next character of the chain was the first child; now its subtree is over.
                last_child[parent] = (0, self._sites[parent_site].id, -parent_seq - 1)
                path[-1] = (parent_site, path[-1][1], parent_seq + 1)
            assert parent not in last_child or last_child[parent] < key, (run, parent)
            last_child[parent] = key
            end = run.seq + run.length
            if run.head < 0 and path:
                path[-1] = (parent_site, path[-1][1], end)
            else:
                path.append((run.site.index, run.seq, end))
