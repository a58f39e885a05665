"""A place in a folder of a WebDAV server (RFC 4918): Nextcloud, a NAS, Apache, nginx, rclone.

Four methods are used, because servers agree on little else: PROPFIND of depth 1, GET with a range, PUT, DELETE. Conditions
(`If-None-Match`) are not: of five servers two ignore them, and nothing here needs them. Two leave the part of a cut upload under its final
name: it has another length than its name says, and is written again.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote, urlsplit
from xml.parsers import expat

from jpterm_like.places.base import (
    Damaged,
    Moved,
    Unreachable,
    check_file_name,
    in_sentence,
    is_file_name,
    nobody_counts,
)
from jpterm_like.places.http_client import DIGITS_MAX, MISSING, HttpClient
from jpterm_like.places.logins import NO_LOGINS, Logins

LISTING_BYTES_MAX: Final = 128 << 20
"""Longest answer to a listing: a quarter of a million names of ours on the most talkative server."""

TEXT_LENGTH_MAX: Final = 8192
"""Characters of an address or a length in a listing; the rest is not looked at."""

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
        listing = _Listing(unquote(self._client.path))
        try:
            if len(data) <= LISTING_BYTES_MAX:
                return listing.parse(data)
        except (expat.ExpatError, ValueError):
            pass
        raise Damaged(f"{in_sentence(self)} does not answer as a WebDAV server.")

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


class _Listing:
    """Reads an answer to PROPFIND. Of it only names and sizes are kept, so a long one takes little more memory than its bytes.

    Args:
        folder: the path of the folder at the server. Entries of others are left out.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._files: dict[str, int] = {}
        self._href: str | None = None
        """The first address in the current entry."""
        self._size_bytes = ""
        self._is_folder = False
        self._text: list[str] = []
        self._room = 0
        """Characters that are still read of the current text."""

    def parse(self, data: bytes) -> dict[str, int]:
        """Return the files with their sizes.

        Raises:
            ExpatError: it is no XML.
            ValueError: it has declarations, which no answer of a server has, and a few of them can be gigabytes; or an address that is none.
        """
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._note_text
        parser.Parse(data, True)
        return self._files

    def _refuse(self, *declaration: object) -> None:
        raise ValueError("a declaration")

    def _start(self, tag: str, attributes: object) -> None:
        self._text, self._room = [], TEXT_LENGTH_MAX if tag in _TEXTS else 0
        if tag == "DAV: response":
            self._href, self._size_bytes, self._is_folder = None, "", False
        elif tag == "DAV: collection":
            self._is_folder = True

    def _note_text(self, text: str) -> None:
        if self._room:
            self._text.append(text[: self._room])
            self._room -= len(self._text[-1])

    def _end(self, tag: str) -> None:
        text, self._room = "".join(self._text).strip(), 0
        if tag == "DAV: href" and self._href is None:
            self._href = text
        elif tag == "DAV: getcontentlength":
            self._size_bytes = self._size_bytes or text
        elif tag == "DAV: response":
            self._note_file()

    def _note_file(self) -> None:
        folder, _, name = urlsplit(self._href or "").path.rpartition("/")
        name, size_bytes = unquote(name, errors="surrogateescape"), self._size_bytes
        if self._is_folder or unquote(folder + "/") != self._folder or not is_file_name(name):
            return
        if size_bytes.isdecimal() and len(size_bytes) <= DIGITS_MAX:
            self._files[name] = int(size_bytes)


_TEXTS: Final = frozenset(("DAV: href", "DAV: getcontentlength"))
"""The elements whose text is read."""
