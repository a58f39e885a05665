"""A long line in pieces, of which only those are laid out that are asked for.

A million characters that are not plain letters take a second to measure; a piece of some thousands takes a
millisecond. Pieces begin and end at the borders of clusters and depend on no other: tab stops begin anew with each
piece, and rows of the screen do not go on from one to the next (`text.wrap`). So nothing that a key does costs the
length of the line, except cells counted from its start, which only lines that do not wrap need.

Long lines do not change: `spliced` and `joined` give new ones that share the pieces.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import Final
from unicodedata import category

from jpterm_like.tui.text.cells import SIMPLE, Cells, are_apart, quick_width

PIECE: Final = 6_000
"""Code points in a piece: its last row on the screen may end early, so no paragraph of prose should be divided. Tests use 4."""

_BLANK_NEAR: Final = 200
"""Distance within which a piece ends after a blank, or where two characters never join, if possible."""


class LongLine(Cells):
    """A line in pieces; see `Cells`. Its clusters are not counted: `index` and `at` are the columns themselves."""

    __slots__ = ("_columns", "_piece", "_pieces", "_starts", "_tab_width", "_text")

    def __init__(self, text: str, tab_width: int = 4, piece: int = PIECE) -> None:
        self._begin(tab_width, piece, list(_cut_up(text, piece)), text)

    def _begin(self, tab_width: int, piece: int, pieces: list[Cells | str], text: str | None = None) -> None:
        self._text = text
        self.wrapped = None
        self._tab_width = tab_width
        self._piece = piece
        self._pieces = pieces
        """The text of a piece as long as nothing of it was asked for."""
        self._columns = list(accumulate(map(_length, pieces), initial=0))
        """First column of each piece, and the length of the line."""
        self._starts = [0]
        """First cell of each piece, as far as they were asked for."""

    @property
    def length(self) -> int:
        return self._columns[-1]

    @property
    def text(self) -> str:  # type: ignore[override]
        if self._text is None:
            self._text = "".join(map(_text, self._pieces))
        return self._text

    # Pieces

    def part(self, column: int) -> tuple[Cells, int]:
        index = self._at(column)
        return self._laid(index), self._columns[index]

    def part_span(self, column: int) -> tuple[int, int]:
        """Return the columns where the piece of a column begins and ends."""
        index = self._at(column)
        return self._columns[index], self._columns[index + 1]

    def _at(self, column: int) -> int:
        """Find the piece of a column; at a border the one that begins there."""
        return max(0, min(bisect_right(self._columns, column), len(self._pieces)) - 1)

    def _laid(self, index: int) -> Cells:
        piece = self._pieces[index]
        if isinstance(piece, str):
            piece = self._pieces[index] = Cells(piece, self._tab_width)
        return piece

    def _start(self, index: int) -> int:
        """The first cell of a piece, or for their number the width of the line."""
        while len(self._starts) <= index:
            at = len(self._starts) - 1
            piece = self._pieces[at]
            width = quick_width(piece, self._tab_width) if isinstance(piece, str) else piece.width
            self._starts.append(self._starts[-1] + (self._laid(at).width if width is None else width))
        return self._starts[index]

    def spliced(self, start: int, end: int, text: str) -> LongLine:
        """Return the line with the columns from `start` to `end` replaced by `text`; other pieces are shared."""
        first, last = self._at(start), max(self._at(start), bisect_left(self._columns, end) - 1)
        base = self._columns[first]
        body = "".join(map(_text, self._pieces[first : last + 1]))
        body = body[: start - base] + text + body[end - base :]
        return self._with(self._pieces[:first], body, self._pieces[last + 1 :])

    def joined(self, other: LongLine) -> LongLine:
        """Return this line with another one behind it. Only what stands at the seam is laid out again."""
        body = _text(self._pieces[-1]) + _text(other._pieces[0])
        return self._with(self._pieces[:-1], body, other._pieces[1:])

    def _with(self, left: list[Cells | str], body: str, right: list[Cells | str]) -> LongLine:
        """A line of pieces with something new between them."""
        while True:
            cut = list(_cut_up(body, self._piece))
            small = len(body) < self._piece // 4
            if left and (small or not _ends_apart(left[-1], body)):
                body = _text(left.pop()) + body
            elif right and (small or not _ends_apart(cut[-1], _text(right[0]))):
                body += _text(right[0])
                right = right[1:]
            else:
                break
        new = LongLine.__new__(LongLine)
        new._begin(self._tab_width, self._piece, [*left, *cut, *right])
        return new

    # As other lines

    @property
    def width(self) -> int:  # type: ignore[override]
        return self._start(len(self._pieces))

    def x(self, column: int) -> int:
        index = self._at(column)
        return self._start(index) + self._laid(index).x(column - self._columns[index])

    def column(self, x: int) -> int:
        while self._starts[-1] <= x and len(self._starts) < len(self._pieces):
            self._start(len(self._starts))
        index = max(0, min(bisect_right(self._starts, x), len(self._pieces)) - 1)
        return self._columns[index] + self._laid(index).column(x - self._starts[index])

    def before(self, column: int) -> int:
        index = max(0, min(bisect_left(self._columns, column), len(self._pieces)) - 1)
        return self._columns[index] + self._laid(index).before(column - self._columns[index])

    def after(self, column: int) -> int:
        index = self._at(column)
        return self._columns[index] + self._laid(index).after(column - self._columns[index])

    def floor(self, column: int) -> int:
        index = self._at(column)
        return self._columns[index] + self._laid(index).floor(column - self._columns[index])

    def index(self, column: int) -> int:
        return column

    def at(self, index: int) -> int:
        return self.floor(min(index, self.length))

    def _parts(self, start: int, end: int) -> Iterator[tuple[Cells, int, int, int]]:
        """Iterate over the pieces between two columns: each with its first column, and the range of its own
        columns."""
        for index in range(self._at(start), len(self._pieces)):
            column = self._columns[index]
            if column >= end:
                break
            yield (
                self._laid(index),
                column,
                max(0, start - column),
                min(self._columns[index + 1], end) - column,
            )

    def show(self, start: int, end: int) -> str:
        return "".join(cells.show(first, last) for cells, _, first, last in self._parts(start, end))

    def odd(self, start: int, end: int) -> list[tuple[int, int]]:
        return [
            (column + begin, column + stop)
            for cells, column, first, last in self._parts(start, end)
            for begin, stop in cells.odd(first, last)
        ]

    def clusters(self) -> Iterator[tuple[str, int]]:
        for index in range(len(self._pieces)):
            yield from self._laid(index).clusters()

    @property
    def is_plain(self) -> bool:
        """Whether that is known; a row is drawn alike if it is not."""
        return False

    def check(self) -> None:
        """Assert what must always hold."""
        # Pieces: they are the text, and none is empty.
        assert "".join(map(_text, self._pieces)) == self.text
        assert all(map(_length, self._pieces)) or len(self._pieces) == 1
        assert self._columns == [
            sum(map(_length, self._pieces[:index])) for index in range(len(self._pieces) + 1)
        ]
        # Clusters: they end where those of the whole line end.
        whole = Cells(self.text, self._tab_width)
        for column in range(len(self.text) + 1):
            assert self.floor(column) == whole.floor(column), column
        # Cells: each piece begins where the one before it ends.
        for index in range(len(self._pieces)):
            assert (
                self._start(index + 1) - self._start(index)
                == Cells(_text(self._pieces[index]), self._tab_width).width
            )


def _text(piece: Cells | str) -> str:
    return piece if isinstance(piece, str) else piece.text


def _length(piece: Cells | str) -> int:
    return len(_text(piece))


def _ends_apart(left: Cells | str, right: str) -> bool:
    """Whether a cluster ends between a piece and the text after it."""
    text = _text(left)
    if _is_border(text[-1] + right[0], 1):
        return True
    return are_apart(text if isinstance(left, str) else text[left.before(len(text)) :], right)


def _is_border(text: str, place: int) -> bool:
    """Whether a cluster surely ends at a place, as the two characters there tell (Unicode Standard Annex #29, GB3 to GB13)."""
    left, right = text[place - 1], text[place]
    if re.fullmatch(SIMPLE, left + right):
        return True
    # Behind marks, joiners and half flags it depends on what is before them.
    if category(left)[0] in "MC" or "\U0001f1e6" <= left <= "\U0001f1ff":
        return False
    from wcwidth import iter_graphemes

    return len(list(iter_graphemes(left + right))) == 2


def _cut_up(text: str, piece: int) -> Iterator[str]:
    """Cut a text into one or more pieces that end at cluster borders."""
    start = 0
    while len(text) - start > 2 * piece:
        end = _border(text, start, start + piece)
        yield text[start:end]
        start = end
    if start < len(text) or not start:
        yield text[start:]


def _border(text: str, start: int, wish: int) -> int:
    """Find a cluster border at or before a column, the last one if none is obvious, or the end of the only cluster."""
    low = max(start, wish - _BLANK_NEAR)
    blank = text.rfind(" ", low, wish) + 1
    if blank > start and _is_border(text, blank):
        return blank
    for place in range(wish, low, -1):
        if _is_border(text, place):
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
