"""The message format of records: what sites wrote, as bytes. Knows nothing of what a replica has.

A message is a sequence of batches, so two messages joined are a message. A batch tells what one site wrote with the
clocks from `start` to `end`, as far as it is still there:

    shape, site (8 bytes), start
        if shape has SNAPSHOT    `dropped`; how many runs, then for each the clocks left out before it and its length: the
                                 clocks below `start` whose records are still there
    how many items, then each
        kind × 8 + gap × 4 + verb
        if gap                   how many clocks before this one are gone
        by how much its number is above that of the item before (the first: above 0)
        name                     0: that of the item before; else bytes + 1, and UTF-8
        if not DROP              length, body
    if shape has REST            how many clocks after the last item are gone, by how much the site's number is above that of
                                 the last item, and how far the writer of the batch knew what is gone beyond `end`

A clock that is gone was a record that its site has replaced or dropped since, or a DROP.

    PUT     replaces what this site put under this kind and name before
    ADD     goes to the end of this site's list of this kind and name
    DROP    removes what this site put and added under this kind and name

Kind 0 are the records of this release, and their bodies are values (`values.py`). Other kinds follow the same three
verbs, so a release that does not know a kind keeps, shortens and passes on its records all the same.
"""

from __future__ import annotations

from typing import Final

from crdt.binary import NUMBER_MAX, Reader, decode_text, encode_text, write_bytes, write_number, write_site
from crdt.errors import ForeignOp
from crdt.values import decode_value

SNAPSHOT: Final = 1
REST: Final = 2
"""Bits of a batch's shape."""

PUT: Final = 0
ADD: Final = 1
DROP: Final = 2

VERB_MASK: Final = 3
GAP: Final = 4
KIND_SHIFT: Final = 3

PLAIN: Final = 0
"""The kind of record that this release writes and reads."""

KIND_MAX: Final = 2**16 - 1

NAME_BYTES_MAX: Final = 512
"""Limit for a key or the name of a list in UTF-8. Ids of documents and paths within them are far below."""

PUT_BYTES_MAX: Final = 64 * 1024
"""Limit for what is put: it is replaced as a whole, so it should be small."""

ITEM_BYTES_MAX: Final = 256 * 1024
"""Limit for an item of a list: a part of a longer output, or a small picture. Longer things belong beside the records."""

Slot = tuple[int, str]
"""A kind and a name."""


class RecordOp:
    """One operation of a site: a PUT, an ADD or a DROP."""

    __slots__ = ("body", "clock", "gone", "kind", "name", "number", "site", "verb")

    def __init__(
        self, site: int, clock: int, number: int, verb: int, kind: int, name: str, body: bytes
    ) -> None:
        self.site: Final = site
        self.clock: Final = clock
        self.number: Final = number
        """The Lamport number: higher than that of every record that its site had seen."""
        self.verb: Final = verb
        self.kind: Final = kind
        self.name: Final = name
        self.body: Final = body
        self.gone = False
        """True once its site has replaced or dropped it."""

    def equals(self, other: RecordOp) -> bool:
        return (
            self.body == other.body
            and self.name == other.name
            and self.number == other.number
            and self.verb == other.verb
            and self.kind == other.kind
        )


class Batch:
    """The operations of a site from clock `start` to `end` (not included), without those that were dropped since."""

    __slots__ = (
        "dropped",
        "end",
        "known_to",
        "number",
        "records",
        "run_ends",
        "run_starts",
        "site",
        "size_bytes",
        "snapshot",
        "start",
    )

    def __init__(
        self,
        site: int,
        start: int,
        end: int,
        number: int,
        known_to: int,
        records: list[RecordOp],
        size_bytes: int,
        snapshot: bool,
        dropped: int,
        run_starts: list[int],
        run_ends: list[int],
    ) -> None:
        self.site: Final = site
        self.start: Final = start
        self.end: Final = end
        self.number: Final = number
        """The site's number at the end."""
        self.known_to: Final = known_to
        """The batch tells the records that were there at this clock."""
        self.records: Final = records
        self.size_bytes: Final = size_bytes
        self.snapshot: Final = snapshot
        self.dropped: Final = dropped
        """In a snapshot, the clock after the site's last DROP; else 0."""
        self.run_starts: Final = run_starts
        self.run_ends: Final = run_ends
        """In a snapshot, the clocks below `start` whose records are still there."""


def name_problem(length: int) -> str:
    """Return what is wrong with a name of so many bytes; "" if nothing is."""
    return "" if 0 < length <= NAME_BYTES_MAX else f"a name of {length} bytes"


def body_problem(verb: int, length: int) -> str:
    """Return what is wrong with a body of so many bytes; "" if nothing is."""
    if length <= (ITEM_BYTES_MAX if verb == ADD else PUT_BYTES_MAX):
        return ""
    return f"an item of {length} bytes" if verb == ADD else f"a record of {length} bytes"


