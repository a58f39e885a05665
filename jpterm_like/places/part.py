"""A part of a collection: the documents that were opened from a place by name, without the thousands beside them.

Of the packs of others the index is read, and the ranges of these documents. What they have is written into packs of the mirror, in the
lane of their writer with numbers of their own: so texts are brought together as always (`server.carrying`), and these packs never leave the
mirror. The own lane is exchanged as always (`exchange`).
"""

from __future__ import annotations

from jpterm_like.packs import records
from jpterm_like.packs.documents import DocumentNotes
from jpterm_like.packs.names import Listing, PackName
from jpterm_like.packs.pack import (
    Index,
    MalformedPack,
    NewerPack,
    PackRecord,
    inflate,
    open_pack,
    read_index,
    split_records,
)
from jpterm_like.packs.records import Birth, Name, Names, document_id
from jpterm_like.places.base import Damaged, Gone, Place, read_tail

Looked = dict[bytes, set[str]]
"""The packs that were looked at for each document, by their digests."""

NewRecords = dict[str, list[tuple[bytes, PackRecord]]]
"""Records of documents, by the lane that wrote them."""


class PackRanges:
    """Reads documents out of the packs at a place by ranges, and no byte twice."""

    def __init__(self, place: Place, listing: Listing) -> None:
        self._place = place
        self._listing = listing
        [marker] = listing.markers
        self._collection = marker.collection
        self._tails: dict[PackName, tuple[int, bytes]] = {}
        """The end of each pack, with its offset in the file."""
        self._indexes: dict[PackName, Index] = {}
        self._read: dict[tuple[PackName, bytes], list[PackRecord]] = {}
        self.is_newer = False
        """Whether a newer release wrote something that is not understood here."""

    def packs(self) -> list[PackName]:
        """All packs that are there, joined ones first."""
        return sorted(
            {*self._listing.packs, *self._listing.copies}, key=lambda name: (name.first - name.last, name)
        )

    def index(self, name: PackName) -> Index | None:
        """Read the index of a pack; None if it cannot be read now. Raises PlaceError."""
        if name not in self._indexes:
            try:
                tail = read_tail(self._place, self._listing.listed_as(name), name.size_bytes)
                index = read_index(tail, name.size_bytes)
            except (MalformedPack, Gone, Damaged):
                return None
            self._tails[name], self._indexes[name] = (name.size_bytes - len(tail), tail), index
        return self._indexes[name]

    def read_whole(self, name: PackName) -> None:
        """Read all of a pack, so that nothing of it is read again. Raises PlaceError."""
        try:
            data = self._place.read(self._listing.listed_as(name))
            self._indexes[name], self._tails[name] = open_pack(data).index, (0, data)
        except NewerPack:
            self.is_newer = True
        except (MalformedPack, Gone, Damaged):
            pass

    @property
    def indexes(self) -> dict[PackName, Index]:
        """The indexes that were read."""
        return self._indexes

    def is_at_hand(self, name: PackName, document: bytes) -> bool:
        """Whether a document's records in a pack were read together with its index."""
        block = self._indexes[name].blocks.get(document)
        return block is not None and block.start >= self._tails[name][0]

    def records_of(self, name: PackName, document: bytes) -> list[PackRecord] | None:
        """Return the records of a document in a pack; None if they cannot be read now. Raises PlaceError."""
        if (name, document) in self._read:
            return self._read[name, document]
        block = self._indexes[name].blocks.get(document)
        if block is None:
            return []
        at, tail = self._tails[name]
        try:
            if block.start >= at:
                data = tail[block.start - at : block.end - at]
            else:
                data = self._place.read(self._listing.listed_as(name), block.start, block.end)
            found = self._read[name, document] = split_records(inflate(data, block))
        except (MalformedPack, Gone, Damaged):
            return None
        return found

    def contents(self, name: PackName, document: bytes) -> list[records.Content]:
        """Return the readable records of a document in a pack. Raises PlaceError."""
        found, is_newer = records.decode_all(self.records_of(name, document) or ())
        self.is_newer |= is_newer
        return found

    def documents_named(self, name: str) -> list[bytes]:
        """Return the documents that have a name, as far as the packs say whose indexes were read. Raises PlaceError."""
        found = {each for index in self._indexes.values() for each in index.blocks} - records.NO_DOCUMENTS
        hints: dict[bytes, bool] = {}
        for pack in list(self._indexes):
            for content in self.contents(pack, records.COLLECTION_NAMES):
                if isinstance(content, Names):
                    for hint, named in content.names:
                        hints[hint] = hints.get(hint, False) or named == name
        # A document without a hint was written by another program, or its names were lost: it is read.
        candidates = sorted(each for each in found if hints.get(each[: records.HINT_BYTES], True))
        return [each for each in candidates if self._name(each) == name]

    def _name(self, document: bytes) -> str:
        """Return the name that a document has now; "" if that is not known."""
        notes = DocumentNotes()
        for pack in list(self._indexes):
            for content in self.contents(pack, document):
                match content:
                    case Birth() if document_id(self._collection, content) == document:
                        notes.birth = content
                    case Name(number, name):
                        notes.note_name(number, name)
                    case _:
                        pass
        return notes.wanted_name


class Part:
    """The documents of a part, and what was looked at for them.

    Args:
        looked: see `Looked`; its documents are those of the part.
        wanted: the name of a text that is to be in it, too; "" if there is none.
    """

    def __init__(self, looked: Looked, wanted: str = "") -> None:
        self.looked = looked
        self.wanted = wanted
        self._new: Looked = {}

    def read(self, place: Place, listing: Listing, own_lane: str) -> NewRecords:
        """Return what is new about these documents, by the lane that wrote it. `note` is called once it is in the mirror.

        Raises:
            PlaceError: the place cannot be read.
        """
        ranges = PackRanges(place, listing)
        packs = [name for name in ranges.packs() if name.lane != own_lane]
        looked = {document: set(digests) for document, digests in self.looked.items()}
        if self.wanted:
            for name in packs:
                ranges.index(name)
            for document in ranges.documents_named(self.wanted):
                looked.setdefault(document, set())
        found: NewRecords = {}
        for name in sorted(packs, key=lambda name: (name.lane, name.first, name.last)):
            lacking = [document for document in sorted(looked) if name.digest not in looked[document]]
            if not lacking or (index := ranges.index(name)) is None:
                continue
            of_lane = found.setdefault(name.lane, [])
            for document in lacking:
                # A pack that was joined from packs that were looked at has nothing new.
                if index.parts and looked[document].issuperset(index.parts):
                    looked[document].add(name.digest)
                elif (new := ranges.records_of(name, document)) is not None:
                    of_lane += ((document, record) for record in new)
                    looked[document].add(name.digest)
            if ranges.is_at_hand(name, records.COLLECTION_ITSELF):  # who writes there
                of_lane += (
                    (records.COLLECTION_ITSELF, record)
                    for record in ranges.records_of(name, records.COLLECTION_ITSELF) or ()
                )
        listed = {name.digest for name in packs}
        self._new = {document: digests & listed for document, digests in looked.items()}
        return {lane: new for lane, new in found.items() if _has_text(new)}

    def note(self) -> None:
        """Note that the mirror has what `read` returned."""
        self.looked, self.wanted = self._new, ""


def _has_text(found: list[tuple[bytes, PackRecord]]) -> bool:
    return any(document not in records.NO_DOCUMENTS for document, _ in found)
