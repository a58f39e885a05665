"""Requests to one folder of a web server, for the places that speak HTTP. The only module that knows urllib3.

Redirections are not followed: they could lead a password, or what is written, elsewhere. A password goes through TLS, or to this machine. An answer
is taken as it comes, never inflated, and has an end: after some bytes, or when it comes too slowly.
"""

from __future__ import annotations

import base64
import io
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final, NoReturn
from urllib.parse import quote, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, MaxRetryError, SSLError
from urllib3.response import BaseHTTPResponse

from jpterm_like.errors import escape_for_terminal
from jpterm_like.places.base import (
    BYTES_PER_S_MIN,
    CONNECT_S,
    FILE_BYTES_MAX,
    SILENCE_S,
    Damaged,
    Gone,
    Moved,
    PlaceError,
    Refused,
    Unreachable,
    check_file_name,
    check_read,
    is_this_machine,
    nobody_counts,
)
from jpterm_like.places.logins import NO_LOGINS, Login, Logins

MISSING: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
"""Answers that say that nothing is there."""

PART_BYTES: Final = 1 << 16
"""Bytes of an answer that are read at a time: so few that people see progress on a slow line."""

SEND_BUFFER_BYTES: Final = 128 << 10
"""Bytes of an upload that the system buffers. By default it takes some megabytes, and progress would count them long before they are sent."""

DIGITS_MAX: Final = 15
"""Digits of a length that a server says."""

TRIES_MAX: Final = 3
"""Limit of passwords that a person is asked for in one request."""

_REFUSALS: Final = {
    HTTPStatus.UNAUTHORIZED: "it wants a name and a password that are right",
    HTTPStatus.FORBIDDEN: "you may not do that there",
    HTTPStatus.METHOD_NOT_ALLOWED: "it is no WebDAV server, or you may only read there",
    HTTPStatus.NOT_IMPLEMENTED: "it is no WebDAV server",
    HTTPStatus.UPGRADE_REQUIRED: "it is a server of texts that are open, whose addresses begin with ws:// or wss://",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "it takes no file of that length",
    HTTPStatus.INSUFFICIENT_STORAGE: "its disk, or your share of it, is full",
}
"""Answers after which a person has to do something."""


