"""The format of a pack: what is written comes back, joining keeps every byte of a record, and foreign bytes do no harm."""

from __future__ import annotations

import contextlib
import doctest
import hashlib
import random
import tracemalloc
import zlib

import pytest

import jpterm_like.packs
from crdt import Version
from crdt.errors import ForeignOp
from jpterm_like.packs import records as kinds
from jpterm_like.packs.names import PACK_BYTES_MAX, lane_name
from jpterm_like.packs.pack import (
    BLOCK_BYTES_MAX,
    END_MAGIC,
    HEADER_BYTES,
    MAGIC,
    RECORDS_MAX,
    TRAILER_BYTES,
    MalformedPack,
    NewerPack,
    PackFull,
    PackRecord,
    encode,
    index_start,
    inflate,
    join,
    open_pack,
    read_index,
    split_records,
    split_to_fit,
)

COLLECTION = bytes(range(16))
LANE = lane_name(b"a lane.\0")
Documents = dict[bytes, list[PackRecord]]


def documents(chance: random.Random, count: int = 5) -> Documents:
    """Records of all kinds, also unknown ones, deflating well and badly."""
    return {
        chance.randbytes(16): [
            PackRecord(chance.choice([1, 2, 77, 140, 255]), chance.choice([0, 9]), payload)
            for payload in (b"", chance.randbytes(chance.randrange(300)), b"words " * chance.randrange(50))
        ]
        for _ in range(chance.randint(1, count))
    }


def sealed(data: bytes) -> bytes:
    """A pack with a true checksum, whatever was done to it before its trailer."""
    body = data[:-TRAILER_BYTES]
    return body + hashlib.blake2b(body, digest_size=16).digest() + data[-8:]


def with_index(blocks: bytes, index: bytes) -> bytes:
    """A pack of these blocks with this index, and a true checksum."""
    head = MAGIC + bytes(4) + COLLECTION + b"a lane.\0" + (1).to_bytes(4, "big") * 2
    return sealed(head + blocks + index + bytes(16) + len(index).to_bytes(4, "big") + END_MAGIC)


def entry(document: bytes, size_bytes: int, inflated_bytes: int, checksum: int) -> bytes:
    out = bytearray(document)
    kinds.write_number(out, size_bytes)
    kinds.write_number(out, inflated_bytes)
    return bytes(out) + checksum.to_bytes(4, "big")


def deflated(data: bytes) -> bytes:
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    return deflater.compress(data) + deflater.flush()


def test_the_example_of_the_package_is_true() -> None:
    assert doctest.testmod(jpterm_like.packs) == (0, 6)


def test_what_is_written_comes_back() -> None:
    for seed in range(100):
        chance = random.Random(seed)
        written = documents(chance)
        first = chance.randint(1, 1000)
        name, data = encode(COLLECTION, LANE, first, first + 7, written, ["ab" * 8])
        pack = open_pack(data)
        pack.check()
        assert (pack.name, pack.collection, pack.lane) == (name, COLLECTION, LANE)
        assert (pack.first, pack.last, pack.may_join) == (first, first + 7, True)
        assert list(pack.index.blocks) == sorted(written)
        assert {document: pack.records(document) for document in written} == written
        assert pack.index.parts == ("ab" * 8,)
        assert pack.records(b"not in here.....") == []


def test_one_document_is_read_by_two_ranges() -> None:
    written = documents(random.Random(3), 50)
    _, data = encode(COLLECTION, LANE, 1, 1, written)
    start = index_start(data[-TRAILER_BYTES:], len(data))
    index = read_index(data[start:], len(data))
    for document, block in index.blocks.items():
        assert split_records(inflate(data[block.start : block.end], block)) == written[document]


def test_a_pack_of_one_edit_is_short() -> None:
    """Some hundred bytes around the operation."""
    _, data = encode(COLLECTION, LANE, 1, 1, {bytes(16): [PackRecord(2, 0, b"x" * 20)]})
    assert len(data) < 150


def test_joining_keeps_every_record_and_its_order() -> None:
    """Also of kinds and formats that no release so far has written."""
    for seed in range(50):
        chance = random.Random(seed)
        pool = documents(chance, 8)
        packs = []
        for number in range(1, 9):
            some = {document: pool[document] for document in pool if chance.random() < 0.5}
            packs.append(open_pack(encode(COLLECTION, LANE, number, number, some)[1]))
        name, data = join(packs)
        joined = open_pack(data)
        assert (name.first, name.last) == (1, 8)
        assert joined.index.parts == tuple(pack.name.digest for pack in packs)
        for document in pool:
            assert joined.records(document) == [record for pack in packs for record in pack.records(document)]
        assert all(joined.contains(pack) for pack in packs)
        assert join([open_pack(data), open_pack(encode(COLLECTION, LANE, 9, 9, pool)[1])])[0].last == 9


