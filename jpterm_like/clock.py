"""The wall clock, in one place so that simulations can replace it.

Used for history, for the pauses that divide steps of undo, and to notice that the machine slept. Nothing is ordered by it (F34).
"""

from __future__ import annotations

import time


def wall() -> float:
    """Seconds since 1970."""
    return time.time()
