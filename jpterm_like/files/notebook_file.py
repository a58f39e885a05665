"""The bytes of a notebook file as the text that people edit, and back; see `jpterm_like.notebook`.

What is known of such a file (`charsets.Known`) has the ids that its cells have in the text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from jpterm_like.files.charsets import UTF_8, Known
from jpterm_like.notebook import conflicts
from jpterm_like.notebook.cells import marker, parts_of, split_cells
from jpterm_like.notebook.convert import cells_of, file_of, first_ids, text_of
from jpterm_like.notebook.ipynb import (
    FileCell,
    NotANotebook,
    NotebookFile,
    Result,
    read_notebook,
    with_metadata,
)
from jpterm_like.notebook.merge import carry_ids, merge_cells
from jpterm_like.notebook.widgets import STATE_TYPE
from jpterm_like.textdiff.merge import Merge

_SURROGATES: Final = re.compile("[\ud800-\udfff]")


def read_cells(raw: bytes, known: Known) -> tuple[str, tuple[str, ...]]:
    """The text of a notebook file, and the ids that its cells have there: those of the state that is known, where they are its cells.

    Raises:
        NotANotebook: it is edited as text.
    """
    file = _notebook(raw)
    ids = first_ids(file)
    if known.cells is not None and known.raw:
        former = _noted(known)
        ids = carry_ids(former.cells, _ids_of(former, known), file.cells)
    return text_of(file, ids), tuple(ids)


def cells_text(state: Known) -> str:
    """The text of a state of a notebook file."""
    file = _noted(state)
    return text_of(file, _ids_of(file, state))


def cell_texts(state: Known) -> dict[str, str]:
    """What each cell of a state is in the file, in JSON, by its id in the text."""
    file = _noted(state)
    return {
        name: file.text[cell.start : cell.end]
        for name, cell in zip(_ids_of(file, state), file.cells, strict=True)
    }


def notebook_metadata(state: Known) -> dict[str, Any]:
    """The metadata of a state of a notebook file; empty if there are none."""
    value = _value(_noted(state)).get("metadata")
    return value if isinstance(value, dict) else {}


class FileOutputs(NamedTuple):
    """What a notebook file holds besides its cells' sources."""

    results: dict[str, Result]
    """The outputs of each cell of code, by its id in the text."""
    widgets: object
    """The states of widgets, as the file has them; None if it has none."""


def file_outputs(state: Known) -> FileOutputs:
    """The outputs that a state of a notebook file holds."""
    file = _noted(state)
    value = _value(file)
    results = {}
    for name, cell, inside in zip(_ids_of(file, state), file.cells, value.get("cells", []), strict=True):
        if cell.kind == "code":
            number, outputs = inside.get("execution_count"), inside.get("outputs")
            results[name] = Result(
                number if type(number) is int and 0 <= number < 2**31 else None,
                [each for each in outputs if isinstance(each, dict)] if isinstance(outputs, list) else [],
            )
    metadata = value.get("metadata")
    widgets = metadata.get("widgets") if isinstance(metadata, dict) else None
    return FileOutputs(results, widgets.get(STATE_TYPE) if isinstance(widgets, dict) else None)


def _value(file: NotebookFile) -> dict[str, Any]:
    """The JSON of a notebook file, which may begin with a byte order mark."""
    value: dict[str, Any] = json.loads(file.text.removeprefix("\ufeff") or "{}")
    return value


def encode_cells(
    text: str,
    base: Known,
    former: Mapping[str, str] | None = None,
    results: Mapping[str, Result] | None = None,
    widgets: Mapping[str, Any] | None = None,
    kernel: str = "",
) -> Known:
    """The state of a notebook file that holds this text, made of the one that was last read or written.

    `former` is what cells were that went from the file (see `cell_texts`), `results` what runs gave, and `widgets` the states of what
    they show; with `results` alone there are none any more. `kernel` is the name of the one that gave the results: a file that names none is
    given it, so that Jupyter does not ask.
    """
    text = _SURROGATES.sub("\ufffd", text)
    if not base.raw.strip() and not text:
        return base
    file = _noted(base)
    written, ids = file_of(file, _ids_of(file, base), text, former, results)
    if results:
        metadata = notebook_metadata(base)
        if kernel and "kernelspec" not in metadata:
            written = with_metadata(written, "kernelspec", {"display_name": kernel, "name": kernel})
        former_widgets = metadata.get("widgets")
        if widgets or isinstance(former_widgets, dict):
            others = dict(former_widgets) if isinstance(former_widgets, dict) else {}
            others.pop(STATE_TYPE, None)
            value = {**others, STATE_TYPE: widgets} if widgets else others
            written = with_metadata(written, "widgets", value or None)
    return base._replace(raw=written.encode("utf-8"), charset=UTF_8, cells=tuple(ids))


def merge_notebooks(base: Known, disk: Known, ours: str) -> Merge:
    """Merge what other programs made of a state of the file into our text, by cell."""
    was, there = _noted(base), _notebook(disk.raw)
    return merge_cells(
        cells_of(was.cells, _ids_of(was, base)), cells_of(there.cells, _ids_of(there, disk)), ours
    )


def with_ids_of(text: str, reference: str) -> str:
    """A text of cells with the ids of another one for those that are the same cells there."""
    cells, others = _as_in_file(text), _as_in_file(reference)
    ids = carry_ids(others, [cell.id or "" for cell in others], cells)
    return "\n".join(
        [
            f"{marker(part.kind, name)}\n{text[part.body : part.end]}"
            for part, name in zip(parts_of(text), ids, strict=True)
        ]
    )


def why_text(raw: bytes) -> str | None:
    """Why a file is edited as text although its name is a notebook's; None if it need not be."""
    try:
        _notebook(raw)
    except NotANotebook as reason:
        return str(reason)
    return None


def are_cells(text: str) -> bool:
    """Whether a text of a document with such a name is cells; else it is the file's JSON, as earlier releases edited it."""
    return '"nbformat"' not in text or any(part.id for part in parts_of(text))


def _as_in_file(text: str) -> list[FileCell]:
    return [FileCell(0, 0, cell.kind, cell.id or None, cell.source) for cell in split_cells(text)]


def has_conflicts(raw: bytes) -> bool:
    """Whether git has left conflict markers in a notebook file: its cells are those of both sides."""
    return b"<<<<<<< " in raw and conflicts.has_conflicts(raw.decode("utf-8", "replace"))


def _notebook(raw: bytes) -> NotebookFile:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise NotANotebook("it is not UTF-8") from None
    try:
        return read_notebook(text)
    except NotANotebook:
        if conflicts.has_conflicts(text):
            return conflicts.resolved(text)
        raise


def _noted(state: Known) -> NotebookFile:
    """The notebook of a state that was noted; an empty one if the note was damaged since."""
    try:
        return _notebook(state.raw)
    except NotANotebook:
        return read_notebook("")


def _ids_of(file: NotebookFile, state: Known) -> Sequence[str]:
    """The ids that are noted for a state; if the note was lost, as if the file was opened for the first time."""
    noted = state.cells or ()
    return noted if len(noted) == len(file.cells) else first_ids(file)
