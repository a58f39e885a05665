"""Servers that come back with less than they had, or are others: absence is never deletion. In virtual time."""

from __future__ import annotations

import asyncio
import random
import secrets
from pathlib import Path

import pytest

from crdt import TextBuffer, Version
from jpterm_like.client.events import Notice, RequestFailed
from jpterm_like.client.history_migration import HistoryMigration
from jpterm_like.client.open import open_session
from jpterm_like.client.session import Session
from jpterm_like.saver import ANCESTORS, RestoredPad, Saver, restore
from jpterm_like.storage.base import Record, StorageError, Store, SyncFailed
from jpterm_like.storage.memory import MemoryStorage
from jpterm_like.sync import link as links
from jpterm_like.sync import wire
from jpterm_like.sync.ancestry import (
    ANCESTORS_MAX,
    Ancestor,
    Identity,
    add_ancestor,
    common_text,
    remember_save,
)
from jpterm_like.sync.pad import Pad
from jpterm_like.sync.wire import IDENTITY
from jpterm_like.textdiff.merge import merge
from tests.sync.network import Peer, SlowDisk, session_of, simulate
from tests.sync.test_network import Folder
from tests.sync.test_outages import Scene, once
from tests.sync.test_renaming import Renaming
from tests.sync.test_renaming import story as renaming

BOOK = "".join(f"<a{number}> a line of the book\n" for number in range(40))


async def written(root: Path, *names: str, text: str = BOOK) -> tuple[Scene, list[Peer]]:
    """A text that everybody has, stored and in the plain file."""
    scene = Scene(root, random.Random(1))
    scene.file.write_text("begun\n")  # else the history of an empty document would be the same one
    peers = [await scene.join(name) for name in names]
    session_of(peers[0]).replace(0, len("begun\n"), text)
    await saved(scene, *peers)
    return scene, peers


async def saved(scene: Scene, *peers: Peer) -> str:
    """Wait until all have the same text, and the plain file has it; that text."""
    text = await scene.settle(*peers)
    async with asyncio.timeout(60):
        while not all(session_of(peer).saved for peer in peers):
            await asyncio.sleep(0.5)
    assert scene.file.read_text() == text
    return text


async def lose(scene: Scene, *, store: bool = True, file: str | None = None) -> None:
    """The server dies and loses its store; the plain file holds another text, or is gone."""
    await scene.host.die(scene.network, power=False)
    if store:
        scene.host.storage = SlowDisk()
    if file is None:
        scene.file.unlink()
    else:
        scene.file.write_text(file)


@pytest.mark.parametrize("file", [None, "", "\n"], ids=["no file", "an empty file", "a blank file"])
def test_an_empty_server_deletes_nothing(file: str | None, tmp_path: Path) -> None:
    """Everybody's text comes back as the document, once, with what each wrote offline."""

    async def story() -> None:
        scene, peers = await written(tmp_path, "ann", "bob", "cyd")
        ann, bob, _ = peers
        await lose(scene, file=file)
        session_of(ann).replace(0, 0, "ann's own\n")
        session_of(bob).replace(len(BOOK), len(BOOK), "bob's own\n")
        scene.host.start()
        text = await saved(scene, *peers)
        once(text, *(f"<a{number}>" for number in range(40)), "ann's own", "bob's own")
        dan = await scene.join("dan")
        assert await scene.settle(dan, *peers) == text

    simulate(1, lambda chance: story())


def test_words_of_a_newcomer_do_not_stand_for_the_text_that_was(tmp_path: Path) -> None:
    """Somebody writes into the empty document before those come back who have the text: both are there."""

    async def story() -> None:
        scene, (ann, bob) = await written(tmp_path, "ann", "bob")
        for name in ("ann", "bob"):
            scene.network.part(name)
        await lose(scene)
        scene.host.start()
        cyd = await scene.join("cyd")
        session_of(cyd).replace(0, 0, "hello\n")
        await session_of(cyd).stored()
        for name in ("ann", "bob"):
            scene.network.join(name)
        text = await scene.settle(ann, bob, cyd)
        once(text, "hello", *(f"<a{number}>" for number in range(40)))

    simulate(2, lambda chance: story())


def test_an_older_file_deletes_nothing(tmp_path: Path) -> None:
    """The store is lost and the file is one of an earlier save: what was written since comes back, what was deleted does not."""

    async def story() -> None:
        scene, peers = await written(tmp_path, "ann", "bob", text="one\ntwo\nthree\n")
        ann, bob = peers
        older = scene.file.read_text()
        session_of(ann).replace(4, 8, "")
        session_of(bob).replace(0, 0, "zero\n")
        await saved(scene, *peers)
        session_of(ann).replace(len(session_of(ann).text), len(session_of(ann).text), "four\n")
        assert await saved(scene, *peers) == "zero\none\nthree\nfour\n"
        await lose(scene, file=older)
        scene.host.start()
        assert await scene.settle(*peers) == "zero\none\nthree\nfour\n"

    simulate(3, lambda chance: story())


