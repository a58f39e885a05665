"""Nothing that a key does costs the length of the document: what is read of it per key is counted."""

from __future__ import annotations

import pytest

from crdt import TextBuffer
from jpterm_like.tui.text import brackets, search
from tests.tui.desk import Desk
from tests.tui.terminal import terminal, until

# Two chunks of a search, two reaches of a bracket, and the lines of a screen.
READ_MAX = 2 * search.CHUNK + 2 * brackets.REACH + 20_000

COMMANDS = [
    *("newline", "tab", "outdent", "delete_left", "delete_right", "toggle_comment", "move_lines_up"),
    *(
        "move_lines_down",
        "duplicate",
        "delete_lines",
        "line_below",
        "line_above",
        "join_lines",
        "upper",
        "lower",
    ),
    *("matching_bracket", "last_edit", "go_to_person", "follow_person", "who", "next_change"),
    *(
        "toggle_whitespace",
        "toggle_wrap",
        "undo",
        "redo",
        "page_down",
        "page_up",
        "find_next",
        "find_previous",
    ),
]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many characters each look into the text has taken; the whole of it is not to be asked for."""
    taken: list[int] = []
    slice_of = TextBuffer.slice

    def slice_counted(self: TextBuffer, start: int, end: int) -> str:
        taken.append(end - start)
        return slice_of(self, start, end)

    monkeypatch.setattr(TextBuffer, "slice", slice_counted)
    return taken


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_command_reads_a_bounded_part(
    command: str, read: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "(some words in a line {of many}\n" * 30_000
    ann, bob = Desk(text, "ann", 1), Desk(text, "bob", 2)
    ann.join(bob)
    async with terminal(ann, (80, 24), soft_wrap=True) as (app, _, _):
        editor = app.editor
        bob.show_caret(900_000, None)
        bob.replace(500_000, 500_000, "bob\n")
        editor.search.sought = search.Query("words")
        editor.go(480_000)
        editor.type("x(")

        def whole(self: TextBuffer) -> str:
            raise AssertionError("the whole text was asked for")

        monkeypatch.setattr(TextBuffer, "text", property(whole))
        read.clear()
        editor.run(command)
        assert sum(read) < READ_MAX, sum(read)
        editor.run("deselect")


async def test_the_open_search_costs_a_bounded_time_per_edit(read: list[int]) -> None:
    """With the most matches that are counted, an edit of somebody else reads its own rows again and no more."""
    text = "words and words\n" * 20_000
    ann, bob = Desk(text, "ann", 1), Desk(text, "bob", 2)
    ann.join(bob)
    async with terminal(ann, (80, 24)) as (app, pilot, _):
        await pilot.press("ctrl+f", *"words")
        await until(
            pilot, lambda: app.editor.search.matches is not None and not app.editor.search.matches.counting
        )
        assert app.editor.search.matches is not None
        assert search.COUNT_MAX <= len(app.editor.search.matches.starts) <= search.COUNT_MAX + search.CHUNK
        read.clear()
        bob.replace(100_000, 100_000, "words ")
        assert sum(read) < READ_MAX


async def test_undo_shows_what_it_changed() -> None:
    """However far away it is, with lines around it (F4)."""
    desk = Desk("line\n" * 5_000)
    async with terminal(desk, (60, 15), scroll_margin=3) as (app, _, _):
        editor = app.editor
        for row in (4_000, 20, 2_500):
            editor.go(editor.text_layout.lines.start(row))
            editor.type("x")
            editor.session.break_undo()
        editor.go(0)
        for row in (2_500, 20, 4_000):
            editor.run("undo")
            assert editor.text_layout.lines.row(editor.cursor.caret) == row
            place = editor.view.screen_place(editor.cursor.caret)
            assert place is not None and 3 <= place[1] <= 11


@pytest.mark.parametrize("wraps", [False, True])
async def test_the_top_line_stays_while_the_caret_is_in_sight(wraps: bool) -> None:
    """Resizing back and forth, bars that come and go: the first character on the screen stays the first."""
    desk = Desk("".join(f"line {index} {'word ' * (index % 7)}\n" for index in range(300)))
    async with terminal(desk, (80, 24), soft_wrap=wraps, scroll_margin=2) as (app, pilot, _):
        editor = app.editor
        editor.view.top = (100, 0)
        editor.cursor.put(editor.text_layout.lines.start(103))
        for size in ((60, 15), (100, 40), (30, 20), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert editor.view.top == (100, 0), size
        await pilot.press("ctrl+g", "escape")
        assert editor.view.top == (100, 0)
