"""The storage in a folder: what a crash, a broken disk or a stray hand does to it."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jpterm_like.files import disk
from jpterm_like.storage import (
    FolderStorage,
    Record,
    Storage,
    StorageError,
    Store,
    StoreBusy,
    StoreLost,
    SyncFailed,
    disk_layout,
    segments,
)
from jpterm_like.storage.folder import FolderStore
from jpterm_like.storage.memory import MemoryStorage
from tests.full_disk import room_for
from tests.storage.conformance import StorageConformance, records, yes

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[FolderStorage]:
    storage = FolderStorage(tmp_path / "state" / "pads")
    yield storage
    storage.close()


class TestFolderStorage(StorageConformance):
    def reopened(self, storage: Storage) -> Storage:
        assert isinstance(storage, FolderStorage)
        storage.close()
        return FolderStorage(storage.folder)


def filled(storage: FolderStorage, *payloads: bytes) -> Path:
    """A closed document "notes.md" with these records; returns its folder."""
    store = storage.open("notes.md")
    store.append(records(*payloads))
    store.close()
    return document(storage)


def document(storage: FolderStorage) -> Path:
    (path,) = storage.folder.glob("notes.md-*")
    return path


def unsealed(folder: Path) -> Path:
    """The only segment, as it is before it is sealed: with the name that a crash would have left."""
    (path,) = folder.glob("*.log")
    number, salt = path.stem.split("-")[:2]
    return path.rename(folder / f"{number}-{salt}.log")


def reload(storage: FolderStorage) -> tuple[list[bytes], list[str]]:
    store = storage.open("notes.md")
    loaded = store.load()
    store.close()
    return [record.payload for record in loaded.records], loaded.damage


def snapshot_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# The folder


def test_only_the_owner_can_look(storage: FolderStorage) -> None:
    umask = os.umask(0)
    try:
        store = storage.open("notes.md")
        store.append(records(b"x"))
        store.snapshot(records(b"X"), yes)
        store.write_blob("base", b"text")
        store.append(records(b"y"))
        store.close()
    finally:
        os.umask(umask)
    assert stat.S_IMODE(storage.folder.stat().st_mode) == 0o700
    for path in storage.folder.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_file_names_tell_what_they_are(storage: FolderStorage) -> None:
    store = storage.open("notes.md")
    store.append(records(b"a"))
    store.snapshot(records(b"A"), yes)
    store.append(records(b"b"))
    kinds = sorted(
        (path.name[:10], path.name.count("-"), path.suffix) for path in document(storage).glob("0*")
    )
    assert kinds == [("0000000001", 2, ".log"), ("0000000002", 2, ".snap"), ("0000000003", 1, ".log")]
    store.close()
    assert all(path.name.count("-") == 2 for path in document(storage).glob("0*"))


def test_a_document_that_gets_nothing_leaves_no_folder(storage: FolderStorage) -> None:
    store = storage.open("notes.md")
    store.load()
    store.sync()
    store.close()
    assert list(storage.folder.iterdir()) == []


def test_what_is_no_file_of_ours_is_left_alone(storage: FolderStorage) -> None:
    folder = filled(storage, b"a")
    (folder / "README").write_text("hello")
    (folder / "0000000009-zz.log").write_text("hello")
    (storage.folder / ".DS_Store").write_text("hello")
    (storage.folder / ("x-" + "0" * 32)).write_text("hello")
    assert reload(storage) == ([b"a"], [])
    assert storage.names() == ["notes.md"]
    assert (folder / "README").exists()


def test_a_held_document_is_busy_for_other_processes_until_they_die(storage: FolderStorage) -> None:
    program = (
        "import sys, pathlib; from jpterm_like.storage import *\n"
        "store = FolderStorage(pathlib.Path(sys.argv[1])).open('notes.md'); print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, storage.folder],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdin and holder.stdout
    with holder, holder.stdin, holder.stdout:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(StoreBusy, match=r"notes\.md is already open"):
            storage.open("notes.md")
        holder.kill()
        holder.wait()
    storage.open("notes.md").close()


def test_f31_one_damaged_document_hides_no_other(storage: FolderStorage) -> None:
    names = ["broken everywhere", "broken name", "no rights", "whole"]
    for name in names:
        store = storage.open(name)
        store.append(records(b"x"))
        store.close()
    (broken,) = storage.folder.glob("broken-everywhere-*")
    for path in broken.iterdir():
        path.write_bytes(b"\0\xff" * 50)
    (broken_name,) = storage.folder.glob("broken-name-*")
    (broken_name / "name").write_bytes(b"another name")
    # Whose very name is lost cannot be listed; it can still be opened by its name.
    assert storage.names() == names[1:]
    store = storage.open(names[0])
    loaded = store.load()
    assert loaded.records == [] and len(loaded.damage) == 1
    store.append(records(b"new"))
    store.close()
    assert storage.names() == names


def test_a_deletion_that_a_crash_cut_short_is_finished_by_the_next(
    storage: FolderStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(storage, b"x")

    def crash(path: Path) -> None:
        raise OSError(errno.EIO, "")

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", crash)
        with pytest.raises(StorageError, match="cannot be removed: the disk reports an error"):
            storage.delete("notes.md")
    assert storage.names() == []
    filled(storage, b"new")
    storage.delete("notes.md")
    assert list(storage.folder.iterdir()) == []


# After a crash


def test_f32_kill_9_at_any_instant_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """A process appends, syncs and takes snapshots, and says what was acknowledged; it is killed somewhere in that."""
    program = """
