"""The message format: operations as bytes. Knows nothing of what a replica has.

A message is a sequence of batches, so two messages joined are a message. A batch holds operations of one site with
consecutive clocks:

    shape, site (8 bytes), clock of the first operation, then by the shape
        ONE_CHARACTER   a code point: the site continues typing
        ONE_BACKSPACE   nothing: the site, whose last operation was a raise, raises the character before that to the
                        same level
        ONE_DELETE      nothing: likewise, the character after that
        SEVERAL         a count, and that many items

    item = kind and a number in one (kind + 8 × number), then
        GO_ON      number = bytes of text       the text; its first character follows the site's newest one
        INSERT     number = bytes of text       parent, counter, the text
        RAISE_UP   number = characters          first target, level; the others follow it in that site's order
        RAISE_DOWN number = characters          the same, backwards: a run of backspaces
        MARK       number = seconds             wall-clock time from here on, for history only
        ANNOUNCE   number = bytes of the name   the name, seconds of the start; only before the very first operation
        TAKE_BACK  number = characters          nothing: RAISE_DOWN to level 2 from the character of the clock before

Every operation concerns one character and takes one clock: it inserts the character, or raises its level. An item
groups operations on neighbouring characters; where items are split has no meaning. Characters are named by (site,
clock). A reference is one number: 0 is none (the start of the document); an odd number is a character of the same
site, that many clocks back; an even number is a character of another site: 2 introduces a new site (8 bytes), 4, 6, …
are those introduced earlier in this batch; then the clock.

A key that continues the one before takes eleven to fourteen bytes, eight of them the site. From one such key to the
next only clock and character change: `NextKey` writes and recognises these messages without parsing them.
"""

from __future__ import annotations

from typing import Final

from crdt.binary import (
    AUTHOR_BYTES_MAX,
    NUMBER_MAX,
    SITE_BYTES,
    Reader,
    decode_text,
    encode_text,
    write_number,
    write_site,
)
from crdt.errors import ForeignOp

SEVERAL: Final = 0
ONE_CHARACTER: Final = 1
ONE_BACKSPACE: Final = 2
ONE_DELETE: Final = 3

GO_ON: Final = 0
INSERT: Final = 1
RAISE_UP: Final = 2
RAISE_DOWN: Final = 3
MARK: Final = 4
ANNOUNCE: Final = 5
AGAIN: Final = 6
"""In memory only: the item of ONE_BACKSPACE and ONE_DELETE; `number` is 0 or 1."""

TAKE_BACK: Final = 7
"""In bytes only: the short form for deleting what was just typed, the most common deletion."""

KIND_BITS: Final = 3
KIND_MASK: Final = (1 << KIND_BITS) - 1

INSERTED: Final = 1
"""Level of a new character. Odd levels are visible, even ones deleted."""

DELETED: Final = 2

LEVEL_MAX: Final = 2**50
"""Highest level; no character is deleted and restored that often. It is even, so a character at the top is deleted
for good; at an odd top nobody could ever delete it."""

FORGOTTEN: Final = "\ufffd"
"""Placeholder for each character whose text was forgotten. Such a character is deleted with LEVEL_MAX."""

LEVEL_STEP_MAX: Final = 1024
"""Most that users other than owners may raise a level at once. Undo and redo raise by one, but the operations in
between may arrive later or come from another site. Reaching the top by such steps takes 2^40 operations."""

CODE_POINT_MAX: Final = 0x10FFFF

NO_CLOCK: Final = -1
"""Clock of a parent at the start of the document."""


ONE_TURN: Final[list[int]] = []
"""`turns` of an operation that is a single item."""


class Op:
    """A parsed item: `count` operations from `clock` on (0 for marks and announcements)."""

    __slots__ = ("clock", "count", "kind", "number", "other_clock", "other_site", "seq", "text", "turns")

    def __init__(
        self,
        kind: int,
        clock: int,
        count: int,
        text: str,
        other_site: int,
        other_clock: int,
        number: int,
        turns: list[int] = ONE_TURN,
    ) -> None:
        self.kind: Final = kind
        self.clock: Final = clock
        self.count: Final = count
        self.text: Final = text
        """The inserted text, or the name in an announcement."""
        self.other_site: Final = other_site
        """With `other_clock`: the parent of an insertion, or the first target of a raise."""
        self.other_clock: Final = other_clock
        self.number: Final = number
        """Counter of an insertion, level of a raise, or seconds of a mark or an announcement."""
        self.seq = -1
        """The seq of `other_clock` in its site, once resolved."""
        self.turns: Final = turns
        """For an insertion followed only by its own newest characters, deleted and typed on in turn: the counts
        typed, deleted, typed, … Many items are then checked and applied as one. Never more are deleted than were
        typed just before. `text` is all the typed text."""


