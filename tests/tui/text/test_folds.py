"""Folding: what goes out of sight, what others and I do around it, and that nothing hides from me unawares."""

from __future__ import annotations

import random

import pytest

from crdt import TextBuffer
from jpterm_like.tui.text.folds import Fold, Folds, by_heading, by_indent, outermost, sections
from jpterm_like.tui.text.line_index import Lines
from tests.tui.desk import Desk
from tests.tui.story import Story
from tests.tui.terminal import settle, terminal, until

CODE = "def one():\n    a\n\n    if b:\n        c\n\ndef two():\n    d\nend\n"
PROSE = "intro\n# One\ntext\n## Inner\nmore\n```\n# no heading\n```\n\n# Two\nlast\n"


def lines_of(text: str) -> list[str]:
    return text.split("\n")


@pytest.mark.parametrize(
    ("text", "folds"),
    [
        ("# T\nabout\n## A\na\n## B\nb", [Fold(2, 3), Fold(4, 5)]),
        ("intro\n# T\n## A\na", [Fold(2, 3)]),
        ("# T\na\nb", [Fold(0, 2)]),
        ("# T\n## A\na\n# U\nu", [Fold(0, 2), Fold(3, 4)]),
        ("## A\na\n# T\n## B\nb", [Fold(0, 1), Fold(3, 4)]),
        ("## A\na\n## B\nb", [Fold(0, 1), Fold(2, 3)]),
    ],
)
def test_all_of_a_text_with_one_title_folds_below_it(text: str, folds: list[Fold]) -> None:
    """One row is no overview."""
    lines = lines_of(text)
    assert sections(lines.__getitem__, len(lines)) == folds


@pytest.mark.parametrize(
    ("text", "row", "fold"),
    [
        (CODE, 0, Fold(0, 4)),
        (CODE, 1, Fold(0, 4)),
        (CODE, 2, Fold(0, 4)),
        (CODE, 3, Fold(3, 4)),
        (CODE, 4, Fold(3, 4)),
        (CODE, 6, Fold(6, 7)),
        (CODE, 8, None),
    ],
)
def test_indentation_folds(text: str, row: int, fold: Fold | None) -> None:
    lines = lines_of(text)
    assert by_indent(lines.__getitem__, len(lines), row) == fold


@pytest.mark.parametrize(
    ("row", "fold"), [(0, None), (1, Fold(1, 7)), (2, Fold(1, 7)), (4, Fold(3, 7)), (10, Fold(9, 10))]
)
def test_headings_fold(row: int, fold: Fold | None) -> None:
    lines = lines_of(PROSE)
    assert by_heading(lines.__getitem__, len(lines), row) == fold


def test_all_that_can_be_folded() -> None:
    lines = lines_of(CODE)
    assert list(outermost(lines.__getitem__, len(lines), by_indent)) == [Fold(0, 4), Fold(6, 7)]
    lines = lines_of(PROSE)
    assert list(outermost(lines.__getitem__, len(lines), by_heading)) == [Fold(1, 7), Fold(9, 10)]


@pytest.mark.parametrize("seed", range(40))
def test_folds_move_with_their_rows(seed: int) -> None:
    """Whatever changes, folds stay in order, and one that nobody touched hides the same lines."""
    dice = random.Random(seed)
    buffer = TextBuffer.genesis("".join(f"row {n}\n" for n in range(40)), site=1)
    lines, folds = Lines(buffer.text), Folds()
    for head in (3, 12, 20, 33):
        folds.close(head, head + dice.randint(1, 5))
    hidden = {tuple(buffer.text.split("\n")[fold.head : fold.last + 1]) for fold in folds.all}
    for _ in range(30):
        start = dice.randint(0, len(buffer))
        end = min(len(buffer), start + dice.choice((0, 0, 3, 20)))
        patch = buffer.replace(start, end, dice.choice(["x", "\n", "y\nz\n", ""]))
        changes = [lines.splice(*splice) for splice in patch.splices]
        folds.follow(changes)
        folds.check()
        text = buffer.text.split("\n")
        assert all(fold.last < len(text) for fold in folds.all), seed
        for rows in hidden:
            if any(tuple(text[at : at + len(rows)]) == rows for at in range(len(text))):
                now = {tuple(text[fold.head : fold.last + 1]) for fold in folds.all}
                assert any(set(rows) <= set(found) for found in now) or not now >= hidden


