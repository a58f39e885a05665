"""HTML of outputs as lines: tables as grids, the rest as its text. Nothing of it runs, and no address of it is opened.

As pandas and others write tables: a header of bold cells, numbers at the right, cells over several columns or rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from itertools import zip_longest
from typing import Final

from jpterm_like.tui.outputs.lines import Line
from jpterm_like.tui.outputs.look import Look
from jpterm_like.tui.render.row import Span
from jpterm_like.tui.text.cells import clean, width_of

SIZE_MAX: Final = 200_000
"""The most code points that are read."""
SPAN_MAX: Final = 100
"""The most columns or rows that a cell takes."""
COLUMNS_MAX: Final = 100
ROWS_MAX: Final = 500
"""Rows of a table that are drawn."""
CELL_CHARACTERS: Final = 200
GAP: Final = "  "

_NUMBER: Final = re.compile(r"[+\-−]?[$€£]?(?:[\d.,'  ]+(?:e[+-]?\d+)?|nan|inf)(?: ?%|[a-z]{1,3})?", re.I)
_BLOCKS: Final = frozenset(
    (
        "p",
        "div",
        "br",
        "li",
        "ul",
        "ol",
        "pre",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "table",
        "tr",
        "dt",
        "dd",
    )
)
_TAG: Final = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]{0,30})([^<>]{0,1000})>")
_SPANS: Final = re.compile(r"\b(colspan|rowspan)\s{0,5}=\s{0,5}[\"']?([0-9]{1,4})", re.I)
_HIDDEN: Final = frozenset(("script", "style", "head", "template", "svg", "noscript"))


class _Cell:
    def __init__(self, *, is_head: bool, columns: int, rows: int) -> None:
        self.words: list[str] = []
        self.is_head = is_head
        self.columns = columns
        self.rows = rows

    @property
    def text(self) -> str:
        return clean(" ".join("".join(self.words).split()), CELL_CHARACTERS)


class _Reader:
    """Reads lines of text, and tables, which are lists of rows of cells.

    Not `html.parser`, which takes quadratic time for tags that do not end: here each character is looked at a bounded number of times.
    """

    def __init__(self) -> None:
        self.found: list[str | list[list[_Cell]]] = [""]
        self._table: list[list[_Cell]] | None = None
        self._cell: _Cell | None = None
        self._depth = 0
        """Of tables in a table, which are its text."""

    def read(self, text: str) -> None:
        written = at = 0  # up to `written` all is read; from there to `at` is text
        while (begin := text.find("<", at)) >= 0:
            tag = _TAG.match(text, begin)
            if tag is None and not text.startswith(("<!", "<?"), begin):
                at = begin + 1
                continue
            if begin > written:
                self._text(unescape(text[written:begin]))
            if tag is None:
                sign = "-->" if text.startswith("<!--", begin) else ">"
                found = text.find(sign, begin)
                if found < 0:
                    return  # the rest is a comment
                written = at = found + len(sign)
                continue
            written = at = tag.end()
            name = tag[2].lower()
            if tag[1]:
                self._end(name)
            elif name in _HIDDEN:
                closing = re.compile(f"</{name}[^>]{{0,100}}>", re.I).search(text, at)
                if closing is None:
                    return
                written = at = closing.end()
            else:
                self._begin(name, tag[3])
        if written < len(text):
            self._text(unescape(text[written:]))

    def _begin(self, tag: str, attributes: str) -> None:
        if tag == "table":
            self._depth += 1
            if self._depth == 1:
                self._table = []
                self.found += [self._table, ""]
        elif self._table is not None and self._depth == 1 and tag == "tr":
            self._table.append([])
            self._cell = None
        elif self._table is not None and self._depth == 1 and tag in ("td", "th"):
            spans = {name.lower(): _count(written) for name, written in _SPANS.findall(attributes)}
            self._cell = _Cell(
                is_head=tag == "th", columns=spans.get("colspan", 1), rows=spans.get("rowspan", 1)
            )
            if not self._table:
                self._table.append([])
            self._table[-1].append(self._cell)
        elif tag in _BLOCKS:
            self._break("• " if tag == "li" else "")

    def _end(self, tag: str) -> None:
        if tag == "table" and self._depth:
            self._depth -= 1
            if not self._depth:
                self._table = self._cell = None
        elif tag in ("td", "th") and self._depth == 1:
            self._cell = None
        elif tag in _BLOCKS:
            self._break()

    def _break(self, lead: str = "") -> None:
        if self._cell is not None:
            self._cell.words.append(" ")
        elif self._table is None and (self.found[-1] or lead):
            self.found.append(lead) if self.found[-1] else self.found.__setitem__(-1, lead)

    def _text(self, data: str) -> None:
        if self._cell is not None:
            self._cell.words.append(data)
        elif self._table is None and isinstance(last := self.found[-1], str):
            words = " ".join(data.split())
            blank = " " if data[:1].isspace() and last and not last.endswith(" ") else ""
            self.found[-1] = last + blank + words + (" " if words and data[-1:].isspace() else "")


def _count(written: str) -> int:
    return min(SPAN_MAX, max(1, int(written)))


def lines_of_html(text: str, look: Look) -> list[Line]:
    """The lines of an HTML text; none if there is nothing to read in it."""
    reader = _Reader()
    reader.read(text[:SIZE_MAX])
    lines: list[Line] = []
    for part in reader.found:
        if isinstance(part, str):
            if part.strip():
                lines.append(Line(part.rstrip()))
        else:
            lines += _grid(part, look)
    if len(text) > SIZE_MAX:
        lines.append(Line("…"))
    return lines


def _grid(table: list[list[_Cell]], look: Look) -> list[Line]:
    rows = [[(cell.text, cell.is_head) for cell in row] for row in _spread(table[:ROWS_MAX])]
    return lines_of_grid([*rows, *([] for _ in table[ROWS_MAX:])], look)


def lines_of_grid(rows: list[list[tuple[str, bool]]], look: Look) -> list[Line]:
    """The lines of a table of clean cells, each with whether it is of a header. They are cut at the edge of the screen."""
    left_out = max(0, len(rows) - ROWS_MAX)
    rows = [row for row in rows[:ROWS_MAX] if row]
    columns = zip_longest(*([text for text, _ in row] for row in rows), fillvalue="")
    widths = [max(map(width_of, column)) for column in columns]
    bodies = zip_longest(*(["" if is_head else text for text, is_head in row] for row in rows), fillvalue="")
    numbers = [_are_numbers(column) for column in bodies]
    lines: list[Line] = []
    was_head = False
    for row in rows:
        is_head = all(head for _, head in row)
        if was_head and not is_head:
            total = sum(widths) + len(GAP) * (len(widths) - 1)
            lines.append(Line("─" * total, (Span(0, total, look.muted),), wraps=False))
        was_head = is_head
        line = ""
        spans: list[Span] = []
        for (text, head), width, right in zip(row, widths, numbers, strict=False):
            blank = " " * (width - width_of(text))
            start = len(line)
            line += (blank + text if right else text + blank) + GAP
            if head and text:
                spans.append(Span(start, len(line) - len(GAP), look.heading))
        lines.append(Line(line.rstrip(), tuple(spans), wraps=False))
    if left_out:
        lines.append(Line(f"⋯ {left_out:,} more rows"))
    return lines


def _spread(table: list[list[_Cell]]) -> Iterator[list[_Cell]]:
    """The rows of a table with a cell for each column."""
    held: dict[int, tuple[_Cell, int]] = {}  # column -> an empty cell and how many more rows it takes
    for row in table:
        full: list[_Cell] = []
        cells = iter(row)
        while len(full) < COLUMNS_MAX:
            if len(full) in held:
                cell, left = held.pop(len(full))
                if left > 1:
                    held[len(full)] = cell, left - 1
                full.append(cell)
                continue
            found = next(cells, None)
            if found is None:
                break
            for at in range(found.columns):
                empty = _Cell(is_head=found.is_head, columns=1, rows=1)
                if found.rows > 1:
                    held[len(full)] = empty, found.rows - 1
                full.append(empty if at else found)
        yield full


def _are_numbers(column: tuple[str, ...]) -> bool:
    texts = [text for text in column if text]
    return bool(texts) and all(_NUMBER.fullmatch(text) for text in texts)