import sys, pathlib, random
from jpterm_like.storage import *
source = random.Random(int(sys.argv[2]))
store = FolderStorage(pathlib.Path(sys.argv[1])).open("notes.md")
kept = [record.payload for record in store.load().records]
kept = kept[0].split() + kept[1:] if kept and kept[0].startswith(b" ") else kept
number = int(kept[-1]) if kept else 0
while True:
    number += 1
    store.append([Record(1, b"%d" % number)])
    kept.append(b"%d" % number)
    if source.random() < 0.2:
        store.sync()
    if source.random() < 0.1:
        store.snapshot([Record(1, b" " + b" ".join(kept))], lambda read: True)
    print(number, flush=True)
"""
    source = random.Random(32)
    last = 0
    for round_number in range(15):
        process = subprocess.Popen(
            [sys.executable, "-c", program, tmp_path, str(round_number)], cwd=ROOT, stdout=subprocess.PIPE
        )
        assert process.stdout
        with process, process.stdout:
            for _ in range(source.randint(1, 60)):
                last = int(process.stdout.readline())
            process.kill()
            rest = process.stdout.read().split(b"\n")[:-1]
            last = int(rest[-1]) if rest else last
        storage = FolderStorage(tmp_path)
        store = storage.open("notes.md")
        loaded = store.load()
        words = b" ".join(record.payload for record in loaded.records).split()
        assert loaded.damage == []
        # One more may have been appended and not said.
        assert [int(word) for word in words] in (list(range(1, last + 1)), list(range(1, last + 2)))
        store.close()
        storage.close()


def test_power_loss_at_any_byte_keeps_all_whole_records(storage: FolderStorage) -> None:
    payloads = [b"first", b"", b"x" * 300, b"last one"]
    folder = filled(storage, *payloads)
    path = unsealed(folder)
    whole = path.read_bytes()
    ends = [whole.index(payload) + len(payload) for payload in payloads if payload]
    for size in range(len(whole)):
        shutil.rmtree(folder)
        folder.mkdir()
        (folder / path.name).write_bytes(whole[:size])
        found, damage = reload(storage)
        assert [payload for payload in found if payload] == [
            payload
            for payload, end in zip((payloads[0], payloads[2], payloads[3]), ends, strict=True)
            if end <= size
        ], size
        kept = b"".join(part.read_bytes() for part in folder.glob("*.tail.damaged"))
        sealed = b"".join(part.read_bytes() for part in folder.glob("*.log"))
        # A tail of zeros alone is dropped: room that was never written. The salt may happen to end with one.
        assert whole[:size] == sealed + kept + bytes(size - len(sealed + kept)), size
        assert len(damage) == bool(kept)
        # Once repaired it stays so, and goes on.
        store = storage.open("notes.md")
        assert store.load().damage == []
        store.append(records(b"next"))
        assert [record.payload for record in store.load().records] == [*found, b"next"]
        store.close()


def test_zeros_at_the_end_are_cut_without_a_word(storage: FolderStorage) -> None:
    """File systems that note the length before the content leave them after a power cut."""
    path = unsealed(filled(storage, b"a", b"b"))
    path.write_bytes(path.read_bytes() + bytes(5000))
    assert reload(storage) == ([b"a", b"b"], [])
    assert list(path.parent.glob("*.damaged")) == []


def test_a_torn_end_is_kept_aside_and_told(storage: FolderStorage) -> None:
    path = unsealed(filled(storage, b"a", b"b" * 100))
    path.write_bytes(path.read_bytes()[:-10])
    found, damage = reload(storage)
    assert found == [b"a"]
    assert len(damage) == 1
    assert damage[0].startswith(
        "The last change to notes.md was not completely written before a crash (103 bytes, kept)"
    )
    assert reload(storage) == ([b"a"], [])


def test_an_empty_segment_is_no_damage(storage: FolderStorage) -> None:
    path = unsealed(filled(storage, b"a"))
    path.write_bytes(b"")
    assert reload(storage) == ([], [])


class Crash(BaseException):
    """The power goes."""


class Fuse:
    """Stops the process model at the nth call that changes something on the disk."""

    CALLS = (
        (disk, "write_all"), (disk, "flush"), (disk, "flush_folder"),
        (os, "rename"), (os, "unlink"), (os, "truncate"), (os, "ftruncate"),
    )  # fmt: skip

    def __init__(self, monkeypatch: pytest.MonkeyPatch, failure: BaseException) -> None:
        self.left = -1
        self.failure = failure
        for module, name in self.CALLS:
            monkeypatch.setattr(module, name, self.around(getattr(module, name)))

    def around(self, call):  # type: ignore[no-untyped-def]
        def guarded(*arguments, **options):  # type: ignore[no-untyped-def]
            if self.left == 0:
                if call is not None and call.__name__ == "write_all":
                    os.write(arguments[0], arguments[1][: len(arguments[1]) // 2])
                raise self.failure
            self.left -= 1
            return call(*arguments, **options)

        return guarded


def grown(store: FolderStore) -> None:
    """A history with two generations, and records after the newest snapshot."""
    for step in (b"1", b"2", b"3"):
        store.append(records(b"op" + step))
        store.snapshot(records(b"snap" + step), yes)
    store.append(records(b"op4"))
    store.sync()


@pytest.mark.parametrize("at", range(30))
def test_a_crash_at_any_step_of_a_snapshot_costs_nothing(
    storage: FolderStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    store = storage.open("notes.md")
    grown(store)
    store.append(records(b"op5"))
    fuse = Fuse(monkeypatch, Crash())
    fuse.left = at
    done = False
    with contextlib.suppress(Crash):
        store.snapshot(records(b"snap5"), yes)
        done = True
    fuse.left = -1
    after = FolderStorage(tmp_path / "after")
    shutil.copytree(storage.folder, after.folder)
    found, damage = reload(after)
    assert found in ([b"snap3", b"op4", b"op5"], [b"snap5"])
    assert not done or found == [b"snap5"]
    assert damage == []
    assert not list(document(after).glob("*.tmp"))
    after.close()


@pytest.mark.parametrize("at", range(30))
def test_an_error_at_any_step_of_a_snapshot_costs_nothing(
    storage: FolderStorage, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    store = storage.open("notes.md")
    grown(store)
    store.append(records(b"op5"))
    fuse = Fuse(monkeypatch, OSError(errno.ENOSPC, "No space left on device"))
    fuse.left = at
    with contextlib.suppress(StorageError):
        store.snapshot(records(b"snap5"), yes)
    fuse.left = -1
    store.append(records(b"op6"))
    store.sync()
    found = [record.payload for record in store.load().records]
    assert found in ([b"snap3", b"op4", b"op5", b"op6"], [b"snap5", b"op6"])
    store.snapshot(records(b"snap6"), yes)
    store.close()
    assert reload(storage) == ([b"snap6"], [])


@pytest.mark.parametrize("at", range(12))
def test_a_crash_while_damage_is_repaired_costs_nothing(
    storage: FolderStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    folder = filled(storage, b"aaaa", b"bbbb", b"cccc")
    (path,) = folder.glob("*.log")
    path.write_bytes(path.read_bytes().replace(b"bbbb", b"bXbb"))
    store = storage.open("notes.md")
    fuse = Fuse(monkeypatch, Crash())
    fuse.left = at
    with contextlib.suppress(Crash):
        store.load()
    fuse.left = -1
    after = FolderStorage(tmp_path / "after")
    shutil.copytree(storage.folder, after.folder)
    assert reload(after)[0] == [b"aaaa", b"cccc"]
    assert reload(after) == ([b"aaaa", b"cccc"], [])
    after.close()


# Damage


def test_a_bad_record_in_the_middle_takes_no_other_with_it(storage: FolderStorage) -> None:
    for is_sealed in (True, False):
        folder = filled(storage, b"aaaa", b"bbbb", b"cccc", b"dddd")
        (path,) = folder.glob("*.log")
        if not is_sealed:
            path = unsealed(folder)
        bad = path.read_bytes().replace(b"bbbb", b"bXbb")
        path.write_bytes(bad)
        found, damage = reload(storage)
        assert found == [b"aaaa", b"cccc", b"dddd"]
        assert len(damage) == 1 and damage[0].startswith(
            "17 bytes of a part of notes.md are damaged; the rest was read"
        )
        (aside,) = folder.glob("*.damaged")
        assert aside.read_bytes() == bad
        assert str(aside) in damage[0]
        # Repaired: whole the next time, and nothing is set aside twice.
        assert reload(storage) == ([b"aaaa", b"cccc", b"dddd"], [])
        storage.delete("notes.md")


def test_frames_that_are_pasted_into_a_text_are_not_taken_for_frames(storage: FolderStorage) -> None:
    """A user keeps a copy of a segment in a note; then the record around it is damaged."""
    (inner,) = filled(storage, b"inner").glob("*.log")
    pasted = inner.read_bytes()
    storage.delete("notes.md")
    (path,) = filled(storage, b"aaaa", pasted + b"!", b"cccc").glob("*.log")
    path.write_bytes(path.read_bytes().replace(pasted + b"!", pasted + b"?"))
    assert reload(storage)[0] == [b"aaaa", b"cccc"]


@pytest.mark.parametrize("seed", range(150))
def test_flipped_bits_and_cut_files_are_noticed_and_never_served(storage: FolderStorage, seed: int) -> None:
    """Whatever is broken in one file: what comes back was stored, in order, and once; the rest of the log is whole."""
    source = random.Random(seed)
    store = storage.open("notes.md")
    grown(store)
    store.append(records(*(b"%d " % number * source.choice([1, 5, 50]) for number in range(5, 20))))
    if source.random() < 0.5:
        store.cut()
    store.append(records(*(b"%d " % number for number in range(20, 25))))
    store.write_blob("base", b"text")
    store.close()
    if source.random() < 0.3:
        last = max(document(storage).glob("*.log"))
        last.rename(last.with_name("-".join(last.stem.split("-")[:2]) + ".log"))
    whole, _ = reload(storage)
    victim = source.choice([path for path in sorted(document(storage).iterdir()) if path.name != "lock"])
    data = bytearray(victim.read_bytes())
    match source.randint(0, 3):
        case 0:
            data[source.randrange(len(data))] ^= 1 << source.randrange(8)
        case 1:
            del data[source.randrange(len(data)) :]
        case 2:
            at = source.randrange(len(data))
            data[at : at + 40] = source.randbytes(source.randint(0, 60))
        case 3:
            data += source.randbytes(30)
    victim.write_bytes(data)

    store = storage.open("notes.md")
    loaded = store.load()
    base = store.read_blob("base")
    found = [record.payload for record in loaded.records]
    old_generation = [b"snap2", b"op3"]
    expected = {b"snap3", b"op4", *whole, *old_generation}
    assert base in (b"text", None) and (base is None) == (victim.name == "base.blob")
    if ".snap" in victim.name and found[:1] != [b"snap3"]:
        assert found[: len(old_generation)] == old_generation
        assert found[len(old_generation) :] == whole[1:]
    elif victim.suffix == ".log":
        assert set(found) <= expected
        assert found == [payload for payload in whole if payload in found]
        if victim != max(document(storage).glob("0*.log*")):
            assert found[0] == b"snap3"
    else:
        assert found == whole
    if found != whole or base is None:
        assert store.damage
    store.append(records(b"next"))
    store.close()
    found_again, damage = reload(storage)
    assert found_again == [*found, b"next"]
    assert damage == []
    assert storage.names() == ["notes.md"]


def test_a_damaged_snapshot_is_replaced_by_the_generation_before(storage: FolderStorage) -> None:
    store = storage.open("notes.md")
    grown(store)
    store.close()
    newest = max(document(storage).glob("*.snap"))
    newest.write_bytes(newest.read_bytes().replace(b"snap3", b"snapX"))
    found, damage = reload(storage)
    assert found == [b"snap2", b"op3", b"op4"]
    assert len(damage) == 1 and "compacted history of notes.md is damaged" in damage[0]
    # The next snapshot keeps the generation that is good.
    store = storage.open("notes.md")
    store.load()
    store.snapshot(records(b"snap5"), yes)
    store.close()
    newest = max(document(storage).glob("*.snap"))
    newest.write_bytes(b"")
    assert reload(storage)[0] == [b"snap2", b"op3", b"op4"]


def test_a_generation_that_is_to_be_kept_is_read_before_anything_is_dropped(storage: FolderStorage) -> None:
    """The previous snapshot went bad unnoticed; what it covers is then not dropped."""
    store = storage.open("notes.md")
    grown(store)
    newest = max(document(storage).glob("*.snap"))
    newest.write_bytes(newest.read_bytes().replace(b"snap3", b"snapX"))
    store.snapshot(records(b"snap5"), yes)
    store.close()
    max(document(storage).glob("*.snap")).write_bytes(b"")
    assert reload(storage)[0] == [b"snap2", b"op3", b"op4"]


def test_the_last_readable_part_of_a_snapshot_is_better_than_nothing(storage: FolderStorage) -> None:
    store = storage.open("notes.md")
    store.append(records(b"op1"))
    store.snapshot(records(b"aaaa", b"bbbb"), yes)
    store.append(records(b"op2"))
    store.close()
    folder = document(storage)
    min(folder.glob("*.log")).unlink()
    (path,) = folder.glob("*.snap")
    path.write_bytes(path.read_bytes().replace(b"aaaa", b"aXaa"))
    found, damage = reload(storage)
    assert found == [b"bbbb", b"op2"]
    assert len(damage) == 1


def test_a_part_that_cannot_be_read_hides_no_other(storage: FolderStorage) -> None:
    store = storage.open("notes.md")
    for payload in (b"a", b"b", b"c"):
        store.append(records(payload))
        store.cut()
    store.close()
    middle = sorted(document(storage).glob("*.log"))[1]
    middle.unlink()
    middle.symlink_to("/etc/passwd")
    found, damage = reload(storage)
    assert found == [b"a", b"c"]
    assert len(damage) == 1 and "A part of notes.md cannot be read" in damage[0]


def test_no_length_in_a_file_is_believed(storage: FolderStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    path = unsealed(filled(storage, b"aaaa", b"bbbb"))
    data = path.read_bytes()
    at = data.index(b"aaaa") - 9
    path.write_bytes(data[:at] + b"\xff\xff\xff\xff" + data[at + 4 :])
    assert reload(storage)[0] == [b"bbbb"]
    storage.delete("notes.md")
    filled(storage, b"aaaa" * 100)
    monkeypatch.setattr(disk_layout, "FILE_BYTES_MAX", 50)
    found, damage = reload(storage)
    assert found == [] and "it has more than 50 bytes" in damage[0]
    monkeypatch.undo()
    assert reload(storage) == ([b"aaaa" * 100], [])


def test_damage_is_never_written_over(storage: FolderStorage) -> None:
    store = storage.open("notes.md")
    for _ in range(3):
        store.write_blob("base", b"text")
        (document(storage) / "base.blob").write_bytes(b"bad")
        assert store.read_blob("base") is None
        assert store.read_blob("base") is None
    assert len(list(document(storage).glob("base.blob.damaged*"))) == 3
    assert len(store.damage) == 3
    assert all("A note on notes.md is damaged" in sentence for sentence in store.damage)
    store.close()


def test_a_disk_on_which_nothing_can_be_repaired_is_still_read(
    storage: FolderStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = filled(storage, b"aaaa", b"bbbb", b"cccc")
    (path,) = folder.glob("*.log")
    path.write_bytes(path.read_bytes().replace(b"bbbb", b"bXbb"))
    before = snapshot_of(folder)
    store = storage.open("notes.md")
    fuse = Fuse(monkeypatch, OSError(errno.EROFS, "PartContent-only file system"))
    fuse.left = 0
    loaded = store.load()
    assert [record.payload for record in loaded.records] == [b"aaaa", b"cccc"]
    assert "could not be repaired (the disk is read-only)" in loaded.damage[0]
    fuse.left = -1
    assert {name: data for name, data in snapshot_of(folder).items() if ".tmp" not in name} == {
        **before,
        "lock": b"",
    }
    store.close()


# A disk that says no


def test_f30_a_full_disk_takes_no_record_and_breaks_none(storage: FolderStorage) -> None:
    store = storage.open("notes.md")
    store.append(records(b"a"))
    for _ in range(3):
        with (
            room_for(200),
            pytest.raises(StorageError, match=r"notes\.md cannot be stored: the file would become") as caught,
        ):
            store.append(records(b"small", b"x" * 1000))
        assert caught.value.path and caught.value.path.parent == document(storage)
    store.append(records(b"b"))
    store.sync()
    assert [record.payload for record in store.load().records] == [b"a", b"b"]
    store.close()
    assert reload(storage) == ([b"a", b"b"], [])
    assert len(list(document(storage).glob("*.log"))) == 1


def test_f30_a_full_disk_at_the_very_beginning(storage: FolderStorage) -> None:
    store = storage.open("notes.md")
    with room_for(20), pytest.raises(StorageError):
        store.append(records(b"a"))
    with room_for(20), pytest.raises(StorageError):
        store.write_blob("base", b"x" * 1000)
    store.append(records(b"b"))
    store.close()
    assert reload(storage) == ([b"b"], [])


def test_f30_a_segment_whose_torn_end_cannot_be_taken_back_is_left(
    storage: FolderStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = storage.open("notes.md")
    store.append(records(b"a"))

    def refuse(fd: int, size: int) -> None:
        raise OSError(errno.EIO, "")

    with monkeypatch.context() as patched, room_for(200):
        patched.setattr(os, "ftruncate", refuse)
        with pytest.raises(StorageError):
            store.append(records(b"lost" * 1000))
    store.append(records(b"b"))
    store.close()
    found, damage = reload(storage)
    assert found == [b"a", b"b"]
    assert len(damage) == 1


def test_after_a_failed_flush_the_records_are_written_anew(
    storage: FolderStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """fsyncgate: the flush after a failed one says yes though the pages are lost. So they are written elsewhere."""
    store = storage.open("notes.md")
    store.append(records(b"a"))
    store.sync()
    store.append(records(b"b"))
    flush = disk.flush
    with monkeypatch.context() as patched:
        patched.setattr(disk, "flush", lambda fd: (_ for _ in ()).throw(OSError(errno.EIO, "")))
        for _ in range(2):
            with pytest.raises(StorageError, match="not yet safe on the disk: the disk reports an error"):
                store.sync()
            store.append(records(b"c"))
    flushed: list[str] = []

    def note(fd: int) -> None:
        flushed.append(os.readlink(f"/proc/self/fd/{fd}"))
        flush(fd)

    if Path("/proc/self/fd").exists():
        monkeypatch.setattr(disk, "flush", note)
    store.sync()
    newest = max(document(storage).glob("*.log"))
    assert b"b" in newest.read_bytes()
    assert not flushed or str(newest) in flushed
    after = FolderStorage(tmp_path / "after")
    shutil.copytree(storage.folder, after.folder)
    assert reload(after) == ([b"a", b"b", b"c", b"c"], [])
    after.close()
    assert [record.payload for record in store.load().records] == [b"a", b"b", b"c", b"c"]
    store.close()
    assert reload(storage) == ([b"a", b"b", b"c", b"c"], [])


async def test_a_group_commit_tells_which_stores_failed(
    storage: FolderStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores: list[Store] = [storage.open(f"{number}.md") for number in range(3)]
    for store in stores:
        store.append(records(b"x"))

    def refuse() -> None:
        raise StorageError("The disk is full.")

    monkeypatch.setattr(stores[1], "sync", refuse)
    with pytest.raises(SyncFailed, match="The disk is full") as caught:
        await storage.sync(stores)
    assert [store for store, _ in caught.value.failures] == [stores[1]]
    monkeypatch.undo()
    for store in stores:
        store.close()


def test_what_a_killed_process_left_in_the_cache_is_flushed_too(
    storage: FolderStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else "stored" would be said of records that only the system's cache has."""
    path = unsealed(filled(storage, b"a"))
    inode = path.stat().st_ino
    flushed: list[int] = []
    flush = disk.flush

    def note(fd: int) -> None:
        flushed.append(os.fstat(fd).st_ino)
        flush(fd)

    monkeypatch.setattr(disk, "flush", note)
    store = storage.open("notes.md")
    store.append(records(b"b"))
    store.sync()
    assert inode in flushed
    store.close()
    assert reload(storage) == ([b"a", b"b"], [])


