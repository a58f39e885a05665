"""Where two sides changed the same place while they did not hear of each other.

Both sides have edited a common version. The rule of the text merges them, and nothing is lost; but two who correct
one word leave both corrections, and a word that was typed into a deleted paragraph stands alone. This finds each such
place, so that people can be told.

    common "the color of rope"      mine "the colour of rope"      theirs "the colors of rope"
    merged "the coloursrs of rope"  one overlap: was "color", mine "colour", theirs "colors"

Each side's hunks are widened to the words that they cut or lengthen, in offsets of the common text. Those of both
sides that touch are one overlap. Everything is known from ids; nothing is guessed by comparing texts.
"""

from __future__ import annotations

import unicodedata
from enum import Enum
from typing import Final, NamedTuple

from crdt.anchor import DOCUMENT_END, DOCUMENT_START, Anchor
from crdt.history import text_of
from crdt.hunks import NOBODY, Hunk, Part, find_changes
from crdt.raises import Raises, Span, merged_spans
from crdt.runs import RunList
from crdt.site import Site
from crdt.version import Version
from crdt.visibility import Visibilities, Visible, difference, differing_chunks, marked, stretches

ZERO_WIDTH_JOINER: Final = "\u200d"
JOINERS: Final = (ZERO_WIDTH_JOINER, "\ufe0e", "\ufe0f")
"""The joiner of emoji, and the signs that choose a form of the character before."""


class OverlapKind(Enum):
    """How two changes of one place are related."""

    SAME_CHANGE = "same change"
    BOTH_CHANGED = "both changed it"
    EDITED_IN_DELETED = "edited in what was deleted"
    BOTH_INSERTED = "both put something here"
    """And nothing that was there is cut."""
    BOTH_DELETED = "both deleted it"
    """One of them perhaps more than the other; nothing was put there."""


class Overlap(NamedTuple):
    """A place that two sides changed."""

    start: int
    end: int
    """The range in the common text, in code points; the end is not included."""
    was: str
    """The common text there."""
    mine: str
    """The text of my version there."""
    theirs: str
    """The text of their version there."""
    kind: OverlapKind
    my_operations: tuple[Span, ...]
    """What I did here, in order; without it, the place reads as theirs."""
    their_operations: tuple[Span, ...]
    first: Anchor
    last: Anchor
    """The place in any version: from the character of the common text before it to the one after it."""
    now: str
    """The text there with the work of both."""


class _Edit(NamedTuple):
    """A hunk of one side, widened."""

    low: int
    high: int
    """The range in the common text, widened to the words that it cuts or lengthens."""
    is_mine: bool
    hunk: Hunk
    overrules: bool
    """True if this side leaves the text as it was, and yet undoes what the other did: it has deleted these characters
    as well and brought them back."""


class _Group:
    """Edits of both sides that touch."""

    __slots__ = ("begin", "characters", "edits", "first", "high", "last", "low", "now", "raw_high")

    def __init__(self, edit: _Edit) -> None:
        self.edits: Final = [edit]
        self.low: Final = edit.low
        self.high = edit.high
        self.raw_high = edit.hunk.old_end
        self.characters: Final[list[tuple[Site, int, int]]] = []
        """The characters of the common text in the range: site, first seq, end."""
        self.first = DOCUMENT_START
        self.last = DOCUMENT_END
        self.now: Final[list[str]] = []
        """The merged text there."""
        self.begin = 0
        """Of the run at hand: the first character that is not in `now` yet."""

    def touches(self, edit: _Edit) -> bool:
        """Return whether the next edit belongs here: it shares a character, or begins where another one ends."""
        return edit.low < self.high or edit.hunk.old_start <= self.raw_high

    def add(self, edit: _Edit) -> None:
        self.edits.append(edit)
        self.high = max(self.high, edit.high)
        self.raw_high = max(self.raw_high, edit.hunk.old_end)

    def add_now(self, site: Site, visible: bytearray, end: int) -> None:
        """Add the merged text of the run at hand up to a seq."""
        for low, high in stretches(visible, self.begin, end):
            self.now.append(site.slice(low, high))

    def hunks(self, mine: bool) -> list[Hunk]:
        """Return the hunks of one side."""
        hunks = (it.hunk for it in self.edits if it.is_mine == mine and not it.overrules)
        return sorted(hunks, key=_old_start)

    def text_of(self, base: str, mine: bool) -> str:
        """Return the text of one side at this place."""
        parts: list[str] = []
        at = self.low
        for hunk in self.hunks(mine):
            parts.append(base[at : hunk.old_start])
            parts.append(hunk.text)
            at = hunk.old_end
        parts.append(base[at : self.high])
        return "".join(parts)

    def only_adjoins(self, base: str) -> bool:
        """Return whether the sides share no character, no gap in which both put something, and no line that one of them
        deleted and the other lengthened."""
        if any(edit.overrules for edit in self.edits):
            return False
        for one in self.edits:
            for other in self.edits:
                if not one.is_mine or other.is_mine:
                    continue
                if max(one.low, other.low) < min(one.high, other.high):
                    return False
                a, b = one.hunk, other.hunk
                gaps_meet = a.old_start <= b.old_end and b.old_start <= a.old_end
                if gaps_meet and a.text and b.text:
                    return False
                if a.old_start < b.old_start < a.old_end or b.old_start < a.old_start < b.old_end:
                    return False
                if _lengthens(base, a, b) or _lengthens(base, b, a):
                    return False
        return True


