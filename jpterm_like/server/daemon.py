"""Run a server as a process: open its listeners, obey signals, and bring everything to the disk at the end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ipaddress
import json
import logging
import os
import re
import signal
import ssl
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from jpterm_like import __version__
from jpterm_like.access.discovery import LOCK, NOTE, STORE_FOLDER, about_server_of, remove_note, write_note
from jpterm_like.access.hub import AnyFile, remove_dead_sockets
from jpterm_like.access.local_users import FileClaims, UserRights, public_socket
from jpterm_like.access.node_lines import connect_node, listen_for_nodes
from jpterm_like.access.permissions import OWNER, Rights
from jpterm_like.access.process_lock import LockHeld, hold
from jpterm_like.access.server_identity import NAME as IDENTITY_NAME
from jpterm_like.access.server_identity import encode_identity, folder_identity, hub_identity
from jpterm_like.access.shared_tokens import SharedTokenBook
from jpterm_like.access.tokens import TokenBook, TokenRights
from jpterm_like.config import CannotKeep, Paths
from jpterm_like.errors import JptermError, escape_for_terminal, explain
from jpterm_like.files import private
from jpterm_like.files.state_places import HUB_LOCK
from jpterm_like.files.watch import Watching
from jpterm_like.retention import tidy
from jpterm_like.server.batching_loop import batching_event_loop
from jpterm_like.server.descriptor_limits import Descriptors, raise_limit
from jpterm_like.server.local_kernels import LocalKernels
from jpterm_like.server.mount import find_mount
from jpterm_like.server.relay import Connect
from jpterm_like.server.server import Server
from jpterm_like.server.shared_folder import SharedFiles, SharedFolder
from jpterm_like.server.shared_texts import SharedTexts
from jpterm_like.storage.base import Storage, StorageError, StoreElsewhere
from jpterm_like.storage.engine import LEASE_S
from jpterm_like.storage.fenced import FencedStorage
from jpterm_like.stores import open_database, pads_of, served_folder
from jpterm_like.transports.base import Peer, Transport
from jpterm_like.transports.connection_limiter import UNIDENTIFIED_MAX, ConnectionLimiter
from jpterm_like.transports.websocket import (
    Listener,
    WebSocketTransport,
    listen_http,
    listen_tcp,
    listen_unix,
)

GARBAGE: Final = (700, 10, 1_000_000)
"""Thresholds of Python's garbage collector, without passes over all objects: among a million operations one takes 0.3 s, and
under load they took half of the time. `_collect` makes these passes when nobody waits."""
DECISIONS_S: Final = 1.0
"""How often what was decided at other servers is read."""
LEASE_LOOK_S: Final = 0.25
"""Interval between two looks at the age of this node's lease."""
METRICS_MAX: Final = 16
"""Most connections to the address for metrics."""
SAME_WARNINGS_MAX: Final = 60
"""Most warnings of one kind in a minute."""
QUIET_S: Final = 5.0
"""After this long without news the garbage collector runs."""
GARBAGE_LOOK_S: Final = 0.5
"""Interval between two checks whether a pass is due: in five seconds a crowd opens and closes many documents."""
GARBAGE_S: Final = 600.0
"""Longest delay of a pass."""
GARBAGE_BYTES: Final = 16 * 1024 * 1024
"""A pass is made once closed documents have left about this much."""

logging.basicConfig(level=logging.WARNING)
log = logging.getLogger("jpterm_like.server.server")


class CannotServe(JptermError):
    """The server cannot start: the folder or the address cannot be used."""


@dataclass(frozen=True)
class ListenOptions:
    """Where and how a server listens."""

    listen: str | None = None
    """HOST:PORT."""
    unix: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    behind_proxy: bool = False
    """A proxy in front does TLS. Every connection then counts as coming from the network, also through the socket or from this machine."""
    prefix: str = ""
    """Path under which a proxy has the server and which it leaves in its requests, such as /pads."""
    metrics: str | None = None
    """HOST:PORT for /healthz, /readyz and /metrics."""
    inner: str | None = None
    """HOST:PORT at which other servers of the same database reach this one."""
    runs: bool = False
    """Run the cells of notebooks for those who may."""


