"""Only the cells that differ are written, and the result is the row."""

from __future__ import annotations

import os
import pty
import tty
from threading import Thread

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import Monochrome

from jpterm_like.tui.render.diff import Row, Scroll, difference, find_scroll
from jpterm_like.tui.render.screen import FixedStrip, RowEncoder, StyleCodes, TerminalWriter
from jpterm_like.tui.text.cells import lay_out

CONSOLE = Console(color_system="truecolor", force_terminal=True)
WIDTH = 30
STYLES = [Style.parse("white on black"), Style.parse("red on blue"), Style.parse("bold white on black")]
PARTS = st.lists(
    st.tuples(st.text(st.sampled_from("ab  中é👍🏽x"), max_size=8), st.sampled_from(STYLES)), max_size=5
)


def row_of(parts: list[tuple[str, Style]]) -> Row:
    """A row of exactly WIDTH cells."""
    segments, left = [], WIDTH
    for text, style in parts:
        cells = lay_out(text)
        text = cells.show(0, cells.column(left))
        left -= lay_out(text).width
        if text:
            segments.append(Segment(text, style))
    return [*segments, Segment(" " * left, STYLES[0])] if left else segments


def cells_of(screen: pyte.Screen) -> list[tuple[object, ...]]:
    return [tuple(screen.buffer[0][x]) for x in range(WIDTH)]


@given(st.lists(PARTS, min_size=2, max_size=6))
def test_differences_one_after_the_other_give_the_rows(rows: list[list[tuple[str, Style]]]) -> None:
    """What is on the screen after each difference is what writing the whole row would have given."""
    screen, fresh = pyte.Screen(WIDTH, 1), pyte.Screen(WIDTH, 1)
    old = None
    for parts in rows:
        new = row_of(parts)
        pyte.Stream(screen).feed(f"\x1b[?7l{written(old, new)}")
        fresh.reset()
        pyte.Stream(fresh).feed(f"\x1b[?7l\x1b[1;1H{FixedStrip(new, WIDTH).render(CONSOLE)}")
        shown, wanted = cells_of(screen), cells_of(fresh)
        assert shown == wanted
        old = new


def pen_of() -> RowEncoder:
    return RowEncoder(StyleCodes(CONSOLE._color_system))


def written(old: Row | None, new: Row) -> str:
    """What a row's change sends to the terminal."""
    encoder = pen_of()
    encoder.write(0, *difference(old, new), 0)
    return "".join(encoder.parts)


def test_a_typed_character_costs_a_few_bytes() -> None:
    old, new = (row_of([(text, STYLES[0])]) for text in ("some text", "some texts"))
    x, _ = difference(old, new)
    assert x == 9 and written(old, new).endswith("s") and len(written(old, new)) < 40


def test_equal_rows_write_nothing() -> None:
    row = row_of([("some 中", STYLES[1])])
    assert written(row, row_of([("some 中", STYLES[1])])) == ""


def test_colours_are_told_once() -> None:
    encoder = pen_of()
    for y in range(9):
        encoder.write(0, 0, row_of([("x", STYLES[1])])[:1], y)
    assert sum("m" in part for part in encoder.parts) == 1


def test_the_filters_of_the_app_are_heeded() -> None:
    """NO_COLOR and the like: Textual's own way and the direct one write the same colours."""
    style_codes = StyleCodes(ColorSystem.TRUECOLOR, [Monochrome()])
    for style in STYLES:
        filtered = Monochrome().apply([Segment("x", style)], Color(0, 0, 0))[0].style
        assert style_codes[style] == StyleCodes(ColorSystem.TRUECOLOR)[filtered]
    assert style_codes[STYLES[1]] != StyleCodes(ColorSystem.TRUECOLOR)[STYLES[1]]


@pytest.mark.parametrize(
    ("old", "new", "scroll"),
    [
        ("abcdefgh", "abcdefgh", None),
        ("abcdefgh", "abXcdefg", Scroll(2, 8, 1)),
        ("abXcdefg", "abcdefgh", Scroll(2, 8, -1)),
        ("abcdefgh", "cdefghij", Scroll(0, 8, -2)),
        ("abcdefgh", "ijklmnop", None),
        ("aaaaaaaa", "aaaaaaab", None),
    ],
)
def test_what_moved_is_found(old: str, new: str, scroll: Scroll | None) -> None:
    """The fewest rows that hold all that differs, and how far most of them went."""
    assert find_scroll(old, new) == scroll


@given(st.text("abc", min_size=12, max_size=12), st.text("abc", min_size=12, max_size=12))
def test_after_moving_and_writing_the_rows_are_there(old: str, new: str) -> None:
    screen = pyte.Screen(1, 12)
    pyte.Stream(screen).feed("\r\n".join(old))
    shown: list[str | None] = list(old)
    encoder = pen_of()
    if scroll := find_scroll(old, new):
        encoder.scroll(scroll.top, scroll.bottom, scroll.by)
        shown = scroll.of(list(old))  # type: ignore[arg-type, assignment]
    pyte.Stream(screen).feed("".join(encoder.parts))
    for y, sign in enumerate(shown):
        assert screen.buffer[y][0].data == (sign or " ")


def test_what_the_terminal_does_not_take_at_once_comes_in_its_order() -> None:
    """The writer writes straight while that goes, and by its thread what is left; nothing is lost or turned around."""
    reads, writes = pty.openpty()
    tty.setraw(writes)
    with open(writes, "w", encoding="utf-8") as file:
        writer = TerminalWriter(file)
        writer.start()
        written = [f"{number} Grüße 字\n" * (2_000 if number == 3 else 1) for number in range(20)]
        for text in written:
            writer.write(text)
        wanted = "".join(written).encode()
        stopping = Thread(target=writer.stop)  # which must wait until all is out
        stopping.start()
        came = b""
        while len(came) < len(wanted):
            came += os.read(reads, 65536)
        stopping.join()
        writer.write("to nobody")
    os.close(reads)
    assert came == wanted
