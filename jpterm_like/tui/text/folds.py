"""Folded rows, and the ranges of rows that can be folded.

Folds are stored as row numbers that follow the text, as in `text.unseen_changes`; only edits that add or remove rows
cost anything. Folds do not overlap: opening one shows everything in it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from jpterm_like.tui.text.line_index import RowChange

FOLDS_MAX: Final = 2_000
"""Most folds made at once: an edit that adds or removes rows moves all of them."""

REACH_ROWS: Final = 50_000
"""Most rows searched for the end of a fold."""

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
        """Find the fold that has a row as its head or hides it."""
        index = bisect_right(self.all, (row, float("inf"))) - 1
        if index >= 0 and row <= self.all[index].last:
            return self.all[index]
        return None

    def head(self, row: int) -> int:
        """Return the row itself, or the head of the fold that hides it."""
        fold = self.at(row) if self.all else None
        return row if fold is None else fold.head

    def is_hidden(self, row: int) -> bool:
        return self.head(row) != row

    def below(self, row: int) -> int:
        """Return the next visible row below a visible one, which may be past the end."""
        fold = self.at(row) if self.all else None
        return (row if fold is None else fold.last) + 1

    def close(self, head: int, last: int) -> None:
        """Fold rows, merging folds among them."""
        self.all = sorted([*(fold for fold in self.all if not head <= fold.head <= last), Fold(head, last)])

    def open(self, row: int) -> bool:
        """Unfold the fold with this row as its head or hiding it; False if there is none."""
        fold = self.at(row) if self.all else None
        if fold is not None:
            self.all.remove(fold)
        return fold is not None

    def follow(self, changes: Sequence[RowChange]) -> None:
        """Move the folds after an edit; `changes` from last to first."""
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
    """Return a fold's new place after a change; None if its head was removed."""
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


# What can be folded. Each function takes one that returns the text of a row, and the number of rows.


def by_indent(line: Callable[[int], str], rows: int, row: int) -> Fold | None:
    """Find the more deeply indented block after a row; else the block that contains the row."""

    def depth(at: int) -> int | None:
        """Return the indentation of a row; None if it is blank."""
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
    """Find the section under a Markdown heading at a row, or the section that contains it."""
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
    """Find all outermost folds from the first row on, as far as the limits allow."""
    return _folds_from(0, line, rows, find)


def sections(line: Callable[[int], str], rows: int) -> list[Fold]:
    """Find the sections of a Markdown text to fold all of it; under its only heading of the first level, those of the second."""
    found = list(outermost(line, rows, by_heading))
    titles = [fold for fold in found if line(fold.head).startswith("# ")]
    if len(titles) != 1:
        return found
    title = titles[0]
    inner = [fold for fold in _folds_from(title.head + 1, line, rows, by_heading) if fold.head <= title.last]
    if not inner:
        return found
    before = [fold for fold in found if fold.head < title.head]
    return [*before, *inner, *(fold for fold in found if fold.head > title.last)]


def _folds_from(
    row: int,
    line: Callable[[int], str],
    rows: int,
    find: Callable[[Callable[[int], str], int, int], Fold | None],
) -> Iterator[Fold]:
    count = 0
    while row < min(rows, REACH_ROWS) and count < FOLDS_MAX:
        text = line(row)
        # A fold begins neither at a blank row nor within a block.
        fold = find(line, rows, row) if text.strip() else None
        if fold is not None and fold.head == row:
            count += 1
            yield fold
            row = fold.last
        row += 1
