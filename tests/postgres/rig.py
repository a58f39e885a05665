"""Servers that share a database, as processes, with what may stand between them, their guests and the database."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import jpterm_like
from jpterm_like.client.session import Session
from tests.postgres.cluster import Cluster, free_port
from tests.trust.proxy import Proxy

TYPING_S = 0.05
"""Pause between two tokens of a writer."""


async def until(condition: Callable[[], bool], what: str | Callable[[], str], seconds: float = 30.0) -> float:
    """Wait until something holds; return how many seconds that took."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began >= seconds:
            raise AssertionError(f"not within {seconds} s: {what if isinstance(what, str) else what()}")
        await asyncio.sleep(0.02)
    return time.monotonic() - began


class NodeProcess:
    """One `serve --store`, whose line to each host of the database goes through a proxy."""

    def __init__(self, folder: Path, number: int, databases: list[Cluster]) -> None:
        self.port, self.inner, self.metrics = free_port(), free_port(), free_port()
        self.log = folder / f"node{number}.log"
        self.proxies = [Proxy("127.0.0.1", database.port) for database in databases]
        self.process: subprocess.Popen[bytes] | None = None
        self.is_away = False
        """Whether a balancer would find it unhealthy, although it accepts connections."""

    async def start(self) -> None:
        if not hasattr(self, "hosts"):
            self.hosts = ",".join([await proxy.start() for proxy in self.proxies])
        self._launch()
        await self.until_listening()

    def _launch(self) -> None:
        address = f"postgresql://postgres@{self.hosts}/jp?target_session_attrs=read-write"
        command = [
            sys.executable,
            "-m",
            "jpterm_like",
            "serve",
            "--store",
            address,
            "--listen",
            f"127.0.0.1:{self.port}",
            "--inner",
            f"127.0.0.1:{self.inner}",
            "--metrics",
            f"127.0.0.1:{self.metrics}",
        ]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ)

    async def until_listening(self) -> None:
        async def is_listening() -> bool:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
                return True
            return False

        deadline = time.monotonic() + 30
        while not await is_listening():
            assert self.process is not None
            if self.process.poll() is not None:
                self._launch()  # the database was away: systemd starts it again
                await asyncio.sleep(0.3)
            assert time.monotonic() < deadline, self.log.read_text()
            await asyncio.sleep(0.05)

    def figures(self) -> dict[str, float]:
        """What /metrics says, by name."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        rows = [line.removeprefix("jpterm_like_").split() for line in lines if not line.startswith("#")]
        return {name: float(value) for name, value in rows}

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    async def end(self, number: signal.Signals) -> None:
        """End it with a signal, and wait for that."""
        process = self.process
        assert process is not None
        process.send_signal(number)
        await until(lambda: process.poll() is not None, f"the end of a node by {number.name}")

    async def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for proxy in self.proxies:
            with contextlib.suppress(AssertionError):
                await proxy.stop()


class Balancer:
    """Sends people to one node; when that is away, to the next one."""

    def __init__(self, nodes: list[NodeProcess], first: int) -> None:
        self._order = nodes[first:] + nodes[:first]
        self._lines: dict[asyncio.StreamWriter, NodeProcess] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> str:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        return f"{host}:{port}"

    def cut(self, node: NodeProcess) -> None:
        """End the lines to a node that was found unhealthy (on-marked-down shutdown-sessions)."""
        for writer, other in list(self._lines.items()):
            if other is node:
                writer.transport.abort()

    async def stop(self) -> None:
        self._server.close()
        for writer in list(self._lines):
            writer.transport.abort()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        for node in self._order:
            if node.is_away:
                continue
            with contextlib.suppress(OSError):
                there, back = await asyncio.open_connection("127.0.0.1", node.port)
                self._lines[writer] = node
                try:
                    await asyncio.gather(_carry(reader, back), _carry(there, writer))
                finally:
                    del self._lines[writer]
                    back.transport.abort()
                break
        writer.transport.abort()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()


class Writer:
    """Somebody who writes tokens, each once, at places of chance."""

    def __init__(self, name: str, session: Session, seed: int) -> None:
        self.name = name
        self.session = session
        self.typed = 0
        self.acknowledged = 0
        """So many of the first tokens were called stored."""
        self.stored_at = 0.0
        self._chance = random.Random(seed)
        self.is_typing = True

    def tokens(self, upto: int) -> list[str]:
        return [f"<{self.name}{number}>" for number in range(upto)]

    async def write(self) -> None:
        while self.is_typing:
            # Between two tokens, so that none is torn; mostly at the end, as people write.
            text = self.session.text
            at = (
                len(text)
                if self._chance.random() < 0.8
                else text.find("<", self._chance.randint(0, len(text)))
            )
            self.session.replace(max(at, 0), max(at, 0), f"<{self.name}{self.typed}>")
            self.typed += 1
            await asyncio.sleep(TYPING_S)
            self.look()

    def look(self) -> None:
        """Note what is acknowledged now."""
        if self.session.unsent == 0:
            self.acknowledged, self.stored_at = self.typed, time.monotonic()


async def connect(stack: contextlib.AsyncExitStack, address: str, name: str) -> Session:
    return await stack.enter_async_context(jpterm_like.connect(address, name=name, timeout_s=30))
