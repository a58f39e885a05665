"""Two links with a wire of memory between them."""

from __future__ import annotations

import random

import msgpack
import pytest

from crdt import Contradiction, TextBuffer, Version
from crdt.messages import LEVEL_MAX, BatchWriter, NextKey
from jpterm_like.sync import channel, events, wire
from jpterm_like.sync import link as links
from jpterm_like.sync.frame_cache import FrameCache
from jpterm_like.sync.link import Link
from jpterm_like.sync.log import KEPT_BYTES, SPARSE_BYTES
from jpterm_like.sync.pad import Pad
from jpterm_like.sync.presence import Person


class Pair:
    """A client's link and a server's, on one pad each."""

    def __init__(self, server_text: str, client: Pad | None = None, *, role: wire.Role = "edit") -> None:
        self.now = 0.0
        self.role: wire.Role = role
        self.server_pad = Pad(TextBuffer.genesis(server_text, site=1))
        self.empty = client is None
        self.client_pad = client or Pad(TextBuffer(site=2))
        self.client = Link("client", "ann", self.now)
        self.server = Link("server", "", self.now)
        self.events: list[events.Event] = []
        self.frames: list[wire.Message] = []

    def talk(self) -> None:
        """Carry frames until both have nothing to say."""
        moved = True
        while moved:
            moved = False
            for sender, receiver in ((self.client, self.server), (self.server, self.client)):
                for frame in sender.next_frames(self.now, 1):
                    moved = True
                    self.frames.append(wire.decode(frame))
                    self.handle(receiver.receive(frame, self.now))

    def handle(self, received: list[events.Event]) -> None:
        for event in received:
            self.events.append(event)
            if event == events.Greeted(""):
                self.client.open(0, self.client_pad, "notes.md", create=True, empty=self.empty)
            elif isinstance(event, events.OpenRequested):
                self.server.admit(event.channel, self.server_pad, self.role)

    def told(self, kind: type) -> list[events.Event]:
        return [event for event in self.events if isinstance(event, kind)]


def test_a_first_join_takes_the_server_s_text_and_history() -> None:
    """Joining with nothing gives the server's text, and never changes it (F6)."""
    pair = Pair("hello")
    pair.talk()
    assert pair.client_pad.buffer.text == "hello"
    assert pair.client_pad.buffer.lineage == pair.server_pad.buffer.lineage
    assert pair.told(events.CaughtUp)
    assert pair.server_pad.buffer.text == "hello"


def test_f06_joining_with_an_equal_copy_sends_nothing() -> None:
    """Two who opened the same file share its history without a word about the text."""
    pair = Pair("hello", Pad(TextBuffer.genesis("hello", site=2)))
    pair.talk()
    assert not [message for message in pair.frames if isinstance(message, wire.Changes)]
    assert pair.told(events.CaughtUp)


def test_f01_another_history_is_told_and_nothing_is_merged_blind() -> None:
    """A server whose document has another lineage leaves both texts alone."""
    pair = Pair("other", Pad(TextBuffer.genesis("hello", site=2)))
    pair.talk()
    assert pair.told(events.OtherHistory)
    assert (pair.client_pad.buffer.text, pair.server_pad.buffer.text) == ("hello", "other")


def test_f17_equal_versions_with_unequal_text_are_noticed() -> None:
    """A site id that was used twice shows when the digests are compared at the opening."""
    mine = TextBuffer.genesis("hello", site=2)
    theirs = TextBuffer.genesis("hello", site=2)
    mine.replace(5, 5, "!")
    theirs.replace(5, 5, "?")
    pair = Pair("", Pad(mine))
    pair.server_pad = Pad(theirs)
    pair.talk()
    assert pair.told(events.OtherHistory)
    assert (mine.text, theirs.text) == ("hello!", "hello?")


def test_typing_goes_both_ways_and_is_not_echoed() -> None:
    """Each side gets the other's operations, and none of its own back."""
    pair = Pair("hello")
    pair.talk()
    pair.frames.clear()
    pair.client_pad.replace(0, 0, "a", 1.0)
    pair.server_pad.replace(5, 5, "z", 1.0)
    pair.talk()
    assert pair.client_pad.buffer.text == pair.server_pad.buffer.text == "ahelloz"
    assert len([message for message in pair.frames if isinstance(message, wire.Changes)]) == 2


