"""A review: decisions about what two sides wrote in one text without hearing of each other.

A decision takes operations of one side back, and all others stay as they are; so the place reads exactly as the other side
had it, whatever was written around it since.

    was "the color of rope"     mine "the colour of rope"     theirs "the colors of rope"     now "the coloursrs of rope"
    t: without my operations    "the colors of rope"
    m: without theirs           "the colour of rope"
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, NamedTuple, Protocol

from crdt import Outcome, Patch, TextBuffer
from jpterm_like.history.apart import Apart
from jpterm_like.history.review_items import Item


class Choice(Enum):
    """A decision about an item."""

    KEEP = "k"
    """It may stay as it is."""
    TAKE_BACK = "u"
    THEIRS = "t"
    MINE = "m"
    BOTH = "b"
    """Both texts stay as they were merged."""
    EDIT = "e"
    """I write it myself."""


class Text(Protocol):
    """The text that decisions change; a session is one."""

    @property
    def buffer(self) -> TextBuffer: ...
    def make(self, outcome: Outcome) -> Patch: ...
    def undo(self) -> Patch | None: ...
    def break_undo(self) -> None: ...


class _Step(NamedTuple):
    """A key that decided about one item or several."""

    before: dict[int, Choice | None]
    """The earlier decision about each of these items; None if there was none."""
    begin: int
    end: int
    """The clocks of the operations of mine that it made; equal if the text is as it was."""


@dataclass
class Review:
    """The items of one review, and what is decided about them."""

    apart: Apart
    items: tuple[Item, ...]
    at: int = 0
    """The item that is shown."""
    decisions: dict[int, Choice] = field(default_factory=dict)
    """By the number of the item."""
    _steps: list[_Step] = field(default_factory=list)

    def go_on_from(self, before: Review) -> None:
        """Take the place of an earlier review: leave out the items that were decided in it, and show the same item as it did,
        if that is here."""
        done = {span for number in before.decisions for span in before.items[number].their_operations}
        self.items = tuple(it for it in self.items if not done.issuperset(it.their_operations))
        shown = before.item.their_operations
        self.at = next((at for at, it in enumerate(self.items) if it.their_operations == shown), 0)

    @property
    def item(self) -> Item:
        return self.items[self.at]

    @property
    def open(self) -> list[int]:
        """The numbers of the items that are not decided."""
        return [number for number in range(len(self.items)) if number not in self.decisions]

    @property
    def is_done(self) -> bool:
        return len(self.decisions) == len(self.items)

    def choices(self) -> tuple[Choice, ...]:
        """Return what can be decided about the item that is shown."""
        if self.item.is_both:
            return (Choice.THEIRS, Choice.MINE, Choice.BOTH, Choice.EDIT)
        return (Choice.KEEP, Choice.TAKE_BACK, Choice.EDIT)

    def decide(self, choice: Choice, text: Text) -> None:
        """Decide about the item that is shown, as one step of undo. An earlier decision about it no longer counts."""
        before = self.decisions.get(self.at)
        self.decisions[self.at] = choice
        buffer = text.buffer
        begin = buffer.version.get(buffer.site)
        if choice in _REVERTS or before in _REVERTS:
            self._make(self.item, choice, text)
        self._steps.append(_Step({self.at: before}, begin, buffer.version.get(buffer.site)))

    def _make(self, item: Item, choice: Choice | None, text: Text) -> None:
        """Make a place what a choice says."""
        outcome = item.as_found
        if choice in _REVERTS:
            outcome = item.as_theirs if choice is Choice.THEIRS else item.as_mine
        text.break_undo()
        text.make(outcome)
        text.break_undo()

    def keep(self, numbers: Iterable[int]) -> int:
        """Let items stay as they are, as one step; return how many were not decided before."""
        numbers = [number for number in numbers if number not in self.decisions]
        if numbers:
            self._steps.append(_Step(dict.fromkeys(numbers), 0, 0))
            self.decisions.update(dict.fromkeys(numbers, Choice.KEEP))
        return len(numbers)

    def of_same_authors(self) -> list[int]:
        """Return the undecided items by the authors of the one that is shown. Other items that
        both touched are left out, for each of them should be looked at."""
        names = self.item.names
        return [
            number
            for number in self.open
            if self.items[number].names == names and (number == self.at or not self.items[number].is_both)
        ]

    def undo(self, text: Text) -> bool:
        """Take back the last decision and show its item; return False if there is none. Text written elsewhere since stays."""
        if not self._steps:
            return False
        before, begin, end = self._steps.pop()
        self.at = min(before)
        buffer = text.buffer
        for number, choice in before.items():
            del self.decisions[number]
            if choice is not None:
                self.decisions[number] = choice
        if begin < end == buffer.version.get(buffer.site):
            text.undo()
        elif begin < end:
            self._make(self.item, before[self.at], text)
        return True

    def next_open(self) -> bool:
        """Show the next item that is not decided, from the last one on the first; return False if all are."""
        open = self.open
        if not open:
            return False
        self.at = next((number for number in open if number > self.at), open[0])
        return True

    def step(self, way: int) -> None:
        """Show the next (1) or the previous (-1) item, as far as there are any."""
        self.at = max(0, min(len(self.items) - 1, self.at + way))


_REVERTS: Final = (Choice.TAKE_BACK, Choice.THEIRS, Choice.MINE)
