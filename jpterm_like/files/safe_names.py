"""Which names a file can have that others may open, create or rename: nothing that a program obeys by itself.

    why_not_shared   judges a name, part by part, without looking at a disk
    repository_in    looks for a repository among the folders of a path

The rule: *what others write is read by people, and by programs that somebody starts on purpose.* So no name may be one that
a shell, an editor or git obeys because somebody merely stands in the folder: no hidden folder, no hidden file but those in
`HARMLESS`, none of the names in `OBEYED`, and nothing of a repository, which git knows by its file HEAD. A Makefile, a script, a
package.json are shared: texts that people write together, and that do nothing before somebody runs them.

Capitals, invisible characters and other forms of a letter make no difference, as in git's own rules for file systems to which
they make none (`git: path.c, only_spaces_and_periods`, `utf8.c, is_hfs_dotgit`).
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
"""A pad's name travels in messages and stands in lists."""

COMPONENT_BYTES_MAX: Final = 255
"""What file systems allow for one component (NAME_MAX)."""

HARMLESS: Final = re.compile(
    r"\.+|\.editorconfig|\.env(\.\w+)?|\.mailmap|\.nojekyll|\.(git)?keep|\.[a-z]*ignore"
)
"""Hidden files that are only read: by people, as lists of names, or by programs that are told to. Written exactly so."""

OBEYED: Final = {
    "_vimrc": "vim", "_gvimrc": "vim", "_nvimrc": "vim", "_exrc": "vi", "_dir-locals.el": "emacs", "_darcs": "darcs",
    "_fossil_": "fossil", "mise.toml": "mise", "mise.local.toml": "mise", "ansible.cfg": "ansible",
    "sitecustomize.py": "Python", "usercustomize.py": "Python", "autorun.inf": "Windows", "desktop.ini": "Windows",
    "launchagents": "macOS", "launchdaemons": "macOS", "application support": "macOS", "appdata": "Windows", "_emacs": "emacs",
    "startup.m": "MATLAB",
}  # fmt: skip
"""Names without a dot that a program obeys when it is started in their folder for anything at all, or when somebody
logs in whose home that is."""

NEVER_SERVED: Final = {
    ".bash_completion.d", ".bashrc.d", ".bzr", ".circleci", ".config", ".emacs.d", ".git", ".github", ".gitlab", ".gnupg", ".hg",
    ".husky", ".idea", ".jj", ".oh-my-zsh", ".profile.d", ".ssh", ".svn", ".vim", ".vscode", ".zsh", "launchagents", "launchdaemons",
}  # fmt: skip
"""Folders of start files, keys and repositories: served themselves, their files need no hidden name any more."""

_SHORT: Final = re.compile(r"[^.~]{1,6}~[0-9]{1,6}")
"""The 8.3 names by which Windows' file systems know longer ones too: GIT~1 is .git, GI7EBA~1 .gitmodules."""


def why_not_shared(name: str) -> str:
    """Why a name can be none of a file in a shared folder; empty if it can. It is the path in the folder."""
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
    """Why nothing of a folder may be shared, whose links are resolved; empty if it may."""
    for part in root.parts:
        if _folded(part) in NEVER_SERVED:
            return f"programs obey what is in {part}"
    if repository := repository_in((root, *root.parents)):
        return f"{repository} is a repository of git, which obeys what is in it"
    return ""


def repository_in(folders: Sequence[Path]) -> Path | None:
    """The first of some folders that git takes for a repository, or would with a few files more: with a file HEAD in it."""
    for folder in folders:
        try:
            head = os.lstat(folder / "HEAD")
        except OSError:
            continue
        if not stat.S_ISDIR(head.st_mode):
            return folder
    return None


@lru_cache(maxsize=1024)  # the folders of a path come again and again in a list
def _folded(part: str) -> str:
    """A component as file systems compare it that know no difference between cases, skip invisible characters, or drop blanks
    and dots at the end and what follows a colon."""
    visible = "".join(character for character in part if unicodedata.category(character) != "Cf")
    plain = unicodedata.normalize("NFKC", visible).casefold()
    return plain.partition(":")[0].rstrip(" .") or plain