def test_what_was_typed_before_the_line_was_there_arrives_on_opening() -> None:
    """There is no outbox: the versions say what the other side lacks."""
    mine = Pad(TextBuffer.genesis("hello", site=2))
    mine.replace(5, 5, " world", 1.0)
    pair = Pair("hello", mine)
    pair.server_pad.replace(0, 1, "J", 1.0)
    pair.talk()
    assert pair.client_pad.buffer.text == pair.server_pad.buffer.text == "Jello world"


def test_f09_a_large_text_comes_in_parts_that_fit_a_frame() -> None:
    """5 MB arrive in frames of 64 KiB, and an outage in between costs only what was on its way."""
    text = "0123456789abcdef" * (5 * 2**16)
    pair = Pair(text)
    seen = 0
    while seen < 5:  # the first parts, then the line goes
        for sender, receiver in ((pair.client, pair.server), (pair.server, pair.client)):
            for frame in sender.next_frames(0.0, 1):
                assert len(frame) <= wire.CHANGES_BYTES_MAX + 1024
                seen += isinstance(wire.decode(frame), wire.Changes)
                pair.handle(receiver.receive(frame, 0.0))
    have = len(pair.client_pad.buffer)
    assert 0 < have < len(text)
    again = Pair("", pair.client_pad)
    again.server_pad = pair.server_pad
    again.talk()
    assert pair.client_pad.buffer.text == text
    sent = sum(len(message.data) for message in again.frames if isinstance(message, wire.Changes))
    assert sent < 1.1 * (len(text) - have) + 1024


def test_f35_a_reader_that_stands_still_costs_no_memory_and_gets_everything_later() -> None:
    """The log keeps a bounded tail; who falls off it goes on by version."""
    pair = Pair("")
    pair.talk()
    for number in range(300):
        pair.server_pad.replace(0, 0, f"{number:08}" * 1000, 1.0)
    assert (
        sum(len(entry.data) for entry in pair.server_pad.log.since(pair.server_pad.log.start)) <= KEPT_BYTES
    )
    pair.talk()
    assert pair.client_pad.buffer.text == pair.server_pad.buffer.text


def test_f20_a_reader_s_changes_end_the_link() -> None:
    """Who may only read changes nothing, and is cut off for trying."""
    pair = Pair("hello", role="view")
    pair.talk()
    pair.client_pad.replace(0, 0, "a", 1.0)
    pair.talk()  # our own client does not even try
    assert (pair.server_pad.buffer.text, pair.server.state) == ("hello", "live")
    data = pair.client_pad.buffer.changes_since(pair.server_pad.buffer.version)
    pair.handle(pair.server.receive(wire.encode(wire.Changes(0, 0, data)), 0.0))
    assert pair.server_pad.buffer.text == "hello"
    assert pair.server.state == "ended"


def test_a_save_follows_what_was_typed_before_it() -> None:
    """The server has every edit that came before ctrl+s when it is asked to save."""
    pair = Pair("")
    pair.talk()
    pair.client_pad.replace(0, 0, "a" * 600_000, 1.0)
    assert pair.client.ask(wire.Save(0, 1)) is None
    pair.talk()
    assert pair.told(wire.Save) == [wire.Save(0, 1)]
    kinds = [type(message) for message in pair.frames]
    assert kinds.index(wire.Save) > max(i for i, kind in enumerate(kinds) if kind is wire.Changes)


def test_stored_names_only_what_moved_and_adds_up() -> None:
    """The client learns what is on the server's disk, piece by piece."""
    pair = Pair("hello")
    pair.talk()
    pair.server_pad.mark_stored(Version({5: 3}))
    pair.talk()
    pair.server_pad.mark_stored(Version({5: 3, 6: 1}))
    pair.talk()
    told = [message.version for message in pair.frames if isinstance(message, wire.Stored)]
    assert told[-2:] == [Version({5: 3}), Version({6: 1})]
    assert pair.client_pad.stored >= Version({5: 3, 6: 1})


def test_f02_silence_ends_the_link_within_its_bound() -> None:
    """A peer that says nothing is asked, and given up after SILENCE_END_S."""
    pair = Pair("")
    pair.talk()
    assert pair.client.tick(links.SILENCE_PING_S) == []
    assert list(map(wire.decode, pair.client.next_frames(links.SILENCE_PING_S, 1))) == [wire.Ping()]
    (ended,) = pair.client.tick(links.SILENCE_END_S)
    assert isinstance(ended, events.Ended)
    assert ended.code == "silent"


