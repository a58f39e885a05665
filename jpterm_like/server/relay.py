"""Documents that another node owns: this node relays each to its guests, as a client of the owner.

A relay is a pad with one line up, to the owner, and many to guests. It says *stored*, *saved* and who is there only as the owner said so.
What a guest asks for is passed on, and carried out by the owner (`server.relayed_guests`).

When the owner dies, pad and guests stay. The relay asks the storage for the document until somebody has it: if that is this node, the guests go
on in the document that it loads, which is given what its log lacks; if it is another one, the relay becomes that one's. A guest notices
that *stored* comes later, and nothing else. A node that lost a document it owned goes on as a relay with the pad that it has.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from crdt import ForeignOp, TextBuffer, Version
from jpterm_like.access.permissions import OWNER, Role
from jpterm_like.conversation import Conversation
from jpterm_like.errors import JptermError
from jpterm_like.server.admission import Admission
from jpterm_like.server.broadcast import Broadcast
from jpterm_like.server.connections import Connection, OpenDocument
from jpterm_like.server.moderation import Moderation
from jpterm_like.server.open_documents import OpenDocuments
from jpterm_like.server.shared_folder import SharedFiles
from jpterm_like.server.tasks import Tasks
from jpterm_like.storage.base import StoreElsewhere
from jpterm_like.sync import events, wire
from jpterm_like.sync.frame_cache import FrameCache
from jpterm_like.sync.link import Link
from jpterm_like.sync.pad import Pad
from jpterm_like.transports.base import CannotConnect, Transport

RETRY_S: Final = 0.1
"""Pause between two looks for an owner: the first that finds the lease ended takes the document."""
LOOK_S: Final = 1.0
"""Interval between two looks at the rights of guests, and at relays that nobody uses."""
FOUND_ANEW_S: Final = 0.2
"""Delay that guests are asked to keep whose text cannot go on here: they open it anew."""
UP_S: Final = 0.005
"""Shortest time between two frames to the owner."""
CHANNEL: Final = 0
"""The one channel of a line to an owner."""

UNANSWERED: Final = "The server of this text was replaced just now: look whether it was done, and try again."
NOT_RELAYED: Final = "Outputs of notebooks are not shown by a node that relays them."

log = logging.getLogger("jpterm_like.server.server")

Connect = Callable[[StoreElsewhere], Awaitable[Transport]]
"""Connects to the owner of a document.

Raises:
    CannotConnect: it does not answer.
"""


@dataclass(eq=False)
class RelayedOpening:
    """One opening of a guest in a document of another node."""

    relay: Relay
    connection: Connection
    number: int
    """Of the guest's channel."""
    guest: int
    """By which owner and relay call the guest."""
    wanted: events.OpenRequested
    role: Role
    """What this node found that the guest may do."""
    is_admitted: bool = False
    awaited: Version | None = None
    """What has to be here before the guest is admitted, once the owner has said that it may be."""
    answer: wire.Opened | wire.OpenedSince | None = None
    """The owner's answer that admitted the guest, or is about to."""
    requests: dict[int, wire.Request] = field(default_factory=dict)
    """What the owner was asked and has not answered yet."""


class Relay:
    """One document that another node owns."""

    def __init__(self, name: str, path: Path, pad: Pad | None = None) -> None:
        self.name = name
        self.path = path
        self.is_open = True
        self.has_text = pad is not None
        """Whether the pad has the owner's history; before, nobody is let in."""
        self.pad = Pad(TextBuffer(author="")) if pad is None else pad
        self.frames = FrameCache()
        self.identity = b""
        self.link: Link | None = None
        """With the owner, once it has let this node in."""
        self.line: Conversation | None = None
        self.guests: dict[int, RelayedOpening] = {}
        self.members: dict[tuple[Connection, int], int] = {}
        """The site of each guest who was let in."""
        self.waiting: list[RelayedOpening] = []
        """Guests whom the owner lets in, once some text has come that is to be here before."""
        self.idle_since: float | None = None
        self._is_up_due = False
        self._up_at = float("-inf")

    is_behind = False
    """Nothing is stored here; see `broadcast.Audience`."""

    def send_up(self) -> None:
        """Send what is new to the owner: at once, but not more often than every UP_S."""
        if self._is_up_due or self.line is None:
            return
        self._is_up_due = True
        loop = asyncio.get_running_loop()
        loop.call_at(max(loop.time(), self._up_at + UP_S), self._flush_up)

    def _flush_up(self) -> None:
        self._is_up_due = False
        self._up_at = asyncio.get_running_loop().time()
        if self.line is not None:
            self.line.flush()


