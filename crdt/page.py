"""Encodes a group of runs as a page, and decodes it. A page is rewritten only if its group changed, and decoded into
runs when touched.

    text        bytes of what is visible in it; the text itself stands at the head of the document
    structure   deflated; columns of
                  spans     neighbours of one site by seq: site, seq, length, and how the first character hangs: continues /
                            below the character before it in this page / elsewhere / at the start
                  hanging   counters; and for those elsewhere the parent's site and seq
                  shown     lengths, in turn visible and deleted, over all characters
                  levels    of runs above 2: characters before it (from the one before), length, level
    deleted     deflated; the deleted text in document order

Sites are named by their row in the document's table (`Site.rank`).

A seq is written relative to the end of the site's last span in this page. But most spans continue one that was
interrupted: so each span pushes its end on a stack, and a continuing span writes how many ends lie above its own,
which are then popped, since nothing below an interruption continues it. Three in four of these numbers are 1.

    text typed as   "one three"  and then  "two "         spans:  one␣ | two␣ | three
    stack           [4]   [4, 13]   "three" continues at 4; one end lies above it
"""

from __future__ import annotations

import hashlib
import struct
from itertools import accumulate, compress, cycle
from operator import add, mul
from typing import Final, NamedTuple

from crdt.binary import Reader, decode_text, encode_text, write_number
from crdt.columns import Inflater, read_column, write_column, write_deflated, zigzag
from crdt.errors import ForeignOp
from crdt.ids import DIGEST_BYTES
from crdt.messages import DELETED, INSERTED, LEVEL_MAX
from crdt.run import Run
from crdt.site import NO_HEAD, NO_RANK, NO_SITE, Site

GOES_ON: Final = 0
GOES_ON_FROM_BEFORE: Final = 1
"""Continues a span of another page."""
BELOW_NEIGHBOUR: Final = 2
ELSEWHERE: Final = 3
AT_START: Final = 4

COLUMNS: Final = 9

_IS_FROM_BEFORE: Final = bytes([hang == GOES_ON_FROM_BEFORE for hang in range(256)])
_IS_ELSEWHERE: Final = bytes([hang == ELSEWHERE for hang in range(256)])
"""Tables for `bytes.translate`."""

LEVELS_TOLD: Final = 255
"""Levels from this one on count as equal when the levels of runs and logs are compared with one byte per character."""

_PLAIN: Final = (bytes((INSERTED,)), bytes((DELETED,)))


class Page:
    """The encoded form of a group."""

    __slots__ = ("data", "text")

    def __init__(self, text: bytes, data: bytes) -> None:
        self.text: Final = text
        """The visible text in UTF-8."""
        self.data: Final = data
        """Everything else, with its lengths."""


class Deleted(NamedTuple):
    """The deleted text of a group as last encoded. Most edits leave it unchanged, and deflating it takes time."""

    digest: bytes
    """Digest of the sites and seqs that the text was taken from."""
    section: bytes


