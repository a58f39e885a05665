"""Stories of outages, in virtual time: the program's own sessions and server, imagined lines and disks, real plain files."""

from __future__ import annotations

import asyncio
import random
import re
import secrets
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from crdt import Patch, TextBuffer, Version
from jpterm_like.client.events import Notice, RequestFailed, Reset, Settled
from jpterm_like.client.open import open_session
from jpterm_like.client.session import REFRESH_S
from jpterm_like.server.shared_folder import SharedFolder
from jpterm_like.storage.base import Record
from jpterm_like.sync.link import SILENCE_END_S
from jpterm_like.sync.pad import Pad
from jpterm_like.sync.unsaved_work import Discard
from jpterm_like.transports.base import CannotConnect
from tests.sync.network import Address, Host, Network, Peer, simulate
from tests.sync.test_network import Folder


class Scene:
    """A server on a folder with one file, and people who join it."""

    files: Callable[[Path], Any] = Folder
    """Makes what the server shares of a folder."""

    def __init__(self, root: Path, chance: random.Random, *, autosave_s: float | None = 1.0) -> None:
        self.file = root / "notes.md"
        self.host = Host(self.files(root), autosave_s=autosave_s)
        self.network = Network(chance, self.host)
        self.host.start()

    async def join(self, name: str) -> Peer:
        peer = Peer(name, self.network)
        await peer.start()
        assert peer.session is not None
        await asyncio.wait_for(peer.session.synced(), 60)
        return peer

    async def restart(self, *, power: bool = False) -> None:
        await self.host.die(self.network, power=power)
        self.host.start()

    async def settle(self, *peers: Peer) -> str:
        """Wait until all are connected and equal; their text."""
        sessions = [peer.session for peer in peers if peer.session is not None]

        def equal() -> bool:
            return all(
                session.status.state == "connected"
                and session._caught_up.is_set()
                and not session.unsent
                and session.text == sessions[0].text
                for session in sessions
            )

        async with asyncio.timeout(120):
            while not equal():
                await asyncio.sleep(0.1)
            await asyncio.sleep(3)  # what is under way, and the plain file
        assert equal()
        return sessions[0].text


def once(text: str, *tokens: str) -> None:
    """Each token is there exactly once."""
    assert {token: len(re.findall(re.escape(token), text)) for token in tokens} == dict.fromkeys(tokens, 1)


@pytest.mark.parametrize("saved", [True, False], ids=["saved to file", "not saved to file"])
@pytest.mark.parametrize("case", ["store deleted", "older store", "file edited", "nothing"])
def test_f01_content_is_not_doubled_after_reconnect(case: str, saved: bool, tmp_path: Path) -> None:
    """Whatever became of the server's store meanwhile, what was typed is there once, at everyone and in the file."""

    async def story() -> None:
        scene = Scene(tmp_path, random.Random(1))
        scene.file.write_text("Title\n")
        ann = await scene.join("ann")
        assert ann.session is not None
        ann.session.replace(6, 6, "first words\n")
        await ann.session.stored()
        older = [list(scene.host.storage._documents["notes.md"].log)]
        ann.session.replace(0, 0, "second words\n")
        await ann.session.stored()
        if saved:
            await asyncio.sleep(3)
            assert scene.file.read_text() == "second words\nTitle\nfirst words\n"
        told: list[object] = []
        ann.session.listen(told.append)
        await scene.host.die(scene.network, power=False)
        match case:
            case "store deleted":
                scene.host.storage.delete("notes.md")
            case "older store":
                document = scene.host.storage._documents["notes.md"]
                document.log = older[0]
                document.synced = len(document.log)
            case "file edited":
                scene.file.write_text(scene.file.read_text() + "from outside\n")
        ann.session.replace(0, 0, "offline words\n")
        scene.host.start()
        bob = await scene.join("bob")
        text = await scene.settle(ann, bob)
        once(text, "Title", "first words", "second words", "offline words")
        if case == "file edited":
            once(text, "from outside")
        assert scene.file.read_text() == text
        if case == "store deleted" and saved:  # else the file is as it was, and so is the history made of it
            assert any(isinstance(event, Reset) for event in told)
            assert any(isinstance(event, Notice) for event in told)

    simulate(1, lambda chance: story())


