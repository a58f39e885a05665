"""The changes to review after two sides wrote one text without hearing of each other.

`items_of` lists them in the order in which they matter: the places that both touched, the changes by others in what I
wrote, and the rest by passage. `review` keeps the decisions about them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum, IntEnum
from typing import Final

from crdt import Anchor, Case, Hunk, Outcome, Overlap, OverlapKind, TextBuffer
from crdt.raises import Span, merged_spans
from jpterm_like.history.apart import Apart
from jpterm_like.history.authors import authors_of
from jpterm_like.history.decisions import Choice, Step
from jpterm_like.history.operations import OperationSet, by_site, operations_of

PAUSE_S: Final = 600
"""Seconds between two changes of a passage that make them two items."""

INK_MIN: Final = 16
"""Visible characters of a text that was deleted in one place and written in another, to be called moved."""

KEPT_SHOWN: Final = 60
"""Unchanged characters shown on each side of a longer stretch between two changes."""

Pieces = tuple[tuple[str, bool], ...]
"""A text in pieces: each with whether it was changed."""


class Rank(IntEnum):
    """How urgently an item should be looked at; the lowest comes first."""

    BOTH = 0
    """Both touched it."""
    BESIDES = 1
    """Both touched it, and neither cut the other's text: they put something at one place, deleted the same text, or made
    the same change."""
    IN_MINE = 2
    """In what I wrote."""
    REST = 3


class Kind(Enum):
    """How a place was changed."""

    BOTH_CHANGED = "both changed it"
    THEY_DELETED = "they deleted it, I edited in it"
    I_DELETED = "I deleted it, they edited in it"
    BOTH_INSERTED = "both put something here"
    BOTH_DELETED = "both deleted it"
    SAME_CHANGE = "both made the same change"
    WRITTEN = "they wrote it"
    DELETED = "they deleted it"
    CHANGED = "they changed it"
    MOVED = "they moved it"


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to decide about."""

    kind: Kind
    rank: Rank
    names: tuple[str, ...]
    """The others who did it, the one with the most operations first."""
    seconds: int
    """Wall-clock second of the newest of their operations; 0 if unknown."""
    my_seconds: int
    """The same of mine; 0 if I did nothing here."""
    was: Pieces
    theirs: Pieces
    mine: Pieces
    """Empty if I did nothing here."""
    first: Anchor
    last: Anchor
    """The place in the text, whatever happens around it."""
    my_operations: tuple[Span, ...]
    their_operations: tuple[Span, ...]
    is_moved: bool = False
    """Whether the text stands elsewhere as well: one side has moved it."""
    merged: str = ""
    """The text here when the work of both had met; empty if I did nothing here."""
    as_theirs: Outcome = ()
    """The characters here as they are without my operations."""
    as_mine: Outcome = ()
    """The same without their operations."""
    as_found: Outcome = ()
    """The same with the operations of both, when the item was found."""

    @property
    def is_both(self) -> bool:
        return self.rank <= Rank.BESIDES

    def reads_as(self, buffer: TextBuffer) -> Choice | None:
        """Return whose text alone stands at a place that both touched, if it is one side's. O(log n), plus the length of the place."""
        mine, theirs = ("".join(text for text, _ in it) for it in (self.mine, self.theirs))
        start, end = self.place(buffer)
        if not self.is_both or mine == theirs or end - start not in (len(mine), len(theirs)):
            return None
        now = buffer.slice(start, end)
        return Choice.MINE if now == mine else Choice.THEIRS if now == theirs else None

    def place(self, buffer: TextBuffer) -> tuple[int, int]:
        """Return the range of the place in the present text. O(log n)."""
        start, end = buffer.offset(self.first), buffer.offset(self.last)
        if start is None or end is None:
            return 0, 0
        return start, max(start, end)


def items_of(buffer: TextBuffer, apart: Apart, prose: bool, steps: Sequence[Step] = ()) -> list[Item]:
    """Return what there is to review, in the order in which it matters. O(document).

    Args:
        prose: a passage is a paragraph, else a line.
        steps: what was decided before; outcomes are those without these decisions.
    """
    with buffer.comparing():
        return _Finder(buffer, apart, prose, steps).items()


def counts(items: Iterable[Item]) -> tuple[int, int, int]:
    """Return how many items both touched, how many are in what I wrote, and the number of the others."""
    ranks = [it.rank for it in items]
    both = sum(rank <= Rank.BESIDES for rank in ranks)
    mine = ranks.count(Rank.IN_MINE)
    return both, mine, len(ranks) - both - mine


