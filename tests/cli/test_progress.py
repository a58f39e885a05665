"""What the line of progress shows, and when."""

from __future__ import annotations

import pytest

from jpterm_like.cli import progress
from jpterm_like.cli.progress import Progress


def shown(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err.rpartition("\r")[2].removesuffix("\x1b[K")


def test_bytes_are_shown_as_soon_as_they_move_and_when_all_have(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A system takes megabytes at once, and then a slow server is waited for: the line said for all of that time that it was asked."""
    monkeypatch.setattr(progress.time, "monotonic", lambda: 1000.0)
    line = Progress(is_shown=True)
    line.say("Asking the place what is there")
    assert shown(capsys) == "Asking the place what is there"
    line.expect(2_000_000)
    line.moved(20_000)
    assert shown(capsys) == "  1 %  20 kB of 2 MB"
    line.moved(20_000)
    assert shown(capsys) == "", "a line that flickers is not read"
    line.moved(1_960_000)
    assert shown(capsys) == "100 %  2 MB of 2 MB"
