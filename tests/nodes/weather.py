"""What happens to a simulated cluster: people write for a while, and lines, nodes and the database fail; then all is well, and everything
must be there once. An event is a method; its weight is in `WEIGHTS`.
"""

from __future__ import annotations

import asyncio
import random
from typing import Final

from jpterm_like.client.session import Session
from tests.nodes.cluster import HEAL_S, Cluster, ClusterNode
from tests.sync.network import Peer, Weather, survivors

WEIGHTS: Final = {
    "write": 40,
    "erase": 4,
    "undo": 4,
    "cut": 2,
    "part": 1,
    "join": 2,
    "die": 1,
    "start": 3,
    "node_killed": 3,
    "node_drained": 2,
    "node_starts": 6,
    "node_stopped": 3,
    "node_continued": 4,
    "nodes_parted": 2,
    "nodes_joined": 3,
    "database_cut": 2,
    "database_reached": 4,
    "database_slow": 2,
    "answer_lost": 3,
    "database_restarts": 1,
    "clock_jumps": 1,
    "replicated": 2,
    "database_goes_back": 1,
}
PAUSES_S: Final = (0.0, 0.01, 0.1, 0.5, 1.5, 4.0)
STEPS: Final = 40


class Story:
    """One cluster, from one seed."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.cluster = Cluster(chance, chance.choice((2, 3, 3)))
        self.cluster.weather = Weather(
            delay_s=chance.choice((0.01, 0.1, 0.5)),
            repeat=chance.choice((0.0, 0.1)),
            swap=chance.choice((0.0, 0.1)),
        )
        self.peers: list[Peer] = []
        self.happened: list[str] = []
        self.replica = self.cluster.database.copy()
        self.has_gone_back = False
        """Whether the database was set back, and so lacks what was called stored."""

    async def live(self) -> None:
        for node in self.cluster.nodes:
            node.start()
        for name in "abcd"[: self.chance.randint(2, 4)]:
            self.peers.append(Peer(name, self.cluster))
            await self.peers[-1].start()
        await asyncio.sleep(1.0)
        events, weights = list(WEIGHTS), list(WEIGHTS.values())
        for _ in range(STEPS):
            self.peer = self.chance.choice(self.peers)
            self.node = self.chance.choice(self.cluster.nodes)
            (event,) = self.chance.choices(events, weights)
            self.happened.append(f"{event} ({self.peer.who}, {self.node.number})")
            await getattr(self, event)()
            self.check()
            await asyncio.sleep(self.chance.choice(PAUSES_S))
            self.check()
        self.happened.append("the end")
        await self.heal()
        self.judge()

    def check(self) -> None:
        """What somebody was told to be stored is in the log of the database; and whoever owns the document has all that is in it."""
        stored, _ = self.cluster.stored()
        for session in self.sessions():
            is_there = self.has_gone_back or session.pad.stored <= stored
            assert is_there, "something called stored is not in the database"
        for node in self.running():
            opened = self.cluster.opened_by_owner(node)
            if opened is not None:
                has_all = stored <= opened.document.pad.buffer.version
                assert has_all, "the owner lacks something that is in the database"

    # ------------------------------------------------------------------ people

    async def write(self) -> None:
        self.peer.write()

    async def erase(self) -> None:
        self.peer.erase()

    async def undo(self) -> None:
        self.peer.undo()

    async def cut(self) -> None:
        self.cluster.cut(self.peer.who)

    async def part(self) -> None:
        self.cluster.part(self.peer.who)

    async def join(self) -> None:
        self.cluster.join_person(self.peer.who)

    async def die(self) -> None:
        await self.peer.die()

    async def start(self) -> None:
        if self.peer.session is None:
            await self.peer.start()

    # ------------------------------------------------------------------ nodes

    async def node_killed(self) -> None:
        if self.node.server is not None:
            await self.node.die()

    async def node_drained(self) -> None:
        if self.node.server is not None and self.node.goes.is_set():
            await self.node.drain()

    async def node_starts(self) -> None:
        if self.node.server is None:
            self.node.start()

    async def node_stopped(self) -> None:
        if self.node.server is not None:
            self.node.goes.clear()

    async def node_continued(self) -> None:
        self.node.goes.set()

    async def nodes_parted(self) -> None:
        other = self.chance.choice(self.cluster.nodes)
        self.cluster.part_nodes(self.node, other)

    async def nodes_joined(self) -> None:
        self.cluster.apart_nodes.clear()

    # ------------------------------------------------------------------ the database

    async def database_cut(self) -> None:
        if self.node.server is not None:
            self.node.engine.is_cut = True

    async def database_reached(self) -> None:
        for node in self.running():
            node.engine.is_cut = False

    async def database_slow(self) -> None:
        self.cluster.slow_s = self.chance.choice((0.0, 0.05, 0.5, 2.0))

    async def answer_lost(self) -> None:
        if self.node.server is not None:
            self.node.engine.answers_lost += self.chance.randint(1, 3)

    async def database_restarts(self) -> None:
        for node in self.running():
            node.engine.is_cut = True
        await asyncio.sleep(self.chance.choice((0.3, 2.0, 5.0)))
        await self.database_reached()

    async def clock_jumps(self) -> None:
        self.cluster.clock_ahead_s += self.chance.choice((-3600.0, 3600.0))

    async def replicated(self) -> None:
        self.replica = self.cluster.database.copy()

    async def database_goes_back(self) -> None:
        self.has_gone_back = True
        self.cluster.database.go_back(self.replica)

    # ------------------------------------------------------------------ the end

    def running(self) -> list[ClusterNode]:
        return [node for node in self.cluster.nodes if node.server is not None]

    def sessions(self) -> list[Session]:
        return [peer.session for peer in self.peers if peer.session is not None]

    async def heal(self) -> None:
        cluster = self.cluster
        cluster.weather = Weather(delay_s=0.01)
        cluster.apart.clear()
        cluster.apart_nodes.clear()
        cluster.slow_s = 0.0
        # An hour's jump back would have everybody wait for an hour: the leases of dead nodes last so long.
        cluster.clock_ahead_s += 3600.0 * 24
        for node in cluster.nodes:
            node.goes.set()
            if node.server is None:
                node.start()
            node.engine.is_cut, node.engine.answers_lost = False, 0
        for peer in self.peers:
            if peer.session is None:
                await peer.start()
        deadline = asyncio.get_running_loop().time() + HEAL_S
        while not self.agree():
            assert asyncio.get_running_loop().time() < deadline, "they do not come together again"
            await asyncio.sleep(0.5)

    def agree(self) -> bool:
        stored, _ = self.cluster.stored()
        names = {peer.name for peer in self.peers}
        return all(
            session.status.state == "connected"
            and session._caught_up.is_set()
            and session._migration is None
            and not session.unsent
            and session.version == stored
            and {person.name for person in session.people} == names - {peer.name}
            for peer in self.peers
            if (session := peer.session) is not None
        )

    def judge(self) -> None:
        _, text = self.cluster.stored()
        for session in self.sessions():
            assert session.text == text, "equal versions, two texts"
        problems = survivors(text, self.peers)
        assert not problems, "; ".join(problems)
