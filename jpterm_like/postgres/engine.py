"""`storage.engine.Engine` on PostgreSQL. Each method that writes is one statement and one commit, so a node that is stopped within it leaves no
transaction open that others would wait for; the server finishes it or does not.

Nothing here needs NOTIFY, advisory locks or sessions that last: commits with NOTIFY wait for each other in the whole instance, and a
session's lock is never given up by a node that stands still.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from jpterm_like.postgres.address import database_address
from jpterm_like.postgres.connection import READING_S, Connection, Watchdog
from jpterm_like.postgres.schema import check_database
from jpterm_like.storage.engine import (
    Entry,
    Generation,
    NewDocument,
    Node,
    State,
    Unreachable,
    Usage,
    Write,
)

PARTS: Final = 8
"""Parts of a snapshot that one statement reads or writes, some MiB."""
LOG_ROWS: Final = 5_000
"""Entries that one statement reads."""
TAKE_TRIES: Final = 5
"""How often a document is asked for whose owner's lease ends just then, or that somebody else makes."""
FORGET: Final = "1 day"
"""How long a node that has ended stays in its table, for people to read."""

_CONTENT: Final = """(d.newest IS NOT NULL OR EXISTS (SELECT FROM jp_log l WHERE l.doc = d.id)
    OR EXISTS (SELECT FROM jp_blob b WHERE b.doc = d.id))"""
_STATE: Final = "id, head, newest, newest_upto, before, before_upto"
_NODE: Final = "n.id, n.address, n.version, n.is_draining, n.secret_hash"

_BEAT: Final = """
    WITH former AS (SELECT until > jp_now() AS lasts FROM jp_node WHERE id = %(id)s)
    INSERT INTO jp_node (id, address, version, secret_hash, is_draining, until)
        VALUES (%(id)s, %(address)s, %(version)s, %(secret)s, %(draining)s, jp_now() + %(seconds)s * interval '1 second')
    ON CONFLICT (id) DO UPDATE SET until = excluded.until, is_draining = excluded.is_draining
    RETURNING coalesce((SELECT lasts FROM former), false)"""

# It waits for a write that is under way, because that holds the row.
_TAKE: Final = f"""
    UPDATE jp_doc SET fence = %(fence)s, node = %(node)s
    WHERE hash = %(hash)s AND NOT is_aside
        AND (node IS NULL OR node = %(node)s OR NOT EXISTS (SELECT FROM jp_node n WHERE n.id = jp_doc.node AND n.until > jp_now()))
    RETURNING {_STATE}"""
_MAKE: Final = f"""
    INSERT INTO jp_doc (hash, name, fence, node) VALUES (%(hash)s, %(name)s, %(fence)s, %(node)s)
    ON CONFLICT (hash) WHERE NOT is_aside DO NOTHING RETURNING {_STATE}"""
_OWNER: Final = f"""
    SELECT {_NODE} FROM jp_doc d JOIN jp_node n ON n.id = d.node
    WHERE d.hash = %(hash)s AND NOT d.is_aside AND n.until > jp_now()"""

# The row lock is taken before the head is looked at, in the order of the ids. Without it another node could take the document and read the log
# before this commit, and its next snapshot would remove entries that it never read.
_WRITE: Final = """
    WITH locked AS MATERIALIZED (
        SELECT d.id, w.after FROM unnest(%(docs)s::bigint[], %(fences)s::bigint[], %(befores)s::bigint[], %(afters)s::bigint[])
            AS w (doc, fence, before, after)
        JOIN jp_doc d ON d.id = w.doc AND d.fence = w.fence AND d.head = w.before ORDER BY d.id FOR NO KEY UPDATE OF d
    ), mine AS (
        UPDATE jp_doc SET head = locked.after, changed_at = jp_now() FROM locked WHERE jp_doc.id = locked.id RETURNING jp_doc.id
    ), put AS (
        INSERT INTO jp_log SELECT e.doc, e.seq, e.kind, e.data FROM mine
        JOIN unnest(%(entry_docs)s::bigint[], %(seqs)s::bigint[], %(kinds)s::smallint[], %(data)s::bytea[])
            AS e (doc, seq, kind, data) ON e.doc = mine.id
    ), noted AS (
        INSERT INTO jp_blob SELECT b.doc, b.name, b.data FROM mine
        JOIN unnest(%(blob_docs)s::bigint[], %(blob_names)s::text[], %(blobs)s::bytea[]) AS b (doc, name, data) ON b.doc = mine.id
        ON CONFLICT (doc, name) DO UPDATE SET data = excluded.data
    )
    SELECT id FROM mine"""
