"""Rows that are folded away under the row above them, and what can be folded.

Rows are kept as numbers and move with the text, as `text.unseen_changes` does it; only a change in the number of rows costs
anything. Folds do not overlap: what is folded within one is open when that one is opened.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from jpterm_like.tui.text.line_index import RowChange

FOLDS_MAX: Final = 2_000
"""More are not made at once: each change of the number of rows moves all of them."""

REACH_ROWS: Final = 50_000
"""So many rows are looked through for the end of what is to be folded."""

_HEADING: Final = re.compile("(#{1,6})[ \t]")
_FENCE: Final = re.compile("[ \t]*(```|~~~)")


class Fold(NamedTuple):
    """Rows `head + 1` to `last` are hidden under row `head`."""

    head: int
    last: int


class Folds:
    """The folds of a text, in order."""

    def __init__(self) -> None:
        self.all: list[Fold] = []

    def at(self, row: int) -> Fold | None:
        """The fold with that row as its head, or in its hidden rows."""
        index = bisect_right(self.all, (row, float("inf"))) - 1
        if index >= 0 and row <= self.all[index].last:
            return self.all[index]
        return None

    def head(self, row: int) -> int:
        """The row itself, or the one under which it is hidden."""
        fold = self.at(row) if self.all else None
        return row if fold is None else fold.head

    def is_hidden(self, row: int) -> bool:
        return self.head(row) != row

    def below(self, row: int) -> int:
        """The row that is seen below a row that is seen; there may be no such row any more."""
        fold = self.at(row) if self.all else None
        return (row if fold is None else fold.last) + 1

    def close(self, head: int, last: int) -> None:
        """Fold rows away, with what is folded among them."""
        self.all = sorted([*(fold for fold in self.all if not head <= fold.head <= last), Fold(head, last)])

    def open(self, row: int) -> bool:
        """Show what is hidden under a row or together with it; whether there was anything."""
        fold = self.at(row) if self.all else None
        if fold is not None:
            self.all.remove(fold)
        return fold is not None

    def follow(self, changes: Sequence[RowChange]) -> None:
        """The text has changed, from the last change to the first."""
        for change in changes if self.all else ():
            if change.added != change.removed:
                kept: list[Fold] = []
                for fold in self.all:
                    moved = _moved(fold, change)
                    if moved is not None and (not kept or moved.head > kept[-1].last):
                        kept.append(moved)
                self.all = kept

    def check(self) -> None:
        """Assert what must always hold."""
        # Folds: each hides something, and none is within another.
        assert all(fold.last > fold.head >= 0 for fold in self.all)
        assert all(fold.last < next.head for fold, next in pairwise(self.all))


def _moved(fold: Fold, change: RowChange) -> Fold | None:
    """Where a fold is after a change; None when its head is gone."""
    head, last = fold
    first, final = change.row, change.row + change.removed - 1
    delta = change.added - change.removed
    if first > last:
        return fold
    if final < head or (final == head and (first < head or change.column == 0)):
        return Fold(head + delta, last + delta)
    if first < head:
        return None
    last = last + delta if final <= last else first + change.added - 1
    return Fold(head, last) if last > head else None


# What can be folded. Each takes a function that gives the text of a row, and the number of rows.


def by_indent(line: Callable[[int], str], rows: int, row: int) -> Fold | None:
    """What a row introduces by the deeper indentation of the next; else the block in which the row is."""

    def depth(at: int) -> int | None:
        """Of a row's text; None without text."""
        text = line(at).expandtabs(8)
        return len(text) - len(text.lstrip()) if text.strip() else None

    def end(head: int, own: int) -> int:
        last = head
        for at in range(head + 1, min(rows, head + REACH_ROWS)):
            inner = depth(at)
            if inner is not None:
                if inner <= own:
                    break
                last = at
        return last

    own = depth(row)
    if own is not None and (last := end(row, own)) > row:
        return Fold(row, last)
    if own is None:
        own = next((found for at in range(row, min(rows, row + 100)) if (found := depth(at)) is not None), 0)
    for head in range(row - 1, max(-1, row - REACH_ROWS), -1):
        outer = depth(head)
        if outer is not None and outer < own:
            return Fold(head, last) if (last := end(head, outer)) > head else None
    return None


def by_heading(line: Callable[[int], str], rows: int, row: int) -> Fold | None:
    """The section under a heading of Markdown: of that row, or the one in which the row is."""
    head = next((at for at in range(row, max(-1, row - REACH_ROWS), -1) if _HEADING.match(line(at))), None)
    if head is None:
        return None
    found = _HEADING.match(line(head))
    assert found is not None
    level, last, fenced = len(found[1]), head, False
    for at in range(head + 1, min(rows, head + REACH_ROWS)):
        text = line(at)
        if _FENCE.match(text):
            fenced = not fenced
        elif not fenced and (other := _HEADING.match(text)) and len(other[1]) <= level:
            break
        if text.strip():
            last = at
    return Fold(head, last) if last > head else None


def outermost(
    line: Callable[[int], str], rows: int, find: Callable[[Callable[[int], str], int, int], Fold | None]
) -> Iterator[Fold]:
    """All that can be folded, without what is within, from the first row on; at most so far as one may look."""
    row = count = 0
    while row < min(rows, REACH_ROWS) and count < FOLDS_MAX:
        text = line(row)
        # Blanks begin nothing, and neither does what only goes on.
        fold = find(line, rows, row) if text.strip() else None
        if fold is not None and fold.head == row:
            count += 1
            yield fold
            row = fold.last
        row += 1
