"""Split a line of prose into quote marks, indentation, list marker and text; tell which rows are in a code fence.

    > - [ ] buy milk        quote "> ", indent "", marker "- ", box "[ ] "

Patterns of a line instead of a Markdown parser: they work at each key, in any text.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_PREFIX: Final = re.compile(
    r"(?P<quote>(?:[ ]{0,3}>[ ]?)*)(?P<indent>[ \t]*)"
    r"(?:(?P<bullet>[-*+]|(?P<number>\d{1,9})(?P<stop>[.)]))(?P<gap>[ \t]+)(?P<box>\[[ xX]\](?:[ \t]+|$))?)?"
)
_BREAK: Final = re.compile(r"\s*([-*_])(?:[ \t]*\1){2,}\s*$")

_FENCE: Final = re.compile(r"(?P<marks>`{3,}|~{3,})(?P<rest>[^\n]*)")
_BEFORE_FENCE: Final = re.compile(r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*")

PREFIX_MAX: Final = 1_000
"""Code points of a line in which its prefix is looked for; longer ones would cost more than a key may."""


class Prefix(NamedTuple):
    """What stands before the text of a line; the lengths of the parts add up to `size` (code points)."""

    quote: str = ""
    indent: str = ""
    bullet: str = ""
    """"-", "*", "+", or a number with "." or ")"; empty if the line is no list item."""
    gap: str = ""
    """The blanks behind the bullet."""
    box: str = ""
    """A check box with its blanks."""

    @property
    def size(self) -> int:
        return sum(map(len, self))

    @property
    def number(self) -> int | None:
        """The number of an ordered item."""
        return int(self.bullet[:-1]) if self.bullet[:-1] else None

    def next(self, number: int | None = None) -> str:
        """The prefix of the item after this one; `number` instead of one more."""
        bullet = self.bullet
        if self.number is not None:
            bullet = f"{self.number + 1 if number is None else number}{bullet[-1]}"
        return f"{self.quote}{self.indent}{bullet}{self.gap[:4]}{'[ ] ' if self.box else ''}"


def prefix_of(line: str) -> Prefix:
    """Split off the prefix of a line; a thematic break has none."""
    line = line[:PREFIX_MAX]
    if is_break(line):
        return Prefix()
    found = _PREFIX.match(line)
    assert found is not None  # every part may be empty
    return Prefix(*(found[name] or "" for name in ("quote", "indent", "bullet", "gap", "box")))


def is_break(line: str) -> bool:
    """Whether a line is a thematic break such as `- - -`, which looks like items in items."""
    return _BREAK.match(line) is not None


def ends_in_fence(text: str) -> bool:
    """Whether a code fence that begins in a text is still open at its end. O(length)."""
    open_with = ""
    if "```" not in text and "~~~" not in text:  # far faster than the pattern
        return False
    for found in _FENCE.finditer(text):
        start = text.rfind("\n", 0, found.start()) + 1
        if found.start() - start > PREFIX_MAX or not _BEFORE_FENCE.fullmatch(text, start, found.start()):
            continue
        marks, rest = found["marks"], found["rest"].strip()
        if not open_with:
            # A line such as ```code``` is code within a paragraph (CommonMark 0.31, section 4.5).
            if not (marks[0] == "`" and "`" in rest):
                open_with = marks
        elif marks[0] == open_with[0] and len(marks) >= len(open_with) and not rest:
            open_with = ""
    return bool(open_with)