# It changes nothing, and is a commit all the same: what is read in it is on the replica once it has returned.
_CONFIRM: Final = """
    WITH locked AS MATERIALIZED (
        SELECT d.id FROM unnest(%(docs)s::bigint[], %(fences)s::bigint[]) AS w (doc, fence)
        JOIN jp_doc d ON d.id = w.doc AND d.fence = w.fence ORDER BY d.id FOR NO KEY UPDATE OF d
    )
    UPDATE jp_doc SET changed_at = changed_at FROM locked WHERE jp_doc.id = locked.id RETURNING jp_doc.id, jp_doc.head"""
_PARTS: Final = """
    WITH mine AS MATERIALIZED (SELECT id FROM jp_doc WHERE id = %(doc)s AND fence = %(fence)s FOR NO KEY UPDATE), put AS (
        INSERT INTO jp_snap SELECT mine.id, %(snapshot)s, %(first)s + p.number - 1, p.data
        FROM mine, unnest(%(parts)s::bytea[]) WITH ORDINALITY AS p (data, number)
    )
    SELECT id FROM mine"""
_AT: Final = "WHERE id = %(doc)s AND fence = %(fence)s AND head = %(before)s"
_USE: Final = f"""
    WITH mine AS (
        UPDATE jp_doc SET head = %(after)s, changed_at = jp_now(), newest = %(snapshot)s, newest_upto = %(upto)s, before = newest,
            before_upto = newest_upto {_AT} RETURNING id, before, before_upto
    ), entries AS (
        DELETE FROM jp_log USING mine WHERE jp_log.doc = mine.id AND jp_log.seq <= mine.before_upto
    ), parts AS (
        DELETE FROM jp_snap USING mine
        WHERE jp_snap.doc = mine.id AND jp_snap.snapshot <> %(snapshot)s AND jp_snap.snapshot IS DISTINCT FROM mine.before
    )
    SELECT id FROM mine"""
_CLEAR: Final = f"""
    WITH mine AS (
        UPDATE jp_doc SET head = %(after)s, changed_at = jp_now(), newest = NULL, newest_upto = NULL, before = NULL, before_upto = NULL
            {_AT} RETURNING id
    ), entries AS (DELETE FROM jp_log USING mine WHERE jp_log.doc = mine.id
    ), parts AS (DELETE FROM jp_snap USING mine WHERE jp_snap.doc = mine.id)
    SELECT id FROM mine"""
_DELETE: Final = """
    WITH mine AS (DELETE FROM jp_doc WHERE id = %(doc)s AND fence = %(fence)s RETURNING id
    ), entries AS (DELETE FROM jp_log USING mine WHERE jp_log.doc = mine.id
    ), parts AS (DELETE FROM jp_snap USING mine WHERE jp_snap.doc = mine.id
    ), blobs AS (DELETE FROM jp_blob USING mine WHERE jp_blob.doc = mine.id)
    SELECT id FROM mine"""
_CREATE: Final = """
    WITH made AS (
        INSERT INTO jp_doc (hash, name, head) SELECT * FROM unnest(%(hashes)s::bytea[], %(names)s::bytea[], %(heads)s::bigint[])
        ON CONFLICT (hash) WHERE NOT is_aside DO NOTHING RETURNING id, hash, name
    ), put AS (
        INSERT INTO jp_log SELECT made.id, e.seq, e.kind, e.data FROM made
        JOIN unnest(%(entry_hashes)s::bytea[], %(seqs)s::bigint[], %(kinds)s::smallint[], %(data)s::bytea[])
            AS e (hash, seq, kind, data) ON e.hash = made.hash
    ), noted AS (
        INSERT INTO jp_blob SELECT made.id, b.name, b.data FROM made
        JOIN unnest(%(blob_hashes)s::bytea[], %(blob_names)s::text[], %(blobs)s::bytea[]) AS b (hash, name, data) ON b.hash = made.hash
    )
    SELECT name FROM made"""


