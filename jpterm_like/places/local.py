"""A place in a folder of this machine: a disk, a stick, a network drive, or one that Syncthing or a cloud's client moves."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import Final, NoReturn

from jpterm_like.errors import escape_for_terminal, explain
from jpterm_like.files import disk
from jpterm_like.places.base import (
    FILE_BYTES_MAX,
    Damaged,
    Gone,
    Moved,
    Refused,
    Unreachable,
    check_file_name,
    check_read,
    is_file_name,
    nobody_counts,
)

PART_BYTES: Final = 1 << 20
_REFUSALS: Final = frozenset(
    (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
)


class LocalPlace:
    """Files are written beside, flushed and renamed, so nobody sees half of one.

    The file that is written beside begins with a dot and ends with `.tmp`: clients of clouds leave such files alone.
    """

    def __init__(self, folder: Path, moved: Moved = nobody_counts) -> None:
        self._folder = folder
        self._moved = moved

    @property
    def address(self) -> str:
        return str(self._folder)

    def list(self) -> dict[str, int]:
        found: dict[str, int] = {}
        try:
            with os.scandir(self._folder) as entries:
                for entry in entries:
                    if is_file_name(entry.name) and entry.is_file(follow_symlinks=False):
                        with contextlib.suppress(FileNotFoundError):  # it went meanwhile
                            found[entry.name] = entry.stat(follow_symlinks=False).st_size
        except OSError as problem:
            self._fail(problem)
        return found

    def read(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        check_file_name(name)
        try:
            # A pipe that somebody put there would be waited for, so it is not opened for waiting.
            fd = os.open(self._folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                if not stat.S_ISREG(os.fstat(fd).st_mode):
                    raise Damaged(f"{escape_for_terminal(name)} is not a file.")
                os.lseek(fd, start, os.SEEK_SET)
                most = FILE_BYTES_MAX + 1 if end is None else end - start
                return check_read(name, self._read_up_to(fd, most), start, end)
            finally:
                os.close(fd)
        except FileNotFoundError:
            raise Gone(f"{escape_for_terminal(name)} is not in {self.address}.") from None
        except OSError as problem:
            self._fail(problem)

    def write(self, name: str, data: bytes) -> None:
        check_file_name(name)
        beside = self._folder / f".{name}.tmp"
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(beside)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            fd = os.open(beside, flags, 0o666)
            try:
                for at in range(0, len(data), PART_BYTES):
                    disk.write_all(fd, data[at : at + PART_BYTES])
                    self._moved(len(data[at : at + PART_BYTES]))
                disk.flush(fd)
            finally:
                os.close(fd)
            os.rename(beside, self._folder / name)
            disk.flush_folder(self._folder)
        except OSError as problem:
            with contextlib.suppress(OSError):
                os.unlink(beside)
            self._fail(problem)

    def remove(self, name: str) -> None:
        check_file_name(name)
        try:
            os.unlink(self._folder / name)
        except FileNotFoundError:
            return
        except OSError as problem:
            self._fail(problem)

    def _read_up_to(self, fd: int, size_bytes: int) -> bytes:
        """Read so many bytes, fewer if the file ends before."""
        parts: list[bytes] = []
        while size_bytes > 0 and (part := os.read(fd, min(size_bytes, PART_BYTES))):
            parts.append(part)
            size_bytes -= len(part)
            self._moved(len(part))
        return b"".join(parts)

    def _fail(self, problem: OSError) -> NoReturn:
        sentence = f"The folder {escape_for_terminal(self.address)} cannot be used: {explain(problem)}."
        raise (Refused if problem.errno in _REFUSALS else Unreachable)(sentence) from problem
