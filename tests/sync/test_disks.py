"""Stories of bad disks, in virtual time: the real store on a disk in memory (`tests/storage/drive.py`)."""

from __future__ import annotations

import asyncio
import errno
import os
import random
from pathlib import Path
from typing import Any

import pytest

from crdt import TextBuffer, Version
from jpterm_like.cli.scripting import confirmed
from jpterm_like.client.events import RequestFailed
from jpterm_like.errors import JptermError
from jpterm_like.files.read import FileProblem, PlainFile
from jpterm_like.files.write import write_plain
from jpterm_like.saver import AWAITED, CHANGES, Saver, restore
from jpterm_like.server.document import Document
from jpterm_like.server.load_document import open_document
from jpterm_like.storage import Record, StorageError
from jpterm_like.storage.memory import MemoryStorage
from jpterm_like.sync.pad import Pad
from tests.sync.network import Disk, Host, Network, Peer, simulate
from tests.sync.test_outages import Scene, once


class DiskScene(Scene):
    """The same with the real store, on a disk that fails as it is told."""

    def __init__(self, root: Path, chance: random.Random, *, autosave_s: float | None = 1.0) -> None:
        self.file = root / "notes.md"
        self.disk = Disk(chance)
        self.host = Host(self.files(root), autosave_s=autosave_s, storage=self.disk)
        self.network = Network(chance, self.host)
        self.host.start()


def test_f30_what_is_saved_is_in_the_store_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power loss right after a save, and who typed it never comes back: else the next save would take it out."""
    kept: list[str] = []

    async def story(chance: random.Random) -> None:
        scene = DiskScene(tmp_path, chance)
        scene.file.write_text("Title\n")
        await scene.join("ann")
        assert scene.host.server is not None
        await asyncio.sleep(1)

        def write(*arguments: Any, **options: Any) -> PlainFile:
            store = scene.disk.looked_at(power=False).open("notes.md")
            buffer = restore(store, author="").buffer
            assert buffer is not None
            kept.append(buffer.text)
            return write_plain(*arguments, **options)

        monkeypatch.setattr("jpterm_like.server.document.write_plain", write)
        (opened,) = scene.host.server.documents.by_name.values()
        opened.document.pad.replace(0, 0, "one ", 0.0)  # has just arrived, and waits for the tick
        await opened.document.save()
        assert scene.file.read_text() == "one Title\n"

    simulate(20, story)
    assert kept == ["one Title\n"]


def test_f32_what_a_killed_server_had_not_flushed_is_not_called_stored(tmp_path: Path) -> None:
    """Seed 519 of the simulation: a disk that refuses to flush, kill -9, a start, and then the power goes.

    The second server called stored what it had read from the system's cache.
    """

    async def story(chance: random.Random) -> None:
        scene = DiskScene(tmp_path, chance, autosave_s=None)
        ann = await scene.join("ann")
        assert ann.session is not None
        ann.session.replace(0, 0, "zero ")
        await ann.session.stored()
        scene.disk.flaky = 1.0
        ann.session.replace(0, 0, "one ")
        await asyncio.sleep(5)
        await scene.restart()
        await asyncio.sleep(5)
        assert ann.session.unsent >= len("one ")
        await scene.host.die(scene.network, power=True)
        scene.disk.heal()
        scene.host.start()
        once(await scene.settle(ann), "zero ", "one ")

    simulate(21, story)


def test_f30_a_disk_that_was_full_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """For a while nothing can be stored, and everyone knows; when there is room again, all of it is, once."""

    async def story(chance: random.Random) -> None:
        scene = DiskScene(tmp_path, chance, autosave_s=None)
        peers = [Peer(name, scene.network, Disk(chance)) for name in ("ann", "bob")]
        for peer in peers:
            await peer.start()
            assert peer.session is not None
            await peer.session.synced()
        scene.disk.full = True
        for number in range(5):
            for peer in peers:
                assert peer.session is not None
                peer.session.replace(0, 0, f"<{peer.name}{number}>")
            await asyncio.sleep(1)
        assert all(peer.session is not None and peer.session.unsent for peer in peers)
        await scene.restart(power=True)
        await asyncio.sleep(10)
        scene.disk.full = False
        text = await scene.settle(*peers)
        once(text, *(f"<{peer.name}{number}>" for number in range(5) for peer in peers))
        await scene.host.die(scene.network, power=True)
        assert all(
            peer.session is not None and peer.session.version <= scene.host.on_disk().version
            for peer in peers
        )

    simulate(22, story)


def test_f30_what_a_script_appends_while_the_disk_is_full_is_kept_after_it_has_gone(tmp_path: Path) -> None:
    """It was told that nothing is stored, ended, and its text was gone with it: the pad was closed with its last guest."""

    async def story(chance: random.Random) -> None:
        scene = DiskScene(tmp_path, chance, autosave_s=None)
        scene.file.write_text("Title\n")
        script = await scene.join("script")
        assert script.session is not None and scene.host.server is not None
        await script.session.stored()
        scene.disk.full = True
        script.session.replace(0, 0, "<one>")
        with pytest.raises(JptermError, match=r"in memory only.* do not make the change again"):
            await confirmed(script.session)
        await script.session.close()
        await asyncio.sleep(60)
        assert scene.host.server.busy
        ann = await scene.join("ann")  # who comes meanwhile sees it
        assert ann.session is not None
        once(ann.session.text, "<one>", "Title")
        await ann.die()
        scene.disk.full = False
        await asyncio.sleep(20)
        assert not scene.host.server.busy
        await scene.restart(power=True)
        once(await scene.settle(await scene.join("bob")), "<one>", "Title")

    simulate(26, story)


def test_f05_a_file_whose_note_was_refused_is_not_taken_for_somebody_else_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seed 2125 of the simulation: saved, but not noted; then a save that got as far as its first note; then kill -9.

    The next start took the file for a change by another program, and its text came twice.
    """

    async def story(chance: random.Random) -> None:
        scene = DiskScene(tmp_path, chance, autosave_s=None)
        ann = await scene.join("ann")
        assert ann.session is not None and scene.host.server is not None
        (opened,) = scene.host.server.documents.by_name.values()
        document, store = opened.document, opened.document.saver.store
        ann.session.replace(0, 0, "<one>")
        await ann.session.stored()
        await document.save()
        write_blob = store.write_blob

        def refuse_base(name: str, data: bytes) -> None:
            if name == "base":
                raise StorageError("The disk is full.")
            write_blob(name, data)

        ann.session.replace(0, 0, "<two>")
        await ann.session.stored()
        with monkeypatch.context() as patched:
            patched.setattr(store, "write_blob", refuse_base)
            await document.save()
            assert scene.file.read_text() == "<two><one>"

        def refuse(*arguments: Any, **options: Any) -> PlainFile:
            raise FileProblem("The disk is full.")

        ann.session.replace(0, len("<two>"), "")
        ann.session.replace(0, 0, "<three>")
        await ann.session.stored()
        with monkeypatch.context() as patched:
            patched.setattr("jpterm_like.server.document.write_plain", refuse)
            with pytest.raises(FileProblem):
                await document.save()
        await scene.restart()
        assert await scene.settle(ann) == "<three><one>"

    simulate(23, story)


