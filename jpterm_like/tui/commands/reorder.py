"""Sorts lines, reverses them or drops repeated ones, computed in slices of time and changed at once.

Between two slices others may write, and then it begins anew with what is there. Nothing is changed before all is known: then the lines
that move go around a longest run that stays, in one patch, so that carets find their lines again.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from time import perf_counter
from typing import Final

from jpterm_like.tui.commands.editing import Editing
from jpterm_like.tui.text.cursors import TrackedOffset
from jpterm_like.tui.text.minimal_edits import STEP, Steps, replace_lines_in_steps

Order = Callable[[list[str]], Steps[list[str]]]

SORTED_MAX: Final = 10_000
"""Lines that are sorted at once: some milliseconds."""

TRIES_MAX: Final = 3
"""How often others may write meanwhile; then it is done in one slice, however long that takes."""


def sort(lines: list[str]) -> Steps[list[str]]:
    """Without regard to case; lines that differ in that alone by it."""
    chunks: list[list[str]] = []
    for start in range(0, len(lines), SORTED_MAX):
        # Twice takes less than pairs as keys.
        chunks.append(sorted(sorted(lines[start : start + SORTED_MAX]), key=str.casefold))
        yield
    if len(chunks) == 1:
        return chunks[0]
    merged: list[str] = []
    for line in heapq.merge(*chunks, key=lambda line: (line.casefold(), line)):
        merged.append(line)
        if len(merged) % STEP == 0:
            yield
    return merged


def reverse(lines: list[str]) -> Steps[list[str]]:
    yield
    return lines[::-1]


def drop_repeated(lines: list[str]) -> Steps[list[str]]:
    """Keep the first of equal lines."""
    kept: dict[str, None] = {}
    for start in range(0, len(lines), STEP):
        kept |= dict.fromkeys(lines[start : start + STEP])
        yield
    return list(kept)


class Reorder:
    """Some rows that are being put in another order."""

    changes = 0

    def __init__(
        self,
        editor: Editing,
        first: int,
        last: int,
        order: Order,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        """Reorder rows `first` to `last`, the last included."""
        self._editor = editor
        self._order = order
        self._clock = clock
        lines, buffer = editor.text_layout.lines, editor.session.buffer
        self._start = TrackedOffset(buffer, lines.start(first), before=True)
        self._end = TrackedOffset(buffer, lines.span(last)[1])
        self._tries = 0
        self._steps = self._work()
        self.is_same = False
        """Whether the lines were in this order already."""

    @property
    def tells(self) -> str:
        return "Comparing lines; esc stops."

    def step(self, time_s: float) -> bool:
        """Go on for `time_s`, and return whether there is more to do."""
        until = self._clock() + time_s
        return any(self._clock() > until and self._tries <= TRIES_MAX for _ in self._steps)

    def end(self) -> None:
        """End it: nothing was changed yet, or everything."""
        self._steps.close()

    def _work(self) -> Steps[None]:
        editor, buffer = self._editor, self._editor.session.buffer
        splices = None
        while splices is None:
            self._tries += 1
            version = buffer.version
            self._start.follow()
            self._end.follow()
            start, end = self._start.offset, self._end.offset
            old = buffer.slice(start, end).split("\n")
            yield
            new = yield from self._order(old)
            if new != old:
                found = yield from replace_lines_in_steps(start, old, new, ends=end < len(buffer))
            if buffer.version == version:
                if new == old:
                    self.is_same = True
                    return
                splices = found
        size = sum(map(len, new)) + len(new) - 1
        editor.replace_all(splices, start + size, start)
        self.changes = len(splices)
