"""Folders and files of our own state: owned by this user alone, and changed by one process at a time.

Stores, tokens, notes, logs and sockets may lie where others can write: in a shared folder, in /tmp, wherever a variable points. So each
is opened once, without following a link, and the *opened* file is checked: it belongs to this user (or root, whom nothing stops), and
nobody else may write it. Anything else is refused in a sentence and never repaired: its content may be planted, too.

    open_folder, open_file   open, and check what was opened
    change                   read, change and replace, under one lock

Errors are `OSError`s, among them `NotPrivate`; callers turn them into sentences (`errors.explain`).
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
"""Permissions that nobody but the owner may have on our state."""

FILE_BYTES_MAX: Final = 16 << 20
"""Largest file that is read. State files have some KiB; a settings file may be longer."""

LOCK_S: Final = 10.0
"""Longest wait for the lock. Changes take milliseconds; a process that was stopped during one must not block the others."""
LOCK_STEP_S: Final = 0.01
"""Pause between two tries to get the lock."""


class NotPrivate(OSError):
    """The file belongs to somebody else, others may write it, or it is no folder or ordinary file."""


def is_private(found: os.stat_result, others: int = OTHERS_WRITE) -> bool:
    """Whether a file or folder belongs to this user or root, and gives nobody else these permissions."""
    is_closed = not _others_write(found) if others == OTHERS_WRITE else not found.st_mode & others
    return found.st_uid in (os.geteuid(), 0) and is_closed


def _others_write(found: os.stat_result) -> bool:
    """Whether anybody but the owner may write a file.

    Some systems give each user a group of the same number, and create files that it may write; that group does not count,
    unless it has other members.
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
    """Open a private folder, for calls relative to it; returns its descriptor, for the caller to close.

    Args:
        path: the folder. Its last part must be no link; links above it are up to whoever wrote the path.
        make: create it and those above it if they are missing, closed to others.
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
    """Create a folder and those above it, unless they exist, open to their owner alone."""
    missing = [path]
    while not os.path.lexists(missing[-1].parent):
        missing.append(missing[-1].parent)
    for folder in reversed(missing):
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder, 0o700)


def check_folder(path: Path, *, make: bool = False, others: int = OTHERS_WRITE) -> None:
    """Check that a folder is private; see `open_folder`."""
    os.close(open_folder(path, make=make, others=others))


def open_file(path: Path | str, flags: int, *, folder: int | None = None) -> int:
    """Open a private ordinary file; a new one is created closed to others. Returns its descriptor.

    Args:
        path: the file; a name in `folder`, if that is given.
        flags: as for `os.open`.
        folder: descriptor of an open folder.

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
    if truncates:  # only after the check
        os.ftruncate(fd, 0)
    return fd


def _check(fd: int, path: Path | str, others: int) -> None:
    """Check an opened file, and close it if it is not private."""
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
    """Advice on a file of another user: it may be planted, or we may run as the wrong user."""
    if "SUDO_UID" in os.environ:
        return "if it is yours, use sudo -H, or no sudo; else move it away"
    return "if it is that user's by right, run this as that user; else move it away"


def check_place_of_socket(path: Path) -> None:
    """Check the folder of a socket: nobody else may put their own socket there.

    Raises:
        NotPrivate: others may.
        OSError: the folder does not exist.
    """
    found = os.stat(path)
    if found.st_uid not in (os.geteuid(), 0) or (_others_write(found) and not found.st_mode & stat.S_ISVTX):
        raise NotPrivate(
            f"others could put a socket of their own in its place in {escape_for_terminal(path)}; choose a folder that only you can write"
        )


def is_place_safe(socket: Path) -> bool:
    """Whether only the owner of a socket, or of its folder, can have put it there. In /tmp anybody can, once the name is free."""
    try:
        folder, found = os.stat(socket.parent), os.lstat(socket)
    except OSError:
        return False
    if not _others_write(folder):
        return True
    return bool(folder.st_mode & stat.S_ISVTX) and found.st_uid in (os.geteuid(), 0)


# ---------------------------------------------------------------------- state that several processes write


def read(path: Path) -> bytes | None:
    """The content of a private file; None if it does not exist.

    Raises:
        NotPrivate: the file is not this user's alone.
        OSError: the file cannot be read.
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
    """Replace a file's content by `new(content)`, under a lock; None stands for no file.

    Readers never see half of it, and after a crash it has the old or the new content. If `new` raises, nothing changes.

    Args:
        path: the file; its folder is created.
        new: computes the new content from the old one.
        lock: the lock file; None: one next to the file.
        keeps_mode: keep the permissions of an existing file; else nobody but its owner can read it.

    Raises:
        NotPrivate: folder or file are not this user's alone.
        TimeoutError: another process held the lock for LOCK_S.
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
    draft = f".{name}.new"  # under the lock there is only one; a leftover of a crash is overwritten
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
    """Hold the lock on a file. The file is created and never removed: a lock on a removed file excludes nobody."""
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
