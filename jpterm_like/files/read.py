"""Read plain files, and the errors that reading and writing them raise. `files.write` writes them.

    FileProblem             a plain file cannot be read, written or shared; `path` says which
    ├── NotText             it is not text
    ├── NotAFile            it is a folder, a device, a pipe
    ├── TooLarge            more than FILE_BYTES_MAX
    ├── ChangedOnDisk       another program changed it; nothing was written
    └── NotShared           it is not in the shared folder, or must not be shared

All calls block and belong in a thread. `files.encoding` converts between bytes and text. Files are reached through
`files.root`, never through a symbolic link; a link that a person names is resolved before.
"""

from __future__ import annotations

import contextlib
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
from jpterm_like.files.charsets import UNKNOWN, UTF_8, Known
from jpterm_like.files.encoding import BOM, NotPlain, decode_plain, detect_charset
from jpterm_like.files.root import LinkInPath, NameInFolder, Root, RootGone, everything

FILE_BYTES_MAX: Final = 256 << 20
"""Largest file that is edited. Texts of people are far smaller; reading and comparing one of this size takes about a second."""

NOTEBOOK_SUFFIX: Final = ".ipynb"
"""Files of this name are edited by cell, if they are notebooks."""

OWN_PREFIX: Final = ".jpterm-like"
"""Prefix of our own names in a shared folder: the store, and temporary files of a save."""


class FileProblem(JptermError):
    """A plain file cannot be read, written or shared."""

    def __init__(self, sentence: str, path: Path | None = None) -> None:
        super().__init__(sentence)
        self.path = path


class NotText(FileProblem):
    """The file is not text."""

    def __init__(self, sentence: str, path: Path, offset: int, *, is_binary: bool) -> None:
        super().__init__(sentence, path)
        self.is_binary = is_binary
        """Whether it is no text in any charset; else a person may know in which."""
        self.offset = offset
        """Offset in bytes of the first byte that is not text."""


class NotAFile(FileProblem):
    """The name belongs to a folder, a device or a pipe."""


class TooLarge(FileProblem):
    """The file has more than FILE_BYTES_MAX."""


class ChangedOnDisk(FileProblem):
    """Another program changed the file since it was read. Nothing was written."""

    def __init__(self, path: Path, now: PlainFile | None) -> None:
        what = "was changed" if now else "was deleted or moved away"
        super().__init__(f"{escape_for_terminal(path)} {what} by another program.", path)
        self.now = now
        """The present file; None if it does not exist."""


class NotShared(FileProblem):
    """The name of a pad is not in the shared folder, or must not be shared."""


Read = TypeVar("Read")

Progress = Callable[[float], None]
"""Called in the reading thread with the share of the file that was read, from 0 to 1."""


class Stamp(NamedTuple):
    """Identifies one state of a file."""

    device: int
    inode: int
    mtime_ns: int
    size_bytes: int
    digest: bytes
    """BLAKE2b of the content, 16 bytes. The other fields are cheap to compare, but two states can share them:
    clocks of file systems tick every few milliseconds."""


class PlainFile(NamedTuple):
    """A file as it was last read or written."""

    raw: bytes
    text: str
    stamp: Stamp
    permissions: PathPermissions | None = None
    """Permissions of the file and its folders; None where they are not needed."""
    charset: str = UTF_8
    """What it is written in; see `files.charsets`."""
    cells: tuple[str, ...] | None = None
    """See `files.charsets.Known`."""

    @property
    def known(self) -> Known:
        """What this says about the file when it is read again."""
        return Known(self.raw, self.charset, cells=self.cells, is_text=self.cells is None)


def read_plain(path: Path, *, inside: Root | None = None, known: Known = UNKNOWN) -> PlainFile | None:
    """Read a text file; None if it does not exist.

    Args:
        path: the file; absolute, links resolved.
        inside: a folder in which the file must be.
        known: what its charset was.

    Raises:
        NotShared: the path contains a symbolic link, or the folder was replaced.
        FileProblem: it exists but cannot be read as text.
    """
    return _opened(
        path,
        inside,
        lambda fd, place: read_opened(fd, path, known)._replace(permissions=place.permissions(fd)),
    )


def read_text(path: Path, known: Known = UNKNOWN, *, inside: Root | None = None) -> str | None:
    """Read the text alone, without hashing the file; see `read_plain`."""
    found = _opened(path, inside, lambda fd, place: _read_bytes(fd, path))
    return None if found is None else text_of(found[0], path, known).text


def read_beginning(path: Path, progress: Progress) -> tuple[str, bytes]:
    """Read the text that a new document begins with; returns it, and the same in UTF-8. Empty without a file. See `read_plain`.

    `progress` is called with the share of the file that was read.
    """
    found = _opened(path, None, lambda fd, place: _read_bytes(fd, path, progress))
    if found is None:
        return "", b""
    raw = found[0]
    text, charset, cells = text_of(raw, path)
    # Usually these are the file's own bytes, and a long text is not encoded again.
    is_same = cells is None and charset == UTF_8 and not raw.startswith(BOM) and b"\r" not in raw
    return text, raw if is_same else text.encode("utf-8")


