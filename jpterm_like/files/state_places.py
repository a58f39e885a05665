"""Choose a folder for the state that this user can write, and that has room: the usual one, or else one that lasts until a restart.

Root with another user's HOME (`sudo -E`, sudo on macOS) keeps its state in its own home, so that nothing of root's is left
where that user could not write any more.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import pwd
from pathlib import Path
from typing import Final

from jpterm_like.errors import escape_for_terminal
from jpterm_like.files.write_protection import may_use, nearest_existing

SHARED_MEMORY: Final = Path("/dev/shm")
PARTS: Final = ("", "pads", "replicas")
"""Folders of the state that must be writable if they exist: one may be left over from root."""

HUB_LOCK: Final = "hub.lock"
"""The file in a state folder that its hub holds."""
ROOM_BYTES: Final = 1 << 16
"""A disk without room for as much is full: no hub can begin there, and nothing is kept."""

_wanted: dict[Path, Path] = {}
"""The folders that this process uses instead of the usual ones, and those."""
_chosen: dict[tuple[Path, Path], Path] = {}
"""What this process has chosen: a disk is full at one moment and not at the next."""


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
    """Return the state folder, or a place in `runtime` or in shared memory if it can neither be written nor made, or its disk is full.

    That place counts for as long as a hub runs there or work is kept there, so that all openings of a file meet.
    """
    if (wanted, runtime) not in _chosen:
        _chosen[wanted, runtime] = place = _place_for(wanted, runtime)
        if place != wanted:
            _wanted[place] = wanted
    return _chosen[wanted, runtime]


def _place_for(wanted: Path, runtime: Path) -> Path:
    name = f"state-{hashlib.blake2b(os.fsencode(wanted), digest_size=4).hexdigest()}"
    parents = (runtime, SHARED_MEMORY / f"jpterm-like-{os.geteuid()}")
    for parent in parents:
        if _is_in_use(parent / name):
            return parent / name
    if not _is_usable(wanted) or not (_has_room(wanted) or _has_hub(wanted)):
        for parent in parents:
            if _can_write(parent) and _has_room(parent):
                return parent / name
    return wanted  # its own error says if it cannot be used


def is_substitute() -> bool:
    """Whether this process keeps its state elsewhere than usual."""
    return bool(_wanted)


def problem_of(folder: Path) -> str | None:
    """Return a sentence if a state folder was chosen instead of the usual one: whose that is, and what to do."""
    wanted = _wanted.get(folder)
    if wanted is None:
        return None
    kept = f"unsaved work and undo are kept in {escape_for_terminal(folder)}, only until a restart"
    if _is_usable(wanted):
        return f"{escape_for_terminal(wanted)} is on a full disk: {kept}; make room there, and save what you write."
    name, advice = escape_for_terminal(wanted), "set XDG_STATE_HOME to a folder that you can write"
    blocked = next((wanted / part for part in PARTS if not _can_write(wanted / part)), wanted)
    owner = _owner(blocked)
    if owner is not None and owner != os.geteuid():
        name = f"{name} of user {_user_name(owner)}"
        if os.path.lexists(wanted):
            advice = f"have root give it to you with 'chown -R', or {advice}"
    return f"{name} cannot be written: {kept}; {advice}."


def _is_usable(folder: Path) -> bool:
    return all(_can_write(folder / part) for part in PARTS)


def _is_in_use(folder: Path) -> bool:
    """Whether a hub runs for a state folder, or journals of editors are in it."""
    with contextlib.suppress(OSError), os.scandir(folder / PARTS[-1]) as journals:
        return any(True for _ in journals) or _has_hub(folder)
    return False


def _has_hub(folder: Path) -> bool:
    """Whether a hub runs for a state folder."""
    try:
        descriptor = os.open(folder / HUB_LOCK, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _has_room(folder: Path) -> bool:
    """Whether a few kilobytes can be written to a folder, within the user's quota. Leaves nothing there."""
    nearest = nearest_existing(folder)
    try:
        found = os.statvfs(nearest)
        free = found.f_bavail if os.geteuid() else found.f_bfree
        if found.f_blocks and free * found.f_frsize < ROOM_BYTES:
            return False
        if not hasattr(os, "O_TMPFILE"):
            return True  # quotas are seen on Linux only
        descriptor = os.open(nearest, os.O_TMPFILE | os.O_WRONLY, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, ROOM_BYTES)
        finally:
            os.close(descriptor)
    except OSError as problem:
        return problem.errno not in (errno.ENOSPC, errno.EDQUOT)
    return True


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
