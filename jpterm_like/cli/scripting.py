"""Commands that work without a screen: read, edit once, watch events, let a program edit. See `edit_requests`."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from jpterm_like.access.addresses import parse_server_address
from jpterm_like.access.discovery import resolve_address
from jpterm_like.access.ssh import SshAddress
from jpterm_like.cli.edit_requests import EditRequests, people_in
from jpterm_like.client.events import (
    Changed,
    Event,
    Notice,
    OutputsChanged,
    PeopleChanged,
    Reset,
    StatusChanged,
)
from jpterm_like.client.open import connect_session, list_pads
from jpterm_like.client.session import Session
from jpterm_like.config import Paths, display_name
from jpterm_like.errors import JptermError
from jpterm_like.storage.memory import MemoryStorage
from jpterm_like.stores import replicas_of
from jpterm_like.transports.base import CannotConnect

if TYPE_CHECKING:
    from jpterm_like.cli.notebook_events import NotebookEvents

JOIN_S: Final = 10.0
"""How long a server may be silent while the pad is joined."""
STORED_S: Final = 10.0
"""How long an ending command waits for the server's disk."""
ANSWER_S: Final = 2.0
"""How long it waits after that for a server that may not answer at all."""
REQUEST_BYTES_MAX: Final = 64 * 1024 * 1024
"""Size limit of one line on standard input."""

NO_PASSES: Final = (700, 10, 1_000_000)
"""Thresholds of the garbage collector that avoid full collections."""

T = TypeVar("T")


# ---------------------------------------------------------------------- read


def read_text(address: str) -> str:
    """Return the text that the server has now. Leaves no replica behind.

    Raises:
        JptermError: there is no such pad, or the server cannot be reached: a local, older text is no substitute.
    """
    return with_session(address, lambda session: session.text)


def list_names(address: str) -> tuple[str, ...]:
    """List the pads of a server."""
    return asyncio.run(list_pads(parse_server_address(address)))


@dataclass(frozen=True)
class AuthoredText:
    """A passage that one person wrote at one time, as far as it is still there."""

    time_s: int
    name: str
    line: int
    """From 1."""
    text: str

    def __str__(self) -> str:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(self.time_s)) if self.time_s else " " * 16
        text = self.text.strip("\n").replace("\n", " ⏎ ")
        return f"{when}  {self.name or '(the file)'}  line {self.line}: {text if len(text) <= 100 else text[:99] + '…'}"

    def as_json(self) -> str:
        return _json({"time": self.time_s, "name": self.name, "line": self.line, "text": self.text})


def read_log(address: str) -> list[AuthoredText]:
    """List the passages of the text with author and time, oldest first.

    Raises:
        JptermError: see `read_text`.
    """

    def look(session: Session) -> list[AuthoredText]:
        buffer, text = session.buffer, session.text
        entries: list[AuthoredText] = []
        line, counted = 1, 0
        for start, end, site, at in buffer.authorship(0, len(text)):
            line += text.count("\n", counted, start)
            counted = start
            entries.append(AuthoredText(at, buffer.author_of(site), line, text[start:end]))
        return sorted(entries, key=lambda entry: (entry.time_s, entry.line))

    return with_session(address, look)


@dataclass(frozen=True)
class Present:
    """One person who has a pad open."""

    facts: dict[str, object]

    def __str__(self) -> str:
        place = f"  line {self.facts['line']}, column {self.facts['column']}" if "line" in self.facts else ""
        return f"{self.facts['name']}{place}"

    def as_json(self) -> str:
        return _json(self.facts)


def read_people(address: str) -> list[Present]:
    """List the people who have a pad open.

    Raises:
        JptermError: see `read_text`.
    """
    return with_session(address, lambda session: [Present(facts) for facts in people_in(session)])


def kick(address: str, who: str, *, name: str | None) -> tuple[str, ...]:
    """Disconnect people by name from a pad, and return whom; `name` is the user's own.

    Raises:
        JptermError: it is not permitted, or nobody of that name is there.
    """

    mine = display_name(name)

    async def run() -> tuple[str, ...]:
        async with connected(address, name=mine, create=False, visible=False) as session:
            return await session.kick(who)

    return asyncio.run(run())


def with_session(address: str, see: Callable[[Session], T]) -> T:
    async def look() -> T:
        async with connected(address, name="", create=False, visible=False) as session:
            return see(session)

    return asyncio.run(look())


