"""A group of runs in bytes, and back: what is written again only when the group changed, and taken apart when touched.

    text        bytes of what is visible in it; the text itself stands at the head of the document
    structure   deflated; columns of
                  spans     neighbours of one site by seq: site, seq, length, and how the first character hangs: goes on /
                            below the character before it in this page / elsewhere / at the start
                  hanging   counters; and for those elsewhere the parent's site and seq
                  shown     lengths, in turn visible and deleted, over all characters
                  levels    of runs above 2: characters before it (from the one before), length, level
    deleted     deflated; the deleted text in document order

Sites are named by their place in the document's table (`Site.rank`).

A seq is told by where that site's last span in this page ended. But what goes on mostly does so where something was
put in between: each span lays its end on a stack; whoever goes on says how many ends lie above the one he takes up, and
they are done with, for below an interruption nothing comes back to it. Three in four of such seqs are a 1 then.

    text typed as   "one three"  and then  "two "         spans:  one␣ | two␣ | three
    stack           [4]   [4, 13]   "three" goes on from 4, above which lies one end
"""

from __future__ import annotations

from itertools import accumulate
from typing import Final

from .columns import Inflater, read_column, write_column, write_deflated, zigzag
from .errors import ForeignOp
from .ops import DELETED, INSERTED, LEVEL_MAX
from .plain import Reader, decode_text, encode_text, write_number
from .runs import Run
from .site import NO_HEAD, NO_SITE, Site

GOES_ON: Final = 0
GOES_ON_FROM_BEFORE: Final = 1
"""From a span in another page."""
BELOW_NEIGHBOUR: Final = 2
ELSEWHERE: Final = 3
AT_START: Final = 4

COLUMNS: Final = 9

LEVELS_TOLD: Final = 255
"""Levels from this one on count as one where those of runs and logs are compared: a byte for each character."""

_PLAIN: Final = (bytes((INSERTED,)), bytes((DELETED,)))


class Page:
    """The encoded form of a group."""

    __slots__ = ("data", "text")

    def __init__(self, text: bytes, data: bytes) -> None:
        self.text: Final = text
        """What is visible, in UTF-8."""
        self.data: Final = data
        """Everything else, with its lengths."""


def write_page(runs: list[Run], sites: list[Site]) -> Page:
    """Encode a group."""
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
    deleted: list[str] = []
    expected: dict[int, int] = {}
    end_ranks: list[int] = []
    ends: list[int] = []
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
        (texts if visible else deleted).append(site.slice(seq, seq + length))
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
            if last_site is not None:
                end_ranks.append(last_site.rank)
                ends.append(last_seq + 1)
            at = -1
            if head < 0:
                at = len(ends) - 1
                while at >= 0 and (ends[at] != seq or end_ranks[at] != rank):
                    at -= 1
            ranks.append(rank)
            lengths.append(length)
            if at >= 0:
                seqs.append(len(ends) - 1 - at)
                hangs.append(GOES_ON)
                del ends[at:]
                del end_ranks[at:]
            else:
                seqs.append(zigzag(seq - expected.get(rank, 0)))
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
        expected[site.rank] = seq + length
    shown.append(stretch)
    structure = bytearray()
    for column in (ranks, seqs, lengths, hangs, counters, parent_ranks, parents, shown, levels):
        write_column(structure, column)
    text = encode_text("".join(texts))
    out = bytearray()
    write_number(out, len(text))
    write_deflated(out, bytes(structure))
    write_deflated(out, encode_text("".join(deleted)))
    return Page(text, bytes(out))


