"""Compare rows before and after: which rows moved, and which cells of a row differ."""

from __future__ import annotations

from collections.abc import Sequence
from operator import eq
from typing import Final, NamedTuple

from rich.segment import Segment

from jpterm_like.tui.text.cells import lay_out, width_of

Row = list[Segment]
"""All cells of one row of a widget; never modified after it was shown."""


class Change(NamedTuple):
    """A changed row of a widget."""

    y: int
    old: Row | None
    """The row on the screen, equally wide; None if unknown."""
    new: Row


class Scroll(NamedTuple):
    """Moves rows `top` to `bottom` (excluded) down by `by`, or up if that is negative."""

    top: int
    bottom: int
    by: int

    def of(self, rows: Sequence[Row]) -> list[Row | None]:
        """Return the rows on the screen after scrolling; None for rows to be written."""
        moved = [
            rows[y - self.by] if self.top <= y - self.by < self.bottom else None
            for y in range(self.top, self.bottom)
        ]
        return [*rows[: self.top], *moved, *rows[self.bottom :]]


_SCROLL_GAIN_MIN: Final = 3
"""Rows that a scroll must save to be worth it."""


def find_scroll(old: Sequence[object], new: Sequence[object]) -> Scroll | None:
    """Find the scroll that saves the most rows; None if none is worth it.

    `old` and `new` identify the content of each row, and are equally long.
    """
    differing = [y for y, (before, after) in enumerate(zip(old, new, strict=True)) if before != after]
    if len(differing) <= _SCROLL_GAIN_MIN or set(old).isdisjoint(new):
        return None
    numbers: dict[object, int] = {}  # compared often, which is faster than for texts
    old, new = ([numbers.setdefault(content, len(numbers)) for content in rows] for rows in (old, new))
    top, bottom = differing[0], differing[-1] + 1
    same = bottom - top - len(differing)
    best, gain = 0, _SCROLL_GAIN_MIN
    for distance in range(1, (bottom - top) // 2 + 1):
        for count in (distance, -distance):
            found = sum(
                map(eq, new[top + max(0, count) : bottom + min(0, count)], old[top - min(0, count) : bottom])
            )
            if found - same > gain:
                best, gain = count, found - same
    return Scroll(top, bottom, best) if best else None


def difference(old: Row | None, new: Row) -> tuple[int, Row]:
    """Return the first differing cell of a row, and the segments to write there; both rows are equally wide."""
    if old is None:
        return 0, new
    count = min(len(old), len(new))
    x = start = 0
    while start < count and ((segment := new[start]) is old[start] or segment == old[start]):
        x += _width(segment.text)
        start += 1
    end = 0
    while end < count - start and ((segment := new[-1 - end]) is old[-1 - end] or segment == old[-1 - end]):
        end += 1
    after = new[start : len(new) - end]
    plain = all(_is_plain(segment.text) for segment in after)
    if (
        not plain
    ):  # a glyph may be wider than expected and spill over, so the rest of the row is written again
        end, after = 0, new[start:]
    before = old[start : len(old) - end]
    if before and after:
        same = _alike(before[0], after[0])
        x += same
        before[0], after[0] = _behind(before[0], same), _behind(after[0], same)
        if plain:
            text, style, _ = after[-1]
            after[-1] = Segment(text[: len(text) - _alike(before[-1], after[-1], from_end=True)], style)
    return x, after


def _is_plain(text: str) -> bool:
    """Whether each character takes one cell; drawn text has no control characters."""
    return text.isascii() or lay_out(text).is_plain


def _width(text: str) -> int:
    return len(text) if text.isascii() else width_of(text)


def _behind(segment: Segment, length: int) -> Segment:
    return Segment(segment.text[length:], segment.style) if length else segment


def _alike(before: Segment, after: Segment, from_end: bool = False) -> int:
    """Count the equal cells of two segments, from the left or from the right."""
    (one, style, _), (other, other_style, _) = before, after
    if style is not other_style and style != other_style:
        return 0
    if not (_is_plain(one) and _is_plain(other)):
        return 0
    low, high = 0, min(len(one), len(other))
    while low < high:  # bisection, since comparing many characters costs hardly more than one
        middle = (low + high + 1) // 2
        part = slice(-middle, None) if from_end else slice(middle)
        if one[part] == other[part]:
            low = middle
        else:
            high = middle - 1
    return low
