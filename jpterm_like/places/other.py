"""A place in any file system that fsspec knows: FTP, SMB, Google Drive, Dropbox, HDFS and fifty more. The only module that knows fsspec.

What fsspec remembers of listings is switched off, and thrown away before each one, because some of its file systems remember all the same. A write
is as whole as theirs: a torn file is told from its length, as everywhere. Names and passwords are those of fsspec's own settings.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import fsspec
from fsspec.registry import known_implementations

from jpterm_like.errors import JptermError, escape_for_terminal, explain
from jpterm_like.places.base import (
    FILE_BYTES_MAX,
    Damaged,
    Gone,
    Moved,
    PlaceError,
    ReadOnly,
    Refused,
    Unreachable,
    check_file_name,
    check_read,
    in_sentence,
    is_file_name,
    nobody_counts,
)

_Result = TypeVar("_Result")

WRAPPERS: Final = frozenset(
    ("async_wrapper", "blockcache", "cached", "dask", "data", "dir", "filecache", "generic", "libarchive", "local", "reference",
     "simplecache", "tar", "zip")
)  # fmt: skip
"""Schemes that wrap other file systems, or have no folder."""


class NoSuchFileSystem(JptermError):
    """fsspec does not know a scheme, or its library is missing."""


class OtherPlace:
    """A folder of a file system, which must exist.

    Args:
        url: as fsspec takes it, without a password.
        moved: is told the bytes of files, each time that a file came or went.

    Raises:
        NoSuchFileSystem: fsspec does not know it, or its library is missing.
    """

    def __init__(self, url: str, moved: Moved = nobody_counts) -> None:
        self.address = url.rstrip("/") + "/"
        self._moved = moved
        scheme = url.partition("://")[0]
        if scheme not in known_implementations or scheme in WRAPPERS or "::" in url:
            raise NoSuchFileSystem(f"{escape_for_terminal(scheme)}:// is no place that fsspec knows.")
        try:
            self._class: Any = fsspec.get_filesystem_class(scheme)
        except ImportError:
            raise NoSuchFileSystem(f"{scheme}:// cannot be opened: {_missing_library(scheme)}.") from None
        self._path = self._class._strip_protocol(url)
        self._options = {**self._class._get_kwargs_from_urls(url), "use_listings_cache": False}
        self._system: Any = None

    def list(self) -> dict[str, int]:
        def call(system: Any) -> Any:
            system.invalidate_cache()
            return system.ls(self._path, detail=True)

        try:
            entries = self._ask(call)
        except Gone:
            raise Unreachable(f"{in_sentence(self)} is not there.") from None
        found = {str(each["name"]).rstrip("/").rpartition("/")[2]: each for each in entries}
        return {
            name: each["size"]
            for name, each in found.items()
            if is_file_name(name) and each.get("type") == "file" and type(each.get("size")) is int
        }

    def read(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        check_file_name(name)
        path = self._of(name)

        def call(system: Any) -> bytes:
            system.invalidate_cache()
            size_bytes: int = system.size(path)
            if end is not None and end > size_bytes:
                raise Damaged(f"{escape_for_terminal(name)} is shorter than it should be.")
            if end is None and size_bytes - start > FILE_BYTES_MAX:
                raise Damaged(f"{escape_for_terminal(name)} is longer than it should be.")
            return bytes(system.cat_file(path, start=start, end=size_bytes if end is None else end))

        data = self._ask(call)
        self._moved(len(data))
        return check_read(name, data, start, end)

    def write(self, name: str, data: bytes) -> None:
        check_file_name(name)
        try:
            self._ask(lambda system: system.pipe_file(self._of(name), data))
        except Gone:
            raise Unreachable(f"{in_sentence(self)} is not there.") from None
        self._moved(len(data))

    def remove(self, name: str) -> None:
        check_file_name(name)

        def call(system: Any) -> None:
            system.invalidate_cache()
            if system.exists(self._of(name)):
                system.rm_file(self._of(name))

        self._ask(call)

    def _of(self, name: str) -> str:
        return f"{str(self._path).rstrip('/')}/{name}"

    def _ask(self, call: Callable[[Any], _Result]) -> _Result:
        try:
            if self._system is None:
                self._system = self._class(**self._options, skip_instance_cache=True)
            return call(self._system)
        except PlaceError:
            raise
        except FileNotFoundError as problem:
            raise Gone(f"{in_sentence(self)} has no such file.") from problem
        except NotImplementedError as problem:
            raise ReadOnly(self) from problem
        except ImportError as problem:
            scheme = self.address.partition("://")[0]
            raise Refused(f"{in_sentence(self)} cannot be used: {_missing_library(scheme)}.") from problem
        except PermissionError as problem:
            raise Refused(f"{in_sentence(self)} cannot be used: permission is denied.") from problem
        except Exception as problem:  # OSError, or whatever error the library behind a file system has
            self._system = None
            raise Unreachable(f"{in_sentence(self)} does not answer: {self._reason(problem)}.") from problem

    @staticmethod
    def _reason(problem: Exception) -> str:
        """Say why a call failed, without the message of the library, which may repeat a password."""
        if isinstance(problem, OSError) and problem.errno is not None:
            return explain(problem)
        return type(problem).__name__


def _missing_library(scheme: str) -> str:
    """Return the sentence in which fsspec names the library of a scheme."""
    said = str(known_implementations[scheme].get("err", "its library is not installed"))
    return escape_for_terminal(said.rstrip("."))
