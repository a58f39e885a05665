"""The process that searches many texts: `python -P -m jpterm_like.tui.search_process`.

A pattern, a file or a whole folder may take any time, and a process can be ended at any moment, so it never holds up the keyboard.
Its input is a line of JSON with the search (`Order`), then texts: a line of JSON with name and size, and the text. At the end of the
input it goes on to the files of a folder, if the order names one. It answers with lines of JSON (`project_search` reads them).
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any, Final, NamedTuple

from jpterm_like.files.ignore_rules import list_files
from jpterm_like.files.read import FileProblem, read_text
from jpterm_like.tui.text.query import BoundedPattern, Query

LISTED_MAX: Final = 2_000
"""Lines that are listed. Those after them are only counted: nobody walks through more."""
BATCH: Final = 50
"""Lines in one answer."""
TEXT_BYTES_MAX: Final = 8 << 20
"""Longer files are left out: they are logs or data, and few people search them together with others."""
PATTERN_S: Final = 3.0
"""A pattern is given up when it has taken so much more of the processor than good ones do, in all texts together."""
CPU_S: Final = 60
"""Processor time of one search, after which the process ends, even if the editor is gone."""
MEMORY_BYTES_MAX: Final = 1 << 30
WALK_S: Final = 20.0
"""Time to list the files of the folder."""
PROGRESS_S: Final = 0.2

LEAD: Final = 20
"""Columns that are shown in front of a match that is far from the start of its line."""
EXCERPT_LENGTH_MAX: Final = 200
SPANS_MAX: Final = 20
"""Matches that are marked in one line."""


class Order(NamedTuple):
    """What to search for, and in which folder."""

    query: Query
    folder: str = ""
    """"": in no folder, only in the texts that come."""
    own_rules: str = ""
    """The user's own .gitignore."""
    skipped: tuple[str, ...] = ()
    """Files of the folder that come as texts."""

    def encode(self) -> bytes:
        return json.dumps(self).encode() + b"\n"

    @classmethod
    def decode(cls, line: bytes) -> Order:
        query, folder, own_rules, skipped = json.loads(line)
        return cls(Query(*query), folder, own_rules, tuple(skipped))


class LineOf(NamedTuple):
    """A line with a match."""

    row: int
    start: int
    end: int
    """Of the first match, in columns."""
    excerpt: str
    spans: list[tuple[int, int]]
    """The matches in the excerpt."""


def lines_with_matches(
    pattern: BoundedPattern, text: str
) -> Iterator[tuple[int, str, list[tuple[int, int]]]]:
    """Row, line and matches of each line that has some."""
    if not pattern.is_regex and pattern.compiled.search(text) is None:
        return  # most files; one search of the whole is faster than one of each line
    for row, line in enumerate(text.split("\n")):
        if spans := [match.span() for match in pattern.in_line(line)]:
            yield row, line, spans


def excerpt_of(row: int, line: str, spans: list[tuple[int, int]]) -> LineOf:
    """The part of a line around its first match, without the blanks at its start."""
    (start, end), blanks = spans[0], len(line) - len(line.lstrip())
    begin = min(blanks, start) if start - blanks <= 2 * LEAD else start - LEAD
    part, shift = line[begin : begin + EXCERPT_LENGTH_MAX], -begin
    if begin > blanks:
        part, shift = f"…{part}", 1 - begin
    marked = [(low + shift, min(high + shift, len(part))) for low, high in spans[:SPANS_MAX]]
    return LineOf(row, start, end, part, [span for span in marked if span[0] < len(part)])


def digest_of(lines: list[str]) -> str:
    """Identifies the lines with matches of a text: the same ones have the same digest."""
    return hashlib.blake2b("\n".join(lines).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


class Searching:
    """One search and what it has found so far."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self._pattern = BoundedPattern(order.query, PATTERN_S)
        self._listed = 0
        self._searched = 0
        self._large = 0
        self._told_at = 0.0

    def text(self, name: str, text: str) -> None:
        """Search one text, and tell what is in it."""
        self._searched += 1
        if self._pattern.gave_up:
            return
        found: list[LineOf] = []
        lines: list[str] = []
        count = 0
        for row, line, spans in lines_with_matches(self._pattern, text):
            lines.append(line)
            count += len(spans)
            if self._listed < LISTED_MAX:
                self._listed += 1
                found.append(excerpt_of(row, line, spans))
                if len(found) == BATCH:
                    _tell(name=name, lines=found)
                    found = []
        if lines and not self._pattern.gave_up:
            _tell(name=name, lines=found, count=count, digest=digest_of(lines))
        elif monotonic() > self._told_at + PROGRESS_S:
            self._told_at = monotonic()
            _tell(searched=self._searched)

    def folder(self) -> None:
        """Search the files of the folder."""
        folder = Path(self.order.folder)
        skipped = {*self.order.skipped}
        rules = Path(self.order.own_rules) if self.order.own_rules else None
        names, is_all = list_files(folder, rules, WALK_S)
        for name in names:
            path = folder / name
            if str(path) in skipped:
                continue
            try:
                if os.stat(path).st_size > TEXT_BYTES_MAX:
                    self._large += 1
                    continue
                text = read_text(path)
            except (FileProblem, OSError):
                continue  # no text, or not readable
            if text is not None:
                self.text(str(path), text)
        if not is_all:
            _tell(note="There are more files here than can be listed; not all were searched.")

    def end(self) -> None:
        """Tell that this was all."""
        if self._pattern.gave_up:
            _tell(note="Stopped: the pattern takes too long.", gave_up=True)
        _tell(searched=self._searched, large=self._large, done=True)


def _tell(**answer: Any) -> None:
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
    sys.stdout.buffer.flush()


def main() -> None:
    """Carry out one search."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    source = sys.stdin.buffer
    searching = Searching(Order.decode(source.readline()))
    while line := source.readline():
        head = json.loads(line)
        searching.text(head["name"], source.read(head["size"]).decode("utf-8", "surrogatepass"))
    if searching.order.folder:
        searching.folder()
    searching.end()


if __name__ == "__main__":
    main()
