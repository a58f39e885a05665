"""The format of a pack: records of many documents, deflated per document, with an index at the end.

    header     magic "jpk1\r\n" | flags to read, 2 | flags to write, 2 | collection, 16 | lane, 8 | first, 4 | last, 4
    blocks     one per document, in the order of their ids: records, deflated (RFC 1951) where that is shorter
                   record = kind, 1 | format, 1 | length | payload
    index      count | per document: id, 16 | bytes in the file | bytes inflated, 0 if not deflated | crc32 of the records, 4
               count | the digests of the packs that this one was joined from, 8 each, in their order
    trailer    BLAKE2b-128 of everything before, 16 | bytes of the index, 4 | magic "kpj1"

Fixed numbers are big-endian; the others are LEB128 (`reader`). The index is at the end, so that one document is read by
two ranges of the file. It has no offsets: blocks follow each other, so an index cannot lie about overlaps.

A pack knows neither operations nor text. Records are opaque, and joined bytes after bytes; the meaning of a kind is in `records`. A
pack with flags of a newer release is carried as it is: `open_pack` raises `NewerPack`, and nothing but its name is used.

Everything that is read here is foreign: each length has a limit, and a block is inflated only as far as its index says.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

from jpterm_like.packs.names import (
    COLLECTION_BYTES,
    LANE_BYTES,
    NUMBER_MAX,
    PACK_BYTES_MAX,
    PackName,
    lane_bytes,
    lane_name,
    name_of,
)
from jpterm_like.packs.reader import Malformed, Reader, write_number

DOCUMENT_BYTES: Final = 16
"""Length of a document's id; see `records.document_id`."""

MAGIC: Final = b"jpk1\r\n"
END_MAGIC: Final = b"kpj1"
FLAGS_END: Final = len(MAGIC) + 4
"""Offset of the end of the flags: as many bytes say whether this release reads a pack, and whether it may join it."""
HEADER_BYTES: Final = FLAGS_END + COLLECTION_BYTES + LANE_BYTES + 8
TRAILER_BYTES: Final = 16 + 4 + len(END_MAGIC)
TAIL_BYTES: Final = 96 << 10
"""At most so many bytes from the end of a pack are read for its index at first. Those of a pack of 2 MB with 2,500 documents are 60 kB, and 25 kB of
names are before them (`records.NAMES`)."""

DOCUMENTS_MAX: Final = 1 << 16
"""Documents in a pack."""
PARTS_MAX: Final = 4096
"""Packs that one pack was joined from."""
RECORDS_MAX: Final = 1 << 17
"""Records in a pack: as objects of Python they take some 20 MiB."""
INFLATE_MAX: Final = 64
"""A block is inflated to at most so many times its length. The writer stores a block that would be longer as it is."""
BLOCK_BYTES_MAX: Final = 16 << 20
"""Records of one document in a pack, inflated. A longer document is in several packs."""
INFLATED_BYTES_MAX: Final = 64 << 20
"""Records of all documents in a pack, inflated. One block is in memory at a time."""
SHORT_BYTES: Final = 64
"""Deflating less is not tried."""


class PackRecord(NamedTuple):
    """One note on a document. Records of a document may arrive twice, and in any order."""

    kind: int
    """1 to 255; see `records`."""
    format: int
    """0 to 255: the format of the payload."""
    payload: bytes


class MalformedPack(ValueError):
    """These bytes are no pack, or break a limit."""


class NewerPack(ValueError):
    """A newer release made this pack; it is carried unread."""


class PackFull(ValueError):
    """More records than fit into one pack: a caller must use several."""


class Block(NamedTuple):
    """Where the records of one document are in a pack."""

    start: int
    """Offset in the file, in bytes."""
    end: int
    """Not included."""
    inflated_bytes: int
    """0 if the block is not deflated."""
    checksum: int


class Index(NamedTuple):
    """What is in a pack, and where."""

    blocks: dict[bytes, Block]
    """By document, in the order of the file."""
    parts: tuple[str, ...]
    """The digests of the packs that this one was joined from; empty for a pack that was not joined."""


