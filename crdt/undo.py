"""Which of my operations make one step of undo.

A step is a range of clocks of a site of mine: what happened there is in the site's log and need not be kept twice.
Undoing a step makes new operations, whose range is a step to redo; redoing makes a step to undo again.

Typing is noted as one stretch, and parted into words only when somebody takes a step back or notes them: a key costs
nothing then.

Steps outlive the opening as *notes* beside the operations: what was taken from the two stacks and put on them since the
note before. That is one for each word, and not for each key: of the step that is still open only its beginning is noted.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Final

from crdt.binary import NUMBER_MAX, Reader, write_number, write_site
from crdt.site import Site

PAUSE_S: Final = 1.0
"""Wall-clock seconds without typing after which a new step begins."""

BLANK: Final = " "
"""What ends a word, like a tab and a newline."""

OTHER: Final = 0
TYPING: Final = 1
ERASING: Final = 2
BACKSPACE: Final = 3
DELETE: Final = 4

NOWHERE: Final = -1

PARTS: Final = 3
"""Numbers that a step takes in its stack: the site, the first clock, the clock after the last."""

FRESH_MAX: Final = 2**16
"""Steps are parted at the latest when there are so many: until then they take twice the memory."""

STEPS_KEPT: Final = 10_000
"""Of each stack, the newest, when all of it is noted anew."""


class Undo:
    """The steps of one replica, and whether the next edit goes on with the last one.

    A typed word with the blanks after it is a step, likewise a run of backspaces or of deletes. A pause, a jump of
    the caret, a newline, a paste and the replacement of a selection begin a new one.
    """

    __slots__ = (
        "_done",
        "_fresh",
        "_noted_begin",
        "_noted_done",
        "_noted_undone",
        "_own",
        "_shortened",
        "_typing",
        "begin",
        "caret",
        "depth",
        "kind",
        "now",
        "undone",
    )

    def __init__(self, own: Site) -> None:
        """`own` is the site of this opening; earlier ones had others."""
        self._own: Final = own
        # The parts of each step, one after the other: somebody who jumps about makes a step with every key.
        self._done: Final = array("Q")
        self.undone: Final = array("Q")
        self._fresh: Final[list[int]] = []
        """The newest steps, not yet parted into words: of each twice the first clock, one more if it is typing, and how
        many clocks it has."""
        # How much of the stacks is as the last note left it, from the bottom; and whether that note had more.
        self._noted_done = 0
        self._noted_undone = 0
        self._noted_begin = NOWHERE
        self._shortened = False
        self.begin = NOWHERE
        """The clock at which the step that is still open began."""
        self._typing = 0
        """1 if it is typing, after a selection that was typed over perhaps: to be parted into words."""
        self.kind = OTHER
        self.caret = NOWHERE
        """Where an edit must be to go on with the open step."""
        self.now = 0.0
        self.depth = 0
        """How many `one_step` blocks are open."""

    @property
    def done(self) -> array[int]:
        """The steps that may be taken back, the open one only if it was closed."""
        if self._fresh:
            self._part()
        return self._done

    def _part(self) -> None:
        steps: list[int] = []
        for at in range(0, len(self._fresh), 2):
            begin, length = self._fresh[at], self._fresh[at + 1]
            typing = begin & 1
            begin >>= 1
            end = begin + length
            if typing and length > 1:
                for word in self._words(begin, end):
                    steps += (self._own.id, begin, word)
                    begin = word
            steps += (self._own.id, begin, end)
        self._fresh.clear()
        self._done.extend(steps)

    def _words(self, begin: int, end: int) -> list[int]:
        """The clocks from `begin` to `end` at which another word or a newline begins in what was typed, but for the first."""
        own = self._own
        low = own.seq_at(begin)
        at = low
        begins: list[int] = []
        blank = False
        for number, line in enumerate(own.slice(low, own.seq_at(end)).replace("\t", BLANK).split("\n")):
            if number:
                # A newline is a step by itself, with the blanks that follow.
                if at > low:
                    begins.append(at)
                at += 1
                blank = True
            for word in line.split(BLANK):
                if blank and word:
                    begins.append(at)
                at += len(word) + 1
                blank = True
            at -= 1
        return [own.clock_of(seq) for seq in begins]

    def close(self, clock: int) -> None:
        """End the open step before operation `clock`."""
        if self.begin != NOWHERE:
            self._begin_another(clock)
        self.begin = NOWHERE
        self.kind = OTHER
        self.caret = NOWHERE

    def _begin_another(self, clock: int) -> None:
        """End the open step before operation `clock`, and begin one there."""
        if clock > self.begin:
            fresh = self._fresh
            fresh.append(self.begin << 1 | self._typing)
            fresh.append(clock - self.begin)
            if len(fresh) > 2 * FRESH_MAX:
                self._part()
        self.begin = clock

    def prepended(self, clock: int, count: int) -> None:
        """Note more characters, each before the one before, that took the clocks from `clock` on: a step each."""
        if not self.depth:
            for each in range(clock, clock + count):
                self._begin_another(each)

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
        typing = 0
        if start == end:
            if len(text) == 1:
                kind = TYPING
                going = self.kind == TYPING and start == self.caret
                typing = 1
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
            typing = 1
        if now != self.now:
            if not 0 <= now - self.now <= PAUSE_S:
                going = False
            self.now = now
        if self.undone:
            del self.undone[:]
            self._shrunk()
        if self.begin == NOWHERE:
            self.begin = clock
            self._typing = typing if not self.depth else 0
        elif not going and not self.depth:
            self._begin_another(clock)
            self._typing = typing
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
        self._noted_done = min(self._noted_done, len(self._done))
        self._noted_undone = min(self._noted_undone, len(self.undone))
        self._shortened = True  # also if no note of this opening had it: those of earlier ones may

    def note(self, whole: bool) -> bytes:
        """Return what changed since the last note, or all there is; b"" if nothing changed."""
        own = self._own
        if self.begin != NOWHERE and self._typing:
            for word in self._words(self.begin, own.clock):
                self._begin_another(word)
        done = self.done
        if whole:
            del done[: -PARTS * STEPS_KEPT]
            del self.undone[: -PARTS * STEPS_KEPT]
            self._noted_done = self._noted_undone = 0
        elif (
            self._noted_done == len(done)
            and self._noted_undone == len(self.undone)
            and self._noted_begin == self.begin
            and not self._shortened
        ):
            return b""
        out = bytearray()
        write_site(out, own.id)
        write_number(out, self.begin + 1)
        for steps, noted in ((done, self._noted_done), (self.undone, self._noted_undone)):
            write_number(out, noted // PARTS)
            write_number(out, (len(steps) - noted) // PARTS)
            for at in range(noted, len(steps), PARTS):
                is_other = steps[at] != own.id
                write_number(out, steps[at + 1] << 1 | is_other)
                if is_other:
                    write_site(out, steps[at])
                write_number(out, steps[at + 2] - steps[at + 1])
        self._noted_done, self._noted_undone, self._noted_begin = len(done), len(self.undone), self.begin
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