def serve_folder(root: Path, options: ListenOptions, *, autosave_s: float) -> int:
    """Share the text files of a folder until SIGTERM or SIGINT; return the exit code.

    Raises:
        JptermError: the server cannot start.
    """
    _log_as_json()
    files = SharedFolder(root)
    front = _Front(TokenBook(Paths.of_user().tokens_file), str(files.root.path), options)
    beside = {".gitignore": b"*\n"}
    storage = served_folder(files.root.path / STORE_FOLDER, beside=beside)
    try:
        storage.begin()
    except StorageError as problem:
        raise CannotServe(f"{escape_for_terminal(root)} cannot be served: {problem}") from problem
    lock = _hold_served_folder(files.root.path)
    state = _state_folder()
    identity = folder_identity(files.root.path, files.root.path / STORE_FOLDER, state)
    # If the folder is removed meanwhile, these are written again, as is the note on where the server listens.
    beside[IDENTITY_NAME] = encode_identity(identity)

    own: Path | None = None  # the socket at which this user needs no token
    with contextlib.suppress(JptermError):
        own = Paths.of_user().own_socket_of(files.root.path)

    def note_addresses(addresses: list[str], own: Path | None) -> None:
        try:
            beside[NOTE] = write_note(files.root.path, addresses, tokens=front.is_closed, own=own)
        except JptermError as problem:
            log.warning("%s", problem)

    async def open_listeners(server: Server) -> list[Listener]:
        return await front.open_listeners(server, note_addresses, own)

    try:
        with asyncio.Runner(loop_factory=batching_event_loop) as runner:
            serving = _run(
                files,
                storage,
                front.descriptors,
                open_listeners,
                identity=identity,
                state=state,
                autosave_s=autosave_s,
                idle_s=None,
                runs=options.runs,
            )
            return runner.run(serving)
    finally:
        remove_note(files.root.path)
        if own is not None:
            own.unlink(missing_ok=True)
        if lock is not None:
            os.close(lock)


def serve_store(address: str, options: ListenOptions, *, autosave_s: float) -> int:
    """Share the texts in a database, with other servers that do so, until SIGTERM or SIGINT; return the exit code.

    Raises:
        JptermError: the server cannot start.
    """
    _log_as_json()
    log.setLevel(logging.INFO)
    logging.getLogger("jpterm_like.storage.fenced").setLevel(logging.INFO)  # each take and loss
    database = open_database(address, inner=options.inner or "", version=__version__)
    try:
        tokens = SharedTokenBook(database.decisions)
        front = _Front(tokens, "", options, partial(_figures_of_database, database.storage))
        files = SharedTexts(database.storage)

        async def open_listeners(server: Server) -> list[Listener]:
            loop = asyncio.get_running_loop()

            def note_lost(name: str) -> None:
                loop.call_soon_threadsafe(server.note_lost, name)

            database.storage.on_lost = note_lost
            server.work_on(partial(_follow_decisions, tokens))
            server.work_on(partial(_watch_lease, server, database.storage))
            listeners = await front.open_listeners(server)
            if options.inner is not None:
                listeners.append(await _listen_for_nodes(server, database.storage, options.inner))
            return listeners

        async def connect(owner: StoreElsewhere) -> Transport:
            return await connect_node(owner.address, database.storage.node.id, database.storage.secret)

        with contextlib.closing(files), asyncio.Runner(loop_factory=batching_event_loop) as runner:
            serving = _run(
                files,
                database.storage,
                front.descriptors,
                open_listeners,
                identity=database.identity,
                state=None,
                autosave_s=autosave_s,
                idle_s=None,
                runs=False,
                connect=connect,
            )
            return runner.run(serving)
    finally:
        database.close()


async def _watch_lease(server: Server, storage: FencedStorage) -> None:
    """Give nodes that relay documents of this one up while its lease is not renewed, for ever: others can store what their people write.

    That is for speed alone. Nothing is called stored without the database, whatever this node believes of its lease.
    """
    while True:
        if storage.lease_age_s > LEASE_S:
            server.end_lines_of_nodes()
        await asyncio.sleep(LEASE_LOOK_S)


def _figures_of_database(storage: FencedStorage) -> dict[str, float]:
    counts = {f"database_{name}": float(count) for name, count in storage.figures.items()}
    return {**counts, "database_lease_age_seconds": storage.lease_age_s}


