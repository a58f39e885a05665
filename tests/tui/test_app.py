"""The program around the text: saving, leaving, dialogs, small screens, signals."""

from __future__ import annotations

import asyncio
import base64
import errno
import io
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from crdt import Patch, Splice, TextBuffer
from jpterm_like.client.events import Notice, Reset, Status, StatusChanged
from jpterm_like.errors import JptermError
from jpterm_like.tui import keymap
from jpterm_like.tui.app import EditorApp
from jpterm_like.tui.editor import Editor, text_commands
from jpterm_like.tui.fuzzy import has_all_words
from jpterm_like.tui.render.screen import TerminalWriter
from jpterm_like.tui.render.themes import DEFAULT, folders
from jpterm_like.tui.text_commands import COMMAND_OWNERS, functions_of
from jpterm_like.tui.widgets.dialogs import Picker
from jpterm_like.tui.widgets.help import Help, help_text
from jpterm_like.tui.workspace import Opening, describe_unsaved
from tests.tui.desk import Desk, Plain
from tests.tui.terminal import Terminal, settle, terminal, until


def bottom(app: EditorApp) -> str:
    return app.status_bar.render_line(0).text


def said(app: EditorApp) -> str:
    return app.editor.messages.text


async def test_save_says_so() -> None:
    desk = Desk("text")
    async with terminal(desk) as (app, pilot, _):
        await pilot.press("x", "ctrl+s")
        await app.workers.wait_for_complete()
        assert desk.saves == ["xtext"]
        assert "Saved notes.md." in said(app)


async def test_the_connection_is_paused_and_resumed_by_a_key() -> None:
    desk = Desk("text")
    async with terminal(desk, (100, 20)) as (app, pilot, _):
        await pilot.press("alt+shift+g")
        assert "Paused" in said(app) and "f12" in said(app)
        desk.unsent = 31
        assert "sent when the file is opened next" in str(describe_unsaved(desk))
        app.editor.update(now=False)
        assert "paused: 31 of mine wait" in bottom(app)
        await pilot.press("f12")
        assert "● connected" in bottom(app)
        await pilot.press("alt+shift+g", "alt+shift+g")
        assert "● connected" in bottom(app)


async def test_a_save_that_fails_says_why_until_it_is_dismissed() -> None:
    desk = Desk("text")
    desk.refusal = JptermError("The disk is full, so notes.md was not saved.")
    async with terminal(desk, (100, 20)) as (app, pilot, _):
        await pilot.press("ctrl+s")
        await app.workers.wait_for_complete()
        assert "The disk is full" in said(app)
        await pilot.press("escape")
        assert "connected" in bottom(app)


async def test_quitting_with_nothing_open_asks_nothing() -> None:
    desk = Desk("text")
    async with terminal(desk) as (app, pilot, screen):
        await pilot.press("ctrl+q")
        screen.written = ""
        await app.workers.wait_for_complete()
    assert desk.closed and app.return_value == 0
    assert "\x1b[?25l" not in screen.written, "Textual has shown the cursor again: it stays"


@pytest.mark.parametrize("answers_soon", [True, False])
async def test_quitting_waits_for_what_is_on_its_way(answers_soon: bool) -> None:
    """The last key's way to the server's disk takes some milliseconds: no reason for a question."""
    desk = Desk("text")
    desk.unsent, desk.answers_soon = 1, answers_soon
    async with terminal(desk) as (app, pilot, _):
        await pilot.press("ctrl+q")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert desk.closed == answers_soon
        assert isinstance(app.screen, Picker) == (not answers_soon)


def test_what_the_question_says() -> None:
    """What is where: nothing is lost, but the others or the file may lack something (F39)."""
    desk = Desk("text")
    assert describe_unsaved(desk) is None
    desk.saved = False
    question = describe_unsaved(desk)
    assert (
        question is not None
        and "notes.md has unsaved changes" in question
        and "is kept on this machine" in question
    )
    desk.unsent = 12
    assert "12 changes of yours" in str(describe_unsaved(desk))
    desk.address, desk.unsent = "ws://host/notes.md", 0
    assert describe_unsaved(desk) is None, "that server writes its file by itself"
    desk.unsent = 1
    assert "1 change of yours" in str(describe_unsaved(desk))
    desk.role = "view"
    assert describe_unsaved(desk) is None


