"""The styles that widgets use, made from a theme."""

from __future__ import annotations

from functools import cached_property
from typing import Final, NamedTuple

from rich.color import Color
from rich.segment import Segment
from rich.style import Style

from jpterm_like.tui.render.signs import Sign, glyph
from jpterm_like.tui.render.themes import (
    KINDS,
    SIGN_CONTRAST,
    Interface,
    Theme,
    contrast,
    contrast_wanted,
    mix,
    readable,
    readable_hint,
)

FOUND_SHARE: Final = 0.24
"""Share of the warning colour in the background of a match."""

SELECTED_SHARE: Final = 0.2
"""Share of a person's colour in the background of their selection."""

COMMITTED_SHARE: Final = 0.65
"""Share of its colour in the sign of a line that is saved and not committed: quieter than an unsaved one."""

_CAPTURE_ALIASES: Final = {
    "boolean": "constant",
    "character": "string",
    "charset": "keyword",
    "code": "string",
    "constructor": "type",
    "delimiter": "punctuation",
    "escape": "constant",
    "field": "property",
    "float": "number",
    "import": "keyword",
    "include": "keyword",
    "keyframes": "keyword",
    "label": "constant",
    "markup.heading": "heading",
    "markup.link": "link",
    "markup.quote": "quote",
    "markup.raw": "string",
    "media": "keyword",
    "method": "function",
    "module": "type",
    "namespace": "type",
    "parameter": "",
    "repeat": "keyword",
    "string.escape": "constant",
    "supports": "keyword",
    "text.emphasis": "emphasis",
    "text.literal": "string",
    "text.quote": "quote",
    "text.reference": "link",
    "text.strike": "strike",
    "text.strong": "strong",
    "text.title": "heading",
    "text.uri": "link",
    "punctuation.special": "operator",
    "type.builtin": "type",
    "variable.builtin": "constant",
}
"""Other names used by grammars; of an unknown name the first part counts."""


class PersonStyles(NamedTuple):
    """The styles of one other person."""

    caret: Style
    selection: Style
    tag: Style
    name: Style
    """Style of the name in the status bar."""


