"""Read the texts at a place without a folder of them here: `jpterm-like ls PLACE`, and `cat PLACE/notes.md` by ranges of few packs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import PurePosixPath

from crdt import Contradiction, ForeignOp, TextBuffer
from jpterm_like.cli.place_commands import REASONS, is_place, open_for_person
from jpterm_like.errors import JptermError, escape_for_terminal
from jpterm_like.packs import records
from jpterm_like.packs.decisions import Standing, standing
from jpterm_like.packs.documents import DocumentNotes
from jpterm_like.packs.names import Listing
from jpterm_like.packs.records import Birth, Changes, Deleted, Name, document_id
from jpterm_like.places.address import is_address
from jpterm_like.places.base import Moved, Place, in_sentence, list_all_files, nobody_counts
from jpterm_like.places.part import PackRanges


def may_be_in_place(written: str) -> bool:
    """Whether a path or address can be that of a text at a place: it is an address, or a folder above it is a place."""
    return is_address(written) or any(map(is_place, above(written)))


def list_texts(written: str, moved: Moved = nobody_counts) -> list[str]:
    """List the names of the texts at a place, sorted. Reads all of its packs.

    Raises:
        JptermError: it cannot be read, or is no place.
    """
    place = open_for_person(written, moved)
    texts = _Texts(place, _ready(place))
    texts.read_all()
    return sorted(notes.wanted_name for notes in texts.of_everything() if notes.wanted_name)


def read_text(written: str) -> str:
    """Return a text at a place, merged from all of its packs.

    Raises:
        JptermError: there is no such text, or it cannot be read.
    """
    problem: JptermError | None = None
    if "://" not in written:
        written = os.path.abspath(os.path.expanduser(written))
    for folder in above(written):
        if not is_address(written) and not is_place(folder):
            continue
        place = open_for_person(folder)
        try:
            listing = _ready(place)
        except JptermError as error:
            problem = problem or error
            continue
        return _Texts(place, listing).text(written[len(folder) :].strip("/"))
    raise problem or JptermError(f"{escape_for_terminal(written)} is no text at a place.")


def above(written: str) -> Iterator[str]:
    """Yield the folders above a text, from the innermost on: a text may lie in folders of its own."""
    scheme, separator, rest = written.rpartition("://")
    start = scheme + separator
    for parent in PurePosixPath(rest).parents:
        if str(parent) in ("", ".", "/") and start:
            return
        yield f"{start}{parent}"


def _ready(place: Place) -> Listing:
    """List a place. Raises JptermError if it is not as it should be."""
    listing = list_all_files(place)
    there = standing(listing, None, was_ready=False)
    if there is not Standing.READY:
        raise JptermError(f"{in_sentence(place)} {REASONS[there]}.")
    return listing


class _Texts:
    """Reads the texts at a place."""

    def __init__(self, place: Place, listing: Listing) -> None:
        self._place = place
        [marker] = listing.markers
        self._collection = marker.collection
        self._ranges = PackRanges(place, listing)

    def text(self, name: str) -> str:
        """Return the text of that name; see `read_text`."""
        self._read_indexes()
        found = self._ranges.documents_named(name)
        texts = [text for each in found if (text := self._text_of(each, name)) is not None]
        if len(texts) > 1:
            raise JptermError(
                f"{len(texts)} texts are called {escape_for_terminal(name)} there: sync them into a folder to see both."
            )
        if not texts:
            newer = (
                " A newer release wrote a part of it: update jpterm-like." if self._ranges.is_newer else ""
            )
            raise JptermError(
                f"There is no {escape_for_terminal(name)} at {escape_for_terminal(self._place.address)}.{newer}"
            )
        return texts[0]

    def read_all(self) -> None:
        """Read all packs whole."""
        for name in self._ranges.packs():
            self._ranges.read_whole(name)

    def of_everything(self) -> Iterator[DocumentNotes]:
        """Yield the notes of each document that was not deleted."""
        found = {each for index in self._ranges.indexes.values() for each in index.blocks}
        for document in sorted(found - records.NO_DOCUMENTS):
            notes, _ = self._notes(document)
            if not notes.is_deleted(notes.carried.version):
                yield notes

    def _read_indexes(self) -> None:
        """Read the index of each pack. Joined packs come first, and the packs that they contain are left out."""
        joined: set[str] = set()
        for name in self._ranges.packs():
            if name.digest not in joined and (index := self._ranges.index(name)) is not None:
                joined.update(index.parts)

    def _notes(self, document: bytes) -> tuple[DocumentNotes, list[bytes]]:
        """Collect the notes of a document from all packs, and the messages with its operations."""
        notes, messages = DocumentNotes(), []
        for pack in self._ranges.indexes:
            for content in self._ranges.contents(pack, document):
                match content:
                    case Birth() if document_id(self._collection, content) == document:
                        notes.birth = content
                    case Name(number, name):
                        notes.note_name(number, name)
                    case Deleted(version):
                        notes.note_deleted(version)
                    case Changes(message):
                        messages.append(message)
                        with suppress(ForeignOp):
                            notes.carried.add_message(message)
                    case _:
                        pass
        notes.count_deletions()
        return notes, messages

    def _text_of(self, document: bytes, name: str) -> str | None:
        """The text of a document; None if it has another name, or was deleted."""
        notes, messages = self._notes(document)
        if notes.birth is None or notes.wanted_name != name:
            return None
        buffer, is_whole = TextBuffer(author="", lineage=notes.birth.lineage), True
        for message in messages:
            try:
                buffer.integrate(message)
            except (ForeignOp, Contradiction):
                is_whole = False
        if not is_whole:
            print(
                f"jpterm-like: {escape_for_terminal(name)}: a change there cannot be read, and is left out.",
                file=sys.stderr,
            )
        return None if notes.is_deleted(buffer.version) else buffer.text
