"""Write plain files without ever losing another program's change.

All calls block and belong in a thread.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import stat
import sys
import time
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Final

from jpterm_like.errors import escape_for_terminal, explain
from jpterm_like.files import disk
from jpterm_like.files.access_control import PathPermissions, closed
from jpterm_like.files.charsets import UTF_8
from jpterm_like.files.encoding import decode_plain
from jpterm_like.files.holders import has_writer_at_own_offset, is_held
from jpterm_like.files.read import (
    FILE_BYTES_MAX,
    OWN_PREFIX,
    ChangedOnDisk,
    FileProblem,
    Glance,
    PlainFile,
    locate,
    looks_unchanged,
    open_file,
    problem_of,
    read_opened,
    stamp_of,
    too_large,
)
from jpterm_like.files.root import NameInFolder, Root, everything

HELD_PAUSES_S: Final = (0.01, 0.03, 0.06)
"""Pauses in which a program that has the file open may close it: reading a file takes a moment."""


LEFTOVER_S: Final = 2.0
"""Age below which a temporary file may belong to a save in progress."""
_TEMPORARY: Final = re.compile(re.escape(OWN_PREFIX) + r"-[0-9a-f]{16}\.tmp")
TORN_BYTES: Final = 1 << 16
"""Bytes of a file that may be half written that are compared at a time."""


class ReplacedFile:
    """A file that was replaced by a new one, held open because another program may still write into it.

    `echo >>` opens and writes in two steps; if the file is replaced between the two, the line would be lost.
    """

    def __init__(self, fd: int, path: Path, plain: PlainFile) -> None:
        self._fd = os.dup(fd)
        self._path = path
        self.plain = plain
        """Its state when it was replaced, or last read."""

    def written(self) -> bool:
        """Whether somebody wrote into it since then. Cheap."""
        return self.glance() != self.plain.stamp[2:4]

    def glance(self) -> Glance:
        """Its status without reading it; see `files.read.glance`."""
        found = os.fstat(self._fd)
        return found.st_mtime_ns, found.st_size

    def read(self) -> PlainFile:
        """Read it again.

        Raises:
            FileProblem: it is not text, or cannot be read.
        """
        try:
            return read_opened(self._fd, self._path, self.plain.known)
        except OSError as error:
            raise FileProblem(
                f"{escape_for_terminal(self._path)} cannot be read: {explain(error)}.", self._path
            ) from error

    def is_held(self) -> bool | None:
        """Whether another program still has it open; None: unknown. False once it is closed, which another thread may do meanwhile."""
        try:
            fd = os.dup(self._fd)
        except OSError:
            return False
        try:
            return is_held(fd)
        finally:
            os.close(fd)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def write_plain(
    path: Path,
    raw: bytes,
    expected: PlainFile | None,
    *,
    charset: str = UTF_8,
    parents: bool = False,
    inside: Root | None = None,
    mode: int = 0o666,
    replaced: Callable[[ReplacedFile], None] | None = None,
) -> PlainFile:
    """Write a text file if it is in the state `expected` (None: missing), and return its new state.

    The file is on the disk on return. Usually a new file replaces the old one in one step, with its owner, mode and
    extended attributes. Where that would break something, the old one is overwritten in place: it has several hard links,
    another program has it open (and continues with it, as `tee -a` or `crontab -e`), its folder cannot be written, its owner
    cannot be given to a new file, or it is a mount point. Text that others append meanwhile stays. A file that already holds
    `raw` is left alone.

    The state is checked just before the change. POSIX has no remedy for the microseconds between the two;
    Linux and macOS have one, see `_put_in_place`.

    Args:
        path: the file.
        raw: the new content; text, as `encode_plain` makes it.
        expected: the present content, as last read or written.
        charset: what the new content is written in.
        parents: create missing folders.
        inside: as for `read_plain`.
        mode: permissions of a new file, before the umask of the process.
        replaced: called with the old file after a new one replaced it; the callee closes it.

    Raises:
        NotShared: as for `read_plain`.
        ChangedOnDisk: the file is in another state; nothing was written.
        FileProblem: the file cannot be written; it is as before.
    """
    if len(raw) > FILE_BYTES_MAX:
        raise too_large(path)
    text = decode_plain(raw, charset)
    try:
        with _folders_undone(path, inside), locate(path, inside, make=parents) as place:
            if expected is None:
                state = _write_new(place, raw, mode)
            else:
                state = _write_over(place, raw, expected, replaced)
            if isinstance(state, PlainFile):
                return state._replace(text=text, charset=charset)
            permissions = _permissions_of_written(place, state, expected)
            return PlainFile(raw, text, stamp_of(state, raw), permissions, charset)
    except FileNotFoundError as error:
        raise FileProblem(
            f"{escape_for_terminal(path)} cannot be written: its folder is not there.", path
        ) from error
    except OSError as error:
        raise problem_of(path, error, "cannot be written") from error


def _permissions_of_written(
    place: NameInFolder, state: os.stat_result, expected: PlainFile | None
) -> PathPermissions | None:
    """Permissions of a file that was written: a new file has those of the file that it replaced."""
    if expected is not None:
        return expected.permissions and expected.permissions._replace(
            inode=state.st_ino, mtime_ns=state.st_mtime_ns
        )
    permissions = place.permissions_of_name()
    return permissions if permissions is None or permissions.inode == state.st_ino else closed()


def move_plain(path: Path, to: Path, *, inside: Root | None) -> None:
    """Rename a file; creates the folder if needed and never replaces another file.

    Raises:
        FileProblem: it cannot be renamed, and has its old name.
    """
    try:
        with (
            _folders_undone(to, inside),
            locate(path, inside) as here,
            locate(to, inside, make=True) as there,
        ):
            if there.exists() and not _is_same(here, there):
                raise FileExistsError
            try:
                here.link(there)  # unlike a rename, a link fails if somebody was faster
            except FileExistsError:
                if not _is_same(here, there):
                    raise
                here.rename(there)  # for this file system the same name in another case
            except OSError:
                here.rename(there)  # no hard links here
            else:
                try:
                    here.unlink()
                except OSError:
                    there.unlink()
                    raise
            with contextlib.suppress(OSError):  # the file has its name; the flush may come later
                there.flush()
                here.flush()
    except FileExistsError:
        raise FileProblem(f"{escape_for_terminal(to.name)} is there already.", to) from None
    except OSError as error:
        raise problem_of(path, error, "cannot be renamed") from error


def end_move(path: Path, to: Path, *, inside: Root | None) -> None:
    """Remove the old name of a file that a crash in `move_plain` left with both.

    Raises:
        FileProblem: the name cannot be removed.
    """
    try:
        with locate(path, inside) as here, locate(to, inside) as there:
            # One link: it is one name, in another case.
            if _is_same(here, there) and here.stat().st_nlink > 1:
                here.unlink()
                here.flush()
    except FileNotFoundError:
        return  # only one of the names exists
    except OSError as error:
        raise problem_of(path, error, "cannot be renamed") from error


def _is_same(one: NameInFolder, other: NameInFolder) -> bool:
    """Whether two names belong to one file."""
    return os.path.samestat(one.stat(), other.stat())


def delete_plain(path: Path, *, inside: Root | None) -> None:
    """Delete a file.

    Raises:
        FileProblem: it cannot be deleted.
    """
    try:
        with locate(path, inside) as place:
            place.unlink()
            place.flush()
    except OSError as error:
        raise problem_of(path, error, "cannot be deleted") from error


def _write_new(place: NameInFolder, raw: bytes, mode: int) -> PlainFile | os.stat_result:
    """Create a file, never overwriting one that appeared meanwhile."""
    if place.exists():
        return _already_written(place, raw)
    temporary, fd = begin_temporary(place, mode)
    try:
        disk.write_all(fd, raw)
        disk.flush(fd)
        state = os.fstat(fd)
        try:
            # Unlike a rename, a link never replaces a file.
            temporary.link(place)
        except FileExistsError:
            return _already_written(place, raw)
        except OSError:
            # File systems without hard links.
            if place.exists():
                return _already_written(place, raw)
            temporary.rename(place)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
        os.close(fd)
    place.flush()
    return state


def _already_written(place: NameInFolder, raw: bytes) -> PlainFile:
    """The present file, if it already holds `raw`.

    Raises:
        ChangedOnDisk: it does not.
    """
    now = _read(place)
    if now is None or now.raw != raw:
        raise ChangedOnDisk(place.path, now)
    return now


def _read(place: NameInFolder) -> PlainFile | None:
    """Read the file of this name; None if it does not exist.

    Raises:
        FileProblem: it is not text.
        OSError: it cannot be read.
    """
    try:
        fd = open_file(place, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        return read_opened(fd, place.path)._replace(permissions=place.permissions(fd))
    finally:
        os.close(fd)


def _write_over(
    place: NameInFolder, raw: bytes, expected: PlainFile, replaced: Callable[[ReplacedFile], None] | None
) -> PlainFile | os.stat_result:
    """Write a file that exists."""
    try:
        # Opened for writing although it is usually replaced: a read-only file is not replaced either.
        fd = open_file(place, os.O_RDWR)
    except FileNotFoundError:
        raise ChangedOnDisk(place.path, None) from None
    try:
        stays = _stays_with_others(fd)
        now = read_opened(fd, place.path, expected.known)._replace(permissions=place.permissions(fd))
        if now.permissions and expected.permissions and now.permissions.guards != expected.permissions.guards:
            raise ChangedOnDisk(place.path, now)  # the text may be the same, but other users may read it
        if now.raw == raw:
            return now
        if now.raw != expected.raw:
            raise ChangedOnDisk(place.path, now)
        if os.fstat(fd).st_nlink == 1 and not stays:
            with contextlib.suppress(_CannotReplace):
                state = _replace(place, raw, fd, now)
                if replaced is not None:
                    replaced(ReplacedFile(fd, place.path, now))
                return state
        return _write_in_place(fd, raw, now.raw)
    finally:
        os.close(fd)


def _stays_with_others(fd: int) -> bool:
    """Whether another program has the file open for longer than a moment, so that it must be written in place.

    Not for a program that writes at an offset of its own: it would overwrite text that we inserted before it. It continues
    with the old file, which `ReplacedFile` watches.
    """
    for pause_s in HELD_PAUSES_S:
        if not is_held(fd):
            return False
        time.sleep(pause_s)
    return bool(is_held(fd)) and not has_writer_at_own_offset(fd)


class _CannotReplace(Exception):
    """A new file cannot replace this one; it must be overwritten in place."""


def _replace(place: NameInFolder, raw: bytes, old_fd: int, now: PlainFile) -> os.stat_result:
    """Replace the file that is open as `old_fd` and in the state `now` by a new one."""
    try:
        temporary, fd = begin_temporary(place, 0o600)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise _CannotReplace from None
        raise
    try:
        _give_same_owner(old_fd, fd)
        disk.write_all(fd, raw)
        disk.flush(fd)
        state = os.fstat(fd)
        if not looks_unchanged(place, now.stamp):
            found = _read(place)
            if found is None or found.raw != now.raw:
                raise ChangedOnDisk(place.path, found)
        _put_in_place(temporary, place, now, state.st_ino)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    finally:
        os.close(fd)
    place.flush()
    return state


def _put_in_place(temporary: NameInFolder, place: NameInFolder, now: PlainFile, ours: int) -> None:
    """Give our new file, with the inode `ours`, its final name, if the file with that name is still in the state `now`.

    Where the system can exchange two files, the old file is checked before it is removed: if another program
    changed it in the last microsecond, it gets its name back. Elsewhere a rename would lose that change.

    Raises:
        ChangedOnDisk: it is not, and keeps its name.
    """
    try:
        if not temporary.swap(place):
            temporary.rename(place)
            return
        if not _is_still(temporary, now):
            temporary.swap(place)
            if temporary.stat().st_ino != ours:
                temporary.swap(place)  # a third file came meanwhile, newer than the one we put back
            raise ChangedOnDisk(place.path, _read(place))
        temporary.unlink()
    except FileNotFoundError:
        raise ChangedOnDisk(place.path, None) from None
    except OSError as error:
        # Another user's file in a folder such as /tmp, or a mount point.
        if error.errno in (errno.EACCES, errno.EPERM, errno.EBUSY, errno.EXDEV):
            raise _CannotReplace from None
        raise


def _is_still(place: NameInFolder, state: PlainFile) -> bool:
    if looks_unchanged(place, state.stamp):
        return True
    with contextlib.suppress(FileProblem, OSError):
        found = _read(place)
        return found is not None and found.raw == state.raw
    return False


def _give_same_owner(old_fd: int, fd: int) -> None:
    """Give a new file the owner, the mode and the extended attributes (access control lists, too) of another.

    Raises:
        _CannotReplace: that is not permitted.
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


