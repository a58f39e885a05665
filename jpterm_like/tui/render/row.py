"""Render one row of the screen from its cells and layers of styles.

Spans style the text, notes cover it. This module knows a single line, not the document.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from rich.segment import Segment
from rich.style import Style

from jpterm_like.tui.text.cells import Cells, cut, lay_out, width_of

Word = tuple[str, Style]


class Span(NamedTuple):
    """A style for the columns from `start` to `end`; later spans take precedence."""

    start: int
    end: int
    style: Style


class Note(NamedTuple):
    """A short text that covers the row from cell `x` on: a caret after the line's end, a name tag."""

    x: int
    text: str
    style: Style


class _Piece(NamedTuple):
    text: str
    width: int
    style: Style


def paint_row(
    cells: Cells,
    start: int,
    end: int,
    left: int,
    width: int,
    base: Style,
    spans: Sequence[Span],
    notes: Sequence[Note],
    blank: Style | None = None,
    ruler: Note | None = None,
    indent: int = 0,
) -> list[Segment]:
    """Render the columns from `start` to `end`, without the first `left` cells, in exactly `width` cells.

    The text is indented by `indent` cells. With `blank`, blanks and tabs are drawn as signs in that style. `ruler` is
    at a cell of the whole line; its sign is drawn after the end of the line.
    """
    if cells.is_plain and not spans and not notes and blank is None and ruler is None:  # most rows by far
        origin = start - indent + left
        text = cells.text[max(start, origin) : max(start, min(end, origin + width))]
        return [Segment((" " * min(width, max(0, start - origin)) + text).ljust(width), base)]
    origin = cells.x(start) - indent + left
    first = max(start, min(end, cells.column(origin)))
    # A wide cluster cut by an edge is left out; a tab is shown as far as it fits.
    if cells.x(first) < origin and first < end and cells.text[first] != "\t":
        first = min(end, cells.after(first))
    last = max(first, min(end, cells.column(origin + width)))
    if last < end and cells.text[last] == "\t" and cells.x(last) < origin + width:
        last += 1
    pieces = []
    x = cells.x(first) - origin
    if x > 0:
        pieces.append(_Piece(" " * x, x, base))
    if blank is not None:
        spans = [*_blanks(cells, first, last, blank), *spans]
    borders = {first, last}
    for span in spans:
        borders.update(column for column in span[:2] if first < column < last)
    ordered = sorted(borders)
    for begin, stop in pairwise(ordered):
        style = base
        for span in spans:
            if span.start <= begin and stop <= span.end:
                style += span.style
        text = cells.show(begin, stop)
        if blank is not None and cells.text[begin] in " \t":
            text = _signs(cells, begin, stop)
        low, high = cells.x(begin) - origin, cells.x(stop) - origin
        text = text[max(0, -low) : len(text) - max(0, high - width)]
        pieces.append(_Piece(text, min(high, width) - max(low, 0), style))
    used = sum(piece.width for piece in pieces)
    if used < width:
        pieces.append(_Piece(" " * (width - used), width - used, base))
    if ruler is not None:
        pieces = _lay_ruler(pieces, cells, last, ruler._replace(x=ruler.x - origin), origin, width)
    for note in notes:
        pieces = _lay_over(pieces, note, width)
    return [Segment(piece.text, piece.style) for piece in pieces if piece.text]


def fit_row(row: Sequence[Segment], width: int, base: Style, notes: Sequence[Note]) -> list[Segment]:
    """Fit a finished row into exactly `width` cells, and lay notes over it."""
    pieces: list[_Piece] = []
    left = width
    for segment in row:
        text, cells = segment.text, width_of(segment.text)
        if cells > left:
            text = cut(text, left)
            cells = width_of(text)
        if text:
            pieces.append(_Piece(text, cells, segment.style or base))
            left -= cells
    if left:
        pieces.append(_Piece(" " * left, left, base))
    for note in notes:
        pieces = _lay_over(pieces, note, width)
    return [Segment(piece.text, piece.style) for piece in pieces if piece.text]


