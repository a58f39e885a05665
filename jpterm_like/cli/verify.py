"""Say of each document in a folder of stores whether it is whole: its files by the storage, its history here."""

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
from jpterm_like.stores import served_folder, storages_of


class Verdict(NamedTuple):
    """What is to be said of one document."""

    name: str
    summary: str
    damage: list[str]
    """Plain sentences; empty when all is whole."""
    newer: bool = False
    """A newer release wrote it, so that nothing can be said."""


def verify_folder(root: Path) -> Iterator[Verdict]:
    """Read everything that `serve` keeps in a folder.

    Raises:
        JptermError: there is nothing, or it cannot be read.
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
    """Read everything of this user's own: replicas with their journals, and what the hub keeps.

    Raises:
        JptermError: it cannot be read.
    """
    for storage in storages_of(paths):
        yield from _verify(storage)


def _verify(storage: Storage) -> Iterator[Verdict]:
    with contextlib.closing(storage):
        yield from map(judge, storage.inspect_all())


def judge(found: Inspection) -> Verdict:
    """Whether one document's files and its history are whole."""
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
