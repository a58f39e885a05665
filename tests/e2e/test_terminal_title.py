"""The terminal's title is the file's while the editor has the terminal, and the former one afterwards."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.hub import kill_hub
from tests.e2e.terminal import terminals, until

TITLES = re.compile(rb"\x1b\[2[23];2t|\x1b\]2;[^\x07]*\x07")
TAKEN = [b"\x1b[22;2t", b"\x1b]2;notes.md - jpterm-like\x07"]
GIVEN_BACK = [b"\x1b[23;2t"]


@pytest.fixture(autouse=True)
def no_hub_left(home: Path) -> Iterator[None]:
    """No hub outlives its test."""
    yield
    kill_hub()


@pytest.mark.parametrize("end", ["ctrl+q", "SIGTERM"])
async def test_the_title_is_given_back_at_the_end(tmp_path: Path, end: str) -> None:
    (tmp_path / "notes.md").write_text("the first line\n")
    async with terminals() as started:
        one = started("notes.md", cwd=tmp_path)
        await one.says(" saved")
        assert TITLES.findall(one.raw) == TAKEN
        if end == "ctrl+q":
            await one.press("ctrl+q")
        else:
            one.process.send_signal(signal.SIGTERM)
        await one.ends()
        assert TITLES.findall(one.raw) == TAKEN + GIVEN_BACK


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks Linux for the state")
async def test_the_title_is_given_back_while_the_editor_is_suspended(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("the first line\n")
    async with terminals() as started:
        one = started("notes.md", cwd=tmp_path)
        await one.says(" saved")
        one.process.send_signal(signal.SIGTSTP)
        await until(lambda: TITLES.findall(one.raw) == TAKEN + GIVEN_BACK, "the title to be given back")
        await until(lambda: Path(f"/proc/{one.process.pid}/stat").read_text().split()[2] == "T", "its rest")
        one.process.send_signal(signal.SIGCONT)
        await until(
            lambda: TITLES.findall(one.raw) == TAKEN + GIVEN_BACK + TAKEN, "the title to be there again"
        )
        await one.press("ctrl+q")
        assert await one.ends() == 0