def test_f23_a_server_of_another_version_is_told_in_a_sentence() -> None:
    """Protocol ranges that do not meet end the conversation with words for the user."""
    server = Link("server", "", 0.0)
    (ended,) = server.receive(wire.encode(wire.Hello(7, 9, (), "ann")), 0.0)
    assert isinstance(ended, events.Ended)
    assert ended.code == "version"
    assert "the server must be updated" in ended.sentence
    (bye,) = map(wire.decode, server.next_frames(0.0, 1))
    assert isinstance(bye, wire.Bye)


@pytest.mark.parametrize(
    "message",
    [
        wire.Changes(0, 0, b""),
        wire.Save(0, 1),
        wire.Close(0),
        wire.Welcome(1, ()),
        wire.Presence(0, 1, "", None, None, True),
    ],
    ids=lambda message: type(message).__name__,
)
def test_f18_a_message_in_the_wrong_state_ends_the_link(message: wire.Message) -> None:
    """Order is checked: nothing counts before a greeting, and nothing on a channel before its opening."""
    for greeted in (False, True):
        server = Link("server", "", 0.0)
        if greeted:
            server.receive(wire.encode(wire.Hello(1, 1, (), "ann")), 0.0)
        received = server.receive(wire.encode(message), 0.0)
        assert isinstance(received[-1], events.Ended)
        assert server.receive(wire.encode(message), 0.0) == []


def test_a_message_of_a_newer_release_is_skipped_and_counted() -> None:
    """A number that this release does not know costs the peer nothing; a flood of them ends the link."""
    pair = Pair("hello")
    pair.talk()
    for count in range(1, links.UNKNOWN_MAX + 1):
        assert pair.server.receive(msgpack.packb([wire.NUMBER_MAX, "whatever"]), 0.0) == []
        assert (pair.server.state, pair.server.unknown) == ("live", count)
    pair.server.receive(msgpack.packb([wire.NUMBER_MAX]), 0.0)
    assert pair.server.state == "ended"


def test_a_feature_counts_where_both_sides_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer of an earlier release has no features, whatever this one can do."""
    monkeypatch.setattr(links, "FEATURES", ("a", "b"))
    pair = Pair("hello")
    pair.talk()
    assert pair.client.features == pair.server.features == {"a", "b"}
    old = Link("server", "", 0.0)
    old.receive(wire.encode(wire.Hello(1, 1, ("b", "of a newer release"), "ann")), 0.0)
    assert old.features == {"b"}


def test_nobody_speaks_for_someone_else() -> None:
    """A presence of another site than one's own ends the link."""
    pair = Pair("")
    pair.talk()
    (ended,) = pair.server.receive(wire.encode(wire.Presence(0, 99, "eve", None, None, True)), 0.0)
    assert isinstance(ended, events.Ended)
    assert pair.server_pad.people == ()


def test_carets_are_sent_latest_only_and_not_too_often() -> None:
    """Between two carets there is a gap, and what was passed over is not sent later."""
    pair = Pair("hello")
    pair.talk()
    pair.frames.clear()
    for offset in (1, 2, 3):
        anchor = pair.client_pad.buffer.anchor(offset)
        pair.client.show(0, wire.Shown(0, 2, "ann", anchor, None, True))
        pair.talk()
    pair.now += channel.PRESENCE_GAP_S
    pair.talk()
    carets = [message.caret for message in pair.frames if isinstance(message, wire.Presence)]
    buffer = pair.client_pad.buffer
    assert [caret and buffer.offset(caret) for caret in carets] == [1, 3]


