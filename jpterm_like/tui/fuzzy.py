"""Fuzzy search: find names by a few letters, best match first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

SHOWN_MAX: Final = 200
"""The most results; typing more letters narrows them down."""


def has_all_words(wanted: str, line: str) -> bool:
    """Whether all typed words occur in a line."""
    line = line.casefold()
    return all(word in line for word in wanted.casefold().split())


def best(wanted: str, names: Iterable[str]) -> list[int]:
    """Return the indices of the names that contain the typed letters in order, best match first.

    A match is better in one piece, at the start of the last part of a path, and in a short name. `a b` is the same as `ab`.
    """
    letters = "".join(wanted.casefold().split())
    if not letters:
        return list(range(len(list(names))))[:SHOWN_MAX]
    ranked = []
    for index, name in enumerate(names):
        folded = name.casefold()
        last = folded.rfind("/") + 1
        if (at := folded.find(letters, last)) >= 0:
            ranked.append((0 if at == last else 1, 0, len(folded), index))
        elif letters in folded:
            ranked.append((2, 0, len(folded), index))
        elif (spread := _spread(letters, folded, last) or _spread(letters, folded, 0)) is not None:
            ranked.append((3, spread, len(folded), index))
    ranked.sort()
    return [index for *_, index in ranked[:SHOWN_MAX]]


def _spread(letters: str, name: str, start: int) -> int | None:
    """How many characters of a name, from `start` on, the letters are spread over in order; None if they do not occur.

    Each letter is searched once, behind the one before. A regular expression would try all combinations, which takes too long for
    some names that others may have chosen.
    """
    first = at = name.find(letters[0], start)
    for letter in letters[1:]:
        if at < 0:
            return None
        at = name.find(letter, at + 1)
    return None if at < 0 else at + 1 - first
