"""Outputs below the cells of a notebook: seen, scrolled, passed over by the caret, and no part of the text."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jpterm_like.notebook.outputs import Display, Error, Stream
from tests.tui.story import Story
from tests.tui.terminal import until

TWO = "# %% id=a⏎one⏎# %% id=b⏎two"


def lines_of(count: int) -> Stream:
    return Stream("stdout", (*(f"line {number}" for number in range(count)), ""))


@asynccontextmanager
async def notebook(text: str, size: tuple[int, int] = (60, 24)) -> AsyncIterator[Story]:
    async with Story(size=size, title="a.ipynb") as one:
        await one.go_on(text)
        yield one


async def screen(one: Story) -> list[str]:
    """The rows of the text view, without margins and scrollbar."""
    await one.pilots["ann"].pause(0.05)
    editor = one.editor()
    editor.update()
    return ["".join(segment.text for segment in row)[editor.text_x :].rstrip(" ▐") for row in editor._painted]


async def test_outputs_stand_below_the_last_line_of_their_cell() -> None:
    """With the run in the rule above it; the text has none of it."""
    async with notebook(TWO.replace("one", "o|ne")) as one:
        desk = one.desks["ann"]
        desk.give("a", "[1] ann 12:03 0.1 s", Stream("stdout", ("hi", "")), Stream("stderr", ("no", "")))
        rows = await screen(one)
        assert rows[0].startswith("── [1] ann 12:03 0.1 s ──")
        assert rows[1:4] == ["one", "│ hi", "▌ no"]
        assert rows[4].startswith("───") and rows[5] == "two"
        assert desk.buffer.text == "# %% id=a\none\n# %% id=b\ntwo"
        desk.give("a", "")
        assert (await screen(one))[1:4:2] == ["one", "two"]


async def test_the_caret_passes_over_outputs_and_a_click_on_them_is_at_the_end_of_their_cell() -> None:
    async with notebook(TWO.replace("one", "o|ne")) as one:
        one.desks["ann"].give("a", "", lines_of(5))
        await one.go_on("presses down")
        await one.go_on(TWO.replace("two", "t|wo")) if not one.desks else None
        assert one.state("ann") == "# %% id=a\none\n# %% id=b\nt|wo"
        await one.go_on("presses up")
        assert one.state("ann") == "# %% id=a\no|ne\n# %% id=b\ntwo"
        await one.pilots["ann"].click("Editor", offset=(20, 4))
        assert one.state("ann") == "# %% id=a\none|\n# %% id=b\ntwo"
        await one.go_on("presses X")
        assert one.state("ann") == "# %% id=a\noneX|\n# %% id=b\ntwo"
        assert (await screen(one))[1:3] == ["oneX", "│ line 0"]


async def test_outputs_follow_their_cell() -> None:
    """When lines are written, when it is moved, and when another one is put in front of it."""
    async with notebook(TWO.replace("one", "one|")) as one:
        one.desks["ann"].give("a", "", Stream("stdout", ("of a", "")))
        one.desks["ann"].give("b", "", Stream("stdout", ("of b", "")))
        await one.go_on("presses enter X")
        rows = await screen(one)
        assert rows[1:4] == ["one", "X", "│ of a"] and rows[5:7] == ["two", "│ of b"]
        desk = one.desks["ann"]
        desk.replace(0, 0, "# %% id=b\ntwo\n")
        start = len("# %% id=b\ntwo\n# %% id=a\none\nX")
        desk.replace(start, len(desk.buffer), "")
        rows = await screen(one)
        assert rows[1:3] == ["two", "│ of b"] and rows[4:7] == ["one", "X", "│ of a"]
        assert one.editor().outputs is not None
        one.editor().outputs.blocks.cells.check()  # type: ignore[union-attr]


async def test_long_outputs_are_folded_and_opened_in_place() -> None:
    async with notebook(TWO.replace("one", "o|ne")) as one:
        one.desks["ann"].give("a", "", lines_of(30))
        rows = await screen(one)
        assert rows[2:10] == [f"│ line {number}" for number in range(8)]
        assert rows[10] == "│ ⋯ 18 lines · alt+t opens"
        assert rows[11:15] == [f"│ line {number}" for number in range(26, 30)]
        await one.go_on("presses alt+t")
        assert (await screen(one))[10] == "│ line 8"
        await one.go_on("presses alt+t")
        assert (await screen(one))[10] == "│ ⋯ 18 lines · alt+t opens"


async def test_while_a_cell_runs_its_last_lines_are_shown_and_the_top_of_the_view_stays() -> None:
    text = "# %% id=a⏎one⏎# %% id=b⏎" + "⏎".join(f"l{number}" for number in range(60))
    async with notebook(text + "|", size=(60, 20)) as one:
        top = (await screen(one))[0]
        for count in (1, 5, 50):
            one.desks["ann"].give("a", "running", lines_of(count), is_running=True)
            assert (await screen(one))[0] == top
        await one.go_on("presses ctrl+home down")
        rows = await screen(one)
        assert rows[2] == "│ ⋯ 38 lines" and rows[14] == "│ line 49"


async def test_a_page_goes_over_outputs_that_are_taller_than_the_screen() -> None:
    """Down to the end and up again, and every row of them was on the screen."""
    async with notebook("# %% id=a⏎o|ne⏎# %% id=b⏎two⏎three", size=(60, 12)) as one:
        one.desks["ann"].give("a", "", lines_of(60))
        await one.go_on("presses alt+t")
        for key, last in (("pagedown", "three"), ("pageup", "one")):
            seen: set[str] = set()
            for _ in range(20):
                seen |= set(await screen(one))
                await one.go_on(f"presses {key}")
            assert {f"│ line {number}" for number in range(60)} <= seen
            assert last in await screen(one)


async def test_a_selection_over_a_cell_leaves_its_outputs_alone() -> None:
    async with notebook(f"^{TWO}|") as one:
        one.desks["ann"].give("a", "", Stream("stdout", ("hi", "")))
        await screen(one)
        output = one.editor()._painted[2]
        selection = one.editor().palette.selection.bgcolor
        assert selection is not None and all(
            segment.style is None or segment.style.bgcolor != selection for segment in output
        )


async def test_nothing_of_an_output_but_text_and_colours_reaches_the_screen() -> None:
    """Neither what a program printed nor what a value says of itself."""
    evil = "\x1b]0;title\x07\x1b[2J\x1b[31mred\x1b[0m\x1b[5000;1H\x9b3J\x00\x1bP+q\x1b\\ end"
    items = (
        Stream("stdout", (evil, evil)),
        Error(evil, evil, (evil,)),
        Display({"text/plain": evil, "text/html": f"<table><tr><td>{evil}</td></tr></table>{evil}"}),
        Display({"text/markdown": evil}),
        Display({"text/latex": evil}),
        Display({evil: evil}),
        Display({"image/png": b"\x89PNG" + evil.encode()}),
    )
    async with notebook(TWO.replace("one", "o|ne"), size=(60, 40)) as one:
        one.desks["ann"].give("a", evil, *items)
        await screen(one)
        editor = one.editor()
        await until(one.pilots["ann"], lambda: editor.outputs is not None)
        painted = "".join(segment.text for row in editor._painted for segment in row)
        assert "red" in painted and "end" in painted
        assert not any(ord(sign) < 32 or 127 <= ord(sign) < 160 for sign in painted), ascii(painted)
