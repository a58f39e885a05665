"""Which of many lines are meant by a few typed letters, the best first."""

from __future__ import annotations

from collections.abc import Iterable

# More than people look through; the rest comes when more is typed.
SHOWN_MAX = 200


def has_all_words(wanted: str, line: str) -> bool:
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
    """From where to where letters occur in their order in a name, from a place on; None: they do not.

    Each is looked for behind the one before, and never again: a pattern would try all ways, which for a name of somebody
    else's may be more than there is time for.
    """
    first = at = name.find(letters[0], start)
    for letter in letters[1:]:
        if at < 0:
            return None
        at = name.find(letter, at + 1)
    return None if at < 0 else at + 1 - first