@asynccontextmanager
async def connected(written: str, *, name: str, create: bool, visible: bool) -> AsyncIterator[Session]:
    """Join a pad and receive all of it, without a replica on this machine."""
    address, _ = await asyncio.to_thread(resolve_address, written)
    if isinstance(address, SshAddress):
        await asyncio.to_thread(address.prepare)
    # Full collections took half of the time of a long history; a short-lived process leaves no garbage worth them.
    gc.set_threshold(*NO_PASSES)
    async with connect_session(
        address, name=name, storage=MemoryStorage(), create=create, visible=visible
    ) as session:
        await session.wait_until_joined(JOIN_S)
        if session.status.state != "connected":
            raise CannotConnect(session.status.reason or f"{session.address} does not answer.")
        await session.informed()
        yield session


# ---------------------------------------------------------------------- an edit


def edit_once(address: str, request: dict[str, object], *, name: str | None, save: bool, create: bool) -> int:
    """Make one edit, and return when it is on the server's disk.

    A file that was opened by its path is saved too if nobody else has unsaved work in it, or with `save`.

    Raises:
        JptermError: it cannot be done and nothing was changed, or the server did not confirm it.
    """
    who = display_name(name)

    async def edit() -> None:
        async with connected(address, name=who, create=create, visible=True) as session:
            await EditRequests(session).carry_out(request)
            await confirmed(session, lambda: save or saves_only_mine(session))

    asyncio.run(edit())
    return 0


def saves_only_mine(session: Session) -> bool:
    """Return whether a script may save the file unasked: nothing else saves it, and no unsaved work of others would be saved with it."""
    return session.is_file and not session.others_unsaved


async def confirmed(session: Session, save: Callable[[], bool] = lambda: False) -> None:
    """Wait until all edits are on the server's disk, and in the plain file as well if `save` returns true then.

    Raises:
        JptermError: they are not; the sentence says what to do.
    """
    with contextlib.suppress(TimeoutError, JptermError):
        await session.informed(STORED_S)  # the time that a busy server needs is not the disk's
    try:
        async with asyncio.timeout(STORED_S):
            await session.stored()
            if save():
                await session.save()
    except TimeoutError:
        try:
            async with asyncio.timeout(ANSWER_S):
                await session.informed()
        except (TimeoutError, JptermError):
            raise JptermError(
                f"{session.address} did not confirm the change within {STORED_S:.0f} seconds; check whether it is there."
            ) from None
        raise JptermError(
            f"{session.address} has the change in memory only, because its disk refuses it. "
            "It keeps trying; make room there, and do not make the change again."
        ) from None


# ---------------------------------------------------------------------- watch and pipe


class Reporter:
    """Writes the events of a session as JSON lines."""

    def __init__(
        self, session: Session, requests: EditRequests, write: Callable[[dict[str, object]], None]
    ) -> None:
        self._session = session
        self._requests = requests
        self._write = write
        self._people: list[dict[str, object]] = []
        self._state: dict[str, object] = {}
        self._notebook: NotebookEvents | None = None
        """From the first request on that is one of notebooks."""
        write({"event": "text", "text": session.text, "number": requests.number, "role": session.role})
        self._report_state()
        self._report_people()
        session.listen(self._on_event)

    def _on_event(self, event: Event) -> None:
        match event:
            case Changed(patch, mine):
                self._report_change(patch.splices, mine)
            case Reset(patch):
                self._report_change(patch.splices, False)
            case PeopleChanged():
                self._report_people()
            case StatusChanged():
                self._report_state()
            case OutputsChanged(cells):
                if self._notebook is None:
                    from jpterm_like.cli.notebook_events import NotebookEvents

                    self._notebook = NotebookEvents(self._session, self._write)
                self._notebook.changed(cells)
            case Notice(sentence, serious):
                self._write({"event": "notice", "sentence": sentence, "serious": serious})

    def _report_change(self, splices: tuple[Any, ...], mine: bool) -> None:
        """Report a change. `splices` go from last to first, in offsets of the text before, so they can be applied in this request."""
        if not splices:
            return
        self._write(
            {
                "event": "changed",
                "number": self._requests.number,
                "mine": mine,
                "by": [self._session.name] if mine else self._authors(splices),
                "splices": [{"start": s.start, "end": s.end, "text": s.text} for s in splices],
            }
        )

    def _authors(self, splices: tuple[Any, ...]) -> list[str]:
        """Return the authors of inserted text; the authors of deletions are not known."""
        buffer = self._session.buffer
        names: dict[str, None] = {}
        shift = 0
        for splice in reversed(splices):
            start = splice.start + shift
            shift += len(splice.text) - (splice.end - splice.start)
            if splice.text and start + len(splice.text) <= len(buffer):
                for _, _, site, _ in buffer.authorship(start, start + len(splice.text)):
                    names[buffer.author_of(site)] = None
        return list(names)

    def _report_people(self) -> None:
        people = people_in(self._session)
        if people != self._people:
            self._people = people
            self._write({"event": "people", "people": people})

    def _report_state(self) -> None:
        session = self._session
        state: dict[str, object] = {
            "state": session.status.state,
            "saved": session.saved,
            "unsent": session.unsent,
            "role": session.role,
        }
        if state != self._state:
            self._state = state
            self._write({"event": "status", **state})


