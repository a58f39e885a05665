"""The storage on PostgreSQL: what every storage does, what every shared one does, and what only this one can get wrong."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import psycopg
import pytest

from jpterm_like.errors import JptermError
from jpterm_like.postgres import schema
from jpterm_like.postgres.address import database_address, shown_address
from jpterm_like.postgres.connection import Connection, Watchdog
from jpterm_like.postgres.engine import PostgresEngine
from jpterm_like.storage import Record
from jpterm_like.storage.engine import Entry, State, Unreachable, Write
from jpterm_like.storage.fenced import FencedStorage
from tests.postgres.cluster import Cluster
from tests.storage.conformance import StorageConformance, records
from tests.storage.fencing import Fencing, NewNode

T = TypeVar("T")
WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name = 'jpterm-like'"
"""Which connections of nodes wait for a replica."""


def wait_for(look: Callable[[], T]) -> T:
    """Look until there is something, and return it."""
    deadline = time.monotonic() + 20
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)  # the database tells nobody of this
    return found


class Nodes:
    """Nodes on one database, all closed at the end."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.opened: list[FencedStorage] = []

    def __call__(self, inner: str = "") -> FencedStorage:
        storage = FencedStorage(PostgresEngine(self.address), inner, beats=False)
        storage.beat()
        self.opened.append(storage)
        return storage


@pytest.fixture
def node(database: str) -> Iterator[Nodes]:
    nodes = Nodes(database)
    yield nodes
    for storage in nodes.opened:
        storage.close()


class TestConformance(StorageConformance):
    @pytest.fixture
    def storage(self, node: Nodes) -> FencedStorage:
        return node()

    @pytest.fixture(autouse=True)
    def keep_nodes(self, node: Nodes) -> None:
        self.node = node

    def reopened(self, storage: FencedStorage) -> FencedStorage:  # type: ignore[override]
        storage.engine.leave(storage.node.id)
        return self.node()


class TestFencing(Fencing):
    @pytest.fixture
    def node(self, database: str) -> Iterator[NewNode]:  # type: ignore[override]
        nodes = Nodes(database)
        yield nodes
        for storage in nodes.opened:
            storage.close()

    @pytest.fixture
    def end_leases(self, cluster: Cluster) -> Callable[[], None]:
        return lambda: (
            cluster.sql("UPDATE jp_node SET until = jp_now() - interval '1 s'", "jp"),
            None,
        )[1]


# Mistakes that lose text or double it


def held_row(address: str, document: int) -> psycopg.Connection[tuple[object, ...]]:
    """A transaction that holds the row of a document, as a write under way does."""
    other = psycopg.connect(address)
    other.execute("UPDATE jp_doc SET head = head WHERE id = %s", (document,))
    return other


def test_mistake_a_document_is_taken_before_a_write_under_way_is_seen(node: Nodes, database: str) -> None:
    """Without the row lock the new owner reads a log that lacks it, and its next snapshot removes what it never read."""
    engine = node().engine
    state = engine.take(b"notes.md", "one", 5)
    assert isinstance(state, State)
    with held_row(database, state.document) as writing, ThreadPoolExecutor(1) as threads:
        writing.execute("UPDATE jp_doc SET head = 1 WHERE id = %s", (state.document,))
        writing.execute("INSERT INTO jp_log VALUES (%s, 1, 1, 'late')", (state.document,))
        other = node().engine
        taking = threads.submit(other.take, b"notes.md", "two", 6)
        time.sleep(0.3)  # a statement that does not wait is done in some milliseconds
        assert not taking.done(), "it waits for the write"
        writing.commit()
        taken = taking.result(5)
        assert isinstance(taken, State) and taken.head == 1
        assert other.log(taken.document, 0) == [Entry(1, 1, b"late")]


def test_mistake_a_write_goes_on_after_the_document_was_taken(node: Nodes, database: str) -> None:
    """It waited for the row while another node took the document; it looks at the fence again."""
    engine = node().engine
    state = engine.take(b"notes.md", "one", 5)
    assert isinstance(state, State)
    with held_row(database, state.document) as taking, ThreadPoolExecutor(1) as threads:
        taking.execute("UPDATE jp_doc SET fence = 6, node = 'two' WHERE id = %s", (state.document,))
        write = Write(state.document, 5, 0, 1, [Entry(1, 1, b"ghost")])
        writing = threads.submit(engine.write, [write])
        time.sleep(0.3)  # a statement that does not wait is done in some milliseconds
        assert not writing.done()
        taking.commit()
        assert writing.result(5) == set()
    assert engine.log(state.document, 0) == []


