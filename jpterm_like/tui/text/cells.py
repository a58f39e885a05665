"""What the terminal draws for a line: grapheme clusters, their cells, tab stops, and nothing that acts.

The one place that knows widths, and the one place through which foreign text passes on its way to the screen
(F21): a control character, a bidirectional override, a lone surrogate becomes a glyph that can be seen, and the
text itself stays as it is.

Clusters are those of Unicode Standard Annex #29, found by wcwidth; it is loaded when the first line comes along
that needs it.
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
_SIMPLE: Final = f"[ -~\u00a0-\u00ac\u00ae-\u02ff\u0370-\u0482\u2026\u2500-\u25fc{_WIDE}]*"
"""`re` compiles these when they are first asked for: that takes milliseconds, and few first screens need them."""
_ALL_WIDE: Final = f"[{_WIDE}]+"

CLUSTER_SHOWN_MAX: Final = 24
"""A cluster may carry any number of marks; a family emoji has 11 code points, a flag by tags 7."""

LENGTH_MAX: Final = 4_000
"""Longer lines are laid out in pieces (see `text.long_line`)."""


class Cells:
    """One line, laid out in cells. Columns count code points, `x` counts cells; both start at 0."""

    __slots__ = ("_cuts", "_odd", "_shown", "_xs", "text", "width", "wrapped")

    # Plain lines keep no lists: column, cluster and cell are the same number.
    _cuts: Sequence[int] | None
    _xs: Sequence[int]
    _shown: Sequence[str]
    _odd: Container[int]

    def __init__(self, text: str, tab_width: int, lead: int = 0) -> None:
        """With `lead` the text begins so many cells behind a tab stop."""
        self.text = text
        # What `text.wrap` found last, for it alone.
        self.wrapped: object = None
        self._cuts = None
        if _PLAIN.fullmatch(text):
            self.width = len(text)
            return
        if re.fullmatch(_SIMPLE, text):
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
                width = tab_width - (x + lead) % tab_width
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
        """The cell at which the cluster of this column begins."""
        if self._cuts is None:
            return min(column, self.width)
        return self._xs[bisect_right(self._cuts, min(column, len(self.text))) - 1]

    def column(self, x: int) -> int:
        """The column of the cluster that covers this cell, or the end of the line."""
        if self._cuts is None:
            return max(0, min(x, self.width))
        if x >= self.width:
            return len(self.text)
        return self._cuts[bisect_right(self._xs, max(x, 0)) - 1]

    def nearest(self, x: int) -> int:
        """The column for a click on this cell: the right half of a wide cluster counts as behind it."""
        column = self.column(x)
        behind = self.after(column)
        wide = self.x(behind) - self.x(column)
        return behind if wide > 1 and x - self.x(column) >= (wide + 1) // 2 else column

    def before(self, column: int) -> int:
        """The nearest cluster border to the left."""
        if self._cuts is None:
            return max(0, column - 1)
        return self._cuts[max(0, bisect_left(self._cuts, column) - 1)]

    def after(self, column: int) -> int:
        """The nearest cluster border to the right."""
        if self._cuts is None:
            return min(len(self.text), column + 1)
        return self._cuts[min(len(self._cuts) - 1, bisect_right(self._cuts, column))]

    def floor(self, column: int) -> int:
        """The cluster border at this column or next to its left."""
        if self._cuts is None:
            return min(column, len(self.text))
        return self._cuts[bisect_right(self._cuts, min(column, len(self.text))) - 1]

    def ceiling(self, column: int) -> int:
        """The cluster border at this column or next to its right."""
        floor = self.floor(column)
        return column if floor >= column else self.after(floor)

    def index(self, column: int) -> int:
        """How many clusters stand before a column."""
        return column if self._cuts is None else bisect_left(self._cuts, column)

    def at(self, index: int) -> int:
        """The column of a cluster, counted from 0, or the end of the line."""
        return min(index, self.width) if self._cuts is None else self._cuts[min(index, len(self._cuts) - 1)]

    def show(self, start: int, end: int) -> str:
        """What is drawn for the columns from `start` to `end`, both cluster borders."""
        if self._cuts is None:
            return self.text[start:end]
        return "".join(self._shown[bisect_left(self._cuts, start) : bisect_left(self._cuts, end)])

    def odd(self, start: int, end: int) -> list[tuple[int, int]]:
        """The columns between `start` and `end` where a glyph stands for something that has none."""
        if self._cuts is None or not self._odd:
            return []
        clusters = range(bisect_left(self._cuts, start), bisect_left(self._cuts, end))
        return [(self._cuts[index], self._cuts[index + 1]) for index in clusters if index in self._odd]

    def clusters(self) -> Iterator[tuple[str, int]]:
        """What is drawn for each cluster, and its cells."""
        if self._cuts is None:
            yield from ((character, 1) for character in self.text)
        else:
            for index, picture in enumerate(self._shown):
                yield picture, self._xs[index + 1] - self._xs[index]

    @property
    def is_plain(self) -> bool:
        """Whether columns and cells are the same numbers."""
        return self._cuts is None

    @property
    def count(self) -> int:
        """The number of clusters."""
        return self.width if self._cuts is None else len(self._cuts) - 1

    def even(self, column: int) -> tuple[int, int]:
        """Up to which column all clusters are characters of one width and no blanks, and that width in cells.

        The column itself where nothing is known of it: this is a short cut for long lines.
        """
        return column, 1


@lru_cache(2048)
def _cached(text: str, tab_width: int) -> Cells:
    return Cells(text, tab_width)


def lay_out(text: str, tab_width: int = 4) -> Cells:
    """The cells of a line. A line that was seen lately costs a look into a table."""
    return _cached(text, tab_width) if len(text) <= LENGTH_MAX else Cells(text, tab_width)


@lru_cache(4096)
def draw(cluster: str) -> tuple[str, int, bool]:
    """What to draw for a cluster, how many cells it takes, and whether it is the text itself.

    False is said of glyphs that stand for something else, so that they can be coloured differently.
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
    """Whether a cluster ends between the last character of one text and the first of another.

    `left` begins at the border of a cluster, `right` is not empty.
    """
    if re.fullmatch(_SIMPLE, left[-1] + right[0]):
        return True
    from wcwidth import iter_graphemes

    clusters = list(iter_graphemes(left + right[0]))
    return clusters[-1] == right[0] and len(clusters) > 1


