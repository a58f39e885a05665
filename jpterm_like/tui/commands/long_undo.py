"""Undo and redo in slices of time.

A step may have changed a hundred thousand places. Each slice is shown and sent at its end, and all slices together are one step
to redo. If the person stops between two, the rest of the step can be undone, and what was undone can be redone.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Final

from jpterm_like.tui.commands.bulk_edit import Pace
from jpterm_like.tui.ports import EditorSession
from jpterm_like.tui.text.cursors import TrackedOffset

RUN_S: Final = 0.000_05
"""How long a run is thought to take until some were timed."""

RUNS_MIN: Final = 20
"""The runs that are undone at once at least."""


class LongUndo:
    """My last step, which is being undone or, with `again`, redone."""

    def __init__(
        self, session: EditorSession, again: bool, clock: Callable[[], float] = perf_counter
    ) -> None:
        self._session = session
        self._again = again
        self._clock = clock
        self._pace = Pace(RUN_S, RUNS_MIN)
        self._first: TrackedOffset | None = None
        self._length = 0
        self._has_begun = False
        self.changes = 0
        self.has_more = False
        """Whether a part of the step is left; it can be undone later."""

    @property
    def tells(self) -> str:
        return f"{self.changes:,} places {'redone' if self._again else 'undone'} so far; esc stops."

    @property
    def first(self) -> tuple[int, int]:
        """Where the first change is in the text, and how much text stands there again."""
        if self._first is None:
            return 0, 0
        self._first.follow()
        return self._first.offset, self._length

    def step(self, time_s: float) -> bool:
        """Undo for `time_s`, and return whether there is more of the step."""
        count = self._pace.count(time_s)
        began = self._clock()
        part = self._session.undo_part(count, again=self._again, goes_on=self._has_begun)
        if part is None:
            return False  # there is no such step, or I typed in another view of this text meanwhile
        self._has_begun, self.has_more = True, part.has_more
        if part.has_more:
            self._pace.note(count, self._clock() - began)
        splices = part.patch.splices
        self.changes += len(splices)
        if splices:
            start, _, text = splices[-1]
            if self._first is None or start <= self.first[0]:
                self._first, self._length = TrackedOffset(self._session.buffer, start), len(text)
        return part.has_more

    def end(self) -> None:
        """End it where it is: each slice is complete."""
