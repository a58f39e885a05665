"""The command `run`: have cells of a notebook run, and print what they give as it comes."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from math import inf
from typing import Any, Final, TextIO

from jpterm_like.cli.scripting import connected, saves_only_mine
from jpterm_like.client.events import Event, OutputsChanged, StatusChanged
from jpterm_like.client.session import Session
from jpterm_like.config import display_name
from jpterm_like.errors import JptermError, escape_for_terminal
from jpterm_like.notebook.cells import parts_of
from jpterm_like.notebook.outputs import Asks, CellOutputs, Display, Error, Gap, Stream

INTERRUPTED: Final = 130
STEP_S: Final = 1.0
"""How often the time that is left is looked at."""


def run_cells(
    address: str,
    *,
    cells: Sequence[str],
    name: str | None,
    timeout_s: float | None,
    as_json: bool,
    waits: bool,
) -> int:
    """Run cells of a notebook, all of code if none is named, and return the exit code: 0 if all succeeded, 1 if one failed, 130 if one was interrupted.

    With `waits` nothing is run: what runs already is awaited.

    Raises:
        JptermError: nothing was run, or it is not known how it ended.
    """
    who = display_name(name)

    async def run() -> int:
        async with connected(address, name=who, create=False, visible=True) as session:
            return await _Printing(session, as_json).run(cells, timeout_s or inf, waits=waits)

    return asyncio.run(run())


class _Printing:
    """One call of the command."""

    def __init__(self, session: Session, as_json: bool) -> None:
        self._session = session
        self._as_json = as_json
        self._changed = asyncio.Event()
        self._printed: dict[tuple[str, str], int] = {}
        """How many characters of what a cell gave were printed, for each of the two streams."""
        self._asked: set[str] = set()

    async def run(self, cells: Sequence[str], timeout_s: float, *, waits: bool) -> int:
        session = self._session
        if not session.is_notebook:
            raise JptermError(f"{session.title} is no notebook.")
        there = [part.id for part in parts_of(session.text) if part.kind == "code"]
        for cell in cells:
            if cell not in there:
                raise JptermError(f"There is no cell of code with the id {escape_for_terminal(cell)}.")
        wanted = list(cells) or there
        session.listen(self._hear)
        await session.outputs_known()
        deadline = asyncio.get_running_loop().time() + timeout_s
        if waits:
            names = {
                cell: run.id
                for cell in wanted
                if (run := session.shown_run(cell)) is not None and run.state != "disk"
            }
        else:
            names = dict(zip(wanted, await session.run_cells(wanted), strict=True))
        states = await self._follow(names, deadline)
        if saves_only_mine(session):
            await session.save()
        if "interrupted" in states:
            return INTERRUPTED
        return 1 if set(states) - {"ok"} else 0

    def _hear(self, event: Event) -> None:
        if isinstance(event, (OutputsChanged, StatusChanged)):
            self._changed.set()

    async def _follow(self, names: dict[str, str], deadline: float) -> list[str]:
        """Print what the runs give until all are over; return their states. A cell without code has none."""
        loop = asyncio.get_running_loop()
        states: list[str] = []
        left = dict(names)
        while left:
            self._changed.clear()
            for cell, name in list(left.items()):
                run = self._session.shown_run(cell)
                if run is None or run.id != name:
                    if self._has_source(cell) and run is not None and run.by != "disk" and run.asked_ms:
                        del left[cell]  # somebody has run it again since
                        states.append("cancelled")
                    elif not self._has_source(cell):
                        del left[cell]
                    continue
                if not run.is_over and any(cell != first for first in left) and run.state == "waits":
                    continue
                outputs = self._session.outputs_of(cell)
                self._print(cell, outputs, is_over=run.is_over)
                if run.is_over:
                    del left[cell]
                    states.append(run.state)
                    self._tell(
                        {"event": "ran", "cell": cell, "run": name, "state": run.state, "number": run.number}
                    )
            if not left:
                break
            if loop.time() >= deadline:
                await self._session.command_kernel("interrupt")
                raise JptermError("It took too long and was interrupted.")
            try:
                async with asyncio.timeout(min(STEP_S, max(0.0, deadline - loop.time()))):
                    await self._changed.wait()
            except TimeoutError:
                pass
        return states

    def _has_source(self, cell: str) -> bool:
        text = self._session.text
        return any(part.id == cell and text[part.body : part.end].strip() for part in parts_of(text))

    def _print(self, cell: str, outputs: CellOutputs, *, is_over: bool) -> None:
        """Print what is new: whole lines, for the last one may still change."""
        asks = next((item for item in outputs.items if isinstance(item, Asks)), None)
        if asks is not None and cell not in self._asked:
            self._asked.add(cell)
            sys.stderr.write(f"{escape_for_terminal(asks.prompt)} (waits for an answer)\n")
            sys.stderr.flush()
        for name, stream in (("stdout", sys.stdout), ("stderr", sys.stderr)):
            text = _text_of(outputs, name)
            end = len(text) if is_over else text.rfind("\n") + 1
            start = min(self._printed.get((cell, name), 0), end)
            if end > start:
                self._printed[cell, name] = end
                self._print_to(stream, cell, name, text[start:end])

    def _print_to(self, stream: TextIO, cell: str, name: str, text: str) -> None:
        if self._as_json:
            self._tell({"event": "output", "cell": cell, "stream": name, "text": text})
            return
        text = text if text.endswith("\n") else f"{text}\n"
        stream.write(_clean(text) if stream.isatty() else text)
        stream.flush()

    def _tell(self, event: dict[str, Any]) -> None:
        if self._as_json:
            sys.stdout.write(json.dumps(event, ensure_ascii=False) + "\n")
            sys.stdout.flush()


def _text_of(outputs: CellOutputs, stream: str) -> str:
    """What a cell gave, as text for one of the two streams: values and what it printed, or errors and what it printed there."""
    is_plain = stream == "stdout"
    parts: list[str] = []
    for item in outputs.items:
        match item:
            case Stream(name, lines):
                parts.append("\n".join(lines) if name == stream else "")
            case Display(data) if is_plain:
                plain = data.get("text/plain")
                parts.append(f"{plain}\n" if isinstance(plain, str) else f"[{', '.join(data)}]\n")
            case Error() if not is_plain:
                lines = item.traceback or (f"{item.ename}: {item.evalue}",)
                parts.append("\n".join(lines) + "\n")
            case Gap() if not is_plain:
                parts.append(f"[{item.count:,} messages of the kernel were lost here]\n")
            case _:
                pass
    return "".join(parts)


def _clean(text: str) -> str:
    """A text for a terminal: colours stay, nothing else that could control it."""
    from jpterm_like.notebook.printed import Printed

    printed = Printed()
    printed.feed(text)
    return printed.text
