"""How soon what was typed is on the disk, and what that costs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

import pytest

from jpterm_like.server import upkeep
from jpterm_like.storage.base import FLUSH_PAUSE_S, pause_for_flushes


def test_a_hundred_documents_are_stored_as_soon_as_one() -> None:
    assert pause_for_flushes(1, load=0.0) == pause_for_flushes(100, load=0.3) == FLUSH_PAUSE_S


def test_in_a_busy_process_flushes_wait_for_keys() -> None:
    assert pause_for_flushes(100, load=1.0) == pytest.approx(0.5)
    assert pause_for_flushes(1, load=1.0) == FLUSH_PAUSE_S, "one document is stored at once all the same"
    loads = [0.0, 0.4, 0.5, 0.6, 0.7, 0.8, 2.0]
    pauses = [pause_for_flushes(1000, load) for load in loads]
    assert pauses == sorted(pauses) and pauses[0] == pytest.approx(0.5) and pauses[-1] == pytest.approx(5.0)


async def test_a_crowd_of_openings_is_followed_once() -> None:
    """Each following looks at all open files, so one for each opening would be a square of them."""
    followed: list[list[Path]] = []

    class Noting:
        def follow(self, files: Iterable[Path]) -> None:
            followed.append(list(files))

        async def wait(self) -> None:
            await asyncio.Event().wait()

        def close(self) -> None:
            pass

    keeping = upkeep.Upkeep({}, None, None, None, None, watcher=Noting(), autosave_s=None)  # type: ignore[arg-type]
    for _ in range(100):
        keeping.watch_files()
    while not followed:
        await asyncio.sleep(0.01)
    await asyncio.sleep(2 * upkeep.FOLLOW_S)
    assert len(followed) == 1
    keeping.watch_files()
    while len(followed) < 2:
        await asyncio.sleep(0.01)
