"""A large file is opened, and everything dies in the midst of it: the file is as it was, and what was on a screen is back."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections import Counter
from pathlib import Path

import pytest

import jpterm_like
from jpterm_like.config import Paths
from jpterm_like.saver import BESIDE_BYTES_MIN
from tests.e2e.hub import hub_pid, kill_hub, no_traceback
from tests.e2e.terminal import Terminal, run, terminals, until

LINES = 20_000
TEXT = "".join(f"{number:06d} {'some words that are only here to be long ' * 2}\n" for number in range(LINES))


def begin(folder: Path) -> Path:
    """A file whose text is journaled beside."""
    assert len(TEXT) > BESIDE_BYTES_MIN
    file = folder / "large.txt"
    file.write_text(TEXT)
    return file


async def open_and_die(file: Path, names: list[str], chance: random.Random) -> set[str]:
    """Open the file in several editors and type at once; kill everything at some instant, and say what was on screens."""
    seen: set[str] = set()
    async with terminals() as terminal:
        editors: dict[str, Terminal] = {name: terminal(str(file), "--name", name) for name in names}
        if chance.random() < 0.5:
            # Some die before their text is there, some while it is journaled, some when the hub takes them in.
            await asyncio.sleep(chance.uniform(0.2, 0.8))
        else:
            for name, editor in editors.items():
                await editor.shows("000000 some words")
                await editor.press(f"<{name}>")
            await asyncio.sleep(chance.choice((0.0, 0.02, 0.1, 0.5)))
        for name, editor in editors.items():
            if f"<{name}>" in editor.text:
                seen.add(f"<{name}>")
        for kill in chance.sample([kill_hub, *(editor.kill for editor in editors.values())], len(names) + 1):
            kill()

    def is_gone() -> bool:
        kill_hub()  # the last editors may have started another, which comes up only now
        return hub_pid() is None

    await until(is_gone, "the hub's end")
    return seen


async def read(file: Path) -> str:
    """The text as whoever wrote in it sees it at the next start, when all is at the hub."""
    async with jpterm_like.connect(str(file), name="reader", timeout_s=30) as session:
        await asyncio.wait_for(session.stored(), 30)
        text = session.text
    assert run("cat", str(file)).stdout == text
    return text


def check(text: str, seen: set[str], *lines: str) -> None:
    """Every line of the file is there once, and these lines; in front of them what was on a screen, once."""
    first, _, rest = text.partition("\n")
    known, _, known_rest = TEXT.partition("\n")
    assert first.endswith(known), first
    typed = first.removesuffix(known)
    assert {token: typed.count(token) for token in seen} == dict.fromkeys(seen, 1), typed
    assert Counter(rest.split("\n")) == Counter([*known_rest.split("\n"), *lines])


@pytest.mark.parametrize("seed", range(2))
async def test_killed_in_the_midst_of_opening(seed: int, tmp_path: Path) -> None:
    """The file is never written; each line and each word that was on a screen is there once at the next start."""
    file = begin(tmp_path)
    chance = random.Random(seed)
    seen: set[str] = set()
    try:
        for number in range(2):
            seen |= await open_and_die(file, [f"ann{number}", f"bob{number}"], chance)
            assert file.read_text() == TEXT
        check(await read(file), seen)
        assert file.read_text() == TEXT
    finally:
        kill_hub()
    no_traceback(Paths.of_user().state / "hub.log")


@pytest.mark.parametrize("seed", range(2))
async def test_killed_in_the_midst_of_opening_and_changed_by_another_program(
    seed: int, tmp_path: Path
) -> None:
    """Another program adds a line while nobody is there, and the hub has lost its store: each line is there once."""
    file = begin(tmp_path)
    chance = random.Random(seed)
    try:
        seen = await open_and_die(file, ["ann0", "bob0"], chance)
        file.write_text(TEXT + "a line of another program\n")
        if seed:
            shutil.rmtree(Paths.of_user().state / "pads", ignore_errors=True)
        check(await read(file), seen, "a line of another program")
        assert file.read_text() == TEXT + "a line of another program\n"
    finally:
        kill_hub()
    no_traceback(Paths.of_user().state / "hub.log")