def test_a_caret_is_put_in_bytes_once_for_all_who_see_it() -> None:
    """In a crowd each of many carets goes to each of many guests."""
    pad = Pad(TextBuffer.genesis("hello", site=1))
    frames, version = FrameCache(), pad.buffer.version
    channels = [
        channel.Channel(0, pad, pad.cursor(version), "edit", site, frames=frames) for site in (2, 3, 4)
    ]
    for offset in (1, 2):
        pad.presences.show(Person(2, "ann", pad.buffer.anchor(offset), None), now=0.0)
        own, one, other = ([*each.news("server", 0.0)] for each in channels)
        carets = [frame for frame in one if isinstance(wire.decode(frame), wire.Presence)]
        assert len(carets) == 1 and any(frame is carets[0] for frame in other)
        assert not any(isinstance(wire.decode(frame), wire.Presence) for frame in own)
        shown = wire.decode(carets[0])
        assert isinstance(shown, wire.Presence) and shown.caret is not None
        assert pad.buffer.offset(shown.caret) == offset
    pad.presences.leave(2, now=1.0)
    (gone,) = map(wire.decode, channels[1].news("server", 1.0))
    assert gone == wire.Presence(0, 2, "", None, None, here=False)


def test_many_who_come_at_once_are_sent_the_very_same_bytes() -> None:
    """What late joiners lack is put together for the first of them."""
    pad = Pad(TextBuffer.genesis("a line of text\n" * 20_000))
    joiners = [pad.cursor(Version()) for _ in range(3)]
    while (part := joiners[0].take(wire.CHANGES_BYTES_MAX)) is not None:
        assert all(joiner.take(wire.CHANGES_BYTES_MAX) is part for joiner in joiners[1:])
    assert all(joiner.done for joiner in joiners)


def test_who_comes_late_takes_in_one_part_what_others_took_as_it_came() -> None:
    """The parts that were read by those before were all that there was then: for a new one they were a frame each."""
    server = Pad(TextBuffer.genesis("hello", site=1))
    empty = Version()
    for number in range(20):
        server.replace(0, 0, f"{number} ", float(number))
        earlier = server.cursor(empty)
        while earlier.take(wire.CHANGES_BYTES_MAX) is not None:
            pass
    late = server.cursor(empty)
    data = late.take(wire.CHANGES_BYTES_MAX)
    assert data == server.buffer.changes_since(empty)
    assert late.done


def test_f10_small_edits_all_over_a_text_come_in_smaller_parts_than_text_itself() -> None:
    """Taking in 64 KiB of them is thousands of operations, during which nobody's key was answered."""
    chance = random.Random(1)
    sparse = TextBuffer(site=1)
    for _ in range(5_000):
        at = chance.randint(0, len(sparse))
        sparse.replace(at, at, "word")
    for buffer, largest in (
        (sparse, SPARSE_BYTES),
        (TextBuffer.genesis("x" * 300_000), wire.CHANGES_BYTES_MAX),
    ):
        cursor = Pad(buffer).cursor(Version())
        copy = TextBuffer(lineage=buffer.lineage)
        sizes: list[int] = []
        while (part := cursor.take(wire.CHANGES_BYTES_MAX)) is not None:
            sizes.append(len(part))
            copy.integrate(part)
        assert copy.text == buffer.text
        assert largest - 100 <= max(sizes) <= largest + 100


def test_what_all_are_told_alike_is_made_once() -> None:
    """At a tick everybody takes the frames made for the first, but who wrote alone, or shows a caret, or lags behind."""
    pad = Pad(TextBuffer.genesis("hello", site=1))
    frames = FrameCache()
    pairs = [_join(pad, site, frames) for site in (11, 12, 13, 14)]
    writer, *readers = pairs
    assert not any(link.next_frames(0.0, 1 << 16) for _, link in pairs)

    def write(pair: tuple[TextBuffer, Link], text: str) -> None:
        buffer, link = pair
        buffer.replace(0, 0, text)
        assert link.receive(wire.encode(wire.Changes(0, 0, buffer.take_changes())), 0.0) == []

    write(writer, "a")
    assert not writer[1].next_frames(0.0, 1 << 16)
    first, second, third = (link.next_frames(0.0, 1 << 16) for _, link in readers)
    assert first is second is third
    assert [type(wire.decode(frame)) for frame in first] == [wire.Changes]

    *quick, slow = pairs
    write(writer, "b")
    for _, link in quick:
        link.next_frames(0.0, 1 << 16)
    write(readers[0], "c")
    pad.show(Person(11, "ann", None, None), 0.0)
    pad.mark_stored(pad.buffer.version)
    kinds = [[type(wire.decode(frame)) for frame in link.next_frames(0.0, 1 << 16)] for _, link in pairs]
    assert kinds == [
        [wire.Changes, wire.Stored],
        [wire.Stored, wire.Presence],
        [wire.Changes, wire.Stored, wire.Presence],
        [wire.Changes, wire.Stored, wire.Presence],
    ]
    for buffer, _ in pairs:
        assert buffer.lineage == pad.buffer.lineage
    write(writer, "d")
    again = [link.next_frames(0.0, 1 << 16) for _, link in readers]
    assert again[0] is again[1] is again[2], "the slow one has caught up"
    assert not slow[1].next_frames(0.0, 1 << 16)