@dataclass(frozen=True)
class Pack:
    """A whole pack, whose limits and checksum were checked. Blocks are inflated when they are asked for."""

    data: bytes
    collection: bytes
    lane: str
    first: int
    last: int
    may_join: bool
    """False if a newer release demands more of writers than this one knows."""
    index: Index

    @property
    def name(self) -> PackName:
        return name_of(self.data, self.lane, self.first, self.last)

    def records(self, document: bytes) -> list[PackRecord]:
        """Return the records of a document; none if it is not in here. Raises MalformedPack."""
        block = self.index.blocks.get(document)
        return [] if block is None else split_records(inflate(self.data[block.start : block.end], block))

    def check(self) -> None:
        """Read every record once. Raises MalformedPack."""
        count = 0
        for document in self.index.blocks:
            count += len(self.records(document))
            if count > RECORDS_MAX:
                raise MalformedPack(f"more than {RECORDS_MAX:,} records")

    def contains(self, other: Pack) -> bool:
        """Whether each record of the other pack is in this one, by its bytes. Both must be checked."""
        for document in other.index.blocks:
            if document not in self.index.blocks:
                return False
            if not set(other.records(document)) <= set(self.records(document)):
                return False
        return self.collection == other.collection


def encode(
    collection: bytes,
    lane: str,
    first: int,
    last: int,
    documents: Mapping[bytes, Sequence[PackRecord]],
    parts: Sequence[str] = (),
) -> tuple[PackName, bytes]:
    """Make a pack, and its name.

    Raises:
        PackFull: it would break a limit.
    """
    assert len(collection) == COLLECTION_BYTES, len(collection)
    assert 1 <= first <= last <= NUMBER_MAX, (first, last)
    if sum(map(len, documents.values())) > RECORDS_MAX:
        raise PackFull(f"more than {RECORDS_MAX:,} records")
    if len(documents) > DOCUMENTS_MAX or len(parts) > PARTS_MAX:
        raise PackFull(f"{len(documents):,} documents, {len(parts):,} parts")
    blocks = {document: join_records(records) for document, records in sorted(documents.items())}
    if max(map(len, blocks.values()), default=0) > BLOCK_BYTES_MAX:
        raise PackFull(f"a document has more than {BLOCK_BYTES_MAX:,} bytes")
    if sum(map(len, blocks.values())) > INFLATED_BYTES_MAX:
        raise PackFull(f"more than {INFLATED_BYTES_MAX:,} bytes")
    out = bytearray(MAGIC + b"\0\0\0\0" + collection + lane_bytes(lane))
    out += first.to_bytes(4, "big") + last.to_bytes(4, "big")
    index = bytearray()
    write_number(index, len(blocks))
    for document, block in blocks.items():
        assert len(document) == DOCUMENT_BYTES and block, document
        stored = _deflate(block)
        out += stored
        index += document
        write_number(index, len(stored))
        write_number(index, len(block) if stored is not block else 0)
        index += zlib.crc32(block).to_bytes(4, "big")
    write_number(index, len(parts))
    for digest in parts:
        index += bytes.fromhex(digest)
    out += index
    out += hashlib.blake2b(out, digest_size=16).digest() + len(index).to_bytes(4, "big") + END_MAGIC
    if len(out) > PACK_BYTES_MAX:
        raise PackFull(f"{len(out):,} bytes")
    data = bytes(out)
    return name_of(data, lane, first, last), data


def join(packs: Sequence[Pack]) -> tuple[PackName, bytes]:
    """Join packs of one lane, given in their order, whose numbers follow each other. Their records are kept as they are.

    Raises:
        PackFull: the result would break a limit.
    """
    first, last = packs[0], packs[-1]
    assert len(packs) > 1
    for before, after in pairwise(packs):
        assert (before.lane, before.collection, before.last + 1) == (
            after.lane,
            after.collection,
            after.first,
        )
    found: dict[bytes, list[PackRecord]] = {}
    for pack in packs:
        for document in pack.index.blocks:
            found.setdefault(document, []).extend(pack.records(document))
    parts = [pack.name.digest for pack in packs]
    return encode(first.collection, first.lane, first.first, last.last, found, parts)


