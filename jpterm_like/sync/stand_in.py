"""The owner's link with a guest behind a relay: it hears what the guest asks, and sends no text.

The frames of such a link travel in `wire.Passed` on the channel of the relay. What is new in the pad is sent to the relay alone, once, and
the relay gives it to its guests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from crdt import Version
from jpterm_like.sync import wire
from jpterm_like.sync.channel import Channel, SilentChannel
from jpterm_like.sync.events import Event
from jpterm_like.sync.frame_cache import FrameCache
from jpterm_like.sync.link import Link
from jpterm_like.sync.pad import Pad
from jpterm_like.sync.wire import Role

_NOTHING: Final = Version().encode()

ALL_BYTES: Final = 1 << 40
"""More than ever waits for one guest: the line of the relay bounds that."""


class StandIn(Link):
    """See the module."""

    _is_merging = False

    def hear(self, frame: bytes, now: float) -> list[Event]:
        """Process a frame that the relay passed on; see `Link.receive`."""
        return self.receive(frame, now)

    def take_frames(self, now: float) -> Sequence[bytes]:
        """All frames that the relay is to pass on."""
        return self.next_frames(now, ALL_BYTES)

    def _channel_of(
        self, request: wire.Open, pad: Pad, known: Version, role: Role, frames: FrameCache | None
    ) -> Channel:
        self._is_merging = request.merging
        return SilentChannel(request.channel, pad, pad.cursor(known, self), role, request.site, self.features)

    def _say(self, message: wire.Message) -> None:
        if isinstance(message, wire.OpenedSince):
            # The relay has the pad, and knows how far that is. Only somebody who brings in a text of another history has to wait until it has
            # all that is here.
            version = message.version if self._is_merging else _NOTHING
            message = replace(message, version=version, digest=b"", stored=_NOTHING, saved=None)
        super()._say(message)
