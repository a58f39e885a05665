"""A TCP proxy in this process that does to a line what networks do: parts, half-opens, delays, chops, cuts."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final, Literal

Direction = Literal["up", "down"]
"""`up` is to the server."""
PIECE_BYTES: Final = 64 * 1024


class Proxy:
    """Between clients and one server. What is set counts for the lines that there are and for those that come."""

    def __init__(self, host: str, port: int) -> None:
        self._server_at = (host, port)
        self._listener: asyncio.Server | None = None
        self._lines: set[asyncio.Task[None]] = set()
        self._flows: dict[Direction, asyncio.Event] = {"up": asyncio.Event(), "down": asyncio.Event()}
        self.delay_s = 0.0
        """Each piece is so late."""
        self.piece_bytes = PIECE_BYTES
        """Bytes go on in pieces of this many at most: frames arrive in crumbs."""
        self._left: int | None = None
        self.carried = 0
        """Bytes so far, in both directions."""
        self.heal()

    async def start(self) -> str:
        """Listen, and return host and port."""
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        host, port = self._listener.sockets[0].getsockname()
        return f"{host}:{port}"

    async def stop(self) -> None:
        assert self._listener is not None
        self._listener.close()
        self.cut()
        if self._lines:
            await asyncio.wait(self._lines)
        await self._listener.wait_closed()

    # ------------------------------------------------------------------ the weather

    def part(self, *directions: Direction) -> None:
        """Nothing comes through any more, and nobody is told; in one direction alone, the line is half open.

        What is sent meanwhile comes when the line heals, as TCP does it.
        """
        for direction in directions or ("up", "down"):
            self._flows[direction].clear()

    def heal(self) -> None:
        """All is well from now on."""
        for flow in self._flows.values():
            flow.set()
        self.delay_s, self.piece_bytes, self._left = 0.0, PIECE_BYTES, None

    def cut(self) -> None:
        """Reset all lines; what was on its way is gone."""
        for line in self._lines:
            line.cancel()

    def cut_after(self, count: int) -> None:
        """Reset the line that carries the byte after so many more, wherever in a frame that is."""
        self._left = count

    # ------------------------------------------------------------------ the lines

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = asyncio.current_task()
        assert line is not None
        self._lines.add(line)
        writers = [writer]
        try:
            await self._flows["up"].wait()
            there, away = await asyncio.open_connection(*self._server_at)
            writers.append(away)
            pumps = [
                asyncio.create_task(self._pump(reader, away, "up")),
                asyncio.create_task(self._pump(there, writer, "down")),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass  # one end is gone, or we were told to cut
        finally:
            self._lines.discard(line)
            for one in writers:
                one.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(self.piece_bytes):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                await self._flows[direction].wait()
                if self._left is not None and len(data) > self._left:
                    writer.write(data[: self._left])
                    self._left = None
                    return
                if self._left is not None:
                    self._left -= len(data)
                self.carried += len(data)
                writer.write(data)
                await writer.drain()
