"""`Records`: a replica of small records that each site writes alone. The second kind of replica, beside the text.

>>> from crdt.records import Records
>>> ann, bob = Records(site=1), Records(site=2)
>>> _ = ann.put("colour", "red")
>>> _ = ann.add("log", {"said": "hello"})
>>> bob.integrate(ann.changes_since(bob.version))
RecordsPatch(keys=('colour',), lists=((1, 'log'),))
>>> bob.get("colour"), bob.items("log", 1)
('red', [{'said': 'hello'}])

The replica knows nothing of what is in the records. It does not import the text, nor is it imported by it.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from typing import Final, NamedTuple, Self

from crdt.binary import NUMBER_MAX, encode_text
from crdt.early_records import EARLY_BYTES_MAX, EarlyRecords
from crdt.errors import Contradiction, ForeignOp, Irrevocable
from crdt.ids import DIGEST_BYTES, checked_site, fresh_site
from crdt.record_index import RecordIndex, order_of
from crdt.record_messages import (
    ADD,
    DROP,
    PLAIN,
    PUT,
    Batch,
    RecordOp,
    body_problem,
    name_problem,
    read_message,
)
from crdt.site_records import SiteRecords
from crdt.values import Value, decode_value, encode_value
from crdt.version import Version

MAGIC: Final = b"jpr1"
"""First bytes of an encoded replica; the last of them is the version of the format, a digit."""

CHECKED_FROM: Final = len(MAGIC) + 4

NUMBER_STEP_MAX: Final = 2**26
"""Most that users other than owners may be ahead of all Lamport numbers known. Nobody makes so many records unseen, and to
reach the highest number, where later writers no longer win, takes 2^27 such steps."""


class Entry(NamedTuple):
    """A record as a site put or added it."""

    value: Value
    number: int
    """The Lamport number: higher than that of every record that the site had seen."""
    site: int
    clock: int


class RecordsPatch(NamedTuple):
    """What changed, in order."""

    keys: tuple[str, ...]
    """The keys that have another entry now, or none."""
    lists: tuple[tuple[int, str], ...]
    """The lists to which something was added or that were dropped: site and name."""


class Records:
    """One replica. `put`, `add` and `drop` are what I did, `integrate` is what others did; all return what changed."""

    def __init__(self, *, site: int | None = None, early_bytes_max: int = EARLY_BYTES_MAX) -> None:
        """Create a replica without records.

        By default this opening gets 64 random bits as its site; `site` and `early_bytes_max` are for tests.
        """
        self.site: Final = fresh_site() if site is None else checked_site(site)
        self._index: Final = RecordIndex()
        self._own: Final = SiteRecords(self.site, self._index)
        self._sites: Final[dict[int, SiteRecords]] = {self.site: self._own}
        self._early: Final = EarlyRecords(early_bytes_max)
        self._number = 0
        """The highest Lamport number here."""
        self._sent = 0
        """My clock at the last `take_changes`."""
        self._drops: Final[list[RecordOp]] = []
        """My DROPs since then."""
        self._version: Version | None = Version()
        self._changed_sites: Final[set[int]] = set()
        """The sites that have new records since `_version` was computed."""
        self._repeated: Version | None = None

    # Creating

    @classmethod
    def decode(cls, data: bytes, *, site: int | None = None, early_bytes_max: int = EARLY_BYTES_MAX) -> Self:
        """Return the replica that `encode` wrote, as a new opening with its own site. O(records).

        Raises:
            ForeignOp: `data` is not an encoded replica, or is damaged.
        """
        if data[: len(MAGIC)] != MAGIC or len(data) < CHECKED_FROM:
            raise ForeignOp("not a replica of records")
        if zlib.crc32(memoryview(data)[CHECKED_FROM:]) != int.from_bytes(
            data[len(MAGIC) : CHECKED_FROM], "big"
        ):
            raise ForeignOp("a damaged replica of records")
        batches = read_message(data[CHECKED_FROM:])
        last = -1
        for batch in batches:
            if batch.start or batch.site <= last:
                raise ForeignOp("a replica whose sites are not in order")
            last = batch.site
            if batch.site == site:
                raise ValueError(f"site {site} is in the replica")
        self = cls(site=site, early_bytes_max=early_bytes_max)
        for batch in batches:
            self._apply(batch)
        return self

    @staticmethod
    def is_newer(data: bytes) -> bool:
        """Return whether a newer release encoded this replica. `decode` refuses such bytes like damaged ones, although
        they are intact."""
        digit = data[len(MAGIC) - 1 : len(MAGIC)]
        return data[: len(MAGIC) - 1] == MAGIC[:-1] and digit.isdigit() and digit > MAGIC[-1:]

    def encode(self) -> bytes:
        """Return the whole replica, early batches excepted. Replicas with the same records give the same bytes. O(records)."""
        body = bytearray()
        for site in self._in_order():
            site.write(body, 0)
        return MAGIC + zlib.crc32(body).to_bytes(4, "big") + bytes(body)

    # Reading

    @property
    def version(self) -> Version:
        """For each site, its next clock. Early batches do not count."""
        version = self._version
        if version is None:
            version = self._version = Version()
        if self._changed_sites:
            clocks = {number: self._sites[number].clock for number in self._changed_sites}
            version = self._version = version.moved(clocks)
            self._changed_sites.clear()
        return version

    def digest(self) -> bytes:
        """Return the BLAKE2b of all records, 16 bytes; b"" while a site is here only in part. Replicas with equal versions
        have equal digests, as far as they have any. O(records of the sites that changed, plus sites)."""
        digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
        for site in self._in_order():
            if not site.is_whole:
                return b""
            digest.update(site.digest())
        return digest.digest()

    def get(self, key: str) -> Value:
        """Return the value of a key; None if nobody has put one. O(its size)."""
        record = self._index.latest((PLAIN, key))
        return None if record is None else decode_value(record.body)

    def entry(self, key: str) -> Entry | None:
        """Return what was put under a key: of several sites, the highest number, then the highest site."""
        record = self._index.latest((PLAIN, key))
        return None if record is None else _entry(record)

    def keys(self) -> list[str]:
        """Return all keys, in order. O(keys log keys)."""
        return sorted([name for kind, name in self._index.puts if kind == PLAIN])

    def items(self, name: str, site: int) -> list[Value]:
        """Return what a site has added to its list of a name, in order."""
        return [entry.value for entry in self.entries(name, site)]

    def entries(self, name: str, site: int, since: int = 0) -> list[Entry]:
        """Return the same as entries, from clock `since` on. O(those, plus log n)."""
        known = self._sites.get(site)
        records = known.lists.get((PLAIN, name), []) if known is not None else []
        low, high = 0, len(records)
        while low < high:
            middle = (low + high) // 2
            if records[middle].clock < since:
                low = middle + 1
            else:
                high = middle
        return [_entry(record) for record in records[low:]]

    def lists(self) -> list[tuple[int, str]]:
        """Return all lists, each as the site that began it and its name, in the order of names. O(lists log lists)."""
        names = sorted([name for kind, name in self._index.lists if kind == PLAIN])
        return [(site, name) for name in names for site in self.writers(name)]

    def writers(self, name: str) -> list[int]:
        """Return the sites that have a list of a name, in the order in which they began it."""
        slot = (PLAIN, name)
        sites = self._index.lists.get(slot, set())
        firsts = sorted([self._sites[site].lists[slot][0] for site in sites], key=order_of)
        return [record.site for record in firsts]

    # Writing

    def put(self, key: str, value: Value) -> RecordsPatch:
        """Put a value under a key, for all sites: it is theirs as well until somebody puts another. O(log sites).

        Raises:
            ValueError: the key or the value is too long, or cannot be encoded.
        """
        return self._write(PUT, key, encode_value(value))

    def add(self, name: str, item: Value) -> RecordsPatch:
        """Add an item to the end of my list of a name. A list is written by one site; others have lists of that name of
        their own. O(1).

        Raises:
            ValueError: the name or the item is too long, or cannot be encoded.
        """
        return self._write(ADD, name, encode_value(item))

    def drop(self, name: str) -> RecordsPatch:
        """Remove what I put under a key, and my list of that name. What another site put there before counts again."""
        slot = (PLAIN, name)
        if slot not in self._own.puts and slot not in self._own.lists:
            return RecordsPatch((), ())
        return self._write(DROP, name, b"")

    def _write(self, verb: int, name: str, body: bytes) -> RecordsPatch:
        problem = name_problem(len(encode_text(name))) or body_problem(verb, len(body))
        if problem:
            raise ValueError(problem)
        own = self._own
        self._number = min(NUMBER_MAX, self._number + 1)
        record = RecordOp(self.site, own.clock, self._number, verb, PLAIN, name, body)
        if verb == DROP:
            self._drops.append(record)
        self._index.begin()
        own.append(record)
        self._changed_sites.add(self.site)
        return self._patch()

    # Exchanging

    def integrate(
        self,
        data: bytes,
        *,
        revocable: bool = False,
        reserved: Mapping[int, int] | None = None,
        sender: int = 0,
    ) -> RecordsPatch:
        """Apply a message of another replica and return what changed.

        Known records are skipped. Those whose past is missing are kept, and appear in the patch of the call that brings
        their past. With `revocable`, Lamport numbers far above all others are refused. `reserved` maps sites to clocks:
        from that clock on, new records of such a site are refused unless `sender` is the site itself.

        Raises:
            ForeignOp: not a message, or a record contradicts one we have (same id, other content). Nothing of it was
                applied.
            Irrevocable: the same, for numbers more than `NUMBER_STEP_MAX` above all others.
        """
        batches = read_message(data)
        if reserved:
            self._check_sites(batches, reserved, sender)
        if revocable:
            self._check_numbers(batches)
        self._validate(batches)
        if any(batch.start < self._clock(batch.site) for batch in batches):
            self._repeated = self.version
        self._index.begin()
        moved: list[int] = []
        for batch in batches:
            clock = self._clock(batch.site)
            if batch.start > clock:
                self._early.keep(batch)
            elif batch.end > clock:
                self._apply(batch)
                moved.append(batch.site)
        if self._early:
            for number in moved:
                self._retry(number)
        return self._patch()

    def take_repeated(self) -> Version | None:
        """Return the version before the latest `integrate`, if its message had records that were here already; else None."""
        before, self._repeated = self._repeated, None
        return before

    def take_changes(self) -> bytes:
        """Return what I wrote since the last call, as a message; b"" if nothing. Send it after each change."""
        own = self._own
        if self._sent == own.clock:
            return b""
        out = bytearray()
        own.write_newest(out, self._sent, self._drops)
        self._sent = own.clock
        self._drops.clear()
        return bytes(out)

    def changes_since(self, version: Version) -> bytes:
        """Return what is missing from `version`, as one message; b"" if nothing."""
        out = bytearray()
        for site in self._in_order():
            start = version.get(site.id)
            if start < site.clock:
                site.write(out, start)
        return bytes(out)

    def changes_up_to(self, version: Version, limit_bytes: int) -> tuple[bytes, Version]:
        """Return the first part of `changes_since(version)`, of about `limit_bytes`, and the version it leads to.

        Call it again with that version for the next part; at the end `version == records.version`. A part has one record at
        least, and is as long as `INVENTORY_SHARE` inventories at least. O(sites log sites) and the length of the part.
        """
        out = bytearray()
        have: dict[int, int] = {}
        for site in self._in_order():
            start = version.get(site.id)
            while start < site.clock:
                part = bytearray()
                start = site.write(part, start, limit_bytes - len(out))
                if out and len(out) + len(part) > limit_bytes:
                    return bytes(out), version.moved(have)
                out += part
                have[site.id] = start
        return bytes(out), version.moved(have) if have else version

    def lacks(self, message: bytes) -> bool:
        """Return whether a message has records that the version does not count: their past is missing, or they were never
        integrated.

        Raises:
            ForeignOp: not a message.
        """
        return any(batch.end > self._clock(batch.site) for batch in read_message(message))

    @property
    def waiting(self) -> bool:
        """True while early records wait for their past."""
        return bool(self._early)

    # Inside

    def _in_order(self) -> list[SiteRecords]:
        """Return the sites that have written, by their ids."""
        return [self._sites[number] for number in sorted(self._sites) if self._sites[number].clock]

    def _clock(self, number: int) -> int:
        site = self._sites.get(number)
        return 0 if site is None else site.clock

    def _patch(self) -> RecordsPatch:
        keys, lists = self._index.finish()
        return RecordsPatch(keys, lists)

    def _apply(self, batch: Batch) -> None:
        site = self._sites.get(batch.site)
        if site is None:
            site = self._sites[batch.site] = SiteRecords(batch.site, self._index)
        site.apply(batch)
        self._number = max(self._number, batch.number)
        self._changed_sites.add(batch.site)

    def _retry(self, number: int) -> None:
        """Apply the early batches of a site whose past has arrived."""
        site = self._sites[number]
        while (batch := self._early.take(number, site.clock)) is not None:
            if batch.end <= site.clock:
                continue
            try:
                site.validate(batch, site.clock, site.number, {})
            except ForeignOp:
                # It could be validated only once its past was here; the message that brought the past stays valid.
                continue
            self._apply(batch)

    def _check_sites(self, batches: list[Batch], reserved: Mapping[int, int], sender: int) -> None:
        """Raise Contradiction if something is new and belongs to a reserved site other than the sender's."""
        for batch in batches:
            known = reserved.get(batch.site, -1)
            if 0 <= known < batch.known_to and batch.site != sender and batch.end > self._clock(batch.site):
                raise Contradiction("somebody else uses a reserved site")

    def _check_numbers(self, batches: list[Batch]) -> None:
        """Raise Irrevocable if a number is far above all others."""
        top = self._number
        for batch in batches:
            if batch.end <= self._clock(batch.site):
                continue
            for record in batch.records:
                if record.number > top + NUMBER_STEP_MAX:
                    raise Irrevocable(f"a number of {record.number} where {top} is the highest")
                top = max(top, record.number)
            if batch.number > top + NUMBER_STEP_MAX:
                raise Irrevocable(f"a number of {batch.number} where {top} is the highest")
            top = max(top, batch.number)

    def _validate(self, batches: list[Batch]) -> None:
        """Raise ForeignOp if a batch contradicts what is here or what comes before it in the message. Batches whose past is
        missing are validated when that is here."""
        states: dict[int, tuple[int, int, dict[int, RecordOp]]] = {}
        for batch in batches:
            site = self._sites.get(batch.site)
            if batch.site in states:
                clock, number, earlier = states[batch.site]
            else:
                clock, number, earlier = (site.clock, site.number, {}) if site is not None else (0, 0, {})
            if batch.start > clock:
                continue
            if site is self._own and batch.end > clock:
                raise Contradiction("somebody else writes under my site")
            if site is None:
                site = SiteRecords(batch.site, self._index)
            site.validate(batch, clock, number, earlier)
            if batch.end > clock:
                if len(batches) > 1:
                    earlier.update(
                        [(record.clock, record) for record in batch.records if record.clock >= site.clock]
                    )
                states[batch.site] = (batch.end, max(number, batch.number), earlier)

    # Validator

    def check(self) -> None:
        """Assert every invariant. O(n log n)."""
        assert self.version == Version({number: site.clock for number, site in self._sites.items()})
        count = lists = 0
        for number, site in self._sites.items():
            assert site.id == number
            site.check()
            assert site.number <= self._number
            count += len(site.puts)
            lists += len(site.lists)
        assert count == sum([len(puts) for puts in self._index.puts.values()])
        assert lists == sum([len(sites) for sites in self._index.lists.values()])
        for puts in self._index.puts.values():
            assert puts and puts == sorted(puts, key=order_of)
        assert len(self._drops) <= self._own.clock - self._sent


def _entry(record: RecordOp) -> Entry:
    return Entry(decode_value(record.body), record.number, record.site, record.clock)
