"""What the command line does with one pad: open it in the editor, print it, list its neighbours."""

from __future__ import annotations

import asyncio

from .cabinet import Cabinet
from .client import list_pads, open_session, opened
from .config import Paths, Settings, display_name
from .doors import server_of
from .storage.base import Storage
from .storage.folder import FolderStorage
from .storage.memory import MemoryStorage
from .transports.base import CannotConnect

JOIN_S = 10.0
"""How long to wait for a server that is there and slow."""


def edit(address: str | None, *, name: str | None, theme: str | None) -> int:
    """Open the editor on a pad, or without one its start screen, and return the exit code.

    Raises:
        JptermError: the pad cannot be opened; told before the screen starts.
    """
    from .tui.app import EditorApp
    from .tui.session import Opening

    paths = Paths.of_user()
    settings = Settings.load(paths)
    storage = FolderStorage(paths.replicas)
    name = display_name(name, settings)
    openings = []
    if address is not None:
        session = open_session(address, name=name, storage=storage)
        if not session.ready:
            # The first join has nothing to show without the server: find out before the screen starts whether it wants us.
            asyncio.run(session.close())
            asyncio.run(_join(address, name, storage))
            session = open_session(address, name=name, storage=storage)
        openings.append(Opening(session))
    app = EditorApp(openings, settings, cabinet=Cabinet(paths, storage, name), theme=theme)
    try:
        code = app.run()
    finally:
        storage.close()
    if app.mistake is not None:
        raise app.mistake
    return code or 0


async def _join(address: str, name: str, storage: Storage) -> None:
    async with opened(address, name=name, storage=storage, create=True) as session:
        await session.joined(JOIN_S)


def read_text(address: str) -> str:
    """The text of a pad as the server has it now. Leaves no replica behind.

    Raises:
        JptermError: there is no such pad, or the server cannot be reached: an older text is not given for the present one.
    """

    async def read() -> str:
        async with opened(address, name="", storage=MemoryStorage(), create=False) as session:
            await session.joined(JOIN_S)
            if session.status.state != "connected":
                raise CannotConnect(session.status.reason or f"{session.address} does not answer.")
            return session.text

    return asyncio.run(read())


def list_names(address: str) -> tuple[str, ...]:
    """The pads of a server."""
    return asyncio.run(list_pads(server_of(address)))
