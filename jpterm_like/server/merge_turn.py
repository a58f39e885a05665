"""How long one guest may take to bring its text of another history into a document, while the others wait.

Judged by progress and not by the clock: a slow line may need long for a large text, and whoever is cut off begins with nothing
again. Progress is counted in operations, which are characters: those of the document that the guest was sent, and those of
its own that came in.
"""

from __future__ import annotations

from typing import Final

from crdt import Version
from jpterm_like.sync.channel import Channel

STILL_S: Final = 20.0
"""A guest that makes no progress for so long loses its turn."""
PACE: Final = 16_000
"""Operations a second. A guest that is slower on average loses its turn when others wait, who are not to be held up by one that
sends a character each now and then. So whoever is faster than a telephone line comes to an end however many wait, and all
others go on among themselves; when nobody waits, the slowest comes to an end, too."""
BROUGHT_MAX: Final = 8_000_000
"""So many operations of its own count for the pace, lest somebody who writes without end keeps the turn without end: beside
the document's length this bounds a turn to some nine minutes."""


class Turn:
    """A turn that has begun; `now` in monotonic seconds.

    Args:
        goal: what the document had then, and the guest is to be sent.
    """

    def __init__(self, channel: Channel, goal: Version, now: float) -> None:
        self._channel = channel
        self._goal = goal
        self._began_at = self._moved_at = now
        self._moved = 0

    def is_over(self, now: float, *, others_wait: bool) -> bool:
        """Whether the guest has lost its turn."""
        channel = self._channel
        sent = self._goal.total - channel.cursor.version.missing(self._goal)
        brought = channel.pad.buffer.version.get(channel.site)
        if sent + brought > self._moved:
            self._moved, self._moved_at = sent + brought, now
        if now - self._moved_at >= STILL_S:
            return True
        allowed_s = STILL_S + (sent + min(brought, BROUGHT_MAX)) / PACE
        return others_wait and now - self._began_at >= allowed_s
