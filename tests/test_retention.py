"""What stays on this machine of files that were edited, and what does not."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from jpterm_like import retention
from jpterm_like.client.open import connect
from jpterm_like.config import Paths, Settings
from jpterm_like.errors import JptermError
from jpterm_like.files.ephemeral import is_in_memory, is_temporary
from jpterm_like.last_time import KeptView, LastTime, Place
from jpterm_like.storage import Storage
from jpterm_like.storage.base import Store, StoreBusy
from jpterm_like.storage.memory import MemoryStorage
from jpterm_like.storage.split import SplitStorage
from jpterm_like.stores import pads_of, replicas_of
from tests.e2e.hub import hub_pid, kill_hub
from tests.e2e.terminal import run, until
from tests.storage.conformance import NAMES, StorageConformance

SECRET = "hunter2-the-secret"
SETTINGS = Settings()


@pytest.fixture(autouse=True)
def no_hub_left(home: Path) -> Iterator[None]:
    yield
    kill_hub()


class TestSplitStorage(StorageConformance):
    """Every second of the suite's names is for memory."""

    @pytest.fixture
    def storage(self) -> SplitStorage:
        return SplitStorage(MemoryStorage(), MemoryStorage(), lambda name: name in NAMES[::2])

    def reopened(self, storage: Storage) -> Storage:
        return storage


async def edited(file: Path, text: str, *, save: bool = True) -> None:
    """Somebody opens a file, writes into it, saves it if they are asked to, and closes it."""
    async with connect(str(file), name="ann") as session:
        await session.synced()
        session.replace(0, 0, text)
        await session.stored()
        if save:
            await session.save()
    await closed()


async def closed() -> None:
    """Wait until the hub has put everything away: its stores are free."""
    await until(lambda: not any(_is_open(storage) for storage in _storages()), "the stores to be free")


def _storages() -> list[Storage]:
    paths = Paths.of_user()
    return [pads_of(paths), replicas_of(paths)]


def _is_open(storage: Storage) -> bool:
    with closing(storage):
        for name in storage.names():
            try:
                storage.open(name).close()
            except JptermError:
                return True
    return False


def kept() -> list[str]:
    """The names of all stores that there are."""
    names = []
    for storage in _storages():
        with closing(storage):
            names += storage.names()
    return names


def on_disk(home: Path, secret: str) -> list[str]:
    found = subprocess.run(["grep", "-rlaF", secret, str(home)], capture_output=True, text=True, check=False)
    return found.stdout.split()


needs_memory = pytest.mark.skipif(not is_in_memory(Path("/dev/shm")), reason="no file system in memory here")


@needs_memory
@pytest.mark.asyncio
@pytest.mark.parametrize("save", [True, False], ids=["saved", "left unsaved"])
async def test_of_a_file_in_memory_nothing_is_on_a_disk(save: bool, home: Path) -> None:
    """As the editor of `pass edit`: the secret is in no store while it is edited, nor later; unsaved work is in memory."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        file = Path(folder, "secret.txt")
        file.write_text(SECRET + "\n")
        async with connect(str(file), name="ann") as session:
            await session.synced()
            session.replace(0, 0, SECRET)
            await session.stored()
            assert on_disk(home, SECRET) == []
            if save:
                await session.save()
        await closed()
        assert on_disk(home, SECRET) == []
        assert bool(kept()) is not save
        assert run("forget", str(file), "--unsaved").returncode == 0
        assert kept() == []


@pytest.mark.asyncio
async def test_of_a_temporary_file_nothing_stays_when_it_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`crontab -e` and its like remove the file; a file that is still there, and unsaved work, keep their history."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    gone, there, unsaved = (tmp_path / name for name in ("gone.md", "there.md", "unsaved.md"))
    for file in (gone, there, unsaved):
        file.write_text("text\n")
        await edited(file, "more ", save=file is not unsaved)
    gone.unlink()
    unsaved.unlink()
    assert set(retention.tidy(Paths.of_user(), SETTINGS)) == {str(gone), f"file:{gone}"}
    assert set(kept()) == {str(it) for it in (there, unsaved)} | {f"file:{it}" for it in (there, unsaved)}


@pytest.mark.asyncio
async def test_a_file_left_clean_is_kept_once_and_can_still_be_undone(tmp_path: Path, home: Path) -> None:
    """Besides the file its text, deleted words too, is in the hub's store alone; several openings are undone after that."""
    file = tmp_path / "notes.md"
    file.write_text("text\n")
    await edited(file, "one deleted-word ")
    async with connect(str(file), name="ann") as first, connect(str(file), name="ann") as second:
        await first.synced()
        await second.synced()
        first.replace(4, 17, "")
        await first.save()
        second.replace(0, 0, SECRET)
        await second.save()
        await until(lambda: first.saved and first.text == second.text, "all to be with both")
        assert len(stores_with(home, SECRET)) == 3
    await closed()
    for word in (SECRET, "deleted-word"):
        assert stores_with(home, word) == [Paths.of_user().pads]
    for stop_hub in (False, True):
        if stop_hub:
            kill_hub()
        async with connect(str(file), name="ann") as session:
            assert session.unsent == 0
            await session.synced()
            before = session.text
            assert session.undo() and session.text != before
            await session.save()
        await closed()
    async with connect(str(file), name="ann") as session:
        await session.synced()
        assert session.undo() and session.text == "text\n"
        assert session.undo() is None
        assert session.redo() and session.redo() and session.redo()
        assert session.text == SECRET + "one text\n"


