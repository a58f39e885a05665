"""Plain files on the disk: reading them, writing them without ever losing a state, and what of a folder is shared.

    FileProblem             a plain file cannot be read, written or shared; `path` says which
    ├── NotText             it is no text in UTF-8
    ├── NotAFile            it is a folder, a device, a pipe
    ├── TooLarge            more than FILE_BYTES_MAX
    ├── ChangedOnDisk       it is not in the state that the writer knows; nothing was written
    └── NotShared           a pad's name that means no file of the shared folder

All calls block and belong in a thread. What the bytes mean is `plain`'s business.
"""

import codecs
import contextlib
import errno
import hashlib
import os
import secrets
import stat
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

from jpterm_like import disk
from jpterm_like.errors import JptermError, explain, shown
from jpterm_like.plain import BOM, NotPlain, decode_plain, encode_plain

__all__ = [
    "FILE_BYTES_MAX",
    "ChangedOnDisk",
    "FileProblem",
    "Former",
    "Glance",
    "NotAFile",
    "NotShared",
    "NotText",
    "PlainFile",
    "Progress",
    "SharedFolder",
    "Stamp",
    "TooLarge",
    "decode_plain",
    "encode_plain",
    "glance",
    "looks_unchanged",
    "read_plain",
    "write_plain",
]

# Texts that people edit are far smaller. Reading and comparing one of this size takes about a second.
FILE_BYTES_MAX = 256 << 20

# A pad's name travels in messages and stands in lists.
NAME_BYTES_MAX = 1024

# What file systems allow for one component (NAME_MAX).
COMPONENT_BYTES_MAX = 255

# A picker with more is of no use, and a folder with more has something else in it than notes.
NAMES_MAX = 10_000
ENTRIES_MAX = 200_000

# As much of a file as is looked at to tell text from binary.
GLANCE_BYTES = 8192

# Our own names in a shared folder begin so: the store, and files on their way to their final name.
OWN_PREFIX = ".jpterm-like"


class FileProblem(JptermError):
    """A plain file cannot be read, written or shared."""

    def __init__(self, sentence: str, path: Path | None = None) -> None:
        super().__init__(sentence)
        self.path = path


class NotText(FileProblem):
    """The file is no text in UTF-8."""

    def __init__(self, sentence: str, path: Path, offset: int) -> None:
        super().__init__(sentence, path)
        self.offset = offset
        """Of the first byte that is not text."""


class NotAFile(FileProblem):
    """There is something else under the name: a folder, a device, a pipe."""


class TooLarge(FileProblem):
    """The file has more than FILE_BYTES_MAX."""


class ChangedOnDisk(FileProblem):
    """The file is not in the state that the writer knows. Nothing was written."""

    def __init__(self, path: Path, now: "PlainFile | None") -> None:
        what = "was changed" if now else "was deleted or moved away"
        super().__init__(f"{shown(path)} {what} by another program.", path)
        self.now = now
        """The state it is in; None if it is not there."""


class NotShared(FileProblem):
    """A pad's name that means no file of the shared folder, or none that may be shared."""


Read = TypeVar("Read")

Progress = Callable[[float], None]
"""Told in the thread that reads, which share of a file it has, from 0 to 1."""


class Stamp(NamedTuple):
    """Tells one state of a file from another."""

    device: int
    inode: int
    mtime_ns: int
    size_bytes: int
    digest: bytes
    """BLAKE2b of the content, 16 bytes. The numbers before it are cheap to compare, but two states can share them:
    clocks of file systems tick every few milliseconds."""


class PlainFile(NamedTuple):
    """A file as it was read or written at one moment."""

    raw: bytes
    text: str
    stamp: Stamp


def read_plain(path: Path, *, inside: Path | None = None) -> PlainFile | None:
    """Read a text file; None if there is no file of that name.

    Args:
        path: the file.
        inside: a folder, with links resolved, that the file must lie in. `SharedFolder.path_of` has looked at that when
            the pad was opened; a folder on the way may since have become a link.

    Raises:
        NotShared: it is not inside.
        FileProblem: there is something, but it cannot be read as text.
    """
    return _opened(path, inside, _read)


def read_text(path: Path) -> str | None:
    """The text alone, for which nothing need be hashed; see `read_plain`."""
    found = _opened(path, None, _read_bytes)
    return None if found is None else _text_of(found[0], path)


def read_beginning(path: Path, progress: Progress) -> tuple[str, bytes]:
    """The text with which a document begins, and the same in UTF-8; empty when there is no file. See `read_plain`.

    `progress` is told which share of the file was read.
    """
    found = _opened(path, None, lambda fd, path: _read_bytes(fd, path, progress))
    if found is None:
        return "", b""
    raw = found[0]
    text = _text_of(raw, path)
    # Usually the file has it: then a long text is not encoded once more.
    return text, text.encode("utf-8") if raw.startswith(BOM) or b"\r" in raw else raw


