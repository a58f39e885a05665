"""Which messages of a kernel are missing, by their numbers."""

from __future__ import annotations

import random

from jpterm_like.kernels.gaps import HOLES_MAX, SETTLE_S, Counters, Gap


def test_a_number_that_iopub_passed_is_missing_after_two_seconds() -> None:
    counters = Counters()
    for number in (0, 1, 2, 6):
        counters.saw(f"s_1_{number}", 0.0, on_iopub=True)
    assert counters.next_at() == SETTLE_S
    assert counters.settled(SETTLE_S - 0.01) == []
    counters.saw("s_1_4", 1.0, on_iopub=False)  # overtaken
    assert counters.settled(SETTLE_S) == [Gap("s_1", 3, 3), Gap("s_1", 5, 5)]
    assert counters.settled(100.0) == [] and counters.next_at() is None


def test_a_reply_that_overtakes_a_flood_leaves_no_gap() -> None:
    """60,000 displays were called missing when the reply on shell came before them."""
    counters = Counters()
    counters.saw("s_1_0", 0.0, on_iopub=True)
    counters.saw("s_1_60001", 0.0, on_iopub=False)
    for number in range(1, 60_001):
        now = number / 1000
        assert counters.settled(now) == []
        counters.saw(f"s_1_{number}", now, on_iopub=True)
    assert counters.settled(1e9) == []


def test_silence_tells_a_gap_too() -> None:
    """The kernel has sent all that it had, and the last messages on iopub never came."""
    counters = Counters()
    counters.saw("s_1_0", 0.0, on_iopub=True)
    counters.saw("s_1_9", 1.0, on_iopub=False)
    assert counters.settled(1.0 + SETTLE_S) == [Gap("s_1", 1, 8)]


def test_ids_without_a_number_have_no_gaps() -> None:
    counters = Counters()
    for name in ("0d5f", "a-b-c", "", "s_1_" + "9" * 30, "s_1", "_1_2"):
        assert counters.saw(name, 0.0, on_iopub=True) == []
    assert counters.settled(1e9) == [] and counters.state() == {}


def test_random_orders_against_a_set() -> None:
    """Numbers come in any order, some never; what is told is exactly what is missing, also over a change of keepers."""
    for seed in range(200):
        chance = random.Random(seed)
        numbers = [number for number in range(1, 60) if chance.random() < 0.8]
        chance.shuffle(numbers)
        counters = Counters()
        counters.saw("s_1_0", 0.0, on_iopub=True)
        for at, number in enumerate(numbers):
            counters.saw(f"s_1_{number}", 0.0, on_iopub=chance.random() < 0.5)
            if at == 20:
                state = counters.state()
                counters = Counters()
                counters.restore(state, 0.0)
        told = [number for gap in counters.settled(9.0) for number in range(gap.first, gap.last + 1)]
        assert told == sorted(set(range(max(numbers))) - {0, *numbers}), seed


def test_more_holes_than_can_be_kept_are_told_at_once() -> None:
    counters = Counters()
    told = [
        gap
        for number in range(0, 4 * HOLES_MAX, 2)
        for gap in counters.saw(f"s_1_{number}", 0.0, on_iopub=True)
    ]
    told += counters.settled(9.0)
    assert [gap.first for gap in told] == list(range(1, 4 * HOLES_MAX - 1, 2))


def test_what_an_earlier_keeper_told_is_not_told_again() -> None:
    counters = Counters()
    for number in (0, 9):
        counters.saw(f"s_1_{number}", 0.0, on_iopub=True)
    counters.told(Gap("s_1", 3, 4))
    assert counters.settled(9.0) == [Gap("s_1", 1, 2), Gap("s_1", 5, 8)]
