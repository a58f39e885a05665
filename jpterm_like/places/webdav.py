"""A place in a folder of a WebDAV server (RFC 4918): Nextcloud, a NAS, Apache, nginx, rclone. The only module that knows urllib3.

Four methods are used, because servers agree on little else: PROPFIND of depth 1, GET with a range, PUT, DELETE. Conditions
(`If-None-Match`) are not: of five servers two ignore them, and nothing here needs them. Two leave the part of a cut upload under its final
name: it has another length than its name says, and is written again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Final, NoReturn
from urllib.parse import quote, unquote, urlsplit
from xml.etree import ElementTree

import urllib3
from urllib3.exceptions import HTTPError

from jpterm_like.errors import escape_for_terminal
from jpterm_like.places.base import (
    CONNECT_S,
    FILE_BYTES_MAX,
    SILENCE_S,
    Damaged,
    Gone,
    PlaceError,
    Refused,
    Unreachable,
    check_file_name,
    check_read,
    in_sentence,
    is_file_name,
    is_this_machine,
)

LISTING_BYTES_MAX: Final = 256 << 20
"""Longest answer to a listing: half a million names of ours on the most talkative server."""

_PROPFIND: Final = (
    b'<?xml version="1.0" encoding="utf-8"?>'
    b'<propfind xmlns="DAV:"><prop><getcontentlength/><resourcetype/></prop></propfind>'
)

_REFUSALS: Final = {
    HTTPStatus.UNAUTHORIZED: "it wants a name and a password",
    HTTPStatus.FORBIDDEN: "you may not do that there",
    HTTPStatus.METHOD_NOT_ALLOWED: "it is no WebDAV server, or you may only read there",
    HTTPStatus.NOT_IMPLEMENTED: "it is no WebDAV server",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "it takes no file of that length",
    HTTPStatus.INSUFFICIENT_STORAGE: "its disk, or your share of it, is full",
}
"""Answers after which a person has to do something."""

_MISSING: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)


class WebdavPlace:
    """A folder of a server, which must exist.

    Args:
        url: of the folder; `http` or `https`, without credentials.
        user: the name for the server, if it wants one.
        password: only sent through TLS, or to this machine.

    Raises:
        Refused: the password would be sent in the clear.
    """

    def __init__(self, url: str, user: str = "", password: str = "") -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise ValueError("not the address of a folder on a WebDAV server")
        self.address = url.rstrip("/") + "/"
        self._path = parts.path.rstrip("/") + "/"
        headers = {"Accept-Encoding": "identity", "User-Agent": "jpterm-like"}
        if user or password:
            if parts.scheme != "https" and not is_this_machine(parts.hostname):
                raise Refused(
                    f"{in_sentence(self)} is not asked, because it would get your password unencrypted."
                )
            headers |= urllib3.make_headers(basic_auth=f"{user}:{password}")
        self._headers = headers
        # A server that was restarted closes kept connections: one more try. What a status says is for the caller.
        retries = urllib3.Retry(total=2, redirect=0, status=0, allowed_methods=None, backoff_factor=0.2)
        self._pool = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=CONNECT_S, read=SILENCE_S), retries=retries, maxsize=4
        )

    def close(self) -> None:
        """End the kept connections. The next call makes others."""
        self._pool.clear()

    def list(self) -> Mapping[str, int]:
        status, data = self._ask(
            "PROPFIND",
            "",
            LISTING_BYTES_MAX,
            body=_PROPFIND,
            headers={"Depth": "1", "Content-Type": "application/xml; charset=utf-8"},
        )
        if status in _MISSING:
            raise Unreachable(f"{in_sentence(self)} is not there.")
        if status != HTTPStatus.MULTI_STATUS:
            self._fail(status)
        # Entities are in no answer of a server, and a few of them can be gigabytes.
        if len(data) > LISTING_BYTES_MAX or b"<!DOCTYPE" in data or b"<!ENTITY" in data:
            raise Damaged(f"{in_sentence(self)} does not answer as a WebDAV server.")
        try:
            return dict(self._files(ElementTree.fromstring(data)))
        except (ElementTree.ParseError, ValueError):
            raise Damaged(f"{in_sentence(self)} does not answer as a WebDAV server.") from None

    def _files(self, answer: ElementTree.Element) -> Iterator[tuple[str, int]]:
        for response in answer.iter("{DAV:}response"):
            href = urlsplit((response.findtext("{DAV:}href") or "").strip()).path
            folder, _, name = href.rpartition("/")
            size_bytes = response.findtext(".//{DAV:}getcontentlength")
            is_folder = response.find(".//{DAV:}resourcetype/{DAV:}collection") is not None
            name = unquote(name, errors="surrogateescape")
            if unquote(folder + "/") != unquote(self._path) or is_folder or not size_bytes:
                continue
            if is_file_name(name) and size_bytes.strip().isdecimal():
                yield name, int(size_bytes)

    def read(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        check_file_name(name)
        is_part = start > 0 or end is not None
        headers = {"Range": f"bytes={start}-{'' if end is None else end - 1}"} if is_part else {}
        status, data = self._ask("GET", name, FILE_BYTES_MAX, headers=headers)
        if status in _MISSING:
            raise Gone(f"{escape_for_terminal(name)} is not there.")
        if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise Damaged(f"{escape_for_terminal(name)} is shorter than it should be.")
        if status == HTTPStatus.OK and is_part:  # a server that knows no ranges
            data = data[start:end]
        elif status not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
            self._fail(status)
        return check_read(name, data, start, end)

    def write(self, name: str, data: bytes) -> None:
        check_file_name(name)
        status, _ = self._ask("PUT", name, body=data, headers={"Content-Type": "application/octet-stream"})
        if status not in (HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.NO_CONTENT):
            self._fail(status)

    def remove(self, name: str) -> None:
        check_file_name(name)
        status, _ = self._ask("DELETE", name)
        if status not in (HTTPStatus.OK, HTTPStatus.ACCEPTED, HTTPStatus.NO_CONTENT, *_MISSING):
            self._fail(status)

    def _ask(
        self,
        method: str,
        name: str,
        bytes_max: int = 1 << 20,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """Make a request; return the status, and the first `bytes_max` + 1 bytes of the answer."""
        try:
            response = self._pool.request(
                method,
                self.address + quote(name),
                body=body,
                headers={**self._headers, **(headers or {})},
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
            raise Unreachable(f"{in_sentence(self)} does not answer.") from problem

    def _fail(self, status: int) -> NoReturn:
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
        raise error(f"{in_sentence(self)} cannot be used: {reason}.")
