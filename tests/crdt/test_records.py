"""Records: small stories, and seeded networks beside the slow twin."""

from __future__ import annotations

import doctest
import itertools
import random
import subprocess
import sys
from pathlib import Path

import pytest

import crdt.records
from crdt import Contradiction, ForeignOp, Irrevocable, Version
from crdt.binary import NUMBER_MAX
from crdt.record_messages import (
    ADD,
    ITEM_BYTES_MAX,
    NAME_BYTES_MAX,
    PUT,
    PUT_BYTES_MAX,
    RecordOp,
    write_batch,
)
from crdt.records import NUMBER_STEP_MAX, Records, RecordsPatch
from crdt.values import DEPTH_MAX, Value, encode_value
from tests.crdt.records_twin import Author, Twin
from tests.steps import steps

ROOT = Path(__file__).parent.parent.parent


def exchange(*people: Records) -> None:
    """Exchange everything, and assert that all have the same."""
    for _ in range(2):
        for one, other in itertools.permutations(people, 2):
            one.integrate(other.changes_since(one.version))
    for one in people:
        one.check()
        assert one.version == people[0].version
        assert one.digest() == people[0].digest() != b""
        assert one.encode() == people[0].encode()


def message(site: int, start: int, *records: tuple[int, int, str, bytes], kind: int = 0) -> bytes:
    """Records (verb, number, name, body) of a site with consecutive clocks."""
    out = bytearray()
    made = [
        RecordOp(site, start + at, number, verb, kind, name, body)
        for at, (verb, number, name, body) in enumerate(records)
    ]
    write_batch(out, site, start, start + len(made), made[-1].number, start + len(made), made, b"")
    return bytes(out)


def three(site: int) -> tuple[Records, list[bytes]]:
    """A replica that put, added and dropped, with the message of each step."""
    records = Records(site=site)
    messages = []
    for _ in range(2):
        for act in (lambda: records.put("k", 1), lambda: records.add("l", 2), lambda: records.drop("l")):
            act()
            messages.append(records.take_changes())
    return records, messages


# Stories


def test_the_example_in_the_module() -> None:
    assert doctest.testmod(crdt.records).failed == 0


def test_the_last_who_put_wins() -> None:
    """Who has seen a value replaces it; of two who have not seen each other, the higher site wins everywhere."""
    ann, bob = Records(site=1), Records(site=2)
    bob.put("k", "bob")
    exchange(ann, bob)
    assert ann.put("k", "ann") == RecordsPatch(("k",), ())
    exchange(ann, bob)
    assert ann.get("k") == bob.get("k") == "ann"
    ann.put("k", "ann again")
    bob.put("k", "bob again")
    exchange(ann, bob)
    assert ann.get("k") == bob.get("k") == "bob again"
    ann.put("other", 0)
    ann.put("k", "later, for it has seen bob's")
    exchange(ann, bob)
    assert bob.entry("k") == ann.entry("k")
    assert bob.get("k") == "later, for it has seen bob's"


def test_what_loses_is_no_change() -> None:
    ann, bob = Records(site=1), Records(site=2)
    ann.put("k", "ann")
    bob.put("k", "bob")
    assert bob.integrate(ann.changes_since(bob.version)) == RecordsPatch((), ())
    assert ann.integrate(bob.changes_since(ann.version)) == RecordsPatch(("k",), ())


def test_a_list_belongs_to_the_site_that_began_it() -> None:
    """Two lists of one name stand side by side, in the order in which they were begun, and neither gets the other's items."""
    ann, bob = Records(site=9), Records(site=2)
    ann.add("log", "ann 1")
    bob.integrate(ann.changes_since(bob.version))
    bob.add("log", "bob 1")
    ann.add("log", "ann 2")
    exchange(ann, bob)
    assert ann.writers("log") == bob.writers("log") == [9, 2]
    assert bob.items("log", 9) == ["ann 1", "ann 2"] and ann.items("log", 2) == ["bob 1"]
    assert ann.items("log", 3) == ann.items("none", 9) == []


