"""The files that a server shares, and the names of their pads.

All calls block and belong in a thread.
"""

from __future__ import annotations

import codecs
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from jpterm_like.errors import escape_for_terminal, explain
from jpterm_like.files.charsets import may_be_text
from jpterm_like.files.read import FILE_BYTES_MAX, FileProblem, NotAFile, NotShared, problem_of
from jpterm_like.files.root import LinkInPath, NameInFolder, Root, RootGone
from jpterm_like.files.safe_names import repository_in, why_not_served, why_not_shared

ENTRIES_MAX: Final = 500_000
"""Most files and folders that are listed. A folder with more holds something else than notes."""
GLANCE_BYTES: Final = 8192
"""How much of a file is read to tell text from binary."""


class SharedFiles(Protocol):
    """Which files a server shares, and under which names."""

    @property
    def root(self) -> Root | None:
        """The shared folder, which no path leads out of; None in a hub, where names are absolute paths."""
        ...

    def path_of(self, name: str) -> Path:
        """The plain file of a pad.

        Raises:
            FileProblem: there is no such pad, and none may be made.
        """
        ...

    def names(self) -> list[str]:
        """The names of all pads that have a file."""
        ...

    def keeps(self, path: Path) -> bool:
        """Return whether the history of a file is kept once it is saved and closed."""
        ...


class SharedFolder:
    """A folder whose text files are pads, named by their paths in it: "docs/notes.md".

    Never shared are files outside, also behind symbolic links; files that programs obey, where a line of text would become a
    command that the owner runs (see `files.safe_names`); and the server's own store.

    The folder is held open. If its path leads to another folder later, or to none, nothing is shared until it is back: files
    there belong to another folder, and missing ones were not deleted.
    """

    def __init__(self, root: Path) -> None:
        """
        Raises:
            FileProblem: there is no such folder, it cannot be read, or programs obey what is in it.
        """
        try:
            self.root = Root(Path(os.path.realpath(root)))
            os.close(self.root.folder(self.root.path))
        except NotADirectoryError:
            raise NotAFile(f"{escape_for_terminal(root)} is not a folder.", root) from None
        except OSError as error:
            raise FileProblem(
                f"{escape_for_terminal(root)} cannot be shared: {explain(error)}.", root
            ) from error
        if reason := why_not_served(self.root.path):
            raise NotShared(f"{escape_for_terminal(root)} is not shared: {reason}.", root)

    def path_of(self, name: str) -> Path:
        """Return the file of a pad, with symbolic links resolved; it need not exist.

        Two names of one file, through a link inside the folder, give the same path.

        Raises:
            NotShared: the name means no file that may be shared.
        """
        if reason := why_not_shared(name):
            raise NotShared(
                f"{escape_for_terminal(name[:200]) or 'A pad without a name'} is not shared: {reason}."
            )
        root = self.root.path
        path = Path(os.path.realpath(root / name))
        if not path.is_relative_to(root):
            raise NotShared(f"{escape_for_terminal(name)} is not shared: it leads out of the folder.", path)
        inside = path.relative_to(root).as_posix()
        if reason := why_not_shared(inside):
            raise NotShared(f"{escape_for_terminal(name)} is not shared: {reason}.", path)
        if self._repository_around(path):
            raise NotShared(
                f"{escape_for_terminal(name)} is not shared: it is in a repository of git, which obeys what is there.",
                path,
            )
        try:
            with self.root.locate(path) as place:
                mode = place.stat().st_mode
        except (FileNotFoundError, PermissionError):
            return path
        except (LinkInPath, RootGone) as error:
            raise problem_of(path, error, "is not shared") from error
        except OSError as error:
            raise NotShared(f"{escape_for_terminal(name)} is not shared: {explain(error)}.", path) from error
        if stat.S_ISDIR(mode):
            raise NotShared(
                f"{escape_for_terminal(name)} is not shared: it is a folder. With a slash at its end the editor lists its files.",
                path,
            )
        if stat.S_ISLNK(mode):
            raise NotShared(
                f"{escape_for_terminal(name)} is not shared: its symbolic links go in a circle.", path
            )
        return path

    def keeps(self, path: Path) -> bool:
        return True

    def names(self) -> list[str]:
        """Return the names of all files in the folder that look like text in UTF-8; see `names_in_any_charset`."""
        return self._names(_is_utf_8)

    def names_in_any_charset(self) -> list[str]:
        """Return the names of all files in the folder that may be text, sorted, among its first ENTRIES_MAX files and folders.

        Symbolic links are left out: their targets have names of their own, or are not shared.

        Raises:
            FileProblem: the path leads to another folder by now.
        """
        return self._names(lambda start, size_bytes: _is_utf_8(start, size_bytes) or may_be_text(start))

    def _names(self, looks_like_text: Callable[[bytes, int], bool]) -> list[str]:
        """Return the names of the files whose beginning and size are right; see `names_in_any_charset`."""
        names: list[str] = []
        folders = [""]
        seen = 0
        while folders:
            folder = folders.pop()
            path = self.root.path / folder
            try:
                opened = self.root.folder(path)
            except RootGone as error:
                raise problem_of(path, error, "cannot be listed") from error
            except OSError:
                continue  # not readable, or gone
            try:
                if repository_in([path]):
                    continue
                for entry in sorted(os.scandir(opened), key=lambda entry: entry.name):
                    seen += 1
                    name = folder + entry.name
                    if seen > ENTRIES_MAX:
                        return sorted(names)
                    if entry.is_dir(follow_symlinks=False):
                        if not why_not_shared(f"{name}/x"):
                            folders.append(f"{name}/")
                    elif (
                        entry.is_file(follow_symlinks=False)
                        and not why_not_shared(name)
                        and _begins_as(
                            looks_like_text, NameInFolder(opened, entry.name, path / entry.name, owned=False)
                        )
                    ):
                        names.append(name)
            except OSError:
                continue
            finally:
                os.close(opened)
        return sorted(names)

    def _repository_around(self, path: Path) -> Path | None:
        """Return the folder above a file, inside the shared one, that git takes for a repository; None if there is none."""
        return repository_in([folder for folder in path.parents if folder.is_relative_to(self.root.path)])


def _begins_as(looks_like_text: Callable[[bytes, int], bool], place: NameInFolder) -> bool:
    """Whether the beginning of a file is right, and it is not too long."""
    try:
        fd = place.open(os.O_RDONLY)
        try:
            size_bytes, start = os.fstat(fd).st_size, os.read(fd, GLANCE_BYTES)
        finally:
            os.close(fd)
        return size_bytes <= FILE_BYTES_MAX and looks_like_text(start, size_bytes)
    except OSError:
        return False


def _is_utf_8(start: bytes, size_bytes: int) -> bool:
    """Whether a file of that size, which begins so, looks like text in UTF-8."""
    try:
        # The last character may be cut.
        text = codecs.getincrementaldecoder("utf-8")().decode(start, final=size_bytes <= len(start))
    except UnicodeDecodeError:
        return False
    return "\0" not in text
