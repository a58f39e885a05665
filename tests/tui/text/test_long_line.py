"""A long line in pieces is the same line: against the layout of the whole, after random changes."""

from __future__ import annotations

import random

import pytest

from jpterm_like.tui.text import cells as cells_module
from jpterm_like.tui.text import layout as sheet_module
from jpterm_like.tui.text import long_line as ribbon_module
from jpterm_like.tui.text.cells import Cells
from jpterm_like.tui.text.layout import Sheet
from jpterm_like.tui.text.long_line import Ribbon
from jpterm_like.tui.text.wrap import hang, wrap
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


def agrees(ribbon: Ribbon, seed: object) -> None:
    ribbon.check()
    whole = Cells(ribbon.text, 4)
    for column in range(len(ribbon.text) + 2):
        for ask in ("x", "before", "after", "floor", "ceiling", "index"):
            if column <= len(ribbon.text) or ask == "floor":
                assert getattr(ribbon, ask)(column) == getattr(whole, ask)(column), (seed, ask, column)
    for x in range(-1, whole.width + 3):
        for ask in ("column", "nearest"):
            assert getattr(ribbon, ask)(x) == getattr(whole, ask)(x), (seed, ask, x)
    for index in range(whole.count + 2):
        assert ribbon.at(index) == whole.at(index), (seed, index)
    start = whole.floor(len(ribbon.text) // 3)
    assert ribbon.show(start, len(ribbon.text)) == whole.show(start, len(ribbon.text))
    assert ribbon.odd(start, len(ribbon.text)) == whole.odd(start, len(ribbon.text))
    for width in (5, 9, 30):
        assert list(wrap(ribbon, width)) == list(wrap(whole, width)), (seed, width)
        assert hang(ribbon, width) == hang(whole, width), (seed, width)


@pytest.mark.parametrize("seed", range(60))
def test_pieces_are_the_whole(seed: int) -> None:
    """Every question about columns, cells and clusters has the same answer, and the line wraps alike."""
    dice = random.Random(seed)
    some = dice.sample(PARTS, dice.randint(1, len(PARTS)))
    ribbon = Ribbon("".join(dice.choices(some, k=20)), 4, piece=4)
    agrees(ribbon, seed)
    for step in range(12):
        start = dice.randint(0, len(ribbon.text))
        end = min(len(ribbon.text), start + dice.choice((0, 0, 1, 5, 30)))
        text = "".join(dice.choices(some, k=dice.choice((0, 1, 1, 8))))
        wrap(ribbon, dice.choice((5, 9, 30))).has(dice.choice((1, 3, 1_000)))
        wanted = ribbon.text[:start] + text + ribbon.text[end:]
        ribbon = ribbon.spliced(start, end, text)
        assert ribbon.text == wanted
        agrees(ribbon, (seed, step))


@pytest.mark.parametrize("seed", range(20))
def test_a_sheet_keeps_its_long_lines_through_changes(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that are divided, joined, made longer and shorter by several at once are those of the text."""
    monkeypatch.setattr(sheet_module, "LENGTH_MAX", 6)
    monkeypatch.setattr(ribbon_module, "PIECE", 4)
    dice = random.Random(seed)
    ann, bob = Desk("中 long line\n" * 4, "ann", 1), Desk("中 long line\n" * 4, "bob", 2)
    ann.join(bob)
    sheet = Sheet(ann.buffer, 4)
    for step in range(60):
        ann.online = bob.online = dice.random() < 0.7
        desk = dice.choice((ann, bob))
        start = dice.randint(0, len(desk.buffer))
        end = min(len(desk.buffer), start + dice.choice((0, 0, 1, 9)))
        if desk is ann:
            sheet.follow(desk.replace(start, end, dice.choice(["x", "\n", "中文\n中文 and more", "👍", ""])))
        else:
            desk.buffer.replace(start, end, dice.choice(["x", "\n", "y\ny", ""]))
        if ann.online:
            sheet.follow(ann.buffer.integrate(bob.buffer.changes_since(ann.buffer.version)))
        lines = ann.buffer.text.split("\n")
        for row, line in enumerate(lines):
            assert sheet.line(row) == line, (seed, step, row)
            assert sheet.cells(row).text == line
            assert list(sheet.cells(row).clusters()) == list(Cells(line, 4).clusters()), (seed, step)


def test_a_key_in_a_long_line_lays_out_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    """F37: of a million characters with emoji among them, a key measures a few thousand again."""
    sheet = Sheet(Desk("🙂" + "x 中 " * 250_000).buffer, 4)
    len(wrap(sheet.cells(0), 80))
    measured: list[int] = []
    init = Cells.__init__

    def counted(self: Cells, text: str, tab_width: int, lead: int = 0) -> None:
        measured.append(len(text))
        init(self, text, tab_width, lead)

    monkeypatch.setattr(cells_module.Cells, "__init__", counted)
    for offset in (0, 500_000, 999_990):
        sheet.follow(sheet.buffer.replace(offset, offset, "é"))
        measured.clear()
        wrap(sheet.cells(0), 80).at(offset)
        assert sum(measured) <= 3 * ribbon_module.PIECE
