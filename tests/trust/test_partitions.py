"""Real sockets, a real server, real sessions, and a bad network between them (F2, F26, F27, F29).

`--partitions N` plays more rounds, `--seed N` one again; the instants are the machine's own, so it may take some tries.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

import jpterm_like.client.connection
import jpterm_like.transports.websocket
from crdt import Version
from jpterm_like.client.open import open_session
from jpterm_like.client.session import Session
from jpterm_like.server.group_commit import GroupCommit
from jpterm_like.server.server import Server
from jpterm_like.storage.base import Store
from jpterm_like.storage.memory import MemoryStorage
from jpterm_like.sync import link as links
from jpterm_like.sync import wire
from jpterm_like.transports.memory import pair
from jpterm_like.transports.websocket import listen_tcp
from tests.sync.test_network import Folder
from tests.trust.proxy import Proxy

AT_ONCE: Final = 10
"""Rounds that are played side by side: most of a round is waiting."""
PARTS: Final = 2
STEPS: Final = 12
PATIENCE_S: Final = 30.0


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "rounds" in metafunc.fixturenames:
        one = metafunc.config.getoption("--seed")
        count = metafunc.config.getoption("--partitions")
        parts = [range(part, count, PARTS) for part in range(PARTS)]
        metafunc.parametrize("rounds", parts if one is None else [range(one, one + 1)], ids=str)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Silence, retries and timeouts count in fractions of a second here."""
    monkeypatch.setattr(links, "SILENCE_PING_S", 0.1)
    monkeypatch.setattr(links, "SILENCE_END_S", 0.4)
    monkeypatch.setattr(jpterm_like.client.connection, "RETRY_FIRST_S", 0.05)
    monkeypatch.setattr(jpterm_like.client.connection, "RETRY_MOST_NEAR_S", 0.1)
    monkeypatch.setattr(jpterm_like.transports.websocket, "OPEN_TIMEOUT_S", 1.0)
    monkeypatch.setattr(jpterm_like.transports.websocket, "CLOSE_TIMEOUT_S", 0.2)
    yield


async def until(true: Callable[[], object], what: str) -> None:
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while not true():
        assert asyncio.get_running_loop().time() < deadline, f"waited {PATIENCE_S:.0f} s in vain for: {what}"
        await asyncio.sleep(0.01)


class Writer:
    """Somebody behind a bad line of their own, who types tokens and looks at the status bar all the time."""

    def __init__(self, name: str, proxy: Proxy, address: str, server: Server, pad: str) -> None:
        self.proxy = proxy
        self.name = name
        self.tokens: list[str] = []
        self._server = server
        self._pad = pad
        self.session: Session = open_session(
            f"ws://{address}/{pad}", name=name, storage=MemoryStorage(), create=True
        )
        self.session.listen(lambda event: self.look())

    def write(self) -> None:
        token = f"<{self.name}{len(self.tokens)}>"
        self.session.replace(len(self.session.buffer), len(self.session.buffer), token)
        self.tokens.append(token)
        self.look()

    def look(self) -> None:
        """What is shown is true, at every moment: nothing counts as stored that the server's disk has not."""
        session = self.session
        assert not (session.saved and session.unsent), "saved, and something unsent"
        open_document = self._server.documents.by_name.get(self._pad)
        if open_document is not None:
            assert session.pad.stored <= open_document.document.pad.stored, "called stored, and it is not"


async def one_round(seed: int, server: Server, port: int) -> None:
    chance = random.Random(seed)
    pad = f"notes{seed}.md"
    proxies = [Proxy("127.0.0.1", port) for _ in range(2)]
    writers = [
        Writer(name, proxy, await proxy.start(), server, pad)
        for name, proxy in zip(("ann", "bob"), proxies, strict=True)
    ]
    try:
        for writer in writers:
            await writer.session.start()
            await until(lambda writer=writer: writer.session.ready, "the first join")
        for _ in range(STEPS):
            proxy = chance.choice(proxies)
            match chance.choice(
                ("part", "up", "down", "slow", "crumbs", "cut", "cut after", "heal", "write")
            ):
                case "part":
                    proxy.part()
                case "up":
                    proxy.part("up")
                case "down":
                    proxy.part("down")
                case "slow":
                    proxy.delay_s = chance.uniform(0, 0.1)
                case "crumbs":
                    proxy.piece_bytes = chance.randint(1, 7)
                case "cut":
                    proxy.cut()
                case "cut after":
                    proxy.cut_after(chance.randint(0, 400))
                case "heal":
                    proxy.heal()
            for writer in writers:
                for _ in range(chance.randint(0, 3)):
                    writer.write()
            await asyncio.sleep(chance.choice((0.0, 0.0, 0.02, 0.1, 0.5)))
        for proxy in proxies:
            proxy.heal()
        sessions = [writer.session for writer in writers]
        try:
            await until(
                lambda: all(
                    one.status.state == "connected" and not one.unsent and one.version == sessions[0].version
                    for one in sessions
                ),
                "all at everyone",
            )
        except AssertionError as problem:
            for one in sessions:
                problem.add_note(f"{one.name}: {one.status}, {one.unsent} unsent, {one.version}")
            raise
        assert sessions[0].text == sessions[1].text
        wanted = {token: 1 for writer in writers for token in writer.tokens}
        assert {token: sessions[0].text.count(token) for token in wanted} == wanted
        assert len(sessions[0].text) == sum(map(len, wanted))
        await until(lambda: all(one.saved for one in sessions), "the text in the file")
    finally:
        for writer in writers:
            await writer.session.close()
        for proxy in proxies:
            await proxy.stop()


