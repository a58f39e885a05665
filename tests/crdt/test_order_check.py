"""The check of the order, which `jpterm-like verify` runs on texts of any length, beside one that looks at each character."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable
from functools import partial

from crdt import TextBuffer
from crdt.site import NO_SITE


def check_each_character(buffer: TextBuffer) -> None:
    """The slow twin of `Order.check`: one step of the path for each character."""
    path: list[tuple[int, int]] = []
    last_child: dict[tuple[int, int], tuple[int, int, int]] = {}
    for run in buffer._order._runs:
        for seq in range(run.seq, run.seq + run.length):
            parent_site, parent_seq, counter = run.site.origin(seq)
            parent = (parent_site, parent_seq if parent_site != NO_SITE else 0)
            while path and path[-1] != parent:
                path.pop()
            assert path or parent_site == NO_SITE
            key = (-counter, run.site.id, -seq)
            assert parent not in last_child or last_child[parent] < key
            last_child[parent] = key
            path.append((run.site.index, seq))


def is_in_order(check: Callable[[], None]) -> bool:
    try:
        check()
    except AssertionError:
        return False
    return True


def written_by_three(chance: random.Random) -> TextBuffer:
    """A text in which three people wrote, some of it without knowing of each other."""
    buffers = [TextBuffer(site=site) for site in (1, 2, 3)]
    for _ in range(chance.randint(1, 25)):
        one = chance.choice(buffers)
        start = chance.randint(0, len(one))
        end = min(len(one), start + chance.choice((0, 0, 1, 3)))
        one.replace(start, end, chance.choice(("", "a", "bcd", "efghi")))
        if chance.random() < 0.4:
            other = chance.choice(buffers)
            other.integrate(one.changes_since(other.version))
    for other in buffers[1:]:
        buffers[0].integrate(other.changes_since(buffers[0].version))
    return buffers[0]


def test_stretches_judge_as_each_character_does() -> None:
    """Texts as they are, and with two neighbouring runs in the wrong order."""
    wrong = 0
    for seed in range(400):
        chance = random.Random(seed)
        buffer = written_by_three(chance)
        buffer.check()
        check_each_character(buffer)
        chunks = [
            chunk
            for section in buffer._runs.sections
            for group in section.groups
            for chunk in group.chunks
            if len(chunk.runs) > 1
        ]
        if not chunks:
            continue
        runs = chance.choice(chunks).runs
        at = chance.randrange(len(runs) - 1)
        runs[at], runs[at + 1] = runs[at + 1], runs[at]
        expected = is_in_order(partial(check_each_character, buffer))
        assert is_in_order(buffer._order.check) is expected, seed
        wrong += not expected
    assert wrong > 100


def test_a_long_text_is_checked_in_little_memory() -> None:
    """`verify` took 400 bytes for each character: 16 GB for a file of 45 MB."""
    buffer = TextBuffer.genesis("some words in a line\n" * 5_000)
    buffer.replace(50_000, 50_010, "other")
    tracemalloc.start()
    try:
        buffer._order.check()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100_000, peak
