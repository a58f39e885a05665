"""Frames shared by all links of a pad: the newest of each kind is encoded once, for the first link that sends it.

A cache belongs to the owner of the links, which hands it to each of them: the server has one for each open document, a client one
for each channel. The pad knows nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from typing import NamedTuple, TypeVar

from jpterm_like.sync.pad import Progress
from jpterm_like.sync.presence import Person
from jpterm_like.sync.wire import Message, Presence, Shown, encode

C = TypeVar("C")


class SharedFrames(NamedTuple):
    """The frames that bring a peer of a pad from one state of it to a later one, the same for most peers."""

    start: Progress
    end: Progress
    likeness: tuple[object, ...]
    """Equal for the peers that may share them: the number of the channel, and the features of both sides."""
    frames: Sequence[bytes]
    origins: Set[object]
    """The peers that the text came from, which may be sent less of it."""
    sites: Set[int]
    """The sites whose carets are in the frames."""


class FrameCache:
    """See the module."""

    def __init__(self) -> None:
        self.shared: SharedFrames | None = None
        """The newest."""
        self._newest: dict[object, tuple[int, object, bytes]] = {}
        self._people: dict[tuple[type[Presence], int], tuple[int, Person, bytes]] = {}
        """By the kind of message and the site; as many as are here, of each kind."""

    def frame(self, make: Callable[[int, C], Message], channel: int, carried: C) -> bytes:
        """The frame of `make(channel, carried)`; the same object as long as `carried` is the same object."""
        newest = self._newest.get(make)
        if newest is not None and newest[1] is carried and newest[0] == channel:
            return newest[2]
        frame = encode(make(channel, carried))
        self._newest[make] = (channel, carried, frame)
        return frame

    def presence(self, kind: type[Presence], channel: int, site: int, person: Person | None) -> bytes:
        """The frame that shows a person on this channel, of the kind that the peer knows; None: the person of this site has left."""
        if person is None:
            for each in (Presence, Shown):
                self._people.pop((each, site), None)
            return encode(Presence(channel, site, "", None, None, here=False))
        newest = self._people.get((kind, site))
        if newest is not None and newest[1] is person and newest[0] == channel:
            return newest[2]
        shown = Shown(
            channel,
            site,
            person.name,
            person.caret,
            person.mark,
            here=True,
            calls=person.calls,
            colour=person.colour,
        )
        frame = encode(shown if kind is Shown else shown.without_colour)
        self._people[kind, site] = (channel, person, frame)
        return frame
