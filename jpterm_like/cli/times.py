"""Read points in time as people write them, and write them as people read them."""

from __future__ import annotations

import argparse
import time
from datetime import datetime

from jpterm_like.errors import escape_for_terminal

TIMES: str = "a date, an ISO 8601 time, or how long ago: 30m, 2h, 3d"


def point_in_time(text: str) -> float:
    """Parse a point in time into wall-clock seconds, for argparse: ISO 8601 (local time without an offset), or how long
    ago it was, such as 2h or 3d."""
    from jpterm_like.access.tokens import parse_duration

    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except (ValueError, OverflowError):
        pass
    try:
        return time.time() - parse_duration(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{escape_for_terminal(text)} is no time: write {TIMES}") from None


def readable(seconds: int) -> str:
    """Return a wall-clock second in local time, 16 characters wide; blanks if it is not known."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds)) if seconds else " " * 16
