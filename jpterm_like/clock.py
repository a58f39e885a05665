"""The wall clock, in one place so that simulations can replace it.

Used for history, for the pauses that divide steps of undo, and to notice that the machine slept. Nothing is ordered by it (F34).
"""

from __future__ import annotations

import time


def wall() -> float:
    """Seconds since 1970."""
    return time.time()


def words(seconds: float) -> str:
    """A time on the wall for a sentence: "19:12", or "29 Nov 19:12" if that was not today."""
    then, now = time.localtime(seconds), time.localtime(wall())
    return time.strftime("%H:%M" if then[:3] == now[:3] else "%d %b %H:%M", then)
