"""Background tasks, and what happens when a bug of ours ends one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

RESTART_S: Final = 0.5
"""Delay before a background task that a bug ended is restarted."""
MISTAKE: Final = "The connection was ended: jpterm-like made a mistake."
"""The reason shown on both sides when a bug ends a connection."""

log = logging.getLogger("jpterm_like.background")


async def restart_on_failure(work: Callable[[], Awaitable[None]]) -> None:
    """Run a background task, and restart it when a bug ends it, because everything depends on it."""
    while True:
        try:
            return await work()
        except Exception:
            log.exception("a background task failed and is restarted")
            await asyncio.sleep(RESTART_S)
