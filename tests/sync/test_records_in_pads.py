"""A pad, its log and its cursors take records as they take a text: the two replicas have one face."""

from __future__ import annotations

import random

from crdt.records import Records
from jpterm_like.sync.log import Cursor
from jpterm_like.sync.pad import Pad
from jpterm_like.sync.records_pad import RecordsPad


class Star:
    """A hub and three others, each with a cursor each way that may be replaced at any time."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.hub = Pad(Records(site=1))  # type: ignore[arg-type]  # it asks for a text as yet
        self.people = [Pad(Records(site=site)) for site in (2, 3, 4)]  # type: ignore[arg-type]
        self.cursors = [self.connected(person) for person in self.people]

    def connected(self, person: Pad) -> tuple[Cursor, Cursor]:
        return self.hub.cursor(person.buffer.version, person), person.cursor(
            self.hub.buffer.version, self.hub
        )

    def write(self, person: Pad) -> None:
        records = person.buffer
        assert isinstance(records, Records)
        name, value = self.rng.choice("abcd"), self.rng.random()
        act = self.rng.randrange(5)
        if act < 2:
            patch = records.put(name, value)
        elif act < 4:
            patch = records.add(name, value)
        else:
            patch = records.drop(name)
        person._arrived(records.take_changes(), None, patch, None)

    def carry(self, number: int, rounds: int) -> None:
        """Carry messages both ways, of any length, until there are none or for some rounds."""
        down, up = self.cursors[number]
        person = self.people[number]
        while rounds and not (down.done and up.done):
            rounds -= 1
            for cursor, pad, origin in ((down, person, self.hub), (up, self.hub, person)):
                message = cursor.take(self.rng.choice([40, 300, 5000]))
                if message is not None:
                    pad.integrate(message, origin, senders={origin.buffer.site})


def test_pads_with_records_come_to_the_same() -> None:
    for seed in range(15):
        star = Star(seed)
        for _ in range(120):
            number = star.rng.randrange(3)
            kind = star.rng.random()
            if kind < 0.6:
                star.write(star.people[number])
            elif kind < 0.65:
                star.cursors[number] = star.connected(star.people[number])
            else:
                star.carry(number, star.rng.choice([1, 3, 1000]))
        for again in range(4):
            for number, person in enumerate(star.people):
                if again == 1:
                    star.cursors[number] = star.connected(person)
                star.carry(number, 10_000)
        assert len({pad.buffer.encode() for pad in (star.hub, *star.people)}) == 1, f"seed {seed}"


def test_a_reader_is_not_called_ahead_of_the_log() -> None:
    """A cell displayed 20,000 values. A reader took a message from the log while more was put and not yet published, and counted that
    as taken; when the next message was too long and it read by version, that part never came, and everything behind it waited for ever."""
    pad = RecordsPad(Records(site=1), b"lineage")
    reader = Records(site=2)
    cursor = pad.cursor(reader.version)
    for round_ in range(3):
        for number in range(40):
            pad.records.put(f"{round_}/{number}", "x" * 100)
        pad.publish()
        pad.records.put(f"{round_}/unpublished", value=True)
        while not cursor.done:
            if (message := cursor.take(64 * 1024 if round_ % 2 == 0 else 1024)) is not None:
                reader.integrate(message)
    assert not reader.waiting
    pad.publish()
    while not cursor.done:
        if (message := cursor.take(1024)) is not None:
            reader.integrate(message)
    assert reader.keys() == pad.records.keys()
    assert reader.digest() == pad.records.digest()
