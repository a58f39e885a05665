"""A run: characters that are neighbours in the document and in seq, of one site and one level.

Where a run starts and ends is layout, without meaning. It knows its site, which has the text, and no other run.
"""

from __future__ import annotations

from typing import Final

from crdt.mypyc_compat import mypyc_attr
from crdt.site import Site


@mypyc_attr(acyclic=True)
class Run:
    __slots__ = ("chunk", "head", "length", "level", "seq", "site")

    def __init__(self, site: Site, seq: int, length: int, level: int, head: int) -> None:
        self.site: Final = site
        self.seq = seq
        """The seq of its first character."""
        self.length = length
        self.level = level
        self.head = head
        """Index of its first character in the heads; NO_HEAD if that follows the one before by seq."""
        self.chunk: int
        """The number of its chunk. A reference to the chunk would form a cycle, and the garbage collector would
        traverse all runs again and again."""

    def origin(self) -> tuple[int, int, int]:
        """Return, for the first character, the index of the parent's site (NO_SITE for none), the parent's seq, and
        the counter."""
        site = self.site
        head = self.head
        if head < 0:
            return site.index, self.seq - 1, 0
        heads = site.heads
        return heads.parent_site[head], heads.parent[head], heads.counter[head]

    def __repr__(self) -> str:
        return f"Run({self.site.id}, {self.seq}..{self.seq + self.length - 1}, level {self.level})"
