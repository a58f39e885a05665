"""What is done to lines, told as stories."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from jpterm_like.tui.syntax.languages import language_of
from tests.tui.desk import Desk
from tests.tui.story import Story
from tests.tui.terminal import terminal, until

Tell = Callable[..., Awaitable[None]]

STORIES = {
    "tab indents what is selected": ("^a⏎b|⏎c", "presses tab", "^⇥a⏎⇥b|⏎c"),
    "whole lines stay selected": ("^a⏎b⏎|c", "presses tab", "^⇥a⏎⇥b⏎|c", "presses shift+tab", "^a⏎b⏎|c"),
    "empty lines are not indented": ("^a⏎⏎b|", "presses tab", "^⇥a⏎⏎⇥b|"),
    "tab over one selected word overwrites nothing": ("a ^b| c", "presses tab", "⇥a ^b| c"),
    "shift+tab takes a tab or blanks": ("⇥a|", "presses shift+tab", "a|", "presses shift+tab", "a|"),
    "shift+tab takes as many blanks as there are": ("  a|", "presses shift+tab", "a|"),
    "indenting is one step of undo": ("^a⏎b|", "presses tab ctrl+z", "|a⏎b"),
    "tab goes on as the lines around do": ("    a⏎|", "presses tab", "    a⏎    |"),
    "tab goes to the next stop": ("    a⏎ab|", "presses tab", "    a⏎ab  |"),
    "enter keeps the indentation": ("  a|b", "presses enter", "  a⏎  |b"),
    "enter within the indentation adds none": ("  |  a", "presses enter", "  ⏎  |  a"),
    "enter after a bracket goes deeper": ("⇥f(|", "presses enter", "⇥f(⏎⇥⇥|"),
    "enter between brackets opens them": ("⇥f(|)", "presses enter", "⇥f(⏎⇥⇥|⏎⇥)"),
    "enter leaves no blanks behind": ("  a⏎  |", "presses enter", "  a⏎⏎  |"),
    "a paste is not indented": ("  a|", "pastes ⏎b⏎c", "  a⏎b⏎c|"),
    "backspace takes one step of indentation": ("        |a", "presses backspace", "    |a"),
    "backspace goes back to the last stop": ("      |a", "presses backspace", "    |a"),
    "backspace elsewhere takes one blank": ("a   |b", "presses backspace", "a  |b"),
    "comment and back": (
        "  a|⏎b",
        "presses ctrl+underscore",
        "  <!-- a| -->⏎b",
        "presses ctrl+underscore",
        "  a|⏎b",
    ),
    "some lines commented, some not": (
        "^a⏎<!-- b -->|",
        "presses ctrl+underscore",
        "^<!-- a -->⏎<!-- <!-- b -->| -->",
    ),
    "lines move up": ("a⏎b|b⏎c", "presses alt+up", "b|b⏎a⏎c", "presses alt+up", "b|b⏎a⏎c"),
    "lines move down": ("a|⏎b⏎c", "presses alt+down alt+down alt+down", "b⏎c⏎a|"),
    "the last line moves up": ("a⏎b|", "presses alt+up", "b|⏎a"),
    "selected lines move together": (
        "a⏎^b⏎c|⏎d",
        "presses alt+down",
        "a⏎d⏎^b⏎c|",
        "presses alt+up alt+up",
        "^b⏎c|⏎a⏎d",
    ),
    "whole lines move": ("^a⏎|b⏎c", "presses alt+down", "b⏎^a⏎|c", "presses ctrl+z", "|a⏎b⏎c"),
    "duplicate a line": ("a|b⏎c", "presses alt+d", "ab⏎a|b⏎c", "presses ctrl+z", "ab|⏎c"),
    "duplicate a selection": ("a^b|c", "presses alt+d", "ab^b|c"),
    "delete a line": ("a⏎b|b⏎cc", "presses ctrl+k", "a⏎c|c"),
    "delete the last line": ("aa⏎b|b", "presses ctrl+k", "a|a", "presses ctrl+k", "|"),
    "delete selected lines": ("a⏎^b⏎c|⏎d", "presses ctrl+k", "a⏎|d"),
    "a line below": ("  a|b⏎c", "presses alt+o", "  ab⏎  |⏎c"),
    "a line above": ("  a|b⏎c", "presses alt+i", "  |⏎  ab⏎c"),
    "join with the next": ("a|⏎  b", "presses alt+j", "a |b"),
    "join all selected": ("^a⏎ b⏎⏎c|", "presses alt+j", "a b|c"),
    "nothing to join": ("a|", "presses alt+j", "a|"),
    "capitals": ("^añ|b", "presses alt+u", "^AÑ|b", "presses alt+l", "^añ|b"),
    "capitals of the word at the caret": ("a b|c d", "presses alt+u", "a B|C d"),
    "capitals may be longer": ("^ß|", "presses alt+u", "^SS|"),
}


@pytest.mark.parametrize("name", STORIES)
async def test_alone(tell: Tell, name: str) -> None:
    await tell(*STORIES[name])


TOGETHER = {
    "moved lines keep the others' carets in them": (
        "ann: a⏎b|b   bob: a⏎b|b",
        "ann presses alt+up",
        "bob: b|b⏎a",
        "bob types x",
        "ann: b|xb⏎a",
    ),
    "indenting leaves his place and his words": (
        "ann: ^aa⏎bb|   bob: aa⏎b|b",
        "bob types x",
        "ann presses tab",
        "bob types y",
        "ann: ^⇥aa⏎⇥bxyb|   bob: ⇥aa⏎⇥bxy|b",
        "ann presses ctrl+z",
        "bob: aa⏎bxy|b",
    ),
    "joining takes nothing of his": (
        "ann: a|⏎b   bob: a⏎b|",
        "bob types x",
        "ann presses alt+j",
        "bob types y",
        "ann: a |bxy   bob: a bxy|",
    ),
}


@pytest.mark.parametrize("name", TOGETHER)
async def test_together(two: Tell, name: str) -> None:
    await two(*TOGETHER[name])


async def test_lines_are_sorted() -> None:
    async with Story() as story:
        await story.begin(ann="^b⏎A⏎a⏎c|⏎0".replace("⏎", "\n"))
        story.editor().run("sort_lines")
        await story.go_on("^A⏎a⏎b⏎c|⏎0")
        await story.go_on("presses ctrl+z")
        assert story.desks["ann"].buffer.text == "b\nA\na\nc\n0"


@pytest.mark.parametrize(
    ("title", "before", "after"),
    [
        ("a.py", "if x:", "if x:\n    "),
        ("a.py", "x = {", "x = {\n    "),
        ("dir/Makefile", "f(", "f(\n\t"),
        ("a.js", "f(", "f(\n  "),
        ("notes.txt", "so:", "so:\n"),
    ],
)
async def test_the_name_tells_the_indentation(title: str, before: str, after: str) -> None:
    desk = Desk(before)
    desk.title = title
    async with terminal(desk) as (_, pilot, _):
        await pilot.press("end", "enter")
        assert desk.buffer.text == after


@pytest.mark.parametrize(("indent", "text"), [("tabs", "\ta"), ("spaces", "   a")])
async def test_the_settings_tell_the_indentation(indent: str, text: str) -> None:
    desk = Desk("a")
    async with terminal(desk, indent=indent, tab_width=3, auto_indent=False) as (_, pilot, _):
        await pilot.press("tab", "end", "enter", "x")
        assert desk.buffer.text == text + "\nx"


def test_comments_by_name() -> None:
    for title, comment in (
        ("a.py", "#"),
        ("Makefile", "#"),
        ("a.RS", "//"),
        ("x.html", "<!--"),
        ("what", "#"),
    ):
        assert language_of(title).comment == comment


async def test_who_may_only_read_changes_no_lines() -> None:
    desk = Desk("b\na")
    desk.role = "view"
    async with terminal(desk) as (app, pilot, _):
        await pilot.press(
            "ctrl+a", "tab", "shift+tab", "ctrl+slash", "alt+up", "alt+d", "ctrl+k", "alt+o", "alt+j"
        )
        app.editor.run("sort_lines")
        assert desk.buffer.text == "b\na"


async def test_whole_lines_with_the_last_newline_are_moved_down() -> None:
    """The end of the selection stood behind the last newline, and there is none any more."""
    async with terminal(Desk("one\ntwo\n"), (40, 10)) as (app, _, _):
        app.editor.cursor.put(8, 0)
        app.editor.run("move_lines_down")
        assert sorted(app.editor.session.buffer.text.split("\n")) == ["", "one", "two"]


async def test_carets_of_others_stay_with_their_lines() -> None:
    """Case 07 and its sisters: Bob is in a line that Ann sorts, reverses, capitalises or moves."""
    for act, there in (
        ("sort_lines", "apple⏎man|go⏎zebra⏎"),
        ("reverse_lines", "apple⏎man|go⏎zebra⏎"),
        ("upper", "ZEBRA⏎MAN|GO⏎APPLE⏎"),
    ):
        async with Story() as one:
            await one.go_on("ann: |zebra⏎mango⏎apple⏎   bob: zebra⏎man|go⏎apple⏎")
            await one.go_on("ann presses ctrl+a")
            one.editor("ann").run(act)
            await one.go_on(f"bob: {there}")


async def test_capitals_of_many_lines_are_made_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """100,000 selected lines stopped the keyboard for 23 s. The others write meanwhile, and the selection is as it was."""
    monkeypatch.setattr("jpterm_like.tui.commands.editing.BULK_STEP_S", 0.005)
    lines = "one straße ΑΣ\n" * 1_200
    ann, bob = Desk(lines, "ann", 1), Desk(lines, "bob", 2)
    ann.join(bob)
    async with terminal(ann, (40, 10)) as (app, pilot, _):
        editor = app.editor
        editor.cursor.put(len(lines) - 2, 4)
        editor.run("upper")
        assert editor.bulk_edit is not None
        bob.replace(0, 0, "new\n")
        bob.replace(len(bob.buffer), len(bob.buffer), "end\n")
        await until(pilot, lambda: editor.bulk_edit is None)
        upper = "one STRASSE ΑΣ\n" + "ONE STRASSE ΑΣ\n" * 1_199
        assert ann.buffer.text == bob.buffer.text == f"new\n{upper}end\n"
        assert editor.cursor.selection == (8, 4 + len(upper) - 2)
        editor.run("lower")
        await until(pilot, lambda: editor.bulk_edit is None)
        assert ann.buffer.text.startswith("new\none strasse ας\none strasse ας\n")
        assert ann.buffer.text.endswith("one strasse αΣ\nend\n")
        for _ in range(2):
            editor.run("undo")
            await until(pilot, lambda: editor.bulk_edit is None)
        assert ann.buffer.text == f"new\n{lines}end\n"


async def test_capitals_of_a_long_line_are_made_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jpterm_like.tui.commands.editing.BULK_STEP_S", 0.005)
    line = "some words " * 10_000
    async with terminal(Desk(line), (40, 10)) as (app, pilot, _):
        editor = app.editor
        editor.cursor.put(0, len(line))
        editor.run("upper")
        assert editor.bulk_edit is not None
        await until(pilot, lambda: editor.bulk_edit is None)
        assert editor.session.buffer.text == line.upper()
        assert editor.cursor.selection == (0, len(line))
