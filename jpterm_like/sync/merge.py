"""What differs between two texts, and how the changes of two people to one text come together.

`diff` tells how to get from one text to another. `merge` is a three-way merge of whole words: where only one side
changed something the change is made, where both made the same change it is made once (F14), and where they differ,
both sides' words stay, theirs first, and the place is listed for review. It is used where no common history tells who
typed what: a plain file that other programs write (F5), a document of another lineage (F1).

What both sides have beyond the base is taken for part of it first (`_known`), so that it is in the merged text once, whatever
blank lines and brackets are around it. Lines are only compared word by word with lines that have much in common with them.

It keeps text rather than tidying up. A deletion never takes words with it that the other side typed meanwhile (F15);
then the line they are in stays as the other side has it, and is listed. Words of both sides are never woven into one.

Differences are found between lines, then between the words of changed lines. Lines (words) that occur once on each
side are anchors, in the manner of Bram Cohen's patience diff; what is left between two anchors goes to
`difflib.SequenceMatcher`, or counts as all different if that would take too long. So the time is about proportional to
the length, for any input.

Not here: histories, offsets of carets, what to do with a conflict.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import accumulate
from typing import Final, NamedTuple

from crdt.patch import Patch, Splice

# difflib looks at each pair of equal items, once for each run of equal items it finds. This many steps take about half
# a second; above, a stretch counts as changed altogether.
_MATCH_STEPS_MAX: Final = 5_000_000

# Each level of anchors splits what lies between those of the level above; real texts need three or four.
_LEVELS_MAX: Final = 32

# Changed stretches longer than this (code points, both sides) are replaced line by line, without looking at words.
_WORDS_IN_MAX: Final = 1 << 20

# Equal lines with no more ink (code points that are no white space) than this, between changed ones, prove nothing: a
# blank line or a bracket. The words around them tell better which line became which.
_WEAK_INK: Final = 16

# Lines that have one part in this many of their ink in common may be two states of one line.
_LIKE: Final = 3

# Ideographs, kana: written without spaces, so each is taken for a word.
_SINGLE: Final = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORDS: Final = re.compile(rf"[^\W{_SINGLE}]+|[^\S\n]+|.|\n", re.DOTALL)
_WORD: Final = re.compile(rf"[^\W{_SINGLE}]")
_SPACE: Final = re.compile(r"[^\S\n]")
_LINES: Final = re.compile(r"[^\n]*\n|[^\n]+")


class Hunk(NamedTuple):
    """The code points from `start` to `end` of the old text gave way to `text`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Merge:
    """How to bring one side's changes into the other side's text."""

    splices: list[Splice]
    """For `theirs`, from the last to the first."""

    conflicts: list[tuple[int, int]]
    """Stretches (start, end) of the merged text, in order, that a person should look at; empty ones where something
    is gone or came into something that is gone."""

    def apply(self, theirs: str) -> str:
        """The merged text."""
        return Patch(tuple(self.splices)).apply(theirs)


def diff(old: str, new: str) -> list[Splice]:
    """Tell how `old` becomes `new`: splices from the last to the first, in offsets of `old`."""
    return [_trimmed(old, hunk) for hunk in reversed(_hunks(old, new))]


def merge(base: str, mine: str, theirs: str) -> Merge:
    """Bring what `mine` changed since `base` into `theirs`."""
    if mine in (base, theirs):
        return Merge([], [])
    if theirs == base:
        return Merge(diff(theirs, mine), [])
    walk = _Walk(theirs, *_known(base, mine, theirs))
    walk.run()
    return Merge(walk.splices[::-1], walk.conflicts)


def matching(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int, int]]:
    """Runs of equal items (start in old, start in new, length), ascending on both sides and as long as they can be."""
    blocks: list[tuple[int, int, int]] = []
    stack = [(0, len(old), 0, len(new), 0)]
    while stack:
        old_start, old_end, new_start, new_end, level = stack.pop()
        begin = old_start
        while old_start < old_end and new_start < new_end and old[old_start] == new[new_start]:
            old_start += 1
            new_start += 1
        blocks.append((begin, new_start - (old_start - begin), old_start - begin))
        stop = old_end
        while old_start < old_end and new_start < new_end and old[old_end - 1] == new[new_end - 1]:
            old_end -= 1
            new_end -= 1
        blocks.append((old_end, new_end, stop - old_end))
        if old_start == old_end or new_start == new_end:
            continue
        anchors = _anchors(old, new, old_start, old_end, new_start, new_end) if level < _LEVELS_MAX else []
        if anchors:
            # Between an anchor and the next lies a stretch of its own; the one after an anchor begins with it.
            at = (old_start, new_start)
            for anchor in [*anchors, (old_end, new_end)]:
                stack.append((at[0], anchor[0], at[1], anchor[1], level + 1))
                at = anchor
        else:
            blocks += _matching_slowly(old, new, old_start, old_end, new_start, new_end)
    return _joined(sorted(block for block in blocks if block[2]))


