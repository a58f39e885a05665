"""Passages that were deleted from a text: what somebody took out at one place in one go.

Characters that were deleted earlier, as typing errors are, stand between those of a passage, and do not divide it;
characters that are shown do:

    deleted   the quokkas liev⌫⌫ve on Rottnest        by Ann at 14:02, her two letters at 13:10
    passages  "the quokkas live on Rottnest"          "ev" is one of its own, if such short ones are listed
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
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


def _in_one_go(deletions: list[Deletion]) -> Iterator[list[Deletion]]:
    """Divide what one person deleted at one place where there was a pause; each part is in document order."""
    times = sorted({it.deleted_at for it in deletions})
    ends = [it for it, following in zip(times, [*times[1:], None], strict=True) if _is_pause(it, following)]
    parts: dict[int, list[Deletion]] = {end: [] for end in ends}
    for it in deletions:
        parts[next(end for end in ends if it.deleted_at <= end)].append(it)
    yield from parts.values()


def _is_pause(seconds: int, following: int | None) -> bool:
    return following is None or following - seconds >= PAUSE_S


def _passage(buffer: TextBuffer, name: str, deletions: list[Deletion]) -> DeletedPassage:
    return DeletedPassage(
        deletions[0].offset,
        "".join(it.text for it in deletions),
        authors_of(buffer, ((it.site, len(it.text)) for it in deletions)),
        min(it.since for it in deletions),
        name,
        max(it.deleted_at for it in deletions),
        merged_spans(_spans(deletions)),
    )


def _spans(deletions: Iterable[Deletion]) -> Iterator[Span]:
    for it in deletions:
        yield from it.operations
