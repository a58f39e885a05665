"""One conversation about pads with one peer: frames in, events and frames out.

A link is pure: no socket, no coroutine, no clock. The shell gives it the frames that came (`receive`), asks for
those to send (`next_frames`) whenever a pad has news or a timer is due (`tick`, `next_time`), and answers the
events that need the outside world (a pad to be opened, a file to be saved). What a message may do in which
state is one table, `_HANDLERS`.

The life of a link::

    client  greeting ──Welcome──▶ live ──Bye, nonsense, silence──▶ ended
    server  greeting ──Hello────▶ live ──Bye, nonsense, silence──▶ ended

and of a channel on it::

    client  wanted ──Opened──▶ open ──Close──▶ (gone)          server  wanted ──admit──▶ open ──Close──▶ (gone)
                   ──Refuse─▶ (gone)                                           ──refuse─▶ (gone)

Nothing here retries: after an outage there is a new link, and both sides' versions say what to send.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

from crdt import Contradiction, ForeignOp, Irrevocable, Version
from crdt.ids import genesis_site
from jpterm_like.sync import wire
from jpterm_like.sync.ancestry import ANCESTORS_MAX, Ancestor, is_told
from jpterm_like.sync.log import Cursor
from jpterm_like.sync.pad import Pad, Stand
from jpterm_like.sync.unsaved_work import Discard

SILENCE_PING_S: Final = 5.0
"""After this long without a word from the peer we ask whether it is there."""
SILENCE_END_S: Final = 15.0
"""After this long it is taken for gone: two questions went unanswered. Bounds how long "connected" can be wrong."""
PRESENCE_GAP_S: Final = 0.05
"""Carets are sent at most this often; text is never held back by it."""
QUEUE_MAX: Final = 1000
"""Answers waiting to be sent. A peer that asks without reading the answers is cut off."""
CHANNELS_MAX: Final = 256
SITES_MAX: Final = 2_000_000
"""In the versions of one peer's openings, all together: some 100 bytes of memory each. One opening has room for a million."""
PEOPLE_AT_ONCE: Final = 256
"""So many carets are told in one go."""
REQUESTS_MAX: Final = 64
"""Of one peer, that are being carried out; further ones are refused until some of them are done."""
OVERLAP: Final = 32
"""Operations of a site that are sent although the peer has them. Two texts that are the same for so long at the place
where they part are rare, and are found by the digest a little later."""
STRIKES_MAX: Final = 8
"""How often one peer may send operations that contradict ours before it is cut off."""
KICKED: Final = "kicked"
"""The code of an end that an owner wanted: who hears it comes back when the person asks for it, and not by itself."""
MISTAKE: Final = "mistake"
"""The code of an end that nobody wanted: something of ours failed."""
UNKNOWN_MAX: Final = 1000
"""Messages of unknown numbers from one peer: so many are skipped, the next one ends the link."""
PAGES: Final = "pages"
"""Names of pads come in pages: messages 28 and 29."""
DISCARDING: Final = "discarding"
"""Unsaved work is discarded without writing, and others are told: messages 42 to 44."""
IDENTITY: Final = "identity"
"""It is told which server and which document this is, and what of other histories is in it: messages 32 to 36."""
VERSIONS: Final = "versions"
"""Versions are told as differences to what the peer knows, and in pieces where they are long: messages 30, 31 and 52."""
FORMATS: Final = "formats"
"""Operations in formats that are not known are kept and passed on."""
FEATURES: Final[tuple[str, ...]] = ("held", PAGES, DISCARDING, "restart", IDENTITY, VERSIONS, FORMATS)
"""What this release can do beyond the protocol. A message that came with a feature is sent only to peers that have it
too (`Link.features`); the shape of a message never changes, a new one has a new number."""

UNREAD: Final = (
    "Somebody here uses a newer release of jpterm-like. Some of what they did is kept, and cannot be shown: update yours to "
    "see it."
)

MORE_NAMES: Final = "../ (there are more files than fit here; a newer jpterm-like lists them all)"
"""The last of the names that a peer without pages is given, if it is not given all: it names no file that can be opened."""

OLD_VERSION_BYTES_MAX: Final = 512 * 1024
"""Of a version that a peer without these features takes."""
SITE_HELD_BYTES: Final = 96
"""About so much a site takes in a version that nobody shares."""
TOO_LONG: Final = "This file was opened too often for your release of jpterm-like; update it to open it."
CHECK_LENGTH_MAX: Final = 4_000_000
"""Code points. A longer text is compared with the server's when the line is made, not while it is up: each look at all of it holds
everybody up."""
CHECK_SITES_MAX: Final = 10_000
"""Of a pad in which more sites wrote, texts are compared at the opening only: each question has the whole version."""

Side = Literal["client", "server"]
Role = Literal["edit", "view"]


# ---------------------------------------------------------------------- events


@dataclass(frozen=True, slots=True)
class Greeted:
    """The peer speaks our protocol: channels can be opened."""

    name: str
    """Of the person; empty when the peer is a server."""
    server: bytes = b""
    """Client: the server's identity; empty if it does not tell any."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A pad is wanted: answer with `admit` or `refuse`. Server only."""

    channel: int
    path: str
    create: bool
    site: int
    """Of the client's opening; must not be live on another link."""
    merging: bool
    """It will bring in a text of another history: one at a time, until `MergeDone`."""
    lineage: bytes | None
    """Of what it has of the pad already, under this name; None if that is nothing."""
    version: Version
    """What it has."""
    document: bytes = b""
    """The identity of what it has; empty if it does not tell any."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """The server opened the pad, and we share its history. Client only."""

    channel: int
    document: bytes = b""
    """The document's identity; empty if the server does not tell any."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The name is another document's now; the one that we have has this one. Nothing was opened. Client only."""

    channel: int
    path: str


@dataclass(frozen=True, slots=True)
class AncestorTold:
    """A peer told what of another history is in a pad, or will be: a server tells the others."""

    channel: int
    note: Ancestor


@dataclass(frozen=True, slots=True)
class OtherHistory:
    """The server's document has another history than ours, or other content under the same ids. Client only.

    The channel is closed again: the caller must join with nothing and merge its own text in.
    """

    channel: int
    diverged: bool
    """The history is the same, but a site was used twice in it."""


@dataclass(frozen=True, slots=True)
class Gained:
    """More is here of what the server had when it opened the pad, and not all of it yet. Client only."""

    channel: int
    share: float
    """Of what was missing then, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """We have everything that the server had when it opened the pad. Client only."""

    channel: int


@dataclass(frozen=True, slots=True)
class SaveWanted:
    """The plain file is to be written: answer with `done` or `refuse`. Server only."""

    channel: int
    request: int


