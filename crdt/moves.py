"""Moved text: where the characters of a deleted stretch are again, so that anchors at them go along.

A text has no operation that moves. Sorting lines, or cutting one and pasting it elsewhere, deletes characters here and
inserts others with the same text there. A replica that tracks moves remembers for the deleted characters which
inserted ones took their place, and `TextBuffer.offset` follows that as long as they are deleted:

    before   zebra⏎mango⏎apple⏎        a caret behind "mango"
    edit     "zebra⏎mango⏎" is deleted, "⏎mango⏎zebra" inserted behind "apple"
    after    apple⏎mango⏎zebra⏎        the caret is behind "mango"

Text is compared by lines, without the blanks around them, so that a line that was indented anew is found as well. A
line of a deleted stretch is matched with an equal line that the same patch inserts; or one with some ink, which is no
match by chance, with a line inserted by a later patch: a cut and a paste.

The second rule is about replaced text: an anchor in it never crosses a line break that it was not behind. Without it, a
blank at the end of a line that gives way to a newline would take the caret to the next line. And a word that gets
capitals is the same word: a caret in its middle stays there.

Nothing of this is in operations or stored. Replicas may disagree: each moves its own carets, and tells the others.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

from crdt.patch import Patch
from crdt.site import Site

BLOCKS_MAX: Final = 64
"""Patches whose moves are remembered. An anchor that is older is at the gap that its text left."""

CUT_MAX: Final = 1_000
"""Lines remembered that were deleted and not inserted yet."""

CUT_INK_MIN: Final = 3
"""Code points that are not white space, for a deleted line to be found in a later patch."""

LINES_MAX: Final = 10_000
"""Lines that a patch deletes and inserts, above which it is not searched for moves: 0.2 s in plain Python."""

KEPT_LINES_MAX: Final = 20
"""Above that, lines of a replaced stretch whose anchors are kept before different line breaks."""

HOPS_MAX: Final = 64
"""How often a text is followed from one move to the next."""

Span = tuple[Site, int, int]
"""Characters of a site: first seq, and the seq after the last."""

Target = tuple[int, int, int, Site, int, bool]
"""Index of the deleted characters' site, first seq, the seq after the last; the site and the seq of the character that
replaces the first; and whether anchors at any of them are now left of that one character."""


class Line:
    """A line of a deleted or inserted stretch, perhaps cut at its ends."""

    __slots__ = ("raw", "spans", "text")

    def __init__(self, raw: str, spans: list[Span]) -> None:
        self.raw: Final = raw
        """With its newline, if that belongs to the stretch."""
        self.text: Final = raw.strip()
        self.spans: Final = spans
        """The characters of `raw`."""


class Moves:
    """The moves of the latest patches."""

    __slots__ = ("_blocks", "_cut")

    def __init__(self) -> None:
        self._blocks: Final[list[list[Target]]] = []
        """For each patch, from the oldest; sorted."""
        self._cut: Final[dict[str, Line]] = {}
        """Lines that were deleted and not inserted again, by their text, from the oldest."""

    @property
    def has_cut(self) -> bool:
        """Whether a later insertion can be a move."""
        return bool(self._cut)

    def find(self, site: Site, seq: int) -> tuple[Site, int, bool] | None:
        """Return the character that replaces a deleted one, and whether anchors are left of it; None if none does."""
        index = site.index
        for block in reversed(self._blocks):
            at = bisect_right(block, (index, seq), key=_place) - 1
            if at >= 0:
                known, low, high, to, first, left_of = block[at]
                if known == index and low <= seq < high:
                    return to, first if left_of else first + seq - low, left_of
        return None

    def note(self, patch: Patch, removed: Sequence[list[Span]], added: Sequence[list[Span]]) -> None:
        """Find the moves of a patch.

        `removed` and `added` are the characters that each splice deleted and inserted, from the first splice to the
        last. O(length of the changes).
        """
        in_place: list[Target] = []
        breaks: list[tuple[str, list[Span], str, list[Span]]] = []
        gone: list[tuple[str, list[Span]]] = []
        come: list[tuple[str, list[Span]]] = []
        for splice, old, new in zip(patch.splices[::-1], removed, added):
            if old:
                text = "".join([site.slice(low, high) for site, low, high in old])
                if len(text) == len(splice.text) and text.casefold() == splice.text.casefold():
                    _pair(in_place, old, new)
                elif "\n" in splice.text:
                    breaks.append((text, old, splice.text, new))
                gone.append((text, old))
            if len(splice.text) > 1:
                come.append((splice.text, new))
        is_large = sum([text.count("\n") for text, _ in gone + come]) > LINES_MAX
        for each in breaks:
            _keep_before_breaks(in_place, *each, KEPT_LINES_MAX if is_large else LINES_MAX)
        self._remember(in_place)
        if not is_large:
            self._remember(self._match(_all_lines(gone), _all_lines(come)))

    def _match(self, gone: list[Line], come: list[Line]) -> list[Target]:
        """Pair lines that are gone with equal ones that have come, in their order."""
        targets: list[Target] = []
        waiting: dict[str, list[Line]] = {}
        for line in reversed(gone):
            waiting.setdefault(line.text, []).append(line)
        for line in come:
            same = waiting.get(line.text)
            former = same.pop() if same else self._cut.pop(line.text, None)
            if former is not None:
                _pair_lines(targets, former, line)
        for text, lines in waiting.items():
            if lines and len(text) >= CUT_INK_MIN:
                self._cut.pop(text, None)
                self._cut[text] = lines[-1]
        for text in list(self._cut)[: max(0, len(self._cut) - CUT_MAX)]:
            del self._cut[text]
        return targets

    def _remember(self, targets: list[Target]) -> None:
        if targets:
            targets.sort(key=_place)
            self._blocks.append(targets)
            del self._blocks[:-BLOCKS_MAX]


def _place(target: Target) -> tuple[int, int]:
    return target[0], target[1]


def _all_lines(stretches: list[tuple[str, list[Span]]]) -> list[Line]:
    return [line for text, spans in stretches for line in _lines(text, spans)]


def _lines(text: str, spans: list[Span]) -> list[Line]:
    """Return the lines of a stretch that have any ink."""
    found: list[Line] = []
    rest = spans[::-1]
    for raw in text.split("\n"):
        raw_line = raw + "\n"
        own = _take(rest, len(raw_line))  # the last one has no newline, and takes what there is
        if raw.strip():
            found.append(Line(raw_line if _length(own) == len(raw_line) else raw, own))
    return found


def _take(rest: list[Span], count: int) -> list[Span]:
    """Take up to `count` characters from spans that are in reverse order."""
    taken: list[Span] = []
    while count and rest:
        site, low, high = rest.pop()
        if high - low > count:
            rest.append((site, low + count, high))
            high = low + count
        count -= high - low
        taken.append((site, low, high))
    return taken


def _length(spans: list[Span]) -> int:
    return sum([high - low for _, low, high in spans])


def _slice(spans: list[Span], start: int, end: int) -> list[Span]:
    rest = spans[::-1]
    _take(rest, start)
    return _take(rest, end - start)


def _pair_lines(targets: list[Target], old: Line, new: Line) -> None:
    """Let the characters of the new line replace those of the old one, with as many of the blanks around as both have."""
    if old.raw.rstrip("\n") == new.raw.rstrip("\n"):
        _pair(targets, old.spans, new.spans)
        return
    size = len(old.text)
    was, now = old.raw.index(old.text), new.raw.index(new.text)
    blanks = min(was, now)
    _pair(targets, _slice(old.spans, 0, blanks), new.spans)
    _pair(targets, _slice(old.spans, was, was + size), _slice(new.spans, now, now + size))
    to, first, _ = _slice(new.spans, now, now + 1)[0]
    targets += [
        (site.index, low, high, to, first, True) for site, low, high in _slice(old.spans, blanks, was)
    ]
    if old.raw.endswith("\n") and new.raw.endswith("\n"):
        to, _, after = new.spans[-1]
        tail = _slice(old.spans, was + size, len(old.raw) - 1)
        targets += [(site.index, low, high, to, after - 1, True) for site, low, high in tail]
        _pair(
            targets,
            old.spans[-1:] and _slice(old.spans, len(old.raw) - 1, len(old.raw)),
            [(to, after - 1, after)],
        )


def _pair(targets: list[Target], old: list[Span], new: list[Span]) -> None:
    """Let each new character replace an old one, as far as both go."""
    rest = new[::-1]
    for site, low, high in old:
        for to, first, after in _take(rest, high - low):
            targets.append((site.index, low, low + after - first, to, first, False))
            low += after - first


def _keep_before_breaks(
    targets: list[Target], text: str, old: list[Span], new_text: str, new: list[Span], lines_max: int
) -> None:
    """Keep anchors in replaced text before the first line break of the new text that they were not behind; those behind `lines_max`
    lines before the break of the next.

    A patch leaves them behind all of the new text, or before it.
    """
    rest, coming = old[::-1], new[::-1]
    taken = at = 0
    for number, line in enumerate(text.split("\n", lines_max)):
        at = new_text.find("\n", at)
        if at < 0:
            return
        own = rest[::-1] if number == lines_max else _take(rest, len(line) + 1)
        _take(coming, at - taken)
        to, first, _ = coming[-1]
        targets += [(site.index, low, high, to, first, True) for site, low, high in own]
        taken = at
        at += 1
