"""Requests to one folder of a web server, for the places that speak HTTP. The only module that knows urllib3.

Redirections are not followed: they could lead a password, or what is written, elsewhere. A password goes through TLS, or to this machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, NoReturn
from urllib.parse import quote, urlsplit

import urllib3
from urllib3.exceptions import HTTPError, MaxRetryError, SSLError

from jpterm_like.errors import escape_for_terminal
from jpterm_like.places.base import CONNECT_S, SILENCE_S, PlaceError, Refused, Unreachable, is_this_machine
from jpterm_like.places.logins import NO_LOGINS, Login, Logins

MISSING: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
"""Answers that say that nothing is there."""

TRIES_MAX: Final = 3
"""How often a person is asked for a password that is right."""

_REFUSALS: Final = {
    HTTPStatus.UNAUTHORIZED: "it wants a name and a password that are right",
    HTTPStatus.FORBIDDEN: "you may not do that there",
    HTTPStatus.METHOD_NOT_ALLOWED: "it is no WebDAV server, or you may only read there",
    HTTPStatus.NOT_IMPLEMENTED: "it is no WebDAV server",
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

    Raises:
        Refused: a password is known, and would be sent in the clear.
    """

    def __init__(self, url: str, address: str, user: str = "", logins: Logins = NO_LOGINS) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.query:
            raise ValueError("not the address of a folder on a web server")
        self.url = url.rstrip("/") + "/"
        self.address = address
        self.path = parts.path.rstrip("/") + "/"
        self._server = f"{parts.scheme}://{parts.netloc}"
        self._user = user
        self._logins = logins
        self._is_private = parts.scheme == "https" or is_this_machine(parts.hostname)
        self._headers = {"Accept-Encoding": "identity", "User-Agent": "jpterm-like"}
        if (login := logins.find(self._server, user)) is not None:
            self._use(login)
        # A server that was restarted closes kept connections: one more try. What a status says is for the caller.
        retries = urllib3.Retry(total=2, redirect=0, status=0, allowed_methods=None, backoff_factor=0.2)
        self._pool = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=CONNECT_S, read=SILENCE_S), retries=retries, maxsize=4
        )

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

    def _use(self, login: Login) -> None:
        if not self._is_private:
            raise Refused(
                f"The place {escape_for_terminal(self.address)} is not asked, because it would get your password unencrypted."
            )
        self._headers |= urllib3.make_headers(basic_auth=f"{login.user}:{login.password}")

    def _ask_once(
        self, method: str, name: str, bytes_max: int, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        try:
            response = self._pool.request(
                method,
                self.url + quote(name),
                body=body,
                headers={**self._headers, **headers},
                preload_content=False,
                redirect=False,
            )
            try:
                parts: list[bytes] = []
                rest = bytes_max + 1
                while rest > 0 and (part := response.read(min(rest, 1 << 20))):
                    parts.append(part)
                    rest -= len(part)
                status: int = response.status
                if rest <= 0:
                    response.close()
                return status, b"".join(parts)
            finally:
                response.release_conn()
        except (HTTPError, OSError) as problem:
            where = f"The place {escape_for_terminal(self.address)}"
            if isinstance(problem, SSLError) or (
                isinstance(problem, MaxRetryError) and isinstance(problem.reason, SSLError)
            ):
                raise Refused(
                    f"{where} is not asked, because its certificate is not one that is trusted here."
                ) from problem
            raise Unreachable(f"{where} does not answer.") from problem

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
