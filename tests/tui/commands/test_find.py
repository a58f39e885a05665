"""Finding and replacing as people do it, and going to places."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from textual import events

from crdt import TextBuffer
from jpterm_like.tui.app import EditorApp
from jpterm_like.tui.commands import editing
from jpterm_like.tui.editor import Editor
from jpterm_like.tui.text import brackets
from jpterm_like.tui.text.brackets import matching_bracket
from tests.tui.desk import Desk
from tests.tui.story import Story
from tests.tui.terminal import keys_done, settle, terminal, until

Tell = Callable[..., Awaitable[None]]

STORIES = {
    "what is typed is found at once": ("|one two", "presses ctrl+f", "types tw", "one ^tw|o"),
    "enter goes on, and over the end": (
        "|a b a",
        "presses ctrl+f",
        "types a",
        "^a| b a",
        "presses enter",
        "a b ^a|",
        "presses enter",
        "^a| b a",
    ),
    "f3 and shift+f3 go on and back": (
        "|a a a",
        "presses ctrl+f",
        "types a",
        "presses f3 f3 shift+f3",
        "a ^a| a",
    ),
    "escape goes back": ("a b^ |a", "presses ctrl+f", "types a", "presses escape", "a b^ |a"),
    "escape after enter stays": ("|a b a", "presses ctrl+f", "types a", "presses enter escape", "a b ^a|"),
    "f3 goes on when the bar is closed": (
        "|a b a",
        "presses ctrl+f",
        "types a",
        "presses escape f3",
        "a b ^a|",
        "presses f3",
        "^a| b a",
    ),
    "what is not there leaves me where I was": ("a|b", "presses ctrl+f", "types bx", "a|b"),
    "what is selected is looked for": ("^ab| ab", "presses ctrl+f enter", "ab ^ab|"),
    "capitals count when told to": (
        "|A a",
        "presses ctrl+f",
        "types a",
        "^A| a",
        "presses alt+c",
        "A ^a|",
        "presses alt+c",
        "^A| a",
    ),
    "whole words": ("|ab a", "presses ctrl+f", "types a", "presses alt+w", "ab ^a|"),
    "a pattern": ("|a1 b22", "presses ctrl+f", "types \\d\\d", "presses alt+r", "a1 b^22|"),
    "a broken pattern finds nothing and harms nothing": (
        "|a(",
        "presses ctrl+f alt+r",
        "types (",
        "presses enter",
        "|a(",
    ),
    "replace this one and go on": (
        "|a b a",
        "presses ctrl+r",
        "types a",
        "presses tab",
        "types xy",
        "presses enter",
        "xy b ^a|",
        "presses enter",
        "xy b xy|",
    ),
    "replace all is one step of undo": (
        "|a⏎b a⏎aa",
        "presses ctrl+r",
        "types a",
        "presses tab",
        "types cc",
        "presses alt+a escape",
        "cc|⏎b cc⏎cccc",
        "presses ctrl+z",
        "a|⏎b a⏎aa",
    ),
    "groups": (
        "|a1 b2",
        "presses ctrl+r alt+r",
        "types (\\w)(\\d)",
        "presses tab",
        "types \\2\\1",
        "presses alt+a escape ctrl+home",
        "|1a 2b",
    ),
    "a group that there is not is told": (
        "|ab",
        "presses ctrl+r alt+r",
        "types (a)",
        "presses tab",
        "types \\7",
        "presses alt+a escape ctrl+home",
        "|ab",
    ),
    "lines can come out of a pattern": (
        "|a b",
        "presses ctrl+r alt+r",
        "types \\s",
        "presses tab",
        "types \\n",
        "presses alt+a escape ctrl+home",
        "|a⏎b",
    ),
    "in the selection only": (
        "a⏎^a a⏎a|⏎a",
        "presses ctrl+r",
        "types a",
        "presses tab",
        "types bb",
        "presses alt+a escape ctrl+home",
        "|a⏎bb bb⏎bb⏎a",
    ),
    "empty matches are replaced, too": (
        "|a⏎b",
        "presses ctrl+r alt+r",
        "types ^",
        "presses tab",
        "types >",
        "presses alt+a escape ctrl+home",
        "|>a⏎>b",
    ),
    "go to a line": (
        "|a⏎b⏎cd",
        "presses ctrl+g",
        "types 3",
        "a⏎b⏎|cd",
        "presses enter",
        "types x",
        "a⏎b⏎x|cd",
    ),
    "go to a line and a column": ("|a⏎b⏎éd", "presses ctrl+g", "types 3:2", "presses enter", "a⏎b⏎é|d"),
    "a line too far is the last": ("|a⏎b", "presses ctrl+g", "types 99", "presses enter", "a⏎|b"),
    "escape goes back from the line": ("a|⏎b", "presses ctrl+g", "types 2", "presses escape", "a|⏎b"),
    "what is no line moves nothing": ("a|⏎b", "presses ctrl+g", "types -x", "presses enter", "a|⏎b"),
    "go to where I wrote last": ("|a⏎b", "types x", "presses ctrl+end alt+e", "x|a⏎b"),
    "nothing written yet": ("a|b", "presses alt+e", "a|b"),
    "the bracket that belongs to it": (
        "|(a[b]{})",
        "presses ctrl+right_square_bracket",
        "(a[b]{}|)",
        "presses ctrl+right_square_bracket",
        "|(a[b]{})",
    ),
    "a bracket without another": ("|(a]", "presses ctrl+right_square_bracket", "|(a]"),
}


@pytest.mark.parametrize("name", STORIES)
async def test_alone(tell: Tell, name: str) -> None:
    await tell(*STORIES[name])


TOGETHER = {
    "others may write while I look": (
        "ann: |a b a   bob: |a b a",
        "ann presses ctrl+f",
        "ann types a",
        "bob types xa",
        "ann: xa^a| b a",
        "ann presses enter",
        "ann: xaa b ^a|",
    ),
    "going back goes to my character": (
        "ann: a b|c a   bob: |a bc a",
        "ann presses ctrl+f",
        "ann types a",
        "bob types xx",
        "ann presses escape",
        "ann: xxa b|c a",
    ),
    "the last edit moves along": (
        "ann: |a⏎b   bob: |a⏎b",
        "ann types x",
        "ann presses ctrl+end",
        "bob presses ctrl+home enter enter",
        "ann presses alt+e",
        "ann: ⏎⏎x|a⏎b",
    ),
    "replacing all takes nothing of his back with it": (
        "ann: |a a   bob: a |a",
        "ann presses ctrl+r",
        "ann types a",
        "ann presses tab",
        "ann types b",
        "ann presses alt+a",
        "bob types !",
        "ann presses ctrl+z",
        "bob: a !|a",
    ),
}


@pytest.mark.parametrize("name", TOGETHER)
async def test_together(two: Tell, name: str) -> None:
    await two(*TOGETHER[name])


def bar_of(app: EditorApp) -> str:
    return " ".join(str(note.content) for note in app.query(".bar-note"))  # type: ignore[attr-defined]


async def test_the_count_is_told_and_follows() -> None:
    desk = Desk("a b a\na")
    async with terminal(desk, (80, 20)) as (app, pilot, screen):
        await pilot.press("ctrl+f", "a")
        await pilot.pause()
        assert "1/3" in bar_of(app)
        await pilot.press("enter")
        assert "2/3" in bar_of(app)
        desk.replace(0, 0, "a")
        settle(app)
        assert "3/4" in bar_of(app)
        await pilot.press("x")
        await pilot.pause()
        assert "none" in bar_of(app)
        settle(app)
        assert "none" in "".join(screen.rows())


async def test_all_in_view_are_marked_and_the_scrollbar_has_the_rest() -> None:
    desk = Desk("needle 中needle\n" + "hay\n" * 100 + "needle\n")
    async with terminal(desk, (60, 15)) as (app, pilot, screen):
        await pilot.press("ctrl+f", *"needle")
        await pilot.pause()
        settle(app)
        row = [screen.screen.buffer[0][x] for x in range(app.editor.text_x, 59)]
        marked = [x for x, cell in enumerate(row) if cell.underscore]
        assert marked == [*range(6), *range(9, 15)]
        assert app.editor.cursor.selection == (0, 6), "the first is selected, too"
        bar = [screen.screen.buffer[y][59].data for y in range(13)]
        assert [y for y, sign in enumerate(bar) if sign == "▪"] == [0, 12]
        await pilot.press("escape")
        settle(app)
        assert not any(screen.screen.buffer[0][x].underscore for x in range(60))


async def test_a_search_through_a_large_text_lets_keys_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it goes on, each step is short; what is typed meanwhile begins it anew."""
    monkeypatch.setattr("jpterm_like.tui.commands.find.STEP_S", 0.0)
    desk = Desk("hay in a stack\n" * 40_000 + "needle\n")
    async with terminal(desk, (60, 15)) as (app, pilot, _):
        await pilot.press("ctrl+f", *"need")
        assert app.editor.search._seeking is not None or app.editor.cursor.mark is not None
        monkeypatch.setattr("jpterm_like.tui.commands.find.STEP_S", 0.004)
        await until(pilot, lambda: app.editor.cursor.mark is not None and app.editor.search._steps is None)
        assert app.editor.cursor.selection == (600_000, 600_004)
        assert "1/1" in bar_of(app)


