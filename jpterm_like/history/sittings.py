"""The sittings in which a text was written: stretches of time without a long pause.

They follow from the times of the operations alone, so every replica that has the same operations finds the same ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from crdt import Moment, TextBuffer, Version
from jpterm_like.history.authors import authors_of

PAUSE_S: Final = 1800
"""Wall-clock seconds without an operation that end a sitting."""


class Sitting(NamedTuple):
    """A stretch of time in which somebody wrote."""

    start: int
    end: int
    """Wall-clock seconds of the first and of the last operation, accurate to ten seconds."""
    version: Version
    """What there was at its end."""
    authors: tuple[str, ...]
    """Who wrote, those with most operations first."""


def sittings(buffer: TextBuffer, pause_s: int = PAUSE_S) -> list[Sitting]:
    """Return the sittings of a text, the oldest first. O(operations' time marks, plus sittings times sites).

    What has no time, such as the text that was in the file from the start, is in the first one.
    """
    moments = [it for it in buffer.moments() if it.seconds]
    if not moments:
        return [Sitting(0, 0, buffer.version, ())] if len(buffer) else []
    found: list[Sitting] = []
    for begin, after in grouped(moments, pause_s):
        authors = authors_of(buffer, ((it.site, it.end - it.clock) for it in moments[begin:after]))
        end = moments[after - 1].seconds
        version = buffer.version if after == len(moments) else buffer.version_at(end)
        found.append(Sitting(moments[begin].seconds, end, version, authors))
    return found


def grouped(moments: Sequence[Moment], pause_s: int) -> Iterator[tuple[int, int]]:
    """Yield the ranges of moments without a pause between them, the end not included."""
    begin = 0
    for after in range(1, len(moments) + 1):
        if after == len(moments) or moments[after].seconds - moments[after - 1].seconds >= pause_s:
            yield begin, after
            begin = after
