"""Write the history of a text as a recording of a terminal (asciicast), which asciinema and others play.

The formats: docs.asciinema.org/manual/asciicast/v2 and …/v3.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from crdt import TextBuffer
from jpterm_like.cli.times import readable
from jpterm_like.history.steps import Step, steps
from jpterm_like.tui.text.cells import clean, lay_out

STEPS_MAX: Final = 2000
STEP_S: Final = 0.05
"""Seconds that a step is shown: two thousand take 100 seconds."""
PAUSE_SHOWN_S: Final = 1.0
"""Seconds that a pause in the writing is shown, however long it was."""


def cast(
    buffer: TextBuffer, title: str, width: int, height: int, since: float, version: int
) -> Iterator[str]:
    """Yield the lines of a recording of format `version` (2 or 3), without line breaks.

    The last row says when and who; the other rows show the text around the place where somebody writes.
    """
    history = steps(buffer, since, STEPS_MAX)
    first = next(history)
    facts: dict[str, object] = {"version": version, "timestamp": first.seconds, "title": title}
    if version == 2:
        facts |= {"width": width, "height": height}
    else:
        facts["term"] = {"cols": width, "rows": height}
    yield json.dumps(facts)
    screen = _Screen(title, width, height)
    at = told = 0.0
    for step in (first, *history):
        at += PAUSE_SHOWN_S if step.after_pause else STEP_S
        output = screen.show(step)
        if output:
            # Of whole milliseconds, so that differences add up to the absolute times.
            when = round(at, 3)
            yield json.dumps([when if version == 2 else round(when - told, 3), "o", output])
            told = when


class _Screen:
    """What is shown, so that only rows that differ are written."""

    def __init__(self, title: str, width: int, height: int) -> None:
        self._title = title
        self._width = width
        self._height = height
        self._lines: list[str] = []
        self._shown: list[str] = []
        self._top = 0

    def show(self, step: Step) -> str:
        """Return what a terminal is sent to show a step; "" if nothing differs."""
        lines = step.text.split("\n")
        row = _first_difference(self._lines, lines)
        self._lines = lines
        rows = self._height - 1
        if not self._top <= row < self._top + rows:
            self._top = max(0, row - rows // 2)
        self._top = max(0, min(self._top, len(lines) - rows))
        wanted = [self._cut(line) for line in lines[self._top : self._top + rows]]
        wanted += [""] * (rows - len(wanted))
        status = self._cut(f" {self._title}  {readable(step.seconds)}  {clean(step.author, 40)}")
        wanted.append(f"\x1b[7m{status}{' ' * (self._width - lay_out(status).width)}\x1b[0m")
        output = [
            f"\x1b[{at + 1};1H\x1b[2K{line}"
            for at, line in enumerate(wanted)
            if at >= len(self._shown) or self._shown[at] != line
        ]
        begin = "" if self._shown else "\x1b[?25l\x1b[2J"
        self._shown = wanted
        return begin + "".join(output) if output else ""

    def _cut(self, line: str) -> str:
        """Return as much of a line as fits into a row; control characters are shown as the editor does."""
        cells = lay_out(line[: 4 * self._width])
        return cells.show(0, cells.column(min(cells.width, self._width)))


def _first_difference(old: list[str], new: list[str]) -> int:
    for at, line in enumerate(new):
        if at >= len(old) or old[at] != line:
            return at
    return max(0, len(new) - 1)
