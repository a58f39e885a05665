r"""Cells as a script or as Markdown, as other programs know them, and back.

A script is in the percent format that VS Code, Spyder, PyCharm and jupytext read: it runs as a program.

    # %% [markdown]
    # A title

    # %%
    # %matplotlib inline
    print(1)

In Markdown, code stands in fences. Outputs, ids, attachments and metadata are in neither, nor are line ends at the end of a cell. A script gives
back the cells that it was made of; in Markdown two cells of words that follow each other become one.

This is no format of ours, unlike `notebook.cells`: nothing depends on what is written here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from jpterm_like.notebook.cells import assign_ids
from jpterm_like.notebook.ipynb import EMPTY, Cell, read_notebook

_MARKER: Final = re.compile(r"# %%(?: \[(\w+)\])?(?: .*)?[ \t]*$")
_ESCAPED: Final = re.compile(r"#\\+ %%(?: |$)")
"""A line of a source that would begin a cell: one backslash goes on the way back."""
_LIKE_MARKER: Final = re.compile(r"#\\* %%(?: |$)")
_MAGIC: Final = re.compile(r"(?:# )*[%!?](?=[\w%!])")
"""What IPython knows and Python does not: `%matplotlib inline`, `!ls`; and one that is a comment already."""
_COMMENTED_MAGIC: Final = re.compile(r"# " + _MAGIC.pattern)
_WHOLE: Final = re.compile(r"(?:# )*%%\w")
"""A cell that begins with it is in another language, such as `%%bash`."""
_COMMENTED_WHOLE: Final = re.compile(r"# " + _WHOLE.pattern)
_FENCE: Final = re.compile(r"(`{3,}|~{3,})[ \t]*([\w{}.=+-]*)[ \t]*$")


def to_script(cells: Iterable[Cell]) -> str:
    """The cells as a Python program in the percent format."""
    return "\n\n".join([_part(cell) for cell in cells]) + "\n"


def _part(cell: Cell) -> str:
    lines = cell.source.rstrip("\n").split("\n") if cell.source.strip("\n") else []
    if cell.kind != "code":
        return "\n".join([f"# %% [{cell.kind}]", *(f"# {line}" if line else "#" for line in lines)])
    if lines and _WHOLE.match(lines[0]):
        lines = [f"# {line}" if line else "#" for line in lines]
    else:
        lines = [_line_of_script(line) for line in lines]
    return "\n".join(["# %%", *lines])


def _line_of_script(line: str) -> str:
    if _LIKE_MARKER.match(line):
        return f"#\\{line[1:]}"
    return f"# {line}" if _MAGIC.match(line) else line


def from_script(text: str) -> list[Cell]:
    """The cells of such a program; one without marks is one cell."""
    kind, lines = "code", list[str]()
    cells: list[tuple[str, list[str]]] = []
    is_first = True
    for line in text.split("\n"):
        if (found := _MARKER.match(line)) is None:
            lines.append(line)
            continue
        if not is_first or any(map(str.strip, lines)):
            cells.append((kind, lines))
        kind, lines, is_first = found[1] or "code", [], False
    if not is_first or any(map(str.strip, lines)):
        cells.append((kind, lines))
    return _named([(kind, _source(kind, lines)) for kind, lines in cells])


def _source(kind: str, lines: Sequence[str]) -> str:
    lines = _without_blank_ends(lines)
    if kind != "code" or (lines and _COMMENTED_WHOLE.match(lines[0])):
        return "\n".join([re.sub(r"^# ?", "", line) for line in lines])
    return "\n".join([_line_of_cell(line) for line in lines])


def _line_of_cell(line: str) -> str:
    if _ESCAPED.match(line):
        return f"#{line[2:]}"
    return line[2:] if _COMMENTED_MAGIC.match(line) else line


def to_markdown(cells: Iterable[Cell], language: str = "python") -> str:
    """The cells as Markdown, with code in fences."""
    parts = []
    for cell in cells:
        source = cell.source.rstrip("\n")
        if cell.kind == "markdown":
            parts.append(source)
            continue
        longest = max((len(found) for found in re.findall("`{3,}", source)), default=2)
        fence = "`" * (longest + 1)
        parts.append(f"{fence}{language if cell.kind == 'code' else cell.kind}\n{source}\n{fence}")
    return "\n\n".join([part for part in parts if part]) + "\n"


def from_markdown(text: str, language: str = "python") -> list[Cell]:
    """The cells of a Markdown text: fences of the language are code, all else is words."""
    cells: list[tuple[str, str]] = []
    words: list[str] = []
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        fence = _FENCE.match(lines[at])
        end = next(filter(_closes(fence[1], lines), range(at + 1, len(lines))), None) if fence else None
        if fence is None or end is None:
            words.append(lines[at])
            at += 1
            continue
        name = fence[2].strip("{}.")
        if name in (language, "raw"):
            cells += _words(words)
            words = []
            cells.append(("code" if name == language else "raw", "\n".join(lines[at + 1 : end])))
        else:
            words += lines[at : end + 1]
        at = end + 1
    return _named([*cells, *_words(words)])


def _closes(fence: str, lines: Sequence[str]) -> Callable[[int], bool]:
    return lambda at: (
        lines[at].rstrip() == fence[0] * len(lines[at].rstrip()) and len(lines[at].rstrip()) >= len(fence)
    )


def _words(lines: Sequence[str]) -> list[tuple[str, str]]:
    kept = _without_blank_ends(lines)
    return [("markdown", "\n".join(kept))] if kept else []


def _without_blank_ends(lines: Sequence[str]) -> list[str]:
    kept = list(lines)
    while kept and not kept[-1].strip():
        kept.pop()
    while kept and not kept[0].strip():
        kept.pop(0)
    return kept


def _named(cells: Sequence[tuple[str, str]]) -> list[Cell]:
    ids = assign_ids([None] * len(cells))
    return [Cell(kind, name, source) for name, (kind, source) in zip(ids, cells, strict=True)]


def new_file(cells: Iterable[Cell]) -> str:
    """The text of a new notebook file with these cells."""
    return read_notebook(EMPTY).with_cells([(None, cell) for cell in cells])
