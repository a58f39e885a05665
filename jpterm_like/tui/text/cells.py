"""The layout of a line in terminal cells: grapheme clusters, their widths, tab stops, and no control characters.

The only module that knows widths, and that makes foreign text safe for the screen (F21): control characters,
bidirectional overrides and lone surrogates are drawn as visible glyphs. The text itself is not changed.

Clusters are those of Unicode Standard Annex #29, found by wcwidth, which is loaded when a line first needs it.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Container, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Final
from unicodedata import category

_PLAIN: Final = re.compile("[ -~\u00a0-\u00ac\u00ae-\u02ff\u0370-\u0482\u2026\u2500-\u25fc]*")
"""Characters that are one cell each and never join a neighbour: a line of these needs no tables.
The bottom line is made of these, so the first screen of most files does without the tables.
U+00AD (soft hyphen) is left out, terminals disagree about it; combining marks begin at U+0300 and U+0483."""

_WIDE: Final = "\u3001-\u3029\u3041-\u3096\u30a1-\u30fa\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff60"
"""Ideographs, kana and hangul that are two cells each and never join a neighbour either; the marks among them are not here."""
SIMPLE: Final = f"[ -~\u00a0-\u00ac\u00ae-\u02ff\u0370-\u0482\u2026\u2500-\u25fc{_WIDE}]*"
"""Characters that never join a neighbour. `re` compiles this when it is first asked for: that takes milliseconds, and few first screens
need it."""

CLUSTER_SHOWN_MAX: Final = 24
"""Most code points drawn of a cluster, which may carry any number of marks; a family emoji has 11, a flag by tags
7."""

LENGTH_MAX: Final = 4_000
"""Longest line laid out as a whole; longer ones are laid out in pieces (see `text.long_line`)."""


class Cells:
    """One line, laid out in cells. Columns count code points, `x` counts cells; both start at 0."""

    __slots__ = ("_cuts", "_odd", "_shown", "_xs", "text", "width", "wrapped")

    # Plain lines keep no lists: column, cluster and cell are the same number.
    _cuts: Sequence[int] | None
    _xs: Sequence[int]
    _shown: Sequence[str]
    _odd: Container[int]

    def __init__(self, text: str, tab_width: int) -> None:
        """Lay out a text that begins at a tab stop."""
        self.text = text
        # What `text.wrap` found last, for it alone.
        self.wrapped: object = None
        self._cuts = None
        if _PLAIN.fullmatch(text):
            self.width = len(text)
            return
        if re.fullmatch(SIMPLE, text):
            self._cuts, self._shown, self._odd = range(len(text) + 1), text, ()
            self._xs = list(accumulate((2 if sign > "\u2fff" else 1 for sign in text), initial=0))
            self.width = self._xs[-1]
            return
        from wcwidth import iter_graphemes

        cuts, xs, shown, odd = [], [], [], set()
        column = x = 0
        for cluster in iter_graphemes(text):
            cuts.append(column)
            xs.append(x)
            column += len(cluster)
            if cluster == "\t":
                width = tab_width - x % tab_width
                shown.append(" " * width)
            else:
                picture, width, is_text = draw(cluster)
                if not is_text:
                    odd.add(len(shown))
                shown.append(picture)
            x += width
        cuts.append(column)
        xs.append(x)
        self._cuts = cuts
        self._xs = xs
        self._shown = shown
        self._odd = odd
        self.width = x

    def x(self, column: int) -> int:
        """Return the cell where the cluster of a column begins."""
        if self._cuts is None:
            return min(column, self.width)
        return self._xs[bisect_right(self._cuts, min(column, len(self.text))) - 1]

    def column(self, x: int) -> int:
        """Return the column of the cluster that covers a cell, or the end of the line."""
        if self._cuts is None:
            return max(0, min(x, self.width))
        if x >= self.width:
            return len(self.text)
        return self._cuts[bisect_right(self._xs, max(x, 0)) - 1]

    def nearest(self, x: int) -> int:
        """Return the column for a click on a cell; in the right half of a wide cluster, the one after it."""
        column = self.column(x)
        behind = self.after(column)
        wide = self.x(behind) - self.x(column)
        return behind if wide > 1 and x - self.x(column) >= (wide + 1) // 2 else column

    def before(self, column: int) -> int:
        """Return the previous cluster border."""
        if self._cuts is None:
            return max(0, column - 1)
        return self._cuts[max(0, bisect_left(self._cuts, column) - 1)]

    def after(self, column: int) -> int:
        """Return the next cluster border."""
        if self._cuts is None:
            return min(len(self.text), column + 1)
        return self._cuts[min(len(self._cuts) - 1, bisect_right(self._cuts, column))]

    def floor(self, column: int) -> int:
        """Return the last cluster border at or before a column."""
        if self._cuts is None:
            return min(column, len(self.text))
        return self._cuts[bisect_right(self._cuts, min(column, len(self.text))) - 1]

    def ceiling(self, column: int) -> int:
        """Return the first cluster border at or after a column."""
        floor = self.floor(column)
        return column if floor >= column else self.after(floor)

    def index(self, column: int) -> int:
        """Count the clusters before a column."""
        return column if self._cuts is None else bisect_left(self._cuts, column)

    def at(self, index: int) -> int:
        """Return the column of a cluster, given by its number from 0, or the end of the line."""
        return min(index, self.width) if self._cuts is None else self._cuts[min(index, len(self._cuts) - 1)]

    def show(self, start: int, end: int) -> str:
        """Return the text drawn for the columns from `start` to `end`, both cluster borders."""
        if self._cuts is None:
            return self.text[start:end]
        return "".join(self._shown[bisect_left(self._cuts, start) : bisect_left(self._cuts, end)])

    def odd(self, start: int, end: int) -> list[tuple[int, int]]:
        """List the ranges of columns drawn as substitute glyphs."""
        if self._cuts is None or not self._odd:
            return []
        clusters = range(bisect_left(self._cuts, start), bisect_left(self._cuts, end))
        return [(self._cuts[index], self._cuts[index + 1]) for index in clusters if index in self._odd]

    def clusters(self) -> Iterator[tuple[str, int]]:
        """Iterate over the drawn text and the width of each cluster."""
        if self._cuts is None:
            yield from ((character, 1) for character in self.text)
        else:
            for index, picture in enumerate(self._shown):
                yield picture, self._xs[index + 1] - self._xs[index]

    @property
    def is_plain(self) -> bool:
        """Whether columns and cells are the same numbers."""
        return self._cuts is None

    def part(self, column: int) -> tuple[Cells, int]:
        """Return the part of the line that a column is in, which rows on the screen do not cross, and its first column: all of a line that
        is not long."""
        return self, 0


@lru_cache(2048)
def _cached(text: str, tab_width: int) -> Cells:
    return Cells(text, tab_width)


def lay_out(text: str, tab_width: int = 4) -> Cells:
    """Lay out a line; recent layouts are cached."""
    return _cached(text, tab_width) if len(text) <= LENGTH_MAX else Cells(text, tab_width)


@lru_cache(4096)
def draw(cluster: str) -> tuple[str, int, bool]:
    """Return the text drawn for a cluster, its width in cells, and whether it is the cluster itself.

    False marks substitute glyphs, which are coloured differently.
    """
    from wcwidth import wcswidth

    if len(cluster) > CLUSTER_SHOWN_MAX:
        cluster = cluster[:CLUSTER_SHOWN_MAX]
    if any(map(_acts, cluster)) and not _joins(cluster):
        picture = "".join(_glyph(character) if _acts(character) else character for character in cluster)
        return picture, max(1, wcswidth(picture)), False
    width = wcswidth(cluster)
    if width > 0:
        return cluster, width, True
    if category(cluster[0])[0] == "M":  # a mark with nothing to stand on
        return "◌" + cluster, max(1, wcswidth("◌" + cluster)), False
    picture = "".join(map(_glyph, cluster))
    return picture, len(picture), False


_SURELY_WIDE: Final = "[\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff01-\uff60\U00020000-\U0003fffd]"
"""Ideographs, kana, hangul and full-width forms: two cells on every terminal that knows them at all."""


def are_apart(left: str, right: str) -> bool:
    """Whether two adjacent texts have a cluster border between them.

    `left` begins at the border of a cluster, `right` is not empty.
    """
    if re.fullmatch(SIMPLE, left[-1] + right[0]):
        return True
    from wcwidth import iter_graphemes

    clusters = list(iter_graphemes(left + right[0]))
    return clusters[-1] == right[0] and len(clusters) > 1


def quick_width(text: str, tab_width: int) -> int | None:
    """Return the width of a text that begins at a tab stop, in cells, if it can be told without laying it out."""
    if "\t" in text:
        text = text.expandtabs(tab_width) if _PLAIN.fullmatch(text.replace("\t", " ")) else text
    if _PLAIN.fullmatch(text):
        return len(text)
    return len(text) + sum(sign > "\u2fff" for sign in text) if re.fullmatch(SIMPLE, text) else None


def is_sure(cluster: str) -> bool:
    """Whether all terminals agree on the width of a cluster."""
    if len(cluster) > 1:
        return _PLAIN.fullmatch(cluster) is not None
    return _PLAIN.fullmatch(cluster) is not None or re.match(_SURELY_WIDE, cluster) is not None


def clean(text: str, length_max: int = 200) -> str:
    """Make a foreign name, title or sentence safe for one line of a terminal."""
    text = text[: length_max + 1]
    if len(text) > length_max:
        text = text[: length_max - 1] + "…"
    if _PLAIN.fullmatch(text):
        return text
    from wcwidth import iter_graphemes

    return "".join(draw(cluster)[0] for cluster in iter_graphemes(text.replace("\t", " ")))


def width_of(text: str) -> int:
    """Return the width of a clean text in cells."""
    return lay_out(text).width


def cut(text: str, width: int) -> str:
    """Truncate a clean text to a width, with an ellipsis."""
    cells = lay_out(text)
    if cells.width <= width:
        return text
    return cells.show(0, cells.column(width - 1)) + "…" if width > 0 else ""


def cut_start(text: str, width: int) -> str:
    """Truncate a clean text to a width from its start, with an ellipsis before what is left."""
    cells = lay_out(text)
    if cells.width <= width:
        return text
    first = cells.width - width + 1
    column = cells.column(first)
    if cells.x(column) < first:  # half of a wide cluster
        column = cells.after(column)
    return "…" + cells.show(column, len(text)) if width > 0 else ""


def _acts(character: str) -> bool:
    """Whether a character could control the terminal or mislead a reader."""
    kind = category(character)
    if kind == "Cf":
        # Signs that stand before Arabic numbers and the like are drawn; the rest is invisible and acts.
        return not (
            "\u0600" <= character <= "\u0605"
            or character in "\u06dd\u070f\u08e2\u0890\u0891\U000110bd\U000110cd"
        )
    return kind in ("Cc", "Cs", "Zl", "Zp") or (kind == "Cn" and ord(character) & 0xFFFE == 0xFFFE)


def _joins(cluster: str) -> bool:
    """Whether the invisible characters of a cluster only join its parts: families, flags, Persian and Indic words."""
    if _acts(cluster[0]):
        return False
    return all(
        not _acts(character) or character in "\u200c\u200d" or "\U000e0020" <= character <= "\U000e007f"
        for character in cluster
    )


def _glyph(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    return f"‹U+{code:04X}›"