async def test_many_changes_go_in_steps_and_keys_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others write meanwhile, esc stops, one undo takes everything back."""
    monkeypatch.setattr(editing, "BULK_STEP_S", 0.0001)
    ann, bob = Desk("a\n" * 400, "ann", 1), Desk("a\n" * 400, "bob", 2)
    ann.join(bob)
    async with terminal(ann, (60, 15)) as (app, pilot, _):
        editor = app.editor
        await pilot.press("ctrl+r", "a", "tab", "b")
        editor.run("replace_all")
        assert editor.bulk_edit is not None
        bob.replace(700, 700, "a!\n")
        bob.replace(0, 0, "a?\n")
        editor.focus()
        # At once: one that waits for its turn may come after the end.
        await editor.on_key(events.Key("ctrl+end", None))
        await editor.on_key(events.Key("x", "x"))
        assert editor.bulk_edit is not None
        await until(pilot, lambda: ann.buffer.text.endswith("x"))
        assert ann.buffer.text == "a?\n" + "b\n" * 350 + "b!\n" + "b\n" * 50 + "x"
        await pilot.press("ctrl+z")
        assert ann.buffer.text == "a?\n" + "b\n" * 350 + "b!\n" + "b\n" * 50, (
            "what is typed is a step of its own"
        )
        await pilot.press("ctrl+z")
        assert ann.buffer.text == "a?\n" + "a\n" * 350 + "a!\n" + "a\n" * 50
        editor.run("replace_all")
        await pilot.press("escape")
        assert editor.bulk_edit is None and 0 < ann.buffer.text.count("b") < 400
        await pilot.press("ctrl+z")
        assert "b" not in ann.buffer.text


async def test_many_changes_in_one_line_go_in_steps_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line of 20,000 brackets took 0.8 s in one turn. What others change there meanwhile stays theirs."""
    monkeypatch.setattr(editing, "BULK_STEP_S", 0.0001)
    ann, bob = Desk("a " * 300 + "\nb a", "ann", 1), Desk("a " * 300 + "\nb a", "bob", 2)
    ann.join(bob)
    async with terminal(ann, (60, 15)) as (app, pilot, _):
        editor = app.editor
        await pilot.press("ctrl+r", "a", "tab", "b", "b")
        editor.run("replace_all")
        assert editor.bulk_edit is not None and 0 < editor.bulk_edit.changes < 300, (
            "it pauses within the line"
        )
        bob.replace(0, 2, "")
        await until(pilot, lambda: editor.bulk_edit is None)
        assert ann.buffer.text == "bb " * 299 + "\nb bb"
        editor.focus()
        await pilot.press("escape", "ctrl+z")
        assert ann.buffer.text == "a " * 299 + "\nb a"


