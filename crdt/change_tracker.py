"""Computes the patch of many changes at once, by comparing the touched chunks and runs before and after.

Adding up thousands of scattered changes one by one is quadratic. Instead, the runs of a chunk are saved before its
first change, and a run before its own first change. At the end, both states are compared. Runs never change their
order, so both states list the same characters in the same order, and any character found only in the second one is
new:

    before   A 0..4 shown                    A 5..6 shown
    now      A 0..1 shown   A 2..4 deleted   A 5..6 shown   A 7 shown     patch: 2..5 replaced by "", 7..7 by A7
"""

from __future__ import annotations

from typing import Final

from crdt.moves import Span
from crdt.patch import NOTHING, Patch, Splice
from crdt.run import Run
from crdt.run_tree import Chunk, Section

Noted = tuple[int, int, int]
"""A run as it was: first seq, length, 1 if visible."""


class ChangeTracker:
    """The chunks and runs touched since this object was created."""

    __slots__ = ("_before", "_was")

    def __init__(self) -> None:
        self._before: Final[dict[Chunk, list[Run]]] = {}
        self._was: Final[dict[Run, Noted]] = {}

    def touch(self, chunk: Chunk) -> None:
        """Save a chunk before a run in it is changed, added or removed."""
        if chunk not in self._before:
            self._before[chunk] = chunk.runs.copy()

    def note(self, run: Run) -> None:
        """Save a run before it changes; its chunk must have been touched."""
        if run not in self._was:
            self._was[run] = (run.seq, run.length, run.level & 1)

    def split(self, right: Chunk) -> None:
        """Note a new chunk that takes the second half of a touched one; the saved state stays with the first half."""
        self._before[right] = []

    def patch(self, sections: list[Section]) -> Patch:
        """Compare before and after, and return the patch. O(sections, plus runs in the touched chunks)."""
        return self.changes(sections)[0]

    def changes(self, sections: list[Section]) -> tuple[Patch, list[list[Span]]]:
        """Return the patch, as `patch` does, and the characters that each splice deletes, from the first to the last."""
        before = self._before
        if not before:
            return NOTHING, []
        touched = {chunk.group for chunk in before}
        touched_sections = {group.section for group in touched}
        chunks: list[Chunk] = []
        kept: list[int] = []
        """Visible characters between each chunk and the one before it."""
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


def _compare(
    old: list[Run], was: dict[Run, Noted], chunks: list[Chunk], kept: list[int]
) -> tuple[Patch, list[list[Span]]]:
    """Return the patch from the old runs to the current runs of the chunks."""
    builder = PatchBuilder()
    at, end = 0, len(old)
    next_old = old[0] if old else None
    seq = rest = was_shown = 0  # the rest of the old run before `at`
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
                            builder.removing.append((run.site, begin, begin + count))
                        else:
                            builder.insert(run.site.slice(begin, begin + count))
                else:
                    # New characters of a site come after all its older ones.
                    count = left
                    if shown:
                        builder.keep(unchanged)
                        unchanged = 0
                        builder.insert(run.site.slice(begin, begin + count))
                begin += count
                left -= count
    return builder.patch(), builder.removed


class PatchBuilder:
    """Builds a patch from the start of the text to its end: keep, delete, insert."""

    __slots__ = ("_end", "_parts", "_splices", "_start", "removed", "removing")

    def __init__(self) -> None:
        self.removed: list[list[Span]] = []
        """The deleted characters of each splice, as far as they were given."""
        self.removing: list[Span] = []
        """Those of the splice that is not complete yet."""
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
            self.removed.append(self.removing)
            self.removing = []

    def patch(self) -> Patch:
        self._close()
        self._splices.reverse()
        return Patch(tuple(self._splices)) if self._splices else NOTHING