def finish_write(
    path: Path, old: bytes, raw: bytes, *, inside: Root | None, permissions: PathPermissions | None
) -> bool:
    """Complete a write in place from `old` to `raw` that a crash interrupted; returns whether there was one.

    Such a file holds old bytes, new bytes, or zeros where the disk had received nothing yet. Text that
    another program appended stays. `permissions` are those of the file that was being written: a file with
    others is not touched, because another user may have put it there to receive the text.

    Raises:
        FileProblem: it cannot be read or written.
    """
    try:
        with locate(path, inside) as place:
            fd = open_file(place, os.O_RDWR)
            try:
                now = place.permissions(fd)
                if now is not None and (permissions is None or now.guards != permissions.guards):
                    return False
                if os.fstat(fd).st_size > FILE_BYTES_MAX + len(raw):
                    return False
                found = _read_from(fd, 0)
                if not _is_torn(found, old, raw):
                    return False
                _write_in_place(fd, raw, found[: max(len(old), len(raw))])
                return True
            finally:
                os.close(fd)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise problem_of(path, error, "cannot be written") from error


def _is_torn(found: bytes, old: bytes, raw: bytes) -> bool:
    """Whether a file is half old and half new."""
    if found in (old, raw) or len(found) < min(len(old), len(raw)):
        return False
    found = found[: max(len(old), len(raw))]
    for start in range(0, len(found), TORN_BYTES):
        parts = [it[start : start + TORN_BYTES] for it in (found, old, raw)]
        if parts[0] not in parts[1:] and not all(
            it in (0, before, after) for it, before, after in zip_longest(*parts) if it is not None
        ):
            return False
    return True


