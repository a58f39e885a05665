"""Keeps the passes of Python's garbage collector short, so that none stops the keyboard.

A full pass looks at every object: in a text of some hundred thousand runs it took half a second, in the middle of a change. So the
objects that a slow pass has looked at are frozen: later passes look only at what is newer. What is frozen is still freed when the
last reference goes; only a cycle that becomes garbage later stays, as a closed dialog may, which was open during a slow pass.
It stays until a text is closed, which is such a cycle itself: then the next full pass looks at everything once more.
At the end all stays frozen, so that the last passes of the process, which is ending, are short as well.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Final

SLOW_S: Final = 0.005
"""How long a pass may take until what it has looked at is frozen."""

THRESHOLDS: Final = (700, 10, 4)
"""Those of Python with a full pass after 28,000 new objects instead of 70,000, which took 25 ms."""


def look_at_all_again() -> None:
    """Let the next full pass look at what is frozen, too, since a text was closed."""
    gc.unfreeze()


class GarbagePasses:
    """Watches the passes while an editor is open."""

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self._clock = clock
        self._began = 0.0
        self._before = THRESHOLDS

    def start(self) -> None:
        """Freeze what there is, since objects made at the start stay, and watch from now on."""
        gc.freeze()
        self._before = gc.get_threshold()
        gc.set_threshold(*THRESHOLDS)
        gc.callbacks.append(self._note)
        gc.enable()

    def stop(self) -> None:
        if self._note in gc.callbacks:
            gc.callbacks.remove(self._note)
            gc.set_threshold(*self._before)

    def _note(self, phase: str, info: Mapping[str, int]) -> None:
        if info["generation"] < 2:
            return
        if phase == "start":
            self._began = self._clock()
        elif self._clock() - self._began > SLOW_S:
            gc.freeze()
