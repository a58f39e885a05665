"""Taking part without a screen: one look, one edit, a stream of events, a program that edits. See `orders`."""

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
from typing import Any, Final, TypeVar

from jpterm_like.access.addresses import parse_address, parse_server_address
from jpterm_like.access.ssh import SshAddress
from jpterm_like.cli.edit_requests import EditRequests, people_in
from jpterm_like.client.events import Changed, Event, Notice, PeopleChanged, Reset, StatusChanged
from jpterm_like.client.open import connect_session, list_pads
from jpterm_like.client.session import Session
from jpterm_like.config import Paths, display_name
from jpterm_like.errors import JptermError
from jpterm_like.storage.memory import MemoryStorage
from jpterm_like.stores import replicas_of
from jpterm_like.transports.base import CannotConnect

JOIN_S: Final = 10.0
"""How long to wait for a server that is there and slow."""
STORED_S: Final = 10.0
"""How long an ending program waits for the server's disk."""
ANSWER_S: Final = 2.0
"""And after that for a server that may not answer at all."""
ORDER_BYTES_MAX: Final = 64 * 1024 * 1024
"""Of one line on standard input."""

NO_PASSES: Final = (700, 10, 1_000_000)
"""Python's thresholds for garbage, without the passes over everything."""

T = TypeVar("T")


# ---------------------------------------------------------------------- a look


def read_text(address: str) -> str:
    """The text of a pad as the server has it now. Leaves no replica behind.

    Raises:
        JptermError: there is no such pad, or the server cannot be reached: an older text is not given for the present one.
    """
    return _look(address, lambda session: session.text)


def list_names(address: str) -> tuple[str, ...]:
    """The pads of a server."""
    return asyncio.run(list_pads(parse_server_address(address)))


@dataclass(frozen=True)
class Entry:
    """Text that one person wrote at one time and that is still there."""

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


def read_log(address: str) -> list[Entry]:
    """Who wrote what is there now, the oldest first.

    Raises:
        JptermError: see `read_text`.
    """

    def look(session: Session) -> list[Entry]:
        buffer, text = session.buffer, session.text
        entries: list[Entry] = []
        line, counted = 1, 0
        for start, end, site, at in buffer.authorship(0, len(text)):
            line += text.count("\n", counted, start)
            counted = start
            entries.append(Entry(at, buffer.author_of(site), line, text[start:end]))
        return sorted(entries, key=lambda entry: (entry.time_s, entry.line))

    return _look(address, look)


@dataclass(frozen=True)
class Present:
    """Someone who has a text open."""

    facts: dict[str, object]

    def __str__(self) -> str:
        place = f"  line {self.facts['line']}, column {self.facts['column']}" if "line" in self.facts else ""
        return f"{self.facts['name']}{place}"

    def as_json(self) -> str:
        return _json(self.facts)


def read_people(address: str) -> list[Present]:
    """Who has a pad open.

    Raises:
        JptermError: see `read_text`.
    """
    return _look(address, lambda session: [Present(facts) for facts in people_in(session)])


def put_out(address: str, who: str, *, name: str | None) -> tuple[str, ...]:
    """Put somebody out of a pad, and return who they were; `name` is mine.

    Raises:
        JptermError: it may not be done, or nobody of that name is there.
    """

    mine = display_name(name)

    async def kick() -> tuple[str, ...]:
        async with _connected(address, name=mine, create=False, visible=False) as session:
            return await session.kick(who)

    return asyncio.run(kick())


def _look(address: str, see: Callable[[Session], T]) -> T:
    async def look() -> T:
        async with _connected(address, name="", create=False, visible=False) as session:
            return see(session)

    return asyncio.run(look())


@asynccontextmanager
async def _connected(written: str, *, name: str, create: bool, visible: bool) -> AsyncIterator[Session]:
    """A session that has what the server has, without a replica on this machine."""
    address = parse_address(written)
    if isinstance(address, SshAddress):
        await asyncio.to_thread(address.prepare)
    # Passes over everything took half of the time of a long history; a process that ends soon leaves no garbage worth it.
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


def edit_once(address: str, order: dict[str, object], *, name: str | None, save: bool, create: bool) -> int:
    """Make one edit, and return when it is on the server's disk.

    A file that was opened by its name is written too, if nothing else would come into it that way, or with `save`.

    Raises:
        JptermError: it cannot be done, and nothing was changed; or it cannot be said whether it was.
    """
    who = display_name(name)

    async def edit() -> None:
        async with _connected(address, name=who, create=create, visible=True) as session:
            await EditRequests(session).carry_out(order)
            await confirmed(session, lambda: save or saves_only_mine(session))

    asyncio.run(edit())
    return 0


