"""Sorting, reversing and dropping lines in slices: others may write meanwhile, esc leaves all as it was, and it is one undo step."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from jpterm_like.tui.commands import reorder
from jpterm_like.tui.text.minimal_edits import at_once
from tests.tui.desk import Desk
from tests.tui.terminal import terminal, until


def some_lines(count: int, seed: int = 1) -> list[str]:
    dice = random.Random(seed)
    return [dice.choice(("b", "B", "straße", "é", "")) + str(dice.randrange(count)) for _ in range(count)]


@pytest.mark.parametrize("chunk", [1, 7, 10_000])
def test_sorting_in_chunks_is_sorting(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reorder, "SORTED_MAX", chunk)
    lines = some_lines(300)
    assert at_once(reorder.sort(lines)) == sorted(sorted(lines), key=str.casefold)


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jpterm_like.tui.commands.editing.BULK_STEP_S", 0.0)
    monkeypatch.setattr("jpterm_like.tui.text.minimal_edits.STEP", 20)
    monkeypatch.setattr(reorder, "STEP", 20)
    monkeypatch.setattr(reorder, "SORTED_MAX", 50)


CHANGES: dict[str, Callable[[list[str]], list[str]]] = {
    "sort_lines": lambda lines: sorted(sorted(lines), key=str.casefold),
    "reverse_lines": lambda lines: lines[::-1],
    "unique_lines": lambda lines: list(dict.fromkeys(lines)),
}


@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize("command", CHANGES)
@pytest.mark.parametrize("times", [1, 6])
async def test_others_write_while_lines_are_put_in_order(command: str, times: int) -> None:
    """It begins anew with what is there, and after some times it does not wait for them any more."""
    lines = some_lines(200)
    ann, bob = Desk("\n".join(lines), "ann", 1), Desk("\n".join(lines), "bob", 2)
    ann.join(bob)
    async with terminal(ann) as (app, pilot, _):
        editor = app.editor
        editor.run("select_all")
        editor.run(command)
        for number in range(times):
            if editor.bulk_edit is not None:
                lines[7] += str(number)
                offset = sum(map(len, lines[:7])) + 7 + len(lines[7]) - 1
                bob.replace(offset, offset, str(number))
                await pilot.pause(0.0)
        await until(pilot, lambda: editor.bulk_edit is None)
        assert ann.buffer.text == bob.buffer.text == "\n".join(CHANGES[command](lines))
        editor.run("undo")
        await until(pilot, lambda: editor.bulk_edit is None)
        assert ann.buffer.text == bob.buffer.text == "\n".join(lines)


@pytest.mark.usefixtures("small_steps")
async def test_esc_while_lines_are_compared_leaves_them_as_they_are() -> None:
    text = "\n".join(some_lines(200))
    desk = Desk(text)
    async with terminal(desk) as (app, pilot, _):
        app.editor.run("select_all")
        app.editor.run("sort_lines")
        assert app.editor.bulk_edit is not None
        await pilot.press("escape")
        await until(pilot, lambda: app.editor.bulk_edit is None)
        assert desk.buffer.text == text
