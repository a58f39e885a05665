"""How git is run, so that neither a repository's own settings nor variables of the environment decide what happens.

A folder may be others' work, and so may its `.git`: its configuration names programs (a file system monitor, filters, text converters,
transports, hooks). And where git itself has started us, `GIT_DIR` and the like name another repository than the one that is meant. git
refuses repositories of other users by itself (safe.directory).
"""

from __future__ import annotations

import os
import shutil
from typing import Final

OPTIONS: Final = (
    "--no-pager",
    "-c", "core.hooksPath=/dev/null",
    "-c", "core.fsmonitor=false",
    "-c", "protocol.allow=never",
)  # fmt: skip

_VARIABLES: Final = {
    "GIT_ALLOW_PROTOCOL": "",  # a partial clone fetches missing objects, by a program that its configuration names
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "LC_ALL": "C",
}


def find_git() -> str | None:
    """Return the path of git; None if it is not installed. One that a relative entry of PATH leads to does not count: that could be in
    the folder itself."""
    git = shutil.which("git")
    return git if git is not None and os.path.isabs(git) else None


def environment() -> dict[str, str]:
    """Return the variables to run git with."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | _VARIABLES
