"""Find the bracket that matches the one at the caret, within a bounded distance."""

from __future__ import annotations

import re
from typing import Final

from crdt import TextBuffer

REACH: Final = 10_000
"""Farthest distance to the matching bracket, in code points: it is searched at each key."""

PAIRS: Final = {"(": ")", "[": "]", "{": "}"}
"""Each opening bracket with its closing one."""
_OPENING: Final = {closing: opening for opening, closing in PAIRS.items()}
_ANY: Final = re.compile(r"[()\[\]{}]")


def matching_bracket(buffer: TextBuffer, caret: int) -> tuple[int, int] | None:
    """Return the offsets of the bracket at the caret, or else before it, and of its match; None without one."""
    before = max(0, caret - 1)
    near = buffer.slice(before, min(len(buffer), caret + 1))
    for place in (caret, before) if before < caret else (caret,):
        sign = near[place - before : place - before + 1]
        if sign in PAIRS:
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
        if sign == opening or sign == PAIRS[opening]:
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
