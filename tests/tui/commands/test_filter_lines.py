"""Lines are piped through a shell command as one undo step, and nothing is lost when the command fails."""

from __future__ import annotations

import asyncio

import pytest

from jpterm_like.tui.commands import filter_lines
from jpterm_like.tui.commands.filter_lines import FilterFailed, pipe
from tests.tui.story import Story


async def filtered(one: Story, command: str) -> None:
    """Run a command as if the person had typed it."""
    editor = one.editor()
    editor.ask = lambda title, note, then: then(command)  # type: ignore[method-assign]
    editor.run("filter_lines")
    await asyncio.gather(*filter_lines._running)
    await one.pilots["ann"].pause()


async def test_selected_lines_are_replaced_as_one_step() -> None:
    async with Story() as two:
        await two.go_on("ann: x⏎^b⏎a⏎b|⏎y   bob: x⏎b⏎a|⏎b⏎y")
        await filtered(two, "sort -u")
        await two.go_on("bob: x⏎a|⏎b⏎y")
        await two.go_on("ann presses ctrl+z")
        assert two.desks["ann"].buffer.text == "x\nb\na\nb\ny"


async def test_without_a_selection_all_lines_go_through() -> None:
    async with Story() as one:
        await one.go_on("ann: o|ne⏎two⏎")
        await filtered(one, "tr a-z A-Z")
        assert one.desks["ann"].buffer.text == "ONE\nTWO\n"


async def test_a_command_that_fails_changes_nothing_and_says_why() -> None:
    async with Story() as one:
        await one.go_on("ann: one|")
        await filtered(one, "echo oh no >&2; exit 3")
        await one.go_on("ann: one|")
        told = one.editor().messages.rows(200, 24, one.editor().palette, 0.0)
        assert "failed with exit code 3: oh no. The text was not changed." in "".join(
            segment.text for row in told for segment in row
        )


async def test_a_reader_runs_no_command() -> None:
    async with Story() as one:
        await one.go_on("ann: one|")
        one.desks["ann"].role = "view"
        await filtered(one, "tr a-z A-Z")
        await one.go_on("ann: one|")


async def test_lines_that_others_change_meanwhile_stay() -> None:
    async with Story() as two:
        await two.go_on("ann: one|   bob: |one")
        editor = two.editor()
        editor.ask = lambda title, note, then: then("sleep 0.2; tr a-z A-Z")  # type: ignore[method-assign]
        editor.run("filter_lines")
        await two.go_on("bob presses X")
        await asyncio.gather(*filter_lines._running)
        await two.go_on("ann: Xone|")


async def test_commands_that_never_end_or_print_too_much_or_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filter_lines, "FILTER_S", 0.2)
    with pytest.raises(FilterFailed, match=r"stopped after 0\.2 s"):
        await pipe("sleep 60 & sleep 60", "x")
    monkeypatch.setattr(filter_lines, "FILTER_S", 10.0)
    with pytest.raises(FilterFailed, match="no UTF-8"):
        await pipe(r"printf '\377'", "x")
    monkeypatch.setattr(filter_lines, "OUTPUT_BYTES_MAX", 1000)
    with pytest.raises(FilterFailed, match="more than"):
        await pipe("yes", "x")
    assert await pipe("head -c 1", "x" * 1_000_000) == "x"


async def test_the_end_is_not_waited_for_with_pipes_that_stay_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Output that nobody reads, and a process that left the group with the pipe, kept the command running for ever."""
    async with asyncio.timeout(30):
        with pytest.raises(FilterFailed, match="more than 16 MiB"):
            await pipe("yes", "x")
        monkeypatch.setattr(filter_lines, "FILTER_S", 0.3)
        with pytest.raises(FilterFailed, match=r"stopped after 0\.3 s"):
            await pipe("setsid sleep 40 & sleep 60", "x")
