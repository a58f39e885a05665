"""A notebook's cells in the editor: markers drawn as rules, passed over by the caret, and kept whole by the keys that delete."""

from __future__ import annotations

from tests.tui.story import Story

TWO = "# %% id=a⏎one⏎# %% [markdown] id=b⏎- two"


async def cells(first: str, *steps: str) -> None:
    async with Story(title="a.ipynb") as one:
        for step in (first, *steps):
            await one.go_on(step)


async def test_up_and_down_pass_over_a_marker() -> None:
    await cells(
        TWO.replace("one", "o|ne"),
        "presses down", TWO.replace("- two", "-| two"),
        "presses up", TWO.replace("one", "o|ne"),
        "presses up", TWO.replace("one", "|one"),
        "presses up", TWO.replace("one", "|one"),
    )  # fmt: skip


async def test_the_first_line_of_a_notebook_is_below_its_first_marker() -> None:
    """What is typed after ctrl+home went into the marker, which then was none."""
    for keys in ("ctrl+home", "ctrl+end ctrl+home", "up up up", "pageup pageup"):
        await cells(TWO.replace("one", "on|e"), f"presses {keys}", "types X", TWO.replace("one", "X|one"))
    await cells(TWO.replace("one", "on|e"), "presses ctrl+shift+home backspace", f"|{TWO[TWO.index('e') :]}")


async def test_deleting_a_line_end_beside_a_marker_joins_the_cells() -> None:
    joined = "# %% id=a⏎one⏎|- two"
    await cells(
        TWO.replace("- two", "|- two"),
        "presses backspace",
        joined,
        "presses ctrl+z",
        TWO.replace("- two", "|- two"),
    )
    await cells(TWO.replace("one", "one|"), "presses delete", joined)
    await cells("# %% id=a⏎|one", "presses backspace", "# %% id=a⏎|one")
    await cells("# %% id=a⏎one⏎# %% id=b⏎|", "presses backspace", "# %% id=a⏎one⏎|")
    await cells("# %% id=a⏎one⏎|⏎# %% id=b⏎two", "presses backspace", "# %% id=a⏎one|⏎# %% id=b⏎two")


async def test_a_line_goes_on_as_its_cell_is() -> None:
    """A list in Markdown, a comment in code, and nothing after a marker."""
    await cells(f"{TWO}|", "presses enter", f"{TWO}⏎- |")
    await cells("# %% id=a⏎# one|", "presses enter", "# %% id=a⏎# one⏎# |")
    await cells("# %% id=a|⏎one", "presses enter", "# %% id=a⏎|⏎one")
    await cells("# %% [raw] id=a⏎# one|", "presses enter", "# %% [raw] id=a⏎# one⏎|")


async def test_markers_are_drawn_as_rules() -> None:
    async with Story(title="a.ipynb") as one:
        await one.go_on(TWO.replace("one", "o|ne"))
        editor = one.editor()
        rows = ["".join(part.text for part in row) for row in editor.renderer.rows(60, 5, 0, 4, 0.0)]
        assert rows[0].endswith("─" * 55 + rows[0][-1]) and "one" in rows[1] and "── Markdown ──" in rows[2]
        assert "# %%" not in "".join(rows)
        await one.go_on("presses left left")
        assert editor.cursor.caret == 9
        assert "# %% id=a" in "".join(part.text for part in editor.renderer.rows(60, 5, 0, 4, 0.0)[0])
