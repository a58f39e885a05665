"""Outputs of a cell as rows of the screen.

`render` takes items and gives rows of exactly the width, whatever the items are; nothing of them can reach the terminal but text and colours
(see `outputs.lines`). Of a value in several forms the best one is drawn that can be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from rich.segment import Segment

from jpterm_like.notebook.outputs import (
    Asks,
    CellOutputs,
    Cleared,
    Display,
    Error,
    Gap,
    Item,
    Stream,
    Unknown,
    Widget,
)
from jpterm_like.tui.outputs.html import lines_of_html
from jpterm_like.tui.outputs.images import FORMATS, Picture
from jpterm_like.tui.outputs.latex import text_of_latex
from jpterm_like.tui.outputs.lines import Line, lines_of_text, rows_of_line
from jpterm_like.tui.outputs.look import Look
from jpterm_like.tui.outputs.markdown import lines_of_markdown
from jpterm_like.tui.outputs.widgets import Hand, Place, WidgetRenderer
from jpterm_like.tui.render.row import Span
from jpterm_like.tui.text.cells import clean, cut, width_of

HEAD: Final = 8
TAIL: Final = 4
"""Lines of a long output that are shown while it is folded."""
LONG: Final = HEAD + TAIL + 1
"""A longer one is folded: a sign in the place of one line would hide it for nothing."""
RUNNING_TAIL: Final = 12
"""While a cell runs, its last lines are shown."""
OPEN_ROWS_MAX: Final = 200
"""Rows of a cell's outputs when they are open: more are shown as a text."""
FOLDED_LINE_ROWS: Final = 3
"""Rows of one line while its output is folded."""
ITEMS_MAX: Final = 24
"""Items of a cell that are shown while its outputs are folded, half of them from the end."""
MARGIN: Final = 2

PREFERRED: Final = (*FORMATS, "text/html", "text/markdown", "text/latex", "text/plain", "application/json")
HAVE_NO_WORD: Final = frozenset(
    (
        "text/html",
        "text/markdown",
        "text/latex",
        "text/plain",
        "application/json",
        "application/vnd.jupyter.widget-view+json",
    )
)
"""Forms that are not named when another one is drawn."""

Row = list[Segment]
Pictures = Callable[[str, bytes, int, str], tuple[bool, Picture | None]]


class Rendered(NamedTuple):
    """The rows of some outputs."""

    rows: list[Row]
    is_long: bool
    """Whether some of them are hidden while the outputs are folded."""
    waits: bool
    """Whether a picture is still being made, so that they are to be rendered again."""
    places: list[Place]
    """Where widgets can be taken hold of."""


class KeyLabels(NamedTuple):
    """The keys that outputs name."""

    more: str = ""
    """Opens long ones."""
    answer: str = ""
    """Leads to the answer of a question."""
    whole: str = ""
    """Opens those that are too long even so, as a text."""


NO_KEYS: Final = KeyLabels()


class _Block(NamedTuple):
    """What is drawn of one item: lines, or a picture."""

    lines: Sequence[Line]
    total: int
    """How many lines there are; `lines` may begin with fewer, and only while it is folded."""
    sign: str
    """Beside each row."""
    picture: Picture | None = None
    is_whole: bool = False
    """Whether it is never folded."""


def render(
    outputs: CellOutputs,
    width: int,
    look: Look,
    pictures: Pictures,
    *,
    is_open: bool,
    keys: KeyLabels = NO_KEYS,
    hand: Hand | None = None,
) -> Rendered:
    """The rows of a cell's outputs, each of exactly `width` cells; `hand` is what is done with widgets at the moment."""
    renderer = _Renderer(width, look, pictures, is_open, outputs.is_running, keys, hand or Hand())
    return renderer.render(outputs.items)