def open_pack(data: bytes) -> Pack:
    """Open the bytes of a pack: everything is checked but the records themselves, see `Pack.check`.

    Raises:
        MalformedPack: they are no pack.
        NewerPack: they are one of a newer release.
    """
    if len(data) > PACK_BYTES_MAX:
        raise MalformedPack(f"{len(data):,} bytes")
    may_join = read_flags(data)
    if len(data) < HEADER_BYTES + TRAILER_BYTES:
        raise MalformedPack("it does not begin as a pack")
    at = FLAGS_END
    collection = data[at : at + COLLECTION_BYTES]
    at += COLLECTION_BYTES
    lane = lane_name(data[at : at + LANE_BYTES])
    at += LANE_BYTES
    first, last = int.from_bytes(data[at : at + 4], "big"), int.from_bytes(data[at + 4 : at + 8], "big")
    if not 1 <= first <= last <= NUMBER_MAX:
        raise MalformedPack(f"numbers {first} to {last}")
    trailer = len(data) - TRAILER_BYTES
    if hashlib.blake2b(data[:trailer], digest_size=16).digest() != data[trailer : trailer + 16]:
        raise MalformedPack("its checksum is wrong")
    return Pack(data, collection, lane, first, last, may_join, read_index(data, len(data)))


def read_flags(head: bytes) -> bool:
    """Read the magic and the flags, given at least the first `FLAGS_END` bytes; return whether this release may join the pack.

    Raises:
        MalformedPack: they are of no pack.
        NewerPack: they are of one of a newer release.
    """
    if head[:3] == MAGIC[:3] and head[4:6] == MAGIC[4:] and b"2" <= head[3:4] <= b"9":
        raise NewerPack("its format is newer")
    if len(head) < FLAGS_END or head[: len(MAGIC)] != MAGIC:
        raise MalformedPack("it does not begin as a pack")
    if head[len(MAGIC) : len(MAGIC) + 2] != b"\0\0":
        raise NewerPack("it has properties that this release does not know")
    return head[len(MAGIC) + 2 : FLAGS_END] == b"\0\0"


def split_to_fit(records: Iterable[tuple[bytes, PackRecord]]) -> Iterator[dict[bytes, list[PackRecord]]]:
    """Group records, each with its document, so that each group fits into one pack, however badly it deflates.

    Raises:
        PackFull: one record alone is too long; it must be written as several.
    """
    group: dict[bytes, list[PackRecord]] = {}
    count = 0
    size_bytes = overhead = HEADER_BYTES + TRAILER_BYTES + 16
    for document, record in records:
        longer = len(record.payload) + 16 + (DOCUMENT_BYTES + 16 if document not in group else 0)
        if overhead + longer > PACK_BYTES_MAX:
            raise PackFull(f"a record of {len(record.payload):,} bytes")
        if size_bytes + longer > PACK_BYTES_MAX or count == RECORDS_MAX or len(group) == DOCUMENTS_MAX:
            yield group
            group, count, size_bytes = {}, 0, overhead
            longer = len(record.payload) + 16 + DOCUMENT_BYTES + 16
        group.setdefault(document, []).append(record)
        count += 1
        size_bytes += longer
    if group:
        yield group