def split_turns(ops: list[Op], site: int) -> list[Op]:
    """Split operations of a site so that each turn is an operation of its own."""
    found: list[Op] = []
    for op in ops:
        if not op.turns:
            found.append(op)
            continue
        clock = op.clock
        at = 0
        for turn, count in enumerate(op.turns):
            if turn & 1:
                found.append(Op(RAISE_DOWN, clock, count, "", site, clock - 1, DELETED))
            else:
                text = op.text[at : at + count]
                at += count
                if turn:
                    found.append(Op(GO_ON, clock, count, text, 0, 0, 0))
                else:
                    found.append(Op(op.kind, clock, count, text, op.other_site, op.other_clock, op.number))
            clock += count
    return found


class Batch:
    """Operations of one site, from `clock` to `end` (not included)."""

    __slots__ = ("clock", "end", "ops", "site", "size_bytes")

    def __init__(self, site: int, clock: int, end: int, ops: list[Op], size_bytes: int) -> None:
        self.site: Final = site
        self.clock: Final = clock
        self.end: Final = end
        self.ops = ops
        self.size_bytes: Final = size_bytes


LAST_BYTES: Final = [bytes([number]) for number in range(128)]
FIRST_BYTES: Final = [bytes([number | 128]) for number in range(128)]
"""Seven bits of a number: as its last byte, and as a byte that others follow."""


class NextKey:
    """The expected message of a site's next operation, if that is a key that continues the one before.

    Writing or recognising a key advances to the next. A number starts with its lowest seven bits, so only the first
    byte of the clock changes, except at every 128th key.
    """

    __slots__ = ("_clock_end", "_clock_starts", "_heads", "clock", "site")

    def __init__(self, site: int, clock: int) -> None:
        self.site: Final = site
        site_bytes = site.to_bytes(SITE_BYTES, "big")
        self._heads: Final = [LAST_BYTES[shape] + site_bytes for shape in range(ONE_DELETE + 1)]
        """For each shape, the bytes before the clock."""
        self.clock = clock
        self._clock_starts = LAST_BYTES
        """The first bytes of 128 clocks that share their other bytes."""
        self._clock_end = b""
        """The shared other bytes."""
        self.move(clock)

    def move(self, clock: int) -> None:
        """Expect the operation of this clock next."""
        self.clock = clock
        if clock > 127:
            self._clock_starts = FIRST_BYTES
            self._clock_end = number_bytes(clock >> 7)
        else:
            self._clock_starts = LAST_BYTES
            self._clock_end = b""

    def _advance(self) -> None:
        clock = self.clock + 1
        if clock & 127:
            self.clock = clock
        else:
            self.move(clock)

    def _until_clock(self, shape: int) -> bytes:
        """The message up to and including its clock."""
        return self._heads[shape] + self._clock_starts[self.clock & 127] + self._clock_end

    def write_character(self, text: str) -> bytes:
        code = ord(text)
        message = self._until_clock(ONE_CHARACTER) + (LAST_BYTES[code] if code < 128 else number_bytes(code))
        self._advance()
        return message

    def is_character(self, data: bytes) -> bool:
        """Return whether a message starts like the expected key with a character."""
        return data.startswith(self._until_clock(ONE_CHARACTER))

    def read_character(self, data: bytes) -> str:
        """Return the character, if the message is exactly the expected key with a character; else "".

        Raises ForeignOp in the same cases as `read_message`.
        """
        expected = self._until_clock(ONE_CHARACTER)
        if not data.startswith(expected):
            return ""
        size = len(expected)
        if len(data) == size + 1 and data[size] < 128:
            code = data[size]
        else:
            reader = Reader(data, size)
            code = reader.number(CODE_POINT_MAX)
            if not reader.at_end():
                return ""
        self._advance()
        return chr(code)

    def write_erasure(self, shape: int) -> bytes:
        """Return the message of ONE_BACKSPACE or ONE_DELETE."""
        message = self._until_clock(shape)
        self._advance()
        return message

    def read_erasure(self, data: bytes, shape: int) -> bool:
        """Return whether `data` is exactly that message."""
        if data != self._until_clock(shape):
            return False
        self._advance()
        return True


def number_bytes(number: int) -> bytes:
    out = bytearray()
    write_number(out, number)
    return bytes(out)


def write_head(out: bytearray, shape: int, site: int, clock: int) -> None:
    """Append the head of a batch."""
    out.append(shape)
    write_site(out, site)
    write_number(out, clock)


