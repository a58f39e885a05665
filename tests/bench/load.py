"""Load on a real server: raw WebSocket typists in this process, `jpterm-like serve` in another, each on a core.

    python -m tests.bench.load                      the cases of the table in jpterm_like/DESIGN.md
    python -m tests.bench.load --documents 1 --typists 100 --seconds 10
    python -m tests.bench.load --joiners 200
    python -m tests.bench.load --documents 100 --typists 1 --keys 3 --beside DIR --rounds 5
    python -m tests.bench.load --documents 30 --typists 3 --nodes 3

With `--beside` the server of another checkout runs in turns with ours; at the end are the medians of ours, and of the ratios of
each pair. On a busy machine only the ratios mean something.

Each typist sends `--keys` keystrokes a second, each an insertion of one character, and reads everything that comes.
With `--nodes` so many servers share a PostgreSQL of the bench's own, and the typists of each document are spread over them; `cpu` and memory are
those of all servers together, `database_cpu` that of PostgreSQL.

Durable acknowledgement is always on: the server has no other mode. While it runs, this side only sends what was made
before and notes what came when (`Lines`); what that was is found out afterwards, once for each distinct frame. So a
few thousand deliveries cost it about what one costs, and it is not the limit: `generator` says how near it came.

Prints one JSON line a case. Of typists:

- joined_s: from the first opening on a connected line until the last of them is let in, all at once
- delivered: the share of keystrokes that reached each other typist of their document, each counted once
- p50_ms, p99_ms, max_ms: from handing a keystroke to the socket to its arrival at another typist
- stored_p50_ms, stored_p99_ms: to the server's word that it is fsync'd
- cpu: of the server, as a share of one core while typing; us_per_delivery: the same for each delivered keystroke
- frames_per_s: WebSocket messages that the server sent
- rss_mib, peak_mib: of the server, at the end and at most
- generator: share of its core that this side took; other: of the server's core that went to other processes

Of joiners of a document of 50 kB, all at once:

- joined_s: from the first question on a greeted line until the last of them has the text; connected_s: from the first
  connection, in another round, handshakes and greetings included
"""

from __future__ import annotations

import argparse
import base64
import itertools
import json
import os
import random
import select
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final
from urllib.parse import urlsplit

from crdt import TextBuffer, Version
from crdt.messages import read_message
from jpterm_like.sync import wire

CASES: Final = ((1, 10), (1, 100), (1, 500), (100, 3))
"""Documents, typists in each."""
JOINERS: Final = 200
LATE_LINES: Final = 500
"""Of 100 bytes each: what late joiners find."""
AT_ONCE: Final = 200
"""Connections that are begun together; a server cuts more than 256 that have not greeted yet."""
READ_BYTES: Final = 1 << 18
PATIENCE_S: Final = 30.0
BUCKET_MS: Final = 0.1
"""Delays are counted so finely."""

PING: Final = wire.encode(wire.Ping())


def masked(payload: bytes) -> bytes:
    """A client's WebSocket message; RFC 6455, section 5.2. The mask is zero, so the payload stays as it is."""
    size = len(payload)
    if size < 126:
        return struct.pack("!BB4x", 0x82, 0x80 | size) + payload
    if size < 65536:
        return struct.pack("!BBH4x", 0x82, 0xFE, size) + payload
    return struct.pack("!BBQ4x", 0x82, 0xFF, size) + payload


PONG: Final = masked(wire.encode(wire.Pong()))


class Line:
    """One connection; what it reads is taken apart no further than into messages."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self.socket = socket.create_connection((parts.hostname, parts.port or 80), PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET / HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def accepted(self) -> None:
        """Wait for the server's side of the handshake."""
        while b"\r\n\r\n" not in self.rest:
            self.rest += self.socket.recv(READ_BYTES) or _closed()
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head
        self.socket.setblocking(False)

    def say(self, *messages: wire.Message) -> None:
        self.socket.send(b"".join(masked(wire.encode(message)) for message in messages))

    def messages(self, data: bytes) -> list[bytes]:
        """The whole messages in what came."""
        if self.rest:
            data = self.rest + data
        found: list[bytes] = []
        at, end = 0, len(data)
        while end - at >= 2:
            size, begin = data[at + 1], at + 2
            if size == 126:
                size, begin = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            elif size == 127:
                size, begin = int.from_bytes(data[at + 2 : at + 10], "big"), at + 10
            if begin + size > end:
                break
            if data[at] != 0x82:
                _closed()
            found.append(data[begin : begin + size])
            at = begin + size
        self.rest = data[at:]
        return found


