"""The storage in memory, and the crashes and failures that it plays."""

from __future__ import annotations

import errno

import pytest

from jpterm_like.storage import Record, Storage, StorageError, SyncFailed
from jpterm_like.storage.memory import MemoryStorage
from tests.storage.conformance import StorageConformance, records, yes


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


class TestMemoryStorage(StorageConformance):
    def reopened(self, storage: Storage) -> Storage:
        return storage


def test_power_loss_takes_what_was_not_synced(storage: MemoryStorage) -> None:
    store = storage.open("notes.md")
    store.append(records(b"a"))
    store.sync()
    store.append(records(b"b"))
    storage.crash(keep_unsynced=False)
    assert storage.open("notes.md").load().records == records(b"a")


def test_kill_9_leaves_what_was_appended_until_the_power_goes(storage: MemoryStorage) -> None:
    storage.open("notes.md").append(records(b"a"))
    storage.crash(keep_unsynced=True)
    assert storage.open("notes.md").load().records == records(b"a")
    storage.crash(keep_unsynced=False)
    assert storage.names() == []


def test_a_sync_covers_what_an_earlier_opening_left(storage: MemoryStorage) -> None:
    storage.open("notes.md").append(records(b"a"))
    storage.crash(keep_unsynced=True)
    storage.open("notes.md").sync()
    storage.crash(keep_unsynced=False)
    assert storage.open("notes.md").load().records == records(b"a")


def test_a_store_from_before_the_crash_is_dead(storage: MemoryStorage) -> None:
    before = storage.open("notes.md")
    storage.crash(keep_unsynced=True)
    after = storage.open("notes.md")
    with pytest.raises(ValueError, match="crashed"):
        before.append(records(b"ghost"))
    before.close()
    after.append(records(b"a"))
    assert after.load().records == records(b"a")


def test_power_loss_keeps_snapshots_and_blobs(storage: MemoryStorage) -> None:
    store = storage.open("notes.md")
    store.append(records(b"a"))
    store.snapshot(records(b"A"), yes)
    store.write_blob("base", b"text")
    store.append(records(b"b"))
    storage.crash(keep_unsynced=False)
    store = storage.open("notes.md")
    assert store.load().records == records(b"A")
    assert store.read_blob("base") == b"text"


@pytest.mark.parametrize(
    ("code", "words"), [(errno.ENOSPC, "the disk is full"), (errno.EIO, "the disk reports an error")]
)
def test_an_injected_failure_comes_as_often_as_asked(storage: MemoryStorage, code: int, words: str) -> None:
    store = storage.open("notes.md")
    storage.fail("append", code, times=2)
    for _ in range(2):
        with pytest.raises(StorageError, match=words):
            store.append(records(b"lost"))
    store.append(records(b"a"))
    assert store.load().records == records(b"a")


async def test_a_failed_group_commit_names_the_stores(storage: MemoryStorage) -> None:
    one, two = storage.open("one"), storage.open("two")
    for store in (one, two):
        store.append(records(b"a"))
    storage.fail("sync")
    with pytest.raises(SyncFailed) as caught:
        await storage.sync([one, two])
    assert [store for store, _ in caught.value.failures] == [one]
    storage.crash(keep_unsynced=False)
    assert storage.names() == ["two"]


def test_a_failed_snapshot_or_blob_leaves_the_old_one(storage: MemoryStorage) -> None:
    store = storage.open("notes.md")
    store.append(records(b"a"))
    store.write_blob("base", b"old")
    storage.fail("snapshot")
    storage.fail("write_blob")
    with pytest.raises(StorageError):
        store.snapshot([Record(1, b"A")], yes)
    with pytest.raises(StorageError):
        store.write_blob("base", b"new")
    assert store.load().records == records(b"a")
    assert store.read_blob("base") == b"old"