@pytest.mark.asyncio
@pytest.mark.parametrize("how", ["unsaved", "killed", "removed"])
async def test_a_journal_keeps_its_text_while_it_is_needed(how: str, tmp_path: Path, home: Path) -> None:
    """While work is in no file, after a crash, and when the hub's store is gone; without that the file is what there is."""
    file = tmp_path / "notes.md"
    file.write_text("text\n")
    paths = Paths.of_user()
    await edited(file, "more ")  # its journal is without text
    if how == "removed":
        kill_hub()
        await until(lambda: hub_pid() is None, "the end of the hub")
        shutil.rmtree(paths.pads)
        async with connect(str(file), name="ann") as session:
            await session.synced()
            assert session.text == "more text\n" and session.undo() is None
            assert session.damage == []
        return
    if how == "unsaved":
        await edited(file, SECRET, save=False)
    else:
        code = (
            "import asyncio, os, sys\n"
            "from jpterm_like.client.open import connect\n"
            "async def main():\n"
            "    async with connect(sys.argv[1], name='ann') as session:\n"
            "        session.replace(0, 0, sys.argv[2])\n"
            "        os._exit(9)\n"
            "asyncio.run(main())\n"
        )
        killed = subprocess.run([sys.executable, "-c", code, str(file), SECRET], check=False)
        assert killed.returncode == 9
    kill_hub()
    await until(lambda: hub_pid() is None, "the end of the hub")
    assert paths.replicas in stores_with(home, SECRET)
    shutil.rmtree(paths.pads)
    async with connect(str(file), name="ann") as session:
        await session.synced()
        assert session.text == SECRET + "more text\n"
        assert session.undo() and session.text == "more text\n"


def stores_with(home: Path, secret: str) -> list[Path]:
    """In which folder each store is that has this text."""
    return [folder.parent for folder in sorted({Path(it).parent for it in on_disk(home, secret)})]


@pytest.mark.asyncio
async def test_what_is_open_in_one_place_is_left_in_all(tmp_path: Path) -> None:
    """The file of an editor is gone, and its hub was killed and begins anew: the history in the hub's store stays."""
    file = tmp_path / "notes.md"
    file.write_text("text\n")
    async with connect(str(file), name="ann") as session:
        await session.synced()
        session.replace(0, 0, "more ")
        await session.save()
        file.unlink()
        kill_hub()
        assert retention.tidy(Paths.of_user(), replace(SETTINGS, keep_days=0)) == []


@pytest.mark.asyncio
async def test_a_history_goes_after_its_days_and_unsaved_work_does_not(tmp_path: Path) -> None:
    """Counted from the last change, and never what is in no file yet."""
    old, young, unsaved = (tmp_path / name for name in ("old.md", "young.md", "unsaved.md"))
    for file in (old, young, unsaved):
        file.write_text("text\n")
        await edited(file, "more ", save=file is not unsaved)
    paths = Paths.of_user()
    assert retention.tidy(paths, SETTINGS) == []
    age(paths, "old.md", 31)
    age(paths, "unsaved.md", 400)
    assert set(retention.tidy(paths, SETTINGS)) == {str(old), f"file:{old}"}
    assert set(kept()) == {str(it) for it in (young, unsaved)} | {f"file:{it}" for it in (young, unsaved)}


