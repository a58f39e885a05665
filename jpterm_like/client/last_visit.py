"""A note beside the journal: the version of the text at the user's last key, and the review that is not finished, with what is
decided in it.

It is the blob "visit" of the journal, JSON with a version, so it goes where the journal goes and is deleted with it. A note that
cannot be read counts as missing. A note of a newer release is left alone. Version 1 had no decisions.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from crdt import ForeignOp, Version
from jpterm_like.storage.base import Storage, StorageError, Store
from jpterm_like.stores import SLOTS_MAX, journal_name

# Loaded where there is something to review, which is rare.
if TYPE_CHECKING:
    from crdt.raises import Span
    from jpterm_like.history.apart import Apart, Work
    from jpterm_like.history.decisions import Step

VISIT: Final = "visit"
"""The name of the blob."""
FORMAT: Final = 2
BYTES_MAX: Final = 1024 * 1024
"""A longer note, of a text that was opened a hundred thousand times, is not kept."""


class Parted(NamedTuple):
    """The moment when the connection was lost. Connections that were lost again before everything had come do not count."""

    had: Version
    """What I had then."""
    at: float
    """Seconds since 1970."""


class LastVisit(NamedTuple):
    """See the module."""

    seen: Version
    """The version at the last key."""
    at: float
    """When that was; seconds since 1970."""
    apart: Apart | None = None
    """What is still to be reviewed."""
    untold: Work | None = None
    """What I wrote without hearing of the others, who are still to be told."""
    parted: Parted | None = None
    """Since when I have not heard all that the others did."""
    steps: tuple[Step, ...] = ()
    """The decisions in the review."""


def encode_visit(visit: LastVisit) -> bytes:
    """Return the content of the blob."""
    import json  # loaded on demand: a first opening has no note

    apart, untold, parted = visit.apart, visit.untold, visit.parted
    kept = {
        "version": FORMAT,
        "seen": visit.seen.encode().hex(),
        "at": visit.at,
        "apart": apart
        and [
            *(it.encode().hex() for it in (apart.common, apart.mine, apart.theirs)),
            apart.since,
            apart.until,
            apart.taken_out,
            apart.settled,
        ],
        "steps": [[it.choice.value, it.about, it.made] for it in visit.steps],
        "untold": untold
        and [untold.known.encode().hex(), untold.work.encode().hex(), untold.since, untold.until],
        "parted": parted and [parted.had.encode().hex(), parted.at],
    }
    return json.dumps(kept, separators=(",", ":")).encode("ascii")


def decode_visit(data: bytes) -> LastVisit | None:
    """Return the note in a blob; None if it is not one that this release can read."""
    if not data:
        return None
    import json

    try:
        kept: Any = json.loads(data)
        if kept["version"] not in (1, FORMAT):
            return None
        apart = untold = parted = None
        if kept["parted"] is not None:
            had, at = kept["parted"]
            parted = Parted(_version(had), float(at))
        if kept["untold"] is not None:
            from jpterm_like.history.apart import Work

            known, work, since, until = kept["untold"]
            untold = Work(_version(known), _version(work), float(since), float(until))
        if kept["apart"] is not None:
            from jpterm_like.history.apart import Apart

            common, mine, theirs, since, until, taken_out, *settled = kept["apart"]
            apart = Apart(
                _version(common),
                _version(mine),
                _version(theirs),
                float(since),
                float(until),
                int(taken_out),
                _spans(settled[0] if settled else ()),
            )
        steps = _steps(kept["steps"]) if kept.get("steps") else ()
        return LastVisit(_version(kept["seen"]), float(kept["at"]), apart, untold, parted, steps)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError, ForeignOp):
        return None


def is_of_newer(data: bytes) -> bool:
    """Return whether a newer release wrote this blob, so it must not be overwritten."""
    import json

    with contextlib.suppress(ValueError, TypeError, KeyError, RecursionError):
        return int(json.loads(data)["version"]) > FORMAT
    return False


def latest_visit(stores: Iterable[Store], version: Version) -> LastVisit | None:
    """Return the latest note in these journals that is about the text of this version. Blocks on the disk."""
    found: LastVisit | None = None
    for store in stores:
        with contextlib.suppress(StorageError):
            visit = decode_visit(store.read_blob(VISIT) or b"")
            if visit is not None and visit.seen <= version and (found is None or visit.at > found.at):
                if visit.apart is not None and not visit.apart.mine.merge(visit.apart.theirs) <= version:
                    visit = visit._replace(apart=None, steps=())
                if visit.untold is not None and not visit.untold.written <= version:
                    visit = visit._replace(untold=None)
                if visit.parted is not None and not visit.parted.had <= version:
                    visit = visit._replace(parted=None)
                found = visit
    return found


def visits_noted(storage: Storage, key: str) -> Iterator[LastVisit]:
    """Yield the notes of all openings of an address, also of those that are open. Blocks on the disk."""
    for slot in range(1, SLOTS_MAX + 1):
        name = journal_name(key, slot)
        visit = decode_visit(storage.read_blob(name, VISIT) or b"") if storage.has(name) else None
        if visit is not None:
            yield visit


def _version(digits: object) -> Version:
    if not isinstance(digits, str):
        raise ValueError("a version is a text of hexadecimal digits")
    return Version.decode(bytes.fromhex(digits))


def _steps(kept: Iterable[Any]) -> tuple[Step, ...]:
    from jpterm_like.history.decisions import Choice, Step

    return tuple(
        Step(Choice(choice), tuple(_spans(it) for it in about), _span(made)) for choice, about, made in kept
    )


def _spans(kept: Iterable[Any]) -> tuple[Span, ...]:
    return tuple(_span(it) for it in kept)


def _span(kept: Any) -> Span:
    site, start, end = map(int, kept)
    if not 0 <= start <= end:
        raise ValueError("the clocks of operations go up")
    return site, start, end
