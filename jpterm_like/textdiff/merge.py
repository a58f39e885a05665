"""Merge the changes that two people made to one text.

`merge` is a three-way merge of whole words. A change of one side alone is made; the same change of both is made once (F14);
where their changes differ, the words of both stay, theirs first, and the place is listed for
review. It is used where no common history says who typed what: for a plain file that other programs write (F5), and for a document of
another lineage (F1).

Text that both sides have and the base lacks is added to the base first (`_known`), so it is in the merged text once, whatever
blank lines and brackets are around it. Lines are compared word by word only with lines that share much with them.

The merge keeps text rather than tidying up. A deletion never removes words that the other side typed meanwhile (F15);
their line stays as the other side has it, and is listed. Sentences of both sides are never woven into one.

Not here: histories, offsets of carets, handling of conflicts.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from crdt.patch import Patch, Splice
from jpterm_like.textdiff.diff import (
    LINES,
    WEAK_INK,
    Hunk,
    apply_hunks,
    are_apart,
    block_proves,
    diff,
    gaps,
    hunks_between,
    ink,
    slide_hunks,
    trim_hunk,
)
from jpterm_like.textdiff.matching import matching


@dataclass(frozen=True)
class Merge:
    """The edits that bring one side's changes into the other side's text."""

    splices: list[Splice]
    """For `theirs`, from the last to the first."""

    conflicts: list[tuple[int, int]]
    """Stretches (start, end) of the merged text, in order, that a person should review; empty where text was deleted, or
    inserted into deleted text."""

    def apply(self, theirs: str) -> str:
        """The merged text."""
        return Patch(tuple(self.splices)).apply(theirs)


def merge(base: str, mine: str, theirs: str) -> Merge:
    """Merge the changes from `base` to `mine` into `theirs`."""
    if mine in (base, theirs):
        return Merge([], [])
    if theirs == base:
        return Merge(diff(theirs, mine), [])
    stay: set[str] = set()
    while True:
        known, left_out = _known(base, mine, theirs, stay)
        walk = _Merging(theirs, *known)
        walk.run()
        merged = Merge([Splice(*hunk) for hunk in slide_hunks(theirs, walk.hunks)[::-1]], walk.conflicts)
        # A line of mine that was left out because theirs has it elsewhere may be deleted there: mine moved it, too, and
        # with weak lines around it two comparisons may disagree on which line was moved.
        lost = left_out and left_out.difference(merged.apply(theirs).split("\n"))
        if not lost:
            return merged
        stay |= lost


# Text that both sides have and the base lacks


class _Side:
    """One side's lines, without their ends, and the lines of the base that they match."""

    def __init__(self, base: list[str], text: str) -> None:
        self.lines = text.split("\n")
        self.partners = [-1] * len(self.lines)
        """For each line the number of its match in the base; -1: it is new, or was moved."""
        for base_at, at, size in matching(base, self.lines):
            self.partners[at : at + size] = range(base_at, base_at + size)
        self.news: dict[str, list[int]] = {}
        """The new lines, with their numbers."""
        self.afters: list[int] = []
        """For each line, how many lines of the base certainly come before it."""
        self.befores: list[int] = []
        """For each line, the first line of the base that certainly comes after it."""
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
    """Lines that both sides have and the base lacks."""

    place: int
    """Number of the base line before which they belong."""
    mine: int
    theirs: int
    size: int


