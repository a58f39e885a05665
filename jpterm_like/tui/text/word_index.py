"""The words of a text by the places where they stand, for completion.

    foo_bar = größe + 日本語テキスト      foo_bar, größe, 日本語, テキスト

A text is kept in chunks of some thousand code points, each with the words that begin in it by their first letter. An edit only
changes the lengths of chunks and marks them; `read_on` reads the marked ones again, one at a time. So a key costs a walk over the
chunks, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate
from sys import intern
from typing import Final

from crdt import Patch, TextBuffer

CHUNK: Final = 8_192
"""Code points of a new chunk; one that has grown to twice as many is divided."""

INDEXED_MAX: Final = 2_000_000
"""Code points of the longest text whose words are kept, in 15 MB at most; of longer ones only the words near the caret are known."""

NEAR: Final = 2 * CHUNK
"""Code points on each side of the caret that are read when words are wanted: no chunk at the caret reaches farther."""

WORD_MAX: Final = 80
"""Code points of the longest word that is kept: longer ones are keys and encoded data."""

WORD_MIN: Final = 4
"""Code points of the shortest word that is kept; `DENSE_MIN` in scripts in which a sign is a syllable or a word."""

DENSE_MIN: Final = 2

# Marks that Python does not count as letters: accents, Hebrew and Arabic points, the scripts of India, Thai and Lao, joiners.
MARKS: Final = (
    r"\u0300-\u036f\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0900-\u0963\u0966-\u0dff\u0e00-\u0eff\u200c\u200d"
)
_HAN: Final = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff\u3005"
_HIRAGANA: Final = "\u3041-\u3096"
_KATAKANA: Final = "\u30a1-\u30fa\u30fc"
_DENSE: Final = f"{_HAN}{_HIRAGANA}{_KATAKANA}"
# A change of script ends a word where no blanks are written.
WORD: Final = re.compile(
    f"[{_HAN}]+|[{_HIRAGANA}]+|[{_KATAKANA}]+|(?:(?![{_DENSE}])[^\\W\\d])(?:(?![{_DENSE}])[\\w{MARKS}])*"
)
"""A word: it begins with a letter or underscore."""

_IN_WORD: Final = re.compile(f"[\\w{MARKS}]")
_IS_DENSE: Final = re.compile(f"[{_DENSE}]")


def is_in_word(sign: str) -> bool:
    """Whether a character is part of words."""
    return _IN_WORD.match(sign) is not None


def is_dense(word: str) -> bool:
    """Whether a word is in a script in which few signs say much."""
    return _IS_DENSE.match(word) is not None


def is_kept(word: str) -> bool:
    """Whether a word is worth completing."""
    return (DENSE_MIN if is_dense(word) else WORD_MIN) <= len(word) <= WORD_MAX


def word_before(text: str) -> str:
    """Return the word that ends at the end of a text; "" if none does."""
    text = text[-WORD_MAX - 1 :]
    start = len(text)
    while start and is_in_word(text[start - 1]):
        start -= 1
    *_, last = ["", *WORD.findall(text, start)]
    return last if last and text.endswith(last) else ""


def words_near(buffer: TextBuffer, offset: int, reach: int = NEAR) -> list[str]:
    """The words up to `reach` code points from an offset, nearest first, without the one at the offset, and whole words only."""
    low, high = max(0, offset - reach), min(len(buffer), offset + reach)
    found = []
    for match in WORD.finditer(buffer.slice(low, high)):
        start, end = low + match.start(), low + match.end()
        is_cut = low == start > 0 or high == end < len(buffer)
        if not start <= offset <= end and not is_cut and is_kept(match[0]):
            found.append((offset - end if end < offset else start - offset, match[0]))
    found.sort(key=lambda item: item[0])
    return list(dict.fromkeys(word for _, word in found))


class _Chunk:
    __slots__ = ("length", "words")

    def __init__(self, length: int) -> None:
        self.length = length
        self.words: dict[str, tuple[str, ...]] | None = None
        """By their first letter in lower case; None: to be read."""


class WordIndex:
    """The words of a buffer. Call `follow` after each change of the buffer."""

    def __init__(self, buffer: TextBuffer, chunk: int = CHUNK, indexed_max: int = INDEXED_MAX) -> None:
        self._buffer = buffer
        self._chunk = chunk
        self._indexed_max = indexed_max
        self._chunks: list[_Chunk] = []
        self._unread = 0
        self._restart()

    def _restart(self) -> None:
        size = len(self._buffer)
        self._chunks = self._divided(size) if size <= self._indexed_max else []
        self._unread = len(self._chunks)

    def _divided(self, length: int) -> list[_Chunk]:
        whole, rest = divmod(length, self._chunk)
        return [_Chunk(self._chunk) for _ in range(whole)] + ([_Chunk(rest)] if rest else [])

    @property
    def is_given_up(self) -> bool:
        """Whether the text is too long to be kept."""
        return not self._chunks and len(self._buffer) > 0

    def follow(self, patch: Patch) -> None:
        """Update after a change of the buffer."""
        if len(self._buffer) > self._indexed_max or not self._chunks:
            self._restart()
            return
        for start, end, text in patch.splices:
            self._splice(start, end, len(text))
        if not self._chunks:
            self._restart()

    def _splice(self, start: int, end: int, added: int) -> None:
        chunks = self._chunks
        # A word that the edit changes may begin in a chunk before.
        first, low = self._find(max(0, start - WORD_MAX - 1))
        # Whether the first word of the chunk behind it goes on a word before is told by the character in front.
        last, last_low = self._find(end)
        stop = last_low + chunks[last].length
        length = stop - low - (end - start) + added
        if last == first and 0 < length <= 2 * self._chunk:
            chunk = chunks[first]
            self._unread += chunk.words is not None
            chunk.length, chunk.words = length, None
            return
        self._unread -= sum(chunk.words is None for chunk in chunks[first : last + 1])
        new = self._divided(length)
        self._unread += len(new)
        chunks[first : last + 1] = new

    def _find(self, offset: int) -> tuple[int, int]:
        """The chunk of an offset, and where it begins; the last one for the end of the text."""
        low = 0
        for number, chunk in enumerate(self._chunks):
            if offset < low + chunk.length:
                return number, low
            low += chunk.length
        last = len(self._chunks) - 1
        return last, low - self._chunks[last].length

    def read_on(self) -> bool:
        """Read one chunk, and return whether more have to be read."""
        if not self._unread:
            return False
        low = 0
        for chunk in self._chunks:
            if chunk.words is None:
                chunk.words = self._read(low, chunk.length)
                self._unread -= 1
                break
            low += chunk.length
        return self._unread > 0

    def _read(self, low: int, length: int) -> dict[str, tuple[str, ...]]:
        size = len(self._buffer)
        # With a character before, to see whether a word goes on, and with the rest of the last word.
        lead = min(low, 1)
        text = self._buffer.slice(low - lead, min(size, low + length + WORD_MAX + 1))
        found: dict[str, dict[str, None]] = {}
        for match in WORD.finditer(text):
            if match.start() >= lead + length:
                break
            if match.start() >= lead and is_kept(match[0]):
                word = intern(match[0])  # the same words are in many chunks
                found.setdefault(word[0].casefold(), {})[word] = None
        return {letter: tuple(words) for letter, words in found.items()}

    def words(self, letter: str, offset: int, skip: int = 0) -> Iterator[str]:
        """The words with a first letter (in lower case), those of the chunks nearest to an offset first; the same may come again.

        Chunks that end within `skip` code points of the offset are left out: `words_near` knows better what is in them now.
        """
        if not self._chunks:
            return
        starts = [0, *accumulate(chunk.length for chunk in self._chunks)]
        here, _ = self._find(min(offset, len(self._buffer)))
        for distance in range(len(self._chunks)):
            for number in {here - distance, here + distance}:
                if not 0 <= number < len(self._chunks):
                    continue
                if skip and offset - skip <= starts[number] and starts[number + 1] <= offset + skip:
                    continue
                if words := self._chunks[number].words:
                    yield from words.get(letter, ())

    def check(self) -> None:
        """Assert the invariants."""
        assert not self._chunks or sum(chunk.length for chunk in self._chunks) == len(self._buffer)
        assert all(0 < chunk.length <= 2 * self._chunk for chunk in self._chunks)
        assert self._unread == sum(chunk.words is None for chunk in self._chunks)
