"""`:normal`: keys that are done at each line of a range, in their own queue between keys that replay and keys that were typed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from jpterm_like.tui.commands.vi.key_notation import Key, read_keys
from jpterm_like.tui.commands.vi.text import Place, Text
from jpterm_like.tui.text.cursors import TrackedOffset

END: Final[Key] = ("end of a line run", "")
"""Stands in the queue behind the keys for one line."""


class LineRuns:
    """The runs under way: one, or several if the keys of one begin another. All that they change is one undo step."""

    def __init__(self, text: Text) -> None:
        self._text = text
        self._runs: list[tuple[list[Key], Iterator[TrackedOffset]]] = []

    def __bool__(self) -> bool:
        return bool(self._runs)

    def begin(self, keys: str, lines: Iterable[TrackedOffset] | None) -> list[Key]:
        """Begin a run, and return the keys to be handled first; without lines it is done once where the caret is."""
        keys_and_end = [*read_keys(keys), END]
        self._runs.append((keys_and_end, iter(lines or ())))
        return keys_and_end if lines is None else self.next_keys()

    def next_keys(self) -> list[Key]:
        """Go to the next line of the newest run, and return its keys; none when the run has ended.

        A line that was joined to the one before, by the keys or by somebody else, is none any more.
        """
        keys, lines = self._runs[-1]
        for line in lines:
            place = self._text.place_of(line)
            if not place.column and place.row < self._text.rows:
                self._text.go(Place(place.row, 0))
                return keys
        self._runs.pop()
        return []

    def clear(self) -> None:
        self._runs.clear()


def lines_between(text: Text, first: int, last: int) -> Iterator[TrackedOffset]:
    """The lines of some rows, the last included, whatever the keys at those before make of their rows."""
    following: TrackedOffset | None = text.track(Place(first, 0))
    for _ in range(last + 1 - first):
        if following is None:
            return
        here, row = following, text.place_of(following).row + 1
        following = text.track(Place(row, 0)) if row < text.rows else None
        yield here