def even_width(text: str) -> int:
    """How many cells each character of a text takes, if all are equally wide and none is a blank; else 0."""
    if _PLAIN.fullmatch(text):
        return int(" " not in text)
    return 2 if re.fullmatch(_ALL_WIDE, text) else 0


def is_sure(cluster: str) -> bool:
    """Whether all terminals agree on the width of a drawn cluster."""
    if len(cluster) > 1:
        return _PLAIN.fullmatch(cluster) is not None
    return _PLAIN.fullmatch(cluster) is not None or re.match(_SURELY_WIDE, cluster) is not None


def clean(text: str, length_max: int = 200) -> str:
    """A name, a title or a sentence from elsewhere, fit for one line of a terminal."""
    text = text[: length_max + 1]
    if len(text) > length_max:
        text = text[: length_max - 1] + "…"
    if _PLAIN.fullmatch(text):
        return text
    from wcwidth import iter_graphemes

    return "".join(draw(cluster)[0] for cluster in iter_graphemes(text.replace("\t", " ")))


def width_of(text: str) -> int:
    """The cells of a text that is already clean."""
    return lay_out(text).width


def cut(text: str, width: int) -> str:
    """As much of a clean text as fits, with an ellipsis where something is missing."""
    cells = lay_out(text)
    if cells.width <= width:
        return text
    return cells.show(0, cells.column(width - 1)) + "…" if width > 0 else ""


def _acts(character: str) -> bool:
    """Whether a terminal could do something on seeing this character, or a reader be misled by it."""
    kind = category(character)
    if kind == "Cf":
        # Signs that stand before Arabic numbers and the like are drawn; the rest is invisible and acts.
        return not (
            "\u0600" <= character <= "\u0605"
            or character in "\u06dd\u070f\u08e2\u0890\u0891\U000110bd\U000110cd"
        )
    return kind in ("Cc", "Cs", "Zl", "Zp") or (kind == "Cn" and ord(character) & 0xFFFE == 0xFFFE)


def _joins(cluster: str) -> bool:
    """Whether what is invisible in a cluster only joins its parts: families, flags, Persian and Indic words."""
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