def test_f06_a_join_never_changes_the_server_s_text(tmp_path: Path) -> None:
    """Joining with nothing, and again with an old replica, leaves the text as it is."""

    async def story() -> None:
        scene = Scene(tmp_path, random.Random(1))
        scene.file.write_text("the host's text\n")
        ann = await scene.join("ann")
        await ann.die()
        bob = await scene.join("bob")
        assert bob.session is not None
        bob.session.replace(0, 0, "more of ")
        await bob.session.stored()
        await ann.start()
        assert await scene.settle(ann, bob) == "more of the host's text\n"

    simulate(2, lambda chance: story())


def test_f02_a_line_that_falls_silent_is_noticed_and_made_anew(tmp_path: Path) -> None:
    """No packet comes through and nobody is told: the status flips within the bound, and nothing is lost."""

    async def story() -> None:
        scene = Scene(tmp_path, random.Random(1))
        ann = await scene.join("ann")
        session = ann.session
        assert session is not None
        scene.network.part("ann")
        session.replace(0, 0, "into the void ")
        await asyncio.sleep(SILENCE_END_S + 1)
        assert session.status.state == "offline"
        assert session.unsent == len("into the void ")
        scene.network.join("ann")
        assert await scene.settle(ann) == "into the void "

    simulate(3, lambda chance: story())


def test_who_loses_the_line_is_not_told_that_the_others_left(tmp_path: Path) -> None:
    """The people of a lost line are forgotten once it is called lost. (The editor said "bob left." when the hub died.)"""

    async def story() -> None:
        scene = Scene(tmp_path, random.Random(1))
        ann = await scene.join("ann")
        bob = await scene.join("bob")
        await scene.settle(ann, bob)
        session = ann.session
        assert session is not None
        states: list[tuple[str, int]] = []
        session.listen(lambda event: states.append((session.status.state, len(session.people))))
        scene.network.cut("ann")
        await scene.settle(ann, bob)
        assert ("offline", 0) in states
        assert ("connected", 0) not in states[: states.index(("offline", 0))]

    simulate(5, lambda chance: story())


@pytest.mark.parametrize("when", ["while nobody moves", "after an outage", "in another buffer"])
def test_f11_a_caret_stays_with_its_character_when_it_is_told_again(when: str, tmp_path: Path) -> None:
    """It was kept as an offset, and what others wrote above it had it told as a place in front of where it was."""

    async def story() -> None:
        scene = Scene(tmp_path, random.Random(1))
        ann = await scene.join("ann")
        bob = await scene.join("bob")
        await scene.settle(ann, bob)
        assert ann.session is not None
        assert bob.session is not None
        bob.session.replace(0, 0, "here")
        await scene.settle(ann, bob)
        if when == "after an outage":
            scene.network.part("bob")
        bob.session.show_caret(4, 2)
        ann.session.replace(0, 0, "above ")
        if when == "after an outage":
            await asyncio.sleep(SILENCE_END_S + 1)
            scene.network.join("bob")
        await scene.settle(ann, bob)
        if when == "in another buffer":
            bob.session._take_fresh_site()
            bob.session._link.end("closed", "The line was lost.")  # type: ignore[union-attr]
            bob.session._connection.wake()
            await scene.settle(ann, bob)
        await asyncio.sleep(REFRESH_S + 1)
        (person,) = (person for person in ann.session.people if person.name == "bob")
        places = [
            None if anchor is None else ann.session.buffer.offset(anchor)
            for anchor in (person.caret, person.mark)
        ]
        assert places == [10, 8]

    simulate(5, lambda chance: story())


def test_who_types_without_a_pause_has_the_plain_file_written_too(tmp_path: Path) -> None:
    """It waited for a second of silence, and two who typed in turn gave it none."""

    async def story() -> None:
        scene = Scene(tmp_path, random.Random(1))
        ann = await scene.join("ann")
        assert ann.session is not None
        for number in range(60):
            ann.session.replace(len(ann.session.text), len(ann.session.text), f"<{number}>")
            await asyncio.sleep(0.3)
        assert "<0>" in scene.file.read_text() and "<20>" in scene.file.read_text()

    simulate(6, lambda chance: story())


