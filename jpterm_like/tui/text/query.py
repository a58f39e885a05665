"""What is searched for: a text or pattern with options, and a limit for the time that a pattern may take.

Knows lines as plain strings, and nothing of documents; `text.search` searches one. Also used by the process that searches files.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from itertools import islice
from time import perf_counter, process_time
from typing import Any, Final, NamedTuple

PATTERN_S: Final = 0.1
"""A pattern that backtracks is given up when it has taken so much more of the processor than good ones do, in all lines
together: many lines that each take a little less than a limit are as slow as one that takes for ever."""
LINE_S: Final = 20e-6
"""Normal time of a pattern: for a line, and for each of its code points."""
CODE_POINT_S: Final = 2e-6

LONG: Final = 20_000
"""A longer line is searched in stretches of this length, and around the place in question."""

BLOCK_MAX: Final = 64
"""The most matches between two readings of the processor's clock."""

REACH: Final = 1_000
"""How far beyond a stretch of a long line a match is looked for that begins in it. A longer one is found as well."""


class BadPattern(ValueError):
    """The text is no valid pattern; the message says why, in a few words."""


class Query(NamedTuple):
    """A search: its text and options."""

    text: str = ""
    case: bool = False
    """Match case."""
    words: bool = False
    """Match whole words only."""
    regex: bool = False

    def compile(self) -> Any:
        """Compile with `regex`, which can be stopped, or for plain text with `re`, which is loaded already.

        Raises:
            BadPattern: the text is no regular expression.
        """
        source = self.text if self.regex else re.escape(self.text)
        if self.words:
            source = rf"(?<!\w)(?:{source})(?!\w)"
        if not self.regex:
            return re.compile(source, 0 if self.case else re.IGNORECASE)
        return compile_regex(source, not self.case)


def compile_regex(source: str, ignore_case: bool) -> Any:
    """Compile a regular expression with `regex`, whose searches can be stopped.

    Raises:
        BadPattern: it is none.
    """
    import regex

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they would be written over the screen
        try:
            return regex.compile(source, regex.IGNORECASE if ignore_case else 0)
        except (regex.error, OverflowError, RecursionError) as error:
            raise BadPattern(str(error).partition(" at position")[0]) from None


class BoundedPattern:
    """A compiled query that is given up when it takes too long in all lines together.

    Args:
        query: what to search for.
        limit_s: how much more of the processor than a good pattern it may take.

    Raises:
        BadPattern: the query is no regular expression.
    """

    def __init__(self, query: Query, limit_s: float | None = None) -> None:
        self.compiled = query.compile()
        # A regular expression might match across a line end, plain text cannot.
        self.is_regex = query.regex
        self._limit_s = PATTERN_S if limit_s is None else limit_s
        self._lost_s = 0.0
        """Time beyond that of a normal pattern, in all lines together."""
        self.gave_up = False
        """Whether it took too long somewhere; from then on nothing is looked for."""

    def in_line(self, text: str, start: int = 0, end: int | None = None) -> Iterator[re.Match[str]]:
        """Iterate over the matches in a line, between two columns; fewer if the pattern was given up."""
        end = len(text) if end is None else end
        if not self.is_regex:
            yield from self.compiled.finditer(text, start, end)
        elif not self.gave_up:
            fair_s = LINE_S + CODE_POINT_S * max(0, end - start)
            spent_s = 0.0
            try:
                limit_s = self._limit_s + fair_s - self._lost_s
                found = self.compiled.finditer(text, start, end, timeout=limit_s)
                size = 1  # a few are often enough, and reading the clock may take longer than a match
                while True:
                    began = process_time()
                    block = list(islice(found, size))
                    spent_s += process_time() - began
                    yield from block
                    if len(block) < size:
                        break
                    size = min(2 * size, BLOCK_MAX)
            except TimeoutError:
                self.gave_up = True
            finally:
                self._lost_s += max(0.0, spent_s - fair_s)
                self.gave_up = self.gave_up or self._lost_s > self._limit_s

    def spans(self, text: str) -> list[tuple[int, int]]:
        """List start and end of each match in some whole lines; fewer if the pattern was given up. The time is taken for all lines
        together."""
        if not self.is_regex:
            return [match.span() for match in self.compiled.finditer(text)]
        found: list[tuple[int, int]] = []
        if self.gave_up:
            return found
        lines = text.split("\n")
        fair_s = LINE_S * len(lines) + CODE_POINT_S * len(text)
        limit_s = self._limit_s + fair_s - self._lost_s
        base = 0
        began, look_at = process_time(), perf_counter() + limit_s
        try:
            for line in lines:
                matches = self.compiled.finditer(line, timeout=limit_s)
                found += [(base + match.start(), base + match.end()) for match in matches]
                base += len(line) + 1
                if perf_counter() > look_at:
                    if process_time() - began > limit_s:
                        break
                    look_at = perf_counter() + limit_s
        except TimeoutError:
            self.gave_up = True
        self._lost_s += max(0.0, process_time() - began - fair_s)
        self.gave_up = self.gave_up or self._lost_s > self._limit_s
        return found

    def in_stretch(self, text: str, start: int, end: int) -> Iterator[re.Match[str]]:
        """Iterate over the matches that begin between two columns of a long line, without reading far beyond."""
        limit = min(len(text), end + REACH)
        behind = start
        for match in self.in_line(text, start, limit):
            if match.start() >= end:
                return
            if match.start() < behind:
                continue  # within the one before, which goes on behind the limit
            if match.end() == limit < len(text):  # cut, or it takes the limit for the end of the line
                whole = next(iter(self.in_line(text, match.start())), None)
                if whole is None or whole.start() != match.start():
                    continue
                match = whole
            behind = match.end()
            yield match

    def in_pieces(self, text: str) -> Iterator[re.Match[str] | None]:
        """Iterate over all matches in a line; a None is where a pause may be made, after each stretch of a long one."""
        if len(text) <= LONG:
            yield from self.in_line(text)
            return
        start = 0
        while start <= len(text):
            end = start + LONG if start + LONG < len(text) else len(text) + 1
            for match in self.in_stretch(text, start, end):
                yield match
                start = match.end()
            start = max(start, end)
            yield None


def expand(match: re.Match[str], template: str, regex: bool) -> str:
    """Return the replacement of a match: as it is, or for a pattern with its groups (`\\1`, `\\g<name>`)."""
    return match.expand(template) if regex else template


def check_template(pattern: Any, template: str) -> None:
    """See whether a replacement for a pattern names only groups that there are.

    Raises:
        BadPattern: it does not.
    """
    names = {index: name for name, index in pattern.groupindex.items()}
    groups = [f"(?P<{names[index]}>)" if index in names else "()" for index in range(1, pattern.groups + 1)]
    try:
        re.sub("".join(groups), template, "")  # the same groups, and a text in which all of them are
    except (re.error, IndexError) as error:
        raise BadPattern(str(error).partition(" at position")[0]) from None
