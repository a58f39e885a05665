"""Load on a real server: raw WebSocket typists in one process, `jpterm-like serve` in another.

    python -m tests.bench.load                      the cases of the table below
    python -m tests.bench.load --typists 100 --documents 1 --seconds 10

Each typist sends `--keys` keystrokes a second, each an insertion of one character, and reads everything that comes.
What arrives is taken apart once for each distinct frame, since all typists of a document are sent the same bytes.
Durable acknowledgement is always on: the server has no other mode. Prints one JSON line a case:

- delivered: the share of keystrokes that reached the other typists of their document, within `--drain` seconds
- p50_ms, p99_ms: from handing a keystroke to the socket to its arrival at another typist
- stored_p50_ms, stored_p99_ms: to the server's word that it is fsync'd
- cpu: of the server, as a share of one core while typing; us_per_delivery: the same for each delivered keystroke
- rss_mib: of the server, at the end
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect

from crdt import TextBuffer, Version
from jpterm_like.sync import wire

CASES = ((1, 10), (1, 100), (1, 500), (100, 3))
"""Documents, typists in each."""


@dataclass
class Count:
    """What arrived at all typists of one document."""

    sent_at: dict[tuple[int, int], float] = field(default_factory=dict)
    """When each keystroke, by site and clock, was handed over."""
    delivered: int = 0
    delays: list[float] = field(default_factory=list)
    stored: list[float] = field(default_factory=list)
    frames: dict[bytes, list[tuple[int, int]]] = field(default_factory=dict)
    """The keystrokes in each distinct frame."""

    def arrived(self, data: bytes, site: int) -> None:
        keys = self.frames.get(data)
        if keys is None:
            keys = self.frames[data] = _keystrokes(data)
        now = time.perf_counter()
        for key in keys:
            if key[0] != site:
                self.delivered += 1
                sent = self.sent_at.get(key)
                if sent is not None and len(self.delays) < 2_000_000:
                    self.delays.append(now - sent)


def _keystrokes(data: bytes) -> list[tuple[int, int]]:
    """The operations in a message, by site and clock."""
    from crdt.ops import read_message

    return [
        (batch.site, clock)
        for batch in read_message(data)
        for op in batch.ops
        for clock in range(op.clock, op.clock + op.count)
    ]


class Typist:
    """One connection to one document."""

    def __init__(self, url: str, path: str, count: Count, seed: int) -> None:
        self.url = url
        self.path = path
        self.count = count
        self.buffer = TextBuffer(site=random.Random(seed).getrandbits(64), author=f"t{seed}")
        self.sent = 0
        self._stored = 0
        self._connection: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None

    async def join(self) -> None:
        self._connection = await connect(
            self.url, compression=None, ping_interval=None, max_size=2**21, proxy=None
        )
        await self._connection.send(wire.encode(wire.Hello(1, 1, (), self.buffer.author)))
        await self._connection.recv()
        opening = wire.Open(0, self.path, True, self.buffer.site, None, Version(), b"", False)
        await self._connection.send(wire.encode(opening))
        await self._connection.recv()
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self._connection is not None
        site = self.buffer.site
        async for frame in self._connection:
            assert isinstance(frame, bytes)
            message = wire.decode(frame)
            if isinstance(message, wire.Changes):
                self.count.arrived(message.data, site)
            elif isinstance(message, wire.Stored):
                now = time.perf_counter()
                for clock in range(self._stored, message.version.get(site)):
                    self.count.stored.append(now - self.count.sent_at.get((site, clock), now))
                self._stored = max(self._stored, message.version.get(site))
            elif isinstance(message, wire.Ping):
                await self._connection.send(wire.encode(wire.Pong()))

    async def type(self, until: float, keys: float) -> None:
        assert self._connection is not None
        chance = random.Random(self.buffer.site)
        await asyncio.sleep(chance.uniform(0, 1 / keys))
        while time.perf_counter() < until:
            at = len(self.buffer)
            self.buffer.replace(at, at, chr(97 + self.sent % 26))
            data = self.buffer.take_changes()
            self.count.sent_at[self.buffer.site, self.sent] = time.perf_counter()
            self.sent += 1
            await self._connection.send(wire.encode(wire.Changes(0, 0, data)))
            await asyncio.sleep(1 / keys)

    async def leave(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
        if self._connection is not None:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self._connection.close(), 2)


def _cpu_s(pid: int) -> float:
    values = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")


def _rss_mib(pid: int) -> float:
    line = next(
        line for line in Path(f"/proc/{pid}/status").read_text().split("\n") if line.startswith("VmRSS")
    )
    return int(line.split()[1]) / 1024


async def case(documents: int, typists: int, keys: float, seconds: float, drain: float) -> dict[str, object]:
    """Run one case against a fresh server."""
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            [sys.executable, "-m", "jpterm_like", "serve", folder, "--listen", "127.0.0.1:0"],
            stdout=subprocess.PIPE,
            text=True,
        )
        if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
            os.sched_setaffinity(server.pid, {1})
            os.sched_setaffinity(0, {0})
        assert server.stdout is not None
        try:
            url = server.stdout.readline().split()[-1]
            counts = [Count() for _ in range(documents)]
            everyone = [
                Typist(url, f"doc{number}.md", counts[number], number * typists + index)
                for number in range(documents)
                for index in range(typists)
            ]
            for start in range(0, len(everyone), 50):
                await asyncio.gather(*[typist.join() for typist in everyone[start : start + 50]])
            cpu, began = _cpu_s(server.pid), time.perf_counter()
            await asyncio.gather(*[typist.type(began + seconds, keys) for typist in everyone])
            typed = time.perf_counter() - began
            cpu = _cpu_s(server.pid) - cpu
            expected = sum(typist.sent for typist in everyone) * (typists - 1)
            deadline = time.perf_counter() + drain
            while sum(count.delivered for count in counts) < expected and time.perf_counter() < deadline:
                await asyncio.sleep(0.05)
            delivered = sum(count.delivered for count in counts)
            delays = sorted(delay for count in counts for delay in count.delays) or [0.0]
            stored = sorted(delay for count in counts for delay in count.stored) or [0.0]
            rss = _rss_mib(server.pid)
            for typist in everyone:
                await typist.leave()
        finally:
            server.terminate()
            server.wait()
            server.stdout.close()
    return {
        "documents": documents,
        "typists": typists,
        "deliveries_per_s": round(delivered / typed),
        "delivered": round(delivered / max(1, expected), 4),
        "p50_ms": round(1000 * delays[len(delays) // 2], 1),
        "p99_ms": round(1000 * delays[int(len(delays) * 0.99)], 1),
        "stored_p50_ms": round(1000 * stored[len(stored) // 2], 1),
        "stored_p99_ms": round(1000 * stored[int(len(stored) * 0.99)], 1),
        "cpu": round(cpu / typed, 3),
        "us_per_delivery": round(1e6 * cpu / max(1, delivered), 2),
        "rss_mib": round(rss, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--documents", type=int)
    parser.add_argument("--typists", type=int)
    parser.add_argument("--keys", type=float, default=5.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--drain", type=float, default=10.0)
    options = parser.parse_args()
    cases = CASES if options.typists is None else ((options.documents or 1, options.typists),)
    for documents, typists in cases:
        result = asyncio.run(case(documents, typists, options.keys, options.seconds, options.drain))
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
