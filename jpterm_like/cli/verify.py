"""`jpterm-like verify`: check each stored document. The storage checks the files, this module the history."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from jpterm_like.access.discovery import STORE_FOLDER
from jpterm_like.config import Paths
from jpterm_like.errors import JptermError, escape_for_terminal, explain
from jpterm_like.files import private
from jpterm_like.saver import rebuild
from jpterm_like.server.rename import MOVED, MOVING, Move
from jpterm_like.storage.base import Inspection, Storage
from jpterm_like.stores import database_storage, served_folder, storages_of


class Verdict(NamedTuple):
    """The result for one document."""

    name: str
    summary: str
    damage: list[str]
    """Sentences about damage; empty if the document is whole."""
    newer: bool = False
    """A newer release wrote it, so it cannot be checked."""


def verify_folder(root: Path) -> Iterator[Verdict]:
    """Check everything that `serve` keeps in a folder.

    Raises:
        JptermError: the folder has no store, or it cannot be read.
    """
    store = root / STORE_FOLDER
    if not store.is_dir():
        raise JptermError(
            f"{escape_for_terminal(root)} has no store ({STORE_FOLDER}): nothing was served from there."
        )
    try:
        private.check_folder(store)
    except OSError as problem:
        raise JptermError(f"The stores there are not yours to verify: {explain(problem)}.") from problem
    return _verify(served_folder(store))


def verify_user(paths: Paths) -> Iterator[Verdict]:
    """Check everything of this user's: the journals, and the stores of the hub.

    Raises:
        JptermError: something cannot be read.
    """
    for storage in storages_of(paths):
        yield from _verify(storage)


def verify_database(address: str) -> Iterator[Verdict]:
    """Check everything in a database that servers share.

    Raises:
        JptermError: it cannot be read.
    """
    return _verify(database_storage(address, is_node=False))


def _verify(storage: Storage) -> Iterator[Verdict]:
    with contextlib.closing(storage):
        yield from map(judge, storage.inspect_all())


def judge(found: Inspection) -> Verdict:
    """Check the files and the history of one document."""
    kept = rebuild(found.loaded, author="")
    size = f"{found.size_bytes:,} bytes of history"
    if found.folder is not None:
        size += f" in {escape_for_terminal(found.folder.name)}"
    if kept.newer or found.newer:
        return Verdict(found.name, f"made by a newer release of jpterm-like, {size}", [], newer=True)
    damage = [*found.damage, *kept.damage]
    characters = "no text"
    if kept.buffer is not None:
        try:
            kept.buffer.check()
        except AssertionError:
            damage.append("The stored history contradicts itself.")
        if kept.buffer.waiting:
            damage.append("Something is missing between two parts of the stored history.")
        characters = f"{len(kept.buffer):,} characters"
    summary = ". ".join([f"{characters}, {size}", *kept.remarks])
    if (to := found.blobs.get(MOVED)) and not Move.decode(found.blobs.get(MOVING)):
        summary = f"has another name now: {escape_for_terminal(to.decode('utf-8', 'replace'))}"
    elif (move := Move.decode(found.blobs.get(MOVING))) is not None:
        summary += (
            f"; it was being renamed from {escape_for_terminal(move.old)} to {escape_for_terminal(move.new)} when its server ended, "
            "and has one of the names from its next opening on"
        )
    return Verdict(found.name, summary, damage)
