"""What people do with texts in a database: rename them, delete them, list them; and tokens."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import jpterm_like
from jpterm_like.access.shared_tokens import SharedTokenBook
from jpterm_like.access.tokens import TokenRights
from jpterm_like.postgres.decisions import Decisions
from jpterm_like.storage.fenced import FencedStorage
from jpterm_like.stores import database_storage
from tests.postgres.cluster import Cluster
from tests.postgres.rig import NodeProcess, until


@pytest.fixture
async def server(cluster: Cluster, database: str, tmp_path: Path) -> AsyncIterator[NodeProcess]:
    node = NodeProcess(tmp_path, 1, [cluster])
    try:
        await node.start()
        yield node
    finally:
        await node.stop()


def reading(database: str) -> contextlib.closing[FencedStorage]:
    return contextlib.closing(database_storage(database, is_node=False))


async def test_a_text_is_saved_renamed_deleted_and_brought_back(server: NodeProcess, database: str) -> None:
    """Its name of now, and its text, are the same after the server was killed."""
    address = f"ws://127.0.0.1:{server.port}"
    async with jpterm_like.connect(f"{address}/docs/notes.md", name="ann") as session:
        session.replace(0, 0, "hello\n")
        await session.stored()
        await session.save()
        await session.rename("docs/better.md")
        session.replace(6, 6, "world\n")
        await session.stored()
        await session.save()
        assert session.saved
        await server.end(signal.SIGKILL)
        await server.start()
        await until(lambda: session.status.state == "connected", "a new connection")
    with reading(database) as storage:
        assert storage.read_blob("docs/better.md", "base") == b"hello\nworld\n"
        assert storage.names("base") and not storage.read_blob("docs/notes.md", "base")
    async with jpterm_like.connect(f"{address}/docs/better.md", name="bob") as session:
        assert session.text == "hello\nworld\n"
        await session.delete_file()
        assert session.text == "hello\nworld\n", "it is kept"
        await session.save()
    async with jpterm_like.connect(f"{address}/docs/better.md", name="bob") as session:
        assert session.text == "hello\nworld\n" and session.saved


async def test_metrics_say_what_became_of_leases_and_commits(server: NodeProcess, cluster: Cluster) -> None:
    before = await asyncio.to_thread(server.figures)
    assert before["database_takeovers_total"] == before["database_fenced_total"] == 0
    assert before["database_lease_age_seconds"] < 3
    async with jpterm_like.connect(f"ws://127.0.0.1:{server.port}/notes.md", name="ann") as session:
        session.replace(0, 0, "one\n")
        await session.stored()
        stored = await asyncio.to_thread(server.figures)
        assert stored["database_takeovers_total"] == 1 and stored["database_fenced_total"] == 0
        assert stored["database_commit_rows_total"] > before["database_commit_rows_total"]
        assert stored["database_commits_total"] > before["database_commits_total"]
        cluster.sql("UPDATE jp_doc SET fence = 1", "jp")  # as another node does that takes it
        session.replace(0, 0, "two\n")
        await session.stored()
        assert session.text == "two\none\n"
        lost = await asyncio.to_thread(server.figures)
        assert lost["database_fenced_total"] == 1 and lost["database_takeovers_total"] == 2


def test_tokens_count_at_all_servers_and_so_do_their_ends(database: str) -> None:
    with contextlib.closing(Decisions(database)) as one, contextlib.closing(Decisions(database)) as two:
        here, there = SharedTokenBook(one), SharedTokenBook(two)
        token, line = here.make("edit", pad="docs/*")
        assert there.find(line) is None, "it is read each second, not at each question"
        there.reload()
        assert there.find(line) == token == here.find(line)
        rights = TokenRights(there, token, "")
        assert rights.is_valid()
        here.revoke(token.id)
        there.reload()
        assert there.find(line) is None and not rights.is_valid()
        assert here.all() == there.all() == []
