"""Paths in sentences on narrow screens."""

from __future__ import annotations

import pytest

from jpterm_like.tui.text.paths import shorten_paths

LONG = "/home/ann/projects/company/reports/2026/november/notes.md"


@pytest.mark.parametrize(
    ("sentence", "width", "shown"),
    [
        (f"{LONG} cannot be written: permission is denied.", 30, "/home/…/2026/november/notes.md cannot be written: permission is denied."),
        (f"{LONG} is a folder.", 20, "…/november/notes.md is a folder."),
        (f"{LONG} is a folder.", 12, "…/notes.md is a folder."),
        (f"{LONG} is a folder.", 6, "…es.md is a folder."),
        (f"It is in {LONG}.", 60, f"It is in {LONG}."),
        ("It is in ~/a/long/way/down/here/x.md.", 16, "It is in …/down/here/x.md."),
        ("ws://team.example:8765/a/long/way/down/x.md is away.", 10, "ws://team.example:8765/a/long/way/down/x.md is away."),
        (f"Run: jpterm-like share {LONG}", 20, f"Run: jpterm-like share {LONG}"),
        ("Saved and/or sent.", 3, "Saved and/or sent."),
    ],
)  # fmt: skip
def test_a_path_is_shortened_in_the_middle_and_the_point_is_left(
    sentence: str, width: int, shown: str
) -> None:
    assert shorten_paths(sentence, width) == shown
