"""The log of one site: all its operations, in order. Append-only; knows nothing of the document's order.

A site's operations have clocks 0, 1, 2, …; some insert a character, the others raise the *visibility level* of one
(odd is visible, even is deleted). The inserted characters also have a *seq*, their number among the inserted ones:
typing abc, one backspace, d gives

    clock   0 1 2 3    4          seq of a b c d = 0 1 2 3
            a b c ⌫(c) d

so that c and d are neighbours by seq though not by clock. Inside, characters are named by (site, seq); outside, by
(site, clock). Three sorted lists hold the rest:

* *heads*: the characters that do not simply follow the one with the seq before (counter 0), with the index of their
  parents and counters in the document's table of `Heads`.
* *raises*: stretches of level operations, with the clock and the seq at which each started. Their lengths follow from
  the difference to the next, so a run of backspaces grows just by advancing the site's clock.
* *marks*: clocks at which wall-clock time had advanced.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Final

from crdt.binary import NUMBER_MAX
from crdt.messages import DELETED, NO_CLOCK, BatchWriter, NextKey, one_insertion, one_raise

TAIL_MAX: Final = 4096
"""Typed characters are kept one by one up to this many, then joined into one string: a list takes eight bytes per
character (60 to 80 beyond Latin-1), a string one to four."""

UNDECIDED: Final = 0
UP: Final = 1
DOWN: Final = 2
DIRECTION: Final = 3
"""The bits of a raise's `raise_level_direction` that hold the direction; the level is above them."""

MARK_EVERY_S: Final = 10
"""Wall-clock seconds between marks: fine enough for a history that people read; a mark is six bytes on the wire."""

NO_HEAD: Final = -1

NO_SITE: Final = -1
"""Index of a parent's site that means the start of the document."""


NO_RANK: Final = -1

NO_NUMBERS: Final[list[int]] = []

NEVER: Final = -1
"""Value of `packed_total` while no encoded log is valid."""


class Heads:
    """Parents and counters of the characters that do not follow the one before by seq: of all sites, in order of
    arrival.

    Lists of numbers, here as in `Site`. An array would take a quarter of the memory, but appending to one takes eight
    hundred instructions, ten times as many.
    """

    __slots__ = ("counter", "parent", "parent_site")

    def __init__(self) -> None:
        self.parent_site: Final[list[int]] = []
        """The index of the parent's site; NO_SITE for none."""
        self.parent: Final[list[int]] = []
        self.counter: Final[list[int]] = []

    def make_room(self, count: int) -> None:
        """Reserve entries for the heads of a document; `page.Sealed` fills them."""
        for column in (self.parent_site, self.parent, self.counter):
            column.extend([0] * count)