def test_many_carets_are_told_in_several_goes() -> None:
    """A crowd of carets does not go beyond the limit by more than one go, and none is left out."""
    pad = Pad(TextBuffer.genesis("hello", site=1))
    (_, link) = _join(pad, 11)
    count = 2 * channel.PEOPLE_AT_ONCE + 1
    for site in range(100, 100 + count):
        pad.show(Person(site, "somebody", None, None), 0.0)
    goes = [link.next_frames(0.0, 1) for _ in range(4)]
    assert [len(frames) for frames in goes] == [channel.PEOPLE_AT_ONCE, channel.PEOPLE_AT_ONCE, 1, 0]
    shown = [wire.decode(frame) for frames in goes for frame in frames]
    assert [message.site for message in shown if isinstance(message, wire.Presence)] == list(
        range(100, 100 + count)
    )


def _join(pad: Pad, site: int, frames: FrameCache | None = None) -> tuple[TextBuffer, Link]:
    """A replica of a pad's text, and the server's link to its owner, who has been told everything."""
    buffer = TextBuffer.decode(pad.buffer.encode(), site=site)
    link = Link("server", "", 0.0)
    link.receive(wire.encode(wire.Hello(wire.PROTOCOL, wire.PROTOCOL, (), "ann")), 0.0)
    opening = wire.Open(0, "notes.md", True, site, buffer.lineage, buffer.version, b"", False)
    (wanted,) = link.receive(wire.encode(opening), 0.0)[-1:]
    assert isinstance(wanted, events.OpenRequested)
    link.admit(0, pad, "edit", frames=frames)
    while link.next_frames(0.0, 1 << 16):
        pass
    return buffer, link


def test_names_of_pads_come_in_pages_to_those_who_know_them() -> None:
    """A list of names is never longer than a frame; a peer of an earlier release is given what fits, and told so."""
    pair = Pair("hello")
    pair.talk()
    pair.client.ask_names(7, "m")
    pair.talk()
    assert pair.events[-1] == wire.ListPage(7, "m")
    pair.server.give_names(7, ["n", "o"], more=True)
    pair.talk()
    assert pair.events[-1] == wire.Names(7, ("n", "o"), True)

    old = Link("server", "", 0.0)
    old.receive(wire.encode(wire.Hello(1, 1, (), "ann")), 0.0)
    assert old.receive(wire.encode(wire.List(8)), 0.0) == [wire.ListPage(8, "")]
    old.give_names(8, ["a", "b"], more=True)
    old.give_names(9, ["a", "b"], more=False)
    *_, some, everything = [wire.decode(frame) for frame in old.next_frames(0.0, 10**6)]
    assert some == wire.Done(8, ("a", "b", links.MORE_NAMES))
    assert everything == wire.Done(9, ("a", "b"))


def test_a_peer_that_is_asked_whether_it_is_there_has_told_everything_before() -> None:
    """To know that everything was told takes one small answer, of any release, and no list of names."""
    pair = Pair("hello")
    pair.talk()
    pair.now += links.SILENCE_PING_S
    pair.client.tick(pair.now)  # its answer is nobody's
    pair.client.ping(3)
    pair.client.ping(4)
    pair.server_pad.show(Person(9, "bob", None, None), pair.now)
    pair.talk()
    assert pair.told(wire.Done) == [wire.Done(3, ()), wire.Done(4, ())]
    assert [person.name for person in pair.client_pad.people] == ["bob"]
    pair.client.receive(wire.encode(wire.Pong()), pair.now)
    assert pair.client.state == "live"


def visited(pair: Pair, count: int) -> None:
    """Have the server's document be one in which so many openings wrote a character each."""
    lineage = pair.server_pad.buffer.lineage
    messages: list[bytes] = []
    for site in range(100, 100 + count):
        opening = TextBuffer(site=site * 2**40, lineage=lineage, author="cron")
        opening.replace(0, 0, "x", 1.0)
        messages.append(opening.take_changes())
    pair.server_pad.buffer.integrate(b"".join(messages))
    pair.server_pad.stored = pair.server_pad.saved = pair.server_pad.buffer.version