def test_mistake_a_commit_that_is_not_on_the_replica_is_called_stored(
    node: Nodes, cluster: Cluster, database: str
) -> None:
    """PostgreSQL reports a commit whose wait for the replica was cancelled as done, with a warning and nothing else."""
    storage = node()
    store = storage.open("notes.md")
    store.append(records(b"a"))
    cluster.configure("synchronous_standby_names = 'nobody'")
    cluster.reload()
    try:
        with ThreadPoolExecutor(1) as threads:
            syncing = threads.submit(store.sync)
            found = wait_for(lambda: cluster.sql(WAITING))
            assert not syncing.done()
            cluster.sql(f"SELECT pg_cancel_backend({found[0][0]})")
            with pytest.raises(Unreachable, match="its replica may not"):
                syncing.result(10)
        assert cluster.sql("SELECT data FROM jp_log", "jp") == [(b"a",)], "it is visible all the same"
        with ThreadPoolExecutor(1) as threads:
            # What was found there is called stored only by a commit that comes after it.
            again = threads.submit(store.sync)
            wait_for(lambda: cluster.sql(WAITING))
            assert not again.done()
            cluster.configure("synchronous_standby_names = ''")
            cluster.reload()
            again.result(10)
    finally:
        cluster.configure("synchronous_standby_names = ''")
        cluster.reload()
    assert store.load().records == records(b"a")


def test_mistake_a_document_is_read_before_the_lease_is_on_the_replica(node: Nodes, cluster: Cluster) -> None:
    """What is read then could be called stored although the replica lacks it. So taking waits for the replica."""
    cluster.configure("synchronous_standby_names = 'nobody'")
    cluster.reload()
    try:
        storage = node()
        with ThreadPoolExecutor(1) as threads:
            opening = threads.submit(storage.open, "notes.md")
            wait_for(lambda: cluster.sql(WAITING))
            assert not opening.done()
            storage.beat()  # which concerns this server alone
            cluster.configure("synchronous_standby_names = ''")
            cluster.reload()
            assert opening.result(10).load().records == []
    finally:
        cluster.configure("synchronous_standby_names = ''")
        cluster.reload()


def test_mistake_a_stopped_node_holds_a_document_in_a_transaction(node: Nodes, cluster: Cluster) -> None:
    """Every write is one statement, so no node leaves a transaction open between two of them."""
    storage = node()
    store = storage.open("notes.md")
    store.append(records(b"a"))
    store.snapshot(records(b"A"), lambda read: True)
    store.write_blob("base", b"a")
    found = cluster.sql(
        "SELECT state FROM pg_stat_activity WHERE application_name = 'jpterm-like' AND datname = 'jp'"
    )
    assert found and {state for (state,) in found} == {"idle"}


# The line to the database


