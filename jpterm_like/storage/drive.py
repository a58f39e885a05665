"""What the store asks of a file system: two dozen calls, each of which may fail and may be where the power goes.

The store never calls the system itself. So the tests run the same store on a file system in memory that loses
what was not flushed (`tests/storage/drive.py`), and every way in which a disk disappoints comes from a seed.

It opens files of its user's only, and refuses others (`private`): a store may lie in a folder in which others write.

Nothing here knows what the bytes mean. Errors are the system's own (`OSError`); whoever calls says them in words.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from pathlib import Path

from jpterm_like.files import disk, private


class Drive:
    """The machine's own file system. All calls may block."""

    # ------------------------------------------------------------------ files, by name

    def names(self, folder: Path) -> list[str]:
        """What is in a folder, sorted."""
        return sorted(os.listdir(folder))

    def exists(self, path: Path) -> bool:
        return os.path.lexists(path)

    def size(self, path: Path) -> int:
        """In bytes."""
        return os.stat(path).st_size

    def changed_at(self, path: Path) -> float:
        """When it was written last, by the wall clock, in seconds."""
        return os.stat(path).st_mtime

    def read(self, path: Path, bytes_max: int, *, from_disk: bool = False) -> bytes:
        """The content of a file, of no link; past the system's cache, where that can be asked for.

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
        """The first bytes of a file, fewer if it has no more."""
        with open(private.open_file(path, os.O_RDONLY), "rb", buffering=0) as stream:
            return stream.read(size_bytes)

    def rename(self, path: Path, to: Path) -> None:
        """In one step; takes the place of what has that name."""
        os.rename(path, to)

    def unlink(self, path: Path) -> None:
        os.unlink(path)

    def write_file(self, path: Path, data: bytes) -> None:
        """Write a file with this content, or leave what was there. It is flushed, its name is not."""
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
        """Open an empty file for appending; what had the name is emptied. Returns its number, for `close`."""
        return private.open_file(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)

    def append(self, fd: int, data: bytes) -> None:
        """Write everything at the end. After an error a part of it may be there."""
        disk.write_all(fd, data)

    def cut(self, fd: int, size_bytes: int) -> None:
        """Let a file end there."""
        os.ftruncate(fd, size_bytes)

    def flush(self, fd: int) -> None:
        """Return when the content is on the disk."""
        disk.flush(fd)

    def reopen(self, path: Path) -> int:
        """Open a file that is there, to cut or flush it."""
        return private.open_file(path, os.O_RDWR)

    def close(self, fd: int) -> None:
        os.close(fd)

    def is_named(self, fd: int, path: Path) -> bool:
        """Whether this name is still that of the open file: it may have been removed, and another one be called so."""
        try:
            return os.path.samestat(os.fstat(fd), os.lstat(path))
        except OSError:
            return False

    # ------------------------------------------------------------------ folders

    def flush_folder(self, folder: Path) -> None:
        """Return when names that were made, changed or removed in it are on the disk."""
        disk.flush_folder(folder)

    def make_folder(self, folder: Path) -> None:
        """Make a folder for its owner only, unless it is there and is the owner's."""
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder, 0o700)
        private.check_folder(folder)

    def make_folders(self, folder: Path) -> None:
        """Make a folder for its owner only, and those above it that are missing, so that they are on the disk."""
        missing = [part for part in (folder, *folder.parents) if not self.exists(part)]
        if not missing:
            self.make_folder(folder)
        for part in reversed(missing):
            self.make_folder(part)
            try:
                self.flush_folder(part.parent)
            except OSError:
                with contextlib.suppress(OSError):
                    self.remove_folder(part)  # or the next try takes it for one that is on the disk
                raise

    def remove_folder(self, folder: Path) -> None:
        """Of an empty one."""
        os.rmdir(folder)

    def remove_tree(self, folder: Path) -> None:
        shutil.rmtree(folder)

    def hold(self, path: Path) -> int | None:
        """Lock a file, made when it is missing, until it is closed or the process ends; returns its number.

        None: another opening has meanwhile removed the file, so that the lock means nothing.

        Raises:
            BlockingIOError: somebody else holds it.
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