class Sealed:
    """A group that was read from bytes and checked, and is not taken apart into runs yet: `runs` cannot fail."""

    __slots__ = (
        "_deleted",
        "_first_head",
        "_hangs",
        "_lengths",
        "_levels",
        "_ranks",
        "_runs",
        "_seqs",
        "_shown",
        "_sites",
        "page",
        "size",
        "text",
    )

    def __init__(
        self, text: bytes, reader: Reader, inflater: Inflater, sites: list[Site], base: Base
    ) -> None:
        """Read what follows in a document, as far as it can be wrong; `base` is what all its pages fill together.

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
        if max(ranks) >= len(sites) or max(parent_ranks, default=0) >= len(sites):
            raise ForeignOp("a document with a site that is not in its table")
        if max(hangs) > AT_START or not min(lengths):
            raise ForeignOp("a document with a character that hangs nowhere")
        if sum(shown) != sum(lengths) or sum(shown[::2]) != self.size or sum(shown[1::2]) != len(deleted):
            raise ForeignOp("a document with more or less text than characters")
        going_on = hangs.count(GOES_ON) + hangs.count(GOES_ON_FROM_BEFORE)
        if len(hangs) - going_on != len(counters) or hangs.count(ELSEWHERE) != len(parents):
            raise ForeignOp("a document with columns that are too long or too short")
        self._sites: Final = sites
        self._ranks: Final = ranks
        self._seqs, ends = base.place(ranks, seqs, lengths, hangs)
        self._lengths: Final = lengths
        self._hangs: Final = hangs
        self._shown: Final = shown
        self._levels: Final = levels
        self._first_head: Final = base.hang(ranks, self._seqs, ends, hangs, counters, parent_ranks, parents)
        # Higher levels are rare; whether they are right shows when the runs are made.
        self._runs: list[Run] | None = self._made() if levels else None

    def runs(self) -> list[Run]:
        """The runs, in the document's order. Their sites get the text of them (`Site.load_text`)."""
        runs = self._runs if self._runs is not None else self._made()
        text_at = deleted_at = 0
        for run in runs:
            if run.level & 1:
                run.site.load_text(run.seq, self.text[text_at : text_at + run.length])
                text_at += run.length
            else:
                run.site.load_text(run.seq, self._deleted[deleted_at : deleted_at + run.length])
                deleted_at += run.length
        return runs

    def agrees(self, levels: list[bytearray]) -> bool:
        """Whether its characters have the levels that are told of them, by rank of site and seq (`LEVELS_TOLD`)."""
        if self._runs is not None:
            mine = [bytes((min(run.level, LEVELS_TOLD),)) * run.length for run in self._runs]
        else:
            mine = [_PLAIN[turn & 1] * length for turn, length in enumerate(self._shown)]
        told = [
            levels[rank][seq : seq + length]
            for rank, seq, length in zip(self._ranks, self._seqs, self._lengths)
        ]
        return b"".join(mine) == b"".join(told)

    def touched(self) -> list[Site]:
        """The sites that have characters in it."""
        return [self._sites[rank] for rank in sorted(set(self._ranks))]

    def _made(self) -> list[Run]:
        sites = self._sites
        runs: list[Run] = []
        cuts = list(accumulate(self._shown))
        special = _Special(self._levels)
        has_levels = bool(self._levels)
        visible = 1
        turn = at = 0
        stop = cuts[0]
        next_head = self._first_head
        for rank, seq, length, hang in zip(self._ranks, self._seqs, self._lengths, self._hangs):
            site = sites[rank]
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
    """What the pages of a document fill together: its text, its characters, and where they hang."""

    __slots__ = ("_ends", "_sites", "_starts", "counters", "parent_sites", "parents", "text_bytes")

    def __init__(self, sites: list[Site]) -> None:
        self._sites: Final = sites
        self.text_bytes = 0
        # Of each site: where its spans begin and end.
        self._starts: Final[list[list[int]]] = [[] for _ in sites]
        self._ends: Final[list[list[int]]] = [[] for _ in sites]
        # Of each head, in the order of the document.
        self.parent_sites: Final[list[int]] = []
        self.parents: Final[list[int]] = []
        self.counters: Final[list[int]] = []

    def place(
        self, ranks: list[int], steps: list[int], lengths: list[int], hangs: list[int]
    ) -> tuple[list[int], list[int]]:
        """Where a page's spans begin and end."""
        seqs: list[int] = []
        ends: list[int] = []
        reached: dict[int, int] = {}
        stack: list[int] = []
        stack_ranks: list[int] = []
        for rank, step, length, hang in zip(ranks, steps, lengths, hangs):
            if hang == GOES_ON:
                at = len(stack) - 1 - step
                if at < 0 or stack_ranks[at] != rank:
                    raise ForeignOp("a document with a span that goes on from nothing")
                seq = stack[at]
                del stack[at:]
                del stack_ranks[at:]
            else:
                seq = reached.get(rank, 0) + (-(step + 1 >> 1) if step & 1 else step >> 1)
            end = seq + length
            reached[rank] = end
            stack.append(end)
            stack_ranks.append(rank)
            seqs.append(seq)
            ends.append(end)
            self._starts[rank].append(seq)
            self._ends[rank].append(end)
        if min(seqs) < 0:
            raise ForeignOp("a document with a span outside its site")
        return seqs, ends

    def hang(
        self,
        ranks: list[int],
        seqs: list[int],
        ends: list[int],
        hangs: list[int],
        counters: list[int],
        parent_ranks: list[int],
        parents: list[int],
    ) -> int:
        """Note a page's heads; return the place of the first among all."""
        sites = self._sites
        first = len(self.counters)
        if hangs[0] == BELOW_NEIGHBOUR:
            raise ForeignOp("a page whose first character has a neighbour")
        parent_at = 0
        for at, hang in enumerate(hangs):
            if hang == GOES_ON:
                continue
            if hang == GOES_ON_FROM_BEFORE:
                if not seqs[at]:
                    raise ForeignOp("a document whose site goes on from nothing")
            elif hang == BELOW_NEIGHBOUR:
                self.parent_sites.append(sites[ranks[at - 1]].index)
                self.parents.append(ends[at - 1] - 1)
            elif hang == ELSEWHERE:
                other, parent = parent_ranks[parent_at], parents[parent_at]
                parent_at += 1
                if parent >= sites[other].count or (other == ranks[at] and parent >= seqs[at]):
                    raise ForeignOp("a document with a parent that cannot be")
                self.parent_sites.append(sites[other].index)
                self.parents.append(parent)
            else:
                self.parent_sites.append(NO_SITE)
                self.parents.append(0)
        self.counters.extend(counters)
        return first

    def check(self) -> None:
        """Raise ForeignOp unless each site has each of its characters exactly once.

        Its spans begin at different places and none is empty. Then they follow each other from 0 to the count if and
        only if every one ends where another begins, but for the last: were two to overlap, some end would be no
        beginning.
        """
        for site, starts, ends in zip(self._sites, self._starts, self._ends):
            begun = set(starts)
            spans = len(begun)
            begun.add(site.count)
            ended = set(ends)
            ended.add(0)
            if spans != len(starts) or begun != ended:
                raise ForeignOp("a document with a character twice, or not at all")


class _Special:
    """The runs with levels above 2, met in document order."""

    __slots__ = ("_begin", "_levels", "_next")

    def __init__(self, levels: list[int]) -> None:
        self._levels: Final = levels
        self._next = 0
        self._begin = levels[0] if levels else 0

    def cut(self, at: int, count: int, level: int) -> tuple[int, int]:
        """How many of `count` characters from `at` on have one level, and which."""
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
