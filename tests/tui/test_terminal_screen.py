"""What the terminal shows is what the document says, after every key (F38)."""

from __future__ import annotations

import random
import re
from unicodedata import combining, normalize

import pytest
from wcwidth import iter_graphemes, wcswidth

from jpterm_like.tui import keymap
from jpterm_like.tui.app import EditorApp
from jpterm_like.tui.editor import text_commands
from jpterm_like.tui.text.query import Query
from tests.tui.desk import Desk
from tests.tui.terminal import Terminal, settle, terminal


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        one, count = metafunc.config.getoption("--seed"), metafunc.config.getoption("--streams")
        metafunc.parametrize("seed", range(count) if one is None else [one])


BLANKS = {True: ("·", "»"), False: (" ", " ")}
ELSEWHERE = {"language", "outline", "find", "replace", "go_to_line", "filter_lines", "play_macro_times",
             "show_hunk", "revert_hunk", "list_hunks", "open_link", "complete"}  # fmt: skip
"""What opens something else that has the keyboard then, or a list over the text; all that the app does is left out, too."""
DOES = sorted(
    command.id for command in keymap.COMMANDS if command.id not in ELSEWHERE and command.id in text_commands()
)
LETTERS = ["a", "b", " ", "中", "é", "e\u0301", "👍", "\t", "\n", "-"]


def drawn(text: str, tab_width: int = 4, signs: bool = False) -> list[str]:
    """A line as the terminal has it, cell by cell, by the plainest means; "" is the second half of a wide one."""
    cells: list[str] = []
    for cluster in iter_graphemes(text):
        if cluster == "\t":
            cells += [BLANKS[signs][1]] + [" "] * (tab_width - 1 - len(cells) % tab_width)
        elif cluster == " ":
            cells.append(BLANKS[signs][0])
        elif cluster < " ":
            cells.append(chr(0x2400 + ord(cluster)))
        elif combining(cluster[0]):  # a mark with nothing to stand on
            cells.append("◌" + cluster)
        else:
            cells += [cluster] + [""] * (wcswidth(cluster) - 1)
    return cells


def window(cells: list[str], left: int, width: int) -> str:
    """The part of a row that is in sight; wide characters that the edges cut are blanks."""
    shown = cells[left : left + width]
    if shown and shown[0] == "":
        shown[0] = " "
    if cells[left + width : left + width + 1] == [""]:
        shown[-1] = " "
    return normalize("NFC", "".join(shown)).rstrip()


def assert_text_is_document(app: EditorApp, terminal: Terminal, seed: object) -> None:
    editor = app.editor
    view, lines = editor.view, editor.session.buffer.text.split("\n")
    gutter = editor.text_x
    rows = view.rows()
    frame = editor.renderer._frame
    numbers = frame.aside + frame.beside
    for y in range(editor.size.height):
        cells = [terminal.screen.buffer[y][x].data for x in range(editor.size.width)]
        author = "".join(cells[frame.aside : numbers]).strip()
        is_written = y < len(rows) and (rows[y][0] + 1 < len(lines) or lines[-1] != "")
        assert bool(author) == (frame.beside > 0 and is_written), (seed, y)
        number, found = (
            "".join(cells[numbers:gutter]).strip(" ▎■▌▂▔"),
            normalize("NFC", "".join(cells[gutter:-1])).rstrip(),
        )
        if y >= len(rows):
            assert (number, found) == ("", ""), (seed, y)
            continue
        row, section = rows[y]
        start, end = view.section_span(row, section)
        signs = editor.renderer.display_options.whitespace
        indent = view.sections(row).hanging_indent if section else 0
        line = [" "] * indent + drawn(lines[row][:end], signs=signs)[len(drawn(lines[row][:start])) :]
        wanted = window(line, view.left, view.width)
        if (
            view.folds.at(row) is not None and "⋯" in found
        ):  # how much is folded stands behind, or over the end
            assert wanted.startswith(found.partition(" ⋯")[0].rstrip()), (seed, y, row, section)
        elif lines != [""]:  # an empty text says which keys to begin with
            assert found == wanted, (seed, y, row, section)
        has_number = frame.gutter > 1 and section == 0
        assert number == (str(row + 1) if has_number else ""), (seed, y)


