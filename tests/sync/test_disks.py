"""Stories of bad disks, in virtual time: the real store on a disk in memory (`tests/storage/drive.py`)."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from jpterm_like.files import PlainFile, write_plain
from jpterm_like.saver import restore
from tests.sync.network import Disk, Host, Network, Peer, simulate
from tests.sync.test_network import Folder
from tests.sync.test_outages import Scene, once


class DiskScene(Scene):
    """The same with the real store, on a disk that fails as it is told."""

    def __init__(self, root: Path, chance: random.Random, *, autosave_s: float | None = 1.0) -> None:
        self.file = root / "notes.md"
        self.disk = Disk(chance)
        self.host = Host(Folder(root), autosave_s=autosave_s, storage=self.disk)
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

        monkeypatch.setattr("jpterm_like.document.write_plain", write)
        (shelf,) = scene.host.server._shelves.values()
        shelf.document.pad.replace(0, 0, "one ", 0.0)  # has just arrived, and waits for the tick
        await shelf.document.save()
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
            peer.session is not None and peer.session.version <= scene.host.on_disk() for peer in peers
        )

    simulate(22, story)
