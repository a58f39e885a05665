"""Where the documents of this machine are stored: the one place that chooses a storage.

The state folder has two: `pads`, of this user's hub, and `replicas`, the journals of this user's editors. A served folder
has one of its own. Files in memory are stored in memory.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from jpterm_like.config import Paths
from jpterm_like.files import private
from jpterm_like.files.ephemeral import is_in_memory
from jpterm_like.storage.base import Storage
from jpterm_like.storage.folder import FolderStorage
from jpterm_like.storage.memory import MemoryStorage
from jpterm_like.storage.split import SplitStorage

SHARED_MEMORY: Final = Path("/dev/shm")

FILE: Final = "file:"
"""What the address of a file of this machine begins with."""
_NUMBERED: Final = re.compile(r"(.*)#\d+", re.S)

log = logging.getLogger("jpterm_like.stores")


def replicas_of(paths: Paths) -> Storage:
    """The journals of this user's editors."""
    return _split(paths.replicas, file_of_journal)


def pads_of(paths: Paths) -> Storage:
    """The stores of this user's hub."""
    return _split(paths.pads, Path)


def storages_of(paths: Paths) -> Iterator[Storage]:
    """Both storages of this user, as far as they exist. Makes nothing."""
    for folder, file_of in (
        (paths.state_folder / "pads", Path),
        (paths.state_folder / "replicas", file_of_journal),
    ):
        if folder.is_dir():
            yield _split(folder, file_of, make=False)


def served_folder(folder: Path, *, beside: Mapping[str, bytes] = MappingProxyType({})) -> FolderStorage:
    """The stores of a folder that is served; `beside` as `FolderStorage` has it."""
    return FolderStorage(folder, beside=beside)


def file_of_journal(name: str) -> Path | None:
    """The file whose journal is called so; None: it is of a document of another server."""
    key = key_of(name)
    return Path(key.removeprefix(FILE)) if key.startswith(FILE) else None


def _split(folder: Path, file_of: Callable[[str], Path | None], *, make: bool = True) -> Storage:
    def is_for_memory(name: str) -> bool:
        file = file_of(name)
        return file is not None and is_in_memory(file)

    in_memory = _folder_in_memory(folder, make=make)
    memory = MemoryStorage() if in_memory is None else FolderStorage(in_memory)
    return SplitStorage(FolderStorage(folder), memory, is_for_memory)


def _folder_in_memory(folder: Path, *, make: bool) -> Path | None:
    """Where a crash of the program loses nothing, and the end of the machine everything; None if there is no such place.

    Named after the folder on the disk that it stands in for.
    """
    if not is_in_memory(SHARED_MEMORY):
        return None
    mine = SHARED_MEMORY / f"jpterm-like-{os.geteuid()}"
    try:
        private.check_folder(mine, make=make, others=0o077)
    except private.NotPrivate as problem:
        log.warning("%s: files in memory leave nothing there", problem)
        return None
    except OSError:
        return None
    return mine / hashlib.blake2b(os.fsencode(folder), digest_size=16).hexdigest()


def journal_name(key: str, slot: int) -> str:
    """What the journal of the nth opening of a pad at one time is called.

    The first one's is called as the address, unless that ends like the others: a file may be called `notes.md#2`.
    """
    return key if slot == 1 and not _NUMBERED.fullmatch(key) else f"{key}#{slot}"


def key_of(name: str) -> str:
    """The address that a journal is of."""
    numbered = _NUMBERED.fullmatch(name)
    return numbered[1] if numbered else name
