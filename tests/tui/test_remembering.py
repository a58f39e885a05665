"""Caret, view, folds and tabs are there again after a restart, and stay where the text is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList

from crdt import TextBuffer
from jpterm_like import last_time
from jpterm_like.client.events import StatusChanged
from jpterm_like.config import Paths
from jpterm_like.last_time import LastTime
from jpterm_like.tui.app import EditorApp
from jpterm_like.tui.workspace import Opening
from tests.tui.case import Case
from tests.tui.desk import Plain
from tests.tui.terminal import Terminal

LINES = "".join(f"line {n}\n" for n in range(100))
PARTS = "".join(f"## part {n}\n\nwords {n}\n\nmore {n}\n\n" for n in range(30))


class Machine:
    """Where a person starts the editor again and again."""

    def __init__(self, paths: Paths, case: Case) -> None:
        self.paths = paths
        self.case = case

    @asynccontextmanager
    async def start(
        self,
        *names: str,
        place: tuple[int, int] | None = None,
        size: tuple[int, int] = (80, 20),
        **options: object,
    ) -> AsyncIterator[tuple[EditorApp, Pilot[int]]]:
        remembered = LastTime(self.paths, "/work")
        openings = [Opening(self.case.desks[name], place, view=remembered.view(name)) for name in names]
        app = EditorApp(
            openings,
            Plain(),
            catalog=self.case,
            last_time=remembered,
            **options,  # type: ignore[arg-type]
        )
        app.driver_class = Terminal
        async with app.run_test(headless=False, size=size) as pilot:
            await pilot.pause()
            yield app, pilot


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(last_time, "is_in_memory", lambda path: False)
    monkeypatch.setattr(last_time, "_is_gone", lambda address: False)
    return Machine(Paths.under(tmp_path), Case(a_md=LINES, b_md=PARTS, c_md="c"))


async def done(app: EditorApp, pilot: Pilot[int]) -> None:
    await app.workers.wait_for_complete()
    await pilot.pause()


def at(app: EditorApp) -> tuple[int, int]:
    return app.editor.text_layout.lines.place(app.editor.cursor.caret)


async def quit(app: EditorApp, pilot: Pilot[int]) -> None:
    for editor in app.editors:
        editor.session.saved = True  # type: ignore[misc]
    await pilot.press("ctrl+q")
    await app.workers.wait_for_complete()


async def test_caret_and_view_are_there_again(machine: Machine) -> None:
    async with machine.start("a.md") as (app, pilot):
        await pilot.press("pagedown", "pagedown", "pagedown", "up", "right", "right")
        caret, top = app.editor.cursor.caret, app.editor.view.top
        assert top[0] > 20
        await quit(app, pilot)
    async with machine.start("a.md") as (app, _):
        assert (app.editor.cursor.caret, app.editor.view.top) == (caret, top)


async def test_edits_while_i_was_away_do_not_misplace_the_caret(machine: Machine) -> None:
    async with machine.start("a.md") as (app, pilot):
        await pilot.press("pagedown", "pagedown", "end")
        row, column = at(app)
        await quit(app, pilot)
    machine.case.desks["a.md"].replace(0, 0, "new\nnew\nnew\n")
    machine.case.desks["a.md"].replace(40, 46, "")
    async with machine.start("a.md") as (app, _):
        now = at(app)
        assert app.editor.text_layout.line(now[0]) == f"line {row}" and now[1] == column


async def test_in_another_history_the_line_is_found_near_its_row(machine: Machine) -> None:
    async with machine.start("a.md") as (app, pilot):
        await pilot.press("pagedown", "pagedown", "end")
        row, column = at(app)
        await quit(app, pilot)
    desk = machine.case.desks["a.md"]
    desk.buffer = TextBuffer.genesis("above\nabove\n" + LINES, site=1, author="ann")
    async with machine.start("a.md") as (app, _):
        assert at(app) == (row + 2, column)
    desk.buffer = TextBuffer.genesis("x\n" * 5, site=1, author="ann")
    desk.show_caret(0, None)
    async with machine.start("a.md") as (app, _):
        assert at(app)[0] == 5, "the end is the nearest row"


async def test_folds_are_there_again_but_for_one_whose_heading_was_changed(machine: Machine) -> None:
    async with machine.start("b.md") as (app, pilot):
        app.editor.run("fold_all")
        await pilot.press("down", "down", "down")
        folded = list(app.editor.view.folds.all)
        assert len(folded) == 30
        await quit(app, pilot)
    desk = machine.case.desks["b.md"]
    desk.replace(0, 0, "# Title\n")
    at_5 = desk.buffer.text.index("part 5")
    desk.replace(at_5, at_5 + 4, "chapter")
    async with machine.start("b.md") as (app, _):
        folds = app.editor.view.folds
        folds.check()
        assert [fold.head for fold in folds.all] == [fold.head + 1 for n, fold in enumerate(folded) if n != 5]
        assert not folds.is_hidden(at(app)[0])


async def test_vi_begins_on_a_character(machine: Machine) -> None:
    """It may have been inserting behind the last one of a line when it ended."""
    async with machine.start("a.md") as (app, pilot):
        await pilot.press("down", "end")
        assert at(app) == (1, 6)
        await quit(app, pilot)
    remembered = LastTime(machine.paths, "/work")
    desk = machine.case.desks["a.md"]
    app = EditorApp([Opening(desk, view=remembered.view("a.md"))], Plain(preset="vi"), catalog=machine.case)
    app.driver_class = Terminal
    async with app.run_test(headless=False, size=(80, 20)) as pilot:
        await pilot.pause()
        assert at(app) == (1, 5)
        await pilot.press("x")
        assert app.editor.text_layout.line(1) == "line "


async def test_a_place_that_is_asked_for_comes_first(machine: Machine) -> None:
    async with machine.start("a.md") as (app, pilot):
        await pilot.press("pagedown", "pagedown")
        await quit(app, pilot)
    async with machine.start("a.md", place=(12, 1)) as (app, _):
        assert at(app) == (11, 0)


async def test_a_kill_finds_the_caret_written_and_idling_writes_nothing(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with kill -9: nothing is closed, and another run reads what there is."""
    monkeypatch.setattr("jpterm_like.tui.remembering.REMEMBER_S", 0.02)
    async with machine.start("a.md", "b.md") as (app, pilot):
        await pilot.press("down", "down")
        file = machine.paths.state_folder / "last-time.json"
        while True:
            await pilot.pause(0.02)
            seen = LastTime(machine.paths, "/work").view("a.md")
            if seen is not None and seen.caret.row == 2:
                break
        before = file.stat().st_ino
        await pilot.pause(0.1)
        assert file.stat().st_ino == before
        assert LastTime(machine.paths, "/work").tabs() is not None
        del app


