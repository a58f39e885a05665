"""Whole networks from seeds: nothing lost, nothing doubled.

`pytest tests/sync/test_network.py --seeds 100000` runs more of them; `--seed N` runs one, as a failure tells.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from math import inf
from pathlib import Path

import pytest

from jpterm_like.errors import JptermError
from jpterm_like.journal import SYNC_DELAY_S
from jpterm_like.root import Root
from jpterm_like.server import HOUSEKEEPING_S
from tests.sync.network import Dead, Disk, Host, Network, Peer, VirtualLoop, Weather, simulate, survivors

STEPS = 40
HEAL_S = 300.0
"""Virtual seconds within which everyone must agree again; reconnects wait up to 30 s each."""


class Folder:
    """The simulated server's one shared folder."""

    def __init__(self, root: Path) -> None:
        self.root: Root | None = Root(root)

    def path_of(self, name: str) -> Path:
        assert self.root is not None
        return self.root.path / name

    def keeps(self, path: Path) -> bool:
        return True

    def names(self) -> list[str]:
        return []


async def live(chance: random.Random, root: Path) -> None:
    """Some people write for a while through outages of every kind; then all is well, and everything must be there."""
    disk = Disk(chance, flush_s=0.2)
    host = Host(Folder(root), autosave_s=chance.choice((None, 1.0)), storage=disk)
    network = Network(chance, host)
    network.weather = Weather(
        delay_s=chance.choice((0.01, 0.1, 1.0)),
        repeat=chance.choice((0.0, 0.2)),
        swap=chance.choice((0.0, 0.2)),
    )
    host.start()
    peers = [Peer(name, network, Disk(chance)) for name in "abcde"[: chance.randint(2, 5)]]
    for peer in peers:
        await peer.start()
    for _ in range(STEPS):
        await _something_happens(chance, network, host, peers)
        await asyncio.sleep(chance.choice((0.0, 0.01, 0.3, 3.0)))
    await _heal(network, host, peers)
    _judge(host, peers)


async def _something_happens(chance: random.Random, network: Network, host: Host, peers: list[Peer]) -> None:
    peer = chance.choice(peers)
    match chance.choices(
        (
            "write",
            "erase",
            "undo",
            "cut",
            "part",
            "join",
            "die",
            "start",
            "server dies",
            "server starts",
            "save",
            "disk",
            "clock",
            "stores removed",
            "journals removed",
            "renamed",
        ),
        (40, 8, 6, 5, 4, 8, 4, 8, 3, 8, 3, 4, 2, 1, 1, 3),
    )[0]:
        case "write":
            peer.write()
        case "erase":
            peer.erase()
        case "undo":
            peer.undo()
        case "cut":
            network.cut(peer.name)
        case "part":
            network.part(peer.name)
        case "join":
            network.join(peer.name)
        case "die":
            await peer.die(power=chance.random() < 0.3)
        case "start":
            if peer.session is None:
                await peer.start()
        case "server dies":
            if host.server is not None:
                await host.die(network, power=chance.random() < 0.5)
                promised = [peer.session.pad.stored for peer in peers if peer.session is not None]
                on_disk = host.on_disk()
                assert all(stored <= on_disk for stored in promised), (
                    "something called stored was not on the disk"
                )
        case "server starts":
            if host.server is None:
                host.start()
        case "save":
            if host.server is not None:
                for shelf in list(host.server._shelves.values()):
                    with contextlib.suppress(JptermError):
                        await shelf.document.save()
        case "disk":
            host.storage.full = chance.random() < 0.3
            host.storage.flaky = chance.choice((0.0, 0.0, 0.1, 0.5))
        case "stores removed":
            if (
                host.server is not None and host.server._shelves
            ):  # of a document that is not open nobody has the store
                host.storage.heal()
                host.storage.drive.put(chance.choice((None, host.storage.drive.copy())))
                await asyncio.sleep(
                    HOUSEKEEPING_S + 1
                )  # a server that dies before it notices has lost its stores
        case "journals removed":
            if peer.session is not None and peer.session.ready:  # else nobody has what is only there
                peer.storage.drive.put(None)
                peer.write()  # so that it is noticed
                await asyncio.sleep(2 * SYNC_DELAY_S)
        case "renamed":
            if host.server is not None and all(it.session is not None and it.session.ready for it in peers):
                await _rename(chance, network, host, peer)
        case "clock":
            loop = asyncio.get_running_loop()
            assert isinstance(loop, VirtualLoop)
            loop.wall_ahead_s += chance.choice((-3600.0, 3600.0, 3e7, -3e7, 20.0))