def write_page(runs: list[Run], sites: list[Site], kept: Deleted | None) -> tuple[Page, Deleted]:
    """Encode a group. `kept` is the deleted text returned by the previous call."""
    ranks: list[int] = []
    seqs: list[int] = []
    lengths: list[int] = []
    hangs: list[int] = []
    counters: list[int] = []
    parent_ranks: list[int] = []
    parents: list[int] = []
    shown: list[int] = []
    levels: list[int] = []
    texts: list[str] = []
    deleted: list[Run] = []
    places: list[int] = []
    reached: dict[int, int] = {}
    ends: list[int] = []
    count = len(sites)
    last_site: Site | None = None
    last_seq = 0
    visible = 1
    stretch = 0
    before_level = 0
    for run in runs:
        site, seq, length, level = run.site, run.seq, run.length, run.level
        if level & 1 != visible:
            shown.append(stretch)
            stretch = 0
            visible = level & 1
        stretch += length
        if visible:
            texts.append(site.slice(seq, seq + length))
        else:
            deleted.append(run)
            places += (site.index, seq, length)
        if level > DELETED:
            levels += (before_level, length, level)
            before_level = 0
        else:
            before_level += length
        head = run.head
        if head < 0 and site is last_site and seq == last_seq + 1:
            lengths[-1] += length
        else:
            rank = site.rank
            before = last_seq + 1
            if last_site is not None:
                ends.append(before * count + last_site.rank)
            if last_site is not site:
                if last_site is not None:
                    reached[last_site.rank] = before
                before = reached.get(rank, 0)
            at = -1
            if head < 0:
                at = len(ends) - 1
                end = seq * count + rank
                while at >= 0 and ends[at] != end:
                    at -= 1
            ranks.append(rank)
            lengths.append(length)
            if at >= 0:
                seqs.append(len(ends) - 1 - at)
                hangs.append(GOES_ON)
                del ends[at:]
            else:
                seqs.append(zigzag(seq - before))
            if at < 0 and head < 0:
                hangs.append(GOES_ON_FROM_BEFORE)
            elif head >= 0:
                heads = site.heads
                counters.append(heads.counter[head])
                parent_site, parent = heads.parent_site[head], heads.parent[head]
                if parent_site == NO_SITE:
                    hangs.append(AT_START)
                elif last_site is not None and parent_site == last_site.index and parent == last_seq:
                    hangs.append(BELOW_NEIGHBOUR)
                else:
                    hangs.append(ELSEWHERE)
                    parent_ranks.append(sites[parent_site].rank)
                    parents.append(parent)
        last_site, last_seq = site, seq + length - 1
    shown.append(stretch)
    structure = bytearray()
    for column in (ranks, seqs, lengths, hangs, counters, parent_ranks, parents, shown, levels):
        write_column(structure, column)
    text = encode_text("".join(texts))
    out = bytearray()
    write_number(out, len(text))
    write_deflated(out, bytes(structure))
    digest = hashlib.blake2b(struct.pack(f"{len(places)}q", *places), digest_size=DIGEST_BYTES).digest()
    if kept is None or kept.digest != digest:
        section = bytearray()
        lost = [run.site.slice(run.seq, run.seq + run.length) for run in deleted]
        write_deflated(section, encode_text("".join(lost)))
        kept = Deleted(digest, bytes(section))
    out += kept.section
    return Page(text, bytes(out)), kept