async def _listen_for_nodes(server: Server, storage: FencedStorage, inner: str) -> Listener:
    """Let the other nodes in."""

    async def converse(transport: Transport) -> None:
        await server.converse(transport, is_relay=True)

    host, port = _host_and_port(inner)
    return await _listen_or_fail(listen_for_nodes(converse, host, port, storage.is_node), inner)


async def _follow_decisions(tokens: SharedTokenBook) -> None:
    """Have what was decided at any server count at this one: tokens, for ever."""
    is_away = False
    while True:
        try:
            await asyncio.to_thread(tokens.reload)
            is_away = False
        except JptermError as problem:
            if not is_away:
                log.warning("%s", problem)
            is_away = True
        await asyncio.sleep(DECISIONS_S)


def _state_folder() -> Path | None:
    try:
        return Paths.of_user().state
    except CannotKeep:
        return None


class _Front:
    """Who is let in, and where the server listens.

    Args:
        book: the tokens that were given out.
        folder: the served folder that they must be for.
        figures: returns figures for monitoring, besides those of the server.
    """

    def __init__(
        self,
        book: TokenBook,
        folder: str,
        options: ListenOptions,
        figures: Callable[[], Mapping[str, float]] = dict,
    ) -> None:
        """
        Raises:
            CannotServe: the options do not fit together, or nobody could come in.
        """
        self.descriptors = raise_limit()
        self._book = book
        self._folder = folder
        self._options = options
        self._figures = figures
        self._host, self._port = (
            _host_and_port(options.listen or "127.0.0.1:8765")
            if options.listen or not options.unix
            else ("", 0)
        )
        host = self._host
        self._tls = tls = _tls(options)
        if tls is not None and not host:
            raise CannotServe(
                "--tls-cert and --tls-key are for --listen: a unix socket has no TLS. Give --listen, too."
            )
        self._prefix = _prefix(options.prefix)
        self.is_closed = bool(host) and (not _is_loopback(host) or options.behind_proxy or tls is not None)
        """Whether everybody who comes over TCP needs a token."""
        if self.is_closed or options.behind_proxy:
            log.setLevel(logging.INFO)  # connections and openings; on a local server only errors
            if self.is_closed and tls is None and not options.behind_proxy:
                raise CannotServe(
                    f"{escape_for_terminal(host)} can be reached from other machines, where everybody could read along: give --tls-cert "
                    "and --tls-key, or --behind-proxy if a proxy in front does TLS; or listen on 127.0.0.1."
                )
            if not book.has_token_for(folder):
                raise CannotServe(
                    f"{escape_for_terminal(host or options.unix)} can be reached from other machines, and there is no token yet: make one with "
                    "'jpterm-like token new --role edit'; or listen on 127.0.0.1 without a proxy."
                )

    def _rights_of(self, peer: Peer) -> Rights | None:
        """Return the rights of a peer; None to refuse it. Without a token a peer is the owner, if the server is reachable from this machine alone;
        a wrong token is refused everywhere.

        Forwarded requests come from elsewhere, whether the server was started with --behind-proxy or not.
        """
        if peer.token is None:
            needs_token = self.is_closed if peer.uid is None else self._options.behind_proxy
            return None if needs_token or peer.forwarded else OWNER
        try:
            token = self._book.find(peer.token)
        except JptermError as problem:
            log.error("%s", problem)
            return None
        rights = None if token is None else TokenRights(self._book, token, self._folder)
        return rights if rights is not None and rights.is_valid() else None

    def _admit(self, peer: Peer) -> bool:
        admitted = self._rights_of(peer) is not None
        if not admitted:
            log.warning("not admitted", extra={"peer": peer.address})
        return admitted

    async def open_listeners(
        self,
        server: Server,
        note_addresses: Callable[[list[str], Path | None], None] = lambda addresses, own: None,
        own: Path | None = None,
    ) -> list[Listener]:
        """Listen, and print where; `note_addresses` is called before that, with the socket at which this user needs no token, if there is one.

        Args:
            own: where that socket is to be.

        Raises:
            CannotServe: an address cannot be used.
        """
        options = self._options

        async def converse(transport: Transport) -> None:
            assert isinstance(transport, WebSocketTransport)
            rights = self._rights_of(transport.peer)
            if rights is not None:
                peer = transport.peer
                is_me = peer.token is None and peer.uid == os.geteuid()
                await server.converse(
                    transport,
                    rights,
                    find_mount(peer.asked_path, peer.written_path, self._prefix),
                    may_run=options.runs and (is_me or rights.may_run()),
                )

        async def converse_with_me(transport: Transport) -> None:
            await server.converse(transport, OWNER, may_run=options.runs)

        listeners: list[Listener] = []
        if options.metrics:
            health_host, health_port = _host_and_port(options.metrics)
            listeners.append(
                await _listen_or_fail(
                    listen_http(
                        partial(_health, server, self._figures),
                        health_host,
                        health_port,
                        limiter=_limiter(self.descriptors, METRICS_MAX),
                    ),
                    options.metrics,
                )
            )
            sys.stdout.write(f"metrics on {listeners[-1].address}\n")
        announced = len(listeners)
        if self._host:
            opening = listen_tcp(
                converse,
                self._host,
                self._port,
                admit=self._admit,
                tls=self._tls,
                limiter=_limiter(self.descriptors),
            )
            listeners.append(await _listen_or_fail(opening, f"{self._host}:{self._port}"))
        if options.unix:
            try:
                private.check_place_of_socket(options.unix.parent)
            except private.NotPrivate as problem:
                raise CannotServe(
                    f"{escape_for_terminal(options.unix)} is no safe place to listen: {problem}."
                ) from problem
            except OSError as problem:
                raise _cannot_listen(str(options.unix), problem) from problem
            opening = listen_unix(
                converse, options.unix, admit=self._admit, limiter=_limiter(self.descriptors)
            )
            listeners.append(await _listen_or_fail(opening, str(options.unix)))
        addresses = [listener.address for listener in listeners[announced:]]
        is_own_needed = self.is_closed or options.behind_proxy or not self._host
        if own is None or not is_own_needed:
            own = None
        else:
            try:
                opening = listen_unix(
                    converse_with_me,
                    own,
                    admit=lambda peer: peer.uid == os.geteuid(),
                    limiter=_limiter(self.descriptors),
                )
                listeners.append(await opening)
            except (OSError, JptermError) as problem:
                own = None
                log.warning("The texts of this folder cannot be synced: %s", problem)
        note_addresses(addresses, own)
        sys.stdout.writelines(f"listening on {address}\n" for address in addresses)
        sys.stdout.flush()
        return listeners