def _closed() -> bytes:
    raise SystemExit("bench: the server ended a connection")


@dataclass
class Lines:
    """All connections, and what came on which of them, when."""

    lines: list[Line] = field(default_factory=list)
    frames: dict[bytes, int] = field(default_factory=dict)
    """The distinct messages, numbered."""
    what: array[int] = field(default_factory=lambda: array("L"))
    who: array[int] = field(default_factory=lambda: array("L"))
    when: array[float] = field(default_factory=lambda: array("d"))

    def __post_init__(self) -> None:
        self._poll = select.epoll()
        self._by_file: dict[int, int] = {}

    def connect(self, urls: Sequence[str], count: int) -> None:
        """Connect so many more to these servers in turns, AT_ONCE at a time."""
        for begin in range(0, count, AT_ONCE):
            end = min(begin + AT_ONCE, count)
            fresh = [Line(urls[number % len(urls)]) for number in range(begin, end)]
            for line in fresh:
                line.accepted()
                self._by_file[line.socket.fileno()] = len(self.lines)
                self._poll.register(line.socket.fileno(), select.EPOLLIN)
                self.lines.append(line)

    def read(self, until: float) -> None:
        """Take in what comes next, waiting for it until then."""
        lines, by_file, frames = self.lines, self._by_file, self.frames
        what, who, when = self.what, self.who, self.when
        for file, _ in self._poll.poll(max(0.0, until - time.perf_counter())):
            number = by_file[file]
            line = lines[number]
            data = line.socket.recv(READ_BYTES) or _closed()
            now = time.perf_counter()
            for message in line.messages(data):
                if message == PING:
                    line.socket.send(PONG)
                    continue
                what.append(frames.setdefault(message, len(frames)))
                who.append(number)
                when.append(now)

    def read_while(self, missing: Callable[[], bool], seconds: float) -> None:
        """Take in what comes while something is missing, and no longer than so many seconds."""
        until = time.perf_counter() + seconds
        while missing() and time.perf_counter() < until:
            self.read(time.perf_counter() + 0.01)

    def count(self, kind: type[wire.Message]) -> int:
        """How many messages of a kind came."""
        of_kind = [isinstance(wire.decode(frame), kind) for frame in self.frames]
        return sum(of_kind[number] for number in self.what)

    def join(self, opens: list[wire.Open]) -> None:
        """Greet on all lines and open a pad on each."""
        for line, opening in zip(self.lines, opens, strict=True):
            line.say(wire.Hello(wire.PROTOCOL, wire.PROTOCOL, (), f"t{opening.site}"[:64]), opening)
        self.read_while(lambda: self.count(wire.Opened) < len(opens), PATIENCE_S)
        if self.count(wire.Opened) < len(opens):
            raise SystemExit(f"bench: {self.count(wire.Opened)} of {len(opens)} were let in")

    def close(self) -> None:
        for line in self.lines:
            line.socket.close()
        self._poll.close()


class Served:
    """A server with an empty folder, pinned to another core than this process, and what it takes of the machine."""

    def __init__(self, python: str, shared: Sequence[str], checkout: str | None) -> None:
        self.process = subprocess.Popen(
            [python, "-P", "-m", "jpterm_like", "serve", *shared, "--listen", "127.0.0.1:0"],
            stdout=subprocess.PIPE,
            text=True,
            env=None if checkout is None else os.environ | {"PYTHONPATH": checkout},
        )
        os.sched_setaffinity(self.process.pid, {_SERVER_CORE})
        os.sched_setaffinity(0, {_GENERATOR_CORE})
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().split()[-1]
        self.urls = [self.url]

    database_cpu_s = 0.0

    @property
    def cpu_s(self) -> float:
        values = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(values[11]) + int(values[12])) / _TICKS_S

    def memory_mib(self, what: str) -> float:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return round(int(next(line for line in lines if line.startswith(what)).split()[1]) / 1024, 1)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


_TICKS_S: Final = os.sysconf("SC_CLK_TCK")
_GENERATOR_CORE: Final = 0
_SERVER_CORE: Final = min(1, (os.cpu_count() or 1) - 1)


