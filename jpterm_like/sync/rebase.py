"""Rebase splices of an earlier text over the edits that people made since.

A merge of a large file is computed in a thread, for the text at its start, and applied to the text at its end: characters
that it deletes are deleted if they are still there, and characters that were inserted among them meanwhile stay.
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

from crdt import Patch, Splice
from jpterm_like.sync.pad import Pad

_NEW: Final = -1


class Rebase:
    """Maps offsets of the text that the pad had when this was created to its present text. Must be closed.

    Args:
        since: the change that made that text of an earlier one; offsets are then those of the earlier text.
    """

    def __init__(self, pad: Pad, since: Patch | None = None) -> None:
        self._pad = pad
        grown = sum(len(text) - (end - start) for start, end, text in since or ())
        self._length = len(pad.buffer) - grown
        self._pieces = [(0, self._length)]
        """The present text in pieces: the offset of each in the earlier text (or _NEW) and its length."""
        if since is not None:
            self._follow(since, None)
        pad.on_patch.append(self._follow)

    def close(self) -> None:
        """Stop listening to the pad, if it was not left by all who listened."""
        if self._follow in self._pad.on_patch:
            self._pad.on_patch.remove(self._follow)

    def made(self) -> list[Splice]:
        """The splices that made the present text of the earlier one, from the last to the first. O(length of the text)."""
        text = self._pad.buffer.text
        found: list[Splice] = []
        at = end = 0
        new = ""
        for before, length in [*self._pieces, (self._length, 0)]:
            if before == _NEW:
                new += text[at : at + length]
            else:
                if new or before > end:
                    found.append(Splice(end, before, new))
                end, new = before + length, ""
            at += length
        return found[::-1]

    def now(self, splices: Iterable[Splice]) -> list[Splice]:
        """The splices of the earlier text, from the last to the first, as splices of the present one, in the same order."""
        places: list[int] = []
        befores: list[int] = []
        lengths: list[int] = []
        at = 0
        for before, length in self._pieces:
            if before != _NEW:
                places.append(at)
                befores.append(before)
                lengths.append(length)
            at += length
        found: list[Splice] = []
        for start, end, text in splices:
            first = bisect_left(befores, start)  # the first piece that begins at that offset or after it
            place = 0
            if first:
                place = places[first - 1] + min(start - befores[first - 1], lengths[first - 1])
                first -= befores[first - 1] + lengths[first - 1] > start
            gone: list[Splice] = []
            while first < len(befores) and befores[first] < end:
                low = max(start, befores[first])
                high = min(end, befores[first] + lengths[first])
                shift = places[first] - befores[first]
                gone.append(Splice(low + shift, high + shift, ""))
                first += 1
            if gone and gone[0].start == place:
                gone[0] = gone[0]._replace(text=text)
            elif text:
                gone.insert(0, Splice(place, place, text))
            found += reversed(gone)
        return found

    def _follow(self, patch: Patch, origin: object) -> None:
        pieces: list[tuple[int, int]] = []
        number = at = start = (
            0  # the piece that is looked at, where it begins, and up to where the text was looked at
        )
        for low, high, text in [*reversed(patch.splices), (sys.maxsize, sys.maxsize, "")]:
            while number < len(self._pieces):
                before, length = self._pieces[number]
                first, last = max(start, at), min(low, at + length)
                if first < last:
                    pieces.append((before if before == _NEW else before + first - at, last - first))
                if at + length > low:
                    break
                at += length
                number += 1
            pieces.append((_NEW, len(text)))
            start = high
        self._pieces = pieces
