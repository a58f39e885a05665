"""What every storage does, whatever it is made of. Each implementation's tests inherit this suite."""

from __future__ import annotations

import threading
import time

import pytest

from jpterm_like.storage import Loaded, NewStore, Record, Storage, StorageError, StoreBusy, StoreLost
from jpterm_like.storage.base import NAME_BYTES_MAX, NewerRelease

NAMES = [
    "notes.md",
    "docs/notes.md",
    "ws://host:8765/ä b.md",
    "Notes.md",
    "a" * 2000,
    "..",
    ".",
    "",
    "\x1b[2J\0",
    "\ud800",
]


def records(*payloads: bytes) -> list[Record]:
    return [Record(1, payload) for payload in payloads]


def yes(_: object) -> bool:
    return True


class StorageConformance:
    """Give a fixture `storage`, and `reopened` that gives the same content to a new process."""

    def reopened(self, storage: Storage) -> Storage:
        raise NotImplementedError

    def test_a_new_document_is_empty_and_whole(self, storage: Storage) -> None:
        assert storage.open("notes.md").load() == Loaded([], [])

    def test_what_was_appended_comes_back_in_order(self, storage: Storage) -> None:
        store = storage.open("notes.md")
        store.append([Record(0, b""), Record(255, b"\0\xff" * 1000)])
        store.append([])
        store.append(records(b"c"))
        expected = [Record(0, b""), Record(255, b"\0\xff" * 1000), Record(1, b"c")]
        assert store.load() == Loaded(expected, [])
        store.sync()
        assert store.load() == Loaded(expected, [])
        store.close()
        assert self.reopened(storage).open("notes.md").load() == Loaded(expected, [])

    def test_an_inspection_reads_what_an_opening_would(self, storage: Storage) -> None:
        """Of open and of closed documents, and without making one."""
        assert storage.inspect("notes.md") is None and list(storage.inspect_all()) == []
        store = storage.open("notes.md")
        assert storage.inspect("notes.md") is None, "nothing is stored yet"
        store.append(records(b"a", b"b"))
        store.sync()
        store.write_blob("base", b"blob")
        store.snapshot(records(b"ab"), yes)
        store.append(records(b"c"))
        for found in (storage.inspect("notes.md"), *storage.inspect_all()):
            assert found is not None and found.name == "notes.md"
            assert found.loaded == Loaded(records(b"ab", b"c"), [])
            assert found.blobs == {"base": b"blob"}
            assert found.size_bytes > 0 and not found.damage and not found.newer
        store.close()
        other = storage.open("other.md")
        other.append(records(b"d"))
        other.close()
        assert (
            {found.name for found in storage.inspect_all()}
            == {"notes.md", "other.md"}
            == set(storage.names())
        )
        assert storage.inspect("third.md") is None and not storage.has("third.md")

    def test_each_opening_goes_on_where_the_last_one_ended(self, storage: Storage) -> None:
        for number in range(5):
            store = storage.open("notes.md")
            assert store.load().records == records(*(b"%d" % i for i in range(number)))
            store.append(records(b"%d" % number))
            store.close()
            storage = self.reopened(storage)

    def test_payloads_are_kept_as_they_were_when_appended(self, storage: Storage) -> None:
        store = storage.open("notes.md")
        payload = bytearray(b"before")
        store.append([Record(1, payload)])  # type: ignore[arg-type]
        payload[:] = b"AFTER!"
        assert store.load().records == records(b"before")

    @pytest.mark.parametrize("bad", [Record(256, b""), Record(-1, b"")])
    def test_a_kind_that_is_no_byte_is_refused_at_once(self, storage: Storage, bad: Record) -> None:
        store = storage.open("notes.md")
        with pytest.raises(ValueError, match="0 to 255"):
            store.append([Record(1, b"good"), bad])
        assert store.load().records == []

    def test_all_blobs_are_given(self, storage: Storage) -> None:
        store = storage.open("notes.md")
        assert store.blobs() == {}
        store.write_blob("b", b"")
        store.write_blob("a", b"two")
        store.append(records(b"one"))
        store.close()
        assert self.reopened(storage).open("notes.md").blobs() == {"a": b"two", "b": b""}

    @pytest.mark.parametrize("name", NAMES)
    def test_any_name_is_a_document_of_its_own(self, storage: Storage, name: str) -> None:
        for other in NAMES:
            store = storage.open(other)
            store.append(records(other.encode("utf-8", "surrogatepass")))
            store.close()
        store = self.reopened(storage).open(name)
        assert store.name == name
        assert store.load().records == records(name.encode("utf-8", "surrogatepass"))

    def test_what_is_there_is_known_by_its_name(self, storage: Storage) -> None:
        assert not storage.has("notes.md")
        store = storage.open("notes.md")
        assert not storage.has("notes.md")
        store.append(records(b"x"))
        assert storage.has("notes.md")
        store.close()
        assert storage.has("notes.md") and not storage.has("Notes.md")
        storage.delete("notes.md")
        assert not storage.has("notes.md")

    def test_names_are_listed_sorted(self, storage: Storage) -> None:
        assert storage.names() == []
        for name in NAMES:
            store = storage.open(name)
            store.append(records(b"x"))
            store.close()
        assert self.reopened(storage).names() == sorted(NAMES)

    def test_a_name_above_the_limit_is_refused_in_words(self, storage: Storage) -> None:
        with pytest.raises(StorageError, match="4,096 is the most"):
            storage.open("ä" * NAME_BYTES_MAX)

    def test_a_document_is_held_by_one_opening(self, storage: Storage) -> None:
        store = storage.open("notes.md")
        with pytest.raises(StoreBusy, match=r"notes\.md is already open"):
            storage.open("notes.md")
        with pytest.raises(StoreBusy):
            storage.delete("notes.md")
        storage.open("other.md").close()
        store.close()
        storage.open("notes.md").close()

    def test_a_document_that_gets_nothing_leaves_nothing(self, storage: Storage) -> None:
        storage.open("notes.md").close()
        assert storage.names() == []

    def test_a_closed_store_is_not_used_by_mistake(self, storage: Storage) -> None:
        store = storage.open("notes.md")
        store.close()
        store.close()
        for use in (store.load, store.sync, store.cut, lambda: store.append(records(b"x"))):
            with pytest.raises(ValueError, match="closed"):
                use()

    def test_a_deleted_document_is_gone_and_its_name_free(self, storage: Storage) -> None:
        storage.delete("notes.md")
        for name in ("notes.md", "other.md"):
            store = storage.open(name)
            store.append(records(b"old"))
            store.write_blob("base", b"old")
            store.close()
        storage.delete("notes.md")
        assert storage.names() == ["other.md"]
        store = storage.open("notes.md")
        assert store.load() == Loaded([], [])
        assert store.read_blob("base") is None

    def test_a_document_is_deleted_while_it_is_held(self, storage: Storage) -> None:
        store = storage.open("notes.md")
        store.append(records(b"old"))
        store.write_blob("base", b"old")
        store.delete()
        store.close()
        assert storage.names() == []
        store = storage.open("notes.md")
        assert (store.load(), store.read_blob("base")) == (Loaded([], []), None)

    def test_it_may_begin_before_the_first_document(self, storage: Storage) -> None:
        storage.begin()
        storage.begin()
        assert storage.names() == []
        store = storage.open("notes.md")
        store.append(records(b"a"))
        storage.begin()
        store.close()
        assert self.reopened(storage).open("notes.md").load().records == records(b"a")

    def test_the_usage_is_the_size_and_the_time_of_the_last_change(self, storage: Storage) -> None:
        with pytest.raises(StorageError):
            storage.usage("notes.md")
        started = time.time()
        for name in ("notes.md", "other.md"):
            store = storage.open(name)
            store.append(records(b"x" * 1000))
            store.close()
        size_bytes, changed_at = storage.usage("notes.md")
        assert 1000 <= size_bytes < 2000
        assert started - 2 <= changed_at <= time.time() + 2, "file systems round to two seconds"
        assert storage.usage("notes.md") == (size_bytes, changed_at)
        store = storage.open("notes.md")
        store.append(records(b"y" * 1000))
        store.write_blob("base", b"z" * 1000)
        store.close()
        larger_bytes, later = self.reopened(storage).usage("notes.md")
        assert 3000 <= larger_bytes < 4000 and later >= changed_at
        with pytest.raises(StorageError):
            storage.usage("third.md")

    def test_a_document_that_was_set_aside_is_not_read_and_its_name_is_free(self, storage: Storage) -> None:
        for payload in (b"first", b"second"):
            for name in NAMES[:2]:
                store = storage.open(name)
                assert (store.load(), store.blobs()) == (Loaded([], []), {})
                store.append(records(payload))
                store.write_blob("base", payload)
                with pytest.raises(StoreBusy):
                    storage.set_aside(name)
                assert store.load().records == records(payload)
                store.close()
            assert storage.names() == sorted(NAMES[:2])
            storage.set_aside(NAMES[0])
            assert storage.names() == storage.names("base") == [NAMES[1]]
            assert [found.name for found in storage.inspect_all()] == [NAMES[1]]
            storage.set_aside(NAMES[1])
            storage = self.reopened(storage)
            for name in NAMES[:2]:
                assert not storage.has(name) and storage.inspect(name) is None
                assert storage.read_blob(name, "base") is None

    def test_a_cleared_document_keeps_its_blobs_alone(self, storage: Storage) -> None:
        store = storage.open("notes.md")
        store.append(records(b"a"))
        store.snapshot(records(b"A"), yes)
        store.append(records(b"b"))
        store.write_blob("base", b"blob")
        store.clear()
        assert (store.load(), store.size_since_snapshot) == (Loaded([], []), 0)
        assert store.blobs() == {"base": b"blob"}
        store.append(records(b"c"))
        store.snapshot(records(b"C"), yes)
        store.append(records(b"d"))
        store.close()
        storage = self.reopened(storage)
        store = storage.open("notes.md")
        assert (store.load(), store.blobs()) == (Loaded(records(b"C", b"d"), []), {"base": b"blob"})
        store.clear()
        store.close()
        storage = self.reopened(storage)
        assert storage.names() == ["notes.md"]
        store = storage.open("notes.md")
        assert (store.load(), store.blobs()) == (Loaded([], []), {"base": b"blob"})

    def test_nothing_of_a_newer_release_is_cleared(self, storage: Storage) -> None:
        store = storage.open("notes.md")
        store.append(records(b"a"))
        store.close()
        store = storage.open("notes.md")
        store.load(yes)
        assert store.newer
        with pytest.raises(NewerRelease):
            store.clear()
        store.close()
        assert self.reopened(storage).open("notes.md").load().records == records(b"a")

    def test_an_abandoned_store_is_lost_and_its_document_free(self, storage: Storage) -> None:
        lost = storage.open("notes.md")
        lost.append(records(b"a"))
        lost.write_blob("base", b"blob")
        lost.abandon()
        lost.abandon()
        store = storage.open("notes.md")
        for use in (
            lost.load,
            lambda: lost.append(records(b"x")),
            lost.sync,
            lost.cut,
            lambda: lost.records_before(1),
            lambda: lost.snapshot(records(b"X"), yes),
            lambda: lost.read_blob("base"),
            lambda: lost.write_blob("base", b"x"),
            lost.blobs,
            lost.clear,
            lost.delete,
            lost.close,
        ):
            with pytest.raises(StoreLost):
                use()
        lost.abandon()
        assert (store.load().records, store.blobs()) == (records(b"a"), {"base": b"blob"})
        with pytest.raises(StoreBusy):
            storage.open("notes.md")

    # Snapshots

    def test_a_snapshot_takes_the_place_of_what_was_before(self, storage: Storage) -> None:
        store = storage.open("notes.md")
        store.append(records(b"a", b"b"))
        assert store.size_since_snapshot > 0
        store.snapshot(records(b"ab", b"more"), yes)
        assert store.size_since_snapshot == 0
        store.append(records(b"c"))
        assert store.load() == Loaded(records(b"ab", b"more", b"c"), [])
        store.close()
        store = self.reopened(storage).open("notes.md")
        assert store.load() == Loaded(records(b"ab", b"more", b"c"), [])
        assert store.size_since_snapshot > 0

    def test_snapshots_follow_each_other(self, storage: Storage) -> None:
        store = storage.open("notes.md")
        for number in range(6):
            store.append(records(b"op%d" % number))
            store.snapshot(records(b"snap%d" % number), yes)
            assert store.load() == Loaded(records(b"snap%d" % number), [])
        store.close()
        assert self.reopened(storage).open("notes.md").load().records == records(b"snap5")

    def test_an_empty_document_has_a_snapshot_too(self, storage: Storage) -> None:
        store = storage.open("notes.md")
        store.snapshot([], yes)
        store.close()
        storage = self.reopened(storage)
        assert storage.names() == ["notes.md"]
        assert storage.open("notes.md").load() == Loaded([], [])

    def test_what_a_cut_covers_is_read_while_appending_goes_on(self, storage: Storage) -> None:
        store = storage.open("notes.md")
        store.append(records(b"a"))
        store.snapshot(records(b"A"), yes)
        store.append(records(b"b", b"c"))
        cut = store.cut()
        store.append(records(b"d"))
        assert store.records_before(cut) == records(b"A", b"b", b"c")
        store.snapshot(records(b"ABC"), yes, cut)
        assert store.load() == Loaded(records(b"ABC", b"d"), [])

    def test_an_older_cut_does_not_take_the_place_of_a_newer_one(self, storage: Storage) -> None:
        store = storage.open("notes.md")
        store.append(records(b"a"))
        cut = store.cut()
        store.append(records(b"b"))
        store.snapshot(records(b"AB"), yes)
        store.snapshot(records(b"A"), yes, cut)
        assert store.load() == Loaded(records(b"AB"), [])

    def test_verify_gets_what_was_read_back(self, storage: Storage) -> None:
        seen: list[list[Record]] = []
        store = storage.open("notes.md")
        store.snapshot(records(b"a", b"b"), lambda read: seen.append(list(read)) or True)
        assert seen == [records(b"a", b"b")]

    def test_a_snapshot_that_does_not_verify_changes_nothing(self, storage: Storage) -> None:
        store = storage.open("notes.md")
        store.append(records(b"a"))
        store.snapshot(records(b"A"), yes)
        store.append(records(b"b"))
        size_bytes = store.size_since_snapshot
        with pytest.raises(StorageError, match="does not give back"):
            store.snapshot(records(b"wrong"), lambda _: False)
        with pytest.raises(ZeroDivisionError):
            store.snapshot(records(b"wrong"), lambda _: bool(1 // 0))
        assert store.size_since_snapshot == size_bytes
        store.append(records(b"c"))
        assert store.load() == Loaded(records(b"A", b"b", b"c"), [])
        store.snapshot(records(b"Abc"), yes)
        assert store.load() == Loaded(records(b"Abc"), [])

    def test_what_is_appended_between_cut_and_snapshot_is_not_covered(self, storage: Storage) -> None:
        """The records are made on the event loop; the thread that writes them may start much later."""
        store = storage.open("notes.md")
        store.append(records(b"a"))
        cut = store.cut()
        store.append(records(b"b"))
        store.snapshot(records(b"A"), yes, cut)
        store.append(records(b"c"))
        assert store.load() == Loaded(records(b"A", b"b", b"c"), [])
        store.close()
        assert self.reopened(storage).open("notes.md").load() == Loaded(records(b"A", b"b", b"c"), [])

    def test_what_is_appended_while_a_snapshot_is_taken_is_not_lost(self, storage: Storage) -> None:
        store = storage.open("notes.md")
        store.append(records(b"a"))
        in_verify, go_on = threading.Event(), threading.Event()

        def verify(_: object) -> bool:
            in_verify.set()
            return go_on.wait(10)

        thread = threading.Thread(target=store.snapshot, args=(records(b"A"), verify))
        thread.start()
        assert in_verify.wait(10)
        store.append(records(b"b"))
        go_on.set()
        thread.join()
        assert store.load() == Loaded(records(b"A", b"b"), [])

    # Blobs

    def test_blobs_come_back(self, storage: Storage) -> None:
        store = storage.open("notes.md")
        assert store.read_blob("base") is None
        store.write_blob("base", b"one")
        store.write_blob("base", b"two" * 100_000)
        store.write_blob("meta", b"")
        assert store.read_blob("base") == b"two" * 100_000
        store.close()
        storage = self.reopened(storage)
        assert storage.names() == ["notes.md"]
        store = storage.open("notes.md")
        assert store.read_blob("base") == b"two" * 100_000
        assert store.read_blob("meta") == b""
        assert store.load() == Loaded([], [])
        assert store.damage == []

    def test_names_are_listed_by_blob(self, storage: Storage) -> None:
        assert storage.names("base") == []
        for name in NAMES[:4]:
            store = storage.open(name)
            store.append(records(b"x"))
            store.write_blob("base" if name in NAMES[:2] else "meta", b"")
            store.close()
        storage = self.reopened(storage)
        assert storage.names("base") == sorted(NAMES[:2])
        assert storage.names("meta") == sorted(NAMES[2:4])
        assert storage.names("third") == []
        assert storage.names() == sorted(NAMES[:4])

    def test_a_blob_is_read_without_opening_its_document(self, storage: Storage) -> None:
        assert storage.read_blob("notes.md", "base") is None
        assert storage.names() == []
        for name in NAMES[:2]:
            store = storage.open(name)
            store.write_blob("base", b"old")
            store.write_blob("base", name.encode())
            assert storage.read_blob(name, "base") == name.encode(), "while it is open"
            store.close()
        storage = self.reopened(storage)
        for name in NAMES[:2]:
            assert storage.read_blob(name, "base") == name.encode()
            assert storage.read_blob(name, "meta") is None
        with pytest.raises(ValueError, match="not a name for a blob"):
            storage.read_blob("notes.md", "../x")

    @pytest.mark.parametrize("name", ["", "../x", "A", "a.b", "a" * 33])
    def test_blob_names_are_plain_words(self, storage: Storage, name: str) -> None:
        with pytest.raises(ValueError, match="not a name for a blob"):
            storage.open("notes.md").write_blob(name, b"")

    # Group commit

    async def test_a_group_commit_brings_all_to_the_disk(self, storage: Storage) -> None:
        stores = [storage.open(f"{number}.md") for number in range(20)]
        for store in stores:
            store.append(records(b"x"))
        await storage.sync(stores)
        await storage.sync([])
        assert [store.load().records for store in stores] == [records(b"x")] * 20

    # Many new documents at once

    async def test_a_created_store_is_like_one_that_was_opened_and_written(self, storage: Storage) -> None:
        new = [
            NewStore(name, records(b"%d" % number, b"more"), {"base": b"of %d" % number})
            for number, name in enumerate(NAMES)
        ]
        assert await storage.create(new) == set(NAMES)
        storage = self.reopened(storage)
        assert storage.names() == sorted(NAMES)
        for name, wanted, blobs in new:
            store = storage.open(name)
            assert store.load() == Loaded(list(wanted), []) and store.blobs() == blobs
            store.append(records(b"later"))
            store.close()
            store = storage.open(name)
            assert store.load() == Loaded([*wanted, *records(b"later")], [])
            store.snapshot(records(b"all"), yes)
            store.close()
        storage = self.reopened(storage)
        assert [storage.open(name).load().records for name in NAMES] == [records(b"all")] * len(NAMES)

    async def test_what_is_there_or_open_is_not_created(self, storage: Storage) -> None:
        there, held, free = NAMES[:3]
        store = storage.open(there)
        store.append(records(b"mine"))
        store.close()
        opened = storage.open(held)
        assert await storage.create([NewStore(name, records(b"new"), {}) for name in NAMES[:3]]) == {free}
        opened.append(records(b"mine"))
        opened.close()
        storage = self.reopened(storage)
        found = {name: storage.open(name).load().records for name in NAMES[:3]}
        assert found == {there: records(b"mine"), held: records(b"mine"), free: records(b"new")}

    async def test_a_created_store_is_deleted_like_any_other(self, storage: Storage) -> None:
        assert await storage.create([]) == set()
        assert await storage.create([NewStore("notes.md", records(b"x"), {})]) == {"notes.md"}
        storage.delete("notes.md")
        assert storage.names() == [] and not storage.has("notes.md")
        assert await storage.create([NewStore("notes.md", records(b"y"), {})]) == {"notes.md"}

    def test_appends_and_syncs_in_two_threads(self, storage: Storage) -> None:
        store = storage.open("notes.md")
        done = threading.Event()

        def sync() -> None:
            while not done.is_set():
                store.sync()

        thread = threading.Thread(target=sync)
        thread.start()
        expected: list[Record] = []
        for number in range(300):
            store.append(records(b"%d" % number))
            expected += records(b"%d" % number)
            if number % 100 == 50:
                store.snapshot([Record(2, b"%d" % number)], yes)
                expected = [Record(2, b"%d" % number)]
        done.set()
        thread.join()
        assert store.load() == Loaded(expected, [])
