"""What rows of the editor look like: matches, selections, name tags."""

from __future__ import annotations

from itertools import groupby

import pytest
from rich.style import Style

from jpterm_like.tui.app import EditorApp
from jpterm_like.tui.editor import Editor
from jpterm_like.tui.render.themes import contrast
from tests.tui.desk import Desk
from tests.tui.terminal import Terminal, terminal, until


def cells(app: EditorApp, y: int) -> list[tuple[str, Style]]:
    """The text of a row in cells, with their styles, without line numbers and scrollbar."""
    strip = app.editor.render_line(y)
    styled = [(sign, style or Style.null()) for text, style, _ in strip for sign in text]
    return styled[app.editor.text_x : -1]


def grounds(app: EditorApp, y: int) -> list[tuple[str, str]]:
    """The words of a row that have a ground of their own, with it."""
    found = [(sign, style.bgcolor.name if style.bgcolor else "") for sign, style in cells(app, y)]
    runs = [("".join(sign for sign, _ in run), ground) for ground, run in groupby(found, lambda one: one[1])]
    return [(words, ground) for words, ground in runs if ground != runs[-1][1]]


async def test_the_current_match_is_the_loudest_and_a_match_in_a_selection_is_seen() -> None:
    ann, bob = Desk("one two one two one\n"), Desk("one two one two one\n", "bob", 2)
    ann.join(bob)
    bob.show_caret(18, 8)
    async with terminal(ann, theme="dark", current_line=False) as (app, pilot, _):
        await pilot.press("ctrl+f", *"one")
        await pilot.pause()
        palette = app.palette
        match, current = palette.found.bgcolor, palette.current_match.bgcolor
        theirs = palette.people[app.editor.collaborators.others[0].colour]
        assert match is not None and current is not None and theirs.selection.bgcolor is not None
        assert grounds(app, 0) == [
            ("one", current.name),
            ("one", match.name),
            (" two ", theirs.selection.bgcolor.name),
            ("on", match.name),
            ("e", str(theirs.caret.bgcolor and theirs.caret.bgcolor.name)),
        ]
        ground = palette.theme.interface.background
        assert contrast(current.name, ground) > 3 > 2 > contrast(match.name, ground)


async def test_in_vi_the_match_at_the_caret_is_the_current_one() -> None:
    async with terminal(Desk("x one two one\n"), theme="dark", current_line=False, preset="vi") as (
        app,
        pilot,
        _,
    ):
        await pilot.press(*"/one", "enter")
        await until(pilot, lambda: grounds(app, 0))
        match, current = app.palette.found.bgcolor, app.palette.current_match.bgcolor
        assert match is not None and current is not None
        assert grounds(app, 0) == [("one", current.name), ("one", match.name)]
        await pilot.press("n")
        await until(pilot, lambda: app.editor.cursor.caret == 10)
        app.editor.update(now=False)
        assert grounds(app, 0) == [("one", match.name), ("one", current.name)]


def words(app: EditorApp, y: int) -> str:
    return "".join(sign for sign, _ in cells(app, y)).rstrip()


@pytest.mark.parametrize(
    ("text", "caret", "rows"),
    [
        ("one two three\nfour five six\n", 16, ["one two three", "four five six   bob"]),
        ("one two three\nfour\n", 18, ["one two three", "four  bob"]),
        ("one two\n" + "x" * 28 + "\n", 20, ["one two      bob", "x" * 28]),
        (f"{'y' * 28}\n{'x' * 28}\n{'z' * 28}", 40, ["y" * 11 + " bob " + "y" * 12, "x" * 28]),
        ("日本語\n日本語\n", 5, ["日本語", "日本語   bob"]),
    ],
)
async def test_a_name_tag_stands_behind_the_end_of_the_row_if_there_is_room(
    text: str, caret: int, rows: list[str]
) -> None:
    """Then no letter is covered. Without room there it stands in a shorter row above or below, and else briefly over one."""
    ann, bob = Desk(text), Desk(text, "bob", 2)
    ann.join(bob)
    async with terminal(ann, size=(34, 8)) as (app, pilot, _):
        app.editor.run("down")
        app.editor.run("down")
        bob.show_caret(1, None)
        bob.show_caret(caret, None)
        await pilot.pause()
        assert [words(app, y) for y in range(2)] == rows


async def test_a_name_tag_leaves_room_for_my_own_caret_at_the_same_place() -> None:
    """It went to the row above, and covered its letters."""
    ann, bob = Desk("one two\nthree\n"), Desk("one two\nthree\n", "bob", 2)
    ann.join(bob)
    async with terminal(ann, size=(34, 8)) as (app, pilot, _):
        app.editor.run("text_end")
        bob.show_caret(1, None)
        bob.show_caret(14, None)
        await pilot.pause()
        assert [words(app, y) for y in range(3)] == ["one two", "three", "   bob"]


def left_of(screen: Terminal, word: str) -> int:
    return next(row.index(word) for row in screen.rows() if word in row)


async def test_narrow_rows_are_in_the_middle_with_all_that_belongs_to_them() -> None:
    """Numbers, text, the caret, clicks, others' carets and their names; the scrollbar stays at the edge."""
    text = "\n".join(f"{'word ' * 40}" for _ in range(50))
    ann, bob = Desk(text), Desk(text, "bob", 2)
    ann.join(bob)
    async with terminal(ann, size=(120, 12), line_numbers=True) as (app, pilot, screen):
        app.editor.run("toggle_readable")
        await pilot.pause()
        left = app.editor.text_x
        assert app.editor.view.width == 72 and left == 5 + (119 - 5 - 72) // 2
        assert left_of(screen, "word") == left and screen.rows()[0][left - 2] == "1"
        assert {screen.rows()[y][119] for y in range(9)} >= {"▐"}
        app.editor.run("right")
        await pilot.pause()
        assert (screen.screen.cursor.x, screen.screen.cursor.y) == (left + 1, 0)
        await pilot.click(app.editor, offset=(left + 7, 1))
        assert app.editor.cursor.caret == app.editor.view.offset_at(7, 1)
        bob.show_caret(3, None)
        bob.show_caret(7, None)
        await pilot.pause()
        caret = app.palette.people[app.editor.collaborators.others[0].colour].caret
        assert next(x for x, (_, style) in enumerate(cells(app, 0)) if style.bgcolor == caret.bgcolor) == 7
        assert "bob" in screen.rows()[0][left + 70 :]
        app.editor.run("toggle_numbers")
        await pilot.pause()
        assert left_of(screen, "word") == app.editor.text_x == (119 - 72) // 2
        app.editor.run("toggle_readable")
        await pilot.pause()
        assert app.editor.text_x == 0


async def test_narrow_rows_in_two_views_are_each_in_the_middle() -> None:
    async with terminal(Desk("word " * 100), size=(200, 12)) as (app, pilot, screen):
        app.editor.run("toggle_readable")
        app.editor.run("split_beside")

        def starts() -> list[int]:
            row = screen.rows()[0]
            return [x for x in range(199) if row.startswith(" 1 word", x)]

        await until(pilot, lambda: len(starts()) == 2)
        regions = [editor.region for editor in app.query(Editor)]
        assert [x - region.x for x, region in zip(starts(), regions, strict=True)] == [
            2 + (region.width - 5 - 1 - 72) // 2 for region in regions
        ]
