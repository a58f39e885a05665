"""End a process that asyncio started with `start_new_session`, without waiting for what it leaves behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import Final

END_S: Final = 5.0
"""How long the end of a killed process is waited for by who is cancelled meanwhile, in seconds."""


async def end(process: asyncio.subprocess.Process) -> None:
    """Kill a process with whatever it has started, if it runs, and wait for its end.

    Who is cancelled meanwhile waits as well: a loop that closes cancels everything, and what has ended shall be told to
    the system before. It comes out as the cancellation.
    """
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    # `wait` ends when the pipes do, too: one that nobody reads on, or that a process outside the group holds, never does.
    transport: asyncio.SubprocessTransport = process._transport  # type: ignore[attr-defined]
    for number in range(3):
        if (pipe := transport.get_pipe_transport(number)) is not None:
            pipe.close()
    try:
        await process.wait()
    except asyncio.CancelledError:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_S):
                await process.wait()
        raise
    finally:
        transport.close()
