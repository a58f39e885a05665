"""The kinds of records in packs, and what their payloads mean. The format of the file around them is in `pack`.

The number of a kind says what an older release does with it, as in `saver`:

    below 128       keep it, in its place, in every joined pack
    128 to 191      a writer must understand it: the document is read-only here
    192 to 255      a reader must understand it: the document is listed and not opened

In joined packs all of them are kept. A number is never reused. The records of a document may arrive in any order and more than once:
each kind is made so that this changes nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import unicodedata
from collections.abc import Iterable
from typing import Final, NamedTuple

from crdt import Version
from crdt.binary import Reader, decode_text, encode_text, write_bytes, write_number
from crdt.errors import ForeignOp
from jpterm_like.packs.pack import DOCUMENT_BYTES, PackRecord

BIRTH: Final = 1
CHANGES: Final = 2
NAME: Final = 3
DELETED: Final = 4
SAVED: Final = 5
HELLO: Final = 6
NAMES: Final = 7
FORM: Final = 8
JOINED: Final = 9

CHARSET_BYTES_MAX: Final = 32
LINE_END_BYTES_MAX: Final = 2

NAME_BYTES_MAX: Final = 4096
"""Longest name of a document, person or release in UTF-8."""

LINEAGE_BYTES: Final = 16
DIGEST_BYTES: Final = 16

COLLECTION_ITSELF: Final = bytes(DOCUMENT_BYTES)
"""The "document" of the records that are about the collection: HELLO."""

COLLECTION_NAMES: Final = b"\xff" * DOCUMENT_BYTES
"""The "document" of NAMES: the last one of a pack, so that its block and the index are read at once."""

NO_DOCUMENTS: Final = frozenset((COLLECTION_ITSELF, COLLECTION_NAMES))

HINT_BYTES: Final = 2
"""So many bytes of a document's id are with its name in NAMES: of 10,000 documents, one or two begin with the same ones."""


class Birth(NamedTuple):
    """How a document began. Its text, also the first one, is in CHANGES."""

    lineage: bytes
    """See `crdt.TextBuffer.lineage`."""
    name: str
    """Its name then; with the collection and the lineage it is the document's identity (`document_id`)."""


class Changes(NamedTuple):
    """Operations as `crdt` encodes them. The record's format is theirs: 0, as in `saver.CHANGES`."""

    message: bytes


class Name(NamedTuple):
    """A new name of a document: the one with the highest number wins, then the one that compares higher."""

    number: int
    """Lamport number: one more than the highest that its writer had seen."""
    name: str


class Deleted(NamedTuple):
    """Somebody deleted the document who had this version of it. Operations beyond it bring the document back."""

    version: Version


class Saved(NamedTuple):
    """A plain file was written."""

    digest: bytes
    """BLAKE2b-128 of its bytes: so a file that a carrier brings before its history is known."""
    version: Version
    """Of the text that it holds."""


class Hello(NamedTuple):
    """A writer began a run. Newer formats are written once all writers read them."""

    release: str
    author: str
    pack_format: int
    """The newest format of packs that it reads, and below the newest format of operations."""
    operations_format: int


class Names(NamedTuple):
    """The names that records beside it give to documents. A hint: so one document is found by its name without reading all."""

    names: tuple[tuple[bytes, str], ...]
    """The first bytes of the document's id, `HINT_BYTES` of them, and the name."""


class Form(NamedTuple):
    """The form that the plain file had when the document came into the collection, if it was not UTF-8 with line feeds alone. Files that are
    made later begin with it; after that each has its own."""

    charset: str
    """Its name in Python."""
    bom: bool
    """Whether it began with a byte order mark."""
    end: str
    """Its most frequent line end."""


class Joined(NamedTuple):
    """Somebody made one text of this document and another one: its operations count in the other one, too, or the other's in it."""

    document: bytes
    """The id of the other one."""


Content = Birth | Changes | Name | Deleted | Saved | Hello | Names | Form | Joined

FORMAT: Final = 0
"""The one format of each payload so far."""


def document_id(collection: bytes, birth: Birth) -> bytes:
    """Return the id of a document, 16 bytes.

    Two people who bring the same file into a collection without knowing of each other meet in one document. The same name with
    another text is another document: two texts are never merged blindly.
    """
    digest = hashlib.blake2b(collection, digest_size=DOCUMENT_BYTES)
    digest.update(birth.lineage)
    digest.update(encode_text(unicodedata.normalize("NFC", birth.name)))
    return digest.digest()


