"""The signs beside lines that are not saved, or changed since the last commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from jpterm_like.tui.text.line_changes import Kind


class Sign(NamedTuple):
    """What a sign says of a line."""

    kind: Kind
    """Of removed lines the sign is at the line before them."""
    is_unsaved: bool
    """Not saved; else saved, and changed since the last commit."""
    above: bool = False
    """The removed lines were the first ones of the text."""


GLYPHS: Final = {
    (True, "added"): "▌",
    (True, "changed"): "▌",
    (True, "removed"): "▂",
    (False, "added"): "│",
    (False, "changed"): "│",
    (False, "removed"): "▁",
}

GLYPHS_WITHOUT_COLOUR: Final = {
    **GLYPHS,
    (True, "added"): "+",
    (True, "changed"): "~",
    (False, "changed"): "┆",
}


def glyph(sign: Sign, colourless: bool) -> str:
    """The character of a sign: thick for what is unsaved, thin for the rest."""
    if sign.above:
        return "▔"
    return (GLYPHS_WITHOUT_COLOUR if colourless else GLYPHS)[sign.is_unsaved, sign.kind]
