"""The power goes at any call to the disk, and what was not flushed is lost in any combination.

A document is edited, stored, saved and compacted, by the real store on a disk in memory. It is cut off at each of its
calls in turn; `--cuts N` takes N of them, with `--seed` for the first (a failure names its own).
"""

from __future__ import annotations

import contextlib
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from crdt import TextBuffer, Version
from jpterm_like.saver import Saver, restore
from jpterm_like.storage import FolderStorage, Loaded, NewStore, Record, StorageError
from jpterm_like.sync.pad import Pad
from tests.storage.drive import MemoryDrive, PowerLost

FOLDER = Path("/home/ann/pads")
STEPS = 25
CUTS_OF_A_STORY = 25


class Life:
    """One document's life on a disk, and what was promised about it."""

    def __init__(self, chance: random.Random, drive: MemoryDrive) -> None:
        self.chance = chance
        self.drive = drive
        self.buffer = TextBuffer.genesis("begun\n", author="ann")
        """Everything that was ever typed."""
        self.promised = Version()
        """What was called stored."""
        self.noted: set[bytes | None] = {None}
        """What the blob may hold: the last content that was promised, and those tried since."""

    def live(self) -> None:
        pad, saver = self._opened()
        for step in range(STEPS):
            match self.chance.choices(("type", "store", "save", "compact", "open again"), (12, 6, 4, 2, 2))[
                0
            ]:
                case "type":
                    at = self.chance.randint(0, len(pad.buffer))
                    pad.replace(at, at, f"<{step}>" * self.chance.choice((1, 1, 200)), 0.0)
                    saver.write()
                case "store":
                    written = saver.written
                    saver.store.sync()
                    self.promised = written
                case "save":
                    raw = pad.buffer.text.encode()
                    self.noted.add(raw)
                    saver.store.write_blob("base", raw)
                    self.noted = {raw}
                case "compact":
                    saver.compact()
                    self.promised = saver.written
                case "open again":
                    saver.store.close()
                    pad, saver = self._opened()
        saver.store.close()
        self.promised = pad.buffer.version

    def _opened(self) -> tuple[Pad, Saver]:
        store = FolderStorage(FOLDER, self.drive).open("notes.md")
        kept = restore(store, author="ann")
        assert not kept.damage
        known = kept.buffer is not None
        if kept.buffer is not None:
            self.buffer = kept.buffer
        pad = Pad(self.buffer)
        return pad, Saver(pad, store, self.buffer.version if known else Version())

    def judge(self) -> None:
        """Opened twice, the same both times: all that was promised, and nothing that was not typed."""
        found = [self._found() for _ in range(2)]
        assert found[0] == found[1]
        version, text, note = found[0]
        assert self.promised <= version <= self.buffer.version
        assert text == (self.buffer.at(version) if version.items() else "")
        assert note in self.noted

    def _found(self) -> tuple[Version, str, bytes | None]:
        store = FolderStorage(FOLDER, self.drive).open("notes.md")
        kept = restore(store, author="ann")
        note = store.read_blob("base")
        store.close()
        buffer = kept.buffer or TextBuffer()
        return buffer.version, buffer.text, note


def story(seed: int, cut: int | None) -> int:
    """Live until the power goes at that call (None: at the end), judge, and return how many calls there were."""
    chance = random.Random(seed)
    drive = MemoryDrive(random.Random(f"{seed} {cut}"))
    life = Life(chance, drive)

    def fault(call: str) -> int | None:
        if cut is not None and drive.calls > cut:
            raise PowerLost
        return None

    drive.fault = fault
    with contextlib.suppress(PowerLost):
        life.live()
    calls = drive.calls
    drive.lose_power()
    drive.fault = lambda call: None
    try:
        life.judge()
    except (AssertionError, StorageError) as problem:
        problem.add_note(f"replay it with: pytest tests/storage/test_power.py --seed {seed} (cut {cut})")
        raise
    return calls


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" not in metafunc.fixturenames:
        return
    seed = metafunc.config.getoption("--seed")
    stories = -(-metafunc.config.getoption("--cuts") // CUTS_OF_A_STORY)
    metafunc.parametrize("seed", range(stories) if seed is None else [seed])


@pytest.mark.amount
def test_f32_what_was_called_stored_survives_a_power_loss_at_any_call(seed: int) -> None:
    calls = story(seed, None)
    for number in range(CUTS_OF_A_STORY):
        story(seed, 1 + number * calls // CUTS_OF_A_STORY)


NEW = [NewStore(f"{number}.md", [Record(1, b"%d" % number)] * 3, {"base": b"text"}) for number in range(3)]


async def creation(seed: int, cut: int | None) -> int:
    """Create some stores until the power goes at that call, judge, and return how many calls there were."""
    drive = MemoryDrive(random.Random(seed))

    def fault(call: str) -> int | None:
        if cut is not None and drive.calls > cut:
            raise PowerLost
        return None

    promised: set[str] = set()
    with ThreadPoolExecutor(1) as threads:
        storage = FolderStorage(FOLDER, drive, threads)
        storage.begin()
        drive.calls, drive.fault = 0, fault
        with contextlib.suppress(PowerLost):
            promised = await storage.create(NEW)
        calls = drive.calls
        drive.lose_power()
        drive.fault = lambda call: None
        found = storage.names()
        assert promised <= set(found) <= {new.name for new in NEW}, f"seed {seed}, cut {cut}"
        for name, records, blobs in NEW:
            store = storage.open(name)
            read = (store.load(), store.blobs())
            whole, nothing = (Loaded(list(records), []), blobs), (Loaded([], []), {})
            assert read == whole if name in found else read == nothing, f"seed {seed}, cut {cut}"
            store.append([Record(2, b"later")])
            store.close()
    return calls


async def test_f32_new_stores_are_whole_or_not_there_after_a_power_loss_at_any_call() -> None:
    """However many are made at once; what a creation leaves is no document, and none is damaged."""
    calls = await creation(0, None)
    assert calls > 30
    for seed in range(3):
        for cut in range(calls + 1):
            await creation(seed, cut)
