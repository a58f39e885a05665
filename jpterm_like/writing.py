"""Writing plain files without ever losing a state of them.

All calls block and belong in a thread.
"""

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path

from jpterm_like import disk
from jpterm_like.errors import explain, shown
from jpterm_like.files import (
    FILE_BYTES_MAX,
    OWN_PREFIX,
    ChangedOnDisk,
    FileProblem,
    Glance,
    PlainFile,
    looks_unchanged,
    open_file,
    read_opened,
    read_plain,
    real_path,
    stamp_of,
    too_large,
)
from jpterm_like.plain import decode_plain


class Former:
    """A file in whose place another was put, held open: who had it open then may still write into it.

    `echo >>` opens and writes in two steps; a file that is replaced between the two takes the line into nowhere.
    """

    def __init__(self, fd: int, path: Path, plain: PlainFile) -> None:
        self._fd = os.dup(fd)
        self._path = path
        self.plain = plain
        """As it was when it was replaced, or last looked at."""

    def written(self) -> bool:
        """Whether somebody wrote into it since. Cheap."""
        return self.glance() != self.plain.stamp[2:4]

    def glance(self) -> Glance:
        """How it looks from outside; see `files.glance`."""
        found = os.fstat(self._fd)
        return found.st_mtime_ns, found.st_size

    def read(self) -> PlainFile:
        """What it holds now.

        Raises:
            FileProblem: no text.
        """
        try:
            return read_opened(self._fd, self._path)
        except OSError as error:
            raise FileProblem(f"{shown(self._path)} cannot be read: {explain(error)}.", self._path) from error

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def write_plain(
    path: Path,
    raw: bytes,
    expected: PlainFile | None,
    *,
    parents: bool = False,
    inside: Path | None = None,
    replaced: Callable[[Former], None] | None = None,
) -> PlainFile:
    """Write a text file, if it is in the state `expected` (None: not there), and return its new state.

    It is on the disk on return. Usually a new file takes the old one's place in one step, with its owner, mode and
    extended attributes. Where that would break something, the old one is written over: it has several hard links, its
    folder cannot be written, its owner cannot be given to a new file. A symbolic link is followed. A file that already
    holds `raw` is left alone.

    The state is looked at last thing before the change. Between the two lie some microseconds, for which POSIX has no
    remedy; Linux and macOS have one, see `_put_in_place`.

    Args:
        path: the file.
        raw: what it is to hold; UTF-8 text, as `encode_plain` makes it.
        expected: what it holds now, as last read or written.
        parents: make missing folders.
        inside: as for `read_plain`.
        replaced: called with the old file when a new one took its place; to be closed by whoever is called.

    Raises:
        NotShared: it is not inside.
        ChangedOnDisk: it is in another state; nothing was written.
        FileProblem: it cannot be written; what was there is still there.
    """
    if len(raw) > FILE_BYTES_MAX:
        raise too_large(path)
    text = decode_plain(raw)
    try:
        # The last component may be a link to a file that is not there yet, or in another folder.
        real = real_path(path, inside)
        if parents:
            _make_folder(real.parent)
        if expected is None:
            state = _write_new(real, path, raw)
        else:
            state = _write_over(real, path, raw, expected, replaced)
    except FileNotFoundError as error:
        raise FileProblem(f"{shown(path)} cannot be written: its folder is not there.", path) from error
    except OSError as error:
        raise FileProblem(f"{shown(path)} cannot be written: {explain(error)}.", path) from error
    if isinstance(state, PlainFile):
        return state
    return PlainFile(raw, text, stamp_of(state, raw))


def move_plain(path: Path, to: Path, *, inside: Path | None) -> None:
    """Give a file another name, in a folder that is made if need be. Never takes the place of another file.

    Raises:
        FileProblem: it cannot be done; the file has the name that it had.
    """
    try:
        real, there = real_path(path, inside), real_path(to, inside)
        _make_folder(there.parent)
        if os.path.lexists(there) and not os.path.samefile(real, there):
            raise FileExistsError
        try:
            os.link(real, there, follow_symlinks=False)  # unlike a rename, it fails if somebody was faster
        except FileExistsError:
            if not os.path.samefile(real, there):
                raise
            os.rename(real, there)  # the same name in other capitals, to this file system
        except OSError:
            os.rename(real, there)  # no two names for one file here
        else:
            os.unlink(real)
        disk.flush_folder(there.parent)
        disk.flush_folder(real.parent)
    except FileExistsError:
        raise FileProblem(f"{shown(to.name)} is there already.", to) from None
    except OSError as error:
        raise FileProblem(f"{shown(path.name)} cannot be renamed: {explain(error)}.", path) from error


