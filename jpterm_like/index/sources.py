"""The documents that this user keeps: those of the hub, of the editors' journals, and of folders that were served.

A document has one *place*, the path or address that the editor opens. Several stores may belong to it: the hub's, and a
journal for each opening. Stores of files in memory are left out, because their text must never come to a disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from jpterm_like.access.discovery import STORE_FOLDER
from jpterm_like.config import Paths
from jpterm_like.errors import JptermError, escape_for_terminal, explain
from jpterm_like.files import private
from jpterm_like.files.ephemeral import is_in_memory, is_temporary
from jpterm_like.storage.base import Inspection
from jpterm_like.stores import FolderStorage, file_of_journal, key_of, on_disk, served_folder


class Source(NamedTuple):
    """A folder of stores."""

    folder: Path
    storage: FolderStorage
    place_of: Callable[[str], str]
    """Gives the place of a document, by the name of its store."""


Entry = tuple[str, str]
"""A store: the folder of its source, and its own folder's name in that."""

States = dict[str, dict[str, str]]
"""The state of each store (`FolderStorage.states`), by the folder of the source and the name of the folder in that. An empty
one may have changed already."""


class Sources:
    """Where this user's documents are. Close it after use."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self._sources = {str(it.folder): it for it in sources}
        self.remarks: list[str] = []
        """A sentence for each source that cannot be read."""

    @classmethod
    def of_user(cls, paths: Paths, served: Iterable[Path]) -> Sources:
        """Make the sources of this user, and of folders that were served."""
        found: list[Source] = [
            Source(paths.state_folder / "pads", on_disk(paths.state_folder / "pads"), str),
            Source(
                paths.state_folder / "replicas",
                on_disk(paths.state_folder / "replicas"),
                _place_of_journal,
            ),
        ]
        refused: list[str] = []
        for root in served:
            store = root / STORE_FOLDER
            try:
                private.check_folder(store)
            except FileNotFoundError:
                continue
            except OSError as problem:
                refused.append(
                    f"The stores in {escape_for_terminal(root)} were left out: {explain(problem)}."
                )
                continue
            found.append(Source(store, served_folder(store), partial(_place_in, root)))
        sources = cls(found)
        sources.remarks += refused
        return sources

    def states(self, before: States) -> States:
        """Look at all stores; those that are as they were `before` cost a stat each."""
        found: States = {}
        for folder, source in self._sources.items():
            if is_in_memory(source.folder):
                continue
            try:
                found[folder] = source.storage.states(before.get(folder, {}))
            except JptermError as problem:
                self.remarks.append(str(problem))
        return found

    def place(self, entry: Entry) -> str:
        """Return the place of the document in a store; "" if that cannot be read."""
        source = self._sources[entry[0]]
        name = source.storage.name_of(entry[1])
        return source.place_of(name) if name is not None else ""

    def places(self) -> list[str]:
        """Return the places of all documents, sorted, each once. Raises JptermError."""
        found = {
            source.place_of(name) for source in self._sources.values() for name in source.storage.names()
        }
        return sorted(found)

    def read(self, entry: Entry) -> Inspection | None:
        """Read a store; None if it is gone."""
        return self._sources[entry[0]].storage.inspect_folder(entry[1])

    def close(self) -> None:
        for source in self._sources.values():
            source.storage.close()


def _place_of_journal(name: str) -> str:
    file = file_of_journal(name)
    return key_of(name) if file is None else str(file)


def _place_in(root: Path, name: str) -> str:
    return str(root / name)


def is_kept_in_memory(place: str) -> bool:
    """Whether a document's file is in memory, so that nothing of it may come to a disk."""
    try:
        return place.startswith("/") and is_in_memory(Path(place))
    except ValueError:
        return False  # no file can have that name


def is_fleeting(place: str) -> bool:
    """Whether a document's file is a temporary one, of which nothing may be kept when it is gone."""
    return place.startswith("/") and is_temporary(Path(place))