@pytest.mark.parametrize(
    "states",
    [
        ["one\ntwo\nthree\n", "one\ntwo\n"],
        ["one\n", "one\ntwo\n"],
        ["one\n", "one\ntwo\nthree\n", "one\n", "one\ntwo\n"],
    ],
    ids=["a draft, and back", "what it was before, and back", "both"],
)
def test_f05_a_file_that_is_set_back_to_what_was_saved_once_is_taken_as_it_is(
    tmp_path: Path, states: list[str]
) -> None:
    """`git checkout` while nobody has the document open was taken for our own last write, and undone."""

    async def story(chance: random.Random) -> None:
        scene = DiskScene(tmp_path, chance)
        scene.file.write_text("one\n")
        ann = await scene.join("ann")
        assert ann.session is not None
        ann.session.replace(4, 4, "two\n")
        await ann.session.stored()
        await ann.session.save()
        assert scene.file.read_text() == "one\ntwo\n"
        for state in states:
            await ann.session.close()
            await asyncio.sleep(10)
            assert scene.host.server is not None and not scene.host.server.busy
            scene.file.write_text(state)
            os.utime(scene.file, (1.0, 1.0))  # at rest
            ann = await scene.join("ann")
            assert ann.session is not None
            await asyncio.sleep(5)
            assert ann.session.text == state == scene.file.read_text()

    simulate(27, story)


@pytest.mark.parametrize("dies", ["before", "after"])
def test_f05_a_server_that_dies_amid_a_save_takes_its_own_write_for_its_own(
    tmp_path: Path, dies: str
) -> None:
    """Before the file is written, or after it was and before that is noted."""

    async def story(chance: random.Random) -> None:
        scene = DiskScene(tmp_path, chance, autosave_s=None)
        scene.file.write_text("one\n")
        ann = await scene.join("ann")
        assert ann.session is not None and scene.host.server is not None
        ann.session.replace(0, 0, "two\n")
        await ann.session.stored()
        (opened,) = scene.host.server.documents.by_name.values()
        document = opened.document

        def die(*arguments: Any, **options: Any) -> PlainFile:
            if dies == "after":
                write_plain(*arguments, **options)
            raise StorageError("It is dead.")

        with pytest.MonkeyPatch.context() as patches:
            patches.setattr("jpterm_like.server.document.write_plain", die)
            with pytest.raises(StorageError):
                await document.save()
        ann.session.replace(0, 4, "")  # what the file has must not come back
        await ann.session.stored()
        await scene.restart()
        assert await scene.settle(ann) == "one\n"
        await ann.session.save()
        assert scene.file.read_text() == "one\n"

    simulate(28, story)


