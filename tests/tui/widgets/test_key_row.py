"""The keys in the last row of a card."""

from __future__ import annotations

import pytest

from jpterm_like.tui.render import themes
from jpterm_like.tui.render.palette import Palette
from jpterm_like.tui.widgets.key_row import key_cells, key_row

PALETTE = Palette(themes.load(themes.folders())[0]["dark"])
KEYS = [("←→", "sitting"), ("d", ""), ("esc", "now")]


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (25, " ←→ sitting  d  esc now  "),
        (23, " ←→ sitting  d  esc now"),  # whole: only the blank behind the last word has no room
        (22, " ←→ sitting  d  esc n…"),
    ],
)
def test_keys_are_cut_only_where_there_is_no_room_for_their_words(width: int, shown: str) -> None:
    assert "".join(segment.text for segment in key_row(KEYS, width, PALETTE)) == shown
    assert (key_cells(KEYS) <= width) == ("…" not in shown)
