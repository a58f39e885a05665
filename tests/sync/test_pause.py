"""A paused connection, in virtual time: nothing goes either way, nothing is lost, and it ends only when its user says so."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from jpterm_like.client.events import LineMessage, RequestFailed, Status
from tests.sync.network import simulate
from tests.sync.test_outages import Scene, once


def test_writing_goes_on_unseen_until_it_is_resumed(tmp_path: Path) -> None:
    async def main(chance: random.Random) -> None:
        scene = Scene(tmp_path, chance)
        ann, bob = await scene.join("ann"), await scene.join("bob")
        assert ann.session is not None and bob.session is not None
        ann.session.pause()
        await asyncio.sleep(1)
        assert (ann.session.status.state, ann.session.status.is_paused) == ("offline", True)
        assert [person.name for person in bob.session.people] == []
        ann.session.replace(0, 0, "<unseen>")
        bob.session.replace(0, 0, "<bobs>")
        with pytest.raises(RequestFailed, match="paused"):
            await ann.session.save()
        await asyncio.sleep(300)
        assert ann.session.status.is_paused and ann.session.unsent == len("<unseen>")
        assert "<unseen>" not in bob.session.text and "<bobs>" not in ann.session.text
        ann.session.retry_now()
        once(await scene.settle(ann, bob), "<unseen>", "<bobs>")
        assert ann.session.status == Status("connected")

    simulate(1, main)


@pytest.mark.parametrize(
    "at_once", [True, False], ids=["before it has connected", "while it waits to try again"]
)
def test_it_can_be_paused_without_a_connection(tmp_path: Path, at_once: bool) -> None:
    async def main(chance: random.Random) -> None:
        scene = Scene(tmp_path, chance)
        bob = await scene.join("bob")
        ann = await scene.join("ann")
        await ann.close()
        scene.network.part("ann")
        await ann.start()
        assert ann.session is not None
        await asyncio.sleep(0 if at_once else 20)
        ann.session.pause()
        scene.network.join("ann")
        ann.session.replace(0, 0, "<unseen>")
        await asyncio.sleep(100)
        assert ann.session.status.is_paused and bob.session is not None and "<unseen>" not in bob.session.text
        ann.session.retry_now()
        once(await scene.settle(ann, bob), "<unseen>")

    simulate(2, main)


@pytest.mark.parametrize("ends", ["close", "die"])
def test_what_was_written_in_a_pause_is_sent_by_the_next_opening(tmp_path: Path, ends: str) -> None:
    """Closed or killed: the work is in the journal, and the next opening is not paused."""

    async def main(chance: random.Random) -> None:
        scene = Scene(tmp_path, chance)
        ann, bob = await scene.join("ann"), await scene.join("bob")
        assert ann.session is not None
        ann.session.pause()
        ann.session.replace(0, 0, "<unseen>")
        await asyncio.sleep(1)
        began = asyncio.get_running_loop().time()
        await (ann.close() if ends == "close" else ann.die())
        assert asyncio.get_running_loop().time() - began < 1, "nothing is waited for"
        await ann.start()
        once(await scene.settle(ann, bob), "<unseen>")

    simulate(3, main)


def test_one_message_is_let_through_at_a_time(tmp_path: Path) -> None:
    """Those of others come first; then mine go out in small parts, and it stays paused all the while."""

    async def main(chance: random.Random) -> None:
        scene = Scene(tmp_path, chance)
        ann, bob = await scene.join("ann"), await scene.join("bob")
        assert ann.session is not None and bob.session is not None
        seen: list[LineMessage] = []
        stop = ann.session.watch_line(seen.append)
        ann.session.pause()
        ann.session.replace(0, 0, "<ann's first words><and her second words>")
        bob.session.replace(0, 0, "<bobs>")
        await asyncio.sleep(2)
        states = set()
        ann.session.listen(lambda event: states.add(ann.session.status if ann.session else None))
        seen.clear()
        ann.session.let_one_through()
        await asyncio.sleep(2)
        assert "<bobs>" in ann.session.text and "<ann's" not in bob.session.text
        assert [(it.is_sent, bool(it.changes)) for it in seen if it.kind == "Changes"] == [(False, True)]
        steps = 0
        while "second words>" not in bob.session.text:
            before = bob.session.text
            ann.session.let_one_through()
            await asyncio.sleep(2)
            assert 0 < len(bob.session.text) - len(before) < 25
            steps += 1
        assert 2 <= steps <= 6 and ann.session.status.is_paused
        assert {it.is_paused for it in states if it is not None} == {True}
        stop()
        ann.session.retry_now()
        once(await scene.settle(ann, bob), "<bobs>", "<ann's first words>", "<and her second words>")

    simulate(4, main)
