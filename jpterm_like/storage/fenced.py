"""A storage that several nodes share, on any `engine`. A document is open at one node at a time.

What is appended waits here until the next commit, which is one statement for all documents of a tick: so, unlike in a folder, `append` does not
survive the end of the process, and only `sync` says that something is kept. `write_blob` and `snapshot` bring earlier appends along.

If nobody knows whether a commit was made, the next one asks first: the head says it. A commit is never taken for made because it
probably was.

A document that another node took, or whose database went back to an earlier state, raises `StoreLost` with the next call. Its owner
opens it again: that raises `StoreElsewhere` if another node has it.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import secrets
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from jpterm_like.errors import escape_for_terminal
from jpterm_like.storage.base import (
    BLOB_BYTES_MAX,
    Inspection,
    IsNewer,
    Loaded,
    NewerRelease,
    NewStore,
    Record,
    StorageError,
    Store,
    StoreBusy,
    StoreElsewhere,
    StoreLost,
    SyncFailed,
    check_blob_name,
    check_name,
    check_records,
    nothing_is_newer,
)
from jpterm_like.storage.engine import (
    LEASE_S,
    Engine,
    Entry,
    Generation,
    NewDocument,
    Node,
    State,
    Unreachable,
    Write,
)

COMMIT_S: Final = 0.1
"""Interval between two commits. Each is one statement, however many documents it has."""
PART_BYTES: Final = 1 << 20
"""Length of one part of a snapshot."""
FRAME_BYTES: Final = 13
"""What a record takes besides its payload, as in a folder, so that owners compact at similar times."""
OPEN_TRIES: Final = 3
"""How often a document is asked for whose owner's lease ends just then."""

_FRAME: Final = struct.Struct(">BI")
_CHECKSUM: Final = struct.Struct(">I")

log = logging.getLogger("jpterm_like.storage.fenced")


def choose_number() -> int:
    """Return a random number of 63 bits above 0, for a fence or a snapshot."""
    return secrets.randbits(63) or 1


