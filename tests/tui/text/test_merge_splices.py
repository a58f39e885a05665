"""Many splices told as few change the same text."""

from __future__ import annotations

import random
import re

import pytest

from crdt import Patch, TextBuffer
from crdt.patch import Splice
from jpterm_like.tui.commands import basic, editing
from jpterm_like.tui.text.line_index import Lines
from jpterm_like.tui.text.merge_splices import SPLICES_MAX, merge_splices
from tests.tui.desk import Desk
from tests.tui.terminal import terminal, until


@pytest.mark.parametrize("seed", range(40))
def test_a_merged_patch_makes_the_same_text(seed: int) -> None:
    dice = random.Random(seed)
    text = "".join(dice.choices("abc\n", k=200))
    buffer = TextBuffer.genesis(text)
    ends = sorted(dice.sample(range(201), 2 * dice.randint(1, 30)))
    splices = [
        Splice(start, end, dice.choice(("", "x", "yy\n")))
        for start, end in zip(ends[::2], ends[1::2], strict=True)
    ]
    patch = buffer.replace_all(splices[::-1])
    for count_max in (1, 2, 7, 100):
        merged = merge_splices(patch, buffer, count_max)
        assert len(merged) <= count_max and merged.apply(text) == buffer.text
        assert merged is patch or len(patch) > count_max


async def test_undoing_many_places_is_followed_as_some(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows, colours and signs were looked up for each of a hundred thousand places, for seconds."""
    desk = Desk("some words\n" * 2_000)
    async with terminal(desk) as (app, _, _):
        desk.replace_all([Splice(at, at + 4, "more") for at in range(11 * 1_999, -1, -11)])
        looked: list[int] = []
        splice = Lines.splice
        monkeypatch.setattr(Lines, "splice", lambda self, *edit: looked.append(1) or splice(self, *edit))
        for module in (editing, basic):
            monkeypatch.setattr(module, "BULK_STEP_S", 1e3)  # in one slice, also on a slow machine
        app.editor.run("undo")
        assert desk.buffer.text == "some words\n" * 2_000
        assert len(looked) <= SPLICES_MAX
        assert app.editor.text_layout.line(1_998) == "some words"


async def test_matches_in_many_changed_places_are_counted_again_in_steps() -> None:
    """They were searched in all rows that changed, before the next key."""
    desk = Desk("some words\n" * 2_000)
    async with terminal(desk) as (app, pilot, _):
        await pilot.press("ctrl+f", *"words")
        await pilot.pause()
        matches = app.editor.search.matches
        assert matches is not None
        await until(pilot, lambda: not matches.counting)
        assert len(matches.starts) == 2_000
        desk.replace_all([Splice(at + 5, at + 10, "text" * 10) for at in range(11 * 1_998, 11 * 100, -22)])
        assert len(matches.starts) < 200, "only those before the change are known now"
        await until(pilot, lambda: not matches.counting)
        assert matches.starts == [found.start() for found in re.finditer("words", desk.buffer.text)]


def test_patches_of_few_splices_stay_as_they_are() -> None:
    patch = Patch((Splice(5, 5, "!"), Splice(0, 1, "J")))
    assert merge_splices(patch, TextBuffer.genesis("Jello!")) is patch
