"""Stores that are removed, replaced or refused under a running server or editor, in virtual time."""

from __future__ import annotations

import asyncio
import errno
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from jpterm_like.client.events import Notice
from jpterm_like.client.session import Session
from jpterm_like.saver import restore
from jpterm_like.storage import FolderStorage, StorageError, StoreBusy, StoreLost
from jpterm_like.storage.base import Record
from tests.storage.drive import MemoryDrive
from tests.sync.network import Disk, Peer, _Inline, simulate
from tests.sync.test_disks import DiskScene
from tests.sync.test_outages import once


class Losing(DiskScene):
    """Ann writes; what she was told."""

    ann: Session

    async def begin(self, storage: Disk | None = None) -> None:
        self.file.write_text("Title\n")
        self.peer = Peer("ann", self.network, storage)
        await self.peer.start()
        assert self.peer.session is not None
        self.ann = self.peer.session
        await self.ann.synced()
        self.told: list[str] = []
        self.ann.listen(lambda event: self.told.append(event.sentence) if isinstance(event, Notice) else None)
        self.ann.replace(0, 0, "before ")
        await self.ann.stored()

    async def write(self, text: str, *, stored: bool = True) -> None:
        self.ann.replace(0, 0, text)
        if stored:
            await asyncio.wait_for(self.ann.stored(), 30)

    def kept(self) -> str:
        """What the server's disk has, if the power goes now."""
        store = self.disk.looked_at(power=False).open("notes.md")
        buffer = restore(store, author="").buffer
        store.close()
        return "" if buffer is None else buffer.text


def story(root: Path, tale: Callable[[Losing], Awaitable[None]], storage: Disk | None = None) -> None:
    async def told(chance: random.Random) -> None:
        scene = Losing(root, chance, autosave_s=None)
        await scene.begin(storage)
        await tale(scene)

    simulate(31, told)


def test_a_store_that_was_removed_is_made_anew_before_anything_is_called_stored(tmp_path: Path) -> None:
    """`git clean -fdx` in a served folder: the server wrote on into files without a name, and called it stored."""

    async def tale(scene: Losing) -> None:
        scene.disk.drive.put(None)
        await scene.write("after ")
        assert scene.kept() == "after before Title\n"
        assert any("removed or replaced; it was made anew" in sentence for sentence in scene.told)
        await scene.restart(power=True)
        await scene.write("again ")
        assert scene.kept() == "again after before Title\n"
        while scene.ann.undo() is not None:
            pass
        assert await scene.settle(scene.peer) == "Title\n"

    story(tmp_path, tale)


def test_a_store_that_was_removed_is_made_anew_though_nobody_writes(tmp_path: Path) -> None:
    """Who has it open may close it, and go: then nobody would have the history."""

    async def tale(scene: Losing) -> None:
        scene.disk.drive.put(None)
        await asyncio.sleep(10)
        assert scene.kept() == "before Title\n"

    story(tmp_path, tale)


@pytest.mark.parametrize("gone", [".log", "lock"])
def test_a_part_of_a_store_that_was_removed_is_there_again(tmp_path: Path, gone: str) -> None:
    async def tale(scene: Losing) -> None:
        drive = scene.disk.drive
        for path in drive.files() + [path / "lock" for path in {it.parent for it in drive.files()}]:
            if path.name.endswith(gone):
                drive.unlink(path)
        await scene.write("after ")
        assert scene.kept() == "after before Title\n"

    story(tmp_path, tale)


def test_a_store_of_a_backup_that_is_put_under_a_running_server_takes_nothing_away(tmp_path: Path) -> None:
    """What it has of this history is a part of it; what it lacks is written into it."""

    async def tale(scene: Losing) -> None:
        backup = scene.disk.drive.copy()
        await scene.write("middle ")
        identity = next(iter(scene.host.server.documents.by_name.values())).document.identity  # type: ignore[union-attr]
        scene.disk.drive.put(backup)
        await scene.write("after ")
        assert scene.kept() == "after middle before Title\n"
        await scene.restart(power=True)
        once(await scene.settle(scene.peer), "after", "middle", "before", "Title")
        assert next(iter(scene.host.server.documents.by_name.values())).document.identity == identity  # type: ignore[union-attr]

    story(tmp_path, tale)


def test_a_store_of_another_history_in_the_place_of_ours_is_set_aside(tmp_path: Path) -> None:
    async def tale(scene: Losing) -> None:
        other = MemoryDrive(random.Random(1))
        store = FolderStorage(scene.disk.folder, other, _Inline()).open("notes.md")
        store.append([Record(1, b"another history."), Record(2, b"")])
        store.close()
        scene.disk.drive.put(other)
        await scene.write("after ")
        assert scene.kept() == "after before Title\n"
        assert any(".set-aside-" in str(path) for path in scene.disk.drive.files())

    story(tmp_path, tale)


@pytest.mark.parametrize("code", [errno.EROFS, errno.ENOSPC, errno.EIO])
def test_while_a_store_cannot_be_made_anew_nothing_is_called_stored(tmp_path: Path, code: int) -> None:
    """Everybody is told; when the disk takes it again, all of it is there."""

    async def tale(scene: Losing) -> None:
        refusing = True
        scene.disk.drive.fault = lambda call: code if refusing else None
        scene.disk.drive.put(None)
        scene.ann.replace(0, 0, "after ")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(scene.ann.stored(), 10)
        assert scene.told and all("Not stored" in sentence for sentence in scene.told)
        refusing = False
        await asyncio.wait_for(scene.ann.stored(), 10)
        assert scene.kept() == "after before Title\n"

    story(tmp_path, tale)


