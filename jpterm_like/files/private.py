"""Folders and files of our own state: certainly this user's, and changed by one process at a time.

Stores, tokens, notes, logs and sockets lie where others may be: in a shared folder, in /tmp, wherever a variable points. So each
is opened once, without following a link, and what was *opened* is judged: it belongs to this user (or root, whom nothing stops), and
nobody else may write it. What does not is refused in a sentence, and never mended: what is in there may be planted, too.

    open_folder, open_file   judged descriptors
    change                   read, change, write: under one lock, in one step

Errors are the system's own and `NotPrivate`, which is one of them; whoever calls says them in words (`errors.explain`).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import grp
import os
import pwd
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from jpterm_like.errors import escape_for_terminal
from jpterm_like.files import disk

OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH

FILE_BYTES_MAX: Final = 16 << 20
"""A state file of ours has some KiB; a settings file may be longer. Nobody writes more in there than we read."""

LOCK_S: Final = 10.0
"""Changes take milliseconds. A process that was stopped in the midst of one bars the others no longer than this."""
LOCK_STEP_S: Final = 0.01


class NotPrivate(OSError):
    """It belongs to somebody else, others may write it, or it is no folder or file but a link or something else."""


def is_private(found: os.stat_result, others: int = OTHERS_WRITE) -> bool:
    """Whether a file or folder is this user's or root's, and the others have none of these permissions."""
    is_closed = not _others_write(found) if others == OTHERS_WRITE else not found.st_mode & others
    return found.st_uid in (os.geteuid(), 0) and is_closed


def _others_write(found: os.stat_result) -> bool:
    """Whether somebody beside its owner may write it.

    Where each user has a group of the same number, files are made with its permissions; so that one does not count, unless
    somebody else was put into it.
    """
    if found.st_mode & stat.S_IWOTH:
        return True
    return bool(found.st_mode & stat.S_IWGRP) and not (
        found.st_gid == found.st_uid and _has_nobody_else(found.st_gid, found.st_uid)
    )


def _has_nobody_else(group: int, user: int) -> bool:
    """Whether no other user is listed as a member of a group."""
    try:
        members = set(grp.getgrgid(group).gr_mem)
    except KeyError:
        return True
    with contextlib.suppress(KeyError):
        members.discard(pwd.getpwuid(user).pw_name)
    return not members


def open_folder(path: Path, *, make: bool = False, others: int = OTHERS_WRITE) -> int:
    """Open a folder that is this user's, for calls relative to it; returns its number, for `os.close`.

    Args:
        path: the folder. The last part of it is no link; a link above is the matter of who made the path.
        make: make it, and those above it, closed to others, when they are missing.
        others: permissions that nobody else may have.

    Raises:
        NotPrivate: somebody else's, a link, or open to others.
        OSError: it cannot be opened or made.
    """
    if make:
        make_folder(path)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        if os.path.islink(path):
            raise NotPrivate(f"{escape_for_terminal(path)} is a symbolic link; remove it") from None
        raise
    _check(fd, path, others)
    return fd


def make_folder(path: Path) -> None:
    """Make a folder that only its owner can look into, and so those above it, unless they are there."""
    missing = [path]
    while not os.path.lexists(missing[-1].parent):
        missing.append(missing[-1].parent)
    for folder in reversed(missing):
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder, 0o700)


def check_folder(path: Path, *, make: bool = False, others: int = OTHERS_WRITE) -> None:
    """Judge a folder; see `open_folder`."""
    os.close(open_folder(path, make=make, others=others))


def open_file(path: Path | str, flags: int, *, folder: int | None = None) -> int:
    """Open an ordinary file that is this user's; one that is made is closed to others. Returns its number.

    Args:
        path: the file; a name in `folder`, if that is given.
        flags: as of `os.open`.
        folder: the number of an open folder.

    Raises:
        NotPrivate: somebody else's, a link, or open to others.
        OSError: it cannot be opened.
    """
    flags |= os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    truncates = flags & os.O_TRUNC
    try:
        fd = os.open(path, flags & ~os.O_TRUNC, 0o600, dir_fd=folder)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise NotPrivate(f"{escape_for_terminal(path)} is a symbolic link; remove it") from None
        raise
    _check(fd, path, OTHERS_WRITE)
    if truncates:  # not before it was judged
        os.ftruncate(fd, 0)
    return fd


def _check(fd: int, path: Path | str, others: int) -> None:
    """Judge what was opened, and close it if it is not private."""
    found = os.fstat(fd)
    if stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode):
        if is_private(found, others):
            return
        if found.st_uid in (os.geteuid(), 0):
            words = "is open to others: look at what is in it, and close it with 'chmod go-rwx'"
        else:
            words = f"belongs to another user ({found.st_uid}): {_advice()}"
    else:
        words = "is no ordinary file: remove it"
    os.close(fd)
    raise NotPrivate(f"{escape_for_terminal(path)} {words}")


def _advice() -> str:
    """What to do about a thing of another user: it may be planted, or we may be run as the wrong one."""
    if "SUDO_UID" in os.environ:
        return "if it is yours, use sudo -H, or no sudo; else move it away"
    return "if it is that user's by right, run this as that user; else move it away"


def check_place_of_socket(path: Path) -> None:
    """Judge the folder of a socket: nobody else may put one of their own in its place.

    Raises:
        NotPrivate: others may.
        OSError: it is not there.
    """
    found = os.stat(path)
    if found.st_uid not in (os.geteuid(), 0) or (_others_write(found) and not found.st_mode & stat.S_ISVTX):
        raise NotPrivate(
            f"others could put a socket of their own in its place in {escape_for_terminal(path)}; choose a folder that only you can write"
        )


def is_place_safe(socket: Path) -> bool:
    """Whether nobody but who owns it, or its folder, can have put a socket there. In /tmp anybody can, once it is free."""
    try:
        folder, found = os.stat(socket.parent), os.lstat(socket)
    except OSError:
        return False
    if not _others_write(folder):
        return True
    return bool(folder.st_mode & stat.S_ISVTX) and found.st_uid in (os.geteuid(), 0)


# ---------------------------------------------------------------------- state that several processes write


def read(path: Path) -> bytes | None:
    """The content of a file of ours; None when it is not there.

    Raises:
        NotPrivate: it is not this user's alone.
        OSError: it cannot be read.
    """
    try:
        fd = open_file(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        return _read_all(fd, path)
    finally:
        os.close(fd)


def change(
    path: Path,
    new: Callable[[bytes | None], bytes | None],
    *,
    lock: Path | None = None,
    keeps_mode: bool = False,
) -> None:
    """Put in a file's place what `new` makes of its content, while no other process does; None stands for no file.

    Nobody ever reads half of it, and after a crash it is as it was or as it is to be. What `new` raises leaves it as it was.

    Args:
        path: the file; its folder is made.
        new: makes the new content of the old one.
        lock: the file that is locked; None: one beside.
        keeps_mode: the permissions of the file that is there stay; else nobody else can read it.

    Raises:
        NotPrivate: folder or file are not this user's alone.
        TimeoutError: another process has held the lock for LOCK_S.
        OSError: it cannot be read or written.
    """
    folder = open_folder(path.parent, make=True)
    try:
        with _locked(lock or path.with_name(f".{path.name}.lock")):
            old = mode = None
            with contextlib.suppress(FileNotFoundError):
                fd = open_file(path.name, os.O_RDONLY, folder=folder)
                try:
                    old, mode = _read_all(fd, path), stat.S_IMODE(os.fstat(fd).st_mode)
                finally:
                    os.close(fd)
            content = new(old)
            if content is None:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path.name, dir_fd=folder)
            elif content != old:
                _replace(folder, path.name, content, mode if keeps_mode and mode is not None else 0o600)
            os.fsync(folder)
    finally:
        os.close(folder)


def _replace(folder: int, name: str, content: bytes, mode: int) -> None:
    draft = f".{name}.new"  # under the lock there is one; what a crash left is written over
    fd = open_file(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, folder=folder)
    try:
        try:
            disk.write_all(fd, content)
            os.fchmod(fd, mode)
            disk.flush(fd)
        finally:
            os.close(fd)
        os.rename(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(draft, dir_fd=folder)
        raise


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock on a file, which is made and stays: a lock on one that is removed holds nothing."""
    fd = open_file(path, os.O_RDWR | os.O_CREAT)
    try:
        deadline = time.monotonic() + LOCK_S
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"another process holds {escape_for_terminal(path)}") from None
            time.sleep(LOCK_STEP_S)
        yield
    finally:
        os.close(fd)


def _read_all(fd: int, path: Path) -> bytes:
    content = disk.read_all(fd, FILE_BYTES_MAX)
    if content is None:
        raise OSError(f"{escape_for_terminal(path)} has more than {FILE_BYTES_MAX >> 20} MiB")
    return content
