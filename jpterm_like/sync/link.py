"""One conversation about pads with one peer: frames in, events and frames out.

A link is pure: no socket, no coroutine, no clock. The shell gives it the frames that came (`receive`), asks for
the frames to send (`next_frames`) whenever a pad has news or a timer is due (`tick`, `next_time`), and answers the
events that need the outside world (a pad to be opened, a file to be saved). What a message may do in which
state is one table, `_HANDLERS`.

The life of a link::

    client  greeting ──Welcome──▶ live ──Bye, nonsense, silence──▶ ended
    server  greeting ──Hello────▶ live ──Bye, nonsense, silence──▶ ended

and of a channel on it::

    client  asked ──Opened──▶ open ──Close──▶ (gone)          server  asked ──admit──▶ open ──Close──▶ (gone)
                  ──Refuse─▶ (gone)                                         ──refuse─▶ (gone)

Nothing here retries: after an outage there is a new link, and both sides' versions say what to send.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, Final, Literal, NamedTuple

from crdt import Contradiction, ForeignOp, Irrevocable, Version
from crdt.ids import genesis_site
from jpterm_like.sync import wire
from jpterm_like.sync.ancestry import ANCESTORS_MAX, Ancestor, is_noted, known_under_other_ids
from jpterm_like.sync.channel import PRESENCE_GAP_S, Channel, Side
from jpterm_like.sync.events import (
    Admitted,
    AncestorNoted,
    CaughtUp,
    DiscardNoted,
    Ended,
    Event,
    Greeted,
    Left,
    OpenRequested,
    OtherHistory,
    Received,
)
from jpterm_like.sync.frame_cache import FrameCache
from jpterm_like.sync.opening import TOO_LONG, Opening, OpeningRequest, beyond, is_too_long, overlapping
from jpterm_like.sync.pad import Pad
from jpterm_like.sync.presence import Person
from jpterm_like.sync.records_pad import RecordsPad
from jpterm_like.sync.unsaved_work import Discard
from jpterm_like.sync.wire import FEATURES, IDENTITY, PAGES, VERSIONS, Role

SILENCE_PING_S: Final = 5.0
"""After this long without a frame from the peer we ask whether it is there."""
SILENCE_END_S: Final = 15.0
"""After this long it is taken for gone: two questions went unanswered. Bounds how long "connected" can be wrong."""
NODES_PING_S: Final = 2.0
NODES_END_S: Final = 6.0
"""The same for a server that says that there are others for its pads: they go on there."""
RELAY_PING_S: Final = 0.5
RELAY_END_S: Final = 3.0
"""The same between nodes, where one that is stopped holds up everybody: it has lost its documents after that time (`storage.engine.LEASE_S`)."""
QUEUE_MAX: Final = 1000
"""Answers waiting to be sent. A peer that asks without reading the answers is cut off."""
RELAY_QUEUE_MAX: Final = 200_000
"""The same for a relay, behind which thousands may be told something at once."""
CHANNELS_MAX: Final = 256
"""Pads open on one link."""
SITES_MAX: Final = 2_000_000
"""Sites in the versions of one peer's openings, all together: some 100 bytes of memory each. One opening has room for a million."""
REQUESTS_MAX: Final = 64
"""Requests of one peer under way; further ones are refused until some are done."""
STRIKES_MAX: Final = 8
"""How often one peer may send operations that contradict ours before it is cut off."""
UNKNOWN_MAX: Final = 1000
"""Messages of unknown numbers of one peer that are skipped; the next one ends the link."""

UNREAD: Final = (
    "Somebody here uses a newer release of jpterm-like. Some of what they did is kept, and cannot be shown: update yours to "
    "see it."
)

MORE_NAMES: Final = "../ (there are more files than fit here; a newer jpterm-like lists them all)"
"""The last name in an incomplete list for a peer without pages. No file that can be opened has this name."""

PAUSED: Final = "The connection is paused by its user."
ONE_BYTES: Final = 16
"""About the size of the one message that a paused connection lets through: a word."""
SITE_HELD_BYTES: Final = 96
"""Estimated memory of a site in a version that nobody shares."""
CHECK_LENGTH_MAX: Final = 4_000_000
"""Code points. A longer text is compared with the server's at the opening only: each comparison reads all of it, and nobody else is
served meanwhile."""
CHECK_SITES_MAX: Final = 10_000
"""Texts of a pad with more sites are compared at the opening only: each `Check` has the whole version."""


def _agreed(features: Sequence[str]) -> frozenset[str]:
    """The features that both sides have."""
    return _shared(frozenset(FEATURES).intersection(features))


@cache
def _shared(features: frozenset[str]) -> frozenset[str]:
    """The one object for equal sets: peers are compared at each tick, by identity first. There are only as many as subsets of ours."""
    return features


