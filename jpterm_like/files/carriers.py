"""Recognise folders that another program carries to other machines, and the copies that it makes where two wrote in one file."""

from __future__ import annotations

import fnmatch
import os
import re
from pathlib import Path
from typing import Final

MARKS: Final = (
    ("Syncthing", ".stfolder"),
    ("Dropbox", ".dropbox.cache"),
    ("Nextcloud", ".sync_*.db"),
    ("Nextcloud", "._sync_*.db"),
    ("Nextcloud", ".nextcloudsync.log"),
    ("ownCloud", ".owncloudsync.log"),
    ("Resilio Sync", ".sync/ID"),
    ("Google Drive", ".tmp.driveupload"),
)
"""What each program leaves at the top of a folder that it carries; a name may have a star."""

MAC_FOLDERS: Final = (("iCloud", "Library/Mobile Documents"), ("a cloud's client", "Library/CloudStorage"))
"""Below the home: folders on macOS whose clients leave nothing to be seen."""

ENTRIES_MAX: Final = 10_000
"""Most entries of one folder that are looked at for a name with a star."""

_CONFLICT_COPY: Final = re.compile(
    r"(?P<stem>.+?)(?:"
    r"\.sync-conflict-\d{8}-\d{6}-[A-Z0-9]{7}"  # Syncthing
    r"| \([^()]*(?:conflicted copy|in Konflikt stehende Kopie|Copie en conflit)[^()]*\)"  # Dropbox, Nextcloud
    r"|_conflict-\d{8}-\d{6}"  # ownCloud
    r")(?P<ending>(?:\.[^.]*)?)"
)


def carrier_of(folder: Path) -> str | None:
    """Return the program that carries a folder to other machines, by what it leaves there; None if none is seen. Blocks."""
    home = Path.home()
    for name, below in MAC_FOLDERS:
        if folder.is_relative_to(home / below):
            return name
    for place in (folder, *folder.parents):
        for name, mark in MARKS:
            if "*" in mark:
                if _has_like(place, mark):
                    return name
            elif os.path.lexists(place / mark):
                return name
    return None


def original_of(name: str) -> str | None:
    """Return the name of the file that a file was a copy of, if its name says that a carrier made it where two wrote in one file."""
    found = _CONFLICT_COPY.fullmatch(name)
    return None if found is None else found["stem"] + found["ending"]


def _has_like(folder: Path, pattern: str) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(
                fnmatch.fnmatchcase(entry.name, pattern)
                for entry, _ in zip(entries, range(ENTRIES_MAX), strict=False)
            )
    except OSError:
        return False