# What both have beyond the base


class _Side:
    """One side's lines, without their ends, and what they are in the base."""

    def __init__(self, base: list[str], text: str) -> None:
        self.lines = text.split("\n")
        self.partners = [-1] * len(self.lines)
        """For each line the number of the same one in the base; -1: it is new, or was moved."""
        for base_at, at, size in matching(base, self.lines):
            self.partners[at : at + size] = range(base_at, base_at + size)
        self.news: dict[str, list[int]] = {}
        """The new lines, and where they are."""
        self.afters: list[int] = []
        """For each line, how much of the base comes surely before it."""
        self.befores: list[int] = []
        """And where what surely comes after it begins."""
        after, before = 0, len(base)
        for at, (line, partner) in enumerate(zip(self.lines, self.partners, strict=True)):
            self.afters.append(after)
            if partner < 0:
                self.news.setdefault(line, []).append(at)
            else:
                after = partner + 1
        for partner in reversed(self.partners):
            self.befores.append(before)
            before = partner if partner >= 0 else before
        self.befores.reverse()


class _Run(NamedTuple):
    """Lines that both sides have, and the base has not."""

    place: int
    """Between which lines of the base they belong."""
    mine: int
    theirs: int
    size: int


def _known(base: str, mine: str, theirs: str) -> tuple[str, list[Hunk], list[Hunk]]:
    """The base with what both sides have beyond it, and how mine and theirs come from that.

    Texts of one history that met another way have more in common than the base that is known (F1, F17). What both have
    is looked for between the two, and once: to look for it from the base twice would find it in two places where blank
    lines or brackets are around it.
    """
    base_lines = base.split("\n")
    my_side, their_side = _Side(base_lines, mine), _Side(base_lines, theirs)
    again = {line for line in my_side.news.keys() & their_side.news.keys() if _ink(line)}
    counts = Counter(base_lines), Counter(my_side.lines), Counter(their_side.lines)
    moved = {line for line in again if all(count[line] == 1 for count in counts)} if again else again
    if not moved and not any(map(_proves, again)):
        return base, _hunks(base, mine), _hunks(base, theirs)
    runs = _shared(my_side, their_side)
    elsewhere = _elsewhere(base_lines, my_side, their_side, runs, moved)
    parts: list[str] = []
    my_hunks: list[Hunk] = []
    their_hunks: list[Hunk] = []
    offset = base_at = my_at = their_at = 0
    last = _Run(len(base_lines), len(my_side.lines), len(their_side.lines), 0)
    for run in [*runs, last]:
        my_lines = [my_side.lines[at] for at in range(my_at, run.mine) if at not in elsewhere]
        texts = [
            _between_runs(lines, is_first=not parts, is_last=run is last)
            for lines in (base_lines[base_at : run.place], my_lines, their_side.lines[their_at : run.theirs])
        ]
        for hunks, text in ((my_hunks, texts[1]), (their_hunks, texts[2])):
            hunks += [Hunk(offset + start, offset + end, new) for start, end, new in _hunks(texts[0], text)]
        parts += (texts[0], "\n".join(my_side.lines[run.mine : run.mine + run.size]))
        offset += len(parts[-2]) + len(parts[-1])
        base_at, my_at, their_at = run.place, run.mine + run.size, run.theirs + run.size
    return "".join(parts), my_hunks, their_hunks


