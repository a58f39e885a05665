"""Match equal items of two sequences, in order on both sides, as many as can be found in a bounded time.

Items that occur once on each side are anchors, as in Bram Cohen's patience diff. The stretches between two
anchors go to `difflib.SequenceMatcher`, or count as all different if that would take too long. So the time is about
proportional to the length, for any input.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final

_MATCH_STEPS_MAX: Final = 5_000_000
"""difflib looks at each pair of equal items, once for each run of equal items that it finds. This many steps take about half
a second; a stretch that needs more counts as changed altogether."""

_LEVELS_MAX: Final = 32
"""Each level of anchors splits the stretches between those of the level above; real texts need three or four."""


def matching(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int, int]]:
    """Runs of equal items (start in old, start in new, length), ascending on both sides, each as long as possible."""
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
            # Each stretch begins with an anchor and ends before the next one.
            at = (old_start, new_start)
            for anchor in [*anchors, (old_end, new_end)]:
                stack.append((at[0], anchor[0], at[1], anchor[1], level + 1))
                at = anchor
        else:
            blocks += _matching_slowly(old, new, old_start, old_end, new_start, new_end)
    return merge_blocks(sorted(block for block in blocks if block[2]))


def _anchors(
    old: Sequence[str], new: Sequence[str], old_start: int, old_end: int, new_start: int, new_end: int
) -> list[tuple[int, int]]:
    """Items that occur once on each side: the largest set that is in the same order on both."""
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
    """The same by difflib; nothing if that would take too long."""
    one, other = old[old_start:old_end], new[new_start:new_end]
    counts = Counter(other)
    pairs = sum(counts[item] for item in one)
    if not pairs or (pairs + len(one)) * min(pairs, len(one), len(other)) > _MATCH_STEPS_MAX:
        return []
    blocks = SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks()
    return [(old_start + block.a, new_start + block.b, block.size) for block in blocks]


def merge_blocks(blocks: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Join blocks that follow each other without a gap."""
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