# A long life


def test_full_segments_follow_each_other(storage: FolderStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "SEGMENT_BYTES_MAX", 200)
    store = storage.open("notes.md")
    payloads = [b"%d" % number * 20 for number in range(50)]
    for payload in payloads:
        store.append(records(payload))
    assert [record.payload for record in store.load().records] == payloads
    store.close()
    assert len(list(document(storage).glob("*.log"))) > 5
    assert reload(storage) == (payloads, [])


def test_f19_the_disk_holds_two_generations_at_most(storage: FolderStorage) -> None:
    for session in range(40):
        store = storage.open("notes.md")
        store.load()
        for _ in range(10):
            store.append(records(b"x" * 2000))
            if store.size_since_snapshot > 50_000:
                store.snapshot(records(b"all of it " * 1000), yes)
        store.close()
        used = sum(path.stat().st_size for path in document(storage).iterdir())
        assert used < 2 * (50_000 + 20_000 + 10_000), session
    assert len(list(document(storage).iterdir())) < 30


def test_many_short_sessions_lead_to_a_snapshot_too(storage: FolderStorage) -> None:
    """Each leaves a file of a few bytes; a thousand of them would make opening slow."""
    for _ in range(20):
        filled(storage, b"x")
    store = storage.open("notes.md")
    assert store.size_since_snapshot >= 20 * 4096
    store.snapshot(records(b"X"), yes)
    store.snapshot(records(b"X"), yes)
    store.close()
    assert len(list(document(storage).glob("0*"))) == 2