class FencedStore:
    """See `base.Store`. Made by `FencedStorage.open`."""

    def __init__(self, storage: FencedStorage, name: str, state: State, fence: int) -> None:
        self._storage = storage
        self._engine = storage.engine
        self._name = name
        self.document = state.document
        self.fence = fence
        self.damage: list[str] = []
        self.newer = False
        self.carried: list[Record] = []
        # What the database has, and what it is to get. Guarded by the lock, which is never held while the database is waited for.
        self.lock = threading.Lock()
        self.head = state.head
        self.next = state.head + 1
        """The number of the next write."""
        self.pending: list[Entry] = []
        """Appended and not yet known to be kept, in order."""
        self.doubt: int | None = None
        """The head that a write leaves of which nobody knows whether it was made."""
        self.lost: str = ""
        """Why this store is lost, in a sentence; empty: it is not."""
        self._closed = False
        self._cuts: dict[int, tuple[int, int]] = {}
        """For each cut the number of the last entry before it, and the bytes of the log until then."""
        self._cut = 0
        self._snapshot_cut = 0
        self._snapshot_lock = threading.Lock()
        count, size_bytes = self._engine.log_bytes(state.document, state.newest.upto if state.newest else 0)
        self._log_bytes = size_bytes + count * FRAME_BYTES
        self._replaced_bytes = 0

    @property
    def name(self) -> str:
        return self._name

    @property
    def size_since_snapshot(self) -> int:
        return self._log_bytes - self._replaced_bytes

    def load(self, is_newer: IsNewer = nothing_is_newer) -> Loaded:
        self.sync()
        found = _read(self._engine, self._state(), self._name)
        self.damage += found.damage
        self.newer = is_newer(found.records)
        return found

    def append(self, records: Sequence[Record]) -> None:
        self.check_writable()
        check_records(records)
        with self.lock:
            for kind, payload in records:
                self.pending.append(Entry(self.next, kind, bytes(payload)))
                self.next += 1
                self._log_bytes += FRAME_BYTES + len(payload)

    def sync(self) -> None:
        self.check_open()
        for _, problem in self._storage.commit([self]):
            raise problem

    def cut(self) -> int:
        self.check_open()
        with self.lock:
            self._cut += 1
            self._cuts[self._cut] = self.next - 1, self._log_bytes
            return self._cut

    def records_before(self, cut: int) -> list[Record]:
        self.sync()
        upto, _ = self._cuts[cut]
        return _read(self._engine, self._state(), self._name, upto).records

    def snapshot(
        self, records: Sequence[Record], verify: Callable[[Sequence[Record]], bool], cut: int | None = None
    ) -> None:
        self.check_writable()
        check_records(records)
        cut = self.cut() if cut is None else cut
        with self._snapshot_lock:
            if cut <= self._snapshot_cut:
                return
            self.sync()
            upto, size_bytes = self._cuts[cut]
            newest = Generation(choose_number(), upto)
            if not self._engine.write_parts(self.document, self.fence, newest.number, _parts(records)):
                raise self._storage.note_lost(self)
            is_used = False
            try:
                read = _records(self._engine.parts(self.document, newest.number))
                if read is None or not verify(read):
                    raise StorageError(
                        f"The snapshot of {escape_for_terminal(self._name)} does not give back its text, and was not taken."
                    )
                self._storage.write_alone(self, lambda write: self._engine.use_snapshot(write, newest))
                is_used = True
            finally:
                if not is_used:
                    self._drop_parts(newest.number)
            with self.lock:
                self._snapshot_cut, self._replaced_bytes = cut, size_bytes
                self._cuts = {number: known for number, known in self._cuts.items() if number > cut}

    def read_blob(self, name: str) -> bytes | None:
        self.check_open()
        check_blob_name(name)
        return self._engine.blob(self.document, name)

    def write_blob(self, name: str, data: bytes) -> None:
        self.check_writable()
        check_blob_name(name)
        if len(data) > BLOB_BYTES_MAX:
            raise ValueError(f"a blob of {len(data)} bytes is above the limit of {BLOB_BYTES_MAX}")
        for _, problem in self._storage.commit([self], {name: bytes(data)}):
            raise problem

    def blobs(self) -> dict[str, bytes]:
        self.check_open()
        return self._engine.blobs(self.document)

    def close(self) -> None:
        if self._closed and not self.lost:
            return
        try:
            self.sync()
        finally:
            if not self._closed:
                self._closed = True
                self._storage.let_go(self)

    def clear(self) -> None:
        self.check_writable()
        with self._snapshot_lock:
            self._storage.write_alone(self, self._engine.clear)
            with self.lock:
                self._replaced_bytes = self._log_bytes

    def delete(self) -> None:
        self.check_open()
        self._closed = True
        try:
            if not self._engine.delete(self.document, self.fence):
                raise self._storage.note_lost(self)
        finally:
            self._storage.let_go(self)

    def abandon(self) -> None:
        if not self._closed:
            self._closed = True
            self.lost = self.lost or f"The store of {escape_for_terminal(self._name)} was given up."
            self._storage.let_go(self)

    def check_open(self) -> None:
        if self.lost:
            raise StoreLost(self.lost)
        if self._closed:
            raise ValueError(f"the store of {self._name!r} is closed")

    def check_writable(self) -> None:
        self.check_open()
        if self.newer:
            raise NewerRelease(self._name)

    def _state(self) -> State:
        """What the row says now: a snapshot may count of which we were not told."""
        state = self._engine.state(check_name(self._name))
        if state is None or state.document != self.document:
            raise self._storage.note_lost(self)
        return state

    def _drop_parts(self, snapshot: int) -> None:
        """Remove parts that do not count. If the database does not answer they stay until the next snapshot removes them, or counts: nobody
        knows whether it does, so the next statement on this store asks."""
        if self.doubt is None:
            try:
                self._engine.drop_parts(self.document, snapshot)
            except StorageError as problem:
                log.info("%s", problem)


