"""Sentences: the motions `(` and `)`, and the objects `is` and `as`. The rules are those of Vim (textobject.c, findsent and current_sent).

A sentence ends with `.`, `!` or `?`, closing brackets and quotes, and then a blank or the end of its line; empty lines end paragraphs,
and begin sentences of their own.
"""

from __future__ import annotations

from typing import Final

from jpterm_like.tui.commands.vi.failure import Failed
from jpterm_like.tui.commands.vi.motions import Motion, Walker
from jpterm_like.tui.commands.vi.text import Place, Text

STEPS_MAX: Final = 100_000
"""Characters that are stepped over in one command; more would block the keyboard noticeably."""

_ENDS: Final = ".!?"
_CLOSES: Final = ")]\"'"


class _Steps(Walker):
    """A walker that does not stop behind the last character of a line, unless the line is empty."""

    def __init__(self, text: Text, place: Place) -> None:
        super().__init__(text, place)
        self._left = STEPS_MAX

    def sign(self) -> str:
        """The character here; "" at the end of a line."""
        return self.line[self.column : self.column + 1]

    def is_blank(self) -> bool:
        return self.sign() in (" ", "\t")

    def step(self, forward: bool) -> bool:
        """Go to the next character, or the one before; False at the end of the text.

        Raises:
            Failed: so many were passed that the keyboard would have to wait.
        """
        self._left -= 1
        if not self._left:
            raise Failed("There is no end of a sentence nearby.")
        moved = self.forward() if forward else self.back()
        if moved >= 1 and self.column:
            moved = self.forward() if forward else self.back()
        return moved != -1

    def go(self, place: Place) -> None:
        if place.row != self.row:
            self.line = self.text.line(place.row)
        self.row, self.column = place

    def at(self, place: Place) -> _Steps:
        """Another one, elsewhere."""
        other = _Steps(self.text, place)
        other._left = self._left
        return other

    def to_first_blank(self) -> None:
        """Go back over the blanks before this place."""
        while self.step(False):
            if not self.is_blank():
                self.step(True)
                return

    def to_sentence(self, forward: bool, more: bool = False) -> bool:
        """Go to the start of the next sentence, or of this or the one before; False: there is none.

        Args:
            more: further ones are wanted, so the end of the text does not do.
        """
        if not self.sign():
            while self.step(forward) and not self.sign():
                pass
            if forward:
                return self._skip_blanks()
        elif not forward:
            self.step(False)
        self._to_text_before(forward)
        row = self.row
        while True:
            sign = self.sign()
            if not sign:
                if not forward and self.row != row:
                    self.go(Place(self.row + 1, self.column))
                return self._skip_blanks()
            if sign in _ENDS and self._ends_here():
                return self._skip_blanks()
            if not self.step(forward):
                return not more

    def _to_text_before(self, forward: bool) -> None:
        """Go back over blanks and signs that end a sentence, to the last one that is neither."""
        found_end = False
        while self.is_blank() or (self.sign() and self.sign() in _ENDS + _CLOSES):
            before = self.at(self.place)
            if not before.step(False) or (before.is_empty() and forward) or found_end:
                return
            found_end = self.sign() in _ENDS
            if self.sign() in _CLOSES and not (before.sign() and before.sign() in _ENDS + _CLOSES):
                return
            self.go(before.place)

    def _ends_here(self) -> bool:
        """Whether the full stop here ends a sentence; if so, go behind it."""
        behind = self.at(self.place)
        moved = behind.forward()
        while moved != -1 and behind.sign() and behind.sign() in _CLOSES:
            moved = behind.forward()
        if moved != -1 and behind.sign() and not behind.is_blank():
            return False
        if not behind.sign():
            behind.forward()
        self.go(behind.place)
        return True

    def _skip_blanks(self) -> bool:
        while self.is_blank() and self.step(True):
            pass
        return True

    def to_ends(self, count: int, at_start: bool) -> None:
        """Go to the end of so many sentences and the blanks between them, which count as well."""
        for left in reversed(range(count)):
            self.to_sentence(True)
            if at_start:
                self.to_first_blank()
            if not left or at_start:
                self.step(False)
            at_start = not at_start


def motion(text: Text, count: int, forward: bool, visual: bool) -> Motion | None:
    """`)` and `(`; None: it fails."""
    steps = _Steps(text, text.caret)
    for left in reversed(range(count)):
        before = steps.place
        if not steps.to_sentence(forward, more=left > 0) or (forward and left and steps.place == before):
            return None
    there, inclusive = steps.place, False
    if there.column and not steps.sign() and not visual:
        there, inclusive = text.left(there), True
    return Motion(there, inclusive=inclusive, jump=True, big_delete=True)


def text_object(
    text: Text, around: bool, count: int, selection: tuple[Place, Place] | None, visual: bool
) -> Motion | None:
    """`is` and `as`; `selection` is what visual mode has marked, if that is more than a character."""
    caret = text.caret
    steps = _Steps(text, caret)
    if selection is not None:
        return Motion(_extended(steps, around, count, selection), inclusive=True, start=selection[0])
    start = steps.at(caret)
    steps.to_sentence(True)
    blanks = steps.at(caret)
    while blanks.is_blank() and blanks.step(True):
        pass
    on_blanks = blanks.place == steps.place
    if on_blanks:
        start.to_first_blank()
    else:
        steps.to_sentence(False)
        start.go(steps.place)
    pieces = count * 2 if around else count - on_blanks
    if pieces > 0:
        steps.to_ends(pieces, True)
    else:
        steps.step(False)
    if around and on_blanks:
        steps.to_first_blank()
        if steps.is_blank():
            steps.step(False)
    elif around and not steps.is_blank():
        start.to_first_blank()
    if visual:
        end = steps.place
        if end == start.place:  # a single blank before a sentence
            end = _extended(steps, around, count, (end, end))
        return Motion(end, inclusive=True, start=start.place)
    inclusive = not steps.step(True)
    end = text.left(steps.place) if inclusive and not steps.sign() else steps.place
    return Motion(end, inclusive=inclusive, start=start.place)


def _extended(steps: _Steps, around: bool, count: int, selection: tuple[Place, Place]) -> Place:
    """Where the caret of a selection goes when it is extended by sentences."""
    anchor, caret = selection
    probe = steps.at(caret)
    steps.go(caret)
    steps.to_sentence(True)
    count = count * 2 if around else count
    if caret < anchor:
        at_start = True
        probe.step(False)
        while probe.place < steps.place and at_start:
            at_start = probe.is_blank()
            probe.step(True)
        if not at_start:
            steps.to_sentence(False)
            if steps.place == caret:
                at_start = True
            else:
                steps.to_sentence(True)
        for _ in range(count):
            if at_start:
                steps.to_first_blank()
            if not at_start or (not around and not steps.is_blank()):
                steps.to_sentence(False)
            at_start = not at_start
        return steps.place
    probe.step(True)
    at_start = True
    if probe.place != steps.place:
        at_start = False
        while probe.place < steps.place:
            if not probe.is_blank():
                at_start = True
                break
            probe.step(True)
        if at_start:
            steps.to_sentence(False)
        else:
            steps.go(caret)
    steps.to_ends(count, at_start)
    return steps.place
