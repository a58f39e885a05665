"""A text that shows its versions, beside a replica that computes them."""

from __future__ import annotations

import random

import pytest

from crdt import TextBuffer
from crdt.past import PastText
from tests.crdt.test_twin import World

BLOCK = 10


@pytest.mark.parametrize("block", range(0, 60, BLOCK))
def test_each_version_is_shown_as_it_was_and_the_present_is_unharmed(block: int) -> None:
    for seed in range(block, block + BLOCK):
        world = World(seed)
        rng = random.Random(seed)
        live: TextBuffer = world.people[0].buffer
        past: PastText | None = None
        for step in range(60):
            world.step()
            if step % 10 != 9:
                continue
            if past is None:
                past = PastText.decode(live.encode())
            past.integrate(live.changes_since(past.version))
            text = past.text
            assert text == live.text, f"seed {seed}"
            for _ in range(6):
                known = rng.choice(world.versions)
                version = known if rng.random() < 0.7 else past.version
                patch = past.show(version)
                text = patch.apply(text)
                assert text == past.text == live.at(version) == past.at(version), f"seed {seed}"
                other = rng.choice(world.versions)
                assert past.changes(other, version) == live.changes(other, version), f"seed {seed}"
                if text:
                    start = rng.randrange(len(text))
                    anchor = past.anchor(start)
                    assert past.offset(anchor) == start
            past.show(past.version)
            past.check()
