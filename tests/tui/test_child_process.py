"""Processes that the editor starts: what is killed has ended when the program does."""

from __future__ import annotations

import asyncio
import gc
import os
import warnings

import pytest

from jpterm_like.tui import child_process


@pytest.mark.parametrize("turns", range(6))
def test_a_process_that_is_ended_while_the_loop_closes_leaves_nothing(turns: int) -> None:
    """The loop cancels everything as it closes: who was about to wait for the end did not, and the process stayed a zombie."""
    ids: list[int] = []

    async def hold() -> None:
        process = await asyncio.create_subprocess_exec(
            "sleep",
            "1000",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        ids.append(process.pid)
        try:
            await process.wait()
        finally:
            await child_process.end(process)

    async def leave() -> None:
        holding = asyncio.create_task(hold())
        while not ids:
            await asyncio.sleep(0)
        holding.cancel()
        for _ in range(turns):
            await asyncio.sleep(0)

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        asyncio.run(leave())
        gc.collect()
    assert not told
    with pytest.raises(ProcessLookupError):
        os.kill(ids[0], 0)