@pytest.mark.parametrize(
    ("answer", "closed", "saves", "left"),
    [
        (["enter"], True, 1, "xtext"),
        (["down", "enter"], True, 0, "xtext"),
        (["down", "down", "enter"], True, 0, "text"),
        (["down", "down", "down", "enter"], False, 0, "xtext"),
        (["escape"], False, 0, "xtext"),
    ],
)
async def test_quitting_with_unsaved_work_asks(
    answer: list[str], closed: bool, saves: int, left: str
) -> None:
    desk = Desk("text")
    async with terminal(desk) as (app, pilot, _):
        await pilot.press("x", "ctrl+q")
        assert isinstance(app.screen, Picker)
        await pilot.press(*answer)
        await app.workers.wait_for_complete()
        assert desk.closed == closed
        assert len(desk.saves) == saves
    assert desk.buffer.text == left


async def test_on_the_smallest_screen_the_choices_are_seen() -> None:
    async with terminal(Desk("text"), (20, 5)) as (_, pilot, screen):
        await pilot.press("x", "ctrl+q")
        await until(
            pilot, lambda: all(words in "".join(screen.rows()) for words in ("Quit with", "Save and quit"))
        )


async def test_save_and_quit_stays_when_the_save_fails() -> None:
    desk = Desk("text")
    desk.refusal = JptermError("No.")
    async with terminal(desk) as (app, pilot, _):
        await pilot.press("x", "ctrl+q", "enter")
        await app.workers.wait_for_complete()
        assert not desk.closed and "No." in said(app)


async def test_joining_shows_so_and_takes_no_typing() -> None:
    desk = Desk("")
    desk.ready, desk.status = False, Status("opening")
    async with terminal(desk) as (_, pilot, screen):
        assert "joining …" in "".join(screen.rows()[:14])
        await pilot.press("x")
        assert desk.buffer.text == ""
        desk.ready = True
        desk.tell(StatusChanged())
        await pilot.press("x")
        assert desk.buffer.text == "x"


async def test_who_may_only_read_is_told() -> None:
    desk = Desk("text")
    desk.role = "view"
    async with terminal(desk, (100, 20)) as (app, pilot, _):
        for key in ("x", "enter", "backspace", "delete", "ctrl+x", "ctrl+z", "ctrl+y"):
            await pilot.press(key)
        assert desk.buffer.text == "text"
        assert "read" in said(app)


async def test_notices_reach_the_bottom_line() -> None:
    desk = Desk("text")
    async with terminal(desk, (100, 20)) as (app, _, _):
        desk.tell(Notice("Something\x1b[2J happened.", serious=True))
        assert "Something␛[2J happened." in said(app)


async def test_another_history_keeps_the_place() -> None:
    """The session goes over to another buffer: caret, selection and view are made anew from the patch (F1)."""
    desk = Desk("one\ntwo\nthree")
    async with terminal(desk) as (app, pilot, screen):
        app.editor.go(5)
        desk.buffer = TextBuffer.genesis("zero\none\ntwo\nthree")
        desk.tell(Reset(Patch((Splice(0, 0, "zero\n"),))))
        assert app.editor.cursor.caret == 10
        await pilot.press("X")
        assert desk.buffer.text == "zero\none\ntXwo\nthree"
        settle(app)
        assert "tXwo" in "".join(screen.rows())


async def test_copy_goes_to_the_terminal_and_a_long_one_stays_here() -> None:
    """OSC 52, with half characters replaced; terminals drop what is too long, so that is said instead."""
    desk = Desk("grüße 👍 \ud800")
    async with terminal(desk, (100, 20)) as (app, pilot, screen):
        await pilot.press("ctrl+a", "ctrl+c")
        data = screen.written.rpartition("\x1b]52;c;")[2].partition("\x07")[0]
        assert base64.b64decode(data).decode() == "grüße 👍 ?"
        app.editor.paste("y" * 100_000)
        await pilot.press("ctrl+a")
        screen.written = ""
        await pilot.press("ctrl+c")
        assert "\x1b]52" not in screen.written and "too long" in said(app)


