"""A time in which two sides wrote the same text without hearing of each other.

`TextBuffer.changes` and `TextBuffer.overlaps` list what happened, from the three versions here.
"""

from __future__ import annotations

from typing import NamedTuple

from crdt import Version


class Apart(NamedTuple):
    """What each side did while it did not hear of the other."""

    common: Version
    """What both had."""
    mine: Version
    """What I had when theirs came: the common version, and my work."""
    theirs: Version
    """What they had: the common version, and their work."""
    since: float
    until: float
    """Seconds since 1970, from the last that both had until the sides met."""
    taken_out: int
    """Changes that both made, of which my copy was taken out; `mine` is the version after that."""


class Work(NamedTuple):
    """What one side wrote without hearing of the others, as the others are told."""

    known: Version
    """What it had heard of."""
    work: Version
    """Its sites, each with its clock after that work."""
    since: float
    until: float
    """Seconds since 1970."""

    @property
    def written(self) -> Version:
        """All that it had then."""
        return self.known.merge(self.work)

    def with_later(self, later: Work) -> Work:
        """Return this and later work as one."""
        return Work(self.known.meet(later.known), self.work.merge(later.work), self.since, later.until)
