"""The server of a demonstration, and the people who join it."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from crdt import Anchor, TextBuffer, Version
from jpterm_like.client.session import Session
from jpterm_like.demo.weather import DemoAddress, Line
from jpterm_like.saver import Saver
from jpterm_like.server.server import Server
from jpterm_like.server.shared_folder import SharedFolder
from jpterm_like.storage.memory import MemoryStorage
from jpterm_like.sync.pad import Pad
from jpterm_like.transports.base import CannotConnect
from jpterm_like.transports.memory import MemoryTransport

NAMES: Final = ("ann", "bob", "cid")
SITES: Final = (1001, 2002, 3003)
"""Chosen, so that each run of a lesson ends in the same order."""
AUTOSAVE_S: Final = 0.5
SETTLE_S: Final = 20.0
"""The longest that everything on the way may take."""


class Person:
    """One of the people, with a disk of their own."""

    def __init__(self, name: str, site: int, stage: Stage) -> None:
        self.name = name
        self.line = Line()
        self.storage = MemoryStorage()
        pad = Pad(TextBuffer(author=name, site=site))
        store = self.storage.open("demo")
        self.session = Session(
            DemoAddress(self.line, stage.serve),
            name,
            pad,
            self.storage,
            Saver(pad, store, Version()),
            ready=False,
            create=False,
        )

    @property
    def is_away(self) -> bool:
        """Whether nothing comes or goes, by the line or by a pause."""
        return self.line.is_cut or self.session.status.is_paused

    def join(self) -> None:
        """Let connections be made again, and make one at once; ends a pause, too."""
        self.line.join()
        self.session.retry_now()


class Stage:
    """A server with one text, and some people in it."""

    def __init__(self, text: str, count: int) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="jpterm-like-demo-"))
        (self._folder / "lesson.md").write_text(text, encoding="utf-8")
        self.storage = MemoryStorage()
        self.server: Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.people = [Person(*who, self) for who in zip(NAMES[:count], SITES, strict=False)]

    def start_server(self) -> None:
        """Start the server, or start it again on the same disk."""
        self.server = Server(
            SharedFolder(self._folder), self.storage, autosave_s=AUTOSAVE_S, identity=b"demo" * 4
        )
        self.server.start()

    def serve(self, end: MemoryTransport) -> None:
        """Serve a connection.

        Raises:
            CannotConnect: the server is dead.
        """
        if self.server is None:
            raise CannotConnect("The server is not there.")
        task = asyncio.create_task(self.server.converse(end))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def kill_server(self) -> None:
        """End the server as kill -9 does: nothing more is sent or written."""
        server, self.server = self.server, None
        if server is None:
            return
        for person in self.people:
            person.line.drop()
        await server.abandon()  # first: an autosave that is under way must not meet a store that is gone
        self.storage.crash(keep_unsynced=True)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def settle(self) -> None:
        """Wait until everybody who can be reached has everything, on the server's disk too, and sees where the others are."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S):
                while not self._is_settled():  # noqa: ASYNC110 - what is waited for is spread over sessions and server
                    await asyncio.sleep(0.01)

    def _is_settled(self) -> bool:
        here = [person.session for person in self.people if not person.is_away]
        if self.server is None:
            return all(session.status.state == "offline" for session in here)
        away = [person.session for person in self.people if person.is_away]
        return (
            all(session.status.state == "offline" for session in away)
            and all(session.ready and session.status.state == "connected" for session in here)
            and all(session.version == here[0].version and not session.unsent for session in here)
            and all(_carets(session) == _own_carets(here, session) for session in here)
        )

    def texts(self) -> Sequence[str]:
        """What each has on the screen."""
        return [person.session.text for person in self.people]

    async def close(self) -> None:
        """End everything, and remove what was on the disk."""
        await asyncio.gather(*(person.session.abandon() for person in self.people))
        await self.kill_server()
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)


def _carets(session: Session) -> dict[int, Anchor | None]:
    """The carets of the others, by their sites, as one of the people sees them."""
    return {person.site: person.caret for person in session.people}


def _own_carets(sessions: Sequence[Session], without: Session) -> dict[int, Anchor | None]:
    """The carets of all but one, by their sites, as each of them put it."""
    return {session.pad.buffer.site: session.caret for session in sessions if session is not without}
