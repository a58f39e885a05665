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

from jpterm_like.tui.render.themes import luminance

LEVELS: Final = (7.0, 4.5, 3.0)
"""Contrast ratios of which the highest that a pair has is kept: those of WCAG 2.2."""

_STEPS: Final = (0, 95, 135, 175, 215, 255)


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
        before = _ratio(_light(*inks), _light(*grounds))
        wanted = next((level for level in LEVELS if before >= level), 0.0)
        if _ratio(_lights()[ink], _lights()[ground]) < wanted:
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
    lights = _lights()
    fitting = [number for number in range(16, 256) if _ratio(lights[number], lights[other]) >= wanted]

    def distance(number: int) -> int:
        return sum((a - b) ** 2 for a, b in zip(_colour(number), colour, strict=True))

    return min(fitting, key=distance, default=None)


@lru_cache(1)
def _lights() -> list[float]:
    """The luminance of each colour."""
    return [_light(*_colour(number)) for number in range(256)]


@lru_cache(256)
def _colour(number: int) -> tuple[int, int, int]:
    return Color.from_ansi(number).get_truecolor()


def _light(red: int, green: int, blue: int) -> float:
    return luminance(f"#{red:02x}{green:02x}{blue:02x}")


def _ratio(one: float, other: float) -> float:
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


class To256Colours(LineFilter):
    """Replaces the colours of every style by the nearest of 256."""

    def apply(self, segments: list[Segment], background: Background) -> list[Segment]:
        return [Segment(text, style and with_nearest(style), control) for text, style, control in segments]