class _Finder:
    """Finds the items of one review."""

    def __init__(self, buffer: TextBuffer, apart: Apart, prose: bool, steps: Sequence[Step]) -> None:
        self._buffer = buffer
        self._apart = apart
        self._decided = [it.made for it in steps]
        self._text = buffer.text
        self._break = "\n\n" if prose else "\n"
        self._common = buffer.at(apart.common)
        self._theirs = buffer.at(apart.theirs)

    def items(self) -> list[Item]:
        buffer, apart = self._buffer, self._apart
        hunks = buffer.changes(apart.common, apart.theirs)
        if not hunks:
            return []
        overlaps = buffer.overlaps(apart.common, apart.mine, apart.theirs)
        taken = OperationSet(it for overlap in overlaps for it in overlap.their_operations)
        settled = OperationSet(apart.settled)
        overlaps = [it for it in overlaps if not self._is_settled(it, settled)]
        rest = [
            it
            for it in hunks
            if not taken.shares(operations := operations_of(it)) and not settled.has_all(operations)
        ]
        copies = _Copies(rest)
        items = list(self._overlapping(overlaps, copies))
        items += self._moved(copies)
        items += self._passages([it for it in rest if not copies.is_taken(it)])
        # By place within a rank: an anchor that is unknown here cannot be, so no place is lost.
        places = {id(it): it.place(buffer) for it in items}
        items.sort(key=lambda it: (it.rank, places[id(it)]))
        return self._with_outcomes(items)

    def _with_outcomes(self, items: Sequence[Item]) -> list[Item]:
        cases: list[Case] = []
        for it in items:
            touched = by_site((*it.my_operations, *it.their_operations))
            cases += [
                Case(touched, by_site((*self._decided, *spans)))
                for spans in (it.my_operations, it.their_operations, ())
            ]
        outcomes = iter(self._buffer.outcomes(self._buffer.version, cases))
        return [
            replace(it, as_theirs=next(outcomes), as_mine=next(outcomes), as_found=next(outcomes))
            for it in items
        ]

    # Places that both touched

    def _is_settled(self, overlap: Overlap, settled: OperationSet) -> bool:
        """Return whether all made one change there, and it is there once: nothing is left to decide."""
        start, end = self._buffer.offset(overlap.first), self._buffer.offset(overlap.last)
        if start is None or end is None or not settled.has_all(overlap.their_operations):
            return False
        return overlap.now in (overlap.mine, overlap.theirs) or self._text[start:end] != overlap.now

    def _overlapping(self, overlaps: Sequence[Overlap], copies: _Copies) -> Iterator[Item]:
        my_copies: _Copies | None = None
        for it in overlaps:
            kind, rank = _KINDS[it.kind]
            mine, theirs = it.my_operations, it.their_operations
            is_moved = False
            if it.kind is OverlapKind.EDITED_IN_DELETED:
                if len(it.theirs) < len(it.mine):
                    kind, copy = Kind.THEY_DELETED, copies.take_written(it.was)
                    theirs = theirs if copy is None else merged_spans((*theirs, *operations_of(copy)))
                else:
                    if my_copies is None:
                        own = OperationSet(it for other in overlaps for it in other.my_operations)
                        done = self._buffer.changes(self._apart.common, self._apart.mine)
                        my_copies = _Copies([hunk for hunk in done if not own.shares(operations_of(hunk))])
                    kind, copy = Kind.I_DELETED, my_copies.take_written(it.was)
                    mine = mine if copy is None else merged_spans((*mine, *operations_of(copy)))
                is_moved = copy is not None
            yield Item(
                kind,
                rank,
                self._names(theirs),
                self._newest(theirs),
                self._newest(mine),
                ((it.was, True),),
                ((it.theirs, True),),
                ((it.mine, True),),
                it.first,
                it.last,
                mine,
                theirs,
                is_moved,
                it.now,
            )

    # The rest

    def _moved(self, copies: _Copies) -> Iterator[Item]:
        for gone, come in copies.take_pairs():
            operations = operations_of(gone, come)
            pieces = ((come.text, True),)
            mine = self._is_in_mine(gone)
            yield self._item(Kind.MOVED, mine, operations, pieces, pieces, come.first, come.last, True)

    def _passages(self, hunks: Sequence[Hunk]) -> Iterator[Item]:
        """Yield an item for each passage in which the same people did something without a pause."""
        group: list[Hunk] = []
        last_key: tuple[int, tuple[str, ...]] | None = None
        last_seconds = 0
        for hunk in hunks:
            operations = operations_of(hunk)
            key, seconds = (self._passage(hunk), self._names(operations)), self._newest(operations)
            if group and (key != last_key or abs(seconds - last_seconds) >= PAUSE_S):
                yield self._passage_item(group)
                group = []
            group.append(hunk)
            last_key, last_seconds = key, seconds
        if group:
            yield self._passage_item(group)

    def _passage(self, hunk: Hunk) -> int:
        """Return where the passage of a change begins in the present text."""
        start = self._buffer.offset(hunk.first) or 0
        text = hunk.text or hunk.old_text
        if hunk.text:  # line breaks before it belong to the passage before
            start += len(text) - len(text.lstrip("\n"))
        before = self._text.rfind(self._break, 0, start)
        return 0 if before < 0 else before + len(self._break)

    def _passage_item(self, group: Sequence[Hunk]) -> Item:
        was = _pieces(self._common, [(it.old_start, it.old_end) for it in group])
        theirs = _pieces(self._theirs, [(it.start, it.end) for it in group])
        operations = operations_of(*group)
        has_old, has_new = any(it.old_text for it in group), any(it.text for it in group)
        kind = Kind.CHANGED if has_old and has_new else Kind.WRITTEN if has_new else Kind.DELETED
        mine = any(self._is_in_mine(it) for it in group)
        return self._item(kind, mine, operations, was, theirs, group[0].first, group[-1].last)

    def _item(
        self,
        kind: Kind,
        in_mine: bool,
        operations: tuple[Span, ...],
        was: Pieces,
        theirs: Pieces,
        first: Anchor,
        last: Anchor,
        is_moved: bool = False,
    ) -> Item:
        names, seconds = self._names(operations), self._newest(operations)
        rank = Rank.IN_MINE if in_mine else Rank.REST
        return Item(kind, rank, names, seconds, 0, was, theirs, (), first, last, (), operations, is_moved)

    def _is_in_mine(self, hunk: Hunk) -> bool:
        """Return whether a change is in text of mine: it deleted some, or is inside of it."""
        if self._is_mine(hunk.first.site) or self._is_mine(hunk.last.site):
            return True  # they wrote none of my characters, so they deleted this one
        buffer = self._buffer
        start, end = buffer.offset(hunk.first), buffer.offset(hunk.last)
        if not start or end is None or not start <= end < len(buffer):
            return False
        text = hunk.text
        if text.endswith("\n") and (text.startswith("\n") or self._text[start - 1] == "\n"):
            return False  # lines of their own, between mine
        around = buffer.authorship(start - 1, start) + buffer.authorship(end, end + 1)
        return all(self._is_mine(site) for _, _, site, _ in around)

    def _is_mine(self, site: int) -> bool:
        return site in self._buffer.own_sites

    def _names(self, operations: Iterable[Span]) -> tuple[str, ...]:
        return authors_of(self._buffer, ((site, end - start) for site, start, end in operations))

    def _newest(self, operations: Iterable[Span]) -> int:
        return max((self._buffer.time_of(site, end - 1) for site, _, end in operations), default=0)


