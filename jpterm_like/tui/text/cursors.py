"""Places that stay with their characters while others write: caret, selection, the top of the view."""

from __future__ import annotations

from crdt import Anchor, TextBuffer
from jpterm_like.tui.text.layout import Sheet


class Place:
    """An offset and the anchor that keeps it.

    With `before` it stays in front of the character that follows it; otherwise behind the character that it follows.
    """

    __slots__ = ("_anchor", "_before", "_buffer", "offset")

    def __init__(self, buffer: TextBuffer, offset: int, before: bool = False) -> None:
        self._buffer = buffer
        self._before = before
        self.put(offset)

    def put(self, offset: int) -> None:
        self.offset = offset
        # At the very end nothing follows: in front of nothing would mean to go along with every new last word.
        before = self._before and offset < len(self._buffer)
        self._anchor: Anchor = self._buffer.anchor(offset, before=before)

    def follow(self) -> None:
        """The text has changed: find the place again."""
        offset = self._buffer.offset(self._anchor)
        assert offset is not None, "an anchor of our own is always known"
        self.offset = offset


class Cursor:
    """Where I write, and what I have selected.

    Text that others put exactly at the caret comes behind it, so two people who type at one spot each keep their
    words in one piece. A selection does not grow when others write at its ends.
    """

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self._caret = Place(sheet.buffer, 0)
        self._mark: Place | None = None
        self.goal: int | None = None
        """The cell that moves up and down aim at; None when the next one starts from the caret."""

    @property
    def caret(self) -> int:
        return self._caret.offset

    @property
    def mark(self) -> int | None:
        """The other end of the selection, or None when nothing is selected."""
        return None if self._mark is None else self._mark.offset

    @property
    def selection(self) -> tuple[int, int]:
        """The offsets of the selection, both at the caret when nothing is selected."""
        mark = self.caret if self._mark is None else self._mark.offset
        return (self.caret, mark) if self.caret <= mark else (mark, self.caret)

    def put(self, caret: int, mark: int | None = None, goal: int | None = None) -> None:
        """Go to an offset, with the selection up to `mark` if there is one."""
        buffer = self._sheet.buffer
        self.goal = goal
        if mark is None or mark == caret:
            self._mark = None
            self._caret = Place(buffer, caret)
        else:
            self._mark = Place(buffer, mark, before=mark < caret)
            self._caret = Place(buffer, caret, before=caret < mark)

    def follow(self) -> None:
        """The text has changed: caret and selection stay with their characters."""
        self._caret.follow()
        self._caret.offset = self._sheet.snap(self._caret.offset)
        if self._mark is not None:
            self._mark.follow()
            self._mark.offset = self._sheet.snap(self._mark.offset)
            if self._mark.offset == self._caret.offset:
                self._mark = None
