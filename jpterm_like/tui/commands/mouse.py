"""The mouse: click, drag, double and triple click, wheel, scrollbar."""

from __future__ import annotations

from time import monotonic

from textual import events
from textual.geometry import Offset
from textual.timer import Timer

from jpterm_like.tui.commands.lines import Reshape
from jpterm_like.tui.render.screen import Rows

# How far one notch of the wheel goes.
WHEEL_ROWS = 3

# Two presses on one cell within this time are a double click.
CLICK_CHAIN_S = 0.4

# While the mouse drags a selection over the edge, the view scrolls one row in this time.
DRAG_SCROLL_S = 0.05


class Mouse(Reshape, Rows):
    """What the mouse does in the text."""

    text_x: int
    """The cell at which the text begins, behind the line numbers."""
    _clicks: tuple[float, int, int, int] = (0.0, -1, -1, 0)
    """When and where the button went down last, and the how-many-eth press that was."""
    _drag: tuple[int, int, int] | None = None
    """What a drag began with: the offsets that were clicked, and how often."""
    _drag_at = Offset(0, 0)
    _drag_timer: Timer | None = None
    _drag_bar = False

    def add_caret(self, offset: int) -> None:
        """See `commands.multiple_carets`."""
        raise NotImplementedError

    def drop_carets(self) -> bool:
        """See `commands.multiple_carets`."""
        raise NotImplementedError

    def _offset_under(self, x: int, y: int) -> int:
        return self.view.offset_at(x - self.text_x, y)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        if event.button != 1 or not self.session.ready or self.sweeping is not None:
            return
        event.stop()
        self.stop_following()
        self.capture_mouse()
        if event.x == self.size.width - 1:
            self._drag_bar = True
            self._scroll_to_bar(event.y)
            return
        clock = monotonic()
        when, x, y, count = self._clicks
        again = clock - when < CLICK_CHAIN_S and (x, y) == (event.x, event.y)
        count = count % 3 + 1 if again else 1
        self._clicks = (clock, event.x, event.y, count)
        offset = self._offset_under(event.x, event.y)
        if event.ctrl or event.meta:
            self.add_caret(offset)
            return
        if event.shift:
            mark = self.cursor.caret if self.cursor.mark is None else self.cursor.mark
            self._drag = (mark, mark, 1)
            self.go(offset, select=True)
            return
        self.drop_carets()
        start, end = self._grain(offset, count)
        self._drag = (start, end, count)
        self.session.break_undo()
        self.cursor.put(end, start)
        self._tell_caret()
        self.update()

    def _grain(self, offset: int, count: int) -> tuple[int, int]:
        """What a click selects: nothing, a word, a line."""
        if count == 2:
            return self.sheet.word_at(offset)
        if count == 3:
            return self.sheet.row_span(self.sheet.lines.row(offset))
        return offset, offset

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._drag_bar:
            self._scroll_to_bar(event.y)
        elif self._drag is not None:
            self._drag_at = Offset(event.x, event.y)
            self._drag_on()
            outside = not 0 <= event.y < self.size.height
            if outside and self._drag_timer is None:
                self._drag_timer = self.set_interval(DRAG_SCROLL_S, self._drag_on)
            elif not outside:
                self._stop_drag_timer()

    def _drag_on(self) -> None:
        """Grow the selection to where the mouse is, scrolling when it is outside."""
        if self._drag is None:
            return
        x, y = self._drag_at
        if y < 0:
            self.view.scroll(-1)
        elif y >= self.size.height:
            self.view.scroll(1)
        first, last, count = self._drag
        offset = self._offset_under(x, max(0, min(y, self.size.height - 1)))
        start, end = self._grain(offset, count)
        if start < first:
            self.cursor.put(start, last)
        else:
            self.cursor.put(max(end, last), first)
        self._tell_caret()
        self.update()

    def on_mouse_up(self, event: events.MouseUp) -> None:
        self.release_mouse()
        self._drag = None
        self._drag_bar = False
        self._stop_drag_timer()

    def _stop_drag_timer(self) -> None:
        if self._drag_timer is not None:
            self._drag_timer.stop()
            self._drag_timer = None

    def _scroll_to_bar(self, y: int) -> None:
        height = self.size.height
        row = max(0, min(y, height - 1)) * len(self.sheet.lines) // max(1, height - 1) - height // 2
        self.view.top = (max(0, min(row, len(self.sheet.lines) - 1)), 0)
        self.view.scroll(0)
        if self.view.top > self.view.lowest_top():
            self.view.top = self.view.lowest_top()
        self.update()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.stop_following()
        self._scroll(-WHEEL_ROWS)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.stop_following()
        self._scroll(WHEEL_ROWS)
