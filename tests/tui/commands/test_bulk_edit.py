"""A change of many lines, in virtual time: each look at the clock is a millisecond later, and an edit takes one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jpterm_like.client.events import Changed, Event
from jpterm_like.tui.commands.bulk_edit import BulkEdit, LineEdit
from jpterm_like.tui.text.layout import TextLayout
from tests.tui.desk import Desk

LINES = 2_000


class Stage:
    """A desk with a layout that follows it, a clock, and the patches that the desk made."""

    def __init__(self, text: str) -> None:
        self.desk = Desk(text, "ann", 1)
        self.layout = TextLayout(self.desk.buffer)
        self.now = 0.0
        self.patches: list[int] = []
        self.desk.listen(self._hear)

    def _hear(self, event: Event) -> None:
        if isinstance(event, Changed):
            self.layout.follow(event.patch)
            if event.mine:
                self.patches.append(len(event.patch))
                self.now += 0.001 * len(event.patch)

    def clock(self) -> float:
        self.now += 0.000_01
        return self.now


def _slices(stage: Stage, change: BulkEdit) -> list[float]:
    """Do it all, and return how long each slice took."""
    took = []
    more = True
    while more:
        began = stage.now
        more = change.step(0.1)
        took.append(stage.now - began)
    change.end()
    return took


@pytest.mark.parametrize("text", ["a line\n" * LINES, "a b " * LINES + "\n"], ids=["lines", "one line"])
def test_a_slice_is_one_patch_and_takes_no_longer_than_it_may(text: str) -> None:
    """With a patch for each edit, 100,000 lines took 12 seconds."""
    stage = Stage(text)

    def edits(row: int) -> Iterator[LineEdit | None]:
        line = stage.layout.line(row)
        for at in range(len(line) - 1, -1, -1):
            if line[at] == "a":
                yield at, at + 1, "bb"

    change = BulkEdit(stage.desk, stage.layout, 0, len(stage.layout.lines) - 1, edits, stage.clock)
    took = _slices(stage, change)
    assert stage.desk.buffer.text == text.replace("a", "bb") and change.changes == LINES
    assert len(stage.patches) <= len(took), "one patch in each slice at most"
    assert len(took) < LINES / 20, "a patch has what fits into half of the slice"
    assert max(took[2:]) < 0.15, "after two slices it is known how long an edit takes"
    assert stage.desk.undo() is not None and stage.desk.buffer.text == text, "it is one step of undo"


def test_rows_that_are_deleted_take_their_newlines_along() -> None:
    stage = Stage("".join(f"{n} x\n" for n in range(500)))
    change = BulkEdit(
        stage.desk,
        stage.layout,
        0,
        499,
        lambda row: [(0, len(stage.layout.line(row)) + 1, "")] if stage.layout.line(row)[0] != "7" else [],
        stage.clock,
    )
    _slices(stage, change)
    assert stage.desk.buffer.text == "".join(f"{n} x\n" for n in range(500) if str(n)[0] == "7")


def test_a_slow_patch_makes_the_next_ones_smaller() -> None:
    """Where each edit costs more than was thought, the slices stay short."""
    stage = Stage("a\n" * LINES)
    stage.desk.listen(lambda event: setattr(stage, "now", stage.now + 0.01 * isinstance(event, Changed) * 5))
    took = _slices(
        stage, BulkEdit(stage.desk, stage.layout, 0, LINES - 1, lambda row: [(0, 1, "b")], stage.clock)
    )
    assert max(took[3:]) < 0.2
