"""The outputs of a cell as a text of their own: read, searched, copied, saved, never changed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from jpterm_like.notebook.outputs import Display, Error, Item, Stream
from jpterm_like.tui.app import EditorApp
from jpterm_like.tui.outputs_screen import OutputsScreen
from jpterm_like.tui.widgets.dialogs import Ask
from jpterm_like.tui.workspace import Opening
from tests.tui.case import Case
from tests.tui.desk import Plain
from tests.tui.terminal import Terminal, keys_done, until

LINES = Stream("stdout", (*(f"line {number}" for number in range(300)), ""))


@asynccontextmanager
async def notebook(
    *items: Item, **settings: object
) -> AsyncIterator[tuple[EditorApp, Pilot[int], Terminal, Case]]:
    """A notebook of one cell that gave something, with the caret in it."""
    case = Case(a_ipynb="# %% id=a\none")
    app = EditorApp([Opening(case.desks["a.ipynb"])], Plain(), catalog=case)
    app.driver_class = Terminal
    async with app.run_test(headless=False, size=(80, 20)) as pilot:
        await pilot.pause()
        case.desks["a.ipynb"].give("a", "[1]", *items)
        screen = app._driver
        assert isinstance(screen, Terminal)
        yield app, pilot, screen, case


async def press(app: EditorApp, pilot: Pilot[int], *keys: str) -> None:
    await pilot.press(*keys)
    await keys_done(app, pilot)


def shown(app: EditorApp) -> OutputsScreen:
    assert isinstance(app.screen, OutputsScreen), app.screen
    return app.screen


async def test_all_that_a_cell_gave_is_opened_as_text_without_colours() -> None:
    """Also what is folded below the cell; what a value and an error say in words; no escape."""
    items = (LINES, Display({"text/plain": "42"}), Error("E", "no", ("\x1b[>4m\x1b[31mE: no\x1b[0m",)))
    async with notebook(*items) as (app, pilot, screen, _):
        await press(app, pilot, "alt+shift+e")
        text = shown(app).editor.session.buffer.text
        assert text == "".join(f"line {number}\n" for number in range(300)) + "42\nE: no\n"
        await until(pilot, lambda: "line 0" in screen.rows()[0])
        assert "OUTPUTS" in screen.rows()[-1]
        await press(app, pilot, "ctrl+end")
        await until(pilot, lambda: any("E: no" in row for row in screen.rows()))
        await press(app, pilot, "escape")
        assert app.screen is app.screen_stack[0] and app.editor.has_focus


async def test_outputs_are_searched_and_copied_and_cannot_be_changed() -> None:
    async with notebook(LINES) as (app, pilot, screen, case):
        await press(app, pilot, "alt+shift+e", "ctrl+f", *"line 250", "enter", "escape", "ctrl+c")
        editor = shown(app).editor
        assert editor.session.buffer.slice(*editor.cursor.selection) == "line 250"
        assert app.copied.text == "line 250"
        await press(app, pilot, "X", "enter", "backspace", "ctrl+z")
        assert editor.session.buffer.text == "\n".join(LINES.lines)
        await until(pilot, lambda: any("cannot be changed" in row for row in screen.rows()))
        assert case.desks["a.ipynb"].buffer.text == "# %% id=a\none"


async def test_outputs_are_saved_in_a_file_of_their_own() -> None:
    async with notebook(LINES) as (app, pilot, _, case):
        await press(app, pilot, "alt+shift+e", "ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, Ask))
        await pilot.press("enter")
        await until(pilot, lambda: "a.txt" in case.desks and case.desks["a.txt"].saved)
        assert case.desks["a.txt"].buffer.text == "\n".join(LINES.lines)
        assert app.session is case.desks["a.txt"]


async def test_a_cell_that_gave_no_text_says_so() -> None:
    async with notebook() as (app, pilot, screen, _):
        await press(app, pilot, "alt+shift+e")
        assert app.screen is app.screen_stack[0]
        await until(pilot, lambda: any("has given no text" in row for row in screen.rows()))


async def test_other_commands_are_done_in_the_notebook() -> None:
    async with notebook(LINES) as (app, pilot, _, case):
        await press(app, pilot, "alt+shift+e")
        shown(app).editor.run("run_cell")
        await until(pilot, lambda: ("run", "a") in case.desks["a.ipynb"].asked)
        assert app.screen is app.screen_stack[0]