@dataclass(frozen=True, slots=True)
class TakeBackWanted:
    """What came last from the plain file is to be taken back, or that done again: answer with `done` or `refuse`."""

    channel: int
    request: int
    again: bool


@dataclass(frozen=True, slots=True)
class CompareWanted:
    """The plain file is to be compared with the text: answer with `done` or `refuse`. Server only."""

    channel: int
    request: int


@dataclass(frozen=True, slots=True)
class DiscardNoted:
    """The peer discarded unsaved work of others, who are to be told: answer with `done` or `refuse`. Server only."""

    channel: int
    request: int
    discard: Discard


@dataclass(frozen=True, slots=True)
class DiscardTold:
    """Somebody discarded unsaved work; the pad has the note. Client only."""

    channel: int
    discard: Discard


@dataclass(frozen=True, slots=True)
class RenameWanted:
    """The plain file is to have another name: answer with `done` or `refuse`. Server only."""

    channel: int
    request: int
    path: str


@dataclass(frozen=True, slots=True)
class DeleteWanted:
    """The plain file is to be deleted: answer with `done` or `refuse`. Server only."""

    channel: int
    request: int


@dataclass(frozen=True, slots=True)
class RestartWanted:
    """The history is to begin anew: answer with `done` or `refuse`. Server only."""

    channel: int
    request: int


@dataclass(frozen=True, slots=True)
class Moved:
    """The pad has another name now. Client only."""

    channel: int
    path: str


@dataclass(frozen=True, slots=True)
class MergeDone:
    """The peer has brought its text in: answer with `done`. Server only."""

    channel: int
    request: int


@dataclass(frozen=True, slots=True)
class KickWanted:
    """Somebody is to be put out of a pad: answer with `done` or `refuse`. Server only."""

    channel: int
    request: int
    name: str


@dataclass(frozen=True, slots=True)
class ListWanted:
    """The names of the pads are wanted: answer with `give_names`. Server only."""

    request: int
    after: str
    """Those that come after this name."""


@dataclass(frozen=True, slots=True)
class Left:
    """The peer closed a channel, or was put out of it. Server only."""

    channel: int


@dataclass(frozen=True, slots=True)
class Told:
    """The server has something to say to the people of a pad. Client only."""

    sentence: str
    serious: bool


