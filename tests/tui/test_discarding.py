"""Nothing that one person does takes another's unsaved words without them being told and able to bring them back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from textual.pilot import Pilot

from jpterm_like.errors import JptermError
from jpterm_like.tui.app import EditorApp
from jpterm_like.tui.widgets.dialogs import Picker
from tests.tui.case import Case
from tests.tui.desk import Desk
from tests.tui.test_workspace import done, workspace

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
    app.editor.run("close_at_once")
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
        assert "bob wrote some of it; discarding leaves that in place." in app.screen._body


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
        app.editor.run("close_at_once")
        await done(app, pilot)
    assert desk.buffer.text == "xa" and app.return_value == 0


async def together(case: Case) -> tuple[Desk, Desk]:
    """Ann's desk, and bob's beside it, whose words are unsaved."""
    desk, bob = case.desks["a.md"], Desk("a", "bob", 2)
    desk.join(bob)
    bob.replace(1, 1, " BOB")
    return desk, bob


async def revert(app: EditorApp, pilot: Pilot[int], *keys: str) -> None:
    app.editor.run("revert")
    await done(app, pilot)
    await pilot.press(*keys)
    await done(app, pilot)


async def test_going_back_to_the_file_asks_when_others_words_would_go() -> None:
    """It says whose; only mine go unless I say otherwise, and all of it is one step of undo."""
    case = Case(a_md="a")
    async with workspace(case, "a.md") as (app, pilot, _):
        desk, bob = await together(case)
        desk.file_time = "19:12"
        await pilot.press("x")
        await revert(app, pilot)
        assert (
            isinstance(app.screen, Picker)
            and "The file is from 19:12. Work of others is not in it: 1 passage by bob." in app.screen._body
        )
        assert desk.buffer.text == "xa BOB", "nothing happens before the answer"
        await pilot.press("escape")
        await done(app, pilot)
        assert desk.buffer.text == "xa BOB"
        await revert(app, pilot, "enter")
        assert desk.buffer.text == bob.buffer.text == "a BOB" and desk.saves == []
        assert "Discarded what you wrote since the last save. ctrl+z" in app.editor.messages.text
        await pilot.press("ctrl+z")
        assert desk.buffer.text == "xa BOB"
        await revert(app, pilot, "down", "enter")
        assert desk.buffer.text == bob.buffer.text == "a" and desk.saves == []
        await pilot.press("ctrl+z")
        assert desk.buffer.text == bob.buffer.text == "xa BOB"


async def test_going_back_asks_again_when_somebody_else_wrote_meanwhile() -> None:
    case = Case(a_md="a")
    async with workspace(case, "a.md") as (app, pilot, _):
        desk, _ = await together(case)
        await revert(app, pilot)
        carl = Desk("a", "carl", 3)
        desk.join(carl)
        carl.receive()
        carl.replace(0, 0, "CARL ")
        await pilot.press("down", "enter")
        await done(app, pilot)
        assert isinstance(app.screen, Picker) and "1 passage by bob, 1 by carl." in app.screen._body
        assert desk.buffer.text == "CARL a BOB"
        await pilot.press("down", "enter")
        await done(app, pilot)
        assert desk.buffer.text == "a"


async def test_what_others_cannot_be_told_of_stays() -> None:
    """Without a line nobody hears of it, so nobody's words but mine can go."""
    case = Case(a_md="a")
    async with workspace(case, "a.md") as (app, pilot, _):
        desk, _ = await together(case)
        desk.online = False
        await pilot.press("x")
        await revert(app, pilot)
        assert isinstance(app.screen, Picker) and "cannot be told now" in app.screen._body
        assert [choice.id for choice in app.screen._choices] == ["mine", "stay"]


async def test_anybody_brings_back_what_was_discarded_in_one_step() -> None:
    case = Case(a_md="a")
    async with workspace(case, "a.md") as (app, pilot, _):
        desk, bob = await together(case)
        await pilot.press("x")
        app.editor.run("bring_back")
        assert "There is no discarded work to restore here" in app.editor.messages.text
        await bob.go_back("a")
        await pilot.pause()
        assert desk.buffer.text == "a"
        await pilot.press("y")
        app.editor.run("bring_back")
        assert desk.buffer.text == bob.buffer.text and set("xy BOB") <= set(bob.buffer.text)
        assert "Restored what bob discarded" in app.editor.messages.text
        await pilot.press("ctrl+z")
        assert bob.buffer.text == "ya"


async def test_of_several_things_that_were_discarded_one_is_chosen() -> None:
    case = Case(a_md="a")
    async with workspace(case, "a.md") as (app, pilot, _):
        desk, bob = await together(case)
        await bob.go_back("a")
        bob.replace(1, 1, " MORE")
        await bob.go_back("a")
        app.editor.run("bring_back")
        await done(app, pilot)
        assert isinstance(app.screen, Picker)
        assert [choice.hint for choice in app.screen._choices] == ["MORE", "BOB"]
        await pilot.press("down", "enter")
        await done(app, pilot)
        assert desk.buffer.text == "a BOB"


async def test_without_a_file_going_back_takes_only_what_i_wrote() -> None:
    """A file that is gone is no empty text: nobody else's words go, and nothing that was saved."""
    case = Case(a_md="a")
    async with workspace(case, "a.md") as (app, pilot, _):
        desk, bob = await together(case)
        desk.is_new = True
        case.texts["a.md"] = ""
        await pilot.press("x")
        await revert(app, pilot)
        assert desk.buffer.text == bob.buffer.text == "a BOB"


async def test_a_reader_brings_nothing_back() -> None:
    case = Case(a_md="a")
    async with workspace(case, "a.md") as (app, pilot, _):
        desk, bob = await together(case)
        await bob.go_back("a")
        desk.role = "view"
        app.editor.run("bring_back")
        await done(app, pilot)
        assert desk.buffer.text == "a" and "You may read" in app.editor.messages.text
