"""The highlights of the files that git asks people to write: commit messages, and the list of a rebase.

There is no grammar for them in a wheel, and a line of theirs says by itself what it is, so nothing is parsed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from crdt import Patch
from jpterm_like.tui.syntax.highlights import Word, Words
from jpterm_like.tui.text.cells import LENGTH_MAX
from jpterm_like.tui.text.layout import TextLayout
from jpterm_like.tui.text.line_index import RowChange

SUBJECT_MAX: Final = 50
"""Letters of a subject that every tool shows whole (git help commit, "Discussion")."""

_SUBJECT_ROWS_MAX: Final = 100
"""Rows in which the subject is looked for."""

_HEAD_MAX: Final = 20_000
"""Code points in which the line is looked for that cuts the message off from a diff."""

_SCISSORS: Final = "\n# ------------------------ >8 ------------------------"

_STEP: Final = re.compile(
    r"(?P<command>pick|p|reword|r|edit|e|squash|s|fixup|f|exec|x|break|b|drop|d|label|l|reset|t|merge|m|update-ref|u|noop)"
    r"(?=\s|$)(?:\s+-[cC])?(?:\s+(?P<commit>[0-9a-f]{4,64})(?=\s|$))?"
)
_REMOVING: Final = ("drop", "d")


class GitHighlighter:
    """The words of a layout, line by line."""

    behind = False
    unseen = False

    def __init__(self, text_layout: TextLayout, name: str) -> None:
        self._text_layout = text_layout
        self._find: Callable[[Iterable[int]], dict[int, Words]] = (
            self._message if name == "gitcommit" else self._steps
        )
        self._rows: dict[int, Words] = {}

    def follow(self, patch: Patch, changes: Sequence[RowChange]) -> None:
        self._rows = {}

    def look(self, rows: Iterable[int]) -> None:
        if missing := [row for row in rows if row not in self._rows]:
            self._rows |= self._find(missing)

    def has(self, row: int) -> bool:
        return row in self._rows

    def words(self, row: int) -> Words:
        return self._rows.get(row, ())

    def _message(self, rows: Iterable[int]) -> dict[int, Words]:
        """A subject that is too long, a second line that is not blank, comments, and a diff below them."""
        lines, line = self._text_layout.lines, self._text_layout.line
        first = range(min(len(lines), _SUBJECT_ROWS_MAX))
        subject = next((row for row in first if line(row).strip() and not line(row).startswith("#")), -1)
        buffer = self._text_layout.buffer
        cut = buffer.slice(0, min(len(buffer), _HEAD_MAX)).find(_SCISSORS)
        diff = len(lines) if cut < 0 else lines.row(cut + 1)
        found: dict[int, Words] = {}
        for row in rows:
            text = line(row)
            kind = ""
            if text.startswith("#"):
                kind = "comment"
            elif row > diff:
                kind = _kind_in_diff(text)
            elif row == subject + 1 and subject >= 0:
                kind = "deleted"
            found[row] = _whole(text, kind)
            if row == subject and len(text) <= LENGTH_MAX:
                over = Word(SUBJECT_MAX, len(text), "deleted")
                found[row] = (Word(0, min(SUBJECT_MAX, len(text)), "heading"), over)[
                    : 1 + (len(text) > SUBJECT_MAX)
                ]
        return found

    def _steps(self, rows: Iterable[int]) -> dict[int, Words]:
        """The steps of a rebase: what is done, and with which commit."""
        found: dict[int, Words] = {}
        for row in rows:
            text = self._text_layout.line(row)
            step = _STEP.match(text)
            if step is None:
                found[row] = _whole(text, "comment" if text.startswith("#") else "")
                continue
            kind = "deleted" if step["command"] in _REMOVING else "keyword"
            words = [Word(0, step.end("command"), kind)]
            if step["commit"]:
                words.append(Word(step.start("commit"), step.end("commit"), "constant"))
            found[row] = tuple(words)
        return found


def _kind_in_diff(text: str) -> str:
    if text.startswith(("diff ", "index ", "--- ", "+++ ", "@@")):
        return "heading" if text.startswith("diff ") else "comment"
    return {"+": "inserted", "-": "deleted"}.get(text[:1], "")


def _whole(text: str, kind: str) -> Words:
    return (Word(0, len(text), kind),) if kind and 0 < len(text) <= LENGTH_MAX else ()
