"""Many at once: readers that stand still (F35), herds that come back, cold rooms (F33). Raw lines to a real server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from crdt import TextBuffer, Version
from jpterm_like.client.open import open_session
from jpterm_like.storage.memory import MemoryStorage
from jpterm_like.sync import wire
from tests.e2e.terminal import Serve
from tests.trust.measure import rss_mib

PATIENCE_S: Final = 60.0
STALLED: Final = 10
GROWTH_MIB_MAX: Final = 1.0
"""Of the server, for each reader that stands still."""


class Guest:
    """A raw line with one pad open."""

    def __init__(self, line: ClientConnection, site: int) -> None:
        self.line = line
        self.buffer = TextBuffer(site=site)
        self.goal = Version()

    async def join(self, path: str) -> None:
        site = self.buffer.site
        await self.line.send(wire.encode(wire.Hello(wire.PROTOCOL, wire.PROTOCOL, (), f"guest{site}")))
        await self.line.send(wire.encode(wire.Open(0, path, True, site, None, Version(), b"", False)))
        while not self.goal:
            message = await self.receive()
            if isinstance(message, wire.Opened):
                self.buffer.lineage = message.lineage
                self.goal = message.version
                if not self.goal:
                    return
        while not self.goal <= self.buffer.version:
            await self.receive()

    async def receive(self) -> wire.Message:
        data = await self.line.recv()
        assert isinstance(data, bytes)
        message = wire.decode(data)
        assert not isinstance(message, wire.Refuse), message
        if isinstance(message, wire.Bye):
            raise ConnectionError(message.sentence)
        if isinstance(message, wire.Changes):
            self.buffer.integrate(message.data)
        elif isinstance(message, wire.Ping):
            await self.line.send(wire.encode(wire.Pong()))
        return message

    async def write(self, text: str) -> None:
        self.buffer.replace(len(self.buffer), len(self.buffer), text)
        await self.line.send(wire.encode(wire.Changes(0, 0, self.buffer.take_changes())))

    async def has(self, version: Version) -> None:
        while not version <= self.buffer.version:
            await self.receive()

    async def is_stored(self) -> None:
        mine = self.buffer.version.get(self.buffer.site)
        stored = 0
        while stored < mine:
            message = await self.receive()
            if isinstance(message, wire.Stored):
                stored = message.version.get(self.buffer.site) or stored


@contextlib.asynccontextmanager
async def guest(url: str, path: str, site: int) -> AsyncIterator[Guest]:
    async with connect(
        url, compression=None, ping_interval=None, max_size=None, open_timeout=PATIENCE_S
    ) as line:
        one = Guest(line, site)
        await one.join(path)
        yield one


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    # glibc gives freed memory back at once then, so that what the server holds can be seen from outside
    for name, value in (("ARENA_MAX", "1"), ("MMAP_THRESHOLD_", "16384"), ("TRIM_THRESHOLD_", "16384")):
        monkeypatch.setenv(f"MALLOC_{name}", value)
    folder = tmp_path / "shared"
    folder.mkdir()
    server = Serve(folder)
    yield server
    server.kill()


async def test_f35_readers_that_stand_still_cost_a_mebibyte_at_most(serve: Serve) -> None:
    """Ten stop reading under load: the server's memory stays bounded, and who reads gets everything, as without them."""

    async def growth(path: str, stalled: int) -> float:
        async with contextlib.AsyncExitStack() as stack:
            still = [await stack.enter_async_context(guest(serve.url, path, 100 + n)) for n in range(stalled)]
            writer = await stack.enter_async_context(guest(serve.url, path, 1))
            reader = await stack.enter_async_context(guest(serve.url, path, 2))
            for one in still:
                one.line.transport.pause_reading()
            before = rss_mib(serve.process.pid)
            for number in range(200):
                await writer.write(f"{number:08}" * 4096)  # 32 KiB
            async with asyncio.timeout(PATIENCE_S):
                await writer.is_stored()
                await reader.has(writer.buffer.version)
            assert reader.buffer.text == writer.buffer.text
            grown = rss_mib(serve.process.pid) - before
            for one in still:
                one.line.transport.resume_reading()
            async with asyncio.timeout(PATIENCE_S):
                for one in still:
                    await one.has(writer.buffer.version)
            return grown

    await growth("first.md", 0)  # what the server's allocator keeps for later is there then
    # A store that is folded just then takes as much for a moment; a queue without a bound takes ten times that, always.
    for attempt in range(8):
        alone = await growth(f"alone{attempt}.md", 0)
        beside = await growth(f"beside{attempt}.md", STALLED)
        print(f"grown by {alone:.1f} MiB without them, by {beside:.1f} MiB beside {STALLED} that stand still")
        if beside - alone <= STALLED * GROWTH_MIB_MAX:
            return
    pytest.fail("the server holds more than a mebibyte for each reader that stands still")


