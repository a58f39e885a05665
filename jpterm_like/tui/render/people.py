"""The other people in the text: their carets, their colours, and how long a name tag stays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from zlib import crc32

from crdt import Anchor, TextBuffer
from jpterm_like.sync.presence import Person
from jpterm_like.tui.text.cells import clean, cut

TAG_S: Final = 2.5
"""Time that a name tag stays: long enough to read, short enough not to be in the way."""

TAG_COVERING_S: Final = 1.2
"""Time that a tag stays when it covers text; it returns only after a pause of TAG_S."""

TYPING_S: Final = 2.0
"""Time after the last new character that counts as typing, and after the last move until idle."""
IDLE_S: Final = 60.0

NAME_CELLS_MAX: Final = 16
"""Width at which names are cut in tags and in the status bar."""


@dataclass(slots=True)
class Other:
    """Someone else, as the editor shows them."""

    site: int
    name: str
    """Made safe, and short enough for a tag."""
    colour: int
    """Index into the people's colours of a theme."""
    chosen: int | None = None
    """The colour that the person chose, if any; it may be another one where somebody else has it."""
    caret: int | None = None
    """Offset; None while unknown."""
    mark: int | None = None
    moved_at: float = float("-inf")
    """Time of the person's last move."""
    burst_at: float = float("-inf")
    """Time of the first move of that series."""
    typed_at: float = float("-inf")
    """Time when the caret was last found after a new character of that person."""
    calls: int = 0
    """How often the person asked the others to look at their caret."""
    _newest: int = -1
    _anchors: tuple[Anchor | None, Anchor | None] = (None, None)

    @property
    def selection(self) -> tuple[int, int] | None:
        if self.caret is None or self.mark is None or self.caret == self.mark:
            return None
        return min(self.caret, self.mark), max(self.caret, self.mark)

    def state(self, now: float) -> str:
        """Return "typing", "idle", or "" for neither."""
        if now - self.typed_at < TYPING_S:
            return "typing"
        return "idle" if IDLE_S <= now - self.moved_at < float("inf") else ""

    def tag_visible(self, now: float, covering: bool) -> bool:
        if covering:
            return now - self.burst_at < TAG_COVERING_S
        return now - self.moved_at < TAG_S


class Collaborators:
    """Everybody else who has the text open."""

    def __init__(self, buffer: TextBuffer, colours: int, my_name: str, my_colour: int | None = None) -> None:
        self._buffer = buffer
        self.colours = colours
        self._me = shown_name(my_name), my_colour
        self.colour_of: dict[str, int] = {}
        """The colours of all names here, mine too, as `shown_name` gives them."""
        self._others: dict[int, Other] = {}
        self._listed: list[Other] = []
        self._moved = False

    @property
    def others(self) -> list[Other]:
        """In the order of their names, so that lists do not jump."""
        if self._moved:  # asked for less often than the text changes
            self._moved = False
            find = self._buffer.offset
            for other in self._listed:
                caret, mark = other._anchors
                other.caret = None if caret is None else find(caret)
                other.mark = None if mark is None else find(mark)
        return self._listed

    def introduce_me(self, name: str, colour: int | None) -> None:
        """My name and chosen colour from now on, as the others see them; `meet` takes them into account."""
        self._me = shown_name(name), colour

    @property
    def chosen_colours(self) -> dict[str, int]:
        """The colours that people here chose, me too, by their names."""
        everyone = (self._me, *((other.name, other.chosen) for other in self._listed))
        return {name: colour for name, colour in reversed(everyone) if colour is not None}

    def meet(self, people: Iterable[Person], now: float) -> list[Other]:
        """Update the list of people and their carets; returns those who just asked the others to look."""
        calling = []
        people = tuple(people)
        known, self._others = self._others, {}
        for person in people:
            other = known.get(person.site) or Other(person.site, "", 0)
            other.name = shown_name(person.name)
            other.chosen = person.colour
            anchors = (person.caret, person.mark)
            if anchors != other._anchors:
                has_moved = other._anchors[0] is not None  # everybody has a caret from the start
                other._anchors = anchors
                if has_moved:
                    if now - other.moved_at > TAG_S:
                        other.burst_at = now
                    other.moved_at = now
                caret = person.caret
                if caret is not None and caret.site == person.site and caret.clock > other._newest:
                    other._newest = caret.clock
                    if person.site in known:
                        other.typed_at = now
            if person.calls > other.calls and person.site in known:
                calling.append(other)
            other.calls = person.calls
            self._others[person.site] = other
        self._listed = sorted(self._others.values(), key=lambda other: (other.name, other.site))
        names = (self._me[0], *(other.name for other in self._listed))
        self.colour_of = name_colours(names, self.colours, chosen=self.chosen_colours)
        for other in self._listed:
            other.colour = self.colour_of[other.name]
        self.follow()
        return calling

    def follow(self) -> None:
        """The text has changed: the carets are to be found again."""
        self._moved = True

    def next_change(self, now: float) -> float | None:
        """Return the seconds until the next tag or state expires; None if none will."""
        ends = (
            end
            for other in self._others.values()
            for end in (
                other.moved_at + TAG_S,
                other.burst_at + TAG_COVERING_S,
                other.typed_at + TYPING_S,
                other.moved_at + IDLE_S,
            )
            if end > now
        )
        end = min(ends, default=None)
        return None if end is None else end - now


def shown_name(name: str) -> str:
    """A name as others sent it, made safe, and short enough for a tag."""
    return cut(clean(name.strip()), NAME_CELLS_MAX) or "someone"


def name_colours(
    names: Iterable[str],
    colours: int,
    given: Mapping[str, int] | None = None,
    chosen: Mapping[str, int] | None = None,
) -> dict[str, int]:
    """Give each name a colour, as an index: the one that its person chose, else one by the name, so that it is the same tomorrow and on each
    screen.

    Names that wish for one colour are moved to free ones, in the order of the names, while there are any; nobody else moves, and
    those who chose go before the others. All screens agree if they count the same names, their own too. `given` names keep
    their colours.
    """
    result, wishes = dict(given or {}), chosen or {}
    clashing = []
    for name in sorted(set(names) - result.keys(), key=lambda name: (name not in wishes, name)):
        wish = wishes.get(name, crc32(name.encode("utf-8", "surrogatepass"))) % colours
        if wish in result.values():
            clashing.append((name, wish))
        else:
            result[name] = wish
    for name, wish in clashing:
        taken = set(result.values())
        free = (index for step in range(colours) if (index := (wish + step) % colours) not in taken)
        result[name] = next(free, wish)
    return result
