"""What vi marks in the text: the matches of the last search, and what visual mode has chosen, as it is."""

from __future__ import annotations

import pytest
from rich.segment import Segment

from jpterm_like.tui.app import EditorApp
from tests.tui.desk import Desk
from tests.tui.terminal import settle, terminal

TEXT = "one two one\n\ttwo 中one\n\nlast one\n"


def marked(app: EditorApp, look: str) -> list[str]:
    """The text of each row that is painted as selected or as a match; the gutter is left out."""
    settle(app)
    palette = app.palette
    matches = {palette.found.bgcolor, palette.current_match.bgcolor}
    wanted = {palette.selection.bgcolor} if look == "selected" else matches
    rows = []
    for row in app.editor._painted[:4]:
        segments: list[Segment] = list(row)
        rows.append("".join(s.text for s in segments if s.style is not None and s.style.bgcolor in wanted))
    return rows


@pytest.mark.parametrize(
    ("keys", "rows"),
    [
        ("v", ["o", "", "", ""]),
        ("vj", ["one two one ", "    ", "", ""]),  # the character under the caret is in it: a tab
        ("jVk", ["one two one ", "    two 中one ", "", ""]),
        ("V", ["one two one ", "", "", ""]),
        ("ctrl+v j j l", ["o", "    ", "", ""]),
        ("w ctrl+v j $", ["two one", "two 中one", "", ""]),
        ("5 l ctrl+v j h", ["tw", "tw", "", ""]),
        ("ctrl+v 3 j e", ["one ", "    ", "", "last"]),
        ("v escape", ["", "", "", ""]),
    ],
)
async def test_what_is_chosen_is_drawn_as_it_is(keys: str, rows: list[str]) -> None:
    async with terminal(Desk(TEXT), preset="vi") as (app, pilot, _):
        await pilot.press(*(keys.split() if " " in keys else keys))
        assert marked(app, "selected") == rows


async def test_matches_are_marked_until_noh_or_the_option_says_otherwise() -> None:
    """Also those of `*` and `:s`; a new search marks again, and so does `n`."""
    all_of_them = ["oneone", "one", "", "one"]
    async with terminal(Desk(TEXT), preset="vi") as (app, pilot, _):
        for keys, rows in (
            (("/", *"one", "enter"), all_of_them),
            ((":", *"noh", "enter"), ["", "", "", ""]),
            (("n",), all_of_them),
            (("i", "X", "escape"), all_of_them),
            ((":", *"set nohls", "enter"), ["", "", "", ""]),
            (("n",), ["", "", "", ""]),
            ((":", *"set hls", "enter"), all_of_them),
            (("g", "g", "w", "*"), ["two", "two", "", ""]),
            ((":", *"s/la/LA/e", "enter"), ["", "", "", "la"]),
            ((":", *"set ic", "enter", "/", *"LAST", "enter"), ["", "", "", "last"]),
        ):
            await pilot.press(*keys)
            assert marked(app, "found") == rows, keys


async def test_an_edit_by_another_moves_the_marks() -> None:
    ann, bob = Desk(TEXT, "ann", 1), Desk(TEXT, "bob", 2)
    ann.join(bob)
    async with terminal(ann, preset="vi") as (app, pilot, _):
        await pilot.press("/", *"two", "enter")
        bob.replace(0, 3, "two")
        await pilot.pause()
        assert marked(app, "found") == ["twotwo", "two", "", ""]


async def test_a_slow_pattern_is_given_up_and_keys_stay_quick() -> None:
    async with terminal(Desk("a" * 3_000 + "b\n" + TEXT), preset="vi") as (app, pilot, _):
        await pilot.press("/", *r"\(a\|aa\)\+$", "enter")
        await pilot.press("j", "i", "X", "escape")
        assert app.editor.vi is not None and app.editor.vi.mode == "normal"
        settle(app)
        assert app.editor.vi.matches is not None and app.editor.vi.matches.gave_up


async def test_a_selection_is_seen_within_a_match() -> None:
    """And the status bar does not count what lies between the rows of a block."""
    async with terminal(Desk(TEXT), preset="vi") as (app, pilot, screen):
        await pilot.press("/", *"one", "enter", "g", "g", "l", "v", "l")
        assert marked(app, "selected")[0] == "ne" and marked(app, "found")[0] == "oone"
        assert "2 sel" in screen.rows()[-1]
        await pilot.press("ctrl+v", "j")
        assert marked(app, "selected")[:2] == ["one ", "    "], "as wide as the tab under the caret"
        assert " sel" not in screen.rows()[-1]
