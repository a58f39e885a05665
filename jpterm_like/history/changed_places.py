"""The changes between two versions, as people and programs read them: where, who, when, what is gone and what is new."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from crdt import Overlap, TextBuffer, Version
from jpterm_like.history.apart import Apart
from jpterm_like.history.authors import authors_of
from jpterm_like.history.operations import OperationSet, operations_of


@dataclass(frozen=True)
class ChangedPlace:
    """One place that changed."""

    line: int
    """In the present text, from 1."""
    names: tuple[str, ...]
    """The authors of the change, the one with the most characters first; "" is the file itself."""
    seconds: int
    """Of the newest change, since 1970; 0 if not known."""
    gone: str
    new: str
    overlap: Overlap | None = None
    """The place as I changed it without knowing of theirs, if I did."""

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
    of_both = [(it, OperationSet(it.their_operations)) for it in overlaps]
    line = at = 0
    for hunk in buffer.changes(old, new):
        line += text.count("\n", at, hunk.start)
        at = hunk.start
        names = authors_of(buffer, ((part.site, len(part.text)) for part in hunk.parts))
        if by is None or by in names:
            operations = operations_of(hunk)
            mixed = next((it for it, theirs in of_both if theirs.shares(operations)), None)
            seconds = max(part.seconds for part in hunk.parts)
            yield ChangedPlace(line + 1, names, seconds, hunk.old_text, hunk.text, mixed)