def test_f26_a_cut_at_any_moment_gives_everything_once(tmp_path: Path) -> None:
    """The line is cut so many milliseconds after an edit, for each of them: exactly once, and the count is exact."""

    async def story(cut_ms: int, root: Path) -> None:
        scene = Scene(root, random.Random(cut_ms))
        scene.network.weather.delay_s = 0.02
        ann = await scene.join("ann")
        bob = await scene.join("bob")
        assert ann.session is not None
        ann.session.replace(0, 0, "token ")
        await asyncio.sleep(cut_ms / 1000)
        scene.network.cut("ann")
        assert await scene.settle(ann, bob) == "token "
        assert ann.session.unsent == 0

    for cut_ms in range(0, 120, 2):
        root = tmp_path / str(cut_ms)
        root.mkdir()
        simulate(cut_ms, lambda chance, cut_ms=cut_ms, root=root: story(cut_ms, root))  # type: ignore[misc]


def test_f25_a_hundred_outages_leave_one_sender(tmp_path: Path) -> None:
    """After 100 cuts each keystroke is still sent once, and nothing has piled up."""

    async def story() -> None:
        scene = Scene(tmp_path, random.Random(1))
        ann = await scene.join("ann")
        bob = await scene.join("bob")
        assert ann.session is not None
        assert bob.session is not None
        for number in range(100):
            ann.session.replace(0, 0, f"<{number}>")
            scene.network.cut("ann")
            async with asyncio.timeout(60):
                while ann.session.unsent:
                    await asyncio.sleep(0.1)
        await scene.settle(ann, bob)
        arrived: list[object] = []
        bob.session.listen(arrived.append)
        ann.session.replace(0, 0, "!")
        await ann.session.stored()
        await asyncio.sleep(1)
        assert len([event for event in arrived if type(event).__name__ == "Changed"]) == 1
        assert scene.host.server is not None
        assert len(scene.host.server.connections) == 2

    simulate(4, lambda chance: story())


def test_f17_two_openings_of_one_replica_never_share_a_site(tmp_path: Path) -> None:
    """One user opens a file twice: each opening has a journal and a site of its own; both texts meet."""

    async def story() -> None:
        scene = Scene(tmp_path, random.Random(1))
        ann = await scene.join("ann")
        again = Peer("ann", scene.network)
        again.storage = ann.storage
        await again.start()
        assert ann.session is not None
        assert again.session is not None
        await again.session.synced()
        ann.session.replace(0, 0, "one ")
        again.session.replace(0, 0, "two ")
        text = await scene.settle(ann, again)
        once(text, "one ", "two ")
        assert ann.session.buffer.site != again.session.buffer.site

    simulate(5, lambda chance: story())


def test_a_line_that_broke_without_a_word_keeps_nobody_from_going_on_under_their_site(tmp_path: Path) -> None:
    """The server still waits for the former line when its owner comes again with what is under way on that, too: the opening
    is answered when that line is given up, and nothing is there twice."""

    async def story(seed: int) -> None:
        root = tmp_path / str(seed)
        root.mkdir()
        scene = Scene(root, random.Random(seed))
        ann, bob = await scene.join("ann"), await scene.join("bob")
        assert ann.session is not None
        ann.session.replace(0, 0, "one ")
        await ann.session.stored()
        site = ann.session.buffer.site
        told: list[object] = []
        ann.session.listen(told.append)
        (line,) = scene.network.lines["ann"]
        scene.network.weather.delay_s = 10.0
        ann.session.replace(0, 0, "two ")
        await asyncio.sleep(0.001)
        mine = line.ends[1]
        mine.other, mine._ended = (
            None,
            True,
        )  # what is under way still comes, and nobody at the server is told
        mine._changed.set()
        scene.network.weather.delay_s = 0.05
        ann.session.replace(0, 0, "three ")
        once(await scene.settle(ann, bob), "one ", "two ", "three ")
        assert ann.session.buffer.site == site
        assert not [event for event in told if isinstance(event, Notice) and "merged" in event.sentence]

    for seed in range(5):
        simulate(seed, lambda chance, seed=seed: story(seed))  # type: ignore[misc]


