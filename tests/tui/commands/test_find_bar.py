"""The find bar itself: earlier terms, keys that must not leave it, narrow screens, two views, the mouse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jpterm_like.tui.app import EditorApp
from jpterm_like.tui.search_history import FILE, TERMS_MAX, SearchHistory, Walk
from jpterm_like.tui.widgets.find_bar import FindBar
from jpterm_like.tui.workspace import Opening
from tests.tui.case import make
from tests.tui.desk import Desk, Plain
from tests.tui.terminal import settle, terminal, until


def fields(app: EditorApp) -> tuple[str, str]:
    """What the fields to find and to replace hold."""
    bar = app.query_one(FindBar)
    return bar._find.value, bar._replace.value


async def test_arrows_walk_through_earlier_terms_and_back_to_what_was_typed() -> None:
    """B5: find and replace each have their own; what is typed is not lost on the way."""
    async with terminal(Desk("one two three\n"), (80, 15)) as (app, pilot, _):
        for find, replace in (("one", "1"), ("two", "2")):
            await pilot.press("ctrl+f", "ctrl+a", *find, "ctrl+r", "ctrl+a", *replace, "enter", "escape")
            await until(pilot, lambda: not app.query(FindBar))
        await pilot.press("ctrl+f", "ctrl+a", "t", "h")
        await pilot.press("up")
        assert fields(app)[0] == "two"
        await pilot.press("up", "up", "up")
        assert fields(app)[0] == "one", "at the oldest it stays"
        await pilot.press("down", "down", "down")
        assert fields(app)[0] == "th"
        await pilot.press("ctrl+r", "up", "up")
        assert fields(app) == ("th", "1")
        assert app.editor.session.buffer.text == "1 2 three\n", "nothing was typed into the text"


async def test_a_recalled_term_is_searched_for() -> None:
    async with terminal(Desk("one two one\n"), (80, 15)) as (app, pilot, _):
        await pilot.press("ctrl+f", *"two", "enter", "escape", "ctrl+home", "ctrl+f", *"one", "up")
        await until(pilot, lambda: app.editor.cursor.selection == (4, 7))
        assert app.editor.search.sought.text == "two"


async def test_earlier_terms_are_those_of_all_tabs_and_of_the_last_start(home: Path) -> None:
    app = EditorApp([Opening(make("a.md", "needle\n")), Opening(make("b.md", "hay\n"))], Plain())
    async with app.run_test(size=(80, 20)) as pilot:
        await pilot.press("ctrl+f", *"needle", "enter", "escape", "ctrl+pagedown", "ctrl+f", "up")
        assert fields(app)[0] == "needle"
        kept = home / "state" / "jpterm-like" / FILE
        await until(pilot, kept.exists)
    assert json.loads(kept.read_text()) == {"find": ["needle"], "replace": []}
    assert list(SearchHistory(kept.parent).terms("find")) == ["needle"]


async def test_what_is_searched_for_in_a_file_in_memory_is_not_written_to_a_disk(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    """Programs that hold passwords open such files."""
    monkeypatch.setattr("jpterm_like.tui.search_history.is_in_memory", lambda file: True)
    async with terminal(Desk("secret\n"), (80, 15)) as (app, pilot, _):
        await pilot.press("ctrl+f", *"secret", "enter", "escape")
        await until(pilot, lambda: not app.searches._new)
        await pilot.press("ctrl+f", "ctrl+a", "x", "up")
        assert fields(app)[0] == "secret"
    kept = home / "state" / "jpterm-like" / FILE
    assert not kept.exists() or "secret" not in kept.read_text()


def test_the_history_is_bounded_and_survives_nonsense(tmp_path: Path) -> None:
    history = SearchHistory(None)
    for number in range(TERMS_MAX + 10):
        history.note("find", str(number), None)
    assert len(history.terms("find")) == TERMS_MAX and history.terms("find")[0] == str(TERMS_MAX + 9)
    for content in (b"[]", b"nonsense", b'{"find": [1, "a"]}', b'{"find": 3}'):
        tmp_path.chmod(0o700)
        (tmp_path / FILE).write_bytes(content)
        (tmp_path / FILE).chmod(0o600)
        assert list(SearchHistory(tmp_path).terms("find")) in ([], ["a"])
    walk = Walk(history, "replace")
    assert walk.step("typed", older=True) == walk.step("typed", older=False) == "typed"


async def test_page_keys_move_the_text_and_letters_stay_in_the_field() -> None:
    """B5: they left the field without a word, and what was typed then landed in the text."""
    desk = Desk("".join(f"line {number}\n" for number in range(200)))
    async with terminal(desk, (60, 15)) as (app, pilot, _):
        text = desk.buffer.text
        await pilot.press("ctrl+f", *"line")
        await pilot.press("pagedown", "pagedown")
        assert app.editor.text_layout.lines.row(app.editor.cursor.caret) > 10
        await pilot.press("pageup", "up", "down", "Q", "Q")
        assert fields(app)[0] == "lineQQ" and desk.buffer.text == text
        await pilot.press("escape", "ctrl+g", "pagedown", "up", "down", "7", "enter")
        assert desk.buffer.text == text and app.editor.cursor.caret == app.editor.text_layout.lines.start(6)


@pytest.mark.parametrize("keys", [("alt+shift+v",), ("ctrl+backslash",)])
async def test_the_bar_goes_across_the_screen_in_two_views(keys: tuple[str, ...]) -> None:
    """B6: it was as wide as one view, and had neither names nor a count."""
    async with terminal(Desk("foo a foo\n"), (60, 15)) as (app, pilot, screen):
        await pilot.press(*keys)
        await until(pilot, lambda: app.second is not None and app.second.has_focus)
        await pilot.press("ctrl+r", *"foo")
        await until(pilot, lambda: app.query_one(FindBar).size.width == 60)
        settle(app)
        find, replace, _ = screen.rows()[-3:]
        assert find.split() == ["Find", "foo", "1/2", "Aa", "W", ".*", "S"]
        assert replace.split() == ["Replace", "enter:", "this", "one", "alt+a:", "all"]


async def test_a_split_made_from_the_bar_closes_it_and_the_new_view_has_the_keyboard() -> None:
    """Both views took the keyboard from each other for ever."""
    async with terminal(Desk("foo a foo\n"), (60, 15)) as (app, pilot, _):
        await pilot.press("ctrl+f", *"foo", "alt+shift+v")
        await until(pilot, lambda: app.second is not None and app.second.has_focus)
        await pilot.pause()
        assert app.editor is app.second and not app.query(FindBar)
        await pilot.press("ctrl+f")
        await until(pilot, lambda: app.focused is app.query_one(FindBar)._find)


@pytest.mark.parametrize("size", [(60, 15), (40, 12), (120, 20)])
async def test_options_are_told_by_a_sign_and_not_by_colour_alone(size: tuple[int, int]) -> None:
    async with terminal(Desk("Foo foo\n"), size) as (app, pilot, screen):
        await pilot.press("ctrl+r", *"foo")
        settle(app)
        off = screen.rows()[-3]
        assert "✓" not in off and "1/2" in off and "Find" in off and "Replace" in screen.rows()[-2]
        await pilot.press("alt+c", "alt+r")
        await until(pilot, lambda: app.editor.search.sought.regex)
        await pilot.pause()
        settle(app)
        on = screen.rows()[-3]
        assert on.count("✓") == 2 and len(on.rstrip()) == len(off.rstrip()), "nothing jumps"
        assert app.query_one(FindBar)._find.size.width >= 9
        assert "all" in screen.rows()[-2]


async def test_options_and_replace_all_are_clicked() -> None:
    async with terminal(Desk("Foo foo\n"), (60, 15)) as (app, pilot, _):
        await pilot.press("ctrl+r", *"foo")
        bar = app.query_one(FindBar)
        await pilot.click(bar._options["toggle_case"])
        assert app.editor.search.sought.case and bar._find.has_focus
        await pilot.click(bar._all)
        await until(pilot, lambda: app.editor.session.buffer.text == "Foo \n")