def encode(content: Content) -> PackRecord:
    """Write a record. Names that are too long are a bug of the caller."""
    out = bytearray()
    match content:
        case Birth(lineage, name):
            assert len(lineage) == LINEAGE_BYTES, len(lineage)
            return PackRecord(BIRTH, FORMAT, lineage + _name_bytes(name))
        case Changes(message):
            return PackRecord(CHANGES, FORMAT, message)
        case Name(number, name):
            write_number(out, number)
            return PackRecord(NAME, FORMAT, bytes(out) + _name_bytes(name))
        case Deleted(version):
            return PackRecord(DELETED, FORMAT, version.encode())
        case Saved(digest, version):
            assert len(digest) == DIGEST_BYTES, len(digest)
            return PackRecord(SAVED, FORMAT, digest + version.encode())
        case Hello(release, author, pack_format, operations_format):
            write_number(out, pack_format)
            write_number(out, operations_format)
            write_bytes(out, _name_bytes(release))
            return PackRecord(HELLO, FORMAT, bytes(out) + _name_bytes(author))
        case Joined(document):
            assert len(document) == DOCUMENT_BYTES, len(document)
            return PackRecord(JOINED, FORMAT, document)
        case Names(names):
            for hint, name in names:
                assert len(hint) == HINT_BYTES, hint
                out += hint
                write_bytes(out, _name_bytes(name))
            return PackRecord(NAMES, FORMAT, bytes(out))
        case Form(charset, bom, end):
            out.append(bom)
            write_bytes(out, charset.encode("ascii"))
            write_bytes(out, end.encode("ascii"))
            return PackRecord(FORM, FORMAT, bytes(out))


def decode(record: PackRecord) -> Content | None:
    """Read a record; None if its kind or format is unknown to this release.

    Raises:
        ForeignOp: it is of a known kind, and none.
    """
    kind, form, payload = record
    if form != FORMAT:
        return None
    reader = Reader(payload)
    if kind == BIRTH:
        return Birth(reader.exactly(LINEAGE_BYTES), _read_name(reader))
    if kind == CHANGES:
        return Changes(payload)
    if kind == NAME:
        return Name(reader.number(), _read_name(reader))
    if kind == DELETED:
        return Deleted(Version.decode(payload))
    if kind == SAVED:
        return Saved(reader.exactly(DIGEST_BYTES), Version.decode(payload[DIGEST_BYTES:]))
    if kind == HELLO:
        pack_format, operations_format = reader.number(), reader.number()
        release = decode_text(reader.exactly(reader.number(NAME_BYTES_MAX)))
        return Hello(release, _read_name(reader), pack_format, operations_format)
    if kind == JOINED:
        return Joined(reader.exactly(DOCUMENT_BYTES))
    if kind == NAMES:
        names: list[tuple[bytes, str]] = []
        while not reader.at_end():
            hint = reader.exactly(HINT_BYTES)
            names.append((hint, decode_text(reader.exactly(reader.number(NAME_BYTES_MAX)))))
        return Names(tuple(names))
    if kind == FORM:
        bom = reader.number(1)
        charset = decode_text(reader.exactly(reader.number(CHARSET_BYTES_MAX)))
        end = decode_text(reader.exactly(reader.number(LINE_END_BYTES_MAX)))
        return Form(charset, bool(bom), end)
    return None


def decode_all(found: Iterable[PackRecord]) -> tuple[list[Content], bool]:
    """Read records, without those that cannot be read; also whether a newer release wrote some of these."""
    contents, is_newer = list[Content](), False
    for record in found:
        with contextlib.suppress(ForeignOp):
            if (content := decode(record)) is not None:
                contents.append(content)
            else:
                is_newer = True
    return contents, is_newer


def _name_bytes(name: str) -> bytes:
    data = encode_text(name)
    assert len(data) <= NAME_BYTES_MAX, len(data)
    return data


def _read_name(reader: Reader) -> str:
    """Read a name that goes on to the end."""
    if reader.end - reader.position > NAME_BYTES_MAX:
        raise ForeignOp("a name is too long")
    return decode_text(reader.exactly(reader.end - reader.position))
