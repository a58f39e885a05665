"""What a document begins with is one record: all of it is there, or nothing."""

from __future__ import annotations

import threading

import pytest

from crdt import TextBuffer, Version
from jpterm_like import saver as saver_module
from jpterm_like.saver import Saver, restore
from jpterm_like.storage import StorageError, Store
from jpterm_like.storage.base import Record
from jpterm_like.storage.memory import MemoryStorage
from jpterm_like.sync.pad import Pad

TEXT = "ein Wort\n" * 1000


def begun(store: Store) -> tuple[Pad, Saver]:
    pad = Pad(TextBuffer.genesis(TEXT, author="ann"))
    pad.saved = pad.stored = pad.buffer.version
    return pad, Saver(pad, store, Version(), genesis=TEXT.encode())


def test_it_comes_back_with_what_was_typed_and_counts_as_saved() -> None:
    storage = MemoryStorage()
    store = storage.open("notes.md")
    pad, saver = begun(store)
    assert saver.behind
    saver.begin()
    assert not saver.behind
    before = pad.buffer.version
    pad.replace(3, 3, "x", 0.0)
    saver.write()
    kept = restore(store, author="ann")
    assert kept.buffer is not None and kept.buffer.text == pad.buffer.text
    assert kept.buffer.version == saver.written == pad.buffer.version
    assert kept.saved == kept.stored == before, "the plain file held the text without what was typed"
    assert kept.damage == []


def test_who_writes_waits_for_what_is_being_written_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that comes meanwhile is behind the text in the store, and not before it."""
    monkeypatch.setattr(saver_module, "BESIDE_BYTES_MIN", 1)
    store = MemoryStorage().open("notes.md")
    pad, saver = begun(store)
    going_on = threading.Event()
    append = store.append

    def slow(records: list[Record]) -> None:
        assert going_on.wait(10)
        append(records)

    monkeypatch.setattr(store, "append", slow)
    saver.begin_in_thread()
    pad.replace(0, 0, "x", 0.0)
    threading.Timer(0.01, going_on.set).start()
    saver.write()
    records = store.load().records
    assert [record.kind for record in records].count(saver_module.GENESIS) == 1
    assert records[0].kind == saver_module.GENESIS
    kept = restore(store, author="ann")
    assert kept.buffer is not None and kept.buffer.text == "x" + TEXT and kept.damage == []


def test_what_the_disk_refused_is_written_with_the_next_key() -> None:
    storage = MemoryStorage()
    store = storage.open("notes.md")
    pad, saver = begun(store)
    storage.fail("append", times=2)
    saver.begin()
    pad.replace(0, 0, "x", 0.0)
    with pytest.raises(StorageError):
        saver.write()
    pad.replace(1, 1, "y", 0.0)
    saver.write()
    kept = restore(store, author="ann")
    assert kept.buffer is not None and kept.buffer.text == "xy" + TEXT and kept.damage == []


def test_a_text_that_is_not_the_one_that_was_written_is_not_taken_for_it() -> None:
    store = MemoryStorage().open("notes.md")
    buffer = TextBuffer.genesis(TEXT)
    store.append([Record(saver_module.GENESIS, b"rubbish"), Record(saver_module.LINEAGE, buffer.lineage)])
    kept = restore(store, author="ann")
    assert kept.buffer is not None and kept.buffer.text == "" and kept.buffer.lineage == buffer.lineage
    assert kept.saved == Version() and len(kept.damage) == 1
