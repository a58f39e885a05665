"""Two machines keep their texts in step with a folder that two syncthings carry: all of it real processes.

More of it: python -m tests.trust -k syncthing
"""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.e2e.machines import Machine, machines
from tests.e2e.terminal import PROGRAM, until
from tests.places.servers import Syncthing, folder_for_all, syncthings

NAMES = ("notes.md", "plan.md", "docs/list.md")


class Watching:
    """A machine on which `sync --watch` runs, and is begun again when it was killed."""

    def __init__(self, machine: Machine, carried: Syncthing, log: Path) -> None:
        self.machine = machine
        self._place = str(carried.folder)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        command = [
            *PROGRAM,
            "sync",
            self._place,
            str(self.machine.texts),
            "--name",
            self.machine.who,
            "--watch",
        ]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, env=self.machine.env, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        assert self._process.wait(60) == 0, self._log.read_text()


def texts(machine: Machine) -> dict[str, str]:
    """The plain files, without the histories of a served folder; those that are just replaced are missing."""
    found = {}
    for name in NAMES:
        with suppress(FileNotFoundError):
            found[name] = (machine.texts / name).read_text()
    return found


def write(machine: Machine, chance: random.Random, word: str) -> None:
    """Write a word at the end of a text, as another program does; at times as a person does."""
    name = chance.choice(NAMES)
    if chance.random() < 0.1:
        machine.append(name, word)
        return
    with (machine.texts / name).open("a") as file:
        file.write(f"{word}\n")


@pytest.mark.amount
async def test_two_machines_on_one_syncthing_folder(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """Each word is on both sides once, whatever dies and whenever the folder is carried; Syncthing finds no conflict in ours."""
    rounds = pytestconfig.getoption("--syncthing-rounds")
    if not rounds:
        pytest.skip("takes long; python -m tests.trust plays it")
    seed = pytestconfig.getoption("--seed") or 0
    chance = random.Random(seed)
    words: list[str] = []
    with ExitStack() as stack:
        folder = stack.enter_context(folder_for_all())
        carried = stack.enter_context(syncthings(folder, 2))
        people = stack.enter_context(machines(tmp_path, "Ann", "Bob"))
        ann, bob = people
        for name in NAMES:
            (ann.texts / name).parent.mkdir(exist_ok=True)
            (ann.texts / name).write_text("begun\n")
        serving = bob.start("serve", str(bob.texts), "--listen", "127.0.0.1:0", "--save-after", "0.1")
        stack.callback(serving.communicate, timeout=30)
        stack.callback(serving.send_signal, signal.SIGTERM)
        assert serving.stdout is not None and "listening" in serving.stdout.readline()
        ann.sync(carried[0].folder)
        await until(lambda: list(carried[1].folder.glob("*.v1")), "the marker to be carried", 30)
        bob.sync(carried[1].folder)
        watching = [
            Watching(machine, each, folder / f"{machine.who}.log")
            for machine, each in zip(people, carried, strict=True)
        ]
        for each in watching:
            each.begin()
            stack.callback(each.kill)
        await until(lambda: len(texts(bob)) == len(NAMES), "the texts to come to Bob", 60)
        is_paused = False
        for number in range(rounds):
            for machine in people:
                words.append(f"<{machine.who}-{number}>")
                write(machine, chance, words[-1])
            # Not for luck: what is right after any pause, and dies at any moment, is the requirement.
            await asyncio.sleep(chance.uniform(0.0, 1.2))
            if is_paused or chance.random() < 0.1:
                is_paused = not is_paused
                carried[0].pause(carried[1], paused=is_paused)
            if chance.random() < 0.1:
                victim = chance.choice(watching)
                victim.kill()
                if chance.random() < 0.5:
                    victim.machine.kill_hub()
                victim.begin()
        if is_paused:
            carried[0].pause(carried[1], paused=False)
        expected = Counter([*words, *["begun"] * len(NAMES)])

        def found(machine: Machine) -> Counter[str]:
            return Counter(" ".join(texts(machine).values()).split())

        try:
            await until(
                lambda: found(ann) == found(bob) == expected and texts(ann) == texts(bob),
                "both to have each word once",
                120,
            )
        except BaseException:
            for machine in people:
                print(
                    seed,
                    machine.who,
                    "lacks",
                    expected - found(machine),
                    "has more",
                    found(machine) - expected,
                )
            print(*(each._log.read_text() for each in watching), sep="\n---\n")
            raise
        for each in watching:
            each.end()
        for name in NAMES:
            assert ann.text(name) == bob.text(name) == texts(ann)[name], seed
        for each in carried:
            assert not list(each.folder.glob("*sync-conflict*")), seed
            verified = ann.run("verify", str(each.folder))
            assert verified.returncode == 0, verified.stdout
