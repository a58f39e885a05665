"""Which connections are taken from the system: bounds before anything is read of them, TLS included.

asyncio takes every connection that comes, and counts nothing; libraries above it see one when its TLS handshake is done. So
the socket that listens does it.
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

UNKNOWN_MAX: Final = 256
"""Connections to one door that have not said who they are."""
REFUSED_MAX: Final = 100
"""So many are refused in one turn of the event loop."""
PAUSE_S: Final = 0.5
"""When the system has no descriptor for a new connection, asyncio looks again after a second. It asks on in this turn, and would
log a traceback for each answer: within so long it is told that nothing has come."""

_NONE_LEFT: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_FULL: Final = b"The server has no room for another connection just now.\n"
_RESPONSE: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(_FULL), _FULL)
)


class _Unknown(NamedTuple):
    line: socket.socket
    source: str


class Gate:
    """Who may come in through one door.

    Of those that have not said who they are, `unknown_max` are there at a time. One more, and the oldest of the address (or
    user of the machine) that has most of them is cut off: so a flood from one address puts out itself, and whoever needs a
    moment only comes in.

    Args:
        ceiling: connections have descriptors below this number.
    """

    def __init__(self, unknown_max: int = UNKNOWN_MAX, ceiling: int = sys.maxsize) -> None:
        self.unknown_max = unknown_max
        self._ceiling = ceiling
        self._unknown: dict[int, _Unknown] = {}  # by descriptor, the oldest first

    def takes(self, line: socket.socket, source: str) -> bool:
        """Whether a new connection is taken; it is unknown then."""
        number = line.fileno()
        if number >= self._ceiling:
            return False
        if len(self._unknown) >= self.unknown_max:
            self._unknown = {at: each for at, each in self._unknown.items() if each.line.fileno() == at}
        if len(self._unknown) >= self.unknown_max:
            self._cut_one()
        self._unknown.pop(number, None)  # of a connection that has ended
        self._unknown[number] = _Unknown(line, source)
        return True

    def _cut_one(self) -> None:
        [(most, _)] = Counter(each.source for each in self._unknown.values()).most_common(1)
        number = next(at for at, each in self._unknown.items() if each.source == most)
        with contextlib.suppress(OSError):  # the event loop finds it at its end, and closes it
            self._unknown.pop(number).line.shutdown(socket.SHUT_RDWR)

    def know(self, number: int) -> None:
        """A connection is unknown no longer: it was let in, or sent away."""
        self._unknown.pop(number, None)


class Accepting(socket.socket):
    """A socket that listens, and whose connections come through a gate."""

    def __init__(self, plain: socket.socket, gate: Gate, *, speaks_http: bool) -> None:
        super().__init__(plain.family, plain.type, plain.proto, plain.detach())
        self._gate = gate
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
                # What went wrong with a connection while it waited is its own matter (accept(2), "Error handling").
                raise BlockingIOError from problem
            if self._gate.takes(line, _source(line, address)):
                return line, address
            if self._speaks_http:
                with contextlib.suppress(OSError):
                    line.setblocking(False)
                    line.send(_RESPONSE)
            line.close()
        raise BlockingIOError


def _source(line: socket.socket, address: Any) -> str:
    """What counts as one: a user of this machine, this machine, an address, a network that is given to one customer."""
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
    """User and group of the process at the other end of a unix socket, as the kernel says."""
    if sys.platform == "darwin":
        version, uid, _, gid = struct.unpack(
            "=IIh2xI", line.getsockopt(0, 1, 16)
        )  # SOL_LOCAL, LOCAL_PEERCRED
        assert version == 0
        return uid, gid
    _, uid, gid = struct.unpack("3i", line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return uid, gid
