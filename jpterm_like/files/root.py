"""Files reached by descriptors, and through no symbolic link.

A path is looked up step by step: each folder on the way is opened in the one before it (`openat` with `O_NOFOLLOW`), and
what is done with a file is done to a name in the last of them. So a folder or file that becomes a link, or is moved
while we work, takes nobody along; and what was judged (`fstat`) is what is read. Go's `os.Root` and Rust's `cap-std` are
the same idea.

    Root         an open folder, beneath which files are reached
    Place        a name in an open folder
    LinkInPath   a part of the path is a symbolic link
    RootGone     the folder's path leads to another folder now, or to none

`Path`s here are for showing, and for saying which way to go. A person who names a link has it resolved before, once.
All calls block. Weighed: Linux's `openat2` with RESOLVE_BENEATH, one call instead of one a folder. It needs ctypes, which
costs an editor's start some milliseconds, and the way by steps as well, for every other system.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import weakref
from functools import cache
from pathlib import Path
from typing import Final

from jpterm_like.files import disk
from jpterm_like.files.access_control import (
    FilePermissions,
    PathPermissions,
    permissions_from_stat,
    permissions_of,
)

_SEARCH: Final[int] = getattr(os, "O_PATH", getattr(os, "O_SEARCH", os.O_RDONLY))
"""To pass through a folder needs no right to list it, where the system knows the difference."""
_FOLDER: Final = _SEARCH | os.O_DIRECTORY | os.O_NOFOLLOW


class LinkInPath(OSError):
    """A part of the path is a symbolic link, or none that lies beneath the root."""

    def __init__(self, path: Path) -> None:
        super().__init__(errno.ELOOP, "a part of its path is a symbolic link", str(path))


class RootGone(OSError):
    """The root's path leads to another folder than it did, or to none. Files beneath it are not missing: they are elsewhere."""

    def __init__(self, path: Path) -> None:
        super().__init__(errno.ESTALE, "the folder was moved away or replaced", str(path))


class Root:
    """A folder that is held open, beneath which files are reached. `path` leads there without links.

    `guarded`: permissions on the way say who may come to a file, and are looked at; see `files.access_control`.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, path: Path, *, guarded: bool = False) -> None:
        self.path = path
        self._guarded = guarded
        self._fd = os.open(path, _FOLDER)
        weakref.finalize(self, os.close, self._fd)

    def locate(self, path: Path, *, make: bool = False) -> NameInFolder:
        """Where a file of that path is, or would be; to be closed.

        Args:
            path: an absolute path beneath the root.
            make: make the folders that are missing, so that they are on the disk.

        Raises:
            LinkInPath: the way there is not a plain one.
            RootGone: the root is not where it was.
            OSError: a folder is missing or cannot be passed.
        """
        try:
            parts = path.relative_to(self.path).parts
        except ValueError:
            raise LinkInPath(path) from None
        if not parts or ".." in parts or "\0" in str(path):
            raise LinkInPath(path)
        folder = self._open()
        guards = []
        try:
            for part in parts[:-1]:
                if self._guarded:
                    guards.append(permissions_of(folder))
                inner = _open_folder(folder, part, path, make=make)
                os.close(folder)
                folder = inner
            if self._guarded:
                guards.append(permissions_of(folder))
        except BaseException:
            os.close(folder)
            raise
        return NameInFolder(folder, parts[-1], path, tuple(guards))

    def folder(self, path: Path) -> int:
        """A folder beneath the root, or the root, opened for listing; see `place`."""
        if path == self.path:
            folder = self._open()
            try:
                return os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=folder)
            finally:
                os.close(folder)
        with self.locate(path) as place:
            return place.open(os.O_RDONLY | os.O_DIRECTORY)

    def check(self) -> None:
        """See that the root is where it was.

        Raises:
            RootGone: it is not.
        """
        try:
            is_there = os.path.samestat(os.stat(self.path), os.fstat(self._fd))
        except (FileNotFoundError, NotADirectoryError):
            is_there = False
        if not is_there:
            raise RootGone(self.path)

    def _open(self) -> int:
        """A descriptor of the root of the caller's own."""
        self.check()
        return os.dup(self._fd)


