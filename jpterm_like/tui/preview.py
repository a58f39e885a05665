"""How a Markdown text reads, beside it: Textual's own widget, made anew when the keyboard rests.

Loaded when first asked for.
"""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Markdown

from jpterm_like.events import Event
from jpterm_like.tui.cells import clean
from jpterm_like.tui.editor import Editor

# A preview is made anew so long after an edit at the latest.
LOOK_S = 0.3

# More is not shown: nobody reads it beside the text, and it would be made anew as a whole.
SIZE_MAX = 200_000

# On a narrower screen there is no room for both.
WIDTH_MIN = 60


class Preview(VerticalScroll, can_focus=False):
    """The text of the editor that has the keyboard, as its readers will see it."""

    DEFAULT_CSS = """
    Preview#preview {
        width: 1fr;
        height: 100%;
        background: $background;
        color: $foreground;
        border-left: solid $primary;
        padding: 0 1;
        scrollbar-size-vertical: 1;
    }
    """

    def __init__(self, current: Callable[[], Editor | None]) -> None:
        super().__init__(id="preview")
        self._current = current
        self._seen: tuple[Editor | None, int] = (None, 0)
        self._stale = True
        self._forget: Callable[[], None] = lambda: None

    def compose(self) -> ComposeResult:
        yield Markdown(open_links=False)

    async def on_mount(self) -> None:
        self.set_interval(LOOK_S, self.look)
        await self.look()

    def on_unmount(self) -> None:
        self._forget()

    async def look(self) -> None:
        """Show the text as it now is, where the caret is."""
        editor = self._current()
        if editor is None:
            return
        row = editor.sheet.lines.row(editor.cursor.caret)
        if editor is not self._seen[0]:
            self._forget()
            self._forget = editor.session.listen(self._on_session)
            self._stale = True
        if self._stale:
            self._stale = False
            await self.query_one(Markdown).update(readable(editor))
        if (editor, row) != self._seen:
            self._seen = editor, row
            share = row / max(1, len(editor.sheet.lines) - 1)
            self.scroll_to(y=round(share * self.max_scroll_y), animate=False)

    def _on_session(self, event: Event) -> None:
        self._stale = True


def readable(editor: Editor) -> str:
    """The text without what would act in a terminal."""
    buffer = editor.session.buffer
    text = buffer.slice(0, min(len(buffer), SIZE_MAX))
    shown = "\n".join(clean(line, len(line) + 1) for line in text.split("\n"))
    return shown if len(buffer) <= SIZE_MAX else f"{shown}\n\n…"
