"""A file system in memory that disappoints from a seed: the real `FolderStorage` runs on it as on a disk.

What POSIX leaves open is decided by chance at each loss of power (`lose_power`): every write, every new length and
every change of a name that was not flushed may be there or not, in any combination, and a write may be there in part.
A flushed file whose name was not flushed is gone. After a failed flush the system takes the lost pages for clean: they
can still be read, later flushes say yes, and they are gone with the power (Rebello et al., USENIX ATC 2020).

`fault` is asked before each call that changes or flushes something, and names the error that the call ends with.
"""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from jpterm_like.storage.drive import Drive

WRITES_OF_AN_APPEND = 3
"""At most: the system may take less than it is given, and the rest in another call."""


@dataclass(eq=False)
class _File:
    data: bytearray = field(default_factory=bytearray)
    """As every process sees it."""
    durable: bytes = b""
    """What is on the disk for sure."""
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)
    """Not flushed, in order: bytes at an offset, or None: a new length."""
    held: bool = False

    def after_power_loss(self, chance: random.Random, keep: float) -> _File:
        data = bytearray(self.durable)
        for offset, written in self.pending:
            if chance.random() >= keep:
                continue
            if written is None:
                del data[offset:]
                data.extend(bytes(offset - len(data)))
                continue
            if chance.random() >= keep:
                written = written[: chance.randint(0, len(written))]
            data.extend(bytes(max(0, offset - len(data))))
            data[offset : offset + len(written)] = written
        return _File(data, bytes(data))


@dataclass(eq=False)
class _Folder:
    entries: dict[str, _File | _Folder] = field(default_factory=dict)
    durable: dict[str, _File | _Folder] = field(default_factory=dict)
    pending: list[dict[str, _File | _Folder | None]] = field(default_factory=list)
    """Not flushed, in order: what each change of names set; None: removed."""

    def change(self, **names: _File | _Folder | None) -> None:
        _set(self.entries, names)
        self.pending.append(names)

    def after_power_loss(self, chance: random.Random, keep: float) -> _Folder:
        entries = dict(self.durable)
        for names in self.pending:
            if chance.random() < keep:
                _set(entries, names)
        entries = {name: entry.after_power_loss(chance, keep) for name, entry in entries.items()}
        return _Folder(entries, dict(entries))


def _set(entries: dict[str, _File | _Folder], names: dict[str, _File | _Folder | None]) -> None:
    for name, entry in names.items():
        if entry is None:
            entries.pop(name, None)
        else:
            entries[name] = entry


def _copied(folder: _Folder) -> _Folder:
    entries = {
        name: _copied(entry)
        if isinstance(entry, _Folder)
        else _File(bytearray(entry.data), bytes(entry.data))
        for name, entry in folder.entries.items()
    }
    return _Folder(entries, dict(entries))


class PowerLost(BaseException):
    """The machine is off: nothing that the program does now reaches anything."""


