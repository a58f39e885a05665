"""A place in a folder of a WebDAV server (RFC 4918): Nextcloud, a NAS, Apache, nginx, rclone.

Four methods are used, because servers agree on little else: PROPFIND of depth 1, GET with a range, PUT, DELETE. Conditions
(`If-None-Match`) are not: of five servers two ignore them, and nothing here needs them. Two leave the part of a cut upload under its final
name: it has another length than its name says, and is written again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

from jpterm_like.places.base import (
    Damaged,
    Moved,
    Unreachable,
    check_file_name,
    in_sentence,
    is_file_name,
    nobody_counts,
)
from jpterm_like.places.http_client import MISSING, HttpClient
from jpterm_like.places.logins import NO_LOGINS, Logins

LISTING_BYTES_MAX: Final = 256 << 20
"""Longest answer to a listing: half a million names of ours on the most talkative server."""

_PROPFIND: Final = (
    b'<?xml version="1.0" encoding="utf-8"?>'
    b'<propfind xmlns="DAV:"><prop><getcontentlength/><resourcetype/></prop></propfind>'
)


class WebdavPlace:
    """A folder of a server, which must exist.

    Args:
        url: of the folder; `http` or `https`, without credentials.
        user: the name for the server, if the address has one.
        logins: knows the password, which is only sent through TLS, or to this machine.
        moved: is told the bytes of files as they come and go.

    Raises:
        Refused: a password is known, and would be sent in the clear.
    """

    def __init__(
        self, url: str, user: str = "", logins: Logins = NO_LOGINS, moved: Moved = nobody_counts
    ) -> None:
        self.address = "webdav" + url.removeprefix("http").rstrip("/") + "/"
        self._client = HttpClient(url, self.address, user, logins, moved)

    def close(self) -> None:
        """End the kept connections. The next call makes others."""
        self._client.close()

    def list(self) -> Mapping[str, int]:
        status, data = self._client.ask(
            "PROPFIND",
            "",
            LISTING_BYTES_MAX,
            body=_PROPFIND,
            headers={"Depth": "1", "Content-Type": "application/xml; charset=utf-8"},
        )
        if status in MISSING:
            raise Unreachable(f"{in_sentence(self)} is not there.")
        if status != HTTPStatus.MULTI_STATUS:
            self._client.fail(status)
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
            if unquote(folder + "/") != unquote(self._client.path) or is_folder or not size_bytes:
                continue
            if is_file_name(name) and size_bytes.strip().isdecimal():
                yield name, int(size_bytes)

    def read(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        return self._client.read(name, start, end)

    def write(self, name: str, data: bytes) -> None:
        check_file_name(name)
        status, _ = self._client.ask(
            "PUT", name, body=data, headers={"Content-Type": "application/octet-stream"}
        )
        if status not in (HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.NO_CONTENT):
            self._client.fail(status)

    def remove(self, name: str) -> None:
        check_file_name(name)
        status, _ = self._client.ask("DELETE", name)
        if status not in (HTTPStatus.OK, HTTPStatus.ACCEPTED, HTTPStatus.NO_CONTENT, *MISSING):
            self._client.fail(status)

    def write_in_part(self, name: str, data: bytes, sent_bytes: int) -> None:
        """See `trial.Cuttable`."""
        self._client.send_in_part(name, data, sent_bytes)

    def write_if_new(self, name: str, data: bytes) -> bool:
        """See `trial.Cuttable`."""
        check_file_name(name)
        status, _ = self._client.ask("PUT", name, body=data, headers={"If-None-Match": "*"})
        return 200 <= status < 300
