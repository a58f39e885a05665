"""Passages that were deleted from a text: what somebody took out at one place in one go.

Characters that were deleted earlier, as typing errors are, stand between those of a passage, and do not divide it;
characters that are shown do:

    deleted   the quokkas liev⌫⌫ve on Rottnest        by Ann at 14:02, her two letters at 13:10
    passages  "the quokkas live on Rottnest"          "ev" is one of its own, if such short ones are listed
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import groupby, pairwise
from typing import Final, NamedTuple

from crdt import Deletion, TextBuffer
from crdt.raises import Span, merged_spans
from jpterm_like.history.authors import authors_of

PAUSE_S: Final = 60
"""Wall-clock seconds without a deletion at a place that begin another passage."""

LENGTH_MIN: Final = 2
"""Shorter passages are not listed: they are typing errors. A word of two characters is common in Chinese and Japanese."""


class DeletedPassage(NamedTuple):
    """Text that one person deleted at one place in one go."""

    offset: int
    """Where it would be in the present text."""
    text: str
    authors: tuple[str, ...]
    """Who wrote it, the author of most of it first; "" for what was in the file from the start."""
    since: int
    """Wall-clock second in which its oldest character was typed, accurate to ten seconds; 0 if unknown."""
    deleted_by: str
    """"" if unknown."""
    deleted_at: int
    """Wall-clock second of the last deletion."""
    operations: tuple[Span, ...]
    """The deletions, as `TextBuffer.revert` takes them."""


def deleted_passages(buffer: TextBuffer) -> list[DeletedPassage]:
    """Return the deleted passages of a text, in document order; those of one person at one place in order of time.

    O(document)."""
    found: list[DeletedPassage] = []
    for _, at_one_place in groupby(buffer.deletions(), key=lambda it: it.offset):
        by_person: dict[str, list[Deletion]] = {}
        for it in at_one_place:
            by_person.setdefault(buffer.author_of(it.deleted_by), []).append(it)
        for name, deletions in by_person.items():
            passages = [_passage(buffer, name, each) for each in _in_one_go(deletions)]
            found += [it for it in passages if len(it.text.strip()) >= LENGTH_MIN]
    return found


def passage_with(buffer: TextBuffer, site: int, clock: int) -> DeletedPassage | None:
    """Return the deleted passage that one of the deletions belongs to; None if its text is shown or unknown. O(document)."""
    for passage in deleted_passages(buffer):
        if any(it == site and start <= clock < end for it, start, end in passage.operations):
            return passage
    return None


def _in_one_go(deletions: list[Deletion]) -> list[list[Deletion]]:
    """Divide one person's deletions at one place by pauses; each part is in document order. O(deletions log deletions)."""
    times = sorted({it.deleted_at for it in deletions})
    after_pauses = [later for earlier, later in pairwise(times) if later - earlier >= PAUSE_S]
    parts: list[list[Deletion]] = [[] for _ in range(len(after_pauses) + 1)]
    for it in deletions:
        parts[bisect_right(after_pauses, it.deleted_at)].append(it)
    return parts


def _passage(buffer: TextBuffer, name: str, deletions: list[Deletion]) -> DeletedPassage:
    return DeletedPassage(
        deletions[0].offset,
        "".join(it.text for it in deletions),
        authors_of(buffer, ((it.site, len(it.text)) for it in deletions)),
        min(it.since for it in deletions),
        name,
        max(it.deleted_at for it in deletions),
        merged_spans(span for it in deletions for span in it.operations),
    )
