"""Make the stores of many new documents at once: written beside the others, flushed together, and then given their names.

A folder gets its name once everything in it is flushed, so a store is there whole or not at all. What a crash leaves has a name that no
document has, and goes with a later creation.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from jpterm_like.storage import log
from jpterm_like.storage.base import NewStore, Record, check_blob_name, check_name, check_records
from jpterm_like.storage.disk_layout import encode_blob, folder_name, sealed_name
from jpterm_like.storage.drive import Drive

_PREFIX: Final = ".new-"
LEFTOVER_S: Final = 24 * 3600.0
"""Age from which a folder without its final name was left by a crash (wall clock). A creation takes moments."""


class Created(NamedTuple):
    """A store that is written and has no name yet."""

    name: str
    at: Path
    to: Path
    files: list[Path]


def write(drive: Drive, folder: Path, new: Iterable[NewStore]) -> list[Created]:
    """Write the stores of documents that have none, without waiting for the disk.

    Raises:
        OSError: the disk refused; nothing is left.
    """
    made: list[Created] = []
    try:
        for name, records, blobs in new:
            encoded = check_name(name)
            to = folder / folder_name(name, encoded)
            if not drive.exists(to):
                at = folder / f"{_PREFIX}{secrets.token_hex(8)}"
                created = Created(name, at, to, [])
                made.append(created)
                _write(drive, created, encoded, records, blobs.items())
    except OSError:
        remove(drive, made)
        raise
    return made


def _write(
    drive: Drive,
    created: Created,
    encoded: bytes,
    records: Sequence[Record],
    blobs: Iterable[tuple[str, bytes]],
) -> None:
    check_records(records)
    drive.make_folder(created.at)
    salt = secrets.token_bytes(log.SALT_BYTES)
    part = log.encode_header(salt, encoded) + log.encode_frames(salt, records)
    files = [("name", encoded), (sealed_name(1, salt, part), part)]
    for name, content in blobs:
        check_blob_name(name)
        files.append((f"{name}.blob", encode_blob(content)))
    for name, data in files:
        created.files.append(created.at / name)
        fd = drive.begin(created.files[-1])
        try:
            drive.append(fd, data)
        finally:
            drive.close(fd)


def flush(drive: Drive, made: Iterable[Created]) -> None:
    """Flush what was written; several threads may do that for several stores.

    Raises:
        OSError: the disk refused.
    """
    for created in made:
        for path in created.files:
            fd = drive.reopen(path)
            try:
                drive.flush(fd)
            finally:
                drive.close(fd)
        drive.flush_folder(created.at)


def give_names(drive: Drive, folder: Path, made: Sequence[Created]) -> set[str]:
    """Give flushed stores their names, and flush these; return the names of those whose name was still free.

    Raises:
        OSError: the disk refused. Some may have their names.
    """
    named: set[str] = set()
    for created in made:
        try:
            drive.rename(created.at, created.to)
        except OSError:
            if not drive.exists(created.to):
                raise
            remove(drive, [created])  # somebody opened it meanwhile
        else:
            named.add(created.name)
    drive.flush_folder(folder)
    return named


def remove(drive: Drive, made: Iterable[Created]) -> None:
    """Remove stores that have no name yet."""
    for created in made:
        with contextlib.suppress(OSError):
            drive.remove_tree(created.at)


def remove_leftovers(drive: Drive, folder: Path) -> None:
    """Remove what crashes left of earlier creations."""
    with contextlib.suppress(OSError):
        for name in drive.names(folder):
            if name.startswith(_PREFIX) and drive.changed_at(folder / name) + LEFTOVER_S < time.time():
                drive.remove_tree(folder / name)
