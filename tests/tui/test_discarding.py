"""Nothing that one person does takes another's unsaved words without them being told and able to bring them back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from textual.pilot import Pilot

from jpterm_like.errors import JptermError
from jpterm_like.tui.app import EditorApp
from jpterm_like.tui.dialogs import Picker

from .case import Case
from .desk import Desk
from .test_workspace import done, workspace

Leaving = Callable[[EditorApp, "Pilot[int]"], Awaitable[None]]


async def by_the_question(app: EditorApp, pilot: Pilot[int]) -> None:
    await pilot.press("ctrl+q")
    await done(app, pilot)
    assert isinstance(app.screen, Picker)
    await pilot.press("down", "down", "enter")
    await done(app, pilot)


async def by_stopping_the_caller(app: EditorApp, pilot: Pilot[int]) -> None:
    app.editor.run("quit_in_vain")
    await done(app, pilot)


async def by_q_with_a_bang(app: EditorApp, pilot: Pilot[int]) -> None:
    app.editor.run_ex("q!")
    await done(app, pilot)


LEAVINGS = (by_the_question, by_stopping_the_caller, by_q_with_a_bang)


@pytest.mark.parametrize("leave", LEAVINGS)
async def test_leaving_without_what_is_not_saved_takes_it_back_and_writes_nothing(leave: Leaving) -> None:
    """What I wrote is gone from the text, the file was not written, and the exit code tells who started us as $EDITOR
    that nothing is to be done with it."""
    case = Case(a_md="a")
    desk = case.desks["a.md"]
    async with workspace(case, "a.md") as (app, pilot, _):
        await pilot.press("x")
        await leave(app, pilot)
    assert desk.closed and desk.buffer.text == "a" and desk.saves == []
    assert desk.saved, "the file was compared with the text"
    assert app.return_value == 1


@pytest.mark.parametrize("leave", LEAVINGS)
async def test_what_others_wrote_stays_when_i_leave_without_mine(leave: Leaving) -> None:
    """Bob's unsaved words stay, also those inside what I take back."""
    case = Case(a_md="a")
    desk, bob = case.desks["a.md"], Desk("a", "bob", 2)
    desk.join(bob)
    async with workspace(case, "a.md") as (app, pilot, _):
        await pilot.press(*"mine ")
        bob.replace(2, 2, "BOB")
        await pilot.pause()
        assert desk.buffer.text == "miBOBne a"
        await leave(app, pilot)
    assert desk.buffer.text == bob.buffer.text == "BOBa"
    assert desk.saves == bob.saves == []
    assert app.return_value == 1


async def test_what_counts_is_the_text_at_the_answer() -> None:
    """Bob comes while the question stands there, and his words stay."""
    case = Case(a_md="a")
    desk = case.desks["a.md"]
    async with workspace(case, "a.md") as (app, pilot, _):
        await pilot.press("x", "ctrl+q")
        await done(app, pilot)
        assert isinstance(app.screen, Picker) and "wrote some of it" not in app.screen._body
        bob = Desk("a", "bob", 2)
        desk.join(bob)
        bob.receive()
        bob.replace(1, 1, "BOB")
        await pilot.press("down", "down", "enter")
        await done(app, pilot)
    assert bob.buffer.text == desk.buffer.text == "BOBa"


async def test_the_question_tells_whose_words_stay() -> None:
    case = Case(a_md="a")
    desk, bob = case.desks["a.md"], Desk("a", "bob", 2)
    desk.join(bob)
    async with workspace(case, "a.md") as (app, pilot, _):
        bob.replace(1, 1, "BOB")
        await pilot.press("x", "ctrl+q")
        await done(app, pilot)
        assert isinstance(app.screen, Picker)
        assert "bob wrote some of it; that stays whatever you choose." in app.screen._body


@pytest.mark.parametrize("leave", LEAVINGS)
async def test_a_file_that_may_not_be_written_can_be_left(leave: Leaving) -> None:
    """Discarding never writes; nothing that is wrong with the file or the line keeps anybody in the editor."""
    case = Case(a_md="a")
    desk = case.desks["a.md"]
    desk.refusal = JptermError("a.md cannot be written: permission is denied.")
    desk.comparing_fails = True
    async with workspace(case, "a.md") as (app, pilot, _):
        await pilot.press("x")
        await leave(app, pilot)
    assert desk.closed and desk.buffer.text == "a" and app.return_value == 1


async def test_closing_a_tab_without_what_is_not_saved() -> None:
    case = Case(a_md="a", b_md="b")
    desk, bob = case.desks["a.md"], Desk("a", "bob", 2)
    desk.join(bob)
    async with workspace(case, "a.md", "b.md") as (app, pilot, _):
        bob.replace(1, 1, "BOB")
        await pilot.press("x", "alt+q")
        await done(app, pilot)
        await pilot.press("down", "down", "enter")
        await done(app, pilot)
        assert [editor.session.title for editor in app.editors] == ["b.md"]
    assert bob.buffer.text == "aBOB"


async def test_stopping_the_caller_gives_up_what_the_caller_named_and_no_other_text() -> None:
    case = Case(a_md="a", b_md="b")
    async with workspace(case, "a.md") as (app, pilot, _):
        await pilot.press("x")
        await app.open_address("b.md")
        await done(app, pilot)
        await pilot.press("y")
        app.editor.run("quit_in_vain")
        await done(app, pilot)
    assert case.desks["a.md"].buffer.text == "a"
    assert case.desks["b.md"].buffer.text == "yb", "it is kept, as always"
    assert app.return_value == 1


async def test_on_a_server_that_saves_by_itself_nothing_is_discarded() -> None:
    """There what I wrote a second ago is in the file, and what I write now will be: `:q!` leaves, no more."""
    case = Case(a_md="a")
    desk = case.desks["a.md"]
    async with workspace(case, "a.md") as (app, pilot, _):
        desk.address = "ws://host:8765/a.md"
        await pilot.press("x")
        app.editor.run_ex("q!")
        await done(app, pilot)
    assert desk.buffer.text == "xa" and app.return_value == 0
