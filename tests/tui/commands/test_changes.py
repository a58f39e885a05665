"""Signs beside lines that are not saved or not committed, and the commands on such changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from jpterm_like.client.events import StatusChanged
from jpterm_like.config import KeyBinding
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


async def test_what_a_long_text_was_is_read_in_steps_while_others_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Reading it takes long after a change of very many places."""
    monkeypatch.setattr(changes, "AT_ONCE_CHARACTERS", 0)
    monkeypatch.setattr(changes, "PAUSE_S", 0.0)
    monkeypatch.setattr(changes, "STEP_S", -1.0)
    async with Story() as story:
        lines = "⏎".join("abcdefghij" for _ in range(100))
        await story.go_on(f"ann: |{lines}   bob: |{lines}")
        ann, bob = (story.desks[name] for name in ("ann", "bob"))
        was = ann.buffer.text
        for at in range(0, 1_000, 4):
            ann.replace(at, at, "-")
        reading = story.editor("ann").changes
        await until(lambda: reading._is_reading)
        bob.replace(5, 6, "")
        for _ in range(3):
            await asyncio.sleep(0)
        bob.replace(5, 5, "X")
        await until(lambda: bool(reading._known) and not reading._known[0].is_behind)
        assert reading._known[0].base == was
        assert gutter(story.editor("ann")) == "▌▌▌▌▌▌"


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


async def test_what_another_program_wrote_into_the_file_is_not_unsaved() -> None:
    async with Story() as story:
        await story.go_on("ann: |one⏎two⏎three   disk: one⏎two⏎|three")
        await story.go_on("ann types X")
        await story.go_on("disk types Y")
        await until(lambda: gutter(story.editor("ann")) == "▌     ")
        assert story.desks["ann"].buffer.text == "Xone\ntwo\nYthree"


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


# Going to changes, showing and reverting them


async def test_going_to_the_next_and_the_previous_change() -> None:
    """Unsaved and uncommitted ones in one order, and round."""
    async with Story() as story:
        await story.go_on("|a⏎b⏎c⏎d⏎e⏎f")
        desk, editor = story.desks["ann"], story.editor()
        desk.committed = "a\nb\nc\nd\nE\nf"
        editor.changes.ask_git()
        await story.go_on("ann presses down X up")
        await until(lambda: gutter(editor) == " ▌  │ ")
        rows = []
        for key in ("n", "n", "n", "b", "b"):
            await story.go_on(f"ann presses alt+shift+{key}")
            rows.append(editor.text_layout.lines.row(editor.cursor.caret))
        assert rows == [1, 4, 1, 4, 1]


async def test_without_changes_that_is_said() -> None:
    async with Story() as story:
        await story.go_on("|a")
        await story.go_on("ann presses alt+shift+n")
        assert "Nothing here is unsaved." in shown(story)


async def test_the_lines_as_they_were_are_shown_and_reverted_from_there() -> None:
    async with Story(size=(60, 15)) as story:
        await story.go_on("one⏎two|⏎three")
        await story.go_on("ann types X")
        await story.go_on("ann presses alt+shift+d")
        assert await read(story, "#lines-text") == "- two\n+ twoX"
        await story.go_on("ann presses r")
        assert story.state("ann").replace("|", "") == "one\ntwo\nthree"
        await story.go_on("ann presses ctrl+z")
        assert story.state("ann").replace("|", "") == "one\ntwoX\nthree"


