"""The smallest edits that turn one text into another, so that the carets of others stay where they are.

Replacing a whole selection by its sorted or capitalised text would take every caret in it to one place. Here is no general
comparison of texts, which `jpterm_like.textdiff` has: the caller knows how the two texts belong together.

Splices are in code points from `start`, from the last to the first, in offsets of the old text, as in a `Patch`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Final, TypeVar

from crdt.patch import Splice

Result = TypeVar("Result")


def trim(start: int, old: str, new: str) -> Splice:
    """Replace what differs: without the beginning and the end that both texts have."""
    head = _common(old, new)
    tail = _common(old[head:][::-1], new[head:][::-1])
    return Splice(start + head, start + len(old) - tail, new[head : len(new) - tail])


def _common(one: str, other: str) -> int:
    """How many code points two texts have in common at their start; by halving, for comparing slices is fast."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def replace_pieces(start: int, pieces: Iterable[tuple[str, str]]) -> list[Splice]:
    """Replace consecutive pieces of a text, given as (old, new); one splice for each run of pieces that change."""
    splices: list[Splice] = []
    for old, new in pieces:
        end = start + len(old)
        if old != new:
            if splices and splices[-1].end == start:
                before = splices.pop()
                splices.append(Splice(before.start, end, before.text + new))
            else:
                splices.append(Splice(start, end, new))
        start = end
    splices.reverse()
    return splices


PIECE: Final = 1_000
"""Code points of a line between two pauses: half a millisecond."""


def replace_differing(old: str, new: str) -> Iterator[Splice | None]:
    """Replace each run of characters that differs in a text of the same length, from the last to the first; None: here may be a pause."""
    end = len(old)
    for stop in range(max(0, end - PIECE), -PIECE, -PIECE):
        stop = max(0, stop)
        while end > stop:
            start = end
            while start > stop and old[start - 1] != new[start - 1]:
                start -= 1
            if start < end:
                yield Splice(start, end, new[start:end])
            end = start
            while end > stop and old[end - 1] == new[end - 1]:
                end -= 1
        if stop:
            yield None


STEP: Final = 2_000
"""Lines of a step: a millisecond at most."""

Steps = Generator[None, None, Result]
"""A computation in steps, some milliseconds each at most."""


def at_once(steps: Steps[Result]) -> Result:
    """Do all steps of a computation."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: Result = end.value
            return found


def replace_lines(start: int, old: Sequence[str], new: Sequence[str], ends: bool) -> list[Splice]:
    """Turn the lines `old`, which begin at `start`, into `new`; lines that stay in order are not touched.

    Each line that is in both is the same line, and of those as many as possible stay: a longest increasing subsequence.
    The others are deleted here and inserted there, as whole lines; where as many lines come as go, and all are new, each is
    changed. `ends` is whether a newline follows the last line;
    without one, a newline goes or comes with the line behind it.
    """
    return at_once(replace_lines_in_steps(start, old, new, ends))


def replace_lines_in_steps(
    start: int, old: Sequence[str], new: Sequence[str], ends: bool
) -> Steps[list[Splice]]:
    splices: list[Splice] = []
    offsets = [start]
    for row, line in enumerate(old):
        offsets.append(offsets[-1] + len(line) + 1)
        if row % STEP == 0:
            yield
    if not ends and not new:
        return [Splice(start, offsets[-1] - 1, "")] if old else []
    old_at = new_at = 0
    before, after = set(old), set(new)
    yield
    stays = yield from staying(old, new)
    for old_stays, new_stays in [*stays, (len(old), len(new))]:
        was, now = old[old_at:old_stays], new[new_at:new_stays]
        if not was and not now:
            pass
        elif len(was) == len(now) and before.isdisjoint(now) and after.isdisjoint(was):
            # Each line became another one.
            splices += [
                trim(at, *pair)
                for at, pair in zip(offsets[old_at:old_stays], zip(was, now, strict=True), strict=True)
            ]
        else:
            text = "".join([f"{line}\n" for line in now])
            low, high = offsets[old_at], offsets[old_stays]
            if not ends and old_stays == len(old):
                # The last newline is the one before these lines, if there is a line.
                high -= 1
                text = text.removesuffix("\n")
                if old_at and now:
                    text = f"\n{text}"
                low -= bool(old_at)
            splices.append(Splice(low, high, text))
        old_at, new_at = old_stays + 1, new_stays + 1
        yield
    splices.reverse()
    return splices


def staying(old: Sequence[str], new: Sequence[str]) -> Steps[list[tuple[int, int]]]:
    """Return the lines that stay in order, as (index in old, index in new). O(n log n)."""
    rows: dict[str, int | list[int]] = {}
    """The row of a line in `old`; of equal lines, all of them from the last to the first."""
    for row in range(len(old) - 1, -1, -1):
        line = old[row]
        known = rows.get(line)
        if known is None:
            rows[line] = row
        elif isinstance(known, int):
            rows[line] = [known, row]
        else:
            known.append(row)
        if row % STEP == 0:
            yield
    pairs: list[tuple[int, int]] = []
    for at, line in enumerate(new):
        known = rows.get(line)
        if isinstance(known, int):
            pairs.append((known, at))
            del rows[line]
        elif known:
            pairs.append((known.pop(), at))
        if at % STEP == 0:
            yield
    found = yield from _longest_increasing([row for row, _ in pairs])
    return [pairs[at] for at in found]


def _longest_increasing(numbers: Sequence[int]) -> Steps[list[int]]:
    """Return the indexes of a longest increasing subsequence of different numbers (patience sorting)."""
    tops: list[int] = []
    """The smallest number that ends a subsequence of each length."""
    at_top: list[int] = []
    before: list[int] = []
    for at, number in enumerate(numbers):
        pile = bisect_left(tops, number)
        before.append(at_top[pile - 1] if pile else -1)
        if pile == len(tops):
            tops.append(number)
            at_top.append(at)
        else:
            tops[pile], at_top[pile] = number, at
        if at % STEP == 0:
            yield
    return list(_backwards(before, at_top[-1] if at_top else -1))[::-1]


def _backwards(before: Sequence[int], at: int) -> Iterator[int]:
    while at >= 0:
        yield at
        at = before[at]
