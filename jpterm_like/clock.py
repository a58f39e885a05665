"""The wall clock, in the one place where simulations put their own in its stead.

For history, for pauses between steps of undo, and to notice that the machine slept. It orders nothing (F34).
"""

from __future__ import annotations

import time


def wall() -> float:
    """Seconds since 1970."""
    return time.time()