def _busy_s(core: int) -> float:
    """How long a core has worked so far, for whomever."""
    values = next(
        line for line in Path("/proc/stat").read_text().splitlines() if line.startswith(f"cpu{core} ")
    )
    numbers = [int(value) for value in values.split()[1:]]
    return (sum(numbers[:8]) - numbers[3] - numbers[4]) / _TICKS_S


@contextmanager
def served(python: str, checkout: str | None = None) -> Iterator[Served]:
    """Run a server of the package that `python` has, or of a checkout."""
    with tempfile.TemporaryDirectory() as folder:
        server = Served(python, [folder], checkout)
        try:
            yield server
        finally:
            server.stop()


class Nodes:
    """Servers that share a PostgreSQL, with the same figures as one."""

    def __init__(self, python: str, count: int) -> None:
        from tests.postgres.cluster import Cluster, free_port, new_folder

        self.folder = new_folder()
        self.database = Cluster.made(self.folder)
        address = self.database.database("bench")
        self.nodes = [
            Served(python, ["--store", address, "--inner", f"127.0.0.1:{free_port()}"], None)
            for _ in range(count)
        ]
        self.urls = [node.url for node in self.nodes]

    @property
    def cpu_s(self) -> float:
        return sum(node.cpu_s for node in self.nodes)

    @property
    def database_cpu_s(self) -> float:
        """Of PostgreSQL, all of its processes together, those that have ended too."""
        leader = int((self.database.data / "postmaster.pid").read_text().split()[0])
        found = 0.0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                fields = [int(field) for field in stat.read_text().rpartition(")")[2].split()[1:]]
                if int(stat.parent.name) == leader:
                    found += sum(fields[10:14]) / _TICKS_S
                elif fields[0] == leader:
                    found += sum(fields[10:12]) / _TICKS_S
        return found

    def memory_mib(self, what: str) -> float:
        return round(sum(node.memory_mib(what) for node in self.nodes), 1)

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()
        self.database.stop("immediate")
        shutil.rmtree(self.folder)


@contextmanager
def nodes(python: str, count: int) -> Iterator[Nodes]:
    """Run servers on one PostgreSQL."""
    found = Nodes(python, count)
    try:
        yield found
    finally:
        found.stop()


# ---------------------------------------------------------------------- typists


@dataclass
class Typist:
    """What one of them will send, and has sent."""

    site: int
    document: int
    keys: list[bytes]
    """The message of each keystroke, which are the clocks of the site from 0 on."""
    sent_at: list[float] = field(default_factory=list)


