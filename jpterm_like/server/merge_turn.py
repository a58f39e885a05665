"""Bound the turn in which one connection merges its text of another history into a document, while others wait.

The bound is on progress and not on time: a slow connection may need long for a large text, and one that is cut off has to start
again. Progress is counted in operations, which are characters: those of the document that the client was sent, and its own
that arrived.
"""

from __future__ import annotations

from typing import Final

from crdt import Version
from jpterm_like.sync.channel import Channel

STILL_S: Final = 20.0
"""A turn ends after this long without progress."""
PACE: Final = 16_000
"""Operations per second. A turn that is slower on average ends if others wait, so nobody is held up by a client that sends a
character now and then. A connection faster than a telephone line thus finishes however many wait; if nobody waits, the slowest
finishes, too."""
BROUGHT_MAX: Final = 8_000_000
"""Most operations of a client's own that count for its pace. Otherwise one that never stops writing would keep the turn for ever;
besides the time for the document itself, this bounds a turn to about nine minutes."""


class Turn:
    """The progress of one turn; `now` is in monotonic seconds.

    Args:
        goal: the version of the document at the beginning, all of which the client is to be sent.
    """

    def __init__(self, channel: Channel, goal: Version, now: float) -> None:
        self._channel = channel
        self._goal = goal
        self._began_at = self._moved_at = now
        self._moved = 0

    def is_over(self, now: float, *, others_wait: bool) -> bool:
        """Return whether the turn has ended for lack of progress."""
        channel = self._channel
        sent = self._goal.total - channel.cursor.version.missing(self._goal)
        brought = channel.pad.buffer.version.get(channel.site)
        if sent + brought > self._moved:
            self._moved, self._moved_at = sent + brought, now
        if now - self._moved_at >= STILL_S:
            return True
        allowed_s = STILL_S + (sent + min(brought, BROUGHT_MAX)) / PACE
        return others_wait and now - self._began_at >= allowed_s
