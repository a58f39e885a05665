"""Who wrote the lines: beside them, and of the word at the caret in the status bar."""

from __future__ import annotations

import pytest

from jpterm_like.tui import editor as editor_module
from jpterm_like.tui.commands import blame
from jpterm_like.tui.commands.blame import age
from tests.tui.desk import Desk
from tests.tui.terminal import settle, terminal

NOW = 1_800_000_000.0
DAY_S = 86_400


def two_desks() -> tuple[Desk, Desk]:
    """The file's two lines, one by ann 40 days ago, one by bob three hours ago."""
    text = "# Notes\nfrom the file\n"
    ann, bob = Desk(text, "ann", 1), Desk(text, "bob", 2)
    ann.join(bob)
    ann.buffer.replace(len(text), len(text), "ann was here\nand here\n", NOW - 40 * DAY_S)
    bob.receive()
    bob.buffer.replace(len(bob.buffer), len(bob.buffer), "bob too\n", NOW - 3 * 3600)
    ann.receive()
    return ann, bob


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(editor_module, "time", lambda: NOW)


async def test_the_authors_of_the_lines_stand_beside_them_and_follow_the_text() -> None:
    ann, bob = two_desks()
    async with terminal(ann, (80, 12), signs="none") as (app, pilot, screen):
        await pilot.press("alt+equals_sign")
        await pilot.pause()
        assert [row[:20].rstrip() for row in screen.rows()[:5]] == [
            "(the file)",
            "╎",
            "ann          5 weeks",
            "╎",
            "bob              3 h",
        ]
        assert [row[20:].rstrip() for row in screen.rows()[:3]] == [
            "    1 # Notes",
            "    2 from the file",
            "    3 ann was here",
        ]
        bob.replace(8, 8, "bob between\n")
        settle(app)
        assert [row[:10].rstrip() for row in screen.rows()[:4]] == ["(the file)", "bob", "(the file)", "ann"]
        await pilot.press("alt+equals_sign")
        await pilot.pause()
        assert screen.rows()[0].startswith("   1 # Notes")


async def test_the_status_bar_says_who_wrote_the_word_at_the_caret() -> None:
    ann, _ = two_desks()
    async with terminal(ann, (120, 12), signs="none") as (_, pilot, screen):
        assert " by " not in screen.rows()[-1]
        await pilot.press("alt+equals_sign")
        await pilot.pause()
        assert "from the file" in screen.rows()[-1]
        await pilot.press("down", "down")
        await pilot.pause()
        assert "by ann, 5 weeks ago" in screen.rows()[-1]


async def test_a_narrow_editor_has_no_room_and_says_so() -> None:
    ann, _ = two_desks()
    async with terminal(ann, (40, 12), signs="none") as (_, pilot, screen):
        await pilot.press("alt+equals_sign")
        await pilot.pause()
        assert screen.rows()[0].startswith("   1 # Notes")
        assert "from 44 columns" in " ".join(screen.rows())


async def test_nothing_is_computed_while_it_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def main_author(buffer: object, start: int, end: int) -> tuple[str, int]:
        asked.append(start)
        return "", 0

    monkeypatch.setattr(blame, "main_author", main_author)
    ann, _ = two_desks()
    async with terminal(ann, (80, 12), signs="none") as (_, pilot, _):
        await pilot.press("down", "x", "pagedown")
        assert not asked
        await pilot.press("alt+equals_sign")
        await pilot.pause()
        assert asked
        await pilot.press("alt+equals_sign")
        asked.clear()
        await pilot.press("up", "y", "pageup")
        assert not asked


@pytest.mark.parametrize(
    ("past_s", "words"),
    [
        (0, "now"),
        (-5, "now"),
        (60, "1 min"),
        (7199, "1 h"),
        (DAY_S, "1 day"),
        (14 * DAY_S, "2 weeks"),
        (61 * DAY_S, "2 months"),
        (800 * DAY_S, "2 years"),
    ],
)
def test_an_age_is_a_word_or_two(past_s: int, words: str) -> None:
    assert age(int(NOW) - past_s, NOW) == words
    assert len(words) <= blame.AGE_CELLS
