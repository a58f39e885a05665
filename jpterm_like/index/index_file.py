"""The file of the index, without SQLite: where it is, and that it can be removed."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

from jpterm_like.files import private

NUMBER: Final = 1
"""Number of the format, and in the name of the file. Files of other formats are removed."""


class Lost(Exception):
    """The index cannot be used any more."""


def path_in(cache: Path) -> Path:
    """Return the path of the index in the user's cache."""
    return cache / f"index.{NUMBER}.db"


def remove_index(cache: Path) -> None:
    """Remove the index, of whatever format, as far as it is there and can be removed."""
    with contextlib.suppress(OSError):
        private.check_folder(cache)
        remove_files(cache)


def remove_files(cache: Path, *, besides: str | None = None) -> None:
    """Remove the files of indexes, besides those with names that begin so."""
    for entry in os.listdir(cache):
        if (
            entry.startswith("index.")
            and ".db" in entry
            and (besides is None or not entry.startswith(besides))
        ):
            with contextlib.suppress(OSError):
                os.unlink(cache / entry)
