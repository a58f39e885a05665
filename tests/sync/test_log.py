"""The log of a pad and its cursors by themselves: each reader gets everything once, and readers of one place share it."""

from __future__ import annotations

import random

import pytest

from crdt import TextBuffer, Version
from jpterm_like.sync import log as logs
from jpterm_like.sync.log import KEPT_BYTES, SPARSE_BYTES, Cursor, Log

LIMIT = 64 * 1024


class Writer:
    """A text that is written, with its log."""

    def __init__(self, text: str = "") -> None:
        self.buffer = TextBuffer.genesis(text, site=1)
        self.log = Log()

    def type(self, text: str, at: int | None = None, origin: object = None) -> None:
        at = len(self.buffer) if at is None else at
        self.buffer.replace(at, at, text)
        self.log.append(self.buffer.take_changes(), origin)

    def cursor(self, version: Version | None = None, origin: object = None) -> Cursor:
        return Cursor(self.buffer, self.log, self.buffer.version if version is None else version, origin)


def taken(cursor: Cursor, limit_bytes: int = LIMIT) -> list[bytes]:
    """All that a reader takes until there is nothing left."""
    found = []
    while not cursor.done:
        if (message := cursor.take(limit_bytes)) is not None:
            found.append(message)
    return found


def test_entries_are_numbered_over_the_life_of_the_pad() -> None:
    log = Log()
    for number in range(5):
        log.append(bytes([number]), None)
    assert (log.start, log.end) == (0, 5)
    assert [entry.data for entry in log.since(3)] == [b"\x03", b"\x04"]
    assert log.since(5) == []


