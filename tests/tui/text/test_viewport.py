"""Wrapping, scrolling, and that the view and the caret stay where they are when others write (F11)."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crdt import TextBuffer
from jpterm_like.tui.text.cells import lay_out
from jpterm_like.tui.text.cursors import Cursor
from jpterm_like.tui.text.layout import TextLayout
from jpterm_like.tui.text.viewport import View
from jpterm_like.tui.text.wrap import BELOW, WIDTH_MIN, wrap

WORDS = st.text(st.sampled_from("abc   \t中é👍\u0301"), max_size=80)


def sections_of(text: str, width: int) -> list[str]:
    starts = [*wrap(lay_out(text), width), len(text)]
    return [text[start:end] for start, end in pairwise(starts)]


@given(WORDS, st.integers(WIDTH_MIN, 30))
def test_sections_make_up_the_line_and_fit(text: str, width: int) -> None:
    """Nothing is lost, every section fits, and the caret has a cell behind the last character."""
    cells = lay_out(text)
    sections = sections_of(text, width)
    assert "".join(sections) == text
    starts = list(wrap(cells, width))
    for start, section in zip(starts, sections, strict=True):
        cells_used = cells.x(start + len(section)) - cells.x(start)
        assert cells.floor(start) == start
        assert cells_used <= width or cells.after(start) == start + len(section)
    assert cells.width - cells.x(starts[-1]) < max(width, 8)


def test_breaks_behind_blanks_and_long_words_where_it_must() -> None:
    assert sections_of("the quick brown", 10) == ["the quick ", "brown"]
    assert sections_of("the quick", 10) == ["the quick"]
    assert sections_of("abcdefghijkl", 5) == ["abcd", "efgh", "ijkl"]
    assert sections_of("ab cdefg", 6) == ["ab ", "cdefg"]


@pytest.mark.parametrize(
    ("text", "sections"),
    [
        ("see abcdefghijkl", ["see abcd", "efghijkl"]),
        ("- abcdefghijklmnopq", ["- abcdef", "ghijkl", "mnopq"]),
        ("    abcdefghijk xyz", ["    abcd", "efgh", "ijk ", "xyz"]),
        ("\tabcdefghij xy", ["\tabcd", "efgh", "ij ", "xy"]),
        ("ab 日本語日本語日本語 cd", ["ab 日本", "語日本語", "日本語 ", "cd"]),
        ("ab 日本語日 cd", ["ab ", "日本語日 ", "cd"]),
        ("abcde \u0301fghijklm", ["abcde \u0301fg", "hijklm"]),
    ],
)
def test_a_word_that_fits_in_no_row_is_broken_where_the_row_is_full(text: str, sections: list[str]) -> None:
    """It left an empty row, or one of a list's marker alone, and was broken in the next all the same."""
    assert sections_of(text, 9) == sections


def test_a_blank_that_carries_a_mark_ends_no_row() -> None:
    """Its mark stood at the start of the next row, and where the blank was, too."""
    assert sections_of("ab cd \u0301ef", 8) == ["ab ", "cd \u0301ef"]
    assert sections_of("ab \u0301cdefgh", 7) == ["ab \u0301cde", "fgh"]


def test_a_blank_at_the_edge_leaves_a_row_for_the_caret() -> None:
    assert sections_of("abcd ", 5) == ["abcd ", ""]


def make(text: str, width: int = 20, height: int = 6, wraps: bool = False) -> tuple[TextBuffer, View, Cursor]:
    buffer = TextBuffer.genesis(text)
    text_layout = TextLayout(buffer, chunk_rows=2)
    return buffer, View(text_layout, width, height, wraps), Cursor(text_layout)


@pytest.mark.parametrize("wraps", [False, True])
def test_every_offset_has_a_place_and_every_place_leads_back(wraps: bool) -> None:
    text = "one two three four five six seven\n\n\ttab 中文 e\u0301 👨‍👩‍👧 end\n" + "x" * 70
    text += f"\nsee {'中' * 20} and\n\t{'y' * 50}\n- {'z' * 40}"
    _, view, _ = make(text, 20, 30, wraps)
    for offset in range(len(text) + 1):
        snapped = view.text_layout.snap(offset)
        row, section, x = view.locate(snapped)
        if wraps:
            assert view.offset_of(row, section, x) == snapped
            assert view.screen_place(snapped) == (x, view.y(row, section))
        else:
            view.reveal(snapped)
            place = view.screen_place(snapped)
            assert place is not None and view.offset_at(*place) == snapped


