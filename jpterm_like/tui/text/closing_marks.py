"""The closing brackets and quotes that were put behind my caret, known by the ids of their characters.

An offset or an anchor would soon mean a mark that somebody else typed at that place.
"""

from __future__ import annotations

from typing import Final

from crdt import TextBuffer

REMEMBERED_MAX: Final = 2_000
"""The most closing marks that are remembered, the newest: twice the carets that there can be."""


class ClosingMarks:
    """The closing marks that were put behind my caret, and not typed since."""

    def __init__(self, buffer: TextBuffer) -> None:
        self._buffer = buffer
        self._ids: dict[tuple[int, int], None] = {}

    def _id(self, offset: int) -> tuple[int, int] | None:
        if offset >= len(self._buffer):
            return None
        ((_, _, site, clock),) = self._buffer.ids(offset, offset + 1)
        return site, clock

    def note(self, offset: int, count: int) -> None:
        """Remember the marks from an offset on."""
        for each in range(offset, offset + count):
            if (id := self._id(each)) is not None:
                self._ids[id] = None
        while len(self._ids) > REMEMBERED_MAX:
            del self._ids[next(iter(self._ids))]

    def has(self, offset: int) -> bool:
        """Whether the character at an offset is one of them."""
        return bool(self._ids) and self._id(offset) in self._ids

    def forget(self, offset: int) -> None:
        """Take the character at an offset for one that I typed."""
        if (id := self._id(offset)) is not None:
            self._ids.pop(id, None)
