"""The port for whatever carries frames between two peers. Transports know bytes, not documents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from jpterm_like.errors import JptermError


class TransportClosed(Exception):
    """The line is down. The sentence says why, as far as it is known."""

    def __init__(self, sentence: str = "The connection was closed.") -> None:
        super().__init__(sentence)
        self.sentence = sentence


class CannotConnect(JptermError):
    """There is nobody at the other end, or it is not one of ours."""


class NotAdmitted(CannotConnect):
    """The other end wants to know who we are: a token is missing, or is not the right one."""


class Peer(NamedTuple):
    """Who is at the other end of a connection, as far as the carrier can tell."""

    address: str
    """For the log."""
    uid: int | None = None
    """The user of a process of this machine, as the kernel says."""
    gid: int | None = None
    token: str | None = None
    """What was sent to be let in. A secret."""
    forwarded: bool = False
    """Whether a proxy says that it passes on what came from elsewhere."""


class Transport(Protocol):
    """An ordered, reliable stream of frames, until it ends."""

    @property
    def peer(self) -> Peer:
        """Who is at the other end."""
        ...

    async def receive(self) -> bytes:
        """The next frame.

        Raises:
            TransportClosed: there will be no more.
        """
        ...

    def offer(self, take: Callable[[bytes], bool]) -> None:
        """Offer frames to `take` as they come, if that spares a turn of the event loop; those that it takes are not received."""
        ...

    def has_room(self) -> bool:
        """Whether the other side keeps up with what was handed over before.

        Raises:
            TransportClosed: nothing can arrive any more.
        """
        ...

    def send(self, frames: Sequence[bytes]) -> None:
        """Hand over frames, which never waits: ask `has_room` before.

        Raises:
            TransportClosed: they cannot arrive any more.
        """
        ...

    async def room(self) -> None:
        """Wait until there is room again.

        Raises:
            TransportClosed: nothing can arrive any more.
        """
        ...

    async def close(self) -> None:
        """End it, delivering what was sent where possible. Never raises; may be called twice."""
        ...
