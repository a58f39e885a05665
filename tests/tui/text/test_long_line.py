"""A long line in pieces is the same line: against the layout of the whole, after random changes."""

from __future__ import annotations

import random
from bisect import bisect_right

import pytest

from jpterm_like.tui.text import cells as cells_module
from jpterm_like.tui.text import layout as sheet_module
from jpterm_like.tui.text import long_line as ribbon_module
from jpterm_like.tui.text.cells import Cells
from jpterm_like.tui.text.layout import TextLayout
from jpterm_like.tui.text.long_line import LongLine
from jpterm_like.tui.text.viewport import View
from jpterm_like.tui.text.wrap import PartSections, wrap
from tests.tui.desk import Desk

PARTS = [
    "a",
    "word ",
    "中",
    "文字 ",
    "\t",
    "\u0301",
    "🇩🇪",
    "🇩",
    "👨‍👩‍👧",
    "\u200d",
    "👍🏽",
    "x" * 9,
    " ",
    "\x1b",
    "é",
    "が",
    "\r",
]


def agrees(long_line: LongLine, seed: object) -> None:
    long_line.check()
    whole = Cells(long_line.text, 4)
    for column in range(len(long_line.text) + 2):
        for ask in ("before", "after", "floor", "ceiling"):
            if column <= len(long_line.text) or ask == "floor":
                assert getattr(long_line, ask)(column) == getattr(whole, ask)(column), (seed, ask, column)
        if column <= len(long_line.text):
            assert long_line.at(long_line.index(column)) == whole.floor(column)
    if "\t" not in long_line.text:  # tab stops begin anew with each piece
        for column in range(len(long_line.text) + 1):
            assert long_line.x(column) == whole.x(column), (seed, column)
        for x in range(-1, whole.width + 3):
            for ask in ("column", "nearest"):
                assert getattr(long_line, ask)(x) == getattr(whole, ask)(x), (seed, ask, x)
        start = whole.floor(len(long_line.text) // 3)
        assert long_line.show(start, len(long_line.text)) == whole.show(start, len(long_line.text))
        assert long_line.odd(start, len(long_line.text)) == whole.odd(start, len(long_line.text))
    for width in (5, 9, 30):
        wraps_in_pieces(long_line, width, (seed, width))


def wraps_in_pieces(long_line: LongLine, width: int, seed: object) -> None:
    """Each piece is wrapped as a line of its own, indented like the whole, and rows lead forth and back."""
    sections, wanted, base = wrap(long_line, width), [0], 0
    while base < len(long_line.text):
        part, _ = long_line.part(base)
        _, end = long_line.part_span(base)
        alone = PartSections(Cells(part.text, 4), width, sections.hanging_indent, is_first=not base)
        wanted += [base + start for start in alone if start]
        if end < len(long_line.text) and wanted[-1] != end:
            wanted.append(end)
        base = end
    assert list(sections) == wanted, seed
    assert sections.last == wanted[-1] and sections.before(0) is None
    assert [sections.before(start) for start in wanted[1:]] == wanted[:-1], seed
    for column in range(len(long_line.text) + 1):
        assert sections.at(column) == wanted[bisect_right(wanted, column) - 1], (seed, column)


@pytest.mark.parametrize("seed", range(60))
def test_pieces_are_the_whole(seed: int) -> None:
    """Every question about columns, cells and clusters has the same answer, and the line wraps alike."""
    dice = random.Random(seed)
    some = dice.sample(PARTS, dice.randint(1, len(PARTS)))
    long_line = LongLine("".join(dice.choices(some, k=20)), 4, piece=4)
    agrees(long_line, seed)
    for step in range(12):
        start = dice.randint(0, len(long_line.text))
        end = min(len(long_line.text), start + dice.choice((0, 0, 1, 5, 30)))
        text = "".join(dice.choices(some, k=dice.choice((0, 1, 1, 8))))
        wrap(long_line, dice.choice((5, 9, 30))).at(dice.randint(0, len(long_line.text)))
        wanted = long_line.text[:start] + text + long_line.text[end:]
        long_line = long_line.spliced(start, end, text)
        assert long_line.text == wanted
        agrees(long_line, (seed, step))


def line_of(cells: Cells) -> str:
    return "".join(sign for sign, _ in cells.clusters())


@pytest.mark.parametrize("seed", range(20))
def test_a_sheet_keeps_its_long_lines_through_changes(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that are divided, joined, made longer and shorter by several at once are those of the text."""
    monkeypatch.setattr(sheet_module, "LENGTH_MAX", 6)
    monkeypatch.setattr(ribbon_module, "PIECE", 4)
    dice = random.Random(seed)
    ann, bob = Desk("中 long line\n" * 4, "ann", 1), Desk("中 long line\n" * 4, "bob", 2)
    ann.join(bob)
    text_layout = TextLayout(ann.buffer, 4)
    for step in range(60):
        ann.online = bob.online = dice.random() < 0.7
        desk = dice.choice((ann, bob))
        start = dice.randint(0, len(desk.buffer))
        end = min(len(desk.buffer), start + dice.choice((0, 0, 1, 9)))
        if desk is ann:
            text_layout.follow(
                desk.replace(start, end, dice.choice(["x", "\n", "中文\n中文 and more", "👍", ""]))
            )
        else:
            desk.buffer.replace(start, end, dice.choice(["x", "\n", "y\ny", ""]))
        if ann.online:
            text_layout.follow(ann.buffer.integrate(bob.buffer.changes_since(ann.buffer.version)))
        lines = ann.buffer.text.split("\n")
        for row, line in enumerate(lines):
            assert text_layout.line(row) == line, (seed, step, row)
            assert text_layout.cells(row).text == line
            assert line_of(text_layout.cells(row)) == line_of(Cells(line, 4)), (seed, step)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many code points were laid out at a time."""
    sizes: list[int] = []
    init = Cells.__init__

    def counted(self: Cells, text: str, tab_width: int) -> None:
        sizes.append(len(text))
        init(self, text, tab_width)

    monkeypatch.setattr(cells_module.Cells, "__init__", counted)
    return sizes


def test_a_key_in_a_long_line_lays_out_one_piece(measured: list[int]) -> None:
    """F37: of a million characters with emoji among them, a key measures a few thousand again."""
    text_layout = TextLayout(Desk("🙂" + "x 中 " * 250_000).buffer, 4)
    for offset in (0, 500_000, 999_990):
        text_layout.follow(text_layout.buffer.replace(offset, offset, "é"))
        measured.clear()
        wrap(text_layout.cells(0), 80).at(offset)
        assert sum(measured) <= 3 * ribbon_module.PIECE


@pytest.mark.parametrize("sign", ["x", "中", "🙂", "word 👍🏽, "])
def test_going_to_the_end_of_a_long_line_lays_out_its_last_piece(sign: str, measured: list[int]) -> None:
    """All that is before it was measured and wrapped: half a second in a million emoji, and a tenth in two million letters."""
    text_layout = TextLayout(Desk(sign * 1_000_000).buffer, 4)
    view = View(text_layout, 80, 24, wraps=True)
    size = text_layout.lines.size
    for offset in (size, size // 2, size - 100_000, size):
        view.reveal(offset)
        assert view.screen_place(offset) is not None
    assert sum(measured) <= 3 * 4 * ribbon_module.PIECE
    measured.clear()
    text_layout.left(size), text_layout.right(size // 3), text_layout.snap(size // 4)  # type: ignore[unused-ignore]
    assert sum(measured) <= 3 * 4 * ribbon_module.PIECE


def test_edits_of_a_long_line_do_not_copy_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of many replacements in one line of two million characters took a third of a millisecond for a text that nobody asked for."""
    text_layout = TextLayout(Desk("some words " * 20_000).buffer, 4)
    long_line = text_layout.cells(0)
    asked: list[object] = []
    text_of = LongLine.text.fget  # type: ignore[attr-defined]
    monkeypatch.setattr(LongLine, "text", property(lambda self: asked.append(self) or text_of(self)))
    for at in range(200_000, 0, -1_100):
        text_layout.follow(text_layout.buffer.replace(at, at + 1, "0"))
    assert not asked and text_layout.cells(0) is not long_line
    assert text_layout.line(0) == text_layout.buffer.text


@pytest.mark.parametrize("seed", range(40))
def test_two_lines_joined_are_the_whole(seed: int) -> None:
    """Where the wrapping was known before, and was changed since, too."""
    dice = random.Random(seed)
    some = dice.sample(PARTS, dice.randint(1, len(PARTS)))
    for step in range(8):
        left, right = (
            LongLine("".join(dice.choices(some, k=dice.choice((0, 1, 20)))), 4, piece=4) for _ in range(2)
        )
        for one in (left, right):
            wrap(one, dice.choice((5, 9, 30))).at(dice.randint(0, len(one.text)))
        if dice.random() < 0.5:
            left = left.spliced(dice.randint(0, len(left.text)), len(left.text), dice.choice(some))
        if dice.random() < 0.5:
            right = right.spliced(0, dice.randint(0, len(right.text)), "")
        joined = left.joined(right)
        assert joined.text == left.text + right.text
        agrees(joined, (seed, step))


@pytest.mark.parametrize("at", [1, 500_000, 999_999])
def test_joining_what_was_one_long_line_lays_out_the_seam(at: int, measured: list[int]) -> None:
    """Enter in a million characters, and backspace: it took a third of a second."""
    text_layout = TextLayout(Desk("中" * 1_000_000).buffer, 4)
    text_layout.follow(text_layout.buffer.replace(at, at, "\n"))
    for row in (0, 1):
        wrap(text_layout.cells(row), 80).at(at)
    measured.clear()
    text_layout.follow(text_layout.buffer.replace(at, at + 1, ""))
    assert text_layout.cells(0).text == "中" * 1_000_000
    wrap(text_layout.cells(0), 80).at(at)
    assert sum(measured) <= 6 * ribbon_module.PIECE


def test_a_word_without_end_is_gone_through_in_steps() -> None:
    """Chinese has no blanks: the only word of a long line took a third of a second at each key."""
    text_layout = TextLayout(Desk("中" * 1_000_000).buffer, 4)
    step = sheet_module.WORD_LENGTH_MAX
    assert text_layout.word_right(0) == step and text_layout.word_left(1_000_000) == 1_000_000 - step
    assert text_layout.word_at(500_000) == (500_000 - step, 500_000 + step)
