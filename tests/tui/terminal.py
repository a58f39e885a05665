"""A terminal in memory: what the program writes is drawn by pyte, as a user would see it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pyte
from textual.drivers.headless_driver import HeadlessDriver
from textual.pilot import Pilot

from jpterm_like.tui.app import EditorApp
from jpterm_like.tui.workspace import Opening
from tests.tui.desk import Desk, Plain


class Terminal(HeadlessDriver):
    """Textual's driver for tests, except that its output is kept."""

    written: str
    screen: pyte.Screen

    @property
    def is_headless(self) -> bool:
        return False

    def start_application_mode(self) -> None:
        assert self._size is not None
        self.screen = pyte.Screen(*self._size)
        self.stream = pyte.Stream(self.screen)
        self.stream.feed("\x1b[?7l")  # Textual's driver for real terminals switches wrapping off
        self.written = ""
        super().start_application_mode()

    def write(self, data: str) -> None:
        data.encode("utf-8")  # what cannot be encoded would end the writer's thread
        self.written += data
        self.stream.feed(data)

    def flush(self) -> None:
        """Everything is there at once."""

    def rows(self) -> list[str]:
        width = self.screen.columns
        return [
            "".join(self.screen.buffer[y][x].data for x in range(width)) for y in range(self.screen.lines)
        ]


@asynccontextmanager
async def terminal(
    desk: Desk, size: tuple[int, int] = (60, 15), theme: str | None = None, **settings: object
) -> AsyncIterator[tuple[EditorApp, Pilot[int], Terminal]]:
    """An app in such a terminal."""
    app = EditorApp([Opening(desk)], Plain(**settings), theme=theme)
    app.driver_class = Terminal
    async with app.run_test(headless=False, size=size) as pilot:
        await pilot.pause()
        driver = app._driver
        assert isinstance(driver, Terminal)
        yield app, pilot, driver


PATIENCE_S = 40.0
"""How long to wait for what must come: a busy machine is no failure, a hang is."""


async def until(pilot: Pilot[int], true: Callable[[], object]) -> None:
    """Wait for something that comes by itself, in however many turns."""
    async with asyncio.timeout(PATIENCE_S):
        while not true():
            await pilot.pause(0.005)


async def keys_done(app: EditorApp, pilot: Pilot[int]) -> None:
    """Wait until each key that was posted has had its turn."""
    await pilot.pause()  # they have come
    waiting = app._type_ahead
    await until(pilot, lambda: not waiting._keys and waiting._sent_at is None and app._can_take_keys())
    # vi does long commands in slices, and keeps the keys that come meanwhile in a queue of its own
    await until(pilot, lambda: not any(editor.vi is not None and editor.vi.is_busy for editor in app.editors))
    await pilot.pause()


def settle(app: EditorApp) -> None:
    """Let what waits for the next frame, ours or Textual's, be shown now."""
    with app._context():  # Textual asks a variable of the context which app it is; there may be two here
        app.editor.update(now=False)
        screen = app.screen
        screen._set_dirty()
        screen._compositor.update_widgets({screen, app.editor, app.status_bar})
        screen._compositor_refresh()
