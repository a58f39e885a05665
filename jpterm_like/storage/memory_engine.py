"""A database in memory that several nodes share, with a clock of its own and the failures of a real one. See `engine`.

`MemoryDatabase` is what all have in common; each node has a `MemoryEngine`, whose line to it can be cut, and whose answers can be lost.
`MemoryDatabase.copy` and `go_back` are a failover to a replica that lacks the last seconds, or a restored backup.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

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

FRAME_BYTES: Final = 13
"""What a record takes besides its payload, as in a folder."""


@dataclass
class _Row:
    """One document."""

    name: bytes
    fence: int = 0
    node: str | None = None
    head: int = 0
    newest: Generation | None = None
    before: Generation | None = None
    log: list[Entry] = field(default_factory=list)
    parts: dict[int, list[bytes]] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    changed_at: float = 0.0

    @property
    def is_empty(self) -> bool:
        return not self.log and not self.blobs and self.newest is None


@dataclass
class _Content:
    """Everything that a copy has."""

    rows: dict[int, _Row] = field(default_factory=dict)
    aside: list[_Row] = field(default_factory=list)
    nodes: dict[str, tuple[Node, float]] = field(default_factory=dict)
    """Each node, and until when its lease lasts."""
    last: int = 0
    """The number of the document that was made last."""


class MemoryDatabase:
    """The database itself.

    Args:
        clock: seconds; the only clock by which leases end.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.content = _Content()
        self.lock = threading.RLock()

    def copy(self) -> _Content:
        """Return everything that there is now."""
        with self.lock:
            return copy.deepcopy(self.content)

    def go_back(self, content: _Content) -> None:
        """Have what `copy` returned, and forget everything later."""
        with self.lock:
            self.content = copy.deepcopy(content)


