"""The file system calls of a store: two dozen, each of which may fail or be interrupted by a power cut.

The store never calls the system directly, so tests can run it on a file system in memory that loses unflushed data
(`tests/storage/drive.py`), with every kind of disk failure drawn from a seed.

Files of other users are refused (`private`), because a store may lie in a folder in which others can write.

The content is opaque here. Errors are the system's own (`OSError`); callers translate them into sentences.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from pathlib import Path

from jpterm_like.files import disk, private


class Drive:
    """The machine's file system. All calls may block."""

    # ------------------------------------------------------------------ files, by name

    def names(self, folder: Path) -> list[str]:
        """List the names in a folder, sorted."""
        return sorted(os.listdir(folder))

    def exists(self, path: Path) -> bool:
        return os.path.lexists(path)

    def folders_with(self, folder: Path, name: str) -> list[str]:
        """List what is in a folder and has a file of this name in it, sorted."""
        start = os.fspath(folder)  # a path for each of 10,000 folders takes longer than the look
        return sorted(entry for entry in os.listdir(folder) if os.path.lexists(f"{start}/{entry}/{name}"))

    def size(self, path: Path) -> int:
        """Return a file's size in bytes."""
        return os.stat(path).st_size

    def sizes_and_times(self, folder: Path) -> dict[str, tuple[int, float]]:
        """Return sizes in bytes and times of change (wall clock, seconds) of what is in a folder, by name."""
        with os.scandir(folder) as entries:
            return {
                entry.name: ((found := entry.stat(follow_symlinks=False)).st_size, found.st_mtime)
                for entry in entries
            }

    def changed_at(self, path: Path) -> float:
        """Return when a file or folder was last changed (wall clock, seconds)."""
        return os.stat(path).st_mtime

    def stamps(self, folder: Path) -> dict[str, tuple[int, int]]:
        """Return inode and time of change (wall clock, nanoseconds) of all folders in a folder, by name."""
        with os.scandir(folder) as entries:
            return {
                entry.name: ((found := entry.stat(follow_symlinks=False)).st_ino, found.st_mtime_ns)
                for entry in entries
                if entry.is_dir(follow_symlinks=False)
            }

    def read(self, path: Path, bytes_max: int, *, from_disk: bool = False) -> bytes:
        """Read a file that is not a link; with `from_disk` past the system's cache, where the system allows it.

        Raises:
            OSError: it cannot be read, or has more than `bytes_max`.
        """
        fd = private.open_file(path, os.O_RDONLY)
        try:
            if from_disk:
                disk.forget_cached(fd)
            data = disk.read_all(fd, bytes_max)
        finally:
            os.close(fd)
        if data is None:
            raise OSError(0, f"it has more than {bytes_max:,} bytes")
        return data

    def read_start(self, path: Path, size_bytes: int) -> bytes:
        """Read the first bytes of a file, fewer if it is shorter."""
        with open(private.open_file(path, os.O_RDONLY), "rb", buffering=0) as stream:
            return stream.read(size_bytes)

    def rename(self, path: Path, to: Path) -> None:
        """Rename atomically, replacing any file of the new name."""
        os.rename(path, to)

    def unlink(self, path: Path) -> None:
        os.unlink(path)

    def write_file(self, path: Path, data: bytes) -> None:
        """Write and flush a whole file, or leave the old one in place. The folder is not flushed."""
        temporary = path if path.suffix == ".tmp" else path.with_name(path.name + ".tmp")
        try:
            fd = self.begin(temporary)
            try:
                self.append(fd, data)
                self.flush(fd)
            finally:
                self.close(fd)
            if temporary != path:
                self.rename(temporary, path)
        except OSError:
            with contextlib.suppress(OSError):
                self.unlink(temporary)
            raise

    # ------------------------------------------------------------------ files, open

    def begin(self, path: Path) -> int:
        """Create or empty a file and open it for appending. Returns its descriptor."""
        return private.open_file(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)

    def append(self, fd: int, data: bytes) -> None:
        """Append all bytes. After an error some of them may have been written."""
        disk.write_all(fd, data)

    def cut(self, fd: int, size_bytes: int) -> None:
        """Truncate a file."""
        os.ftruncate(fd, size_bytes)

    def flush(self, fd: int) -> None:
        """Flush a file's content to the disk."""
        disk.flush(fd)

    def reopen(self, path: Path) -> int:
        """Open an existing file, to truncate or flush it."""
        return private.open_file(path, os.O_RDWR)

    def close(self, fd: int) -> None:
        os.close(fd)

    def is_named(self, fd: int, path: Path) -> bool:
        """Whether an open file still has this name, and was neither removed nor replaced."""
        try:
            return os.path.samestat(os.fstat(fd), os.lstat(path))
        except OSError:
            return False

    # ------------------------------------------------------------------ folders

    def flush_folder(self, folder: Path) -> None:
        """Flush the names created, changed or removed in a folder to the disk."""
        disk.flush_folder(folder)

    def make_folder(self, folder: Path) -> None:
        """Create a folder for its owner only, if it does not exist; refuse one of another user."""
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder, 0o700)
        private.check_folder(folder)

    def make_folders(self, folder: Path) -> None:
        """Create a folder and its missing parents for their owner only, and flush their names."""
        missing = [part for part in (folder, *folder.parents) if not self.exists(part)]
        if not missing:
            self.make_folder(folder)
        for part in reversed(missing):
            self.make_folder(part)
            try:
                self.flush_folder(part.parent)
            except OSError:
                with contextlib.suppress(OSError):
                    self.remove_folder(part)  # else the next try would believe it is flushed
                raise

    def remove_folder(self, folder: Path) -> None:
        """Remove an empty folder."""
        os.rmdir(folder)

    def remove_tree(self, folder: Path) -> None:
        shutil.rmtree(folder)

    def hold(self, path: Path) -> int | None:
        """Create a file if needed and lock it until it is closed or the process ends; returns its descriptor.

        Returns None if another process removed the file meanwhile, which makes the lock void.

        Raises:
            BlockingIOError: it is locked by somebody else.
            OSError: the system refused.
        """
        fd = private.open_file(path, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(fd), os.stat(path)):
                return fd
        except FileNotFoundError:
            pass
        except OSError:
            os.close(fd)
            raise
        os.close(fd)
        return None
