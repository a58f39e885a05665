"""The differences of two texts: which lines changed, and in them which words.

Not here: merges of two people's changes (`jpterm_like.textdiff.merge`), offsets of carets.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Set
from typing import Final, NamedTuple

from crdt.patch import Splice
from jpterm_like.textdiff.matching import matching, merge_blocks

_WORDS_IN_MAX: Final = 1 << 20
"""Changed stretches longer than this (code points, both sides) are replaced line by line, without comparing words."""
WEAK_INK: Final = 16
"""Equal lines with at most this much ink (code points that are not white space) between changed ones prove nothing: a
blank line, a bracket. The words around them show better which line became which."""
_LIKE: Final = 3
"""Two lines may be states of one line if they share one part in this many of their ink."""
_SINGLE: Final = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Ideographs and kana: written without spaces, so each counts as a word."""

_WORDS: Final = re.compile(rf"[^\W{_SINGLE}]+|[^\S\n]+|.|\n", re.DOTALL)

_WORD: Final = re.compile(rf"[^\W{_SINGLE}]")

_SPACE: Final = re.compile(r"[^\S\n]")

LINES: Final = re.compile(r"[^\n]*\n|[^\n]+")


class Hunk(NamedTuple):
    """The code points from `start` to `end` (not included) of the old text were replaced by `text`."""

    start: int
    end: int
    text: str


def diff(old: str, new: str) -> list[Splice]:
    """The splices that turn `old` into `new`, from the last to the first, in offsets of `old`."""
    return [Splice(*trim_hunk(old, hunk)) for hunk in reversed(hunks_between(old, new))]


def line_hunks(old: str, new: str) -> list[tuple[int, int, int, int]]:
    """The lines that differ, in order: (row in old, rows, row in new, rows). Lines end at "\\n", and the last one has none.

    >>> line_hunks("a\\nb\\nc", "a\\nB\\nc\\nd")
    [(1, 1, 1, 1), (3, 0, 3, 1)]
    """
    if old == new:
        return []
    start, old_end, new_end = changed_lines(old, new)
    old_lines, new_lines = old[start:old_end].split("\n"), new[start:new_end].split("\n")
    row = old.count("\n", 0, start)
    found = []
    old_at = new_at = 0
    for old_start, new_start, size in [*matching(old_lines, new_lines), (len(old_lines), len(new_lines), 0)]:
        if old_at < old_start or new_at < new_start:
            found.append((row + old_at, old_start - old_at, row + new_at, new_start - new_at))
        old_at, new_at = old_start + size, new_start + size
    return found


def changed_lines(old: str, new: str) -> tuple[int, int, int]:
    """The whole lines outside of which two texts are equal: (start in both, end in old, end in new), the last newline left out."""
    start, old_end, new_end = _middle(old, new)
    stop = old.find("\n", old_end)
    rest = (len(old) if stop < 0 else stop) - old_end
    return old.rfind("\n", 0, start) + 1, old_end + rest, new_end + rest


def hunks_between(old: str, new: str) -> list[Hunk]:
    """The changes from the old text to the new one, in order, in whole words and lines."""
    if old == new:
        return []
    start, old_end, new_end = _middle(old, new)
    # Extend to whole lines, so that whole lines are compared.
    start = old.rfind("\n", 0, start) + 1
    old_end, new_end = _to_line_end(old, new, old_end, new_end)
    old_lines, new_lines = LINES.findall(old, start, old_end), LINES.findall(new, start, new_end)
    changes = list(gaps(old_lines, new_lines, _strong(old_lines, new_lines)))
    changed = {
        line for _, *texts in changes for text in texts for line in text.split("\n") if ink(line) > WEAK_INK
    }
    both = changed and changed.intersection(_bare(old_lines)).intersection(_bare(new_lines))
    hunks: list[Hunk] = []
    for at, old_text, new_text in changes:
        hunks += _word_hunks(start + at, old_text, new_text, both)
    return slide_hunks(old, hunks)


def effort(old: str, new: str) -> tuple[int, int]:
    """The distance of two texts: how many letters and digits are inserted or deleted; then, how many code points.

    A line of which at most `WEAK_INK` is left counts as replaced: `- [ ] buy eggs` was not made from `- [ ] buy
    milk`. A line that keeps all its letters and digits was formatted, and those count as kept.
    """
    old, new = f"{old}\n", f"{new}\n"  # so that the last line is one like the others
    changed = [(old[start:end], text) for start, end, text in _with_weak_lines(old, hunks_between(old, new))]
    letters = [
        ("".join(filter(str.isalnum, was)), "".join(filter(str.isalnum, is_now))) for was, is_now in changed
    ]
    return (
        sum(len(was) + len(is_now) for was, is_now in letters if was != is_now),
        sum(len(was) + len(is_now) for was, is_now in changed),
    )


