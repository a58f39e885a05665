"""What a database says of itself, for `doctor`: settings by which "stored" means less than people think, replicas, and leases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import psycopg

from jpterm_like.errors import JptermError
from jpterm_like.postgres.address import database_address, shown_address
from jpterm_like.postgres.connection import sentence_of
from jpterm_like.postgres.schema import check_schema, schema_of

SETTINGS: Final = (
    "server_version",
    "fsync",
    "full_page_writes",
    "synchronous_commit",
    "data_checksums",
    "synchronous_standby_names",
    "wal_retrieve_retry_interval",
)


class Replica(NamedTuple):
    name: str
    state: str
    is_synchronous: bool
    behind_bytes: int


class NodeLease(NamedTuple):
    id: str
    address: str
    version: str
    is_draining: bool
    left_s: float
    """Seconds until its lease ends; below 0: it has ended."""
    documents: int


@dataclass
class Facts:
    """See the module."""

    shown: str
    """The address, without anything secret."""
    schema: int
    settings: dict[str, str]
    replicas: list[Replica]
    nodes: list[NodeLease]
    documents: int
    log_bytes: int


def facts_of(written: str) -> Facts:
    """Ask a database.

    Raises:
        JptermError: it cannot be reached, or is not of this release.
    """
    shown = shown_address(written)
    try:
        with psycopg.connect(database_address(written), autocommit=True) as connection:
            found = schema_of(connection)
            check_schema(found, shown)
            assert found is not None

            def ask(sql: str) -> list[tuple[Any, ...]]:
                return connection.execute(sql.encode()).fetchall()

            settings = {name: str(ask(f"SELECT current_setting('{name}')")[0][0]) for name in SETTINGS}
            replicas = ask(
                "SELECT application_name, coalesce(state, 'hidden'), coalesce(sync_state, '') IN ('sync', 'quorum'), "
                "coalesce(pg_current_wal_lsn() - flush_lsn, 0)::bigint FROM pg_stat_replication ORDER BY 1"
            )
            nodes = ask(
                "SELECT n.id, n.address, n.version, n.is_draining, extract(epoch FROM n.until - jp_now())::float8, count(d.id) "
                "FROM jp_node n LEFT JOIN jp_doc d ON d.node = n.id GROUP BY n.id ORDER BY n.until DESC"
            )
            counts = ask("SELECT count(*), pg_total_relation_size('jp_log')::bigint FROM jp_doc")[0]
            return Facts(
                shown,
                found[0],
                settings,
                [Replica(*row) for row in replicas],
                [NodeLease(*row) for row in nodes],
                *counts,
            )
    except psycopg.Error as problem:
        raise JptermError(f"{shown} cannot be reached: {sentence_of(problem)}.") from problem
