"""From a notebook file to the text that people edit, and back.

A file and its text have the same cells in the same order, and the text has an id for each: `ids` says which. They are not always the
file's own: it may have none, or another program may have given all cells new ones. So they are kept beside the file's state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jpterm_like.notebook.cells import assign_ids, join_cells, split_cells
from jpterm_like.notebook.ipynb import Cell, FileCell, NotebookFile, Result


def first_ids(file: NotebookFile) -> list[str]:
    """The ids in the text of a file that is opened for the first time."""
    return assign_ids([cell.id for cell in file.cells])


def cells_of(cells: Sequence[FileCell], ids: Sequence[str]) -> list[Cell]:
    """The cells of a file as they stand in the text."""
    return [Cell(cell.kind, name, cell.source) for cell, name in zip(cells, ids, strict=True)]


def text_of(file: NotebookFile, ids: Sequence[str]) -> str:
    """The text of a file."""
    return join_cells(cells_of(file.cells, ids))


def file_of(
    file: NotebookFile,
    ids: Sequence[str],
    text: str,
    former: Mapping[str, str] | None = None,
    results: Mapping[str, Result] | None = None,
) -> tuple[str, list[str]]:
    """The file with the cells of a text, and the ids of its cells. A file that holds them already stays as it is.

    `former` is what cells were that the file had before, and `results` what runs gave, by their ids in the text.
    """
    cells = split_cells(text)
    # The mender gives ids at once; if it could not, they are made of the place.
    names = assign_ids([cell.id or None for cell in cells])
    numbers = {name: at for at, name in enumerate(ids)}
    return file.with_cells(
        [(numbers.get(name), cell._replace(id=name)) for name, cell in zip(names, cells, strict=True)],
        former,
        results,
    ), names