async def test_nothing_alarms_after_everything_was_replaced() -> None:
    """None is left because none was wanted; a search that finds nothing still says so."""
    async with terminal(Desk("a b a\n"), (80, 15)) as (app, pilot, _):
        await pilot.press("ctrl+r", "a", "tab", "c")
        app.editor.run("replace_all")
        await until(pilot, lambda: app.editor.bulk_edit is None and "Replaced 2." in app.editor.messages.text)
        await pilot.pause()
        assert "none" not in bar_of(app) and not app.query(".bar-note.wrong")
        await pilot.press("shift+tab", "x")
        await until(pilot, lambda: "none" in bar_of(app))


async def test_what_is_no_line_is_said_and_the_field_stays() -> None:
    desk = Desk("one\ntwo\n")
    async with terminal(desk, (80, 15)) as (app, pilot, _):
        await pilot.press("ctrl+g", "a", "b", "enter")
        await pilot.pause()
        assert "not a line: type 12, or 12:5" in bar_of(app) and desk.buffer.text == "one\ntwo\n"
        await pilot.press("backspace", "backspace", "2", "enter")
        await pilot.pause()
        assert (
            app.editor.search.bar is None and app.editor.text_layout.lines.row(app.editor.cursor.caret) == 1
        )


async def test_what_cannot_be_shown_is_not_taken_into_the_bar() -> None:
    """F21: neither from a selection nor by a paste."""
    from textual.events import Paste

    async with terminal(Desk("a\x1b[2Jb"), (60, 15)) as (app, pilot, screen):
        await pilot.press("ctrl+a", "ctrl+f")
        assert app.editor.search.sought.text == ""
        assert app.focused is not None
        app.focused.post_message(Paste("x\x1b]52;c;aGk=\x07"))
        await pilot.pause()
        settle(app)
        assert app.editor.search.sought.text == "" and "\x1b]52" not in screen.written