class Sealed:
    """A decoded and checked group that is not unpacked into runs yet. `runs` cannot fail."""

    __slots__ = (
        "_base",
        "_counters",
        "_deleted",
        "_first_head",
        "_hangs",
        "_lengths",
        "_levels",
        "_parent_ranks",
        "_parents",
        "_ranks",
        "_runs",
        "_shown",
        "_starts",
        "page",
        "size",
        "text",
    )

    def __init__(self, text: bytes, reader: Reader, inflater: Inflater, base: Base) -> None:
        """Read a page and check it. `base` collects the spans of all pages of the document.

        Raises:
            ForeignOp: the columns contradict each other.
        """
        begin = reader.position
        text_bytes = reader.number()
        end = base.text_bytes + text_bytes
        if end > len(text):
            raise ForeignOp("a document with less text than its pages show")
        structure = Reader(inflater.section(reader))
        ranks, seqs, lengths, hangs, counters, parent_ranks, parents, shown, levels = [
            read_column(structure) for _ in range(COLUMNS)
        ]
        deleted = decode_text(inflater.section(reader))
        mine = text[base.text_bytes : end]
        base.text_bytes = end
        self.page: Final = Page(mine, reader.data[begin : reader.position])
        self.text: Final = decode_text(mine)
        self._deleted: Final = deleted
        self.size: Final = len(self.text)
        """Visible characters."""
        if not structure.at_end() or not ranks or not len(ranks) == len(seqs) == len(lengths) == len(hangs):
            raise ForeignOp("a document with spans of unequal columns")
        if len(parent_ranks) != len(parents) or not shown or len(levels) % 3:
            raise ForeignOp("a document with unequal columns")
        if max(parent_ranks, default=0) >= len(base.sites):
            raise ForeignOp("a document with a site that is not in its table")
        if sum(lengths) != self.size + len(deleted):
            raise ForeignOp("a document with more or less text than characters")
        base.characters += len(deleted) + self.size
        if sum(shown[::2]) != self.size or sum(shown[1::2]) != len(deleted):
            raise ForeignOp("a document with more or less text than characters")
        if max(hangs) > AT_START:
            raise ForeignOp("a document with a character that hangs nowhere")
        kinds = bytes(hangs)
        going_on = kinds.count(GOES_ON) + kinds.count(GOES_ON_FROM_BEFORE)
        if len(kinds) - going_on != len(counters) or kinds.count(ELSEWHERE) != len(parents):
            raise ForeignOp("a document with columns that are too long or too short")
        self._base: Final = base
        self._ranks: Final = ranks
        self._starts: Final = base.place(ranks, seqs, lengths, hangs)
        self._lengths: Final = lengths
        self._hangs: Final = hangs
        self._counters: Final = counters
        self._parent_ranks: Final = parent_ranks
        self._parents: Final = parents
        self._shown: Final = shown
        self._levels: Final = levels
        self._first_head: Final = base.heads
        self._check_parents(kinds)
        base.heads += len(counters)
        # Higher levels are rare; they are checked when the runs are made.
        self._runs: list[Run] | None = self._made() if levels else None

    def _check_parents(self, hangs: bytes) -> None:
        base = self._base
        if hangs[0] == BELOW_NEIGHBOUR:
            raise ForeignOp("a page whose first character has a neighbour")
        if not base.firsts_set.isdisjoint(compress(self._starts, hangs.translate(_IS_FROM_BEFORE))):
            raise ForeignOp("a document whose site goes on from nothing")
        children = compress(self._starts, hangs.translate(_IS_ELSEWHERE))
        for child, rank, parent in zip(children, self._parent_ranks, self._parents):
            first = base.firsts[rank]
            if parent >= base.sites[rank].count or first <= child <= first + parent:
                raise ForeignOp("a document with a parent that cannot be")

    def runs(self) -> list[Run]:
        """Return the runs in document order, and give their text to the sites (`Site.load_text`)."""
        runs = self._runs if self._runs is not None else self._made()
        text_at = deleted_at = 0
        for run in runs:
            if run.level & 1:
                run.site.load_text(run.seq, self.text[text_at : text_at + run.length])
                text_at += run.length
            else:
                run.site.load_text(run.seq, self._deleted[deleted_at : deleted_at + run.length])
                deleted_at += run.length
        self._hang()
        return runs

    def _hang(self) -> None:
        """Store the parents and counters of its heads in the places reserved for them."""
        if not self._counters:
            return
        sites, firsts = self._base.sites, self._base.firsts
        heads = sites[0].heads
        parent_sites: list[int] = []
        parents: list[int] = []
        elsewhere = 0
        before_rank = before = 0
        for rank, start, length, hang in zip(self._ranks, self._starts, self._lengths, self._hangs):
            if hang == BELOW_NEIGHBOUR:
                parent_sites.append(sites[before_rank].index)
                parents.append(before - firsts[before_rank])
            elif hang == ELSEWHERE:
                parent_sites.append(sites[self._parent_ranks[elsewhere]].index)
                parents.append(self._parents[elsewhere])
                elsewhere += 1
            elif hang == AT_START:
                parent_sites.append(NO_SITE)
                parents.append(0)
            before_rank, before = rank, start + length - 1
        first = self._first_head
        after = first + len(parents)
        heads.parent_site[first:after] = parent_sites
        heads.parent[first:after] = parents
        heads.counter[first:after] = self._counters

    def levels(self) -> bytes:
        """Return the level of each character (at most `LEVELS_TOLD`), in document order."""
        if self._runs is not None:
            return b"".join([bytes((min(run.level, LEVELS_TOLD),)) * run.length for run in self._runs])
        return b"".join(map(mul, cycle(_PLAIN), self._shown))

    def _made(self) -> list[Run]:
        sites, firsts = self._base.sites, self._base.firsts
        runs: list[Run] = []
        cuts = list(accumulate(self._shown))
        special = _Special(self._levels)
        has_levels = bool(self._levels)
        visible = 1
        turn = at = 0
        stop = cuts[0]
        next_head = self._first_head
        for rank, start, length, hang in zip(self._ranks, self._starts, self._lengths, self._hangs):
            site = sites[rank]
            seq = start - firsts[rank]
            head = NO_HEAD
            if hang > GOES_ON_FROM_BEFORE:
                head = next_head
                next_head += 1
            while length:
                while at == stop:
                    turn += 1
                    visible ^= 1
                    stop = cuts[turn]
                count = stop - at
                if count > length:
                    count = length
                level = INSERTED if visible else DELETED
                if has_levels:
                    count, level = special.cut(at, count, level)
                runs.append(Run(site, seq, count, level, head))
                head = NO_HEAD
                seq += count
                at += count
                length -= count
        if not special.done():
            raise ForeignOp("a document with levels that cannot be")
        return runs


