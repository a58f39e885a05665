"""What is said stands above the bottom line, whole, and hides neither it nor the caret."""

from __future__ import annotations

from typing import get_args

import pytest

from jpterm_like.client.events import Notice, RequestFailed, Settled, Status, StatusChanged, Topic
from jpterm_like.tui.render import themes
from jpterm_like.tui.render.palette import Palette
from jpterm_like.tui.text.cells import width_of
from jpterm_like.tui.widgets.messages import MENTION_S, TELL_S, Messages, fold
from tests.tui.desk import Desk
from tests.tui.terminal import settle, terminal

PALETTE = Palette(themes.load(themes.folders())[0]["dark"])
LONG = "Not all of it could be read, because " + "of one thing and another " * 5 + "and so on."


def texts(messages: Messages, width: int = 40, height: int = 24, now: float = 0.0) -> list[str]:
    rows = ["".join(text for text, *_ in row) for row in messages.rows(width, height, PALETTE, now)]
    assert all(width_of(row) == width for row in rows)
    return [row.strip() for row in rows]


async def test_saved_does_not_hide_saved() -> None:
    """Both are on the screen at once: what was done, and how things stand."""
    async with terminal(Desk("text"), (80, 24)) as (app, pilot, screen):
        await pilot.press("x", "ctrl+s")
        await app.workers.wait_for_complete()
        settle(app)
        assert "Saved notes.md." in screen.rows()[-2]
        assert "connected  saved" in screen.rows()[-1]


async def test_what_hindered_saving_goes_when_it_is_saved() -> None:
    """ "The disk is full" stood beside "Saved" then, until somebody took it away."""
    desk = Desk("text")
    async with terminal(desk, (80, 24)) as (app, pilot, _):
        desk.tell(Notice("Another thing.", serious=True))
        for refusal in ("The disk is full.", "The disk is still full."):
            desk.refusal = RequestFailed(refusal)
            await pilot.press("x", "ctrl+s")
            await app.workers.wait_for_complete()
            settle(app)
            assert app.editor.messages.text == f"Another thing. {refusal}"
        desk.refusal = None
        await pilot.press("ctrl+s")
        await app.workers.wait_for_complete()
        settle(app)
        assert app.editor.messages.text == "Another thing. Saved notes.md."


async def test_why_a_command_failed_takes_the_place_of_what_one_said() -> None:
    """ "Saved f.md." stood below "f.md cannot be written: the disk is full.", and "Loading …" below why nothing was loaded."""
    desk = Desk("text")
    async with terminal(desk, (80, 24)) as (app, pilot, _):
        for refusal in (None, RequestFailed("The disk is full.")):
            desk.refusal = refusal
            await pilot.press("x", "ctrl+s")
            await app.workers.wait_for_complete()
            settle(app)
        assert app.editor.messages.text == "The disk is full."
        app.editor.say("Loading …")
        app.editor.say("It cannot be loaded.", serious=True)
        assert app.editor.messages.text == "The disk is full. It cannot be loaded."


def test_what_is_retracted_leaves_and_takes_nothing_else_along() -> None:
    messages = Messages()
    messages.say("Joining …", 0.0)
    messages.notify("bob renamed the file.", 0.0)
    messages.retract("Joining …")
    assert messages.text == "bob renamed the file."
    messages.say("Copied.", 0.0)
    messages.retract("Joining …")
    assert messages.text == "bob renamed the file. Copied."


