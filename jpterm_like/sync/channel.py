"""A channel: what one link has exchanged with its peer about one pad, and what it owes it next.

It holds cursors into what the pad has (its log, its people, its kept messages), and encodes what they have not passed yet. Frames
that many peers are owed alike come from the `FrameCache` that the owner of the links hands in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence, Set
from typing import Final, Literal

from crdt import Version
from jpterm_like.sync import wire
from jpterm_like.sync.frame_cache import FrameCache, SharedFrames
from jpterm_like.sync.log import Cursor
from jpterm_like.sync.pad import Pad, Progress
from jpterm_like.sync.wire import VERSIONS, Role

PRESENCE_GAP_S: Final = 0.05
"""Carets are sent at most this often; text is never held back by it."""
PEOPLE_AT_ONCE: Final = 256
"""Carets sent in one turn of a channel."""

Side = Literal["client", "server"]


class Channel:
    """See the module.

    Args:
        site: of the client's opening, on both sides.
        features: what both sides of the link can do.
        frames: shared by the channels of the pad; None: this channel shares no frames.
        behind: of the channel between a relay and the owner of a pad, on both sides: the sites of the relay's guests. Their carets go to the
            owner, and never back; `site` is nobody's.
    """

    def __init__(
        self,
        number: int,
        pad: Pad,
        cursor: Cursor,
        role: Role,
        site: int,
        features: Set[str] = frozenset(),
        frames: FrameCache | None = None,
        behind: set[int] | None = None,
    ) -> None:
        self.number = number
        self.pad = pad
        self.role: Role = role
        self.site = site
        self.features = features
        self.behind = behind
        self.senders: Set[int] = frozenset((site,)) if behind is None else behind
        """The sites whose new operations the peer may send."""
        self.cursor = cursor
        self.frames = FrameCache() if frames is None else frames
        self._shows = wire.Shown if wire.COLOURS in features else wire.Presence
        """How the peer is shown people."""
        self.requests: deque[wire.Request] = deque()
        """Client: requests to be sent when everything that was done before them is sent."""
        self.goal: Version | None = None
        """Client: what the server had at the opening, until we have it."""
        self.again = 0
        """Client: how many operations the server is sent although it had them at the opening."""
        self.theirs = Version()
        """Client: what the server had at the opening."""
        self.hears_first = False
        """Client: what the server had is compared with mine when it has come."""
        self.holds = False
        """Client: nothing of mine is sent before that."""
        self.has_heard = False
        """Client: text has come since the opening."""
        self.lacked = 0
        """Client: how many operations of that we lacked then."""
        self.had = 0
        """Client: how many we had then."""
        self.awaited: Version | None = None
        """Server: what the peer must bring before it is sent any text."""
        self.held: Version | None = None
        """Server: a version of the peer's whose text the plain file held, if it named one."""
        self.site_count = 0
        """Server: how many sites there were in the versions of the opening."""
        self.is_owner = False
        """Server: whether the peer may do what nobody else could undo, and what needs "own"."""
        self.may_run = False
        """Server: whether the peer may run cells."""
        self.presence: wire.Shown | None = None
        """Client: my caret, until it is sent."""
        self.presence_at = float("-inf")
        """Client: when it was sent last."""
        self.has_more = False
        """Whether `news` had more to give than it gave."""
        self._progress: Progress | None = None
        """Server: how far the peer is, if that is a state that the pad was in; the next three are of that state then."""
        self._stored_sent = Version()
        self._saved_sent: Version | None = None
        self._is_set_back = False
        """Server: whether less was stored at a time than the peer had been sent, which makes it no base for differences."""
        self._likeness: tuple[object, ...] = (number, features)
        """Server: peers with an equal one can share frames. That of a peer that was set back is equal to nobody's."""
        self._people_sent = 0
        self._unread_sent = 0

    def news(self, side: Side, now: float) -> Sequence[bytes]:
        """Frames that are owed to the peer, most urgent first: of text and people a part each, of the rest all."""
        if side == "client":
            return self._news_of_client(now)
        # At a tick nearly all peers of a pad come from one state of it and go to the same next one.
        shared, start, end = self.frames.shared, self._progress, self.pad.progress
        if start is end:
            return ()
        if shared is not None and shared.start is start and shared.end is end and self._may_share(shared):
            self.cursor.follow()
            self._advance(end)
            return shared.frames
        return self._news_of_server(start, end)

    def _news_of_client(self, now: float) -> list[bytes]:
        frames: list[bytes] = []
        if self.holds:
            return frames
        data = self.cursor.take(wire.CHANGES_BYTES_MAX)
        if data is not None and self.role == "edit":
            frames.append(self.frames.frame(_changes, self.number, data))
        while self.cursor.done and self.requests:
            frames.append(wire.encode(self.requests.popleft()))
        if self.behind is not None:
            people, self._people_sent = self.pad.presences.since(self._people_sent, PEOPLE_AT_ONCE)
            frames += [
                self.frames.presence(self._shows, self.number, site, person)
                for site, person in people
                if person is not None and site in self.behind
            ]
        if self.cursor.done and self.presence is not None and now >= self.presence_at + PRESENCE_GAP_S:
            presence, self.presence = self.presence, None
            self.presence_at = now
            shown = presence if self._shows is wire.Shown else presence.without_colour
            frames.append(wire.encode(shown))
        has_unread = self.role == "edit" and self._unread_sent != len(self.pad.unread)
        if has_unread:
            frames += self._take_unread()
        self.has_more = not self.cursor.done or has_unread
        if self.behind is not None:
            self.has_more |= self._people_sent != self.pad.presences.end
        return frames

    def take_one(self, limit_bytes: int) -> list[bytes]:
        """Client: messages with about so much of what the server lacks, behind what is sent again; none if it lacks nothing."""
        frames: list[bytes] = []
        limit_bytes += len(self.pad.buffer.author.encode())  # the first one of an opening has the name
        known = self.cursor.version.total + self.again
        while self.role == "edit" and (not frames or self.cursor.version.total <= known):
            data = self.cursor.take(limit_bytes)
            if data is None:
                break
            frames.append(wire.encode(_changes(self.number, data)))
        return frames

    def _news_of_server(self, start: Progress | None, end: Progress) -> list[bytes]:
        pad = self.pad
        frames: list[bytes] = []
        if self.awaited is not None and self.awaited <= pad.buffer.version:
            self.awaited = None
        if self.awaited is None and (data := self.cursor.take(wire.CHANGES_BYTES_MAX)) is not None:
            frames.append(self.frames.frame(_changes, self.number, data))
        frames += self.take_safe()
        people, self._people_sent = pad.presences.since(self._people_sent, PEOPLE_AT_ONCE)
        frames += [
            self.frames.presence(self._shows, self.number, site, person)
            for site, person in people
            if site != self.site and (self.behind is None or site not in self.behind)
        ]
        self.has_more = self._people_sent != end.people or not self.cursor.done
        if self._unread_sent != end.unread:
            frames += self._take_unread()
            start = None  # these are not for every peer
            self.has_more |= self._unread_sent != end.unread
        if not self.has_more and self.awaited is None and self._saved_sent is end.saved:
            if start is not None and start.place >= pad.log.start:
                origins = pad.log.merged(start.place).origins if start.place != end.place else ()
                sites = {site for site, _ in people}
                shared = SharedFrames(start, end, self._likeness, frames, frozenset(origins), sites)
                if self._may_share(shared):
                    self.frames.shared = shared
            self._advance(end)
        return frames

    def release(self) -> None:
        """Client: send my work from now on."""
        self.holds = False

    def _take_unread(self) -> Iterator[bytes]:
        """The next message of a format unknown here that this peer can pass on, if there is one."""
        unread = self.pad.unread
        while self._unread_sent < len(unread):
            each = unread[self._unread_sent]
            self._unread_sent += 1
            changes = wire.Changes(self.number, each.format, each.data)
            if wire.is_understood(changes, self.features) and each.origin is not self.cursor.origin:
                yield wire.encode(changes)
                return

    def _may_share(self, shared: SharedFrames) -> bool:
        """Whether these frames are right for this peer: not when its own text or caret is in them."""
        return (
            shared.likeness == self._likeness
            and not self.cursor.leaves_out(shared.origins)
            and self.site not in shared.sites
            and (self.behind is None or self.behind.isdisjoint(shared.sites))
        )

    def move_to(self, pad: Pad, origin: object, frames: FrameCache | None) -> Channel:
        """Server: the channel that goes on with this one's peer in another pad, which has all that the peer was sent and was told to be
        stored."""
        cursor = pad.cursor(self.cursor.version, origin, shares=self.behind is None)
        channel = Channel(self.number, pad, cursor, self.role, self.site, self.features, frames, self.behind)
        channel.is_owner, channel.may_run, channel.site_count = (
            self.is_owner,
            self.may_run,
            self.site_count,
        )
        channel._stored_sent, channel._is_set_back = self._stored_sent, self._is_set_back
        return channel

    def _advance(self, progress: Progress) -> None:
        self._progress = progress
        self._stored_sent, self._saved_sent, self._people_sent = (
            progress.stored,
            progress.saved,
            progress.people,
        )

    def take_safe(self) -> Iterator[bytes]:
        """Server: frames of what is newly on the disk and in the plain file."""
        pad = self.pad
        self._progress = None
        if pad.stored is not self._stored_sent:
            step = pad.stored_since(self._stored_sent)
            self._stored_sent = pad.stored
            if step.is_set_back:
                self._is_set_back, self._likeness = True, (object(),)
            yield from self._cut(self.frames.frame(wire.Stored, self.number, step.version))
        if pad.saved is not self._saved_sent and pad.saved <= pad.stored:
            self._saved_sent = pad.saved
            if VERSIONS in self.features and not self._is_set_back:
                yield from self._cut(
                    self.frames.frame(wire.SavedSince, self.number, pad.saved_since_stored())
                )
            else:
                yield from self._cut(self.frames.frame(wire.Saved, self.number, pad.saved))

    def _cut(self, frame: bytes) -> Sequence[bytes]:
        return wire.cut(frame) if VERSIONS in self.features else (frame,)

    def answer_opening(self, request: wire.Open) -> wire.Opened | wire.OpenedSince:
        """Server: the answer to an opening; what it says is not sent again."""
        pad = self.pad
        self._stored_sent = pad.stored
        if pad.saved <= pad.stored:
            self._saved_sent = pad.saved
        lineage, version = pad.lineage, pad.buffer.version
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


class SilentChannel(Channel):
    """The owner's channel of a guest behind a relay: what is new goes to the relay's own channel, once for all of its guests."""

    def news(self, side: Side, now: float) -> Sequence[bytes]:
        return ()

    def take_safe(self) -> Iterator[bytes]:
        return iter(())


def _changes(channel: int, data: bytes) -> wire.Changes:
    """Operations in the format of today."""
    return wire.Changes(channel, 0, data)
