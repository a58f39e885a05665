"""The port of a database that several nodes share: leases, logs, snapshots and blobs, one statement a method.

A *node* is one `serve` process. It owns a document while its *lease* lasts, which it renews for all its documents at once (`beat`), by
the database's clock. Owning is checked by the database with each write, and by nothing else:

    fence   a random number that the owner wrote into the document's row when it took the document
    head    the number of the last write to the document

A write names the fence and the head that its node knows, and is refused if the row has others. So a node that was stopped and replaced
stores nothing, whatever it believes; a write that was sent again, or arrives late, is not made twice; and a database that was set back to
an earlier state is noticed, because the owner knows a later head. The fence is random because a counter that went back would be counted
up to the same number again.

`fenced` makes a `Storage` of this, `memory_engine` is the database in memory, and `jpterm_like.postgres` the one on PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from jpterm_like.storage.base import StorageError

LEASE_S: Final = 3.0
"""How long a node that is not heard of keeps its documents. It is heard of each second, so two lost renewals do no harm."""


class Unreachable(StorageError):
    """The database did not answer in time, or did not say that a write is on all disks that it has to be on: it may have been made."""


class Node(NamedTuple):
    """One node, as the others know it."""

    id: str
    """Random, another one at each start."""
    address: str
    """HOST:PORT at which other nodes reach it; empty if they cannot."""
    version: str = ""
    """Its release."""
    is_draining: bool = False
    """Whether it is about to stop and hands over its documents."""
    secret_hash: str = ""
    """SHA-256, hexadecimal, of the secret with which it connects to other nodes."""


class Generation(NamedTuple):
    """One snapshot of a document."""

    number: int
    """Random, so that what an interrupted snapshot left is never taken for part of another one."""
    upto: int
    """The last write whose records it replaces."""


class State(NamedTuple):
    """What the row of a document says."""

    document: int
    """Its number, which no other document gets later."""
    head: int
    newest: Generation | None
    before: Generation | None
    """The snapshot before the newest one, kept with the log after it until the next one."""


class Entry(NamedTuple):
    """One record in the log of a document."""

    number: int
    kind: int
    payload: bytes


@dataclass
class Write:
    """What is written to one document: entries, blobs, or nothing but the head."""

    document: int
    fence: int
    before: int
    """The head that its node knows."""
    after: int
    """The head that it leaves; higher."""
    entries: Sequence[Entry] = ()
    blobs: Mapping[str, bytes] = field(default_factory=dict)


class NewDocument(NamedTuple):
    """A document that is made whole; its entries count from 1."""

    name: bytes
    entries: Sequence[Entry]
    blobs: Mapping[str, bytes]


class Usage(NamedTuple):
    size_bytes: int
    changed_at: float
    """Wall clock of the database, seconds."""


class Engine(Protocol):
    """One node's connection to the database. Every method blocks, belongs in a thread, and may be called in several at the same time.

    Raises:
        Unreachable: by each method, and then nobody knows whether a write was made.
    """

    # Nodes and leases

    def beat(self, node: Node, lease_s: float) -> bool:
        """Renew a node's lease for so many seconds from now; return whether it had lasted until now."""
        ...

    def leave(self, node: str) -> None:
        """End a node's lease; the documents that it still owns are free."""
        ...

    def nodes(self) -> list[Node]:
        """Return the nodes whose leases last, sorted by id."""
        ...

    def take(self, name: bytes, node: str, fence: int) -> State | Node:
        """Own a document, new or not; or return the node that does.

        It waits for a write that is under way. After it has returned, everything that is in the log is on all disks that it has to be
        on, and no former owner adds to it; so the log is read afterwards, never before.
        """
        ...

    def release(self, document: int, fence: int) -> None:
        """Own a document no more; remove it if it has no content. Does nothing if another node has taken it."""
        ...

    def owner(self, name: bytes) -> Node | None:
        """Return the node that owns a document, if its lease lasts."""
        ...

    # Writing. A document that is not among those returned has another fence or another head, and nothing of it was written.

    def write(self, writes: Sequence[Write]) -> set[int]:
        """Make the writes of many documents with one commit; return the documents that were written."""
        ...

    def confirm(self, fences: Mapping[int, int]) -> dict[int, int]:
        """Return the heads of the documents that have these fences still, once that is on all disks that it has to be on."""
        ...

    def write_parts(self, document: int, fence: int, snapshot: int, parts: Sequence[bytes]) -> bool:
        """Write a snapshot that does not count yet; return False if the fence is another one."""
        ...

    def use_snapshot(self, write: Write, newest: Generation) -> bool:
        """Have a snapshot that was written count; remove the one before the former newest, and the log that the former newest replaced."""
        ...

    def drop_parts(self, document: int, snapshot: int) -> None:
        """Remove a snapshot that does not count."""
        ...

    def clear(self, write: Write) -> bool:
        """Remove the log and the snapshots."""
        ...

    def delete(self, document: int, fence: int) -> bool:
        """Remove a document with everything that belongs to it."""
        ...

    def set_aside(self, document: int, fence: int) -> bool:
        """Keep a document where it is never read, and free its name."""
        ...

    def create(self, new: Sequence[NewDocument]) -> set[bytes]:
        """Make documents that are not there, with one commit; return the names of those that were made."""
        ...

    # Reading, of any document, whoever owns it

    def state(self, name: bytes) -> State | None:
        """Return what the row of a document says; None if there is none."""
        ...

    def parts(self, document: int, snapshot: int) -> list[bytes]:
        """Return a snapshot as it was written."""
        ...

    def log(self, document: int, after: int, upto: int | None = None) -> list[Entry]:
        """Return the entries with higher numbers than `after`, up to `upto`, in order."""
        ...

    def log_bytes(self, document: int, after: int) -> tuple[int, int]:
        """Return how many entries `log` would return, and the length of their payloads."""
        ...

    def blob(self, document: int, name: str) -> bytes | None: ...

    def blobs(self, document: int) -> dict[str, bytes]: ...

    def names(self, with_blob: str | None = None) -> list[bytes]:
        """Return the names of all documents with content, or of those that have the named blob."""
        ...

    def usage(self, document: int) -> Usage | None:
        """Return what a document takes; None if it has no content."""
        ...

    def close(self) -> None: ...
