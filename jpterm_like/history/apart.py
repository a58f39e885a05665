"""A time in which two sides wrote the same text without hearing of each other.

`TextBuffer.changes` and `TextBuffer.overlaps` list what happened, from the three versions here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from crdt import Overlap, Version
from crdt.raises import Span, merged_spans


class Apart(NamedTuple):
    """The work of two sides that did not hear of each other."""

    common: Version
    """The version that both had."""
    mine: Version
    """My version when theirs came: the common version, and my work."""
    theirs: Version
    """Their version: the common version, and their work."""
    since: float
    until: float
    """Seconds since 1970, from the last that both had until the sides met; equal for a moment."""
    taken_out: int
    """Changes that both made, of which my copy was taken out."""
    settled: tuple[Span, ...] = ()
    """The operations of all sides in places where they made one change, which is there once."""

    def with_later(self, later: Apart, own_sites: frozenset[int]) -> Apart:
        """Return this and a later time apart as one; `own_sites` are mine."""
        mine = Version({site: clock for site, clock in later.mine.items() if site in own_sites})
        others = Version({site: clock for site, clock in later.theirs.items() if site not in own_sites})
        return Apart(
            self.common,
            self.mine.merge(mine),
            self.theirs.merge(others),
            *self._times_with(later),
            self.taken_out + later.taken_out,
            merged_spans((*self.settled, *later.settled)),
        )

    @property
    def is_moment(self) -> bool:
        """Whether both were connected, and wrote at one moment."""
        return self.since == self.until

    def _times_with(self, later: Apart) -> tuple[float, float]:
        if later.is_moment:
            return (later.since, later.until) if self.is_moment else (self.since, self.until)
        if self.is_moment:
            return later.since, later.until
        return min(self.since, later.since), max(self.until, later.until)


class Work(NamedTuple):
    """Work that one side did without hearing of the others, in the form in which they are told of it."""

    known: Version
    """The version that the side had heard of."""
    work: Version
    """Its sites, each with its clock after that work."""
    since: float
    until: float
    """Seconds since 1970."""

    @property
    def written(self) -> Version:
        """The version that the side had after its work."""
        return self.known.merge(self.work)

    def with_later(self, later: Work) -> Work:
        """Return this and later work as one."""
        return Work(self.known.meet(later.known), self.work.merge(later.work), self.since, later.until)


def operations_in(overlaps: Iterable[Overlap]) -> tuple[Span, ...]:
    """Return the operations of both sides in these places."""
    return merged_spans(span for it in overlaps for span in (*it.my_operations, *it.their_operations))
