"""How long a server's event loop does nothing else, while much comes in at once (F9, F10).

    python -m tests.bench.stalls              every case
    python -m tests.bench.stalls paste -v     one; with what the longest turns were

The server runs as `jpterm-like serve` does, with each turn of its event loop timed: by the thread's CPU, which other
programs on the machine do not lengthen, and by the clock, which counts them and our own threads too. Prints one JSON
line a case:

- seconds: until the guest was told that everything is stored and saved, or had everything
- turn_cpu_ms, turn_ms: the longest turn
- above_50: how many turns took more than 50 ms of CPU
"""

from __future__ import annotations

import argparse
import asyncio
import heapq
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from websockets.asyncio.client import ClientConnection, connect

from crdt import TextBuffer, Version
from jpterm_like.sync import wire
from jpterm_like.sync.pad import Pad

SHOWN: Final = 8
"""Longest turns that are told."""
LINE: Final = "a line of an ordinary length, as people write them in notes\n"


def serve(folder: str) -> None:
    """Be the server, and say at the end how long its turns were."""
    longest: list[tuple[float, float, str]] = []
    above = 0
    run = asyncio.events.Handle._run

    def timed(handle: asyncio.events.Handle) -> None:
        nonlocal above
        cpu, wall = time.thread_time(), time.perf_counter()
        run(handle)
        cpu, wall = time.thread_time() - cpu, time.perf_counter() - wall
        if wall > 0.005 and (len(longest) < SHOWN or cpu > longest[0][0]):
            push = heapq.heappush if len(longest) < SHOWN else heapq.heapreplace
            push(longest, (cpu, wall, repr(handle)[:150]))
        above += cpu > 0.05

    asyncio.events.Handle._run = timed  # type: ignore[method-assign]
    from jpterm_like.cli.main import main as program

    sys.argv = ["jpterm-like", "serve", folder, "--listen", "127.0.0.1:0"]
    try:
        program()
    finally:
        turns = [(round(1000 * cpu, 1), round(1000 * wall, 1), what) for cpu, wall, what in sorted(longest)]
        print(json.dumps({"turns": turns[::-1], "above_50": above}), flush=True)


class Guest:
    """A raw line with one pad open."""

    def __init__(self, line: ClientConnection, buffer: TextBuffer) -> None:
        self.line = line
        self.buffer = buffer
        self.stored = self.saved = self.goal = Version()
        self.bytes = 0

    async def join(self, path: str) -> None:
        await self.line.send(wire.encode(wire.Hello(wire.PROTOCOL, wire.PROTOCOL, (), "guest")))
        opening = wire.Open(0, path, True, self.buffer.site, None, Version(), b"", False)
        await self.line.send(wire.encode(opening))

    async def send(self) -> None:
        """Everything that was written here, in the parts in which a link sends it."""
        cursor = Pad(self.buffer).cursor(Version())
        while (data := cursor.take(wire.CHANGES_BYTES_MAX)) is not None:
            await self.line.send(wire.encode(wire.Changes(0, 0, data)))

    async def read(self, until: Callable[[], bool]) -> None:
        while not until():
            frame = await self.line.recv()
            assert isinstance(frame, bytes)
            message = wire.decode(frame)
            match message:
                case wire.Opened():
                    self.goal = message.version
                case wire.Changes():
                    self.bytes += len(message.data)
                case wire.Stored():
                    self.stored = self.stored.merge(message.version)
                case wire.Saved():
                    self.saved = message.version
                case wire.Ping():
                    await self.line.send(wire.encode(wire.Pong()))
                case wire.Bye() | wire.Refuse():
                    raise SystemExit(f"bench: {message.sentence}")


async def _write(url: str, buffer: TextBuffer) -> None:
    """Send all of it, with another guest who reads."""
    async with _line(url) as line, _line(url) as other:
        writer, reader = Guest(line, buffer), Guest(other, TextBuffer(site=99))
        await writer.join("big.md")
        await reader.join("big.md")
        sending = asyncio.create_task(writer.send())
        size = len(buffer.changes_since(Version()))
        await asyncio.gather(
            writer.read(lambda: writer.stored == writer.saved == buffer.version),
            reader.read(lambda: reader.bytes >= size * 0.99),
            sending,
        )


def _line(url: str) -> connect:
    return connect(url, compression=None, ping_interval=None, max_size=None)


async def _paste(url: str, folder: Path) -> None:
    buffer = TextBuffer(site=1)
    buffer.replace(0, 0, LINE * (8 * 2**20 // len(LINE)))
    await _write(url, buffer)


async def _merge(url: str, folder: Path) -> None:
    buffer, chance = TextBuffer(site=1), random.Random(1)
    for _ in range(100_000):
        at = chance.randint(0, len(buffer))
        buffer.replace(at, at, "ten letter")
    await _write(url, buffer)


def _opening(size_mib: int) -> Callable[[str, Path], Awaitable[None]]:
    async def case(url: str, folder: Path) -> None:
        size = size_mib * 2**20 // len(LINE) * len(LINE)
        (folder / "big.md").write_text(LINE * (size // len(LINE)))
        async with _line(url) as line:
            guest = Guest(line, TextBuffer(site=1))
            await guest.join("big.md")
            await guest.read(lambda: guest.bytes >= size)

    return case


CASES: Final = {"paste": _paste, "merge": _merge, "open-50": _opening(50), "open-200": _opening(200)}


def run(name: str, verbose: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.stalls", "--serve", folder], stdout=subprocess.PIPE, text=True
        )
        assert server.stdout is not None
        url = server.stdout.readline().split()[-1]
        begun = time.perf_counter()
        try:
            asyncio.run(CASES[name](url, Path(folder)))  # type: ignore[arg-type]
        finally:
            took = time.perf_counter() - begun
            server.terminate()
            said = json.loads(server.stdout.read())
            server.wait()
            server.stdout.close()
    result = {
        "case": name,
        "seconds": round(took, 1),
        "turn_cpu_ms": said["turns"][0][0] if said["turns"] else 0.0,
        "turn_ms": max((wall for _, wall, _ in said["turns"]), default=0.0),
        "above_50": said["above_50"],
    }
    print(json.dumps(result), flush=True)
    if verbose:
        for cpu, wall, what in said["turns"]:
            print(f"  {cpu} ms of CPU in {wall} ms: {what}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="*", help="of " + ", ".join(CASES))
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return
    if unknown := set(options.cases) - set(CASES):
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    for name in options.cases or CASES:
        run(name, options.verbose)


if __name__ == "__main__":
    main()