class PostgresEngine:
    """See `storage.engine.Engine`.

    Args:
        written: the address of the database, without a password.
    """

    def __init__(self, written: str) -> None:
        """
        Raises:
            JptermError: the database cannot be reached, or has another schema than this release needs.
        """
        waiting = check_database(written)
        self._watchdog = Watchdog()
        # Three, so that neither a lease nor a commit waits until a long history was read.
        self._leases = Connection(database_address(written, waits_for_replica=False), self._watchdog)
        self._commits = Connection(waiting, self._watchdog)
        self._others = Connection(waiting, self._watchdog)

    @property
    def reconnects(self) -> int:
        """How often a connection was opened again."""
        return sum(max(0, it.reconnects - 1) for it in (self._leases, self._commits, self._others))

    # Nodes and leases

    def beat(self, node: Node, lease_s: float) -> bool:
        facts = {
            "id": node.id,
            "address": node.address,
            "version": node.version,
            "secret": node.secret_hash,
            "draining": node.is_draining,
            "seconds": lease_s,
        }
        return bool(self._leases.ask(_BEAT, facts)[0][0])

    def leave(self, node: str) -> None:
        self._leases.ask("DELETE FROM jp_node WHERE id = %(node)s", {"node": node})
        self._leases.ask("DELETE FROM jp_node WHERE until < jp_now() - %(age)s::interval", {"age": FORGET})

    def nodes(self) -> list[Node]:
        found = self._leases.ask(f"SELECT {_NODE} FROM jp_node n WHERE n.until > jp_now() ORDER BY n.id", {})
        return [Node(*row) for row in found]

    def take(self, name: bytes, node: str, fence: int) -> State | Node:
        facts = {"hash": _hash(name), "name": name, "node": node, "fence": fence}
        for _ in range(TAKE_TRIES):
            for sql in (_TAKE, _MAKE):
                if found := self._others.ask(sql, facts, commits=True):
                    return _state(found[0])
                if sql is _TAKE and (owner := self._others.ask(_OWNER, facts)):
                    return Node(*owner[0])
        raise Unreachable("The document changes hands all the time.")

    def release(self, document: int, fence: int) -> None:
        facts = {"doc": document, "fence": fence}
        self._others.ask("UPDATE jp_doc SET node = NULL WHERE id = %(doc)s AND fence = %(fence)s", facts)
        self._others.ask(
            f"DELETE FROM jp_doc d WHERE d.id = %(doc)s AND d.fence = %(fence)s AND d.node IS NULL AND NOT {_CONTENT}",
            facts,
        )

    def owner(self, name: bytes) -> Node | None:
        found = self._others.ask(_OWNER, {"hash": _hash(name)})
        return Node(*found[0]) if found else None

    # Writing

    def write(self, writes: Sequence[Write]) -> set[int]:
        entries = [(write.document, entry) for write in writes for entry in write.entries]
        blobs = [(write.document, *blob) for write in writes for blob in write.blobs.items()]
        facts = {
            "docs": [write.document for write in writes],
            "fences": [write.fence for write in writes],
            "befores": [write.before for write in writes],
            "afters": [write.after for write in writes],
            "entry_docs": [document for document, _ in entries],
            "seqs": [entry.number for _, entry in entries],
            "kinds": [entry.kind for _, entry in entries],
            "data": [entry.payload for _, entry in entries],
            "blob_docs": [document for document, _, _ in blobs],
            "blob_names": [name for _, name, _ in blobs],
            "blobs": [data for _, _, data in blobs],
        }
        return {document for (document,) in self._commits.write(_WRITE, facts)}

    def confirm(self, fences: Mapping[int, int]) -> dict[int, int]:
        facts = {"docs": list(fences.keys()), "fences": list(fences.values())}
        return dict(self._commits.ask(_CONFIRM, facts, commits=True))

    def write_parts(self, document: int, fence: int, snapshot: int, parts: Sequence[bytes]) -> bool:
        for first in range(0, len(parts), PARTS):
            facts = {
                "doc": document,
                "fence": fence,
                "snapshot": snapshot,
                "first": first,
                "parts": list(parts[first : first + PARTS]),
            }
            if not self._others.write(_PARTS, facts):
                return False
        return True

    def use_snapshot(self, write: Write, newest: Generation) -> bool:
        return bool(self._commits.write(_USE, {**_at(write), "snapshot": newest.number, "upto": newest.upto}))

    def drop_parts(self, document: int, snapshot: int) -> None:
        self._others.ask(
            "DELETE FROM jp_snap WHERE doc = %(doc)s AND snapshot = %(snapshot)s",
            {"doc": document, "snapshot": snapshot},
        )

    def clear(self, write: Write) -> bool:
        return bool(self._commits.write(_CLEAR, _at(write)))

    def delete(self, document: int, fence: int) -> bool:
        return bool(self._commits.write(_DELETE, {"doc": document, "fence": fence}))

    def set_aside(self, document: int, fence: int) -> bool:
        sql = "UPDATE jp_doc SET is_aside = true, node = NULL WHERE id = %(doc)s AND fence = %(fence)s RETURNING id"
        return bool(self._commits.write(sql, {"doc": document, "fence": fence}))

    def create(self, new: Sequence[NewDocument]) -> set[bytes]:
        entries = [(_hash(each.name), entry) for each in new for entry in each.entries]
        blobs = [(_hash(each.name), *blob) for each in new for blob in each.blobs.items()]
        facts = {
            "hashes": [_hash(each.name) for each in new],
            "names": [each.name for each in new],
            "heads": [each.entries[-1].number if each.entries else 0 for each in new],
            "entry_hashes": [hashed for hashed, _ in entries],
            "seqs": [entry.number for _, entry in entries],
            "kinds": [entry.kind for _, entry in entries],
            "data": [entry.payload for _, entry in entries],
            "blob_hashes": [hashed for hashed, _, _ in blobs],
            "blob_names": [name for _, name, _ in blobs],
            "blobs": [data for _, _, data in blobs],
        }
        return {name for (name,) in self._commits.write(_CREATE, facts)}

    # Reading

    def state(self, name: bytes) -> State | None:
        found = self._others.ask(
            f"SELECT {_STATE} FROM jp_doc WHERE hash = %(hash)s AND NOT is_aside", {"hash": _hash(name)}
        )
        return _state(found[0]) if found else None

    def parts(self, document: int, snapshot: int) -> list[bytes]:
        parts: list[bytes] = []
        while True:
            found = self._others.ask(
                "SELECT data FROM jp_snap WHERE doc = %(doc)s AND snapshot = %(snapshot)s AND part >= %(first)s ORDER BY part LIMIT %(most)s",
                {"doc": document, "snapshot": snapshot, "first": len(parts), "most": PARTS},
                READING_S,
            )
            parts += (data for (data,) in found)
            if len(found) < PARTS:
                return parts

    def log(self, document: int, after: int, upto: int | None = None) -> list[Entry]:
        entries: list[Entry] = []
        while True:
            found = self._others.ask(
                "SELECT seq, kind, data FROM jp_log WHERE doc = %(doc)s AND seq > %(after)s AND (%(upto)s::bigint IS NULL OR seq <= %(upto)s) "
                "ORDER BY seq LIMIT %(most)s",
                {"doc": document, "after": after, "upto": upto, "most": LOG_ROWS},
                READING_S,
            )
            entries += (Entry(*row) for row in found)
            if len(found) < LOG_ROWS:
                return entries
            after = entries[-1].number

    def log_bytes(self, document: int, after: int) -> tuple[int, int]:
        sql = "SELECT count(*), coalesce(sum(octet_length(data)), 0)::bigint FROM jp_log WHERE doc = %(doc)s AND seq > %(after)s"
        count, size_bytes = self._others.ask(sql, {"doc": document, "after": after}, READING_S)[0]
        return count, size_bytes

    def blob(self, document: int, name: str) -> bytes | None:
        sql = "SELECT data FROM jp_blob WHERE doc = %(doc)s AND name = %(name)s"
        found = self._others.ask(sql, {"doc": document, "name": name}, READING_S)
        return found[0][0] if found else None

    def blobs(self, document: int) -> dict[str, bytes]:
        sql = "SELECT name, data FROM jp_blob WHERE doc = %(doc)s ORDER BY name"
        return dict(self._others.ask(sql, {"doc": document}, READING_S))

    def names(self, with_blob: str | None = None) -> list[bytes]:
        has = "EXISTS (SELECT FROM jp_blob b WHERE b.doc = d.id AND b.name = %(blob)s)"
        wanted = _CONTENT if with_blob is None else has
        sql = f"SELECT d.name FROM jp_doc d WHERE NOT d.is_aside AND {wanted}"
        return [name for (name,) in self._others.ask(sql, {"blob": with_blob}, READING_S)]

    def usage(self, document: int) -> Usage | None:
        sql = f"""
            SELECT (SELECT coalesce(sum(octet_length(data) + 13), 0) FROM jp_log WHERE doc = d.id)
                + (SELECT coalesce(sum(octet_length(data)), 0) FROM jp_snap WHERE doc = d.id)
                + (SELECT coalesce(sum(octet_length(data)), 0) FROM jp_blob WHERE doc = d.id),
                extract(epoch FROM d.changed_at)::float8, {_CONTENT}
            FROM jp_doc d WHERE d.id = %(doc)s"""
        found = self._others.ask(sql, {"doc": document}, READING_S)
        if not found or not found[0][2]:
            return None
        return Usage(int(found[0][0]), found[0][1])

    def close(self) -> None:
        for connection in (self._leases, self._commits, self._others):
            connection.close()
        self._watchdog.close()


def _hash(name: bytes) -> bytes:
    """What names are found by: an index takes no name of 4,096 bytes."""
    return hashlib.sha256(name).digest()


def _at(write: Write) -> dict[str, int]:
    return {"doc": write.document, "fence": write.fence, "before": write.before, "after": write.after}


def _state(row: Iterable[Any]) -> State:
    document, head, newest, newest_upto, before, before_upto = row
    return State(
        document,
        head,
        None if newest is None else Generation(newest, newest_upto),
        None if before is None else Generation(before, before_upto),
    )
