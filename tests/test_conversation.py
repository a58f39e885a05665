"""What comes in at once, and what has to wait its turn."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import warnings
from collections.abc import Callable

import pytest

from crdt import TextBuffer
from jpterm_like.conversation import Conversation
from jpterm_like.sync import events, wire
from jpterm_like.sync.link import Link
from jpterm_like.sync.pad import Pad
from jpterm_like.transports.base import Transport
from jpterm_like.transports.memory import MemoryTransport
from jpterm_like.transports.websocket import OFFERED_BYTES, WebSocketTransport, connect_tcp, listen_tcp

PATIENCE_S = 20.0


class Offering(MemoryTransport):
    """An end whose frames are offered first."""

    take: Callable[[bytes], bool] = staticmethod(lambda frame: False)

    def offer(self, take: Callable[[bytes], bool]) -> None:
        self.take = take

    def deliver(self, frame: bytes) -> None:
        if not self.take(frame):
            super().deliver(frame)


async def test_small_messages_are_offered_before_they_wait() -> None:
    """Of a real line: the small ones that are wanted at once are not received again, all others are, in their order."""
    taken: list[bytes] = []
    received: list[bytes] = []
    done = asyncio.Event()
    begun = asyncio.Event()

    def take(frame: bytes) -> bool:
        if frame.startswith(b"news"):
            taken.append(frame)
            return True
        return False

    async def handle(transport: Transport) -> None:
        transport.offer(take)
        begun.set()
        while len(received) < 3:
            received.append(await transport.receive())
        done.set()

    large = b"news" + bytes(OFFERED_BYTES)
    listener = await listen_tcp(handle, "127.0.0.1", 0)
    try:
        async with asyncio.timeout(PATIENCE_S):
            transport = await connect_tcp(listener.address)
            await begun.wait()
            transport.send([b"news 1", b"other", b"news 2"])
            while len(received) < 1 or len(taken) < 2:
                await asyncio.sleep(0)
            transport.send([large])
            transport.send([b"end"])
            await done.wait()
            await transport.close()
    finally:
        await listener.stop()
    assert taken == [b"news 1", b"news 2"]
    assert received == [b"other", large, b"end"]


async def test_a_key_does_not_wait_for_the_one_before_to_be_acknowledged() -> None:
    """Both ends of a line of TCP send small messages at once (TCP_NODELAY), also where the listening socket is our own."""
    ends: list[WebSocketTransport] = []
    begun, done = asyncio.Event(), asyncio.Event()

    async def handle(transport: Transport) -> None:
        assert isinstance(transport, WebSocketTransport)
        ends.append(transport)
        begun.set()
        await done.wait()

    listener = await listen_tcp(handle, "127.0.0.1", 0)
    try:
        async with asyncio.timeout(PATIENCE_S):
            mine = await connect_tcp(listener.address)
            assert isinstance(mine, WebSocketTransport)
            await begun.wait()
            lines = [end._connection.transport.get_extra_info("socket") for end in (mine, *ends)]
            assert all(line.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for line in lines)
            done.set()
            await mine.close()
    finally:
        done.set()
        await listener.stop()


async def test_nothing_overtakes_what_is_being_handled() -> None:
    """While an event has the conversation busy, changes wait in line; when it waits again, they are taken at once."""
    pad = Pad(TextBuffer.genesis("", site=1))
    link = Link("server", "", 0.0)
    mine = TextBuffer.decode(pad.buffer.encode(), site=7)
    end, other = Offering(), MemoryTransport()
    end.other, other.other = other, end
    asked, answered = asyncio.Event(), asyncio.Event()

    async def handle(event: events.Event) -> None:
        if isinstance(event, events.OpenRequested):
            asked.set()
            await answered.wait()
            link.admit(event.channel, pad, "edit")

    def key(text: str) -> bytes:
        mine.replace(0, 0, text)
        return wire.encode(wire.Changes(0, 0, mine.take_changes()))

    task = asyncio.create_task(Conversation(link, end, handle).run())
    try:
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.sleep(0)
            other.send([wire.encode(wire.Hello(wire.PROTOCOL, wire.PROTOCOL, (), "ann"))])
            opening = wire.Open(0, "notes.md", True, 7, mine.lineage, mine.version, b"", False)
            other.send([wire.encode(opening)])
            await asked.wait()
            other.send([key("c")])
            assert pad.buffer.text == ""
            answered.set()
            while pad.buffer.text != "c":
                await asyncio.sleep(0)
            await asyncio.sleep(0)
            other.send([key("b")])
            other.send([key("a")])
            assert pad.buffer.text == "abc", "taken at once"
            other.cut()
            await task
    finally:
        task.cancel()


@pytest.mark.parametrize(
    "what", ["a question", "of no channel", "presence of another", "by a reader", "contradiction", "nonsense"]
)
async def test_only_news_is_taken_at_once(what: str) -> None:
    """A frame that has other consequences waits in line, and is handled when the reader comes to it, once."""
    pad = Pad(TextBuffer.genesis("", site=1))
    link = Link("server", "", 0.0)
    link.receive(wire.encode(wire.Hello(wire.PROTOCOL, wire.PROTOCOL, (), "ann")), 0.0)
    mine = TextBuffer.decode(pad.buffer.encode(), site=7)
    link.receive(wire.encode(wire.Open(0, "n", True, 7, mine.lineage, mine.version, b"", False)), 0.0)
    link.admit(0, pad, "view" if what == "by a reader" else "edit")
    twin = TextBuffer.decode(pad.buffer.encode(), site=7)
    twin.replace(0, 0, "x")
    if what == "contradiction":
        pad.integrate(twin.take_changes(), None)
    mine.replace(0, 0, "y")
    changes = mine.take_changes()
    frame = {
        "a question": wire.encode(wire.Save(0, 1)),
        "presence of another": wire.encode(wire.Presence(0, 8, "ann", None, None, here=True)),
        "of no channel": wire.encode(wire.Changes(1, 0, changes)),
        "nonsense": b"\xc1",
    }.get(what, wire.encode(wire.Changes(0, 0, changes)))
    end, other = Offering(), MemoryTransport()
    end.other, other.other = other, end
    handled: list[events.Event] = []

    async def handle(event: events.Event) -> None:
        handled.append(event)

    conversation = Conversation(link, end, handle)
    task = asyncio.create_task(conversation.run())
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not conversation._is_waiting:
                await asyncio.sleep(0)
            link.next_frames(0.0, 1 << 16)  # the answer to the opening
            before = pad.buffer.version
            other.send([frame])
            assert pad.buffer.version == before
            assert pad.people == ()
            assert handled == []
            assert len(end._frames) == 1
            while not handled:
                await asyncio.sleep(0)
            assert len(handled) == 1
            assert (link.state == "ended") == (
                what in ("of no channel", "presence of another", "by a reader", "nonsense")
            )
            other.cut()
            await task
    finally:
        task.cancel()


async def test_giving_up_while_connecting_leaves_no_socket() -> None:
    """At each step of the event loop. asyncio of Python 3.11 leaves one open if it was choosing among addresses."""

    async def answer_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(answer_nothing, "127.0.0.1", 0)
    gc.collect()
    try:
        with warnings.catch_warnings(record=True) as left:
            warnings.simplefilter("always")
            for steps in range(25):
                connecting = asyncio.create_task(
                    connect_tcp(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}")
                )
                for _ in range(steps):
                    await asyncio.sleep(0)
                connecting.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await connecting
            gc.collect()
        assert [str(warning.message) for warning in left] == []
    finally:
        server.close()
        for writer in writers:
            writer.close()