def test_containing_is_judged_by_content() -> None:
    a, b = PackRecord(2, 0, b"a"), PackRecord(2, 0, b"b")
    one, two = bytes(16), b"1" * 16

    def of(written: Documents, collection: bytes = COLLECTION) -> object:
        return open_pack(encode(collection, LANE, 1, 1, written)[1])

    whole = open_pack(encode(COLLECTION, LANE, 1, 1, {one: [a, b], two: [b]})[1])
    assert whole.contains(whole) and whole.contains(of({one: [b]}))  # type: ignore[arg-type]
    assert not whole.contains(of({two: [a]}))  # type: ignore[arg-type]
    assert not whole.contains(of({b"2" * 16: [a]}))  # type: ignore[arg-type]
    assert not whole.contains(of({one: [b]}, b"other collection"))  # type: ignore[arg-type]


def test_what_is_too_much_for_one_pack_is_refused_and_split() -> None:
    long = [PackRecord(2, 0, random.Random(number).randbytes(3 << 20)) for number in range(5)]
    with pytest.raises(PackFull):
        encode(COLLECTION, LANE, 1, 1, {bytes(16): long})
    with pytest.raises(PackFull):
        encode(COLLECTION, LANE, 1, 1, {bytes(16): [PackRecord(2, 0, bytes(BLOCK_BYTES_MAX))]})
    with pytest.raises(PackFull):
        encode(COLLECTION, LANE, 1, 1, {bytes(16): [PackRecord(2, 0, b"")] * (RECORDS_MAX + 1)})
    groups = list(split_to_fit((bytes([number]) * 16, record) for number, record in enumerate(long)))
    assert [len(group) for group in groups] == [2, 2, 1]
    for group in groups:
        assert len(encode(COLLECTION, LANE, 1, 1, group)[1]) <= PACK_BYTES_MAX
    assert [record for group in groups for found in group.values() for record in found] == long
    with pytest.raises(PackFull):
        list(split_to_fit([(bytes(16), PackRecord(2, 0, bytes(PACK_BYTES_MAX)))]))
    many = [(number.to_bytes(16, "big"), PackRecord(2, 0, b"")) for number in range(70_000)]
    assert [len(encode(COLLECTION, LANE, 1, 1, group)[1]) > 0 for group in split_to_fit(many)] == [True] * 2


def test_text_that_deflates_a_thousand_times_is_no_bomb() -> None:
    """The writer stores it as it is, so a reader's limit needs no exception."""
    _, data = encode(COLLECTION, LANE, 1, 1, {bytes(16): [PackRecord(2, 0, b" " * 1_000_000)]})
    assert len(data) > 1_000_000
    open_pack(data).check()


def test_a_newer_format_is_no_damage() -> None:
    _, data = encode(COLLECTION, LANE, 1, 1, documents(random.Random(1)))
    for newer in (b"jpk2\r\n" + data[6:], data[:7] + b"\1" + data[8:]):
        with pytest.raises(NewerPack):
            open_pack(sealed(newer))
    pack = open_pack(sealed(data[:9] + b"\1" + data[10:]))
    assert not pack.may_join, "only writers must know it"
    pack.check()


def test_every_bit_of_a_pack_is_guarded() -> None:
    """Cut anywhere, or with any byte changed, it is refused; only the version and the flags say something else."""
    _, data = encode(COLLECTION, LANE, 1, 2, documents(random.Random(2), 2))
    for end in range(len(data)):
        with pytest.raises(MalformedPack):
            open_pack(data[:end])
    for at in range(len(data)):
        changed = data[:at] + bytes([data[at] ^ 0x11]) + data[at + 1 :]
        with pytest.raises((MalformedPack, NewerPack)):
            open_pack(changed)
    for size in (len(data), 1000):
        with pytest.raises(MalformedPack):
            open_pack(bytes(size))


def test_lies_in_an_index_are_refused() -> None:
    block = deflated(b"\2\0\x05words" * 9)
    right = entry(b"1" * 16, len(block), 72, zlib.crc32(b"\2\0\x05words" * 9))
    open_pack(with_index(block, b"\1" + right + b"\0")).check()
    for index in (
        b"\2" + right + b"\0",
        b"\1" + right + b"\1",
        b"\1" + right + b"\0\0",
        b"\2" + right + right + b"\0",
        b"\0\0",
        b"\1" + entry(b"1" * 16, len(block) + 1, 72, 0) + b"\0",
        b"\1" + entry(b"1" * 16, len(block) - 1, 72, 0) + b"\0",
        b"\1" + entry(b"1" * 16, len(block), 65 * len(block), 0) + b"\0",
        b"\1" + entry(b"1" * 16, 0, 0, 0) + b"\0",
        b"\xff" * 5 + right,
        b"",
    ):
        with pytest.raises(MalformedPack):
            open_pack(with_index(block, index))
    for inflated_bytes, checksum in ((71, 0), (73, 0), (72, 0), (0, 0), (0, zlib.crc32(block))):
        pack = open_pack(
            with_index(block, b"\1" + entry(b"1" * 16, len(block), inflated_bytes, checksum) + b"\0")
        )
        with pytest.raises(MalformedPack):
            pack.check()