def test_two_openings_die_offline_and_one_brings_everything(tmp_path: Path) -> None:
    """Both of a user's editors are killed with unsent work: the next one has the work of both."""

    async def story() -> None:
        scene = Scene(tmp_path, random.Random(1))
        ann = await scene.join("ann")
        again = Peer("ann", scene.network)
        again.storage = ann.storage
        await again.start()
        assert ann.session is not None
        assert again.session is not None
        await again.session.synced()
        await scene.host.die(scene.network, power=False)
        ann.session.replace(0, 0, "one ")
        again.session.replace(0, 0, "two ")
        await again.session.abandon()
        await ann.die()
        await ann.start()
        assert ann.session is not None
        once(ann.session.text, "one ", "two ")
        assert ann.session.unsent == len("one two ")
        scene.host.start()
        text = await scene.settle(ann)
        once(text, "one ", "two ")

    simulate(6, lambda chance: story())


def test_f30_a_full_disk_is_said_and_nothing_is_called_stored(tmp_path: Path) -> None:
    """The server cannot write: everyone is told, the text is kept, and when there is room again it is stored."""

    async def story() -> None:
        scene = Scene(tmp_path, random.Random(1), autosave_s=None)
        ann = await scene.join("ann")
        session = ann.session
        assert session is not None
        told: list[Notice] = []
        settled: list[str] = []
        session.listen(lambda event: told.append(event) if isinstance(event, Notice) else None)
        session.listen(lambda event: settled.append(event.topic) if isinstance(event, Settled) else None)
        await asyncio.sleep(1)
        scene.host.storage.fail("append", times=3)
        session.replace(0, 0, "kept ")
        await asyncio.sleep(0.5)
        assert session.unsent == len("kept ")
        assert any("disk is full" in notice.sentence and notice.topic == "storing" for notice in told)
        assert settled == []
        await asyncio.wait_for(session.stored(), 30)
        assert settled == ["storing"], "so the sentence leaves the screen"
        await scene.restart(power=True)
        assert await scene.settle(ann) == "kept "

    simulate(7, lambda chance: story())


def test_f31_a_damaged_store_does_not_stop_the_others(tmp_path: Path) -> None:
    """Rubbish among the records costs what it was, and a peer that has it brings it back."""

    async def story() -> None:
        scene = Scene(tmp_path, random.Random(1))
        ann = await scene.join("ann")
        assert ann.session is not None
        for word in ("one ", "two ", "three "):
            ann.session.replace(0, 0, word)
            await ann.session.stored()
        await scene.host.die(scene.network, power=False)
        log = scene.host.storage._documents["notes.md"].log
        place = next(i for i in range(len(log) - 1, 0, -1) if log[i][1].kind == 2)
        log[place] = (log[place][0], Record(2, b"rubbish"))
        scene.host.start()
        text = await scene.settle(ann)
        once(text, "one ", "two ", "three ")

    simulate(8, lambda chance: story())


def test_saving_without_a_server_says_so_and_keeps_the_text(tmp_path: Path) -> None:
    """ctrl+s offline is no lie: it is refused in a sentence."""

    async def story() -> None:
        scene = Scene(tmp_path, random.Random(1))
        ann = await scene.join("ann")
        session = ann.session
        assert session is not None
        await scene.host.die(scene.network, power=False)
        await asyncio.sleep(1)
        session.replace(0, 0, "kept ")
        with pytest.raises(RequestFailed, match="cannot be reached"):
            await session.save()
        assert not session.saved

    simulate(9, lambda chance: story())


