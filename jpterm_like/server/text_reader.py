"""Give the texts of files to peers that search them, without opening documents.

A text that is open is given as it stands, any other one as the plain file has it. A peer reads what it may open, part by part; at most
one long text is kept for it meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple
from weakref import WeakKeyDictionary

from jpterm_like.files.read import FileProblem, glance, read_text
from jpterm_like.server.charset_note import CHARSET, known_by
from jpterm_like.server.connections import Connection, OpenDocument
from jpterm_like.server.document_names import DocumentNames
from jpterm_like.server.moderation import Moderation
from jpterm_like.server.shared_folder import SharedFiles
from jpterm_like.server.shared_texts import SharedTexts
from jpterm_like.storage.base import Storage
from jpterm_like.sync.wire import PART_BYTES_MAX

TEXT_BYTES_MAX: Final = 8 << 20
"""Longer texts are not given: they are logs or data."""
READS_MAX: Final = 4
"""Files that are read at a time, for all peers together."""


class _Kept(NamedTuple):
    """A text of which a peer has not read all parts."""

    name: str
    data: bytes


class TextReader:
    """See the module."""

    def __init__(
        self,
        files: SharedFiles,
        names: DocumentNames,
        storage: Storage,
        opened: Mapping[str, OpenDocument],
        moderation: Moderation,
    ) -> None:
        self._files = files
        self._names = names
        self._storage = storage
        self._opened = opened
        self._moderation = moderation
        self._kept: WeakKeyDictionary[Connection, _Kept] = WeakKeyDictionary()
        self._reads = asyncio.Semaphore(READS_MAX)

    async def part(self, connection: Connection, name: str, start: int) -> tuple[bytes, bool]:
        """A part of a text in UTF-8 from a byte on, and whether there is more.

        Raises:
            FileProblem: there is no such text, or none that this connection may read; or it is too long.
        """
        kept = self._kept.pop(connection, None)
        if start and kept is not None and kept.name == name and self._may_read(connection, name):
            data = kept.data
        else:
            async with self._reads:
                data = (await self._text(connection, name)).encode("utf-8", "surrogatepass")
        end = start + PART_BYTES_MAX
        if end < len(data):
            self._kept[connection] = _Kept(name, data)
        return data[start:end], end < len(data)

    def _may_read(self, connection: Connection, name: str) -> bool:
        root = self._files.root
        return root is not None and connection.rights.role(name, root.path / name) is not None

    async def _text(self, connection: Connection, name: str) -> str:
        # Before looking at the disk, as for an opening: the answer must not tell what is there.
        missing = FileProblem(f"There is no file {name} here.")
        root = self._files.root
        if root is None or not self._may_read(connection, name):
            raise missing
        path = await asyncio.to_thread(self._files.path_of, name)
        name = self._names.name_of(path)
        opened = self._opened.get(name)
        role = connection.rights.role(name, path)
        if opened is not None and role is not None:
            role = self._moderation.role(connection, opened)
        if role is None or self._moderation.ban_against(connection, name, path) is not None:
            raise missing
        if opened is not None:
            buffer = opened.document.pad.buffer
            if len(buffer) > TEXT_BYTES_MAX:
                raise _too_long(name)
            return buffer.text
        text = await asyncio.to_thread(self._read, name, path)
        if text is None:
            raise missing
        return text

    def _read(self, name: str, path: Path) -> str | None:
        if isinstance(self._files, SharedTexts):
            return self._files.text_of(name)
        found = glance(path, self._files.root)
        if len(found) > 1 and found[4] > TEXT_BYTES_MAX:
            raise _too_long(name)
        known = known_by(self._storage.read_blob(name, CHARSET), b"")
        return read_text(path, known, inside=self._files.root)


def _too_long(name: str) -> FileProblem:
    return FileProblem(f"{name} is longer than {TEXT_BYTES_MAX >> 20} MB.")
