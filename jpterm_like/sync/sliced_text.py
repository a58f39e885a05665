"""Build the whole text of a pad in slices, while people continue to write.

A long text that was edited all over takes hundreds of milliseconds to build. Between two slices the event loop can do other work; edits
of the part that was read already are applied to it as well. So the result is the text at the end.
"""

from __future__ import annotations

from typing import Final

from crdt import Patch
from jpterm_like.sync.pad import Pad

PIECE: Final = 4096
"""Code points in a slice: some milliseconds if each was typed at another time, microseconds in an ordinary text."""


class SlicedText:
    """See the module. Must be closed."""

    def __init__(self, pad: Pad) -> None:
        self._pad = pad
        self._pieces: list[str] = []
        self._length = 0
        """Of all pieces: how much of the text was read."""
        pad.on_patch.append(self._follow)

    def step(self) -> bool:
        """Read one more slice. Returns whether there are more."""
        buffer = self._pad.buffer
        end = min(len(buffer), self._length + PIECE)
        if end > self._length:
            self._pieces.append(buffer.slice(self._length, end))
            self._length = end
        return end < len(buffer)

    @property
    def text(self) -> str:
        """The text that was read, with all edits since."""
        return "".join(self._pieces)

    def close(self) -> None:
        """Stop listening to the pad."""
        self._pad.on_patch.remove(self._follow)

    def _follow(self, patch: Patch, origin: object) -> None:
        for start, end, text in patch.splices:  # from the last to the first
            if start < self._length:
                self._replace(start, min(end, self._length), text)

    def _replace(self, start: int, end: int, text: str) -> None:
        first, before = 0, 0
        while before + len(self._pieces[first]) < start:
            before += len(self._pieces[first])
            first += 1
        last, after = first, before
        while after + len(self._pieces[last]) < end:
            after += len(self._pieces[last])
            last += 1
        head, tail = self._pieces[first][: start - before], self._pieces[last][end - after :]
        self._pieces[first : last + 1] = [head + text + tail]
        self._length += len(text) - (end - start)
