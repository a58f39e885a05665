"""kill -9 at any instant, with real processes: what was called stored is there, what was typed comes back, all once.

A round that fails names its seed; `pytest tests/e2e/test_kill.py --seed N` plays it again (the instants of the
processes are the machine's own, so it may take some rounds). `--rounds N` plays more.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

import jpterm_like
from jpterm_like.config import Paths
from tests.e2e.hub import hub_pid, kill_hub, no_traceback
from tests.e2e.terminal import Serve, Terminal, run, terminals, until
from tests.e2e.typist import Typist, check_survival

STORIES = 5
"""Tests here that have rounds."""
ROUNDS_IN_A_STORY = 3
GAPS_S = (0.0, 0.0, 0.001, 0.004)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Rounds are dealt out to stories of a few rounds on one document, so that they run side by side."""
    if "seed" in metafunc.fixturenames:
        stories = -(-metafunc.config.getoption("--rounds") // (STORIES * ROUNDS_IN_A_STORY))
        seed = metafunc.config.getoption("--seed")
        metafunc.parametrize("seed", range(stories) if seed is None else [seed])


async def hub_gone() -> None:
    await until(lambda: hub_pid() is None, "the hub's end")


# ---------------------------------------------------------------------- typing and dying


async def type_for_a_while(typists: list[Typist], chance: random.Random) -> None:
    """Return at a random instant in the midst of their typing."""
    first, last = chance.sample(typists, 2)
    goal = first.typed + chance.randint(3, 25)
    await until(lambda: first.typed >= goal and last.ready, f"{goal} tokens of {first.who}")
    await asyncio.sleep(chance.uniform(0, 0.05))


async def kill_all(victims: list[Callable[[], None]], chance: random.Random) -> None:
    chance.shuffle(victims)
    for kill in victims:
        kill()
        await asyncio.sleep(chance.choice((0.0, 0.0, 0.002)))


async def read(address: str) -> str:
    """The text as someone sees it who opens the file and waits until all is at the server."""
    async with jpterm_like.connect(address, name="reader", timeout_s=30) as session:
        assert session.status.state == "connected", session.status
        await asyncio.wait_for(session.stored(), 30)
        assert session.unsent == 0
        return session.text


async def rounds(seed: int, one: Callable[[int, random.Random], Awaitable[None]]) -> None:
    """Some rounds on one document."""
    for number in range(ROUNDS_IN_A_STORY):
        print(f"seed {seed}, round {number}")
        await one(number, random.Random(seed * 1000 + number))


# ---------------------------------------------------------------------- the stories


@pytest.mark.amount
async def test_f32_all_is_back_after_hub_and_editors_were_killed(seed: int, tmp_path: Path) -> None:
    """Everything dies while two type: each token that was typed is there once, opened again and once more (4)."""
    file = tmp_path / "notes.md"
    sure: dict[str, int] = {}

    async def one(number: int, chance: random.Random) -> None:
        typists = [
            Typist(str(file), f"{name}{number}", tmp_path, chance.getrandbits(32), GAPS_S)
            for name in ("ann", "bob")
        ]
        await type_for_a_while(typists, chance)
        await kill_all([kill_hub, *(typist.kill for typist in typists)], chance)
        await until(lambda: all(typist.gone for typist in typists), "their end")
        kill_hub()  # the last typist may have started another one while dying
        await hub_gone()
        sure.update({typist.who: typist.typed for typist in typists})
        text = await read(str(file))
        check_survival(text, sure)
        assert await read(str(file)) == text

    try:
        await rounds(seed, one)
    finally:
        kill_hub()
    no_traceback(Paths.of_user().state / "hub.log")


@pytest.mark.amount
async def test_f32_what_was_stored_is_in_the_hub_s_store_alone(seed: int, tmp_path: Path) -> None:
    """Everything dies, and the editors' journals are lost too: each token that was called stored is there once (4)."""
    file = tmp_path / "notes.md"
    sure: dict[str, int] = {}

    async def one(number: int, chance: random.Random) -> None:
        typists = [
            Typist(str(file), f"{name}{number}", tmp_path, chance.getrandbits(32), GAPS_S)
            for name in ("ann", "bob")
        ]
        await type_for_a_while(typists, chance)
        await until(lambda: all(typist.stored for typist in typists), "something stored")
        await kill_all([kill_hub, *(typist.kill for typist in typists)], chance)
        await until(lambda: all(typist.gone for typist in typists), "their end")
        kill_hub()
        await hub_gone()
        shutil.rmtree(Paths.of_user().replicas)
        sure.update({typist.who: typist.stored for typist in typists})
        text = await read(str(file))
        check_survival(text, sure)
        assert await read(str(file)) == text

    try:
        await rounds(seed, one)
    finally:
        kill_hub()
    no_traceback(Paths.of_user().state / "hub.log")


@pytest.mark.amount
async def test_f32_the_hub_is_killed_alone_and_started_again_by_those_who_type(
    seed: int, tmp_path: Path
) -> None:
    """The hub dies under two who type: a new one comes by itself, and everything of both is there once."""
    file = tmp_path / "notes.md"
    sure: dict[str, int] = {}
    typists = [Typist(str(file), f"{name}0", tmp_path, seed, (0.002, 0.01)) for name in ("ann", "bob")]

    async def one(number: int, chance: random.Random) -> None:
        await type_for_a_while(typists, chance)
        kill_hub()
        await until(lambda: hub_pid() is not None, "another hub")

    try:
        await rounds(seed, one)
        for typist in typists:
            typist.finish()
        await until(lambda: all(typist.gone for typist in typists), "their end")
        assert [typist.exit_code for typist in typists] == [0, 0]
        sure.update({typist.who: typist.typed for typist in typists})
        assert all(typist.stored == typist.typed for typist in typists)
        shutil.rmtree(Paths.of_user().replicas)
        check_survival(await read(str(file)), sure)
    finally:
        for typist in typists:
            typist.kill()
        kill_hub()
    no_traceback(Paths.of_user().state / "hub.log")


@pytest.mark.amount
async def test_f29_serve_is_killed_under_two_who_type(seed: int, tmp_path: Path) -> None:
    """`serve` dies and comes back, again and again: everything of both is there once, and in the file."""
    folder = tmp_path / "shared"
    folder.mkdir()
    file = folder / "notes.md"
    file.write_text("<begun0.0>\n")
    serve = Serve(folder, "--save-after", "0.1")
    address = f"{serve.url}/notes.md"
    typists = [Typist(address, f"{name}0", tmp_path, seed, (0.002, 0.01)) for name in ("ann", "bob")]

    async def one(number: int, chance: random.Random) -> None:
        await type_for_a_while(typists, chance)
        serve.kill()
        await asyncio.sleep(chance.choice((0.0, 0.1)))
        serve.start()

    try:
        await rounds(seed, one)
        for typist in typists:
            typist.finish()
        await until(lambda: all(typist.gone for typist in typists), "their end")
        assert [typist.exit_code for typist in typists] == [0, 0]
        shutil.rmtree(Paths.of_user().replicas)
        text = await read(address)
        check_survival(text, {"begun0": 1, **{typist.who: typist.typed for typist in typists}})
        await until(lambda: file.read_text() == text, "the text in the file")
        assert serve.stop() == 0
    finally:
        for typist in typists:
            typist.kill()
        serve.kill()


@pytest.mark.amount
async def test_f32_serve_and_editors_are_killed_together(seed: int, tmp_path: Path) -> None:
    """`serve` and everyone dies at once: after the restart all that was typed is there once, and in the file (4)."""
    folder = tmp_path / "shared"
    folder.mkdir()
    file = folder / "notes.md"
    serve = Serve(folder, "--save-after", "0.1")
    address = f"{serve.url}/notes.md"
    sure: dict[str, int] = {}

    async def one(number: int, chance: random.Random) -> None:
        typists = [
            Typist(address, f"{name}{number}", tmp_path, chance.getrandbits(32), GAPS_S)
            for name in ("ann", "bob")
        ]
        await type_for_a_while(typists, chance)
        await kill_all([serve.kill, *(typist.kill for typist in typists)], chance)
        await until(lambda: all(typist.gone for typist in typists), "their end")
        sure.update({typist.who: typist.typed for typist in typists})
        serve.start()
        text = await read(address)
        check_survival(text, sure)
        assert await read(address) == text
        await until(lambda: file.read_text() == text, "the text in the file")

    try:
        await rounds(seed, one)
        assert serve.stop() == 0
    finally:
        serve.kill()


# ---------------------------------------------------------------------- the same with editors on a screen


async def test_f32_what_was_on_the_screens_is_back_after_everything_was_killed(tmp_path: Path) -> None:
    """Hub and two editors die while both type: what each had on screen is on the screen at the next start (4)."""
    file = tmp_path / "notes.md"
    file.write_text("# Notes\n")
    seen: set[str] = set()
    chance = random.Random(1)
    try:
        for number in range(3):
            async with terminals() as terminal:
                ann: Terminal = terminal(str(file), "--name", "ann")
                await ann.shows("# Notes", "connected", *seen)
                bob: Terminal = terminal(str(file), "--name", "bob")
                await bob.shows("# Notes", "connected")
                await bob.press("ctrl+home")  # what comes in above the first line does not move the view
                await bob.shows(*seen)
                await bob.press("ctrl+end")

                async def write(one: Terminal, who: str) -> None:
                    for i in range(100):
                        await one.type(f"<{who}.{i}>\n", gap_s=0.01)

                writing = [
                    asyncio.create_task(write(one, f"{who}{number}"))
                    for one, who in ((ann, "ann"), (bob, "bob"))
                ]
                goal = chance.randint(2, 4)
                await until(
                    lambda goal=goal, ann=ann, number=number: f"<ann{number}.{goal}>" in ann.text,
                    f"{goal} on screen",
                )
                await asyncio.sleep(chance.uniform(0, 0.1))
                for one in (ann, bob):
                    seen.update(re.findall(r"<\w+\.\d+>", one.text))
                await kill_all([kill_hub, ann.kill, bob.kill], chance)
                for task in writing:
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError, OSError):
                        await task
            kill_hub()
            await hub_gone()
            text = run("cat", str(file)).stdout
            assert {token: text.count(token) for token in seen} == dict.fromkeys(seen, 1)
            assert run("cat", str(file)).stdout == text
        assert file.read_text() == "# Notes\n"  # nobody saved
    finally:
        kill_hub()
    no_traceback(Paths.of_user().state / "hub.log")
