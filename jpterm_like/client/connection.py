"""The connection of one opening to its server: made anew after each outage, with growing pauses.

It holds the link while there is one, the requests that wait for an answer, and the status. It knows neither the text nor
its journal: each event of the link is handed to the session, which decides what to do.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from math import inf
from typing import TYPE_CHECKING, Any, Final, TypeVar

from jpterm_like.access.addresses import Address
from jpterm_like.background import MISTAKE
from jpterm_like.client.events import (
    Event,
    KernelWanted,
    LineMessage,
    Notice,
    RequestFailed,
    Status,
    StatusChanged,
)
from jpterm_like.errors import JptermError
from jpterm_like.transports.base import CannotConnect, Peer, Transport

# The protocol is loaded with the first connection: the first screen is painted without it.
if TYPE_CHECKING:
    from jpterm_like.conversation import Conversation
    from jpterm_like.sync import events, wire
    from jpterm_like.sync.link import Link

RETRY_FIRST_S: Final = 0.5
"""The most that the first pause before another attempt lasts; each later one may last twice as long."""
RETRY_MOST_S: Final = 30.0
"""The longest pause before another attempt."""
RETRY_MOST_NEAR_S: Final = 1.0
"""The same on one machine: an attempt costs nothing, and its user has just started the server again."""
OPENING_S: Final = 5.0
"""How long a request waits for the first connection, counted while nothing is heard from the server."""
CLOSE_S: Final = 1.0
"""How long a closing session keeps sending unsent work, and then waits for its last frames to go out."""
SILENCE_STEP_S: Final = 1.0
"""Silence is counted in steps of this length. A step in which this program was busy counts once, however long it took."""

T = TypeVar("T")

log = logging.getLogger("jpterm_like.client.connection")


GO_ON: Final = "It is tried again; you can go on writing, and your text is kept on this machine."
"""What people are told when a mistake of ours ends the connection."""


class ServerConnection:
    """See the module.

    Args:
        name: mine, as the server is told.
        address: where to connect; it may be set to the pad's new name.
        handle: called with each event of the link, before the next frame is read.
        notify: passes an event on to those who listen to the session.
        on_lost: called with a link that has ended, before it is forgotten.
        on_offline: called when the status says that we are offline, to forget what is only known while connected.
    """

    def __init__(
        self,
        name: str,
        address: Address,
        *,
        handle: Callable[[events.Event], Awaitable[None]],
        notify: Callable[[Event], None],
        on_lost: Callable[[Link], None],
        on_offline: Callable[[], None],
    ) -> None:
        self.address = address
        self.status = Status("opening")
        self.link: Link | None = None
        """While there is one."""
        self.peer: Peer | None = None
        """At the other end of the latest link."""
        self.channel = -1
        """The channel of the pad that is shown; -1 before it was asked for."""
        self.caught_up = asyncio.Event()
        """Set once we have everything that the server had when the link was made."""
        self.refusal: JptermError | None = None
        """Why the server refused the pad at the latest attempt."""
        self.is_closed = False
        self.is_paused = False
        """Whether the user wants no connection for now."""
        self._is_for_one = False
        """Whether a paused connection is made for one message."""
        self._watchers: list[Callable[[LineMessage], None]] = []
        self._handle = handle
        self._notify = notify
        self._on_lost = on_lost
        self._on_offline = on_offline
        self._name = name
        self._conversation: Conversation | None = None
        self._channels = itertools.count()
        self._requests: dict[int, asyncio.Future[wire.Answer]] = {}
        self._request_numbers = itertools.count(1)
        self._changed = asyncio.Event()
        self._retry = asyncio.Event()
        self._last_reason = ""

    # ------------------------------------------------------------------ state

    @property
    def is_live(self) -> bool:
        """Whether the pad can be worked on with the server now."""
        return self.status.state == "connected" and self.link is not None

    def has(self, feature: str) -> bool:
        """Whether both sides of the link know a feature."""
        return self.link is not None and feature in self.link.features

    def set_status(self, status: Status) -> None:
        """Change the status; whoever listens or waits is told."""
        if self.is_paused:
            status = Status("offline", inf, is_paused=True)
        if status != self.status:
            self.status = status
            self._notify(StatusChanged())
            self.wake_waiters()

    async def change(self) -> None:
        """Wait for the next call of `wake_waiters`."""
        await self._changed.wait()

    def wake_waiters(self) -> None:
        """Wake everyone who awaits a change of state."""
        self._changed.set()
        self._changed = asyncio.Event()

    def refuse(self, problem: JptermError) -> None:
        """Note that the server refuses the pad; a session with a text stays offline and tries again later."""
        self.refusal = problem
        self.explain(str(problem))
        self.wake_waiters()

    def explain(self, sentence: str) -> None:
        """Tell the user why there is no connection, once: attempts that end in the same way say nothing."""
        if sentence != self._last_reason:
            self._last_reason = sentence
            self._notify(Notice(sentence, serious=True, topic="line"))

    def note_admitted(self) -> None:
        """The server accepted the pad: reasons from earlier attempts are void."""
        self.refusal = None
        self._last_reason = ""

    # ------------------------------------------------------------------ waiting

    async def while_heard(self, work: Coroutine[Any, Any, T], timeout_s: float) -> T:
        """Await `work` while the server is heard from, however busy it is; cancel it after a silence of `timeout_s`.

        A server that opens a large document asks now and then whether we are there. Time in which this program itself was
        busy is no silence.

        Raises:
            TimeoutError: nothing was heard for that long.
        """
        task = asyncio.create_task(work)
        try:
            heard, left_s = self._last_sign, timeout_s
            while not task.done():
                if left_s <= 0:
                    raise TimeoutError
                wait_s = min(left_s, SILENCE_STEP_S)
                await asyncio.wait({task}, timeout=wait_s)
                if heard == self._last_sign:
                    left_s -= wait_s
                else:
                    heard, left_s = self._last_sign, timeout_s
            return task.result()
        finally:
            task.cancel()

    @property
    def _last_sign(self) -> tuple[Status, float]:
        """Changes when something is heard from the server, or the connection changes."""
        return self.status, 0.0 if self.link is None else self.link.heard_at

    async def opened(self) -> None:
        """Wait until the first attempt to connect has succeeded or failed."""
        while self.status.state == "opening":
            await self.change()

    # ------------------------------------------------------------------ requests

    async def ask(self, send: Callable[[Link, int], None], refused: Callable[[], str]) -> wire.Answer:
        """Make a request of the server and return its answer.

        Args:
            send: makes the request on the link, under a number; it may raise `RequestFailed` instead.
            refused: says why not, when there is no connection.

        Raises:
            RequestFailed: there is no connection, it was lost before the answer, or the server said no.
        """
        with contextlib.suppress(TimeoutError):
            await self.while_heard(self.opened(), OPENING_S)
        link = self.link
        if link is None or self.status.state != "connected" or self.channel not in link.channels:
            raise RequestFailed(refused())
        request = self.next_request()
        answer: asyncio.Future[wire.Answer] = asyncio.get_running_loop().create_future()
        self._requests[request] = answer
        try:
            send(link, request)
            self.wake()
            return await answer
        finally:
            self._requests.pop(request, None)

    def next_request(self) -> int:
        """A number for a request."""
        return next(self._request_numbers)

    def next_channel(self) -> int:
        """A number for a channel of the present link."""
        return next(self._channels)

    def answered(self, answer: wire.Answer) -> None:
        """Give a request its answer."""
        awaited = self._requests.get(answer.request)
        if awaited is not None and not awaited.done():
            awaited.set_result(answer)

    def declined(self, request: int, sentence: str, code: str = "") -> None:
        """Let a request fail."""
        from jpterm_like.sync import wire

        answer = self._requests.get(request)
        if answer is not None and not answer.done():
            answer.set_exception(
                KernelWanted(sentence) if code == wire.KERNEL_WANTED else RequestFailed(sentence)
            )

    # ------------------------------------------------------------------ the link

    def rename(self, name: str) -> None:
        """Greet with this name from the next link on."""
        self._name = name

    def wake(self) -> None:
        """There may be something to send."""
        if self._conversation is not None:
            self._conversation.wake()

    def watch(self, watcher: Callable[[LineMessage], None]) -> Callable[[], None]:
        """Call `watcher` with each message that is sent or received; the result stops that."""
        self._watchers.append(watcher)
        if self._conversation is not None:
            self._conversation.watch = self._tell_watchers

        def stop() -> None:
            self._watchers.remove(watcher)
            if not self._watchers and self._conversation is not None:
                self._conversation.watch = None

        return stop

    def _tell_watchers(self, is_sent: bool, frames: Sequence[bytes]) -> None:
        from jpterm_like.sync import wire

        for frame in frames:
            try:
                message = wire.decode(frame)
            except wire.ForeignMessage:  # the link says so
                continue
            changes = message.data if isinstance(message, wire.Changes) and not message.format else b""
            for watcher in list(self._watchers):
                watcher(LineMessage(is_sent, type(message).__name__, len(frame), changes))

    def let_one_through(self) -> None:
        """While paused: connect for one message of the text, and pause again."""
        if self.is_paused:
            self._is_for_one = True
            self._retry.set()

    def pause(self) -> None:
        """Disconnect, and make no attempt to connect before `retry_now`."""
        self.is_paused, self._is_for_one = True, False
        self.set_status(self.status)
        self._retry.set()
        if self.link is not None:
            from jpterm_like.sync.link import PAUSED

            self.link.end("paused", PAUSED)
            self.wake()

    def retry_now(self) -> None:
        """Do not wait for the next attempt to connect; resume a paused connection."""
        self.is_paused = False
        if self.status.state != "connected":  # else it would bring us back at once when somebody puts us out
            self._retry.set()

    def end(self, code: str, sentence: str, *, retry_after_s: float = RETRY_MOST_NEAR_S) -> None:
        """End the link from here; it is made anew after a while."""
        assert self.link is not None
        self.link.end(code, sentence, retry_after_s=retry_after_s)

    def close(self) -> None:
        """End the link for good; `run` returns when the last frames are out."""
        self.is_closed = True
        self._retry.set()
        self.wake_waiters()
        if self.link is not None:
            self.link.end("closed", "The editor was closed.")
            self.wake()

    async def run(self) -> None:
        """Stay connected until closed: connect, converse, and try again after a pause."""
        attempt = 0
        while not self.is_closed:
            self._retry.clear()
            if self.is_paused and not self._is_for_one:
                self.set_status(Status("offline"))
                self._on_offline()
                await self._retry.wait()
                self.set_status(Status("offline"))
                attempt = 0
                continue
            reason = ""
            retry_after_s = 0.0
            is_over = False
            try:
                transport = await self.address.connect()
                if self.is_paused and not self._is_for_one:  # meanwhile
                    await transport.close()
                    continue
                ended = await self._converse(transport)
            except CannotConnect as problem:
                reason = str(problem)
                if self.address.file is not None:
                    self.explain(reason)  # our own hub does not start: waiting will not help
            except Exception:
                log.exception("%s: the connection failed", self.address.title)
                self._forget_link()
                reason = MISTAKE
            else:
                reason, retry_after_s = ended.sentence, ended.retry_after_s
                is_over = ended.is_kick
                if self.caught_up.is_set() and reason != MISTAKE:
                    attempt = 0
                self._forget_link()
                if ended.code == "version":
                    self.refuse(JptermError(reason))
                elif ended.is_kick:
                    self.explain(reason)
            if self.is_closed:
                return
            if self.is_paused:
                self._is_for_one = False
                continue
            if reason == MISTAKE:
                self.explain(f"{MISTAKE} {GO_ON}")
            # full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter"): a herd spreads by itself
            most = RETRY_MOST_NEAR_S if self.address.is_local else RETRY_MOST_S
            span = min(most, RETRY_FIRST_S * 2**attempt)
            delay = inf if is_over else retry_after_s + random.uniform(min(0.05, span), span)
            attempt = min(attempt + 1, 10)
            self.set_status(Status("offline", asyncio.get_running_loop().time() + delay, reason))
            self._on_offline()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if is_over else delay):
                    await self._retry.wait()
            self.set_status(Status("offline", None, reason))

    async def _converse(self, transport: Transport) -> events.Ended:
        from jpterm_like.conversation import Conversation
        from jpterm_like.sync.link import Link

        loop = asyncio.get_running_loop()
        self.caught_up.clear()
        self.peer = transport.peer
        self.link = Link("client", self._name, loop.time())
        self._channels, self.channel = itertools.count(), -1
        self.link.is_for_one = self.is_paused
        self._conversation = Conversation(self.link, transport, self._handle, watch_clock=True)
        self._conversation.watch = self._tell_watchers if self._watchers else None
        return await self._conversation.run()

    def _forget_link(self) -> None:
        if self.link is not None:
            self._on_lost(self.link)
        self.link = None
        self._conversation = None
        for request in list(self._requests):
            self.declined(
                request,
                "The connection was lost before the server confirmed; your text is kept on this machine.",
            )
