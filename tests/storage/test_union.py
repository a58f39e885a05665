"""Stores of one document that were copied together are the union of what was written into each.

Several machines have a store of the same document each, and a carrier that knows nothing of it copies files from one to the
other: in any order, some of them, twice, in the midst of writing. `--seeds N` histories; a failure names its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
from pathlib import Path

import pytest

from crdt import TextBuffer, Version
from jpterm_like.saver import RestoredPad, Saver, rebuild, restore
from jpterm_like.server.load_document import open_document
from jpterm_like.storage import FolderStorage, Store, inspection, log
from jpterm_like.storage.base import Record
from jpterm_like.storage.disk_layout import Part, PartContent, parse_part
from jpterm_like.storage.inspection import inspect
from jpterm_like.storage.live_parts import LiveParts
from jpterm_like.sync.pad import Pad
from tests.storage.drive import MemoryDrive, PowerLost

FOLDER = Path("/stores")
NAME = "notes.md"
TEXT = "begun\n"
UNKNOWN = 77
STEPS = 30


class Machine:
    """One copy of the store, with an opening of it now and then; and the tokens that it must have."""

    def __init__(self, name: str, chance: random.Random) -> None:
        self.name = name
        self.chance = chance
        self.drive = MemoryDrive(chance)
        self.has: set[str] = set()
        """The slow twin: what was written here, or in what was copied here as a whole."""
        self.store: Store | None = None
        self.count = 0

    def open(self) -> RestoredPad:
        """Begin an opening. What it reads must have everything."""
        self.close()
        self.store = store = FolderStorage(FOLDER, self.drive).open(NAME)
        seen = next(inspect(FOLDER, self.drive), None)
        expected = None if seen is None else rebuild(seen.loaded, author="").buffer
        kept = restore(store, author=self.name)
        found = kept.buffer
        if found is None:
            found = TextBuffer.genesis(TEXT, author=self.name)
        if expected is not None:
            assert expected.version == found.version, "inspection reads what an opening reads"
        self.pad = Pad(found)
        known = kept.buffer is not None
        self.saver = Saver(
            self.pad,
            store,
            found.version if known else Version(),
            found.own_sites if known else (),
            genesis=b"" if known else TEXT.encode(),
        )
        self.saver.begin()
        unknown = {record.payload.decode() for record in kept.carried if record.kind == UNKNOWN}
        lacking = {token for token in self.has if token not in found.text and token not in unknown}
        assert not lacking, f"{self.name} lacks {lacking} of {found.text!r} and {unknown}"
        doubled = {token for token in self.has if found.text.count(token) > 1}
        assert not doubled, f"{self.name} has {doubled} twice"
        return kept

    def write(self) -> None:
        if self.store is None:
            self.open()
        assert self.store is not None
        self.count += 1
        token = f"<{self.name}{self.count}>"
        at = 0 if self.chance.random() < 0.5 else len(self.pad.buffer)
        if self.chance.random() < 0.1:
            self.store.append([Record(UNKNOWN, token.encode())])
        else:
            self.pad.replace(at, at, token, 0.0)
        self.saver.write()
        self.has.add(token)

    def fold(self) -> None:
        if self.store is None:
            self.open()
        if self.chance.random() < 0.5:
            self.saver.prepare_compaction()()
        else:
            self.open()  # what it does not know it must not put itself in the place of: so all is read before
            self.saver.compact()

    def close(self) -> None:
        if self.store is not None:
            self.store.close()
            self.store = None

    def crash(self) -> None:
        """The process is killed, or the power goes, at some call of an opening and a compaction. What was stored is there."""
        calls = self.chance.randint(0, 30)

        def fault(call: str) -> None:
            nonlocal calls
            calls -= 1
            if calls < 0:
                raise PowerLost

        if self.store is not None:
            self.store.sync()
        loses_power = self.store is not None and self.chance.random() < 0.5
        self.drive.fault = fault
        with contextlib.suppress(PowerLost):
            self.fold()
            self.close()
        self.drive.fault = lambda call: None
        self.store = None
        if loses_power:
            self.drive.lose_power()
        else:
            self.drive.kill()

    def copy_from(self, other: Machine) -> None:
        """Some or all of another machine's files, in any order; those that are being written as far as they have come."""
        names = [
            path for path in other.drive.files() if path.name != "lock" and not path.name.endswith(".tmp")
        ]
        whole = self.chance.random() < 0.6
        self.chance.shuffle(names)
        chosen = names if whole else self.chance.sample(names, self.chance.randint(0, len(names)))
        for path in chosen:
            data = other.drive.read(path, 1 << 30)
            part = parse_part(path)
            is_open = part is not None and part.hash is None
            if is_open and self.drive.exists(path) and self.drive.size(path) >= len(data):
                continue  # as a carrier sees it, it is the newer one
            self.drive.bring(path, data)
        if whole:
            self.has |= other.has


