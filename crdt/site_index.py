"""Finds the run of a character by its seq, for the runs of one site: sorted first seqs, in blocks.

One flat list would be simpler and was used first. But inserting into its middle moves everything after it, which for
a document of 30,000 runs takes longer than the rest of a remote insertion.

    first seqs of blocks   0          40
    block                  0 7 12     40 41 58        seq 45 → second block → the run that begins at 41
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Final

from crdt.run import Run


class SiteIndex:
    """The runs of one site in order of their seqs."""

    __slots__ = ("_block_max", "_firsts", "_runs", "_starts")

    def __init__(self, runs: list[Run], block_max: int) -> None:
        """`runs` are all runs of the site, sorted."""
        self._block_max: Final = block_max
        self._firsts: Final[list[int]] = []
        self._starts: Final[list[list[int]]] = []
        self._runs: Final[list[list[Run]]] = []
        self._extend(runs)

    def _extend(self, runs: list[Run]) -> None:
        half = max(1, self._block_max // 2)
        for low in range(0, len(runs), half):
            block = runs[low : low + half]
            starts = [run.seq for run in block]
            self._firsts.append(starts[0])
            self._starts.append(starts)
            self._runs.append(block)

    def run_of(self, seq: int) -> Run:
        """Return the run of a known character."""
        at = bisect_right(self._firsts, seq) - 1
        return self._runs[at][bisect_right(self._starts[at], seq) - 1]

    def newest(self) -> Run:
        return self._runs[-1][-1]

    def all(self) -> list[Run]:
        return [run for block in self._runs for run in block]

    def add(self, run: Run) -> None:
        seq = run.seq
        firsts = self._firsts
        if not firsts:
            self._extend([run])
            return
        at = len(firsts) - 1 if seq > firsts[-1] else bisect_right(firsts, seq) - 1
        starts, runs = self._starts[at], self._runs[at]
        if seq > starts[-1]:
            starts.append(seq)
            runs.append(run)
        else:
            place = bisect_left(starts, seq)
            starts.insert(place, seq)
            runs.insert(place, run)
        if len(starts) > self._block_max:
            half = len(starts) // 2
            firsts.insert(at + 1, starts[half])
            self._starts.insert(at + 1, starts[half:])
            self._runs.insert(at + 1, runs[half:])
            del starts[half:]
            del runs[half:]

    def add_newest(self, runs: list[Run]) -> None:
        """Add runs that come after all others."""
        if self._starts and len(self._starts[-1]) + len(runs) <= self._block_max:
            self._starts[-1].extend([run.seq for run in runs])
            self._runs[-1].extend(runs)
        else:
            self._extend(runs)

    def remove(self, seq: int) -> None:
        """Remove the run that starts at `seq`."""
        at = bisect_right(self._firsts, seq) - 1
        starts = self._starts[at]
        place = bisect_left(starts, seq)
        del starts[place]
        del self._runs[at][place]
        if not starts:
            del self._firsts[at]
            del self._starts[at]
            del self._runs[at]
        elif not place:
            self._firsts[at] = starts[0]

    def move(self, seq: int, by: int) -> None:
        """Change the start of a run from `seq` to `seq + by`; it stays between the same neighbours."""
        at = bisect_right(self._firsts, seq) - 1
        starts = self._starts[at]
        place = bisect_left(starts, seq)
        starts[place] += by
        if not place:
            self._firsts[at] += by

    def check(self, expected: list[Run]) -> None:
        """Assert every invariant."""
        assert self.all() == expected
        assert [seq for block in self._starts for seq in block] == [run.seq for run in expected]
        assert self._firsts == [block[0] for block in self._starts]
        assert [len(block) for block in self._runs] == [len(block) for block in self._starts]
        assert all(0 < len(block) <= self._block_max for block in self._runs)
