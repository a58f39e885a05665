"""What many changes did to the text, found at the end from the chunks that they touched.

Adding up thousands of scattered changes one by one costs the square of their number. Instead each chunk is noted as
it was before its first change, and afterwards laid beside what it became. Runs never change places, so both have the
same characters in the same order, and what only the second one has is new:

    before   A 0..4 shown                    A 5..6 shown
    now      A 0..1 shown   A 2..4 deleted   A 5..6 shown   A 7 shown     patch: 2..5 gave way to "", 7..7 to A7
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .patch import NOTHING, Patch, Splice
from .site import Site

if TYPE_CHECKING:
    from .runs import Chunk, Section

Noted = tuple[Site, int, int, int]
"""Of a run: site, first seq, length, 1 if shown."""


class Changes:
    """The chunks touched since it was made."""

    __slots__ = ("_before",)

    def __init__(self) -> None:
        self._before: Final[dict[Chunk, list[Noted]]] = {}

    def touch(self, chunk: Chunk) -> None:
        """Note a chunk that is about to change."""
        if chunk not in self._before:
            self._before[chunk] = [(run.site, run.seq, run.length, run.level & 1) for run in chunk.runs]

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
        builder = PatchBuilder()
        noted: list[Noted] = []
        at = 0
        for section in sections:
            if section not in touched_sections:
                builder.keep(section.size)
                continue
            for group in section.groups:
                if group not in touched:
                    builder.keep(group.size)
                    continue
                for chunk in group.chunks:
                    was = before.get(chunk)
                    if was is None:
                        builder.keep(chunk.size)
                        continue
                    if at == len(noted):
                        noted, at = was, 0
                    else:
                        noted = noted[at:] + was
                        at = 0
                    at = _lay_beside(chunk, noted, at, builder)
        return builder.patch()


def _lay_beside(chunk: Chunk, noted: list[Noted], at: int, builder: PatchBuilder) -> int:
    """Tell what became of a chunk's characters since they were noted from `at` on; return how far that goes."""
    for run in chunk.runs:
        seq, end, shown = run.seq, run.seq + run.length, run.level & 1
        while seq < end:
            if at < len(noted) and noted[at][0] is run.site and noted[at][1] == seq:
                site, first, length, was_shown = noted[at]
                count = min(length, end - seq)
                if count < length:
                    noted[at] = (site, first + count, length - count, was_shown)
                else:
                    at += 1
            else:
                # New characters of a site come after all that were here before.
                count = end - seq
                was_shown = 0
            if was_shown:
                if shown:
                    builder.keep(count)
                else:
                    builder.delete(count)
            elif shown:
                builder.insert(run.site.slice(seq, seq + count))
            seq += count
    return at


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
