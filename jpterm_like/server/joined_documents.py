"""Documents that somebody made one text of (`records.Joined`): texts of one name that began apart.

The first of them, by its id, has all of the text: the operations of the others are embedded in it (`crdt.embedding`), which comes out alike
wherever it is done, so two people who join at one moment have one text, and what somebody writes later into another one of them still comes. Only
the person who joins removes the lines that are there twice: deleting twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from crdt import TextBuffer
from crdt.anchor import Anchor
from crdt.embedding import embed, embed_separator, embedded_version, separator_site
from jpterm_like import clock
from jpterm_like.packs.documents import Documents
from jpterm_like.packs.records import Joined
from jpterm_like.server.collection_packs import CollectionPacks, Message
from jpterm_like.sync.pad import Pad
from jpterm_like.textdiff.diff import line_hunks


class JoinedDocuments:
    """What is joined in one collection."""

    def __init__(self, packs: CollectionPacks) -> None:
        self._packs = packs
        self._known: Documents = packs.known
        self.groups = self._known.joined_groups()
        self._first = {document: group[0] for group in self.groups for document in group[1:]}

    @property
    def first_ones(self) -> set[bytes]:
        """The documents that have the text of others."""
        return {group[0] for group in self.groups}

    def first_of(self, document: bytes) -> bytes | None:
        """The document that has the text of another one; None if that is joined with none, or is the first itself."""
        return self._first.get(document)

    def is_embedded(self, document: bytes) -> bool:
        """Whether packs have all of a document's operations in the first one of its group."""
        first = self._known.of(self._first[document])
        return embedded_version(document, self._known.of(document).carried.version) <= first.carried.version

    def join(self, documents: list[bytes]) -> None:
        """Make one text of documents from now on."""
        first, *others = sorted(documents)
        for other in others:
            self._known.of(first).note_joined(other)
            self._known.of(other).note_joined(first)
            self._packs.gather(first, Joined(other))
            self._packs.gather(other, Joined(first))
        self.groups = self._known.joined_groups()
        self._first = {document: group[0] for group in self.groups for document in group[1:]}

    def messages(self, document: bytes) -> Iterator[Message]:
        """Yield the operations of a document as they are in the first of its group. Blocks. Raises ForeignOp where one is no message."""
        self._packs.read_all(document)
        yield Message("", embed_separator(document))
        for message in self._packs.messages(document):
            yield Message(message.lane, embed(document, message.data))


def remove_copies(pad: Pad, document: bytes) -> None:
    """Remove the lines of an embedded document that the text before it has as well, and the line end before it where it is not needed."""
    buffer = pad.buffer
    start = _start_of(buffer, document)
    if start is None:
        return
    text = buffer.text
    before, own = text[:start], text[start + 1 :]
    lines = own.split("\n")
    offsets = [start + 1]
    for line in lines:
        offsets.append(offsets[-1] + len(line) + 1)
    rest = set[int]()
    for _, _, row, count in line_hunks(before, own):
        rest.update(range(row, row + count))
    for row in reversed(range(len(lines))):
        if row not in rest and offsets[row] < len(text):
            pad.replace(offsets[row], min(offsets[row + 1], len(text)), "", clock.wall())
    if not before or before.endswith("\n") or start + 1 == len(buffer):
        pad.replace(start, start + 1, "", clock.wall())


def _start_of(buffer: TextBuffer, document: bytes) -> int | None:
    """Return where the character stands below which a document is embedded; None if it is not there any more."""
    site = separator_site(document)
    start, end = buffer.offset(Anchor(site, 0, True)), buffer.offset(Anchor(site, 0, False))
    return start if start is not None and end is not None and end > start else None
