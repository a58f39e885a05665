"""Discarding takes back one's own unsaved steps and nobody else's, and never writes the plain file: stories in virtual time."""

from __future__ import annotations

import random
from pathlib import Path

from jpterm_like.session import Session
from jpterm_like.storage.memory import MemoryStorage
from tests.sync.network import Peer, simulate
from tests.sync.test_outages import Scene


async def come(scene: Scene, name: str, storage: MemoryStorage | None = None) -> Session:
    peer = Peer(name, scene.network, storage)
    await peer.start()
    assert peer.session is not None
    await peer.session.synced()
    return peer.session


def scene_of(root: Path) -> Scene:
    """A file that is written when somebody saves, as in a hub."""
    scene = Scene(root, random.Random(1), autosave_s=None)
    scene.file.write_text("one\n")
    return scene


def test_my_unsaved_steps_go_those_of_earlier_openings_too_and_the_file_is_not_written(
    tmp_path: Path,
) -> None:
    """What was saved stays; afterwards the text is called saved, for it is what the file holds."""

    async def story() -> None:
        scene, home = scene_of(tmp_path), MemoryStorage()
        ann = await come(scene, "ann", home)
        ann.replace(4, 4, "two\n")
        await ann.save()
        ann.replace(8, 8, "three\n")
        await ann.stored()
        await ann.close()
        ann = await come(scene, "ann", home)
        ann.replace(0, 3, "four")
        stamp = scene.file.stat()
        assert ann.discard() and ann.text == "one\ntwo\n"
        await ann.compare()
        assert ann.saved and not ann.discard()
        assert scene.file.stat() == stamp
        ann.undo()
        assert ann.text == "four\ntwo\nthree\n" and not ann.saved, "one step of undo"
        await ann.close()

    simulate(1, lambda chance: story())


def test_what_another_kept_unsaved_is_there_when_they_come_back(tmp_path: Path) -> None:
    """Bob closes and keeps his words; ann leaves without hers. Also when both have one login, and so one state folder;
    and also when she opened the file anew, with what his journal left."""
    for shared in (True, False):
        for anew in (False, True):
            folder = tmp_path / f"{shared}-{anew}"
            folder.mkdir()

            async def story(shared: bool = shared, anew: bool = anew, folder: Path = folder) -> None:
                scene = scene_of(folder)
                homes = [MemoryStorage(), MemoryStorage()]
                hers, his = homes[0], homes[0 if shared else 1]
                ann = await come(scene, "ann", hers)
                bob = await come(scene, "bob", his)
                bob.replace(4, 4, "BOB\n")
                await bob.close()
                if anew:
                    await ann.close()
                    ann = await come(scene, "ann", hers)
                ann.replace(0, 0, "hers ")
                await ann.stored()
                assert ann.others_unsaved == ("bob",)
                assert ann.undo() is not None and ann.undo() is None, "nor does undo take his step"
                ann.replace(0, 0, "hers ")
                assert ann.discard() and ann.text == "one\nBOB\n"
                await ann.compare()
                assert not ann.saved and scene.file.read_text() == "one\n"
                await ann.close()
                bob = await come(scene, "bob", his)
                assert bob.text == "one\nBOB\n" and bob.others_unsaved == ()
                assert bob.discard() and bob.text == "one\n"
                await bob.close()

            simulate(1, lambda chance: story())


def test_without_a_line_discarding_is_the_same(tmp_path: Path) -> None:
    """Nothing has to be asked: which steps are mine and unsaved is known here."""

    async def story() -> None:
        scene = scene_of(tmp_path)
        ann, bob = await come(scene, "ann"), await come(scene, "bob")
        bob.replace(4, 4, "BOB\n")
        await bob.stored()
        ann.replace(0, 0, "hers ")
        await ann.stored()
        await scene.host.die(scene.network, power=False)
        ann.replace(0, 0, "more ")
        assert ann.discard() and ann.text == "one\nBOB\n"
        scene.host.start()
        await ann.stored()
        await bob.stored()
        assert ann.text == bob.text == "one\nBOB\n"
        await ann.close()
        await bob.close()

    simulate(1, lambda chance: story())


def test_comparing_never_takes_another_text_for_saved(tmp_path: Path) -> None:
    """Also when another program has just written the file, or somebody types on."""

    async def story() -> None:
        scene = scene_of(tmp_path)
        ann = await come(scene, "ann")
        ann.replace(0, 0, "x")
        await ann.compare()
        assert not ann.saved and scene.file.read_text() == "one\n"
        assert ann.discard()
        scene.file.write_text("other\n")
        await ann.compare()
        assert ann.saved and ann.text == "other\n"
        await ann.close()

    simulate(1, lambda chance: story())
