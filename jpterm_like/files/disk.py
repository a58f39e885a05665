"""Getting bytes onto the disk for good: the few calls that plain files and our store share.

Nothing here knows what the bytes mean. Errors are the system's own (`OSError`); whoever calls says them in words.
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
"""One read(2) or write(2) moves at most 2 GiB - 4 KiB on Linux and fails above 2 GiB on macOS."""

READ_BYTES: Final = 1 << 24
"""So much is read at a time where somebody wants to know how far it is: a tenth of a second on a slow disk. If the
first of the file is there sooner than that, the rest is read in one piece, which need not be copied."""
PROBE_BYTES: Final = 1 << 22
FAST_S: Final = 0.02


def flush(fd: int) -> None:
    """Return when the file's content is on the disk, not only in its cache. Blocks."""
    if sys.platform == "darwin":
        # fsync(2) on macOS stops at the drive's cache; its manual page names F_FULLFSYNC as the way through.
        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
    else:
        # fdatasync also writes the length, which is all of the metadata that reading the content needs.
        os.fdatasync(fd)


def flush_folder(folder: Path | str, within: int | None = None) -> None:
    """Return when names that were made, changed or removed in the folder are on the disk. Blocks.

    `within` is the descriptor of a folder from which a relative path leads.
    """
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY, dir_fd=within)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_all(fd: int, data: bytes) -> None:
    """Write everything at the file's position, however many calls that takes."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest[:PART_BYTES_MAX]) :]


def read_all(fd: int, bytes_max: int, progress: Callable[[int], None] | None = None) -> bytes | None:
    """Read from the file's position to its end; None when that is more than `bytes_max`.

    `progress` is told now and then how much was read, if it takes long.
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
    """Whether a file is short, or its beginning is there at once."""
    if _rest_bytes(fd) <= READ_BYTES:
        return True
    began = time.monotonic()
    os.pread(fd, PROBE_BYTES, os.lseek(fd, 0, os.SEEK_CUR))
    return time.monotonic() - began < FAST_S


def _rest_bytes(fd: int) -> int:
    """What is left to read according to the file's length, plus one so that the last read sees the end."""
    return max(0, os.fstat(fd).st_size - os.lseek(fd, 0, os.SEEK_CUR)) + 1


def swap(one: str, other: str, folder: int) -> bool:
    """Let two names of one open folder change what they name, in one step; False where the system cannot.

    Raises:
        OSError: one of them is not there, or may not be moved.
    """
    import ctypes  # some milliseconds, which the start of an editor does without

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
    """Ask the system to read a flushed file from the disk the next time. macOS cannot; there it does nothing."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