class MemoryEngine:
    """See `engine.Engine`: one node's connection."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database
        self.is_cut = False
        """Whether nothing reaches the database."""
        self.answers_lost = 0
        """How many of the next writes are made without an answer."""

    # Nodes and leases

    def beat(self, node: Node, lease_s: float) -> bool:
        with self._reached() as content:
            had_lease = self._is_live(content, node.id)
            content.nodes[node.id] = node, self._database.clock() + lease_s
            return had_lease

    def leave(self, node: str) -> None:
        with self._reached() as content:
            content.nodes.pop(node, None)

    def nodes(self) -> list[Node]:
        with self._reached() as content:
            return sorted(node for id, (node, _) in content.nodes.items() if self._is_live(content, id))

    def take(self, name: bytes, node: str, fence: int) -> State | Node:
        with self._reached() as content:
            document = self._find(content, name)
            if document is None:
                document = content.last = content.last + 1
                content.rows[document] = _Row(name, changed_at=self._database.clock())
            row = content.rows[document]
            if row.node not in (None, node) and self._is_live(content, row.node):
                return content.nodes[row.node][0]
            row.node, row.fence = node, fence
            self._answer()
            return State(document, row.head, row.newest, row.before)

    def release(self, document: int, fence: int) -> None:
        with self._reached() as content:
            row = self._row(content, document, fence)
            if row is not None:
                row.node = None
                if row.is_empty:
                    del content.rows[document]

    def owner(self, name: bytes) -> Node | None:
        with self._reached() as content:
            document = self._find(content, name)
            node = None if document is None else content.rows[document].node
            return content.nodes[node][0] if node is not None and self._is_live(content, node) else None

    # Writing

    def write(self, writes: Sequence[Write]) -> set[int]:
        with self._reached() as content:
            written: set[int] = set()
            for write in writes:
                row = self._row_at(content, write)
                if row is not None:
                    row.log += write.entries
                    row.blobs |= write.blobs
                    written.add(write.document)
            self._answer()
            return written

    def confirm(self, fences: Mapping[int, int]) -> dict[int, int]:
        with self._reached() as content:
            rows = {document: self._row(content, document, fence) for document, fence in fences.items()}
            return {document: row.head for document, row in rows.items() if row is not None}

    def write_parts(self, document: int, fence: int, snapshot: int, parts: Sequence[bytes]) -> bool:
        with self._reached() as content:
            row = self._row(content, document, fence)
            if row is not None:
                row.parts[snapshot] = list(parts)
            return row is not None

    def use_snapshot(self, write: Write, newest: Generation) -> bool:
        with self._reached() as content:
            row = self._row_at(content, write)
            if row is not None:
                row.before, row.newest = row.newest, newest
                kept = {it.number for it in (row.before, row.newest) if it is not None}
                row.parts = {number: parts for number, parts in row.parts.items() if number in kept}
                if row.before is not None:
                    row.log = [entry for entry in row.log if entry.number > row.before.upto]
            self._answer()
            return row is not None

    def drop_parts(self, document: int, snapshot: int) -> None:
        with self._reached() as content:
            if document in content.rows:
                content.rows[document].parts.pop(snapshot, None)

    def clear(self, write: Write) -> bool:
        with self._reached() as content:
            row = self._row_at(content, write)
            if row is not None:
                row.log, row.parts, row.newest, row.before = [], {}, None, None
            self._answer()
            return row is not None

    def delete(self, document: int, fence: int) -> bool:
        with self._reached() as content:
            is_mine = self._row(content, document, fence) is not None
            if is_mine:
                del content.rows[document]
            return is_mine

    def set_aside(self, document: int, fence: int) -> bool:
        with self._reached() as content:
            is_mine = self._row(content, document, fence) is not None
            if is_mine:
                content.aside.append(content.rows.pop(document))
            return is_mine

    def create(self, new: Sequence[NewDocument]) -> set[bytes]:
        with self._reached() as content:
            made: set[bytes] = set()
            for name, entries, blobs in new:
                if self._find(content, name) is None:
                    content.last += 1
                    head = entries[-1].number if entries else 0
                    content.rows[content.last] = _Row(
                        name,
                        head=head,
                        log=list(entries),
                        blobs=dict(blobs),
                        changed_at=self._database.clock(),
                    )
                    made.add(name)
            return made

    # Reading

    def state(self, name: bytes) -> State | None:
        with self._reached() as content:
            document = self._find(content, name)
            if document is None:
                return None
            row = content.rows[document]
            return State(document, row.head, row.newest, row.before)

    def parts(self, document: int, snapshot: int) -> list[bytes]:
        with self._reached() as content:
            row = content.rows.get(document)
            return [] if row is None else list(row.parts.get(snapshot, []))

    def log(self, document: int, after: int, upto: int | None = None) -> list[Entry]:
        with self._reached() as content:
            row = content.rows.get(document)
            entries = [] if row is None else row.log
            return [it for it in entries if it.number > after and (upto is None or it.number <= upto)]

    def log_bytes(self, document: int, after: int) -> tuple[int, int]:
        entries = self.log(document, after)
        return len(entries), sum(len(entry.payload) for entry in entries)

    def blob(self, document: int, name: str) -> bytes | None:
        return self.blobs(document).get(name)

    def blobs(self, document: int) -> dict[str, bytes]:
        with self._reached() as content:
            row = content.rows.get(document)
            return {} if row is None else dict(row.blobs)

    def names(self, with_blob: str | None = None) -> list[bytes]:
        with self._reached() as content:
            return [
                row.name
                for row in content.rows.values()
                if not row.is_empty and (with_blob is None or with_blob in row.blobs)
            ]

    def usage(self, document: int) -> Usage | None:
        with self._reached() as content:
            row = content.rows.get(document)
            if row is None or row.is_empty:
                return None
            sizes = [FRAME_BYTES + len(entry.payload) for entry in row.log]
            sizes += [len(part) for parts in row.parts.values() for part in parts]
            sizes += map(len, row.blobs.values())
            return Usage(sum(sizes), row.changed_at)

    def close(self) -> None:
        pass

    # Within

    def _reached(self) -> _Locked:
        if self.is_cut:
            raise Unreachable("The database does not answer.")
        return _Locked(self._database)

    def _answer(self) -> None:
        """Lose the answer to a write that was made, if that is due."""
        if self.answers_lost:
            self.answers_lost -= 1
            raise Unreachable("The database did not answer.")

    def _is_live(self, content: _Content, node: str | None) -> bool:
        found = content.nodes.get(node) if node is not None else None
        return found is not None and found[1] > self._database.clock()

    def _find(self, content: _Content, name: bytes) -> int | None:
        return next((number for number, row in content.rows.items() if row.name == name), None)

    def _row(self, content: _Content, document: int, fence: int) -> _Row | None:
        row = content.rows.get(document)
        return row if row is not None and row.fence == fence else None

    def _row_at(self, content: _Content, write: Write) -> _Row | None:
        """The row that a write is for, with the new head; None if the write is refused."""
        row = self._row(content, write.document, write.fence)
        if row is None or row.head != write.before:
            return None
        row.head, row.changed_at = write.after, self._database.clock()
        return row


class _Locked:
    """The content of the database while nobody else uses it."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    def __enter__(self) -> _Content:
        self._database.lock.acquire()
        return self._database.content

    def __exit__(self, *error: object) -> None:
        self._database.lock.release()
