"""The messages between two peers, as msgpack arrays `[number, field, …]`.

This is the border where foreign bytes become our types. A message is a class, with the limits of each field in its
annotation; every length is checked before anything is kept, and a frame that does not fit raises `ForeignMessage`. Nothing
here knows a pad, a link or a socket. The payload of `Changes` is checked by `crdt` when it is integrated.

A message names its pad by a small number, the *channel*, which the side that opened the pad chose.

To add a request and its answer:

1. a class here, `@message(NUMBER, feature=…, needs="view", act="count the words") class Count(Request)`, with the number after
   the highest one here, and a feature, which goes into `FEATURES`. `needs` is the role that the peer must have, `act` completes
   "The server is of an earlier release, which cannot …". The answer is `Done` or `Refuse`; one that carries more is a second
   class, `class Counted(Answer)`;
2. the server: a `case` in `Server._handle`, whose answer goes out by `Link.done`, `Link.answer` or `Link.refuse`. A task that
   answers later calls `Connection.wake`;
3. the client: a method of `Session` that awaits `self._ask(partial(wire.Count, …), "The sentence if it is offline.")`, as `kick`;
4. an example of each class in the list of `tests/sync/test_wire.py`;
5. the golden files: run `python tests/golden/make.py`, which writes an example of each new class, and commit them;
6. a test that asks for it through a session.

Nothing else (`tests/sync/test_requests.py` plays a made-up request): `Link` checks that the channel is open, the role, the number of open requests and the peer's features for every
request, and passes the message on. A message that is no request and no answer needs a row in `sync.link._HANDLERS` as well.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass, fields
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    ClassVar,
    Final,
    Literal,
    NamedTuple,
    TypeVar,
    Union,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)

import msgpack

from crdt import Anchor, ForeignOp, Version
from jpterm_like.sync.ancestry import IDENTITY_BYTES

PROTOCOL: Final = 1
"""The newest protocol that this program speaks."""
PROTOCOL_OLDEST: Final = 1
"""The oldest protocol that it still speaks."""

HELD: Final = "held"
"""A client may say what the plain file held: message 50."""
PAGES: Final = "pages"
"""Names of pads come in pages: messages 28 and 29."""
DISCARDING: Final = "discarding"
"""Unsaved work may be discarded without writing the file, and the others are notified: messages 42 to 44."""
RESTART: Final = "restart"
"""The history of a pad may begin anew: message 51."""
IDENTITY: Final = "identity"
"""Servers and documents have identities, and notes on other histories are exchanged: messages 32 to 36."""
VERSIONS: Final = "versions"
"""Versions are sent as differences to what the peer has, and in pieces where they are long: messages 30, 31 and 52."""
FORMATS: Final = "formats"
"""Operations in unknown formats are kept and passed on."""
PEOPLE: Final = "people"
"""People are listed across all pads, and say lines to each other: messages 53 to 56."""
ROLES: Final = "roles"
"""Owners change what people may do: message 57; and people in `Whereabouts` may have more fields than this release knows."""
READING: Final = "reading"
"""Texts may be read without being opened: messages 58 and 59."""
COLOURS: Final = "colours"
"""People change their name, and choose a colour, while they are connected: message 60; places have a colour."""
FORMS: Final = "forms"
"""Servers say what plain files are written in, and convert them: messages 61 to 63."""
APART: Final = "apart"
"""People are told who wrote something while offline: messages 64 and 65."""
GUESTS: Final = "guests"
"""Owners are told how far each opening of a pad is behind: messages 72 and 73."""
CARRYING: Final = "carrying"
"""Owners have the texts of a folder written into packs, and packs taken in: messages 74 to 76."""
NOTEBOOKS: Final = "notebooks"
"""The text of a notebook is its cells; an earlier release has its JSON instead, and would merge the one into the other."""
RUNNING: Final = "running"
"""Cells of notebooks are run: messages 81 to 84."""
NODES: Final = "nodes"
"""Other servers have the same pads: a server that is silent is given up earlier. Said by servers that have others beside them."""
RELAYING: Final = "relaying"
"""Nodes relay pads of each other: messages 90 to 92."""
RECORDS: Final = "records"
"""Records beside a pad, such as the outputs of a notebook, are read on a channel of their own: message 80."""
FEATURES: Final[tuple[str, ...]] = (
    HELD,
    PAGES,
    DISCARDING,
    RESTART,
    IDENTITY,
    VERSIONS,
    FORMATS,
    PEOPLE,
    ROLES,
    READING,
    COLOURS,
    FORMS,
    APART,
    GUESTS,
    CARRYING,
    NOTEBOOKS,
    RECORDS,
    RUNNING,
    RELAYING,
    NODES,
)
"""What this release can do beyond the protocol, as `Hello` and `Welcome` say it. A message or a field value that came with a
feature is only sent to a peer that has the feature too. The fields of a message never change; a new message has a new number."""

CHANGES_BYTES_MAX: Final = 64 * 1024
"""Operations in one frame. Small enough that a heartbeat is never stuck behind one for long on a slow line."""
FRAME_BYTES_MAX: Final = 1024 * 1024
"""A whole frame: room for one `Changes` that cannot be cut. Messages with the versions of very old pads are longer, and
come in pieces."""
PIECE_BYTES_MAX: Final = 256 * 1024
"""One piece of a long message."""
LONG_BYTES_MAX: Final = 16 * 1024 * 1024
"""A message that comes in pieces."""
VERSION_BYTES_MAX: Final = LONG_BYTES_MAX
"""One version: about a million sites, of at least nine bytes each."""
PATH_LENGTH_MAX: Final = 4096
NAME_LENGTH_MAX: Final = 64
SENTENCE_LENGTH_MAX: Final = 1000
LINE_LENGTH_MAX: Final = 300
"""Code points of a line that somebody says to the others."""
COLOUR_MAX: Final = 255
"""Colours of people are numbers, of which a theme has some."""
PLACES_MAX: Final = 500
"""People in one `Whereabouts`."""
PLACE_FIELDS_MAX: Final = 64
"""Fields of each of them."""
GUESTS_MAX: Final = 256
"""Openings in one `GuestList`."""
LIST_LENGTH_MAX: Final = 10_000
LIST_BYTES_MAX: Final = FRAME_BYTES_MAX - 64 * 1024
"""Names in one `Done`."""
PAGE_BYTES_MAX: Final = 128 * 1024
"""Names in one `Names`."""
PART_BYTES_MAX: Final = 128 * 1024
"""One part of a text."""
CARRIED_SENTENCES_MAX: Final = 20
"""People, and sentences, in one `Carried`."""
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
    """A well-formed message with a number that this release does not know. It comes from a newer one and is skipped."""


# ---------------------------------------------------------------------- checks of fields


FieldCheck = Callable[[Any], Any]
"""Returns the field's value from its msgpack value, or raises `_Misfit`."""


