"""Tell which documents of a folder storage have changed since an earlier look, for the price of a stat each.

Sealed parts never change, and a part that appears, vanishes or is sealed changes the time stamp of its folder. Only a segment
that is being appended to is looked at by itself. So a *state* is a line of text:

    1234.1764500000123456789 0000000004-5a1b2c3d.log.2048      inode and time of the folder; open segments with their sizes

A folder that changed a moment ago has an empty state, which equals no other: a second change within the same tick of the
clock would not show.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from pathlib import Path

from jpterm_like.storage.disk_layout import is_folder_name, parts_in
from jpterm_like.storage.drive import Drive


def states(drive: Drive, folder: Path, before: Mapping[str, str], settle_s: float) -> dict[str, str]:
    """Return the state of each document's folder, by its name.

    Args:
        drive: the file system.
        folder: the storage's folder.
        before: states of an earlier look; folders with these are not listed again.
        settle_s: how long after a change another one may not show.
    """
    try:
        stamps = drive.stamps(folder)
    except FileNotFoundError:
        return {}
    settled_ns = int((time.time() - settle_s) * 1e9)
    found: dict[str, str] = {}
    for name, (inode, changed_ns) in stamps.items():
        beginning = f"{inode}.{changed_ns}"
        known = before.get(name, "")
        if known == beginning and changed_ns <= settled_ns:  # nearly all: closed, and as they were
            found[name] = known
        elif is_folder_name(name):
            with contextlib.suppress(OSError):  # removed meanwhile
                found[name] = (
                    "" if changed_ns > settled_ns else _state(drive, folder / name, beginning, known)
                )
    return found


def _state(drive: Drive, folder: Path, beginning: str, known: str) -> str:
    words = known.split(" ")
    if words[0] == beginning:
        segments = [word.rpartition(".")[0] for word in words[1:]]
    else:
        segments = [part.path.name for part in parts_in(drive, folder) if part.hash is None]
    return " ".join([beginning, *(f"{name}.{drive.size(folder / name)}" for name in segments)])
