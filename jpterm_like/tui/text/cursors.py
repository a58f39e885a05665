"""Offsets that stay at their characters while others edit: caret, selection, the top of the view."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

from crdt import Anchor, TextBuffer
from jpterm_like.tui.text.layout import TextLayout

_INSERTED_MAX: Final = 10_000
"""How much of a text that was inserted at the start of a line is searched for the line's new start."""


class TrackedOffset:
    """An offset that follows its character by an anchor.

    With `before` it stays before the next character, otherwise after the previous one; with None as a caret does, which
    does not leave its line (`TextBuffer.caret`). Text that is moved takes it along (`crdt.moves`).
    """

    __slots__ = ("_anchor", "_before", "_buffer", "_line_start", "offset")

    def __init__(self, buffer: TextBuffer, offset: int, before: bool | None = False) -> None:
        self._buffer = buffer
        self._before = before
        self.put(offset)

    def put(self, offset: int) -> None:
        self.offset = offset
        self._line_start: Anchor | None = None
        if self._before is None:
            self._anchor: Anchor = self._buffer.caret(offset)
            if self._anchor.before:
                self._line_start = self._buffer.anchor(offset)
            return
        # At the end of the text no character follows; an anchor before it would move with everything appended.
        before = self._before and offset < len(self._buffer)
        self._anchor = self._buffer.anchor(offset, before=before)

    def follow(self) -> None:
        """Update the offset after an edit."""
        offset = self._buffer.offset(self._anchor)
        assert offset is not None, "an anchor of our own is always known"
        if self._line_start is not None:
            offset = self._before_inserted(offset)
        self.offset = offset

    def _before_inserted(self, offset: int) -> int:
        """Return the place before text that was inserted between the start of the line and its first character."""
        assert self._line_start is not None
        start = self._buffer.offset(self._line_start)
        if start is None or not start < offset:
            return offset
        low = max(start, offset - _INSERTED_MAX)
        line_break = self._buffer.slice(low, offset).rfind("\n")
        if line_break >= 0:
            return low + line_break + 1
        return start if low == start else offset


class Cursor:
    """My caret and selection.

    Text that others insert exactly at the caret goes after it, so that two people typing at one spot each keep their
    words together; at the start of a line it goes before, so that the caret goes along when a line is inserted above. A
    selection does not grow when others write at its ends.
    """

    def __init__(self, text_layout: TextLayout) -> None:
        self._text_layout = text_layout
        self._caret = TrackedOffset(text_layout.buffer, 0)
        self._mark: TrackedOffset | None = None
        self.goal: int | None = None
        """Cell that vertical moves aim at; None to start from the caret's."""

    @property
    def caret(self) -> int:
        return self._caret.offset

    @property
    def mark(self) -> int | None:
        """Offset of the other end of the selection; None without one."""
        return None if self._mark is None else self._mark.offset

    @property
    def selection(self) -> tuple[int, int]:
        """Start and end of the selection; both at the caret without one."""
        mark = self.caret if self._mark is None else self._mark.offset
        return (self.caret, mark) if self.caret <= mark else (mark, self.caret)

    def put(self, caret: int, mark: int | None = None, goal: int | None = None) -> None:
        """Move the caret, and select up to `mark` if given."""
        buffer = self._text_layout.buffer
        self.goal = goal
        if mark is None or mark == caret:
            self._mark = None
            self._caret = TrackedOffset(buffer, caret, before=None)
        else:
            self._mark = TrackedOffset(buffer, mark, before=mark < caret)
            self._caret = TrackedOffset(buffer, caret, before=caret < mark)

    def follow(self) -> None:
        """Update caret and selection after an edit."""
        self._caret.follow()
        self._caret.offset = self._text_layout.snap(self._caret.offset)
        if self._mark is not None:
            self._mark.follow()
            self._mark.offset = self._text_layout.snap(self._mark.offset)
            if self._mark.offset == self._caret.offset:
                self._mark = None


def apart(cursors: Iterable[Cursor]) -> list[Cursor]:
    """The cursors but those that stand where one before them stands, or whose selection overlaps one before them."""
    kept: list[Cursor] = []
    # In order. They meet at their ends only, so a neighbour overlaps if any does.
    taken: list[tuple[int, int]] = []
    for cursor in cursors:
        start, end = cursor.selection
        place = bisect_left(taken, (start, end))
        for low, high in taken[max(0, place - 1) : place + 1]:
            if (start, end) == (low, high) or (start < high and low < end):
                break
        else:
            taken.insert(place, (start, end))
            kept.append(cursor)
    return kept
