"""The client of a keeper: reads the log of a kernel as entries, and sends to the kernel.

    line = await connect(folder)
    async for entry in line.entries(after=120):
        …
    await line.send("shell", Message("execute_request", {"code": "1 + 1"}, id=run))

A reader of entries may take as long as it likes between two of them: they wait in the log.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from jpterm_like.kernels.description import Description, KernelError, read_description
from jpterm_like.kernels.entries import (
    ANSWER,
    BODY_BYTES_MAX,
    CHANNELS,
    FRAME,
    GREETING,
    REQUEST,
    Entry,
    Raw,
    decode_entry,
    encode,
    frames_in,
    json_object,
    make_header,
)
from jpterm_like.kernels.start import check_greeting, ensure_keeper
from jpterm_like.transports.connection_limiter import user_behind

CONNECT_S: Final = 10.0
"""How long a keeper may take to greet: longer only if it was stopped."""
READ_BYTES: Final = 1 << 18


class KeeperGone(KernelError):
    """The keeper has died, or ended after its kernel. `connect` starts another one, which adopts the kernel if that lives."""


class Refused(KernelError):
    """The keeper does not do what it was asked."""


class Repeated(Refused):
    """This run was sent to the kernel before: its outputs are in the log, and it is never sent again."""


@dataclass(frozen=True)
class Message:
    """A message to a kernel."""

    type: str
    content: Mapping[str, Any]
    id: str = ""
    """`msg_id`; empty: random. That of an `execute_request` is the id of the run, and is sent once at most."""
    parent: Mapping[str, Any] = field(default_factory=dict)
    """Header of the message that this answers."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    buffers: tuple[bytes, ...] = ()
    subshell: str = ""
    """The thread of the kernel that is to take it; empty: the main one."""


async def connect(folder: Path) -> KeeperLine:
    """Connect to the keeper of a kernel. If it has died, another one takes its place, adopts the kernel if that lives, and serves the log.

    Raises:
        KernelError: there is none, it cannot be started, or it does not answer.
    """
    try:
        return await _connect(folder)
    except KeeperGone:  # it died between the look for it and the connection
        return await _connect(folder)


async def _connect(folder: Path) -> KeeperLine:
    await asyncio.to_thread(ensure_keeper, folder)
    description = read_description(folder)
    reader, writer, greeting = await _open(description)
    return KeeperLine(folder, description, reader, writer, greeting)


