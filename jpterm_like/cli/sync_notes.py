"""What the last sync noted about the texts that are open in the editor: which places have them, and what waits.

Asks no place and no server: reads the small files that `sync` keeps in the state folder, and each of them again only once it has changed.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from jpterm_like.config import Paths

if TYPE_CHECKING:
    from crdt import TextBuffer, Version
    from jpterm_like.collection import Collection
    from jpterm_like.tui.ports import PlaceState

COUNTED_BYTES_MAX: Final = 1 << 14
"""Changes that take more bytes, some 1,500, are not counted: the screen waits meanwhile, 8 ms at most."""

ENTRIES_MAX: Final = 10_000
"""Of a larger folder only so many entries are looked at for a marker."""

_Stamp: TypeAlias = tuple[int, int, int] | None


class SyncNotes:
    """What was noted, for the texts of one editor."""

    def __init__(self, paths: Paths, seen: Callable[[Collection], None] = lambda known: None) -> None:
        """
        Args:
            seen: called with the collection of each text that is open, again and again; in a thread.
        """
        self._seen = seen
        self._collections = paths.state_folder / "collections"
        self._known: dict[Path, tuple[_Stamp, Collection | None]] = {}
        """By the folder of each collection in the state folder."""
        self._carried: dict[Path, tuple[_Stamp, Version | None]] = {}
        """By the path of each text."""

    def are_there(self) -> bool:
        """Whether any text of this machine is synced. Loads nothing."""
        return self._collections.is_dir()

    def look(self, addresses: Sequence[str]) -> dict[str, list[PlaceState]]:
        """Return the places of each of these texts that is synced. Blocks."""
        from jpterm_like.tui.ports import PlaceState

        found: dict[str, list[PlaceState]] = {}
        for place, known in self._all():
            for address in addresses:
                path = _path_in(known.folder, address)
                if path is not None:
                    self._seen(known)
                if path is None or (carried := self._carried_version(place, known.folder, path)) is None:
                    continue
                found.setdefault(address, []).extend(
                    PlaceState(there, note.trouble, note.trouble_s, note.unsent_changes, note.coming, carried)
                    for there, note in sorted(known.places.items())
                    if note.was_ready
                )
        return found

    def offer(self, address: str) -> str:
        """Say how to share the texts of the place that a file lies in, in a sentence; "" if its folder is none. Blocks.

        A place has packs, and plain files in it are carried as they are: two who write in one get conflict copies.
        """
        folder = Path(address).parent
        if "://" in address or not is_place_folder(folder):
            return ""
        from jpterm_like.errors import escape_for_terminal

        here = next((known.folder for _, known in self._all() if str(folder) in known.places), None)
        if here is not None:
            return f"This folder is a place: its texts are in {escape_for_terminal(here)}. A file here is not synced."
        new = _for_shell(_new_folder(folder.name))
        return (
            "Texts are shared through this folder, and this file is not among them. To have them in a folder of your own: "
            f"mkdir {new} && jpterm-like sync {_for_shell(folder)} {new}"
        )

    def changes_beyond(self, buffer: TextBuffer, version: Version) -> int | None:
        """Count the changes of a text that are not in a version; None if there are too many."""
        from jpterm_like.packs.documents import changes_of

        message, reached = buffer.changes_up_to(version, COUNTED_BYTES_MAX)
        return sum(changes_of(message).values()) if buffer.version <= reached.merge(version) else None

    def _all(self) -> list[tuple[Path, Collection]]:
        """The collections of this machine, with their folders in the state folder."""
        from jpterm_like.collection import NOTE, load
        from jpterm_like.errors import JptermError

        try:
            places = sorted(self._collections.iterdir())
        except OSError:
            return []
        known: dict[Path, tuple[_Stamp, Collection | None]] = {}
        for place in places:
            stamp = _stamp(place / NOTE)
            known[place] = self._known.get(place, (None, None))
            if stamp is None or known[place][0] != stamp:
                try:
                    known[place] = stamp, load(place)
                except JptermError:  # `sync` and `places` say what is wrong with it
                    known[place] = stamp, None
        self._known = known
        return [(place, each) for place, (_, each) in known.items() if each is not None]

    def _carried_version(self, place: Path, folder: Path, path: Path) -> Version | None:
        """The version of a text that the packs here have, or came to have; None if it is not synced."""
        from crdt import Version
        from jpterm_like.collection import TEXTS, read_texts
        from jpterm_like.files.safe_names import why_not_shared
        from jpterm_like.packs.documents import carried_version

        stamp = _stamp(place / TEXTS)
        known = self._carried.get(path)
        if known is None or known[0] != stamp:
            name = path.relative_to(folder).as_posix()
            version = None if why_not_shared(name) else carried_version(read_texts(place), name) or Version()
            known = self._carried[path] = stamp, version
        return known[1]


def _path_in(folder: Path, address: str) -> Path | None:
    """The path of a text in a folder, if its address means one there: a path, or a name at the server that shares the folder."""
    if "://" not in address:
        path = Path(address)
        return path if path.is_relative_to(folder) else None
    from jpterm_like.access.addresses import ServerAddress, parse_address
    from jpterm_like.access.discovery import find_server
    from jpterm_like.errors import JptermError

    try:
        asked, server = parse_address(address), find_server(folder / "x")
    except JptermError:
        return None
    if not isinstance(asked, ServerAddress) or server is None or server.address.origin != asked.origin:
        return None
    path = server.root / asked.path
    return path if path.is_relative_to(folder) else None


def is_place_folder(folder: Path) -> bool:
    """Whether the marker of a place lies in a folder. What reads markers is loaded only for a name like one."""
    try:
        with os.scandir(folder) as entries:
            names = [
                entry.name
                for entry in itertools.islice(entries, ENTRIES_MAX)
                if entry.name.startswith("jpterm-like-")
            ]
    except OSError:
        return False
    if not names:
        return False
    from jpterm_like.packs.names import parse_marker

    return any(map(parse_marker, names))


def _new_folder(name: str) -> Path:
    """A folder in the home that is not there yet."""
    home, number = Path.home(), 1
    new = home / name
    while os.path.lexists(new):
        new = home / (f"{name}-texts" if number == 1 else f"{name}-texts-{number}")
        number += 1
    return new


def _for_shell(path: Path) -> str:
    from jpterm_like.errors import escape_for_terminal

    home = Path.home()
    inside = str(path.relative_to(home)) if path.is_relative_to(home) else ""
    import shlex

    return escape_for_terminal(f"~/{inside}" if inside == shlex.quote(inside) else shlex.quote(str(path)))


def _stamp(path: Path) -> _Stamp:
    """What changes whenever a file is replaced; None if there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