@pytest.mark.parametrize("size", [(20, 5), (21, 6), (1, 1), (5, 2), (300, 100)])
@pytest.mark.parametrize("wraps", [False, True])
async def test_no_size_is_too_small(size: tuple[int, int], wraps: bool) -> None:
    """20x5 is usable, and even one cell is no crash; dialogs included."""
    ann, bob = (
        Desk("some words here\n中文\tx\n" * 9, "ann", 1),
        Desk("some words here\n中文\tx\n" * 9, "bob", 2),
    )
    ann.join(bob)
    async with terminal(ann, size, soft_wrap=wraps) as (app, pilot, _):
        bob.show_caret(20, 3)
        await pilot.press(
            "a", "down", "end", "enter", "pagedown", "shift+up", "b", "f4", "x", "ctrl+end", "y"
        )
        for dialog in ("f1", "f2", "ctrl+p"):
            await pilot.press(dialog, "escape")
        app.editor.say("A message that is much longer than this screen is wide.", serious=True)
        await pilot.press("escape", "z")
        assert "z" in ann.buffer.text


async def test_a_resize_keeps_the_top_line_and_the_caret_in_sight() -> None:
    desk = Desk("".join(f"line {index} {'word ' * 30}\n" for index in range(100)))
    async with terminal(desk, (80, 20), soft_wrap=True) as (app, pilot, _):
        for _ in range(3):
            await pilot.press("pagedown")
        top = app.editor.view.top[0]
        await pilot.resize_terminal(50, 20)
        await pilot.pause()
        assert app.editor.view.screen_place(app.editor.cursor.caret) is not None
        assert abs(app.editor.view.top[0] - top) <= 8


