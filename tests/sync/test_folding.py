"""A document that stays open for days: its store stays short, and nobody who types waits for that (F19)."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from crdt import TextBuffer, Version
from jpterm_like import saver as saver_module
from jpterm_like.saver import Saver, restore
from jpterm_like.storage import FolderStorage, StorageError
from jpterm_like.sync.pad import Pad
from tests.sync.network import simulate
from tests.sync.test_disks import DiskScene


def sizes(folder: Path) -> list[int]:
    return [path.stat().st_size for path in folder.rglob("*") if path.is_file()]


def test_f19_the_store_of_a_document_that_stays_open_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One types and deletes for an hour: the disk holds two generations at most, and all is there after a power loss."""
    monkeypatch.setattr(saver_module, "COMPACT_BYTES", 64 * 1024)

    async def story(chance: random.Random) -> None:
        scene = DiskScene(tmp_path, chance)
        ann = await scene.join("ann")
        assert ann.session is not None
        session = ann.session
        most = 0
        for minute in range(60):
            for number in range(40):
                session.replace(0, 0, f"<{minute}.{number}>" + "x" * 50)
                session.replace(100 if len(session.buffer) > 100 else 0, len(session.buffer), "")
                await asyncio.sleep(1.5)
            drive = scene.disk.drive
            most = max(most, sum(drive.size(path) for path in drive.files()))
        assert most < 4 * 64 * 1024
        await session.stored()
        text = session.text
        await scene.host.die(scene.network, power=True)
        store = scene.disk.open("notes.md")
        kept = restore(store, author="")
        store.close()
        assert kept.buffer is not None and kept.buffer.text == text and not kept.damage

    simulate(30, story)


def test_f19_what_is_typed_while_the_log_is_folded_comes_after_it(tmp_path: Path) -> None:
    """The snapshot is made of what was written before; the rest follows, with authorship, steps of undo and what was saved."""
    storage = FolderStorage(tmp_path)
    store = storage.open("notes.md")
    pad = Pad(TextBuffer.genesis("begun\n", author="ann"))
    saver = Saver(pad, store, Version())
    pad.replace(0, 0, "one ", 1.0)
    pad.mark_saved(pad.buffer.version)
    saver.write()
    fold = saver.prepare_compaction()
    pad.replace(0, 0, "two ", 100.0)
    saver.write()
    fold()
    pad.replace(0, 0, "three ", 200.0)
    saver.write()
    store.close()
    store = storage.open("notes.md")
    kept = restore(store, author="ann")
    assert kept.buffer is not None and not kept.damage
    assert kept.buffer.text == "three two one begun\n"
    assert kept.saved == pad.saved
    assert kept.buffer.authorship(0, 14) == pad.buffer.authorship(0, 14)
    for text in ("two one begun\n", "one begun\n", "begun\n"):
        kept.buffer.undo()
        assert kept.buffer.text == text
    store.close()
    storage.close()


def test_f19_a_log_that_went_bad_is_not_folded(tmp_path: Path) -> None:
    """A bit flips in what is to be folded: nothing is dropped, and the next opening mends it."""
    storage = FolderStorage(tmp_path)
    store = storage.open("notes.md")
    pad = Pad(TextBuffer.genesis("begun\n", author="ann"))
    saver = Saver(pad, store, Version())
    for number in range(5):
        pad.replace(0, 0, f"{number} ", 0.0)
        saver.write()
    fold = saver.prepare_compaction()
    store.sync()
    (path,) = tmp_path.glob("*/0*.log")
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    with pytest.raises(StorageError, match="is damaged"):
        fold()
    assert path.read_bytes() == raw and not list(tmp_path.glob("*/*.snap"))
    store.close()
    storage.close()
