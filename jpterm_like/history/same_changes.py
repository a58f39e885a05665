"""Finds the changes that two sides made alike while apart, and of which one copy is enough.

Both corrected one word, ran the same formatter, ticked the same box. The rule of the text keeps the work of both, so
"teh" becomes "thethe". A text that was there, and that both changed to the same, was meant once. So was a long text that
both put in. Two short lines that both added, such as "- milk", may be two: they are left alone, and listed for a review.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from crdt import Overlap, OverlapKind, TextBuffer, Version
from jpterm_like.history.operations import by_site

INK_MIN: Final = 17
"""A text that both put in was meant once if it has so many visible characters: nobody types so many alike by chance."""


def same_changes(buffer: TextBuffer, common: Version, overlaps: Sequence[Overlap]) -> list[Overlap]:
    """Return the overlaps in which both meant one change and the text has it twice. O(document) if there are any.

    Without `my_operations` the text there reads as both want it.
    """
    doubled = [it for it in overlaps if it.kind is OverlapKind.SAME_CHANGE and it.now != it.theirs]
    if not doubled:
        return []
    base = buffer.at(common)
    gone = {it.was.strip() for it in overlaps if it.kind is OverlapKind.SAME_CHANGE and not it.theirs.strip()}
    return [it for it in doubled if _is_meant_once(it, base, gone)]


def _is_meant_once(overlap: Overlap, base: str, gone: set[str]) -> bool:
    if overlap.was:
        return True
    text = overlap.theirs
    if _ink(text) >= INK_MIN or text.isspace() or text.strip() in gone:  # the last: both moved it
        return True
    return "\n" not in text and _is_in_front_of_line(base, overlap.start)


def _is_in_front_of_line(base: str, at: int) -> bool:
    """Return whether a place is before all visible characters of a line that has some: a text that both put there, such as
    "# ", is about the line."""
    start = base.rfind("\n", 0, at) + 1
    end = base.find("\n", at)
    return not base[start:at].strip() and bool(base[at : end if end >= 0 else len(base)].strip())


def _ink(text: str) -> int:
    return sum(not character.isspace() for character in text)


def my_operations(overlaps: Iterable[Overlap]) -> dict[int, list[tuple[int, int]]]:
    """Return my operations in these places, as `TextBuffer.revert` takes them."""
    return by_site(it for overlap in overlaps for it in overlap.my_operations)