def typists(documents: int, each: int, keys: int) -> list[Typist]:
    """Their keystrokes, made before; each goes on at its own caret."""
    made: list[Typist] = []
    for number in range(documents * each):
        site = random.Random(number).getrandbits(64)
        buffer = TextBuffer(site=site, author=f"t{number}")
        messages: list[bytes] = []
        for at in range(keys):
            buffer.replace(at, at, chr(97 + at % 26))
            messages.append(masked(wire.encode(wire.Changes(0, 0, buffer.take_changes()))))
        made.append(Typist(site, number // each, messages))
    return made


def typing(
    python: str,
    documents: int,
    each: int,
    keys_per_s: float,
    seconds: float,
    checkout: str | None = None,
    node_count: int = 0,
) -> dict[str, float]:
    """Run one case against a fresh server, or fresh nodes."""
    everyone = typists(documents, each, int(keys_per_s * seconds))
    opens = [
        wire.Open(0, f"doc{typist.document}.md", True, typist.site, None, Version(), b"", False)
        for typist in everyone
    ]
    chance = random.Random(1)
    phases = [chance.uniform(0, 1 / keys_per_s) for _ in everyone]
    plan = sorted(
        (phases[number] + at / keys_per_s, number)
        for number, typist in enumerate(everyone)
        for at in range(len(typist.keys))
    )
    with nodes(python, node_count) if node_count else served(python, checkout) as server:
        lines = Lines()
        lines.connect(server.urls, len(everyone))
        asked = time.perf_counter()
        lines.join(opens)
        joined = time.perf_counter() - asked
        lines.read_while(lambda: True, 1.0)  # the first group commits, who is there
        before = len(lines.what)
        cpu, mine, busy, began = server.cpu_s, time.process_time(), _busy_s(_SERVER_CORE), time.perf_counter()
        database = server.database_cpu_s
        for due, number in plan:
            while time.perf_counter() < began + due:
                lines.read(began + due)
            typist = everyone[number]
            typist.sent_at.append(time.perf_counter())
            lines.lines[number].socket.send(typist.keys[len(typist.sent_at) - 1])
        lines.read(time.perf_counter())
        typed = time.perf_counter() - began
        cpu, mine = server.cpu_s - cpu, time.process_time() - mine
        database = server.database_cpu_s - database
        busy = _busy_s(_SERVER_CORE) - busy
        during = len(lines.what) - before
        _drain(lines)
        memory, peak = server.memory_mib("VmRSS"), server.memory_mib("VmHWM")
        lines.close()
    expected = sum(len(typist.keys) for typist in everyone) * (each - 1)
    delivered, delays, stored = _evaluate(lines, everyone)
    return {
        "documents": documents,
        "typists": each,
        "joined_s": round(joined, 2),
        "deliveries_per_s": round(expected / typed),
        "delivered": delivered / max(1, expected),
        "p50_ms": _percentile(delays, 0.5),
        "p99_ms": _percentile(delays, 0.99),
        "max_ms": _percentile(delays, 1.0),
        "stored_p50_ms": _percentile(stored, 0.5),
        "stored_p99_ms": _percentile(stored, 0.99),
        "cpu": round(cpu / typed, 3),
        **({"nodes": node_count, "database_cpu": round(database / typed, 3)} if node_count else {}),
        "us_per_delivery": round(1e6 * cpu / max(1, expected), 2),
        "frames_per_s": round(during / typed),
        "rss_mib": memory,
        "peak_mib": peak,
        "generator": round(mine / typed, 2),
        "other": round((busy - cpu) / typed, 2),
    }


def _drain(lines: Lines) -> None:
    """Read until nothing has come for a second."""
    until = time.perf_counter() + PATIENCE_S
    seen, seen_at = len(lines.what), time.perf_counter()
    while time.perf_counter() < min(until, seen_at + 1.0):
        lines.read(time.perf_counter() + 0.1)
        if len(lines.what) > seen:
            seen, seen_at = len(lines.what), time.perf_counter()


def _evaluate(lines: Lines, everyone: list[Typist]) -> tuple[int, list[int], list[int]]:
    """How many keystrokes were delivered to others, and how long they and the words that they are stored took."""
    index = {typist.site: number for number, typist in enumerate(everyone)}
    frames = list(map(wire.decode, lines.frames))
    keys = [_keystrokes(frame, index) for frame in frames]
    arrivals: list[list[tuple[int, float]]] = [[] for _ in everyone]
    for what, who, when in zip(lines.what, lines.who, lines.when, strict=True):
        arrivals[who].append((what, when))
    delivered, delays, stored = 0, [0] * 100_000, [0] * 100_000
    scale, last = 1000 / BUCKET_MS, len(delays) - 1
    for me, came in enumerate(arrivals):
        seen: set[tuple[int, int]] = set()
        told = 0
        for what, when in came:
            frame = frames[what]
            if isinstance(frame, wire.Changes):
                fresh = [key for key in keys[what] if key not in seen]
                seen.update(fresh)
                for number, clock in fresh:
                    if number != me:
                        delivered += 1
                        delays[min(last, int((when - everyone[number].sent_at[clock]) * scale))] += 1
            elif isinstance(frame, wire.Stored):
                reached = frame.version.get(everyone[me].site)
                for clock in range(told, reached):
                    stored[min(last, int((when - everyone[me].sent_at[clock]) * scale))] += 1
                told = max(told, reached)
    return delivered, delays, stored


def _keystrokes(message: wire.Message, index: dict[int, int]) -> list[tuple[int, int]]:
    """The operations in a message, by typist and clock."""
    if not isinstance(message, wire.Changes):
        return []
    return [
        (index[batch.site], clock)
        for batch in read_message(message.data)
        for op in batch.ops
        for clock in range(op.clock, op.clock + op.count)
    ]


def _percentile(buckets: list[int], share: float) -> float:
    total = list(itertools.accumulate(buckets))
    return round(bisect_right(total, max(0.0, share * total[-1] - 1)) * BUCKET_MS, 1)


# ---------------------------------------------------------------------- beside another release

COMPARED: Final = ("cpu", "p50_ms", "p99_ms", "stored_p50_ms", "stored_p99_ms", "frames_per_s", "peak_mib")


def comparing(
    python: str, documents: int, each: int, keys_per_s: float, seconds: float, other: str, rounds: int
) -> dict[str, object]:
    """Run one case with our server and another one's in turns; print each result, and return the medians."""
    ours: list[dict[str, float]] = []
    ratios: list[dict[str, float]] = []
    for number in range(rounds):
        pair: dict[str | None, dict[str, float]] = {}
        for checkout in (None, other) if number % 2 else (other, None):
            pair[checkout] = typing(python, documents, each, keys_per_s, seconds, checkout)
            print(json.dumps({"server": checkout or "ours", **pair[checkout]}), flush=True)
        ours.append(pair[None])
        ratios.append({name: pair[None][name] / max(0.01, pair[other][name]) for name in COMPARED})
    return {
        "beside": other,
        "documents": documents,
        "typists": each,
        "ours": {name: round(median(result[name] for result in ours), 3) for name in COMPARED},
        "ratios": {name: round(median(ratio[name] for ratio in ratios), 3) for name in COMPARED},
    }


# ---------------------------------------------------------------------- late joiners


def joining(python: str, count: int) -> dict[str, object]:
    """Let many come late into a document of 50 kB, once on lines that are greeted already, once from nothing."""
    buffer = TextBuffer(site=1, author="first")
    seconds: list[float] = []
    with served(python) as server:
        first = Lines()
        first.connect(server.urls, 1)
        first.join([wire.Open(0, "late.md", True, 1, None, Version(), b"", False)])
        for number in range(LATE_LINES):
            buffer.replace(len(buffer), len(buffer), f"line {number:05} " + "x" * 88 + "\n")
            first.lines[0].say(wire.Changes(0, 0, buffer.take_changes()))
        _drain(first)
        greeting = wire.Hello(wire.PROTOCOL, wire.PROTOCOL, (), "late")
        for is_greeted in (True, False):
            lines = Lines()
            opens = [
                wire.Open(0, "late.md", False, site, None, Version(), b"", False)
                for site in range(1000 * (1 + is_greeted), 1000 * (1 + is_greeted) + count)
            ]
            if is_greeted:
                lines.connect(server.urls, count)
                for line in lines.lines:
                    line.say(greeting)
                _drain(lines)
            began = time.perf_counter()
            if not is_greeted:
                lines.connect(server.urls, count)
            for line, opening in zip(lines.lines, opens, strict=True):
                line.say(*([] if is_greeted else [greeting]), opening)
            _drain(lines)
            seconds.append(_had_it(lines, buffer.text) - began)
            lines.close()
        first.close()
    return {"joiners": count, "joined_s": round(seconds[0], 3), "connected_s": round(seconds[1], 3)}


def _had_it(lines: Lines, text: str) -> float:
    """When the last of them had the text."""
    changes = {
        number: message.data
        for number, message in enumerate(map(wire.decode, lines.frames))
        if isinstance(message, wire.Changes)
    }
    had: dict[tuple[int, ...], str] = {}
    last = 0.0
    for me in range(len(lines.lines)):
        came = [
            (what, when)
            for what, who, when in zip(lines.what, lines.who, lines.when, strict=True)
            if who == me and what in changes
        ]
        parts = tuple(what for what, _ in came)
        if parts not in had:
            copy = TextBuffer(lineage=b"\0" * 16)
            for part in parts:
                copy.integrate(changes[part])
            had[parts] = copy.text
        if had[parts] != text:
            raise SystemExit("bench: a joiner has another text")
        last = max(last, came[-1][1])
    return last


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--documents", type=int, default=1)
    parser.add_argument("--typists", type=int)
    parser.add_argument("--joiners", type=int)
    parser.add_argument("--nodes", type=int, default=0, help="so many servers on one PostgreSQL")
    parser.add_argument("--keys", type=float, default=5.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--beside", metavar="DIR", help="a checkout whose server runs in turns with ours")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--python", default=sys.executable, help="what the server runs with")
    options = parser.parse_args()
    everything = options.typists is None and options.joiners is None
    cases = CASES if everything else ()
    if options.typists is not None:
        cases = ((options.documents, options.typists),)
    for documents, each in cases:
        case = (options.python, documents, each, options.keys, options.seconds)
        if options.beside is None:
            result = typing(*case, node_count=options.nodes)
        else:
            result = comparing(*case, options.beside, options.rounds)
        print(json.dumps(result), flush=True)
    if everything or options.joiners is not None:
        print(json.dumps(joining(options.python, options.joiners or JOINERS)), flush=True)


if __name__ == "__main__":
    main()