def test_what_is_dropped_leaves_nothing() -> None:
    """Neither here nor with those who come later; who has it is told, however the news comes."""
    ann, bob, eve = Records(site=1), Records(site=2), Records(site=3)
    empty = len(ann.encode())
    for number in range(50):
        ann.add("run/1/items", "x" * 100)
        ann.put(f"key {number}", number)
    exchange(ann, bob)
    eve.put("key 7", "eve")
    exchange(ann, eve)
    ann.take_changes()
    assert ann.drop("run/1/items") == RecordsPatch((), ((1, "run/1/items"),))
    bob.integrate(ann.take_changes())
    for number in range(50):
        ann.drop(f"key {number}")
    assert ann.drop("key 3") == RecordsPatch((), ())
    exchange(ann, bob, eve)
    assert bob.keys() == ["key 7"] and bob.get("key 7") == "eve" and bob.lists() == []
    assert len(ann.encode()) < empty + 60


def test_dropping_my_value_shows_the_one_of_another() -> None:
    ann, bob = Records(site=1), Records(site=2)
    ann.put("k", "ann")
    exchange(ann, bob)
    bob.put("k", "bob")
    exchange(ann, bob)
    assert bob.drop("k") == RecordsPatch(("k",), ())
    exchange(ann, bob)
    assert ann.get("k") == "ann"


def test_putting_often_keeps_one() -> None:
    """A progress bar that runs for days: memory, bytes, and what a newcomer gets stay flat."""
    ann, bob = Records(site=1), Records(site=2)
    for number in range(3000):
        ann.put("bar", number)
        bob.integrate(ann.take_changes())
        if number == 1000:
            size = len(ann.encode())
    assert len(bob.encode()) <= size + 4
    assert len(bob._sites[1]._records) < 100
    exchange(ann, bob)


def test_a_reader_gets_what_is_left_and_then_the_tail() -> None:
    """Many thousand dropped items cost nothing; one who has the rest gets clocks instead of items."""
    ann, bob = Records(site=1), Records(site=2)
    for number in range(400):
        ann.add("kept", "x" * 50)
        ann.add(f"run {number % 7}", "y" * 50)
    exchange(ann, bob)
    for number in range(6):
        ann.drop(f"run {number}")
    ann.add("kept", "the tail")
    news = ann.changes_since(bob.version)
    assert len(news) < 1000 < len(ann.changes_since(Version()))
    bob.integrate(news)
    assert bob.lists() == [(1, "kept"), (1, "run 6")]
    exchange(ann, bob, Records(site=3))


def test_my_changes_are_taken_once() -> None:
    ann, bob = Records(site=1), Records(site=2)
    assert ann.take_changes() == b""
    ann.put("k", 1)
    ann.put("k", 2)
    ann.add("l", 1)
    ann.drop("l")
    bob.integrate(ann.take_changes())
    assert ann.take_changes() == b""
    assert bob.version == ann.version and bob.encode() == ann.encode()
    assert bob.take_changes() == b""


def test_a_small_record_is_a_small_message() -> None:
    """A frame holds many, and a progress bar sends twenty a second."""
    ann = Records(site=2**64 - 1)
    ann.put("bar", 57)
    assert len(ann.take_changes()) == 20


def test_early_records_wait() -> None:
    ann, messages = three(1)
    for order in itertools.permutations(range(6)):
        bob = Records(site=2)
        for at in order:
            assert bob.lacks(messages[at]) or bob.version[1] > at
            bob.integrate(messages[at])
        assert not bob.waiting and not bob.lacks(messages[0])
        assert bob.encode() == ann.encode(), order
        bob.check()


def test_early_records_are_bounded() -> None:
    ann, bob = Records(site=1), Records(site=2, early_bytes_max=300)
    messages = []
    for number in range(50):
        ann.add("l", number)
        messages.append(ann.take_changes())
    for late in reversed(messages):
        bob.integrate(late)
    assert 0 < len(bob.items("l", 1)) < 30
    bob.integrate(ann.changes_since(bob.version))
    assert bob.encode() == ann.encode()


