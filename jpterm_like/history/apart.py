"""A time in which two sides wrote the same text without hearing of each other.

`TextBuffer.changes` and `TextBuffer.overlaps` list what happened, from the three versions here.
"""

from __future__ import annotations

from typing import NamedTuple

from crdt import Version


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
    """Seconds since 1970, from the last that both had until the sides met."""
    taken_out: int
    """Changes that both made, of which my copy was taken out; `mine` is the version after that."""


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