def _known(
    base: str, mine: str, theirs: str, stay: set[str]
) -> tuple[tuple[str, list[Hunk], list[Hunk]], set[str]]:
    """The base with the text that both sides share, and the hunks from it to mine and to theirs.

    Also the lines that were left out of mine because theirs has them elsewhere; never one of `stay`.

    Texts of one history that were exchanged in another way share more than the known base (F1, F17). The shared lines
    are searched for between the two, once: a search from the base on each side would find them in two places where blank
    lines or brackets are around them.
    """
    base_lines = base.split("\n")
    my_side, their_side = _Side(base_lines, mine), _Side(base_lines, theirs)
    again = {line for line in my_side.news.keys() & their_side.news.keys() if ink(line)}
    counts = Counter(base_lines), Counter(my_side.lines), Counter(their_side.lines)
    moved = {line for line in again if all(count[line] == 1 for count in counts)} if again else again
    if not moved and not any(map(_proves, again)):
        return (base, hunks_between(base, mine), hunks_between(base, theirs)), set()
    runs = _shared(my_side, their_side)
    elsewhere = _elsewhere(base_lines, my_side, their_side, runs, moved)
    elsewhere = {at for at in elsewhere if my_side.lines[at] not in stay}
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
            hunks += [
                Hunk(offset + start, offset + end, new) for start, end, new in hunks_between(texts[0], text)
            ]
        parts += (texts[0], "\n".join(my_side.lines[run.mine : run.mine + run.size]))
        offset += len(parts[-2]) + len(parts[-1])
        base_at, my_at, their_at = run.place, run.mine + run.size, run.theirs + run.size
    return ("".join(parts), my_hunks, their_hunks), {my_side.lines[at] for at in elsewhere}


def _shared(my_side: _Side, their_side: _Side) -> list[_Run]:
    """The runs of new lines that both sides have in the same order, except weak ones."""
    runs: list[_Run] = []
    place = 0
    for my_start, their_start, size in matching(my_side.lines, their_side.lines):
        begin = 0
        for end in range(size + 1):
            mine, theirs = my_start + begin, their_start + begin
            if end < size and my_side.partners[my_start + end] < 0 > their_side.partners[their_start + end]:
                continue
            if sum(map(ink, my_side.lines[mine : my_start + end])) > WEAK_INK:
                after = max(my_side.afters[mine], their_side.afters[theirs])
                before = min(my_side.befores[mine], their_side.befores[theirs])
                place = max(place, after if after <= before else my_side.afters[mine])
                runs.append(_Run(place, mine, theirs, end - begin))
            begin = end + 1
    return runs


