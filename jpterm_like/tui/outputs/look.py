"""The styles of outputs: those of a theme, and what the colours of escape sequences are in it."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from rich.color import Color
from rich.style import Style

from jpterm_like.tui.render.palette import Palette
from jpterm_like.tui.render.themes import contrast_wanted, readable

ANSI_WORDS: Final = ("", "error", "good", "warning", "accent", "keyword", "string", "")
"""The eight colours of ECMA-48 in a theme: black and white are that of the text, blue and magenta words of the theme."""


class Look(NamedTuple):
    """The styles of outputs."""

    text: Style
    muted: Style
    error: Style
    """The bar beside errors and what went to stderr."""
    heading: Style
    code: Style
    background: str
    """"#rrggbb"; "" if it is the terminal's."""
    inks: tuple[Color | None, ...]
    """The eight colours of escape sequences, and their bright ones; None is that of the text."""
    ink: str
    contrast: float
    is_colourless: bool

    def colour(self, number: int) -> Color | None:
        """A colour by its number of 256; None for that of the text."""
        if self.is_colourless:
            return None
        if number < len(self.inks):
            return self.inks[number]
        return self._seen(Color.from_ansi(number))

    def true_colour(self, red: int, green: int, blue: int) -> Color | None:
        return None if self.is_colourless else self._seen(Color.from_rgb(red, green, blue))

    def ground(self, number: int) -> Color | None:
        """A colour by its number, to stand behind text."""
        return None if self.is_colourless else Color.from_ansi(number)

    def _seen(self, colour: Color) -> Color:
        """A colour as far as it can be read on the background."""
        if not self.background:
            return colour
        return Color.parse(_readable(colour.get_truecolor().hex, self.ink, self.background, self.contrast))


@lru_cache(512)
def _readable(colour: str, ink: str, background: str, wanted: float) -> str:
    return readable(colour, ink, (background,), wanted)


def look_of(palette: Palette) -> Look:
    """The styles of outputs in a theme."""
    theme, colours = palette.theme, palette.theme.interface
    error = Style(bgcolor=palette.text.bgcolor) + Style(color=palette.contested.color, bold=True)
    text = palette.text

    def word(kind: str) -> Style:
        return text + (palette.word(kind) or Style())

    if palette.is_colourless:
        inks: tuple[Color | None, ...] = (None,) * 16
    elif not palette.shades:
        inks = (None, *(Color.from_ansi(number) for number in range(1, 7)), None) * 2
    else:
        named = {
            "error": colours.error, "good": colours.good, "warning": colours.warning, "accent": colours.accent,
            "keyword": theme.colour_of("keyword"), "string": theme.colour_of("string"),
        }  # fmt: skip
        wanted = contrast_wanted(theme)
        inks = (
            tuple(
                Color.parse(_readable(named[name], colours.text, colours.background, wanted))
                if name
                else None
                for name in ANSI_WORDS
            )
            * 2
        )
    background = colours.background if palette.shades and colours.background.startswith("#") else ""
    return Look(
        text,
        palette.muted,
        error,
        word("heading") + Style(bold=True),
        word("string"),
        background,
        inks,
        colours.text,
        contrast_wanted(theme),
        palette.is_colourless,
    )
