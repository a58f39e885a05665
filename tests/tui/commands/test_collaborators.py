"""What two people have of each other: going there, following, marks of changes, comings and goings, in words."""

from __future__ import annotations

import random

import pytest

from crdt import TextBuffer
from jpterm_like.client.events import Status, StatusChanged
from jpterm_like.sync.presence import Person
from jpterm_like.tui.app import EditorApp
from jpterm_like.tui.render import people
from jpterm_like.tui.render.people import Collaborators
from jpterm_like.tui.text import unseen_changes as module
from jpterm_like.tui.text.layout import TextLayout
from jpterm_like.tui.text.unseen_changes import UnseenChanges
from tests.tui.desk import Desk
from tests.tui.terminal import settle, terminal

TEXT = "".join(f"line {index}\n" for index in range(200))


def desks(text: str = TEXT) -> tuple[Desk, Desk]:
    ann, bob = Desk(text, "ann", 1), Desk(text, "bob", 2)
    ann.join(bob)
    return ann, bob


def bottom(app: EditorApp) -> str:
    return app.status_bar.render_line(0).text


def said(app: EditorApp) -> str:
    return app.editor.messages.text


async def test_the_person_key_goes_to_one_person_after_the_other_and_never_opens_a_list() -> None:
    ann, bob = desks()
    eve = Desk(TEXT, "eve", 3)
    async with terminal(ann, (80, 15)) as (app, pilot, _):
        await pilot.press("f6")
        await pilot.pause()
        assert "bob is looking elsewhere." in said(app)
        bob.show_caret(1000, None)
        await pilot.press("f6")
        assert app.editor.cursor.caret == 1000
        ann.join(eve)
        eve.show_caret(20, None)
        for caret in (20, 1000, 20):
            await pilot.press("f6")
            assert app.editor.cursor.caret == caret
        assert "Here is eve; f6 goes to the next of 2." in said(app)
        await pilot.press(*"ab")
        assert ann.buffer.text[20:22] == "ab", "no list took a letter"
        ann.leave(2)
        ann.leave(3)
        await pilot.press("f6")
        assert "Nobody else is here." in said(app)


async def test_the_follow_key_follows_one_person_after_the_other_and_then_nobody() -> None:
    ann, bob = desks()
    eve = Desk(TEXT, "eve", 3)
    async with terminal(ann, (80, 15)) as (app, pilot, _):
        ann.join(eve)
        bob.show_caret(1000, None)
        eve.show_caret(500, None)
        for told in ("following bob", "following eve", ""):
            await pilot.press("f7")
            assert told in bottom(app) and ("following" in bottom(app)) == bool(told)


async def test_following_leaves_me_where_i_look() -> None:
    """The view follows, my caret waits; the key that ends it brings my caret to what I see, unless it is there anyway (F11)."""
    ann, bob = desks()
    async with terminal(ann, (80, 15)) as (app, pilot, _):
        editor = app.editor
        bob.show_caret(1000, None)
        await pilot.press("f7")
        assert "following bob" in bottom(app)
        for offset in (1500, 30, 700):
            bob.show_caret(offset, None)
            assert editor.view.screen_place(offset) is not None
            assert editor.cursor.caret == 0
        bob.replace(0, 0, "new\n" * 50)
        assert editor.view.screen_place(900) is not None
        await pilot.press("escape")
        assert "following" not in bottom(app) and editor.cursor.caret == 900
        bob.show_caret(0, None)
        assert editor.view.screen_place(900) is not None
        await pilot.press("f7", "x")
        assert ann.buffer.text.startswith("xnew")
        assert editor.view.screen_place(editor.cursor.caret) is not None
        await pilot.press("y")
        assert ann.buffer.text.startswith("xynew")
        await pilot.press("f7")
        ann.leave(2)
        assert editor.awareness.following is None


@pytest.mark.parametrize("key", ["escape", "f7", "left", "z"])
async def test_after_following_the_first_letter_stays_on_the_screen(key: str) -> None:
    ann, bob = desks()
    async with terminal(ann, (80, 15)) as (_, pilot, _):
        bob.show_caret(1000, None)
        await pilot.press("f7", key, "q")
        assert 990 <= ann.buffer.text.index("q") <= 1010


async def test_everybody_has_a_caret_from_the_first_frame_on() -> None:
    ann, bob = desks()
    async with terminal(bob, (80, 15)):
        assert ann.people[0].caret is not None
        async with terminal(ann, (80, 15)) as (app, pilot, _):
            await pilot.press("ctrl+end", "f6")
            assert app.editor.cursor.caret == 0


async def test_joining_and_leaving_are_mentioned_and_interrupt_nothing() -> None:
    ann, bob = desks()
    async with terminal(ann, (80, 15)) as (app, _, _):
        editor = app.editor
        assert "joined" not in said(app)
        editor.awareness._settled_at = 0.0
        eve = Desk(TEXT, "eve", 3)
        ann.join(eve)
        assert "eve joined." in said(app)
        app.editor.messages.dismiss()
        ann.leave(3)
        assert "eve left." in said(app)
        editor.say("Something else.")
        ann.leave(2)
        assert "Something else." in said(app)
        app.editor.messages.dismiss()
        ann.meet(bob)
        app.editor.messages.dismiss()
        # The line drops: nobody is known to be here, which is not the same as leaving.
        ann.status = Status("offline")
        ann.leave(2)
        ann.tell(StatusChanged())
        assert "left" not in said(app)
        ann.status = Status("connected")
        ann.meet(bob)
        assert "joined" not in said(app)


