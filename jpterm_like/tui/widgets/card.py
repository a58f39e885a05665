"""The card: some rows above the status bar that show one thing at a time, what can be done about it, and a list of the others.

It shows pages, and hands keys on; what they mean is not its business. All that it says is in words and letters, so it reads without
colours: what matters in a text stands in brackets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.strip import Strip

from jpterm_like.tui.render.diff import Row
from jpterm_like.tui.render.palette import Palette
from jpterm_like.tui.render.row import Word, cut_words, fit_words
from jpterm_like.tui.render.screen import FixedStrip, Rows
from jpterm_like.tui.text.cells import cut, lay_out, width_of
from jpterm_like.tui.text.wrap import wrap
from jpterm_like.tui.widgets.key_row import key_cells, key_row

LIST_WIDTH_MIN: Final = 100
"""Width from which the list stands beside the page."""

LIST_SHARE: Final = 0.4
"""Share of the width that the list gets."""

TALL_SCREEN: Final = 30
"""Rows of a screen from which a card beside a list is taller, for there is room for both."""

HEIGHT: Final = 6
HEIGHT_TALL: Final = 9
HEIGHT_MIN: Final = 3

LABEL_CELLS_MAX: Final = 10

BEFORE_MAX: Final = 20
"""Characters shown before what matters in a text for which there is no room."""

KEYS_MIN: Final = 2
"""How many keys at the end of a page are always shown."""

OPEN, CLOSE = "[", "]"
"""Around what was changed in a text."""

BREAK: Final = "⏎"


class Line(NamedTuple):
    """A text with a name in front."""

    label: str
    pieces: tuple[tuple[str, bool], ...]
    """The text in pieces, each with whether it matters; line breaks are shown as signs."""


class Page(NamedTuple):
    """What a card shows."""

    heading: str
    note: str
    """Behind the heading, left out where there is no room."""
    lines: tuple[Line, ...]
    keys: tuple[tuple[str, str, str], ...]
    """Keys and what they do, in words and in fewer words, those that matter most first; the last two are always shown."""
    list_heading: str = ""
    entries: tuple[tuple[str, bool], ...] = ()
    """The list around the entry at hand, which is marked by True; as many as `Card.list_rows`."""


class Card(Rows, can_focus=True):
    """A card above the status bar."""

    DEFAULT_CSS = """
    Card {
        width: 100%;
        height: 6;
    }
    """

    def __init__(
        self, palette: Palette, key: Callable[[events.Key], None], changed: Callable[[], None]
    ) -> None:
        """`key` gets each key; `changed` is called when the card has another size, or gets or loses the keyboard:
        another page may fit."""
        super().__init__(id="card")
        self.palette = palette
        self._key = key
        self._changed = changed
        self._page = Page("", "", (), ())
        self._rows: list[Row] = []
        self._painted: object = None

    # What fits

    @property
    def list_rows(self) -> int:
        """How many entries of the list are shown; 0 without one."""
        return max(0, self.size.height - 1) if self.size.width >= LIST_WIDTH_MIN else 0

    def fit(self, width: int, height: int) -> None:
        """Take a height for a screen of this size. It does not depend on the page, so that the text above does not jump."""
        is_tall = width >= LIST_WIDTH_MIN and height >= TALL_SCREEN
        rows = HEIGHT_TALL if is_tall else HEIGHT
        self.styles.height = max(HEIGHT_MIN, min(rows, height - HEIGHT))

    # Showing

    def show(self, page: Page) -> None:
        """Show a page; nothing is painted if it is the one that is shown."""
        if page != self._page:
            self._page = page
            self._lay_out()

    def use_palette(self, palette: Palette) -> None:
        self.palette = palette
        self._lay_out()

    def _lay_out(self) -> None:
        width, height = self.size
        painted = self._page, self.palette, width, height, self.has_focus
        if not width or not height or painted == self._painted:
            return
        self._painted = painted
        has_list = self.list_rows and self._page.entries
        list_width = int(width * LIST_SHARE) if has_list else 0
        page_width = width - list_width
        rows = [self._heading(page_width), *self._body(page_width, height - 2), self._foot(page_width)]
        if list_width:
            beside = [self._list_heading(list_width), *self._entries(list_width, height - 1)]
            rows = [[*row, *other] for row, other in zip(rows, beside, strict=True)]
        self._rows = rows
        self.refresh()

    def render_line(self, y: int) -> Strip:
        if y < len(self._rows):
            return FixedStrip(self._rows[y], self.size.width)
        return Strip.blank(self.size.width, self.palette.text)

    def on_resize(self) -> None:
        self._changed()
        self._lay_out()

    def on_focus(self) -> None:
        self._changed()
        self._lay_out()

    def on_blur(self) -> None:
        self._changed()
        self._lay_out()

    def on_key(self, event: events.Key) -> None:
        self._key(event)

    # Its parts

    def _heading(self, width: int) -> Row:
        page, style = self._page, self.palette.bar_strong if self.has_focus else self.palette.bar
        heading = f"─ {page.heading} "
        note = f"─ {page.note} " if page.note else ""
        if width_of(heading) + width_of(note) > width:
            note = (
                cut(note, max(0, width - width_of(heading)))
                if width - width_of(heading) > LABEL_CELLS_MAX
                else ""
            )
        return fit_words([(heading, style), (note, self.palette.bar)], width, self.palette.bar, "─")

    def _list_heading(self, width: int) -> Row:
        words = f"┬─ {self._page.list_heading} " if self._page.list_heading else "┬─"
        return fit_words([(words, self.palette.bar)], width, self.palette.bar, "─")

    def _body(self, width: int, height: int) -> list[Row]:
        """The lines of the page, with as many rows for each as there are."""
        lines, text = self._page.lines, self.palette.text
        rows: list[Row] = []
        label = min(LABEL_CELLS_MAX, max((width_of(it.label) for it in lines), default=0)) + 4
        for number, line in enumerate(lines):
            room = (height - len(rows)) // (len(lines) - number)
            first = cut(line.label, LABEL_CELLS_MAX)
            for row in self._wrapped(line, max(1, width - label - 1), room):
                rows.append(fit_words([(f"  {first:<{label - 2}}", self.palette.muted), *row], width, text))
                first = ""
        return [*rows[:height], *([Segment(" " * width, text)] for _ in range(height - len(rows)))]

    def _wrapped(self, line: Line, width: int, rows: int) -> list[list[Word]]:
        """The rows of one line of the page, cut where there is no room for more."""
        text, marks = _joined(line.pieces)
        if len(text) > rows * width and line.pieces and not line.pieces[0][1]:
            text, marks = _joined([(_end_of(line.pieces[0][0]), False), *line.pieces[1:]])
        cells = lay_out(text)
        borders = [*wrap(cells, width + 1), len(text)]
        found: list[list[Word]] = []
        for start, end in pairwise(borders):
            if len(found) == rows:
                break
            found.append(self._styled(cells.show, start, end, marks))
        if len(borders) - 1 > rows and found:
            left = len(borders) - 1 - rows
            more = f"… +{left} row{'s' if left > 1 else ''}"
            found[-1] = [*cut_words(found[-1], width - len(more) - 1), (f" {more}", self.palette.muted)]
        return found

    def _styled(
        self, show: Callable[[int, int], str], start: int, end: int, marks: Sequence[tuple[int, int]]
    ) -> list[Word]:
        """A part of a text, with what matters in another style."""
        plain = self.palette.text
        strong = plain + self.palette.found + Style(bold=True)
        found: list[Word] = []
        for low, high in marks:
            low, high = max(low, start), min(high, end)
            if low < high:
                found += [(show(start, low), plain), (show(low, high), strong)]
                start = high
        return [*found, (show(start, end), plain)]

    def _foot(self, width: int) -> Row:
        return key_row(_fitting(self._page.keys, width), width, self.palette)

    def _entries(self, width: int, height: int) -> list[Row]:
        palette = self.palette
        rows: list[Row] = []
        for words, is_at in self._page.entries[:height]:
            style = palette.text + Style(bold=True) if is_at else palette.text
            rows.append(
                fit_words(
                    [("│", palette.muted), (f"{'>' if is_at else ' '} {words}", style)], width, palette.text
                )
            )
        blank = fit_words([("│", palette.muted)], width, palette.text)
        return [*rows, *[blank] * (height - len(rows))]


def _fitting(keys: Sequence[tuple[str, str, str]], width: int) -> list[tuple[str, str]]:
    """Return keys and their words: as many as there is room for, in fewer words if need be."""
    while True:
        fewer = [(key, words) for key, _, words in keys]
        for told in ([(key, words) for key, words, _ in keys], fewer):
            if key_cells(told) <= width:
                return told
        if len(keys) <= KEYS_MIN:
            return fewer
        keys = [*keys[: -KEYS_MIN - 1], *keys[-KEYS_MIN:]]


def _joined(pieces: Sequence[tuple[str, bool]]) -> tuple[str, list[tuple[int, int]]]:
    """Pieces as one text, with brackets around those that matter, and the ranges of these with their brackets."""
    text = ""
    marks: list[tuple[int, int]] = []
    for piece, matters in pieces:
        shown = piece.replace("\n", BREAK).replace("\t", " ")
        start = len(text)
        text += f"{OPEN}{shown}{CLOSE}" if matters else shown
        if matters:
            marks.append((start, len(text)))
    return text, marks


def _end_of(text: str) -> str:
    """The end of what stands before what matters."""
    return (
        text if len(text) <= BEFORE_MAX else f"…{text[-BEFORE_MAX:].partition(' ')[2] or text[-BEFORE_MAX:]}"
    )
