"""The markers of a notebook's cells in its text, as they are drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from jpterm_like.tui.text.cells import cut, width_of

TITLES: Final = {"code": "", "markdown": "Markdown", "raw": "raw"}
ROWS_READ: Final = 1_000
"""In a cell longer than this its type is not looked up."""


def is_notebook(title: str) -> bool:
    """Whether a text of this name may be the cells of a notebook."""
    return title.endswith(".ipynb")


def kind_of_marker(line: str) -> str | None:
    """The type of the cell that a line begins; None if it is no marker."""
    if not line.startswith("# %%"):
        return None
    from jpterm_like.notebook.cells import parts_of  # few texts have them

    part = parts_of(line)[0]
    return part.kind if part.marker_end == len(line) else None


def kind_at(line: Callable[[int], str], row: int) -> str:
    """The type of the cell that a row is in."""
    for above in range(row, max(-1, row - ROWS_READ), -1):
        if (kind := kind_of_marker(line(above))) is not None:
            return kind
    return "code"


def rule_of(line: str, width: int, badge: str = "") -> str | None:
    """What is drawn instead of a line; None if it is no marker. `badge`: what is said of the cell's run."""
    kind = kind_of_marker(line)
    if kind is None:
        return None
    words = " · ".join(word for word in (TITLES.get(kind, kind), badge) if word)
    if not words:
        return "─" * width
    rule = f"── {cut(words, max(1, width - 5))} "
    return cut(rule + "─" * (width - width_of(rule)), width)