def _opened(path: Path, inside: Root | None, read: Callable[[int, NameInFolder], Read]) -> Read | None:
    """Open a file and return what `read` makes of it; None if it does not exist. See `read_plain`."""
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
    """The folder and name of a file; see `Root.locate`."""
    return (inside or everything()).locate(path, make=make)


def problem_of(path: Path, error: OSError, what: str) -> FileProblem:
    """The error, with its sentence, for a call at a path that the system refused."""
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
    """Whether a file's status matches the stamp. Cheap; misses a change within a clock tick of the file system."""
    try:
        found = place.stat()
    except OSError:
        return False
    return (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size) == stamp[:4]


Glance = tuple[int, ...]
"""Status of a file without opening it: equal glances are the same state, except for changes within one tick of the
file system's clock. A single number is the error code."""


def glance(path: Path, inside: Root | None = None) -> Glance:
    """Take a glance at a file. Cheap, and never raises."""
    try:
        with locate(path, inside) as place:
            found = place.stat()
    except OSError as error:
        return (error.errno or -1,)
    return (
        found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_mode,
    )  # fmt: skip


def read_path_permissions(path: Path) -> PathPermissions | None:
    """Permissions of whatever is at a path, or of its folder if nothing is; None if this user cannot reach it."""
    try:
        with locate(path, None) as place:
            return place.permissions_of_name()
    except OSError:
        return None


def is_there(path: Path, inside: Root | None) -> bool:
    """Whether anything is at a path, even a link."""
    return len(glance(path, inside)) > 1


def open_file(place: NameInFolder, flags: int) -> int:
    """Open a regular file, never one that would block or have an effect on opening. Returns its descriptor.

    Raises:
        NotAFile: it is something else.
        NotShared: others may have linked it to a private file.
        OSError: it cannot be opened.
    """
    # Checked before, because opening a device or a pipe can have an effect; the check of the opened file is the one that counts.
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
    """In a served folder that others may write, a file with a second name may be a private one that they linked there.

    Where permissions are noted, those of the file decide, whatever its names.

    Raises:
        NotShared: it has a second name, and the system lets users link to files that they may not write.
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
    """Whether the system stops users from linking to files that they may not write: fs.protected_hardlinks (proc_sys_fs(5))."""
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


def read_opened(fd: int, path: Path, known: Known = UNKNOWN) -> PlainFile:
    """Read an open file from its beginning; see `read_plain`.

    Raises:
        FileProblem: it is too large, or not text.
    """
    raw, found = _read_bytes(fd, path)
    text, charset, cells = text_of(raw, path, known)
    return PlainFile(raw, text, stamp_of(found, raw), None, charset, cells)


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
            break  # else somebody wrote meanwhile, and the bytes may be half of each
    assert raw is not None
    return raw, before


def _shares(progress: Progress, size_bytes: int) -> Callable[[int], None]:
    return lambda read_bytes: progress(min(1.0, read_bytes / size_bytes))


class Decoded(NamedTuple):
    """The text of a file."""

    text: str
    charset: str
    cells: tuple[str, ...] | None = None
    """See `files.charsets.Known`."""


def text_of(raw: bytes, path: Path, known: Known = UNKNOWN) -> Decoded:
    """Decode the bytes of a file. A notebook becomes the text of its cells.

    Raises:
        NotText: they are not text, or no notebook any more.
    """
    if path.suffix == NOTEBOOK_SUFFIX and not known.is_text:
        from jpterm_like.files.notebook_file import read_cells  # few files need it
        from jpterm_like.notebook.ipynb import NotANotebook

        try:
            return Decoded((found := read_cells(raw, known))[0], UTF_8, found[1])
        except NotANotebook as error:
            if known.cells is not None:
                raise NotText(
                    f"{escape_for_terminal(path)} is no notebook any more: {error}.", path, 0, is_binary=True
                ) from None
    return Decoded(*_plain_text_of(raw, path, known))


def _plain_text_of(raw: bytes, path: Path, known: Known) -> tuple[str, str]:
    try:
        if known.charset == UTF_8:
            with contextlib.suppress(NotPlain):
                return decode_plain(raw), UTF_8  # nearly all files are, and are decoded once
        charset = detect_charset(raw, known)
        return decode_plain(raw, charset), charset
    except NotPlain as error:
        raise NotText(
            f"{escape_for_terminal(path)} {error.reason}.", path, error.offset, is_binary=error.is_binary
        ) from None


def too_large(path: Path) -> TooLarge:
    """The error for a file with more than FILE_BYTES_MAX."""
    most = f"{FILE_BYTES_MAX >> 20} MiB"
    return TooLarge(
        f"{escape_for_terminal(path)} is larger than {most}, which is the most that can be edited here.", path
    )


def stamp_of(found: os.stat_result, raw: bytes) -> Stamp:
    """The stamp of a file with the content `raw` and the status `found`."""
    digest = hashlib.blake2b(raw, digest_size=16).digest()
    return Stamp(found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size, digest)


def _is_circle(path: Path) -> bool:
    try:
        os.stat(path)
    except OSError as error:
        return error.errno == errno.ELOOP
    return False
