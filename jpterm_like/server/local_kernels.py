"""Kernels of this machine: started beside their notebook, each with a keeper in the state folder."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from jpterm_like.errors import escape_for_terminal
from jpterm_like.server.runner import CannotChoose

if TYPE_CHECKING:
    from jpterm_like.kernels.entries import Entry
    from jpterm_like.kernels.line import KeeperLine
    from jpterm_like.kernels.specs import KernelSpec

DEFAULTS: Final = {"PYDEVD_DISABLE_FILE_VALIDATION": "1"}
"""Variables of kernels that the user may set otherwise. Without this one, Python 3.11 and later print a warning about frozen modules
that is no concern of the notebook, and that stands among the outputs of its first cell."""

INTERRUPT: Final = "interrupt"
"""What a keeper is told, besides names for people: how a cell is interrupted (`KernelSpec.interrupt_mode`)."""


class LocalKernels:
    """See the module.

    Args:
        state: the user's state folder.
    """

    def __init__(self, state: Path) -> None:
        self._state = state
        self._found: dict[Path, KernelSpec] = {}
        """What `find` found, for the `start` that follows: looking takes some tenths of a second."""
        self._choices: dict[Path, list[tuple[str, str]]] = {}
        """The same for the `names` that follow when a person must choose."""

    async def find(self, file: Path, metadata: Mapping[str, Any], chosen: str) -> None:
        """See `server.runner.Kernels`."""
        self._choices.pop(file, None)
        try:
            self._found[file] = await asyncio.to_thread(_spec, file, metadata, chosen)
        except CannotChoose as question:
            self._choices[file] = question.choices
            raise

    async def names(self, file: Path, metadata: Mapping[str, Any]) -> list[tuple[str, str]]:
        """See `server.runner.Kernels`."""
        from jpterm_like.kernels.specs import kernels_for

        if choices := self._choices.pop(file, []):
            return choices
        return await asyncio.to_thread(kernels_for, file, metadata, os.environ)

    async def start(self, file: Path, metadata: Mapping[str, Any], chosen: str) -> tuple[str, str]:
        """See `server.runner.Kernels`."""
        spec = self._found.pop(file, None)
        if spec is None:
            spec = await asyncio.to_thread(_spec, file, metadata, chosen)
        return await asyncio.to_thread(self._start, file, spec)

    def _start(self, file: Path, spec: KernelSpec) -> tuple[str, str]:
        from jpterm_like.kernels.start import start_keeper

        keeper = start_keeper(
            spec.argv,
            {**DEFAULTS, **os.environ, **spec.env},
            file.parent,
            self._state,
            about={"notebook": str(file), "kernel": spec.name, INTERRUPT: spec.interrupt_mode},
        )
        return str(keeper.folder), spec.name

    async def connect(self, folder: str) -> _Line:
        """See `server.runner.Kernels`."""
        from jpterm_like.kernels.description import read_description
        from jpterm_like.kernels.line import connect

        line = await connect(Path(folder))
        about = (await asyncio.to_thread(read_description, Path(folder))).about
        return _Line(line, by_message=about.get(INTERRUPT) == "message")


def _spec(file: Path, metadata: Mapping[str, Any], chosen: str) -> KernelSpec:
    """The kernel for a notebook. Raises KernelError, and CannotChoose if a person must choose."""
    from jpterm_like.kernels.specs import WhichKernel, choose_kernel, kernel_by_name

    try:
        return (
            kernel_by_name(chosen, file, os.environ) if chosen else choose_kernel(file, metadata, os.environ)
        )
    except WhichKernel as question:
        names = ", ".join(escape_for_terminal(spec.name) for spec in question.choices)
        choices = [(spec.name, spec.display_name) for spec in question.choices]
        raise CannotChoose(f"{question} There are: {names}.", choices) from question


class _Line:
    """A connection to a keeper, as the runner knows it."""

    def __init__(self, line: KeeperLine, *, by_message: bool) -> None:
        self._line = line
        self._by_message = by_message
        """Whether a cell is interrupted by a message, which kernels that know no SIGINT ask for."""

    def entries(self, after: int) -> AsyncIterator[Entry]:
        return self._line.entries(max(0, after))

    async def send(
        self,
        channel: Literal["shell", "control", "stdin"],
        kind: str,
        content: Mapping[str, Any],
        name: str,
        parent: Mapping[str, Any],
        metadata: Mapping[str, Any] | None = None,
        subshell: str = "",
    ) -> None:
        from jpterm_like.kernels.line import Message, Repeated
        from jpterm_like.server.runner import WasSent

        try:
            message = Message(
                kind, content, id=name, parent=parent, metadata=metadata or {}, subshell=subshell
            )
            await self._line.send(channel, message)
        except Repeated as problem:
            raise WasSent(str(problem)) from problem

    async def signal(self, number: int) -> None:
        from jpterm_like.kernels.line import Message

        if number == signal.SIGINT and self._by_message:
            await self._line.send("control", Message("interrupt_request", {}))
        else:
            await self._line.signal(number)

    async def acknowledge(self, number: int) -> None:
        await self._line.acknowledge(number)

    async def stop(self) -> None:
        await self._line.stop()

    async def close(self) -> None:
        await self._line.close()
