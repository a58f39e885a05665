"""The history of a text in steps, to watch it being written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from crdt import TextBuffer, Version
from jpterm_like.history.sittings import PAUSE_S


class Step(NamedTuple):
    """The text after some more operations."""

    seconds: int
    """Wall-clock second, accurate to ten seconds."""
    author: str
    """Who made the last of them."""
    text: str
    after_pause: bool
    """True if nobody had written for a while before."""


def steps(buffer: TextBuffer, since: float, count_max: int) -> Iterator[Step]:
    """Yield the text as it was at a time, then after each of up to `count_max` steps of equally many operations, and at
    last as it is now. O(document) for each."""
    later = [it for it in buffer.moments() if it.seconds > since]
    total = sum(it.end - it.clock for it in later)
    size = max(1, -(-total // count_max))
    start = buffer.version_at(since)
    clocks = dict(start.items())
    yield Step(int(later[0].seconds if later else since), "", buffer.at(start), False)
    done, seconds, paused = 0, None, False
    for moment in later:
        paused = paused or (seconds is not None and moment.seconds - seconds >= PAUSE_S)
        seconds = moment.seconds
        author = buffer.author_of(moment.site)
        clock = moment.clock
        while clock < moment.end:
            count = min(size - done % size, moment.end - clock)
            clock, done = clock + count, done + count
            clocks[moment.site] = max(clock, clocks.get(moment.site, 0))
            if done % size == 0 or done == total:
                text = buffer.text if done == total else buffer.at(Version(clocks))
                yield Step(seconds, author, text, paused)
                paused = False
