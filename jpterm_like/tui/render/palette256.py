"""Choose the nearest colour for terminals with 256 colours.

Rich uses the colour cube for everything that is not almost grey, so that dark slate becomes bright navy, on the whole
screen. Here greys are considered, too.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.color import Color as Background
from textual.filter import LineFilter

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


def _replaced(colour: Color | None) -> Color | None:
    if colour is None or colour.triplet is None or colour.number is not None:
        return None
    return Color.from_ansi(nearest(*colour.triplet))


@lru_cache(1024)
def _with_nearest(style: Style) -> Style:
    return style + Style.from_color(_replaced(style.color), _replaced(style.bgcolor))


class To256Colours(LineFilter):
    """Replaces the colours of every style by the nearest of 256."""

    def apply(self, segments: list[Segment], background: Background) -> list[Segment]:
        return [Segment(text, style and _with_nearest(style), control) for text, style, control in segments]
