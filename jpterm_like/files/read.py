"""Plain files on the disk: what can be wrong with one, and reading it. `files.write` writes them, `server.shared_folder` shares them.

    FileProblem             a plain file cannot be read, written or shared; `path` says which
    ├── NotText             it is no text in UTF-8
    ├── NotAFile            it is a folder, a device, a pipe
    ├── TooLarge            more than FILE_BYTES_MAX
    ├── ChangedOnDisk       it is not in the state that the writer knows; nothing was written
    └── NotShared           a pad's name that means no file of the shared folder

All calls block and belong in a thread. What the bytes mean is `files.encoding`'s business. Files are reached as `files.root` says: through
no symbolic link. A link that a person names is resolved before.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from jpterm_like.errors import JptermError, escape_for_terminal, explain
from jpterm_like.files import disk, private
from jpterm_like.files.access_control import PathPermissions
from jpterm_like.files.encoding import BOM, NotPlain, decode_plain
from jpterm_like.files.root import LinkInPath, NameInFolder, Root, RootGone, everything

FILE_BYTES_MAX: Final = 256 << 20
"""Texts that people edit are far smaller. Reading and comparing one of this size takes about a second."""

OWN_PREFIX: Final = ".jpterm-like"
"""Our own names in a shared folder begin so: the store, and files on their way to their final name."""


class FileProblem(JptermError):
    """A plain file cannot be read, written or shared."""

    def __init__(self, sentence: str, path: Path | None = None) -> None:
        super().__init__(sentence)
        self.path = path


class NotText(FileProblem):
    """The file is no text in UTF-8."""

    def __init__(self, sentence: str, path: Path, offset: int) -> None:
        super().__init__(sentence, path)
        self.offset = offset
        """Of the first byte that is not text."""


class NotAFile(FileProblem):
    """There is something else under the name: a folder, a device, a pipe."""


class TooLarge(FileProblem):
    """The file has more than FILE_BYTES_MAX."""


class ChangedOnDisk(FileProblem):
    """The file is not in the state that the writer knows. Nothing was written."""

    def __init__(self, path: Path, now: PlainFile | None) -> None:
        what = "was changed" if now else "was deleted or moved away"
        super().__init__(f"{escape_for_terminal(path)} {what} by another program.", path)
        self.now = now
        """The state it is in; None if it is not there."""


class NotShared(FileProblem):
    """A pad's name that means no file of the shared folder, or none that may be shared."""


Read = TypeVar("Read")

Progress = Callable[[float], None]
"""Told in the thread that reads, which share of a file it has, from 0 to 1."""


class Stamp(NamedTuple):
    """Tells one state of a file from another."""

    device: int
    inode: int
    mtime_ns: int
    size_bytes: int
    digest: bytes
    """BLAKE2b of the content, 16 bytes. The numbers before it are cheap to compare, but two states can share them:
    clocks of file systems tick every few milliseconds."""


class PlainFile(NamedTuple):
    """A file as it was read or written at one moment."""

    raw: bytes
    text: str
    stamp: Stamp
    permissions: PathPermissions | None = None
    """Who may come to it; None where that is not asked."""


def read_plain(path: Path, *, inside: Root | None = None) -> PlainFile | None:
    """Read a text file; None if there is no file of that name.

    Args:
        path: the file; absolute, links resolved.
        inside: a folder that the file must lie in.

    Raises:
        NotShared: a symbolic link is on the way, or the folder is another by now.
        FileProblem: there is something, but it cannot be read as text.
    """
    return _opened(
        path, inside, lambda fd, place: read_opened(fd, path)._replace(permissions=place.permissions(fd))
    )


def read_text(path: Path) -> str | None:
    """The text alone, for which nothing need be hashed; see `read_plain`."""
    found = _opened(path, None, lambda fd, place: _read_bytes(fd, path))
    return None if found is None else text_of(found[0], path)


def read_beginning(path: Path, progress: Progress) -> tuple[str, bytes]:
    """The text with which a document begins, and the same in UTF-8; empty when there is no file. See `read_plain`.

    `progress` is told which share of the file was read.
    """
    found = _opened(path, None, lambda fd, place: _read_bytes(fd, path, progress))
    if found is None:
        return "", b""
    raw = found[0]
    text = text_of(raw, path)
    # Usually the file has it: then a long text is not encoded once more.
    return text, text.encode("utf-8") if raw.startswith(BOM) or b"\r" in raw else raw


def read_start(path: Path, bytes_max: int) -> bytes | None:
    """The first bytes of a file, whatever they are; see `read_plain`."""
    return _opened(path, None, lambda fd, place: os.read(fd, bytes_max))


def _opened(path: Path, inside: Root | None, read: Callable[[int, NameInFolder], Read]) -> Read | None:
    """What is read of a file; see `read_plain`."""
    try:
        with locate(path, inside) as place:
            fd = open_file(place, os.O_RDONLY)
            try:
                return read(fd, place)
            finally:
                os.close(fd)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise problem_of(path, error, "cannot be read") from error


def locate(path: Path, inside: Root | None, *, make: bool = False) -> NameInFolder:
    """Where a file is reached; see `Root.locate`."""
    return (inside or everything()).locate(path, make=make)


def problem_of(path: Path, error: OSError, what: str) -> FileProblem:
    """What is to be said when the system refuses something at a path."""
    if isinstance(error, LinkInPath) and _is_circle(path):
        return NotShared(f"{escape_for_terminal(path)} {what}: {explain(OSError(errno.ELOOP, ''))}.", path)
    if isinstance(error, LinkInPath):
        return NotShared(f"{escape_for_terminal(path)} {what}: there is a symbolic link in its path.", path)
    if isinstance(error, RootGone):
        return NotShared(
            f"{escape_for_terminal(path)} {what}: the folder {escape_for_terminal(error.filename)} was moved away or replaced while it is served. "
            "Put it back, or start the server anew.",
            path,
        )
    return FileProblem(f"{escape_for_terminal(path)} {what}: {explain(error)}.", path)


