"""List the shared files page by page. All pages come from one sorted list, so nothing is kept for each client."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Collection
from pathlib import Path
from typing import Final

from jpterm_like.access.permissions import OWNER
from jpterm_like.server.connections import Connection
from jpterm_like.server.shared_folder import SharedFiles

KEEP_S: Final = 30.0
"""How long the list is kept for clients that ask for it page by page."""
NAMES_MAX: Final = 9_000
"""Most names in one page."""
NAME_BYTES: Final = 5
"""Most bytes that a name takes in a page besides its own."""
SLICE_S: Final = 0.01
"""After putting a page together for this long, other tasks get a turn."""


class FileList:
    """The names of all shared files, and of open documents that have no file yet.

    Args:
        files: what is shared.
        opened: the names of the open documents, as they are at each moment.
    """

    def __init__(self, files: SharedFiles, opened: Collection[str]) -> None:
        self._files = files
        self._opened = opened
        self._names: list[str] = []
        """Read when somebody last asked for the first page."""
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()
        self._paging = asyncio.Lock()

    def expire(self, now: float) -> None:
        """Drop the list if it is older than KEEP_S; `now` is monotonic."""
        if now - self._read_at >= KEEP_S:
            self._names = []

    async def page(self, connection: Connection, after: str) -> tuple[list[str], bool]:
        """The names after `after` that a connection may see, as many as fit in one answer; and whether there are more.

        The folder is read for the first page.

        Raises:
            FileProblem: the folder cannot be read.
        """
        names = await self._names_since(after)
        async with self._paging:  # in slices: a hundred at once would have a hundred slices in each turn
            return await self._page(connection, names, after)

    async def _names_since(self, after: str) -> list[str]:
        """All names, sorted. Requests that come while the folder is being read share the next reading."""
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        async with self._reading:
            if not self._names if after else self._read_at <= asked_at:
                read_at = loop.time()
                names = {*await asyncio.to_thread(self._files.names), *self._opened}
                self._names, self._read_at = await asyncio.to_thread(sorted, names), read_at
            return self._names

    async def _page(self, connection: Connection, names: list[str], after: str) -> tuple[list[str], bool]:
        root = self._files.root
        loop = asyncio.get_running_loop()
        page: list[str] = []
        rest_bytes, turn = connection.link.names_bytes_max, loop.time()
        for at in range(bisect_right(names, after), len(names)):
            name = names[at]
            if loop.time() - turn > SLICE_S:
                await asyncio.sleep(0)
                turn = loop.time()
            path = Path(name) if root is None else root.path / name
            if connection.rights is not OWNER and connection.rights.role(name, path) is None:
                continue
            rest_bytes -= len(connection.mount.client_name(name).encode()) + NAME_BYTES
            if rest_bytes < 0 or len(page) >= NAMES_MAX:
                return page, True
            page.append(name)
        return page, False