def test_what_was_repeated_is_told_once() -> None:
    ann, bob = Records(site=1), Records(site=2)
    ann.put("k", 1)
    first = ann.take_changes()
    bob.integrate(first)
    assert bob.take_repeated() is None
    ann.put("k", 2)
    bob.integrate(first + ann.take_changes())
    before = bob.take_repeated()
    assert before == Version({1: 1}) and bob.take_repeated() is None
    assert bob.changes_since(before) == ann.changes_since(before)


def test_an_opening_has_a_site_of_its_own() -> None:
    ann = Records(site=1)
    ann.put("k", 1)
    data = ann.encode()
    bob = Records.decode(data)
    assert bob.site != 1 and bob.encode() == data and bob.get("k") == 1
    bob.put("k", 2)
    exchange(ann, bob)
    assert ann.get("k") == 2
    with pytest.raises(ValueError, match="site 1 is in the replica"):
        Records.decode(data, site=1)


def test_another_user_of_my_site_is_refused() -> None:
    """F17: one site used twice is noticed by both, and by third persons."""
    ann, eve, bob = Records(site=1), Records(site=1), Records(site=2)
    eve.put("k", "eve")
    with pytest.raises(Contradiction):
        ann.integrate(eve.changes_since(Version()))
    ann.put("k", "ann")
    bob.integrate(ann.changes_since(Version()))
    for one in (ann, bob):
        before = one.encode()
        with pytest.raises(Contradiction):
            one.integrate(eve.changes_since(Version()))
        assert one.encode() == before


def test_a_reserved_site_is_its_own() -> None:
    ann, bob = Records(site=1), Records(site=2)
    ann.put("k", 1)
    first = ann.take_changes()
    ann.put("k", 2)
    news = ann.take_changes()
    bob.integrate(first, reserved={1: 1}, sender=7)
    with pytest.raises(Contradiction):
        bob.integrate(news, reserved={1: 1}, sender=7)
    bob.integrate(first, reserved={1: 1}, sender=7)
    bob.integrate(news, reserved={1: 1}, sender=1)
    assert bob.get("k") == 2


def test_nobody_is_barred_by_the_highest_number() -> None:
    """From one who may not do so it is refused; and from an owner, it only makes the higher site win."""
    forged = message(5, 0, (PUT, NUMBER_MAX, "k", encode_value("eve")))
    ann, bob = Records(site=1), Records(site=9)
    for records in (ann, bob):
        with pytest.raises(Irrevocable):
            records.integrate(forged, revocable=True)
        assert records.version == Version()
        records.integrate(message(4, 0, (PUT, NUMBER_STEP_MAX, "k", encode_value(0))), revocable=True)
        records.integrate(forged)
        records.put("k", "mine")
        records.put("new", records.site)
        records.put("new", "again")
    exchange(ann, bob)
    assert ann.get("k") == "mine" and ann.get("new") == "again"


