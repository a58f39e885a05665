"""The guests that are behind relays: at the owner of a document, each is a connection whose frames travel on the line of its relay.

So whatever concerns a guest, a request, a notice, a role, a ban, is done here as for everybody else. Text and carets are not among it: they
go to the relay once for all of its guests (`sync.stand_in`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from jpterm_like.access.permissions import Role
from jpterm_like.files.access_control import PathPermissions
from jpterm_like.server.admission import Admission
from jpterm_like.server.connections import Connection
from jpterm_like.server.moderation import Moderation
from jpterm_like.sync import events, wire
from jpterm_like.sync.channel import Channel
from jpterm_like.sync.stand_in import StandIn


class RelayedRights:
    """What a relay found that its guest may do: in the one document that it relays to them."""

    can_be_raised = True

    def __init__(self, who: str, role: Role, document: Callable[[], str]) -> None:
        self.who = who
        self._role = role
        self._document = document

    def is_valid(self) -> bool:
        return True  # the relay looks each second, as this server does for its own guests

    def may_run(self) -> bool:
        return False

    def concerns(self, name: str) -> bool:
        return name == self._document()

    def role(self, name: str, path: Path, sources: Sequence[PathPermissions] = ()) -> Role | None:
        return self._role if self.concerns(name) else None


class RelayedConnection(Connection):
    """A guest behind a relay.

    Args:
        relay: the connection of the relay.
        channel: its channel for the document.
        guest: the number by which it calls the guest.
    """

    def __init__(
        self, relay: Connection, channel: int, guest: int, role: Role, who: str, moderation: Moderation
    ) -> None:
        now = asyncio.get_running_loop().time()

        def name() -> str:
            opened = relay.documents.get(channel)
            return "" if opened is None else opened.document.name

        rights = moderation.changeable(RelayedRights(who, role, name))
        super().__init__(StandIn("server", "", now), rights)
        self.link: StandIn
        self.relay = relay
        self.channel = channel
        self.guest = guest

    @property
    def is_line(self) -> bool:
        return False

    def text_channel(self, number: int) -> Channel | None:
        return self.relay.link.channels.get(self.channel)

    def note_site(self, site: int) -> None:
        behind = self._behind
        if behind is not None:
            behind.add(site)

    def forget_site(self, site: int) -> None:
        behind = self._behind
        if behind is not None:
            behind.discard(site)

    @property
    def _behind(self) -> set[int] | None:
        channel = self.relay.link.channels.get(self.channel)
        return None if channel is None else channel.behind

    def wake(self) -> None:
        self.flush()

    def flush(self) -> None:
        if not self.link.has_answers:
            return
        for frame in self.link.take_frames(asyncio.get_running_loop().time()):
            self.relay.link.pass_frame(self.channel, self.guest, frame)
        self.relay.wake()


class RelayedGuests:
    """See the module.

    Args:
        connections: all that there are; those of guests are added.
        handle: handles an event of a connection.
    """

    def __init__(
        self,
        connections: set[Connection],
        admission: Admission,
        moderation: Moderation,
        handle: Callable[[Connection, events.Event], Awaitable[None]],
    ) -> None:
        self._connections = connections
        self._admission = admission
        self._moderation = moderation
        self._handle = handle
        self._guests: dict[tuple[Connection, int, int], RelayedConnection] = {}

    async def handle(self, relay: Connection, message: wire.Arrived | wire.Departed | wire.Passed) -> None:
        """Handle what a relay says of its guests, or passes on of them."""
        key = relay, message.channel, message.guest
        guest = self._guests.get(key)
        match message:
            case wire.Arrived(channel, number, who, role) if guest is None:
                guest = RelayedConnection(relay, channel, number, role, who, self._moderation)
                self._guests[key] = guest
                self._connections.add(guest)
            case wire.Departed() if guest is not None:
                self._leave(key, guest)
            case wire.Passed() if guest is not None:
                for event in guest.link.hear(message.frame, asyncio.get_running_loop().time()):
                    await self._handle(guest, event)
                guest.wake()

    def leave_all(self, relay: Connection, channel: int | None = None) -> None:
        """Have all guests leave that are behind a relay, or behind one channel of it: its line has ended."""
        for key, guest in list(self._guests.items()):
            if key[0] is relay and channel in (None, key[1]):
                self._leave(key, guest)

    def _leave(self, key: tuple[Connection, int, int], guest: RelayedConnection) -> None:
        del self._guests[key]
        self._connections.discard(guest)
        self._admission.leave_all(guest)