class Site:
    """One site's operations. `index` is its position in this replica's list of sites and has no meaning elsewhere."""

    __slots__ = (
        "_block",
        "_block_starts",
        "_blocks",
        "_sorted",
        "_tail_start",
        "author",
        "clock",
        "count",
        "head_place",
        "head_seq",
        "heads",
        "id",
        "index",
        "mark_clock",
        "mark_time",
        "own",
        "packed_marks",
        "packed_raises",
        "packed_total",
        "raise_clock",
        "raise_level_direction",
        "raise_seq",
        "raise_start",
        "raise_target",
        "rank",
        "started",
        "tail",
    )

    def __init__(self, site: int, index: int, own: bool, heads: Heads) -> None:
        self.id: Final = site
        self.index: Final = index
        self.heads: Final = heads
        """The table shared by all sites of the document."""
        self.own: Final = own
        """True if this replica wrote it, in this opening or an earlier one."""
        self.author = ""
        self.started = 0
        """Wall-clock seconds of its first operation."""
        self.clock = 0
        """The next clock."""
        self.count = 0
        """Characters inserted so far: the next seq."""
        self._blocks: list[str] = []
        self._block_starts: list[int] = []
        self._block = 0
        """The block read last."""
        self._sorted = True
        """True if the blocks are in order; those of a loaded document arrive as its pages are unpacked."""
        self.tail: list[str] = []
        """The newest characters. `buffer.TextBuffer` appends to it while a run is open, and counts them later."""
        self._tail_start = 0
        self.head_seq: Final[list[int]] = []
        """Seqs of the heads, sorted."""
        self.head_place: Final[list[int]] = []
        """For each head, its index in `heads`."""
        # In a document with many openings, most sites raised nothing: they share one empty list.
        self.raise_clock = NO_NUMBERS
        self.raise_seq = NO_NUMBERS
        self.raise_target = NO_NUMBERS
        self.raise_start = NO_NUMBERS
        self.raise_level_direction = NO_NUMBERS
        self.mark_clock = NO_NUMBERS
        self.mark_time = NO_NUMBERS
        self.rank = NO_RANK
        """Its row in the site table of the encoded document. It never changes: encoded pages refer to it."""
        # The encoded pages of the log, and the number of raised characters in them; maintained by `snapshot`.
        # Insertions change nothing in a log. Most sites have no pages.
        self.packed_raises: tuple[bytes, ...] = ()
        self.packed_marks: tuple[bytes, ...] = ()
        self.packed_total = 0

    # Text

    def append(self, text: str) -> None:
        """Append characters; the caller counts the clock."""
        if len(text) < TAIL_MAX:
            tail = self.tail
            if len(text) == 1:
                tail.append(text)
            else:
                tail.extend(text)
            if len(tail) >= TAIL_MAX:
                self.seal()
        else:
            self.seal()
            self._blocks.append(text)
            self._block_starts.append(self.count)
            self._tail_start = self.count + len(text)
        self.count += len(text)

    def seal(self) -> None:
        """Join the tail into one string."""
        if self.tail:
            self._blocks.append("".join(self.tail))
            self._block_starts.append(self._tail_start)
            self._tail_start += len(self.tail)
            self.tail.clear()

    def load_count(self, count: int) -> None:
        """Set the number of characters of this site in a loaded document; heads and text follow."""
        self.count = self._tail_start = count

    def load_text(self, start: int, text: str) -> None:
        """Add text of a loaded document, starting at a seq."""
        self._block_starts.append(start)
        self._blocks.append(text)
        self._sorted = False

    def _sort_text(self) -> None:
        """Sort the loaded blocks: once for many pages, when somebody reads."""
        self._sorted = True
        pieces = dict(zip(self._block_starts, self._blocks, strict=True))
        self._block_starts.sort()
        self._blocks = [pieces[start] for start in self._block_starts]

    def slice(self, start: int, end: int) -> str:
        """Return the characters with seqs from `start` to `end`, not included."""
        tail_start = self._tail_start
        if start >= tail_start:
            return "".join(self.tail[start - tail_start : end - tail_start])
        if not self._sorted:
            self._sort_text()
        # Consecutive reads are usually in one block.
        place = self._block
        begin = self._block_starts[place]
        block = self._blocks[place]
        if not begin <= start < begin + len(block):
            place = self._block = bisect_right(self._block_starts, start) - 1
            begin = self._block_starts[place]
            block = self._blocks[place]
        if end <= begin + len(block):
            return block[start - begin : end - begin]
        parts = [block[start - begin :]]
        reached = begin + len(block)
        while reached < end and reached < tail_start:
            place += 1
            block = self._blocks[place]
            parts.append(block[: end - reached])
            reached += len(block)
        if reached < end:
            parts.extend(self.tail[: end - reached])
        return "".join(parts)

    # Clocks and seqs

    def raise_length(self, place: int) -> int:
        """Return the number of operations of the raise at `place`: its clocks up to the next raise that are not
        characters."""
        if place + 1 < len(self.raise_clock):
            clocks = self.raise_clock[place + 1] - self.raise_clock[place]
            return clocks - (self.raise_seq[place + 1] - self.raise_seq[place])
        return self.clock - self.raise_clock[place] - (self.count - self.raise_seq[place])

    def clock_of(self, seq: int) -> int:
        """Return the clock of a character. O(log raises)."""
        # From there to the next raise, or to the end, there are only characters.
        after = bisect_right(self.raise_seq, seq)
        if after < len(self.raise_seq):
            return self.raise_clock[after] - self.raise_seq[after] + seq
        return self.clock - self.count + seq

    def seq_of(self, clock: int) -> int:
        """Return the seq of the character with a known clock; -1 if that operation is a raise. O(log raises)."""
        after = bisect_right(self.raise_clock, clock)
        if after < len(self.raise_clock):
            seq = self.raise_seq[after] - self.raise_clock[after] + clock
        else:
            seq = self.count - self.clock + clock
        return seq if not after or seq >= self.raise_seq[after - 1] else -1

    def seq_at(self, clock: int) -> int:
        """Return the number of characters inserted before `clock`."""
        place = bisect_right(self.raise_clock, clock) - 1
        if place < 0:
            return min(clock, self.count)
        past = clock - self.raise_clock[place] - self.raise_length(place)
        return self.raise_seq[place] + max(0, past)

    # Structure

    def begin_raises(self) -> None:
        """Replace the shared empty lists before the first raise."""
        self.raise_clock, self.raise_seq, self.raise_target, self.raise_start, self.raise_level_direction = (
            [],
            [],
            [],
            [],
            [],
        )

    def begin_marks(self) -> None:
        """Replace the shared empty lists before the first mark."""
        self.mark_clock, self.mark_time = [], []

    def add_head(self, parent_site: int, parent: int, counter: int) -> int:
        """Record parent and counter of the next character; return the index of the new head."""
        heads = self.heads
        place = len(heads.counter)
        self.head_seq.append(self.count)
        self.head_place.append(place)
        heads.parent_site.append(parent_site)
        heads.parent.append(parent)
        heads.counter.append(counter)
        return place

    def add_heads_like_last(self, count: int) -> int:
        """Record heads for the next `count` characters: each with the parent of the newest one, and a counter one
        higher than the one before.

        Return the index of the first.
        """
        heads = self.heads
        place = len(heads.counter)
        last = self.head_place[-1]
        self.head_seq.extend(range(self.count, self.count + count))
        self.head_place.extend(range(place, place + count))
        heads.parent_site.extend([heads.parent_site[last]] * count)
        heads.parent.extend([heads.parent[last]] * count)
        first = heads.counter[last] + 1
        heads.counter.extend(range(first, first + count))
        return place

    def load_heads(self, seqs: list[int], places: list[int]) -> None:
        """Load all heads of a document: their seqs, sorted, and their indexes in `heads`."""
        self.head_seq.extend(seqs)
        self.head_place.extend(places)

    def head_at(self, seq: int) -> int:
        """Return the index of the head with this seq, or NO_HEAD if the character follows the one before it."""
        at = bisect_left(self.head_seq, seq)
        if at < len(self.head_seq) and self.head_seq[at] == seq:
            return self.head_place[at]
        return NO_HEAD

    def origin(self, seq: int) -> tuple[int, int, int]:
        """Return the index of the parent's site (NO_SITE for none), the parent's seq, and the counter of a character."""
        place = self.head_at(seq)
        if place < 0:
            return self.index, seq - 1, 0
        heads = self.heads
        return heads.parent_site[place], heads.parent[place], heads.counter[place]

    def add_raise(self, target: int, start: int, count: int, down: bool, level: int) -> None:
        """Record `count` raises and take their clocks. Extends the last stretch if they continue it."""
        if self.raise_seq and self.raise_seq[-1] == self.count and self.raise_target[-1] == target:
            level_direction = self.raise_level_direction[-1]
            direction = level_direction & DIRECTION
            past = start - self.raise_start[-1]
            length = self.clock - self.raise_clock[-1]
            if direction == UNDECIDED and (past == 1 or past == -1):
                direction = UP if past == 1 else DOWN
            if (
                level_direction >> 2 == level
                and past == (length if direction == UP else -length)
                and direction != UNDECIDED
            ):
                self.raise_level_direction[-1] = level << 2 | direction
                if count == 1 or direction == (DOWN if down else UP):
                    self.clock += count
                else:
                    # One belongs to the previous stretch, the others change direction: as if they came one by one.
                    self.clock += 1
                    self.add_raise(target, start + (-1 if down else 1), count - 1, down, level)
                return
        if not self.raise_clock:
            self.begin_raises()
        self.raise_clock.append(self.clock)
        self.raise_seq.append(self.count)
        self.raise_target.append(target)
        self.raise_start.append(start)
        self.raise_level_direction.append(level << 2 | (UNDECIDED if count == 1 else DOWN if down else UP))
        self.clock += count

    def add_turns(self, text: str, turns: list[int]) -> None:
        """Record characters typed and deleted in turn (`messages.Op.turns`); `text` is all the typed text."""
        if not self.raise_clock:
            self.begin_raises()
        clock, count = self.clock, self.count
        for turn, length in enumerate(turns):
            if turn & 1:
                # It deletes what was just typed, so it continues no earlier raise.
                self.raise_clock.append(clock)
                self.raise_seq.append(count)
                self.raise_start.append(count - 1)
                self.raise_level_direction.append(DELETED << 2 | (UNDECIDED if length == 1 else DOWN))
            else:
                count += length
            clock += length
        self.raise_target.extend([self.index] * (len(turns) >> 1))
        self.append(text)
        self.clock = clock

    def raised(self, place: int, clock: int) -> tuple[int, int, int, int]:
        """Return, for the raise at `place`: target site, seq raised at `clock`, step to the next one, level."""
        level_direction = self.raise_level_direction[place]
        step = -1 if level_direction & 3 == DOWN else 1
        start = self.raise_start[place] + step * (clock - self.raise_clock[place])
        return self.raise_target[place], start, step, level_direction >> 2

    def raise_at(self, clock: int) -> tuple[int, int, int] | None:
        """Return target site, seq and level of the operation at a known clock; None if it inserted a character."""
        place = bisect_right(self.raise_clock, clock) - 1
        if place < 0 or clock - self.raise_clock[place] >= self.raise_length(place):
            return None
        target, seq, _, level = self.raised(place, clock)
        return target, seq, level

    def set_direction(self, down: bool) -> None:
        """Set the direction of the last raise. The caller counts the clock."""
        self.raise_level_direction[-1] = self.raise_level_direction[-1] >> 2 << 2 | (DOWN if down else UP)

    # Time

    def mark(self, seconds: int) -> None:
        """Record that wall-clock time is `seconds` from the next operation on."""
        self.packed_total = NEVER
        if self.mark_clock and self.mark_clock[-1] == self.clock:
            self.mark_time[-1] = seconds
        else:
            if not self.mark_clock:
                self.begin_marks()
            self.mark_clock.append(self.clock)
            self.mark_time.append(seconds)

    def last_time(self) -> int:
        """Return the recorded wall-clock second of the newest operations."""
        return self.mark_time[-1] if self.mark_time else self.started

    def time_of(self, clock: int) -> int:
        place = bisect_right(self.mark_clock, clock) - 1
        return self.mark_time[place] if place >= 0 else self.started

    # Messages

    def write_newest(self, sites: list[Site], key: NextKey) -> bytes:
        """Return the operations from this key on, as a message to a reader that has everything else."""
        clock = key.clock
        end = self.clock
        if clock + 1 != end or not clock or (self.mark_clock and self.mark_clock[-1] == clock):
            return self.write(sites, None, NUMBER_MAX, clock)[0]
        # One operation, as after each key: no search is needed.
        seq = self.count
        if self.raise_seq and self.raise_seq[-1] == seq:
            target, start, step, level = self.raised(len(self.raise_seq) - 1, clock)
            other = sites[target]
            return one_raise(self.id, clock, other.id, other.clock_of(start), step < 0, level)
        seq -= 1
        text = self.slice(seq, seq + 1)
        if not self.head_seq or self.head_seq[-1] < seq:
            return key.write_character(text)
        heads = self.heads
        hang = self.head_place[-1]
        hangs_site = heads.parent_site[hang]
        if hangs_site == NO_SITE:
            return one_insertion(self.id, clock, 0, NO_CLOCK, heads.counter[hang], text)
        other = sites[hangs_site]
        return one_insertion(
            self.id, clock, other.id, other.clock_of(heads.parent[hang]), heads.counter[hang], text
        )

    def write(
        self,
        sites: list[Site],
        have: list[int] | None,
        limit_bytes: int,
        clock: int = 0,
    ) -> tuple[bytes, int, tuple[int, int] | None]:
        """Return operations from `have[self.index]` on as a message, the clock after it, and what must come first.

        `have` holds the reader's clocks by site index. Without it, the reader has everything except this site's
        operations from `clock` on. Stops near `limit_bytes`, where a long insertion is cut, and before an operation
        that refers to one the reader does not have: then the third value is the index of that one's site and the
        clock needed.
        """
        if have is not None:
            clock = have[self.index]
        end = self.clock
        out = BatchWriter(self.id, clock)
        if not clock and (self.author or self.started):
            out.announce(self.author, self.started)
        mark = bisect_left(self.mark_clock, clock)
        raises = len(self.raise_clock)
        head_seq = self.head_seq
        place = bisect_right(self.raise_clock, clock) - 1
        raise_end = self.raise_clock[place] + self.raise_length(place) if place >= 0 else 0
        head = bisect_left(head_seq, self.seq_at(clock))
        while clock < end and len(out) < limit_bytes:
            stop = end
            if mark < len(self.mark_clock):
                if self.mark_clock[mark] == clock:
                    out.mark(self.mark_time[mark])
                    mark += 1
                if mark < len(self.mark_clock):
                    stop = self.mark_clock[mark]
            if place + 1 < raises and self.raise_clock[place + 1] == clock:
                place += 1
                raise_end = clock + self.raise_length(place)
            if clock < raise_end:
                count = min(raise_end, stop) - clock
                target, start, step, level = self.raised(place, clock)
                other = sites[target]
                if other is self and start >= (self.raise_seq[place - 1] if place else 0):
                    # Typed since the previous raise: no lookup needed.
                    first = self.raise_clock[place] - self.raise_seq[place] + start
                else:
                    first = other.clock_of(start)
                if other is not self:
                    needed = first if step < 0 else other.clock_of(start + count - 1)
                    if have is not None and needed >= have[target]:
                        return out.message(), clock, (target, needed + 1)
                out.raise_levels(clock, other.id, first, count, step < 0, level)
                clock += count
                continue
            seq = self.raise_seq[place] + clock - raise_end if place >= 0 else clock
            if place + 1 < raises:
                stop = min(stop, self.raise_clock[place + 1])
            is_head = head < len(head_seq) and head_seq[head] == seq
            at = head
            if is_head:
                head += 1
            count = min(stop - clock, max(1, limit_bytes - len(out)))
            if head < len(head_seq):
                count = min(count, head_seq[head] - seq)
            text = self.slice(seq, seq + count)
            if not is_head:
                out.go_on(text)
                clock += count
                continue
            hang = self.head_place[at]
            hangs_site = self.heads.parent_site[hang]
            counter = self.heads.counter[hang]
            if hangs_site == NO_SITE:
                out.insert(clock, 0, NO_CLOCK, counter, text)
            else:
                other = sites[hangs_site]
                needed = other.clock_of(self.heads.parent[hang])
                if other is not self and have is not None and needed >= have[hangs_site]:
                    return out.message(), clock, (hangs_site, needed + 1)
                out.insert(clock, other.id, needed, counter, text)
            clock += count
        return out.message(), clock, None
