"""ctrl+a and ctrl+x: add to the number at or behind the caret."""

from __future__ import annotations

import re
from typing import Final

from jpterm_like.tui.commands.vi.text import Place, Text

_NUMBER: Final = re.compile(r"0[xX][0-9a-fA-F]+|0[bB][01]+|-?\d+", re.ASCII)
_MASK: Final = (1 << 64) - 1


def add(text: Text, amount: int) -> Place | None:
    """Add to the number, and return its last digit; None if there is none."""
    row, column = text.caret
    line = text.line(row)
    for found in _NUMBER.finditer(line):
        if found.end() <= column:
            continue
        return _add(text, row, found.start(), found.end(), amount)
    return None


def add_in(text: Text, row: int, low: int, high: int, amount: int) -> bool:
    """Add to the first number between two columns, and return whether there is one."""
    found = _NUMBER.search(text.line(row)[:high], low)
    if found is None:
        return False
    _add(text, row, found.start(), found.end(), amount)
    return True


def _add(text: Text, row: int, start: int, end: int, amount: int) -> Place:
    digits = text.line(row)[start:end]
    prefix = digits[:2].lower()
    if prefix in ("0x", "0b") and len(digits) > 2:
        base, sign = (16, "x") if prefix == "0x" else (2, "b")
        value = (int(digits[2:], base) + amount) & _MASK
        new = format(value, sign).rjust(len(digits) - 2, "0")
        letters = [it for it in digits[2:] if it.isalpha()]
        if letters and letters[-1].isupper():
            new = new.upper()
        new = digits[:2] + new
    else:
        value = int(digits[:20]) + amount
        body = digits.lstrip("-")
        new = str(abs(value))
        if body.startswith("0") and len(body) > 1:
            new = new.rjust(len(body), "0")
        new = "-" * (value < 0) + new
    text.replace(Place(row, start), Place(row, end), new)
    return Place(row, start + len(new) - 1)
