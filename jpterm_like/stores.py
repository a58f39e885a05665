"""Choose the storage for the documents of this machine, in this one place.

The state folder has two: `pads` for this user's hub, and `replicas` for the journals of this user's editors. A served folder
has its own. The history of a file that lies in memory is kept in memory.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from jpterm_like.config import Paths
from jpterm_like.errors import JptermError
from jpterm_like.files import private
from jpterm_like.files.ephemeral import is_in_memory
from jpterm_like.storage.base import Storage
from jpterm_like.storage.disk_layout import is_folder_name
from jpterm_like.storage.folder import (
    FolderStorage as FolderStorage,  # also for `index`, which compares states
)
from jpterm_like.storage.split import SplitStorage

if TYPE_CHECKING:
    from jpterm_like.postgres.decisions import Decisions
    from jpterm_like.postgres.facts import Facts
    from jpterm_like.storage.fenced import FencedStorage

SHARED_MEMORY: Final = Path("/dev/shm")

FILE: Final = "file:"
"""Prefix of the key of a file of this machine."""
_NUMBERED: Final = re.compile(r"(.*)#\d+", re.S)

log = logging.getLogger("jpterm_like.stores")


def replicas_of(paths: Paths) -> Storage:
    """Return the storage for the journals of this user's editors."""
    return _split(paths.replicas, file_of_journal)


def pads_of(paths: Paths) -> Storage:
    """Return the storage of this user's hub."""
    return _split(paths.pads, Path)


def storages_of(paths: Paths) -> Iterator[Storage]:
    """Both storages of this user, as far as they exist. Makes nothing."""
    for folder, file_of in (
        (paths.state_folder / "pads", Path),
        (paths.state_folder / "replicas", file_of_journal),
    ):
        if folder.is_dir():
            yield _split(folder, file_of, make=False)


def on_disk(folder: Path) -> FolderStorage:
    """Return what is on the disk of one of this user's storages. Makes nothing."""
    return FolderStorage(folder)


def served_folder(folder: Path, *, beside: Mapping[str, bytes] = MappingProxyType({})) -> FolderStorage:
    """Return the storage of a served folder; `beside` is passed to `FolderStorage`."""
    return FolderStorage(folder, beside=beside)


def is_database(written: str) -> bool:
    """Whether this is the address of a database."""
    return written.startswith(("postgresql://", "postgres://"))


class Database(NamedTuple):
    """A database that several servers share."""

    storage: FencedStorage
    decisions: Decisions
    """The tokens that count at all of them."""
    identity: bytes
    """What identifies all of them to clients."""

    def close(self) -> None:
        self.storage.close()
        self.decisions.close()


def open_database(written: str, *, inner: str = "", version: str = "") -> Database:
    """Return what is in a database, of which this process is a node then.

    Args:
        inner: HOST:PORT at which other nodes reach this one.
        version: this release.

    Raises:
        JptermError: the library is not installed, or the database cannot be used.
    """
    decisions = open_decisions(written)
    try:
        return Database(
            database_storage(written, inner=inner, version=version), decisions, decisions.identity()
        )
    except BaseException:
        decisions.close()
        raise


def database_storage(
    written: str, *, inner: str = "", version: str = "", is_node: bool = True
) -> FencedStorage:
    """Return the storage in a database alone; see `open_database`. Without `is_node` it has no lease: it is for reading."""
    with _with_psycopg():
        from jpterm_like.postgres.engine import PostgresEngine
        from jpterm_like.storage.fenced import FencedStorage

    return FencedStorage(PostgresEngine(written), inner, version, beats=is_node)


def open_decisions(written: str) -> Decisions:
    """Return the decisions in a database alone; see `open_database`."""
    with _with_psycopg():
        from jpterm_like.postgres.decisions import Decisions

    return Decisions(written)


def migrate_database(written: str) -> list[int]:
    """Make or change the tables of a database; return the numbers of the steps that were made.

    Raises:
        JptermError: it was not done.
    """
    with _with_psycopg():
        from jpterm_like.postgres.schema import migrate

    return migrate(written)


