"""The undo stack: groups my operations into steps.

A step is a range of clocks of a site of mine; the site's log already records what happened there. Undoing a step
makes new operations, whose range is a step to redo; redoing makes a step to undo again.

Typing is recorded as one stretch, and split into words only when a step is undone or noted: so a key costs nothing.

Steps survive a restart as *notes* stored with the operations: the changes to the two stacks since the previous
note. That is one note per word, not per key: for the open step only its start is noted.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Final

from crdt.binary import NUMBER_MAX, Reader, write_number, write_site
from crdt.site import Site

PAUSE_S: Final = 1.0
"""Wall-clock seconds without typing after which a new step starts."""

BLANK: Final = " "
"""Ends a word, like a tab and a newline."""

OTHER: Final = 0
TYPING: Final = 1
ERASING: Final = 2
BACKSPACE: Final = 3
DELETE: Final = 4

NOWHERE: Final = -1

PARTS: Final = 3
"""Numbers per step in a stack: the site, the first clock, the clock after the last."""

FRESH_MAX: Final = 2**16
"""Steps are split at the latest when there are this many: until then they take twice the memory."""

STEPS_KEPT: Final = 10_000
"""The newest steps kept of each stack when all of it is noted again."""


class Undo:
    """The steps of one replica, and the state that decides if the next edit continues the last one.

    A typed word with the blanks after it is a step, and so is a run of backspaces or of deletes. A pause, a jump of
    the caret, a newline, a paste and the replacement of a selection start a new one.
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
        """`own` is the site of this opening; earlier ones had other sites."""
        self._own: Final = own
        # The numbers of each step, flat: a user who jumps around makes a step with every key.
        self._done: Final = array("Q")
        self.undone: Final = array("Q")
        self._fresh: Final[list[int]] = []
        """The newest steps, not split into words yet: for each, twice the first clock (plus one if it is typing), and
        the number of clocks."""
        # How much of the stacks, from the bottom, is as the last note left it; and whether that note had more.
        self._noted_done = 0
        self._noted_undone = 0
        self._noted_begin = NOWHERE
        self._shortened = False
        self.begin = NOWHERE
        """The clock at which the open step started."""
        self._typing = 0
        """1 if the open step is typing (perhaps after a replaced selection), to be split into words; else 0."""
        self.kind = OTHER
        self.caret = NOWHERE
        """Offset at which an edit continues the open step."""
        self.now = 0.0
        self.depth = 0
        """Number of open `one_step` blocks."""

    @property
    def done(self) -> array[int]:
        """The steps that can be undone; the open one only once it is closed."""
        if self._fresh:
            self._split_into_words()
        return self._done

    def _split_into_words(self) -> None:
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
        """Return the clocks from `begin` to `end` at which typed text starts a new word or line, except the first."""
        own = self._own
        low = own.seq_at(begin)
        at = low
        begins: list[int] = []
        blank = False
        for number, line in enumerate(own.slice(low, own.seq_at(end)).replace("\t", BLANK).split("\n")):
            if number:
                # A newline is a step of its own, with the blanks that follow.
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
        """End the open step before operation `clock`, and start one there."""
        if clock > self.begin:
            fresh = self._fresh
            fresh.append(self.begin << 1 | self._typing)
            fresh.append(clock - self.begin)
            if len(fresh) > 2 * FRESH_MAX:
                self._split_into_words()
        self.begin = clock

    def prepended(self, clock: int, count: int) -> None:
        """Record more prepended characters, which took the clocks from `clock` on: a step each."""
        if not self.depth:
            for each in range(clock, clock + count):
                self._begin_another(each)

    def inserted(self, offset: int, count: int) -> None:
        """Move the caret for text that another site inserted."""
        if self.caret > offset:
            self.caret += count

    def removed(self, offset: int, count: int) -> None:
        """Move the caret for text that another site deleted."""
        if self.caret > offset:
            self.caret = max(offset, self.caret - count)

    def erased(self, kind: int, caret: int) -> None:
        """Record more backspaces or deletes."""
        self.kind = kind
        self.caret = caret

    def edit(self, clock: int, start: int, end: int, text: str, now: float) -> None:
        """Record an edit that is about to take the clocks from `clock` on."""
        kind = OTHER
        going = False
        typing = 0
        if start == end:
            if len(text) == 1:
                kind = TYPING
                going = self.kind == TYPING and start == self.caret
                typing = 1
        elif not text and end - start == 1:
            # One deletion could be a backspace or a delete; the second one decides.
            kind = ERASING
            if start == self.caret and self.kind in (ERASING, DELETE):
                kind = DELETE
                going = True
            elif end == self.caret and self.kind in (ERASING, BACKSPACE):
                kind = BACKSPACE
                going = True
        elif len(text) == 1:
            # A selection was typed over: further typing continues this step.
            kind = TYPING
            typing = 1
        if now != self.now:
            if not 0 <= now - self.now <= PAUSE_S:
                going = False
            self.now = now
        if self.undone:
            del self.undone[:]
            self._note_removal()
        if self.begin == NOWHERE:
            self.begin = clock
            self._typing = typing if not self.depth else 0
        elif not going and not self.depth:
            self._begin_another(clock)
            self._typing = typing
        self.kind = kind
        self.caret = start + len(text)

    def pop(self, steps: array[int]) -> tuple[int, int, int]:
        """Pop the newest step of a stack: site, first clock, the clock after the last."""
        end = steps.pop()
        begin = steps.pop()
        site = steps.pop()
        self._note_removal()
        return site, begin, end

    def _note_removal(self) -> None:
        self._noted_done = min(self._noted_done, len(self._done))
        self._noted_undone = min(self._noted_undone, len(self.undone))
        self._shortened = True  # even if no note of this opening had the step: those of earlier ones may

    def note(self, whole: bool) -> bytes:
        """Return the changes since the last note, or with `whole` everything; b"" if nothing changed."""
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
        """Restore the steps of an earlier opening from its notes, in order, below the existing steps.

        Raises:
            ForeignOp: not a note. Nothing was restored.
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
            # Only its site knows where the open step ended, so `TextBuffer` looks that up when undoing it.
            last = array("Q", () if begin < 0 else (site, begin, NUMBER_MAX))
        self.done[:0] = done + last
        self.undone[:0] = undone
        self._noted_done = self._noted_undone = 0
