"""What a keeper notes, as entries, and how they are written: in its log, and to its readers.

    frame   = length (u32), crc32 (u32), body
    body    = kind (u8), channel (u8), number (u64), seconds (f64), count of parts (u16), parts
    part    = length (u32), bytes

All numbers are big-endian; both checksum and length are of the body. The parts of a message are the kernel's own bytes: header, parent, metadata, content, then the
buffers. Those of a note are one JSON object. Kinds and channels are numbers for ever; an unknown one is passed on to the
reader, who skips it.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

MESSAGE_BYTES_MAX: Final = 64 << 20
"""Largest message of a kernel or to one. A larger one is noted as dropped, with its header."""
BODY_BYTES_MAX: Final = MESSAGE_BYTES_MAX + (1 << 20)
"""Largest body of a frame: a message with what is around it. A longer one is damage."""
BUFFERS_MAX: Final = 1024
"""Most buffers of one message. ipywidgets sends a handful."""
PARTS_MAX: Final = 4 + BUFFERS_MAX

Kind = Literal["sent", "received", "exit", "gap", "dropped", "started", "unknown"]
Channel = Literal["shell", "iopub", "stdin", "control", ""]

KINDS: Final[dict[Kind, int]] = {"sent": 1, "received": 2, "exit": 3, "gap": 4, "dropped": 5, "started": 6}
SEGMENT_HEAD: Final = 128
"""Kind of the first frame of each segment (see `log`), which readers are not sent."""
GREETING: Final = 200
REQUEST: Final = 201
ANSWER: Final = 202
"""Kinds between a keeper and its clients, which no log has. One JSON object comes first; the number of an answer is that of its request."""
CHANNELS: Final[dict[Channel, int]] = {"": 0, "shell": 1, "iopub": 2, "stdin": 3, "control": 4}
_KINDS: Final = {number: name for name, number in KINDS.items()}
_CHANNELS: Final = {number: name for name, number in CHANNELS.items()}

FRAME: Final = struct.Struct("!II")
_BODY: Final = struct.Struct("!BBQdH")
_LENGTH: Final = struct.Struct("!I")


class Damaged(ValueError):
    """These bytes are no frame, or not a whole one."""


class Raw(NamedTuple):
    """An entry with its parts as bytes: what the keeper handles, which reads no content."""

    kind: int
    channel: int
    number: int
    seconds: float
    """Wall clock, seconds since 1970."""
    parts: Sequence[bytes]


@dataclass(frozen=True)
class Entry:
    """One thing that happened at a kernel, in the order in which the keeper noted it."""

    number: int
    """Grows from entry to entry, but not always by one."""
    kind: Kind
    """`sent` to the kernel and `received` from it: messages. What somebody answered to `input()` may be a password, so its content is not kept. The others are notes of the keeper:

    started   the kernel was started: `content` has pid, argv, cwd
    exit      the kernel ended, and nothing comes after this; see `exit_code`. `content` has also `reason` and `output`
    gap       the kernel sent messages that never came: `count`; `content` has also `from` and `to`
    dropped   entries that are not in the log any more, or never got there: `count`, and `content["reason"]`
    """
    channel: Channel
    seconds: float
    """Wall clock, seconds since 1970."""
    header: Mapping[str, Any] = field(default_factory=dict)
    parent: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    content: Mapping[str, Any] = field(default_factory=dict)
    buffers: tuple[bytes, ...] = ()

    @property
    def exit_code(self) -> int | None:
        """Of an `exit`: negative is the signal that killed the kernel, None is not known."""
        code = self.content.get("code")
        return code if isinstance(code, int) else None

    @property
    def count(self) -> int:
        """Of a `gap` or `dropped`: how many messages or entries are missing."""
        count = self.content.get("count")
        return count if isinstance(count, int) else 0


def encode(raw: Raw) -> bytes:
    """The frame of an entry."""
    pieces = [_BODY.pack(raw.kind, raw.channel, raw.number, raw.seconds, len(raw.parts))]
    for part in raw.parts:
        pieces += _LENGTH.pack(len(part)), part
    body = b"".join(pieces)
    return FRAME.pack(len(body), zlib.crc32(body)) + body


def decode_body(body: bytes | memoryview) -> Raw:
    """The entry in a body whose checksum was right.

    Raises:
        Damaged: it is none.
    """
    try:
        kind, channel, number, seconds, count = _BODY.unpack_from(body)
        at = _BODY.size
        parts = []
        for _ in range(count):
            (length,) = _LENGTH.unpack_from(body, at)
            at += _LENGTH.size
            parts.append(bytes(body[at : at + length]))
            at += length
    except struct.error as error:
        raise Damaged("a body ends early") from error
    if at != len(body):
        raise Damaged("a body has another length than its parts")
    return Raw(kind, channel, number, seconds, parts)


def frames_in(data: bytes) -> Iterator[tuple[int, Raw]]:
    """The whole frames at the beginning of some bytes, each with the offset of its end; stops before the first that is torn or damaged."""
    view = memoryview(data)
    at = 0
    while at + FRAME.size <= len(data):
        length, checksum = FRAME.unpack_from(data, at)
        end = at + FRAME.size + length
        if length > BODY_BYTES_MAX or end > len(data):
            return
        body = view[at + FRAME.size : end]
        if zlib.crc32(body) != checksum:
            return
        try:
            raw = decode_body(body)
        except Damaged:
            return
        yield end, raw
        at = end


def note(kind: Kind, number: int, seconds: float, content: Mapping[str, Any]) -> Raw:
    """A note of the keeper's own."""
    return Raw(KINDS[kind], 0, number, seconds, [json.dumps(content).encode()])


def json_object(data: bytes) -> dict[str, Any]:
    """A JSON object from outside; empty if it is none. A kernel may send what it likes."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def decode_entry(raw: Raw) -> Entry:
    """The entry as its readers want it."""
    kind: Kind = _KINDS.get(raw.kind, "unknown")
    channel: Channel = _CHANNELS.get(raw.channel, "")
    if kind in ("sent", "received") or (kind == "dropped" and len(raw.parts) >= 4):
        header, parent, metadata, content = map(json_object, raw.parts[:4])
        return Entry(
            raw.number, kind, channel, raw.seconds, header, parent, metadata, content, tuple(raw.parts[4:])
        )
    content = json_object(raw.parts[0]) if raw.parts else {}
    return Entry(raw.number, kind, channel, raw.seconds, content=content)


def make_header(message_id: str, message_type: str, session: str, date: str, subshell: str = "") -> bytes:
    """The header of a message to a kernel; `date` as in ISO 8601. `subshell`: the thread of the kernel that is to take it; "": the main one."""
    header = {
        "msg_id": message_id,
        "msg_type": message_type,
        "username": "",
        "session": session,
        "date": date,
        "version": "5.4",
    }
    if subshell:
        header["subshell_id"] = subshell
    return json.dumps(header).encode()