def _elsewhere(
    base: list[str], my_side: _Side, their_side: _Side, runs: list[_Run], moved: set[str]
) -> set[int]:
    """The new lines of mine that theirs has as well, in another place.

    It is the same line if no line that all three texts have lies between the two places, because two people may write equal lines in two
    functions; or if it is `moved`: once in each of the three.
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
    """The text of the lines between two runs, with the line ends before and after them."""
    if not lines:
        return "" if is_first or is_last else "\n"
    return "\n" * (not is_first) + "\n".join(lines) + "\n" * (not is_last)


def _proves(line: str) -> bool:
    """Whether a line is too long to be written twice by chance."""
    return ink(line) > WEAK_INK


# Three ways


class _Region(NamedTuple):
    """A stretch of the base that one or both sides changed, and its text on each side."""

    start: int
    end: int
    mine: str | None
    """None: unchanged."""
    theirs: str | None

    @property
    def differs(self) -> bool:
        """Whether both changed it, and neither change includes the other."""
        return not (
            self.mine is None
            or self.theirs is None
            or _has_at_border(self.theirs, self.mine)
            or _has_at_border(self.mine, self.theirs)
        )

    @property
    def has_lines(self) -> bool:
        """Whether a side has several lines there."""
        return "\n" in f"{self.mine}{self.theirs}"


def _regions(base: str, mine: list[Hunk], theirs: list[Hunk]) -> list[_Region]:
    """The regions that the two sides changed, in order."""
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
            my_text = apply_hunks(base, start, end, mine[first_mine:i])
            regions.append(
                _Region(start, end, my_text, apply_hunks(base, start, end, theirs[first_theirs:j]))
            )
    return regions


def _join_close_regions(base: str, regions: list[_Region]) -> list[_Region]:
    """Join regions that differ and lie close together in one line.

    Two people who rewrote a sentence share some little words, and a merge word by word would weave the two
    sentences into one. So each sentence stays in one piece.
    """
    joined: list[_Region] = []
    at = 0
    while at < len(regions):
        region, end = regions[at], at + 1
        if region.differs:
            between, last = 0, end
            while last < len(regions) and between <= WEAK_INK:
                gap = base[regions[last - 1].end : regions[last].start]
                if base.startswith("\n", regions[last].start - 1) or "\n" in gap:
                    break
                between += ink(gap)
                last += 1
                if regions[last - 1].differs and between <= WEAK_INK:
                    end, between = last, 0
        joined.append(_joined(base, region.start, regions[end - 1].end, regions[at:end]))
        at = end
    return joined


def _widen_to_lines(base: str, regions: list[_Region]) -> list[_Region]:
    """Widen regions that differ, and end within a line, to whole lines if a side has several lines there: else the text of one side
    would be cut where that of the other one goes on."""
    widened: list[_Region] = []
    at = 0
    while at < len(regions):
        region, last = regions[at], at + 1
        ends_in_line = "\n" not in base[region.end - 1 : region.end + 1] and region.end < len(base)
        if region.differs and region.start < region.end and ends_in_line and region.has_lines:
            start = base.rfind("\n", 0, region.start) + 1
            end = base.find("\n", region.end) + 1 or len(base)
            while last < len(regions) and regions[last].start < end:
                last += 1
            first = len(widened)
            while first and widened[first - 1].end > start:
                first -= 1
            parts = [*widened[first:], *regions[at:last]]
            del widened[first:]
            region = _joined(base, min(start, parts[0].start), max(end, parts[-1].end), parts)
        widened.append(region)
        at = last
    return widened


def _joined(base: str, start: int, end: int, parts: list[_Region]) -> _Region:
    """One region for all of these, from `start` to `end`."""
    if len(parts) == 1 and (start, end) == (parts[0].start, parts[0].end):
        return parts[0]
    mine = [Hunk(part.start, part.end, part.mine) for part in parts if part.mine is not None]
    theirs = [Hunk(part.start, part.end, part.theirs) for part in parts if part.theirs is not None]
    return _Region(start, end, apply_hunks(base, start, end, mine), apply_hunks(base, start, end, theirs))


class _Merging:
    """Goes through `base` region by region, and collects the hunks of `theirs` that merge them."""

    def __init__(self, theirs: str, base: str, my_hunks: list[Hunk], their_hunks: list[Hunk]) -> None:
        self.base = base
        self.theirs = theirs
        my_tail, their_tail = _tail(base, my_hunks), _tail(base, their_hunks)
        self.tail = min(my_tail, their_tail)
        my_hunks, their_hunks = _in_tail(base, my_hunks, their_tail), _in_tail(base, their_hunks, my_tail)
        my_hunks, their_hunks = _split_borders(my_hunks, their_hunks), _split_borders(their_hunks, my_hunks)
        self.my_hunks, self.their_hunks = my_hunks, their_hunks
        my_hunks, their_hunks = (
            _split_at_new_lines(base, my_hunks, their_hunks),
            _split_at_new_lines(base, their_hunks, my_hunks),
        )
        regions = _regions(
            base,
            _split_at_changed_lines(base, my_hunks, their_hunks),
            _split_at_changed_lines(base, their_hunks, my_hunks),
        )
        self.regions = _widen_to_lines(base, _join_close_regions(base, regions))
        self.hunks: list[Hunk] = []
        self.conflicts: list[tuple[int, int]] = []
        # Offsets reached in the base, in theirs, in the merged text.
        self.base_at = self.theirs_at = self.merged_at = 0
        self.last = ""
        """The last character of the merged text so far."""
        self.after_splice = False
        """Whether text was inserted or deleted right after it."""

    def run(self) -> None:
        for region in self.regions:
            self._keep(region.start - self.base_at)
            self.base_at = region.start
            start = self.merged_at
            is_conflict = self._bring_together(region)
            self.base_at = region.end
            if is_conflict:
                self.conflicts.append((start, self.merged_at))
        self._keep(len(self.theirs) - self.theirs_at)

    def _bring_together(self, region: _Region) -> bool:
        """Merge one region. Returns whether a person should review it."""
        start, end, mine, theirs = region
        if theirs is None:
            assert mine is not None
            self._put(end - start, mine)
            return bool(mine) and _is_inside(region, self.their_hunks)
        if mine is None:
            self._keep(len(theirs))
            return bool(theirs) and _is_inside(region, self.my_hunks)
        if mine == theirs:
            self._keep(len(theirs))
            return False
        if not mine or not theirs:
            # One side deleted text that the other changed: the text stays.
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
        # Two insertions at one place are no conflict: neither changed text that the other saw.
        return end > start

    def _unite(self, region: _Region, theirs: str, mine: str) -> None:
        """Keep the text of both: their lines first, then mine, and common lines once.

        Two people who bring the same unsaved lines back into a text that has lost them, each with lines of their own next to
        them, must not double those (F1).
        """
        done = 0
        rows = LINES.findall(theirs), LINES.findall(mine)
        same = matching(*rows)
        if sum(size for _, _, size in same) < min(map(len, rows)):
            # Two blocks that share a bracket have one each, unless one block is completely in the other.
            same = [block for block in same if block_proves(rows[0], block)]
        for at, their_lines, my_lines in gaps(*rows, same):
            self._keep(at - done + len(their_lines))
            if my_lines:
                self._put(0, self._between(region, their_lines, my_lines) + my_lines)
            done = at + len(their_lines)
        self._keep(len(theirs) - done)

    def _between(self, region: _Region, theirs: str, mine: str) -> str:
        """The separator between their lines and mine, which follow: a line end, or nothing."""
        start, end = region.start, region.end
        if not theirs or theirs.endswith("\n") or mine.startswith("\n"):
            return ""
        starts_line = start == 0 or self.base[start - 1] == "\n"
        ends_line = end == len(self.base) or self.base[end] == "\n"
        return "\n" if (starts_line and ends_line) or region.has_lines else ""

    def _keep(self, size: int) -> None:
        """Keep the next `size` code points of theirs."""
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
        """Replace the next `size` code points of theirs by `text`."""
        if text:
            self._part(text[0])
            self.last = text[-1]
        if size or text:
            hunk = trim_hunk(self.theirs, Hunk(self.theirs_at, self.theirs_at + size, text))
            self.hunks += [hunk] if hunk.start < hunk.end or hunk.text else []
            self.after_splice = True
        self.theirs_at += size
        self.merged_at += len(text)

    def _part(self, following: str) -> None:
        """Insert a space between two words that only the merge makes adjacent, and a line end between two lines.

        Hunks begin and end between words on their own side, so two words that become adjacent here were not one word there. Lines become adjacent
        where one side deleted the last ones, together with the line end before them, and the other wrote a line there.
        """
        parted = ""
        if self.last and self.tail < self.base_at and self.base[self.base_at - 1] == "\n":
            parted = "\n" * ("\n" not in (self.last, following))
        if parted or not are_apart(self.last, following):
            self.hunks.append(Hunk(self.theirs_at, self.theirs_at, parted or " "))
            self.merged_at += 1


def _tail(base: str, hunks: list[Hunk]) -> int:
    """The start of a deletion of the last lines, with the line end before them; the length of the base if there is none."""
    last = hunks[-1] if hunks else Hunk(0, 0, "")
    is_tail = not last.text and last.end == len(base) and base.startswith("\n", last.start)
    return last.start if is_tail else len(base)


def _in_tail(base: str, hunks: list[Hunk], other_tail: int) -> list[Hunk]:
    """Turn an insertion at the end of one of the last lines into a change of that line, if the other side deleted it.

    Lines of the tail end before their line end, so it would otherwise count as an insertion next to the line.
    """
    return [
        Hunk(start - 1, end, base[start - 1] + text)
        if other_tail < start == end and "\n" not in (base[start - 1], text[0])
        else Hunk(start, end, text)
        for start, end, text in hunks
    ]


def _is_before(one: Hunk, other: Hunk) -> bool:
    """Whether they do not overlap and `one` comes first. Two insertions at one place count as overlapping."""
    return one.end <= other.start and (one.start, one.end) != (other.start, other.end)


def _is_inside(region: _Region, hunks: list[Hunk]) -> bool:
    """Whether a region lies inside text that one of these hunks replaced."""
    at = bisect_left(hunks, region.start, key=lambda hunk: hunk.start) - 1
    return at >= 0 and region.end < hunks[at].end


def _split_borders(hunks: list[Hunk], others: list[Hunk]) -> list[Hunk]:
    """Split off the other side's insertion at a hunk's border, if the hunk inserts the same text there.

    One side may have added a word to a line and a line below it in one hunk, and the other side the word alone.
    """
    inserted = {other.start: other.text for other in others if other.start == other.end}
    pieces: list[Hunk] = []
    for start, end, text in hunks:
        before, after = inserted.get(start, ""), inserted.get(end, "")
        if start < end and before and text.startswith(before) and _is_border(text, len(before)):
            pieces.append(Hunk(start, start, before))
            text = text[len(before) :]
        if start < end and after and text.endswith(after) and _is_border(text, len(text) - len(after)):
            pieces += (Hunk(start, end, text[: -len(after)]), Hunk(end, end, after))
        else:
            pieces.append(Hunk(start, end, text))
    return pieces


def _split_at_new_lines(base: str, hunks: list[Hunk], others: list[Hunk]) -> list[Hunk]:
    """Cut hunks between two lines where the other side inserted new ones: it changed neither, so neither may come back."""
    places = [
        other.start
        for other in others
        if other.start == other.end and other.text[-1:] == "\n" == base[other.start - 1 : other.start]
    ]
    pieces: list[Hunk] = []
    for hunk in hunks:
        start, end, text = hunk
        first, last = bisect_right(places, start), bisect_left(places, end)
        if text and first < last:
            # One of the two pieces deletes whole lines; the inserted text is in the other one.
            if base[end - 1] == "\n" == text[-1]:
                pieces.append(Hunk(start, places[first], text))
                start, text = places[first], ""
            elif start == 0 or base[start - 1] == "\n":
                pieces.append(Hunk(start, places[last - 1], ""))
                start = places[last - 1]
        pieces.append(Hunk(start, end, text))
    return pieces


def _split_at_changed_lines(base: str, hunks: list[Hunk], others: list[Hunk]) -> list[Hunk]:
    """Cut hunks of several lines so that each line that the other side changed is a piece of its own.

    The other lines are deleted, since the other side left them as they were. What a hunk put in their place goes to the first line that
    both changed.
    """
    pieces: list[Hunk] = []
    for hunk in hunks:
        at, text = hunk.start, hunk.text
        first = bisect_left(others, at, key=lambda other: other.end)
        if text and not _is_whole_lines(base, hunk):
            first = len(others)
        # The last lines of a text without a final line end are deleted with the line end before them.
        lead = int(base[at : at + 1] == "\n" and hunk.end == len(base) and base[-1] != "\n")
        for other in others[first:]:
            if other.start >= hunk.end:
                break
            line_start = max(base.rfind("\n", at, max(at, other.start)) + 1 - lead, at)
            if line_start == other.end:
                line_end = line_start  # new lines between two deleted lines change neither
            else:
                line_end = base.find("\n", max(other.start, other.end - 1 + lead), hunk.end) + 1 - lead
                line_end = line_end if line_end > 0 else hunk.end
            if line_start > at and not (text and line_start == line_end):
                pieces.append(Hunk(at, line_start, ""))
                at = line_start
            if line_end > at and line_end > line_start:
                pieces.append(Hunk(at, line_end, text))
                at, text = line_end, ""
        if at < hunk.end or at == hunk.start:
            pieces.append(Hunk(at, hunk.end, text))
    return pieces


def _is_whole_lines(base: str, hunk: Hunk) -> bool:
    """Whether a hunk replaces lines by lines, with their ends."""
    start, end, text = hunk
    return (start == 0 or base[start - 1] == "\n") and base[end - 1 : end] == "\n" == text[-1:]


def _has_at_border(text: str, part: str) -> bool:
    """Whether the text begins or ends with the part, and is cut there between two words."""
    return (text.startswith(part) and _is_border(text, len(part))) or (
        text.endswith(part) and _is_border(text, len(text) - len(part))
    )


def _is_border(text: str, offset: int) -> bool:
    return not 0 < offset < len(text) or are_apart(text[offset - 1], text[offset])