async def test_a_text_that_arrives_later_is_shown_where_it_was(machine: Machine) -> None:
    async with machine.start("a.md") as (app, pilot):
        await pilot.press("pagedown", "pagedown")
        place = at(app)
        await quit(app, pilot)
    desk = machine.case.desks["a.md"]
    desk.ready = False
    async with machine.start("a.md") as (app, pilot):
        assert at(app) == (0, 0)
        desk.ready = True
        desk.tell(StatusChanged())
        await pilot.pause()
        assert at(app) == place and app.editor.view.screen_place(app.editor.cursor.caret) is not None


async def test_a_file_that_is_closed_and_opened_again_is_where_it_was(machine: Machine) -> None:
    async with machine.start("a.md", "c.md") as (app, pilot):
        await pilot.press("pagedown", "pagedown")
        place = at(app)
        app.session.saved = True  # type: ignore[misc]
        app.do_close_file()
        await done(app, pilot)
        await app.open_address("a.md")
        assert at(app) == place


async def test_nothing_is_kept_of_an_empty_text_nor_of_the_start(machine: Machine) -> None:
    async with machine.start("a.md") as (app, pilot):
        await pilot.press("pagedown", "ctrl+home")
        await quit(app, pilot)
    assert LastTime(machine.paths, "/work").view("a.md") is None
    desk = machine.case.desks["c.md"]
    async with machine.start("c.md") as (app, pilot):
        await pilot.press("end")
        desk.replace(0, 1, "")
        await quit(app, pilot)
    assert LastTime(machine.paths, "/work").view("c.md") is None


async def test_the_start_screen_reopens_all_files_of_last_time_with_the_split(machine: Machine) -> None:
    async with machine.start("a.md", "b.md", "c.md") as (app, pilot):
        await pilot.press("pagedown", "ctrl+pagedown")
        app.editor.run("split_beside")
        await pilot.press("ctrl+pagedown", "alt+v")
        await pilot.pause()
        assert app.second is not None and app.second.session.title == "c.md" and app.session.title == "b.md"
        await quit(app, pilot)
    async with machine.start() as (app, pilot):
        options = app.screen.query_one(OptionList)
        shown = [str(option.prompt) for option in options.options]
        assert options.highlighted is not None
        assert shown[options.highlighted].split("   ")[0] == "Reopen the 3 files of last time"
        assert shown[options.highlighted].endswith("a.md, b.md, c.md")
        await pilot.press("enter")
        await done(app, pilot)
        assert [editor.session.title for editor in app.editors] == ["a.md", "b.md", "c.md"]
        assert app.second is not None and app.second.session.title == "c.md"
        assert app.session.title == "b.md" and app.views.has_class("beside")
        await pilot.press("ctrl+pageup")
        await pilot.pause()
        assert app.session.title == "a.md" and at(app)[0] > 10


async def test_a_folder_lists_the_files_of_last_time_first(machine: Machine) -> None:
    async with machine.start("a.md", "b.md") as (app, pilot):
        await quit(app, pilot)
    async with machine.start(chooses=True) as (app, pilot):
        await done(app, pilot)
        await pilot.press("enter")
        await done(app, pilot)
        assert [editor.session.title for editor in app.editors] == ["a.md", "b.md"]


async def test_a_run_with_one_file_leaves_those_of_the_run_before(machine: Machine) -> None:
    async with machine.start("a.md", "b.md") as (app, pilot):
        await quit(app, pilot)
    async with machine.start("c.md") as (app, pilot):
        await quit(app, pilot)
    async with machine.start("c.md") as (app, pilot):
        app.editor.run("reopen_files")
        await done(app, pilot)
        assert [editor.session.title for editor in app.editors] == ["c.md", "a.md", "b.md"]
    async with machine.start("a.md", "b.md") as (app, pilot):
        app.do_close_file()
        await done(app, pilot)
        await quit(app, pilot)
    assert LastTime(machine.paths, "/work").tabs() is None, "they were closed one by one"