def read_message(data: bytes) -> list[Batch]:
    """Parse a whole message.

    Raises:
        ForeignOp: not a message. Time and memory stay within a small multiple of the length of `data`.
    """
    reader = Reader(data)
    batches: list[Batch] = []
    while not reader.at_end():
        begin = reader.position
        shape = reader.number()
        if shape > ONE_DELETE:
            raise ForeignOp(f"a batch of shape {shape}")
        site = reader.site()
        clock = reader.number()
        ops: list[Op] = []
        end = clock
        if shape == ONE_CHARACTER:
            ops.append(Op(GO_ON, clock, 1, chr(reader.number(CODE_POINT_MAX)), 0, 0, 0))
            end += 1
        elif shape == SEVERAL:
            others: list[int] = []
            items = reader.number(len(data))
            while items:
                op = _read_item(reader, site, end, others, items)
                items -= len(op.turns) or 1
                end += op.count
                ops.append(op)
            if not ops:
                raise ForeignOp("an empty batch")
        else:
            if not clock:
                raise ForeignOp("a deletion like the one before the first operation")
            ops.append(Op(AGAIN, clock, 1, "", 0, 0, shape - ONE_BACKSPACE))
            end += 1
        if end > NUMBER_MAX:
            raise ForeignOp(f"clock {end} above {NUMBER_MAX}")
        batches.append(Batch(site, clock, end, ops, reader.position - begin))
    return batches


def _read_item(reader: Reader, site: int, clock: int, others: list[int], items: int) -> Op:
    """Read an item, or up to `items` items that form turns."""
    head = reader.number()
    kind = head & KIND_MASK
    size = head >> KIND_BITS
    if kind in (GO_ON, INSERT):
        parent_site = parent_clock = counter = 0
        if kind == INSERT:
            parent_site, parent_clock = _read_reference(reader, site, clock, others)
            counter = reader.number()
        text = decode_text(reader.exactly(size))
        if not text:
            raise ForeignOp("an insertion of nothing")
        position = reader.position
        if items < 2 or position == reader.end or reader.data[position] & KIND_MASK != TAKE_BACK:
            return Op(kind, clock, len(text), text, parent_site, parent_clock, counter)
        text, turns = _read_turns(reader, text, items)
        return Op(kind, clock, sum(turns) or len(text), text, parent_site, parent_clock, counter, turns)
    if kind in (RAISE_UP, RAISE_DOWN, TAKE_BACK):
        if kind == TAKE_BACK:
            kind, target_site, target_clock, level = RAISE_DOWN, site, clock - 1, DELETED
        else:
            target_site, target_clock = _read_reference(reader, site, clock, others)
            level = reader.number()
        if target_clock < 0:
            raise ForeignOp("a deletion of no character")
        if not DELETED <= level <= LEVEL_MAX:
            raise ForeignOp(f"a level raised to {level}")
        if not size:
            raise ForeignOp("a deletion of nothing")
        if clock + size > NUMBER_MAX:
            raise ForeignOp(f"clock {clock + size} above {NUMBER_MAX}")
        return Op(kind, clock, size, "", target_site, target_clock, level)
    if kind == MARK:
        return Op(MARK, clock, 0, "", 0, 0, size)
    if kind == ANNOUNCE:
        if clock:
            raise ForeignOp("an announcement after the first operation")
        if size > AUTHOR_BYTES_MAX:
            raise ForeignOp(f"a name of {size} bytes")
        name = decode_text(reader.exactly(size))
        return Op(ANNOUNCE, clock, 0, name, 0, 0, reader.number())
    raise ForeignOp(f"an item of kind {kind}")


def _read_turns(reader: Reader, text: str, items: int) -> tuple[str, list[int]]:
    """Read the items after an insertion that delete its newest characters and type on in turn."""
    typed = len(text)
    texts = [text]
    turns = [typed]
    data, end = reader.data, reader.end
    position = reader.position
    while len(turns) < items and position < end:
        head = data[position]
        if head < 128:  # almost always; a call would take longer than the rest of a turn
            after = position + 1
        else:
            reader.position = position
            head = reader.number()
            after = reader.position
        size = head >> KIND_BITS
        if len(turns) & 1:
            if head & KIND_MASK != TAKE_BACK or not 0 < size <= typed:
                break
            turns.append(size)
            position = after
        else:
            if head & KIND_MASK != GO_ON:
                break
            reader.position = after
            text = decode_text(reader.exactly(size))
            if not text:
                raise ForeignOp("an insertion of nothing")
            typed = len(text)
            texts.append(text)
            turns.append(typed)
            position = reader.position
    reader.position = position
    return "".join(texts), turns if len(turns) > 1 else ONE_TURN