class MemoryDrive(Drive):
    """See the module."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.fault: Callable[[str], int | None] = lambda call: None
        """Asked with the name of the call; an `errno`, or None."""
        self.calls = 0
        """Of those that `fault` is asked about."""
        self._root = _Folder()
        self._open: dict[int, _File] = {}
        self._next_fd = 1000

    # ------------------------------------------------------------------ disasters

    def kill(self) -> None:
        """End every process: what they handed to the system is there."""
        for file in self._open.values():
            file.held = False
        self._open.clear()

    def lose_power(self) -> None:
        """As the module says. Sometimes nothing that was not flushed is kept, sometimes most of it."""
        self.kill()
        self._root = self._root.after_power_loss(self.chance, self.chance.choice((0.0, 0.5, 0.9)))

    def copy(self, *, flushed_only: bool = False) -> MemoryDrive:
        """Another one with the same files, held and opened by nobody; only with what was flushed, if so told."""
        other = MemoryDrive(random.Random(0))
        other._root = (
            self._root.after_power_loss(other.chance, keep=0.0) if flushed_only else _copied(self._root)
        )
        return other

    def put(self, backup: MemoryDrive | None) -> None:
        """Put what was copied once, or nothing, in the place of everything, while processes have files open."""
        self._root = _Folder() if backup is None else _copied(backup._root)

    def restore(self, backup: MemoryDrive) -> None:
        """Put what was copied once in the place of everything."""
        self.kill()
        self._root = _copied(backup._root)

    def files(self) -> list[Path]:
        """All files with content, sorted."""
        found: list[Path] = []

        def walk(folder: _Folder, path: Path) -> None:
            for name, entry in sorted(folder.entries.items()):
                if isinstance(entry, _Folder):
                    walk(entry, path / name)
                elif entry.data:
                    found.append(path / name)

        walk(self._root, Path("/"))
        return found

    def replace(self, path: Path, data: bytes) -> None:
        """What is on the disk changes by itself: bits flip, ends are lost."""
        file = self._file(path)
        file.data, file.durable, file.pending = bytearray(data), data, []

    def bring(self, path: Path, data: bytes) -> None:
        """A carrier puts a file here, flushed, in the place of one that is there."""
        folder = self._root
        for name in path.parent.parts[1:]:
            entry = folder.entries.setdefault(name, _Folder())
            assert isinstance(entry, _Folder)
            folder.durable[name] = folder = entry
        folder.entries[path.name] = folder.durable[path.name] = _File(bytearray(data), data)

    # ------------------------------------------------------------------ files, by name

    def names(self, folder: Path) -> list[str]:
        return sorted(self._folder(folder).entries)

    def exists(self, path: Path) -> bool:
        try:
            return path == Path("/") or path.name in self._folder(path.parent).entries
        except OSError:
            return False

    def folders_with(self, folder: Path, name: str) -> list[str]:
        return [entry for entry in self.names(folder) if self.exists(folder / entry / name)]

    def size(self, path: Path) -> int:
        return len(self._file(path).data)

    def sizes_and_times(self, folder: Path) -> dict[str, tuple[int, float]]:
        return {
            name: (len(entry.data), 0.0)
            for name, entry in self._folder(folder).entries.items()
            if isinstance(entry, _File)
        }

    def changed_at(self, path: Path) -> float:
        self._file(path)
        return 0.0

    def read(self, path: Path, bytes_max: int, *, from_disk: bool = False) -> bytes:
        data = bytes(self._file(path).data)
        if len(data) > bytes_max:
            raise OSError(0, f"it has more than {bytes_max:,} bytes")
        return data

    def read_start(self, path: Path, size_bytes: int) -> bytes:
        return bytes(self._file(path).data[:size_bytes])

    def rename(self, path: Path, to: Path) -> None:
        self._meet("rename")
        assert path.parent == to.parent, "not needed so far"
        folder = self._folder(path.parent)
        if path.name not in folder.entries:
            raise _error(errno.ENOENT)
        there = folder.entries.get(to.name)
        if isinstance(there, _Folder) and there.entries:
            raise _error(errno.ENOTEMPTY)
        folder.change(**{path.name: None, to.name: folder.entries[path.name]})

    def unlink(self, path: Path) -> None:
        self._meet("unlink")
        self._file(path)
        self._folder(path.parent).change(**{path.name: None})

    # ------------------------------------------------------------------ files, open

    def begin(self, path: Path) -> int:
        self._meet("begin")
        folder = self._folder(path.parent)
        file = folder.entries.get(path.name)
        if not isinstance(file, _File):
            file = _File()
            folder.change(**{path.name: file})
        fd = self._opened(file)
        if file.data:
            self._set_length(file, 0)
        return fd

    def append(self, fd: int, data: bytes) -> None:
        try:
            self._meet("append")
        except OSError:
            self._write(fd, data[: self.chance.randrange(len(data) + 1)])
            raise
        parts = sorted(
            self.chance.randint(0, len(data)) for _ in range(self.chance.randrange(WRITES_OF_AN_APPEND))
        )
        for start, end in zip([0, *parts], [*parts, len(data)], strict=True):
            self._write(fd, data[start:end])

    def _write(self, fd: int, data: bytes) -> None:
        file = self._opened_as(fd)
        file.pending.append((len(file.data), data))
        file.data += data

    def cut(self, fd: int, size_bytes: int) -> None:
        self._meet("cut")
        self._set_length(self._opened_as(fd), size_bytes)

    def _set_length(self, file: _File, size_bytes: int) -> None:
        file.pending.append((size_bytes, None))
        del file.data[size_bytes:]
        file.data.extend(bytes(size_bytes - len(file.data)))

    def flush(self, fd: int) -> None:
        file = self._opened_as(fd)
        try:
            self._meet("flush")
        except OSError:
            file.pending.clear()  # taken for clean
            raise
        whole = _File(bytearray(file.durable), file.durable, file.pending)
        file.durable = bytes(whole.after_power_loss(self.chance, keep=2.0).data)
        file.pending = []

    def reopen(self, path: Path) -> int:
        return self._opened(self._file(path))

    def close(self, fd: int) -> None:
        self._opened_as(fd).held = False
        del self._open[fd]

    def is_named(self, fd: int, path: Path) -> bool:
        try:
            return self._open.get(fd) is self._file(path)
        except OSError:
            return False

    # ------------------------------------------------------------------ folders

    def flush_folder(self, folder: Path) -> None:
        self._meet("flush_folder")
        found = self._folder(folder)
        found.durable, found.pending = dict(found.entries), []

    def make_folder(self, folder: Path) -> None:
        parent = self._folder(folder.parent)
        if folder.name not in parent.entries:
            self._meet("make_folder")
            parent.change(**{folder.name: _Folder()})

    def remove_folder(self, folder: Path) -> None:
        self._meet("remove_folder")
        if self._folder(folder).entries:
            raise _error(errno.ENOTEMPTY)
        self._folder(folder.parent).change(**{folder.name: None})

    def remove_tree(self, folder: Path) -> None:
        self._meet("remove_tree")
        self._folder(folder.parent).change(**{folder.name: None})

    def hold(self, path: Path) -> int | None:
        folder = self._folder(path.parent)
        file = folder.entries.get(path.name)
        if not isinstance(file, _File):
            self._meet("begin")
            file = _File()
            folder.change(**{path.name: file})
        if file.held:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        file.held = True
        return self._opened(file)

    # ------------------------------------------------------------------ inside

    def _meet(self, call: str) -> None:
        self.calls += 1
        code = self.fault(call)
        if code is not None:
            raise _error(code)

    def _folder(self, path: Path) -> _Folder:
        found: _File | _Folder | None = self._root
        for name in path.parts[1:]:
            found = found.entries.get(name) if isinstance(found, _Folder) else None
        if not isinstance(found, _Folder):
            raise _error(errno.ENOENT)
        return found

    def _file(self, path: Path) -> _File:
        found = self._folder(path.parent).entries.get(path.name)
        if not isinstance(found, _File):
            raise _error(errno.ENOENT)
        return found

    def _opened(self, file: _File) -> int:
        self._next_fd += 1
        self._open[self._next_fd] = file
        return self._next_fd

    def _opened_as(self, fd: int) -> _File:
        file = self._open.get(fd)
        if file is None:
            raise ProcessEnded(errno.EBADF, os.strerror(errno.EBADF))
        return file


class ProcessEnded(OSError):
    """A process that was killed uses a file that it had open: what it does after that does not count."""


def _error(code: int) -> OSError:
    return OSError(code, os.strerror(code))