@pytest.mark.parametrize("wraps", [False, True])
def test_steps_go_down_and_up_again(wraps: bool) -> None:
    _, view, _ = make("\n".join("word " * (index % 9) for index in range(30)), 12, 5, wraps)
    place, places = (0, 0), [(0, 0)]
    while (below := view.step(*place, 1)) != place:
        assert below > place
        places.append(place := below)
    assert place[0] == len(view.text_layout.lines) - 1
    for start in range(len(places)):
        for end in range(len(places)):
            assert view.step(*places[start], end - start) == places[end]
    assert view.step(0, 0, -5) == (0, 0)


def test_the_wheel_stops_at_the_ends() -> None:
    _, view, _ = make("\n".join(map(str, range(10))), height=4)
    assert not view.scroll(-3)
    assert view.scroll(100) and view.top == (6, 0)
    assert not view.scroll(1)


def test_far_jumps_put_the_place_in_the_middle() -> None:
    _, view, _ = make("\n".join(map(str, range(200))), height=11)
    view.reveal(view.text_layout.lines.start(100))
    assert view.top == (95, 0)
    view.reveal(view.text_layout.lines.start(106))
    assert view.top == (96, 0)


@pytest.mark.parametrize("wraps", [False, True])
@pytest.mark.parametrize("seed", range(60))
def test_f11_others_move_neither_view_nor_caret(seed: int, wraps: bool) -> None:
    """Random work of somebody else, whole blocks of lines too: the first character on the screen stays the first
    as long as it lives, the caret stays on its side of its character, a selection keeps exactly its living text.

    The model names characters: every character of the start text is a different one."""
    dice = random.Random(seed)
    letters = [chr(0x4E00 + index) for index in range(300)]
    text = "".join(letter + ("\n" if dice.random() < 0.15 else "") for letter in letters)
    mine, view, cursor = make(text, 14, 6, wraps)
    theirs = TextBuffer.genesis(text)
    view.top = view.step(0, 0, dice.randrange(20))
    offsets = sorted(dice.sample([text.index(letter) for letter in letters], 2))
    backwards = dice.random() < 0.5
    cursor.put(*(offsets if backwards else offsets[::-1]))
    selected = [character for character in text[slice(*offsets)] if character != "\n"]
    top = text[view.text_layout.lines.start(view.top[0]) + view.top[1]]
    for _ in range(25):
        size = len(theirs)
        start = dice.randint(0, size)
        end = min(size, start + dice.choice((0, 0, 0, 1, 5, 40)))
        theirs.replace(start, end, "".join(dice.choice("xy\n") for _ in range(dice.choice((0, 1, 3, 80)))))
        patch = mine.integrate(theirs.changes_since(mine.version))
        changes = view.text_layout.follow(patch)
        view.follow(patch, changes, mine=False)
        cursor.follow()
        view.text_layout.lines.check()
        now = mine.text
        if top != "\n" and top in now:
            row, section = view.top
            column = now.index(top) - view.text_layout.lines.start(row)
            first, last = view.section_span(row, section)
            assert first <= column < last
        living = [character for character in selected if character in now]
        start, end = cursor.selection
        assert [character for character in now[start:end] if character in letters] == living
        if cursor.mark is not None and living and selected[0] in now and selected[-1] in now:
            assert now[start] == selected[0]
            assert (cursor.caret < cursor.mark) == backwards


def test_a_margin_is_kept_above_and_below() -> None:
    """But not at the ends of the text, and no more than there is room for."""
    buffer = TextBuffer.genesis("\n".join(map(str, range(100))))
    view = View(TextLayout(buffer), 20, 11, margin=3)
    start = view.text_layout.lines.start
    for row, top in (
        (7, 0),
        (8, 1),
        (30, 25),
        (31, 25),
        (33, 26),
        (28, 25),
        (27, 24),
        (99, 89),
        (97, 89),
        (0, 0),
    ):
        view.reveal(start(row))
        assert view.top == (top, 0), row
    small = View(TextLayout(buffer), 20, 2, margin=3)
    small.reveal(start(50))
    assert small.y(50, 0) is not None


