"""Run the demonstration in the terminal, or record a lesson for asciinema."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Final

from textual.drivers.headless_driver import HeadlessDriver

from jpterm_like.demo.app import DemoApp
from jpterm_like.demo.lessons import LESSONS
from jpterm_like.demo.stage import Stage
from jpterm_like.errors import JptermError, explain

FREE_TEXT: Final = "Write here: f3 goes to the other person, f12 pauses, f5 cuts the line.\n"
SIZES: Final = {2: (80, 24), 3: (120, 30)}
"""Columns and rows of a recording, by the number of people."""
KEY_S: Final = 0.07
"""The time between two keys of a lesson."""
READ_S: Final = 2.5
"""How long a step is shown in a recording before the next one."""


def make_app(peers: int, lesson: int | None, theme: str | None = None, key_s: float | None = None) -> DemoApp:
    """Make the app on a stage of its own."""
    chosen = None if lesson is None else LESSONS[lesson - 1]
    stage = Stage(FREE_TEXT if chosen is None else chosen.text, peers)
    return DemoApp(stage, chosen, lesson or 0, theme=theme, key_s=KEY_S if key_s is None else key_s)


def play(peers: int, lesson: int | None) -> int:
    """Show the demonstration until it is left."""

    async def run() -> DemoApp:
        app = make_app(peers, lesson)
        await app.run_async()
        return app

    app = asyncio.run(run())
    if app.mistake is not None:
        raise app.mistake
    return app.return_code or 0


class RecordingDriver(HeadlessDriver):
    """Keeps what would be written to a terminal, with the time of each piece."""

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)  # type: ignore[arg-type]
        self.began = monotonic()
        self.pieces: list[tuple[float, str]] = []

    @property
    def is_headless(self) -> bool:
        return False

    def write(self, data: str) -> None:
        self.pieces.append((monotonic() - self.began, data))

    def flush(self) -> None:
        pass


def record(peers: int, lesson: int, file: Path) -> None:
    """Play a lesson by itself, and write what is seen as a recording (asciicast, version 2).

    Raises:
        JptermError: the file cannot be written.
    """
    size = SIZES[peers]

    async def run() -> list[tuple[float, str]]:
        app = make_app(peers, lesson)
        app.driver_class = RecordingDriver
        async with app.run_test(headless=False, size=size) as pilot:
            while not app.is_over:
                await app.next_step()
                await asyncio.sleep(READ_S)
            await pilot.pause()
            assert isinstance(app._driver, RecordingDriver)
            return list(app._driver.pieces)

    pieces = asyncio.run(run())
    title = f"jpterm-like, lesson {lesson}: {LESSONS[lesson - 1].title}"
    try:
        file.write_text("".join(f"{row}\n" for row in _cast(pieces, size, title)), encoding="utf-8")
    except OSError as problem:
        raise JptermError(f"The recording cannot be written: {explain(problem)}.") from problem


def _cast(pieces: list[tuple[float, str]], size: tuple[int, int], title: str) -> Iterator[str]:
    yield json.dumps({"version": 2, "width": size[0], "height": size[1], "title": title})
    for seconds, data in pieces:
        yield json.dumps([round(seconds, 3), "o", data])
    yield json.dumps([round(pieces[-1][0] + READ_S if pieces else READ_S, 3), "o", ""])