_KINDS: Final = {
    OverlapKind.BOTH_CHANGED: (Kind.BOTH_CHANGED, Rank.BOTH),
    OverlapKind.EDITED_IN_DELETED: (Kind.THEY_DELETED, Rank.BOTH),
    OverlapKind.BOTH_INSERTED: (Kind.BOTH_INSERTED, Rank.BESIDES),
    OverlapKind.BOTH_DELETED: (Kind.BOTH_DELETED, Rank.BESIDES),
    OverlapKind.SAME_CHANGE: (Kind.SAME_CHANGE, Rank.BESIDES),
}


class _Copies:
    """The changes that only deleted and those that only wrote, by their text: what was moved is one of each."""

    def __init__(self, hunks: Sequence[Hunk]) -> None:
        self._gone: list[Hunk] = []
        self._written: dict[str, list[Hunk]] = {}
        self._taken: set[int] = set()
        for hunk in hunks:
            gone, written = hunk.old_text, hunk.text
            if gone and not written and _has_ink(gone):
                self._gone.append(hunk)
            elif written and not gone and _has_ink(written):
                self._written.setdefault(written.strip(), []).append(hunk)

    def take_written(self, text: str) -> Hunk | None:
        """Take the change that wrote a text, if there is one."""
        found = self._written.get(text.strip())
        if not found:
            return None
        hunk = found.pop(0)
        self._taken.add(id(hunk))
        return hunk

    def take_pairs(self) -> Iterator[tuple[Hunk, Hunk]]:
        """Take the changes that deleted a text, each with one that wrote the same."""
        for gone in self._gone:
            come = self.take_written(gone.old_text)
            if come is not None:
                self._taken.add(id(gone))
                yield gone, come

    def is_taken(self, hunk: Hunk) -> bool:
        return id(hunk) in self._taken


def _has_ink(text: str) -> bool:
    return sum(not character.isspace() for character in text) >= INK_MIN


def _pieces(text: str, ranges: Sequence[tuple[int, int]]) -> Pieces:
    """Return a text from the first range to the last one, those in between shortened."""
    found: list[tuple[str, bool]] = []
    at = ranges[0][0]
    for start, end in ranges:
        kept = text[at:start]
        if len(kept) > 2 * KEPT_SHOWN + 3:
            kept = f"{kept[:KEPT_SHOWN]} … {kept[-KEPT_SHOWN:]}"
        if kept:
            found.append((kept, False))
        found.append((text[start:end], True))
        at = end
    return tuple(found)
