"""The mouse: click, drag, double and triple click, wheel, scrollbar."""

from __future__ import annotations

from time import monotonic
from typing import Final

from textual import events
from textual.geometry import Offset
from textual.timer import Timer

from jpterm_like.tui.commands.basic import scroll
from jpterm_like.tui.commands.editing import Editing
from jpterm_like.tui.commands.links import target_at
from jpterm_like.tui.commands.multiple_carets import toggle_caret
from jpterm_like.tui.render.screen import Rows

WHEEL_ROWS: Final = 3
"""How far one notch of the wheel scrolls."""

CLICK_CHAIN_S: Final = 0.4
"""Two presses on one cell within this time are a double click."""

DRAG_SCROLL_S: Final = 0.05
"""While a drag is outside of the text, the view scrolls one row in this time."""


class Mouse:
    """Handles the mouse in a text that is shown by a widget."""

    def __init__(self, editor: Editing, widget: Rows) -> None:
        self._editor = editor
        self._widget = widget
        self._clicks: tuple[float, int, int, int] = (0.0, -1, -1, 0)
        """When and where the button was last pressed, and whether that was the first, second or third click."""
        self._drag: tuple[int, int, int] | None = None
        """Where a drag began: start and end of what was clicked, and the number of clicks."""
        self._drag_at = Offset(0, 0)
        self._drag_timer: Timer | None = None
        self._drags_scrollbar = False

    def _offset_under(self, x: int, y: int) -> int:
        return self._editor.view.offset_at(x - self._editor.text_x, y)

    def press(self, event: events.MouseDown) -> None:
        if event.button != 1 or not self._editor.session.ready or self._editor.bulk_edit is not None:
            return
        event.stop()
        self._editor.stop_following()
        self._widget.capture_mouse()
        if event.x == self._widget.size.width - 1:
            self._drags_scrollbar = True
            self._scroll_to_bar(event.y)
            return
        outputs = self._editor.outputs
        if outputs is not None and outputs.press(self._editor, event.x - self._editor.text_x, event.y):
            self._editor.update()
            return
        clock = monotonic()
        when, x, y, count = self._clicks
        again = clock - when < CLICK_CHAIN_S and (x, y) == (event.x, event.y)
        count = count % 3 + 1 if again else 1
        self._clicks = (clock, event.x, event.y, count)
        offset = self._offset_under(event.x, event.y)
        if event.ctrl and (target := target_at(self._editor, offset)) is not None:
            self._editor.follow_link(target)
            return
        if event.ctrl or event.meta:
            toggle_caret(self._editor, offset)
            return
        if event.shift:
            mark = self._editor.cursor.caret if self._editor.cursor.mark is None else self._editor.cursor.mark
            self._drag = (mark, mark, 1)
            self._editor.go(offset, select=True)
            return
        self._editor.drop_carets()
        start, end = self._unit(offset, count)
        self._drag = (start, end, count)
        self._editor.session.break_undo()
        self._editor.cursor.put(end, start)
        self._editor.share_caret()
        self._editor.update()

    def _unit(self, offset: int, count: int) -> tuple[int, int]:
        """The range that a click selects: nothing, a word, a line."""
        if count == 2:
            return self._editor.text_layout.word_at(offset)
        if count == 3:
            return self._editor.text_layout.row_span(self._editor.text_layout.lines.row(offset))
        return offset, offset

    def move(self, event: events.MouseMove) -> None:
        if self._drags_scrollbar:
            self._scroll_to_bar(event.y)
        elif self._editor.outputs is not None and self._editor.outputs.drag(event.x - self._editor.text_x):
            self._editor.update()
        elif self._drag is not None:
            self._drag_at = Offset(event.x, event.y)
            self._extend()
            outside = not 0 <= event.y < self._widget.size.height
            if outside and self._drag_timer is None:
                self._drag_timer = self._widget.set_interval(DRAG_SCROLL_S, self._extend)
            elif not outside:
                self._stop_drag_timer()

    def _extend(self) -> None:
        """Extend the selection to the mouse; scroll if it is outside."""
        if self._drag is None:
            return
        x, y = self._drag_at
        if y < 0:
            self._editor.view.scroll(-1)
        elif y >= self._widget.size.height:
            self._editor.view.scroll(1)
        first, last, count = self._drag
        offset = self._offset_under(x, max(0, min(y, self._widget.size.height - 1)))
        start, end = self._unit(offset, count)
        if start < first:
            self._editor.cursor.put(start, last)
        else:
            self._editor.cursor.put(max(end, last), first)
        self._editor.share_caret()
        self._editor.update()

    def release(self) -> None:
        self._widget.release_mouse()
        self._drag = None
        if self._editor.outputs is not None:
            self._editor.outputs.release()
        self._drags_scrollbar = False
        self._stop_drag_timer()

    def _stop_drag_timer(self) -> None:
        if self._drag_timer is not None:
            self._drag_timer.stop()
            self._drag_timer = None

    def _scroll_to_bar(self, y: int) -> None:
        height = self._widget.size.height
        row = (
            max(0, min(y, height - 1)) * len(self._editor.text_layout.lines) // max(1, height - 1)
            - height // 2
        )
        self._editor.view.top = (max(0, min(row, len(self._editor.text_layout.lines) - 1)), 0)
        self._editor.view.scroll(0)
        if self._editor.view.top > self._editor.view.lowest_top():
            self._editor.view.top = self._editor.view.lowest_top()
        self._editor.update()

    def scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._editor.stop_following()
        scroll(self._editor, -WHEEL_ROWS)

    def scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._editor.stop_following()
        scroll(self._editor, WHEEL_ROWS)