def find_overlaps(
    sites: list[Site],
    runs: RunList,
    seen: Visibilities,
    present: Visible,
    common: Version,
    mine: Version,
    theirs: Version,
) -> list[Overlap]:
    """Return the places that both sides changed since a common version, in document order. O(document).

    `present` are the visible characters of the text; `seen` finds those of versions.
    """
    if mine <= common or theirs <= common:
        return []
    merged = mine.merge(theirs)
    before = seen.at(sites, common).by_site
    sides = seen.at(sites, mine).by_site, seen.at(sites, theirs).by_site
    now = seen.at(sites, merged).by_site
    differing = differing_chunks(sites, runs, present, (before, *sides, now))
    base = text_of(runs, before, differing)
    edits: list[_Edit] = []
    for is_mine, side, then in ((True, mine, sides[0]), (False, theirs, sides[1])):
        hunks = find_changes(sites, runs, common, side, before, then, differing)
        edits.extend(_widen(base, it, is_mine, False) for it in hunks)
        overruled = _overruled(base, sites, runs, (side, merged), before, then, now)
        edits.extend(_widen(base, it, not is_mine, True) for it in overruled)
    edits.sort(key=_by_place)
    groups: list[_Group] = []
    for edit in edits:
        if groups and groups[-1].touches(edit):
            groups[-1].add(edit)
        else:
            groups.append(_Group(edit))
    groups = [it for it in groups if len({edit.is_mine for edit in it.edits}) == 2]
    if not groups:
        return []
    _locate(groups, runs, before, now, differing)
    targets = marked(it for group in groups for it in group.characters)
    raises = {True: Raises(sites, theirs, merged, targets), False: Raises(sites, mine, merged, targets)}
    found: list[Overlap] = []
    for group in groups:
        was = base[group.low : group.high]
        texts = group.text_of(base, True), group.text_of(base, False)
        merged_there = "".join(group.now)
        if group.only_adjoins(base) and _reads_as_written(base, group, merged_there, (was, *texts)):
            continue
        found.append(
            Overlap(
                group.low,
                group.high,
                was,
                *texts,
                _kind(group, *texts),
                _operations(group, True, raises[True]),
                _operations(group, False, raises[False]),
                group.first,
                group.last,
                merged_there,
            )
        )
    return found


def _reads_as_written(base: str, group: _Group, merged: str, written: tuple[str, ...]) -> bool:
    """Return whether each word of the merged text is one of the texts that somebody had at this place.

    They are read with the words beside the place. Neither side alone joins those with its own text, else the place would
    contain them, and both sides together may: mine "漢a é", theirs "é" of "漢 é", merged "aé".
    """
    low, high = _word_start(base, group.low), _word_end(base, group.high)
    before, after = base[low : group.low], base[group.high : high]
    known = set[str]().union(*(words_of(before + text + after) for text in written))
    return words_of(before + merged + after) <= known


