"""The messages between two peers, as msgpack arrays `[type, field, …]`.

This is the border where foreign bytes become our types: every length is bounded before anything is kept, and
what does not fit raises `ForeignMessage`. Nothing here knows a pad, a link or a socket. The payload of `Changes`
is checked by `crdt` when it is integrated.

A message names its pad by a small number, the *channel*, which the opening side chose, and the part of the pad;
a plain file has the one part 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, fields
from typing import Any, Final, NamedTuple, TypeVar

import msgpack

from crdt import Anchor, ForeignOp, Version
from jpterm_like.sync.ancestry import IDENTITY_BYTES
from jpterm_like.sync.presence import Person

PROTOCOL: Final = 1
"""The newest protocol that this program speaks."""
PROTOCOL_OLDEST: Final = 1
"""The oldest one that it still speaks."""

CHANGES_BYTES_MAX: Final = 64 * 1024
"""Operations in one frame. Small enough that a heartbeat is never stuck behind one for long on a slow line."""
FRAME_BYTES_MAX: Final = 1024 * 1024
"""A whole frame: room for one `Changes` that cannot be cut. Messages with the versions of very old pads are longer, and
come in pieces."""
PIECE_BYTES_MAX: Final = 256 * 1024
LONG_BYTES_MAX: Final = 16 * 1024 * 1024
"""Of a message that comes in pieces."""
VERSION_BYTES_MAX: Final = LONG_BYTES_MAX
"""About a million sites, each of which takes nine bytes and more."""
PATH_LENGTH_MAX: Final = 4096
NAME_LENGTH_MAX: Final = 64
SENTENCE_LENGTH_MAX: Final = 1000
LIST_LENGTH_MAX: Final = 10_000
LIST_BYTES_MAX: Final = FRAME_BYTES_MAX - 64 * 1024
"""Of names in one `Done`."""
PAGE_BYTES_MAX: Final = 128 * 1024
"""Of names in one `Names`."""
ANCHOR_BYTES_MAX: Final = 64
FEATURES_MAX: Final = 32
NUMBER_MAX: Final = 1023
"""The largest number that a message of any release may have."""
CHANNEL_MAX: Final = 4096
FORMAT_MAX: Final = 255
REQUEST_MAX: Final = 2**53
SITE_MAX: Final = 2**64 - 1
CLOCK_MAX: Final = 2**53


class ForeignMessage(Exception):
    """A frame that is not a message of this protocol. The sentence says what was wrong with it."""


class UnknownMessage(ForeignMessage):
    """A well-formed message with a number that this release does not know: of a newer one, to be skipped."""


@dataclass(frozen=True, slots=True)
class Hello:
    """The connecting side begins."""

    protocol_min: int
    protocol_max: int
    features: tuple[str, ...]
    name: str
    """Of the person, as others are to see it."""


@dataclass(frozen=True, slots=True)
class Welcome:
    """The other side agrees on a protocol."""

    protocol: int
    features: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Open:
    """I want to take part in this pad, and have this much of it."""

    channel: int
    path: str
    create: bool
    """Begin the pad when it does not exist; otherwise that is refused."""
    site: int
    lineage: bytes | None
    """None: I have nothing of it; send everything."""
    version: Version
    digest: bytes
    """Empty: the answer has the server's, if we have the same version. (It was mine, which nobody looked at.)"""
    merging: bool
    """I have a text of another history and will bring it in: let nobody else do so until I say `Merged`."""


@dataclass(frozen=True, slots=True)
class Opened:
    """You take part; this is what I have, and what of it is on my disk."""

    channel: int
    role: str
    """`edit` or `view`."""
    lineage: bytes
    version: Version
    digest: bytes
    stored: Version
    saved: Version
    """What the plain file holds. Empty when there is no file."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Operations, in crdt's own encoding."""

    channel: int
    format: int
    """Of the operations. 0 is that of today; others go to peers with the feature `links.FORMATS`, for those of 0.1.0 end
    the line."""
    data: bytes


@dataclass(frozen=True, slots=True)
class Stored:
    """These operations are on the server's disk, fsync'd. Only the sites that moved since the last one."""

    channel: int
    version: Version


