"""What was worked out for a text is made in what it has become."""

from __future__ import annotations

import random

import pytest

from crdt import Patch, Splice, TextBuffer
from jpterm_like.sync.pad import Pad
from jpterm_like.sync.rebase import Rebase


@pytest.mark.parametrize("seed", range(200))
def test_f10_what_others_typed_meanwhile_stays_and_what_is_left_is_deleted(seed: int) -> None:
    """Each character of the text is another one; others write small letters meanwhile, the splices capital ones."""
    chance = random.Random(seed)
    old = "".join(map(chr, range(0x4E00, 0x4E00 + chance.choice((0, 1, 5, 40)))))
    pad = Pad(TextBuffer.genesis(old))
    listeners = list(pad.on_patch)
    other = TextBuffer.decode(pad.buffer.encode())
    edges = sorted(chance.choices(range(len(old) + 1), k=2 * chance.randint(0, 6)))
    splices = [
        Splice(start, end, chance.choice(("", "A", "BCD")))
        for start, end in zip(edges[::2], edges[1::2], strict=True)
    ][::-1]
    follower = Rebase(pad)
    assert not follower.made()
    for _ in range(chance.randint(0, 8)):
        for _ in range(chance.choice((1, 1, 4))):
            at = chance.randint(0, len(other))
            other.replace(
                at, min(len(other), at + chance.choice((0, 0, 1, 6))), chance.choice(("", "x", "yz"))
            )
        pad.integrate(other.changes_since(pad.buffer.version), None)
    follower.close()
    assert pad.on_patch == listeners
    before = pad.buffer.text
    assert Patch(tuple(follower.made())).apply(old) == before
    after = Patch(tuple(follower.now(splices))).apply(before)
    wanted = Patch(tuple(splices)).apply(old)
    assert "".join(it for it in after if not it.isupper()) == "".join(
        it for it in before if it in wanted or it.islower()
    )
    assert "".join(it for it in after if not it.islower()) == "".join(
        it for it in wanted if it in before or it.isupper()
    )
