"""Three servers, a database with a synchronous replica, six writers; and what can go wrong in such a place goes wrong. Each token that was
called stored is in the log exactly once, and in everybody's text.

`--node-faults N` plays more; `--seed N` begins with another seed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import signal
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from jpterm_like.saver import rebuild
from jpterm_like.stores import database_storage
from tests.postgres.cluster import MISSING, Cluster, new_folder
from tests.postgres.rig import Balancer, NodeProcess, Writer, connect, until

NAMES = ("one.md", "two.md", "three.md")
WITHIN_S = {
    "kill": 5.0, "drain": 3.0, "pause": 8.0, "restart": 3.0, "crash": 3.0, "backend": 3.0, "part": 6.0, "clock": 6.0, "failover": 3.0,
}  # fmt: skip
"""Within how many seconds after a fault everything is stored again."""
SLACK_S = 10.0
"""More, for a machine that has other things to do."""


class Place:
    """All of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.primary = Cluster.made(folder)
        self.primary.database("jp")
        self.replica = self.primary.replica("second")
        self._wait_for_replica()
        self.hosts = [self.primary, self.replica]
        self.nodes: list[NodeProcess] = []
        self.balancers: list[Balancer] = []
        self.writers: list[Writer] = []
        self.replicas = 2

    def _wait_for_replica(self) -> None:
        self.primary.configure("synchronous_standby_names = 'ANY 1 (*)'")
        self.primary.reload()

    def address_of(self, cluster: Cluster) -> str:
        return cluster.address("jp")

    async def start(self) -> None:
        self.nodes = [NodeProcess(self.folder, number, self.hosts) for number in range(3)]
        await asyncio.gather(*(node.start() for node in self.nodes))
        # The two writers of a document come in at two nodes: the owner, or one that relays.
        self.balancers = [Balancer(self.nodes, number % 3) for number in range(len(NAMES) + 1)]
        hosts = [await balancer.start() for balancer in self.balancers]
        self.addresses = [
            (f"ws://{hosts[number]}/{name}", f"ws://{hosts[number + 1]}/{name}")
            for number, name in enumerate(NAMES)
        ]

    async def stop(self) -> None:
        for balancer in self.balancers:
            await balancer.stop()
        for node in self.nodes:
            await node.stop()
        for cluster in (self.primary, self.replica):
            with contextlib.suppress(AssertionError, OSError):
                cluster.stop("immediate")

    # Faults: each returns when it is over

    async def kill(self, node: NodeProcess) -> None:
        await node.end(signal.SIGKILL)
        await asyncio.sleep(0.5)
        await node.start()

    async def drain(self, node: NodeProcess) -> None:
        await node.end(signal.SIGTERM)
        await node.start()

    async def pause(self, node: NodeProcess) -> None:
        node.send(signal.SIGSTOP)
        self.mark_down(node)
        await asyncio.sleep(8)  # a line that says nothing is given up after six
        node.send(signal.SIGCONT)
        node.is_away = False

    async def part(self, node: NodeProcess) -> None:
        for proxy in node.proxies:
            proxy.part()
        self.mark_down(node)
        await asyncio.sleep(8)
        for proxy in node.proxies:
            proxy.heal()
        node.is_away = False

    async def restart(self, node: NodeProcess) -> None:
        await asyncio.to_thread(self.primary.restart, "fast")

    async def crash(self, node: NodeProcess) -> None:
        await asyncio.to_thread(self.primary.restart, "immediate")

    async def backend(self, node: NodeProcess) -> None:
        """The database ends all of its sessions, and recovers as after a crash."""
        sql = "SELECT pid FROM pg_stat_activity WHERE application_name = 'jpterm-like' LIMIT 1"
        [(pid,)] = await asyncio.to_thread(self.primary.sql, sql)
        os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(0.1)

        def answers() -> bool:
            with contextlib.suppress(Exception):
                return bool(self.primary.sql("SELECT 1"))
            return False

        await until(answers, "the database's recovery")

    async def clock(self, node: NodeProcess) -> None:
        """The database's clock jumps ahead: all leases end at once."""
        body = "SELECT now() + interval '{}'"
        for shift in ("1 hour", "0 s"):
            sql = f"CREATE OR REPLACE FUNCTION jp_now() RETURNS timestamptz LANGUAGE sql STABLE AS $$ {body.format(shift)} $$"
            await asyncio.to_thread(self.primary.sql, sql, "jp")
            await asyncio.sleep(1)
        # Leases of the future would keep others out for an hour.
        await asyncio.to_thread(
            self.primary.sql, "UPDATE jp_node SET until = least(until, jp_now() + interval '3 s')", "jp"
        )

    async def failover(self, node: NodeProcess) -> None:
        def change() -> None:
            self.primary.kill()
            self.replica.promote()

        await asyncio.to_thread(change)
        dead, self.primary = self.primary, self.replica

        def make_replica() -> None:
            self.replicas += 1
            self.replica = self.primary.replica(f"number{self.replicas}", dead.port)
            self._wait_for_replica()

        await asyncio.to_thread(make_replica)

    def mark_down(self, node: NodeProcess) -> None:
        node.is_away = True
        for balancer in self.balancers:
            balancer.cut(node)

    # What is there

    def started_at(self) -> object:
        return self.primary.sql("SELECT pg_postmaster_start_time()")[0][0]

    def state(self) -> str:
        """What writers and nodes say of themselves, for a failure."""
        now = time.monotonic()
        lines = [
            f"{writer.name}: {writer.session.status}, {writer.session.unsent} unsent, stored {now - writer.stored_at:.1f} s ago"
            for writer in self.writers
        ]
        for node in self.nodes:
            lines += [f"{node.log.name} at {node.inner}:", *node.log.read_text().splitlines()[-12:]]
        return "\n".join(lines)

    def owner_of(self, name: str) -> NodeProcess:
        sql = f"SELECT n.address FROM jp_doc d JOIN jp_node n ON n.id = d.node WHERE d.name = '{name}'"
        [(address,)] = self.primary.sql(sql, "jp")
        return next(node for node in self.nodes if address == f"127.0.0.1:{node.inner}")

    def owners(self) -> dict[bytes, int]:
        return dict(self.primary.sql("SELECT name, fence FROM jp_doc", "jp"))

    def texts_in_log(self) -> dict[str, str]:
        with contextlib.closing(database_storage(self.address_of(self.primary), is_node=False)) as storage:
            found = {}
            for name in NAMES:
                inspection = storage.inspect(name)
                assert inspection is not None and not inspection.damage
                buffer = rebuild(inspection.loaded, author="").buffer
                assert buffer is not None
                found[name] = buffer.text
            return found