class _Renderer:
    def __init__(
        self,
        width: int,
        look: Look,
        pictures: Pictures,
        is_open: bool,
        is_running: bool,
        keys: KeyLabels,
        hand: Hand,
    ) -> None:
        self._hand = hand
        self._places: list[Place] = []
        self._room = max(1, width - MARGIN)
        self._width = width
        self._look = look
        self._pictures = pictures
        self._is_open = is_open
        self._is_running = is_running
        self._keys = keys
        self._is_long = False
        self._waits = False

    def render(self, items: Sequence[Item]) -> Rendered:
        cleared = max((at + 1 for at, item in enumerate(items) if isinstance(item, Cleared)), default=0)
        shown = items[cleared:]
        left_out = 0
        if len(shown) > ITEMS_MAX:
            self._is_long = True
            if not self._is_open:
                left_out = len(shown) - ITEMS_MAX
        rows: list[Row] = []
        half = ITEMS_MAX // 2
        for at, item in enumerate(shown):
            if left_out and half <= at < len(shown) - half:
                if at == half:
                    rows.append(self._note(f"⋯ {left_out:,} outputs", self._keys.more))
                continue
            if isinstance(item, Widget):
                rows += self._widget_rows(item, len(rows))
            else:
                rows += self._rows_of(item, OPEN_ROWS_MAX - len(rows))
            if len(rows) >= OPEN_ROWS_MAX:
                if at + 1 < len(shown):
                    rows.append(self._note("⋯ more", self._keys.whole))
                break
        return Rendered(rows, self._is_long, self._waits, self._places)

    # Items

    def _rows_of(self, item: Item, rows_max: int) -> list[Row]:
        block = self._block(item)
        if block.picture is not None:
            return [self._padded(row) for row in block.picture]
        rows: list[Row] = []
        folds = not block.is_whole and block.total > LONG
        self._is_long = self._is_long or folds
        line_rows = OPEN_ROWS_MAX if self._is_open or block.is_whole else FOLDED_LINE_ROWS
        for at, line in self._seen(block, folds=folds and not self._is_open):
            if line is None:
                rows.append(self._note(f"⋯ {at:,} lines", "" if self._is_running else self._keys.more))
                continue
            room = rows_max - len(rows)
            if room <= 1:
                rows.append(self._note(f"⋯ {block.total - at:,} more lines", self._keys.whole))
                break
            found = rows_of_line(line, self._room, self._look.text, min(line_rows, room))
            if line.wraps and not self._is_open and found[-1][-1].text == "›":
                self._is_long = True
            rows += [self._beside(block.sign, row) for row in found]
        return rows

    def _widget_rows(self, widget: Widget, top: int) -> list[Row]:
        """A widget and those in it; what is printed into one is drawn as other outputs are."""
        drawn = WidgetRenderer(self._room, self._look, self._hand, self._inner_rows).render(widget)
        self._places += [
            place._replace(
                row=place.row + top,
                start=place.start + MARGIN,
                end=place.end + MARGIN,
                track=None if place.track is None else (place.track[0] + MARGIN, place.track[1] + MARGIN),
            )
            for place in drawn.places
        ]
        return [self._beside("│", row) for row in drawn.rows]

    def _inner_rows(self, item: Item, rows_max: int) -> list[Row]:
        """The rows of an item without the sign beside them."""
        return [row[1:] for row in self._rows_of(item, rows_max)] if rows_max > 0 else []

    def _seen(self, block: _Block, *, folds: bool) -> Iterator[tuple[int, Line | None]]:
        """The lines to show, with their numbers; None stands for as many as are left out."""
        count = block.total
        if not folds:
            yield from enumerate(block.lines)
            return
        head, tail = (0, RUNNING_TAIL) if self._is_running else (HEAD, TAIL)
        yield from enumerate(block.lines[:head])
        yield count - head - tail, None
        start = len(block.lines) - tail
        yield from ((count - tail + at, line) for at, line in enumerate(block.lines[start:]))

    def _block(self, item: Item) -> _Block:
        match item:
            case Stream(name, lines):
                return self._text(lines, "▌" if name == "stderr" else "│")
            case Error():
                return self._error(item)
            case Display(data):
                return self._display(data)
            case Asks(prompt, secret):
                words = "waits for a secret" if secret else "waits for input"
                words += f": {self._keys.answer} answers" if self._keys.answer else ""
                return self._word(f"{clean(prompt)} [{words}]".strip())
            case Gap(count, start, end):
                when = f" {_time(start)}–{_time(end)}" if start is not None and end is not None else ""
                return self._word(f"[{count:,} messages of the kernel were lost{when}]")
            case Unknown(kind):
                return self._word(f"[output of an unknown kind{': ' if kind else ''}{clean(kind, 60)}]")
            case Cleared() | Widget():
                return _Block((), 0, "│")

    def _text(self, lines: Sequence[str], sign: str, *, is_whole: bool = False) -> _Block:
        """Lines of text; when it is folded only those that are shown are read."""
        if lines and not lines[-1]:
            lines = lines[:-1]
        count = len(lines)
        if not (self._is_open or is_whole) and count > LONG:
            ends = RUNNING_TAIL if self._is_running else TAIL
            head = [] if self._is_running else lines_of_text(lines[:HEAD], self._look)[:HEAD]
            tail = lines_of_text(lines[-ends:], self._look)[-ends:]
            return _Block([*head, *tail], count, sign)
        found = lines_of_text(lines[:OPEN_ROWS_MAX], self._look)
        return _Block(found, max(count, len(found)), sign, is_whole=is_whole)

    def _error(self, error: Error) -> _Block:
        lines = [line for part in error.traceback for line in part.split("\n")]
        if not lines:
            lines = [f"{error.ename}: {error.evalue}"]
        return self._text(lines, "▌", is_whole=True)

    def _word(self, words: str) -> _Block:
        return _Block([Line(words, (Span(0, len(words), self._look.muted),))], 1, "│")

    def _display(self, data: Mapping[str, bytes | str]) -> _Block:
        words = [
            f"[{clean(kind, 60)}, {_size(value)}]" for kind, value in data.items() if kind not in HAVE_NO_WORD
        ]
        for kind in PREFERRED:
            if kind in FORMATS and kind in data:
                picture = self._picture(kind, data[kind])
                if picture is not None:
                    return _Block((), 0, "│", picture)
            elif kind in data and (block := self._form(kind, data[kind])) is not None:
                if kind not in ("text/plain", "application/json"):
                    return block
                told = [line for word in words for line in self._word(word).lines]
                return block._replace(lines=[*block.lines, *told], total=block.total + len(told))
        return self._word(" ".join(words) or "[nothing to show]")

    def _picture(self, kind: str, value: bytes | str) -> Picture | None:
        if not isinstance(value, bytes) or self._look.is_colourless:
            return None
        waits, picture = self._pictures(kind, value, self._room, self._look.background)
        self._waits = self._waits or waits
        return picture

    def _form(self, kind: str, value: bytes | str) -> _Block | None:
        """One form of a value; None if there is nothing to see in it."""
        look = self._look
        if isinstance(value, bytes):
            return None
        if kind == "text/html":
            lines = lines_of_html(value, look)
        elif kind == "text/markdown":
            lines = lines_of_markdown(value, look)
        elif kind == "text/latex":
            lines = [Line(line) for line in text_of_latex(value).split("\n")]
        else:
            block = self._text(value.split("\n"), "│")
            return block if block.total and value.strip() else None
        return _Block(lines, len(lines), "│") if lines else None

    # Rows

    def _beside(self, sign: str, row: Row) -> Row:
        style = self._look.error if sign == "▌" else self._look.muted
        return [Segment(f"{sign} ", style), *row]

    def _padded(self, row: Iterable[Segment]) -> Row:
        segments = list(row)
        room = self._room - sum(len(segment.text) for segment in segments)
        return self._beside("│", [*segments, Segment(" " * room, self._look.text)] if room else segments)

    def _note(self, words: str, key: str = "") -> Row:
        """A note in the place of rows, with the key that opens them if there is one."""
        if key:
            words += f" · {key} opens"
        shown = cut(words, self._room)
        blank = " " * (self._room - width_of(shown))
        return self._beside("│", [Segment(shown + blank, self._look.muted)])


def _size(value: bytes | str) -> str:
    size = len(value) if isinstance(value, bytes) else len(value.encode("utf-8", "surrogatepass"))
    return (
        f"{size} bytes"
        if size < 1000
        else f"{size / 1000:,.0f} kB"
        if size < 999_500
        else f"{size / 1e6:,.1f} MB"
    )


def _time(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds).strftime("%H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return "?"
