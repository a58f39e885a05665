"""An event loop that batches reads under load: with many connections it waits a moment and reads several messages in one turn.

A key that is handled alone costs several times as much as one among others, because after a sleep the caches are
cold. (Network cards coalesce their interrupts for the same reason.)
"""

from __future__ import annotations

import asyncio
import selectors
import time
from typing import Final

CROWD: Final = 16
"""Reads are batched while at least this many connections send within CROWD_S. An editor and its hub never are that many."""
CROWD_S: Final = 0.1
"""Interval in which active connections are counted."""
PAUSE_S: Final = 0.01
"""Delay before reading in a crowd. It is not noticed next to the ticks of the server."""


class BatchingSelector(selectors.DefaultSelector):
    """A selector that in a crowd sleeps for PAUSE_S before it looks for input."""

    def __init__(self) -> None:
        super().__init__()
        self._is_crowd = False
        self._spoke: set[int] = set()  # descriptors with input since the last count
        self._count_at = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self._is_crowd and (timeout is None or timeout > 0):
            pause = PAUSE_S if timeout is None else min(PAUSE_S, timeout)
            time.sleep(pause)
            timeout = None if timeout is None else timeout - pause
        found = super().select(timeout)
        self._spoke.update([key.fd for key, _ in found])
        now = time.monotonic()
        if now >= self._count_at:
            self._is_crowd = len(self._spoke) >= CROWD
            self._spoke.clear()
            self._count_at = now + CROWD_S
        return found


def batching_event_loop() -> asyncio.AbstractEventLoop:
    """Return an event loop with such a selector."""
    return asyncio.SelectorEventLoop(BatchingSelector())
