"""Run one link over one transport until either ends. The only module that carries frames between them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from math import inf
from typing import Final

from jpterm_like import clock
from jpterm_like.background import MISTAKE
from jpterm_like.sync import events
from jpterm_like.sync.events import Ended, Event
from jpterm_like.sync.link import Link
from jpterm_like.transports.base import Transport, TransportClosed

log = logging.getLogger("jpterm_like.conversation")

LAST_WORDS_S: Final = 1.0
"""How long a connection that we end may take to send queued frames, including the reason."""
WRITE_BYTES: Final = 64 * 1024
"""About how much is handed to the transport in one piece."""
SLICE_S: Final = 0.01
"""After this time of reading from one peer, or of sending to one that takes everything, others have their turn."""
SLOW_S: Final = 0.25
"""How often the clock is checked while the transport accepts no frame."""
CLOCK_GAP_S: Final = 10.0
"""If the wall clock moved this much more than the loop's clock, the machine slept, and the other side has given us up."""


class Conversation:
    """One link running over one transport.

    Args:
        handle: called with each event of the link, in order, before the next frame is read.
        watch_clock: end the conversation after the machine has slept (the client does, to reconnect at once).
        turn: lock shared by conversations, of which one at a time continues reading after a slice; None: a lock of its own.
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
        self.watch: Callable[[bool, Sequence[bytes]], None] | None = None
        """Called with the frames that were sent (True) or received, if somebody looks."""
        self._transport = transport
        self._handle = handle
        self._watch_clock = watch_clock
        self._turn = turn or asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        self._is_flush_due = False
        self._is_reading = True  # else an event is being handled, and frames wait
        self._is_waiting = False  # for a frame, with none received since
        self._received: list[Event] | None = None  # the events of the next frame, if the link has it already
        self._is_full = False  # whether the transport accepts nothing now
        self._lost: str | None = None
        self._due_at = 0.0  # when the writer wakes without being woken
        self._look = asyncio.Event()

    def wake(self) -> None:
        """Schedule a flush in this turn of the event loop, because there may be something to send."""
        if not self._is_flush_due:
            self._is_flush_due = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Send at once as much as the transport accepts; the rest is left to the writer.

        This saves a task's turn for each frame and link, which was half of a server's time under load.
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
                    if self.watch is not None:
                        self.watch(True, frames)
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
            # A bug. It ends this conversation only: the caller goes on to flush the others, and the peer connects anew and
            # is brought up to date by versions.
            self._lose_by_mistake()
        if (
            self._is_full
            or self._lost is not None
            or link.state == "ended"
            or (link.side == "client" and link.next_time(now) < self._due_at)  # a caret that waits
        ):
            self._look.set()

    async def run(self) -> Ended:
        """Converse until either side ends; return how it ended. The transport is closed then."""
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
                # queued frames (a Bye with its reason) are sent while the transport still accepts them
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
                    await asyncio.sleep(0)  # frames that have arrived are received without waiting
                turn = loop.time()
            self._is_waiting = True
            try:
                frame = await self._transport.receive()
            except TransportClosed as end:
                return Ended("lost", end.sentence, 0.0)
            self._is_waiting = False
            received, self._received = self._received, None
            if received is None:
                if self.watch is not None:
                    self.watch(False, (frame,))
                received = self.link.receive(frame, loop.time())
            if received:
                self._is_reading = False
                ended = await self._handle_all(received)
                self._is_reading = True
                self.link.excuse_silence(loop.time())
                if ended is not None:
                    return ended
            # Changes of a pad wake their readers elsewhere; woken here, they would be sent frame by frame.
            if received or self.link.has_answers:
                self.wake()

    def _take(self, frame: bytes) -> bool:
        """Give a frame to the link on arrival, unless others wait; return whether that was all, as for most changes of a pad.

        Otherwise the frame is queued, and the reader handles its events in turn.
        """
        if not self._is_waiting:
            return False
        if self.watch is not None:
            self.watch(False, (frame,))
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
        """Wait for room in the transport, and for the link's timers.

        The timers are checked while the transport is full as well: a connection that dies silently accepts nothing more.
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
                    # do not wait for a peer that does not read: it could keep its connection that way
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
                ended = await self._handle_all(self.link.tick(loop.time(), is_reading=self._is_reading))
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

    async def _handle_all(self, received: list[Event]) -> Ended | None:
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
