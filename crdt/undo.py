"""Which of my operations make one step of undo. Knows clocks, no text and no characters.

A step is a range of clocks of a site of mine: what happened there is in the site's log and need not be kept twice.
Undoing a step makes new operations, whose range is a step to redo; redoing makes a step to undo again.

Steps outlive the opening as *notes* beside the operations: what was taken from the two stacks and put on them since the
note before. That is one for each word, and not for each key: of the step that is still open only its beginning is noted.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Final

from .plain import NUMBER_MAX, Reader, write_number, write_site

PAUSE_S: Final = 1.0
"""Wall-clock seconds without typing after which a new step begins."""

BLANK: Final = " "

BLANKS: Final = " \t\n"
"""What ends a word. A newline is a step by itself."""

OTHER: Final = 0
TYPING: Final = 1
ERASING: Final = 2
BACKSPACE: Final = 3
DELETE: Final = 4

NOWHERE: Final = -1

PARTS: Final = 3
"""Numbers that a step takes in its stack: the site, the first clock, the clock after the last."""

STEPS_KEPT: Final = 10_000
"""Of each stack, the newest, when all of it is noted anew."""


class Undo:
    """The steps of one replica, and whether the next edit goes on with the last one.

    A typed word with the blanks after it is a step, likewise a run of backspaces or of deletes. A pause, a jump of
    the caret, a newline, a paste and the replacement of a selection begin a new one.
    """

    __slots__ = (
        "_noted_begin",
        "_noted_done",
        "_noted_undone",
        "_shortened",
        "begin",
        "blank",
        "caret",
        "depth",
        "done",
        "kind",
        "now",
        "site",
        "undone",
    )

    def __init__(self, site: int) -> None:
        self.site: Final = site
        """Of this opening; earlier ones had others."""
        # The parts of each step, one after the other: somebody who jumps about makes a step with every key.
        self.done: Final = array("Q")
        self.undone: Final = array("Q")
        # How much of the stacks is as the last note left it, from the bottom; and whether that note had more.
        self._noted_done = 0
        self._noted_undone = 0
        self._noted_begin = NOWHERE
        self._shortened = False
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
            self.done.extend((self.site, self.begin, clock))
        self.begin = NOWHERE
        self.kind = OTHER
        self.caret = NOWHERE

    def typed(self, clock: int, text: list[str], caret: int) -> None:
        """Note more typing that took the clocks from `clock` on and ended at `caret`."""
        self.caret = caret
        blank = self.blank
        self.blank = text[-1] in BLANKS
        if self.depth:
            return
        begin = self.begin
        steps: list[int] = []
        lines = "".join(text).replace("\t", BLANK).split("\n")
        for number, line in enumerate(lines):
            if number:
                # A newline is another step.
                steps += (self.site, begin, clock)
                begin = clock
                clock += 1
                blank = True
            for word in line.split(BLANK):
                if blank and word:
                    steps += (self.site, begin, clock)
                    begin = clock
                clock += len(word) + 1
                blank = True
            clock -= 1
        if steps:
            self.done.extend(steps)
            self.begin = begin

    def prepended(self, clock: int, count: int, blank: bool) -> None:
        """Note more characters, each before the one before, that took the clocks from `clock` on: a step each."""
        self.blank = blank
        if not self.depth:
            self.done.extend((self.site, self.begin, clock))
            self.begin = clock + count - 1
            for begin in range(clock, self.begin):
                self.done.extend((self.site, begin, begin + 1))

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
        blank = text in BLANKS
        if start == end:
            if len(text) == 1:
                kind = TYPING
                if self.kind == TYPING and start == self.caret:
                    going = text != "\n" and (blank or not self.blank)
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
        if now != self.now:
            if not 0 <= now - self.now <= PAUSE_S:
                going = False
            self.now = now
        self.blank = blank
        if self.undone:
            del self.undone[:]
            self._shrunk()
        begin = self.begin
        if begin == NOWHERE:
            self.begin = clock
        elif not going and not self.depth:
            if clock > begin:
                self.done.extend((self.site, begin, clock))
            self.begin = clock
        self.kind = kind
        self.caret = start + len(text)

    def pop(self, steps: array[int]) -> tuple[int, int, int]:
        """Take the newest step from one of the stacks: site, first clock, the clock after the last."""
        end = steps.pop()
        begin = steps.pop()
        site = steps.pop()
        self._shrunk()
        return site, begin, end

    def _shrunk(self) -> None:
        self._noted_done = min(self._noted_done, len(self.done))
        self._noted_undone = min(self._noted_undone, len(self.undone))
        self._shortened = True  # also if no note of this opening had it: those of earlier ones may

    def note(self, whole: bool) -> bytes:
        """Return what changed since the last note, or all there is; b"" if nothing changed."""
        if whole:
            del self.done[: -PARTS * STEPS_KEPT]
            del self.undone[: -PARTS * STEPS_KEPT]
            self._noted_done = self._noted_undone = 0
        elif (
            self._noted_done == len(self.done)
            and self._noted_undone == len(self.undone)
            and self._noted_begin == self.begin
            and not self._shortened
        ):
            return b""
        out = bytearray()
        write_site(out, self.site)
        write_number(out, self.begin + 1)
        for steps, noted in ((self.done, self._noted_done), (self.undone, self._noted_undone)):
            write_number(out, noted // PARTS)
            write_number(out, (len(steps) - noted) // PARTS)
            for at in range(noted, len(steps), PARTS):
                is_other = steps[at] != self.site
                write_number(out, steps[at + 1] << 1 | is_other)
                if is_other:
                    write_site(out, steps[at])
                write_number(out, steps[at + 2] - steps[at + 1])
        self._noted_done, self._noted_undone, self._noted_begin = len(self.done), len(self.undone), self.begin
        self._shortened = False
        return bytes(out)

    def restore(self, notes: Iterable[bytes]) -> None:
        """Put the steps of an earlier opening, from its notes in their order, below those that there are.

        Raises:
            ForeignOp: not a note. Nothing was put anywhere.
        """
        done = array("Q")
        undone = array("Q")
        last = array("Q")
        for note in notes:
            reader = Reader(note)
            site = reader.site()
            begin = reader.number() - 1
            for steps in (done, undone):
                del steps[PARTS * reader.number() :]
                for _ in range(reader.number(len(note))):
                    first = reader.number()
                    number = reader.site() if first & 1 else site
                    first >>= 1
                    steps.extend((number, first, first + reader.number()))
            # Where the step ends that was open then, only its site knows: whoever takes it back looks.
            last = array("Q", () if begin < 0 else (site, begin, NUMBER_MAX))
        self.done[:0] = done + last
        self.undone[:0] = undone
        self._noted_done = self._noted_undone = 0
