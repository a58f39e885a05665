"""Networks in which people write in a notebook and run its cells, while lines, servers, keepers, kernels, disks and machines fail: what the kernel said
is at everybody once, beside the text, and no run is executed twice."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from pathlib import Path
from typing import Any, ClassVar

import pytest

from jpterm_like.client.events import RequestFailed
from jpterm_like.client.session import Session
from jpterm_like.notebook.runs import Run, outputs_json, parts_of_run, shown_run
from jpterm_like.server.connections import OpenDocument
from tests.sync.climates import Outages
from tests.sync.network import Disk, Peer, live_through, session_of, simulate
from tests.sync.simulated_kernels import FLUSH_S, Execution, SimulatedKernels

CELLS = "ab"


class Notebooks(Outages):
    """See the module."""

    lines = True
    path = "a.ipynb"
    steps = 50
    weights: ClassVar = {
        **{name: weight for name, weight in Outages.weights.items() if not name.endswith("_removed")},
        "run": 45,
        "keeper_dies": 6,
        "keeper_dies_before_it_sends": 5,
        "kernel_dies": 2,
        "kernel_is_stopped": 1,
    }

    def __init__(self, chance: random.Random, root: Path) -> None:
        super().__init__(chance, root)
        self.kernels = SimulatedKernels(chance)
        self.host.kernels = self.kernels
        cells = [
            {
                "cell_type": "code",
                "execution_count": None,
                "id": name,
                "metadata": {},
                "outputs": [],
                "source": source,
            }
            for name, source in zip(CELLS, ("ticks 6", "ticks 3\nticks 20"), strict=True)
        ]
        (root / self.path).write_text(
            json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
        )
        self.asked: dict[str, list[str]] = {name: [] for name in CELLS}
        """The runs that somebody was told of, in their order."""
        self._asking: dict[asyncio.Task[None], Session] = {}

    async def run(self) -> None:
        session = self.peer.session
        if session is not None and session.ready:
            task = asyncio.create_task(self._ask(session, self.chance.choice((*CELLS, CELLS))))
            self._asking[task] = session
            task.add_done_callback(lambda task: self._asking.pop(task, None))

    async def _ask(self, session: Session, cells: str) -> None:
        with contextlib.suppress(RequestFailed):
            runs = await session.run_cells(list(cells))
            for cell, run in zip(cells, runs, strict=True):
                self.asked[cell].append(run)

    async def keeper_dies(self) -> None:
        for keeper in self.kernels.keepers[-1:]:
            if not keeper.has_ended:
                keeper.die()

    async def keeper_dies_before_it_sends(self) -> None:
        for keeper in self.kernels.keepers[-1:]:
            keeper.loses_next = True

    async def kernel_dies(self) -> None:
        for keeper in self.kernels.keepers[-1:]:
            keeper.end(-9)

    async def kernel_is_stopped(self) -> None:
        session = self.peer.session
        if session is not None and session.ready:
            with contextlib.suppress(RequestFailed, TimeoutError):
                async with asyncio.timeout(1):
                    await session.command_kernel(self.chance.choice(("restart", "stop")))

    async def server_is_killed(self, *, power: bool) -> None:
        await super().server_is_killed(power=power)
        if power:
            for keeper in self.kernels.keepers:
                keeper.lose_power()

    # ------------------------------------------------------------------ the end

    async def heal(self) -> None:
        for keeper in self.kernels.keepers:
            keeper.loses_next = False
        await super().heal()
        for session in self.sessions():
            session.follow_outputs()
        await self.until(self.has_ended)

    def has_ended(self) -> bool:
        """Nobody asks any more, nothing runs, and everybody has all records."""
        opened = self._opened()
        records = opened.document.records
        assert records is not None
        fold = records.fold
        return (
            not any(session in self.sessions() for session in self._asking.values())
            and self.agree()
            and not fold.queue
            and not fold.running()
            and all(
                session._records is not None and session._records.records.version == records.records.version
                for session in self.sessions()
            )
        )

    def _opened(self) -> OpenDocument:
        [opened] = self.open_documents()
        return opened

    async def judge(self) -> None:
        await super().judge()
        records = self._opened().document.records
        assert records is not None
        for name, executions in self.kernels.executions.items():
            assert len(executions) == 1, f"{name} was executed {len(executions)} times"
        for cell in CELLS:
            run = shown_run(records.records, cell)
            told = None if run is None else (run, outputs_json(parts_of_run(records.records, run.id)))
            for session in self.sessions():
                assert session._records is not None
                there = shown_run(session._records.records, cell)
                assert told == (
                    None
                    if there is None
                    else (there, outputs_json(parts_of_run(session._records.records, there.id)))
                )
            self._judge_run(cell, run, [] if told is None else told[1])

    def _judge_run(self, cell: str, run: Run | None, outputs: list[dict[str, Any]]) -> None:
        asked = self.asked[cell]
        assert run is not None or not asked, f"all runs of {cell} are gone"
        if run is None:
            return
        assert run.id == asked[-1] if asked and run.id in asked else True, f"an older run of {cell} is shown"
        printed = "".join(
            "".join(each["text"])
            for each in outputs
            if each["output_type"] == "stream" and each["name"] == "stdout"
        )
        done = self.kernels.executions.get(run.id, [Execution()])[0]
        said = "".join(tick.text for tick in done.ticks)
        where = f"{run.state} run of {cell}"
        if run.state == "ok":
            assert done.is_done, f"{where}: it was not"
        if run.state == "cancelled":
            assert run.id not in self.kernels.executions, f"{where}: it was executed"
        if done.power_s is None:
            assert printed == said, f"{where}: {printed!r} instead of {said!r}"
        else:
            sure = "".join(tick.text for tick in done.ticks if tick.at_s <= done.power_s - FLUSH_S)
            assert said.startswith(printed) and printed.startswith(sure), (
                f"{where}: {printed!r} of {said!r}, {sure!r} sure"
            )


def run(seed: int, root: Path, mistakes: list[str]) -> Notebooks:
    """One seed, in a fresh folder."""
    replay = "tests/sync/test_notebook_networks.py"
    return live_through(seed, lambda chance: Notebooks(chance, root), replay, mistakes)


@pytest.mark.amount
def test_outputs_are_there_once_in_any_network(
    tmp_path: Path, mistakes: list[str], pytestconfig: pytest.Config
) -> None:
    """Whatever fails, every tick that a keeper heard is at everybody once, except for the last 50 ms before a power cut."""
    one = pytestconfig.getoption("--seed")
    seeds = range(one, one + 1) if one is not None else range(pytestconfig.getoption("--notebook-networks"))
    executed = 0
    for seed in seeds:
        root = tmp_path / str(seed)
        root.mkdir()
        executed += len(run(seed, root, mistakes).kernels.executions)
    assert executed > len(seeds) or one is not None


def test_a_kernel_that_was_never_flushed_runs_nothing(tmp_path: Path, mistakes: list[str]) -> None:
    """Bug: the disk took no flush. A server wrote which kernel it had started, and was killed; the next one read that and ran a cell there. After a power
    cut it was nowhere, and the one after that started another kernel and ran the same cell again."""

    async def live(chance: random.Random) -> None:
        world = Notebooks(chance, tmp_path)
        world.host.start()
        ann = Peer("ann", world.network, Disk(chance))
        ann.path = world.path
        world.peers.append(ann)
        await ann.start()
        session = session_of(ann)
        await session.synced()
        asking = asyncio.create_task(world._ask(session, "a"))
        kernels = world.kernels
        while not kernels.keepers:
            await asyncio.sleep(0.001)
        world.host.storage.flaky = 1.0
        await asyncio.sleep(0.002)
        await world.server_is_killed(power=False)
        assert not kernels.executions
        world.host.start()
        await asyncio.sleep(40)
        await world.server_is_killed(power=True)
        await world.heal()
        await asking
        await world.judge()
        assert len(world.kernels.executions) <= 1

    simulate(1, live)
    assert not mistakes