def ask_about_database(written: str) -> Facts:
    """Return what a database says of itself, for `doctor`.

    Raises:
        JptermError: it cannot be reached.
    """
    with _with_psycopg():
        from jpterm_like.postgres.facts import facts_of

    return facts_of(written)


@contextlib.contextmanager
def _with_psycopg() -> Iterator[None]:
    """
    Raises:
        JptermError: the library is not installed.
    """
    try:
        yield
    except ImportError as problem:
        raise JptermError(
            "A database needs the library psycopg: install jpterm-like with its extra, as in pip install 'jpterm-like[postgres]'."
        ) from problem


def file_of_journal(name: str) -> Path | None:
    """Return the file that a journal of this name belongs to; None if it belongs to a document on a server."""
    key = key_of(name)
    return Path(key.removeprefix(FILE)) if key.startswith(FILE) else None


def _split(folder: Path, file_of: Callable[[str], Path | None], *, make: bool = True) -> Storage:
    def is_for_memory(name: str) -> bool:
        file = file_of(name)
        return file is not None and is_in_memory(file)

    in_memory = _folder_in_memory(folder, make=make)
    return SplitStorage(FolderStorage(folder), _memory(in_memory), is_for_memory)


def _memory(folder: Path | None) -> Storage:
    if folder is not None:
        return FolderStorage(folder)
    from jpterm_like.storage.memory import MemoryStorage

    return MemoryStorage()


def _folder_in_memory(folder: Path, *, make: bool) -> Path | None:
    """Return a private folder in shared memory, which survives a crash of the program but no reboot; None without one.

    Its name is derived from the folder on disk that it replaces.
    """
    if not is_in_memory(SHARED_MEMORY):
        return None
    mine = SHARED_MEMORY / f"jpterm-like-{os.geteuid()}"
    try:
        private.check_folder(mine, make=make, others=0o077)
    except private.NotPrivate as problem:
        log.warning("%s: the history of files in memory is not kept there", problem)
        return None
    except OSError:
        return None
    return mine / hashlib.blake2b(os.fsencode(folder), digest_size=16).hexdigest()


SERVED_MAX: Final = 100
"""Limit of served folders that are remembered; those served last stay."""


def note_served(paths: Paths, root: Path) -> None:
    """Remember that a folder was served, so that its documents are found by words. Does nothing if that cannot be written."""
    folder = os.path.realpath(root)

    def new(old: bytes | None) -> bytes:
        folders = [it for it in _decoded_folders(old) if it != folder]
        import json

        return json.dumps([*folders, folder][-SERVED_MAX:]).encode()

    with contextlib.suppress(OSError, JptermError):
        private.change(paths.state / _SERVED, new)


def has_histories(store: Path) -> bool:
    """Whether the folder of a store has the history of a document of this user. A folder of that name may be something else: the
    README of 0.2.0 made an environment of Python in `~/.jpterm-like`. One that cannot be listed belongs to somebody else.
    """
    with contextlib.suppress(OSError):
        return any(map(is_folder_name, os.listdir(store)))
    return False


def served_roots(paths: Paths) -> list[Path]:
    """Return the folders that were served and are still there."""
    with contextlib.suppress(OSError):
        folders = _decoded_folders(private.read(paths.state_folder / _SERVED))
        return [Path(it) for it in folders if os.path.isdir(it)]
    return []


_SERVED: Final = "served.json"


def _decoded_folders(data: bytes | None) -> list[str]:
    with contextlib.suppress(ValueError):
        import json

        found = json.loads(data or b"[]")
        if isinstance(found, list):
            return [it for it in found if isinstance(it, str) and os.path.isabs(it)]
    return []


SLOTS_MAX: Final = 64
"""Limit of simultaneous openings of one document by one user."""


def journal_name(key: str, slot: int) -> str:
    """Return the name of the journal for the nth simultaneous opening of a pad.

    The first has the key itself as its name, unless the key looks numbered: a file may be called `notes.md#2`.
    """
    return key if slot == 1 and not _NUMBERED.fullmatch(key) else f"{key}#{slot}"


def key_of(name: str) -> str:
    """Return the key of the pad that a journal belongs to."""
    numbered = _NUMBERED.fullmatch(name)
    return numbered[1] if numbered else name