def test_a_store_of_0_1_0_that_was_left_amid_a_save_is_still_understood(tmp_path: Path) -> None:
    """It noted the bytes that the file was to hold alone, as "next". That counts once."""
    store = MemoryStorage().open("notes.md")
    file = tmp_path / "notes.md"
    file.write_text("one\n")
    document, _ = open_document("notes.md", file, None, store)
    document.pad.replace(0, 0, "two\n", 0.0)
    document.saver.write()
    store.write_blob("next", b"two\none\n")
    document.pad.replace(0, 4, "", 0.0)
    document.saver.write()
    file.write_text("two\none\n")
    os.utime(file, (1.0, 1.0))
    document, _ = open_document("notes.md", file, None, store)
    assert document.pad.buffer.text == "one\n"
    assert not store.read_blob("next") and store.read_blob("base") == b"two\none\n"


def test_what_waited_for_its_past_goes_to_who_brought_the_past() -> None:
    """Seed 8567 of the simulation: a journal whose first part was lost with the power, and a server that had just that."""
    typist = TextBuffer(author="ann")
    typist.replace(0, 0, "one ")
    past = typist.take_changes()
    typist.break_undo()
    typist.replace(0, 0, "two ")
    pad = Pad(TextBuffer(author="ann"))
    pad.integrate(typist.take_changes(), origin=None)
    assert pad.buffer.text == ""
    server = TextBuffer(author="disk")
    server.integrate(past)
    line = object()
    cursor = pad.cursor(server.version, origin=line)
    pad.integrate(past, origin=line)
    while (data := cursor.take(1 << 20)) is not None:
        server.integrate(data)
    assert server.text == pad.buffer.text == "two one "


@pytest.mark.parametrize("stored", [True, False], ids=["stored", "not stored"])
def test_a_save_that_is_refused_says_whether_the_text_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored: bool
) -> None:
    """And leaves nothing half done: the file, its folder and what is known of it are as before."""

    async def story(chance: random.Random) -> None:
        scene = DiskScene(tmp_path, chance, autosave_s=None)
        scene.file.write_text("Title\n")
        ann = await scene.join("ann")
        assert ann.session is not None
        ann.session.replace(0, 0, "one ")
        await ann.session.stored()

        def full(fd: int, data: bytes) -> None:
            raise OSError(errno.ENOSPC, "")

        monkeypatch.setattr("jpterm_like.files.disk.write_all", full)
        if not stored:
            scene.disk.full = True
            ann.session.replace(0, 0, "two ")
            await asyncio.sleep(1)
        with pytest.raises(RequestFailed) as caught:
            await ann.session.save()
        expected = "The text is kept here." if stored else "It is not stored either"
        assert "the disk is full" in str(caught.value) and expected in str(caught.value)
        assert scene.file.read_text() == "Title\n"
        assert [it.name for it in tmp_path.iterdir()] == ["notes.md"]
        monkeypatch.undo()
        scene.disk.heal()
        await ann.session.save()
        assert scene.file.read_text() == ann.session.text

    simulate(29, story)


def test_f32_a_store_whose_folder_is_not_on_the_disk_is_not_begun(tmp_path: Path) -> None:
    """Seed 4191 of the simulation: the name of the stores' folder could not be flushed, once, and then was never again."""

    async def story(chance: random.Random) -> None:
        disk = Disk(chance)
        disk.flaky = 1.0
        with pytest.raises(StorageError):
            disk.open("notes.md")
        disk.heal()
        store = disk.open("notes.md")
        store.append([Record(1, b"kept")])
        await disk.sync([store])
        disk.crash(keep_unsynced=False)
        assert disk.open("notes.md").load().records == [Record(1, b"kept")]

    simulate(24, story)


