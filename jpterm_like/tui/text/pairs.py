"""Decide which closing mark belongs behind an opening bracket or quote that is typed.

    print(|          puts )       it stands at the end of the line
    (|word           puts none    it would close before the word
    don'|            puts none    an apostrophe
    "a" + "|         puts "       and in "a| the quote that is typed closes the text

A scan of the line instead of a parser: it is right at the key, which the syntax tree follows. It knows nothing of the document.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from jpterm_like.tui.text.brackets import PAIRS

LOOK: Final = 1_000
"""Code points of a line that are read before and behind the caret."""

QUOTES: Final = "\"'`"

COMMENT: Final = "comment"

BEFORE: Final = ")]}>;:,.="
"""Signs before which a pair is closed, as are blanks and the end of the line."""

_PREFIX: Final = re.compile(r"(?<![^\W_])(?:[rbfut]|[rR][bBfF]|[bBfF][rR]|[RBFUT]|L|u8)\Z")
"""Letters that begin a text together with its quote, such as the r in r"\\d"."""

_SMILEY: Final = re.compile(r"[:;=8]['\-o^]?\Z")


class Rules(NamedTuple):
    """The marks that are closed in a text."""

    brackets: str
    quotes: str
    comment: str = ""
    """What begins a comment, which ends with its line."""
    triple: bool = False
    """Whether three quotes begin a text."""
    prose: bool = False


def state_at(before: str, rules: Rules) -> str:
    """Return what a line is in at its end: "" in code, the quote of an open text, or COMMENT."""
    state = ""
    place = 0
    while place < len(before):
        sign = before[place]
        if state:
            if sign == "\\":
                place += 1
            elif sign == state:
                state = ""
        elif rules.comment and before.startswith(rules.comment, place):
            return COMMENT
        elif sign in rules.quotes and not (sign == "'" and _is_in_word(before[:place])):
            state = sign
        place += 1
    return state


def closing_of(sign: str, before: str, behind: str, rules: Rules, is_prose: bool) -> str:
    """Return the closing marks to put behind a mark typed between `before` and `behind` in a line; "" for none.

    `is_prose` tells that the syntax tree knows a comment or a text here.
    """
    before, behind = before[-LOOK:], behind[:LOOK]
    state = COMMENT if rules.prose else state_at(before, rules)
    if sign in rules.brackets:
        if not _may_close_before(behind, state):
            return ""
        if (rules.prose or is_prose or state == COMMENT) and _SMILEY.search(before):
            return ""
        closing = PAIRS[sign]
        return "" if _has_more_closing(before + behind, sign, closing) else closing
    if sign not in rules.quotes or not _may_close_before(behind, ""):
        return ""
    if rules.prose:
        return "" if _is_in_word(before) or before.count(sign) % 2 else sign
    if state or is_prose:
        return ""
    if before.endswith(sign):
        is_triple = rules.triple and before.endswith(sign * 2) and not before.endswith(sign * 3)
        return sign * 3 if is_triple else ""
    return "" if _is_in_word(before) and not _PREFIX.search(before) else sign


def _is_in_word(before: str) -> bool:
    last = before[-1:]
    return last.isalnum() or last == "_" or last >= "\u0300"


def _may_close_before(behind: str, quote: str) -> bool:
    following = behind[:1]
    return not following or following.isspace() or following in BEFORE or following == quote


def _has_more_closing(line: str, opening: str, closing: str) -> bool:
    """Whether a line lacks the bracket that is typed: its closing one is there already."""
    return line.count(closing) > line.count(opening)
