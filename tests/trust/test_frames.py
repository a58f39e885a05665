"""Nonsense on the wire (F18): no crash, nothing applied by half, no memory, and the offender alone is cut off.

`--frames N` says how many frames, `--seed N` plays one batch of a thousand again.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgpack
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

import jpterm_like
from crdt import TextBuffer, Version
from jpterm_like.server.server import Server
from jpterm_like.storage.memory import MemoryStorage
from jpterm_like.sync import events, wire
from jpterm_like.sync.channel import Side
from jpterm_like.sync.link import Link
from jpterm_like.sync.pad import Pad
from jpterm_like.transports.websocket import listen_tcp
from tests.sync.test_network import Folder
from tests.sync.test_wire import MESSAGES
from tests.trust.measure import rss_mib

BATCH: Final = 1000
GROWTH_MIB_MAX: Final = 64
TEXT_LENGTH_MAX: Final = 4000
"""Frames that are no nonsense after all make the text grow; above this, a new pad is taken."""

HUGE: Final = [
    b"\xdd\xff\xff\xff\xff",  # an array of 4 Gi items
    b"\xc6\xff\xff\xff\xff",  # 4 GiB of bytes
    b"\xdb\xff\xff\xff\xff",  # 4 GiB of text
    b"\xdf\xff\xff\xff\xff",  # a map of 4 Gi pairs
    b"\xc9\xff\xff\xff\xff\x01",  # 4 GiB of something of one's own
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Half of the frames are for the decoder, a quarter for each side of a link; in parts that run side by side."""
    if "batches" in metafunc.fixturenames:
        one = metafunc.config.getoption("--seed")
        share = 2 if "decoder" in metafunc.function.__name__ else 4
        count = max(4, metafunc.config.getoption("--frames") // share // BATCH)
        parts = [range(part, count, 4) for part in range(4)]
        metafunc.parametrize("batches", parts if one is None else [range(one, one + 1)], ids=str)


class Nonsense:
    """A source of frames that nobody should send."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.pad = Pad(TextBuffer.genesis("hello\nworld\n", site=7))
        self.changes = [self._some_changes() for _ in range(8)]

    def _some_changes(self) -> bytes:
        chance, buffer = self.chance, self.pad.buffer
        for _ in range(chance.randint(1, 6)):
            start = chance.randint(0, len(buffer))
            end = min(len(buffer), start + chance.choice((0, 0, 1, 4)))
            buffer.replace(start, end, chance.choice(("", "a", "words", "🙂", "\n")), chance.random() * 100)
        return buffer.changes_since(Version())

    def frame(self) -> bytes:
        """The next one."""
        chance = self.chance
        match chance.choices(
            ("random", "mutant", "changes", "order", "deep", "huge", "shape"), (2, 6, 8, 6, 1, 1, 4)
        )[0]:
            case "random":
                return chance.randbytes(chance.randint(0, 60))
            case "mutant":
                return self._mutated(wire.encode(chance.choice(MESSAGES)))
            case "changes":
                data = chance.choice(self.changes)
                if chance.random() < 0.8:
                    data = self._mutated(data)
                return wire.encode(wire.Changes(0, 0, data))
            case "order":
                return wire.encode(chance.choice([*MESSAGES, wire.Hello(chance.randint(0, 9), 9, (), "x")]))
            case "deep":
                return chance.choice((b"\x91", b"\x81\x00", b"\xdc\x00\x01")) * chance.randint(1, 3000)
            case "huge":
                return b"\x94\x04\x00\x00" * chance.randint(0, 1) + chance.choice(HUGE) + chance.randbytes(8)
            case _:
                values = [
                    chance.choice((0, 1, -1, 2**63, 1.5, None, True, "x", b"x", b"\xff" * 40, [], [[]]))
                ]
                values *= chance.randint(0, 9)
                packed: bytes = msgpack.packb([chance.randint(0, 20), *values])
                return packed

    def _mutated(self, data: bytes) -> bytes:
        chance = self.chance
        out = bytearray(data)
        for _ in range(chance.randint(1, 3)):
            match chance.randint(0, 3):
                case 0 if out:
                    out[chance.randrange(len(out))] ^= 1 << chance.randint(0, 7)
                case 1:
                    del out[chance.randint(0, len(out)) :]
                case 2:
                    at = chance.randint(0, len(out))
                    out[at:at] = chance.randbytes(chance.randint(1, 9))
                case _:
                    out += data[chance.randint(0, len(data)) :]
        return bytes(out)


def replayed(batches: range, one: Callable[[int], None]) -> None:
    """Each batch, with its seed in what a failure says; memory stays where it is."""
    before = rss_mib()
    for seed in batches:
        try:
            one(seed)
        except BaseException as problem:
            problem.add_note(f"replay it with: pytest tests/trust/test_frames.py --seed {seed}")
            raise
    assert rss_mib() - before <= GROWTH_MIB_MAX


@pytest.mark.amount
def test_f18_the_decoder_takes_a_message_or_says_no(batches: range) -> None:
    """Bytes are a message or a ForeignMessage, whatever they claim to be."""

    def one(seed: int) -> None:
        nonsense = Nonsense(seed)
        for _ in range(BATCH):
            try:
                message = wire.decode(nonsense.frame())
            except wire.ForeignMessage:
                continue
            assert type(message) in wire.MESSAGES.values()

    replayed(batches, one)


class Victim:
    """One side of a link that is up, with an open channel, and the pad behind it."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.now = 0.0
        self.pad = Pad(TextBuffer.genesis("hello\nworld\n", site=99))
        self.link = self._up()

    def _up(self) -> Link:
        buffer = self.pad.buffer
        if self.side == "server":
            link = Link("server", "", self.now)
            link.receive(wire.encode(wire.Hello(1, 1, (), "eve")), self.now)
            self._answer(link.receive(wire.encode(_open(buffer)), self.now), link)
        else:
            link = Link("client", "ann", self.now)
            link.receive(wire.encode(wire.Welcome(1, ())), self.now)
            link.open(0, self.pad, "notes.md", create=True)
            version = buffer.version
            opened = wire.Opened(0, "edit", buffer.lineage, version, b"", Version(), Version())
            link.receive(wire.encode(opened), self.now)
        assert 0 in link.channels
        return link

    def _answer(self, received: list[events.Event], link: Link) -> None:
        """What a server does with the events, as far as a frame can bring it about."""
        for event in received:
            match event:
                case events.OpenRequested():
                    link.admit(event.channel, self.pad, "edit")
                case wire.Request() | wire.ListPage():
                    link.done(event.request)
                case events.Left(channel):
                    link.detach(channel)

    def take(self, frame: bytes) -> None:
        """One frame: all of it counts, or nothing of it."""
        buffer, link = self.pad.buffer, self.link
        before, text = buffer.version, buffer.text
        received = link.receive(frame, self.now)
        self._answer(received, link)
        if link.state == "ended":
            assert (buffer.version, buffer.text) == (before, text), "a refused frame changed something"
            assert any(isinstance(event, events.Ended) and event.sentence for event in received)
        while frames := link.next_frames(self.now, 1):
            for out in frames:
                wire.decode(out)
        if link.state == "ended" or 0 not in link.channels:
            self.link = self._up()
        if len(buffer) > TEXT_LENGTH_MAX:
            self.pad = Pad(TextBuffer.genesis("hello\nworld\n", site=99))
            self.link = self._up()


def _open(buffer: TextBuffer) -> wire.Open:
    return wire.Open(0, "notes.md", True, 5, buffer.lineage, buffer.version, b"", False)


@pytest.mark.amount
@pytest.mark.parametrize("side", ["server", "client"])
def test_f18_a_link_takes_a_frame_whole_or_ends(side: Side, batches: range) -> None:
    """Either side of a live link: a frame counts as a whole or not at all, and replicas stay sound."""

    def one(seed: int) -> None:
        nonsense = Nonsense(seed)
        victim = Victim(side)
        for _ in range(BATCH):
            victim.now += 0.001
            victim.take(nonsense.frame())
        victim.pad.buffer.check()

    replayed(batches, one)


def test_f18_operations_that_come_too_early_cost_no_memory() -> None:
    """Somebody sends only what must wait for a past that never comes: what is kept of it is bounded."""
    writer = TextBuffer.genesis("hello\nworld\n", site=7)
    for number in range(60_000):
        writer.replace(number % 12, number % 12, "ab"[number % 2], 1.0)
    middle = Version({**dict(TextBuffer.genesis("hello\nworld\n").version.items()), 7: 10})
    victim = Victim("server")
    before = rss_mib()
    version, sent = middle, 0
    for site in range(40):
        version = middle
        while version != writer.version:
            data, version = writer.changes_up_to(version, wire.CHANGES_BYTES_MAX)
            # the same operations of other sites: nobody has their first ten
            data = data.replace((7).to_bytes(8, "big"), (1000 + site).to_bytes(8, "big"))
            victim.link.receive(wire.encode(wire.Changes(0, 0, data)), 0.0)
            sent += len(data)
    assert victim.pad.buffer.text == "hello\nworld\n"
    assert rss_mib() - before <= GROWTH_MIB_MAX, f"after {sent:,} bytes"


def _batches(count: int) -> Iterator[Nonsense]:
    for seed in range(count):
        yield Nonsense(seed)


async def test_f18_a_server_on_a_socket_cuts_the_offender_off_and_nobody_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Two hundred connections talk nonsense, before and after the greeting; a person types on, and the server is well."""
    caplog.set_level(logging.ERROR)
    server = Server(Folder(tmp_path), MemoryStorage(), autosave_s=None)
    server.start()
    listener = await listen_tcp(server.converse, "127.0.0.1", 0)
    try:
        async with jpterm_like.connect(f"{listener.address}/notes.md", name="ann") as ann:
            for number, nonsense in enumerate(_batches(200)):
                async with connect(listener.address, compression=None, ping_interval=None) as eve:
                    try:
                        if number % 3:
                            await eve.send(wire.encode(wire.Hello(1, 1, (), "eve")))
                            await eve.recv()
                        if number % 3 == 2:
                            await eve.send(
                                wire.encode(
                                    wire.Open(0, "notes.md", True, number, None, Version(), b"", False)
                                )
                            )
                            await eve.recv()
                        for _ in range(20):
                            await eve.send(nonsense.frame())
                    except ConnectionClosed:
                        pass
                if number % 10 == 0:
                    ann.replace(len(ann.buffer), len(ann.buffer), f"<{number}>")
            async with asyncio.timeout(20):
                await ann.stored()
            assert all(f"<{number}>" in ann.text for number in range(0, 200, 10))
            assert ann.status.state == "connected"
    finally:
        await server.drain()
        await listener.stop()
    assert not caplog.records, caplog.text
