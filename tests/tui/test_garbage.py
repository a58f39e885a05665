"""No pass of the garbage collector stops the keyboard for long."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from jpterm_like.tui.garbage import SLOW_S, GarbagePasses


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
