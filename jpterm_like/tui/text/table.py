"""Align a Markdown table: the edits that give each column one width. Pure.

Only blanks, and the dashes of the row below the head, change, each by an edit of its own; the text of a cell stays where it is. A `\\|`
is no border; a `|` in a code span is one, as in GitHub's tables (GFM 0.29, section 4.10).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from jpterm_like.tui.text.cells import width_of

_CELL: Final = re.compile(r"(?:\\.|[^|\\]|\\$)*")
_DASHES: Final = re.compile(r":?-+:?")
DASHES_MIN: Final = 3


class Cell(NamedTuple):
    """The content of a cell, and where it begins and ends with the blanks around it (columns of its line)."""

    start: int
    end: int
    text: str


def cells_of(line: str) -> list[Cell]:
    """Split a row of a table at its borders; empty if the line is none."""
    at = len(line) - len(line.lstrip(" \t"))
    end = len(line.rstrip())
    if line[at : at + 1] != "|":
        return []
    cells = []
    at += 1
    while at < end:
        found = _CELL.match(line, at, end)
        assert found is not None  # it may be empty
        cells.append(Cell(at, found.end(), found[0].strip()))
        at = found.end() + 1
    return cells


def is_rule(cells: Sequence[Cell]) -> bool:
    """Whether a row is the one below the head, as `|---|:-:|`."""
    return bool(cells) and all(_DASHES.fullmatch(cell.text) for cell in cells)


def align(lines: Sequence[str]) -> list[tuple[int, int, int, str]]:
    """The edits that align the rows of a table: line, start and end column, new text; in the order of the text."""
    rows = [cells_of(line) for line in lines]
    rule = next((row for row in rows if is_rule(row)), [])
    sides = [(cell.text.startswith(":"), cell.text.endswith(":")) for cell in rule]
    columns = max(map(len, rows), default=0)
    sides += [(False, False)] * (columns - len(sides))
    widths = [DASHES_MIN] * columns
    for row in rows:
        if row is not rule:
            for column, cell in enumerate(row):
                widths[column] = max(widths[column], width_of(cell.text))
    edits = []
    for number, (line, row) in enumerate(zip(lines, rows, strict=True)):
        for column, cell in enumerate(row):
            left, right = sides[column]
            room = widths[column] - width_of(cell.text)
            before = room if right and not left else room // 2 if right else 0
            if row is rule:
                dashes = ":" * left + "-" * (widths[column] - left - right) + ":" * right
                wanted = [(cell.start, cell.end, f" {dashes} ")]
            elif cell.text:
                at = cell.start + line[cell.start : cell.end].index(cell.text)
                wanted = [
                    (cell.start, at, " " * (before + 1)),
                    (at + len(cell.text), cell.end, " " * (room - before + 1)),
                ]
            else:
                wanted = [(cell.start, cell.end, " " * (room + 2))]
            edits += [(number, *edit) for edit in wanted if line[edit[0] : edit[1]] != edit[2]]
    return edits
