"""The words of a row and what they are, as those who paint want them; found by `syntax.highlighter`, which is loaded later."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from crdt import Patch
from jpterm_like.tui.text.line_index import RowChange


class Word(NamedTuple):
    """Columns `start` to `end` of a row, and what they are: "keyword", "function.builtin", …"""

    start: int
    end: int
    kind: str


Words = tuple[Word, ...]


class Wordbook(Protocol):
    """Tells the words of rows; `syntax.highlighter.Syntax` is one."""

    @property
    def behind(self) -> bool:
        """Whether there is something to read."""

    @property
    def unseen(self) -> bool:
        """Whether there was no time for the words of all rows that were asked for last."""

    def step(self, time_s: float) -> bool:
        """Read for so long; whether that was all, and rows may have other words now."""

    def follow(self, patch: Patch, changes: Sequence[RowChange]) -> None:
        """The text has changed: words move, and are read again in a while."""

    def look(self, rows: Iterable[int]) -> None:
        """Have the words of some rows ready."""

    def words(self, row: int) -> Words:
        """What is known of a row; the same object while nothing has changed."""
