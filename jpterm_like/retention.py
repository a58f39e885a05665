"""Decide which histories of edited files stay on this machine, and remove the others.

A file's history is in two places of the state folder: the hub's store (`pads`) and each editor's journal (`replicas`). A journal
that was closed with all of its text at the hub and in the file has no text any more (`Saver.reduce`). Three rules say what
is kept while nobody has the file open:

- For a file in memory (on tmpfs, as `pass` uses it) nothing is ever written to a disk, and nothing is kept once it is saved and
  closed.
- For a temporary file nothing is kept once the file is gone.
- For other files the history is kept for `keep_days`, and only while all histories together need less than `keep_mb`.

Unsaved work is always kept, and so are the histories of texts that are synced: they go on at the others.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from jpterm_like import clock, last_time
from jpterm_like.config import Paths, Settings
from jpterm_like.errors import JptermError, escape_for_terminal
from jpterm_like.files.ephemeral import is_temporary
from jpterm_like.saver import restore
from jpterm_like.storage.base import Storage, Store, StoreBusy
from jpterm_like.stores import file_of_journal, key_of, pads_of, replicas_of

DAY_S: Final = 24 * 3600.0

log = logging.getLogger("jpterm_like.retention")


class KeptStore(NamedTuple):
    """A store with the history of one file."""

    storage: Storage
    name: str
    file: Path | None
    """None for a document of another server."""
    size_bytes: int
    changed_at: float
    """Wall clock, seconds."""


def tidy(paths: Paths, settings: Settings) -> list[str]:
    """Remove the stores that the rules do not keep; return their names. Blocks.

    If one store of a file is open, all of them stay.
    """
    removed: list[str] = []
    with contextlib.closing(pads_of(paths)) as pads, contextlib.closing(replicas_of(paths)) as replicas:
        texts: dict[str, list[KeptStore]] = {}
        for it in _all(pads, replicas):
            texts.setdefault(key_of(it.name) if it.file is None else str(it.file), []).append(it)
        size_bytes = sum(it.size_bytes for kept in texts.values() for it in kept)
        before = clock.wall() - settings.keep_days * DAY_S
        synced = _synced_folders(paths)
        for kept in sorted(texts.values(), key=_changed_at):  # the oldest first
            file = kept[0].file
            is_old = file is not None and _changed_at(kept) < before
            is_gone = file is not None and is_temporary(file) and not os.path.lexists(file)
            is_too_much = size_bytes > settings.keep_mb * 1_000_000
            if not (is_old or is_gone or is_too_much):
                continue
            if file is not None and any(file.is_relative_to(folder) for folder in synced):
                continue
            with contextlib.suppress(JptermError), _held(kept) as stores:  # open, or unreadable
                if all(_is_done_with(it, store) for it, store in zip(kept, stores, strict=True)):
                    for it, store in zip(kept, stores, strict=True):
                        store.delete()
                        removed.append(it.name)
                        size_bytes -= it.size_bytes
    return removed


def _synced_folders(paths: Paths) -> list[Path]:
    if not (paths.state_folder / "collections").is_dir():
        return []
    from jpterm_like.collection import synced_folders  # loaded for those who sync

    return synced_folders(paths.state_folder)


@contextlib.contextmanager
def _held(kept: list[KeptStore]) -> Iterator[list[Store]]:
    """Hold all stores of a file open, so that nobody uses them between the check and the removal.

    Raises:
        StoreBusy: one of them is open.
    """
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(contextlib.closing(it.storage.open(it.name))) for it in kept]


def forget(written: str, *, unsaved: bool) -> str:
    """Remove everything that this machine keeps about a file besides the file itself; return a sentence about it.

    Args:
        written: the address of the file or pad, as the editor takes it.
        unsaved: remove unsaved and unsent work, too.

    Raises:
        JptermError: the file is open, or has such work; nothing was removed.
    """
    from jpterm_like.access.addresses import LocalFileAddress, parse_address

    address = parse_address(written)
    what, paths = escape_for_terminal(address.text), Paths.of_user()
    with contextlib.closing(pads_of(paths)) as pads, contextlib.closing(replicas_of(paths)) as replicas:
        found = [
            it
            for it in _all(pads, replicas)
            if (it.storage is replicas and key_of(it.name) == address.key)
            or (it.storage is pads and isinstance(address, LocalFileAddress) and it.name == address.path)
        ]
        try:
            with _held(found) as stores:
                is_done_with = all(_is_done_with(it, store) for it, store in zip(found, stores, strict=True))
                if not is_done_with and not unsaved:
                    raise JptermError(
                        f"{what} has work that was not saved; with --unsaved that goes, too. Nothing was removed."
                    )
                for store in stores:
                    store.delete()
                last_time.forget(paths, address.text)
        except StoreBusy:
            raise JptermError(f"{what} is open: close it first. Nothing was removed.") from None
    if not found:
        return f"Nothing is kept of {what}."
    size = sum(it.size_bytes for it in found)
    return f"{size:,} bytes of {what} were removed: its history, and what could be undone."


def _all(pads: Storage, replicas: Storage) -> Iterator[KeptStore]:
    for storage, file_of in ((pads, Path), (replicas, file_of_journal)):
        for name in storage.names():
            with contextlib.suppress(JptermError):  # removed meanwhile
                yield KeptStore(storage, name, file_of(name), *storage.usage(name))


def _changed_at(kept: list[KeptStore]) -> float:
    return max(it.changed_at for it in kept)


def _is_done_with(it: KeptStore, store: Store) -> bool:
    """Return whether all of a store's text is in its file, or at its server."""
    kept = restore(store, author="")
    if kept.newer or kept.carried:
        return False  # it has records that this release does not know
    if kept.damage or kept.buffer is None:
        return not kept.damage
    version = kept.buffer.version
    return version <= kept.saved if it.file is not None else version <= kept.stored
