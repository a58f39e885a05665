"""Fuzzy search: find names by a few letters, best match first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

SHOWN_MAX: Final = 200
"""The most results; typing more letters narrows them down."""

SPREAD_LENGTH_MIN: Final = 3
"""The fewest letters that find a command by letters in order; two occur in nearly every title."""


def has_all_words(wanted: str, line: str) -> bool:
    """Whether all typed words occur in a line."""
    line = line.casefold()
    return all(word in line for word in wanted.casefold().split())


def best_commands(wanted: str, entries: Sequence[tuple[str, str]]) -> list[int]:
    """Return the indices of the entries that fit the typed words, best match first, else in their order.

    An entry is a title and other phrases for it, parted by commas. It fits when each word occurs in one of them; a title or phrase
    that begins with all that was typed is better, then words that begin as typed ("case" is found before "lowercase"). When no
    entry has the words, those with the letters in order ("tglwrap") fit.
    """
    wanted = " ".join(wanted.casefold().split())
    if not wanted:
        return list(range(len(entries)))
    ranked = []
    for index, (title, also) in enumerate(entries):
        title = title.casefold()
        phrases = [phrase.strip() for phrase in also.casefold().split(",")]
        if (rank := _rank(wanted, title, phrases)) is not None:
            ranked.append((rank, index))
    if not ranked and len(wanted) >= SPREAD_LENGTH_MIN:
        return best(wanted, [title for title, _ in entries])
    return [index for _, index in sorted(ranked)]


def _rank(wanted: str, title: str, phrases: Sequence[str]) -> int | None:
    """How well an entry fits, 0 is best; None if a word is missing."""
    words = wanted.split()
    if title.startswith(wanted):
        return 0
    if wanted in phrases:
        return 1
    if _begin_words(words, title):
        return 2
    if any(phrase.startswith(wanted) for phrase in phrases):
        return 3
    everything = " ".join([title, *phrases])
    if _begin_words(words, everything):
        return 4
    return 5 if all(word in everything for word in words) else None


def _begin_words(words: Sequence[str], text: str) -> bool:
    """Whether each word begins one of the words of a text."""
    text = f" {text}"
    return all(f" {word}" in text for word in words)


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
