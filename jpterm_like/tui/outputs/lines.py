r"""Lines of outputs with styles, and how they become rows of the screen.

The only way from an output's text to the screen: control characters are drawn as glyphs by `text.cells`, escape sequences for
colours become styles, all others are dropped. So no escape of an output ever reaches the terminal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from rich.color import Color
from rich.segment import Segment
from rich.style import Style

from jpterm_like.notebook.printed import Printed
from jpterm_like.tui.outputs.look import Look
from jpterm_like.tui.render.row import Span, paint_row
from jpterm_like.tui.text.cells import LENGTH_MAX, lay_out

_SGR: Final = re.compile(r"\x1b\[([0-9;:]*)m")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f]")
PARAMETERS_MAX: Final = 32
"""Numbers of one sequence that are read."""
CHARACTERS_MAX: Final = 50_000
"""Code points of a line that are read, escapes included."""
TAB_WIDTH: Final = 8
"""As in a terminal."""


class Line(NamedTuple):
    """A line of an output."""

    text: str
    spans: tuple[Span, ...] = ()
    wraps: bool = True
    """Whether it goes on in the next row; else it is cut."""


def lines_of_text(lines: Sequence[str], look: Look) -> list[Line]:
    """Lines that may have escape sequences. A colour ends with its line, as it has a name in none that comes later."""
    lines = [_limited(line) if len(line) > CHARACTERS_MAX else line for line in lines]
    if any(map(_CONTROL.search, lines)):
        printed = Printed()
        printed.feed("\n".join(lines))
        lines = printed.lines
    return [_coloured(line, look) if "\x1b" in line else Line(line) for line in lines]


def _limited(line: str) -> str:
    """The part of a very long line that is read: its end, if a program has written over its beginning."""
    return line[-CHARACTERS_MAX:] if "\r" in line else line[:CHARACTERS_MAX]


def _coloured(text: str, look: Look) -> Line:
    """A line with escape sequences for colours."""
    plain: list[str] = []
    spans: list[Span] = []
    length = at = begun = 0
    style = Style.null()
    for found in _SGR.finditer(text):
        plain.append(text[at : found.start()])
        length += found.start() - at
        at = found.end()
        if style and length > begun:
            spans.append(Span(begun, length, style))
        begun, style = length, _restyled(style, found[1], look)
    plain.append(text[at:])
    length += len(text) - at
    if style and length > begun:
        spans.append(Span(begun, length, style))
    return Line("".join(plain), tuple(spans))


def _restyled(style: Style, written: str, look: Look) -> Style:
    """A style after a sequence SGR (ECMA-48, section 8.3.117). Blinking and hiding are left out."""
    numbers = iter(
        [int(part) if part and len(part) < 5 else 0 for part in re.split("[;:]", written)[:PARAMETERS_MAX]]
    )
    for number in numbers:
        match number:
            case 0:
                style = Style.null()
            case 1 | 2 | 3 | 4 | 7 | 9:
                style += _ATTRIBUTES[number]
            case 22 | 23 | 24 | 27 | 29:
                style += _ATTRIBUTES[number]
            case 38 | 48:
                colour = _long_colour(numbers, look, is_ground=number == 48)
                style = _inked(style, colour) if number == 38 else _grounded(style, colour)
            case 39:
                style = _inked(style, None)
            case 49:
                style = _grounded(style, None)
            case _ if 30 <= number <= 37 or 90 <= number <= 97:
                style = _inked(style, look.colour(number % 10 + 8 * (number >= 90)))
            case _ if 40 <= number <= 47 or 100 <= number <= 107:
                ground = look.ground(number % 10 + 8 * (number >= 100))
                style = _grounded(style, ground)
                if ground is not None:
                    style = _inked(style, Color.parse(_ink_on(ground.number or 0)))
    return style


_ATTRIBUTES: Final = {
    1: Style(bold=True), 2: Style(dim=True), 3: Style(italic=True), 4: Style(underline=True), 7: Style(reverse=True),
    9: Style(strike=True), 22: Style(bold=False, dim=False), 23: Style(italic=False), 24: Style(underline=False),
    27: Style(reverse=False), 29: Style(strike=False),
}  # fmt: skip


def _inked(style: Style, ink: Color | None) -> Style:
    return style.without_color + Style(color=ink, bgcolor=style.bgcolor)


def _grounded(style: Style, ground: Color | None) -> Style:
    return style.without_color + Style(color=style.color, bgcolor=ground)


def _ink_on(ground: int) -> str:
    """Black or white, to be read on one of the sixteen colours."""
    return "white" if ground in (0, 1, 4, 5, 8) else "black"


def _long_colour(numbers: Iterator[int], look: Look, *, is_ground: bool) -> Color | None:
    kind = next(numbers, 0)
    if kind == 5:
        number = min(255, next(numbers, 0))
        return look.ground(number) if is_ground else look.colour(number)
    if kind == 2:
        red, green, blue = (min(255, next(numbers, 0)) for _ in range(3))
        return look.true_colour(red, green, blue)
    return None


def rows_of_line(line: Line, width: int, base: Style, rows_max: int) -> list[list[Segment]]:
    """The rows of a line, each of exactly this width; the last one ends with a sign if it is cut."""
    text = line.text if len(line.text) <= LENGTH_MAX else line.text[:LENGTH_MAX]
    cells = lay_out(text, TAB_WIDTH)
    is_cut = len(text) < len(line.text)
    rows: list[list[Segment]] = []
    start = 0
    while True:
        end = cells.column(cells.x(start) + width)
        if end <= start and start < len(text):
            end = cells.after(start)  # wider than the row
        is_last = end >= len(text)
        more = is_cut if is_last else not line.wraps or len(rows) + 1 >= rows_max
        room = width - 1 if more else width
        if more:
            end = min(end, max(start, cells.column(cells.x(start) + room)))
        row = paint_row(cells, start, end, 0, room, base, line.spans, ())
        rows.append([*row, Segment("›", base)] if more else row)
        if more or is_last:
            return rows
        start = end
