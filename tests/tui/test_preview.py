"""A Markdown text as it reads, beside it; words and minutes; rows that are easy to read."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping

import pytest
from textual.pilot import Pilot

from jpterm_like.tui.app import EditorApp
from jpterm_like.tui.commands.prose import READABLE_WIDTH, count
from jpterm_like.tui.preview import CANNOT, TOO_LONG, LayoutProcess, Preview
from jpterm_like.tui.render.themes import folders, load, markdown_colours
from jpterm_like.tui.widgets.markdown_rows import rows_of
from tests.tui.desk import Desk
from tests.tui.terminal import settle, terminal, until

TEXT = "# A title\n\nSome *words* here.\n" + "\nmore\n" * 30


async def shown(app: EditorApp, pilot: Pilot[int], words: str) -> Preview:
    """The preview, once it shows these words."""
    async with asyncio.timeout(40):
        while not (previews := app.screen.query(Preview)) or words not in "".join(previews.first().rows):
            await pilot.pause(0.02)
    return previews.first()


async def test_the_preview_shows_the_text_and_follows_it() -> None:
    """It has no keyboard; typing goes on beside it, and it shows what was typed a moment later."""
    async with terminal(Desk(TEXT), (100, 30)) as (app, pilot, screen):
        await pilot.press("alt+h")
        await shown(app, pilot, "A title")
        await pilot.press("down", "down", "X")
        await shown(app, pilot, "XSome")
        settle(app)
        assert "XSome words here." in "\n".join(screen.rows())
        assert app.focused is app.editor and app.editor.size.width < 60
        await pilot.press("alt+h")
        await pilot.pause()
        assert not app.screen.query(Preview) and app.editor.size.width == 100


async def test_the_preview_hides_what_acts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the text is an escape sequence in the terminal, a link's address included."""
    monkeypatch.setenv("TERM", "linux")  # the editor marks no links there, so a mark would be the preview's
    async with terminal(Desk("# a\x1b]52;c;aGk=\x07b\u202e [c](https://d)\n"), (100, 20)) as (
        app,
        pilot,
        screen,
    ):
        await pilot.press("alt+h")
        await shown(app, pilot, "52;c;aGk")
        settle(app)
        assert "\x1b]52" not in screen.written and "\u202e" not in screen.written
        assert "\x1b]8;" not in screen.written


async def test_a_long_list_is_laid_out_elsewhere_and_only_what_is_seen_is_painted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """9,000 items cost the editor the rows on the screen, not a widget each: keys are answered meanwhile."""
    async with terminal(Desk("- item\n" * 9_000), (100, 20)) as (app, pilot, _):
        await pilot.press("alt+h")
        preview = await shown(app, pilot, "item")
        assert len(preview.rows) > 9_000
        painted: list[int] = []
        render = Preview.render_line
        monkeypatch.setattr(Preview, "render_line", lambda self, y: (painted.append(y), render(self, y))[1])
        await pilot.press("X")
        await shown(app, pilot, "X- item")
        await pilot.pause()
        assert len(painted) <= 10 * 20
        assert len(list(preview.walk_children())) == 0


