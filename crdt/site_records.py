"""What one site has written, as far as it is still there.

It follows from the site's operations alone, whatever other sites did. So two replicas that have a site up to the same
clock have the same of it, and a part of it can replace an older one (see `apply`).
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from typing import Final

from crdt.errors import Contradiction, ForeignOp
from crdt.ids import DIGEST_BYTES
from crdt.record_index import RecordIndex
from crdt.record_messages import ADD, DROP, PUT, Batch, RecordOp, Slot, write_batch, write_inventory

GONE_MIN: Final = 32
"""Records that are gone are swept once they are more than the others, and more than this."""

INVENTORY_SHARE: Final = 4
"""A part of a snapshot is at least this many times as long as its inventory, so that many parts are not mostly that."""

RECORD_BYTES: Final = 16
"""What a record takes beside its name and body, at most about so much."""

NO_LIMIT: Final = 2**53


class SiteRecords:
    """The records of one site."""

    __slots__ = (
        "_digest",
        "_gone",
        "_index",
        "_records",
        "clock",
        "dropped",
        "id",
        "known_to",
        "lists",
        "number",
        "puts",
    )

    def __init__(self, site: int, index: RecordIndex) -> None:
        self.id: Final = site
        self._index: Final = index
        self.clock = 0
        """The next one."""
        self.known_to = 0
        """At least `clock`. If it is more, this came in parts and the last one is still missing: some records that were
        there at `clock` are left out, because a later one, which is not here yet, replaces them."""
        self.number = 0
        """The Lamport number of the latest operation."""
        self.dropped = 0
        """The clock after the latest DROP. A reader who has less is told what is left, and one who has more need not be."""
        self._records: list[RecordOp] = []
        """In the order of their clocks, with some that are gone."""
        self._gone = 0
        self.puts: Final[dict[Slot, RecordOp]] = {}
        self.lists: Final[dict[Slot, list[RecordOp]]] = {}
        self._digest: bytes | None = None

    @property
    def is_whole(self) -> bool:
        return self.known_to == self.clock

    # Reading

    def find(self, clock: int) -> RecordOp | None:
        """Return the record of a clock; None if it is gone or unknown. O(log n)."""
        records = self._records
        at = bisect_left(records, clock, key=_clock_of)
        if at < len(records) and records[at].clock == clock and not records[at].gone:
            return records[at]
        return None

    def between(self, start: int, end: int) -> list[RecordOp]:
        """Return the records from one clock to another. O(log n + those)."""
        records = self._records
        low = bisect_left(records, start, key=_clock_of)
        high = bisect_left(records, end, key=_clock_of)
        return [record for record in records[low:high] if not record.gone]

    def digest(self) -> bytes:
        """Return a digest of everything here. O(its size) after a change."""
        digest = self._digest
        if digest is None:
            out = bytearray()
            self.write(out, 0)
            digest = self._digest = hashlib.blake2b(out, digest_size=DIGEST_BYTES).digest()
        return digest

    # Writing

    def write(self, out: bytearray, start: int, limit_bytes: int = NO_LIMIT) -> int:
        """Append a batch with what a reader who has everything up to `start` lacks, of about `limit_bytes`, and return the
        clock that it leads to. At least one record is in it."""
        inventory = b""
        if start < self.dropped:
            inventory = write_inventory(self.dropped, self.between(0, start))
        left = max(limit_bytes, INVENTORY_SHARE * len(inventory))
        records = self._records
        found: list[RecordOp] = []
        end, number = self.clock, self.number
        for at in range(bisect_left(records, start, key=_clock_of), len(records)):
            record = records[at]
            if record.gone:
                continue
            left -= RECORD_BYTES + len(record.name) + len(record.body)
            if left < 0 and found:
                end, number = found[-1].clock + 1, found[-1].number
                break
            found.append(record)
        write_batch(out, self.id, start, end, number, self.known_to, found, inventory)
        return end

    def write_newest(self, out: bytearray, start: int, drops: list[RecordOp]) -> None:
        """Append a batch with everything since `start`, where `drops` are all DROPs since."""
        found = self.between(start, self.clock) + drops
        found.sort(key=_clock_of)
        write_batch(out, self.id, start, self.clock, self.number, self.known_to, found, b"")

    # Changing

    def append(self, record: RecordOp) -> None:
        """Apply the next operation of this site."""
        self._digest = None
        slot = (record.kind, record.name)
        if record.verb == DROP:
            self.dropped = max(self.dropped, record.clock + 1)
            self._drop(slot)
        elif record.verb == PUT:
            before = self.puts.get(slot)
            self.puts[slot] = record
            self._records.append(record)
            if before is not None:
                before.gone = True
                self._gone += 1
                self._index.remove_put(slot, before)
            self._index.add_put(slot, record)
        else:
            items = self.lists.get(slot)
            if items is None:
                self.lists[slot] = [record]
            else:
                items.append(record)
            self._records.append(record)
            self._index.list_changed(slot, self.id, True)
        self.clock = record.clock + 1
        self.known_to = max(self.known_to, self.clock)
        self.number = max(self.number, record.number)
        self._sweep()

    def apply(self, batch: Batch) -> None:
        """Take in a batch that starts at our clock or before, and ends after it.

        It tells what of the clocks up to its end was still there when its writer knew this site up to `known_to`. What it
        leaves out is gone: replaced by a record that is in it or in a later part, and in a snapshot also dropped. What is
        gone never comes back, so batches may come in any order, from anybody.
        """
        known = self.clock
        if batch.snapshot:
            self._remove(self._left_out(batch, known))
        for record in batch.records:
            if record.clock >= known:
                self.append(record)
        self._digest = None
        self.clock = batch.end
        self.known_to = max(self.known_to, batch.known_to)
        self.number = max(self.number, batch.number)
        self.dropped = max(self.dropped, batch.dropped)
        self._sweep()

    def _left_out(self, batch: Batch, end: int) -> list[RecordOp]:
        """Return the records before `end` that a batch says are gone. O(log n) for each run of its inventory, plus those,
        plus the records between its start and `end`."""
        found: list[RecordOp] = []
        if batch.snapshot:
            told = 0
            for start, stop in zip(batch.run_starts, batch.run_ends):
                found += self.between(told, start)
                told = stop
            found += self.between(told, batch.start)
        if batch.start < end:
            clocks = {record.clock for record in batch.records}
            found += [record for record in self.between(batch.start, end) if record.clock not in clocks]
        return found

    def _drop(self, slot: Slot) -> None:
        """Remove what was written under a name."""
        put = self.puts.get(slot)
        gone = list(self.lists.get(slot, ()))
        if put is not None:
            gone.append(put)
        self._remove(gone)

    def _remove(self, gone: list[RecordOp]) -> None:
        lists: set[Slot] = set()
        for record in gone:
            slot = (record.kind, record.name)
            record.gone = True
            if record.verb == PUT:
                del self.puts[slot]
                self._index.remove_put(slot, record)
            else:
                lists.add(slot)
        self._gone += len(gone)
        for slot in lists:
            left = [record for record in self.lists[slot] if not record.gone]
            if left:
                self.lists[slot] = left
            else:
                del self.lists[slot]
            self._index.list_changed(slot, self.id, bool(left))

    def _sweep(self) -> None:
        """Free the records that are gone, if they are many. Amortised O(1)."""
        if self._gone > GONE_MIN and 2 * self._gone > len(self._records):
            self._records = [record for record in self._records if not record.gone]
            self._gone = 0

    # Validating

    def validate(self, batch: Batch, clock: int, number: int, earlier: dict[int, RecordOp]) -> None:
        """Raise if a batch that starts at `clock` or before cannot be of this site.

        `clock` and `number` are those that this site will have before the batch, and `earlier` are the records that come
        before it in the same message. O(log n) for each known record and each run of an inventory.

        Raises:
            ForeignOp: its numbers descend.
            Contradiction: it tells something else of a clock that is known here.
        """
        if batch.end > clock and batch.number < number:
            raise ForeignOp("numbers of one site that descend")
        for record in batch.records:
            if record.clock >= clock:
                if record.number < number:
                    raise ForeignOp("numbers of one site that descend")
                break
            mine = earlier.get(record.clock) if record.clock >= self.clock else self.find(record.clock)
            if mine is not None and not mine.equals(record):
                raise Contradiction("a record is known here with other content")
        if not self.is_whole or clock != self.clock:
            return
        if batch.known_to <= clock and self._left_out(batch, batch.end):
            # All that was gone for its writer is gone here.
            raise Contradiction("a record that is here was never written")
        if batch.snapshot and batch.known_to >= clock:
            # All that is there for its writer was written before, and is here. The ends of the runs are looked at.
            for start, end in zip(batch.run_starts, batch.run_ends):
                if self.find(start) is None or self.find(end - 1) is None:
                    raise Contradiction("a record that is gone is told to be there")

    # Validator

    def check(self) -> None:
        """Assert every invariant. O(n log n)."""
        # Clocks ascend, numbers do not descend, and both are below those of the site.
        clocks = [record.clock for record in self._records]
        numbers = [record.number for record in self._records]
        assert clocks == sorted(set(clocks)) and numbers == sorted(numbers)
        assert not clocks or (clocks[-1] < self.clock and numbers[-1] <= self.number)
        assert self.clock <= self.known_to and self.dropped <= self.known_to
        # Each record is under its name, and in the index.
        there = [record for record in self._records if not record.gone]
        assert self._gone == len(self._records) - len(there)
        assert self.puts == {(each.kind, each.name): each for each in there if each.verb == PUT}
        for slot, put in self.puts.items():
            assert put in self._index.puts[slot]
        lists: dict[Slot, list[RecordOp]] = {}
        for record in there:
            assert record.site == self.id and record.verb != DROP
            if record.verb == ADD:
                lists.setdefault((record.kind, record.name), []).append(record)
        assert self.lists == lists
        for slot in lists:
            assert self.id in self._index.lists[slot]


def _clock_of(record: RecordOp) -> int:
    return record.clock
