"""A file that goes away by another program, and one that comes under its name: one document or two. In virtual time."""

from __future__ import annotations

from pathlib import Path

import pytest

from jpterm_like.errors import JptermError
from jpterm_like.server.absence import former_name, is_another
from tests.sync.network import Peer, session_of
from tests.sync.test_absence import sentences
from tests.sync.test_renaming import Renaming, story

FORMER = "notes (former).md"


async def look(scene: Renaming) -> None:
    """The server looks at its plain files, as its watcher tells it to, and does what follows from that."""
    server = scene.host.server
    assert server is not None
    for opened in list(server.documents.by_name.values()):
        await server._upkeep._read_changes(opened)
        await server.documents._rename_replaced(opened)


async def goes(scene: Renaming) -> None:
    """Another program deletes the file, and that is noticed."""
    scene.file.unlink()
    await look(scene)


def test_people_in_a_file_that_is_another_one_now_keep_their_text(tmp_path: Path) -> None:
    """It goes on under a name of its own, is in no file before somebody saves, and the new file has its own text only."""

    async def tale(scene: Renaming) -> None:
        scene.bob.replace(0, 0, "unsaved ")
        await scene.settle(*scene.people.values())
        await goes(scene)
        scene.file.write_text("anew\n")
        await look(scene)
        scene.ann.replace(0, 0, "after ")
        assert await scene.settle(*scene.people.values()) == "after unsaved Title\n"
        assert {scene.ann.path, scene.bob.path} == {FORMER}
        assert [it for it in scene.told if "is another document now" in it] == [
            f"notes.md is another document now; the text that you have is called {FORMER}. "
            "It is in no file now; saving writes it again."
        ]
        cyd = await scene.join("cyd")
        assert await scene.settle(cyd) == "anew\n" == scene.file.read_text()
        assert not (tmp_path / FORMER).exists()
        await scene.restart()
        assert await scene.settle(*scene.people.values()) == "after unsaved Title\n"
        await scene.bob.save()
        assert (tmp_path / FORMER).read_text() == "after unsaved Title\n"
        while scene.bob.undo() is not None:
            pass
        assert await scene.settle(*scene.people.values()) == "after Title\n", "undo went along"

    story(tmp_path, tale)


def test_words_of_who_was_away_do_not_come_into_a_new_file(tmp_path: Path) -> None:
    """They go to the text that they were written for, and who wrote them is told where that is."""

    async def tale(scene: Renaming) -> None:
        bob = scene.people["bob"]
        await bob.die()
        scene.network.part("bob")
        await bob.start()
        session_of(bob).replace(0, 0, "offline ")
        await goes(scene)
        await scene.ann.close()
        await scene.restart()
        scene.file.write_text("anew\n")
        told = sentences(session_of(bob))
        scene.network.join("bob")
        assert await scene.settle(bob) == "offline Title\n"
        assert session_of(bob).path == FORMER
        assert any(f"the one that you wrote in is called {FORMER}" in it for it in told)
        cyd = await scene.join("cyd")
        assert await scene.settle(cyd) == "anew\n" == scene.file.read_text()
        ann = scene.people["ann"]
        await ann.start()
        told = sentences(session_of(ann))
        assert await scene.settle(ann) == "anew\n"
        assert any(FORMER in it for it in told)

    story(tmp_path, tale)


def test_words_that_are_typed_while_the_new_file_is_opened_go_to_the_former_one(tmp_path: Path) -> None:
    """Nothing was unsent when the server said that it has another document now; then a key came, and stayed in a journal of a text
    that is opened under no name."""

    async def tale(scene: Renaming) -> None:
        await scene.settle(*scene.people.values())
        await scene.ann.close()
        scene.network.part("bob")
        await goes(scene)
        await scene.restart()
        scene.file.write_text("anew\n")
        begin, typed = scene.bob._begin_migration, 0

        def begin_and_type(*, sets_aside: bool, former: str) -> None:
            nonlocal typed
            begin(sets_aside=sets_aside, former=former)
            if not typed:
                scene.bob.replace(0, 0, "typed ")
            typed += 1

        scene.bob._begin_migration = begin_and_type  # type: ignore[method-assign,assignment]
        scene.network.cut("bob")
        scene.network.join("bob")
        assert await scene.settle(scene.people["bob"]) == "typed Title\n"
        assert typed == 1 and scene.bob.path == FORMER

    story(tmp_path, tale)


def test_a_file_that_was_deleted_while_nobody_looked_is_found_missing_by_an_opening(tmp_path: Path) -> None:
    """So a later file of the name is another document; the first one who opens it is told what became of the former."""

    async def tale(scene: Renaming) -> None:
        await scene.ann.close()
        await scene.bob.close()
        scene.file.unlink()
        cyd = await scene.join("cyd")
        assert await scene.settle(cyd) == "Title\n"
        await session_of(cyd).close()
        scene.file.write_text("anew\n")
        dan = Peer("dan", scene.network)
        await dan.start()
        told = sentences(session_of(dan))
        assert await scene.settle(dan) == "anew\n"
        assert any(FORMER in it for it in told)
        eve = await Peer.at(FORMER, "eve", scene.network)
        assert await scene.settle(eve) == "Title\n"

    story(tmp_path, tale)


