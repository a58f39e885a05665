"""Carries out what people ask of the kernels of notebooks. What each of them may do is checked by the link, and once more here."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from jpterm_like.errors import JptermError
from jpterm_like.server.connections import Connection, OpenDocument
from jpterm_like.server.group_commit import GroupCommit
from jpterm_like.server.notebook_records import NotebookRecords
from jpterm_like.server.open_documents import OpenDocuments
from jpterm_like.server.runner import CannotChoose, CannotRun, Kernels, Runner
from jpterm_like.server.tasks import Tasks
from jpterm_like.sync import wire


class Running:
    """See the module.

    Args:
        kernels: where kernels come from; None: nothing is run here.
    """

    def __init__(
        self, kernels: Kernels | None, tasks: Tasks, documents: OpenDocuments, commits: GroupCommit
    ) -> None:
        self._kernels = kernels
        self._tasks = tasks
        self._documents = documents
        self._commits = commits

    def handle(self, connection: Connection, event: wire.RunningRequest) -> None:
        """Begin what a client asks for; the answer follows."""
        self._tasks.start(self._answer(connection, event), connection)

    async def _answer(self, connection: Connection, event: wire.RunningRequest) -> None:
        try:
            answer = await self._carry_out(connection, event)
        except JptermError as problem:
            code = wire.KERNEL_WANTED if isinstance(problem, CannotChoose) else "running"
            connection.link.refuse(code, str(problem), channel=event.channel, request=event.request)
        else:
            if answer is None:
                connection.link.done(event.request)
            else:
                connection.link.answer(answer)
        connection.wake()

    async def _carry_out(self, connection: Connection, event: wire.RunningRequest) -> wire.KernelList | None:
        """Do it; an answer that has more than `Done` is returned."""
        opened = connection.documents.get(event.channel)
        records = None if opened is None else opened.document.records
        if opened is None or records is None:
            raise CannotRun("This is no notebook.")
        match event:
            case wire.Clear(_, _, cells):
                await opened.document.read_outputs()
                self.runner_of(opened, records).clear(cells)
            case wire.Run(_, _, cells, runs):
                await opened.document.read_outputs()
                await self._runner_for(connection, opened, records).run(cells, runs, _name(connection))
            case wire.Kernel(_, _, verb):
                await self._runner_for(connection, opened, records).command(verb)
            case wire.Input(_, _, run, text):
                runner = self._runner_for(connection, opened, records)
                await runner.answer(run, text, _name(connection))
            case wire.Move(_, _, widget, attribute, value):
                runner = self._runner_for(connection, opened, records)
                await runner.move(widget, attribute, value, _name(connection))
            case wire.ListKernels():
                runner = self._runner_for(connection, opened, records)
                names = (await runner.kernel_names())[: wire.RUNS_MAX]
                return wire.KernelList(
                    event.request,
                    tuple(name for name, _ in names if len(name) <= wire.NAME_LENGTH_MAX),
                    tuple(
                        title[: wire.NAME_LENGTH_MAX]
                        for name, title in names
                        if len(name) <= wire.NAME_LENGTH_MAX
                    ),
                    runner.chosen_kernel,
                )
            case wire.UseKernel(_, _, name):
                await self._runner_for(connection, opened, records).use_kernel(name)
        return None

    def _runner_for(self, connection: Connection, opened: OpenDocument, records: NotebookRecords) -> Runner:
        """The runner of a notebook, for somebody who may run.

        Raises:
            CannotRun: that person may not, or nobody.
        """
        if self._kernels is None:
            raise CannotRun("This server runs nothing: it was started without --run.")
        # A right that ended a moment ago still has its connection, for a second at most.
        if not connection.may_run or not connection.rights.is_valid():
            raise CannotRun("You may not run cells here.")
        if not opened.is_open:
            raise CannotRun("The notebook is being closed.")
        return self.runner_of(opened, records)

    def runner_of(self, opened: OpenDocument, records: NotebookRecords) -> Runner:
        """The runner of a notebook."""
        if opened.runner is None:

            def start(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
                return self._tasks.start(work)

            def close_if_unused() -> None:
                if not opened.members:
                    self._documents.close_soon_if_unused(opened)

            kernels = self._kernels or _Nothing()
            opened.runner = Runner(
                opened.document,
                records,
                kernels,
                start,
                close_if_unused,
                lambda: self._commits.commit(opened),
            )
        return opened.runner


def _name(connection: Connection) -> str:
    return connection.link.peer_name or "Somebody"


class _Nothing:
    """Runs nothing: what people may do without kernels is to clear outputs."""

    async def find(self, file: object, metadata: object, chosen: str) -> None:
        raise CannotRun("This server runs nothing.")

    async def names(self, file: object, metadata: object) -> list[tuple[str, str]]:
        raise CannotRun("This server runs nothing.")

    async def start(self, file: object, metadata: object, chosen: str) -> tuple[str, str]:
        raise CannotRun("This server runs nothing.")

    async def connect(self, folder: str) -> Any:
        raise CannotRun("This server runs nothing.")