@pytest.mark.asyncio
async def test_nobody_opens_a_history_between_the_look_at_it_and_its_removal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An editor that came in between kept its journal, and its hub's store was gone."""
    file = tmp_path / "notes.md"
    file.write_text("text\n")
    await edited(file, "more ")
    paths = Paths.of_user()
    is_done_with, came_in = retention._is_done_with, []

    def look(it: retention.KeptStore, store: Store) -> bool:
        is_done = is_done_with(it, store)
        for storage in _storages():
            with closing(storage):
                for name in storage.names():
                    with contextlib.suppress(StoreBusy):
                        storage.open(name).close()
                        came_in.append(name)
        return is_done

    monkeypatch.setattr(retention, "_is_done_with", look)
    assert len(retention.tidy(paths, replace(SETTINGS, keep_days=0))) == 2
    assert (came_in, kept()) == ([], [])


@pytest.mark.asyncio
async def test_the_oldest_histories_go_above_the_limit(tmp_path: Path) -> None:
    """As many as it takes, and no more."""
    files = [tmp_path / f"{number}.md" for number in range(3)]
    for file in files:
        file.write_text("text\n")
        await edited(file, "x" * 1_000_000)
    paths = Paths.of_user()
    for days, file in zip((3, 2, 1), files, strict=True):
        age(paths, file.name, days)
    storage = pads_of(paths)
    needed = sum(it.size_bytes for it in retention._all(storage, replicas_of(paths)))
    retention.tidy(paths, replace(SETTINGS, keep_mb=needed // 1_000_000 - 1))
    assert str(files[0]) not in kept() and str(files[2]) in kept()


@pytest.mark.asyncio
async def test_a_history_that_cannot_be_read_keeps_no_other(tmp_path: Path) -> None:
    """It stays, and what else is old goes."""
    bad, old = tmp_path / "bad.md", tmp_path / "old.md"
    paths = Paths.of_user()
    for days, file in ((50, bad), (40, old)):
        file.write_text("text\n")
        await edited(file, "more ")
        age(paths, file.name, days)
    for store in paths.pads.glob("*bad.md*"):
        store.chmod(0o777)  # it may be anybody's
    assert set(retention.tidy(paths, SETTINGS)) == {str(old), f"file:{old}"}


def age(paths: Paths, name: str, days: float) -> None:
    """Let everything that is kept of a file be so old."""
    for folder in (paths.pads, paths.replicas):
        for store in folder.iterdir():
            if name in store.name:
                for part in store.iterdir():
                    then = part.stat().st_mtime - days * 24 * 3600
                    os.utime(part, (then, then))


@pytest.mark.asyncio
async def test_a_file_is_forgotten_when_it_is_closed_and_saved(tmp_path: Path, home: Path) -> None:
    """While it is open, or has work that is in no file, a sentence says so and all stays."""
    file = tmp_path / "notes.md"
    file.write_text("text\n")
    async with connect(str(file), name="ann") as session:
        await session.synced()
        session.replace(0, 0, SECRET)
        await session.stored()
        told = run("forget", str(file))
        assert (told.returncode, "is open: close it first" in told.stderr) == (1, True), told
    await closed()
    told = run("forget", str(file))
    assert (told.returncode, "--unsaved" in told.stderr) == (1, True), told
    assert on_disk(home, SECRET)
    await edited(file, "more ")
    place = Place("00", 1, 0, 0)
    last_time = LastTime(Paths.of_user(), str(tmp_path))
    last_time.note_view(str(file), KeptView(place, place))
    write = last_time.take()
    assert write is not None
    write()
    told = run("forget", str(file))
    assert (told.returncode, told.stderr) == (0, "") and "were removed" in told.stdout
    assert kept() == [] and on_disk(home, SECRET) == [] and on_disk(home, file.name) == []
    assert run("forget", str(file)).stdout == f"Nothing is kept of {file}.\n"
    assert SECRET in file.read_text()


def test_the_hub_removes_what_is_not_to_stay(tmp_path: Path) -> None:
    """At its end, without anybody's asking."""
    file = tmp_path / "notes.md"
    file.write_text("text\n")
    asyncio.run(edited(file, "more "))
    kill_hub()
    asyncio.run(until(lambda: hub_pid() is None, "the end of the hub"))
    age(Paths.of_user(), "notes.md", 31)
    assert run("hub", "--idle", "0.1").returncode == 0
    assert kept() == []


@pytest.mark.parametrize(
    ("file", "expected"),
    [("/tmp/a/b", True), ("/var/tmp/x", True), ("/home/ann/tmp/x", False), ("/tmp", False)],
)
def test_which_files_are_temporary(file: str, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TMPDIR", raising=False)
    assert is_temporary(Path(file)) is expected
