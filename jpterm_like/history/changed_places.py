"""The changes between two versions, as people and programs read them: where, who, when, what is gone and what is new."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from crdt import Hunk, Overlap, TextBuffer, Version
from jpterm_like.history.apart import Apart


@dataclass(frozen=True)
class ChangedPlace:
    """One place that changed."""

    line: int
    """In the present text, from 1."""
    names: tuple[str, ...]
    """Who changed it, those with most characters first; "" is the file itself."""
    seconds: int
    """Of the newest change, since 1970; 0 if not known."""
    gone: str
    new: str
    overlap: Overlap | None = None
    """What I did at the same place without knowing of it."""

    def as_json(self) -> str:
        """One JSON object."""
        found: dict[str, object] = {
            "line": self.line,
            "names": self.names,
            "time": self.seconds,
            "gone": self.gone,
            "new": self.new,
        }
        if self.overlap is not None:
            found["overlap"] = {
                "kind": self.overlap.kind.value,
                "was": self.overlap.was,
                "mine": self.overlap.mine,
                "theirs": self.overlap.theirs,
                "now": self.overlap.now,
            }
        return json.dumps(found)


def changed_places(
    buffer: TextBuffer, old: Version, new: Version, by: str | None = None, apart: Apart | None = None
) -> Iterator[ChangedPlace]:
    """Yield what changed between two versions, in document order. O(document).

    Args:
        by: only what this person changed.
        apart: what is still to be reviewed.
    """
    text = buffer.at(new)
    overlaps = [] if apart is None else buffer.overlaps(apart.common, apart.mine, apart.theirs)
    line = at = 0
    for hunk in buffer.changes(old, new):
        line += text.count("\n", at, hunk.start)
        at = hunk.start
        names = _names(buffer, hunk)
        if by is None or by in names:
            mixed = next((it for it in overlaps if _is_in(hunk, it)), None)
            seconds = max(part.seconds for part in hunk.parts)
            yield ChangedPlace(line + 1, names, seconds, hunk.old_text, hunk.text, mixed)


def _names(buffer: TextBuffer, hunk: Hunk) -> tuple[str, ...]:
    sizes: dict[str, int] = {}
    for part in hunk.parts:
        name = buffer.author_of(part.site)
        sizes[name] = sizes.get(name, 0) + len(part.text)
    return tuple(sorted(sizes, key=lambda name: (-sizes[name], name)))


def _is_in(hunk: Hunk, overlap: Overlap) -> bool:
    """Return whether a change is part of what both did."""
    theirs = overlap.their_operations
    return any(
        site == other and begin < stop and start < end
        for part in hunk.parts
        for site, begin, end in part.operations
        for other, start, stop in theirs
    )
