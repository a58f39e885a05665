"""The lines in which a text differs from an earlier state of it, the *base*: the saved file, or the last commit.

A hunk says which lines of the text stand where which lines of the base stood. It follows each edit at once: an edit makes the lines
that it touched one hunk with the hunks next to them. Small hunks are then compared with the base, so that undoing a change or typing it
back removes the hunk; larger ones wait until somebody calls `compare`, which takes a text of their size and may run in a thread.

Hunks before the last edit are stored in one list and those behind it in another, whose rows are all off by the same number: so an edit
costs the hunks that it touches, and those between it and the edit before.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Literal, NamedTuple

from jpterm_like.tui.text.line_index import Lines, RowChange

AT_ONCE_MAX: Final = 120
"""A hunk with this many lines, in the text and in the base, is compared at each edit in it: at most a few milliseconds."""

Kind = Literal["added", "changed", "removed"]


class Hunk(NamedTuple):
    """Rows `row` to `row + rows` stand where rows `base_row` to `base_row + base_rows` of the base stood; not both are none."""

    row: int
    rows: int
    base_row: int
    base_rows: int
    exact: bool = True
    """Whether it was compared as it is now, so that it begins and ends with lines that differ."""
    is_new: bool = False
    """Whether it was never compared: most of it may be unchanged, so it is not to be shown."""

    @property
    def kind(self) -> Kind:
        if not self.rows:
            return "removed"
        return "changed" if self.base_rows else "added"

    def kind_at(self, row: int) -> Kind:
        """The kind to show at one of its rows: lines behind those that were changed were added."""
        return "added" if self.base_rows and self.rows and row >= self.row + self.base_rows else self.kind

    @property
    def end(self) -> int:
        return self.row + self.rows

    @property
    def last(self) -> int:
        """The row that shows it last: of removed lines, the one before them."""
        return max(0, self.end - 1)

    @property
    def first(self) -> int:
        """The row that shows it first."""
        return self.row if self.rows else self.last

    @property
    def size(self) -> int:
        return self.rows + self.base_rows


class LineChanges:
    """The hunks between a text and its base."""

    def __init__(self, base: str, rows: int) -> None:
        """The base, and how many rows the text has; nothing was compared yet."""
        self.base = base
        self._base_lines = Lines(base)
        self._before: list[Hunk] = []
        self._after: list[Hunk] = [Hunk(0, rows, 0, len(self._base_lines), exact=False, is_new=True)]
        """The last one first; their rows are by `_shift` too small."""
        self._shift = 0
        self.is_behind = True
        """Whether any hunk is not exact."""

    def follow(self, changes: Sequence[RowChange], lines: Lines, read: Callable[[int, int], str]) -> None:
        """Update after an edit: `changes` from last to first, `lines` as they now are; `read` returns the text of rows, the end not included."""
        if not changes or (len(changes) == 1 and self._is_within_a_hunk(changes[0], lines, read)):
            return
        for change in changes:
            self._touch(change)
        # In the rows of now: from the first change to the last.
        shift = sum(change.added - change.removed for change in changes[1:])
        low, high = changes[-1].row, changes[0].row + changes[0].added + shift
        for hunk in self.between(low, high):
            if hunk.exact:
                continue
            if not hunk.base_rows:
                self.put(hunk, [hunk._replace(exact=True, is_new=False)])
            elif hunk.size <= AT_ONCE_MAX:
                self.put(hunk, compare(hunk, self.base_text(hunk), read(hunk.row, hunk.end)))
            else:
                self.is_behind = True

    def _is_within_a_hunk(self, change: RowChange, lines: Lines, read: Callable[[int, int], str]) -> bool:
        """Whether an edit changes one line that is in a hunk and stays in it: most keys do."""
        if change.removed != 1 or change.added != 1:
            return False
        self._part(change.row)
        hunk = self._after[-1] if self._after else None
        if hunk is None or not 0 <= change.row - hunk.row - self._shift < hunk.rows:
            return False
        if not hunk.base_rows:
            return True
        row = hunk.row + self._shift
        if hunk.size > 2 or not hunk.exact:
            return False
        # Whether the line is as before is looked up only if it has the same length.
        (start, end), (low, high) = lines.span(row), self._base_lines.span(hunk.base_row)
        return end - start != high - low or read(row, row + 1) != self.base[low:high]

    def _touch(self, change: RowChange) -> None:
        """Make one hunk of the rows of an edit and the hunks that they touch."""
        first, end = change.row, change.row + change.removed
        self._part(first)
        start, stop = first, end
        above = self._before[-1] if self._before else None
        by = 0 if above is None else above.base_row + above.base_rows - above.end
        base_stop = end + by
        base_start = first + by
        is_new = False
        while self._after and self._after[-1].row + self._shift <= end:
            hunk = self._after.pop()
            row = hunk.row + self._shift
            is_new = is_new or hunk.is_new
            if row < start:
                start, base_start = row, hunk.base_row
            base_stop = hunk.base_row + hunk.base_rows + max(0, stop - row - hunk.rows)
            stop = max(stop, row + hunk.rows)
        shift = change.added - change.removed
        self._before.append(
            Hunk(start, stop - start + shift, base_start, base_stop - base_start, False, is_new)
        )
        self._shift += shift

    def _part(self, row: int) -> None:
        """Move hunks between the two lists, so that those that end before `row` are in the first."""
        while self._before and self._before[-1].end >= row:
            hunk = self._before.pop()
            self._after.append(hunk._replace(row=hunk.row - self._shift))
        while self._after and self._after[-1].row + self._after[-1].rows + self._shift < row:
            hunk = self._after.pop()
            self._before.append(hunk._replace(row=hunk.row + self._shift))

    def put(self, hunk: Hunk, parts: Sequence[Hunk]) -> bool:
        """Put the result of `compare` in the place of a hunk; return False if an edit has changed the hunk meanwhile."""
        self._part(hunk.row)
        known = self._after[-1] if self._after else None
        if known is None or known._replace(row=known.row + self._shift) != hunk:
            return False
        self._after.pop()
        self._after += [part._replace(row=part.row - self._shift) for part in reversed(parts)]
        return True

    def inexact(self) -> list[Hunk]:
        """The hunks that wait for `compare`. O(hunks)."""
        found = [hunk for hunk in self if not hunk.exact]
        self.is_behind = bool(found)
        return found

    def base_text(self, hunk: Hunk) -> str:
        """The lines of the base where a hunk is, joined by newlines."""
        if not hunk.base_rows:
            return ""
        lines = self._base_lines
        return self.base[lines.start(hunk.base_row) : lines.span(hunk.base_row + hunk.base_rows - 1)[1]]

    def __iter__(self) -> Iterator[Hunk]:
        yield from self._before
        for hunk in reversed(self._after):
            yield hunk._replace(row=hunk.row + self._shift)

    def __len__(self) -> int:
        return len(self._before) + len(self._after)

    def _at(self, index: int) -> Hunk:
        if index < len(self._before):
            return self._before[index]
        hunk = self._after[len(self) - 1 - index]
        return hunk._replace(row=hunk.row + self._shift)

    def _index(self, row: int) -> int:
        """The index of the first hunk that is shown at `row` or behind it."""
        index = bisect_left(self._before, row, key=lambda hunk: hunk.last)
        if index < len(self._before):
            return index
        # The other list runs backwards.
        behind = bisect_right(
            self._after, self._shift - row, key=lambda hunk: -max(-self._shift, hunk.row + hunk.rows - 1)
        )
        return len(self._before) + len(self._after) - behind

    def between(self, first: int, last: int) -> list[Hunk]:
        """The hunks that are shown in rows `first` to `last`, which is included."""
        found = []
        for index in range(self._index(first), len(self)):
            hunk = self._at(index)
            if hunk.first > last:
                break
            found.append(hunk)
        return found

    def at(self, row: int) -> Hunk | None:
        """The hunk that is shown at a row; of two, the one that has text there."""
        return max(self.between(row, row), key=lambda hunk: hunk.rows, default=None)

    def after(self, row: int) -> Hunk | None:
        """The first hunk that begins behind a row."""
        return next(
            (hunk for hunk in map(self._at, range(self._index(row), len(self))) if hunk.first > row), None
        )

    def before(self, row: int) -> Hunk | None:
        """The last hunk that begins before a row."""
        index = self._index(row)
        if index < len(self) and (hunk := self._at(index)).first < row:
            return hunk
        return self._at(index - 1) if index else None


def trim(hunk: Hunk, base: str, text: str) -> tuple[Hunk, str, str]:
    """Cut the lines off that are equal at the beginning and the end of a hunk. Fast, for texts of any length."""
    if not hunk.rows or not hunk.base_rows or base == text:
        return hunk, base, text
    from jpterm_like.textdiff.diff import changed_lines

    start, base_end, end = changed_lines(base, text)
    row = base.count("\n", 0, start)
    base, text = base[start:base_end], text[start:end]
    return (
        Hunk(hunk.row + row, text.count("\n") + 1, hunk.base_row + row, base.count("\n") + 1, exact=False),
        base,
        text,
    )


def compare(hunk: Hunk, base: str, text: str) -> list[Hunk]:
    """Compare the lines of a hunk: the hunks that are left of it. Takes a second at most, for texts of any length."""
    if base == text and hunk.rows == hunk.base_rows:
        return []
    if not hunk.rows or not hunk.base_rows or hunk.size == 2:
        return [hunk._replace(exact=True, is_new=False)]
    from jpterm_like.textdiff.diff import line_hunks  # loaded when lines come or go: a letter does without

    return [
        Hunk(hunk.row + row, rows, hunk.base_row + base_row, base_rows)
        for base_row, base_rows, row, rows in line_hunks(base, text)
    ]
