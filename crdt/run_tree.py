"""The nodes above the runs: chunks of runs, groups of chunks, sections of groups.

They only hold data; `runs.RunList` maintains their sizes.
"""

from __future__ import annotations

from typing import Final

from crdt.page import Deleted, Page, Sealed
from crdt.run import Run


class Chunk:
    __slots__ = ("group", "number", "runs", "size")

    def __init__(self, group: Group, number: int) -> None:
        self.number: Final = number
        """Its index among all chunks of the document, in order of creation."""
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
        """Its encoded form; None if it has changed since."""
        self.deleted: Deleted | None = None
        """The deleted text of its last encoded form, even if it has changed since."""
        self.sealed: Sealed | None = None
        """Its packed runs until they are first touched; until then there are no chunks."""


class Section:
    __slots__ = ("groups", "size")

    def __init__(self) -> None:
        self.groups: list[Group] = []
        self.size = 0