def _shared(my_side: _Side, their_side: _Side) -> list[_Run]:
    """The runs of new lines that both sides have in the same order, those left out that prove nothing."""
    runs: list[_Run] = []
    place = 0
    for my_start, their_start, size in matching(my_side.lines, their_side.lines):
        begin = 0
        for end in range(size + 1):
            mine, theirs = my_start + begin, their_start + begin
            if end < size and my_side.partners[my_start + end] < 0 > their_side.partners[their_start + end]:
                continue
            if sum(map(_ink, my_side.lines[mine : my_start + end])) > _WEAK_INK:
                after = max(my_side.afters[mine], their_side.afters[theirs])
                before = min(my_side.befores[mine], their_side.befores[theirs])
                place = max(place, after if after <= before else my_side.afters[mine])
                runs.append(_Run(place, mine, theirs, end - begin))
            begin = end + 1
    return runs


def _elsewhere(
    base: list[str], my_side: _Side, their_side: _Side, runs: list[_Run], moved: set[str]
) -> set[int]:
    """New lines of mine that theirs has as well, but in another place.

    That is the same line if no line that all three have is between the places: two may write the same line in two
    functions. Or if it is `moved`: once in each of the three.
    """
    my_taken = {run.mine + step for run in runs for step in range(run.size)}
    their_taken = {run.theirs + step for run in runs for step in range(run.size)}
    kept = set(my_side.partners).intersection(their_side.partners)
    walls = list(accumulate((at in kept and _proves(line) for at, line in enumerate(base)), initial=0))
    found: set[int] = set()
    for line, places in my_side.news.items():
        if line not in moved and not _proves(line):
            continue
        others = [at for at in their_side.news.get(line, ()) if at not in their_taken]
        for mine in places:
            if mine in my_taken:
                continue
            for theirs in others:
                end = max(my_side.afters[mine], their_side.afters[theirs])
                start = min(my_side.befores[mine], their_side.befores[theirs])
                if line in moved or end <= start or walls[start] == walls[end]:
                    found.add(mine)
                    others.remove(theirs)
                    break
    return found


def _between_runs(lines: list[str], *, is_first: bool, is_last: bool) -> str:
    """The text of lines between two runs, to which the line ends before and after them belong."""
    if not lines:
        return "" if is_first or is_last else "\n"
    return "\n" * (not is_first) + "\n".join(lines) + "\n" * (not is_last)


def _proves(line: str) -> bool:
    """Whether two who have this line have it from one who wrote it."""
    return _ink(line) > _WEAK_INK


# Three ways


class _Region(NamedTuple):
    """A stretch of the base that one side or both changed, and what it became."""

    start: int
    end: int
    mine: str | None
    """None: not changed."""
    theirs: str | None

    @property
    def differs(self) -> bool:
        """Whether both changed it and neither did what the other did, and perhaps more."""
        return not (
            self.mine is None
            or self.theirs is None
            or _has_at_border(self.theirs, self.mine)
            or _has_at_border(self.mine, self.theirs)
        )


def _regions(base: str, mine: list[Hunk], theirs: list[Hunk]) -> list[_Region]:
    """Where the two sides changed something, in order."""
    regions: list[_Region] = []
    i = j = 0
    while i < len(mine) or j < len(theirs):
        if j == len(theirs) or (i < len(mine) and _is_before(mine[i], theirs[j])):
            regions.append(_Region(mine[i].start, mine[i].end, mine[i].text, None))
            i += 1
        elif i == len(mine) or _is_before(theirs[j], mine[i]):
            regions.append(_Region(theirs[j].start, theirs[j].end, None, theirs[j].text))
            j += 1
        else:
            # Grow until neither side has a hunk that reaches into the region.
            first_mine, first_theirs = i, j
            start, end = min(mine[i].start, theirs[j].start), max(mine[i].end, theirs[j].end)
            i, j = i + 1, j + 1
            while True:
                if i < len(mine) and mine[i].start < end:
                    end = max(end, mine[i].end)
                    i += 1
                elif j < len(theirs) and theirs[j].start < end:
                    end = max(end, theirs[j].end)
                    j += 1
                else:
                    break
            my_text = _changed(base, start, end, mine[first_mine:i])
            regions.append(_Region(start, end, my_text, _changed(base, start, end, theirs[first_theirs:j])))
    return regions


