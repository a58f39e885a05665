"""A file that is renamed or deleted at its server while people have it open, in virtual time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from jpterm_like.access.permissions import Role
from jpterm_like.client.events import Notice, RequestFailed, Settled
from jpterm_like.client.session import Session
from jpterm_like.files.access_control import PathPermissions
from jpterm_like.files.root import Root
from jpterm_like.saver import restore
from jpterm_like.server.load_document import open_document
from jpterm_like.server.mount import UNMOUNTED
from jpterm_like.server.rename import MOVED, renamed_to
from jpterm_like.server.shared_folder import SharedFolder
from jpterm_like.storage import Record
from jpterm_like.storage.memory import MemoryStorage
from tests.sync.network import Peer, simulate
from tests.sync.test_outages import Scene, once


class Renaming(Scene):
    """Ann and bob in notes.md of a folder that is shared as `serve` shares one."""

    ann: Session
    bob: Session
    files = SharedFolder

    def __init__(self, root: Path) -> None:
        super().__init__(root, random.Random(1))
        self.file.write_text("Title\n")
        self.people: dict[str, Peer] = {}
        self.told: list[str] = []

    async def begin(self) -> None:
        for name in ("ann", "bob"):
            self.people[name] = await self.join(name)
        ann, bob = (peer.session for peer in self.people.values())
        assert ann is not None and bob is not None
        self.ann, self.bob = ann, bob
        self.bob.listen(lambda event: self.told.append(event.sentence) if isinstance(event, Notice) else None)


def story(root: Path, tale: Callable[[Renaming], Awaitable[None]]) -> None:
    async def told(chance: random.Random) -> None:
        scene = Renaming(root)
        await scene.begin()
        await tale(scene)

    simulate(1, told)


def test_everybody_follows_a_file_that_gets_another_name(tmp_path: Path) -> None:
    """The text, its history, its file and who is in it go along; what is typed meanwhile is there once."""

    async def tale(scene: Renaming) -> None:
        scene.bob.replace(0, 0, "bob's ")
        scene.ann.replace(0, 0, "ann's ")
        renaming = asyncio.ensure_future(scene.ann.rename("docs/plan.md"))
        scene.bob.replace(0, 0, "late ")
        await renaming
        scene.ann.replace(0, 0, "after ")
        text = await scene.settle(*scene.people.values())
        once(text, "Title", "bob's", "ann's", "late", "after")
        assert not scene.file.exists() and (tmp_path / "docs/plan.md").read_text() == text
        assert (scene.ann._address.path, scene.bob._address.path) == ("docs/plan.md", "docs/plan.md")
        assert any("ann renamed notes.md to docs/plan.md" in sentence for sentence in scene.told)
        await scene.restart()
        scene.bob.replace(0, 0, "again ")
        text = await scene.settle(*scene.people.values())
        once(text, "again", "after")
        assert (tmp_path / "docs/plan.md").read_text() == text and not scene.file.exists()
        while scene.bob.undo() is not None:
            pass
        assert await scene.settle(*scene.people.values()) == "after ann's Title\n", "undo went along"

    story(tmp_path, tale)


def test_who_was_away_is_led_to_the_new_name(tmp_path: Path) -> None:
    """Also over two names, and after a restart of everything; what was written offline arrives once."""

    async def tale(scene: Renaming) -> None:
        bob = scene.people["bob"]
        await bob.die()
        await scene.ann.rename("plan.md")
        await scene.ann.rename("last.md")
        await scene.restart()
        await bob.start()
        assert bob.session is not None
        told: list[str] = []
        bob.session.listen(lambda event: told.append(event.sentence) if isinstance(event, Notice) else None)
        bob.session.replace(0, 0, "offline ")
        text = await scene.settle(*scene.people.values())
        assert text == "offline Title\n" and bob.session._address.path == "last.md"
        assert told == ["notes.md was renamed to last.md while you were away."]
        assert sorted(path.name for path in tmp_path.iterdir()) == ["last.md"]
        carl = Peer("carl", scene.network)
        await carl.start()
        assert carl.session is not None
        await carl.session.synced()
        assert carl.session.text == "", "for who knows nothing of it, the old name is free"

    story(tmp_path, tale)


def test_a_history_is_not_begun_anew_under_a_name_that_has_gone(tmp_path: Path) -> None:
    """Who asked for it while the file got another name is told so, and everybody stays where they are."""

    async def tale(scene: Renaming) -> None:
        server = scene.host.server
        assert server is not None
        async with server.names.lock_of("notes.md"):
            renaming = asyncio.ensure_future(scene.ann.rename("plan.md"))
            await asyncio.sleep(1)
            beginning = asyncio.ensure_future(scene.bob.restart_history())
            await asyncio.sleep(1)
        await renaming
        with pytest.raises(RequestFailed, match="not begun anew"):
            await beginning
        (open_document,) = server.documents.by_name.values()
        assert open_document.document.name == "plan.md" and len(open_document.members) == 2

    story(tmp_path, tale)


def test_nobody_stays_in_a_document_whose_history_could_not_be_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mistakes: list[str]
) -> None:
    """A mistake of ours in the midst of it sends everybody to open it once more; before, they typed into one that was closed."""

    async def tale(scene: Renaming) -> None:
        def fails(*arguments: object) -> None:
            raise ValueError("a mistake")

        monkeypatch.setattr("jpterm_like.server.open_documents.restart_history", fails)
        with pytest.raises(RequestFailed):
            await scene.ann.restart_history()
        scene.bob.replace(0, 0, "more ")
        assert await scene.settle(*scene.people.values()) == "more Title\n"

    story(tmp_path, tale)
    (mistake,) = mistakes
    assert "a mistake" in mistake
    mistakes.clear()


def test_a_name_can_be_taken_back(tmp_path: Path) -> None:
    async def tale(scene: Renaming) -> None:
        await scene.ann.rename("plan.md")
        await scene.bob.rename("notes.md")
        scene.ann.replace(0, 0, "more ")
        assert await scene.settle(*scene.people.values()) == "more Title\n" == scene.file.read_text()
        await scene.people["bob"].die()
        await scene.people["bob"].start()
        assert await scene.settle(*scene.people.values()) == "more Title\n"

    story(tmp_path, tale)


@pytest.mark.parametrize("name", ["../out.md", "/etc/out.md", ".git/hooks", "", "there.md", "a\0b", "folder"])
def test_a_name_that_is_none_or_taken_changes_nothing(tmp_path: Path, name: str) -> None:
    root = tmp_path / "root"
    (root / "folder").mkdir(parents=True)
    (root / "there.md").write_text("there\n")

    async def tale(scene: Renaming) -> None:
        with pytest.raises(RequestFailed):
            await scene.ann.rename(name)
        scene.bob.replace(0, 0, "more ")
        assert await scene.settle(*scene.people.values()) == "more Title\n" == scene.file.read_text()
        assert (root / "there.md").read_text() == "there\n"
        assert sorted(path.name for path in tmp_path.rglob("*")) == ["folder", "notes.md", "root", "there.md"]

    story(root, tale)


def test_a_deleted_file_leaves_its_text_with_who_has_it_open(tmp_path: Path) -> None:
    """They are told by whom; it is not written again by itself, and saving brings it back."""

    async def tale(scene: Renaming) -> None:
        topics: list[str] = []
        scene.bob.listen(
            lambda event: (
                topics.append(f"{type(event).__name__} {event.topic}")
                if isinstance(event, Notice | Settled)
                else None
            )
        )
        await scene.ann.delete_file()
        scene.bob.replace(0, 0, "more ")
        await scene.settle(*scene.people.values())
        assert not scene.file.exists()
        assert any("ann deleted notes.md" in sentence for sentence in scene.told)
        assert topics == ["Notice file"]
        with pytest.raises(RequestFailed, match="no file"):
            await scene.bob.delete_file()
        await scene.bob.save()
        assert scene.file.read_text() == "more Title\n"
        assert topics == ["Notice file", "Settled file"], "so the sentence leaves the screen"

    story(tmp_path, tale)


class Some:
    """Whoever comes may do this: `role` in names that begin so."""

    who = "some"
    can_be_raised = False

    def __init__(self, role: Role, start: str) -> None:
        self._role: Role = role
        self._start = start

    def is_valid(self) -> bool:
        return True

    def concerns(self, name: str) -> bool:
        return True

    def role(self, name: str, path: Path, sources: Sequence[PathPermissions] = ()) -> Role | None:
        return self._role if name.startswith(self._start) else None


@pytest.mark.parametrize(
    ("rights", "to", "goes"),
    [
        (Some("edit", ""), "plan.md", True),
        (Some("own", ""), "plan.md", True),
        (Some("view", ""), "plan.md", False),
        (Some("edit", "notes"), "plan.md", False),
        (Some("edit", "notes"), "notes2.md", True),
    ],
)
def test_names_are_given_by_who_may_write_under_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rights: Some, to: str, goes: bool
) -> None:
    monkeypatch.setattr("jpterm_like.server.server.Server.converse.__defaults__", (rights, UNMOUNTED))

    async def tale(scene: Renaming) -> None:
        if goes:
            await scene.ann.rename(to)
        else:
            with pytest.raises(RequestFailed):
                await scene.ann.rename(to)
            if rights.role("notes.md", tmp_path) == "view":
                with pytest.raises(RequestFailed):
                    await scene.ann.delete_file()
        assert (tmp_path / to).exists() == goes and scene.file.exists() != goes

    story(tmp_path, tale)


def identity(scene: Renaming) -> bytes:
    """Of the one document that is open."""
    assert scene.host.server is not None
    (open_document,) = scene.host.server.documents.by_name.values()
    return open_document.document.identity


def test_a_document_is_the_same_under_every_name(tmp_path: Path) -> None:
    """Its identity goes along when it is renamed, and is the same after a restart and after its log was folded."""

    async def tale(scene: Renaming) -> None:
        before = identity(scene)
        assert len(before) == 16
        await scene.ann.rename("plan.md")
        assert identity(scene) == before
        await scene.restart()
        await scene.settle(*scene.people.values())
        assert identity(scene) == before
        assert scene.host.server is not None
        (open_document,) = scene.host.server.documents.by_name.values()
        open_document.document.saver.compact()
        await scene.restart()
        await scene.settle(*scene.people.values())
        assert identity(scene) == before

    story(tmp_path, tale)


def test_a_name_that_is_used_again_is_another_document(tmp_path: Path) -> None:
    async def tale(scene: Renaming) -> None:
        before = identity(scene)
        await scene.ann.rename("plan.md")
        carl = Peer("carl", scene.network)
        await carl.start()
        assert carl.session is not None
        await carl.session.synced()
        carl.session.replace(0, 0, "new ")
        await carl.session.stored()
        assert scene.host.server is not None
        again = scene.host.server.documents.by_name["notes.md"].document.identity
        assert len(again) == 16 and again != before

    story(tmp_path, tale)


def test_nothing_of_a_document_stays_in_the_store_that_it_left(tmp_path: Path) -> None:
    """Release 0.1.0 uses that store again as it is: the next document of the name would have the identity of this one."""

    async def tale(scene: Renaming) -> None:
        scene.ann.replace(0, 0, "ann's ")
        await scene.ann.stored()
        await scene.ann.rename("plan.md")
        assert scene.host.server is not None
        storage = scene.host.storage
        blobs = ("moved", "identity", "discards", "access", "base", "coming")
        assert [storage.read_blob("notes.md", blob) or b"" for blob in blobs] == [b"plan.md", *[b""] * 5]

    story(tmp_path, tale)


def test_a_note_that_leads_nowhere_is_none() -> None:
    """One that is no name in UTF-8: the document is opened as it is."""
    storage = MemoryStorage()
    storage.open("notes.md").write_blob(MOVED, b"\xff")
    assert renamed_to(storage, "notes.md") is None


def test_what_a_newer_release_left_in_a_store_goes_along(tmp_path: Path) -> None:
    """Blobs and records that this release does not know, at the server and in a journal (B2)."""
    unknown, note = Record(77, b"of a newer release"), b"a blob of a newer release"

    async def tale(scene: Renaming) -> None:
        scene.ann.replace(0, 0, "ann's ")
        await scene.ann.stored()
        await scene.people["ann"].close()
        await scene.host.die(scene.network, power=False)
        for storage in (scene.host.storage, scene.people["ann"].storage):
            (name,) = storage.names()
            store = storage.open(name)
            store.append([unknown])
            store.write_blob("later", note)
            store.close()
        scene.host.start()
        assert scene.host.server is not None
        await scene.people["ann"].start()
        await scene.settle(*scene.people.values())
        await scene.bob.rename("plan.md")
        text = await scene.settle(*scene.people.values())
        await scene.people["ann"].close()
        await scene.host.die(scene.network, power=False)
        server, journals = scene.host.storage, scene.people["ann"].storage
        assert not server.read_blob("notes.md", "later")
        (journal,) = journals.names()
        for storage, name in ((server, "plan.md"), (journals, journal)):
            assert storage.read_blob(name, "later") == note
            kept = restore(storage.open(name), author="")
            assert kept.carried == [unknown]
            assert kept.buffer is not None and kept.buffer.text == text

    story(tmp_path, tale)


def test_a_store_without_an_identity_gets_one_at_its_next_opening(tmp_path: Path) -> None:
    """Release 0.1.0 wrote none. Where the disk does not take it, nobody is told any."""
    storage = MemoryStorage()

    def opened() -> bytes:
        store = storage.open("notes.md")
        document, _ = open_document("notes.md", tmp_path / "notes.md", Root(tmp_path), store)
        store.close()
        return document.identity

    (tmp_path / "notes.md").write_text("Title\n")
    first = opened()
    del storage._documents["notes.md"].blobs["identity"]
    storage.fail("write_blob")
    assert opened() == b""
    second = opened()
    assert len(second) == 16 and second != first and opened() == second
