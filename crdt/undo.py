"""Which of my operations make one step of undo. Knows clocks, no text and no characters.

A step is a range of clocks of my own site: what happened there is in the site's log and need not be kept twice.
Undoing a step makes new operations, whose range is a step to redo; redoing makes a step to undo again.
"""

from __future__ import annotations

from array import array
from typing import Final

PAUSE_S: Final = 1.0
"""Wall-clock seconds without typing after which a new step begins."""

BLANK: Final = " "
"""A character up to this one ends a word."""

OTHER: Final = 0
TYPING: Final = 1
ERASING: Final = 2
BACKSPACE: Final = 3
DELETE: Final = 4

NOWHERE: Final = -1


class Undo:
    """The steps of one replica, and whether the next edit goes on with the last one.

    A typed word with the blanks after it is a step, likewise a run of backspaces or of deletes. A pause, a jump of
    the caret, a newline, a paste and the replacement of a selection begin a new one.
    """

    __slots__ = ("begin", "blank", "caret", "depth", "done", "kind", "now", "undone")

    def __init__(self) -> None:
        # Of each step the first clock and the clock after the last, one after the other: somebody who jumps about makes
        # a step with every key.
        self.done: Final = array("q")
        self.undone: Final = array("q")
        self.begin = NOWHERE
        """The clock at which the step that is still open began."""
        self.kind = OTHER
        self.caret = NOWHERE
        """Where an edit must be to go on with the open step."""
        self.blank = False
        """Whether the last typed character was a blank: the next word is another step."""
        self.now = 0.0
        self.depth = 0
        """How many `one_step` blocks are open."""

    def close(self, clock: int) -> None:
        """End the open step before operation `clock`."""
        if self.begin != NOWHERE and clock > self.begin:
            self.done.append(self.begin)
            self.done.append(clock)
        self.begin = NOWHERE
        self.kind = OTHER
        self.caret = NOWHERE

    def typed(self, clock: int, text: list[str], caret: int) -> None:
        """Note more typing, no character below a blank, that took the clocks from `clock` on and ended at `caret`."""
        if self.blank or BLANK in text:
            for character in text:
                if character == BLANK:
                    self.blank = True
                elif self.blank:
                    # Another word in the same place.
                    self.blank = False
                    if not self.depth:
                        self.done.append(self.begin)
                        self.done.append(clock)
                        self.begin = clock
                clock += 1
        self.caret = caret

    def prepended(self, clock: int, count: int, blank: bool) -> None:
        """Note more characters, each before the one before, that took the clocks from `clock` on: a step each."""
        self.blank = blank
        if not self.depth:
            self.done.append(self.begin)
            self.done.append(clock)
            self.begin = clock + count - 1
            self.done.extend([at for begin in range(clock, self.begin) for at in (begin, begin + 1)])

    def inserted(self, offset: int, count: int) -> None:
        """Note what somebody else typed."""
        if self.caret > offset:
            self.caret += count

    def removed(self, offset: int, count: int) -> None:
        """Note what somebody else deleted."""
        if self.caret > offset:
            self.caret = max(offset, self.caret - count)

    def erased(self, kind: int, caret: int) -> None:
        """Note more backspaces or deletes."""
        self.kind = kind
        self.caret = caret

    def edit(self, clock: int, start: int, end: int, text: str, now: float) -> None:
        """Note an edit that is about to take the clocks from `clock` on."""
        kind = OTHER
        going = False
        paused = not 0 <= now - self.now <= PAUSE_S
        blank = text <= BLANK
        if start == end:
            if len(text) == 1:
                kind = TYPING
                after_blank = self.blank and not blank
                going = self.kind == TYPING and start == self.caret and text != "\n" and not after_blank
        elif not text and end - start == 1:
            # One deletion alone does not tell whether it was a backspace or a delete; the second one does.
            kind = ERASING
            if start == self.caret and self.kind in (ERASING, DELETE):
                kind = DELETE
                going = True
            elif end == self.caret and self.kind in (ERASING, BACKSPACE):
                kind = BACKSPACE
                going = True
        elif len(text) == 1:
            # A selection typed over: what is typed next goes on with it.
            kind = TYPING
        self.now = now
        self.blank = blank
        if self.undone:
            del self.undone[:]
        if not self.depth and (paused or not going or self.begin == NOWHERE):
            self.close(clock)
        if self.begin == NOWHERE:
            self.begin = clock
        self.kind = kind
        self.caret = start + len(text)