def test_a_bomb_is_inflated_only_as_far_as_its_index_says() -> None:
    """200 MB of zeros in 200 kB: neither the memory nor the time is spent."""
    bomb = deflated(bytes(200_000_000))
    for said in (100, 64 * len(bomb)):
        pack = open_pack(with_index(bomb, b"\1" + entry(b"1" * 16, len(bomb), said, 0) + b"\0"))
        tracemalloc.start()
        with pytest.raises(MalformedPack):
            pack.check()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 64 << 20


def test_records_without_number_are_refused() -> None:
    """Three bytes each, they would take a hundred times that as objects."""
    block = b"\2\0\0" * (RECORDS_MAX + 1)
    shrunk = block
    index = b"\1" + entry(b"1" * 16, len(shrunk), 0, zlib.crc32(block)) + b"\0"
    pack = open_pack(with_index(shrunk, index))
    with pytest.raises(MalformedPack):
        pack.check()
    half = b"\2\0\0" * (RECORDS_MAX // 2 + 1)
    index = b"\2" + b"".join(entry(bytes([n]) * 16, len(half), 0, zlib.crc32(half)) for n in (1, 2)) + b"\0"
    with pytest.raises(MalformedPack):
        open_pack(with_index(half * 2, index)).check()


@pytest.mark.amount
def test_hostile_bytes_do_no_harm(request: pytest.FixtureRequest) -> None:
    """Bytes changed anywhere, with a checksum made true again: refused, or read within all limits."""
    count = request.config.getoption("--packs")
    whole = {seed: encode(COLLECTION, LANE, 1, 3, documents(random.Random(seed)))[1] for seed in range(20)}
    accepted = 0
    for seed in range(count):
        chance = random.Random(f"hostile {seed}")
        data = bytearray(whole[seed % 20])
        for _ in range(chance.choice([1, 1, 2, 5])):
            at = chance.randrange(HEADER_BYTES - 12, len(data) - TRAILER_BYTES)
            match chance.randrange(4):
                case 0:
                    data[at] = chance.randrange(256)
                case 1:
                    del data[at : at + chance.randint(1, 9)]
                case 2:
                    data[at:at] = chance.randbytes(chance.randint(1, 9))
                case _:
                    data[-8:-4] = chance.randrange(len(data)).to_bytes(4, "big")
        try:
            pack = open_pack(sealed(bytes(data)))
            pack.check()
            for document in pack.index.blocks:
                for record in pack.records(document):
                    with contextlib.suppress(ForeignOp):
                        kinds.decode(record)
            accepted += 1
        except MalformedPack:
            pass
    assert 0 < accepted < count


CONTENTS: list[kinds.Content] = [
    kinds.Birth(b"L" * 16, "notes ä.md"),
    kinds.Changes(b"operations"),
    kinds.Name(9, "plan.md"),
    kinds.Deleted(Version({3: 4, 5: 6})),
    kinds.Saved(b"D" * 16, Version({3: 4})),
    kinds.Hello("0.3.0", "ann ä", 1, 0),
]


@pytest.mark.parametrize("content", CONTENTS, ids=lambda content: type(content).__name__)
def test_a_record_comes_back(content: kinds.Content) -> None:
    record = kinds.encode(content)
    assert kinds.decode(record) == content
    assert kinds.decode(record._replace(format=1)) is None, "of a newer release"
    assert kinds.decode(record._replace(kind=77)) is None
    for end in range(len(record.payload)):
        with contextlib.suppress(ForeignOp):
            kinds.decode(record._replace(payload=record.payload[:end]))


def test_the_same_file_is_one_document_and_another_text_another() -> None:
    birth = kinds.Birth(b"L" * 16, "ä.md")
    same = kinds.document_id(COLLECTION, birth)
    assert same == kinds.document_id(COLLECTION, birth._replace(name="a\u0308.md")), (
        "however a system spells it"
    )
    others = [
        kinds.document_id(COLLECTION, birth._replace(name="b.md")),
        kinds.document_id(COLLECTION, birth._replace(lineage=b"M" * 16)),
        kinds.document_id(bytes(16), birth),
    ]
    assert len({same, *others}) == 4