@pytest.mark.parametrize("seed", range(60))
def test_the_folder_does_what_the_memory_does(tmp_path: Path, seed: int) -> None:
    """The storage in memory is the slow twin: random actions on both, the same content after each."""
    source = random.Random(seed)
    folder, memory = FolderStorage(tmp_path), MemoryStorage()
    one: Store = folder.open("notes.md")
    other: Store = memory.open("notes.md")
    cuts: list[tuple[int, int]] = []
    for step in range(60):
        match source.randint(0, 7):
            case 0 | 1 | 2:
                batch = [
                    Record(source.randrange(256), source.randbytes(source.randrange(40)))
                    for _ in range(source.randrange(4))
                ]
                one.append(batch)
                other.append(batch)
            case 3:
                one.sync()
                other.sync()
            case 4:
                cuts = [(one.cut(), other.cut())]
            case 5:
                batch = records(b"snapshot %d" % step)
                cut = cuts.pop() if cuts else (None, None)
                one.snapshot(batch, yes, cut[0])
                other.snapshot(batch, yes, cut[1])
                cuts = []
            case 6:
                name, data = source.choice(["base", "meta"]), source.randbytes(source.randrange(100))
                one.write_blob(name, data)
                other.write_blob(name, data)
            case 7:
                one.close()
                other.close()
                folder.close()
                folder = FolderStorage(tmp_path)
                assert folder.names() == memory.names()
                one, other = folder.open("notes.md"), memory.open("notes.md")
                cuts = []
        assert one.load() == other.load(), (seed, step)
        assert one.read_blob("base") == other.read_blob("base")
        assert (one.size_since_snapshot == 0) == (other.size_since_snapshot == 0), (seed, step)
    assert one.damage == []
    one.close()
    folder.close()


def test_a_part_that_goes_right_after_another_came_is_noticed(storage: FolderStorage) -> None:
    """The times of file systems are coarse: the folder's is the same as when it was looked through."""
    with contextlib.closing(storage.open("a")) as store:
        store.append(records(b"one"))
    store = storage.open("a")
    store.load()
    store.append(records(b"two"))
    store.sync()
    (folder,) = (path for path in storage.folder.iterdir() if path.is_dir())
    changed_at = folder.stat().st_mtime_ns
    (sealed,) = (path for path in folder.glob("*.log") if path.name.count("-") == 2)
    sealed.unlink()
    os.utime(folder, ns=(changed_at, changed_at))
    store.append(records(b"three"))
    with pytest.raises(StoreLost):
        store.sync()
    store.abandon()


def test_many_documents_are_removed_at_the_same_time(tmp_path: Path) -> None:
    """Each removal also removes what is left of others, and one that another had removed was an error: a sync that took in files which came by
    mail gave each of them a second text."""
    storage = FolderStorage(tmp_path)
    names = [f"{number}.md" for number in range(200)]
    for name in names:
        store = storage.open(name)
        store.append(records(b"x"))
        store.close()
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(storage.delete, names))
    assert storage.names() == []