def _unwoven(base: str, regions: list[_Region]) -> list[_Region]:
    """Join regions that differ and lie close together in one line.

    Two people who wrote a sentence anew have some little words in common, and a merge word by word would weave the two
    sentences into one. So each is kept in one piece.
    """
    joined: list[_Region] = []
    at = 0
    while at < len(regions):
        region, end = regions[at], at + 1
        if region.differs:
            between, last = 0, end
            while last < len(regions) and between <= _WEAK_INK:
                gap = base[regions[last - 1].end : regions[last].start]
                if "\n" in gap:
                    break
                between += _ink(gap)
                last += 1
                if regions[last - 1].differs and between <= _WEAK_INK:
                    end, between = last, 0
        if end > at + 1:
            parts = regions[at:end]
            stretch = (region.start, parts[-1].end)
            mine = [Hunk(part.start, part.end, part.mine) for part in parts if part.mine is not None]
            theirs = [Hunk(part.start, part.end, part.theirs) for part in parts if part.theirs is not None]
            region = _Region(*stretch, _changed(base, *stretch, mine), _changed(base, *stretch, theirs))
        joined.append(region)
        at = end
    return joined


class _Walk:
    """Goes through `base` region by region, and tells what is kept of `theirs` and what is put in."""

    def __init__(self, theirs: str, base: str, my_hunks: list[Hunk], their_hunks: list[Hunk]) -> None:
        self.base = base
        self.theirs = theirs
        self.regions = _unwoven(
            base,
            _regions(
                base,
                _split_deletions(base, my_hunks, their_hunks),
                _split_deletions(base, their_hunks, my_hunks),
            ),
        )
        self.my_deletions = [hunk for hunk in my_hunks if not hunk.text]
        self.their_deletions = [hunk for hunk in their_hunks if not hunk.text]
        self.splices: list[Splice] = []
        self.conflicts: list[tuple[int, int]] = []
        # How far the walk is: in the base, in theirs, in the merged text.
        self.base_at = self.theirs_at = self.merged_at = 0
        self.last = ""
        """The last character of the merged text so far."""
        self.after_splice = False
        """Whether it comes before a place where something was put in or taken out."""

    def run(self) -> None:
        for region in self.regions:
            self._keep(region.start - self.base_at)
            start = self.merged_at
            is_conflict = self._bring_together(region)
            self.base_at = region.end
            if is_conflict:
                self.conflicts.append((start, self.merged_at))
        self._keep(len(self.theirs) - self.theirs_at)

    def _bring_together(self, region: _Region) -> bool:
        """Put in what the two sides made of a region, and say whether a person should look at it."""
        start, end, mine, theirs = region
        if theirs is None:
            assert mine is not None
            self._put(end - start, mine)
            return bool(mine) and _is_inside(region, self.their_deletions)
        if mine is None:
            self._keep(len(theirs))
            return bool(theirs) and _is_inside(region, self.my_deletions)
        if mine == theirs:
            self._keep(len(theirs))
            return False
        if not mine or not theirs:
            # One deleted what the other changed: the text stays.
            self._keep(len(theirs))
            self._put(0, mine)
            return True
        if _has_at_border(theirs, mine):
            self._keep(len(theirs))
            return False
        if _has_at_border(mine, theirs):
            before = "" if mine.startswith(theirs) else mine[: -len(theirs)]
            self._put(0, before)
            self._keep(len(theirs))
            self._put(0, mine[len(before) + len(theirs) :])
            return False
        self._unite(region, theirs, mine)
        # Two insertions at one place are no conflict: nothing was changed that the other saw.
        return end > start

    def _unite(self, region: _Region, theirs: str, mine: str) -> None:
        """Keep what both wrote: their lines first, then mine, and lines that both have once.

        Two who bring the same unsaved lines into a text that has lost them, each with something of their own beside
        them, must not double those (F1).
        """
        done = 0
        rows = _LINES.findall(theirs), _LINES.findall(mine)
        same = matching(*rows)
        if sum(size for _, _, size in same) < min(map(len, rows)):
            # Two blocks have a bracket in common because each has its own; unless the one is all in the other.
            same = [block for block in same if _block_proves(rows[0], block)]
        for at, their_lines, my_lines in _gaps(*rows, same):
            self._keep(at - done + len(their_lines))
            if my_lines:
                self._put(0, self._between(region, their_lines, my_lines) + my_lines)
            done = at + len(their_lines)
        self._keep(len(theirs) - done)

    def _between(self, region: _Region, theirs: str, mine: str) -> str:
        """What keeps their lines and mine, which follow, from running into each other."""
        start, end = region.start, region.end
        if not theirs or theirs.endswith("\n") or mine.startswith("\n"):
            return ""
        starts_line = start == 0 or self.base[start - 1] == "\n"
        ends_line = end == len(self.base) or self.base[end] == "\n"
        return "\n" if (starts_line and ends_line) or "\n" in f"{region.mine}{region.theirs}" else ""

    def _keep(self, size: int) -> None:
        """Leave the next `size` code points of theirs as they are."""
        assert size >= 0
        if not size:
            return
        if self.after_splice:
            self._part(self.theirs[self.theirs_at])
        self.after_splice = False
        self.theirs_at += size
        self.merged_at += size
        self.last = self.theirs[self.theirs_at - 1]

    def _put(self, size: int, text: str) -> None:
        """Let `text` take the place of the next `size` code points of theirs."""
        if text:
            self._part(text[0])
            self.last = text[-1]
        if size or text:
            self.splices.append(_trimmed(self.theirs, Hunk(self.theirs_at, self.theirs_at + size, text)))
            self.after_splice = True
        self.theirs_at += size
        self.merged_at += len(text)

    def _part(self, following: str) -> None:
        """Put a space between two words that only the merge brings together.

        Hunks begin and end between words, on their own side, so no two words that meet here were one there.
        """
        if not _are_apart(self.last, following):
            self.splices.append(Splice(self.theirs_at, self.theirs_at, " "))
            self.merged_at += 1