def test_what_is_told_from_outside_is_not_replaced_by_what_a_command_says() -> None:
    """Each has its own time; of what is told, the last two are shown."""
    messages = Messages()
    messages.notify("bob renamed the file.", 0.0)
    messages.say("Long lines wrap.", 1.0)
    messages.say("Long lines do not wrap.", 2.0)
    assert texts(messages, now=2.0) == ["bob renamed the file.", "Long lines do not wrap."]
    assert messages.ends(2.0) == TELL_S - 2.0
    messages.notify("ann: look at line 3", 3.0)
    messages.notify("ann: look at line 4", 3.0)
    messages.notify("ann: look at line 4", 4.0)
    assert texts(messages, now=4.0) == [
        "ann: look at line 3",
        "ann: look at line 4",
        "Long lines do not wrap.",
    ]
    assert texts(messages, now=2.0 + TELL_S) == ["ann: look at line 3", "ann: look at line 4"]
    assert texts(messages, now=3.0 + TELL_S) == ["ann: look at line 4"]
    messages.mention("Nothing else is told.", 5.0)
    assert messages.dismiss() and not messages.dismiss()
    assert texts(messages, now=5.0) == [] and messages.ends(5.0) is None


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (60, 15), (20, 5)])
async def test_the_bottom_line_stays_and_a_third_is_covered_at_most(size: tuple[int, int]) -> None:
    async with terminal(Desk("line\n" * 100), size) as (app, _, screen):
        before = screen.rows()[-1]
        app.editor.say(LONG, serious=True)
        settle(app)
        rows = screen.rows()
        assert rows[-1] == before
        covered = [row for row in rows[:-1] if "line" not in row]
        assert 1 <= len(covered) <= max(1, size[1] // 3)
        assert " ".join(" ".join(covered).split()).startswith("Not all of"[: size[0] - 10])
        if size[0] >= 60:
            assert "and so on." in " ".join(" ".join(covered).split())
        app.editor.run("deselect")
        assert all("line" in row for row in screen.rows()[:-1])


async def test_the_line_that_i_write_in_is_never_covered() -> None:
    """At the end of a long text the message goes above my line, and the view does not move."""
    async with terminal(Desk("line\n" * 100), (60, 15)) as (app, _, screen):
        app.editor.run("text_end")
        app.editor.type("mine")
        top = app.editor.view.top
        app.editor.say("Something was said.")
        settle(app)
        assert app.editor.view.top == top
        assert "mine" in screen.rows()[-2] and "Something was said." in screen.rows()[-3]
        assert (screen.screen.cursor.y, screen.screen.cursor.hidden) == (13, False)


def test_a_message_goes_by_itself_and_a_serious_one_stays() -> None:
    messages = Messages()
    messages.mention("bob joined.", 0.0)
    assert texts(messages, now=MENTION_S - 0.1) == ["bob joined."]
    messages.say("The disk is full.", 0.0, serious=True)
    messages.say("Copied.", 0.0)
    assert texts(messages) == ["The disk is full.  (esc closes)", "Copied."]
    messages.mention("eve joined.", 1.0)
    assert texts(messages, now=TELL_S) == ["The disk is full.  (esc closes)"]
    assert messages.ends(TELL_S) is None
    assert messages.dismiss() and not messages.dismiss()
    assert texts(messages) == []


async def test_a_server_that_could_not_save_and_can_again_takes_its_sentence_back() -> None:
    """It saves by itself: nobody presses a key for it. My own attempt that is refused says it in the same place."""
    desk = Desk("text")
    async with terminal(desk, (80, 24)) as (app, pilot, _):
        desk.saved = False
        desk.tell(Notice("Not saved: the disk is full.", serious=True, topic="saving"))
        desk.refusal = RequestFailed("The disk is full.")
        await pilot.press("ctrl+s")
        await app.workers.wait_for_complete()
        assert app.editor.messages.text == "The disk is full."
        desk.saved = True
        desk.tell(StatusChanged())
        assert app.editor.messages.text == ""


async def test_why_there_is_no_line_goes_when_there_is_one_again() -> None:
    """ "Another server answers: nothing was sent to it" stood on the screen after it was sent."""
    desk = Desk("text")
    async with terminal(desk, (80, 24)) as (app, _, _):
        app.editor.say("Another thing.", serious=True)
        desk.status = Status("offline")
        desk.tell(StatusChanged())
        desk.tell(Notice("Another server answers.", serious=True, topic="line"))
        assert app.editor.messages.text == "Another thing. Another server answers."
        desk.status = Status("connected")
        desk.tell(StatusChanged())
        assert app.editor.messages.text == "Another thing."


async def test_a_save_without_a_line_is_no_longer_true_when_there_is_one() -> None:
    """ "Not saved: the server cannot be reached now" stood beside *connected*."""
    desk = Desk("text")
    async with terminal(desk, (80, 24)) as (app, pilot, _):
        desk.status, desk.saved = Status("offline"), False
        desk.tell(StatusChanged())
        desk.refusal = RequestFailed("The server cannot be reached now.")
        await pilot.press("ctrl+s")
        await app.workers.wait_for_complete()
        assert app.editor.messages.text == "The server cannot be reached now."
        desk.status = Status("connected")
        desk.tell(StatusChanged())
        assert app.editor.messages.text == ""


TOPICS = [topic for topic in get_args(Topic) if topic]


@pytest.mark.parametrize("topic", TOPICS)
async def test_what_lasts_leaves_when_it_is_over(topic: Topic) -> None:
    desk = Desk("text")
    async with terminal(desk, (80, 24)) as (app, _, _):
        desk.saved, desk.status = False, Status("offline")
        desk.tell(Notice("It is so.", serious=True, topic=topic))
        desk.tell(Notice("It happened.", serious=True))
        desk.tell(StatusChanged())
        assert app.editor.messages.text == "It is so. It happened."
        desk.tell(Settled(topic))
        assert app.editor.messages.text == "It happened."


async def test_that_a_file_is_gone_stays_until_that_is_over() -> None:
    """Other news may come first, while the text still counts as saved."""
    desk = Desk("text")
    async with terminal(desk, (80, 24)) as (app, _, _):
        desk.tell(Notice("ann deleted it.", serious=True, topic="file"))
        desk.tell(StatusChanged())
        assert app.editor.messages.text == "ann deleted it."


def test_why_a_command_failed_is_shown_until_i_have_gone_on() -> None:
    messages = Messages()
    messages.say("It happened.", 0.0, serious=True)
    messages.answer("b.md cannot be opened.", 0.0)
    messages.answer("c.md cannot be opened.", 1.0)
    assert messages.text == "It happened. c.md cannot be opened."
    messages.go_on(TELL_S)
    assert "c.md" in messages.text, "nobody has had the time to read it"
    assert "c.md" in " ".join(texts(messages, now=100.0)), "nobody has pressed a key since"
    messages.go_on(TELL_S + 1)
    assert messages.text == "It happened."


def test_the_newest_is_shown_whole_and_what_has_no_room_comes_next() -> None:
    """On a small screen the newest sentence was cut off, and esc took away what nobody had seen."""
    messages = Messages()
    for which in ("first", "second"):
        messages.say(f"The {which} of two sentences that need two rows each.", 0.0, serious=True)
    assert texts(messages, 40, 9) == ["The second of two sentences that need", "two rows each.  (esc closes)"]
    assert messages.dismiss()
    assert texts(messages, 40, 9) == ["The first of two sentences that need", "two rows each.  (esc closes)"]
    assert messages.dismiss() and not messages.dismiss()


def test_the_same_rows_are_the_same_objects() -> None:
    """Then nothing is painted for them at a key."""
    messages = Messages()
    messages.say(LONG, 0.0)
    first = messages.rows(40, 24, PALETTE, 0.0)
    assert all(one is other for one, other in zip(first, messages.rows(40, 24, PALETTE, 1.0), strict=True))


def test_a_sentence_is_broken_behind_blanks() -> None:
    assert fold("one two three", 8) == ["one two", "three"]
    assert fold("中文中文中文", 8) == ["中文中文", "中文"]
    assert fold("", 8) == [""]


def test_how_a_message_is_closed_stays_together() -> None:
    messages = Messages()
    messages.say("The hub cannot be started: permission is denied.", 0.0, serious=True)
    assert texts(messages, 60) == ["The hub cannot be started: permission is denied.", "(esc closes)"]
    assert texts(messages, 80) == ["The hub cannot be started: permission is denied.  (esc closes)"]


def test_an_offer_stays_and_does_not_look_like_an_error() -> None:
    """The review after an outage was offered in the colour of errors, although nothing was wrong."""
    messages = Messages()
    messages.say("The hub cannot be started.", 0.0, serious=True)
    messages.offer("apart", "You changed 2 lines while away: f9 reviews them.", 0.0)
    styles = [row[0].style for row in messages.rows(80, 24, PALETTE, 100.0)]
    assert styles == [PALETTE.error, PALETTE.offer] and PALETTE.offer != PALETTE.error
    messages.forget("apart")
    assert messages.text == "The hub cannot be started."


def test_a_long_path_leaves_room_for_the_point_on_a_small_screen() -> None:
    messages = Messages()
    path = "/home/ann/projects/company/reports/2026/november/of-the-whole-department/notes.md"
    messages.say(f"{path} cannot be written: permission is denied.", 0.0, serious=True)
    assert texts(messages, 60, 15) == [
        "/home/…/notes.md cannot be written: permission is denied.",
        "(esc closes)",
    ]
