"""Terminals without colours, or that shall have none. Loaded for terminals that promise neither 256 colours nor more."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

COLOURS_MIN: Final = 8
"""With fewer colours there are none for people and code, and nothing is coloured."""


def has_colours(term: str) -> bool:
    """Whether a terminal of this name has colours, by the system's database; a name that is not in it counts as one that has.

    The first call decides for the whole process, as in the library that is asked.
    """
    try:
        import _curses  # `curses` itself would import more
    except ImportError:
        return True
    try:
        _curses.setupterm(term, 1)
    except _curses.error:
        return True
    return _curses.tigetnum("colors") >= COLOURS_MIN


class Colourless(LineFilter):
    """Removes the colours, and reverses what stands on a ground of its own, such as a chosen row: Textual loses that attribute."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            Segment(text, style and _without_colours(style), control) for text, style, control in segments
        ]


@lru_cache(1024)
def _without_colours(style: Style) -> Style:
    ground = style.bgcolor
    is_own = ground is not None and not ground.is_default and ground.number != 0  # 0: black, behind dialogs
    return style.without_color + Style(reverse=is_own or style.reverse)