@dataclass(frozen=True, slots=True)
class Saved:
    """The plain file holds the text of this version."""

    channel: int
    version: Version


@dataclass(frozen=True, slots=True)
class Presence:
    """Where someone is. The latest word of a site replaces its earlier ones."""

    channel: int
    site: int
    name: str
    caret: Anchor | None
    mark: Anchor | None
    here: bool
    """False: that opening has ended."""
    calls: int = 0
    """How often that person has asked the others to look at their caret."""


@dataclass(frozen=True, slots=True)
class Save:
    """Write the plain file with everything that I sent before this."""

    channel: int
    request: int


@dataclass(frozen=True, slots=True)
class Merged:
    """My text of another history is in what I sent before this."""

    channel: int
    request: int


@dataclass(frozen=True, slots=True)
class TakeBack:
    """Take back what came last from the plain file, by another program."""

    channel: int
    request: int
    again: bool
    """Do again what was taken back so."""


@dataclass(frozen=True, slots=True)
class Kick:
    """Put out of this pad who is called so; only an owner may ask for it."""

    channel: int
    request: int
    name: str


@dataclass(frozen=True, slots=True)
class Rename:
    """Give the pad's plain file another name; everybody in it follows."""

    channel: int
    request: int
    path: str
    """As an opening would name it."""


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete the pad's plain file; who is in the pad keeps the text."""

    channel: int
    request: int


@dataclass(frozen=True, slots=True)
class Restart:
    """Begin the history of this pad anew, with its text as it is; only an owner may ask for it. Feature "restart"."""

    channel: int
    request: int


@dataclass(frozen=True, slots=True)
class Moved:
    """The pad has another name now: the channel goes on, a later opening is to name this one."""

    channel: int
    path: str


@dataclass(frozen=True, slots=True)
class Compare:
    """Look whether the plain file holds the text as it is; then that is saved. Nothing is written there."""

    channel: int
    request: int


@dataclass(frozen=True, slots=True)
class Discard:
    """What my opening did from clock `begin` to `end` discarded unsaved work of others, who are to be told."""

    channel: int
    request: int
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Discarded:
    """Somebody discarded unsaved work by these operations of a site; reverted, they bring it back."""

    channel: int
    site: int
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Check:
    """At this version my text has this digest: if yours at the same version has not, a site was used twice."""

    channel: int
    version: Version
    digest: bytes


@dataclass(frozen=True, slots=True)
class List:
    """Which pads are there?"""

    request: int


@dataclass(frozen=True, slots=True)
class Done:
    """The request was carried out."""

    request: int
    names: tuple[str, ...]
    """Of the pads, for `List`; of those who were put out, for `Kick`; else empty."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of the frame of a message with versions, which is too long for one frame. Those of one follow each other."""

    data: bytes
    more: bool
    """Whether others follow."""


@dataclass(frozen=True, slots=True)
class OpenedSince:
    """As `Opened`, with the versions as differences: who takes part has nearly all of them."""

    channel: int
    role: str
    lineage: bytes
    version: bytes
    """Since the one in the opening (`Version.encode_since`)."""
    digest: bytes
    stored: bytes
    """Since `version`."""
    saved: bytes | None
    """Since `version`. None when there is no file."""


@dataclass(frozen=True, slots=True)
class SavedSince:
    """As `Saved`, as a difference to all that was told as stored on this channel."""

    channel: int
    version: bytes


@dataclass(frozen=True, slots=True)
class ListPage:
    """Which pads are there, in the order of their names, after this name? The answer is `Names`."""

    request: int
    after: str


@dataclass(frozen=True, slots=True)
class Names:
    """A page of the names of the pads."""

    request: int
    names: tuple[str, ...]
    more: bool
    """Whether there are names after the last of these."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """No: the request, the opening of this channel, or (with neither) the conversation."""

    channel: int | None
    request: int | None
    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Close:
    """I no longer take part in this pad."""

    channel: int


@dataclass(frozen=True, slots=True)
class Bye:
    """The conversation ends here."""

    code: str
    sentence: str
    retry_after_ms: int


@dataclass(frozen=True, slots=True)
class Notice:
    """Something about a pad that its users must be told."""

    channel: int
    serious: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class Held:
    """The plain file held the text of the version of my next `Open` without the newest operations of some sites."""

    channel: int
    newer: Version
    """How many of the newest, by site; the others: none."""


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there?"""


