"""Click, drag, double, triple, wheel, scrollbar."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from jpterm_like.tui.editor import Editor
from tests.tui.desk import Desk
from tests.tui.terminal import terminal

TEXT = "one two, three\n\n中文字 x\n" + "".join(f"line {index}\n" for index in range(60))


def state(editor: Editor) -> tuple[int, int | None]:
    return editor.cursor.caret, editor.cursor.mark


def chosen(editor: Editor) -> str:
    return editor.session.buffer.slice(*editor.cursor.selection)


@pytest.fixture(autouse=True)
def slow_fingers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clicks in one place belong together, however long a busy machine takes for them."""
    monkeypatch.setattr("jpterm_like.tui.commands.mouse.CLICK_CHAIN_S", 60.0)


async def drag(pilot: Pilot[int], start: tuple[int, int], end: tuple[int, int]) -> None:
    await pilot.mouse_down(Editor, offset=start)
    await pilot.hover(Editor, offset=end)
    await pilot.mouse_up(Editor, offset=end)


async def test_click_places_the_caret() -> None:
    """Where one clicks; behind the line's end, its end; on a wide character, its nearer side; on the line
    numbers, the line's start."""
    async with terminal(Desk(TEXT)) as (app, pilot, _):
        editor = app.editor
        x = editor.text_x
        for place, offset in (
            ((x + 4, 0), 4),
            ((x + 40, 0), 14),
            ((x, 1), 15),
            ((x + 1, 2), 17),
            ((x + 2, 2), 17),
            ((1, 2), 16),
        ):
            await pilot.click(Editor, offset=place)
            assert state(editor) == (offset, None), place


async def test_below_the_end_is_the_end() -> None:
    async with terminal(Desk("ab\ncd")) as (app, pilot, _):
        await pilot.click(Editor, offset=(app.editor.text_x, 9))
        assert app.editor.cursor.caret == 5


async def test_drag_selects() -> None:
    async with terminal(Desk(TEXT)) as (app, pilot, _):
        x = app.editor.text_x
        await drag(pilot, (x + 4, 0), (x + 7, 0))
        assert chosen(app.editor) == "two" and state(app.editor) == (7, 4)
        await drag(pilot, (x + 2, 2), (x + 4, 0))
        assert state(app.editor) == (4, 17)


@pytest.mark.parametrize(("times", "text"), [(2, "two"), (3, "one two, three\n"), (4, "")])
async def test_double_and_triple_click(times: int, text: str) -> None:
    async with terminal(Desk(TEXT)) as (app, pilot, _):
        await pilot.click(Editor, offset=(app.editor.text_x + 5, 0), times=times)
        assert chosen(app.editor) == text


async def test_dragging_after_a_double_click_selects_words() -> None:
    async with terminal(Desk(TEXT)) as (app, pilot, _):
        x = app.editor.text_x
        await pilot.click(Editor, offset=(x + 5, 0))
        await drag(pilot, (x + 5, 0), (x + 10, 0))
        assert chosen(app.editor) == "two, three"
        await pilot.click(Editor, offset=(x + 25, 2))
        await pilot.click(Editor, offset=(x + 5, 0))
        await drag(pilot, (x + 5, 0), (x + 1, 0))
        assert chosen(app.editor) == "one two"


async def test_shift_click_selects_up_to_there() -> None:
    async with terminal(Desk(TEXT)) as (app, pilot, _):
        x = app.editor.text_x
        await pilot.click(Editor, offset=(x + 4, 0))
        await pilot.click(Editor, offset=(x + 7, 0), shift=True)
        assert state(app.editor) == (7, 4)
        await pilot.click(Editor, offset=(x + 1, 0), shift=True)
        assert state(app.editor) == (1, 4)


async def test_dragging_out_at_the_bottom_scrolls_on() -> None:
    async with terminal(Desk(TEXT)) as (app, pilot, _):
        editor = app.editor
        await pilot.mouse_down(Editor, offset=(editor.text_x, 5))
        editor.mouse._drag_at = editor.mouse._drag_at._replace(x=10, y=editor.size.height)
        for _ in range(3):
            editor.mouse._extend()
        assert editor.view.top == (3, 0)
        assert editor.view.screen_place(editor.cursor.caret) is not None
        await pilot.mouse_up(Editor, offset=(editor.text_x, 5))
        assert editor.mouse._drag_timer is None and editor.mouse._drag is None


async def test_the_wheel_moves_the_view_and_not_the_caret() -> None:
    async with terminal(Desk(TEXT)) as (app, pilot, _):
        editor = app.editor
        from textual.events import MouseScrollDown, MouseScrollUp

        def wheel(kind: type[MouseScrollDown] | type[MouseScrollUp]) -> None:
            editor.post_message(kind(editor, 3, 3, 0, 0, 0, False, False, False))

        wheel(MouseScrollDown)
        wheel(MouseScrollDown)
        await pilot.pause()
        assert editor.view.top == (6, 0) and state(editor) == (0, None)
        wheel(MouseScrollUp)
        await pilot.pause()
        assert editor.view.top == (3, 0)
        await pilot.press("x")
        assert editor.view.top == (0, 0), "typing shows the caret again"


async def test_the_scrollbar_goes_anywhere() -> None:
    async with terminal(Desk(TEXT)) as (app, pilot, _):
        editor = app.editor
        right = editor.size.width - 1
        await pilot.click(Editor, offset=(right, editor.size.height - 1))
        assert editor.view.top == editor.view.lowest_top()
        await pilot.click(Editor, offset=(right, 0))
        assert editor.view.top == (0, 0)
        assert state(editor) == (0, None)


async def test_clicks_and_drags_count_in_wrapped_lines() -> None:
    async with terminal(Desk("word " * 40), (40, 10), soft_wrap=True) as (app, pilot, _):
        editor = app.editor
        await pilot.click(Editor, offset=(editor.text_x + 5, 1))
        _, start = editor.view.rows()[1]
        assert editor.cursor.caret == start + 5
