"""Undo and redo of very many places, in slices."""

from __future__ import annotations

import pytest
from textual import events

from crdt.patch import Splice
from jpterm_like.client.events import Changed, Event
from jpterm_like.tui.commands import basic, editing
from jpterm_like.tui.commands.long_undo import LongUndo
from tests.tui.desk import Desk
from tests.tui.terminal import terminal, until

LINES = 3_000
TEXT = "some words\n" * LINES
INDENTED = "\tsome words\n" * LINES
EDITS = [Splice(at, at, "\t") for at in range(11 * (LINES - 1), -1, -11)]


@pytest.fixture(autouse=True)
def _short_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a fast machine needs several, too."""
    monkeypatch.setattr(editing, "BULK_STEP_S", 0.001)
    monkeypatch.setattr(basic, "BULK_STEP_S", 0.001)


def test_a_slice_undoes_what_fits_into_it() -> None:
    """In virtual time: undoing a change of 100,000 places stopped the keyboard for 1.7 seconds."""
    desk = Desk(TEXT, "ann", 1)
    desk.replace_all(EDITS)
    now = 0.0

    def hear(event: Event) -> None:
        nonlocal now
        if isinstance(event, Changed):
            now += 0.000_2 * len(event.patch)

    desk.listen(hear)
    change = LongUndo(desk, False, lambda: now)
    took = []
    more = True
    while more:
        began = now
        more = change.step(0.015)
        took.append(now - began)
    assert desk.buffer.text == TEXT and change.changes == LINES and change.first == (0, 0)
    assert max(took[2:]) < 0.03 < sum(took) and len(took) > 20
    assert desk.buffer.redo() is not None and desk.buffer.text == INDENTED, "all of it is one step again"


@pytest.mark.parametrize("preset", ["default", "vi"])
async def test_the_keyboard_is_served_between_slices_and_what_others_write_stays(preset: str) -> None:
    ann, bob = Desk(TEXT, "ann", 1), Desk(TEXT, "bob", 2)
    ann.join(bob)
    async with terminal(ann, preset=preset) as (app, pilot, _):
        ann.replace_all(EDITS)
        undo, redo = ("u", "ctrl+r") if preset == "vi" else ("ctrl+z", "ctrl+y")
        editor = app.editor
        editor.focus()
        await editor.on_key(events.Key(undo, undo if len(undo) == 1 else None))
        assert editor.bulk_edit is not None, "it goes on in slices"
        bob.replace(0, 0, "hers\n")
        await until(pilot, lambda: editor.bulk_edit is None)
        assert ann.buffer.text == bob.buffer.text == "hers\n" + TEXT
        assert editor.text_layout.lines.row(editor.cursor.caret) <= 1, "the caret is at the first change"
        await pilot.press(redo)
        await until(pilot, lambda: editor.bulk_edit is None)
        assert ann.buffer.text == "hers\n" + INDENTED


@pytest.mark.parametrize("preset", ["default", "vi"])
async def test_esc_stops_an_undo_and_undo_goes_on(preset: str) -> None:
    desk = Desk(TEXT, "ann", 1)
    async with terminal(desk, preset=preset) as (app, pilot, _):
        desk.replace(0, 0, "first\n")
        desk.replace_all([Splice(start + 6, end + 6, text) for start, end, text in EDITS])
        editor = app.editor
        editor.focus()
        for key in "2u" if preset == "vi" else ("ctrl+z",):
            await editor.on_key(events.Key(key, key if len(key) == 1 else None))
        await editor.on_key(events.Key("escape", None))
        assert editor.bulk_edit is None and "Stopped" in editor.messages.text
        half = desk.buffer.text
        assert 0 < half.count("\t") < LINES
        for _ in range(5):
            await pilot.pause()
        assert desk.buffer.text == half, "nothing goes on, nor does the second undo of vi's 2u"
        await pilot.press("u" if preset == "vi" else "ctrl+z")
        await until(pilot, lambda: editor.bulk_edit is None and "\t" not in desk.buffer.text)
        assert desk.buffer.text == "first\n" + TEXT
        for _ in range(2):
            await pilot.press("ctrl+r" if preset == "vi" else "ctrl+y")
            await until(pilot, lambda: editor.bulk_edit is None)
        assert desk.buffer.text == "first\n" + INDENTED


async def test_keys_of_vi_behind_a_long_undo_wait_for_it() -> None:
    """Also those of a macro, and a count undoes one long step after the other."""
    desk = Desk(TEXT, "ann", 1)
    async with terminal(desk, preset="vi") as (app, pilot, _):
        desk.replace_all(EDITS)
        desk.break_undo()
        desk.replace_all([Splice(at, at, "x") for at in range(12 * (LINES - 1), -1, -12)])
        editor = app.editor
        editor.focus()
        await pilot.press(*"q", "a", *"2uxq")
        await until(pilot, lambda: not editor.vi.is_busy and editor.bulk_edit is None)
        assert desk.buffer.text == TEXT[1:]
        await pilot.press("u", "ctrl+r", "ctrl+r")
        await until(pilot, lambda: not editor.vi.is_busy and editor.bulk_edit is None)
