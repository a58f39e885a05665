"""Keys that come faster than what they open: over a slow line many arrive at once. None may go where the one before it was."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from textual import events

from crdt import Patch
from tests.tui.desk import Desk
from tests.tui.terminal import keys_done, terminal

SIGNS = {"space": " ", "slash": "/"}


def pressed(keys: str) -> Iterable[events.Key]:
    """Keys as written in the tests: names and characters with blanks between."""
    for key in keys.split():
        yield events.Key(key, key if len(key) == 1 else SIGNS.get(key))


@pytest.mark.parametrize(
    ("keys", "left"),
    [
        ("ctrl+r a tab b enter", "b1 a2\na3\n"),
        ("ctrl+r a tab b alt+a escape x", "bx1 b2\nb3\n"),
        ("ctrl+g 2 enter f o o", "a1 a2\nfooa3\n"),
        ("ctrl+f a 3 enter escape x", "a1 a2\nx\n"),
        ("ctrl+f a ctrl+f 3 enter escape x", "a1 a2\nx\n"),
        ("ctrl+p escape x", "xa1 a2\na3\n"),
        ("ctrl+p d u p l i c a t e space l i n e enter x", "a1 a2\nxa1 a2\na3\n"),
        ("shift+right ctrl+p u p p e r enter right x", "Ax1 a2\na3\n"),  # found by its name in config.toml
        ("f1 escape x", "xa1 a2\na3\n"),
    ],
)
async def test_each_key_goes_where_the_one_before_it_left_the_keyboard(keys: str, left: str) -> None:
    desk = Desk("a1 a2\na3\n")
    async with terminal(desk, size=(100, 20)) as (app, pilot, _screen):
        for event in pressed(keys):
            app.post_message(event)
        await keys_done(app, pilot)
        assert desk.buffer.text == left


@pytest.mark.parametrize(
    ("keys", "left"),
    [
        ("i a alt+x", "one\n"),
        ("i a alt+o b", "aone\nb\n"),
        ("v alt+x", "ne\n"),
        ("d alt+x", "ne\n"),
        ("d alt+d d", "\n"),
        ("i a b c escape . .", "abababcccone\n"),  # what was put in together is done again as a whole
    ],
)
async def test_vi_takes_escape_and_a_key_in_a_hurry_for_both(keys: str, left: str) -> None:
    """Terminals without the kitty protocol send the same bytes for alt and a key."""
    desk = Desk("one\n")
    async with terminal(desk, preset="vi") as (app, pilot, _screen):
        for key in keys.split():
            app.post_message(events.Key(key, None if key == "escape" else key[-1]))
        await keys_done(app, pilot)
        assert desk.buffer.text == left


async def test_letters_that_come_together_are_put_in_together() -> None:
    """A thousand of them, pasted into a terminal that does not say so, took a second and more."""
    edits: list[str] = []

    class Counting(Desk):
        def replace(self, start: int, end: int, text: str) -> Patch:
            edits.append(text)
            return super().replace(start, end, text)

    desk = Counting("")
    async with terminal(desk) as (app, pilot, _screen):
        written = "Grüße, " * 100
        for letter in written:
            app.post_message(events.Key("space" if letter == " " else letter, letter))
        app.post_message(events.Key("enter", "\r"))
        for letter in "end":
            app.post_message(events.Key(letter, letter))
        await keys_done(app, pilot)
        assert desk.buffer.text == f"{written}\nend"
        assert len(edits) < 20


async def test_vi_seeks_and_goes_on_in_one_burst() -> None:
    desk = Desk("one\ntwo three\n")
    async with terminal(desk, size=(100, 20), preset="vi") as (app, pilot, _screen):
        for event in pressed("slash t h r enter x i Z escape"):
            app.post_message(event)
        await keys_done(app, pilot)
        assert desk.buffer.text == "one\ntwo Zhree\n"
