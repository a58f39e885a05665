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
from jpterm_like.access import Way, closed
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
    place_of,
    problem_of,
    read_opened,
    stamp_of,
    too_large,
)
from jpterm_like.plain import decode_plain
from jpterm_like.root import Place, Root


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
    inside: Root | None = None,
    replaced: Callable[[Former], None] | None = None,
) -> PlainFile:
    """Write a text file, if it is in the state `expected` (None: not there), and return its new state.

    It is on the disk on return. Usually a new file takes the old one's place in one step, with its owner, mode and
    extended attributes. Where that would break something, the old one is written over: it has several hard links, its
    folder cannot be written, its owner cannot be given to a new file. A file that already holds `raw` is left alone.

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
        NotShared: as for `read_plain`.
        ChangedOnDisk: it is in another state; nothing was written.
        FileProblem: it cannot be written; what was there is still there.
    """
    if len(raw) > FILE_BYTES_MAX:
        raise too_large(path)
    text = decode_plain(raw)
    try:
        with place_of(path, inside, make=parents) as place:
            if expected is None:
                state = _write_new(place, raw)
            else:
                state = _write_over(place, raw, expected, replaced)
            if isinstance(state, PlainFile):
                return state
            return PlainFile(raw, text, stamp_of(state, raw), _way_to_written(place, state, expected))
    except FileNotFoundError as error:
        raise FileProblem(f"{shown(path)} cannot be written: its folder is not there.", path) from error
    except OSError as error:
        raise problem_of(path, error, "cannot be written") from error


def _way_to_written(place: Place, state: os.stat_result, expected: PlainFile | None) -> Way | None:
    """Who may come to a file that was written: what replaced another one has its owner and permissions."""
    if expected is not None:
        return expected.way and expected.way._replace(inode=state.st_ino, mtime_ns=state.st_mtime_ns)
    way = place.way_to_name()
    return way if way is None or way.inode == state.st_ino else closed()


def move_plain(path: Path, to: Path, *, inside: Root | None) -> None:
    """Give a file another name, in a folder that is made if need be. Never takes the place of another file.

    Raises:
        FileProblem: it cannot be done; the file has the name that it had.
    """
    try:
        with place_of(path, inside) as here, place_of(to, inside, make=True) as there:
            if there.exists() and not _is_same(here, there):
                raise FileExistsError
            try:
                here.link(there)  # unlike a rename, it fails if somebody was faster
            except FileExistsError:
                if not _is_same(here, there):
                    raise
                here.rename(there)  # the same name in other capitals, to this file system
            except OSError:
                here.rename(there)  # no two names for one file here
            else:
                try:
                    here.unlink()
                except OSError:
                    there.unlink()
                    raise
            with contextlib.suppress(OSError):  # it has its name; the disk may have it later
                there.flush()
                here.flush()
    except FileExistsError:
        raise FileProblem(f"{shown(to.name)} is there already.", to) from None
    except OSError as error:
        raise problem_of(path, error, "cannot be renamed") from error


def end_move(path: Path, to: Path, *, inside: Root | None) -> None:
    """Take away the old name of a file that has both, as a crash in `move_plain` leaves it.

    Raises:
        FileProblem: it cannot be done.
    """
    try:
        with place_of(path, inside) as here, place_of(to, inside) as there:
            # One link: it is one name, in other capitals.
            if _is_same(here, there) and here.stat().st_nlink > 1:
                here.unlink()
                here.flush()
    except FileNotFoundError:
        return  # it has one of them
    except OSError as error:
        raise problem_of(path, error, "cannot be renamed") from error


def _is_same(one: Place, other: Place) -> bool:
    """Whether two names are of one file."""
    return os.path.samestat(one.stat(), other.stat())


def delete_plain(path: Path, *, inside: Root | None) -> None:
    """Delete a file.

    Raises:
        FileProblem: it cannot be done.
    """
    try:
        with place_of(path, inside) as place:
            place.unlink()
            place.flush()
    except OSError as error:
        raise problem_of(path, error, "cannot be deleted") from error