def _overruled(
    base: str,
    sites: list[Site],
    runs: RunList,
    versions: tuple[Version, Version],
    before: Visible,
    side: Visible,
    merged: Visible,
) -> list[Hunk]:
    """Return what one side changed and the merged text has as before, as edits of the other side.

    `versions` are that side's and the merged one: what lies between, the other one did.
    """
    overruled: Visible = {}
    for index, now in merged.items():
        was = before.get(index, bytearray())
        changed = difference(was, side.get(index, bytearray()))
        if not changed:
            continue
        for low, high in stretches(changed, 0, len(changed)):
            bits = int.from_bytes(was[low:high], "little") ^ int.from_bytes(now[low:high], "little")
            same = int.from_bytes(b"\1" * (high - low), "little") ^ bits
            if same:
                if index not in overruled:
                    overruled[index] = bytearray(len(now))
                overruled[index][low:high] = same.to_bytes(high - low, "little")
    if not overruled:
        return []
    raises = Raises(sites, *versions, overruled)
    found: list[Hunk] = []
    offset = 0
    empty = bytearray()
    for run in runs:
        low, end = run.seq, run.seq + run.length
        shown, odd = before.get(run.site.index, empty), overruled.get(run.site.index, empty)
        for begin, stop in stretches(odd, low, end):
            start = offset + shown.count(1, low, begin)
            size = shown.count(1, begin, stop)
            text = base[start : start + size]
            spans = merged_spans(it.cut(begin, stop) for it in raises.of(run.site, begin, stop))
            parts = (Part(text, True, NOBODY, 0, spans),)
            found.append(Hunk(start, start + size, 0, 0, parts, DOCUMENT_START, DOCUMENT_END))
        offset += shown.count(1, low, end)
    return found


def _locate(
    groups: list[_Group], runs: RunList, before: Visible, merged: Visible, differing: set[int] | None
) -> None:
    """Find the characters of each group and of its edges, and the merged text between those."""
    empty = bytearray()
    offset = 0
    begun = at = 0
    # A group without text before it begins with the document.
    while begun < len(groups) and not groups[begun].low:
        begun += 1
    for chunk in runs.chunks():
        if differing is not None and chunk.number not in differing and at == begun:
            if begun == len(groups):
                return
            if groups[begun].low > offset + chunk.size:
                offset += chunk.size
                continue
        for run in chunk.runs:
            site, end = run.site, run.seq + run.length
            shown, later = before.get(site.index, empty), merged.get(site.index, empty)
            if at < begun:
                for group in groups[at:begun]:
                    group.begin = run.seq
            for low, high in stretches(shown, run.seq, end):
                reached = offset + high - low
                while begun < len(groups) and groups[begun].low <= reached:
                    group = groups[begun]
                    seq = low + group.low - 1 - offset
                    group.first = Anchor(site.id, site.clock_of(seq), False)
                    group.begin = seq + 1
                    begun += 1
                if at < begun:
                    for group in groups[at:begun]:
                        first, last = max(group.low, offset), min(group.high, reached)
                        if first < last:
                            group.characters.append((site, low + first - offset, low + last - offset))
                while at < begun and groups[at].high < reached:
                    group = groups[at]
                    seq = low + group.high - offset
                    group.last = Anchor(site.id, site.clock_of(seq), True)
                    group.add_now(site, later, seq)
                    at += 1
                offset = reached
            if at < begun:
                for group in groups[at:begun]:
                    group.add_now(site, later, end)


def _operations(group: _Group, mine: bool, raises: Raises) -> tuple[Span, ...]:
    """Return all that one side did to the characters of a group; also what it undid itself, which is in no hunk, and what it deleted
    of the other's new text."""
    edits = (it for it in group.edits if it.is_mine == mine)
    spans = [span for edit in edits for part in edit.hunk.parts for span in part.operations]
    for site, low, high in group.characters:
        spans.extend(it.cut(low, high) for it in raises.of(site, low, high))
    return merged_spans(spans)