@dataclass(frozen=True, slots=True)
class Answered:
    """A request of ours was carried out."""

    request: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """A page of the names that we asked for."""

    request: int
    names: tuple[str, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """A request or a channel of ours was refused."""

    channel: int | None
    request: int | None
    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The link is over."""

    code: str
    sentence: str
    retry_after_s: float

    @property
    def is_kick(self) -> bool:
        """Whether somebody put us out, so that coming back by ourselves would be wrong."""
        return self.code == KICKED


Event = (
    Greeted | Wanted | Admitted | Elsewhere | AncestorTold | OtherHistory | Gained | CaughtUp | SaveWanted | TakeBackWanted
    | MergeDone | KickWanted | RenameWanted | DeleteWanted | RestartWanted | Moved | ListWanted | Left | Told | Answered | Named
    | Refused | Ended | CompareWanted | DiscardNoted | DiscardTold
)  # fmt: skip


# ---------------------------------------------------------------------- channels


class Channel:
    """What one link has to do with one pad."""

    def __init__(
        self, number: int, pad: Pad, cursor: Cursor, role: Role, site: int, features: Set[str] = frozenset()
    ) -> None:
        self.number = number
        self.pad = pad
        self.role: Role = role
        self.site = site
        """Of the client's opening, on both sides."""
        self.features = features
        """What both sides of the link can do."""
        self.cursor = cursor
        self.requests: deque[
            wire.Save | wire.Merged | wire.TakeBack | wire.Rename | wire.Delete | wire.Compare | wire.Discard
        ] = deque()
        """Client: what is to be asked when everything that was done before is sent."""
        self.goal: Version | None = None
        """Client: what the server had at the opening, until we have it."""
        self.lacked = 0
        """Client: how many operations of that we lacked then."""
        self.had = 0
        """Client: how many we had then."""
        self.awaited: Version | None = None
        """Server: what the peer is to bring before it is sent any text."""
        self.held: Version | None = None
        """Server: a version of the peer's whose text the plain file held, if it told one."""
        self.sites_told = 0
        """Server: how many sites there were in the versions of the opening."""
        self.presence: wire.Presence | None = None
        """Client: my caret, until it is sent."""
        self.presence_at = float("-inf")
        """Client: when it was sent last."""
        self.has_more = False
        """Whether `news` had more to give than it gave."""
        self._stand: Stand | None = None
        """Server: where the peer stands, if that was where the pad stood at a time; the next three are of there then."""
        self._stored_sent = Version()
        self._saved_sent: Version | None = None
        self._is_set_back = False
        """Server: whether less was stored at a time than the peer was told, so that it is no ground for differences."""
        self._likeness: tuple[object, ...] = (number, features)
        """Server: peers of which this is equal can be told a step alike. Of a peer that was set back it is equal to nobody's."""
        self.revocable_only = False
        """Server: whether the peer may do nothing that the others could not take back: everybody but owners."""
        self._people_sent = 0
        self._unread_sent = 0

    def news(self, side: Side, now: float) -> Sequence[bytes]:
        """Frames that are owed to the peer, most urgent first: of text and people a part each, of the rest all."""
        if side == "client":
            return self._news_of_client(now)
        # At a tick nearly all peers of a pad come from one stand and go to one.
        step, start, end = self.pad.alike.step, self._stand, self.pad.stand
        if start is end:
            return ()
        if step is not None and step.start is start and step.end is end and self._is_alike(step):
            self.cursor.follow()
            self._reach(end)
            return step.frames
        return self._news_of_server(start, end)

    def _news_of_client(self, now: float) -> list[bytes]:
        frames: list[bytes] = []
        data = self.cursor.take(wire.CHANGES_BYTES_MAX)
        if data is not None and self.role == "edit":
            frames.append(self.pad.alike.frame(wire.Changes, self.number, data))
        while self.cursor.done and self.requests:
            frames.append(wire.encode(self.requests.popleft()))
        if self.cursor.done and self.presence is not None and now >= self.presence_at + PRESENCE_GAP_S:
            presence, self.presence = self.presence, None
            self.presence_at = now
            frames.append(wire.encode(presence))
        has_unread = self.role == "edit" and self._unread_sent != len(self.pad.unread)
        if has_unread:
            frames += self._unread()
        self.has_more = not self.cursor.done or has_unread
        return frames

    def _news_of_server(self, start: Stand | None, end: Stand) -> list[bytes]:
        pad = self.pad
        frames: list[bytes] = []
        if self.awaited is not None and self.awaited <= pad.buffer.version:
            self.awaited = None
        if self.awaited is None and (data := self.cursor.take(wire.CHANGES_BYTES_MAX)) is not None:
            frames.append(pad.alike.frame(wire.Changes, self.number, data))
        frames += self.kept()
        people, self._people_sent = pad.presences.since(self._people_sent, PEOPLE_AT_ONCE)
        frames += [
            pad.alike.presence(self.number, site, person) for site, person in people if site != self.site
        ]
        self.has_more = self._people_sent != end.people or not self.cursor.done
        if self._unread_sent != end.unread:
            frames += self._unread()
            start = None  # not everybody is told the same of these
            self.has_more |= self._unread_sent != end.unread
        if not self.has_more and self.awaited is None and self._saved_sent is end.saved:
            if start is not None and start.place >= pad.log.start:
                origin = pad.log.joined(start.place).origin if start.place != end.place else None
                step = wire.Step(start, end, self._likeness, frames, origin, {site for site, _ in people})
                if self._is_alike(step):
                    pad.alike.step = step
            self._reach(end)
        return frames

    def _unread(self) -> Iterator[bytes]:
        """A message of a format that is not known here, if there is one that the peer is to be passed on."""
        unread = self.pad.unread
        while self._unread_sent < len(unread):
            each = unread[self._unread_sent]
            self._unread_sent += 1
            if FORMATS in self.features and each.origin is not self.cursor.origin:
                yield wire.encode(wire.Changes(self.number, each.format, each.data))
                return

    def _is_alike(self, step: wire.Step) -> bool:
        """Whether this peer is to be told of a step what most are: nobody is sent what came from nobody else."""
        return (
            step.likeness == self._likeness
            and step.origin is not self.cursor.origin
            and self.site not in step.sites
        )

    def _reach(self, stand: Stand) -> None:
        self._stand = stand
        self._stored_sent, self._saved_sent, self._people_sent = stand.stored, stand.saved, stand.people

    def kept(self) -> Iterator[bytes]:
        """Server: what is new of what is on the disk and in the plain file."""
        pad = self.pad
        self._stand = None
        if pad.stored is not self._stored_sent:
            since = pad.stored_since(self._stored_sent)
            self._stored_sent = pad.stored
            if since.is_set_back:
                self._is_set_back, self._likeness = True, (object(),)
            yield from self._frames(wire.Stored, since.version)
        if pad.saved is not self._saved_sent and pad.saved <= pad.stored:
            self._saved_sent = pad.saved
            if VERSIONS in self.features and not self._is_set_back:
                yield from self._frames(wire.SavedSince, pad.saved_since_stored())
            else:
                yield from self._frames(wire.Saved, pad.saved)

    def _frames(
        self, kind: type[wire.Stored | wire.Saved | wire.SavedSince], version: Version | bytes
    ) -> list[bytes]:
        frame = self.pad.alike.frame(kind, self.number, version)
        return wire.cut(frame) if VERSIONS in self.features else [frame]

    def opened(self, request: wire.Open) -> wire.Opened | wire.OpenedSince:
        """Server: the answer to an opening."""
        pad = self.pad
        self._stored_sent = pad.stored
        if pad.saved <= pad.stored:
            self._saved_sent = pad.saved
        lineage, version = pad.buffer.lineage, pad.buffer.version
        saved = self._saved_sent or Version()
        same = request.lineage == lineage and request.version == version
        digest = pad.digest() if same else b""
        if VERSIONS not in self.features:
            return wire.Opened(self.number, self.role, lineage, version, digest, pad.stored, saved)
        return wire.OpenedSince(
            self.number,
            self.role,
            lineage,
            version.encode_since(request.version),
            digest,
            pad.stored.encode_since(version),
            saved.encode_since(version) if saved else None,
        )


# ---------------------------------------------------------------------- the link


def _agreed(features: Sequence[str]) -> frozenset[str]:
    """What both sides can do."""
    return _shared(frozenset(FEATURES).intersection(features))


@cache
def _shared(features: frozenset[str]) -> frozenset[str]:
    """The one set that is equal to this one: so peers are compared at each tick by a look. There are no more than subsets of ours."""
    return features


class Link:
    """See the module.

    Args:
        side: who connected is the client.
        name: of the person at this side; empty for a server.
        now: monotonic seconds, here and everywhere.
        identity: of the server at this side, if it has one.
    """

    def __init__(self, side: Side, name: str, now: float, identity: bytes = b"") -> None:
        self.side: Side = side
        self.name = name
        self.peer_name = ""
        self.features: frozenset[str] = frozenset()
        """What both sides can do beyond the protocol; known once the link is live."""
        self.unknown = 0
        """How many messages of unknown numbers were skipped."""
        self.state: Literal["greeting", "live", "ended"] = "greeting"
        self.ended: Ended | None = None
        """How it ended."""
        self.channels: dict[int, Channel] = {}
        self._identity = identity
        self._is_greeted = False
        self._known: dict[int, bytes] = {}  # server: the documents that are told before they are wanted
        # Client: for the channels in _wanted, what is told of a document before it is opened.
        self._documents: dict[int, wire.Document] = {}
        self._ancestors: dict[int, list[Ancestor]] = {}
        self._proofs: dict[int, frozenset[int]] = {}
        """Client: for channels in _wanted, sites of which the server has one if it has the history of what we have."""
        self._wanted: dict[int, wire.Open] = {}
        self._pads: dict[int, Pad] = {}  # client: for the channels in _wanted
        self._held: tuple[int, Version] | None = None  # server: told for the channel that is opened next
        self._wanted_held: dict[int, Version] = {}  # server: the same for the channels in _wanted
        self._closed: set[int] = set()  # channels whose last messages may still be on their way
        self._strikes = 0
        self._carrying_out = 0
        self._pieces = bytearray()
        """Those that have come of a long message."""
        self._pings: deque[int | None] = deque()
        """Those that were not answered yet, in their order: each with the request that its answer is to, if any."""
        self._out: deque[bytes] = deque()
        self._turn: Iterator[Channel] = iter(())  # whose news are next
        self.heard_at = now
        """When the peer was last heard, or its silence last excused."""
        self._asked_at = now
        self._events: list[Event] = []
        if side == "client":
            self._say(wire.Hello(wire.PROTOCOL_OLDEST, wire.PROTOCOL, FEATURES, name[: wire.NAME_LENGTH_MAX]))

    # ------------------------------------------------------------------ in

    def receive(self, frame: bytes, now: float) -> list[Event]:
        """Take in one frame. A peer that talks nonsense ends the link; nothing raises."""
        if self.state == "ended":
            return []
        self.heard_at = now
        try:
            message = wire.decode(frame)
            if isinstance(message, wire.Piece):
                whole = self._whole(message)
                if whole is None:
                    return []
                message = whole
            handler = _HANDLERS.get((self.side, self.state, type(message)))
            if handler is None:
                raise wire.ForeignMessage(f"{type(message).__name__} where it makes no sense")
            handler(self, message, now)
        except wire.UnknownMessage as problem:
            self.unknown += 1
            if self.state == "greeting" or self.unknown > UNKNOWN_MAX:
                self.end("nonsense", f"The other side sent something that cannot be understood: {problem}.")
        except (wire.ForeignMessage, ForeignOp) as problem:
            self.end("nonsense", f"The other side sent something that cannot be understood: {problem}.")
        return self._take_events()

    def _whole(self, piece: wire.Piece) -> wire.Message | None:
        """The message that ends with this piece; None if there is more of it to come."""
        if VERSIONS not in self.features:
            raise wire.ForeignMessage("a piece where it makes no sense")
        self._pieces += piece.data
        if len(self._pieces) > wire.LONG_BYTES_MAX:
            raise wire.ForeignMessage(f"more than {wire.LONG_BYTES_MAX} bytes in pieces")
        if piece.more:
            return None
        frame, self._pieces = bytes(self._pieces), bytearray()
        return wire.decode_long(frame)

    def receive_news(self, frame: bytes, now: float) -> bool:
        """Take in a frame if it is news of a pad and nothing is to be done about it; else it is left to `receive`."""
        if self.side == "client" or self.state != "live":
            return False
        try:
            message = wire.decode(frame)
            if not isinstance(message, (wire.Changes, wire.Presence)):
                return False
            channel = self.channels.get(message.channel)
            if channel is None:
                return False
            if isinstance(message, wire.Changes) and channel.role == "edit" and not message.format:
                channel.pad.integrate(
                    message.data, self, revocable=channel.revocable_only, sender=channel.site
                )
            elif isinstance(message, wire.Presence) and message.site == channel.site:
                self._on_presence(message, now)
            else:
                return False
        except (wire.ForeignMessage, ForeignOp):
            return False
        self.heard_at = now
        return True

    def tick(self, now: float, *, is_reading: bool = True) -> list[Event]:
        """Look at the clock: ask a silent peer whether it is there, give up one that stays silent.

        With `is_reading` false what the peer said may be waiting to be read, so it is asked only.
        """
        if self.state == "ended":
            return []
        silence = now - self.heard_at
        if silence >= SILENCE_END_S and is_reading:
            self.end("silent", f"Nothing was heard from the other side for {silence:.0f} seconds.")
        elif silence >= SILENCE_PING_S and now - self._asked_at >= SILENCE_PING_S:
            self._asked_at = now
            self._pings.append(None)
            self._say(wire.Ping())
        return self._take_events()

    def excuse_silence(self, now: float) -> None:
        """Excuse the peer's silence: the line was full and has taken more, so the peer reads; or we did not read."""
        self.heard_at = now

    def next_time(self, now: float, *, is_reading: bool = True) -> float:
        """When to call `tick` and `next_frames` again at the latest."""
        time = max(self.heard_at, self._asked_at) + SILENCE_PING_S
        if is_reading:
            time = min(time, self.heard_at + SILENCE_END_S)
        for channel in self.channels.values():
            if channel.presence is not None:
                time = min(time, channel.presence_at + PRESENCE_GAP_S)
        return max(time, now)

    # ------------------------------------------------------------------ out

    @property
    def held_bytes(self) -> int:
        """About so much is kept for the peer beside the pads: what it has not taken, and what it says that it has."""
        said = [*(request.version for request in self._wanted.values()), *self._wanted_held.values()]
        sites = sum(map(len, said))
        for channel in self.channels.values():
            sites += len(channel.held or ())
            # what the pad has, too, is mostly shared with it
            sites += max(0, len(channel.cursor.version) - len(channel.pad.buffer.version))
        return SITE_HELD_BYTES * sites + len(self._pieces) + sum(map(len, self._out))

    @property
    def has_answers(self) -> bool:
        """Whether there is something to send that is no news of a pad."""
        return bool(self._out)

    def next_frames(self, now: float, limit_bytes: int) -> Sequence[bytes]:
        """The next frames to send; all that there are, or what channels owe until the limit is reached.

        What is taken counts as sent.
        """
        frames: Sequence[bytes] = ()
        if self._out:
            frames = self._take_answers(limit_bytes)
            limit_bytes -= sum(map(len, frames))
        if self.state != "live":
            return frames
        if len(self.channels) == 1 and not frames:
            # Nearly all links have one pad, and at a tick one look at it gives everything.
            [only] = self.channels.values()
            frames = only.news(self.side, now)
            if not frames or not only.has_more:
                return frames
            limit_bytes -= sum(map(len, frames))
        done = 0  # so many channels in a row have no more
        while limit_bytes > 0 and done < len(self.channels):
            channel = next(self._turn, None)
            if channel is None:
                self._turn = iter(tuple(self.channels.values()))
                continue
            news = channel.news(self.side, now)
            done = 0 if news and channel.has_more else done + 1
            if news:
                limit_bytes -= sum(map(len, news))
                frames = [*frames, *news] if frames else news
        return frames

    def _take_answers(self, limit_bytes: int) -> list[bytes]:
        frames: list[bytes] = []
        while self._out and limit_bytes > 0:
            frames.append(self._out.popleft())
            limit_bytes -= len(frames[-1])
        return frames

    def _say(self, message: wire.Message) -> None:
        if len(self._out) >= QUEUE_MAX:
            self._out.clear()
            self.end("slow", "The other side asks without reading the answers.")
            return
        frame = wire.encode(message)
        self._out.extend(wire.cut(frame) if VERSIONS in self.features else (frame,))

    # ------------------------------------------------------------------ what the client does

    def open(
        self,
        number: int,
        pad: Pad,
        path: str,
        *,
        create: bool,
        empty: bool = False,
        merging: bool = False,
        document: bytes = b"",
        is_unsure: bool = False,
    ) -> None:
        """Ask for a pad; `document` is the identity of what we have, if we want that and no other of the name.

        `empty`: we have nothing of it yet, so take the server's history whatever it is. `merging`: we have a text
        of another history, will edit it in, and then call `merged`. `is_unsure`: ours may be of another server, so the
        history is ours only if it has something of what that one stored.
        """
        buffer = pad.buffer
        lineage, version = (None, Version()) if empty else (buffer.lineage, buffer.version)
        request = wire.Open(number, path, create, buffer.site, lineage, version, b"", merging)
        self._wanted[number] = request
        self._pads[number] = pad
        self._documents.pop(number, None)
        self._ancestors.pop(number, None)
        self._proofs.pop(number, None)
        if is_unsure:  # all documents that began with the same text share that
            self._proofs[number] = frozenset(pad.stored) - {genesis_site(buffer.lineage)}
        self._closed.discard(number)
        if lineage is not None and pad.held and "held" in self.features:
            self._say(wire.Held(number, _beyond(pad.held, version)))
        if document and IDENTITY in self.features:
            self._say(wire.Known(number, document))
        self._say(request)

    def tell_ancestor(self, number: int, note: Ancestor) -> None:
        """Tell what of other histories is in the pad, or will be with what is sent after this."""
        if IDENTITY in self.features and not note.is_too_long:
            self._say(wire.Ancestor(number, note.version, note.after))

    def save(self, number: int, request: int) -> None:
        """Have the plain file written, with everything that was done here before this call."""
        self.channels[number].requests.append(wire.Save(number, request))

    def merged(self, number: int, request: int) -> None:
        """Say that what was done here before this call brought our text of another history in."""
        self.channels[number].requests.append(wire.Merged(number, request))

    def take_back(self, number: int, request: int, *, again: bool) -> None:
        """Have taken back what came last from the plain file, or have that done again."""
        self.channels[number].requests.append(wire.TakeBack(number, request, again))

    def compare(self, number: int, request: int) -> None:
        """Have the plain file compared with everything that was done here before this call; it is not written."""
        self.channels[number].requests.append(wire.Compare(number, request))

    def discard(self, number: int, request: int, discard: Discard) -> None:
        """Have the others told that operations of ours discarded unsaved work."""
        self.channels[number].requests.append(wire.Discard(number, request, discard.begin, discard.end))

    def rename(self, number: int, request: int, path: str) -> None:
        """Have the plain file get another name."""
        self.channels[number].requests.append(wire.Rename(number, request, path))

    def delete(self, number: int, request: int) -> None:
        """Have the plain file deleted."""
        self.channels[number].requests.append(wire.Delete(number, request))

    def restart(self, number: int, request: int) -> None:
        """Have the history begin anew."""
        self._say(wire.Restart(number, request))

    def ask_names(self, request: int, after: str = "") -> None:
        """Ask for the names of the pads that come after `after`: a page, or as many as an older server gives at once."""
        self._say(wire.ListPage(request, after) if PAGES in self.features else wire.List(request))

    def ping(self, request: int) -> None:
        """Ask whether the peer is there. When the answer comes, all that it said before has come."""
        self._pings.append(request)
        self._say(wire.Ping())

    def kick(self, number: int, request: int, name: str) -> None:
        """Ask for somebody to be put out of a pad."""
        self._say(wire.Kick(number, request, name[: wire.NAME_LENGTH_MAX]))

    def check(self, number: int) -> None:
        """Have the server compare its text with ours."""
        channel = self.channels.get(number)
        if (
            channel is not None
            and len(channel.pad.buffer) <= CHECK_LENGTH_MAX
            and len(channel.pad.buffer.version) <= CHECK_SITES_MAX
        ):
            self._say(wire.Check(number, channel.pad.buffer.version, channel.pad.digest()))

    def show(self, number: int, presence: wire.Presence) -> None:
        """Tell the others where I am; only the latest is sent."""
        channel = self.channels.get(number)
        if channel is not None:
            channel.presence = presence

    # ------------------------------------------------------------------ what the server does

    def admit(
        self, number: int, pad: Pad, role: Role, document: bytes = b"", *, is_owner: bool = False
    ) -> None:
        """Let the peer take part in the pad that it wanted; `document` is its identity."""
        request = self._wanted.pop(number, None)
        if request is None:  # it has closed the channel meanwhile
            return
        same = request.lineage == pad.buffer.lineage
        known = _overlapping(request.version, pad.buffer.version) if same else Version()
        channel = Channel(number, pad, pad.cursor(known, self), role, request.site, self.features)
        channel.revocable_only = not is_owner
        channel.sites_told = self._sites_told(number, request)
        newer = self._wanted_held.pop(number, None)
        if newer is not None and same and role == "edit":
            channel.held = Version({site: clock - newer.get(site) for site, clock in request.version.items()})
        opened = channel.opened(request)
        if isinstance(opened, wire.Opened) and _is_too_long(opened):
            self.refuse("version", TOO_LONG, channel=number)
            self._events.append(Left(number))
            return
        self.channels[number] = channel
        if IDENTITY in self.features:
            self._say(wire.Document(number, document))
        for note in pad.ancestors:
            self.tell_ancestor(number, note)
        self._say(opened)

    def wants(self, number: int) -> bool:
        """Whether the peer waits for the answer to its opening of a channel."""
        return number in self._wanted

    def lead_elsewhere(self, number: int, path: str) -> None:
        """Say that the name is another document's, and how the one that the peer has is called now."""
        self._wanted.pop(number, None)
        self._wanted_held.pop(number, None)
        self._say(wire.Elsewhere(number, path))

    def refuse(
        self, code: str, sentence: str, *, channel: int | None = None, request: int | None = None
    ) -> None:
        """Say no to the opening of a channel, or to a request."""
        if channel is not None and request is None:
            self._wanted.pop(channel, None)
            self._wanted_held.pop(channel, None)
        if request is not None:
            self._carrying_out -= 1
        self._say(wire.Refuse(channel, request, code, sentence[: wire.SENTENCE_LENGTH_MAX]))

    def done(self, request: int, names: tuple[str, ...] = ()) -> None:
        """A request was carried out; what is on the disk and in the plain file by now is told before."""
        for channel in self.channels.values():
            self._out.extend(channel.kept())
        self._carrying_out -= 1
        self._say(wire.Done(request, names))

    @property
    def names_bytes_max(self) -> int:
        """So many bytes of names are sent to this peer in one answer."""
        return wire.PAGE_BYTES_MAX if PAGES in self.features else wire.LIST_BYTES_MAX

    def give_names(self, request: int, names: Sequence[str], *, more: bool) -> None:
        """Answer with names of pads, in their order; `more`: others come after them, which the peer can ask for."""
        self._carrying_out -= 1
        if PAGES in self.features:
            self._say(wire.Names(request, tuple(names), more))
        else:
            self._say(wire.Done(request, (*names, MORE_NAMES) if more else tuple(names)))

    def tell_discard(self, number: int, discard: Discard) -> None:
        """Tell of unsaved work that somebody discarded; only a peer that knows `DISCARDING`."""
        self._say(wire.Discarded(number, *discard))

    def tell_moved(self, number: int, path: str) -> None:
        """Tell under which name the pad is to be opened from now on."""
        self._say(wire.Moved(number, path))

    def notify(self, number: int, sentence: str, *, serious: bool) -> None:
        """Tell the people of a pad something."""
        self._say(wire.Notice(number, serious, sentence[: wire.SENTENCE_LENGTH_MAX]))

    # ------------------------------------------------------------------ the end

    def end(self, code: str, sentence: str, retry_after_s: float = 0.0) -> None:
        """End the link from this side, telling the peer why; a server tells before it what of theirs is safe."""
        if self.state == "ended":
            return
        if self.side == "server":
            for channel in self.channels.values():
                self._out.extend(channel.kept())
        self.state = "ended"
        sentence = sentence[: wire.SENTENCE_LENGTH_MAX]
        self._out.append(wire.encode(wire.Bye(code, sentence, int(retry_after_s * 1000))))
        self.ended = Ended(code, sentence, retry_after_s)
        self._events.append(self.ended)

    def _take_events(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    # ------------------------------------------------------------------ handlers

    def _on_hello(self, message: wire.Hello, now: float) -> None:
        is_newer = message.protocol_min > wire.PROTOCOL
        if is_newer or message.protocol_max < wire.PROTOCOL_OLDEST:
            self.end(
                "version",
                f"This server speaks protocol {wire.PROTOCOL_OLDEST} to {wire.PROTOCOL}, you speak {message.protocol_min} "
                f"to {message.protocol_max}: {'the server' if is_newer else 'your jpterm-like'} must be updated.",
            )
            return
        self.peer_name = message.name
        self.state = "live"
        agreed = min(wire.PROTOCOL, message.protocol_max)
        self.features = _agreed(message.features)
        self._say(wire.Welcome(agreed, FEATURES))
        if IDENTITY in self.features:
            self._say(wire.Server(self._identity))
        self._events.append(Greeted(message.name))

    def _on_welcome(self, message: wire.Welcome, now: float) -> None:
        if not wire.PROTOCOL_OLDEST <= message.protocol <= wire.PROTOCOL:
            whose = "your jpterm-like" if message.protocol > wire.PROTOCOL else "the server"
            self.end(
                "version",
                f"The server wants protocol {message.protocol}, you speak {wire.PROTOCOL_OLDEST} to {wire.PROTOCOL}: "
                f"{whose} must be updated.",
            )
            return
        self.features = _agreed(message.features)
        self.state = "live"
        if IDENTITY not in self.features:
            self._events.append(Greeted(""))

    def _on_server(self, message: wire.Server, now: float) -> None:
        if self._is_greeted:
            raise wire.ForeignMessage("who the server is, a second time")
        self._is_greeted = True
        self._events.append(Greeted("", message.identity))

    def _on_open(self, message: wire.Open, now: float) -> None:
        number = message.channel
        if number in self.channels or number in self._wanted:
            raise wire.ForeignMessage(f"Open of channel {number}, which is open")
        if len(self.channels) + len(self._wanted) >= CHANNELS_MAX:
            self.refuse("limit", f"At most {CHANNELS_MAX} pads on one connection.", channel=number)
            return
        if self._held is not None and self._held[0] == number:
            self._wanted_held[number] = self._held[1]
        self._held = None
        document = self._known.pop(number, b"")
        sites = self._sites_told(number, message) + sum(it.sites_told for it in self.channels.values())
        if sites + sum(self._sites_told(*it) for it in self._wanted.items()) > SITES_MAX:
            self.refuse(
                "limit",
                "The open files were opened too often for one connection: close some.",
                channel=number,
            )
            return
        self._wanted[number] = message
        self._events.append(
            Wanted(
                number,
                message.path,
                message.create,
                message.site,
                message.merging,
                message.lineage,
                message.version,
                document,
            )
        )

    def _sites_told(self, number: int, request: wire.Open) -> int:
        """How many sites there are in the versions of an opening."""
        return len(request.version) + len(self._wanted_held.get(number, ()))

    def _on_held(self, message: wire.Held, now: float) -> None:
        self._held = message.channel, message.newer

    def _on_known(self, message: wire.Known, now: float) -> None:
        if len(self._known) >= CHANNELS_MAX:
            raise wire.ForeignMessage("more documents than channels")
        self._known[message.channel] = message.identity

    def _on_elsewhere(self, message: wire.Elsewhere, now: float) -> None:
        number = message.channel
        if self._wanted.pop(number, None) is None or self._pads.pop(number, None) is None:
            self._ignore(number)
            return
        self._events.append(Elsewhere(number, message.path))

    def _on_document(self, message: wire.Document, now: float) -> None:
        if message.channel in self._wanted:
            self._documents[message.channel] = message
        else:
            self._ignore(message.channel)

    def _on_ancestor(self, message: wire.Ancestor, now: float) -> None:
        number, note = message.channel, Ancestor(message.version, message.after)
        if self.side == "client" and number in self._wanted:
            notes = self._ancestors.setdefault(number, [])
            if len(notes) < ANCESTORS_MAX:
                notes.append(note)
            return
        channel = self._channel(number)
        if channel is None:
            return
        if self.side == "server" and channel.role != "edit":
            raise wire.ForeignMessage("a note on a pad that may only be read")
        if channel.pad.note_ancestor(note):
            self._events.append(AncestorTold(number, note))

    def _on_opened(self, message: wire.Opened, now: float) -> None:
        number = message.channel
        request = self._wanted.pop(number, None)
        pad = self._pads.pop(number, None)
        document, ancestors = self._documents.pop(number, None), self._ancestors.pop(number, ())
        if request is None or pad is None:
            self._ignore(number)
            return
        version, proofs = pad.buffer.version, self._proofs.pop(number, frozenset())
        other = request.lineage is not None and request.lineage != message.lineage
        other = other or (bool(proofs) and proofs.isdisjoint(message.version))
        diverged = message.digest and version == message.version and message.digest != pad.digest()
        if other or diverged:
            self._closed.add(number)
            self._say(wire.Close(number))
            self._events.append(OtherHistory(number, diverged=not other))
            return
        if request.lineage is None:
            pad.buffer.lineage = message.lineage
        role: Role = "edit" if message.role == "edit" else "view"
        channel = Channel(
            number,
            pad,
            pad.cursor(_overlapping(message.version, pad.buffer.version), self),
            role,
            request.site,
            self.features,
        )
        channel.goal = message.version
        channel.had = version.total
        channel.lacked = version.missing(message.version)
        self.channels[number] = channel
        for note in pad.ancestors if role == "edit" else ():
            # Text that was brought in here may have gone with the server's memory: the note comes back before it.
            if not is_told(ancestors, note, message.version):
                self.tell_ancestor(number, note)
        for note in ancestors:
            pad.note_ancestor(note)
        self._events.append(Admitted(number, document.identity if document is not None else b""))
        pad.reset_stored(message.stored)
        pad.mark_saved(message.saved)
        self._reach(channel)

    def _on_opened_since(self, message: wire.OpenedSince, now: float) -> None:
        request = self._wanted.get(message.channel)
        version = Version.decode_since(message.version, request.version if request else Version())
        stored = Version.decode_since(message.stored, version)
        saved = Version() if message.saved is None else Version.decode_since(message.saved, version)
        channel, role, lineage, digest = message.channel, message.role, message.lineage, message.digest
        self._on_opened(wire.Opened(channel, role, lineage, version, digest, stored, saved), now)

    def _on_changes(self, message: wire.Changes, now: float) -> None:
        channel = self._channel(message.channel)
        if channel is None:
            return
        if self.side == "server" and channel.role != "edit":
            raise wire.ForeignMessage("changes to a pad that may only be read")
        if message.format:
            if self.side == "client" and not channel.pad.unread:
                self._events.append(Told(UNREAD, serious=True))
            channel.pad.keep_unread(message.format, message.data, self)
            return
        try:
            channel.pad.integrate(message.data, self, revocable=channel.revocable_only, sender=channel.site)
        except Contradiction:
            self._part(channel)
        except Irrevocable:
            self.end(
                "role", "Only an owner of this file may delete something so that nobody can bring it back."
            )
        else:
            self._reach(channel)

    def _part(self, channel: Channel) -> None:
        """A site was used twice (F17): these two texts do not go together by ids. The client joins anew and merges."""
        number = channel.number
        self.detach(number)
        self._closed.add(number)
        if self.side == "client":
            self._say(wire.Close(number))
            self._events.append(OtherHistory(number, diverged=True))
            return
        self._strikes += 1
        if self._strikes > STRIKES_MAX:
            raise wire.ForeignMessage("operations that contradict what is known, again and again")
        self.refuse("diverged", "What you have contradicts what the server has: join anew.", channel=number)
        self._events.append(Left(number))

    def _on_check(self, message: wire.Check, now: float) -> None:
        channel = self._channel(message.channel)
        if channel is None or len(channel.pad.buffer) > CHECK_LENGTH_MAX:
            return
        if message.version != channel.pad.buffer.version:
            return
        if message.digest != channel.pad.digest():
            self._part(channel)

    def _reach(self, channel: Channel) -> None:
        if channel.goal is None:
            return
        version = channel.pad.buffer.version
        if channel.goal <= version:
            channel.goal = None
            self._events.append(CaughtUp(channel.number))
        elif channel.lacked:
            share = min(1.0, (version.total - channel.had) / channel.lacked)
            self._events.append(Gained(channel.number, share))

    def _on_stored(self, message: wire.Stored, now: float) -> None:
        channel = self._channel(message.channel)
        if channel is not None:
            channel.pad.mark_stored(message.version)

    def _on_saved(self, message: wire.Saved, now: float) -> None:
        channel = self._channel(message.channel)
        if channel is not None:
            channel.pad.mark_saved(message.version)

    def _on_saved_since(self, message: wire.SavedSince, now: float) -> None:
        channel = self._channel(message.channel)
        if channel is not None:
            channel.pad.mark_saved(Version.decode_since(message.version, channel.pad.stored))

    def _on_presence(self, message: wire.Presence, now: float) -> None:
        channel = self._channel(message.channel)
        if channel is None:
            return
        pad = channel.pad
        if self.side == "server":
            if message.site != channel.site:
                raise wire.ForeignMessage("the presence of someone else")
            if message.here:
                pad.show(message.site, self.peer_name, message.caret, message.mark, now, message.calls)
                return
        if message.here:
            pad.show(message.site, message.name, message.caret, message.mark, now, message.calls)
        else:
            pad.leave(message.site, now)

    def _on_save(self, message: wire.Save, now: float) -> None:
        channel = self._channel(message.channel)
        if channel is None:
            return
        if self._may_ask(message.request, channel):
            self._events.append(SaveWanted(message.channel, message.request))

    def _on_take_back(self, message: wire.TakeBack, now: float) -> None:
        channel = self._channel(message.channel)
        if channel is not None and self._may_ask(message.request, channel):
            self._events.append(TakeBackWanted(message.channel, message.request, message.again))

    def _on_compare(self, message: wire.Compare, now: float) -> None:
        channel = self._channel(message.channel)
        if channel is not None and self._may_ask(message.request, channel):
            self._events.append(CompareWanted(message.channel, message.request))

    def _on_discard(self, message: wire.Discard, now: float) -> None:
        channel = self._channel(message.channel)
        if message.begin >= message.end:
            raise wire.ForeignMessage("a note on nothing that was discarded")
        if channel is not None and self._may_ask(message.request, channel):
            discard = Discard(channel.site, message.begin, message.end)
            self._events.append(DiscardNoted(message.channel, message.request, discard))

    def _on_discarded(self, message: wire.Discarded, now: float) -> None:
        channel = self._channel(message.channel)
        if channel is not None:
            discard = Discard(message.site, message.begin, message.end)
            if channel.pad.note_discard(discard):
                self._events.append(DiscardTold(message.channel, discard))

    def _on_merged(self, message: wire.Merged, now: float) -> None:
        channel = self._channel(message.channel)
        if channel is not None and self._may_ask(message.request, channel):
            self._events.append(MergeDone(message.channel, message.request))

    def _on_kick(self, message: wire.Kick, now: float) -> None:
        # whether the peer is an owner the server knows; here it is a reader or a writer
        if self._channel(message.channel) is not None and self._may_ask(message.request, None):
            self._events.append(KickWanted(message.channel, message.request, message.name))

    def _on_rename(self, message: wire.Rename, now: float) -> None:
        channel = self._channel(message.channel)
        if channel is not None and self._may_ask(message.request, channel):
            self._events.append(RenameWanted(message.channel, message.request, message.path))

    def _on_delete(self, message: wire.Delete, now: float) -> None:
        channel = self._channel(message.channel)
        if channel is not None and self._may_ask(message.request, channel):
            self._events.append(DeleteWanted(message.channel, message.request))

    def _on_restart(self, message: wire.Restart, now: float) -> None:
        # whether the peer is an owner the server knows
        if self._channel(message.channel) is not None and self._may_ask(message.request, None):
            self._events.append(RestartWanted(message.channel, message.request))

    def _on_moved(self, message: wire.Moved, now: float) -> None:
        if self._channel(message.channel) is not None:
            self._events.append(Moved(message.channel, message.path))

    def _on_list(self, message: wire.List, now: float) -> None:
        if self._may_ask(message.request, None):
            self._events.append(ListWanted(message.request, ""))

    def _on_list_page(self, message: wire.ListPage, now: float) -> None:
        if self._may_ask(message.request, None):
            self._events.append(ListWanted(message.request, message.after))

    def _may_ask(self, request: int, channel: Channel | None) -> bool:
        """Whether a request is carried out; if not, it is refused."""
        self._carrying_out += 1
        if channel is not None and channel.role != "edit":
            self.refuse("role", "You may read this file, not write it.", request=request)
        elif self._carrying_out > REQUESTS_MAX:
            self.refuse("limit", f"At most {REQUESTS_MAX} requests at a time.", request=request)
        else:
            return True
        return False

    def _on_close(self, message: wire.Close, now: float) -> None:
        number = message.channel
        known = self._wanted.pop(number, None) is not None
        self._wanted_held.pop(number, None)
        if number in self.channels:
            known = True
            self._events.append(Left(number))
        if not known and number not in self._closed:
            raise wire.ForeignMessage(f"Close of channel {number}, which is not open")

    def detach(self, number: int) -> None:
        """Forget a channel, and what was about to be sent on it. A server calls it when the peer has left."""
        self.channels.pop(number, None)
        self._turn = iter(())

    def _on_done(self, message: wire.Done, now: float) -> None:
        self._events.append(Answered(message.request, message.names))

    def _on_names(self, message: wire.Names, now: float) -> None:
        self._events.append(Named(message.request, message.names, message.more))

    def _on_notice(self, message: wire.Notice, now: float) -> None:
        if self._channel(message.channel) is not None:
            self._events.append(Told(message.sentence, message.serious))

    def _on_refuse(self, message: wire.Refuse, now: float) -> None:
        if message.code == "diverged" and message.channel in self.channels:
            self.detach(message.channel)
            self._closed.add(message.channel)
            self._events.append(OtherHistory(message.channel, diverged=True))
            return
        if message.channel is not None and message.request is None:
            self._wanted.pop(message.channel, None)
            self._pads.pop(message.channel, None)
            self.detach(message.channel)
        self._events.append(Refused(message.channel, message.request, message.code, message.sentence))

    def _on_bye(self, message: wire.Bye, now: float) -> None:
        self.state = "ended"
        self._out.clear()
        self.ended = Ended(message.code, message.sentence, message.retry_after_ms / 1000)
        self._events.append(self.ended)

    def _on_ping(self, message: wire.Ping, now: float) -> None:
        self._say(wire.Pong())

    def _on_pong(self, message: wire.Pong, now: float) -> None:
        request = self._pings.popleft() if self._pings else None
        if request is not None:
            self._events.append(Answered(request, ()))

    def _channel(self, number: int) -> Channel | None:
        channel = self.channels.get(number)
        if channel is None:
            self._ignore(number)
        return channel

    def _ignore(self, number: int) -> None:
        """A message for a channel that is not open: late if we closed it, else nonsense."""
        if number not in self._closed:
            raise wire.ForeignMessage(f"a message for channel {number}, which is not open")


def _is_too_long(opened: wire.Opened) -> bool:
    """Whether a peer of an earlier release hangs up at this: it would come again and again."""
    sizes = [len(version.encode()) for version in (opened.version, opened.stored, opened.saved)]
    return max(sizes) > OLD_VERSION_BYTES_MAX or sum(sizes) > wire.FRAME_BYTES_MAX - 1024


def _overlapping(theirs: Version, ours: Version) -> Version:
    """Where to go on sending to a peer: a little before the end of what it has of a site that we have more of.

    So that it sees whether the two of us mean the same by these ids. If not, a site was used twice, by a clone of a
    machine or a copied store, and what comes after would be woven into another text (F17).
    """
    return Version(
        {site: max(0, clock - OVERLAP) if ours.get(site) > clock else clock for site, clock in theirs.items()}
    )


def _beyond(earlier: Version, later: Version) -> Version:
    """How many operations of each site the later version has and the earlier one has not."""
    return Version({site: clock - earlier.get(site) for site, clock in later.items()})


_Handler = Callable[[Link, Any, float], None]

_BOTH_LIVE: Final[dict[type, _Handler]] = {
    wire.Changes: Link._on_changes,
    wire.Ancestor: Link._on_ancestor,
    wire.Presence: Link._on_presence,
    wire.Ping: Link._on_ping,
    wire.Pong: Link._on_pong,
    wire.Bye: Link._on_bye,
}
_HANDLERS: Final[dict[tuple[Side, str, type], _Handler]] = {
    ("client", "greeting", wire.Welcome): Link._on_welcome,
    ("client", "greeting", wire.Refuse): Link._on_refuse,
    ("client", "greeting", wire.Bye): Link._on_bye,
    ("client", "live", wire.Server): Link._on_server,
    ("client", "live", wire.Document): Link._on_document,
    ("client", "live", wire.Elsewhere): Link._on_elsewhere,
    ("client", "live", wire.Opened): Link._on_opened,
    ("client", "live", wire.OpenedSince): Link._on_opened_since,
    ("client", "live", wire.SavedSince): Link._on_saved_since,
    ("client", "live", wire.Stored): Link._on_stored,
    ("client", "live", wire.Saved): Link._on_saved,
    ("client", "live", wire.Done): Link._on_done,
    ("client", "live", wire.Names): Link._on_names,
    ("client", "live", wire.Refuse): Link._on_refuse,
    ("client", "live", wire.Notice): Link._on_notice,
    ("client", "live", wire.Moved): Link._on_moved,
    ("client", "live", wire.Discarded): Link._on_discarded,
    ("server", "greeting", wire.Hello): Link._on_hello,
    ("server", "greeting", wire.Ping): Link._on_ping,
    ("server", "greeting", wire.Bye): Link._on_bye,
    ("server", "live", wire.Held): Link._on_held,
    ("server", "live", wire.Known): Link._on_known,
    ("server", "live", wire.Open): Link._on_open,
    ("server", "live", wire.Save): Link._on_save,
    ("server", "live", wire.TakeBack): Link._on_take_back,
    ("server", "live", wire.Compare): Link._on_compare,
    ("server", "live", wire.Discard): Link._on_discard,
    ("server", "live", wire.Rename): Link._on_rename,
    ("server", "live", wire.Delete): Link._on_delete,
    ("server", "live", wire.Restart): Link._on_restart,
    ("server", "live", wire.Merged): Link._on_merged,
    ("server", "live", wire.Check): Link._on_check,
    ("server", "live", wire.Kick): Link._on_kick,
    ("server", "live", wire.List): Link._on_list,
    ("server", "live", wire.ListPage): Link._on_list_page,
    ("server", "live", wire.Close): Link._on_close,
    **{("client", "live", kind): handler for kind, handler in _BOTH_LIVE.items()},
    **{("server", "live", kind): handler for kind, handler in _BOTH_LIVE.items()},
}
