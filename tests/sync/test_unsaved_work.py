"""Discarding takes back one's own unsaved steps and nobody else's, and never writes the plain file: stories in virtual time."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from crdt import TextBuffer
from jpterm_like import clock
from jpterm_like.cli.edit_requests import BadRequest, EditRequests
from jpterm_like.cli.scripting import confirmed
from jpterm_like.client.events import Notice, RequestFailed
from jpterm_like.client.session import Session
from jpterm_like.storage.memory import MemoryStorage
from jpterm_like.sync import link
from jpterm_like.sync.unsaved_work import join_passages, unsaved_passages
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


def test_what_came_with_my_text_into_another_history_is_not_taken_for_mine(tmp_path: Path) -> None:
    """The server lost its store, and ann's editor brings the text in, with bob's unsaved words: as edits of hers."""

    async def story() -> None:
        scene = scene_of(tmp_path)
        ann, bob = await come(scene, "ann"), await come(scene, "bob")
        bob.replace(4, 4, "BOB\n")
        await bob.stored()
        await bob.close()
        await scene.host.die(scene.network, power=False)
        scene.host.storage.delete("notes.md")
        scene.file.write_text("one\nzero\n")
        scene.host.start()
        await asyncio.sleep(60)
        assert set(ann.text.split()) == {"one", "zero", "BOB"}
        ann.replace(0, 0, "hers ")
        assert ann.discard()
        assert set(ann.text.split()) == {"one", "zero", "BOB"}
        assert ann.would_lose("one\nzero\n") == {"somebody": 0}
        await ann.close()

    simulate(1, lambda chance: story())


def test_a_namesake_is_another_person(tmp_path: Path) -> None:
    """Two terminals, or two people of one name: who wrote at which is known all the same."""

    async def story() -> None:
        scene = scene_of(tmp_path)
        here, there = await come(scene, "ann"), await come(scene, "ann")
        told = notices_of(there)
        there.replace(4, 4, "THERE\n")
        here.replace(0, 0, "here ")
        await there.stored()
        await here.stored()
        await asyncio.sleep(1)
        assert here.would_lose("one\n") == {"ann elsewhere": 1}
        assert here.discard() and here.text == "one\nTHERE\n"
        await here.go_back("one\n")
        await here.stored()
        await asyncio.sleep(1)
        assert there.text == "one\n" and "removed your unsaved words" in about_discards(told)[0]
        await here.close()
        await there.close()

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
        await bob.synced()
        await asyncio.sleep(60)
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


def test_a_script_discards_its_own_steps_and_saves_nobody_elses(tmp_path: Path) -> None:
    """What counts is the moment at which it saves: ann may have begun to type since the script came."""

    async def story() -> None:
        scene = scene_of(tmp_path)
        ann, bot = await come(scene, "ann"), await come(scene, "bot")
        orders = EditRequests(bot)
        await orders.carry_out({"do": "append", "text": "two"})
        await confirmed(bot, lambda: not bot.others_unsaved)
        assert scene.file.read_text() == "one\ntwo\n"
        await orders.carry_out({"do": "append", "text": "three"})
        ann.replace(0, 0, "hers ")
        await ann.stored()
        await asyncio.sleep(1)
        await confirmed(bot, lambda: not bot.others_unsaved)
        assert scene.file.read_text() == "one\ntwo\n"
        await orders.carry_out({"do": "discard"})
        assert bot.text == "hers one\ntwo\n"
        with pytest.raises(BadRequest):
            await orders.carry_out({"do": "discard"})
        await ann.close()
        await bot.close()

    simulate(1, lambda chance: story())


def notices_of(session: Session) -> list[str]:
    told: list[str] = []
    session.listen(lambda event: told.append(event.sentence) if isinstance(event, Notice) else None)
    return told


def about_discards(told: list[str]) -> list[str]:
    return [sentence for sentence in told if "went back" in sentence]


def test_whose_words_went_is_told_and_brings_them_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everybody present is told whose words went; anybody brings them back, in one step, and ann's own undo does it too."""
    monkeypatch.setattr(Session, "_file_seconds", 1e9)

    async def story() -> None:
        scene = scene_of(tmp_path)
        ann, bob, carl = [await come(scene, name) for name in ("ann", "bob", "carl")]
        told = {person.name: notices_of(person) for person in (ann, bob, carl)}
        bob.replace(4, 4, "BOB\n")
        await bob.stored()
        ann.replace(0, 0, "hers ")
        await ann.stored()
        assert ann.would_lose("one\n") == {"bob": 1}
        await ann.go_back("one\n")
        await ann.compare()
        await ann.stored()
        await asyncio.sleep(1)
        assert ann.text == bob.text == carl.text == "one\n" and ann.saved
        assert about_discards(told["ann"]) == []
        went = f"ann went back to the file of {clock.words(1e9)}, which removed "
        assert about_discards(told["bob"])[0].startswith(went + "your unsaved words. ")
        assert about_discards(told["carl"])[0].startswith(went + "unsaved words by bob. ")
        [discard] = carl.discards()
        carl.bring_back(discard)
        await carl.stored()
        assert carl.text == "hers one\nBOB\n" and scene.file.read_text() == "one\n"
        assert carl.discards() == []
        carl.undo()
        assert carl.text == "one\n"
        for person in (ann, bob, carl):
            await person.close()

    simulate(1, lambda chance: story())