def test_a_document_in_which_many_openings_wrote_is_joined_and_joined_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The answer to an opening has one version, in pieces, and at the next opening what changed since."""
    monkeypatch.setattr(wire, "PIECE_BYTES_MAX", 4096)
    pair = Pair("hello")
    visited(pair, 3000)
    pair.talk()
    assert pair.told(events.CaughtUp)
    buffer, server = pair.client_pad, pair.server_pad
    assert buffer.buffer.text == server.buffer.text
    assert (buffer.stored, buffer.saved) == (server.stored, server.saved)
    assert sum(isinstance(message, wire.Piece) for message in pair.frames) > 5

    again = Pair("", buffer)
    again.server_pad, again.empty = server, False
    again.talk()
    assert again.told(events.CaughtUp)
    told = [message for message in again.frames if isinstance(message, wire.OpenedSince)]
    assert (told[0].version, told[0].stored, told[0].saved) == (b"\0", b"\0", b"\0")
    again.frames.clear()
    server.replace(0, 0, "!", 2.0)
    server.mark_stored(server.buffer.version)
    server.mark_saved(server.buffer.version)
    again.talk()
    assert max(len(wire.encode(message)) for message in again.frames) < 100
    assert (buffer.stored, buffer.saved) == (server.stored, server.saved)


def test_a_document_that_is_not_saved_is_told_as_a_difference_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever of it is stored and saved, the client knows as much as the server."""
    for stored, saved in ((5, 0), (3, 2), (0, 0)):
        pair = Pair("hello", Pad(TextBuffer.genesis("hello", site=2)))
        versions = [Version()]
        for number in range(5):
            pair.server_pad.replace(0, 0, str(number), 1.0)
            versions.append(pair.server_pad.buffer.version)
        pair.server_pad.stored, pair.server_pad.saved = versions[stored], versions[saved]
        pair.talk()
        assert (pair.client_pad.stored, pair.client_pad.saved) == (versions[stored], versions[saved])


def test_a_peer_of_an_earlier_release_is_told_when_a_document_is_too_much_for_it() -> None:
    """It is answered as ever while it can take that, and refused with a sentence afterwards: it must not come again and again."""
    pair = Pair("hello")
    for count, kind in ((10, wire.Opened), (60_000, wire.Refuse)):
        sites = {site * 2**40: 1 for site in range(1, count)}
        server = Link("server", "", 0.0)
        server.receive(wire.encode(wire.Hello(1, 1, (), "ann")), 0.0)
        server.receive(wire.encode(wire.Open(0, "notes.md", False, 2, None, Version(), b"", False)), 0.0)
        pair.server_pad.buffer._version = Version(sites)
        server.admit(0, pair.server_pad, "edit")
        _, answer, *_ = server.next_frames(0.0, 10**7)
        assert isinstance(wire.decode(answer), kind)


