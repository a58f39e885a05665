"""The port for carrying frames between two peers. Transports know bytes, not documents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from jpterm_like.errors import JptermError


class TransportClosed(Exception):
    """The connection has ended. The sentence says why, if that is known."""

    def __init__(self, sentence: str = "The connection was closed.") -> None:
        super().__init__(sentence)
        self.sentence = sentence


class CannotConnect(JptermError):
    """Nobody answered, or not one of our servers."""


class NotAdmitted(CannotConnect):
    """The server requires a token, and it is missing or wrong."""


class Peer(NamedTuple):
    """The other end of a connection, as far as the transport knows it."""

    address: str
    """For the log."""
    uid: int | None = None
    """User of a local process, according to the kernel."""
    gid: int | None = None
    token: str | None = None
    """The token that was sent for admission. A secret."""
    forwarded: bool = False
    """Whether a proxy declares that it forwards the connection."""
    asked_path: str = "/"
    """Path that the request asked for as it arrived, decoded: a proxy may have taken its beginning away."""
    written_path: str | None = None
    """Path of the client's own address, decoded; None if it did not say."""


class Transport(Protocol):
    """An ordered, reliable stream of frames."""

    @property
    def peer(self) -> Peer:
        """The other end."""
        ...

    async def receive(self) -> bytes:
        """Wait for the next frame.

        Raises:
            TransportClosed: the connection has ended, and all frames were received.
        """
        ...

    def offer(self, take: Callable[[bytes], bool]) -> None:
        """Offer frames to `take` on arrival, where that saves a turn of the event loop; frames that it accepts skip
        `receive`."""
        ...

    def has_room(self) -> bool:
        """Whether more frames can be sent without piling up.

        Raises:
            TransportClosed: the connection has ended.
        """
        ...

    def send(self, frames: Sequence[bytes]) -> None:
        """Queue frames for sending, without waiting; check `has_room` first.

        Raises:
            TransportClosed: the connection has ended.
        """
        ...

    async def wait_for_room(self) -> None:
        """Wait until `has_room` is true.

        Raises:
            TransportClosed: the connection has ended.
        """
        ...

    async def close(self) -> None:
        """Close the connection, delivering sent frames if possible. Never raises; may be called twice."""
        ...