def _write_in_place(fd: int, raw: bytes, old: bytes) -> os.stat_result:
    """Overwrite an open file. A full disk leaves it as before; for a power cut in the middle see `finish_write`.

    The part beyond the old end, which needs new space, is written first. It is appended, so it overwrites nothing that
    others append meanwhile, and their text ends up after all of ours.
    """
    tail = raw[len(old) :]
    try:
        if tail:
            _append(fd, tail)
            disk.flush(fd)
            _put_behind(fd, len(old), tail)
        _write_at(fd, raw[: len(old)], 0)
        _take_out(fd, len(raw), len(old))
        disk.flush(fd)
    except OSError:
        with contextlib.suppress(OSError):
            _write_at(fd, old, 0)
            rest = _read_from(fd, len(old))
            if tail.startswith(rest):
                os.ftruncate(fd, len(old))
            disk.flush(fd)
        raise
    return os.fstat(fd)


def _append(fd: int, data: bytes) -> None:
    """Append to the file, wherever its end is by then."""
    flags = fcntl.fcntl(fd, fcntl.F_GETFL)
    fcntl.fcntl(fd, fcntl.F_SETFL, flags | os.O_APPEND)
    try:
        disk.write_all(fd, data)
    finally:
        fcntl.fcntl(fd, fcntl.F_SETFL, flags)