def _kind(group: _Group, mine: str, theirs: str) -> OverlapKind:
    if mine == theirs:
        return OverlapKind.SAME_CHANGE
    if not group.hunks(True) or not group.hunks(False):
        return OverlapKind.BOTH_CHANGED
    if not any(hunk.text for hunk in (*group.hunks(True), *group.hunks(False))):
        return OverlapKind.BOTH_DELETED
    if group.low == group.high:
        return OverlapKind.BOTH_INSERTED
    for one in (True, False):
        others = group.hunks(not one)
        for hunk in group.hunks(one):
            if not hunk.text and any(
                hunk.old_start <= other.old_start and other.old_end <= hunk.old_end for other in others
            ):
                return OverlapKind.EDITED_IN_DELETED
    return OverlapKind.BOTH_CHANGED


def _lengthens(base: str, hunk: Hunk, deletion: Hunk) -> bool:
    """Return whether text was put in front of a line or behind it, of which the other side deleted all visible characters.

    A line of its own, before the deleted one or after it, is no part of that.
    """
    at, text = hunk.old_start, hunk.text
    if not text or at != hunk.old_end or deletion.text:
        return False
    if at == deletion.old_end:
        added = text.partition("\n")[0]
    elif at == deletion.old_start:
        added = text.rpartition("\n")[2]
    else:
        return False
    start = base.rfind("\n", 0, at) + 1
    end = base.find("\n", at)
    end = len(base) if end < 0 else end
    low, high = max(start, deletion.old_start), min(end, deletion.old_end)
    kept = base[start:low] + base[high:end] if low < high else base[start:end]
    return bool(added.strip() and base[start:end].strip()) and not kept.strip()


def _widen(base: str, hunk: Hunk, mine: bool, overrules: bool) -> _Edit:
    """Widen a hunk to the words that it cuts, lengthens or joins."""
    low, high, text = hunk.old_start, hunk.old_end, hunk.text
    left = base[low - 1] if low else ""
    right = base[high] if high < len(base) else ""
    joins_left = _glue(left, base[low : low + 1]) or _glue(left, text[:1] or right)
    joins_right = _glue(base[high - 1 : high] if high else "", right) or _glue(text[-1:] or left, right)
    if joins_left:
        low = _word_start(base, low)
    if joins_right:
        high = _word_end(base, high)
    return _Edit(low, high, mine, hunk, overrules)


def _word_start(base: str, at: int) -> int:
    """Return where the word begins whose last character is before an offset: one character at least, if there is one."""
    low = max(0, at - 1)
    while low and _glue(base[low - 1], base[low]):
        low -= 1
    return low


def _word_end(base: str, at: int) -> int:
    """Return where the word ends whose first character is at an offset: one character at least, if there is one."""
    high = min(len(base), at + 1)
    while high < len(base) and _glue(base[high - 1], base[high]):
        high += 1
    return high


def words_of(text: str) -> set[str]:
    """Return the words of a text, as `overlaps` understands a word."""
    found: set[str] = set()
    start = 0
    for at in range(1, len(text) + 1):
        if at == len(text) or not _glue(text[at - 1], text[at]):
            word = text[start:at]
            if not word.isspace():
                found.add(word)
            start = at
    return found


def _glue(left: str, right: str) -> bool:
    """Return whether two neighbouring characters belong to one word; "" is the edge of a text."""
    if not left or not right:
        return False
    if right in JOINERS or left == ZERO_WIDTH_JOINER or unicodedata.combining(right):
        return True
    return _in_word(left) and _in_word(right)


def _in_word(character: str) -> bool:
    """Return whether a character joins with others to words. Those of Chinese and Japanese are words by themselves,
    for these languages put no blanks between words."""
    if character.isascii():
        return character.isalnum() or character == "_"
    if "\u2e80" <= character <= "\u9fff" or "\uf900" <= character <= "\ufaff" or character >= "\U00020000":
        return False
    return character.isalnum() or unicodedata.category(character).startswith("M")


def _by_place(edit: _Edit) -> tuple[int, int, int, bool]:
    return edit.low, edit.hunk.old_start, edit.high, edit.is_mine


def _old_start(hunk: Hunk) -> int:
    return hunk.old_start
