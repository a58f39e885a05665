"""`:normal`: keys that are done at each line of a range, in their own queue between keys that replay and keys that were typed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from jpterm_like.tui.commands.vi.key_notation import Key, read_keys
from jpterm_like.tui.commands.vi.text import Place, Text
from jpterm_like.tui.text.cursors import TrackedOffset

END: Final[Key] = ("end of a line run", "")
"""Stands in the queue behind the keys for one line."""


class TrackedLine:
    """A line that follows what is edited in other lines, and in itself.

    Its start is before its first character, and behind the line break before that: text put in between is a line of its own if it
    ends with a line break, else the new start of this one.
    """

    def __init__(self, text: Text, row: int) -> None:
        self._text = text
        self._start = text.track(Place(row, 0))
        self._behind = TrackedOffset(text.editor.session.buffer, text.start(row))

    def row(self) -> int | None:
        """The row of the line now; None if it was joined to another one, or is gone."""
        start, behind = self._text.place_of(self._start), self._text.place_of(self._behind)
        is_start = not start.column or (start.row == behind.row and not behind.column)
        return start.row if is_start and start.row < self._text.rows else None

    def below(self) -> TrackedLine | None:
        """The line below it, or below where it was joined to another one; None at the end of the text."""
        row = self._text.place_of(self._start).row + 1
        return TrackedLine(self._text, row) if row < self._text.rows else None


class LineRuns:
    """The runs under way: one, or several if the keys of one begin another. All that they change is one undo step."""

    def __init__(self, text: Text) -> None:
        self._text = text
        self._runs: list[tuple[list[Key], Iterator[TrackedLine]]] = []

    def __bool__(self) -> bool:
        return bool(self._runs)

    def begin(self, keys: str, lines: Iterable[TrackedLine] | None) -> list[Key]:
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
            if (row := line.row()) is not None:
                self._text.go(Place(row, 0))
                return keys
        self._runs.pop()
        return []

    def clear(self) -> None:
        self._runs.clear()


def lines_between(text: Text, first: int, last: int) -> Iterator[TrackedLine]:
    """The lines of some rows, the last included, whatever the keys at those before make of their rows."""
    line: TrackedLine | None = TrackedLine(text, first)
    for _ in range(last + 1 - first):
        if line is None:
            return
        here, line = line, line.below()
        if here.row() is not None:
            yield here
