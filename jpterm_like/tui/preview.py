"""The Markdown preview beside the text, rendered by another process (`widgets.markdown_rows`) when the keyboard rests.

Imported on first use. A text that takes too long is given up with a message, until it changes.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Final

from rich.text import Text
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from jpterm_like.client.events import Changed, Event, Reset
from jpterm_like.tui import child_process
from jpterm_like.tui.editor import Editor
from jpterm_like.tui.render.themes import Theme, markdown_colours
from jpterm_like.tui.widgets.markdown_rows import LENGTH

log = logging.getLogger("jpterm_like.preview")

LOOK_S: Final = 0.3
"""The shortest time between an edit and a new rendering."""

REST_SHARE: Final = 3
"""After a rendering, the pause is this many times as long as it took: a text that changes all the time takes a quarter of a
processor at most."""

LAYOUT_S: Final = 15.0
"""The longest that a rendering may take by the clock; its limit of processor time is `CPU_S`."""

SIZE_MAX: Final = 200_000
"""The most code points that are rendered; the rest is cut off, since each rendering does the whole text."""

WIDTH_MIN: Final = 60
"""The narrowest screen with a preview."""

TOO_LONG: Final = "This text takes too long to lay out. It is tried again when it changes."
CANNOT: Final = "This text cannot be laid out. It is tried again when it changes."


class LayoutProcess:
    """A process that renders Markdown; started when needed, killed when it takes too long."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    async def rows(self, text: str, width: int, colours: Mapping[str, str] | None) -> list[str]:
        """Render a text into rows of `width` cells with escape sequences for these colours, or for none.

        Raises:
            TimeoutError: it takes too long.
            EOFError: the process ended.
        """
        try:
            async with asyncio.timeout(LAYOUT_S):
                return await self._ask(text, width, colours)
        except BaseException:
            await self.end()  # it may be in the middle of an answer
            raise

    async def _ask(self, text: str, width: int, colours: Mapping[str, str] | None) -> list[str]:
        process = self._process
        if process is None:
            process = self._process = await asyncio.create_subprocess_exec(
                # -P: import nothing from the working folder
                *(sys.executable, "-P", "-m", "jpterm_like.tui.widgets.markdown_rows"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,  # the terminal's signals are for us
            )
        assert process.stdin is not None
        assert process.stdout is not None
        data = text.encode("utf-8", "surrogatepass")
        wanted = {"size": len(data), "width": width, "colours": colours}
        try:
            process.stdin.write(json.dumps(wanted).encode() + b"\n" + data)
            await process.stdin.drain()
            (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
            return (await process.stdout.readexactly(length)).decode().split("\n")
        except (OSError, EOFError) as problem:
            if await process.wait() == -signal.SIGVTALRM:
                raise TimeoutError from problem
            raise EOFError from problem

    async def end(self) -> None:
        """Kill the process; the next call of `rows` starts another."""
        process, self._process = self._process, None
        if process is not None:
            await child_process.end(process)


class Preview(ScrollView, can_focus=False):
    """Shows the text of the editor that has the keyboard as rendered Markdown."""

    DEFAULT_CSS = """
    Preview#preview {
        width: 1fr;
        height: 100%;
        background: $background;
        color: $foreground;
        border-left: solid $primary;
        scrollbar-size-vertical: 1;
    }
    """

    def __init__(self, current: Callable[[], Editor | None]) -> None:
        super().__init__(id="preview")
        self.rows: list[str] = []
        """The rendered rows, with escape sequences for colours."""
        self._current = current
        self._layout = LayoutProcess()
        self._editor: Editor | None = None
        self._place: tuple[int, int] = (-1, -1)
        """The row of the caret in the text and the number of rendered rows when we last scrolled."""
        self._laid: tuple[int, Theme | None] = 0, None
        """The width and the theme of the last rendering."""
        self._stale = True
        self._rest_until = 0.0
        self._laying: asyncio.Task[None] | None = None
        self._forget: Callable[[], None] = lambda: None

    def on_mount(self) -> None:
        self.set_interval(LOOK_S, self.look)

    async def on_unmount(self) -> None:
        self._forget()
        if self._laying is not None:
            self._laying.cancel()
            await asyncio.wait({self._laying})
        await self._layout.end()

    def on_resize(self) -> None:
        self.look()

    def look(self) -> None:
        """Render the text again if it has changed, and scroll to the caret."""
        editor = self._current()
        if editor is None or not self.size.width:  # its width comes with the first layout
            return
        if editor is not self._editor:
            self._forget()
            self._editor = editor
            self._forget = editor.session.listen(self._on_session)
            self._stale = True
        width = max(20, self.size.width - 3)
        laid = width, editor.palette.theme
        is_due = (self._stale or laid != self._laid) and monotonic() >= self._rest_until
        if is_due and self._laying is None:
            self._stale, self._laid = False, laid
            self._laying = asyncio.create_task(self._lay(editor, width))
        row = editor.text_layout.lines.row(editor.cursor.caret)
        if (row, len(self.rows)) != self._place:
            self._place = row, len(self.rows)
            share = row / max(1, len(editor.text_layout.lines) - 1)
            self.scroll_to(y=round(share * self.max_scroll_y), animate=False)

    async def _lay(self, editor: Editor, width: int) -> None:
        began = monotonic()
        buffer = editor.session.buffer
        text = buffer.slice(0, min(len(buffer), SIZE_MAX))
        if len(buffer) > SIZE_MAX:
            text += "\n\n…"
        colours = None if self.app.no_color else markdown_colours(editor.palette.theme)
        try:
            self.rows = await self._layout.rows(text, width, colours)
        except TimeoutError:
            self.rows = [TOO_LONG]
        except Exception as problem:
            if not isinstance(problem, EOFError):
                log.exception("the preview cannot be laid out")
            self.rows = [CANNOT]
        finally:
            self._laying = None
        self._rest_until = monotonic() + REST_SHARE * (monotonic() - began)
        self.virtual_size = Size(width, len(self.rows))
        self.refresh()
        self.look()

    def render_line(self, y: int) -> Strip:
        row = y + round(self.scroll_y)
        text = Text.from_ansi(f" {self.rows[row]}") if row < len(self.rows) else Text()
        strip = Strip(text.render(self.app.console)).adjust_cell_length(self.size.width)
        return strip.apply_style(self.rich_style)

    def _on_session(self, event: Event) -> None:
        self._stale = self._stale or isinstance(event, Changed | Reset)
