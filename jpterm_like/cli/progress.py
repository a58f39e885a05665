"""A line of progress on the terminal: what is being done, how many bytes of how many have moved, and how long the rest will take."""

from __future__ import annotations

import shutil
import sys
import time
from typing import Final

from jpterm_like.errors import escape_for_terminal

REDRAW_S: Final = 0.1
"""Interval between two drawings: a line that flickers is not read."""
RATE_S: Final = 1.0
"""Time before a rate is shown: an earlier one would be luck."""


class Progress:
    """Shown on standard error while that is a terminal; nothing else may be printed before `end`."""

    def __init__(self, *, is_shown: bool | None = None) -> None:
        self._is_shown = sys.stderr.isatty() if is_shown is None else is_shown
        self._sentence = ""
        self._moved = self._of = self._before = 0
        self._begin_s = self._drawn_s = 0.0
        self._is_drawn = False
        self._quiet_until_s = 0.0

    def wait(self, seconds: float) -> None:
        """Show nothing for so long: what is done by then needs no line that comes and goes."""
        self._quiet_until_s = time.monotonic() + seconds

    def say(self, sentence: str) -> None:
        """Show a sentence until the next one, or until bytes move."""
        self._sentence = sentence
        self._draw(time.monotonic())

    def expect(self, size_bytes: int) -> None:
        """Note how many bytes are still to be moved."""
        self._of = self._moved + size_bytes
        self._before = self._moved
        self._begin_s = time.monotonic()

    def moved(self, count: int) -> None:
        """Note that more bytes have come or gone; for places (`places.base.Moved`)."""
        self._moved += count
        self._of = max(self._of, self._moved)
        now = time.monotonic()
        # The first bytes and the last ones are always shown: a system takes some megabytes at once, and then the server is waited for.
        if self._sentence or self._moved == self._of or now - self._drawn_s >= REDRAW_S:
            self._sentence = ""
            self._draw(now)

    def end(self) -> None:
        """Remove the line."""
        if self._is_drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._is_drawn = False

    def _draw(self, now: float) -> None:
        if not self._is_shown or now < self._quiet_until_s:
            return
        columns = shutil.get_terminal_size().columns
        words = escape_for_terminal(self._sentence or self._words(now))
        if len(words) >= columns:
            words = words[: columns - 2] + "…"
        sys.stderr.write(f"\r{words}\x1b[K")
        sys.stderr.flush()
        self._drawn_s = now
        self._is_drawn = True

    def _words(self, now: float) -> str:
        words = f"{size(self._moved)} of {size(self._of)}"
        took_s = now - self._begin_s
        rate = (self._moved - self._before) / took_s if took_s >= RATE_S else 0.0
        if rate > 0:
            words += f", {size(rate)}/s"
            left_s = (self._of - self._moved) / rate
            words += f", {duration(left_s)} left" if left_s >= 1 else ""
        percent = 100 * self._moved // max(1, self._of)
        return f"{percent:3} %  {words}"


def size(count: float) -> str:
    """Write a number of bytes for people: "13.4 MB"."""
    if count < 1000:
        return f"{count:.0f} bytes"
    for unit in ("kB", "MB"):
        count /= 1000
        if count < 999.5:
            return f"{count:.3g} {unit}"
    return f"{count / 1000:.3g} GB"


def duration(seconds: float) -> str:
    """Write a length of time for people: "2 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.0f} h"
