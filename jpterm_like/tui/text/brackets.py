"""The bracket that belongs to the one at the caret, as far as it is near."""

from __future__ import annotations

import re
from typing import Final

from crdt import TextBuffer

REACH: Final = 10_000
"""The other bracket is looked for so far and no further: it is shown with each key."""

_PAIRS: Final = {"(": ")", "[": "]", "{": "}"}
_OPENING: Final = {closing: opening for opening, closing in _PAIRS.items()}
_ANY: Final = re.compile(r"[()\[\]{}]")


def partner(buffer: TextBuffer, caret: int) -> tuple[int, int] | None:
    """The offsets of the bracket at the caret, or else in front of it, and of its other half; None without one."""
    before = max(0, caret - 1)
    near = buffer.slice(before, min(len(buffer), caret + 1))
    for place in (caret, before) if before < caret else (caret,):
        sign = near[place - before : place - before + 1]
        if sign in _PAIRS:
            found = _ahead(buffer.slice(place, min(len(buffer), place + REACH)), sign)
            return None if found is None else (place, place + found)
        if sign in _OPENING:
            start = max(0, place + 1 - REACH)
            found = _back(buffer.slice(start, place + 1), sign)
            return None if found is None else (place, start + found)
    return None


def _ahead(text: str, opening: str) -> int | None:
    depth = 0
    for match in _ANY.finditer(text):
        sign = match[0]
        if sign == opening or sign == _PAIRS[opening]:
            depth += 1 if sign == opening else -1
            if depth == 0:
                return match.start()
    return None


def _back(text: str, closing: str) -> int | None:
    depth = 0
    for match in reversed(list(_ANY.finditer(text))):
        sign = match[0]
        if sign == closing or sign == _OPENING[closing]:
            depth += 1 if sign == closing else -1
            if depth == 0:
                return match.start()
    return None