def saves_only_mine(session: Session) -> bool:
    """Whether a script may write the file unasked: it is written by saving alone, and nothing of others would go into it."""
    return session.is_file and not session.others_unsaved


async def confirmed(session: Session, save: Callable[[], bool] = lambda: False) -> None:
    """Return when what was done is on the server's disk; in the plain file as well, if `save` then says so.

    Raises:
        JptermError: it is not, and what is to be done then.
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
                f"{session.address} did not confirm the change within {STORED_S:.0f} seconds; look whether it is there."
            ) from None
        raise JptermError(
            f"{session.address} has the change in memory only, for the disk there does not take it. "
            "It goes on trying; make room there, and do not make the change again."
        ) from None


# ---------------------------------------------------------------------- events, and orders


class Reporter:
    """Tells what happens in a session, as JSON lines."""

    def __init__(
        self, session: Session, requests: EditRequests, write: Callable[[dict[str, object]], None]
    ) -> None:
        self._session = session
        self._requests = requests
        self._write = write
        self._people: list[dict[str, object]] = []
        self._state: dict[str, object] = {}
        write({"event": "text", "text": session.text, "number": requests.number, "role": session.role})
        self._tell_state()
        self._tell_people()
        session.listen(self._on_event)

    def _on_event(self, event: Event) -> None:
        match event:
            case Changed(patch, mine):
                self._tell_change(patch.splices, mine)
            case Reset(patch):
                self._tell_change(patch.splices, False)
            case PeopleChanged():
                self._tell_people()
            case StatusChanged():
                self._tell_state()
            case Notice(sentence, serious):
                self._write({"event": "notice", "sentence": sentence, "serious": serious})

    def _tell_change(self, splices: tuple[Any, ...], mine: bool) -> None:
        """`splices` go from the last to the first, in offsets of the text before: applied as they come they fit."""
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
        """Who wrote what came; a deletion does not tell."""
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

    def _tell_people(self) -> None:
        people = people_in(self._session)
        if people != self._people:
            self._people = people
            self._write({"event": "people", "people": people})

    def _tell_state(self) -> None:
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
    """Print what happens in a pad until ctrl+c."""
    return asyncio.run(_take_part(address, display_name(name), orders=False))


def pipe(address: str, *, name: str | None) -> int:
    """Carry out the orders that come on standard input, and print answers and events, until its end.

    Returns:
        0; 1 when not everything was on the server's disk at the end.
    """
    return asyncio.run(_take_part(address, display_name(name), orders=True))


async def _take_part(address: str, name: str, *, orders: bool) -> int:
    storage = replicas_of(Paths.of_user())
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        async with connect_session(
            address, name=name, storage=storage, create=orders, view=not orders
        ) as session:
            await session.wait_until_joined(JOIN_S)
            if session.other_server is not None:
                raise JptermError(session.status.reason)
            with contextlib.suppress(JptermError):
                await session.informed()
            requests = EditRequests(session)
            Reporter(session, requests, _print)
            session.listen(lambda event: stop.set() if session.status.is_over else None)
            if not orders:
                await stop.wait()
                _check_line(session)
                return 0
            lines = _lines_of_stdin()
            while (line := await _first(lines.get(), stop.wait())) is not None:
                _print(await _answer(requests, line))
            _check_line(session)
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


def _check_line(session: Session) -> None:
    """Nobody sits before a program to connect again.

    Raises:
        JptermError: it was put out.
    """
    if session.status.is_over:
        raise JptermError(session.status.reason)


async def _answer(requests: EditRequests, line: bytes) -> dict[str, object]:
    """One order carried out; its answer has the order's id."""
    identity: dict[str, object] = {}
    try:
        order = json.loads(line)
        if isinstance(order, dict) and "id" in order:
            identity = {"id": order["id"]}
        return {"event": "done", **identity, **await requests.carry_out(order)}
    except (ValueError, RecursionError):
        return {"event": "failed", **identity, "sentence": "This is not JSON: one object a line."}
    except JptermError as problem:
        return {"event": "failed", **identity, "sentence": str(problem)}


async def _first(wanted: Awaitable[bytes | None], stop: Awaitable[Any]) -> bytes | None:
    """What is wanted, or None when it is time to stop."""
    tasks = [asyncio.ensure_future(wanted), asyncio.ensure_future(stop)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return tasks[0].result() if tasks[0].done() else None
    finally:
        for task in tasks:
            task.cancel()


def _lines_of_stdin() -> asyncio.Queue[bytes | None]:
    """The lines of standard input as they come, whatever it is: None at its end."""
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
            if len(rest) > ORDER_BYTES_MAX:
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
    return json.dumps(facts)  # everything beyond ASCII as \u: nothing in it can act in a terminal
