"""A long line, laid out in pieces: after an edit only the piece that it touched is laid out again.

A million characters that are not plain letters take a second to measure; a piece of some thousands takes a
millisecond. Pieces begin and end at the borders of clusters, so what stands in one depends on no other, except that
tabs mind the cell at which their piece begins. Ribbons do not change: `spliced` gives a new one that shares the pieces.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Final, NamedTuple

from jpterm_like.tui.text.cells import Cells, are_apart, even_width

PIECE: Final = 2_000
"""Code points in a piece. Tests use 4."""

_BLANK_NEAR: Final = 200
"""Distance within which a piece ends after a blank if possible, where two characters never join."""


class OldWrap(NamedTuple):
    """The wrapping of a line before a change, to be reused."""

    wrapped: object
    start: int
    """Column where the change began."""
    behind: int
    """New column from which on everything is unchanged."""
    shift: int
    """Columns by which that part moved."""


class LongLine(Cells):
    """A line in pieces; see `Cells`."""

    __slots__ = (
        "_columns",
        "_counts",
        "_evens",
        "_leads",
        "_piece",
        "_pieces",
        "_plain",
        "_starts",
        "_tab_width",
        "former",
    )

    def __init__(self, text: str, tab_width: int = 4, piece: int = PIECE) -> None:
        self._begin(tab_width, piece, _cut_up(text, piece), None)

    def _begin(
        self, tab_width: int, piece: int, pieces: list[tuple[Cells | str, int]], former: OldWrap | None
    ) -> None:
        """Build from pieces that are laid out or not, each with the cell offset that its tabs assume."""
        self.wrapped = None
        self.former = former
        """The old wrapping, for `text.wrap` to reuse."""
        self._tab_width = tab_width
        self._piece = piece
        self._pieces: list[Cells] = []
        self._leads: list[int] = []
        self._columns: list[int] = []
        self._starts: list[int] = []
        """First cell of each piece."""
        self._counts: list[int] = []
        column = x = count = 0
        for known, lead in pieces:
            wanted = x % tab_width
            if isinstance(known, str):
                cells = Cells(known, tab_width, wanted)
            elif lead != wanted and "\t" in known.text:
                cells = Cells(known.text, tab_width, wanted)
            else:
                cells, wanted = known, lead
            self._pieces.append(cells)
            self._leads.append(wanted)
            self._columns.append(column)
            self._starts.append(x)
            self._counts.append(count)
            column += len(cells.text)
            x += cells.width
            count += cells.count
        self.text = "".join([cells.text for cells in self._pieces])
        self.width = x
        self._plain = all(cells.is_plain for cells in self._pieces)
        self._evens: list[int | None] = [None] * len(self._pieces)

    def spliced(self, start: int, end: int, text: str) -> LongLine:
        """Return the line with the columns from `start` to `end` replaced by `text`. O(pieces + length of a
        piece)."""
        pieces: list[tuple[Cells | str, int]] = list(zip(self._pieces, self._leads, strict=True))
        first, last = self._at(start), max(self._at(start), bisect_left(self._columns, end) - 1)
        base = self._columns[first]
        body = "".join(cells.text for cells in self._pieces[first : last + 1])
        body = body[: start - base] + text + body[end - base :]
        while True:
            cut = _cut_up(body, self._piece)
            small = len(body) < self._piece // 4
            if first and (small or not self._apart(first - 1, body)):
                first -= 1
                body = self._pieces[first].text + body
            elif last + 1 < len(pieces) and (small or not _cut_apart(cut, self._pieces[last + 1].text)):
                last += 1
                body += self._pieces[last].text
            else:
                break
        former = None
        if self.wrapped is not None:
            former = OldWrap(self.wrapped, start, start + len(text), len(text) - (end - start))
        new = LongLine.__new__(LongLine)
        new._begin(self._tab_width, self._piece, [*pieces[:first], *cut, *pieces[last + 1 :]], former)
        return new

    def joined(self, other: LongLine) -> LongLine:
        """Return this line with another one behind it. Only what stands at the seam is laid out again."""
        left = list(zip(self._pieces, self._leads, strict=True))
        right = list(zip(other._pieces, other._leads, strict=True))
        body = left.pop()[0].text + right.pop(0)[0].text
        while True:
            cut = _cut_up(body, self._piece)
            if left and not _ends_apart(left[-1][0], body):
                body = left.pop()[0].text + body
            elif right and not _cut_apart(cut, right[0][0].text):
                body += right.pop(0)[0].text
            else:
                break
        # The wrapping of the longer one is reused; before a change, if it was just changed.
        if len(self.text) < len(other.text):
            wrapped, _, _, shift = other.former or OldWrap(other.wrapped, 0, 0, 0)
            former = OldWrap(wrapped, 0, len(self.text), len(self.text) + shift)
        else:
            wrapped, start, _, _ = self.former or OldWrap(self.wrapped, len(self.text), 0, 0)
            length = len(self.text) + len(other.text)
            former = OldWrap(wrapped, start, length, 0)
        new = LongLine.__new__(LongLine)
        new._begin(self._tab_width, self._piece, [*left, *cut, *right], former)
        return new

    def _apart(self, index: int, body: str) -> bool:
        return _ends_apart(self._pieces[index], body)

    def _at(self, column: int) -> int:
        """Find the piece of a column; at a border the one that begins there."""
        return max(0, bisect_right(self._columns, column) - 1)

    def x(self, column: int) -> int:
        index = self._at(column)
        return self._starts[index] + self._pieces[index].x(column - self._columns[index])

    def column(self, x: int) -> int:
        index = max(0, bisect_right(self._starts, x) - 1)
        return self._columns[index] + self._pieces[index].column(x - self._starts[index])

    def before(self, column: int) -> int:
        index = max(0, bisect_left(self._columns, column) - 1)
        return self._columns[index] + self._pieces[index].before(column - self._columns[index])

    def after(self, column: int) -> int:
        index = self._at(column)
        return self._columns[index] + self._pieces[index].after(column - self._columns[index])

    def floor(self, column: int) -> int:
        index = self._at(column)
        return self._columns[index] + self._pieces[index].floor(column - self._columns[index])

    def index(self, column: int) -> int:
        index = self._at(column)
        return self._counts[index] + self._pieces[index].index(column - self._columns[index])

    def at(self, index: int) -> int:
        piece = max(0, bisect_right(self._counts, index) - 1)
        return self._columns[piece] + self._pieces[piece].at(index - self._counts[piece])

    def _parts(self, start: int, end: int) -> Iterator[tuple[Cells, int, int, int]]:
        """Iterate over the pieces between two columns: each with its first column, and the range of its own
        columns."""
        for index in range(self._at(start), len(self._pieces)):
            column, cells = self._columns[index], self._pieces[index]
            if column >= end:
                break
            yield cells, column, max(0, start - column), min(len(cells.text), end - column)

    def show(self, start: int, end: int) -> str:
        return "".join(cells.show(first, last) for cells, _, first, last in self._parts(start, end))

    def odd(self, start: int, end: int) -> list[tuple[int, int]]:
        return [
            (column + begin, column + stop)
            for cells, column, first, last in self._parts(start, end)
            for begin, stop in cells.odd(first, last)
        ]

    def clusters(self) -> Iterator[tuple[str, int]]:
        for cells in self._pieces:
            yield from cells.clusters()

    @property
    def is_plain(self) -> bool:
        return self._plain

    @property
    def count(self) -> int:
        return self._counts[-1] + self._pieces[-1].count

    def even(self, column: int) -> tuple[int, int]:
        index = self._at(column)
        width = self._evens[index]
        if width is None:
            width = self._evens[index] = even_width(self._pieces[index].text)
        return (self._columns[index] + len(self._pieces[index].text), width) if width else (column, 1)

    def check(self) -> None:
        """Assert what must always hold."""
        # Pieces: they are the text, and none is empty.
        assert "".join(cells.text for cells in self._pieces) == self.text
        assert all(cells.text for cells in self._pieces) or len(self._pieces) == 1
        # Layout: it is the one of the whole line.
        whole = Cells(self.text, self._tab_width)
        assert list(self.clusters()) == list(whole.clusters())
        assert (self.width, self.is_plain, self.count) == (whole.width, whole.is_plain, whole.count)


def _ends_apart(cells: Cells, right: str) -> bool:
    """Whether a cluster ends between a piece and the text after it."""
    return are_apart(cells.text[cells.before(len(cells.text)) :], right)


def _cut_apart(cut: list[tuple[Cells | str, int]], right: str) -> bool:
    """Whether a cluster ends between pieces and the text after them."""
    left = cut[-1][0]
    assert isinstance(left, str)
    return are_apart(left, right)


def _cut_up(text: str, piece: int) -> list[tuple[Cells | str, int]]:
    """Cut a text into one or more pieces that end at cluster borders."""
    pieces: list[tuple[Cells | str, int]] = []
    start = 0
    while len(text) - start > 2 * piece:
        end = _border(text, start, start + piece)
        pieces.append((text[start:end], 0))
        start = end
    if start < len(text) or not pieces:
        pieces.append((text[start:], 0))
    return pieces


def _border(text: str, start: int, wish: int) -> int:
    """Find the last cluster border at or before a column, or the end of the only cluster."""
    blank = text.rfind(" ", max(start, wish - _BLANK_NEAR), wish) + 1
    for place in (blank, wish):
        if place > start and text[place - 1].isascii() and are_apart(text[place - 1], text[place]):
            return place
    from wcwidth import iter_graphemes

    reach = wish - start
    while True:
        ends, end = [], start
        for cluster in iter_graphemes(text[start : start + reach]):
            end += len(cluster)
            ends.append(end)
        if len(ends) > 1:
            return ends[-2]  # the last one may be incomplete
        if start + reach >= len(text):
            return len(text)
        reach *= 2