def _write_new(place: Place, raw: bytes) -> PlainFile | os.stat_result:
    """Write a file that is not there yet, and in no case over one that came meanwhile."""
    if place.exists():
        return _already_written(place, raw)
    temporary = _temporary(place)
    fd = temporary.open(os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        try:
            disk.write_all(fd, raw)
            disk.flush(fd)
            state = os.fstat(fd)
        finally:
            os.close(fd)
        try:
            # Unlike a rename, a link is never made over a file.
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
    place.flush()
    return state


def _already_written(place: Place, raw: bytes) -> PlainFile:
    """The file, if it holds what is to be written anyway.

    Raises:
        ChangedOnDisk: it does not.
    """
    now = _read(place)
    if now is None or now.raw != raw:
        raise ChangedOnDisk(place.path, now)
    return now


def _read(place: Place) -> PlainFile | None:
    """The file at a place; None when there is none.

    Raises:
        FileProblem: it is no text.
        OSError: it cannot be read.
    """
    try:
        fd = open_file(place, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        return read_opened(fd, place.path)._replace(way=place.way(fd))
    finally:
        os.close(fd)


def _write_over(
    place: Place, raw: bytes, expected: PlainFile, replaced: Callable[[Former], None] | None
) -> PlainFile | os.stat_result:
    """Write a file that is there."""
    try:
        # For reading and writing, though it is usually replaced: a file that may not be written is not replaced either.
        fd = open_file(place, os.O_RDWR)
    except FileNotFoundError:
        raise ChangedOnDisk(place.path, None) from None
    try:
        now = read_opened(fd, place.path)._replace(way=place.way(fd))
        if now.way and expected.way and now.way.guards != expected.way.guards:
            raise ChangedOnDisk(place.path, now)  # the text may be the same, but others may read it
        if now.raw == raw:
            return now
        if now.raw != expected.raw:
            raise ChangedOnDisk(place.path, now)
        old = os.fstat(fd)
        if old.st_nlink == 1:
            with contextlib.suppress(_CannotReplace):
                state = _replace(place, raw, fd, now)
                if replaced is not None:
                    replaced(Former(fd, place.path, now))
                return state
        return _write_in_place(fd, raw, now.raw)
    finally:
        os.close(fd)


class _CannotReplace(Exception):
    """A new file cannot take this one's place; it has to be written over."""


def _replace(place: Place, raw: bytes, old_fd: int, now: PlainFile) -> os.stat_result:
    """Let a new file take the place of the one that is open as `old_fd` and in the state `now`."""
    temporary = _temporary(place)
    try:
        fd = temporary.open(os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
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
        if not looks_unchanged(place, now.stamp):
            found = _read(place)
            if found is None or found.raw != now.raw:
                raise ChangedOnDisk(place.path, found)
        _put_in_place(temporary, place, now, state.st_ino)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    place.flush()
    return state


def _put_in_place(temporary: Place, place: Place, now: PlainFile, ours: int) -> None:
    """Give our new file, of the inode `ours`, its name, if what had the name is still in the state `now`.

    Where the system can swap two files, what had the name can be looked at before it is removed: if another program
    came in the last microsecond, it gets its place back. Else a rename ends its work.

    Raises:
        ChangedOnDisk: it is not, and is there as before.
    """
    try:
        if not temporary.swap(place):
            temporary.rename(place)
            return
        if not _is_still(temporary, now):
            temporary.swap(place)
            if temporary.stat().st_ino != ours:
                temporary.swap(place)  # a third one came, and it is newer than what we put back
            raise ChangedOnDisk(place.path, _read(place))
        temporary.unlink()
    except FileNotFoundError:
        raise ChangedOnDisk(place.path, None) from None
    except PermissionError:
        raise _CannotReplace from None  # somebody else's file in a folder where all may write, such as /tmp


def _is_still(place: Place, state: PlainFile) -> bool:
    if looks_unchanged(place, state.stamp):
        return True
    with contextlib.suppress(FileProblem, OSError):
        found = _read(place)
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


def _temporary(place: Place) -> Place:
    return place.beside(f"{OWN_PREFIX}-{secrets.token_hex(8)}.tmp")