async def test_unsent_is_said_when_it_is_news(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in the moment in which each key is on its way; but when it takes long, and at once when offline."""
    desk = Desk("a")
    async with terminal(desk, (100, 20)) as (app, _, _):
        desk.unsent = 1
        desk.tell(StatusChanged())
        assert "unsent" not in bottom(app)
        monkeypatch.setattr("jpterm_like.tui.editor.UNSENT_QUIET_S", 0.0)
        app.editor.update()
        assert "1 unsent" in bottom(app)
        monkeypatch.undo()
        desk.unsent, desk.status = 12, Status("offline")
        desk.tell(StatusChanged())
        settle(app)
        assert "12 unsent" in bottom(app)


async def test_it_can_begin_at_a_line() -> None:
    desk = Desk("".join(f"line {index}\n" for index in range(1, 200)))
    app = EditorApp([Opening(desk, (120, 3))], Plain())
    async with app.run_test(size=(60, 15)) as pilot:
        await pilot.pause()
        assert "line 120, column 3" in bottom(app)
        assert app.editor.view.screen_place(app.editor.cursor.caret) is not None


async def test_a_text_that_is_on_its_way_is_seen_as_it_comes() -> None:
    """What came between the making of the editor and its first screen was missing in its lines, and nothing came after it."""
    ann, bob = Desk("one\n", "ann", 1), Desk("one\n", "bob", 2)
    ann.join(bob)
    ann.ready, ann.status = False, Status("connected", share=0.3)
    app = EditorApp([Opening(ann)], Plain())
    bob.replace(4, 4, "two\n")
    app.driver_class = Terminal
    async with app.run_test(headless=False, size=(60, 15)) as pilot:
        await pilot.pause()
        bob.replace(8, 8, "three\n")
        settle(app)
        screen = app._driver
        assert isinstance(screen, Terminal)
        assert [row.rstrip(" ▐") for row in screen.rows()[:3]] == ["   1 one", "   2 two", "   3 three"]
        assert "receiving 30 %" in bottom(app) and "joining" in bottom(app)
        await pilot.press("x")
        assert ann.buffer.text == "one\ntwo\nthree\n", "nothing is written into what is not all there"
        assert app.editor.unseen_changes.between(0, 9) == [], "what was there before is no change"
        ann.ready, ann.status = True, Status("connected")
        ann.tell(StatusChanged())
        await pilot.press("x")
        bob.replace(len(bob.buffer), len(bob.buffer), "four")
        assert ann.buffer.text == "xone\ntwo\nthree\nfour"
        assert app.editor.unseen_changes.between(0, 9) == [3]


async def press_and_look(pilot: Pilot[int], key: str) -> Any:
    await pilot.press(key)
    return pilot.app.screen


async def test_palette_finds_and_does() -> None:
    desk = Desk("a")
    async with terminal(desk) as (app, pilot, _):
        assert isinstance(await press_and_look(pilot, "ctrl+p"), Picker)
        await pilot.press(*"wrap", "enter")
        await pilot.pause()
        assert app.editor.view.wraps is True


async def test_help_opens_and_closes() -> None:
    desk = Desk("a")
    async with terminal(desk) as (_, pilot, _):
        assert isinstance(await press_and_look(pilot, "f1"), Help)
        await pilot.press("escape", "x")
        assert desk.buffer.text == "xa"


def test_help_and_palette_know_every_command() -> None:
    """One table: every command can be done, every key asks for one command only, the help has every title."""
    text = help_text(keymap.Keymap()).plain
    every = [key for command in keymap.COMMANDS for key in command.keys]
    assert len(every) == len(set(every))
    for command in keymap.COMMANDS:
        assert (command.id in text_commands()) != hasattr(EditorApp, f"do_{command.id}"), command.id
        assert command.title in text or command.id.startswith("select_"), command.id
    assert has_all_words("file SAVE", "Save and close the file")


def test_every_function_of_a_command_has_a_row_and_there_is_one_for_each() -> None:
    written = [
        id for place in (*(place for place, _ in COMMAND_OWNERS), Editor) for id in functions_of(place)
    ]
    assert sorted(written) == sorted(text_commands()), "two functions for one command"
    assert set(written) <= set(keymap.BY_ID)


async def test_a_theme_is_tried_while_choosing_and_taken_or_left() -> None:
    desk = Desk("a")
    async with terminal(desk) as (app, pilot, _):
        before = app.editor.palette.theme.id
        assert before == DEFAULT
        await pilot.press("f2", "down")
        await pilot.pause()
        assert app.editor.palette.theme.id != before
        await pilot.press("escape")
        await pilot.pause()
        assert app.editor.palette.theme.id == before
        await pilot.press("f2", "down", "enter")
        await pilot.pause()
        assert app.editor.palette.theme.id != before


@pytest.mark.parametrize("theme", ["terminal", "light", "contrast-dark", "nonsense"])
async def test_every_kind_of_theme_starts(theme: str) -> None:
    async with terminal(Desk("a"), (100, 20), theme=theme) as (app, pilot, _):
        await pilot.press("f2", "down", "escape", "x")
        if theme == "nonsense":
            assert app.editor.palette.theme.id == DEFAULT


async def test_users_themes_are_found_and_broken_ones_told(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("nonsense")
    app = EditorApp([Opening(Desk("a"))], Plain(), theme_folders=[tmp_path])
    async with app.run_test(size=(120, 20)) as pilot:
        await pilot.pause()
        assert "mine.toml" in said(app)


async def test_a_theme_of_mine_is_there_when_it_is_saved(tmp_path: Path) -> None:
    """Colours change as its file is saved; a broken one is told and changes nothing; without its file it stays."""
    file = tmp_path / "mine.toml"
    source = (folders()[0] / "dark.toml").read_text()
    file.write_text(source)
    app = EditorApp([Opening(Desk("a"))], Plain(theme="mine"), theme_folders=[tmp_path])

    def text_colour() -> str:
        return app.editor.palette.theme.interface.text

    async with app.run_test(size=(120, 20)) as pilot:
        before = text_colour()
        file.write_text(source.replace(before, "#ffffff"))
        app._reload_themes()
        await pilot.pause()
        assert text_colour() == "#ffffff" and app.current_theme.foreground is not None
        file.write_text("nonsense, and longer")
        app._reload_themes()
        assert text_colour() == "#ffffff" and "mine.toml" in said(app)
        file.unlink()
        app._reload_themes()
        assert text_colour() == "#ffffff" and "mine" in app._themes


async def test_no_color_means_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR: not one colour is sent, and a selection is still to be seen."""
    monkeypatch.setenv("NO_COLOR", "1")
    ann, bob = Desk("some words", "ann", 1), Desk("some words", "bob", 2)
    ann.join(bob)
    async with terminal(ann) as (app, pilot, screen):
        bob.show_caret(8, 5)
        await pilot.press("shift+right", "shift+right", "f2", "down", "escape")
        settle(app)
        cells = [screen.screen.buffer[y][x] for y in range(15) for x in range(60)]
        assert {cell.fg for cell in cells} | {cell.bg for cell in cells} == {"default"}
        row = [screen.screen.buffer[0][x] for x in range(app.editor.text_x, 30)]
        assert [cell.reverse for cell in row[:4]] == [True, True, False, False]
        assert row[5].underscore and row[8].underscore


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_signals_leave_in_order(number: signal.Signals) -> None:
    """Killed politely: the session is closed, the exit code tells, the terminal is restored by the way out."""
    desk = Desk("text")
    async with terminal(desk) as (app, pilot, _):
        os.kill(os.getpid(), number)
        await until(pilot, lambda: desk.closed)
    assert desk.closed and app.return_code == 128 + number
    assert asyncio.get_running_loop().remove_signal_handler(number) is False, "handlers are taken down again"


def test_a_terminal_that_is_gone_holds_nobody_up() -> None:
    """Every write fails, more are made than the queue holds, and the thread still ends when told to."""

    class Gone(io.BytesIO):
        def write(self, data: object) -> int:
            raise OSError(errno.EIO, "Input/output error")

    writer = TerminalWriter(io.TextIOWrapper(Gone()))
    writer.start()
    for _ in range(100):
        writer.write("x")
    writer.stop()
    assert not writer.is_alive()


async def test_keys_that_come_together_act_in_their_order_in_a_dialog() -> None:
    """Textual's own line does characters at once and a backspace later: over a slow line it took the wrong letter."""
    async with terminal(Desk("one two\n")) as (app, pilot, _):
        await pilot.press("ctrl+p")
        await pilot.pause()
        line = app.screen.query_one(Input)
        for key, character in (
            ("x", "x"),
            ("backspace", None),
            ("left", None),
            ("u", "u"),
            ("delete", None),
            ("n", "n"),
        ):
            line.post_message(events.Key(key, character))
        await pilot.pause()
        assert line.value == "un"
        await pilot.press("escape", "ctrl+f")
        await pilot.pause()
        field = app.screen.query_one("#find-field", Input)
        for key, character in (("t", "t"), ("x", "x"), ("backspace", None), ("w", "w")):
            field.post_message(events.Key(key, character))
        await pilot.pause()
        assert field.value == "tw" and app.editor.search.sought.text == "tw"


@pytest.mark.parametrize(
    ("preset", "words"),
    [
        ("default", "ctrl+o open · f1 keys · ctrl+p commands"),
        ("emacs", "ctrl+x ctrl+f open · f1 keys · alt+x commands"),
        ("vi", ":e NAME open · :help keys · ctrl+p commands"),
    ],
)
async def test_an_empty_text_names_its_first_keys_until_there_is_one(preset: str, words: str) -> None:
    """An empty new file was an empty screen."""
    desk = Desk("")
    async with terminal(desk, (60, 15), preset=preset) as (app, pilot, screen):
        assert words in screen.rows()[0] and screen.screen.cursor.y == 0
        await pilot.press("right")
        settle(app)
        assert words not in screen.rows()[0], "also by a key that writes nothing"
        app.editor.replace(0, 0, "text")
        app.editor.replace(0, 4, "")
        assert words not in screen.rows()[0]
    async with terminal(Desk("text"), (60, 15), preset=preset) as (_, _, screen):
        assert words not in screen.rows()[0]


async def test_the_words_of_an_empty_text_are_no_text() -> None:
    desk = Desk("")
    async with terminal(desk, (30, 8)) as (app, _, screen):
        assert "ctrl+o open" in screen.rows()[0] and screen.rows()[0].rstrip().endswith("…"), (
            "cut, not wrapped"
        )
        desk.replace(0, 0, "by somebody else")
        settle(app)
        assert "by somebody else" in screen.rows()[0] and "ctrl+o" not in screen.rows()[0]
