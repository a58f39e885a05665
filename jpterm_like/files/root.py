"""Reach files by descriptors, never through a symbolic link.

A path is resolved step by step: each folder on the way is opened in the one before it (`openat` with `O_NOFOLLOW`), and
every call on a file names it in the last of them. So a folder or file that becomes a link, or is moved
meanwhile, leads nowhere else; and the file that was checked (`fstat`) is the one that is read. Go's `os.Root` and Rust's
`cap-std` are the same idea.

    Root           an open folder, and the files below it
    NameInFolder   a name in an open folder
    LinkInPath     a part of the path is a symbolic link
    RootGone       the folder's path leads to another folder now, or to none

A `Path` here is only a name to show and a list of steps. Links in a path that a person writes are resolved before, once.
All calls block. Rejected: Linux's `openat2` with RESOLVE_BENEATH, one call instead of one a folder. It needs ctypes, which
costs an editor's start some milliseconds, and the steps are still needed for every other system.
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
"""Opens a folder for passing through only, which needs no permission to list it, where the system has such a flag."""
_FOLDER: Final = _SEARCH | os.O_DIRECTORY | os.O_NOFOLLOW


class LinkInPath(OSError):
    """A part of the path is a symbolic link, or the path leads out of the root."""

    def __init__(self, path: Path) -> None:
        super().__init__(errno.ELOOP, "a part of its path is a symbolic link", str(path))


class RootGone(OSError):
    """The root's path leads to another folder now, or to none. Its files are not missing, but elsewhere."""

    def __init__(self, path: Path) -> None:
        super().__init__(errno.ESTALE, "the folder was moved away or replaced", str(path))


class Root:
    """A folder that is held open, and the files below it. `path` leads there without links.

    `guarded`: permissions are noted on the way, because they decide who may open a file; see `files.access_control`.

    Raises:
        OSError: the folder cannot be opened.
    """

    def __init__(self, path: Path, *, guarded: bool = False) -> None:
        self.path = path
        self._guarded = guarded
        self._fd = os.open(path, _FOLDER)
        weakref.finalize(self, os.close, self._fd)

    def locate(self, path: Path, *, make: bool = False) -> NameInFolder:
        """The folder and the name of a file that exists or could be created; to be closed.

        Args:
            path: an absolute path below the root.
            make: create missing folders, on the disk at return.

        Raises:
            LinkInPath: the path contains a link or leads out of the root.
            RootGone: the root was moved or replaced.
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
        """Open the root, or a folder below it, for listing; see `locate`."""
        if path == self.path:
            folder = self._open()
            try:
                return os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=folder)
            finally:
                os.close(folder)
        with self.locate(path) as place:
            return place.open(os.O_RDONLY | os.O_DIRECTORY)

    def check(self) -> None:
        """Check that the root was neither moved nor replaced.

        Raises:
            RootGone: it was.
        """
        try:
            is_there = os.path.samestat(os.stat(self.path), os.fstat(self._fd))
        except (FileNotFoundError, NotADirectoryError):
            is_there = False
        if not is_there:
            raise RootGone(self.path)

    def _open(self) -> int:
        """A new descriptor of the root, for the caller to close."""
        self.check()
        return os.dup(self._fd)


@cache
def everything() -> Root:
    """The whole file system, as a root."""
    return Root(Path("/"), guarded=True)


class NameInFolder:
    """A name in an open folder, wherever the folder has been moved since. Closed at the end of a `with`."""

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
        """Descriptor of the folder."""
        self.name = name
        self.path = path
        """Path for messages."""
        self._guards = guards
        self._owned = owned

    @property
    def is_guarded(self) -> bool:
        """Whether permissions were noted on the way; see `Root`."""
        return bool(self._guards)

    def permissions(self, opened: int) -> PathPermissions | None:
        """Permissions of an open file that had this name; None below a root that notes none."""
        if not self._guards:
            return None
        found = os.fstat(opened)
        return PathPermissions(self._guards, permissions_of(opened), found.st_ino, found.st_mtime_ns)

    def permissions_of_name(self) -> PathPermissions | None:
        """Permissions of whatever has the name now, even if it cannot be read; None below a root that notes none."""
        if not self._guards:
            return None
        try:
            if not hasattr(
                os, "O_PATH"
            ):  # opening a device could have an effect; access control lists are not seen there anyway
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

    def sibling(self, name: str) -> NameInFolder:
        """Another name in the same folder; valid until this one is closed."""
        return NameInFolder(self.folder, name, self.path.with_name(name), owned=False)

    def stat(self) -> os.stat_result:
        """Status of whatever has the name now; of a link, the link itself."""
        return os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)

    def exists(self) -> bool:
        """Whether anything has the name."""
        try:
            self.stat()
        except FileNotFoundError:
            return False
        return True

    def open(self, flags: int, mode: int = 0o666) -> int:
        """Open whatever has the name; never waits for a pipe or a device.

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
        """Add a hard link. Fails if the other name exists."""
        os.link(self.name, other.name, src_dir_fd=self.folder, dst_dir_fd=other.folder, follow_symlinks=False)

    def rename(self, other: NameInFolder) -> None:
        """Rename. Replaces a file that has the other name."""
        os.rename(self.name, other.name, src_dir_fd=self.folder, dst_dir_fd=other.folder)

    def swap(self, other: NameInFolder) -> bool:
        """Exchange two files of one folder; see `files.disk.swap`."""
        return disk.swap(self.name, other.name, self.folder)

    def unlink(self) -> None:
        """Remove the name."""
        os.unlink(self.name, dir_fd=self.folder)

    def flush(self) -> None:
        """Flush the folder's names to disk."""
        disk.flush_folder(".", self.folder)

    def close(self) -> None:
        """Close the folder."""
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
