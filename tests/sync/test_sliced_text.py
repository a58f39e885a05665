"""A long text is read in pieces while people write."""

from __future__ import annotations

import random

import pytest

from crdt import TextBuffer
from jpterm_like.sync import sliced_text
from jpterm_like.sync.pad import Pad
from jpterm_like.sync.sliced_text import SlicedText


@pytest.mark.parametrize("seed", range(100))
def test_f10_what_is_read_in_pieces_is_the_text_as_it_is_at_the_end(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two pieces edits come before, after and across the place that was reached."""
    monkeypatch.setattr(sliced_text, "PIECE", 3)
    chance = random.Random(seed)
    pad = Pad(TextBuffer.genesis("".join(chance.choices("abc\n", k=chance.choice((0, 1, 20, 60))))))
    other = TextBuffer.decode(pad.buffer.encode())
    listeners = list(pad.on_patch)
    read = SlicedText(pad)
    while read.step():
        for _ in range(chance.randint(0, 3)):
            at = chance.randint(0, len(pad.buffer))
            end = min(len(pad.buffer), at + chance.choice((0, 0, 1, 4, 30)))
            if chance.random() < 0.2:
                pad.undo(0.0)
            elif chance.random() < 0.7:
                pad.replace(at, end, chance.choice(("", "X", "YYYYY")), 0.0)
            else:  # many places at once
                for _ in range(3):
                    place = chance.randint(0, len(other))
                    other.replace(place, min(len(other), place + chance.randint(0, 3)), "ZZ")
                pad.integrate(other.changes_since(pad.buffer.version), None)
                other.integrate(pad.buffer.changes_since(other.version))
        if len(pad.buffer) > 400:
            pad.replace(0, len(pad.buffer), "", 0.0)
    assert read.text == pad.buffer.text
    read.close()
    assert pad.on_patch == listeners
