"""A Markdown text as it reads, beside it; words and minutes; rows that are easy to read."""

from __future__ import annotations

import pytest
from textual.widgets import Markdown

from jpterm_like.tui.preview import Preview
from jpterm_like.tui.prose import READABLE_WIDTH, count

from .desk import Desk
from .terminal import settle, terminal

TEXT = "# A title\n\nSome *words* here.\n" + "\nmore\n" * 30


async def test_the_preview_shows_the_text_and_follows_it() -> None:
    """It has no keyboard; typing goes on beside it, and it shows what was typed a moment later."""
    async with terminal(Desk(TEXT), (100, 30)) as (app, pilot, _):
        await pilot.press("alt+h")
        preview = app.screen.query_one(Preview)
        for _ in range(200):
            if "A title" in preview.query_one(Markdown).source:
                break
            await pilot.pause(0.02)
        await pilot.press("down", "down", "X")
        for _ in range(200):
            if "\nXSome" in preview.query_one(Markdown).source:
                break
            await pilot.pause(0.02)
        assert "\nXSome" in preview.query_one(Markdown).source
        assert app.focused is app.editor and app.editor.size.width < 60
        await pilot.press("alt+h")
        await pilot.pause()
        assert not app.screen.query(Preview) and app.editor.size.width == 100


async def test_the_preview_hides_what_acts() -> None:
    async with terminal(Desk("# a\x1b]52;c;aGk=\x07b\u202e\n"), (100, 20)) as (app, pilot, screen):
        await pilot.press("alt+h")
        for _ in range(20):
            await pilot.pause(0.02)
        settle(app)
        assert "\x1b]52" not in screen.written and "\u202e" not in screen.written


async def test_on_a_narrow_screen_it_says_so() -> None:
    async with terminal(Desk(TEXT), (40, 15)) as (app, pilot, _):
        await pilot.press("alt+h")
        assert not app.screen.query(Preview)
        assert "needs a screen" in app.editor.messages.text


@pytest.mark.parametrize(
    ("text", "words"),
    [("", 0), ("one two", 2), ("it's well-known, 3.5", 4), ("你好 world", 3), ("a_b -- * c", 3)],
)
def test_words_are_counted_as_people_do(text: str, words: int) -> None:
    assert count(text)[0] == words


async def test_the_count_is_of_the_selection_or_of_all() -> None:
    async with terminal(Desk("one two three\n"), (80, 15)) as (app, _, _):
        app.editor.run("count_words")
        assert app.editor.messages.text == "In all: 3 words, 14 characters, 1 min to read."
        app.editor.go(3)
        app.editor.go(0, select=True)
        app.editor.run("count_words")
        assert app.editor.messages.text.startswith("Selected: 1 word, 3 characters")


async def test_rows_are_easy_to_read_on_request() -> None:
    async with terminal(Desk("word " * 100), (120, 15)) as (app, _, screen):
        app.editor.run("toggle_readable")
        app.editor.messages.dismiss()
        app.editor.update()
        settle(app)
        rows = [row[app.editor.text_x : -1].rstrip() for row in screen.rows()[:6]]
        widths = [len(row) for row in rows]
        assert max(widths) <= READABLE_WIDTH, rows
        assert max(widths) > READABLE_WIDTH - 8
        app.editor.run("toggle_readable")
        assert app.editor.view.width == 120 - app.editor.text_x - 1
