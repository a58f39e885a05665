"""People across files: the list and its keys, going along when somebody changes the file, lines to the others."""

from __future__ import annotations

import re

import pytest
from rich.style import Style
from textual.widgets import Input

from jpterm_like.client.events import Said, Whereabout
from jpterm_like.config import COLOURS, Paths, Settings
from jpterm_like.errors import JptermError
from jpterm_like.sync.presence import Person
from jpterm_like.tui import people_commands
from jpterm_like.tui.app import EditorApp
from jpterm_like.tui.render.people import name_colours
from jpterm_like.tui.widgets.dialogs import Ask
from jpterm_like.tui.widgets.people_list import HEAD, NBSP, PeopleList, common_folder, one_row_each, row
from tests.tui.case import Case
from tests.tui.desk import Desk
from tests.tui.terminal import settle
from tests.tui.test_workspace import done, workspace

LINES = "".join(f"line {number}\n" for number in range(200))


def at(name: str, path: str, line: int, site: int, **more: object) -> Whereabout:
    given: dict[str, object] = {
        "site": site,
        "person": site,
        "name": name,
        "path": path,
        "line": line,
        "is_active": line > 0,
        "role": "edit",
        "since_s": 300,
        "idle_s": 0,
        "may_kick": False,
        "may_change_role": False,
        "colour": None,
        "address": path,
        "is_me": False,
    }
    return Whereabout(**{**given, **more})  # type: ignore[arg-type]


def bob_in(desk: Desk, offset: int | None) -> None:
    """Bob has a caret in a text, or has it open and looks at another one."""
    caret = None if offset is None else desk.buffer.anchor(offset)
    desk.meet_person(Person(9, "bob", caret, None))


def tell_all(case: Case, *whereabouts: Whereabout) -> None:
    for desk in case.desks.values():
        desk.whereabouts = list(whereabouts)


def bottom(app: EditorApp) -> str:
    return app.status_bar.render_line(0).text


async def test_following_goes_along_to_the_other_file_and_comes_back() -> None:
    case = Case(a_md=LINES, b_md=LINES)
    async with workspace(case, "a.md") as (app, pilot, _):
        bob_in(case.desks["a.md"], 700)
        await pilot.press("f7")
        assert "following bob" in bottom(app)
        tell_all(case, at("bob", "a.md", 0, 9), at("bob", "b.md", 100, 9))
        bob_in(case.desks["b.md"], 1000)
        bob_in(case.desks["a.md"], None)
        await done(app, pilot)
        assert app.session.address == "b.md" and "following bob" in bottom(app)
        assert app.editor.view.screen_place(1000) is not None
        tell_all(case, at("bob", "a.md", 5, 9), at("bob", "b.md", 0, 9))
        bob_in(case.desks["a.md"], 40)
        bob_in(case.desks["b.md"], None)
        await done(app, pilot)
        assert app.session.address == "a.md" and "following bob" in bottom(app)
        assert app.editor.view.screen_place(40) is not None
        await pilot.press("escape")
        bob_in(case.desks["a.md"], None)
        await done(app, pilot)
        assert app.session.address == "a.md", "I follow nobody any more"


