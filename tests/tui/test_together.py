"""Stories of two people at two screens: what each sees of the other, and what nobody does to anybody.

The point of each is in its name; what is said in one line of words needs no colour.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import NamedTuple

import pytest
from textual.pilot import Pilot

from jpterm_like.tui import editor
from jpterm_like.tui.app import EditorApp
from jpterm_like.tui.commands import collaborators
from jpterm_like.tui.render import people
from jpterm_like.tui.text import unseen_changes
from tests.tui.desk import Desk
from tests.tui.terminal import Terminal, settle, terminal

TEXT = "".join(f"line {number}\n" for number in range(200))


class Clock:
    """What time it is, for both; it stands still unless it is told to go on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Seat(NamedTuple):
    """One of the two."""

    desk: Desk
    app: EditorApp
    pilot: Pilot[int]
    screen: Terminal

    async def presses(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    def sees(self) -> str:
        """The whole screen, as it now is."""
        self.app.editor.update(now=False)
        settle(self.app)
        return "\n".join(self.screen.rows())

    def row(self, words: str) -> int:
        """In which row of the screen something stands; -1: in none."""
        return next((y for y, row in enumerate(self.sees().split("\n")) if words in row), -1)

    @property
    def bottom(self) -> str:
        return self.sees().split("\n")[-1]

    @property
    def said(self) -> str:
        return self.app.editor.messages.text


class Two(NamedTuple):
    ann: Seat
    bob: Seat
    clock: Clock


@pytest.fixture
async def two(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Two]:
    """Ann and bob in one text of 200 lines, on screens of different sizes (F22), with their carets at its start."""
    clock = Clock()
    for module in (editor, collaborators):
        monkeypatch.setattr(module, "monotonic", clock)
    ann, bob = Desk(TEXT, "ann", 1), Desk(TEXT, "bob", 2)
    ann.join(bob)
    async with AsyncExitStack() as stack:
        seats = [
            Seat(desk, *await stack.enter_async_context(terminal(desk, size)))
            for desk, size in ((ann, (80, 20)), (bob, (60, 15)))
        ]
        for seat in seats:
            await seat.presses("right", "left")
        yield Two(*seats, clock)


async def test_each_sees_who_is_here_and_in_which_colour(two: Two) -> None:
    assert "with bob" in two.ann.bottom and "ann" in two.bob.bottom
    name = two.ann.bottom.index("bob")
    cells = two.ann.screen.screen.buffer[19]
    assert cells[name].fg != cells[name - 2].fg, "the name has a colour of its own, beside it the bar's"


async def test_a_caret_has_a_name_for_a_while_and_then_the_text_is_free(two: Two) -> None:
    await two.bob.presses("down", "down", "end")
    row = two.ann.row("line 2")
    assert "bob" in two.ann.sees().split("\n")[row]
    two.clock.now += people.TAG_S + 0.1
    assert "bob" not in two.ann.sees().split("\n")[row] and "line 2" in two.ann.sees().split("\n")[row]
    await two.bob.presses("left")
    assert "bob" in two.ann.sees().split("\n")[row]


async def test_a_selection_is_seen_by_the_other(two: Two) -> None:
    await two.bob.presses("down", "shift+end")
    two.clock.now += people.TAG_S + 0.1
    y = two.ann.row("line 1")
    line = two.ann.screen.rows()[y]
    first, behind = (two.ann.screen.screen.buffer[y][line.index("line") + cell] for cell in (1, 12))
    assert first.bg != behind.bg or first.underscore
    assert two.ann.app.editor.cursor.mark is None, "it is his, not hers"


async def test_typing_and_rest_are_told_beside_the_name(two: Two) -> None:
    await two.bob.presses("x", "y")
    assert "bob ✎" in two.ann.bottom
    two.clock.now += people.TYPING_S + 0.1
    assert "✎" not in two.ann.bottom and "idle" not in two.ann.bottom
    two.clock.now += people.IDLE_S
    assert "bob (idle)" in two.ann.bottom


async def test_in_one_line_of_words_for_who_sees_no_colours(two: Two) -> None:
    await two.bob.presses("down", "down", "x")
    await two.ann.presses("f8")
    await two.ann.app.workers.wait_for_complete()
    await two.ann.presses("f8")
    await two.ann.pilot.pause()
    assert two.ann.said == "With you: bob, typing in line 3."
    assert "With you: bob, typing in line 3." in two.ann.sees()
    two.clock.now += people.IDLE_S + people.TYPING_S
    two.ann.app.editor.run("who")
    assert two.ann.said == "With you: bob, idle in line 3."


async def test_i_go_to_the_other_and_the_other_stays(two: Two) -> None:
    await two.bob.presses("ctrl+end")
    await two.ann.presses("f6")
    assert two.ann.app.editor.cursor.caret == len(TEXT) and two.ann.row("line 199") >= 0
    await two.ann.presses("A")
    assert two.bob.desk.buffer.text.endswith("199\nA")
    assert two.bob.app.editor.cursor.caret == len(TEXT), "what she types at his caret comes behind it"


async def test_i_follow_until_i_press_a_key(two: Two) -> None:
    await two.ann.presses("f7")
    assert "following bob" in two.ann.bottom
    await two.bob.presses("ctrl+end")
    assert two.ann.row("line 199") >= 0 and two.ann.app.editor.cursor.caret == 0
    await two.bob.presses("ctrl+home")
    assert two.ann.row("line 199") < 0 <= two.ann.row("line 3")
    await two.ann.presses("escape")
    await two.bob.presses("ctrl+end")
    assert "following" not in two.ann.bottom and two.ann.row("line 199") < 0


async def test_i_ask_the_other_to_look_and_nobody_is_moved(two: Two) -> None:
    await two.bob.presses("ctrl+end", "alt+g")
    assert "asked to look" in two.bob.said
    assert "bob asks you to look at line 201" in two.ann.said and "f6" in two.ann.said
    assert two.ann.row("line 199") < 0 and two.ann.app.editor.cursor.caret == 0
    await two.ann.presses("f6")
    assert two.ann.row("line 199") >= 0


async def test_what_the_other_changed_has_a_mark_until_i_looked(two: Two) -> None:
    await two.bob.presses("ctrl+end", "up", "X")
    assert two.ann.app.editor.unseen_changes.rows == [199]
    assert not two.bob.app.editor.unseen_changes.rows, "what I changed myself needs no mark"
    await two.ann.presses("f9")
    assert two.ann.row("Xline 199") >= 0
    for _ in range(2):
        two.clock.now += unseen_changes.LOOK_S + 0.1
        await two.ann.presses("right")
    assert not two.ann.app.editor.unseen_changes.rows


async def test_my_view_and_caret_do_not_move_by_the_others_work(two: Two) -> None:
    """He writes and deletes above her view: the same rows stay where they are, and what she types goes where she was."""
    ann = two.ann.app.editor
    ann.search.go_to_line("100")
    await two.ann.presses("right", "right")
    two.clock.now += people.TAG_S + 1
    before = [row[5:] for row in two.ann.sees().split("\n")[:19]]
    await two.bob.presses("ctrl+home", *["enter"] * 5, "n", "e", "w")
    two.clock.now += people.TAG_S + 1
    assert [row[5:] for row in two.ann.sees().split("\n")[:19]] == before
    await two.bob.presses("ctrl+home", *["ctrl+k"] * 8)
    two.clock.now += people.TAG_S + 1
    assert [row[5:] for row in two.ann.sees().split("\n")[:19]] == before
    await two.ann.presses("H")
    assert "liHne 99" in two.bob.desk.buffer.text


async def test_undo_takes_back_what_is_mine_and_shows_where(two: Two) -> None:
    await two.ann.presses("A")
    await two.bob.presses("ctrl+end", "B", "ctrl+home")
    await two.ann.presses("ctrl+end", "ctrl+z")
    assert two.bob.desk.buffer.text == TEXT + "B"
    assert two.ann.row("line 0") >= 0, "it scrolls to what it changed"


async def test_what_others_write_at_once_is_painted_once_and_with_my_next_key() -> None:
    """A hundred edits a second keep nobody from typing: they wait for a frame, or go out with my own key."""
    ann, bob = Desk(TEXT, "ann", 1), Desk(TEXT, "bob", 2)
    ann.join(bob)
    async with terminal(ann) as (app, pilot, screen):
        screen.written = ""
        for sign in "bob!":
            bob.replace(0, 0, sign)
        assert not screen.written
        app.editor.type("X")
        assert "X!bobline 0" in screen.rows()[0]
        screen.written = ""
        await pilot.pause()
        assert not screen.written, "it went out with the key"
        bob.replace(0, 0, "now ")
        await pilot.pause()
        assert "now " in screen.rows()[0], "without a key the frame shows it"
