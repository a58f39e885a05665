"""The outputs of a notebook as rows below its cells, for the view and the renderer of the text's rows.

Only cells near the screen are rendered. What was rendered is kept until the outputs, the width or the theme change.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, NamedTuple, Protocol

from jpterm_like.notebook.outputs import CellOutputs
from jpterm_like.tui.outputs.look import Look
from jpterm_like.tui.outputs.render import KeyLabels, Pictures, render
from jpterm_like.tui.outputs.widgets import Hand, Place
from jpterm_like.tui.render.rows import OutputRow
from jpterm_like.tui.text.cell_rows import CellRows
from jpterm_like.tui.text.viewport import View

CELLS_KEPT: Final = 200
"""Cells whose rows are kept: some screens of them."""


class OutputSource(Protocol):
    """Where the outputs of a notebook come from."""

    def outputs_of(self, cell: str) -> CellOutputs:
        """What is shown below a cell, by its id; nothing for one that is not known. It is called for each row that is drawn."""


_EMPTY: Final = OutputRow([])


class _Drawn(NamedTuple):
    key: tuple[object, ...]
    rows: list[OutputRow]
    is_long: bool
    waits: bool
    places: list[Place]


class OutputBlocks:
    """The rows below the cells of a text."""

    def __init__(
        self,
        cells: CellRows,
        view: View,
        source: OutputSource,
        look: Look,
        pictures: Pictures,
        keys: KeyLabels,
    ) -> None:
        self.cells = cells
        self.open: set[str] = set()
        """The cells whose long outputs are open."""
        self.hand = Hand()
        """What is done with widgets at the moment. Call `forget` for a cell when it has changed."""
        self._keys = keys
        self._view = view
        self._source = source
        self._look = look
        self._pictures = pictures
        self._drawn: OrderedDict[str, _Drawn] = OrderedDict()

    def count(self, row: int) -> int:
        """How many rows of outputs are below a row of the text."""
        return len(self._rows(row))

    def row(self, row: int, number: int) -> OutputRow:
        """One of them; an empty one if there are not so many any more."""
        rows = self._rows(row)
        return rows[number] if number < len(rows) else _EMPTY

    def badge(self, row: int) -> str:
        """What the rule in a row says of its cell's run."""
        name = self.cells.beginning_at(row)
        return self._source.outputs_of(name).badge if name else ""

    def toggle(self, row: int) -> bool:
        """Open the outputs of the cell that a row is in, or fold them; False if there is nothing to open."""
        name = self.cells.at(row)
        if not name:
            return False
        if name in self.open:
            self.open.discard(name)
            return True
        self._rows(self.cells.last_row(row))
        drawn = self._drawn.get(name)
        if drawn is None or not drawn.is_long:
            return False
        self.open.add(name)
        return True

    def places(self, cell: str) -> list[Place]:
        """Where the widgets of a cell are in its rows, as they were drawn last."""
        drawn = self._drawn.get(cell)
        return [] if drawn is None else drawn.places

    def outputs_of(self, cell: str) -> CellOutputs:
        """What is shown below a cell."""
        return self._source.outputs_of(cell)

    def forget(self, cell: str) -> None:
        """Have a cell drawn anew."""
        drawn = self._drawn.get(cell)
        if drawn is not None:
            self._drawn[cell] = drawn._replace(key=())

    def forget_waiting(self) -> None:
        """Have cells drawn anew that wait for a picture."""
        self._drawn = OrderedDict((name, drawn) for name, drawn in self._drawn.items() if not drawn.waits)

    def use_look(self, look: Look) -> None:
        self._look = look
        self._drawn.clear()

    def _rows(self, row: int) -> list[OutputRow]:
        name = self.cells.ending_at(row)
        if not name:
            return []
        outputs = self._source.outputs_of(name)
        if not outputs.items:
            return []
        key = outputs.version, outputs.is_running, self._view.width, name in self.open
        drawn = self._drawn.get(name)
        if drawn is None or drawn.key != key:
            drawn = self._draw(name, key, outputs, drawn)
        return drawn.rows

    def _draw(
        self, name: str, key: tuple[object, ...], outputs: CellOutputs, before: _Drawn | None
    ) -> _Drawn:
        rendered = render(
            outputs,
            self._view.width,
            self._look,
            self._pictures,
            is_open=name in self.open,
            keys=self._keys,
            hand=self.hand,
        )
        old = [] if before is None else before.rows
        rows = [
            old[at] if at < len(old) and old[at].segments == row else OutputRow(row)
            for at, row in enumerate(rendered.rows)
        ]
        drawn = _Drawn(key, rows, rendered.is_long, rendered.waits, rendered.places)
        self._drawn[name] = drawn
        self._drawn.move_to_end(name)
        if len(self._drawn) > CELLS_KEPT:
            self._drawn.popitem(last=False)
        return drawn
