"""Which of many carets are left when they meet."""

from __future__ import annotations

import random

import pytest

from crdt import TextBuffer
from jpterm_like.tui.text.cursors import Cursor, apart
from jpterm_like.tui.text.layout import TextLayout


def slow_apart(cursors: list[Cursor]) -> list[Cursor]:
    """Each is held against all that are kept."""
    kept: list[Cursor] = []
    for cursor in cursors:
        start, end = cursor.selection
        selections = [other.selection for other in kept]
        if not any((start, end) == (low, high) or (start < high and low < end) for low, high in selections):
            kept.append(cursor)
    return kept


@pytest.mark.parametrize("length", [3, 10, 60])
def test_the_carets_that_are_kept_are_those_that_the_slow_way_keeps(length: int) -> None:
    layout = TextLayout(TextBuffer.genesis("x" * length, site=1))
    dice = random.Random(length)
    for _ in range(200):
        cursors = []
        for _ in range(dice.randint(1, 12)):
            cursor = Cursor(layout)
            cursor.put(dice.randint(0, length), dice.choice([None, dice.randint(0, length)]))
            cursors.append(cursor)
        assert apart(cursors) == slow_apart(cursors)
