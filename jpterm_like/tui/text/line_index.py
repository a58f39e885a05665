"""An index of the lines of a text, to convert between offsets, rows and columns.

It stores only lengths: about eight bytes a line, and O(log n) to follow a patch. Lines end only at "\\n": form feeds,
U+0085, U+2028 and carriage returns are characters.

    "ab\\n\\nc"   row 0: "ab", row 1: "", row 2: "c"      lengths with their newline: 3, 1, 1

The lengths are stored in chunks. Two sum trees give the number of rows and of code points before a chunk:
P. M. Fenwick, "A New Data Structure for Cumulative Frequency Tables", Software: Practice and Experience 24, 1994.

At first the newlines of a chunk are only counted, which takes a fifth of the time. Their positions are read when a
row of the chunk is needed, or step by step by `read_on`; until then the text is kept. The same goes for a long text that is put in.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Final, NamedTuple

SAMPLE: Final = 65_536
"""Code points at the start of a text from which the length of its lines is estimated."""

CHUNK_ROWS: Final = 256
"""Rows in a chunk. Longer chunks make finding a row slower, shorter ones make the trees larger; 128 to 512 measure
the same at a million lines. Tests use 2."""


LONG: Final = 200_000
"""Code points of a text that is put in, whose line ends are not read at once."""


class Unread(NamedTuple):
    """A chunk whose line ends are not read yet: a part of a text."""

    text: str
    start: int
    end: int
    rows: int


Chunk = list[int] | Unread


class RowChange(NamedTuple):
    """Rows `row` to `row + removed` became rows `row` to `row + added`; both counts are at least 1."""

    row: int
    removed: int
    added: int
    column: int
    """Column in the first of these rows where the change began."""
    end_column: int
    """Column in the last of the old rows where it ended."""


class Sums:
    """A list of numbers with prefix sums, and a search by prefix sum, in O(log n)."""

    __slots__ = ("_top", "_tree")

    def __init__(self, numbers: Iterable[int]) -> None:
        tree = [0, *numbers]
        for index in range(1, len(tree)):
            above = index + (index & -index)
            if above < len(tree):
                tree[above] += tree[index]
        self._tree = tree
        self._top = 1 << (len(tree) - 1).bit_length() >> 1

    def add(self, index: int, amount: int) -> None:
        tree = self._tree
        index += 1
        while index < len(tree):
            tree[index] += amount
            index += index & -index

    def append(self, number: int) -> None:
        """Append a number."""
        index = len(self._tree)
        self._tree.append(number + self.before(index - 1) - self.before(index - (index & -index)))
        self._top = 1 << index.bit_length() >> 1

    def before(self, index: int) -> int:
        """Return the sum of the numbers before `index`."""
        tree = self._tree
        total = 0
        while index:
            total += tree[index]
            index &= index - 1
        return total

    def find(self, amount: int) -> tuple[int, int]:
        """Find the last index whose prefix sum is at most `amount`, and the remainder."""
        tree = self._tree
        index = 0
        step = self._top
        while step:
            ahead = index + step
            if ahead < len(tree) and tree[ahead] <= amount:
                index = ahead
                amount -= tree[ahead]
            step >>= 1
        return index, amount


class Lines:
    """The line index over a text."""

    def __init__(self, text: str = "", chunk_rows: int = CHUNK_ROWS) -> None:
        self._chunk_rows = chunk_rows
        self._chunks: list[Chunk] = list(self._count(text, 0, None))
        self._sizes = list(map(_size, self._chunks))
        """Length of each chunk in code points."""
        # For each chunk, the starts of its rows relative to the chunk's own; None until needed.
        self._starts: list[list[int] | None] = []
        # `read_on` has found no unread chunk from here on; it starts again when chunks are renumbered.
        self._to_read = 0
        self._sum()

    def read_on(self) -> bool:
        """Read one more chunk, in some tens of microseconds; False when none is left."""
        at = self._to_read - 1
        while at >= 0 and not isinstance(self._chunks[at], Unread):
            at -= 1
        self._to_read = at
        if at < 0:
            return False
        self._read(at)
        return True

    def __len__(self) -> int:
        """The number of rows: one more than there are newlines."""
        return self._rows

    @property
    def size(self) -> int:
        """The number of code points in the whole text."""
        return self._size

    def start(self, row: int) -> int:
        """Return the offset of the first character of a row."""
        chunk, index = self._find_row(row)
        return self._size_sums.before(chunk) + self._starts_of(chunk)[index]

    def length(self, row: int) -> int:
        """Return the length of a row in code points, without its newline."""
        chunk, index = self._find_row(row)
        return self._lengths(chunk)[index] - (row < self._rows - 1)

    def span(self, row: int) -> tuple[int, int]:
        """Return the offsets of a row's start and end, without its newline."""
        chunk, index = self._find_row(row)
        start = self._size_sums.before(chunk) + self._starts_of(chunk)[index]
        return start, start + self._lengths(chunk)[index] - (row < self._rows - 1)

    def row(self, offset: int) -> int:
        return self.place(offset)[0]

    def place(self, offset: int) -> tuple[int, int]:
        """Return row and column of an offset; a newline belongs to the row that it ends."""
        if not 0 <= offset <= self._size:
            raise IndexError(f"offset {offset} in a text of {self._size}")
        chunk, left = self._size_sums.find(offset)
        if chunk == len(self._chunks):  # the very end
            chunk -= 1
            left += self._sizes[chunk]
        if isinstance(self._chunks[chunk], Unread):
            self._read(chunk)
            return self.place(offset)
        starts = self._starts_of(chunk)
        index = bisect_right(starts, left) - 1
        return self._row_sums.before(chunk) + index, left - starts[index]

    def offset(self, row: int, column: int) -> int:
        """Return the offset of a column, or of the row's end if the row is shorter."""
        start, end = self.span(row)
        return min(start + column, end)

    def splice(self, start: int, end: int, text: str) -> RowChange:
        """Follow one splice of a patch."""
        first, column = self.place(start)
        last, last_column = (first, column + end - start) if end == start else self.place(end)
        if first == last and "\n" not in text:
            chunk, index = self._find_row(first)
            amount = len(text) - (end - start)
            self._lengths(chunk)[index] += amount
            self._sizes[chunk] += amount
            self._size_sums.add(chunk, amount)
            self._size += amount
            self._starts[chunk] = None
            return RowChange(first, 1, 1, column, last_column)
        if len(text) > LONG and "\n" in text:
            added = self._replace_by_long(first, column, last, last_column, text)
            return RowChange(first, last - first + 1, added, column, last_column)
        lengths = [len(line) + 1 for line in text.split("\n")]
        chunk, index = self._find_row(last)
        tail = self._lengths(chunk)[index] - last_column
        lengths[-1] += tail - 1
        lengths[0] += column
        self._replace(first, last, lengths)
        return RowChange(first, last - first + 1, len(lengths), column, last_column)

    def check(self) -> None:
        """Assert what must always hold."""
        # Chunks: none is empty, none is longer than twice the usual once it is read.
        assert all(_rows(chunk) > 0 for chunk in self._chunks)
        assert all(isinstance(chunk, Unread) or len(chunk) <= 2 * self._chunk_rows for chunk in self._chunks)
        # Unread: what was counted is what is there.
        for chunk in self._chunks:
            if isinstance(chunk, Unread):
                lengths = self._read_lengths(chunk)
                assert (len(lengths), sum(lengths)) == (_rows(chunk), _size(chunk))
        # Rows: only the last may be without a newline, so only the last may have no length.
        flat = [
            length
            for chunk in self._chunks
            for length in (self._read_lengths(chunk) if isinstance(chunk, Unread) else chunk)
        ]
        assert all(length > 0 for length in flat[:-1]) and flat[-1] >= 0
        # Sizes and sums: they agree with the chunks.
        assert self._sizes == list(map(_size, self._chunks))
        assert self._rows == len(flat) and self._size == sum(flat)
        for index in range(len(self._chunks) + 1):
            assert self._row_sums.before(index) == sum(map(_rows, self._chunks[:index]))
            assert self._size_sums.before(index) == sum(map(_size, self._chunks[:index]))
        # Starts: what is remembered is true.
        for chunk, starts in zip(self._chunks, self._starts, strict=True):
            if starts is not None:
                assert not isinstance(chunk, Unread)
                assert starts == [sum(chunk[:index]) for index in range(len(chunk))]

    # How it is kept

    def _count(self, text: str, start: int, end: int | None) -> Iterator[Unread]:
        """Cut a text into chunks of lines; without an end, what is behind the last newline belongs to the last one, too."""
        sample = text[:SAMPLE]
        piece = max(1, self._chunk_rows * len(sample) // (sample.count("\n") + 1))
        piece = min(piece, SAMPLE)
        stop = len(text) if end is None else end
        while (behind := text.find("\n", start + piece, stop) + 1) > 0:
            yield Unread(text, start, behind, text.count("\n", start, behind))
            start = behind
        if end is None or start < end:
            yield Unread(text, start, stop, text.count("\n", start, stop) + (end is None))

    def _lengths(self, chunk: int) -> list[int]:
        """Return the lengths of the rows of a chunk that was read."""
        lengths = self._chunks[chunk]
        assert not isinstance(lengths, Unread), lengths
        return lengths

    def _read(self, chunk: int) -> None:
        """Read the line ends of a chunk, which may split it and so renumber the chunks after it."""
        unread = self._chunks[chunk]
        assert isinstance(unread, Unread), unread
        pieces = self._cut(self._read_lengths(unread))
        self._chunks[chunk : chunk + 1] = pieces
        self._sizes[chunk : chunk + 1] = map(_size, pieces)
        if len(pieces) > 1:
            self._starts[chunk : chunk + 1] = [None] * len(pieces)
            self._sum()

    def _read_lengths(self, unread: Unread) -> list[int]:
        text, start, end, rows = unread
        lengths = [len(line) + 1 for line in text[start:end].split("\n")]
        if len(lengths) > rows:  # nothing comes behind its last newline
            lengths.pop()
        else:
            lengths[-1] -= 1
        return lengths

    def _cut(self, lengths: list[int]) -> list[Chunk]:
        rows = self._chunk_rows
        if len(lengths) <= 2 * rows:
            return [lengths]
        return [lengths[index : index + rows] for index in range(0, len(lengths), rows)]

    def _sum(self) -> None:
        self._row_sums = Sums(map(_rows, self._chunks))
        self._size_sums = Sums(self._sizes)
        self._rows = self._row_sums.before(len(self._chunks))
        self._size = self._size_sums.before(len(self._chunks))
        self._to_read = len(self._chunks)
        if len(self._starts) != len(self._chunks):
            self._starts = [None] * len(self._chunks)

    def _find_row(self, row: int) -> tuple[int, int]:
        if not 0 <= row < self._rows:
            raise IndexError(f"row {row} of {self._rows}")
        chunk, index = self._row_sums.find(row)
        if isinstance(self._chunks[chunk], Unread):
            self._read(chunk)
            return self._row_sums.find(row)
        return chunk, index

    def _starts_of(self, chunk: int) -> list[int]:
        starts = self._starts[chunk]
        if starts is None:
            starts = list(accumulate(self._lengths(chunk), initial=0))
            starts.pop()
            self._starts[chunk] = starts
        return starts

    def _replace(self, first: int, last: int, lengths: list[int]) -> None:
        """Put `lengths` in place of rows `first` to `last`, the last included."""
        chunk, index = self._find_row(first)
        last_chunk, last_index = self._find_row(last)
        merged = self._lengths(chunk)[:index] + lengths + self._lengths(last_chunk)[last_index + 1 :]
        if len(merged) * 2 < self._chunk_rows and last_chunk + 1 < len(self._chunks):
            beside = self._chunks[last_chunk + 1]
            if not isinstance(beside, Unread):
                last_chunk += 1
                merged += beside
        self._put(chunk, last_chunk, self._cut(merged))

    def _replace_by_long(self, first: int, column: int, last: int, last_column: int, text: str) -> int:
        """Put the lines of a long text in place of what is between two places, and return how many rows that are."""
        chunk, index = self._find_row(first)
        last_chunk, last_index = self._find_row(last)
        begin, end = text.index("\n") + 1, text.rindex("\n") + 1
        head = [*self._lengths(chunk)[:index], column + begin]
        tail = self._lengths(last_chunk)[last_index:]
        tail[0] += len(text) - end - last_column
        middle = list(self._count(text, begin, end))
        self._put(chunk, last_chunk, [*self._cut(head), *middle, *self._cut(tail)])
        self._to_read = len(self._chunks)
        return 2 + sum([it.rows for it in middle])

    def _put(self, chunk: int, last_chunk: int, pieces: list[Chunk]) -> None:
        """Put chunks in place of `chunk` to `last_chunk`, the last included."""
        is_end = last_chunk + 1 == len(self._chunks)
        old, old_sizes = self._chunks[chunk : last_chunk + 1], self._sizes[chunk : last_chunk + 1]
        sizes = list(map(_size, pieces))
        self._sizes[chunk : last_chunk + 1] = sizes
        self._chunks[chunk : last_chunk + 1] = pieces
        self._starts[chunk : last_chunk + 1] = [None] * len(pieces)
        if len(pieces) != len(old) and not (is_end and len(pieces) > len(old)):
            self._sum()
            return
        for place in range(len(old)):
            rows, size = _rows(pieces[place]) - _rows(old[place]), sizes[place] - old_sizes[place]
            self._row_sums.add(chunk + place, rows)
            self._size_sums.add(chunk + place, size)
            self._rows += rows
            self._size += size
        # While a text is being received it grows at its end: the sums of each chunk are then computed once.
        for place in range(len(old), len(pieces)):
            self._row_sums.append(_rows(pieces[place]))
            self._size_sums.append(sizes[place])
            self._rows += _rows(pieces[place])
            self._size += sizes[place]


def _rows(chunk: Chunk) -> int:
    return chunk.rows if isinstance(chunk, Unread) else len(chunk)


def _size(chunk: Chunk) -> int:
    return chunk.end - chunk.start if isinstance(chunk, Unread) else sum(chunk)