class _Misfit(Exception):
    """A field value of a wrong type or size."""


def up_to(maximum: int) -> FieldCheck:
    """A number from 0 to `maximum`."""

    def check(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= maximum:
            raise _Misfit(f"something else than a number up to {maximum}")
        return value

    return check


def text_up_to(length_max: int) -> FieldCheck:
    """A text of at most so many code points."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or len(value) > length_max:
            raise _Misfit(f"something else than a text of up to {length_max} characters")
        return value

    return check


def texts_up_to(count_max: int, length_max: int) -> FieldCheck:
    """At most so many texts, each of at most so many code points."""
    text = text_up_to(length_max)

    def check(value: Any) -> tuple[str, ...]:
        if not isinstance(value, tuple) or len(value) > count_max:
            raise _Misfit(f"something else than a list of up to {count_max} texts")
        return tuple(text(item) for item in value)

    return check


def places_up_to(count_max: int) -> FieldCheck:
    """At most so many people, each with their place."""

    def check(value: Any) -> tuple[Place, ...]:
        if not isinstance(value, tuple) or len(value) > count_max:
            raise _Misfit(f"something else than a list of up to {count_max} people")
        return tuple(_place(item) for item in value)

    return check


def guests_up_to(count_max: int) -> FieldCheck:
    """At most so many openings."""

    def check(value: Any) -> tuple[Guest, ...]:
        if not isinstance(value, tuple) or len(value) > count_max:
            raise _Misfit(f"something else than a list of up to {count_max} openings")
        return tuple(_guest(item) for item in value)

    return check


def bytes_up_to(length_max: int) -> FieldCheck:
    """At most so many bytes."""

    def check(value: Any) -> bytes:
        if not isinstance(value, bytes) or len(value) > length_max:
            raise _Misfit(f"something else than up to {length_max} bytes")
        return value

    return check


def bytes_of(length: int) -> FieldCheck:
    """Exactly so many bytes."""

    def check(value: Any) -> bytes:
        if not isinstance(value, bytes) or len(value) != length:
            raise _Misfit(f"something else than {length} bytes")
        return value

    return check


def empty_or(check: FieldCheck) -> FieldCheck:
    """No bytes at all, or what `check` takes."""
    return lambda value: b"" if value == b"" else check(value)


def _one_of(words: tuple[str, ...]) -> FieldCheck:
    def check(value: Any) -> str:
        if value not in words or not isinstance(value, str):
            raise _Misfit(f"something else than {' or '.join(words)}")
        return value

    return check


def _none_or(check: FieldCheck) -> FieldCheck:
    return lambda value: None if value is None else check(value)


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Misfit("something else than true or false")
    return value


_version_bytes = bytes_up_to(VERSION_BYTES_MAX)
_anchor_bytes = bytes_up_to(ANCHOR_BYTES_MAX)


def _version(value: Any) -> Version:
    return Version.decode(_version_bytes(value))


def _anchor(value: Any) -> Anchor:
    return Anchor.decode(_anchor_bytes(value))


class Place(NamedTuple):
    """An opening of a pad: who, where in it, and since when."""

    site: int
    person: int
    """Equal for the openings of one person, in all answers of one run of the server."""
    name: str
    path: str
    line: int
    """Of the caret, from 1; 0 for an opening whose person looks at another text, or whose line is not known."""
    is_active: bool
    """Whether the person has a caret in it."""
    role: Literal["view", "edit", "own"]
    since_s: int
    """Age of the opening in seconds."""
    idle_s: int
    """Time since the caret moved, in seconds."""
    may_kick: bool
    """Whether the peer may put this person out of the pad in which it asks."""
    may_change_role: bool = False
    """Whether the peer may change what this person may do, there; said with the feature ROLES."""
    colour: int | None = None
    """What this person chose; said with the feature COLOURS."""


class Guest(NamedTuple):
    """An opening of a pad, and what the server has not yet sent to it."""

    site: int
    name: str
    missing: int
    """Operations that were not sent to it yet. What is on its way counts as sent."""
    kept_bytes: int
    """Estimated memory that the server keeps for its connection besides the pads: frames that it has not taken, and versions."""


_GUEST_CHECKS: Final = (
    up_to(SITE_MAX),
    text_up_to(NAME_LENGTH_MAX),
    up_to(REQUEST_MAX),
    up_to(REQUEST_MAX),
)


def _guest(value: Any) -> Guest:
    """The known fields of a guest. A newer release may add others behind them."""
    if not isinstance(value, tuple) or not len(_GUEST_CHECKS) <= len(value) <= PLACE_FIELDS_MAX:
        raise _Misfit("something else than an opening")
    return Guest(*[check(each) for check, each in zip(_GUEST_CHECKS, value, strict=False)])


_PLACE_FIELDS_MIN: Final = 10
"""The fields that each place has; the others are left out at the end where they have their default."""
_PLACE_CHECKS: Final = (
    up_to(SITE_MAX),
    up_to(REQUEST_MAX),
    text_up_to(NAME_LENGTH_MAX),
    text_up_to(PATH_LENGTH_MAX),
    up_to(REQUEST_MAX),
    _boolean,
    _one_of(("view", "edit", "own")),
    up_to(REQUEST_MAX),
    up_to(REQUEST_MAX),
    _boolean,
    _boolean,
    _none_or(up_to(COLOUR_MAX)),
)


def _place(value: Any) -> Place:
    """The known fields of a place. A newer release may add others behind them; an older one leaves out the last ones."""
    if not isinstance(value, tuple) or not _PLACE_FIELDS_MIN <= len(value) <= PLACE_FIELDS_MAX:
        raise _Misfit("something else than a person's place")
    return Place(*[check(each) for check, each in zip(_PLACE_CHECKS, value, strict=False)])


def _place_fields(place: Place) -> tuple[object, ...]:
    """The fields to send of a place: those at the end that have their default are left out."""
    defaults = tuple(Place._field_defaults.values())
    count = len(place)
    while count > _PLACE_FIELDS_MIN and place[count - 1] == defaults[count - 1 - _PLACE_FIELDS_MIN]:
        count -= 1
    return tuple(place[:count])


_CHECKS: Final[dict[object, FieldCheck]] = {bool: _boolean, Version: _version, Anchor: _anchor}
"""The checks of types that need no limit. What has been looked up is added."""


def _check_of(hint: Any) -> FieldCheck:
    """The check of a field, from its annotation."""
    check = _CHECKS.get(hint)
    if check is None:
        origin = get_origin(hint)
        if origin is Annotated:
            check = hint.__metadata__[0]
        elif origin is Literal:
            check = _one_of(get_args(hint))
        else:
            assert origin in (Union, UnionType), f"{hint} has no check"
            [inner] = [each for each in get_args(hint) if each is not NoneType]
            check = _none_or(_check_of(inner))
        _CHECKS[hint] = check
    return check


# ---------------------------------------------------------------------- what a message is


ChannelNumber = Annotated[int, up_to(CHANNEL_MAX)]
RequestNumber = Annotated[int, up_to(REQUEST_MAX)]
Site = Annotated[int, up_to(SITE_MAX)]
Clock = Annotated[int, up_to(CLOCK_MAX)]
ProtocolNumber = Annotated[int, up_to(2**31)]
Features = Annotated[tuple[str, ...], texts_up_to(FEATURES_MAX, NAME_LENGTH_MAX)]
Name = Annotated[str, text_up_to(NAME_LENGTH_MAX)]
Path = Annotated[str, text_up_to(PATH_LENGTH_MAX)]
Paths = Annotated[tuple[str, ...], texts_up_to(LIST_LENGTH_MAX, PATH_LENGTH_MAX)]
Sentence = Annotated[str, text_up_to(SENTENCE_LENGTH_MAX)]
Lineage = Annotated[bytes, bytes_of(16)]
Digest = Annotated[bytes, bytes_up_to(16)]
IdentityBytes = Annotated[bytes, empty_or(bytes_of(IDENTITY_BYTES))]
VersionBytes = Annotated[bytes, bytes_up_to(VERSION_BYTES_MAX)]

Role = Literal["edit", "view"]
"""What a peer may do with a pad."""
Need = Literal["view", "edit", "run", "own"]
"""What a peer must be allowed for a request; an owner decides who else may do what."""


class Shape(NamedTuple):
    """How the messages of a class are written."""

    number: int
    names: tuple[str, ...]
    """Of the fields, in their order."""
    checks: tuple[FieldCheck, ...]
    """Of the same fields."""
    feature: str | None
    """The feature that the message came with; None: part of the protocol."""
    needs: Need
    """Of a request."""
    act: str
    """What a request does, as a verb with its object: "count the words"."""
    may_repeat: bool
    """Whether a request may be carried out twice, where nobody knows whether it was."""


class Message:
    """The base of all messages."""

    __slots__ = ()
    shape: ClassVar[Shape]

    @property
    def needed_feature(self) -> str | None:
        """What the peer must be able to do to understand this message; None: nothing beyond the protocol."""
        return self.shape.feature


MESSAGES: Final[dict[int, type[Message]]] = {}
"""All classes of messages by their numbers. The numbers are the protocol: never reused, never changed."""

M = TypeVar("M", bound=Message)


@dataclass_transform(frozen_default=True)
def message(
    number: int,
    *,
    feature: str | None = None,
    needs: Need = "edit",
    act: str = "",
    may_repeat: bool = False,
) -> Callable[[type[M]], type[M]]:
    """Make a class a message with this number.

    Args:
        feature: what it came with.
        needs: what the peer must be allowed, for a request.
        act: what a request does, for the sentence of a refusal ("… cannot ACT: update it.").
        may_repeat: whether a request may be carried out twice.
    """

    def register(plain: type[M]) -> type[M]:
        assert number not in MESSAGES, f"two messages with number {number}"
        kind = dataclass(frozen=True, slots=True)(plain)
        hints = get_type_hints(kind, include_extras=True)
        names = tuple(field.name for field in fields(kind))  # type: ignore[arg-type]
        kind.shape = Shape(
            number,
            names,
            tuple(_check_of(hints[name]) for name in names),
            feature,
            needs,
            act,
            may_repeat,
        )
        MESSAGES[number] = kind
        return kind

    return register


@dataclass(frozen=True, slots=True)
class Request(Message):
    """The base of what a client asks for about an open pad. `Link` checks what it needs; the server answers."""

    channel: ChannelNumber
    request: RequestNumber
    """Chosen by the client, to know the answer by."""


@dataclass(frozen=True, slots=True)
class Answer(Message):
    """The base of what a server answers when it did what was asked."""

    request: RequestNumber


# ---------------------------------------------------------------------- the messages


@message(0)
class Hello(Message):
    """The client begins a conversation."""

    protocol_min: ProtocolNumber
    protocol_max: ProtocolNumber
    features: Features
    name: Name
    """Of the person, to be shown to others."""


@message(1)
class Welcome(Message):
    """The server agrees on a protocol."""

    protocol: ProtocolNumber
    features: Features


@message(2)
class Open(Message):
    """The client asks to take part in a pad, and says how much of it it has."""

    channel: ChannelNumber
    path: Path
    create: bool
    """Begin the pad if it does not exist; otherwise that is refused."""
    site: Site
    lineage: Lineage | None
    """None: I have nothing of it; send everything."""
    version: Version
    digest: Digest
    """Empty, and ignored: the answer has the server's digest if both have the same version. Release 0.1.0 sent its own."""
    merging: bool
    """I will merge in a text of another history: let nobody else do so until I send `Merged`."""


@message(3)
class Opened(Message):
    """The client takes part; this is what the server has, and what of it is on its disk."""

    channel: ChannelNumber
    role: Role
    lineage: Lineage
    version: Version
    digest: Digest
    stored: Version
    saved: Version
    """The version in the plain file. Empty if there is no file."""


@message(4)
class Changes(Message):
    """Operations, in crdt's own encoding."""

    channel: ChannelNumber
    format: Annotated[int, up_to(FORMAT_MAX)]
    """Of the operations. 0 is the only one that this release reads; a peer without `FORMATS` ends the link at any other."""
    data: Annotated[bytes, bytes_up_to(FRAME_BYTES_MAX)]

    @property
    def needed_feature(self) -> str | None:
        return FORMATS if self.format else None


@message(5)
class Stored(Message):
    """These operations are on the server's disk, fsync'd. Has only the sites that changed since the last one."""

    channel: ChannelNumber
    version: Version


@message(6)
class Saved(Message):
    """The plain file holds the text of this version."""

    channel: ChannelNumber
    version: Version


@message(7)
class Presence(Message):
    """Where a person's caret is. The latest message of a site replaces its earlier ones."""

    channel: ChannelNumber
    site: Site
    name: Name
    caret: Anchor | None
    mark: Anchor | None
    """The other end of the selection; None: nothing is selected."""
    here: bool
    """False: that opening has ended."""
    calls: Annotated[int, up_to(REQUEST_MAX)] = 0
    """How often that person has asked the others to look at their caret."""


@message(8, may_repeat=True)
class Save(Request):
    """Write the plain file, with everything that I sent before this."""


@message(9)
class List(Message):
    """Ask for the names of all pads. The answer is `Done`."""

    request: RequestNumber


@message(10)
class Done(Answer):
    """The request was carried out."""

    names: Paths
    """The pads, for `List`; the people who were disconnected, for `Kick`; whose role it is, for `SetRole`; the folder that
    was created for the file, for `Save`; else empty."""


@message(11)
class Refuse(Message):
    """Refuse a request, the opening of a channel, or (with neither) the conversation."""

    channel: ChannelNumber | None
    request: RequestNumber | None
    code: Name
    sentence: Sentence


@message(12)
class Close(Message):
    """The client no longer takes part in a pad."""

    channel: ChannelNumber


@message(13)
class Bye(Message):
    """The conversation ends here."""

    code: Name
    sentence: Sentence
    retry_after_ms: Annotated[int, up_to(24 * 3600 * 1000)]


@message(14)
class Ping(Message):
    """Ask for a sign of life."""


@message(15)
class Pong(Message):
    """Answer a `Ping`."""


@message(16)
class Notice(Message):
    """A sentence about a pad, to be shown to its users."""

    channel: ChannelNumber
    serious: bool
    sentence: Sentence


@message(17, may_repeat=True)
class Merged(Request):
    """My text of another history is in what I sent before this. The answer comes once that is on the disk, or the disk refuses."""


@message(18)
class Check(Message):
    """My text has this digest at this version. If yours at the same version differs, a site was used twice."""

    channel: ChannelNumber
    version: Version
    digest: Digest


@message(19)
class TakeBack(Request):
    """Undo the latest change that another program made to the plain file."""

    again: bool
    """Redo what was undone so instead."""


@message(20, needs="own", act="put people out")
class Kick(Request):
    """Disconnect the people of this name from the pad."""

    name: Name


@message(21)
class Rename(Request):
    """Rename the pad's plain file; everybody in it follows."""

    path: Path
    """As in an opening."""


@message(22)
class Delete(Request):
    """Delete the pad's plain file; people who have the pad open keep the text."""


@message(23)
class Renamed(Message):
    """The pad has another name now. The channel stays; a later opening must use the new name."""

    channel: ChannelNumber
    path: Path


@message(28, feature=PAGES)
class ListPage(Message):
    """Ask for the names of the pads that sort after this name. The answer is `Names`."""

    request: RequestNumber
    after: Path


@message(29, feature=PAGES)
class Names(Answer):
    """A page of the names of the pads."""

    names: Paths
    more: bool
    """Whether there are names after the last of these."""


@message(30, feature=VERSIONS)
class Piece(Message):
    """A piece of the frame of a message with versions, which is too long for one frame. The pieces of a frame follow each other."""

    data: Annotated[bytes, bytes_up_to(PIECE_BYTES_MAX)]
    more: bool
    """Whether others follow."""


@message(31, feature=VERSIONS)
class OpenedSince(Message):
    """As `Opened`, with the versions as differences, since the client has nearly all of them."""

    channel: ChannelNumber
    role: Role
    lineage: Lineage
    version: VersionBytes
    """Since the one in the opening (`Version.encode_since`)."""
    digest: Digest
    stored: VersionBytes
    """Since `version`."""
    saved: VersionBytes | None
    """Since `version`. None if there is no file."""


@message(32, feature=IDENTITY)
class Server(Message):
    """Which server this is, whatever its address and name; follows `Welcome`."""

    identity: IdentityBytes
    """Empty: it has no lasting one."""


@message(33, feature=IDENTITY)
class Document(Message):
    """Which document the client is about to have open, whatever its name; comes before `Opened`."""

    channel: ChannelNumber
    identity: IdentityBytes
    """Empty: it has no lasting one."""


@message(34, feature=IDENTITY)
class Ancestor(Message):
    """Everything of other histories up to `version` is in this one, once it has reached `after`."""

    channel: ChannelNumber
    version: Version
    after: Version


@message(35, feature=IDENTITY)
class Known(Message):
    """Which document the client has; comes before `Open`."""

    channel: ChannelNumber
    identity: IdentityBytes


@message(36, feature=IDENTITY)
class Elsewhere(Message):
    """The name in the opening belongs to another document now; the client's document has this name. Nothing was opened."""

    channel: ChannelNumber
    path: Path


@message(42, feature=DISCARDING, act="compare the file with the text", may_repeat=True)
class Compare(Request):
    """Compare the plain file with the text; if it holds it, call that saved. The file is not written."""


@message(43, feature=DISCARDING, act="notify the others of what you discard")
class Discard(Request):
    """The operations of my opening from clock `begin` to `end` discarded unsaved work of others; notify them."""

    begin: Clock
    end: Clock
    """Not included."""


@message(44, feature=DISCARDING)
class Discarded(Message):
    """These operations of a site discarded unsaved work of others; reverting them brings it back."""

    channel: ChannelNumber
    site: Site
    begin: Clock
    end: Clock
    """Not included."""


@message(50, feature=HELD)
class Held(Message):
    """The plain file once held the text of the version of my next `Open` without the newest operations of some sites."""

    channel: ChannelNumber
    newer: Version
    """How many of the newest operations, by site; of other sites none."""


@message(51, feature=RESTART, needs="own", act="begin a history anew")
class Restart(Request):
    """Begin the history of this pad anew, with its text as it is."""


@message(52, feature=VERSIONS)
class SavedSince(Message):
    """As `Saved`, as a difference to all that was sent as stored on this channel."""

    channel: ChannelNumber
    version: VersionBytes


@message(53, feature=PEOPLE, needs="view", act="list the people in all files")
class Where(Request):
    """Ask who is where, in all pads of the server that the peer may open. The answer is `Whereabouts`."""


@message(54, feature=PEOPLE)
class Whereabouts(Answer):
    """The people in all pads that the peer may open, each with their place."""

    places: Annotated[tuple[Place, ...], places_up_to(PLACES_MAX)]


@message(55, feature=PEOPLE, needs="view", act="pass on a line to the others")
class Say(Request):
    """Say a line to the others in the pad. It is not stored."""

    line: Annotated[str, text_up_to(LINE_LENGTH_MAX)]


@message(56, feature=PEOPLE)
class Said(Message):
    """Somebody in the pad said a line."""

    channel: ChannelNumber
    name: Name
    line: Annotated[str, text_up_to(LINE_LENGTH_MAX)]


@message(57, feature=ROLES, needs="own", act="change what people may do")
class SetRole(Request):
    """Change what a person in the pad may do, and everybody who came with the same token. The answer is `Done`, with their names."""

    site: Site
    """Of an opening of theirs."""
    role: Role


@message(58, feature=READING)
class Read(Message):
    """Ask for the text of a pad, without opening it, from a byte of its UTF-8 on. The answer is `TextPart`."""

    request: RequestNumber
    path: Path
    start: Annotated[int, up_to(REQUEST_MAX)]


@message(59, feature=READING)
class TextPart(Answer):
    """A part of a text, in UTF-8."""

    data: Annotated[bytes, bytes_up_to(PART_BYTES_MAX)]
    more: bool
    """Whether there is more of it."""


@message(60, feature=COLOURS)
class Shown(Presence):
    """As `Presence`, with a colour; and a client says its name of now, which may be another one than it began with."""

    colour: Annotated[int, up_to(COLOUR_MAX)] | None = None
    """None: the person did not choose one."""

    @property
    def without_colour(self) -> Presence:
        """The same for a peer that knows no colours."""
        return Presence(self.channel, self.site, self.name, self.caret, self.mark, self.here, self.calls)


Charset = Annotated[str, text_up_to(NAME_LENGTH_MAX)]
"""A charset by its name in Python: "utf-8"."""


@message(61, feature=FORMS)
class FileForm(Message):
    """What the plain file is written in: sent after `Opened`, and when it has changed."""

    channel: ChannelNumber
    is_there: bool
    """Whether there is a file; else this is what it will be written in."""
    charset: Charset
    bom: bool
    ends: Annotated[tuple[str, ...], texts_up_to(3, 2)]
    """Its line ends, the most frequent first."""


@message(62, feature=FORMS, act="convert a file")
class Reform(Request):
    """Write the plain file, with everything that I sent before this, in another form."""

    charset: Charset
    bom: bool
    end: Annotated[str, text_up_to(2)]
    """Of all lines."""


@message(63, feature=FORMS, act="read a file in another encoding")
class ReadAgain(Request):
    """Read the plain file in this charset, which a person knows to be the right one."""

    charset: Charset


@message(64, feature=APART, act="tell the others who was offline")
class TellApart(Request):
    """Tell the others in the pad what I wrote without hearing of them. It is not stored."""

    known: Version
    """What I had heard of."""
    work: Version
    """My sites, each with its clock after what I wrote."""
    since_ms: Clock
    until_ms: Clock
    """Since 1970."""


@message(65, feature=APART)
class ToldApart(Message):
    """Somebody wrote something without hearing of the others; the fields are those of `TellApart`."""

    channel: ChannelNumber
    site: Site
    """Of their opening."""
    known: Version
    work: Version
    since_ms: Clock
    until_ms: Clock


@message(72, feature=GUESTS, needs="own", act="tell who lacks what")
class Guests(Request):
    """Ask how far each opening of the pad is behind. The answer is `GuestList`."""


@message(73, feature=GUESTS)
class GuestList(Answer):
    """The openings of the pad, those that lack most first."""

    guests: Annotated[tuple[Guest, ...], guests_up_to(GUESTS_MAX)]


Count = Annotated[int, up_to(REQUEST_MAX)]


@message(74, feature=CARRYING)
class Carry(Message):
    """Have the mirror of a collection and the texts of a folder be the same. The answers are `CarryProgress`, and `Carried` as the last one."""

    request: RequestNumber
    collection: Annotated[bytes, bytes_of(16)]
    folder: Path
    """With the texts; the server's own notes say that it is this collection's."""


@message(75, feature=CARRYING)
class Carried(Answer):
    """How many changes went from the texts into new packs, and how many came from packs."""

    written: Count
    """Changes; typing on at one place is one."""
    written_documents: Count
    got: Count
    got_documents: Count
    people: Annotated[tuple[str, ...], texts_up_to(CARRIED_SENTENCES_MAX, NAME_LENGTH_MAX)]
    """The people who made the changes that came."""
    early: Count
    """Documents of which earlier changes have still to come."""
    notices: Annotated[tuple[str, ...], texts_up_to(CARRIED_SENTENCES_MAX, SENTENCE_LENGTH_MAX)]
    """Sentences that a person should read."""
    problems: Annotated[tuple[str, ...], texts_up_to(CARRIED_SENTENCES_MAX, SENTENCE_LENGTH_MAX)]
    """Sentences about failures, and what a person can do about them."""


@message(76, feature=CARRYING)
class CarryProgress(Answer):
    """How many of the documents were looked at so far."""

    done: Count
    of: Count


@message(80, feature=RECORDS, needs="view", act="show the outputs of notebooks")
class OpenRecords(Request):
    """Read the records beside the pad. `Opened` or `OpenedSince` for the new channel comes before the answer, which is `Done`."""

    number: ChannelNumber
    """Of the new channel."""
    lineage: Lineage | None
    """Of those that I have; None: I have none."""
    version: Version


KERNEL_WANTED: Final = "kernel"
"""The code of a refusal of `Run`: the notebook names no kernel that is there, and a person must choose one."""
RUNS_MAX: Final = 1000
"""Cells in one `Run`."""
INPUT_LENGTH_MAX: Final = 64 * 1024


class RunningRequest(Request):
    """The base of what a client asks of the kernel of a notebook."""

    __slots__ = ()


@message(81, feature=RUNNING, needs="run", act="run cells")
class Run(RunningRequest):
    """Run cells as they are with everything that I sent before this. `Done` says that they are queued; a run that is known is not
    queued again, so this may be repeated after an outage."""

    cells: Annotated[tuple[str, ...], texts_up_to(RUNS_MAX, NAME_LENGTH_MAX)]
    runs: Annotated[tuple[str, ...], texts_up_to(RUNS_MAX, NAME_LENGTH_MAX)]
    """For each of them an id that I made: 32 hexadecimal digits."""


@message(82, feature=RUNNING, needs="run", act="interrupt kernels")
class Kernel(RunningRequest):
    """Do something with the notebook's kernel."""

    verb: Literal["interrupt", "restart", "stop"]


@message(83, feature=RUNNING, needs="run", act="answer what cells ask")
class Input(RunningRequest):
    """Answer what a run asks; the first answer counts."""

    run: Name
    text: Annotated[str, text_up_to(INPUT_LENGTH_MAX)]


@message(84, feature=RUNNING, act="clear the outputs of cells")
class Clear(RunningRequest):
    """Remove what these cells gave; of all cells if none is named."""

    cells: Annotated[tuple[str, ...], texts_up_to(RUNS_MAX, NAME_LENGTH_MAX)]


@message(85, feature=RUNNING, needs="run", act="move widgets")
class Move(RunningRequest):
    """Move a widget of the notebook; what comes of it is in the records. It runs code in the kernel, as cells do."""

    widget: Name
    attribute: Name
    """What is changed, or "click"."""
    value: Annotated[str, text_up_to(INPUT_LENGTH_MAX * 2)]
    """JSON."""


@message(87, feature=RUNNING, needs="run", act="choose kernels")
class ListKernels(RunningRequest):
    """Which kernels the notebook may have; answered by `KernelList`."""


@message(88)
class KernelList(Answer):
    """The kernels of the server's machine."""

    names: Annotated[tuple[str, ...], texts_up_to(RUNS_MAX, NAME_LENGTH_MAX)]
    titles: Annotated[tuple[str, ...], texts_up_to(RUNS_MAX, NAME_LENGTH_MAX)]
    """Of each of them, for people."""
    chosen: Name
    """The one that was chosen for this notebook; empty: that which the notebook names."""


@message(89, feature=RUNNING, needs="run", act="choose kernels")
class UseKernel(RunningRequest):
    """Have a kernel run the notebook from now on; empty: that which the notebook names. One that runs is stopped."""

    name: Name


PASSED_BYTES_MAX: Final = FRAME_BYTES_MAX
"""A frame that is passed on between a guest of a relay and the owner of the pad."""
GuestNumber = Annotated[int, up_to(REQUEST_MAX)]
"""Of a guest of a relay; the relay chose it."""


@message(90, feature=RELAYING)
class Arrived(Message):
    """A guest of this relay opens the pad; what they say to its owner follows in `Passed`."""

    channel: ChannelNumber
    """That of the relay itself."""
    guest: GuestNumber
    who: Annotated[str, text_up_to(PATH_LENGTH_MAX)]
    """Whose rights the guest has, as the log names them."""
    role: Literal["view", "edit", "own"]
    """What the relay found that the guest may do."""
    may_run: bool


@message(91, feature=RELAYING)
class Departed(Message):
    """A guest of this relay has left the pad."""

    channel: ChannelNumber
    guest: GuestNumber


@message(92, feature=RELAYING)
class Passed(Message):
    """A frame from a guest of a relay to the owner of the pad, or back. Text and carets are not passed so; they are on the relay's channel."""

    channel: ChannelNumber
    guest: GuestNumber
    frame: Annotated[bytes, bytes_up_to(PASSED_BYTES_MAX)]


# ---------------------------------------------------------------------- frames


def encode(message: Message) -> bytes:
    """The frame of one message."""
    shape = message.shape
    frame: bytes = msgpack.packb([shape.number, *[_pack(getattr(message, name)) for name in shape.names]])
    return frame


def is_understood(message: Message, features: Set[str]) -> bool:
    """Whether a peer with these features in common with us understands a message."""
    feature = message.needed_feature
    return feature is None or feature in features


def cut(frame: bytes) -> list[bytes]:
    """The frames to send for a frame of any length: the frame itself if it is short, else its pieces."""
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
    if not isinstance(
        message, (Open, Opened, OpenedSince, Stored, Saved, SavedSince, Check, Held, Ancestor, Passed)
    ):
        raise ForeignMessage(f"{type(message).__name__} in pieces")
    return message


def decode(frame: bytes) -> Message:
    """The message in a frame.

    Raises:
        UnknownMessage: of a number that this release does not know.
        ForeignMessage: too large, not msgpack, or with a field of a wrong type or size.
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
            max_str_len=max(PATH_LENGTH_MAX, INPUT_LENGTH_MAX) * 4,
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
    kind = MESSAGES.get(values[0])
    if kind is None:
        if isinstance(values[0], bool) or not 0 <= values[0] <= NUMBER_MAX:
            raise ForeignMessage(f"a message of the impossible type {str(values[0])[:20]}")
        raise UnknownMessage(f"a message of the unknown type {values[0]}")
    checks = kind.shape.checks
    if len(values) != len(checks) + 1:
        raise ForeignMessage(f"{kind.__name__} with {len(values) - 1} fields instead of {len(checks)}")
    try:
        return kind(*[check(value) for check, value in zip(checks, values[1:], strict=True)])
    except (_Misfit, ForeignOp) as problem:
        raise ForeignMessage(f"{kind.__name__} with {problem}") from problem


def _pack(value: object) -> object:
    if isinstance(value, (Version, Anchor)):
        return value.encode()
    if isinstance(value, tuple) and value and isinstance(value[0], Place):
        return [_place_fields(place) for place in value]
    return value
