"""Undo that survives a restart and a reconnect (F4), and still takes nobody else's work (F3)."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from crdt.patch import Splice
from jpterm_like.client.events import RequestFailed
from tests.e2e.hub import kill_hub
from tests.e2e.terminal import terminals, until
from tests.sync.network import Host, Network, Peer, Weather, simulate, survivors
from tests.sync.test_network import Folder
from tests.sync.test_outages import Scene


async def dies_and_undoes(chance: random.Random, root: Path) -> None:
    """Two type words in turn through outages; the one takes all of hers back, then does it again."""
    host = Host(Folder(root), autosave_s=None)
    network = Network(chance, host, Weather(delay_s=chance.choice((0.01, 0.2))))
    host.start()
    ann, bob = Peer("ann", network), Peer("bob", network)
    for peer in (ann, bob):
        await peer.start()
        assert peer.session is not None
        await asyncio.wait_for(peer.session.synced(), 60)
    for _ in range(25):
        match chance.choice(("ann", "ann", "bob", "ann dies", "cut", "server")):
            case "ann":
                ann.write()
            case "bob":
                bob.write()
            case "ann dies":
                await ann.die()
                await ann.start()
            case "cut":
                network.cut(chance.choice(("ann", "bob")))
            case "server":
                await host.die(network, power=chance.random() < 0.5)
                host.start()
        await asyncio.sleep(chance.choice((0.0, 0.02, 2.0)))
    await agree(ann, bob)
    assert ann.session is not None
    assert bob.session is not None
    whole = ann.session.text
    undone = 0
    while ann.session.undo() is not None:
        undone += 1
        if chance.random() < 0.2:
            await ann.die()
            await ann.start()
    assert undone == len(ann.there)
    assert "<ann" not in ann.session.text
    assert not survivors(ann.session.text, [bob])
    await agree(ann, bob)
    for _ in range(undone):
        if chance.random() < 0.2:
            await ann.die()
            await ann.start()
        assert ann.session.redo() is not None
    await agree(ann, bob)
    assert bob.session.text == whole


async def agree(*peers: Peer) -> None:
    """Wait until all are connected, with equal texts."""

    def equal() -> bool:
        sessions = [peer.session for peer in peers if peer.session is not None]
        return all(
            session.status.state == "connected" and not session.unsent and session.text == sessions[0].text
            for session in sessions
        )

    async with asyncio.timeout(300):
        while not equal():
            await asyncio.sleep(0.2)


@pytest.mark.amount
@pytest.mark.parametrize("part", range(4))
def test_f04_undo_goes_back_through_restarts_and_outages(
    part: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Whatever died meanwhile: undo takes back each step of mine and nothing of others, redo brings it back.

    `--seeds N` is for the networks; this plays a tenth of it. `--seed N` plays one again.
    """
    one = request.config.getoption("--seed")
    count = max(4, request.config.getoption("--seeds") // 10)
    for seed in range(part, count, 4) if one is None else [one]:
        root = tmp_path / str(seed)
        root.mkdir()
        print(f"seed {seed}")
        simulate(seed, lambda chance, root=root: dies_and_undoes(chance, root))  # type: ignore[misc]


def test_f04_steps_of_two_editors_of_one_user_are_all_there_in_the_next_one(tmp_path: Path) -> None:
    """Both of a user's editors were killed: the next one can take back what was done in either."""

    async def story() -> None:
        scene = Scene(tmp_path, random.Random(1), autosave_s=None)
        ann = await scene.join("ann")
        again = Peer("ann", scene.network)
        again.storage = ann.storage
        await again.start()
        assert ann.session is not None
        assert again.session is not None
        await again.session.synced()
        ann.session.replace(0, 0, "one ")
        again.session.replace(0, 0, "two ")
        await scene.settle(ann, again)
        await again.session.abandon()
        await ann.die()
        await ann.start()
        assert ann.session is not None
        while ann.session.undo() is not None:
            pass
        assert ann.session.text == ""

    simulate(21, lambda chance: story())


@pytest.mark.parametrize("seed", range(6))
def test_f04_an_undo_of_many_places_that_is_killed_between_two_slices_goes_on(
    seed: int, tmp_path: Path
) -> None:
    """It leaves one consistent text, of which undo takes back the rest. What others wrote meanwhile stays."""

    async def story(chance: random.Random) -> None:
        scene = Scene(tmp_path, chance, autosave_s=None)
        ann, bob = await scene.join("ann"), await scene.join("bob")
        assert ann.session is not None and bob.session is not None
        bob.session.replace(0, 0, "line\n" * 40)
        await scene.settle(ann, bob)
        ann.session.replace_all([Splice(at, at, "\t") for at in range(5 * 39, -1, -5)])
        kills = his = 0
        goes_on, has_more = False, True
        while has_more:
            part = ann.session.undo_part(chance.randint(1, 9), again=False, goes_on=goes_on)
            assert part is not None
            goes_on, has_more = True, part.has_more
            if chance.random() < 0.5:
                bob.session.replace(0, 0, "bob\n")
                his += 1
                await asyncio.sleep(0.3)
            if (has_more and not kills) or chance.random() < 0.2:
                kills, goes_on = kills + 1, False
                await ann.die()
                await ann.start()
                assert ann.session is not None
        await scene.settle(ann, bob)
        assert ann.session.text.replace("bob\n", "") == "line\n" * 40
        assert ann.session.text.count("bob\n") == his
        assert ann.session.undo() is None
        while ann.session.redo() is not None:
            pass
        await scene.settle(ann, bob)
        assert bob.session.text.replace("bob\n", "") == "\tline\n" * 40

    simulate(seed, story)


def test_f04_steps_survive_the_site_that_was_taken(tmp_path: Path) -> None:
    """The server knows this opening's site from a copy of it: the session goes on under another, and undo too (F17)."""

    async def story() -> None:
        scene = Scene(tmp_path, random.Random(1), autosave_s=None)
        ann = await scene.join("ann")
        assert ann.session is not None
        ann.session.replace(0, 0, "one ")
        await ann.session.stored()
        ann.session._take_fresh_site()
        ann.session.replace(4, 4, "two ")
        assert ann.session.undo() is not None
        assert ann.session.undo() is not None
        assert ann.session.text == ""

    simulate(22, lambda chance: story())


@pytest.mark.parametrize("killed", [False, True], ids=["ctrl+q", "kill -9"])
async def test_f04_ctrl_z_in_a_terminal_after_a_restart(killed: bool, tmp_path: Path) -> None:
    """Type, leave, open again, ctrl+z: the words go one by one; what was in the file before stays."""
    file = tmp_path / "notes.md"
    file.write_text("# Notes\n")
    try:
        async with terminals() as terminal:
            ann = terminal(str(file), "--name", "ann")
            await ann.shows("# Notes", "connected")
            await ann.press("ctrl+end")
            await ann.type("alpha beta gamma")
            await ann.shows("alpha beta gamma")
            if killed:
                ann.kill()
            else:
                await ann.press("ctrl+s")
                await ann.is_saved()
                await ann.press("ctrl+q")
                assert await ann.ends() == 0
            again = terminal(str(file), "--name", "ann")
            await again.shows("alpha beta gamma", "connected")
            await again.press("ctrl+z")
            await until(lambda: "gamma" not in again.text, "the end of gamma")
            await again.shows("alpha beta")
            await again.press("ctrl+z", "ctrl+z", "ctrl+z", "ctrl+z")
            await until(lambda: "alpha" not in again.text, "the end of alpha")
            await again.shows("# Notes")
    finally:
        kill_hub()


def test_f05_what_another_program_wrote_is_taken_back_as_one_step(tmp_path: Path) -> None:
    """A formatter changed three places: a person takes that back at once, and nobody's own work with it; or has it again."""

    async def story() -> None:
        scene = Scene(tmp_path, random.Random(1), autosave_s=None)
        scene.file.write_text("one\ntwo\nthree\n")
        ann = await scene.join("ann")
        session = ann.session
        assert session is not None
        with pytest.raises(RequestFailed, match="nothing"):
            await session.take_back_disk()
        scene.file.write_text("ONE\ntwo\nTHREE\nfour\n")
        session.replace(4, 4, "by ann ")
        await session.save()  # reads what others wrote before it writes
        assert session.text == "ONE\nby ann two\nTHREE\nfour\n"
        await session.take_back_disk()
        assert await scene.settle(ann) == "one\nby ann two\nthree\n"
        await session.take_back_disk(again=True)
        assert await scene.settle(ann) == "ONE\nby ann two\nTHREE\nfour\n"
        await scene.restart()
        await scene.settle(ann)
        await session.take_back_disk()
        assert await scene.settle(ann) == "one\nby ann two\nthree\n"

    simulate(23, lambda chance: story())


async def test_f05_the_palette_takes_back_what_another_program_wrote(tmp_path: Path) -> None:
    """The file is changed under the editor; ctrl+p, a few letters, enter: the change is gone, what I typed stays."""
    file = tmp_path / "notes.md"
    file.write_text("first line\nsecond line\n")
    try:
        async with terminals() as terminal:
            ann = terminal(str(file), "--name", "ann")
            await ann.shows("second line", "connected")
            await ann.type("mine ")
            await ann.press("ctrl+s")
            await ann.is_saved()
            file.write_text(file.read_text().replace("second line", "SECOND LINE of the formatter"))
            await ann.shows("SECOND LINE of the formatter")
            await ann.press("\x10")  # ctrl+p
            await ann.shows("Commands")
            await ann.type("from outside")
            await ann.shows("Undo the last change from outside")
            await ann.press("enter")
            await ann.shows("second line", "mine first line", "Undid the last change")
    finally:
        kill_hub()
