"""The last row of a card: keys, each with what it does."""

from __future__ import annotations

from collections.abc import Sequence

from jpterm_like.tui.render.diff import Row
from jpterm_like.tui.render.palette import Palette
from jpterm_like.tui.render.row import Word, fit_words
from jpterm_like.tui.text.cells import width_of


def key_row(keys: Sequence[tuple[str, str]], width: int, palette: Palette) -> Row:
    """Lay out keys and their words, which may be empty, in exactly `width` cells."""
    row: list[Word] = []
    for key, does in keys:
        row += [(" ", palette.bar), (key, palette.bar_strong), (f" {does}" if does else "", palette.bar)]
        row.append((" ", palette.bar))  # on its own: the one behind the last key may have no room
    return fit_words(row, width, palette.bar)


def key_cells(keys: Sequence[tuple[str, str]]) -> int:
    """The cells that keys take, without the blank behind the last one."""
    return sum(width_of(key) + width_of(does) + 2 + bool(does) for key, does in keys) - 1