async def test_following_is_of_a_person_and_not_of_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else called bob is in another file, or takes the name once bob has gone: neither draws me there."""
    monkeypatch.setattr(people_commands, "SEEK_S", 0.0)
    case = Case(a_md=LINES, b_md=LINES, c_md=LINES)
    async with workspace(case, "a.md") as (app, pilot, _):
        namesake, window = at("bob", "b.md", 3, 7), at("bob", "b.md", 4, 6, person=9)
        tell_all(case, namesake, window, at("bob", "a.md", 20, 9))
        bob_in(case.desks["a.md"], 700)
        await pilot.press("f7")
        await done(app, pilot)
        taken = at("bob", "b.md", 1, 70)
        tell_all(case, namesake, window, taken, at("bob", "c.md", 9, 5, person=9, idle_s=1))
        case.desks["c.md"].meet_person(Person(7, "bob", case.desks["c.md"].buffer.anchor(0), None))
        case.desks["c.md"].meet_person(Person(5, "bob", case.desks["c.md"].buffer.anchor(1000), None))
        case.desks["a.md"].leave(9)
        await done(app, pilot)
        assert app.session.address == "c.md" and app.editor.awareness.following == 5
        assert app.editor.view.screen_place(1000) is not None
        tell_all(case, namesake, window, taken)
        case.desks["c.md"].leave(5)
        await done(app, pilot)
        assert app.session.address == "c.md" and not app.editor.awareness.is_following
        assert "bob left." in app.editor.messages.text


async def test_others_who_move_do_not_begin_the_search_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people_commands, "SEEK_S", 600.0)
    case = Case(a_md=LINES)
    async with workspace(case, "a.md") as (app, pilot, _):
        desk, asked = case.desks["a.md"], 0
        everyone = desk.everyone

        async def count() -> list[Whereabout]:
            nonlocal asked
            asked += 1
            return await everyone()

        desk.everyone = count  # type: ignore[method-assign]
        bob_in(desk, 700)
        await pilot.press("f7")
        await done(app, pilot)
        bob_in(desk, None)
        for offset in range(50):
            desk.meet_person(Person(7, "eve", desk.buffer.anchor(offset), None))
            await pilot.pause()
        assert asked == 2, "when following began, and when he had gone"


async def test_the_follow_key_goes_along_when_the_only_other_is_in_another_file() -> None:
    case = Case(a_md=LINES, b_md=LINES)
    async with workspace(case, "a.md") as (app, pilot, _):
        bob_in(case.desks["a.md"], None)
        bob_in(case.desks["b.md"], 1000)
        tell_all(case, at("bob", "a.md", 0, 9), at("bob", "b.md", 100, 9))
        await pilot.press("f7")
        await done(app, pilot)
        assert app.session.address == "b.md" and "following bob" in bottom(app)


def in_three_files(case: Case) -> None:
    """Bob and eve are in a.md, dan in b.md and flo in c.md."""
    tell_all(
        case,
        at("bob", "a.md", 20, 9),
        at("eve", "a.md", 30, 7),
        at("dan", "b.md", 100, 5),
        at("flo", "c.md", 50, 4),
        at("ann", "a.md", 1, 1, is_me=True),
    )
    for name, person, site, offset in (
        ("a.md", "bob", 9, 100),
        ("a.md", "eve", 7, 200),
        ("b.md", "dan", 5, 1000),
        ("c.md", "flo", 4, 400),
    ):
        desk = case.desks[name]
        desk.meet_person(Person(site, person, desk.buffer.anchor(offset), None))


async def test_the_follow_key_goes_round_the_people_of_all_files_and_back() -> None:
    """It ended with the last person of this file, although the list of people follows those of other files, too."""
    case = Case(a_md=LINES, b_md=LINES, c_md=LINES)
    async with workspace(case, "b.md") as (app, pilot, _):
        in_three_files(case)
        seen = []
        for _turn in range(5):
            await pilot.press("f7")
            await done(app, pilot)
            seen.append((app.session.address, app.editor.awareness.followed_name))
        assert seen == [("b.md", "dan"), ("c.md", "flo"), ("a.md", "bob"), ("a.md", "eve"), ("b.md", "")]
        await pilot.press("f7")
        await done(app, pilot)
        assert app.editor.awareness.followed_name == "dan", "and from the beginning again"


async def test_the_person_key_goes_to_the_people_of_all_files() -> None:
    case = Case(a_md=LINES, b_md=LINES, c_md=LINES)
    async with workspace(case, "a.md") as (app, pilot, _):
        in_three_files(case)
        seen = []
        for _turn in range(5):
            await pilot.press("f6")
            await done(app, pilot)
            seen.append((app.session.address, app.editor.cursor.caret))
        assert seen == [("a.md", 100), ("a.md", 200), ("b.md", 1000), ("c.md", 400), ("a.md", 100)]


async def test_people_of_other_files_are_found_where_nobody_is_in_this_one() -> None:
    case = Case(a_md=LINES, b_md=LINES)
    async with workspace(case, "a.md") as (app, pilot, _):
        for key in ("f6", "f7"):
            await pilot.press(key)
            await done(app, pilot)
            assert "Nobody else is here." in app.editor.messages.text
            await pilot.press("escape")
        tell_all(case, at("bob", "b.md", 100, 9))
        bob_in(case.desks["b.md"], 1000)
        await pilot.press("f7")
        await done(app, pilot)
        assert app.session.address == "b.md" and "following bob" in bottom(app)


async def test_others_see_that_i_look_at_another_tab() -> None:
    case = Case(a_md=LINES, b_md=LINES)
    eve = Desk(LINES, "eve", 7)
    case.desks["a.md"].join(eve)
    async with workspace(case, "a.md", "b.md") as (_, pilot, _):
        assert eve.people[0].caret is not None
        await pilot.press("ctrl+pagedown")
        assert eve.people[0].caret is None
        await pilot.press("ctrl+pageup")
        assert eve.people[0].caret is not None


@pytest.mark.parametrize("size", [(120, 40), (60, 15)])
async def test_the_people_key_lists_who_is_where_and_what_can_be_done(size: tuple[int, int]) -> None:
    case = Case(a_md=LINES, b_md=LINES)
    async with workspace(case, "a.md", size=size) as (app, pilot, screen):
        tell_all(
            case,
            at("ann", "a.md", 1, 1, is_me=True),
            at("bob", "b.md", 100, 9, may_kick=True),
            at("eve", "docs/a very long folder/and a long name.md", 3, 7, role="view", idle_s=400),
        )
        bob_in(case.desks["b.md"], 1000)
        app.post_message(app.editor.HeardLine("bob", "lunch?"))
        await pilot.press("f8")
        await done(app, pilot)
        await pilot.pause()
        settle(app)
        rows = screen.rows()
        shown = "\n".join(rows)
        for words in (
            "bob",
            "b.md:100",
            "editor",
            "5 min",
            "…",
            "name.md:3",
            "reader",
            "6 min",
            "People: you are ann",
            "person      file and line     role   here   idle",
            "bob: lunch?",
        ):
            assert words in shown, words
        for key in ("enter go there", "f follow", "l look here", "k kick", "s say", "esc close"):
            assert key in " ".join(" ".join(rows).replace("│", " ").split()), key
        await pilot.press("down")
        assert f"k{NBSP}kick" not in str(app.screen.query_one("#dialog-foot").render())  # type: ignore[attr-defined]
        await pilot.press("up", "enter")
        await done(app, pilot)
        assert app.session.address == "b.md" and app.editor.cursor.caret == 1000


async def test_a_person_has_the_colour_of_their_caret_in_the_list() -> None:
    """Names of other files that wish for the same colour take it from nobody here."""
    names = [str(number) for number in range(60) if name_colours([str(number)], 8)[str(number)] == 1][:4]
    *elsewhere, here = names[:3]
    case = Case(a_md=LINES)
    desk = case.desks["a.md"]
    async with workspace(case, "a.md") as (app, pilot, _):
        tell_all(case, *(at(name, "b.md", 1, site) for site, name in enumerate((*elsewhere, here), 20)))
        desk.meet_person(Person(9, here, desk.buffer.anchor(0), None))
        await pilot.press("f8")
        await done(app, pilot)
        assert isinstance(app.screen, PeopleList)
        tell_all(case, *(at(name, "b.md", 1, site) for site, name in enumerate(names, 20)))
        app.screen._ask_again()
        await done(app, pilot)
        style = app.screen._style_of
        assert style(here) == app.palette.people[app.editor.collaborators.others[0].colour].tag
        assert len({style(name) for name in names}) == 4, "one who came later, too"
        await pilot.press("escape")


def test_the_longest_row_fits_a_screen_of_60_cells() -> None:
    """Of those 60 the frame takes four."""
    one = at("a name that is long", "a path that is long/and longer.md", 123456, 1, since_s=3599, idle_s=3599)
    shown = row(one, Style(), "")
    assert shown.plain.endswith(" editor 59 min 59 min") and shown.cell_len <= 56
    assert [len(words) for words in re.split(r"(?<= )(?=\S)", HEAD)][-2:] == [7, 4], "the columns are named"
    assert row(at("ann", "a.md", 1, 1, is_me=True, role="own"), Style(), "").plain.endswith(
        "owner  5 min  you"
    )


async def test_the_list_kicks_after_a_question_and_only_whom_one_may() -> None:
    case = Case(a_md=LINES)
    desk = case.desks["a.md"]
    async with workspace(case, "a.md") as (app, pilot, _):
        tell_all(case, at("bob", "a.md", 2, 9, may_kick=True), at("eve", "a.md", 2, 7))
        for keys, kicked in ((("down", "k"), []), (("k", "enter"), []), (("k", "down", "enter"), ["bob"])):
            await pilot.press("f8")
            await done(app, pilot)
            for key in keys:
                await pilot.press(key)
                await pilot.pause()
            await pilot.press("escape")
            await done(app, pilot)
            assert desk.kicked == kicked


async def test_an_owner_changes_a_role_in_the_list_and_is_told_whom_it_concerns() -> None:
    """The key is there for those whose role one may change; nothing is asked of the server if the role stays."""
    case = Case(a_md=LINES)
    desk = case.desks["a.md"]
    async with workspace(case, "a.md", size=(60, 15)) as (app, pilot, screen):
        tell_all(case, at("bob", "a.md", 2, 9, may_change_role=True), at("eve", "a.md", 2, 7, role="own"))
        for keys, given in (
            (("down", "r"), []),
            (("r", "escape"), []),
            (("r", "enter"), []),
            (("r", "down", "enter"), [(9, "view")]),
        ):
            await pilot.press("f8")
            await done(app, pilot)
            settle(app)
            assert "r role" in "\n".join(screen.rows()).replace(NBSP, " ")
            for key in keys:
                await pilot.press(key)
                await pilot.pause()
            await done(app, pilot)
            assert desk.given_roles == given
            if not given:
                await pilot.press("escape")
        assert "bob, carl may only read now, until the server ends." in app.editor.messages.text


async def test_without_the_server_the_people_of_this_file_are_listed() -> None:
    case = Case(a_md=LINES)
    async with workspace(case, "a.md") as (app, pilot, _):
        case.desks["a.md"].online = False
        bob_in(case.desks["a.md"], 0)
        await pilot.press("f8")
        await done(app, pilot)
        assert isinstance(app.screen, PeopleList) and app.screen.highlighted is not None
        assert app.screen.highlighted.name == "bob"
        await pilot.press("escape")
        assert not isinstance(app.screen, PeopleList)


async def test_a_line_is_said_and_heard_whatever_tab_is_open_and_is_not_in_the_text() -> None:
    case = Case(a_md=LINES, b_md=LINES)
    eve = Desk(LINES, "eve", 7)
    heard: list[object] = []
    eve.listen(heard.append)
    case.desks["a.md"].join(eve)
    async with workspace(case, "a.md", "b.md") as (app, pilot, _):
        app.do_say_line()
        await pilot.pause()
        await pilot.press(*"hi", "enter")
        await done(app, pilot)
        assert Said("ann", "hi") in heard and eve.buffer.text == LINES == case.desks["a.md"].buffer.text
        await pilot.press("ctrl+pagedown")
        case.desks["a.md"].tell(Said("eve\x1b[2J", "yes\x07"))
        await pilot.pause()
        assert "eve" in app.editor.messages.text and "yes" in app.editor.messages.text
        assert "\x1b" not in app.editor.messages.text and "\x07" not in app.editor.messages.text


async def test_my_name_and_colour_change_at_once_in_all_files_and_are_kept() -> None:
    case = Case(a_md=LINES, b_md=LINES)
    eve = Desk(LINES, "eve", 7)
    case.desks["a.md"].join(eve)
    async with workspace(case, "a.md", "b.md", size=(60, 15)) as (app, pilot, screen):
        app.do_my_name()
        await pilot.pause()
        await pilot.press(*"Anna", "enter")
        await done(app, pilot)
        assert [desk.name for desk in case.desks.values()] == ["Anna", "Anna"] and case.name == "Anna"
        assert eve.people[0].name == "Anna"
        app.do_my_colour()
        await pilot.pause()
        settle(app)
        assert "violet" in "\n".join(screen.rows())
        await pilot.press(*["down"] * 5, "enter")
        await done(app, pilot)
        assert eve.people[0].colour == COLOURS.index("violet") == case.desks["b.md"].colour
        assert app.editor.messages.text == "You are violet on everybody's screen now."
        kept = Settings.load(Paths.of_user())
        assert (kept.name, kept.colour) == ("Anna", "violet")
        own = app.editor.collaborators
        assert own.colour_of["Anna"] == COLOURS.index("violet") % len(app.palette.people)


async def test_a_name_that_cannot_be_shown_is_not_taken() -> None:
    case = Case(a_md=LINES)
    async with workspace(case, "a.md") as (app, pilot, _):
        for written in ("\u202e", "n" * 65):
            app.do_my_name()
            await pilot.pause()
            assert isinstance(app.screen, Ask)
            app.screen.query_one(Input).value = written
            await pilot.press("enter")
            await done(app, pilot)
            assert app.session.name == "ann" and "1 to 64 characters" in app.editor.messages.text
        assert Settings.load(Paths.of_user()).name is None


async def test_somebody_with_another_name_has_not_left() -> None:
    case = Case(a_md=LINES)
    desk = case.desks["a.md"]
    async with workspace(case, "a.md") as (app, pilot, _):
        desk.meet_person(Person(9, "bob", None, None))
        app.editor.awareness._settled_at = 0.0
        app.editor.awareness.announce_people(1.0)
        desk.meet_person(Person(9, "Robert", None, None))
        await pilot.pause()
        assert app.editor.messages.text == "bob is called Robert now."


def test_a_person_has_one_row_and_paths_begin_where_they_differ() -> None:
    rows = one_row_each(
        [
            at("ann", "/home/ann/a.md", 0, 1, person=0),
            at("ann", "/home/ann/x/b.md", 3, 2, person=0),
            at("bob", "c", 0, 3),
        ]
    )
    assert [(one.name, one.path) for one in rows] == [("ann", "/home/ann/x/b.md"), ("bob", "c")]
    assert common_folder(["/home/ann/a.md", "/home/ann/x/b.md"]) == "/home/ann/"
    assert common_folder(["/a.md", "/b/c.md"]) == "/" and common_folder(
        ["a.md", "/b.md"]
    ) == "" == common_folder([])


class Invitations:
    """Makes invitations as a server with tokens would, or as permissions of a file do."""

    def __init__(self, chooses: bool, needs_address: bool) -> None:
        self.asked: list[tuple[str, str | None, float | None, str | None]] = []
        self._options = chooses, needs_address

    def options(self, address: str) -> tuple[bool, bool]:
        return self._options

    def invite(
        self, address: str, role: str | None, lasts_s: float | None, at: str | None
    ) -> tuple[str, str]:
        self.asked.append((address, role, lasts_s, at))
        if at == "wss://nowhere":
            raise JptermError("Nobody listens at wss://nowhere.")
        return "jpterm-like box:/a.md", "For everybody."


async def test_an_invitation_has_the_chosen_role_and_time_is_copied_and_says_what_to_do() -> None:
    case = Case(a_md=LINES)
    async with workspace(case, "a.md", size=(60, 15)) as (app, pilot, screen):
        inviter = app.inviter = Invitations(True, False)
        for keys, wanted in (
            (("enter",), ("edit", 3600.0)),
            (("down", "enter"), ("edit", 86400.0)),
            (("end", "enter"), ("view", None)),
        ):
            app.do_invite()
            await done(app, pilot)
            await pilot.press(*keys)
            await done(app, pilot)
            assert app.copied.text == "jpterm-like box:/a.md" and inviter.asked[-1] == ("a.md", *wanted, None)
            settle(app)
            shown = "\n".join(screen.rows())
            for words in ("Copied: they paste this line", "jpterm-like box:/a.md", "For everybody."):
                assert words in shown
            assert "Trying the invitation" not in shown
            await pilot.press("enter")


async def test_nothing_is_asked_that_cannot_be_chosen_and_the_address_of_a_proxy_is() -> None:
    case = Case(a_md=LINES)
    async with workspace(case, "a.md") as (app, pilot, _):
        plain = app.inviter = Invitations(False, False)
        app.do_invite()
        await done(app, pilot)
        assert plain.asked == [("a.md", None, None, None)] and app.copied.text == "jpterm-like box:/a.md"
        await pilot.press("enter")
        proxied = app.inviter = Invitations(True, True)
        app.do_invite()
        await done(app, pilot)
        await pilot.press("enter")
        await pilot.pause()
        await pilot.press(*"nowhere", "enter")
        await done(app, pilot)
        assert proxied.asked == [("a.md", "edit", 3600.0, "wss://nowhere")]
        assert app.editor.messages.text == "Nobody listens at wss://nowhere."


async def test_many_people_leave_the_keys_in_sight() -> None:
    """A list that is longer than the screen scrolls; what one can do stays below it."""
    case = Case(a_md=LINES)
    async with workspace(case, "a.md", size=(60, 15)) as (app, pilot, screen):
        tell_all(case, *(at(f"bob{number}", "a.md", number, number) for number in range(1, 30)))
        await pilot.press("f8")
        await done(app, pilot)
        await pilot.pause()
        settle(app)
        shown = "\n".join(screen.rows())
        assert f"esc{NBSP}close" in shown and "bob1" in shown
