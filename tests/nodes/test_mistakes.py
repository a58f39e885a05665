"""The simulation finds by itself each mistake with which several nodes lose or double text: it is put back in, and some seed fails."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Collection, Sequence
from typing import Any, Final

import pytest

from jpterm_like.storage import fenced
from jpterm_like.storage.base import (
    IsNewer,
    Loaded,
    Store,
    StoreElsewhere,
    SyncFailed,
    nothing_is_newer,
)
from jpterm_like.storage.engine import Node, State, Write
from jpterm_like.storage.fenced import FencedStorage, FencedStore
from jpterm_like.storage.memory_engine import MemoryEngine
from jpterm_like.sync.log import Cursor
from tests.nodes import cluster, weather
from tests.nodes.test_cluster import run
from tests.nodes.test_relays import echo

SEEDS = range(400)
"""Among which one has to find the mistake."""

FOUND: Final = (
    "something called stored is not in the database",
    "the owner lacks something that is in the database",
)


def first_that_fails() -> tuple[int, str]:
    """The first seed that finds something, and what."""
    for seed in SEEDS:
        try:
            run(seed)
        except AssertionError as problem:
            return seed, str(problem)
    pytest.fail(f"{len(SEEDS)} clusters found nothing")


def test_an_echo_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """What came from a side is sent back to it where it lay between others, and logged as new there."""

    def leaves_out(self: Cursor, origins: Collection[object]) -> bool:
        return self.origin is not None and set(origins) == {self.origin}

    def take_repeated(self: Any) -> None:
        return None

    monkeypatch.setattr(Cursor, "leaves_out", leaves_out)
    monkeypatch.setattr("crdt.TextBuffer.take_repeated", take_repeated)
    typed, between = echo(seed=2)
    assert between > 2 * typed, (typed, between)


def test_an_append_without_the_lock_of_the_row_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A statement looks at the fence, and writes later: another node takes the document in between, and reads the log before the write."""
    write = MemoryEngine.write
    takes_long: list[bool] = []
    took_s = [0.0]

    def write_later(self: MemoryEngine, writes: Sequence[Write]) -> set[int]:
        if not takes_long:
            return write(self, writes)
        with self._reached() as content:
            rows = {it.document: self._row(content, it.document, it.fence) for it in writes}
            allowed = [
                it for it in writes if (row := rows[it.document]) is not None and row.head == it.before
            ]

        def finish() -> None:
            for it in allowed:
                row = self._database.content.rows.get(it.document)
                if row is not None:
                    row.log += it.entries
                    row.head = max(row.head, it.after)

        took_s.append(random.choice((0.1, 0.1, 8.0)))  # a replica is silent
        asyncio.get_running_loop().call_later(took_s[-1], finish)
        return {it.document for it in allowed}

    async def sync(self: cluster.SlowStorage, stores: Sequence[Store]) -> None:
        await self._of.pause()
        takes_long.append(True)
        failures = self.commit([store for store in stores if isinstance(store, FencedStore)])
        takes_long.pop()
        await asyncio.sleep(took_s[-1] + 0.01)  # it is acknowledged once it is written
        await self._of.pause()
        if failures:
            raise SyncFailed(failures)

    monkeypatch.setattr(MemoryEngine, "write", write_later)
    monkeypatch.setattr(cluster.SlowStorage, "sync", sync)
    _, problem = first_that_fails()
    assert problem in FOUND


def test_reading_the_log_before_the_document_is_taken_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node reads while the owner still owns, and takes the document with what it has read then."""
    read: dict[tuple[int, str], Loaded] = {}
    open_store = FencedStorage.open
    load = FencedStore.load

    def open_(self: FencedStorage, name: str) -> FencedStore:
        try:
            return open_store(self, name)
        except StoreElsewhere:
            state = self.engine.state(name.encode())
            if state is not None:
                read[id(self), name] = fenced._read(self.engine, state, name)
            raise

    def load_(self: FencedStore, is_newer: IsNewer = nothing_is_newer) -> Loaded:
        early = read.pop((id(self._storage), self.name), None)
        return load(self, is_newer) if early is None else early

    monkeypatch.setattr(FencedStorage, "open", open_)
    monkeypatch.setattr(FencedStore, "load", load_)
    _, problem = first_that_fails()
    assert problem in FOUND


def test_a_counter_as_a_fence_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database goes back, and another node counts up to the very fence that the former owner has."""
    take = MemoryEngine.take

    def counted(self: MemoryEngine, name: bytes, node: str, fence: int) -> State | Node:
        content = self._database.content
        document = self._find(content, name)
        before = 0 if document is None else content.rows[document].fence
        found = take(self, name, node, before + 1)
        chosen[0] = before + 1
        return found

    chosen = [0]
    init = FencedStore.__init__

    def begin(self: FencedStore, storage: FencedStorage, name: str, state: State, fence: int) -> None:
        init(self, storage, name, state, chosen[0] if fence > 0 else fence)

    def row_at(self: MemoryEngine, content: Any, write: Write) -> Any:
        row = self._row(content, write.document, write.fence)
        if row is not None:
            row.head, row.changed_at = write.after, self._database.clock()
        return row

    monkeypatch.setattr(MemoryEngine, "take", counted)
    monkeypatch.setattr(FencedStore, "__init__", begin)
    monkeypatch.setattr(MemoryEngine, "_row_at", row_at)  # the head finds it, too
    heavy = {
        **weather.WEIGHTS,
        "database_goes_back": 6,
        "replicated": 6,
        "node_stopped": 8,
        "node_continued": 8,
    }
    monkeypatch.setattr(weather, "WEIGHTS", heavy)
    first_that_fails()


def test_an_acknowledgement_by_the_clock_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that was heard of a second ago believes that it owns the document, and calls stored what is on its way to the database."""

    async def sync(self: cluster.SlowStorage, stores: Sequence[Store]) -> None:
        self._of._start(original_sync(self, stores))

    original_sync = cluster.SlowStorage.sync
    monkeypatch.setattr(cluster.SlowStorage, "sync", sync)
    _, problem = first_that_fails()
    assert problem in FOUND
