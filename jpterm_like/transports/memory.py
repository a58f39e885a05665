"""Frames through memory, for tests and simulations: two ends that behave as a connection does."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from jpterm_like.transports.base import Peer, TransportClosed

QUEUED_MAX: Final = 16
"""With so many frames that the other end has not taken there is no room, as in a socket's buffer."""


class MemoryTransport:
    """One end. Make two with `pair`."""

    peer = Peer("memory")

    def __init__(self) -> None:
        self.other: MemoryTransport | None = None
        self._frames: deque[bytes] = deque()
        self._ended = False
        self._moved = asyncio.Event()

    async def receive(self) -> bytes:
        while not self._frames:
            if self._ended:
                raise TransportClosed
            self._moved.clear()
            await self._moved.wait()
        frame = self._frames.popleft()
        if self.other is not None:
            self.other._moved.set()
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

    async def room(self) -> None:
        while not self.has_room():
            self._moved.clear()
            await self._moved.wait()

    def deliver(self, frame: bytes) -> None:
        """A frame has come over the line."""
        if not self._ended:
            self._frames.append(frame)
            self._moved.set()

    async def close(self) -> None:
        self.cut()

    def cut(self) -> None:
        """Both ends find the line down; what was delivered can still be received."""
        for end in (self, self.other):
            if end is not None:
                end._ended = True
                end._moved.set()


def pair() -> tuple[MemoryTransport, MemoryTransport]:
    """Two ends of one line."""
    one, other = MemoryTransport(), MemoryTransport()
    one.other, other.other = other, one
    return one, other