def _opened(path: Path, inside: Path | None, read: Callable[[int, Path], Read]) -> Read | None:
    """What is read of a file; see `read_plain`."""
    try:
        fd = _open_file(_real(path, inside), os.O_RDONLY)
        try:
            return read(fd, path)
        finally:
            os.close(fd)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileProblem(f"{shown(path)} cannot be read: {explain(error)}.", path) from error


def looks_unchanged(path: Path, stamp: Stamp) -> bool:
    """Whether the file still has the numbers of the stamp. Cheap; a quick change after reading can escape it."""
    try:
        found = os.stat(path)
    except OSError:
        return False
    return (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size) == stamp[:4]


Glance = tuple[int, ...]
"""What of a file is seen without opening it: equal ones are the same state, but for changes within one tick of the
file system's clock. One number alone is the error why nothing is seen."""


def glance(path: Path) -> Glance:
    """Look at a file from outside. Cheap, and never raises."""
    try:
        found = os.stat(path)
    except OSError as error:
        return (error.errno or -1,)
    return (
        found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_mode,
    )  # fmt: skip


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
            return _read(self._fd, self._path)
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
        raise _too_large(path)
    text = decode_plain(raw)
    try:
        # The last component may be a link to a file that is not there yet, or in another folder.
        real = _real(path, inside)
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
    return PlainFile(raw, text, _stamp(state, raw))


def move_plain(path: Path, to: Path, *, inside: Path | None) -> None:
    """Give a file another name, in a folder that is made if need be. Never takes the place of another file.

    Raises:
        FileProblem: it cannot be done; the file has the name that it had.
    """
    try:
        real, there = _real(path, inside), _real(to, inside)
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
        real = _real(path, inside)
        os.unlink(real)
        disk.flush_folder(real.parent)
    except OSError as error:
        raise FileProblem(f"{shown(path.name)} cannot be deleted: {explain(error)}.", path) from error


def _real(path: Path, inside: Path | None) -> Path:
    """The path with links resolved."""
    real = Path(os.path.realpath(path))
    if inside is not None and not real.is_relative_to(inside):
        raise NotShared(f"{shown(path)} is not shared: it leads out of the folder.", path)
    return real


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
        fd = _open_file(real, os.O_RDWR)
    except FileNotFoundError:
        raise ChangedOnDisk(path, None) from None
    try:
        now = _read(fd, real)
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


