"""Run one link over one transport until either ends. The only module that carries frames between them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from math import inf

from jpterm_like import clock
from jpterm_like.background import MISTAKE
from jpterm_like.sync import events
from jpterm_like.sync.events import Ended, Event
from jpterm_like.sync.link import Link
from jpterm_like.transports.base import Transport, TransportClosed

log = logging.getLogger("jpterm_like.conversation")

LAST_WORDS_S = 1.0
"""How long a line that we end may take for what is queued, the reason among it."""
WRITE_BYTES = 64 * 1024
"""About so much is handed over in one piece."""
SLICE_S = 0.01
"""After so long of reading from one peer, or of sending to one that takes it all, others have their turn."""
SLOW_S = 0.25
"""How often the clock is looked at while the line takes no frame."""
CLOCK_GAP_S = 10.0
"""The wall clock moved this much more than ours: the machine slept, and the other side has given us up."""


class Conversation:
    """A link at work.

    Args:
        handle: called with each event of the link, in order, before the next frame is read.
        watch_clock: end the conversation after the machine has slept (the client does, to reconnect at once).
        turn: shared by conversations of which one at a time goes on reading after a slice; None: this one has its own.
    """

    def __init__(
        self,
        link: Link,
        transport: Transport,
        handle: Callable[[Event], Awaitable[None]],
        *,
        watch_clock: bool = False,
        turn: asyncio.Lock | None = None,
    ) -> None:
        self.link = link
        self._transport = transport
        self._handle = handle
        self._watch_clock = watch_clock
        self._turn = turn or asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        self._is_flush_due = False
        self._is_reading = True  # else an event is being handled, and frames wait
        self._is_waiting = False  # for a frame, and none has come since
        self._received: list[Event] | None = None  # the events of the next frame, if the link has it already
        self._is_full = False  # whether the line takes nothing just now
        self._lost: str | None = None
        self._due_at = 0.0  # when the writer looks again by itself
        self._look = asyncio.Event()

    def wake(self) -> None:
        """There may be something to send: it goes out in this turn of the event loop."""
        if not self._is_flush_due:
            self._is_flush_due = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Send at once what there is while the line takes it; what it does not take is left to the writer.

        Without a task's turn for each frame and link: under load that was half of a server's time.
        """
        self._is_flush_due = False
        if self._is_full or self._lost is not None:
            return
        link = self.link
        now = self._loop.time()
        try:
            while self._transport.has_room():
                if frames := link.next_frames(now, WRITE_BYTES):
                    self._transport.send(frames)
                if sum(map(len, frames)) < WRITE_BYTES:
                    break
                if self._loop.time() - now > SLICE_S:
                    self.wake()
                    break
            else:
                self._is_full = True
        except TransportClosed as end:
            self._lost = end.sentence
        except Exception:  # noqa: BLE001 - logged below
            # A mistake of ours. It is this conversation's: who flushes goes on to tell the others, and whoever is on the
            # other end comes again and is brought up to date by versions.
            self._lose_by_mistake()
        if (
            self._is_full
            or self._lost is not None
            or link.state == "ended"
            or (link.side == "client" and link.next_time(now) < self._due_at)  # a caret that waits
        ):
            self._look.set()

    async def run(self) -> Ended:
        """Converse until the end, and say how it came. The transport is closed then."""
        writer = asyncio.create_task(self._write())
        try:
            reader = asyncio.create_task(self._read())
            try:
                await asyncio.wait((reader, writer), return_when=asyncio.FIRST_COMPLETED)
                ended = await (reader if reader.done() else writer)
            except Exception:  # noqa: BLE001 - a mistake of ours, which `_cancel` logs: the client connects anew
                self.link.end(events.MISTAKE, MISTAKE)
                ended = self.link.ended or Ended(events.MISTAKE, MISTAKE, 0.0)
            finally:
                await _cancel(reader)
        finally:
            if self.link.state == "ended" and not writer.done():
                # what is queued (a Bye with its reason) goes out while the line still takes it
                self.wake()
                await asyncio.wait({writer}, timeout=LAST_WORDS_S)
            await _cancel(writer)
            await self._transport.close()
        return ended

    async def _read(self) -> Ended:
        loop = asyncio.get_running_loop()
        turn = loop.time()
        self._transport.offer(self._take)
        while True:
            if loop.time() - turn > SLICE_S:
                async with self._turn:
                    await asyncio.sleep(0)  # frames that have come already are received without waiting
                turn = loop.time()
            self._is_waiting = True
            try:
                frame = await self._transport.receive()
            except TransportClosed as end:
                return Ended("lost", end.sentence, 0.0)
            self._is_waiting = False
            received, self._received = self._received, None
            if received is None:
                received = self.link.receive(frame, loop.time())
            if received:
                self._is_reading = False
                ended = await self._tell(received)
                self._is_reading = True
                self.link.excuse_silence(loop.time())
                if ended is not None:
                    return ended
            # News of a pad has those who wait for it woken; here it would go out at once, frame by frame.
            if received or self.link.has_answers:
                self.wake()

    def _take(self, frame: bytes) -> bool:
        """Give the link a frame as it comes, if no other one waits. Done with it if that is all: news of a pad mostly is.

        Otherwise the frame waits in line, and the reader handles its events when it comes to it.
        """
        if not self._is_waiting:
            return False
        try:
            received = self.link.receive(frame, self._loop.time())
        except Exception:  # noqa: BLE001 - logged below; nobody above us knows whose line it is
            self._lose_by_mistake()
            self._look.set()
            return True
        if not received and not self.link.has_answers:
            return True
        self._is_waiting, self._received = False, received
        return False

    def _lose_by_mistake(self) -> None:
        log.exception("a conversation cannot go on")
        self._lost = MISTAKE

    async def _write(self) -> Ended:
        """What needs waiting: a line that takes nothing just now, and the clock.

        The clock is looked at while the line is slow, too: one that takes nothing any more is how a line dies without
        a word.
        """
        loop = self._loop
        gap = clock.wall() - loop.time()
        waiting: asyncio.Task[None] | None = None
        ended_at = inf
        try:
            while True:
                self.flush()
                if self._lost is not None:
                    return Ended(events.MISTAKE if self._lost is MISTAKE else "lost", self._lost, 0.0)
                if self.link.ended is not None:
                    ended_at = min(ended_at, loop.time())
                    # a peer that does not read is not waited for: it could keep its connection by that
                    if not self._is_full or loop.time() - ended_at >= LAST_WORDS_S:
                        return self.link.ended
                if self._is_full and (waiting is None or waiting.done()):
                    waiting = asyncio.create_task(self._wait_for_room())
                pause = SLOW_S if self._is_full else 0.001
                next_time = self.link.next_time(loop.time(), is_reading=self._is_reading)
                self._due_at = max(next_time, loop.time() + pause)
                self._look.clear()
                # not wait_for: on Python 3.11 it can swallow a cancellation that comes together with the event
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(self._due_at):
                        await self._look.wait()
                if self._watch_clock and abs(clock.wall() - loop.time() - gap) > CLOCK_GAP_S:
                    return Ended("slept", "This machine was asleep.", 0.0)
                gap = clock.wall() - loop.time()
                ended = await self._tell(self.link.tick(loop.time(), is_reading=self._is_reading))
                if ended is not None:
                    return ended
        finally:
            if waiting is not None:
                waiting.cancel()

    async def _wait_for_room(self) -> None:
        try:
            await self._transport.wait_for_room()
        except TransportClosed as end:
            self._lost = end.sentence
        else:
            self.link.excuse_silence(self._loop.time())
        self._is_full = False
        self._look.set()

    async def _tell(self, received: list[Event]) -> Ended | None:
        ended = None
        for event in received:
            if isinstance(event, Ended):
                ended = event
            await self._handle(event)
        return ended


async def _cancel(task: asyncio.Task[Ended]) -> None:
    task.cancel()
    await asyncio.wait({task})  # awaiting the task itself, our own cancellation could not be told from its
    if not task.cancelled() and (problem := task.exception()) is not None:
        log.error("a conversation cannot go on", exc_info=problem)
