"""The texts in a storage that several nodes share. They have no files: each is a blob in its document's store, written with its history.

Names follow the rules of a served folder, of one that is always empty. So a text that is exported later has a name that a folder takes.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from jpterm_like.errors import escape_for_terminal
from jpterm_like.files.encoding import text_in
from jpterm_like.files.read import NOTEBOOK_SUFFIX, NotShared
from jpterm_like.server.absence import ABSENT
from jpterm_like.server.charset_note import CHARSET, known_by
from jpterm_like.server.shared_folder import SharedFolder
from jpterm_like.storage.base import Storage

TEXT: Final = "base"
"""The blob with the text, in the charset and with the line ends that its file would have: the same that a folder's store has of the file."""


class SharedTexts(SharedFolder):
    """See the module."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._empty = tempfile.TemporaryDirectory(prefix="jpterm-like-")
        super().__init__(Path(self._empty.name))

    def path_of(self, name: str) -> Path:
        path = super().path_of(name)
        if path.suffix == NOTEBOOK_SUFFIX:
            raise NotShared(
                f"{escape_for_terminal(name)} is not shared: notebooks are edited in a folder, not yet in a database.",
                path,
            )
        return path

    def names(self) -> list[str]:
        absent = {name for name in self._storage.names(ABSENT) if self._storage.read_blob(name, ABSENT)}
        return [name for name in self._storage.names(TEXT) if name not in absent]

    def names_in_any_charset(self) -> list[str]:
        return self.names()

    def text_of(self, name: str) -> str | None:
        """Return the text of a closed document; None if it has none."""
        raw = self._storage.read_blob(name, TEXT)
        if raw is None or self._storage.read_blob(name, ABSENT):
            return None
        return text_in(known_by(self._storage.read_blob(name, CHARSET), raw)._replace(is_text=True))

    def close(self) -> None:
        """Remove the empty folder."""
        self._empty.cleanup()
