"""The command `run`: have cells of a notebook run, print what they give as it comes, and say why they ended."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Mapping, Sequence
from math import inf
from typing import Any, Final, TextIO

from jpterm_like.cli.parameters import put_parameters
from jpterm_like.cli.scripting import confirmed, connected, saves_only_mine
from jpterm_like.client.events import Event, OutputsChanged, RequestFailed, StatusChanged
from jpterm_like.client.session import Session
from jpterm_like.config import display_name
from jpterm_like.errors import JptermError, escape_for_terminal
from jpterm_like.notebook.cells import parts_of
from jpterm_like.notebook.output_texts import NewText, clean
from jpterm_like.notebook.outputs import Asks, CellOutputs
from jpterm_like.notebook.runs import Run

INTERRUPTED: Final = 130
STEP_S: Final = 1.0
"""How often the time that is left is looked at."""
END_S: Final = 5.0
"""How long a cell may take to end after it was interrupted."""


def run_cells(
    address: str,
    *,
    cells: Sequence[str],
    parameters: Mapping[str, str],
    kernel: str | None,
    name: str | None,
    timeout_s: float | None,
    as_json: bool,
    waits: bool,
) -> int:
    """Run cells of a notebook, all of code if none is named, and return the exit code: 0 if all succeeded, 1 if one failed, 130 if one was interrupted.

    With `waits` nothing is run: what runs already is awaited. `parameters` are put into a cell of their own first, and `kernel` is the
    notebook's from then on.

    Raises:
        JptermError: nothing was run, or it is not known how it ended.
    """
    who = display_name(name)

    async def run() -> int:
        async with connected(address, name=who, create=False, visible=True) as session:
            if kernel is not None:
                await use_kernel(session, kernel)
            return await _Printing(session, as_json).run(cells, parameters, timeout_s, waits=waits)

    return asyncio.run(run())


async def use_kernel(session: Session, name: str) -> None:
    """Have a kernel run the notebook, unless it is its kernel already.

    Raises:
        JptermError: there is no such kernel.
    """
    _, chosen = await session.kernel_names()
    if name != chosen:
        await session.use_kernel(name)


class _Printing:
    """One call of the command."""

    def __init__(self, session: Session, as_json: bool) -> None:
        self._session = session
        self._as_json = as_json
        self._changed = asyncio.Event()
        self._new = NewText()
        self._asked: set[str] = set()
        self._interrupts = 0
        """How often ctrl+c was pressed."""

    async def run(
        self, cells: Sequence[str], parameters: Mapping[str, str], timeout_s: float | None, *, waits: bool
    ) -> int:
        session = self._session
        if not session.is_notebook:
            raise JptermError(f"{session.title} is no notebook.")
        text = session.text
        there = {part.id: text[part.body : part.end] for part in parts_of(text) if part.kind == "code"}
        for cell in cells:
            if cell not in there:
                raise JptermError(f"There is no cell of code with the id {escape_for_terminal(cell)}.")
        wanted = [cell for cell in cells or there if there[cell].strip()]
        session.listen(self._hear)
        await session.outputs_known()
        if waits:
            found = {cell: session.shown_run(cell) for cell in wanted}
            names = {cell: run.id for cell, run in found.items() if run is not None and run.state != "disk"}
        else:
            if parameters:
                wanted = put_parameters(session, parameters, wanted)
                await confirmed(session)
            names = dict(zip(wanted, await session.run_cells(wanted), strict=True))
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self._interrupt)
        ended = await self._follow(names, loop.time() + (timeout_s or inf))
        if saves_only_mine(session):
            await session.save()
        return self._end(ended, timeout_s, waiting=len(names) - len(ended))

    def _hear(self, event: Event) -> None:
        if isinstance(event, (OutputsChanged, StatusChanged)):
            self._changed.set()

    def _interrupt(self) -> None:
        self._interrupts += 1
        self._changed.set()

    async def _follow(self, names: Mapping[str, str], deadline: float) -> list[Run]:
        """Print what the runs give until all are over, time is up or ctrl+c was pressed; return those that are over."""
        session, loop = self._session, asyncio.get_running_loop()
        ended: list[Run] = []
        left = dict(names)
        is_ending = is_interrupted = False
        while True:
            self._changed.clear()
            for cell, name in list(left.items()):
                run = session.shown_run(cell)
                if run is None or (run.id != name and not run.asked_ms):
                    continue  # it is not here yet
                if run.id != name:  # somebody has run it again since
                    run = Run(name, cell, run.by, "cancelled")
                elif run.state != "waits":
                    self._print(run, session.outputs_of(cell))
                if run.is_over:
                    del left[cell]
                    ended.append(run)
                    self._tell_end(run)
            if not left or self._interrupts > 1:
                return ended
            if is_ending and loop.time() >= deadline:
                return ended
            if not is_ending and (self._interrupts or loop.time() >= deadline):
                is_ending = True
                deadline = loop.time() + END_S
            if is_ending and not is_interrupted:
                is_interrupted = await self._interrupt_mine(left)  # once one of them runs
            try:
                async with asyncio.timeout(min(STEP_S, max(0.0, deadline - loop.time()))):
                    await self._changed.wait()
            except TimeoutError:
                pass

    async def _interrupt_mine(self, left: Mapping[str, str]) -> bool:
        """Interrupt the cell that runs, if it is one of these; return whether it is. Those that wait are taken out of the queue by that."""
        for cell, name in left.items():
            run = self._session.shown_run(cell)
            if run is not None and run.id == name and run.state == "runs":
                try:
                    await self._session.command_kernel("interrupt")
                except RequestFailed as problem:
                    raise JptermError(f"It was not interrupted: {problem}") from problem
                return True
        return False

    def _end(self, ended: Sequence[Run], timeout_s: float | None, *, waiting: int) -> int:
        """Say in a sentence why not all succeeded, and return the exit code."""
        took_long = timeout_s is not None and not self._interrupts
        why = next((run for run in ended if run.state not in ("ok", "cancelled")), None)
        not_run = sum(run.state == "cancelled" for run in ended)
        words = []
        if why is not None:
            words.append(_words_of(why, timeout_s if took_long else None))
        if not_run:
            words.append(f"{_cells(not_run)} {'was' if not_run == 1 else 'were'} not run.")
        if waiting:
            verb, them = ("goes", "it") if waiting == 1 else ("go", "them")
            words.append(f"{_cells(waiting)} {verb} on; --wait comes back to {them}.")
        if words:
            sys.stderr.write(f"jpterm-like: {' '.join(words)}\n")
        if self._interrupts or (why is not None and why.state == "interrupted" and not took_long):
            return INTERRUPTED
        return 1 if words else 0

    def _print(self, run: Run, outputs: CellOutputs) -> None:
        """Print what is new."""
        asks = next((item for item in outputs.items if isinstance(item, Asks)), None)
        if asks is not None and run.id not in self._asked:
            self._asked.add(run.id)
            sys.stderr.write(f"{escape_for_terminal(asks.prompt)} (waits for an answer)\n")
            sys.stderr.flush()
        for name, text in self._new.of(run.id, outputs, is_over=run.is_over):
            self._print_to(sys.stdout if name == "stdout" else sys.stderr, run.cell, name, text)

    def _print_to(self, stream: TextIO, cell: str, name: str, text: str) -> None:
        if self._as_json:
            self._tell({"event": "output", "cell": cell, "stream": name, "text": text})
            return
        text = text if text.endswith("\n") else f"{text}\n"
        stream.write(clean(text) if stream.isatty() else text)
        stream.flush()

    def _tell_end(self, run: Run) -> None:
        event = {"event": "ran", "cell": run.cell, "run": run.id, "state": run.state, "number": run.number}
        if run.state == "died":
            event["code"] = run.code
        self._tell(event)

    def _tell(self, event: dict[str, Any]) -> None:
        if self._as_json:
            sys.stdout.write(json.dumps(event, ensure_ascii=False) + "\n")
            sys.stdout.flush()


def _words_of(run: Run, timeout_s: float | None) -> str:
    """Why a run did not succeed."""
    cell = escape_for_terminal(run.cell)
    match run.state:
        case "interrupted" if timeout_s is not None:
            return f"Cell {cell} took too long, and was interrupted after {timeout_s:g} s."
        case "interrupted":
            return f"Cell {cell} was interrupted."
        case "died":
            code = "how is not known" if run.code is None else f"exit code {run.code}"
            return f"The kernel died in cell {cell}: {code}{' (out of memory?)' if run.code == -9 else ''}."
        case "lost":
            return f"Cell {cell} is lost: it is not known whether it ran."
    return f"Cell {cell} failed."


def _cells(count: int) -> str:
    return "1 cell" if count == 1 else f"{count:,} cells"
