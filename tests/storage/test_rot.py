"""Bits flip and ends are lost in every file of a store: noticed, never served, the rest read, and repaired by a peer.

The stores are made by the real saver: one as a server keeps it, one as a client's journal. `--rot N` damages N files,
`--seed` names the first (a failure names its own).
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import pytest

from crdt import TextBuffer, Version
from jpterm_like.saver import REPLICA, RestoredPad, Saver, restore
from jpterm_like.storage import FolderStorage, Store, log
from jpterm_like.storage import inspection as inspection_module
from jpterm_like.storage.base import Record
from jpterm_like.storage.disk_layout import parse_part
from jpterm_like.storage.inspection import inspect
from jpterm_like.storage.memory import MemoryStorage
from jpterm_like.sync.pad import Pad
from tests.crdt.test_hostile import deflated, inflated
from tests.storage.drive import MemoryDrive

FOLDER = Path("/stores")
HITS_OF_A_STORE = 100


@dataclass
class Kind:
    """A document's store and what is in it."""

    drive: MemoryDrive
    buffer: TextBuffer
    saved: Version
    blobs: dict[str, bytes]


def grown(chance: random.Random, *, journal: bool) -> Kind:
    """Several openings, two generations of snapshots, sealed and open segments, notes; the last opening was killed."""
    drive = MemoryDrive(chance)
    buffer, written = TextBuffer.genesis("begun\n", author="ann"), Version()
    saved = buffer.version
    blobs: dict[str, bytes] = {}
    for opening in range(5):
        store = FolderStorage(FOLDER, drive).open("notes.md")
        kept = restore(store, author="ann")
        buffer = kept.buffer or buffer
        pad = Pad(buffer)
        pad.saved = saved
        saver = Saver(
            pad,
            store,
            written,
            buffer.own_sites if kept.buffer else (),
            genesis=b"" if kept.buffer else b"begun\n",
        )
        for step in range(chance.randint(3, 12)):
            at = chance.randint(0, len(buffer))
            pad.replace(at, at, f"<{opening}.{step}>" * chance.choice((1, 1, 30)), 0.0)
            if chance.random() < 0.2:
                pad.replace(0, min(3, len(buffer)), "", 0.0)
            if journal:
                pad.mark_stored(buffer.version)
            saver.write(with_stored=journal)
        store.sync()
        if not journal:
            raw = buffer.text.encode()
            store.write_blob("next", raw)
            pad.mark_saved(buffer.version)
            saver.write()
            store.write_blob("base", raw)
            blobs = {"next": raw, "base": raw}
        if opening in (1, 3):
            saver.prepare_compaction()()
        saved, written = pad.saved, saver.written
        if opening < 4:
            store.close()
    drive.kill()
    return Kind(drive, buffer, saved, blobs)


def damaged(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data))
    if chance.random() < 0.3:
        return data[:place]
    return data[:place] + bytes([data[place] ^ 1 << chance.randrange(8)]) + data[place + 1 :]


def opened(drive: MemoryDrive) -> tuple[RestoredPad, Store, list[str]]:
    store = FolderStorage(FOLDER, drive).open("notes.md")
    kept = restore(store, author="ann")
    return kept, store, [*kept.damage, *store.damage]


def tells_nothing(path: Path, data: bytes) -> bool:
    """Whether the open segment ends after one of its records, or before the first: as if the rest was never written."""
    part = parse_part(path)
    return part is not None and part.hash is None and not log.scan(data, part.salt).holes


def judge(kind: Kind, drive: MemoryDrive, path: Path, *, silent: bool) -> None:
    truth = kind.buffer
    assert silent or any(
        path.name in sentence for found in inspect(FOLDER, drive) for sentence in found.damage
    )
    kept, store, _ = opened(drive)
    blobs = {name: store.read_blob(name) for name in kind.blobs}
    damage = [*kept.damage, *store.damage]
    buffer = kept.buffer or TextBuffer(lineage=truth.lineage)
    # What is served was the text once, and what is missing is said.
    assert buffer.version <= truth.version
    assert buffer.text == (truth.at(buffer.version) if buffer.version.items() else "")
    if not damage and not silent:
        assert (buffer.version, kept.saved, blobs) == (truth.version, kind.saved, kind.blobs)
    for name, content in blobs.items():
        assert content in (kind.blobs[name], None)
    # A peer has it all: so has the store afterwards, and the damage is told once.
    pad = Pad(buffer)
    saver = Saver(pad, store, buffer.version if kept.buffer else Version())
    pad.integrate(truth.changes_since(buffer.version), origin="peer")
    assert buffer.text == truth.text
    saver.write()
    store.close()
    again, store, damage = opened(drive)
    assert again.buffer is not None and again.buffer.text == truth.text
    assert again.buffer.version == truth.version
    assert damage == []
    store.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        seed = metafunc.config.getoption("--seed")
        stores = -(-metafunc.config.getoption("--rot") // HITS_OF_A_STORE)
        metafunc.parametrize("seed", range(stores) if seed is None else [seed])


@pytest.mark.amount
def test_f31_damage_is_noticed_never_served_and_mended_by_a_peer(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspection_module, "PAUSE_S", 0.0)
    chance = random.Random(seed)
    kind = grown(chance, journal=bool(seed % 2))
    assert [found.damage for found in inspect(FOLDER, kind.drive)] == [[]]
    files = [path for path in kind.drive.files() if path.name != "lock"]
    assert {path.suffix for path in files} >= {".log", ".snap", ""}
    for number in range(HITS_OF_A_STORE):
        path = files[number % len(files)]
        drive = kind.drive.copy()
        whole = drive.read(path, 1 << 30)
        drive.replace(path, damaged(whole, chance))
        try:
            judge(kind, drive, path, silent=tells_nothing(path, drive.read(path, 1 << 30)))
        except AssertionError as problem:
            problem.add_note(
                f"replay it with: pytest tests/storage/test_rot.py --seed {seed} ({number}, {path.name})"
            )
            raise


def test_f31_a_replica_that_contradicts_itself_is_told_and_not_served() -> None:
    """Whole by its checksums, with another text than its pages have: only the text was looked at when it was read, and the
    first who asked for its version failed."""
    whole = TextBuffer.genesis("ab", author="ann").encode()
    forged = deflated(whole, [b"abc", *inflated(whole)[1:]])
    assert TextBuffer.decode(forged).text == "abc"
    store = MemoryStorage().open("notes.md")
    store.append([Record(REPLICA, forged)])
    kept = restore(store, author="ann")
    assert kept.buffer is None
    assert len(kept.damage) == 1