@pytest.mark.parametrize("text", ["Title\n", "more\nTitle\n"], ids=["the same", "changed"])
@pytest.mark.parametrize("is_open", [True, False])
def test_a_file_that_comes_back_is_the_same_document(is_open: bool, text: str, tmp_path: Path) -> None:
    """`git switch` there and back: what people wrote meanwhile is in it."""

    async def tale(scene: Renaming) -> None:
        await goes(scene)
        scene.bob.replace(0, 0, "bob's\n")
        await scene.bob.stored()
        if not is_open:
            await scene.ann.close()
            await scene.bob.close()
        scene.file.write_text(text)
        if is_open:
            await look(scene)
            people = list(scene.people.values())
        else:
            people = [await scene.join("cyd")]
        got = await scene.settle(*people)
        assert sorted(got.split()) == sorted(["bob's", *text.split()])
        assert [it.name for it in tmp_path.iterdir()] == ["notes.md"]
        # From now on the file is there, and another program may write it anew as it likes.
        scene.file.write_text("wholly other\n")
        await look(scene)
        assert "wholly other" in await scene.settle(*people)
        assert all(session_of(peer).path == "notes.md" for peer in people)

    story(tmp_path, tale)


def test_a_file_that_was_written_again_is_no_missing_one(tmp_path: Path) -> None:
    """Saving ends the absence, also where the file is as it was."""

    async def tale(scene: Renaming) -> None:
        await goes(scene)
        await scene.ann.save()
        assert scene.file.read_text() == "Title\n"
        scene.file.write_text("wholly other\n")
        await look(scene)
        assert await scene.settle(*scene.people.values()) == "wholly other\n"
        assert scene.ann.path == "notes.md"
        await goes(scene)
        await scene.ann.save()
        await scene.restart()
        scene.file.write_text("other again\n")
        assert await scene.settle(*scene.people.values()) == "other again\n"
        assert scene.ann.path == "notes.md"

    story(tmp_path, tale)


def test_a_program_that_deletes_and_writes_in_one_go_saves(tmp_path: Path) -> None:
    """Nobody has found the file missing, so it is a change of the same document, whatever it holds."""

    async def tale(scene: Renaming) -> None:
        scene.file.unlink()
        scene.file.write_text("wholly other\n")
        await look(scene)
        assert await scene.settle(*scene.people.values()) == "wholly other\n"
        assert scene.ann.path == "notes.md"

    story(tmp_path, tale)


def test_a_save_into_a_file_that_is_another_one_is_refused(tmp_path: Path) -> None:
    """Who saves before the server has looked writes over nothing."""

    async def tale(scene: Renaming) -> None:
        await goes(scene)
        scene.file.write_text("anew\n")
        server = scene.host.server
        assert server is not None
        (opened,) = server.documents.by_name.values()
        with pytest.raises(JptermError, match="another file is called so"):
            await opened.document.save()
        assert scene.file.read_text() == "anew\n"
        await scene.settle(*scene.people.values())
        assert scene.ann.path == FORMER

    story(tmp_path, tale)


@pytest.mark.parametrize("is_open", [True, False])
def test_a_file_may_get_the_name_of_a_deleted_one(is_open: bool, tmp_path: Path) -> None:
    """The text of the deleted one is kept under another name, whether somebody has it open or not."""

    async def tale(scene: Renaming) -> None:
        (tmp_path / "plan.md").write_text("plan\n")
        cyd = await Peer.at("plan.md", "cyd", scene.network)
        await session_of(cyd).delete_file()
        if not is_open:
            await session_of(cyd).close()
        await scene.ann.rename("plan.md")
        assert await scene.settle(*scene.people.values()) == "Title\n" == (tmp_path / "plan.md").read_text()
        assert scene.bob.path == "plan.md"
        if not is_open:
            cyd = await Peer.at("plan (former).md", "dan", scene.network)
        assert session_of(cyd).path == "plan (former).md"
        assert await scene.settle(cyd) == "plan\n"

    story(tmp_path, tale)


def test_a_text_that_has_no_file_yet_keeps_its_name(tmp_path: Path) -> None:
    """It was never deleted: who begins a new file is not moved away from it."""

    async def tale(scene: Renaming) -> None:
        cyd = await Peer.at("plan.md", "cyd", scene.network)
        with pytest.raises(JptermError, match="is there already"):
            await scene.ann.rename("plan.md")
        assert session_of(cyd).path == "plan.md" and scene.ann.path == "notes.md"

    story(tmp_path, tale)


@pytest.mark.parametrize(
    ("former", "found", "is_so"),
    [
        (["one\ntwo\n"], "three\nfour\n", True),
        (["one\ntwo\n"], "", True),
        (["one\ntwo\n"], "zero\n  two\n", False),
        (["one\n", "two\n"], "two\n", False),
        (["{\n}\none\n"], "{\n}\ntwo\n", True),
        (["", "\n---\n"], "anew\n", False),
    ],
)
def test_a_text_without_a_line_of_the_former_is_another(former: list[str], found: str, is_so: bool) -> None:
    assert is_another(former, found) == is_so


def test_names_of_former_documents() -> None:
    """Each can be given to a file where the name itself can."""
    assert former_name("docs/notes.md", 1) == "docs/notes (former).md"
    assert former_name("/a/notes.tar.gz", 3) == "/a/notes.tar (former 3).gz"
    assert former_name(".gitignore", 1) == "gitignore (former)"
    long = former_name("ü" * 127 + ".md", 12)
    assert len(long.encode()) <= 255 and long.endswith("ü (former 12).md")
