"""The packs of a collection as `carrying` sees them: what came in them by document, and what is to be written into new ones."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from crdt import ForeignOp
from jpterm_like import __version__
from jpterm_like.collection import Collection, open_mirror, read_texts, write_texts
from jpterm_like.packs import records
from jpterm_like.packs.documents import Documents
from jpterm_like.packs.names import PackName, parse
from jpterm_like.packs.pack import MalformedPack, Pack, PackRecord
from jpterm_like.packs.records import (
    Birth,
    Changes,
    Deleted,
    Form,
    Hello,
    Joined,
    Name,
    Names,
    Saved,
    document_id,
)
from jpterm_like.places.mirror import Mirror

PACKED_BYTES: Final = 6 << 20
"""About how many bytes of records are gathered before they are written."""

DOCUMENTS_MAX: Final = 500_000
"""Documents of a collection, as many as a folder may have files (`shared_folder.ENTRIES_MAX`). Packs with more are left out: each text becomes a
file and a store here."""


class Message(NamedTuple):
    """Operations that came."""

    lane: str
    data: bytes


class CollectionPacks:
    """See the module. `begin` comes first, and `save` last: what it does not reach is done again by the next run.

    Args:
        place: the collection's folder in the state folder.
        tell: tells a sentence about what could not be done.
    """

    def __init__(self, place: Path, collection: Collection, tell: Callable[[str], None]) -> None:
        self._place = place
        self._collection = collection
        self._tell = tell
        self._mirror: Mirror
        self.known = Documents()
        self.coming: dict[bytes, list[PackName]] = {}
        """The packs that were not taken in yet, by the documents that are in them."""
        self._packs: dict[PackName, Pack] = {}
        """The packs that are read in this run."""
        self._gathered: list[tuple[bytes, PackRecord]] = []
        self._gathered_bytes = 0
        self._writing = asyncio.Lock()
        self._named: list[tuple[bytes, str]] = []
        """The names in the gathered records, for NAMES."""
        self._left_out: set[str] = set()
        """The names of packs with too many documents."""

    def begin(self) -> None:
        """Open the mirror, and find out which packs are new. Blocks."""
        self._mirror = mirror = open_mirror(self._place)
        self.known = known = Documents.decode(read_texts(self._place))
        held = set(mirror.held)
        taken = {name for each in known.taken if (name := parse(each)) is not None}
        gone = taken - held
        if any(not any(other.spans(name) for other in held if other.first < other.last) for name in gone):
            # A pack was damaged or lost, and what it had counts as carried no longer.
            self.known = known = known.without_packs()
            taken = set()
        digests = {name.digest for name in taken}
        again = {document for document, notes in known.notes.items() if notes.is_incomplete}
        for name in mirror.held:
            is_new = str(name) not in known.taken
            pack = mirror.pack(name) if is_new or again else None
            if pack is None:
                continue
            if is_new and name.first < name.last and pack.index.parts:
                # A pack that was joined from packs that were taken in has nothing new.
                is_new = not digests.issuperset(pack.index.parts)
            for document in pack.index.blocks:
                if is_new or document in again:
                    self._packs[name] = pack
                    self.coming.setdefault(document, []).append(name)
        if len(known.notes.keys() | self.coming.keys()) > DOCUMENTS_MAX:
            self._leave_out_too_much()
        for document, packs in self.coming.items():
            for name in packs:
                self._note_facts(document, name)
        if self._left_out:
            self._tell(
                f"There are more than {DOCUMENTS_MAX:,} texts at the places of this folder: what is in {len(self._left_out):,} of the packs is left out."
            )

    def _leave_out_too_much(self) -> None:
        """Leave packs out until there are not too many documents: those of lanes that have the most new ones first, so that nobody can crowd
        out the others."""
        new: dict[str, set[bytes]] = {}
        for document in self.coming.keys() - self.known.notes.keys():
            for name in self.coming[document]:
                new.setdefault(name.lane, set()).add(document)
        found = set(self.known.notes)
        for lane in sorted(new, key=lambda lane: (len(new[lane]), lane)):
            if len(found | new[lane]) <= DOCUMENTS_MAX:
                found |= new[lane]
            else:
                self._left_out |= {str(name) for name in self._packs if name.lane == lane}
        self._packs = {name: pack for name, pack in self._packs.items() if str(name) not in self._left_out}
        for document, names in list(self.coming.items()):
            self.coming[document] = [name for name in names if name in self._packs]
            if not self.coming[document]:
                del self.coming[document]

    def _note_facts(self, document: bytes, pack: PackName) -> None:
        """Note what a new pack says besides operations. Blocks."""
        notes = self.known.of(document)
        for content in self._contents(document, pack):
            match content:
                case Birth() if document_id(self._collection.collection, content) == document:
                    self.known.note_birth(document, content, pack.lane)
                case Name(number, name):
                    notes.note_name(number, name)
                case Deleted(version):
                    notes.note_deleted(version)
                case Saved(digest, version):
                    notes.note_saved(digest, version)
                case Form():
                    notes.note_form(content)
                case Joined(other):
                    notes.note_joined(other)
                case Hello() if document == records.COLLECTION_ITSELF:
                    self.known.hellos[pack.lane] = content
                case _:
                    pass

    def _contents(self, document: bytes, name: PackName) -> Iterator[records.Content]:
        """The readable records of a document in a pack."""
        try:
            found = self._packs[name].records(document)
        except MalformedPack as problem:
            self._tell(f"A pack is damaged and was left out: {problem}.")
            return
        for record in found:
            with contextlib.suppress(ForeignOp):
                content = records.decode(record)
                if content is not None:
                    yield content

    def read_all(self, document: bytes) -> None:
        """Let all packs with this document come again. Blocks."""
        self.known.of(document).unusable.clear()
        self.coming[document] = []
        for name in self._mirror.held:
            pack = self._packs.get(name) or self._mirror.pack(name)
            if pack is not None and document in pack.index.blocks:
                self._packs[name] = pack
                self.coming[document].append(name)

    def messages(self, document: bytes, *, keep: bool = False) -> list[Message]:
        """The operations of a document in packs that were not taken in yet; with `keep`, they come once more."""
        names = self.coming.get(document, []) if keep else self.coming.pop(document, [])
        return [
            Message(name.lane, content.message)
            for name in names
            for content in self._contents(document, name)
            if isinstance(content, Changes)
        ]

    def gather(self, document: bytes, content: records.Content) -> None:
        """Gather a record for the next pack."""
        record = records.encode(content)
        self._gathered.append((document, record))
        self._gathered_bytes += len(record.payload)
        if isinstance(content, Birth | Name):
            self._named.append((document[: records.HINT_BYTES], content.name))

    async def write(self) -> None:
        """Write the gathered records into new packs. Raises PlaceError."""
        lane, known = self._collection.lane, self.known
        hello = Hello(f"jpterm-like {__version__}", self._collection.author, 1, 0)
        if self._gathered and known.hellos.get(lane) != hello:
            self._gathered.append((records.COLLECTION_ITSELF, records.encode(hello)))
            known.hellos[lane] = hello
        if self._named:
            names, self._named = Names(tuple(self._named)), []
            self._gathered.append((records.COLLECTION_NAMES, records.encode(names)))
        gathered, self._gathered, self._gathered_bytes = self._gathered, [], 0
        if gathered:
            async with self._writing:  # the mirror numbers its packs
                await asyncio.to_thread(self._mirror.write, lane, gathered)

    @property
    def is_much_gathered(self) -> bool:
        return self._gathered_bytes > PACKED_BYTES

    def save(self, *, is_idle: bool = False) -> None:
        """Note that all packs of the mirror were taken in. Blocks. Raises JptermError.

        Args:
            is_idle: nothing else is to be noted, which takes long for many documents.
        """
        taken = {str(name) for name in self._mirror.held} - self._left_out
        if is_idle and taken == self.known.taken:
            return
        self.known.taken = taken
        write_texts(self._place, self.known.encode())
