"""An editor in a terminal that shows nothing, whose turns of the event loop are timed; for `tests.bench.keys`."""

from __future__ import annotations

import asyncio
import cProfile
import time
from typing import Final, NamedTuple

from textual import events
from textual.drivers.headless_driver import HeadlessDriver
from textual.pilot import Pilot

from jpterm_like.tui.app import EditorApp
from jpterm_like.tui.editor import Editor
from tests.tui.desk import Desk

QUIET_S: Final = 0.3
"""A command is done when no turn took more than a millisecond for so long."""
PATIENCE_S: Final = 120.0
SIGNS: Final = {"space": " "}


class Turns:
    """The turns of the event loop."""

    def __init__(self) -> None:
        self.profile: cProfile.Profile | None = None
        self.clear()

    def clear(self) -> None:
        self.turns: list[tuple[float, str]] = []
        self.busy_at = time.perf_counter()

    def install(self) -> None:
        run = asyncio.events.Handle._run
        turns = self

        def timed(handle: asyncio.events.Handle) -> None:
            profile = turns.profile
            if profile is not None:
                profile.enable()
            began = time.thread_time()
            run(handle)
            took = time.thread_time() - began
            if profile is not None:
                profile.disable()
            if took > 0.001:
                turns.busy_at = time.perf_counter()
            if took > 0.0001:
                turns.turns.append((took, repr(handle)[:110]))

        asyncio.events.Handle._run = timed  # type: ignore[method-assign]

    @property
    def longest_s(self) -> float:
        return max((took for took, _ in self.turns), default=0.0)


class Silent(HeadlessDriver):
    """A driver whose output goes nowhere, but is made."""

    @property
    def is_headless(self) -> bool:
        return False

    def write(self, data: str) -> None:
        data.encode("utf-8")

    def flush(self) -> None: ...


class Stage(NamedTuple):
    """An editor and the one who sits at it, with somebody else in the text."""

    app: EditorApp
    pilot: Pilot[int]
    other: Desk | None
    turns: Turns

    @property
    def editor(self) -> Editor:
        return self.app.editor

    async def press(self, *keys: str) -> None:
        for key in keys:
            self.app.post_message(events.Key(key, key if len(key) == 1 else SIGNS.get(key)))
            await asyncio.sleep(0)
        await self.quiet()

    async def quiet(self) -> None:
        began = time.perf_counter()
        self.turns.busy_at = began
        while time.perf_counter() - self.turns.busy_at < QUIET_S and time.perf_counter() - began < PATIENCE_S:
            await asyncio.sleep(0.02)

    def go(self, offset: int, mark: int | None = None) -> None:
        editor = self.editor
        size = len(editor.session.buffer)
        editor.cursor.put(min(offset, size), None if mark is None else min(mark, size))
        editor.view.reveal(editor.cursor.caret)
        editor.update()