def looks_unchanged(place: NameInFolder, stamp: Stamp) -> bool:
    """Whether the file still has the numbers of the stamp. Cheap; a quick change after reading can escape it."""
    try:
        found = place.stat()
    except OSError:
        return False
    return (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size) == stamp[:4]


Glance = tuple[int, ...]
"""What of a file is seen without opening it: equal ones are the same state, but for changes within one tick of the
file system's clock. One number alone is the error why nothing is seen."""


def glance(path: Path, inside: Root | None = None) -> Glance:
    """Look at a file from outside. Cheap, and never raises."""
    try:
        with locate(path, inside) as place:
            found = place.stat()
    except OSError as error:
        return (error.errno or -1,)
    return (
        found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_mode,
    )  # fmt: skip


def read_path_permissions(path: Path) -> PathPermissions | None:
    """Who may come to what is at a path, or to its folder; None when there is no way that this user can go."""
    try:
        with locate(path, None) as place:
            return place.permissions_of_name()
    except OSError:
        return None


def is_there(path: Path, inside: Root | None) -> bool:
    """Whether anything is at a path, be it a link."""
    return len(glance(path, inside)) > 1


def open_file(place: NameInFolder, flags: int) -> int:
    """Open a regular file, and nothing that would wait or do something when it is opened.

    Raises:
        NotAFile: it is something else.
        NotShared: others may have made it a name of one of my files.
        OSError: it cannot be opened.
    """
    # A look before, because to open a device or a pipe can do something; what counts is the look at what was opened.
    found = place.stat()
    if not stat.S_ISLNK(found.st_mode):
        _check_is_file(found, place.path)
    fd = place.open(flags)
    try:
        _check_is_file(os.fstat(fd), place.path)
        _check_name_is_mine(os.fstat(fd), place)
    except FileProblem:
        os.close(fd)
        raise
    return fd


def _check_name_is_mine(found: os.stat_result, place: NameInFolder) -> None:
    """In a served folder that others may write, a file with another name may be one of mine that they made a link to.

    Where permissions are looked at, those of the file say who may have it, whatever its names.

    Raises:
        NotShared: it has, and the system lets users link to files that they may not write.
    """
    if place.is_guarded or found.st_nlink == 1 or are_links_guarded():
        return
    if not private.is_private(os.fstat(place.folder)):
        raise NotShared(
            f"{escape_for_terminal(place.path)} is not shared: it has another name, and others may have given it this one.",
            place.path,
        )


@cache
def are_links_guarded() -> bool:
    """Whether users can link only to files that they may write: fs.protected_hardlinks of Linux (proc_sys_fs(5))."""
    try:
        return Path("/proc/sys/fs/protected_hardlinks").read_bytes().strip() == b"1"
    except OSError:
        return False


def _check_is_file(found: os.stat_result, path: Path) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise NotAFile(f"{escape_for_terminal(path)} is a folder; name a file in it.", path)
    if not stat.S_ISREG(found.st_mode):
        raise NotAFile(
            f"{escape_for_terminal(path)} is no ordinary file (a device, a pipe or a socket) and cannot be edited.",
            path,
        )


def read_opened(fd: int, path: Path) -> PlainFile:
    """Read an open file from its beginning.

    Raises:
        FileProblem: it is too large, or no text.
    """
    raw, found = _read_bytes(fd, path)
    return PlainFile(raw, text_of(raw, path), stamp_of(found, raw))


def _read_bytes(fd: int, path: Path, progress: Progress | None = None) -> tuple[bytes, os.stat_result]:
    for _ in range(3):
        before = os.fstat(fd)
        os.lseek(fd, 0, os.SEEK_SET)
        size = max(1, before.st_size)
        raw = None
        if size <= FILE_BYTES_MAX:
            tell = None if progress is None else _shares(progress, size)
            raw = disk.read_all(fd, FILE_BYTES_MAX, tell)
        if raw is None:
            raise too_large(path)
        after = os.fstat(fd)
        if (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size):
            break  # else somebody wrote meanwhile: what was read may be half of each
    assert raw is not None
    return raw, before


def _shares(progress: Progress, size_bytes: int) -> Callable[[int], None]:
    return lambda read_bytes: progress(min(1.0, read_bytes / size_bytes))


def text_of(raw: bytes, path: Path) -> str:
    """The text of a file's bytes.

    Raises:
        NotText: they are none.
    """
    try:
        return decode_plain(raw)
    except NotPlain as error:
        raise NotText(f"{escape_for_terminal(path)} {error.reason}.", path, error.offset) from None


def too_large(path: Path) -> TooLarge:
    """What is to be said of a file with more than FILE_BYTES_MAX."""
    most = f"{FILE_BYTES_MAX >> 20} MiB"
    return TooLarge(
        f"{escape_for_terminal(path)} is larger than {most}, which is the most that can be edited here.", path
    )


def stamp_of(found: os.stat_result, raw: bytes) -> Stamp:
    """The state of a file that holds `raw`, and looked so just before or after."""
    digest = hashlib.blake2b(raw, digest_size=16).digest()
    return Stamp(found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size, digest)


def _is_circle(path: Path) -> bool:
    try:
        os.stat(path)
    except OSError as error:
        return error.errno == errno.ELOOP
    return False