def _open_file(path: Path, mode: int) -> int:
    """Open a regular file, and nothing that would wait or do something when it is opened.

    Raises:
        NotAFile: it is something else.
        OSError: it cannot be opened.
    """
    _check_is_file(os.stat(path), path)
    fd = os.open(path, mode | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        _check_is_file(os.fstat(fd), path)
    except NotAFile:
        os.close(fd)
        raise
    return fd


def _check_is_file(found: os.stat_result, path: Path) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise NotAFile(f"{shown(path)} is a folder; name a file in it.", path)
    if not stat.S_ISREG(found.st_mode):
        raise NotAFile(
            f"{shown(path)} is no ordinary file (a device, a pipe or a socket) and cannot be edited.", path
        )


def _read(fd: int, path: Path) -> PlainFile:
    """Read an open file from its beginning.

    Raises:
        FileProblem: it is too large, or no text.
    """
    raw, found = _read_bytes(fd, path)
    return PlainFile(raw, _text_of(raw, path), _stamp(found, raw))


def _read_bytes(fd: int, path: Path, progress: Progress | None = None) -> tuple[bytes, os.stat_result]:
    for _ in range(3):
        before = os.fstat(fd)
        os.lseek(fd, 0, os.SEEK_SET)
        size = max(1, before.st_size)
        raw = None
        if size <= FILE_BYTES_MAX:
            tell = None if progress is None else _shares(progress, size)
            raw = disk.read_all(fd, FILE_BYTES_MAX, tell)
        if raw is None:
            raise _too_large(path)
        after = os.fstat(fd)
        if (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size):
            break  # else somebody wrote meanwhile: what was read may be half of each
    assert raw is not None
    return raw, before


def _shares(progress: Progress, size_bytes: int) -> Callable[[int], None]:
    return lambda read_bytes: progress(min(1.0, read_bytes / size_bytes))


def _text_of(raw: bytes, path: Path) -> str:
    try:
        return decode_plain(raw)
    except NotPlain as error:
        raise NotText(f"{shown(path)} {error.reason}.", path, error.offset) from None


def _too_large(path: Path) -> TooLarge:
    most = f"{FILE_BYTES_MAX >> 20} MiB"
    return TooLarge(f"{shown(path)} is larger than {most}, which is the most that can be edited here.", path)


def _stamp(found: os.stat_result, raw: bytes) -> Stamp:
    digest = hashlib.blake2b(raw, digest_size=16).digest()
    return Stamp(found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size, digest)


class SharedFolder:
    """A folder whose text files are pads, named by their paths in it: "docs/notes.md".

    Never shared: what lies outside, also by symbolic links; hidden folders such as .git, in which a line of text can
    become a command that the owner runs; our own store.
    """

    def __init__(self, root: Path) -> None:
        """
        Raises:
            FileProblem: there is no such folder, or it cannot be read.
        """
        self.root = Path(os.path.realpath(root))
        try:
            os.scandir(self.root).close()
        except NotADirectoryError:
            raise NotAFile(f"{shown(root)} is not a folder.", root) from None
        except OSError as error:
            raise FileProblem(f"{shown(root)} cannot be shared: {explain(error)}.", root) from error

    def path_of(self, name: str) -> Path:
        """The file of a pad, with symbolic links resolved. It need not be there.

        Two names of one file, by a link inside the folder, give one path.

        Raises:
            NotShared: the name means no file that may be shared.
        """
        if reason := _wrong_name(name):
            raise NotShared(f"{shown(name[:200]) or 'A pad without a name'} is not shared: {reason}.")
        path = Path(os.path.realpath(self.root / name))
        if not path.is_relative_to(self.root):
            raise NotShared(f"{shown(name)} is not shared: it leads out of the folder.", path)
        inside = path.relative_to(self.root).as_posix()
        if reason := _wrong_name(inside):
            raise NotShared(f"{shown(name)} is not shared: {reason}.", path)
        try:
            mode = os.stat(path).st_mode
        except (FileNotFoundError, PermissionError):
            return path
        except OSError as error:
            raise NotShared(f"{shown(name)} is not shared: {explain(error)}.", path) from error
        if stat.S_ISDIR(mode):
            raise NotShared(f"{shown(name)} is not shared: it is a folder.", path)
        return path

    def names(self) -> list[str]:
        """The pads that there are, sorted: the folder's text files, up to NAMES_MAX.

        Symbolic links are left out: what they lead to has a name of its own, or is not shared.
        """
        names: list[str] = []
        folders = [""]
        seen = 0
        while folders:
            folder = folders.pop()
            try:
                entries = sorted(os.scandir(self.root / folder), key=lambda entry: entry.name)
            except OSError:
                continue  # not ours to read, or gone
            for entry in entries:
                seen += 1
                name = folder + entry.name
                if seen > ENTRIES_MAX or len(names) == NAMES_MAX:
                    return sorted(names)
                if entry.is_dir(follow_symlinks=False):
                    if not _wrong_name(f"{name}/x"):
                        folders.append(f"{name}/")
                elif (
                    entry.is_file(follow_symlinks=False)
                    and not _wrong_name(name)
                    and _looks_like_text(entry.path)
                ):
                    names.append(name)
        return sorted(names)


def _wrong_name(name: str) -> str:
    """Why a pad's name can be none of a file in a shared folder; empty if it can."""
    try:
        size = len(name.encode("utf-8"))
    except UnicodeEncodeError:
        return "the name is no proper Unicode"
    if size > NAME_BYTES_MAX:
        return f"the name is longer than {NAME_BYTES_MAX:,} bytes"
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in name):
        return "there are control characters in the name"
    if "\\" in name:
        return "there is a backslash in the name"
    if name.startswith("/"):
        return "the name begins with a slash"
    parts = name.split("/")
    for part in parts:
        if part in ("", ".", ".."):
            return "a part of the name is empty, . or .." if name else "the name is empty"
        if len(part.encode("utf-8")) > COMPONENT_BYTES_MAX:
            return f"a part of the name is longer than {COMPONENT_BYTES_MAX} bytes"
        if _folded(part).startswith(OWN_PREFIX):
            return f"names beginning with {OWN_PREFIX} are its own store's"
    if any(_folded(part).startswith(".") for part in parts[:-1]):
        return "it is in a hidden folder"
    return ""


def _folded(part: str) -> str:
    """A component as file systems compare it that know no difference between cases, or skip invisible characters."""
    visible = "".join(character for character in part if unicodedata.category(character) != "Cf")
    return unicodedata.normalize("NFKC", visible).casefold()


def _looks_like_text(path: str) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        try:
            size, start = os.fstat(fd).st_size, os.read(fd, GLANCE_BYTES)
        finally:
            os.close(fd)
        # The last character of the glance may be cut.
        text = codecs.getincrementaldecoder("utf-8")().decode(start, final=size <= len(start))
        return "\0" not in text and size <= FILE_BYTES_MAX
    except (OSError, UnicodeDecodeError):
        return False
