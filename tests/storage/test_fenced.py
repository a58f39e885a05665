"""The storage that nodes share, on a database in memory, whose answers can be lost and which can go back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jpterm_like.storage import StorageError, StoreLost
from jpterm_like.storage.engine import Unreachable
from jpterm_like.storage.fenced import FencedStorage
from jpterm_like.storage.memory_engine import MemoryDatabase, MemoryEngine
from tests.storage.conformance import StorageConformance, records, yes
from tests.storage.fencing import Fencing, NewNode


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(clock: Clock) -> MemoryDatabase:
    return MemoryDatabase(clock)


def new_node(database: MemoryDatabase, address: str = "") -> FencedStorage:
    storage = FencedStorage(MemoryEngine(database), address, beats=False)
    storage.beat()
    return storage


class TestConformance(StorageConformance):
    @pytest.fixture
    def storage(self) -> FencedStorage:
        import time

        return new_node(MemoryDatabase(time.time))

    def reopened(self, storage: FencedStorage) -> FencedStorage:  # type: ignore[override]
        storage.close()
        return new_node(storage.engine._database)  # type: ignore[attr-defined]


class TestFencing(Fencing):
    @pytest.fixture
    def node(self, database: MemoryDatabase) -> NewNode:
        return lambda address: new_node(database, address)

    @pytest.fixture
    def end_leases(self, clock: Clock) -> Callable[[], None]:
        def end() -> None:
            clock.now += 60

        return end


@pytest.fixture
def storage(database: MemoryDatabase) -> FencedStorage:
    return new_node(database)


def engine_of(storage: FencedStorage) -> MemoryEngine:
    assert isinstance(storage.engine, MemoryEngine)
    return storage.engine


def test_a_commit_whose_answer_was_lost_is_looked_up_and_made_once(storage: FencedStorage) -> None:
    store = storage.open("notes.md")
    store.append(records(b"a"))
    engine_of(storage).answers_lost = 1
    with pytest.raises(Unreachable):
        store.sync()
    store.append(records(b"b"))
    store.sync()
    assert store.load().records == records(b"a", b"b")


def test_a_commit_that_did_not_arrive_is_made_again(storage: FencedStorage) -> None:
    store = storage.open("notes.md")
    store.append(records(b"a"))
    engine_of(storage).is_cut = True
    for _ in range(2):
        with pytest.raises(StorageError, match="does not answer"):
            store.sync()
    with pytest.raises(StorageError):
        storage.beat()
    engine_of(storage).is_cut = False
    store.sync()
    assert store.load().records == records(b"a")


@pytest.mark.parametrize("lost", [1, 2])
def test_a_snapshot_whose_answer_was_lost_takes_nothing_away(storage: FencedStorage, lost: int) -> None:
    """Whether it counts is known at the next statement; its parts must not be removed before."""
    store = storage.open("notes.md")
    store.append(records(b"a"))
    store.sync()
    for number in range(3):
        engine_of(storage).answers_lost = lost
        with pytest.raises(Unreachable):
            store.snapshot(records(b"a%d" % number), yes)
        engine_of(storage).answers_lost = 0
        assert store.load().damage == []
    store.append(records(b"b"))
    store.sync()
    assert store.load().records[-1:] == records(b"b") and not store.damage
    store.snapshot(records(b"ab"), yes)
    store.close()
    assert storage.open("notes.md").load().records == records(b"ab")


def test_a_blob_whose_answer_was_lost_is_written_again(storage: FencedStorage) -> None:
    store = storage.open("notes.md")
    engine_of(storage).answers_lost = 1
    with pytest.raises(Unreachable):
        store.write_blob("base", b"a")
    store.write_blob("base", b"b")
    assert store.read_blob("base") == b"b"


def test_a_database_that_went_back_is_noticed_with_the_next_commit(
    storage: FencedStorage, database: MemoryDatabase
) -> None:
    """While it is open somewhere, its text is whole there, and is written again."""
    told: list[str] = []
    storage.on_lost = told.append
    store = storage.open("notes.md")
    store.append(records(b"a"))
    store.sync()
    before = database.copy()
    store.append(records(b"b"))
    store.sync()
    database.go_back(before)
    store.append(records(b"c"))
    with pytest.raises(StoreLost, match="went back"):
        store.sync()
    assert told == ["notes.md"]
    store.abandon()
    assert storage.open("notes.md").load().records == records(b"a")


def test_a_damaged_snapshot_is_replaced_by_the_one_before(
    storage: FencedStorage, database: MemoryDatabase
) -> None:
    store = storage.open("notes.md")
    for text in (b"a", b"b"):
        store.append(records(text))
        store.snapshot(records(b"S" + text), yes)
    store.append(records(b"c"))
    store.sync()
    row = next(iter(database.content.rows.values()))
    assert row.newest is not None
    row.parts[row.newest.number][0] = b"rotten"
    store.close()
    found = storage.open("notes.md").load()
    assert found.records == records(b"Sa", b"b", b"c") and "damaged" in found.damage[0]


def test_a_late_lease_does_no_harm(storage: FencedStorage, clock: Clock) -> None:
    """Nobody wanted the document meanwhile."""
    store = storage.open("notes.md")
    clock.now += 3600
    store.append(records(b"a"))
    store.sync()
    storage.beat()
    store.close()
    assert storage.open("notes.md").load().records == records(b"a")
