"""No pass of the garbage collector stops the keyboard for long."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from jpterm_like.tui.garbage import SLOW_S, GarbagePasses
from tests.tui.desk import Desk
from tests.tui.terminal import terminal


@pytest.fixture
def took() -> Iterator[list[float]]:
    """How long the next passes take; each reading of the clock is one of these later."""
    steps: list[float] = []
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += steps[0]
        return now

    passes = GarbagePasses(clock)
    passes.start()
    yield steps
    passes.stop()
    gc.unfreeze()


def test_a_slow_pass_looks_at_its_objects_only_once(took: list[float]) -> None:
    """In a text of a million runs a pass took half a second, again and again while the text was changed."""
    took.append(0.0)
    new = [[n] for n in range(10_000)]
    frozen = gc.get_freeze_count()
    gc.collect()
    assert gc.get_freeze_count() == frozen, "a fast pass freezes nothing: cycles may become garbage later"
    took[0] = 2 * SLOW_S
    gc.collect(0)
    assert gc.get_freeze_count() == frozen, "only full passes look at everything"
    gc.collect()
    assert gc.get_freeze_count() >= frozen + len(new)


async def test_a_closed_text_does_not_stay_frozen() -> None:
    """It is a cycle of objects, so each text that was open during a slow pass stayed until the editor ended."""
    async with terminal(Desk("one\n")) as (app, pilot, _):
        other = Desk("two\n", site=2)
        other.address = "/tmp/other.md"
        await app._add(other, None)
        gc.disable()
        try:
            gc.freeze()
            app._drop(app.editor)
            assert gc.get_freeze_count() == 0
            gc.freeze()
            await pilot.press("alt+minus")
            await pilot.pause()
            assert len(app.screen_stack) == 2
            await pilot.press("escape")
            await pilot.pause()
            assert len(app.screen_stack) == 1 and gc.get_freeze_count() == 0
        finally:
            gc.enable()
