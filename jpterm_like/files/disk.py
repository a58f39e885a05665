"""Write bytes durably: the few system calls that plain files and our store share.

Nothing here knows what the bytes mean. Errors are `OSError`s; callers turn them into sentences.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

PART_BYTES_MAX: Final = 1 << 28
"""Bytes for one call: read(2) and write(2) move at most 2 GiB - 4 KiB on Linux and fail above 2 GiB on macOS."""

READ_BYTES: Final = 1 << 24
"""Bytes for one read if progress is reported: a tenth of a second on a slow disk. If the beginning of the file arrives
faster, the rest is read in one piece, which saves a copy."""
PROBE_BYTES: Final = 1 << 22
"""Bytes at the beginning by which the speed of the disk is measured."""
FAST_S: Final = 0.02
"""Time for these bytes below which the disk counts as fast."""


def flush(fd: int) -> None:
    """Flush the file's content to the disk, through its cache. Blocks."""
    if sys.platform == "darwin":
        # fsync(2) on macOS stops at the drive's cache; its manual page names F_FULLFSYNC as the way through.
        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
    else:
        # fdatasync also writes the length, which is all of the metadata that reading the content needs.
        os.fdatasync(fd)


def flush_folder(folder: Path | str, within: int | None = None) -> None:
    """Flush new, changed and removed names of a folder to the disk. Blocks.

    A relative path is resolved from the folder with the descriptor `within`.
    """
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY, dir_fd=within)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_all(fd: int, data: bytes) -> None:
    """Write all bytes at the file's position, in as many calls as needed."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest[:PART_BYTES_MAX]) :]


def read_all(fd: int, bytes_max: int, progress: Callable[[int], None] | None = None) -> bytes | None:
    """Read from the file's position to its end; None if that is more than `bytes_max`.

    `progress` is called from time to time with the bytes read so far, if it takes long.
    """
    parts: list[bytes] = []
    size_bytes = 0
    most = PART_BYTES_MAX if progress is None or _is_fast(fd) else READ_BYTES
    while part := os.read(fd, min(most, max(1 << 16, _rest_bytes(fd)))):
        size_bytes += len(part)
        if size_bytes > bytes_max:
            return None
        parts.append(part)
        if progress is not None:
            progress(size_bytes)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _is_fast(fd: int) -> bool:
    """Whether a file is short, or its beginning is read quickly."""
    if _rest_bytes(fd) <= READ_BYTES:
        return True
    began = time.monotonic()
    os.pread(fd, PROBE_BYTES, os.lseek(fd, 0, os.SEEK_CUR))
    return time.monotonic() - began < FAST_S


def _rest_bytes(fd: int) -> int:
    """Bytes left to read according to the file's length, plus one so that the last read sees the end."""
    return max(0, os.fstat(fd).st_size - os.lseek(fd, 0, os.SEEK_CUR)) + 1


def swap(one: str, other: str, folder: int) -> bool:
    """Exchange two files of one open folder in one step; returns False where the system cannot.

    Raises:
        OSError: one of them does not exist, or may not be moved.
    """
    import ctypes  # takes some milliseconds, which the start of an editor saves

    swapper = _swapper()
    if swapper is None:
        return False
    if swapper(folder, os.fsencode(one), folder, os.fsencode(other), _SWAP) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP):
        return False
    raise OSError(code, os.strerror(code), one, None, other)


_SWAP: Final = 2
"""RENAME_EXCHANGE of Linux's renameat2(2), RENAME_SWAP of macOS's renameatx_np(2)."""


@cache
def _swapper() -> Callable[..., int] | None:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    for name in ("renameat2", "renameatx_np"):
        function: Callable[..., int] | None = getattr(libc, name, None)
        if function is not None:
            way = [ctypes.c_int, ctypes.c_char_p]
            function.argtypes = [*way, *way, ctypes.c_uint]  # type: ignore[attr-defined]
            return function
    return None


def forget_cached(fd: int) -> None:
    """Drop a flushed file from the system's cache, so that the next read comes from the disk. Does nothing on macOS."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
