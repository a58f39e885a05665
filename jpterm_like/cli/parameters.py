"""Parameters of a notebook that a shell gives: `run --param n=3`.

They are put into a cell of their own, which everybody sees, and which the next call changes: below the first cell that gives one of them a
value, so that it wins; else above all code. That is what papermill does, which finds the cell by a tag.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from jpterm_like.client.session import Session
from jpterm_like.errors import JptermError
from jpterm_like.notebook.cells import Part, escape, marker, parts_of

CELL: Final = "injected-parameters"
"""The id of the cell."""
HEAD: Final = "# Parameters of jpterm-like run"


def put_parameters(session: Session, parameters: Mapping[str, str], wanted: Sequence[str]) -> list[str]:
    """Put the parameters into their cell, and return the cells to run, with it among them.

    Raises:
        JptermError: there is no cell of code.
    """
    text = session.text
    parts = [part for part in parts_of(text) if part.kind == "code" and part.id]
    if not parts:
        raise JptermError("There is no cell of code to run.")
    body = escape("\n".join([HEAD, *(f"{name} = {value}" for name, value in parameters.items())]))
    mine = next((part for part in parts if part.id == CELL), None)
    others = [part for part in parts if part.id != CELL]
    if mine is not None:
        if text[mine.body : mine.end] != body:
            session.replace(mine.marker_end, mine.end, f"\n{body}")
        start = mine.start
    else:
        given = next((part for part in others if _gives_one(text, part, parameters)), None)
        if given is not None:
            session.replace(given.end, given.end, f"\n{marker('code', CELL)}\n{body}")
            start = given.end
        else:
            start = others[0].start
            session.replace(start, start, f"{marker('code', CELL)}\n{body}\n")
    places = {part.id: part.start for part in others}
    names = [name for name in wanted if name != CELL]
    at = next((at for at, name in enumerate(names) if places[name] >= start), len(names))
    return [*names[:at], CELL, *names[at:]]


def _gives_one(text: str, part: Part, parameters: Mapping[str, str]) -> bool:
    """Whether a cell gives one of the parameters a value."""
    names = "|".join(map(re.escape, parameters))
    return bool(re.search(rf"^(?:{names})\s*(?::[^=\n]*)?=(?!=)", text[part.body : part.end], re.M))