class Relays:
    """All documents that this node relays.

    Args:
        handle: handles an event of a connection, as the server does.
        connect: connects to an owner; None: this server has no other nodes.
    """

    def __init__(
        self,
        documents: OpenDocuments,
        admission: Admission,
        broadcast: Broadcast,
        moderation: Moderation,
        tasks: Tasks,
        files: SharedFiles,
        handle: Callable[[Connection, events.Event], Awaitable[None]],
        connect: Connect | None,
    ) -> None:
        self._documents = documents
        self._admission = admission
        self._broadcast = broadcast
        self._moderation = moderation
        self._tasks = tasks
        self._files = files
        self._handle = handle
        self._connect = connect
        self._numbers = itertools.count()
        self.by_name: dict[str, Relay] = {}
        self._openings: dict[Connection, dict[int, RelayedOpening]] = {}
        """What each connection has open here, by channel."""
        self.taken = 0
        """Documents that this node has taken after their owner was lost."""
        self.lost = 0
        """Documents that this node owned and lost."""

    # ------------------------------------------------------------------ guests

    def open(
        self, connection: Connection, wanted: events.OpenRequested, name: str, path: Path, role: Role
    ) -> None:
        """Let a guest into a document that another node owns, once the owner has agreed."""
        relay = self.by_name.get(name)
        if relay is None:
            relay = self._begin(Relay(name, path))
        opening = RelayedOpening(relay, connection, wanted.channel, next(self._numbers), wanted, role)
        relay.guests[opening.guest] = opening
        relay.idle_since = None
        self._openings.setdefault(connection, {})[wanted.channel] = opening
        if relay.link is not None and relay.has_text:
            self._introduce(relay, opening)

    def _begin(self, relay: Relay) -> Relay:
        self.by_name[relay.name] = relay
        relay.pad.on_news.append(lambda: self._note_news(relay))
        self._tasks.start(self._stay(relay))
        return relay

    def _note_news(self, relay: Relay) -> None:
        if relay.is_open:
            self._broadcast.note(relay)
            relay.send_up()
            for opening in list(relay.waiting):
                if opening.awaited is not None and opening.awaited <= relay.pad.buffer.version:
                    self._admit(relay, opening)

    def _introduce(self, relay: Relay, opening: RelayedOpening) -> None:
        """Have the owner let a guest in, who may have been let in by the former one."""
        link, guest, wanted = relay.link, opening.guest, opening.wanted
        assert link is not None
        connection = opening.connection
        pad, theirs = relay.pad, connection.link
        site = wanted.site
        known = pad.buffer.version.get(site) if opening.is_admitted else wanted.version.get(site)
        lineage = pad.lineage if opening.is_admitted else wanted.lineage
        link.pass_on(wire.Arrived(CHANNEL, guest, connection.rights.who, opening.role, connection.may_run))
        said: list[wire.Message] = [
            wire.Hello(wire.PROTOCOL, wire.PROTOCOL, tuple(sorted(theirs.features)), theirs.peer_name)
        ]
        if wanted.document and not opening.is_admitted:
            said.append(wire.Known(opening.number, wanted.document))
        version = Version({site: known}) if known else Version()
        said.append(
            wire.Open(
                opening.number,
                relay.name,
                wanted.create,
                site,
                lineage,
                version if lineage is not None else Version(),
                b"",
                wanted.merging and not opening.is_admitted,
            )
        )
        said += opening.requests.values()
        for message in said:
            link.pass_frame(CHANNEL, guest, wire.encode(message))
        self._wake(relay)

    def _admit(self, relay: Relay, opening: RelayedOpening) -> None:
        """Let a guest in, as the owner said."""
        opening.awaited = None
        if opening in relay.waiting:
            relay.waiting.remove(opening)
        connection, number, site = opening.connection, opening.number, opening.wanted.site
        answer, link = opening.answer, connection.link
        if answer is None or not link.awaits_opening(number):
            return
        if any(theirs == site for theirs in relay.members.values()):
            link.refuse("site_taken", "This opening is live on another connection.", channel=number)
            self._forget(opening)
            connection.wake()
            return
        is_same = opening.wanted.lineage == relay.pad.lineage
        relay.pad.reserved[site] = opening.wanted.version.get(site) if is_same else 0
        relay.members[connection, number] = site
        opening.is_admitted = True
        if relay.link is not None and (channel := relay.link.channels.get(CHANNEL)) is not None:
            assert channel.behind is not None
            channel.behind.add(site)
        is_owner = opening.role == "own"
        link.admit(number, relay.pad, answer.role, relay.identity, is_owner=is_owner, frames=relay.frames)
        connection.wake()

    def leave_all(self, connection: Connection) -> None:
        """Take a connection that has ended out of all documents."""
        for opening in list(self._openings.get(connection, {}).values()):
            self._leave(opening)
            connection.link.detach(opening.number)

    def _leave(self, opening: RelayedOpening) -> None:
        connection, number = opening.connection, opening.number
        relay, site = opening.relay, opening.wanted.site
        self._forget(opening)
        if relay.members.pop((connection, number), None) is None:
            return
        relay.pad.reserved.pop(site, None)
        relay.pad.leave(site, _now())
        if relay.link is not None and (channel := relay.link.channels.get(CHANNEL)) is not None:
            assert channel.behind is not None
            channel.behind.discard(site)

    def _forget(self, opening: RelayedOpening) -> None:
        relay = opening.relay
        if opening in relay.waiting:
            relay.waiting.remove(opening)
        self._drop(opening)
        if relay.guests.pop(opening.guest, None) is not None and relay.link is not None:
            # What the guest wrote goes first: afterwards it would be somebody else's.
            self._wake(relay)
            relay.link.pass_on(wire.Departed(CHANNEL, opening.guest))
            self._wake(relay)

    def _drop(self, opening: RelayedOpening) -> None:
        """Forget which channel an opening has."""
        theirs = self._openings.get(opening.connection, {})
        theirs.pop(opening.number, None)
        if not theirs:
            self._openings.pop(opening.connection, None)

    def handle(self, connection: Connection, event: events.Event) -> bool:
        """Handle what a guest asks for in a document of another node; False if the event is about something else."""
        theirs = self._openings.get(connection)
        if theirs is None:
            return False
        channel = getattr(event, "channel", None)
        opening = theirs.get(channel) if isinstance(channel, int) else None
        if opening is None:
            return False
        relay = opening.relay
        match event:
            case events.Left(number):
                self._leave(opening)
                connection.link.detach(number)
            case events.AncestorNoted(_, note):
                for other, at in relay.members:
                    if other is not connection and at in other.link.channels:
                        other.link.send_ancestor(at, note)
                        other.wake()
                if relay.link is not None:
                    relay.link.send_ancestor(CHANNEL, note)
                    self._wake(relay)
            case wire.OpenRecords() | wire.RunningRequest():
                connection.link.refuse("missing", NOT_RELAYED, request=event.request)
                connection.wake()
            case wire.Request():
                opening.requests[event.request] = event
                if relay.link is not None:
                    self._pass_up(relay, opening, event)
        return True

    def _pass_up(self, relay: Relay, opening: RelayedOpening, message: wire.Message) -> None:
        """Pass on what a guest asks, behind everything that it did before."""
        path = getattr(message, "path", None)
        if isinstance(path, str):
            named: Any = message
            message = replace(named, path=opening.connection.mount.local_name(path))
        assert relay.link is not None
        if relay.line is not None:
            relay.line.flush()
        relay.link.pass_frame(CHANNEL, opening.guest, wire.encode(message))
        self._wake(relay)

    # ------------------------------------------------------------------ the owner

    async def _stay(self, relay: Relay) -> None:
        """Keep a document: as a relay of whoever owns it, or as its owner once nobody does."""
        while relay.is_open:
            try:
                opened = await self._documents.open(relay.name, relay.path)
            except StoreElsewhere as owner:
                await self._converse(relay, owner)
            except JptermError as problem:
                log.warning("%s", problem)
            else:
                self._take(relay, opened)
                return
            if relay.is_open:
                await asyncio.sleep(RETRY_S)

    async def _converse(self, relay: Relay, owner: StoreElsewhere) -> None:
        """Be a client of the owner until that ends."""
        assert self._connect is not None
        if not owner.address:
            self._refuse_all(relay, wire.Refuse(CHANNEL, None, "busy", str(owner)))
            return
        try:
            transport = await self._connect(owner)
        except CannotConnect:
            return
        link = Link("client", "", _now(), is_relay=True)

        async def handle(event: events.Event) -> None:
            self._hear(relay, link, event)

        relay.line = Conversation(link, transport, handle)
        try:
            await relay.line.run()
        finally:
            relay.line = relay.link = None
            for opening in list(relay.guests.values()):
                self._refuse_unsure(opening)

    def _refuse_unsure(self, opening: RelayedOpening) -> None:
        """Refuse requests of which nobody knows whether the owner that is gone carried them out, and that must not be carried out twice."""
        for number, request in list(opening.requests.items()):
            if not request.shape.may_repeat:
                del opening.requests[number]
                opening.connection.link.refuse("busy", UNANSWERED, request=number)
                opening.connection.wake()

    def _hear(self, relay: Relay, link: Link, event: events.Event) -> None:
        match event:
            case events.Greeted():
                empty = not relay.has_text
                link.open(CHANNEL, relay.pad, relay.name, create=True, empty=empty)
            case events.Admitted(_, document):
                relay.identity, relay.link = document or relay.identity, link
                for note in relay.pad.ancestors:
                    link.send_ancestor(CHANNEL, note)
                behind = link.channels[CHANNEL].behind
                assert behind is not None
                behind.update(relay.members.values())
                for opening in list(relay.guests.values()):
                    if opening.is_admitted:
                        self._introduce(relay, opening)
            case events.CaughtUp():
                relay.has_text = True
                for opening in list(relay.guests.values()):
                    if not opening.is_admitted and opening.answer is None:
                        self._introduce(relay, opening)
            case events.OtherHistory():
                self._begin_anew(relay, link)
            case wire.Refuse(channel=channel, request=None) if channel is not None:
                if event.code not in ("busy", "diverged"):
                    self._refuse_all(relay, event)
                link.end("refused", event.sentence)
            case wire.Elsewhere():
                self._begin_anew(relay, link)
            case wire.Renamed(_, path):
                self.by_name.pop(relay.name, None)
                relay.name, relay.path = path, self._files.path_of(path)
                self.by_name[path] = relay
            case wire.Passed(_, guest, frame):
                if guest in relay.guests:
                    self._tell(relay, relay.guests[guest], wire.decode(frame))

    def _tell(self, relay: Relay, opening: RelayedOpening, message: wire.Message) -> None:
        """Tell a guest what the owner says."""
        connection, number = opening.connection, opening.number
        link, mount = connection.link, connection.mount
        match message:
            case wire.Welcome() | wire.Server() | wire.Document():
                return
            case wire.Opened() | wire.OpenedSince():
                former, opening.answer = opening.answer, message
                if opening.is_admitted:
                    if former is not None and former.role != message.role:
                        self._moderation.end_for_new_rights(connection)
                    return
                version = message.version
                opening.awaited = version if isinstance(version, Version) else Version.decode(version)
                if opening.awaited <= relay.pad.buffer.version:
                    self._admit(relay, opening)
                else:
                    relay.waiting.append(opening)
                return
            case wire.Refuse(channel=channel, request=None) if channel is not None:
                if opening.is_admitted:
                    link.end("moved", message.sentence, FOUND_ANEW_S)
                else:
                    self._forget(opening)
                    link.refuse(message.code, message.sentence, channel=channel)
            case wire.Refuse(request=request) if request is not None:
                opening.requests.pop(request, None)
                link.refuse(message.code, message.sentence, channel=message.channel, request=request)
            case wire.Elsewhere(_, path):
                self._forget(opening)
                link.lead_elsewhere(number, mount.client_name(path))
            case wire.Done(request, names):
                opening.requests.pop(request, None)
                link.done(request, names)
            case wire.Whereabouts(request, places):
                opening.requests.pop(request, None)
                there = tuple(place._replace(path=mount.client_name(place.path)) for place in places)
                link.answer_whereabouts(request, there)
            case wire.Answer():
                opening.requests.pop(message.request, None)
                link.answer(message)
            case wire.Bye():
                link.end(message.code, message.sentence, message.retry_after_ms / 1000)
            case wire.Ping():
                asked = self._admission.ask(connection)
                asked.add_done_callback(lambda _: self._pong(relay, opening))
            case wire.Renamed(_, path):
                link.notify_renamed(number, mount.client_name(path))
            case _:
                link.pass_on(message)
        connection.wake()

    def _pong(self, relay: Relay, opening: RelayedOpening) -> None:
        if opening.guest in relay.guests and relay.link is not None:
            relay.link.pass_frame(CHANNEL, opening.guest, wire.encode(wire.Pong()))
            self._wake(relay)

    def _wake(self, relay: Relay) -> None:
        if relay.line is not None:
            relay.line.wake()

    # ------------------------------------------------------------------ another owner

    def _take(self, relay: Relay, opened: OpenDocument) -> None:
        """Have the guests of a relay go on in the document, which this node owns now."""
        document = opened.document
        pad, former = document.pad, relay.pad
        self.taken += 1
        guests = list(relay.guests.values())
        self.close(relay)
        # What waits for its past is in no version: its author is to send it again.
        goes_on = relay.has_text and former.lineage == pad.lineage and not former.buffer.waiting
        told = former.stored <= pad.stored
        if goes_on:
            try:
                if missing := former.buffer.changes_since(pad.buffer.version):
                    pad.integrate(missing, self)
            except ForeignOp:
                goes_on = False
        for each in former.unread:
            pad.keep_unread(each.format, each.data, None)
        for person in former.people:
            pad.show(person, _now())
        for opening in guests:
            connection, number = opening.connection, opening.number
            self._drop(opening)
            channel = connection.link.channels.get(number)
            if opening.is_admitted and channel is not None and goes_on and told:
                self._hand_over(opening, opened)
            elif opening.is_admitted:
                # They were told that more is stored than is: they open it anew, and bring what they have.
                connection.link.end("moved", "The server's text was set back: opening it anew.", FOUND_ANEW_S)
                connection.wake()
            else:
                self._tasks.start(self._open_here(connection, opening.wanted), connection)
        self._broadcast.note(opened)
        if not opened.members:
            self._documents.close_soon_if_unused(opened)

    def _hand_over(self, opening: RelayedOpening, opened: OpenDocument) -> None:
        connection, number, wanted = opening.connection, opening.number, opening.wanted
        pad = opened.document.pad
        connection.link.move(number, pad, opened.frames)
        opened.members[connection, number] = wanted.site
        pad.reserved[wanted.site] = pad.buffer.version.get(wanted.site)
        connection.documents[number] = opened
        role = self._moderation.role(connection, opened)
        connection.roles[number] = opening.role if role is None else role
        connection.since[number] = _now()
        connection.wake()
        for request in opening.requests.values():
            self._tasks.start(self._ask_again(connection, request), connection)

    async def _ask_again(self, connection: Connection, request: wire.Request) -> None:
        await self._handle(connection, request)

    async def _open_here(self, connection: Connection, wanted: events.OpenRequested) -> None:
        await self._admission.open(connection, wanted)
        connection.wake()

    def lose(self, opened: OpenDocument) -> None:
        """Go on as a relay with a document that another node owns now, or that the storage took away. The caller has closed it, without its
        buffer."""
        document = opened.document
        self.lost += 1
        pad = document.pad
        pad.on_news.clear()
        pad.on_patch.clear()
        relay = Relay(document.name, document.path, pad)
        relay.identity = document.identity
        relay.frames = opened.frames
        for (connection, number), site in list(opened.members.items()):
            channel = connection.link.channels.get(number)
            if not connection.is_line or connection.link.is_relay or channel is None:
                connection.link.end("moved", "Another node owns the document now.")
                connection.wake()
                continue
            wanted = events.OpenRequested(
                number, document.name, True, site, False, pad.lineage, Version(), document.identity
            )
            role = connection.roles.pop(number, "view")
            connection.documents.pop(number)
            connection.since.pop(number, None)
            opening = RelayedOpening(relay, connection, number, next(self._numbers), wanted, role)
            opening.is_admitted = True
            relay.guests[opening.guest] = opening
            relay.members[connection, number] = site
            self._openings.setdefault(connection, {})[number] = opening
        self._begin(relay)

    def _begin_anew(self, relay: Relay, link: Link) -> None:
        """Forget what the pad has: the owner has another history, or other content under the same ids. Guests open it anew, and merge."""
        for opening in list(relay.guests.values()):
            if opening.is_admitted:
                opening.connection.link.end("moved", "The document has another history.", FOUND_ANEW_S)
                opening.connection.wake()
        link.end("moved", "The document has another history.")
        self.close(relay)
        waiting = [opening for opening in relay.guests.values() if not opening.is_admitted]
        for opening in waiting:
            self._drop(opening)
            self._tasks.start(self._open_here(opening.connection, opening.wanted), opening.connection)

    def _refuse_all(self, relay: Relay, refusal: wire.Refuse) -> None:
        """Pass on that the owner does not let this node into the document."""
        for opening in list(relay.guests.values()):
            link = opening.connection.link
            if opening.is_admitted:
                link.end("moved", refusal.sentence, FOUND_ANEW_S)
            else:
                self._forget(opening)
                link.refuse(refusal.code, refusal.sentence, channel=opening.number)
            opening.connection.wake()

    def close(self, relay: Relay) -> None:
        """Be the owner's client no more."""
        relay.is_open = False
        if self.by_name.get(relay.name) is relay:
            del self.by_name[relay.name]
        if relay.line is not None:
            relay.line.link.end("closed", "Nobody here needs the document any more.")
            relay.line.wake()

    async def run(self) -> None:
        """Look after all relays, for ever."""
        while True:
            await asyncio.sleep(LOOK_S)
            now = _now()
            for relay in list(self.by_name.values()):
                relay.pad.presences.expire(now)
                for opening in list(relay.guests.values()):
                    rights = opening.connection.rights
                    if rights is not OWNER and rights.role(relay.name, relay.path) != opening.role:
                        self._moderation.end_for_new_rights(opening.connection)
                if not relay.guests and relay.pad.buffer.version <= relay.pad.stored:
                    if relay.idle_since is not None:
                        self.close(relay)
                    relay.idle_since = now


def _now() -> float:
    return asyncio.get_running_loop().time()