@pytest.mark.amount
async def test_f26_nothing_is_lost_or_doubled_behind_bad_lines(rounds: range, tmp_path: Path) -> None:
    """Two write behind lines that part, half open, delay, crumble and cut: all is there once, and the status is true."""
    server = Server(Folder(tmp_path), MemoryStorage(), autosave_s=0.05)
    server.start()
    listener = await listen_tcp(server.converse, "127.0.0.1", 0)
    port = int(listener.address.rpartition(":")[2])
    free = asyncio.Semaphore(AT_ONCE)

    async def play(seed: int) -> None:
        async with free:
            try:
                await one_round(seed, server, port)
            except BaseException as problem:
                problem.add_note(f"replay it with: pytest tests/trust/test_partitions.py --seed {seed}")
                raise

    try:
        async with asyncio.TaskGroup() as group:
            for seed in rounds:
                group.create_task(play(seed))
    finally:
        await server.drain()
        await listener.stop()


class SlowStorage(MemoryStorage):
    """Opening takes until it is told to be done."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Event()
        self.go_on = threading.Event()

    def open(self, name: str) -> Store:
        store = super().open(name)
        self.begun.set()
        assert self.go_on.wait(PATIENCE_S)
        return store


async def test_f33_a_document_whose_first_guest_goes_while_it_is_opened_can_be_opened_again(
    tmp_path: Path,
) -> None:
    """Found by rounds 10, 22, 89, 90: a line that died while a thread opened the store left it held for ever, and the
    server then refused the document to everyone."""
    storage = SlowStorage()
    server = Server(Folder(tmp_path), storage, autosave_s=None)
    server.start()
    here, there = pair()
    serving = asyncio.create_task(server.converse(there))
    hello = wire.Hello(wire.PROTOCOL, wire.PROTOCOL, (), "ann")
    wanted = wire.Open(0, "notes.md", True, 1, None, Version(), b"", False)
    try:
        for message in (hello, wanted):
            here.send([wire.encode(message)])
        await until(storage.begun.is_set, "the thread that opens the store")
        serving.cancel()
        await asyncio.sleep(0)
        storage.go_on.set()
        await asyncio.wait({serving})
        here, there = pair()
        serving = asyncio.create_task(server.converse(there))
        for message in (hello, wanted):
            here.send([wire.encode(message)])
        async with asyncio.timeout(PATIENCE_S):
            answers = [wire.decode(await here.receive()) for _ in range(2)]
        assert isinstance(answers[1], wire.Opened), answers[1]
        await here.close()
        await asyncio.wait({serving})
    finally:
        storage.go_on.set()
        await server.drain()


@pytest.mark.parametrize("directions", [("up", "down"), ("up",), ("down",)], ids=["parted", "deaf", "mute"])
async def test_f02_a_line_that_falls_silent_is_noticed(directions: tuple[str, ...], tmp_path: Path) -> None:
    """No byte comes through in one direction or in both, and nobody is told: the status flips, and flips back."""
    server = Server(Folder(tmp_path), MemoryStorage(), autosave_s=None)
    server.start()
    listener = await listen_tcp(server.converse, "127.0.0.1", 0)
    proxy = Proxy("127.0.0.1", int(listener.address.rpartition(":")[2]))
    ann = Writer("ann", proxy, await proxy.start(), server, "notes.md")
    session = ann.session
    try:
        await session.start()
        await until(lambda: session.status.state == "connected" and session.ready, "the line")
        proxy.part(*directions)  # type: ignore[arg-type]
        ann.write()
        await until(lambda: session.status.state == "offline", "the status that tells it")
        # what went up reached the server even if its word on that did not come back
        assert session.unsent == len(ann.tokens[0])
        proxy.heal()
        await until(lambda: session.status.state == "connected" and not session.unsent, "the line again")
        assert session.text == ann.tokens[0]
    finally:
        await session.close()
        await proxy.stop()
        await server.drain()
        await listener.stop()


async def test_a_mistake_of_ours_ends_one_line_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mistakes: list[str]
) -> None:
    """One message cannot be made, one commit fails as nobody thought it could: all go on, and everything is durable."""
    server = Server(Folder(tmp_path), MemoryStorage(), autosave_s=None)
    server.start()
    listener = await listen_tcp(server.converse, "127.0.0.1", 0)
    proxies = [Proxy("127.0.0.1", int(listener.address.rpartition(":")[2])) for _ in range(3)]
    writers = [
        Writer(name, proxy, await proxy.start(), server, "notes.md")
        for name, proxy in zip(("ann", "bob", "cy"), proxies, strict=True)
    ]
    made: list[str] = []

    def once(owner: type, name: str, applies: Callable[[object], bool]) -> None:
        right = getattr(owner, name)

        def wrong(self: object, *arguments: object) -> object:
            if name not in made and applies(self):
                made.append(name)
                raise RuntimeError("a mistake")
            return right(self, *arguments)

        monkeypatch.setattr(owner, name, wrong)

    try:
        for writer in writers:
            await writer.session.start()
        await until(lambda: all(writer.session.ready for writer in writers), "all three")
        once(links.Link, "next_frames", lambda link: link.side == "server")  # type: ignore[attr-defined]
        once(GroupCommit, "_commit_requested", lambda commits: True)
        for _ in range(5):
            for writer in writers:
                writer.write()
                await asyncio.sleep(0)
        await until(
            lambda: (
                len({writer.session.text for writer in writers}) == 1
                and not any(writer.session.unsent for writer in writers)
            ),
            "one text, stored",
        )
        assert len(made) == len(mistakes) == 2
        mistakes.clear()
        for writer in writers:
            assert all(token in writers[0].session.text for token in writer.tokens)
    finally:
        for writer in writers:
            await writer.session.close()
            await writer.proxy.stop()
        await server.drain()
        await listener.stop()


async def test_f02_a_line_that_dies_under_a_large_paste_is_noticed(tmp_path: Path) -> None:
    """More is on its way than the line takes when it falls silent: the clock is looked at all the same.

    The writer waited for the line, and nobody asked whether it was still there.
    """
    server = Server(Folder(tmp_path), MemoryStorage(), autosave_s=None)
    server.start()
    listener = await listen_tcp(server.converse, "127.0.0.1", 0)
    proxy = Proxy("127.0.0.1", int(listener.address.rpartition(":")[2]))
    ann = Writer("ann", proxy, await proxy.start(), server, "notes.md")
    session = ann.session
    try:
        await session.start()
        await until(lambda: session.status.state == "connected" and session.ready, "the line")
        proxy.part()
        session.replace(0, 0, "words " * 2_000_000)
        await until(lambda: session.status.state == "offline", "the status that tells it")
        proxy.heal()
        await until(lambda: not session.unsent, "all at the server")
    finally:
        await session.close()
        await proxy.stop()
        await server.drain()
        await listener.stop()


async def test_f09_a_large_first_join_goes_on_after_a_cut(tmp_path: Path) -> None:
    """The line goes in the middle of a first join: what came is kept, the share only grows, and all arrives once."""
    text = "".join(f"line {number}, some words of it\n" for number in range(60_000))
    (tmp_path / "big.md").write_text(text)
    server = Server(Folder(tmp_path), MemoryStorage(), autosave_s=None)
    server.start()
    listener = await listen_tcp(server.converse, "127.0.0.1", 0)
    proxy = Proxy("127.0.0.1", int(listener.address.rpartition(":")[2]))
    address = await proxy.start()
    session = open_session(f"ws://{address}/big.md", name="ann", storage=MemoryStorage(), create=True)
    shares: list[float] = []
    session.listen(lambda event: shares.append(session.status.share) if session.status.share else None)
    try:
        proxy.cut_after(len(text) // 2)
        await session.start()
        await until(lambda: session.ready, "the text")
        assert session.text == text
        assert shares, "no progress was told"
        assert proxy.carried < 1.3 * len(text)
        assert session.status.share is None
    finally:
        await session.close()
        await proxy.stop()
        await server.drain()
        await listener.stop()