def write_batch(
    out: bytearray,
    site: int,
    start: int,
    end: int,
    number: int,
    known_to: int,
    records: list[RecordOp],
    inventory: bytes,
) -> None:
    """Append a batch; with an inventory as `write_inventory` made it, a snapshot."""
    last = start
    before = 0
    rest = bytearray()
    if records:
        last, before = records[-1].clock + 1, records[-1].number
    has_rest = last < end or before < number or known_to > end
    if has_rest:
        write_number(rest, end - last)
        write_number(rest, number - before)
        write_number(rest, known_to - end)
    out.append((SNAPSHOT if inventory else 0) | (REST if has_rest else 0))
    write_site(out, site)
    write_number(out, start)
    out += inventory
    write_number(out, len(records))
    clock, before, name = start, 0, ""
    for record in records:
        gap = record.clock - clock
        write_number(out, record.kind << KIND_SHIFT | (GAP if gap else 0) | record.verb)
        if gap:
            write_number(out, gap)
        write_number(out, record.number - before)
        if record.name == name:
            write_number(out, 0)
        else:
            name = record.name
            encoded = encode_text(name)
            write_number(out, len(encoded) + 1)
            out += encoded
        if record.verb != DROP:
            write_bytes(out, record.body)
        clock, before = record.clock + 1, record.number
    out += rest


def write_inventory(dropped: int, records: list[RecordOp]) -> bytes:
    """Return the part of a snapshot that tells which earlier records are still there."""
    out = bytearray()
    runs = bytearray()
    count = length = 0
    begin = end = told = 0
    for record in records:
        clock = record.clock
        if length and clock == end:
            length += 1
            end += 1
            continue
        if length:
            write_number(runs, begin - told)
            write_number(runs, length)
            told = end
            count += 1
        begin, end, length = clock, clock + 1, 1
    if length:
        write_number(runs, begin - told)
        write_number(runs, length)
        count += 1
    write_number(out, dropped)
    write_number(out, count)
    return bytes(out + runs)


def read_message(data: bytes) -> list[Batch]:
    """Parse a whole message.

    Raises:
        ForeignOp: not a message. Time and memory stay within a small multiple of the length of `data`.
    """
    reader = Reader(data)
    batches: list[Batch] = []
    while not reader.at_end():
        batches.append(_read_batch(reader))
    return batches


def _read_batch(reader: Reader) -> Batch:
    begin = reader.position
    shape = reader.number()
    if shape > SNAPSHOT | REST:
        raise ForeignOp(f"a batch of shape {shape}")
    site = reader.site()
    start = reader.number()
    dropped = 0
    run_starts: list[int] = []
    run_ends: list[int] = []
    if shape & SNAPSHOT:
        dropped = reader.number()
        last = 0
        for at in range(reader.number(reader.end - reader.position)):
            gap = reader.number()
            length = reader.number()
            if not length or (at and not gap) or last + gap + length > start:
                raise ForeignOp("a snapshot with runs that cannot be")
            run_starts.append(last + gap)
            last += gap + length
            run_ends.append(last)
    clock = start
    number = 0
    name = ""
    records: list[RecordOp] = []
    for _ in range(reader.number(reader.end - reader.position)):
        head = reader.number(KIND_MAX << KIND_SHIFT | GAP | VERB_MASK)
        verb, kind = head & VERB_MASK, head >> KIND_SHIFT
        if head & GAP:
            gap = reader.number()
            if not gap:
                raise ForeignOp("a gap of nothing")
            clock += gap
        number += reader.number()
        if clock >= NUMBER_MAX or number > NUMBER_MAX:
            raise ForeignOp(f"clock {clock} or number {number} above {NUMBER_MAX}")
        length = reader.number()
        if length:
            _refuse(name_problem(length - 1))
            name = decode_text(reader.exactly(length - 1))
        elif not name:
            raise ForeignOp("a record without a name")
        body = b""
        if verb in (PUT, ADD):
            length = reader.number()
            _refuse(body_problem(verb, length))
            body = reader.exactly(length)
            if kind == PLAIN:
                decode_value(body)
        elif verb != DROP:
            raise ForeignOp(f"a record of verb {verb}")
        records.append(RecordOp(site, clock, number, verb, kind, name, body))
        clock += 1
    known_to = clock
    if shape & REST:
        clock += reader.number()
        number += reader.number()
        known_to = clock + reader.number()
        if known_to > NUMBER_MAX or number > NUMBER_MAX:
            raise ForeignOp(f"clock {known_to} or number {number} above {NUMBER_MAX}")
    if clock == start:
        raise ForeignOp("an empty batch")
    if dropped > known_to:
        raise ForeignOp("a snapshot that knows of a later drop")
    size_bytes = reader.position - begin
    return Batch(
        site,
        start,
        clock,
        number,
        known_to,
        records,
        size_bytes,
        shape & SNAPSHOT > 0,
        dropped,
        run_starts,
        run_ends,
    )


def _refuse(problem: str) -> None:
    if problem:
        raise ForeignOp(problem)
