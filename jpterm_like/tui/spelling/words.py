"""The words of a line that are checked: not addresses, file names, names of programs, abbreviations in capitals, words with digits.

    See src/main.py or mail ann@x.org: the HTTPServer gets 3rd place, re-read it.
    ^^^             ^^ ^^^^             ^^^ not it      ^^^^ ^^^^^  ^^^^^^^ ^^

It knows nothing of dictionaries and nothing of the document.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from jpterm_like.tui.text.word_index import MARKS, is_dense

LINE_MAX: Final = 10_000
"""Code points of the longest line that is checked: longer ones are not written by hand."""

WORD_MAX: Final = 50
"""Code points of the longest word that is checked."""

_CHUNK: Final = re.compile(r"\S+")
_NAME: Final = re.compile(
    r"://|[@\\_/=]|^www\.|^[~.]\S|\w\.\w|\w:\w|::|->|\(\)|^[#$%<&{]\w|\w[({\[<]\w", re.IGNORECASE
)
"""What no chunk of prose has in it."""
_LETTER: Final = rf"(?:[^\W\d_]|[{MARKS}])"
_WORD: Final = re.compile(rf"{_LETTER}+(?:['’\-]{_LETTER}+)*")
_CAMEL: Final = re.compile(r"[a-z][A-Z]")


class Word(NamedTuple):
    """A word of a line, by its columns."""

    start: int
    end: int
    text: str
    """As dictionaries have it: composed letters, a plain apostrophe."""


def words_of(line: str, start: int, end: int) -> Iterator[Word]:
    """The words to check between two columns of a line."""
    for chunk in _CHUNK.finditer(line, start, end):
        if _NAME.search(chunk[0]):
            continue
        for found in _WORD.finditer(line, chunk.start(), chunk.end()):
            word = found[0]
            around = line[max(start, found.start() - 1) : found.start()] + line[found.end() : found.end() + 1]
            if not _is_name(word) and not any(sign.isdigit() for sign in around):
                yield Word(found.start(), found.end(), normal(word))


def _is_name(word: str) -> bool:
    return (
        not 1 < len(word) <= WORD_MAX
        or word.removesuffix("s").isupper()
        or _CAMEL.search(word) is not None
        or is_dense(word)
    )


@lru_cache(10_000)
def normal(word: str) -> str:
    """A word as dictionaries have it."""
    return unicodedata.normalize("NFC", word).replace("’", "'")


def outside(spans: Iterable[tuple[int, int]], end: int) -> list[tuple[int, int]]:
    """The parts of a line up to `end` that none of some spans covers."""
    parts = []
    place = 0
    for start, stop in sorted(spans):
        if start > place:
            parts.append((place, start))
        place = max(place, stop)
    if place < end:
        parts.append((place, end))
    return parts