@cache
def everything() -> Root:
    """The whole file system, as a root."""
    return Root(Path("/"), guarded=True)


class NameInFolder:
    """A name in an open folder, whatever the folder is called by now. Closed at the end of a `with`."""

    def __init__(
        self,
        folder: int,
        name: str,
        path: Path,
        guards: tuple[FilePermissions, ...] = (),
        *,
        owned: bool = True,
    ) -> None:
        self.folder = folder
        """The folder's descriptor."""
        self.name = name
        self.path = path
        """To be shown."""
        self._guards = guards
        self._owned = owned

    @property
    def is_guarded(self) -> bool:
        """Whether permissions on the way are looked at; see `Root`."""
        return bool(self._guards)

    def permissions(self, opened: int) -> PathPermissions | None:
        """The way to the file that is open, which had this name; None beneath a root where permissions say nothing."""
        if not self._guards:
            return None
        found = os.fstat(opened)
        return PathPermissions(self._guards, permissions_of(opened), found.st_ino, found.st_mtime_ns)

    def permissions_of_name(self) -> PathPermissions | None:
        """The way to whatever has the name now, which need not be a file that can be read."""
        if not self._guards:
            return None
        try:
            if not hasattr(
                os, "O_PATH"
            ):  # to open it for a look could do something; and lists are not seen there anyway
                found = self.stat()
                return PathPermissions(
                    self._guards, permissions_from_stat(found), found.st_ino, found.st_mtime_ns
                )
            opened = self.open(os.O_PATH)
        except FileNotFoundError:
            return PathPermissions(self._guards, None)
        try:
            return self.permissions(opened)
        finally:
            os.close(opened)

    def beside(self, name: str) -> NameInFolder:
        """Another name in the same folder; it lives as long as this."""
        return NameInFolder(self.folder, name, self.path.with_name(name), owned=False)

    def stat(self) -> os.stat_result:
        """What has the name now; of a link, the link itself."""
        return os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)

    def exists(self) -> bool:
        """Whether anything has the name."""
        try:
            self.stat()
        except FileNotFoundError:
            return False
        return True

    def open(self, flags: int, mode: int = 0o666) -> int:
        """Open what has the name; never waits for a pipe or a device.

        Raises:
            LinkInPath: it is a symbolic link.
            OSError: it cannot be opened.
        """
        flags |= os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
        try:
            return os.open(self.name, flags, mode, dir_fd=self.folder)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.EMLINK, errno.ENOTDIR) and _is_link(self.folder, self.name):
                raise LinkInPath(self.path) from None
            raise

    def link(self, other: NameInFolder) -> None:
        """Give what has this name another name as well. Fails where there is something."""
        os.link(self.name, other.name, src_dir_fd=self.folder, dst_dir_fd=other.folder, follow_symlinks=False)

    def rename(self, other: NameInFolder) -> None:
        """Give what has this name another one instead. Takes the place of a file that is there."""
        os.rename(self.name, other.name, src_dir_fd=self.folder, dst_dir_fd=other.folder)

    def swap(self, other: NameInFolder) -> bool:
        """Let two names of one folder change what they name; see `files.disk.swap`."""
        return disk.swap(self.name, other.name, self.folder)

    def unlink(self) -> None:
        """Take the name away."""
        os.unlink(self.name, dir_fd=self.folder)

    def flush(self) -> None:
        """Return when the folder's names are on the disk."""
        disk.flush_folder(".", self.folder)

    def close(self) -> None:
        """Let go of the folder."""
        if self._owned and self.folder >= 0:
            os.close(self.folder)
            self.folder = -1

    def __enter__(self) -> NameInFolder:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _open_folder(folder: int, name: str, path: Path, *, make: bool) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=folder)
    except FileNotFoundError:
        if not make:
            raise
    except OSError:
        if _is_link(folder, name):
            raise LinkInPath(path) from None
        raise
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, dir_fd=folder)
        disk.flush_folder(".", folder)
    return _open_folder(folder, name, path, make=False)


def _is_link(folder: int, name: str) -> bool:
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return False
    return stat.S_ISLNK(found.st_mode)
