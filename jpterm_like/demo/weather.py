"""Lines between people and a server in one process, with weather: delay and cuts.

A line is a stream, so nothing is lost on it or overtaken: it is late, or it is cut, as a real one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from jpterm_like.transports.base import CannotConnect
from jpterm_like.transports.memory import MemoryTransport, pair


@dataclass
class Line:
    """The line of one person."""

    delay_s: float = 0.0
    """How long each frame takes, in each direction."""
    is_cut: bool = False
    """Whether the server cannot be reached."""
    ends: list[MemoryTransport] = field(default_factory=list)
    """Of the present connection."""

    def cut(self) -> None:
        """End the present connection, and let none be made until `join`."""
        self.is_cut = True
        self.drop()

    def drop(self) -> None:
        """End the present connection; another one can be made at once."""
        for end in self.ends:
            end.cut()

    def join(self) -> None:
        """Let connections be made again."""
        self.is_cut = False

    def lay(self, serve: Callable[[MemoryTransport], None]) -> MemoryTransport:
        """Make a connection; its other end is handed to `serve`."""
        self.ends = [*pair()]
        for end in self.ends:
            end.deliver = self._carrier(end.deliver)  # type: ignore[method-assign,assignment]
        serve(self.ends[0])
        return self.ends[1]

    def _carrier(self, deliver: Callable[[bytes], None]) -> Callable[[bytes], None]:
        last = 0.0
        loop = asyncio.get_running_loop()

        def carry(frame: bytes) -> None:
            nonlocal last
            if not self.delay_s and last <= loop.time():
                deliver(frame)
                return
            last = max(last, loop.time() + self.delay_s)  # none overtakes another
            loop.call_at(last, deliver, frame)

        return carry


@dataclass(frozen=True)
class DemoAddress:
    """The address of the text of the demonstration, for one person; see `access.addresses.Address`."""

    line: Line
    serve: Callable[[MemoryTransport], None]
    path: str = "lesson.md"
    title: str = "lesson.md"
    text: str = "ws://demo/lesson.md"
    key: str = "demo"
    is_local: bool = True
    file: Path | None = None

    def with_path(self, path: str) -> DemoAddress:
        return replace(self, path=path, title=path)

    async def connect(self) -> MemoryTransport:
        await asyncio.sleep(self.line.delay_s)
        if self.line.is_cut:
            raise CannotConnect("The line is cut.")
        return self.line.lay(self.serve)
