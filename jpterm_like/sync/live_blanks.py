"""Keep the blanks that somebody has just typed, while another program takes blanks away at the ends of lines. Pure.

A formatter strips them whenever the file is saved, and a server that saves by itself saves in every pause: between two words, after the
dash of a list, in the indentation of the next line. What is typed next would stand without its blank.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import takewhile
from operator import eq
from typing import Final

from crdt import TextBuffer
from crdt.patch import Splice

BLANKS: Final = " \t"
_LENGTH_MAX: Final = 1000
"""Code points before a caret that are looked at."""


def spare_blanks(
    splices: Iterable[Splice], buffer: TextBuffer, carets: Collection[int]
) -> tuple[list[Splice], bool]:
    """Return the splices of a text without the deletions of blanks directly before a caret at the end of its line, and whether there
    were any. A line break that takes the place of the blanks comes behind them."""
    kept: list[Splice] = []
    spares = False
    for splice in splices:
        caret = max((it for it in carets if splice.start < it <= splice.end), default=None)
        spared = None if caret is None else _spared(splice, buffer, caret)
        spares |= spared is not None
        spared = splice if spared is None else spared
        if spared.text or spared.end > spared.start:
            kept.append(spared)
    return kept, spares


def _spared(splice: Splice, buffer: TextBuffer, caret: int) -> Splice | None:
    old = buffer.slice(splice.start, splice.end)
    before, after = old[: caret - splice.start], old[caret - splice.start :]
    stem = before.rstrip(BLANKS)
    behind = buffer.slice(splice.end, min(splice.end + 1, len(buffer)))
    if stem == before or (after or behind)[:1] not in ("", "\n") or not splice.text.startswith(stem):
        return None
    rest = splice.text[len(stem) :]
    if not rest.startswith("\n") and (rest or after.strip("\n") or behind not in ("", "\n")):
        return None  # the line was written anew, or is gone
    same = sum(takewhile(bool, map(eq, rest, after)))
    return Splice(caret + same, splice.end, rest[same:])


def without_live_blanks(buffer: TextBuffer, carets: Collection[int]) -> str:
    """The text without the blanks directly before carets at the ends of their lines. O(text)."""
    text = buffer.text
    for caret in sorted(set(carets), reverse=True):
        if text[caret : caret + 1] in ("", "\n"):
            line = text[max(0, caret - _LENGTH_MAX) : caret]
            text = text[: caret - len(line) + len(line.rstrip(BLANKS))] + text[caret:]
    return text