@pytest.mark.parametrize("size", [(20, 5), (1, 1), (30, 8)])
async def test_the_bar_fits_small_screens(size: tuple[int, int]) -> None:
    async with terminal(Desk("some text\n" * 30), size) as (app, pilot, _):
        await pilot.press(
            "ctrl+r", *"text", "tab", "x", "enter", "alt+a", "escape", "ctrl+g", *"12", "enter", "z"
        )
        assert app.editor.session.buffer.text.count("z") == 1


async def test_a_click_into_the_text_leaves_the_bar_open_and_escape_closes_it() -> None:
    async with terminal(Desk("a b a"), (60, 15)) as (app, pilot, _):
        await pilot.press("ctrl+f", "a")
        await pilot.click(Editor, offset=(app.editor.text_x + 2, 0))
        assert app.editor.has_focus and app.editor.search.bar is not None
        await pilot.press("escape")
        assert app.editor.search.bar is None and app.editor.cursor.caret == 2


async def test_another_history_closes_the_bar() -> None:
    from crdt import Patch
    from jpterm_like.client.events import Reset

    desk = Desk("a b a")
    async with terminal(desk, (60, 15)) as (app, pilot, _):
        await pilot.press("ctrl+f", "a")
        desk.buffer = TextBuffer.genesis("a b a")
        desk.tell(Reset(Patch()))
        await pilot.pause()
        assert app.editor.search.bar is None
        await pilot.press("x")
        assert desk.buffer.text.count("x") == 1


def test_brackets_are_looked_for_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = TextBuffer.genesis("(" + "x" * brackets.REACH + ")")
    read: list[int] = []
    slice_of = TextBuffer.slice
    monkeypatch.setattr(TextBuffer, "slice", lambda self, a, b: read.append(b - a) or slice_of(self, a, b))
    assert matching_bracket(buffer, 0) is None
    assert matching_bracket(buffer, len(buffer)) is None
    assert max(read) <= brackets.REACH
    near = TextBuffer.genesis("a(b[c]d)")
    assert (
        matching_bracket(near, 1) == (1, 7)
        and matching_bracket(near, 8) == (7, 1)
        and matching_bracket(near, 5) == (5, 3)
    )
    assert matching_bracket(near, 0) is None and matching_bracket(TextBuffer.genesis(""), 0) is None


async def test_stories_have_two() -> None:
    """The bar of one is not the bar of the other."""
    async with Story() as story:
        await story.begin(ann="|a", bob="|a")
        await story.go_on("ann presses ctrl+f")
        assert story.editor("bob").search.bar is None
        await asyncio.sleep(0)


async def test_keys_pressed_before_the_line_is_there_are_meant_for_it() -> None:
    """ctrl+f and what is typed right behind it, faster than the line comes up: nothing of it lands in the text."""
    desk = Desk("one the two\nthe three\n")
    async with terminal(desk) as (app, pilot, _screen):
        for key in ("ctrl+f", "t", "h", "e", "enter"):
            app.post_message(events.Key(key, key if len(key) == 1 else None))
        await keys_done(app, pilot)
        assert desk.buffer.text == "one the two\nthe three\n"
        assert app.editor.search.sought.text == "the"
        assert app.editor.cursor.selection == (12, 15)
