"""Keeps the markers of a notebook whole and its ids unique, as people write; see `notebook.mend`.

The edits are the server's own. A change is looked at where it comes in, and the whole text only if it touches a marker.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Final

from crdt import Patch, Splice
from jpterm_like import clock
from jpterm_like.notebook.cells import parts_of
from jpterm_like.notebook.mend import mend
from jpterm_like.sync.pad import Pad

NEAR: Final = 160
"""Longer than any marker, in code points."""


class Mender:
    """Mends one pad from now on.

    Args:
        is_waiting: whether history is still to come, and a text may be there twice until then.
    """

    def __init__(self, pad: Pad, is_waiting: Callable[[], bool]) -> None:
        self._pad = pad
        self._is_waiting = is_waiting
        self._known = {part.id for part in parts_of(pad.buffer.text)}
        self._is_mending = self._waits = False
        pad.on_patch.append(lambda patch, origin: self._look(patch))

    def mend_all(self) -> None:
        """Mend all of the text, also a marker that somebody is typing."""
        if not self._is_waiting():
            self._mend((), ())

    def _look(self, patch: Patch) -> None:
        if self._is_mending or not patch:
            return
        if self._is_waiting():
            self._waits = True
            return
        recent: list[tuple[int, int]] = []
        shift = 0
        for start, end, new in reversed(patch.splices):
            recent.append((start + shift, start + shift + len(new)))
            shift += len(new) - (end - start)
        if self._waits or any(map(self._touches_marker, recent)):
            offsets = (
                self._pad.buffer.offset(each.caret) for each in self._pad.people if each.caret is not None
            )
            self._mend(recent, [offset for offset in offsets if offset is not None])

    def _touches_marker(self, stretch: tuple[int, int]) -> bool:
        start, end = stretch
        buffer = self._pad.buffer
        around = buffer.slice(max(0, start - NEAR), min(len(buffer), end + NEAR))
        return start == 0 or "%%" in around

    def _mend(self, recent: list[tuple[int, int]] | tuple[()], carets: list[int] | tuple[()]) -> None:
        buffer = self._pad.buffer
        text = buffer.text
        edits = mend(text, lambda: secrets.token_hex(4), known=self._known, recent=recent, carets=carets)
        self._is_mending = True
        try:
            self._apply(edits)
        finally:
            self._is_mending = False
        parts = parts_of(buffer.text if edits else text)
        self._known.update(part.id for part in parts)
        self._waits = any(not part.id for part in parts)

    def _apply(self, edits: list[Splice]) -> None:
        for start, end, new in edits:
            self._pad.replace(start, end, new, clock.wall())
