"""A connection in memory, for tests and simulations."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from jpterm_like.transports.base import Peer, TransportClosed

QUEUED_MAX: Final = 16
"""Most frames waiting at the other end before there is no room, like the buffer of a socket."""


class MemoryTransport:
    """One end of a connection; `pair` makes two."""

    peer = Peer("memory")

    def __init__(self) -> None:
        self.other: MemoryTransport | None = None
        self._frames: deque[bytes] = deque()
        self._ended = False
        self._changed = asyncio.Event()

    async def receive(self) -> bytes:
        while not self._frames:
            if self._ended:
                raise TransportClosed
            self._changed.clear()
            await self._changed.wait()
        frame = self._frames.popleft()
        if self.other is not None:
            self.other._changed.set()
        return frame

    def offer(self, take: Callable[[bytes], bool]) -> None:
        pass

    def has_room(self) -> bool:
        if self._ended or self.other is None:
            raise TransportClosed
        return len(self.other._frames) < QUEUED_MAX

    def send(self, frames: Sequence[bytes]) -> None:
        if self._ended or self.other is None:
            raise TransportClosed
        for frame in frames:
            self.other.deliver(frame)

    async def wait_for_room(self) -> None:
        while not self.has_room():
            self._changed.clear()
            await self._changed.wait()

    def deliver(self, frame: bytes) -> None:
        """Queue a frame that arrives from the other end."""
        if not self._ended:
            self._frames.append(frame)
            self._changed.set()

    async def close(self) -> None:
        self.cut()

    def cut(self) -> None:
        """Cut the connection for both ends; delivered frames can still be received."""
        for end in (self, self.other):
            if end is not None:
                end._ended = True
                end._changed.set()


def pair() -> tuple[MemoryTransport, MemoryTransport]:
    """Make two connected ends."""
    one, other = MemoryTransport(), MemoryTransport()
    one.other, other.other = other, one
    return one, other
