"""Who is here, and where their carets are: latest only, never stored, forgotten when silent.

Presence knows no text. Carets are anchors; whoever shows them turns them into offsets.
"""

from __future__ import annotations

import itertools
from typing import Final, NamedTuple

from crdt import Anchor

REFRESH_S: Final = 10.0
"""How often a client repeats its presence when nothing moves."""
EXPIRY_S: Final = 30.0
"""A person who is silent for longer has left: two repeats may be lost."""
PEOPLE_MAX: Final = 5000


class Person(NamedTuple):
    """Someone else who has the pad open."""

    site: int
    """The site of that opening: one person with two terminals is here twice."""
    name: str
    """As sent by the other side; clean it before it reaches a terminal."""
    caret: Anchor | None
    """Where that person writes; None until known."""
    mark: Anchor | None
    """The other end of the selection, or None when nothing is selected."""
    calls: int = 0
    """How often that person has asked the others to look at their caret."""
    colour: int | None = None
    """The colour that they chose, if any."""


class _Seen(NamedTuple):
    number: int
    person: Person | None  # None: has left
    at: float
    moved_at: float


class Presences:
    """The people of one pad. Changes are numbered, so that each link can ask for those that are new to it."""

    def __init__(self) -> None:
        self._seen: dict[int, _Seen] = {}  # by site, the latest to change last
        self.end = 0
        """The number of the latest change."""

    @property
    def people(self) -> tuple[Person, ...]:
        """Everyone here, by site."""
        here = [seen.person for seen in self._seen.values() if seen.person is not None]
        return tuple(sorted(here, key=lambda person: person.site))

    def show(self, person: Person, now: float) -> bool:
        """Note that someone is here, or moved. Returns whether others must be sent that; a repeat counts too."""
        if person.site not in self._seen and len(self._seen) >= PEOPLE_MAX:
            return False
        self._note(person.site, person, now)
        return True

    def find(self, site: int) -> tuple[Person, float] | None:
        """A person who is here, and when they moved last; None if nobody of this site is here."""
        seen = self._seen.get(site)
        return None if seen is None or seen.person is None else (seen.person, seen.moved_at)

    def leave(self, site: int, now: float) -> bool:
        """Note that someone left. Returns whether that is new."""
        seen = self._seen.get(site)
        if seen is None or seen.person is None:
            return False
        self._note(site, None, now)
        return True

    def expire(self, now: float) -> bool:
        """Remove people who were silent for EXPIRY_S, and forget those who left long ago. Returns whether anything changed."""
        silent = [site for site, seen in self._seen.items() if now - seen.at > EXPIRY_S]
        gone = [site for site in silent if self._seen[site].person is None]
        for site in gone:
            del self._seen[site]
        left = [self.leave(site, now) for site in silent if site not in gone]
        return any(left)

    def since(self, number: int, count_max: int) -> tuple[list[tuple[int, Person | None]], int]:
        """The changes after `number`: sites with the person, or None for one who left; oldest first.

        Returns at most `count_max` of them, and the number to pass to the next call.
        """
        if number == self.end:
            return [], number
        news = list(itertools.takewhile(lambda item: item[1].number > number, reversed(self._seen.items())))
        news.reverse()
        reached = self.end if len(news) <= count_max else news[count_max - 1][1].number
        return [(site, seen.person) for site, seen in news[:count_max]], reached

    def _note(self, site: int, person: Person | None, now: float) -> None:
        self.end += 1
        before = self._seen.pop(site, None)
        moved_at = now if before is None or before.person != person else before.moved_at
        self._seen[site] = _Seen(self.end, person, now, moved_at)
