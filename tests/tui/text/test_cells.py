"""Clusters, widths and tab stops (F8), and that nothing which acts reaches the terminal (F21)."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import iter_graphemes, wcswidth

from jpterm_like.tui.text.cells import Cells, clean, cut, cut_start, draw, lay_out, width_of

# Whatever occurs in texts that make trouble, mixed.
ODD = st.text(
    st.one_of(
        st.sampled_from(
            "ab \t中文é́👨‍👩‍👧🇩🇪🏽❤️​\x1b\x07\x9b‮⁦؜\u2028\u0085\ud800\x00\x7f\ufeffक्षि각\u1100한ﷺ\u3164"
        ),
        st.characters(exclude_characters="\n", exclude_categories=()),
    ),
    max_size=30,
)


@given(ODD, st.integers(1, 8))
def test_columns_and_cells_belong_together(text: str, tab_width: int) -> None:
    """Each border has a cell, each cell leads back to its cluster, neighbours are neighbours."""
    cells = Cells(text, tab_width)
    borders = [0]
    for cluster in iter_graphemes(text):
        borders.append(borders[-1] + len(cluster))
    for index, column in enumerate(borders):
        assert cells.floor(column) == column
        assert cells.index(column) == index
        assert cells.column(cells.x(column)) == column
        assert cells.before(column) == borders[max(0, index - 1)]
        assert cells.after(column) == borders[min(len(borders) - 1, index + 1)]
    for column in range(len(text) + 1):
        floor = max(border for border in borders if border <= column)
        assert cells.floor(column) == floor
        assert cells.x(column) == cells.x(floor)
    for x in range(cells.width + 3):
        assert cells.x(cells.column(x)) <= x
        assert cells.nearest(x) in borders
    assert [cells.x(column) for column in borders] == sorted({cells.x(column) for column in borders})


@given(ODD)
def test_what_is_drawn_is_as_wide_as_said_and_does_nothing(text: str) -> None:
    """Only what can be seen goes out: no controls, no overrides, no surrogates; and its width is what the
    terminal will count."""
    cells = Cells(text, 4)
    shown = cells.show(0, len(text))
    assert_harmless(shown)
    widths = [wcswidth(picture) for picture, _ in cells.clusters()]
    assert widths == [width for _, width in cells.clusters()]
    assert sum(widths) == cells.width


@given(ODD)
def test_names_are_made_harmless(text: str) -> None:
    assert_harmless(clean(text + "\n\x1b]52;c;aGk=\x07", 500))


def assert_harmless(shown: str) -> None:
    shown.encode("utf-8")
    for character in shown:
        kind = unicodedata.category(character)
        joiner = character in "\u200c\u200d" or "\U000e0020" <= character <= "\U000e007f"
        number_sign = wcswidth(character) == 1 and kind == "Cf" and character != "\xad"
        assert kind not in ("Cc", "Cs", "Zl", "Zp"), ascii(character)
        assert kind != "Cf" or joiner or number_sign, ascii(character)


@pytest.mark.parametrize(
    ("cluster", "drawn"),
    [
        ("\x1b", ("␛", 1, False)),
        ("\x00", ("␀", 1, False)),
        ("\x7f", ("␡", 1, False)),
        ("\x9b", ("‹U+009B›", 8, False)),
        ("\u202e", ("‹U+202E›", 8, False)),
        ("\u2066", ("‹U+2066›", 8, False)),
        ("\ud800", ("‹U+D800›", 8, False)),
        ("\u200b", ("‹U+200B›", 8, False)),
        ("\u0301", ("◌\u0301", 1, False)),
        ("中", ("中", 2, True)),
        ("👨‍👩‍👧‍👦", ("👨‍👩‍👧‍👦", 2, True)),
        ("🇩🇪", ("🇩🇪", 2, True)),
        ("é", ("é", 1, True)),
        ("❤️", ("❤️", 2, True)),
    ],
)
def test_clusters(cluster: str, drawn: tuple[str, int, bool]) -> None:
    assert draw(cluster) == drawn


def test_tabs_go_to_stops() -> None:
    """A tab fills up to the next multiple, counted in cells, not in characters."""
    assert lay_out("a\tb", 4).show(0, 3) == "a   b"
    assert lay_out("中\tb", 4).show(0, 3) == "中  b"
    assert lay_out("\tb", 8).x(1) == 8


def test_a_line_of_plain_letters_keeps_no_lists() -> None:
    """Code and Western prose cost nothing to lay out."""
    for text in ("def f(x): return 'ä'", "Привет", "─┼─"):
        assert lay_out(text).is_plain
        assert wcswidth(text) == len(text)


def test_clicks_on_wide_characters_go_to_the_nearer_side() -> None:
    cells = lay_out("中文")
    assert [cells.nearest(x) for x in range(5)] == [0, 1, 1, 2, 2]


def test_cut_keeps_to_the_width() -> None:
    assert cut("abcdef", 4) == "abc…"
    assert cut("abc", 3) == "abc"
    assert width_of(cut("中文中文", 4)) <= 4
    assert cut("abc", 0) == ""


def test_cut_start_keeps_the_end_within_the_width() -> None:
    assert cut_start("abcdef", 4) == "…def"
    assert cut_start("abc", 3) == "abc"
    assert cut_start("中文中文", 4) == cut_start("中文中文", 3) == "…文"
    assert cut_start("abc", 1) == "…" and cut_start("abc", 0) == ""
