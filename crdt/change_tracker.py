"""What many changes did to the text, found at the end from the chunks and runs that they touched.

Adding up thousands of scattered changes one by one costs the square of their number. Instead it is noted which runs a
chunk had before its first change, and what a run was before its own first one. Afterwards that is laid beside what became
of it. Runs never change places, so both have the same characters in the same order, and what only the second one has is
new:

    before   A 0..4 shown                    A 5..6 shown
    now      A 0..1 shown   A 2..4 deleted   A 5..6 shown   A 7 shown     patch: 2..5 gave way to "", 7..7 to A7
"""

from __future__ import annotations

from typing import Final

from crdt.patch import NOTHING, Patch, Splice
from crdt.run import Run
from crdt.run_tree import Chunk, Section

Noted = tuple[int, int, int]
"""Of a run: first seq, length, 1 if shown."""


class ChangeTracker:
    """The chunks and runs touched since it was made."""

    __slots__ = ("_before", "_was")

    def __init__(self) -> None:
        self._before: Final[dict[Chunk, list[Run]]] = {}
        self._was: Final[dict[Run, Noted]] = {}

    def touch(self, chunk: Chunk) -> None:
        """Note a chunk in which a run is about to change, to come or to go."""
        if chunk not in self._before:
            self._before[chunk] = chunk.runs.copy()

    def note(self, run: Run) -> None:
        """Note a run that is about to change; its chunk was touched."""
        if run not in self._was:
            self._was[run] = (run.seq, run.length, run.level & 1)

    def split(self, right: Chunk) -> None:
        """Note a new chunk that takes the second half of one that was touched: what it was is noted there."""
        self._before[right] = []

    def patch(self, sections: list[Section]) -> Patch:
        """Lay before and now side by side. O(sections, and runs in the chunks that were touched)."""
        before = self._before
        if not before:
            return NOTHING
        touched = {chunk.group for chunk in before}
        touched_sections = {group.section for group in touched}
        chunks: list[Chunk] = []
        kept: list[int] = []
        """What shows between each of them and the one before."""
        old: list[Run] = []
        between = 0
        for section in sections:
            if section not in touched_sections:
                between += section.size
                continue
            for group in section.groups:
                if group not in touched:
                    between += group.size
                    continue
                for chunk in group.chunks:
                    runs = before.get(chunk)
                    if runs is None:
                        between += chunk.size
                    else:
                        chunks.append(chunk)
                        kept.append(between)
                        between = 0
                        old += runs
        return _compare(old, self._was, chunks, kept)


def _compare(old: list[Run], was: dict[Run, Noted], chunks: list[Chunk], kept: list[int]) -> Patch:
    """The patch from the old runs to those that the chunks have now."""
    builder = PatchBuilder()
    at, end = 0, len(old)
    next_old = old[0] if old else None
    seq = rest = was_shown = 0  # what is left of the old run before `at`
    unchanged = 0
    for chunk, between in zip(chunks, kept, strict=True):
        unchanged += between
        for run in chunk.runs:
            if run is next_old and not rest and run not in was:
                at += 1
                next_old = old[at] if at < end else None
                if run.level & 1:
                    unchanged += run.length
                continue
            begin, left, shown = run.seq, run.length, run.level & 1
            while left:
                if not rest and next_old is not None:
                    seq, rest, was_shown = was.get(next_old) or (
                        next_old.seq,
                        next_old.length,
                        next_old.level & 1,
                    )
                    at += 1
                    next_old = old[at] if at < end else None
                if rest and seq == begin and old[at - 1].site is run.site:
                    count = min(rest, left)
                    seq += count
                    rest -= count
                    if was_shown and shown:
                        unchanged += count
                    elif was_shown or shown:
                        builder.keep(unchanged)
                        unchanged = 0
                        if was_shown:
                            builder.delete(count)
                        else:
                            builder.insert(run.site.slice(begin, begin + count))
                else:
                    # New characters of a site come after all that were here before.
                    count = left
                    if shown:
                        builder.keep(unchanged)
                        unchanged = 0
                        builder.insert(run.site.slice(begin, begin + count))
                begin += count
                left -= count
    return builder.patch()


class PatchBuilder:
    """A patch told from the start of the text to its end: kept, deleted, inserted."""

    __slots__ = ("_end", "_parts", "_splices", "_start")

    def __init__(self) -> None:
        self._splices: list[Splice] = []
        self._start = 0
        self._end = 0
        self._parts: list[str] = []

    def keep(self, count: int) -> None:
        if count:
            self._close()
            self._start += count
            self._end = self._start

    def delete(self, count: int) -> None:
        self._end += count

    def insert(self, text: str) -> None:
        self._parts.append(text)

    def _close(self) -> None:
        if self._end > self._start or self._parts:
            self._splices.append(Splice(self._start, self._end, "".join(self._parts)))
            self._parts.clear()
            self._start = self._end

    def patch(self) -> Patch:
        self._close()
        self._splices.reverse()
        return Patch(tuple(self._splices)) if self._splices else NOTHING
