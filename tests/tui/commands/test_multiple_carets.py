"""Several carets at once: what is done is done at each, as one step of undo, whoever else writes."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

import pytest

from crdt import TextBuffer
from jpterm_like.config import KeyBinding
from jpterm_like.tui.commands.multiple_carets import CARETS_MAX
from jpterm_like.tui.text.cursors import Cursor
from tests.tui.desk import Desk
from tests.tui.story import Story
from tests.tui.terminal import settle, terminal
from tests.tui.test_terminal_screen import pytest_generate_tests

__all__ = ["pytest_generate_tests"]

Tell = Callable[..., Awaitable[None]]

STORIES = {
    "the next match, and typing over all": (
        "o|ne two one two one",
        "presses ctrl+d",
        "^one| two one two one",
        "presses ctrl+d ctrl+d",
        "^one| two ^one| two ^one|",
        "types ab",
        "ab| two ab| two ab|",
        "presses ctrl+z",
        "|one two |one two |one",
    ),
    "a match is left out": (
        "^x| x x x",
        "presses ctrl+d ctrl+u ctrl+d",
        "^x| x ^x| ^x|",
    ),
    "after the last match comes the first": ("x ^x| x", "presses ctrl+d ctrl+d", "^x| ^x| ^x|"),
    "all matches": ("a|b ab ab", "presses alt+m X", "X| X| X|"),
    "carets below and above": (
        "a|b⏎⏎abc",
        "presses alt+shift+down alt+shift+down x",
        "ax|b⏎x|⏎ax|bc",
        "presses backspace backspace",
        "|b|⏎|bc",
    ),
    "above": ("ab⏎ab|", "presses alt+shift+up x", "abx|⏎abx|"),
    "moves and selections": ("|ab cd⏎ab cd", "presses alt+shift+down ctrl+right shift+end delete", "ab|⏎ab|"),
    "new lines": ("ab⏎a|b", "presses alt+shift+up enter", "a⏎|b⏎a⏎|b"),
    "carets that meet are one": ("ab|⏎", "presses alt+shift+down backspace", "a|"),
    "going far away leaves one": ("a|⏎a", "presses alt+shift+down pagedown x", "a⏎ax|"),
    "escape leaves the first": ("|a⏎b", "presses alt+shift+down escape x", "a⏎x|b"),
    "lines as a whole, once each": ("|a⏎b⏎c⏎d", "presses alt+shift+down ctrl+k", "|c⏎d"),
    "comments": ("|a⏎b", "presses alt+shift+down ctrl+slash", "|<!-- a -->⏎|<!-- b -->"),
    "indentation of selections": ("^a|⏎a", "presses ctrl+d tab", "^⇥a|⏎^⇥a|"),
    "copied pieces are dealt out": (
        "^a1| b1⏎a2 b2",
        "presses ctrl+left alt+shift+down shift+end ctrl+c end types",
        "a1 b1|⏎a2 b2|",
        "presses ctrl+v",
        "a1 b1a1 b1|⏎a2 b2a2 b2|",
    ),
    "cut": ("^ab| x⏎ab y", "presses ctrl+d ctrl+x", "| x⏎| y", "presses end ctrl+v", " xab|⏎ yab|"),
    "a paste at each": (
        "|a⏎b",
        "presses alt+shift+down",
        "pastes XY",
        "XY|a⏎XY|b",
        "presses ctrl+z",
        "|a⏎|b",
    ),
    "others write between": (
        "ann: |ab⏎ab   bob: |ab⏎ab",
        "ann presses alt+shift+down right",
        "bob types 12",
        "ann types X",
        "ann: 12aX|b⏎aX|b   bob: 12|aXb⏎aXb",
        "ann presses ctrl+z",
        "ann: 12a|b⏎a|b   bob: 12|ab⏎ab",
    ),
    "others delete where my carets are": (
        "ann: |abc⏎abc⏎abc   bob: abc⏎|abc⏎abc",
        "ann presses alt+shift+down alt+shift+down right",
        "bob presses ctrl+k",
        "ann types X",
        "ann: aX|bc⏎X|aXb|c   bob: aXbc⏎|XaXbc",
    ),
}


@pytest.mark.parametrize("story", [name for name in STORIES if name != "others delete where my carets are"])
async def test_several_carets(tell: Tell, story: str) -> None:
    await tell(*[step for step in STORIES[story] if step])


async def test_others_delete_where_my_carets_are() -> None:
    async with Story() as story:
        for step in STORIES["others delete where my carets are"][:4]:
            await story.go_on(step)
        text = story.desks["ann"].buffer.text
        assert text == story.desks["bob"].buffer.text and text.count("X") == 3


async def test_cutting_with_a_key_that_else_deletes_a_word_takes_the_selections_alone() -> None:
    """The first caret cut all selections, and each of the others then deleted the word in front of it."""
    async with Story(keys=(KeyBinding("cut_or_delete_word", ("f11",), "here"),)) as story:
        await story.go_on("x ^ab| x⏎x ab y")
        await story.go_on("presses ctrl+d f11")
        await story.go_on("x | x⏎x | y")
        await story.go_on("presses f11")
        await story.go_on("| x⏎| y")


async def test_carets_are_seen_and_counted() -> None:
    async with terminal(Desk("ab\nab\nab")) as (app, pilot, screen):
        await pilot.press("alt+shift+down", "alt+shift+down")
        settle(app)
        assert "3 carets" in screen.rows()[-1]
        x = app.editor.text_x
        assert [screen.screen.buffer[y][x].reverse for y in range(3)] == [True, True, False]


async def test_ctrl_click_sets_a_caret_and_a_click_leaves_one() -> None:
    desk = Desk("abc\nabc")
    async with terminal(desk) as (app, pilot, _):
        x = app.editor.text_x
        await pilot.click(type(app.editor), offset=(x + 1, 0))
        await pilot.click(type(app.editor), offset=(x + 2, 1), control=True)
        await pilot.press("X")
        assert desk.buffer.text == "aXbc\nabXc"
        await pilot.click(type(app.editor), offset=(x, 0))
        await pilot.press("Y")
        assert desk.buffer.text == "YaXbc\nabXc"


@pytest.mark.amount
async def test_random_keys_with_several_carets(seed: int) -> None:
    """Nothing fails, carets stay within the text and apart, and undoing everything of mine gives the text of the others."""
    dice = random.Random(seed)
    keys = [
        "a",
        "b",
        " ",
        "enter",
        "backspace",
        "delete",
        "left",
        "right",
        "up",
        "down",
        "home",
        "end",
        "tab",
    ]
    keys += [
        "shift+right",
        "ctrl+right",
        "ctrl+d",
        "ctrl+u",
        "alt+shift+down",
        "alt+shift+up",
        "alt+up",
        "alt+down",
    ]
    keys += [
        "ctrl+k",
        "alt+d",
        "alt+j",
        "ctrl+slash",
        "ctrl+x",
        "ctrl+v",
        "ctrl+z",
        "ctrl+y",
        "escape",
        "alt+m",
    ]
    ann, bob = (
        Desk("one two\none 中文\n\ttwo\n" * 3, "ann", 1),
        Desk("one two\none 中文\n\ttwo\n" * 3, "bob", 2),
    )
    ann.join(bob)
    async with terminal(ann) as (app, pilot, _):
        for _ in range(40):
            await pilot.press(*(dice.choice(keys) for _ in range(3)))
            place = dice.randint(0, len(bob.buffer))
            bob.replace(
                place, min(len(bob.buffer), place + dice.choice((0, 0, 2))), dice.choice(("Q", "\n", ""))
            )
            editor = app.editor
            places = [cursor.selection for cursor in (editor.cursor, *editor.extras)]
            assert all(0 <= start <= end <= len(ann.buffer) for start, end in places)
            assert ann.buffer.text == bob.buffer.text
        await pilot.press("ctrl+z")
        while ann.undo() is not None:
            pass
        assert ann.buffer.text == bob.buffer.text


async def test_selecting_all_occurrences_reads_the_text_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was read on from each of a thousand: a third of a second."""
    desk = Desk("some words\n" * 3_000)
    async with terminal(desk) as (app, _, _):
        app.editor.run("add_next_match")
        read: list[int] = []
        slice_of = TextBuffer.slice
        monkeypatch.setattr(
            TextBuffer, "slice", lambda self, a, b: read.append(b - a) or slice_of(self, a, b)
        )
        app.editor.run("add_all_matches")
        assert len(app.editor.extras) + 1 == CARETS_MAX
        assert sum(read) < 2 * len(desk.buffer)


async def test_occurrences_that_overlap_are_selected_once() -> None:
    async with terminal(Desk("aaaaa aaa")) as (app, _, _):
        app.editor.cursor.put(4, 2)
        app.editor.run("add_all_matches")
        selected = sorted(cursor.selection for cursor in (app.editor.cursor, *app.editor.extras))
        assert selected == [(0, 2), (2, 4), (6, 8)]


async def test_a_letter_at_many_carets_moves_each_of_them_a_few_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All were moved for each: a letter at a thousand carets took nine seconds."""
    desk = Desk("some words\n" * 100)
    async with terminal(desk) as (app, pilot, _):
        app.editor.run("add_next_match")
        app.editor.run("add_all_matches")
        moved: list[Cursor] = []
        follow = Cursor.follow
        monkeypatch.setattr(Cursor, "follow", lambda self: moved.append(self) or follow(self))
        await pilot.press("x")
        assert desk.buffer.text == "x words\n" * 100
        assert len(moved) <= 4 * 100
