"""Choose the nearest colour for terminals with 256 colours.

Rich uses the colour cube for everything that is not almost grey, so that dark slate becomes bright navy, on the whole
screen. Here greys are considered, too, and an ink that could be read on its ground can be read there as well: where the nearest
ones are too similar, the ink is the nearest of those that are not.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.color import Color as Background
from textual.filter import LineFilter

from jpterm_like.tui.render.themes import luminance_of

LEVELS: Final = (7.0, 4.5, 3.0)
"""Contrast ratios of which the highest that a pair has is kept: those of WCAG 2.2."""

_STEPS: Final = (0, 95, 135, 175, 215, 255)
_GREYS: Final = range(8, 248, 10)
_FIRST: Final = 16
"""The number of the first colour that no user has changed."""
_COLOURS: Final = [
    *((red, green, blue) for red in _STEPS for green in _STEPS for blue in _STEPS),
    *((grey, grey, grey) for grey in _GREYS),
]
"""The colours from that number on."""


@lru_cache(4096)
def nearest(red: int, green: int, blue: int) -> int:
    """Return the number, 16 to 255, of the most similar colour."""
    grey = max(0, min(23, round(((red + green + blue) / 3 - 8) / 10)))
    places = [min(range(6), key=lambda step: abs(_STEPS[step] - part)) for part in (red, green, blue)]
    shade = 8 + 10 * grey
    found = [
        (16 + 36 * places[0] + 6 * places[1] + places[2], [_STEPS[place] for place in places]),
        (232 + grey, [shade] * 3),
    ]
    return min(
        found, key=lambda one: sum((a - b) ** 2 for a, b in zip(one[1], (red, green, blue), strict=True))
    )[0]


def _number(colour: Color | None) -> int | None:
    """The number of the nearest colour; None for one that is the terminal's own."""
    if colour is None or colour.triplet is None or colour.number is not None:
        return None
    return nearest(*colour.triplet)


@lru_cache(1024)
def with_nearest(style: Style) -> Style:
    """The style in colours of the 256 that keep it readable."""
    ink, ground = _number(style.color), _number(style.bgcolor)
    if ink is not None and ground is not None and style.color and style.bgcolor:
        inks, grounds = style.color.get_truecolor(), style.bgcolor.get_truecolor()
        before = _ratio(luminance_of(*inks), luminance_of(*grounds))
        wanted = next((level for level in LEVELS if before >= level), 0.0)
        if _ratio(_light(ink), _light(ground)) < wanted:
            better = _like(inks, ground, wanted)
            if better is None:  # not even with black or white
                ground = _like(grounds, ink, wanted) or ground
            ink = better or ink
    return style + Style(
        color=None if ink is None else Color.from_ansi(ink),
        bgcolor=None if ground is None else Color.from_ansi(ground),
    )


def _like(colour: tuple[int, int, int], other: int, wanted: float) -> int | None:
    """Return the number of the most similar colour with enough contrast to another; None if there is none."""
    # An ink has enough contrast if it is at least this light, or at most this dark.
    light = _light(other) + 0.05
    lightest, darkest = light * wanted - 0.05, light / wanted - 0.05
    red, green, blue = colour
    # a loop without calls: it runs for each pair of the first screen
    fitting = [
        ((r - red) ** 2 + (g - green) ** 2 + (b - blue) ** 2, number)
        for number, ((r, g, b), light) in enumerate(zip(_COLOURS, _lights(), strict=True), _FIRST)
        if light >= lightest or light <= darkest
    ]
    return min(fitting)[1] if fitting else None


@lru_cache(1)
def _lights() -> list[float]:
    """The luminance of each of `_COLOURS`."""
    return [luminance_of(red, green, blue) for red, green, blue in _COLOURS]


def _light(number: int) -> float:
    return luminance_of(*_COLOURS[number - _FIRST])


def _ratio(one: float, other: float) -> float:
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


class To256Colours(LineFilter):
    """Replaces the colours of every style by the nearest of 256."""

    def apply(self, segments: list[Segment], background: Background) -> list[Segment]:
        return [Segment(text, style and with_nearest(style), control) for text, style, control in segments]