class FencedStorage:
    """See `base.Storage`.

    Args:
        engine: this node's connection to the database.
        address: HOST:PORT at which other nodes reach this one.
        version: this node's release.
        lease_s: how long the lease lasts after each renewal.
        beats: whether a thread renews the lease; without it, `beat` does.
    """

    def __init__(
        self,
        engine: Engine,
        address: str = "",
        version: str = "",
        *,
        lease_s: float = LEASE_S,
        beats: bool = True,
    ) -> None:
        self.engine = engine
        self.secret = secrets.token_urlsafe(32)
        """With it this node connects to others, which know its hash from the database. Another one at each start."""
        hashed = hashlib.sha256(self.secret.encode()).hexdigest()
        self.node = Node(secrets.token_hex(8), address, version, secret_hash=hashed)
        self.on_lost: Callable[[str], None] = lambda name: None
        """Called in some thread with the name of a document that another node has taken, or whose database went back. Its store then raises
        `StoreLost` with each call."""
        self.figures = {"commits_total": 0, "commit_rows_total": 0, "takeovers_total": 0, "fenced_total": 0}
        """Counts since the start, for metrics."""
        self.renewed_at = time.monotonic()
        """When the lease was renewed last, monotonic."""
        self._secret_hashes: dict[str, str] = {}
        """Of the nodes whose leases lasted when ours was renewed last."""
        self._lease_s = lease_s
        self._held: dict[str, FencedStore] = {}
        self._opening = threading.Lock()
        self._committing = threading.Lock()
        """Held during a commit, so that the writes to a document reach the database in order."""
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="commit")
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        if beats:
            self.beat()
            self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)
            self._thread.start()

    # Lease

    def beat(self) -> None:
        """Renew the lease; if it had ended, look which documents other nodes have taken meanwhile.

        Raises:
            Unreachable: it was not renewed.
        """
        asked_at = time.monotonic()
        is_unbroken = self.engine.beat(self.node, self._lease_s)
        self.renewed_at = asked_at
        self._secret_hashes = {node.id: node.secret_hash for node in self.engine.nodes()}
        held = {store.document: store for store in list(self._held.values()) if not store.lost}
        if is_unbroken or not held:
            return
        mine = self.engine.confirm({store.document: store.fence for store in held.values()})
        for document, store in held.items():
            if document not in mine:
                self.note_lost(store)

    def drain(self) -> None:
        """Have the other nodes know that this one is about to stop."""
        self.node = self.node._replace(is_draining=True)
        self.beat()

    def nodes(self) -> list[Node]:
        """Return the nodes whose leases last, this one too."""
        return self.engine.nodes()

    def is_node(self, id: str, secret: str) -> bool:
        """Return whether a secret is that of a node whose lease lasted when ours was renewed last. Does not block."""
        hashed = hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
        return hmac.compare_digest(hashed, self._secret_hashes.get(id, "0" * 64))

    def owner(self, name: str) -> Node | None:
        """Return the node that has a document open, if its lease lasts."""
        return self.engine.owner(check_name(name))

    @property
    def lease_age_s(self) -> float:
        """Seconds since the lease was renewed."""
        return time.monotonic() - self.renewed_at

    def _renew(self) -> None:
        is_away = False
        while not self._stop.wait(self._lease_s / 3):
            try:
                self.beat()
                if is_away:
                    log.warning("the database answers again")
                is_away = False
            except StorageError as problem:
                if not is_away:
                    log.warning("the lease is not renewed: %s", problem)
                is_away = True
            except Exception:
                # A bug of ours must not end the lease of every document.
                log.exception("the lease is not renewed")

    # Documents

    def open(self, name: str) -> FencedStore:
        encoded, shown = check_name(name), escape_for_terminal(name)
        with self._opening:
            if name in self._held:
                raise StoreBusy(f"{shown} is already open; close it there first.")
            fence = choose_number()
            found = self.engine.take(encoded, self.node.id, fence)
            if isinstance(found, Node):
                raise StoreElsewhere(f"{shown} is open at another node.", found.id, found.address)
            store = self._held[name] = FencedStore(self, name, found, fence)
        self.figures["takeovers_total"] += 1
        log.info("taken: %s, fence %x, head %d", name, fence, found.head)
        return store

    def begin(self) -> None:
        pass

    def names(self, with_blob: str | None = None) -> list[str]:
        found = {name.decode("utf-8", "surrogatepass") for name in self.engine.names(with_blob)}
        if with_blob is None:
            found |= {name for name, store in list(self._held.items()) if store.pending}
        return sorted(found)

    def has(self, name: str) -> bool:
        store = self._held.get(name)
        if store is not None and store.pending:
            return True
        state = self.engine.state(check_name(name))
        return state is not None and self.engine.usage(state.document) is not None

    def usage(self, name: str) -> tuple[int, float]:
        state = self.engine.state(check_name(name))
        found = None if state is None else self.engine.usage(state.document)
        if found is None:
            raise StorageError(f"There is no store of {escape_for_terminal(name)}.")
        return found

    def read_blob(self, name: str, blob: str) -> bytes | None:
        check_blob_name(blob)
        state = self.engine.state(check_name(name))
        return None if state is None else self.engine.blob(state.document, blob)

    def inspect(self, name: str) -> Inspection | None:
        held = self._held.get(name)
        if held is not None and held.pending:
            held.sync()
        state = self.engine.state(check_name(name))
        used = None if state is None else self.engine.usage(state.document)
        if state is None or used is None:
            return None
        loaded = _read(self.engine, state, name)
        return Inspection(
            name,
            None,
            damage=list(loaded.damage),
            loaded=loaded,
            blobs=self.engine.blobs(state.document),
            size_bytes=used.size_bytes,
        )

    def inspect_all(self) -> Iterator[Inspection]:
        for encoded in sorted(self.engine.names()):
            found = self.inspect(encoded.decode("utf-8", "surrogatepass"))
            if found is not None:
                yield found

    def set_aside(self, name: str) -> None:
        self._take_and(name, self.engine.set_aside)

    def delete(self, name: str) -> None:
        self._take_and(name, self.engine.delete)

    async def create(self, new: Sequence[NewStore]) -> set[str]:
        documents = []
        for name, records, blobs in new:
            check_records(records)
            entries = [
                Entry(number, kind, bytes(payload)) for number, (kind, payload) in enumerate(records, 1)
            ]
            documents.append(NewDocument(check_name(name), entries, blobs))
        made = await asyncio.to_thread(self.engine.create, documents) if documents else set()
        return {name.decode("utf-8", "surrogatepass") for name in made}

    async def sync(self, stores: Sequence[Store]) -> None:
        ours = [store for store in stores if isinstance(store, FencedStore)]
        assert len(ours) == len(stores), "stores of another storage"
        if ours:
            # A thread of its own: those of the loop may all wait for documents that are being opened.
            loop = asyncio.get_running_loop()
            failures = await loop.run_in_executor(self._threads, self._commit_and_look, ours)
            if failures:
                raise SyncFailed(failures)

    def pause_after(self, count: int, load: float) -> float:
        return COMMIT_S

    def close(self) -> None:
        if self._stop.is_set():
            return
        self._stop.set()
        self._threads.shutdown()
        if self._thread is not None:
            self._thread.join()
        try:
            self.engine.leave(self.node.id)
        except StorageError as problem:
            log.warning("%s", problem)  # the lease ends by itself
        self.engine.close()

    def _take_and(self, name: str, act: Callable[[int, int], bool]) -> None:
        """Do something with a document that nobody has open."""
        encoded, shown = check_name(name), escape_for_terminal(name)
        with self._opening:
            if name in self._held:
                raise StoreBusy(f"{shown} is open; close it first.")
            if self.engine.state(encoded) is None:
                return
            fence = choose_number()
            found = self.engine.take(encoded, self.node.id, fence)
            if isinstance(found, Node):
                raise StoreElsewhere(f"{shown} is open at another node.", found.id, found.address)
            if not act(found.document, fence):
                raise StoreBusy(f"{shown} was opened at another node just now.")

    # For the stores

    def _commit_and_look(self, stores: Sequence[FencedStore]) -> list[tuple[Store, StorageError]]:
        """As `commit`; and of stores to which nothing is written, look whether they are lost: a database that went back lacks what was called
        stored, also where nobody writes any more."""
        with self._committing:
            idle = [store for store in stores if not (store.pending or store.lost or store.doubt)]
            failures = self._commit_locked(stores, {})
            if idle:
                try:
                    heads = self.engine.confirm({store.document: store.fence for store in idle})
                except Unreachable as problem:
                    log.info("%s", problem)  # nothing of theirs waits for it
                else:
                    failures += [
                        (store, self.note_lost(store))
                        for store in idle
                        if heads.get(store.document) != store.head and not store.pending
                    ]
            return failures

    def commit(
        self, stores: Sequence[FencedStore], blobs: Mapping[str, bytes] | None = None
    ) -> list[tuple[Store, StorageError]]:
        """Bring everything that was appended to the database, and with it the blobs to each; return the stores where that failed."""
        with self._committing:
            return self._commit_locked(stores, blobs or {})

    def _commit_locked(
        self, stores: Sequence[FencedStore], blobs: Mapping[str, bytes]
    ) -> list[tuple[Store, StorageError]]:
        failures: list[tuple[Store, StorageError]] = []
        ready = self._settled(stores, failures)
        writes: dict[int, Write] = {}
        for store in ready:
            with store.lock:
                entries = list(store.pending)
                if not entries and not blobs:
                    continue
                after = entries[-1].number if entries else store.head
                if blobs:  # they count as a write, so that one which arrives late is refused
                    after, store.next = store.next, store.next + 1
                writes[store.document] = Write(store.document, store.fence, store.head, after, entries, blobs)
                store.doubt = after
        if not writes:
            return failures
        sent = [store for store in ready if store.document in writes]
        try:
            written = self.engine.write(list(writes.values()))
        except Unreachable as problem:
            return [*failures, *((store, problem) for store in sent)]
        self.figures["commits_total"] += 1
        self.figures["commit_rows_total"] += sum(len(write.entries) for write in writes.values())
        for store in sent:
            if store.document in written:
                self._advance(store, writes[store.document].after)
            else:
                failures.append((store, self.note_lost(store)))
        return failures

    def write_alone(self, store: FencedStore, act: Callable[[Write], bool]) -> None:
        """Make a write of one document that is neither entries nor blobs, after everything that was appended.

        Raises:
            StorageError: nobody knows whether it was made, or it was not.
        """
        with self._committing:
            while True:
                for _, problem in self._commit_locked([store], {}):
                    raise problem
                with store.lock:
                    if not store.pending:  # else something was appended meanwhile, and has a lower number
                        store.doubt = store.next
                        store.next += 1
                        break
            if not act(Write(store.document, store.fence, store.head, store.doubt)):
                raise self.note_lost(store)
            self._advance(store, store.doubt)

    def note_lost(self, store: FencedStore) -> StoreLost:
        """Note that a store is lost; return the error that says why."""
        shown = escape_for_terminal(store.name)
        if not store.lost:
            owner = None
            try:
                owner = self.engine.owner(check_name(store.name))
            except StorageError as problem:
                log.info("%s", problem)
            if owner is not None and owner.id != self.node.id:
                store.lost = f"{shown} is open at another node now."
            else:
                store.lost = f"The database went back to an earlier state of {shown}."
            self.figures["fenced_total"] += 1
            log.warning("lost: %s, fence %x, head %d: %s", store.name, store.fence, store.head, store.lost)
            self.on_lost(store.name)
        return StoreLost(store.lost)

    def let_go(self, store: FencedStore) -> None:
        """Have another node or opening take a document."""
        if self._held.get(store.name) is store:
            del self._held[store.name]
        try:
            self.engine.release(store.document, store.fence)
        except StorageError as problem:
            log.warning("%s", problem)  # this node takes it again, or another one once our lease ends

    def _settled(
        self, stores: Sequence[FencedStore], failures: list[tuple[Store, StorageError]]
    ) -> list[FencedStore]:
        """Find out what became of writes without an answer; return the stores that can be written to, and add the others to `failures`."""
        ready: list[FencedStore] = []
        doubted: list[FencedStore] = []
        for store in stores:
            if store.lost:
                failures.append((store, StoreLost(store.lost)))
            else:
                (ready if store.doubt is None else doubted).append(store)
        if not doubted:
            return ready
        try:
            heads = self.engine.confirm({store.document: store.fence for store in doubted})
        except Unreachable as problem:
            failures += [(store, problem) for store in doubted]
            return ready
        for store in doubted:
            head = heads.get(store.document)
            if head is not None and head in (store.doubt, store.head):
                self._advance(store, head)
                ready.append(store)
            else:
                failures.append((store, self.note_lost(store)))
        return ready

    def _advance(self, store: FencedStore, head: int) -> None:
        """Note which head the database has."""
        with store.lock:
            store.head, store.doubt = head, None
            kept = next(
                (at for at, entry in enumerate(store.pending) if entry.number > head), len(store.pending)
            )
            del store.pending[:kept]


