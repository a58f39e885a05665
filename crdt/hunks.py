"""Finds the changes between two versions: their places, their texts, who made them and when.

A *hunk* is a place where the text changed: neighbouring characters that are shown in the newer version only, or in
the older version only. It names the operations that changed them, so `revert` can take exactly those back.

    Ann   types "one two"      Bob   replaces "one" by "1"
    changes(Ann's version, both)     one hunk: 0..3 of the old text, 0..1 of the new one
                                     parts: "1" shown by Bob, "one" gone by Bob

The older version need not be part of the newer one: what it has and the newer one lacks is a change as well.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from crdt.anchor import Anchor
from crdt.raises import Raise, Raises, Span, insertions, merged_spans, newest_time
from crdt.runs import RunList
from crdt.site import Site
from crdt.version import Version
from crdt.visibility import Visible, difference

NOBODY: Final = 0


class Part(NamedTuple):
    """Neighbouring characters that one site has shown or deleted."""

    text: str
    shown: bool
    """True if the newer version shows them, False if only the older one does."""
    site: int
    """The site that wrote this text, or the site that deleted or restored it. If several deleted the same character, the
    first of them."""
    seconds: int
    """Wall-clock second of the newest of these operations, accurate to ten seconds."""
    operations: tuple[Span, ...]
    """Everything that changed these characters, by anybody, in order; without it they would be as in the older
    version."""


class Hunk(NamedTuple):
    """A place where the text changed."""

    old_start: int
    old_end: int
    """The range in the older text, in code points; the end is not included."""
    start: int
    end: int
    """The range in the newer text."""
    parts: tuple[Part, ...]
    """In document order. The text of those that are gone is `old_start` to `old_end`, of those shown `start` to
    `end`."""
    first: Anchor
    last: Anchor
    """The left side of the first of these characters, and the right side of the last one."""

    @property
    def text(self) -> str:
        """The text of the newer version at this place."""
        return "".join(part.text for part in self.parts if part.shown)

    @property
    def old_text(self) -> str:
        """The text of the older version at this place."""
        return "".join(part.text for part in self.parts if not part.shown)


def find_changes(
    sites: list[Site],
    runs: RunList,
    old: Version,
    new: Version,
    before: Visible,
    after: Visible,
    differing: set[int] | None,
) -> list[Hunk]:
    """Return what changed from one version to another, in document order. O(document).

    `before` and `after` are their visible characters, `differing` the chunks in which one of them is not the present text;
    None for any.
    """
    changed: Visible = {}
    for site in sites:
        found = difference(before.get(site.index, bytearray()), after.get(site.index, bytearray()))
        if found:
            changed[site.index] = found
    if not changed:
        return []
    return _Finder(sites, old, new, before, after, changed).hunks(runs, differing)


class _Finder:
    __slots__ = ("_after", "_before", "_changed", "_new", "_old", "_parts", "_raises")

    def __init__(
        self,
        sites: list[Site],
        old: Version,
        new: Version,
        before: Visible,
        after: Visible,
        changed: Visible,
    ) -> None:
        self._old: Final = old
        self._new: Final = new
        self._before: Final = before
        self._after: Final = after
        self._changed: Final = changed
        """For each site, 1 for each character whose visibility differs."""
        self._raises: Final = Raises(sites, old, new, changed)
        self._parts: Final[list[_Part]] = []
        """The parts of the hunk at hand."""

    def hunks(self, runs: RunList, differing: set[int] | None) -> list[Hunk]:
        found: list[Hunk] = []
        empty = bytearray()
        offset = old_offset = 0
        start = old_start = 0
        first = last = Anchor(NOBODY, -1, False)
        for chunk in runs.chunks():
            if differing is not None and chunk.number not in differing:
                if chunk.size:
                    if self._parts:
                        found.append(self._hunk(old_start, old_offset, start, offset, first, last))
                    offset += chunk.size
                    old_offset += chunk.size
                continue
            for run in chunk.runs:
                site = run.site
                after = self._after.get(site.index, empty)
                changed = self._changed.get(site.index, empty)
                low, high = run.seq, run.seq + run.length
                while low < high:
                    begin = changed.find(1, low, high)
                    if begin < 0:
                        begin = high
                    kept = after.count(1, low, begin)
                    if kept:
                        if self._parts:
                            found.append(self._hunk(old_start, old_offset, start, offset, first, last))
                        offset += kept
                        old_offset += kept
                    low = begin
                    changed_end = min(high, len(changed))
                    while low < changed_end and changed[low]:
                        shown = low < len(after) and after[low] == 1
                        end = _end_of_stretch(changed, after, low, changed_end, shown)
                        if not self._parts:
                            start, old_start = offset, old_offset
                            first = Anchor(site.id, site.clock_of(low), True)
                        self._add(site, low, end, shown)
                        last = Anchor(site.id, site.clock_of(end - 1), False)
                        if shown:
                            offset += end - low
                        else:
                            old_offset += end - low
                        low = end
        if self._parts:
            found.append(self._hunk(old_start, old_offset, start, offset, first, last))
        return found

    def _hunk(self, old_start: int, old_end: int, start: int, end: int, first: Anchor, last: Anchor) -> Hunk:
        parts = tuple(
            Part("".join(it.texts), it.shown, it.site, it.seconds, merged_spans(it.spans))
            for it in self._parts
        )
        self._parts.clear()
        return Hunk(old_start, old_end, start, end, parts, first, last)

    def _add(self, site: Site, low: int, high: int, shown: bool) -> None:
        """Add changed characters to the hunk at hand."""
        # A character that only one of the versions knows was typed in between.
        known = site.seq_at(min(site.clock, (self._old if shown else self._new).get(site.id)))
        if low < known:
            for begin, end, raises in self._raises.pieces(site, low, min(high, known)):
                who = min(raises, key=_first_of_highest).site
                spans = [it.cut(begin, end) for it in raises]
                self._extend(site.slice(begin, end), shown, who, max(it.seconds for it in raises), spans)
            low = known
        if low < high:
            spans = insertions(site, low, high)
            self._extend(site.slice(low, high), shown, site.id, newest_time(site, spans), spans)

    def _extend(self, text: str, shown: bool, who: int, seconds: int, spans: list[Span]) -> None:
        part = self._parts[-1] if self._parts else None
        if part is None or part.shown != shown or part.site != who:
            part = _Part(shown, who)
            self._parts.append(part)
        part.texts.append(text)
        part.spans.extend(spans)
        part.seconds = max(part.seconds, seconds)


class _Part:
    """A part that may become longer."""

    __slots__ = ("seconds", "shown", "site", "spans", "texts")

    def __init__(self, shown: bool, site: int) -> None:
        self.shown: Final = shown
        self.site: Final = site
        self.seconds = 0
        self.texts: Final[list[str]] = []
        self.spans: Final[list[Span]] = []


def _first_of_highest(it: Raise) -> tuple[int, int, int, int]:
    return -it.level, it.seconds, it.site, it.clock


def _end_of_stretch(changed: bytearray, after: bytearray, low: int, high: int, shown: bool) -> int:
    """Return the end of the changed characters from `low` that are all shown, or all hidden."""
    end = changed.find(0, low, high)
    if end < 0:
        end = high
    other = after.find(0 if shown else 1, low, end)
    if other >= 0:
        return other
    return min(end, len(after)) if shown else end
