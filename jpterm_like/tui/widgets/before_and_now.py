"""Shows lines as they were and as they are, in the way of a diff, with keys to revert them and to go on to the next change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from jpterm_like.tui.text.cells import clean
from jpterm_like.tui.widgets.dialogs import TOP, TOP_HEIGHT_MIN, Dialog
from jpterm_like.tui.widgets.options import hint_style

LINES_MAX: Final = 400
"""Lines of each side that are shown."""

LINE_CELLS_MAX: Final = 500
"""Cells of a line that are shown."""

FRAME_ROWS: Final = 5
"""Rows of the dialog that are not lines: border, title, keys and the row above them."""

ANSWERS: Final = {"r": "revert", "n": "next", "p": "previous"}


class BeforeAndNow(Dialog[str | None]):
    """Returns "revert", "next" or "previous"; None when closed."""

    def __init__(self, title: str, before: Sequence[str], now: Sequence[str], tab_width: int) -> None:
        super().__init__()
        self._title = title
        self._before, self._now = before, now
        self._tab_width = tab_width

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog", classes="wide"):
            yield Static(self._title, id="dialog-title", markup=False)
            with VerticalScroll(id="lines-scroll", can_focus=False):
                yield Static(self._lines(), id="lines-text")
            yield Static("r revert   n next   p previous   esc close", id="dialog-foot", markup=False)

    def fit(self, width: int, height: int) -> None:
        super().fit(width, height)
        top = TOP if height >= TOP_HEIGHT_MIN else 0
        self.query_one("#lines-scroll").styles.max_height = max(1, height - top - FRAME_ROWS)

    def _lines(self) -> Content:
        parts: list[tuple[str, str]] = []
        for sign, lines, style in (("-", self._before, "$error"), ("+", self._now, "$success")):
            for line in lines[:LINES_MAX]:
                parts.append((f"{sign} {clean(line.expandtabs(self._tab_width), LINE_CELLS_MAX)}\n", style))
            if len(lines) > LINES_MAX:
                parts.append((f"{sign} … and {len(lines) - LINES_MAX:,} more lines\n", hint_style(self.app)))
        return Content.assemble(*parts).rstrip()

    def on_key(self, event: events.Key) -> None:
        command = self.keymap.command(event.key) or ""
        answer = ANSWERS.get(event.key) or {"next_hunk": "next", "previous_hunk": "previous"}.get(command)
        if answer is not None:
            event.stop()
            self.dismiss(answer)
        elif self.is_closing(event.key) or command == "show_hunk" or event.key == "enter":
            event.stop()
            self.dismiss(None)
        else:
            self.scroll_by_key(event)
