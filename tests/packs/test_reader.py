"""Numbers in packs are those of the replicated text, read by another reader."""

from __future__ import annotations

import contextlib
import random

from crdt import binary
from crdt.errors import ForeignOp
from jpterm_like.packs import reader


def read_by_text(data: bytes, limit: int) -> int | None:
    with contextlib.suppress(ForeignOp):
        return binary.Reader(data).number(limit)
    return None


def read_by_packs(data: bytes, limit: int) -> int | None:
    with contextlib.suppress(reader.Malformed):
        return reader.Reader(data).number(limit)
    return None


def test_both_readers_read_and_refuse_the_same() -> None:
    chance = random.Random(1)
    accepted = 0
    for _ in range(20_000):
        out, other = bytearray(), bytearray()
        value = chance.randrange(1 << chance.randint(1, 53))
        reader.write_number(out, value)
        binary.write_number(other, value)
        assert out == other
        limit = chance.choice([binary.NUMBER_MAX, 300])
        foreign = bytes(chance.choice([0, 1, 127, 128, 255]) for _ in range(chance.randrange(11)))
        for data in (bytes(out), bytes(out[:-1]), foreign):
            found = read_by_packs(data, limit)
            assert found == read_by_text(data, limit), data
            accepted += found is not None
    assert 10_000 < accepted < 50_000
