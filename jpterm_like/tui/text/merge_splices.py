"""A patch of very many splices, told as few: undoing a change of a hundred thousand lines is followed like one of some long passages.

Rows, colours and signs are looked at for each splice, which takes some 30 microseconds. Carets and the top of the view need no
patch, since they are anchors.
"""

from __future__ import annotations

from typing import Final

from crdt import Patch, TextBuffer
from crdt.patch import Splice

SPLICES_MAX: Final = 100
"""The most splices that are followed one by one."""

NEAR: Final = 4_000
"""Code points that are followed as fast as a splice: among more splices than those, neighbours so near are one."""


def merge_splices(patch: Patch, buffer: TextBuffer, count_max: int = SPLICES_MAX) -> Patch:
    """Return a patch that changes as much or more, in at most `count_max` splices; `buffer` has the text after it."""
    splices = patch.splices[::-1]
    if len(splices) <= count_max:
        return patch
    span = splices[-1].end - splices[0].start
    size = -(-len(splices) // max(1, min(count_max, span // NEAR)))
    merged = []
    shift = 0
    for first in range(0, len(splices), size):
        group = splices[first : first + size]
        start, end = group[0].start, group[-1].end
        begin = start + shift
        shift += sum([len(text) - (high - low) for low, high, text in group])
        merged.append(Splice(start, end, buffer.slice(begin, end + shift)))
    return Patch(tuple(reversed(merged)))
