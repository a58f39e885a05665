"""Kernels without processes: a keeper is a list of entries that outlives the servers, and its kernel does what a test says."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Literal

from jpterm_like.server.runner import CannotChoose, CannotRun, WasSent
from tests.notebook.test_fold import Said


class FakeKeeper:
    """A kernel and its log. Code is lines: `print WORDS`, `ask PROMPT`, `fail`, `wait` until a test calls `go_on`."""

    def __init__(self) -> None:
        self.log: list[Said] = []
        self.grown = asyncio.Event()
        self.acknowledged = -1
        self.ran: list[str] = []
        self.has_ended = False
        self.answers: list[str] = []
        self._steps: list[list[str]] = []
        self._run: dict[str, Any] = {}
        self.waits = False
        self.loses_next = False
        """Whether this keeper dies when it has noted the next run as sent, and has not sent it."""
        self.died = asyncio.Event()
        self.is_heard = True
        """Whether there is a keeper that notes what the kernel says."""
        self._probes: list[dict[str, Any]] = []
        self.note("started")

    def note(self, kind: str, **fields: Any) -> None:
        self.log.append(Said(len(self.log) + 1, kind=kind, seconds=100.0 + len(self.log), **fields))
        grown, self.grown = self.grown, asyncio.Event()
        grown.set()

    def say(self, kind: str, **content: Any) -> None:
        if not self.is_heard:
            return
        self.note(
            "received",
            header={"msg_type": kind, "msg_id": f"k{len(self.log)}"},
            parent=self._run,
            content=content,
        )

    def execute(self, header: dict[str, Any], code: str) -> None:
        self.ran.append(header["msg_id"])
        self._run, self._steps = header, [line.partition(" ")[::2] for line in code.splitlines()]  # type: ignore[misc]
        self.say("status", execution_state="busy")
        self.say("execute_input", execution_count=len(self.ran))
        self.go_on()

    def go_on(self) -> None:
        self.waits = False
        while self._steps:
            verb, words = self._steps.pop(0)
            if verb == "print":
                self.say("stream", name="stdout", text=words + "\n")
            elif verb == "ask":
                self.say("input_request", prompt=words, password=False)
                self.waits = True
                return
            elif verb == "fail":
                self.finish("error")
                return
            elif verb == "wait":
                self.waits = True
                return
        self.finish("ok")

    def finish(self, status: str, ename: str = "E") -> None:
        self._steps = []
        if status != "ok":
            self.say("error", ename=ename, evalue="", traceback=[])
        self.say("execute_reply", status=status, execution_count=len(self.ran), ename=ename)
        self.say("status", execution_state="idle")
        self._run = {}
        self.answer_probes()

    def ask(self, header: dict[str, Any]) -> None:
        """Answer once everything that was sent before is done."""
        self._probes.append(header)
        self.answer_probes()

    def answer_probes(self) -> None:
        while self._probes and not self._run:
            self._run = self._probes.pop(0)
            self.say("status", execution_state="busy")
            self.say("kernel_info_reply", status="ok")
            self.say("status", execution_state="idle")
            self._run = {}

    def die(self) -> None:
        """The keeper alone: the next connection finds another one, which adopted the kernel."""
        died, self.died = self.died, asyncio.Event()
        died.set()

    def end(self, code: int) -> None:
        self.has_ended = True
        self.note("exit", content={"code": code})


async def any_of(*events: asyncio.Event) -> None:
    """Wait until one of these has happened."""
    waiting = [asyncio.ensure_future(each.wait()) for each in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waiting:
            each.cancel()


class FakeLine:
    def __init__(self, keeper: FakeKeeper) -> None:
        self._keeper = keeper

    async def entries(self, after: int) -> AsyncIterator[Said]:
        at = max(0, after)
        died = self._keeper.died
        while True:
            while at >= len(self._keeper.log):
                await any_of(self._keeper.grown, died)
                if died.is_set():
                    raise CannotRun("The keeper has gone.")
            at += 1
            entry = self._keeper.log[at - 1]
            yield entry
            if entry.kind == "exit":
                return

    async def send(
        self,
        channel: Literal["shell", "stdin"],
        kind: str,
        content: Mapping[str, Any],
        name: str,
        parent: Mapping[str, Any],
    ) -> None:
        keeper = self._keeper
        if keeper.has_ended:
            raise CannotRun("ended")
        if kind == "input_reply":
            keeper.answers.append(content["value"])
            keeper.go_on()
            return
        if any(entry.header.get("msg_id") == name for entry in keeper.log if entry.kind == "sent"):
            raise WasSent("It was sent.")
        header = {"msg_type": kind, "msg_id": name}
        keeper.note("sent", header=header)
        if kind == "kernel_info_request":
            keeper.ask(header)
            return
        if keeper.loses_next:
            keeper.loses_next = False
            keeper.die()
            raise CannotRun("The keeper has gone.")
        keeper.execute(header, content["code"])

    async def signal(self, number: int) -> None:
        assert number == signal.SIGINT
        if self._keeper.waits:
            self._keeper.finish("error", "KeyboardInterrupt")

    async def acknowledge(self, number: int) -> None:
        assert number >= self._keeper.acknowledged
        self._keeper.acknowledged = number

    async def stop(self) -> None:
        self._keeper.end(0)

    async def close(self) -> None:
        pass


class FakeKernels:
    def __init__(self) -> None:
        self.keepers: list[FakeKeeper] = []
        self.problem = ""
        self.question = ""
        """What a person is asked who has chosen no kernel; empty: the notebook names one."""

    @property
    def last(self) -> FakeKeeper:
        return self.keepers[-1]

    async def find(self, file: Path, metadata: Mapping[str, Any], chosen: str) -> None:
        if self.question and chosen not in ("ir", "python3"):
            raise CannotChoose(self.question, [])

    async def names(self, file: Path, metadata: Mapping[str, Any]) -> list[tuple[str, str]]:
        return [("ir", "R"), ("python3", "Python 3")]

    async def start(self, file: Path, metadata: Mapping[str, Any], chosen: str) -> tuple[str, str]:
        if self.problem:
            raise CannotRun(self.problem)
        self.keepers.append(FakeKeeper())
        return str(len(self.keepers) - 1), chosen or "python3"

    async def connect(self, folder: str) -> FakeLine:
        if self.problem:
            raise CannotRun(self.problem)
        return FakeLine(self.keepers[int(folder)])