@pytest.mark.parametrize("turns", range(0, 12, 2))
def test_what_was_discarded_is_there_again_when_the_program_ends_in_the_midst(
    turns: int, tmp_path: Path
) -> None:
    """Nobody may have been told; so the next start takes it back, and says so."""

    async def story() -> None:
        scene, hers = scene_of(tmp_path), MemoryStorage()
        bob, ann = await come(scene, "bob"), await come(scene, "ann", hers)
        bob.replace(4, 4, "BOB\n")
        await bob.stored()
        await ann.synced()
        await ann.informed()
        going = asyncio.create_task(ann.go_back("one\n"))
        for _ in range(turns):
            await asyncio.sleep(0)
        was_cut_off = not going.done()
        going.cancel()
        await ann.close()
        ann = await come(scene, "ann", hers)
        await ann.stored()
        await bob.informed()
        if was_cut_off:
            assert ann.text == bob.text == "one\nBOB\n"
            assert turns == 0 or any("interrupted" in it for it in ann.damage)
        await ann.close()
        ann = await come(scene, "ann", hers)
        assert not any("interrupted" in it for it in ann.damage)
        await ann.close()
        await bob.close()

    simulate(1, lambda chance: story())


def test_the_notes_go_along_with_a_new_name(tmp_path: Path) -> None:
    """Bob comes back to a file that was renamed after his words had been discarded."""

    async def story() -> None:
        scene, his = scene_of(tmp_path), MemoryStorage()
        bob = await come(scene, "bob", his)
        bob.replace(4, 4, "BOB\n")
        await bob.close()
        ann = await come(scene, "ann")
        await ann.go_back("one\n")
        await ann.compare()
        await ann.rename("other.md")
        await ann.close()
        await scene.restart()
        bob = await come(scene, "bob", his)
        await bob.informed()
        assert bob.path == "other.md" and len(bob.discards()) == 1
        await bob.close()

    simulate(1, lambda chance: story())


@pytest.mark.parametrize("shared", [False, True], ids=["two logins", "one login"])
def test_whose_words_went_while_away_is_told_on_coming_back(shared: bool, tmp_path: Path) -> None:
    """Also when the server was started anew meanwhile."""

    async def story() -> None:
        scene = scene_of(tmp_path)
        hers, his = MemoryStorage(), MemoryStorage()
        his = hers if shared else his
        bob = await come(scene, "bob", his)
        bob.replace(4, 4, "BOB\n")
        await bob.close()
        ann = await come(scene, "ann", hers)
        assert ann.would_lose("one\n") == {"bob": 1}
        await ann.go_back("one\n")
        await ann.stored()
        await ann.close()
        await scene.restart()
        bob = await come(scene, "bob", his)
        told = notices_of(bob)
        await bob.informed()
        assert bob.text == "one\n" and len(about_discards(told)) == 1
        [discard] = bob.discards()
        bob.bring_back(discard)
        assert bob.text == "one\nBOB\n"
        await bob.stored()
        await bob.close()
        bob = await come(scene, "bob", his)
        told = notices_of(bob)
        await bob.informed()
        assert about_discards(told) == [] and bob.text == "one\nBOB\n"
        await bob.close()

    simulate(1, lambda chance: story())


def test_what_cannot_be_told_is_not_discarded(tmp_path: Path) -> None:
    """The line goes before the server has taken the note: the words are there again."""

    async def story() -> None:
        scene = scene_of(tmp_path)
        ann, bob = await come(scene, "ann"), await come(scene, "bob")
        bob.replace(4, 4, "BOB\n")
        await bob.stored()
        await asyncio.sleep(1)
        scene.network.cut("ann")
        with pytest.raises(RequestFailed):
            await ann.go_back("one\n")
        await ann.stored()
        assert ann.text == "one\nBOB\n"
        await asyncio.sleep(1)
        assert bob.text == "one\nBOB\n"
        await ann.close()
        await bob.close()

    simulate(1, lambda chance: story())


def test_somebody_with_an_older_release_is_told_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Release 0.1.0 knows no message for it, and would end the line at one."""

    async def story() -> None:
        scene = scene_of(tmp_path)
        with monkeypatch.context() as old:
            old.setattr(link, "FEATURES", ())
            bob = await come(scene, "bob")
        ann = await come(scene, "ann")
        told = notices_of(bob)
        bob.replace(4, 4, "BOB\n")
        await bob.stored()
        await asyncio.sleep(1)
        await ann.go_back("one\n")
        await ann.stored()
        await asyncio.sleep(1)
        assert bob.text == "one\n" and bob.discards() == []
        assert "removed unsaved words by bob" in about_discards(told)[0]
        ann.undo()
        await ann.stored()
        await ann.close()
        await bob.close()

    simulate(1, lambda chance: story())


def test_passages_are_counted_by_person() -> None:
    """A passage is what one person wrote in a row since the file was saved; parts of theirs that are older do not count."""
    ann = TextBuffer.genesis("zero one two three\n", author="ann", site=1)
    bob, carl = (
        TextBuffer.decode(ann.encode(), author=name, site=site) for name, site in (("bob", 2), ("carl", 3))
    )
    bob.replace(0, 0, "old ", 1.0)
    saved = bob.version
    bob.replace(4, 4, "new ", 2.0)
    bob.replace(len(bob), len(bob), "end", 2.0)
    carl.replace(9, 12, "", 2.0)
    for other in (bob, carl):
        ann.integrate(other.changes_since(ann.version))
    assert ann.text == "old new zero one  three\nend"
    assert unsaved_passages(ann, saved) == {"bob": 2}
    assert join_passages({"bob": 2, "carl": 0}) == "2 passages by bob, changes by carl"
    assert join_passages({"bob": 1, "dora": 3}) == "1 passage by bob, 3 by dora"