def test_the_oldest_entries_go_when_the_tail_is_too_long() -> None:
    """The bound counts bytes; an entry that is larger than all of it goes, too."""
    log = Log()
    for _ in range(5):
        log.append(b"x" * (KEPT_BYTES // 4), None)
    assert (log.start, log.end) == (1, 5)
    log.append(b"y" * (KEPT_BYTES + 1), None)
    assert (log.start, log.end) == (6, 6)


def test_readers_at_one_place_share_one_message() -> None:
    """The very same bytes, so that a frame is made of them once."""
    log = Log()
    for data in (b"a", b"b", b"c"):
        log.append(data, None)
    joined = log.merged(1)
    assert joined.data == b"bc"
    assert log.merged(1) is joined
    log.append(b"d", None)
    assert log.merged(1).data == b"bcd"


def test_a_message_names_everyone_it_came_from() -> None:
    ann, bob = object(), object()
    log = Log()
    log.append(b"a", ann)
    log.append(b"b", ann)
    assert log.merged(0).origins == {ann}
    log.append(b"c", bob)
    log.append(b"d", None)
    assert log.merged(0).origins == {ann, bob, None}
    assert log.merged(2).origins == {bob, None}


def test_a_reader_who_has_everything_takes_nothing() -> None:
    writer = Writer("hello")
    cursor = writer.cursor()
    assert cursor.done
    assert cursor.take(LIMIT) is None


def test_a_reader_takes_what_came_since() -> None:
    writer = Writer()
    cursor = writer.cursor()
    writer.type("one ")
    writer.type("two")
    reader = TextBuffer.genesis("", site=2)
    [message] = taken(cursor)
    reader.integrate(message)
    assert reader.text == "one two"
    assert cursor.version == writer.buffer.version


def test_nobody_is_given_back_what_they_brought() -> None:
    """Also when it lies between what others brought."""
    writer, me, other = Writer(), object(), object()
    cursor = writer.cursor(origin=me)
    writer.type("mine", origin=me)
    assert not cursor.done
    assert cursor.take(LIMIT) is None
    assert cursor.done and cursor.version == writer.buffer.version
    for origin in (other, me, None, me):
        writer.type("more", origin=origin)
    theirs = [entry.data for entry in writer.log.since(1) if entry.origin is not me]
    assert len(theirs) == 2
    assert taken(cursor) == [b"".join(theirs)]


def test_a_crowd_takes_the_same_message() -> None:
    """A frame for each of a hundred who typed within one tick would cost more than a few bytes too many."""
    writer, guests = Writer(), [object() for _ in range(logs.FEW + 1)]
    cursors = [Cursor(writer.buffer, writer.log, writer.buffer.version, it, shares=True) for it in guests]
    for guest in guests:
        writer.type("x", origin=guest)
    assert len({id(cursor.take(LIMIT)) for cursor in cursors}) == 1
    for guest in guests[:-1]:
        writer.type("x", origin=guest)
    assert len({cursor.take(LIMIT) for cursor in cursors}) == len(guests)


def test_a_reader_who_fell_off_the_tail_reads_by_version() -> None:
    """Nothing is lost and nothing comes twice."""
    writer = Writer()
    reader, cursor = TextBuffer.genesis("", site=2), writer.cursor()
    writer.type("begin ")
    for message in taken(cursor):
        reader.integrate(message)
    for _ in range(5):
        writer.type("x" * (KEPT_BYTES // 4))
    assert writer.log.start > 1
    for message in taken(cursor):
        assert reader.integrate(message).splices
    assert reader.text == writer.buffer.text


def test_what_is_longer_than_a_frame_comes_in_parts() -> None:
    writer = Writer()
    cursor = writer.cursor()
    for _ in range(10):
        writer.type("word " * 4000)
    messages = taken(cursor)
    assert len(messages) >= 200_000 // LIMIT
    assert all(len(message) <= LIMIT + SPARSE_BYTES for message in messages)
    assert len(messages[0]) <= 2 * SPARSE_BYTES, "nobody knows yet how many edits a part has"


def test_a_reader_who_lacks_the_same_is_given_the_same_part() -> None:
    writer = Writer("x" * 100_000)
    first, second = (writer.cursor(Version()) for _ in range(2))
    while not first.done:
        assert first.take(LIMIT) is second.take(LIMIT)
    assert second.done


def test_a_part_that_was_all_is_read_anew_when_there_is_more() -> None:
    writer = Writer("hello")
    early, late = writer.cursor(Version()), writer.cursor(Version())
    taken(early)
    writer.type(" world")
    reader = TextBuffer(site=2)
    for message in taken(late):
        reader.integrate(message)
    assert reader.text == "hello world"


def test_the_parts_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """By their number and by their bytes; a reader gets everything all the same."""
    monkeypatch.setattr(logs, "PARTS_MAX", 3)
    monkeypatch.setattr(logs, "KEPT_BYTES", 20_000)
    writer = Writer("x" * 50_000)
    for _ in range(3):
        reader = TextBuffer(site=2)
        for message in taken(writer.cursor(Version()), 5_000):
            reader.integrate(message)
            assert len(writer.log._parts) <= 3
            assert (
                writer.log._parts_bytes
                == sum(len(part.data) for part in writer.log._parts.values())
                <= 20_000
            )
        assert reader.text == writer.buffer.text


@pytest.mark.parametrize("seed", range(30))
def test_whatever_readers_do_each_gets_everything_once(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers come, go on, stand still until they fall off the tail, and bring something themselves."""
    monkeypatch.setattr(logs, "KEPT_BYTES", 300)
    dice = random.Random(seed)
    writer = Writer("begin\n")
    readers: list[tuple[TextBuffer, Cursor]] = []
    for step in range(200):
        match dice.randrange(5):
            case 0 if len(readers) < 6:
                reader = TextBuffer(site=100 + len(readers))
                readers.append((reader, Cursor(writer.buffer, writer.log, Version(), origin=reader)))
            case 1 if readers:
                reader, cursor = dice.choice(readers)
                if cursor.done:
                    at = dice.randint(0, len(reader))
                    reader.replace(at, at, f"r{step} ")
                    message = reader.take_changes()
                    writer.buffer.integrate(message)
                    writer.log.append(message, reader)
            case 2:
                writer.type(f"w{step} ", dice.randint(0, len(writer.buffer)))
            case _ if readers:
                reader, cursor = dice.choice(readers)
                for _ in range(dice.randint(1, 4)):
                    if (message := cursor.take(dice.choice((40, 200, LIMIT)))) is not None:
                        reader.integrate(message)
    for reader, cursor in readers:
        for message in taken(cursor):
            reader.integrate(message)
        assert reader.text == writer.buffer.text, f"seed {seed}"
        assert cursor.version == writer.buffer.version
