"""Frames over WebSockets, on TCP or a unix socket. The only module that knows the websockets library."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import ipaddress
import os
import socket
import ssl
import struct
import sys
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar, Final
from urllib.parse import quote, unquote, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.connection import broadcast
from websockets.asyncio.server import Server, ServerConnection, serve, unix_serve
from websockets.datastructures import Headers
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
    InvalidURI,
)
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import Event, State

from jpterm_like.errors import escape_for_terminal, explain
from jpterm_like.transports.base import CannotConnect, NotAdmitted, Peer, Transport, TransportClosed
from jpterm_like.transports.connection_limiter import ConnectionLimiter, LimitedSocket, user_behind

FRAME_BYTES_MAX: Final = 1024 * 1024
"""Largest WebSocket message; the same as `sync.wire.FRAME_BYTES_MAX`."""
OPEN_TIMEOUT_S: Final = 5.0
CLOSE_TIMEOUT_S: Final = 2.0
NEXT_ADDRESS_S: Final = 0.25
"""Head start of each address of a host before the next one is tried as well; RFC 8305, section 8."""
PATH_HEADER: Final = "Jpterm-Like-Path"
"""Header in which a client repeats the path that it asks for: no proxy rewrites it."""
PAD_HEADER: Final = "X-Jpterm-Pad"
"""Header in which a client gives a hash of the pad's name. A balancer that chooses a server by it brings the people of a pad together at one
server, and learns no names that the path does not have."""
PAD_HASH_BYTES: Final = 8
PATH_BYTES_MAX: Final = 4096
"""Longest path that is asked for, in bytes of its %-code: proxies take 8 KiB a line. A longer one only works without a prefix."""
QUEUED_BYTES: Final = 64 * 1024
"""Bytes in a connection's write buffer above which it has no room: the memory that a slow reader can cost us."""

Handler = Callable[[Transport], Awaitable[None]]