def _is_before(one: Hunk, other: Hunk) -> bool:
    """Whether they do not overlap and `one` comes first. Two insertions at one place count as overlapping."""
    return one.end <= other.start and (one.start, one.end) != (other.start, other.end)


def _is_inside(region: _Region, deletions: list[Hunk]) -> bool:
    """Whether a region lies in the middle of one of these."""
    at = bisect_left(deletions, region.start, key=lambda deletion: deletion.start) - 1
    return at >= 0 and region.end < deletions[at].end


def _split_deletions(base: str, hunks: list[Hunk], others: list[Hunk]) -> list[Hunk]:
    """Cut deletions of several lines so that lines in which the other side changed something are pieces of their own."""
    pieces: list[Hunk] = []
    for hunk in hunks:
        at = hunk.start
        first = bisect_left(others, at, key=lambda other: other.end) if not hunk.text else len(others)
        # The last lines of a text without a line end go with the line end before them.
        lead = int(base[at : at + 1] == "\n" and hunk.end == len(base) and base[-1] != "\n")
        for other in others[first:]:
            if other.start >= hunk.end:
                break
            line_start = max(base.rfind("\n", at, max(at, other.start)) + 1 - lead, at)
            if line_start == other.end:
                line_end = line_start  # new lines between two deleted ones touch neither
            else:
                line_end = base.find("\n", max(other.start, other.end - 1 + lead), hunk.end) + 1 - lead
                line_end = line_end if line_end > 0 else hunk.end
            for end in (line_start, line_end):
                if end > at:
                    pieces.append(Hunk(at, end, ""))
                    at = end
        if at < hunk.end or at == hunk.start:
            pieces.append(Hunk(at, hunk.end, hunk.text))
    return pieces


def _changed(base: str, start: int, end: int, hunks: list[Hunk]) -> str:
    """What a region of the base becomes by these hunks, all within it."""
    parts: list[str] = []
    for hunk in hunks:
        parts += (base[start : hunk.start], hunk.text)
        start = hunk.end
    return "".join([*parts, base[start:end]])


def _has_at_border(text: str, part: str) -> bool:
    """Whether the text begins or ends with the part, cut between two words."""
    return (text.startswith(part) and _is_border(text, len(part))) or (
        text.endswith(part) and _is_border(text, len(text) - len(part))
    )


def _is_border(text: str, offset: int) -> bool:
    return not 0 < offset < len(text) or _are_apart(text[offset - 1], text[offset])


def _are_apart(one: str, other: str) -> bool:
    """Whether two characters beside each other belong to two words, or to none."""
    return not (_WORD.match(one) and _WORD.match(other))


# Two ways


