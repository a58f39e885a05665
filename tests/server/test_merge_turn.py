"""Turns to merge: who brings a text of another history into a document, and for how long the others wait for that."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from crdt import TextBuffer, Version
from jpterm_like.conversation import Conversation
from jpterm_like.server.merge_turn import PACE, STILL_S, Turn
from jpterm_like.sync import events, wire
from jpterm_like.sync.channel import Channel
from jpterm_like.sync.link import SILENCE_END_S, Link
from jpterm_like.sync.pad import Pad
from jpterm_like.transports.memory import MemoryTransport
from tests.sync.network import SlowDisk, simulate
from tests.sync.test_outages import Scene

MINE = 7
"""The site of the guest whose turn it is."""


class Guest:
    """A guest whose turn begins at 0, in a document of some length."""

    def __init__(self, length: int) -> None:
        self.pad = Pad(TextBuffer.genesis("x" * length, site=1))
        self.channel = Channel(0, self.pad, self.pad.cursor(Version()), "edit", MINE)
        self.turn = Turn(self.channel, self.pad.buffer.version, 0.0)
        self._mine = TextBuffer.decode(self.pad.buffer.encode(), site=MINE)

    def is_sent(self, count: int) -> None:
        ((site, _),) = self.pad.buffer.version.items()
        self.channel.cursor.version = Version({site: count})

    def brings(self, count: int) -> None:
        self._mine.replace(0, 0, "y" * count, 0.0)
        self.pad.integrate(self._mine.take_changes(), self)

    def ends(self, does: Callable[[int], None], until_s: int, *, others_wait: bool) -> int | None:
        """The second in which the turn is over, if the guest does something each second."""
        for second in range(1, until_s):
            does(second)
            if self.turn.is_over(float(second), others_wait=others_wait):
                return second
        return None


@pytest.mark.parametrize("others_wait", [False, True])
def test_a_guest_that_makes_no_progress_loses_its_turn(others_wait: bool) -> None:
    """Without an operation sent or brought the turn ends after STILL_S."""
    assert Guest(1_000_000).ends(lambda second: None, 100, others_wait=others_wait) == STILL_S


def test_a_slow_line_comes_to_an_end_however_many_wait() -> None:
    """A text that takes minutes is sent, and the guest's own comes in, at three times the pace that is asked for."""
    guest = Guest(10_000_000)
    step = 3 * PACE

    def does(second: int) -> None:
        if second * step < 10_000_000:
            guest.is_sent(second * step)
        else:
            guest.brings(step)

    assert guest.ends(does, 400, others_wait=True) is None


def test_the_slowest_line_has_its_turn_while_nobody_waits() -> None:
    """Slower than the pace, and still served: nobody is held up by it."""
    guest = Guest(1_000_000)
    assert guest.ends(lambda second: guest.is_sent(second * 500), 1_900, others_wait=False) is None


def test_a_guest_that_drips_does_not_hold_the_others_up() -> None:
    """A character each now and then is progress, and no pace: with others waiting the turn ends after STILL_S."""
    guest = Guest(1_000)
    dripping = guest.ends(
        lambda second: guest.brings(1) if second % 19 == 0 else None, 1_000, others_wait=True
    )
    assert dripping == STILL_S + 1


def test_a_guest_that_writes_without_end_does_not_keep_the_turn() -> None:
    """However much somebody brings, there is an end to how long the others wait."""
    guest = Guest(1_000)
    assert guest.ends(lambda second: guest.brings(2 * PACE), 1_000, others_wait=True) is not None


def test_a_large_text_on_a_slow_line_is_merged_into_a_server_that_lost_its_store(tmp_path: Path) -> None:
    """The line needs a minute for the text and takes part all the same; the edit made meanwhile is stored, once."""

    async def story() -> None:
        scene = Scene(tmp_path, random.Random(1), autosave_s=None)
        scene.file.write_text("".join(f"line {number}\n" for number in range(200_000)))
        ann = await scene.join("ann")
        session = ann.session
        assert session is not None
        await scene.host.die(scene.network, power=False)
        session.replace(0, 0, "<a1> typed while the server was away\n")
        scene.host.storage = SlowDisk()
        with scene.file.open("a") as stream:
            stream.write("from elsewhere\n")
        scene.network.weather.rate = len(session.buffer) / 60
        scene.host.start()
        await asyncio.wait_for(session.stored(), 300)
        assert session.text.count("<a1>") == session.text.count("from elsewhere") == 1

    simulate(1, lambda chance: story())


