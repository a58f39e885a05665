"""Widgets below a cell: drawn in a row each, and moved by keys and the mouse."""

from __future__ import annotations

import random
from typing import Any

import pytest

from jpterm_like.errors import JptermError
from jpterm_like.notebook.outputs import CellOutputs, Display, Stream, Widget
from jpterm_like.notebook.widget_moves import MOVABLE
from jpterm_like.tui.outputs.look import look_of
from jpterm_like.tui.outputs.render import render
from jpterm_like.tui.outputs.widgets import Hand
from jpterm_like.tui.render.palette import Palette
from tests.tui.commands.test_outputs import notebook, screen
from tests.tui.render.test_outputs import THEMES, no_pictures
from tests.tui.story import Story
from tests.tui.terminal import until

LOOK = look_of(Palette(next(iter(THEMES.values()))))
TWO = "# %% id=a⏎o|ne⏎# %% id=b⏎two"


def widget(model: str, name: str = "w", *children: Widget, **state: Any) -> Widget:
    return Widget(name, f"{model}Model", state, children, is_live=state.pop("live", True))


def slider(name: str = "s", value: int = 3, **state: Any) -> Widget:
    return widget("IntSlider", name, value=value, min=0, max=10, step=1, description="n", **state)


FORM = (
    slider(),
    widget("Checkbox", "c", value=False, description="ok"),
    widget("Text", "t", value="ann", description="name"),
    widget("Button", "b", description="go"),
    widget("Dropdown", "d", _options_labels=["one", "two"], index=0, description="pick"),
)


def rows_of(*items: Widget, width: int = 60, hand: Hand | None = None) -> list[str]:
    drawn = render(CellOutputs(1, "", items), width, LOOK, no_pictures, is_open=False, hand=hand)
    return ["".join(segment.text for segment in row).rstrip() for row in drawn.rows]


@pytest.mark.parametrize(
    ("drawn", "row"),
    [
        (slider(), "│ n ◀━━━━━━●─────────────▶ 3"),
        (slider(value=0), "│ n ◀●───────────────────▶ 0"),
        (slider(value=10), "│ n ◀━━━━━━━━━━━━━━━━━━━●▶ 10"),
        (widget("IntRangeSlider", value=[2, 5], min=0, max=10), "│ ◀────●━━━━━●─────────▶ 2 – 5"),
        (widget("FloatLogSlider", value=10.0, min=0, max=2, base=10), "│ ◀━━━━━━━━━━●─────────▶ 10"),
        (widget("SelectionSlider", _options_labels=["a", "b"], index=1), "│ ◀━━━━━━━━━━━━━━━━━━━●▶ b"),
        (widget("Checkbox", value=True, description="ok"), "│ [x] ok"),
        (widget("Button", description="go"), "│ ( go )"),
        (widget("Dropdown", _options_labels=["one", "two"], index=1, description="b"), "│ b [two ▾]"),
        (widget("RadioButtons", _options_labels=["x", "y"], index=0), "│ (•) x  ( ) y"),
        (widget("SelectMultiple", _options_labels=["x", "y"], index=[1]), "│ [ ] x  [x] y"),
        (widget("Text", value="hi", description="name"), "│ name [hi________]"),
        (widget("Text", value="", placeholder="\u200b"), "│ [__________]"),
        (widget("Text", value="", placeholder="who"), "│ [who_______]"),
        (widget("Textarea", value="one\ntwo"), "│ [one_______ ⏎ 2 lines]"),
        (widget("Password", value="secret"), "│ [••••••]"),
        (widget("BoundedIntText", value=7, min=0, max=9), "│ [7]"),
        (widget("FloatProgress", value=57.5, min=0, max=100), "│ ▕███████████▌        ▏"),
        (widget("Label", value="words"), "│ words"),
        (widget("HTML", value="<b>bold</b> words"), "│ bold words"),
        (widget("Valid", value=True), "│ ✓"),
        (widget("DatePicker", value={"year": 2026, "month": 11, "date": 1}), "│ [2026-12-01]"),
        (widget("Accordion", "w", slider(), titles=["One"], selected_index=None), "│ ▸ One"),
        (widget("FancyChart"), "│ [FancyChart: not drawn in a terminal]"),
        (widget("HBox", "w", slider(), widget("Label", value="x")), "│ n ◀━━━━━━●─────────────▶ 3  x"),
    ],
)
def test_each_control_is_one_row(drawn: Widget, row: str) -> None:
    assert rows_of(drawn) == [row]


def test_boxes_tabs_and_outputs_are_laid_out() -> None:
    tabs = widget(
        "Tab", "w", widget("Label", value="first"), slider(), titles=["One", "Two"], selected_index=1
    )
    assert rows_of(tabs) == ["│  One [Two]", "│ n ◀━━━━━━●─────────────▶ 3"]
    narrow = rows_of(widget("HBox", "w", slider(), slider("t")), width=40)
    assert narrow == ["│ n ◀━━━━━━●─────────────▶ 3"] * 2
    printed = Widget("o", "OutputModel", {}, items=(Stream("stdout", ("f 5", "")),), is_live=True)
    assert rows_of(widget("VBox", "w", slider(), printed))[1] == "│ f 5"
    assert rows_of(Widget("h", "LabelModel", {"value": "x"}, is_hidden=True)) == []


