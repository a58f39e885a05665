"""Choose a folder for the state that this user can write: the usual one, or else one that lasts until a restart.

Root with another user's HOME (`sudo -E`, sudo on macOS) keeps its state in its own home, so that nothing of root's is left
where that user could not write any more.
"""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Final

from jpterm_like.errors import escape_for_terminal
from jpterm_like.files.write_protection import may_use, nearest_existing

SHARED_MEMORY: Final = Path("/dev/shm")
PARTS: Final = ("", "pads", "replicas")
"""Folders of the state that must be writable if they exist: one may be left over from root."""

_wanted: dict[Path, Path] = {}
"""The folders that this process uses instead of the usual ones, and those."""


def own_folder(folder: Path, usual: Path) -> Path:
    """Return a folder of root; if it would be in somebody else's, that place in root's own home instead.

    Only what is around the folder counts: one that somebody planted at its place is refused by whoever uses it.
    """
    try:
        owner = os.stat(nearest_existing(folder.parent)).st_uid
    except OSError:
        return folder
    return folder if owner == 0 else Path(pwd.getpwuid(0).pw_dir) / usual


def writable_folder(wanted: Path, runtime: Path) -> Path:
    """Return the state folder, or a place in `runtime` or in shared memory if it can neither be written nor made."""
    if all(_can_write(wanted / part) for part in PARTS):
        return wanted
    for parent in (runtime, SHARED_MEMORY / f"jpterm-like-{os.geteuid()}"):
        if _can_write(parent):
            _wanted[parent / "state"] = wanted
            return parent / "state"
    return wanted  # its own error says why


def problem_of(folder: Path) -> str | None:
    """Return a sentence if a state folder was chosen instead of the usual one: whose that is, and what to do."""
    wanted = _wanted.get(folder)
    if wanted is None:
        return None
    name, advice = escape_for_terminal(wanted), "set XDG_STATE_HOME to a folder that you can write"
    blocked = next((wanted / part for part in PARTS if not _can_write(wanted / part)), wanted)
    owner = _owner(blocked)
    if owner is not None and owner != os.geteuid():
        name = f"{name} of user {_user_name(owner)}"
        if os.path.lexists(wanted):
            advice = f"have root give it to you with 'chown -R', or {advice}"
    return f"{name} cannot be written: unsaved work and undo are kept in {escape_for_terminal(folder)}, only until a restart; {advice}."


def _can_write(folder: Path) -> bool:
    """Whether a folder can be written, or made; or would be but for a file in its place, of which its own error tells."""
    nearest = nearest_existing(folder)
    return os.path.isfile(nearest) or (os.path.isdir(nearest) and may_use(nearest, os.W_OK | os.X_OK))


def _owner(folder: Path) -> int | None:
    try:
        return os.stat(nearest_existing(folder)).st_uid
    except OSError:
        return None


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
