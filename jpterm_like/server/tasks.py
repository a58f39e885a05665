"""The server's background tasks: each has an owner that sees it fail, and all are cancelled when the server stops."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine

from jpterm_like.background import MISTAKE
from jpterm_like.server.connections import Connection
from jpterm_like.sync import events

log = logging.getLogger("jpterm_like.server.server")


class Tasks:
    """All background tasks that run now."""

    def __init__(self) -> None:
        self.running: set[asyncio.Task[None]] = set()

    def start(
        self, work: Coroutine[None, None, None], connection: Connection | None = None
    ) -> asyncio.Task[None]:
        """Run a coroutine as a task; an exception of it is logged.

        Args:
            connection: it waits for an answer of the task, so it is ended when the task fails.
        """
        task = asyncio.create_task(work)
        self.running.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self.running.discard(task)
            if not task.cancelled() and (problem := task.exception()) is not None:
                log.error("a background task failed", exc_info=problem)
                if connection is not None:
                    connection.link.end(events.MISTAKE, MISTAKE)
                    connection.wake()

        task.add_done_callback(ended)
        return task

    async def cancel(self) -> None:
        """Cancel all of them and wait for their ends."""
        tasks = list(self.running)
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