def _hunks(old: str, new: str) -> list[Hunk]:
    """What changed from the old text to the new one, in order, in whole words and lines."""
    if old == new:
        return []
    start, old_end, new_end = _middle(old, new)
    # To whole lines, so that the lines are compared as they are.
    start = old.rfind("\n", 0, start) + 1
    old_end, new_end = _to_line_end(old, new, old_end, new_end)
    old_lines, new_lines = _LINES.findall(old, start, old_end), _LINES.findall(new, start, new_end)
    hunks: list[Hunk] = []
    for at, old_text, new_text in _gaps(old_lines, new_lines, _strong(old_lines, new_lines)):
        hunks += _word_hunks(start + at, old_text, new_text)
    return _slid(old, hunks)


def _word_hunks(at: int, old: str, new: str) -> list[Hunk]:
    """The words that changed in a stretch of changed lines, which begins `at` in the whole text."""
    whole = [Hunk(at, at + len(old), new)]
    if not old or not new:
        return whole
    start, old_end, new_end = 0, len(old), len(new)
    if old_end + new_end > _WORDS_IN_MAX:
        if "\n" in old[:-1] or "\n" in new[:-1]:
            return whole
        start, old_end, new_end = _to_words(old, new, *_middle(old, new))
        if old_end - start + new_end - start > _WORDS_IN_MAX:
            return whole
    old_words, new_words = _WORDS.findall(old, start, old_end), _WORDS.findall(new, start, new_end)
    blocks = _in_like_lines(old_words, new_words)
    lines = _LINES.findall(old), _LINES.findall(new)
    same = matching(*lines)
    if same and _tears(blocks, _rows(old_words), _rows(new_words), same):
        return [
            hunk
            for place, old_text, new_text in _gaps(*lines, same)
            for hunk in _word_hunks(at + place, old_text, new_text)
        ]
    return [
        Hunk(at + start + place, at + start + place + len(old_text), new_text)
        for place, old_text, new_text in _gaps(old_words, new_words, blocks)
    ]


def _tears(
    blocks: list[tuple[int, int, int]],
    old_rows: list[int],
    new_rows: list[int],
    same: list[tuple[int, int, int]],
) -> bool:
    """Whether equal words lie in lines one of which is the same as another line: the bracket of "}" is not that of " }"."""
    partners = {old_row + step: new_row + step for old_row, new_row, size in same for step in range(size)}
    origins = {new_row: old_row for old_row, new_row in partners.items()}
    return any(
        partners.get(old_rows[old_at + step], new_rows[new_at + step]) != new_rows[new_at + step]
        or origins.get(new_rows[new_at + step], old_rows[old_at + step]) != old_rows[old_at + step]
        for old_at, new_at, size in blocks
        for step in range(size)
    )


def _in_like_lines(old: list[str], new: list[str]) -> list[tuple[int, int, int]]:
    """Runs of equal words (start in old, start in new, length), in lines that have a good part of their ink in common.

    Any two lines have a blank or a little word in common; the one did not become the other by that.
    """
    old_rows, new_rows = _rows(old), _rows(new)
    old_inks, new_inks, shares = Counter[int](), Counter[int](), Counter[tuple[int, int]]()
    for words, rows, inks in ((old, old_rows, old_inks), (new, new_rows, new_inks)):
        for word, row in zip(words, rows, strict=True):
            inks[row] += _ink(word)
    pairs = [
        (old_at + step, new_at + step) for old_at, new_at, size in matching(old, new) for step in range(size)
    ]
    for old_at, new_at in pairs:
        shares[old_rows[old_at], new_rows[new_at]] += _ink(old[old_at])
    kept = [
        (old_at, new_at)
        for old_at, new_at in pairs
        if _are_like(
            shares[pair := (old_rows[old_at], new_rows[new_at])], old_inks[pair[0]], new_inks[pair[1]]
        )
    ]
    blocks: list[tuple[int, int, int]] = []
    for (old_at, new_at), following in zip(kept, [*kept[1:], (len(old), len(new))], strict=False):
        # The end of a line goes with its last word, and not with the end of some line that came after it.
        ends = old[old_at + 1 : following[0]][:1] == new[new_at + 1 : following[1]][:1] == ["\n"]
        blocks.append((old_at, new_at, 1 + ends))
    return _joined(blocks)


def _are_like(share: int, one: int, other: int) -> bool:
    """Whether two lines with that much ink, and that much of it in common, may be two states of one line."""
    return _LIKE * share >= min(one, other) > 0 or one == other == 0