class HttpClient:
    """Requests to a folder.

    Args:
        url: of the folder; `http` or `https`, without credentials.
        address: how people call the place.
        user: the name for the server, if the address has one.
        logins: knows the password.
        moved: is told the bytes of files as they come and go.

    Raises:
        Refused: a password is known, and would be sent in the clear.
    """

    def __init__(
        self,
        url: str,
        address: str,
        user: str = "",
        logins: Logins = NO_LOGINS,
        moved: Moved = nobody_counts,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.query:
            raise ValueError("not the address of a folder on a web server")
        self.url = url.rstrip("/") + "/"
        self.address = address
        self.path = parts.path.rstrip("/") + "/"
        self._server = f"{parts.scheme}://{parts.netloc}"
        self._user = user
        self._logins = logins
        self._moved = moved
        self._is_private = parts.scheme == "https" or is_this_machine(parts.hostname)
        self._headers = {"Accept-Encoding": "identity", "User-Agent": "jpterm-like"}
        if (login := logins.find(self._server, user)) is not None:
            self._use(login)
        # A server that was restarted closes kept connections, so a request is tried again. The caller judges the status.
        retries = urllib3.Retry(
            total=2,
            redirect=0,
            status=0,
            allowed_methods=None,
            backoff_factor=0.2,
            respect_retry_after_header=False,  # else an answer is read to its end, which it need not have
        )
        self._pool = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=CONNECT_S, read=SILENCE_S),
            retries=retries,
            maxsize=4,
            socket_options=[
                *HTTPConnection.default_socket_options,
                (socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES),
            ],
        )
        self._pool.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}

    def close(self) -> None:
        """End the kept connections. The next call makes others."""
        self._pool.clear()

    def ask(
        self,
        method: str,
        name: str,
        bytes_max: int = 1 << 20,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """Make a request about a file, or the folder itself; return the status, and the first `bytes_max` + 1 bytes of the answer.

        Raises:
            Unreachable: there is no answer.
        """
        status, data = self._ask_once(method, name, bytes_max, body, headers or {})
        for _ in range(TRIES_MAX):
            if status != HTTPStatus.UNAUTHORIZED or not self._is_private:
                break
            if (login := self._logins.ask(self._server, self._user)) is None:
                break
            self._use(login)
            status, data = self._ask_once(method, name, bytes_max, body, headers or {})
            if status not in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
                self._logins.accepted(self._server, login)
        return status, data

    def read(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        """Read a file; see `Place.read`."""
        check_file_name(name)
        is_part = start > 0 or end is not None
        headers = {"Range": f"bytes={start}-{'' if end is None else end - 1}"} if is_part else {}
        status, data = self.ask("GET", name, FILE_BYTES_MAX, headers=headers)
        if status in MISSING:
            raise Gone(f"{escape_for_terminal(name)} is not there.")
        if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise Damaged(f"{escape_for_terminal(name)} is shorter than it should be.")
        if status == HTTPStatus.OK and is_part:  # a server that knows no ranges
            data = data[start:end]
        elif status not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
            self.fail(status)
        return check_read(name, data, start, end)

    def length(self, name: str) -> int | None:
        """Return the length of a file in bytes, None if the server does not say."""
        check_file_name(name)
        try:
            response = self._pool.request(
                "HEAD", self.url + quote(name), headers=self._headers, redirect=False, preload_content=False
            )
            response.release_conn()
        except (HTTPError, OSError) as problem:
            raise self._no_answer(problem) from problem
        length = response.headers.get("Content-Length", "")
        is_length = response.status == HTTPStatus.OK and length.isdecimal() and len(length) <= DIGITS_MAX
        return int(length) if is_length else None

    def send_in_part(self, name: str, data: bytes, sent_bytes: int) -> None:
        """Begin a PUT, and end its connection after so many bytes of the file."""
        check_file_name(name)
        body = _CutBody(data[:sent_bytes])
        headers = {**self._headers, "Content-Length": str(len(data))}
        with suppress(HTTPError, OSError, _Cut):
            self._pool.request(
                "PUT", self.url + quote(name), body=body, headers=headers, redirect=False, retries=False
            )
        self._pool.clear()

    def _use(self, login: Login) -> None:
        if not self._is_private:
            raise Refused(
                f"The place {escape_for_terminal(self.address)} is not asked, because it would get your password unencrypted."
            )
        known = base64.b64encode(f"{login.user}:{login.password}".encode("utf-8", "surrogatepass"))
        self._headers["Authorization"] = f"Basic {known.decode('ascii')}"

    def _ask_once(
        self, method: str, name: str, bytes_max: int, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        length = {} if body is None else {"Content-Length": str(len(body))}
        moved = self._moved if method in ("GET", "PUT") and name else nobody_counts
        try:
            response = self._pool.request(
                method,
                self.url + quote(name),
                body=None if body is None else _Body(body, moved),
                headers={**self._headers, **headers, **length},
                preload_content=False,
                decode_content=False,
                redirect=False,
            )
            status: int = response.status
            try:
                data = self._body(response, bytes_max + 1, moved if method == "GET" else nobody_counts)
                is_whole = len(data) <= bytes_max
            except BaseException:
                is_whole = False
                raise
            finally:
                if not is_whole:
                    response.close()
                response.release_conn()
            return status, data
        except (HTTPError, OSError) as problem:
            raise self._no_answer(problem) from problem

    def _body(self, response: BaseHTTPResponse, bytes_max: int, moved: Moved) -> bytes:
        """Read the body of an answer, or its first bytes.

        Raises:
            TimeoutError: it comes too slowly.
        """
        parts: list[bytes] = []
        rest, began_s = bytes_max, time.monotonic()
        while rest > 0 and (part := response.read1(min(rest, PART_BYTES))):
            parts.append(part)
            rest -= len(part)
            moved(len(part))
            if time.monotonic() - began_s > SILENCE_S + (bytes_max - rest) / BYTES_PER_S_MIN:
                raise TimeoutError
        return b"".join(parts)

    def _no_answer(self, problem: Exception) -> PlaceError:
        where = f"The place {escape_for_terminal(self.address)}"
        reason = problem.reason if isinstance(problem, MaxRetryError) else problem
        if isinstance(reason, SSLError):
            return Refused(f"{where} is not asked, because its certificate is not one that is trusted here.")
        return Unreachable(f"{where} does not answer.")

    def fail(self, status: int) -> NoReturn:
        """Raise the error that a status means."""
        error: type[PlaceError] = Unreachable
        if status in _REFUSALS:
            error, reason = Refused, _REFUSALS[HTTPStatus(status)]
        elif 300 <= status < 400:
            error, reason = Refused, "it has moved; use its new address"
        elif status == HTTPStatus.CONFLICT:
            reason = "its folder is not there"
        elif status == HTTPStatus.LOCKED:
            reason = "somebody has locked it"
        else:
            reason = f"it answers with {status}"
        raise error(f"The place {escape_for_terminal(self.address)} cannot be used: {reason}.")


class _EndsHeads:
    """A connection that ends if the lines before the body of an answer take too long: one byte a minute is no silence, and
    a server may say "100 Continue" for ever."""

    def getresponse(self) -> Any:
        connection: Any = self
        is_late = threading.Event()
        timer = threading.Timer(SILENCE_S, _end, [connection.sock, is_late])
        timer.daemon = True
        timer.start()
        try:
            response = super().getresponse()  # type: ignore[misc]  # of the connection that this is mixed into
        finally:
            timer.cancel()
        if is_late.is_set():
            response.close()
            raise TimeoutError
        return response


def _end(sock: socket.socket, is_late: threading.Event) -> None:
    is_late.set()
    with suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)  # below TLS, which another thread is reading


class _HttpConnection(_EndsHeads, HTTPConnection):
    pass


class _HttpsConnection(_EndsHeads, HTTPSConnection):
    pass


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


class _Body(io.BytesIO):
    """The body of an upload, which reports the bytes that were sent. If it is sent again, those that go back are reported as fewer than 0."""

    def __init__(self, data: bytes, moved: Moved) -> None:
        super().__init__(data)
        self._moved = moved

    def read(self, size: int | None = -1, /) -> bytes:
        part = super().read(size)
        self._moved(len(part))
        return part

    def seek(self, offset: int, whence: int = 0, /) -> int:
        before = self.tell()
        after = super().seek(offset, whence)
        self._moved(after - before)
        return after


class _Cut(Exception):
    """Ends an upload on purpose."""


class _CutBody(io.BytesIO):
    """The body of an upload that ends its connection after its last byte."""

    def read(self, size: int | None = -1, /) -> bytes:
        if part := super().read(size):
            return part
        raise _Cut
