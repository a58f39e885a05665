"""What a link reports to the shell that runs it.

Where an event would only repeat a message, it is the message: a request that passed all checks (`wire.Request`), an answer
(`wire.Answer`, `wire.Refuse`), a `wire.Notice`, a `wire.Renamed`. The events here are those that a link has worked out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from crdt import Version
from jpterm_like.sync import wire
from jpterm_like.sync.ancestry import Ancestor
from jpterm_like.sync.unsaved_work import Discard

KICKED: Final = "kicked"
"""The code of an end that an owner asked for: the client comes back when the person asks for it, and not on its own."""
MISTAKE: Final = "mistake"
"""The code of an end because of a bug of ours."""


@dataclass(frozen=True, slots=True)
class Greeted:
    """The peer speaks our protocol: channels can be opened."""

    name: str
    """Of the person; empty when the peer is a server."""
    server: bytes = b""
    """Client: the server's identity; empty if it has none, or is of release 0.1.0."""


@dataclass(frozen=True, slots=True)
class OpenRequested:
    """The peer asks to open a pad: answer with `admit` or `refuse`. Server only."""

    channel: int
    path: str
    create: bool
    site: int
    """Of the client's opening; must not be live on another link."""
    merging: bool
    """The client will bring in a text of another history: one at a time, until `wire.Merged`."""
    lineage: bytes | None
    """Of what it has of the pad already, under this name; None if that is nothing."""
    version: Version
    """What it has."""
    document: bytes = b""
    """The identity of what it has; empty if it did not say."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """The server opened the pad, and we share its history. Client only."""

    channel: int
    document: bytes = b""
    """The document's identity; empty if the server did not say."""


@dataclass(frozen=True, slots=True)
class AncestorNoted:
    """A peer said what of another history is in a pad, or will be: a server passes it on to the others."""

    channel: int
    note: Ancestor


@dataclass(frozen=True, slots=True)
class OtherHistory:
    """The server's document has another history than ours, other content under the same ids, or ours under other ids. Client only.

    The channel is closed again: the caller must join with nothing and merge its own text in.
    """

    channel: int
    diverged: bool
    """The history is the same, but a site was used twice in it."""


@dataclass(frozen=True, slots=True)
class Received:
    """More has come of what the server had when it opened the pad, and not all of it yet. Client only."""

    channel: int
    share: float
    """Of what was missing then, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """We have everything that the server had when it opened the pad. Client only."""

    channel: int


@dataclass(frozen=True, slots=True)
class DiscardNoted:
    """Somebody discarded unsaved work; the pad has the note. Client only."""

    channel: int
    discard: Discard


@dataclass(frozen=True, slots=True)
class Left:
    """The peer closed a channel, or was removed from it. Server only."""

    channel: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The link is over."""

    code: str
    sentence: str
    retry_after_s: float

    @property
    def is_kick(self) -> bool:
        """Whether an owner disconnected us, so that reconnecting on our own would be wrong."""
        return self.code == KICKED


Event = (
    wire.Message | Greeted | OpenRequested | Admitted | AncestorNoted | OtherHistory | Received | CaughtUp
    | DiscardNoted | Left | Ended
)  # fmt: skip
