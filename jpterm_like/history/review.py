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
from typing import Final, NamedTuple, Protocol

from crdt import Outcome, Patch, TextBuffer
from crdt.raises import Span
from jpterm_like.history.apart import Apart
from jpterm_like.history.decisions import Choice, Step, choices_in
from jpterm_like.history.review_items import Item


class Text(Protocol):
    """The text that decisions change; a session is one."""

    @property
    def buffer(self) -> TextBuffer: ...
    def make(self, outcome: Outcome) -> Patch: ...
    def undo(self) -> Patch | None: ...
    def break_undo(self) -> None: ...


class ByOther(NamedTuple):
    """A decision by somebody else, as the text shows it."""

    choice: Choice
    """MINE or THEIRS, as I see it: whose text stands there."""
    name: str
    """Of the person; empty if unknown."""


@dataclass
class Review:
    """The items of one review, and what is decided about them."""

    apart: Apart
    items: tuple[Item, ...]
    steps: list[Step] = field(default_factory=list)
    """The decisions, in order. Several views of a text share them."""
    at: int = 0
    """The item that is shown."""
    decisions: dict[int, Choice] = field(default_factory=dict, init=False)
    """By the number of the item."""
    by_others: dict[int, ByOther] = field(default_factory=dict, init=False)
    """What others have decided, by the number of the item. What I decide counts for more."""

    def __post_init__(self) -> None:
        self.follow()

    def follow(self) -> None:
        """Take in what was decided elsewhere. An item is decided if there is a choice about all that the others did there."""
        choices = choices_in(self.steps)
        self.decisions = {
            number: choices[item.their_operations[0]]
            for number, item in enumerate(self.items)
            if item.their_operations and choices.keys() >= set(item.their_operations)
        }

    def follow_others(self, buffer: TextBuffer) -> list[int]:
        """Look at what others have decided, and return the numbers of items that they did now: only one side's text is left there, and
        it was somebody else who made it so. O(items), plus what was raised since then where there is something new."""
        before, self.by_others = self.by_others, {}
        new: list[int] = []
        for number, item in enumerate(self.items):
            choice = None if number in self.decisions or item.is_moved else item.reads_as(buffer)
            if choice is None or item.merged in (
                "".join(text for text, _ in it) for it in (item.mine, item.theirs)
            ):
                continue
            known = before.get(number)
            if known is None or known.choice is not choice:
                site = self._last_editor(item, buffer)
                known = None if site is None else ByOther(choice, buffer.author_of(site))
                if known is not None:
                    new.append(number)
            if known is not None:
                self.by_others[number] = known
        return new

    def _last_editor(self, item: Item, buffer: TextBuffer) -> int | None:
        """Return the site that last changed a place since the sides met, if it is not one of mine."""
        met = self.apart.mine.merge(self.apart.theirs)
        since = buffer.operations_on(item.first, item.last, met)
        if not since:
            return None
        site, _, _ = max(
            since, key=lambda it: (buffer.time_of(it[0], it[2] - 1), it[0] not in buffer.own_sites)
        )
        return None if site in buffer.own_sites else site

    def go_on_from(self, before: Review) -> None:
        """Show the same item as an earlier review did, if that is here."""
        shown = before.item.their_operations
        self.at = next((at for at, it in enumerate(self.items) if it.their_operations == shown), 0)

    @property
    def item(self) -> Item:
        return self.items[self.at]

    @property
    def open(self) -> list[int]:
        """The numbers of the items that nobody has decided."""
        decided = self.decisions.keys() | self.by_others.keys()
        return [number for number in range(len(self.items)) if number not in decided]

    @property
    def open_ones(self) -> set[tuple[Span, ...]]:
        """The operations of the others in these."""
        return {self.items[number].their_operations for number in self.open}

    @property
    def is_done(self) -> bool:
        return not self.open

    def choices(self) -> tuple[Choice, ...]:
        """Return what can be decided about the item that is shown."""
        if self.item.is_both:
            return (Choice.THEIRS, Choice.MINE, Choice.BOTH, Choice.EDIT)
        return (Choice.KEEP, Choice.TAKE_BACK, Choice.EDIT)

    def decide(self, choice: Choice, text: Text) -> None:
        """Decide about the item that is shown, as one step of undo. An earlier decision about it no longer counts."""
        before, buffer = self.decisions.get(self.at), text.buffer
        begin = buffer.version.get(buffer.site)
        if choice in _REVERTS or before in _REVERTS:
            self._make(self.item, choice, text)
        made = buffer.site, begin, buffer.version.get(buffer.site)
        self.steps.append(Step(choice, (self.item.their_operations,), made))
        self.follow()

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
        about = tuple(self.items[it].their_operations for it in numbers if it not in self.decisions)
        if about:
            self.steps.append(Step(Choice.KEEP, about, _NOTHING))
            self.follow()
        return len(about)

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
        if not self.steps:
            return False
        before, step = self.decisions, self.steps.pop()
        self.follow()
        about = {span for spans in step.about for span in spans}
        found = [number for number in before if about.issuperset(self.items[number].their_operations)]
        self.at = min(found, default=self.at)
        buffer, (site, begin, end) = text.buffer, step.made
        if begin < end and site == buffer.site and end == buffer.version.get(site):
            text.undo()
        elif begin < end and found:
            self._make(self.item, self.decisions.get(self.at), text)
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


_NOTHING: Final = (0, 0, 0)

_REVERTS: Final = (Choice.TAKE_BACK, Choice.THEIRS, Choice.MINE)