class WebSocketTransport:
    """One WebSocket connection, of a client or a server."""

    _newest: ClassVar[tuple[Sequence[bytes], bytes]] = ((), b"")
    """The frames sent last and their encoding, reused because most connections get the same frames in one tick."""

    def __init__(self, connection: ClientConnection | ServerConnection) -> None:
        self._connection = connection
        line = connection.transport.get_extra_info("socket")
        if line is None or line.family == socket.AF_UNIX:
            return
        # Send a key at once instead of after the previous one is acknowledged, up to 40 ms later. asyncio does so
        # only for sockets created with the protocol number of TCP, unlike those that `LimitedSocket` accepts.
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            # Limit what waits in the system, too: on a slow line megabytes would delay our heartbeat until the peer
            # is given up.
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, QUEUED_BYTES)

    @property
    def peer(self) -> Peer:
        """The other end."""
        return _peer_of(self._connection)

    async def receive(self) -> bytes:
        try:
            frame = await self._connection.recv()
        except ConnectionClosed as end:
            raise TransportClosed(_explain_end(end)) from end
        return frame if isinstance(frame, bytes) else frame.encode("utf-8", "surrogatepass")

    def offer(self, take: Callable[[bytes], bool]) -> None:
        if isinstance(self._connection, _OfferingConnection):
            self._connection.take = take

    def has_room(self) -> bool:
        connection = self._connection
        if connection.state is not State.OPEN:
            raise TransportClosed
        return connection.transport.get_write_buffer_size() <= QUEUED_BYTES

    def send(self, frames: Sequence[bytes]) -> None:
        connection = self._connection
        if connection.state is not State.OPEN:
            raise TransportClosed
        if isinstance(connection, ClientConnection):
            for frame in frames:
                broadcast((connection,), frame)  # the library's way to write without waiting
        else:
            # A server's messages have no mask and, without extensions, are the same for all connections; so they are
            # encoded here, once. The library would take half of a busy server's time for it.
            newest, data = WebSocketTransport._newest
            if newest is not frames:
                data = _encode_messages(frames)
                WebSocketTransport._newest = (frames, data)
            connection.transport.write(data)

    async def wait_for_room(self) -> None:
        while not self.has_room():
            try:
                await self._connection.drain()
            except OSError as problem:
                raise TransportClosed from problem

    async def close(self) -> None:
        # `close` waits for the peer's closing frame, which follows any unread frames.
        reading = asyncio.ensure_future(self._discard_unread())
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._connection.close()
        except TimeoutError:
            # the library waits without end to say good-bye on a line that takes nothing any more
            self._connection.transport.abort()
        finally:
            reading.cancel()

    async def _discard_unread(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self._connection.recv()


def _encode_messages(frames: Sequence[bytes]) -> bytes:
    """Encode binary messages of a server; RFC 6455, section 5.2."""
    parts: list[bytes] = []
    for frame in frames:
        size = len(frame)
        if size < 126:
            parts.append(bytes((_FIN_BINARY, size)))
        elif size < 1 << 16:
            parts.append(_FRAME_16.pack(_FIN_BINARY, 126, size))
        else:
            parts.append(_FRAME_64.pack(_FIN_BINARY, 127, size))
        parts.append(frame)
    return b"".join(parts)


_FIN_BINARY: Final = 0x82
_FRAME_16: Final = struct.Struct("!BBH")
_FRAME_64: Final = struct.Struct("!BBQ")


class _ConnectWithoutRedirects(connect):
    """The library's `connect` without redirects, by which a server could lead an editor into a text of another
    server."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def connect_tcp(url: str, token: str | None = None, path: str = "") -> Transport:
    """Connect to `ws://host:port` or `wss://host:port`.

    Args:
        path: of the address, without the first slash: a proxy chooses the server by it.

    Raises:
        NotAdmitted: the server wants a token, or another one.
        CannotConnect: with the reason in one sentence.
    """
    try:
        # No proxy: a document must not go through a proxy that the environment configures for browsers.
        asked = quote("/" + path, errors="surrogateescape")
        if len(asked) > PATH_BYTES_MAX:
            asked = "/"
        connection = await _ConnectWithoutRedirects(
            url + asked,
            proxy=None,
            additional_headers={**_headers(token), PATH_HEADER: asked, PAD_HEADER: hash_pad(path)},
            **_CONNECTION_OPTIONS,
            open_timeout=OPEN_TIMEOUT_S,
            happy_eyeballs_delay=_next_address_s(url),
        )
    except InvalidStatus as problem:
        if problem.response.status_code == HTTPStatus.NOT_FOUND and path:
            raise CannotConnect(
                f"{escape_for_terminal(url)} answers, but has no jpterm-like server at /{escape_for_terminal(path)}: "
                "look at the path, and at the proxy's."
            ) from problem
        if problem.response.status_code == HTTPStatus.UNAUTHORIZED:
            raise NotAdmitted(_token_refused(url, token)) from problem
        raise CannotConnect(_explain_failure(url, problem)) from problem
    except _FAILURES as problem:
        raise CannotConnect(_explain_failure(url, problem)) from problem
    return WebSocketTransport(connection)


def hash_pad(name: str) -> str:
    """The hash of a pad's name by which a balancer chooses a server, as hexadecimal digits."""
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[: 2 * PAD_HASH_BYTES]


def _next_address_s(url: str) -> float | None:
    """Return the pause before the next address of a host is tried at the same time: the first may be one that nothing answers from,
    such as IPv6 on a network without it (RFC 8305).

    None where there is nothing to choose: asyncio of Python 3.11 leaves the socket open if it is cancelled while it chooses.
    """
    host = urlsplit(url).hostname or ""
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(host)
        return None
    return None if host == "localhost" else NEXT_ADDRESS_S


def _headers(token: str | None) -> dict[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token}"}


async def connect_unix(path: Path, token: str | None = None) -> WebSocketTransport:
    """Connect to a unix socket.

    Raises:
        NotAdmitted: the server wants a token, or another one.
        CannotConnect: with the reason in one sentence.
    """
    try:
        connection = await _ConnectWithoutRedirects(
            "ws://localhost/",
            unix=True,
            path=str(path),
            additional_headers=_headers(token),
            **_CONNECTION_OPTIONS,
            open_timeout=OPEN_TIMEOUT_S,
        )
    except InvalidStatus as problem:
        if problem.response.status_code == HTTPStatus.UNAUTHORIZED:
            raise NotAdmitted(_token_refused(f"ws+unix://{path}:/", token)) from problem
        raise CannotConnect(_explain_failure(str(path), problem)) from problem
    except _FAILURES as problem:
        raise CannotConnect(_explain_failure(str(path), problem)) from problem
    return WebSocketTransport(connection)


async def connect_socket(line: socket.socket, address: str) -> Transport:
    """Connect over an open socket, which is closed with the connection; `address` is for messages.

    Raises:
        CannotConnect: with the reason in one sentence.
    """
    try:
        connection = await _ConnectWithoutRedirects(
            "ws://localhost/", sock=line, proxy=None, **_CONNECTION_OPTIONS, open_timeout=OPEN_TIMEOUT_S
        )
    except _FAILURES as problem:
        raise CannotConnect(_explain_failure(address, problem)) from problem
    return WebSocketTransport(connection)


class Listener:
    """A listening server. `address` is what a client connects to."""

    def __init__(self, servers: list[Server], address: str) -> None:
        self._servers = servers
        self.address = address

    async def stop(self) -> None:
        """Stop accepting connections, and end the remaining ones."""
        for server in self._servers:
            server.close()
        for server in self._servers:
            await server.wait_closed()

    def stop_accepting(self) -> None:
        """Stop accepting connections; existing ones continue."""
        for server in self._servers:
            server.close(close_connections=False)


Admit = Callable[[Peer], bool]
"""Whether a peer is admitted; called when nothing but the HTTP request was read."""


async def listen_tcp(
    handler: Handler,
    host: str,
    port: int,
    *,
    admit: Admit | None = None,
    tls: ssl.SSLContext | None = None,
    limiter: ConnectionLimiter | None = None,
) -> Listener:
    """Listen on one address; port 0 picks a free one. Peers that are not admitted get a 401.

    Each stage has a time limit: the TLS handshake, the HTTP handshake, and then whatever `handler` sets.

    Raises:
        OSError: the port is in use or not permitted.
    """
    limiter = limiter or ConnectionLimiter()
    lines = await _bind_tcp(host, port)
    servers = [
        await serve(
            _handle(handler),
            sock=LimitedSocket(line, limiter, speaks_http=tls is None),
            # no browsers, which send an Origin: any web page could connect to a server of this machine
            origins=[None],
            process_request=None if admit is None else _admission_check(admit),
            create_connection=_limited(limiter),
            **_CONNECTION_OPTIONS,
            open_timeout=OPEN_TIMEOUT_S,
            **_tls(tls),
        )
        for line in lines
    ]
    name = next(iter(servers[0].sockets)).getsockname()
    shown_host = f"[{name[0]}]" if ":" in name[0] else name[0]
    return Listener(servers, f"{'ws' if tls is None else 'wss'}://{shown_host}:{name[1]}")


def _tls(context: ssl.SSLContext | None) -> dict[str, Any]:
    if context is None:
        return {}
    return {
        "ssl": context,
        "ssl_handshake_timeout": OPEN_TIMEOUT_S,
        "ssl_shutdown_timeout": CLOSE_TIMEOUT_S,
    }


async def _bind_tcp(host: str, port: int) -> list[socket.socket]:
    """Bind a socket for each address of a host, on one port."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    lines: list[socket.socket] = []
    missing: OSError | None = None
    for family, _, _, _, address in dict.fromkeys(found):
        try:
            lines.append(socket.create_server((address[0], port, *address[2:]), family=family))
        except OSError as problem:
            if problem.errno != errno.EADDRNOTAVAIL:  # "localhost" where there is no IPv6
                for line in lines:
                    line.close()
                raise
            missing = problem
        else:
            port = lines[-1].getsockname()[1]
    if not lines:
        raise missing or OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    return lines


async def listen_http(
    answer: Callable[[str], tuple[int, str] | None],
    host: str,
    port: int,
    *,
    limiter: ConnectionLimiter | None = None,
) -> Listener:
    """Answer GET requests: `answer` maps a path to a status and a text, or None for a 404.

    Raises:
        OSError: the port is in use or not permitted.
    """

    def respond(connection: ServerConnection, request: Request) -> Response:
        status, text = answer(request.path.partition("?")[0]) or (404, "There is nothing here.\n")
        return _response(HTTPStatus(status), text)

    async def never(connection: ServerConnection) -> None:
        raise AssertionError("every request is answered")

    limiter = limiter or ConnectionLimiter()
    servers = [
        await serve(
            never,
            sock=LimitedSocket(line, limiter, speaks_http=True),
            process_request=respond,
            create_connection=_limited(limiter),
            open_timeout=OPEN_TIMEOUT_S,
            close_timeout=CLOSE_TIMEOUT_S,
        )
        for line in await _bind_tcp(host, port)
    ]
    name = next(iter(servers[0].sockets)).getsockname()
    return Listener(servers, f"http://{host}:{name[1]}")


Answer = Callable[[Peer, str], Awaitable[tuple[int, str] | None]]
"""Answers a GET request by status and text; None for a peer that opens a connection."""


async def listen_unix(
    handler: Handler,
    path: Path,
    *,
    mode: int = 0o600,
    admit: Admit | None = None,
    answer: Answer | None = None,
    limiter: ConnectionLimiter | None = None,
) -> Listener:
    """Listen on a unix socket, by default for this user only, replacing the socket of a dead process.

    Peers that are not admitted get a 401.

    Raises:
        OSError: the path cannot be used, or another process listens there.
    """
    _remove_stale_socket(path)

    async def respond(connection: ServerConnection, request: Request) -> Response | None:
        if admit is not None:
            return _admission_check(admit)(connection, request)
        said = None if answer is None else await answer(_peer_of(connection, request), request.path)
        return None if said is None else _response(HTTPStatus(said[0]), said[1])

    limiter = limiter or ConnectionLimiter()
    server = await unix_serve(
        _handle(handler),
        sock=LimitedSocket(_bind_unix(path, mode), limiter, speaks_http=True),
        origins=[None],
        process_request=respond,
        create_connection=_limited(limiter),
        **_CONNECTION_OPTIONS,
        open_timeout=OPEN_TIMEOUT_S,
    )
    return Listener([server], f"ws+unix://{path}:/")


def _bind_unix(path: Path, mode: int) -> socket.socket:
    """Bind a unix socket with this mode, which on Linux is in force from the start."""
    door = socket.socket(socket.AF_UNIX)
    try:
        if sys.platform == "linux":
            os.fchmod(door.fileno(), mode)
        door.bind(str(path))
        os.chmod(path, mode)
    except OSError:
        door.close()
        raise
    return door


_CONNECTION_OPTIONS: Final[dict[str, Any]] = {
    # Text in small frames does not compress, and deflate costs 50 KiB a connection.
    "compression": None,
    "max_size": FRAME_BYTES_MAX,
    "max_queue": 16,
    "write_limit": QUEUED_BYTES,
    # The link has its own heartbeat: the library's times out while our event loop is busy (websockets#625).
    "ping_interval": None,
    "close_timeout": CLOSE_TIMEOUT_S,
}

_FAILURES: Final = (OSError, InvalidHandshake, InvalidURI, InvalidMessage, asyncio.TimeoutError, EOFError)


OFFERED_BYTES: Final = 4 * 1024
"""Most bytes received at once that are still offered: accepting them all takes one turn of the event loop."""


class _OfferingConnection(ServerConnection):
    """A connection that offers small messages directly: the queue of `recv` and a task switch cost more than handling
    them."""

    take: Callable[[bytes], bool] | None = None
    _is_small = False

    def data_received(self, data: bytes) -> None:
        self._is_small = len(data) <= OFFERED_BYTES
        super().data_received(data)

    def process_event(self, event: Event) -> None:
        if (
            self._is_small
            and self.take is not None
            and isinstance(event, Frame)
            and event.opcode is Opcode.BINARY
            and event.fin
            and self.take(bytes(event.data))
        ):
            return
        super().process_event(event)


def _limited(limiter: ConnectionLimiter) -> type[ServerConnection]:
    """Make a connection class that tells the limiter when a connection has identified itself."""

    class Limited(_OfferingConnection):
        async def handshake(self, *arguments: Any, **named: Any) -> None:
            try:
                await super().handshake(*arguments, **named)
            finally:
                limiter.mark_identified(self.transport.get_extra_info("socket").fileno())

    return Limited


def _admission_check(admit: Admit) -> Callable[[ServerConnection, Request], Response | None]:
    def respond(connection: ServerConnection, request: Request) -> Response | None:
        if admit(_peer_of(connection, request)):
            return None
        return _response(
            HTTPStatus.UNAUTHORIZED, "A token is needed, and this is none that opens something here.\n"
        )

    return respond


def _response(status: HTTPStatus, text: str) -> Response:
    body = text.encode()
    headers = Headers(
        {
            "Content-Type": "text/plain; charset=utf-8",
            "Content-Length": str(len(body)),
            "Connection": "close",
        }
    )
    if status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(status.value, status.phrase, headers, body)


_FORWARDED: Final = (
    "Forwarded",
    "Via",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Real-IP",
)
"""Headers added by proxies: RFC 7239, and older ones. Anybody can forge their values, which are ignored."""


def _peer_of(connection: ClientConnection | ServerConnection, request: Request | None = None) -> Peer:
    request = request or connection.request
    token: str | None = None
    if request is not None and "Authorization" in request.headers:
        kind, _, value = request.headers.get_all("Authorization")[0].partition(" ")
        token = value.strip() if kind.lower() == "bearer" else ""
    forwarded = request is not None and any(name in request.headers for name in _FORWARDED)
    paths = _paths_of(request)
    line = connection.transport.get_extra_info("socket")
    if line is None or line.family != socket.AF_UNIX:
        address = connection.transport.get_extra_info("peername")
        return Peer(f"{address[0]}:{address[1]}" if address else "gone", None, None, token, forwarded, *paths)
    uid, gid = user_behind(line)
    return Peer(f"uid {uid}", uid, gid, token, forwarded, *paths)


def _paths_of(request: Request | None) -> tuple[str, str | None]:
    """The path that a request asks for, and the one of the client's address, decoded."""
    if request is None:
        return "/", None
    written = next(iter(request.headers.get_all(PATH_HEADER)), None)
    return _decoded_path(request.path), None if written is None else _decoded_path(written)


def _decoded_path(path: str) -> str:
    return unquote(path.partition("?")[0])


def _token_refused(address: str, token: str | None) -> str:
    where = escape_for_terminal(address)
    if token is None:
        return f"{where} asks for a token: say it with 'jpterm-like token add {where}'."
    return f"{where} does not accept your token: it is another server's, was revoked or has expired."


def _remove_stale_socket(path: Path) -> None:
    """Remove the socket of a dead process."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink(missing_ok=True)
        else:
            raise FileExistsError(f"another process listens on {path}")


def _handle(handler: Handler) -> Callable[[ServerConnection], Awaitable[None]]:
    async def handle(connection: ServerConnection) -> None:
        await handler(WebSocketTransport(connection))

    return handle


def _explain_end(end: ConnectionClosed) -> str:
    received = end.rcvd
    if received is not None and received.reason:
        return f"The other side closed the connection: {escape_for_terminal(received.reason)}."
    return "The connection was lost." if received is None else "The other side closed the connection."


def _explain_failure(address: str, problem: BaseException) -> str:
    where = escape_for_terminal(address)
    if isinstance(problem, InvalidURI):
        return f"{where} is not an address: write ws://HOST:PORT/FILE."
    if isinstance(problem, asyncio.TimeoutError):
        return f"{where} does not answer: nothing came within {OPEN_TIMEOUT_S:.0f} seconds."
    if isinstance(problem, ssl.SSLCertVerificationError):
        return (
            f"{where} has a certificate that this machine does not trust ({escape_for_terminal(problem.verify_message)}); "
            "if it is one of your own making, set SSL_CERT_FILE to its file."
        )
    if isinstance(problem, ssl.SSLError):
        return f"{where}: no secure connection could be made ({escape_for_terminal(problem.reason or 'TLS error')})."
    if isinstance(problem, InvalidStatus) and problem.response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        return f"{where} has no room for another connection just now."
    if isinstance(problem, (InvalidHandshake, InvalidMessage, EOFError)):
        return f"{where} answers, but it is not a jpterm-like server."
    if isinstance(problem, socket.gaierror):
        return f"{where}: there is no machine of this name."
    if isinstance(problem, (ConnectionRefusedError, FileNotFoundError)):
        return f"Nobody listens at {where}: is the server running?"
    if isinstance(problem, ConnectionError):
        return f"{where} hung up at once: look at the port, and whether it is ws:// or wss:// there."
    if isinstance(problem, OSError):
        return f"{where} cannot be reached: {explain(problem)}."
    return f"{where} cannot be reached."