def _rows(words: list[str]) -> list[int]:
    """For each word, in which line it is."""
    row = 0
    rows = []
    for word in words:
        rows.append(row)
        row += word == "\n"
    return rows


def _slid(old: str, hunks: list[Hunk]) -> list[Hunk]:
    """Put insertions and deletions where everybody puts them.

    "a b b" may have become "a b b b" in three places. Two sides that made the same change must be seen to have made it
    at the same one (F14): at the last place where the text begins a line and ends one, or else between words.
    """
    slid: list[Hunk] = []
    for number, hunk in enumerate(hunks):
        if hunk.start < hunk.end and hunk.text:
            slid.append(hunk)
            continue
        low = slid[-1].end + 1 if slid else 0
        high = hunks[number + 1].start - 1 if number + 1 < len(hunks) else len(old)
        start, end = hunk.start, hunk.end
        # What is before the place on the longer side, then the text that came or went, then what is after it. It can
        # move by one to the right if its first character is also the one after it.
        text = hunk.text or old[start:end]
        size = len(text)
        up = 0
        while start - up > low and old[start - up - 1] == (
            text[-1 - up] if up < size else old[start - up - 1 + size]
        ):
            up += 1
        down = 0
        while end + down < high and old[end + down] == (
            text[down] if down < size else old[end + down - size]
        ):
            down += 1
        if not up and not down:
            slid.append(hunk)
            continue
        around = old[start - up : start] + text + old[end : end + down]
        best, best_rank = hunk, -1
        for place in range(up + down + 1):
            moved = around[place : place + size]
            at = start - up + place
            before = old[at - 1] if at else "\n"
            after = old[at + (end - start)] if at + (end - start) < len(old) else "\n"
            rank = (
                2
                if before == moved[-1] == "\n"
                else int(_are_apart(before, moved[0]) and _are_apart(moved[-1], after))
            )
            if rank >= best_rank:
                best, best_rank = Hunk(at, at + end - start, moved if hunk.text else ""), rank
        slid.append(best)
    return slid


def _strong(old: list[str], new: list[str]) -> list[tuple[int, int, int]]:
    """Runs of equal lines (start in old, start in new, length), without those amid changes that prove nothing."""
    first, last = (0, 0), (len(old), len(new))
    return [
        block
        for block in matching(old, new)
        if block[:2] == first
        or (block[0] + block[2], block[1] + block[2]) == last
        or _block_proves(old, block)
    ]


def _block_proves(old: list[str], block: tuple[int, int, int]) -> bool:
    """Whether a run of equal lines has too much in it to be equal by chance (`_WEAK_INK`)."""
    return block[2] > _WEAK_INK or sum(map(_ink, old[block[0] : block[0] + block[2]])) > _WEAK_INK


def _gaps(
    old: list[str], new: list[str], blocks: list[tuple[int, int, int]]
) -> Iterator[tuple[int, str, str]]:
    """What two rows of pieces of text have between runs of equal ones: (offset in the old text, old text, new text)."""
    old_at = new_at = offset = 0
    for old_start, new_start, size in [*blocks, (len(old), len(new), 0)]:
        old_text, new_text = "".join(old[old_at:old_start]), "".join(new[new_at:new_start])
        if old_text or new_text:
            yield offset, old_text, new_text
        offset += len(old_text) + sum(map(len, old[old_start : old_start + size]))
        old_at, new_at = old_start + size, new_start + size


def _anchors(
    old: Sequence[str], new: Sequence[str], old_start: int, old_end: int, new_start: int, new_end: int
) -> list[tuple[int, int]]:
    """Items that occur once on each side, as many as come in the same order on both."""
    old_counts, new_counts = Counter(old[old_start:old_end]), Counter(new[new_start:new_end])
    places = {new[at]: at for at in range(new_start, new_end) if new_counts[new[at]] == 1}
    # The longest rising sequence, by patience sorting: each pile keeps its lowest top, each card remembers the pile
    # to its left (Aldous and Diaconis, "Longest increasing subsequences", 1999, section 1.1).
    tops: list[int] = []
    cards: list[tuple[int, int]] = []
    left_of: list[int] = []
    top_cards: list[int] = []
    for old_at in range(old_start, old_end):
        new_at = places.get(old[old_at])
        if new_at is None or old_counts[old[old_at]] != 1:
            continue
        pile = bisect_left(tops, new_at)
        left_of.append(top_cards[pile - 1] if pile else -1)
        if pile == len(tops):
            tops.append(new_at)
            top_cards.append(len(cards))
        else:
            tops[pile] = new_at
            top_cards[pile] = len(cards)
        cards.append((old_at, new_at))
    found: list[tuple[int, int]] = []
    card = top_cards[-1] if top_cards else -1
    while card >= 0:
        found.append(cards[card])
        card = left_of[card]
    return found[::-1]


