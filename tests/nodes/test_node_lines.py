"""Real servers on one database, with real lines between them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from jpterm_like.access.addresses import parse_address
from jpterm_like.access.node_lines import connect_node, listen_for_nodes
from jpterm_like.client.open import connect_session
from jpterm_like.client.session import Session
from jpterm_like.server.server import Server
from jpterm_like.storage.base import StoreElsewhere
from jpterm_like.storage.fenced import FencedStorage
from jpterm_like.storage.memory import MemoryStorage
from jpterm_like.storage.memory_engine import MemoryDatabase, MemoryEngine
from jpterm_like.transports.base import CannotConnect, Transport
from jpterm_like.transports.websocket import connect_tcp, listen_tcp
from tests.e2e.terminal import PATIENCE_S
from tests.nodes.cluster import Shared


class RealNode:
    """A server with two listeners: for people, and for other nodes."""

    def __init__(self, database: MemoryDatabase) -> None:
        self.storage = FencedStorage(MemoryEngine(database))
        self.server = Server(
            Shared(), self.storage, autosave_s=None, identity=bytes(16), connect=self._connect
        )  # type: ignore[arg-type]

    async def start(self) -> None:
        self.server.start()
        self.outer = await listen_tcp(self.server.converse, "127.0.0.1", 0)
        converse = partial(self.server.converse, is_relay=True)
        self.inner = await listen_for_nodes(converse, "127.0.0.1", 0, self.storage.is_node)
        address = self.inner.address.removeprefix("ws://")
        self.storage.node = self.storage.node._replace(address=address)
        self.storage.beat()

    async def _connect(self, owner: StoreElsewhere) -> Transport:
        return await connect_node(owner.address, self.storage.node.id, self.storage.secret)

    async def stop(self) -> None:
        for listener in (self.outer, self.inner):
            listener.stop_accepting()
        await self.server.drain()
        for listener in (self.outer, self.inner):
            await listener.stop()


@asynccontextmanager
async def nodes(count: int) -> AsyncIterator[list[RealNode]]:
    database = MemoryDatabase(time.monotonic)
    found = [RealNode(database) for _ in range(count)]
    for node in found:
        await node.start()
    try:
        yield found
    finally:
        for node in found:
            if node.server.ready:
                await node.stop()


def session_at(node: RealNode, name: str) -> Session:
    return connect_session(  # type: ignore[return-value]
        parse_address(f"{node.outer.address}/notes.md"),
        name=name,
        storage=MemoryStorage(),
        create=True,
        visible=True,
    )


async def until(is_so, what: str) -> None:  # type: ignore[no-untyped-def]
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():
            await asyncio.sleep(0.01)


async def test_people_of_three_servers_meet_and_a_drained_owner_is_followed(tmp_path: Path) -> None:
    """The two at other nodes notice nothing of it; what they write then is stored."""
    async with nodes(3) as found, AsyncExitStack() as stack:
        sessions: list[Session] = []
        for node, name in zip(found, ("ann", "bob", "cem"), strict=True):
            sessions.append(await stack.enter_async_context(session_at(node, name)))  # type: ignore[arg-type]
            await sessions[-1].wait_until_joined(PATIENCE_S)
        for session in sessions:
            session.replace(0, 0, f"{session.name} ")
        await until(lambda: all(each.unsent == 0 and len(each.text) == 12 for each in sessions), "stored")
        assert len({session.text for session in sessions}) == 1
        await until(lambda: {one.name for one in sessions[0].people} == {"bob", "cem"}, "people")
        links = [session._link for session in sessions[1:]]
        await found[0].stop()
        sessions[1].replace(0, 0, "later ")
        await until(lambda: sessions[1].unsent == 0 and sessions[2].text == sessions[1].text, "stored again")
        assert [session._link for session in sessions[1:]] == links
        assert sum(len(node.server.documents.by_name) for node in found[1:]) == 1


async def test_nobody_is_let_in_as_a_node_without_its_secret() -> None:
    """Neither without a token, nor with the secret of another id, nor with that of a node whose lease has ended."""
    async with nodes(2) as (one, other):
        address = one.inner.address.removeprefix("ws://")
        with pytest.raises(CannotConnect):
            await connect_tcp(one.inner.address)
        for node, secret in (
            (other.storage.node.id, one.storage.secret),
            ("", other.storage.secret),
            (other.storage.node.id, ""),
        ):
            with pytest.raises(Exception) as caught:
                transport = await connect_node(address, node, secret)
                await transport.receive()
            assert "TimeoutError" not in repr(caught.value)
        assert not one.server.connections
        transport = await connect_node(address, other.storage.node.id, other.storage.secret)
        await until(lambda: len(one.server.connections) == 1, "let in")
        await transport.close()
