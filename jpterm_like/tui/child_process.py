"""End a process that asyncio started with `start_new_session`, without waiting for what it leaves behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal


async def end(process: asyncio.subprocess.Process) -> None:
    """Kill a process with whatever it has started, if it runs, and wait for its end."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    # `wait` ends when the pipes do, too: one that nobody reads on, or that a process outside the group holds, never does.
    transport: asyncio.SubprocessTransport = process._transport  # type: ignore[attr-defined]
    for number in range(3):
        if (pipe := transport.get_pipe_transport(number)) is not None:
            pipe.close()
    await process.wait()