ORDER = ("kill", "restart", "drain", "part", "crash", "pause", "kill", "backend", "clock", "failover")
"""The faults, one after the other; then from the beginning, at other nodes."""


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    if MISSING:
        pytest.skip(MISSING)
    folder = new_folder()
    place = Place(folder)
    try:
        await place.start()
        yield place
    finally:
        await place.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.amount
async def test_what_was_called_stored_is_there_once_whatever_fails(
    place: Place, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three servers reach each other at their inner addresses, and pass on what their people write."""
    count = pytestconfig.getoption("--node-faults")
    chance = random.Random(pytestconfig.getoption("--seed") or 0)
    async with contextlib.AsyncExitStack() as stack:
        for number, (addresses, name) in enumerate(zip(place.addresses, NAMES, strict=True)):
            for who, address in zip("ab", addresses, strict=True):
                session = await connect(stack, address, f"{name[:3]}{who}")
                place.writers.append(Writer(f"{name[:3]}{who}", session, number))
        writing = [asyncio.create_task(writer.write()) for writer in place.writers]
        try:
            for number in range(count):
                await until(
                    lambda: all(_is_stored_lately(writer) for writer in place.writers), "a calm moment"
                )
                await asyncio.sleep(chance.uniform(0.0, 1.0))
                what = ORDER[number % len(ORDER)]
                # One that owns a document: else there may be nothing to hit.
                node = place.owner_of(NAMES[(number // len(ORDER) + number) % 3])
                fences, began_at = place.owners(), place.started_at()
                fault: Callable[[NodeProcess], Coroutine[Any, Any, None]] = getattr(place, what)
                await fault(node)
                over_at = time.monotonic()
                took_s = await until(
                    lambda: all(writer.stored_at > over_at for writer in place.writers),  # noqa: B023
                    lambda: f"stored again after {what}, fault {number}:\n{place.state()}",  # noqa: B023
                    WITHIN_S[what] + SLACK_S,
                )
                with capsys.disabled():
                    print(f"{number:4} {what:9} stored again {took_s:.1f} s after it was over", flush=True)
                if what in ("kill", "drain", "pause", "part"):
                    assert place.owners() != fences, f"{what} hit nothing"
                elif what in ("restart", "crash", "failover"):
                    assert place.started_at() != began_at, f"{what} hit nothing"
        finally:
            for writer in place.writers:
                writer.is_typing = False
            await asyncio.gather(*writing)
        await until(lambda: all(writer.session.unsent == 0 for writer in place.writers), "the last is stored")
        for writer in place.writers:
            writer.look()
        # In this order: what is acknowledged after the log was read may not be in what was read.
        acknowledged = {writer.name: writer.acknowledged for writer in place.writers}
        assert all(acknowledged[writer.name] == writer.typed for writer in place.writers)
        log = place.texts_in_log()
        for number, name in enumerate(NAMES):
            writers = place.writers[2 * number : 2 * number + 2]
            await until(lambda: writers[0].session.text == writers[1].session.text, "equal texts")  # noqa: B023
            for text in (log[name], *(writer.session.text for writer in writers)):
                for writer in writers:
                    wrong = [token for token in writer.tokens(writer.typed) if text.count(token) != 1]
                    assert not wrong, f"{name}: not exactly once: {wrong[:10]}"
            assert log[name] == writers[0].session.text


def _is_stored_lately(writer: Writer) -> bool:
    return time.monotonic() - writer.stored_at < 1.0