@pytest.mark.parametrize("kind", [1, 2, 5, 9], ids=["lineage", "operations", "saved", "genesis"])
def test_f31_a_damaged_store_never_writes_less_into_the_file(kind: int, tmp_path: Path) -> None:
    """What the store lost and the plain file has is there afterwards, once, also when a peer with all of it comes."""

    async def story() -> None:
        scene = Scene(tmp_path, random.Random(1))
        scene.file.write_text("Title\n")
        ann = await scene.join("ann")
        assert ann.session is not None
        for word in ("one ", "two ", "three "):
            ann.session.replace(0, 0, word)
            await ann.session.stored()
            await asyncio.sleep(3)
        assert scene.file.read_text() == "three two one Title\n"
        await ann.die()
        await asyncio.sleep(3)
        await scene.host.die(scene.network, power=False)
        log = scene.host.storage._documents["notes.md"].log
        place = next(i for i in range(len(log)) if log[i][1].kind == kind)
        log[place] = (log[place][0], Record(kind, b"rubbish"))
        scene.host.start()
        bob = await scene.join("bob")
        assert bob.session is not None
        bob.session.replace(0, 0, "four ")
        text = await scene.settle(bob)
        once(text, "one ", "two ", "three ", "four ", "Title")
        assert scene.file.read_text() == text
        await ann.start()
        text = await scene.settle(ann, bob)
        once(text, "one ", "two ", "three ", "four ", "Title")

    simulate(10, lambda chance: story())


def test_two_names_of_one_file_are_one_document(tmp_path: Path) -> None:
    """A symbolic link inside the folder leads to the same pad."""

    async def story() -> None:
        folder = SharedFolder(tmp_path)
        (tmp_path / "notes.md").write_text("text\n")
        (tmp_path / "link.md").symlink_to("notes.md")
        scene = Scene(tmp_path, random.Random(1))
        scene.host.server = None
        scene.host.library = folder
        scene.host.start()
        ann, bob = await scene.join("ann"), Peer("bob", scene.network)
        bob.path = "link.md"
        await bob.start()
        assert bob.session is not None
        await bob.session.synced()
        bob.session.replace(0, 0, "one ")
        assert await scene.settle(ann, bob) == "one text\n"
        assert scene.host.server is not None
        assert list(scene.host.server.documents.by_name) == ["notes.md"]

    simulate(11, lambda chance: story())


def test_f01_two_who_come_back_to_a_new_history_at_once_do_not_double_their_text(tmp_path: Path) -> None:
    """Both have the same unsaved text, the server has lost it, both bring it back in the same instant: it is there once."""

    async def story(seed: int, root: Path) -> None:
        scene = Scene(root, random.Random(seed), autosave_s=None)
        scene.file.write_text("Title\n")
        peers = [await scene.join(name) for name in ("ann", "bob", "cyd")]
        for peer in peers:
            assert peer.session is not None
            peer.session.replace(0, 0, f"words of {peer.name}\n")
            await peer.session.stored()
        await scene.settle(*peers)
        await scene.host.die(scene.network, power=False)
        scene.host.storage.delete("notes.md")
        scene.file.write_text("Title, changed\n")
        if seed % 2:
            for peer in peers:
                assert peer.session is not None
                peer.session.replace(0, 0, f"more of {peer.name}\n")
        scene.host.start()
        for peer in peers:
            assert peer.session is not None
            peer.session.retry_now()
        text = await scene.settle(*peers)
        once(text, "Title, changed", *[f"words of {peer.name}" for peer in peers])
        if seed % 2:
            once(text, *[f"more of {peer.name}" for peer in peers])

    for seed in range(20):
        root = tmp_path / str(seed)
        root.mkdir()
        simulate(seed, lambda chance, seed=seed, root=root: story(seed, root))  # type: ignore[misc]


def test_f01_a_line_that_ends_before_my_text_is_called_brought_in_doubles_nothing(tmp_path: Path) -> None:
    """What I wrote in a history of my own is in the server's, and the line ends before I hear of that: it is not mine alone
    any more, though the server never had my history."""

    async def story() -> None:
        scene = Scene(tmp_path, random.Random(1), autosave_s=None)
        ann = await scene.join("ann")
        assert ann.session is not None
        scene.network.apart.add("ann")
        await scene.host.die(scene.network, power=False)
        ann.session.replace(0, 0, "mine\n")
        scene.host.storage.delete("notes.md")
        scene.file.write_text("Title\n")
        scene.host.start()
        await scene.join("bob")
        scene.network.join("ann")
        assert scene.host.server is not None
        (opened,) = scene.host.server.documents.by_name.values()
        while "mine" not in opened.document.pad.buffer.text:
            await asyncio.sleep(0.001)
        scene.network.cut("ann")
        ann.session.replace(0, 0, "more\n")
        once(await scene.settle(ann), "mine", "more", "Title")

    simulate(17, lambda chance: story())


