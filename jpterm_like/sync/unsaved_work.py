"""Unsaved work: whose it is, and how to revert one person's work without another's. Pure.

*Mine* is the work of openings of this replica under my name. Two people who share a login share a journal, so it may hold another person's openings
too. Text by the author "disk" came from the plain file, so it is nobody's unsaved work.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from crdt import TextBuffer, Version
from crdt.ids import genesis_site

DISK: Final = "disk"
"""The author of text that came from the plain file."""
SOMEBODY: Final = "somebody"
"""A person without a name, in a sentence."""

DISCARDS_MAX: Final = 16
"""Notes kept of one document; older ones are dropped."""

_NOTE: Final = struct.Struct("!QQQ")

Operations = dict[int, list[tuple[int, int]]]
"""Ranges of clocks by site, as `TextBuffer.revert` takes them."""


class Discard(NamedTuple):
    """A note that unsaved work was discarded: by these operations of a site, from `begin` to before `end`."""

    site: int
    begin: int
    end: int

    @property
    def operations(self) -> Operations:
        """The operations to revert to bring the work back."""
        return {self.site: [(self.begin, self.end)]}


def encode_discards(discards: Iterable[Discard]) -> bytes:
    return b"".join(_NOTE.pack(*discard) for discard in discards)


def decode_discards(data: bytes) -> list[Discard]:
    """The notes in these bytes; none if they are not notes."""
    if len(data) % _NOTE.size:
        return []
    return [Discard(*_NOTE.unpack_from(data, at)) for at in range(0, len(data), _NOTE.size)][-DISCARDS_MAX:]


def is_my_site(buffer: TextBuffer, site: int) -> bool:
    """Whether this was an opening of mine."""
    return site in buffer.own_sites and buffer.author_of(site) == buffer.author


def my_unsaved(buffer: TextBuffer, saved: Version) -> Operations:
    """My operations since the version in the plain file. O(my sites, and what others deleted or restored)."""
    return buffer.work_of({site for site in buffer.own_sites if is_my_site(buffer, site)}, saved)


def unsaved_of_others(buffer: TextBuffer, saved: Version) -> dict[str, Operations]:
    """The unsaved work of everybody else that is visible in the text, by name. O(document) for each of them."""
    genesis = genesis_site(buffer.lineage)
    by_name: dict[str, Operations] = {}
    for site, clock in buffer.version.items():
        if clock > saved.get(site) and site != genesis and (name := _another(buffer, site)):
            by_name.setdefault(name, {})[site] = [(saved.get(site), clock)]
    return {name: work for name, work in by_name.items() if buffer.effect_of(work)}


def authors_of(buffer: TextBuffer, ranges: Iterable[tuple[int, int]]) -> list[str]:
    """The names of the other authors of these ranges of offsets, each once."""
    genesis = genesis_site(buffer.lineage)
    names: dict[str, None] = {}
    for start, end in ranges:
        for _, _, site, _ in buffer.authorship(start, end):
            if site != genesis and (name := _another(buffer, site)):
                names[name] = None
    return list(names)


def file_version(buffer: TextBuffer, saved: Version) -> Version:
    """The version whose text the plain file has, as far as is known: the saved one, and what other programs have changed since."""
    disk = {site: clock for site, clock in buffer.version.items() if buffer.author_of(site) == DISK}
    return saved.merge(Version(disk))


def unsaved_authors_of(buffer: TextBuffer, saved: Version, ranges: Iterable[tuple[int, int]]) -> list[str]:
    """The names of the others who wrote some of these ranges of offsets since the version in the plain file, each once."""
    names: dict[str, None] = {}
    for start, end in ranges:
        for begin, stop, site, clock in buffer.ids(start, end):
            if clock + stop - begin > saved.get(site) and (name := _another(buffer, site)):
                names[name] = None
    return list(names)


def unsaved_passages(buffer: TextBuffer, saved: Version) -> dict[str, int]:
    """How many passages in the text others wrote since the version in the plain file, by name. O(document)."""
    counts: dict[str, int] = {}
    last = ("", -1)
    for start, end, site, clock in buffer.ids(0, len(buffer)):
        begin = start + max(0, saved.get(site) - clock)
        if begin < end and (name := _another(buffer, site)):
            if last != (name, begin):
                counts[name] = counts.get(name, 0) + 1
            last = (name, end)
    return counts


def _another(buffer: TextBuffer, site: int) -> str:
    """The name of the person of a site; "" if that is me or no person."""
    name = buffer.author_of(site)
    if name == DISK or is_my_site(buffer, site):
        return ""
    if name and name == buffer.author:
        return f"{name} elsewhere"  # I at another terminal, or a namesake
    return name or SOMEBODY


def all_unsaved(buffer: TextBuffer, saved: Version) -> Operations:
    """Everybody's operations since the version in the plain file, except those of other programs."""
    found = my_unsaved(buffer, saved)
    for work in unsaved_of_others(buffer, saved).values():
        found.update(work)
    return found


def newest_time(buffer: TextBuffer, operations: Operations) -> int | None:
    """The time of the latest of these operations, in wall-clock seconds, up to ten too early; None if there are none."""
    times = [buffer.time_of(site, ranges[-1][1] - 1) for site, ranges in operations.items() if ranges]
    return max(times, default=None)


def restorable_text(buffer: TextBuffer, discard: Discard) -> list[tuple[int, str]]:
    """The text that reverting a discard would restore, with the sites that wrote it. O(document)."""
    return [(site, text) for site, text, shows in buffer.effect_of(discard.operations) if shows]


def losers(buffer: TextBuffer, discard: Discard) -> list[str]:
    """The names of the people whose words were discarded, without the name of the person who did it."""
    genesis, who = genesis_site(buffer.lineage), buffer.author_of(discard.site)
    names: dict[str, None] = {}
    for site, _ in restorable_text(buffer, discard):
        name = buffer.author_of(site)
        if site != genesis and name not in (DISK, who):
            names[name or SOMEBODY] = None
    return list(names)


def join_passages(lost: Mapping[str, int]) -> str:
    """What people lose in a sentence: 2 passages by ann, 1 by carl, changes by dora. Deletions are no passages."""
    wrote = [f"{count:,} by {name}" for name, count in lost.items() if count]
    if wrote:
        first = next(count for count in lost.values() if count)
        wrote[0] = wrote[0].replace(" by ", " passage by " if first == 1 else " passages by ", 1)
    others = [name for name, count in lost.items() if not count]
    return ", ".join([*wrote, *([f"changes by {join_names(others)}"] if others else [])])


def join_names(names: Sequence[str], most: int = 3) -> str:
    """Names in a sentence: ann, bob and carl."""
    shown = list(names[:most])
    more = len(names) - len(shown)
    last = f"{more} more" if more else shown.pop()
    return f"{', '.join(shown)} and {last}" if shown else last
