"""How a server's event loop waits: in a crowd, so long that what several people say is read in one turn.

A key that has a turn of its own costs several times what it costs among others: the machine has slept, and has
forgotten the code that is to run. (Network cards do the same with their interrupts.)
"""

from __future__ import annotations

import asyncio
import selectors
import time
from typing import Final

CROWD: Final = 16
"""So many connections that speak within CROWD_S are a crowd. An editor and its hub never are."""
CROWD_S: Final = 0.1
PAUSE_S: Final = 0.01
"""Nobody notices, beside the ticks of the server."""


class BatchingSelector(selectors.DefaultSelector):
    """Looks what has come; in a crowd only after it has come in for a while."""

    def __init__(self) -> None:
        super().__init__()
        self._is_crowd = False
        self._spoke: set[int] = set()  # of which files something came, since the crowd was counted
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
    """An event loop that waits so."""
    return asyncio.SelectorEventLoop(BatchingSelector())
