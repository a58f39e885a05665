"""Names that are safe to share: no program obeys a file of such a name on its own.

    why_not_shared   checks a name, part by part
    why_not_served   checks a folder that is to be served
    repository_in    finds a repository among the folders of a path

The rule: *files that others may write are only read by people, and by programs that somebody starts on purpose.* So no
name may be one that a shell, an editor or git obeys merely because somebody stands in the folder: no hidden folder, no
hidden file but those in `HARMLESS`, none of the names in `OBEYED`, and nothing in a repository, which git recognises by
its file HEAD. A Makefile, a script, a package.json are shared: people write them together, and they do nothing before
somebody runs them.

Case, invisible characters and other forms of a letter are ignored, as in git's own rules for file systems that ignore
them (`git: path.c, only_spaces_and_periods`, `utf8.c, is_hfs_dotgit`).
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

from jpterm_like.files.read import OWN_PREFIX

NAME_BYTES_MAX: Final = 1024
"""Longest name of a pad: it travels in messages and lists."""

COMPONENT_BYTES_MAX: Final = 255
"""Longest component that file systems allow (NAME_MAX)."""

HARMLESS: Final = re.compile(
    r"\.+|\.editorconfig|\.env(\.\w+)?|\.mailmap|\.nojekyll|\.(git)?keep|\.[a-z]*ignore"
)
"""Hidden files that are only read: by people, as lists of names, or by programs on request. Case matters here."""

OBEYED: Final = {
    "_vimrc": "vim", "_gvimrc": "vim", "_nvimrc": "vim", "_exrc": "vi", "_dir-locals.el": "emacs", "_darcs": "darcs",
    "_fossil_": "fossil", "mise.toml": "mise", "mise.local.toml": "mise", "ansible.cfg": "ansible",
    "sitecustomize.py": "Python", "usercustomize.py": "Python", "autorun.inf": "Windows", "desktop.ini": "Windows",
    "launchagents": "macOS", "launchdaemons": "macOS", "application support": "macOS", "appdata": "Windows", "_emacs": "emacs",
    "startup.m": "MATLAB",
}  # fmt: skip
"""Names without a dot that a program obeys when it is started in their folder for any purpose, or when the owner of that
home logs in."""

NEVER_SERVED: Final = {
    ".bash_completion.d", ".bashrc.d", ".bzr", ".circleci", ".config", ".emacs.d", ".git", ".github", ".gitlab", ".gnupg", ".hg",
    ".husky", ".idea", ".jj", ".oh-my-zsh", ".profile.d", ".ssh", ".svn", ".vim", ".vscode", ".zsh", "launchagents", "launchdaemons",
}  # fmt: skip
"""Folders of start files, keys and repositories. If one were served itself, dangerous files in it would not be hidden."""

_SHORT: Final = re.compile(r"[^.~]{1,6}~[0-9]{1,6}")
"""8.3 names, which Windows' file systems accept for longer ones: GIT~1 is .git, GI7EBA~1 .gitmodules."""


def why_not_shared(name: str) -> str:
    """Why a name, a path relative to the shared folder, must not be shared; empty if it may. Does not look at the disk."""
    try:
        size = len(name.encode("utf-8"))
    except UnicodeEncodeError:
        return "the name is no proper Unicode"
    if size > NAME_BYTES_MAX:
        return f"the name is longer than {NAME_BYTES_MAX:,} bytes"
    if not name.isprintable() and any(unicodedata.category(one) in ("Cc", "Zl", "Zp") for one in name):
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
    return why_obeyed(parts)


def why_obeyed(parts: Sequence[str]) -> str:
    """Why a program may obey the file of a path with these parts; empty if none does."""
    if not parts:
        return ""
    *folders, file = parts
    if any(_folded(part).startswith(".") for part in folders):
        return "it is in a hidden folder"
    for part in parts:
        folded = _folded(part)
        if program := OBEYED.get(folded):
            return f"{program} obeys what is called {folded}"
        if _SHORT.fullmatch(folded):
            return "the name may stand for another one"
    if _folded(file) == "head":
        return "git takes a folder with a file HEAD for a repository"
    if _folded(file).startswith(".") and not HARMLESS.fullmatch(file):
        return "programs obey hidden files"
    return ""


def why_not_served(root: Path) -> str:
    """Why a folder must not be served at all; empty if it may. Its links must be resolved."""
    for part in root.parts:
        if _folded(part) in NEVER_SERVED:
            return f"programs obey what is in {part}"
    if repository := repository_in((root, *root.parents)):
        return f"{repository} is a repository of git, which obeys what is in it"
    return ""


def repository_in(folders: Sequence[Path]) -> Path | None:
    """The first of these folders that has a file HEAD: git takes it for a repository, or would with a few more files."""
    for folder in folders:
        try:
            head = os.lstat(folder / "HEAD")
        except OSError:
            continue
        if not stat.S_ISDIR(head.st_mode):
            return folder
    return None


@lru_cache(maxsize=1024)  # a list repeats the folders of its paths
def _folded(part: str) -> str:
    """A component as compared by file systems that ignore case, skip invisible characters, or drop trailing blanks
    and dots and everything after a colon."""
    visible = "".join(character for character in part if unicodedata.category(character) != "Cf")
    plain = unicodedata.normalize("NFKC", visible).casefold()
    return plain.partition(":")[0].rstrip(" .") or plain
