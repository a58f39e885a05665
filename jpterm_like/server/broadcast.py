"""Send what is new in a document to everyone who has it open: at once after silence, and merged into one frame per tick under load."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final, Protocol

from jpterm_like.server.connections import Connection, OpenDocument
from jpterm_like.server.group_commit import GroupCommit

TICK_S: Final = 0.02
"""Edits that come within this time of each other go out as one frame."""
TICK_SHARE_S: Final = 0.0003
"""The next tick comes no earlier than this for each connection of the fullest document with news. A frame then carries more,
and writing frames takes a share of a core that does not grow with the number of connections."""
TICK_LONG_S: Final = 0.05
"""Upper bound of that: a delay that nobody sees."""
CROWD_SHARE_S: Final = 0.0001
"""The same for each connection of all documents with news, without a bound: a crowd must leave time to read what it writes."""
SLICE_S: Final = 0.01
"""After sending for this long, tasks that read get a turn."""


class Audience(Protocol):
    """A document of this node or of another one, and the connections that have it open here."""

    @property
    def is_open(self) -> bool: ...

    @property
    def members(self) -> Mapping[tuple[Connection, int], int]: ...


class Broadcast:
    """Collects which documents have news, and flushes their connections at each tick.

    Args:
        commits: brings to the disk what was broadcast.
    """

    def __init__(self, commits: GroupCommit) -> None:
        self._commits = commits
        self._news: dict[Audience, None] = {}
        self._has_news = asyncio.Event()
        self.last_sent_at = 0.0
        """When news was sent last, monotonic."""

    def note(self, opened: Audience) -> None:
        """Have the next tick look at a document."""
        self._news[opened] = None
        self._has_news.set()

    async def run(self) -> None:
        """Tick for ever."""
        while True:
            await self._has_news.wait()
            self._has_news.clear()
            await asyncio.sleep(await self._send())

    async def _send(self) -> float:
        """Flush every connection of each document that has news; return the delay until the next tick."""
        news, self._news = self._news, {}
        loop = asyncio.get_running_loop()
        count, fullest, turn = 0, 0, loop.time()
        self.last_sent_at = turn
        for opened in news:
            if not opened.is_open:
                continue
            before = count
            for connection, _ in list(opened.members):
                connection.flush()
                count += connection.is_line
                if loop.time() - turn > SLICE_S:
                    await asyncio.sleep(0)
                    turn = loop.time()
            fullest = max(fullest, count - before)
            if isinstance(opened, OpenDocument) and opened.document.saver.behind:
                self._commits.request(opened)
        return max(TICK_S, min(TICK_SHARE_S * fullest, TICK_LONG_S), CROWD_SHARE_S * count)
