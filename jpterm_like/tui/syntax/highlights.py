"""The highlights of a row, for painting. `syntax.highlighter`, which computes them, is loaded later."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from crdt import Patch
from jpterm_like.tui.text.line_index import RowChange


class Word(NamedTuple):
    """A highlighted range of columns in a row; `kind` is "keyword", "function.builtin", …"""

    start: int
    end: int
    kind: str


Words = tuple[Word, ...]


class HighlightSource(Protocol):
    """Provides the highlights of rows; implemented by `syntax.highlighter.Highlighter`."""

    @property
    def behind(self) -> bool:
        """Whether there is text to parse."""

    @property
    def hindrance(self) -> str:
        """Why nothing is parsed, as the first words of a sentence; "" if it is."""

    @property
    def unseen(self) -> bool:
        """Whether time ran out before all rows of the last request were highlighted."""

    def step(self, time_s: float) -> bool:
        """Parse for a limited time; True when finished, so that highlights may have changed."""

    def follow(self, patch: Patch, changes: Sequence[RowChange]) -> None:
        """Move highlights after an edit, to be parsed again soon."""

    def look(self, rows: Iterable[int]) -> None:
        """Compute the highlights of rows."""

    def has(self, row: int) -> bool:
        """Whether the highlights of a row are known."""

    def words(self, row: int) -> Words:
        """Return the highlights of a row; the same object while they are unchanged."""
