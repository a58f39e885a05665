"""Several files: opening, tabs, closing, two views, the start screen."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import OptionList

from jpterm_like.client.events import Notice
from jpterm_like.errors import JptermError
from jpterm_like.files.encoding import Form
from jpterm_like.sync.presence import Person
from jpterm_like.tui.app import EditorApp
from jpterm_like.tui.fuzzy import best
from jpterm_like.tui.widgets.dialogs import Picker
from jpterm_like.tui.workspace import Opening, when_unsaved
from tests.tui.case import Case
from tests.tui.desk import Desk, Plain
from tests.tui.terminal import Terminal, settle


@asynccontextmanager
async def workspace(
    case: Case, *names: str, size: tuple[int, int] = (80, 20)
) -> AsyncIterator[tuple[EditorApp, Pilot[int], Terminal]]:
    """An app with some files of a case open."""
    app = EditorApp([Opening(case.desks[name]) for name in names], Plain(), catalog=case)
    app.driver_class = Terminal
    async with app.run_test(headless=False, size=size) as pilot:
        await pilot.pause()
        driver = app._driver
        assert isinstance(driver, Terminal)
        yield app, pilot, driver


async def done(app: EditorApp, pilot: Pilot[int]) -> None:
    await app.workers.wait_for_complete()
    await pilot.pause()


def tabs(app: EditorApp) -> str:
    return app.tab_line.render_line(0).text.strip() if app.tab_line.display else ""


async def test_switching_keeps_view_and_caret() -> None:
    case = Case(a_md="".join(f"line {n}\n" for n in range(100)), b_md="other")
    async with workspace(case, "a.md", "b.md") as (app, pilot, screen):
        for _ in range(3):
            await pilot.press("pagedown")
        await pilot.press("right", "right")
        caret, top = app.editor.cursor.caret, app.editor.view.top
        await pilot.press("ctrl+pagedown", "X")
        assert case.desks["b.md"].buffer.text == "Xother" and app.session.title == "b.md"
        await pilot.press("ctrl+pageup")
        await pilot.pause()
        assert (app.editor.cursor.caret, app.editor.view.top) == (caret, top)
        await pilot.press("Y")
        assert case.desks["a.md"].buffer.text[caret] == "Y"
        assert case.desks["b.md"].buffer.text == "Xother"
        settle(app)
        assert "a.md" in screen.rows()[-1]


async def test_what_is_being_joined_is_said_until_it_is_there() -> None:
    """ "Joining b.md …" stood on the file that one came back to."""
    case = Case(a_md="a", b_md="b")
    case.desks["b.md"].ready = False
    async with workspace(case, "a.md") as (app, pilot, screen):
        first = app.editor
        said: list[str] = []

        async def wait(timeout_s: float) -> None:
            said.append(first.messages.text)

        case.desks["b.md"].wait_until_coming = wait  # type: ignore[method-assign]
        await pilot.press("ctrl+o")
        await done(app, pilot)
        await pilot.press("b", "enter")
        await done(app, pilot)
        assert said == ["Joining b.md …"]
        await pilot.press("ctrl+pageup")
        settle(app)
        assert app.editor is first and "Joining" not in "\n".join(screen.rows())


async def test_an_empty_folder_says_how_a_file_is_begun() -> None:
    """ "Nothing fits" stood there before anything was typed."""
    async with workspace(Case()) as (app, pilot, screen):
        await pilot.press("ctrl+o")
        await done(app, pilot)
        await pilot.pause()
        assert "No files yet: type a name to begin one." in "\n".join(screen.rows())
        await pilot.press("x", "backspace")
        await pilot.pause()
        assert "No files yet" in "\n".join(screen.rows())


async def test_a_file_is_opened_by_a_few_letters_and_begun_by_a_new_name() -> None:
    case = Case(notes_md="n", todo_md="t")
    async with workspace(case, "notes.md") as (app, pilot, _):
        await pilot.press("ctrl+o")
        await done(app, pilot)
        await pilot.press(*"td", "enter")
        await done(app, pilot)
        assert app.session.title == "todo.md" and tabs(app) == "notes.md  todo.md"
        await pilot.press("ctrl+o")
        await done(app, pilot)
        await pilot.press(*"fresh", "enter")
        await done(app, pilot)
        assert app.session.title == "fresh"
        await pilot.press("ctrl+n", *"other", "enter")
        await done(app, pilot)
        assert app.session.title == "other" and len(app.editors) == 4
        await pilot.press("ctrl+o")
        await done(app, pilot)
        await pilot.press(*"notes", "enter")
        await done(app, pilot)
        assert app.session.title == "notes.md" and len(app.editors) == 4, "what is open is gone to"


async def test_keys_that_come_before_the_dialog_are_for_the_dialog() -> None:
    """Typed ahead, without a pause: not a letter goes into the text, none is lost."""
    case = Case(notes_md="n", todo_md="t")
    async with workspace(case, "notes.md") as (app, pilot, _):
        app.post_message(events.Key("ctrl+o", None))
        for key in "todo":
            app.post_message(events.Key(key, key))
        app.post_message(events.Key("enter", None))
        await pilot.pause()
        await done(app, pilot)
        await done(app, pilot)
        assert app.session.title == "todo.md"
        assert case.desks["notes.md"].buffer.text == "n"


async def test_what_cannot_be_opened_is_said() -> None:
    case = Case(notes_md="n")
    async with workspace(case, "notes.md") as (app, _, _):
        await app.open_address("broken")
        assert "broken cannot be opened" in app.editor.messages.text and len(app.editors) == 1
        case.desks["gone"] = gone = Desk("")
        gone.ready, gone.refusal, gone.address = False, JptermError("There is no such file."), "gone"
        await app.open_address("gone")
        assert "no such file" in app.editor.messages.text and gone.closed and len(app.editors) == 1


async def test_tabs_tell_how_each_file_stands() -> None:
    case = Case(a_md="a", b_md="b")
    async with workspace(case, "a.md", "b.md") as (app, pilot, _):
        assert tabs(app) == "a.md  b.md"
        case.desks["b.md"].meet_person(Person(9, "bob", None, None))
        await pilot.press("x")
        assert tabs(app) == "a.md*  b.md +1"
        await pilot.press("ctrl+pagedown", "alt+q")
        await done(app, pilot)
        assert tabs(app) == "" and app.session.title == "a.md" and case.desks["b.md"].closed


async def test_closing_asks_only_when_something_would_be_missing() -> None:
    case = Case(a_md="a", b_md="b")
    async with workspace(case, "a.md", "b.md") as (app, pilot, _):
        await pilot.press("x", "alt+q")
        await done(app, pilot)
        assert isinstance(app.screen, Picker)
        await pilot.press("escape")
        assert len(app.editors) == 2
        await pilot.press("alt+q")
        await done(app, pilot)
        await pilot.press("enter")
        await done(app, pilot)
        assert case.desks["a.md"].saves == ["xa"] and len(app.editors) == 1
        await pilot.press("alt+q")
        await done(app, pilot)
        assert app.editors == [] and app._start is not None, "the start screen is back"
        await pilot.press("ctrl+q")
        await done(app, pilot)
    assert app.return_value == 0


async def test_quitting_asks_once_for_all_files() -> None:
    case = Case(a_md="a", b_md="b")
    async with workspace(case, "a.md", "b.md") as (app, pilot, _):
        await pilot.press("x", "ctrl+pagedown", "y", "ctrl+q")
        await done(app, pilot)
        assert isinstance(app.screen, Picker) and "2 files have unsaved changes" in app.screen._body
        await pilot.press("enter")
        await done(app, pilot)
    assert case.desks["a.md"].saves == ["xa"] and case.desks["b.md"].saves == ["yb"]
    assert case.desks["a.md"].closed and case.desks["b.md"].closed


async def test_going_back_to_the_file_is_one_step_of_undo() -> None:
    case = Case(a_md="one\ntwo\n")
    async with workspace(case, "a.md") as (app, pilot, _):
        await pilot.press("x", "down", "y")
        changed = case.desks["a.md"].buffer.text
        app.editor.run("revert")
        await done(app, pilot)
        assert case.desks["a.md"].buffer.text == "one\ntwo\n"
        assert "Went back to the saved file. ctrl+z" in app.editor.messages.text
        await pilot.press("ctrl+z")
        assert case.desks["a.md"].buffer.text == changed
        case.texts["a.md"] = None
        app.editor.run("revert")
        await done(app, pilot)
        assert "cannot be read from here" in app.editor.messages.text
        assert case.desks["a.md"].buffer.text == changed


@pytest.mark.parametrize("way", ["before", "saved", "with bob", "offline"])
async def test_f39_work_of_an_earlier_opening_is_told(way: str) -> None:
    """Who was killed, or kept work without saving it, is told that it is there; nobody else is."""
    case = Case(a_md="a")
    desk = case.desks["a.md"]
    desk.saved = way == "saved"
    desk.online = way != "offline"
    if way == "with bob":
        desk.join(Desk("a", "bob", 2))
    async with workspace(case, "a.md") as (app, pilot, _):
        await done(app, pilot)
        assert ("Restored unsaved work" in app.editor.messages.text) == (way == "before")


async def test_restored_work_says_from_when_it_is() -> None:
    desk = Desk("text")
    assert when_unsaved(desk) == ""
    now = time.time()
    desk.buffer.replace(0, 0, "more ", now)
    assert re.fullmatch(r" from \d\d:\d\d", when_unsaved(desk))
    earlier = Desk("text")
    earlier.buffer.replace(0, 0, "more ", now - 40 * 86400)
    assert re.fullmatch(r" from \d\d \w+ at \d\d:\d\d", when_unsaved(earlier))


async def test_two_views_of_one_file() -> None:
    """What is written in one is seen in the other; each has its caret, and the others hear of mine only."""
    case = Case(a_md="".join(f"line {n}\n" for n in range(100)))
    async with workspace(case, "a.md") as (app, pilot, screen):
        await pilot.press("ctrl+backslash")
        await pilot.pause()
        assert app.second is not None and app.editor is app.second
        await pilot.press("ctrl+end", "E", "alt+v", "A")
        await pilot.pause()
        text = case.desks["a.md"].buffer.text
        assert text.startswith("Aline") and text.endswith("E")
        settle(app)
        shown = "\n".join(screen.rows())
        assert "Aline 0" in shown and "line 99" in shown
        await pilot.press("alt+v", "ctrl+backslash")
        await pilot.pause()
        assert app.second is None and app.editor.cursor.caret == len(text), "the view that I was in stays"


async def test_two_views_side_by_side() -> None:
    """The same as one above the other, as far as there is room; the search stands under the half that it is in."""
    case = Case(a_md="".join(f"line {n}\n" for n in range(100)))
    async with workspace(case, "a.md") as (app, pilot, screen):
        await pilot.press("alt+shift+v")
        await pilot.pause()
        assert app.second is not None and app.editor is app.second
        first, second = app.editors[0].region, app.second.region
        assert first.y == second.y and first.height == second.height == 19
        assert first.right + 1 == second.x and second.right == 80 and abs(first.width - second.width) <= 1
        await pilot.press("ctrl+end", "E", "ctrl+f", *"line 98", "enter")
        await pilot.pause()
        settle(app)
        shown = screen.rows()
        assert shown[0].startswith("   1 line 0") and any("line 98" in row[40:] for row in shown)
        assert shown[18].startswith(" Find    line 98") and "1/1" in shown[18][40:], "a bar across both"
        await pilot.press("escape", "ctrl+backslash")
        await pilot.pause()
        assert app.editors[0].region.width == app.second.region.width == 80, "the other way"
        await pilot.press("ctrl+backslash")
        await pilot.pause()
        assert app.second is None and app.editor.region.size == (80, 19)


async def test_side_by_side_gives_way_to_a_narrow_screen() -> None:
    case = Case(a_md="a")
    async with workspace(case, "a.md") as (app, pilot, _):
        await pilot.press("alt+shift+v")
        await pilot.pause()
        await pilot.resize_terminal(50, 20)
        await pilot.pause()
        assert app.second is not None and app.editors[0].region.width == app.second.region.width == 50
        await pilot.resize_terminal(80, 20)
        await pilot.pause()
        assert app.second.region.x > 30
    async with workspace(case, "a.md", size=(50, 20)) as (app, pilot, _):
        await pilot.press("alt+shift+v")
        assert app.second is None and "60 columns" in app.editor.messages.text


async def test_the_tree_of_files_opens_them() -> None:
    """Folders unfold, a letter goes to a name, enter opens; the same key shows, goes there and hides."""
    case = Case(a_md="a", b_md="b")
    case.desks["docs/deep/c.md"] = case.desks.pop("b.md")
    case.desks["docs/deep/c.md"].address = "docs/deep/c.md"
    async with workspace(case, "a.md", size=(100, 20)) as (app, pilot, screen):
        await pilot.press("alt+shift+f")
        await done(app, pilot)
        shown = screen.rows()
        assert [row[:30].strip() for row in shown[:4]] == ["▼ /tmp", "├ ▶ docs/", "└ a.md", ""]
        assert "1 a" in shown[0][30:], "the text stands beside it"
        await pilot.press("up", "right", "down", "right", "c", "enter")
        await done(app, pilot)
        assert app.session.address == "docs/deep/c.md" and app.focused is app.editor
        assert any("c.md" in row[:30] for row in screen.rows())
        await pilot.press("X", "alt+shift+f", "left", "escape", "Y")
        assert case.desks["docs/deep/c.md"].buffer.text == "XYb", "what is typed in the tree changes no text"
        await pilot.press("alt+shift+f", "alt+shift+f")
        await pilot.pause()
        assert app.editor.region.width == 100 and app.focused is app.editor


async def test_what_files_and_folders_are_called_does_nothing_in_the_tree() -> None:
    """Brackets are no markup, escapes do not reach the terminal (F21); also where the list cannot be had."""
    case = Case(a_md="a")
    case.desks["[b]\x1b[31m.md"] = case.desks["a.md"]
    case.place = "/tmp/[red]x[/]"
    async with workspace(case, "a.md", size=(100, 20)) as (app, pilot, screen):
        await pilot.press("alt+shift+f")
        await done(app, pilot)
        shown = [row[:30].rstrip() for row in screen.rows()]
        assert shown[0] == "▼ /tmp/[red]x[/]" and shown[1].startswith("├ [b]␛[31m.md")
        assert app._tree is not None
        app._tree.tell("The server [/] is not there.")
        await pilot.pause()
        assert "The server [/] is not there." in screen.rows()[0][:34]


async def test_the_tree_needs_room_and_comes_back_with_it() -> None:
    case = Case(a_md="a")
    async with workspace(case, "a.md", size=(59, 20)) as (app, pilot, _):
        await pilot.press("alt+shift+f")
        assert "60 columns; ctrl+o lists the files" in app.editor.messages.text
        await pilot.resize_terminal(80, 20)
        await pilot.press("alt+shift+f")
        await done(app, pilot)
        assert app.editor.region.x > 0
        await pilot.resize_terminal(50, 20)
        await pilot.pause()
        assert app.editor.region.x == 0 and app.focused is app.editor
        await pilot.resize_terminal(80, 20)
        await pilot.pause()
        assert app.editor.region.x > 0


@pytest.mark.parametrize(("width", "there"), [(99, False), (100, True)])
async def test_the_tree_is_there_from_the_start_if_wished(width: int, there: bool) -> None:
    case = Case(a_md="a")
    app = EditorApp([Opening(case.desks["a.md"])], Plain(file_tree=True), catalog=case)
    async with app.run_test(size=(width, 20)) as pilot:
        await done(app, pilot)
        await pilot.press("X")
        assert (app.editor.region.x > 0, case.desks["a.md"].buffer.text) == (there, "Xa")


async def test_two_views_of_two_files() -> None:
    case = Case(a_md="a", b_md="b", c_md="c")
    async with workspace(case, "a.md", "b.md") as (app, pilot, _):
        await pilot.press("ctrl+backslash", "ctrl+pagedown")
        await pilot.pause()
        assert app.session.title == "b.md" and app.editor is app.second
        assert app.tab_line._current == 1, "the tab that is lit is that of the half with the keyboard"
        await pilot.press("x")
        await app.open_address("c.md")
        await pilot.pause()
        assert app.session.title == "c.md" and app.editor is app.second
        await pilot.press("y", "alt+v", "z")
        assert [case.desks[name].buffer.text for name in case.desks] == ["za", "xb", "yc"]
        await pilot.press("alt+v", "alt+q")
        await done(app, pilot)
        assert app.second is None and app.session.title == "c.md" and len(app.editors) == 3


async def test_two_views_of_two_files_say_which_is_which_and_which_has_the_keys() -> None:
    """By a row each, with a sign and not by a shade alone; one view, and one file in two views, cost no row."""
    case = Case(a_md="a", b_md="b")
    async with workspace(case, "a.md", "b.md") as (app, pilot, screen):

        def named(row: str) -> bool:
            return row.strip().endswith("─") and ".md" in row

        async def seen(*keys: str) -> list[str]:
            await pilot.press(*keys)
            await pilot.pause()
            settle(app)
            return [row for row in screen.rows() if named(row)]

        assert await seen() == [] and app.editor.size.height == 18
        assert [row[:8] for row in await seen("ctrl+backslash")] == ["▶ a.md ─"], "one file: the line between"
        assert [row[:8] for row in await seen("ctrl+pagedown")] == ["─ a.md ─", "▶ b.md ─"]
        assert [row[:8] for row in await seen("alt+v")] == ["▶ a.md ─", "─ b.md ─"]
        assert [row[:9] for row in await seen("x")] == ["▶ a.md* ─", "─ b.md ──"]
        (beside,) = await seen("alt+shift+v")
        assert beside.startswith("▶ a.md* ─") and beside[39:49] == "── b.md ──"
        await pilot.click(app.names[1], offset=(3, 0))
        (beside,) = await seen()
        assert beside[39:49] == "─▶ b.md ──" and app.session.title == "b.md"
        assert await seen("alt+shift+v") == [] and app.editor.size.height == 18
        for keys, sign in ((("alt+shift+v",), "▶"), (("alt+v",), "◀")):
            assert await seen(*keys) == [] and screen.rows()[1][39] == sign, "one file: the line points there"


async def test_the_start_screen_opens_and_begins() -> None:
    case = Case(notes_md="n")
    case.noted = ["notes.md"]
    async with workspace(case) as (app, pilot, screen):
        shown = "\n".join(screen.rows())
        for words in ("Open a file", "New file", "Join a file", "Keys", "notes.md"):
            assert words in shown
        await pilot.press("enter")
        await done(app, pilot)
        assert app.session.title == "notes.md"
        await pilot.press("x")
        assert case.desks["notes.md"].buffer.text == "xn"


@pytest.mark.parametrize("size", [(20, 5), (60, 15), (1, 1)])
async def test_small_screens_with_many_files(size: tuple[int, int]) -> None:
    case = Case(**{f"name{n}_md": "text" for n in range(12)})
    async with workspace(case, *case.desks, size=size) as (app, pilot, _):
        for _ in range(14):
            await pilot.press("ctrl+pagedown")
        await pilot.press("ctrl+backslash", "x", "alt+v", "y", "ctrl+o", "escape")
        await pilot.pause()
        assert (
            "xytext" in case.desks["name2.md"].buffer.text or "yxtext" in case.desks["name2.md"].buffer.text
        )
        assert app.tab_line.render_line(0).cell_length == app.tab_line.size.width


async def test_a_click_on_a_tab_goes_there() -> None:
    case = Case(a_md="a", b_md="b")
    async with workspace(case, "a.md", "b.md") as (app, pilot, _):
        app.tab_line.render_line(0)
        await pilot.click("#tabs", offset=(8, 0))
        await pilot.pause()
        assert app.session.title == "b.md"


async def test_the_first_times_there_is_a_hint() -> None:
    case = Case(a_md="a")
    case.first_time = True
    async with workspace(case, "a.md") as (app, pilot, _):
        await pilot.pause()
        assert "f1: all keys" in app.editor.messages.text
        await pilot.press("escape")
        assert app.editor.messages.text == ""


async def test_the_welcome_leaves_what_the_connection_said() -> None:
    case = Case(a_md="a")
    case.first_time = True
    desk = case.desks["a.md"]
    start = desk.start

    async def start_and_tell() -> None:
        await start()
        desk.tell(Notice("This file is shared by your server."))

    desk.start = start_and_tell  # type: ignore[method-assign]
    async with workspace(case, "a.md") as (app, pilot, _):
        await pilot.pause()
        assert app.editor.messages.text == "This file is shared by your server."


async def test_a_file_that_is_not_there_yet_is_new_and_not_saved() -> None:
    case = Case(a_md="")
    case.desks["a.md"].is_new = True
    async with workspace(case, "a.md") as (app, pilot, screen):
        assert "new file" in screen.rows()[-1] and "saved" not in screen.rows()[-1]
        await pilot.press("x")
        settle(app)
        assert "unsaved" in screen.rows()[-1]


def test_the_best_name_comes_first() -> None:
    names = ["src/editor.py", "docs/edit/readme.md", "tests/test_editor.py", "edit.txt", "notes.md"]
    assert [names[index] for index in best("edit", names)] == [
        "edit.txt",
        "src/editor.py",
        "tests/test_editor.py",
        "docs/edit/readme.md",
    ]
    assert [names[index] for index in best("tted", names)] == ["tests/test_editor.py"]
    assert best("zzz", names) == [] and len(best("", names)) == 5


async def test_ctrl_a_in_a_field_selects_all() -> None:
    """As in the text: what is typed after it replaces all of the field."""
    case = Case(a_md="text")
    async with workspace(case, "a.md") as (app, pilot, _):
        app.do_rename_file()
        await pilot.pause()
        await pilot.press("right", "ctrl+a", *"rev.txt", "enter")
        await done(app, pilot)
        await done(app, pilot)
        assert set(case.desks) == {"rev.txt"}


async def test_a_file_gets_another_name() -> None:
    case = Case(a_md="text")
    async with workspace(case, "a.md") as (app, pilot, _):
        await pilot.press("X")
        app.do_rename_file()
        await pilot.pause()
        await pilot.press("b", "enter")  # the name without its ending is selected
        await done(app, pilot)
        await done(app, pilot)
        assert set(case.desks) == {"b.md"} and case.desks["b.md"].buffer.text == "Xtext"
        assert [editor.session.title for editor in app.editors] == ["b.md"]
        assert app.editor.cursor.caret == 1, "I am where I was"
        assert case.noted[-1] == "b.md", "it is among the files of lately by its new name"


async def test_a_text_is_copied_into_a_new_file_but_not_over_another() -> None:
    case = Case(a_md="text", b_md="other")
    async with workspace(case, "a.md") as (app, pilot, _):
        await app._show_errors(app._duplicate("c.md"))
        assert case.desks["c.md"].buffer.text == "text" and app.session.title == "c.md"
        await app._show_errors(app._duplicate("b.md"))
        await pilot.pause()
        assert case.desks["b.md"].buffer.text == "other"
        assert "exists already" in app.editor.messages.text


async def test_a_file_is_deleted_after_a_question() -> None:
    case = Case(a_md="text", b_md="other")
    async with workspace(case, "a.md", "b.md") as (app, pilot, _):
        app.do_delete_file()
        await pilot.pause()
        await pilot.press("enter")
        await done(app, pilot)
        assert not case.desks["a.md"].deleted, "keeping it comes first"
        app.do_delete_file()
        await pilot.pause()
        await pilot.press("down", "enter")
        await done(app, pilot)
        assert case.desks["a.md"].deleted and [editor.session.title for editor in app.editors] == ["b.md"]


async def test_line_ends_are_told_and_chosen() -> None:
    case = Case(a_md="text\n")
    case.desks["a.md"].form = Form(False, ("\r\n", "\n"))
    async with workspace(case, "a.md", size=(110, 20)) as (app, pilot, screen):
        await done(app, pilot)
        settle(app)
        assert "UTF-8, mixed line ends" in screen.rows()[-1]
        app.do_file_form()
        await done(app, pilot)
        assert "mixed now: CRLF and LF" in app.screen._body
        await pilot.press("down", "down", "enter")
        await done(app, pilot)
        settle(app)
        assert case.desks["a.md"].form == Form(False, ("\r\n",)) and "UTF-8, CRLF" in screen.rows()[-1]
        assert case.desks["a.md"].saves, "what is written is what is seen"


async def test_who_starts_with_a_folder_is_offered_its_files_first() -> None:
    """What was open lately elsewhere comes behind them; when a text is open it comes before."""
    case = Case(a_md="one", b_md="two")
    case.noted = ["/elsewhere/c.md", "b.md"]
    app = EditorApp([], Plain(), catalog=case, chooses=True)
    async with app.run_test(size=(80, 20)) as pilot:
        await pilot.pause()
        await pilot.pause()
        options = app.screen.query_one(OptionList)
        assert [option.id for option in options.options] == ["a.md", "b.md", "/elsewhere/c.md"]
        await pilot.press("escape", "ctrl+o")
        await pilot.pause()
        options = app.screen.query_one(OptionList)
        assert [option.id for option in options.options] == ["b.md", "/elsewhere/c.md", "a.md"]


def test_a_name_of_somebody_else_s_costs_no_more_than_its_length() -> None:
    """Letters in their order are looked for once: a pattern would try 10 ** 12 ways in this name, and then say no."""
    name = "".join(letter * 40 for letter in "readmfil")
    assert best("readmfile", [name, "a/re_ad_m_file"]) == [1]
    assert best("readmfil", [name]) == [0]


async def test_a_file_is_saved_and_read_in_another_encoding() -> None:
    case = Case(a_md="text\n")
    case.desks["a.md"].form = Form(False, ("\n",), "iso8859-1")
    async with workspace(case, "a.md", size=(110, 20)) as (app, pilot, screen):
        await pilot.pause()
        assert "Latin-1, LF" in screen.rows()[-1]
        app.do_save_in_encoding()
        await pilot.pause()
        await pilot.press(*"utf-16", "enter")
        await done(app, pilot)
        settle(app)
        assert case.desks["a.md"].form == Form(True, ("\n",), "utf-16-le") and case.desks["a.md"].saves
        assert "Saved a.md as UTF-16 LE BOM, LF." in app.editor.messages.text
        app.do_read_in_encoding()
        await pilot.pause()
        await pilot.press(*"cyrillic", "enter")
        await done(app, pilot)
        assert case.desks["a.md"].form.charset == "cp1251"
        case.desks["a.md"].form = None
        app.do_save_in_encoding()
        assert "is not known" in app.editor.messages.text


@pytest.mark.parametrize(
    ("typed", "form", "said"),
    [
        (":set fenc=latin1\r", Form(False, ("\n",), "iso8859-1"), "Saved a.md as Latin-1, LF."),
        (":set fileencoding=nonsense\r", Form(False, ("\n",)), "There is no encoding nonsense"),
        (":set fenc?\r", Form(False, ("\n",)), "fileencoding is utf-8."),
    ],
)
async def test_vi_sets_the_encoding_by_its_name(typed: str, form: Form, said: str) -> None:
    case = Case(a_md="text\n")
    app = EditorApp([Opening(case.desks["a.md"])], Plain(preset="vi"), catalog=case)
    async with app.run_test(size=(80, 20)) as pilot:
        await pilot.press(*("enter" if sign == "\r" else sign for sign in typed))
        await done(app, pilot)
        assert case.desks["a.md"].form == form and said in app.editor.messages.text


async def test_a_folder_that_is_created_by_saving_is_named() -> None:
    case = Case(a_md="text\n")
    case.desks["a.md"].made_folder = "nope/deep"
    async with workspace(case, "a.md") as (app, pilot, _):
        await pilot.press("ctrl+s")
        await done(app, pilot)
        assert "Saved a.md. The folder nope/deep was created for it." in app.editor.messages.text