def _with_weak_lines(old: str, hunks: list[Hunk]) -> Iterator[Hunk]:
    """The hunks, with one for the whole of each line of which they leave at most `WEAK_INK`. The last line has a line end."""
    at = 0
    while at < len(hunks):
        start, end = _lines_of(old, hunks[at])
        parts = [hunks[at]]
        while (at := at + 1) < len(hunks) and hunks[at].start < end:
            end = _lines_of(old, hunks[at])[1]
            parts.append(hunks[at])
        if ink(old[start:end]) - sum(ink(old[it.start : it.end]) for it in parts) > WEAK_INK:
            yield from parts
        else:
            yield Hunk(start, end, apply_hunks(old, start, end, parts))


def _lines_of(old: str, hunk: Hunk) -> tuple[int, int]:
    """Start and end of the lines that a hunk changes; empty if it inserts lines between two others."""
    start = old.rfind("\n", 0, hunk.start) + 1
    if {old[start : hunk.end][-1:], (old[start : hunk.start] + hunk.text)[-1:]} <= {"", "\n"}:
        return start, hunk.end
    return start, old.index("\n", hunk.end) + 1


def apply_hunks(old: str, start: int, end: int, hunks: Iterable[Hunk]) -> str:
    """Apply hunks to a stretch of the old text; all must lie within it, in order."""
    parts: list[str] = []
    for hunk in hunks:
        parts += (old[start : hunk.start], hunk.text)
        start = hunk.end
    return "".join([*parts, old[start:end]])


def _word_hunks(at: int, old: str, new: str, both: Set[str]) -> list[Hunk]:
    """The words that changed in a stretch of changed lines, which begins at offset `at` of the whole text.

    `both` are lines, without their ends, that both whole texts have: none of them became another line.
    """
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
    blocks = _in_like_lines(old_words, new_words, both)
    lines = LINES.findall(old), LINES.findall(new)
    same = matching(*lines)
    if same and _splits_equal_lines(blocks, _rows(old_words), _rows(new_words), same):
        return [
            hunk
            for place, old_text, new_text in gaps(*lines, same)
            for hunk in _word_hunks(at + place, old_text, new_text, both)
        ]
    return [
        Hunk(at + start + place, at + start + place + len(old_text), new_text)
        for place, old_text, new_text in gaps(old_words, new_words, blocks)
    ]


def _splits_equal_lines(
    blocks: list[tuple[int, int, int]],
    old_rows: list[int],
    new_rows: list[int],
    same: list[tuple[int, int, int]],
) -> bool:
    """Whether matched words belong to lines that are equal to other lines: the bracket of "}" is not that of " }"."""
    partners = {old_row + step: new_row + step for old_row, new_row, size in same for step in range(size)}
    origins = {new_row: old_row for old_row, new_row in partners.items()}
    return any(
        partners.get(old_rows[old_at + step], new_rows[new_at + step]) != new_rows[new_at + step]
        or origins.get(new_rows[new_at + step], old_rows[old_at + step]) != old_rows[old_at + step]
        for old_at, new_at, size in blocks
        for step in range(size)
    )


def _in_like_lines(old: list[str], new: list[str], both: Set[str]) -> list[tuple[int, int, int]]:
    """Runs of equal words (start in old, start in new, length), in lines that share a good part of their ink.

    Any two lines share a blank or a little word, which does not make them states of one line.
    """
    old_rows, new_rows = _rows(old), _rows(new)
    old_inks, new_inks, shares = Counter[int](), Counter[int](), Counter[tuple[int, int]]()
    for words, rows, inks in ((old, old_rows, old_inks), (new, new_rows, new_inks)):
        for word, row in zip(words, rows, strict=True):
            inks[row] += ink(word)
    pairs = [
        (old_at + step, new_at + step) for old_at, new_at, size in matching(old, new) for step in range(size)
    ]
    for old_at, new_at in pairs:
        shares[old_rows[old_at], new_rows[new_at]] += ink(old[old_at])
    old_stays, new_stays = _rows_of(old, both), _rows_of(new, both)
    kept = [
        (old_at, new_at)
        for old_at, new_at in pairs
        if _are_like(
            shares[pair := (old_rows[old_at], new_rows[new_at])], old_inks[pair[0]], new_inks[pair[1]]
        )
        and old_stays.get(pair[0]) == new_stays.get(pair[1])
    ]
    kept = _with_words_around(kept, old, new, old_rows, new_rows)
    blocks: list[tuple[int, int, int]] = []
    for (old_at, new_at), following in zip(kept, [*kept[1:], (len(old), len(new))], strict=False):
        # The end of a line is matched with its last word, and not with the end of a later line.
        ends = old[old_at + 1 : following[0]][:1] == new[new_at + 1 : following[1]][:1] == ["\n"]
        blocks.append((old_at, new_at, 1 + ends))
    return merge_blocks(blocks)


def _with_words_around(
    pairs: list[tuple[int, int]], old: list[str], new: list[str], old_rows: list[int], new_rows: list[int]
) -> list[tuple[int, int]]:
    """Add the equal words beside each pair, in its lines: those at the start of a line may have been paired with an earlier line."""
    found: list[tuple[int, int]] = []
    low = (-1, -1)
    for pair, stop in zip(pairs, [*pairs[1:], (len(old), len(new))], strict=False):
        rows = old_rows[pair[0]], new_rows[pair[1]]
        around = [pair]
        for step, end in ((-1, low), (1, stop)):
            old_at, new_at = pair[0] + step, pair[1] + step
            while old_at != end[0] and new_at != end[1] and old[old_at] == new[new_at]:
                if (old_rows[old_at], new_rows[new_at]) != rows:
                    break
                around.append((old_at, new_at))
                old_at, new_at = old_at + step, new_at + step
        found += sorted(around)
        low = found[-1]
    return found