def test_two_servers_never_write_one_store(tmp_path: Path) -> None:
    """Somebody removes the lock file, and starts a second server: the first one calls nothing stored until it is alone."""

    async def tale(scene: Losing) -> None:
        drive = scene.disk.drive
        folder = next(path.parent for path in drive.files())
        drive.unlink(folder / "lock")
        second = FolderStorage(scene.disk.folder, drive, _Inline())
        store = second.open("notes.md")
        store.load()
        scene.ann.replace(0, 0, "after ")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(scene.ann.stored(), 10)
        with pytest.raises(StoreBusy):
            second.open("notes.md")
        store.close()
        await asyncio.wait_for(scene.ann.stored(), 10)
        assert scene.kept() == "after before Title\n"

    story(tmp_path, tale)


def test_what_cannot_be_read_in_a_store_of_a_backup_is_passed_on_again(tmp_path: Path) -> None:
    """Operations of a newer release's format are this document's from the moment in which that store is."""

    async def tale(scene: Losing) -> None:
        (opened,) = scene.host.server.documents.by_name.values()  # type: ignore[union-attr]
        pad = opened.document.pad
        pad.keep_unread(9, b"newer", None)
        await scene.write("middle ")
        backup = scene.disk.drive.copy()
        pad.unread = ()
        scene.ann.pad.unread = ()
        scene.disk.drive.put(backup)
        await scene.write("after ")
        assert scene.kept() == "after middle before Title\n"
        assert [(it.format, it.data) for it in pad.unread] == [(9, b"newer")]

    story(tmp_path, tale)


def test_a_save_makes_a_store_anew_that_was_removed(tmp_path: Path) -> None:
    async def tale(scene: Losing) -> None:
        scene.disk.drive.put(None)
        scene.ann.replace(0, 0, "after ")
        await scene.ann.save()
        assert scene.file.read_text() == "after before Title\n" == scene.kept()

    story(tmp_path, tale)


def test_a_journal_that_was_removed_under_an_editor_is_made_anew(tmp_path: Path) -> None:
    """What is typed is kept on this machine all the same, and the person is told."""
    disk = Disk(random.Random(2))

    async def tale(scene: Losing) -> None:
        scene.network.part("ann")
        disk.drive.put(None)
        await scene.write("after ", stored=False)
        await asyncio.sleep(1)
        assert any("journal" in sentence and "a new one was made" in sentence for sentence in scene.told)
        await scene.write("again ", stored=False)
        await asyncio.sleep(1)
        await scene.peer.die(power=True)
        scene.network.join("ann")
        await scene.peer.start()
        assert scene.peer.session is not None
        assert scene.peer.session.text == "again after before Title\n"
        once(await scene.settle(scene.peer), "again", "after", "before")

    story(tmp_path, tale, disk)


def test_what_is_appended_to_a_store_without_a_name_is_refused_at_the_flush(tmp_path: Path) -> None:
    """With real files: the folder is removed, moved away, or another one is there."""
    for number, happens in enumerate(
        [
            lambda folder: [*map(Path.unlink, folder.iterdir()), folder.rmdir()],
            lambda folder: folder.rename(folder.with_name("away")),
            lambda folder: [(folder / "lock").unlink(), (folder / "lock").touch()],
            lambda folder: [path.unlink() for path in folder.glob("*.log")],
        ]
    ):
        storage = FolderStorage(tmp_path / str(number))
        store = storage.open("notes.md")
        store.append([Record(1, b"one")])
        store.sync()
        (folder,) = (tmp_path / str(number)).iterdir()
        happens(folder)
        store.append([Record(1, b"two")])
        with pytest.raises(StoreLost):
            store.sync()
        store.abandon()
        with pytest.raises(StoreLost):
            store.append([Record(1, b"three")])
        with pytest.raises(StorageError):
            store.close()
        storage.close()


@pytest.mark.parametrize("closes", [False, True], ids=["the editor goes on", "the editor is closed"])
def test_a_word_that_was_erased_stays_erased_if_its_server_never_stored_it(
    tmp_path: Path, closes: bool
) -> None:
    """A full disk stored nothing of it, somebody else had got it, and the server begins a new history. That I had sent the word was known
    in memory alone: when the editor was closed and opened again, the other's copy of it counted as theirs."""

    async def tale(scene: Losing) -> None:
        bob = Peer("bob", scene.network, Disk(random.Random(2)))
        await bob.start()
        assert bob.session is not None
        await bob.session.synced()
        scene.disk.full = True
        await scene.write("a word that is sent and never stored\n", stored=False)
        await asyncio.sleep(3)
        assert bob.session.text.startswith("a word")
        await scene.host.die(scene.network, power=True)
        scene.ann.replace(0, len("a word that is sent and never stored\n"), "")
        if closes:
            await scene.peer.close()
        scene.disk.drive.put(None)
        scene.disk.heal()
        scene.file.write_text("Title\nof another program\n")  # so it begins with another text
        scene.host.start()
        await scene.settle(bob)
        if closes:
            await scene.peer.start()
        assert await scene.settle(scene.peer, bob) == "before Title\nof another program\n"

    story(tmp_path, tale, Disk(random.Random(1)))