def test_only_versions_come_in_pieces() -> None:
    """What needs none ends the link, and so does more than a message may have."""
    for message in (wire.Changes(0, 0, b""), wire.Ping()):
        pair = Pair("hello")
        pair.talk()
        frame = wire.encode(message)
        pair.server.receive(wire.encode(wire.Piece(frame[:1], True)), 0.0)
        (ended,) = pair.server.receive(wire.encode(wire.Piece(frame[1:], False)), 0.0)
        assert isinstance(ended, events.Ended)
    pair = Pair("hello")
    pair.talk()
    piece = wire.encode(wire.Piece(b"x" * wire.PIECE_BYTES_MAX, True))
    for _ in range(wire.LONG_BYTES_MAX // wire.PIECE_BYTES_MAX):
        assert pair.server.receive(piece, 0.0) == []
    assert isinstance(pair.server.receive(piece, 0.0)[0], events.Ended)


def test_what_is_saved_is_told_right_after_the_store_has_lost_something() -> None:
    """The client keeps what it was told as stored, so it is told afterwards what is saved as a whole."""
    pair = Pair("hello")
    pair.talk()
    server = pair.server_pad
    before = server.buffer.version
    server.replace(0, 0, "!", 1.0)
    server.mark_stored(server.buffer.version)
    pair.talk()
    server.reset_stored(before)
    server.mark_saved(before)
    pair.talk()
    assert pair.client_pad.saved == before
    server.replace(0, 0, "?", 1.0)
    server.mark_stored(server.buffer.version)
    server.mark_saved(server.buffer.version)
    pair.talk()
    assert pair.client_pad.saved == server.buffer.version


def test_only_an_owner_takes_text_away_for_good() -> None:
    """Others are told so and cut off, and nothing of it is taken in; it is the server's to say who is an owner."""
    for is_owner in (False, True):
        pair = Pair("hello")
        for event in pair.server.receive(pair.client.next_frames(0.0, 10**6)[0], 0.0):
            assert isinstance(event, events.Greeted)
        buffer = pair.server_pad.buffer
        opening = wire.Open(0, "notes.md", False, 9, buffer.lineage, buffer.version, b"", False)
        pair.server.receive(wire.encode(opening), 0.0)
        pair.server.admit(0, pair.server_pad, "edit", is_owner=is_owner)
        ((_, _, site, clock),) = buffer.ids(0, 5)
        batch = BatchWriter(9, 0)
        batch.raise_levels(0, site, clock, 5, False, LEVEL_MAX)
        received = pair.server.receive(wire.encode(wire.Changes(0, 0, batch.message())), 0.0)
        assert bool(received) is not is_owner
        assert buffer.text == ("" if is_owner else "hello")
        assert (pair.server.state == "ended") is not is_owner


def test_what_somebody_here_has_done_before_may_come_from_others() -> None:
    """A store of a backup lacks it, and whoever has it brings it first; what that person does from now on they bring alone."""
    ann = TextBuffer.genesis("", site=1)
    pad = Pad(TextBuffer.decode(ann.encode()))
    ann.replace(0, 0, "before ", 1.0)
    before, site = ann.take_changes(), ann.site
    pad.reserved[site] = ann.version.get(site)
    ann.replace(0, 0, "later ", 2.0)
    later = ann.take_changes()
    for message in (later, before + later):
        with pytest.raises(Contradiction):
            pad.integrate(message, None, senders={7})
    assert pad.buffer.text == ""
    pad.integrate(before, None, senders={7})
    assert pad.buffer.text == "before "
    pad.integrate(later, None, senders={site})
    pad.integrate(before + later, None, senders={7})
    assert pad.buffer.text == "later before "
    # A key that goes on is known by its bytes, and nothing is read of it.
    ann.replace(len("later "), len("later "), "k", 2.0)
    pad.integrate(ann.take_changes(), None, senders={site})
    key = NextKey(site, ann.version.get(site)).write_character("e")
    with pytest.raises(Contradiction):
        pad.integrate(key, None, senders={7})
    pad.integrate(key, None, senders={site})
    assert pad.buffer.text == "later kebefore "


def test_the_versions_of_one_peer_s_openings_are_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each may have a million sites; all that a server keeps of one peer's must not fill its memory."""
    monkeypatch.setattr(links, "SITES_MAX", 100)
    pair = Pair("hello")
    pair.talk()

    def opened(number: int, sites: int, held: int = 0) -> list[events.Event]:
        if held:
            newer = Version(dict.fromkeys(range(1, 1 + held), 1))
            pair.server.receive(wire.encode(wire.Held(number, newer)), 0.0)
        version = Version(dict.fromkeys(range(1, 1 + sites), 1))
        request = wire.Open(number, "a", True, 7, b"l" * 16, version, b"", False)
        return pair.server.receive(wire.encode(request), 0.0)

    def refused() -> list[wire.Message]:
        frames = map(wire.decode, pair.server.next_frames(0.0, 1 << 20))
        return [it for it in frames if isinstance(it, wire.Refuse)]

    assert opened(1, 60)  # wanted, and not yet admitted
    assert not opened(2, 41) and len(refused()) == 1
    assert not opened(2, 20, held=21) and len(refused()) == 1
    assert opened(2, 20, held=20) and not refused()
    for number in (1, 2):
        pair.server.admit(number, pair.server_pad, "edit")
    assert not opened(3, 1) and len(refused()) == 1
    pair.server.receive(wire.encode(wire.Close(1)), 0.0)
    pair.server.detach(1)
    assert opened(3, 60) and not refused()