async def test_a_fold_hides_says_so_and_is_moved_over() -> None:
    async with terminal(Desk(CODE), (60, 15)) as (app, _, screen):
        editor = app.editor
        editor.highlighting._grammar = ""
        editor.run("toggle_fold")
        settle(app)
        rows = [row.strip() for row in screen.rows()]
        assert rows[0].endswith("def one(): ⋯ 4 lines") or "⋯ 4 lines" in rows[0]
        assert "6" in rows[1] and "def two" in rows[2]
        editor.run("down")
        assert editor.text_layout.lines.row(editor.cursor.caret) == 5
        editor.run("left")
        assert editor.cursor.caret == len("def one():")
        editor.run("right")
        assert editor.text_layout.lines.row(editor.cursor.caret) == 5
        editor.run("up")
        editor.run("toggle_fold")
        assert not editor.view.folds.all and "    a" in screen.rows()[1]


async def test_with_the_caret_inside_it_goes_to_the_head() -> None:
    async with terminal(Desk(CODE), (60, 15)) as (app, _, _):
        editor = app.editor
        editor.highlighting._grammar = ""
        editor.go(CODE.index("c\n"))
        editor.run("fold_all")
        assert editor.cursor.caret == len("def one():")
        assert editor.view.folds.all == [Fold(0, 4), Fold(6, 7)]
        editor.run("unfold_all")
        assert editor.view.folds.all == []


async def test_what_is_found_or_gone_to_is_unfolded() -> None:
    async with terminal(Desk(CODE), (60, 15)) as (app, pilot, _):
        editor = app.editor
        editor.highlighting._grammar = ""
        editor.run("fold_all")
        await pilot.press("ctrl+f", "d", "enter", "escape")
        await until(pilot, lambda: editor.view.screen_place(editor.cursor.caret) is not None)
        row = editor.text_layout.lines.row(editor.cursor.caret)
        assert not editor.view.folds.is_hidden(row)
        editor.go(CODE.index("c\n"))
        assert editor.view.screen_place(editor.cursor.caret) is not None


async def test_others_may_write_in_what_i_have_folded() -> None:
    """My view stays; the fold says that something in it has changed."""
    async with Story((60, 12)) as story:
        await story.begin(ann="|" + CODE, bob="|" + CODE)
        ann = story.editor("ann")
        ann.highlighting._grammar = ""
        ann.run("fold_all")
        story.desks["bob"].replace(CODE.index("c\n"), CODE.index("c\n"), "new\n        ")
        await story.pilots["ann"].pause()
        assert ann.view.folds.all == [Fold(0, 5), Fold(7, 8)]
        ann.update()
        assert "5 lines changed" in ann.render_line(0).text
        assert ann.cursor.caret == 0


async def test_the_caret_is_never_folded_away() -> None:
    """Selecting everything puts it at the end, which somebody may have folded."""
    async with terminal(Desk(CODE[: -len("end\n")].rstrip()), (60, 15)) as (app, _, _):
        editor = app.editor
        editor.highlighting._grammar = ""
        editor.run("fold_all")
        assert len(editor.view.folds.all) == 2
        editor.run("select_all")
        assert editor.view.folds.all == [Fold(0, 4)]


async def test_a_line_that_others_join_to_folded_ones_takes_me_along_in_sight() -> None:
    """At once and not only with the next frame, for my next key goes out from there."""
    ann, bob = Desk(CODE, "ann", 1), Desk(CODE, "bob", 2)
    ann.join(bob)
    async with terminal(ann, (60, 15)) as (app, _, _):
        editor = app.editor
        editor.highlighting._grammar = ""
        editor.run("toggle_fold")
        assert editor.view.folds.all == [Fold(0, 4)]
        editor.go(CODE.index("\ndef two"))
        bob.replace(CODE.index("c\n") + 1, CODE.index("\ndef two") + 4, "")
        row = editor.text_layout.lines.row(editor.cursor.caret)
        assert row == 4 and not editor.view.folds.is_hidden(row)