class _Probe(NamedTuple):
    """A ping that tells whether the server sends the text of a channel."""

    channel: Channel
    is_second: bool


class Link:
    """See the module.

    Args:
        side: the side that connected is the client.
        name: of the person at this side; empty for a server.
        now: monotonic seconds, here and everywhere.
        identity: of the server at this side, if it has one.
        is_relay: the client is a relay, which has proved that to the server: a node with guests of its own in the pads of this link.
        has_other_nodes: server: whether others have its pads, too.
    """

    def __init__(
        self,
        side: Side,
        name: str,
        now: float,
        identity: bytes = b"",
        *,
        is_relay: bool = False,
        has_other_nodes: bool = False,
    ) -> None:
        self.side: Side = side
        self.is_relay = is_relay
        self.name = name
        self.peer_name = ""
        self.protocol = 0
        """Agreed upon; 0 until the link is live."""
        self.features: frozenset[str] = frozenset()
        """What both sides can do beyond the protocol; known once the link is live."""
        self.unknown = 0
        """How many messages of unknown numbers were skipped."""
        self.state: Literal["greeting", "live", "ended"] = "greeting"
        self.ended: Ended | None = None
        """How it ended."""
        self.channels: dict[int, Channel] = {}
        self.is_for_one = False
        """Client: end after one message with text, the first received, or else one of ours of about ONE_BYTES."""
        self._is_one_out = False
        self._ping_s, self._end_s = (
            (RELAY_PING_S, RELAY_END_S) if is_relay else (SILENCE_PING_S, SILENCE_END_S)
        )
        self._features = tuple(each for each in FEATURES if each != wire.NODES or has_other_nodes)
        self._identity = identity
        self._is_greeted = False
        self._openings: dict[int, Opening] = {}  # client
        self._asked: dict[int, OpeningRequest] = {}  # server
        self._known: dict[int, bytes] = {}  # server: documents named for channels that are not asked for yet
        self._held: wire.Held | None = None  # server: said for the channel that is asked for next
        self._closed: set[int] = set()  # channels whose last messages may still be on their way
        self._strikes = 0
        self._carrying_out = 0
        self._pieces = bytearray()
        """The pieces so far of a long message."""
        self._pings: deque[int | _Probe | None] = deque()
        """Pings without an answer yet, in their order: each with the number of the request that it stands for, if any."""
        self._out: deque[bytes] = deque()
        self._turn: Iterator[Channel] = iter(())  # the channels that are still to be asked for news
        self.heard_at = now
        """When the peer was last heard, or its silence last excused."""
        self._asked_at = now
        self._events: list[Event] = []
        if side == "client":
            self._say(wire.Hello(wire.PROTOCOL_OLDEST, wire.PROTOCOL, FEATURES, name[: wire.NAME_LENGTH_MAX]))

    # ------------------------------------------------------------------ in

    def receive(self, frame: bytes, now: float) -> list[Event]:
        """Process one frame and return what the shell must handle. A peer that talks nonsense ends the link; nothing raises."""
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
                handler = self._handler_of_base(type(message))
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

    def _handler_of_base(self, kind: type[wire.Message]) -> _Handler:
        """The handler of a base class of this message: of all requests, or all answers."""
        for base in kind.__mro__:
            handler = _HANDLERS.get((self.side, self.state, base))
            if handler is not None:
                return handler
        raise wire.ForeignMessage(f"{kind.__name__} where it makes no sense")

    def tick(self, now: float, *, is_reading: bool = True) -> list[Event]:
        """Check the clock: ping a silent peer, end the link with one that stays silent.

        With `is_reading` false, frames of the peer may be waiting to be read, so it is only pinged.
        """
        if self.state == "ended":
            return []
        silence = now - self.heard_at
        if silence >= self._end_s and is_reading:
            self.end("silent", f"Nothing was heard from the other side for {silence:.0f} seconds.")
        elif silence >= self._ping_s and now - self._asked_at >= self._ping_s:
            self._asked_at = now
            self._pings.append(None)
            self._say(wire.Ping())
        return self._take_events()

    def excuse_silence(self, now: float) -> None:
        """Excuse the peer's silence: the line was full and has taken more, so the peer reads; or we did not read."""
        self.heard_at = now

    def next_time(self, now: float, *, is_reading: bool = True) -> float:
        """The latest time to call `tick` and `next_frames` again."""
        time = max(self.heard_at, self._asked_at) + self._ping_s
        if is_reading:
            time = min(time, self.heard_at + self._end_s)
        for channel in self.channels.values():
            if channel.presence is not None:
                time = min(time, channel.presence_at + PRESENCE_GAP_S)
        return max(time, now)

    # ------------------------------------------------------------------ out

    @property
    def held_bytes(self) -> int:
        """Estimated memory that is kept for the peer besides the pads: frames that it has not taken, and versions that it sent."""
        sites = sum(len(opening.request.version) for opening in self._openings.values())
        sites += sum(asked.site_count for asked in self._asked.values())
        for channel in self.channels.values():
            sites += len(channel.held or ())
            # what the pad has, too, is mostly shared with it
            sites += max(0, len(channel.cursor.version) - len(channel.pad.buffer.version))
        return SITE_HELD_BYTES * sites + len(self._pieces) + sum(map(len, self._out))

    @property
    def has_answers(self) -> bool:
        """Whether there is something to send besides the news of pads."""
        return bool(self._out)

    def next_frames(self, now: float, limit_bytes: int) -> Sequence[bytes]:
        """The next frames to send: all that there are, or as many as reach the limit. They count as sent."""
        frames: Sequence[bytes] = ()
        if self._out:
            frames = self._take_answers(limit_bytes)
            limit_bytes -= sum(map(len, frames))
        if self.state != "live":
            return frames
        if self.is_for_one:
            return [*frames, *self._one_of_ours()]
        if len(self.channels) == 1 and not frames:
            # Nearly all links have one pad, and at a tick one call gives everything.
            [only] = self.channels.values()
            frames = only.news(self.side, now)
            if not frames or not only.has_more:
                return frames
            limit_bytes -= sum(map(len, frames))
        done = 0  # channels in a row that have no more
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

    def _one_of_ours(self) -> list[bytes]:
        """The one message that is let through, once everything was received that there is. The link ends when it has arrived."""
        for channel in self.channels.values():
            if channel.goal is None and not channel.holds and not self._is_one_out:
                self._is_one_out = True
                self._pings.append(None)
                self._say(wire.Ping())
                return channel.take_one(ONE_BYTES)
        return []

    def _take_answers(self, limit_bytes: int) -> list[bytes]:
        frames: list[bytes] = []
        while self._out and limit_bytes > 0:
            frames.append(self._out.popleft())
            limit_bytes -= len(frames[-1])
        return frames

    def _say(self, message: wire.Message) -> None:
        """Queue a message; one that the peer would not understand is left out."""
        if not wire.is_understood(message, self.features):
            return
        if len(self._out) >= (RELAY_QUEUE_MAX if self.is_relay else QUEUE_MAX):
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
        hears_first: bool = False,
    ) -> None:
        """Ask for a pad.

        Args:
            empty: we have nothing of it yet, and take the server's history whatever it is.
            merging: we have a text of another history, and will bring it in and then send `wire.Merged`.
            document: the identity of what we have, if we want that document and no other one of this name.
            is_unsure: what we have may be of another server: the history is ours only if it has some of what that one stored.
            hears_first: send nothing of ours before what the server has is here, and `Channel.release` was called. A server that waits
                for ours is sent it all the same.
        """
        buffer = pad.buffer
        lineage, version = (None, Version()) if empty else (buffer.lineage, buffer.version)
        request = wire.Open(number, path, create, buffer.site, lineage, version, b"", merging)
        # All documents that began with the same text share the site of that.
        proofs = frozenset(pad.stored) - {genesis_site(buffer.lineage)} if is_unsure else frozenset()
        self._openings[number] = Opening(request, pad, proofs, hears_first)
        self._closed.discard(number)
        if lineage is not None and pad.held:
            self._say(wire.Held(number, beyond(pad.held, version)))
        if document:
            self._say(wire.Known(number, document))
        self._say(request)

    def open_records(self, number: int, pad: RecordsPad, beside: int, request: int) -> wire.Refuse | None:
        """Ask for the records beside the pad of the channel `beside`; None, or a refusal if the server's release has none."""
        lineage = pad.lineage or None
        version = pad.buffer.version if lineage else Version()
        opening = wire.Open(number, "", False, pad.buffer.site, lineage, version, b"", False)
        self._closed.discard(number)
        refusal = self.ask(wire.OpenRecords(beside, request, number, lineage, version))
        if refusal is None:
            self._openings[number] = Opening(opening, pad, frozenset(), hears_first=False)
        return refusal

    def send_ancestor(self, number: int, note: Ancestor) -> None:
        """Say what of other histories is in the pad, or will be with what is sent after this."""
        if not note.is_too_long:
            self._say(wire.Ancestor(number, note.version, note.after))

    def ask(self, request: wire.Request) -> wire.Refuse | None:
        """Send a request behind everything that was done here before this call.

        Returns what the asker gets instead if the server's release cannot carry it out: a refusal. Nothing is sent then.
        """
        if not wire.is_understood(request, self.features):
            sentence = f"The server is of an earlier release, which cannot {request.shape.act}: update it."
            return wire.Refuse(request.channel, request.request, "version", sentence)
        self.channels[request.channel].requests.append(request)
        return None

    def ask_names(self, request: int, after: str = "") -> None:
        """Ask for the names of the pads that sort after `after`: one page, or as many as an older server gives at once."""
        self._say(wire.ListPage(request, after) if PAGES in self.features else wire.List(request))

    def ask_text(self, request: int, path: str, start: int) -> bool:
        """Ask for a part of a text; False if the server's release cannot give it."""
        question = wire.Read(request, path, start)
        self._say(question)
        return wire.is_understood(question, self.features)

    def ask_to_carry(self, request: int, collection: bytes, folder: str) -> bool:
        """Ask that packs and texts of a folder are brought together; False if the server's release cannot do that."""
        question = wire.Carry(request, collection, folder)
        self._say(question)
        return wire.is_understood(question, self.features)

    def ping(self, request: int) -> None:
        """Ping the peer. When the answer comes, everything that it sent before has come."""
        self._pings.append(request)
        self._say(wire.Ping())

    def check(self, number: int) -> None:
        """Have the server compare its text with ours."""
        channel = self.channels.get(number)
        if (
            channel is not None
            and len(channel.pad.buffer) <= CHECK_LENGTH_MAX
            and len(channel.pad.buffer.version) <= CHECK_SITES_MAX
        ):
            self._say(wire.Check(number, channel.pad.buffer.version, channel.pad.digest()))

    def show(self, number: int, presence: wire.Shown) -> None:
        """Show the others where I am; only the latest is sent, without what the server does not know of."""
        channel = self.channels.get(number)
        if channel is not None:
            channel.presence = presence

    # ------------------------------------------------------------------ what the server does

    def admit(
        self,
        number: int,
        pad: Pad,
        role: Role,
        document: bytes = b"",
        *,
        is_owner: bool = False,
        may_run: bool = False,
        frames: FrameCache | None = None,
    ) -> None:
        """Let the peer take part in the pad that it asked for.

        Args:
            document: the pad's identity.
            may_run: whether the peer may run cells.
            frames: shared by the links of this pad.
        """
        asked = self._asked.pop(number, None)
        if asked is None:  # it has closed the channel meanwhile
            return
        request = asked.request
        same = request.lineage == pad.lineage
        known = overlapping(request.version, pad.buffer.version) if same else Version()
        channel = self._channel_of(request, pad, known, role, frames)
        channel.is_owner, channel.may_run = is_owner, may_run
        channel.site_count = asked.site_count
        newer = asked.newer
        if newer is not None and same and role == "edit":
            channel.held = Version({site: clock - newer.get(site) for site, clock in request.version.items()})
        opened = channel.answer_opening(request)
        if isinstance(opened, wire.Opened) and is_too_long(opened):
            self.refuse("version", TOO_LONG, channel=number)
            self._events.append(Left(number))
            return
        self.channels[number] = channel
        self._say(wire.Document(number, document))
        for note in pad.ancestors:
            self.send_ancestor(number, note)
        self._say(opened)

    def _channel_of(
        self, request: wire.Open, pad: Pad, known: Version, role: Role, frames: FrameCache | None
    ) -> Channel:
        # A relay is never sent what came from it, not even in a frame for a crowd.
        cursor = pad.cursor(known, self, shares=not self.is_relay)
        behind: set[int] | None = set() if self.is_relay else None
        return Channel(request.channel, pad, cursor, role, request.site, self.features, frames, behind)

    def move(self, number: int, pad: Pad, frames: FrameCache | None) -> None:
        """Have a channel go on in another pad; see `Channel.move_to`."""
        self.channels[number] = self.channels[number].move_to(pad, self, frames)
        self._turn = iter(())

    def pass_on(self, message: wire.Message) -> None:
        """Tell the peer of this channel what somebody else said who may say it: the owner of a pad, or a guest of a relay."""
        self._say(message)

    def pass_frame(self, number: int, guest: int, frame: bytes) -> None:
        """Pass a frame on to a guest of a relay, or to the owner of the pad; behind what is on the disk by now."""
        if self.side == "server" and number in self.channels:
            self._out.extend(self.channels[number].take_safe())
        self._say(wire.Passed(number, guest, frame))

    def admit_to_records(
        self, asked: wire.OpenRecords, pad: RecordsPad, frames: FrameCache | None = None
    ) -> None:
        """Let the peer read the records that it asked for. Nobody but their server writes them."""
        number = asked.number
        if number in self.channels or number in self._asked:
            self.end("nonsense", f"Channel {number} is open.")
            return
        if len(self.channels) + len(self._asked) >= CHANNELS_MAX:
            self.refuse("limit", f"At most {CHANNELS_MAX} pads on one connection.", request=asked.request)
            return
        known = asked.version if asked.lineage == pad.lineage else Version()
        site = self.channels[asked.channel].site
        channel = Channel(
            number, pad, pad.cursor(known, self, shares=True), "view", site, self.features, frames
        )
        channel.site_count = len(asked.version)
        self.channels[number] = channel
        opening = wire.Open(number, "", False, site, asked.lineage, asked.version, b"", False)
        self._say(channel.answer_opening(opening))

    def awaits_opening(self, number: int) -> bool:
        """Whether the peer waits for the answer to its opening of a channel."""
        return number in self._asked

    def lead_elsewhere(self, number: int, path: str) -> None:
        """Say that the name is another document's, and the present name of the one that the peer has."""
        self._asked.pop(number, None)
        self._say(wire.Elsewhere(number, path))

    def refuse(
        self, code: str, sentence: str, *, channel: int | None = None, request: int | None = None
    ) -> None:
        """Refuse the opening of a channel, or a request."""
        if channel is not None and request is None:
            self._asked.pop(channel, None)
        if request is not None:
            self._carrying_out -= 1
        self._say(wire.Refuse(channel, request, code, sentence[: wire.SENTENCE_LENGTH_MAX]))

    def done(self, request: int, names: tuple[str, ...] = ()) -> None:
        """A request was carried out. What is on the disk and in the plain file by now is sent first."""
        for channel in self.channels.values():
            self._out.extend(channel.take_safe())
        self.answer(wire.Done(request, names))

    def answer(self, answer: wire.Answer) -> None:
        """A request was carried out, and its answer has more than `done` gives."""
        self._carrying_out -= 1
        self._say(answer)

    def tell_progress(self, progress: wire.CarryProgress) -> None:
        """Tell how far a request is; its answer follows."""
        self._say(progress)

    @property
    def names_bytes_max(self) -> int:
        """Bytes of names that fit in one answer to this peer."""
        return wire.PAGE_BYTES_MAX if PAGES in self.features else wire.LIST_BYTES_MAX

    def give_names(self, request: int, names: Sequence[str], *, more: bool) -> None:
        """Answer with names of pads, in their order; `more`: others come after them, which the peer can ask for."""
        if PAGES in self.features:
            self.answer(wire.Names(request, tuple(names), more))
        else:
            self.answer(wire.Done(request, (*names, MORE_NAMES) if more else tuple(names)))

    def answer_whereabouts(self, request: int, places: tuple[wire.Place, ...]) -> None:
        """Answer who is where, as far as it fits into one frame."""
        answer = wire.Whereabouts(request, places)
        while len(wire.encode(answer)) > wire.FRAME_BYTES_MAX:
            places = places[: len(places) // 2]
            answer = wire.Whereabouts(request, places)
        self.answer(answer)

    def notify_discard(self, number: int, discard: Discard) -> None:
        """Say that somebody discarded unsaved work, if the peer's release knows of that."""
        self._say(wire.Discarded(number, *discard))

    def notify_renamed(self, number: int, path: str) -> None:
        """Say under which name the pad is to be opened from now on."""
        self._say(wire.Renamed(number, path))

    def pass_on_line(self, number: int, name: str, line: str) -> None:
        """Tell what somebody said to the others, if the peer's release knows of that."""
        self._say(wire.Said(number, name, line))

    def pass_on_apart(self, number: int, site: int, told: wire.TellApart) -> None:
        """Tell what somebody wrote without hearing of the others, if the peer's release knows of that."""
        self._say(wire.ToldApart(number, site, told.known, told.work, told.since_ms, told.until_ms))

    def tell_form(
        self, number: int, charset: str, *, bom: bool, ends: tuple[str, ...], is_there: bool
    ) -> None:
        """Say what the plain file is written in, if the peer's release knows of that."""
        self._say(wire.FileForm(number, is_there, charset, bom, ends))

    def notify(self, number: int, sentence: str, *, serious: bool) -> None:
        """Show the people of a pad a sentence."""
        self._say(wire.Notice(number, serious, sentence[: wire.SENTENCE_LENGTH_MAX]))

    # ------------------------------------------------------------------ the end

    def end(self, code: str, sentence: str, retry_after_s: float = 0.0) -> None:
        """End the link from this side, with the reason for the peer; a server first says what of theirs is safe."""
        if self.state == "ended":
            return
        if self.side == "server":
            for channel in self.channels.values():
                self._out.extend(channel.take_safe())
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
        self.protocol = min(wire.PROTOCOL, message.protocol_max)
        self.features = _agreed(message.features)
        self._say(wire.Welcome(self.protocol, self._features))
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
        self.protocol = message.protocol
        self.features = _agreed(message.features)
        if wire.NODES in self.features and not self.is_relay:
            self._ping_s, self._end_s = NODES_PING_S, NODES_END_S
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
        if number in self.channels or number in self._asked:
            raise wire.ForeignMessage(f"Open of channel {number}, which is open")
        if len(self.channels) + len(self._asked) >= CHANNELS_MAX:
            self.refuse("limit", f"At most {CHANNELS_MAX} pads on one connection.", channel=number)
            return
        is_held = self._held is not None and self._held.channel == number
        asked = OpeningRequest(message, self._held.newer if self._held is not None and is_held else None)
        self._held = None
        document = self._known.pop(number, b"")
        sites = asked.site_count + sum(channel.site_count for channel in self.channels.values())
        if sites + sum(other.site_count for other in self._asked.values()) > SITES_MAX:
            self.refuse(
                "limit",
                "The open files were opened too often for one connection: close some.",
                channel=number,
            )
            return
        self._asked[number] = asked
        self._events.append(
            OpenRequested(
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

    def _on_held(self, message: wire.Held, now: float) -> None:
        self._held = message

    def _on_known(self, message: wire.Known, now: float) -> None:
        if len(self._known) >= CHANNELS_MAX:
            raise wire.ForeignMessage("more documents than channels")
        self._known[message.channel] = message.identity

    def _on_elsewhere(self, message: wire.Elsewhere, now: float) -> None:
        if self._openings.pop(message.channel, None) is None:
            self._ignore(message.channel)
            return
        self._events.append(message)

    def _on_document(self, message: wire.Document, now: float) -> None:
        opening = self._openings.get(message.channel)
        if opening is None:
            self._ignore(message.channel)
        else:
            opening.document = message.identity

    def _on_ancestor(self, message: wire.Ancestor, now: float) -> None:
        number, note = message.channel, Ancestor(message.version, message.after)
        opening = self._openings.get(number)
        if opening is not None:
            if len(opening.ancestors) < ANCESTORS_MAX:
                opening.ancestors.append(note)
            return
        channel = self._channel(number)
        if channel is None:
            return
        if self.side == "server" and channel.role != "edit":
            raise wire.ForeignMessage("a note on a pad that may only be read")
        if channel.pad.note_ancestor(note):
            self._events.append(AncestorNoted(number, note))

    def _on_opened(self, message: wire.Opened, now: float) -> None:
        number = message.channel
        opening = self._openings.pop(number, None)
        if opening is None:
            self._ignore(number)
            return
        request, pad = opening.request, opening.pad
        version = pad.buffer.version
        other = request.lineage is not None and request.lineage != message.lineage
        other = other or (bool(opening.proofs) and opening.proofs.isdisjoint(message.version))
        may_have = pad.stored.merge(pad.sent)
        if opening.ancestors and request.lineage is not None and not other and message.role == "edit":
            # By ids it would come a second time.
            brought = known_under_other_ids(pad.buffer, may_have, message.version, opening.ancestors)
            other = not brought <= message.version
        diverged = message.digest and version == message.version and message.digest != pad.digest()
        if other or diverged:
            self._closed.add(number)
            self._say(wire.Close(number))
            self._events.append(OtherHistory(number, diverged=not other))
            return
        if request.lineage is None:
            pad.lineage = message.lineage
        cursor = pad.cursor(overlapping(message.version, pad.buffer.version), self)
        behind: set[int] | None = set() if self.is_relay else None
        channel = Channel(number, pad, cursor, message.role, request.site, self.features, behind=behind)
        channel.goal = channel.theirs = message.version
        channel.again = cursor.version.missing(message.version) if self.is_for_one else 0
        channel.had = version.total
        channel.lacked = version.missing(message.version)
        self.channels[number] = channel
        for note in pad.ancestors if message.role == "edit" else ():
            # The server may have lost text that was brought in here: the note returns before the text.
            if not is_noted(opening.ancestors, note, message.version):
                self.send_ancestor(number, note)
        for note in opening.ancestors:
            pad.note_ancestor(note)
        self._events.append(Admitted(number, opening.document))
        channel.hears_first = opening.hears_first
        channel.holds = opening.hears_first and message.role == "edit"
        pad.reset_stored(message.stored)
        pad.mark_saved(message.saved)
        self._report_progress(channel)
        if channel.holds and channel.goal is not None:
            self._probe(channel)

    def _on_opened_since(self, message: wire.OpenedSince, now: float) -> None:
        opening = self._openings.get(message.channel)
        version = Version.decode_since(message.version, opening.request.version if opening else Version())
        stored = Version.decode_since(message.stored, version)
        saved = Version() if message.saved is None else Version.decode_since(message.saved, version)
        channel, role, lineage, digest = message.channel, message.role, message.lineage, message.digest
        self._on_opened(wire.Opened(channel, role, lineage, version, digest, stored, saved), now)

    def _on_changes(self, message: wire.Changes, now: float) -> None:
        channel = self._channel(message.channel)
        if channel is None:
            return
        channel.has_heard = True
        if self.side == "server" and channel.role != "edit":
            raise wire.ForeignMessage("changes to a pad that may only be read")
        if message.format:
            if self.side == "client" and not channel.pad.unread:
                self._events.append(wire.Notice(channel.number, True, UNREAD))
            channel.pad.keep_unread(message.format, message.data, self)
            return
        try:
            revocable = self.side == "server" and not channel.is_owner
            # An owner checked what it sends to its relays.
            senders = None if self.is_relay and self.side == "client" else channel.senders
            channel.pad.integrate(message.data, self, revocable=revocable, senders=senders)
        except Contradiction:
            self._part(channel)
        except Irrevocable:
            self.end(
                "role", "Only an owner of this file may delete something so that nobody can bring it back."
            )
        else:
            self._report_progress(channel)
            if self.is_for_one:
                self.end("paused", PAUSED)

    def _part(self, channel: Channel) -> None:
        """Close a channel because a site was used twice (F17), so the two texts cannot be merged by ids. The client joins anew and merges."""
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

    def _report_progress(self, channel: Channel) -> None:
        if channel.goal is None:
            return
        version = channel.pad.buffer.version
        if channel.goal <= version:
            channel.goal = None
            self._events.append(CaughtUp(channel.number))
        elif channel.lacked:
            share = min(1.0, (version.total - channel.had) / channel.lacked)
            self._events.append(Received(channel.number, share))

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
        if self.side == "server" and channel.behind is not None:
            if message.site not in channel.behind:
                return  # they have left, or their arrival was refused
        elif self.side == "server":
            if message.site != channel.site:
                raise wire.ForeignMessage("the presence of someone else")
            if isinstance(message, wire.Shown):
                self.peer_name = message.name
        if message.here:
            is_theirs = self.side == "server" and channel.behind is None
            name = self.peer_name if is_theirs else message.name
            colour = message.colour if isinstance(message, wire.Shown) else None
            pad.show(Person(message.site, name, message.caret, message.mark, message.calls, colour), now)
        else:
            pad.leave(message.site, now)

    def _on_passed(self, message: wire.Arrived | wire.Departed | wire.Passed, now: float) -> None:
        if not self.is_relay:
            raise wire.ForeignMessage("a guest's message from somebody who is no relay")
        if self._channel(message.channel) is not None:
            self._events.append(message)

    def _on_request(self, message: wire.Request, now: float) -> None:
        """Pass a request on to the server if this peer may make it, else refuse it."""
        channel = self._channel(message.channel)
        if channel is None:
            return
        needs = message.shape.needs
        if needs == "edit" and channel.role != "edit":
            refusal = "You may read this file, not write it."
        elif needs == "own" and not channel.is_owner:
            refusal = f"Only an owner may {message.shape.act}."
        elif needs == "run" and not (channel.may_run and channel.role == "edit"):
            refusal = f"You may not {message.shape.act} here."
        else:
            refusal = ""
        self._pass_on(message, message.request, refusal)

    def _on_discard(self, message: wire.Discard, now: float) -> None:
        if message.begin >= message.end:
            raise wire.ForeignMessage("a note on nothing that was discarded")
        self._on_request(message, now)

    def _on_list(self, message: wire.List, now: float) -> None:
        self._pass_on(wire.ListPage(message.request, ""), message.request)

    def _on_question(self, message: wire.ListPage | wire.Read | wire.Carry, now: float) -> None:
        self._pass_on(message, message.request)

    def _pass_on(self, message: wire.Message, request: int, refusal: str = "") -> None:
        """Pass a request to the server, unless there is a reason to refuse it, or too many are under way."""
        self._carrying_out += 1
        if refusal:
            self.refuse("role", refusal, request=request)
        elif self._carrying_out > REQUESTS_MAX:
            self.refuse("limit", f"At most {REQUESTS_MAX} requests at a time.", request=request)
        else:
            self._events.append(message)

    def _on_discarded(self, message: wire.Discarded, now: float) -> None:
        channel = self._channel(message.channel)
        if channel is not None:
            discard = Discard(message.site, message.begin, message.end)
            if channel.pad.note_discard(discard):
                self._events.append(DiscardNoted(message.channel, discard))

    def _on_renamed(self, message: wire.Renamed, now: float) -> None:
        if self._channel(message.channel) is not None:
            self._events.append(message)

    def _on_close(self, message: wire.Close, now: float) -> None:
        number = message.channel
        known = self._asked.pop(number, None) is not None
        if number in self.channels:
            known = True
            self._events.append(Left(number))
        if not known and number not in self._closed:
            raise wire.ForeignMessage(f"Close of channel {number}, which is not open")

    def detach(self, number: int) -> None:
        """Forget a channel, and everything still to be sent on it. A server calls it when the peer has left."""
        self.channels.pop(number, None)
        self._turn = iter(())

    def _on_answer(self, message: wire.Answer, now: float) -> None:
        self._events.append(message)

    def _on_notice(
        self, message: wire.Notice | wire.Said | wire.FileForm | wire.ToldApart, now: float
    ) -> None:
        if self._channel(message.channel) is not None:
            self._events.append(message)

    def _on_refuse(self, message: wire.Refuse, now: float) -> None:
        if message.code == "diverged" and message.channel in self.channels:
            self.detach(message.channel)
            self._closed.add(message.channel)
            self._events.append(OtherHistory(message.channel, diverged=True))
            return
        if message.channel is not None and message.request is None:
            self._openings.pop(message.channel, None)
            self.detach(message.channel)
        self._events.append(message)

    def _on_bye(self, message: wire.Bye, now: float) -> None:
        self.state = "ended"
        self._out.clear()
        self.ended = Ended(message.code, message.sentence, message.retry_after_ms / 1000)
        self._events.append(self.ended)

    def _on_ping(self, message: wire.Ping, now: float) -> None:
        self._say(wire.Pong())

    def _on_pong(self, message: wire.Pong, now: float) -> None:
        ping = self._pings.popleft() if self._pings else None
        if self._is_one_out:
            self.end("paused", PAUSED)
        if isinstance(ping, _Probe):
            self._probed(ping)
        elif ping is not None:
            self._events.append(wire.Done(ping, ()))

    def _probe(self, channel: Channel, is_second: bool = False) -> None:
        """Find out whether the server sends the text of a channel that holds ours, or waits for ours.

        A server that has text from a file, which may be in our history as well, waits for that history
        (`Channel.awaited`), and does not say so. It answers a ping behind what it had to send; a second one, because a full
        line may have taken the first answer alone.
        """
        self._pings.append(_Probe(channel, is_second))
        self._say(wire.Ping())

    def _probed(self, probe: _Probe) -> None:
        channel = probe.channel
        if not channel.holds or channel.has_heard or channel.goal is None:
            return
        if probe.is_second:
            channel.release()
        else:
            self._probe(channel, is_second=True)

    def _channel(self, number: int) -> Channel | None:
        channel = self.channels.get(number)
        if channel is None:
            self._ignore(number)
        return channel

    def _ignore(self, number: int) -> None:
        """Ignore a message for a channel that we closed; for any other channel it is nonsense."""
        if number not in self._closed:
            raise wire.ForeignMessage(f"a message for channel {number}, which is not open")


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
    ("client", "live", wire.Answer): Link._on_answer,
    ("client", "live", wire.Refuse): Link._on_refuse,
    ("client", "live", wire.Notice): Link._on_notice,
    ("client", "live", wire.Said): Link._on_notice,
    ("client", "live", wire.ToldApart): Link._on_notice,
    ("client", "live", wire.FileForm): Link._on_notice,
    ("client", "live", wire.Renamed): Link._on_renamed,
    ("client", "live", wire.Discarded): Link._on_discarded,
    ("client", "live", wire.Passed): Link._on_passed,
    ("server", "greeting", wire.Hello): Link._on_hello,
    ("server", "greeting", wire.Ping): Link._on_ping,
    ("server", "greeting", wire.Bye): Link._on_bye,
    ("server", "live", wire.Held): Link._on_held,
    ("server", "live", wire.Known): Link._on_known,
    ("server", "live", wire.Open): Link._on_open,
    ("server", "live", wire.Request): Link._on_request,
    ("server", "live", wire.Discard): Link._on_discard,
    ("server", "live", wire.Check): Link._on_check,
    ("server", "live", wire.List): Link._on_list,
    ("server", "live", wire.ListPage): Link._on_question,
    ("server", "live", wire.Read): Link._on_question,
    ("server", "live", wire.Carry): Link._on_question,
    ("server", "live", wire.Close): Link._on_close,
    ("server", "live", wire.Arrived): Link._on_passed,
    ("server", "live", wire.Departed): Link._on_passed,
    ("server", "live", wire.Passed): Link._on_passed,
    **{("client", "live", kind): handler for kind, handler in _BOTH_LIVE.items()},
    **{("server", "live", kind): handler for kind, handler in _BOTH_LIVE.items()},
}