async def test_who_is_here_in_one_line_of_words() -> None:
    ann, bob = desks()
    async with terminal(ann, (100, 15)) as (app, _, _):
        app.editor.run("who")
        assert "With you: bob, looking elsewhere." in said(app)
        bob.show_caret(0, None)
        bob.replace(0, 0, "x")
        bob.show_caret(1, None)
        app.editor.run("who")
        assert "With you: bob, typing in line 1." in said(app)
        ann.leave(2)
        app.editor.run("who")
        assert "Only you are here." in said(app)


def test_typing_and_idle_are_told_from_the_caret() -> None:
    """Behind a new character of one's own: typing. Moving over old text is not; long rest is idle."""
    buffer = TextBuffer.genesis("old text")
    other = TextBuffer.genesis("old text")
    crowd = Collaborators(buffer, 8, "ann")

    def meet(caret: int, now: float) -> str:
        crowd.meet([Person(other.site, "bob", other.anchor(caret), None)], now)
        return crowd.others[0].state(now)

    assert meet(0, 0.0) == "" and meet(3, 1.0) == ""
    other.replace(3, 3, "ab")
    buffer.integrate(other.changes_since(buffer.version))
    assert meet(5, 2.0) == "typing"
    assert crowd.next_change(2.0) == pytest.approx(people.TAG_COVERING_S - 1.0, abs=2.0)
    assert meet(5, 2.0 + people.TYPING_S) == ""
    assert meet(4, 10.0) == "" and meet(5, 11.0) == "", "moving back over it is no typing"
    assert crowd.others[0].state(11.0 + people.IDLE_S) == "idle"


class SlowTraces:
    """The rows that others changed, by keeping the text as lines with a flag each."""

    def __init__(self, text: str) -> None:
        self.lines = [[line, False] for line in text.split("\n")]

    def splice(self, row: int, removed: int, lines: list[str], mine: bool) -> None:
        flag = any(flag for _, flag in self.lines[row : row + removed])
        self.lines[row : row + removed] = [[line, (not mine) or flag] for line in lines]


@pytest.mark.parametrize("seed", range(30))
def test_marks_move_with_their_lines(seed: int) -> None:
    """Whole lines come, go and change: marked is exactly what others did, wherever it has moved to."""
    dice = random.Random(seed)
    buffer = TextBuffer.genesis("".join(f"{index}\n" for index in range(12)))
    text_layout, traces = TextLayout(buffer, chunk_rows=2), UnseenChanges()
    marked: set[str] = set()
    for step in range(40):
        row = dice.randrange(len(text_layout.lines))
        start, end = text_layout.lines.span(row)
        mine = dice.random() < 0.4
        roll = dice.random()
        if roll < 0.4:
            text = f"new{step}\n"
            patch = buffer.replace(start, start, text)
            touched = {text.strip()}
        elif roll < 0.6 and end < len(buffer):
            old = text_layout.line(row)
            below = text_layout.line(row + 1)
            patch = buffer.replace(start, end + 1, "")
            touched = {below}
            marked_before = old in marked
            marked.discard(old)
            if marked_before:
                marked.add(below)
        elif start < end:
            old = text_layout.line(row)
            patch = buffer.replace(start, end, f"{old}x")
            touched = {f"{old}x"}
            if old in marked:
                marked.discard(old)
                marked.add(f"{old}x")
        else:
            continue
        if not mine:
            marked |= touched
        changes = text_layout.follow(patch)
        traces.follow(text_layout.lines, patch, changes, mine)
        shown = {text_layout.line(row) for row in traces.rows}
        assert {line for line in shown if line} == {line for line in marked if line}, (seed, step)


def test_a_mark_goes_when_it_was_looked_at_and_not_before() -> None:
    traces = UnseenChanges()
    for row in (3, 50):
        traces._mark(row)
    traces.look(0, 20, 100.0)
    traces.look(0, 20, 100.0 + module.LOOK_S)
    assert traces.rows == [3, 50]
    traces.look(0, 20, 100.1 + module.LOOK_S)
    assert traces.rows == [50]
    assert traces.after(0) == 50 and traces.after(50) == 50


def test_marks_are_bounded() -> None:
    buffer = TextBuffer.genesis("")
    text_layout, traces = TextLayout(buffer), UnseenChanges()
    patch = buffer.replace(0, 0, "x\n" * 5000)
    traces.follow(text_layout.lines, patch, text_layout.follow(patch), mine=False)
    assert len(traces.rows) == module.ROWS_MAX


async def test_changes_of_others_have_a_mark_and_can_be_gone_to() -> None:
    ann, bob = desks()
    async with terminal(ann, (60, 15)) as (app, pilot, screen):
        await pilot.press("x")
        bob.replace(ann.buffer.text.index("line 3"), ann.buffer.text.index("line 3"), "y")
        bob.replace(ann.buffer.text.index("line 150"), ann.buffer.text.index("line 150"), "z")
        settle(app)
        marks = [y for y, row in enumerate(screen.rows()) if "▎" in row[: app.editor.text_x]]
        assert marks == [3]
        await pilot.press("f9", "f9")
        assert app.editor.text_layout.lines.row(app.editor.cursor.caret) == 150