def _matching_slowly(
    old: Sequence[str], new: Sequence[str], old_start: int, old_end: int, new_start: int, new_end: int
) -> list[tuple[int, int, int]]:
    """As `matching`, by difflib; nothing if that would take too long."""
    one, other = old[old_start:old_end], new[new_start:new_end]
    counts = Counter(other)
    pairs = sum(counts[item] for item in one)
    if not pairs or (pairs + len(one)) * min(pairs, len(one), len(other)) > _MATCH_STEPS_MAX:
        return []
    blocks = SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks()
    return [(old_start + block.a, new_start + block.b, block.size) for block in blocks]


def _joined(blocks: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Make one of blocks that follow each other without a gap."""
    joined: list[tuple[int, int, int]] = []
    for old_start, new_start, size in blocks:
        if joined and (joined[-1][0] + joined[-1][2], joined[-1][1] + joined[-1][2]) == (
            old_start,
            new_start,
        ):
            joined[-1] = (joined[-1][0], joined[-1][1], joined[-1][2] + size)
        else:
            joined.append((old_start, new_start, size))
    return joined


def _middle(old: str, new: str) -> tuple[int, int, int]:
    """Where two texts begin to differ, and where each ends to: (start in both, end in old, end in new)."""
    limit = min(len(old), len(new))
    start = _common(limit, lambda size, done: old[done:size] == new[done:size])
    old_size, new_size = len(old), len(new)
    same = _common(
        limit - start,
        lambda size, done: old[old_size - size : old_size - done] == new[new_size - size : new_size - done],
    )
    return start, old_size - same, new_size - same


def _common(limit: int, is_same: Callable[[int, int], bool]) -> int:
    """The largest size up to `limit` for which texts are the same, by comparing long slices, then ever shorter ones.

    `is_same(size, done)` compares what lies between `done`, up to which they are known to be the same, and `size`.
    """
    done, step = 0, 1 << 16
    while step and done < limit:
        size = min(done + step, limit)
        if is_same(size, done):
            done = size
        else:
            step //= 2
    return done


def _to_line_end(old: str, new: str, old_end: int, new_end: int) -> tuple[int, int]:
    """Move both ends, which are followed by the same text, to the end of a line."""
    if (old_end == 0 or old[old_end - 1] == "\n") and (new_end == 0 or new[new_end - 1] == "\n"):
        return old_end, new_end
    size = (old.find("\n", old_end) + 1 or len(old)) - old_end
    return old_end + size, new_end + size


def _to_words(old: str, new: str, start: int, old_end: int, new_end: int) -> tuple[int, int, int]:
    """Widen a changed stretch so that it begins and ends between words in both texts."""
    if start:
        kind = _kind(old[start - 1])
        while kind and start and _kind(old[start - 1]) is kind:
            start -= 1
    if old_end < len(old):
        kind = _kind(old[old_end])
        while kind and old_end < len(old) and _kind(old[old_end]) is kind:
            old_end += 1
            new_end += 1
    return start, old_end, new_end


def _kind(character: str) -> re.Pattern[str] | None:
    """What a character makes a piece with: other letters, other spaces, nothing."""
    return next((kind for kind in (_WORD, _SPACE) if kind.match(character)), None)


def _trimmed(old: str, hunk: Hunk) -> Splice:
    """The hunk without what it does not change at its beginning and its end."""
    text = old[hunk.start : hunk.end]
    start, old_end, new_end = _middle(text, hunk.text)
    return Splice(hunk.start + start, hunk.start + old_end, hunk.text[start:new_end])


def _ink(text: str) -> int:
    """How many code points are not white space."""
    return len(text) - sum(map(text.count, " \t\n"))
