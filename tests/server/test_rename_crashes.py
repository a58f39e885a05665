"""The server is killed at each call of a rename or a deletion, in virtual time: see `jpterm_like.server.rename`."""

from __future__ import annotations

import asyncio
import contextlib
import random
from pathlib import Path

import pytest

from jpterm_like.errors import JptermError
from jpterm_like.server.shared_folder import SharedFolder
from tests.sync.network import Killed, Killer, Peer, simulate
from tests.sync.test_disks import DiskScene
from tests.sync.test_outages import once


class Killing(DiskScene):
    """Ann and bob in notes.md, of a folder that is shared as `serve` shares one."""

    files = SharedFolder

    def __init__(self, root: Path, chance: random.Random) -> None:
        super().__init__(root, chance, autosave_s=1.0)
        self.file.write_text("Title\n")

    async def begin(self) -> None:
        self.peers = [await self.join(name) for name in ("ann", "bob")]
        for peer in self.peers:
            self.write(peer, f"<{peer.name} before>")
        await self.settle(*self.peers)
        await asyncio.sleep(3)  # saved

    @staticmethod
    def write(peer: Peer, text: str) -> None:
        assert peer.session is not None
        peer.session.replace(0, 0, text)

    async def come_back(self, *, power: bool) -> str:
        await self.host.die(self.network, power=power)
        self.host.start()
        for peer in self.peers:
            self.write(peer, f"<{peer.name} after>")
        text = await self.settle(*self.peers)
        await asyncio.sleep(5)
        once(text, *(f"<{peer.name} {when}>" for peer in self.peers for when in ("before", "after")), "Title")
        return text


def kill_at(calls: int, root: Path, work: str, *, power: bool) -> bool:
    """Whether the server got so far; false: the work was done before."""
    root.mkdir()
    killer = Killer(calls)

    async def story(chance: random.Random) -> None:
        scene = Killing(root, chance)
        await scene.begin()
        ann = scene.peers[0].session
        assert ann is not None
        with killer.at_work(scene.disk):
            doing = asyncio.ensure_future(ann.rename("plan.md") if work == "rename" else ann.delete_file())
            while not killer.dead and not doing.done():
                await asyncio.sleep(0.01)
            doing.cancel()
            with contextlib.suppress(asyncio.CancelledError, JptermError):
                await doing
        text = await scene.come_back(power=power)
        assert scene.host.server is not None
        (name,) = scene.host.server.documents.by_name
        if work == "rename":
            assert [path.name for path in root.iterdir()] == [name]
            assert (root / name).read_text() == text
            assert {peer.session._address.path for peer in scene.peers if peer.session is not None} == {name}
        other = "notes.md" if name == "plan.md" else "plan.md"
        carl = Peer("carl", scene.network)
        carl.path = other
        await carl.start()
        assert carl.session is not None
        await carl.session.synced()
        assert carl.session.text == "", "for who knows nothing of it, the other name is free"
        scene.write(carl, "<another document>")
        await carl.session.stored()
        await asyncio.sleep(3)
        await scene.host.die(scene.network, power=False)
        scene.host.start()
        assert await scene.settle(*scene.peers) == text, "a name that is used again is another document"

    try:
        simulate(calls, story)
    except BaseException as problem:
        problem.add_note(f"{work}, killed at call {calls}, {power=}")
        raise
    return killer.dead


def _step(request: pytest.FixtureRequest) -> int:
    """At every how many calls the server is killed; there are some forty."""
    return max(1, 36 // int(request.config.getoption("--rename-kills")))


@pytest.mark.amount
@pytest.mark.parametrize("power", [False, True], ids=["killed", "power lost"])
@pytest.mark.parametrize("work", ["rename", "delete"])
def test_a_document_is_whole_under_one_name_wherever_the_server_dies(
    tmp_path: Path, work: str, power: bool, mistakes: list[str], request: pytest.FixtureRequest
) -> None:
    """Everybody who comes back under the old name or the new one ends in it; the other name is free."""
    calls, step = 1, 5 if power else _step(request)
    while kill_at(calls, tmp_path / str(calls), work, power=power):
        calls += step
    mistakes[:] = [it for it in mistakes if Killed.__name__ not in it]
    assert calls > (20 if work == "rename" else 1)


def kill_apart(calls: int, root: Path, *, power: bool) -> bool:
    """Killed while the name of a deleted file becomes a new file's; whether the server got so far."""
    root.mkdir()
    killer = Killer(calls)

    async def story(chance: random.Random) -> None:
        scene = Killing(root, chance)
        await scene.begin()
        server = scene.host.server
        assert server is not None
        (opened,) = server.documents.by_name.values()
        scene.file.unlink()
        await server._upkeep._read_changes(opened)
        scene.file.write_text("<anew>\n")
        with killer.at_work(scene.disk), contextlib.suppress(Killed):
            await server._upkeep._read_changes(opened)
            await server.documents._rename_replaced(opened)
            await asyncio.sleep(1)
        text = await scene.come_back(power=power)
        assert scene.host.server is not None
        await scene.host.server.names.recover_all()
        carl = await scene.join("carl")
        assert carl.session is not None
        assert await scene.settle(carl) == "<anew>\n" == scene.file.read_text()
        assert await scene.settle(*scene.peers) == text
        names = {peer.session.path for peer in scene.peers if peer.session is not None}
        (name,) = names
        assert name in ("notes (former).md", "notes (former 2).md")
        for other in set(scene.disk.names()) - {
            name,
            "notes.md",
        }:  # a crash may leave a store with nothing in it
            dan = await Peer.at(other, "dan", scene.network)
            assert dan.session is not None and dan.session.text == ""
        assert [it.name for it in root.iterdir()] == ["notes.md"]

    try:
        simulate(calls, story)
    except BaseException as problem:
        problem.add_note(f"killed at call {calls}, {power=}")
        raise
    return killer.dead


@pytest.mark.amount
@pytest.mark.parametrize("power", [False, True], ids=["killed", "power lost"])
def test_two_documents_of_one_name_stay_two_wherever_the_server_dies(
    tmp_path: Path, power: bool, mistakes: list[str], request: pytest.FixtureRequest
) -> None:
    """The former one is whole, under a name of its own, and the new file has its own text."""
    calls, step = 1, 5 if power else _step(request)
    while kill_apart(calls, tmp_path / str(calls), power=power):
        calls += step
    mistakes[:] = [it for it in mistakes if Killed.__name__ not in it]
    assert calls > 20