async def test_a_text_that_takes_too_long_is_given_up_and_said_to_be_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The process ends, the editor goes on, and the text is tried again when it has changed."""
    monkeypatch.setattr("jpterm_like.tui.preview.LAYOUT_S", 0.0)
    async with terminal(Desk(TEXT), (100, 20)) as (app, pilot, _):
        await pilot.press("alt+h")
        preview = await shown(app, pilot, TOO_LONG)
        assert preview._layout._process is None
        await pilot.press("X")
        assert app.editor.session.buffer.text.startswith("X#")
        monkeypatch.setattr("jpterm_like.tui.preview.LAYOUT_S", 60.0)
        await pilot.press("Y")
        await shown(app, pilot, "XY# A title")


@pytest.mark.parametrize(
    "text", ["[" * 50_000, "> " * 3_000 + "x", "*a **a " * 5_000, "a|" * 3_000 + "\n" + "-|" * 3_000]
)
async def test_texts_that_a_parser_needs_long_for_end_in_rows_or_a_sentence(
    text: str,
) -> None:
    """Whatever somebody writes: there is an answer within the time that is set, and the process is there no longer if not."""
    async with terminal(Desk(text), (100, 20)) as (app, pilot, _):
        await pilot.press("alt+h")
        await shown(app, pilot, "")
        async with asyncio.timeout(40):
            while not (preview := app.screen.query_one(Preview)).rows:
                await pilot.pause(0.02)
        assert preview.rows in ([TOO_LONG], [CANNOT]) or preview._layout._process is not None


async def test_it_is_laid_out_once_at_its_own_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first rendering was for a width of nothing, and the right one came a second later."""
    asked: list[int] = []
    rows = LayoutProcess.rows

    async def noted(
        self: LayoutProcess, text: str, width: int, colours: Mapping[str, str] | None
    ) -> list[str]:
        asked.append(width)
        return await rows(self, text, width, colours)

    monkeypatch.setattr(LayoutProcess, "rows", noted)
    async with terminal(Desk(TEXT), (100, 20), theme="dark") as (app, pilot, _):
        await pilot.press("alt+h")
        preview = await shown(app, pilot, "A title")
        assert asked == [preview.size.width - 3]
        assert "38;2;140;188;255mA title" in "".join(preview.rows)
        app.use_theme("light")
        await shown(app, pilot, "38;2;29;87;176mA title")
        assert len(asked) == 2, "and again for another theme"


def test_code_quotes_and_links_have_the_colours_of_the_theme() -> None:
    theme = load(folders())[0]["forest"]
    rows = rows_of(
        '> said\n\n`code` [link](https://x)\n\n```python\ndef f(): "word" # c\n```',
        40,
        markdown_colours(theme),
    )

    def colour(words: str) -> str:
        escape = re.findall(rf"\x1b\[([\d;]*)m[^\x1b]*{words}", rows)[-1]
        return "#" + "".join(
            f"{int(part):02x}" for part in re.search(r"38;2;(\d+);(\d+);(\d+)", escape).groups()
        )  # type: ignore[union-attr]

    kinds = {"def": "keyword", "f": "function", "word": "string", "# c": "comment", "said": "quote"}
    kinds |= {"code": "string", "link": "link"}
    assert {words: colour(words) for words in kinds} == {
        words: theme.colour_of(kind) for words, kind in kinds.items()
    }
    assert "48;2;43;54;43" in rows, "and code has a ground"


def test_front_matter_is_dim_and_no_heading_and_numbers_are_at_the_right() -> None:
    text = "---\ntitle: One\n---\n# Two\n\n| n |\n|--:|\n| 1 |\n| 1000 |\n"
    rows = rows_of(text, 30, markdown_colours(load(folders())[0]["terminal"])).split("\n")
    assert rows[:3] == ["\x1b[2m---\x1b[0m", "\x1b[2mtitle: One\x1b[0m", "\x1b[2m---\x1b[0m"]
    assert sum("One" in row for row in rows) == 1
    plain = [re.sub(r"\x1b\[[\d;]*m", "", row).rstrip() for row in rows]
    assert "    1" in plain and " 1000" in plain


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
        assert app.editor.messages.text == "In total: 3 words, 14 characters, 1 min to read."
        app.editor.go(3)
        app.editor.go(0, select=True)
        app.editor.run("count_words")
        assert app.editor.messages.text.startswith("Selected: 1 word, 3 characters")


async def test_the_words_of_a_long_text_are_counted_while_the_keyboard_is_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("jpterm_like.tui.commands.prose.COUNTED_AT_ONCE", 10)
    async with terminal(Desk("one two three\n"), (80, 15)) as (app, pilot, _):
        app.editor.run("count_words")
        assert not app.editor.messages.text
        await until(pilot, lambda: app.editor.messages.text.startswith("In total: 3 words, 14 characters"))


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