def test_a_torn_copy_of_the_file_deletes_nothing(tmp_path: Path) -> None:
    """The store is lost and the file has its beginning only: the rest comes back."""

    async def story() -> None:
        scene, peers = await written(tmp_path, "ann", "bob")
        await lose(scene, file=BOOK[: len(BOOK) // 2])
        scene.host.start()
        assert await scene.settle(*peers) == BOOK

    simulate(4, lambda chance: story())


def test_a_file_that_another_program_emptied_stays_empty(tmp_path: Path) -> None:
    """A change that the server read is an operation, whatever it deletes."""

    async def story() -> None:
        scene, peers = await written(tmp_path, "ann", "bob")
        await lose(scene, store=False, file="")
        scene.host.start()
        assert await scene.settle(*peers) == ""

    simulate(5, lambda chance: story())


def test_what_was_deleted_after_the_text_came_back_stays_deleted(tmp_path: Path) -> None:
    """Whoever comes back later has an old history, and brings back nothing that was deleted since in the new one."""

    async def story() -> None:
        scene, (ann, bob) = await written(tmp_path, "ann", "bob", text="one line\ntwo line\nthree line\n")
        session_of(bob).replace(0, 0, "zero line\n")
        await session_of(bob).stored()
        await scene.settle(ann, bob)
        scene.network.part("bob")
        await lose(scene)
        scene.host.start()
        await scene.settle(ann)
        session = session_of(ann)
        for line in ("zero line\n", "two line\n"):
            at = session.text.index(line)
            session.replace(at, at + len(line), "")
        await scene.settle(ann)
        session_of(bob).replace(0, 0, "bob's own\n")
        scene.network.join("bob")
        assert await scene.settle(ann, bob) == "bob's own\none line\nthree line\n"

    simulate(6, lambda chance: story())


def test_an_older_replica_does_not_stand_for_the_newer_one(tmp_path: Path) -> None:
    """The first who comes back to an empty server was away for long: what only the others have comes back with them."""

    async def story() -> None:
        scene, (ann, bob) = await written(tmp_path, "ann", "bob", text="one line of text. ")
        scene.network.part("ann")
        session_of(bob).replace(0, 0, "and newer text. ")
        await scene.settle(bob)
        scene.network.part("bob")
        await lose(scene)
        scene.host.start()
        scene.network.join("ann")
        await scene.settle(ann)
        scene.network.join("bob")
        assert await scene.settle(ann, bob) == "and newer text. one line of text. "

    simulate(7, lambda chance: story())


def test_text_that_comes_back_twice_because_the_power_went_is_there_once(tmp_path: Path) -> None:
    """Ann brought the text back to an empty server, whose power went before that was on its disk, and bob came first then. Ann had left
    her history already: what she had brought came beside what he brought."""

    async def story() -> None:
        scene, (ann, bob) = await written(tmp_path, "ann", "bob")
        scene.network.part("bob")
        await lose(scene)
        flushes = asyncio.Event()
        sync = scene.host.storage.sync

        async def sync_late(stores: list[Store]) -> None:
            if "ann's own" in server_text(scene):
                await flushes.wait()
            await sync(stores)

        scene.host.storage.sync = sync_late
        scene.host.start()
        session_of(ann).replace(0, 0, "ann's own\n")
        async with asyncio.timeout(60):
            while "ann's own" not in server_text(scene):
                await asyncio.sleep(0.1)
        await asyncio.sleep(2)
        scene.network.part("ann")
        await scene.host.die(scene.network, power=True)
        flushes.set()
        scene.host.start()
        scene.network.join("bob")
        await scene.settle(bob)
        scene.network.join("ann")
        text = await scene.settle(ann, bob)
        once(text, "ann's own", *(f"<a{number}>" for number in range(40)))

    simulate(8, lambda chance: story())


def server_text(scene: Scene) -> str:
    """The text of the one document that the server has open; empty if it has none."""
    assert scene.host.server is not None
    return "".join(it.document.pad.buffer.text for it in scene.host.server.documents.by_name.values())


def test_what_another_brings_of_mine_from_a_history_that_i_had_not_come_to_is_there_once(
    tmp_path: Path,
) -> None:
    """Ann's words reached the empty server, and she did not hear so. Bob brings them with the text of that one when the old disk is back;
    she has them under the ids of the old history still, and types on."""

    async def story() -> None:
        scene, (ann, bob) = await written(tmp_path, "ann", "bob")
        disk, text = scene.host.storage, scene.file.read_text()
        await lose(scene)
        place = BOOK.index("\n<a4>")
        session_of(ann).replace(place, place, " ann's own")
        scene.network.part("bob")
        scene.host.start()
        async with asyncio.timeout(60):
            while "ann's own" not in server_text(scene):
                await asyncio.sleep(0.001)
        scene.network.part("ann")
        scene.network.join("bob")
        assert "ann's own" in await scene.settle(bob)
        assert session_of(ann)._migration is not None
        session_of(ann).replace(place + len(" ann's"), place + len(" ann's"), " very")
        at = session_of(bob).text.index("<a7>")
        session_of(bob).replace(at, at + len("<a7>"), "<b7>")
        await scene.settle(bob)
        await scene.host.die(scene.network, power=False)
        scene.host.storage = disk
        scene.file.write_text(text)
        scene.host.start()
        await scene.settle(bob)
        scene.network.join("ann")
        text = await scene.settle(ann, bob)
        once(text, "ann's", "very", "own", "<b7>", *(f"<a{number}>" for number in range(40) if number != 7))
        assert "<a7>" not in text

    simulate(10, lambda chance: story())


@pytest.mark.parametrize("disk", ["refuses", "hangs"])
def test_a_server_whose_disk_fails_keeps_nobody_in_another_history(disk: str, tmp_path: Path) -> None:
    """Ann brings the text back to a server that cannot store it: it stays in memory, and she works there with the others."""

    async def story() -> None:
        scene, (ann, bob) = await written(tmp_path, "ann", "bob")
        await lose(scene)

        async def refuse(stores: list[Store]) -> None:
            if disk == "hangs":
                await asyncio.sleep(10_000)
            raise SyncFailed([(store, StorageError("the disk is full")) for store in stores])

        scene.host.storage.sync = refuse
        scene.host.start()
        async with asyncio.timeout(60):
            while not all(
                it.text == BOOK and it._migration is None for it in (session_of(ann), session_of(bob))
            ):
                await asyncio.sleep(0.1)
            session_of(ann).replace(0, 0, "ann's own\n")
            while "ann's own" not in session_of(bob).text:
                await asyncio.sleep(0.1)

    simulate(9, lambda chance: story())


def test_a_disk_that_is_mounted_late_gives_everything_once(tmp_path: Path) -> None:
    """The server ran on an empty folder for a while; when the old store is back, all that was written is there once."""

    async def story() -> None:
        scene, peers = await written(tmp_path, "ann", "bob", "cyd", text="one line, two line, three line. ")
        disk = scene.host.storage
        await lose(scene)
        scene.host.start()
        text = await scene.settle(*peers)
        for peer in peers:
            session_of(peer).replace(0, 0, f"<{peer.name} while it was gone> ")
        session = session_of(peers[0])
        at = (await scene.settle(*peers)).index("two line, ")
        session.replace(at, at + 10, "")
        text = await scene.settle(*peers)
        scene.network.part("cyd")
        await scene.host.die(scene.network, power=False)
        scene.host.storage = disk
        scene.file.write_text("one line, two line, three line. ")
        scene.host.start()
        dan = await scene.join("dan")
        session_of(dan).replace(0, 0, "<dan> ")
        both = await scene.settle(dan, *peers[:2])
        once(both, "<dan>", "one line", "three line", *(f"<{peer.name} while it was gone>" for peer in peers))
        assert "two line" not in both and len(both) == len(text) + len("<dan> ")
        scene.network.join("cyd")
        assert await scene.settle(dan, *peers) == both

    simulate(8, lambda chance: story())


def test_a_reader_keeps_the_text_that_an_empty_server_lacks(tmp_path: Path) -> None:
    """Who may only read brings nothing back, and loses nothing either."""

    async def story() -> None:
        scene, (ann, bob) = await written(tmp_path, "ann", "bob")
        for name in ("ann", "bob"):
            scene.network.part(name)
        await lose(scene)
        scene.host.start()
        bob_session = session_of(bob)
        bob_session._view = True
        assert scene.host.server is not None
        admit = scene.host.server._admission._admit
        roles = {"bob": "view"}

        def admit_as(guest, opened, number, asked) -> None:  # type: ignore[no-untyped-def]
            guest.roles[number] = roles.get(guest.link.peer_name, guest.roles[number])
            admit(guest, opened, number, asked)

        scene.host.server._admission._admit = admit_as  # type: ignore[method-assign]
        scene.network.join("bob")
        await asyncio.sleep(60)
        assert bob_session.text == BOOK
        scene.network.join("ann")
        await scene.settle(ann)
        bob_session.retry_now()
        assert await scene.settle(ann, bob) == BOOK

    simulate(9, lambda chance: story())


# ---------------------------------------------------------------------- journals


def test_a_journal_that_was_left_behind_is_merged_by_what_it_knew(tmp_path: Path) -> None:
    """One of two terminals was closed, the other went over to another history: the next start doubles and revives nothing."""

    async def story() -> None:
        scene, (ann,) = await written(tmp_path, "ann", text="begin\nkeep\nold plan\n")
        second = Peer("ann", scene.network, ann.storage)
        await second.start()
        await session_of(second).synced()
        session_of(second).replace(0, 0, "by the second one\n")
        await session_of(second).stored()
        await scene.settle(ann, second)
        await session_of(second).close()
        await lose(scene, file=scene.file.read_text() + "changed outside\n")
        scene.host.start()
        await scene.settle(ann)
        session = session_of(ann)
        for line in ("by the second one\n", "old plan\n"):
            at = session.text.index(line)
            session.replace(at, at + len(line), "")
        await scene.settle(ann)
        await session.close()
        await ann.start()
        assert await scene.settle(ann) == "begin\nkeep\nchanged outside\n"
        assert ann.storage.names() == ["sim"]

    simulate(10, lambda chance: story())


def test_unsent_work_for_the_document_of_an_emptied_server_is_taken_in_by_who_comes_to_it(
    tmp_path: Path,
) -> None:
    """A second terminal began in the empty document and died with unsent work, while the first one had the former document."""

    async def story() -> None:
        scene, (ann,) = await written(tmp_path, "ann", text="begin of all of it. ")
        scene.network.part("ann")
        await lose(scene)
        scene.host.start()
        second = Peer("ann", scene.network, ann.storage, who="second")
        await second.start()
        await session_of(second).synced()
        scene.network.part("second")
        session_of(second).replace(0, 0, "typed offline. ")
        await second.kill()
        assert ann.storage.names() == ["sim", "sim#2"]
        scene.network.join("ann")
        async with asyncio.timeout(60):
            while "typed" not in session_of(ann).text:
                await asyncio.sleep(0.1)
        once(await scene.settle(ann), "typed offline. ", "begin of all of it. ")
        await asyncio.sleep(1)
        assert ann.storage.names() == ["sim"]
        await session_of(ann).close()
        await ann.start()
        once(await scene.settle(ann), "typed offline. ", "begin of all of it. ")

    simulate(11, lambda chance: story())


def test_unsent_work_of_a_journal_that_was_left_behind_is_brought_once(tmp_path: Path) -> None:
    """What only the closed terminal had is in the text after the next start, whatever became of the server's history."""

    async def story() -> None:
        scene, (ann,) = await written(tmp_path, "ann", text="begin of all of it. ")
        second = Peer("ann", scene.network, ann.storage)
        await second.start()
        await session_of(second).synced()
        for line in scene.network.lines["ann"]:
            line.cut()
        scene.network.apart.add("ann")
        await asyncio.sleep(1)
        session_of(second).replace(0, 0, "typed offline. ")
        await session_of(second).close()
        await lose(scene)
        scene.network.apart.discard("ann")
        scene.host.start()
        assert await scene.settle(ann) == "begin of all of it. "
        await session_of(ann).close()
        await ann.start()
        assert await scene.settle(ann) == "typed offline. begin of all of it. "

    simulate(11, lambda chance: story())


def test_a_note_on_another_history_is_written_once() -> None:
    """One that comes is not a reason to write those again that are in the store: they are long where many sites wrote."""
    store = MemoryStorage().open("notes.md")
    pad = Pad(TextBuffer.genesis("text", author="ann"))
    saver = Saver(pad, store, Version(), genesis=b"text")
    notes = [Ancestor(Version({site: 1}), Version({1000 + site: 1})) for site in range(1, ANCESTORS_MAX)]
    for note in notes:
        pad.note_ancestor(note)
        pad.replace(0, 0, "x", 0.0)
        saver.write()
    written = [record.payload for record in store.load().records if record.kind == ANCESTORS]
    assert sum(map(len, written)) == sum(4 + len(note.encode()) for note in notes)
    assert set(restore(store, author="bob").ancestors) == set(notes)


def test_a_terminal_that_takes_a_journal_before_it_is_removed_keeps_nobody_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several terminals begin at one time: each finds the unsent work of a closed one, and it is in the text once."""
    file = tmp_path / "notes.md"
    file.write_text("begin\n")
    storage = MemoryStorage()
    first, second = (open_session(str(file), name="ann", storage=storage) for _ in range(2))
    second.replace(0, 0, "unsent ")
    for session in (first, second):
        session._journal.write()
        session._journal.store.close()
    sessions: list[Session] = []

    def taken(name: str) -> None:
        monkeypatch.undo()
        sessions.append(open_session(str(file), name="ann", storage=storage))
        storage.delete(name)

    monkeypatch.setattr(storage, "delete", taken)
    sessions.append(open_session(str(file), name="ann", storage=storage))
    assert [session.text for session in sessions] == ["unsent begin\n"] * 2
    assert len({session._journal.store.name for session in sessions}) == 2


# ---------------------------------------------------------------------- other servers


class Other:
    """Another server at the same address, for a while."""

    def __init__(self, scene: Scene, root: Path, text: str) -> None:
        self.scene = scene
        root.mkdir()
        (root / "notes.md").write_text(text)
        self.library = Folder(root)
        self.identity = secrets.token_bytes(16)
        self.storage = SlowDisk()

    async def swap(self) -> None:
        host = self.scene.host
        if host.server is not None:
            await host.die(self.scene.network, power=False)
        host.identity, self.identity = self.identity, host.identity
        host.storage, self.storage = self.storage, host.storage
        host.library, self.library = self.library, host.library
        self.scene.file = host.library.path_of("notes.md")
        host.start()


def sentences(session: Session) -> list[str]:
    told: list[str] = []
    session.listen(lambda event: told.append(event.sentence) if isinstance(event, Notice) else None)
    return told


async def at_another(root: Path, text: str = "of y\n") -> tuple[Scene, Peer, Other]:
    """Ann wrote something for one server that did not reach it, and another one answers."""
    (root / "x").mkdir()
    scene, (ann,) = await written(root / "x", "ann", text="of x\n")
    other = Other(scene, root / "y", text)
    await scene.host.die(scene.network, power=False)
    session_of(ann).replace(0, 0, "secret\n")
    await other.swap()
    return scene, ann, other


@pytest.mark.parametrize("when", ["while it is open", "at the next start"])
def test_another_server_gets_nothing_of_mine(when: str, tmp_path: Path) -> None:
    """It is told once, and what I wrote goes to the former server when that is back."""

    async def story() -> None:
        scene, ann, other = await at_another(tmp_path)
        if when == "at the next start":
            await session_of(ann).close()
            await ann.start()
        told = sentences(session_of(ann))
        await asyncio.sleep(60)
        session = session_of(ann)
        assert session.status.state == "offline" and session.other_server == scene.host.identity
        assert session.text == "secret\nof x\n" and scene.file.read_text() == "of y\n"
        assert len([it for it in told if "Another server answers" in it]) == 1
        with pytest.raises(RequestFailed, match="Another server answers"):
            await session.save()  # it does not go there by itself
        await other.swap()
        assert await scene.settle(ann) == "secret\nof x\n"
        assert session_of(ann).other_server is None

    simulate(12, lambda chance: story())


def test_another_server_is_asked_about_although_a_journal_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What else is kept under the address does not keep me from deciding."""

    def cannot(store: Store, *, author: str) -> RestoredPad:
        raise StorageError("The store cannot be read.")

    async def story() -> None:
        scene, ann, _ = await at_another(tmp_path)
        session = session_of(ann)
        store = ann.storage.open(f"{session._address.key}#2")
        store.append([Record(1, b"x")])
        store.close()
        monkeypatch.setattr("jpterm_like.client.journal.restore", cannot)
        await asyncio.sleep(5)
        assert session.other_server == scene.host.identity
        session.begin_with_this_server()
        assert await scene.settle(ann) == "of y\n"

    simulate(13, lambda chance: story())


def test_i_may_begin_with_another_server_and_mine_is_kept_for_the_former_one(tmp_path: Path) -> None:
    """Each server has its own text from then on, whichever of them answers."""

    async def story() -> None:
        scene, ann, other = await at_another(tmp_path)
        await asyncio.sleep(5)
        session_of(ann).begin_with_this_server()
        assert await scene.settle(ann) == "of y\n"
        session_of(ann).replace(0, 0, "more ")
        assert await scene.settle(ann) == "more of y\n"
        await session_of(ann).close()
        await ann.start()
        assert await scene.settle(ann) == "more of y\n"
        await scene.host.die(scene.network, power=False)
        session_of(ann).replace(0, 0, "offline ")
        await other.swap()
        assert await scene.settle(ann) == "secret\nof x\n"
        await session_of(ann).close()
        await other.swap()
        await ann.start()
        assert await scene.settle(ann) == "offline more of y\n"

    simulate(13, lambda chance: story())


def test_i_may_send_my_text_to_another_server(tmp_path: Path) -> None:
    """Once I say so it is merged there, whole; and it is kept for the former one, too."""

    async def story() -> None:
        scene, ann, other = await at_another(tmp_path)
        await asyncio.sleep(5)
        session_of(ann).send_to_this_server()
        once(await scene.settle(ann), "secret", "of x", "of y")
        await session_of(ann).close()
        await ann.start()
        once(await scene.settle(ann), "secret", "of x", "of y")
        await other.swap()
        assert await scene.settle(ann) == "secret\nof x\n"

    simulate(14, lambda chance: story())


def test_what_i_deleted_stays_deleted_at_a_server_with_a_copy_of_the_file(tmp_path: Path) -> None:
    """A server that moved to another machine has the file and no store: it holds a state of the file that I know."""

    async def story() -> None:
        scene, ann, _ = await at_another(tmp_path, "of x\n")
        session_of(ann).replace(len("secret\n"), len("secret\nof x\n"), "instead\n")
        await asyncio.sleep(5)
        session_of(ann).send_to_this_server()
        assert await scene.settle(ann) == "secret\ninstead\n"

    simulate(16, lambda chance: story())


def test_a_text_that_is_replaced_while_i_am_offline_is_told(tmp_path: Path) -> None:
    """The server lost its store and its file holds another text: nothing of mine is merged, and mine goes from the screen."""

    async def story() -> None:
        scene, (ann,) = await written(tmp_path, "ann")
        told = sentences(session_of(ann))
        await lose(scene, file="another text\n")
        scene.host.start()
        assert await scene.settle(ann) == "another text\n"
        assert told == ["The server's document has another history than yours; its text is shown now."]

    simulate(18, lambda chance: story())


def test_why_there_is_no_line_is_told_as_such(tmp_path: Path) -> None:
    """So it leaves the screen when there is one again."""

    async def story() -> None:
        _, ann, _ = await at_another(tmp_path)
        told: list[Notice] = []
        session_of(ann).listen(lambda event: told.append(event) if isinstance(event, Notice) else None)
        await asyncio.sleep(5)
        assert [it.topic for it in told if "Another server answers" in it.sentence] == ["line"]

    simulate(17, lambda chance: story())


def test_a_journal_of_no_known_server_goes_to_the_first_that_has_its_history(tmp_path: Path) -> None:
    """What release 0.1.0 kept names no server; one with another history is another one until I say otherwise."""

    async def story() -> None:
        scene, ann, other = await at_another(tmp_path)
        session = session_of(ann)
        session.pad.identity = None
        await asyncio.sleep(30)
        assert session.other_server == scene.host.identity and session.text == "secret\nof x\n"
        await other.swap()
        assert await scene.settle(ann) == "secret\nof x\n"
        assert session_of(ann).pad.identity is not None

    simulate(15, lambda chance: story())


@pytest.mark.parametrize("when", ["while it is open", "at the next start"])
def test_a_server_that_went_back_to_a_release_without_identities_is_the_same_one(
    when: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the history of what I have: what was written offline is stored there, and there still when it is updated again."""

    async def story() -> None:
        scene, (ann, bob) = await written(tmp_path, "ann", "bob")
        identity = scene.host.identity
        await scene.host.die(scene.network, power=False)
        session_of(ann).replace(0, 0, "offline\n")
        if when == "at the next start":
            await session_of(ann).close()
            await ann.start()
        told = sentences(session_of(ann))
        monkeypatch.setattr(links, "FEATURES", ())
        scene.host.start()
        assert await saved(scene, ann, bob) == "offline\n" + BOOK
        assert session_of(ann).other_server is None and not told
        await scene.host.die(scene.network, power=False)
        session_of(bob).replace(0, 0, "more ")
        monkeypatch.undo()
        scene.host.start()
        assert await saved(scene, ann, bob) == "more offline\n" + BOOK
        for peer in (ann, bob):
            known = session_of(peer).pad.identity
            assert known is not None and known.server == identity

    simulate(21, lambda chance: story())


@pytest.mark.parametrize(
    "text", ["of y\n", "begun\n"], ids=["another history", "another one with the same beginning"]
)
def test_another_server_that_does_not_say_which_it_is_gets_nothing_of_mine(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of release 0.1.0 that has nothing of what was stored: I am asked, and what I say is done."""

    async def story() -> None:
        (tmp_path / "x").mkdir()
        scene, (ann,) = await written(tmp_path / "x", "ann", text="of x\n")
        other = Other(scene, tmp_path / "y", text)
        await scene.host.die(scene.network, power=False)
        session_of(ann).replace(0, 0, "secret\n")
        monkeypatch.setattr(links, "FEATURES", ())
        await other.swap()
        told = sentences(session_of(ann))
        await asyncio.sleep(60)
        session = session_of(ann)
        assert session.other_server == b"" and session.text == "secret\nof x\n"
        assert scene.file.read_text() == text
        assert len([it for it in told if "Another server answers" in it]) == 1
        session.begin_with_this_server()
        assert await scene.settle(ann) == text
        await session.close()
        await other.swap()
        monkeypatch.undo()
        await ann.start()
        assert await scene.settle(ann) == "secret\nof x\n"
        monkeypatch.setattr(links, "FEATURES", ())
        await other.swap()
        await asyncio.sleep(5)
        session_of(ann).send_to_this_server()
        once(await scene.settle(ann), "secret", "of x")

    simulate(22, lambda chance: story())


# ---------------------------------------------------------------------- names that are used again


def test_a_name_used_again_gets_nothing_of_the_former_document(tmp_path: Path) -> None:
    """A replica of a document that had this name is set aside when it has nothing unsent, and its text goes nowhere."""

    async def tale(scene: Renaming) -> None:
        bob = scene.people["bob"]
        scene.bob.replace(0, 0, "former ")
        await scene.settle(*scene.people.values())
        await scene.bob.close()
        await scene.ann.rename("former.md")
        scene.file.write_text("anew\n")
        await bob.start()
        assert await scene.settle(bob) == "anew\n"
        assert await scene.settle(scene.people["ann"]) == "former Title\n"
        await session_of(bob).close()
        await bob.start()
        assert await scene.settle(bob) == "anew\n"

    renaming(tmp_path, tale)


def test_unsent_work_follows_its_document_when_the_name_is_used_again(tmp_path: Path) -> None:
    """What I wrote offline comes into the document that I wrote it for, and I am told what it is called now."""

    async def tale(scene: Renaming) -> None:
        bob = scene.people["bob"]
        await bob.die()
        scene.network.part("bob")
        await bob.start()
        session = session_of(bob)
        session.replace(0, 0, "offline ")
        await scene.ann.rename("former.md")
        scene.file.write_text("anew\n")
        cyd = await scene.join("cyd")
        told = sentences(session)
        scene.network.join("bob")
        assert await scene.settle(bob, scene.people["ann"]) == "offline Title\n"
        assert any("is another document now" in sentence for sentence in told)
        assert await scene.settle(cyd) == "anew\n"

    renaming(tmp_path, tale)


def test_a_journal_under_the_new_name_is_not_gone_on_with(tmp_path: Path) -> None:
    """A file that I am in gets a name under which I have a replica of another document: the two stay two."""

    async def tale(scene: Renaming) -> None:
        (tmp_path / "plan.md").write_text("plan\n")
        bob = scene.people["bob"]
        former = Peer("bob", scene.network, bob.storage)
        former.path, former.key = "plan.md", "sim plan.md"
        await former.start()
        assert await scene.settle(former) == "plan\n"
        await session_of(former).close()
        cyd = Peer("cyd", scene.network)
        cyd.path, cyd.key = "plan.md", "sim plan.md"
        await cyd.start()
        await scene.settle(cyd)
        await session_of(cyd).rename("old plan.md")
        await scene.ann.rename("plan.md")
        scene.ann.replace(0, 0, "more ")
        await scene.settle(*scene.people.values())
        await scene.bob.close()
        assert bob.storage.names() == ["sim plan.md", "sim plan.md#2"]
        bob.path, bob.key = "plan.md", "sim plan.md"
        await bob.start()
        assert await scene.settle(*scene.people.values()) == "more Title\n"

    renaming(tmp_path, tale)


# ---------------------------------------------------------------------- what is common


def test_a_note_on_what_was_brought_counts_once_its_text_is_here() -> None:
    """Before, nothing of it is known here, and nothing is taken for deleted."""
    old, new = TextBuffer.genesis("one\ntwo\n"), TextBuffer()
    note = Ancestor(old.version, Version({new.site: 8}))
    assert common_text(old, (), old.version, old.version, (), new, (note,)) == ""
    new.replace(0, 0, "one\ntwo\n")
    assert common_text(old, (), old.version, old.version, (), new, (note,)) == "one\ntwo\n"
    new.replace(0, 4, "")
    base = common_text(old, (), old.version, old.version, (), new, (note,))
    assert merge(base, old.text, new.text).apply(new.text) == "two\n"


def test_what_was_brought_through_two_histories_is_known_in_the_third() -> None:
    """The store was lost twice, and somebody comes who was away since before: what the text lacks of theirs was deleted."""
    first = Pad(TextBuffer(author="ann"))
    first.replace(0, 0, "one\ntwo\n", 0.0)
    bob = TextBuffer.decode(first.buffer.encode())
    second, third = Pad(TextBuffer.genesis("second\n")), Pad(TextBuffer.genesis("third\n"))
    for mine, theirs in ((first, second), (second, third)):
        assert HistoryMigration(mine, theirs, 0, mine.buffer.version, Version()).bring_in() is not None
    assert "one\ntwo\n" in third.buffer.text
    base = common_text(bob, (), bob.version, Version(), (), third.buffer, third.ancestors)
    assert base == "one\ntwo\n"


def test_what_is_deleted_while_my_text_is_brought_in_is_deleted_there() -> None:
    """Bob changes the lines around meanwhile. Compared as texts his change and mine were one place that both changed, and it all stayed."""
    lines = [f"<{number} and some words>\n" for number in range(4)]
    mine, theirs = Pad(TextBuffer(author="ann")), Pad(TextBuffer.genesis(""))
    mine.replace(0, 0, "".join(lines), 0.0)
    migration = HistoryMigration(mine, theirs, 0, Version(), Version())
    migration.bring_in()
    bob = TextBuffer.decode(theirs.buffer.encode(), author="bob")
    before = bob.version
    bob.replace(2 * len(lines[0]), 2 * len(lines[0]), "<his and some words>\n")
    bob.replace(0, len(lines[0]), "<new and some words>\n")
    theirs.integrate(bob.changes_since(before), None)
    mine.replace(len(lines[0]), 3 * len(lines[0]), "<mine and some words>\n", 0.0)
    migration.catch_up()
    text = theirs.buffer.text
    once(text, "<new and", "<his and", "<mine and", "<3 and")
    assert "<1 " not in text and "<2 " not in text


def test_what_a_copy_of_my_replica_brings_meanwhile_is_there_once() -> None:
    """My state folder was copied while my text was brought in: the copy has what I typed since, and brings that, too."""
    mine, theirs = Pad(TextBuffer(author="ann")), Pad(TextBuffer.genesis(""))
    mine.replace(0, 0, "one\ntwo\n", 0.0)
    migration = HistoryMigration(mine, theirs, 0, Version(), Version())
    migration.bring_in()
    mine.replace(4, 4, "new\n", 0.0)
    copy = Pad(TextBuffer.decode(mine.buffer.encode(), author="ann", own_sites=mine.buffer.own_sites))
    before, again = theirs.buffer.version, Pad(TextBuffer.decode(theirs.buffer.encode()))
    again.ancestors = theirs.ancestors
    note = HistoryMigration(copy, again, 0, Version(), mine.buffer.version).bring_in()
    assert note is not None
    theirs.integrate(again.buffer.changes_since(before), None)
    theirs.note_ancestor(note)
    mine.replace(0, 0, "last\n", 0.0)
    migration.catch_up()
    assert theirs.buffer.text == "last\none\nnew\ntwo\n"


def test_a_note_that_lies_takes_nobody_s_unsent_words() -> None:
    """Nobody else can have what the server did not have, whatever a note says."""
    mine = TextBuffer.genesis("")
    mine.replace(0, 0, "unsent")
    theirs = TextBuffer()
    note = Ancestor(mine.version, Version())
    assert common_text(mine, (), Version(), Version(), (), theirs, (note,)) == ""


def test_a_document_that_is_put_away_while_another_one_is_looked_for_is_opened_again(tmp_path: Path) -> None:
    """Whoever is let in is in a document that is stored: to look through all stores for an identity takes a while."""

    async def story() -> None:
        scene = Scene(tmp_path, random.Random(1))
        scene.file.write_text("text\n")
        server = scene.host.server
        assert server is not None

        async def look() -> None:
            (opened,) = server.documents.by_name.values()
            await server.documents.close_if_unused(opened)
            assert not server.documents.by_name

        server.names._learn_identities = look  # type: ignore[method-assign]
        line = await scene.network.connect("ann")
        hello = wire.Hello(1, 1, (IDENTITY,), "ann")
        opening = wire.Open(0, "notes.md", True, 100, None, Version(), b"", False)
        line.send([wire.encode(it) for it in (hello, wire.Known(0, b"x" * 16), opening)])
        await asyncio.sleep(5)
        (guest,) = server.connections
        assert list(guest.documents.values()) == list(server.documents.by_name.values())

    simulate(4, lambda chance: story())


def test_notes_are_bounded_and_those_that_count_are_one() -> None:
    """However often a document loses its history, its notes stay few."""
    notes: tuple[Ancestor, ...] = ()
    for site in range(1, 100):
        notes = add_ancestor(notes, Ancestor(Version({site: 1}), Version()), Version())
    assert len(notes) == 1 and notes[0].version == Version(dict.fromkeys(range(1, 100), 1))
    for site in range(1, 100):
        notes = add_ancestor(notes, Ancestor(Version({site: 2}), Version({site: 1})), Version())
    assert len(notes) == 8


def test_earlier_saves_are_remembered_the_newest_best() -> None:
    """Their number is bounded, and so are the sites in them."""
    earlier: tuple[Version, ...] = ()
    for clock in range(1, 1000):
        earlier = remember_save(earlier, Version({1: clock}))
    assert len(earlier) <= 48 and Version({1: 999}) in earlier and Version({1: 990}) in earlier
    wide = dict.fromkeys(range(15000), 1)
    for clock in range(1, 5):
        earlier = remember_save(earlier, Version({**wide, 20_000: clock}))
    assert earlier == (Version({**wide, 20_000: 4}),)


def test_an_identity_survives_its_record() -> None:
    """What is noted in a journal is read back as it was."""
    for identity in (Identity(), Identity(b"s" * 16, (b"d" * 16, b"e" * 16), 17)):
        assert Identity.decode(identity.encode()) == identity


def test_notes_whose_text_never_comes_push_out_none_that_counts() -> None:
    """What is known of other histories stays known, however many begin to bring a text and go away before it is here."""
    counts = Ancestor(Version({1: 5}), Version({2: 1}))
    reached = Version({2: 1})
    notes = add_ancestor((), counts, reached)
    for site in range(10, 10 + 2 * ANCESTORS_MAX):
        notes = add_ancestor(notes, Ancestor(Version({site: 1}), Version({site: 9})), reached)
    assert notes[0] == counts
    assert len(notes) == ANCESTORS_MAX
    assert notes[-1].version == Version({9 + 2 * ANCESTORS_MAX: 1})


def test_the_note_that_counts_comes_back_from_a_store_with_many_that_do_not() -> None:
    """As while the document was open: each time that its notes are written, there is another whose text never comes."""
    pad = Pad(TextBuffer.genesis("text"))
    store = MemoryStorage().open("a")
    saver = Saver(pad, store, Version())
    counts = Ancestor(Version({1: 5}), pad.buffer.version)
    pad.note_ancestor(counts)
    for site in range(10, 10 + 2 * ANCESTORS_MAX):
        pad.note_ancestor(Ancestor(Version({site: 1}), Version({site: 9})))
        pad.replace(0, 0, "x", 1.0)
        saver.write()
    assert restore(store, author="").ancestors == pad.ancestors
    assert pad.ancestors[0] == counts
