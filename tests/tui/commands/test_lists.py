"""Lists, quotes and comments go on at enter, told as stories."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import process_time

import pytest

from jpterm_like.tui.commands.lists import FENCE_CODE_POINTS_MAX
from jpterm_like.tui.text.prefix import ends_in_fence, prefix_of
from tests.tui.desk import Desk
from tests.tui.story import Story
from tests.tui.terminal import terminal

Tell = Callable[..., Awaitable[None]]

STORIES = {
    "a bullet": ("- one|", "presses enter", "- one⏎- |", "presses enter", "- one⏎|"),
    "a star": ("* one|", "presses enter", "* one⏎* |"),
    "a plus": ("+ one|", "presses enter", "+ one⏎+ |"),
    "the next number": ("9. one|", "presses enter", "9. one⏎10. |", "presses enter", "9. one⏎|"),
    "a number with a bracket": ("1) one|", "presses enter", "1) one⏎2) |"),
    "a list with one number throughout": ("1. a⏎1. b|", "presses enter", "1. a⏎1. b⏎1. |"),
    "a box is not ticked": ("- [x] one|", "presses enter", "- [x] one⏎- [ ] |", "presses enter", "- [x] one⏎|"),
    "a quote": ("> one|", "presses enter", "> one⏎> |", "presses enter", "> one⏎|"),
    "a list in a quote ends before the quote": (
        "> - one|",
        "presses enter",
        "> - one⏎> - |",
        "presses enter",
        "> - one⏎> |",
        "presses enter",
        "> - one⏎|",
    ),
    "an empty inner item becomes one of the outer list": (
        "- one⏎  - two|",
        "presses enter enter",
        "- one⏎  - two⏎- |",
        "presses enter",
        "- one⏎  - two⏎|",
    ),
    "and has the number after its parent's": ("1. a⏎   - b|", "presses enter enter", "1. a⏎   - b⏎2. |"),
    "in the middle of an item": ("- one| two", "presses enter", "- one⏎- |two"),
    "before the text of an item": ("|- one", "presses enter", "⏎|- one"),
    "a selection is replaced": ("- o^n|e", "presses enter", "- o⏎- |e"),
    "a rule is no list": ("- - -|", "presses enter", "- - -⏎|"),
    "not in a fence": ("```⏎- one|⏎```", "presses enter", "```⏎- one⏎|⏎```"),
    "behind a fence": ("```⏎x⏎```⏎- one|", "presses enter", "```⏎x⏎```⏎- one⏎- |"),
    "a paste is not continued": ("- one|", "pastes ⏎two", "- one⏎two|"),
    "one step of undo": ("- one|", "presses enter enter ctrl+z", "- one⏎- |"),
    "tab and shift+tab move an item": (
        "- one⏎- two|",
        "presses tab",
        "- one⏎  - two|",
        "presses shift+tab",
        "- one⏎- two|",
    ),
    "an inner list of a numbered one": (
        "1. one⏎2. |two",
        "presses tab",
        "1. one⏎   1. |two",
        "presses shift+tab",
        "1. one⏎2. |two",
    ),
    "tab in a quoted item": ("> - a⏎> - b|", "presses tab", "> - a⏎>   - b|"),
    "tab in a list with tabs": ("- a⏎⇥- b⏎⇥- c|", "presses tab", "- a⏎⇥- b⏎⇥⇥- c|"),
    "shift+tab on an outermost item": ("- a|", "presses shift+tab", "- a|"),
    "an indented item is one step of undo": ("1. a⏎2. b|", "presses tab ctrl+z", "1. a⏎2.| b"),
    "several carets": ("- a|⏎x⏎- b", "presses alt+shift+down alt+shift+down", "- a|⏎x|⏎- b|",
        "presses enter", "- a⏎- |⏎x⏎|⏎- b⏎- |", "presses ctrl+z", "- a|⏎x|⏎- b|"),
}  # fmt: skip


@pytest.mark.parametrize("name", STORIES)
async def test_alone(tell: Tell, name: str) -> None:
    await tell(*STORIES[name])


@pytest.mark.parametrize(
    "title, before, after",
    [
        ("a.py", "    # one|", "    # one\n    # |"),
        ("a.py", "    # |", "    |"),
        ("a.py", "x  # one|", "x  # one\n|"),
        ("a.py", "#!/usr/bin/python|", "#!/usr/bin/python\n|"),
        ("a.py", "- one|", "- one\n|"),
        ("a.js", "// one|", "// one\n// |"),
        ("a.rs", "/// one|", "/// one\n/// |"),
        ("a.zzz", "# one|", "# one\n|"),
        ("COMMIT_EDITMSG", "# one|", "# one\n|"),
        ("COMMIT_EDITMSG", "- one|", "- one\n- |"),
        ("a.txt", "- one|", "- one\n- |"),
    ],
)
async def test_enter_by_the_language(title: str, before: str, after: str) -> None:
    desk = Desk(before.replace("|", ""))
    desk.title = title
    async with terminal(desk) as (app, pilot, _):
        from jpterm_like.tui.editor import Editor

        editor = app.query_one(Editor)
        editor.cursor.put(before.index("|"))
        await pilot.press("enter")
        text = desk.buffer.text
        assert text[: editor.cursor.caret] + "|" + text[editor.cursor.caret :] == after


async def test_lists_go_on_by_a_setting() -> None:
    async with Story(continue_lists=False) as story:
        for step in ("- one|", "presses enter", "- one⏎|"):
            await story.go_on(step)
        await story.go_on("presses tab")
        await story.go_on("- one⏎⇥|")


async def test_beside_somebody_who_writes_in_the_item_above(two: Tell) -> None:
    await two(
        "ann: - one|   bob: - o|ne",
        "ann presses enter",
        "bob types x",
        "ann: - oxne⏎- |   bob: - ox|ne⏎- ",
        "ann presses tab",
        "ann: - oxne⏎  - |   bob: - ox|ne⏎  - ",
    )


def test_a_fence_is_found_in_lists_and_quotes_and_only_at_the_start_of_a_line() -> None:
    assert ends_in_fence("- ```\n  x")
    assert ends_in_fence("> ~~~ py\n> ```")
    assert not ends_in_fence("x ```\ny")
    assert not ends_in_fence("```x```\ny")
    assert not ends_in_fence("````\n```\n````\n")


@pytest.mark.parametrize("piece", ["- item of words\n", " ", "> ", "- ", "`", "~~~\n", "- - "])
def test_the_prefix_and_the_fence_of_a_large_text_cost_little(piece: str) -> None:
    """A pattern that read the start of each line took 20 ms at 200,000 code points of text, and the marks of one long line 30 ms."""
    text = (piece * FENCE_CODE_POINTS_MAX)[:FENCE_CODE_POINTS_MAX]
    begun = process_time()
    for _ in range(3):
        prefix_of(text)
        ends_in_fence(text)
    assert process_time() - begun < 3 * (0.15 if piece == "~~~\n" else 0.015)
