"""What of a folder is shared, and under which names.

All calls block and belong in a thread.
"""

import codecs
import os
import stat
import unicodedata
from pathlib import Path

from jpterm_like.errors import explain, shown
from jpterm_like.files import FILE_BYTES_MAX, OWN_PREFIX, FileProblem, NotAFile, NotShared

# A pad's name travels in messages and stands in lists.
NAME_BYTES_MAX = 1024

# What file systems allow for one component (NAME_MAX).
COMPONENT_BYTES_MAX = 255

# A picker with more is of no use, and a folder with more has something else in it than notes.
NAMES_MAX = 10_000
ENTRIES_MAX = 200_000

# As much of a file as is looked at to tell text from binary.
GLANCE_BYTES = 8192


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
