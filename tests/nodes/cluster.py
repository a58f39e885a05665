"""Several nodes on one database in virtual time, from one seed: real servers, relays, sessions and leases; lines, clocks and the database are
imagined.

Nodes are killed, stopped for a while between any two answers of the database, drained and started again; the database is not reached, is
slow, loses answers, restarts, and goes back to the state of a replica; its clock jumps. The oracle is that of `tests.sync.network`, and
one more: what is called stored is in the log of the database at that moment, exactly once.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from crdt import Version
from jpterm_like.saver import restore
from jpterm_like.server.connections import OpenDocument
from jpterm_like.server.server import Server
from jpterm_like.storage.base import StorageError, Store, StoreElsewhere
from jpterm_like.storage.engine import LEASE_S, Unreachable
from jpterm_like.storage.fenced import FencedStorage, FencedStore
from jpterm_like.storage.memory_engine import MemoryDatabase, MemoryEngine
from jpterm_like.sync import wire
from jpterm_like.transports.base import CannotConnect
from jpterm_like.transports.memory import MemoryTransport, pair
from tests.sync.network import Line, Network, Peer, Weather, _Inline, survivors

NAME = "/nowhere/notes.md"
"""By which the nodes know the document."""
HEAL_S = 120.0
"""Virtual seconds within which everyone must agree again."""


class Shared:
    """What all nodes share: names, and no plain files."""

    root = None

    def path_of(self, name: str) -> Path:
        return Path("/nowhere") / name

    def names(self) -> list[str]:
        return []

    def keeps(self, path: Path) -> bool:
        return True


class SlowStorage(FencedStorage):
    """A node's storage, whose commits take a while on their way there and on their way back; meanwhile the node may be stopped."""

    def __init__(self, node: ClusterNode) -> None:
        self._of = node
        super().__init__(node.engine, node.address, beats=False)
        self._threads = _Inline()

    async def sync(self, stores: Sequence[Store]) -> None:
        await self._of.pause()
        await super().sync(stores)
        await self._of.pause()


class ClusterNode:
    """One node: its server, its storage, its lines."""

    def __init__(self, cluster: Cluster, number: int) -> None:
        self.cluster = cluster
        self.number = number
        self.address = ""
        self.server: Server | None = None
        self.goes = asyncio.Event()
        """Clear while the process is stopped."""
        self.goes.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._starts = 0
        self.lines: list[Line] = []

    async def pause(self) -> None:
        """Be as slow as the database is, and not go on while the process is stopped."""
        await asyncio.sleep(self.cluster.chance.uniform(0.0, self.cluster.slow_s))
        await self.goes.wait()

    def start(self) -> None:
        self._starts += 1
        self.address = f"node{self.number}:{self._starts}"
        self.engine = MemoryEngine(self.cluster.database)
        self.storage = SlowStorage(self)
        self.server = Server(
            Shared(),  # type: ignore[arg-type]
            self.storage,
            autosave_s=None,
            identity=self.cluster.identity,
            connect=self.connect,
        )
        with contextlib.suppress(Unreachable):
            self.storage.beat()
        self.server.start()
        self._start(self._beat())

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(LEASE_S / 3)
            await self.goes.wait()
            with contextlib.suppress(StorageError):
                self.storage.beat()

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def serve(self, end: MemoryTransport, *, is_relay: bool = False) -> None:
        assert self.server is not None
        self._start(self.server.converse(end, is_relay=is_relay))

    async def connect(self, owner: StoreElsewhere) -> MemoryTransport:
        """As a relay to its owner."""
        cluster = self.cluster
        await asyncio.sleep(cluster.chance.uniform(0.001, 0.02))
        await self.goes.wait()
        other = next((node for node in cluster.nodes if node.address == owner.address), None)
        if other is None or other.server is None or (self.number, other.number) in cluster.apart_nodes:
            raise CannotConnect("The node is not there.")
        return cluster.connect_nodes(self, other)

    async def die(self) -> None:
        """kill -9."""
        server, self.server = self.server, None
        assert server is not None
        server.documents.is_draining = True
        self.engine.is_cut = True
        self.address = ""
        for line in self.lines:
            line.cut()
        self.lines = []
        tasks = [*self._tasks, *server._tasks.running]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.goes.set()

    async def drain(self) -> None:
        """SIGTERM."""
        server, self.server = self.server, None
        assert server is not None
        await server.drain()
        self.address = ""
        for task in list(self._tasks):
            task.cancel()