def test_after_a_large_undo_the_screen_is_not_left_empty() -> None:
    """The last line alone at the top of an empty screen, with all the text above it, is nothing to go on with."""
    buffer = TextBuffer.genesis("\n".join(map(str, range(24))))
    view = View(TextLayout(buffer), 20, 40, margin=3)
    patch = buffer.replace(len(buffer), len(buffer), "\nnew" * 1000)
    view.follow(patch, view.text_layout.follow(patch), mine=True)
    view.reveal(len(buffer))
    patch = buffer.undo()
    assert patch is not None
    view.follow(patch, view.text_layout.follow(patch), mine=True)
    assert view.top == (23, 0)
    view.reveal(len(buffer))
    assert view.top == (0, 0)


def make_tall(seed: int, wraps: bool) -> tuple[TextBuffer, View, dict[int, int]]:
    """A text with rows that hold no text below some of its lines."""
    chance = random.Random(seed)
    text = "\n".join("word " * chance.choice([0, 1, 9, 30]) for _ in range(40))
    below = {row: chance.choice([1, 3, 30]) for row in range(40) if chance.random() < 0.3}
    buffer, view, _ = make(text, wraps=wraps)
    view.rows_below = lambda row: below.get(row, 0)
    return buffer, view, below


@pytest.mark.parametrize("wraps", [False, True])
def test_scrolling_shows_each_row_once_those_without_text_too(wraps: bool) -> None:
    """Down to the end and up again; a row without text has no columns, and a click on it is at the end of its line."""
    _, view, below = make_tall(1, wraps)
    want = [
        (row, section)
        for row in range(40)
        for section in [*view.sections(row), *range(BELOW, BELOW + below.get(row, 0))]
    ]
    seen = [view.rows()[0]]
    while view.scroll(1):
        seen.append(view.rows()[0])
    assert [*seen, *view.rows()[1:]] == want
    back = [view.top]
    while view.scroll(-1):
        back.append(view.top)
    assert back[::-1] == seen
    for at, (row, section) in enumerate(want):
        assert view.step(*want[0], at) == (row, section) == view.step(*want[-1], at + 1 - len(want))
        if section >= BELOW:
            end = view.text_layout.lines.span(row)[1]
            assert view.offset_of(row, section, 5) == end
            assert view.section_span(row, section) == (view.text_layout.lines.length(row),) * 2
    text_only = [place for place in want if place[1] < BELOW]
    assert view.step_in_text(*text_only[0], 20) == text_only[20]
    assert view.step_in_text(*text_only[-1], -20) == text_only[-21]


@pytest.mark.parametrize("wraps", [False, True])
def test_what_is_asked_for_is_seen_between_rows_without_text(wraps: bool) -> None:
    """Wherever the view was scrolled to."""
    buffer, view, _ = make_tall(2, wraps)
    chance = random.Random(3)
    for _ in range(300):
        offset = chance.randrange(len(buffer))
        view.reveal(offset)
        place = view.screen_place(offset)
        assert place is not None and 0 <= place[1] < view.height, offset
        view.scroll(chance.randint(-30, 30))


def test_rows_without_text_that_grow_above_or_at_the_top_do_not_move_it() -> None:
    """What is at the top stays there; if it was a row that is gone, the last one that is left is."""
    buffer, view, below = make_tall(4, False)
    row = next(row for row, count in below.items() if count == 30)
    view.top = (row, BELOW + 7)
    for other in list(below):
        if other < row:
            below[other] += 100
    below[row] += 50
    view.refold()
    assert view.rows()[0] == (row, BELOW + 7)
    patch = buffer.replace(0, 0, "x\n")
    view.rows_below = lambda at: below.get(at - 1, 0)
    view.follow(patch, view.text_layout.follow(patch), mine=True)
    assert view.rows()[0] == (row + 1, BELOW + 7)
    below[row] = 3
    view.refold()
    assert view.rows()[0] == (row + 1, BELOW + 2)
    below[row] = 0
    view.refold()
    assert view.rows()[0] == (row + 1, 0)
