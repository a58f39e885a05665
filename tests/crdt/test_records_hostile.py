"""Foreign records, damaged or forged: ForeignOp or nothing, never a crash, a hang or half a message.

A long run: `CRDT_MUTATIONS=200000 pytest -n 2 tests/crdt/test_records_hostile.py`.
"""

from __future__ import annotations

import os
import random
import tracemalloc
import zlib

import pytest

from crdt import ForeignOp, Version
from crdt.binary import write_number
from crdt.record_messages import ADD, DROP, RecordOp, write_batch, write_inventory
from crdt.records import CHECKED_FROM, MAGIC, Records
from crdt.values import DEPTH_MAX, decode_value, encode_value
from tests.crdt.records_twin import Author, Twin, random_value
from tests.crdt.test_hostile import mutated
from tests.steps import steps

MUTATIONS = int(os.environ.get("CRDT_MUTATIONS", "1000"))
BLOCK = 1000
blocks = pytest.mark.parametrize("block", range(max(1, MUTATIONS // BLOCK)))

HEAD = bytes([0]) + (5).to_bytes(8, "big")
"""A batch of site 5 up to its start."""

NAMES = [bytes([97 + number // 100, 20 + number % 100]) for number in range(1_000)]
"""Short names."""


def history(seed: int) -> list[Records]:
    """Three replicas with a common past and work of their own."""
    rng = random.Random(seed)
    twin = Twin()
    people = [Author(site, twin) for site in (1, 2**40, 3)]
    for step in range(60):
        rng.choice(people).act(rng)
        if step % 20 == 10:
            for one in people:
                for other in people:
                    one.records.integrate(other.records.changes_since(one.records.version))
    return [person.records for person in people]


def state(records: Records) -> tuple[Version, bytes]:
    return records.version, records.encode()


@blocks
def test_mutated_messages_are_refused_or_make_sense(block: int) -> None:
    """After each mutated input the replica is sound, and if it was refused, nothing of it was applied."""
    refused = 0
    rng = random.Random(block)
    people = history(block)
    for number in range(BLOCK):
        if number % 20 == 0:
            target = Records.decode(people[0].encode(), site=77, early_bytes_max=10_000)
        sender = rng.choice(people[1:])
        if rng.random() < 0.3:
            message, _ = sender.changes_up_to(Version(), rng.choice([1, 40, 200]))
        else:
            message = sender.changes_since(rng.choice([Version(), target.version]))
        before = state(target)
        try:
            target.integrate(mutated(message, rng), revocable=rng.random() < 0.5)
        except ForeignOp:
            refused += 1
            assert state(target) == before, f"mutation {number}"
        if number % 10 == 0:
            target.check()
            use(target.encode())
    target.check()
    assert BLOCK > refused > BLOCK // 4


@blocks
def test_mutated_replicas_are_refused_and_forged_ones_make_sense(block: int) -> None:
    """With a wrong checksum always; with a right one the replica is refused, or sound."""
    data = history(block)[0].encode()
    rng = random.Random(block)
    refused = 0
    for _ in range(BLOCK // 2):
        changed = mutated(data, rng)
        if changed != data:
            with pytest.raises(ForeignOp):
                Records.decode(changed)
        try:
            use(sealed(mutated(data[CHECKED_FROM:], rng)))
        except ForeignOp:
            refused += 1
    assert BLOCK // 2 > refused > BLOCK // 8


def sealed(body: bytes) -> bytes:
    return MAGIC + zlib.crc32(body).to_bytes(4, "big") + body


def use(data: bytes) -> None:
    """Open a replica and use it."""
    records = Records.decode(data, site=78)
    records.check()
    for key in list(records.keys()):
        records.get(key)
    for site, name in records.lists():
        records.items(name, site)
    records.put("k", 1)
    records.drop("k")
    records.digest()
    other = Records(site=79)
    other.integrate(records.changes_since(Version()))
    assert other.version == records.version
    other.check()


@blocks
def test_mutated_values_are_refused_or_are_values(block: int) -> None:
    """What is read is written as the same bytes: a value has one form."""
    rng = random.Random(block)
    refused = 0
    for _ in range(BLOCK):
        value = [random_value(rng) for _ in range(3)]
        data = encode_value(value)
        assert decode_value(data) == value
        changed = mutated(data, rng)
        try:
            assert encode_value(decode_value(changed)) == changed
        except ForeignOp:
            refused += 1
    assert refused > BLOCK // 4


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "early"),
        (b"\0\0", "bytes after a value"),
        (b"\x0a", "a value of kind 10"),
        (b"\x03\x80\x00", "longer than it needs to be"),
        (b"\x05\x7f\xf8\0\0\0\0\0\1", "a NaN of another form"),
        (b"\x06\1\xff", "not UTF-8"),
        (b"\x08\xff\xff\xff\xff\x7f", "above"),
        (b"\x09\2\1b\0\1a\0", "not in order"),
        (b"\x09\2\1a\0\1a\0", "not in order"),
        (b"\x08\1" * (DEPTH_MAX + 1) + b"\0", "in each other"),
        (b"\x08\1" * 50_000 + b"\0", "in each other"),
        (b"\x09\1\1k" * 20_000 + b"\0", "in each other"),
    ],
)
def test_what_is_no_value_is_refused(value: bytes, reason: str) -> None:
    with pytest.raises(ForeignOp, match=reason):
        decode_value(value)
    body = bytearray()
    write_number(body, len(value))
    with pytest.raises(ForeignOp):
        Records(site=1).integrate(HEAD + b"\0\1" + b"\0\1\2k" + bytes(body) + value)


@pytest.mark.parametrize(
    ("batch", "reason"),
    [
        (b"\4" + HEAD[1:] + b"\0", "a batch of shape 4"),
        (HEAD + b"\0\0", "an empty batch"),
        (HEAD + b"\0\1\3\1\2k\0", "a record of verb 3"),
        (HEAD + b"\0\1\0\1\0\1\0", "without a name"),
        (HEAD + b"\0\1\0\1\1\1\0", "a name of 0 bytes"),
        (HEAD + b"\0\1\0\1\x82\4" + b"k" * 513 + b"\1\0", "a name of 513 bytes"),
        (HEAD + b"\0\1\0\1\2k\x81\x80\4" + bytes(65_537), "a record of 65537 bytes"),
        (HEAD + b"\0\1\1\1\2k\x81\x80\x10" + bytes(262_145), "an item of 262145 bytes"),
        (HEAD + b"\0\1\x0b\1\2k\0", "a record of verb 3"),
        (HEAD + b"\0\1\4\0\1\2k\1\0", "a gap of nothing"),
        (HEAD + b"\xff\xff\xff\xff\xff\xff\xff\x0f\1\0\1\2k\1\0", "above"),
        (HEAD + b"\0\1\4\xff\xff\xff\xff\xff\xff\xff\x0f\1\2k\1\0", "above"),
        (HEAD + b"\0\2\0\xff\xff\xff\xff\xff\xff\xff\x0f\2k\1\0\0\1\0\1\0", "above"),
        (b"\2" + HEAD[1:] + b"\0\0\xff\xff\xff\xff\xff\xff\xff\x0f\0\1", "above"),
        (b"\2" + HEAD[1:] + b"\0\0\0\0\1", "an empty batch"),
        (b"\1" + HEAD[1:] + b"\5\5\1\0\6\1\0\1\2k\1\0", "runs that cannot be"),
        (b"\1" + HEAD[1:] + b"\5\5\1\0\0\1\0\1\2k\1\0", "runs that cannot be"),
        (b"\1" + HEAD[1:] + b"\5\5\2\0\1\0\1\1\0\1\2k\1\0", "runs that cannot be"),
        (b"\1" + HEAD[1:] + b"\0\2\0\1\0\1\2k\1\0", "a later drop"),
    ],
)
def test_what_is_no_batch_is_refused(batch: bytes, reason: str) -> None:
    records = Records(site=1)
    with pytest.raises(ForeignOp, match=reason):
        records.integrate(batch)
    assert state(records) == state(Records(site=1))


def test_clocks_from_far_ahead_take_no_memory() -> None:
    """Gaps and runs of 2^52 clocks are a few bytes, here and there."""
    far = b"\xff\xff\xff\xff\xff\xff\xff\7"
    tracemalloc.start()
    records = Records(site=1)
    records.integrate(b"\3" + HEAD[1:] + far + far + b"\1\1\x80\x80\x80\x80\4" + b"\1\0\1\2k\1\0" + b"\0\0\0")
    assert records.waiting
    records.integrate(HEAD + b"\0\1\4" + far + b"\1\2k\1\0")
    assert records.version[5] == 2**52
    records.check()
    assert len(records.encode()) < 60
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


MANY = 2_000


def of_one_site(first: bytes, each: list[bytes]) -> bytes:
    out = bytearray(HEAD + b"\0")
    write_number(out, 1 + len(each))
    return bytes(out) + first + b"".join(each)


@pytest.mark.parametrize(
    ("message", "times"),
    [
        (of_one_site(b"\x09\1\2k\0", [b"\x09\0\0\0"] * MANY), 60),
        (of_one_site(b"\0\1\2k\1\0", [b"\0\1\0\1\0"] * MANY), 60),
        (of_one_site(b"\0\1\2k\1\0", [b"\2\1\0"] * MANY), 80),
        (of_one_site(b"\0\1\2k\1\0", [b"\0\1\3%s\1\0" % name for name in NAMES]), 120),
        (of_one_site(b"\1\1\2k\1\0", [b"\1\1\3%s\1\0" % name for name in NAMES]), 120),
        (b"".join([b"\0" + site.to_bytes(8, "big") + b"\0\1\0\1\2k\1\0" for site in range(2, MANY)]), 120),
    ],
    ids=["items", "puts of one key", "drops", "keys", "lists", "sites"],
)
def test_memory_is_bounded_by_the_length(message: bytes, times: int) -> None:
    """Tiny records are the worst: what they are made of takes more than what they say."""
    records = Records(site=1)
    tracemalloc.start()
    records.integrate(message)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(peak / len(message))
    assert peak < times * len(message), peak / len(message)


def batch(start: int, verbs: list[int], inventory: bytes = b"", rest: int = 0) -> bytes:
    """Records of site 5 in the list "k"."""
    out = bytearray()
    made = [RecordOp(5, start + at, 1, verb, 0, "k", b"\0") for at, verb in enumerate(verbs)]
    end = start + len(made) + rest
    write_batch(out, 5, start, end, 1, end, made, inventory)
    return bytes(out)


def test_repeated_snapshots_and_drops_take_no_square_of_time() -> None:
    """Small batches about a site with many records: none of them looks at all of these."""
    records = Records(site=1)
    drops = batch(0, [DROP] * 300)
    records.integrate(drops + batch(300, [ADD] * MANY))
    left = [RecordOp(5, clock, 1, ADD, 0, "k", b"\0") for clock in range(300, 300 + MANY)]
    known = batch(300 + MANY - 1, [ADD], write_inventory(300, left[:-1]))
    snapshots = [batch(300 + MANY + number, [], write_inventory(300, left), rest=1) for number in range(300)]
    assert steps(records.integrate, known * 300)[0] < 300 * 800
    assert steps(records.integrate, b"".join(snapshots))[0] < 300 * 800
    assert len(records.items("k", 5)) == MANY
    again = batch(0, [*[DROP] * 300, *[ADD] * MANY], rest=301)
    assert steps(records.integrate, again)[0] < (300 + MANY) * 200
    assert records.version[5] == 601 + MANY and len(records.items("k", 5)) == MANY
    records.check()


def test_another_format_is_refused_and_a_newer_one_is_told() -> None:
    data = Records(site=1).encode()
    newer = b"jpr2" + data[4:]
    assert Records.is_newer(newer) and not Records.is_newer(data) and not Records.is_newer(b"jpt3")
    for other in (newer, b"", b"jpr1", data[:-1], b"jpt3" + data[4:]):
        with pytest.raises(ForeignOp):
            Records.decode(other)
