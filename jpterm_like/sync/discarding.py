"""Unsaved work: whose it is, and how one person's is taken back without another's. Pure.

*Mine* is what the openings of this replica wrote under my name. A journal may hold another person's openings too: two who
share a login. What the participant "disk" brought in is in the plain file, so it is nobody's unsaved work.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from crdt import TextBuffer, Version
from crdt.ids import genesis_site

DISK: Final = "disk"
"""The author of what came from the plain file."""
SOMEBODY: Final = "somebody"
"""A person who gave no name."""

Operations = dict[int, list[tuple[int, int]]]
"""Ranges of clocks by site, as `TextBuffer.revert` takes them."""


class Discard(NamedTuple):
    """A note that unsaved work was discarded: by these operations of a site, from `begin` to before `end`."""

    site: int
    begin: int
    end: int

    @property
    def operations(self) -> Operations:
        """What has to be reverted to bring it back."""
        return {self.site: [(self.begin, self.end)]}


def my_unsaved(buffer: TextBuffer, saved: Version) -> Operations:
    """What I did since the version that the plain file holds. O(sites of mine, and what others deleted or restored)."""
    mine = {site for site in buffer.own_sites if buffer.author_of(site) == buffer.author}
    return buffer.work_of(mine, saved)


def unsaved_of_others(buffer: TextBuffer, saved: Version) -> dict[str, Operations]:
    """The unsaved work of everybody else that shows in the text, by name. O(document) for each of them."""
    genesis = genesis_site(buffer.lineage)
    by_name: dict[str, Operations] = {}
    for site, clock in buffer.version.items():
        name = buffer.author_of(site)
        is_mine = site in buffer.own_sites and name == buffer.author
        if clock > saved.get(site) and site != genesis and name != DISK and not is_mine:
            by_name.setdefault(name or SOMEBODY, {})[site] = [(saved.get(site), clock)]
    return {name: work for name, work in by_name.items() if buffer.effect_of(work)}


def authors_of(buffer: TextBuffer, ranges: Iterable[tuple[int, int]]) -> list[str]:
    """Who else wrote the characters in these ranges of offsets, each name once."""
    genesis = genesis_site(buffer.lineage)
    names: dict[str, None] = {}
    for start, end in ranges:
        for _, _, site, _ in buffer.authorship(start, end):
            name = buffer.author_of(site)
            if site != genesis and name not in (DISK, buffer.author):
                names[name or SOMEBODY] = None
    return list(names)