@dataclass(frozen=True, slots=True)
class Pong:
    """I am."""


@dataclass(frozen=True, slots=True)
class Server:
    """Which server this is, wherever it listens and whatever it is called; follows `Welcome`."""

    identity: bytes
    """Empty: it has none that lasts."""


@dataclass(frozen=True, slots=True)
class Document:
    """Which document you will have open, whatever it is called; comes before `Opened`."""

    channel: int
    identity: bytes
    """Empty: it has none that lasts."""


@dataclass(frozen=True, slots=True)
class Ancestor:
    """What of other histories is in this one: all up to a version, once `after` is here."""

    channel: int
    version: Version
    after: Version


@dataclass(frozen=True, slots=True)
class Known:
    """The document that I have is this one; comes before `Open`."""

    channel: int
    identity: bytes


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The name that you wanted is another document's now, and the one that you have is called so. Nothing was opened."""

    channel: int
    path: str


Message = (
    Hello | Welcome | Open | Opened | Changes | Stored | Saved | Presence
    | Save | List | Done | Refuse | Close | Bye | Ping | Pong | Notice | Merged | Check | TakeBack
    | Kick | Rename | Delete | Restart | Moved | Held | ListPage | Names
    | Compare | Discard | Discarded | Server | Document | Ancestor | Known | Elsewhere
    | Piece | OpenedSince | SavedSince
)  # fmt: skip


def encode(message: Message) -> bytes:
    """The frame of one message."""
    number, names = _NUMBERS[type(message)]
    frame: bytes = msgpack.packb([number, *[_pack(getattr(message, name)) for name in names]])
    return frame


class Step(NamedTuple):
    """What all peers of a pad are told alike who stood at one place and stand at another then."""

    start: object
    end: object
    likeness: tuple[object, ...]
    """Of the peers: the number of the channel, and what both sides can do."""
    frames: Sequence[bytes]
    origin: object
    """Who knows the text of it already; None if not one alone does."""
    sites: Set[int]
    """Whose carets are in it."""


class Alike:
    """Frames that many peers are sent alike: the newest of each kind is made once, for the first of them."""

    def __init__(self) -> None:
        self.step: Step | None = None
        """The newest."""
        self._newest: dict[type, tuple[int, object, bytes]] = {}
        self._people: dict[int, tuple[int, Person, bytes]] = {}  # by site; as many as are here

    def frame(
        self, kind: type[Changes | Stored | Saved | SavedSince], channel: int, carried: bytes | Version
    ) -> bytes:
        """The frame of a message of this kind about this channel; the same one while what it carries is the same object."""
        newest = self._newest.get(kind)
        if newest is not None and newest[1] is carried and newest[0] == channel:
            return newest[2]
        number = _NUMBERS[kind][0]
        data = carried if isinstance(carried, bytes) else carried.encode()
        fields = (0, data) if kind is Changes else (data,)
        frame: bytes = msgpack.packb((number, channel, *fields))
        self._newest[kind] = (channel, carried, frame)
        return frame

    def presence(self, channel: int, site: int, person: Person | None) -> bytes:
        """The frame that shows a person on this channel, or says that whoever was of this site has left."""
        if person is None:
            self._people.pop(site, None)
            return encode(Presence(channel, site, "", None, None, here=False))
        newest = self._people.get(site)
        if newest is not None and newest[1] is person and newest[0] == channel:
            return newest[2]
        shown = Presence(channel, site, person.name, person.caret, person.mark, here=True, calls=person.calls)
        frame = encode(shown)
        self._people[site] = (channel, person, frame)
        return frame


def cut(frame: bytes) -> list[bytes]:
    """The frames in which this one goes: itself if it is short, else its pieces."""
    if len(frame) <= PIECE_BYTES_MAX:
        return [frame]
    starts = range(0, len(frame), PIECE_BYTES_MAX)
    return [
        encode(Piece(frame[start : start + PIECE_BYTES_MAX], start + PIECE_BYTES_MAX < len(frame)))
        for start in starts
    ]


