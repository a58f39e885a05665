"""A notebook file with git's conflict markers, as a notebook with the cells of both sides.

git merges lines, so a conflict leaves the JSON broken, mostly for nothing: two people ran one cell. Here each side is taken out whole and
parsed. A cell that both have with the same source is one, with the outputs of our side. Where git wrote down the common state (`merge.conflictStyle = diff3`)
the sides are merged as any change of the file is. Without it, a cell that differs is there twice, theirs below ours.
"""

from __future__ import annotations

import json
import re
from typing import Final

from jpterm_like.notebook.cells import assign_ids, join_cells
from jpterm_like.notebook.convert import cells_of, file_of, first_ids, text_of
from jpterm_like.notebook.ipynb import Cell, FileCell, NotANotebook, NotebookFile, read_notebook
from jpterm_like.notebook.merge import carry_ids, match_cells, merge_cells

_MARKED: Final = re.compile(r"^<{7} ", re.M)
_STEPS: Final = {"": "<", "<": "|=", "|": "=", "=": ">"}
"""Which marker may follow which; after `>` one may begin again."""


def has_conflicts(text: str) -> bool:
    """Whether a text has a line with which git begins a conflict; in JSON no line begins so."""
    return _MARKED.search(text) is not None


def resolved(text: str) -> NotebookFile:
    """The notebook of both sides.

    Raises:
        NotANotebook: there is no conflict, or a side is none.
    """
    ours, common, theirs = _sides(text)
    mine, other = read_notebook(ours), read_notebook(theirs)
    if common is not None:
        try:
            return _merged(read_notebook(common), mine, other)
        except NotANotebook:
            pass  # what both had may lack what one has added around the conflict
    return _joined(mine, other)


def _sides(text: str) -> tuple[str, str | None, str]:
    """The text of either side, and of what both had before if all conflicts have it."""
    ours, common, theirs = list[str](), list[str](), list[str]()
    state, count, commons = "", 0, 0
    for line in re.findall(r"[^\n]*\n|[^\n]+$", text):
        sign = line[0]
        if line[:7] == sign * 7 and sign in _STEPS[state] and line[7:8] in (" ", "\n", "\r", ""):
            count += sign == "<"
            commons += sign == "|"
            state = "" if sign == ">" else sign
            continue
        if state in ("", "<"):
            ours.append(line)
        if state in ("", "|"):
            common.append(line)
        if state in ("", "="):
            theirs.append(line)
    if not count or state:
        raise NotANotebook("its conflict markers are incomplete")
    return "".join(ours), "".join(common) if commons == count else None, "".join(theirs)


def _merged(common: NotebookFile, mine: NotebookFile, other: NotebookFile) -> NotebookFile:
    ids = first_ids(common)
    my_ids, other_ids = (carry_ids(common.cells, ids, side.cells) for side in (mine, other))
    text = text_of(mine, my_ids)
    merge = merge_cells(cells_of(common.cells, ids), cells_of(other.cells, other_ids), text)
    theirs = {
        name: other.text[cell.start : cell.end] for name, cell in zip(other_ids, other.cells, strict=True)
    }
    return read_notebook(file_of(mine, my_ids, merge.apply(text), theirs)[0])


def _joined(mine: NotebookFile, other: NotebookFile) -> NotebookFile:
    my_ids = first_ids(mine)
    partners = match_cells(mine.cells, other.cells)
    # Behind each cell of ours what theirs has there; behind -1 what is before all.
    behind: dict[int, list[FileCell]] = {}
    place = -1
    for at, cell in zip(partners, other.cells, strict=True):
        place = place if at is None else at
        if at is None or (cell.kind, cell.source) != (mine.cells[at].kind, mine.cells[at].source):
            behind.setdefault(place, []).append(cell)
    added = [cell for at in sorted(behind) for cell in behind[at]]
    ids = assign_ids([*my_ids, *(cell.id for cell in added)])[len(my_ids) :]
    former: dict[str, str] = {}
    cells: list[Cell] = []
    left = iter(zip(ids, added, strict=True))
    for at in range(-1, len(mine.cells)):
        if at >= 0:
            cells.append(cells_of([mine.cells[at]], [my_ids[at]])[0])
        for _ in behind.get(at, ()):
            name, cell = next(left)
            cells.append(Cell(cell.kind, name, cell.source))
            value = json.loads(other.text[cell.start : cell.end])
            former[name] = json.dumps({**value, "id": name} if "id" in value else value, ensure_ascii=False)
    return read_notebook(file_of(mine, my_ids, join_cells(cells), former)[0])
