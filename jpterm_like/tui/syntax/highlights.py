"""The highlights of a row, for painting. They are computed by `syntax.highlighter`, in another process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
    """Provides the highlights of rows; implemented by `syntax.remote_highlighter` and `syntax.git_files`."""

    @property
    def behind(self) -> bool:
        """Whether there is text whose highlights may still change."""

    @property
    def unseen(self) -> bool:
        """Whether rows of the last request are not highlighted yet."""

    def follow(self, patch: Patch, changes: Sequence[RowChange]) -> None:
        """Move highlights after an edit, to be computed again soon."""

    def look(self, rows: Iterable[int]) -> None:
        """Compute the highlights of rows, now or soon."""

    def has(self, row: int) -> bool:
        """Whether the highlights of a row are known."""

    def words(self, row: int) -> Words:
        """Return the highlights of a row; the same object while they are unchanged."""


def move_rows(rows: Mapping[int, Words], change: RowChange, shift: int) -> dict[int, Words]:
    """Return the highlights of rows after an edit that made the text `shift` code points longer."""
    row = change.row
    if change.removed == change.added == 1:
        moved = dict(rows)
        if words := moved.get(row):
            moved[row] = tuple(_moved(words, change.column, change.end_column, shift))
        return moved
    behind, delta = row + change.removed, change.added - change.removed
    return {
        (known + delta if known >= behind else known): words
        for known, words in rows.items()
        if known < row or known >= behind
    }


def _moved(words: Words, column: int, end_column: int, shift: int) -> Iterable[Word]:
    """Words of a row in which the columns from `column` to `end_column` have become `shift` more.

    Text typed at the end of a word belongs to it.
    """

    def there(place: int) -> int:
        return place + shift if place >= end_column else min(place, column)

    for word in words:
        start, end = there(word.start), there(word.end)
        if start < end:
            yield Word(start, end, word.kind)