def _hold_served_folder(root: Path) -> int | None:
    """Acquire the lock of a served folder; None if it cannot be written, as the next step says.

    Raises:
        CannotServe: another server shares it.
    """
    try:
        return hold(root / STORE_FOLDER / LOCK, "")
    except LockHeld as problem:
        raise CannotServe(
            f"{escape_for_terminal(root)} is shared already, {about_server_of(root)}: use that one, or stop it first."
        ) from problem
    except OSError:
        return None


def _limiter(descriptors: Descriptors, unidentified_max: int = UNIDENTIFIED_MAX) -> ConnectionLimiter:
    ceiling = descriptors.for_connections
    return ConnectionLimiter(min(unidentified_max, ceiling // 4), ceiling)


async def _listen_or_fail(opening: Awaitable[Listener], address: str) -> Listener:
    try:
        return await opening
    except OSError as problem:
        raise _cannot_listen(address, problem) from problem


def _tls(options: ListenOptions) -> ssl.SSLContext | None:
    if options.tls_cert is None and options.tls_key is None:
        return None
    if options.tls_cert is None or options.tls_key is None:
        raise CannotServe("--tls-cert and --tls-key belong together: give both.")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(options.tls_cert, options.tls_key)
    except ssl.SSLError as problem:
        raise CannotServe(
            f"{escape_for_terminal(options.tls_cert)} and {escape_for_terminal(options.tls_key)} are no certificate and key that fit together "
            f"({escape_for_terminal(problem.reason or 'TLS error')})."
        ) from problem
    except OSError as problem:
        raise CannotServe(f"The certificate or its key cannot be read: {explain(problem)}.") from problem
    return context


def _health(
    server: Server, more_figures: Callable[[], Mapping[str, float]], path: str
) -> tuple[int, str] | None:
    """Answer requests for health, readiness and metrics, in Prometheus' text format (prometheus.io/docs/instrumenting/exposition_formats)."""
    if path == "/healthz":
        return 200, "alive\n"
    if path == "/readyz":
        return (200, "ready\n") if server.ready else (503, "draining\n")
    if path == "/metrics":
        lines: list[str] = []
        for name, value in {**server.figures, **more_figures()}.items():
            kind = "counter" if name.endswith("_total") else "gauge"
            lines += [f"# TYPE jpterm_like_{name} {kind}", f"jpterm_like_{name} {value}"]
        return 200, "\n".join(lines) + "\n"
    return None


class _AsJson(logging.Formatter):
    """Formats records as one JSON object per line, in ASCII, so that no name can act in a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        facts: dict[str, object] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        facts |= {key: vars(record)[key] for key in _LOGGED if key in vars(record)}
        if record.exc_info:
            facts["traceback"] = self.formatException(record.exc_info)
        return json.dumps(facts)


class _AsLine(logging.Formatter):
    """Formats records as one line each, so that no name can act in a terminal, or look like a record of its own."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return f"{record.levelname} {escape_for_terminal(record.message)}"


_LOGGED: Final = ("peer", "who", "person", "pad", "role", "rest")


def _log_as_json() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_AsJson())
    logging.root.handlers = [handler]
    _log_sparingly()


class _Sparing(logging.Filter):
    """Limits warnings of one kind to SAME_WARNINGS_MAX a minute: refused peers may come a thousand times a second, and the log
    shares the disk with everybody's text."""

    def __init__(self) -> None:
        super().__init__()
        self._counts: dict[tuple[str, str], int] = {}
        self._until = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        now = time.monotonic()
        if now >= self._until:
            self._counts, self._until = {}, now + 60
        key = record.name, str(record.msg)
        count = self._counts[key] = self._counts.get(key, 0) + 1
        if count == SAME_WARNINGS_MAX:
            record.rest = "not logged again for up to a minute"
        return count <= SAME_WARNINGS_MAX


def _log_sparingly() -> None:
    for handler in logging.root.handlers:
        handler.addFilter(_Sparing())


def serve_hub(*, idle_s: float) -> int:
    """Run the hub of this user until nobody was connected for `idle_s` seconds, or until SIGTERM; return the exit code.

    If another hub is running, this one ends at once, which is no error.
    """
    paths = Paths.of_user()
    try:
        lock = hold(paths.state / HUB_LOCK, str(paths.hub_socket))
    except LockHeld:
        return 0
    remove_dead_sockets(paths.runtime_folder)

    for handler in logging.root.handlers:
        handler.setFormatter(_AsLine())
    _log_sparingly()
    descriptors = raise_limit()

    async def open_listeners(server: Server) -> list[Listener]:
        public = None
        try:
            public = public_socket(paths.hub_socket)
        except OSError as problem:
            log.warning("Other users of this machine cannot come in: %s.", explain(problem))
        meeting = FileClaims(server, public)

        async def converse(transport: Transport) -> None:
            assert isinstance(transport, WebSocketTransport)
            uid, gid = transport.peer.uid, transport.peer.gid
            if uid is not None and gid is not None:
                is_me = uid == os.geteuid()
                await server.converse(transport, OWNER if is_me else UserRights(uid, gid), may_run=is_me)

        async def converse_with_me(transport: Transport) -> None:
            assert isinstance(transport, WebSocketTransport)
            await server.converse(transport, may_run=transport.peer.uid == os.geteuid())

        # Half of all connections is reserved for this user.
        for_others = ConnectionLimiter(
            _limiter(descriptors).unidentified_max, descriptors.for_connections // 2
        )
        listeners: list[Listener] = []
        if public is not None:
            try:
                listeners.append(
                    await listen_unix(converse, public, mode=0o666, answer=meeting.answer, limiter=for_others)
                )
            except OSError as problem:
                log.warning("Other users of this machine cannot come in: %s.", explain(problem))
        # last, because editors wait for it
        listeners.append(
            await listen_unix(
                converse_with_me, paths.hub_socket, answer=meeting.answer, limiter=_limiter(descriptors)
            )
        )
        return listeners

    try:
        with asyncio.Runner(loop_factory=batching_event_loop) as runner:
            return runner.run(_run_hub(paths, descriptors, open_listeners, idle_s=idle_s))
    finally:
        os.close(lock)


async def _run_hub(
    paths: Paths, descriptors: Descriptors, open_listeners: Callable[[Server], object], *, idle_s: float
) -> int:
    """Serve, and at the end remove the histories that retention does not keep.

    Not earlier: a store that is being checked cannot be opened.
    """
    try:
        return await _run(
            AnyFile(),
            pads_of(paths),
            descriptors,
            open_listeners,
            identity=hub_identity(paths.state),
            state=paths.state,
            autosave_s=None,
            idle_s=idle_s,
            runs=True,
        )
    finally:
        await _tidy(paths)


async def _tidy(paths: Paths) -> None:
    from jpterm_like.config import Settings

    try:
        removed = await asyncio.to_thread(tidy, paths, Settings.load(paths))
    except (JptermError, OSError) as problem:
        log.warning("old histories could not be removed: %s", problem)
    else:
        for name in removed:
            log.info("no longer kept: %s", escape_for_terminal(name))


async def _run(
    files: SharedFiles,
    storage: Storage,
    descriptors: Descriptors,
    open_listeners: Callable[[Server], object],
    *,
    identity: bytes,
    state: Path | None,
    autosave_s: float | None,
    idle_s: float | None,
    runs: bool,
    connect: Connect | None = None,
) -> int:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = Server(
        files,
        storage,
        autosave_s=autosave_s,
        watcher=None if isinstance(files, SharedTexts) else Watching(),
        descriptors=descriptors,
        identity=identity,
        cpu_clock=time.process_time,
        state=state,
        kernels=LocalKernels(state) if runs and state is not None else None,
        connect=connect,
    )
    server.start()
    gc.set_threshold(*GARBAGE)
    collecting = asyncio.create_task(_collect(server))
    listeners: list[Listener] = []
    try:
        listeners = await open_listeners(server)  # type: ignore[misc]
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if idle_s is None else min(idle_s, 1.0)):
                    await stop.wait()
            if idle_s is not None and not server.busy and loop.time() - server.idle_since >= idle_s:
                break
    finally:
        collecting.cancel()
        for listener in listeners:
            listener.stop_accepting()
        await server.drain()
        for listener in listeners:
            await listener.stop()
    return 1 if server.documents.failed_to_close else 0


