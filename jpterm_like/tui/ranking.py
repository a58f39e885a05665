"""Which of many lines are meant by a few typed letters, the best first."""

from __future__ import annotations

import re
from collections.abc import Iterable

# More than people look through; the rest comes when more is typed.
SHOWN_MAX = 200


def matches(wanted: str, line: str) -> bool:
    """Whether all the words that were typed occur in a line."""
    line = line.casefold()
    return all(word in line for word in wanted.casefold().split())


def best(wanted: str, names: Iterable[str]) -> list[int]:
    """The indices of the names in which the typed letters occur in their order, those that fit best first.

    Better is: in one piece, at the beginning of the last part of a path, and short. `a b` is the same as `ab`.
    """
    letters = "".join(wanted.casefold().split())
    if not letters:
        return list(range(len(list(names))))[:SHOWN_MAX]
    loose = re.compile(".*?".join(map(re.escape, letters)))
    ranked = []
    for index, name in enumerate(names):
        folded = name.casefold()
        last = folded.rfind("/") + 1
        if (at := folded.find(letters, last)) >= 0:
            ranked.append((0 if at == last else 1, 0, len(folded), index))
        elif letters in folded:
            ranked.append((2, 0, len(folded), index))
        elif found := loose.search(folded, last) or loose.search(folded):
            ranked.append((3, found.end() - found.start(), len(folded), index))
    ranked.sort()
    return [index for *_, index in ranked[:SHOWN_MAX]]