async def _rename(chance: random.Random, network: Network, host: Host, peer: Peer) -> None:
    """Somebody gives the document its other name; the server may die at any call of that."""
    assert peer.session is not None
    host.storage.calls_left = chance.choice((inf, chance.randint(1, 80)))
    renaming = asyncio.ensure_future(
        peer.session.rename("plan.md" if peer.session.path == "notes.md" else "notes.md")
    )
    for _ in range(100):
        await asyncio.sleep(0.05)
        if renaming.done() or host.storage.is_dead:
            break
    if host.storage.is_dead:
        await host.die(network, power=chance.random() < 0.5)
    renaming.cancel()
    with contextlib.suppress(asyncio.CancelledError, JptermError):
        await renaming
    host.storage.calls_left = inf


async def _heal(network: Network, host: Host, peers: list[Peer]) -> None:
    network.weather = Weather(delay_s=0.01)
    network.apart.clear()
    host.storage.heal()
    if host.server is None:
        host.start()
    for peer in peers:
        if peer.session is None:
            await peer.start()
    deadline = asyncio.get_running_loop().time() + HEAL_S
    while not _agree(host, peers):
        assert asyncio.get_running_loop().time() < deadline, "they do not come together again"
        await asyncio.sleep(0.5)


def _agree(host: Host, peers: list[Peer]) -> bool:
    sessions = [peer.session for peer in peers if peer.session is not None]
    first = sessions[0]
    return all(
        session.status.state == "connected" and not session.unsent and session.version == first.version
        for session in sessions
    )


def _judge(host: Host, peers: list[Peer]) -> None:
    assert host.server is not None
    (shelf,) = host.server._shelves.values()
    texts = {peer.session.text for peer in peers if peer.session is not None} | {
        shelf.document.pad.buffer.text
    }
    assert len(texts) == 1, f"equal versions, {len(texts)} texts"
    problems = survivors(texts.pop(), peers)
    assert not problems, "; ".join(problems)
    for peer in peers:
        assert peer.session is not None
        assert {person.name for person in peer.session.people} <= {other.name for other in peers}


def run(seed: int, root: Path) -> None:
    """One seed, in a fresh folder."""
    try:
        simulate(seed, lambda chance: live(chance, root))
    except BaseException as problem:
        problem.add_note(f"replay it with: pytest tests/sync/test_network.py --seed {seed}")
        raise


@pytest.fixture
def seeds(request: pytest.FixtureRequest) -> range:
    """Which seeds this run is to try."""
    one = request.config.getoption("--seed")
    if one is not None:
        return range(one, one + 1)
    return range(request.config.getoption("--seeds"))


@pytest.mark.amount
@pytest.mark.parametrize("part", range(8))
def test_nothing_is_lost_or_doubled_in_any_network(
    part: int, seeds: range, tmp_path: Path, mistakes: list[str]
) -> None:
    """Every token that was typed is in the end at everyone exactly once, whatever the lines and machines did."""
    for seed in seeds[part::8]:
        root = tmp_path / str(seed)
        root.mkdir()
        run(seed, root)
    mistakes[:] = [it for it in mistakes if Dead.__name__ not in it]
