"""What a replica holds, for people who look under the hood: its runs around a place, its sites, the messages on its line.

Everything is windowed: it costs what is shown, not what there is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, NamedTuple

from crdt import Anchor, ForeignOp, RunView, TextBuffer, Version
from crdt.ids import genesis_site
from crdt.messages import ANNOUNCE, GO_ON, INSERT, MARK, RAISE_DOWN, RAISE_UP, read_message

BEFORE_LENGTH: Final = 200
"""Code points before the caret in which runs are looked for."""
LOOKED_AT_MAX: Final = 4000
"""Most runs that are passed over to come to the caret; with more deleted ones before it, fewer code points are looked at."""
CLOCK_DIGITS_MAX: Final = 17
"""Longest number in an id, beyond which there are no clocks."""
ITEMS_MAX: Final = 4
"""Most operations of one message that are described."""


DESCRIBED_BYTES_MAX: Final = 2000
"""Longest message whose operations are described."""


class Run(NamedTuple):
    """A run, and how it hangs in the tree."""

    view: RunView
    depth: int
    """In the tree of the runs shown: below the run that has its parent."""
    goes_on: bool
    """Whether its parent is the end of the run before it, so that the two are one chain."""


class SiteState(NamedTuple):
    """How far an opening is known."""

    site: int
    name: str
    here: int
    """Its operations in this replica."""
    server: int
    """Those at the server, as far as was sent or received."""
    disk: int
    """Those on the server's disk, as far as it said so."""


def runs_around(buffer: TextBuffer, caret: int, above: int, below: int) -> tuple[list[Run], int]:
    """Return the runs around an offset: that of the character before it, `above` before and `below` behind; and the index of
    that one."""
    length = len(buffer)
    if not length:
        return list(_tree(islice(buffer.runs(0, 0), above + below + 1))), 0
    at = max(0, caret - 1)
    mine = next((it for it in islice(buffer.runs(at, at + 1), LOOKED_AT_MAX) if it.level & 1), None)
    before: deque[RunView] = deque(maxlen=above)
    for start in (max(0, at - BEFORE_LENGTH), at):
        before.clear()
        views = islice(buffer.runs(start, length), LOOKED_AT_MAX)
        for view in views:
            if mine is None or (view.site, view.clock) == (mine.site, mine.clock):
                return list(_tree([*before, view, *islice(views, below)])), len(before)
            before.append(view)
    return list(_tree(before)), 0


def _tree(views: Iterable[RunView]) -> Iterator[Run]:
    """Add each run's place in the tree. A parent that is not among those before it counts as the top."""
    seen: list[tuple[RunView, int]] = []
    for view in views:
        depth, goes_on = 0, False
        if view.parent is not None:
            site, clock = view.parent
            owners = [
                (it.clock, at) for at, (it, _) in enumerate(seen) if it.site == site and it.clock <= clock
            ]
            if owners:
                _, at = max(owners)
                depth = seen[at][1]
                goes_on = at == len(seen) - 1 and view.site == site and view.counter == 0
                depth += not goes_on
        seen.append((view, depth))
        yield Run(view, depth, goes_on)


def site_states(
    buffer: TextBuffer, sent: Version, stored: Version, first: Iterable[int], limit: int
) -> list[SiteState]:
    """Return how far openings are known: mine, those that the server lacks something of, then `first`, then any others; at most
    `limit`."""
    version = buffer.version
    # Equal totals nearly always mean equal versions; comparing those of very many sites takes long.
    lacking = () if sent.total == version.total else (site for site, _ in sent.beyond(version).items())
    wanted = dict.fromkeys([buffer.site, *islice(lacking, limit), *first])
    for site, _ in islice(version.items(), limit):
        if len(wanted) >= limit:
            break
        wanted.setdefault(site)
    return [
        SiteState(site, name_of(buffer, site), version.get(site), sent.get(site), stored.get(site))
        for site in islice(wanted, limit)
    ]


def name_of(buffer: TextBuffer, site: int) -> str:
    """Who opened the pad as this site, for people to read."""
    if site == genesis_site(buffer.lineage):
        return "file"
    return buffer.author_of(site) or f"{site:016x}"[:6]


def labels(buffer: TextBuffer, sites: Iterable[int]) -> dict[int, str]:
    """A short label for each of some sites: the name, with the beginning of the site's number where two have one name."""
    names = {site: name_of(buffer, site) for site in sites}
    times: dict[str, int] = {}
    for name in names.values():
        times[name] = times.get(name, 0) + 1
    return {
        site: name if times[name] == 1 else f"{name}.{site:016x}"[: len(name) + 4]
        for site, name in names.items()
    }


def find_letter(buffer: TextBuffer, id: str) -> int | None:
    """Return the offset behind the letter with an id as it is shown, such as "ann:311"; of a deleted one, the place where it was. None if
    there is no such letter. O(sites)."""
    label, _, digits = id.strip().rpartition(":")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= CLOCK_DIGITS_MAX):
        return None
    clock = int(digits)
    for site, end in buffer.version.items():
        name = name_of(buffer, site)
        number = label.removeprefix(f"{name}.") if label.startswith(f"{name}.") else ""
        if clock < end and (label == name or (number and f"{site:016x}".startswith(number))):
            offset = buffer.offset(Anchor(site, clock, False))
            if offset is not None:
                return offset
    return None


def describe_changes(data: bytes, buffer: TextBuffer) -> str:
    """Describe the operations of a message in a few signs: `ann:311 +"u"`; of a long one only how many there are."""
    try:
        batches = read_message(data)
    except ForeignOp:
        return "what nobody understands"
    if len(data) > DESCRIBED_BYTES_MAX:
        return f"{sum(batch.end - batch.clock for batch in batches):,} operations"
    parts: list[str] = []
    for batch in batches:
        who = name_of(buffer, batch.site)
        for op in batch.ops:
            if op.kind in (INSERT, GO_ON):
                parts.append(f"{who}:{op.clock} +{quoted(op.text)}")
            elif op.kind in (RAISE_UP, RAISE_DOWN):
                sign = "-" if op.number % 2 == 0 else "back"
                parts.append(f"{who}:{op.clock} {sign}{op.count} of {name_of(buffer, op.other_site)}")
            elif op.kind not in (MARK, ANNOUNCE):
                parts.append(f"{who}:{op.clock} -{op.count}")
    more = f" and {len(parts) - ITEMS_MAX} more" if len(parts) > ITEMS_MAX else ""
    return ", ".join(parts[:ITEMS_MAX]) + more


def quoted(text: str, length: int = 40) -> str:
    """A text in one line, in quotes."""
    shown = text[:length].replace("\n", "⏎").replace("\t", "⇥")
    return f'"{shown}{"…" if len(text) > length else ""}"'
