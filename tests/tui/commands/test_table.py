"""Markdown tables are aligned; only their blanks and dashes change."""

from __future__ import annotations

import pytest

from jpterm_like.tui.text.table import align
from tests.tui.story import Story


def aligned(text: str) -> str:
    lines = text.split("\n")
    for row, start, end, new in reversed(align(lines)):
        lines[row] = lines[row][:start] + new + lines[row][end:]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "before, after",
    [
        ("|a|bcde|\n|-|-|\n|fghi|j|", "| a    | bcde |\n| ---- | ---- |\n| fghi | j    |"),
        ("|a|\n|-:|\n|long|", "|    a |\n| ---: |\n| long |"),
        ("|a|\n|:-:|\n|five5|", "|   a   |\n| :---: |\n| five5 |"),
        ("|漢字|\n|-|\n|abcde|", "| 漢字  |\n| ----- |\n| abcde |"),
        (r"|a\|b|c|" + "\n|-|-|\n|x|y|", r"| a\|b | c   |" + "\n| ---- | --- |\n| x    | y   |"),
        ("|a|b|\n|-|-|\n|x|", "| a   | b   |\n| --- | --- |\n| x   |"),
        ("||b|\n|-|-|", "|     | b   |\n| --- | --- |"),
        ("|`a``|\n|-|", "| `a`` |\n| ---- |"),
    ],
)
def test_columns_get_one_width(before: str, after: str) -> None:
    assert aligned(before) == after
    assert aligned(after) == after


async def test_the_table_at_the_caret_in_one_step_and_his_caret_stays_in_his_cell() -> None:
    async with Story() as story:
        text = "x\n+a+bb+\n+-+-+\n+cccc+d+\n"
        await story.begin(ann=text, bob=text)
        ann, bob = story.desks["ann"], story.desks["bob"]
        ann.replace(0, len(text), text.replace("+", "|"))
        story.editor("bob").cursor.put(ann.buffer.text.index("ccc") + 2)
        story.editor("ann").cursor.put(ann.buffer.text.index("bb"))
        story.editor("ann").run("align_table")
        done = "x\n| a    | bb  |\n| ---- | --- |\n| cccc | d   |\n"
        assert ann.buffer.text == bob.buffer.text == done
        assert story.editor("ann").cursor.caret == done.index("bb")
        assert story.editor("bob").cursor.caret == done.index("cccc") + 2
        await story.go_on("ann presses ctrl+z")
        assert ann.buffer.text == text.replace("+", "|")
