"""Where the characters of a text are, while people go on writing.

What takes long to work out for a text (a merge of a large file) is worked out beside, and made in the text as it is by
then: what is to be deleted is deleted as far as it is still there, what came into it stays.
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
    """Follows the text that a pad has when this is made. To be closed."""

    def __init__(self, pad: Pad) -> None:
        self._pad = pad
        self._pieces = [(0, len(pad.buffer))]
        """The text as it is: each piece's place in the text as it was (or _NEW) and its length."""
        pad.on_patch.append(self._follow)

    def close(self) -> None:
        """Follow the pad no longer."""
        self._pad.on_patch.remove(self._follow)

    def now(self, splices: Iterable[Splice]) -> list[Splice]:
        """Splices for the text as it was, from the last to the first, for the text as it is, in the same order."""
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
            first = bisect_left(befores, start)  # the first piece that begins at the place or after it
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