def assert_cursor_is_at_caret(app: EditorApp, terminal: Terminal, seed: object) -> None:
    editor, cursor = app.editor, terminal.screen.cursor
    place = editor.view.screen_place(editor.cursor.caret)
    assert cursor.hidden == (place is None), seed
    if place is not None:
        assert (cursor.x, cursor.y) == (place[0] + editor.text_x, place[1]), seed


@pytest.mark.amount
@pytest.mark.parametrize("way", ["direct", "cells", "plain"])
async def test_f38_screen_is_document_after_every_key(
    seed: int, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Random keys over all bindings, a paste here and there, somebody else writing in between; painted both ways."""
    monkeypatch.setenv("JPTERM_LIKE_PAINTER", way)
    monkeypatch.setenv("TERM", "xterm-256color")
    dice = random.Random(seed)
    text = "".join(
        dice.choice(["word ", "中文", "\n", "\t", "é", "x" * 9, "\x1b", "\n\n"]) for _ in range(120)
    )
    ann, bob = Desk(text, "ann", 1), Desk(text, "bob", 2)
    ann.join(bob)
    size = dice.choice([(60, 15), (24, 8), (90, 30)])
    async with terminal(ann, size, soft_wrap=bool(seed % 2)) as (app, _, screen):
        editor = app.editor
        editor.search.sought = Query(dice.choice(["o", "x+", "中|^"]), regex=True)
        for step in range(300):
            roll = dice.random()
            if roll < 0.55:
                editor.run(dice.choice(DOES))
            elif roll < 0.85:
                editor.type(dice.choice(LETTERS))
            elif roll < 0.9:
                editor.paste("one\r\ntwo\rthree\n" * dice.choice((1, 20)))
            else:
                start = dice.randint(0, len(bob.buffer))
                end = min(len(bob.buffer), start + dice.choice((0, 0, 4, 40)))
                bob.replace(start, end, dice.choice(["", "bob ", "\n\n"]))
                if dice.random() < 0.5:
                    continue  # it is on the screen a moment later; my next key comes before
                settle(app)
            if editor.messages.dismiss():
                editor.update()
            # A command that changes nothing paints nothing, and bob's edit before it waits for its frame.
            if way == "plain" or editor._frame or editor.unpainted or app.status_bar.unpainted:
                settle(app)
            assert_text_is_document(app, screen, (seed, step))
            if way != "plain":
                assert_cursor_is_at_caret(app, screen, (seed, step))
            assert ann.buffer.text == bob.buffer.text
            assert editor.text_layout.snap(editor.cursor.caret) == editor.cursor.caret, (seed, step)


async def test_f37_two_type_fast_and_paste_ten_thousand_lines() -> None:
    """Both type at once, emoji included, one pastes 10,000 lines: equal texts, carets on their characters."""
    ann, bob = Desk("start\nend", "ann", 1), Desk("start\nend", "bob", 2)
    ann.join(bob)
    async with terminal(ann) as (app, _, screen), terminal(bob) as (other, _, _):
        app.editor.go(5)
        other.editor.go(9)
        for index in range(300):
            app.editor.type("👍é中a"[index % 4])
            other.editor.type("xyz👩"[index % 4])
        other.editor.paste("a line 中\n" * 10_000)
        app.editor.type("!")
        assert ann.buffer.text == bob.buffer.text
        settle(app)
        assert ann.buffer.text[: app.editor.cursor.caret].startswith("start")
        assert ann.buffer.text[app.editor.cursor.caret - 1] == "!"
        assert ann.buffer.text.count("a line 中") == 10_000
        assert_text_is_document(app, screen, "after the paste")
        assert other.editor.cursor.caret == len(bob.buffer)


async def test_f21_nothing_in_text_or_names_reaches_the_terminal_as_a_command() -> None:
    """Escape sequences in the text, in a name and in the title are shown, not sent."""
    evil = "\x1b]52;c;aGk=\x07\x9b31m\x1b[2J\u202e\x1bP\ud800\r"
    ann, bob = Desk(f"one {evil}\ntwo", "ann", 1), Desk(f"one {evil}\ntwo", evil, 2)
    ann.title = evil
    ann.join(bob)
    async with terminal(ann, (100, 12)) as (app, pilot, screen):
        bob.show_caret(2, None)
        await pilot.pause()
        settle(app)
        assert "\x1b]52" not in screen.written
        assert "\x1b[2J" not in screen.written and "\x1bP" not in screen.written
        ours = re.sub("\x1b\\]2;[^\x07\x1b]*\x07", "", screen.written)  # the title of the terminal
        ours = ours.replace("\x1b]22;default\x07", "")  # Textual's wish for a mouse pointer
        assert not set("\x9b\u202e\r\x07") & set(ours)
        assert "␛]52;c;aGk=␇‹U+009B›31m" in screen.rows()[0]
        assert "‹U+202E›" in screen.rows()[0]


async def test_f22_two_sizes_of_one_text() -> None:
    """A small and a large terminal each wrap for themselves."""
    text = "word " * 100
    ann, bob = Desk(text, "ann", 1), Desk(text, "bob", 2)
    ann.join(bob)
    async with (
        terminal(ann, (40, 10), soft_wrap=True) as (app, _, small),
        terminal(bob, (220, 60), soft_wrap=True) as (other, _, large),
    ):
        app.editor.type("new ")
        other.editor.collaborators.meet(
            (), 0.0
        )  # names may cover text for a moment, which is not the question here
        other.editor.update()
        settle(app)
        settle(other)
        assert_text_is_document(app, small, "small")
        assert_text_is_document(other, large, "large")
        assert len(app.editor.view.rows()) > len(other.editor.view.rows())


async def test_the_caret_is_where_input_methods_look() -> None:
    """The terminal's own cursor stands at the caret, and hides when the caret is out of sight."""
    desk = Desk("中a\n" * 100)
    async with terminal(desk) as (app, _, screen):
        app.editor.run("right")
        assert (screen.screen.cursor.x, screen.screen.cursor.y, screen.screen.cursor.hidden) == (7, 0, False)
        for _ in range(3):
            app.editor.run("scroll_down")
        assert screen.screen.cursor.hidden


async def test_a_typed_key_writes_two_rows_at_most_and_idle_writes_nothing() -> None:
    """The row of the caret and the bottom line; after that there is no timer that paints."""
    desk = Desk("some text here\n" * 50)
    async with terminal(desk, (120, 40)) as (app, pilot, screen):
        app.editor.type("a")
        await pilot.pause()
        screen.written = ""
        app.editor.type("b")
        rows = {
            part.split(";")[0]
            for part in screen.written.split("\x1b[")
            if part.split("H")[0].count(";") == 1 and "H" in part
        }
        assert rows <= {"1", "40"}
        await pilot.pause()
        screen.written = ""
        await pilot.pause(0.2)
        assert screen.written == ""
        assert app.editor._tick is None


async def test_f08_where_terminals_disagree_nothing_moves() -> None:
    """pyte, like older terminals, knows neither skin tones nor families: what stands behind them stays in place."""
    desk = Desk("👍🏽|👨‍👩‍👧‍👦|🇩🇪|❤️|end")
    async with terminal(desk) as (app, _, screen):
        cells = app.editor.text_layout.cells(0)
        assert [cells.x(column) for column, sign in enumerate(cells.text) if sign == "|"] == [2, 5, 8, 11]
        row = [screen.screen.buffer[0][x].data for x in range(app.editor.text_x, 60)]
        assert [x for x, sign in enumerate(row) if sign == "|"] == [2, 5, 8, 11]
        assert "".join(row[12:15]) == "end"
        app.editor.run("line_end")
        assert screen.screen.cursor.x == app.editor.text_x + 15


async def test_narrower_numbers_move_the_text_of_readable_rows_too() -> None:
    """Such rows keep their width when the numbers lose a digit; clicks went one cell beside the text."""
    async with terminal(Desk("\n" * 2000), (100, 10)) as (app, _, screen):
        app.editor.run("toggle_readable")
        app.editor.run("select_all")
        app.editor.type("x")
        assert screen.screen.buffer[0][app.editor.text_x].data == "x"
