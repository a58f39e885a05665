"""Work that goes on beside the rest, and what becomes of it when something of ours fails in it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

RESTART_S: Final = 0.5
"""Delay before a background task that a mistake of ours has ended is begun again."""
MISTAKE: Final = "The connection was ended: jpterm-like made a mistake."
"""The reason that both sides show when something of ours failed while they talked."""

log = logging.getLogger("jpterm_like.background")


async def restart_on_failure(work: Callable[[], Awaitable[None]]) -> None:
    """Do a work, and begin it again when a mistake of ours ends it: all depend on it."""
    while True:
        try:
            return await work()
        except Exception:
            log.exception("work in the background is begun again")
            await asyncio.sleep(RESTART_S)