def test_other_kinds_of_records_are_kept_and_passed_on() -> None:
    """A later release writes them; this one cannot read them, and replaces and drops them by the same rule."""
    ann, bob = Records(site=1), Records(site=2)
    later = [
        message(7, 0, (PUT, 1, "k", b"\xff opaque"), (PUT, 2, "k", b"newer"), kind=3),
        message(7, 2, (ADD, 3, "l", b"\xfe"), (ADD, 4, "l", b"an item"), (ADD, 4, "m", b""), kind=2**16 - 1),
        message(7, 5, (2, 5, "l", b""), kind=2**16 - 1),
    ]
    for one in later:
        assert ann.integrate(one) == RecordsPatch((), ())
    ann.put("k", 1)
    exchange(ann, bob)
    again = Records.decode(bob.encode())
    assert again.encode() == ann.encode()
    assert b"newer" in bob.encode() and b"opaque" not in bob.encode() and b"an item" not in bob.encode()
    assert bob.keys() == ["k"] and bob.lists() == [] and bob.get("k") == 1


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("", 1, "a name of 0 bytes"),
        ("é" * (NAME_BYTES_MAX // 2) + "x", 1, "a name of 513 bytes"),
        ("k", "x" * PUT_BYTES_MAX, "a record of 65540 bytes"),
        ("k", 2**53, "more than 53 bits"),
        ("k", -(2**53) - 1, "more than 53 bits"),
    ],
)
def test_what_is_too_long_is_not_written(name: str, value: Value, reason: str) -> None:
    ann = Records(site=1)
    with pytest.raises(ValueError, match=reason):
        ann.put(name, value)
    assert ann.version == Version() and ann.take_changes() == b""
    ann.put("é" * (NAME_BYTES_MAX // 2), "x" * (PUT_BYTES_MAX - 4))
    ann.add("l", b"x" * (ITEM_BYTES_MAX - 4))
    with pytest.raises(ValueError, match=f"an item of {ITEM_BYTES_MAX + 1} bytes"):
        ann.add("l", b"x" * (ITEM_BYTES_MAX - 3))
    exchange(ann, Records(site=2))


def test_what_is_too_deep_or_no_value_is_not_written() -> None:
    ann = Records(site=1)
    value: Value = 1
    for _ in range(DEPTH_MAX):
        value = [value]
    ann.put("k", value)
    exchange(ann, Records(site=2))
    with pytest.raises(ValueError, match="in each other"):
        ann.put("k", {"x": value})
    with pytest.raises(TypeError):
        ann.put("k", {"x": {1}})  # type: ignore[dict-item]
    assert ann.version == Version({1: 1})


def test_nothing_imports_the_records_yet() -> None:
    """The text opens without them, and they open without the text."""
    program = "import sys, {}; print(*sys.modules)"

    def loaded(module: str) -> set[str]:
        command = [sys.executable, "-c", program.format(module)]
        return set(
            subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
        )

    names = {"crdt.records", "crdt.record_messages", "crdt.record_index", "crdt.site_records", "crdt.values"}
    assert not names & loaded("crdt, jpterm_like.sync.pad")
    assert names <= loaded("crdt.records")


# Costs


def test_a_record_costs_the_same_among_many() -> None:
    """Writing, taking and integrating one; with some thousand others there."""

    def write(ann: Records, bob: Records) -> None:
        for number in range(20):
            ann.put("k", number)
            ann.add("l", number)
            bob.integrate(ann.take_changes())

    costs = []
    for many in (100, 3_000):
        ann, bob = Records(site=1), Records(site=2)
        for number in range(many):
            ann.put(f"key {number}", number)
            ann.add("l", number)
        bob.integrate(ann.take_changes())
        costs.append(steps(write, ann, bob)[0])
    assert costs[1] < 1.2 * costs[0], costs


def test_many_early_messages_take_no_square_of_time() -> None:
    ann, bob = Records(site=1), Records(site=2)
    messages = []
    for number in range(500):
        ann.add("l", number)
        messages.append(ann.take_changes())
    early = sum([steps(bob.integrate, late)[0] for late in reversed(messages)])
    assert early < 500 * 800
    assert bob.encode() == ann.encode()


# Networks


class Network:
    """Some people, and everything that was ever sent between them."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.twin = Twin()
        self.sites = [self.rng.getrandbits(64) for _ in range(40)]
        self.people = [Author(self.sites.pop(), self.twin) for _ in range(self.rng.randrange(2, 6))]
        self.messages: list[bytes] = []
        self.versions = [Version()]
        self.encoded: dict[Version, bytes] = {}

    def step(self) -> None:
        rng = self.rng
        person = rng.choice(self.people)
        records = person.records
        kind = rng.random()
        if kind < 0.35:
            for _ in range(rng.choice([1, 1, 2, 5])):
                person.act(rng)
            if rng.random() < 0.8:
                self.messages.append(records.take_changes())
        elif kind < 0.5:
            since = rng.choice([rng.choice(self.versions), rng.choice(self.people).records.version])
            self.messages.append(records.changes_since(since))
        elif kind < 0.6:
            # In parts, of which some never arrive.
            version = rng.choice([rng.choice(self.versions), rng.choice(self.people).records.version])
            limit = rng.choice([1, 30, 100])
            while not records.version <= version:
                part, version = records.changes_up_to(version, limit)
                assert part
                self.messages.append(part)
                if rng.random() < 0.1:
                    break
        elif kind < 0.9 and self.messages:
            picked = self.messages[-6:] if rng.random() < 0.6 else self.messages
            news = b"".join(rng.choice(picked) for _ in range(rng.choice([1, 1, 1, 3])))
            records.integrate(news)
        elif kind < 0.93 and self.sites:
            person.records = Records.decode(records.encode(), site=self.sites.pop())
            person.site = person.records.site
        self.versions.append(records.version)
        self.look(person.records)

    def look(self, records: Records) -> None:
        """Assert that a replica has what its version says."""
        if not records.digest():
            self.look_at_parts(records)
            return
        self.twin.compare(records)
        data = records.encode()
        assert self.encoded.setdefault(records.version, data) == data

    def look_at_parts(self, records: Records) -> None:
        """Of a site that is here in part, what will be there at the end of the parts is there, and nothing that never was."""
        records.check()
        for site in records._sites.values():
            written = self.twin.written.get(site.id, [])
            last = {
                each.name: clock for clock, each in enumerate(written[: site.known_to]) if each.verb == "put"
            }
            dropped = {
                each.name: clock for clock, each in enumerate(written[: site.known_to]) if each.verb == "drop"
            }
            for clock, each in enumerate(written[: site.clock]):
                found = site.find(clock)
                if found is not None:
                    assert (found.name, found.number, found.body) == (
                        each.name,
                        each.number,
                        encode_value(each.value),
                    )
                elif each.verb != "drop":
                    is_left = each.verb == "add" or last[each.name] == clock
                    assert not is_left or dropped.get(each.name, -1) > clock, (site.id, clock, each)

    def settle(self) -> None:
        everybody = [person.records for person in self.people]
        limit = self.rng.choice([1, 50, 10_000])
        for _ in range(2):
            for one, other in itertools.permutations(everybody, 2):
                version = one.version
                while not other.version <= version:
                    part, version = other.changes_up_to(version, limit)
                    one.integrate(part)
                assert other.version <= one.version
        newcomer = Records(site=0)
        for news in self.rng.sample(self.messages, len(self.messages)):
            newcomer.integrate(news)
        newcomer.integrate(everybody[0].changes_since(newcomer.version))
        for one in (*everybody, newcomer, Records.decode(everybody[0].encode())):
            one.check()
            assert one.version == everybody[0].version
            assert one.digest() == everybody[0].digest() != b""
            self.look(one)


@pytest.mark.amount
def test_any_network_of_records_comes_to_the_same(pytestconfig: pytest.Config) -> None:
    """With every order of arrival, duplicates, partial histories, parts, and openings from snapshots in between."""
    one = pytestconfig.getoption("seed")
    many = pytestconfig.getoption("records")
    for seed in range(many) if one is None else [one]:
        network = Network(seed)
        try:
            for _ in range(40):
                network.step()
            network.settle()
        except Exception as error:
            raise AssertionError(f"seed {seed}: --seed {seed}") from error


def test_refused_messages_change_nothing() -> None:
    """A message is applied as a whole or not at all."""
    _, messages = three(1)
    good = message(6, 0, (PUT, 1, "k", encode_value("good")))
    for bad in (
        message(1, 1, (ADD, 2, "l", encode_value("other"))),
        message(8, 0, (PUT, 5, "k", b"\0")) + message(8, 1, (PUT, 4, "k", b"\0")),
        message(8, 0, (PUT, 5, "k", b"\0")) + message(8, 0, (PUT, 5, "k", b"\1")),
        b"\7",
    ):
        bob = Records(site=2)
        bob.integrate(messages[0] + messages[1])
        before = bob.encode()
        with pytest.raises(ForeignOp):
            bob.integrate(good + bad)
        assert bob.encode() == before
    bob.integrate(good)
    assert bob.get("k") == "good"
