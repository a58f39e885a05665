"""What the keys of a notebook ask its server for, and what they do to cells; elsewhere these keys are others."""

from __future__ import annotations

import re

import pytest

from jpterm_like.client.events import KernelWanted, Status
from jpterm_like.config import KeyBinding
from jpterm_like.errors import JptermError
from jpterm_like.notebook.outputs import Asks
from jpterm_like.tui.keymap import Keymap
from jpterm_like.tui.widgets.dialogs import Ask, Picker, Question
from tests.tui.story import Story
from tests.tui.terminal import until

TEXT = "# %% id=a⏎one⏎# %% [markdown] id=b⏎- two⏎# %% id=c⏎three"


async def begun(one: Story, text: str) -> list[tuple[str, ...]]:
    await one.go_on(text)
    return one.desks["ann"].asked


def screen(one: Story) -> str:
    one.editor().update()
    return "\n".join("".join(part.text for part in row) for row in one.editor()._painted)


async def test_the_cell_of_the_caret_is_run_and_the_caret_goes_on() -> None:
    """A cell of Markdown is passed over, and behind the last cell one begins."""
    async with Story(title="a.ipynb") as one:
        asked = await begun(one, TEXT.replace("one", "o|ne"))
        await one.go_on("presses alt+enter")
        assert one.state("ann") == TEXT.replace("⏎", "\n").replace("- two", "|- two")
        await one.go_on("presses alt+enter")
        assert one.state("ann") == TEXT.replace("⏎", "\n").replace("three", "|three")
        await one.go_on("presses ctrl+enter")
        assert one.state("ann") == TEXT.replace("⏎", "\n").replace("three", "|three")
        await until(one.pilots["ann"], lambda: len(asked) == 2)
        assert asked == [("run", "a"), ("run", "c")]
        await one.go_on("presses alt+enter")
        assert re.fullmatch(r".*three\n# %% id=[0-9a-f]{8}\n\|", one.state("ann"), re.S)


async def test_all_cells_and_those_above() -> None:
    async with Story(title="a.ipynb") as one:
        asked = await begun(one, TEXT.replace("three", "th|ree"))
        one.editor().run("run_all_cells")
        await one.go_on("presses alt+shift+a")
        await until(one.pilots["ann"], lambda: len(asked) == 2)
        assert asked == [("run", "a", "c"), ("run", "a")]


async def test_without_a_server_nothing_is_run_later_by_surprise() -> None:
    async with Story(title="a.ipynb") as one:
        asked = await begun(one, TEXT.replace("one", "o|ne"))
        one.desks["ann"].status = Status("offline")
        await one.go_on("presses ctrl+enter")
        assert "Not connected: nothing was run." in screen(one) and not asked
        one.desks["ann"].status = Status("connected")
        one.desks["ann"].refusal = JptermError("You may not run cells here.")
        await one.go_on("presses ctrl+enter")
        await until(one.pilots["ann"], lambda: "You may not run cells here." in screen(one))


