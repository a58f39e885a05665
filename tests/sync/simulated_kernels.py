"""Kernels and keepers of the simulated server's machine: they outlive the server, and die for themselves or with the power.

A cell's lines `ticks N` print N numbered ticks that no other run prints. Everything else in a cell is ignored, as are tokens of people.
"""

from __future__ import annotations

import asyncio
import random
from bisect import bisect_right
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from jpterm_like.server.runner import CannotRun, WasSent
from tests.notebook.test_fold import Said
from tests.server.fake_kernels import any_of

FLUSH_S = 0.05
SETTLE_S = 2.0


class Tick(NamedTuple):
    text: str
    at_s: float


class Execution:
    """One time that a kernel ran a cell."""

    def __init__(self) -> None:
        self.ticks: list[Tick] = []
        """Those that a keeper heard."""
        self.is_done = False
        self.power_s: float | None = None
        """When the power of the machine went, if that came before the keeper's log was flushed."""


class SimulatedKeeper:
    """A kernel and its log."""

    def __init__(self, kernels: SimulatedKernels) -> None:
        self._kernels = kernels
        self._chance = kernels.chance
        self._log: list[Said] = []
        self._at_s: list[float] = []
        self._number = 0
        self._flushed = 0
        self.grown = asyncio.Event()
        self.died = asyncio.Event()
        self.has_ended = False
        self._is_heard = True
        self._missed = 0
        self._sent: set[str] = set()
        self._requests: list[tuple[dict[str, Any], str]] = []
        self._work: asyncio.Task[None] | None = None
        self.loses_next = False
        self.note("started")

    def note(self, kind: str, **fields: Any) -> None:
        self._number += 1
        now = asyncio.get_running_loop().time()
        self._log.append(Said(self._number, kind=kind, seconds=now, **fields))
        self._at_s.append(now)
        grown, self.grown = self.grown, asyncio.Event()
        grown.set()

    def say(self, kind: str, parent: dict[str, Any], **content: Any) -> bool:
        """Return whether a keeper heard it."""
        if not self._is_heard:
            self._missed += 1
            return False
        self.note("received", header={"msg_type": kind}, parent=parent, content=content)
        return True

    # ------------------------------------------------------------------ the kernel

    def send(self, header: dict[str, Any], code: str) -> None:
        if self.has_ended or not self._is_heard:
            raise CannotRun("The kernel has ended.")
        name = header["msg_id"]
        if name in self._sent:
            raise WasSent("It was sent.")
        self._sent.add(name)
        self.note("sent", header=header)
        self._flushed = len(self._log)
        if self.loses_next and header["msg_type"] == "execute_request":
            self.loses_next = False
            self.die()
            raise CannotRun("The keeper has gone.")
        self._requests.append((header, code))
        if self._work is None or self._work.done():
            self._work = self._kernels.start_task(self._run())

    async def _run(self) -> None:
        while self._requests:
            header, code = self._requests.pop(0)
            self.say("status", header, execution_state="busy")
            kind = "execute_reply"
            if header["msg_type"] == "execute_request":
                await self._execute(header, code)
            else:
                kind = "kernel_info_reply"
            self.say(kind, header, status="ok", execution_count=len(self._sent))
            self.say("status", header, execution_state="idle")

    async def _execute(self, header: dict[str, Any], code: str) -> None:
        name = header["msg_id"]
        done = Execution()
        self._kernels.executions.setdefault(name, []).append(done)
        for line in code.splitlines():
            if line.startswith("ticks "):
                for at in range(int(line.split()[1])):
                    await asyncio.sleep(self._chance.choice((0.0, 0.01, 0.15)))
                    tick = Tick(f"{name[:8]} {at}\n", asyncio.get_running_loop().time())
                    if self.say("stream", header, name="stdout", text=tick.text):
                        done.ticks.append(tick)
        done.is_done = True

    # ------------------------------------------------------------------ what happens to it

    def die(self) -> None:
        """The keeper alone: the next connection finds another one, which adopts the kernel."""
        self._is_heard = False
        died, self.died = self.died, asyncio.Event()
        died.set()

    def adopt(self) -> None:
        if self._is_heard:
            return
        self._is_heard = True
        if self._missed:
            count, self._missed = self._missed, 0
            loop = asyncio.get_running_loop()
            loop.call_later(SETTLE_S, lambda: self.has_ended or self.note("gap", content={"count": count}))

    def end(self, code: int | None) -> None:
        if not self.has_ended:
            self._stop()
            self.has_ended = True
            self.note("exit", content={"code": code})

    def lose_power(self) -> None:
        """The kernel is gone, and what was not flushed for 50 ms may be."""
        now = asyncio.get_running_loop().time()
        for executions in self._kernels.executions.values():
            for each in executions:
                if each.power_s is None and (
                    not each.is_done or (each.ticks[-1:] and each.ticks[-1].at_s > now - FLUSH_S)
                ):
                    each.power_s = now
        if self.has_ended:
            return
        self._stop()
        sure = max(self._flushed, bisect_right(self._at_s, now - FLUSH_S))
        kept = self._chance.randint(sure, len(self._log))
        del self._log[kept:], self._at_s[kept:]
        self._number += 1 << 32
        self._is_heard = True
        self.end(None)

    def _stop(self) -> None:
        if self._work is not None:
            self._work.cancel()
        self._requests.clear()

    # ------------------------------------------------------------------ the connection

    async def entries(self, after: int) -> AsyncIterator[Said]:
        died = self.died
        while True:
            at = bisect_right([entry.number for entry in self._log], after)
            if at < len(self._log):
                after = self._log[at].number
                yield self._log[at]
                if self._log[at].kind == "exit":
                    return
            else:
                await any_of(self.grown, died)
            if died.is_set():
                raise CannotRun("The keeper has gone.")


class SimulatedLine:
    def __init__(self, keeper: SimulatedKeeper) -> None:
        self._keeper = keeper

    def entries(self, after: int) -> AsyncIterator[Said]:
        return self._keeper.entries(after)

    async def send(
        self,
        channel: Literal["shell", "stdin"],
        kind: str,
        content: Mapping[str, Any],
        name: str,
        parent: Mapping[str, Any],
    ) -> None:
        await asyncio.sleep(0.001)
        self._keeper.send({"msg_type": kind, "msg_id": name}, content.get("code", ""))

    async def signal(self, number: int) -> None:
        pass

    async def acknowledge(self, number: int) -> None:
        pass

    async def stop(self) -> None:
        self._keeper.end(0)

    async def close(self) -> None:
        pass


class SimulatedKernels:
    """See the module; it is what `server.runner.Kernels` says."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.keepers: list[SimulatedKeeper] = []
        self.executions: dict[str, list[Execution]] = {}
        """By the run."""
        self._tasks: set[asyncio.Task[None]] = set()

    def start_task(self, work: Any) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def find(self, file: Path, metadata: Mapping[str, Any], chosen: str) -> None:
        pass

    async def names(self, file: Path, metadata: Mapping[str, Any]) -> list[tuple[str, str]]:
        return [("python3", "Python 3")]

    async def start(self, file: Path, metadata: Mapping[str, Any], chosen: str) -> tuple[str, str]:
        await asyncio.sleep(self.chance.uniform(0, 0.5))
        self.keepers.append(SimulatedKeeper(self))
        return str(len(self.keepers) - 1), "python3"

    async def connect(self, folder: str) -> SimulatedLine:
        await asyncio.sleep(self.chance.uniform(0, 0.1))
        keeper = self.keepers[int(folder)]
        keeper.adopt()
        return SimulatedLine(keeper)
