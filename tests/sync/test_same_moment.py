"""Two who are connected and change one word before either has heard of the other are both told; all else is not worth a word."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from jpterm_like.history.decisions import Choice
from jpterm_like.history.review import Review
from jpterm_like.history.review_items import Kind, items_of
from tests.sync.network import Peer, SlowDisk, session_of, simulate
from tests.sync.test_catching_up import Apart, Edit, change, insert

TEXT = "the color of rope\n\nhello world\n\nthe end\n"


def change_at(at: int, end: int, put: str) -> Edit:
    def do(peer: Peer) -> None:
        session_of(peer).replace(at, end, put)

    return do


def told(world: Apart, name: str) -> list[str]:
    return [it for it in world.told[name] if "changed the same" in it]


CASES = {
    "letters into one word": (insert(8, "u"), insert(9, "s"), Kind.BOTH_CHANGED, "word at 1:5"),
    "the same letters": (
        change("color", "colour"),
        change("color", "colour"),
        Kind.SAME_CHANGE,
        "word at 1:5",
    ),
    "letters out of one word": (
        change("color", "olor"),
        change("color", "coor"),
        Kind.BOTH_DELETED,
        "word at 1:5",
    ),
    "in a deleted line": (insert(24, " brave"), change_at(19, 30, ""), Kind.THEY_DELETED, "place at 3:1"),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("seed", range(3))
def test_both_are_told_and_have_it_in_their_reviews(case: str, seed: int, tmp_path: Path) -> None:
    one, other, kind, place = CASES[case]

    async def live(chance: random.Random) -> None:
        world = Apart(tmp_path, chance, TEXT)
        ann, bob = await world.join("ann"), await world.join("bob")
        await asyncio.sleep(3)
        one(ann)
        await asyncio.sleep(chance.uniform(0, 0.001))
        other(bob)
        await world.scene.settle(ann, bob)
        kinds = []
        for peer, name in ((ann, "bob"), (bob, "ann")):
            session = session_of(peer)
            assert told(world, peer.name) == [f"You and {name} changed the same {place}."]
            assert session.apart is not None
            (item,) = items_of(session.buffer, session.apart, True)
            kinds.append(item.kind)
        assert kinds[0] is kind
        session = session_of(bob)
        assert session.apart is not None
        review = Review(session.apart, tuple(items_of(session.buffer, session.apart, True)))
        review.decide(Choice.THEIRS, session)
        text = await world.scene.settle(ann, bob)
        mine = (
            {"color": "colour", "hello": "hello brave"}
            if kind is not Kind.BOTH_DELETED
            else {"color": "olor"}
        )
        assert text in [TEXT.replace(*it) for it in mine.items()]

    simulate(seed, live)


@pytest.mark.parametrize("seed", range(4))
def test_two_who_write_beside_each_other_are_not_interrupted(seed: int, tmp_path: Path) -> None:
    """At the words before and behind, in one paragraph, key after key, as people do; and one after the other in one word."""

    async def live(chance: random.Random) -> None:
        world = Apart(tmp_path, chance, TEXT)
        ann, bob = await world.join("ann"), await world.join("bob")
        await asyncio.sleep(3)
        for at in range(30):
            text = session_of(ann).text
            insert(text.index(" of"), "a")(ann)
            insert(session_of(bob).text.index(" rope"), " b"[at % 5 > 0])(bob)
            await asyncio.sleep(chance.uniform(0.0, 0.1))
        change("hello ", "")(ann)
        insert(session_of(bob).text.index("world"), "big ")(bob)
        await world.scene.settle(ann, bob)
        insert(session_of(ann).text.index(" end"), "x")(ann)
        await asyncio.sleep(0.3)
        insert(session_of(bob).text.index(" end"), "y")(bob)
        await world.scene.settle(ann, bob)
        assert told(world, "ann") == told(world, "bob") == []
        assert session_of(ann).apart is session_of(bob).apart is None

    simulate(seed, live)


def test_a_slow_disk_of_the_server_is_no_sign_of_one_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def live(chance: random.Random) -> None:
        world = Apart(tmp_path, chance, TEXT)
        ann, bob = await world.join("ann"), await world.join("bob")
        await asyncio.sleep(3)
        monkeypatch.setattr(SlowDisk, "sync", lambda self, stores: asyncio.sleep(30))
        insert(8, "u")(ann)
        await asyncio.sleep(2)
        insert(10, "s")(bob)
        await asyncio.sleep(2)
        assert session_of(ann).unsent and told(world, "ann") == told(world, "bob") == []

    simulate(1, live)