def delete_plain(path: Path, *, inside: Path | None) -> None:
    """Delete a file.

    Raises:
        FileProblem: it cannot be done.
    """
    try:
        real = real_path(path, inside)
        os.unlink(real)
        disk.flush_folder(real.parent)
    except OSError as error:
        raise FileProblem(f"{shown(path.name)} cannot be deleted: {explain(error)}.", path) from error


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it that are missing, so that they are on the disk."""
    missing = [part for part in (folder, *folder.parents) if not part.exists()]
    for part in reversed(missing):
        part.mkdir(exist_ok=True)
        disk.flush_folder(part.parent)


def _write_new(real: Path, path: Path, raw: bytes) -> PlainFile | os.stat_result:
    """Write a file that is not there yet, and in no case over one that came meanwhile."""
    if os.path.lexists(real):
        return _already_written(real, path, raw)
    temporary = _temporary(real)
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        try:
            disk.write_all(fd, raw)
            disk.flush(fd)
            state = os.fstat(fd)
        finally:
            os.close(fd)
        try:
            # Unlike a rename, a link is never made over a file.
            os.link(temporary, real)
        except FileExistsError:
            return _already_written(real, path, raw)
        except OSError:
            # File systems without hard links.
            if os.path.lexists(real):
                return _already_written(real, path, raw)
            os.rename(temporary, real)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
    disk.flush_folder(real.parent)
    return state


def _already_written(real: Path, path: Path, raw: bytes) -> PlainFile:
    """The file, if it holds what is to be written anyway.

    Raises:
        ChangedOnDisk: it does not.
    """
    now = read_plain(real)
    if now is None or now.raw != raw:
        raise ChangedOnDisk(path, now)
    return now


def _write_over(
    real: Path, path: Path, raw: bytes, expected: PlainFile, replaced: Callable[[Former], None] | None
) -> PlainFile | os.stat_result:
    """Write a file that is there."""
    try:
        # For reading and writing, though it is usually replaced: a file that may not be written is not replaced either.
        fd = open_file(real, os.O_RDWR)
    except FileNotFoundError:
        raise ChangedOnDisk(path, None) from None
    try:
        now = read_opened(fd, real)
        if now.raw == raw:
            return now
        if now.raw != expected.raw:
            raise ChangedOnDisk(path, now)
        old = os.fstat(fd)
        if old.st_nlink == 1:
            with contextlib.suppress(_CannotReplace):
                state = _replace(real, path, raw, fd, now)
                if replaced is not None:
                    replaced(Former(fd, path, now))
                return state
        return _write_in_place(fd, raw, now.raw)
    finally:
        os.close(fd)


class _CannotReplace(Exception):
    """A new file cannot take this one's place; it has to be written over."""


def _replace(real: Path, path: Path, raw: bytes, old_fd: int, now: PlainFile) -> os.stat_result:
    """Let a new file take the place of the one that is open as `old_fd` and in the state `now`."""
    temporary = _temporary(real)
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except PermissionError:
        raise _CannotReplace from None
    try:
        try:
            _give_same_owner(old_fd, fd)
            disk.write_all(fd, raw)
            disk.flush(fd)
            state = os.fstat(fd)
        finally:
            os.close(fd)
        if not looks_unchanged(real, now.stamp):
            found = read_plain(real)
            if found is None or found.raw != now.raw:
                raise ChangedOnDisk(path, found)
        _put_in_place(temporary, real, path, now)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    disk.flush_folder(real.parent)
    return state


def _put_in_place(temporary: Path, real: Path, path: Path, now: PlainFile) -> None:
    """Give our new file its name, if what had the name is still in the state `now`.

    Where the system can swap two files, what had the name can be looked at before it is removed: if another program
    came in the last microsecond, it gets its place back. Else a rename ends its work.

    Raises:
        ChangedOnDisk: it is not, and is there as before.
    """
    ours = os.stat(temporary).st_ino
    try:
        if not disk.swap(temporary, real):
            os.rename(temporary, real)
            return
        if not _is_still(temporary, now):
            disk.swap(temporary, real)
            if os.stat(temporary).st_ino != ours:
                disk.swap(temporary, real)  # a third one came, and it is newer than what we put back
            raise ChangedOnDisk(path, read_plain(real))
        os.unlink(temporary)
    except FileNotFoundError:
        raise ChangedOnDisk(path, None) from None
    except PermissionError:
        raise _CannotReplace from None  # somebody else's file in a folder where all may write, such as /tmp


def _is_still(file: Path, state: PlainFile) -> bool:
    if looks_unchanged(file, state.stamp):
        return True
    with contextlib.suppress(FileProblem):
        found = read_plain(file)
        return found is not None and found.raw == state.raw
    return False


def _give_same_owner(old_fd: int, fd: int) -> None:
    """Give a new file the owner, the mode and the extended attributes (so the access list) of another.

    Raises:
        _CannotReplace: we may not.
    """
    old, new = os.fstat(old_fd), os.fstat(fd)
    try:
        if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
            os.fchown(fd, old.st_uid, old.st_gid)
        if hasattr(os, "listxattr"):
            for name in os.listxattr(old_fd):
                os.setxattr(fd, name, os.getxattr(old_fd, name))
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise _CannotReplace from None
    os.fchmod(fd, stat.S_IMODE(old.st_mode))


def _write_in_place(fd: int, raw: bytes, old: bytes) -> os.stat_result:
    """Write over an open file. A full disk leaves it as it was; a power cut in the middle would not.

    What needs new room, the part beyond the old end, is written first.
    """
    try:
        os.lseek(fd, len(old), os.SEEK_SET)
        disk.write_all(fd, raw[len(old) :])
        disk.flush(fd)
        os.lseek(fd, 0, os.SEEK_SET)
        disk.write_all(fd, raw[: len(old)])
        os.ftruncate(fd, len(raw))
        disk.flush(fd)
    except OSError:
        with contextlib.suppress(OSError):
            os.lseek(fd, 0, os.SEEK_SET)
            disk.write_all(fd, old)
            os.ftruncate(fd, len(old))
            disk.flush(fd)
        raise
    return os.fstat(fd)


def _temporary(path: Path) -> Path:
    return path.with_name(f"{OWN_PREFIX}-{secrets.token_hex(8)}.tmp")
