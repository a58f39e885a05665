"""A server that runs for long: many documents come and go, and it is as it was before.

The server runs in this process, on a real disk, so that its tasks, descriptors and objects can be counted. `--churn N`
lets N documents come and go in each round.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import weakref
from pathlib import Path

import pytest

from jpterm_like.client.open import open_session
from jpterm_like.client.session import Session
from jpterm_like.server import daemon as serving_module
from jpterm_like.server.document import Document
from jpterm_like.server.open_documents import CLOSED_BYTES
from jpterm_like.server.server import Server
from jpterm_like.server.shared_folder import SharedFolder
from jpterm_like.storage import FolderStorage
from jpterm_like.storage.memory import MemoryStorage
from jpterm_like.transports.memory import MemoryTransport, pair
from tests.e2e.terminal import until
from tests.sync.network import Peer, simulate
from tests.sync.test_outages import Scene

ROUNDS = 5


class Near:
    """Address of the server in this process; see `addresses.Address`."""

    is_local = True
    file = None
    text = "here"

    def __init__(self, server: Server, path: str) -> None:
        self.path = self.title = self.key = path
        self._server = server
        self._task: asyncio.Task[None] | None = None

    async def connect(self) -> MemoryTransport:
        server_end, client_end = pair()
        self._task = asyncio.create_task(self._server.converse(server_end))
        return client_end


async def join(server: Server, path: str, name: str) -> Session:
    session = open_session(Near(server, path), name=name, storage=MemoryStorage())
    await session.start()
    return session


async def write(session: Session, text: str) -> None:
    async with asyncio.timeout(60):
        await session.synced()
        session.replace(0, 0, text)
        await session.stored()


def serving(root: Path) -> Server:
    server = Server(SharedFolder(root), FolderStorage(root / ".jpterm-like"), autosave_s=0.05)
    server.start()
    return server


def counts() -> dict[str, int]:
    gc.collect()
    found = {"tasks": len(asyncio.all_tasks()), "objects": len(gc.get_objects())}
    if Path("/proc/self/fd").exists():
        found["descriptors"] = len(os.listdir("/proc/self/fd"))
    return found


def is_as_before(before: dict[str, int], churn: int) -> bool:
    """A hundred documents left behind would be tens of thousands of objects, and tasks and descriptors besides."""
    now = counts()
    return (
        now["tasks"] <= before["tasks"]
        and now.get("descriptors", 0) <= before.get("descriptors", 0) + 2
        and now["objects"] <= before["objects"] + 10 * churn
    )


@pytest.mark.amount
async def test_hundreds_of_documents_come_and_go_and_nothing_is_left(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Each is opened by two, written in, saved and left; afterwards tasks, descriptors and objects are as before."""
    churn = request.config.getoption("--churn")
    server = serving(tmp_path)
    at_rest = len(asyncio.all_tasks())
    after: list[dict[str, int]] = []
    try:
        for number in range(ROUNDS):
            paths = [f"doc{number}.{index}.md" for index in range(churn)]
            sessions = [await join(server, path, name) for path in paths for name in ("ann", "bob")]
            await asyncio.gather(*[write(session, f"<{number}>") for session in sessions])
            await asyncio.gather(*[session.close() for session in sessions])
            await until(
                lambda: not server.documents.by_name and not server.busy, "every document put away", 60
            )
            await until(lambda: len(asyncio.all_tasks()) <= at_rest, "the end of their tasks", 60)
            sessions.clear()
            if number > 1:
                # By then all modules are loaded and pools are full. Timers may keep a round alive for seconds.
                await until(lambda: is_as_before(after[1], churn), f"{counts()} to be as {after[1]}", 60)
            after.append(counts())
            assert {(tmp_path / path).read_text() for path in paths} == {f"<{number}>" * 2}
    finally:
        await server.drain()


async def test_f33_sixty_who_come_at_once_to_twenty_cold_documents_are_all_in(tmp_path: Path) -> None:
    """Three to each document that nobody has open, all at once: 60 of 60 have the text and see each other's."""
    for index in range(20):
        (tmp_path / f"doc{index}.md").write_text(f"text of {index}\n")
    server = serving(tmp_path)
    try:
        for number in range(3):  # the first time from plain files, then from stores
            sessions = await asyncio.gather(
                *[
                    join(server, f"doc{index}.md", f"{name}{number}")
                    for index in range(20)
                    for name in ("ann", "bob", "cyd")
                ]
            )
            await asyncio.gather(*[write(session, f"<{session.name}>") for session in sessions])
            for index in range(20):
                three = sessions[3 * index : 3 * index + 3]
                tokens = [f"<{session.name}>" for session in three]
                await until(
                    lambda three=three, tokens=tokens: all(
                        session.text.count(token) == 1 for session in three for token in tokens
                    ),
                    f"the three of document {index} to agree",
                    60,
                )
                assert len({session.text for session in three}) == 1
                assert f"text of {index}\n" in three[0].text
            await asyncio.gather(*[session.close() for session in sessions])
            await until(lambda: not server.documents.by_name, "every document put away", 60)
    finally:
        await server.drain()


def test_what_closed_documents_leave_behind_is_bounded_also_while_others_write_without_a_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looking for garbage waits until nobody writes, ten minutes at most: in these, a thousand documents that came and went
    took thirty MiB."""
    monkeypatch.setattr(serving_module, "GARBAGE_BYTES", 3 * CLOSED_BYTES)
    kept: list[weakref.ref[Document]] = []

    async def story(chance: random.Random) -> None:
        scene = Scene(tmp_path, chance)
        ann = await scene.join("ann")
        server = scene.host.server
        assert ann.session is not None and server is not None
        collecting = asyncio.create_task(serving_module._collect(server))
        for number in range(4):
            guest = Peer(f"bob{number}", scene.network)
            guest.path = f"{number}.md"
            await guest.start()
            assert guest.session is not None
            await guest.session.synced()
            kept.append(weakref.ref(server.documents.by_name[guest.path].document))
            await guest.session.close()
        for _ in range(20):
            ann.session.replace(0, 0, "x")
            await asyncio.sleep(1)
        assert set(server.documents.by_name) == {"notes.md"}
        assert [ref() for ref in kept] == [None] * 4
        collecting.cancel()

    gc.disable()
    try:
        simulate(1, story)
    finally:
        gc.enable()
