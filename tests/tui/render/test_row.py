"""Blanks as signs, and the ruler."""

from __future__ import annotations

import pytest
from rich.style import Style

from jpterm_like.tui.render.row import Note, Span, paint_row
from jpterm_like.tui.text.cells import lay_out

BASE, FAINT, RULE = Style(color="white"), Style(color="red"), Style(bgcolor="blue")


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a b", "a·b"), ("\tx  ", "»   x··"), ("中 e\u0301 x", "中·e\u0301·x"), (" \u0301a", " \u0301a")],
)
def test_blanks_are_drawn_as_signs(text: str, shown: str) -> None:
    segments = paint_row(lay_out(text), 0, len(text), 0, 12, BASE, (), (), blank=FAINT)
    assert "".join(segment.text for segment in segments).rstrip() == shown
    for segment in segments:
        if segment.text[:1] in "·»":
            assert segment.style == BASE + FAINT


@pytest.mark.parametrize(
    ("left", "shown", "tinted"), [(0, "abcde»", 1), (1, "bcde» ", 2), (6, "  fghi", 2), (8, "fghi» ", 2)]
)
def test_a_tab_that_an_edge_cuts_is_there_as_far_as_it_fits(left: int, shown: str, tinted: int) -> None:
    """At the right edge it had neither a sign nor the colour of the selection."""
    spans = [Span(5, 6, RULE), Span(10, 11, RULE)]
    segments = paint_row(lay_out("abcde\tfghi\t"), 0, 11, left, 6, BASE, spans, (), blank=FAINT)
    assert "".join(segment.text for segment in segments) == shown
    assert sum(len(text) for text, style, _ in segments if style is not None and style.bgcolor) == tinted


@pytest.mark.parametrize(
    ("text", "left", "x", "there"),
    [
        ("abcdef", 0, 3, "d"),
        ("ab", 0, 3, "│"),
        ("a中b", 0, 2, None),
        ("abcdef", 2, 3, "d"),
        ("abc", 0, 50, None),
    ],
)
def test_the_ruler_tints_one_cell_and_cuts_nothing(text: str, left: int, x: int, there: str | None) -> None:
    plain = paint_row(lay_out(text), 0, len(text), left, 12, BASE, (), ())
    segments = paint_row(lay_out(text), 0, len(text), left, 12, BASE, (), (), ruler=Note(x, "│", RULE))
    tinted = [segment.text for segment in segments if segment.style is not None and segment.style.bgcolor]
    assert tinted == ([] if there is None else [there])
    assert "".join(s.text for s in segments).replace("│", " ") == "".join(s.text for s in plain)
