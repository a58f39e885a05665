"""A macro is recorded once and played as often as asked, each time as one undo step."""

from __future__ import annotations

import pytest

from jpterm_like.tui.commands.macro_commands import play
from tests.tui.story import Story

RECORD, PLAY = "alt+shift+m", "alt+shift+y"


async def test_typing_moves_and_edits_are_played_again() -> None:
    async with Story() as one:
        await one.go_on("|one⏎two⏎three⏎four")
        await one.go_on(f"ann presses {RECORD} - space end , down home {RECORD}")
        await one.go_on("- one,⏎|two⏎three⏎four")
        await one.go_on(f"ann presses {PLAY} {PLAY}")
        await one.go_on("- one,⏎- two,⏎- three,⏎|four")


async def test_one_playing_is_one_step_of_undo() -> None:
    async with Story() as one:
        await one.go_on("|one⏎two")
        await one.go_on(f"ann presses {RECORD} a end b {RECORD} down home {PLAY}")
        await one.go_on("aoneb⏎atwob|")
        await one.go_on("ann presses ctrl+z")
        assert one.desks["ann"].buffer.text == "aoneb\ntwo"


async def test_played_many_times_it_ends_when_nothing_changes() -> None:
    """Ten thousand times are one step of undo."""
    async with Story() as one:
        await one.go_on("|a⏎b⏎c")
        await one.go_on(f"ann presses {RECORD} delete {RECORD}")
        editor = one.editor()
        assert play(editor, 10_000) == 4
        await one.go_on("|")
        await one.go_on("ann presses ctrl+z")
        assert one.desks["ann"].buffer.text == "\nb\nc"


async def test_a_macro_works_beside_the_edits_of_others() -> None:
    async with Story() as two:
        await two.go_on("ann: |one⏎two   bob: one⏎two|")
        await two.go_on(f"ann presses {RECORD} home X down {RECORD}")
        await two.go_on("bob presses ! ")
        await two.go_on(f"ann presses {PLAY}")
        await two.go_on("bob: Xone⏎Xtwo!|")


@pytest.mark.parametrize("key", ["ctrl+z", "ctrl+s", "ctrl+f"])
async def test_what_is_not_recorded_is_told(key: str) -> None:
    async with Story() as one:
        await one.go_on("|one")
        await one.go_on(f"ann presses {RECORD}")
        assert one.editor().macro.note_command({"ctrl+z": "undo", "ctrl+s": "save", "ctrl+f": "find"}[key])
        assert one.editor().macro.recording == []


async def test_without_a_macro_nothing_is_played() -> None:
    async with Story() as one:
        await one.go_on("|one")
        await one.go_on(f"ann presses {PLAY} {RECORD} {RECORD} {PLAY}")
        await one.go_on("|one")


async def test_what_the_editor_does_by_itself_is_not_recorded() -> None:
    """Following a person who went to another file looks for them, by a command that is in no table."""
    async with Story() as one:
        await one.go_on("|one")
        await one.go_on(f"ann presses {RECORD}")
        one.editor().run("seek_person")
        await one.go_on(f"ann presses x {RECORD} {PLAY}")
        await one.go_on("xx|one")
