"""Read the texts of a server's pads for a search, without opening them: over one connection, a few at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from jpterm_like.access.addresses import Address
from jpterm_like.conversation import Conversation
from jpterm_like.errors import JptermError
from jpterm_like.sync import events, wire
from jpterm_like.sync.link import Link

ASKED_MAX: Final = 8
"""Texts that are asked for at a time: the line is busy, and little is kept."""
TEXT_BYTES_MAX: Final = 16 << 20
"""Longest text that is taken from a server."""

TOO_OLD: Final = "The server is of an earlier release, which cannot be searched: update it."


@dataclass
class _Asked:
    """A text that was asked for."""

    name: str
    data: bytearray = field(default_factory=bytearray)


class PadTexts:
    """Texts of pads, in the order of their answers; see the module.

    Args:
        address: of the server, or of one of its pads.
        names: the pads.
    """

    def __init__(self, address: Address, names: Collection[str]) -> None:
        self._address = address
        self._waiting = deque(names)
        self._asked: dict[int, _Asked] = {}
        self._count = 0
        self._link = Link("client", "", asyncio.get_running_loop().time())
        self._answers: asyncio.Queue[tuple[str, str | None] | None] = asyncio.Queue()

    async def read(self) -> AsyncGenerator[tuple[str, str | None], None]:
        """Name and text of each pad; None for one that cannot be read: it is gone, too long, or not for me.

        Raises:
            JptermError: the server cannot be reached, refuses, or is too old.
        """
        conversation = Conversation(self._link, await self._address.connect(), self._handle)
        running = asyncio.create_task(conversation.run())
        running.add_done_callback(lambda _: self._answers.put_nowait(None))
        try:
            while (answer := await self._answers.get()) is not None:
                yield answer
                # Only now, so that a slow reader is sent no more than it takes.
                self._ask_more()
                conversation.wake()
            ended = running.result()
            if self._asked or self._waiting:
                raise JptermError(ended.sentence)
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    def _ask_more(self) -> None:
        while self._waiting and len(self._asked) < ASKED_MAX:
            self._count += 1
            self._asked[self._count] = _Asked(self._waiting.popleft())
            self._ask(self._count, 0)
        if not self._asked and not self._waiting:
            self._link.end("closed", "That was all.")

    def _ask(self, number: int, start: int) -> None:
        if not self._link.ask_text(number, self._asked[number].name, start):
            self._link.end("version", TOO_OLD)

    async def _handle(self, event: events.Event) -> None:
        match event:
            case events.Greeted():
                self._ask_more()
            case wire.TextPart(number, data, more) if number in self._asked:
                asked = self._asked[number]
                asked.data += data
                if more and data and len(asked.data) < TEXT_BYTES_MAX:
                    self._ask(number, len(asked.data))
                else:
                    text = None if more else asked.data.decode("utf-8", "replace")
                    self._done(number, text)
            case wire.Refuse(_, int(number), _, _) if number in self._asked:
                self._done(number, None)
            case wire.Refuse(_, _, code, sentence):
                self._link.end(code, sentence)

    def _done(self, number: int, text: str | None) -> None:
        self._answers.put_nowait((self._asked.pop(number).name, text))