@pytest.mark.parametrize("seed", range(40))
def test_whatever_a_state_holds_rows_have_the_width_and_no_escape(seed: int) -> None:
    rng = random.Random(seed)

    def anything(depth: int = 0) -> Any:
        return rng.choice(
            [
                None, True, -1, 3, 10**40, 1.5, float("nan"), float("inf"), "", "a\x1b[31m\x1b]0;t\x07", "漢字 é\n", "x" * 500, b"\x00",
                *([[], [anything(depth + 1), anything(depth + 1)], {"a": anything(depth + 1)}] if depth < 2 else []),
            ]
        )  # fmt: skip

    names = ["value", "index", "min", "max", "base", "step", "description", "_options_labels", "titles", "selected_index",
             "readout", "placeholder", "format", "bar_style", "disabled", "icon"]  # fmt: skip
    models = [
        *sorted(MOVABLE),
        "HTMLModel",
        "LabelModel",
        "ImageModel",
        "ValidModel",
        "OutputModel",
        "HBoxModel",
        "FloatProgressModel",
        "?\x1b",
    ]

    def make(depth: int = 0) -> Widget:
        children = tuple(make(depth + 1) for _ in range(rng.randrange(3))) if depth < 3 else ()
        state = {name: anything() for name in names}
        items = (Stream("stdout", ("\x1b[2J", "x")), Display({"text/plain": "\x1b[2J"}))
        return Widget(
            f"w{rng.random()}", rng.choice(models), state, children, items, rng.random() < 0.5, "ann\x1b"
        )

    whole = make()
    for width in (3, 5, 20, 80):
        hand = Hand(focus=whole.id, typed={whole.id: "\x1bzz"}, moved={whole.id: anything()})
        drawn = render(CellOutputs(1, "", (whole,)), width, LOOK, no_pictures, is_open=False, hand=hand)
        for row in drawn.rows:
            text = "".join(segment.text for segment in row)
            assert "\x1b" not in text and "\n" not in text and "\x07" not in text
            assert sum(segment.cell_length for segment in row) == width


async def moved(one: Story, *keys: str) -> list[tuple[str, ...]]:
    """What the server was asked for by keys."""
    asked = one.desks["ann"].asked
    asked.clear()
    for key in keys:
        await one.pilots["ann"].press(key)
    await one.pilots["ann"].pause(0.02)
    return list(asked)


async def test_keys_go_to_the_widgets_until_they_are_left() -> None:
    async with notebook(TWO) as one:
        desk = one.desks["ann"]
        desk.give("a", "", *FORM)
        await one.go_on("presses alt+shift+w")
        assert await moved(one, "right") == [("move", "s", "value", "4")]
        assert (await moved(one, "end"))[-1] == ("move", "s", "value", "10")
        assert await moved(one, "tab", "space") == [("move", "c", "value", "True")]
        assert await moved(one, "down", "z", "o", "backspace", "enter") == [("move", "t", "value", "'annz'")]
        assert await moved(one, "tab", "enter") == [("move", "b", "click", "None")]
        assert await moved(one, "tab", "right") == [("move", "d", "index", "1")]
        assert await moved(one, "shift+tab", "shift+tab", "shift+tab", "shift+tab", "left") == [
            ("move", "s", "value", "2")
        ]
        await one.go_on("presses escape")
        await one.go_on("presses X")
        assert one.state("ann") == "# %% id=a\noX|ne\n# %% id=b\ntwo"


async def test_a_command_s_key_leaves_the_widgets_and_does_what_it_does() -> None:
    async with notebook(TWO) as one:
        one.desks["ann"].give("a", "", *FORM)
        await one.go_on("presses alt+shift+w")
        assert await moved(one, "ctrl+enter") == [("run", "a")]
        await one.go_on("presses X")
        assert "oX|ne" in one.state("ann")


async def test_the_mouse_moves_widgets_and_no_caret() -> None:
    async with notebook(TWO) as one:
        one.desks["ann"].give("a", "", *FORM)
        rows = await screen(one)
        asked, editor, pilot = one.desks["ann"].asked, one.editor(), one.pilots["ann"]
        start = rows[2].index("◀")
        await pilot.click("Editor", offset=(editor.text_x + start + 20, 2))
        await pilot.click("Editor", offset=(editor.text_x + 3, 3))
        await pilot.click("Editor", offset=(editor.text_x + 3, 5))
        await until(pilot, lambda: len(asked) == 3)
        assert asked == [
            ("move", "s", "value", "10"),
            ("move", "c", "value", "True"),
            ("move", "b", "click", "None"),
        ]
        assert one.state("ann") == TWO.replace("⏎", "\n")
        await pilot.click("Editor", offset=(editor.text_x, 1))
        await one.go_on("presses X")
        assert "\nX|one\n" in one.state("ann")


async def test_what_the_server_refuses_is_said_and_shown_as_it_is() -> None:
    async with notebook(TWO) as one:
        desk = one.desks["ann"]
        desk.give("a", "", slider())
        desk.refusal = JptermError("You may not move widgets here.")
        await one.go_on("presses alt+shift+w")
        await one.pilots["ann"].press("right")
        await until(one.pilots["ann"], lambda: not one.editor().outputs.blocks.hand.moved)  # type: ignore[union-attr]
        rows = await screen(one)
        assert rows[2].endswith("▶ 3") and any("may not move" in row for row in rows)


async def test_without_widgets_it_says_so() -> None:
    async with notebook(TWO) as one:
        one.desks["ann"].give("a", "", slider(live=False))
        await one.go_on("presses alt+shift+w")
        assert any("no widget that can be moved" in row for row in await screen(one))
        await one.go_on("presses X")
        assert "oX|ne" in one.state("ann")