@pytest.mark.parametrize("online", [True, False], ids=["online", "offline"])
def test_f17_a_clone_of_a_running_machine_loses_nobody_s_work(online: bool, tmp_path: Path) -> None:
    """Two openings go on under one site, as clones of a machine do: it is noticed, told, and both texts survive once."""

    async def story() -> None:
        scene = Scene(tmp_path, random.Random(1))
        ann = await scene.join("ann")
        assert ann.session is not None
        ann.session.replace(0, 0, "before ")
        await ann.session.stored()
        site = ann.session.buffer.site
        bits = secrets.randbits
        secrets.randbits = lambda count: site  # type: ignore[assignment]
        clone = Peer("clone", scene.network)
        scene.network.apart.add("clone")
        await clone.start()
        secrets.randbits = bits
        session = clone.session
        assert session is not None
        # what a clone has: the same replica under the same site
        copy = TextBuffer(site=site, author="ann", lineage=ann.session.buffer.lineage)
        copy.replace(0, 0, "before ", 0.0)
        pad = Pad(copy)
        pad.stored = ann.session.pad.stored
        session._replace_pad(pad, Patch())
        session.ready = True
        if not online:
            await scene.host.die(scene.network, power=False)
        ann.session.replace(7, 7, "by ann ")
        session.replace(7, 7, "by the clone ")
        told: list[object] = []
        for one in (ann.session, session):
            one.listen(told.append)
        scene.network.join("clone")
        if not online:
            scene.host.start()
        text = await scene.settle(ann, clone)
        once(text, "before ", "by ann ", "by the clone ")
        assert any(isinstance(event, Notice) for event in told)

    simulate(12, lambda chance: story())


def test_f17_texts_that_differ_at_one_version_are_noticed_while_the_line_is_up(tmp_path: Path) -> None:
    """A bug or a flipped bit makes two replicas differ although they have the same operations: the check finds it."""

    async def story() -> None:
        scene = Scene(tmp_path, random.Random(1), autosave_s=None)
        ann = await scene.join("ann")
        assert ann.session is not None
        ann.session.replace(0, 0, "right text ")
        await ann.session.stored()
        wrong = TextBuffer(site=ann.session.buffer.site, author="ann", lineage=ann.session.buffer.lineage)
        wrong.replace(0, 0, "wrong text ", 0.0)
        assert scene.host.server is not None
        (opened,) = scene.host.server.documents.by_name.values()
        opened.document.pad.buffer = wrong
        opened.document.pad._digest = None
        told: list[object] = []
        ann.session.listen(told.append)
        ann.session._checked = Version()
        async with asyncio.timeout(60):
            while not any(isinstance(event, Reset) for event in told):
                await asyncio.sleep(1)
        assert "right" in ann.session.text

    simulate(13, lambda chance: story())


def test_f31_a_damaged_journal_is_told(tmp_path: Path) -> None:
    """What of my own journal could not be read is said at the next start; what the server has comes back."""

    async def story() -> None:
        scene = Scene(tmp_path, random.Random(1))
        ann = await scene.join("ann")
        assert ann.session is not None
        ann.session.replace(0, 0, "words ")
        await ann.session.stored()
        await ann.die()
        log = ann.storage._documents["sim"].log
        place = next(i for i in range(len(log)) if log[i][1].kind == 2)
        log[place] = (log[place][0], Record(2, b"rubbish"))
        told: list[object] = []
        session = open_session(Address(scene.network, "ann", "notes.md"), name="ann", storage=ann.storage)
        session.listen(told.append)
        await session.start()
        ann.session = session
        assert await scene.settle(ann) == "words "
        assert any(isinstance(event, Notice) and "cannot be used" in event.sentence for event in told)

    simulate(14, lambda chance: story())


