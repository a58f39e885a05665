"""Only the cells that differ are written, and the result is the row."""

from __future__ import annotations

import pyte
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.segment import Segment
from rich.style import Style

from jpterm_like.tui.cells import lay_out
from jpterm_like.tui.painter import SteadyStrip, difference

CONSOLE = Console(color_system="truecolor", force_terminal=True)
WIDTH = 30
STYLES = [Style.parse("white on black"), Style.parse("red on blue"), Style.parse("bold white on black")]
PARTS = st.lists(
    st.tuples(st.text(st.sampled_from("ab  中é👍🏽x"), max_size=8), st.sampled_from(STYLES)), max_size=5
)


def strip_of(parts: list[tuple[str, Style]]) -> SteadyStrip:
    """A row of exactly WIDTH cells."""
    segments, left = [], WIDTH
    for text, style in parts:
        cells = lay_out(text)
        text = cells.show(0, cells.column(left))
        left -= lay_out(text).width
        if text:
            segments.append(Segment(text, style))
    return SteadyStrip([*segments, Segment(" " * left, STYLES[0])] if left else segments, WIDTH)


def cells_of(screen: pyte.Screen) -> list[tuple[object, ...]]:
    return [tuple(screen.buffer[0][x]) for x in range(WIDTH)]


@given(st.lists(PARTS, min_size=2, max_size=6))
def test_differences_one_after_the_other_give_the_rows(rows: list[list[tuple[str, Style]]]) -> None:
    """What is on the screen after each difference is what writing the whole row would have given."""
    screen, fresh = pyte.Screen(WIDTH, 1), pyte.Screen(WIDTH, 1)
    old = None
    for parts in rows:
        new = strip_of(parts)
        x, text = difference(old, new, CONSOLE)
        pyte.Stream(screen).feed(f"\x1b[?7l\x1b[1;{x + 1}H{text}")
        fresh.reset()
        pyte.Stream(fresh).feed(f"\x1b[?7l\x1b[1;1H{new.render(CONSOLE)}")
        shown, wanted = cells_of(screen), cells_of(fresh)
        assert shown == wanted
        old = new


def test_a_typed_character_costs_a_few_bytes() -> None:
    old, new = (strip_of([(text, STYLES[0])]) for text in ("some text", "some texts"))
    x, text = difference(old, new, CONSOLE)
    assert x == 9 and "s" in text and len(text) < 60


def test_equal_rows_write_nothing() -> None:
    row = strip_of([("some 中", STYLES[1])])
    assert difference(row, strip_of([("some 中", STYLES[1])]), CONSOLE)[1] == ""