def _put_behind(fd: int, offset: int, tail: bytes) -> None:
    """Move our tail to the offset, and text that others appended before it to after it."""
    found = _read_from(fd, offset)
    if not found.startswith(tail):
        others, _, later = found.partition(tail)
        _write_at(fd, tail + others + later, offset)


def _take_out(fd: int, start: int, end: int) -> None:
    """Remove a range of a file; text that others append after it stays."""
    rest = b""
    while start < end:
        rest += _read_from(fd, end + len(rest))
        _write_at(fd, rest, start)
        if os.fstat(fd).st_size <= end + len(rest):
            os.ftruncate(fd, start + len(rest))
            return


def _write_at(fd: int, data: bytes, offset: int) -> None:
    os.lseek(fd, offset, os.SEEK_SET)
    disk.write_all(fd, data)


def _read_from(fd: int, offset: int) -> bytes:
    os.lseek(fd, offset, os.SEEK_SET)
    return disk.read_all(fd, sys.maxsize) or b""


def begin_temporary(place: NameInFolder, mode: int) -> tuple[NameInFolder, int]:
    """Create a file that gets its final name once it is complete; the caller closes it, and removes it on failure.

    It is locked until then, by which `remove_leftovers` tells it from files of killed processes.
    """
    temporary = place.sibling(f"{OWN_PREFIX}-{secrets.token_hex(8)}.tmp")
    fd = temporary.open(os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with contextlib.suppress(OSError):
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return temporary, fd


def remove_leftovers(folder: Path, *, inside: Root | None) -> bool:
    """Remove temporary files of killed saves from a folder; returns whether one is too young to tell it from a save in
    progress. Only files with our names that belong to this user.

    Raises:
        FileProblem: the folder cannot be read.
    """
    try:
        fd = (inside or everything()).folder(folder)
    except OSError as error:
        raise problem_of(folder, error, "cannot be read") from error
    young = False
    try:
        for name in filter(_TEMPORARY.fullmatch, os.listdir(fd)):
            with contextlib.suppress(OSError):
                young |= _remove_leftover(NameInFolder(fd, name, folder / name, owned=False))
    except OSError as error:
        raise problem_of(folder, error, "cannot be read") from error
    finally:
        os.close(fd)
    return young


def _remove_leftover(temporary: NameInFolder) -> bool:
    """Remove one leftover; returns whether it is too young. A file that a save has just replaced is unlocked for a moment.

    Raises:
        OSError: it is in use, or cannot be removed.
    """
    found = temporary.stat()
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
        return False
    if not time.time() - found.st_ctime >= LEFTOVER_S:
        return True
    fd = temporary.open(os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(fd), temporary.stat()):
            temporary.unlink()
    finally:
        os.close(fd)
    return False


@contextlib.contextmanager
def _folders_undone(path: Path, inside: Root | None) -> Iterator[None]:
    """Remove the folders that the block creates for a file, if it fails."""
    missing = [folder for folder in path.parents if not os.path.lexists(folder)]
    try:
        yield
    except BaseException:
        for folder in missing:  # innermost first; a folder with something in it stays
            with contextlib.suppress(OSError), locate(folder, inside) as place:
                os.rmdir(place.name, dir_fd=place.folder)
        raise
