"""The outputs of a notebook below its cells, in an editor: where they come from, and when they are drawn anew.

Loaded for notebooks only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from crdt.patch import Patch
from jpterm_like.tui.keymap import Keymap
from jpterm_like.tui.outputs.blocks import OutputBlocks
from jpterm_like.tui.outputs.images import Images
from jpterm_like.tui.outputs.look import look_of
from jpterm_like.tui.outputs.render import KeyLabels
from jpterm_like.tui.ports import EditorSession
from jpterm_like.tui.render.palette import Palette
from jpterm_like.tui.render.rows import RowRenderer
from jpterm_like.tui.text.cell_rows import CellRows
from jpterm_like.tui.text.layout import TextLayout
from jpterm_like.tui.text.line_index import RowChange
from jpterm_like.tui.text.viewport import View
from jpterm_like.tui.text.wrap import BELOW

if TYPE_CHECKING:
    from jpterm_like.tui.commands.widgets import Holder, WidgetHand
    from jpterm_like.tui.outputs.widgets import Place

DISK = "disk"
"""The author of what came from the file: `sync.unsaved_work.DISK`."""


class Outputs:
    """The outputs in one view of a notebook. Call `stop` when it is closed."""

    def __init__(
        self,
        text_layout: TextLayout,
        view: View,
        renderer: RowRenderer,
        session: EditorSession,
        palette: Palette,
        keys: Keymap,
        paint_soon: Callable[[], None],
    ) -> None:
        self.known_writers: set[str] = set()
        """Others whose cells the person agreed to run."""
        self._writers: dict[str, dict[str, None]] = {}
        """Who wrote in each cell since the notebook was opened here, other than this opening."""
        self._view = view
        self._paint_soon = paint_soon
        self._hand: WidgetHand | None = None
        """None: the keys go to the text."""
        self._dragged: Place | None = None
        self._images = Images(self._draw_pictures)
        cells, look = CellRows(text_layout), look_of(palette)
        labels = KeyLabels(*map(keys.key_label, ("toggle_fold", "notebook_menu", "show_outputs")))
        self.blocks = OutputBlocks(cells, view, session, look, self._images.picture, labels)
        view.rows_below = self.blocks.count
        renderer.outputs = self.blocks
        session.follow_outputs()

    def follow(self, changes: Sequence[RowChange]) -> None:
        """Update after an edit of the text, before the view does."""
        self.blocks.cells.follow(changes)

    def note_writers(self, patch: Patch, text_layout: TextLayout) -> None:
        """Note who wrote what a patch of others brought, after `follow`. Deletions have no author."""
        cells, buffer, shift = self.blocks.cells, text_layout.buffer, 0
        for start, end, text in reversed(patch.splices):
            begin = start + shift
            shift += len(text) - (end - start)
            if not text:
                continue
            names = {
                buffer.author_of(site): None for _, _, site, _ in buffer.authorship(begin, begin + len(text))
            }
            row = text_layout.lines.row(begin)
            last = text_layout.lines.row(begin + len(text))
            for cell in {
                cells.at(row),
                *(name for name, at in zip(cells.ids, cells.rows, strict=True) if row <= at <= last),
            }:
                self._writers.setdefault(cell, {}).update(names)

    def unknown_writers(self, cells: Sequence[str], mine: str) -> list[str]:
        """Those who wrote in some cells, and of whom the person was not told yet. Other programs that wrote the file are no persons."""
        names = {name: None for cell in cells for name in self._writers.get(cell, ())}
        return [name for name in names if name not in ("", DISK, mine) and name not in self.known_writers]

    def changed(self) -> None:
        """Have the rows counted again: some cells gave something else."""
        self._view.refold()

    def toggle(self, row: int) -> bool:
        """Open the long outputs of the cell that a row is in, or fold them; return whether there are any."""
        if not self.blocks.toggle(row):
            return False
        self.changed()
        return True

    # ------------------------------------------------------------------ widgets

    def enter_widgets(self, editor: Holder, row: int) -> bool:
        """Let the keys go to the widgets of the cell that a row is in; False if it has none that can be moved."""
        hand = self._hand_for(editor, self.blocks.cells.at(row))
        if not hand.enter():
            self._hand = None
            return False
        return True

    def key(self, key: str, text: str | None) -> bool:
        """Handle a key while keys go to widgets; False if it is for the text."""
        if self._hand is None:
            return False
        is_taken = self._hand.key(key, text)
        if not self.blocks.hand.focus:
            self._hand = None
        return is_taken

    def leave_widgets(self) -> None:
        """Let the keys go to the text."""
        if self._hand is not None:
            self._hand.leave()
            self._hand = None
        self._dragged = None

    def press(self, editor: Holder, x: int, y: int) -> bool:
        """Take hold of the widget that is drawn at a place of the view; False if none is."""
        found = self._place_at(x, y)
        if found is None:
            self.leave_widgets()
            return False
        cell, place = found
        hand = self._hand_for(editor, cell)
        hand.click(place, x)
        self._dragged = place if place.track is not None else None
        return True

    def drag(self, x: int) -> bool:
        """Drag the slider that is held; False if none is."""
        if self._dragged is None or self._hand is None:
            return False
        self._hand.drag(self._dragged, x)
        return True

    def release(self) -> None:
        self._dragged = None

    def _hand_for(self, editor: Holder, cell: str) -> WidgetHand:
        from jpterm_like.tui.commands.widgets import WidgetHand

        if self._hand is None or self._hand.cell != cell:
            self.leave_widgets()
            self._hand = WidgetHand(editor, self.blocks, cell, self._widget_changed)
        return self._hand

    def _widget_changed(self, cell: str) -> None:
        self.blocks.forget(cell)
        self.changed()
        self._paint_soon()

    def _place_at(self, x: int, y: int) -> tuple[str, Place] | None:
        """The widget at a place of the view, and its cell; of those in each other the innermost."""
        rows = self._view.rows()
        if not 0 <= y < len(rows) or rows[y][1] < BELOW:
            return None
        row, number = rows[y][0], rows[y][1] - BELOW
        cell = self.blocks.cells.ending_at(row)
        found = [
            place
            for place in self.blocks.places(cell)
            if place.row == number and place.start <= x < place.end
        ]
        return (cell, min(found, key=lambda place: place.end - place.start)) if found else None

    def use_palette(self, palette: Palette) -> None:
        self.blocks.use_look(look_of(palette))
        self.changed()

    def stop(self) -> None:
        self._images.stop()

    def _draw_pictures(self) -> None:
        self.blocks.forget_waiting()
        self.changed()
        self._paint_soon()