def test_a_refusal_is_told_once(tmp_path: Path) -> None:
    """A server that does not want us in the pad says why in one sentence, not in one for each attempt."""

    async def story() -> None:
        scene = Scene(tmp_path, random.Random(1))
        ann = await scene.join("ann")
        session = ann.session
        assert session is not None
        session.replace(0, 0, "kept ")
        await session.stored()
        await asyncio.sleep(3)
        await scene.host.die(scene.network, power=False)
        told: list[object] = []
        session.listen(told.append)
        scene.file.write_bytes(b"\xff\x00 no text any more")
        scene.host.start()
        await asyncio.sleep(100)
        assert session.text == "kept "
        (notice,) = [event for event in told if isinstance(event, Notice)]
        assert "UTF-8" in notice.sentence or "text" in notice.sentence

    simulate(15, lambda chance: story())


class SlowThreads(ThreadPoolExecutor):
    """Threads that take as long for each piece of work, in virtual time."""

    def __init__(self, work_s: float) -> None:
        super().__init__()
        self.work_s = work_s

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()

        def work() -> None:
            if done.set_running_or_notify_cancel():
                try:
                    done.set_result(fn(*args, **kwargs))
                except BaseException as problem:  # noqa: BLE001 - it is handed on, as a thread would
                    done.set_exception(problem)

        asyncio.get_running_loop().call_later(self.work_s, work)
        return done


def test_a_server_that_takes_minutes_to_open_a_document_is_waited_for(tmp_path: Path) -> None:
    """A document with 200,000 openings takes its time; neither side takes a busy server for one that is silent."""

    async def story() -> None:
        scene = Scene(tmp_path, random.Random(1))
        scene.file.write_text("hello\n")
        asyncio.get_running_loop().set_default_executor(SlowThreads(100.0))
        ann = Peer("ann", scene.network)
        await ann.start()
        assert ann.session is not None
        told: list[object] = []
        ann.session.listen(told.append)
        await ann.session.wait_until_joined(10.0)
        assert ann.session.text == "hello\n"
        assert not [event for event in told if isinstance(event, Notice)]

    simulate(16, lambda chance: story())


def test_a_server_that_says_nothing_any_more_is_not_waited_for(tmp_path: Path) -> None:
    """Who joins is told so when nothing was heard for the time that they give it."""

    async def story() -> None:
        scene = Scene(tmp_path, random.Random(1))
        scene.file.write_text("hello\n")
        asyncio.get_running_loop().set_default_executor(SlowThreads(1000.0))
        ann = Peer("ann", scene.network)
        await ann.start()
        assert ann.session is not None
        await asyncio.sleep(60)
        assert ann.session.status.state == "opening"
        scene.network.part("ann")
        begin = asyncio.get_running_loop().time()
        with pytest.raises(CannotConnect, match="does not answer"):
            await ann.session.wait_until_joined(10.0)
        assert asyncio.get_running_loop().time() - begin == pytest.approx(10.0)

    simulate(17, lambda chance: story())


def test_f26_what_a_second_opening_typed_offline_is_counted_in_the_third(tmp_path: Path) -> None:
    """The site of each opening is noted, not of the first alone: else work that nobody has was called sent."""

    async def story() -> None:
        scene = Scene(tmp_path, random.Random(1))
        ann = await scene.join("ann")
        assert ann.session is not None
        ann.session.replace(0, 0, "online ")
        await ann.session.stored()
        await scene.host.die(scene.network, power=False)
        for words in ("second ", "third "):
            await ann.die()
            await ann.start()
            assert ann.session is not None
            ann.session.replace(0, 0, words)
        await ann.die()
        await ann.start()
        assert ann.session is not None
        assert ann.session.unsent == len("second third ")

    simulate(16, lambda chance: story())


def test_another_site_loses_nothing_that_is_noted_beside_the_text(tmp_path: Path) -> None:
    """Operations that this release cannot read are passed on still, and what was discarded can be brought back."""

    async def story() -> None:
        scene = Scene(tmp_path, random.Random(1))
        ann = await scene.join("ann")
        await scene.settle(ann)
        assert ann.session is not None
        pad = ann.session.pad
        pad.keep_unread(9, b"newer", None)
        pad.note_discard(Discard(7, 1, 2))
        ann.session._take_fresh_site()
        assert ann.session.pad is not pad
        assert (ann.session.pad.unread, ann.session.pad.discards) == (pad.unread, pad.discards)

    simulate(5, lambda chance: story())
