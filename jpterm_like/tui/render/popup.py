"""Lays a short list beside a place in the text, as notes over its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from jpterm_like.tui.render.palette import Palette
from jpterm_like.tui.render.row import Note
from jpterm_like.tui.text.cells import clean, width_of

ROWS_MAX: Final = 8
"""The most rows of the list; the others are scrolled to."""

WIDTH_MAX: Final = 40
"""The most cells of a word in it."""

TAB_HINT: Final = " tab"
"""Stands behind the word that the tab key takes."""


class Popup(NamedTuple):
    """A list of words, one of which may be chosen."""

    words: Sequence[str]
    chosen: int | None
    """None: the keys of the list are still those of the text, except tab, which takes the first word."""


class Room(NamedTuple):
    """Where a list may be: the screen rows of the line that it belongs to stay free."""

    x: int
    first: int
    last: int
    """The first and the last row of the line."""
    width: int
    height: int


def popup_notes(popup: Popup, room: Room, palette: Palette) -> list[tuple[int, Note]]:
    """Return the rows of a list as (row of the screen, note); below the line if there is room, else above it; none without any room."""
    below, above = room.height - room.last - 1, room.first
    wanted = min(len(popup.words), ROWS_MAX)
    is_below = below >= min(wanted, above)
    count = min(wanted, below if is_below else above)
    if count <= 0:
        return []
    chosen = popup.chosen or 0
    start = max(0, min(chosen - count // 2, len(popup.words) - count))
    shown = [_cut(clean(word), min(WIDTH_MAX, room.width - 2)) for word in popup.words[start : start + count]]
    hint = TAB_HINT if popup.chosen is None else ""
    widths = [width_of(word) for word in shown]
    width = min(room.width, max(max(widths), widths[0] + len(hint)) + 2)
    x = max(0, min(room.x - 1, room.width - width))
    y = room.last + 1 if is_below else room.first - count
    notes = []
    for number, word in enumerate(shown):
        is_chosen = popup.chosen is not None and start + number == popup.chosen
        style = palette.popup_chosen if is_chosen else palette.popup
        blanks = width - 1 - widths[number]
        notes.append((y + number, Note(x, f"{'>' if is_chosen else ' '}{word}{' ' * blanks}", style)))
        if hint and number == 0 and blanks > len(hint):
            notes.append((y, Note(x + width - len(hint) - 1, f"{hint} ", palette.popup_hint)))
    return notes


def _cut(word: str, width: int) -> str:
    """A word in at most so many cells."""
    if width_of(word) <= width:
        return word
    while word and width_of(word) >= width:
        word = word[:-1]
    return f"{word}…"
