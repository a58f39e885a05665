"""Type-ahead: keys that have come, and whose turn it is not yet.

Textual hands each key at once to the widget that has the keyboard when the key comes. Over a slow line many come together,
and the first of them may give the keyboard to somebody else: of `ctrl+g 12 enter` and a word, the word would go to the line
in which one types numbers, and with it. Here a key waits until the one before it was done and what that opened is there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic

from textual import events
from textual.message_pump import MessagePump

# Nothing is waited for any longer than this, in seconds: better a key in the wrong place than a dead keyboard.
PATIENCE_S = 5.0

# How long until it is looked again whether what was opened is there, in seconds.
LOOK_S = 0.002

# The key of several letters that are put in as one.
LETTERS = "letters"

TypedEvent = events.Key | events.Paste


def typed(event: TypedEvent) -> str | None:
    """The text that a key stands for, or None. Joiners count: input methods send emoji in pieces."""
    if isinstance(event, events.Paste):
        return None
    text = event.character
    if not text or event.key.startswith(("ctrl+", "alt+", "super+", "hyper+", "meta+")):
        return None
    return text if all(character >= " " and not "\x7f" <= character < "\xa0" for character in text) else None


class TypeAhead:
    """The keys in the order in which they came, handed on one by one; letters together, to who wants them so."""

    def __init__(
        self,
        app: MessagePump,
        send: Callable[[TypedEvent], Awaitable[Sequence[MessagePump]]],
        is_ready: Callable[[], bool],
        is_typing: Callable[[], bool],
    ) -> None:
        """Begin with no keys.

        Args:
            app: in whose turns keys are handed on.
            send: hands a key on, and says through whom goes what it does: the key is done when each of these has done, in
                this order, what was waiting for it.
            is_ready: whether all that was opened can take keys.
            is_typing: whether letters go into a text now, so that some may be put there as one: they were pressed faster than
                they could be shown one by one.
        """
        self._app = app
        self._send = send
        self._is_ready = is_ready
        self._is_typing = is_typing
        self._keys: deque[TypedEvent] = deque()
        self._sent_at: float | None = None
        """When the key was handed on that is not done yet."""
        self._unready_since: float | None = None
        self._looks = False
        self._is_due = False

    async def add(self, event: TypedEvent) -> None:
        """Take a key that has come: it has its turn at once, unless more has come already."""
        self._keys.append(event)
        if self._app.message_queue_size:
            self._go_on_soon()
        else:
            await self._go_on()

    def _go_on_soon(self) -> None:
        """Hand on the next key behind what the app has to do already."""
        if not self._is_due:
            self._is_due = True
            self._app.call_later(self._go_on)

    async def _go_on(self) -> None:
        self._is_due = False
        if self._keys and not self._has_to_wait():
            sent_at = self._sent_at = monotonic()
            self._follow([*await self._send(self._next())], sent_at)

    def _next(self) -> TypedEvent:
        event = self._keys.popleft()
        if not self._keys or not self._is_typing():
            return event
        letters = typed(event)
        while letters and self._keys and (letter := typed(self._keys[0])):
            letters += letter
            event = events.Key(LETTERS, letters)
            self._keys.popleft()
        return event

    def _has_to_wait(self) -> bool:
        now = monotonic()
        if self._sent_at is not None and now - self._sent_at < PATIENCE_S:
            return True
        if self._is_ready():
            self._unready_since = None
            return False
        if self._unready_since is None:
            self._unready_since = now
        if now - self._unready_since >= PATIENCE_S:
            return False
        if not self._looks:
            self._looks = True
            self._app.set_timer(LOOK_S, self._look)
        return True

    def _follow(self, route: list[MessagePump], sent_at: float) -> None:
        """Go where a key went; the last one there lets the next key go."""
        while route and sent_at == self._sent_at:
            if route.pop(0).call_later(self._follow, route, sent_at):
                return
        if sent_at == self._sent_at:
            self._sent_at = None
            if self._keys:
                self._go_on_soon()

    def _look(self) -> None:
        self._looks = False
        self._go_on_soon()  # behind who was given the keyboard meanwhile