async def test_a_herd_of_500_that_comes_back_at_once_is_let_in(serve: Serve) -> None:
    """The server comes back, and five hundred connect in the same moment: each is let in and has the text."""
    async with guest(serve.url, "herd.md", 1) as first:
        await first.write("the text\n")
        await first.is_stored()

    async def come(site: int) -> str:
        while (
            True
        ):  # as clients do: on a busy machine some wait longer for their greeting than the server gives them
            try:
                async with guest(serve.url, "herd.md", site) as one:
                    return one.buffer.text
            except (OSError, WebSocketException):
                await asyncio.sleep(0.1 + site / 1000)

    begun = asyncio.get_running_loop().time()
    async with asyncio.timeout(PATIENCE_S):
        texts = await asyncio.gather(*[come(site) for site in range(10, 510)])
    print(f"500 let in after {asyncio.get_running_loop().time() - begun:.2f} s, generator included")
    assert texts == ["the text\n"] * 500


async def test_200_late_joiners_have_the_text(serve: Serve) -> None:
    """Two hundred come late into a document of 50 kB with a history: each has all of it."""
    async with guest(serve.url, "late.md", 1) as writer:
        for number in range(500):
            await writer.write(f"line {number:05} " + "x" * 90 + "\n")
        await writer.is_stored()
        async with contextlib.AsyncExitStack() as stack:
            begun = asyncio.get_running_loop().time()
            async with asyncio.timeout(PATIENCE_S):
                joiners = await asyncio.gather(
                    *[stack.enter_async_context(guest(serve.url, "late.md", site)) for site in range(10, 210)]
                )
            print(f"200 have it after {asyncio.get_running_loop().time() - begun:.2f} s, generator included")
            assert {one.buffer.text for one in joiners} == {writer.buffer.text}


async def test_f33_sixty_of_sixty_get_into_twenty_cold_rooms(serve: Serve) -> None:
    """Twenty documents that nobody has open, three who come to each in one moment: all are in, and see each other's work."""
    for room in range(20):
        (serve.folder / f"room{room}.md").write_text(f"room {room}\n")
    sessions = [
        open_session(f"{serve.url}/room{room}.md", name=f"p{person}", storage=MemoryStorage(), create=False)
        for room in range(20)
        for person in range(3)
    ]
    try:
        await asyncio.gather(*[session.start() for session in sessions])
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*[session.synced() for session in sessions])
            for session in sessions:
                session.replace(0, 0, f"<{session.name}>")
            await asyncio.gather(*[session.stored() for session in sessions])
            for room in range(20):
                three = sessions[3 * room : 3 * room + 3]
                while len({one.text for one in three}) > 1 or "<p2>" not in three[0].text:
                    await asyncio.sleep(0.01)
                assert sorted(three[0].text) == sorted(f"<p0><p1><p2>room {room}\n")
    finally:
        await asyncio.gather(*[session.close() for session in sessions])
