"""Limits on accepted connections, enforced before anything is read from them, TLS included.

asyncio accepts every connection without counting, and libraries above it only see those that completed the TLS
handshake. So the listening socket itself enforces the limits.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import socket
import struct
import sys
import time
from collections import Counter
from typing import Any, Final, NamedTuple

UNIDENTIFIED_MAX: Final = 256
"""Most connections to one listener that have not identified themselves."""
REFUSED_MAX: Final = 100
"""Most connections refused in one turn of the event loop."""
PAUSE_S: Final = 0.5
"""Without free descriptors asyncio pauses for a second, but keeps accepting in the current turn and would log a
traceback for each failure: for this long it is told that no connection is waiting."""

_NONE_LEFT: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_FULL: Final = b"The server has no room for another connection just now.\n"
_RESPONSE: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(_FULL), _FULL)
)


class _Unidentified(NamedTuple):
    line: socket.socket
    source: str


class ConnectionLimiter:
    """Limits the connections to one listener that have not identified themselves yet.

    When there are more than `unidentified_max`, the oldest one of the source with most of them (an address, or a
    local user) is cut off: so a flood from one address only hurts itself, and a slow client elsewhere still gets in.

    Args:
        ceiling: connections must have descriptors below this number.
    """

    def __init__(self, unidentified_max: int = UNIDENTIFIED_MAX, ceiling: int = sys.maxsize) -> None:
        self.unidentified_max = unidentified_max
        self._ceiling = ceiling
        self._unidentified: dict[int, _Unidentified] = {}  # by descriptor, oldest first

    def accept(self, line: socket.socket, source: str) -> bool:
        """Accept a new connection as unidentified; False if it must be refused."""
        number = line.fileno()
        if number >= self._ceiling:
            return False
        if len(self._unidentified) >= self.unidentified_max:
            self._unidentified = {
                at: each for at, each in self._unidentified.items() if each.line.fileno() == at
            }
        if len(self._unidentified) >= self.unidentified_max:
            self._cut_one()
        self._unidentified.pop(number, None)  # left by a connection that has ended
        self._unidentified[number] = _Unidentified(line, source)
        return True

    def _cut_one(self) -> None:
        [(most, _)] = Counter(each.source for each in self._unidentified.values()).most_common(1)
        number = next(at for at, each in self._unidentified.items() if each.source == most)
        with contextlib.suppress(OSError):  # the event loop then sees its end, and closes it
            self._unidentified.pop(number).line.shutdown(socket.SHUT_RDWR)

    def mark_identified(self, number: int) -> None:
        """Stop counting a connection that was admitted or refused, given by its descriptor."""
        self._unidentified.pop(number, None)


class LimitedSocket(socket.socket):
    """A listening socket whose connections pass a limiter."""

    def __init__(self, plain: socket.socket, limiter: ConnectionLimiter, *, speaks_http: bool) -> None:
        super().__init__(plain.family, plain.type, plain.proto, plain.detach())
        self._limiter = limiter
        self._speaks_http = speaks_http
        self._none_left_at = float("-inf")

    def accept(self) -> tuple[socket.socket, Any]:
        for _ in range(REFUSED_MAX):
            try:
                line, address = super().accept()
            except OSError as problem:
                now = time.monotonic()
                if problem.errno in _NONE_LEFT and now - self._none_left_at >= PAUSE_S:
                    self._none_left_at = now
                    raise
                # Errors of the waiting connection itself only concern that connection (accept(2), "Error handling").
                raise BlockingIOError from problem
            if self._limiter.accept(line, _source(line, address)):
                return line, address
            if self._speaks_http:
                with contextlib.suppress(OSError):
                    line.setblocking(False)
                    line.send(_RESPONSE)
            line.close()
        raise BlockingIOError


def _source(line: socket.socket, address: Any) -> str:
    """Name the source to count a connection under: a local user, this machine, an address, or an IPv6 network of one
    customer."""
    if line.family == socket.AF_UNIX:
        try:
            return f"uid {user_behind(line)[0]}"
        except OSError:
            return "gone"
    host = ipaddress.ip_address(address[0].partition("%")[0])
    if host.is_loopback:
        return "this machine"
    return str(host) if host.version == 4 else str(ipaddress.ip_network((host, 64), strict=False))


def user_behind(line: socket.socket) -> tuple[int, int]:
    """Return user and group of the process at the other end of a unix socket, according to the kernel."""
    if sys.platform == "darwin":
        version, uid, _, gid = struct.unpack(
            "=IIh2xI", line.getsockopt(0, 1, 16)
        )  # SOL_LOCAL, LOCAL_PEERCRED
        assert version == 0
        return uid, gid
    _, uid, gid = struct.unpack("3i", line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return uid, gid
