"""What of a synced folder is not at its places yet, text by text. Asks neither place nor server, so it is known while both are away.

It follows from what is on this machine: the stores, which have what was written; the notes of the last sync on what packs have; and the packs that
a place lacked when it was seen last. Only stores that have changed since the last sync are read, and packs that wait.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from crdt import ForeignOp, TextBuffer
from jpterm_like import collection as collections
from jpterm_like.access.discovery import STORE_FOLDER
from jpterm_like.collection import Collection
from jpterm_like.config import Paths
from jpterm_like.errors import JptermError
from jpterm_like.files.charsets import UNKNOWN
from jpterm_like.files.notebook_file import read_cells
from jpterm_like.files.read import NOTEBOOK_SUFFIX
from jpterm_like.notebook.ipynb import NotANotebook
from jpterm_like.packs import records
from jpterm_like.packs.decisions import to_send
from jpterm_like.packs.documents import DocumentNotes, Documents, changes_of
from jpterm_like.packs.names import Listing, parse
from jpterm_like.packs.pack import MalformedPack
from jpterm_like.packs.records import Changes
from jpterm_like.saver import rebuild
from jpterm_like.server.shared_folder import SharedFolder
from jpterm_like.storage.base import StorageError
from jpterm_like.stores import FolderStorage, file_of_journal, on_disk, served_folder

MESSAGE_BYTES: Final = 1 << 20
"""Changes are counted in messages of this length."""

Waiting = dict[str, int]
"""How many changes of each text wait, by its name in the folder. 0: its file was changed by another program, or is new."""


def waiting_texts(paths: Paths, its_folder: Path, known: Collection) -> dict[str, Waiting]:
    """Return what waits for each place, by its address. Blocks.

    Raises:
        JptermError: a store or the copy of the packs cannot be read.
    """
    documents = Documents.decode(collections.read_texts(its_folder))
    unpacked = _Unpacked(paths, known, documents).count()
    there = collections.read_there(its_folder)
    mirror = collections.open_mirror(its_folder)
    found: dict[str, Waiting] = {}
    for address in known.places:
        at_place = {name: str(name) for each in there.get(address, ()) if (name := parse(each)) is not None}
        waiting = Counter(unpacked)
        for name in to_send(mirror.held, Listing(at_place, {}, {}, {}, [])):
            if (pack := mirror.pack(name)) is None:
                continue
            for document in pack.index.blocks:
                notes = documents.notes.get(document)
                if notes is not None and notes.name_here:
                    with suppress(MalformedPack):
                        waiting[notes.name_here] += _count(records.decode_all(pack.records(document))[0])
        found[address] = {name: count for name, count in sorted(waiting.items()) if count or name in unpacked}
    return found


def _count(contents: list[records.Content]) -> int:
    found = 0
    for content in contents:
        if isinstance(content, Changes):
            with suppress(ForeignOp):
                found += sum(changes_of(content.message).values())
    return found


class _Unpacked:
    """Counts what no pack has."""

    def __init__(self, paths: Paths, known: Collection, documents: Documents) -> None:
        self._folder = known.folder
        self._notes = {notes.name_here: notes for notes in documents.notes.values() if notes.name_here}
        root = next(
            (it for it in (known.folder, *known.folder.parents) if (it / STORE_FOLDER).is_dir()), None
        )
        self._root = root
        self._storage = (
            on_disk(paths.state_folder / "pads") if root is None else served_folder(root / STORE_FOLDER)
        )
        self._journals = on_disk(paths.state_folder / "replicas")

    def count(self) -> Waiting:
        found: Waiting = {}
        try:
            journals = self._journals_by_file()
            for name, notes in sorted(self._notes.items()):
                path = self._folder / name
                stamp = self._stamp(path)
                buffers: list[TextBuffer] = []
                if not notes.stamp or stamp[:2] != notes.stamp[:2]:
                    buffers += _read(self._storage, self._name_of(path))
                for journal in journals.get(path, ()):
                    buffers += _read(self._journals, journal)
                if count := _changes_beyond(notes, buffers):
                    found[name] = count
                elif notes.had_file and stamp[2:] and stamp[2:4] != notes.stamp[2:4]:
                    found[name] = 0
            with suppress(JptermError):
                for name in SharedFolder(self._folder).names_in_any_charset():
                    if name not in self._notes and not _is_notebook(self._folder / name):
                        found[name] = 0
        finally:
            self._storage.close()
            self._journals.close()
        return found

    def _name_of(self, path: Path) -> str:
        return str(path) if self._root is None else path.relative_to(self._root).as_posix()

    def _stamp(self, path: Path) -> tuple[float, ...]:
        """See `DocumentNotes.stamp`."""
        stamp: tuple[float, ...] = (0, 0)
        with suppress(StorageError):
            stamp = self._storage.usage(self._name_of(path))
        with suppress(OSError):
            found = os.stat(path)
            stamp = (*stamp, found.st_size, found.st_mtime)
        return stamp

    def _journals_by_file(self) -> dict[Path, list[str]]:
        found: dict[Path, list[str]] = {}
        for name in self._journals.names():
            file = file_of_journal(name)
            if file is not None and file.is_relative_to(self._folder):
                found.setdefault(file, []).append(name)
        return found


def _is_notebook(path: Path) -> bool:
    """Whether a file is a notebook, and so left out."""
    if path.suffix != NOTEBOOK_SUFFIX:
        return False
    with suppress(OSError, NotANotebook):
        read_cells(path.read_bytes(), UNKNOWN)
        return True
    return False


def _read(storage: FolderStorage, name: str) -> Iterator[TextBuffer]:
    """Yield the text in a store, if there is one that can be read."""
    inspection = storage.inspect(name)
    if inspection is not None and not inspection.newer:
        buffer = rebuild(inspection.loaded, author="").buffer
        if buffer is not None:
            yield buffer


def _changes_beyond(notes: DocumentNotes, buffers: list[TextBuffer]) -> int:
    """Count the changes in replicas of a document that no pack has."""
    reached, count = notes.carried.version, 0
    for buffer in buffers:
        if notes.birth is None or buffer.lineage != notes.birth.lineage:
            continue
        while True:
            message, after = buffer.changes_up_to(reached, MESSAGE_BYTES)
            if not message:
                break
            count += sum(changes_of(message).values())
            reached = reached.merge(after)
    return count
