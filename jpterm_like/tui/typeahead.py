"""Type-ahead: a queue of keys that wait for the keys before them.

Textual sends each key to the widget that has the focus when the key arrives. On a slow connection many keys arrive together, and
the first may move the focus: of `ctrl+g 12 enter` and a word, the word would go to the field for the line number and be lost with
it. Here a key waits until the one before it was handled and any widget that it opened is mounted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import Final

from textual import events
from textual.message_pump import MessagePump

PATIENCE_S: Final = 5.0
"""The longest that a key waits: better a key in the wrong place than a dead keyboard."""

LOOK_S: Final = 0.002
"""How often a waiting key checks whether the widget that was opened is mounted."""

LETTERS: Final = "letters"
"""The name of a key event that carries several letters."""

TypedEvent = events.Key | events.Paste


def typed(event: TypedEvent) -> str | None:
    """The text that a key types, or None. Joiners count as text: input methods send emoji in pieces."""
    if isinstance(event, events.Paste):
        return None
    text = event.character
    if not text or event.key.startswith(("ctrl+", "alt+", "super+", "hyper+", "meta+")):
        return None
    return text if all(character >= " " and not "\x7f" <= character < "\xa0" for character in text) else None


class TypeAhead:
    """Sends keys on in their order, one at a time; letters together, where they go into a text."""

    def __init__(
        self,
        app: MessagePump,
        send: Callable[[TypedEvent], Awaitable[Sequence[MessagePump]]],
        is_ready: Callable[[], bool],
        is_typing: Callable[[], bool],
    ) -> None:
        """Create an empty queue.

        Args:
            app: keys are sent as messages of this pump.
            send: sends a key, and returns the pumps that its messages pass: the key is done when each of them, in this order,
                has handled the messages that were waiting.
            is_ready: whether everything that was opened can take keys.
            is_typing: whether letters go into a text now, so that several may be inserted at once when they arrive faster than
                they can be shown.
        """
        self._app = app
        self._send = send
        self._is_ready = is_ready
        self._is_typing = is_typing
        self._keys: deque[TypedEvent] = deque()
        self._sent_at: float | None = None
        """When the key that is not done yet was sent."""
        self._unready_since: float | None = None
        self._looks = False
        self._is_due = False

    async def add(self, event: TypedEvent) -> None:
        """Add a key; it is sent at once unless others wait."""
        self._keys.append(event)
        if self._app.message_queue_size:
            self._go_on_soon()
        else:
            await self._go_on()

    def _go_on_soon(self) -> None:
        """Send the next key after the messages that the app has waiting."""
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
        """Follow a key through its pumps; after the last one, the next key may be sent."""
        while route and sent_at == self._sent_at:
            if route.pop(0).call_later(self._follow, route, sent_at):
                return
        if sent_at == self._sent_at:
            self._sent_at = None
            if self._keys:
                self._go_on_soon()

    def _look(self) -> None:
        self._looks = False
        self._go_on_soon()  # after a change of the focus in between
