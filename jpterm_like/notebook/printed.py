r"""What a program prints, as lines: `\r`, `\b`, cursor up and "erase the line" are obeyed, colours are kept.

    >>> printed = Printed()
    >>> printed.feed("50 %\r100 %\n")
    >>> printed.lines
    ['100 %', '']

Other control characters and sequences are dropped. A sequence may be cut between two calls: its beginning waits in `rest`.
"""

from __future__ import annotations

import re
from typing import Final

REST_MAX: Final = 256
"""Length of a sequence's beginning that is kept for the next call."""

# ECMA-48: a control sequence is ESC [, parameters, and a final character; an operating system command ends with BEL or ESC \.
_CONTROL: Final = re.compile(
    r"\x1b\[([0-?]*)[ -/]*([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[PX^_][^\x1b]*\x1b\\|\x1b[^\[\]PX^_]|[\x00-\x08\x0a-\x1f\x7f\x80-\x9f]"
)
_CUT: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]*\x1b?)?\Z")
_PLAIN: Final = re.compile(r"[^\x00-\x08\x0b-\x1f\x7f\x80-\x9f]*\Z")


class Printed:
    """Lines, and where the next character goes."""

    def __init__(
        self, text: str = "", row: int | None = None, column: int | None = None, rest: str = ""
    ) -> None:
        self.lines = text.split("\n")
        self.row = len(self.lines) - 1 if row is None else max(0, min(row, len(self.lines) - 1))
        self.column = len(self.lines[self.row]) if column is None else max(0, column)
        self.rest = rest

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def feed(self, text: str) -> None:
        """Print some more."""
        text, self.rest = self.rest + text, ""
        if _PLAIN.match(text):  # nearly all of it
            self._put_lines(text)
            return
        if cut := _CUT.search(text):
            text, self.rest = text[: cut.start()], cut[0] if len(cut[0]) <= REST_MAX else ""
        at = 0
        for found in _CONTROL.finditer(text):
            if found.start() > at:
                self._put(text[at : found.start()])
            at = found.end()
            self._obey(found[0], found[1] or "", found[2] or "")
        if at < len(text):
            self._put(text[at:])

    def _put_lines(self, text: str) -> None:
        first, *others = text.split("\n")
        if first:
            self._put(first)
        if others and self.row == len(self.lines) - 1:
            self.lines.extend(others)
            self.row, self.column = len(self.lines) - 1, len(others[-1])
            return
        for line in others:
            self._break()
            if line:
                self._put(line)

    def _obey(self, control: str, parameters: str, final: str) -> None:
        number = (
            int(parameters) if parameters.isascii() and parameters.isdigit() and len(parameters) < 5 else 1
        )
        if control == "\n":
            self._break()
        elif control == "\r":
            self.column = 0
        elif control == "\b":
            self.column = max(0, self.column - 1)
        elif final == "m" and len(control) <= REST_MAX:
            self._put(control)
        elif final == "A":
            self.row = max(0, self.row - number)
        elif final == "B":
            self.row = min(len(self.lines) - 1, self.row + number)
        elif final == "K":
            line = self.lines[self.row]
            self.lines[self.row] = "" if parameters == "2" else line[: self.column]

    def _put(self, text: str) -> None:
        line = self.lines[self.row]
        if self.column < len(line) and "\x1b" in line[self.column :]:
            line = line[
                : self.column
            ]  # escapes take no column, so which characters are overwritten is not known
        if self.column > len(line):
            line += " " * (self.column - len(line))
        self.lines[self.row] = line[: self.column] + text + line[self.column + len(text) :]
        self.column += len(text)

    def _break(self) -> None:
        self.row += 1
        self.column = 0
        if self.row == len(self.lines):
            self.lines.append("")