def _read_reference(reader: Reader, site: int, clock: int, others: list[int]) -> tuple[int, int]:
    number = reader.number()
    if not number:
        return 0, NO_CLOCK
    if number & 1:
        back = number + 1 >> 1
        if back > clock:
            raise ForeignOp("a reference before the site's first operation")
        return site, clock - back
    if number == 2:
        other = reader.site()
        if other == site:
            raise ForeignOp("a reference to the same site as if it were another")
        others.append(other)
    else:
        place = (number >> 1) - 2
        if place >= len(others):
            raise ForeignOp("a reference to a site that the batch does not name")
        other = others[place]
    return other, reader.number()


def one_insertion(
    site: int, clock: int, parent_site: int, parent_clock: int, counter: int, text: str
) -> bytes:
    """Return the message that inserts one character below a given parent."""
    data = encode_text(text)
    out = bytearray()
    write_head(out, SEVERAL, site, clock)
    out.append(1)
    out.append(len(data) << KIND_BITS | INSERT)
    write_reference(out, site, clock, parent_site, parent_clock)
    write_number(out, counter)
    out += data
    return bytes(out)


def one_raise(site: int, clock: int, target_site: int, target_clock: int, down: bool, level: int) -> bytes:
    """Return the message that raises one character; `down` if later ones continue backwards."""
    out = bytearray()
    write_head(out, SEVERAL, site, clock)
    out.append(1)
    if target_clock == clock - 1 and target_site == site and level == DELETED:
        out.append(1 << KIND_BITS | TAKE_BACK)
    else:
        out.append(1 << KIND_BITS | (RAISE_DOWN if down else RAISE_UP))
        write_reference(out, site, clock, target_site, target_clock)
        write_number(out, level)
    return bytes(out)


class BatchWriter:
    """Collects the items of one batch. The caller tracks the clocks."""

    __slots__ = ("_items", "_others", "_single", "clock", "count", "site")

    def __init__(self, site: int, clock: int) -> None:
        self.site: Final = site
        self.clock: Final = clock
        self.count = 0
        self._items = bytearray()
        self._single = 0
        """The code point, if the batch only continues typing with one character (NUL takes the longer form)."""
        self._others: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._items)

    def go_on(self, text: str) -> None:
        data = encode_text(text)
        self._head(GO_ON, len(data))
        if self.count == 1 and len(text) == 1:
            self._single = ord(text)
        self._items += data

    def insert(self, clock: int, parent_site: int, parent_clock: int, counter: int, text: str) -> None:
        data = encode_text(text)
        self._head(INSERT, len(data))
        self._reference(clock, parent_site, parent_clock)
        write_number(self._items, counter)
        self._items += data

    def raise_levels(
        self, clock: int, target_site: int, target_clock: int, count: int, down: bool, level: int
    ) -> None:
        if (
            target_clock == clock - 1
            and target_site == self.site
            and level == DELETED
            and (down or count == 1)
        ):
            self._head(TAKE_BACK, count)
            return
        self._head(RAISE_DOWN if down else RAISE_UP, count)
        self._reference(clock, target_site, target_clock)
        write_number(self._items, level)

    def mark(self, seconds: int) -> None:
        self._head(MARK, seconds)

    def announce(self, author: str, started: int) -> None:
        name = encode_text(author)
        self._head(ANNOUNCE, len(name))
        self._items += name
        write_number(self._items, started)

    def message(self) -> bytes:
        """Return the batch as bytes; b"" if it has no items."""
        if not self.count:
            return b""
        out = bytearray()
        if self._single:
            write_head(out, ONE_CHARACTER, self.site, self.clock)
            write_number(out, self._single)
            return bytes(out)
        write_head(out, SEVERAL, self.site, self.clock)
        write_number(out, self.count)
        out += self._items
        return bytes(out)

    def _head(self, kind: int, number: int) -> None:
        self._single = 0
        self.count += 1
        head = number << KIND_BITS | kind
        if head < 128:  # almost always; a call would take as long as the rest of a short item
            self._items.append(head)
        else:
            write_number(self._items, head)

    def _reference(self, clock: int, other_site: int, other_clock: int) -> None:
        place = self._others.get(other_site)
        if place is not None and other_clock >= 0:
            write_number(self._items, 2 * (place + 2))
            write_number(self._items, other_clock)
            return
        if other_clock >= 0 and other_site != self.site:
            self._others[other_site] = len(self._others)
        write_reference(self._items, self.site, clock, other_site, other_clock)


def write_reference(out: bytearray, site: int, clock: int, other_site: int, other_clock: int) -> None:
    """Append a reference to a character. A character of another site introduces that site to the batch."""
    if other_clock < 0:
        out.append(0)
    elif other_site == site:
        write_number(out, 2 * (clock - other_clock) - 1)
    else:
        out.append(2)
        write_site(out, other_site)
        write_number(out, other_clock)
