"""Run a server as a process: doors opened, signals obeyed, everything on disk at the end."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from .errors import JptermError, explain, shown
from .files import SharedFolder
from .hub import AnyFile, HubRuns, hold_hub_lock
from .server import Library, Server
from .storage.folder import FolderStorage
from .transports.websocket import Listener, listen_tcp, listen_unix
from .watch import Watching

STORE_FOLDER: Final = ".jpterm-like"
"""In the shared folder: so a copy or a backup of the folder has the history, too."""
AUTOSAVE_S: Final = 1.0

logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")


class CannotServe(JptermError):
    """The folder or the address cannot be used."""


def serve_folder(root: Path, *, listen: str | None, unix: Path | None, autosave_s: float) -> int:
    """Share the text files of a folder until SIGTERM or SIGINT; returns the exit code.

    Raises:
        JptermError: it cannot begin.
    """
    library = SharedFolder(root)
    store = root / STORE_FOLDER
    try:
        store.mkdir(mode=0o700, exist_ok=True)
        ignore = store / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
    except OSError as problem:
        raise CannotServe(f"{shown(root)} cannot be served: {explain(problem)}.") from problem
    host, port = _loopback(listen or "127.0.0.1:8765") if listen or not unix else ("", 0)

    async def doors(server: Server) -> list[Listener]:
        listeners: list[Listener] = []
        if host:
            try:
                listeners.append(await listen_tcp(server.converse, host, port))
            except OSError as problem:
                raise CannotServe(_why_not(f"{host}:{port}", problem)) from problem
        if unix:
            try:
                listeners.append(await listen_unix(server.converse, unix))
            except OSError as problem:
                raise CannotServe(_why_not(str(unix), problem)) from problem
        for listener in listeners:
            sys.stdout.write(f"listening on {listener.address}\n")
            sys.stdout.flush()
        return listeners

    return asyncio.run(_run(library, store, doors, autosave_s=autosave_s, idle_s=None))


def serve_hub(*, idle_s: float) -> int:
    """Be the hub of this user until nobody was connected for `idle_s` seconds, or SIGTERM; returns the exit code.

    A hub that finds another one running ends at once, which is no error.
    """
    from .config import Paths

    paths = Paths.of_user()
    try:
        lock = hold_hub_lock(paths.hub_socket.with_suffix(".lock"))
    except HubRuns:
        return 0

    async def doors(server: Server) -> list[Listener]:
        return [await listen_unix(server.converse, paths.hub_socket)]

    try:
        return asyncio.run(_run(AnyFile(), paths.pads, doors, autosave_s=None, idle_s=idle_s))
    finally:
        os.close(lock)


async def _run(
    library: Library,
    store: Path,
    open_doors: Callable[[Server], object],
    *,
    autosave_s: float | None,
    idle_s: float | None,
) -> int:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = Server(library, FolderStorage(store), autosave_s=autosave_s, watcher=Watching())
    server.start()
    listeners: list[Listener] = []
    try:
        listeners = await open_doors(server)  # type: ignore[misc]
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if idle_s is None else min(idle_s, 1.0)):
                    await stop.wait()
            if idle_s is not None and not server.busy and loop.time() - server.idle_since >= idle_s:
                break
    finally:
        for listener in listeners:
            listener.stop_accepting()
        await server.drain()
        for listener in listeners:
            await listener.stop()
    return 0


def _loopback(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise CannotServe(
            f"{shown(listen)} is not an address to listen on: write HOST:PORT, such as 127.0.0.1:8765."
        )
    with contextlib.suppress(ValueError):
        if host == "localhost" or ipaddress.ip_address(host).is_loopback:
            return host, int(port)
    raise CannotServe(
        f"{shown(host)} is not an address of this machine alone: listen on 127.0.0.1, "
        "and let others come through ssh -L until this server asks who they are."
    )


def _why_not(address: str, problem: OSError) -> str:
    import errno

    if problem.errno == errno.EADDRINUSE or isinstance(problem, FileExistsError):
        return f"{address} is in use: another server listens there. Choose another port, or port 0 for any free one."
    return f"Cannot listen on {address}: {explain(problem)}."