async def test_a_kernel_is_chosen_and_then_the_cell_runs() -> None:
    """If the server says that nobody has chosen one; and by a command."""
    async with Story(size=(80, 24), title="a.ipynb") as one:
        asked = await begun(one, TEXT.replace("one", "o|ne"))
        pilot = one.pilots["ann"]
        one.desks["ann"].refusal = KernelWanted("Which one?")
        await pilot.press("ctrl+enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, Picker))
        await pilot.press(*"python", "enter")
        await until(pilot, lambda: len(asked) == 2)
        assert asked == [("use", "python3"), ("run", "a")]
        one.editor().run("choose_kernel")
        await until(pilot, lambda: isinstance(pilot.app.screen, Picker))
        await pilot.press("enter")
        await until(pilot, lambda: len(asked) == 3)
        assert asked[2] == ("use", "ir")


async def test_cells_that_others_wrote_are_told_once_before_they_run() -> None:
    """By name; cells that nobody else has touched run without a word."""
    async with Story(size=(80, 24), title="a.ipynb") as one:
        await one.go_on(f"ann: {TEXT.replace('one', 'o|ne')}   bob: {TEXT.replace('three', '|three')}")
        asked, pilot = one.desks["ann"].asked, one.pilots["ann"]
        await one.go_on("bob presses x")
        await pilot.press("ctrl+enter")
        await until(pilot, lambda: asked == [("run", "a")])
        await pilot.press("alt+shift+r")
        await until(pilot, lambda: isinstance(pilot.app.screen, Question))
        assert "Run what bob wrote?" in str(pilot.app.screen._title)
        assert len(asked) == 1
        await pilot.press("enter")
        await until(pilot, lambda: len(asked) == 2)
        await pilot.press("alt+shift+r")
        await until(pilot, lambda: len(asked) == 3)
        assert asked[1:] == [("run", "a", "c")] * 2


async def test_what_others_wrote_is_told_before_all_runs_in_a_new_kernel() -> None:
    async with Story(size=(80, 24), title="a.ipynb") as one:
        await one.go_on(f"ann: {TEXT.replace('one', 'o|ne')}   bob: {TEXT.replace('three', '|three')}")
        asked, pilot = one.desks["ann"].asked, one.pilots["ann"]
        await one.go_on("bob presses x")
        await pilot.press("alt+shift+k")
        await until(pilot, lambda: isinstance(pilot.app.screen, Picker))
        await pilot.press(*"restart and run", "enter")
        for title in ("Restart the kernel and run all cells?", "Run what bob wrote?"):
            await until(
                pilot,
                lambda title=title: isinstance(it := pilot.app.screen, Question) and title in str(it._title),
            )
            assert not asked
            await pilot.press("enter")
        await until(pilot, lambda: len(asked) == 2)
        assert asked == [("restart",), ("run", "a", "c")]


async def test_the_menu_asks_before_variables_are_lost() -> None:
    async with Story(size=(80, 24), title="a.ipynb") as one:
        asked = await begun(one, TEXT.replace("one", "o|ne"))
        pilot = one.pilots["ann"]
        await one.go_on("presses alt+shift+i")
        await until(pilot, lambda: asked == [("interrupt",)])
        await pilot.press("alt+shift+k")
        await until(pilot, lambda: isinstance(pilot.app.screen, Picker))
        await pilot.press(*"restart and run", "enter")
        await until(
            pilot, lambda: not isinstance(pilot.app.screen, Picker) or "lost" in pilot.app.screen._body
        )
        assert asked == [("interrupt",)]
        await pilot.press("enter")
        await until(pilot, lambda: len(asked) == 3)
        assert asked[1:] == [("restart",), ("run", "a", "c")]


@pytest.mark.parametrize("secret", [False, True])
async def test_a_question_is_answered_by_a_line_that_may_be_empty(secret: bool) -> None:
    """A secret one is not shown while it is typed."""
    async with Story(size=(80, 24), title="a.ipynb") as one:
        asked = await begun(one, TEXT.replace("three", "th|ree"))
        pilot = one.pilots["ann"]
        one.editor().run("answer_cell")
        assert "No cell asks anything." in screen(one)
        one.desks["ann"].give("a", "", Asks("name? ", secret), is_running=True)
        one.editor().run("answer_cell")
        await until(pilot, lambda: isinstance(pilot.app.screen, Ask))
        await pilot.press(*"Zoe", "space")
        assert pilot.app.screen.query_one("#dialog-search").password is secret  # type: ignore[attr-defined]
        await pilot.press("enter")
        await until(pilot, lambda: asked == [("answer", "run-a", "Zoe ")])


async def test_outputs_are_cleared_of_one_cell_or_all() -> None:
    async with Story(title="a.ipynb") as one:
        asked = await begun(one, TEXT.replace("three", "th|ree"))
        one.editor().run("clear_outputs")
        one.editor().run("clear_all_outputs")
        await until(one.pilots["ann"], lambda: len(asked) == 2)
        assert asked == [("clear", "c"), ("clear",)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("# %% id=a⏎on|e⏎two", "# %% id=a⏎on⏎# %% id=X⏎|e⏎two"),
        ("# %% id=a⏎one⏎|two", "# %% id=a⏎one⏎# %% id=X⏎|two"),
        ("# %% id=a⏎one|⏎two", "# %% id=a⏎one⏎# %% id=X|⏎two"),
        ("# %% id=a⏎one|", "# %% id=a⏎one⏎# %% id=X⏎|"),
        ("# %% [markdown] id=a⏎on|e", "# %% [markdown] id=a⏎on⏎# %% [markdown] id=X⏎|e"),
    ],
)
async def test_a_cell_is_split_at_the_caret(before: str, after: str) -> None:
    async with Story(title="a.ipynb") as one:
        await one.go_on(before)
        one.editor().run("split_cell")
        assert re.sub("id=[0-9a-f]{8}", "id=X", one.state("ann")) == after.replace("⏎", "\n")
        await one.go_on("presses ctrl+z")
        assert one.state("ann").replace("|", "") == before.replace("⏎", "\n").replace("|", "")