class KeeperLine:
    """A connection to a keeper."""

    def __init__(
        self,
        folder: Path,
        description: Description,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        greeting: Mapping[str, Any],
    ) -> None:
        self.folder = folder
        self.about = description.about
        """As the keeper was started: `notebook`, `kernel`."""
        self.session = description.identity
        """`session` in the headers of our messages."""
        self.status = greeting
        """What the keeper said when we connected: `state`, `pid`, `number`, …"""
        self._description = description
        self._reader = reader
        self._writer = writer
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._gone = False
        self._listening = asyncio.create_task(self._listen(), name=f"answers of keeper {folder.name}")

    async def entries(self, after: int) -> AsyncGenerator[Entry, None]:
        """The entries behind a number, and all that follow; ends behind `exit`. Each iteration has a connection of its own.

        Entries of kinds that this release does not know are passed over.

        Raises:
            KeeperGone: the keeper died; connect again, and go on behind the last entry.
        """
        reader, writer, _ = await _open(self._description)
        try:
            writer.write(_request(0, {"do": "read", "after": after}))
            async for raw in _frames(reader):
                entry = decode_entry(raw)
                if entry.kind == "unknown":
                    continue
                yield entry
                if entry.kind == "exit":
                    return
            raise KeeperGone("The keeper of the kernel has ended.")
        finally:
            await _close(writer)

    async def send(self, channel: Literal["shell", "control", "stdin"], message: Message) -> int:
        """Send a message to the kernel; returns the number of its entry. While the kernel starts this waits.

        Raises:
            Repeated: it is an `execute_request` that was sent before.
            Refused: the kernel has ended, or the disk is full.
            KeeperGone: the keeper died; whether the message was sent is in the log.
        """
        date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        name = message.id or secrets.token_hex(16)
        header = make_header(name, message.type, self.session, date, message.subshell)
        objects = (message.parent, message.metadata, message.content)
        parts = [header, *(json.dumps(each).encode() for each in objects), *message.buffers]
        answer = await self._ask({"do": "send"}, CHANNELS[channel], parts)
        return int(answer["number"])

    async def signal(self, number: int) -> None:
        """Send a signal to the kernel and its children; SIGINT interrupts a cell.

        Raises:
            Refused: the kernel has ended.
            KeeperGone: the keeper died.
        """
        await self._ask({"do": "signal", "signal": int(number)})

    async def acknowledge(self, number: int) -> None:
        """Everything up to this entry is stored: the keeper need not keep it. Raises KeeperGone if the keeper died."""
        await self._ask({"do": "acknowledge", "number": number})

    async def stop(self) -> None:
        """Ask the kernel to end, and see to it with signals if it does not. `entries` shows `exit` when it has. Raises KeeperGone."""
        await self._ask({"do": "stop"})

    async def close(self) -> None:
        """End the connection. Kernel and keeper go on."""
        self._listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._listening
        await _close(self._writer)

    async def _ask(
        self, order: Mapping[str, Any], channel: int = 0, parts: list[bytes] | None = None
    ) -> dict[str, Any]:
        if self._gone:
            raise KeeperGone("The keeper of the kernel has ended.")
        number = next(self._numbers)
        answered = self._answers[number] = asyncio.get_running_loop().create_future()
        try:
            self._writer.write(_request(number, order, channel, parts))
            await self._writer.drain()
            answer: dict[str, Any] = await answered
        except OSError as error:
            raise KeeperGone("The keeper of the kernel has ended.") from error
        finally:
            self._answers.pop(number, None)
        if "refused" in answer:
            raise (Repeated if answer.get("repeated") else Refused)(str(answer["refused"]))
        return answer

    async def _listen(self) -> None:
        """Hand answers to those who wait for them."""
        try:
            async for raw in _frames(self._reader):
                answered = self._answers.get(raw.number)
                if raw.kind == ANSWER and answered is not None and not answered.done():
                    answered.set_result(json_object(raw.parts[0]))
        finally:
            self._gone = True
            for answered in self._answers.values():
                if not answered.done():
                    answered.set_exception(KeeperGone("The keeper of the kernel has ended."))


def _request(
    number: int, order: Mapping[str, Any], channel: int = 0, parts: list[bytes] | None = None
) -> bytes:
    return encode(Raw(REQUEST, channel, number, time.time(), [json.dumps(order).encode(), *(parts or [])]))


async def _open(
    description: Description,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, dict[str, Any]]:
    """A connection to a keeper, and its greeting."""
    try:
        reader, writer = await asyncio.open_unix_connection(str(description.socket), limit=READ_BYTES)
    except OSError as error:
        raise KeeperGone("The keeper of the kernel has ended.") from error
    try:
        if user_behind(writer.get_extra_info("socket"))[0] != os.geteuid():
            raise KernelError("The keeper of the kernel belongs to another user.")
        async with asyncio.timeout(CONNECT_S):
            greeting = await _read_frame(reader)
        if greeting is None or greeting.kind != GREETING:
            raise KeeperGone("The keeper of the kernel has ended.")
        said = json_object(greeting.parts[0])
        check_greeting(said)
    except TimeoutError as error:
        writer.close()
        raise KernelError("The keeper of the kernel does not answer.") from error
    except BaseException:
        writer.close()
        raise
    return reader, writer, said


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def _frames(reader: asyncio.StreamReader) -> AsyncIterator[Raw]:
    """The frames that come, until the connection ends."""
    while (raw := await _read_frame(reader)) is not None:
        yield raw


async def _read_frame(reader: asyncio.StreamReader) -> Raw | None:
    """The next frame; None if the connection ends before, or brings something else."""
    try:
        head = await reader.readexactly(FRAME.size)
        length, _ = FRAME.unpack(head)
        if length > BODY_BYTES_MAX:
            return None
        body = await reader.readexactly(length)
    except (OSError, asyncio.IncompleteReadError):
        return None
    found = next(frames_in(head + body), None)
    return None if found is None else found[1]
