"""What a run list is made of above its runs: chunks of runs, groups of chunks, sections of groups.

They only hold; `runs.RunList` keeps their sizes true.
"""

from __future__ import annotations

from typing import Final

from crdt.page import Deleted, Page, Sealed
from crdt.run import Run


class Chunk:
    __slots__ = ("group", "number", "runs", "size")

    def __init__(self, group: Group, number: int) -> None:
        self.number: Final = number
        """Its place among the chunks of the document, in the order in which they were made."""
        self.runs: list[Run] = []
        self.size = 0
        """Visible characters."""
        self.group = group


class Group:
    __slots__ = ("chunks", "deleted", "page", "sealed", "section", "size")

    def __init__(self, section: Section) -> None:
        self.chunks: list[Chunk] = []
        self.size = 0
        self.section = section
        self.page: Page | None = None
        """Its encoded form; None if it changed since."""
        self.deleted: Deleted | None = None
        """Of that, the deleted text, also if it changed since."""
        self.sealed: Sealed | None = None
        """Its runs, as long as nobody has touched it; then there are no chunks yet."""


class Section:
    __slots__ = ("groups", "size")

    def __init__(self) -> None:
        self.groups: list[Group] = []
        self.size = 0
