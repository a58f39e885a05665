r"""Cells as one text with marker lines, and back.

    # %% id=3f9a81c2
    import time
    # %% [markdown] id=b07e44d1
    ## As it is, not commented out

A cell is its marker, a line feed, and its source; cells are joined by line feeds. So any sources come back exactly, those that are
empty or end with a line feed too. A marker is a whole line; without an id it begins a cell all the same, and `notebook.mend` gives
it one. A marker with an id counts at the end of a line, too: it has lost its line break. What would read as either in a source is
escaped by a backslash, and by one more if it has some: `#\ %%`.

**This is a format, and frozen.** The first text of a document is made here, and its digest is the history's lineage: two machines that make
another text of one file cannot share a history. A change needs a new number (`FORM`), and the old one stays readable.
`tests/notebook/form-1.json` holds what form 1 is.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from jpterm_like.notebook.ipynb import KIND, Cell

__all__ = [
    "FORM",
    "ID",
    "Cell",
    "Part",
    "assign_ids",
    "escape",
    "join_cells",
    "marker",
    "parts_of",
    "split_cells",
]

FORM: Final = 1
"""The number of this form of text."""
ID: Final = r"[A-Za-z0-9_-]{1,64}"
"""A legal id, as nbformat has it."""

NAMED: Final = rf" %%(?: \[({KIND.pattern})\])? id=({ID})"
"""A marker with an id, behind its first character. One that is not at the beginning of its line has lost its line break."""
# Without an id only the types of nbformat count: `# %% [Results]` is a heading that somebody typed.
_NAMELESS: Final = r" %%(?: \[(code|markdown|raw)\])?"
_MARKER: Final = re.compile(rf"#{NAMED}[ \t]*$|^#{_NAMELESS}[ \t]*$", re.M)
_ESCAPES: Final = rf"(?=\\*{NAMED}[ \t]*$)", rf"(?=\\*{_NAMELESS}[ \t]*$)"
_LIKE_MARKER: Final = re.compile(rf"#{_ESCAPES[0]}|^#{_ESCAPES[1]}", re.M)
_ESCAPED: Final = re.compile(rf"#\\{_ESCAPES[0]}|^#\\{_ESCAPES[1]}", re.M)
_LEGAL: Final = re.compile(ID)


class Part(NamedTuple):
    """Where a cell is in the text. Offsets count code points."""

    kind: str
    id: str
    """Empty if its marker has none, or if it is text before the first marker."""
    start: int
    """Where its marker begins."""
    marker_end: int
    """Where its marker ends, trailing blanks included; the same as `start` for text before the first marker."""
    body: int
    """Where its source begins."""
    end: int
    """Where its source ends; not included. A line feed and the next marker follow."""


def parts_of(text: str) -> list[Part]:
    """The cells of a text, in order. Together with the line feeds between them they are all of it."""
    found = list(_MARKER.finditer(text))
    parts = []
    first = found[0].start() if found else len(text)
    if first:
        parts.append(Part("code", "", 0, 0, 0, _before(text, first) if found else first))
    for at, match in enumerate(found):
        end = _before(text, found[at + 1].start()) if at + 1 < len(found) else len(text)
        # A marker that another one follows at once, or nothing, has no line for a source.
        body = min(match.end() + 1, max(end, match.end()))
        parts.append(
            Part(
                match[1] or match[3] or "code",
                match[2] or "",
                match.start(),
                match.end(),
                body,
                max(end, body),
            )
        )
    return parts


def _before(text: str, marker_start: int) -> int:
    """Where the source before a marker ends: before the line feed, if there is one."""
    return marker_start - (text[marker_start - 1] == "\n")


def split_cells(text: str) -> list[Cell]:
    """The cells of a text."""
    return [Cell(part.kind, part.id, _unescape(text[part.body : part.end])) for part in parts_of(text)]


def join_cells(cells: Iterable[Cell]) -> str:
    """The text of some cells."""
    return "\n".join([f"{marker(cell.kind, cell.id)}\n{escape(cell.source)}" for cell in cells])


def marker(kind: str, name: str) -> str:
    """The marker of a cell."""
    return f"# %% id={name}" if kind == "code" else f"# %% [{kind}] id={name}"


def escape(source: str) -> str:
    """A source as it stands in the text."""
    return _LIKE_MARKER.sub(r"#\\", source) if "%%" in source else source


def _unescape(body: str) -> str:
    return _ESCAPED.sub("#", body) if "%%" in body else body


def assign_ids(names: Sequence[str | None]) -> list[str]:
    """The ids of a file's cells in the text: the file's own where they are legal and not there twice, else made of the place.

    So the same file has the same ids everywhere.
    """
    taken = {name for name in names if name is not None and _LEGAL.fullmatch(name)}
    ids: list[str] = []
    left = set(taken)  # the file's ids that no cell before has
    for at, name in enumerate(names):
        if name is not None and name in left:
            left.discard(name)
            ids.append(name)
        else:
            ids.append(_made_id(at, taken))
            taken.add(ids[-1])
    return ids


def _made_id(place: int, taken: set[str]) -> str:
    turn = 0
    while True:
        made = hashlib.blake2b(f"{place}.{turn}".encode(), digest_size=4).hexdigest()
        if made not in taken:
            return made
        turn += 1
