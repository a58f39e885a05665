"""The tables, and how they change from release to release.

`jp_meta` says the number of the schema, and the oldest number that a program must know to use it. A release may add to the schema
(`oldest` stays: nodes of the release before go on), and only the next one may take away what none uses any more (`oldest` rises). So
nodes of two releases that follow each other share a database, and a node that is too old for it refuses to start. Only `migrate`
changes the schema, never the start of a node.
"""

from __future__ import annotations

import secrets
from typing import Any, Final, NamedTuple

import psycopg

from jpterm_like.errors import JptermError
from jpterm_like.postgres.address import database_address, shown_address
from jpterm_like.postgres.connection import sentence_of


class Step(NamedTuple):
    """What makes a schema of the one before."""

    oldest: int
    """The oldest number that a program must know to use the schema."""
    sql: str


STEPS: Final = (
    Step(
        1,
        """
        CREATE FUNCTION jp_now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT now()';
        CREATE TABLE jp_node (
            id text PRIMARY KEY, address text NOT NULL, version text NOT NULL, secret_hash text NOT NULL, is_draining bool NOT NULL,
            until timestamptz NOT NULL
        ) WITH (fillfactor = 50);
        CREATE TABLE jp_doc (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, hash bytea NOT NULL, name bytea NOT NULL, is_aside bool NOT NULL DEFAULT false,
            node text, fence bigint NOT NULL DEFAULT 0, head bigint NOT NULL DEFAULT 0, changed_at timestamptz NOT NULL DEFAULT now(),
            newest bigint, newest_upto bigint, before bigint, before_upto bigint
        ) WITH (fillfactor = 50);
        CREATE UNIQUE INDEX jp_doc_hash ON jp_doc (hash) WHERE NOT is_aside;
        CREATE TABLE jp_log (doc bigint, seq bigint, kind smallint NOT NULL, data bytea NOT NULL, PRIMARY KEY (doc, seq));
        ALTER TABLE jp_log ALTER data SET STORAGE EXTERNAL;
        CREATE TABLE jp_snap (doc bigint, snapshot bigint, part int, data bytea NOT NULL, PRIMARY KEY (doc, snapshot, part));
        ALTER TABLE jp_snap ALTER data SET STORAGE EXTERNAL;
        CREATE TABLE jp_blob (doc bigint, name text, data bytea NOT NULL, PRIMARY KEY (doc, name));
        CREATE VIEW jp_text AS
            SELECT convert_from(d.name, 'UTF8') AS name, b.data, d.changed_at FROM jp_doc d JOIN jp_blob b ON b.doc = d.id
            WHERE b.name = 'base' AND NOT d.is_aside;
        CREATE TABLE jp_token (
            id text PRIMARY KEY, hash text NOT NULL, role text NOT NULL, pad text NOT NULL, made_at float8 NOT NULL, expires_at float8
        );
        """,
    ),
)
SCHEMA: Final = len(STEPS)
"""The number of the schema that this release makes, and the newest that it knows."""
LEAST: Final = 1
"""The oldest schema that this release can use."""


def check_schema(found: tuple[int, int] | None, shown: str) -> None:
    """Check the number of a schema, and the oldest number that a program must know for it.

    Raises:
        JptermError: this release cannot use it.
    """
    if found is None:
        raise JptermError(
            f"{shown} has no tables of jpterm-like yet: make them with 'jpterm-like migrate --store …'."
        )
    number, oldest = found
    if oldest > SCHEMA:
        raise JptermError(
            f"{shown} was made for a newer release of jpterm-like (schema {number}, this one knows {SCHEMA}); update it."
        )
    if number < LEAST:
        raise JptermError(
            f"{shown} is too old for this release (schema {number}): run 'jpterm-like migrate --store …' first."
        )


def check_database(written: str) -> str:
    """Return what psycopg connects to, of a database that this release can use.

    Raises:
        JptermError: it cannot be reached, or has another schema than this release needs.
    """
    waiting, shown = database_address(written), shown_address(written)
    try:
        with psycopg.connect(waiting, autocommit=True) as connection:
            found = schema_of(connection)
    except psycopg.Error as problem:
        raise JptermError(f"{shown} cannot be reached: {sentence_of(problem)}.") from problem
    check_schema(found, shown)
    return waiting


def schema_of(connection: psycopg.Connection[Any]) -> tuple[int, int] | None:
    """Return the number of the schema of a database, and the oldest that a program must know; None if it has none."""
    if connection.execute("SELECT to_regclass('jp_meta')").fetchone() == (None,):
        return None
    number, oldest = connection.execute("SELECT schema, oldest FROM jp_meta").fetchone() or (0, 0)
    return int(number), int(oldest)


def migrate(written: str) -> list[int]:
    """Bring a database to the schema of this release, all or nothing; return the numbers of the steps that were made.

    Raises:
        JptermError: it cannot be reached, it refused, or it is newer.
    """
    shown = shown_address(written)
    try:
        with psycopg.connect(database_address(written)) as connection:
            # One of several that start at once; the others find nothing left to do.
            connection.execute("SELECT pg_advisory_xact_lock(7120418)")
            found = schema_of(connection)
            if found is None:
                connection.execute(
                    "CREATE TABLE jp_meta (schema int NOT NULL, oldest int NOT NULL, identity bytea NOT NULL)"
                )
                connection.execute("INSERT INTO jp_meta VALUES (0, 0, %s)", (secrets.token_bytes(16),))
            elif found[1] > SCHEMA:
                check_schema(found, shown)
            at = found[0] if found else 0
            made = list(range(at + 1, SCHEMA + 1))
            for number in made:
                step = STEPS[number - 1]
                connection.execute(step.sql.encode())
                connection.execute("UPDATE jp_meta SET schema = %s, oldest = %s", (number, step.oldest))
            return made
    except psycopg.Error as problem:
        raise JptermError(f"{shown} was not migrated: {sentence_of(problem)}.") from problem
