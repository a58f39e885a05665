"""Find the headings of a text and the symbols of a program by patterns, line by line.

A syntax tree would find more in a few languages; patterns suffice for navigation, work in any language, and on
incomplete code.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable
from time import process_time
from typing import Final, NamedTuple

ROWS_MAX: Final = 200_000
"""Most lines searched, and most entries listed."""
ENTRIES_MAX: Final = 5_000
OUTLINE_S: Final = 0.2
"""Time limit: some lines take a pattern milliseconds, and others may write many of them."""
SLICE_S: Final = 0.01
"""How long is searched before the keyboard is served."""

_PROSE: Final = r"(?P<marks>#{1,6})\s+(?P<name>.*?)\s*#*$"
_BRACES: Final = (
    r"\s*(?:(?:export|default|public|private|protected|internal|static|abstract|final|async|pub(?:\([^)]*\))?|unsafe|"
    r"const|extern|inline|override|open|data|sealed)\s+)*"
    r"(?:function\*?|class|interface|enum|struct|trait|impl|type|fn|fun|func|mod|module|namespace|union|object|record)\b"
    r"\s*(?P<name>[^\s({=;][^({=;]*?)\s*(?:[({=;].*)?$"
)
_C: Final = (
    r"(?!\s|return\b|else\b|if\b|for\b|while\b|switch\b)[\w:<>*&,~\[\] ]*?\b(?P<name>[\w:~]+)\s*\([^;]*$"
)

_PATTERNS: Final[dict[str, tuple[str, ...]]] = {
    "md markdown txt": (_PROSE,),
    "py pyi pyx": (r"\s*(?:async\s+)?(?:def|class)\s+(?P<name>\w+)",),
    "js jsx ts tsx mjs cjs": (
        _BRACES,
        r"(?:export\s+)?(?:const|let|var)\s+(?P<name>\w+)\s*=\s*(?:async\s*)?(?:function|\(|\w+\s*=>)",
    ),
    "rs go java kt kts swift scala cs php dart zig proto graphql": (
        _BRACES,
        r"func\s+\([^)]*\)\s*(?P<name>\w+)",
    ),
    "c h cc cpp cxx hpp": (_BRACES, _C),
    "sh bash zsh": (r"\s*(?:function\s+)?(?P<name>[\w-]+)\s*\(\)",),
    "rb": (r"\s*(?:def|class|module)\s+(?P<name>[\w.:?!]+)",),
    "lua": (r"\s*(?:local\s+)?function\s+(?P<name>[\w.:]+)",),
    "toml ini cfg conf": (r"\[+(?P<name>[^\]]+)\]",),
    "tex": (r"\s*\\(?:part|chapter|(?:sub)*section|paragraph)\*?\{(?P<name>[^}]*)\}",),
    "sql": (
        r"(?i:\s*create\s+(?:or\s+replace\s+)?(?:table|view|function|procedure|index)\s+(?P<name>[\w.\"]+))",
    ),
    "css scss less": (r"(?P<name>[^\s@/{}][^{};]*?)\s*\{",),
    "makefile mk": (r"(?P<name>[\w./%-]+):(?!=)",),
    "html htm xml": (r"\s*<h(?P<level>[1-6])[^>]*>(?P<name>[^<]*)",),
}
_BY_NAME: Final = {name: patterns for names, patterns in _PATTERNS.items() for name in names.split()}


class Entry(NamedTuple):
    """A heading or a symbol."""

    row: int
    depth: int
    """Level in the outline, from 0."""
    name: str


class Outline(NamedTuple):
    """The result of a search."""

    entries: list[Entry]
    cut_at: int | None
    """Number of lines that were searched; None: all."""


def outline(title: str, lines: Iterable[str]) -> Outline:
    """Find the entries of a text by its file extension; headings (`# …`) if that is unknown."""
    steps = outline_steps(title, lines)
    while True:
        try:
            next(steps)
        except StopIteration as found:
            result: Outline = found.value
            return result


def outline_steps(title: str, lines: Iterable[str]) -> Generator[None, None, Outline]:
    """Find the same in slices of time, yielding after each."""
    spent, began = 0.0, process_time()
    ending = title.rpartition("/")[2].casefold().rpartition(".")[2]
    prose = ending not in _BY_NAME or ending in ("md", "markdown", "txt")
    patterns = [re.compile(pattern) for pattern in _BY_NAME["md" if prose else ending]]
    entries: list[Entry] = []
    indents: list[int] = []
    fenced = False
    for row, line in enumerate(lines):
        if row >= ROWS_MAX or len(entries) >= ENTRIES_MAX:
            return Outline(entries, row)
        if row % 16 == 0 and (took := process_time() - began) > SLICE_S:
            spent += took
            if spent > OUTLINE_S:
                return Outline(entries, row)
            yield
            began = process_time()
        if prose and line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        if fenced or len(line) > 400:
            continue
        found = next((match for pattern in patterns if (match := pattern.match(line))), None)
        if found is None:
            continue
        groups = found.groupdict()
        if groups.get("marks"):
            indent = len(groups["marks"])
        elif groups.get("level"):
            indent = int(groups["level"])
        else:
            indent = len(line) - len(line.lstrip())
        while indents and indents[-1] >= indent:
            indents.pop()
        name = " ".join(found["name"].split())
        if name:
            entries.append(Entry(row, len(indents), name))
            indents.append(indent)
    return Outline(entries, None)