async def _collect(server: Server) -> None:
    """Run full passes of the garbage collector: while nobody writes, and when one is overdue or there is much garbage."""
    loop = asyncio.get_running_loop()
    collected_at = loop.time()
    while True:
        await asyncio.sleep(GARBAGE_LOOK_S)
        now = loop.time()
        is_quiet = now - server.last_sent_at >= QUIET_S
        is_overdue = now - collected_at >= GARBAGE_S or server.documents.garbage_bytes >= GARBAGE_BYTES
        if (is_quiet and server.last_sent_at > collected_at) or is_overdue:
            gc.collect()
            collected_at = loop.time()
            server.documents.garbage_bytes = 0


def _host_and_port(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise CannotServe(
            f"{escape_for_terminal(listen)} is not an address to listen on: write HOST:PORT, such as 127.0.0.1:8765."
        )
    return host, int(port)


def _is_loopback(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    return False


def _prefix(written: str) -> str:
    """The prefix of names that `--prefix` says: "pads/" for "/pads"."""
    parts = [part for part in written.split("/") if part]
    if {".", ".."} & set(parts) or re.search(r"[\x00-\x1f?#%]", written):
        raise CannotServe(
            f"{escape_for_terminal(written)} is not the beginning of a path: write --prefix /pads."
        )
    return "".join(f"{part}/" for part in parts)


def _cannot_listen(address: str, problem: OSError) -> CannotServe:
    import errno

    if problem.errno == errno.EADDRINUSE or isinstance(problem, FileExistsError):
        return CannotServe(
            f"{address} is in use: another server listens there. Choose another port, or port 0 for any free one."
        )
    return CannotServe(f"Cannot listen on {address}: {explain(problem)}.")