@pytest.mark.parametrize(
    ("command", "before", "after"),
    [
        ("join_cells", "# %% id=a⏎on|e⏎# %% [markdown] id=b⏎two", "# %% id=a⏎on|e⏎two"),
        ("join_cells", "# %% id=a⏎|⏎# %% id=b⏎two", "# %% id=a⏎|two"),
        ("join_cells", "# %% id=a⏎on|e⏎# %% id=b", "# %% id=a⏎on|e"),
        ("join_cells", "# %% id=a⏎on|e", "# %% id=a⏎on|e"),
        ("delete_cell", "# %% id=a⏎one⏎# %% id=b⏎tw|o⏎# %% id=c⏎three", "# %% id=a⏎one⏎# %% id=c⏎|three"),
        ("delete_cell", "# %% id=a⏎on|e⏎# %% id=b⏎two", "# %% id=b⏎|two"),
        ("delete_cell", "# %% id=a⏎one⏎# %% id=b⏎tw|o", "# %% id=a⏎|one"),
        ("delete_cell", "# %% id=a⏎on|e", "|"),
        ("move_cell_up", "# %% id=a⏎one⏎# %% id=b⏎tw|o⏎# %% id=c", "# %% id=b⏎tw|o⏎# %% id=a⏎one⏎# %% id=c"),
        ("move_cell_up", "# %% id=a⏎on|e⏎# %% id=b", "# %% id=a⏎on|e⏎# %% id=b"),
        ("move_cell_down", "# %% id=a⏎on|e⏎# %% id=b⏎two", "# %% id=b⏎two⏎# %% id=a⏎on|e"),
        (
            "move_cell_down",
            "# %% id=a⏎one⏎|# %% id=b⏎two⏎# %% id=c⏎",
            "# %% id=a⏎one⏎# %% id=c⏎⏎|# %% id=b⏎two",
        ),
        (
            "move_lines_down",
            "# %% id=a⏎one⏎# %%| id=b⏎two⏎# %% id=c",
            "# %% id=a⏎one⏎# %% id=c⏎# %%| id=b⏎two",
        ),
        ("move_lines_up", "# %% id=a⏎one⏎two⏎thr|ee", "# %% id=a⏎one⏎thr|ee⏎two"),
    ],
)
async def test_cells_are_joined_deleted_and_moved(command: str, before: str, after: str) -> None:
    """Whole, in one step of undo."""
    async with Story(title="a.ipynb") as one:
        await one.go_on(before)
        one.editor().run(command)
        assert one.state("ann") == after.replace("⏎", "\n")
        if before != after:
            await one.go_on("presses ctrl+z")
            assert one.state("ann").replace("|", "") == before.replace("⏎", "\n").replace("|", "")


async def test_the_type_of_a_cell_is_chosen() -> None:
    """Its id stays, and with it its outputs; the caret as well."""
    async with Story(size=(80, 24), title="a.ipynb") as one:
        await one.go_on(TEXT.replace("two", "t|wo"))
        pilot = one.pilots["ann"]
        for typed, marker in (("raw", " [raw]"), ("code", ""), ("markdown", " [markdown]")):
            await pilot.press("alt+shift+t")
            await until(pilot, lambda: isinstance(pilot.app.screen, Picker))
            await pilot.press(*typed, "enter")
            await until(pilot, lambda: not isinstance(pilot.app.screen, Picker))
            assert one.state("ann") == TEXT.replace("⏎", "\n").replace(" [markdown]", marker).replace(
                "two", "t|wo"
            )


async def test_in_other_texts_the_keys_are_what_they_were_and_the_commands_say_why_not() -> None:
    async with Story() as one:
        await one.go_on("o|ne")
        await one.go_on("presses ctrl+enter")
        assert one.state("ann") == "one\n|"
        for command in (
            "run_cell",
            "run_and_next",
            "run_all_cells",
            "notebook_menu",
            "new_cell",
            "split_cell",
            "join_cells",
            "delete_cell",
            "move_cell_up",
            "move_cell_down",
            "cell_type",
            "stop_kernel",
        ):
            one.editor().run(command)
            assert "This text is no notebook." in screen(one)
        assert not one.desks["ann"].asked


def test_a_key_that_the_user_has_bound_is_theirs_in_notebooks_too() -> None:
    keymap = Keymap()
    assert keymap.command("alt+enter") == "open_link" and keymap.command("alt+enter", True) == "run_and_next"
    assert keymap.key_label("run_and_next") == "alt+enter"
    keymap.use([KeyBinding("save", ("alt+enter",), "here")], "default")
    assert keymap.command("alt+enter", True) == "save" and keymap.key_label("run_and_next") == ""


async def test_the_bottom_line_tells_of_the_kernel() -> None:
    """In full where there is room, and at the cost of no other word."""
    for width, there in (
        (120, "python3 ● running [7] for bob, 2 wait"),
        (80, "python3 ● running [7]"),
        (40, ""),
    ):
        async with Story(size=(width, 15), title="a.ipynb") as one:
            one_desk_line = "python3 ● running [7] for bob, 2 wait"
            await one.go_on(TEXT.replace("one", "o|ne"))
            one.desks["ann"].kernel_line = one_desk_line
            one.editor().update()
            shown = "".join(part.text for part in one.editor().status._row)
            assert there in shown and "connected" in shown + "connected" * (width < 80), shown
            assert "a.ipynb" in shown