def test_a_statement_ends_at_its_deadline_whatever_the_network_does(database: str, cluster: Cluster) -> None:
    """A stopped process stands for a line that swallows everything: its system acknowledges, and nothing comes back."""
    watchdog = Watchdog()
    connection = Connection(database_address(database), watchdog)
    try:
        [(pid,)] = connection.ask("SELECT pg_backend_pid()", {})
        os.kill(pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            with pytest.raises(Unreachable):
                connection.write("SELECT 1", {})
            took_s = time.monotonic() - began
        finally:
            os.kill(pid, signal.SIGCONT)
        assert 2.5 < took_s < 5
        assert connection.ask("SELECT 1", {}) == [(1,)], "the next one has another connection"
    finally:
        connection.close()
        watchdog.close()


def test_after_a_restart_of_the_database_everything_goes_on(node: Nodes, cluster: Cluster) -> None:
    storage = node()
    store = storage.open("notes.md")
    store.append(records(b"a"))
    store.sync()
    cluster.restart("immediate")
    store.append(records(b"b"))
    with pytest.raises(Unreachable):
        store.sync()
    store.sync()
    storage.beat()
    assert store.load().records == records(b"a", b"b")
    assert storage.engine.reconnects >= 2  # type: ignore[attr-defined]


def test_the_lease_is_renewed_by_a_thread_of_its_own(database: str, cluster: Cluster) -> None:
    storage = FencedStorage(PostgresEngine(database), lease_s=0.6)
    try:
        looks = "SELECT count(*), min(until) FROM jp_node WHERE until > jp_now()"
        [(count, first)] = cluster.sql(looks, "jp")
        assert count == 1
        deadline = time.monotonic() + 10
        while cluster.sql(looks, "jp")[0][1] == first:
            assert time.monotonic() < deadline
            time.sleep(0.05)  # the row changes at the next beat, of which nobody tells
    finally:
        storage.close()
    assert cluster.sql("SELECT id FROM jp_node", "jp") == [], "a node that ends is gone at once"


def test_a_hundred_documents_are_one_commit(node: Nodes, cluster: Cluster) -> None:
    storage = node()
    stores = [storage.open(f"{number}.md") for number in range(100)]
    for store in stores:
        store.append([Record(1, b"x" * 160)])
    before = cluster.sql("SELECT pg_current_wal_lsn()")[0][0]
    assert storage.commit(stores) == []
    assert storage.figures["commits_total"] == 1 and storage.figures["commit_rows_total"] == 100
    [(written,)] = cluster.sql(f"SELECT pg_current_wal_lsn() - '{before}'::pg_lsn")
    assert written > 100 * 160
    assert [store.load().records for store in stores] == [[Record(1, b"x" * 160)]] * 100


def test_a_long_snapshot_goes_in_parts(node: Nodes) -> None:
    storage = node()
    store = storage.open("notes.md")
    long = [Record(1, bytes([number]) * 3_000_000) for number in range(7)]
    store.append(records(b"a"))
    store.snapshot(long, lambda read: list(read) == long)
    store.close()
    assert storage.open("notes.md").load().records == long


def test_appending_does_not_wait_for_the_database(node: Nodes, database: str) -> None:
    storage = node()
    store = storage.open("notes.md")
    with held_row(database, store.document) as holding:
        syncing = threading.Thread(target=storage.commit, args=([store],))
        store.append(records(b"a"))
        syncing.start()
        time.sleep(0.1)  # by now the thread waits for the row
        began = time.monotonic()
        store.append(records(b"b"))
        assert time.monotonic() - began < 0.1
        holding.rollback()
        syncing.join()
    store.sync()
    assert store.load().records == records(b"a", b"b")


# Schema and address


def test_a_database_without_tables_is_named_and_migrated_once(cluster: Cluster) -> None:
    cluster.sql("CREATE DATABASE untouched")
    address = cluster.address("untouched")
    with pytest.raises(JptermError, match="jpterm-like migrate"):
        PostgresEngine(address)
    assert schema.migrate(address) == list(range(1, schema.SCHEMA + 1))
    assert schema.migrate(address) == []
    PostgresEngine(address).close()


def test_a_newer_schema_is_used_while_it_allows_that_and_refused_afterwards(
    cluster: Cluster, database: str
) -> None:
    """A release adds, and the next one takes away: so two that follow each other share a database."""
    newer = schema.SCHEMA + 1
    try:
        cluster.sql(f"UPDATE jp_meta SET schema = {newer}", "jp")
        PostgresEngine(database).close()
        assert schema.migrate(database) == []
        cluster.sql(f"UPDATE jp_meta SET oldest = {newer}", "jp")
        for act in (PostgresEngine, schema.migrate):
            with pytest.raises(JptermError, match="newer release"):
                act(database)
    finally:
        cluster.sql(f"UPDATE jp_meta SET schema = {schema.SCHEMA}, oldest = 1", "jp")


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("postgresql://ann@one:5433,two:5434/db", "postgresql://ann@one:5433,two:5434/db"),
        ("host=one,two port=5433 dbname=db", "postgresql://one:5433,two:5433/db"),
        ("postgresql://host/db?sslmode=require", "postgresql://host/db"),
        ("postgresql:///db", "postgresql:///db"),
    ],
)
def test_an_address_is_shown_with_its_ports(written: str, shown: str) -> None:
    assert shown_address(written) == shown


def test_a_password_in_an_address_is_refused_and_never_shown() -> None:
    for written in ("postgresql://me:s3cret@host/db", "postgresql://me@host/db?password=s3cret"):
        with pytest.raises(JptermError, match="PGPASSFILE") as caught:
            database_address(written)
        assert "s3cret" not in str(caught.value) and "s3cret" not in shown_address(written)
    with pytest.raises(JptermError) as caught:
        database_address("postgresql://me:s3cret@host/db?nonsense=1")
    assert "s3cret" not in str(caught.value)


def test_what_cannot_be_reached_is_said_in_a_sentence() -> None:
    with pytest.raises(JptermError, match=r"postgresql://me@127\.0\.0\.1:1/db cannot be reached"):
        PostgresEngine("postgresql://me@127.0.0.1:1/db")