class Palette:
    """A theme as styles for the widgets."""

    def __init__(self, theme: Theme, colourless: bool = False, undercurls: bool = False) -> None:
        """With `colourless` (NO_COLOR, or a terminal without colours), use only reverse, underline, bold and italic; with
        `undercurls`, curly lines (see `undercurl`)."""
        self.theme = theme
        self.is_colourless = colourless
        self._sign_segments: dict[tuple[Sign, Style], Segment] = {}
        self._words: dict[str, Style | None] = {}
        colours = theme.interface
        # Shades are unavailable without colours, and unreliable with sixteen that the user may have changed.
        self.shades = theme.kind != "terminal" and not colourless

        def style(
            text: str | None,
            background: str | None,
            bold: bool = False,
            dim: bool = False,
            underline: bool = False,
            reverse: bool = False,
        ) -> Style:
            return Style(
                color=None if text is None or colourless else Color.parse(text),
                bgcolor=None if background is None or colourless else Color.parse(background),
                bold=bold,
                dim=dim,
                underline=underline,
                reverse=reverse,
            )

        back = colours.background
        self.text = style(colours.text, back)
        # Where a terminal's own colour for it would be that of the text, muted text is dim, which shows on any background.
        is_dim = colourless or colours.muted == "default"
        self.muted = style(colours.muted, back, dim=is_dim)
        self.number = self.muted
        self.current_number = style(colours.current_number, colours.current_line, bold=True)
        self.current_line = style(colours.text, colours.current_line)
        self.selection = style(None, colours.selection, reverse=colourless or theme.kind == "terminal")
        if not self.shades and not colourless:
            self.selection = Style(reverse=True)
        # The current match is the loudest thing in the text; the others are shaded, so that their colours stay.
        if self.shades:
            self.found = Style(bgcolor=Color.parse(mix(back, colours.warning, FOUND_SHARE)), underline=True)
            self.current_match = style(
                _readable_on(colours.warning, colours), colours.warning, bold=True, underline=True
            )
            self.bracket = Style(bgcolor=Color.parse(colours.selection), bold=True, underline=True)
        else:
            self.found = style(colours.warning, None, bold=True, underline=True)
            self.current_match = style(
                _readable_on(colours.warning, colours),
                colours.warning,
                bold=True,
                underline=True,
                reverse=colourless,
            )
            self.bracket = style(colours.accent, None, bold=True, underline=True)
        self._signs = {
            (kind, is_unsaved): style(
                colour if is_unsaved or not self.shades else self._quiet_sign(colour),
                None,
                bold=is_unsaved,
                dim=not is_unsaved and not self.shades,
            )
            for kind, colour in (
                ("added", colours.good),
                ("changed", colours.warning),
                ("removed", colours.error),
            )
            for is_unsaved in (True, False)
        }
        self.trace = style(colours.accent, back, bold=True)
        self.fold = style(colours.bar_text, colours.bar, reverse=not self.shades)
        words = contrast_wanted(theme)
        signs = words if theme.is_high_contrast else SIGN_CONTRAST
        blank = self._on_all_grounds(colours.muted, signs) if self.shades else colours.muted
        self.blank = style(blank, None, dim=is_dim)
        self.ruler = Style(bgcolor=Color.parse(colours.bar)) if self.shades else self.muted
        self.ruler_sign = " " if self.shades else "│"
        self.found_mark = style(colours.warning, back)
        self.special = style(colours.special, None, bold=not self.shades)
        self.track = self.muted
        self.bar = style(colours.bar_text, colours.bar, reverse=colourless)
        self.bar_muted = style(readable_hint(theme), colours.bar, reverse=colourless)
        self.bar_strong = style(colours.bar_text, colours.bar, bold=True, reverse=colourless)
        self.placeholder = style(self._placeholder_ink(), colours.current_line, dim=is_dim)
        # A list over the text.
        self.popup = self.bar
        self.popup_hint = self.bar_muted
        self.popup_chosen = style(
            _readable_on(colours.accent, colours), colours.accent, bold=True, underline=colourless
        )
        error = self._on_all_grounds(colours.error, words) if self.shades else colours.error
        self.contested = style(error, None, bold=True)
        # A curly line says it alone; a plain one also marks links and matches, so it gets a colour, or is slanted.
        if undercurls:
            self.misspelled = Style(underline2=True)
        else:
            self.misspelled = style(error, None, underline=True) + Style(italic=colourless)
        # What is gone is struck and what is new underlined, for terminals without colours, too.
        gone, new, remark = (
            self._on_all_grounds(ink, words) if self.shades else ink
            for ink in (colours.error, colours.good, colours.muted)
        )
        self.gone = style(gone, None) + Style(strike=True)
        self.new = style(new, None, underline=True)
        self.remark = style(remark, colours.bar, dim=is_dim, reverse=colourless) + Style(italic=self.shades)
        """What is said of a line, behind its end."""
        self.selected_tab = style(colours.text, back, bold=True)
        self.warning = style(colours.warning, colours.bar, bold=True, reverse=colourless)
        self.error = style(colours.error, colours.bar, bold=True, reverse=colourless)
        offer = (
            readable(colours.accent, colours.bar_text, [colours.bar], words)
            if self.shades
            else colours.accent
        )
        self.offer = style(offer, colours.bar, bold=True, reverse=colourless)
        """What one may do, and need not."""
        self.people = tuple(self._person(colour, colourless) for colour in theme.people)

    def _placeholder_ink(self) -> str:
        """The colour of words that stand where text is going to be."""
        theme, colours = self.theme, self.theme.interface
        if not self.shades:
            return colours.muted
        grounds = (colours.background, colours.current_line)
        return readable(readable_hint(theme), colours.text, grounds, contrast_wanted(theme))

    def _quiet_sign(self, colour: str) -> str:
        """A dimmer colour for the sign of a line that is saved and not committed, as far as it can be seen."""
        colours = self.theme.interface
        wanted = contrast_wanted(self.theme) if self.theme.is_high_contrast else SIGN_CONTRAST
        dim = mix(colours.background, colour, COMMITTED_SHARE)
        return readable(dim, colour, (colours.background, colours.current_line), wanted)

    def _on_all_grounds(self, ink: str, wanted: float) -> str:
        """An ink that can be read on everything that text stands on."""
        return readable(ink, self.theme.interface.text, self._grounds, wanted)

    @cached_property
    def _grounds(self) -> list[str]:
        """Everything that text stands on."""
        theme, colours = self.theme, self.theme.interface
        grounds = [colours.background, colours.current_line, colours.selection, colours.bar]
        grounds.append(mix(colours.background, colours.warning, FOUND_SHARE))
        return grounds + [mix(colours.background, person, SELECTED_SHARE) for person in theme.people]

    def sign(self, sign: Sign, number: Style) -> Segment:
        """A sign in front of a line whose number is in this style."""
        segment = self._sign_segments.get((sign, number))
        if segment is None:
            style = Style(bgcolor=number.bgcolor) + self._signs[sign.kind, sign.is_unsaved]
            segment = self._sign_segments[sign, number] = Segment(glyph(sign, self.is_colourless), style)
        return segment

    def word(self, kind: str) -> Style | None:
        """Return the style of a kind of word, by its name in a grammar; None for plain text."""
        if kind not in self._words:
            self._words[kind] = self._word(kind)
        return self._words[kind]

    def _word(self, kind: str) -> Style | None:
        name = kind
        while name not in _CAPTURE_ALIASES and name not in KINDS and "." in name:
            name = name.rpartition(".")[0]
        name = _CAPTURE_ALIASES.get(name, name)
        if name == "strike":
            colour = None if self.is_colourless else Color.parse(self.theme.colour_of("comment"))
            return Style(color=colour, strike=True)
        if name in ("emphasis", "strong"):
            return Style(italic=name == "emphasis", bold=name == "strong")
        if kind in ("embedded", "none"):  # code within a string
            return None if self.is_colourless else Style(color=Color.parse(self.theme.interface.text))
        if name not in KINDS:
            return None
        colour = None if self.is_colourless else Color.parse(self.theme.colour_of(name))
        plain = not self.is_colourless and self.theme.colour_of(name) == self.theme.interface.text
        bold = name == "heading" or (self.is_colourless and name == "keyword")
        dim = name in ("comment", "quote") and (self.is_colourless or plain)
        if plain and not bold and not dim:
            return None
        return Style(
            color=colour,
            bold=bold,
            dim=dim,
            italic=name == "comment" and self.shades,
            underline=name == "link",
        )

    def _person(self, colour: str, colourless: bool) -> PersonStyles:
        interface = self.theme.interface
        if colourless:
            caret = Style(reverse=True, bold=True, underline=True)
            return PersonStyles(
                caret, Style(underline=True), Style(reverse=True), Style(reverse=True, underline=True)
            )
        solid = Color.parse(colour)
        on = Color.parse(_readable_on(colour, interface))
        caret = Style(color=on, bgcolor=solid, bold=True)
        if self.shades:
            selection = Style(bgcolor=Color.parse(mix(interface.background, colour, SELECTED_SHARE)))
        else:
            selection = Style(color=solid, underline=True)
        bar = Color.parse(interface.bar)
        return PersonStyles(caret, selection, caret, Style(color=solid, bgcolor=bar, bold=True))


def _readable_on(colour: str, interface: Interface) -> str:
    if not colour.startswith("#"):
        return "black"
    return max(("#000000", "#ffffff"), key=lambda ink: contrast(ink, colour))