def decode_long(frame: bytes) -> Message:
    """The message of a frame that came in pieces.

    Raises:
        ForeignMessage: see `decode`; or it carries no version, and so needs no pieces.
    """
    message = _decode(frame, LONG_BYTES_MAX)
    if not isinstance(message, (Open, Opened, OpenedSince, Stored, Saved, SavedSince, Check, Held, Ancestor)):
        raise ForeignMessage(f"{type(message).__name__} in pieces")
    return message


def decode(frame: bytes) -> Message:
    """The message in a frame.

    Raises:
        UnknownMessage: of a type that this release does not know.
        ForeignMessage: too large, not msgpack, or with a field of a wrong shape or size.
    """
    return _decode(frame, FRAME_BYTES_MAX)


def _decode(frame: bytes, bytes_max: int) -> Message:
    if len(frame) > bytes_max:
        raise ForeignMessage(f"a frame of {len(frame)} bytes; at most {bytes_max} are taken")
    try:
        values = msgpack.unpackb(
            frame,
            use_list=False,
            strict_map_key=True,
            max_str_len=PATH_LENGTH_MAX * 4,
            max_bin_len=bytes_max,
            max_array_len=LIST_LENGTH_MAX,
            max_map_len=0,
            max_ext_len=0,
        )
    # msgpack raises ValueError and its children, and RecursionError's stand-in StackError, for what is not msgpack
    except (ValueError, msgpack.UnpackException, RecursionError) as problem:
        raise ForeignMessage("a frame that is not msgpack") from problem
    if not isinstance(values, tuple) or not values or not isinstance(values[0], int):
        raise ForeignMessage("a frame that is not an array with a type")
    shape = _SHAPES.get(values[0])
    if shape is None:
        if isinstance(values[0], bool) or not 0 <= values[0] <= NUMBER_MAX:
            raise ForeignMessage(f"a message of the impossible type {str(values[0])[:20]}")
        raise UnknownMessage(f"a message of the unknown type {values[0]}")
    kind, checks = shape
    if len(values) != len(checks) + 1:
        raise ForeignMessage(f"{kind.__name__} with {len(values) - 1} fields instead of {len(checks)}")
    try:
        message: Message = kind(*[check(value) for check, value in zip(checks, values[1:], strict=True)])
    except (_Misfit, ForeignOp) as problem:
        raise ForeignMessage(f"{kind.__name__} with {problem}") from problem
    return message


def _pack(value: object) -> object:
    if isinstance(value, (Version, Anchor)):
        return value.encode()
    return value


T = TypeVar("T")


class _Misfit(Exception):
    """A field that is not what its place asks for."""