def live(chance: random.Random) -> None:
    machines = [Machine(name, chance) for name in "abcd"[: chance.randint(2, 4)]]
    for _ in range(STEPS):
        machine = chance.choice(machines)
        match chance.choices(("write", "open", "fold", "close", "crash", "copy"), (8, 2, 3, 2, 1, 4))[0]:
            case "write":
                machine.write()
            case "open":
                machine.open()
            case "fold":
                machine.fold()
            case "close":
                machine.close()
            case "crash":
                machine.crash()
            case "copy":
                other = chance.choice(machines)
                if other is not machine:
                    if machine.store is not None and chance.random() < 0.5:
                        machine.close()
                    machine.copy_from(other)
    texts: set[str] = set()
    for machine in machines:
        machine.close()
    everything = set().union(*(machine.has for machine in machines))
    for machine in machines:
        for other in machines:
            if other is not machine:
                for path in other.drive.files():
                    if path.name != "lock" and not path.name.endswith(".tmp"):
                        machine.drive.bring(path, other.drive.read(path, 1 << 30))
        machine.has = everything
        kept = machine.open()
        assert kept.damage == []
        texts.add(machine.pad.buffer.text)
        machine.saver.prepare_compaction()()
        machine.open()
        machine.saver.prepare_compaction()()
        machine.open()
        assert machine.pad.buffer.text in texts
        machine.close()
    assert len(texts) == 1, texts


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        seed = metafunc.config.getoption("--seed")
        seeds = metafunc.config.getoption("--unions")
        metafunc.parametrize("seed", range(seeds) if seed is None else [seed])


@pytest.mark.amount
def test_stores_that_were_copied_together_are_the_union(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was written into one of the copies is in each that has its files, however far each had got with compacting."""
    monkeypatch.setattr(inspection, "PAUSE_S", 0.0)
    try:
        live(random.Random(seed))
    except AssertionError as problem:
        problem.add_note(f"replay it with: pytest tests/storage/test_union.py --seed {seed}")
        raise


@pytest.mark.parametrize(
    ("names", "counting"),
    [
        # One machine: a snapshot of 0.1.0 means all lower numbers.
        (["3a.snap", "4b.log", "5c.log", "7d.snap", "8e.log"], ["7d.snap", "8e.log"]),
        (["1a.log", "2b.log", "3c.snap", "4d.log"], ["3c.snap", "4d.log"]),
        # Two: one number was given twice.
        (["1a.log", "1b.log", "2c.snap"], ["1a.log", "1b.log", "2c.snap"]),
        # There is something below the older of two snapshots.
        (["1a.log", "2b.snap", "3c.log", "4d.snap"], ["1a.log", "2b.snap", "3c.log", "4d.snap"]),
        # There are more snapshots than one machine leaves.
        (["2a.snap", "4b.snap", "6c.snap", "7d.log"], ["2a.snap", "4b.snap", "6c.snap", "7d.log"]),
    ],
)
def test_a_snapshot_of_release_0_1_0_means_all_lower_numbers_where_that_is_safe(
    names: list[str], counting: list[str]
) -> None:
    """It names nothing. A store of one machine opens as ever; once something shows that several wrote it, all of it is read."""
    parts = {
        Part(Path(name), int(name[0]), name[1].encode() * 4, name[1] * 16, name.endswith(".snap")): name
        for name in names
    }
    choice = LiveParts(parts)
    found: list[str] = []
    for part in choice.snapshots():
        found.append(parts[part])
        choice.take(PartContent(part, b"", log.Scan(b"", [Record(3, b"")], [])))
    found += [parts[part] for copies in choice.segments() for part in copies]
    assert sorted(found) == counting


@pytest.mark.parametrize("folds", ["", "bob begins", "bob", "ann", "ann bob"])
@pytest.mark.parametrize("copied", ["store", "file", "both"])
def test_a_note_of_another_machine_on_the_plain_file_deletes_nothing(
    tmp_path: Path, copied: str, folds: str
) -> None:
    """Each machine has saved twice; a carrier brings the store with its note on the file before the file, or after it, or both."""
    for who in ("ann", "bob"):
        (tmp_path / who).mkdir()
        (tmp_path / who / NAME).write_text(TEXT)
        for line in ("was", "is"):
            store = FolderStorage(tmp_path / who / "stores").open(NAME)
            document, _ = open_document(NAME, tmp_path / who / NAME, None, store)
            if folds == f"{who} begins" and line == "was":
                document.saver.compact()
            document.pad.replace(len(TEXT), len(TEXT), f"{who} {line} here\n", 0.0)
            asyncio.run(document.save())
            if who in folds.split() and line == "was" and "begins" not in folds:
                document.saver.write()
                document.saver.prepare_compaction()()
            asyncio.run(document.close())
    (theirs,) = (tmp_path / "bob" / "stores").glob("notes*")
    (mine,) = (tmp_path / "ann" / "stores").glob("notes*")
    if copied != "file":
        shutil.copytree(theirs, mine, dirs_exist_ok=True)
    else:
        for path in theirs.glob("0*"):
            shutil.copy(path, mine / path.name)
    if copied != "store":
        shutil.copy(tmp_path / "bob" / NAME, tmp_path / "ann" / NAME)
    wanted = sorted(["begun", *(f"{who} {line} here" for who in ("ann", "bob") for line in ("was", "is"))])
    for _ in range(2):
        store = FolderStorage(tmp_path / "ann" / "stores").open(NAME)
        document, damage = open_document(NAME, tmp_path / "ann" / NAME, None, store)
        assert damage == []
        assert sorted(document.pad.buffer.text.splitlines()) == wanted
        asyncio.run(document.save())
        assert (tmp_path / "ann" / NAME).read_text() == document.pad.buffer.text
        asyncio.run(document.close())
