"""Find words in a text: in its lines, or in a passage. Without the disk, so that an answer depends on texts alone.

Words are parts of words, in any case. A character is compared with its case folded, as far as that leaves it one
character, so that places in the folded text are places in the text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from jpterm_like.errors import JptermError

WORDS_MAX: Final = 20
WORD_LENGTH_MAX: Final = 200

Span = tuple[int, int]


class FoundLine(NamedTuple):
    """A line in which all words are."""

    row: int
    """From 0."""
    text: str
    spans: tuple[Span, ...]
    """Where the words are in it; neither overlapping nor touching."""


def folded_words(words: Sequence[str]) -> tuple[str, ...]:
    """Return words as `find_lines` and `find_spans` take them, the longest first.

    Raises:
        JptermError: there are none, or too many, or one is too long.
    """
    found = sorted({fold(word) for word in words if word.strip()}, key=lambda it: (-len(it), it))
    if not found:
        raise JptermError("Say which words to find.")
    if len(found) > WORDS_MAX:
        raise JptermError(f"{len(found)} words are too many; {WORDS_MAX} is the most.")
    if len(found[0]) > WORD_LENGTH_MAX:
        raise JptermError(f"A word of {len(found[0])} characters is too long; {WORD_LENGTH_MAX} is the most.")
    return tuple(found)


def fold(text: str) -> str:
    """Return a text of the same length in which capitals are small letters."""
    folded = text.casefold()
    if len(folded) == len(text):
        return folded
    return "".join(it if len(it := character.casefold()) == 1 else character for character in text)


def find_lines(text: str, words: Sequence[str]) -> Iterator[FoundLine]:
    """Yield the lines of a text in which all folded words are."""
    folded = fold(text)
    first = words[0]
    if any(word not in folded for word in words):
        return
    row, counted = 0, 0
    at = folded.find(first)
    while at >= 0:
        start = folded.rfind("\n", 0, at) + 1
        end = folded.find("\n", at)
        end = len(folded) if end < 0 else end
        if spans := find_spans(folded[start:end], words):
            row += folded.count("\n", counted, start)
            counted = start
            yield FoundLine(row, text[start:end], spans)
        at = folded.find(first, end)


def find_spans(folded: str, words: Sequence[str]) -> tuple[Span, ...]:
    """Return where words are in a folded text; nothing if one of them is not."""
    spans: list[Span] = []
    for word in words:
        at = folded.find(word)
        if at < 0:
            return ()
        while at >= 0:
            spans.append((at, at + len(word)))
            at = folded.find(word, at + len(word))
    spans.sort()
    merged = [spans[0]]
    for start, end in spans[1:]:
        if start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return tuple(merged)


def excerpt(text: str, spans: Sequence[Span], length: int) -> tuple[str, tuple[Span, ...]]:
    """Return so many characters of a text around the first span, with the spans in them."""
    start = 0 if len(text) <= length else max(0, min(spans[0][0] - length // 4, len(text) - length))
    part = text[start : start + length]
    moved = ((max(0, low - start), min(high - start, len(part))) for low, high in spans)
    return part, tuple((low, high) for low, high in moved if low < high)