def watch(address: str, *, name: str | None) -> int:
    """Print the events of a pad until ctrl+c."""
    return asyncio.run(_take_part(address, display_name(name), reads_requests=False))


def pipe(address: str, *, name: str | None) -> int:
    """Carry out requests from standard input until its end, and print answers and events.

    Returns:
        0; 1 if not everything is on the server's disk at the end.
    """
    return asyncio.run(_take_part(address, display_name(name), reads_requests=True))


async def _take_part(address: str, name: str, *, reads_requests: bool) -> int:
    storage = replicas_of(Paths.of_user())
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        there, _ = await asyncio.to_thread(resolve_address, address)
        async with connect_session(
            there, name=name, storage=storage, create=reads_requests, view=not reads_requests
        ) as session:
            await session.wait_until_joined(JOIN_S)
            if session.other_server is not None:
                raise JptermError(session.status.reason)
            with contextlib.suppress(JptermError):
                await session.informed()
            requests = EditRequests(session)
            Reporter(session, requests, _print)
            session.listen(lambda event: stop.set() if session.status.is_over else None)
            if not reads_requests:
                await stop.wait()
                _check_connection(session)
                return 0
            lines = _lines_of_stdin()
            while (line := await _first(lines.get(), stop.wait())) is not None:
                _print(await _answer(requests, line))
            _check_connection(session)
            try:
                async with asyncio.timeout(STORED_S):
                    await session.stored()
            except TimeoutError:
                raise JptermError(
                    "Not everything is on the server's disk; it is kept on this machine and sent at the next opening."
                ) from None
    finally:
        storage.close()
    return 0


def _check_connection(session: Session) -> None:
    """End when the connection is over for good, because a script cannot ask to reconnect.

    Raises:
        JptermError: this session was kicked.
    """
    if session.status.is_over:
        raise JptermError(session.status.reason)


async def _answer(requests: EditRequests, line: bytes) -> dict[str, object]:
    """Carry out one request, and return its answer with the same id."""
    identity: dict[str, object] = {}
    try:
        request = json.loads(line)
        if isinstance(request, dict) and "id" in request:
            identity = {"id": request["id"]}
        return {"event": "done", **identity, **await requests.carry_out(request)}
    except (ValueError, RecursionError):
        return {"event": "failed", **identity, "sentence": "This is not JSON; write one object per line."}
    except JptermError as problem:
        return {"event": "failed", **identity, "sentence": str(problem)}


async def _first(wanted: Awaitable[bytes | None], stop: Awaitable[Any]) -> bytes | None:
    """Return the result of `wanted`, or None if `stop` comes first."""
    tasks = [asyncio.ensure_future(wanted), asyncio.ensure_future(stop)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return tasks[0].result() if tasks[0].done() else None
    finally:
        for task in tasks:
            task.cancel()


def _lines_of_stdin() -> asyncio.Queue[bytes | None]:
    """Return a queue of the lines of standard input, whether a pipe, file or terminal; None ends it."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[bytes | None] = asyncio.Queue()

    def tell(line: bytes | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(queue.put_nowait, line)

    def read() -> None:
        rest = b""
        while data := os.read(0, 1 << 16):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                if line.strip():
                    tell(line)
            if len(rest) > REQUEST_BYTES_MAX:
                break
        if rest.strip():
            tell(rest)
        tell(None)

    # Not through sys.stdin: a thread that holds its lock keeps the interpreter from ending.
    threading.Thread(target=read, name="standard input", daemon=True).start()
    return queue


def _print(facts: dict[str, object]) -> None:
    sys.stdout.write(_json(facts) + "\n")
    sys.stdout.flush()


def _json(facts: dict[str, object]) -> str:
    return json.dumps(facts)  # escapes all but ASCII, so that nothing in it can act in a terminal