def _are_like(share: int, one: int, other: int) -> bool:
    """Whether two lines with this much ink, of which they share this much, may be states of one line."""
    return _LIKE * share >= min(one, other) > 0 or one == other == 0


def _rows(words: list[str]) -> list[int]:
    """The number of the line of each word."""
    row = 0
    rows = []
    for word in words:
        rows.append(row)
        row += word == "\n"
    return rows


def _rows_of(words: list[str], lines: Set[str]) -> dict[int, str]:
    """The rows that are one of these lines."""
    rows = enumerate("".join(words).split("\n")) if lines else ()
    return {row: line for row, line in rows if line in lines}


def _bare(lines: list[str]) -> set[str]:
    return {line.removesuffix("\n") for line in lines}


def slide_hunks(old: str, hunks: list[Hunk]) -> list[Hunk]:
    """Slide insertions and deletions to a canonical place.

    "a b b" may have become "a b b b" in three places. If two sides made the same change, it must get the same place on both
    (F14): the last one where the text begins a line and ends one, or else the last one between words.
    """
    placed: list[Hunk] = []
    for number, hunk in enumerate(hunks):
        if hunk.start < hunk.end and hunk.text:
            placed.append(hunk)
            continue
        low = placed[-1].end + 1 if placed else 0
        high = hunks[number + 1].start - 1 if number + 1 < len(hunks) else len(old)
        start, end = hunk.start, hunk.end
        # The inserted or deleted text can slide by one to the right if its first character equals the one after it,
        # and to the left likewise.
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
            placed.append(hunk)
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
                else int(are_apart(before, moved[0]) and are_apart(moved[-1], after))
            )
            if rank >= best_rank:
                best, best_rank = Hunk(at, at + end - start, moved if hunk.text else ""), rank
        placed.append(best)
    return placed


def _strong(old: list[str], new: list[str]) -> list[tuple[int, int, int]]:
    """Runs of equal lines (start in old, start in new, length), except weak ones between changes."""
    first, last = (0, 0), (len(old), len(new))
    return [
        block
        for block in matching(old, new)
        if block[:2] == first
        or (block[0] + block[2], block[1] + block[2]) == last
        or block_proves(old, block)
    ]


def block_proves(old: list[str], block: tuple[int, int, int]) -> bool:
    """Whether a run of equal lines is too long to be equal by chance (`WEAK_INK`)."""
    return block[2] > WEAK_INK or sum(map(ink, old[block[0] : block[0] + block[2]])) > WEAK_INK


def gaps(
    old: list[str], new: list[str], blocks: list[tuple[int, int, int]]
) -> Iterator[tuple[int, str, str]]:
    """The stretches between runs of equal pieces of two texts: (offset in the old text, old text, new text)."""
    old_at = new_at = offset = 0
    for old_start, new_start, size in [*blocks, (len(old), len(new), 0)]:
        old_text, new_text = "".join(old[old_at:old_start]), "".join(new[new_at:new_start])
        if old_text or new_text:
            yield offset, old_text, new_text
        offset += len(old_text) + sum(map(len, old[old_start : old_start + size]))
        old_at, new_at = old_start + size, new_start + size


def are_apart(one: str, other: str) -> bool:
    """Whether two adjacent characters do not belong to one word."""
    return not (_WORD.match(one) and _WORD.match(other))


def _middle(old: str, new: str) -> tuple[int, int, int]:
    """The middle in which two texts differ: (start in both, end in old, end in new)."""
    limit = min(len(old), len(new))
    start = _common(limit, lambda size, done: old[done:size] == new[done:size])
    old_size, new_size = len(old), len(new)
    same = _common(
        limit - start,
        lambda size, done: old[old_size - size : old_size - done] == new[new_size - size : new_size - done],
    )
    return start, old_size - same, new_size - same


def _common(limit: int, is_same: Callable[[int, int], bool]) -> int:
    """The largest size up to `limit` for which the texts are equal, by comparing long slices, then ever shorter ones.

    `is_same(size, done)` compares from `done`, up to which they are known to be equal, to `size`.
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
    """Move both ends, which are followed by equal text, to the end of a line."""
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
    """The kind of characters that a character forms a piece with: letters, spaces, or None."""
    return next((kind for kind in (_WORD, _SPACE) if kind.match(character)), None)


def trim_hunk(old: str, hunk: Hunk) -> Hunk:
    """The hunk without unchanged text at its beginning and its end."""
    text = old[hunk.start : hunk.end]
    start, old_end, new_end = _middle(text, hunk.text)
    return Hunk(hunk.start + start, hunk.start + old_end, hunk.text[start:new_end])


def ink(text: str) -> int:
    """How many code points are not white space."""
    return len(text) - sum(map(text.count, " \t\n"))
