"""Guests of several nodes in one document: each has all of it, whichever node owns it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from tests.nodes.cluster import NAME, Cluster, Peer, survivors
from tests.sync.network import session_of, simulate


async def until(is_so: Callable[[], bool], seconds: float = 60.0) -> float:
    """Wait until something is so; return how long it took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while not is_so():
        assert loop.time() < began + seconds, "it never was"
        await asyncio.sleep(0.05)
    return loop.time() - began


async def people(cluster: Cluster, where: dict[str, int]) -> list[Peer]:
    """Start all nodes, and one person at each of these."""
    for node in cluster.nodes:
        node.start()
    cluster.sticky = dict(where)
    found = []
    for name in where:
        peer = Peer(name, cluster)
        await peer.start()
        await until(lambda peer=peer: session_of(peer).ready)
        found.append(peer)
    return found


def all_stored(peers: list[Peer]) -> bool:
    sessions = [session_of(peer) for peer in peers]
    return all(session.unsent == 0 and session.version == sessions[0].version for session in sessions)


def test_guests_of_three_nodes_write_in_one_document() -> None:
    """Two of the nodes relay. Each token is at everyone once, and is called stored when the database has it."""

    async def main(chance: random.Random) -> None:
        cluster = Cluster(chance, 3)
        peers = await people(cluster, {"a": 0, "b": 1, "c": 2})
        for _ in range(30):
            chance.choice(peers).write()
            await asyncio.sleep(0.1)
        await until(lambda: all_stored(peers))
        assert survivors(session_of(peers[0]).text, peers) == []
        assert cluster.stored()[1] == session_of(peers[2]).text
        assert {person.name for person in session_of(peers[0]).people} == {"b", "c"}
        assert sorted(len(node.server.relays.by_name) for node in cluster.nodes) == [0, 1, 1]

    simulate(1, main)


def echo(seed: int) -> tuple[int, int]:
    """Have twelve people at three nodes type; return the bytes of what they typed, and those of text between the nodes."""
    found: list[tuple[int, int]] = []

    async def main(chance: random.Random) -> None:
        cluster = Cluster(chance, 3)
        peers = await people(cluster, {name: number % 3 for number, name in enumerate("abcdefghijkl")})
        began = sum(line.text_bytes for line in cluster.between)
        typed = 0
        for _ in range(200):
            peer = chance.choice(peers)
            log = session_of(peer).pad.log
            before = log.end
            peer.write()
            typed += sum(len(entry.data) for entry in log.since(before))
            await asyncio.sleep(chance.choice((0.0, 0.01, 0.05)))
        await until(lambda: all_stored(peers))
        found.append((typed, sum(line.text_bytes for line in cluster.between) - began))

    simulate(seed, main)
    return found[0]


def test_what_was_new_takes_each_line_between_nodes_once() -> None:
    """What came from a side went back to it when it lay between others: 155 times the bytes."""
    typed, between = echo(seed=2)
    # There are two lines, to each of the two relays, and each operation takes both.
    assert typed < between <= 2 * typed


def test_guests_do_not_notice_that_the_owner_died() -> None:
    """Nobody at another node is cut off. What they write is stored once the lease has ended and one of these nodes has taken the document."""

    async def main(chance: random.Random) -> None:
        cluster = Cluster(chance, 3)
        peers = await people(cluster, {"a": 0, "b": 1, "c": 1, "d": 2})
        for peer in peers:
            peer.write()
        await until(lambda: all_stored(peers))
        links = [session_of(peer)._link for peer in peers[1:]]
        peers[1].write()
        await asyncio.sleep(0.01)
        await cluster.nodes[0].die()
        for _ in range(10):
            for peer in peers[1:]:
                peer.write()
            await asyncio.sleep(0.1)
        took = await until(lambda: all_stored(peers[1:]))
        assert took < 4.0
        await until(lambda: all_stored(peers))
        assert [session_of(peer)._link for peer in peers[1:]] == links
        assert survivors(cluster.stored()[1], peers) == []
        assert {person.name for person in session_of(peers[3]).people} == {"a", "b", "c"}

    simulate(3, main)


def test_an_owner_that_was_stopped_goes_on_as_a_relay() -> None:
    """It calls nothing stored that it is not, its guests keep their connections, and have what was written meanwhile."""

    async def main(chance: random.Random) -> None:
        cluster = Cluster(chance, 2)
        peers = await people(cluster, {"a": 0, "b": 1})
        for peer in peers:
            peer.write()
        await until(lambda: all_stored(peers))
        links = [session_of(peer)._link for peer in peers]
        cluster.nodes[0].goes.clear()
        peers[0].write()
        peers[1].write()
        await asyncio.sleep(5.0)
        assert session_of(peers[0]).unsent and not session_of(peers[1]).unsent
        assert cluster.owner() is cluster.nodes[1]
        peers[1].write()
        cluster.nodes[0].goes.set()
        await until(lambda: all_stored(peers))
        assert [session_of(peer)._link for peer in peers] == links
        assert survivors(cluster.stored()[1], peers) == []
        assert list(cluster.nodes[0].server.relays.by_name) == [NAME]

    simulate(4, main)


def test_a_drained_node_keeps_nobody_offline_for_long() -> None:
    """Its people are at another node within two seconds, those of other nodes notice nothing, and all is stored soon."""

    async def main(chance: random.Random) -> None:
        cluster = Cluster(chance, 3)
        peers = await people(cluster, {"a": 0, "b": 0, "c": 1, "d": 2})
        for peer in peers:
            peer.write()
        await until(lambda: all_stored(peers))
        links = [session_of(peer)._link for peer in peers[2:]]
        for peer in peers:
            peer.write()
        drained = asyncio.create_task(cluster.nodes[0].drain())
        offline_s = {"a": 0.0, "b": 0.0}
        for _ in range(60):
            await asyncio.sleep(0.05)
            for peer in peers[:2]:
                offline_s[peer.name] += 0.05 * (session_of(peer).status.state != "connected")
            chance.choice(peers).write()
        assert min(offline_s.values()) > 0.0 and max(offline_s.values()) < 2.0
        assert await until(lambda: all_stored(peers)) < 1.5
        await drained
        assert [session_of(peer)._link for peer in peers[2:]] == links
        assert survivors(cluster.stored()[1], peers) == []

    simulate(5, main)


def test_a_database_that_went_back_is_noticed_where_nobody_writes() -> None:
    """Everybody was told that the text is stored, and nobody types any more: the owner looks all the same, and the text is stored again."""

    async def main(chance: random.Random) -> None:
        cluster = Cluster(chance, 2)
        peers = await people(cluster, {"a": 0, "b": 1})
        peers[0].write()
        await until(lambda: all_stored(peers))
        replica = cluster.database.copy()
        peers[1].write()
        await until(lambda: all_stored(peers))
        cluster.database.go_back(replica)
        assert survivors(cluster.stored()[1], peers) != []
        await until(lambda: survivors(cluster.stored()[1], peers) == [], seconds=20.0)
        await until(lambda: all_stored(peers))

    simulate(6, main)