@pytest.mark.parametrize("saved", [True, False], ids=["saved", "unsaved"])
@pytest.mark.parametrize("offline", [True, False], ids=["offline", "online"])
@pytest.mark.parametrize("whose", ["store", "store and file", "client", "store and client", "everything"])
def test_f01_f17_a_backup_that_is_restored_doubles_nothing(
    whose: str, offline: bool, saved: bool, tmp_path: Path
) -> None:
    """A state from before comes back on either side, or on both, with work done since and while apart.

    What anybody still has is there once; what was typed after the backup and is in no copy any more is gone.
    """

    async def story(chance: random.Random) -> None:
        scene = DiskScene(tmp_path, chance, autosave_s=0.5 if saved else None)
        scene.file.write_text("Title\n")
        peers = [Peer(name, scene.network, Disk(chance)) for name in ("ann", "bob")]
        ann = peers[0]
        for peer in peers:
            await peer.start()
            assert peer.session is not None
            await peer.session.synced()
            peer.session.replace(0, 0, f"<{peer.name} before>")
            await peer.session.stored()
        await asyncio.sleep(3)
        backup = {"server": scene.disk.drive.copy(), "ann": ann.storage.drive.copy()}
        file = scene.file.read_text()
        for peer in peers:
            assert peer.session is not None
            peer.session.replace(0, 0, f"<{peer.name} after>")
            await peer.session.stored()
        await asyncio.sleep(3)
        await scene.host.die(scene.network, power=False)
        if offline:
            await asyncio.sleep(1)
            for peer in peers:
                assert peer.session is not None
                peer.session.replace(0, 0, f"<{peer.name} offline>")
            await asyncio.sleep(3600)
        if "store" in whose or whose == "everything":
            scene.disk.drive.restore(backup["server"])
        if "file" in whose or whose == "everything":
            scene.file.write_text(file)
        if "client" in whose or whose == "everything":
            await ann.die()
            ann.storage.drive.restore(backup["ann"])
            await ann.start()
        scene.host.start()
        text = await scene.settle(*peers)
        tokens = ["<ann before>", "<bob before>", "<bob after>", "<ann after>", "Title\n"]
        if offline:
            tokens += ["<bob offline>"]
            tokens += ["<ann offline>"] if "client" not in whose and whose != "everything" else []
        once(text, *tokens)
        for peer in peers:
            assert peer.session is not None
            peer.session.replace(0, 0, f"<{peer.name} at last>")
        once(await scene.settle(*peers), *tokens, "<ann at last>", "<bob at last>")

    simulate(25, story)


def test_f01_a_crash_amid_what_the_history_brings_doubles_nothing(tmp_path: Path) -> None:
    """A store from before, and its file as it was: what the file has beyond it comes with ann's history once more.

    The server dies when that is on the disk, and what is there twice is not yet taken out: that is another record.
    """

    async def story(chance: random.Random) -> None:
        scene = DiskScene(tmp_path, chance, autosave_s=0.5)
        scene.file.write_text("Title\n")
        ann = await scene.join("ann")
        assert ann.session is not None
        await ann.session.stored()
        await asyncio.sleep(3)
        backup = scene.disk.drive.copy()
        lines = [f"line {number} of ann's\n" for number in range(20)]
        ann.session.replace(0, 0, "".join(lines))
        await ann.session.stored()
        await asyncio.sleep(3)
        await scene.host.die(scene.network, power=False)
        scene.disk.drive.restore(backup)
        with pytest.MonkeyPatch.context() as patches:
            patches.setattr(Document, "remove_late_duplicates", lambda document: None)
            scene.host.start()
            await scene.settle(ann)
            assert ann.session.text.count(lines[0]) == 2
            await scene.host.die(scene.network, power=False)
        scene.host.start()
        once(await scene.settle(ann), *lines, "Title\n")
        await scene.restart()
        once(await scene.settle(ann), *lines, "Title\n")

    simulate(26, story)


def test_who_is_waited_for_is_noted_before_what_they_bring_and_until_after_what_follows() -> None:
    """So that no end of the log that a crash can leave has the one without the other."""
    ann = TextBuffer.genesis("Title\n", author="ann")
    pad = Pad(TextBuffer.decode(ann.encode(), author="disk"))
    store = MemoryStorage().open("notes.md")
    saver = Saver(pad, store, Version(), genesis=b"Title\n")
    saver.begin()
    ann.replace(0, 0, "late ")
    saver.awaited = (ann.version,)
    pad.integrate(ann.changes_since(pad.buffer.version), None)
    saver.awaited = ()  # nothing of it was written yet
    pad.replace(0, 4, "", 0.0)
    saver.awaited = (ann.version, Version({7: 1}))
    saver.write(limit_bytes=1)
    saver.awaited = (Version({7: 1}),)
    pad.replace(0, 1, "", 0.0)
    saver.write()
    kinds = [record.kind for record in store.load().records]
    assert [kind for kind in kinds if kind in (AWAITED, CHANGES)] == [AWAITED, CHANGES, CHANGES, AWAITED]
    assert restore(store, author="").awaited == (Version({7: 1}),)
    saver.compact()
    assert restore(store, author="").awaited == (Version({7: 1}),)
