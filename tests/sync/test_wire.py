"""Frames: what goes in comes out, and nothing foreign gets through as something else."""

from __future__ import annotations

import random

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crdt import TextBuffer, Version
from jpterm_like.sync import wire

BUFFER = TextBuffer.genesis("hello", site=7)
VERSION = Version({7: 3, 2**64 - 1: 2**40})
ANCHOR = BUFFER.anchor(3)

MESSAGES: list[wire.Message] = [
    wire.Hello(1, 2, ("one", "two"), "Änne 🙂"),
    wire.Welcome(1, ()),
    wire.Open(0, "docs/notes.md", True, 2**64 - 1, b"l" * 16, VERSION, b"d" * 16, True),
    wire.Open(0, "docs/notes.md", False, 5, None, Version(), b"", False),
    wire.Opened(0, "view", b"l" * 16, VERSION, b"", Version(), VERSION),
    wire.Changes(3, 0, b"\x00\xff"),
    wire.Stored(3, VERSION),
    wire.Saved(3, Version()),
    wire.Presence(3, 9, "bob", ANCHOR, None, True),
    wire.Presence(3, 9, "bob", ANCHOR, None, True, calls=2),
    wire.Shown(3, 9, "bob", ANCHOR, None, True, calls=2, colour=7),
    wire.Shown(3, 9, "", None, None, False),
    wire.Save(3, 17),
    wire.List(18),
    wire.Done(18, ("a", "b/c")),
    wire.Refuse(None, 17, "role", "No."),
    wire.Close(3),
    wire.Bye("draining", "The server is shutting down.", 500),
    wire.Notice(3, True, "The disk is full."),
    wire.Merged(3, 19),
    wire.TakeBack(3, 20, False),
    wire.Kick(3, 21, "bob"),
    wire.Rename(3, 21, "docs/plan.md"),
    wire.Delete(3, 22),
    wire.Restart(3, 23),
    wire.Renamed(3, "docs/plan.md"),
    wire.Check(3, VERSION, b"d" * 16),
    wire.Held(3, VERSION),
    wire.Piece(b"\0", True),
    wire.OpenedSince(0, "edit", b"l" * 16, b"\0", b"", b"\0", None),
    wire.OpenedSince(0, "view", b"l" * 16, b"\0", b"d" * 16, b"\0", b"\0"),
    wire.SavedSince(3, b"\0"),
    wire.ListPage(22, "a"),
    wire.Names(22, ("b", "b/c"), True),
    wire.Compare(3, 23),
    wire.Discard(3, 24, 7, 2**53),
    wire.Discarded(3, 2**64 - 1, 7, 9),
    wire.Arrived(3, 2**53, "token ann", "edit", False),
    wire.Departed(3, 2**53),
    wire.Passed(3, 1, b"\x00\xff"),
    wire.Server(b"s" * 16),
    wire.Server(b""),
    wire.Document(3, b"d" * 16),
    wire.Ancestor(3, VERSION, Version()),
    wire.Known(3, b"d" * 16),
    wire.Elsewhere(3, "docs/plan.md"),
    wire.Where(3, 25),
    wire.Whereabouts(25, (wire.Place(9, 0, "bob", "a.md", 7, True, "own", 60, 5, False),)),
    wire.Say(3, 26, "lunch?"),
    wire.Whereabouts(25, (wire.Place(9, 0, "bob", "a.md", 7, True, "view", 60, 5, True, True),)),
    wire.Whereabouts(25, (wire.Place(9, 0, "bob", "a.md", 7, True, "view", 60, 5, True, False, 3),)),
    wire.Said(3, "bob", "lunch?"),
    wire.SetRole(3, 26, 2**64 - 1, "view"),
    wire.Guests(3, 34),
    wire.GuestList(34, (wire.Guest(9, "bob", 12, 4096), wire.Guest(2**64 - 1, "", 0, 0))),
    wire.Read(27, "docs/plan.md", 131072),
    wire.TextPart(27, "naïve".encode(), True),
    wire.Carry(35, b"c" * 16, "/home/ann/notes"),
    wire.OpenRecords(3, 36, 4, None, Version()),
    wire.Run(3, 37, ("3f9a81c2", "b"), ("0" * 32, "f" * 32)),
    wire.Kernel(3, 38, "restart"),
    wire.Input(3, 39, "0" * 32, "Zoé"),
    wire.Move(0, 1, "w" * 32, "value", "[1, 2]"),
    wire.Clear(3, 40, ()),
    wire.ListKernels(3, 41),
    wire.KernelList(41, ("ir", "python3"), ("R", "Python 3"), "ir"),
    wire.UseKernel(3, 42, "ir"),
    wire.OpenRecords(3, 36, 4, b"l" * 16, VERSION),
    wire.Carried(35, 12, 3, 5, 1, ("Bob",), 0, ("There is another plan.md here.",), ()),
    wire.CarryProgress(35, 340, 1000),
    wire.FileForm(3, True, "iso8859-1", False, ("\r\n", "\n")),
    wire.Reform(3, 27, "utf-16-le", True, "\r\n"),
    wire.ReadAgain(3, 28, "cp1251"),
    wire.TellApart(3, 29, VERSION, Version({9: 4}), 1_790_000_000_000, 2**53),
    wire.ToldApart(3, 2**64 - 1, VERSION, Version({9: 4}), 1_790_000_000_000, 2**53),
    wire.Ping(),
    wire.Pong(),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_survives_its_frame(message: wire.Message) -> None:
    """What is encoded decodes to the same message."""
    assert wire.decode(wire.encode(message)) == message


def test_every_kind_of_message_is_tried_here() -> None:
    """A new message must be added to the list above."""
    assert {type(message) for message in MESSAGES} == set(wire.MESSAGES.values())


@given(st.binary(max_size=200))
def test_f18_random_bytes_are_refused(data: bytes) -> None:
    """Bytes are a message or a ForeignMessage, nothing else."""
    _decode_or_refuse(data)


def test_f18_mutated_frames_are_messages_or_refused() -> None:
    """Bit flips, cuts and joins of real frames never raise anything but ForeignMessage."""
    chance = random.Random(18)
    frames = [wire.encode(message) for message in MESSAGES]
    for _ in range(20_000):
        frame = bytearray(chance.choice(frames))
        for _ in range(chance.randint(1, 3)):
            match chance.randint(0, 2):
                case 0 if frame:
                    frame[chance.randrange(len(frame))] ^= 1 << chance.randint(0, 7)
                case 1:
                    del frame[chance.randint(0, len(frame)) :]
                case _:
                    frame += chance.choice(frames)[: chance.randint(0, 20)]
        _decode_or_refuse(bytes(frame))


def _decode_or_refuse(data: bytes) -> None:
    try:
        message = wire.decode(data)
    except wire.ForeignMessage:
        return
    assert type(message) in wire.MESSAGES.values()


@pytest.mark.parametrize(
    "values",
    [
        (),
        (99,),
        ("0",),
        (-1,),
        (True, 3),
        (8, 3),
        (8, 3, 17, 4),
        (8, -1, 17),
        (8, 3, 2**60),
        (8, True, 17),
        (0, 1, 1, [], "x" * (wire.NAME_LENGTH_MAX + 1)),
        (0, 1, 1, ["f"] * (wire.FEATURES_MAX + 1), "x"),
        (1, 1, [], b"one too many"),
        (2, 0, "p" * (wire.PATH_LENGTH_MAX + 1), True, 1, None, b"\x00", b"", False),
        (2, 0, "p", 1, 1, None, b"\x00", b"", False),
        (2, 0, "p", True, 1, None, b"\xff\xff", b"", False),
        (3, 0, "own everything", b"", b"\x00", b"", b"\x00", b"\x00"),
        (4, 0, 256, b""),
        (4, 0, 0, "text"),
        (5, 0, {}),
        (7, 0, 1, "bob", b"x" * 100, None, True),
    ],
)
def test_a_field_of_a_wrong_shape_is_refused(values: tuple[object, ...]) -> None:
    """Each field is checked for its type and its size."""
    with pytest.raises(wire.ForeignMessage):
        wire.decode(msgpack.packb(values))


@pytest.mark.parametrize(
    "frame",
    [
        b"\x91" * 100_000,  # arrays in arrays
        b"\xdd\xff\xff\xff\xff",  # an array of 4 Gi items
        b"\xc6\xff\xff\xff\xff",  # 4 GiB of bytes
        b"\xdb\xff\xff\xff\xff",  # 4 GiB of text
        b"\xdf\xff\xff\xff\xff",  # a map of 4 Gi pairs
        b"\xc9\xff\xff\xff\xff\x01",  # 4 GiB of something of one's own
        b"\x94\x04\x00\x00\xc6\x00\x20\x00\x00" + b"x" * 2**21,  # more than a frame may hold
    ],
)
def test_lengths_are_bounded_before_anything_is_kept(frame: bytes) -> None:
    """What claims to be huge is refused without being built."""
    with pytest.raises(wire.ForeignMessage):
        wire.decode(frame)


def test_a_place_has_few_fields_more_and_none_less() -> None:
    """Fields that only newer peers know are left out while they have their default: older ones refuse them."""
    place = wire.Place(9, 0, "bob", "a.md", 7, True, "own", 60, 5, False)
    values = msgpack.unpackb(wire.encode(wire.Whereabouts(25, (place,))))
    assert len(values[2][0]) == 10
    for fields in (values[2][0][:9], values[2][0] + [False] * wire.PLACE_FIELDS_MAX):
        with pytest.raises(wire.ForeignMessage, match="a person's place"):
            wire.decode(msgpack.packb([54, 25, [fields]]))
