"""`verify`: each damaged byte is noticed, nothing is changed, and a server may hold the store meanwhile."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest

from jpterm_like.storage import FolderStorage, Record, StorageError
from jpterm_like.storage.drive import Drive
from jpterm_like.storage.inspection import inspect, inspect_document
from tests.e2e.terminal import Serve, run
from tests.storage.conformance import records, yes


def keep(storage: FolderStorage) -> Path:
    """A document with everything that a folder can have: two generations, a sealed part, an open one, blobs."""
    store = storage.open("notes.md")
    for generation in range(2):
        store.append(records(b"x" * 50, b"y" * 50))
        store.snapshot(records(b"snapshot %d" % generation), yes)
    store.append(records(b"after the snapshot"))
    store.write_blob("base", b"the plain file\n")
    store.close()
    store = storage.open("notes.md")
    store.append(records(b"in the open part"))
    store.sync()
    return next(storage.folder.glob("notes.md-*"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As above, with the writer killed."""
    return keep(FolderStorage(tmp_path / "stores"))


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_is_whole_is_called_whole_and_read_as_an_opening_would(folder: Path) -> None:
    (found,) = inspect(folder.parent)
    assert found.name == "notes.md"
    assert found.damage == []
    assert [record.payload for record in found.loaded.records] == [
        b"snapshot 1",
        b"after the snapshot",
        b"in the open part",
    ]
    assert found.blobs == {"base": b"the plain file\n"}


@pytest.mark.parametrize("seed", range(8))
def test_each_flipped_bit_is_noticed_and_nothing_is_changed(
    seed: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In each file that has content, older generations included: 400 flips in all."""
    monkeypatch.setattr("jpterm_like.storage.inspection.PAUSE_S", 0.0)
    chance = random.Random(seed)
    files = sorted(path for path in folder.iterdir() if path.stat().st_size)
    assert {path.suffix for path in files} == {".log", ".snap", ".blob", ""}
    for number in range(50):
        path = files[number % len(files)]
        whole = path.read_bytes()
        bit = chance.randrange(8 * len(whole))
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        before = content(folder)
        (found,) = inspect(folder.parent)
        assert found.damage, f"seed {seed}: bit {bit} of {path.name}"
        assert any(path.name in sentence for sentence in found.damage)
        assert content(folder) == before
        path.write_bytes(whole)
    assert [found.damage for found in inspect(folder.parent)] == [[]]


def test_cut_files_and_those_set_aside_are_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jpterm_like.storage.inspection.PAUSE_S", 0.0)
    snap = max(folder.glob("*.snap"))
    snap.write_bytes(snap.read_bytes()[:-1])
    (folder / "0000000001-00000000.log.damaged").write_bytes(b"?")
    (found,) = inspect(folder.parent)
    assert len(found.damage) == 2
    assert any(snap.name in sentence for sentence in found.damage)
    assert any("0000000001-00000000.log.damaged was set aside" in sentence for sentence in found.damage)


def test_a_damaged_document_hides_no_other(folder: Path) -> None:
    other = FolderStorage(folder.parent).open("other.md")
    other.append(records(b"other"))
    other.close()
    for path in folder.glob("*.log"):
        path.write_bytes(b"rubbish")
    assert {found.name: bool(found.damage) for found in inspect(folder.parent)} == {
        "notes.md": True,
        "other.md": False,
    }


def test_a_store_that_is_being_written_is_whole(tmp_path: Path) -> None:
    """Segments are sealed, snapshots take their place and blobs change under the reading."""
    storage = FolderStorage(tmp_path / "stores")
    store = storage.open("notes.md")
    store.append(records(b"first"))
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            store.append([Record(2, b"%d" % number * 500)])
            if number % 5 == 0:
                store.write_blob("base", b"%d" % number * 500)
            if number % 20 == 0:
                store.snapshot(records(b"all"), yes)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(30):
            assert [found.damage for found in inspect(storage.folder)] in ([[]], [])
    finally:
        stop.set()
        writer.join()
    store.close()
    assert [found.damage for found in inspect(storage.folder)] == [[]]


def test_a_snapshot_at_any_call_of_the_reading_hides_no_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files that a snapshot replaces go at once; the document is there all the time, and so is what it says."""
    monkeypatch.setattr("jpterm_like.storage.inspection.PAUSE_S", 0.0)

    class WriterBetween(Drive):
        """Has the store written anew before the nth call."""

        def __init__(self, left: int) -> None:
            self.left = left

        def meet(self) -> None:
            self.left -= 1
            if self.left == 0:
                store.append(records(b"more"))
                store.snapshot(records(b"all"), yes)
                store.write_blob("base", b"new")

        def names(self, folder: Path) -> list[str]:
            self.meet()
            return super().names(folder)

        def size(self, path: Path) -> int:
            self.meet()
            return super().size(path)

        def read(self, path: Path, bytes_max: int, *, from_disk: bool = False) -> bytes:
            self.meet()
            return super().read(path, bytes_max, from_disk=from_disk)

    storage = FolderStorage(tmp_path / "stores")
    store = storage.open("notes.md")
    for calls in range(2, 60):
        store.append(records(b"first"))
        drive = WriterBetween(calls)
        found = inspect_document(next(storage.folder.glob("notes.md-*")), drive)
        if drive.left > 0:
            break
        assert found is not None and found.damage == [], f"written before call {calls}"
        assert [record.payload for record in found.loaded.records][:1] == [b"all"]
    else:
        raise AssertionError("the reading has no end")
    store.close()
    assert calls > 8


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be read: it is not there"):
        list(inspect(tmp_path / "stores"))


def test_the_command_tells_whole_and_damaged_while_a_server_runs(tmp_path: Path, home: Path) -> None:
    """Exit code 0 and 1, a sentence for each, and nothing is made or changed."""
    for name in ("one.md", "two.md"):
        (tmp_path / name).write_text(f"text of {name}\n")
    nothing = run("verify", str(tmp_path))
    assert (nothing.returncode, nothing.stdout) == (1, "")
    assert "nothing was served from there" in nothing.stderr
    mine = run("verify")
    assert (mine.returncode, mine.stdout) == (0, "0 documents, 0 damaged.\n")
    assert not list((home / "state").iterdir())
    server = Serve(tmp_path)
    try:
        for name in ("one.md", "two.md"):
            assert run("cat", f"{server.url}/{name}").stdout == f"text of {name}\n"
        whole = run("verify", str(tmp_path))
        assert whole.returncode == 0, whole.stdout + whole.stderr
        assert whole.stdout.endswith("2 documents, 0 damaged.\n")
        blob = next((tmp_path / ".jpterm-like").glob("one.md-*/base.blob"))
        raw = blob.read_bytes()
        blob.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
        damaged = run("verify", str(tmp_path))
        assert damaged.returncode == 1
        assert "damaged  one.md" in damaged.stdout
        assert "base.blob does not hold what was written to it." in damaged.stdout
        assert "whole  two.md" in damaged.stdout
        assert damaged.stdout.endswith("2 documents, 1 damaged.\n")
    finally:
        server.stop()
