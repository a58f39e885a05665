"""Read a document out of its stores: the present text, and the passages that were deleted from it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NamedTuple

from crdt import ForeignOp, TextBuffer
from jpterm_like.errors import escape_for_terminal
from jpterm_like.history.deleted import deleted_passages
from jpterm_like.saver import rebuild
from jpterm_like.storage.base import Inspection


class Passage(NamedTuple):
    """A passage that was deleted; see `history.deleted.DeletedPassage`."""

    row: int
    """The row of the present text in which it was, from 0."""
    text: str
    authors: tuple[str, ...]
    since: int
    deleted_by: str
    deleted_at: int
    deletion: str
    """One of the deletions, to find the passage again: `SITE.CLOCK`, in hexadecimal digits."""


class Document(NamedTuple):
    """A document as it is searched."""

    place: str
    """The path or address that the editor opens."""
    part: int
    """Two documents of different origin may have one place; this numbers them from 0."""
    changed: int
    """Wall-clock second of the last operation; 0 if unknown."""
    origin: str
    """The same in all replicas of a document, and in no other one; "" if that cannot be told."""
    text: str
    passages: tuple[Passage, ...]

    @property
    def deleted_at(self) -> int:
        """When something was deleted last; 0 if never."""
        return max((it.deleted_at for it in self.passages), default=0)


class Candidate(NamedTuple):
    """A document in which words may be."""

    id: int
    place: str
    part: int
    changed: int
    deleted_at: int
    origin: str


def read_documents(place: str, found: Iterable[Inspection]) -> tuple[list[Document], list[str]]:
    """Make the documents at a place out of its stores; also sentences about what cannot be read."""
    remarks: list[str] = []
    buffers: list[TextBuffer] = []
    for it in found:
        kept = rebuild(it.loaded, author="")
        if it.newer or kept.newer:
            remarks.append(
                f"{escape_for_terminal(place)} was left out: a newer release of jpterm-like made it."
            )
            continue
        if it.damage or kept.damage:
            remarks.append(
                f"{escape_for_terminal(place)}: a part of its history is damaged, the rest was searched; "
                "'jpterm-like verify' says more."
            )
        if kept.buffer is not None and not _is_merged(kept.buffer, buffers):
            buffers.append(kept.buffer)
    buffers.sort(key=lambda it: it.lineage)
    return [_document(place, part, it) for part, it in enumerate(buffers)], list(dict.fromkeys(remarks))


def _is_merged(buffer: TextBuffer, others: list[TextBuffer]) -> bool:
    """Bring a replica into another one of the same document, if there is one."""
    for other in others:
        if other.lineage == buffer.lineage:
            try:
                other.integrate(buffer.changes_since(other.version))
            except ForeignOp:
                continue
            return True
    return False


def _document(place: str, part: int, buffer: TextBuffer) -> Document:
    moments = buffer.moments()
    first = next((it for it in moments if it.seconds), None)
    origin = f"{buffer.lineage.hex()}.{first.site:x}" if first is not None else ""
    text = buffer.text
    passages: list[Passage] = []
    row = counted = 0
    for it in deleted_passages(buffer):
        row += text.count("\n", counted, it.offset)
        counted = it.offset
        site, clock, _ = it.operations[0]
        passages.append(
            Passage(row, it.text, it.authors, it.since, it.deleted_by, it.deleted_at, f"{site:x}.{clock:x}")
        )
    return Document(place, part, moments[-1].seconds if moments else 0, origin, text, tuple(passages))


def encode_passages(passages: Iterable[Passage]) -> bytes:
    return json.dumps(list(passages)).encode()


def decode_passages(data: bytes) -> tuple[Passage, ...]:
    return tuple(
        Passage(row, text, tuple(authors), since, deleted_by, deleted_at, deletion)
        for row, text, authors, since, deleted_by, deleted_at, deletion in json.loads(data)
    )