class StoppableLine(Line):
    """A line whose ends are at nodes or at people; nothing leaves a stopped node, and nothing reaches it."""

    def __init__(
        self, network: Network, ends: tuple[MemoryTransport, MemoryTransport], nodes: Sequence[ClusterNode]
    ) -> None:
        self.nodes = nodes
        self.text_bytes = 0
        super().__init__(network, *ends)

    def _carrier(self, end: MemoryTransport, deliver: Callable[[bytes], None]) -> Callable[[bytes], None]:
        waiting: list[bytes] = []

        def arrive(frame: bytes) -> None:
            if waiting or not all(node.goes.is_set() for node in self.nodes):
                waiting.append(frame)
                if len(waiting) == 1:
                    task = asyncio.create_task(go_on())
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)
            else:
                deliver(frame)

        tasks: set[asyncio.Task[None]] = set()

        async def go_on() -> None:
            for node in self.nodes:
                await node.goes.wait()
            frames = waiting[:]
            waiting.clear()
            for frame in frames:
                deliver(frame)

        carry = super()._carrier(end, arrive)

        def count(frame: bytes) -> None:
            message = wire.decode(frame)
            if isinstance(message, wire.Changes):
                self.text_bytes += len(message.data)
            carry(frame)

        return count


class Cluster(Network):
    """The nodes, the database and the people."""

    def __init__(self, chance: random.Random, count: int) -> None:
        super().__init__(chance, None)  # type: ignore[arg-type]
        loop = asyncio.get_running_loop()
        self.clock_ahead_s = 0.0
        self.database = MemoryDatabase(lambda: loop.time() + self.clock_ahead_s)
        self.slow_s = 0.0
        self.identity = random.randbytes(16)
        self.apart_nodes: set[tuple[int, int]] = set()
        self.nodes = [ClusterNode(self, number) for number in range(count)]
        self.between: list[StoppableLine] = []
        """All lines between nodes that there ever were."""
        self.sticky: dict[str, int] = {}
        """To which node somebody is sent, if it runs."""

    def part_nodes(self, one: ClusterNode, other: ClusterNode) -> None:
        """No frame comes from one node to another any more, and nobody is told."""
        self.apart_nodes |= {(one.number, other.number), (other.number, one.number)}
        for line in self.between:
            if {node.number for node in line.nodes} == {one.number, other.number}:
                line.silent = True

    def join_person(self, who: str) -> None:
        self.apart.discard(who)

    def connect_nodes(self, node: ClusterNode, owner: ClusterNode) -> MemoryTransport:
        server_end, client_end = pair()
        line = StoppableLine(self, (server_end, client_end), (node, owner))
        self.between.append(line)
        node.lines.append(line)
        owner.lines.append(line)
        owner.serve(server_end, is_relay=True)
        return client_end

    async def connect(self, who: str) -> MemoryTransport:
        await asyncio.sleep(self.chance.uniform(0.001, self.weather.delay_s))
        running = [node for node in self.nodes if node.server is not None]
        if who in self.apart or not running:
            raise CannotConnect("The server is not there.")
        node = self.nodes[self.sticky[who]] if who in self.sticky else self.chance.choice(running)
        if node.server is None:
            node = self.chance.choice(running)
        server_end, client_end = pair()
        line = StoppableLine(self, (server_end, client_end), (node,))
        self.lines[who] = [old for old in self.lines.get(who, []) if not old.ends[0]._ended] + [line]
        node.lines.append(line)
        node.serve(server_end)
        return client_end

    def owner(self) -> ClusterNode | None:
        """The node that owns the document, as the database says."""
        found = MemoryEngine(self.database).owner(NAME.encode())
        return next(
            (node for node in self.nodes if found is not None and node.address == found.address), None
        )

    def opened_by_owner(self, node: ClusterNode) -> OpenDocument | None:
        """The document at this node, if it is its owner as far as the fence says."""
        server, state = node.server, MemoryEngine(self.database)._find(self.database.content, NAME.encode())
        opened = None if server is None else server.documents.by_name.get(NAME)
        if opened is None or state is None:
            return None
        store = opened.document.saver.store
        assert isinstance(store, FencedStore)
        return opened if store.fence == self.database.content.rows[state].fence else None

    def stored(self) -> tuple[Version, str]:
        """What the log of the database has."""
        reader = FencedStorage(MemoryEngine(self.database), beats=False)
        state = reader.engine.state(NAME.encode())
        if state is None:
            return Version(), ""
        kept = restore(FencedStore(reader, NAME, state, -1), author="")
        return (Version(), "") if kept.buffer is None else (kept.buffer.version, kept.buffer.text)


__all__ = ["NAME", "Cluster", "ClusterNode", "Peer", "Weather", "survivors"]
