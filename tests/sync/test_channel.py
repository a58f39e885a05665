"""A channel by itself: what one link owes its peer about one pad, and in which order."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from crdt import TextBuffer, Version
from jpterm_like.sync import wire
from jpterm_like.sync.channel import PEOPLE_AT_ONCE, PRESENCE_GAP_S, Channel, Side
from jpterm_like.sync.frame_cache import FrameCache
from jpterm_like.sync.pad import Pad
from jpterm_like.sync.presence import Person
from jpterm_like.sync.wire import FEATURES, FORMATS, VERSIONS, Role

ALL = frozenset(FEATURES)


class Peer:
    """Somebody at the other end of a channel, who takes in what comes."""

    def __init__(
        self,
        pad: Pad,
        side: Side,
        *,
        role: Role = "edit",
        site: int = 2,
        has: Version | None = None,
        features: frozenset[str] = ALL,
        shared: FrameCache | None = None,
    ) -> None:
        self.side: Side = side
        known = pad.buffer.version if has is None else has
        self.channel = Channel(0, pad, pad.cursor(known, self), role, site, features, shared)
        if side == "server":  # as after an opening: what was told there is not told again
            self.channel.answer_opening(
                wire.Open(0, "notes.md", True, site, pad.buffer.lineage, known, b"", False)
            )

    def frames(self, now: float = 0.0) -> Sequence[bytes]:
        return self.channel.news(self.side, now)

    def hears(self, now: float = 0.0) -> list[wire.Message]:
        """One go."""
        return [wire.decode(frame) for frame in self.frames(now)]

    def hears_all(self, now: float = 0.0) -> list[wire.Message]:
        """As many goes as there is more."""
        found = self.hears(now)
        while self.channel.has_more:
            found += self.hears(now)
        return found


def kinds(messages: list[wire.Message]) -> list[type]:
    return [type(message) for message in messages]


@pytest.fixture
def pad() -> Pad:
    return Pad(TextBuffer.genesis("hello", site=1))


# ---------------------------------------------------------------------- a server's


def test_a_peer_who_has_everything_is_owed_nothing(pad: Pad) -> None:
    peer = Peer(pad, "server")
    assert peer.hears() == []
    assert not peer.channel.has_more


def test_text_comes_before_what_is_stored_and_that_before_people(pad: Pad) -> None:
    """What is stored is never told of text that the peer does not have yet."""
    peer = Peer(pad, "server")
    pad.show(Person(7, "bob", None, None), 0.0)
    pad.replace(5, 5, " world", 0.0)
    pad.mark_stored(pad.buffer.version)
    pad.mark_saved(pad.buffer.version)
    assert kinds(peer.hears()) == [wire.Changes, wire.Stored, wire.SavedSince, wire.Shown]
    assert peer.hears() == []


def test_nobody_is_told_saved_before_it_is_stored(pad: Pad) -> None:
    """The plain file may be written first."""
    peer = Peer(pad, "server")
    pad.replace(5, 5, " world", 0.0)
    pad.mark_saved(pad.buffer.version)
    assert kinds(peer.hears_all()) == [wire.Changes]
    pad.mark_stored(pad.buffer.version)
    assert kinds(peer.hears_all()) == [wire.Stored, wire.SavedSince]


def test_who_knows_no_differences_is_told_whole_versions(pad: Pad) -> None:
    peer = Peer(pad, "server", features=ALL - {VERSIONS})
    pad.replace(5, 5, " world", 0.0)
    pad.mark_stored(pad.buffer.version)
    pad.mark_saved(pad.buffer.version)
    assert peer.hears()[1:] == [wire.Stored(0, pad.buffer.version), wire.Saved(0, pad.buffer.version)]


def test_what_a_peer_brought_is_not_sent_back_to_it(pad: Pad) -> None:
    peer, other = Peer(pad, "server", site=2), Peer(pad, "server", site=3)
    theirs = TextBuffer.genesis("hello", site=2)
    theirs.replace(0, 0, "oh ")
    pad.integrate(theirs.take_changes(), peer)
    assert kinds(peer.hears_all()) == []
    assert kinds(other.hears_all()) == [wire.Changes]


def test_nobody_is_told_of_themselves(pad: Pad) -> None:
    bob, eve = Peer(pad, "server", site=7), Peer(pad, "server", site=8)
    pad.show(Person(7, "bob", None, None), 0.0)
    assert kinds(bob.hears_all()) == []
    [message] = eve.hears_all()
    assert isinstance(message, wire.Presence) and (message.site, message.here) == (7, True)
    pad.leave(7, 1.0)
    [message] = eve.hears_all()
    assert isinstance(message, wire.Presence) and (message.site, message.here) == (7, False)


def test_many_people_are_told_in_several_goes(pad: Pad) -> None:
    """So that text that comes meanwhile need not wait for all of them."""
    peer = Peer(pad, "server", site=1 << 30)
    for site in range(PEOPLE_AT_ONCE + 1):
        pad.show(Person(100 + site, "someone", None, None), 0.0)
    assert len(peer.hears()) == PEOPLE_AT_ONCE
    assert peer.channel.has_more
    pad.replace(0, 0, "first ", 0.0)
    assert kinds(peer.hears()) == [wire.Changes, wire.Shown]
    assert not peer.channel.has_more


def test_a_peer_is_sent_no_text_before_it_has_brought_what_it_said(pad: Pad) -> None:
    """It may have more of this history than we, whose store is older; what is stored is told meanwhile."""
    peer = Peer(pad, "server")
    theirs = TextBuffer.genesis("hello", site=2)
    theirs.replace(0, 0, "oh ")
    peer.channel.awaited = theirs.version
    pad.replace(5, 5, " world", 0.0)
    pad.mark_stored(pad.buffer.version)
    assert kinds(peer.hears()) == [wire.Stored]
    pad.integrate(theirs.take_changes(), peer)
    assert kinds(peer.hears_all()) == [wire.Changes]


def test_peers_that_stand_alike_share_the_very_same_frames(pad: Pad) -> None:
    """A keystroke among many is encoded once."""
    shared = FrameCache()
    peers = [Peer(pad, "server", site=site, shared=shared) for site in (2, 3, 4)]
    for peer in peers:
        assert peer.hears_all() == []
    pad.replace(5, 5, "!", 0.0)
    first, *others = [peer.frames() for peer in peers]
    assert kinds([wire.decode(frame) for frame in first]) == [wire.Changes]
    for frames in others:
        assert [id(frame) for frame in frames] == [id(frame) for frame in first]
    assert [peer.hears() for peer in peers] == [[], [], []]


def test_a_peer_that_does_not_stand_with_the_others_shares_nothing_that_is_not_its_own(pad: Pad) -> None:
    """The one who typed, one who was away, and one with an older release among the others."""
    shared = FrameCache()
    others = [Peer(pad, "server", site=site, shared=shared) for site in (2, 3)]
    author = Peer(pad, "server", site=4, shared=shared)
    older = Peer(pad, "server", site=5, features=ALL - {VERSIONS}, shared=shared)
    for peer in (*others, author, older):
        peer.hears_all()
    away = Peer(pad, "server", site=6, shared=shared)
    pad.replace(5, 5, "!", 0.0)
    for peer in (*others, author, older):
        peer.hears_all()
    theirs = TextBuffer.genesis("hello", site=4)
    theirs.integrate(pad.buffer.changes_since(theirs.version))
    theirs.replace(0, 0, "oh ")
    pad.integrate(theirs.take_changes(), author)
    pad.mark_stored(pad.buffer.version)
    pad.mark_saved(pad.buffer.version)
    for peer in others:
        assert kinds(peer.hears_all()) == [wire.Changes, wire.Stored, wire.SavedSince]
    assert kinds(author.hears_all()) == [wire.Stored, wire.SavedSince]
    assert kinds(older.hears_all()) == [wire.Changes, wire.Stored, wire.Saved]
    late = TextBuffer.genesis("hello", site=6)
    for message in away.hears_all():
        if isinstance(message, wire.Changes):
            late.integrate(message.data)
    assert late.text == "oh hello!"


def test_unknown_formats_go_to_those_who_pass_them_on_and_not_back(pad: Pad) -> None:
    author, newer, older = (
        Peer(pad, "server", site=2),
        Peer(pad, "server", site=3),
        Peer(pad, "server", site=4, features=ALL - {FORMATS}),
    )
    pad.keep_unread(9, b"from the future", author)
    pad.keep_unread(9, b"and more", author)
    assert newer.hears_all() == [wire.Changes(0, 9, b"from the future"), wire.Changes(0, 9, b"and more")]
    assert author.hears_all() == older.hears_all() == []


# ---------------------------------------------------------------------- a client's


def test_what_is_asked_goes_behind_all_that_was_typed_before(pad: Pad) -> None:
    """A save means everything that was sent before it, also when that takes several frames."""
    peer = Peer(pad, "client")
    for _ in range(4):
        pad.replace(0, 0, "word " * (wire.CHANGES_BYTES_MAX // 10), 0.0)
    peer.channel.requests.append(wire.Save(0, 1))
    told = kinds(peer.hears_all())
    assert told[-1] is wire.Save and len(told) > 2
    assert set(told[:-1]) == {wire.Changes}


def test_a_caret_goes_behind_the_text_that_it_stands_in(pad: Pad) -> None:
    peer = Peer(pad, "client")
    pad.replace(5, 5, "!", 0.0)
    peer.channel.presence = wire.Shown(0, 2, "ann", pad.buffer.anchor(6), None, here=True)
    assert kinds(peer.hears_all(now=10.0)) == [wire.Changes, wire.Shown]


def test_carets_are_sent_at_most_so_often_and_text_does_not_wait_for_them(pad: Pad) -> None:
    peer = Peer(pad, "client")
    shown = wire.Shown(0, 2, "ann", None, None, here=True)
    peer.channel.presence = shown
    assert kinds(peer.hears_all(now=1.0)) == [wire.Shown]
    peer.channel.presence = shown
    pad.replace(5, 5, "!", 0.0)
    assert kinds(peer.hears_all(now=1.0 + PRESENCE_GAP_S / 2)) == [wire.Changes]
    assert kinds(peer.hears_all(now=1.0 + PRESENCE_GAP_S)) == [wire.Shown]
    assert peer.channel.presence is None


def test_a_reader_sends_no_text(pad: Pad) -> None:
    """What was typed while the role was another one stays here, and does not hold up the caret."""
    peer = Peer(pad, "client", role="view")
    pad.replace(5, 5, "!", 0.0)
    pad.keep_unread(9, b"from the future", None)
    peer.channel.presence = wire.Shown(0, 2, "ann", None, None, here=True)
    assert kinds(peer.hears_all(now=1.0)) == [wire.Shown]
    assert not peer.channel.has_more
