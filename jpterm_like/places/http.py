"""A place in a folder of any web server, to read: nginx with its index as HTML or JSON, Apache, Python's `http.server`.

An index in HTML says nothing exact of lengths. The name of a pack has its length, so a torn one is found when it is read; of the few other
files the server is asked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from html.parser import HTMLParser
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote, urljoin, urlsplit

from jpterm_like.packs.names import parse
from jpterm_like.places.base import (
    Damaged,
    Moved,
    ReadOnly,
    Unreachable,
    check_file_name,
    in_sentence,
    is_file_name,
    nobody_counts,
)
from jpterm_like.places.http_client import MISSING, HttpClient
from jpterm_like.places.logins import NO_LOGINS, Logins

LISTING_BYTES_MAX: Final = 64 << 20
"""Longest index: a quarter of a million names of ours on the most talkative server."""

COMMAS_MAX: Final = 2_000_000
"""Commas in an index as JSON; four are about one file. Every value between them becomes an object of Python."""

ASKED_MAX: Final = 20
"""Limit of files that are no packs of which the server is asked for the length; the others are left out."""


class HttpPlace:
    """A folder of a web server that lists it.

    Args:
        url: of the folder; `http` or `https`, without credentials.
        user: the name for the server, if the address has one.
        logins: knows the password, which is only sent through TLS, or to this machine.
        moved: is told the bytes of files as they come.

    Raises:
        Refused: a password is known, and would be sent in the clear.
    """

    def __init__(
        self, url: str, user: str = "", logins: Logins = NO_LOGINS, moved: Moved = nobody_counts
    ) -> None:
        self.address = url.rstrip("/") + "/"
        self._client = HttpClient(url, self.address, user, logins, moved)

    def close(self) -> None:
        """End the kept connections. The next call makes others."""
        self._client.close()

    def list(self) -> dict[str, int]:
        status, data = self._client.ask("GET", "", LISTING_BYTES_MAX)
        if status in MISSING:
            raise Unreachable(f"{in_sentence(self)} is not there.")
        if status != HTTPStatus.OK:
            self._client.fail(status)
        if len(data) > LISTING_BYTES_MAX:
            raise Damaged(f"{in_sentence(self)} lists more than is read.")
        if data.lstrip()[:1] == b"[":
            return dict(self._of_json(data))
        return dict(self._of_html(data))

    def _of_json(self, data: bytes) -> Iterator[tuple[str, int]]:
        entries: Any = None
        with suppress(ValueError, RecursionError):
            if data.count(b",") <= COMMAS_MAX:
                entries = json.loads(data)
        if not isinstance(entries, list):
            raise Damaged(f"{in_sentence(self)} does not list its files.")
        for entry in entries:
            if isinstance(entry, dict) and entry.get("type") == "file":
                name, size_bytes = entry.get("name"), entry.get("size")
                if isinstance(name, str) and is_file_name(name) and type(size_bytes) is int:
                    yield name, size_bytes

    def _of_html(self, data: bytes) -> Iterator[tuple[str, int]]:
        links = _Links()
        links.feed(data.decode("utf-8", "replace"))
        if not links.found and b"<" not in data:
            raise Damaged(f"{in_sentence(self)} does not list its files.")
        asked = 0
        for name in dict.fromkeys(filter(None, map(self._name, links.found))):
            if pack := parse(name):
                yield name, pack.size_bytes
            elif asked < ASKED_MAX:
                asked += 1
                size_bytes = self._client.length(name)
                if size_bytes is not None:
                    yield name, size_bytes

    def _name(self, link: str) -> str | None:
        """Return the name of the file that a link of an index leads to; None if it leads elsewhere."""
        try:
            parts = urlsplit(urljoin(self._client.url, link))
        except ValueError:
            return None
        folder, _, name = parts.path.rpartition("/")
        here = urlsplit(self._client.url)
        if parts.query or parts.netloc != here.netloc or unquote(folder) + "/" != unquote(here.path):
            return None  # other folders and servers, and the columns by which an index is sorted
        name = unquote(name, errors="surrogateescape")
        return name if is_file_name(name) else None

    def read(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        return self._client.read(name, start, end)

    def write(self, name: str, data: bytes) -> None:
        check_file_name(name)
        raise ReadOnly(self)

    def remove(self, name: str) -> None:
        check_file_name(name)
        raise ReadOnly(self)


class _Links(HTMLParser):
    """The links of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found += [value for name, value in attrs if name == "href" and value]
