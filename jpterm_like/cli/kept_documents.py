"""List the documents that this machine keeps of its user, wherever they are: opened before, in served folders, synced with places."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from jpterm_like import collection as collections
from jpterm_like.access.addresses import with_tilde
from jpterm_like.config import Paths
from jpterm_like.errors import JptermError
from jpterm_like.files.ephemeral import is_in_memory, is_temporary
from jpterm_like.index.sources import Sources
from jpterm_like.packs.documents import Documents
from jpterm_like.places.address import name_of
from jpterm_like.stores import served_roots

DOCUMENTS_MAX: Final = 5_000
"""Of more nobody chooses from a list; `find` finds their words."""


def list_documents(paths: Paths) -> list[tuple[str, str, str]]:
    """Return addresses, names and where they are; those of places first, each once, and only files that exist. Blocks."""
    found: dict[str, tuple[str, str, str]] = {}
    for address, where in (*_of_places(paths), *_of_stores(paths)):
        if address in found or len(found) >= DOCUMENTS_MAX:
            continue
        if "://" in address:
            found[address] = address, address, where
        elif os.path.isfile(address):
            found[address] = address, with_tilde(Path(address)), where
    return list(found.values())


def _of_places(paths: Paths) -> Iterator[tuple[str, str]]:
    for its_folder, known in collections.find(paths.state_folder, Path("/"), []):
        where = f"in {', '.join(map(name_of, sorted(known.places)))}"
        notes = Documents.decode(collections.read_texts(its_folder)).notes.values()
        for name in sorted(each.name_here for each in notes if each.name_here):
            yield str(known.folder / name), where


def _of_stores(paths: Paths) -> Iterator[tuple[str, str]]:
    sources = Sources.of_user(paths, served_roots(paths))
    try:
        for place in sources.places():
            if "://" in place or not (is_in_memory(Path(place)) or is_temporary(Path(place))):
                yield place, "opened before"
    except JptermError:  # `find` and `verify` say what is wrong with a storage
        return
    finally:
        sources.close()