def test_a_channel_that_is_closed_while_it_waits_for_its_turn_takes_none(tmp_path: Path) -> None:
    """The next one that waits has it at once, and nothing of the closed one is left."""

    async def story() -> None:
        scene = Scene(tmp_path, random.Random(1), autosave_s=None)
        scene.file.write_text("text\n")
        server = scene.host.server
        assert server is not None
        lines = [await scene.network.connect(name) for name in ("ann", "bob", "cid")]

        def says(line: MemoryTransport, *messages: wire.Message) -> None:
            line.send([wire.encode(message) for message in messages])

        for number, line in enumerate(lines):
            says(line, wire.Hello(1, 1, (), "somebody"))
            says(line, wire.Open(0, "notes.md", True, 100 + number, None, Version(), b"", True))
            await asyncio.sleep(1)
        says(lines[1], wire.Close(0))
        await asyncio.sleep(1)
        says(lines[0], wire.Close(0))
        await asyncio.sleep(1)
        (opened,) = server.documents.by_name.values()
        assert list(opened.members.values()) == [102]
        heard = []
        while lines[2]._frames:
            heard.append(wire.decode(await lines[2].receive()))
        assert any(isinstance(message, wire.Opened) for message in heard)

    simulate(2, lambda chance: story())


def test_a_guest_that_waits_for_its_turn_is_told_nothing_before_it_is_admitted(tmp_path: Path) -> None:
    """A client takes a message about a channel that is not open for nonsense: notices and a new name come after Opened."""

    async def story() -> None:
        scene = Scene(tmp_path, random.Random(1), autosave_s=None)
        scene.file.write_text("text\n")
        server = scene.host.server
        assert server is not None
        lines = [await scene.network.connect(name) for name in ("ann", "bob")]
        for number, line in enumerate(lines):
            opening = wire.Open(0, "notes.md", True, 100 + number, None, Version(), b"", True)
            line.send([wire.encode(it) for it in (wire.Hello(1, 1, (), "somebody"), opening)])
            await asyncio.sleep(1)
        (opened,) = server.documents.by_name.values()
        opened.document.notify("The disk is full.", True)
        lines[0].send([wire.encode(wire.Rename(0, 1, "other.md"))])
        await asyncio.sleep(1)
        assert opened.document.name == "other.md"
        lines[0].send([wire.encode(wire.Close(0))])
        await asyncio.sleep(1)
        heard = []
        while lines[1]._frames:
            heard.append(wire.decode(await lines[1].receive()))
        about = [it for it in heard if isinstance(it, wire.Opened | wire.Notice | wire.Renamed)]
        assert isinstance(about[0], wire.Opened)
        assert wire.Renamed(0, "other.md") in about

    simulate(3, lambda chance: story())


async def test_a_peer_that_does_not_read_is_cut_off_when_its_link_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who was put out, or lost a turn, keeps no connection by not reading the reason."""
    monkeypatch.setattr("jpterm_like.conversation.LAST_WORDS_S", 0.0)

    class Full(MemoryTransport):
        def has_room(self) -> bool:
            super().has_room()
            return False

    end, other = Full(), MemoryTransport()
    end.other, other.other = other, end
    link = Link("server", "", asyncio.get_running_loop().time())

    async def handle(event: events.Event) -> None:
        pass

    conversation = Conversation(link, end, handle)
    running = asyncio.create_task(conversation.run())
    await asyncio.sleep(0)
    link.end("kicked", "You were put out.")
    conversation.wake()
    ended = await asyncio.wait_for(running, 20)
    assert ended.code == "kicked"


def test_a_line_that_takes_what_is_sent_is_not_silent() -> None:
    """Somebody who reads a large text on a slow line cannot say a word meanwhile, and is not given up."""
    link = Link("server", "", 0.0)
    link.receive(wire.encode(wire.Hello(1, 1, (), "ann")), 0.0)
    for second in range(1, 100):
        link.excuse_silence(float(second))
        assert link.tick(float(second)) == []
    assert link.tick(99.0 + SILENCE_END_S) != []
