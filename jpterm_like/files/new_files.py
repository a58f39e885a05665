"""Write many new files: first all of them under names of their own, flushed, and later, as their callers say, under their own.

In between, a caller can note what the files are, and nobody sees them. As in `files.write`, no file is replaced. All calls block.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from jpterm_like.errors import escape_for_terminal
from jpterm_like.files import disk
from jpterm_like.files.encoding import decode_plain
from jpterm_like.files.read import FileProblem, PlainFile, locate, problem_of, stamp_of
from jpterm_like.files.root import NameInFolder, Root
from jpterm_like.files.write import begin_temporary

FOLDERS_MAX: Final = 64
"""Folders that are held open at a time: some systems give a process 256 descriptors."""
THREADS: Final = 8
"""Threads that write. The file system combines their flushes."""


class NewFiles:
    """Some new files. `close` removes those that got no name.

    Args:
        inside: as for `files.read.read_plain`.
        mode: permissions of the files, before the umask of the process.
    """

    def __init__(self, inside: Root | None, mode: int) -> None:
        self._inside = inside
        self._mode = mode
        self._folders: dict[Path, NameInFolder] = {}
        self._temporary: dict[Path, NameInFolder] = {}

    def write(self, contents: Sequence[tuple[Path, bytes]]) -> dict[Path, PlainFile | FileProblem]:
        """Write and flush files in UTF-8, still without their names; return for each what it is then, or why it was not written.

        Missing folders are made. There may be at most FOLDERS_MAX.
        """
        found: dict[Path, PlainFile | FileProblem] = {}
        for path, _ in contents:
            try:
                if path.parent not in self._folders:
                    self._folders[path.parent] = locate(path, self._inside, make=True)
            except OSError as error:
                found[path] = problem_of(path, error, "cannot be written")
        writable = [(path, raw) for path, raw in contents if path not in found]
        with ThreadPoolExecutor(THREADS, thread_name_prefix="write") as threads:
            written = threads.map(self._write, *zip(*writable, strict=True)) if writable else ()
            found.update(zip((path for path, _ in writable), written, strict=True))
        return found

    def _write(self, path: Path, raw: bytes) -> PlainFile | FileProblem:
        try:
            temporary, fd = begin_temporary(self._place(path), self._mode)
            self._temporary[path] = temporary
            try:
                disk.write_all(fd, raw)
                disk.flush(fd)
                state, permissions = os.fstat(fd), self._folders[path.parent].permissions(fd)
            finally:
                os.close(fd)
        except OSError as error:
            return problem_of(path, error, "cannot be written")
        return PlainFile(raw, decode_plain(raw), stamp_of(state, raw), permissions)

    def give_names(self, paths: Sequence[Path]) -> dict[Path, FileProblem]:
        """Give written files their names, on the disk at return; return why some could not get them: another file has it by now."""
        failed: dict[Path, FileProblem] = {}
        folders: dict[Path, NameInFolder] = {}
        for path in paths:
            place, temporary = self._place(path), self._temporary[path]
            try:
                try:
                    temporary.link(place)  # unlike a rename, it never replaces a file
                except OSError:  # file systems without hard links
                    if place.exists():
                        failed[path] = FileProblem(f"{escape_for_terminal(path)} is there by now.", path)
                        continue
                    temporary.rename(place)
                    del self._temporary[path]
                folders[path.parent] = place
            except OSError as error:
                failed[path] = problem_of(path, error, "cannot be written")
        for folder, place in folders.items():
            try:
                place.flush()
            except OSError as error:
                failed |= {
                    path: problem_of(path, error, "cannot be written")
                    for path in paths
                    if path.parent == folder
                }
        return failed

    def _place(self, path: Path) -> NameInFolder:
        return self._folders[path.parent].sibling(path.name)

    def close(self) -> None:
        for temporary in self._temporary.values():
            with contextlib.suppress(OSError):
                temporary.unlink()
        for place in self._folders.values():
            place.close()