class Base:
    """The text and the characters that all pages of a document fill together.

    Characters are numbered across all sites here, with one number left out after each site: for sites of three and
    two characters the numbers are 0 1 2 and 4 5.
    """

    __slots__ = ("characters", "ends", "firsts", "firsts_set", "heads", "sites", "starts", "text_bytes")

    def __init__(self, sites: list[Site]) -> None:
        self.sites: Final = sites
        self.firsts: Final = [0, *accumulate([site.count + 1 for site in sites])]
        """The number of each site's first character, and the next free one."""
        self.firsts_set: Final = set(self.firsts)
        self.text_bytes = 0
        self.characters = 0
        self.starts: Final[list[int]] = []
        """For each span in document order, the number of its first character."""
        self.ends: Final[list[int]] = []
        """For each span, the number after its last character."""
        self.heads = 0

    def place(self, ranks: list[int], steps: list[int], lengths: list[int], hangs: list[int]) -> list[int]:
        """Return the number of the first character of each span of a page."""
        firsts = self.firsts
        starts: list[int] = []
        reached: dict[int, int] = {}
        stack = [0] * len(ranks)
        top = 0
        rank = NO_RANK
        first = limit = end = 0
        for next_rank, step, length, hang in zip(ranks, steps, lengths, hangs):
            if next_rank != rank:
                if next_rank >= len(self.sites):
                    raise ForeignOp("a document with a site that is not in its table")
                reached[rank] = end
                rank = next_rank
                first, limit = firsts[rank], firsts[rank + 1] - 1
                end = reached.get(rank, first)
            elif hang == BELOW_NEIGHBOUR and step & 1:
                # Comes before its own parent: the site's operations could not be applied in order.
                raise ForeignOp("a document with a parent that cannot be")
            if hang:  # not GOES_ON
                start = end + (-(step + 1 >> 1) if step & 1 else step >> 1)
            else:
                top -= step + 1
                if top < 0:
                    raise ForeignOp("a document with a span that goes on from nothing")
                start = stack[top]
            end = start + length
            if not first <= start < end <= limit:
                raise ForeignOp("a document with a span outside its site")
            stack[top] = end
            top += 1
            starts.append(start)
        self.starts.extend(starts)
        self.ends.extend(map(add, starts, lengths))
        return starts

    def check(self) -> None:
        """Raise ForeignOp unless each site has each of its characters exactly once.

        Its spans start at different positions within the site, and none is empty. Each ends where another starts, or
        with the site: so the spans that follow each other from the first character on cover the site. All spans
        together are no longer than all sites, so there are no others.
        """
        begun = set(self.starts)
        written = [(first, site.count) for first, site in zip(self.firsts, self.sites) if site.count]
        right = len(begun) == len(self.starts) and begun.issuperset([first for first, _ in written])
        begun.update([first + count for first, count in written])
        if (
            not right
            or self.characters != sum([count for _, count in written])
            or not begun.issuperset(self.ends)
        ):
            raise ForeignOp("a document with a character twice, or not at all")


class _Special:
    """Yields the runs with levels above 2, in document order."""

    __slots__ = ("_begin", "_levels", "_next")

    def __init__(self, levels: list[int]) -> None:
        self._levels: Final = levels
        self._next = 0
        self._begin = levels[0] if levels else 0

    def cut(self, at: int, count: int, level: int) -> tuple[int, int]:
        """Return how many of `count` characters from `at` on have one level, and that level."""
        if self.done() or at + count <= self._begin:
            return count, level
        if at < self._begin:
            return self._begin - at, level
        length, special = self._levels[self._next + 1 : self._next + 3]
        if special <= DELETED or special & 1 != level & 1 or length > count or special > LEVEL_MAX:
            raise ForeignOp("a document with levels that cannot be")
        if not length:
            raise ForeignOp("a document with a level of nothing")
        self._next += 3
        if not self.done():
            self._begin = at + length + self._levels[self._next]
        return length, special

    def done(self) -> bool:
        return self._next >= len(self._levels)
