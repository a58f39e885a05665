"""The outputs of a notebook below its cells, in an editor: where they come from, and when they are drawn anew.

Loaded for notebooks only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

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
        self._view = view
        self._paint_soon = paint_soon
        self._images = Images(self._draw_pictures)
        cells, look = CellRows(text_layout), look_of(palette)
        labels = KeyLabels(keys.key_label("toggle_fold"), keys.key_label("notebook_menu"))
        self.blocks = OutputBlocks(cells, view, session, look, self._images.picture, labels)
        view.rows_below = self.blocks.count
        renderer.outputs = self.blocks
        session.follow_outputs()

    def follow(self, changes: Sequence[RowChange]) -> None:
        """Update after an edit of the text, before the view does."""
        self.blocks.cells.follow(changes)

    def changed(self) -> None:
        """Have the rows counted again: some cells gave something else."""
        self._view.refold()

    def toggle(self, row: int) -> bool:
        """Open the long outputs of the cell that a row is in, or fold them; return whether there are any."""
        if not self.blocks.toggle(row):
            return False
        self.changed()
        return True

    def use_palette(self, palette: Palette) -> None:
        self.blocks.use_look(look_of(palette))
        self.changed()

    def stop(self) -> None:
        self._images.stop()

    def _draw_pictures(self) -> None:
        self.blocks.forget_waiting()
        self.changed()
        self._paint_soon()