# A cell each and in every font; U+2192 would be the sign for a tab, but terminals disagree about arrows.
BLANK_SIGN, TAB_SIGN = "·", "»"


def _blanks(cells: Cells, first: int, last: int, style: Style) -> list[Span]:
    """Find the runs of blanks and tabs that are clusters of their own."""
    spans = []
    for match in re.finditer("[ \t]+", cells.text[first:last]):
        start, end = first + match.start(), first + match.end()
        start += cells.floor(start) != start  # a sign in front may take the blank into its cluster,
        end -= cells.floor(end) != end  # and a mark behind it, too
        if start < end:
            spans.append(Span(start, end, style))
    return spans


def _signs(cells: Cells, start: int, end: int) -> str:
    """Replace blanks and tabs by signs, except within larger clusters."""
    signs = []
    while start < end:
        stop = cells.after(start)
        width = cells.x(stop) - cells.x(start)
        cluster = cells.text[start:stop]
        if cluster in (" ", "\t"):
            signs.append((BLANK_SIGN if cluster == " " else TAB_SIGN) + " " * (width - 1))
        else:
            signs.append(cells.show(start, stop))
        start = stop
    return "".join(signs)


def _lay_ruler(
    pieces: list[_Piece], cells: Cells, last: int, ruler: Note, origin: int, width: int
) -> list[_Piece]:
    """Tint the cell of the ruler, unless a wide cluster covers it."""
    x = ruler.x + origin
    behind = x >= cells.x(last)
    column = cells.column(x)
    if not 0 <= ruler.x < width or (
        not behind and (cells.x(column) != x or cells.x(cells.after(column)) != x + 1)
    ):
        return pieces
    before, rest = _split(pieces, ruler.x)
    under, after = _split(rest, 1)
    sign = ruler.text if behind else under[0].text
    return [*before, _Piece(sign, 1, under[0].style + ruler.style), *after]


def _lay_over(pieces: list[_Piece], note: Note, width: int) -> list[_Piece]:
    note_width = min(width_of(note.text), width - note.x)
    if note.x < 0 or note_width <= 0:
        return pieces
    before, rest = _split(pieces, note.x)
    under, after = _split(rest, note_width)
    ground = under[0].style if under else Style.null()
    text, _ = _cut(note.text, note_width)
    return [*before, _Piece(text, note_width, ground + note.style), *after]


def _split(pieces: list[_Piece], x: int) -> tuple[list[_Piece], list[_Piece]]:
    for index, piece in enumerate(pieces):
        if x < piece.width:
            if x == 0:
                return pieces[:index], pieces[index:]
            left, right = _cut(piece.text, x)
            return (
                [*pieces[:index], _Piece(left, x, piece.style)],
                [_Piece(right, piece.width - x, piece.style), *pieces[index + 1 :]],
            )
        x -= piece.width
    return pieces, []


def _cut(text: str, x: int) -> tuple[str, str]:
    """Split a text at a cell border; a wide cluster across it becomes blanks."""
    cells = lay_out(text)
    column = cells.column(x)
    lead = x - cells.x(column)
    if lead == 0 or column == len(text):
        return cells.show(0, column), cells.show(column, len(text))
    behind = cells.after(column)
    return cells.show(0, column) + " " * lead, " " * (cells.x(behind) - x) + cells.show(behind, len(text))


def cut_words(words: Iterable[Word], width: int) -> list[Word]:
    """Return words as far as they fit into a width; the last one may be cut."""
    found = []
    for text, style in words:
        if shown := cut(text, width):
            found.append((shown, style))
            width -= width_of(shown)
    return found


def fit_words(words: Iterable[Word], width: int, rest: Style, fill: str = " ") -> list[Segment]:
    """Lay words out in exactly `width` cells: cut, or with the rest filled."""
    segments = [Segment(text, style) for text, style in cut_words(words, width)]
    room = width - sum(width_of(segment.text) for segment in segments)
    return [*segments, Segment(fill * room, rest)] if room > 0 else segments