def tail_bytes(size_bytes: int) -> int:
    """Return how many bytes from the end of a pack to read first: they nearly always have all of its index, and the names before it."""
    return min(size_bytes, TAIL_BYTES, max(4096, size_bytes // 22))


def index_start(tail: bytes, size_bytes: int) -> int:
    """Return where the index of a pack starts, given some of its last bytes and its length.

    Raises:
        MalformedPack: the trailer is none.
    """
    if len(tail) < TRAILER_BYTES or tail[-len(END_MAGIC) :] != END_MAGIC:
        raise MalformedPack("it does not end as a pack")
    length = int.from_bytes(tail[-len(END_MAGIC) - 4 : -len(END_MAGIC)], "big")
    if length > size_bytes - HEADER_BYTES - TRAILER_BYTES:
        raise MalformedPack("its index is longer than it is itself")
    return size_bytes - TRAILER_BYTES - length


def read_index(tail: bytes, size_bytes: int) -> Index:
    """Read the index, given the last bytes of a pack, at least those from `index_start` on, and the length of the pack.

    Raises:
        MalformedPack: it is none, or says what cannot be.
    """
    start = index_start(tail, size_bytes)
    if size_bytes - start > len(tail):
        raise MalformedPack("its index is not here whole")
    try:
        return _read_index(Reader(tail[len(tail) - (size_bytes - start) : -TRAILER_BYTES]), start)
    except Malformed as problem:
        raise MalformedPack(str(problem)) from None


def inflate(data: bytes, block: Block) -> bytes:
    """Return the records of a block as bytes, given what the file has in its range. Raises MalformedPack."""
    if block.inflated_bytes:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            found = inflater.decompress(data, block.inflated_bytes)
            # Asks for one byte more than there may be, so that a longer stream is seen and not inflated.
            more = b"" if inflater.eof else inflater.decompress(inflater.unconsumed_tail, 1)
        except zlib.error:
            raise MalformedPack("a block cannot be inflated") from None
        if len(found) != block.inflated_bytes or more or not inflater.eof or inflater.unused_data:
            raise MalformedPack("a block has another length than the index says")
        data = found
    if zlib.crc32(data) != block.checksum:
        raise MalformedPack("the checksum of a block is wrong")
    return data


def split_records(block: bytes) -> list[PackRecord]:
    """Split the bytes of a block into its records. Raises MalformedPack."""
    reader = Reader(block)
    records: list[PackRecord] = []
    try:
        while not reader.at_end():
            kind, form = reader.exactly(2)
            if kind == 0:
                raise MalformedPack("a record of kind 0")
            records.append(PackRecord(kind, form, reader.sized()))
            if len(records) > RECORDS_MAX:
                raise MalformedPack(f"more than {RECORDS_MAX:,} records")
    except Malformed as problem:
        raise MalformedPack(str(problem)) from None
    return records


def join_records(records: Iterable[PackRecord]) -> bytes:
    """Write records as the bytes of a block."""
    out = bytearray()
    for kind, form, payload in records:
        assert 1 <= kind <= 255 and 0 <= form <= 255, (kind, form)
        out += bytes((kind, form))
        write_number(out, len(payload))
        out += payload
    return bytes(out)


def _deflate(block: bytes) -> bytes:
    """Return the block deflated, or the block itself where that is no gain or would look like a bomb."""
    if len(block) < SHORT_BYTES:
        return block
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS, 9)
    found = deflater.compress(block) + deflater.flush()
    return found if len(found) < len(block) <= INFLATE_MAX * len(found) else block


def _read_index(reader: Reader, end: int) -> Index:
    """Read the index of blocks that fill the file from the header to `end`."""
    blocks: dict[bytes, Block] = {}
    at, inflated = HEADER_BYTES, 0
    before = b""
    for _ in range(reader.number(DOCUMENTS_MAX)):
        document = reader.exactly(DOCUMENT_BYTES)
        if document <= before:
            raise MalformedPack("its documents are not in order")
        before = document
        size_bytes, inflated_bytes = reader.number(end - at), reader.number(BLOCK_BYTES_MAX)
        if not size_bytes or inflated_bytes > INFLATE_MAX * size_bytes or size_bytes > BLOCK_BYTES_MAX:
            raise MalformedPack(f"a block of {size_bytes:,} bytes would have {inflated_bytes:,}")
        inflated += inflated_bytes or size_bytes
        checksum = int.from_bytes(reader.exactly(4), "big")
        blocks[document] = Block(at, at + size_bytes, inflated_bytes, checksum)
        at += size_bytes
    if at != end or inflated > INFLATED_BYTES_MAX:
        raise MalformedPack("its blocks have another length than the index says")
    parts = tuple(reader.exactly(8).hex() for _ in range(reader.number(PARTS_MAX)))
    if not reader.at_end():
        raise MalformedPack("its index goes on behind its end")
    return Index(blocks, parts)