async def test_the_next_change_is_shown_from_the_dialog() -> None:
    async with Story() as story:
        await story.go_on("|a⏎b⏎c")
        await story.go_on("ann presses X down down Y up up alt+shift+d n")
        assert await read(story, "#lines-text") == "- c\n+ cY"
        await story.go_on("ann presses escape")
        assert story.editor().text_layout.lines.row(story.editor().cursor.caret) == 2


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("a⏎|b⏎c", "ctrl+k"),  # in the middle
        ("|a⏎b⏎c", "ctrl+k"),  # the first line
        ("a⏎b⏎|c", "ctrl+k"),  # the last one
        ("a⏎b⏎c|", "enter x"),  # a line behind it
        ("|a⏎b⏎c", "enter up"),  # one before the first
        ("a⏎b⏎|c⏎", "ctrl+k up"),
        ("a|", "X enter Y"),  # all there is
        ("a⏎日本|⏎⇥b", "X enter Y"),
    ],
)
async def test_reverting_gives_the_saved_text_as_one_step(text: str, keys: str) -> None:
    async with Story() as story:
        await story.go_on(text)
        saved = story.desks["ann"].buffer.text
        await story.go_on(f"ann presses {keys}")
        changed = story.desks["ann"].buffer.text
        assert changed != saved
        story.editor().run("revert_hunk")
        assert story.desks["ann"].buffer.text == saved and not list(story.editor().changes._known[0])
        await story.go_on("ann presses ctrl+z")
        assert story.desks["ann"].buffer.text == changed


async def test_before_unsaved_words_of_another_go_it_is_said_whose() -> None:
    async with Story(keys=(KeyBinding("revert_hunk", ("f11",), ""),)) as story:
        await story.go_on("ann: |one⏎two   bob: one⏎|two")
        await story.go_on("bob types hello")
        await story.go_on("ann presses down")
        await story.go_on("ann presses f11")
        assert "bob wrote some of the unsaved text" in await read(story, "#dialog-body")
        await story.go_on("ann presses escape")
        assert story.desks["ann"].buffer.text == "one\nhellotwo"
        await story.go_on("ann presses f11")
        await read(story, "#dialog-body")
        await story.go_on("ann presses r")
        assert story.desks["ann"].buffer.text == story.desks["bob"].buffer.text == "one\ntwo"


async def test_my_words_in_a_line_are_reverted_without_a_question_beside_anothers_line() -> None:
    async with Story() as story:
        await story.go_on("ann: |one⏎two   bob: one⏎|two")
        await story.go_on("ann types X")
        story.editor("ann").run("revert_hunk")
        assert story.desks["ann"].buffer.text == "one\ntwo"


async def test_lines_that_were_changed_while_they_were_shown_are_left() -> None:
    async with Story() as story:
        await story.go_on("ann: one⏎|two⏎three   bob: one⏎two⏎|three")
        await story.go_on("ann presses X alt+shift+d")
        await story.go_on("bob types Y")
        await story.go_on("ann presses r")
        assert story.desks["ann"].buffer.text == "one\nXtwo\nYthree"


async def test_a_text_that_may_only_be_read_is_not_reverted() -> None:
    async with Story() as story:
        await story.go_on("|one")
        await story.go_on("ann types X")
        story.desks["ann"].role = "view"
        story.editor().run("revert_hunk")
        assert story.desks["ann"].buffer.text == "Xone"


async def test_all_changes_are_listed() -> None:
    async with Story() as story:
        await story.go_on("|a⏎b⏎c⏎d")
        await story.go_on("ann presses X down down Y")
        story.editor().run("list_hunks")
        await read(story, "#dialog-title")
        await story.go_on("ann presses up enter")
        assert story.editor().text_layout.lines.row(story.editor().cursor.caret) == 0


async def test_the_keys_of_vi_for_changes() -> None:
    async with Story(preset="vi") as story:
        await story.go_on("|a⏎b⏎c⏎d")
        await story.go_on("ann presses j A X escape j j")
        await story.go_on("ann presses left_square_bracket c")
        assert story.state("ann") == "a\n|bX\nc\nd"
        await story.go_on("ann presses g g right_square_bracket c")
        assert story.state("ann") == "a\n|bX\nc\nd"


def shown(story: Story) -> str:
    """The screen of ann as text."""
    return "\n".join("".join(segment.text for segment in row) for row in story.editor()._painted)


async def read(story: Story, selector: str) -> str:
    """What ann's dialog shows in one of its parts, once it is there."""
    app = story.pilots["ann"].app
    await until(lambda: len(app.screen_stack) > 1 and bool(app.screen.query(selector)))
    await story.pilots["ann"].pause()
    return str(app.screen.query_one(selector).render())
