"""Whether systemd ends the kernels of a user who logs out: `KillUserProcesses` of logind.conf(5).

It ends what is in the session's scope, a kernel as well, whose keeper would otherwise outlive everything. Lingering does not change that; what was
begun in a scope of the user's own manager stays.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_FOLDERS: Final = ("usr/lib/systemd", "usr/local/lib/systemd", "run/systemd", "etc/systemd")
"""Where the file may be, and folders of files that change it; a later one wins."""
_SETTING: Final = re.compile(r"^(#?)[ \t]*KillUserProcesses[ \t]*=[ \t]*(\w+)", re.M)
_YES: Final = frozenset(("1", "yes", "true", "on", "y", "t"))


def ends_kernels(root: Path = Path("/"), *, is_root: bool = False) -> bool:
    """Whether processes of this one's session are ended at logout. Of root they are not, as `KillExcludeUsers` is by default."""
    if is_root or not (root / "run/systemd/system").is_dir() or not _is_in_session(root):
        return False
    found = [(mark, value.lower()) for text in _texts(root) for mark, value in _SETTING.findall(text)]
    # A line that is commented out shows the default of this systemd.
    for wanted in ("", "#"):
        values = [value for mark, value in found if mark == wanted]
        if values:
            return values[-1] in _YES
    return False


def _is_in_session(root: Path) -> bool:
    try:
        return "/session-" in (root / "proc/self/cgroup").read_text("utf-8", "replace")
    except OSError:
        return False


def _texts(root: Path) -> Iterator[str]:
    files: list[Path] = []
    for folder in _FOLDERS:
        if (file := root / folder / "logind.conf").is_file():
            files[:1] = [file]  # one of them counts
    more: dict[str, Path] = {}
    for folder in _FOLDERS:
        with contextlib.suppress(OSError):
            more |= {each.name: each for each in (root / folder / "logind.conf.d").glob("*.conf")}
    for file in [*files, *(more[name] for name in sorted(more))]:
        with contextlib.suppress(OSError):
            yield file.read_text("utf-8", "replace")