def _parts(records: Sequence[Record]) -> list[bytes]:
    """Encode the records of a snapshot. Each part ends with its checksum; there is one even without records."""
    encoded = b"".join(_FRAME.pack(kind, len(payload)) + payload for kind, payload in records)
    pieces = [encoded[at : at + PART_BYTES] for at in range(0, len(encoded), PART_BYTES)] or [b""]
    return [piece + _CHECKSUM.pack(zlib.crc32(piece)) for piece in pieces]


def _records(parts: Sequence[bytes]) -> list[Record] | None:
    """Decode the records of a snapshot; None if it is damaged."""
    pieces = []
    for part in parts:
        piece, checksum = part[: -_CHECKSUM.size], part[-_CHECKSUM.size :]
        if checksum != _CHECKSUM.pack(zlib.crc32(piece)):
            return None
        pieces.append(piece)
    if not pieces:
        return None
    encoded, at = b"".join(pieces), 0
    records: list[Record] = []
    while at < len(encoded):
        if at + _FRAME.size > len(encoded):
            return None
        kind, size_bytes = _FRAME.unpack_from(encoded, at)
        at += _FRAME.size
        if at + size_bytes > len(encoded):
            return None
        records.append(Record(kind, encoded[at : at + size_bytes]))
        at += size_bytes
    return records


def _read(engine: Engine, state: State, name: str, upto: int | None = None) -> Loaded:
    """Read the newest snapshot that is whole, and the log after it."""
    damage: list[str] = []
    for generation in (state.newest, state.before):
        if generation is not None:
            records = _records(engine.parts(state.document, generation.number))
            if records is not None:
                after = generation.upto
                break
            damage.append(f"A snapshot of {escape_for_terminal(name)} is damaged; the one before is read.")
    else:
        records, after = [], 0
    entries = engine.log(state.document, after, upto)
    return Loaded([*records, *(Record(kind, payload) for _, kind, payload in entries)], damage)
