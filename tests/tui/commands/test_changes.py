"""Signs beside lines that are not saved or not committed, and the commands on such changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from jpterm_like.client.events import StatusChanged
from jpterm_like.tui.commands import changes
from jpterm_like.tui.editor import Editor
from jpterm_like.tui.render.signs import Sign, glyph
from tests.tui.story import Story


def gutter(editor: Editor, rows: int = 6) -> str:
    """The first cell of the first rows."""
    return "".join("".join(segment.text for segment in row)[0] for row in editor._painted[:rows])


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def test_unsaved_lines_have_a_sign_until_the_file_is_saved() -> None:
    """A changed line, an added one, and the line above removed ones."""
    async with Story() as story:
        await story.go_on("one|⏎two⏎three⏎four⏎five⏎six")
        editor, desk = story.editor(), story.desks["ann"]
        assert gutter(editor) == "      "
        await story.go_on("ann types X")
        assert gutter(editor) == "▌     "
        await story.go_on("ann presses down end enter n down down ctrl+k")
        assert desk.buffer.text == "oneX\ntwo\nn\nthree\nfive\nsix"
        assert gutter(editor) == "▌ ▌▂  "
        await desk.save()
        await story.go_on("ann presses left")
        assert gutter(editor) == "      "


async def test_undo_takes_the_sign_away() -> None:
    async with Story() as story:
        await story.go_on("one|⏎two")
        await story.go_on("ann types X")
        assert gutter(story.editor()) == "▌     "
        await story.go_on("ann presses ctrl+z")
        assert gutter(story.editor()) == "      "


async def test_what_others_write_unsaved_has_a_sign_too() -> None:
    async with Story() as story:
        await story.go_on("ann: |one⏎two⏎three   bob: one⏎two⏎|three")
        await story.go_on("bob types X")
        assert gutter(story.editor("ann")) == "  ▌   "
        await story.desks["bob"].save()
        for desk in story.desks.values():
            desk.saved = True
            desk.tell(StatusChanged())
        await story.go_on("ann presses right")
        assert gutter(story.editor("ann")) == "      "


async def test_saved_in_the_middle_of_typing_only_the_rest_is_unsaved() -> None:
    async with Story() as story:
        await story.go_on("|one⏎two⏎three")
        desk = story.desks["ann"]
        await story.go_on("ann types X")
        version = desk.buffer.version
        await story.go_on("ann presses down Y")
        desk.saved_version = version
        desk.tell(StatusChanged())
        await story.go_on("ann presses left")
        assert gutter(story.editor()) == " ▌    "


async def test_a_server_that_saves_by_itself_shows_no_sign_while_it_does() -> None:
    """Else a sign would come and go with every pause in typing."""
    async with Story() as story:
        await story.go_on("|one")
        story.desks["ann"].address = "ws://box:8765/notes.md"
        await story.go_on("ann types X")
        assert gutter(story.editor()) == "      "
        story.editor().saving._since = 0.0  # for longer than it takes
        await story.go_on("ann types Y")
        assert gutter(story.editor()) == "▌     "


async def test_a_file_that_does_not_exist_yet_has_no_signs() -> None:
    async with Story() as story:
        await story.go_on("|")
        await story.go_on("ann types one")
        assert gutter(story.editor()) == "      "


async def test_saved_lines_that_are_not_committed_have_a_thin_sign() -> None:
    async with Story() as story:
        await story.go_on("|one⏎two⏎three")
        editor, desk = story.editor(), story.desks["ann"]
        desk.committed = "one\n2\nthree"
        editor.changes.ask_git()
        await until(lambda: gutter(editor) == " │    ")
        await story.go_on("ann types X")
        assert gutter(editor) == "▌│    "
        await desk.save()
        await story.go_on("ann presses left")
        assert gutter(editor) == "││    "


async def test_a_new_commit_is_noticed_after_a_save() -> None:
    async with Story() as story:
        await story.go_on("|one")
        editor, desk = story.editor(), story.desks["ann"]
        desk.committed = "one"
        await story.go_on("ann types X")
        desk.committed = "Xone"
        await desk.save()
        editor.changes.ask_git()
        await story.go_on("ann types Y")
        await desk.save()
        await until(lambda: gutter(editor, 1) == "│")


async def test_without_line_numbers_the_gutter_comes_with_the_first_sign_and_stays() -> None:
    """So the text moves by one cell, once."""
    async with Story(line_numbers=False) as story:
        await story.go_on("|one⏎two")
        editor = story.editor()
        assert editor.text_x == 0
        await story.go_on("ann types X")
        assert editor.text_x == 1 and gutter(editor) == "▌     "
        await story.go_on("ann presses ctrl+z")
        assert editor.text_x == 1 and gutter(editor) == "      "


async def test_the_setting_signs_turns_them_off() -> None:
    async with Story(signs="none", line_numbers=False) as story:
        await story.go_on("|one")
        story.desks["ann"].committed = "two"
        await story.go_on("ann types X")
        assert story.editor().text_x == 0
    async with Story(signs="unsaved") as story:
        await story.go_on("|one⏎two")
        story.desks["ann"].committed = "two\ntwo"
        story.editor().changes.ask_git()
        await story.go_on("ann presses down X")
        assert gutter(story.editor()) == " ▌    "


async def test_a_long_text_is_compared_after_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key waits for it, and lines that come and go meanwhile are counted."""
    monkeypatch.setattr(changes, "PAUSE_S", 600.0)
    lines = [f"line {number} of many" for number in range(20_000)]
    async with Story() as story:
        await story.go_on("|" + "⏎".join(lines))
        editor = story.editor()
        desk = story.desks["ann"]
        assert len(desk.buffer) > changes.AT_ONCE_CHARACTERS
        await story.go_on("ann presses X down down Y")
        assert gutter(editor) == "      "
        editor.changes._do_now()  # the pause is over
        await story.go_on("ann presses end enter")
        await until(lambda: gutter(editor) == "▌ ▌▌  ")
        await story.go_on("ann presses backspace")
        await until(lambda: gutter(editor) == "▌ ▌   ")


async def test_without_colours_the_kinds_differ_by_their_shapes() -> None:
    shapes = {
        glyph(Sign(kind, is_unsaved), colourless=True)
        for kind in ("added", "changed", "removed")
        for is_unsaved in (True, False)
    }
    assert len(shapes) == 6
    assert glyph(Sign("changed", True), colourless=False) != glyph(Sign("changed", False), colourless=False)