def _number(maximum: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= maximum:
            raise _Misfit(f"something else than a number up to {maximum}")
        return value

    return check


def _string(length_max: int) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if not isinstance(value, str) or len(value) > length_max:
            raise _Misfit(f"something else than a text of up to {length_max} characters")
        return value

    return check


def _data(length_max: int) -> Callable[[Any], bytes]:
    def check(value: Any) -> bytes:
        if not isinstance(value, bytes) or len(value) > length_max:
            raise _Misfit(f"something else than up to {length_max} bytes")
        return value

    return check


def _bytes(length: int) -> Callable[[Any], bytes]:
    def check(value: Any) -> bytes:
        if not isinstance(value, bytes) or len(value) != length:
            raise _Misfit(f"something else than {length} bytes")
        return value

    return check


def _strings(count_max: int, length_max: int) -> Callable[[Any], tuple[str, ...]]:
    string = _string(length_max)

    def check(value: Any) -> tuple[str, ...]:
        if not isinstance(value, tuple) or len(value) > count_max:
            raise _Misfit(f"something else than a list of up to {count_max} texts")
        return tuple(string(item) for item in value)

    return check


def _one_of(*words: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value not in words or not isinstance(value, str):
            raise _Misfit(f"something else than {' or '.join(words)}")
        return value

    return check


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Misfit("something else than true or false")
    return value


def _identity(value: Any) -> bytes:
    return b"" if value == b"" else _bytes(IDENTITY_BYTES)(value)


def _maybe(check: Callable[[Any], T]) -> Callable[[Any], T | None]:
    return lambda value: None if value is None else check(value)


def _version(value: Any) -> Version:
    return Version.decode(_data(VERSION_BYTES_MAX)(value))


def _anchor(value: Any) -> Anchor:
    return Anchor.decode(_data(ANCHOR_BYTES_MAX)(value))


_channel = _number(CHANNEL_MAX)
_request = _number(REQUEST_MAX)
_clock = _number(CLOCK_MAX)
_features = _strings(FEATURES_MAX, NAME_LENGTH_MAX)
_name = _string(NAME_LENGTH_MAX)
_sentence = _string(SENTENCE_LENGTH_MAX)
_digest = _data(16)

# The numbers are the protocol: never reused, never reordered.
_SHAPES: Final[dict[int, tuple[Any, tuple[Callable[[Any], Any], ...]]]] = {
    0: (Hello, (_number(2**31), _number(2**31), _features, _name)),
    1: (Welcome, (_number(2**31), _features)),
    2: (
        Open,
        (
            _channel,
            _string(PATH_LENGTH_MAX),
            _boolean,
            _number(SITE_MAX),
            _maybe(_bytes(16)),
            _version,
            _digest,
            _boolean,
        ),
    ),
    3: (Opened, (_channel, _one_of("edit", "view"), _bytes(16), _version, _digest, _version, _version)),
    4: (Changes, (_channel, _number(FORMAT_MAX), _data(FRAME_BYTES_MAX))),
    5: (Stored, (_channel, _version)),
    6: (Saved, (_channel, _version)),
    7: (
        Presence,
        (
            _channel,
            _number(SITE_MAX),
            _name,
            _maybe(_anchor),
            _maybe(_anchor),
            _boolean,
            _number(REQUEST_MAX),
        ),
    ),
    8: (Save, (_channel, _request)),
    9: (List, (_request,)),
    10: (Done, (_request, _strings(LIST_LENGTH_MAX, PATH_LENGTH_MAX))),
    11: (Refuse, (_maybe(_channel), _maybe(_request), _name, _sentence)),
    12: (Close, (_channel,)),
    13: (Bye, (_name, _sentence, _number(24 * 3600 * 1000))),
    14: (Ping, ()),
    15: (Pong, ()),
    16: (Notice, (_channel, _boolean, _sentence)),
    17: (Merged, (_channel, _request)),
    18: (Check, (_channel, _version, _digest)),
    19: (TakeBack, (_channel, _request, _boolean)),
    20: (Kick, (_channel, _request, _name)),
    21: (Rename, (_channel, _request, _string(PATH_LENGTH_MAX))),
    22: (Delete, (_channel, _request)),
    23: (Moved, (_channel, _string(PATH_LENGTH_MAX))),
    28: (ListPage, (_request, _string(PATH_LENGTH_MAX))),
    29: (Names, (_request, _strings(LIST_LENGTH_MAX, PATH_LENGTH_MAX), _boolean)),
    30: (Piece, (_data(PIECE_BYTES_MAX), _boolean)),
    31: (
        OpenedSince,
        (
            _channel,
            _one_of("edit", "view"),
            _bytes(16),
            _data(VERSION_BYTES_MAX),
            _digest,
            _data(VERSION_BYTES_MAX),
            _maybe(_data(VERSION_BYTES_MAX)),
        ),
    ),
    32: (Server, (_identity,)),
    33: (Document, (_channel, _identity)),
    34: (Ancestor, (_channel, _version, _version)),
    35: (Known, (_channel, _identity)),
    36: (Elsewhere, (_channel, _string(PATH_LENGTH_MAX))),
    42: (Compare, (_channel, _request)),
    43: (Discard, (_channel, _request, _clock, _clock)),
    44: (Discarded, (_channel, _number(SITE_MAX), _clock, _clock)),
    50: (Held, (_channel, _version)),
    51: (Restart, (_channel, _request)),
    52: (SavedSince, (_channel, _data(VERSION_BYTES_MAX))),
}
_NUMBERS: Final[dict[type, tuple[int, tuple[str, ...]]]] = {
    kind: (number, tuple(field.name for field in fields(kind))) for number, (kind, _) in _SHAPES.items()
}
