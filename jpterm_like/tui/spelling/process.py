"""The process that looks words up: `python -P -m jpterm_like.tui.spelling.process DICTIONARY`, the path without its suffix.

Loading a dictionary takes seconds, and suggestions as long, so neither may happen in the editor. It reads requests until its input
ends, a line of JSON each: `{"check": [words]}` is answered by those that are wrong, `{"suggest": word}` by better ones. The first
line of its answers says whether the dictionary could be read.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from collections.abc import Iterable
from itertools import islice
from typing import Any, Final

LOOKUP_S: Final = 0.2
"""Processor time for one word, some thousand times as long as most take; after it the word counts as right."""

SUGGEST_S: Final = 1.5
"""Processor time for suggestions; those that were found by then are the answer."""

SUGGESTIONS_MAX: Final = 7
"""So many, and the line to add the word, fit into a screen of 15 rows."""

MEMORY_BYTES_MAX: Final = 2 << 30
"""Dictionaries of languages with many forms take some hundred MB."""


class _TakesTooLong(Exception):
    """The time for a request is over."""


def _stop(signal_number: int, frame: object) -> None:
    raise _TakesTooLong


class Lookup:
    """A dictionary of spylls, asked for a limited time."""

    def __init__(self, dictionary: Any) -> None:
        self._dictionary = dictionary
        self._letters = {sign for word in dictionary.dic.words for sign in word.stem.casefold()} | {"'", "-"}
        """The letters that the language has: words with others are of another one, and not judged."""

    def is_right(self, word: str) -> bool:
        """Whether a word is right, or cannot be judged."""
        if not set(word.casefold()) <= self._letters:
            return True
        try:
            signal.setitimer(signal.ITIMER_VIRTUAL, LOOKUP_S)
            return bool(self._dictionary.lookup(word))
        except _TakesTooLong:
            return True
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)

    def suggestions(self, word: str) -> list[str]:
        """Words that may be meant, the likeliest first."""
        found: list[str] = []
        try:
            signal.setitimer(signal.ITIMER_VIRTUAL, SUGGEST_S)
            for each in islice(self._dictionary.suggest(word), SUGGESTIONS_MAX):
                found.append(each)
        except _TakesTooLong:
            pass
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        return found


def answer(lookup: Lookup, request: dict[str, Any]) -> list[str]:
    """The answer to one request."""
    if "suggest" in request:
        return lookup.suggestions(request["suggest"])
    return [word for word in request["check"] if not lookup.is_right(word)]


def _say(words: Iterable[str]) -> None:
    sys.stdout.write(json.dumps(list(words)) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Serve one editor."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    signal.signal(signal.SIGVTALRM, _stop)
    try:
        from spylls.hunspell import Dictionary

        lookup = Lookup(Dictionary.from_files(sys.argv[1]))
    except Exception as problem:  # noqa: BLE001  # of a library, from a file of somebody else
        _say([f"{type(problem).__name__}: {problem}"])
        return
    _say([])
    for line in sys.stdin:
        _say(answer(lookup, json.loads(line)))


if __name__ == "__main__":
    main()
